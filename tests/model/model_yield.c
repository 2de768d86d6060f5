/*
 * Minimum quantity and FOK: can the book yield so much at once?
 */
#include "tests/model/model_parts.h"

struct yield {
    const struct model *model;
    const struct model_order *taker;
    qty_t remaining_qty; /* of the taker */
    qty_t got_qty;
    bool is_over; /* nothing more counts */
};

static void
count(struct yield *yield, qty_t qty)
{
    if (qty > yield->remaining_qty)
        qty = yield->remaining_qty;
    yield->remaining_qty -= qty;
    yield->got_qty += qty;
}

/* meet_own does what comes of an order of the taker's own group. */
static void
meet_own(struct yield *yield, const struct model_order *own)
{
    switch (yield->taker->stp_capacity & 0xf) {
    case OE_SELF_MATCH_PREVENTION_INSTRUCTION_CANCEL_PASSIVE:
        break;
    case OE_SELF_MATCH_PREVENTION_INSTRUCTION_DECREMENT:
        yield->remaining_qty -=
            own->leaves_qty < yield->remaining_qty ? own->leaves_qty : yield->remaining_qty;
        break;
    default:
        yield->is_over = yield->remaining_qty > 0;
        break;
    }
}

/* counts says whether an order of another group counts: of two linked ones that
 * the taker can reach only the one with less. */
static bool
counts(const struct yield *yield, const struct model_order *order)
{
    const struct model_order *taker = yield->taker;
    const struct model_order *other = order->other;

    if (other == NULL)
        return true;
    if (other == taker)
        return false;
    if (other->place != MODEL_BOOK || other->sell != order->sell ||
        !model_can_reach(other, taker->sell, taker->px))
        return true;
    if (order->leaves_qty != other->leaves_qty)
        return order->leaves_qty < other->leaves_qty;
    return order->order_id < other->order_id;
}

/* look_in_turn goes through a level as price-time matches it. */
static void
look_in_turn(struct yield *yield, const struct model_order *first)
{
    const px_t px = first->px;

    for (unsigned round = 0; round < 3; round++) /* shown, held back, hidden */
        for (const struct model_order *o = first; o != NULL && o->px == px && !yield->is_over;
             o = o->next) {
            const bool own = model_is_own(yield->model, yield->taker, o);

            if (model_is_hidden(o) != (round == 2))
                continue;
            if (own && round != 1)
                meet_own(yield, o);
            else if (!own && counts(yield, o))
                count(yield, round == 0   ? o->shown_qty
                             : round == 1 ? o->leaves_qty - o->shown_qty
                                          : o->leaves_qty);
        }
}

/* look_shared goes through a level as the other algorithms match it. */
static void
look_shared(struct yield *yield, const struct model_order *first)
{
    for (const struct model_order *o = first; o != NULL && o->px == first->px && !yield->is_over;
         o = o->next)
        if (model_is_own(yield->model, yield->taker, o))
            meet_own(yield, o);
    for (const struct model_order *o = first; o != NULL && o->px == first->px && !yield->is_over;
         o = o->next)
        if (!model_is_own(yield->model, yield->taker, o) && counts(yield, o))
            count(yield, o->leaves_qty);
}

bool
model_can_yield(const struct model *model, const struct model_order *taker, qty_t min_qty)
{
    const struct model_instrument *instrument = &model->instruments[taker->instrument];
    const struct model_order *first = instrument->side[!taker->sell];
    struct yield yield = {.model = model, .taker = taker, .remaining_qty = taker->leaves_qty};

    while (first != NULL && model_can_reach(first, taker->sell, taker->px) && !yield.is_over) {
        const px_t px = first->px;

        if (instrument->set.algorithm == CELL_MATCH_ALGORITHM_PRICE_TIME)
            look_in_turn(&yield, first);
        else
            look_shared(&yield, first);
        while (first != NULL && first->px == px)
            first = first->next;
    }
    return yield.got_qty >= min_qty;
}
