/*
 * Book: what puts orders into levels and takes them out. Private to engine/.
 *
 * Inline, because match, amend and mass cancel have order, side and level in
 * registers already: of some 500 instructions that a new order took, calls and
 * what they reload were 100.
 */
#ifndef OUTCRY_ENGINE_BOOK_H
#define OUTCRY_ENGINE_BOOK_H

#include "engine/state.h"

/* book_side returns the ladder of a side. */
static inline struct ladder *
book_side(struct book *book, bool sell)
{
    return &book->sides[sell];
}

/* book_crosses says whether an order at tick would trade. */
static inline bool
book_crosses(const struct book *book, bool sell, uint32_t tick)
{
    return book->sides[!sell].best_key <= ladder_key(tick, !sell);
}

/* book_add puts the order at the back of its level and makes it live. There is
 * room, and its session does not yet use the clord, whose hash is given. */
static inline void
book_add(struct engine *engine, uint32_t slot, uint64_t hash)
{
    struct order *orders = engine->orders.orders;
    struct order *order = &orders[slot];
    const bool sell = order_is_sell(order);
    struct ladder *side = book_side(&engine->books[order->instrument], sell);
    struct session *session = session_of(&engine->sessions, order->session);
    const uint32_t at = ladder_obtain(&engine->pages, side, ladder_key(order->tick, sell));
    struct level *level = ladder_level(&engine->pages, at);

    order->level = at;
    order->next = ORDER_NONE;
    order->prev = ORDER_NONE;
    if (level->orders_cnt == 0) {
        level->head = slot;
    } else {
        order->prev = level->tail;
        orders[level->tail].next = slot;
    }
    level->tail = slot;
    level->qty += order->leaves_qty;
    level->orders_cnt++;

    order->flags |= ORDER_LIVE;
    idmap_add_hashed(&engine->ids, hash, slot);
    session->orders_cnt++;
    session->day_orders_cnt += order->tif == OE_TIME_IN_FORCE_DAY;
}

/* book_unlink takes a live order out of its level and nothing else. */
static inline void
book_unlink(struct engine *engine, uint32_t slot)
{
    struct order *orders = engine->orders.orders;
    struct order *order = &orders[slot];
    struct level *level = ladder_level(&engine->pages, order->level);

    ASSERT(order_is_live(order));
    ASSERT(level->orders_cnt > 0);
    ASSERT(level->qty >= order->leaves_qty);
    level->qty -= order->leaves_qty;
    if (--level->orders_cnt == 0) {
        ASSERT(level->qty == 0);
        ladder_remove(&engine->pages,
                      book_side(&engine->books[order->instrument], order_is_sell(order)),
                      order->level);
        return;
    }
    /* Chosen by conditional moves: where in its queue an order is that is
     * canceled, no one can guess. */
    *(order->prev == ORDER_NONE ? &level->head : &orders[order->prev].next) = order->next;
    *(order->next == ORDER_NONE ? &level->tail : &orders[order->next].prev) = order->prev;
}

/* book_remove ends a live order: out of level, id map, counts and pool. Its
 * reservation is the caller's. */
static inline void
book_remove(struct engine *engine, uint32_t slot)
{
    struct order *order = &engine->orders.orders[slot];
    struct session *session = session_of(&engine->sessions, order->session);

    book_unlink(engine, slot);
    idmap_remove(&engine->ids, order->session, order->clord, slot);
    ASSERT(session->orders_cnt > 0);
    session->orders_cnt--;
    session->day_orders_cnt -= order->tif == OE_TIME_IN_FORCE_DAY;
    order_give(&engine->orders, slot);
}

#endif
