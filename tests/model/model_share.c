/*
 * Pro-rata and split: a taker that cannot have all that is shown at the best
 * price shares it out among those who show it.
 */
#include <stdlib.h>

#include "tests/model/model_parts.h"

/* What one displayed order gets. */
struct share {
    struct model_order *order;
    qty_t besides_qty; /* that it shows and has not yet given */
    qty_t part_qty;
    qty_t weight_qty;
};

/* take gives an order so much more, as far as it shows it, and returns what. */
static qty_t
take(struct share *share, qty_t qty)
{
    if (qty > share->besides_qty)
        qty = share->besides_qty;
    share->besides_qty -= qty;
    share->part_qty += qty;
    return qty;
}

/* share_in_turn gives out qty in the order of the queue, and returns the rest. */
static qty_t
share_in_turn(struct share *shares, uint32_t cnt, qty_t qty)
{
    for (uint32_t i = 0; i < cnt; i++)
        qty -= take(&shares[i], qty);
    return qty;
}

/* share_pro_rata gives out what it can of qty, and returns the rest. */
static qty_t
share_pro_rata(struct share *shares, uint32_t cnt, qty_t qty, qty_t allocation_min)
{
    uint64_t sum = 0;
    qty_t left_qty = qty;

    for (uint32_t i = 0; i < cnt; i++)
        sum += shares[i].weight_qty = shares[i].besides_qty;
    for (uint32_t i = 0; i < cnt && sum > 0; i++) {
        const qty_t part = (qty_t)((uint64_t)shares[i].weight_qty * qty / sum);

        if (part >= allocation_min)
            left_qty -= take(&shares[i], part);
    }
    return left_qty;
}

/* allocate divides the taker's leaves; all of it is given out. */
static void
allocate(const struct cell_instrument_set *set, struct share *shares, uint32_t cnt, qty_t leaves)
{
    qty_t left_qty = leaves;

    for (uint32_t i = 0; i < cnt; i++)
        if (shares[i].order->is_top)
            left_qty -= take(&shares[i], left_qty < set->top_max ? left_qty : set->top_max);
    if (set->algorithm == CELL_MATCH_ALGORITHM_SPLIT) {
        const qty_t fifo_qty = (qty_t)((uint64_t)left_qty * set->fifo_permille / 1000);

        left_qty -= fifo_qty;
        left_qty += share_in_turn(shares, cnt, fifo_qty);
    }
    left_qty = share_pro_rata(shares, cnt, left_qty, set->allocation_min);
    left_qty = share_in_turn(shares, cnt, left_qty);
    ASSERT(left_qty == 0);
}

/* own_at finds the first order at px that must not trade with the taker. */
static struct model_order *
own_at(const struct model *model, const struct model_order *taker, px_t px)
{
    struct model_order *o = model->instruments[taker->instrument].side[!taker->sell];

    for (; o != NULL && o->px == px; o = o->next)
        if (model_is_own(model, taker, o))
            return o;
    return NULL;
}

/* share_out lets the taker trade with all who show something at px, each once. */
static void
share_out(struct model *model, struct model_order *taker, px_t px)
{
    const struct model_instrument *instrument = &model->instruments[taker->instrument];
    struct share *shares = calloc(model->orders_cnt, sizeof *shares);
    uint32_t cnt = 0;

    ASSERT(shares != NULL);
    for (struct model_order *o = instrument->side[!taker->sell];
         o != NULL && o->px == px && !model_is_hidden(o); o = o->next)
        shares[cnt++] = (struct share){.order = o, .besides_qty = o->shown_qty};
    allocate(&instrument->set, shares, cnt, taker->leaves_qty);
    for (uint32_t i = 0; i < cnt; i++)
        if (shares[i].part_qty > 0 &&
            model_trade(model, taker, shares[i].order, shares[i].part_qty))
            break;
    free(shares);
}

/* model_share_step is what happens at the best price, once. */
void
model_share_step(struct model *model, struct model_order *taker)
{
    const struct model_instrument *instrument = &model->instruments[taker->instrument];
    const px_t px = instrument->side[!taker->sell]->px;
    struct model_order *own;
    uint64_t shown_qty = 0;

    while (taker->place != MODEL_ENDED && (own = own_at(model, taker, px)) != NULL)
        model_self_match(model, taker, own);

    struct model_order *first = instrument->side[!taker->sell];

    if (taker->place == MODEL_ENDED || first == NULL || first->px != px)
        return;
    for (const struct model_order *o = first; o != NULL && o->px == px; o = o->next)
        shown_qty += o->shown_qty;
    if (taker->leaves_qty >= shown_qty)
        model_step(model, taker, first);
    else
        share_out(model, taker, px);
}
