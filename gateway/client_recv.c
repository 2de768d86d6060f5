#include <string.h>

#include "gateway/client_state.h"
#include "proto/orders.h"

/* A datagram while it is read. */
struct incoming {
    struct client *client;
    uint64_t no; /* of the next application message in it; 0: not known */
    uint64_t now_ns;
};

static bool
is_ours(const struct client *client, const uint8_t uuid[16])
{
    return memcmp(client->cfg.uuid, uuid, sizeof client->cfg.uuid) == 0;
}

/* is_answer tells whether a message answers the request that is waiting, or one of
 * those that it repeats. */
static bool
is_answer(const struct client *client,
          enum client_state state,
          const uint8_t uuid[16],
          uint64_t request_ns)
{
    return client->state == state && is_ours(client, uuid) && request_ns >= client->first_ns &&
           request_ns <= client->request_ns;
}

/* is_refusal: of those signed last. That a former one comes too late is no wonder. */
static bool
is_refusal(const struct client *client,
           enum client_state state,
           const uint8_t uuid[16],
           uint64_t request_ns)
{
    return is_answer(client, state, uuid, request_ns) && request_ns == client->request_ns;
}

static void
known(struct client *client, uint64_t no)
{
    if (no > client->known_no)
        client->known_no = no;
}

/* deliver gives one report to the caller; it is the next. */
static void
deliver(struct client *client, const uint8_t *buf, size_t len)
{
    const uint64_t no = client->next_report_no++;
    const struct fixp_not_applied *missing = fixp_not_applied_view(buf, len);

    if (missing != NULL) {
        if (client->cfg.on_not_applied != NULL)
            client->cfg.on_not_applied(client->cfg.ctx, missing->from_seq_no, missing->count);
        return;
    }
    if (client->cfg.on_report != NULL)
        client->cfg.on_report(client->cfg.ctx, no, buf, len);
}

static struct client_held *
held_at(struct client *client, uint64_t no)
{
    return &client->held[no & (CLIENT_HELD_MAX - 1)];
}

/* hold keeps a report that is ahead of a hole. */
static void
hold(struct client *client, uint64_t no, const uint8_t *buf, size_t len)
{
    struct client_held *held = held_at(client, no);

    if (no - client->next_report_no >= CLIENT_HELD_MAX || len > sizeof held->bytes)
        return;
    client->held_cnt += held->no != no;
    held->no = no;
    held->len = (uint32_t)len;
    memcpy(held->bytes, buf, len);
}

/* release delivers what is held as far as there is no hole. */
static void
release(struct client *client)
{
    while (client->held_cnt > 0) {
        struct client_held *held = held_at(client, client->next_report_no);

        if (held->no != client->next_report_no)
            return;
        held->no = 0;
        client->held_cnt--;
        deliver(client, held->bytes, held->len);
    }
}

/* is_bound tells whether reports may come. */
static bool
is_bound(const struct client *client)
{
    return client->state == CLIENT_ESTABLISHED || client->state == CLIENT_TERMINATING ||
           client->state == CLIENT_FINISHING;
}

/* take_report handles an application message; false if its number is unknown. */
static bool
take_report(struct incoming *in, const uint8_t *buf, size_t len)
{
    struct client *client = in->client;

    if (in->no == 0 || !is_bound(client))
        return false;

    const uint64_t no = in->no++;

    known(client, in->no);
    if (no > client->next_report_no) {
        hold(client, no, buf, len);
    } else if (no == client->next_report_no) {
        deliver(client, buf, len);
        release(client);
    }
    return true;
}

static bool
take_negotiation(struct incoming *in, const uint8_t *buf, size_t len)
{
    const struct fixp_negotiation_response *msg = fixp_negotiation_response_view(buf, len);
    struct client *client = in->client;

    if (msg == NULL ||
        !is_answer(client, CLIENT_NEGOTIATING, msg->session_id, msg->request_timestamp))
        return false;
    if (msg->server_flow != FIXP_FLOW_TYPE_RECOVERABLE) {
        client_close(client, "the exchange offers no recoverable flow", NULL, 0);
        return false;
    }
    client_establish(client, in->now_ns);
    return true;
}

/* refused closes the client with the code's name and the reason given. */
static void
refused(struct client *client, const char *what, const uint8_t *reason, uint16_t reason_len)
{
    client_close(client, what, (const char *)reason, reason_len);
}

static bool
take_negotiation_reject(struct incoming *in, const uint8_t *buf, size_t len)
{
    const struct fixp_negotiation_reject *msg = fixp_negotiation_reject_view(buf, len);
    uint16_t reason_len;

    if (msg == NULL ||
        !is_refusal(in->client, CLIENT_NEGOTIATING, msg->session_id, msg->request_timestamp))
        return false;

    const uint8_t *reason = fixp_negotiation_reject_reason(buf, &reason_len);

    switch ((enum fixp_negotiation_reject_code)msg->code) {
    case FIXP_NEGOTIATION_REJECT_CODE_CREDENTIALS:
        refused(in->client, "negotiation refused, Credentials", reason, reason_len);
        break;
    case FIXP_NEGOTIATION_REJECT_CODE_FLOW_TYPE_NOT_SUPPORTED:
        refused(in->client, "negotiation refused, FlowTypeNotSupported", reason, reason_len);
        break;
    case FIXP_NEGOTIATION_REJECT_CODE_DUPLICATE_ID:
        refused(in->client, "negotiation refused, DuplicateId", reason, reason_len);
        break;
    case FIXP_NEGOTIATION_REJECT_CODE_UNSPECIFIED:
        refused(in->client, "negotiation refused", reason, reason_len);
        break;
    }
    return false;
}

static bool
take_ack(struct incoming *in, const uint8_t *buf, size_t len)
{
    const struct fixp_establishment_ack *msg = fixp_establishment_ack_view(buf, len);
    struct client *client = in->client;

    if (msg == NULL || msg->next_seq_no == FIXP_ESTABLISHMENT_ACK_NEXT_SEQ_NO_NULL)
        return false;
    if (is_answer(client, CLIENT_ESTABLISHED, msg->session_id, msg->request_timestamp)) {
        known(client, msg->next_seq_no);
        return true;
    }
    if (!is_answer(client, CLIENT_ESTABLISHING, msg->session_id, msg->request_timestamp))
        return false;
    if (msg->next_seq_no < client->next_report_no) {
        client_say_terminate(client, FIXP_TERMINATION_CODE_UNSPECIFIED_ERROR, in->now_ns);
        client_close(client, "the exchange has lost reports that were seen here", NULL, 0);
        return false;
    }
    client->server_keepalive_ms = msg->keepalive_interval;
    client->state = CLIENT_ESTABLISHED;
    client->say_no = true;
    in->no = msg->next_seq_no;
    client->last_tx_ns = in->now_ns;
    known(client, msg->next_seq_no);
    return true;
}

static bool
take_establishment_reject(struct incoming *in, const uint8_t *buf, size_t len)
{
    static const char *const names[] = {
        [FIXP_ESTABLISHMENT_REJECT_CODE_UNNEGOTIATED] = "establishment refused, Unnegotiated",
        [FIXP_ESTABLISHMENT_REJECT_CODE_ALREADY_ESTABLISHED] =
            "establishment refused, AlreadyEstablished",
        [FIXP_ESTABLISHMENT_REJECT_CODE_SESSION_BLOCKED] = "establishment refused, SessionBlocked",
        [FIXP_ESTABLISHMENT_REJECT_CODE_KEEPALIVE_INTERVAL] =
            "establishment refused, KeepaliveInterval",
        [FIXP_ESTABLISHMENT_REJECT_CODE_CREDENTIALS] = "establishment refused, Credentials",
        [FIXP_ESTABLISHMENT_REJECT_CODE_UNSPECIFIED] = "establishment refused",
    };
    const struct fixp_establishment_reject *msg = fixp_establishment_reject_view(buf, len);
    uint16_t reason_len;

    if (msg == NULL ||
        !is_refusal(in->client, CLIENT_ESTABLISHING, msg->session_id, msg->request_timestamp))
        return false;

    const uint8_t *reason = fixp_establishment_reject_reason(buf, &reason_len);

    refused(in->client, names[msg->code], reason, reason_len);
    return false;
}

static bool
take_sequence(struct incoming *in, uint64_t next_no)
{
    in->no = next_no;
    known(in->client, next_no);
    return true;
}

static bool
take_context(struct incoming *in, const uint8_t *buf, size_t len)
{
    const struct fixp_context *msg = fixp_context_view(buf, len);

    return msg != NULL && is_ours(in->client, msg->session_id) &&
           take_sequence(in, msg->next_seq_no);
}

static bool
take_retransmission(struct incoming *in, const uint8_t *buf, size_t len)
{
    const struct fixp_retransmission *msg = fixp_retransmission_view(buf, len);

    if (msg == NULL || !is_ours(in->client, msg->session_id))
        return false;
    in->no = msg->next_seq_no;
    return true;
}

/* take_retransmit_reject: a hole that cannot be filled ends the session; of too
 * many requests there will be fewer in a while. */
static bool
take_retransmit_reject(struct incoming *in, const uint8_t *buf, size_t len)
{
    const struct fixp_retransmit_reject *msg = fixp_retransmit_reject_view(buf, len);
    struct client *client = in->client;

    if (msg == NULL || !is_ours(client, msg->session_id) || client->asked_ns == 0 ||
        msg->request_timestamp != client->asked_ns)
        return false;
    if (msg->code == FIXP_RETRANSMIT_REJECT_CODE_REQUEST_LIMIT_EXCEEDED)
        return true;
    client_say_terminate(client, FIXP_TERMINATION_CODE_UNSPECIFIED_ERROR, in->now_ns);
    client_close(client, "reports were lost and are no more to be had", NULL, 0);
    return false;
}

static bool
take_terminate(struct incoming *in, const uint8_t *buf, size_t len)
{
    const struct fixp_terminate *msg = fixp_terminate_view(buf, len);
    struct client *client = in->client;
    uint16_t reason_len;

    if (msg == NULL || !is_ours(client, msg->session_id))
        return false;
    if (client->state == CLIENT_TERMINATING || client->farewell_said) {
        client_close(client, "", NULL, 0);
        return false;
    }
    if (!is_bound(client))
        return false;

    const uint8_t *reason = fixp_terminate_reason(buf, &reason_len);

    client_say_terminate(client, FIXP_TERMINATION_CODE_FINISHED, in->now_ns);
    client_close(client, "terminated by the exchange", (const char *)reason, reason_len);
    return false;
}

static bool
take_finished_sending(struct incoming *in, const uint8_t *buf, size_t len)
{
    struct client *client = in->client;

    if (!is_bound(client) || !client_take_finished_sending(client, buf, len))
        return false;
    known(client, client->end_report_no);
    return true;
}

/* take_session_message handles one of schema 2748; false if the rest of the
 * datagram means nothing. */
static bool
take_session_message(struct incoming *in, const uint8_t *buf, size_t len)
{
    const struct fixp_sequence *sequence;

    switch (((const struct fixp_header *)buf)->template_id) {
    case FIXP_SEQUENCE_ID:
        sequence = fixp_sequence_view(buf, len);
        return sequence != NULL && take_sequence(in, sequence->next_seq_no);
    case FIXP_CONTEXT_ID:
        return take_context(in, buf, len);
    case FIXP_NOT_APPLIED_ID:
        return fixp_not_applied_view(buf, len) != NULL && take_report(in, buf, len);
    case FIXP_APPLIED_ID:
        return fixp_applied_view(buf, len) != NULL && take_report(in, buf, len);
    case FIXP_RETRANSMISSION_ID:
        return take_retransmission(in, buf, len);
    case FIXP_RETRANSMIT_REJECT_ID:
        return take_retransmit_reject(in, buf, len);
    case FIXP_NEGOTIATION_RESPONSE_ID:
        return take_negotiation(in, buf, len);
    case FIXP_NEGOTIATION_REJECT_ID:
        return take_negotiation_reject(in, buf, len);
    case FIXP_ESTABLISHMENT_ACK_ID:
        return take_ack(in, buf, len);
    case FIXP_ESTABLISHMENT_REJECT_ID:
        return take_establishment_reject(in, buf, len);
    case FIXP_TERMINATE_ID:
        return take_terminate(in, buf, len);
    case FIXP_FINISHED_SENDING_ID:
        return take_finished_sending(in, buf, len);
    default:
        return true;
    }
}

/* take_receipt: it has no number. One without a report's is the answer to our request. */
static bool
take_receipt(struct incoming *in, const uint8_t *buf, size_t len)
{
    const struct oe_latency_receipt *msg = oe_latency_receipt_view(buf, len);
    struct client *client = in->client;

    if (msg == NULL || client->cfg.on_receipt == NULL)
        return msg != NULL;
    client->receipts = true;
    if (msg->report_seq_no != OE_LATENCY_RECEIPT_REPORT_SEQ_NO_NULL)
        client->cfg.on_receipt(client->cfg.ctx, msg);
    return true;
}

/* take_message handles the message at buf; returns its bytes, 0 to stop. */
static size_t
take_message(struct incoming *in, const uint8_t *buf, size_t len)
{
    size_t bytes = oe_message_length(buf, len);

    if (bytes != 0 && ((const struct oe_header *)buf)->template_id == OE_LATENCY_RECEIPT_ID)
        return take_receipt(in, buf, bytes) ? bytes : 0;
    if (bytes != 0)
        return take_report(in, buf, bytes) ? bytes : 0;
    bytes = fixp_message_length(buf, len);
    if (bytes == 0 || !take_session_message(in, buf, bytes))
        return 0;
    return bytes;
}

/* lost: who is not established yet tries again, who says Terminate has done so. */
static void
lost(struct client *client)
{
    client->stream_no = 0;
    switch (client->state) {
    case CLIENT_NEGOTIATING:
    case CLIENT_ESTABLISHING:
        client->lost = true;
        break;
    case CLIENT_ESTABLISHED:
        client_close(client, "the connection to the exchange has ended", NULL, 0);
        break;
    case CLIENT_FINISHING:
        client_close(client,
                     client->farewell_said ? "" : "the connection to the exchange has ended", NULL,
                     0);
        break;
    case CLIENT_TERMINATING:
        client_close(client, "", NULL, 0);
        break;
    case CLIENT_IDLE:
    case CLIENT_CLOSED:
        break;
    }
}

void
client_datagram(struct client *client, const struct datagram *datagram, uint64_t now_ns)
{
    const bool stream = client->cfg.port->stream;
    struct incoming in = {
        .client = client,
        .no = stream ? client->stream_no : 0,
        .now_ns = now_ns,
    };

    if (client->state == CLIENT_CLOSED || client->state == CLIENT_IDLE ||
        !peer_equal(&datagram->peer, &client->cfg.server))
        return;
    if (datagram->lost) {
        lost(client);
        return;
    }
    for (size_t off = 0, bytes; off < datagram->len; off += bytes) {
        bytes = take_message(&in, datagram->data + off, datagram->len - off);
        if (bytes == 0)
            break;
        client->last_rx_ns = now_ns;
    }
    if (stream)
        client->stream_no = in.no;
    if (is_bound(client))
        client_ask(client, now_ns);
    if (client_finish_due(client))
        client_request(client, now_ns);
    port_tx_flush(client->cfg.port);
}
