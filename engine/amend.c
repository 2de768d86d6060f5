#include "engine/book.h"

/* find_order returns the slot of the live order that a cancel or replace
 * names, ORDER_NONE if the session has no such order in that instrument. */
static inline uint32_t
find_order(const struct engine *engine, const struct cell_order_cancel *in, uint64_t orig_clord)
{
    const uint32_t slot =
        (in->shape & CELL_BY_ID) != 0
            ? order_find(&engine->orders, in->order_id)
            : idmap_find(&engine->ids, engine->orders.orders, in->session, orig_clord);

    if (UNLIKELY(slot == ORDER_NONE))
        return ORDER_NONE;

    const struct order *order = &engine->orders.orders[slot];

    if (UNLIKELY(order->session != in->session || order->instrument != in->instrument))
        return ORDER_NONE;
    return slot;
}

HOT enum engine_result
amend_cancel(struct engine *engine, const union cell *cells, struct cell_sink *out)
{
    const struct cell_order_cancel *in = &cells[0].order_cancel;
    const bool by_id = (in->shape & CELL_BY_ID) != 0;
    const uint32_t slot = find_order(engine, in, in->orig_clord);
    const enum oe_reject_reason reason =
        slot != ORDER_NONE ? OE_REJECT_REASON_NONE : OE_REJECT_REASON_UNKNOWN_ORDER;
    struct cell_order_cancel *cell =
        &engine_emit_command(engine, cells, out, 1, CELL_BY_ID, reason)->order_cancel;

    if (UNLIKELY(slot == ORDER_NONE)) {
        if (by_id)
            cell->orig_clord = 0;
        else
            cell->order_id = 0;
        cell->removed_qty = 0;
        cell->cum_qty = 0;
        cell->account = 0;
        return engine_finish(engine, out);
    }

    const struct order *order = &engine->orders.orders[slot];

    if (order_is_sell(order))
        cell->shape |= CELL_SELL;
    cell->orig_clord = order->clord;
    cell->order_id = order->order_id;
    cell->removed_qty = order->leaves_qty;
    cell->cum_qty = order->cum_qty;
    cell->account = order->account;
    engine_release(engine, order, order->leaves_qty);
    book_remove(engine, slot);
    return engine_finish(engine, out);
}

/* A replace on its way: what was asked for and what it comes to. */
struct replace {
    uint32_t slot; /* ORDER_NONE: unknown order */
    bool cancels;  /* to no more than what is filled */
    bool keeps;    /* its place and its id */
    qty_t new_leaves;
    struct risk_ticket ticket;
    struct risk_detail detail;
};

/* check_book does the checks of an order that will lose its place. Its pages
 * are wanted on top of those that it still holds itself. */
static enum oe_reject_reason
check_book(const struct engine *engine, const struct order *order, uint32_t tick)
{
    struct book *book = &engine->books[order->instrument];
    const bool sell = order_is_sell(order);

    if ((order->exec_inst & OE_EXEC_INST_POST_ONLY) != 0 && book_crosses(book, sell, tick))
        return OE_REJECT_REASON_WOULD_TRADE;
    if (!order_has_next_id(order->order_id))
        return OE_REJECT_REASON_ORDER_IDS_EXHAUSTED;
    if (!ladder_has_room(&engine->pages, book_side(book, sell), ladder_key(tick, sell)))
        return OE_REJECT_REASON_LEVEL_POOL_FULL;
    return OE_REJECT_REASON_NONE;
}

/* check_replace runs every check; on acceptance the reservation is that of the
 * new leaves, unless the replace cancels. */
static enum oe_reject_reason
check_replace(struct engine *engine,
              const struct cell_order_replace *in,
              const struct cell_replace_detail *in_detail,
              const struct session *session,
              struct replace *replace)
{
    if (in_detail->stop_px != 0 || in_detail->expire_time != 0 || in_detail->display_qty != 0 ||
        in_detail->min_qty != 0)
        return OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED;
    if (replace->slot == ORDER_NONE)
        return OE_REJECT_REASON_UNKNOWN_ORDER;

    const struct order *order = &engine->orders.orders[replace->slot];
    const bool sell = order_is_sell(order);

    if (in->clord != order->clord &&
        idmap_find(&engine->ids, engine->orders.orders, in->session, in->clord) != ORDER_NONE)
        return OE_REJECT_REASON_DUPLICATE_CL_ORD_ID;
    if (in->qty == 0)
        return OE_REJECT_REASON_INVALID_QUANTITY;
    replace->cancels = in->qty <= order->cum_qty;
    if (replace->cancels)
        return OE_REJECT_REASON_NONE;
    replace->new_leaves = in->qty - order->cum_qty;

    const struct risk_order asked = {
        .instrument = order->instrument,
        .account = order->account,
        .firm = session->firm,
        .px = in->px,
        .last_px = engine->books[order->instrument].last_px,
        .qty = in->qty,
        .leaves_qty = replace->new_leaves,
        .sell = sell,
    };
    enum oe_reject_reason reason =
        UNLIKELY(engine->cfg.no_risk)
            ? engine_check_bare(engine, &asked, &replace->ticket)
            : risk_check_replace(engine->risk, &asked, order->position, order->leaves_qty,
                                 &replace->ticket, &replace->detail);

    if (reason != OE_REJECT_REASON_NONE)
        return reason;
    replace->keeps =
        replace->ticket.tick == order->tick && replace->new_leaves <= order->leaves_qty;
    if (replace->keeps)
        return OE_REJECT_REASON_NONE;
    reason = check_book(engine, order, replace->ticket.tick);
    if (reason != OE_REJECT_REASON_NONE && !engine->cfg.no_risk) {
        risk_release(engine->risk, order->position, sell, replace->new_leaves);
        risk_reserve(engine->risk, order->position, sell, order->leaves_qty);
    }
    return reason;
}

/* emit_refused writes a refused replace. */
static enum engine_result
emit_refused(struct engine *engine,
             const union cell *cells,
             enum oe_reject_reason reason,
             const struct risk_detail *numbers,
             struct cell_sink *out)
{
    const bool by_id = (cells[0].bytes[1] & CELL_BY_ID) != 0;
    const bool has_numbers = numbers->level != OE_RISK_LEVEL_NONE;
    struct cell_order_replace *cell =
        &engine_emit_command(engine, cells, out, 2u + has_numbers, CELL_BY_ID, reason)
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
    if (has_numbers)
        engine_emit_detail(numbers, out);
    return engine_finish(engine, out);
}

/* emit_accepted writes an accepted replace; order is as it was before. */
static void
emit_accepted(const struct engine *engine,
              const union cell *cells,
              const struct order *order,
              const struct replace *replace,
              struct cell_sink *out)
{
    struct cell_order_replace *cell =
        &engine_emit_command(engine, cells, out, 2, CELL_BY_ID, OE_REJECT_REASON_NONE)
             ->order_replace;

    if (order_is_sell(order))
        cell->shape |= CELL_SELL;
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
    detail->old_px = (px_t)order->tick * engine->books[order->instrument].tick_px;
    detail->old_leaves = order->leaves_qty;
    detail->new_leaves = replace->cancels ? 0 : replace->new_leaves;
}

/* rename gives a live order another clord. */
static void
rename_order(struct engine *engine, uint32_t slot, uint64_t clord)
{
    struct order *order = &engine->orders.orders[slot];

    if (order->clord == clord)
        return;
    idmap_remove(&engine->ids, order->session, order->clord, slot);
    order->clord = clord;
    idmap_add(&engine->ids, order->session, clord, slot);
}

/* reenter takes the order out of its place and sends it in again under its
 * next id, as if new but for its fills. */
static enum engine_result
reenter(struct engine *engine, const struct replace *replace, uint64_t clord, struct cell_sink *out)
{
    struct order *order = &engine->orders.orders[replace->slot];
    struct session *session = session_of(&engine->sessions, order->session);

    book_unlink(engine, replace->slot);
    idmap_remove(&engine->ids, order->session, order->clord, replace->slot);
    session->orders_cnt--;
    session->day_orders_cnt -= order->tif == OE_TIME_IN_FORCE_DAY;
    order->flags &= (uint8_t)~ORDER_LIVE;
    order->order_id += ORDER_GENERATION_ONE;
    order->clord = clord;
    order->leaves_qty = replace->new_leaves;
    order->tick = replace->ticket.tick;
    engine->work.slot = replace->slot;
    return match_sweep(engine, out);
}

HOT enum engine_result
amend_replace(struct engine *engine,
              const union cell *cells,
              const struct session *session,
              struct cell_sink *out)
{
    ASSERT(cell_kind(&cells[1]) == CELL_KIND_REPLACE_DETAIL);

    const struct cell_order_replace *in = &cells[0].order_replace;
    struct replace replace = {
        .slot = find_order(engine, &cells[0].order_cancel, cells[1].replace_detail.orig_clord)};
    const enum oe_reject_reason reason =
        check_replace(engine, in, &cells[1].replace_detail, session, &replace);

    engine->work.index = 0;
    if (reason != OE_REJECT_REASON_NONE)
        return emit_refused(engine, cells, reason, &replace.detail, out);

    struct order *order = &engine->orders.orders[replace.slot];

    emit_accepted(engine, cells, order, &replace, out);
    if (replace.cancels) {
        rename_order(engine, replace.slot, in->clord);
        engine_emit_canceled(engine, order, OE_CANCEL_REASON_REPLACED_BELOW_FILLED, out);
        engine_release(engine, order, order->leaves_qty);
        book_remove(engine, replace.slot);
        return engine_finish(engine, out);
    }
    if (!replace.keeps)
        return reenter(engine, &replace, in->clord, out);
    ladder_level(&engine->pages, order->level)->qty -= order->leaves_qty - replace.new_leaves;
    order->leaves_qty = replace.new_leaves;
    rename_order(engine, replace.slot, in->clord);
    return engine_finish(engine, out);
}
