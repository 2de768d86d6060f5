#include "engine/work.h"

/* emit_refused writes a refused cancel. */
static void
emit_refused(const struct engine *engine,
             const union cell *cells,
             enum oe_reject_reason reason,
             const struct risk_detail *detail,
             struct cell_sink *out)
{
    const bool numbers = detail->level != OE_RISK_LEVEL_NONE;
    struct cell_order_cancel *cell =
        &engine_emit_command(engine, cells, out, 1u + numbers, CELL_BY_ID, reason)->order_cancel;

    if ((cell->shape & CELL_BY_ID) != 0)
        cell->orig_clord = 0;
    else
        cell->order_id = 0;
    cell->removed_qty = 0;
    cell->cum_qty = 0;
    cell->account = 0;
    if (numbers)
        engine_emit_detail(detail, out);
}

enum engine_result
amend_cancel(struct engine *engine,
             const union cell *cells,
             struct session *session,
             struct cell_sink *out)
{
    const struct cell_order_cancel *in = &cells[0].order_cancel;
    const uint32_t slot = order_named(engine, in, in->orig_clord);
    struct risk_detail detail = {.level = OE_RISK_LEVEL_NONE};
    enum oe_reject_reason reason =
        order_take_message(engine, session, in->session, slot, true, &detail);

    engine->work.index = 0;
    if (reason == OE_REJECT_REASON_NONE && slot == ORDER_NONE)
        reason = OE_REJECT_REASON_UNKNOWN_ORDER;
    if (UNLIKELY(reason != OE_REJECT_REASON_NONE)) {
        emit_refused(engine, cells, reason, &detail, out);
        return work_settled(engine, out);
    }

    struct cell_order_cancel *cell =
        &engine_emit_command(engine, cells, out, 1, CELL_BY_ID, reason)->order_cancel;
    const struct order *order = &engine->orders.orders[slot];

    if (order_is_sell(order))
        cell->shape |= CELL_SELL;
    cell->instrument = order->instrument;
    cell->orig_clord = order->clord;
    cell->order_id = order->order_id;
    cell->removed_qty = order->leaves_qty;
    cell->cum_qty = order->cum_qty;
    cell->account = order->account;
    book_give_back(engine, order, order->leaves_qty);
    if (order_is_plain(order))
        book_remove(engine, &engine->books[order->instrument], slot);
    else
        order_end(engine, slot);
    return work_settled(engine, out);
}
