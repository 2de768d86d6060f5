/*
 * Core resting: what "wide" has in common with "resting" (core_resting.c).
 */
#ifndef OUTCRY_PERF_CORE_RESTING_H
#define OUTCRY_PERF_CORE_RESTING_H

#include "perf/core_flow.h"

/* resting_middle returns the middle of an instrument, in ticks: the first has the
 * common one, the others are spread, so that their pages do not lie at the same
 * places. */
uint32_t resting_middle(uint32_t instrument);

/* resting_fill makes order i of the fill; resting_commands appends the mix. */
void resting_fill(struct flow *flow, uint32_t i, union cell *cell);
void resting_commands(struct flow *flow, uint32_t commands_cnt);

#endif
