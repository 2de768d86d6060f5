#include "gateway/fixp_session.h"
#include "gateway/order_codec.h"
#include "proto/orders.h"

/* A datagram of a known peer while it is read. */
struct inbound {
    struct gateway *gateway;
    struct fixp_session *session;
    uint64_t no;   /* of the next application message in it */
    bool numbered; /* it has said so: Sequence or Context came */
};

/* violation ends the binding: what came is well formed and may not come. */
static void
violation(struct inbound *in, const char *text)
{
    in->gateway->stats.bad_session++;
    if (session_listens(in->session))
        fixp_close_told(in->gateway, in->session, CELL_UNBIND_REASON_VIOLATION, text);
}

/* remind tells a peer, now and then, that its session is not bound any more. */
static void
remind(struct inbound *in)
{
    struct gateway *gateway = in->gateway;
    struct fixp_session *session = in->session;

    gateway->stats.bad_session++;
    if (session->state != FIXP_FREE ||
        elapsed_ns(gateway->now_ns, session->reminded_ns) < REMIND_NS)
        return;
    session->reminded_ns = gateway->now_ns;
    fixp_send_terminate(gateway, session, FIXP_TERMINATION_CODE_UNSPECIFIED_ERROR,
                        "not established");
}

/* is_ours tells whether the message names the session of its peer. */
static bool
is_ours(struct inbound *in, const uint8_t uuid[16])
{
    if (fixp_uuid_is(in->session, uuid))
        return true;
    in->gateway->stats.bad_session++;
    return false;
}

/* take_order makes an application message a command, if its number is the next.
 * Lower ones were applied; higher ones cannot be, for Sequence skips first. */
static void
take_order(struct inbound *in, const uint8_t *buf, size_t len)
{
    struct gateway *gateway = in->gateway;
    struct fixp_session *session = in->session;
    union cell cells[CELL_COMMAND_MAX];
    const uint64_t no = in->no++;

    if (no < session->next_in_no) {
        gateway->stats.duplicates++;
        return;
    }
    ASSERT(no == session->next_in_no);

    const unsigned cnt =
        order_decode(buf, len, session_number(gateway, session), no, gateway->now_ns, cells);

    if (cell_kind(cells) == CELL_KIND_MESSAGE_REFUSED)
        gateway->stats.refused++;
    else if (cell_kind(cells) == CELL_KIND_MASS_CANCEL &&
             cells->mass_cancel.scope == OE_MASS_CANCEL_SCOPE_FIRM)
        cells->mass_cancel.target = session->firm;
    gateway->stats.messages++;
    gateway_command(gateway, cells, cnt);
    session->next_in_no++;
}

/* take_sequence moves to the number stated. What it skips was lost and is
 * reported to the client when the command comes back. */
static bool
take_sequence(struct inbound *in, uint64_t next_no)
{
    struct gateway *gateway = in->gateway;
    struct fixp_session *session = in->session;

    in->no = next_no;
    in->numbered = true;
    if (next_no <= session->next_in_no)
        return true;
    if (next_no - session->next_in_no > SEQUENCE_GAP_MAX) {
        violation(in, "NextSeqNo skips too much");
        return false;
    }

    const union cell cell = {.session_sequence = {
                                 .kind = CELL_KIND_SESSION_SEQUENCE,
                                 .shape = 1,
                                 .time = gateway->now_ns,
                                 .next_no = next_no,
                                 .session = session_number(gateway, session),
                             }};

    gateway->stats.gaps += next_no - session->next_in_no;
    session->next_in_no = next_no;
    gateway_command(gateway, &cell, 1);
    return true;
}

static bool
take_context(struct inbound *in, const uint8_t *buf, size_t len)
{
    const struct fixp_context *msg = fixp_context_view(buf, len);

    return is_ours(in, msg->session_id) && take_sequence(in, msg->next_seq_no);
}

/* take_retransmit_request answers at once; one per session and poll. */
static bool
take_retransmit_request(struct inbound *in, const uint8_t *buf, size_t len)
{
    const struct fixp_retransmit_request *msg = fixp_retransmit_request_view(buf, len);
    struct gateway *gateway = in->gateway;
    struct fixp_session *session = in->session;

    if (!fixp_uuid_is(session, msg->session_id)) {
        gateway->stats.bad_session++;
        fixp_send_retransmit_reject(gateway, session, msg,
                                    FIXP_RETRANSMIT_REJECT_CODE_INVALID_SESSION);
    } else if (session->retransmit_poll == gateway->poll_no) {
        fixp_send_retransmit_reject(gateway, session, msg,
                                    FIXP_RETRANSMIT_REJECT_CODE_REQUEST_LIMIT_EXCEEDED);
    } else {
        session->retransmit_poll = gateway->poll_no;
        publisher_retransmit(gateway, session, msg);
    }
    return true;
}

/* take_terminate: the answer comes behind the reports on all that was accepted. */
static bool
take_terminate(struct inbound *in, const uint8_t *buf, size_t len)
{
    const struct fixp_terminate *msg = fixp_terminate_view(buf, len);

    if (is_ours(in, msg->session_id))
        fixp_close(in->gateway, in->session, CELL_UNBIND_REASON_TERMINATED, FAREWELL_TERMINATE);
    return false;
}

/* take_finished ends the binding as Terminate does. What the client says it
 * has sent and we have not is skipped, and so reported, first. */
static bool
take_finished(struct inbound *in, const uint8_t *buf, size_t len)
{
    const struct fixp_finished_sending *msg = fixp_finished_sending_view(buf, len);

    if (!is_ours(in, msg->session_id))
        return false;
    if (msg->last_seq_no != FIXP_FINISHED_SENDING_LAST_SEQ_NO_NULL &&
        !take_sequence(in, msg->last_seq_no + 1))
        return false;
    fixp_close(in->gateway, in->session, CELL_UNBIND_REASON_TERMINATED, FAREWELL_FINISHED);
    return false;
}

/* message_valid runs the view of a session message that a bound client may
 * send; true for all others. */
static bool
message_valid(unsigned template_id, const uint8_t *buf, size_t len)
{
    switch (template_id) {
    case FIXP_SEQUENCE_ID:
        return fixp_sequence_view(buf, len) != NULL;
    case FIXP_CONTEXT_ID:
        return fixp_context_view(buf, len) != NULL;
    case FIXP_RETRANSMIT_REQUEST_ID:
        return fixp_retransmit_request_view(buf, len) != NULL;
    case FIXP_TERMINATE_ID:
        return fixp_terminate_view(buf, len) != NULL;
    case FIXP_FINISHED_SENDING_ID:
        return fixp_finished_sending_view(buf, len) != NULL;
    default:
        return true;
    }
}

/* take_session_message handles one of schema 2748 from a bound peer; false if
 * the rest of the datagram means nothing any more. */
static bool
take_session_message(struct inbound *in, unsigned template_id, const uint8_t *buf, size_t len)
{
    switch (template_id) {
    case FIXP_SEQUENCE_ID:
        return take_sequence(in, fixp_sequence_view(buf, len)->next_seq_no);
    case FIXP_CONTEXT_ID:
        return take_context(in, buf, len);
    case FIXP_RETRANSMIT_REQUEST_ID:
        return take_retransmit_request(in, buf, len);
    case FIXP_TERMINATE_ID:
        return take_terminate(in, buf, len);
    case FIXP_FINISHED_SENDING_ID:
        return take_finished(in, buf, len);
    default:
        violation(in, "a message that a client of an idempotent flow may not send");
        return false;
    }
}

/* take_unbound handles a datagram of a peer whose session is not listened to:
 * closing, being taken over, or ended without the client knowing. */
static void
take_unbound(struct inbound *in, unsigned template_id, const uint8_t *buf, size_t len)
{
    const struct fixp_terminate *msg =
        template_id == FIXP_TERMINATE_ID ? fixp_terminate_view(buf, len) : NULL;

    if (msg == NULL) {
        remind(in);
        return;
    }
    /* Our answer was lost. */
    if (in->session->state == FIXP_FREE && is_ours(in, msg->session_id))
        fixp_send_terminate(in->gateway, in->session, FIXP_TERMINATION_CODE_FINISHED, "");
}

/* is_padding: some stacks send frames longer than their message. */
static bool
is_padding(const uint8_t *buf, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (buf[i] != 0)
            return false;
    }
    return true;
}

/*
 * take_message handles the message at buf of a bound peer and returns its
 * bytes, 0 if nothing that follows can be read. Where a message ends that we do
 * not know, or that is longer than the datagram, cannot be told, so it takes
 * all the rest.
 */
static size_t
take_message(struct inbound *in, const uint8_t *buf, size_t len)
{
    const struct oe_header *hdr = (const struct oe_header *)buf;
    struct gateway *gateway = in->gateway;
    size_t bytes;

    if (len < sizeof *hdr || hdr->schema_id == 0) {
        gateway->stats.bad_frame += !is_padding(buf, len);
        return 0;
    }
    if (UNLIKELY(ring_writer_room(gateway->in, MESSAGE_CELLS_MAX) < MESSAGE_CELLS_MAX)) {
        gateway->stats.in_ring_full++;
        return 0;
    }
    if (hdr->schema_id == OE_SCHEMA_ID) {
        /* Were it counted on, a datagram that comes twice would be applied twice. */
        if (UNLIKELY(!in->numbered)) {
            gateway->stats.bad_session++;
            return 0;
        }
        bytes = oe_message_length(buf, len);
        if (bytes == 0)
            bytes = len;
        take_order(in, buf, bytes);
    } else if (hdr->schema_id == FIXP_SCHEMA_ID) {
        bytes = fixp_message_length(buf, len);
        if (bytes == 0 || !message_valid(hdr->template_id, buf, bytes)) {
            gateway->stats.bad_frame++;
            return 0;
        }
        if (!take_session_message(in, hdr->template_id, buf, bytes))
            bytes = 0;
    } else {
        gateway->stats.bad_schema++;
        return 0;
    }
    in->session->last_rx_ns = gateway->now_ns;
    return bytes;
}

/* take_request handles a datagram that begins with Negotiate or Establish; any
 * peer may send one. False if it is something else. */
static bool
take_request(struct gateway *gateway, const struct transport *from, const struct datagram *datagram)
{
    const struct fixp_header *hdr = (const struct fixp_header *)datagram->data;

    if (datagram->len < sizeof *hdr || hdr->schema_id != FIXP_SCHEMA_ID)
        return false;
    switch (hdr->template_id) {
    case FIXP_NEGOTIATE_ID:
        fixp_negotiate(gateway, from, datagram->data, datagram->len);
        return true;
    case FIXP_ESTABLISH_ID:
        fixp_establish(gateway, from, datagram->data, datagram->len);
        return true;
    default:
        return false;
    }
}

void
fixp_server_datagram(struct gateway *gateway, unsigned port_idx, const struct datagram *datagram)
{
    const struct transport from = {.peer = datagram->peer, .port_idx = (uint8_t)port_idx};
    const struct fixp_header *hdr = (const struct fixp_header *)datagram->data;

    if (UNLIKELY(datagram->lost)) {
        fixp_lost(gateway, &from);
        return;
    }
    gateway->stats.datagrams++;
    if (take_request(gateway, &from, datagram))
        return;

    const uint16_t number = directory_peer(&gateway->directory, &from);

    /* Counted and no more: an answer could be aimed at somebody else. */
    if (number == DIRECTORY_NONE) {
        gateway->stats.bad_session++;
        port_drop(gateway->ports[port_idx], &from.peer);
        return;
    }
    if (datagram->len < sizeof *hdr) {
        gateway->stats.bad_frame++;
        return;
    }

    struct inbound in = {
        .gateway = gateway,
        .session = &gateway->sessions[number],
        .no = gateway->sessions[number].stream_no,
        .numbered = gateway->ports[port_idx]->stream,
    };

    if (!session_listens(in.session)) {
        take_unbound(&in, hdr->template_id, datagram->data, datagram->len);
        return;
    }
    /* A frame is one message; what some stacks put behind it is not read. */
    if (gateway->ports[port_idx]->stream) {
        take_message(&in, datagram->data, datagram->len);
        in.session->stream_no = in.no;
        return;
    }
    for (size_t off = 0, bytes; off < datagram->len; off += bytes) {
        bytes = take_message(&in, datagram->data + off, datagram->len - off);
        if (bytes == 0)
            break;
    }
}
