#include <stdlib.h>

#include "tests/model/model_parts.h"

const struct model_order *
model_find_id(const struct model *model, uint64_t order_id)
{
    for (uint32_t i = 0; i < MODEL_INSTRUMENTS; i++)
        for (unsigned side = 0; side < 2; side++)
            for (const struct model_order *o = model->instruments[i].side[side]; o; o = o->next)
                if (o->order_id == order_id)
                    return o;
    return NULL;
}

const struct model_order *
model_find_clord(const struct model *model, uint16_t session, uint64_t clord)
{
    for (uint32_t i = 0; i < MODEL_INSTRUMENTS; i++)
        for (unsigned side = 0; side < 2; side++)
            for (const struct model_order *o = model->instruments[i].side[side]; o; o = o->next)
                if (o->session == session && o->clord == clord)
                    return o;
    return NULL;
}

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

/* model_emit_canceled reports that the venue took an order out. */
void
model_emit_canceled(struct model *model, const struct model_order *order, uint8_t reason)
{
    const union cell cell = {.order_canceled = {
                                 .kind = CELL_KIND_ORDER_CANCELED,
                                 .shape = (uint8_t)(1u | (order->sell ? CELL_SELL : 0)),
                                 .instrument = order->instrument,
                                 .seq = model->seq,
                                 .time = model->time_ns,
                                 .clord = order->clord,
                                 .order_id = order->order_id,
                                 .removed_qty = model_leaves(order),
                                 .cum_qty = order->cum_qty,
                                 .index = ++model->event_index,
                                 .reason = reason,
                                 .account = order->account,
                                 .session = order->session,
                             }};

    model_emit(model, &cell);
}

/* model_note_id checks an id that the engine gave: of this shard, of a slot that is
 * there, and later than any id that this slot had. */
void
model_note_id(struct model *model, uint64_t order_id)
{
    const uint64_t slot = MODEL_SLOT(order_id);

    if (order_id == 0 || order_id >> 60 != model->shard || slot >= model->orders_max) {
        model->complaint = "an order id that cannot be";
        return;
    }
    if (order_id <= model->last_ids[slot])
        model->complaint = "an order id that was given before";
    model->last_ids[slot] = order_id;
}

/* model_insert puts an order behind all that are as good or better. */
void
model_insert(struct model *model, struct model_order *order)
{
    struct model_order **at = &model->instruments[order->instrument].side[order->sell];

    while (*at != NULL && (order->sell ? (*at)->px <= order->px : (*at)->px >= order->px))
        at = &(*at)->next;
    order->next = *at;
    *at = order;
    model->orders_cnt++;
}

void
model_unlink(struct model *model, const struct model_order *order)
{
    struct model_order **at = &model->instruments[order->instrument].side[order->sell];

    while (*at != order)
        at = &(*at)->next;
    *at = order->next;
    model->orders_cnt--;
}

static bool
crosses(const struct model_order *maker, bool sell, px_t px)
{
    return sell ? maker->px >= px : maker->px <= px;
}

bool
model_would_trade(const struct model *model, uint32_t instrument, bool sell, px_t px)
{
    const struct model_order *best = model->instruments[instrument].side[!sell];

    return best != NULL && crosses(best, sell, px);
}

/* model_reachable sums up what an order could trade at once. */
uint64_t
model_reachable(const struct model *model, uint32_t instrument, bool sell, px_t px)
{
    uint64_t sum = 0;

    for (const struct model_order *o = model->instruments[instrument].side[!sell];
         o != NULL && crosses(o, sell, px); o = o->next)
        sum += model_leaves(o);
    return sum;
}

static void
emit_trade(struct model *model,
           const struct model_order *taker,
           const struct model_order *maker,
           qty_t qty)
{
    const union cell first = {.trade = {
                                  .kind = CELL_KIND_TRADE,
                                  .shape = (uint8_t)(2u | (taker->sell ? CELL_SELL : 0)),
                                  .instrument = taker->instrument,
                                  .seq = model->seq,
                                  .time = model->time_ns,
                                  .clord = taker->clord,
                                  .order_id = taker->order_id,
                                  .px = maker->px,
                                  .qty = qty,
                                  .leaves_qty = model_leaves(taker),
                                  .account = taker->account,
                                  .session = taker->session,
                              }};
    const union cell second = {
        .trade_maker = {
            .kind = CELL_KIND_TRADE_MAKER,
            .session = maker->session,
            .account = maker->account,
            .clord = maker->clord,
            .order_id = maker->order_id,
            .match_id = (uint64_t)model->shard << 60 | model->seq << 20 | (model->event_index + 1),
            .cum_qty = maker->cum_qty,
            .leaves_qty = model_leaves(maker),
            .taker_cum_qty = taker->cum_qty,
        }};

    model->event_index += 2;
    model_emit(model, &first);
    model_emit(model, &second);
}

/* model_trade lets the taker have what it can at its limit, from the best price on,
 * oldest orders first, each at the price of the order that was there. */
void
model_trade(struct model *model, struct model_order *taker)
{
    struct model_instrument *instrument = &model->instruments[taker->instrument];

    while (model_leaves(taker) > 0 &&
           model_would_trade(model, taker->instrument, taker->sell, taker->px)) {
        struct model_order *maker = instrument->side[!taker->sell];
        const qty_t qty =
            model_leaves(taker) < model_leaves(maker) ? model_leaves(taker) : model_leaves(maker);

        taker->cum_qty += qty;
        maker->cum_qty += qty;
        model->positions[taker->account][taker->instrument].qty +=
            taker->sell ? -(int64_t)qty : qty;
        model->positions[maker->account][maker->instrument].qty +=
            maker->sell ? -(int64_t)qty : qty;
        instrument->last_px = maker->px;
        emit_trade(model, taker, maker, qty);
        if (model_leaves(maker) == 0) {
            model_unlink(model, maker);
            free(maker);
        }
    }
}
