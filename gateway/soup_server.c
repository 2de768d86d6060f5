#include "gateway/ouch_codec.h"
#include "gateway/soup_session.h"
#include "proto/orders.h"
#include "proto/ouch.h"

/* --- connections ---------------------------------------------------------------- */

void
soup_unbind(struct gateway *gateway, struct fixp_session *session, enum cell_unbind_reason reason)
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
        soup_unbind(gateway, session, reason);
    }
    soup_conns_close(conns, conn);
}

void
soup_conn_end(struct gateway *gateway, struct soup_conn *conn, enum cell_unbind_reason reason)
{
    port_drop(gateway->ports[conn->transport.port_idx], &conn->transport.peer);
    conn_gone(gateway, conn, reason);
}

void
soup_conn_refuse(struct gateway *gateway, struct soup_conn *conn, enum soup_reject_reason reason)
{
    uint8_t *buf = soup_conn_claim(gateway, conn);

    if (buf != NULL)
        soup_conn_push(gateway, conn,
                       soup_reject(&conn->soup, (uint8_t)reason, buf, DATAGRAM_BYTES_MAX));
    soup_conn_end(gateway, conn, CELL_UNBIND_REASON_VIOLATION);
}

/* --- messages ------------------------------------------------------------------- */

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

void
soup_note_entry(struct fixp_session *session, const struct cell_message_refused *cell)
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

/* What becomes of a message. */
enum taken {
    TAKEN,   /* a command, a refusal among them, or nothing, for it is no message */
    WAITS,   /* for the session's rates: it is as if it had not come yet */
    TOO_MANY /* were refused: its sender does not listen */
};

/* throttled makes a refusal of what is above the session's rates, or lets it wait. */
static enum taken
throttled(struct gateway *gateway,
          struct fixp_session *session,
          const uint8_t *buf,
          size_t len,
          bool may_wait,
          union cell *cells,
          unsigned *cnt)
{
    const uint64_t wait_ns =
        throttle_take(&session->throttle, ouch_is_cancel(buf, len), len, gateway->now_ns);
    const uint64_t retry_us = (wait_ns + 999) / 1000;

    if (LIKELY(wait_ns == 0))
        return TAKEN;
    if (may_wait)
        return WAITS;
    gateway->stats.throttled++;
    if (!throttle_may_refuse(&session->throttle, gateway->now_ns))
        return TOO_MANY;
    *cnt =
        ouch_refuse_rate(cells, *cnt, retry_us < UINT32_MAX ? (uint32_t)retry_us : UINT32_MAX - 1);
    return TAKEN;
}

/* take_data makes a message a command. Whether its number was used the engine says. */
static enum taken
take_data(struct gateway *gateway,
          struct fixp_session *session,
          const uint8_t *buf,
          size_t len,
          bool may_wait)
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
    enum taken taken = TAKEN;

    if (cnt == 0) {
        gateway->stats.bad_frame++;
        return TAKEN;
    }
    if (dropped(gateway, buf, len))
        return TAKEN;
    if (session->limited)
        taken = throttled(gateway, session, buf, len, may_wait, cells, &cnt);
    if (UNLIKELY(taken != TAKEN))
        return taken;

    const uint64_t no = number_of(cells);

    if (no >= session->next_in_no) {
        session->next_in_no = no + 1;
        if (cell_kind(cells) == CELL_KIND_MESSAGE_REFUSED)
            soup_note_entry(session, &cells->message_refused);
    }
    if (cell_kind(cells) == CELL_KIND_MESSAGE_REFUSED)
        gateway->stats.refused += cells->message_refused.reason != OE_REJECT_REASON_NONE;
    gateway->stats.messages++;
    gateway_command(gateway, cells, cnt);
    return TAKEN;
}

/* let_go ends the connection of who sends on and on above his rates. */
static void
let_go(struct gateway *gateway, struct soup_conn *conn)
{
    gateway->stats.bad_session++;
    soup_conn_end(gateway, conn, CELL_UNBIND_REASON_VIOLATION);
}

/* hold_packet keeps a packet that cannot be taken now. Without room for it the one that has
 * waited longest is refused: numbers rise, so were it the new one the others would be
 * passed over. */
static void
hold_packet(struct gateway *gateway,
            struct fixp_session *session,
            struct soup_conn *conn,
            const uint8_t *packet,
            size_t len)
{
    struct hold *hold = session->hold;

    soup_hear(&conn->soup, gateway->now_ns);
    if (len > DATAGRAM_BYTES_MAX) {
        gateway->stats.bad_frame++;
        return;
    }
    if (hold->cnt == HOLD_MAX) {
        const struct held *oldest = hold_head(hold);

        if (take_data(gateway, session, oldest->bytes + 1, oldest->len - 1u, false) == TOO_MANY) {
            let_go(gateway, conn);
            return;
        }
        hold_pop(hold);
    }
    if (!hold_put(hold, packet, len, 0, true))
        UNREACHABLE("room was made");
    gateway->stats.throttled++;
    if (session->holding)
        return;
    session->holding = true;
    ASSERT(gateway->holding_cnt < gateway->cfg.sessions_max);
    gateway->holding[gateway->holding_cnt++] = session_number(gateway, session);
}

/* take_message takes a packet with a message of a session that is listened to. */
static void
take_message(struct gateway *gateway,
             struct fixp_session *session,
             struct soup_conn *conn,
             const uint8_t *packet,
             size_t len)
{
    switch (take_data(gateway, session, packet + 1, len - 1, session->hold != NULL)) {
    case TAKEN:
        break;
    case WAITS:
        hold_packet(gateway, session, conn, packet, len);
        break;
    case TOO_MANY:
        let_go(gateway, conn);
        break;
    default:
        UNREACHABLE("nothing else becomes of it");
    }
}

/* comes_behind tells whether a packet has to wait because others of its session do: a
 * message, or the end of them. */
static bool
comes_behind(struct gateway *gateway,
             const struct soup_conn *conn,
             const uint8_t *packet,
             size_t len)
{
    const struct fixp_session *session;

    if (LIKELY(gateway->holding_cnt == 0) || conn->session == DIRECTORY_NONE || len == 0)
        return false;
    session = &gateway->sessions[conn->session];
    return session->holding && session_listens(session) && soup_conn_of(gateway, session) == conn &&
           (packet[0] == SOUP_UNSEQUENCED_DATA_TYPE || packet[0] == SOUP_LOGOUT_REQUEST_TYPE);
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
        soup_take_login(gateway, conn, &login);
        break;
    case SOUP_DATA:
        ASSERT(conn->session != DIRECTORY_NONE);
        session = &gateway->sessions[conn->session];
        if (session_listens(session))
            take_message(gateway, session, conn, packet, len);
        else
            gateway->stats.bad_session++;
        break;
    case SOUP_LOGOUT:
        soup_conn_end(gateway, conn, CELL_UNBIND_REASON_TERMINATED);
        break;
    case SOUP_BAD:
        gateway->stats.bad_frame++;
        soup_conn_end(gateway, conn, CELL_UNBIND_REASON_VIOLATION);
        break;
    default:
        UNREACHABLE("no other event");
    }
}

bool
soup_held_take(struct gateway *gateway, struct fixp_session *session, int *done)
{
    struct hold *hold = session->hold;

    while (hold->cnt > 0 && session_listens(session)) {
        const struct held *held = hold_head(hold);
        struct soup_conn *conn = soup_conn_of(gateway, session);

        if (conn == NULL)
            break;
        if (ring_writer_room(gateway->in, gateway->datagram_cells) < gateway->datagram_cells)
            return true;
        if (held->bytes[0] == SOUP_LOGOUT_REQUEST_TYPE)
            take_packet(gateway, conn, held->bytes, held->len);
        else if (take_data(gateway, session, held->bytes + 1, held->len - 1u, true) == WAITS)
            return true;
        hold_pop(hold);
        (*done)++;
    }
    /* Whoever sent what is left is gone: he sees that nothing is told of it. */
    hold->cnt = 0;
    return false;
}

/* make_room ends the connection that has been without a login for longest, so that nobody
 * keeps the others out who has none. */
static COLD bool
make_room(struct gateway *gateway)
{
    struct soup_conn *stranger = soup_conns_stranger(&gateway->conns);

    if (stranger == NULL)
        return false;
    gateway->stats.bad_session++;
    port_drop(gateway->ports[stranger->transport.port_idx], &stranger->transport.peer);
    conn_gone(gateway, stranger, CELL_UNBIND_REASON_VIOLATION);
    return true;
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
    if (conn == NULL && make_room(gateway))
        conn = soup_conns_open(&gateway->conns, &from, gateway->now_ns);
    if (conn == NULL) {
        gateway->stats.bad_session++;
        port_drop(gateway->ports[port_idx], &from.peer);
        return;
    }
    if (UNLIKELY(comes_behind(gateway, conn, datagram->data, datagram->len)))
        hold_packet(gateway, &gateway->sessions[conn->session], conn, datagram->data,
                    datagram->len);
    else
        take_packet(gateway, conn, datagram->data, datagram->len);
}

/* --- time ----------------------------------------------------------------------- */

static void
conn_timer(struct gateway *gateway, struct soup_conn *conn)
{
    uint8_t *buf;

    switch (soup_due(&conn->soup, gateway->now_ns)) {
    case SOUP_DUE_NOTHING:
        break;
    case SOUP_DUE_HEARTBEAT:
        buf = soup_conn_claim(gateway, conn);
        if (buf != NULL)
            soup_conn_push(gateway, conn,
                           soup_heartbeat(&conn->soup, gateway->now_ns, buf, DATAGRAM_BYTES_MAX));
        break;
    case SOUP_DUE_END:
        gateway->stats.timeouts++;
        soup_conn_end(gateway, conn, CELL_UNBIND_REASON_TIMED_OUT);
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
        soup_unbind(gateway, session, CELL_UNBIND_REASON_TIMED_OUT);
    if (session->leaving && !session->dirty)
        soup_leave(gateway, session, false);
}
