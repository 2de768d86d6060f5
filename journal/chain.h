/*
 * Chain: the pages of a journal in order, each judged once. Private to journal/.
 *
 *   chain_open -> chain_next ... -> chain_close
 *
 * Reader, verify and recovery all walk with this, so they agree on where the
 * journal ends, what is damage and which groups never happened; the rules
 * are those of format.h.
 *
 * chain_next looks at a page's hash, its place in the chain and its cells. At
 * a bad page it looks through all that lies behind, once for each end, to tell
 * a torn tail from damage. A live journal can be followed: at a clean end the
 * next call looks again.
 */
#ifndef OUTCRY_JOURNAL_CHAIN_H
#define OUTCRY_JOURNAL_CHAIN_H

#include "journal/segments.h"

/* What a page says about groups. */
struct chain_step {
    const struct page *page;
    uint64_t page_no;
    unsigned whole;     /* cells up to and with the page's last CELL_LAST */
    unsigned abandoned; /* 1: it begins a run, and a group before it is void */
    unsigned commands;  /* that open here */
};

/* Where the walk is: what the next page is judged by. */
struct chain_place {
    uint64_t page_no;         /* next to judge */
    struct hash128 prev_hash; /* of the page before */
    uint32_t epoch;
    bool joined;         /* the other fields are known */
    bool open;           /* the last group is not finished */
    uint64_t seq;        /* of the last command that is not void */
    uint64_t open_cells; /* of that group so far */
};

struct chain {
    struct segments segments;
    struct chain_place at;
    struct journal_id journal; /* of the first segment page seen */
    uint32_t segment_pages;    /* as it says; 0: none was seen */
    int shard;                 /* -1: not known yet */
    bool tail_dirty;           /* something behind the end is not zero */
    uint64_t looked_at;        /* page_no + 1 of the end behind which was looked */
    uint64_t look_pages;       /* so many behind an end are looked at; 0: all */
    struct journal_fault fault;
};

/* chain_open opens the journal in dir; shard -1: what its first page says. An
 * empty folder is an empty chain. 0 or -errno with a line in chain->fault. */
NODISCARD int chain_open(struct chain *chain, const char *dir, int shard);

/* chain_open_some opens what is there before a segment that is missing or cut
 * short: chain->fault says so. The same otherwise. */
NODISCARD int chain_open_some(struct chain *chain, const char *dir, int shard);

/* chain_next judges the next page: 1 and step is filled, 0 at the end, or
 * -EBADMSG or -EPROTO with chain->fault, or -errno when an archive cannot be
 * unpacked. */
NODISCARD int chain_next(struct chain *chain, struct chain_step *step);

/* chain_start sets out at a page in the middle. What was before is taken
 * on trust from the page itself; at or before the first page of what is there,
 * from the journal's begin. */
void chain_start(struct chain *chain, uint64_t page_no);

/* Who sets out from a place looks at so many pages behind the end, eight times what can be in
 * flight (DISK_FLIGHTS_MAX batches of 128), and at the first few of each later segment.
 * What lies further on was not written since its segment was prepared: half a gigabyte of
 * zeros that are in no cache. Who sets out from the beginning looks at all of them. */
#define CHAIN_LOOK_PAGES 4096u
#define CHAIN_LOOK_FIRST 16u

/* chain_start_at sets out where a walk may begin, if the page before that is still the
 * one that it was. 0, or -ESTALE with a line in chain->fault. */
NODISCARD int chain_start_at(struct chain *chain, const struct journal_place *place);

/* chain_assume sets the chain at page_no, on what page, which is to be judged there, says
 * itself of what came before, whatever it is. What is judged from there is as good as it
 * would be by who comes to the same place. */
void chain_assume(struct chain *chain, uint64_t page_no, const struct page *page);

/* chain_judge judges page as that at chain->at and, if it is valid, goes over it and fills step;
 * else the chain stays. What it means that a page is not valid is not asked. */
enum page_fault chain_judge(struct chain *chain, const struct page *page, struct chain_step *step);

/* What of a cell chain_plainly_valid looks at, by its kind. */
#define PLAIN_OUTCOME 1u   /* the outcome, or reserved bytes in its place, is zero */
#define PLAIN_ORDER   2u   /* type, time in force and instructions of an order */
#define PLAIN_MAKER   4u   /* reserved bytes of a TradeMaker */
#define PLAIN_KNOWN   128u /* that is all: any other kind is not judged */

extern const uint8_t chain_plain[256];

/* chain_plainly_valid tells of most orders, cancels, replaces and trades that they pass their
 * views, without a jump that depends on the kind: kinds alternate without a pattern, and that
 * jump is foreseen wrongly for two cells in three. False says nothing: ask cell_valid. */
static ALWAYS_INLINE bool
chain_plainly_valid(const union cell *cell)
{
    const struct cell_order_new *order = &cell->order_new;
    const unsigned type = order->ord_type - (unsigned)OE_ORD_TYPE_MARKET;
    const unsigned tif = order->tif - (unsigned)OE_TIME_IN_FORCE_DAY;
    const unsigned order_wrong =
        (unsigned)(type > (unsigned)(OE_ORD_TYPE_STOP_LIMIT - OE_ORD_TYPE_MARKET)) |
        (unsigned)(tif > (unsigned)(OE_TIME_IN_FORCE_FILL_OR_KILL - OE_TIME_IN_FORCE_DAY)) |
        (unsigned)((order->exec_inst & ~(unsigned)OE_EXEC_INST_ALL) != 0);
    const unsigned wrong = (order->outcome != 0 ? PLAIN_OUTCOME : 0) | order_wrong * PLAIN_ORDER |
                           (cell->words[5] >> 32 != 0 ? PLAIN_MAKER : 0);

    return (chain_plain[order->kind] & (wrong | PLAIN_KNOWN)) == PLAIN_KNOWN;
}

void chain_close(struct chain *chain);

#endif
