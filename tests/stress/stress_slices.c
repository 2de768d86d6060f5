/*
 * Goal: a sweep of 100,000 orders, a cascade of 10,000 stops and a mass cancel of
 * 1,000,000 orders are worked off in slices, come out complete, are never mixed
 * with another command, and are the same in one thread and in many.
 *
 * Method: one stream of commands for an engine without risk, through the
 * sequencer and real rings, the out-ring small enough to stall the engine all
 * the time. Three runs: everything in one thread; a thread each for feeding,
 * engine and reading, the hash of all events must be the same; and the same
 * with a second in-ring that sends small orders all the while. The reader checks
 * that a group's cells have one seq, that groups are dense and that the last
 * cell, and no other, bears LAST. After each run the engine checks itself.
 */
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "engine/event_hash.h"
#include "engine/sequencer.h"

#define SWEPT      100000u
#define STOPS      10000u
#define CANCELED   1000000u
#define INTRUDERS  20000u
#define TICK_PX    PX_ONE
#define STOPS_TICK 5000u

#define MAKER   1u
#define CLEARED 2u
#define SMALL   3u

struct counts {
    uint64_t groups;
    uint64_t trades;
    uint64_t triggered;
    uint64_t canceled;
    uint64_t small; /* commands of the second in-ring */
    uint64_t largest_group;
};

struct run {
    const char *name;
    bool threads;
    bool intruders;
    struct engine *engine;
    struct ring *in[2];
    struct ring *out;
    struct sequencer sequencer;
    struct ring_writer feed[2];
    uint32_t fed[2]; /* commands */
    struct ring_reader reader;
    uint64_t seq;
    uint64_t group_cells;
    bool open; /* within a group */
    uint64_t hash;
    struct counts counts;
    const char *why; /* what the reader found wrong */
    _Atomic bool done;
};

static const struct engine_cfg cfg = {
    .orders_max = CANCELED + SWEPT + INTRUDERS + 64,
    .instruments_max = 2,
    .accounts_max = 1,
    .groups_max = 1,
    .firms_max = 1,
    .sessions_max = 1,
    .positions_max = 1,
    .pages_max = 4096,
    .extras_max = STOPS + 8,
    .no_risk = true,
};

static void *
map(size_t bytes)
{
    void *mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (mem == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    return mem;
}

/* The order of the stream. A part has a number of commands. */
enum part {
    PART_SETUP, /* Genesis, two instruments */
    PART_SWEPT,
    PART_SWEEP,
    PART_LADDER, /* sells, one a tick */
    PART_STOPS,  /* buys, each reached by the trade of the one before */
    PART_SPARK,
    PART_RESTING,
    PART_MASS_CANCEL,
    PARTS
};

static const uint32_t part_cnt[PARTS] = {
    [PART_SETUP] = 3,          [PART_SWEPT] = SWEPT,   [PART_SWEEP] = 1,
    [PART_LADDER] = STOPS + 1, [PART_STOPS] = STOPS,   [PART_SPARK] = 1,
    [PART_RESTING] = CANCELED, [PART_MASS_CANCEL] = 1,
};

static struct cell_order_new
order(uint32_t clord, bool sell, uint32_t tick, qty_t qty, uint32_t account)
{
    return (struct cell_order_new){.kind = CELL_KIND_ORDER_NEW,
                                   .shape = (uint8_t)(1u | (sell ? CELL_SELL : 0u)),
                                   .time = 1,
                                   .clord = clord,
                                   .px = tick * TICK_PX,
                                   .qty = qty,
                                   .ord_type = OE_ORD_TYPE_LIMIT,
                                   .tif = OE_TIME_IN_FORCE_DAY,
                                   .account = account,
                                   .session = CELL_SESSION};
}

static unsigned
setup(uint32_t i, union cell cells[2])
{
    if (i == 0) {
        engine_genesis(&cfg, 1, &cells[0]);
        return 1;
    }
    cells[0].instrument_set = (struct cell_instrument_set){.kind = CELL_KIND_INSTRUMENT_SET,
                                                           .shape = 2,
                                                           .instrument = i - 1,
                                                           .time = 1,
                                                           .symbol = {(char)('A' + i)},
                                                           .tick_px = TICK_PX,
                                                           .lot_qty = 1,
                                                           .session = CELL_SESSION};
    cells[1].instrument_limits = (struct cell_instrument_limits){
        .kind = CELL_KIND_INSTRUMENT_LIMITS, .order_qty_max = QTY_MAX, .order_value_max = PX_MAX};
    return 2;
}

/* command writes the i-th command of the stream; returns its cells, 0 behind
 * the last. */
static unsigned
command(uint32_t at, union cell cells[2])
{
    enum part part = PART_SETUP;
    uint32_t i = at;

    while (part < PARTS && i >= part_cnt[part])
        i -= part_cnt[part++];
    cells[0] = (union cell){.words = {0}};
    cells[1] = (union cell){.words = {0}};
    switch (part) {
    case PART_SETUP:
        return setup(i, cells);
    case PART_SWEPT:
        cells[0].order_new = order(at, true, 1000 + i % 1000, 1, MAKER);
        return 1;
    case PART_SWEEP:
        cells[0].order_new = order(at, false, 1999, SWEPT, MAKER);
        return 1;
    case PART_LADDER:
        cells[0].order_new = order(at, true, STOPS_TICK + i, 1, MAKER);
        return 1;
    case PART_STOPS:
        cells[0].order_new = order(at, false, 0, 1, MAKER);
        cells[0].order_new.shape = 2;
        cells[0].order_new.px = 0;
        cells[0].order_new.ord_type = OE_ORD_TYPE_STOP;
        cells[1].order_extension = (struct cell_order_extension){
            .kind = CELL_KIND_ORDER_EXTENSION, .stop_px = (STOPS_TICK + i) * TICK_PX};
        return 2;
    case PART_SPARK:
        cells[0].order_new = order(at, false, STOPS_TICK, 1, MAKER);
        return 1;
    case PART_RESTING:
        cells[0].order_new =
            order(at, i % 2 != 0, i % 2 != 0 ? 4000 + i % 997 : 3000 - i % 991, 1, CLEARED);
        return 1;
    case PART_MASS_CANCEL:
        cells[0].mass_cancel = (struct cell_mass_cancel){.kind = CELL_KIND_MASS_CANCEL,
                                                         .shape = 1,
                                                         .instrument = CELL_ANY,
                                                         .time = 1,
                                                         .clord = at,
                                                         .target = CLEARED,
                                                         .scope = OE_MASS_CANCEL_SCOPE_ACCOUNT,
                                                         .side = OE_SIDE_FILTER_ANY,
                                                         .reason = OE_CANCEL_REASON_MASS_CANCEL,
                                                         .account = CELL_ANY,
                                                         .session = CELL_SESSION};
        return 1;
    case PARTS:
    default:
        return 0;
    }
}

/* feed writes what fits of one of the streams; false when all is written. */
static bool
feed(struct run *run, unsigned ring)
{
    struct ring_writer *writer = &run->feed[ring];
    union cell cells[2];
    unsigned cnt = 1;

    while (ring_writer_room(writer, 2) >= 2) {
        const uint32_t at = run->fed[ring];

        if (ring == 0) {
            cnt = command(at, cells);
        } else if (at < INTRUDERS) {
            cells[0].order_new = order(UINT32_MAX - at, at % 2 != 0, 100, 1, SMALL);
            cells[0].order_new.instrument = 1;
            cnt = 1;
        } else {
            cnt = 0;
        }
        if (cnt == 0)
            break;
        ring_write(writer, cells, cnt);
        run->fed[ring]++;
    }
    ring_publish(writer);
    return cnt != 0;
}

/* take_cell looks at the next cell of the out-ring. */
static void
take_cell(struct run *run, const union cell *cell)
{
    struct counts *counts = &run->counts;
    const bool opens = cell_count(cell) != 0;

    run->hash = event_hash_cell(run->hash, cell);
    if (!run->open) {
        if (!cell_is_command(cell) || cell_seq(cell) != run->seq + 1)
            run->why = "a group does not begin with the next command";
        run->seq++;
        run->group_cells = 0;
        run->open = true;
        counts->groups++;
        counts->small += cell_kind(cell) == CELL_KIND_ORDER_NEW && cell->order_new.account == SMALL;
    } else if (opens && (cell_is_command(cell) || cell_seq(cell) != run->seq)) {
        run->why = "a command was mixed with another";
    }
    run->group_cells++;
    counts->trades += cell_kind(cell) == CELL_KIND_TRADE && cell->trade.instrument == 0;
    counts->triggered += cell_kind(cell) == CELL_KIND_ORDER_TRIGGERED;
    counts->canceled += cell_kind(cell) == CELL_KIND_ORDER_CANCELED;
    if (run->group_cells > counts->largest_group)
        counts->largest_group = run->group_cells;
    if (cell_is_last(cell))
        run->open = false;
    if (cell_kind(cell) == CELL_KIND_MASS_CANCELED && cell->mass_canceled.count != CANCELED)
        run->why = "the mass cancel counted wrong";
}

static uint64_t
commands_cnt(const struct run *run)
{
    uint64_t cnt = run->intruders ? INTRUDERS : 0;

    for (unsigned part = 0; part < PARTS; part++)
        cnt += part_cnt[part];
    return cnt;
}

/* drain reads what there is; false when the last group is complete. */
static bool
drain(struct run *run)
{
    const uint64_t cnt = ring_reader_available(&run->reader, 1);

    for (uint64_t i = 0; i < cnt; i++)
        take_cell(run, ring_reader_cell(&run->reader, i));
    ring_reader_advance(&run->reader, cnt);
    ring_reader_release(&run->reader);
    return run->counts.groups < commands_cnt(run) || run->open;
}

static void *
feed_all(void *arg)
{
    struct run *run = arg;
    bool more = true;

    while (more) {
        more = feed(run, 0);
        if (run->intruders)
            more |= feed(run, 1);
        sched_yield();
    }
    return NULL;
}

static void *
read_all(void *arg)
{
    struct run *run = arg;

    while (drain(run))
        sched_yield();
    run->done = true;
    return NULL;
}

static void
run_threads(struct run *run)
{
    pthread_t feeder;
    pthread_t reader;

    if (pthread_create(&feeder, NULL, feed_all, run) != 0 ||
        pthread_create(&reader, NULL, read_all, run) != 0) {
        fprintf(stderr, "cannot start a thread\n");
        exit(1);
    }
    while (!run->done)
        if (sequencer_poll(&run->sequencer, 0) == 0)
            sched_yield();
    (void)pthread_join(feeder, NULL);
    (void)pthread_join(reader, NULL);
}

static void
run_alone(struct run *run)
{
    do {
        (void)feed(run, 0);
        if (run->intruders)
            (void)feed(run, 1);
        (void)sequencer_poll(&run->sequencer, 0);
    } while (drain(run));
}

static bool
expect(const struct run *run, const char *what, uint64_t found, uint64_t wanted)
{
    if (found == wanted)
        return true;
    fprintf(stderr, "%s: %s: %" PRIu64 " instead of %" PRIu64 "\n", run->name, what, found, wanted);
    return false;
}

static bool
run_all(struct run *run)
{
    static struct ring_reader in_reader[2];
    static struct ring_writer out_writer;
    const size_t engine_bytes = engine_footprint(&cfg);
    const size_t ring_bytes = ring_footprint(1024, 1);
    bool good = true;

    run->engine = engine_init(map(engine_bytes), &cfg);
    run->out = ring_init(map(ring_bytes), 1024, 1);
    ring_writer_init(&out_writer, run->out);
    ring_reader_init(&run->reader, run->out, 0);
    sequencer_init(&run->sequencer, run->engine, &out_writer, BURST_COMMANDS_MAX);
    for (unsigned i = 0; i < 2; i++) {
        run->in[i] = ring_init(map(ring_bytes), 1024, 1);
        ring_writer_init(&run->feed[i], run->in[i]);
        ring_reader_init(&in_reader[i], run->in[i], 0);
        sequencer_add_in(&run->sequencer, &in_reader[i]);
    }
    if (run->threads)
        run_threads(run);
    else
        run_alone(run);
    if (run->why != NULL) {
        fprintf(stderr, "%s: %s\n", run->name, run->why);
        good = false;
    }
    good &= expect(run, "commands refused as malformed", run->sequencer.invalid_cnt, 0);
    good &= expect(run, "trades", run->counts.trades, SWEPT + STOPS + 1);
    good &= expect(run, "stops elected", run->counts.triggered, STOPS);
    good &= expect(run, "orders canceled", run->counts.canceled, CANCELED);
    good &= expect(run, "orders of the second in-ring", run->counts.small,
                   run->intruders ? INTRUDERS : 0);
    good &= expect(run, "cells of the mass cancel", run->counts.largest_group, CANCELED + 2);
    good &= expect(run, "orders left", engine_orders_cnt(run->engine), 0);
    engine_check(run->engine);
    (void)munmap(run->engine, engine_bytes);
    (void)munmap(run->out, ring_bytes);
    (void)munmap(run->in[0], ring_bytes);
    (void)munmap(run->in[1], ring_bytes);
    return good;
}

int
main(void)
{
    static struct run alone = {.name = "one thread"};
    static struct run threads = {.name = "three threads", .threads = true};
    static struct run mixed = {.name = "two in-rings", .threads = true, .intruders = true};
    bool good = run_all(&alone);

    good &= run_all(&threads);
    good &= run_all(&mixed);
    good &= expect(&threads, "event hash", threads.hash, alone.hash);
    return good ? 0 : 1;
}
