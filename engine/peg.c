/*
 * Pegs: where a pegged order belongs, and moving those that are elsewhere.
 *
 * The pegs of an instrument are in a list, in the order of their arrival. A book
 * with pegs is disturbed when a displayed order that is no peg comes to rest or
 * goes; then, at the end of the command, the list is walked. While nothing
 * disturbs the book again, the pegs before the one at hand are where they
 * belong; else the walk begins anew. While there is no trading in the instrument
 * pegs stay where they are; when it opens the book counts as disturbed.
 *
 * The book keeps the references of the last walk that came to its end: while they
 * are the same, every peg stands where it belongs and there is nothing to walk.
 * Most orders rest behind the best price, and change none.
 *
 * A peg is asked for collar and band once for each price that it is to move to.
 * If they do not let it, it is parked and barred from this very tick; then it
 * has nothing to do until its references give it another one.
 */
#include "engine/work.h"

/* No tick: a walk was begun, or the pegs are the first. */
#define REFS_UNKNOWN UINT32_MAX

void
peg_join(struct engine *engine, uint32_t slot)
{
    struct order *orders = engine->orders.orders;
    struct book_rare *rare = &engine->rares[orders[slot].instrument];
    struct extra *extra = extra_of(&engine->extras, &orders[slot]);

    extra->peg_next = ORDER_NONE;
    extra->peg_prev = rare->pegs_tail;
    if (rare->pegs_tail == ORDER_NONE) {
        rare->pegs_head = slot;
        rare->pegs_refs[0] = REFS_UNKNOWN; /* nobody kept them up to date */
    } else {
        extra_of(&engine->extras, &orders[rare->pegs_tail])->peg_next = slot;
    }
    rare->pegs_tail = slot;
    ASSERT(rare->pegs_cnt < PEGS_MAX);
    rare->pegs_cnt++;
    engine->books[orders[slot].instrument].flags |= BOOK_PEGS;
}

void
peg_leave(struct engine *engine, uint32_t slot)
{
    struct order *orders = engine->orders.orders;
    struct book_rare *rare = &engine->rares[orders[slot].instrument];
    const struct extra *extra = extra_of(&engine->extras, &orders[slot]);

    if (engine->work.peg_slot == slot)
        engine->work.peg_slot = extra->peg_next;
    if (extra->peg_prev == ORDER_NONE)
        rare->pegs_head = extra->peg_next;
    else
        extra_of(&engine->extras, &orders[extra->peg_prev])->peg_next = extra->peg_next;
    if (extra->peg_next == ORDER_NONE)
        rare->pegs_tail = extra->peg_prev;
    else
        extra_of(&engine->extras, &orders[extra->peg_next])->peg_prev = extra->peg_prev;
    ASSERT(rare->pegs_cnt > 0);
    rare->pegs_cnt--;
    if (rare->pegs_head == ORDER_NONE)
        engine->books[orders[slot].instrument].flags &= (uint8_t)~BOOK_PEGS;
}

/* reference returns the best tick of a side that has a displayed order which is
 * no peg, 0 if there is none. It passes what pegs and hidden orders better. */
static uint32_t
reference(const struct engine *engine, const struct book *book, bool sell)
{
    const struct ladder *side = &book->sides[sell];

    if (side->root == LADDER_NONE)
        return 0;
    for (uint32_t at = side->best_level; at != LADDER_NONE; at = ladder_next(&engine->pages, at)) {
        const struct level *level = ladder_level(&engine->pages, at);

        for (uint32_t slot = level->head; slot != level->hidden_head;
             slot = engine->orders.orders[slot].next)
            if (engine->orders.orders[slot].ord_type != OE_ORD_TYPE_PEGGED)
                return ladder_key(ladder_key_of(&engine->pages, at), sell);
    }
    return 0;
}

/* target returns the tick at which a peg belongs, 0 if nowhere. */
static uint32_t
target(const struct engine *engine, const struct order *order, const uint32_t refs[2])
{
    const struct extra *extra = extra_of(&engine->extras, order);
    const bool sell = order_is_sell(order);
    int64_t tick;

    if ((order->exec_inst & OE_EXEC_INST_PEG_MID) != 0) {
        if (refs[0] == 0 || refs[1] == 0)
            return 0;
        tick = ((int64_t)refs[0] + refs[1] + sell) / 2;
    } else {
        const bool opposite = (order->exec_inst & OE_EXEC_INST_PEG_OPPOSITE) != 0;

        tick = refs[opposite ? !sell : sell];
        if (tick == 0)
            return 0;
    }
    tick += extra->peg_offset;
    if (sell ? tick < extra->limit_tick : tick > extra->limit_tick)
        tick = extra->limit_tick;
    return tick < 1 || tick >= engine->rares[order->instrument].tick_end ? 0 : (uint32_t)tick;
}

static void
find_references(const struct engine *engine, uint32_t instrument, uint32_t refs[2])
{
    const struct book *book = &engine->books[instrument];

    refs[0] = reference(engine, book, false);
    refs[1] = reference(engine, book, true);
}

px_t
engine_mid_px(const struct engine *engine, uint32_t instrument)
{
    const struct book *book = &engine->books[instrument];
    uint32_t refs[2];

    find_references(engine, instrument, refs);
    if (refs[0] == 0 || refs[1] == 0)
        return 0;

    const px_t bid_px = book_px(book, refs[0]);
    const px_t ask_px = book_px(book, refs[1]);

    ASSERT(bid_px < ask_px);
    return bid_px + (ask_px - bid_px) / 2;
}

/* is_placed says whether a peg that belongs at tick has nothing to do. */
static bool
is_placed(const struct engine *engine, const struct order *order, uint32_t tick)
{
    return tick == order->tick ||
           (tick != 0 && tick == extra_of(&engine->extras, order)->barred_tick);
}

/* bar returns tick if a peg may move there, else bars it and returns 0. */
static uint32_t
bar(struct engine *engine, const struct order *order, uint32_t tick)
{
    const bool allowed = tick == 0 || settle_px_allowed(engine, order->instrument, tick);

    extra_of(&engine->extras, order)->barred_tick = allowed ? 0 : tick;
    return allowed ? tick : 0;
}

/* move sends a peg that is in no place to tick. */
static void
move(struct engine *engine, uint32_t slot, uint32_t tick, struct cell_sink *out)
{
    struct order *order = &engine->orders.orders[slot];
    struct ladder *side = book_side(&engine->books[order->instrument], order_is_sell(order));

    order->tick = tick;
    if (tick != 0 &&
        !ladder_has_room(&engine->pages, side, ladder_key(tick, order_is_sell(order)))) {
        order_retire(engine, slot, OE_CANCEL_REASON_NO_ROOM, out);
        return;
    }
    engine_emit_restated(engine, order, CELL_RESTATE_REASON_PEG, out);
    if (tick == 0)
        place_park(engine, slot);
    else
        sweep_begin(engine, slot);
}

void
peg_place(struct engine *engine, uint32_t slot, struct cell_sink *out)
{
    const struct order *order = &engine->orders.orders[slot];
    uint32_t refs[2];

    find_references(engine, order->instrument, refs);

    const uint32_t tick = bar(engine, order, target(engine, order, refs));

    if (tick == 0)
        place_park(engine, slot);
    else
        move(engine, slot, tick, out);
}

/* next_disturbed returns the lowest book that is disturbed. What pegs do in one
 * book disturbs no other, so the search goes on where it stopped. */
static bool
next_disturbed(struct engine *engine, uint32_t *instrument)
{
    uint32_t *word = &engine->work.peg_word;

    for (; *word < (engine->books_cnt + 63) / 64; ++*word) {
        if (engine->disturbed_books[*word] == 0)
            continue;
        *instrument = *word * 64 + (uint32_t)__builtin_ctzll(engine->disturbed_books[*word]);
        return true;
    }
    return false;
}

/* begin_walk begins to look at the pegs of a disturbed book, if any may have to
 * move. */
static void
begin_walk(struct engine *engine, uint32_t instrument)
{
    struct work *work = &engine->work;
    struct book_rare *rare = &engine->rares[instrument];

    find_references(engine, instrument, work->refs);
    work->peg_instrument = instrument;
    work->peg_slot = ORDER_NONE;
    work->refs_valid = true;
    if (engine->books[instrument].state != CELL_INSTRUMENT_STATE_OPEN ||
        (rare->pegs_refs[0] == work->refs[0] && rare->pegs_refs[1] == work->refs[1]))
        return;
    rare->pegs_refs[0] = REFS_UNKNOWN;
    work->peg_slot = rare->pegs_head;
}

/* end_walk notes that no peg of the book has to move. */
static void
end_walk(struct engine *engine, uint32_t instrument)
{
    struct work *work = &engine->work;
    struct book_rare *rare = &engine->rares[instrument];

    if (engine->books[instrument].state == CELL_INSTRUMENT_STATE_OPEN) {
        rare->pegs_refs[0] = work->refs[0];
        rare->pegs_refs[1] = work->refs[1];
    }
    engine->disturbed_books[instrument / 64] &= ~(UINT64_C(1) << instrument % 64);
    work->refs_valid = false;
}

bool
pegs_step(struct engine *engine, struct slice *slice, struct cell_sink *out)
{
    struct work *work = &engine->work;
    uint32_t instrument;

    slice->budget -= STEP_COST;
    if (!engine->disturbed)
        return false;
    if (work->refs_valid) {
        instrument = work->peg_instrument;
    } else if (next_disturbed(engine, &instrument)) {
        begin_walk(engine, instrument);
    } else {
        engine->disturbed = false;
        return false;
    }
    while (work->peg_slot != ORDER_NONE && !slice_is_spent(slice, out)) {
        const uint32_t slot = work->peg_slot;
        const struct order *order = &engine->orders.orders[slot];
        uint32_t tick = target(engine, order, work->refs);

        work->peg_slot = extra_of(&engine->extras, order)->peg_next;
        slice->budget--;
        if (is_placed(engine, order, tick))
            continue;
        tick = bar(engine, order, tick);
        if (tick != order->tick) {
            place_out(engine, slot);
            move(engine, slot, tick, out);
            return true;
        }
    }
    if (work->peg_slot == ORDER_NONE)
        end_walk(engine, instrument);
    return true;
}

void
peg_check(const struct engine *engine, uint32_t instrument)
{
    const struct book_rare *rare = &engine->rares[instrument];
    uint32_t refs[2];

    if (rare->pegs_head == ORDER_NONE ||
        engine->books[instrument].state != CELL_INSTRUMENT_STATE_OPEN)
        return;
    find_references(engine, instrument, refs);
    for (uint32_t slot = rare->pegs_head; slot != ORDER_NONE;) {
        const struct order *order = &engine->orders.orders[slot];

        ASSERT(is_placed(engine, order, target(engine, order, refs)));
        ASSERT(order->tick == 0 || extra_of(&engine->extras, order)->barred_tick == 0);
        slot = extra_of(&engine->extras, order)->peg_next;
    }
}
