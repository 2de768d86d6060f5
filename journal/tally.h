/*
 * Tally: what a seal says about a segment, counted and hashed while its pages
 * pass by. Private to journal/; sealer and checker share it, so they agree.
 *
 *   chain at the first page of a segment
 *     tally_begin -> tally_next ... 1 -> TALLY_FULL: tally_statement
 *                                          |
 *                    TALLY_DURABLE: a later page says that all of it is durable
 *
 * A group that is open when a page ends may turn out never to have happened. So there
 * are two counts: `whole` up to the last CELL_LAST, `all` with what came behind it. A
 * run that makes the open group void puts the second back to the first. The Merkle
 * tree is a few digests, so that is cheap. Where the segment ends with an open
 * group the walk goes on into the next segments until that is settled.
 *
 * Who has what he wants puts the chain back to tally.end, where the next segment begins.
 */
#ifndef OUTCRY_JOURNAL_TALLY_H
#define OUTCRY_JOURNAL_TALLY_H

#include "journal/chain.h"
#include "journal/merkle.h"
#include "journal/seal.h"

/* What is known of some messages. */
struct tally_count {
    uint64_t first_seq;
    uint64_t last_seq;
    uint64_t messages_cnt;
    uint64_t cells_cnt;
    uint64_t commands_cnt;
    uint64_t first_time;
    uint64_t last_time;
    struct merkle tree;
};

enum tally_state {
    TALLY_FILLING, /* pages of the segment are to come */
    TALLY_OPEN,    /* full, but what becomes of its last group is not known */
    TALLY_FULL,    /* what it holds is settled */
    TALLY_DURABLE  /* and cannot be lost any more */
};

/* Somebody who looks on: at each message with its number and leaf; keep: what was
 * seen so far has happened; drop: what was seen since the last keep has not. */
struct tally_tap {
    void (*message)(void *ctx,
                    uint64_t index,
                    const union cell *cells,
                    unsigned cells_cnt,
                    const struct digest *leaf);
    void (*keep)(void *ctx);
    void (*drop)(void *ctx);
    void *ctx;
};

struct tally {
    enum tally_state state;
    const struct tally_tap *tap; /* NULL: nobody; the caller sets it after tally_begin */
    uint64_t segment_no;
    uint64_t pages_cnt;       /* of a segment */
    uint64_t settled_page_no; /* the page that settled it */
    struct chain_place end;   /* of the chain, behind the segment */
    struct digest opening;
    struct tally_count whole;
    struct tally_count all;
};

/* tally_pages returns how many pages a segment of this journal has. */
uint64_t tally_pages(const struct chain *chain);

/* tally_begin sets out: the chain stands at the first page of segment_no. */
void tally_begin(struct tally *tally, const struct chain *chain, uint64_t segment_no);

/* tally_next judges one more page. 1; 0 at the end of the journal; or -EBADMSG,
 * -EPROTO with chain->fault. */
NODISCARD int tally_next(struct tally *tally, struct chain *chain);

/* tally_statement writes what is known into a statement: all but who signs it, when,
 * and behind what. The tally is full. */
void tally_statement(const struct tally *tally,
                     const struct chain *chain,
                     struct seal_statement *statement);

/* tally_place is where the chain stands behind a sealed segment. */
struct chain_place tally_place(const struct seal_statement *statement);

#endif
