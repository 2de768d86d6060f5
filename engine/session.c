#include "engine/session.h"

#include <string.h>

#define NS_PER_MS               UINT64_C(1000000)
/* Flow types of FIXP. */
#define CLIENT_FLOW_IDEMPOTENT  1u
#define CLIENT_FLOW_UNSEQUENCED 2u
#define CLIENT_FLOW_NONE        3u
#define SERVER_FLOW_RECOVERABLE 0u

/* flow_fits tells whether a session may speak so: a drop copy sends nothing. */
static bool
flow_fits(const struct session *session, uint8_t client_flow)
{
    if (session->drop_copy != 0)
        return client_flow == CLIENT_FLOW_NONE;
    return client_flow == CLIENT_FLOW_IDEMPOTENT || client_flow == CLIENT_FLOW_UNSEQUENCED;
}

/* copied tells whether another session than idx is the drop copy of the firm. */
static bool
copied(const struct sessions *sessions, uint32_t idx, uint32_t firm)
{
    for (uint32_t i = 1; i < sessions->used_cnt; i++)
        if (i != idx && sessions->at[i].drop_copy != 0 && sessions->at[i].firm == firm)
            return true;
    return false;
}

static bool
is_bound(const struct session *session)
{
    return session->state >= ENGINE_SESSION_BOUND;
}

/* unbind takes a session out of BOUND and starts its grace time. */
static void
unbind(struct sessions *sessions, uint32_t idx, uint64_t now_ns)
{
    struct session *session = &sessions->at[idx];
    uint64_t deadline_ns;

    ASSERT(is_bound(session));
    session->state = ENGINE_SESSION_NEGOTIATED;
    if (session->cancel_on_disconnect_ms == 0)
        return;
    if (__builtin_add_overflow(now_ns, session->cancel_on_disconnect_ms * NS_PER_MS, &deadline_ns))
        deadline_ns = UINT64_MAX;
    timers_arm(&sessions->timers, idx, deadline_ns);
}

/* end makes the session's UUID one of the past. */
static void
end(struct sessions *sessions, uint32_t idx)
{
    struct session *session = &sessions->at[idx];
    struct session_cold *cold = &sessions->cold[idx];

    ASSERT(session->state == ENGINE_SESSION_NEGOTIATED);
    memmove(cold->past[1], cold->past[0], sizeof cold->past - sizeof cold->past[0]);
    memcpy(cold->past[0], cold->uuid, sizeof cold->uuid);
    memset(cold->uuid, 0, sizeof cold->uuid);
    cold->request_time = 0;
    session->state = ENGINE_SESSION_IDLE;
    session->finished = 0;
    session->next_in_no = 0;
}

enum oe_reject_reason
sessions_set(struct sessions *sessions,
             const struct risk *risk,
             const struct cell_session_set *cell)
{
    if (cell->session >= sessions->sessions_max || cell->name[0] == '\0' || cell->blocked > 1 ||
        cell->drop_copy > 1)
        return OE_REJECT_REASON_CONFIGURATION_RANGE;

    const uint32_t idx = cell->session + 1u;
    struct session *session = &sessions->at[idx];

    if (!risk_firm_known(risk, cell->firm))
        return OE_REJECT_REASON_CONFIGURATION_CONFLICT;
    if (session->state != ENGINE_SESSION_UNKNOWN &&
        (session->firm != cell->firm || session->drop_copy != cell->drop_copy))
        return OE_REJECT_REASON_CONFIGURATION_CONFLICT;
    if (cell->drop_copy != 0 && copied(sessions, idx, cell->firm))
        return OE_REJECT_REASON_CONFIGURATION_CONFLICT;
    if (session->state == ENGINE_SESSION_UNKNOWN) {
        session->state = ENGINE_SESSION_IDLE;
        session->risk.orders_max = UINT32_MAX;
        session->numbered = SESSION_COUNTED;
    }
    sessions->cold[idx].by_hand = 0;
    session->firm = cell->firm;
    session->blocked = cell->blocked;
    session->drop_copy = cell->drop_copy;
    session->cancel_on_disconnect_ms = cell->cancel_on_disconnect_ms;
    memcpy(sessions->names[idx], cell->name, sizeof sessions->names[idx]);
    if (sessions->used_cnt <= idx)
        sessions->used_cnt = idx + 1;
    return OE_REJECT_REASON_NONE;
}

static bool
has_uuid(const struct sessions *sessions, uint32_t idx, const uint8_t uuid[16])
{
    return sessions->at[idx].state >= ENGINE_SESSION_NEGOTIATED &&
           memcmp(sessions->cold[idx].uuid, uuid, 16) == 0;
}

/* had_uuid tells whether the session had the UUID before, as far as it remembers. */
static bool
had_uuid(const struct sessions *sessions, uint32_t idx, const uint8_t uuid[16])
{
    for (unsigned i = 0; i < SESSION_PAST_MAX; i++)
        if (memcmp(sessions->cold[idx].past[i], uuid, 16) == 0)
            return true;
    return false;
}

static bool
uuid_in_use(const struct sessions *sessions, const uint8_t uuid[16])
{
    for (uint32_t i = 1; i < sessions->used_cnt; i++)
        if (has_uuid(sessions, i, uuid))
            return true;
    return false;
}

enum oe_reject_reason
sessions_negotiate(struct sessions *sessions,
                   const struct cell_session_negotiate *cell,
                   uint64_t now_ns)
{
    if (cell->session >= sessions->sessions_max)
        return OE_REJECT_REASON_UNKNOWN_SESSION;

    const uint32_t idx = cell->session + 1u;
    struct session *session = &sessions->at[idx];
    struct session_cold *cold = &sessions->cold[idx];

    if (session->state == ENGINE_SESSION_UNKNOWN)
        return OE_REJECT_REASON_UNKNOWN_SESSION;
    if (session->blocked != 0)
        return OE_REJECT_REASON_SESSION_BLOCKED;
    if (!flow_fits(session, cell->client_flow) || cell->server_flow != SERVER_FLOW_RECOVERABLE)
        return OE_REJECT_REASON_SESSION_FLOW_TYPE;
    /* The answer to the first was lost: the same question gets the same one. */
    if (session->state == ENGINE_SESSION_NEGOTIATED && has_uuid(sessions, idx, cell->uuid) &&
        cold->request_time == cell->request_time)
        return OE_REJECT_REASON_NONE;
    if (!cell_uuid_is_v4(cell->uuid))
        return OE_REJECT_REASON_SESSION_UNSPECIFIED;
    if (uuid_in_use(sessions, cell->uuid) || had_uuid(sessions, idx, cell->uuid))
        return OE_REJECT_REASON_SESSION_DUPLICATE_ID;
    if (is_bound(session))
        unbind(sessions, idx, now_ns);
    if (session->state == ENGINE_SESSION_NEGOTIATED)
        end(sessions, idx);
    session->state = ENGINE_SESSION_NEGOTIATED;
    memcpy(cold->uuid, cell->uuid, sizeof cold->uuid);
    cold->request_time = cell->request_time;
    session->numbered =
        cell->client_flow == CLIENT_FLOW_UNSEQUENCED ? SESSION_RISING : SESSION_COUNTED;
    session->next_in_no = 1;
    return OE_REJECT_REASON_NONE;
}

enum oe_reject_reason
sessions_establish(struct sessions *sessions,
                   const struct cell_session_establish *cell,
                   uint64_t *next_in_no)
{
    if (cell->session >= sessions->sessions_max)
        return OE_REJECT_REASON_SESSION_UNNEGOTIATED;

    const uint32_t idx = cell->session + 1u;
    struct session *session = &sessions->at[idx];

    if (!has_uuid(sessions, idx, cell->uuid))
        return OE_REJECT_REASON_SESSION_UNNEGOTIATED;
    if (session->blocked != 0)
        return OE_REJECT_REASON_SESSION_BLOCKED;
    if (is_bound(session) && cell->takeover == 0)
        return OE_REJECT_REASON_SESSION_ALREADY_ESTABLISHED;
    if (cell->keepalive_ms < KEEPALIVE_MS_MIN || cell->keepalive_ms > KEEPALIVE_MS_MAX)
        return OE_REJECT_REASON_SESSION_KEEPALIVE;
    session->state = session->finished != 0 ? ENGINE_SESSION_FINISHING : ENGINE_SESSION_BOUND;
    timers_disarm(&sessions->timers, idx);
    *next_in_no = session->next_in_no;
    return OE_REJECT_REASON_NONE;
}

bool
sessions_unbind_admitted(const struct sessions *sessions, const struct cell_session_unbind *cell)
{
    if (cell->session >= sessions->sessions_max)
        return false;

    const uint32_t idx = cell->session + 1u;

    return is_bound(&sessions->at[idx]) && has_uuid(sessions, idx, cell->uuid) &&
           (cell->reason != CELL_UNBIND_REASON_FINISHED || sessions->at[idx].finished != 0);
}

void
sessions_unbind(struct sessions *sessions, const struct cell_session_unbind *cell, uint64_t now_ns)
{
    ASSERT(cell->session < sessions->sessions_max);
    unbind(sessions, cell->session + 1u, now_ns);
    if (cell->reason == CELL_UNBIND_REASON_FINISHED)
        end(sessions, cell->session + 1u);
}

bool
sessions_sequence_admitted(const struct sessions *sessions,
                           const struct cell_session_sequence *cell)
{
    if (cell->session >= sessions->sessions_max || cell->finished > 1)
        return false;

    const struct session *session = &sessions->at[cell->session + 1u];

    return session->state == ENGINE_SESSION_BOUND &&
           (cell->next_no > session->next_in_no ||
            (cell->finished != 0 && cell->next_no == session->next_in_no));
}

uint64_t
sessions_sequence(struct sessions *sessions, const struct cell_session_sequence *cell)
{
    struct session *session = &sessions->at[cell->session + 1u];
    const uint64_t missing = cell->next_no - session->next_in_no;

    session->next_in_no = cell->next_no;
    if (cell->finished != 0) {
        session->finished = 1;
        session->state = ENGINE_SESSION_FINISHING;
    }
    return missing;
}

void
sessions_restart(struct sessions *sessions, bool lossy, uint64_t now_ns)
{
    for (uint32_t i = 1; i < sessions->used_cnt; i++) {
        struct session *session = &sessions->at[i];

        if (is_bound(session))
            unbind(sessions, i, now_ns);
        if (lossy && session->state == ENGINE_SESSION_NEGOTIATED)
            end(sessions, i);
    }
}
