#include "engine/emit.h"
#include "engine/plain_parts.h"
#include "engine/work.h"

/* Trades that a plain order does without work.c. */
#define TRADES_MAX (SLICE_CELLS / 2)

/* Resting but for time in force: IOC, Day or GTC. */
#define TERMS_REST_KIND UINT32_C(0x00fffeff) /* all but the last bit of the time in force */
#define TERMS_REST      ((uint32_t)OE_ORD_TYPE_LIMIT | (uint32_t)OE_TIME_IN_FORCE_DAY << 8)

/* end_maker ends the first order of a level, which is filled. */
static ALWAYS_INLINE void
end_maker(struct engine *engine, struct level *level, struct order *maker, uint32_t slot)
{
    struct order *orders = engine->orders.orders;
    struct session *session = session_of(&engine->sessions, maker->session);
    const uint32_t next = maker->next;

    level->head = next;
    level->orders_cnt--;
    *level_link(next, &level->tail, &orders[next].prev) = ORDER_NONE;
    delist(engine, session, maker, slot);
    order_give(&engine->orders, slot);
}

/* trade_risk tells risk of a trade that is about to be done. */
static ALWAYS_INLINE struct trade_fees
trade_risk(struct engine *engine,
           const struct book *book,
           const struct order *taker,
           const struct order *maker,
           px_t px,
           qty_t qty)
{
    struct risk_fill fill = {
        .hold = hold_of(book, taker), .px = px, .qty = qty, .now_ns = engine->time_ns};
    struct trade_fees fees;

    fees.taker = risk_on_trade(engine->risk, &fill);
    fill.hold = hold_of(book, maker);
    fill.maker = true;
    fees.maker = risk_on_trade(engine->risk, &fill);
    return fees;
}

/* trade does one trade of the taker with a displayed plain maker, the first of
 * its level. */
static ALWAYS_INLINE void
trade(struct engine *engine,
      const struct book *book,
      struct level *level,
      struct order *taker,
      uint32_t maker_slot,
      px_t px,
      struct cell_sink *out,
      const bool bare)
{
    struct order *maker = &engine->orders.orders[maker_slot];
    const qty_t qty = taker->leaves_qty < maker->leaves_qty ? taker->leaves_qty : maker->leaves_qty;

    const struct trade_fees fees =
        bare ? (struct trade_fees){0, 0} : trade_risk(engine, book, taker, maker, px, qty);

    taker->leaves_qty -= qty;
    taker->cum_qty += qty;
    maker->leaves_qty -= qty;
    maker->cum_qty += qty;
    level->shown_qty -= qty;
    engine_emit_trade(engine, taker, maker, px, qty, fees, out);
    if (maker->leaves_qty == 0)
        end_maker(engine, level, maker, maker_slot);
}

/* sweep lets a plain order that is in no place and not subject to self-match
 * prevention trade, and rests or ends it; hash is its clord's. What it meets
 * that is not plain it leaves to work.c, with itself as the taker. */
static ALWAYS_INLINE enum engine_result
sweep(struct engine *engine,
      uint32_t slot,
      uint64_t hash,
      struct session *session,
      struct cell_sink *out,
      const bool bare)
{
    const struct order *orders = engine->orders.orders;
    struct order *taker = &engine->orders.orders[slot];
    struct book *book = &engine->books[taker->instrument];
    const bool sell = order_is_sell(taker);
    struct ladder *side = book_side(book, !sell);
    const uint32_t limit_key = ladder_key(taker->tick, !sell);
    const uint32_t first_tick = ladder_key(side->best_key, !sell);
    uint32_t trades_cnt = 0;
    bool plain = true;

    engine->work.index = 0;
    while (taker->leaves_qty != 0 && side->best_key <= limit_key && plain) {
        const uint32_t at = side->best_level;
        const uint32_t tick = ladder_key(side->best_key, !sell);
        const px_t px = book_px(book, tick);
        struct level *level = ladder_level(&engine->pages, at);

        do {
            const uint32_t maker_slot = level->head;

            if (UNLIKELY((orders[maker_slot].flags & (ORDER_RARE | ORDER_HIDDEN)) != 0) ||
                UNLIKELY(trades_cnt == TRADES_MAX)) {
                plain = false;
                break;
            }
            book->last_tick = tick;
            trade(engine, book, level, taker, maker_slot, px, out, bare);
            trades_cnt++;
        } while (taker->leaves_qty != 0 && level->orders_cnt != 0);
        if (level->orders_cnt == 0)
            ladder_remove(&engine->pages, side, at);
    }
    if (LIKELY(plain)) {
        if (taker->leaves_qty == 0) {
            order_give(&engine->orders, slot);
        } else if (taker->tif != OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL) {
            taker->flags |= ORDER_LIVE;
            taker->place = PLACE_BOOK;
            join(engine, engine->orders.orders, book_side(book, sell), taker, slot,
                 ladder_key(taker->tick, sell), taker->leaves_qty);
            taker->id_at = idmap_add_hashed(&engine->ids, hash, slot);
            count_in(session, taker->tif);
        } else {
            engine_emit_canceled(engine, taker, OE_CANCEL_REASON_IMMEDIATE_OR_CANCEL, out);
            if (!bare) {
                const struct risk_hold hold = hold_of(book, taker);

                risk_give_back(engine->risk, &hold, taker->leaves_qty);
            }
            order_give(&engine->orders, slot);
        }
        if (LIKELY((book->flags & BOOK_STOPS) == 0))
            return engine_finish(engine, out);
    }
    work_begin(engine, WORK_ORDER, PHASE_SETTLE);
    if (trades_cnt != 0) {
        settle_range(engine, taker->instrument, first_tick);
        settle_range(engine, taker->instrument, book->last_tick);
    }
    if (!plain)
        sweep_begin(engine, slot);
    return work_run_on(engine, 2 * trades_cnt, out);
}

enum engine_result
plain_sweep_bare(struct engine *engine,
                 uint32_t slot,
                 uint64_t hash,
                 struct session *session,
                 struct cell_sink *out)
{
    return sweep(engine, slot, hash, session, out, true);
}

enum engine_result
plain_sweep_risk(struct engine *engine,
                 uint32_t slot,
                 uint64_t hash,
                 struct session *session,
                 struct cell_sink *out)
{
    return sweep(engine, slot, hash, session, out, false);
}

/* take does an order that does not simply rest: IOC, or it crosses, or slots or
 * pages are low. */
static ALWAYS_INLINE enum engine_result
take(struct engine *engine,
     const union cell *cell,
     struct session *session,
     struct cell_sink *out,
     const bool bare)
{
    const struct cell_order_new *in = &cell->order_new;
    const uint32_t terms = terms_of(in);
    const unsigned sell = frame_sell(cell->words[0]);

    if (UNLIKELY(((terms & TERMS_KIND) != TERMS_TAKE && (terms & TERMS_REST_KIND) != TERMS_REST) ||
                 (terms & TERMS_STP) != 0 || in->instrument >= engine->books_cnt))
        return ENGINE_DROPPED;

    struct book *book = &engine->books[in->instrument];
    const uint64_t hash = idmap_hash(&engine->ids, in->session, in->clord);
    struct ask ask = {.px = in->px, .qty = in->qty, .leaves_qty = in->qty, .sell = sell};

    if (UNLIKELY(
            !ask_new(engine, in, book, session, &ask, bare) ||
            idmap_find_hashed(&engine->ids, engine->orders.orders, hash, in->session, in->clord) !=
                ORDER_NONE ||
            order_pool_room(&engine->orders) != OE_REJECT_REASON_NONE ||
            !ladder_has_room(&engine->pages, book_side(book, sell), ladder_key(ask.tick, sell))) ||
        (!bare && UNLIKELY(!take_token(engine, cell, session, in->account, false))))
        return ENGINE_DROPPED;
    begin(engine, cell, session);
    if (!bare)
        risk_reserve_new(engine->risk, &ask.order, &ask.ticket);

    const uint32_t slot = order_take(&engine->orders, engine->cfg.shard);
    struct order *order = &engine->orders.orders[slot];

    write_new(engine, cell, order, &ask, sell, 0, out);
    order->extra = EXTRA_NONE;
    order->level = LADDER_NONE;
    return sweep(engine, slot, hash, session, out, bare);
}

enum engine_result
plain_take_bare(struct engine *engine,
                const union cell *cell,
                struct session *session,
                struct cell_sink *out)
{
    return take(engine, cell, session, out, true);
}

enum engine_result
plain_take_risk(struct engine *engine,
                const union cell *cell,
                struct session *session,
                struct cell_sink *out)
{
    return take(engine, cell, session, out, false);
}
