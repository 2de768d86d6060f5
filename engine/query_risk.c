/*
 * Queries of configuration and risk: what was set, by whom, and how much of it is
 * used.
 */
#include <string.h>

#include "engine/work.h"

static unsigned
session_config(const struct engine *engine, uint32_t id, union cell *cells)
{
    if (id >= engine->sessions.sessions_max ||
        engine->sessions.at[id + 1].state == ENGINE_SESSION_UNKNOWN)
        return 0;

    const struct session *at = &engine->sessions.at[id + 1];

    cells[0].session_set = (struct cell_session_set){
        .kind = CELL_KIND_SESSION_SET,
        .shape = 1,
        .firm = at->firm,
        .cancel_on_disconnect_ms = at->cancel_on_disconnect_ms,
        .blocked = at->blocked,
        .drop_copy = at->drop_copy,
        .session = (uint16_t)id,
    };
    memcpy(cells[0].session_set.name, engine->sessions.names[id + 1],
           sizeof cells[0].session_set.name);
    return 1;
}

/* instrument_config adds to what risk knows of an instrument how its book
 * matches, so that the whole command is given back. */
static unsigned
instrument_config(const struct engine *engine, uint32_t id, union cell *cells)
{
    const unsigned cells_cnt =
        risk_config_get(engine->risk, CELL_KIND_INSTRUMENT_SET, id, 0, cells);

    if (cells_cnt == 0)
        return 0;

    const struct book_rare *rare = &engine->rares[id];
    struct cell_instrument_set *set = &cells[0].instrument_set;

    set->algorithm = engine->books[id].algorithm;
    set->allocation_min = rare->allocation_min;
    set->fifo_permille = rare->fifo_permille;
    set->top_max = rare->top_max;
    return cells_cnt;
}

/* session_limit gives a limit of a session as the command that would set it. */
static unsigned
session_limit(const struct engine *engine, uint32_t id, uint8_t limit, union cell *cells)
{
    const struct session *session = session_set_of(&engine->sessions, id);
    struct risk_limit found;

    if (session == NULL || !risk_session_limit(engine->risk, &session->risk, limit, &found))
        return 0;
    cells[0].limit_set = (struct cell_limit_set){
        .kind = CELL_KIND_LIMIT_SET,
        .shape = 1,
        .subject = id,
        .value = found.value,
        .window_ns = found.window_ns,
        .level = OE_RISK_LEVEL_SESSION,
        .limit = limit,
        .session = CELL_SESSION,
    };
    return 1;
}

unsigned
engine_config_get(const struct engine *engine,
                  unsigned kind,
                  uint32_t id,
                  uint32_t id2,
                  union cell *cells)
{
    if (kind == CELL_KIND_SESSION_SET)
        return session_config(engine, id, cells);
    if (kind == CELL_KIND_INSTRUMENT_SET)
        return instrument_config(engine, id, cells);
    if (kind == CELL_KIND_LIMIT_SET && id2 >> 8 == OE_RISK_LEVEL_SESSION)
        return session_limit(engine, id, (uint8_t)id2, cells);
    return risk_config_get(engine->risk, kind, id, id2, cells);
}

bool
engine_config_by_hand(const struct engine *engine, unsigned kind, uint32_t id, uint32_t id2)
{
    const bool of_session =
        kind == CELL_KIND_LIMIT_SET && id2 >> 8 == (uint32_t)OE_RISK_LEVEL_SESSION;
    const struct session *session = session_set_of(&engine->sessions, id);
    struct risk_limit limit;

    if (kind == CELL_KIND_SESSION_SET)
        return session != NULL && engine->sessions.cold[id + 1].by_hand != 0;
    if (of_session)
        return session != NULL &&
               risk_session_limit(engine->risk, &session->risk, (uint8_t)id2, &limit) &&
               limit.by_hand != 0;
    return risk_config_by_hand(engine->risk, kind, id, id2);
}

static struct engine_wide
wide_of(notional_t amount)
{
    return (struct engine_wide){.low = (uint64_t)amount, .high = (int64_t)(amount >> 64)};
}

/* session_use finds what a session uses of its limits: live orders, or the tokens
 * that have not come back. */
static bool
session_use(const struct engine *engine, uint32_t id, uint8_t limit, struct risk_use *use)
{
    const struct session *session = session_set_of(&engine->sessions, id);
    uint64_t full_ns;

    if (session == NULL || !risk_session_limit(engine->risk, &session->risk, limit, &use->limit))
        return false;
    if (limit == CELL_RISK_LIMIT_OPEN_ORDERS) {
        use->used = session->orders_cnt;
    } else {
        full_ns = risk_session_full_ns(engine->risk, &session->risk,
                                       limit == CELL_RISK_LIMIT_CANCEL_RATE);
        use->used = 0;
        if (full_ns > engine->time_ns && use->limit.window_ns != 0)
            use->used = (full_ns - engine->time_ns - 1) / use->limit.window_ns + 1;
    }
    use->headroom = use->limit.value - use->used;
    return true;
}

bool
engine_risk_use(const struct engine *engine,
                uint8_t level,
                uint32_t subject,
                uint32_t instrument,
                uint8_t limit,
                struct engine_use *out)
{
    struct risk_use use;
    const bool found = level == OE_RISK_LEVEL_SESSION
                           ? session_use(engine, subject, limit, &use)
                           : risk_use_get(engine->risk, level, subject, instrument, limit, &use);

    if (!found)
        return false;
    *out = (struct engine_use){
        .value = use.limit.value,
        .window_ns = use.limit.window_ns,
        .slow_ms = use.limit.slow_ms,
        .stage = use.limit.stage,
        .by_hand = use.limit.by_hand != 0,
        .used = wide_of(use.used),
        .headroom = wide_of(use.headroom),
    };
    memcpy(out->permille, use.limit.permille, sizeof out->permille);
    return true;
}

bool
engine_risk_cash(const struct engine *engine, uint32_t account, struct engine_cash *out)
{
    struct risk_cash cash;

    if (!risk_cash_get(engine->risk, account, &cash))
        return false;
    *out = (struct engine_cash){
        .balance = wide_of(cash.balance),
        .reserved = wide_of(cash.reserved),
        .free = wide_of(cash.free),
        .fees = wide_of(cash.fees),
    };
    return true;
}
