#include "engine/state.h"

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

void
engine_emit_canceled(struct engine *engine,
                     const struct order *order,
                     uint8_t reason,
                     struct cell_sink *out)
{
    union cell *cell = engine_emit(out);

    cell->order_canceled = (struct cell_order_canceled){
        .kind = CELL_KIND_ORDER_CANCELED,
        .shape = (uint8_t)(1u | (order_is_sell(order) ? CELL_SELL : 0u)),
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
