/*
 * Goal: whatever a server says, and whoever else, in whatever order, the client goes on
 * or closes; it tells its caller reports one by one and in order, says nothing that is
 * not well formed, and no more than it was asked for.
 *
 * Method: a client on a port of ours. The input is a sequence of steps, each
 *
 *   op    what happens, the low 4 bits; see enum op
 *   bits  4..5 time: 0, 1, 30, 600 ms pass before it (0xf0: the clock goes back by 40)
 *   len   of the bytes that follow, at most 255
 *
 * After each step the promises of gateway/client.h are asserted.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "gateway/client_state.h"
#include "proto/base.h"
#include "proto/fixp.h"
#include "proto/orders.h"

#define STEPS_MAX    200u
#define START_NS     1700000000000000000ull
#define MS           1000000ull
#define KEEPALIVE_MS 500u
#define SESSION_OFF  8u /* of SessionId, behind the header */
#define TIME_OFF     24u
#define SAID_MAX     4u /* datagrams that one datagram may make it send */

/* What a step does with its bytes. */
enum op {
    OP_RAW,      /* the server sends them */
    OP_OURS,     /* with the session's UUID where session messages have it */
    OP_ANSWER,   /* and the time of the last request where answers have it */
    OP_RIGHT,    /* the server answers the last request as it should; the first byte is the
                  * number of its next report, counted from the next */
    OP_NEXT,     /* behind a Sequence with the number of the next report */
    OP_AHEAD,    /* likewise, ahead by the first byte */
    OP_AGAIN,    /* behind a Retransmission with the number of the next report */
    OP_STRANGER, /* somebody else sends them, with the UUID */
    OP_SEND,     /* the caller sends them */
    OP_REST,     /* the caller flushes and polls */
    OP_LEAVE,    /* the caller terminates, or finishes if the first byte is odd */
    OP_RESUME,   /* the caller comes back with its numbers; so also if the op is above */
    OP_FULL,     /* the port has room no more, or again */
    OPS
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct peer server = {.ip = 0x0a000001, .udp_port = 9000};
static const uint8_t uuid[16] = {1, 2, 3, 4, 5, 6, 0x47, 8, 0x89, 10, 11, 12, 13, 14, 15, 16};

/* The port, and what was seen at it. */
struct world {
    struct port port; /* first */
    struct client *client;
    uint64_t now_ns;
    uint64_t next_no;        /* that client_send gives */
    uint64_t next_report_no; /* that on_report is told */
    uint64_t request_ns;     /* of the last request that was seen */
    unsigned request_id;     /* its template, 0: none */
    unsigned said_cnt;       /* datagrams of this step */
    bool full;
    bool claimed;
    uint8_t tx[DATAGRAM_BYTES_MAX];
};

static uint8_t *
tx_claim(struct port *port, const struct peer *peer)
{
    struct world *world = (struct world *)(void *)port;

    ASSERT(peer_equal(peer, &server));
    ASSERT(!world->claimed);
    if (world->full)
        return NULL;
    world->claimed = true;
    return world->tx;
}

/* see_ask: what is asked for is missing, and no more than is served. */
static void
see_ask(const struct world *world, const struct fixp_retransmit_request *msg)
{
    ASSERT(msg != NULL);
    ASSERT(msg->from_seq_no == client_next_report_no(world->client));
    ASSERT(msg->count >= 1);
    ASSERT(msg->count <= CLIENT_ASK_MAX);
    ASSERT(msg->count <= client_missing(world->client));
}

static void
see_session(struct world *world, unsigned template_id, const uint8_t *buf, size_t len)
{
    switch (template_id) {
    case FIXP_NEGOTIATE_ID:
        ASSERT(fixp_negotiate_view(buf, len) != NULL);
        world->request_ns = fixp_negotiate_view(buf, len)->timestamp;
        world->request_id = template_id;
        return;
    case FIXP_ESTABLISH_ID:
        ASSERT(fixp_establish_view(buf, len) != NULL);
        world->request_ns = fixp_establish_view(buf, len)->timestamp;
        world->request_id = template_id;
        return;
    case FIXP_TERMINATE_ID:
        ASSERT(fixp_terminate_view(buf, len) != NULL);
        world->request_id = template_id;
        return;
    case FIXP_SEQUENCE_ID:
        ASSERT(fixp_sequence_view(buf, len) != NULL);
        ASSERT(fixp_sequence_view(buf, len)->next_seq_no <= client_next_no(world->client));
        return;
    case FIXP_RETRANSMIT_REQUEST_ID:
        see_ask(world, fixp_retransmit_request_view(buf, len));
        return;
    case FIXP_FINISHED_SENDING_ID:
        ASSERT(fixp_finished_sending_view(buf, len) != NULL);
        ASSERT(fixp_finished_sending_view(buf, len)->last_seq_no + 1 ==
               client_next_no(world->client));
        world->request_id = template_id;
        return;
    case FIXP_FINISHED_RECEIVING_ID:
        ASSERT(fixp_finished_receiving_view(buf, len) != NULL);
        ASSERT(world->client->end_report_no != 0);
        ASSERT(world->client->end_report_no <= client_next_report_no(world->client));
        world->request_id = template_id;
        return;
    default:
        UNREACHABLE("a client does not say that");
    }
}

/* ends_well tells whether what follows a FinishedReceiving is a Terminate. */
static bool
ends_well(const struct fixp_header *hdr, const uint8_t *behind, size_t len)
{
    return hdr->template_id == FIXP_FINISHED_RECEIVING_ID &&
           fixp_terminate_view(behind, len) != NULL && fixp_message_length(behind, len) == len;
}

/* tx_push sees that a datagram begins with a session message, and what that is. What
 * follows a Sequence are the caller's own bytes. A request for receipts stands alone. */
static void
tx_push(struct port *port, size_t len)
{
    struct world *world = (struct world *)(void *)port;
    const struct fixp_header *hdr = (const struct fixp_header *)world->tx;
    const size_t bytes = fixp_message_length(world->tx, len);

    ASSERT(world->claimed);
    ASSERT(len <= DATAGRAM_BYTES_MAX);
    if (oe_latency_receipt_request_view(world->tx, len) != NULL) {
        ASSERT(len == sizeof *hdr + OE_LATENCY_RECEIPT_REQUEST_BLOCK);
        world->claimed = false;
        world->said_cnt++;
        return;
    }
    ASSERT(bytes > 0);
    ASSERT(bytes == len || hdr->template_id == FIXP_SEQUENCE_ID ||
           ends_well(hdr, world->tx + bytes, len - bytes));
    world->claimed = false;
    world->said_cnt++;
    see_session(world, hdr->template_id, world->tx, bytes);
}

static int
rx(struct port *port, struct datagram *datagrams, int max)
{
    (void)port;
    (void)datagrams;
    (void)max;
    return 0;
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
    return !((struct world *)(void *)port)->full;
}

static void
on_report(void *ctx, uint64_t no, const uint8_t *buf, size_t len)
{
    struct world *world = ctx;

    ASSERT(no == world->next_report_no);
    ASSERT(len > 0);
    ASSERT(len <= DATAGRAM_BYTES_MAX);
    ASSERT(oe_message_length(buf, len) == len || fixp_applied_view(buf, len) != NULL);
    world->next_report_no++;
}

/* on_receipt is told of reports alone. */
static void
on_receipt(void *ctx, const struct oe_latency_receipt *receipt)
{
    (void)ctx;
    ASSERT(receipt->report_seq_no != OE_LATENCY_RECEIPT_REPORT_SEQ_NO_NULL);
}

static void
on_not_applied(void *ctx, uint64_t from, uint64_t count)
{
    struct world *world = ctx;

    (void)from;
    (void)count;
    world->next_report_no++;
}

static void
connect_anew(struct world *world, bool resume)
{
    struct client_cfg cfg = {
        .port = &world->port,
        .server = server,
        .udp_source = 20000,
        .name = "BROKER0",
        .key = "key-0",
        .keepalive_ms = KEEPALIVE_MS,
        .resume = resume,
        .resume_no = world->next_no,
        .resume_next_report_no = world->next_report_no,
        .on_report = on_report,
        .on_not_applied = on_not_applied,
        .on_receipt = on_receipt,
        .ctx = world,
    };

    memcpy(cfg.uuid, uuid, sizeof uuid);
    if (world->client != NULL)
        client_free(world->client);
    world->client = client_new(&cfg);
    ASSERT(world->client != NULL);
    world->request_id = 0;
    client_connect(world->client, world->now_ns);
}

static void
hear(struct world *world, const struct peer *from, const uint8_t *bytes, size_t len)
{
    const struct datagram datagram = {.data = bytes, .len = (uint32_t)len, .peer = *from};

    client_datagram(world->client, &datagram, world->now_ns);
}

/* hear_numbered lets the server say the bytes behind their number. */
static void
hear_numbered(struct world *world, uint64_t no, bool again, const uint8_t *bytes, size_t len)
{
    const struct fixp_sequence sequence = {.next_seq_no = no};
    struct fixp_retransmission msg = {.next_seq_no = no, .count = 1};
    uint8_t buf[512];
    size_t at;

    memcpy(msg.session_id, uuid, sizeof uuid);
    at = again ? fixp_retransmission_encode(buf, sizeof buf, &msg)
               : fixp_sequence_encode(buf, sizeof buf, &sequence);
    memcpy(buf + at, bytes, len);
    hear(world, &server, buf, at + len);
}

/* put_finish writes that the server has received all and has sent all up to last_no. */
static size_t
put_finish(uint8_t *buf, size_t room, uint64_t last_no)
{
    struct fixp_finished_sending sending = {.last_seq_no = last_no};
    struct fixp_finished_receiving receiving;
    size_t len;

    memcpy(sending.session_id, uuid, sizeof uuid);
    memcpy(receiving.session_id, uuid, sizeof uuid);
    len = fixp_finished_receiving_encode(buf, room, &receiving);
    return len + fixp_finished_sending_encode(buf + len, room - len, &sending);
}

/* hear_right lets the server answer as it should. */
static void
hear_right(struct world *world, uint8_t ahead)
{
    struct fixp_negotiation_response response = {.request_timestamp = world->request_ns,
                                                 .server_flow = FIXP_FLOW_TYPE_RECOVERABLE};
    struct fixp_establishment_ack ack = {.request_timestamp = world->request_ns,
                                         .keepalive_interval = KEEPALIVE_MS,
                                         .next_seq_no = world->next_report_no + ahead};
    struct fixp_terminate terminate = {.code = FIXP_TERMINATION_CODE_FINISHED};
    uint8_t buf[128];
    size_t len;

    memcpy(response.session_id, uuid, sizeof uuid);
    memcpy(ack.session_id, uuid, sizeof uuid);
    memcpy(terminate.session_id, uuid, sizeof uuid);
    switch (world->request_id) {
    case FIXP_NEGOTIATE_ID:
        len = fixp_negotiation_response_encode(buf, sizeof buf, &response, NULL, 0);
        break;
    case FIXP_ESTABLISH_ID:
        len = fixp_establishment_ack_encode(buf, sizeof buf, &ack);
        break;
    case FIXP_TERMINATE_ID:
    case FIXP_FINISHED_RECEIVING_ID:
        len = fixp_terminate_encode(buf, sizeof buf, &terminate, NULL, 0);
        break;
    case FIXP_FINISHED_SENDING_ID:
        len = put_finish(buf, sizeof buf, world->next_report_no + ahead - 1);
        break;
    default:
        return;
    }
    hear(world, &server, buf, len);
}

/* hear_filled puts UUID and, for answers, the time of the request into the bytes. */
static void
hear_filled(struct world *world,
            const struct peer *from,
            const uint8_t *bytes,
            size_t len,
            bool answer)
{
    uint8_t buf[512];

    memcpy(buf, bytes, len);
    if (len >= SESSION_OFF + sizeof uuid)
        memcpy(buf + SESSION_OFF, uuid, sizeof uuid);
    if (answer && len >= TIME_OFF + sizeof world->request_ns)
        memcpy(buf + TIME_OFF, &world->request_ns, sizeof world->request_ns);
    hear(world, from, buf, len);
}

static void
step(struct world *world, unsigned op, const uint8_t *bytes, size_t len)
{
    static const struct peer stranger = {.ip = 0x0a000001, .udp_port = 9001};
    struct client *client = world->client;
    uint64_t no;

    switch ((enum op)op) {
    case OP_RAW:
        hear(world, &server, bytes, len);
        break;
    case OP_OURS:
        hear_filled(world, &server, bytes, len, false);
        break;
    case OP_ANSWER:
        hear_filled(world, &server, bytes, len, true);
        break;
    case OP_RIGHT:
        hear_right(world, len > 0 ? bytes[0] : 0);
        break;
    case OP_NEXT:
    case OP_AGAIN:
        hear_numbered(world, world->next_report_no, op == OP_AGAIN, bytes, len);
        break;
    case OP_AHEAD:
        if (len > 0)
            hear_numbered(world, world->next_report_no + bytes[0], false, bytes + 1, len - 1);
        break;
    case OP_STRANGER:
        hear_filled(world, &stranger, bytes, len, true);
        break;
    case OP_SEND:
        no = client_send(client, bytes, len);
        ASSERT(no == 0 || no == world->next_no);
        world->next_no += no != 0;
        break;
    case OP_REST:
        client_flush(client, world->now_ns);
        client_poll(client, world->now_ns);
        break;
    case OP_LEAVE:
        if (len > 0 && bytes[0] % 2 == 1)
            client_finish(client, world->now_ns);
        else
            client_terminate(client, world->now_ns);
        break;
    case OP_FULL:
        world->full = !world->full;
        break;
    case OP_RESUME:
    case OPS:
    default:
        connect_anew(world, true);
        break;
    }
}

/* check sees what must hold behind each step. */
static void
check(const struct world *world, unsigned op, enum client_state before, uint64_t reports_before)
{
    const struct client *client = world->client;
    const char *error = client_error(client);

    ASSERT(client_next_report_no(client) == world->next_report_no);
    ASSERT(client_next_no(client) == world->next_no);
    for (size_t i = 0; error[i] != '\0'; i++) {
        ASSERT(error[i] >= ' ');
        ASSERT(error[i] <= '~');
    }
    if (op >= OP_RESUME && op != OP_FULL)
        return;
    if (before == CLIENT_CLOSED || op == OP_STRANGER) {
        ASSERT(client_state(client) == before);
        ASSERT(world->next_report_no == reports_before);
        ASSERT(world->said_cnt == 0);
    }
    ASSERT(world->said_cnt <= SAID_MAX);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t passes_ns[] = {0, MS, 30 * MS, 600 * MS};
    static const struct port_ops ops = {
        .rx = rx,
        .tx_claim = tx_claim,
        .tx_push = tx_push,
        .tx_flush = nothing,
        .source = source,
        .ready = ready,
        .close = nothing,
    };
    struct world world = {
        .port = {.ops = &ops}, .now_ns = START_NS, .next_no = 1, .next_report_no = 1};
    size_t at = 0;

    connect_anew(&world, false);
    for (unsigned i = 0; i < STEPS_MAX && at + 2 <= size; i++) {
        const unsigned op = data[at] & 0x0f;
        const enum client_state before = client_state(world.client);
        const uint64_t reports_before = world.next_report_no;
        const size_t len = data[at + 1] < size - at - 2 ? data[at + 1] : size - at - 2;

        world.now_ns += passes_ns[data[at] >> 4 & 3];
        if (data[at] >> 4 == 0x0f)
            world.now_ns -= 640 * MS;
        world.said_cnt = 0;
        step(&world, op, data + at + 2, len);
        check(&world, op, before, reports_before);
        at += 2 + len;
    }
    client_free(world.client);
    return 0;
}
