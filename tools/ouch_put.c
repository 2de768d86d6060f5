#include "tools/ouch_put.h"

#include <string.h>

#include "gateway/ouch_codec.h"
#include "proto/orders.h"
#include "proto/ouch.h"

#define DAY_NS    UINT64_C(86400000000000)
#define SECOND_NS UINT64_C(1000000000)

static const char no_number[] = "--clord, --orig-clord: OUCH has numbers from 1 to 4294967294";
static const char no_order[] = "--order-id: OUCH names an order by its UserRefNum, --orig-clord";
static const char no_price[] = "--px: OUCH has prices above 0, up to 199999.99, with 4 decimals";

static bool
is_ref(uint64_t clord)
{
    return clord >= 1 && clord < UINT32_MAX;
}

/* price_of turns a price into four decimals; false if OUCH does not have it. */
static bool
price_of(int64_t px, uint64_t *price)
{
    if (px <= 0 || px % OUCH_PX_UNIT != 0 || px / OUCH_PX_UNIT > OUCH_PRICE_MAX)
        return false;
    *price = (uint64_t)(px / OUCH_PX_UNIT);
    return true;
}

/* expire_of turns a time into seconds of today; false if it is none. */
static bool
expire_of(const struct ouch_put *put, uint64_t time_ns, uint32_t *seconds)
{
    if (time_ns / DAY_NS != put->now_ns / DAY_NS || time_ns % SECOND_NS != 0)
        return false;
    *seconds = (uint32_t)(time_ns % DAY_NS / SECOND_NS);
    return true;
}

static void
pad(char *chars, size_t len, const char *text)
{
    const size_t text_len = strnlen(text, len);

    memset(chars, ' ', len);
    memcpy(chars, text, text_len);
}

/* put_symbol writes the symbol of an instrument; false if there is none. */
static bool
put_symbol(const struct ouch_put *put, uint32_t id, char symbol[OUCH_SYMBOL_BYTES])
{
    for (unsigned i = 0; i < put->config->instruments_cnt; i++)
        if (put->config->instruments[i].id == id) {
            pad(symbol, OUCH_SYMBOL_BYTES, put->config->instruments[i].symbol);
            return true;
        }
    return false;
}

/* put_options writes those that are there, and nothing if none is. */
static size_t
put_options(uint8_t *buf, size_t at, const struct ouch_options *options)
{
    return options->has == 0 ? 0 : ouch_options_put(buf + at, OUCH_PUT_BYTES_MAX - at, options);
}

/* --- orders ------------------------------------------------------------------ */

/* enter_tif says how long the order lives; NULL or why it cannot. */
static const char *
enter_tif(const struct ouch_put *put,
          const struct oe_new_order_single *order,
          struct ouch_enter_order *msg,
          struct ouch_options *options)
{
    msg->time_in_force = OUCH_TIME_IN_FORCE_DAY;
    msg->cross_type = OUCH_CROSS_TYPE_CONTINUOUS;
    switch (order->time_in_force) {
    case OE_TIME_IN_FORCE_DAY:
        break;
    case OE_TIME_IN_FORCE_FILL_OR_KILL:
        if (order->min_qty != OE_NEW_ORDER_SINGLE_MIN_QTY_NULL)
            return "--min-qty: in OUCH fill or kill is one of all";
        options->has |= OUCH_OPTIONS_HAS_MIN_QTY;
        options->min_qty = order->order_qty;
        msg->time_in_force = OUCH_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL;
        break;
    case OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL:
        msg->time_in_force = OUCH_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL;
        break;
    case OE_TIME_IN_FORCE_GOOD_TILL_DATE:
        msg->time_in_force = OUCH_TIME_IN_FORCE_GOOD_TILL_TIME;
        break;
    case OE_TIME_IN_FORCE_AT_THE_OPENING:
        msg->cross_type = OUCH_CROSS_TYPE_OPENING;
        break;
    case OE_TIME_IN_FORCE_AT_THE_CLOSE:
        msg->cross_type = OUCH_CROSS_TYPE_CLOSING;
        break;
    default:
        return "--tif: OUCH has day, ioc, fok, gtd, opg and atc here";
    }
    if (order->expire_time == OE_NEW_ORDER_SINGLE_EXPIRE_TIME_NULL)
        return NULL;
    options->has |= OUCH_OPTIONS_HAS_EXPIRE_TIME;
    return expire_of(put, order->expire_time, &options->expire_time)
               ? NULL
               : "--expire: OUCH has whole seconds of today (UTC)";
}

/* enter_peg says what the price follows. */
static const char *
enter_peg(const struct oe_new_order_single *order, struct ouch_options *options)
{
    const int64_t offset_px = order->peg_offset_value;

    options->has |= OUCH_OPTIONS_HAS_PRICE_TYPE;
    options->price_type = (order->exec_inst & OE_EXEC_INST_PEG_OPPOSITE) != 0 ? 'P'
                          : (order->exec_inst & OE_EXEC_INST_PEG_MID) != 0    ? 'M'
                                                                              : 'R';
    if (offset_px == OE_NEW_ORDER_SINGLE_PEG_OFFSET_VALUE_NULL)
        return NULL;
    if (offset_px % OUCH_PX_UNIT != 0 || offset_px / OUCH_PX_UNIT > INT32_MAX ||
        offset_px / OUCH_PX_UNIT < INT32_MIN)
        return "--peg-offset: OUCH has 4 decimals";
    options->has |= OUCH_OPTIONS_HAS_PEG_OFFSET;
    options->peg_offset = (int32_t)(offset_px / OUCH_PX_UNIT);
    return NULL;
}

/* enter_price says at what price, or by which rule. */
static const char *
enter_price(const struct oe_new_order_single *order,
            struct ouch_enter_order *msg,
            struct ouch_options *options)
{
    const bool priced = order->price != OE_NEW_ORDER_SINGLE_PRICE_NULL;
    uint64_t price = 0;

    if (priced && !price_of(order->price, &price))
        return no_price;
    switch (order->ord_type) {
    case OE_ORD_TYPE_LIMIT:
        if (!priced)
            return no_price;
        break;
    case OE_ORD_TYPE_MARKET:
        if (msg->cross_type == OUCH_CROSS_TYPE_CONTINUOUS || priced)
            return "--type market: OUCH has it in a cross alone, --tif opg or atc, without --px";
        price = OUCH_PRICE_MARKET;
        break;
    case OE_ORD_TYPE_PEGGED:
        ouch_enter_order_set_price(msg, price);
        return enter_peg(order, options);
    default:
        return "--type: OUCH has limit, pegged and, in a cross, market";
    }
    ouch_enter_order_set_price(msg, price);
    return NULL;
}

/* enter_attributes says what else it asks for. */
static const char *
enter_attributes(const struct ouch_put *put,
                 const struct oe_new_order_single *order,
                 struct ouch_enter_order *msg,
                 struct ouch_options *options)
{
    if (order->stop_px != OE_NEW_ORDER_SINGLE_STOP_PX_NULL ||
        order->linked_cl_ord_id != OE_NEW_ORDER_SINGLE_LINKED_CL_ORD_ID_NULL ||
        (order->exec_inst & OE_EXEC_INST_POST_ONLY_REPRICE) != 0)
        return "--stop-px, --link or --reprice: OUCH has none of these";
    if (order->self_match_prevention_instruction != OE_SELF_MATCH_PREVENTION_INSTRUCTION_NONE)
        return "--stp: an OUCH session has its own, self_match of the configuration";
    if (order->account != put->config->accounts[put->session->account].id)
        return "--account: all orders of an OUCH session are of the account it is given";
    msg->display =
        (order->exec_inst & OE_EXEC_INST_HIDDEN) != 0 ? OUCH_DISPLAY_HIDDEN : OUCH_DISPLAY_VISIBLE;
    msg->capacity = order->order_capacity;
    msg->inter_market_sweep = OUCH_YES_NO_NO;
    if ((order->exec_inst & OE_EXEC_INST_POST_ONLY) != 0) {
        options->has |= OUCH_OPTIONS_HAS_POST_ONLY;
        options->post_only = 'P';
    }
    if (order->min_qty != OE_NEW_ORDER_SINGLE_MIN_QTY_NULL) {
        options->has |= OUCH_OPTIONS_HAS_MIN_QTY;
        options->min_qty = order->min_qty;
    }
    if (order->display_qty != OE_NEW_ORDER_SINGLE_DISPLAY_QTY_NULL) {
        options->has |= OUCH_OPTIONS_HAS_MAX_FLOOR;
        options->max_floor = order->display_qty;
    }
    if (order->display_range != OE_NEW_ORDER_SINGLE_DISPLAY_RANGE_NULL) {
        options->has |= OUCH_OPTIONS_HAS_RANDOM_RESERVES;
        options->random_reserves = order->display_range;
    }
    return NULL;
}

static const char *
put_enter(const struct ouch_put *put,
          const struct oe_new_order_single *order,
          uint8_t *buf,
          size_t *bytes)
{
    struct ouch_enter_order msg = {.side = order->side == OE_SIDE_SELL ? OUCH_SIDE_SELL
                                                                       : OUCH_SIDE_BUY};
    struct ouch_options options = {0};
    const char *wrong;

    if (!is_ref(order->cl_ord_id))
        return no_number;
    wrong = enter_tif(put, order, &msg, &options);
    if (wrong == NULL)
        wrong = enter_price(order, &msg, &options);
    if (wrong == NULL)
        wrong = enter_attributes(put, order, &msg, &options);
    if (wrong != NULL)
        return wrong;
    if (!put_symbol(put, order->security_id, msg.symbol))
        return "--instrument: expected a symbol of the configuration";
    ouch_enter_order_set_user_ref_num(&msg, (uint32_t)order->cl_ord_id);
    ouch_enter_order_set_quantity(&msg, order->order_qty);
    pad(msg.cl_ord_id, sizeof msg.cl_ord_id, "");
    *bytes = ouch_enter_order_encode(buf, OUCH_PUT_BYTES_MAX, &msg);
    *bytes += put_options(buf, *bytes, &options);
    return NULL;
}

static const char *
put_replace(const struct ouch_put *put,
            const struct oe_order_cancel_replace_request *request,
            uint8_t *buf,
            size_t *bytes)
{
    struct ouch_replace_order msg = {
        .time_in_force = put->tif == OE_TIME_IN_FORCE_GOOD_TILL_DATE
                             ? OUCH_TIME_IN_FORCE_GOOD_TILL_TIME
                             : OUCH_TIME_IN_FORCE_DAY,
        .display = put->hidden ? OUCH_DISPLAY_HIDDEN : OUCH_DISPLAY_VISIBLE,
        .inter_market_sweep = OUCH_YES_NO_NO,
    };
    struct ouch_options options = {0};
    uint64_t price = 0;

    if (request->orig_cl_ord_id == OE_ORDER_CANCEL_REPLACE_REQUEST_ORIG_CL_ORD_ID_NULL)
        return no_order;
    if (!is_ref(request->cl_ord_id) || !is_ref(request->orig_cl_ord_id))
        return no_number;
    if (!price_of(request->price, &price))
        return "--px: a ReplaceOrder of OUCH has one, above 0, up to 199999.99, with 4 decimals";
    if (request->stop_px != OE_ORDER_CANCEL_REPLACE_REQUEST_STOP_PX_NULL)
        return "--stop-px: OUCH has no stops";
    if (request->min_qty != OE_ORDER_CANCEL_REPLACE_REQUEST_MIN_QTY_NULL) {
        options.has |= OUCH_OPTIONS_HAS_MIN_QTY;
        options.min_qty = request->min_qty;
    }
    if (request->display_qty != OE_ORDER_CANCEL_REPLACE_REQUEST_DISPLAY_QTY_NULL) {
        options.has |= OUCH_OPTIONS_HAS_MAX_FLOOR;
        options.max_floor = request->display_qty;
    }
    if (request->expire_time != OE_ORDER_CANCEL_REPLACE_REQUEST_EXPIRE_TIME_NULL) {
        options.has |= OUCH_OPTIONS_HAS_EXPIRE_TIME;
        msg.time_in_force = OUCH_TIME_IN_FORCE_GOOD_TILL_TIME;
        if (!expire_of(put, request->expire_time, &options.expire_time))
            return "--expire: OUCH has whole seconds of today (UTC)";
    }
    ouch_replace_order_set_orig_user_ref_num(&msg, (uint32_t)request->orig_cl_ord_id);
    ouch_replace_order_set_user_ref_num(&msg, (uint32_t)request->cl_ord_id);
    ouch_replace_order_set_quantity(&msg, request->order_qty);
    ouch_replace_order_set_price(&msg, price);
    pad(msg.cl_ord_id, sizeof msg.cl_ord_id, "");
    *bytes = ouch_replace_order_encode(buf, OUCH_PUT_BYTES_MAX, &msg);
    *bytes += put_options(buf, *bytes, &options);
    return NULL;
}

/* --- cancels ----------------------------------------------------------------- */

static const char *
put_cancel(const struct ouch_put *put,
           const struct oe_order_cancel_request *request,
           uint8_t *buf,
           size_t *bytes)
{
    struct ouch_cancel_order msg = {0};

    if (request->orig_cl_ord_id == OE_ORDER_CANCEL_REQUEST_ORIG_CL_ORD_ID_NULL)
        return no_order;
    if (!is_ref(request->orig_cl_ord_id))
        return no_number;
    ouch_cancel_order_set_user_ref_num(&msg, (uint32_t)request->orig_cl_ord_id);
    ouch_cancel_order_set_quantity(&msg, put->total_qty);
    *bytes = ouch_cancel_order_encode(buf, OUCH_PUT_BYTES_MAX, &msg);
    return NULL;
}

static const char *
put_mass_cancel(const struct ouch_put *put,
                const struct oe_order_mass_cancel_request *request,
                uint8_t *buf,
                size_t *bytes)
{
    struct ouch_mass_cancel msg = {0};

    if (request->mass_cancel_scope != OE_MASS_CANCEL_SCOPE_SESSION ||
        request->side_filter != OE_SIDE_FILTER_ANY ||
        request->account_filter != OE_ORDER_MASS_CANCEL_REQUEST_ACCOUNT_FILTER_NULL)
        return "--scope, --side or --account: OUCH cancels all orders of the session, or those "
               "in an instrument";
    if (!is_ref(request->cl_ord_id))
        return no_number;
    pad(msg.firm, sizeof msg.firm, put->session->mpid);
    pad(msg.symbol, sizeof msg.symbol, "");
    if (request->security_id_filter != OE_ORDER_MASS_CANCEL_REQUEST_SECURITY_ID_FILTER_NULL &&
        !put_symbol(put, request->security_id_filter, msg.symbol))
        return "--instrument: expected a symbol of the configuration";
    ouch_mass_cancel_set_user_ref_num(&msg, (uint32_t)request->cl_ord_id);
    *bytes = ouch_mass_cancel_encode(buf, OUCH_PUT_BYTES_MAX, &msg);
    return NULL;
}

const char *
ouch_put(const struct ouch_put *put,
         const uint8_t *request,
         size_t len,
         uint8_t *buf,
         size_t *bytes)
{
    const struct oe_new_order_single *order = oe_new_order_single_view(request, len);
    const struct oe_order_cancel_replace_request *replace =
        oe_order_cancel_replace_request_view(request, len);
    const struct oe_order_cancel_request *cancel = oe_order_cancel_request_view(request, len);
    const struct oe_order_mass_cancel_request *mass =
        oe_order_mass_cancel_request_view(request, len);

    *bytes = 0;
    if (order != NULL)
        return put_enter(put, order, buf, bytes);
    if (replace != NULL)
        return put_replace(put, replace, buf, bytes);
    if (cancel != NULL)
        return put_cancel(put, cancel, buf, bytes);
    if (mass != NULL)
        return put_mass_cancel(put, mass, buf, bytes);
    return "OUCH has no such request";
}
