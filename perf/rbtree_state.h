/*
 * The plain book's memory. Private to rbtree_*.c.
 */
#ifndef OUTCRY_PERF_RBTREE_STATE_H
#define OUTCRY_PERF_RBTREE_STATE_H

#include "perf/rbtree.h"
#include "perf/rbtree_book.h"

struct order {
    uint64_t id;
    uint64_t clord;
    px_t px;
    struct level *level; /* NULL: not in the book */
    struct order *next;  /* in its level */
    struct order *prev;
    struct order *next_by_id;
    struct order *next_by_clord;
    qty_t leaves_qty;
    qty_t cum_qty;
    uint32_t instrument;
    uint32_t account;
    uint16_t session;
    bool sell;
    uint8_t ord_type;
    uint8_t tif;
    uint8_t exec_inst;
    uint8_t stp_capacity;
};

struct level {
    struct rbnode node; /* first, so that a node is a level */
    px_t px;
    uint64_t qty;
    struct order *head;
    struct order *tail;
};

struct side {
    struct rbtree levels;
    struct level *best;
};

struct instrument {
    px_t tick_px; /* 0: unknown */
    struct side sides[2];
};

struct rbtree_book {
    uint64_t seq;
    uint64_t time_ns;
    uint64_t last_id;
    uint32_t index; /* of the events of the command in work */
    uint32_t levels_cnt;
    uint64_t id_mask;
    struct order **by_id;
    struct order **by_clord;
    struct instrument *instruments;
    struct rbtree_book_cfg cfg;
};

#endif
