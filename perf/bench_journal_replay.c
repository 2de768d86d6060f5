/*
 * Benchmark: the journal, written at saturation and replayed, in one run.
 *
 *   raw        one page by pwrite and fdatasync: what the disk gives
 *   single     one command through the writer, then wait for it
 *   group      small commands, one group each, through the writer: group commit
 *   saturate   engine and writer in one thread, as fast as the disk takes it
 *   replay     what saturate wrote, into a new engine
 *
 * OUTCRY_BENCH_DIR names the folder to write in (default: the current one), and
 * OUTCRY_BENCH_COMMANDS how many commands saturate writes.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/engine.h"
#include "engine/ring.h"
#include "journal/replay.h"
#include "journal/writer.h"

#define RING_CELLS    (1u << 16)
#define INSTRUMENTS   256u
#define LIVE_IDS      65536u
#define COMMANDS      3000000u
#define RAW_WRITES    500u
#define GROUP_WRITES  400000u
#define BURST         16u
#define SEGMENT_BYTES (256ull << 20)

static char dir[256];

struct bench {
    struct ring_writer in;
    struct ring_reader out;
    struct journal_writer *writer;
    const uint64_t *durable;
    void *ring_mem;
    struct engine *engine;
    uint64_t random;
    uint64_t clord;
    uint64_t ids[LIVE_IDS];
};

static uint64_t
clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void
die(const char *what)
{
    fprintf(stderr, "bench_journal_replay: %s\n", what);
    exit(1);
}

static uint64_t
next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void *
memory(size_t bytes)
{
    const size_t rounded = (bytes + 4095) / 4096 * 4096;
    void *mem = aligned_alloc(4096, rounded);

    if (mem != NULL)
        memset(mem, 0, rounded);
    return mem;
}

static void
clear_dir(void)
{
    char path[300];

    for (unsigned i = 0; i < 100; i++) {
        snprintf(path, sizeof path, "%s/%08u.seg", dir, i);
        if (unlink(path) != 0)
            break;
    }
}

static void
open_writer(struct bench *bench)
{
    const struct journal_writer_cfg cfg = {
        .dir = dir, .shard = 0, .epoch = 1, .segment_bytes = SEGMENT_BYTES};
    char why[256];

    clear_dir();
    bench->ring_mem = aligned_alloc(RING_ALIGN, ring_footprint(RING_CELLS, 1));
    if (bench->ring_mem == NULL)
        die("out of memory");

    struct ring *ring = ring_init(bench->ring_mem, RING_CELLS, 1);

    ring_writer_init(&bench->in, ring);
    ring_reader_init(&bench->out, ring, 0);
    if (journal_writer_open(&bench->writer, &cfg, &bench->out, why) != 0)
        die(why);
    bench->durable = journal_writer_durable(bench->writer);
    fputs(journal_writer_notes(bench->writer), stdout);
}

static void
close_writer(struct bench *bench)
{
    journal_writer_close(bench->writer);
    free(bench->ring_mem);
}

/* put_clock writes a group of one cell: the smallest there is. */
static void
put_clock(struct bench *bench, uint64_t seq)
{
    union cell cell = {.clock = {.kind = CELL_KIND_CLOCK, .shape = 1 | CELL_LAST, .seq = seq}};

    ring_write(&bench->in, &cell, 1);
}

static int
compare_u64(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a;
    const uint64_t y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* print_times prints what single durable writes took. */
static void
print_times(const char *name, uint64_t *took)
{
    qsort(took, RAW_WRITES, sizeof *took, compare_u64);
    printf("%s: p50 %.0f us, p99 %.0f us\n", name, (double)took[RAW_WRITES / 2] / 1e3,
           (double)took[RAW_WRITES * 99 / 100] / 1e3);
}

/* raw_writes writes single pages into a prepared segment by plain system
 * calls. */
static void
raw_writes(void)
{
    static uint64_t took[RAW_WRITES];
    char path[300];
    void *page = memory(JOURNAL_PAGE_BYTES);

    snprintf(path, sizeof path, "%s/00000001.seg", dir);

    int fd = open(path, O_WRONLY | O_DIRECT);

    if (fd < 0)
        fd = open(path, O_WRONLY);
    for (uint64_t i = 0; i < RAW_WRITES; i++) {
        const uint64_t start = clock_ns();

        if (pwrite(fd, page, JOURNAL_PAGE_BYTES, (off_t)(i * JOURNAL_PAGE_BYTES)) !=
                JOURNAL_PAGE_BYTES ||
            fdatasync(fd) != 0)
            die("raw write");
        took[i] = clock_ns() - start;
    }
    close(fd);
    free(page);
    print_times("raw: one page, pwrite and fdatasync", took);
}

/* single_writes sends one small command at a time through the writer; quiet:
 * after its helper has prepared the next segment. */
static void
single_writes(struct bench *bench, bool quiet)
{
    static uint64_t took[RAW_WRITES];

    open_writer(bench);
    if (quiet)
        sleep(3);
    for (uint64_t i = 0; i < RAW_WRITES; i++) {
        const uint64_t start = clock_ns();

        put_clock(bench, i + 1);
        ring_publish(&bench->in);
        while (*(const volatile uint64_t *)bench->durable <= i) {
            if (journal_writer_poll(bench->writer, 0) == 0)
                journal_writer_wait(bench->writer, 1000000);
        }
        took[i] = clock_ns() - start;
    }
    if (quiet)
        raw_writes();
    close_writer(bench);
    print_times(quiet ? "single: one command through the writer"
                      : "single: the same while the next segment is prepared",
                took);
}

static void
group_writes(struct bench *bench)
{
    struct journal_writer_stats stats;
    const uint64_t start = clock_ns();
    uint64_t sent = 0;

    open_writer(bench);

    const uint64_t opened = clock_ns();

    while (*(const volatile uint64_t *)bench->durable < GROUP_WRITES) {
        for (unsigned i = 0; i < BURST && sent < GROUP_WRITES; i++) {
            if (ring_writer_room(&bench->in, 1) == 0)
                break;
            put_clock(bench, ++sent);
        }
        ring_publish(&bench->in);
        (void)journal_writer_poll(bench->writer, 0);
    }

    const double seconds = (double)(clock_ns() - opened) / 1e9;

    journal_writer_stats_get(bench->writer, &stats);
    printf("group: %u single cells, durable: %.2f M/s, %.0f per sync (open took %.0f ms)\n",
           GROUP_WRITES, GROUP_WRITES / seconds / 1e6, GROUP_WRITES / (double)stats.syncs,
           (double)(opened - start) / 1e6);
    close_writer(bench);
}

/* apply runs one command; its order id is kept for a later cancel. */
static void
apply(struct bench *bench, union cell *command)
{
    const uint64_t at = bench->in.sink.pos;
    enum engine_result rc;

    while (ring_writer_room(&bench->in, SLICE_CELLS_MAX) < SLICE_CELLS_MAX) {
        ring_publish(&bench->in);
        (void)journal_writer_poll(bench->writer, clock_ns());
    }
    rc = engine_apply(bench->engine, command, &bench->in.sink);
    if (rc == ENGINE_DROPPED)
        die("a command was dropped");
    if (cell_kind(command) == CELL_KIND_ORDER_NEW)
        bench->ids[bench->random % LIVE_IDS] =
            bench->in.sink.cells[at & bench->in.sink.mask].order_new.order_id;
    while (rc == ENGINE_MORE) {
        while (ring_writer_room(&bench->in, SLICE_CELLS_MAX) < SLICE_CELLS_MAX) {
            ring_publish(&bench->in);
            (void)journal_writer_poll(bench->writer, clock_ns());
        }
        rc = engine_resume(bench->engine, &bench->in.sink);
    }
}

static void
configure(struct bench *bench)
{
    const struct engine_cfg cfg = {
        .orders_max = 1u << 20,
        .instruments_max = INSTRUMENTS,
        .accounts_max = 1,
        .groups_max = 1,
        .firms_max = 1,
        .sessions_max = 1,
        .positions_max = INSTRUMENTS,
        .pages_max = 1u << 14,
    };
    union cell genesis = {0};
    union cell firm = {
        .firm_set = {
            .kind = CELL_KIND_FIRM_SET, .shape = 1, .name = "firm", .session = CELL_SESSION}};
    union cell group = {
        .group_set = {
            .kind = CELL_KIND_GROUP_SET, .shape = 1, .name = "group", .session = CELL_SESSION}};
    union cell account[2] = {
        {.account_set = {.kind = CELL_KIND_ACCOUNT_SET,
                         .shape = 2,
                         .name = "account",
                         .session = CELL_SESSION}},
        {.account_limits = {.kind = CELL_KIND_ACCOUNT_LIMITS,
                            .order_qty_max = UINT32_MAX,
                            .order_value_max = INT64_MAX,
                            .long_max = POSITION_LIMIT_MAX,
                            .short_max = POSITION_LIMIT_MAX}},
    };

    bench->engine = engine_init(memory(engine_footprint(&cfg)), &cfg);
    engine_genesis(&cfg, 1, &genesis);
    apply(bench, &genesis);
    apply(bench, &firm);
    apply(bench, &group);
    apply(bench, account);
    for (uint32_t i = 0; i < INSTRUMENTS; i++) {
        union cell cells[2] = {
            {.instrument_set = {.kind = CELL_KIND_INSTRUMENT_SET,
                                .shape = 2,
                                .instrument = i,
                                .symbol = "SYM",
                                .tick_px = 1,
                                .lot_qty = 1,
                                .session = CELL_SESSION}},
            {.instrument_limits = {.kind = CELL_KIND_INSTRUMENT_LIMITS,
                                   .order_qty_max = UINT32_MAX,
                                   .order_value_max = INT64_MAX}},
        };

        snprintf(&cells[0].instrument_set.symbol[3], 5, "%u", i);
        apply(bench, cells);
    }
}

/* step applies one command: half new orders, of which one in twelve may trade,
 * half cancels by id. */
static void
step(struct bench *bench)
{
    const uint64_t random = next_random(&bench->random);
    const bool sell = (random >> 20 & 1) != 0;
    const int64_t away = (int64_t)(random >> 24) % 24 - 1;
    union cell cell;

    if ((random >> 32) % 2 == 0) {
        cell = (union cell){.order_cancel = {
                                .kind = CELL_KIND_ORDER_CANCEL,
                                .shape = 1 | CELL_BY_ID,
                                .time = ++bench->clord,
                                .clord = bench->clord,
                                .order_id = bench->ids[(random >> 40) % LIVE_IDS],
                                .session = CELL_SESSION,
                            }};
    } else {
        cell = (union cell){.order_new = {
                                .kind = CELL_KIND_ORDER_NEW,
                                .shape = (uint8_t)(1u | (sell ? CELL_SELL : 0u)),
                                .instrument = (uint32_t)(random >> 40) % INSTRUMENTS,
                                .time = ++bench->clord,
                                .clord = bench->clord,
                                .px = 100000 + (sell ? away : -away),
                                .qty = 1 + (uint32_t)(random >> 50) % 100,
                                .ord_type = OE_ORD_TYPE_LIMIT,
                                .tif = OE_TIME_IN_FORCE_DAY,
                                .session = CELL_SESSION,
                            }};
    }
    apply(bench, &cell);
}

static void
saturate(struct bench *bench, uint64_t commands)
{
    struct journal_writer_stats stats;

    open_writer(bench);
    bench->random = 88172645463325252u;
    configure(bench);

    const uint64_t start = clock_ns();

    for (uint64_t i = 0; i < commands; i++) {
        step(bench);
        if (i % BURST == 0) {
            ring_publish(&bench->in);
            (void)journal_writer_poll(bench->writer, clock_ns());
        }
    }
    ring_publish(&bench->in);
    while (*(const volatile uint64_t *)bench->durable < bench->in.published)
        (void)journal_writer_poll(bench->writer, clock_ns());

    const double seconds = (double)(clock_ns() - start) / 1e9;

    journal_writer_stats_get(bench->writer, &stats);
    printf("saturate: %.2f M commands/s durable, %.0f MB/s, %.1f cells of 63 in a page, "
           "%.0f pages per sync, %zu stalls\n",
           (double)commands / seconds / 1e6, (double)stats.bytes / seconds / 1e6,
           (double)stats.cells / (double)stats.pages, (double)stats.pages / (double)stats.syncs,
           (size_t)stats.stalls);
    close_writer(bench);
}

static void
replay(const struct bench *bench)
{
    const struct replay_cfg cfg = {.alloc = memory};
    struct replay_result result;
    struct journal_reader *reader;
    struct journal_fault fault;
    struct journal_end end;
    uint64_t start = clock_ns();

    if (journal_recover(dir, 0, &end, &fault) != 0)
        die(fault.text);

    const double recovered = (double)(clock_ns() - start) / 1e9;

    start = clock_ns();
    if (journal_reader_open(&reader, dir, 0, &fault) != 0)
        die(fault.text);
    if (replay_run(reader, &cfg, &result) != 0 || !result.identical)
        die(result.text);

    const double seconds = (double)(clock_ns() - start) / 1e9;

    if (!hash128_equal(engine_hash(result.engine), engine_hash(bench->engine)))
        die("replay gave another state");
    printf("replay: %.2f M commands/s, %.2f M cells/s, %zu trades; recovery before it %.2f s\n",
           (double)result.commands_cnt / seconds / 1e6, (double)result.cells_cnt / seconds / 1e6,
           (size_t)result.trades_cnt, recovered);
    journal_reader_close(reader);
    free(result.engine);
}

int
main(void)
{
    static struct bench bench;
    const char *parent = getenv("OUTCRY_BENCH_DIR");
    const char *commands = getenv("OUTCRY_BENCH_COMMANDS");

    snprintf(dir, sizeof dir, "%.200s/outcry-bench-XXXXXX", parent == NULL ? "." : parent);
    if (mkdtemp(dir) == NULL)
        die("cannot make a folder");
    single_writes(&bench, true);
    single_writes(&bench, false);
    group_writes(&bench);
    saturate(&bench, commands == NULL ? COMMANDS : strtoull(commands, NULL, 10));
    replay(&bench);
    free(bench.engine);
    clear_dir();
    return rmdir(dir) == 0 ? 0 : 1;
}
