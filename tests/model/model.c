#include "tests/model/model.h"

#include <stdlib.h>
#include <string.h>

#define SLOT_OF(order_id) ((order_id)&0xffffffu)

struct model *
model_new(unsigned shard, uint32_t orders_max, uint32_t positions_max)
{
    struct model *model = calloc(1, sizeof *model);

    ASSERT(model != NULL);
    model->shard = shard;
    model->orders_max = orders_max;
    model->positions_max = positions_max;
    model->last_ids = calloc(orders_max, sizeof *model->last_ids);
    ASSERT(model->last_ids != NULL);
    return model;
}

void
model_free(struct model *model)
{
    for (uint32_t i = 0; i < MODEL_INSTRUMENTS; i++)
        for (unsigned side = 0; side < 2; side++)
            for (struct model_order *o = model->instruments[i].side[side], *next; o; o = next) {
                next = o->next;
                free(o);
            }
    free(model->last_ids);
    free(model);
}

const struct model_order *
model_find_id(const struct model *model, uint64_t order_id)
{
    for (uint32_t i = 0; i < MODEL_INSTRUMENTS; i++)
        for (unsigned side = 0; side < 2; side++)
            for (const struct model_order *o = model->instruments[i].side[side]; o; o = o->next)
                if (o->order_id == order_id)
                    return o;
    return NULL;
}

const struct model_order *
model_find_clord(const struct model *model, uint16_t session, uint64_t clord)
{
    for (uint32_t i = 0; i < MODEL_INSTRUMENTS; i++)
        for (unsigned side = 0; side < 2; side++)
            for (const struct model_order *o = model->instruments[i].side[side]; o; o = o->next)
                if (o->session == session && o->clord == clord)
                    return o;
    return NULL;
}

bool
model_admits(const struct model *model, uint16_t session, uint16_t in_no)
{
    if (session == CELL_SESSION)
        return true;
    if (session >= MODEL_SESSIONS || !model->sessions[session].bound)
        return false;
    return in_no == (uint16_t)model->sessions[session].next_in_no;
}

/* emit appends a cell to the group and returns it. */
static union cell *
emit(struct model *model, const union cell *cell)
{
    ASSERT(model->group_cnt < MODEL_GROUP_CELLS);
    model->group[model->group_cnt] = *cell;
    return &model->group[model->group_cnt++];
}

/* note_id checks an id that the engine gave: of this shard, of a slot that is
 * there, and later than any id that this slot had. */
static void
note_id(struct model *model, uint64_t order_id)
{
    const uint64_t slot = SLOT_OF(order_id);

    if (order_id == 0 || order_id >> 60 != model->shard || slot >= model->orders_max) {
        model->complaint = "an order id that cannot be";
        return;
    }
    if (order_id <= model->last_ids[slot])
        model->complaint = "an order id that was given before";
    model->last_ids[slot] = order_id;
}

/* insert puts an order behind all that are as good or better. */
static void
insert(struct model *model, struct model_order *order)
{
    struct model_order **at = &model->instruments[order->instrument].side[order->sell];

    while (*at != NULL && (order->sell ? (*at)->px <= order->px : (*at)->px >= order->px))
        at = &(*at)->next;
    order->next = *at;
    *at = order;
    model->orders_cnt++;
}

static void
unlink_order(struct model *model, const struct model_order *order)
{
    struct model_order **at = &model->instruments[order->instrument].side[order->sell];

    while (*at != order)
        at = &(*at)->next;
    *at = order->next;
    model->orders_cnt--;
}

static bool
crosses(const struct model_order *maker, bool sell, px_t px)
{
    return sell ? maker->px >= px : maker->px <= px;
}

static bool
would_trade(const struct model *model, uint32_t instrument, bool sell, px_t px)
{
    const struct model_order *best = model->instruments[instrument].side[!sell];

    return best != NULL && crosses(best, sell, px);
}

/* reachable sums up what an order could trade at once. */
static uint64_t
reachable(const struct model *model, uint32_t instrument, bool sell, px_t px)
{
    uint64_t sum = 0;

    for (const struct model_order *o = model->instruments[instrument].side[!sell];
         o != NULL && crosses(o, sell, px); o = o->next)
        sum += model_leaves(o);
    return sum;
}

/* emit_canceled reports that the venue took an order out. */
static void
emit_canceled(struct model *model, const struct model_order *order, uint8_t reason)
{
    const union cell cell = {.order_canceled = {
                                 .kind = CELL_KIND_ORDER_CANCELED,
                                 .shape = (uint8_t)(1u | (order->sell ? CELL_SELL : 0)),
                                 .instrument = order->instrument,
                                 .seq = model->seq,
                                 .time = model->time_ns,
                                 .clord = order->clord,
                                 .order_id = order->order_id,
                                 .removed_qty = model_leaves(order),
                                 .cum_qty = order->cum_qty,
                                 .index = ++model->event_index,
                                 .reason = reason,
                                 .account = order->account,
                                 .session = order->session,
                             }};

    emit(model, &cell);
}

static void
emit_trade(struct model *model,
           const struct model_order *taker,
           const struct model_order *maker,
           qty_t qty)
{
    const union cell first = {.trade = {
                                  .kind = CELL_KIND_TRADE,
                                  .shape = (uint8_t)(2u | (taker->sell ? CELL_SELL : 0)),
                                  .instrument = taker->instrument,
                                  .seq = model->seq,
                                  .time = model->time_ns,
                                  .clord = taker->clord,
                                  .order_id = taker->order_id,
                                  .px = maker->px,
                                  .qty = qty,
                                  .leaves_qty = model_leaves(taker),
                                  .account = taker->account,
                                  .session = taker->session,
                              }};
    const union cell second = {
        .trade_maker = {
            .kind = CELL_KIND_TRADE_MAKER,
            .session = maker->session,
            .account = maker->account,
            .clord = maker->clord,
            .order_id = maker->order_id,
            .match_id = (uint64_t)model->shard << 60 | model->seq << 20 | (model->event_index + 1),
            .cum_qty = maker->cum_qty,
            .leaves_qty = model_leaves(maker),
            .taker_cum_qty = taker->cum_qty,
        }};

    model->event_index += 2;
    emit(model, &first);
    emit(model, &second);
}

/* trade lets the taker have what it can at its limit, from the best price on,
 * oldest orders first, each at the price of the order that was there. */
static void
trade(struct model *model, struct model_order *taker)
{
    struct model_instrument *instrument = &model->instruments[taker->instrument];

    while (model_leaves(taker) > 0 &&
           would_trade(model, taker->instrument, taker->sell, taker->px)) {
        struct model_order *maker = instrument->side[!taker->sell];
        const qty_t qty =
            model_leaves(taker) < model_leaves(maker) ? model_leaves(taker) : model_leaves(maker);

        taker->cum_qty += qty;
        maker->cum_qty += qty;
        model->positions[taker->account][taker->instrument].qty +=
            taker->sell ? -(int64_t)qty : qty;
        model->positions[maker->account][maker->instrument].qty +=
            maker->sell ? -(int64_t)qty : qty;
        instrument->last_px = maker->px;
        emit_trade(model, taker, maker, qty);
        if (model_leaves(maker) == 0) {
            unlink_order(model, maker);
            free(maker);
        }
    }
}

static bool
has_rare_attribute(const union cell *cells)
{
    const struct cell_order_extension *extension = &cells[1].order_extension;

    if (cell_count(cells) < 2 || extension->kind != CELL_KIND_ORDER_EXTENSION)
        return false;
    return extension->stop_px != 0 || extension->expire_time != 0 || extension->display_qty != 0 ||
           extension->min_qty != 0 || extension->peg_offset_px != 0;
}

/* refuse_form judges an order by what it asks for, before anybody's limits. */
static uint16_t
refuse_form(const struct model *model, const union cell *cells)
{
    const struct cell_order_new *req = &cells->order_new;
    const bool market = req->ord_type == OE_ORD_TYPE_MARKET;
    const bool now_or_never = req->tif == OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL ||
                              req->tif == OE_TIME_IN_FORCE_FILL_OR_KILL;

    if (!market && req->ord_type != OE_ORD_TYPE_LIMIT)
        return OE_REJECT_REASON_ORDER_TYPE_NOT_ALLOWED;
    if (!now_or_never && req->tif != OE_TIME_IN_FORCE_DAY &&
        req->tif != OE_TIME_IN_FORCE_GOOD_TILL_CANCEL)
        return OE_REJECT_REASON_TIME_IN_FORCE_NOT_ALLOWED;
    if ((req->exec_inst & ~OE_EXEC_INST_POST_ONLY) != 0)
        return OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED;
    if (req->exec_inst != 0 && (market || now_or_never))
        return OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED;
    if (has_rare_attribute(cells) || (req->stp_capacity & 0xf) != 0)
        return OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED;
    if (model_find_clord(model, req->session, req->clord) != NULL)
        return OE_REJECT_REASON_DUPLICATE_CL_ORD_ID;
    if (model->orders_cnt == model->orders_max)
        return OE_REJECT_REASON_ORDER_POOL_FULL;
    return 0;
}

static uint32_t
firm_of_session(const struct model *model, uint16_t session)
{
    return session == CELL_SESSION ? UINT32_MAX : model->sessions[session].firm;
}

/* use_position notes that the pair has a position from now on. */
static void
use_position(struct model *model, uint32_t account, uint32_t instrument)
{
    if (model->positions[account][instrument].used)
        return;
    model->positions[account][instrument].used = true;
    model->positions_cnt++;
}

/* emit_command writes the command's own message: the request with its outcome,
 * and what the engine says about the numbers behind a refusal. */
static union cell *
emit_command(struct model *model,
             const union cell *cells,
             uint16_t outcome,
             const union cell *engine_group,
             uint32_t engine_cnt)
{
    const uint32_t first = model->group_cnt;
    unsigned count = cell_count(cells);

    while (count > 1 && cell_kind(&cells[count - 1]) == CELL_KIND_RISK_DETAIL)
        count--;
    for (unsigned i = 0; i < count; i++)
        emit(model, &cells[i]);
    if (outcome != 0 && engine_cnt > count &&
        cell_kind(&engine_group[count]) == CELL_KIND_RISK_DETAIL) {
        emit(model, &engine_group[count])->bytes[1] &= (uint8_t)~CELL_LAST;
        count++;
    }

    union cell *own = &model->group[first];

    own->order_new.shape =
        (uint8_t)((own->order_new.shape & ~(CELL_SHAPE_COUNT | CELL_LAST)) | count);
    own->order_new.outcome = outcome;
    own->order_new.seq = model->seq;
    own->order_new.time = model->time_ns;
    return own;
}

static void
order_new(struct model *model,
          const union cell *cells,
          const union cell *engine_group,
          uint32_t engine_cnt,
          uint32_t origin)
{
    const struct cell_order_new *req = &cells->order_new;
    struct model_question question = {
        .instrument = req->instrument,
        .account = req->account,
        .firm = firm_of_session(model, req->session),
        .px = req->px,
        .qty = req->qty,
        .sell = cell_is_sell(cells),
        .market = req->ord_type == OE_ORD_TYPE_MARKET,
    };
    uint16_t reason = refuse_form(model, cells);

    if (reason == 0)
        reason = model_risk(model, &question);
    if (reason == 0 && req->exec_inst != 0 &&
        would_trade(model, req->instrument, question.sell, question.px))
        reason = OE_REJECT_REASON_WOULD_TRADE;

    union cell *own = emit_command(model, cells, reason, engine_group, engine_cnt);

    own->order_new.order_id = 0;
    if (reason != 0)
        return;

    struct model_order *order = calloc(1, sizeof *order);

    ASSERT(order != NULL);
    *order = (struct model_order){
        .order_id = engine_cnt > 0 ? engine_group[0].order_new.order_id : 0,
        .clord = req->clord,
        .px = question.px,
        .qty = req->qty,
        .instrument = req->instrument,
        .account = req->account,
        .origin = origin,
        .session = req->session,
        .sell = question.sell,
        .ord_type = req->ord_type,
        .tif = req->tif,
        .exec_inst = req->exec_inst,
        .stp_capacity = req->stp_capacity,
    };
    own->order_new.order_id = order->order_id;
    note_id(model, order->order_id);
    use_position(model, order->account, order->instrument);

    const bool fok = req->tif == OE_TIME_IN_FORCE_FILL_OR_KILL;

    if (!fok || reachable(model, order->instrument, order->sell, order->px) >= model_leaves(order))
        trade(model, order);
    if (model_leaves(order) == 0) {
        free(order);
    } else if (fok) {
        emit_canceled(model, order, OE_CANCEL_REASON_FILL_OR_KILL);
        free(order);
    } else if (question.market || req->tif == OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL) {
        emit_canceled(model, order, OE_CANCEL_REASON_IMMEDIATE_OR_CANCEL);
        free(order);
    } else {
        insert(model, order);
    }
}

/* named finds the live order that a cancel or replace means: of the same
 * session and instrument, or it is none of its business. */
static struct model_order *
named(const struct model *model,
      const struct cell_order_cancel *frame,
      uint64_t order_id,
      uint64_t orig_clord)
{
    const struct model_order *order = (frame->shape & CELL_BY_ID) != 0
                                          ? model_find_id(model, order_id)
                                          : model_find_clord(model, frame->session, orig_clord);

    if (order == NULL || order->session != frame->session || order->instrument != frame->instrument)
        return NULL;
    return (struct model_order *)(uintptr_t)order;
}

static void
set_side(union cell *own, bool sell)
{
    own->bytes[1] = (uint8_t)((own->bytes[1] & ~CELL_SELL) | (sell ? CELL_SELL : 0));
}

static void
order_cancel(struct model *model,
             const union cell *cells,
             const union cell *engine_group,
             uint32_t engine_cnt)
{
    const struct cell_order_cancel *req = &cells->order_cancel;
    struct model_order *order = named(model, req, req->order_id, req->orig_clord);
    union cell *own = emit_command(model, cells, order == NULL ? OE_REJECT_REASON_UNKNOWN_ORDER : 0,
                                   engine_group, engine_cnt);
    struct cell_order_cancel *res = &own->order_cancel;

    res->removed_qty = order == NULL ? 0 : model_leaves(order);
    res->cum_qty = order == NULL ? 0 : order->cum_qty;
    res->account = order == NULL ? 0 : order->account;
    set_side(own, order != NULL && order->sell);
    if ((req->shape & CELL_BY_ID) != 0)
        res->orig_clord = order == NULL ? 0 : order->clord;
    else
        res->order_id = order == NULL ? 0 : order->order_id;
    if (order == NULL)
        return;
    unlink_order(model, order);
    free(order);
}

/* refuse_replace judges a replace of an order that is there. Fewer than were
 * already filled is no question of risk: that ends the order. */
static uint16_t
refuse_replace(const struct model *model,
               const struct cell_order_replace *req,
               const struct model_order *order)
{
    struct model_question question = {
        .instrument = order->instrument,
        .account = order->account,
        .firm = firm_of_session(model, order->session),
        .px = req->px,
        .qty = req->qty,
        .sell = order->sell,
        .old = order,
    };

    if (req->clord != order->clord && model_find_clord(model, req->session, req->clord) != NULL)
        return OE_REJECT_REASON_DUPLICATE_CL_ORD_ID;
    if (req->qty == 0)
        return OE_REJECT_REASON_INVALID_QUANTITY;
    if (req->qty <= order->cum_qty)
        return 0;

    const uint16_t reason = model_risk(model, &question);

    if (reason != 0)
        return reason;
    if ((order->exec_inst & OE_EXEC_INST_POST_ONLY) != 0 &&
        would_trade(model, order->instrument, order->sell, req->px))
        return OE_REJECT_REASON_WOULD_TRADE;
    return 0;
}

/* fill_replace writes the results of a replace into its message; order is as it
 * was before, NULL if the replace is refused: then it has no results. */
static void
fill_replace(union cell *own, const struct model_order *order)
{
    struct cell_order_replace *res = &own[0].order_replace;
    struct cell_replace_detail *detail = &own[1].replace_detail;
    const bool by_id = (res->shape & CELL_BY_ID) != 0;
    static const struct model_order none;
    const bool found = order != NULL;

    if (!found)
        order = &none;
    res->ord_type = order->ord_type;
    res->tif = order->tif;
    res->exec_inst = order->exec_inst;
    res->stp_capacity = order->stp_capacity;
    res->account = order->account;
    set_side(own, order->sell);
    if (by_id)
        detail->orig_clord = order->clord;
    else
        res->order_id = order->order_id;
    detail->cum_qty = order->cum_qty;
    detail->old_px = order->px;
    detail->old_leaves = found ? model_leaves(order) : 0;
    detail->new_order_id = 0;
    detail->new_leaves = 0;
}

static void
order_replace(struct model *model,
              const union cell *cells,
              const union cell *engine_group,
              uint32_t engine_cnt)
{
    const struct cell_order_replace *req = &cells[0].order_replace;
    const struct cell_replace_detail *wish = &cells[1].replace_detail;
    const bool is_rare = wish->display_qty != 0 || wish->min_qty != 0 || wish->stop_px != 0 ||
                         wish->expire_time != 0;
    struct model_order *order =
        is_rare ? NULL : named(model, &cells[0].order_cancel, req->order_id, wish->orig_clord);
    const uint16_t reason = is_rare         ? OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED
                            : order == NULL ? OE_REJECT_REASON_UNKNOWN_ORDER
                                            : refuse_replace(model, req, order);
    union cell *own = emit_command(model, cells, reason, engine_group, engine_cnt);
    struct cell_replace_detail *detail = &own[1].replace_detail;

    fill_replace(own, reason == 0 ? order : NULL);
    if (reason != 0)
        return;
    order->clord = req->clord;
    detail->new_order_id = order->order_id;
    if (req->qty <= order->cum_qty) {
        emit_canceled(model, order, OE_CANCEL_REASON_REPLACED_BELOW_FILLED);
        unlink_order(model, order);
        free(order);
        return;
    }
    detail->new_leaves = req->qty - order->cum_qty;
    if (req->px == order->px && req->qty <= order->qty) {
        order->qty = req->qty;
        return;
    }
    unlink_order(model, order);
    order->order_id = engine_cnt > 1 ? engine_group[1].replace_detail.new_order_id : 0;
    note_id(model, order->order_id);
    detail->new_order_id = order->order_id;
    order->px = req->px;
    order->qty = req->qty;
    trade(model, order);
    if (model_leaves(order) > 0)
        insert(model, order);
    else
        free(order);
}

/* may_mass_cancel: a session has power over its own firm's orders alone; the
 * exchange itself over all, and what it names need not be there. */
static bool
may_mass_cancel(const struct model *model, const struct cell_mass_cancel *req)
{
    const uint32_t firm = firm_of_session(model, req->session);

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
                if (SLOT_OF(o->order_id) >= slot && in_scope(model, req, o) &&
                    (next == NULL || SLOT_OF(o->order_id) < SLOT_OF(next->order_id)))
                    next = o;
    return next;
}

static void
mass_cancel(struct model *model,
            const union cell *cells,
            const union cell *engine_group,
            uint32_t engine_cnt)
{
    const struct cell_mass_cancel *req = &cells->mass_cancel;
    const bool allowed = may_mass_cancel(model, req);
    struct model_order *order;
    uint32_t count = 0;
    uint64_t slot = 0;

    emit_command(model, cells, allowed ? 0 : OE_REJECT_REASON_SCOPE_NOT_ALLOWED, engine_group,
                 engine_cnt);
    if (!allowed)
        return;
    while ((order = next_in_scope(model, req, slot)) != NULL) {
        slot = SLOT_OF(order->order_id) + 1;
        emit_canceled(model, order, req->reason);
        unlink_order(model, order);
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

    emit(model, &cell);
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
                    (lowest == NULL || SLOT_OF(o->order_id) < SLOT_OF(lowest->order_id)))
                    lowest = o;
    return lowest;
}

/* next_due finds the session whose grace time ended first, then the lowest. */
static struct model_session *
next_due(struct model *model)
{
    struct model_session *due = NULL;

    for (uint32_t i = 0; i < MODEL_SESSIONS; i++) {
        struct model_session *session = &model->sessions[i];

        if (session->deadline_ns != 0 && session->deadline_ns <= model->time_ns &&
            (due == NULL || session->deadline_ns < due->deadline_ns))
            due = session;
    }
    return due;
}

/* clock lets time pass: sessions that did not come back lose their Day orders. */
static void
clock_passes(struct model *model,
             const union cell *cells,
             const union cell *engine_group,
             uint32_t engine_cnt)
{
    struct model_session *session;
    struct model_order *order;

    emit_command(model, cells, 0, engine_group, engine_cnt);
    while ((session = next_due(model)) != NULL) {
        session->deadline_ns = 0;
        while ((order = lowest_day_order(model, (uint16_t)(session - model->sessions))) != NULL) {
            emit_canceled(model, order, OE_CANCEL_REASON_DISCONNECT);
            unlink_order(model, order);
            free(order);
        }
    }
}

/* unbind takes the session's transport away. */
static void
unbind(const struct model *model, struct model_session *session)
{
    if (session->bound && session->grace_ns != 0)
        session->deadline_ns = model->time_ns + session->grace_ns;
    session->bound = false;
}

/* session_sequence skips what never came; false if it skips nothing. */
static bool
session_sequence(struct model *model, const union cell *cells)
{
    const struct cell_session_sequence *req = &cells->session_sequence;

    if (req->session >= MODEL_SESSIONS || !model->sessions[req->session].bound)
        return false;

    struct model_session *session = &model->sessions[req->session];

    if (req->next_no <= session->next_in_no)
        return false;
    model->seq++;
    emit_command(model, cells, 0, NULL, 0);

    const union cell cell = {.session_not_applied = {
                                 .kind = CELL_KIND_SESSION_NOT_APPLIED,
                                 .shape = 1,
                                 .seq = model->seq,
                                 .time = model->time_ns,
                                 .from_no = session->next_in_no,
                                 .count = req->next_no - session->next_in_no,
                                 .session = req->session,
                             }};

    emit(model, &cell);
    session->next_in_no = req->next_no;
    return true;
}

/*
 * set_up notes a command that configures the exchange or binds a session. The
 * engine judges these; the model believes it and keeps what was accepted.
 */
static void
set_up(struct model *model,
       const union cell *cells,
       const union cell *engine_group,
       uint32_t engine_cnt)
{
    for (uint32_t i = 0; i < engine_cnt; i++)
        emit(model, &engine_group[i]);
    if (engine_cnt == 0) {
        model->seq--;
        return;
    }
    if (cell_outcome(engine_group) != 0)
        return;
    switch (cell_kind(cells)) {
    case CELL_KIND_FIRM_SET:
        model->firm_known[cells->firm_set.firm] = true;
        break;
    case CELL_KIND_GROUP_SET:
        model->group_known[cells->group_set.group] = true;
        model->group_firm[cells->group_set.group] = cells->group_set.firm;
        break;
    case CELL_KIND_ACCOUNT_SET: {
        struct model_account *account = &model->accounts[cells->account_set.account];

        *account = (struct model_account){true, cells[0].account_set, cells[1].account_limits};
        break;
    }
    case CELL_KIND_INSTRUMENT_SET: {
        struct model_instrument *instrument = &model->instruments[cells->instrument_set.instrument];

        instrument->known = true;
        instrument->set = cells[0].instrument_set;
        instrument->limits = cells[1].instrument_limits;
        break;
    }
    case CELL_KIND_POSITION_LIMIT_SET: {
        const struct cell_position_limit_set *set = &cells->position_limit_set;
        struct model_position *position = &model->positions[set->account][set->instrument];

        use_position(model, set->account, set->instrument);
        position->has_limits = true;
        position->long_max = set->long_max;
        position->short_max = set->short_max;
        break;
    }
    case CELL_KIND_PERMISSION_SET:
        model->restricted[cells->permission_set.group][cells->permission_set.instrument] =
            cells->permission_set.restricted != 0;
        break;
    case CELL_KIND_SESSION_SET: {
        struct model_session *session = &model->sessions[cells->session_set.session];

        session->known = true;
        session->firm = cells->session_set.firm;
        session->grace_ns = cells->session_set.cancel_on_disconnect_ms * UINT64_C(1000000);
        break;
    }
    case CELL_KIND_SESSION_NEGOTIATE:
        unbind(model, &model->sessions[cells->session_negotiate.session]);
        model->sessions[cells->session_negotiate.session].next_in_no = 1;
        break;
    case CELL_KIND_SESSION_ESTABLISH:
        model->sessions[cells->session_establish.session].bound = true;
        model->sessions[cells->session_establish.session].deadline_ns = 0;
        break;
    case CELL_KIND_SESSION_UNBIND:
        unbind(model, &model->sessions[cells->session_unbind.session]);
        break;
    default: /* Genesis, Restart of a run without orders */
        break;
    }
}

void
model_apply(struct model *model,
            const union cell *cells,
            const union cell *engine_group,
            uint32_t engine_cnt,
            uint32_t origin)
{
    const unsigned kind = cell_kind(cells);
    const uint16_t session = cell_session(cells);
    const bool numbered = kind >= CELL_KIND_ORDER_NEW && kind <= CELL_KIND_MESSAGE_REFUSED;

    model->group_cnt = 0;
    model->event_index = 0;
    model->complaint = NULL;
    if (numbered && !model_admits(model, session, cells->order_new.in_no))
        return;

    const uint64_t before_ns = model->time_ns;

    if (cell_time(cells) > model->time_ns)
        model->time_ns = cell_time(cells);
    if (kind == CELL_KIND_SESSION_SEQUENCE) {
        if (!session_sequence(model, cells))
            model->time_ns = before_ns;
    } else {
        model->seq++;
        if (numbered && session != CELL_SESSION)
            model->sessions[session].next_in_no++;
    }
    switch (kind) {
    case CELL_KIND_ORDER_NEW:
        order_new(model, cells, engine_group, engine_cnt, origin);
        break;
    case CELL_KIND_ORDER_CANCEL:
        order_cancel(model, cells, engine_group, engine_cnt);
        break;
    case CELL_KIND_ORDER_REPLACE:
        order_replace(model, cells, engine_group, engine_cnt);
        break;
    case CELL_KIND_MASS_CANCEL:
        mass_cancel(model, cells, engine_group, engine_cnt);
        break;
    case CELL_KIND_MESSAGE_REFUSED:
        emit_command(model, cells, 0, engine_group, engine_cnt);
        break;
    case CELL_KIND_SESSION_SEQUENCE:
        break;
    case CELL_KIND_CLOCK:
        clock_passes(model, cells, engine_group, engine_cnt);
        break;
    default:
        set_up(model, cells, engine_group, engine_cnt);
        if (engine_cnt == 0)
            model->time_ns = before_ns;
        break;
    }
    if (model->group_cnt > 0)
        model->group[model->group_cnt - 1].bytes[1] |= CELL_LAST;
}
