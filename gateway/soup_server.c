#include <string.h>

#include "gateway/fixp_session.h"
#include "gateway/ouch_codec.h"
#include "proto/hash.h"
#include "proto/orders.h"
#include "proto/ouch.h"
#include "proto/soup.h"

/*
 * OUCH sessions. A Soup session is what FIXP calls a negotiation: both flows start
 * at 1. It lives for a business day; its name is made from the UUID of the
 * negotiation, and that from the session, the day and the last run that had to
 * end all flows, because the one before may have lost what it told. So a login is one command,
 * Establish, and on the first of the day two.
 */

/* FIXP's word for a client flow whose messages the session layer does not number. */
#define CLIENT_FLOW FIXP_FLOW_TYPE_UNSEQUENCED

/* Reports that the journal is asked for at a time: they fit into what may wait for
 * a connection. */
#define OLD_REPORTS_MAX 64u

_Static_assert(OUCH_REPORT_BYTES_MAX <= sizeof(((struct report_slot *)0)->bytes),
               "the longest report fits");

/* --- connections ------------------------------------------------------------- */

/* unbind begins the end of a binding whose connection is gone: now, or when there is
 * room for the command. */
static void
unbind(struct gateway *gateway, struct fixp_session *session, enum cell_unbind_reason reason)
{
    if (session->state == FIXP_BOUND && ring_writer_room(gateway->in, 1) >= 1)
        fixp_close(gateway, session, reason, FAREWELL_NONE);
}

/* conn_gone forgets a connection that has ended. */
static void
conn_gone(struct gateway *gateway, struct soup_conn *conn, enum cell_unbind_reason reason)
{
    struct soup_conns *conns = &gateway->conns;
    const uint32_t idx = (uint32_t)(conn - conns->at);

    if (conn->session != DIRECTORY_NONE && gateway->sessions[conn->session].conn == idx) {
        struct fixp_session *session = &gateway->sessions[conn->session];

        session->conn = SOUP_CONN_NONE;
        session->history_token = 0;
        unbind(gateway, session, reason);
    }
    soup_conns_close(conns, conn);
}

/* conn_end ends a connection; what was pushed to it is sent. */
static void
conn_end(struct gateway *gateway, struct soup_conn *conn, enum cell_unbind_reason reason)
{
    port_drop(gateway->ports[conn->transport.port_idx], &conn->transport.peer);
    conn_gone(gateway, conn, reason);
}

static struct soup_conn *
conn_of(struct gateway *gateway, const struct fixp_session *session)
{
    return session->conn != SOUP_CONN_NONE ? &gateway->conns.at[session->conn] : NULL;
}

static uint8_t *
conn_claim(struct gateway *gateway, const struct soup_conn *conn)
{
    return port_tx_claim(gateway->ports[conn->transport.port_idx], &conn->transport.peer);
}

static void
conn_push(struct gateway *gateway, const struct soup_conn *conn, size_t len)
{
    port_tx_push(gateway->ports[conn->transport.port_idx], len);
}

/* conn_refuse answers a login with a refusal and ends the connection. */
static void
conn_refuse(struct gateway *gateway, struct soup_conn *conn, enum soup_reject_reason reason)
{
    uint8_t *buf = conn_claim(gateway, conn);

    if (buf != NULL)
        conn_push(gateway, conn,
                  soup_reject(&conn->soup, (uint8_t)reason, buf, DATAGRAM_BYTES_MAX));
    conn_end(gateway, conn, CELL_UNBIND_REASON_VIOLATION);
}

/* --- logins ------------------------------------------------------------------ */

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
                           .client_flow = CLIENT_FLOW,
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

/* oldest_no is the first report that is kept. */
static uint64_t
oldest_no(const struct gateway *gateway, const struct fixp_session *session)
{
    const uint64_t oldest = session_oldest_no(gateway, session->flow.next_no);

    return oldest > session->kept_no ? oldest : session->kept_no;
}

/* can_send tells whether reports from no on are kept, or can be asked for. */
static bool
can_send(const struct gateway *gateway, const struct fixp_session *session, uint64_t no)
{
    return no >= oldest_no(gateway, session) || gateway->history.asks != NULL;
}

static void
take_login(struct gateway *gateway, struct soup_conn *conn, const struct soup_login *login)
{
    uint8_t uuid[16];

    /* Nobody is to try passwords as fast as the line is. */
    if (!login_limit_stranger(&gateway->login_limit, conn->transport.peer.ip, gateway->now_ns)) {
        gateway->stats.logins_dropped++;
        conn_end(gateway, conn, CELL_UNBIND_REASON_VIOLATION);
        return;
    }

    const uint16_t number = find_login(gateway, login);

    if (number == DIRECTORY_NONE) {
        gateway->stats.bad_credentials++;
        conn_refuse(gateway, conn, SOUP_REJECT_REASON_NOT_AUTHORIZED);
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
         !can_send(gateway, session, soup_first_no(login->no, session->flow.next_no)))) {
        gateway->stats.bad_session++;
        conn_refuse(gateway, conn, SOUP_REJECT_REASON_SESSION_NOT_AVAILABLE);
        return;
    }
    if (!session->negotiated)
        negotiate(gateway, session, uuid);
    establish(gateway, session, conn, uuid);
}

/* --- messages ---------------------------------------------------------------- */

/* number_of is the UserRefNum that a command uses up if it is done, 0 if none. */
static uint64_t
number_of(const union cell *cells)
{
    switch (cell_kind(cells)) {
    case CELL_KIND_ORDER_NEW:
    case CELL_KIND_MASS_CANCEL:
        return cells->order_new.clord;
    case CELL_KIND_ORDER_REPLACE:
        return (cells[2].replace_terms.flags & CELL_REPLACE_FLAGS_REDUCE) != 0
                   ? 0
                   : cells->order_replace.clord;
    case CELL_KIND_MESSAGE_REFUSED:
        return cells->message_refused.ref_no;
    default:
        return 0;
    }
}

/* note_entry learns what the client says of its order entry. */
static void
note_entry(struct fixp_session *session, const struct cell_message_refused *cell)
{
    if (cell->reason != OE_REJECT_REASON_NONE)
        return;
    if (cell->template_id == OUCH_DISABLE_ENTRY_TYPE)
        session->flow.disabled = 1;
    if (cell->template_id == OUCH_ENABLE_ENTRY_TYPE)
        session->flow.disabled = 0;
}

/* dropped tells whether the journal has no room to refuse this order as well; its client
 * may send it again. */
static bool
dropped(struct gateway *gateway, const uint8_t *buf, size_t len)
{
    if (LIKELY(!gateway->journal_low) || ouch_is_cancel(buf, len) || !gateway_low_full(gateway))
        return false;
    gateway->stats.low_dropped++;
    return true;
}

/* throttled makes a refusal of what is above the session's rates; false if there were too
 * many of these as well. */
static bool
throttled(struct gateway *gateway,
          struct fixp_session *session,
          const uint8_t *buf,
          size_t len,
          union cell *cells,
          unsigned *cnt)
{
    const uint64_t wait_ns =
        throttle_take(&session->throttle, ouch_is_cancel(buf, len), len, gateway->now_ns);
    const uint64_t retry_us = (wait_ns + 999) / 1000;

    if (LIKELY(wait_ns == 0))
        return true;
    gateway->stats.throttled++;
    if (!throttle_may_refuse(&session->throttle, gateway->now_ns))
        return false;
    *cnt =
        ouch_refuse_rate(cells, *cnt, retry_us < UINT32_MAX ? (uint32_t)retry_us : UINT32_MAX - 1);
    return true;
}

/* take_data makes a message a command. Whether its number was used the engine says. */
static void
take_data(struct gateway *gateway,
          struct fixp_session *session,
          struct soup_conn *conn,
          const uint8_t *buf,
          size_t len)
{
    const uint16_t number = session_number(gateway, session);
    union cell cells[CELL_COMMAND_MAX];
    const struct ouch_origin origin = {
        .names = gateway->names,
        .party = &gateway->cfg.sessions[number].party,
        .next_no = session->next_in_no,
        .time_ns = gateway->now_ns,
        .session = number,
        .disabled = session->flow.disabled != 0,
    };
    unsigned cnt = len <= gateway->cfg.message_max ? ouch_decode(&origin, buf, len, cells) : 0;

    if (cnt == 0) {
        gateway->stats.bad_frame++;
        return;
    }
    if (dropped(gateway, buf, len))
        return;
    if (session->limited && !throttled(gateway, session, buf, len, cells, &cnt)) {
        gateway->stats.bad_session++;
        conn_end(gateway, conn, CELL_UNBIND_REASON_VIOLATION);
        return;
    }

    const uint64_t no = number_of(cells);

    if (no >= session->next_in_no) {
        session->next_in_no = no + 1;
        if (cell_kind(cells) == CELL_KIND_MESSAGE_REFUSED)
            note_entry(session, &cells->message_refused);
    }
    if (cell_kind(cells) == CELL_KIND_MESSAGE_REFUSED)
        gateway->stats.refused += cells->message_refused.reason != OE_REJECT_REASON_NONE;
    gateway->stats.messages++;
    gateway_command(gateway, cells, cnt);
}

static void
take_packet(struct gateway *gateway, struct soup_conn *conn, const uint8_t *packet, size_t len)
{
    struct soup_login login;
    struct fixp_session *session;

    switch (soup_take(&conn->soup, packet, len, gateway->now_ns, &login)) {
    case SOUP_NOTHING:
        break;
    case SOUP_LOGIN:
        take_login(gateway, conn, &login);
        break;
    case SOUP_DATA:
        ASSERT(conn->session != DIRECTORY_NONE);
        session = &gateway->sessions[conn->session];
        if (session_listens(session))
            take_data(gateway, session, conn, packet + 1, len - 1);
        else
            gateway->stats.bad_session++;
        break;
    case SOUP_LOGOUT:
        conn_end(gateway, conn, CELL_UNBIND_REASON_TERMINATED);
        break;
    case SOUP_BAD:
        gateway->stats.bad_frame++;
        conn_end(gateway, conn, CELL_UNBIND_REASON_VIOLATION);
        break;
    default:
        UNREACHABLE("no other event");
    }
}

void
soup_server_datagram(struct gateway *gateway, unsigned port_idx, const struct datagram *datagram)
{
    const struct transport from = {.peer = datagram->peer, .port_idx = (uint8_t)port_idx};
    struct soup_conn *conn = soup_conns_find(&gateway->conns, &from);

    gateway->stats.datagrams++;
    if (datagram->lost) {
        if (conn != NULL)
            conn_gone(gateway, conn, CELL_UNBIND_REASON_LOST);
        return;
    }
    if (conn == NULL)
        conn = soup_conns_open(&gateway->conns, &from, gateway->now_ns);
    if (conn == NULL) {
        gateway->stats.bad_session++;
        port_drop(gateway->ports[port_idx], &from.peer);
        return;
    }
    take_packet(gateway, conn, datagram->data, datagram->len);
}

/* --- time -------------------------------------------------------------------- */

static void
conn_timer(struct gateway *gateway, struct soup_conn *conn)
{
    uint8_t *buf;

    switch (soup_due(&conn->soup, gateway->now_ns)) {
    case SOUP_DUE_NOTHING:
        break;
    case SOUP_DUE_HEARTBEAT:
        buf = conn_claim(gateway, conn);
        if (buf != NULL)
            conn_push(gateway, conn,
                      soup_heartbeat(&conn->soup, gateway->now_ns, buf, DATAGRAM_BYTES_MAX));
        break;
    case SOUP_DUE_END:
        gateway->stats.timeouts++;
        conn_end(gateway, conn, CELL_UNBIND_REASON_TIMED_OUT);
        break;
    default:
        UNREACHABLE("nothing else is due");
    }
}

void
soup_timers(struct gateway *gateway)
{
    struct soup_conns *conns = &gateway->conns;

    for (unsigned i = 0; i < POLL_TIMERS_MAX && conns->timer_idx < conns->max; i++) {
        struct soup_conn *conn = &conns->at[conns->timer_idx++];

        if (conn->used)
            conn_timer(gateway, conn);
    }
    if (conns->timer_idx >= conns->max)
        conns->timer_idx = 0;
}

void
soup_session_timer(struct gateway *gateway, struct fixp_session *session)
{
    if (session->conn == SOUP_CONN_NONE)
        unbind(gateway, session, CELL_UNBIND_REASON_TIMED_OUT);
    if (session->leaving && !session->dirty)
        soup_leave(gateway, session, false);
}

/* --- reports ----------------------------------------------------------------- */

/* keep puts a report behind those that there are. */
static struct report_slot *
keep(const struct gateway *gateway, const struct fixp_session *session)
{
    return session_slot(gateway, session, session->flow.next_no);
}

/* kept counts the report that was put there, if it is one. */
static void
kept(struct gateway *gateway, struct fixp_session *session, size_t len, bool live)
{
    if (len == 0)
        return;
    keep(gateway, session)->len = (uint16_t)len;
    session->flow.next_no++;
    if (live)
        dirty_add(gateway, session);
    else
        session->sent_no = session->flow.next_no;
}

void
soup_keep(struct gateway *gateway,
          struct fixp_session *session,
          const union cell *cells,
          const struct route_recipient *recipient,
          bool live)
{
    struct report_slot *slot = keep(gateway, session);
    const struct ouch_party *party = &gateway->cfg.sessions[session_number(gateway, session)].party;

    size_t len;

    if (cell_kind(cells) == CELL_KIND_MESSAGE_REFUSED)
        note_entry(session, &cells->message_refused);
    /* The slot may hold a report of this very burst. */
    if (UNLIKELY(live && session->flow.next_no - session->sent_no >= gateway->cfg.retransmit_max))
        (void)soup_flush(gateway, session);
    history_index_begin(session->history, cell_seq(cells), session->flow.next_no, recipient->no);
    len = ouch_encode(gateway->names, party, cells, recipient, slot->bytes, sizeof slot->bytes);
    if (len > 0)
        history_index_add(session->history, cell_seq(cells), session->flow.next_no, recipient->no);
    kept(gateway, session, len, live);
}

/* encode_event encodes the SystemEvent that has that number; 0 if none has. */
static size_t
encode_event(const struct fixp_session *session, uint64_t no, uint8_t *buf, size_t cap)
{
    if (no == 1)
        return ouch_encode_event(session->flow.begin_ns, OUCH_EVENT_CODE_START_OF_DAY, buf, cap);
    if (no == session->flow.end_no)
        return ouch_encode_event(session->flow.end_ns, OUCH_EVENT_CODE_END_OF_DAY, buf, cap);
    return 0;
}

/* keep_event puts a SystemEvent, of the command seq, among the reports. */
static void
keep_event(struct gateway *gateway, struct fixp_session *session, uint64_t seq, bool live)
{
    struct report_slot *slot = keep(gateway, session);
    const uint64_t no = session->flow.next_no;
    const size_t len = encode_event(session, no, slot->bytes, sizeof slot->bytes);

    ASSERT(len > 0);
    history_index_add(session->history, seq, no, session_next_no(gateway, session));
    kept(gateway, session, len, live);
}

/* send_end says that the day is over, behind all reports; false without room. */
static bool
send_end(struct gateway *gateway, struct fixp_session *session, struct soup_conn *conn)
{
    uint8_t *buf = conn_claim(gateway, conn);

    if (buf == NULL)
        return false;
    conn_push(gateway, conn, soup_end(&conn->soup, buf, DATAGRAM_BYTES_MAX));
    session->ending = false;
    conn_end(gateway, conn, CELL_UNBIND_REASON_DRAIN);
    return true;
}

/* fill puts as many reports into a buffer as fit; returns their bytes. */
static size_t
fill(struct gateway *gateway, struct fixp_session *session, struct soup_conn *conn, uint8_t *buf)
{
    size_t len = 0;

    while (session->sent_no < session->flow.next_no) {
        const struct report_slot *slot = session_slot(gateway, session, session->sent_no);
        const size_t bytes = soup_data(&conn->soup, slot->bytes, slot->len, gateway->now_ns,
                                       buf + len, DATAGRAM_BYTES_MAX - len);

        if (bytes == 0)
            break;
        len += bytes;
        session->sent_no++;
        gateway->stats.reports++;
    }
    ASSERT(len > 0);
    return len;
}

/* old_put sends the next report that the journal gave, unless the client has it; false
 * if there is no room for it now. */
static bool
old_put(struct gateway *gateway,
        struct fixp_session *session,
        struct soup_conn *conn,
        const uint8_t *report,
        size_t len)
{
    ASSERT(session->old_no <= session->sent_no);
    if (session->old_no == session->sent_no) {
        uint8_t *buf = conn_claim(gateway, conn);

        if (buf == NULL)
            return false;
        conn_push(gateway, conn,
                  soup_data(&conn->soup, report, len, gateway->now_ns, buf, DATAGRAM_BYTES_MAX));
        session->sent_no++;
        gateway->stats.retransmitted++;
        gateway->stats.from_journal++;
    }
    session->old_no++;
    return true;
}

/* old_events sends the events whose turn it is; false if there is no room. */
static bool
old_events(struct gateway *gateway, struct fixp_session *session, struct soup_conn *conn)
{
    uint8_t bytes[OUCH_REPORT_BYTES_MAX];
    size_t len;

    while ((len = encode_event(session, session->old_no, bytes, sizeof bytes)) > 0)
        if (!old_put(gateway, session, conn, bytes, len))
            return false;
    return true;
}

/* catch_up asks the journal for reports that are not kept any more, unless it is asked
 * already. Who reads too slowly for what is kept is no longer waited for where there is
 * no journal to ask; nor is anybody when the exchange stops. False: they cannot be had. */
static bool
catch_up(struct gateway *gateway, struct fixp_session *session, struct soup_conn *conn)
{
    const uint64_t route_no = session_next_no(gateway, session);
    struct history_place place;
    uint64_t left;

    if (gateway->history.asks == NULL || session->leaving || gateway->stopping)
        return false;
    if (session->history_token != 0)
        return true;
    place = history_index_find(session->history,
                               session->old_no != 0 ? session->old_no : session->sent_no);
    if (place.seq == 0)
        return false;
    if (session->old_no == 0) {
        session->old_no = place.no;
        session->old_route_no = place.route_no;
    }
    if (place.route_no > session->old_route_no)
        return false;
    if (!old_events(gateway, session, conn) || session->sent_no >= oldest_no(gateway, session))
        return true;
    left = route_no - session->old_route_no;
    if (session->old_route_no >= route_no)
        return false;
    (void)retransmit_ask(gateway, session, &place, session->old_route_no,
                         left < OLD_REPORTS_MAX ? (uint32_t)left : OLD_REPORTS_MAX);
    return true;
}

/* let_go ends the connection of a client that cannot be sent what comes next: a stream
 * has no holes. He comes back and asks. */
static void
let_go(struct gateway *gateway, struct fixp_session *session, struct soup_conn *conn)
{
    gateway->stats.timeouts++;
    conn_end(gateway, conn, CELL_UNBIND_REASON_TIMED_OUT);
    session->sent_no = session->flow.next_no;
}

void
soup_old(struct gateway *gateway,
         struct fixp_session *session,
         const struct history_told *told,
         const union cell *cells)
{
    const struct ouch_party *party = &gateway->cfg.sessions[session_number(gateway, session)].party;
    const struct route_recipient recipient = {
        .session = told->session,
        .maker = told->maker != 0,
        .no = told->no,
    };
    struct soup_conn *conn = conn_of(gateway, session);
    uint8_t bytes[OUCH_REPORT_BYTES_MAX];
    size_t len;

    if (conn == NULL || conn->soup.state != SOUP_LIVE) {
        session->history_token = 0;
        return;
    }
    len = ouch_encode(gateway->names, party, cells, &recipient, bytes, sizeof bytes);
    /* Without room the rest of the answer is of no use: it is asked for again. */
    if (!old_events(gateway, session, conn) ||
        (len > 0 && !old_put(gateway, session, conn, bytes, len))) {
        session->history_token = 0;
        return;
    }
    session->old_route_no = told->no + 1;
}

void
soup_old_failed(struct gateway *gateway, struct fixp_session *session)
{
    struct soup_conn *conn = conn_of(gateway, session);

    if (conn != NULL)
        let_go(gateway, session, conn);
}

bool
soup_flush(struct gateway *gateway, struct fixp_session *session)
{
    struct soup_conn *conn = conn_of(gateway, session);

    if (conn == NULL || conn->soup.state != SOUP_LIVE) {
        session->sent_no = session->flow.next_no;
        return true;
    }
    ASSERT(session->sent_no == conn->soup.next_no);
    if (session->sent_no < oldest_no(gateway, session)) {
        if (catch_up(gateway, session, conn))
            return false;
        let_go(gateway, session, conn);
        return true;
    }
    session->old_no = 0;
    session->history_token = 0;
    while (session->sent_no < session->flow.next_no) {
        uint8_t *buf = conn_claim(gateway, conn);

        if (buf == NULL)
            return false;
        conn_push(gateway, conn, fill(gateway, session, conn, buf));
    }
    return !session->ending || send_end(gateway, session, conn);
}

void
soup_leave(struct gateway *gateway, struct fixp_session *session, bool in_vain)
{
    struct soup_conn *conn;

    ASSERT(session->leaving);
    if (!in_vain && !soup_flush(gateway, session)) {
        dirty_add(gateway, session);
        return;
    }
    conn = conn_of(gateway, session);
    unbound(gateway, session);
    if (conn != NULL)
        conn_end(gateway, conn, CELL_UNBIND_REASON_TERMINATED);
}

/* --- what the engine said ----------------------------------------------------- */

/* day_begins makes both flows of a session begin with 1. */
static void
day_begins(struct gateway *gateway,
           struct fixp_session *session,
           const struct cell_session_negotiate *cell,
           bool live)
{
    struct soup_conn *conn = conn_of(gateway, session);

    /* The engine has unbound it. */
    if (session->state != FIXP_FREE)
        unbound(gateway, session);
    if (conn != NULL)
        conn_end(gateway, conn, CELL_UNBIND_REASON_TERMINATED);
    memcpy(session->uuid, cell->uuid, sizeof session->uuid);
    session->flow = (struct soup_flow){.next_no = 1, .begin_ns = cell->time};
    session->kept_no = 1;
    session->sent_no = 1;
    session->next_in_no = 1;
    session->ending = false;
    keep_event(gateway, session, cell->seq, live);
}

/* bind makes the connection the session's, and sends what it asked for. */
static void
bind(struct gateway *gateway,
     struct fixp_session *session,
     struct soup_conn *conn,
     const struct cell_session_establish *cell)
{
    struct soup_conn *old = conn_of(gateway, session);
    const uint64_t first_no = soup_first_no(conn->wanted_no, session->flow.next_no);
    char name[SOUP_SESSION_LEN];
    uint8_t *buf;

    session->conn = SOUP_CONN_NONE;
    if (session->state != FIXP_FREE)
        unbound(gateway, session);
    if (old != NULL && old != conn)
        conn_end(gateway, old, CELL_UNBIND_REASON_TERMINATED);
    session->state = FIXP_BOUND;
    session->transport = conn->transport;
    session->token = cell->transport;
    session->keepalive_ms = cell->keepalive_ms;
    session->next_in_no = cell->next_in_no;
    session->conn = (uint32_t)(conn - gateway->conns.at);
    bound_add(gateway, session);
    session->history_token = 0;
    session->old_no = 0;
    buf = conn_claim(gateway, conn);
    if (buf == NULL || !can_send(gateway, session, first_no)) {
        if (buf != NULL)
            conn_push(gateway, conn, 0);
        conn_end(gateway, conn, CELL_UNBIND_REASON_TIMED_OUT);
        return;
    }
    soup_session_name(session->uuid, name);
    port_admit(gateway->ports[conn->transport.port_idx], &conn->transport.peer);
    conn_push(gateway, conn,
              soup_accept(&conn->soup, name, first_no, gateway->now_ns, buf, DATAGRAM_BYTES_MAX));
    session->sent_no = first_no;
    dirty_add(gateway, session);
}

static void
established(struct gateway *gateway,
            struct fixp_session *session,
            const struct cell_session_establish *cell,
            bool live)
{
    const struct transport from = session->request.from;
    const bool due =
        live && request_end(gateway, session, CELL_KIND_SESSION_ESTABLISH, cell->transport);
    struct soup_conn *conn = due ? soup_conns_find(&gateway->conns, &from) : NULL;

    if (conn != NULL && (conn->token != cell->transport || conn->soup.state != SOUP_LOGGING_IN))
        conn = NULL;
    if (cell->outcome != OE_REJECT_REASON_NONE) {
        if (conn != NULL)
            conn_refuse(gateway, conn, SOUP_REJECT_REASON_SESSION_NOT_AVAILABLE);
        return;
    }
    if (conn != NULL) {
        bind(gateway, session, conn, cell);
    } else if (due) {
        /* It went away meanwhile; the engine thinks that it is there. */
        conn = conn_of(gateway, session);
        session->conn = SOUP_CONN_NONE;
        if (session->state != FIXP_FREE)
            unbound(gateway, session);
        session->state = FIXP_BOUND;
        session->token = cell->transport;
        bound_add(gateway, session);
        if (conn != NULL)
            conn_end(gateway, conn, CELL_UNBIND_REASON_TERMINATED);
        unbind(gateway, session, CELL_UNBIND_REASON_TERMINATED);
    }
}

void
soup_came_back(struct gateway *gateway,
               struct fixp_session *session,
               const union cell *cell,
               bool live)
{
    switch (cell_kind(cell)) {
    case CELL_KIND_SESSION_NEGOTIATE:
        if (cell_outcome(cell) != OE_REJECT_REASON_NONE)
            return;
        if (!fixp_uuid_is(session, cell->session_negotiate.uuid))
            day_begins(gateway, session, &cell->session_negotiate, live);
        /* One that spoke another dialect is to begin anew. */
        session->negotiated = cell->session_negotiate.client_flow == CLIENT_FLOW;
        return;
    case CELL_KIND_SESSION_ESTABLISH:
        established(gateway, session, &cell->session_establish, live);
        return;
    case CELL_KIND_SESSION_UNBIND:
        if (!live || cell_outcome(cell) != OE_REJECT_REASON_NONE || session->state == FIXP_FREE)
            return;
        session->state = FIXP_CLOSING;
        session->leaving = true;
        session->leaving_ns = gateway->now_ns;
        soup_leave(gateway, session, false);
        return;
    default:
        UNREACHABLE("not a session command with an answer");
    }
}

void
soup_day_rolled(struct gateway *gateway, const struct cell_day_roll *cell, bool live)
{
    gateway->date = cell->date;
    for (uint16_t i = 0; i < gateway->cfg.sessions_max; i++) {
        struct fixp_session *session = &gateway->sessions[i];

        if (!session->used || !session_is_ouch(session) || !session->negotiated)
            continue;
        session->negotiated = false;
        session->ending = live;
        session->flow.end_no = session->flow.next_no;
        session->flow.end_ns = cell->time;
        keep_event(gateway, session, cell->seq, live);
    }
}

void
soup_restarted(struct gateway *gateway, const struct cell_restart *cell)
{
    if (gateway->ack_mode != CELL_ACK_MODE_DURABLE) {
        gateway->flows_epoch = cell->epoch;
        for (uint16_t i = 0; i < gateway->cfg.sessions_max; i++)
            if (session_is_ouch(&gateway->sessions[i]))
                gateway->sessions[i].negotiated = false;
    }
}
