#include <stdlib.h>

#include "tests/model/model_parts.h"

/* may_mass_cancel: a session has power over its own firm's orders alone; the
 * exchange itself over all, and what it names need not be there. */
static bool
may_mass_cancel(const struct model *model, const struct cell_mass_cancel *req)
{
    const uint32_t firm = model_firm_of_session(model, req->session);

    if (firm == UINT32_MAX)
        return true;
    switch (req->scope) {
    case OE_MASS_CANCEL_SCOPE_SESSION:
        return true;
    case OE_MASS_CANCEL_SCOPE_ACCOUNT:
        return req->target < MODEL_ACCOUNTS && model->accounts[req->target].known &&
               model_account_firm(model, req->target) == firm;
    case OE_MASS_CANCEL_SCOPE_GROUP:
        return req->target < MODEL_GROUPS && model->group_known[req->target] &&
               model->group_firm[req->target] == firm;
    default:
        return req->target == firm;
    }
}

/* session_of_scope: a session names itself, the exchange names any. */
static uint32_t
session_of_scope(const struct cell_mass_cancel *req)
{
    return req->session == CELL_SESSION ? req->target : req->session;
}

static bool
in_scope(const struct model *model,
         const struct cell_mass_cancel *req,
         const struct model_order *order)
{
    if (req->instrument != CELL_ANY && req->instrument != order->instrument)
        return false;
    if (req->account != CELL_ANY && req->account != order->account)
        return false;
    if (req->side != OE_SIDE_FILTER_ANY && (req->side == OE_SIDE_FILTER_SELL) != order->sell)
        return false;
    switch (req->scope) {
    case OE_MASS_CANCEL_SCOPE_SESSION:
        return order->session == session_of_scope(req);
    case OE_MASS_CANCEL_SCOPE_ACCOUNT:
        return order->account == req->target;
    case OE_MASS_CANCEL_SCOPE_GROUP:
        return model->accounts[order->account].set.group == req->target;
    default:
        return model_account_firm(model, order->account) == req->target;
    }
}

/* next_in_scope finds the order of the lowest slot that is at least `slot`. */
static struct model_order *
next_in_scope(const struct model *model, const struct cell_mass_cancel *req, uint64_t slot)
{
    struct model_order *next = NULL;

    for (uint32_t i = 0; i < MODEL_INSTRUMENTS; i++)
        for (unsigned side = 0; side < 2; side++)
            for (struct model_order *o = model->instruments[i].side[side]; o; o = o->next)
                if (MODEL_SLOT(o->order_id) >= slot && in_scope(model, req, o) &&
                    (next == NULL || MODEL_SLOT(o->order_id) < MODEL_SLOT(next->order_id)))
                    next = o;
    return next;
}

void
model_mass_cancel(struct model *model, const union cell *cells)
{
    const struct cell_mass_cancel *req = &cells->mass_cancel;
    const bool allowed = may_mass_cancel(model, req);
    struct model_order *order;
    uint32_t count = 0;
    uint64_t slot = 0;

    model_emit_command(model, cells, allowed ? 0 : OE_REJECT_REASON_SCOPE_NOT_ALLOWED, NULL);
    if (!allowed)
        return;
    while ((order = next_in_scope(model, req, slot)) != NULL) {
        slot = MODEL_SLOT(order->order_id) + 1;
        model_emit_canceled(model, order, req->reason);
        model_unlink(model, order);
        free(order);
        count++;
    }

    const union cell cell = {.mass_canceled = {
                                 .kind = CELL_KIND_MASS_CANCELED,
                                 .shape = 1,
                                 .instrument = req->instrument,
                                 .seq = model->seq,
                                 .time = model->time_ns,
                                 .clord = req->clord,
                                 .target = req->scope == OE_MASS_CANCEL_SCOPE_SESSION
                                               ? session_of_scope(req)
                                               : req->target,
                                 .scope = req->scope,
                                 .side = req->side,
                                 .reason = req->reason,
                                 .count = count,
                                 .index = ++model->event_index,
                                 .account = req->account,
                                 .session = req->session,
                             }};

    model_emit(model, &cell);
}

/* lowest_day_order finds the Day order of a session that has the lowest slot. */
static struct model_order *
lowest_day_order(const struct model *model, uint16_t session)
{
    struct model_order *lowest = NULL;

    for (uint32_t i = 0; i < MODEL_INSTRUMENTS; i++)
        for (unsigned side = 0; side < 2; side++)
            for (struct model_order *o = model->instruments[i].side[side]; o; o = o->next)
                if (o->session == session && o->tif == OE_TIME_IN_FORCE_DAY &&
                    (lowest == NULL || MODEL_SLOT(o->order_id) < MODEL_SLOT(lowest->order_id)))
                    lowest = o;
    return lowest;
}

/* Time is looked at in ticks of 2^20 ns, and a deadline counts as the end of the
 * tick in which it lies. */
static uint64_t
deadline_tick(const struct model_session *session)
{
    const uint64_t tick_ns = UINT64_C(1) << 20;

    return session->deadline_ns / tick_ns + (session->deadline_ns % tick_ns != 0);
}

/* goes_first: the earlier tick, then the one that was unbound before. */
static bool
goes_first(const struct model_session *a, const struct model_session *b)
{
    if (deadline_tick(a) != deadline_tick(b))
        return deadline_tick(a) < deadline_tick(b);
    return a->unbound_no < b->unbound_no;
}

/* next_due finds the session whose grace time ended first. */
static struct model_session *
next_due(struct model *model)
{
    struct model_session *due = NULL;

    for (uint32_t i = 0; i < MODEL_SESSIONS; i++) {
        struct model_session *session = &model->sessions[i];

        if (session->deadline_ns != 0 && deadline_tick(session) <= model->time_ns >> 20 &&
            (due == NULL || goes_first(session, due)))
            due = session;
    }
    return due;
}

/* model_clock lets time pass: sessions that did not come back lose their Day orders. */
void
model_clock(struct model *model, const union cell *cells)
{
    struct model_session *session;
    struct model_order *order;

    model_emit_command(model, cells, 0, NULL);
    while ((session = next_due(model)) != NULL) {
        session->deadline_ns = 0;
        while ((order = lowest_day_order(model, (uint16_t)(session - model->sessions))) != NULL) {
            model_emit_canceled(model, order, OE_CANCEL_REASON_DISCONNECT);
            model_unlink(model, order);
            free(order);
        }
    }
}
