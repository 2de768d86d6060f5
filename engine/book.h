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

static inline px_t
book_px(const struct book *book, uint32_t tick)
{
    return (px_t)tick * book->tick_px;
}

static inline px_t
book_last_px(const struct book *book)
{
    return book_px(book, book->last_tick);
}

/* order_is_day says whether the order ends with its session's connection, or
 * with the day. */
static inline bool
order_is_day(const struct order *order)
{
    return order->tif == OE_TIME_IN_FORCE_DAY || order->tif == OE_TIME_IN_FORCE_AT_THE_OPENING ||
           order->tif == OE_TIME_IN_FORCE_AT_THE_CLOSE;
}

/* engine_disturb notes that the references of the book's pegs may be new. */
void engine_disturb(struct engine *engine, uint32_t instrument);

/* book_disturb does so if there are pegs and the order can be a reference. */
static inline void
book_disturb(struct engine *engine, const struct book *book, const struct order *order)
{
    if (UNLIKELY((book->flags & BOOK_PEGS) != 0) && !order_is_hidden(order) &&
        order->ord_type != OE_ORD_TYPE_PEGGED)
        engine_disturb(engine, order->instrument);
}

/* level_link returns the link that leads to, or back to, a neighbor: the level's
 * own end if there is none. Where in its queue an order is that is canceled, no
 * one can guess, so both are computed before one is chosen: the empty assembly
 * keeps the compiler from a branch. */
static inline uint32_t *
level_link(uint32_t neighbor, uint32_t *end, uint32_t *link)
{
    __asm__("" : "+r"(end), "+r"(link));
    return neighbor == ORDER_NONE ? end : link;
}

/* level_join puts an order at the end of the displayed or of the hidden. */
static inline void
level_join(struct order *orders, struct level *level, uint32_t slot, bool hidden)
{
    struct order *order = &orders[slot];
    uint32_t prev = level->tail;
    uint32_t next = ORDER_NONE;

    level->orders_cnt++;
    if (UNLIKELY(level->hidden_head != ORDER_NONE) && !hidden) {
        next = level->hidden_head;
        prev = orders[next].prev;
        orders[next].prev = slot;
    } else {
        if (UNLIKELY(hidden) && level->hidden_head == ORDER_NONE)
            level->hidden_head = slot;
        level->tail = slot;
    }
    order->prev = prev;
    order->next = next;
    *level_link(prev, &level->head, &orders[prev].next) = slot;
}

/* level_leave is the opposite. It says whether the level is empty now. */
static inline bool
level_leave(struct order *orders, struct level *level, uint32_t slot)
{
    const uint32_t prev = orders[slot].prev;
    const uint32_t next = orders[slot].next;

    const bool empty = --level->orders_cnt == 0;

    if (UNLIKELY(level->hidden_head == slot))
        level->hidden_head = next;
    *level_link(prev, &level->head, &orders[prev].next) = next;
    *level_link(next, &level->tail, &orders[next].prev) = prev;
    return empty;
}

/* book_join puts an order that is in no list at the back of its price, with
 * what it shows of its leaves. */
static inline void
book_join(struct engine *engine, struct book *book, uint32_t slot, qty_t shown_qty)
{
    struct order *orders = engine->orders.orders;
    struct order *order = &orders[slot];
    const qty_t reserve_qty = order->leaves_qty - shown_qty;
    const bool sell = order_is_sell(order);
    struct ladder *side = book_side(book, sell);
    const uint32_t at = ladder_obtain(&engine->pages, side, ladder_key(order->tick, sell));
    struct level *level = ladder_level(&engine->pages, at);

    order->level = at;
    order->place = PLACE_BOOK;
    level->shown_qty += shown_qty;
    if (UNLIKELY(reserve_qty != 0))
        level->reserve_qty += reserve_qty;
    level_join(orders, level, slot, order_is_hidden(order));
}

/* order_enlist makes an order live: id map and counts. hash is its clord's. */
static inline void
order_enlist(struct engine *engine, uint32_t slot, uint64_t hash)
{
    struct order *order = &engine->orders.orders[slot];
    struct session *session = session_of(&engine->sessions, order->session);

    const uint32_t at = idmap_add_hashed(&engine->ids, hash, slot);

    order->flags |= ORDER_LIVE;
    if (order_is_plain(order))
        order->id_at = at;
    session->orders_cnt++;
    session->day_orders_cnt += order_is_day(order);
}

/* book_leave takes an order out of its level, with what it shows of its leaves,
 * and nothing else. */
static inline void
book_leave(struct engine *engine, struct book *book, uint32_t slot, qty_t shown_qty)
{
    struct order *orders = engine->orders.orders;
    const struct order *order = &orders[slot];
    const uint32_t at = order->level;
    const qty_t reserve_qty = order->leaves_qty - shown_qty;
    struct ladder *side = book_side(book, order_is_sell(order));
    struct level *level = ladder_level(&engine->pages, at);

    ASSERT_SLOW(order->place == PLACE_BOOK);
    ASSERT_SLOW(level->orders_cnt > 0);
    ASSERT(level->shown_qty >= shown_qty);
    level->shown_qty -= shown_qty;
    if (UNLIKELY(reserve_qty != 0)) {
        ASSERT(level->reserve_qty >= reserve_qty);
        level->reserve_qty -= reserve_qty;
    }

    const bool empty = level_leave(orders, level, slot);

    ASSERT_SLOW(!empty || (level->shown_qty | level->reserve_qty) == 0);
    ladder_settle(&engine->pages, side, at, empty);
}

/* order_forget takes an order out of the id map. */
static inline void
order_forget(struct engine *engine, const struct order *order, uint32_t slot)
{
    if (LIKELY(order_is_plain(order)))
        idmap_remove_at(&engine->ids, order->id_at, order->session, order->clord, slot);
    else
        idmap_remove(&engine->ids, order->session, order->clord, slot);
}

/* order_rename gives a live order another clord, whose hash is at hand. */
static inline void
order_rename(struct engine *engine,
             struct order *order,
             uint32_t slot,
             uint64_t clord,
             uint64_t hash)
{
    order_forget(engine, order, slot);
    order->clord = clord;

    const uint32_t at = idmap_add_hashed(&engine->ids, hash, slot);

    if (order_is_plain(order))
        order->id_at = at;
}

/* order_delist is the opposite of order_enlist. */
static inline void
order_delist(struct engine *engine, uint32_t slot)
{
    struct order *order = &engine->orders.orders[slot];
    struct session *session = session_of(&engine->sessions, order->session);

    order_forget(engine, order, slot);
    ASSERT(session->orders_cnt > 0);
    session->orders_cnt--;
    session->day_orders_cnt -= order_is_day(order);
}

/* book_remove ends a live plain order: out of level, id map, counts and pool.
 * Its reservation is the caller's. */
static inline void
book_remove(struct engine *engine, struct book *book, uint32_t slot)
{
    const struct order *order = &engine->orders.orders[slot];

    ASSERT(order_is_plain(order));
    book_leave(engine, book, slot, order_is_hidden(order) ? 0 : order->leaves_qty);
    book_disturb(engine, book, order);
    order_delist(engine, slot);
    order_give(&engine->orders, slot);
}

/* engine_take_message takes a token for a command of a session from all whose
 * messages are counted, or says why it may not: once per command, before anything
 * else is asked. account is CELL_ANY if none is known. What the exchange itself does
 * is not counted. */
static inline enum oe_reject_reason
engine_take_message(struct engine *engine,
                    struct session *session,
                    uint16_t session_id,
                    uint32_t account,
                    bool cancels,
                    struct risk_detail *detail)
{
    if (UNLIKELY(engine->cfg.no_risk) || UNLIKELY(session_id == CELL_SESSION))
        return OE_REJECT_REASON_NONE;
    return risk_take_message(engine->risk, &session->risk, session_id, session->firm, account,
                             cancels, engine->time_ns, detail);
}

/* order_take_message does so for a command that names the order in slot, if it does. */
static inline enum oe_reject_reason
order_take_message(struct engine *engine,
                   struct session *session,
                   uint16_t session_id,
                   uint32_t slot,
                   bool cancels,
                   struct risk_detail *detail)
{
    const uint32_t account = slot != ORDER_NONE ? engine->orders.orders[slot].account : CELL_ANY;

    return engine_take_message(engine, session, session_id, account, cancels, detail);
}

/* order_hold returns what an order has reserved: at its limit, which a waiting
 * Stop has as its stop price and a peg beside where it stands. */
static inline struct risk_hold
order_hold(const struct engine *engine, const struct order *order)
{
    const uint32_t tick = UNLIKELY(order->ord_type == OE_ORD_TYPE_PEGGED)
                              ? extra_of(&engine->extras, order)->limit_tick
                              : order->tick;

    return (struct risk_hold){
        .position = order->position,
        .leaves_qty = order->leaves_qty,
        .px = book_px(&engine->books[order->instrument], tick),
        .sell = order_is_sell(order),
    };
}

/* What risk keeps of an order, if there is risk: told before the order itself
 * changes. book_on_trade returns the fee of what it is about to trade. */
static inline px_t
book_on_trade(struct engine *engine, const struct order *order, px_t px, qty_t qty, bool maker)
{
    if (UNLIKELY(engine->cfg.no_risk))
        return 0;

    const struct risk_fill fill = {
        .hold = order_hold(engine, order),
        .px = px,
        .qty = qty,
        .now_ns = engine->time_ns,
        .maker = maker,
    };

    return risk_on_trade(engine->risk, &fill);
}

static inline void
book_give_back(struct engine *engine, const struct order *order, qty_t qty)
{
    if (UNLIKELY(engine->cfg.no_risk))
        return;

    const struct risk_hold hold = order_hold(engine, order);

    risk_give_back(engine->risk, &hold, qty);
}

/* book_reprice is told that an order goes to another tick, unasked. */
static inline void
book_reprice(struct engine *engine, const struct order *order, uint32_t tick)
{
    if (UNLIKELY(engine->cfg.no_risk))
        return;

    const struct risk_hold hold = order_hold(engine, order);

    risk_reprice(engine->risk, &hold, book_px(&engine->books[order->instrument], tick));
}

/* book_is_idle says whether no order is anywhere in the book. */
static inline bool
book_is_idle(const struct book *book, const struct book_rare *rare)
{
    return book->sides[0].root == LADDER_NONE && book->sides[1].root == LADDER_NONE &&
           rare->held_head == ORDER_NONE && (book->flags & (BOOK_STOPS | BOOK_PEGS)) == 0;
}

/* engine_mid_px returns the middle of the best displayed orders that are no pegs,
 * 0 if a side has none. */
px_t engine_mid_px(const struct engine *engine, uint32_t instrument);

/* book_mid_px does so if the instrument's collar asks for it, and has no last
 * price to ask for first: it may have to pass many hidden orders. */
static inline px_t
book_mid_px(const struct engine *engine, const struct book *book)
{
    return UNLIKELY((book->flags & BOOK_MID) != 0) &&
                   (book->last_tick == 0 || (book->flags & BOOK_UNLASTED) != 0)
               ? engine_mid_px(engine, (uint32_t)(book - engine->books))
               : 0;
}

/* order_named finds the live order that a cancel or replace names, if it is the
 * session's and of that instrument, or any; ORDER_NONE if there is none. */
static inline uint32_t
order_named(const struct engine *engine, const struct cell_order_cancel *in, uint64_t orig_clord)
{
    const uint32_t slot =
        (in->shape & CELL_BY_ID) != 0
            ? order_find(&engine->orders, in->order_id)
            : idmap_find(&engine->ids, engine->orders.orders, in->session, orig_clord);

    if (UNLIKELY(slot == ORDER_NONE))
        return ORDER_NONE;

    const struct order *order = &engine->orders.orders[slot];

    if (UNLIKELY(order->session != in->session) ||
        (UNLIKELY(order->instrument != in->instrument) && in->instrument != CELL_ANY))
        return ORDER_NONE;
    return slot;
}

#endif
