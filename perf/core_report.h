/*
 * Core report: how bench_core and bench_risk print what they measured.
 */
#ifndef OUTCRY_PERF_CORE_REPORT_H
#define OUTCRY_PERF_CORE_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "perf/core_run.h"

#define REPORT_REPEATS_MAX 31u

/* report_median sorts values and returns the one in the middle. */
double report_median(double *values, unsigned cnt);

/* report_way prints a line for the repeats of one way, in nanoseconds a command,
 * which it sorts, and returns the median in millions of commands a second. */
double report_way(FILE *table, const char *shape, const char *way, double *ns, unsigned repeats);

/* report_flow describes a flow that was checked. */
void report_flow(FILE *table, const struct core *core, const char *shape);

void report_latency(FILE *table, const char *who, const struct core_latency *latency);

/* report_value prints a field of the flat object; NAN is null. */
void report_value(const char *name, double value, bool last);

#endif
