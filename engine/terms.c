#include "engine/terms.h"

static bool
is_stop(unsigned ord_type)
{
    return ord_type == OE_ORD_TYPE_STOP || ord_type == OE_ORD_TYPE_STOP_LIMIT;
}

static bool
is_type(unsigned ord_type)
{
    return ord_type == OE_ORD_TYPE_LIMIT || ord_type == OE_ORD_TYPE_MARKET ||
           ord_type == OE_ORD_TYPE_MARKET_TO_LIMIT || ord_type == OE_ORD_TYPE_PEGGED ||
           is_stop(ord_type);
}

static bool
tif_allowed(unsigned ord_type, unsigned tif)
{
    const bool immediate =
        tif == OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL || tif == OE_TIME_IN_FORCE_FILL_OR_KILL;
    const bool held =
        tif == OE_TIME_IN_FORCE_AT_THE_OPENING || tif == OE_TIME_IN_FORCE_AT_THE_CLOSE;

    switch (ord_type) {
    case OE_ORD_TYPE_LIMIT:
        return tif_rests(tif) || immediate || held;
    case OE_ORD_TYPE_MARKET:
        return (tif_rests(tif) && tif != OE_TIME_IN_FORCE_GOOD_TILL_DATE) || immediate || held;
    case OE_ORD_TYPE_MARKET_TO_LIMIT:
        return tif_rests(tif) || tif == OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL;
    default:
        return tif_rests(tif);
    }
}

/* exec_inst_allowed: bits that the type takes, and none that exclude others. */
static bool
exec_inst_allowed(const struct cell_order_new *in)
{
    const unsigned inst = in->exec_inst;
    unsigned taken = 0;

    if (in->ord_type == OE_ORD_TYPE_LIMIT && tif_rests(in->tif))
        taken = OE_EXEC_INST_POST_ONLY | OE_EXEC_INST_POST_ONLY_REPRICE | OE_EXEC_INST_HIDDEN;
    else if (in->ord_type == OE_ORD_TYPE_PEGGED)
        taken = OE_EXEC_INST_HIDDEN | OE_EXEC_INST_PEG_OPPOSITE | OE_EXEC_INST_PEG_MID;
    if ((inst & ~taken) != 0)
        return false;
    if ((inst & OE_EXEC_INST_POST_ONLY_REPRICE) != 0 && (inst & OE_EXEC_INST_POST_ONLY) == 0)
        return false;
    return (inst & OE_EXEC_INST_PEG_OPPOSITE) == 0 || (inst & OE_EXEC_INST_PEG_MID) == 0;
}

/* peg_offset_allowed: passive or 0, with PegOpposite passive, primary any. */
static bool
peg_offset_allowed(const struct cell_order_new *in, px_t offset_px)
{
    const bool sell = (in->shape & CELL_SELL) != 0;
    const bool passive = sell ? offset_px > 0 : offset_px < 0;

    if (in->ord_type != OE_ORD_TYPE_PEGGED)
        return offset_px == 0;
    if ((in->exec_inst & OE_EXEC_INST_PEG_OPPOSITE) != 0)
        return passive;
    return (in->exec_inst & OE_EXEC_INST_PEG_MID) == 0 || passive || offset_px == 0;
}

static bool
display_allowed(const struct cell_order_new *in, const struct cell_order_extension *ext)
{
    if (ext->display_qty == 0)
        return ext->display_range == 0;
    return in->ord_type == OE_ORD_TYPE_LIMIT && tif_rests(in->tif) &&
           (in->exec_inst & OE_EXEC_INST_HIDDEN) == 0;
}

static bool
min_qty_allowed(const struct cell_order_new *in)
{
    const bool tif = in->tif == OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL || tif_rests(in->tif);

    return tif && (in->exec_inst & OE_EXEC_INST_POST_ONLY) == 0 &&
           (in->ord_type == OE_ORD_TYPE_LIMIT || in->ord_type == OE_ORD_TYPE_MARKET);
}

/* link_taken says whether an order of that kind can be one of a pair. */
static bool
link_taken(unsigned ord_type, unsigned tif)
{
    return tif_rests(tif) &&
           (ord_type == OE_ORD_TYPE_LIMIT || ord_type == OE_ORD_TYPE_PEGGED || is_stop(ord_type));
}

enum oe_reject_reason
terms_allowed(const struct terms_request *request)
{
    static const struct cell_order_extension none = {.display_qty = 0};
    const struct cell_order_new *in = request->in;
    const struct cell_order_extension *ext = request->ext != NULL ? request->ext : &none;

    if (!is_type(in->ord_type))
        return OE_REJECT_REASON_ORDER_TYPE_NOT_ALLOWED;
    if (!tif_allowed(in->ord_type, in->tif))
        return OE_REJECT_REASON_TIME_IN_FORCE_NOT_ALLOWED;
    if (cell_stp(in->stp_capacity) > OE_SELF_MATCH_PREVENTION_INSTRUCTION_DECREMENT ||
        (ext->expire_time != 0) != (in->tif == OE_TIME_IN_FORCE_GOOD_TILL_DATE) ||
        (ext->stop_px != 0) != is_stop(in->ord_type) || !exec_inst_allowed(in) ||
        !peg_offset_allowed(in, ext->peg_offset_px) || !display_allowed(in, ext) ||
        (ext->min_qty != 0 && !min_qty_allowed(in)) ||
        (request->link != NULL && !link_taken(in->ord_type, in->tif)))
        return OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED;
    return OE_REJECT_REASON_NONE;
}

enum oe_reject_reason
terms_room(const struct engine *engine, const struct terms_request *request, struct terms *terms)
{
    const struct cell_order_new *in = request->in;
    uint32_t wanted_cnt = 0;

    terms->partner = ORDER_NONE;
    terms->extra = in->tif == OE_TIME_IN_FORCE_GOOD_TILL_DATE || is_stop(in->ord_type) ||
                   in->ord_type == OE_ORD_TYPE_PEGGED || request->link != NULL ||
                   (request->ext != NULL && request->ext->display_qty != 0);
    wanted_cnt += terms->extra;
    if (request->link != NULL) {
        terms->partner = idmap_find(&engine->ids, engine->orders.orders, in->session,
                                    request->link->linked_clord);
        wanted_cnt += terms->partner != ORDER_NONE &&
                      order_extra(&engine->orders.orders[terms->partner]) == EXTRA_NONE;
    }
    if (wanted_cnt > extra_free_cnt(&engine->extras))
        return OE_REJECT_REASON_ATTRIBUTE_POOL_FULL;
    if (in->ord_type == OE_ORD_TYPE_PEGGED && in->instrument < engine->books_cnt &&
        engine->rares[in->instrument].pegs_cnt >= PEGS_MAX)
        return OE_REJECT_REASON_PEG_POOL_FULL;
    return OE_REJECT_REASON_NONE;
}

enum oe_reject_reason
terms_stop_px(const struct book *book, const struct book_rare *rare, px_t px, uint32_t *tick)
{
    if (px <= 0 || px / book->tick_px >= rare->tick_end)
        return OE_REJECT_REASON_INVALID_PRICE;
    if (px % book->tick_px != 0)
        return OE_REJECT_REASON_INVALID_TICK;
    *tick = (uint32_t)(px / book->tick_px);
    return OE_REJECT_REASON_NONE;
}

enum oe_reject_reason
terms_display(const struct book_rare *rare, qty_t display_qty, qty_t range_qty, qty_t qty)
{
    if (display_qty > qty || display_qty <= range_qty || !terms_parts(display_qty, range_qty, qty))
        return OE_REJECT_REASON_INVALID_DISPLAY_QTY;
    if (display_qty % rare->lot_qty != 0 || range_qty % rare->lot_qty != 0)
        return OE_REJECT_REASON_INVALID_LOT;
    return OE_REJECT_REASON_NONE;
}

static enum oe_reject_reason
resolve_peg(const struct book *book, px_t offset_px, struct terms *terms)
{
    const px_t ticks = offset_px / book->tick_px;

    if (offset_px % book->tick_px != 0 || ticks >= (px_t)TICK_MAX || ticks <= -(px_t)TICK_MAX)
        return OE_REJECT_REASON_INVALID_TICK;
    terms->peg_offset = (int32_t)ticks;
    return OE_REJECT_REASON_NONE;
}

/* resolve_extension checks the values of the rare attributes. */
static enum oe_reject_reason
resolve_extension(const struct engine *engine,
                  const struct cell_order_new *in,
                  const struct cell_order_extension *ext,
                  struct terms *terms)
{
    const struct book *book = &engine->books[in->instrument];
    const struct book_rare *rare = &engine->rares[in->instrument];
    enum oe_reject_reason reason = OE_REJECT_REASON_NONE;

    if (ext->expire_time != 0 && ext->expire_time <= engine->time_ns)
        return OE_REJECT_REASON_INVALID_EXPIRE_TIME;
    if (ext->stop_px != 0)
        reason = terms_stop_px(book, rare, ext->stop_px, &terms->stop_tick);
    if (reason == OE_REJECT_REASON_NONE)
        reason = resolve_peg(book, ext->peg_offset_px, terms);
    if (reason == OE_REJECT_REASON_NONE && ext->display_qty != 0)
        reason = terms_display(rare, ext->display_qty, ext->display_range, in->qty);
    if (reason == OE_REJECT_REASON_NONE && ext->min_qty > in->qty)
        reason = OE_REJECT_REASON_INVALID_MIN_QTY;
    return reason;
}

/* link_is_valid says whether the order that is named can be linked to this. */
static bool
link_is_valid(const struct engine *engine, const struct cell_order_new *in, uint32_t partner)
{
    if (partner == ORDER_NONE)
        return false;

    const struct order *order = &engine->orders.orders[partner];

    return order->instrument == in->instrument && order->account == in->account &&
           link_taken(order->ord_type, order->tif) &&
           order_partner(&engine->extras, order) == ORDER_NONE;
}

enum oe_reject_reason
terms_resolve(const struct engine *engine, const struct terms_request *request, struct terms *terms)
{
    const struct cell_order_new *in = request->in;
    const bool sell = (in->shape & CELL_SELL) != 0;

    terms->stop_tick = 0;
    terms->peg_offset = 0;
    terms->px = in->px;
    terms->stop = is_stop(in->ord_type);
    terms->market =
        in->ord_type == OE_ORD_TYPE_MARKET || (in->ord_type == OE_ORD_TYPE_PEGGED && in->px == 0);
    if (in->instrument >= engine->books_cnt || engine->books[in->instrument].tick_px == 0)
        return OE_REJECT_REASON_NONE;
    if (request->ext != NULL) {
        const enum oe_reject_reason reason = resolve_extension(engine, in, request->ext, terms);

        if (reason != OE_REJECT_REASON_NONE)
            return reason;
    }
    if (in->ord_type == OE_ORD_TYPE_STOP)
        terms->px = request->ext->stop_px;
    if (in->ord_type == OE_ORD_TYPE_MARKET_TO_LIMIT) {
        const struct book *book = &engine->books[in->instrument];
        const uint32_t key = book->sides[!sell].best_key;

        if (key == LADDER_KEY_NONE)
            return OE_REJECT_REASON_NO_OPPOSITE_ORDERS;
        terms->px = book_px(book, ladder_key(key, !sell));
    }
    if (request->link != NULL && !link_is_valid(engine, in, terms->partner))
        return OE_REJECT_REASON_UNKNOWN_LINKED_ORDER;
    return OE_REJECT_REASON_NONE;
}

/* terms_refuse_bare goes through all checks again, in their order. */
COLD enum oe_reject_reason
terms_refuse_bare(const struct engine *engine, const struct risk_order *order)
{
    const struct book *book = &engine->books[order->instrument];
    const struct book_rare *rare = &engine->rares[order->instrument];

    if (book->tick_px == 0)
        return OE_REJECT_REASON_UNKNOWN_INSTRUMENT;
    if (book->state == CELL_INSTRUMENT_STATE_HALTED)
        return OE_REJECT_REASON_INSTRUMENT_HALTED;
    if (book->state != CELL_INSTRUMENT_STATE_OPEN)
        return OE_REJECT_REASON_INSTRUMENT_CLOSED;
    if (!order->market) {
        if (order->px <= 0 || order->px / book->tick_px >= rare->tick_end)
            return OE_REJECT_REASON_INVALID_PRICE;
        if (order->px % book->tick_px != 0)
            return OE_REJECT_REASON_INVALID_TICK;
    }
    if (order->qty == 0)
        return OE_REJECT_REASON_INVALID_QUANTITY;
    return order->qty % rare->lot_qty == 0 ? OE_REJECT_REASON_NONE : OE_REJECT_REASON_INVALID_LOT;
}
