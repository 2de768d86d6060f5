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

/* What must be zero in a cell of a kind, so that it passes its view for certain. */
struct chain_plain {
    uint64_t word0; /* the outcome, or reserved bytes in its place */
    uint64_t word5; /* reserved bytes */
    uint64_t order; /* of type, time in force and instructions, less PLAIN_LEAST */
    uint64_t known; /* PLAIN_KNOWN; 0: of this kind nothing is said */
};

#define PLAIN_KNOWN   1u
#define PLAIN_OUTCOME UINT64_C(0xffff0000)

/* Type and time in force are the characters from 1 and from 0 on, four of each; of the
 * instructions five bits are known. What is below borrows from its neighbour and is too
 * large itself then. */
#define PLAIN_LEAST (('1' | '0' << 8) * UINT64_C(0x100000000))
#define PLAIN_ORDER UINT64_C(0x00e0fcfc00000000)

extern const struct chain_plain chain_plain[256];

/* chain_plainly_valid tells of most orders, cancels, replaces and trades that they pass their
 * views, without a jump that depends on the kind: kinds alternate without a pattern, and that
 * jump is foreseen wrongly for two cells in three. False says nothing: ask cell_valid. */
static ALWAYS_INLINE bool
chain_plainly_valid(const union cell *cell)
{
    const struct chain_plain *plain = &chain_plain[cell_kind(cell)];

    return ((cell->words[0] & plain->word0) | (cell->words[5] & plain->word5) |
            ((cell->words[6] - PLAIN_LEAST) & plain->order) | (plain->known ^ PLAIN_KNOWN)) == 0;
}

void chain_close(struct chain *chain);

#endif
