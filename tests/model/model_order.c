#include "tests/model/model_parts.h"

/* ask makes the question that a new order puts to the risk. */
static struct model_question
ask(const struct model *model, const struct model_wish *wish)
{
    const struct cell_order_new *req = wish->req;
    struct model_question question = {
        .instrument = req->instrument,
        .account = req->account,
        .firm = model_firm_of_session(model, req->session),
        .session = req->session,
        .px = req->px,
        .qty = req->qty,
        .leaves_qty = req->qty,
        .sell = wish->sell,
        .ord_type = req->ord_type,
        .tif = req->tif,
    };

    switch (req->ord_type) {
    case OE_ORD_TYPE_MARKET:
        question.market = true;
        break;
    case OE_ORD_TYPE_PEGGED:
        question.market = req->px == 0;
        break;
    case OE_ORD_TYPE_STOP:
        question.px = wish->ext.stop_px;
        question.no_bounds = true;
        break;
    case OE_ORD_TYPE_STOP_LIMIT:
        question.no_bounds = true;
        break;
    case OE_ORD_TYPE_MARKET_TO_LIMIT:
        /* If the instrument is known there is an order on the other side. */
        if (req->instrument < MODEL_INSTRUMENTS && model->instruments[req->instrument].known)
            question.px = model->instruments[req->instrument].side[!wish->sell]->px;
        break;
    default:
        break;
    }
    return question;
}

/* order_of makes the order as it is before it enters, limited by limit_px. */
static struct model_order
order_of(const struct model_wish *wish, px_t limit_px)
{
    const struct cell_order_new *req = wish->req;
    const struct cell_order_extension *ext = &wish->ext;
    const bool pegged = req->ord_type == OE_ORD_TYPE_PEGGED;

    return (struct model_order){
        .clord = req->clord,
        .px = pegged || req->ord_type == OE_ORD_TYPE_STOP ? 0 : limit_px,
        .hold_px = limit_px,
        .limit_px = pegged ? limit_px : 0,
        .stop_px = ext->stop_px,
        .peg_offset_px = ext->peg_offset_px,
        .leaves_qty = req->qty,
        .display_qty = ext->display_qty,
        .display_range = ext->display_range,
        .instrument = req->instrument,
        .account = req->account,
        .session = req->session,
        .sell = wish->sell,
        .ord_type = req->ord_type,
        .tif = req->tif,
        .exec_inst = req->exec_inst,
        .stp_capacity = req->stp_capacity,
    };
}

/* keep_records notes what the order's rare attributes need. */
static void
keep_records(struct model *model, struct model_order *order, const struct model_wish *wish)
{
    const bool expires = order->tif == OE_TIME_IN_FORCE_GOOD_TILL_DATE;

    order->has_record =
        order->display_qty != 0 || expires || order->stop_px != 0 || model_is_pegged(order);
    model->records_cnt += order->has_record;
    if (expires)
        model_arm_order(model, order, wish->ext.expire_time);
    if (wish->linked != NULL)
        model_link(model, order, wish->linked);
}

void
model_order_new(struct model *model, const union cell *cells)
{
    struct model_wish wish;

    model_wish_read(model, cells, &wish);

    struct model_question question = {.detail.level = OE_RISK_LEVEL_NONE};
    struct model_order like;
    uint16_t reason = model_take_message(model, cell_session(cells), cells->order_new.account,
                                         false, &question.detail);

    if (reason == 0 && model->journal_low)
        reason = OE_REJECT_REASON_JOURNAL_SPACE;
    if (reason == 0)
        reason = model_check_form(model, &wish);
    if (reason == 0)
        reason = model_check_attributes(model, &wish);
    if (reason == 0) {
        question = ask(model, &wish);
        reason = model_risk(model, &question);
    }
    if (reason == 0) {
        like = order_of(&wish, question.px);
        reason = model_check_book(model, &like, 0);
    }

    union cell *own = model_emit_command(model, cells, reason, &question.detail);

    own->order_new.order_id = 0;
    if (reason != 0)
        return;
    like.order_id = model->engine_cnt > 0 ? model->engine_group[0].order_new.order_id : 0;
    own->order_new.order_id = like.order_id;

    struct model_order *order = model_order_make(model, &like);

    keep_records(model, order, &wish);
    if (!model->cfg.no_risk)
        model_note_equals(model, order);
    model_commit(model, order->account, order->instrument);
    model_enter(model, order, wish.ext.min_qty, true);
}

/* model_named finds the live order that a cancel or replace means: of the same
 * session and instrument, if one is named, or it is none of its business. */
struct model_order *
model_named(const struct model *model,
            const struct cell_order_cancel *frame,
            uint64_t order_id,
            uint64_t orig_clord)
{
    const struct model_order *order = (frame->shape & CELL_BY_ID) != 0
                                          ? model_find_id(model, order_id)
                                          : model_find_clord(model, frame->session, orig_clord);

    if (order == NULL || order->session != frame->session ||
        (frame->instrument != order->instrument && frame->instrument != CELL_ANY))
        return NULL;
    return (struct model_order *)(uintptr_t)order;
}

void
model_set_side(union cell *own, bool sell)
{
    own->bytes[1] = (uint8_t)((own->bytes[1] & ~CELL_SELL) | (sell ? CELL_SELL : 0));
}

void
model_order_cancel(struct model *model, const union cell *cells)
{
    const struct cell_order_cancel *req = &cells->order_cancel;
    struct model_order *order = model_named(model, req, req->order_id, req->orig_clord);
    struct cell_risk_detail detail = {.level = OE_RISK_LEVEL_NONE};
    uint16_t reason = model_take_message(model, req->session,
                                         order == NULL ? CELL_ANY : order->account, true, &detail);

    if (reason != 0)
        order = NULL;
    else if (order == NULL)
        reason = OE_REJECT_REASON_UNKNOWN_ORDER;

    union cell *own = model_emit_command(model, cells, reason, &detail);
    struct cell_order_cancel *res = &own->order_cancel;

    res->removed_qty = order == NULL ? 0 : order->leaves_qty;
    res->cum_qty = order == NULL ? 0 : order->cum_qty;
    res->account = order == NULL ? 0 : order->account;
    model_set_side(own, order != NULL && order->sell);
    if ((req->shape & CELL_BY_ID) != 0)
        res->orig_clord = order == NULL ? 0 : order->clord;
    else
        res->order_id = order == NULL ? 0 : order->order_id;
    if (order != NULL) {
        res->instrument = order->instrument;
        model_end(model, order);
    }
}
