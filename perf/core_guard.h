/*
 * Core guard: every check of risk, on a guarded flow.
 *
 * A guarded flow is made without risk, so that it is what the book alone does. An
 * engine with risk that is brought to where its commands begin is told before the
 * fill, by commands of an operator:
 *
 *   limits      every limit at every level where docs/risk.md has it, with stages
 *               where it may have them: so wide that no order is refused
 *   pairs       Long and Short, of all accounts and instruments of which an order
 *               is among the fill or the commands
 *   buckets     messages and cancels of sessions, accounts and firms
 *   prices      mark and settlement price at the middle, a collar by any reference
 *   fees        of the taker, and a rebate of the maker, on every instrument
 *   cash        a deposit of each account, and a credit
 *   units       of each pair; one account in four is covered
 *
 * The day is then in progress: each pair has been asked since its limits were set,
 * by an order far below the collar, and a mark has gone through the stages of all who
 * hold something. What is prepared at the first order behind a change of limits is
 * prepared, and what is measured is what every order pays.
 *
 * guard_check runs the commands without risk and with it and ends the program if
 * anything but fees differs, or if nothing was reserved or charged.
 */
#ifndef OUTCRY_PERF_CORE_GUARD_H
#define OUTCRY_PERF_CORE_GUARD_H

#include "perf/core_run.h"

/* guard_set gives those commands to an engine without orders. */
void guard_set(struct flow *flow, struct engine *engine, struct cell_sink *out);

/* What risk keeps once the commands are done. */
struct guard_kept {
    double value; /* of open orders, all firms, in the currency */
    double cash;  /* reserved, all accounts */
    double fees;  /* since the fill began */
    uint32_t pairs_cnt;
};

/* guard_check leaves the number of cells and their hash, without fees and what
 * sequence numbers are part of, in core. */
struct guard_kept guard_check(struct core *core);

#endif
