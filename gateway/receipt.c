#include "gateway/receipt.h"

#include "gateway/fixp_session.h"
#include "proto/orders.h"

#define RECEIPT_NULL OE_LATENCY_RECEIPT_SEND_TIME_NULL

COLD void
gateway_attach_receipts(struct gateway *gateway, const struct gateway_receipts *from)
{
    gateway->receipts.from = *from;
}

static uint64_t
send_ns(const struct gateway *gateway)
{
    const struct gateway_receipts *from = &gateway->receipts.from;

    return from->clock_ns != NULL ? from->clock_ns(from->ctx) : gateway->now_ns;
}

static uint64_t
gate_pos(const struct gateway *gateway)
{
    /* Pairs with the writer's release of its durable cursor. */
    return gateway->gate == NULL ? 0 : __atomic_load_n(gateway->gate, __ATOMIC_ACQUIRE);
}

/* seen_pos is where the out-ring ends for now. */
static uint64_t
seen_pos(struct gateway *gateway)
{
    return gateway->out->pos + ring_reader_available(gateway->out, UINT64_MAX);
}

/* begin makes marks from here on; what is under way has none. */
static void
begin(struct gateway *gateway)
{
    struct receipts *receipts = &gateway->receipts;

    marks_put(&receipts->seen, receipts->seen_pos, 0);
    marks_put(&receipts->told, receipts->told_pos, 0);
    receipts->seen_pos = seen_pos(gateway);
    receipts->told_pos = gate_pos(gateway);
}

void
receipts_set(struct gateway *gateway, struct fixp_session *session, bool on)
{
    struct receipts *receipts = &gateway->receipts;

    session->receipt.no = 0;
    if (session->receipts == on)
        return;
    session->receipts = on;
    if (on && receipts->wanted_cnt++ == 0)
        begin(gateway);
    if (!on)
        receipts->wanted_cnt--;
    if (receipts->from.taken != NULL)
        marks_want(receipts->from.taken, receipts->wanted_cnt > 0);
}

/* look marks with this poll's time what lies between a position and the one before;
 * what was read is forgotten. */
static void
look(const struct gateway *gateway, struct marks *marks, uint64_t *pos, uint64_t end)
{
    if (end > *pos) {
        marks_put(marks, *pos, gateway->now_ns);
        *pos = end;
    }
    (void)marks_at(marks, gateway->out->pos);
}

void
receipts_look(struct gateway *gateway)
{
    struct receipts *receipts = &gateway->receipts;

    look(gateway, &receipts->seen, &receipts->seen_pos, seen_pos(gateway));
    if (gateway->gate != NULL)
        look(gateway, &receipts->told, &receipts->told_pos, gate_pos(gateway));
    if (receipts->from.taken != NULL)
        (void)marks_at(receipts->from.taken, gateway->out->pos);
}

/* not_before returns a stamp as it is told; 0 stays so. */
static uint64_t
not_before(uint64_t ns, uint64_t *last_ns)
{
    if (ns == 0)
        return 0;
    if (ns > *last_ns)
        *last_ns = ns;
    return *last_ns;
}

void
receipt_take(struct gateway *gateway,
             struct fixp_session *session,
             const union cell *cells,
             uint64_t no)
{
    struct receipts *receipts = &gateway->receipts;
    const uint64_t pos = gateway->out->pos;
    const uint64_t taken_ns =
        receipts->from.taken != NULL ? marks_at(receipts->from.taken, pos) : 0;
    const uint64_t seen_ns = marks_at(&receipts->seen, pos);
    const uint64_t told_ns = gateway->gate != NULL ? marks_at(&receipts->told, pos) : seen_ns;
    struct receipt *receipt = &session->receipt;

    receipt->no = no;
    receipt->receive_ns = receipt->last_ns = cell_time(cells);
    receipt->sequenced_ns = not_before(taken_ns, &receipt->last_ns);
    receipt->matched_ns = not_before(seen_ns, &receipt->last_ns);
    receipt->durable_ns = not_before(told_ns, &receipt->last_ns);
}

static uint64_t
or_null(uint64_t ns)
{
    return ns != 0 ? ns : RECEIPT_NULL;
}

size_t
receipt_put(struct fixp_session *session, uint8_t *buf, size_t *len)
{
    const struct receipt *receipt = &session->receipt;
    const size_t off = *len;

    if (receipt->no == 0 || receipt->no > session->sent_no)
        return RECEIPT_NONE;

    const bool due = receipt->no == session->sent_no;
    const struct oe_latency_receipt msg = {
        .report_seq_no = receipt->no,
        .receive_time = receipt->receive_ns,
        .sequenced_time = or_null(receipt->sequenced_ns),
        .matched_time = or_null(receipt->matched_ns),
        .durable_time = or_null(receipt->durable_ns),
        .send_time = RECEIPT_NULL,
    };

    /* Behind a receipt that came too late another may be taken. */
    session->receipt.no = 0;
    if (!due)
        return RECEIPT_NONE;
    *len += oe_latency_receipt_encode(buf + off, DATAGRAM_BYTES_MAX - off, &msg);
    return off;
}

void
receipt_sent(struct gateway *gateway, const struct fixp_session *session, uint8_t *buf, size_t off)
{
    struct oe_latency_receipt *msg =
        (struct oe_latency_receipt *)(void *)(buf + off + sizeof(struct oe_header));
    uint64_t last_ns = session->receipt.last_ns;

    msg->send_time = not_before(send_ns(gateway), &last_ns);
    gateway->stats.receipts++;
}

void
receipt_answer(struct gateway *gateway, struct fixp_session *session)
{
    const struct fixp_sequence sequence = {.next_seq_no = session->sent_no};
    const struct oe_latency_receipt msg = {
        .report_seq_no = OE_LATENCY_RECEIPT_REPORT_SEQ_NO_NULL,
        .receive_time = RECEIPT_NULL,
        .sequenced_time = RECEIPT_NULL,
        .matched_time = RECEIPT_NULL,
        .durable_time = RECEIPT_NULL,
        .send_time = send_ns(gateway),
    };
    struct port *port = gateway->ports[session->transport.port_idx];
    uint8_t *buf = port_tx_claim(port, &session->transport.peer);

    if (buf == NULL)
        return;

    const size_t len = fixp_sequence_encode(buf, DATAGRAM_BYTES_MAX, &sequence);

    gateway->stats.receipts++;
    port_tx_push(port, len + oe_latency_receipt_encode(buf + len, DATAGRAM_BYTES_MAX - len, &msg));
    session->last_tx_ns = gateway->now_ns;
}
