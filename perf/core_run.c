#include "perf/core_run.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/event_hash.h"

const char *
core_way_name(enum core_way way)
{
    static const char *const names[CORE_WAYS] = {
        [CORE_COPY] = "copy of the cells",
        [CORE_APPLY] = "engine",
        [CORE_AHEAD] = "engine, looking ahead",
        [CORE_TREE] = "tree",
        [CORE_AHEAD_READ] = "engine, other core reads",
        [CORE_COPY_READ] = "copy, other core reads",
        [CORE_TREE_READ] = "tree, other core reads",
        [CORE_QUEUED] = "engine, sequencer",
        [CORE_TREE_QUEUED] = "tree, from the ring",
    };

    return names[way];
}

uint64_t
core_now_ns(int clock)
{
    struct timespec ts;

    (void)clock_gettime(clock, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* allowed returns the cores of the process, as they were before the first thread was
 * pinned; NULL if nobody knows. */
static const cpu_set_t *
allowed(void)
{
    static cpu_set_t cores;
    static bool known;

    known = known || sched_getaffinity(0, sizeof cores, &cores) == 0;
    return known ? &cores : NULL;
}

unsigned
core_unpin(void)
{
    const cpu_set_t *cores = allowed();

    if (cores == NULL || pthread_setaffinity_np(pthread_self(), sizeof *cores, cores) != 0)
        return 1;
    return (unsigned)CPU_COUNT(cores);
}

bool
core_pin(unsigned n)
{
    const cpu_set_t *cores = allowed();
    cpu_set_t one;

    if (cores == NULL)
        return false;
    CPU_ZERO(&one);
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, cores) && n-- == 0) {
            CPU_SET(cpu, &one);
            return pthread_setaffinity_np(pthread_self(), sizeof one, &one) == 0;
        }
    return false;
}

void
core_init(struct core *core, struct flow *flow)
{
    *core =
        (struct core){.flow = flow, .cfg = flow->cfg, .engine_bytes = engine_footprint(&flow->cfg)};
    core->tree_cfg = (struct rbtree_book_cfg){
        .orders_max = flow->cfg.orders_max,
        .instruments_max = flow->instruments_cnt,
    };
    core->engine_mem = flow_map(core->engine_bytes);
    core->out = (struct cell_sink){.cells = flow_map(FLOW_OUT_CELLS * sizeof(union cell)),
                                   .mask = FLOW_OUT_CELLS - 1};
    memset(core->out.cells, 0, FLOW_OUT_CELLS * sizeof(union cell));
}

void
core_fini(struct core *core)
{
    flow_unmap(core->engine_mem, core->engine_bytes);
    rbtree_book_free(core->tree);
    flow_unmap(core->out.cells, FLOW_OUT_CELLS * sizeof(union cell));
}

struct engine *
core_load_engine(struct core *core)
{
    flow_name(core->flow, core->naming);
    return flow_load(core->flow, &core->cfg, core->engine_mem, &core->out);
}

struct rbtree_book *
core_load_tree(struct core *core)
{
    struct flow *flow = core->flow;

    flow_name(flow, core->naming == FLOW_BY_CLORD ? FLOW_BY_CLORD : FLOW_BY_ORDINAL);
    rbtree_book_free(core->tree);
    core->tree = rbtree_book_new(&core->tree_cfg);
    for (uint32_t i = 0; i < flow->instruments_cnt; i++)
        rbtree_book_set_instrument(core->tree, i, FLOW_TICK_PX);
    flow_fill_begin(flow);
    for (uint32_t i = 0; i < flow->fill_cnt; i++) {
        union cell cell = {.words = {0}};

        flow->fill(flow, i, &cell);
        rbtree_book_apply(core->tree, &cell, &core->out);
    }
    return core->tree;
}

/*
 * The timed loops. Not inlined, so that a profile can tell them from the rest.
 */
static __attribute__((noinline)) void
run_copy(const struct core *core, struct cell_sink *out, uint32_t cells_cnt)
{
    const union cell *cells = core->flow->cells;

    for (uint32_t i = 0; i < cells_cnt; i++, out->pos++)
        *cell_sink_at(out, 0) = cells[i];
}

/* finish does what is left of a command that engine_run began, or the whole of
 * one that it did not take. */
static COLD uint32_t
finish(struct engine *engine,
       const union cell *cells,
       uint32_t at,
       uint32_t taken_cnt,
       enum engine_result result,
       struct cell_sink *out)
{
    if (taken_cnt == 0) {
        result = engine_apply(engine, &cells[at], out);
        taken_cnt = cell_count(&cells[at]);
    }
    while (result == ENGINE_MORE)
        result = engine_resume(engine, out);
    return at + taken_cnt;
}

/* burst applies up to CORE_BURST cells and returns where the next command is. */
static ALWAYS_INLINE uint32_t
burst(struct engine *engine,
      const union cell *cells,
      uint32_t at,
      uint32_t end,
      struct cell_sink *out)
{
    const uint32_t rest = end - at < CORE_BURST ? end - at : CORE_BURST;
    enum engine_result result = ENGINE_DONE;
    const uint32_t taken_cnt = engine_run(engine, &cells[at], rest, UINT64_MAX, out, &result);

    if (UNLIKELY(taken_cnt == 0) || UNLIKELY(result == ENGINE_MORE))
        return finish(engine, cells, at, taken_cnt, result, out);
    return at + taken_cnt;
}

/* run_apply applies bursts, as the sequencer does. */
static __attribute__((noinline)) void
run_apply(const struct core *core, struct engine *engine, struct cell_sink *out, uint32_t cells_cnt)
{
    for (uint32_t at = 0; at < cells_cnt;)
        at = burst(engine, core->flow->cells, at, cells_cnt, out);
}

/* run_ahead looks ahead as the sequencer does. */
static __attribute__((noinline)) void
run_ahead(const struct core *core, struct engine *engine, struct cell_sink *out, uint32_t cells_cnt)
{
    const union cell *cells = core->flow->cells;
    struct engine_ahead ahead = {.next = 0};

    for (uint32_t at = 0; at < cells_cnt;) {
        engine_look_ahead(engine, &ahead, cells, UINT64_MAX, at, cells_cnt);
        at = burst(engine, cells, at, cells_cnt, out);
    }
}

static __attribute__((noinline)) void
run_tree(const struct core *core,
         struct rbtree_book *tree,
         struct cell_sink *out,
         uint32_t cells_cnt)
{
    const union cell *cells = core->flow->cells;

    for (uint32_t at = 0; at < cells_cnt; at += cell_count(&cells[at]))
        rbtree_book_apply(tree, &cells[at], out);
}

/* cells_of returns how many cells the first commands_cnt commands have. */
static uint32_t
cells_of(const struct flow *flow, uint32_t commands_cnt)
{
    uint32_t at = 0;

    if (commands_cnt == flow->commands_cnt)
        return flow->cells_cnt;
    for (uint32_t i = 0; i < commands_cnt; i++)
        at += cell_count(&flow->cells[at]);
    return at;
}

double
core_time(struct core *core, enum core_way way, uint32_t commands_cnt)
{
    const uint32_t cells_cnt = cells_of(core->flow, commands_cnt);
    struct engine *engine = NULL;
    struct rbtree_book *tree = NULL;

    if (way > CORE_TREE)
        return core_time_rings(core, way, cells_cnt);
    if (way == CORE_TREE)
        tree = core_load_tree(core);
    else if (way != CORE_COPY)
        engine = core_load_engine(core);

    const uint64_t start_ns = core_now_ns(CLOCK_THREAD_CPUTIME_ID);

    if (way == CORE_COPY)
        run_copy(core, &core->out, cells_cnt);
    else if (way == CORE_APPLY)
        run_apply(core, engine, &core->out, cells_cnt);
    else if (way == CORE_AHEAD)
        run_ahead(core, engine, &core->out, cells_cnt);
    else
        run_tree(core, tree, &core->out, cells_cnt);

    const uint64_t end_ns = core_now_ns(CLOCK_THREAD_CPUTIME_ID);

    if (engine != NULL && cells_cnt == core->flow->cells_cnt)
        core_compare(core, engine);
    return (double)(end_ns - start_ns);
}

void
core_compare(const struct core *core, const struct engine *engine)
{
    if (!core->checked || hash128_equal(core->state, engine_hash(engine)))
        return;
    (void)fprintf(stderr, "a timed run left the engine elsewhere than core_check\n");
    exit(1);
}

/* id_word returns which word of a cell holds an order id. */
static unsigned
id_word(const union cell *cell)
{
    return cell_kind(cell) >= CELL_KIND_CONTINUATIONS ? 2 : 4;
}

/* differ ends the program: the two books did not do the same. */
static COLD void
differ(const union cell *ours, const union cell *theirs, uint32_t command)
{
    (void)fprintf(stderr, "command %u: the books differ\nword           engine             tree\n",
                  command);
    for (unsigned i = 0; i < CELL_BYTES / 8; i++)
        (void)fprintf(stderr, "%4u %016llx %016llx\n", i, (unsigned long long)ours->words[i],
                      (unsigned long long)theirs->words[i]);
    exit(1);
}

/* compare_group compares what one command caused in both. */
static void
compare_group(struct core *core, const struct cell_sink *tree_out, uint64_t from, uint32_t command)
{
    for (uint64_t pos = from; pos < core->out.pos; pos++) {
        const union cell *ours = &core->out.cells[pos & core->out.mask];
        union cell theirs = tree_out->cells[pos & tree_out->mask];
        uint64_t *id = &theirs.words[id_word(&theirs)];

        if (*id > core->flow->ordinals_cnt)
            differ(ours, &theirs, command);
        *id = *id == 0 ? 0 : core->flow->ids[*id];
        if (memcmp(ours, &theirs, sizeof theirs) != 0)
            differ(ours, &theirs, command);
        core->event_hash = event_hash_cell(core->event_hash, ours);
    }
}

void
core_check(struct core *core)
{
    struct flow *flow = core->flow;
    struct rbtree_book *tree = core_load_tree(core);
    struct engine *engine = core_load_engine(core);
    struct cell_sink tree_out = {.cells = flow_map(FLOW_OUT_CELLS * sizeof(union cell)),
                                 .mask = FLOW_OUT_CELLS - 1};
    const uint64_t begin = core->out.pos;

    core->event_hash = 0;
    for (uint32_t at = 0, i = 0; at < flow->cells_cnt; at += cell_count(&flow->cells[at]), i++) {
        const uint64_t from = core->out.pos;
        union cell theirs[2] = {flow->cells[at], flow->cells[at + 1]};
        enum engine_result result = engine_apply(engine, &flow->cells[at], &core->out);

        while (result == ENGINE_MORE)
            result = engine_resume(engine, &core->out);
        if (core->naming == FLOW_BY_ENGINE_ID)
            theirs[0].order_cancel.order_id = flow->names[at];
        tree_out.pos = from;
        rbtree_book_apply(tree, theirs, &tree_out);
        if (tree_out.pos != core->out.pos)
            differ(&flow->cells[at], theirs, i);
        compare_group(core, &tree_out, from, i);
    }
    engine_check(engine);
    rbtree_book_check(tree);
    core->out_cells_cnt = core->out.pos - begin;
    core->state = engine_hash(engine);
    core->checked = true;
    flow_unmap(tree_out.cells, FLOW_OUT_CELLS * sizeof(union cell));
}
