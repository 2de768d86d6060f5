#include "tests/gateway/rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/credentials.h"
#include "proto/limits.h"

#include "tests/engine/reload.h"

#define OUT_CELLS   4096u
#define ADMIN_CELLS 1024u
#define IN_CELLS    4096u
#define SLICES_MAX  1024u
#define BLOCKS_MAX  64u

/* Bursts of the engine in one step: enough for a full in-ring. */
#define ENGINE_POLLS_MAX 64u

/* Memory that was given back, for who wants as much: a fuzzer makes a rig for each
 * input, and to map all this anew takes longer than the input. */
struct block {
    void *mem;
    size_t bytes;
    bool taken;
};

static struct block blocks[BLOCKS_MAX];
static unsigned blocks_cnt;

/* take returns memory as it is. */
static void *
take(size_t bytes)
{
    const size_t whole = (bytes + RING_ALIGN - 1) & ~(size_t)(RING_ALIGN - 1);

    ASSERT(bytes != 0);
    for (unsigned i = 0; i < blocks_cnt; i++) {
        if (blocks[i].taken || blocks[i].bytes != whole)
            continue;
        blocks[i].taken = true;
        return blocks[i].mem;
    }
    ASSERT(blocks_cnt < BLOCKS_MAX);

    struct block *block = &blocks[blocks_cnt++];

    *block = (struct block){.mem = aligned_alloc(RING_ALIGN, whole), .bytes = whole, .taken = true};
    ASSERT(block->mem != NULL);
    return block->mem;
}

static void
give(const void *mem)
{
    for (unsigned i = 0; i < blocks_cnt; i++) {
        if (blocks[i].mem != mem)
            continue;
        ASSERT(blocks[i].taken);
        blocks[i].taken = false;
        return;
    }
    ASSERT(mem == NULL);
}

/* memory is zeroed and aligned for a ring. */
static void *
memory(size_t bytes)
{
    return memset(take(bytes), 0, bytes);
}

static void
rings_make(struct rig *rig)
{
    const uint32_t cells[4] = {rig->in_cells, ADMIN_CELLS, OUT_CELLS, rig->in_cells};

    for (unsigned i = 0; i < ARRAY_LEN(rig->rings); i++) {
        const unsigned readers_cnt = i != 2 ? 1 : rig->two ? 3 : 2;

        rig->rings[i] = memory(ring_footprint(cells[i], readers_cnt));
        ring_init(rig->rings[i], cells[i], readers_cnt);
    }
    ring_writer_init(&rig->in_writer, rig->rings[0]);
    ring_reader_init(&rig->in_reader, rig->rings[0], 0);
    ring_writer_init(&rig->admin_writer, rig->rings[1]);
    ring_reader_init(&rig->admin_reader, rig->rings[1], 0);
    ring_writer_init(&rig->out_writer, rig->rings[2]);
    ring_reader_init(&rig->out_gateway, rig->rings[2], 0);
    ring_reader_init(&rig->out_log, rig->rings[2], 1);
    ring_writer_init(&rig->door_writer, rig->rings[3]);
    ring_reader_init(&rig->door_reader, rig->rings[3], 0);
    if (rig->two)
        ring_reader_init(&rig->out_door, rig->rings[2], 2);
    rig->durable = 0;
    rig->run_cnt = rig->log_cnt;
}

static uint64_t
send_clock(void *ctx)
{
    const struct rig *rig = ctx;

    return rig->net.now_ns + rig->send_after;
}

static void
attach_receipts(struct rig *rig, struct gateway *gateway, struct marks *taken)
{
    const struct gateway_receipts from = {.taken = taken, .clock_ns = send_clock, .ctx = rig};

    *taken = (struct marks){0};
    gateway_attach_receipts(gateway, &from);
}

/* history_seek and history_next are a journal: what of the log is durable. */
static int
history_seek(void *ctx, uint64_t seq)
{
    struct rig *rig = ctx;

    for (uint64_t at = 0; at < rig->log_cnt && !rig->lost_history;
         at += cell_count(&rig->log[at])) {
        if (cell_seq(&rig->log[at]) != seq)
            continue;
        rig->history_at = at;
        return 0;
    }
    return -ENOENT;
}

static int
history_next(void *ctx, const union cell **cells)
{
    struct rig *rig = ctx;
    const union cell *cell = &rig->log[rig->history_at];

    if (rig->history_at >= rig->run_cnt + rig->durable)
        return 0;
    rig->history_at += cell_count(cell);
    *cells = cell;
    return (int)cell_count(cell);
}

static void
history_wake(void *ctx)
{
    (void)ctx;
}

static void
history_make(struct rig *rig)
{
    const struct history_source source = {.ctx = rig, .seek = history_seek, .next = history_next};
    struct ring *rings[2];

    for (unsigned i = 0; i < 2; i++) {
        rig->history_memory[i] = memory(ring_footprint(HISTORY_TOLD_CELLS, 1));
        rings[i] = ring_init(rig->history_memory[i], HISTORY_TOLD_CELLS, 1);
    }
    rig->history_memory[2] = memory(history_footprint(RIG_SESSIONS));
    ring_writer_init(&rig->asks, rings[0]);
    ring_reader_init(&rig->asks_reader, rings[0], 0);
    ring_writer_init(&rig->told, rings[1]);
    ring_reader_init(&rig->told_reader, rings[1], 0);
    rig->history = history_init(rig->history_memory[2], RIG_SESSIONS, gateway_route(rig->gateway),
                                &rig->asks_reader, &rig->told, &source);
    gateway_attach_history(rig->gateway, &(struct gateway_history){.asks = &rig->asks,
                                                                   .told = &rig->told_reader,
                                                                   .wake = history_wake,
                                                                   .ctx = rig});
}

static void
history_give(struct rig *rig)
{
    rig->history = NULL;
    for (unsigned i = 0; i < ARRAY_LEN(rig->history_memory); i++) {
        give(rig->history_memory[i]);
        rig->history_memory[i] = NULL;
    }
}

static void
gateway_make(struct rig *rig)
{
    struct gateway_cfg cfg = {
        .shard = 1,
        .sessions_max = RIG_SESSIONS,
        .sessions = rig->sessions,
        .retransmit_max = RIG_RETRANSMIT,
        .keepalive_ms = RIG_KEEPALIVE_MS,
        .plain_credentials = rig->plain_credentials,
        .require_context = rig->require_context,
        .throttle_queue = rig->throttle_queue,
        .message_max = rig->message_max,
        .ports_max = 2, /* the net and, in some tests, a second one */
        .instruments_max = 2,
    };

    rig->gateway = gateway_init(memory(gateway_footprint(&cfg)), &cfg);
    gateway_add_port(rig->gateway, rig->server);
    if (rig->soup != NULL)
        gateway_add_soup_port(rig->gateway, rig->soup);
    gateway_attach(rig->gateway, &rig->in_writer, &rig->out_gateway, &rig->durable);
    attach_receipts(rig, rig->gateway, &rig->taken[0]);
    if (!rig->two)
        return;
    cfg.index = 1;
    rig->door = gateway_init(memory(gateway_footprint(&cfg)), &cfg);
    gateway_add_port(rig->door, rig->door_server);
    gateway_attach(rig->door, &rig->door_writer, &rig->out_door, &rig->durable);
    attach_receipts(rig, rig->door, &rig->taken[1]);
}

static void
engine_make(struct rig *rig)
{
    rig->engine = engine_init(memory(engine_footprint(&rig->engine_cfg)), &rig->engine_cfg);
    sequencer_init(&rig->sequencer, rig->engine, &rig->out_writer, BURST_COMMANDS_MAX);
    sequencer_add_in(&rig->sequencer, &rig->admin_reader);
    sequencer_add_in(&rig->sequencer, &rig->in_reader);
    if (rig->two)
        sequencer_add_in(&rig->sequencer, &rig->door_reader);
}

/* log_poll copies what is published; whole groups become durable. */
static void
log_poll(struct rig *rig)
{
    while (ring_reader_available(&rig->out_log, 1) > 0) {
        const union cell *cell = ring_reader_cell(&rig->out_log, 0);

        ASSERT(rig->log_cnt < RIG_LOG_MAX);
        rig->log[rig->log_cnt++] = *cell;
        ring_reader_advance(&rig->out_log, 1);
        if (cell_is_last(cell) && !rig->hold_durable)
            rig->durable = rig->out_log.pos;
    }
    ring_reader_release(&rig->out_log);
}

/* log_replay gives the log from a position on, to the first group that ends at or
 * behind another, to an engine and a gateway that are new or have come so far. */
static uint64_t
log_replay(struct rig *rig, struct gateway *gateway, uint64_t at, uint64_t until)
{
    union cell *out = memory(OUT_CELLS * sizeof *out);

    while (at < until) {
        struct cell_sink sink = {.cells = out, .mask = OUT_CELLS - 1};
        enum engine_result result = engine_apply(rig->engine, &rig->log[at], &sink);

        ASSERT(result != ENGINE_DROPPED);
        for (unsigned i = 0; result == ENGINE_MORE && i < SLICES_MAX; i++)
            result = engine_resume(rig->engine, &sink);
        ASSERT(result == ENGINE_DONE);
        ASSERT(sink.pos <= rig->log_cnt - at);
        ASSERT(memcmp(out, &rig->log[at], sink.pos * sizeof *out) == 0);
        for (uint64_t end = at + sink.pos; at < end; at += cell_count(&rig->log[at])) {
            gateway_recover(gateway, &rig->log[at]);
            if (rig->two && gateway == rig->gateway)
                gateway_recover(rig->door, &rig->log[at]);
        }
    }
    give(out);
    return at;
}

/* keeper_make makes the gateway of a follower: it knows no configuration. */
static struct gateway *
keeper_make(void)
{
    static struct gateway_session_cfg sessions[RIG_SESSIONS];
    const struct gateway_cfg cfg = {
        .shard = 1,
        .sessions_max = RIG_SESSIONS,
        .sessions = sessions,
        .retransmit_max = 2 * RIG_RETRANSMIT,
        .keepalive_ms = RIG_KEEPALIVE_MS,
        .ports_max = 1,
        .instruments_max = 2,
        .follower = true,
    };

    for (unsigned i = 0; i < RIG_SESSIONS; i++)
        sessions[i] = (struct gateway_session_cfg){.name = "KEPT", .key = "-", .used = true};
    return gateway_init(memory(gateway_footprint(&cfg)), &cfg);
}

/* snapshot_load replays half of the log beside, and takes up what that came to. */
static uint64_t
snapshot_load(struct rig *rig)
{
    struct gateway *keeper = keeper_make();
    const uint64_t at = log_replay(rig, keeper, 0, rig->log_cnt / 2);

    if (at == 0) {
        give(keeper);
        return 0;
    }

    struct reload_image image = {.out = {.put = reload_put}};

    gateway_save(keeper, &image.out);

    struct image_in in = {.at = image.bytes, .left = image.cnt};
    struct engine *half = rig->engine;
    const int rc = gateway_load(rig->gateway, &in);

    ASSERT(rc == 0);
    ASSERT(in.left == 0);
    in = (struct image_in){.at = image.bytes, .left = image.cnt};
    if (rig->two)
        ASSERT(gateway_load(rig->door, &in) == 0);
    rig->engine = reload(half, &rig->engine_cfg, memory(engine_footprint(&rig->engine_cfg)), at);
    rig->sequencer.engine = rig->engine;
    free(image.bytes);
    give(keeper);
    give(half);
    return at;
}

void
rig_admin(struct rig *rig, const union cell *cells, unsigned count)
{
    ASSERT(ring_writer_room(&rig->admin_writer, count) >= count);
    ring_write(&rig->admin_writer, cells, count);
    ring_publish(&rig->admin_writer);
}

static void
restart_command(struct rig *rig, uint8_t ack_mode)
{
    const union cell cell = {.restart = {
                                 .kind = CELL_KIND_RESTART,
                                 .shape = 1,
                                 .epoch = engine_epoch(rig->engine) + 1,
                                 .time = rig->net.now_ns,
                                 .rules_version = RULES_VERSION,
                                 .ack_mode = ack_mode,
                                 .session = CELL_SESSION,
                             }};

    rig_admin(rig, &cell, 1);
}

/* frame_of begins a command of the configuration. */
static union cell
frame_of(unsigned kind, unsigned shape)
{
    union cell cell = {.words = {0}};

    cell.firm_set.kind = (uint8_t)kind;
    cell.firm_set.shape = (uint8_t)shape;
    cell.firm_set.time = RIG_START_NS;
    cell.firm_set.session = CELL_SESSION;
    return cell;
}

static void
configure_instrument(struct rig *rig)
{
    union cell cells[2] = {frame_of(CELL_KIND_INSTRUMENT_SET, 2), {.words = {0}}};

    memcpy(cells[0].instrument_set.symbol, "ACME", 4);
    cells[0].instrument_set.tick_px = 1000000;
    cells[0].instrument_set.lot_qty = 1;
    cells[0].instrument_set.px_decimals = 2;
    cells[1].instrument_limits = (struct cell_instrument_limits){
        .kind = CELL_KIND_INSTRUMENT_LIMITS,
        .order_qty_max = UINT32_MAX,
        .order_value_max = INT64_MAX,
    };
    rig_admin(rig, cells, 2);
}

static void
configure_account(struct rig *rig, uint32_t account)
{
    union cell cells[2] = {frame_of(CELL_KIND_ACCOUNT_SET, 2), {.words = {0}}};

    snprintf(cells[0].account_set.name, sizeof cells[0].account_set.name, "ACCOUNT%u", account);
    cells[0].account_set.account = account;
    cells[1].account_limits = (struct cell_account_limits){
        .kind = CELL_KIND_ACCOUNT_LIMITS,
        .order_qty_max = UINT32_MAX,
        .order_value_max = INT64_MAX,
        .long_max = POSITION_LIMIT_MAX,
        .short_max = POSITION_LIMIT_MAX,
    };
    rig_admin(rig, cells, 2);
}

static void
configure(struct rig *rig, uint8_t ack_mode)
{
    union cell cell;

    engine_genesis(&rig->engine_cfg, RIG_START_NS, &cell);
    rig_admin(rig, &cell, 1);
    restart_command(rig, ack_mode);
    cell = frame_of(CELL_KIND_FIRM_SET, 1);
    memcpy(cell.firm_set.name, "FIRM", 4);
    rig_admin(rig, &cell, 1);
    cell = frame_of(CELL_KIND_GROUP_SET, 1);
    memcpy(cell.group_set.name, "GROUP", 5);
    rig_admin(rig, &cell, 1);
    configure_instrument(rig);
    for (uint16_t i = 0; i < RIG_SESSIONS; i++) {
        configure_account(rig, i);
        cell = frame_of(CELL_KIND_SESSION_SET, 1);
        memcpy(cell.session_set.name, rig->sessions[i].name, sizeof cell.session_set.name);
        cell.session_set.session = i;
        cell.session_set.drop_copy = rig->copied && i == RIG_COPY;
        rig_admin(rig, &cell, 1);
    }
}

/* speak_ouch makes OUCH sessions of some. */
static void
speak_ouch(struct rig *rig)
{
    for (unsigned i = 2; i < RIG_SESSIONS; i++) {
        struct gateway_session_cfg *cfg = &rig->sessions[i];

        cfg->dialect = GATEWAY_OUCH;
        snprintf(cfg->name, sizeof cfg->name, "Brok%u", i);
        cfg->party.account = i;
        memcpy(cfg->party.firm, i == 2 ? "FRM2" : "FRM3", sizeof cfg->party.firm);
    }
}

/* What differs from a rig of datagrams and one gateway. */
struct rig_how {
    uint64_t seed;
    uint8_t ack_mode;
    uint32_t in_cells; /* 0: IN_CELLS */
    bool copied;
    bool stream;
    bool two;
    struct port *soup; /* NULL: none */
    bool remembers;    /* old reports come out of the log */
};

static struct rig *
rig_make(const struct rig_how *how)
{
    struct rig *rig = memory(sizeof *rig);

    net_init(&rig->net, how->seed);
    rig->net.stream = how->stream;
    rig->two = how->two;
    net_init(&rig->door_net, how->seed);
    rig->door_net.stream = true;
    rig->door_net.now_ns = RIG_START_NS;
    rig->net.now_ns = RIG_START_NS;
    rig->copied = how->copied;
    rig->in_cells = how->in_cells == 0 ? IN_CELLS : how->in_cells;
    /* Large and mostly not used: not touched. */
    rig->log = take(RIG_LOG_MAX * sizeof *rig->log);
    for (unsigned i = 0; i < RIG_SESSIONS; i++) {
        rig->sessions[i].used = true;
        snprintf(rig->sessions[i].name, sizeof rig->sessions[i].name, "BROKER%u", i);
        snprintf(rig->sessions[i].key, sizeof rig->sessions[i].key, "key-%u", i);
    }
    rig->soup = how->soup;
    rig->remembers = how->remembers;
    if (rig->soup != NULL)
        speak_ouch(rig);
    rig->engine_cfg = (struct engine_cfg){
        .shard = 1,
        .orders_max = 4096,
        .instruments_max = 2,
        .accounts_max = RIG_SESSIONS,
        .groups_max = 1,
        .firms_max = 1,
        .sessions_max = RIG_SESSIONS,
        .positions_max = 16,
        .pages_max = 256,
    };
    rig->server = net_port(&rig->net, RIG_SERVER_IP, RIG_SERVER_PORT);
    rig->door_server = net_port(&rig->door_net, RIG_SERVER_IP, RIG_SERVER_PORT);
    rings_make(rig);
    engine_make(rig);
    gateway_make(rig);
    configure(rig, how->ack_mode);
    if (rig->remembers)
        history_make(rig);
    rig_step(rig, 0);
    rig_step(rig, 0);
    return rig;
}

struct rig *
rig_new(uint64_t seed, uint8_t ack_mode, uint32_t in_cells)
{
    return rig_make(&(struct rig_how){.seed = seed, .ack_mode = ack_mode, .in_cells = in_cells});
}

struct rig *
rig_new_copied(uint64_t seed)
{
    return rig_make(&(struct rig_how){.seed = seed, .copied = true});
}

struct rig *
rig_new_soup(uint64_t seed, uint8_t ack_mode, struct port *soup)
{
    return rig_make(
        &(struct rig_how){.seed = seed, .ack_mode = ack_mode, .soup = soup, .remembers = true});
}

struct rig *
rig_new_soup_alone(uint64_t seed, struct port *soup)
{
    return rig_make(&(struct rig_how){.seed = seed, .soup = soup});
}

struct rig *
rig_new_two(uint64_t seed)
{
    return rig_make(&(struct rig_how){.seed = seed, .two = true});
}

struct rig *
rig_new_stream(uint64_t seed)
{
    return rig_make(&(struct rig_how){.seed = seed, .stream = true});
}

/* stop frees what a restart makes anew. */
static void
stop(struct rig *rig)
{
    give(rig->engine);
    give(rig->gateway);
    history_give(rig);
    give(rig->door);
    for (unsigned i = 0; i < ARRAY_LEN(rig->rings); i++)
        give(rig->rings[i]);
}

void
rig_free(struct rig *rig)
{
    stop(rig);
    for (unsigned i = 0; i < RIG_CLIENTS_MAX; i++) {
        rig_client_drop(&rig->clients[i]);
        give(rig->clients[i].reports);
    }
    give(rig->log);
    give(rig);
}

void
rig_restart(struct rig *rig, uint8_t ack_mode)
{
    /* What was not durable is lost, as was never told. */
    rig->log_cnt = rig->run_cnt + rig->durable;
    for (unsigned i = 0; i < rig->net.ports_cnt; i++)
        net_reset(&rig->net.ports[i]);
    for (unsigned i = 0; i < rig->door_net.ports_cnt; i++)
        net_reset(&rig->door_net.ports[i]);
    stop(rig);
    rings_make(rig);
    engine_make(rig);
    gateway_make(rig);
    rig->by_snapshot = !rig->by_snapshot;
    (void)log_replay(rig, rig->gateway, rig->by_snapshot ? snapshot_load(rig) : 0, rig->log_cnt);
    if (rig->remembers)
        history_make(rig);
    restart_command(rig, ack_mode);
    rig_step(rig, 0);
}

static void
clients_poll(struct rig *rig)
{
    for (unsigned i = 0; i < RIG_CLIENTS_MAX; i++) {
        struct rig_client *rc = &rig->clients[i];

        if (rc->client != NULL && !rc->frozen)
            (void)client_receive(rc->client, rig->net.now_ns);
    }
}

static void
gateways_poll(struct rig *rig)
{
    gateway_poll(rig->gateway, rig->net.now_ns);
    if (rig->two)
        gateway_poll(rig->door, rig->net.now_ns);
}

void
rig_step(struct rig *rig, uint64_t ns)
{
    rig->net.now_ns += ns;
    rig->door_net.now_ns = rig->net.now_ns;
    clients_poll(rig);
    gateways_poll(rig);
    for (unsigned i = 0; !rig->hold_engine && i < ENGINE_POLLS_MAX; i++) {
        for (unsigned j = 0; j < ARRAY_LEN(rig->taken); j++)
            marks_poll(&rig->taken[j], rig->out_writer.sink.pos, rig->net.now_ns);
        if (sequencer_poll(&rig->sequencer, rig->net.now_ns) == 0)
            break;
        log_poll(rig);
    }
    if (rig->history != NULL && !rig->hold_history)
        history_poll(rig->history, rig->net.now_ns);
    gateways_poll(rig);
}

void
rig_run(struct rig *rig, unsigned ms)
{
    for (unsigned i = 0; i < 10 * ms; i++)
        rig_step(rig, RIG_MS / 10);
}

void
rig_wait(struct rig *rig, unsigned ms)
{
    for (unsigned i = 0; i < ms; i++)
        rig_step(rig, RIG_MS);
}

struct hash128
rig_hash(const struct rig *rig)
{
    return engine_hash(rig->engine);
}

static void
on_report(void *ctx, uint64_t no, const uint8_t *buf, size_t len)
{
    struct rig_client *rc = ctx;
    struct rig_report *report = &rc->reports[rc->reports_cnt++];

    ASSERT(rc->reports_cnt < RIG_REPORTS_MAX);
    ASSERT(len <= sizeof report->bytes);
    report->no = no;
    report->len = (uint32_t)len;
    memcpy(report->bytes, buf, len);
}

static void
on_not_applied(void *ctx, uint64_t from, uint64_t count)
{
    struct rig_client *rc = ctx;

    rc->not_applied_from = from;
    rc->not_applied_cnt += count;
    if (rc->on_not_applied != NULL)
        rc->on_not_applied(rc, from, count);
}

void
rig_client_cfg(struct rig *rig, unsigned i, struct client_cfg *cfg)
{
    struct rig_client *rc = &rig->clients[i];

    cfg->port = rc->port;
    cfg->context = rig->require_context;
    cfg->drop_copy = rig->copied && rc->session == RIG_COPY;
    cfg->server = (struct peer){.ip = RIG_SERVER_IP, .udp_port = RIG_SERVER_PORT};
    cfg->on_report = on_report;
    cfg->on_not_applied = on_not_applied;
    cfg->ctx = rc;
    memcpy(cfg->uuid, rc->uuid, sizeof rc->uuid);
}

struct rig_client *
rig_client_new(struct rig *rig, unsigned i, uint16_t session, struct client_cfg *cfg)
{
    struct rig_client *rc = &rig->clients[i];

    ASSERT(i < RIG_CLIENTS_MAX);
    rig_client_drop(rc);
    if (rc->port == NULL) {
        rc->port = net_port(rig->two && i >= RIG_DOOR_CLIENT ? &rig->door_net : &rig->net,
                            RIG_SERVER_IP + 1 + i, (uint16_t)(20000 + i));
        rc->reports = take(RIG_REPORTS_MAX * sizeof *rc->reports);
    }
    rc->session = session;
    if (!cfg->resume) {
        for (unsigned j = 0; j < sizeof rc->uuid; j++)
            rc->uuid[j] = (uint8_t)net_random(&rig->net.random);
        rc->uuid[6] = (uint8_t)((rc->uuid[6] & 0x0f) | 0x40);
        rc->uuid[8] = (uint8_t)((rc->uuid[8] & 0x3f) | 0x80);
        rc->reports_cnt = 0;
        rc->not_applied_cnt = 0;
    }
    rig_client_cfg(rig, i, cfg);
    rc->client = client_new(cfg);
    ASSERT(rc->client != NULL);
    return rc;
}

struct rig_client *
rig_client(struct rig *rig, unsigned i, uint16_t session)
{
    struct client_cfg cfg = {
        .name = rig->sessions[session].name,
        .key = rig->sessions[session].key,
        .keepalive_ms = RIG_KEEPALIVE_MS,
    };

    return rig_client_new(rig, i, session, &cfg);
}

void
rig_cut(struct rig_client *rc)
{
    net_reset((struct net_port *)(void *)rc->port);
}

void
rig_client_drop(struct rig_client *rc)
{
    if (rc->client != NULL)
        client_free(rc->client);
    rc->client = NULL;
}

struct rig_client *
rig_connect(struct rig *rig, unsigned i, uint16_t session)
{
    struct rig_client *rc = rig_client(rig, i, session);

    client_connect(rc->client, rig->net.now_ns);
    for (unsigned ms = 0; ms < 2000 && client_state(rc->client) != CLIENT_ESTABLISHED; ms++)
        rig_step(rig, RIG_MS);
    return rc;
}

struct rig_client *
rig_resume(struct rig *rig, unsigned i)
{
    struct rig_client *rc = &rig->clients[i];
    struct client_cfg cfg = {
        .name = rig->sessions[rc->session].name,
        .key = rig->sessions[rc->session].key,
        .keepalive_ms = RIG_KEEPALIVE_MS,
        .resume = true,
        .resume_no = client_next_no(rc->client),
        .resume_next_report_no = client_next_report_no(rc->client),
    };

    rig_client_new(rig, i, rc->session, &cfg);
    client_connect(rc->client, rig->net.now_ns);
    for (unsigned ms = 0; ms < 2000 && client_state(rc->client) == CLIENT_ESTABLISHING; ms++)
        rig_step(rig, RIG_MS);
    return rc;
}

uint64_t
rig_order(struct rig *rig, struct rig_client *rc, uint64_t clord, bool sell, int64_t px)
{
    struct oe_new_order_single msg;
    uint8_t buf[128];

    client_order_new(&msg);
    msg.cl_ord_id = clord;
    msg.price = px;
    msg.order_qty = 1;
    msg.account = rc->session;
    msg.side = sell ? OE_SIDE_SELL : OE_SIDE_BUY;

    const size_t len = oe_new_order_single_encode(buf, sizeof buf, &msg);
    const uint64_t no = client_send(rc->client, buf, len);

    client_flush(rc->client, rig->net.now_ns);
    return no;
}

size_t
rig_sign(const struct rig *rig, uint16_t session, uint8_t *buf, size_t len)
{
    const uint16_t bytes = sizeof(struct credentials);
    struct credentials credentials;

    credentials_sign(&credentials, rig->sessions[session].name, rig->sessions[session].key, buf,
                     credentials_message(buf, len));
    memcpy(buf + len - sizeof bytes, &bytes, sizeof bytes);
    memcpy(buf + len, &credentials, sizeof credentials);
    return len + sizeof credentials;
}

void
rig_raw(struct rig *rig, struct port *port, const void *bytes, size_t len)
{
    const struct peer server = {.ip = RIG_SERVER_IP, .udp_port = RIG_SERVER_PORT};
    uint8_t *buf = port_tx_claim(port, &server);

    (void)rig;
    ASSERT(len <= DATAGRAM_BYTES_MAX);
    memcpy(buf, bytes, len);
    port_tx_push(port, len);
}

unsigned
rig_template(const struct rig_report *report)
{
    return ((const struct oe_header *)report->bytes)->template_id;
}

const struct rig_report *
rig_last(const struct rig_client *rc)
{
    ASSERT(rc->reports_cnt > 0);
    return &rc->reports[rc->reports_cnt - 1];
}

static bool
trap_drop(void *ctx, const struct net_packet *packet)
{
    struct trap *trap = ctx;
    const bool from_server = packet->from.ip == RIG_SERVER_IP;
    const struct oe_header *hdr = (const struct oe_header *)packet->data;

    if (from_server != trap->from_server)
        return false;
    if (trap->template_id != 0 && hdr->template_id != trap->template_id)
        return false;
    trap->seen_cnt++;
    trap->last = *packet;
    if (trap->lose_cnt == 0)
        return false;
    trap->lose_cnt--;
    return true;
}

void
trap_set(struct rig *rig, struct trap *trap)
{
    rig->net.drop = trap_drop;
    rig->net.drop_ctx = trap;
}

void
rig_again(struct rig *rig, const struct net_packet *packet)
{
    net_queue(&rig->net, packet);
    rig_run(rig, 2);
}

struct gateway_stats
rig_stats(const struct rig *rig)
{
    struct gateway_stats stats;

    gateway_stats_get(rig->gateway, &stats);
    return stats;
}

enum engine_session_state
rig_session_state(const struct rig *rig, uint16_t session)
{
    struct engine_session state;

    engine_session_get(rig->engine, session, &state);
    return state.state;
}
