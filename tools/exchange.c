#include "tools/exchange.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "journal/archive_key.h"
#include "proto/limits.h"

#include "tools/clock.h"
#include "tools/exchange_private.h"
#include "tools/memory.h"
#include "tools/text.h"

#define ADMIN_RING_CELLS 1024u
#define JOURNAL_READER   0u
#define GATEWAY_READER   1u
#define DOOR_READER      2u

#define DOOR_INDEX 1u

int
exchange_refuse(char *why, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(why, EXCHANGE_WHY_BYTES, format, args);
    va_end(args);
    return -1;
}

static int
no_memory(size_t bytes, int error, const char *what, char *why)
{
    return exchange_refuse(why, "no memory for %s: %zu MiB (%s), expected smaller pools", what,
                           bytes >> 20, strerror(error));
}

int
exchange_take_later(struct exchange_memory *memory, size_t bytes, const char *what, char *why)
{
    memory->mem = memory_later(bytes);
    if (memory->mem == NULL)
        return no_memory(bytes, errno, what, why);
    memory->bytes = bytes;
    return 0;
}

int
exchange_touch(const struct exchange_memory *memory, const char *what, char *why)
{
    const int rc = memory_touch(memory->mem, memory->bytes);

    return rc == 0 ? 0 : no_memory(memory->bytes, -rc, what, why);
}

int
exchange_take(struct exchange_memory *memory, size_t bytes, const char *what, char *why)
{
    return exchange_take_later(memory, bytes, what, why) == 0 ? exchange_touch(memory, what, why)
                                                              : -1;
}

static void
give(struct exchange_memory *memory)
{
    memory_give(memory->mem, memory->bytes);
    *memory = (struct exchange_memory){NULL, 0};
}

/* load_archive_key loads what encrypted segments are read with. */
static int
load_archive_key(const struct config *config, char *why)
{
    const struct archive_key *key;
    char text[256];

    if (config->archive_key[0] == '\0' || archive_key_load(config->archive_key, &key, text) == 0)
        return 0;
    return exchange_refuse(why, "%s: journal.archive_key: %s", config->file, text);
}

/* open_folder sees that the journal's folder is there, and takes its lock. */
static int
open_folder(struct exchange *exchange, char *why)
{
    const char *dir = exchange->config->journal_folder;
    struct stat status;

    if (stat(dir, &status) != 0 && errno == ENOENT)
        return exchange_refuse(why, "journal folder %s does not exist, make it with: mkdir -p '%s'",
                               dir, dir);
    if (stat(dir, &status) != 0)
        return exchange_refuse(why, "journal folder %s cannot be used: %s", dir, strerror(errno));
    if (!S_ISDIR(status.st_mode))
        return exchange_refuse(why, "journal folder %s is no folder", dir);
    if (access(dir, R_OK | W_OK | X_OK) != 0)
        return exchange_refuse(why, "journal folder %s cannot be written: %s", dir,
                               strerror(errno));
    exchange->lock = journal_lock(dir);
    if (exchange->lock == -EWOULDBLOCK)
        return exchange_refuse(why, "journal folder %s is in use by another outcry", dir);
    if (exchange->lock < 0)
        return exchange_refuse(why, "journal folder %s cannot be locked: %s", dir,
                               strerror(-exchange->lock));
    return 0;
}

static bool
has_door(const struct exchange *exchange)
{
    return config_thread_of(exchange->config, CONFIG_DOOR) != NULL;
}

static void
gateway_cfg_of(const struct exchange *exchange, uint8_t index, struct gateway_cfg *cfg)
{
    const struct config *config = exchange->config;

    *cfg = (struct gateway_cfg){
        .shard = config->engine.shard,
        .sessions_max = (uint16_t)config->engine.sessions_max,
        .sessions = exchange->sessions,
        .retransmit_max = config->retransmit,
        .keepalive_ms = config->keepalive_ms,
        .ports_max = config->ports_cnt,
        .credentials_window_ms = config->credentials_window_ms,
        .plain_credentials = config->plain_credentials,
        .require_context = config->require_context,
        .login_rate = config->login_rate,
        .throttle_burst_ms = config->throttle_burst_ms,
        .throttle_queue = config->throttle_queue,
        .message_max = config->message_bytes,
        .index = index,
    };
    for (unsigned i = 0; i < config->sessions_cnt; i++)
        if (config->sessions[i].dialect == GATEWAY_OUCH)
            cfg->instruments_max = config->engine.instruments_max;
}

static void
make_sessions(struct exchange *exchange)
{
    const struct config *config = exchange->config;

    exchange->sessions = calloc(config->engine.sessions_max, sizeof *exchange->sessions);
    if (exchange->sessions == NULL)
        return;
    for (unsigned i = 0; i < config->sessions_cnt; i++) {
        const struct config_session *from = &config->sessions[i];
        struct gateway_session_cfg *to = &exchange->sessions[from->id];

        memcpy(to->name, from->name, sizeof to->name);
        memcpy(to->key, from->key, sizeof to->key);
        to->used = true;
        to->throttle = from->throttle;
        to->dialect = from->dialect;
        if (from->dialect != GATEWAY_OUCH)
            continue;
        to->party.account = config->accounts[from->account].id;
        to->party.stp = from->self_match;
        memset(to->party.firm, ' ', sizeof to->party.firm);
        memcpy(to->party.firm, from->mpid, strlen(from->mpid));
    }
}

/* check_memory refuses pools that this machine could only swap for. */
static int
check_memory(struct exchange *exchange, char *why)
{
    const struct config *config = exchange->config;
    struct gateway_cfg cfg;

    make_sessions(exchange);
    if (exchange->sessions == NULL)
        return exchange_refuse(why, "no memory for the sessions");
    gateway_cfg_of(exchange, 0, &cfg);

    const unsigned gateways_cnt = has_door(exchange) ? 2 : 1;
    const size_t gateway_bytes = gateways_cnt * gateway_footprint(&cfg);

    if (gateway_bytes == 0)
        return exchange_refuse(why,
                               "%s: the gateway does not take these sizes, expected smaller "
                               "pools.sessions or pools.retransmit",
                               config->file);
    const size_t bytes = engine_footprint(&config->engine) + gateway_bytes +
                         gateways_cnt * ring_footprint(config->in_ring_cells, 1) +
                         ring_footprint(config->out_ring_cells, 1 + gateways_cnt);
    if (bytes > memory_of_machine())
        return exchange_refuse(why,
                               "%s: the pools need %zu MiB, but this machine has %zu MiB, expected "
                               "smaller pools",
                               config->file, bytes >> 20, memory_of_machine() >> 20);
    return 0;
}

static int
open_udp(struct exchange *exchange, const struct config_port *port, char *why)
{
    struct port **at = &exchange->ports[exchange->ports_cnt];
    const struct port_udp_cfg cfg = {
        .ip = port->address,
        .udp_port = port->udp_port,
        .busy_poll = true,
    };
    char ip[16];

    const int rc = port_udp_open(at, &cfg);
    if (rc == -EADDRINUSE)
        return exchange_refuse(why, "port %s: %s:%u is in use by another program", port->name,
                               text_ipv4(port->address, ip), port->udp_port);
    if (rc != 0)
        return exchange_refuse(why, "port %s: %s:%u cannot be opened: %s", port->name,
                               text_ipv4(port->address, ip), port->udp_port, strerror(-rc));
    exchange->udp_ports[exchange->ports_cnt++] = port_udp_local(*at);
    return 0;
}

/* eal_of gathers the EAL arguments of all ports, since EAL starts once; returns how many
 * devices are before that of the port. */
static uint16_t
eal_of(const struct config *config,
       const struct config_port *port,
       const char *argv[CONFIG_PORTS_MAX * CONFIG_EAL_MAX + 1])
{
    uint16_t before = 0;
    unsigned argc = 0;

    for (unsigned i = 0; i < config->ports_cnt; i++) {
        const struct config_port *other = &config->ports[i];

        before = (uint16_t)(before + (other < port && other->kind == CONFIG_PORT_DPDK));
        for (unsigned k = 0; k < other->eal_cnt; k++)
            argv[argc++] = other->eal[k];
    }
    argv[argc] = NULL;
    return before;
}

static int
open_dpdk(struct exchange *exchange, const struct config_port *port, char *why)
{
    const char *argv[CONFIG_PORTS_MAX * CONFIG_EAL_MAX + 1];
    const struct port_dpdk_cfg cfg = {
        .eal_argv = argv,
        .device = port->device,
        .ethdev = eal_of(exchange->config, port, argv),
        .ip = port->address,
        .udp_port = port->udp_port,
        .vlan = port->vlan,
        .rx_queues = port->rx_queues,
        .flow_rule = port->flow_rule,
    };
    char text[256] = "";

    const int rc = port_dpdk_open(&exchange->ports[exchange->ports_cnt], &cfg, text);
    if (rc != 0)
        return exchange_refuse(why, "port %s: the device cannot be opened: %s", port->name,
                               text[0] != '\0' ? text : strerror(-rc));
    exchange->udp_ports[exchange->ports_cnt++] = port->udp_port;
    return 0;
}

static int
open_tcp(struct exchange *exchange, const struct config_port *port, char *why)
{
    struct port **at = &exchange->ports[exchange->ports_cnt];
    const struct port_tcp_cfg cfg = {
        .ip = port->address,
        .tcp_port = port->udp_port,
        .framing = port->dialect == GATEWAY_OUCH ? FRAMING_SOUP : FRAMING_SOFH,
        .busy_poll_us = port->tcp.busy_poll_us,
        .connections_max = port->tcp.connections,
        .unsent_max = port->tcp.unsent_bytes,
        .slow_ms = port->tcp.slow_ms,
        .idle_ms = port->tcp.idle_ms,
        .half_open_max = port->tcp.half_open,
        .half_open_ms = port->tcp.login_ms,
    };
    char text[256];
    char ip[16];

    const int rc = port_tcp_open(at, &cfg, text);
    if (rc == -EADDRINUSE)
        return exchange_refuse(why, "port %s: %s:%u is in use by another program", port->name,
                               text_ipv4(port->address, ip), port->udp_port);
    if (rc != 0)
        return exchange_refuse(why, "port %s: %s:%u cannot be opened: %s", port->name,
                               text_ipv4(port->address, ip), port->udp_port, text);
    exchange->udp_ports[exchange->ports_cnt++] = port_tcp_local(*at);
    return 0;
}

static int
open_port(struct exchange *exchange, const struct config_port *port, char *why)
{
    switch (port->kind) {
    case CONFIG_PORT_UDP:
        return open_udp(exchange, port, why);
    case CONFIG_PORT_DPDK:
        return open_dpdk(exchange, port, why);
    case CONFIG_PORT_TCP:
        return open_tcp(exchange, port, why);
    default:
        UNREACHABLE("no such kind of port");
    }
}

static int
open_ports(struct exchange *exchange, char *why)
{
    const struct config *config = exchange->config;
    int rc = 0;

    for (unsigned i = 0; i < config->ports_cnt && rc == 0; i++)
        rc = open_port(exchange, &config->ports[i], why);
    return rc;
}

/* make_gateway makes one with the ports that are its. */
static int
make_gateway(struct exchange *exchange,
             uint8_t index,
             struct exchange_memory *memory,
             struct gateway **gateway,
             char *why)
{
    struct gateway_cfg cfg;

    gateway_cfg_of(exchange, index, &cfg);
    give(memory);
    if (exchange_take_later(memory, gateway_footprint(&cfg), "a gateway", why) != 0)
        return -1;
    *gateway = gateway_init(memory->mem, &cfg);
    for (unsigned i = 0; i < exchange->ports_cnt; i++) {
        const struct config_port *port = &exchange->config->ports[i];

        if ((port->stage == CONFIG_DOOR) != (index == DOOR_INDEX))
            continue;
        if (port->dialect == GATEWAY_OUCH)
            gateway_add_soup_port(*gateway, exchange->ports[i]);
        else
            gateway_add_port(*gateway, exchange->ports[i]);
    }
    return 0;
}

int
exchange_make_gateways(struct exchange *exchange, char *why)
{
    if (make_gateway(exchange, 0, &exchange->gateway_memory, &exchange->gateway, why) != 0)
        return -1;
    if (!has_door(exchange))
        return 0;
    return make_gateway(exchange, DOOR_INDEX, &exchange->door_memory, &exchange->door, why);
}

void
exchange_recover(struct exchange *exchange, const union cell *cells)
{
    gateway_recover(exchange->gateway, cells);
    if (exchange->door != NULL)
        gateway_recover(exchange->door, cells);
}

static int
make_ring(struct exchange_memory *memory,
          uint64_t cells_cnt,
          unsigned readers_cnt,
          struct ring_writer *writer,
          char *why)
{
    if (exchange_take(memory, ring_footprint(cells_cnt, readers_cnt), "a ring", why) != 0)
        return -1;
    ring_writer_init(writer, ring_init(memory->mem, cells_cnt, readers_cnt));
    return 0;
}

static int
make_door_rings(struct exchange *exchange, char *why)
{
    if (make_ring(&exchange->door_in_memory, exchange->config->in_ring_cells, 1,
                  &exchange->door_writer, why) != 0)
        return -1;
    ring_reader_init(&exchange->door_reader, exchange->door_writer.ring, 0);
    ring_reader_init(&exchange->out_door, exchange->out_writer.ring, DOOR_READER);
    sequencer_add_in(&exchange->sequencer, &exchange->door_reader);
    return 0;
}

static int
make_rings(struct exchange *exchange, char *why)
{
    const struct config *config = exchange->config;

    if (make_ring(&exchange->in_memory, config->in_ring_cells, 1, &exchange->in_writer, why) != 0 ||
        make_ring(&exchange->admin_memory, ADMIN_RING_CELLS, 1, &exchange->admin_writer, why) !=
            0 ||
        make_ring(&exchange->out_memory, config->out_ring_cells, has_door(exchange) ? 3 : 2,
                  &exchange->out_writer, why) != 0)
        return -1;
    ring_reader_init(&exchange->in_reader, exchange->in_writer.ring, 0);
    ring_reader_init(&exchange->admin_reader, exchange->admin_writer.ring, 0);
    ring_reader_init(&exchange->out_journal, exchange->out_writer.ring, JOURNAL_READER);
    ring_reader_init(&exchange->out_gateway, exchange->out_writer.ring, GATEWAY_READER);
    sequencer_init(&exchange->sequencer, exchange->engine, &exchange->out_writer,
                   BURST_COMMANDS_MAX);
    sequencer_add_in(&exchange->sequencer, &exchange->admin_reader);
    sequencer_add_in(&exchange->sequencer, &exchange->in_reader);
    return has_door(exchange) ? make_door_rings(exchange, why) : 0;
}

void
exchange_pump(struct exchange *exchange)
{
    const uint64_t now_ns = clock_utc_ns();

    sequencer_poll(&exchange->sequencer, now_ns);
    journal_writer_poll(exchange->journal, now_ns);
}

/* door_follow takes the door's reader to where the gateway's is. */
static void
door_follow(struct exchange *exchange)
{
    struct ring_reader *reader = &exchange->out_door;
    const uint64_t cnt = exchange->out_gateway.pos - reader->pos;

    if (exchange->door == NULL)
        return;
    /* A reader advances over what it has seen to be there. */
    if (ring_reader_available(reader, cnt) < cnt)
        UNREACHABLE("the gateway's reader was here");
    ring_reader_advance(reader, cnt);
    ring_reader_release(reader);
}

/* take_outcome reads messages behind the sequencer until the outcome of the
 * command `kind` of the admin ring has come and its group is complete; all go to
 * the gateway as recovered ones. */
static bool
take_outcome(struct exchange *exchange, unsigned kind, uint16_t *outcome)
{
    struct ring_reader *reader = &exchange->out_gateway;
    union cell message[CELL_MESSAGE_MAX];
    bool complete = false;

    while (!complete && ring_reader_available(reader, 1) > 0) {
        const unsigned count = cell_count(ring_reader_cell(reader, 0));

        ASSERT(count >= 1);
        ASSERT(count <= CELL_MESSAGE_MAX);
        for (unsigned i = 0; i < count; i++)
            message[i] = *ring_reader_cell(reader, i);
        if (cell_kind(&message[0]) == kind)
            *outcome = cell_outcome(&message[0]);
        exchange_recover(exchange, message);
        complete = cell_is_last(&message[count - 1]) && *outcome != UINT16_MAX;
        ring_reader_advance(reader, count);
    }
    ring_reader_release(reader);
    door_follow(exchange);
    return complete;
}

enum oe_reject_reason
exchange_command(struct exchange *exchange, const union cell *cells, unsigned count)
{
    uint16_t outcome = UINT16_MAX;

    while (ring_writer_room(&exchange->admin_writer, count) < count)
        exchange_pump(exchange);
    ring_write(&exchange->admin_writer, cells, count);
    ring_publish(&exchange->admin_writer);
    do {
        exchange_pump(exchange);
        /* What we send is well formed and of no session: it gets its group. */
        ASSERT(exchange->sequencer.invalid_cnt == 0);
        ASSERT(exchange->sequencer.dropped_cnt == 0);
    } while (!take_outcome(exchange, cell_kind(&cells[0]), &outcome));
    return (enum oe_reject_reason)outcome;
}

/* binary_hash hashes the program that runs, 0 if it cannot be read. */
static uint64_t
binary_hash(void)
{
    const int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    uint8_t piece[65536];
    struct hash_state state;
    ssize_t got = 0;

    if (fd < 0)
        return 0;
    hash_init(&state);
    while ((got = read(fd, piece, sizeof piece)) > 0)
        hash_update(&state, piece, (size_t)got);
    close(fd);
    return got == 0 ? hash_digest(&state).lo : 0;
}

static int
send_genesis(struct exchange *exchange, char *why)
{
    union cell cell;

    engine_genesis(&exchange->config->engine, clock_utc_ns(), &cell);
    const enum oe_reject_reason reason = exchange_command(exchange, &cell, 1);
    if (reason != OE_REJECT_REASON_NONE)
        return exchange_refuse(why, "the engine refused the Genesis: %s",
                               oe_reject_reason_name(reason));
    return 0;
}

static int
send_restart(struct exchange *exchange, char *why)
{
    union cell cell;

    memset(&cell, 0, sizeof cell);
    cell.restart = (struct cell_restart){
        .kind = CELL_KIND_RESTART,
        .shape = 1,
        .epoch = exchange->epoch,
        .time = clock_utc_ns(),
        .binary_hash = exchange->binary_hash,
        .config_hash = exchange->config_hash,
        .rules_version = RULES_VERSION,
        .ack_mode = exchange->config->ack_mode,
        .session = CELL_SESSION,
    };
    const enum oe_reject_reason reason = exchange_command(exchange, &cell, 1);
    if (reason != OE_REJECT_REASON_NONE)
        return exchange_refuse(why, "the engine refused the Restart: %s",
                               oe_reject_reason_name(reason));
    return 0;
}

/* send_space tells the engine how much room there is, if it is not as it was. */
static int
send_space(struct exchange *exchange, char *why)
{
    struct space *space = &exchange->space;
    union cell cell;

    space_init(space, exchange->lock, (uint64_t)exchange->config->reserve_mib << 20,
               engine_journal_low(exchange->engine));
    if (!space_look(space, 0, &cell))
        return 0;
    cell.journal_space.time = clock_utc_ns();
    const enum oe_reject_reason reason = exchange_command(exchange, &cell, 1);
    if (reason != OE_REJECT_REASON_NONE)
        return exchange_refuse(why, "the engine refused the JournalSpace: %s",
                               oe_reject_reason_name(reason));
    space_told(space, &cell, 0);
    return 0;
}

/* await_disk waits until all that the start commanded is on disk in ack mode
 * durable, and in all modes until no write of this thread is in flight: the
 * journal's thread goes on from here. */
static void
await_disk(struct exchange *exchange)
{
    const bool durable = exchange->config->ack_mode == CELL_ACK_MODE_DURABLE;
    const uint64_t *cursor = journal_writer_durable(exchange->journal);

    while (
        (durable && __atomic_load_n(cursor, __ATOMIC_ACQUIRE) < exchange->out_writer.published) ||
        journal_writer_in_flight(exchange->journal)) {
        journal_writer_poll(exchange->journal, clock_utc_ns());
        journal_writer_wait(exchange->journal, 1000000);
    }
}

static uint64_t
read_clock(void *ctx)
{
    (void)ctx;
    return clock_utc_ns();
}

static int
command_start(struct exchange *exchange, char *why)
{
    const bool durable = exchange->config->ack_mode == CELL_ACK_MODE_DURABLE;

    if (engine_seq(exchange->engine) == 0 && send_genesis(exchange, why) != 0)
        return -1;
    if (send_restart(exchange, why) != 0 || send_space(exchange, why) != 0 ||
        exchange_configure(exchange, why) != 0)
        return -1;
    await_disk(exchange);
    gateway_attach(exchange->gateway, &exchange->in_writer, &exchange->out_gateway,
                   durable ? journal_writer_durable(exchange->journal) : NULL);
    gateway_attach_receipts(
        exchange->gateway,
        &(struct gateway_receipts){.taken = &exchange->taken[0], .clock_ns = read_clock});
    if (exchange->door != NULL) {
        gateway_attach(exchange->door, &exchange->door_writer, &exchange->out_door,
                       durable ? journal_writer_durable(exchange->journal) : NULL);
        gateway_attach_receipts(
            exchange->door,
            &(struct gateway_receipts){.taken = &exchange->taken[1], .clock_ns = read_clock});
    }
    return 0;
}

static void
came_back(void *ctx, const union cell *cell)
{
    admin_came_back(ctx, cell);
}

/* listen_to_admin makes the operator's socket. Its commands come back to it. */
static int
listen_to_admin(struct exchange *exchange, char *why)
{
    desk_init(&exchange->desk, &exchange->sequencer, &exchange->admin_writer,
              &exchange->admin_reader);
    const int rc =
        admin_open(&exchange->admin, exchange->config, &exchange->desk, &exchange->out_gateway);

    if (rc != 0)
        return exchange_refuse(why, "the socket %s/" ADMIN_NAME " cannot be made: %s",
                               exchange->config->journal_folder, strerror(-rc));
    gateway_watch(exchange->gateway, came_back, &exchange->admin);
    return 0;
}

void
exchange_stop_signals(sigset_t *set)
{
    struct sigaction hangup;

    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    /* A signal that is ignored but blocked would still reach sigwait. */
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN)
        sigaddset(set, SIGHUP);
}

/* block_signals makes signals that stop us wait for exchange_run, in this thread
 * and in all that it starts. A file that hits its size limit is an error of its
 * write, not the end of us. */
static void
block_signals(void)
{
    sigset_t set;

    exchange_stop_signals(&set);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGXFSZ, SIG_IGN);
}

int
exchange_open(struct exchange *exchange, const struct config *config, char why[EXCHANGE_WHY_BYTES])
{
    *exchange = (struct exchange){.config = config, .lock = -1};
    exchange->config_hash = config_hash(config);
    exchange->binary_hash = binary_hash();
    admin_init(&exchange->admin);
    block_signals();
    if (load_archive_key(config, why) == 0 && open_folder(exchange, why) == 0 &&
        check_memory(exchange, why) == 0 && exchange_check_journal(exchange, why) == 0 &&
        open_ports(exchange, why) == 0 && exchange_make_gateways(exchange, why) == 0 &&
        exchange_make_engine(exchange, why) == 0 && make_rings(exchange, why) == 0 &&
        exchange_open_writer(exchange, why) == 0 && command_start(exchange, why) == 0 &&
        listen_to_admin(exchange, why) == 0)
        return 0;
    exchange_close(exchange);
    return -1;
}

void
exchange_close(struct exchange *exchange)
{
    admin_close(&exchange->admin);
    if (exchange->journal != NULL)
        journal_writer_close(exchange->journal);
    for (unsigned i = 0; i < exchange->ports_cnt; i++)
        port_close(exchange->ports[i]);
    give(&exchange->engine_memory);
    give(&exchange->gateway_memory);
    give(&exchange->door_memory);
    give(&exchange->in_memory);
    give(&exchange->door_in_memory);
    give(&exchange->admin_memory);
    give(&exchange->out_memory);
    free(exchange->sessions);
    if (exchange->lock >= 0)
        close(exchange->lock);
}
