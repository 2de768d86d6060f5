#include "tests/model/model_parts.h"

/* may_mass_cancel: a session has power over its own firm's orders alone; the
 * exchange itself, and where there are no accounts anybody, over all, and what
 * they name need not be there. */
static bool
may_mass_cancel(const struct model *model, const struct cell_mass_cancel *req)
{
    const uint32_t firm = model_firm_of_session(model, req->session);

    if (firm == UINT32_MAX || model->cfg.no_risk)
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

/* Which orders of many go. */
struct scope {
    const struct model *model;
    const struct cell_mass_cancel *mass; /* these, or */
    uint8_t level;                       /* all of a subject at this level, or */
    uint32_t subject;
    bool sell;            /* of a pair, in the instrument */
    const bool *sessions; /* what lasts a day of these sessions, or */
    uint32_t instrument;  /* in this instrument */
};

/* lasts_a_day: orders that do not outlive their session or their day. */
static bool
lasts_a_day(const struct model_order *order)
{
    return order->tif == OE_TIME_IN_FORCE_DAY || order->tif == OE_TIME_IN_FORCE_AT_THE_OPENING ||
           order->tif == OE_TIME_IN_FORCE_AT_THE_CLOSE;
}

static bool
in_mass(const struct model *model,
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
        return model_group_of(model, order->account) == req->target;
    default:
        return !model->cfg.no_risk && model_account_firm(model, order->account) == req->target;
    }
}

static bool
in_scope(const struct scope *scope, const struct model_order *order)
{
    if (scope->mass != NULL)
        return in_mass(scope->model, scope->mass, order);
    if (scope->level == OE_RISK_LEVEL_ACCOUNT_INSTRUMENT)
        return order->account == scope->subject && order->instrument == scope->instrument &&
               order->sell == scope->sell;
    if (scope->level == OE_RISK_LEVEL_SESSION)
        return order->session == scope->subject;
    if (scope->level != OE_RISK_LEVEL_NONE)
        return model_id_at(scope->model, scope->level, order->account) == scope->subject;
    if (!lasts_a_day(order))
        return false;
    if (scope->sessions != NULL)
        return order->session < MODEL_SESSIONS && scope->sessions[order->session];
    return order->instrument == scope->instrument;
}

/* next_in_scope finds the order of the lowest slot that is at least `slot`. */
static struct model_order *
next_in_scope(const struct scope *scope, uint64_t slot)
{
    struct model_order *next = NULL;

    for (struct model_order *o = scope->model->live; o != NULL; o = o->next_live)
        if (MODEL_SLOT(o->order_id) >= slot && in_scope(scope, o) &&
            (next == NULL || MODEL_SLOT(o->order_id) < MODEL_SLOT(next->order_id)))
            next = o;
    return next;
}

/* cancel_all cancels what is in the scope and returns how many these were. */
static uint32_t
cancel_all(struct model *model, const struct scope *scope, uint8_t reason)
{
    struct model_order *order;
    uint32_t count = 0;
    uint64_t slot = 0;

    while ((order = next_in_scope(scope, slot)) != NULL) {
        slot = MODEL_SLOT(order->order_id) + 1;
        model_cancel(model, order, reason);
        count++;
    }
    return count;
}

void
model_mass_cancel(struct model *model, const union cell *cells)
{
    const struct cell_mass_cancel *req = &cells->mass_cancel;
    struct cell_risk_detail unused;
    uint16_t reason = model_take_message(model, req->session, req->account, true, &unused);

    if (reason == 0 && !may_mass_cancel(model, req))
        reason = OE_REJECT_REASON_SCOPE_NOT_ALLOWED;
    model_emit_command(model, cells, reason, NULL);
    if (reason != 0)
        return;

    const uint32_t count =
        cancel_all(model, &(struct scope){.model = model, .mass = req}, req->reason);
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

uint32_t
model_cancel_subject(struct model *model, uint8_t level, uint32_t subject)
{
    return cancel_all(model, &(struct scope){.model = model, .level = level, .subject = subject},
                      OE_CANCEL_REASON_KILL_SWITCH);
}

uint32_t
model_cancel_limited(struct model *model, const struct cell_limit_set *set)
{
    return cancel_all(model,
                      &(struct scope){.model = model,
                                      .level = set->level,
                                      .subject = set->subject,
                                      .instrument = set->instrument,
                                      .sell = set->limit == CELL_RISK_LIMIT_SHORT},
                      OE_CANCEL_REASON_RISK_LIMIT);
}

void
model_disconnect(struct model *model, const bool due[MODEL_SESSIONS])
{
    (void)cancel_all(model, &(struct scope){.model = model, .sessions = due},
                     OE_CANCEL_REASON_DISCONNECT);
}

void
model_close(struct model *model, uint32_t instrument)
{
    (void)cancel_all(model, &(struct scope){.model = model, .instrument = instrument},
                     OE_CANCEL_REASON_EXPIRED);
}
