#include "perf/rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/credentials.h"
#include "proto/fixp.h"

#define IN_CELLS      (1u << 14)
#define OUT_CELLS     (1u << 16)
#define SETUP_CELLS   256u
#define REQUEST_BYTES 160u
#define TURNS_MAX     1000u
#define PX_TICK       (PX_ONE / 100)

void *
rig_memory(size_t bytes)
{
    const size_t whole = (bytes + RING_ALIGN - 1) & ~(size_t)(RING_ALIGN - 1);
    void *mem = aligned_alloc(RING_ALIGN, whole);

    ASSERT(bytes > 0);
    ASSERT(mem != NULL);
    memset(mem, 0, whole);
    return mem;
}

void
rig_name(char name[16], unsigned session)
{
    snprintf(name, 16, "WIRE%u", session);
}

static void
put(struct ring_writer *setup, const union cell *cells, unsigned count)
{
    ASSERT(ring_writer_room(setup, count) >= count);
    ring_write(setup, cells, count);
    ring_publish(setup);
}

/* put_account enters all that session i needs. */
static void
put_account(struct ring_writer *setup, uint16_t i, uint64_t now_ns)
{
    union cell cells[2] = {0};

    cells[0].firm_set = (struct cell_firm_set){
        .kind = CELL_KIND_FIRM_SET, .shape = 1, .firm = i, .time = now_ns, .session = CELL_SESSION};
    snprintf(cells[0].firm_set.name, sizeof cells[0].firm_set.name, "F%u", i);
    put(setup, cells, 1);
    cells[0].group_set = (struct cell_group_set){.kind = CELL_KIND_GROUP_SET,
                                                 .shape = 1,
                                                 .group = i,
                                                 .firm = i,
                                                 .time = now_ns,
                                                 .session = CELL_SESSION};
    snprintf(cells[0].group_set.name, sizeof cells[0].group_set.name, "G%u", i);
    put(setup, cells, 1);
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
    put(setup, cells, 2);
    memset(cells, 0, sizeof cells);
    cells[0].session_set = (struct cell_session_set){
        .kind = CELL_KIND_SESSION_SET, .shape = 1, .firm = i, .time = now_ns, .session = i};
    rig_name(cells[0].session_set.name, i);
    put(setup, cells, 1);
}

static void
put_instrument(struct ring_writer *setup, uint16_t i, uint64_t now_ns)
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
    put(setup, cells, 2);
}

void
rig_configure(struct ring_writer *setup,
              const struct engine_cfg *cfg,
              enum cell_ack_mode ack_mode,
              uint64_t now_ns)
{
    union cell cell = {0};

    engine_genesis(cfg, now_ns, &cell);
    put(setup, &cell, 1);
    memset(&cell, 0, sizeof cell);
    cell.restart = (struct cell_restart){
        .kind = CELL_KIND_RESTART,
        .shape = 1,
        .epoch = 1,
        .time = now_ns,
        .rules_version = RULES_VERSION,
        .ack_mode = (uint8_t)ack_mode,
        .session = CELL_SESSION,
    };
    put(setup, &cell, 1);
    for (uint16_t i = 0; i < cfg->sessions_max; i++)
        put_account(setup, i, now_ns);
    for (uint16_t i = 0; i < cfg->instruments_max; i++)
        put_instrument(setup, i, now_ns);
}

static int
rx(struct port *port, struct datagram *datagrams, int max)
{
    struct rig *rig = (struct rig *)(void *)port;

    if (UNLIKELY(rig->request != NULL)) {
        datagrams[0] = (struct datagram){.data = rig->request,
                                         .len = (uint32_t)rig->request_len,
                                         .peer = rig->request_peer,
                                         .udp_port = RIG_UDP_PORT};
        rig->request = NULL;
        return 1;
    }
    return rig->cfg.rx != NULL ? rig->cfg.rx(rig, datagrams, max) : 0;
}

static uint8_t *
tx_claim(struct port *port, const struct peer *peer)
{
    (void)peer;
    return ((struct rig *)(void *)port)->buf;
}

static void
tx_push(struct port *port, size_t len)
{
    struct rig *rig = (struct rig *)(void *)port;

    if (len > 0)
        rig->answer = ((const struct fixp_header *)rig->buf)->template_id;
    if (rig->cfg.tx != NULL)
        rig->cfg.tx(rig, rig->buf, len);
}

static void
nothing(struct port *port)
{
    (void)port;
}

static void
source(struct port *port, uint16_t udp_port)
{
    (void)port;
    (void)udp_port;
}

static bool
ready(struct port *port)
{
    (void)port;
    return true;
}

void
rig_open(struct rig *rig, const struct rig_cfg *cfg, uint64_t now_ns)
{
    static const struct port_ops ops = {
        .rx = rx,
        .tx_claim = tx_claim,
        .tx_push = tx_push,
        .tx_flush = nothing,
        .source = source,
        .ready = ready,
        .close = nothing,
    };
    const struct gateway_cfg gateway_cfg = {
        .sessions_max = (uint16_t)cfg->engine.sessions_max,
        .sessions = rig->logins,
        .retransmit_max = cfg->retransmit_max,
        .keepalive_ms = KEEPALIVE_MS_MAX,
        .ports_max = 1,
        .require_context = cfg->require_context,
    };
    ASSERT(cfg->engine.sessions_max <= RIG_SESSIONS_MAX);
    for (unsigned i = 0; i < cfg->engine.sessions_max; i++) {
        rig->logins[i] = (struct gateway_session_cfg){.key = RIG_KEY, .used = true};
        rig_name(rig->logins[i].name, i);
    }

    void *const rooms[] = {
        rig_memory(ring_footprint(SETUP_CELLS, 1)), rig_memory(ring_footprint(IN_CELLS, 1)),
        rig_memory(ring_footprint(OUT_CELLS, 1)), rig_memory(engine_footprint(&cfg->engine)),
        rig_memory(gateway_footprint(&gateway_cfg))};

    rig->cfg = *cfg;
    memcpy(rig->rooms, rooms, sizeof rooms);
    rig->port.ops = &ops;
    ring_writer_init(&rig->setup, ring_init(rooms[0], SETUP_CELLS, 1));
    ring_reader_init(&rig->setup_reader, rooms[0], 0);
    ring_writer_init(&rig->in, ring_init(rooms[1], IN_CELLS, 1));
    ring_reader_init(&rig->in_reader, rooms[1], 0);
    ring_writer_init(&rig->out, ring_init(rooms[2], OUT_CELLS, 1));
    ring_reader_init(&rig->out_reader, rooms[2], 0);
    sequencer_init(&rig->sequencer, engine_init(rooms[3], &cfg->engine), &rig->out,
                   BURST_COMMANDS_MAX);
    sequencer_add_in(&rig->sequencer, &rig->setup_reader);
    sequencer_add_in(&rig->sequencer, &rig->in_reader);
    rig->gateway = gateway_init(rooms[4], &gateway_cfg);
    gateway_add_port(rig->gateway, &rig->port);
    gateway_attach(rig->gateway, &rig->in, &rig->out_reader, NULL);
    rig_configure(&rig->setup, &cfg->engine, CELL_ACK_MODE_MEMORY, now_ns);
}

void
rig_close(struct rig *rig)
{
    for (unsigned i = 0; i < ARRAY_LEN(rig->rooms); i++)
        free(rig->rooms[i]);
}

struct peer
rig_peer(unsigned session)
{
    return (struct peer){.ip = 0x0a000002, .udp_port = (uint16_t)(50000u + session)};
}

void
rig_uuid(uint8_t uuid[16], unsigned session)
{
    memset(uuid, 0x44, 16);
    uuid[8] = 0x84;
    uuid[15] = (uint8_t)session;
}

size_t
rig_sign(uint8_t *buf, size_t len, unsigned session)
{
    const uint16_t bytes = sizeof(struct credentials);
    struct credentials credentials;
    char name[16];

    rig_name(name, session);
    credentials_sign(&credentials, name, RIG_KEY, buf, credentials_message(buf, len));
    memcpy(buf + len - sizeof bytes, &bytes, sizeof bytes);
    memcpy(buf + len, &credentials, sizeof credentials);
    return len + sizeof credentials;
}

/* ask sends a request and waits for the template that answers it. */
static bool
ask(struct rig *rig,
    unsigned session,
    const uint8_t *buf,
    size_t len,
    unsigned answer,
    uint64_t now_ns)
{
    rig->answer = 0;
    rig->request_len = len;
    rig->request = buf;
    rig->request_peer = rig_peer(session);
    for (unsigned i = 0; i < TURNS_MAX && rig->answer != answer; i++)
        rig_turn(rig, now_ns);
    return rig->answer == answer;
}

bool
rig_log_in(struct rig *rig, unsigned session, uint64_t now_ns)
{
    struct fixp_negotiate negotiate = {.timestamp = now_ns,
                                       .client_flow = FIXP_FLOW_TYPE_IDEMPOTENT};
    struct fixp_establish establish = {.timestamp = now_ns + 1,
                                       .keepalive_interval = KEEPALIVE_MS_MAX,
                                       .next_seq_no = FIXP_ESTABLISH_NEXT_SEQ_NO_NULL};
    uint8_t buf[REQUEST_BYTES];
    uint8_t uuid[16];
    size_t len;

    rig_uuid(uuid, session);
    memcpy(negotiate.session_id, uuid, sizeof uuid);
    memcpy(establish.session_id, uuid, sizeof uuid);
    len = fixp_negotiate_encode(buf, sizeof buf, &negotiate, NULL, 0);
    if (!ask(rig, session, buf, rig_sign(buf, len, session), FIXP_NEGOTIATION_RESPONSE_ID, now_ns))
        return false;
    len = fixp_establish_encode(buf, sizeof buf, &establish, NULL, 0);
    return ask(rig, session, buf, rig_sign(buf, len, session), FIXP_ESTABLISHMENT_ACK_ID, now_ns);
}
