#include "engine/emit.h"

#include "engine/work.h"

void
engine_emit_detail(const struct risk_detail *detail, struct cell_sink *out)
{
    union cell *cell = engine_emit(out);

    cell->risk_detail = (struct cell_risk_detail){
        .kind = CELL_KIND_RISK_DETAIL,
        .level = detail->level,
        .subject = detail->subject,
        .limit = detail->limit,
        .used = detail->used,
        .value = detail->value,
    };
}

/* shape_of returns the shape of an event of one order. */
static uint8_t
shape_of(const struct order *order, unsigned cells_cnt)
{
    return (uint8_t)(cells_cnt | (order_is_sell(order) ? CELL_SELL : 0u));
}

void
engine_emit_canceled(struct engine *engine,
                     const struct order *order,
                     uint8_t reason,
                     struct cell_sink *out)
{
    engine_emit(out)->order_canceled = (struct cell_order_canceled){
        .kind = CELL_KIND_ORDER_CANCELED,
        .shape = shape_of(order, 1),
        .instrument = order->instrument,
        .seq = engine->seq,
        .time = engine->time_ns,
        .clord = order->clord,
        .order_id = order->order_id,
        .removed_qty = order->leaves_qty,
        .cum_qty = order->cum_qty,
        .index = ++engine->work.index,
        .reason = reason,
        .account = order->account,
        .session = order->session,
    };
}

void
engine_emit_restated(struct engine *engine,
                     const struct order *order,
                     enum cell_restate_reason reason,
                     struct cell_sink *out)
{
    engine_emit(out)->order_restated = (struct cell_order_restated){
        .kind = CELL_KIND_ORDER_RESTATED,
        .shape = shape_of(order, 1),
        .instrument = order->instrument,
        .seq = engine->seq,
        .time = engine->time_ns,
        .clord = order->clord,
        .order_id = order->order_id,
        .px = order_px(engine, order),
        .leaves_qty = order->leaves_qty,
        .index = ++engine->work.index,
        .account = order->account,
        .session = order->session,
        .reason = (uint8_t)reason,
    };
}

void
engine_emit_refreshed(struct engine *engine, const struct order *order, struct cell_sink *out)
{
    engine_emit(out)->order_refreshed = (struct cell_order_refreshed){
        .kind = CELL_KIND_ORDER_REFRESHED,
        .shape = shape_of(order, 1),
        .instrument = order->instrument,
        .seq = engine->seq,
        .time = engine->time_ns,
        .clord = order->clord,
        .order_id = order->order_id,
        .px = book_px(&engine->books[order->instrument], order->tick),
        .shown_qty = order_shown_qty(&engine->extras, order),
        .index = ++engine->work.index,
        .account = order->account,
        .session = order->session,
    };
}

void
engine_emit_triggered(struct engine *engine,
                      const struct order *order,
                      uint32_t stop_tick,
                      struct cell_sink *out)
{
    const struct book *book = &engine->books[order->instrument];
    const bool limit = order->ord_type == OE_ORD_TYPE_STOP_LIMIT;

    engine_emit(out)->order_triggered = (struct cell_order_triggered){
        .kind = CELL_KIND_ORDER_TRIGGERED,
        .shape = shape_of(order, 2),
        .instrument = order->instrument,
        .seq = engine->seq,
        .time = engine->time_ns,
        .clord = order->clord,
        .order_id = order->order_id,
        .px = limit ? book_px(book, order->tick) : 0,
        .leaves_qty = order->leaves_qty,
        .index = ++engine->work.index,
        .account = order->account,
        .session = order->session,
    };
    engine_emit(out)->trigger_detail = (struct cell_trigger_detail){
        .kind = CELL_KIND_TRIGGER_DETAIL,
        .stop_px = book_px(book, stop_tick),
        .last_px = book_last_px(book),
    };
}

void
engine_emit_prevented(struct engine *engine,
                      const struct order *taker,
                      const struct order *maker,
                      qty_t qty,
                      struct cell_sink *out)
{
    engine_emit(out)->match_prevented = (struct cell_match_prevented){
        .kind = CELL_KIND_MATCH_PREVENTED,
        .shape = shape_of(taker, 2),
        .instrument = taker->instrument,
        .seq = engine->seq,
        .time = engine->time_ns,
        .clord = taker->clord,
        .order_id = taker->order_id,
        .px = book_px(&engine->books[maker->instrument], maker->tick),
        .qty = qty,
        .leaves_qty = taker->leaves_qty,
        .account = taker->account,
        .session = taker->session,
    };
    engine_emit_maker(engine, taker, maker, (struct trade_fees){0, 0}, out);
}
