#include <string.h>

#include "gateway/fixp_session.h"
#include "proto/orders.h"

#define TOKEN_SESSION_BITS    14u
#define TOKEN_GENERATION_BITS 16u
#define TOKEN_GATEWAY_SHIFT   (TOKEN_SESSION_BITS + TOKEN_GENERATION_BITS)
_Static_assert(SESSIONS_MAX <= 1u << TOKEN_SESSION_BITS, "a session fits into a token");
_Static_assert(GATEWAYS_MAX <= 1u << (32 - TOKEN_GATEWAY_SHIFT), "and so does a gateway");

static const char out_of_window[] = "Timestamp is out of the window";

/* is_timely tells whether the time in a request is near ours. One from the past may
 * be a copy that somebody kept, and one from the future would bar the session to all
 * requests until then. */
static bool
is_timely(const struct gateway *gateway, uint64_t request_time)
{
    const uint64_t window_ns = gateway->cfg.credentials_window_ms * NS_PER_MS;

    return elapsed_ns(request_time, gateway->now_ns) <= window_ns &&
           elapsed_ns(gateway->now_ns, request_time) <= window_ns;
}

/* login finds the session of a request; NULL if the credentials are wrong. */
static struct fixp_session *
login(struct gateway *gateway,
      const uint8_t *buf,
      size_t len,
      const uint8_t *credentials,
      size_t credentials_len)
{
    const struct directory_login login = {
        .message = buf,
        .message_len = len,
        .credentials = credentials,
        .credentials_len = credentials_len,
        .plain = gateway->cfg.plain_credentials,
    };
    const uint16_t number = directory_login(&gateway->directory, &login);

    if (number == DIRECTORY_NONE) {
        gateway->stats.bad_credentials++;
        return NULL;
    }
    return &gateway->sessions[number];
}

/* may_login tells whether the request's signature may be looked at. */
static bool
may_login(struct gateway *gateway, const struct transport *from)
{
    const uint16_t owner = directory_peer(&gateway->directory, from);

    if (owner != DIRECTORY_NONE &&
        login_limit_known(&gateway->login_limit, &gateway->sessions[owner].login_ns,
                          gateway->now_ns))
        return true;
    if (login_limit_stranger(&gateway->login_limit, from->peer.ip, gateway->now_ns))
        return true;
    gateway->stats.logins_dropped++;
    return false;
}

/* may_refuse tells whether a request that is not looked at gets an answer. */
static bool
may_refuse(struct gateway *gateway)
{
    if (login_limit_refusal(&gateway->login_limit, gateway->now_ns))
        return true;
    gateway->stats.logins_dropped++;
    return false;
}

uint32_t
request_begin(struct gateway *gateway,
              struct fixp_session *session,
              const struct transport *from,
              unsigned kind,
              uint64_t time,
              size_t len,
              bool takeover)
{
    ASSERT(session->request.token == 0);
    if (++gateway->generation >= 1u << TOKEN_GENERATION_BITS)
        gateway->generation = 1;
    session->request = (struct fixp_request){
        .token = (uint32_t)gateway->cfg.index << TOKEN_GATEWAY_SHIFT |
                 gateway->generation << TOKEN_SESSION_BITS | session_number(gateway, session),
        .kind = (uint8_t)kind,
        .takeover = takeover,
        .time = time,
        .len = (uint16_t)len,
        .from = *from,
    };
    gateway->requests_cnt++;
    return session->request.token;
}

/* is_asked_again tells whether a client that got no answer signs its request anew:
 * the same UUID, under which nothing was established yet. */
static bool
is_asked_again(const struct fixp_session *session, const struct fixp_negotiate *msg)
{
    return fixp_uuid_is(session, msg->session_id) && session->negotiate_time != 0 &&
           session->establish_time == 0 && msg->timestamp > session->negotiate_time;
}

/* negotiate_command writes the command. A bound session that is negotiated anew
 * is unbound by the engine; until then its old transport is not listened to. */
static void
negotiate_command(struct gateway *gateway,
                  struct fixp_session *session,
                  const struct transport *from,
                  const struct fixp_negotiate *msg,
                  size_t len)
{
    const bool takeover = session->state == FIXP_BOUND;
    const bool again = is_asked_again(session, msg);
    union cell cell = {.session_negotiate = {
                           .kind = CELL_KIND_SESSION_NEGOTIATE,
                           .shape = 1,
                           .time = gateway->now_ns,
                           .request_time = again ? session->negotiate_time : msg->timestamp,
                           .client_flow = msg->client_flow,
                           .server_flow = FIXP_FLOW_TYPE_RECOVERABLE,
                           .session = session_number(gateway, session),
                       }};

    memcpy(cell.session_negotiate.uuid, msg->session_id, sizeof msg->session_id);
    cell.session_negotiate.transport = request_begin(
        gateway, session, from, CELL_KIND_SESSION_NEGOTIATE, msg->timestamp, len, takeover);
    gateway_command(gateway, &cell, 1);
}

/*
 * negotiate_refusal returns why a request with good credentials is refused
 * without asking the engine, NULL if it is not.
 */
static const char *
negotiate_refusal(const struct gateway *gateway,
                  const struct fixp_session *session,
                  const struct transport *from,
                  const struct fixp_negotiate *msg)
{
    if (!cell_uuid_is_v4(msg->session_id))
        return "SessionId is no UUID of version 4";
    if (msg->timestamp < session->negotiate_time)
        return "Timestamp is older than that of the session";
    if (msg->timestamp == session->negotiate_time && !fixp_uuid_is(session, msg->session_id))
        return "Timestamp is that of the session";
    if (session->state == FIXP_BOUND && !transport_equal(&session->transport, from) &&
        !session_is_silent(gateway, session))
        return "session is bound to another transport";
    if (session->elsewhere)
        return "session is bound to another transport";
    return NULL;
}

void
fixp_negotiate(struct gateway *gateway,
               const struct transport *from,
               const uint8_t *buf,
               size_t len)
{
    const struct fixp_negotiate *msg = fixp_negotiate_view(buf, len);
    uint16_t credentials_len;

    if (msg == NULL) {
        gateway->stats.bad_frame++;
        return;
    }

    if (!is_timely(gateway, msg->timestamp)) {
        if (may_refuse(gateway))
            fixp_send_negotiation_reject(gateway, from, msg->session_id, msg->timestamp, len,
                                         FIXP_NEGOTIATION_REJECT_CODE_UNSPECIFIED, out_of_window);
        return;
    }
    if (!may_login(gateway, from))
        return;

    const uint8_t *credentials = fixp_negotiate_credentials(buf, &credentials_len);
    struct fixp_session *session = login(gateway, buf, len, credentials, credentials_len);

    if (session == NULL) {
        fixp_send_negotiation_reject(gateway, from, msg->session_id, msg->timestamp, len,
                                     FIXP_NEGOTIATION_REJECT_CODE_CREDENTIALS, "");
        return;
    }
    if (session->request.token != 0) {
        gateway->stats.duplicates++;
        return;
    }
    const bool copies = session_copies(gateway, session);

    if (msg->client_flow != (copies ? FIXP_FLOW_TYPE_NONE : FIXP_FLOW_TYPE_IDEMPOTENT)) {
        fixp_send_negotiation_reject(gateway, from, msg->session_id, msg->timestamp, len,
                                     FIXP_NEGOTIATION_REJECT_CODE_FLOW_TYPE_NOT_SUPPORTED,
                                     copies ? "the client flow of a drop copy is None"
                                            : "the client flow is Idempotent");
        return;
    }
    if (session->finalised && fixp_uuid_is(session, msg->session_id)) {
        fixp_send_negotiation_reject(gateway, from, msg->session_id, msg->timestamp, len,
                                     FIXP_NEGOTIATION_REJECT_CODE_DUPLICATE_ID,
                                     "SessionId is finished");
        return;
    }
    if (session->negotiated && fixp_uuid_is(session, msg->session_id) &&
        msg->timestamp == session->negotiate_time) {
        gateway->stats.duplicates++;
        fixp_send_negotiation_response(gateway, from, msg->session_id, msg->timestamp);
        return;
    }

    const char *refusal = negotiate_refusal(gateway, session, from, msg);

    if (refusal != NULL) {
        fixp_send_negotiation_reject(gateway, from, msg->session_id, msg->timestamp, len,
                                     FIXP_NEGOTIATION_REJECT_CODE_UNSPECIFIED, refusal);
        return;
    }
    if (session->negotiated && is_asked_again(session, msg)) {
        gateway->stats.duplicates++;
        fixp_send_negotiation_response(gateway, from, msg->session_id, msg->timestamp);
        return;
    }
    negotiate_command(gateway, session, from, msg, len);
}

static void
establish_command(struct gateway *gateway,
                  struct fixp_session *session,
                  const struct transport *from,
                  const struct fixp_establish *msg,
                  size_t len,
                  bool takeover)
{
    union cell cell = {.session_establish = {
                           .kind = CELL_KIND_SESSION_ESTABLISH,
                           .shape = 1,
                           .time = gateway->now_ns,
                           .request_time = msg->timestamp,
                           .keepalive_ms = msg->keepalive_interval,
                           .session = session_number(gateway, session),
                           .takeover = takeover,
                       }};

    memcpy(cell.session_establish.uuid, msg->session_id, sizeof msg->session_id);
    cell.session_establish.transport = request_begin(
        gateway, session, from, CELL_KIND_SESSION_ESTABLISH, msg->timestamp, len, takeover);
    gateway_command(gateway, &cell, 1);
}

/* establish_admit decides on a request with good credentials. */
static void
establish_admit(struct gateway *gateway,
                struct fixp_session *session,
                const struct transport *from,
                const struct fixp_establish *msg,
                size_t len)
{
    const bool same_uuid = fixp_uuid_is(session, msg->session_id);
    const bool same_transport =
        session->state == FIXP_BOUND && transport_equal(&session->transport, from);

    /* The engine would say so too, but into the journal. */
    if (!same_uuid || session->finalised) {
        fixp_send_establishment_reject(gateway, from, msg->session_id, msg->timestamp, len,
                                       FIXP_ESTABLISHMENT_REJECT_CODE_UNNEGOTIATED, "");
        return;
    }
    /* The ack was lost, or the request came twice. */
    if (same_transport && msg->timestamp <= session->establish_time) {
        gateway->stats.duplicates++;
        if (msg->timestamp < session->establish_time)
            return;
        session->last_rx_ns = gateway->now_ns;
        if (publisher_flush(gateway, session))
            fixp_send_establishment_ack(gateway, session);
        return;
    }
    if (msg->timestamp <= session->establish_time) {
        fixp_send_establishment_reject(gateway, from, msg->session_id, msg->timestamp, len,
                                       FIXP_ESTABLISHMENT_REJECT_CODE_UNSPECIFIED,
                                       "Timestamp is not newer than that of the session");
        return;
    }
    if (msg->keepalive_interval < KEEPALIVE_MS_MIN || msg->keepalive_interval > KEEPALIVE_MS_MAX) {
        fixp_send_establishment_reject(gateway, from, msg->session_id, msg->timestamp, len,
                                       FIXP_ESTABLISHMENT_REJECT_CODE_KEEPALIVE_INTERVAL, "");
        return;
    }
    if (fixp_transport_taken(gateway, session, from)) {
        fixp_send_establishment_reject(gateway, from, msg->session_id, msg->timestamp, len,
                                       FIXP_ESTABLISHMENT_REJECT_CODE_UNSPECIFIED,
                                       "another session is bound to this transport");
        return;
    }
    establish_command(gateway, session, from, msg, len,
                      same_transport ||
                          (session->state == FIXP_BOUND && session_is_silent(gateway, session)));
}

void
fixp_establish(struct gateway *gateway,
               const struct transport *from,
               const uint8_t *buf,
               size_t len)
{
    const struct fixp_establish *msg = fixp_establish_view(buf, len);
    uint16_t credentials_len;

    if (msg == NULL) {
        gateway->stats.bad_frame++;
        return;
    }

    if (!is_timely(gateway, msg->timestamp)) {
        if (may_refuse(gateway))
            fixp_send_establishment_reject(gateway, from, msg->session_id, msg->timestamp, len,
                                           FIXP_ESTABLISHMENT_REJECT_CODE_UNSPECIFIED,
                                           out_of_window);
        return;
    }
    if (!may_login(gateway, from))
        return;

    const uint8_t *credentials = fixp_establish_credentials(buf, &credentials_len);
    struct fixp_session *session = login(gateway, buf, len, credentials, credentials_len);

    if (session == NULL) {
        fixp_send_establishment_reject(gateway, from, msg->session_id, msg->timestamp, len,
                                       FIXP_ESTABLISHMENT_REJECT_CODE_CREDENTIALS, "");
        return;
    }
    if (session->request.token != 0) {
        gateway->stats.duplicates++;
        return;
    }
    establish_admit(gateway, session, from, msg, len);
}
