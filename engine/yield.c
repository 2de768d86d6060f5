/*
 * What could the book yield? Asked by FOK and minimum quantity before anything
 * trades. It plays the sweep through without changing a thing, as
 * docs/matching.md says; where links make it hard to know, it says less.
 *
 * Without self-match prevention and links a level is as good as its sums.
 */
#include "engine/work.h"

enum yield_pass {
    YIELD_LEVEL, /* at the begin of a level */
    YIELD_OWN,   /* shared prices: own orders first */
    YIELD_SHOWN,
    YIELD_HIDDEN
};

void
yield_begin(struct engine *engine, uint32_t slot, qty_t min_qty)
{
    struct work *work = &engine->work;
    const struct order *taker = &engine->orders.orders[slot];
    const bool sell = order_is_sell(taker);
    const struct ladder *side = book_side(&engine->books[taker->instrument], !sell);

    ASSERT(taker->place == PLACE_TAKER);
    work->taker = slot;
    work->yield = (struct yield){
        .level = side->best_key <= ladder_key(taker->tick, !sell) ? side->best_level : LADDER_NONE,
        .pass = YIELD_LEVEL,
        .remaining_qty = taker->leaves_qty,
        .min_qty = min_qty,
    };
    work->phase = PHASE_YIELD;
}

/* counts says whether a maker's quantity counts beside its partner's. */
static bool
counts(const struct engine *engine, const struct order *taker, const struct order *maker)
{
    const uint32_t slot = order_partner(&engine->extras, maker);

    if (slot == ORDER_NONE)
        return true;
    if (slot == engine->work.taker)
        return false;

    const struct order *partner = &engine->orders.orders[slot];
    const bool sell = order_is_sell(maker);

    if (partner->place != PLACE_BOOK || order_is_sell(partner) != sell ||
        ladder_key(partner->tick, sell) > ladder_key(taker->tick, sell))
        return true;
    return maker->leaves_qty < partner->leaves_qty ||
           (maker->leaves_qty == partner->leaves_qty && maker->order_id < partner->order_id);
}

static void
yield_count(struct yield *yield, uint64_t qty)
{
    const uint64_t taken_qty = qty < yield->remaining_qty ? qty : yield->remaining_qty;

    yield->sum_qty += taken_qty;
    yield->remaining_qty -= (qty_t)taken_qty;
}

/* look_own does what an own order does to the taker; false if the taker would
 * end there. */
static bool
look_own(struct yield *yield, const struct order *taker, const struct order *maker)
{
    switch (cell_stp(taker->stp_capacity)) {
    case OE_SELF_MATCH_PREVENTION_INSTRUCTION_CANCEL_PASSIVE:
        return true;
    case OE_SELF_MATCH_PREVENTION_INSTRUCTION_DECREMENT:
        yield->remaining_qty -=
            maker->leaves_qty < yield->remaining_qty ? maker->leaves_qty : yield->remaining_qty;
        return yield->remaining_qty != 0;
    default:
        return false;
    }
}

/* look at one order; false if nothing counts from there on. */
static bool
look(struct engine *engine, const struct order *taker, const struct order *maker, bool shared)
{
    struct yield *yield = &engine->work.yield;
    const bool own = sweep_is_own(engine, taker, maker);

    if (yield->pass == YIELD_OWN)
        return !own || look_own(yield, taker, maker);
    if (own)
        return shared || look_own(yield, taker, maker);
    if (!counts(engine, taker, maker))
        return true;
    if (shared || yield->pass == YIELD_HIDDEN) {
        yield_count(yield, maker->leaves_qty);
    } else {
        const qty_t shown_qty = order_shown_qty(&engine->extras, maker);

        yield_count(yield, shown_qty);
        yield->reserve_qty += maker->leaves_qty - shown_qty;
    }
    return true;
}

/* next_level goes on to the next level that crosses. */
static void
next_level(struct engine *engine, const struct order *taker)
{
    struct yield *yield = &engine->work.yield;
    const bool sell = order_is_sell(taker);

    yield->pass = YIELD_LEVEL;
    yield->level = ladder_next(&engine->pages, yield->level);
    if (yield->level != LADDER_NONE &&
        ladder_key_of(&engine->pages, yield->level) > ladder_key(taker->tick, !sell))
        yield->level = LADDER_NONE;
}

/* next_pass goes on when the orders of a pass are done. */
static void
next_pass(struct engine *engine, const struct order *taker, const struct level *level)
{
    struct yield *yield = &engine->work.yield;

    switch ((enum yield_pass)yield->pass) {
    case YIELD_OWN:
        yield->pass = YIELD_SHOWN;
        yield->slot = level->head;
        break;
    case YIELD_SHOWN:
        yield_count(yield, yield->reserve_qty);
        yield->reserve_qty = 0;
        yield->pass = YIELD_HIDDEN;
        yield->slot = level->hidden_head;
        break;
    case YIELD_LEVEL:
    case YIELD_HIDDEN:
    default:
        next_level(engine, taker);
        break;
    }
}

/* begin_level counts a level by its sums or begins to look at its orders. */
static void
begin_level(struct engine *engine,
            const struct order *taker,
            const struct level *level,
            bool shared)
{
    struct yield *yield = &engine->work.yield;
    const bool own = cell_stp(taker->stp_capacity) != 0;

    if (!own && engine->linked_cnt == 0) {
        yield_count(yield, level->shown_qty + level->reserve_qty);
        next_level(engine, taker);
        return;
    }
    yield->pass = own && shared ? YIELD_OWN : YIELD_SHOWN;
    yield->slot = level->head;
}

void
yield_step(struct engine *engine, struct slice *slice, struct cell_sink *out)
{
    struct work *work = &engine->work;
    struct yield *yield = &work->yield;
    const struct order *orders = engine->orders.orders;
    const struct order *taker = &orders[work->taker];
    const bool shared =
        engine->books[taker->instrument].algorithm != CELL_MATCH_ALGORITHM_PRICE_TIME;

    slice->budget--;
    if (yield->sum_qty >= yield->min_qty) {
        sweep_begin(engine, work->taker);
        return;
    }
    if (yield->level == LADDER_NONE || yield->remaining_qty == 0) {
        order_retire(engine, work->taker,
                     taker->tif == OE_TIME_IN_FORCE_FILL_OR_KILL ? OE_CANCEL_REASON_FILL_OR_KILL
                                                                 : OE_CANCEL_REASON_MIN_QTY,
                     out);
        work->phase = PHASE_SETTLE;
        return;
    }

    const struct level *level = ladder_level(&engine->pages, yield->level);

    if (yield->pass == YIELD_LEVEL) {
        begin_level(engine, taker, level, shared);
        return;
    }

    const uint32_t end = yield->pass == YIELD_SHOWN ? level->hidden_head : ORDER_NONE;

    if (yield->slot == end || yield->slot == ORDER_NONE) {
        next_pass(engine, taker, level);
        return;
    }

    const uint32_t slot = yield->slot;

    yield->slot = orders[slot].next;
    if (!look(engine, taker, &orders[slot], shared))
        yield->level = LADDER_NONE;
}
