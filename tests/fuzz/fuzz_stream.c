/*
 * Goal: whatever comes over connections, in whatever pieces, the gateway goes on; it
 * says nothing that is not well formed, every report of a flow once and with its own
 * number, and the same bytes for a number whenever it is told. A session that is not at
 * these connections is not touched.
 *
 * Method: the rig, with a second port of ours at its gateway: the server's side of
 * kernel TCP without the kernel, which cuts what comes by gateway/sofh.h and ends a
 * connection at a bad frame. The input is steps over four connections; sessions 0 (the
 * first two) and 2 log in over them, with credentials that are made here. Session 1
 * is a client of the rig's own.
 *
 * Input: steps, each: op, control, length, bytes.
 *   op       what happens; see enum op
 *   control  bits 0..1 the connection; one that has ended is opened anew
 *            bits 2..3 time passes: 0.1, 1, 100 or 600 ms
 *            bits 4..7 what is sent is cut into pieces of so many bytes, 0: whole
 */
#include <stdint.h>
#include <string.h>

#include "gateway/sofh.h"
#include "proto/fixp.h"
#include "proto/orders.h"

#include "tests/gateway/rig.h"

#define STEPS_MAX  64u
#define CONNS      4u
#define FRAMES_MAX 1024u
#define FLOWS_MAX  64u
#define NUMBERS    256u /* of a flow, whose reports are remembered */
#define PX         10000000000ll
#define UUID_OFF   8u /* behind the header, where session messages have it */
#define STREAM_IP  0x7f000001u

/* What a step does with its bytes. */
enum op {
    OP_RAW,       /* they are sent */
    OP_FRAME,     /* in a frame */
    OP_OURS,      /* in a frame, with the UUID of the session */
    OP_NEGOTIATE, /* a new UUID, with credentials */
    OP_ESTABLISH, /* the last one, with credentials */
    OP_ORDERS,    /* so many good orders as there are bytes; the lowest bit is the side */
    OP_SEQUENCE,  /* Sequence with the right number, and so many behind it */
    OP_AGAIN,     /* reports are asked for again: from, count */
    OP_FINISH,    /* FinishedSending with the right number */
    OP_FINISHED,  /* FinishedReceiving */
    OP_LEAVE,     /* Terminate */
    OP_CLOSE,     /* the client ends the connection */
    OP_FULL,      /* the port has room no more, or again */
    OP_DISK,      /* the disk is stuck, or goes on */
    OP_RESTART,   /* the exchange starts anew, without what the disk did not get */
    OP_RECEIPTS,  /* receipts are asked for */
    OPS
};

/* What was told of one UUID. */
struct flow {
    uint8_t uuid[16];
    uint16_t session;
    uint64_t next_no;       /* behind the highest that was told live */
    uint32_t sums[NUMBERS]; /* 0: not told */
};

struct conn {
    bool open;
    uint16_t tcp_port;
    struct framer framer;
    struct flow *flow; /* NULL: not established */
    bool missed;       /* an answer that found no room: what follows is not followed */
    uint64_t no;       /* of the next report, if none says another */
    uint32_t again;    /* reports of a Retransmission that are to come */
};

struct frame_sent {
    uint32_t conn;
    uint32_t len;
    uint16_t tcp_port;
    bool lost;
    uint8_t bytes[FRAME_PAYLOAD_MAX];
};

struct world {
    struct port port; /* first */
    struct rig *rig;
    struct conn conns[CONNS];
    uint16_t ports_cnt;
    uint32_t head, tail; /* of frames on their way to the server */
    struct frame_sent frames[FRAMES_MAX];
    uint32_t flows_cnt;
    struct flow flows[FLOWS_MAX];
    uint32_t claimed; /* CONNS: none */
    uint8_t tx[DATAGRAM_BYTES_MAX];
    uint64_t stamp; /* of requests: each is newer */
    uint64_t clord;
    bool full;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline struct world *
world_of(struct port *port)
{
    return (struct world *)(void *)port;
}

static struct conn *
conn_of(struct world *world, const struct peer *peer)
{
    for (unsigned i = 0; i < CONNS; i++) {
        if (peer->ip == STREAM_IP && world->conns[i].tcp_port == peer->udp_port)
            return &world->conns[i];
    }
    return NULL;
}

static void
frame_add(struct world *world, const struct conn *conn, const uint8_t *bytes, size_t len, bool lost)
{
    struct frame_sent *frame = &world->frames[world->tail % FRAMES_MAX];

    ASSERT(world->tail - world->head < FRAMES_MAX);
    ASSERT(len <= sizeof frame->bytes);
    world->tail++;
    frame->conn = (uint32_t)(conn - world->conns);
    frame->tcp_port = conn->tcp_port;
    frame->len = (uint32_t)len;
    frame->lost = lost;
    if (len > 0)
        memcpy(frame->bytes, bytes, len);
}

/* conn_end ends a connection; the server hears of it once, behind all that came. */
static void
conn_end(struct world *world, struct conn *conn)
{
    if (!conn->open)
        return;
    conn->open = false;
    conn->flow = NULL;
    frame_add(world, conn, NULL, 0, true);
}

static int
stream_rx(struct port *port, struct datagram *datagrams, int max)
{
    struct world *world = world_of(port);
    int cnt = 0;

    for (; cnt < max && world->head != world->tail; cnt++) {
        const struct frame_sent *frame = &world->frames[world->head++ % FRAMES_MAX];

        datagrams[cnt] = (struct datagram){.data = frame->bytes,
                                           .len = frame->len,
                                           .peer = {.ip = STREAM_IP, .udp_port = frame->tcp_port},
                                           .lost = frame->lost};
    }
    return cnt;
}

static uint8_t *
stream_claim(struct port *port, const struct peer *peer)
{
    struct world *world = world_of(port);
    struct conn *conn = conn_of(world, peer);

    ASSERT(world->claimed == CONNS);
    if (conn == NULL || !conn->open)
        return NULL;
    if (world->full) {
        conn->missed = conn->missed || conn->flow == NULL;
        return NULL;
    }
    world->claimed = (uint32_t)(conn - world->conns);
    return world->tx;
}

static struct flow *
flow_of(struct world *world, const uint8_t *uuid)
{
    for (uint32_t i = 0; i < world->flows_cnt; i++) {
        if (memcmp(world->flows[i].uuid, uuid, sizeof world->flows[i].uuid) == 0)
            return &world->flows[i];
    }
    return NULL;
}

/* see_report: a live one is the next, and a number has one report for ever. */
static void
see_report(struct conn *conn, const uint8_t *buf, size_t len)
{
    struct flow *flow = conn->flow;
    uint32_t sum = 1;

    if (flow == NULL && conn->missed)
        return;
    ASSERT(flow != NULL);
    for (size_t i = 0; i < len; i++)
        sum = sum * 31 + buf[i];
    if (conn->again > 0)
        conn->again--;
    else
        ASSERT(conn->no == flow->next_no++);
    ASSERT(conn->no >= 1);
    if (conn->no < NUMBERS) {
        uint32_t *told = &flow->sums[conn->no];

        ASSERT(*told == 0 || *told == sum);
        *told = sum;
    }
    conn->no++;
}

/* see_ack: a flow is counted on from where it was, or from further on. */
static void
see_ack(struct world *world, struct conn *conn, const struct fixp_establishment_ack *msg)
{
    struct flow *flow;

    ASSERT(msg != NULL);
    flow = flow_of(world, msg->session_id);
    ASSERT(flow != NULL);
    ASSERT(msg->next_seq_no >= flow->next_no);
    conn->flow = flow;
    conn->no = flow->next_no = msg->next_seq_no;
    conn->again = 0;
    conn->missed = false;
}

static void
see_session(struct world *world, struct conn *conn, const uint8_t *buf, size_t len)
{
    const unsigned id = ((const struct fixp_header *)buf)->template_id;
    const struct fixp_retransmission *again;

    if (conn->flow == NULL && conn->missed && id != FIXP_ESTABLISHMENT_ACK_ID)
        return;
    switch (id) {
    case FIXP_ESTABLISHMENT_ACK_ID:
        see_ack(world, conn, fixp_establishment_ack_view(buf, len));
        return;
    case FIXP_SEQUENCE_ID:
        ASSERT(conn->flow != NULL);
        ASSERT(conn->again == 0);
        ASSERT(fixp_sequence_view(buf, len)->next_seq_no == conn->flow->next_no);
        conn->no = conn->flow->next_no;
        return;
    case FIXP_RETRANSMISSION_ID:
        again = fixp_retransmission_view(buf, len);
        ASSERT(again != NULL && conn->flow != NULL);
        ASSERT(flow_of(world, again->session_id) == conn->flow);
        ASSERT(conn->again == 0 && again->count >= 1);
        conn->no = again->next_seq_no;
        conn->again = again->count;
        return;
    case FIXP_NOT_APPLIED_ID:
    case FIXP_APPLIED_ID:
        see_report(conn, buf, len);
        return;
    case FIXP_NEGOTIATION_RESPONSE_ID:
        ASSERT(flow_of(world, fixp_negotiation_response_view(buf, len)->session_id) != NULL);
        return;
    case FIXP_NEGOTIATION_REJECT_ID:
    case FIXP_ESTABLISHMENT_REJECT_ID:
        return;
    case FIXP_RETRANSMIT_REJECT_ID:
    case FIXP_TERMINATE_ID:
    case FIXP_FINISHED_SENDING_ID:
    case FIXP_FINISHED_RECEIVING_ID:
        ASSERT(conn->flow != NULL);
        return;
    default:
        UNREACHABLE("an exchange does not say that");
    }
}

static void
stream_push(struct port *port, size_t len)
{
    struct world *world = world_of(port);
    struct conn *conn = &world->conns[world->claimed];

    ASSERT(world->claimed < CONNS);
    ASSERT(len <= DATAGRAM_BYTES_MAX);
    world->claimed = CONNS;
    for (size_t off = 0, bytes; off < len; off += bytes) {
        const uint8_t *at = world->tx + off;

        bytes = oe_message_length(at, len - off);
        if (bytes == 0) {
            bytes = fixp_message_length(at, len - off);
            ASSERT(bytes != 0);
            see_session(world, conn, at, bytes);
        } else if (((const struct oe_header *)at)->template_id != OE_LATENCY_RECEIPT_ID) {
            see_report(conn, at, bytes);
        }
    }
    ASSERT(conn->again == 0);
}

static void
stream_flush(struct port *port)
{
    (void)port;
}

static bool
stream_ready(struct port *port)
{
    (void)port;
    return true;
}

/* stream_drop: of what came over it nothing but its end is received. */
static void
stream_drop(struct port *port, const struct peer *peer)
{
    struct world *world = world_of(port);
    struct conn *conn = conn_of(world, peer);
    uint32_t to = world->head;

    if (conn == NULL || !conn->open)
        return;
    for (uint32_t i = world->head; i != world->tail; i++) {
        if (world->frames[i % FRAMES_MAX].tcp_port != conn->tcp_port)
            world->frames[to++ % FRAMES_MAX] = world->frames[i % FRAMES_MAX];
    }
    world->tail = to;
    conn_end(world, conn);
}

static void
conn_open(struct world *world, struct conn *conn)
{
    conn->open = true;
    conn->tcp_port = (uint16_t)(1000 + world->ports_cnt++);
    conn->flow = NULL;
    conn->missed = false;
    conn->again = 0;
    conn->framer.have = 0;
    conn->framer.want = 0;
}

/* conn_send sends bytes in pieces, as the kernel may give them, each in memory that
 * ends where the piece does. */
static void
conn_send(struct world *world, struct conn *conn, size_t piece, const uint8_t *bytes, size_t len)
{
    for (size_t off = 0, cnt; off < len && conn->open; off += cnt) {
        struct frame_piece at = {.at = bytes + off};
        struct frame frame;
        enum frame_verdict verdict;

        cnt = piece == 0 || piece > len - off ? len - off : piece;
        at.left = cnt;
        while ((verdict = frame_next(&conn->framer, FRAMING_SOFH, &at, &frame)) == FRAME_WHOLE)
            frame_add(world, conn, frame.payload, frame.len, false);
        if (verdict == FRAME_BAD)
            conn_end(world, conn);
    }
}

/* Where a step is. */
struct at {
    struct world *world;
    struct conn *conn;
    uint16_t session;
    struct flow *flow; /* the last of the session, or NULL */
    size_t piece;
};

/* say sends one message in a frame. */
static void
say(const struct at *at, const uint8_t *msg, size_t len)
{
    uint8_t buf[FRAME_BYTES_MAX];

    ASSERT(len > 0 && len <= FRAME_PAYLOAD_MAX);
    sofh_put(buf, len);
    memcpy(buf + SOFH_BYTES, msg, len);
    conn_send(at->world, at->conn, at->piece, buf, SOFH_BYTES + len);
}

static void
say_orders(const struct at *at, const uint8_t *bytes, size_t cnt)
{
    struct oe_new_order_single msg;
    uint8_t buf[128];

    for (size_t i = 0; i < cnt && i < 16; i++) {
        client_order_new(&msg);
        msg.cl_ord_id = ++at->world->clord;
        msg.price = PX;
        msg.order_qty = 1 + (bytes[i] >> 1);
        msg.account = at->session;
        msg.side = (bytes[i] & 1) != 0 ? OE_SIDE_SELL : OE_SIDE_BUY;
        say(at, buf, oe_new_order_single_encode(buf, sizeof buf, &msg));
    }
}

static void
say_negotiate(const struct at *at)
{
    struct world *world = at->world;
    struct fixp_negotiate msg = {.timestamp = ++world->stamp,
                                 .client_flow = FIXP_FLOW_TYPE_IDEMPOTENT};
    uint8_t buf[256];

    if (world->flows_cnt == FLOWS_MAX)
        return;

    struct flow *flow = &world->flows[world->flows_cnt++];

    memset(flow, 0, sizeof *flow);
    flow->session = at->session;
    flow->next_no = 1;
    flow->uuid[0] = (uint8_t)world->flows_cnt;
    flow->uuid[6] = 0x40;
    flow->uuid[8] = 0x80;
    memcpy(msg.session_id, flow->uuid, sizeof msg.session_id);
    say(at, buf,
        rig_sign(world->rig, at->session, buf,
                 fixp_negotiate_encode(buf, sizeof buf, &msg, NULL, 0)));
}

static void
say_establish(const struct at *at)
{
    struct fixp_establish msg = {.timestamp = ++at->world->stamp,
                                 .keepalive_interval = RIG_KEEPALIVE_MS,
                                 .next_seq_no = UINT64_MAX};
    uint8_t buf[256];

    if (at->flow == NULL)
        return;
    memcpy(msg.session_id, at->flow->uuid, sizeof msg.session_id);
    say(at, buf,
        rig_sign(at->world->rig, at->session, buf,
                 fixp_establish_encode(buf, sizeof buf, &msg, NULL, 0)));
}

static uint64_t
next_in_no(const struct at *at)
{
    struct engine_session session;

    engine_session_get(at->world->rig->engine, at->session, &session);
    return session.next_in_no;
}

/* say_session says a message of an established session. */
static void
say_session(const struct at *at, enum op op, const uint8_t *bytes, size_t len)
{
    const struct fixp_sequence sequence = {.next_seq_no = next_in_no(at) + len};
    struct fixp_retransmit_request again = {.timestamp = ++at->world->stamp,
                                            .from_seq_no = len > 0 ? bytes[0] : 1,
                                            .count = len > 1 ? bytes[1] : 1};
    struct fixp_finished_sending sending = {.last_seq_no = next_in_no(at) - 1};
    struct fixp_finished_receiving receiving = {.session_id = {0}};
    struct fixp_terminate terminate = {.code = FIXP_TERMINATION_CODE_FINISHED};
    struct oe_latency_receipt_request receipts = {.latency_receipts = OE_LATENCY_RECEIPTS_ON};
    uint8_t buf[128];
    size_t cnt = 0;

    if (op == OP_SEQUENCE)
        cnt = fixp_sequence_encode(buf, sizeof buf, &sequence);
    else if (op == OP_RECEIPTS)
        cnt = oe_latency_receipt_request_encode(buf, sizeof buf, &receipts);
    else if (op == OP_AGAIN)
        cnt = fixp_retransmit_request_encode(buf, sizeof buf, &again);
    else if (op == OP_FINISH)
        cnt = fixp_finished_sending_encode(buf, sizeof buf, &sending);
    else if (op == OP_FINISHED)
        cnt = fixp_finished_receiving_encode(buf, sizeof buf, &receiving);
    else
        cnt = fixp_terminate_encode(buf, sizeof buf, &terminate, NULL, 0);
    if (at->flow != NULL && op != OP_SEQUENCE)
        memcpy(buf + UUID_OFF, at->flow->uuid, sizeof at->flow->uuid);
    say(at, buf, cnt);
}

/* restart ends the exchange and its connections. */
static void
restart(struct world *world, bool lossy)
{
    for (unsigned i = 0; i < CONNS; i++) {
        world->conns[i].open = false;
        world->conns[i].flow = NULL;
    }
    world->head = world->tail;
    rig_restart(world->rig, lossy ? CELL_ACK_MODE_MEMORY : CELL_ACK_MODE_DURABLE);
    world->rig->hold_durable = false;
    gateway_add_port(world->rig->gateway, &world->port);
}

static void
step(const struct at *at, enum op op, const uint8_t *bytes, size_t len)
{
    struct world *world = at->world;
    uint8_t buf[256];

    switch (op) {
    case OP_RAW:
        conn_send(world, at->conn, at->piece, bytes, len);
        break;
    case OP_FRAME:
    case OP_OURS:
        if (len == 0)
            break;
        memcpy(buf, bytes, len);
        if (op == OP_OURS && at->flow != NULL && len >= UUID_OFF + sizeof at->flow->uuid)
            memcpy(buf + UUID_OFF, at->flow->uuid, sizeof at->flow->uuid);
        say(at, buf, len);
        break;
    case OP_NEGOTIATE:
        say_negotiate(at);
        break;
    case OP_ESTABLISH:
        say_establish(at);
        break;
    case OP_ORDERS:
        say_orders(at, bytes, len);
        break;
    case OP_CLOSE:
        conn_end(world, at->conn);
        break;
    case OP_FULL:
        world->full = !world->full;
        break;
    case OP_DISK:
        world->rig->hold_durable = !world->rig->hold_durable;
        break;
    case OP_RESTART:
        restart(world, len % 2 == 1);
        break;
    case OP_SEQUENCE:
    case OP_AGAIN:
    case OP_FINISH:
    case OP_FINISHED:
    case OP_LEAVE:
    case OP_RECEIPTS:
        say_session(at, op, bytes, len);
        break;
    case OPS:
    default:
        UNREACHABLE("no such op");
    }
}

/* steps_take lets the input happen. */
static void
steps_take(struct world *world, const uint8_t *data, size_t size)
{
    static const uint64_t steps_ns[] = {RIG_MS / 10, RIG_MS, 100 * RIG_MS, 600 * RIG_MS};
    size_t off = 0;

    for (unsigned i = 0; i < STEPS_MAX && off + 3 <= size; i++) {
        const unsigned control = data[off + 1];
        const size_t len = data[off + 2] < size - off - 3 ? data[off + 2] : size - off - 3;
        struct at at = {
            .world = world,
            .conn = &world->conns[control & 3],
            .session = (control & 2) != 0 ? 2 : 0,
            .piece = control >> 4,
        };

        for (uint32_t k = 0; k < world->flows_cnt; k++) {
            if (world->flows[k].session == at.session)
                at.flow = &world->flows[k];
        }
        if (!at.conn->open)
            conn_open(world, at.conn);
        step(&at, data[off] % OPS, data + off + 3, len);
        rig_step(world->rig, steps_ns[control >> 2 & 3]);
        off += 3 + len;
    }
}

/* check_applied: of one UUID, no number of a client was applied twice. */
static void
check_applied(const struct rig *rig, uint16_t session)
{
    uint64_t last = 0;

    for (uint64_t i = 0; i < rig->log_cnt; i += cell_count(&rig->log[i])) {
        const union cell *cell = &rig->log[i];

        if (cell_kind(cell) == CELL_KIND_SESSION_NEGOTIATE &&
            cell->session_negotiate.session == session &&
            cell->session_negotiate.outcome == OE_REJECT_REASON_NONE)
            last = 0;
        if (cell_kind(cell) != CELL_KIND_ORDER_NEW || cell->order_new.session != session)
            continue;
        ASSERT(cell->order_new.in_no > last);
        last = cell->order_new.in_no;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct port_ops ops = {
        .rx = stream_rx,
        .tx_claim = stream_claim,
        .tx_push = stream_push,
        .tx_flush = stream_flush,
        .ready = stream_ready,
        .drop = stream_drop,
        .close = stream_flush,
    };
    static struct world world;
    struct rig_client *other;

    world.port = (struct port){.ops = &ops, .stream = true};
    memset(world.conns, 0, sizeof world.conns);
    world.ports_cnt = 0;
    world.head = world.tail = 0;
    world.flows_cnt = 0;
    world.claimed = CONNS;
    world.stamp = RIG_START_NS;
    world.clord = 0;
    world.full = false;
    world.rig = rig_new_stream(1);
    gateway_add_port(world.rig->gateway, &world.port);
    rig_connect(world.rig, 1, 1);
    ASSERT(client_state(world.rig->clients[1].client) == CLIENT_ESTABLISHED);
    steps_take(&world, data, size);
    world.full = false;
    world.rig->hold_durable = false;
    rig_wait(world.rig, 5);
    engine_check(world.rig->engine);
    check_applied(world.rig, 0);
    check_applied(world.rig, 2);

    /* The other is let in again, if long steps have cost it its session, and trades. */
    other = rig_connect(world.rig, 1, 1);
    ASSERT(client_state(other->client) == CLIENT_ESTABLISHED);
    ASSERT(rig_order(world.rig, other, 1, false, PX) == 1);
    rig_run(world.rig, 2);
    ASSERT(other->reports_cnt >= 1);
    rig_free(world.rig);
    return 0;
}
