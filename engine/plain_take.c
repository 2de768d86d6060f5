#include "engine/emit.h"
#include "engine/plain_parts.h"
#include "engine/work.h"

/* Trades that a plain order does without work.c. */
#define TRADES_MAX (SLICE_CELLS / 2)

/* A taker on its way through the levels. What its cells have in common stands
 * ready in the first of them, and its order is only written where it stays. */
struct taker {
    union cell cell; /* its half of a Trade, but for price and quantities */
    __m128i head[2]; /* the first four words of that, made once: four loads less a trade */
    uint64_t match_id;
    qty_t leaves_qty;
    qty_t cum_qty;
    uint32_t position; /* of risk */
    px_t limit_px;     /* at which it reserved */
    bool sell;
};

/* taker_init sets all but quantities and position; last is the last word of its
 * cells: account and session. Field by field: what is not used is not cleared. */
static ALWAYS_INLINE void
taker_init(struct taker *taker,
           const struct engine *engine,
           uint64_t instrument,
           uint64_t clord,
           uint64_t order_id,
           uint64_t last,
           bool sell)
{
    taker->cell.words[0] =
        CELL_KIND_TRADE | FRAME_SHAPE(2u | (unsigned)sell << 5) | instrument << 32;
    taker->cell.words[1] = engine->seq;
    taker->cell.words[2] = engine->time_ns;
    taker->cell.words[3] = clord;
    taker->cell.words[4] = order_id;
    taker->cell.words[7] = last << 16 >> 16;
    for (unsigned i = 0; i < 2; i++)
        taker->head[i] = _mm_set_epi64x((long long)taker->cell.words[2 * i + 1],
                                        (long long)taker->cell.words[2 * i]);
    taker->match_id = cell_exec_id(engine->cfg.shard, engine->seq, 1);
    taker->sell = sell;
}

/* emit_trade writes both cells of a trade; both orders are as it left them. */
static ALWAYS_INLINE void
emit_trade(const struct taker *taker,
           const struct order *maker,
           qty_t qty,
           struct risk_trade_fees fees,
           struct cell_sink *out)
{
    const uint64_t owner = (uint64_t)maker->account << 32 | (uint64_t)maker->session << 16;
    union cell *cell = engine_emit(out);

    _mm_store_si128((__m128i *)(void *)&cell->words[0], taker->head[0]);
    _mm_store_si128((__m128i *)(void *)&cell->words[2], taker->head[1]);
    cell->words[4] = taker->cell.words[4];
    cell->words[5] = taker->cell.words[5];
    cell->words[6] = (uint64_t)taker->leaves_qty << 32 | qty;
    cell->words[7] = taker->cell.words[7];
    cell = engine_emit(out);
    cell->words[0] = CELL_KIND_TRADE_MAKER | owner;
    cell->words[1] = maker->clord;
    cell->words[2] = maker->order_id;
    cell->words[3] = taker->match_id;
    cell->words[4] = (uint64_t)maker->leaves_qty << 32 | maker->cum_qty;
    cell->words[5] = taker->cum_qty;
    cell->words[6] = (uint64_t)fees.taker;
    cell->words[7] = (uint64_t)fees.maker;
}

_Static_assert(offsetof(struct cell_trade, leaves_qty) == offsetof(struct cell_trade, qty) + 4,
               "a pair");
_Static_assert(offsetof(struct cell_trade_maker, leaves_qty) ==
                   offsetof(struct cell_trade_maker, cum_qty) + 4,
               "a pair");

/* emit_canceled writes an OrderCanceled for what the taker could not get. */
static ALWAYS_INLINE void
emit_canceled(const struct taker *taker, uint32_t index, struct cell_sink *out)
{
    union cell *cell = engine_emit(out);

    cell->words[0] = (taker->cell.words[0] & FRAME_INSTRUMENT) | CELL_KIND_ORDER_CANCELED |
                     FRAME_SHAPE(1u | (unsigned)taker->sell << 5);
    for (unsigned i = 1; i < 5; i++)
        cell->words[i] = taker->cell.words[i];
    cell->words[5] = (uint64_t)taker->cum_qty << 32 | taker->leaves_qty;
    cell->words[6] = (uint64_t)OE_CANCEL_REASON_IMMEDIATE_OR_CANCEL << 32 | index;
    cell->words[7] = taker->cell.words[7];
}

_Static_assert(offsetof(struct cell_order_canceled, clord) == offsetof(struct cell_trade, clord),
               "as in a trade");
_Static_assert(offsetof(struct cell_order_canceled, reason) ==
                   offsetof(struct cell_order_canceled, index) + 4,
               "a pair");

/* end_maker ends the first order of a level, which is filled. */
static ALWAYS_INLINE void
end_maker(struct engine *engine, struct level *level, struct order *maker, uint32_t slot)
{
    struct order *orders = engine->orders.orders;
    /* Who has an order is a session. */
    struct session *session = &engine->sessions.at[(uint16_t)(maker->session + 1)];
    const uint32_t next = maker->next;

    level->head = next;
    level->orders_cnt--;
    *level_link(next, &level->tail, &orders[next].prev) = ORDER_NONE;
    delist(engine, session, maker, slot);
    order_give_at(&engine->orders, maker, maker->order_id, slot);
}

/* hold_of_taker returns what the taker has reserved. */
static inline struct risk_hold
hold_of_taker(const struct taker *taker)
{
    return (struct risk_hold){
        .position = taker->position,
        .leaves_qty = taker->leaves_qty,
        .px = taker->limit_px,
        .sell = taker->sell,
    };
}

/* trade_risk tells risk of a trade that is about to be done. */
static ALWAYS_INLINE struct risk_trade_fees
trade_risk(struct engine *engine,
           const struct book *book,
           const struct taker *taker,
           const struct order *maker,
           qty_t qty)
{
    const struct risk_trade trade = {.taker = hold_of_taker(taker),
                                     .maker = hold_of(book, maker),
                                     .px = (px_t)taker->cell.words[5],
                                     .qty = qty,
                                     .now_ns = engine->time_ns};

    return risk_on_trades(engine->risk, &trade);
}

/* trade does one trade of the taker with a displayed plain maker, the first of
 * its level. */
static ALWAYS_INLINE void
trade(struct engine *engine,
      const struct book *book,
      struct level *level,
      struct taker *taker,
      struct order *maker,
      uint32_t maker_slot,
      struct cell_sink *out,
      const bool bare)
{
    const qty_t maker_qty = maker->leaves_qty;
    const qty_t qty = taker->leaves_qty < maker_qty ? taker->leaves_qty : maker_qty;

    const struct risk_trade_fees fees =
        bare ? (struct risk_trade_fees){0, 0} : trade_risk(engine, book, taker, maker, qty);

    taker->leaves_qty -= qty;
    taker->cum_qty += qty;
    maker->leaves_qty = maker_qty - qty;
    maker->cum_qty += qty;
    level->shown_qty -= qty;
    emit_trade(taker, maker, qty, fees, out);
    taker->match_id += 2;
    if (maker_qty == qty)
        end_maker(engine, level, maker, maker_slot);
}

/* meet lets the taker trade with plain makers as far as limit_key, and says
 * whether it met no others. It counts its trades. */
static ALWAYS_INLINE bool
meet(struct engine *engine,
     struct book *book,
     struct taker *taker,
     uint32_t limit_key,
     uint32_t *trades_cnt,
     struct cell_sink *out,
     const bool bare)
{
    struct order *const orders = engine->orders.orders;
    struct ladder *side = book_side(book, !taker->sell);
    uint32_t cnt = 0;

    *trades_cnt = 0;
    while (taker->leaves_qty != 0 && side->best_key <= limit_key) {
        const uint32_t at = side->best_level;
        const uint32_t tick = ladder_key(side->best_key, !taker->sell);
        struct level *level = ladder_level(&engine->pages, at);

        taker->cell.words[5] = (uint64_t)book_px(book, tick);
        do {
            const uint32_t maker_slot = level->head;
            struct order *maker = &orders[maker_slot];

            if (UNLIKELY((maker->flags & (ORDER_RARE | ORDER_HIDDEN)) != 0) ||
                UNLIKELY(cnt == TRADES_MAX))
                return false;
            trade(engine, book, level, taker, maker, maker_slot, out, bare);
            book->last_tick = tick;
            *trades_cnt = ++cnt;
        } while (taker->leaves_qty != 0 && level->orders_cnt != 0);
        if (level->orders_cnt == 0)
            ladder_remove(&engine->pages, side, at);
    }
    return true;
}

/* rest puts what is left of the taker, whose order is written, into the book. */
static ALWAYS_INLINE void
rest(struct engine *engine,
     struct book *book,
     struct session *session,
     struct order *order,
     uint32_t slot,
     uint64_t hash)
{
    const bool sell = order_is_sell(order);

    order->flags |= ORDER_LIVE;
    order->place = PLACE_BOOK;
    join(engine, book_side(book, sell), order, slot, ladder_key(order->tick, sell),
         order->leaves_qty);
    order->id_at = idmap_add_hashed(&engine->ids, hash, slot);
    count_in(session, order->tif);
}

/* go_on lets work.c do what the taker in slot has not done: all that it has met
 * that is not plain, and the stops that its trades elected. */
static __attribute__((noinline)) enum engine_result
go_on(struct engine *engine,
      uint32_t instrument,
      uint32_t slot,
      uint32_t first_tick,
      uint32_t trades_cnt,
      bool plain,
      struct cell_sink *out)
{
    work_begin(engine, WORK_ORDER, PHASE_SETTLE);
    if (trades_cnt != 0) {
        settle_range(engine, instrument, first_tick);
        settle_range(engine, instrument, engine->books[instrument].last_tick);
    }
    if (!plain)
        sweep_begin(engine, slot);
    return work_run_on(engine, 2 * trades_cnt, out);
}

/* sweep lets an order that was live, and now is in no place and not subject to
 * self-match prevention, trade, and rests or ends it; hash is its clord's. */
static ALWAYS_INLINE enum engine_result
sweep(struct engine *engine,
      uint32_t slot,
      uint64_t hash,
      struct session *session,
      struct cell_sink *out,
      const bool bare)
{
    struct order *order = &engine->orders.orders[slot];
    struct book *book = &engine->books[order->instrument];
    const bool sell = order_is_sell(order);
    const uint32_t first_tick = ladder_key(book_side(book, !sell)->best_key, !sell);
    struct taker taker;
    uint32_t trades_cnt;

    taker_init(&taker, engine, order->instrument, order->clord, order->order_id,
               (uint64_t)order->session << 32 | order->account, sell);
    taker.leaves_qty = order->leaves_qty;
    taker.cum_qty = order->cum_qty;
    taker.position = order->position;
    taker.limit_px = book_px(book, order->tick);

    const bool plain =
        meet(engine, book, &taker, ladder_key(order->tick, !sell), &trades_cnt, out, bare);

    order->leaves_qty = taker.leaves_qty;
    order->cum_qty = taker.cum_qty;
    engine->work.index = 2 * trades_cnt;
    if (LIKELY(plain)) {
        if (taker.leaves_qty == 0)
            order_give(&engine->orders, slot);
        else
            rest(engine, book, session, order, slot, hash);
        if (LIKELY((book->flags & BOOK_STOPS) == 0))
            return engine_finish(engine, out);
    }
    return go_on(engine, (uint32_t)(book - engine->books), slot, first_tick, trades_cnt, plain,
                 out);
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

/* fetch_sides fetches what a trade with the best of the other side will touch of risk: it is
 * asked for before the taker is, not one line after the other behind it. */
static ALWAYS_INLINE void
fetch_sides(const struct engine *engine,
            const struct ladder *side,
            uint32_t limit_key,
            uint32_t account)
{
    if (side->best_key > limit_key)
        return;

    const struct level *level = ladder_level(&engine->pages, side->best_level);
    /* A level of hidden orders alone has no head. */
    const uint32_t slot = EITHER(level->head < engine->orders.used_cnt) ? level->head : 0;
    const struct order *maker = &engine->orders.orders[slot];

    risk_hot_fetch_fill(engine->risk, account);
    risk_hot_fetch_fill(engine->risk, maker->account);
    risk_hot_fetch_live(engine->risk, maker->account, maker->position);
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
    const unsigned sell = sell_of(cell);

    if (UNLIKELY(((terms & TERMS_KIND) != TERMS_TAKE && (terms & TERMS_REST_BITS) != TERMS_REST) ||
                 (terms & TERMS_STP) != 0 || in->instrument >= engine->books_cnt))
        return ENGINE_DROPPED;

    struct book *book = &engine->books[in->instrument];
    const uint64_t hash = idmap_hash(&engine->ids, in->session, in->clord);
    struct ask ask = {.px = in->px, .qty = in->qty, .leaves_qty = in->qty, .sell = sell};

    if (UNLIKELY(!ask_book(engine, book, &ask)))
        return ENGINE_DROPPED;
    if (!bare)
        fetch_sides(engine, book_side(book, !sell), ladder_key(ask.tick, !sell), in->account);
    if (UNLIKELY(
            idmap_find_hashed(&engine->ids, engine->orders.orders, hash, in->session, in->clord) !=
                ORDER_NONE ||
            order_pool_room(&engine->orders) != OE_REJECT_REASON_NONE ||
            !ladder_has_room(&engine->pages, book_side(book, sell), ladder_key(ask.tick, sell))) ||
        (!bare && UNLIKELY(!risk_new(engine, cell, book, session, &ask))))
        return ENGINE_DROPPED;
    begin(engine, cell, session);

    const uint32_t slot = order_take(&engine->orders, engine->cfg.shard);
    struct order *order = &engine->orders.orders[slot];
    const uint32_t first_tick = ladder_key(book_side(book, !sell)->best_key, !sell);
    struct taker taker;
    uint32_t trades_cnt;

    taker_init(&taker, engine, in->instrument, in->clord, order->order_id, cell->words[7],
               sell != 0);
    taker.leaves_qty = in->qty;
    taker.cum_qty = 0;
    taker.position = ask.position;
    taker.limit_px = in->px;
    const struct as_asked asked = as_asked(cell);

    emit_new(engine, cell, &asked, order->order_id, 0, out);

    const bool plain =
        meet(engine, book, &taker, ladder_key(ask.tick, !sell), &trades_cnt, out, bare);
    const bool rests = terms_tif(terms) != OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL;

    engine->work.index = 2 * trades_cnt;
    if (LIKELY(plain) && (taker.leaves_qty == 0 || !rests)) {
        if (taker.leaves_qty != 0) {
            emit_canceled(&taker, ++engine->work.index, out);
            if (!bare) {
                const struct risk_hold hold = hold_of_taker(&taker);

                risk_give_back(engine->risk, &hold, taker.leaves_qty);
            }
        }
        order_give_at(&engine->orders, order, taker.cell.words[4], slot);
    } else {
        write_order(&asked, in->instrument, order, &ask, sell);
        order->extra = EXTRA_NONE;
        order->level = LADDER_NONE;
        order->leaves_qty = taker.leaves_qty;
        order->cum_qty = taker.cum_qty;
        if (plain)
            rest(engine, book, session, order, slot, hash);
    }
    if (LIKELY(plain) && LIKELY((book->flags & BOOK_STOPS) == 0))
        return engine_finish(engine, out);
    return go_on(engine, in->instrument, slot, first_tick, trades_cnt, plain, out);
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
