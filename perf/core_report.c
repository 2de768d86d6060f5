#include "perf/core_report.h"

#include <math.h>
#include <stdlib.h>

static int
compare(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;

    return (x > y) - (x < y);
}

double
report_median(double *values, unsigned cnt)
{
    qsort(values, cnt, sizeof *values, compare);
    return values[cnt / 2];
}

double
report_way(FILE *table, const char *shape, const char *way, double *ns, unsigned repeats)
{
    const double median = report_median(ns, repeats);

    (void)fprintf(table, "%-14s %-24s median %7.1f ns  min %7.1f ns  %6.2f M/s  best %6.2f M/s\n",
                  shape, way, median, ns[0], 1e3 / median, 1e3 / ns[0]);
    return 1e3 / median;
}

void
report_flow(FILE *table, const struct core *core, const char *shape)
{
    const struct flow *flow = core->flow;

    (void)fprintf(
        table,
        "%-14s %u commands, %u resting before, %.2f cells out each, %.1f %% refused, "
        "%.3f trades each, event hash %016llx\n",
        shape, flow->commands_cnt, flow->fill_cnt, (double)core->out_cells_cnt / flow->commands_cnt,
        100.0 * flow->rejects_cnt / flow->commands_cnt,
        (double)flow->trades_cnt / flow->commands_cnt, (unsigned long long)core->event_hash);
}

void
report_latency(FILE *table, const char *who, const struct core_latency *latency)
{
    (void)fprintf(table,
                  "latency        %-24s p50 %.1f  p99 %.1f  p99.9 %.1f ns; with gaps (%.4f %% of "
                  "commands) p99.9 %.1f, most %.0f ns; timer %.1f ns, subtracted\n",
                  who, latency->p50_ns, latency->p99_ns, latency->p999_ns, 100 * latency->gap_share,
                  latency->raw_p999_ns, latency->raw_max_ns, latency->timer_ns);
}

void
report_value(const char *name, double value, bool last)
{
    if (isnan(value))
        (void)printf("\"%s\": null%s", name, last ? "" : ", ");
    else
        (void)printf("\"%s\": %.2f%s", name, value, last ? "" : ", ");
}
