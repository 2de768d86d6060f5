#include "gateway/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "gateway/client_state.h"
#include "gateway/credentials.h"

/* uuid_draw draws one in the place of zeros; 0, or -1 without randomness. */
static int
uuid_draw(uint8_t uuid[16])
{
    static const uint8_t zeros[16];

    if (memcmp(uuid, zeros, sizeof zeros) != 0)
        return 0;
    return getrandom(uuid, sizeof zeros, 0) == (ssize_t)sizeof zeros ? 0 : -1;
}

/* fits: what would be cut would be refused by the exchange as wrong. */
static bool
fits(const char *text, size_t max)
{
    return text != NULL && strnlen(text, max + 1) <= max;
}

struct client *
client_new(const struct client_cfg *cfg)
{
    if (!fits(cfg->name, CLIENT_NAME_MAX) || !fits(cfg->key, CLIENT_KEY_MAX))
        return NULL;

    struct client *client = calloc(1, sizeof *client);

    if (client == NULL)
        return NULL;
    client->cfg = *cfg;
    if (!cfg->resume && uuid_draw(client->cfg.uuid) != 0) {
        free(client);
        return NULL;
    }
    client->cfg.uuid[6] = (uint8_t)((client->cfg.uuid[6] & 0x0f) | 0x40);
    client->cfg.uuid[8] = (uint8_t)((client->cfg.uuid[8] & 0x3f) | 0x80);
    snprintf(client->name, sizeof client->name, "%s", cfg->name);
    snprintf(client->key, sizeof client->key, "%s", cfg->key);
    client->cfg.name = client->name;
    client->cfg.key = client->key;
    client->next_no = cfg->resume ? cfg->resume_no : 1;
    client->next_report_no = cfg->resume ? cfg->resume_next_report_no : 1;
    client->known_no = client->next_report_no;
    client->state = CLIENT_IDLE;
    return client;
}

void
client_free(struct client *client)
{
    free(client);
}

/* client_source makes the port know who speaks. */
static void
client_source(struct client *client)
{
    if (client->cfg.udp_source != 0)
        port_source(client->cfg.port, client->cfg.udp_source);
}

uint8_t *
client_claim(struct client *client)
{
    client_source(client);
    return port_tx_claim(client->cfg.port, &client->cfg.server);
}

void
client_push(struct client *client, size_t len, uint64_t now_ns)
{
    port_tx_push(client->cfg.port, len);
    client->last_tx_ns = now_ns;
}

void
client_close(struct client *client, const char *error, const char *detail, size_t detail_len)
{
    client->state = CLIENT_CLOSED;
    /* What the port had no room for is of a session that is over: whoever resumes
     * it is told that it was not applied. What was said before, Terminate perhaps,
     * still goes. */
    client->queued_len = 0;
    client_source(client);
    port_drop(client->cfg.port, &client->cfg.server);
    if (error[0] == '\0')
        return;

    const int cnt =
        snprintf(client->error, sizeof client->error, "%s%s%.*s", error, detail_len > 0 ? ": " : "",
                 (int)(detail_len < 80 ? detail_len : 80), detail_len > 0 ? detail : "");

    /* The detail came over the wire: one line of plain text is what we promise. */
    for (int i = 0; i < cnt && client->error[i] != '\0'; i++) {
        if ((unsigned char)client->error[i] < ' ' || (unsigned char)client->error[i] > '~')
            client->error[i] = '?';
    }
}

/* sign fills in the credentials, which are the last bytes of the request. */
static size_t
sign(const struct client *client, uint8_t *buf, size_t len)
{
    struct credentials *credentials =
        (struct credentials *)(void *)(buf + len - sizeof *credentials);

    credentials_sign(credentials, client->name, client->key, buf, credentials_message(buf, len));
    return len;
}

static void
say_negotiate(struct client *client, uint64_t now_ns)
{
    static const struct credentials unsigned_yet;
    struct fixp_negotiate msg = {
        .timestamp = client->request_ns,
        .client_flow = client->cfg.drop_copy ? FIXP_FLOW_TYPE_NONE : FIXP_FLOW_TYPE_IDEMPOTENT,
    };
    uint8_t *buf = client_claim(client);

    if (buf == NULL)
        return;
    memcpy(msg.session_id, client->cfg.uuid, sizeof msg.session_id);

    const size_t len =
        fixp_negotiate_encode(buf, DATAGRAM_BYTES_MAX, &msg, &unsigned_yet, sizeof unsigned_yet);

    client_push(client, sign(client, buf, len), now_ns);
}

static void
say_establish(struct client *client, uint64_t now_ns)
{
    static const struct credentials unsigned_yet;
    struct fixp_establish msg = {
        .timestamp = client->request_ns,
        .keepalive_interval = client->cfg.keepalive_ms,
        .next_seq_no = FIXP_ESTABLISH_NEXT_SEQ_NO_NULL,
    };
    uint8_t *buf = client_claim(client);

    if (buf == NULL)
        return;
    memcpy(msg.session_id, client->cfg.uuid, sizeof msg.session_id);

    const size_t len =
        fixp_establish_encode(buf, DATAGRAM_BYTES_MAX, &msg, &unsigned_yet, sizeof unsigned_yet);

    client_push(client, sign(client, buf, len), now_ns);
}

/* put_number puts at buf the number of the message that follows: Sequence, or
 * Context, which says whose it is as well. */
static size_t
put_number(const struct client *client, uint8_t *buf)
{
    const struct fixp_sequence sequence = {.next_seq_no = client->next_no};
    struct fixp_context context = {.next_seq_no = client->next_no};

    if (!client->cfg.context)
        return fixp_sequence_encode(buf, DATAGRAM_BYTES_MAX, &sequence);
    memcpy(context.session_id, client->cfg.uuid, sizeof context.session_id);
    return fixp_context_encode(buf, DATAGRAM_BYTES_MAX, &context);
}

size_t
client_begin(const struct client *client, uint8_t *buf)
{
    return client->cfg.context ? put_number(client, buf) : 0;
}

void
client_say_terminate(struct client *client, enum fixp_termination_code code, uint64_t now_ns)
{
    struct fixp_terminate msg = {.code = (uint8_t)code};
    uint8_t *buf = client_claim(client);

    if (buf == NULL)
        return;
    memcpy(msg.session_id, client->cfg.uuid, sizeof msg.session_id);

    const size_t len = client_begin(client, buf);

    client_push(client,
                len + fixp_terminate_encode(buf + len, DATAGRAM_BYTES_MAX - len, &msg, NULL, 0),
                now_ns);
}

/* say_heartbeat: Sequence, or of a flow without messages one of its own. */
static void
say_heartbeat(struct client *client, uint64_t now_ns)
{
    uint8_t *buf = client_claim(client);
    size_t len;

    if (buf == NULL)
        return;
    len = client->cfg.drop_copy ? client_begin(client, buf) : put_number(client, buf);
    if (client->cfg.drop_copy) {
        fixp_header_put(buf + len, FIXP_UNSEQUENCED_HEARTBEAT_ID, 0);
        len += sizeof(struct fixp_header);
    }
    client_push(client, len, now_ns);
}

void
client_request(struct client *client, uint64_t now_ns)
{
    switch (client->state) {
    case CLIENT_NEGOTIATING:
        say_negotiate(client, now_ns);
        break;
    case CLIENT_ESTABLISHING:
        say_establish(client, now_ns);
        break;
    case CLIENT_TERMINATING:
        client_say_terminate(client, FIXP_TERMINATION_CODE_FINISHED, now_ns);
        break;
    case CLIENT_FINISHING:
        client_say_finished(client, now_ns);
        break;
    case CLIENT_IDLE:
    case CLIENT_ESTABLISHED:
    case CLIENT_CLOSED:
        return;
    }
    client->sent_ns = now_ns;
    port_tx_flush(client->cfg.port);
}

static void
request_stamp(struct client *client, uint64_t now_ns)
{
    client->request_ns = now_ns > client->request_ns ? now_ns : client->request_ns + 1;
}

/* request_begin enters a state that waits for an answer. Its repeats bear the
 * time of the first, so that the exchange knows them again. */
static void
request_begin(struct client *client, enum client_state state, uint64_t now_ns)
{
    client->state = state;
    request_stamp(client, now_ns);
    client->first_ns = client->request_ns;
    client->repeats = 0;
    client_request(client, now_ns);
}

void
client_connect(struct client *client, uint64_t now_ns)
{
    if (client->state != CLIENT_IDLE)
        return;
    client->last_rx_ns = now_ns;
    request_begin(client, client->cfg.resume ? CLIENT_ESTABLISHING : CLIENT_NEGOTIATING, now_ns);
}

void
client_establish(struct client *client, uint64_t now_ns)
{
    request_begin(client, CLIENT_ESTABLISHING, now_ns);
}

/* queue_push gives the queued datagram to the port; false if it has no room. */
static bool
queue_push(struct client *client)
{
    uint8_t *buf;

    if (client->queued_len == 0)
        return true;
    buf = client_claim(client);
    if (buf == NULL)
        return false;
    memcpy(buf, client->queued, client->queued_len);
    port_tx_push(client->cfg.port, client->queued_len);
    client->queued_len = 0;
    return true;
}

uint64_t
client_send(struct client *client, const void *message, size_t len)
{
    if (client->state != CLIENT_ESTABLISHED || len > CLIENT_MESSAGE_MAX || client->cfg.drop_copy)
        return 0;
    if (client->queued_len + len > sizeof client->queued && !queue_push(client))
        return 0;
    if (client->queued_len == 0 && (client->say_no || !client->cfg.port->stream)) {
        client->say_no = false;
        client->queued_len = put_number(client, client->queued);
    }
    memcpy(client->queued + client->queued_len, message, len);
    client->queued_len += len;
    return client->next_no++;
}

void
client_flush(struct client *client, uint64_t now_ns)
{
    if (client->queued_len > 0 && queue_push(client))
        client->last_tx_ns = now_ns;
    port_tx_flush(client->cfg.port);
}

void
client_ask(struct client *client, uint64_t now_ns)
{
    struct fixp_retransmit_request msg = {.timestamp = now_ns};
    uint64_t end = client->next_report_no;
    uint8_t *buf;

    if (client->next_report_no >= client->known_no) {
        client->asked_ns = 0;
        return;
    }
    /* What was asked for is not complete and not late: wait. */
    if (client->asked_ns != 0 && client->next_report_no < client->asked_end &&
        now_ns - client->asked_ns < CLIENT_ASK_NS)
        return;
    buf = client_claim(client);
    if (buf == NULL)
        return;
    while (end < client->known_no && end - client->next_report_no < CLIENT_ASK_MAX &&
           client->held[end & (CLIENT_HELD_MAX - 1)].no != end)
        end++;
    memcpy(msg.session_id, client->cfg.uuid, sizeof msg.session_id);
    msg.from_seq_no = client->next_report_no;
    msg.count = (uint32_t)(end - client->next_report_no);

    const size_t len = client_begin(client, buf);

    client_push(client,
                len + fixp_retransmit_request_encode(buf + len, DATAGRAM_BYTES_MAX - len, &msg),
                now_ns);
    client->asked_ns = now_ns;
    client->asked_end = end;
    client->asks++;
}

/* ask_receipts asks for latency receipts, if they are wanted, until it is answered. */
static void
ask_receipts(struct client *client, uint64_t now_ns)
{
    struct oe_latency_receipt_request msg = {.latency_receipts = OE_LATENCY_RECEIPTS_ON};
    uint8_t *buf;

    if (client->cfg.on_receipt == NULL || client->receipts ||
        client->receipts_asks == CLIENT_RECEIPT_MAX ||
        (client->receipts_asks != 0 && now_ns - client->receipts_ns < CLIENT_RECEIPT_NS))
        return;
    buf = client_claim(client);
    if (buf == NULL)
        return;
    memcpy(msg.session_id, client->cfg.uuid, sizeof msg.session_id);

    const size_t len = client_begin(client, buf);

    /* No sign of life to an exchange that does not know it: heartbeats go on. */
    port_tx_push(client->cfg.port, len + oe_latency_receipt_request_encode(
                                             buf + len, DATAGRAM_BYTES_MAX - len, &msg));
    client->receipts_ns = now_ns;
    client->receipts_asks++;
}

/* is_silent tells whether the exchange has missed its own interval, twice. */
static bool
is_silent(const struct client *client, uint64_t now_ns)
{
    const uint64_t silence_ns =
        2 * client->server_keepalive_ms * CLIENT_NS_PER_MS + CLIENT_GRACE_NS;

    return now_ns > client->last_rx_ns && now_ns - client->last_rx_ns > silence_ns;
}

/* poll_established does heartbeats, holes and silence. */
static void
poll_established(struct client *client, uint64_t now_ns)
{
    if (is_silent(client, now_ns)) {
        client_say_terminate(client, FIXP_TERMINATION_CODE_UNSPECIFIED_ERROR, now_ns);
        client_close(client, "the exchange is silent", NULL, 0);
        return;
    }
    client_ask(client, now_ns);
    ask_receipts(client, now_ns);
    if (client->queued_len == 0 &&
        now_ns - client->last_tx_ns >= client->cfg.keepalive_ms * CLIENT_NS_PER_MS)
        say_heartbeat(client, now_ns);
}

/* poll_request repeats what was not answered, and gives up in the end. */
static void
poll_request(struct client *client, uint64_t now_ns)
{
    if (now_ns - client->sent_ns < CLIENT_REPEAT_NS)
        return;
    /* The answer to Establish went with the connection: over another one it must
     * be newer. Negotiate is known again wherever it comes from. */
    if (client->lost && client->state == CLIENT_ESTABLISHING)
        client->request_ns = now_ns > client->request_ns ? now_ns : client->request_ns + 1;
    client->lost = false;

    const bool in_vain =
        (client->state == CLIENT_TERMINATING || client->farewell_said) && is_silent(client, now_ns);

    if (++client->repeats < CLIENT_REPEAT_MAX && !in_vain) {
        if (client->repeats % CLIENT_RESIGN == 0)
            request_stamp(client, now_ns);
        client_request(client, now_ns);
        return;
    }
    /* Nobody is there to answer our Terminate: then the session is ended too. */
    client_close(client,
                 client->state == CLIENT_TERMINATING || client->farewell_said
                     ? ""
                     : "the exchange does not answer",
                 NULL, 0);
}

void
client_poll(struct client *client, uint64_t now_ns)
{
    switch (client->state) {
    case CLIENT_NEGOTIATING:
    case CLIENT_ESTABLISHING:
        poll_request(client, now_ns);
        break;
    case CLIENT_TERMINATING:
    case CLIENT_FINISHING:
        client_ask(client, now_ns);
        poll_request(client, now_ns);
        break;
    case CLIENT_ESTABLISHED:
        poll_established(client, now_ns);
        break;
    case CLIENT_IDLE:
    case CLIENT_CLOSED:
        return;
    }
    client_flush(client, now_ns);
}

int
client_receive(struct client *client, uint64_t now_ns)
{
    struct datagram datagrams[PORT_BURST_MAX];
    const int cnt = port_rx(client->cfg.port, datagrams, PORT_BURST_MAX);

    for (int i = 0; i < cnt; i++)
        client_datagram(client, &datagrams[i], now_ns);
    client_poll(client, now_ns);
    return cnt;
}

void
client_terminate(struct client *client, uint64_t now_ns)
{
    switch (client->state) {
    case CLIENT_ESTABLISHED:
    case CLIENT_FINISHING:
        client_flush(client, now_ns);
        request_begin(client, CLIENT_TERMINATING, now_ns);
        break;
    case CLIENT_IDLE:
    case CLIENT_NEGOTIATING:
    case CLIENT_ESTABLISHING:
        /* It may be bound by now; who is not does not mind. */
        if (client->state == CLIENT_ESTABLISHING)
            client_say_terminate(client, FIXP_TERMINATION_CODE_FINISHED, now_ns);
        port_tx_flush(client->cfg.port);
        client_close(client, "", NULL, 0);
        break;
    case CLIENT_TERMINATING:
    case CLIENT_CLOSED:
        break;
    }
}

void
client_finish(struct client *client, uint64_t now_ns)
{
    if (client->state != CLIENT_ESTABLISHED) {
        client_terminate(client, now_ns);
        return;
    }
    client_flush(client, now_ns);
    request_begin(client, CLIENT_FINISHING, now_ns);
}

enum client_state
client_state(const struct client *client)
{
    return client->state;
}

const char *
client_error(const struct client *client)
{
    return client->error;
}

const uint8_t *
client_uuid(const struct client *client)
{
    return client->cfg.uuid;
}

uint64_t
client_next_no(const struct client *client)
{
    return client->next_no;
}

uint64_t
client_next_report_no(const struct client *client)
{
    return client->next_report_no;
}

uint64_t
client_missing(const struct client *client)
{
    return client->known_no > client->next_report_no ? client->known_no - client->next_report_no
                                                     : 0;
}

uint64_t
client_retransmits(const struct client *client)
{
    return client->asks;
}
