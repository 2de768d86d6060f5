/*
 * Stops: what is elected when an order is done, and in which order they are
 * matched (docs/matching.md). An elected order joins the end of a queue that
 * lives within the command; the head of the queue is the next taker.
 */
#include "engine/work.h"

void
settle_range(struct engine *engine, uint32_t instrument, uint32_t tick)
{
    struct work *work = &engine->work;

    work->range_instrument = instrument;
    if (tick < work->low_tick)
        work->low_tick = tick;
    if (tick > work->high_tick)
        work->high_tick = tick;
}

bool
settle_is_reached(const struct book *book, bool sell, uint32_t stop_tick)
{
    if (book->last_tick == 0)
        return false;
    return sell ? book->last_tick <= stop_tick : book->last_tick >= stop_tick;
}

/* elect_one moves one stop that the range has reached into the queue; false if
 * there is none. */
static bool
elect_one(struct engine *engine, struct cell_sink *out)
{
    const struct work *work = &engine->work;
    const struct book_rare *rare = &engine->rares[work->range_instrument];
    const uint32_t reached_key[2] = {work->high_tick, ladder_key(work->low_tick, false)};

    for (unsigned sell = 0; sell < 2; sell++) {
        const struct ladder *stops = &rare->stops[sell];

        if (stops->best_key > reached_key[sell])
            continue;

        const uint32_t slot = ladder_level(&engine->pages, stops->best_level)->head;

        place_out(engine, slot);
        place_elect(engine, slot, out);
        return true;
    }
    return false;
}

bool
settle_px_allowed(const struct engine *engine, uint32_t instrument, uint32_t tick)
{
    const struct book *book = &engine->books[instrument];

    return engine->cfg.no_risk || risk_px_allowed(engine->risk, instrument, book_last_px(book),
                                                  book_mid_px(engine, book), book_px(book, tick));
}

/* get_market_limit gives a Stop the tick up to which it trades and asks risk for
 * it, whose reservation moves there. Returns 0 or why it is canceled. */
static uint8_t
get_market_limit(struct engine *engine, struct order *order)
{
    const struct book *book = &engine->books[order->instrument];
    const bool sell = order_is_sell(order);
    uint32_t tick;

    if (engine->cfg.no_risk) {
        order->tick = sell ? 1 : engine->rares[order->instrument].tick_end - 1;
        return 0;
    }
    if (!risk_market_tick(engine->risk, order->instrument, book_last_px(book),
                          book_mid_px(engine, book), sell, &tick) ||
        !settle_px_allowed(engine, order->instrument, tick))
        return OE_CANCEL_REASON_NO_ROOM;

    const struct risk_hold hold = order_hold(engine, order);

    if (!risk_check_elected(engine->risk, &hold, book_px(book, tick)))
        return OE_CANCEL_REASON_RISK_LIMIT;
    order->tick = tick;
    return 0;
}

/* get_limit finds up to where an elected order trades. Returns 0, or why it is
 * canceled: there is no limit, it is out of bounds by now, or refused by risk, or
 * there is no room for it to rest. */
static uint8_t
get_limit(struct engine *engine, struct order *order)
{
    struct book *book = &engine->books[order->instrument];
    const bool sell = order_is_sell(order);

    if (order->ord_type == OE_ORD_TYPE_STOP)
        return get_market_limit(engine, order);
    return settle_px_allowed(engine, order->instrument, order->tick) &&
                   ladder_has_room(&engine->pages, book_side(book, sell),
                                   ladder_key(order->tick, sell))
               ? 0
               : OE_CANCEL_REASON_NO_ROOM;
}

void
settle_step(struct engine *engine, struct slice *slice, struct cell_sink *out)
{
    struct work *work = &engine->work;

    slice->budget -= STEP_COST;
    /* The offer of a quote comes before the stops that its bid elects. */
    if (work->kind == WORK_QUOTE && work->sides[1] != ORDER_NONE) {
        work->phase = PHASE_NEXT;
        return;
    }
    if (work->high_tick != 0) {
        if ((engine->books[work->range_instrument].flags & BOOK_STOPS) != 0 &&
            elect_one(engine, out))
            return;
        work->low_tick = UINT32_MAX;
        work->high_tick = 0;
    }
    if (work->queue_head == ORDER_NONE) {
        work->phase = PHASE_NEXT;
        return;
    }

    const uint32_t slot = work->queue_head;

    place_out(engine, slot);

    const uint8_t reason = get_limit(engine, &engine->orders.orders[slot]);

    if (reason == 0)
        sweep_begin(engine, slot);
    else
        order_retire(engine, slot, reason, out);
}
