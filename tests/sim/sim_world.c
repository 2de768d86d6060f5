#include "tests/sim/sim_world.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/replay.h"
#include "proto/limits.h"

#include "tests/sim/sim_follow.h"

#define IN_CELLS       1024u
#define ADMIN_CELLS    256u
#define OUT_CELLS      4096u
#define SERVER_IP      0x0a000001u
#define SERVER_PORT    9000u
#define RETRANSMIT_MAX 8192u
#define KEEPALIVE_MS   500u
#define CONFIG_CNT     (4u * BROKERS + BROKER_INSTRUMENTS)
#define BACK_MAX       50u
#define SENDS_MAX      4u
#define MS             1000000ull
#define PUMPS_MAX      100000u
#define SETTLE_MAX     200000u

/* memory is zeroed and aligned for a ring. */
static void *
memory(size_t bytes)
{
    const size_t whole = (bytes + RING_ALIGN - 1) & ~(size_t)(RING_ALIGN - 1);
    void *mem = aligned_alloc(RING_ALIGN, whole);

    ASSERT(bytes != 0);
    ASSERT(mem != NULL);
    memset(mem, 0, whole);
    return mem;
}

static uint64_t
below(struct sim_world *world, uint64_t bound)
{
    return net_random(&world->random) % bound;
}

static void
complain(struct sim_world *world, const char *what)
{
    if (world->why[0] == '\0')
        snprintf(world->why, sizeof world->why, "%s", what);
}

const char *
sim_world_why(const struct sim_world *world)
{
    for (unsigned i = 0; i < BROKERS; i++) {
        if (ledger_why(world->traders[i].broker.ledger)[0] != '\0')
            return ledger_why(world->traders[i].broker.ledger);
    }
    return world->witness.why[0] != '\0' ? world->witness.why : world->why;
}

struct sim_world *
sim_world_new(uint64_t seed, uint8_t ack_mode)
{
    struct sim_world *world = memory(sizeof *world);

    world->seed = seed;
    world->random = seed * 7919;
    world->ack_mode = ack_mode;
    world->window = 1 + (uint32_t)below(world, 24);
    world->batch_pages = below(world, 2) == 0 ? 0 : 1 + (uint32_t)below(world, 8);
    world->follow_every = below(world, 2) == 0 ? 0 : 300 + below(world, 600);
    net_init(&world->net, seed);
    world->net.delay_ns = 2000;
    world->net.jitter_ns = 1 + below(world, 20000);
    if (below(world, 2) == 0) {
        world->net.loss_permille = (uint32_t)below(world, 60);
        world->net.dup_permille = (uint32_t)below(world, 60);
    }
    sim_disk.now_ns = SIM_START_NS;
    world->server = net_port(&world->net, SERVER_IP, SERVER_PORT);
    world->engine_cfg = (struct engine_cfg){
        .shard = SIM_SHARD,
        .orders_max = 1024,
        .instruments_max = MODEL_INSTRUMENTS,
        .accounts_max = MODEL_ACCOUNTS,
        .groups_max = MODEL_GROUPS,
        .firms_max = MODEL_FIRMS,
        .sessions_max = SIM_SESSIONS,
        .positions_max = 64,
        .pages_max = 512,
        .extras_max = 16,
    };
    for (unsigned i = 0; i < BROKERS; i++) {
        struct broker *broker = &world->traders[i].broker;

        world->sessions[i].used = true;
        snprintf(world->sessions[i].name, sizeof world->sessions[i].name, "BROKER%u", i);
        snprintf(world->sessions[i].key, sizeof world->sessions[i].key, "key-%u", i);
        broker_init(broker, i, seed);
        broker->server = (struct peer){.ip = SERVER_IP, .udp_port = SERVER_PORT};
        broker->udp_source = (uint16_t)(20000 + i);
        broker->port = net_port(&world->net, SERVER_IP + 1 + i, broker->udp_source);
    }
    sim_witness_init(&world->witness, &world->engine_cfg);
    return world;
}

void
sim_world_free(struct sim_world *world)
{
    for (unsigned i = 0; i < BROKERS; i++)
        broker_close(&world->traders[i].broker);
    sim_witness_fini(&world->witness);
    free(world);
}

static void
rings_make(struct sim_world *world)
{
    static const uint32_t cells[3] = {IN_CELLS, ADMIN_CELLS, OUT_CELLS};

    for (unsigned i = 0; i < 3; i++) {
        const unsigned readers_cnt = i == 2 ? 3 : 1;

        world->rings[i] = memory(ring_footprint(cells[i], readers_cnt));
        ring_init(world->rings[i], cells[i], readers_cnt);
    }
    ring_writer_init(&world->in_writer, world->rings[0]);
    ring_reader_init(&world->in_reader, world->rings[0], 0);
    ring_writer_init(&world->admin_writer, world->rings[1]);
    ring_reader_init(&world->admin_reader, world->rings[1], 0);
    ring_writer_init(&world->out_writer, world->rings[2]);
    ring_reader_init(&world->out_journal, world->rings[2], 0);
    ring_reader_init(&world->out_gateway, world->rings[2], 1);
    ring_reader_init(&world->out_witness, world->rings[2], 2);
}

static struct gateway_cfg
gateway_cfg_of(const struct sim_world *world)
{
    return (struct gateway_cfg){
        .shard = SIM_SHARD,
        .sessions_max = SIM_SESSIONS,
        .sessions = world->sessions,
        .retransmit_max = RETRANSMIT_MAX,
        .keepalive_ms = KEEPALIVE_MS,
        .ports_max = 1,
    };
}

static void
gateway_make(struct sim_world *world)
{
    const struct gateway_cfg cfg = gateway_cfg_of(world);

    world->gateway_mem = memory(gateway_footprint(&cfg));
    world->gateway = gateway_init(world->gateway_mem, &cfg);
    gateway_add_port(world->gateway, world->server);
}

/* advance lets time pass. */
static void
advance(struct sim_world *world, uint64_t ns)
{
    sim_disk.now_ns += ns;
    world->net.now_ns = sim_disk.now_ns;
}

static void
witness_poll(struct sim_world *world)
{
    sim_witness_poll(&world->witness, &world->out_witness);
}

void
sim_world_end(struct sim_world *world)
{
    witness_poll(world);
    sim_follow_end();
    free(world->engine_mem);
    free(world->gateway_mem);
    world->engine_mem = NULL;
    world->gateway_mem = NULL;
    world->engine = NULL;
    for (unsigned i = 0; i < 3; i++) {
        free(world->rings[i]);
        world->rings[i] = NULL;
    }
    world->writer = NULL;
    world->durable = NULL;
    for (unsigned i = 0; i < BROKERS; i++) {
        world->traders[i].phase = TRADER_OFF;
        world->traders[i].retry_ns = 0;
    }
}

/* note keeps what was acknowledged so far. */
static void
note(struct sim_world *world)
{
    if (world->durable != NULL)
        world->must_cells = world->run_cells + *world->durable;
}

static void
writer_poll(struct sim_world *world)
{
    (void)journal_writer_poll(world->writer, sim_disk.now_ns);
    note(world);
}

/* replay_take is the allocator of a replay. */
static struct sim_world *replaying;

static void *
replay_take(size_t bytes)
{
    ASSERT(replaying->engine_mem == NULL);
    replaying->engine_mem = memory(bytes);
    return replaying->engine_mem;
}

static void
on_message(void *ctx, const union cell *cells)
{
    struct sim_world *world = ctx;

    sim_witness_message(&world->witness, cells);
    gateway_recover(world->gateway, cells);
}

static enum sim_start
refused(int rc)
{
    return rc == -EBADMSG || rc == -EPROTO ? SIM_REFUSED : SIM_FAILED;
}

/* replay_behind replays what the reader has from where it stands. */
static enum sim_start
replay_behind(struct sim_world *world, struct journal_reader *reader, const struct replay_cfg *cfg)
{
    struct replay_result result = {.engine = NULL};
    struct replay *replay;
    int rc;

    ASSERT(replay_open(&replay, reader, cfg) == 0);
    rc = replay_more(replay, 0, &result);
    replay_close(replay);
    if (rc != 0)
        world->fault = *journal_reader_fault(reader);
    journal_reader_close(reader);
    if (rc != 0)
        return refused(rc);
    if (result.engine != NULL && !result.identical)
        complain(world, result.text);
    world->engine = result.engine;
    return SIM_UP;
}

/* replay makes the engine of what is on disk, NULL if that is nothing; most times
 * behind the newest snapshot. */
static enum sim_start
replay(struct sim_world *world)
{
    struct replay_cfg cfg = {
        .on_message = on_message, .ctx = world, .salt = world->seed, .alloc = replay_take};
    struct sim_restored restored;
    struct journal_reader *reader;
    int rc;

    world->from = (struct journal_place){.page_no = 0};
    if (below(world, 4) != 0 && sim_restore(world->gateway, world->seed, &restored)) {
        world->engine_mem = restored.mem;
        world->from = restored.info.place;
        world->restored_cnt++;
        cfg.engine = restored.engine;
        cfg.engine_cfg = restored.info.cfg;
        sim_witness_replay(&world->witness, restored.info.seq);
        return replay_behind(world, restored.reader, &cfg);
    }
    sim_witness_replay(&world->witness, 0);
    rc = journal_reader_open(&reader, sim_disk.dir, SIM_SHARD, &world->fault);
    if (rc == -ENOENT)
        return SIM_UP;
    return rc != 0 ? refused(rc) : replay_behind(world, reader, &cfg);
}

static enum sim_start
open_writer(struct sim_world *world, uint32_t epoch)
{
    struct journal_writer_cfg cfg = {
        .dir = sim_disk.dir,
        .shard = SIM_SHARD,
        .epoch = epoch,
        .segment_bytes = SIM_SEGMENT_BYTES,
        .ack_mode = world->ack_mode,
        .interval_ns = MS,
        .batch_pages = world->batch_pages,
        .next_page_no = world->end.next_page_no,
        .prev_hash = world->end.prev_hash,
        .journal = world->end.journal,
        .config_hash = world->seed,
        .binary_hash = 1,
    };
    char why[256];
    int rc;

    /* Drawn by the writer it would be another one at each repetition. */
    if (world->end.next_page_no == 0)
        memcpy(cfg.journal.bytes, (uint64_t[2]){world->seed, 1}, sizeof cfg.journal.bytes);
    rc = journal_writer_open(&world->writer, &cfg, &world->out_journal, why);

    if (rc != 0) {
        world->writer = NULL;
        return SIM_FAILED;
    }
    world->durable = journal_writer_durable(world->writer);
    return SIM_UP;
}

static void
command(struct sim_world *world, const union cell *cells, unsigned count)
{
    ASSERT(ring_writer_room(&world->admin_writer, count) >= count);
    ring_write(&world->admin_writer, cells, count);
    ring_publish(&world->admin_writer);
}

/* config_command gives command number i of the configuration. */
static void
config_command(struct sim_world *world, unsigned i)
{
    static const uint8_t kinds[] = {CELL_KIND_FIRM_SET, CELL_KIND_GROUP_SET, CELL_KIND_ACCOUNT_SET,
                                    CELL_KIND_SESSION_SET, CELL_KIND_INSTRUMENT_SET};
    const unsigned kind = i < 4 * BROKERS ? kinds[i / BROKERS] : kinds[4];
    const uint32_t id = i < 4 * BROKERS ? i % BROKERS : i - 4 * BROKERS;
    union cell cells[2] = {{.firm_set = {.kind = (uint8_t)kind, .shape = 1, .firm = id}}};
    unsigned count = 1;

    cells[0].firm_set.session = CELL_SESSION;
    cells[0].firm_set.time = sim_disk.now_ns;
    switch (kind) {
    case CELL_KIND_FIRM_SET:
        snprintf(cells[0].firm_set.name, sizeof cells[0].firm_set.name, "FIRM%u", id);
        break;
    case CELL_KIND_GROUP_SET:
        cells[0].group_set.firm = id;
        snprintf(cells[0].group_set.name, sizeof cells[0].group_set.name, "GROUP%u", id);
        break;
    case CELL_KIND_SESSION_SET:
        cells[0].session_set.session = (uint16_t)id;
        snprintf(cells[0].session_set.name, sizeof cells[0].session_set.name, "BROKER%u", id);
        break;
    case CELL_KIND_ACCOUNT_SET:
        count = 2;
        cells[0].account_set.account = id;
        snprintf(cells[0].account_set.name, sizeof cells[0].account_set.name, "ACCOUNT%u", id);
        cells[1].account_limits = (struct cell_account_limits){
            .kind = CELL_KIND_ACCOUNT_LIMITS,
            .order_qty_max = 95, /* some are refused */
            .order_value_max = INT64_MAX,
            .long_max = 2000,
            .short_max = 2000,
        };
        break;
    default:
        count = 2;
        snprintf(cells[0].instrument_set.symbol, sizeof cells[0].instrument_set.symbol, "SYM%u",
                 id);
        cells[0].instrument_set.tick_px = PX_ONE / 100;
        cells[0].instrument_set.lot_qty = 1;
        cells[0].instrument_set.px_decimals = 2;
        cells[1].instrument_limits = (struct cell_instrument_limits){
            .kind = CELL_KIND_INSTRUMENT_LIMITS,
            .order_qty_max = UINT32_MAX,
            .order_value_max = INT64_MAX,
        };
        break;
    }
    cells[0].firm_set.shape = (uint8_t)count;
    command(world, cells, count);
}

/* pump lets sequencer and journal work until all is taken and, where somebody
 * waits for that, durable. */
static void
pump(struct sim_world *world)
{
    const bool waits = world->ack_mode == CELL_ACK_MODE_DURABLE;

    for (unsigned i = 0; i < PUMPS_MAX; i++) {
        const bool idle = sequencer_poll(&world->sequencer, sim_disk.now_ns) == 0;

        witness_poll(world);
        writer_poll(world);
        sim_disk_tick();
        if (idle && (!waits || *world->durable == world->out_witness.pos))
            return;
        advance(world, 5000);
    }
    complain(world, "what a start commands is not durable in time");
}

/* begin gives the first commands of a run. */
static void
begin(struct sim_world *world, uint32_t epoch)
{
    const union cell restart = {.restart = {
                                    .kind = CELL_KIND_RESTART,
                                    .shape = 1,
                                    .epoch = epoch,
                                    .time = sim_disk.now_ns,
                                    .rules_version = RULES_VERSION,
                                    .ack_mode = world->ack_mode,
                                    .session = CELL_SESSION,
                                }};

    if (engine_seq(world->engine) == 0) {
        union cell genesis;

        engine_genesis(&world->engine_cfg, sim_disk.now_ns, &genesis);
        command(world, &genesis, 1);
    }
    command(world, &restart, 1);
    for (unsigned i = (unsigned)world->witness.config_cnt; i < CONFIG_CNT; i++)
        config_command(world, i);
    pump(world);
}

/* judge holds what came back against all that is known. */
static void
judge(struct sim_world *world)
{
    struct ledger *ledgers[BROKERS];
    const uint64_t seq = world->engine == NULL ? 0 : engine_seq(world->engine);

    if (world->end.last_seq != seq)
        complain(world, "replay and recovery do not agree on the last command");
    for (unsigned i = 0; i < BROKERS; i++)
        ledgers[i] = world->traders[i].broker.ledger;
    sim_witness_judge(&world->witness, world->engine, world->blind ? 0 : world->must_cells);
    if (world->ack_mode == CELL_ACK_MODE_DURABLE && !world->blind && world->witness.why[0] == '\0')
        sim_witness_told(&world->witness, ledgers, BROKERS);
}

enum sim_start
sim_world_start(struct sim_world *world)
{
    enum sim_start rc;
    uint32_t epoch;

    replaying = world;
    gateway_make(world);
    rings_make(world);
    rc = replay(world);
    if (rc == SIM_UP) {
        const int error = journal_recover_at(sim_disk.dir, SIM_SHARD,
                                             world->from.page_no == 0 ? NULL : &world->from,
                                             &world->end, &world->fault);

        if (error != 0)
            rc = refused(error);
    }
    if (rc != SIM_UP)
        return rc;
    judge(world);
    if (sim_world_why(world)[0] != '\0')
        return SIM_FAILED;
    world->run_cells = world->witness.cnt;
    world->must_cells = world->witness.cnt;
    if (world->engine == NULL)
        world->engine =
            engine_init(replay_take(engine_footprint(&world->engine_cfg)), &world->engine_cfg);
    epoch = engine_epoch(world->engine);
    epoch = (epoch > world->end.epoch ? epoch : world->end.epoch) + 1;
    rc = open_writer(world, epoch);
    if (rc != SIM_UP)
        return rc;
    sequencer_init(&world->sequencer, world->engine, &world->out_writer, BURST_COMMANDS_MAX);
    sequencer_add_in(&world->sequencer, &world->admin_reader);
    sequencer_add_in(&world->sequencer, &world->in_reader);
    gateway_attach(world->gateway, &world->in_writer, &world->out_gateway,
                   world->ack_mode == CELL_ACK_MODE_DURABLE ? world->durable : NULL);
    world->told_low = engine_journal_low(world->engine);
    begin(world, epoch);
    return SIM_UP;
}

/* trader_connect comes back under the old UUID, or begins anew. */
static void
trader_connect(struct sim_world *world, struct trader *trader)
{
    if (sim_disk.now_ns < trader->retry_ns)
        return;
    broker_connect(&trader->broker, trader->is_known ? BROKER_RESUME : BROKER_NEW,
                   below(world, BACK_MAX), sim_disk.now_ns);
    trader->phase = TRADER_CONNECTING;
}

/* trader_closed finds out what a refusal means. */
static void
trader_closed(struct sim_world *world, struct trader *trader)
{
    const bool unknown = strstr(client_error(trader->broker.client), "Unnegotiated") != NULL;

    if (unknown && trader->is_known) {
        if (world->ack_mode == CELL_ACK_MODE_DURABLE)
            complain(world, "a session is forgotten");
        ledger_renegotiated(trader->broker.ledger);
        trader->is_known = false;
        trader->is_unsure = true;
    }
    trader->phase = TRADER_OFF;
    trader->retry_ns = sim_disk.now_ns + below(world, MS);
}

static void
trader_up(struct sim_world *world, struct trader *trader)
{
    trader->is_known = true;
    trader->phase = TRADER_UP;
    if (!trader->is_unsure)
        return;
    broker_mass_cancel(&trader->broker, sim_disk.now_ns);
    world->requests_cnt++;
    trader->phase = TRADER_CLEANING;
}

/* trader_poll does what a broker does next; idle: it sends nothing new. */
static void
trader_poll(struct sim_world *world, struct trader *trader, bool idle)
{
    struct broker *broker = &trader->broker;

    if (trader->phase == TRADER_OFF) {
        trader_connect(world, trader);
        return;
    }
    (void)broker_poll(broker, sim_disk.now_ns);
    if (client_state(broker->client) == CLIENT_CLOSED) {
        trader_closed(world, trader);
        return;
    }
    if (client_state(broker->client) != CLIENT_ESTABLISHED)
        return;
    if (trader->phase == TRADER_CONNECTING)
        trader_up(world, trader);
    if (trader->phase == TRADER_CLEANING && ledger_pending(broker->ledger) == 0) {
        ledger_settled(broker->ledger);
        trader->is_unsure = false;
        trader->phase = TRADER_UP;
    }
    if (trader->phase == TRADER_UP && !idle)
        world->requests_cnt += broker_fill(broker, world->window, SENDS_MAX, sim_disk.now_ns);
}

/* watch_space tells the engine when the disk has no room, and when it has again. */
static void
watch_space(struct sim_world *world)
{
    struct journal_writer_stats stats;
    bool low;

    journal_writer_stats_get(world->writer, &stats);
    low = stats.next_segment_error != 0;
    if (low == world->told_low)
        return;

    const union cell cell = {.journal_space = {.kind = CELL_KIND_JOURNAL_SPACE,
                                               .shape = 1,
                                               .time = sim_disk.now_ns,
                                               .low = low,
                                               .session = CELL_SESSION}};

    command(world, &cell, 1);
    world->told_low = low;
    world->low_cnt += low;
}

/* follow lets somebody write a snapshot, now and then. */
static void
follow(struct sim_world *world)
{
    const struct gateway_cfg cfg = gateway_cfg_of(world);

    if (world->follow_every != 0 && below(world, world->follow_every) == 0)
        world->snapshots_cnt += sim_follow(&cfg);
}

/* slice lets one stage work. */
static void
slice(struct sim_world *world, bool idle)
{
    switch (below(world, 8)) {
    case 0:
    case 1:
        trader_poll(world, &world->traders[below(world, BROKERS)], idle);
        break;
    case 2:
        (void)gateway_poll(world->gateway, sim_disk.now_ns);
        break;
    case 3:
        (void)sequencer_poll(&world->sequencer, sim_disk.now_ns);
        break;
    case 4:
    case 5:
        writer_poll(world);
        break;
    case 6:
        sim_disk_tick();
        witness_poll(world);
        watch_space(world);
        follow(world);
        break;
    default:
        advance(world, below(world, 60000));
        break;
    }
}

void
sim_world_run(struct sim_world *world, uint64_t slices)
{
    for (uint64_t i = 0; i < slices && sim_world_why(world)[0] == '\0'; i++)
        slice(world, false);
}

/* settled tells whether all brokers are up and have all answers. */
static bool
settled(const struct sim_world *world)
{
    for (unsigned i = 0; i < BROKERS; i++) {
        const struct trader *trader = &world->traders[i];

        if (trader->phase != TRADER_UP || ledger_pending(trader->broker.ledger) != 0)
            return false;
    }
    return true;
}

static void
settle(struct sim_world *world)
{
    for (uint64_t i = 0; i < SETTLE_MAX && sim_world_why(world)[0] == '\0'; i++) {
        if (settled(world))
            return;
        slice(world, true);
        if (i % 64 == 0)
            advance(world, MS / 2);
    }
    complain(world, "not all is answered in time");
}

void
sim_world_settle(struct sim_world *world)
{
    uint64_t match_sum = 0;

    sim_disk.calm = true;
    world->net.loss_permille = 0;
    world->net.dup_permille = 0;
    settle(world);
    for (unsigned i = 0; i < BROKERS && sim_world_why(world)[0] == '\0'; i++) {
        broker_mass_cancel(&world->traders[i].broker, sim_disk.now_ns);
        world->requests_cnt++;
    }
    settle(world);
    for (unsigned i = 0; i < BROKERS; i++)
        match_sum += ledger_stats(world->traders[i].broker.ledger)->match_sum;
    if (world->ack_mode == CELL_ACK_MODE_DURABLE && match_sum != 0)
        complain(world, "the two sides of the trades were not told the same");
}

void
sim_world_stop(struct sim_world *world)
{
    witness_poll(world);
    journal_writer_close(world->writer);
    world->writer = NULL;
    world->durable = NULL;
    witness_poll(world);
    world->must_cells = world->witness.cnt;
}
