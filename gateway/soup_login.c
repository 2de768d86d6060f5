#include <string.h>

#include "gateway/soup_session.h"
#include "proto/hash.h"

/* fold pads a name with zeros and takes its case away. */
static void
fold(const char *text, size_t len, char out[16])
{
    memset(out, 0, 16);
    for (size_t i = 0; i < len && text[i] != '\0'; i++)
        out[i] = text[i] >= 'a' && text[i] <= 'z' ? (char)(text[i] - 'a' + 'A') : text[i];
}

/* differ compares all of both, whatever they are. */
static unsigned
differ(const char a[16], const char b[16])
{
    unsigned bits = 0;

    for (unsigned i = 0; i < 16; i++)
        bits |= (unsigned)(uint8_t)(a[i] ^ b[i]);
    return bits;
}

/* find_login returns the session of a login, DIRECTORY_NONE if there is none. It
 * looks at all sessions, so that the time it takes tells nothing. */
static uint16_t
find_login(const struct gateway *gateway, const struct soup_login *login)
{
    uint16_t found = DIRECTORY_NONE;
    char user[16];
    char password[16];

    fold(login->user, SOUP_USER_LEN, user);
    fold(login->password, SOUP_PASSWORD_LEN, password);
    for (uint16_t i = 0; i < gateway->cfg.sessions_max; i++) {
        const struct gateway_session_cfg *cfg = &gateway->cfg.sessions[i];
        char name[16];
        char key[16];

        if (!cfg->used || cfg->dialect != GATEWAY_OUCH)
            continue;
        fold(cfg->name, SOUP_USER_LEN, name);
        fold(cfg->key, SOUP_PASSWORD_LEN, key);
        if ((differ(name, user) | differ(key, password)) == 0)
            found = i;
    }
    return found;
}

/* day_uuid names the Soup session that a session would begin now. */
static void
day_uuid(const struct gateway *gateway, uint16_t number, uint8_t uuid[16])
{
    struct {
        char what[8];
        char name[16];
        uint32_t session;
        uint32_t date;
        uint32_t run;
        uint32_t shard;
    } identity = {
        .what = "soup",
        .session = number,
        .date = gateway->date,
        .run = gateway->flows_epoch,
        .shard = gateway->cfg.shard,
    };

    memcpy(identity.name, gateway->cfg.sessions[number].name, sizeof identity.name);

    const struct hash128 hash = hash128_of(&identity, sizeof identity);

    memcpy(uuid, &hash, 16);
    uuid[6] = (uint8_t)((uuid[6] & 0xf) | 0x40);
    uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
}

/* is_current says whether a login asks for the session that there is, or for none. */
static bool
is_current(const struct soup_login *login, const uint8_t uuid[16])
{
    char name[SOUP_SESSION_LEN];

    soup_session_name(uuid, name);
    return login->session[0] == '\0' || memcmp(login->session, name, sizeof name) == 0;
}

static void
negotiate(struct gateway *gateway, struct fixp_session *session, const uint8_t uuid[16])
{
    union cell cell = {.session_negotiate = {
                           .kind = CELL_KIND_SESSION_NEGOTIATE,
                           .shape = 1,
                           .time = gateway->now_ns,
                           .request_time = gateway->now_ns,
                           .client_flow = SOUP_CLIENT_FLOW,
                           .server_flow = FIXP_FLOW_TYPE_RECOVERABLE,
                           .session = session_number(gateway, session),
                       }};

    memcpy(cell.session_negotiate.uuid, uuid, 16);
    gateway_command(gateway, &cell, 1);
}

/* establish binds the session to the connection, in the place of one that it may
 * have: who knows the password may come from elsewhere. */
static void
establish(struct gateway *gateway,
          struct fixp_session *session,
          struct soup_conn *conn,
          const uint8_t uuid[16])
{
    const bool takeover = session->state == FIXP_BOUND;
    union cell cell = {.session_establish = {
                           .kind = CELL_KIND_SESSION_ESTABLISH,
                           .shape = 1,
                           .time = gateway->now_ns,
                           .request_time = gateway->now_ns,
                           .keepalive_ms = KEEPALIVE_MS_MAX,
                           .session = session_number(gateway, session),
                           .takeover = takeover,
                       }};

    memcpy(cell.session_establish.uuid, uuid, 16);
    conn->session = session_number(gateway, session);
    conn->token = request_begin(gateway, session, &conn->transport, CELL_KIND_SESSION_ESTABLISH,
                                gateway->now_ns, SOUP_LOGIN_REQUEST_BLOCK, takeover);
    cell.session_establish.transport = conn->token;
    gateway_command(gateway, &cell, 1);
}

void
soup_take_login(struct gateway *gateway, struct soup_conn *conn, const struct soup_login *login)
{
    uint8_t uuid[16];

    /* Nobody is to try passwords as fast as the line is. */
    if (!login_limit_stranger(&gateway->login_limit, conn->transport.peer.ip, gateway->now_ns)) {
        gateway->stats.logins_dropped++;
        soup_conn_end(gateway, conn, CELL_UNBIND_REASON_VIOLATION);
        return;
    }

    const uint16_t number = find_login(gateway, login);

    if (number == DIRECTORY_NONE) {
        gateway->stats.bad_credentials++;
        soup_conn_refuse(gateway, conn, SOUP_REJECT_REASON_NOT_AUTHORIZED);
        return;
    }

    struct fixp_session *session = &gateway->sessions[number];

    memcpy(uuid, session->uuid, sizeof uuid);
    if (!session->negotiated)
        day_uuid(gateway, number, uuid);
    conn->wanted_no = login->no;
    /* One login at a time; and what cannot be had any more cannot be sent. */
    if (session->request.token != 0 || !is_current(login, uuid) ||
        (session->negotiated &&
         !soup_can_send(gateway, session, soup_first_no(login->no, session->flow.next_no)))) {
        gateway->stats.bad_session++;
        soup_conn_refuse(gateway, conn, SOUP_REJECT_REASON_SESSION_NOT_AVAILABLE);
        return;
    }
    if (!session->negotiated)
        negotiate(gateway, session, uuid);
    establish(gateway, session, conn, uuid);
}
