#include "tests/model/model_parts.h"

/* model_emit appends a cell to the group and returns it. */
union cell *
model_emit(struct model *model, const union cell *cell)
{
    ASSERT(model->group_cnt < MODEL_GROUP_CELLS);
    model->group[model->group_cnt] = *cell;
    return &model->group[model->group_cnt++];
}

union cell *
model_emit_command(struct model *model,
                   const union cell *cells,
                   uint16_t outcome,
                   const struct cell_risk_detail *detail)
{
    const uint32_t first = model->group_cnt;
    unsigned count = cell_count(cells);

    while (count > 1 && cell_kind(&cells[count - 1]) == CELL_KIND_RISK_DETAIL)
        count--;
    for (unsigned i = 0; i < count; i++)
        model_emit(model, &cells[i]);
    if (detail != NULL && detail->level != OE_RISK_LEVEL_NONE) {
        const union cell cell = {.risk_detail = *detail};

        model_emit(model, &cell)->bytes[0] = CELL_KIND_RISK_DETAIL;
        count++;
    }

    struct cell_order_new *own = &model->group[first].order_new;

    own->shape = (uint8_t)((own->shape & ~(CELL_SHAPE_COUNT | CELL_LAST)) | count);
    own->outcome = outcome;
    own->seq = model->seq;
    own->time = model->time_ns;
    return &model->group[first];
}

/* shape_of an event of an order that has so many cells. */
static uint8_t
shape_of(const struct model_order *order, unsigned cells)
{
    return (uint8_t)(cells | (order->sell ? CELL_SELL : 0));
}

/* model_emit_canceled reports that the venue took an order out. */
void
model_emit_canceled(struct model *model,
                    const struct model_order *order,
                    qty_t removed_qty,
                    uint8_t reason)
{
    const union cell cell = {.order_canceled = {
                                 .kind = CELL_KIND_ORDER_CANCELED,
                                 .shape = shape_of(order, 1),
                                 .instrument = order->instrument,
                                 .seq = model->seq,
                                 .time = model->time_ns,
                                 .clord = order->clord,
                                 .order_id = order->order_id,
                                 .removed_qty = removed_qty,
                                 .cum_qty = order->cum_qty,
                                 .index = ++model->event_index,
                                 .reason = reason,
                                 .account = order->account,
                                 .session = order->session,
                             }};

    model_emit(model, &cell);
}

void
model_emit_restated(struct model *model, const struct model_order *order, uint8_t reason)
{
    const union cell cell = {.order_restated = {
                                 .kind = CELL_KIND_ORDER_RESTATED,
                                 .shape = shape_of(order, 1),
                                 .instrument = order->instrument,
                                 .seq = model->seq,
                                 .time = model->time_ns,
                                 .clord = order->clord,
                                 .order_id = order->order_id,
                                 .px = order->px,
                                 .leaves_qty = order->leaves_qty,
                                 .index = ++model->event_index,
                                 .account = order->account,
                                 .session = order->session,
                                 .reason = reason,
                             }};

    model_emit(model, &cell);
}

void
model_emit_refreshed(struct model *model, const struct model_order *order)
{
    const union cell cell = {.order_refreshed = {
                                 .kind = CELL_KIND_ORDER_REFRESHED,
                                 .shape = shape_of(order, 1),
                                 .instrument = order->instrument,
                                 .seq = model->seq,
                                 .time = model->time_ns,
                                 .clord = order->clord,
                                 .order_id = order->order_id,
                                 .px = order->px,
                                 .shown_qty = order->shown_qty,
                                 .index = ++model->event_index,
                                 .account = order->account,
                                 .session = order->session,
                             }};

    model_emit(model, &cell);
}

/* model_emit_triggered reports that a stop order was elected. */
void
model_emit_triggered(struct model *model, const struct model_order *order, px_t last_px)
{
    const union cell first = {.order_triggered = {
                                  .kind = CELL_KIND_ORDER_TRIGGERED,
                                  .shape = shape_of(order, 2),
                                  .instrument = order->instrument,
                                  .seq = model->seq,
                                  .time = model->time_ns,
                                  .clord = order->clord,
                                  .order_id = order->order_id,
                                  .px = order->px,
                                  .leaves_qty = order->leaves_qty,
                                  .index = ++model->event_index,
                                  .account = order->account,
                                  .session = order->session,
                              }};
    const union cell second = {.trigger_detail = {
                                   .kind = CELL_KIND_TRIGGER_DETAIL,
                                   .stop_px = order->stop_px,
                                   .last_px = last_px,
                               }};

    model_emit(model, &first);
    model_emit(model, &second);
}

/* emit_maker writes the second cell of what two orders take part in; each of
 * them gets a number. The fees are the taker's and the maker's. */
static void
emit_maker(struct model *model,
           const struct model_order *taker,
           const struct model_order *maker,
           const px_t fees[2])
{
    const union cell cell = {.trade_maker = {
                                 .kind = CELL_KIND_TRADE_MAKER,
                                 .session = maker->session,
                                 .account = maker->account,
                                 .clord = maker->clord,
                                 .order_id = maker->order_id,
                                 .match_id = (uint64_t)model->cfg.shard << 60 | model->seq << 20 |
                                             (model->event_index + 1),
                                 .cum_qty = maker->cum_qty,
                                 .leaves_qty = maker->leaves_qty,
                                 .taker_cum_qty = taker->cum_qty,
                                 .taker_fee = fees[0],
                                 .maker_fee = fees[1],
                             }};

    model->event_index += 2;
    model_emit(model, &cell);
}

/* model_emit_trade reports a trade that is done. */
void
model_emit_trade(struct model *model,
                 const struct model_order *taker,
                 const struct model_order *maker,
                 qty_t qty,
                 const px_t fees[2])
{
    const union cell first = {.trade = {
                                  .kind = CELL_KIND_TRADE,
                                  .shape = shape_of(taker, 2),
                                  .instrument = taker->instrument,
                                  .seq = model->seq,
                                  .time = model->time_ns,
                                  .clord = taker->clord,
                                  .order_id = taker->order_id,
                                  .px = maker->px,
                                  .qty = qty,
                                  .leaves_qty = taker->leaves_qty,
                                  .account = taker->account,
                                  .session = taker->session,
                              }};

    model_emit(model, &first);
    emit_maker(model, taker, maker, fees);
}

/* model_emit_prevented reports a match that is not to be; nothing has come of it
 * yet. */
void
model_emit_prevented(struct model *model,
                     const struct model_order *taker,
                     const struct model_order *maker,
                     qty_t qty)
{
    const union cell first = {.match_prevented = {
                                  .kind = CELL_KIND_MATCH_PREVENTED,
                                  .shape = shape_of(taker, 2),
                                  .instrument = taker->instrument,
                                  .seq = model->seq,
                                  .time = model->time_ns,
                                  .clord = taker->clord,
                                  .order_id = taker->order_id,
                                  .px = maker->px,
                                  .qty = qty,
                                  .leaves_qty = taker->leaves_qty,
                                  .account = taker->account,
                                  .session = taker->session,
                              }};

    model_emit(model, &first);
    emit_maker(model, taker, maker, (px_t[]){0, 0});
}

/* model_emit_warning tells that a stage holds of which nothing comes yet. */
void
model_emit_warning(struct model *model, const struct model_due *due)
{
    const union cell cell = {.risk_warning = {
                                 .kind = CELL_KIND_RISK_WARNING,
                                 .shape = 1,
                                 .instrument = due->instrument,
                                 .seq = model->seq,
                                 .time = model->time_ns,
                                 .value = model_clip(due->value),
                                 .used = model_clip(due->used),
                                 .level = due->level,
                                 .limit = due->limit,
                                 .stage = due->stage,
                                 .subject = due->subject,
                                 .index = ++model->event_index,
                                 .permille = due->permille,
                                 .session = CELL_SESSION,
                             }};

    model_emit(model, &cell);
}

/* model_emit_action tells what was done to a subject; so many orders were canceled. */
void
model_emit_action(struct model *model, const struct model_due *due, uint32_t count)
{
    const union cell cell = {.risk_action = {
                                 .kind = CELL_KIND_RISK_ACTION,
                                 .shape = 1,
                                 .instrument = due->instrument,
                                 .seq = model->seq,
                                 .time = model->time_ns,
                                 .value = model_clip(due->value),
                                 .used = model_clip(due->used),
                                 .level = due->level,
                                 .limit = due->limit,
                                 .stage = due->stage,
                                 .subject = due->subject,
                                 .index = ++model->event_index,
                                 .count = count,
                                 .session = CELL_SESSION,
                             }};

    model_emit(model, &cell);
}
