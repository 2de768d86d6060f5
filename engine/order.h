/*
 * Orders: one cache line each, in a pool that never moves them.
 *
 * A slot is used again last in, first out, so it is warm; slots that were never
 * used come to the free list in small batches, when it is empty. The id that a client
 * sees holds the slot and the slot's generation, so a cancel by order id needs
 * no search, and an id never names a second order. A slot whose 36 bits of
 * generation are used up is retired: it is never used again.
 *
 *   order_id:   shard 4 | generation 36 | slot 24
 *
 * What only few orders have (a display quantity, a stop price, an expire time, a
 * peg, a linked order) is in a record beside it, an extra, from a pool of its
 * own; extra 0 is none.
 *
 * Invariants
 *  1. A slot below used_cnt is taken, on the free list or retired.
 *  2. order_id of a slot is the last id that it was given, live or not; of
 *     generation 0 if it was given none.
 *  3. Only an order that is in the id map and in the counts of its session is
 *     ORDER_LIVE: all that were accepted and have not ended, but not a new one
 *     before it comes to rest. (A quote is never in the id map.)
 *  4. Slots at or above used_cnt are zero; so are extras, and free extras but for
 *     next_free.
 *  5. An order without ORDER_RARE has no extra, is no quote and, when it is
 *     live, rests in its book. It remembers its place in the id map instead;
 *     no outcome depends on that, and engine_hash leaves it out.
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

#define ORDER_SELL   1u
#define ORDER_LIVE   2u
#define ORDER_HIDDEN 4u
#define ORDER_TOP    8u  /* bettered its side when it came to rest */
#define ORDER_QUOTE  16u /* of a mass quote */
#define ORDER_RARE   32u /* has an extra, is a quote or is held */

#define EXTRA_NONE 0u

/* Where an order is; the names for others are in engine.h. */
enum order_place {
    PLACE_TAKER, /* in work: in no list */
    PLACE_BOOK,
    PLACE_STOP,
    PLACE_HELD,
    PLACE_PARKED,
    PLACE_QUEUE /* elected */
};

#define ORDER_SLOT_MASK      UINT64_C(0xffffff)
#define ORDER_GENERATION_ONE (UINT64_C(1) << 24)
#define ORDER_GENERATION_MAX UINT64_C(0xfffffffff)

/* From clord on it is laid out as the OrderNew that it came from. */
struct order {
    uint32_t next; /* in its level or, of a free slot, in the free list */
    uint32_t prev;
    uint32_t instrument;
    qty_t cum_qty;
    uint32_t position; /* of risk */
    union {
        uint32_t extra; /* with ORDER_RARE; else EXTRA_NONE until it is live, then: */
        uint32_t id_at; /* see idmap_add_hashed */
    };
    uint64_t clord;
    uint64_t order_id;
    uint32_t tick;  /* its price; 0: none (a parked peg, a market order) */
    uint32_t level; /* of the book or of the stops; LADDER_NONE elsewhere */
    qty_t leaves_qty;
    uint8_t ord_type;
    uint8_t tif;
    uint8_t exec_inst;
    uint8_t stp_capacity;
    uint32_t account;
    uint16_t session;
    uint8_t flags;
    uint8_t place; /* enum order_place */
};

_Static_assert(sizeof(struct order) == CACHE_LINE, "one line");
_Static_assert(offsetof(struct order, place) == 63, "no padding");
_Static_assert(offsetof(struct order, clord) == offsetof(struct cell_order_new, clord), "as there");
_Static_assert(offsetof(struct order, leaves_qty) == offsetof(struct cell_order_new, qty),
               "as there");
_Static_assert(offsetof(struct order, account) == offsetof(struct cell_order_new, account),
               "as there");

struct extra {
    uint64_t expire_ns;  /* 0: none */
    uint32_t slot;       /* whose it is */
    uint32_t partner;    /* slot of the linked order, ORDER_NONE: none */
    qty_t display_qty;   /* 0: no iceberg */
    qty_t shown_qty;     /* of an iceberg in the book */
    uint32_t stop_tick;  /* 0: no stop, or elected */
    uint32_t limit_tick; /* of a peg: its limit */
    int32_t peg_offset;  /* ticks */
    uint32_t peg_next;   /* the instrument's pegs in the order of arrival */
    uint32_t peg_prev;   /* slots; ORDER_NONE: none */
    uint32_t next_free;
    uint16_t display_range; /* lots */
    uint16_t zero;
    uint32_t barred_tick; /* of a peg that is parked as this tick is out of bounds */
    uint32_t zero2[2];
};

_Static_assert(sizeof(struct extra) == CACHE_LINE, "one line");

struct extra_pool {
    struct extra *extras; /* 1 .. extras_max */
    uint32_t extras_max;
    uint32_t used_cnt;
    uint32_t free_head; /* EXTRA_NONE: empty */
    uint32_t taken_cnt;
};

struct order_pool {
    struct order *orders;
    uint32_t orders_max;
    uint32_t used_cnt;  /* slots that were ever on the free list */
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

/* order_is_plain says whether the order is just that: an order in its book. */
static inline bool
order_is_plain(const struct order *order)
{
    return (order->flags & ORDER_RARE) == 0;
}

/* order_extra returns the number of the order's extra, EXTRA_NONE if none. */
static inline uint32_t
order_extra(const struct order *order)
{
    return order_is_plain(order) ? EXTRA_NONE : order->extra;
}

static inline bool
order_is_hidden(const struct order *order)
{
    return (order->flags & ORDER_HIDDEN) != 0;
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

/* order_pool_extend puts slots that were never taken on the free list, the
 * first on top; there are some. */
void order_pool_extend(struct order_pool *pool, unsigned shard);

/* order_take_first takes the first of the free list, which it is. */
static inline void
order_take_first(struct order_pool *pool, struct order *order)
{
    ASSERT_SLOW(!order_is_live(order));
    ASSERT_SLOW(order == &pool->orders[pool->free_head]);
    pool->free_head = order->next;
    order->order_id += ORDER_GENERATION_ONE;
    pool->taken_cnt++;
}

/* order_take takes a slot and gives it its next id. All else in it is as the
 * last order left it. */
static inline uint32_t
order_take(struct order_pool *pool, unsigned shard)
{
    if (UNLIKELY(pool->free_head == ORDER_NONE))
        order_pool_extend(pool, shard);

    const uint32_t slot = pool->free_head;

    order_take_first(pool, &pool->orders[slot]);
    return slot;
}

/* order_has_next_id says whether the slot of an id has a generation left: with
 * the shard shifted out, one generation more does not overflow. */
static inline bool
order_has_next_id(uint64_t order_id)
{
    return order_id << 4 < -(ORDER_GENERATION_ONE << 4);
}

/* order_give_at gives a slot back whose order and id are at hand, or retires
 * it. */
static inline void
order_give_at(struct order_pool *pool, struct order *order, uint64_t order_id, uint32_t slot)
{
    ASSERT_SLOW(pool->taken_cnt > 0);
    ASSERT_SLOW(order->order_id == order_id);
    pool->taken_cnt--;
    order->flags = 0;
    if (UNLIKELY(!order_has_next_id(order_id))) {
        pool->retired_cnt++;
        return;
    }
    order->next = pool->free_head;
    pool->free_head = slot;
}

/* order_give gives a slot back, or retires it. */
static inline void
order_give(struct order_pool *pool, uint32_t slot)
{
    struct order *order = &pool->orders[slot];

    order_give_at(pool, order, order->order_id, slot);
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

static inline struct extra *
extra_of(const struct extra_pool *pool, const struct order *order)
{
    ASSERT(order_extra(order) != EXTRA_NONE);
    return &pool->extras[order->extra];
}

/* order_is_iceberg says whether the order shows only a part of itself. */
static inline bool
order_is_iceberg(const struct extra_pool *pool, const struct order *order)
{
    return order_extra(order) != EXTRA_NONE && pool->extras[order->extra].display_qty != 0;
}

/* order_shown_qty returns what an order in a book shows of itself. */
static inline qty_t
order_shown_qty(const struct extra_pool *pool, const struct order *order)
{
    if (LIKELY((order->flags & (ORDER_RARE | ORDER_HIDDEN)) == 0))
        return order->leaves_qty;
    if (order_is_hidden(order))
        return 0;
    return order_is_iceberg(pool, order) ? pool->extras[order->extra].shown_qty : order->leaves_qty;
}

/* order_partner returns the slot of the linked order, ORDER_NONE if none. */
static inline uint32_t
order_partner(const struct extra_pool *pool, const struct order *order)
{
    return order_extra(order) == EXTRA_NONE ? ORDER_NONE : pool->extras[order->extra].partner;
}

static inline uint32_t
extra_free_cnt(const struct extra_pool *pool)
{
    return pool->extras_max - pool->taken_cnt;
}

/* extra_take gives the order an extra; there is one. */
struct extra *extra_take(struct extra_pool *pool, struct order *orders, uint32_t slot);

/* extra_give takes the order's extra back. */
void extra_give(struct extra_pool *pool, struct order *order);

#endif
