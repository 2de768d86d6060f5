#include <stdlib.h>

#include "tests/model/model_parts.h"

const struct model_order *
model_find_id(const struct model *model, uint64_t order_id)
{
    for (const struct model_order *o = model->live; o != NULL; o = o->next_live)
        if (o->order_id == order_id)
            return o;
    return NULL;
}

const struct model_order *
model_find_clord(const struct model *model, uint16_t session, uint64_t clord)
{
    for (const struct model_order *o = model->live; o != NULL; o = o->next_live)
        if (o->session == session && o->clord == clord && !o->is_quote)
            return o;
    return NULL;
}

uint64_t
model_open_qty(const struct model *model, uint32_t account, uint32_t instrument, bool sell)
{
    uint64_t sum = 0;

    for (const struct model_order *o = model->live; o != NULL; o = o->next_live)
        if (o->account == account && o->instrument == instrument && o->sell == sell)
            sum += o->leaves_qty;
    return sum;
}

/* model_note_id checks an id that the engine gave: of this shard, of a slot that is
 * there and free, and later than any id that this slot had. */
void
model_note_id(struct model *model, uint64_t order_id)
{
    const uint64_t slot = MODEL_SLOT(order_id);

    if (order_id == 0 || order_id >> 60 != model->cfg.shard || slot >= model->cfg.orders_max) {
        model->complaint = "an order id that cannot be";
        return;
    }
    if (order_id <= model->last_ids[slot])
        model->complaint = "an order id that was given before";
    model->last_ids[slot] = order_id;
}

struct model_order *
model_order_make(struct model *model, const struct model_order *like)
{
    struct model_order *order = malloc(sizeof *order);

    ASSERT(order != NULL);
    *order = *like;
    order->place = MODEL_IN_WORK;
    order->origin = model->origin;
    order->next_live = model->live;
    model->live = order;
    model->orders_cnt++;
    model_note_id(model, order->order_id);
    if (!model->cfg.no_risk)
        model_use_position(model, order->account, order->instrument);
    return order;
}

/* list_of returns the list in which the order stands. */
static struct model_order **
list_of(struct model *model, const struct model_order *order)
{
    struct model_instrument *instrument = &model->instruments[order->instrument];

    switch (order->place) {
    case MODEL_BOOK:
        return &instrument->side[order->sell];
    case MODEL_STOP:
        return &instrument->stops[order->sell];
    case MODEL_HELD:
        return &instrument->held;
    case MODEL_PARKED:
        return &instrument->parked;
    case MODEL_QUEUE:
        return &model->queue;
    case MODEL_IN_WORK:
    case MODEL_ENDED:
    default:
        UNREACHABLE("such an order stands nowhere");
    }
}

/* goes_before says whether a new order goes before one that is there. */
static bool
goes_before(const struct model_order *order, const struct model_order *there)
{
    switch (order->place) {
    case MODEL_BOOK:
        if (order->px != there->px)
            return order->sell ? order->px < there->px : order->px > there->px;
        return !model_is_hidden(order) && model_is_hidden(there);
    case MODEL_STOP:
        return order->sell ? order->stop_px > there->stop_px : order->stop_px < there->stop_px;
    case MODEL_HELD:
    case MODEL_PARKED:
    case MODEL_QUEUE:
    case MODEL_IN_WORK:
    case MODEL_ENDED:
    default:
        return false;
    }
}

void
model_put(struct model *model, struct model_order *order, enum model_place place)
{
    ASSERT(order->place == MODEL_IN_WORK);
    order->place = place;

    struct model_order **at = list_of(model, order);

    while (*at != NULL && !goes_before(order, *at))
        at = &(*at)->next;
    order->next = *at;
    *at = order;
}

void
model_take_out(struct model *model, struct model_order *order)
{
    ASSERT(order->place != MODEL_ENDED);
    if (order->place == MODEL_IN_WORK)
        return;

    struct model_order **at = list_of(model, order);

    while (*at != order)
        at = &(*at)->next;
    *at = order->next;
    order->place = MODEL_IN_WORK;
    order->shown_qty = 0;
}

void
model_link(struct model *model, struct model_order *a, struct model_order *b)
{
    ASSERT(a->other == NULL);
    ASSERT(b->other == NULL);
    a->other = b;
    b->other = a;
    model->records_cnt += !a->has_record;
    model->records_cnt += !b->has_record;
    a->has_record = true;
    b->has_record = true;
}

void
model_unlink(struct model_order *order)
{
    if (order->other != NULL)
        order->other->other = NULL;
    order->other = NULL;
}

void
model_end(struct model *model, struct model_order *order)
{
    struct model_order **at = &model->live;

    model_take_out(model, order);
    model_unlink(order);
    while (*at != order)
        at = &(*at)->next_live;
    *at = order->next_live;
    order->place = MODEL_ENDED;
    order->next = model->ended;
    model->ended = order;
    model->orders_cnt--;
    model->records_cnt -= order->has_record;
}

void
model_free_ended(struct model *model)
{
    for (struct model_order *order = model->ended, *next; order != NULL; order = next) {
        next = order->next;
        free(order);
    }
    model->ended = NULL;
}

/* model_cancel takes an order out with all it has left. */
void
model_cancel(struct model *model, struct model_order *order, uint8_t reason)
{
    model_emit_canceled(model, order, order->leaves_qty, reason);
    model_end(model, order);
}

/* model_arm_order lets the order expire at a time, behind whatever was armed
 * before for the same tick. */
void
model_arm_order(struct model *model, struct model_order *order, uint64_t expire_ns)
{
    order->expire_ns = expire_ns;
    order->armed_no = ++model->armed_cnt;
}
