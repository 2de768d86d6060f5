/*
 * Ranges: the pages of a journal judged by several threads, so that what comes out cannot
 * be told from the walk of one. Private to journal/.
 *
 *   pages   | 0 | range 0 ...... | range 1 ...... | range 2 ...... | ...
 *                 helper           helper           the caller
 *
 * A page is judged by its own bytes and by where the walk is: hash of the page before, epoch,
 * last command, open group. Whoever begins in the middle takes that from the first page
 * itself (chain_assume) and judges from there. In order, the caller looks whether his own
 * walk has come to the very place that the next range set out from. If so its pages were
 * judged as he would have: he takes their sum and goes on behind them. If not, or if any
 * page of it is not valid, he walks through that range himself, page by page, and what he
 * meets there he tells as if nobody had helped. So results, texts and the place of the first
 * fault are those of one thread by construction, and ends and live journals are his alone.
 *
 * Ranges are claimed in order, a few ahead of the caller, who judges some himself while
 * he would wait. Each lies in one segment; helpers unpack archives for themselves.
 * Helpers touch nothing of the chain: they have copies, and the mappings, which stay.
 *
 * Cost: a few 100 ns a range and thread; for archives a buffer of a range for each thread.
 */
#ifndef OUTCRY_JOURNAL_RANGES_H
#define OUTCRY_JOURNAL_RANGES_H

#include "journal/chain.h"

/* 4 MiB: a millisecond of work, and as much that is done twice at a fault. */
#define RANGE_PAGES 1024u

/* What a range holds. */
struct range_sum {
    uint64_t to;  /* behind its last page */
    bool good;    /* all pages of it are valid, from `begin` on; else nothing below is set */
    bool settled; /* a group ends in it, or is void */
    struct chain_place begin;
    struct chain_place end;
    uint64_t pages_cnt;
    uint64_t commands_cnt;
    uint64_t abandoned_cnt;
    uint64_t cells_cnt;  /* without those of segment pages */
    uint32_t epochs_cnt; /* that begin behind the first page */
};

struct ranges;

/* ranges_open begins with the page at which chain stands, with so many threads besides the
 * caller's. NULL if there are none to be had: then everybody walks alone. */
struct ranges *ranges_open(const struct chain *chain, unsigned helpers_cnt, unsigned range_pages);

/* ranges_next waits for the next range: false behind the last. */
NODISCARD bool ranges_next(struct ranges *ranges, struct range_sum *sum);

/* ranges_join moves the chain over a range, if it stands where that begins. */
NODISCARD bool ranges_join(struct chain *chain, const struct range_sum *sum);

/* ranges_close ends the helpers, before the chain is closed. NULL is fine. */
void ranges_close(struct ranges *ranges);

#endif
