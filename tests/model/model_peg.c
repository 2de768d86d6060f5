#include "tests/model/model_parts.h"

bool
model_is_pegged(const struct model_order *order)
{
    return order->ord_type == OE_ORD_TYPE_PEGGED;
}

/* reference finds the best price of a side that has a displayed order which is
 * not pegged, 0 if there is none. */
static px_t
reference(const struct model_instrument *instrument, bool sell)
{
    for (const struct model_order *o = instrument->side[sell]; o != NULL; o = o->next)
        if (!model_is_hidden(o) && !model_is_pegged(o))
            return o->px;
    return 0;
}

/* middle of two prices, on a tick, on the passive side of it. */
static px_t
middle(px_t bid_px, px_t ask_px, px_t tick_px, bool sell)
{
    const px_t ticks = bid_px / tick_px + ask_px / tick_px;

    return (sell ? (ticks + 1) / 2 : ticks / 2) * tick_px;
}

/* peg_px finds where a peg should stand, 0 if nowhere. */
static px_t
peg_px(const struct model *model, const struct model_order *order)
{
    const struct model_instrument *instrument = &model->instruments[order->instrument];
    const px_t tick_px = instrument->set.tick_px;
    const px_t bid_px = reference(instrument, false), ask_px = reference(instrument, true);
    const px_t own_px = order->sell ? ask_px : bid_px, other_px = order->sell ? bid_px : ask_px;
    notional_t px;

    if ((order->exec_inst & OE_EXEC_INST_PEG_MID) != 0)
        px = bid_px == 0 || ask_px == 0 ? 0 : middle(bid_px, ask_px, tick_px, order->sell);
    else
        px = (order->exec_inst & OE_EXEC_INST_PEG_OPPOSITE) != 0 ? other_px : own_px;
    if (px == 0)
        return 0;
    px += order->peg_offset_px;
    if (order->sell ? px < order->limit_px : px > order->limit_px)
        px = order->limit_px;
    return px < tick_px || px / tick_px >= TICKS_MAX ? 0 : (px_t)px;
}

/* move sends a peg that stands nowhere to its price, if that is allowed. That it is
 * parked is no news of one that is new, or was parked before. */
static void
move(struct model *model, struct model_order *order, bool had_px)
{
    const px_t px = peg_px(model, order);
    const bool is_allowed = px == 0 || model_px_allowed(model, order->instrument, px);

    order->px = is_allowed ? px : 0;
    order->barred_px = is_allowed ? 0 : px;
    if (order->px != 0 && model_pages_wanted(model, order, false) > model_pages_free(model)) {
        model_cancel(model, order, OE_CANCEL_REASON_NO_ROOM);
        return;
    }
    if (order->px != 0 || had_px)
        model_emit_restated(model, order, CELL_RESTATE_REASON_PEG);
    if (order->px == 0)
        model_put(model, order, MODEL_PARKED);
    else
        model_work(model, order);
}

void
model_peg_enter(struct model *model, struct model_order *order)
{
    order->peg_no = ++model->pegs_cnt;
    move(model, order, false);
}

/* is_astray: it stands elsewhere, and was not sent away from its price before. */
static bool
is_astray(const struct model *model, const struct model_order *order)
{
    const px_t px = peg_px(model, order);

    return px != order->px && (px == 0 || px != order->barred_px);
}

/* next_peg finds the first peg of an instrument that is not where it should be. */
static struct model_order *
next_peg(const struct model *model, uint32_t instrument)
{
    struct model_order *next = NULL;

    for (struct model_order *o = model->live; o != NULL; o = o->next_live)
        if (model_is_pegged(o) && o->instrument == instrument && is_astray(model, o) &&
            (next == NULL || o->peg_no < next->peg_no))
            next = o;
    return next;
}

/* model_run_pegs lets all pegs follow. Where there is no trading they wait. */
void
model_run_pegs(struct model *model)
{
    struct model_order *order = model->live;

    while (order != NULL && !model_is_pegged(order))
        order = order->next_live;
    if (order == NULL)
        return;
    for (uint32_t i = 0; i < MODEL_INSTRUMENTS; i++)
        while (model_is_open(model, i) && (order = next_peg(model, i)) != NULL) {
            model_take_out(model, order);
            move(model, order, order->px != 0);
            model_run_stops(model);
        }
}
