/*
 * Orders: one cache line each, in a pool that never moves them.
 *
 * A slot is used again last in, first out, so it is warm. The id that a client
 * sees holds the slot and the slot's generation, so a cancel by order id needs
 * no search, and an id never names a second order. A slot whose 36 bits of
 * generation are used up is retired: it is never used again.
 *
 *   order_id:   shard 4 | generation 36 | slot 24
 *
 * Invariants
 *  1. A slot below used_cnt is taken, on the free list or retired.
 *  2. order_id of a slot is the last id that it was given, live or not.
 *  3. Only an order that rests in a book is ORDER_LIVE.
 *  4. Slots at or above used_cnt are zero.
 *
 * Written by the engine thread.
 */
#ifndef OUTCRY_ENGINE_ORDER_H
#define OUTCRY_ENGINE_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base.h"
#include "proto/cell.h"
#include "proto/limits.h"
#include "proto/px_qty.h"

#define ORDER_NONE UINT32_MAX

#define ORDER_SELL 1u
#define ORDER_LIVE 2u

#define ORDER_SLOT_MASK      UINT64_C(0xffffff)
#define ORDER_GENERATION_ONE (UINT64_C(1) << 24)
#define ORDER_GENERATION_MAX UINT64_C(0xfffffffff)

struct order {
    uint64_t order_id;
    uint64_t clord;
    uint32_t next; /* in its level or, of a free slot, in the free list */
    uint32_t prev;
    qty_t leaves_qty;
    qty_t cum_qty;
    uint32_t instrument;
    uint32_t account;
    uint32_t position; /* of risk */
    uint32_t level;
    uint32_t tick;
    uint16_t session;
    uint8_t flags;
    uint8_t ord_type;
    uint8_t tif;
    uint8_t exec_inst;
    uint8_t stp_capacity;
    uint8_t zero[5];
};

_Static_assert(sizeof(struct order) == CACHE_LINE, "one line");
_Static_assert(offsetof(struct order, zero) == 59, "no padding");

struct order_pool {
    struct order *orders;
    uint32_t orders_max;
    uint32_t used_cnt;  /* slots that were ever taken */
    uint32_t free_head; /* ORDER_NONE: empty */
    uint32_t taken_cnt;
    uint32_t retired_cnt;
    uint32_t zero;
};

static inline bool
order_is_sell(const struct order *order)
{
    return (order->flags & ORDER_SELL) != 0;
}

static inline bool
order_is_live(const struct order *order)
{
    return (order->flags & ORDER_LIVE) != 0;
}

static inline uint64_t
order_generation(uint64_t order_id)
{
    return order_id >> 24 & ORDER_GENERATION_MAX;
}

static inline void
order_pool_init(struct order_pool *pool, struct order *orders, uint32_t orders_max)
{
    ASSERT(orders_max >= 1);
    ASSERT(orders_max <= ORDERS_MAX);
    *pool =
        (struct order_pool){.orders = orders, .orders_max = orders_max, .free_head = ORDER_NONE};
}

/* order_pool_room says whether a slot can be taken, and if not, why. */
static inline enum oe_reject_reason
order_pool_room(const struct order_pool *pool)
{
    if (LIKELY(pool->free_head != ORDER_NONE || pool->used_cnt < pool->orders_max))
        return OE_REJECT_REASON_NONE;
    return pool->retired_cnt != 0 ? OE_REJECT_REASON_ORDER_IDS_EXHAUSTED
                                  : OE_REJECT_REASON_ORDER_POOL_FULL;
}

/* order_take takes a slot and gives it its next id. All else in it is as the
 * last order left it. */
static inline uint32_t
order_take(struct order_pool *pool, unsigned shard)
{
    uint32_t slot = pool->free_head;

    if (LIKELY(slot != ORDER_NONE)) {
        struct order *order = &pool->orders[slot];

        ASSERT(!order_is_live(order));
        pool->free_head = order->next;
        order->order_id += ORDER_GENERATION_ONE;
    } else {
        ASSERT(pool->used_cnt < pool->orders_max);
        slot = pool->used_cnt++;
        pool->orders[slot].order_id = cell_order_id(shard, 1, slot);
    }
    pool->taken_cnt++;
    return slot;
}

/* order_has_next_id says whether the slot of an id has a generation left. */
static inline bool
order_has_next_id(uint64_t order_id)
{
    return order_generation(order_id) < ORDER_GENERATION_MAX;
}

/* order_give gives a slot back, or retires it. */
static inline void
order_give(struct order_pool *pool, uint32_t slot)
{
    struct order *order = &pool->orders[slot];

    ASSERT(pool->taken_cnt > 0);
    pool->taken_cnt--;
    order->flags = 0;
    if (UNLIKELY(!order_has_next_id(order->order_id))) {
        pool->retired_cnt++;
        return;
    }
    order->next = pool->free_head;
    pool->free_head = slot;
}

/* order_find returns the slot of a live order, ORDER_NONE if the id is not
 * live. */
static inline uint32_t
order_find(const struct order_pool *pool, uint64_t order_id)
{
    const uint32_t slot = (uint32_t)(order_id & ORDER_SLOT_MASK);

    if (UNLIKELY(slot >= pool->used_cnt))
        return ORDER_NONE;

    const struct order *order = &pool->orders[slot];

    return LIKELY(order->order_id == order_id && order_is_live(order)) ? slot : ORDER_NONE;
}

#endif
