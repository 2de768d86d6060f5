/*
 * Goal: what risk costs a command, and what matching with all of risk does in a
 * second, on the streams of bench_core.
 *
 * Method: guarded flows (core_guard.h): the orders of bench_core's resting and wide,
 * sent by 10,000 accounts of 500 firms. First the commands are run without risk and
 * with it, and all cells but fees must be equal. Then both take turns, in the same
 * memory, each run from a book loaded anew, the first of the two changing with each
 * repeat. The cost is the median of the differences of such pairs of runs; speeds
 * are medians, with risk.
 *
 * Usage: bench_risk [--shape NAME] [--repeats N] [--quick] [--json]
 *        bench_risk --cachegrind SHAPE [--way engine|ahead|bare|bare_ahead] [--timed N]
 *
 * Shapes: resting_1k, resting_1m, wide. The second form runs N of 100,000 commands
 * once, bare without risk (count_core.py). --quick makes fewer commands.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "perf/core_guard.h"
#include "perf/core_report.h"

#define GRIND_COMMANDS   100000u
#define WIDE_INSTRUMENTS 10000u
#define WAYS_MAX         2u

/* The figures of the flat object; NAN where not measured. */
enum figure {
    COST,
    MATCH_1K,
    MATCH_1M,
    MATCH_WIDE,
    P50,
    P99,
    P999,
    FIGURES
};

static const struct {
    const char *name;
    const char *bar;
} figures[FIGURES] = {
    {"risk_cost_ns", "<= 20"},
    {"match_risk_1k_mps", ">= 16"},
    {"match_risk_1m_mps", ">= 10"},
    {"match_risk_wide_mps", ">= 8"},
    {"p50_ns", "<= 60"},
    {"p99_ns", "<= 250"},
    {"p999_ns", "<= 500"},
};

struct bench {
    const char *shape; /* NULL: all */
    unsigned repeats;
    bool quick;
    bool json;
    double results[FIGURES];
    FILE *table; /* stderr when stdout is for the object */
};

/* What the ways of a shape gave, each with risk. */
struct measured {
    double mps[WAYS_MAX];
    double cost_ns[WAYS_MAX];
};

static double
time_one(struct core *core, enum core_way way, bool no_risk)
{
    core->cfg.no_risk = no_risk;
    return core_time(core, way, core->flow->commands_cnt) / core->flow->commands_cnt;
}

/* measure_way lets runs with risk and without take turns and prints them. */
static void
measure_way(const struct bench *bench,
            struct core *core,
            const char *shape,
            enum core_way way,
            double *mps,
            double *cost_ns)
{
    double ns[2][REPORT_REPEATS_MAX]; /* with risk, without */
    double costs_ns[REPORT_REPEATS_MAX];

    for (unsigned run = 0; run < bench->repeats; run++) {
        for (unsigned i = 0; i < 2; i++) {
            const unsigned no_risk = i ^ (run & 1);

            ns[no_risk][run] = time_one(core, way, no_risk != 0);
        }
        costs_ns[run] = ns[0][run] - ns[1][run];
    }
    *cost_ns = report_median(costs_ns, bench->repeats);
    *mps = report_way(bench->table, shape, core_way_name(way), ns[0], bench->repeats);
    (void)report_way(bench->table, shape, "the same, no risk", ns[1], bench->repeats);
    (void)fprintf(bench->table, "%-14s %-24s median %7.1f ns  min %7.1f ns\n", shape,
                  "cost of risk", *cost_ns, costs_ns[0]);
    (void)fflush(bench->table);
}

/* measure checks a flow, then times it in two ways. */
static struct measured
measure(const struct bench *bench,
        struct core *core,
        const char *shape,
        const enum core_way ways[WAYS_MAX])
{
    const struct guard_kept kept = guard_check(core);
    struct measured measured;

    report_flow(bench->table, core, shape);
    (void)fprintf(bench->table,
                  "%-14s at the end %u pairs, reserved: value %.4g, cash %.4g; fees %.4g\n", shape,
                  kept.pairs_cnt, kept.value, kept.cash, kept.fees);
    for (unsigned i = 0; i < WAYS_MAX; i++)
        measure_way(bench, core, shape, ways[i], &measured.mps[i], &measured.cost_ns[i]);
    return measured;
}

static void
measure_latency(struct bench *bench, struct core *core)
{
    struct core_latency latency;

    core->cfg.no_risk = true;
    latency = core_latency(core, false, bench->repeats);
    report_latency(bench->table, "engine, no risk", &latency);
    core->cfg.no_risk = false;
    latency = core_latency(core, false, bench->repeats);
    report_latency(bench->table, "engine", &latency);
    bench->results[P50] = latency.p50_ns;
    bench->results[P99] = latency.p99_ns;
    bench->results[P999] = latency.p999_ns;
}

static bool
wanted(const struct bench *bench, const char *shape)
{
    return bench->shape == NULL || strcmp(bench->shape, shape) == 0;
}

static void
bench_resting(struct bench *bench, const char *shape, uint32_t resting_cnt, enum figure figure)
{
    static const enum core_way ways[WAYS_MAX] = {CORE_AHEAD, CORE_APPLY};
    struct flow *flow = flow_resting(resting_cnt, bench->quick ? 200000 : 1000000, FLOW_GUARDED);
    struct measured measured;
    struct core core;

    core_init(&core, flow);
    measured = measure(bench, &core, shape, ways);
    bench->results[figure] = measured.mps[0];
    if (figure == MATCH_1K) {
        bench->results[COST] = measured.cost_ns[0];
        measure_latency(bench, &core);
    }
    core_fini(&core);
    flow_free(flow);
}

static void
bench_wide(struct bench *bench)
{
    static const enum core_way ways[WAYS_MAX] = {CORE_QUEUED, CORE_AHEAD};
    struct flow *flow =
        flow_wide(WIDE_INSTRUMENTS, 1000000, bench->quick ? 200000 : 1000000, FLOW_GUARDED);
    struct core core;

    core_init(&core, flow);
    bench->results[MATCH_WIDE] = measure(bench, &core, "wide", ways).mps[0];
    core_fini(&core);
    flow_free(flow);
}

static void
print_json(const struct bench *bench)
{
    (void)printf("{");
    for (unsigned i = 0; i < FIGURES; i++)
        report_value(figures[i].name, bench->results[i], i + 1 == FIGURES);
    (void)printf("}\n");
}

static void
print_summary(const struct bench *bench)
{
    (void)printf("\n%-34s %9s  bar\n", "figure", "");
    for (unsigned i = 0; i < FIGURES; i++)
        if (!isnan(bench->results[i]))
            (void)printf("%-34s %9.2f  %s\n", figures[i].name, bench->results[i], figures[i].bar);
}

/* flow_by_name makes a small flow for a count of instructions. */
static struct flow *
flow_by_name(const char *shape)
{
    if (strcmp(shape, "resting_1k") == 0)
        return flow_resting(1000, GRIND_COMMANDS, FLOW_GUARDED);
    if (strcmp(shape, "resting_100k") == 0)
        return flow_resting(100000, GRIND_COMMANDS, FLOW_GUARDED);
    if (strcmp(shape, "wide") == 0)
        return flow_wide(100, 10000, GRIND_COMMANDS, FLOW_GUARDED);
    return NULL;
}

/* grind runs the first timed_cnt commands once, in one way. */
static int
grind(const char *shape, const char *way, uint32_t timed_cnt)
{
    struct flow *flow = flow_by_name(shape);
    struct core core;

    if (flow == NULL)
        return 2;
    if (timed_cnt > flow->commands_cnt)
        timed_cnt = flow->commands_cnt;
    core_init(&core, flow);
    core.cfg.no_risk = strncmp(way, "bare", 4) == 0;
    (void)core_time(&core, strstr(way, "ahead") != NULL ? CORE_AHEAD : CORE_APPLY, timed_cnt);
    (void)printf("%u commands\n", timed_cnt);
    core_fini(&core);
    flow_free(flow);
    return 0;
}

static int
usage(void)
{
    (void)fprintf(stderr,
                  "usage: bench_risk [--shape NAME] [--repeats 1..%u] [--quick] [--json]\n"
                  "       bench_risk --cachegrind resting_1k|resting_100k|wide "
                  "[--way engine|ahead|bare|bare_ahead] [--timed N]\n",
                  REPORT_REPEATS_MAX);
    return 2;
}

static void
run(struct bench *bench)
{
    for (unsigned i = 0; i < FIGURES; i++)
        bench->results[i] = NAN;
    if (wanted(bench, "resting_1k"))
        bench_resting(bench, "resting 1k", 1000, MATCH_1K);
    if (wanted(bench, "resting_1m"))
        bench_resting(bench, "resting 1M", 1000000, MATCH_1M);
    if (wanted(bench, "wide"))
        bench_wide(bench);
}

int
main(int argc, char **argv)
{
    struct bench bench = {.repeats = 5, .table = stdout};
    const char *grind_shape = NULL;
    const char *way = "engine";
    uint32_t timed_cnt = GRIND_COMMANDS;

    for (int i = 1; i < argc; i++) {
        const bool more = i + 1 < argc;

        if (strcmp(argv[i], "--quick") == 0)
            bench.quick = true;
        else if (strcmp(argv[i], "--json") == 0)
            bench.json = true;
        else if (strcmp(argv[i], "--shape") == 0 && more)
            bench.shape = argv[++i];
        else if (strcmp(argv[i], "--repeats") == 0 && more)
            bench.repeats = (unsigned)atoi(argv[++i]);
        else if (strcmp(argv[i], "--cachegrind") == 0 && more)
            grind_shape = argv[++i];
        else if (strcmp(argv[i], "--way") == 0 && more)
            way = argv[++i];
        else if (strcmp(argv[i], "--timed") == 0 && more)
            timed_cnt = (uint32_t)strtoul(argv[++i], NULL, 10);
        else
            return usage();
    }
    if (bench.repeats < 1 || bench.repeats > REPORT_REPEATS_MAX)
        return usage();
    if (grind_shape != NULL)
        return grind(grind_shape, way, timed_cnt) == 0 ? 0 : usage();
    if (bench.json)
        bench.table = stderr;
    (void)core_pin(0);
    run(&bench);
    if (bench.json)
        print_json(&bench);
    else
        print_summary(&bench);
    return 0;
}
