#include "gateway/fixp_session.h"
#include "gateway/order_codec.h"
#include "proto/orders.h"

/* A datagram of a known peer while it is read. */
struct inbound {
    struct gateway *gateway;
    struct fixp_session *session;
    uint64_t no;   /* of the next application message in it */
    bool numbered; /* it has said so: Sequence or Context came */
    bool lost;     /* the rest of it is as if it had not come */
    bool waits;    /* for the throttle: from the message on that was to be taken */
};

static const char text_behind_the_last[] = "a message behind FinishedSending";
static const char text_no_number[] = "a message before the first Sequence";

/* violation ends the binding: what came is well formed and may not come. */
static void
violation(struct inbound *in, const char *text)
{
    in->gateway->stats.bad_session++;
    if (session_listens(in->session))
        fixp_close_told(in->gateway, in->session, CELL_UNBIND_REASON_VIOLATION, text);
}

/* remind tells a peer, now and then, that its session is not bound any more. Of len
 * bytes that came no more than as many go back. */
static void
remind(struct inbound *in, size_t len)
{
    static const char text[] = "not established";
    struct gateway *gateway = in->gateway;
    struct fixp_session *session = in->session;

    gateway->stats.bad_session++;
    if (session->state != FIXP_FREE || len < FIXP_TERMINATE_LEN ||
        elapsed_ns(gateway->now_ns, session->reminded_ns) < REMIND_NS)
        return;
    session->reminded_ns = gateway->now_ns;
    fixp_send_terminate(gateway, session, FIXP_TERMINATION_CODE_UNSPECIFIED_ERROR,
                        len >= FIXP_TERMINATE_LEN + sizeof text - 1 ? text : "");
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

/* refuse uses a number up for a message that is not taken. */
static void
refuse(struct inbound *in,
       const uint8_t *buf,
       uint64_t no,
       enum oe_reject_reason reason,
       uint32_t retry_us)
{
    struct gateway *gateway = in->gateway;
    struct fixp_session *session = in->session;
    union cell cell;

    order_refuse(&cell, buf, session_number(gateway, session), no, gateway->now_ns, reason,
                 retry_us);
    gateway->stats.refused++;
    gateway->stats.messages++;
    gateway_command(gateway, &cell, 1);
    session->next_in_no++;
}

static bool
is_cancel(const uint8_t *buf)
{
    const unsigned template_id = ((const struct oe_header *)buf)->template_id;

    return template_id == OE_ORDER_CANCEL_REQUEST_ID ||
           template_id == OE_ORDER_MASS_CANCEL_REQUEST_ID;
}

/* throttled tells whether a message is above the session's rates: then it waits or
 * is refused. */
static bool
throttled(struct inbound *in, const uint8_t *buf, size_t len, uint64_t no)
{
    struct fixp_session *session = in->session;
    const uint64_t now_ns = in->gateway->now_ns;
    const uint64_t wait_ns = throttle_take(&session->throttle, is_cancel(buf), len, now_ns);
    const uint64_t retry_us = (wait_ns + 999) / 1000;

    if (LIKELY(wait_ns == 0))
        return false;
    if (session->hold != NULL) {
        in->no = no;
        in->waits = true;
        return true;
    }
    in->gateway->stats.throttled++;
    if (!throttle_may_refuse(&session->throttle, now_ns)) {
        violation(in, "sends on and on above its rate");
        return true;
    }
    refuse(in, buf, no, OE_REJECT_REASON_THROTTLED,
           retry_us < UINT32_MAX ? (uint32_t)retry_us : UINT32_MAX - 1);
    return true;
}

/* is_one_too_many tells whether the journal has no room to refuse this order as well. */
static COLD bool
is_one_too_many(struct gateway *gateway, const uint8_t *buf)
{
    return !is_cancel(buf) && gateway_low_full(gateway);
}

void
fixp_skip(struct gateway *gateway, struct fixp_session *session, uint64_t next_no, bool finished)
{
    const union cell cell = {.session_sequence = {
                                 .kind = CELL_KIND_SESSION_SEQUENCE,
                                 .shape = 1,
                                 .time = gateway->now_ns,
                                 .next_no = next_no,
                                 .finished = finished,
                                 .session = session_number(gateway, session),
                             }};

    ASSERT(next_no >= session->next_in_no);
    gateway->stats.gaps += next_no - session->next_in_no;
    session->next_in_no = next_no;
    gateway_command(gateway, &cell, 1);
}

/* skip moves to a number that is not the next. What lies before it was lost and is
 * reported to the client when the command comes back; false if that is too much. */
static bool
skip(struct inbound *in, uint64_t next_no)
{
    struct gateway *gateway = in->gateway;
    struct fixp_session *session = in->session;

    if (UNLIKELY(session->finishing)) {
        violation(in, text_behind_the_last);
        return false;
    }
    if (next_no - session->next_in_no > SEQUENCE_GAP_MAX) {
        violation(in, "NextSeqNo skips too much");
        return false;
    }

    fixp_skip(gateway, session, next_no, false);
    return true;
}

/* take_order makes an application message a command. Lower numbers than the next were
 * applied. Higher ones come on a stream alone, where no Sequence says what was dropped. */
static void
take_order(struct inbound *in, const uint8_t *buf, size_t len)
{
    struct gateway *gateway = in->gateway;
    struct fixp_session *session = in->session;
    const uint64_t no = in->no++;

    if (no < session->next_in_no) {
        gateway->stats.duplicates++;
        return;
    }
    if (UNLIKELY(session->finishing)) {
        violation(in, text_behind_the_last);
        return;
    }
    if (UNLIKELY(gateway->journal_low) && is_one_too_many(gateway, buf)) {
        gateway->stats.low_dropped++;
        in->lost = true;
        return;
    }
    if (UNLIKELY(no > session->next_in_no) && !skip(in, no))
        return;
    if (UNLIKELY(len > gateway->cfg.message_max)) {
        refuse(in, buf, no, OE_REJECT_REASON_MALFORMED_MESSAGE, 0);
        return;
    }
    if (session->limited && throttled(in, buf, len, no))
        return;

    /* In its place, unless that wraps. */
    union cell copy[CELL_COMMAND_MAX];
    union cell *place = ring_writer_place(gateway->in, CELL_COMMAND_MAX);
    union cell *cells = LIKELY(place != NULL) ? place : copy;
    const unsigned cnt =
        order_decode(buf, len, session_number(gateway, session), no, gateway->now_ns, cells);

    if (UNLIKELY(cell_kind(cells) == CELL_KIND_MESSAGE_REFUSED))
        gateway->stats.refused++;
    else if (UNLIKELY(cell_kind(cells) == CELL_KIND_MASS_CANCEL) &&
             cells->mass_cancel.scope == OE_MASS_CANCEL_SCOPE_FIRM)
        cells->mass_cancel.target = session->firm;
    gateway->stats.messages++;
    if (LIKELY(place != NULL))
        ring_writer_advance(gateway->in, cnt);
    else
        gateway_command(gateway, cells, cnt);
    session->next_in_no++;
}

/* take_sequence moves to the number stated. */
static bool
take_sequence(struct inbound *in, uint64_t next_no)
{
    in->no = next_no;
    in->numbered = true;
    return next_no <= in->session->next_in_no || skip(in, next_no);
}

static bool
take_context(struct inbound *in, const uint8_t *buf, size_t len)
{
    const struct fixp_context *msg = fixp_context_view(buf, len);

    if (!is_ours(in, msg->session_id))
        return false;
    /* Of a flow without messages it says whose it is, and no more. */
    return session_copies(in->gateway, in->session) || take_sequence(in, msg->next_seq_no);
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
        retransmit(gateway, session, msg);
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

/* take_finished takes FinishedSending: what the client says it has sent and we have
 * not is skipped, and so reported. */
static bool
take_finished(struct inbound *in, const uint8_t *buf, size_t len)
{
    const struct fixp_finished_sending *msg = fixp_finished_sending_view(buf, len);
    uint64_t next_no = in->session->next_in_no;
    const char *refusal;

    if (!is_ours(in, msg->session_id))
        return false;
    if (msg->last_seq_no != FIXP_FINISHED_SENDING_LAST_SEQ_NO_NULL)
        next_no = msg->last_seq_no + 1;
    refusal = fixp_finish_sending(in->gateway, in->session, next_no);
    if (refusal != NULL)
        violation(in, refusal);
    return refusal == NULL;
}

static bool
take_finished_receiving(struct inbound *in, const uint8_t *buf, size_t len)
{
    const struct fixp_finished_receiving *msg = fixp_finished_receiving_view(buf, len);
    const char *refusal;

    if (!is_ours(in, msg->session_id))
        return false;
    refusal = fixp_finish_receiving(in->gateway, in->session);
    if (refusal != NULL)
        violation(in, refusal);
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
    case FIXP_FINISHED_RECEIVING_ID:
        return fixp_finished_receiving_view(buf, len) != NULL;
    default:
        return true;
    }
}

/* take_of_copy handles what the client of a drop copy may not send, or may alone;
 * false if it is for others to handle. */
static bool
take_of_copy(struct inbound *in, unsigned template_id, bool *goes_on)
{
    *goes_on = template_id == FIXP_UNSEQUENCED_HEARTBEAT_ID;
    switch (template_id) {
    case FIXP_UNSEQUENCED_HEARTBEAT_ID:
        return true;
    case FIXP_CONTEXT_ID:
    case FIXP_RETRANSMIT_REQUEST_ID:
    case FIXP_TERMINATE_ID:
    case FIXP_FINISHED_SENDING_ID:
    case FIXP_FINISHED_RECEIVING_ID:
        return false;
    default:
        violation(in, "a message that a client of no flow may not send");
        return true;
    }
}

/* take_session_message handles one of schema 2748 from a bound peer; false if
 * the rest of the datagram means nothing any more. */
static bool
take_session_message(struct inbound *in, unsigned template_id, const uint8_t *buf, size_t len)
{
    bool goes_on;

    if (UNLIKELY(session_copies(in->gateway, in->session)) &&
        take_of_copy(in, template_id, &goes_on))
        return goes_on;
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
    case FIXP_FINISHED_RECEIVING_ID:
        return take_finished_receiving(in, buf, len);
    default:
        violation(in, "a message that a client of an idempotent flow may not send");
        return false;
    }
}

/* context_length returns the bytes of the Context with the session's UUID that a
 * datagram begins with, 0 if there is none. */
static size_t
context_length(const struct inbound *in, const uint8_t *buf, size_t len)
{
    const struct fixp_context *msg = fixp_context_view(buf, len);

    if (msg == NULL || !fixp_uuid_is(in->session, msg->session_id))
        return 0;
    return fixp_message_length(buf, len);
}

/* take_unbound handles a datagram of a peer whose session is not listened to:
 * closing, being taken over, or ended without the client knowing. */
static void
take_unbound(struct inbound *in, const uint8_t *buf, size_t len)
{
    const size_t context_len = context_length(in, buf, len);
    const struct fixp_terminate *msg = fixp_terminate_view(buf + context_len, len - context_len);
    const struct fixp_finished_receiving *finished =
        fixp_finished_receiving_view(buf + context_len, len - context_len);
    const bool is_last = finished != NULL && in->session->finalised && len >= FIXP_TERMINATE_LEN;

    if (msg == NULL && !is_last) {
        remind(in, len);
        return;
    }
    /* Our answer was lost. */
    if (in->session->state == FIXP_FREE &&
        is_ours(in, msg != NULL ? msg->session_id : finished->session_id))
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

/* take_receipt_request has no number; 0 if it does not decode or is not of this session.
 * It is answered once in a poll. */
static size_t
take_receipt_request(struct inbound *in, const uint8_t *buf, size_t len)
{
    const struct oe_latency_receipt_request *msg = oe_latency_receipt_request_view(buf, len);
    struct gateway *gateway = in->gateway;
    struct fixp_session *session = in->session;

    if (msg == NULL) {
        gateway->stats.bad_frame++;
        return 0;
    }
    if (!is_ours(in, msg->session_id))
        return 0;
    session->last_rx_ns = gateway->now_ns;
    receipts_set(gateway, session, msg->latency_receipts == OE_LATENCY_RECEIPTS_ON);
    if (session->receipts && session->receipt_poll != gateway->poll_no) {
        session->receipt_poll = gateway->poll_no;
        receipt_answer(gateway, session);
    }
    return oe_message_length(buf, len);
}

/* unnumbered: a datagram may be late, a connection is in order. */
static COLD void
unnumbered(struct inbound *in)
{
    if (in->gateway->ports[in->session->transport.port_idx]->stream)
        violation(in, text_no_number);
    else
        in->gateway->stats.bad_session++;
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
        if (UNLIKELY(hdr->template_id == OE_LATENCY_RECEIPT_REQUEST_ID))
            return take_receipt_request(in, buf, len);
        if (UNLIKELY(session_copies(gateway, in->session))) {
            violation(in, "a message that a client of no flow may not send");
            return 0;
        }
        /* Were it counted on, a datagram that comes twice would be applied twice, and over a
         * new connection one would pass for another that was lost with the connection before. */
        if (UNLIKELY(!in->numbered)) {
            unnumbered(in);
            return 0;
        }
        bytes = oe_message_length(buf, len);
        if (bytes == 0)
            bytes = len;
        take_order(in, buf, bytes);
        if (UNLIKELY(in->waits || in->lost || !session_listens(in->session)))
            bytes = 0;
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

/* take_first is take_message of a Sequence as most datagrams begin with; 0 if it is
 * anything else. */
static inline size_t
take_first(struct inbound *in, const uint8_t *buf, size_t len)
{
    static const struct fixp_header sequence_header = {
        .block_length = FIXP_SEQUENCE_BLOCK,
        .template_id = FIXP_SEQUENCE_ID,
        .schema_id = FIXP_SCHEMA_ID,
        .version = FIXP_SCHEMA_VERSION,
    };
    struct gateway *gateway = in->gateway;
    const struct fixp_sequence *sequence =
        (const struct fixp_sequence *)(buf + sizeof sequence_header);

    if (len < sizeof sequence_header + sizeof *sequence ||
        memcmp(buf, &sequence_header, sizeof sequence_header) != 0 ||
        sequence->next_seq_no == UINT64_MAX || session_copies(gateway, in->session) ||
        ring_writer_room(gateway->in, MESSAGE_CELLS_MAX) < MESSAGE_CELLS_MAX ||
        sequence->next_seq_no > in->session->next_in_no)
        return 0;
    in->no = sequence->next_seq_no;
    in->numbered = true;
    in->session->last_rx_ns = gateway->now_ns;
    return sizeof sequence_header + sizeof *sequence;
}

/* take_datagram reads from off on; returns where it stopped: at a message that has
 * to wait, if in->waits. */
static size_t
take_datagram(struct inbound *in, const uint8_t *bytes, size_t off, size_t len)
{
    for (size_t size; off < len; off += size) {
        size = take_message(in, bytes + off, len - off);
        if (size == 0)
            break;
    }
    return off;
}

/* hold_datagram keeps what cannot be taken now. */
static void
hold_datagram(struct inbound *in, const uint8_t *bytes, size_t len)
{
    struct gateway *gateway = in->gateway;
    struct fixp_session *session = in->session;

    if (!hold_put(session->hold, bytes, len, in->no, in->numbered)) {
        gateway->stats.hold_full++;
        return;
    }
    gateway->stats.throttled++;
    session->last_rx_ns = gateway->now_ns;
    if (session->holding)
        return;
    session->holding = true;
    ASSERT(gateway->holding_cnt < gateway->cfg.sessions_max);
    gateway->holding[gateway->holding_cnt++] = session_number(gateway, session);
}

/* held_take takes datagrams of one session that wait, as far as they may and the
 * in-ring has room; false if none is left. */
static bool
held_take(struct gateway *gateway, struct fixp_session *session, int *done)
{
    struct hold *hold = session->hold;

    while (hold->cnt > 0 && session_listens(session)) {
        struct held *held = hold_head(hold);
        struct inbound in = {
            .gateway = gateway, .session = session, .no = held->no, .numbered = held->numbered};

        if (ring_writer_room(gateway->in, gateway->datagram_cells) < gateway->datagram_cells)
            return true;
        held->off = (uint16_t)take_datagram(&in, held->bytes, held->off, held->len);
        if (in.waits) {
            held->no = in.no;
            held->numbered = in.numbered;
            return true;
        }
        hold_pop(hold);
        (*done)++;
    }
    /* Whoever sent what is left is gone: it will be found missing. */
    hold->cnt = 0;
    return false;
}

/* frame_length returns the bytes of the message in a frame; of one that nobody knows, all. */
static size_t
frame_length(const uint8_t *buf, size_t len)
{
    const struct oe_header *hdr = (const struct oe_header *)buf;
    size_t bytes = 0;

    if (len >= sizeof *hdr && hdr->schema_id == OE_SCHEMA_ID)
        bytes = oe_message_length(buf, len);
    else if (len >= sizeof *hdr && hdr->schema_id == FIXP_SCHEMA_ID)
        bytes = fixp_message_length(buf, len);
    return bytes != 0 ? bytes : len;
}

/* count_on moves to the number behind a frame that is kept or dropped unread. */
static void
count_on(struct inbound *in, const uint8_t *buf, size_t len)
{
    const struct oe_header *hdr = (const struct oe_header *)buf;
    const struct fixp_sequence *sequence = fixp_sequence_view(buf, len);
    const struct fixp_context *context = fixp_context_view(buf, len);

    if (sequence != NULL)
        in->no = sequence->next_seq_no;
    else if (context != NULL && fixp_uuid_is(in->session, context->session_id))
        in->no = context->next_seq_no;
    else if (in->numbered && len >= sizeof *hdr && hdr->schema_id == OE_SCHEMA_ID &&
             hdr->template_id != OE_LATENCY_RECEIPT_REQUEST_ID) /* which has no number */
        in->no++;
}

/* take_frame handles a frame of a stream: one message; what some stacks put behind it is
 * not read. One that has to wait, and one that is dropped, has used its number up. */
static void
take_frame(struct inbound *in, const uint8_t *buf, size_t len)
{
    bool waits = in->session->holding;

    if (LIKELY(!waits)) {
        take_message(in, buf, len);
        waits = in->waits;
    }
    if (UNLIKELY(waits)) {
        hold_datagram(in, buf, frame_length(buf, len));
        count_on(in, buf, len);
    }
    in->session->stream_no = in->no;
}

int
fixp_server_held(struct gateway *gateway)
{
    uint32_t left_cnt = 0;
    int done = 0;

    for (uint32_t i = 0; i < gateway->holding_cnt; i++) {
        struct fixp_session *session = &gateway->sessions[gateway->holding[i]];

        session->holding = session_is_ouch(session) ? soup_held_take(gateway, session, &done)
                                                    : held_take(gateway, session, &done);
        if (session->holding)
            gateway->holding[left_cnt++] = gateway->holding[i];
    }
    gateway->holding_cnt = left_cnt;
    return done;
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
        .numbered = gateway->sessions[number].stream_no != 0,
    };

    /* What does not prove whose it is can be anybody's; a connection is its client's. */
    if (gateway->cfg.require_context && !gateway->ports[port_idx]->stream &&
        context_length(&in, datagram->data, datagram->len) == 0) {
        gateway->stats.bad_context++;
        return;
    }
    if (!session_listens(in.session)) {
        take_unbound(&in, datagram->data, datagram->len);
        return;
    }
    if (gateway->ports[port_idx]->stream) {
        take_frame(&in, datagram->data, datagram->len);
        return;
    }
    if (UNLIKELY(in.session->holding)) {
        hold_datagram(&in, datagram->data, datagram->len);
        return;
    }

    size_t off = take_first(&in, datagram->data, datagram->len);

    off = take_datagram(&in, datagram->data, off, datagram->len);

    if (UNLIKELY(in.waits))
        hold_datagram(&in, datagram->data + off, datagram->len - off);
}
