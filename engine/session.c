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

/* unbind takes a session out of BOUND and starts its grace time. */
static void
unbind(struct sessions *sessions, uint32_t idx, uint64_t now_ns)
{
    struct session *session = &sessions->at[idx];
    uint64_t deadline_ns;

    ASSERT(session->state == ENGINE_SESSION_BOUND);
    session->state = ENGINE_SESSION_NEGOTIATED;
    if (session->cancel_on_disconnect_ms == 0)
        return;
    if (__builtin_add_overflow(now_ns, session->cancel_on_disconnect_ms * NS_PER_MS, &deadline_ns))
        deadline_ns = UINT64_MAX;
    timers_arm(&sessions->timers, idx, deadline_ns);
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
    if (uuid_in_use(sessions, cell->uuid))
        return OE_REJECT_REASON_SESSION_DUPLICATE_ID;
    if (!cell_uuid_is_v4(cell->uuid))
        return OE_REJECT_REASON_SESSION_UNSPECIFIED;
    if (session->state == ENGINE_SESSION_BOUND)
        unbind(sessions, idx, now_ns);
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
    if (session->state == ENGINE_SESSION_BOUND && cell->takeover == 0)
        return OE_REJECT_REASON_SESSION_ALREADY_ESTABLISHED;
    if (cell->keepalive_ms < KEEPALIVE_MS_MIN || cell->keepalive_ms > KEEPALIVE_MS_MAX)
        return OE_REJECT_REASON_SESSION_KEEPALIVE;
    session->state = ENGINE_SESSION_BOUND;
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

    return sessions->at[idx].state == ENGINE_SESSION_BOUND && has_uuid(sessions, idx, cell->uuid);
}

void
sessions_unbind(struct sessions *sessions, uint16_t session, uint64_t now_ns)
{
    ASSERT(session < sessions->sessions_max);
    unbind(sessions, session + 1u, now_ns);
}

void
sessions_restart(struct sessions *sessions, bool lossy, uint64_t now_ns)
{
    for (uint32_t i = 1; i < sessions->used_cnt; i++) {
        struct session *session = &sessions->at[i];

        if (session->state == ENGINE_SESSION_BOUND)
            unbind(sessions, i, now_ns);
        if (!lossy || session->state != ENGINE_SESSION_NEGOTIATED)
            continue;
        session->state = ENGINE_SESSION_IDLE;
        memset(sessions->cold[i].uuid, 0, sizeof sessions->cold[i].uuid);
        sessions->cold[i].request_time = 0;
        session->next_in_no = 0;
    }
}
