#include "tests/model/model_parts.h"

/* trigger elects an order: from now on it waits for its turn alone. */
static void
trigger(struct model *model, struct model_order *order)
{
    model_emit_triggered(model, order, model->instruments[order->instrument].last_px);
    order->stop_px = 0;
    model_put(model, order, MODEL_QUEUE);
}

/* model_stop_enter elects a stop order if the last price is there already. */
void
model_stop_enter(struct model *model, struct model_order *order)
{
    const px_t last_px = model->instruments[order->instrument].last_px;

    if (last_px != 0 && (order->sell ? last_px <= order->stop_px : last_px >= order->stop_px))
        trigger(model, order);
    else
        model_put(model, order, MODEL_STOP);
}

/* model_elect elects what the trades of the order that was in work reached. */
void
model_elect(struct model *model, uint32_t instrument)
{
    struct model_order **buys = &model->instruments[instrument].stops[0];
    struct model_order **sells = &model->instruments[instrument].stops[1];

    if (model->traded_high_px == 0)
        return;
    while (*buys != NULL && (*buys)->stop_px <= model->traded_high_px) {
        struct model_order *order = *buys;

        model_take_out(model, order);
        trigger(model, order);
    }
    while (*sells != NULL && (*sells)->stop_px >= model->traded_low_px) {
        struct model_order *order = *sells;

        model_take_out(model, order);
        trigger(model, order);
    }
}

/* get_limit gives an elected Stop its limit, for which the risk is asked again.
 * Returns why it cannot have it, 0 if it can. */
static uint8_t
get_limit(struct model *model, struct model_order *order)
{
    const px_t px = model_market_px(model, order->instrument, order->sell);

    if (px == 0 || !model_px_allowed(model, order->instrument, px))
        return OE_CANCEL_REASON_NO_ROOM;
    if (!model->cfg.no_risk && !model_passes_elected(model, order, px))
        return OE_CANCEL_REASON_RISK_LIMIT;
    order->px = px;
    order->hold_px = px;
    model_commit(model, order->account, order->instrument);
    return 0;
}

/* stopped_by says why an elected order cannot go, 0 if it finds a limit that is
 * allowed now, and room to rest. */
static uint8_t
stopped_by(struct model *model, struct model_order *order)
{
    if (order->ord_type == OE_ORD_TYPE_STOP)
        return get_limit(model, order);
    if (model_px_allowed(model, order->instrument, order->px) &&
        model_pages_wanted(model, order, false) <= model_pages_free(model))
        return 0;
    return OE_CANCEL_REASON_NO_ROOM;
}

/* model_run_stops works off the queue of elected orders. */
void
model_run_stops(struct model *model)
{
    while (model->queue != NULL) {
        struct model_order *order = model->queue;

        model_take_out(model, order);

        const uint8_t reason = stopped_by(model, order);

        if (reason == 0)
            model_work(model, order);
        else
            model_cancel(model, order, reason);
    }
}
