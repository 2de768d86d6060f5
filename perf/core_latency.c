#include <stdlib.h>
#include <time.h>
#include <x86intrin.h>

#include "engine/idmap.h"
#include "engine/state.h"

#include "perf/core_run.h"

#define GAP_NS      1000.0
#define TIMER_RUNS  100000u
#define REPEATS_MAX 64u

/* stamp_begin and stamp_end read the counter so that nothing before a begin is
 * counted, and everything before an end is. */
static inline uint64_t
stamp_begin(void)
{
    _mm_lfence();

    const uint64_t now = __rdtsc();

    _mm_lfence();
    return now;
}

static inline uint64_t
stamp_end(void)
{
    unsigned core;
    const uint64_t now = __rdtscp(&core);

    _mm_lfence();
    return now;
}

static int
compare_u32(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a;
    const uint32_t y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static int
compare_double(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;

    return (x > y) - (x < y);
}

/* timer_ticks returns the median of what an empty pair of stamps measures. */
static uint32_t
timer_ticks(void)
{
    uint32_t *ticks = calloc(TIMER_RUNS, sizeof *ticks);
    uint32_t median;

    ASSERT(ticks != NULL);
    for (uint32_t i = 0; i < TIMER_RUNS; i++) {
        const uint64_t begin = stamp_begin();

        ticks[i] = (uint32_t)(stamp_end() - begin);
    }
    qsort(ticks, TIMER_RUNS, sizeof *ticks, compare_u32);
    median = ticks[TIMER_RUNS / 2];
    free(ticks);
    return median;
}

static void
stamp_engine(struct core *core, uint32_t *samples)
{
    struct engine *engine = core_load_engine(core);
    const struct flow *flow = core->flow;

    for (uint32_t at = 0; at < flow->cells_cnt; at += cell_count(&flow->cells[at])) {
        const uint64_t begin = stamp_begin();
        enum engine_result result = engine_apply(engine, &flow->cells[at], &core->out);

        while (UNLIKELY(result == ENGINE_MORE))
            result = engine_resume(engine, &core->out);
        *samples++ = (uint32_t)(stamp_end() - begin);
    }
}

static void
stamp_tree(struct core *core, uint32_t *samples)
{
    struct rbtree_book *tree = core_load_tree(core);
    const struct flow *flow = core->flow;

    for (uint32_t at = 0; at < flow->cells_cnt; at += cell_count(&flow->cells[at])) {
        const uint64_t begin = stamp_begin();

        rbtree_book_apply(tree, &flow->cells[at], &core->out);
        *samples++ = (uint32_t)(stamp_end() - begin);
    }
}

/* One run's percentiles, in ticks. */
struct run {
    double p50;
    double p99;
    double p999;
    double raw_p999;
    double raw_max;
    double gaps_cnt;
};

static double
percentile(const uint32_t *sorted, uint32_t cnt, double share)
{
    return sorted[(uint32_t)((double)(cnt - 1) * share)];
}

/* judge leaves the gaps of the machine out of a run's samples. */
static struct run
judge(uint32_t *samples, const uint32_t *least, uint32_t cnt, uint32_t gap_ticks)
{
    uint32_t *clean = calloc(cnt, sizeof *clean);
    uint32_t clean_cnt = 0;
    struct run run;

    ASSERT(clean != NULL);
    for (uint32_t i = 0; i < cnt; i++)
        if (samples[i] <= gap_ticks || least[i] > gap_ticks)
            clean[clean_cnt++] = samples[i];
    qsort(clean, clean_cnt, sizeof *clean, compare_u32);
    qsort(samples, cnt, sizeof *samples, compare_u32);
    run = (struct run){
        .p50 = percentile(clean, clean_cnt, 0.5),
        .p99 = percentile(clean, clean_cnt, 0.99),
        .p999 = percentile(clean, clean_cnt, 0.999),
        .raw_p999 = percentile(samples, cnt, 0.999),
        .raw_max = samples[cnt - 1],
        .gaps_cnt = cnt - clean_cnt,
    };
    free(clean);
    return run;
}

/* median_of returns the median of one field over the runs. */
static double
median_of(const struct run *runs, unsigned cnt, size_t offset)
{
    double values[REPEATS_MAX];

    for (unsigned i = 0; i < cnt; i++)
        values[i] = *(const double *)(const void *)((const char *)&runs[i] + offset);
    qsort(values, cnt, sizeof *values, compare_double);
    return values[cnt / 2];
}

struct core_latency
core_latency(struct core *core, bool tree, unsigned repeats)
{
    const uint32_t cnt = core->flow->commands_cnt;
    uint32_t *samples = flow_map((size_t)repeats * cnt * sizeof *samples);
    uint32_t *least = flow_map(cnt * sizeof *least);
    struct run runs[REPEATS_MAX];

    ASSERT(repeats >= 1);
    ASSERT(repeats <= REPEATS_MAX);
    const uint64_t begin_ns = core_now_ns(CLOCK_MONOTONIC_RAW);
    const uint64_t begin = stamp_begin();

    for (unsigned run = 0; run < repeats; run++) {
        uint32_t *own = &samples[(size_t)run * cnt];

        if (tree)
            stamp_tree(core, own);
        else
            stamp_engine(core, own);
        for (uint32_t i = 0; i < cnt; i++)
            least[i] = run == 0 || own[i] < least[i] ? own[i] : least[i];
    }

    const double ns_per_tick =
        (double)(core_now_ns(CLOCK_MONOTONIC_RAW) - begin_ns) / (double)(stamp_end() - begin);
    const double timer = timer_ticks();
    const uint32_t gap_ticks = (uint32_t)(GAP_NS / ns_per_tick + timer);

    for (unsigned run = 0; run < repeats; run++)
        runs[run] = judge(&samples[(size_t)run * cnt], least, cnt, gap_ticks);
    flow_unmap(samples, (size_t)repeats * cnt * sizeof *samples);
    flow_unmap(least, cnt * sizeof *least);
    return (struct core_latency){
        .p50_ns = (median_of(runs, repeats, offsetof(struct run, p50)) - timer) * ns_per_tick,
        .p99_ns = (median_of(runs, repeats, offsetof(struct run, p99)) - timer) * ns_per_tick,
        .p999_ns = (median_of(runs, repeats, offsetof(struct run, p999)) - timer) * ns_per_tick,
        .raw_p999_ns =
            (median_of(runs, repeats, offsetof(struct run, raw_p999)) - timer) * ns_per_tick,
        .raw_max_ns =
            (median_of(runs, repeats, offsetof(struct run, raw_max)) - timer) * ns_per_tick,
        .gap_share = median_of(runs, repeats, offsetof(struct run, gaps_cnt)) / cnt,
        .timer_ns = timer * ns_per_tick,
    };
}

struct core_memory
core_memory(struct core *core)
{
    const struct engine *engine = core_load_engine(core);
    const struct engine_cfg one = core->flow->cfg;
    struct engine_cfg two = one;
    struct core_memory memory = {.levels_cnt = 0};

    two.orders_max *= 2;
    ASSERT(two.orders_max <= ORDERS_MAX);

    const double id_map =
        (double)(idmap_footprint(two.orders_max) - idmap_footprint(one.orders_max));
    const double all = (double)(engine_footprint(&two) - engine_footprint(&one));

    memory.bytes_per_order = (all - id_map) / one.orders_max;
    memory.id_map_per_order = (double)idmap_footprint(one.orders_max) / engine_orders_cnt(engine);
    memory.pages_bytes =
        (uint64_t)(engine->pages.pages_max - engine->pages.room_cnt) * LADDER_PAGE_BYTES;
    for (uint32_t i = 0; i < 2 * engine->books_cnt; i++) {
        const struct ladder *side = &engine->books[i / 2].sides[i % 2];

        for (uint32_t at = side->best_level; at != LADDER_NONE;
             at = ladder_next(&engine->pages, at))
            memory.levels_cnt++;
    }
    memory.tree_bytes_per_order = (double)rbtree_book_order_bytes();
    return memory;
}
