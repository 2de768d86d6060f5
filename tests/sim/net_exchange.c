#include "tests/sim/net_exchange.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/limits.h"
#include "proto/px_qty.h"

#include "tests/engine/reload.h"
#include "tests/sim/net_wire.h"

#define IN_CELLS_MAX   1024u
#define ADMIN_CELLS    64u
#define OUT_CELLS      1024u
#define OUT_READERS    2u
#define RETRANSMIT_MAX 1024u
#define SLICES_MAX     1024u
#define PUMPS_MAX      256u
#define IMAGE_EVERY    4u
_Static_assert(SLICE_CELLS_MAX <= OUT_CELLS / 2, "a slice fits");

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

static struct gateway_cfg
gateway_cfg_of(const struct net_exchange *exchange)
{
    return (struct gateway_cfg){
        .shard = NET_SHARD,
        .sessions_max = BROKERS,
        .sessions = exchange->sessions,
        .retransmit_max = RETRANSMIT_MAX,
        .keepalive_ms = NET_KEEPALIVE_MS,
        .ports_max = 1,
        .require_context = exchange->require_context,
    };
}

/* keeper_cfg_of is what a follower has: no configuration, and more memory. */
static struct gateway_cfg
keeper_cfg_of(const struct net_exchange *exchange)
{
    static const struct gateway_session_cfg kept[BROKERS] = {
        {.name = "KEPT", .key = "-", .used = true},
        {.name = "KEPT", .key = "-", .used = true},
        {.name = "KEPT", .key = "-", .used = true},
    };
    struct gateway_cfg cfg = gateway_cfg_of(exchange);

    cfg.sessions = kept;
    cfg.retransmit_max = 2 * RETRANSMIT_MAX;
    return cfg;
}

void
net_exchange_init(struct net_exchange *exchange)
{
    static const uint32_t cells[3] = {IN_CELLS_MAX, ADMIN_CELLS, OUT_CELLS};
    struct gateway_cfg gateway_cfg, keeper_cfg;

    memset(exchange, 0, sizeof *exchange);
    exchange->engine_cfg = (struct engine_cfg){
        .shard = NET_SHARD,
        .orders_max = 512,
        .instruments_max = BROKER_INSTRUMENTS,
        .accounts_max = BROKERS,
        .groups_max = BROKERS,
        .firms_max = BROKERS,
        .sessions_max = BROKERS,
        .positions_max = 16,
        .pages_max = 256,
        .extras_max = 16,
    };
    for (unsigned i = 0; i < BROKERS; i++) {
        struct gateway_session_cfg *session = &exchange->sessions[i];

        session->used = true;
        snprintf(session->name, sizeof session->name, "BROKER%u", i);
        snprintf(session->key, sizeof session->key, "key-%u", i);
    }
    gateway_cfg = gateway_cfg_of(exchange);
    exchange->engine_mem = memory(engine_footprint(&exchange->engine_cfg));
    exchange->gateway_mem = memory(gateway_footprint(&gateway_cfg));
    keeper_cfg = keeper_cfg_of(exchange);
    exchange->keeper_mem = memory(gateway_footprint(&keeper_cfg));
    exchange->half_mem = memory(engine_footprint(&exchange->engine_cfg));
    exchange->route_mem = memory(route_footprint(BROKERS));
    exchange->log = memory(NET_LOG_MAX * sizeof *exchange->log);
    for (unsigned i = 0; i < 3; i++)
        exchange->rings[i] = memory(ring_footprint(cells[i], i == 2 ? OUT_READERS : 1));
}

void
net_exchange_fini(struct net_exchange *exchange)
{
    free(exchange->engine_mem);
    free(exchange->gateway_mem);
    free(exchange->route_mem);
    free(exchange->half_mem);
    free(exchange->keeper_mem);
    free(exchange->log);
    for (unsigned i = 0; i < 3; i++)
        free(exchange->rings[i]);
}

void
net_exchange_new(struct net_exchange *exchange, uint64_t seed, uint8_t ack_mode, struct port *port)
{
    exchange->random = seed;
    exchange->ack_mode = ack_mode;
    exchange->require_context = seed % NET_CONTEXT_EVERY == 1;
    exchange->in_cells = wire_random(&exchange->random) % 4 == 0 ? IN_CELLS_MAX / 4 : IN_CELLS_MAX;
    exchange->disconnect_ms = wire_random(&exchange->random) % 4 == 0
                                  ? 1 + (uint32_t)(wire_random(&exchange->random) % 300)
                                  : 0;
    exchange->lag_ns = 20000 + wire_random(&exchange->random) % 400000;
    exchange->jitter_ns = 1 + wire_random(&exchange->random) % 2000000;
    exchange->port = port;
    exchange->log_cnt = 0;
    exchange->run_cnt = 0;
    exchange->durable = 0;
    exchange->starts_cnt = 0;
    exchange->why[0] = '\0';
}

static void
rings_make(struct net_exchange *exchange)
{
    const uint32_t cells[3] = {exchange->in_cells, ADMIN_CELLS, OUT_CELLS};

    for (unsigned i = 0; i < 3; i++)
        ring_init(exchange->rings[i], cells[i], i == 2 ? OUT_READERS : 1);
    ring_writer_init(&exchange->in_writer, exchange->rings[0]);
    ring_reader_init(&exchange->in_reader, exchange->rings[0], 0);
    ring_writer_init(&exchange->admin_writer, exchange->rings[1]);
    ring_reader_init(&exchange->admin_reader, exchange->rings[1], 0);
    ring_writer_init(&exchange->out_writer, exchange->rings[2]);
    ring_reader_init(&exchange->out_gateway, exchange->rings[2], 0);
    ring_reader_init(&exchange->out_log, exchange->rings[2], 1);
}

static void
parts_make(struct net_exchange *exchange)
{
    const struct gateway_cfg cfg = gateway_cfg_of(exchange);

    rings_make(exchange);
    memset(exchange->engine_mem, 0, engine_footprint(&exchange->engine_cfg));
    exchange->engine = engine_init(exchange->engine_mem, &exchange->engine_cfg);
    engine_salt(exchange->engine, wire_random(&exchange->random));
    memset(exchange->gateway_mem, 0, gateway_footprint(&cfg));
    exchange->gateway = gateway_init(exchange->gateway_mem, &cfg);
    gateway_add_port(exchange->gateway, exchange->port);
    gateway_attach(exchange->gateway, &exchange->in_writer, &exchange->out_gateway,
                   exchange->ack_mode == CELL_ACK_MODE_DURABLE ? &exchange->durable : NULL);
    memset(exchange->route_mem, 0, route_footprint(BROKERS));
    exchange->route = route_init(exchange->route_mem, BROKERS);
    sequencer_init(&exchange->sequencer, exchange->engine, &exchange->out_writer,
                   BURST_COMMANDS_MAX);
    sequencer_add_in(&exchange->sequencer, &exchange->admin_reader);
    sequencer_add_in(&exchange->sequencer, &exchange->in_reader);
    exchange->durable = 0;
    exchange->batch_end = 0;
    exchange->batch_due_ns = 0;
    exchange->told_cnt = 0;
    exchange->run_cnt = exchange->log_cnt;
}

/* apply gives the command at a place of the log to an engine; returns the cells of
 * its group, 0 if they are not those of the log. */
static uint64_t
apply(const struct net_exchange *exchange, struct engine *engine, uint64_t at)
{
    static union cell out[OUT_CELLS];
    uint64_t end = at;
    enum engine_result result = ENGINE_MORE;

    for (unsigned i = 0; i < SLICES_MAX && result == ENGINE_MORE; i++) {
        struct cell_sink sink = {.cells = out, .mask = OUT_CELLS - 1};

        result =
            i == 0 ? engine_apply(engine, &exchange->log[at], &sink) : engine_resume(engine, &sink);
        if (result == ENGINE_DROPPED || sink.pos > exchange->log_cnt - end ||
            memcmp(out, &exchange->log[end], sink.pos * sizeof *out) != 0)
            return 0;
        end += sink.pos;
    }
    ASSERT(result == ENGINE_DONE);
    return end - at;
}

/* told counts what came into the log. */
static void
told(struct net_exchange *exchange)
{
    struct route_recipient recipients[ROUTE_RECIPIENTS_MAX];

    while (exchange->told_cnt < exchange->log_cnt) {
        const union cell *cells = &exchange->log[exchange->told_cnt];

        if (cell_count(cells) > exchange->log_cnt - exchange->told_cnt)
            return;
        (void)route_message(exchange->route, cells, recipients);
        exchange->told_cnt += cell_count(cells);
    }
}

/* go_on gives the log from a place on, to the first group that ends at or behind
 * another, to an engine and a gateway; returns how far it came. */
static uint64_t
go_on(struct net_exchange *exchange,
      struct engine *engine,
      struct gateway *gateway,
      uint64_t at,
      uint64_t until)
{
    while (at < until) {
        const uint64_t cnt = apply(exchange, engine, at);

        if (cnt == 0) {
            snprintf(exchange->why, sizeof exchange->why,
                     "a start makes other cells of the command at cell %" PRIu64, at);
            return at;
        }
        for (const uint64_t end = at + cnt; at < end; at += cell_count(&exchange->log[at]))
            gateway_recover(gateway, &exchange->log[at]);
    }
    return at;
}

/* images_take lets others come to some place of the log, and takes up their images;
 * returns the place. */
static uint64_t
images_take(struct net_exchange *exchange)
{
    const struct gateway_cfg cfg = keeper_cfg_of(exchange);
    const size_t engine_bytes = engine_footprint(&exchange->engine_cfg);
    struct reload_image image = {.out = {.put = reload_put}};
    struct image_in in;
    struct gateway *keeper;
    struct engine *half;
    uint64_t at;
    int rc;

    half = engine_init(memset(exchange->half_mem, 0, engine_bytes), &exchange->engine_cfg);
    keeper = gateway_init(memset(exchange->keeper_mem, 0, gateway_footprint(&cfg)), &cfg);
    at = go_on(exchange, half, keeper, 0, 1 + wire_random(&exchange->random) % exchange->log_cnt);
    gateway_save(keeper, &image.out);
    in = (struct image_in){.at = image.bytes, .left = image.cnt};
    rc = gateway_load(exchange->gateway, &in);
    ASSERT(rc == 0);
    free(image.bytes);
    exchange->engine =
        reload(half, &exchange->engine_cfg, memset(exchange->engine_mem, 0, engine_bytes),
               wire_random(&exchange->random));
    exchange->sequencer.engine = exchange->engine;
    exchange->images_cnt++;
    return at;
}

static void
replay(struct net_exchange *exchange)
{
    uint64_t at = 0;

    if (exchange->log_cnt > 0 && wire_random(&exchange->random) % IMAGE_EVERY == 0)
        at = images_take(exchange);
    if (exchange->why[0] == '\0')
        (void)go_on(exchange, exchange->engine, exchange->gateway, at, exchange->log_cnt);
    told(exchange);
}

static void
command(struct net_exchange *exchange, const union cell *cells, unsigned count)
{
    ASSERT(ring_writer_room(&exchange->admin_writer, count) >= count);
    ring_write(&exchange->admin_writer, cells, count);
    ring_publish(&exchange->admin_writer);
}

/* frame_of begins a command of the configuration. */
static union cell
frame_of(unsigned kind, unsigned shape, uint32_t id, uint64_t now_ns)
{
    union cell cell = {.words = {0}};

    cell.firm_set.kind = (uint8_t)kind;
    cell.firm_set.shape = (uint8_t)shape;
    cell.firm_set.firm = id;
    cell.firm_set.time = now_ns;
    cell.firm_set.session = CELL_SESSION;
    return cell;
}

static void
configure_broker(struct net_exchange *exchange, uint32_t id, uint64_t now_ns)
{
    union cell cells[2] = {frame_of(CELL_KIND_FIRM_SET, 1, id, now_ns), {.words = {0}}};

    snprintf(cells[0].firm_set.name, sizeof cells[0].firm_set.name, "FIRM%u", id);
    command(exchange, cells, 1);
    cells[0] = frame_of(CELL_KIND_GROUP_SET, 1, id, now_ns);
    cells[0].group_set.firm = id;
    snprintf(cells[0].group_set.name, sizeof cells[0].group_set.name, "GROUP%u", id);
    command(exchange, cells, 1);
    cells[0] = frame_of(CELL_KIND_ACCOUNT_SET, 2, id, now_ns);
    cells[0].account_set.account = id;
    snprintf(cells[0].account_set.name, sizeof cells[0].account_set.name, "ACCOUNT%u", id);
    cells[1].account_limits = (struct cell_account_limits){
        .kind = CELL_KIND_ACCOUNT_LIMITS,
        .order_qty_max = 95, /* some are refused */
        .order_value_max = INT64_MAX,
        .long_max = 2000,
        .short_max = 2000,
    };
    command(exchange, cells, 2);
    cells[0] = frame_of(CELL_KIND_SESSION_SET, 1, id, now_ns);
    cells[0].session_set.session = (uint16_t)id;
    cells[0].session_set.cancel_on_disconnect_ms = id == 0 ? exchange->disconnect_ms : 0;
    snprintf(cells[0].session_set.name, sizeof cells[0].session_set.name, "BROKER%u", id);
    command(exchange, cells, 1);
}

static void
configure(struct net_exchange *exchange, uint64_t now_ns)
{
    for (uint32_t id = 0; id < BROKERS; id++)
        configure_broker(exchange, id, now_ns);
    for (uint32_t id = 0; id < BROKER_INSTRUMENTS; id++) {
        union cell cells[2] = {frame_of(CELL_KIND_INSTRUMENT_SET, 2, id, now_ns), {.words = {0}}};

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
        command(exchange, cells, 2);
    }
}

void
net_exchange_start(struct net_exchange *exchange, uint64_t now_ns)
{
    const bool is_first = exchange->log_cnt == 0;
    union cell restart = {.restart = {
                              .kind = CELL_KIND_RESTART,
                              .shape = 1,
                              .time = now_ns,
                              .rules_version = RULES_VERSION,
                              .ack_mode = exchange->ack_mode,
                              .session = CELL_SESSION,
                          }};

    ASSERT(!exchange->up);
    parts_make(exchange);
    replay(exchange);
    if (exchange->why[0] != '\0')
        return;
    if (is_first) {
        union cell genesis;

        engine_genesis(&exchange->engine_cfg, now_ns, &genesis);
        command(exchange, &genesis, 1);
    }
    restart.restart.epoch = engine_epoch(exchange->engine) + 1;
    command(exchange, &restart, 1);
    if (is_first)
        configure(exchange, now_ns);
    exchange->up = true;
    exchange->starts_cnt++;
    /* Nobody is let in before the Restart is on disk. */
    for (unsigned i = 0; i < PUMPS_MAX && !(i > 0 && net_exchange_idle(exchange)); i++) {
        (void)sequencer_poll(&exchange->sequencer, now_ns);
        (void)net_exchange_disk(exchange, now_ns);
        if (exchange->batch_due_ns != 0)
            exchange->batch_due_ns = now_ns;
    }
}

/* cut_of returns how much of the batch under way had come to the disk: whole groups. */
static uint64_t
cut_of(struct net_exchange *exchange)
{
    const uint64_t first = exchange->run_cnt + exchange->durable;
    const uint64_t end = exchange->run_cnt + exchange->batch_end;
    uint64_t cut = first;

    if (exchange->batch_due_ns == 0)
        return first;

    const uint64_t wanted = first + wire_random(&exchange->random) % (end - first + 1);

    for (uint64_t at = first; at < wanted; at++) {
        if (cell_is_last(&exchange->log[at]))
            cut = at + 1;
    }
    return cut;
}

void
net_exchange_die(struct net_exchange *exchange)
{
    ASSERT(exchange->up);
    exchange->log_cnt = cut_of(exchange);
    exchange->up = false;
}

/* batch_begin copies what is published to the log. */
static uint64_t
batch_begin(struct net_exchange *exchange, uint64_t now_ns)
{
    const uint64_t cnt = ring_reader_available(&exchange->out_log, OUT_CELLS);

    for (uint64_t i = 0; i < cnt; i++) {
        const union cell *cell = ring_reader_cell(&exchange->out_log, i);

        ASSERT(exchange->log_cnt < NET_LOG_MAX);
        exchange->log[exchange->log_cnt++] = *cell;
        if (cell_is_last(cell))
            exchange->batch_end = exchange->out_log.pos + i + 1;
    }
    ring_reader_advance(&exchange->out_log, cnt);
    ring_reader_release(&exchange->out_log);
    told(exchange);
    if (exchange->batch_end > exchange->durable)
        exchange->batch_due_ns =
            now_ns + exchange->lag_ns + wire_random(&exchange->random) % exchange->jitter_ns;
    return cnt;
}

uint64_t
net_exchange_disk(struct net_exchange *exchange, uint64_t now_ns)
{
    uint64_t done = 0;

    if (exchange->batch_due_ns != 0 && exchange->batch_due_ns <= now_ns) {
        exchange->durable = exchange->batch_end;
        exchange->batch_due_ns = 0;
        done++;
    }
    if (exchange->batch_due_ns == 0)
        done += batch_begin(exchange, now_ns);
    return done;
}

bool
net_exchange_idle(struct net_exchange *exchange)
{
    return exchange->batch_due_ns == 0 && ring_reader_available(&exchange->in_reader, 1) == 0 &&
           ring_reader_available(&exchange->admin_reader, 1) == 0 &&
           ring_reader_available(&exchange->out_log, 1) == 0 && !exchange->sequencer.in_work;
}

bool
net_exchange_replays(struct net_exchange *exchange)
{
    void *mem = memory(engine_footprint(&exchange->engine_cfg));
    struct engine *engine = engine_init(mem, &exchange->engine_cfg);
    uint64_t at = 0;
    uint64_t cnt = 1;
    bool same;

    for (; at < exchange->log_cnt && cnt != 0; at += cnt)
        cnt = apply(exchange, engine, at);
    same = cnt != 0 && hash128_equal(engine_hash(engine), engine_hash(exchange->engine));
    free(mem);
    return same;
}
