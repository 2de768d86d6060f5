#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "engine/event_hash.h"
#include "engine/sequencer.h"

#include "perf/core_run.h"

/* The out-ring has 4 MiB: twice the reader's second cache, so that a cell that is
 * written again has left it. With 1 MiB a command takes 10 ns more. */
#define RING_CELLS (1u << 16)

/* Room that the plain book wants for one command: it knows no slices. */
#define TREE_CELLS_MAX 1024u

/* The reader of the out-ring: on its own core it hashes a known number of cells. */
struct reader {
    struct ring_reader in;
    uint64_t cells_cnt;
    uint64_t hash;
    bool is_pinned;
};

static void *
read_all(void *arg)
{
    struct reader *reader = arg;

    reader->is_pinned = core_pin(1);
    ring_reader_release(&reader->in);
    while (reader->in.pos < reader->cells_cnt) {
        const uint64_t cnt = ring_reader_available(&reader->in, 1);

        for (uint64_t i = 0; i < cnt; i++)
            reader->hash = event_hash_cell(reader->hash, ring_reader_cell(&reader->in, i));
        if (cnt == 0) {
            ck_pr_stall();
            continue;
        }
        ring_reader_advance(&reader->in, cnt);
        ring_reader_release(&reader->in);
    }
    return NULL;
}

static inline void
wait_for_room(struct ring_writer *out, uint64_t want)
{
    while (UNLIKELY(ring_writer_room(out, want) < want)) {
        ring_publish(out);
        ck_pr_stall();
    }
}

/* step_read applies the command that engine_run did not take, or finishes the one
 * that it began. */
static COLD uint32_t
step_read(struct engine *engine,
          const union cell *cells,
          uint32_t taken_cnt,
          enum engine_result result,
          struct ring_writer *out)
{
    if (taken_cnt == 0) {
        wait_for_room(out, SLICE_CELLS_MAX);
        result = engine_apply(engine, cells, &out->sink);
        taken_cnt = cell_count(cells);
    }
    while (result == ENGINE_MORE) {
        wait_for_room(out, SLICE_CELLS_MAX);
        result = engine_resume(engine, &out->sink);
    }
    return taken_cnt;
}

/* run_ahead_read does what the sequencer does, from plain memory. */
static __attribute__((noinline)) void
run_ahead_read(const struct flow *flow,
               struct engine *engine,
               struct ring_writer *out,
               uint32_t end)
{
    const union cell *cells = flow->cells;
    struct engine_ahead ahead = {.next = 0};

    for (uint32_t at = 0; at < end;) {
        const uint32_t rest = end - at < CORE_BURST ? end - at : CORE_BURST;
        enum engine_result result = ENGINE_DONE;

        engine_look_ahead(engine, &ahead, cells, UINT64_MAX, at, end);
        wait_for_room(out, SLICE_CELLS_MAX + CORE_BURST);
        ring_writer_ahead(out);

        const uint64_t room = ring_writer_room(out, SLICE_CELLS_MAX + CORE_BURST);
        uint32_t taken_cnt =
            engine_run(engine, &cells[at], rest,
                       out->sink.pos + room - SLICE_CELLS_MAX - CORE_BURST, &out->sink, &result);

        if (UNLIKELY(taken_cnt == 0) || UNLIKELY(result == ENGINE_MORE))
            taken_cnt = step_read(engine, &cells[at], taken_cnt, result, out);
        at += taken_cnt;
        ring_publish(out);
    }
}

static __attribute__((noinline)) void
run_tree_read(const struct flow *flow,
              struct rbtree_book *tree,
              struct ring_writer *out,
              uint32_t end)
{
    const union cell *cells = flow->cells;
    uint32_t cnt = 0;

    for (uint32_t at = 0; at < end; at += cell_count(&cells[at])) {
        wait_for_room(out, TREE_CELLS_MAX);
        rbtree_book_apply(tree, &cells[at], &out->sink);
        if (++cnt % CORE_BURST == 0)
            ring_publish(out);
    }
    ring_publish(out);
}

static __attribute__((noinline)) void
run_copy_read(const struct flow *flow, struct ring_writer *out, uint32_t end)
{
    for (uint32_t at = 0; at < end; at++) {
        wait_for_room(out, 1);
        ring_write(out, &flow->cells[at], 1);
        if ((at + 1) % CORE_BURST == 0)
            ring_publish(out);
    }
    ring_publish(out);
}

static double
time_read(struct core *core,
          struct engine *engine,
          struct rbtree_book *tree,
          struct ring *ring,
          uint32_t end)
{
    struct reader reader = {.cells_cnt =
                                engine == NULL && tree == NULL ? end : core->out_cells_cnt};
    struct ring_writer out;
    pthread_t thread;

    ring_writer_init(&out, ring);
    ring_reader_init(&reader.in, ring, 0);
    ASSERT(end == core->flow->cells_cnt); /* the reader counts whole runs */
    if (pthread_create(&thread, NULL, read_all, &reader) != 0)
        exit(1);

    /* Two milliseconds are ample until it is there and spins. */
    (void)nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);

    const uint64_t start_ns = core_now_ns(CLOCK_MONOTONIC_RAW);

    if (engine != NULL)
        run_ahead_read(core->flow, engine, &out, end);
    else if (tree == NULL)
        run_copy_read(core->flow, &out, end);
    else
        run_tree_read(core->flow, tree, &out, end);
    while (ring_writer_room(&out, out.size) < out.size)
        ck_pr_stall();

    const uint64_t end_ns = core_now_ns(CLOCK_MONOTONIC_RAW);

    (void)pthread_join(thread, NULL);
    if (engine != NULL && core->naming == FLOW_BY_ENGINE_ID && reader.hash != core->event_hash) {
        (void)fprintf(stderr, "the reader saw other cells than core_check\n");
        exit(1);
    }
    if (!reader.is_pinned)
        (void)fprintf(stderr, "no second core: figures with a reader mean little\n");
    return (double)(end_ns - start_ns);
}

/* pow2_from returns the power of two from cnt on. */
static uint64_t
pow2_from(uint64_t cnt)
{
    uint64_t size = 64;

    while (size < cnt)
        size *= 2;
    return size;
}

static __attribute__((noinline)) void
run_queued(struct sequencer *sequencer,
           struct ring_reader *in,
           struct ring_reader *out,
           uint64_t end)
{
    while (in->pos < end || sequencer->in_work) {
        (void)sequencer_poll(sequencer, 0);
        ring_reader_advance(out, ring_reader_available(out, 1));
        ring_reader_release(out);
    }
}

static __attribute__((noinline)) void
run_tree_queued(struct rbtree_book *tree,
                struct ring_reader *in,
                struct ring_writer *to,
                struct ring_reader *out)
{
    while (ring_reader_available(in, 1) > 0) {
        for (uint32_t i = 0; i < CORE_BURST && in->pos < in->published; i++) {
            const union cell *cell = ring_reader_cell(in, 0);

            wait_for_room(to, TREE_CELLS_MAX);
            rbtree_book_apply(tree, cell, &to->sink);
            ring_reader_advance(in, cell_count(cell));
        }
        ring_publish(to);
        ring_reader_release(in);
        ring_reader_advance(out, ring_reader_available(out, 1));
        ring_reader_release(out);
    }
}

static double
time_queued(struct core *core,
            struct engine *engine,
            struct rbtree_book *tree,
            struct ring *out_ring,
            uint32_t end)
{
    const uint64_t size = pow2_from(end);
    const size_t bytes = ring_footprint(size, 1);
    void *mem = flow_map(bytes);
    struct ring *in_ring = ring_init(mem, size, 1);
    struct ring_writer in_writer;
    struct ring_writer to;
    struct ring_reader in;
    struct ring_reader out;
    struct sequencer sequencer;

    ring_writer_init(&in_writer, in_ring);
    ring_reader_init(&in, in_ring, 0);
    ring_writer_init(&to, out_ring);
    ring_reader_init(&out, out_ring, 0);
    for (uint32_t at = 0; at < end; at++)
        ring_write(&in_writer, &core->flow->cells[at], 1);
    ring_publish(&in_writer);
    if (engine != NULL) {
        sequencer_init(&sequencer, engine, &to, CORE_BURST);
        sequencer_add_in(&sequencer, &in);
    }

    const uint64_t start_ns = core_now_ns(CLOCK_THREAD_CPUTIME_ID);

    if (engine != NULL)
        run_queued(&sequencer, &in, &out, end);
    else
        run_tree_queued(tree, &in, &to, &out);

    const uint64_t end_ns = core_now_ns(CLOCK_THREAD_CPUTIME_ID);

    ASSERT(in.pos == end);
    if (engine != NULL && end == core->flow->cells_cnt)
        core_compare(core, engine);
    ASSERT(core->out_cells_cnt == 0 || end != core->flow->cells_cnt ||
           to.sink.pos == core->out_cells_cnt);
    flow_unmap(mem, bytes);
    return (double)(end_ns - start_ns);
}

double
core_time_rings(struct core *core, enum core_way way, uint32_t cells_cnt)
{
    const size_t bytes = ring_footprint(RING_CELLS, 1);
    const bool is_tree = way == CORE_TREE_READ || way == CORE_TREE_QUEUED;
    struct rbtree_book *tree = is_tree ? core_load_tree(core) : NULL;
    struct engine *engine =
        way == CORE_AHEAD_READ || way == CORE_QUEUED ? core_load_engine(core) : NULL;
    void *mem = flow_map(bytes);
    struct ring *ring = ring_init(mem, RING_CELLS, 1);
    double ns;

    if (way != CORE_QUEUED && way != CORE_TREE_QUEUED)
        ns = time_read(core, engine, tree, ring, cells_cnt);
    else
        ns = time_queued(core, engine, tree, ring, cells_cnt);
    flow_unmap(mem, bytes);
    return ns;
}
