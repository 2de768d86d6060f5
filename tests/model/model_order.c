#include <stdlib.h>

#include "tests/model/model_parts.h"

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

void
model_order_new(struct model *model,
                const union cell *cells,
                const union cell *engine_group,
                uint32_t engine_cnt,
                uint32_t origin)
{
    const struct cell_order_new *req = &cells->order_new;
    struct model_question question = {
        .instrument = req->instrument,
        .account = req->account,
        .firm = model_firm_of_session(model, req->session),
        .px = req->px,
        .qty = req->qty,
        .sell = cell_is_sell(cells),
        .market = req->ord_type == OE_ORD_TYPE_MARKET,
    };
    uint16_t reason = refuse_form(model, cells);

    if (reason == 0)
        reason = model_risk(model, &question);
    if (reason == 0 && req->exec_inst != 0 &&
        model_would_trade(model, req->instrument, question.sell, question.px))
        reason = OE_REJECT_REASON_WOULD_TRADE;

    union cell *own = model_emit_command(model, cells, reason, &question.detail);

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
    model_note_id(model, order->order_id);
    model_use_position(model, order->account, order->instrument);

    const bool fok = req->tif == OE_TIME_IN_FORCE_FILL_OR_KILL;

    if (!fok ||
        model_reachable(model, order->instrument, order->sell, order->px) >= model_leaves(order))
        model_trade(model, order);
    if (model_leaves(order) == 0) {
        free(order);
    } else if (fok) {
        model_emit_canceled(model, order, OE_CANCEL_REASON_FILL_OR_KILL);
        free(order);
    } else if (question.market || req->tif == OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL) {
        model_emit_canceled(model, order, OE_CANCEL_REASON_IMMEDIATE_OR_CANCEL);
        free(order);
    } else {
        model_insert(model, order);
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

void
model_order_cancel(struct model *model, const union cell *cells)
{
    const struct cell_order_cancel *req = &cells->order_cancel;
    struct model_order *order = named(model, req, req->order_id, req->orig_clord);
    union cell *own =
        model_emit_command(model, cells, order == NULL ? OE_REJECT_REASON_UNKNOWN_ORDER : 0, NULL);
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
    model_unlink(model, order);
    free(order);
}

/* refuse_replace judges a replace of an order that is there. Fewer than were
 * already filled is no question of risk: that ends the order. */
static uint16_t
refuse_replace(const struct model *model,
               const struct cell_order_replace *req,
               const struct model_order *order,
               struct cell_risk_detail *detail)
{
    struct model_question question = {
        .instrument = order->instrument,
        .account = order->account,
        .firm = model_firm_of_session(model, order->session),
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

    *detail = question.detail;
    if (reason != 0)
        return reason;
    if ((order->exec_inst & OE_EXEC_INST_POST_ONLY) != 0 &&
        model_would_trade(model, order->instrument, order->sell, req->px))
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

void
model_order_replace(struct model *model,
                    const union cell *cells,
                    const union cell *engine_group,
                    uint32_t engine_cnt)
{
    const struct cell_order_replace *req = &cells[0].order_replace;
    const struct cell_replace_detail *wish = &cells[1].replace_detail;
    struct cell_risk_detail numbers = {.level = OE_RISK_LEVEL_NONE};
    const bool is_rare = wish->display_qty != 0 || wish->min_qty != 0 || wish->stop_px != 0 ||
                         wish->expire_time != 0;
    struct model_order *order =
        is_rare ? NULL : named(model, &cells[0].order_cancel, req->order_id, wish->orig_clord);
    const uint16_t reason = is_rare         ? OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED
                            : order == NULL ? OE_REJECT_REASON_UNKNOWN_ORDER
                                            : refuse_replace(model, req, order, &numbers);
    union cell *own = model_emit_command(model, cells, reason, &numbers);
    struct cell_replace_detail *detail = &own[1].replace_detail;

    fill_replace(own, reason == 0 ? order : NULL);
    if (reason != 0)
        return;
    order->clord = req->clord;
    detail->new_order_id = order->order_id;
    if (req->qty <= order->cum_qty) {
        model_emit_canceled(model, order, OE_CANCEL_REASON_REPLACED_BELOW_FILLED);
        model_unlink(model, order);
        free(order);
        return;
    }
    detail->new_leaves = req->qty - order->cum_qty;
    if (req->px == order->px && req->qty <= order->qty) {
        order->qty = req->qty;
        return;
    }
    model_unlink(model, order);
    order->order_id = engine_cnt > 1 ? engine_group[1].replace_detail.new_order_id : 0;
    model_note_id(model, order->order_id);
    detail->new_order_id = order->order_id;
    order->px = req->px;
    order->qty = req->qty;
    model_trade(model, order);
    if (model_leaves(order) > 0)
        model_insert(model, order);
    else
        free(order);
}
