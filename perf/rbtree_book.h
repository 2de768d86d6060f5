/*
 * A plain book: what a competent programmer writes with an ordered map.
 *
 *   side: red-black tree of levels, the best one remembered
 *   level: price, sum, doubly linked list of orders in time order
 *   order ids and (session, ClOrdID): a chained hash table each
 *
 * It takes the commands that the flows of bench_core are made of (new limit
 * orders, Day, GTC and IOC; cancel and replace by either id) and writes the same
 * cells as an engine with no_risk writes, but for the order ids: it numbers
 * them from 1. That is checked, cell by cell, before anything is measured
 * (core_check in core_run.h), so both have done the same work when their times
 * are compared.
 *
 * It is no straw man: hash tables have at least as many buckets as orders, their
 * links lie in the orders; the best level is at hand without a search. But it is
 * plain: orders and levels come from the C library one by one, in the pages
 * that it takes. (With free lists of its own and huge pages it was 1.1 to 1.3
 * times as fast; what it lacks then is what the engine was designed for.)
 */
#ifndef OUTCRY_PERF_RBTREE_BOOK_H
#define OUTCRY_PERF_RBTREE_BOOK_H

#include "engine/ring.h"
#include "proto/px_qty.h"

struct rbtree_book;

struct rbtree_book_cfg {
    uint32_t orders_max;
    uint32_t instruments_max;
};

/* rbtree_book_new makes a book without instruments; rbtree_book_free frees it and
 * all that is in it, NULL is none. */
struct rbtree_book *rbtree_book_new(const struct rbtree_book_cfg *cfg);
void rbtree_book_free(struct rbtree_book *book);

/* rbtree_book_set_instrument makes an instrument; it counts as one command. */
void rbtree_book_set_instrument(struct rbtree_book *book, uint32_t instrument, px_t tick_px);

/* rbtree_book_apply applies one command and writes its group. */
void rbtree_book_apply(struct rbtree_book *book, const union cell *cells, struct cell_sink *out);

/* rbtree_book_check walks the whole book and asserts that it is in order. */
void rbtree_book_check(const struct rbtree_book *book);

/* rbtree_book_levels_cnt and rbtree_book_order_bytes: for what memory it takes. */
uint32_t rbtree_book_levels_cnt(const struct rbtree_book *book);
size_t rbtree_book_order_bytes(void);

#endif
