#include "tests/model/model_parts.h"

bool
model_can_reach(const struct model_order *maker, bool sell, px_t px)
{
    return sell ? maker->px >= px : maker->px <= px;
}

bool
model_would_trade(const struct model *model, uint32_t instrument, bool sell, px_t px)
{
    const struct model_order *best = model->instruments[instrument].side[!sell];

    return best != NULL && model_can_reach(best, sell, px);
}

/* model_reprice_px finds where a post-only order that would trade goes instead:
 * one tick away from the best of the other side; 0 if it may not, or if there is
 * no such tick. */
px_t
model_reprice_px(const struct model *model, const struct model_order *order)
{
    const struct model_instrument *instrument = &model->instruments[order->instrument];
    const px_t tick_px = instrument->set.tick_px;
    const px_t best_px = instrument->side[!order->sell]->px;

    if ((order->exec_inst & OE_EXEC_INST_POST_ONLY_REPRICE) == 0)
        return 0;
    if (!order->sell)
        return best_px - tick_px;
    return best_px / tick_px == (px_t)TICKS_MAX - 1 ? 0 : best_px + tick_px;
}

/* model_is_own: orders of one group do not trade, if the taker says so. */
bool
model_is_own(const struct model *model,
             const struct model_order *taker,
             const struct model_order *maker)
{
    return (taker->stp_capacity & 0xf) != 0 &&
           model_group_of(model, taker->account) == model_group_of(model, maker->account);
}

/* decrement takes from what an order has left, of an iceberg first from what it
 * does not show; an order that has nothing left is canceled. The price of one
 * that trades at any price is told to nobody. */
static void
decrement(struct model *model, struct model_order *order, qty_t qty)
{
    order->leaves_qty -= qty;
    if (order->shown_qty > order->leaves_qty)
        order->shown_qty = order->leaves_qty;
    if (order->leaves_qty == 0) {
        model_emit_canceled(model, order, qty, OE_CANCEL_REASON_SELF_MATCH_PREVENTION);
        model_end(model, order);
        return;
    }

    struct model_order told = *order;

    if (told.ord_type == OE_ORD_TYPE_MARKET || told.ord_type == OE_ORD_TYPE_STOP)
        told.px = 0;
    model_emit_restated(model, &told, CELL_RESTATE_REASON_SELF_MATCH_DECREMENT);
}

void
model_self_match(struct model *model, struct model_order *taker, struct model_order *maker)
{
    const uint8_t reason = OE_CANCEL_REASON_SELF_MATCH_PREVENTION;
    const unsigned mode = taker->stp_capacity & 0xf;
    const qty_t qty = taker->leaves_qty < maker->leaves_qty ? taker->leaves_qty : maker->leaves_qty;

    model_emit_prevented(model, taker, maker, qty);
    if (mode == OE_SELF_MATCH_PREVENTION_INSTRUCTION_DECREMENT) {
        decrement(model, maker, qty);
        decrement(model, taker, qty);
        return;
    }
    if (mode != OE_SELF_MATCH_PREVENTION_INSTRUCTION_CANCEL_AGGRESSIVE)
        model_cancel(model, maker, reason);
    if (mode != OE_SELF_MATCH_PREVENTION_INSTRUCTION_CANCEL_PASSIVE)
        model_cancel(model, taker, reason);
}

/* show_anew lets an order show what it may of what it has left. */
static void
show_anew(struct model *model, struct model_order *order)
{
    uint64_t shown_qty = order->display_qty;

    if (order->display_range != 0) {
        const uint32_t lot_qty = model->instruments[order->instrument].set.lot_qty;
        const uint64_t lots = order->display_range / lot_qty;
        uint64_t z = model->random += UINT64_C(0x9e3779b97f4a7c15);

        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        z ^= z >> 31;
        shown_qty += ((z >> 32) * (2 * lots + 1) >> 32) * lot_qty;
        shown_qty -= lots * lot_qty;
    }
    if (order->display_qty == 0 || shown_qty > order->leaves_qty)
        shown_qty = order->leaves_qty;
    order->shown_qty = model_is_hidden(order) ? 0 : (qty_t)shown_qty;
}

/* rest puts an order into the book behind the others of its price. */
static void
rest(struct model *model, struct model_order *order)
{
    const struct model_order *best = model->instruments[order->instrument].side[order->sell];
    const bool is_better =
        best == NULL || (order->sell ? order->px < best->px : order->px > best->px);

    order->is_top = is_better && !model_is_hidden(order) && !model_is_pegged(order);
    show_anew(model, order);
    model_put(model, order, MODEL_BOOK);
}

/* refresh sends an iceberg that shows nothing any more behind all that are
 * displayed at its price. */
static void
refresh(struct model *model, struct model_order *order)
{
    model_take_out(model, order);
    order->is_top = false;
    show_anew(model, order);
    model_put(model, order, MODEL_BOOK);
    model_emit_refreshed(model, order);
}

/* cancel_other cancels what an order is linked to, and says whether that stood
 * in the level at px of a side. What this trade has filled is no more. */
static bool
cancel_other(struct model *model, struct model_order *order, bool sell, px_t px)
{
    struct model_order *other = order->other;

    if (other == NULL)
        return false;

    const bool is_there = other->place == MODEL_BOOK && other->sell == sell && other->px == px;

    model_unlink(order);
    if (other->leaves_qty == 0)
        return false;
    model_cancel(model, other, OE_CANCEL_REASON_LINKED);
    return is_there;
}

bool
model_trade(struct model *model, struct model_order *taker, struct model_order *maker, qty_t qty)
{
    const px_t px = maker->px;
    px_t fees[2];
    bool took_out;

    if (model->instruments[taker->instrument].mark_px == 0)
        model_mark(model, taker->instrument, px);
    fees[0] = model_fill(model, taker, px, qty, false);
    fees[1] = model_fill(model, maker, px, qty, true);
    if (!model_is_hidden(maker))
        maker->shown_qty -= qty;
    model->instruments[taker->instrument].last_px = px;
    if (model->traded_low_px == 0 || px < model->traded_low_px)
        model->traded_low_px = px;
    if (px > model->traded_high_px)
        model->traded_high_px = px;
    model_emit_trade(model, taker, maker, qty, fees);
    took_out = cancel_other(model, taker, maker->sell, px);
    took_out |= cancel_other(model, maker, maker->sell, px);
    if (maker->place == MODEL_ENDED)
        return took_out;
    if (maker->leaves_qty == 0)
        model_end(model, maker);
    else if (maker->display_qty != 0 && maker->shown_qty == 0)
        refresh(model, maker);
    return took_out;
}

/* model_step lets the taker meet one order. */
void
model_step(struct model *model, struct model_order *taker, struct model_order *maker)
{
    const qty_t there = model_is_hidden(maker) ? maker->leaves_qty : maker->shown_qty;

    if (model_is_own(model, taker, maker))
        model_self_match(model, taker, maker);
    else
        (void)model_trade(model, taker, maker,
                          taker->leaves_qty < there ? taker->leaves_qty : there);
}

/* model_match lets the taker have what it can at its limit, best price first. */
void
model_match(struct model *model, struct model_order *taker)
{
    struct model_instrument *instrument = &model->instruments[taker->instrument];

    while (taker->place != MODEL_ENDED && taker->leaves_qty > 0 &&
           model_would_trade(model, taker->instrument, taker->sell, taker->px)) {
        if (instrument->set.algorithm == CELL_MATCH_ALGORITHM_PRICE_TIME)
            model_step(model, taker, instrument->side[!taker->sell]);
        else
            model_share_step(model, taker);
    }
}

/* model_work lets an order that has a price trade, and then rest or end; the
 * stops that its trades elect are in the queue then. */
void
model_work(struct model *model, struct model_order *order)
{
    model->traded_low_px = 0;
    model->traded_high_px = 0;
    model_match(model, order);
    if (order->place != MODEL_ENDED) {
        if (order->leaves_qty == 0)
            model_end(model, order);
        else if (model_may_rest(order->ord_type, order->tif))
            rest(model, order);
        else
            model_cancel(model, order, OE_CANCEL_REASON_IMMEDIATE_OR_CANCEL);
    }
    model_elect(model, order->instrument);
}

void
model_enter(struct model *model, struct model_order *order, qty_t min_qty, bool is_new)
{
    const bool fok = order->tif == OE_TIME_IN_FORCE_FILL_OR_KILL;

    if (order->tif == OE_TIME_IN_FORCE_AT_THE_OPENING ||
        order->tif == OE_TIME_IN_FORCE_AT_THE_CLOSE) {
        if (order->ord_type == OE_ORD_TYPE_MARKET)
            order->px = 0;
        model_put(model, order, MODEL_HELD);
        return;
    }
    if (order->stop_px != 0) {
        model_stop_enter(model, order);
        return;
    }
    if (model_is_pegged(order)) {
        model_peg_enter(model, order);
        return;
    }
    if ((order->exec_inst & OE_EXEC_INST_POST_ONLY) != 0 &&
        model_would_trade(model, order->instrument, order->sell, order->px)) {
        order->px = model_reprice_px(model, order);
        order->hold_px = order->px;
        model_emit_restated(model, order, CELL_RESTATE_REASON_POST_ONLY_REPRICE);
    }
    if (is_new && order->ord_type == OE_ORD_TYPE_MARKET_TO_LIMIT)
        model_emit_restated(model, order, CELL_RESTATE_REASON_MARKET_TO_LIMIT);
    if (fok)
        min_qty = order->leaves_qty;
    if (min_qty > 0 && !model_can_yield(model, order, min_qty)) {
        model_cancel(model, order, fok ? OE_CANCEL_REASON_FILL_OR_KILL : OE_CANCEL_REASON_MIN_QTY);
        return;
    }
    model_work(model, order);
}
