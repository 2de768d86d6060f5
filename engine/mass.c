#include "engine/book.h"

/* cancel_live cancels a live order with an event of its own. */
static void
cancel_live(struct engine *engine, uint32_t slot, uint8_t reason, struct cell_sink *out)
{
    const struct order *order = &engine->orders.orders[slot];

    engine_emit_canceled(engine, order, reason, out);
    engine_release(engine, order, order->leaves_qty);
    book_remove(engine, slot);
    engine->work.canceled_cnt++;
}

/* check_scope says whether the session may cancel what it asks for. */
static enum oe_reject_reason
check_scope(const struct engine *engine,
            const struct cell_mass_cancel *in,
            const struct session *session)
{
    uint32_t group;
    uint32_t firm;
    bool allowed = false;

    if (session->firm == RISK_FIRM_ANY)
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
            const struct session *session,
            struct cell_sink *out)
{
    const struct cell_mass_cancel *in = &cells[0].mass_cancel;
    const enum oe_reject_reason reason = check_scope(engine, in, session);

    (void)engine_emit_command(engine, cells, out, 1, 0, reason);
    if (reason != OE_REJECT_REASON_NONE)
        return engine_finish(engine, out);
    engine->work = (struct work){.kind = WORK_MASS_CANCEL, .mass = *in};
    if (in->scope == OE_MASS_CANCEL_SCOPE_SESSION && in->session != CELL_SESSION)
        engine->work.mass.target = in->session;
    return mass_cancel_slice(engine, out);
}

/* emit_mass_canceled writes the last event of a mass cancel. */
static void
emit_mass_canceled(struct engine *engine, uint32_t target, struct cell_sink *out)
{
    const struct cell_mass_cancel *mass = &engine->work.mass;

    engine_emit(out)->mass_canceled = (struct cell_mass_canceled){
        .kind = CELL_KIND_MASS_CANCELED,
        .shape = 1,
        .instrument = mass->instrument,
        .seq = engine->seq,
        .time = engine->time_ns,
        .clord = mass->clord,
        .target = target,
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

enum engine_result
mass_cancel_slice(struct engine *engine, struct cell_sink *out)
{
    struct work *work = &engine->work;
    const uint32_t canceled_end = work->canceled_cnt + SLICE_CANCELS_MAX;
    const uint32_t slot_end = work->slot + SLICE_SCAN_MAX;

    for (; !is_exhausted(engine); work->slot++) {
        const struct order *order = &engine->orders.orders[work->slot];

        if (work->slot == slot_end || work->canceled_cnt == canceled_end)
            return ENGINE_MORE;
        if (order_is_live(order) && in_scope(engine, &work->mass, order))
            cancel_live(engine, work->slot, work->mass.reason, out);
    }
    emit_mass_canceled(engine, work->mass.target, out);
    return engine_finish(engine, out);
}

enum engine_result
mass_clock(struct engine *engine, const union cell *cells, struct cell_sink *out)
{
    (void)engine_emit_command(engine, cells, out, 1, 0, OE_REJECT_REASON_NONE);
    engine->work = (struct work){.kind = WORK_DISCONNECT};
    return mass_disconnect_slice(engine, out);
}

/* next_due takes due sessions off the timers up to one that has orders to
 * cancel; false if there is none. */
static bool
next_due(struct engine *engine)
{
    struct timers *timers = &engine->sessions.timers;

    while (timers_deadline_ns(timers) <= engine->time_ns) {
        const uint32_t idx = timers->heap[0];

        timers_disarm(timers, idx);
        if (engine->sessions.at[idx].day_orders_cnt == 0)
            continue;
        engine->work.session_idx = idx;
        engine->work.slot = 0;
        return true;
    }
    return false;
}

/* mass_disconnect_slice knows how many orders it still has to cancel, so it
 * ends with the last of them and never leaves a slice without a last cell. */
enum engine_result
mass_disconnect_slice(struct engine *engine, struct cell_sink *out)
{
    struct work *work = &engine->work;
    const uint32_t canceled_end = work->canceled_cnt + SLICE_CANCELS_MAX;
    uint32_t scanned_cnt = 0;

    for (;;) {
        if (work->session_idx == 0 || engine->sessions.at[work->session_idx].day_orders_cnt == 0) {
            if (!next_due(engine))
                return engine_finish(engine, out);
        }
        if (work->canceled_cnt == canceled_end || scanned_cnt++ == SLICE_SCAN_MAX)
            return ENGINE_MORE;

        ASSERT(work->slot < engine->orders.used_cnt);
        const uint32_t slot = work->slot++;
        const struct order *order = &engine->orders.orders[slot];

        if (order_is_live(order) && order->tif == OE_TIME_IN_FORCE_DAY &&
            session_idx(&engine->sessions, order->session) == work->session_idx)
            cancel_live(engine, slot, OE_CANCEL_REASON_DISCONNECT, out);
    }
}
