/*
 * Cancels and expiries of many orders, in slices: mass cancel, what a Clock
 * command finds due, an instrument that closes.
 *
 * Orders are looked for by going through the slots in use, 64 bytes each, in
 * their order, so that the order of the cancels is the same in every replay.
 */
#include "engine/work.h"

/* What a turn of the timing wheel, which moves up to TIMERS_MOVES_MAX timers all
 * over memory, costs of the budget of a slice. */
#define TURN_COST 1024

/* check_scope says whether the session may cancel what it asks for. */
static enum oe_reject_reason
check_scope(const struct engine *engine,
            const struct cell_mass_cancel *in,
            const struct session *session)
{
    uint32_t group;
    uint32_t firm;
    bool allowed = false;

    if (session->firm == RISK_FIRM_ANY || engine->cfg.no_risk)
        return OE_REJECT_REASON_NONE;
    switch ((enum oe_mass_cancel_scope)in->scope) {
    case OE_MASS_CANCEL_SCOPE_SESSION:
        allowed = true;
        break;
    case OE_MASS_CANCEL_SCOPE_ACCOUNT:
        allowed =
            risk_account_firm(engine->risk, in->target, &group, &firm) && firm == session->firm;
        break;
    case OE_MASS_CANCEL_SCOPE_GROUP:
        allowed = risk_group_firm(engine->risk, in->target, &firm) && firm == session->firm;
        break;
    case OE_MASS_CANCEL_SCOPE_FIRM:
        allowed = in->target == session->firm;
        break;
    default:
        UNREACHABLE("scope was checked by the view");
    }
    return allowed ? OE_REJECT_REASON_NONE : OE_REJECT_REASON_SCOPE_NOT_ALLOWED;
}

/* in_scope says whether a live order is one of those to cancel. */
static bool
in_scope(const struct engine *engine,
         const struct cell_mass_cancel *mass,
         const struct order *order)
{
    uint32_t group = 0;
    uint32_t firm = 0;

    if (mass->instrument != CELL_ANY && mass->instrument != order->instrument)
        return false;
    if (mass->account != CELL_ANY && mass->account != order->account)
        return false;
    if (mass->side != OE_SIDE_FILTER_ANY &&
        (mass->side == OE_SIDE_FILTER_SELL) != order_is_sell(order))
        return false;
    switch ((enum oe_mass_cancel_scope)mass->scope) {
    case OE_MASS_CANCEL_SCOPE_SESSION:
        return order->session == mass->target;
    case OE_MASS_CANCEL_SCOPE_ACCOUNT:
        return order->account == mass->target;
    case OE_MASS_CANCEL_SCOPE_GROUP:
    case OE_MASS_CANCEL_SCOPE_FIRM:
        if (engine->cfg.no_risk)
            return mass->scope == OE_MASS_CANCEL_SCOPE_GROUP && order->account == mass->target;
        if (!risk_account_firm(engine->risk, order->account, &group, &firm))
            return false;
        return mass->target == (mass->scope == OE_MASS_CANCEL_SCOPE_GROUP ? group : firm);
    default:
        UNREACHABLE("scope was checked by the view");
    }
}

enum engine_result
mass_cancel(struct engine *engine,
            const union cell *cells,
            struct session *session,
            struct cell_sink *out)
{
    const struct cell_mass_cancel *in = &cells[0].mass_cancel;
    struct risk_detail detail; /* not told of the many */
    enum oe_reject_reason reason =
        engine_take_message(engine, session, in->session, in->account, true, &detail);

    if (reason == OE_REJECT_REASON_NONE)
        reason = check_scope(engine, in, session);
    (void)engine_emit_command(engine, cells, out, 1, 0, reason);
    engine->work.index = 0;
    if (reason != OE_REJECT_REASON_NONE)
        return work_settled(engine, out);
    work_begin(engine, WORK_MASS_CANCEL, PHASE_NEXT);
    engine->work.mass = *in;
    if (in->scope == OE_MASS_CANCEL_SCOPE_SESSION && in->session != CELL_SESSION)
        engine->work.mass.target = in->session;
    return work_run(engine, out);
}

/* emit_mass_canceled writes the last event of a mass cancel. */
static void
emit_mass_canceled(struct engine *engine, struct cell_sink *out)
{
    const struct cell_mass_cancel *mass = &engine->work.mass;

    engine_emit(out)->mass_canceled = (struct cell_mass_canceled){
        .kind = CELL_KIND_MASS_CANCELED,
        .shape = 1,
        .instrument = mass->instrument,
        .seq = engine->seq,
        .time = engine->time_ns,
        .clord = mass->clord,
        .target = mass->target,
        .scope = mass->scope,
        .side = mass->side,
        .reason = mass->reason,
        .count = engine->work.canceled_cnt,
        .index = ++engine->work.index,
        .account = mass->account,
        .session = mass->session,
    };
}

/* is_exhausted says whether no order of the scope can be left: known at once
 * for a session, which counts its orders. */
static bool
is_exhausted(const struct engine *engine)
{
    const struct work *work = &engine->work;

    if (work->slot >= engine->orders.used_cnt)
        return true;
    if (work->mass.scope != OE_MASS_CANCEL_SCOPE_SESSION)
        return false;
    if (work->mass.target > UINT16_MAX)
        return true;

    const struct session *session = session_of(&engine->sessions, (uint16_t)work->mass.target);

    return session == NULL || session->orders_cnt == 0;
}

bool
mass_scope_step(struct engine *engine, struct slice *slice, struct cell_sink *out)
{
    struct work *work = &engine->work;

    while (!slice_is_spent(slice, out)) {
        if (is_exhausted(engine))
            return true;

        const uint32_t slot = work->slot++;
        const struct order *order = &engine->orders.orders[slot];

        slice->budget--;
        if (!order_is_live(order) || !in_scope(engine, &work->mass, order))
            continue;
        order_retire(engine, slot, work->mass.reason, out);
        work->canceled_cnt++;
    }
    return false;
}

void
mass_cancel_step(struct engine *engine, struct slice *slice, struct cell_sink *out)
{
    if (!mass_scope_step(engine, slice, out))
        return;
    emit_mass_canceled(engine, out);
    engine->work.complete = true;
}

enum engine_result
mass_clock(struct engine *engine, const union cell *cells, struct cell_sink *out)
{
    (void)engine_emit_command(engine, cells, out, 1, 0, OE_REJECT_REASON_NONE);
    work_begin(engine, WORK_CLOCK, PHASE_NEXT);
    engine->work.index = 0;
    return work_run(engine, out);
}

/* next_due turns the wheel towards the engine's time: a session that is due is
 * marked, an order expires. False when nothing more is due. */
static bool
next_due(struct engine *engine, struct slice *slice, struct cell_sink *out)
{
    const uint32_t id = timers_pop(&engine->sessions.timers, engine->time_ns);

    slice->budget--;
    if (id == TIMERS_NONE)
        return false;
    if (id == TIMERS_TURNING) {
        slice->budget -= TURN_COST;
    } else if (id > engine->cfg.sessions_max) {
        order_retire(engine, engine->extras.extras[id - engine->cfg.sessions_max].slot,
                     OE_CANCEL_REASON_EXPIRED, out);
    } else {
        struct session *session = &engine->sessions.at[id];

        session->due = session->day_orders_cnt != 0;
        engine->work.due_cnt += session->day_orders_cnt;
    }
    return true;
}

/* next_of_due looks at the next slot for an order of a session that is due. */
static void
next_of_due(struct engine *engine, struct slice *slice, struct cell_sink *out)
{
    struct work *work = &engine->work;

    ASSERT(work->slot < engine->orders.used_cnt);

    const uint32_t slot = work->slot++;
    const struct order *order = &engine->orders.orders[slot];

    slice->budget--;
    if (!order_is_live(order) || !order_is_day(order))
        return;

    struct session *session = session_of(&engine->sessions, order->session);

    if (session->due == 0)
        return;
    order_retire(engine, slot, OE_CANCEL_REASON_DISCONNECT, out);
    work->due_cnt--;
    session->due = session->day_orders_cnt != 0;
}

/* mass_clock_step goes through the slots once for all sessions that are due:
 * where one switch fails, all of them go silent at the same time. The first slot
 * is looked at when no timer is due any more. */
void
mass_clock_step(struct engine *engine, struct slice *slice, struct cell_sink *out)
{
    struct work *work = &engine->work;

    while (!work->complete && !slice_is_spent(slice, out)) {
        if (work->slot == 0 && next_due(engine, slice, out))
            continue;
        if (work->due_cnt == 0)
            work->complete = true;
        else
            next_of_due(engine, slice, out);
    }
}

void
mass_close_step(struct engine *engine, struct slice *slice, struct cell_sink *out)
{
    struct work *work = &engine->work;

    while (!slice_is_spent(slice, out)) {
        if (work->slot == engine->orders.used_cnt) {
            work->complete = true;
            return;
        }

        const uint32_t slot = work->slot++;
        const struct order *order = &engine->orders.orders[slot];

        slice->budget--;
        if (order_is_live(order) && order->instrument == work->instrument && order_is_day(order))
            order_retire(engine, slot, OE_CANCEL_REASON_EXPIRED, out);
    }
}
