#include "tests/model/model_parts.h"

/* A replace on its way. */
struct replace {
    const struct cell_order_replace *req;
    const struct cell_replace_detail *wish;
    struct model_order *order; /* as it is */
    struct model_order after;  /* as it would be */
    struct model_question question;
    bool keeps; /* its place and its id */
};

/* refuse_attributes: what the order does not have cannot be changed. */
static uint16_t
refuse_attributes(const struct replace *replace)
{
    const struct cell_replace_detail *wish = replace->wish;
    const struct model_order *order = replace->order;

    if (order->is_quote || wish->min_qty != 0 ||
        (wish->display_qty != 0 && order->display_qty == 0) ||
        (wish->stop_px != 0 && order->place != MODEL_STOP) ||
        (wish->expire_time != 0 && order->tif != OE_TIME_IN_FORCE_GOOD_TILL_DATE))
        return OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED;
    return 0;
}

/* check_wishes does the checks of what the request changes besides price and
 * quantity. */
static uint16_t
check_wishes(const struct model *model, const struct replace *replace)
{
    const struct cell_replace_detail *wish = replace->wish;
    const struct model_order *order = replace->order;
    uint16_t reason = 0;

    if (wish->expire_time != 0 && wish->expire_time <= model->time_ns)
        return OE_REJECT_REASON_INVALID_EXPIRE_TIME;
    if (wish->stop_px != 0)
        reason = model_check_stop_px(model, order->instrument, wish->stop_px);
    if (reason == 0 && wish->display_qty != 0)
        reason = model_check_display(model, order->instrument, replace->req->qty, wish->display_qty,
                                     order->display_range);
    else if (reason == 0 && order->display_qty != 0 &&
             replace->req->qty >
                 (uint64_t)MODEL_PARTS * (order->display_qty - order->display_range))
        reason = OE_REJECT_REASON_INVALID_DISPLAY_QTY;
    return reason;
}

/* plan makes the order as it would be, but for its limit, and the question that
 * it puts to the risk. */
static void
plan(const struct model *model, struct replace *replace)
{
    const struct model_order *order = replace->order;
    const struct cell_replace_detail *wish = replace->wish;
    const bool waits = order->place == MODEL_STOP;
    struct model_order *after = &replace->after;

    *after = *order;
    after->clord = replace->req->clord;
    after->leaves_qty = replace->req->qty - order->cum_qty;
    if (wish->stop_px != 0)
        after->stop_px = wish->stop_px;
    if (wish->display_qty != 0)
        after->display_qty = wish->display_qty;
    replace->question = (struct model_question){
        .instrument = order->instrument,
        .account = order->account,
        .firm = model_firm_of_session(model, order->session),
        .session = order->session,
        .px = replace->req->px,
        .qty = replace->req->qty,
        .leaves_qty = after->leaves_qty,
        .sell = order->sell,
        .market = order->ord_type == OE_ORD_TYPE_MARKET ||
                  (model_is_pegged(order) && replace->req->px == 0),
        .no_bounds = waits,
        /* It has its limit: from there on it is a limit order. */
        .ord_type =
            order->ord_type == OE_ORD_TYPE_MARKET_TO_LIMIT ? OE_ORD_TYPE_LIMIT : order->ord_type,
        .tif = order->tif,
        .old = order,
    };
    if (waits && order->ord_type == OE_ORD_TYPE_STOP)
        replace->question.px = after->stop_px;
}

/* limit_after gives the order the limit that the risk let pass. */
static void
limit_after(struct replace *replace)
{
    struct model_order *after = &replace->after;
    const px_t px = replace->question.px;

    after->hold_px = px;
    if (model_is_pegged(after))
        after->limit_px = px;
    else if (after->ord_type != OE_ORD_TYPE_MARKET && after->ord_type != OE_ORD_TYPE_STOP)
        after->px = px;
}

/* check judges a replace of an order that is there. Fewer than were already
 * filled is no question of risk: that ends the order. */
static uint16_t
check(const struct model *model, struct replace *replace)
{
    const struct cell_order_replace *req = replace->req;
    const struct model_order *order = replace->order, *after = &replace->after;
    uint16_t reason = refuse_attributes(replace);

    if (reason != 0)
        return reason;
    if (req->clord != order->clord && model_find_clord(model, req->session, req->clord) != NULL)
        return OE_REJECT_REASON_DUPLICATE_CL_ORD_ID;
    if (req->qty == 0)
        return OE_REJECT_REASON_INVALID_QUANTITY;
    if (req->qty <= order->cum_qty)
        return 0;
    reason = check_wishes(model, replace);
    if (reason != 0)
        return reason;
    plan(model, replace);
    reason = model_risk(model, &replace->question);
    if (reason != 0)
        return reason;
    limit_after(replace);
    replace->keeps = after->leaves_qty <= order->leaves_qty && after->stop_px == order->stop_px &&
                     after->limit_px == order->limit_px && after->px == order->px;
    if (replace->keeps)
        return 0;
    return model->journal_low ? OE_REJECT_REASON_JOURNAL_SPACE : model_check_book(model, after, 0);
}

/* fill writes the results of a replace into its message; order is as it was
 * before, NULL if the replace is refused: then it has no results. */
static void
fill(union cell *own, const struct model_order *order)
{
    struct cell_order_replace *res = &own[0].order_replace;
    struct cell_replace_detail *detail = &own[1].replace_detail;
    const bool by_id = (res->shape & CELL_BY_ID) != 0;
    static const struct model_order none;

    if (order == NULL)
        order = &none;
    else
        res->instrument = order->instrument;
    res->ord_type = order->ord_type;
    res->tif = order->tif;
    res->exec_inst = order->exec_inst;
    res->stp_capacity = order->stp_capacity;
    res->account = order->account;
    model_set_side(own, order->sell);
    if (by_id)
        detail->orig_clord = order->clord;
    else
        res->order_id = order->order_id;
    detail->cum_qty = order->cum_qty;
    detail->old_px = order->px;
    detail->old_leaves = order->leaves_qty;
    detail->new_order_id = order->order_id;
    detail->new_leaves = 0;
}

/* reenter sends the order in again, under its next id and behind all others. */
static void
reenter(struct model *model, struct model_order *order, const struct model_order *after)
{
    model_take_out(model, order);
    order->order_id = after->order_id;
    order->px = after->px;
    order->hold_px = after->hold_px;
    order->limit_px = after->limit_px;
    order->stop_px = after->stop_px;
    order->leaves_qty = after->leaves_qty;
    order->is_top = false;
    model_commit(model, order->account, order->instrument);
    model_enter(model, order, 0, false);
}

void
model_order_replace(struct model *model, const union cell *cells)
{
    struct replace replace = {
        .req = &cells[0].order_replace,
        .wish = &cells[1].replace_detail,
        .order = model_named(model, &cells[0].order_cancel, cells[0].order_replace.order_id,
                             cells[1].replace_detail.orig_clord),
    };
    struct model_order *order = replace.order;
    uint16_t reason =
        model_take_message(model, replace.req->session, order == NULL ? CELL_ANY : order->account,
                           false, &replace.question.detail);

    if (reason == 0)
        reason = order == NULL ? OE_REJECT_REASON_UNKNOWN_ORDER : check(model, &replace);

    union cell *own = model_emit_command(model, cells, reason, &replace.question.detail);
    struct cell_replace_detail *detail = &own[1].replace_detail;

    fill(own, reason == 0 ? order : NULL);
    if (reason != 0)
        return;
    order->clord = replace.req->clord;
    if (replace.req->qty <= order->cum_qty) {
        model_cancel(model, order, OE_CANCEL_REASON_REPLACED_BELOW_FILLED);
        return;
    }
    detail->new_leaves = replace.after.leaves_qty;
    order->display_qty = replace.after.display_qty;
    if (replace.wish->expire_time != 0)
        model_arm_order(model, order, replace.wish->expire_time);
    if (replace.keeps) {
        order->leaves_qty = replace.after.leaves_qty;
        order->hold_px = replace.after.hold_px;
        if (order->shown_qty > order->leaves_qty)
            order->shown_qty = order->leaves_qty;
        model_commit(model, order->account, order->instrument);
        return;
    }
    replace.after.order_id =
        model->engine_cnt > 1 ? model->engine_group[1].replace_detail.new_order_id : 0;
    model_note_id(model, replace.after.order_id);
    detail->new_order_id = replace.after.order_id;
    reenter(model, order, &replace.after);
}
