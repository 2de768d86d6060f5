#include "perf/journal_pump.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/event_hash.h"
#include "engine/sequencer.h"
#include "journal/writer.h"

#include "perf/core_report.h"
#include "perf/core_run.h"
#include "perf/journal_stream.h"

#define IN_CELLS       (1u << 16)
#define OUT_CELLS      (1u << 18)
#define SEGMENT_BYTES  (1ull << 30)
#define SEGMENT_SMALL  (256ull << 20)
#define FEED_CELLS     64u
#define WAIT_NS        10000000u
#define PREPARED_S     60u
#define MARKS          (1u << 20) /* bursts between the engine and the durable cursor */
#define BUCKETS        1000000u   /* of a microsecond */
#define GAP_NS         1000u
#define DUE_MAX        256u
#define BURST_COMMANDS 20000u
#define BURSTS_MAX     512u
#define BURST_WARM     8u

struct pump {
    struct ring_writer out;
    struct ring_reader out_journal;
    struct ring_writer in;
    struct ring_reader in_reader;
    struct sequencer sequencer;
    struct engine *engine;
    struct journal_writer *writer;
    const uint64_t *durable;
    void *out_mem;
    void *in_mem;
    void *engine_mem;
    size_t engine_bytes;
    struct stream *stream;
    pthread_t thread;
    _Atomic bool stop;
};

static _Noreturn COLD void
die(const char *what)
{
    (void)fprintf(stderr, "bench_journal: %s\n", what);
    exit(1);
}

static uint64_t
clock_ns(void)
{
    return core_now_ns(CLOCK_MONOTONIC);
}

static void *
journal_main(void *arg)
{
    struct pump *pump = arg;

    (void)core_pin(1);
    (void)journal_writer_urge();
    while (!atomic_load(&pump->stop) || journal_writer_in_flight(pump->writer))
        if (journal_writer_poll(pump->writer, clock_ns()) == 0)
            journal_writer_wait(pump->writer, WAIT_NS);
    return NULL;
}

static void
start_thread(struct pump *pump)
{
    atomic_store(&pump->stop, false);
    if (pthread_create(&pump->thread, NULL, journal_main, pump) != 0)
        die("no thread");
}

static void
stop_thread(struct pump *pump)
{
    atomic_store(&pump->stop, true);
    journal_writer_wake(pump->writer);
    (void)pthread_join(pump->thread, NULL);
}

/* await_prepared waits until the segment behind the first is there. */
static void
await_prepared(const char *dir)
{
    const struct timespec nap = {.tv_nsec = 10000000};
    char path[300];

    (void)snprintf(path, sizeof path, "%.270s/00000001.seg", dir);
    for (unsigned i = 0; access(path, F_OK) != 0; i++) {
        if (i == PREPARED_S * 100)
            die("the next segment is not prepared");
        (void)nanosleep(&nap, NULL);
    }
}

static void
open_writer(struct pump *pump, const char *dir, uint64_t segment_bytes)
{
    const struct journal_writer_cfg cfg = {
        .dir = dir, .epoch = 1, .segment_bytes = segment_bytes, .ack_mode = CELL_ACK_MODE_DURABLE};
    char why[256] = "";

    pump->out_mem = flow_map(ring_footprint(OUT_CELLS, 1));
    ring_writer_init(&pump->out, ring_init(pump->out_mem, OUT_CELLS, 1));
    ring_reader_init(&pump->out_journal, pump->out.ring, 0);
    if (journal_writer_open(&pump->writer, &cfg, &pump->out_journal, why) != 0)
        die(why);
    pump->durable = journal_writer_durable(pump->writer);
    (void)fputs(journal_writer_notes(pump->writer), stderr);
    await_prepared(dir);
}

static void
close_writer(struct pump *pump, const char *dir)
{
    char path[300];

    journal_writer_close(pump->writer);
    flow_unmap(pump->out_mem, ring_footprint(OUT_CELLS, 1));
    for (unsigned i = 0; dir != NULL && i < 1000; i++) {
        (void)snprintf(path, sizeof path, "%.270s/%08u.seg", dir, i);
        if (unlink(path) != 0)
            break;
    }
}

/* put hands one command to the engine, which must have room for it. */
static void
put(struct pump *pump, const union cell *cells, unsigned cnt)
{
    ASSERT(ring_writer_room(&pump->in, cnt) >= cnt);
    ring_write(&pump->in, cells, cnt);
}

static void
open_engine(struct pump *pump)
{
    const struct engine_cfg cfg = stream_cfg();
    static union cell setup[STREAM_SETUP_MAX];

    pump->engine_bytes = engine_footprint(&cfg);
    pump->engine_mem = flow_map(pump->engine_bytes);
    memset(pump->engine_mem, 0, pump->engine_bytes);
    pump->engine = engine_init(pump->engine_mem, &cfg);
    pump->in_mem = flow_map(ring_footprint(IN_CELLS, 1));
    ring_writer_init(&pump->in, ring_init(pump->in_mem, IN_CELLS, 1));
    ring_reader_init(&pump->in_reader, pump->in.ring, 0);
    sequencer_init(&pump->sequencer, pump->engine, &pump->out, BURST_COMMANDS_MAX);
    sequencer_add_in(&pump->sequencer, &pump->in_reader);
    pump->stream = flow_map(sizeof *pump->stream);

    const unsigned cnt = stream_begin(pump->stream, setup);

    for (unsigned i = 0; i < cnt; i += cell_count(&setup[i]))
        put(pump, &setup[i], cell_count(&setup[i]));
    ring_publish(&pump->in);
}

static void
close_engine(struct pump *pump)
{
    flow_unmap(pump->stream, sizeof *pump->stream);
    flow_unmap(pump->in_mem, ring_footprint(IN_CELLS, 1));
    flow_unmap(pump->engine_mem, pump->engine_bytes);
}

static uint64_t
durable_pos(const struct pump *pump)
{
    return __atomic_load_n(pump->durable, __ATOMIC_ACQUIRE);
}

/* turn lets the engine work once and wakes the journal if there is something new. */
static int
turn(struct pump *pump)
{
    const uint64_t published = pump->out.published;
    const int work = sequencer_poll(&pump->sequencer, 0);

    if (pump->out.published != published)
        journal_writer_wake(pump->writer);
    return work;
}

/* drain lets everything that was put become durable. */
static void
drain(struct pump *pump)
{
    while (pump->in_reader.pos < pump->in.published || pump->sequencer.in_work ||
           durable_pos(pump) < pump->out.published) {
        if (turn(pump) == 0)
            ck_pr_stall();
    }
}

/* preload makes the book what it will be: half of the places rest. */
static void
preload(struct pump *pump, unsigned commands_cnt)
{
    union cell cells[STREAM_CELLS_MAX];

    for (unsigned i = 0; i < commands_cnt; i++) {
        while (ring_writer_room(&pump->in, STREAM_CELLS_MAX) < STREAM_CELLS_MAX) {
            ring_publish(&pump->in);
            (void)turn(pump);
        }
        put(pump, cells, stream_next(pump->stream, 1, cells));
    }
    ring_publish(&pump->in);
    drain(pump);
}

struct pump_group
pump_group(const char *dir, uint64_t bytes)
{
    static struct pump pump;
    struct journal_writer_stats stats;
    union cell cell = {.clock = {.kind = CELL_KIND_CLOCK, .shape = 1 | CELL_LAST}};
    const uint64_t cells_cnt = bytes / CELL_BYTES;

    pump = (struct pump){0};
    (void)core_pin(0);
    open_writer(&pump, dir, SEGMENT_BYTES);
    start_thread(&pump);

    const uint64_t start_ns = clock_ns();

    while (cell.clock.seq < cells_cnt) {
        while (ring_writer_room(&pump.out, FEED_CELLS) < FEED_CELLS)
            ck_pr_stall();
        for (unsigned i = 0; i < FEED_CELLS; i++) {
            cell.clock.seq++;
            ring_write(&pump.out, &cell, 1);
        }
        ring_publish(&pump.out);
        journal_writer_wake(pump.writer);
    }
    while (durable_pos(&pump) < pump.out.published)
        ck_pr_stall();

    const double seconds = (double)(clock_ns() - start_ns) / 1e9;

    journal_writer_stats_get(pump.writer, &stats);
    stop_thread(&pump);
    close_writer(&pump, dir);
    return (struct pump_group){
        .mb_s = (double)stats.bytes / seconds / 1e6,
        .batch_bytes = (double)stats.bytes / (double)stats.batches,
        .fill = (double)stats.cells / (double)stats.pages,
        .stalls = stats.stalls,
    };
}

/* Latencies in buckets of a microsecond. */
struct buckets {
    uint32_t *counts;
    uint64_t total;
    uint64_t max_ns;
};

static void
buckets_add(struct buckets *buckets, uint64_t ns)
{
    const uint64_t us = ns / 1000;

    buckets->counts[us < BUCKETS ? us : BUCKETS - 1]++;
    buckets->total++;
    if (ns > buckets->max_ns)
        buckets->max_ns = ns;
}

static double
buckets_at(const struct buckets *buckets, double share)
{
    const uint64_t wanted = (uint64_t)((double)buckets->total * share);
    uint64_t before = 0;

    for (uint32_t us = 0; us < BUCKETS; us++) {
        before += buckets->counts[us];
        if (before > wanted)
            return us + 1;
    }
    return BUCKETS;
}

/* What is on its way to the disk: all orders below order_end are durable once the
 * cursor is at pos. */
struct mark {
    uint64_t pos;
    uint64_t order_end;
};

struct open_loop {
    struct pump *pump;
    double period_ns;
    uint64_t start_ns;
    uint64_t orders_cnt;
    uint64_t sent;
    uint64_t taken; /* sequenced */
    uint64_t done;  /* durable */
    struct mark *marks;
    uint64_t head;
    uint64_t tail;
    struct buckets latency;
    struct buckets gaps;
    uint64_t gaps_ns;
};

static uint64_t
due_ns(const struct open_loop *loop, uint64_t order)
{
    return loop->start_ns + (uint64_t)((double)order * loop->period_ns);
}

/* send puts what is due by now. */
static unsigned
send(struct open_loop *loop, uint64_t now_ns)
{
    struct pump *pump = loop->pump;
    union cell cells[STREAM_CELLS_MAX];
    unsigned cnt = 0;

    while (loop->sent < loop->orders_cnt && cnt < DUE_MAX && due_ns(loop, loop->sent) <= now_ns &&
           ring_writer_room(&pump->in, STREAM_CELLS_MAX) >= STREAM_CELLS_MAX) {
        put(pump, cells, stream_next(pump->stream, now_ns, cells));
        loop->sent++;
        cnt++;
    }
    ring_publish(&pump->in);
    return cnt;
}

/* note_taken remembers where the orders that the engine has taken end. */
static void
note_taken(struct open_loop *loop, uint64_t applied_before)
{
    struct pump *pump = loop->pump;

    loop->taken += pump->sequencer.applied_cnt - applied_before;
    if (loop->head - loop->tail == MARKS)
        die("the journal is far behind");
    loop->marks[loop->head++ % MARKS] = (struct mark){pump->out.published, loop->taken};
}

static unsigned
note_durable(struct open_loop *loop, uint64_t now_ns)
{
    const uint64_t pos = durable_pos(loop->pump);
    unsigned cnt = 0;

    while (loop->tail != loop->head && loop->marks[loop->tail % MARKS].pos <= pos) {
        const uint64_t end = loop->marks[loop->tail % MARKS].order_end;

        for (; loop->done < end; loop->done++, cnt++)
            buckets_add(&loop->latency, now_ns - due_ns(loop, loop->done));
        loop->tail++;
    }
    return cnt;
}

static void
run_loop(struct open_loop *loop)
{
    uint64_t turn_ns = clock_ns();
    unsigned worked = 1;

    while (loop->done < loop->orders_cnt) {
        const uint64_t now_ns = clock_ns();
        const uint64_t applied = loop->pump->sequencer.applied_cnt;

        if (worked == 0 && now_ns - turn_ns >= GAP_NS) {
            buckets_add(&loop->gaps, now_ns - turn_ns);
            loop->gaps_ns += now_ns - turn_ns;
        }
        turn_ns = now_ns;
        worked = send(loop, now_ns);
        if (turn(loop->pump) > 0) {
            note_taken(loop, applied);
            worked++;
        }
        worked += note_durable(loop, now_ns);
    }
}

struct pump_rate
pump_rate(const char *dir, uint32_t rate, unsigned seconds)
{
    static struct pump pump;
    struct journal_writer_stats before;
    struct journal_writer_stats stats;
    struct open_loop loop = {.pump = &pump, .period_ns = 1e9 / rate};

    pump = (struct pump){0};
    (void)core_pin(0);
    open_writer(&pump, dir, SEGMENT_SMALL);
    open_engine(&pump);
    start_thread(&pump);
    preload(&pump, 4 * STREAM_PLACES);
    journal_writer_stats_get(pump.writer, &before);
    loop.orders_cnt = (uint64_t)rate * seconds;
    loop.marks = flow_map(MARKS * sizeof *loop.marks);
    loop.latency.counts = flow_map(BUCKETS * sizeof *loop.latency.counts);
    loop.gaps.counts = flow_map(BUCKETS * sizeof *loop.gaps.counts);
    loop.start_ns = clock_ns();
    run_loop(&loop);

    const double took_s = (double)(clock_ns() - loop.start_ns) / 1e9;

    journal_writer_stats_get(pump.writer, &stats);
    stop_thread(&pump);
    close_writer(&pump, dir);
    close_engine(&pump);

    const struct pump_rate result = {
        .orders_cnt = loop.done,
        .per_second = (double)loop.done / took_s,
        .p50_us = buckets_at(&loop.latency, 0.5),
        .p99_us = buckets_at(&loop.latency, 0.99),
        .p999_us = buckets_at(&loop.latency, 0.999),
        .max_us = (double)loop.latency.max_ns / 1e3,
        .batch_bytes =
            (double)(stats.bytes - before.bytes) / (double)(stats.batches - before.batches),
        .gaps_cnt = loop.gaps.total,
        .gap_p99_us = buckets_at(&loop.gaps, 0.99),
        .gap_max_us = (double)loop.gaps.max_ns / 1e3,
        .gap_share = (double)loop.gaps_ns / 1e9 / took_s,
        .stalls = stats.stalls - before.stalls,
    };

    flow_unmap(loop.marks, MARKS * sizeof *loop.marks);
    flow_unmap(loop.latency.counts, BUCKETS * sizeof *loop.latency.counts);
    flow_unmap(loop.gaps.counts, BUCKETS * sizeof *loop.gaps.counts);
    return result;
}

/* The reader that stands in for the journal: it looks at each cell and lets it go. */
struct looker {
    struct ring_reader *out;
    _Atomic bool stop;
    uint64_t hash;
};

static void *
look_main(void *arg)
{
    struct looker *looker = arg;
    struct ring_reader *out = looker->out;

    (void)core_pin(1);
    while (!atomic_load_explicit(&looker->stop, memory_order_relaxed)) {
        const uint64_t cnt = ring_reader_available(out, FEED_CELLS);

        for (uint64_t i = 0; i < cnt; i++)
            looker->hash = event_hash_cell(looker->hash, ring_reader_cell(out, i));
        if (cnt == 0) {
            ck_pr_stall();
            continue;
        }
        ring_reader_advance(out, cnt);
        ring_reader_release(out);
    }
    return NULL;
}

/* burst fills the in-ring, then lets the engine run it as fast as it can; returns
 * the nanoseconds that this took. */
static double
burst(struct pump *pump, bool journaled)
{
    union cell cells[STREAM_CELLS_MAX];

    for (unsigned i = 0; i < BURST_COMMANDS; i++)
        put(pump, cells, stream_next(pump->stream, 1, cells));
    ring_publish(&pump->in);

    const uint64_t start_ns = clock_ns();

    while (pump->in_reader.pos < pump->in.published || pump->sequencer.in_work) {
        (void)sequencer_poll(&pump->sequencer, 0);
        if (journaled)
            journal_writer_wake(pump->writer);
    }

    const double ns = (double)(clock_ns() - start_ns);

    while (ring_writer_room(&pump->out, pump->out.size) < pump->out.size)
        ck_pr_stall();
    return ns;
}

static double
median_mps(double *ns, unsigned cnt)
{
    return BURST_COMMANDS * 1e3 / report_median(ns, cnt);
}

struct pump_loss
pump_loss(const char *dir, unsigned bursts)
{
    static struct pump pump;
    double on_ns[BURSTS_MAX];
    double off_ns[BURSTS_MAX];

    ASSERT(bursts <= BURSTS_MAX);
    pump = (struct pump){0};
    (void)core_pin(0);
    open_writer(&pump, dir, SEGMENT_SMALL);
    open_engine(&pump);
    start_thread(&pump);
    preload(&pump, 4 * STREAM_PLACES);
    /* Several bursts in one way, then in the other; the first few are not counted. */
    for (unsigned i = 0; i < bursts; i += BURST_WARM) {
        struct looker looker = {.out = &pump.out_journal};
        pthread_t thread;

        for (unsigned j = 0; j < 2 * BURST_WARM; j++) {
            const double ns = burst(&pump, true);

            if (j >= BURST_WARM && i + j - BURST_WARM < bursts)
                on_ns[i + j - BURST_WARM] = ns;
        }
        drain(&pump);
        stop_thread(&pump);
        if (pthread_create(&thread, NULL, look_main, &looker) != 0)
            die("no thread");
        for (unsigned j = 0; j < 2 * BURST_WARM; j++) {
            const double ns = burst(&pump, false);

            if (j >= BURST_WARM && i + j - BURST_WARM < bursts)
                off_ns[i + j - BURST_WARM] = ns;
        }
        atomic_store(&looker.stop, true);
        (void)pthread_join(thread, NULL);
        start_thread(&pump);
    }
    stop_thread(&pump);
    close_writer(&pump, dir);
    close_engine(&pump);
    return (struct pump_loss){.on_mps = median_mps(on_ns, bursts),
                              .off_mps = median_mps(off_ns, bursts)};
}

struct pump_day
pump_day(const char *dir, uint64_t commands_cnt)
{
    static struct pump pump;
    struct journal_writer_stats stats;
    union cell cells[STREAM_CELLS_MAX];

    pump = (struct pump){0};
    (void)core_pin(0);
    open_writer(&pump, dir, SEGMENT_SMALL);
    open_engine(&pump);
    start_thread(&pump);

    const uint64_t start_ns = clock_ns();

    for (uint64_t i = 0; i < commands_cnt;) {
        while (i < commands_cnt &&
               ring_writer_room(&pump.in, STREAM_CELLS_MAX) >= STREAM_CELLS_MAX) {
            put(&pump, cells, stream_next(pump.stream, ++i, cells));
            if (i % FEED_CELLS == 0)
                break;
        }
        ring_publish(&pump.in);
        (void)turn(&pump);
    }
    drain(&pump);

    const double took_s = (double)(clock_ns() - start_ns) / 1e9;
    const struct hash128 state = engine_hash(pump.engine);
    const uint64_t orders_live = engine_orders_cnt(pump.engine);

    journal_writer_stats_get(pump.writer, &stats);
    stop_thread(&pump);
    close_writer(&pump, NULL);
    close_engine(&pump);
    return (struct pump_day){
        .written_mps = (double)commands_cnt / took_s / 1e6,
        .fill = (double)stats.cells / (double)stats.pages,
        .bytes = stats.bytes,
        .orders_live = orders_live,
        .state_lo = state.lo,
        .state_hi = state.hi,
    };
}
