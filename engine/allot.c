/*
 * Shares: what the orders at a price get when a taker wants less than they show,
 * pro rata or split (docs/matching.md). A round has two passes over the displayed
 * orders. The first sums what the floors give, so that it is known what they
 * leave; it changes nothing. The second computes each share again and trades.
 * Both can be left between two orders. Nothing is stored for an order: its
 * share follows from what it shows and from what was given out before it.
 */
#include "engine/work.h"

/* A share, part by part. */
struct share {
    qty_t top_qty;
    qty_t fifo_qty;
    qty_t rata_qty;
    qty_t weight; /* what it shows besides top and fifo */
};

void
allot_begin(struct engine *engine)
{
    struct work *work = &engine->work;
    struct allot *allot = &work->allot;
    const struct order *taker = &engine->orders.orders[work->taker];
    const struct book *book = &engine->books[taker->instrument];
    const struct book_rare *rare = &engine->rares[taker->instrument];
    const struct level *level =
        ladder_level(&engine->pages, book->sides[!order_is_sell(taker)].best_level);
    const struct order *head = &engine->orders.orders[level->head];
    qty_t left_qty = taker->leaves_qty;

    ASSERT(left_qty < level->shown_qty);
    *allot = (struct allot){.slot = level->head};
    if ((head->flags & ORDER_TOP) != 0) {
        const qty_t shown_qty = order_shown_qty(&engine->extras, head);

        allot->top_qty = rare->top_max < shown_qty ? rare->top_max : shown_qty;
        if (allot->top_qty > left_qty)
            allot->top_qty = left_qty;
    }
    left_qty -= allot->top_qty;
    if (book->algorithm == CELL_MATCH_ALGORITHM_SPLIT)
        allot->fifo_qty = (qty_t)((uint64_t)left_qty * rare->fifo_permille / 1000);
    allot->summed_fifo_qty = allot->fifo_qty;
    allot->rata_qty = left_qty - allot->fifo_qty;
    allot->left_qty = allot->rata_qty;
    allot->weight = level->shown_qty - allot->top_qty - allot->fifo_qty;
    work->phase = PHASE_ALLOT;
}

/* share_of computes what an order gets but for what is left over at the end;
 * fifo_qty is what is still to be given by time. */
static struct share
share_of(const struct engine *engine, const struct order *order, qty_t top_qty, qty_t fifo_qty)
{
    const struct allot *allot = &engine->work.allot;
    const qty_t shown_qty = order_shown_qty(&engine->extras, order) - top_qty;
    struct share share = {.top_qty = top_qty,
                          .fifo_qty = fifo_qty < shown_qty ? fifo_qty : shown_qty};

    share.weight = shown_qty - share.fifo_qty;
    share.rata_qty = (qty_t)((uint64_t)share.weight * allot->rata_qty / allot->weight);
    if (share.rata_qty < engine->rares[order->instrument].allocation_min)
        share.rata_qty = 0;
    return share;
}

/* sum_step looks at the next order in the first pass. Of what goes by time
 * nothing is noted but how much is still to be given; it is given again in the
 * second pass. */
static void
sum_step(struct engine *engine, const struct level *level)
{
    struct allot *allot = &engine->work.allot;
    const struct order *order = &engine->orders.orders[allot->slot];
    const bool first = allot->slot == level->head;
    const struct share share =
        share_of(engine, order, first ? allot->top_qty : 0, allot->summed_fifo_qty);

    allot->summed_fifo_qty -= share.fifo_qty;
    allot->left_qty -= share.rata_qty;
    allot->slot = order->next;
    if (allot->slot != level->hidden_head)
        return;
    allot->executing = true;
    allot->slot = level->head;
}

/* execute_step gives the next order its share. */
static void
execute_step(struct engine *engine, struct cell_sink *out)
{
    struct work *work = &engine->work;
    struct allot *allot = &work->allot;
    const uint32_t slot = allot->slot;
    const struct order *order = &engine->orders.orders[slot];
    const struct share share = share_of(engine, order, allot->top_qty, allot->fifo_qty);
    const qty_t open_qty = share.weight - share.rata_qty;
    const qty_t more_qty = allot->left_qty < open_qty ? allot->left_qty : open_qty;
    const qty_t qty = share.top_qty + share.fifo_qty + share.rata_qty + more_qty;

    allot->top_qty = 0; /* was the first one's */
    allot->fifo_qty -= share.fifo_qty;
    allot->left_qty -= more_qty;
    allot->slot = order->next;
    if (qty != 0 && !sweep_trade(engine, slot, qty, out))
        work->phase = PHASE_SWEEP;
    else if (engine->orders.orders[work->taker].leaves_qty == 0)
        work->phase = PHASE_SWEEP;
}

void
allot_step(struct engine *engine, struct slice *slice, struct cell_sink *out)
{
    const struct order *taker = &engine->orders.orders[engine->work.taker];
    const struct book *book = &engine->books[taker->instrument];
    const uint32_t at = book->sides[!order_is_sell(taker)].best_level;

    if (engine->work.allot.executing) {
        slice->budget -= STEP_COST;
        execute_step(engine, out);
    } else {
        slice->budget--;
        sum_step(engine, ladder_level(&engine->pages, at));
    }
}
