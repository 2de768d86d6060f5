#include <string.h>

#include "gateway/soup_session.h"
#include "proto/orders.h"

/* day_begins makes both flows of a session begin with 1. */
static void
day_begins(struct gateway *gateway,
           struct fixp_session *session,
           const struct cell_session_negotiate *cell,
           bool live)
{
    struct soup_conn *conn = soup_conn_of(gateway, session);

    /* The engine has unbound it. */
    if (session->state != FIXP_FREE)
        unbound(gateway, session);
    if (conn != NULL)
        soup_conn_end(gateway, conn, CELL_UNBIND_REASON_TERMINATED);
    memcpy(session->uuid, cell->uuid, sizeof session->uuid);
    session->flow = (struct soup_flow){.next_no = 1, .begin_ns = cell->time};
    session->kept_no = 1;
    session->sent_no = 1;
    session->next_in_no = 1;
    session->ending = false;
    soup_keep_event(gateway, session, cell->seq, live);
}

/* bind makes the connection the session's, and sends what it asked for. */
static void
bind(struct gateway *gateway,
     struct fixp_session *session,
     struct soup_conn *conn,
     const struct cell_session_establish *cell)
{
    struct soup_conn *old = soup_conn_of(gateway, session);
    const uint64_t first_no = soup_first_no(conn->wanted_no, session->flow.next_no);
    char name[SOUP_SESSION_LEN];
    uint8_t *buf;

    session->conn = SOUP_CONN_NONE;
    if (session->state != FIXP_FREE)
        unbound(gateway, session);
    if (old != NULL && old != conn)
        soup_conn_end(gateway, old, CELL_UNBIND_REASON_TERMINATED);
    session->state = FIXP_BOUND;
    session->transport = conn->transport;
    session->token = cell->transport;
    session->keepalive_ms = cell->keepalive_ms;
    session->next_in_no = cell->next_in_no;
    session->conn = (uint32_t)(conn - gateway->conns.at);
    bound_add(gateway, session);
    session->history_token = 0;
    session->old_no = 0;
    buf = soup_conn_claim(gateway, conn);
    if (buf == NULL || !soup_can_send(gateway, session, first_no)) {
        if (buf != NULL)
            soup_conn_push(gateway, conn, 0);
        soup_conn_end(gateway, conn, CELL_UNBIND_REASON_TIMED_OUT);
        return;
    }
    soup_session_name(session->uuid, name);
    soup_conn_push(
        gateway, conn,
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
            soup_conn_refuse(gateway, conn, SOUP_REJECT_REASON_SESSION_NOT_AVAILABLE);
        return;
    }
    if (conn != NULL) {
        bind(gateway, session, conn, cell);
    } else if (due) {
        /* It went away meanwhile; the engine thinks that it is there. */
        conn = soup_conn_of(gateway, session);
        session->conn = SOUP_CONN_NONE;
        if (session->state != FIXP_FREE)
            unbound(gateway, session);
        session->state = FIXP_BOUND;
        session->token = cell->transport;
        bound_add(gateway, session);
        if (conn != NULL)
            soup_conn_end(gateway, conn, CELL_UNBIND_REASON_TERMINATED);
        soup_unbind(gateway, session, CELL_UNBIND_REASON_TERMINATED);
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
        session->negotiated = cell->session_negotiate.client_flow == SOUP_CLIENT_FLOW;
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
        soup_keep_event(gateway, session, cell->seq, live);
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
