/*
 * Goal: what the matching core does in a second, what one command takes, and
 * what an order costs in memory; beside it, in the same run, a plain book with
 * red-black trees that does the same work.
 *
 * Method: the shapes of core_flow.h, the ways of core_run.h. First both books
 * are compared cell by cell on the whole flow; then the ways take turns, each
 * run from a book loaded anew, and the median and the least of the repeats are
 * printed. Messages a second are commands a second; a replace is one.
 *
 * Usage: bench_core [--shape NAME] [--repeats N] [--quick] [--json]
 *        bench_core --cachegrind SHAPE [--way engine|ahead|tree] [--timed N]
 *
 * Shapes: lifecycle, resting_1k, resting_100k, resting_1m, resting_10m, wide,
 * checked (resting with every check of risk, the engine alone). The second form
 * runs N of 100,000 commands once; the flow is the same for every N, so what
 * a run with 0 counts can be subtracted (count_core.py). --quick makes fewer
 * commands and leaves 10 M resting orders out: those figures are null.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "perf/core_report.h"
#include "perf/core_run.h"

#define GRIND_COMMANDS   100000u
#define MEMORY_RESTING   1000000u
#define WIDE_INSTRUMENTS 10000u

struct options {
    const char *shape; /* NULL: all */
    unsigned repeats;
    bool quick;
    bool json;
};

/* The figures of the flat object; NAN where not measured. */
enum figure {
    LIFECYCLE,
    LIFECYCLE_BY_CLIENT_ID,
    LIFECYCLE_TWO_CORE,
    RESTING_1K,
    RESTING_100K,
    RESTING_1M,
    RESTING_10M,
    WIDE,
    P50,
    P99,
    P999,
    BYTES_PER_ORDER,
    FIGURES
};

static const char *const figure_names[FIGURES] = {
    "lifecycle_worst_mps",
    "lifecycle_by_client_id_worst_mps",
    "lifecycle_two_core_worst_mps",
    "resting_1k_mps",
    "resting_100k_mps",
    "resting_1m_mps",
    "resting_10m_mps",
    "wide_mps",
    "p50_ns",
    "p99_ns",
    "p999_ns",
    "bytes_per_order",
};

/* A figure and how many times the plain book's it is. */
struct result {
    double value;
    double ratio;
};

struct bench {
    struct options options;
    struct result results[FIGURES];
    FILE *table; /* stderr when stdout is for the object */
};

/* wanted says whether a shape is to be measured. */
static bool
wanted(const struct bench *bench, const char *shape)
{
    return bench->options.shape == NULL || strcmp(bench->options.shape, shape) == 0;
}

/* measure lets the ways take turns and prints a line for each; the medians, in
 * millions of commands a second, go to mps. */
static void
measure(const struct bench *bench,
        struct core *core,
        const char *shape,
        const enum core_way *ways,
        unsigned ways_cnt,
        double *mps)
{
    const unsigned repeats = bench->options.repeats;
    const uint32_t commands_cnt = core->flow->commands_cnt;
    double ns[CORE_WAYS][REPORT_REPEATS_MAX];

    for (unsigned run = 0; run < repeats; run++)
        for (unsigned i = 0; i < ways_cnt; i++)
            ns[i][run] = core_time(core, ways[i], commands_cnt) / commands_cnt;
    for (unsigned i = 0; i < ways_cnt; i++)
        mps[i] = report_way(bench->table, shape, core_way_name(ways[i]), ns[i], repeats);
    (void)fflush(bench->table);
}

/* take_worst keeps the least figure and the least ratio. */
static void
take_worst(struct result *result, double mps, double tree_mps)
{
    result->value = fmin(result->value, mps); /* of NAN and a number the number */
    result->ratio = fmin(result->ratio, mps / tree_mps);
}

static void
bench_lifecycle(struct bench *bench)
{
    static const unsigned swings[] = {0, 2, 25, 40, 60};
    static const enum core_way ways[] = {CORE_AHEAD,      CORE_APPLY,     CORE_TREE,
                                         CORE_AHEAD_READ, CORE_TREE_READ, CORE_COPY_READ};
    static const enum core_way client_ways[] = {CORE_AHEAD, CORE_TREE};

    for (unsigned i = 0; i < ARRAY_LEN(swings); i++) {
        struct flow *flow = flow_lifecycle(bench->options.quick ? 100000 : 1000000, swings[i]);
        struct core core;
        char shape[32];
        double mps[ARRAY_LEN(ways)];

        (void)snprintf(shape, sizeof shape, "swing %u %%", swings[i]);
        core_init(&core, flow);
        core_check(&core);
        report_flow(bench->table, &core, shape);
        measure(bench, &core, shape, ways, ARRAY_LEN(ways), mps);
        take_worst(&bench->results[LIFECYCLE], mps[0], mps[2]);
        take_worst(&bench->results[LIFECYCLE_TWO_CORE], mps[3], mps[4]);

        (void)snprintf(shape, sizeof shape, "%u %%, client id", swings[i]);
        core.naming = FLOW_BY_CLORD;
        core_check(&core);
        measure(bench, &core, shape, client_ways, ARRAY_LEN(client_ways), mps);
        take_worst(&bench->results[LIFECYCLE_BY_CLIENT_ID], mps[0], mps[1]);
        core_fini(&core);
        flow_free(flow);
    }
}

static void
bench_latency(struct bench *bench, struct core *core)
{
    const struct core_latency latency = core_latency(core, false, bench->options.repeats);
    const struct core_latency tree = core_latency(core, true, bench->options.repeats);

    report_latency(bench->table, "engine", &latency);
    report_latency(bench->table, "tree", &tree);
    bench->results[P50] = (struct result){latency.p50_ns, tree.p50_ns / latency.p50_ns};
    bench->results[P99] = (struct result){latency.p99_ns, tree.p99_ns / latency.p99_ns};
    bench->results[P999] = (struct result){latency.p999_ns, tree.p999_ns / latency.p999_ns};
}

static void
bench_memory(struct bench *bench, struct core *core)
{
    const struct core_memory memory = core_memory(core);

    (void)fprintf(bench->table,
                  "memory         %.1f bytes an order (tree %.0f); id map %.1f bytes an order; "
                  "%u levels in %.2f MB of pages\n",
                  memory.bytes_per_order, memory.tree_bytes_per_order, memory.id_map_per_order,
                  memory.levels_cnt, (double)memory.pages_bytes / 1e6);
    bench->results[BYTES_PER_ORDER] = (struct result){
        memory.bytes_per_order, memory.tree_bytes_per_order / memory.bytes_per_order};
}

static void
bench_resting(struct bench *bench, const char *shape, uint32_t resting, enum figure figure)
{
    static const enum core_way ways[] = {CORE_AHEAD, CORE_APPLY, CORE_TREE, CORE_COPY};
    double mps[ARRAY_LEN(ways)];
    struct flow *flow = flow_resting(resting, bench->options.quick ? 200000 : 1000000, FLOW_ALONE);
    struct core core;

    core_init(&core, flow);
    core_check(&core);
    report_flow(bench->table, &core, shape);
    measure(bench, &core, shape, ways, ARRAY_LEN(ways), mps);
    bench->results[figure] = (struct result){mps[0], mps[0] / mps[2]};
    if (figure == RESTING_1K)
        bench_latency(bench, &core);
    if (figure == RESTING_1M)
        bench_memory(bench, &core);
    core_fini(&core);
    flow_free(flow);
}

static void
bench_wide(struct bench *bench)
{
    static const enum core_way ways[] = {CORE_QUEUED, CORE_TREE_QUEUED, CORE_AHEAD, CORE_APPLY,
                                         CORE_TREE};
    double mps[ARRAY_LEN(ways)];
    struct flow *flow =
        flow_wide(WIDE_INSTRUMENTS, 1000000, bench->options.quick ? 200000 : 1000000, FLOW_ALONE);
    struct core core;

    core_init(&core, flow);
    core_check(&core);
    report_flow(bench->table, &core, "wide");
    measure(bench, &core, "wide", ways, ARRAY_LEN(ways), mps);
    bench->results[WIDE] = (struct result){mps[0], mps[0] / mps[1]};
    core_fini(&core);
    flow_free(flow);
}

/* bench_checked measures what the checks of risk add. */
static void
bench_checked(struct bench *bench)
{
    static const enum core_way ways[] = {CORE_AHEAD, CORE_APPLY};
    static const uint32_t restings[] = {1000, 100000, 1000000};
    double mps[ARRAY_LEN(ways)];

    for (unsigned i = 0; i < ARRAY_LEN(restings); i++) {
        struct flow *flow =
            flow_resting(restings[i], bench->options.quick ? 200000 : 1000000, FLOW_CHECKED);
        struct core core;
        char shape[32];

        (void)snprintf(shape, sizeof shape, "checked %uk", restings[i] / 1000);
        core_init(&core, flow);
        measure(bench, &core, shape, ways, ARRAY_LEN(ways), mps);
        core_fini(&core);
        flow_free(flow);
    }
}

/* print_json prints the figures, then the ratios to the plain book. */
static void
print_json(const struct bench *bench)
{
    (void)printf("{");
    for (unsigned i = 0; i < FIGURES; i++)
        report_value(figure_names[i], bench->results[i].value, false);
    for (unsigned i = 0; i < FIGURES; i++) {
        char name[64];
        const char *unit = strrchr(figure_names[i], '_');
        const bool has_unit = i < BYTES_PER_ORDER;

        (void)snprintf(name, sizeof name, "%.*s_ratio",
                       has_unit ? (int)(unit - figure_names[i]) : (int)strlen(figure_names[i]),
                       figure_names[i]);
        report_value(name, bench->results[i].ratio, i + 1 == FIGURES);
    }
    (void)printf("}\n");
}

static void
print_summary(const struct bench *bench)
{
    (void)printf("\n%-34s %9s  times the plain book\n", "figure", "");
    for (unsigned i = 0; i < FIGURES; i++)
        if (!isnan(bench->results[i].value))
            (void)printf("%-34s %9.2f  %6.2f\n", figure_names[i], bench->results[i].value,
                         bench->results[i].ratio);
}

/* flow_by_name makes a small flow for a count of instructions. */
static struct flow *
flow_by_name(const char *shape)
{
    if (strcmp(shape, "lifecycle") == 0)
        return flow_lifecycle(GRIND_COMMANDS / 2, 2);
    if (strcmp(shape, "resting_1k") == 0)
        return flow_resting(1000, GRIND_COMMANDS, FLOW_ALONE);
    if (strcmp(shape, "resting_100k") == 0)
        return flow_resting(100000, GRIND_COMMANDS, FLOW_ALONE);
    if (strcmp(shape, "checked") == 0)
        return flow_resting(1000, GRIND_COMMANDS, FLOW_CHECKED);
    if (strcmp(shape, "wide") == 0)
        return flow_wide(100, 10000, GRIND_COMMANDS, FLOW_ALONE);
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
    (void)core_time(&core,
                    strcmp(way, "tree") == 0    ? CORE_TREE
                    : strcmp(way, "ahead") == 0 ? CORE_AHEAD
                                                : CORE_APPLY,
                    timed_cnt);
    (void)printf("%u commands\n", timed_cnt);
    core_fini(&core);
    flow_free(flow);
    return 0;
}

static int
usage(void)
{
    (void)fprintf(stderr,
                  "usage: bench_core [--shape NAME] [--repeats 1..%u] [--quick] [--json]\n"
                  "       bench_core --cachegrind lifecycle|resting_1k|resting_100k|wide|"
                  "checked [--way engine|ahead|tree] [--timed N]\n",
                  REPORT_REPEATS_MAX);
    return 2;
}

static void
run(struct bench *bench)
{
    if (wanted(bench, "lifecycle"))
        bench_lifecycle(bench);
    if (wanted(bench, "resting_1k"))
        bench_resting(bench, "resting 1k", 1000, RESTING_1K);
    if (wanted(bench, "resting_100k"))
        bench_resting(bench, "resting 100k", 100000, RESTING_100K);
    if (wanted(bench, "resting_1m"))
        bench_resting(bench, "resting 1M", 1000000, RESTING_1M);
    if (wanted(bench, "resting_10m") && !bench->options.quick)
        bench_resting(bench, "resting 10M", 10000000, RESTING_10M);
    if (wanted(bench, "wide"))
        bench_wide(bench);
    if (wanted(bench, "checked"))
        bench_checked(bench);
}

int
main(int argc, char **argv)
{
    struct bench bench = {.options = {.repeats = 5}, .table = stdout};
    const char *grind_shape = NULL;
    const char *way = "engine";
    uint32_t timed_cnt = GRIND_COMMANDS;

    for (int i = 1; i < argc; i++) {
        const bool more = i + 1 < argc;

        if (strcmp(argv[i], "--quick") == 0)
            bench.options.quick = true;
        else if (strcmp(argv[i], "--json") == 0)
            bench.options.json = true;
        else if (strcmp(argv[i], "--shape") == 0 && more)
            bench.options.shape = argv[++i];
        else if (strcmp(argv[i], "--repeats") == 0 && more)
            bench.options.repeats = (unsigned)atoi(argv[++i]);
        else if (strcmp(argv[i], "--cachegrind") == 0 && more)
            grind_shape = argv[++i];
        else if (strcmp(argv[i], "--way") == 0 && more)
            way = argv[++i];
        else if (strcmp(argv[i], "--timed") == 0 && more)
            timed_cnt = (uint32_t)strtoul(argv[++i], NULL, 10);
        else
            return usage();
    }
    if (bench.options.repeats < 1 || bench.options.repeats > REPORT_REPEATS_MAX)
        return usage();
    if (grind_shape != NULL)
        return grind(grind_shape, way, timed_cnt) == 0 ? 0 : usage();
    for (unsigned i = 0; i < FIGURES; i++)
        bench.results[i] = (struct result){.value = NAN, .ratio = NAN};
    if (bench.options.json)
        bench.table = stderr;
    (void)core_pin(0);
    run(&bench);
    if (bench.options.json)
        print_json(&bench);
    else
        print_summary(&bench);
    return 0;
}
