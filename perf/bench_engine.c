/*
 * Goal: nanoseconds per command of engine_apply, cells in and out, all risk
 * checks on, one instrument.
 *
 * Method: a resting book of 1k, 100k and 1M orders, then a million commands:
 * 46 % new orders that rest, 44 % cancels of a random live order by id, 5 %
 * replaces to another price, 5 % IOC orders that trade. The commands are made
 * beforehand by running them once (the engine is deterministic, so order ids
 * hold in every run). Each run starts from the same resting book.
 *
 *   copy       the cells alone, in to out: what memory costs
 *   apply      engine_apply
 *   ahead      with engine_prefetch and engine_prefetch_next some commands ahead
 *   ahead+hash and the event hash of all output, which a reader has to bear; the
 *              hash is the same with every compiler and on every machine
 *
 * Time is the processor time of the thread, so that a busy machine spoils the
 * caches but not the clock.
 *
 * Usage: bench_engine [runs] [commands]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "engine/engine.h"
#include "engine/event_hash.h"

#define OUT_CELLS     (1u << 14)
#define SESSIONS      4u
#define ACCOUNTS      16u
#define MID_TICK      100000
#define TICK_PX       (PX_ONE / 100)
#define AHEAD         12u
#define NEXT          6u
#define RUNS_MAX      64
#define CELLS_PER_CMD 2u

enum mode {
    MODE_COPY,
    MODE_APPLY,
    MODE_AHEAD,
    MODE_AHEAD_HASH,
    MODES
};

static const char *const mode_names[MODES] = {"copy", "apply", "ahead", "ahead+hash"};

struct live {
    uint64_t order_id;
    uint16_t session;
};

struct bench {
    struct engine_cfg cfg;
    size_t bytes;
    struct engine *engine;
    struct cell_sink out;
    union cell *cells; /* commands, one behind the other */
    uint32_t *starts;  /* first cell of each command */
    uint32_t cells_cnt;
    uint32_t commands_cnt;
    uint32_t resting_cnt; /* of them, the first ones make the book */
    struct live *live;
    uint32_t *live_of_slot;
    uint32_t live_cnt;
    uint64_t next_clord[SESSIONS];
    uint64_t next_no[SESSIONS];
    uint64_t random;
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
    (void)madvise(mem, bytes, MADV_HUGEPAGE);
    return mem;
}

static uint64_t
now_ns(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static uint32_t
random_below(struct bench *bench, uint32_t end)
{
    bench->random ^= bench->random << 13;
    bench->random ^= bench->random >> 7;
    bench->random ^= bench->random << 17;
    return (uint32_t)((bench->random >> 32) * end >> 32);
}

/* distance draws how far from the middle an order rests: most are near. */
static uint32_t
distance(struct bench *bench)
{
    const uint32_t far = random_below(bench, 16) == 0 ? 500u : 40u;

    return 1 + random_below(bench, far);
}

static union cell *
command(struct bench *bench, unsigned kind, unsigned cells_cnt)
{
    union cell *cell = &bench->cells[bench->cells_cnt];

    bench->starts[bench->commands_cnt++] = bench->cells_cnt;
    bench->cells_cnt += cells_cnt;
    memset(cell, 0, cells_cnt * sizeof *cell);
    cell->order_new.kind = (uint8_t)kind;
    cell->order_new.shape = (uint8_t)cells_cnt;
    cell->order_new.time = 1000 + bench->commands_cnt;
    cell->order_new.session = CELL_SESSION;
    return cell;
}

/* forget takes an order off the list of those to cancel. */
static void
forget(struct bench *bench, uint64_t order_id)
{
    const uint32_t at = bench->live_of_slot[order_id & 0xffffff];
    const struct live last = bench->live[--bench->live_cnt];

    bench->live[at] = last;
    bench->live_of_slot[last.order_id & 0xffffff] = at;
}

static void
remember(struct bench *bench, uint64_t order_id, uint16_t session)
{
    bench->live_of_slot[order_id & 0xffffff] = bench->live_cnt;
    bench->live[bench->live_cnt++] = (struct live){.order_id = order_id, .session = session};
}

/* perform applies the last command and keeps the list of live orders. */
static void
perform(struct bench *bench, bool rests)
{
    const union cell *cell = &bench->cells[bench->starts[bench->commands_cnt - 1]];
    const uint64_t before = bench->out.pos;
    enum engine_result result = engine_apply(bench->engine, cell, &bench->out);

    while (result == ENGINE_MORE)
        result = engine_resume(bench->engine, &bench->out);

    const union cell *own = &bench->out.cells[before & bench->out.mask];

    if (result != ENGINE_DONE || cell_outcome(own) != 0) {
        (void)fprintf(stderr, "command %u of kind %u: outcome %u\n", bench->commands_cnt,
                      cell_kind(cell), cell_outcome(own));
        exit(1);
    }
    for (uint64_t pos = before; pos < bench->out.pos; pos++) {
        const union cell *event = &bench->out.cells[pos & bench->out.mask];

        if (cell_kind(event) == CELL_KIND_TRADE_MAKER && event->trade_maker.leaves_qty == 0)
            forget(bench, event->trade_maker.order_id);
    }
    if (rests)
        remember(bench, own->order_new.order_id, own->order_new.session);
}

/* numbered gives a command to a random session, or to that of an order. */
static void
numbered(struct bench *bench, union cell *cell, uint16_t session)
{
    cell->order_new.session = session;
    cell->order_new.in_no = (uint16_t)bench->next_no[session]++;
    cell->order_new.clord = bench->next_clord[session]++;
}

static void
make_new(struct bench *bench, bool ioc)
{
    union cell *cell = command(bench, CELL_KIND_ORDER_NEW, 1);
    const bool sell = random_below(bench, 2) != 0;
    const int far = ioc ? -3 : (int)distance(bench);

    numbered(bench, cell, (uint16_t)random_below(bench, SESSIONS));
    if (sell)
        cell->order_new.shape |= CELL_SELL;
    cell->order_new.px = (MID_TICK + (sell ? far : -far)) * TICK_PX;
    cell->order_new.qty = 1 + random_below(bench, ioc ? 40 : 100);
    cell->order_new.ord_type = OE_ORD_TYPE_LIMIT;
    cell->order_new.tif = ioc ? OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL : OE_TIME_IN_FORCE_DAY;
    cell->order_new.account = random_below(bench, ACCOUNTS);
    perform(bench, !ioc);
}

static void
make_cancel(struct bench *bench)
{
    const struct live live = bench->live[random_below(bench, bench->live_cnt)];
    union cell *cell = command(bench, CELL_KIND_ORDER_CANCEL, 1);

    numbered(bench, cell, live.session);
    cell->order_cancel.shape |= CELL_BY_ID;
    cell->order_cancel.order_id = live.order_id;
    perform(bench, false);
    forget(bench, live.order_id);
}

static void
make_replace(struct bench *bench)
{
    const struct live live = bench->live[random_below(bench, bench->live_cnt)];
    union cell *cell = command(bench, CELL_KIND_ORDER_REPLACE, 2);
    struct engine_order order = {.px = 0};

    (void)engine_order_get(bench->engine, live.order_id, &order);

    const int far = (int)distance(bench);

    numbered(bench, cell, live.session);
    cell[0].order_replace.shape |= CELL_BY_ID;
    cell[0].order_replace.order_id = live.order_id;
    cell[0].order_replace.px = (MID_TICK + (order.sell ? far : -far)) * TICK_PX;
    cell[0].order_replace.qty = order.cum_qty + 1 + random_below(bench, 100);
    cell[1].replace_detail.kind = CELL_KIND_REPLACE_DETAIL;

    const uint64_t before = bench->out.pos;

    perform(bench, false);
    forget(bench, live.order_id);
    remember(bench, bench->out.cells[(before + 1) & bench->out.mask].replace_detail.new_order_id,
             live.session);
}

static void
make_parties(struct bench *bench)
{
    union cell *cell = command(bench, CELL_KIND_FIRM_SET, 1);

    memcpy(cell->firm_set.name, "firm", 4);
    perform(bench, false);
    cell = command(bench, CELL_KIND_GROUP_SET, 1);
    memcpy(cell->group_set.name, "group", 5);
    perform(bench, false);
    for (uint32_t i = 0; i < ACCOUNTS; i++) {
        cell = command(bench, CELL_KIND_ACCOUNT_SET, 2);
        memcpy(cell[0].account_set.name, "account", 7);
        cell[0].account_set.account = i;
        cell[1].account_limits = (struct cell_account_limits){.kind = CELL_KIND_ACCOUNT_LIMITS,
                                                              .order_qty_max = 1000000,
                                                              .order_value_max = INT64_MAX / 2,
                                                              .long_max = UINT64_C(1) << 50,
                                                              .short_max = UINT64_C(1) << 50};
        perform(bench, false);
    }
    cell = command(bench, CELL_KIND_INSTRUMENT_SET, 2);
    memcpy(cell[0].instrument_set.symbol, "BENCH", 5);
    cell[0].instrument_set.tick_px = TICK_PX;
    cell[0].instrument_set.lot_qty = 1;
    cell[1].instrument_limits = (struct cell_instrument_limits){.kind = CELL_KIND_INSTRUMENT_LIMITS,
                                                                .order_qty_max = 1000000,
                                                                .order_value_max = INT64_MAX / 2,
                                                                .reference_px = MID_TICK * TICK_PX,
                                                                .collar_ticks = 1000,
                                                                .collar_permille = 100,
                                                                .order_qty_min = 1};
    perform(bench, false);
    for (uint16_t i = 0; i < SESSIONS; i++) {
        const uint8_t uuid[16] = {(uint8_t)(i + 1), [6] = 0x40, [8] = 0x80};

        cell = command(bench, CELL_KIND_SESSION_SET, 1);
        memcpy(cell->session_set.name, "session", 7);
        cell->session_set.session = i;
        perform(bench, false);
        cell = command(bench, CELL_KIND_SESSION_NEGOTIATE, 1);
        memcpy(cell->session_negotiate.uuid, uuid, sizeof uuid);
        cell->session_negotiate.client_flow = 1;
        cell->session_negotiate.session = i;
        perform(bench, false);
        cell = command(bench, CELL_KIND_SESSION_ESTABLISH, 1);
        memcpy(cell->session_establish.uuid, uuid, sizeof uuid);
        cell->session_establish.keepalive_ms = 1000;
        cell->session_establish.session = i;
        perform(bench, false);
        bench->next_no[i] = 1;
        bench->next_clord[i] = 1;
    }
}

static void
make_commands(struct bench *bench, uint32_t resting, uint32_t commands)
{
    make_parties(bench);
    while (bench->live_cnt < resting)
        make_new(bench, false);
    bench->resting_cnt = bench->commands_cnt;
    for (uint32_t i = 0; i < commands; i++) {
        const uint32_t dice = random_below(bench, 100);

        /* 46 in, 44 and the fills of the IOC out: the book keeps its size. */
        if (dice < 46 || bench->live_cnt < resting / 2)
            make_new(bench, false);
        else if (dice < 90)
            make_cancel(bench);
        else if (dice < 95)
            make_replace(bench);
        else
            make_new(bench, true);
    }
}

/* restart makes the engine new and brings it to the resting book. */
static void
restart(struct bench *bench)
{
    (void)madvise(bench->engine, bench->bytes, MADV_DONTNEED);
    bench->engine = engine_init(bench->engine, &bench->cfg);
    for (uint32_t i = 0; i < bench->resting_cnt; i++)
        if (engine_apply(bench->engine, &bench->cells[bench->starts[i]], &bench->out) !=
            ENGINE_DONE)
            exit(1);
}

static void
apply_all(struct bench *bench, enum mode mode, uint64_t *hash)
{
    for (uint32_t i = bench->resting_cnt; i < bench->commands_cnt; i++) {
        const union cell *cell = &bench->cells[bench->starts[i]];
        const uint64_t before = bench->out.pos;

        if (mode == MODE_COPY) {
            for (unsigned k = 0; k < cell_count(cell); k++)
                *cell_sink_at(&bench->out, k) = cell[k];
            bench->out.pos += cell_count(cell);
            continue;
        }
        if (mode != MODE_APPLY && i + AHEAD < bench->commands_cnt) {
            engine_prefetch(bench->engine, &bench->cells[bench->starts[i + AHEAD]]);
            engine_prefetch_next(bench->engine, &bench->cells[bench->starts[i + NEXT]]);
        }

        enum engine_result result = engine_apply(bench->engine, cell, &bench->out);

        while (result == ENGINE_MORE)
            result = engine_resume(bench->engine, &bench->out);
        for (uint64_t pos = before; mode == MODE_AHEAD_HASH && pos < bench->out.pos; pos++)
            *hash = event_hash_cell(*hash, &bench->out.cells[pos & bench->out.mask]);
    }
}

static int
compare(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;

    return (x > y) - (x < y);
}

static void
measure(struct bench *bench, uint32_t resting, enum mode mode, int runs)
{
    const uint32_t timed_cnt = bench->commands_cnt - bench->resting_cnt;
    double ns[RUNS_MAX];
    uint64_t hash = 0;
    uint64_t cells_cnt = 0;

    for (int run = 0; run < runs; run++) {
        restart(bench);
        hash = 0;

        const uint64_t pos = bench->out.pos;
        const uint64_t start_ns = now_ns();

        apply_all(bench, mode, &hash);
        ns[run] = (double)(now_ns() - start_ns) / timed_cnt;
        cells_cnt = bench->out.pos - pos;
    }
    qsort(ns, (size_t)runs, sizeof *ns, compare);
    (void)printf("%8u resting  %-10s  median %6.1f ns  min %6.1f ns  %6.2f M commands/s  "
                 "%.2f cells out each\n",
                 resting, mode_names[mode], ns[runs / 2], ns[0], 1e3 / ns[runs / 2],
                 (double)cells_cnt / timed_cnt);
    if (mode == MODE_AHEAD_HASH)
        (void)printf("%8u resting  event hash %016llx\n", resting, (unsigned long long)hash);
}

static void
bench_book(uint32_t resting, uint32_t commands, int runs)
{
    const uint32_t commands_max = resting + commands + 1000 + resting / 4;
    struct bench bench = {
        .cfg = {.orders_max = resting + resting / 2 + 10000,
                .instruments_max = 16,
                .accounts_max = ACCOUNTS,
                .groups_max = 1,
                .firms_max = 1,
                .sessions_max = SESSIONS,
                .positions_max = 1024,
                .pages_max = 4096},
        .random = UINT64_C(88172645463325252),
    };
    const size_t cells_bytes = (size_t)commands_max * CELLS_PER_CMD * sizeof(union cell);

    bench.bytes = engine_footprint(&bench.cfg);
    bench.engine = engine_init(map(bench.bytes), &bench.cfg);
    bench.out =
        (struct cell_sink){.cells = map(OUT_CELLS * sizeof(union cell)), .mask = OUT_CELLS - 1};
    bench.cells = map(cells_bytes);
    bench.starts = map(commands_max * sizeof *bench.starts);
    bench.live = map(bench.cfg.orders_max * sizeof *bench.live);
    bench.live_of_slot = map(bench.cfg.orders_max * sizeof *bench.live_of_slot);
    make_commands(&bench, resting, commands);
    engine_check(bench.engine);
    for (enum mode mode = MODE_COPY; mode < MODES; mode++)
        measure(&bench, resting, mode, runs);
    (void)munmap(bench.engine, bench.bytes);
    (void)munmap(bench.out.cells, OUT_CELLS * sizeof(union cell));
    (void)munmap(bench.cells, cells_bytes);
    (void)munmap(bench.starts, commands_max * sizeof *bench.starts);
    (void)munmap(bench.live, bench.cfg.orders_max * sizeof *bench.live);
    (void)munmap(bench.live_of_slot, bench.cfg.orders_max * sizeof *bench.live_of_slot);
}

int
main(int argc, char **argv)
{
    const int runs = argc > 1 ? atoi(argv[1]) : 5;
    const int commands = argc > 2 ? atoi(argv[2]) : 1000000;

    if (runs < 1 || runs > RUNS_MAX || commands < 1) {
        (void)fprintf(stderr, "usage: bench_engine [runs 1..%d] [commands]\n", RUNS_MAX);
        return 2;
    }
    bench_book(1000, (uint32_t)commands, runs);
    bench_book(100000, (uint32_t)commands, runs);
    bench_book(1000000, (uint32_t)commands, runs);
    return 0;
}
