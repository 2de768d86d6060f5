/*
 * The exchange of bench_wire: gateway and engine in one thread that spins, as
 * the embedded layout has them, and the journal in a thread that sleeps.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/sequencer.h"
#include "gateway/gateway.h"
#include "journal/reader.h"
#include "journal/writer.h"

#include "perf/rig.h"
#include "perf/wire.h"

#define IN_CELLS      (1u << 14)
#define OUT_CELLS     (1u << 18)
#define SETUP_CELLS   256u
#define SEGMENT_BYTES (64ull << 20)
#define ORDERS_POOL   (1u << 16)
#define KEEPALIVE_MS  1000u
#define IDLE_WAIT_NS  100000000u

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
    struct ring *setup_ring = ring_init(rig_memory(ring_footprint(SETUP_CELLS, 1)), SETUP_CELLS, 1);
    struct engine *engine = engine_init(rig_memory(engine_footprint(&cfg)), &cfg);

    exchange->in_ring = ring_init(rig_memory(ring_footprint(IN_CELLS, 1)), IN_CELLS, 1);
    exchange->out_ring = ring_init(rig_memory(ring_footprint(OUT_CELLS, 2)), OUT_CELLS, 2);
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
    rig_configure(&exchange->setup, &cfg,
                  exchange->shared->cfg.durable ? CELL_ACK_MODE_DURABLE : CELL_ACK_MODE_MEMORY,
                  wire_clock_ns());
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
                                  .busy_poll_us = PORT_TCP_BUSY_POLL_US,
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

        *login = (struct gateway_session_cfg){.key = RIG_KEY, .used = true};
        rig_name(login->name, i);
    }
    exchange->gateway = gateway_init(rig_memory(gateway_footprint(&cfg)), &cfg);
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
