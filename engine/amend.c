#include "engine/command.h"
#include "engine/terms.h"

/* A replace on its way: what was asked for and what it comes to. */
struct replace {
    uint32_t slot; /* ORDER_NONE: unknown order */
    bool cancels;  /* to no more than what is filled */
    bool keeps;    /* its place and its id */
    bool reduces;  /* its total and nothing else */
    qty_t new_leaves;
    uint32_t stop_tick; /* 0: it does not wait for one */
    struct risk_order question;
    struct risk_ticket ticket;
    struct risk_detail detail;
};

static bool
has_rare_fields(const struct cell_replace_detail *detail)
{
    return (detail->display_qty | detail->min_qty) != 0 || detail->stop_px != 0 ||
           detail->expire_time != 0;
}

/* check_terms refuses what the order is not. One that is held for a cross is an order
 * of the day as well. */
static enum oe_reject_reason
check_terms(const struct order *order, const union cell *cell)
{
    if (LIKELY(cell == NULL))
        return OE_REJECT_REASON_NONE;

    const struct cell_replace_terms *terms = &cell->replace_terms;
    const bool held = order->tif == OE_TIME_IN_FORCE_AT_THE_OPENING ||
                      order->tif == OE_TIME_IN_FORCE_AT_THE_CLOSE;

    if (terms->refusal != OE_REJECT_REASON_NONE)
        return (enum oe_reject_reason)terms->refusal;
    if (terms->tif != 0 && terms->tif != order->tif &&
        !(held && terms->tif == OE_TIME_IN_FORCE_DAY))
        return OE_REJECT_REASON_TIME_IN_FORCE_NOT_ALLOWED;
    if (terms->ord_type != 0 && terms->ord_type != order->ord_type)
        return OE_REJECT_REASON_ORDER_TYPE_NOT_ALLOWED;
    if ((terms->side != 0 && (terms->side == OE_SIDE_SELL) != order_is_sell(order)) ||
        ((order->exec_inst ^ terms->exec_inst) & terms->exec_mask) != 0)
        return OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED;
    return OE_REJECT_REASON_NONE;
}

/* check_fields refuses rare fields that the order does not have, or whose
 * values are wrong, and finds the stop price that it will have. */
static enum oe_reject_reason
check_fields(const struct engine *engine,
             const struct order *order,
             const struct cell_replace_detail *detail)
{
    static const struct extra none = {.stop_tick = 0};
    const struct extra *extra =
        order_extra(order) != EXTRA_NONE ? extra_of(&engine->extras, order) : &none;

    if (detail->min_qty != 0 || (order->flags & ORDER_QUOTE) != 0 ||
        (detail->display_qty != 0 && extra->display_qty == 0) ||
        (detail->stop_px != 0 && extra->stop_tick == 0) ||
        (detail->expire_time != 0 && order->tif != OE_TIME_IN_FORCE_GOOD_TILL_DATE))
        return OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED;
    return OE_REJECT_REASON_NONE;
}

static enum oe_reject_reason
check_values(const struct engine *engine,
             const struct order *order,
             const struct cell_replace_detail *detail,
             qty_t qty,
             uint32_t *stop_tick)
{
    const struct book_rare *rare = &engine->rares[order->instrument];
    enum oe_reject_reason reason = OE_REJECT_REASON_NONE;

    if (detail->expire_time != 0 && detail->expire_time <= engine->time_ns)
        return OE_REJECT_REASON_INVALID_EXPIRE_TIME;
    if (order_extra(order) != EXTRA_NONE)
        *stop_tick = extra_of(&engine->extras, order)->stop_tick;
    if (detail->stop_px != 0)
        reason = terms_stop_px(&engine->books[order->instrument], rare, detail->stop_px, stop_tick);
    if (reason != OE_REJECT_REASON_NONE || !order_is_iceberg(&engine->extras, order))
        return reason;

    const struct extra *extra = extra_of(&engine->extras, order);
    const qty_t range_qty = extra->display_range * rare->lot_qty;

    if (detail->display_qty != 0)
        return terms_display(rare, detail->display_qty, range_qty, qty);
    return terms_parts(extra->display_qty, range_qty, qty) ? OE_REJECT_REASON_NONE
                                                           : OE_REJECT_REASON_INVALID_DISPLAY_QTY;
}

/* keeps_place says whether price, stop price and limit stay what they are. */
static bool
keeps_place(const struct engine *engine, const struct order *order, const struct replace *replace)
{
    const uint32_t tick = replace->ticket.tick;

    if (replace->new_leaves > order->leaves_qty)
        return false;
    switch (order->ord_type) {
    case OE_ORD_TYPE_MARKET:
        return true;
    case OE_ORD_TYPE_PEGGED:
        return tick == extra_of(&engine->extras, order)->limit_tick;
    case OE_ORD_TYPE_STOP:
        return replace->stop_tick == extra_of(&engine->extras, order)->stop_tick;
    case OE_ORD_TYPE_STOP_LIMIT:
        return tick == order->tick &&
               replace->stop_tick == extra_of(&engine->extras, order)->stop_tick;
    default:
        return tick == order->tick;
    }
}

/* check_book does the checks of an order that will lose its place. Its pages
 * are wanted on top of those that it still holds itself. */
static enum oe_reject_reason
check_book(const struct engine *engine, const struct order *order, const struct replace *replace)
{
    struct book *book = &engine->books[order->instrument];
    const bool sell = order_is_sell(order);
    const uint32_t tick =
        match_entry_tick(engine, order->instrument, order->exec_inst, sell, replace->ticket.tick);
    bool room = true;

    if (tick == 0 && (order->exec_inst & OE_EXEC_INST_POST_ONLY) != 0)
        return OE_REJECT_REASON_WOULD_TRADE;
    if (!order_has_next_id(order->order_id))
        return OE_REJECT_REASON_ORDER_IDS_EXHAUSTED;
    if (replace->stop_tick != 0)
        room = ladder_has_room(&engine->pages, &engine->rares[order->instrument].stops[sell],
                               ladder_key(replace->stop_tick, !sell));
    else if (order_rests(order) && order->ord_type != OE_ORD_TYPE_PEGGED)
        room = ladder_has_room(&engine->pages, book_side(book, sell), ladder_key(tick, sell));
    return room ? OE_REJECT_REASON_NONE : OE_REJECT_REASON_LEVEL_POOL_FULL;
}

/* check_risk asks risk about the order as it would be. */
static enum oe_reject_reason
check_risk(const struct engine *engine,
           const struct cell_order_replace *in,
           const struct order *order,
           const struct session *session,
           struct replace *replace)
{
    const struct book *book = &engine->books[order->instrument];
    struct risk_order *question = &replace->question;

    *question = terms_ask(engine, session, order->session, order->instrument);
    question->account = order->account;
    question->px = order->ord_type == OE_ORD_TYPE_STOP ? book_px(book, replace->stop_tick) : in->px;
    question->qty = in->qty;
    question->leaves_qty = replace->new_leaves;
    question->sell = order_is_sell(order);
    question->market = order->ord_type == OE_ORD_TYPE_MARKET ||
                       (order->ord_type == OE_ORD_TYPE_PEGGED && in->px == 0);
    question->stop = replace->stop_tick != 0;
    /* Since it has a limit it is a limit order. */
    question->ord_type =
        order->ord_type == OE_ORD_TYPE_MARKET_TO_LIMIT ? OE_ORD_TYPE_LIMIT : order->ord_type;
    question->tif = order->tif;
    if (UNLIKELY(engine->cfg.no_risk))
        return terms_check_bare(engine, question, &replace->ticket);

    const struct risk_hold hold = order_hold(engine, order);

    return risk_check_amend(engine->risk, question, &hold, &replace->ticket, &replace->detail);
}

/* check_replace runs every check; it changes nothing. */
static enum oe_reject_reason
check_replace(const struct engine *engine,
              const union cell *cells,
              const struct session *session,
              struct replace *replace)
{
    const struct cell_order_replace *in = &cells[0].order_replace;
    const struct cell_replace_detail *detail = &cells[1].replace_detail;
    enum oe_reject_reason reason;

    if (UNLIKELY(replace->slot == ORDER_NONE))
        return OE_REJECT_REASON_UNKNOWN_ORDER;

    const struct order *order = &engine->orders.orders[replace->slot];
    const bool rare = has_rare_fields(detail) || !order_is_plain(order);

    reason = check_terms(order, replace_terms(cells));
    if (reason == OE_REJECT_REASON_NONE && UNLIKELY(rare))
        reason = check_fields(engine, order, detail);
    if (reason != OE_REJECT_REASON_NONE)
        return reason;
    if (in->clord != order->clord && UNLIKELY(idmap_find(&engine->ids, engine->orders.orders,
                                                         in->session, in->clord) != ORDER_NONE))
        return OE_REJECT_REASON_DUPLICATE_CL_ORD_ID;
    if (UNLIKELY(in->qty == 0))
        return OE_REJECT_REASON_INVALID_QUANTITY;
    replace->cancels = in->qty <= order->cum_qty;
    if (UNLIKELY(replace->cancels))
        return OE_REJECT_REASON_NONE;
    replace->new_leaves = in->qty - order->cum_qty;
    if (UNLIKELY(rare)) {
        reason = check_values(engine, order, detail, in->qty, &replace->stop_tick);
        if (reason != OE_REJECT_REASON_NONE)
            return reason;
    }
    reason = check_risk(engine, in, order, session, replace);
    if (UNLIKELY(reason != OE_REJECT_REASON_NONE))
        return reason;
    replace->keeps = keeps_place(engine, order, replace);
    if (replace->keeps)
        return OE_REJECT_REASON_NONE;
    return UNLIKELY(engine->journal_low) ? OE_REJECT_REASON_JOURNAL_SPACE
                                         : check_book(engine, order, replace);
}

/* emit_terms copies the third cell, if there is one. */
static void
emit_terms(const union cell *terms, struct cell_sink *out)
{
    if (LIKELY(terms == NULL))
        return;

    union cell *cell = engine_emit(out);

    *cell = *terms;
    cell->bytes[1] = 0;
}

/* emit_refused writes a refused replace. */
static void
emit_refused(struct engine *engine,
             const union cell *cells,
             enum oe_reject_reason reason,
             const struct risk_detail *numbers,
             struct cell_sink *out)
{
    const bool by_id = (cells[0].bytes[1] & CELL_BY_ID) != 0;
    const bool has_numbers = numbers->level != OE_RISK_LEVEL_NONE;
    const union cell *terms = replace_terms(cells);
    struct cell_order_replace *cell =
        &engine_emit_command(engine, cells, out, 2u + (terms != NULL) + has_numbers, CELL_BY_ID,
                             reason)
             ->order_replace;

    if (!by_id)
        cell->order_id = 0;
    cell->ord_type = 0;
    cell->tif = 0;
    cell->exec_inst = 0;
    cell->stp_capacity = 0;
    cell->account = 0;

    struct cell_replace_detail *detail = &engine_emit(out)->replace_detail;

    *detail = cells[1].replace_detail;
    detail->shape = 0;
    detail->cum_qty = 0;
    if (by_id)
        detail->orig_clord = 0;
    detail->new_order_id = 0;
    detail->old_px = 0;
    detail->old_leaves = 0;
    detail->new_leaves = 0;
    emit_terms(terms, out);
    if (has_numbers)
        engine_emit_detail(numbers, out);
}

/* emit_accepted writes an accepted replace; order is as it was before. */
static void
emit_accepted(const struct engine *engine,
              const union cell *cells,
              const struct order *order,
              const struct replace *replace,
              struct cell_sink *out)
{
    const union cell *terms = replace_terms(cells);
    struct cell_order_replace *cell = &engine_emit_command(engine, cells, out, 2u + (terms != NULL),
                                                           CELL_BY_ID, OE_REJECT_REASON_NONE)
                                           ->order_replace;

    if (order_is_sell(order))
        cell->shape |= CELL_SELL;
    if (UNLIKELY(replace->reduces))
        cell->px = order_px(engine, order);
    cell->instrument = order->instrument;
    cell->order_id = order->order_id;
    cell->ord_type = order->ord_type;
    cell->tif = order->tif;
    cell->exec_inst = order->exec_inst;
    cell->stp_capacity = order->stp_capacity;
    cell->account = order->account;

    struct cell_replace_detail *detail = &engine_emit(out)->replace_detail;

    *detail = cells[1].replace_detail;
    detail->shape = 0;
    detail->cum_qty = order->cum_qty;
    detail->orig_clord = order->clord;
    detail->new_order_id = replace->keeps || replace->cancels
                               ? order->order_id
                               : order->order_id + ORDER_GENERATION_ONE;
    detail->old_px = order_px(engine, order);
    detail->old_leaves = order->leaves_qty;
    detail->new_leaves = replace->cancels ? 0 : replace->new_leaves;
    emit_terms(terms, out);
}

/* set_fields gives the order the rare fields that were asked for. */
static void
set_fields(struct engine *engine, struct order *order, const struct cell_replace_detail *detail)
{
    if (detail->display_qty != 0)
        extra_of(&engine->extras, order)->display_qty = detail->display_qty;
    if (detail->expire_time != 0) {
        order_disarm(engine, order);
        extra_of(&engine->extras, order)->expire_ns = detail->expire_time;
        order_arm(engine, order);
    }
}

/* move_reservation reserves what a replaced order will be; it is as it was. */
static void
move_reservation(struct engine *engine, const struct order *order, const struct replace *replace)
{
    if (UNLIKELY(engine->cfg.no_risk))
        return;

    const struct risk_hold hold = order_hold(engine, order);

    risk_reserve_amend(engine->risk, &replace->question, &hold, &replace->ticket);
}

/* keep leaves a replaced order in its place, with less. A held market order is
 * limited by the collar of this moment. */
static enum engine_result
keep(struct engine *engine, const struct replace *replace, uint64_t clord, struct cell_sink *out)
{
    struct order *order = &engine->orders.orders[replace->slot];

    place_shrink(engine, order, replace->new_leaves);
    if (order->ord_type == OE_ORD_TYPE_MARKET)
        order->tick = replace->ticket.tick;
    order_rename(engine, order, replace->slot, clord,
                 idmap_hash(&engine->ids, order->session, clord));
    return work_settled(engine, out);
}

/* reenter sends an order in again under its next id, as if new but for its
 * fills, its link and its expire time. */
static enum engine_result
reenter(struct engine *engine, const struct replace *replace, uint64_t clord, struct cell_sink *out)
{
    const uint32_t slot = replace->slot;
    struct order *order = &engine->orders.orders[slot];

    place_out(engine, slot);
    place_delist(engine, slot);
    order->order_id += ORDER_GENERATION_ONE;
    order->clord = clord;
    order->leaves_qty = replace->new_leaves;
    if (order->ord_type == OE_ORD_TYPE_PEGGED) {
        peg_leave(engine, slot);
        extra_of(&engine->extras, order)->limit_tick = replace->ticket.tick;
        order->tick = 0;
        peg_join(engine, slot);
    } else {
        order->tick = replace->ticket.tick;
    }
    if (replace->stop_tick != 0)
        extra_of(&engine->extras, order)->stop_tick = replace->stop_tick;
    work_begin(engine, WORK_ORDER, PHASE_SETTLE);
    match_enter(engine, slot, false, 0, out);
    return work_run(engine, out);
}

/* check_reduce: what makes an order smaller needs no room and no word of risk. */
static enum oe_reject_reason
check_reduce(const struct engine *engine, const union cell *cells, struct replace *replace)
{
    const qty_t qty = cells[0].order_replace.qty;

    if (replace->slot == ORDER_NONE)
        return OE_REJECT_REASON_UNKNOWN_ORDER;

    const struct order *order = &engine->orders.orders[replace->slot];
    const enum oe_reject_reason reason = check_terms(order, replace_terms(cells));

    if (reason != OE_REJECT_REASON_NONE)
        return reason;
    replace->cancels = qty <= order->cum_qty;
    if (replace->cancels)
        return OE_REJECT_REASON_NONE;
    if (qty - order->cum_qty > order->leaves_qty)
        return OE_REJECT_REASON_INVALID_QUANTITY;
    replace->new_leaves = qty - order->cum_qty;
    return qty % engine->rares[order->instrument].lot_qty == 0 ? OE_REJECT_REASON_NONE
                                                               : OE_REJECT_REASON_INVALID_LOT;
}

/* reduce does a replace that makes an order smaller and leaves it its id. */
static enum engine_result
reduce(struct engine *engine,
       const union cell *cells,
       struct session *session,
       struct cell_sink *out)
{
    const struct cell_order_replace *in = &cells[0].order_replace;
    struct replace replace = {
        .slot = order_named(engine, &cells[0].order_cancel, cells[1].replace_detail.orig_clord),
        .keeps = true,
        .reduces = true};
    enum oe_reject_reason reason =
        order_take_message(engine, session, in->session, replace.slot, true, &replace.detail);

    if (reason == OE_REJECT_REASON_NONE)
        reason = check_reduce(engine, cells, &replace);
    engine->work.index = 0;
    if (reason != OE_REJECT_REASON_NONE) {
        emit_refused(engine, cells, reason, &replace.detail, out);
        return work_settled(engine, out);
    }

    struct order *order = &engine->orders.orders[replace.slot];

    emit_accepted(engine, cells, order, &replace, out);
    if (replace.cancels) {
        order_retire(engine, replace.slot, OE_CANCEL_REASON_REQUESTED, out);
        return work_settled(engine, out);
    }
    book_give_back(engine, order, order->leaves_qty - replace.new_leaves);
    place_shrink(engine, order, replace.new_leaves);
    return work_settled(engine, out);
}

/* refuse ends a replace that was refused, and, if its terms say so, its order. The
 * number of one that may not be asked for now is used up (see enum session_numbers). */
static enum engine_result
refuse(struct engine *engine,
       const union cell *cells,
       struct session *session,
       const struct replace *replace,
       enum oe_reject_reason reason,
       struct cell_sink *out)
{
    emit_refused(engine, cells, reason, &replace->detail, out);
    if (command_replace_cancels(cells, reason))
        order_retire(engine, replace->slot, OE_CANCEL_REASON_REPLACE_REFUSED, out);
    else if (session->numbered == SESSION_RISING && reason != OE_REJECT_REASON_DUPLICATE_CL_ORD_ID)
        session->next_in_no = cells->order_replace.clord + 1;
    return work_settled(engine, out);
}

enum engine_result
amend_replace(struct engine *engine,
              const union cell *cells,
              struct session *session,
              struct cell_sink *out)
{
    ASSERT(cell_kind(&cells[1]) == CELL_KIND_REPLACE_DETAIL);

    const struct cell_order_replace *in = &cells[0].order_replace;
    const struct cell_replace_detail *detail = &cells[1].replace_detail;
    const union cell *terms = replace_terms(cells);

    if (UNLIKELY(terms != NULL) && (terms->replace_terms.flags & CELL_REPLACE_FLAGS_REDUCE) != 0)
        return reduce(engine, cells, session, out);

    struct replace replace = {.slot =
                                  order_named(engine, &cells[0].order_cancel, detail->orig_clord)};
    enum oe_reject_reason reason =
        order_take_message(engine, session, in->session, replace.slot, false, &replace.detail);

    if (LIKELY(reason == OE_REJECT_REASON_NONE))
        reason = check_replace(engine, cells, session, &replace);
    engine->work.index = 0;
    if (UNLIKELY(reason != OE_REJECT_REASON_NONE))
        return refuse(engine, cells, session, &replace, reason, out);
    if (UNLIKELY(session->numbered == SESSION_RISING))
        session->next_in_no = in->clord + 1;

    struct order *order = &engine->orders.orders[replace.slot];

    emit_accepted(engine, cells, order, &replace, out);
    if (UNLIKELY(replace.cancels)) {
        order_rename(engine, order, replace.slot, in->clord,
                     idmap_hash(&engine->ids, order->session, in->clord));
        order_retire(engine, replace.slot, OE_CANCEL_REASON_REPLACED_BELOW_FILLED, out);
        return work_settled(engine, out);
    }
    move_reservation(engine, order, &replace);
    if (UNLIKELY(has_rare_fields(detail)))
        set_fields(engine, order, detail);
    return replace.keeps ? keep(engine, &replace, in->clord, out)
                         : reenter(engine, &replace, in->clord, out);
}
