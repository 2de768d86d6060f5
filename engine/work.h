/*
 * Work: the slow road through a command, step by step. Private to engine/.
 *
 * work_begin says what kind of command it is and where its work begins; then
 * work_run does one step after the other until the command is complete or the
 * slice is spent. Each phase has a function that does one bounded step and says
 * by work.phase what comes next.
 *
 * At the end of a slice the last message is kept back and written again by the
 * next slice: so the last cell of the group is always at hand when the command
 * turns out to be complete.
 */
#ifndef OUTCRY_ENGINE_WORK_H
#define OUTCRY_ENGINE_WORK_H

#include "engine/book.h"

/* work_begin starts the work of a command; events counted so far stay counted. */
void work_begin(struct engine *engine, enum work_kind kind, enum work_phase phase);

/* work_run goes on until the command is complete (ENGINE_DONE) or the slice is
 * spent (ENGINE_MORE). */
enum engine_result work_run(struct engine *engine, struct cell_sink *out);

/* work_run_on does so when the slice has written cells_cnt cells of events. */
enum engine_result work_run_on(struct engine *engine, uint32_t cells_cnt, struct cell_sink *out);

/* work_resume begins the next slice. */
enum engine_result work_resume(struct engine *engine, struct cell_sink *out);

/* work_is_due says whether risk has something to do behind the command. */
static inline bool
work_is_due(const struct engine *engine)
{
    return !engine->cfg.no_risk && risk_is_pending(engine->risk);
}

/* work_settled ends a command that did all by itself: with the pegs, if it
 * disturbed any, and with what became due by it. */
static inline enum engine_result
work_settled(struct engine *engine, struct cell_sink *out)
{
    if (LIKELY(!engine->disturbed) && LIKELY(!work_is_due(engine)))
        return engine_finish(engine, out);
    work_begin(engine, WORK_ORDER, PHASE_PEGS);
    return work_run(engine, out);
}

/* The phases. work_run makes the steps; pegs_step is false when no peg has to
 * move any more. */
void yield_step(struct engine *engine, struct slice *slice, struct cell_sink *out);
void sweep_step(struct engine *engine, struct slice *slice, struct cell_sink *out);
void allot_step(struct engine *engine, struct slice *slice, struct cell_sink *out);
void settle_step(struct engine *engine, struct slice *slice, struct cell_sink *out);
bool pegs_step(struct engine *engine, struct slice *slice, struct cell_sink *out);

/* stages_step does one of the things that are due by risk; there is one. */
void stages_step(struct engine *engine, struct slice *slice, struct cell_sink *out);

/* kill_begin begins the work of a Kill that risk has taken. */
void kill_begin(struct engine *engine, const struct cell_kill *kill);

/* limit_begin begins the work of a LimitSet that cancels and that risk has taken. */
void limit_begin(struct engine *engine, const struct cell_limit_set *set);

/* What else a command of a kind asks for: sets work.complete with its last. */
void mass_cancel_step(struct engine *engine, struct slice *slice, struct cell_sink *out);
void mass_clock_step(struct engine *engine, struct slice *slice, struct cell_sink *out);
void mass_close_step(struct engine *engine, struct slice *slice, struct cell_sink *out);
void kill_step(struct engine *engine, struct slice *slice, struct cell_sink *out);
void mark_step(struct engine *engine, struct slice *slice);
void day_step(struct engine *engine, struct slice *slice);
void quote_step(struct engine *engine, struct slice *slice, struct cell_sink *out);

/* mass_scope_step cancels orders of the scope in work.mass until the slice is spent
 * or, as it then says, none is left. */
bool mass_scope_step(struct engine *engine, struct slice *slice, struct cell_sink *out);

/* match_enter sends an order that was accepted, new or replaced, where it goes
 * first (match.c); min_qty is what it must trade at once. work_run follows. */
void
match_enter(struct engine *engine, uint32_t slot, bool fresh, qty_t min_qty, struct cell_sink *out);

/* match_entry_tick returns the tick at which an order would enter its book: its
 * own, or that to which a post-only order that crosses is moved; 0 if it may
 * neither trade nor be moved. */
uint32_t match_entry_tick(const struct engine *engine,
                          uint32_t instrument,
                          unsigned exec_inst,
                          bool sell,
                          uint32_t tick);

/* Takers (sweep.c). sweep_begin makes the order in slot the taker. */
void sweep_begin(struct engine *engine, uint32_t slot);

/* sweep_trade lets the taker trade qty with a maker and does what follows from
 * it; false if that canceled an order at the maker's own price. */
bool sweep_trade(struct engine *engine, uint32_t maker_slot, qty_t qty, struct cell_sink *out);

/* sweep_is_own says whether taker's self-match prevention covers a maker. */
bool
sweep_is_own(const struct engine *engine, const struct order *taker, const struct order *maker);

/* yield_begin asks whether the taker would get min_qty at once; a sweep follows
 * if it would. */
void yield_begin(struct engine *engine, uint32_t slot, qty_t min_qty);

/* allot_begin begins a round of shares at the best level. */
void allot_begin(struct engine *engine);

/* Places (place.c). place_rest lets the taker in slot rest in its book; there is
 * room. place_wait, place_hold and place_park put it where they say,
 * place_elect into the queue of elected stops. Each makes it live if it is not
 * yet. place_out takes an order out of where it is. */
void place_rest(struct engine *engine, uint32_t slot);
void place_wait(struct engine *engine, uint32_t slot);
void place_hold(struct engine *engine, uint32_t slot);
void place_park(struct engine *engine, uint32_t slot);
void place_elect(struct engine *engine, uint32_t slot, struct cell_sink *out);
void place_out(struct engine *engine, uint32_t slot);
void place_enlist(struct engine *engine, uint32_t slot);
void place_delist(struct engine *engine, uint32_t slot);

/* place_refresh lets an iceberg that shows nothing show anew. */
void place_refresh(struct engine *engine, uint32_t slot);

/* place_shrink lets an order keep its place with less: of an iceberg what it
 * holds back goes first. */
void place_shrink(struct engine *engine, struct order *order, qty_t leaves_qty);

/* order_end ends an order wherever it is; order_retire also tells why and gives
 * its reservation back. */
void order_end(struct engine *engine, uint32_t slot);
void order_retire(struct engine *engine, uint32_t slot, uint8_t reason, struct cell_sink *out);

/* order_link links two orders that have extras and are not linked;
 * order_unlink undoes it, if there is a link. */
void order_link(struct engine *engine, uint32_t slot, uint32_t partner);
void order_unlink(struct engine *engine, uint32_t slot);

/* order_arm puts the expire time on the timers; order_disarm takes it off. */
void order_arm(struct engine *engine, const struct order *order);
void order_disarm(struct engine *engine, const struct order *order);

/* order_px returns the price of an order as others are told: 0 if it has none. */
px_t order_px(const struct engine *engine, const struct order *order);

/* tif_rests says whether a time in force lets an order stay in the book. */
static inline bool
tif_rests(unsigned tif)
{
    return tif == OE_TIME_IN_FORCE_DAY || tif == OE_TIME_IN_FORCE_GOOD_TILL_CANCEL ||
           tif == OE_TIME_IN_FORCE_GOOD_TILL_DATE;
}

/* order_rests says whether what is left of the taker stays in the book. */
static inline bool
order_rests(const struct order *order)
{
    return order->ord_type != OE_ORD_TYPE_MARKET && order->ord_type != OE_ORD_TYPE_STOP &&
           tif_rests(order->tif);
}

/* Pegs (peg.c). peg_join puts a peg at the end of its instrument's list;
 * peg_place sends it where it belongs: it may become the taker. */
void peg_join(struct engine *engine, uint32_t slot);
void peg_leave(struct engine *engine, uint32_t slot);
void peg_place(struct engine *engine, uint32_t slot, struct cell_sink *out);

/* peg_check asserts that the pegs of an open instrument stand where they belong. */
void peg_check(const struct engine *engine, uint32_t instrument);

/* settle_px_allowed says whether risk lets an order go to a tick now: inside
 * collar and band. */
bool settle_px_allowed(const struct engine *engine, uint32_t instrument, uint32_t tick);

/* settle_range notes the price of a trade, for stops. */
void settle_range(struct engine *engine, uint32_t instrument, uint32_t tick);

/* settle_is_reached says whether the last price elects a stop price. */
bool settle_is_reached(const struct book *book, bool sell, uint32_t stop_tick);

/* Quotes (quote.c): the record of an account in an instrument, NULL if it has
 * none; quote_forget takes a quote off its record. */
struct quote *quote_find(const struct engine *engine, uint32_t account, uint32_t instrument);
void quote_forget(struct engine *engine, uint32_t slot);

/* quote_index makes the index, which is empty, of the records. */
void quote_index(struct engine *engine);

#endif
