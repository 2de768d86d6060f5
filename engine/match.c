#include "engine/book.h"

/* Does an order of this kind stay in the book? */
static inline bool
may_rest(unsigned ord_type, unsigned tif)
{
    return ord_type == OE_ORD_TYPE_LIMIT &&
           (tif == OE_TIME_IN_FORCE_DAY || tif == OE_TIME_IN_FORCE_GOOD_TILL_CANCEL);
}

/* check_attributes refuses what the rules of this version do not know. */
static enum oe_reject_reason
check_rare_attributes(const struct cell_order_new *in, const struct cell_order_extension *ext)
{
    const bool immediate =
        in->tif == OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL || in->tif == OE_TIME_IN_FORCE_FILL_OR_KILL;

    if (in->ord_type != OE_ORD_TYPE_LIMIT && in->ord_type != OE_ORD_TYPE_MARKET)
        return OE_REJECT_REASON_ORDER_TYPE_NOT_ALLOWED;
    if (in->tif != OE_TIME_IN_FORCE_DAY && in->tif != OE_TIME_IN_FORCE_GOOD_TILL_CANCEL &&
        !immediate)
        return OE_REJECT_REASON_TIME_IN_FORCE_NOT_ALLOWED;
    if ((in->exec_inst & ~(unsigned)OE_EXEC_INST_POST_ONLY) != 0)
        return OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED;
    if (in->exec_inst != 0 && (immediate || in->ord_type == OE_ORD_TYPE_MARKET))
        return OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED;
    if (ext != NULL && (ext->stop_px != 0 || ext->expire_time != 0 || ext->display_qty != 0 ||
                        ext->min_qty != 0 || ext->peg_offset_px != 0))
        return OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED;
    if (cell_stp(in->stp_capacity) != 0)
        return OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED;
    return OE_REJECT_REASON_NONE;
}

/* check_attributes lets the most frequent order, a plain Day limit order, pass
 * with one comparison of the four bytes that say so. */
static inline enum oe_reject_reason
check_attributes(const struct cell_order_new *in, const struct cell_order_extension *ext)
{
    const bool plain = in->ord_type == OE_ORD_TYPE_LIMIT && in->tif == OE_TIME_IN_FORCE_DAY &&
                       in->exec_inst == 0 && cell_stp(in->stp_capacity) == 0;

    return LIKELY(plain && ext == NULL) ? OE_REJECT_REASON_NONE : check_rare_attributes(in, ext);
}

/* check_new runs every check of a new order. On acceptance its leaves are
 * reserved; on a refusal nothing has changed. */
static inline enum oe_reject_reason
check_new(struct engine *engine,
          const struct cell_order_new *in,
          const struct cell_order_extension *ext,
          const struct session *session,
          uint64_t hash,
          struct risk_ticket *ticket,
          struct risk_detail *detail)
{
    const bool sell = (in->shape & CELL_SELL) != 0;
    enum oe_reject_reason reason;

    reason = check_attributes(in, ext);
    if (UNLIKELY(reason != OE_REJECT_REASON_NONE))
        return reason;
    if (UNLIKELY(idmap_find_hashed(&engine->ids, engine->orders.orders, hash, in->session,
                                   in->clord) != ORDER_NONE))
        return OE_REJECT_REASON_DUPLICATE_CL_ORD_ID;
    reason = order_pool_room(&engine->orders);
    if (UNLIKELY(reason != OE_REJECT_REASON_NONE))
        return reason;

    const struct risk_order order = {
        .instrument = in->instrument,
        .account = in->account,
        .firm = session->firm,
        .px = in->px,
        .last_px = in->instrument < engine->books_cnt ? engine->books[in->instrument].last_px : 0,
        .qty = in->qty,
        .leaves_qty = in->qty,
        .sell = sell,
        .market = in->ord_type == OE_ORD_TYPE_MARKET,
    };

    if (UNLIKELY(engine->cfg.no_risk))
        reason = engine_check_bare(engine, &order, ticket);
    else
        reason = risk_check_new(engine->risk, &order, ticket, detail);
    if (UNLIKELY(reason != OE_REJECT_REASON_NONE))
        return reason;

    struct book *book = &engine->books[in->instrument];

    if (UNLIKELY((in->exec_inst & OE_EXEC_INST_POST_ONLY) != 0 &&
                 book_crosses(book, sell, ticket->tick)))
        reason = OE_REJECT_REASON_WOULD_TRADE;
    else if (UNLIKELY(may_rest(in->ord_type, in->tif) &&
                      !ladder_has_room(&engine->pages, book_side(book, sell),
                                       ladder_key(ticket->tick, sell))))
        reason = OE_REJECT_REASON_LEVEL_POOL_FULL;
    if (LIKELY(reason == OE_REJECT_REASON_NONE && !engine->cfg.no_risk))
        risk_reserve_new(engine->risk, &order, ticket);
    return reason;
}

/* can_fill says whether the book could fill qty within the limit now. */
static bool
can_fill(const struct engine *engine, const struct ladder *side, uint32_t limit_key, qty_t qty)
{
    uint32_t level = side->best_key <= limit_key ? side->best_level : LADDER_NONE;
    uint64_t sum_qty = 0;

    while (level != LADDER_NONE && ladder_key_of(&engine->pages, level) <= limit_key) {
        sum_qty += ladder_level(&engine->pages, level)->qty;
        if (sum_qty >= qty)
            return true;
        level = ladder_next(&engine->pages, level);
    }
    return false;
}

/* end_taker ends an order that never was in a book; what it has left is
 * canceled. */
static void
end_taker(struct engine *engine, uint32_t slot, uint8_t reason, struct cell_sink *out)
{
    const struct order *order = &engine->orders.orders[slot];

    if (order->leaves_qty != 0) {
        engine_emit_canceled(engine, order, reason, out);
        engine_release(engine, order, order->leaves_qty);
    }
    order_give(&engine->orders, slot);
}

/* emit_new writes the command with its outcome; order is NULL if refused. */
static inline void
emit_new(const struct engine *engine,
         const union cell *cells,
         bool extended,
         enum oe_reject_reason reason,
         const struct risk_detail *detail,
         uint64_t order_id,
         struct cell_sink *out)
{
    const bool numbers = reason != OE_REJECT_REASON_NONE && detail->level != OE_RISK_LEVEL_NONE;
    union cell *cell =
        engine_emit_command(engine, cells, out, 1u + extended + numbers, CELL_SELL, reason);

    cell->order_new.order_id = order_id;
    if (UNLIKELY(extended)) {
        cell = engine_emit(out);
        *cell = cells[1];
        cell->bytes[1] = 0;
    }
    if (UNLIKELY(numbers))
        engine_emit_detail(detail, out);
}

HOT enum engine_result
match_new(struct engine *engine,
          const union cell *cells,
          const struct session *session,
          struct cell_sink *out)
{
    const struct cell_order_new *in = &cells[0].order_new;
    const bool extended =
        cell_count(cells) > 1 && cell_kind(&cells[1]) == CELL_KIND_ORDER_EXTENSION;
    struct risk_detail detail = {.level = OE_RISK_LEVEL_NONE};
    const uint64_t hash = idmap_hash(&engine->ids, in->session, in->clord);
    struct risk_ticket ticket;
    const enum oe_reject_reason reason = check_new(
        engine, in, extended ? &cells[1].order_extension : NULL, session, hash, &ticket, &detail);

    if (UNLIKELY(reason != OE_REJECT_REASON_NONE)) {
        emit_new(engine, cells, extended, reason, &detail, 0, out);
        return engine_finish(engine, out);
    }

    const uint32_t slot = order_take(&engine->orders, engine->cfg.shard);
    struct order *order = &engine->orders.orders[slot];

    order->clord = in->clord;
    order->leaves_qty = in->qty;
    order->cum_qty = 0;
    order->instrument = in->instrument;
    order->account = in->account;
    order->position = ticket.position;
    order->level = LADDER_NONE;
    order->tick = ticket.tick;
    order->session = in->session;
    order->flags = (in->shape & CELL_SELL) != 0 ? ORDER_SELL : 0;
    order->ord_type = in->ord_type;
    order->tif = in->tif;
    order->exec_inst = in->exec_inst;
    order->stp_capacity = in->stp_capacity;
    emit_new(engine, cells, extended, reason, &detail, order->order_id, out);

    if (LIKELY(may_rest(in->ord_type, in->tif) &&
               !book_crosses(&engine->books[in->instrument], order_is_sell(order), ticket.tick))) {
        book_add(engine, slot, hash);
        return engine_finish(engine, out);
    }
    engine->work.slot = slot;
    engine->work.index = 0;
    if (UNLIKELY(in->tif == OE_TIME_IN_FORCE_FILL_OR_KILL)) {
        const bool sell = order_is_sell(order);

        if (!can_fill(engine, book_side(&engine->books[in->instrument], !sell),
                      ladder_key(ticket.tick, !sell), in->qty)) {
            end_taker(engine, slot, OE_CANCEL_REASON_FILL_OR_KILL, out);
            return engine_finish(engine, out);
        }
    }
    return match_sweep(engine, out);
}

static inline void
emit_trade(struct engine *engine,
           const struct order *taker,
           const struct order *maker,
           px_t px,
           qty_t qty,
           struct cell_sink *out)
{
    union cell *cell = engine_emit(out);

    cell->trade = (struct cell_trade){
        .kind = CELL_KIND_TRADE,
        .shape = (uint8_t)(2u | (order_is_sell(taker) ? CELL_SELL : 0u)),
        .instrument = taker->instrument,
        .seq = engine->seq,
        .time = engine->time_ns,
        .clord = taker->clord,
        .order_id = taker->order_id,
        .px = px,
        .qty = qty,
        .leaves_qty = taker->leaves_qty,
        .account = taker->account,
        .session = taker->session,
    };
    cell = engine_emit(out);
    cell->trade_maker = (struct cell_trade_maker){
        .kind = CELL_KIND_TRADE_MAKER,
        .session = maker->session,
        .account = maker->account,
        .clord = maker->clord,
        .order_id = maker->order_id,
        .match_id = cell_exec_id(engine->cfg.shard, engine->seq, engine->work.index + 1),
        .cum_qty = maker->cum_qty,
        .leaves_qty = maker->leaves_qty,
        .taker_cum_qty = taker->cum_qty,
    };
    engine->work.index += 2;
}

/* trade does one trade of the taker with the oldest order of the best level. */
static inline void
trade(struct engine *engine,
      struct book *book,
      struct ladder *side,
      struct order *taker,
      struct cell_sink *out)
{
    struct level *level = ladder_level(&engine->pages, side->best_level);
    const uint32_t maker_slot = level->head;
    struct order *maker = &engine->orders.orders[maker_slot];
    const qty_t qty = taker->leaves_qty < maker->leaves_qty ? taker->leaves_qty : maker->leaves_qty;
    const px_t px = (px_t)maker->tick * book->tick_px;

    ASSERT(qty > 0);
    taker->leaves_qty -= qty;
    taker->cum_qty += qty;
    maker->leaves_qty -= qty;
    maker->cum_qty += qty;
    level->qty -= qty;
    book->last_px = px;
    if (LIKELY(!engine->cfg.no_risk)) {
        risk_on_fill(engine->risk, taker->position, order_is_sell(taker), qty);
        risk_on_fill(engine->risk, maker->position, order_is_sell(maker), qty);
    }
    emit_trade(engine, taker, maker, px, qty, out);
    if (maker->leaves_qty == 0)
        book_remove(engine, maker_slot);
}

HOT enum engine_result
match_sweep(struct engine *engine, struct cell_sink *out)
{
    const uint32_t slot = engine->work.slot;
    struct order *taker = &engine->orders.orders[slot];
    struct book *book = &engine->books[taker->instrument];
    const bool sell = order_is_sell(taker);
    struct ladder *side = book_side(book, !sell);
    const uint32_t limit_key = ladder_key(taker->tick, !sell);

    for (uint32_t cnt = 0; taker->leaves_qty != 0 && side->best_key <= limit_key; cnt++) {
        if (UNLIKELY(cnt == SLICE_TRADES_MAX)) {
            engine->work.kind = WORK_SWEEP;
            return ENGINE_MORE;
        }
        trade(engine, book, side, taker, out);
    }
    if (taker->leaves_qty != 0 && may_rest(taker->ord_type, taker->tif))
        book_add(engine, slot, idmap_hash(&engine->ids, taker->session, taker->clord));
    else
        end_taker(engine, slot, OE_CANCEL_REASON_IMMEDIATE_OR_CANCEL, out);
    return engine_finish(engine, out);
}
