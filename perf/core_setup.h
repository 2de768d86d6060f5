/*
 * Core setup: the commands that make the instruments of a flow and, if it has
 * a crowd, its firms, groups, accounts without tight limits, and bound sessions.
 */
#ifndef OUTCRY_PERF_CORE_SETUP_H
#define OUTCRY_PERF_CORE_SETUP_H

#include "perf/core_flow.h"

/* setup_make fills setup and setup_cnt; setup_free gives them back. */
void setup_make(struct flow *flow);
void setup_free(struct flow *flow);

#endif
