/*
 * Runs a file of recorded commands through in-ring, sequencer and out-ring, and
 * prints one line per exchange: hash of all events, hash of the state.
 *
 *     feed FILE BATCH THREADS
 *
 * BATCH is how many commands are published at once, and the sequencer's burst.
 * THREADS is 1: all stages take turns; 2: the sequencer has a thread of its own;
 * 3: every stage has one. What is printed must depend on neither.
 */
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/event_hash.h"
#include "engine/sequencer.h"

#define IN_CELLS  256u
#define OUT_CELLS 1024u

struct feed {
    /* Constant while stages run. */
    const union cell *cells;
    uint64_t cells_cnt;
    uint32_t batch;
    /* One group per stage. */
    struct ring_writer in_writer;
    uint64_t fed_cells;
    struct ring_reader in_reader;
    struct ring_writer out_writer;
    struct sequencer sequencer;
    struct ring_reader out_reader;
    uint64_t hash;
    /* Set by the stage before when it has nothing more to give. */
    atomic_bool is_fed;
    atomic_bool is_sequenced;
    bool is_drained;
};

/* poll_feed puts one batch of whole commands into the in-ring, if it fits. */
static void
poll_feed(struct feed *feed)
{
    uint64_t cnt = 0;

    for (uint32_t i = 0; i < feed->batch && feed->fed_cells + cnt < feed->cells_cnt; i++)
        cnt += cell_count(&feed->cells[feed->fed_cells + cnt]);
    if (ring_writer_room(&feed->in_writer, cnt) < cnt)
        return;
    for (uint64_t i = 0; i < cnt; i++)
        ring_write(&feed->in_writer, &feed->cells[feed->fed_cells + i], 1);
    ring_publish(&feed->in_writer);
    feed->fed_cells += cnt;
    if (feed->fed_cells == feed->cells_cnt)
        atomic_store(&feed->is_fed, true);
}

static void
poll_sequencer(struct feed *feed)
{
    const bool was_fed = atomic_load(&feed->is_fed);

    /* The last command is behind us only if nothing came after it was fed. */
    if (sequencer_poll(&feed->sequencer, 0) == 0 && was_fed && !feed->sequencer.in_work &&
        ring_reader_available(&feed->in_reader, 1) == 0)
        atomic_store(&feed->is_sequenced, true);
}

/* poll_drain hashes what is in the out-ring, in pieces of the batch's size. */
static void
poll_drain(struct feed *feed)
{
    const bool was_sequenced = atomic_load(&feed->is_sequenced);
    uint64_t cnt = ring_reader_available(&feed->out_reader, 1);

    if (cnt == 0)
        feed->is_drained = was_sequenced;
    if (cnt > feed->batch)
        cnt = feed->batch;
    for (uint64_t i = 0; i < cnt; i++)
        feed->hash = event_hash_cell(feed->hash, ring_reader_cell(&feed->out_reader, i));
    ring_reader_advance(&feed->out_reader, cnt);
    if (cnt > 0)
        ring_reader_release(&feed->out_reader);
}

static void *
run_feed(void *arg)
{
    struct feed *feed = arg;

    while (!atomic_load(&feed->is_fed)) {
        poll_feed(feed);
        sched_yield();
    }
    return NULL;
}

static void *
run_sequencer(void *arg)
{
    struct feed *feed = arg;

    while (!atomic_load(&feed->is_sequenced)) {
        poll_sequencer(feed);
        sched_yield();
    }
    return NULL;
}

/* run_stages runs one exchange in the wanted number of threads. */
static void
run_stages(struct feed *feed, unsigned threads)
{
    pthread_t sequencer, feeder;
    int rc = 0;

    if (threads >= 2)
        rc |= pthread_create(&sequencer, NULL, run_sequencer, feed);
    if (threads >= 3)
        rc |= pthread_create(&feeder, NULL, run_feed, feed);
    ASSERT(rc == 0);
    while (!feed->is_drained) {
        if (threads < 3 && !atomic_load(&feed->is_fed))
            poll_feed(feed);
        if (threads < 2 && !atomic_load(&feed->is_sequenced))
            poll_sequencer(feed);
        poll_drain(feed);
        if (threads > 1)
            sched_yield();
    }
    if (threads >= 2)
        pthread_join(sequencer, NULL);
    if (threads >= 3)
        pthread_join(feeder, NULL);
}

static void *
take(size_t align, size_t bytes)
{
    void *mem = aligned_alloc(align, (bytes + align - 1) / align * align);

    ASSERT(mem != NULL);
    memset(mem, 0, bytes);
    return mem;
}

/* run_exchange runs the commands from one Genesis up to the next and prints
 * what came of them. */
static void
run_exchange(const union cell *cells, uint64_t cells_cnt, uint32_t batch, unsigned threads)
{
    struct engine_cfg cfg;
    struct feed feed = {.cells = cells, .cells_cnt = cells_cnt, .batch = batch};

    if (!engine_cfg_of(cells, &cfg)) {
        printf("a stream does not begin with a Genesis\n");
        exit(1);
    }

    void *engine_mem = take(CACHE_LINE, engine_footprint(&cfg));
    struct ring *in = ring_init(take(RING_ALIGN, ring_footprint(IN_CELLS, 1)), IN_CELLS, 1);
    struct ring *out = ring_init(take(RING_ALIGN, ring_footprint(OUT_CELLS, 1)), OUT_CELLS, 1);
    struct engine *engine = engine_init(engine_mem, &cfg);

    ring_writer_init(&feed.in_writer, in);
    ring_reader_init(&feed.in_reader, in, 0);
    ring_writer_init(&feed.out_writer, out);
    ring_reader_init(&feed.out_reader, out, 0);
    sequencer_init(&feed.sequencer, engine, &feed.out_writer, batch);
    sequencer_add_in(&feed.sequencer, &feed.in_reader);
    run_stages(&feed, threads);
    engine_check(engine);

    const struct hash128 state = engine_hash(engine);

    printf("seq %" PRIu64 " dropped %" PRIu64 " invalid %" PRIu64 " cells %" PRIu64
           " events %016" PRIx64 " state %016" PRIx64 "%016" PRIx64 "\n",
           engine_seq(engine), feed.sequencer.dropped_cnt, feed.sequencer.invalid_cnt,
           feed.out_reader.pos, feed.hash, state.hi, state.lo);
    free(engine_mem);
    free(in);
    free(out);
}

/* load reads the whole file. */
static union cell *
load(const char *path, uint64_t *cells_cnt)
{
    FILE *file = fopen(path, "rb");
    union cell *cells = NULL;

    if (file != NULL && fseek(file, 0, SEEK_END) == 0) {
        *cells_cnt = (uint64_t)ftell(file) / sizeof *cells;
        rewind(file);
        cells = take(CACHE_LINE, *cells_cnt * sizeof *cells);
        if (fread(cells, sizeof *cells, *cells_cnt, file) != *cells_cnt)
            cells = NULL;
    }
    if (file != NULL)
        fclose(file);
    return cells;
}

int
main(int argc, char **argv)
{
    uint64_t cells_cnt = 0;
    union cell *cells = argc == 4 ? load(argv[1], &cells_cnt) : NULL;

    if (cells == NULL || cells_cnt == 0) {
        fprintf(stderr, "feed FILE BATCH THREADS\n");
        return 2;
    }
    for (uint64_t from = 0, to; from < cells_cnt; from = to) {
        for (to = from + 1; to < cells_cnt && cell_kind(&cells[to]) != CELL_KIND_GENESIS;)
            to++;
        run_exchange(&cells[from], to - from, (uint32_t)atoi(argv[2]), (unsigned)atoi(argv[3]));
    }
    free(cells);
    return 0;
}
