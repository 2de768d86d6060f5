#include <string.h>

#include "gateway/fixp_session.h"
#include "proto/orders.h"

bool
fixp_transport_taken(const struct gateway *gateway,
                     const struct fixp_session *session,
                     const struct transport *transport)
{
    const uint16_t owner = directory_peer(&gateway->directory, transport);

    return owner != DIRECTORY_NONE && owner != session_number(gateway, session) &&
           gateway->sessions[owner].state != FIXP_FREE;
}

bool
request_end(struct gateway *gateway, struct fixp_session *session, unsigned kind, uint32_t token)
{
    if (session->request.token == 0 || session->request.token != token ||
        session->request.kind != kind)
        return false;
    session->request.token = 0;
    session->request.takeover = false;
    gateway->requests_cnt--;
    return true;
}

void
fixp_close(struct gateway *gateway,
           struct fixp_session *session,
           enum cell_unbind_reason reason,
           enum fixp_farewell farewell)
{
    union cell cell = {.session_unbind = {
                           .kind = CELL_KIND_SESSION_UNBIND,
                           .shape = 1,
                           .transport = session->token,
                           .time = gateway->now_ns,
                           .reason = (uint8_t)reason,
                           .session = session_number(gateway, session),
                       }};

    ASSERT(session->state == FIXP_BOUND);
    memcpy(cell.session_unbind.uuid, session->uuid, sizeof session->uuid);
    session->state = FIXP_CLOSING;
    session->farewell = (uint8_t)farewell;
    gateway_command(gateway, &cell, 1);
}

void
fixp_close_told(struct gateway *gateway,
                struct fixp_session *session,
                enum cell_unbind_reason reason,
                const char *text)
{
    publisher_flush(gateway, session);
    fixp_send_terminate(gateway, session, FIXP_TERMINATION_CODE_UNSPECIFIED_ERROR, text);
    fixp_close(gateway, session, reason, FAREWELL_NONE);
}

void
bound_add(struct gateway *gateway, struct fixp_session *session)
{
    ASSERT(gateway->bound_cnt < gateway->cfg.sessions_max);
    session->bound_idx = gateway->bound_cnt;
    gateway->bound[gateway->bound_cnt++] = session_number(gateway, session);
    port_admit(gateway->ports[session->transport.port_idx], &session->transport.peer);
}

static void
bound_remove(struct gateway *gateway, struct fixp_session *session)
{
    const uint16_t last = gateway->bound[--gateway->bound_cnt];

    ASSERT(gateway->bound[session->bound_idx] == session_number(gateway, session));
    gateway->bound[session->bound_idx] = last;
    gateway->sessions[last].bound_idx = session->bound_idx;
}

void
unbound(struct gateway *gateway, struct fixp_session *session)
{
    ASSERT(session->state != FIXP_FREE);
    session->state = FIXP_FREE;
    session->farewell = FAREWELL_NONE;
    session->leaving = false;
    receipts_set(gateway, session, false);
    if (session->hold != NULL)
        session->hold->cnt = 0;
    bound_remove(gateway, session);
}

/*
 * transport_set makes from the session's transport; one that another session
 * used before is that one's no more. False if that session still lives on it:
 * two requests were on their way from one transport. Then this one is heard of
 * no more and will be found silent.
 */
static bool
transport_set(struct gateway *gateway, struct fixp_session *session, const struct transport *from)
{
    const bool taken = fixp_transport_taken(gateway, session, from);
    uint16_t owner;

    if (session->listed)
        directory_remove(&gateway->directory, &session->transport);
    session->transport = *from;
    session->listed = !taken;
    if (taken)
        return false;
    owner = directory_peer(&gateway->directory, from);
    if (owner != DIRECTORY_NONE) {
        directory_remove(&gateway->directory, from);
        gateway->sessions[owner].listed = false;
    }
    directory_enter(&gateway->directory, from, session_number(gateway, session));
    return true;
}

/* transport_forget makes the session's transport one that is heard of no more. */
static void
transport_forget(struct gateway *gateway,
                 struct fixp_session *session,
                 const struct transport *transport)
{
    if (session->listed)
        directory_remove(&gateway->directory, &session->transport);
    session->listed = false;
    session->transport = *transport;
}

/* session_bind makes the requester the session's transport, in the place of one that
 * was taken over. */
static void
session_bind(struct gateway *gateway,
             struct fixp_session *session,
             const struct transport *from,
             const struct cell_session_establish *cell,
             bool lost)
{
    if (session->state != FIXP_FREE) {
        if (!transport_equal(&session->transport, from))
            fixp_send_terminate(gateway, session, FIXP_TERMINATION_CODE_UNSPECIFIED_ERROR,
                                "taken over");
        unbound(gateway, session);
    }

    /* One that has ended meanwhile is found silent too. */
    const bool alone = !lost && transport_set(gateway, session, from);

    if (lost)
        transport_forget(gateway, session, from);

    session->state = FIXP_BOUND;
    session->elsewhere = false;
    session->token = cell->transport;
    session->keepalive_ms = cell->keepalive_ms;
    session->next_in_no = cell->next_in_no;
    session->stream_no = 0;
    session->say_no = false;
    session->behind = false;
    session->last_rx_ns = alone ? gateway->now_ns : 0;
    session->sent_no = session_end_no(session, session_next_no(gateway, session));
    session->history_token = 0;
    session->finishing = session->end_no != 0;
    bound_add(gateway, session);
    if (alone)
        fixp_send_establishment_ack(gateway, session);
    if (session->finishing)
        publisher_finish(gateway, session);
}

static enum fixp_negotiation_reject_code
negotiation_code(uint16_t outcome)
{
    switch (outcome) {
    case OE_REJECT_REASON_SESSION_CREDENTIALS:
        return FIXP_NEGOTIATION_REJECT_CODE_CREDENTIALS;
    case OE_REJECT_REASON_SESSION_FLOW_TYPE:
        return FIXP_NEGOTIATION_REJECT_CODE_FLOW_TYPE_NOT_SUPPORTED;
    case OE_REJECT_REASON_SESSION_DUPLICATE_ID:
        return FIXP_NEGOTIATION_REJECT_CODE_DUPLICATE_ID;
    default:
        return FIXP_NEGOTIATION_REJECT_CODE_UNSPECIFIED;
    }
}

static enum fixp_establishment_reject_code
establishment_code(uint16_t outcome)
{
    switch (outcome) {
    case OE_REJECT_REASON_SESSION_UNNEGOTIATED:
        return FIXP_ESTABLISHMENT_REJECT_CODE_UNNEGOTIATED;
    case OE_REJECT_REASON_SESSION_ALREADY_ESTABLISHED:
        return FIXP_ESTABLISHMENT_REJECT_CODE_ALREADY_ESTABLISHED;
    case OE_REJECT_REASON_SESSION_BLOCKED:
        return FIXP_ESTABLISHMENT_REJECT_CODE_SESSION_BLOCKED;
    case OE_REJECT_REASON_SESSION_KEEPALIVE:
        return FIXP_ESTABLISHMENT_REJECT_CODE_KEEPALIVE_INTERVAL;
    case OE_REJECT_REASON_SESSION_CREDENTIALS:
        return FIXP_ESTABLISHMENT_REJECT_CODE_CREDENTIALS;
    default:
        return FIXP_ESTABLISHMENT_REJECT_CODE_UNSPECIFIED;
    }
}

/* negotiated takes a SessionNegotiate from behind the gate. The engine unbinds
 * a session that is given a new UUID. */
static void
negotiated(struct gateway *gateway,
           struct fixp_session *session,
           const struct cell_session_negotiate *cell,
           bool live)
{
    const struct transport from = session->request.from;
    const bool due =
        live && request_end(gateway, session, CELL_KIND_SESSION_NEGOTIATE, cell->transport);

    if (cell->outcome != OE_REJECT_REASON_NONE) {
        if (due)
            fixp_send_negotiation_reject(gateway, &from, cell->uuid, session->request.time,
                                         session->request.len, negotiation_code(cell->outcome),
                                         oe_reject_reason_name(cell->outcome));
        return;
    }
    if (!fixp_uuid_is(session, cell->uuid)) {
        if (session->state != FIXP_FREE) {
            if (!due || !transport_equal(&session->transport, &from))
                fixp_send_terminate(gateway, session, FIXP_TERMINATION_CODE_UNSPECIFIED_ERROR,
                                    "negotiated anew");
            unbound(gateway, session);
        }
        memcpy(session->uuid, cell->uuid, sizeof session->uuid);
        session->establish_time = 0;
        fixp_finish_forget(session);
        session->elsewhere = false;
    }
    session->negotiated = true;
    session->negotiate_time = cell->request_time;
    session->sent_no = route_next_no(gateway->route, cell->session);
    if (due)
        fixp_send_negotiation_response(gateway, &from, cell->uuid, session->request.time);
}

/* bound_elsewhere: another gateway has bound the session. */
static void
bound_elsewhere(struct gateway *gateway, struct fixp_session *session)
{
    if (session->state != FIXP_FREE) {
        fixp_send_terminate(gateway, session, FIXP_TERMINATION_CODE_UNSPECIFIED_ERROR,
                            "taken over");
        unbound(gateway, session);
    }
    session->elsewhere = true;
}

/* wanted_elsewhere: who has the credentials asks for the session at another gateway, and
 * was refused because it is bound here. Whether that is silent is known here alone: then
 * it is unbound, and the next request there is granted, as it would be here. */
static void
wanted_elsewhere(struct gateway *gateway,
                 struct fixp_session *session,
                 const struct cell_session_establish *cell)
{
    if (cell->outcome != OE_REJECT_REASON_SESSION_ALREADY_ESTABLISHED ||
        !session_listens(session) || !fixp_uuid_is(session, cell->uuid) ||
        !session_is_silent(gateway, session) || ring_writer_room(gateway->in, 1) < 1)
        return;
    gateway->stats.timeouts++;
    fixp_close_told(gateway, session, CELL_UNBIND_REASON_TIMED_OUT, "timed out");
}

/* established takes a SessionEstablish from behind the gate. */
static void
established(struct gateway *gateway,
            struct fixp_session *session,
            const struct cell_session_establish *cell,
            bool live)
{
    const struct transport from = session->request.from;
    const bool lost = session->request.lost;
    const bool due =
        live && request_end(gateway, session, CELL_KIND_SESSION_ESTABLISH, cell->transport);

    if (cell->outcome != OE_REJECT_REASON_NONE) {
        if (due)
            fixp_send_establishment_reject(gateway, &from, cell->uuid, cell->request_time,
                                           session->request.len, establishment_code(cell->outcome),
                                           oe_reject_reason_name(cell->outcome));
        else if (live)
            wanted_elsewhere(gateway, session, cell);
        return;
    }
    memcpy(session->uuid, cell->uuid, sizeof session->uuid);
    /* A client whose ack was lost in a restart repeats the request that is in
     * the journal; it may do so once more. */
    session->establish_time = live ? cell->request_time : cell->request_time - 1;
    if (due)
        session_bind(gateway, session, &from, cell, lost);
    else if (live)
        bound_elsewhere(gateway, session);
}

/* requests_lost marks what came over the connection and is on its way: it will be
 * answered to nobody. */
static void
requests_lost(struct gateway *gateway, const struct transport *transport)
{
    if (gateway->requests_cnt == 0)
        return;
    for (uint16_t i = 0; i < gateway->cfg.sessions_max; i++) {
        struct fixp_request *request = &gateway->sessions[i].request;

        if (request->token != 0 && transport_equal(&request->from, transport))
            request->lost = true;
    }
}

void
fixp_lost(struct gateway *gateway, const struct transport *transport)
{
    const uint16_t number = directory_peer(&gateway->directory, transport);
    struct fixp_session *session;

    requests_lost(gateway, transport);
    if (number == DIRECTORY_NONE)
        return;
    session = &gateway->sessions[number];
    transport_forget(gateway, session, transport);
    if (session->state == FIXP_BOUND)
        fixp_close(gateway, session, CELL_UNBIND_REASON_LOST, FAREWELL_NONE);
    session->farewell = FAREWELL_NONE;
}

void
fixp_leave(struct gateway *gateway, struct fixp_session *session, bool in_vain)
{
    ASSERT(session->leaving);
    if (session->farewell != FAREWELL_NONE && !in_vain) {
        if (!publisher_flush(gateway, session)) {
            ASSERT(session->dirty);
            return;
        }
        fixp_send_terminate(gateway, session, FIXP_TERMINATION_CODE_FINISHED, "");
    }
    if (in_vain)
        port_drop(gateway->ports[session->transport.port_idx], &session->transport.peer);
    unbound(gateway, session);
}

/* unbind_came takes a SessionUnbind from behind the gate, whoever wrote it. */
static void
unbind_came(struct gateway *gateway, struct fixp_session *session)
{
    session->elsewhere = false;
    if (session->state == FIXP_FREE)
        return;
    if (session->state == FIXP_BOUND)
        session->farewell = FAREWELL_TERMINATE;
    session->state = FIXP_CLOSING;
    session->leaving = true;
    session->leaving_ns = gateway->now_ns;
    fixp_leave(gateway, session, false);
}

void
fixp_came_back(struct gateway *gateway, const union cell *cell, bool live)
{
    const uint16_t number = cell_session(cell);

    if (number >= gateway->cfg.sessions_max || !gateway->sessions[number].used)
        return;

    struct fixp_session *session = &gateway->sessions[number];

    if (gateway->cfg.follower && cell_kind(cell) == CELL_KIND_SESSION_NEGOTIATE &&
        cell_outcome(cell) == OE_REJECT_REASON_NONE)
        session->ouch = cell->session_negotiate.client_flow == FIXP_FLOW_TYPE_UNSEQUENCED;
    if (session_is_ouch(session)) {
        soup_came_back(gateway, session, cell, live);
        return;
    }
    switch (cell_kind(cell)) {
    case CELL_KIND_SESSION_NEGOTIATE:
        negotiated(gateway, session, &cell->session_negotiate, live);
        return;
    case CELL_KIND_SESSION_ESTABLISH:
        established(gateway, session, &cell->session_establish, live);
        return;
    case CELL_KIND_SESSION_UNBIND:
        if (cell_outcome(cell) != OE_REJECT_REASON_NONE)
            return;
        if (cell->session_unbind.reason == CELL_UNBIND_REASON_FINISHED)
            session->finalised = true;
        if (live)
            unbind_came(gateway, session);
        return;
    default:
        UNREACHABLE("not a session command with an answer");
    }
}
