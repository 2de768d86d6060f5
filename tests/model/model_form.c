/*
 * Checks 1 to 4 and 6 of a new order; some are a replace's as well.
 */
#include "tests/model/model_parts.h"

#define PEGS     (OE_EXEC_INST_PEG_OPPOSITE | OE_EXEC_INST_PEG_MID)
#define POSTS    (OE_EXEC_INST_POST_ONLY | OE_EXEC_INST_POST_ONLY_REPRICE)
#define STP_LAST OE_SELF_MATCH_PREVENTION_INSTRUCTION_DECREMENT

static bool
is_staying(uint8_t tif)
{
    return tif == OE_TIME_IN_FORCE_DAY || tif == OE_TIME_IN_FORCE_GOOD_TILL_CANCEL ||
           tif == OE_TIME_IN_FORCE_GOOD_TILL_DATE;
}

static bool
is_stop(uint8_t ord_type)
{
    return ord_type == OE_ORD_TYPE_STOP || ord_type == OE_ORD_TYPE_STOP_LIMIT;
}

bool
model_may_rest(uint8_t ord_type, uint8_t tif)
{
    return is_staying(tif) && ord_type != OE_ORD_TYPE_MARKET && ord_type != OE_ORD_TYPE_STOP;
}

/* takes_link: the orders that may cancel one another. */
static bool
takes_link(uint8_t ord_type, uint8_t tif)
{
    return is_staying(tif) &&
           (ord_type == OE_ORD_TYPE_LIMIT || is_stop(ord_type) || ord_type == OE_ORD_TYPE_PEGGED);
}

/* can_be_linked says whether the order that is named may be linked to the new
 * one. */
static bool
can_be_linked(const struct model_wish *wish)
{
    const struct model_order *order = wish->linked;

    if (order == NULL || order->account != wish->req->account ||
        order->instrument != wish->req->instrument || order->other != NULL ||
        !takes_link(order->ord_type, order->tif))
        return false;
    return true;
}

void
model_wish_read(const struct model *model, const union cell *cells, struct model_wish *wish)
{
    *wish = (struct model_wish){.req = &cells->order_new, .sell = cell_is_sell(cells)};
    for (unsigned i = 1; i < cell_count(cells); i++) {
        if (cell_kind(&cells[i]) == CELL_KIND_ORDER_EXTENSION)
            wish->ext = cells[i].order_extension;
        if (cell_kind(&cells[i]) == CELL_KIND_ORDER_LINK) {
            wish->has_link = true;
            wish->linked_clord = cells[i].order_link.linked_clord;
        }
    }
    if (wish->has_link)
        wish->linked = (struct model_order *)(uintptr_t)model_find_clord(model, wish->req->session,
                                                                         wish->linked_clord);
}

/* tif_fits says whether the table has the time in force for the type. */
static bool
tif_fits(uint8_t ord_type, uint8_t tif)
{
    switch (ord_type) {
    case OE_ORD_TYPE_LIMIT:
        return true;
    case OE_ORD_TYPE_MARKET:
        return tif != OE_TIME_IN_FORCE_GOOD_TILL_DATE;
    case OE_ORD_TYPE_MARKET_TO_LIMIT:
        return is_staying(tif) || tif == OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL;
    default:
        return is_staying(tif);
    }
}

/* peg_fits says whether what makes a peg is there for pegs alone, and passive
 * where it has to be. */
static bool
peg_fits(const struct model_wish *wish)
{
    const px_t offset_px = wish->ext.peg_offset_px;
    const px_t outward_px = wish->sell ? offset_px : -offset_px;
    const unsigned pegs = wish->req->exec_inst & PEGS;

    if (wish->req->ord_type != OE_ORD_TYPE_PEGGED)
        return pegs == 0 && offset_px == 0;
    if (offset_px == INT64_MIN) /* It has no opposite. */
        return pegs == 0 || (!wish->sell && pegs != PEGS);
    if (pegs == OE_EXEC_INST_PEG_OPPOSITE)
        return outward_px > 0;
    return pegs == 0 || (pegs == OE_EXEC_INST_PEG_MID && outward_px >= 0);
}

/* attributes_fit says whether the table has the attributes for the order. */
static bool
attributes_fit(const struct model_wish *wish)
{
    const struct cell_order_new *req = wish->req;
    const struct cell_order_extension *ext = &wish->ext;
    const bool stays = is_staying(req->tif);
    const bool limit = req->ord_type == OE_ORD_TYPE_LIMIT;
    const bool iceberg = ext->display_qty != 0 || ext->display_range != 0;
    const bool hidden = (req->exec_inst & OE_EXEC_INST_HIDDEN) != 0;
    const unsigned posts = req->exec_inst & POSTS;

    if ((req->stp_capacity & 0xf) > STP_LAST || posts == OE_EXEC_INST_POST_ONLY_REPRICE)
        return false;
    if ((posts != 0 || iceberg) && !(limit && stays))
        return false;
    if (hidden && !((limit && stays) || req->ord_type == OE_ORD_TYPE_PEGGED))
        return false;
    if (iceberg && (hidden || ext->display_qty == 0))
        return false;
    if (ext->min_qty != 0) {
        const bool ioc = req->tif == OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL;

        if (posts != 0 || !(limit || req->ord_type == OE_ORD_TYPE_MARKET) || !(stays || ioc))
            return false;
    }
    if (wish->has_link && !takes_link(req->ord_type, req->tif))
        return false;
    if ((ext->stop_px != 0) != is_stop(req->ord_type))
        return false;
    if ((ext->expire_time != 0) != (req->tif == OE_TIME_IN_FORCE_GOOD_TILL_DATE))
        return false;
    return peg_fits(wish);
}

/* records_needed: its own, and one of the order that it names. */
static uint32_t
records_needed(const struct model_wish *wish)
{
    const bool rare = wish->ext.display_qty != 0 || wish->has_link ||
                      wish->req->tif == OE_TIME_IN_FORCE_GOOD_TILL_DATE ||
                      is_stop(wish->req->ord_type) || wish->req->ord_type == OE_ORD_TYPE_PEGGED;

    return (rare ? 1u : 0u) + (wish->linked != NULL && !wish->linked->has_record ? 1u : 0u);
}

static uint32_t
pegs_of(const struct model *model, uint32_t instrument)
{
    uint32_t cnt = 0;

    for (const struct model_order *o = model->live; o != NULL; o = o->next_live)
        cnt += model_is_pegged(o) && o->instrument == instrument;
    return cnt;
}

uint16_t
model_check_form(const struct model *model, const struct model_wish *wish)
{
    const struct cell_order_new *req = wish->req;

    if (!tif_fits(req->ord_type, req->tif))
        return OE_REJECT_REASON_TIME_IN_FORCE_NOT_ALLOWED;
    if (!attributes_fit(wish))
        return OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED;
    if (model_find_clord(model, req->session, req->clord) != NULL)
        return OE_REJECT_REASON_DUPLICATE_CL_ORD_ID;
    if (model->orders_cnt == model->cfg.orders_max)
        return OE_REJECT_REASON_ORDER_POOL_FULL;
    if (records_needed(wish) > model->cfg.extras_max - model->records_cnt)
        return OE_REJECT_REASON_ATTRIBUTE_POOL_FULL;
    if (req->ord_type == OE_ORD_TYPE_PEGGED && pegs_of(model, req->instrument) >= MODEL_PEGS)
        return OE_REJECT_REASON_PEG_POOL_FULL;
    return 0;
}

uint16_t
model_check_stop_px(const struct model *model, uint32_t instrument, px_t stop_px)
{
    const px_t tick_px = model->instruments[instrument].set.tick_px;

    if (stop_px <= 0 || stop_px / tick_px >= (px_t)TICKS_MAX)
        return OE_REJECT_REASON_INVALID_PRICE;
    return stop_px % tick_px != 0 ? OE_REJECT_REASON_INVALID_TICK : 0;
}

static uint16_t
check_offset(const struct model_instrument *instrument, px_t offset_px)
{
    const px_t ticks = offset_px / instrument->set.tick_px;

    if (offset_px % instrument->set.tick_px != 0 || ticks >= (px_t)TICKS_MAX ||
        ticks <= -(px_t)TICKS_MAX)
        return OE_REJECT_REASON_INVALID_TICK;
    return 0;
}

uint16_t
model_check_display(const struct model *model,
                    uint32_t instrument,
                    qty_t qty,
                    qty_t display_qty,
                    uint16_t display_range)
{
    const qty_t lot_qty = model->instruments[instrument].set.lot_qty;

    if (display_qty > qty || display_qty <= display_range ||
        qty > (uint64_t)MODEL_PARTS * (display_qty - display_range))
        return OE_REJECT_REASON_INVALID_DISPLAY_QTY;
    if (display_qty % lot_qty != 0 || display_range % lot_qty != 0)
        return OE_REJECT_REASON_INVALID_LOT;
    return 0;
}

uint16_t
model_check_attributes(const struct model *model, const struct model_wish *wish)
{
    const struct cell_order_new *req = wish->req;
    const struct cell_order_extension *ext = &wish->ext;
    uint16_t reason = 0;

    if (req->instrument >= MODEL_INSTRUMENTS || !model->instruments[req->instrument].known)
        return 0;

    const struct model_instrument *instrument = &model->instruments[req->instrument];

    if (req->tif == OE_TIME_IN_FORCE_GOOD_TILL_DATE && ext->expire_time <= model->time_ns)
        return OE_REJECT_REASON_INVALID_EXPIRE_TIME;
    if (is_stop(req->ord_type))
        reason = model_check_stop_px(model, req->instrument, ext->stop_px);
    if (reason == 0)
        reason = check_offset(instrument, ext->peg_offset_px);
    if (reason == 0 && ext->display_qty != 0)
        reason = model_check_display(model, req->instrument, req->qty, ext->display_qty,
                                     ext->display_range);
    if (reason == 0 && ext->min_qty > req->qty)
        reason = OE_REJECT_REASON_INVALID_MIN_QTY;
    if (reason == 0 && req->ord_type == OE_ORD_TYPE_MARKET_TO_LIMIT &&
        instrument->side[!wish->sell] == NULL)
        reason = OE_REJECT_REASON_NO_OPPOSITE_ORDERS;
    if (reason == 0 && wish->has_link && !can_be_linked(wish))
        reason = OE_REJECT_REASON_UNKNOWN_LINKED_ORDER;
    return reason;
}

uint16_t
model_check_book(const struct model *model,
                 const struct model_order *order,
                 uint32_t pages_promised)
{
    const bool of_stops = order->stop_px != 0;
    struct model_order at = *order;

    if ((order->exec_inst & OE_EXEC_INST_POST_ONLY) != 0 &&
        model_would_trade(model, order->instrument, order->sell, order->px)) {
        at.px = model_reprice_px(model, order);
        if (at.px == 0)
            return OE_REJECT_REASON_WOULD_TRADE;
    }
    if (model_is_pegged(order) || (!of_stops && !model_may_rest(order->ord_type, order->tif)))
        return 0;
    if (model_pages_wanted(model, &at, of_stops) + pages_promised > model_pages_free(model))
        return OE_REJECT_REASON_LEVEL_POOL_FULL;
    return 0;
}
