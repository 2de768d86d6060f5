#include "engine/emit.h"
#include "engine/work.h"

void
sweep_begin(struct engine *engine, uint32_t slot)
{
    ASSERT(engine->orders.orders[slot].place == PLACE_TAKER);
    engine->work.taker = slot;
    engine->work.own_level = LADDER_NONE;
    engine->work.phase = PHASE_SWEEP;
}

/* group_of returns what must be equal for self-match prevention. */
static uint32_t
group_of(const struct engine *engine, const struct order *order)
{
    return engine->cfg.no_risk ? order->account : risk_account_group(engine->risk, order->account);
}

bool
sweep_is_own(const struct engine *engine, const struct order *taker, const struct order *maker)
{
    return cell_stp(taker->stp_capacity) != OE_SELF_MATCH_PREVENTION_INSTRUCTION_NONE &&
           group_of(engine, taker) == group_of(engine, maker);
}

/* cancel_partner cancels the order that the one in slot is linked to, if any;
 * one that has nothing left was just filled and is only unlinked. Returns the
 * level that it rested in, LADDER_NONE if it did not. */
static uint32_t
cancel_partner(struct engine *engine, uint32_t slot, struct cell_sink *out)
{
    const uint32_t partner = order_partner(&engine->extras, &engine->orders.orders[slot]);

    if (partner == ORDER_NONE)
        return LADDER_NONE;

    const struct order *other = &engine->orders.orders[partner];
    const uint32_t level = other->place == PLACE_BOOK ? other->level : LADDER_NONE;

    order_unlink(engine, slot);
    if (other->leaves_qty == 0)
        return LADDER_NONE;
    order_retire(engine, partner, OE_CANCEL_REASON_LINKED, out);
    return level;
}

/* take_from takes qty from a maker that rests in level. */
static void
take_from(struct engine *engine, struct order *maker, struct level *level, qty_t qty)
{
    maker->leaves_qty -= qty;
    maker->cum_qty += qty;
    if (order_is_hidden(maker)) {
        level->reserve_qty -= qty;
        return;
    }
    level->shown_qty -= qty;
    if (order_is_iceberg(&engine->extras, maker))
        extra_of(&engine->extras, maker)->shown_qty -= qty;
}

bool
sweep_trade(struct engine *engine, uint32_t maker_slot, qty_t qty, struct cell_sink *out)
{
    const uint32_t taker_slot = engine->work.taker;
    struct order *taker = &engine->orders.orders[taker_slot];
    struct order *maker = &engine->orders.orders[maker_slot];
    struct book *book = &engine->books[taker->instrument];
    const uint32_t at = maker->level;
    const uint64_t maker_id = maker->order_id;
    bool same = true;

    ASSERT(qty > 0);
    ASSERT(qty <= taker->leaves_qty);

    const px_t px = book_px(book, maker->tick);
    struct trade_fees fees;

    fees.taker = book_on_trade(engine, taker, px, qty, false);
    fees.maker = book_on_trade(engine, maker, px, qty, true);
    taker->leaves_qty -= qty;
    taker->cum_qty += qty;
    take_from(engine, maker, ladder_level(&engine->pages, at), qty);
    book->last_tick = maker->tick;
    settle_range(engine, taker->instrument, maker->tick);
    engine_emit_trade(engine, taker, maker, px, qty, fees, out);

    same &= cancel_partner(engine, taker_slot, out) != at;
    /* The taker's other may have been the maker. */
    if (order_find(&engine->orders, maker_id) == ORDER_NONE)
        return same;
    same &= cancel_partner(engine, maker_slot, out) != at;
    if (maker->leaves_qty == 0)
        order_end(engine, maker_slot);
    else if (order_shown_qty(&engine->extras, maker) == 0 && !order_is_hidden(maker)) {
        place_refresh(engine, maker_slot);
        engine_emit_refreshed(engine, maker, out);
    }
    return same;
}

/* cancel_taker ends the taker; what it has left is canceled. */
static void
cancel_taker(struct engine *engine, uint8_t reason, struct cell_sink *out)
{
    order_retire(engine, engine->work.taker, reason, out);
    engine->work.taker = ORDER_NONE;
    engine->work.phase = PHASE_SETTLE;
}

/* decrement takes qty from an order without a trade: one that has nothing left
 * is canceled. Returns whether it lives on. */
static bool
decrement(struct engine *engine, uint32_t slot, qty_t qty, struct cell_sink *out)
{
    struct order *order = &engine->orders.orders[slot];

    if (order->leaves_qty == qty) {
        order_retire(engine, slot, OE_CANCEL_REASON_SELF_MATCH_PREVENTION, out);
        return false;
    }
    book_give_back(engine, order, qty);
    place_shrink(engine, order, order->leaves_qty - qty);
    engine_emit_restated(engine, order, CELL_RESTATE_REASON_SELF_MATCH_DECREMENT, out);
    return true;
}

/* prevent keeps the taker from trading with one of its own. */
static void
prevent(struct engine *engine, uint32_t maker_slot, struct cell_sink *out)
{
    const struct order *taker = &engine->orders.orders[engine->work.taker];
    const struct order *maker = &engine->orders.orders[maker_slot];
    const qty_t qty = taker->leaves_qty < maker->leaves_qty ? taker->leaves_qty : maker->leaves_qty;

    engine_emit_prevented(engine, taker, maker, qty, out);
    switch (cell_stp(taker->stp_capacity)) {
    case OE_SELF_MATCH_PREVENTION_INSTRUCTION_CANCEL_AGGRESSIVE:
        cancel_taker(engine, OE_CANCEL_REASON_SELF_MATCH_PREVENTION, out);
        break;
    case OE_SELF_MATCH_PREVENTION_INSTRUCTION_CANCEL_PASSIVE:
        order_retire(engine, maker_slot, OE_CANCEL_REASON_SELF_MATCH_PREVENTION, out);
        break;
    case OE_SELF_MATCH_PREVENTION_INSTRUCTION_CANCEL_BOTH:
        order_retire(engine, maker_slot, OE_CANCEL_REASON_SELF_MATCH_PREVENTION, out);
        cancel_taker(engine, OE_CANCEL_REASON_SELF_MATCH_PREVENTION, out);
        break;
    case OE_SELF_MATCH_PREVENTION_INSTRUCTION_DECREMENT:
        (void)decrement(engine, maker_slot, qty, out);
        if (!decrement(engine, engine->work.taker, qty, out)) {
            engine->work.taker = ORDER_NONE;
            engine->work.phase = PHASE_SETTLE;
        }
        break;
    default:
        UNREACHABLE("terms.c knows the modes");
    }
}

/* sweep_end: the taker meets nobody any more. */
static void
sweep_end(struct engine *engine, struct cell_sink *out)
{
    const uint32_t slot = engine->work.taker;
    const struct order *taker = &engine->orders.orders[slot];

    if (taker->leaves_qty == 0) {
        order_end(engine, slot);
    } else if (order_rests(taker)) {
        place_rest(engine, slot);
    } else {
        cancel_taker(engine, OE_CANCEL_REASON_IMMEDIATE_OR_CANCEL, out);
    }
    engine->work.taker = ORDER_NONE;
    engine->work.phase = PHASE_SETTLE;
}

/* meet lets the taker meet the first order of the best level. */
static void
meet(struct engine *engine, uint32_t maker_slot, struct cell_sink *out)
{
    const struct order *taker = &engine->orders.orders[engine->work.taker];
    const struct order *maker = &engine->orders.orders[maker_slot];
    const qty_t shown_qty =
        order_is_hidden(maker) ? maker->leaves_qty : order_shown_qty(&engine->extras, maker);

    (void)sweep_trade(engine, maker_slot,
                      taker->leaves_qty < shown_qty ? taker->leaves_qty : shown_qty, out);
}

/* meet_own goes on through all orders of a level for the taker's own: the first
 * thing that is done at a price where quantity is shared out. */
static void
meet_own(struct engine *engine, struct slice *slice, struct cell_sink *out)
{
    struct work *work = &engine->work;
    const struct order *orders = engine->orders.orders;

    while (work->phase == PHASE_SWEEP && work->own_slot != ORDER_NONE &&
           !slice_is_spent(slice, out)) {
        const uint32_t slot = work->own_slot;

        work->own_slot = orders[slot].next;
        slice->budget--;
        if (sweep_is_own(engine, &orders[work->taker], &orders[slot]))
            prevent(engine, slot, out);
    }
}

void
sweep_step(struct engine *engine, struct slice *slice, struct cell_sink *out)
{
    struct work *work = &engine->work;
    const struct order *orders = engine->orders.orders;
    const struct order *taker = &orders[work->taker];
    struct book *book = &engine->books[taker->instrument];
    const bool sell = order_is_sell(taker);
    const struct ladder *side = book_side(book, !sell);

    slice->budget -= STEP_COST;
    if (taker->leaves_qty == 0 || side->best_key > ladder_key(taker->tick, !sell)) {
        sweep_end(engine, out);
        return;
    }

    const struct level *level = ladder_level(&engine->pages, side->best_level);

    if (book->algorithm == CELL_MATCH_ALGORITHM_PRICE_TIME) {
        if (sweep_is_own(engine, taker, &orders[level->head]))
            prevent(engine, level->head, out);
        else
            meet(engine, level->head, out);
        return;
    }
    if (work->own_level != side->best_level) {
        work->own_level = side->best_level;
        work->own_slot = cell_stp(taker->stp_capacity) != 0 ? level->head : ORDER_NONE;
    }
    if (work->own_slot != ORDER_NONE)
        meet_own(engine, slice, out);
    else if (taker->leaves_qty >= level->shown_qty)
        meet(engine, level->head, out);
    else
        allot_begin(engine);
}
