/*
 * The exchange of bench_wire: gateway and engine in one thread that spins, as
 * the embedded layout has them, and the journal in a thread that sleeps.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/sequencer.h"
#include "gateway/gateway.h"
#include "journal/reader.h"
#include "journal/writer.h"

#include "perf/wire.h"

#define IN_CELLS      (1u << 14)
#define OUT_CELLS     (1u << 18)
#define SETUP_CELLS   256u
#define SEGMENT_BYTES (64ull << 20)
#define ORDERS_POOL   (1u << 16)
#define KEEPALIVE_MS  1000u
#define IDLE_WAIT_NS  100000000u
#define PX_TICK       (PX_ONE / 100)

struct exchange {
    struct wire_shared *shared;
    struct port *port;
    struct gateway *gateway;
    struct sequencer sequencer;
    struct ring *in_ring;
    struct ring *out_ring;
    struct ring_writer setup;
    struct ring_reader setup_reader;
    struct ring_writer in;
    struct ring_reader in_reader;
    struct ring_writer out;
    struct ring_reader out_gateway;
    struct ring_reader out_journal;
    struct journal_writer *writer;
    pthread_t journal;
    _Atomic bool journal_stop;
    int lock_fd;
    struct gateway_session_cfg logins[WIRE_SESSIONS];
};

static int
fail(struct exchange *exchange, const char *what, const char *why)
{
    snprintf(exchange->shared->exchange_error, sizeof exchange->shared->exchange_error,
             "%s: %.200s", what, why);
    return 1;
}

/* room returns zeroed memory for the life of the process. */
static void *
room(size_t bytes)
{
    void *mem = NULL;

    ASSERT(bytes > 0);
    if (posix_memalign(&mem, RING_ALIGN, bytes) != 0)
        UNREACHABLE("a benchmark has memory");
    memset(mem, 0, bytes);
    return mem;
}

static void
put(struct exchange *exchange, const union cell *cells, unsigned count)
{
    ASSERT(ring_writer_room(&exchange->setup, count) >= count);
    ring_write(&exchange->setup, cells, count);
    ring_publish(&exchange->setup);
}

static void
put_account(struct exchange *exchange, uint16_t i, uint64_t now_ns)
{
    union cell cells[2] = {0};

    cells[0].firm_set = (struct cell_firm_set){
        .kind = CELL_KIND_FIRM_SET, .shape = 1, .firm = i, .time = now_ns, .session = CELL_SESSION};
    snprintf(cells[0].firm_set.name, sizeof cells[0].firm_set.name, "F%u", i);
    put(exchange, cells, 1);
    cells[0].group_set = (struct cell_group_set){.kind = CELL_KIND_GROUP_SET,
                                                 .shape = 1,
                                                 .group = i,
                                                 .firm = i,
                                                 .time = now_ns,
                                                 .session = CELL_SESSION};
    snprintf(cells[0].group_set.name, sizeof cells[0].group_set.name, "G%u", i);
    put(exchange, cells, 1);
    cells[0].account_set = (struct cell_account_set){.kind = CELL_KIND_ACCOUNT_SET,
                                                     .shape = 2,
                                                     .group = i,
                                                     .account = i,
                                                     .time = now_ns,
                                                     .session = CELL_SESSION};
    snprintf(cells[0].account_set.name, sizeof cells[0].account_set.name, "A%u", i);
    cells[1].account_limits = (struct cell_account_limits){
        .kind = CELL_KIND_ACCOUNT_LIMITS,
        .order_qty_max = QTY_MAX,
        .order_value_max = PX_MAX,
        .long_max = POSITION_LIMIT_MAX,
        .short_max = POSITION_LIMIT_MAX,
    };
    put(exchange, cells, 2);
    memset(cells, 0, sizeof cells);
    cells[0].session_set = (struct cell_session_set){
        .kind = CELL_KIND_SESSION_SET, .shape = 1, .firm = i, .time = now_ns, .session = i};
    snprintf(cells[0].session_set.name, sizeof cells[0].session_set.name, "WIRE%u", i);
    put(exchange, cells, 1);
}

static void
put_instrument(struct exchange *exchange, unsigned i, uint64_t now_ns)
{
    union cell cells[2] = {0};

    cells[0].instrument_set = (struct cell_instrument_set){.kind = CELL_KIND_INSTRUMENT_SET,
                                                           .shape = 2,
                                                           .instrument = i,
                                                           .tick_px = PX_TICK,
                                                           .lot_qty = 1,
                                                           .px_decimals = 2,
                                                           .time = now_ns,
                                                           .session = CELL_SESSION};
    snprintf(cells[0].instrument_set.symbol, sizeof cells[0].instrument_set.symbol, "I%u", i);
    cells[1].instrument_limits = (struct cell_instrument_limits){
        .kind = CELL_KIND_INSTRUMENT_LIMITS,
        .order_qty_min = 1,
        .order_qty_max = QTY_MAX,
        .order_value_max = PX_MAX,
    };
    put(exchange, cells, 2);
}

/* put_setup enters the commands that a new exchange begins with. */
static void
put_setup(struct exchange *exchange, const struct engine_cfg *cfg)
{
    const bool durable = exchange->shared->cfg.durable;
    const uint64_t now_ns = wire_clock_ns();
    union cell cell = {0};

    engine_genesis(cfg, now_ns, &cell);
    put(exchange, &cell, 1);
    memset(&cell, 0, sizeof cell);
    cell.restart = (struct cell_restart){
        .kind = CELL_KIND_RESTART,
        .shape = 1,
        .epoch = 1,
        .time = now_ns,
        .rules_version = RULES_VERSION,
        .ack_mode = durable ? CELL_ACK_MODE_DURABLE : CELL_ACK_MODE_MEMORY,
        .session = CELL_SESSION,
    };
    put(exchange, &cell, 1);
    for (uint16_t i = 0; i < WIRE_SESSIONS; i++)
        put_account(exchange, i, now_ns);
    for (unsigned i = 0; i < WIRE_INSTRUMENTS; i++)
        put_instrument(exchange, i, now_ns);
}

static void
open_engine(struct exchange *exchange)
{
    const struct engine_cfg cfg = {
        .orders_max = ORDERS_POOL,
        .instruments_max = WIRE_INSTRUMENTS,
        .accounts_max = WIRE_SESSIONS,
        .groups_max = WIRE_SESSIONS,
        .firms_max = WIRE_SESSIONS,
        .sessions_max = WIRE_SESSIONS,
        .positions_max = 1024,
        .pages_max = 4096,
    };
    struct ring *setup_ring = ring_init(room(ring_footprint(SETUP_CELLS, 1)), SETUP_CELLS, 1);
    struct engine *engine = engine_init(room(engine_footprint(&cfg)), &cfg);

    exchange->in_ring = ring_init(room(ring_footprint(IN_CELLS, 1)), IN_CELLS, 1);
    exchange->out_ring = ring_init(room(ring_footprint(OUT_CELLS, 2)), OUT_CELLS, 2);
    ring_writer_init(&exchange->setup, setup_ring);
    ring_reader_init(&exchange->setup_reader, setup_ring, 0);
    ring_writer_init(&exchange->in, exchange->in_ring);
    ring_reader_init(&exchange->in_reader, exchange->in_ring, 0);
    ring_writer_init(&exchange->out, exchange->out_ring);
    ring_reader_init(&exchange->out_gateway, exchange->out_ring, 0);
    ring_reader_init(&exchange->out_journal, exchange->out_ring, 1);
    sequencer_init(&exchange->sequencer, engine, &exchange->out, BURST_COMMANDS_MAX);
    sequencer_add_in(&exchange->sequencer, &exchange->setup_reader);
    sequencer_add_in(&exchange->sequencer, &exchange->in_reader);
    put_setup(exchange, &cfg);
}

static int
open_journal(struct exchange *exchange)
{
    const struct wire_cfg *cfg = &exchange->shared->cfg;
    char dir[PATH_MAX];
    char why[256] = "";
    struct journal_end end;
    struct journal_fault fault = {0};

    snprintf(dir, sizeof dir, "%s/journal", cfg->folder);
    if (mkdir(dir, 0700) != 0)
        return fail(exchange, "journal", "no folder");
    exchange->lock_fd = journal_lock(dir);
    if (exchange->lock_fd < 0 || journal_recover(dir, 0, &end, &fault) != 0)
        return fail(exchange, "journal", fault.text);
    const struct journal_writer_cfg writer_cfg = {
        .dir = dir,
        .epoch = 1,
        .segment_bytes = SEGMENT_BYTES,
        .ack_mode = cfg->durable ? CELL_ACK_MODE_DURABLE : CELL_ACK_MODE_MEMORY,
        .next_page_no = end.next_page_no,
        .prev_hash = end.prev_hash,
        .journal = end.journal,
    };
    if (journal_writer_open(&exchange->writer, &writer_cfg, &exchange->out_journal, why) != 0)
        return fail(exchange, "journal", why);
    return 0;
}

/* run_journal is the journal's thread: it sleeps while a write is in flight and
 * while there is nothing to write. */
static void *
run_journal(void *arg)
{
    struct exchange *exchange = arg;
    struct wire_gaps *awake = &exchange->shared->journal_awake;
    uint64_t woke_ns = wire_clock_ns();

    (void)wire_pin(1);
    (void)journal_writer_urge();
    while (!atomic_load(&exchange->journal_stop)) {
        while (journal_writer_poll(exchange->writer, wire_clock_ns()) > 0)
            continue;
        wire_gap_note(awake, woke_ns, wire_clock_ns());
        journal_writer_wait(exchange->writer, IDLE_WAIT_NS);
        woke_ns = wire_clock_ns();
    }
    return NULL;
}

static int
open_port(struct exchange *exchange)
{
    struct wire_shared *shared = exchange->shared;
    const char *argv[WIRE_EAL_MAX];
    char vdev[PATH_MAX];
    char why[256] = "";
    int error;

    if (shared->cfg.tcp) {
        error = port_tcp_open(&exchange->port,
                              &(struct port_tcp_cfg){
                                  .ip = WIRE_LOCALHOST,
                                  .busy_poll = true,
                                  .connections_max = WIRE_SESSIONS,
                                  .unsent_max = WIRE_UNSENT_BYTES,
                                  .slow_ms = WIRE_SLOW_MS,
                              },
                              why);
        if (error != 0)
            return fail(exchange, "socket", why);
        shared->udp_port = port_tcp_local(exchange->port);
        return 0;
    }
    if (!shared->cfg.dpdk) {
        error = port_udp_open(&exchange->port,
                              &(struct port_udp_cfg){.ip = WIRE_LOCALHOST, .busy_poll = true});
        if (error != 0)
            return fail(exchange, "socket", strerror(-error));
        shared->udp_port = port_udp_local(exchange->port);
        return 0;
    }
    wire_eal(&shared->cfg, true, vdev, argv);
    error = port_dpdk_open(
        &exchange->port,
        &(struct port_dpdk_cfg){.eal_argv = argv, .ip = WIRE_SERVER_IP, .udp_port = WIRE_UDP_PORT},
        why);
    return error == 0 ? 0 : fail(exchange, "device", why);
}

static void
open_gateway(struct exchange *exchange)
{
    const struct gateway_cfg cfg = {
        .sessions_max = WIRE_SESSIONS,
        .sessions = exchange->logins,
        .retransmit_max = 1u << 16,
        .keepalive_ms = KEEPALIVE_MS,
        .ports_max = 1,
    };

    for (unsigned i = 0; i < WIRE_SESSIONS; i++) {
        struct gateway_session_cfg *login = &exchange->logins[i];

        snprintf(login->name, sizeof login->name, "WIRE%u", i);
        snprintf(login->key, sizeof login->key, "key");
        login->used = true;
    }
    exchange->gateway = gateway_init(room(gateway_footprint(&cfg)), &cfg);
    gateway_add_port(exchange->gateway, exchange->port);
    gateway_attach(exchange->gateway, &exchange->in, &exchange->out_gateway,
                   exchange->shared->cfg.durable ? journal_writer_durable(exchange->writer) : NULL);
}

/* spin is the exchange: one bounded slice of each stage a turn, the clock read
 * once. An empty turn that took long is noted as a gap. */
static HOT void
spin(struct exchange *exchange, enum wire_client_state while_state)
{
    struct wire_shared *shared = exchange->shared;
    uint64_t turn_ns = wire_clock_ns();
    uint64_t published = 0;
    int worked = 1;

    while (atomic_load_explicit(&shared->client_state, memory_order_relaxed) == while_state) {
        const uint64_t now_ns = wire_clock_ns();

        if (UNLIKELY(now_ns - turn_ns >= shared->cfg.gap_ns)) {
            if (worked == 0)
                wire_gap_note(&shared->exchange_gaps, turn_ns, now_ns);
            else
                shared->exchange_long_cnt += now_ns - turn_ns >= LONG_NS;
        }
        turn_ns = now_ns;
        worked = gateway_poll(exchange->gateway, now_ns);
        worked += sequencer_poll(&exchange->sequencer, now_ns);
        if (exchange->out.published != published) {
            published = exchange->out.published;
            worked += gateway_poll(exchange->gateway, now_ns);
            journal_writer_wake(exchange->writer);
        }
    }
}

static void
note_stats(struct exchange *exchange)
{
    struct wire_shared *shared = exchange->shared;
    struct journal_writer_stats journal;
    struct gateway_stats gateway;

    journal_writer_stats_get(exchange->writer, &journal);
    gateway_stats_get(exchange->gateway, &gateway);
    shared->journal_bytes = journal.bytes;
    shared->journal_batches = journal.batches;
    shared->in_ring_full = gateway.in_ring_full;
    shared->exchange_tx_dropped = exchange->port->stats.tx_dropped;
    shared->commands_cnt = exchange->sequencer.applied_cnt;
}

int
wire_exchange(struct wire_shared *shared)
{
    static struct exchange exchange;

    exchange.shared = shared;
    if (open_port(&exchange) != 0)
        return 1;
    open_engine(&exchange);
    if (open_journal(&exchange) != 0)
        return 1;
    open_gateway(&exchange);
    if (pthread_create(&exchange.journal, NULL, run_journal, &exchange) != 0)
        return fail(&exchange, "journal", "no thread");
    /* The last thing: threads of EAL and of the journal inherit where the one
     * that makes them may run. */
    if (!wire_pin(0))
        return fail(&exchange, "core 0", "may not be used");
    while (exchange.setup.published != exchange.setup_reader.pos)
        (void)sequencer_poll(&exchange.sequencer, wire_clock_ns());
    atomic_store(&shared->exchange_ready, 1);
    spin(&exchange, WIRE_CONNECTING);
    const uint64_t switches = wire_switches();

    shared->exchange_gaps.cnt = 0;
    shared->exchange_long_cnt = 0;
    spin(&exchange, WIRE_MEASURING);
    shared->exchange_switches = wire_switches() - switches;
    atomic_store(&exchange.journal_stop, true);
    journal_writer_wake(exchange.writer);
    pthread_join(exchange.journal, NULL);
    note_stats(&exchange);
    journal_writer_close(exchange.writer);
    close(exchange.lock_fd);
    port_close(exchange.port);
    return 0;
}
