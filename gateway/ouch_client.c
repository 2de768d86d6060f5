#include "gateway/ouch_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/soup.h"
#include "proto/limits.h"
#include "proto/ouch.h"
#include "proto/soup.h"

/* How long after a connection that could not be had the next is tried. */
#define AGAIN_NS UINT64_C(50000000)

struct ouch_client {
    struct ouch_client_cfg cfg;
    enum ouch_client_state state;
    bool lost; /* while it was logging in */
    uint32_t next_ref;
    uint64_t next_no;
    uint64_t tried_ns;
    uint64_t last_rx_ns;
    uint64_t last_tx_ns;
    size_t queued_len;
    char user[SOUP_USER_LEN + 1];
    char password[SOUP_PASSWORD_LEN + 1];
    char error[128];
    uint8_t queued[DATAGRAM_BYTES_MAX];
};

static bool
elapsed(uint64_t since_ns, uint64_t now_ns, uint64_t ns)
{
    return now_ns > since_ns && now_ns - since_ns >= ns;
}

struct ouch_client *
ouch_client_new(const struct ouch_client_cfg *cfg)
{
    struct ouch_client *client;

    ASSERT(cfg->source != 0);
    if (strlen(cfg->user) > SOUP_USER_LEN || strlen(cfg->password) > SOUP_PASSWORD_LEN)
        return NULL;
    client = calloc(1, sizeof *client);
    if (client == NULL)
        return NULL;
    client->cfg = *cfg;
    snprintf(client->user, sizeof client->user, "%s", cfg->user);
    snprintf(client->password, sizeof client->password, "%s", cfg->password);
    client->cfg.user = client->user;
    client->cfg.password = client->password;
    client->state = OUCH_CLIENT_IDLE;
    return client;
}

void
ouch_client_free(struct ouch_client *client)
{
    free(client);
}

/* close_with ends it; error is one line, or "". */
static void
close_with(struct ouch_client *client, const char *error)
{
    client->state = OUCH_CLIENT_CLOSED;
    client->queued_len = 0;
    snprintf(client->error, sizeof client->error, "%s", error);
    port_source(client->cfg.port, client->cfg.source);
    port_drop(client->cfg.port, &client->cfg.server);
}

/* --- what is sent ------------------------------------------------------------ */

/* queue_push gives what is queued to the port; false if it has no room. */
static bool
queue_push(struct ouch_client *client)
{
    uint8_t *buf;

    if (client->queued_len == 0)
        return true;
    port_source(client->cfg.port, client->cfg.source);
    buf = port_tx_claim(client->cfg.port, &client->cfg.server);
    if (buf == NULL)
        return false;
    memcpy(buf, client->queued, client->queued_len);
    port_tx_push(client->cfg.port, client->queued_len);
    client->queued_len = 0;
    return true;
}

/* queue_packet queues a packet with len bytes behind its type; false without room. */
static bool
queue_packet(struct ouch_client *client, char type, const void *body, size_t len)
{
    uint8_t *at;
    struct soup_length length;

    ASSERT(SOUP_DATA_HEAD + len <= sizeof client->queued);
    if (client->queued_len + SOUP_DATA_HEAD + len > sizeof client->queued && !queue_push(client))
        return false;
    at = client->queued + client->queued_len;
    soup_length_set_bytes(&length, (uint16_t)(1 + len));
    (void)soup_length_encode(at, SOUP_DATA_HEAD, &length);
    at[2] = (uint8_t)type;
    if (len > 0)
        memcpy(at + SOUP_DATA_HEAD, body, len);
    client->queued_len += SOUP_DATA_HEAD + len;
    return true;
}

bool
ouch_client_send(struct ouch_client *client, const void *message, size_t len)
{
    return client->state == OUCH_CLIENT_LIVE && len <= OUCH_CLIENT_MESSAGE_MAX &&
           queue_packet(client, SOUP_UNSEQUENCED_DATA_TYPE, message, len);
}

void
ouch_client_flush(struct ouch_client *client, uint64_t now_ns)
{
    if (client->queued_len > 0 && queue_push(client))
        client->last_tx_ns = now_ns;
    port_tx_flush(client->cfg.port);
}

/* put_text writes a field with spaces behind it. */
static void
put_text(char *chars, size_t len, const char *text)
{
    const size_t text_len = strlen(text);

    memset(chars, ' ', len);
    memcpy(chars, text, text_len < len ? text_len : len);
}

static void
say_login(struct ouch_client *client, uint64_t now_ns)
{
    struct soup_login_request msg;

    put_text(msg.username, sizeof msg.username, client->user);
    put_text(msg.password, sizeof msg.password, client->password);
    put_text(msg.requested_session, sizeof msg.requested_session, "");
    put_text(msg.requested_sequence_number, sizeof msg.requested_sequence_number, "0");
    client->state = OUCH_CLIENT_LOGGING_IN;
    client->lost = false;
    client->queued_len = 0;
    client->tried_ns = now_ns;
    (void)queue_packet(client, SOUP_LOGIN_REQUEST_TYPE, (const uint8_t *)&msg + 1, sizeof msg - 1);
    ouch_client_flush(client, now_ns);
}

void
ouch_client_connect(struct ouch_client *client, uint64_t now_ns)
{
    if (client->state != OUCH_CLIENT_IDLE)
        return;
    client->last_rx_ns = now_ns;
    say_login(client, now_ns);
}

void
ouch_client_logout(struct ouch_client *client, uint64_t now_ns)
{
    if (client->state != OUCH_CLIENT_LIVE && client->state != OUCH_CLIENT_ASKING) {
        close_with(client, "");
        return;
    }
    if (!queue_packet(client, SOUP_LOGOUT_REQUEST_TYPE, NULL, 0)) {
        close_with(client, "");
        return;
    }
    client->state = OUCH_CLIENT_LEAVING;
    client->tried_ns = now_ns;
    ouch_client_flush(client, now_ns);
}

/* --- what comes -------------------------------------------------------------- */

/* number_of reads a number with spaces around it; 0 if it is none. */
static uint64_t
number_of(const char *chars, size_t len)
{
    uint64_t number = 0;

    for (size_t i = 0; i < len; i++) {
        if (chars[i] == ' ')
            continue;
        if (chars[i] < '0' || chars[i] > '9' ||
            __builtin_mul_overflow(number, UINT64_C(10), &number) ||
            __builtin_add_overflow(number, (uint64_t)(chars[i] - '0'), &number))
            return 0;
    }
    return number;
}

/* take_answer takes what comes while the login is not answered. */
static void
take_answer(struct ouch_client *client, const uint8_t *packet, size_t len, uint64_t now_ns)
{
    static const uint8_t query = OUCH_ACCOUNT_QUERY_TYPE;
    const struct soup_login_accepted *accepted = soup_login_accepted_view(packet, len);
    const struct soup_login_rejected *rejected = soup_login_rejected_view(packet, len);

    if (rejected != NULL) {
        close_with(client, rejected->reason == SOUP_REJECT_REASON_NOT_AUTHORIZED
                               ? "login refused: not authorized (user or password is wrong)"
                               : "login refused: session not available (it is blocked, or "
                                 "another login is in work)");
        return;
    }
    client->next_no = accepted == NULL
                          ? 0
                          : number_of(accepted->sequence_number, sizeof accepted->sequence_number);
    if (client->next_no == 0) {
        close_with(client, "the answer to the login is none of SoupBinTCP");
        return;
    }
    client->state = OUCH_CLIENT_ASKING;
    (void)queue_packet(client, SOUP_UNSEQUENCED_DATA_TYPE, &query, sizeof query);
    ouch_client_flush(client, now_ns);
}

static void
take_data(struct ouch_client *client, const uint8_t *message, size_t len)
{
    const uint64_t no = client->next_no++;
    const struct ouch_query_response *answer =
        client->state == OUCH_CLIENT_ASKING ? ouch_query_response_view(message, len) : NULL;

    if (answer != NULL) {
        client->next_ref = ouch_query_response_next_user_ref_num(answer);
        client->state = OUCH_CLIENT_LIVE;
        return;
    }
    client->cfg.on_message(client->cfg.ctx, no, message, len);
}

static void
take_packet(struct ouch_client *client, const uint8_t *packet, size_t len, uint64_t now_ns)
{
    if (len < 1 || packet[0] == SOUP_DEBUG_TYPE)
        return;
    if (client->state == OUCH_CLIENT_LOGGING_IN) {
        take_answer(client, packet, len, now_ns);
        return;
    }
    switch (packet[0]) {
    case SOUP_SEQUENCED_DATA_TYPE:
        take_data(client, packet + 1, len - 1);
        break;
    case SOUP_SERVER_HEARTBEAT_TYPE:
        break;
    case SOUP_END_OF_SESSION_TYPE:
        close_with(client, "the exchange has ended the session with its day");
        break;
    default:
        close_with(client, "the exchange sent what is no packet of SoupBinTCP");
        break;
    }
}

/* gone takes the end of the connection. */
static void
gone(struct ouch_client *client, uint64_t now_ns)
{
    if (client->state == OUCH_CLIENT_LOGGING_IN) {
        client->lost = true;
        client->tried_ns = now_ns;
    } else {
        close_with(client, client->state == OUCH_CLIENT_LEAVING
                               ? ""
                               : "the connection to the exchange has ended");
    }
}

void
ouch_client_datagram(struct ouch_client *client, const struct datagram *datagram, uint64_t now_ns)
{
    if (client->state == OUCH_CLIENT_IDLE || client->state == OUCH_CLIENT_CLOSED)
        return;
    client->last_rx_ns = now_ns;
    if (datagram->lost)
        gone(client, now_ns);
    else
        take_packet(client, datagram->data, datagram->len, now_ns);
}

void
ouch_client_poll(struct ouch_client *client, uint64_t now_ns)
{
    switch (client->state) {
    case OUCH_CLIENT_LOGGING_IN:
        if (client->lost && elapsed(client->tried_ns, now_ns, AGAIN_NS))
            say_login(client, now_ns);
        break;
    case OUCH_CLIENT_ASKING:
    case OUCH_CLIENT_LIVE:
        if (elapsed(client->last_rx_ns, now_ns, SOUP_SILENCE_NS))
            close_with(client, "the exchange is silent");
        else if (elapsed(client->last_tx_ns, now_ns, SOUP_HEARTBEAT_NS) &&
                 queue_packet(client, SOUP_CLIENT_HEARTBEAT_TYPE, NULL, 0))
            ouch_client_flush(client, now_ns);
        break;
    case OUCH_CLIENT_IDLE:
    case OUCH_CLIENT_LEAVING:
    case OUCH_CLIENT_CLOSED:
        break;
    }
}

enum ouch_client_state
ouch_client_state(const struct ouch_client *client)
{
    return client->state;
}

const char *
ouch_client_error(const struct ouch_client *client)
{
    return client->error;
}

uint64_t
ouch_client_next_no(const struct ouch_client *client)
{
    return client->next_no;
}

uint32_t
ouch_client_next_ref(const struct ouch_client *client)
{
    return client->next_ref;
}
