#include "tools/interpreter.h"

#include <stdlib.h>

#include "gateway/ouch_codec.h"
#include "proto/orders.h"
#include "proto/ouch.h"

#define REPORT_BYTES_MAX 256u

/* An order of the run, under the number of the message that made it. */
struct spoken {
    uint64_t order_id;
    uint32_t open;
    uint32_t cum;
    uint64_t asked;    /* ClOrdID of a request for it that is not answered, 0: none */
    uint64_t replaces; /* ClOrdID of the order in whose place it is to be, 0: none */
};
_Static_assert(sizeof(struct spoken) == 32, "two a line");

struct interpreter {
    const struct config *config;
    const struct config_session *const *sessions;
    uint32_t messages_cnt;
    uint64_t base;
    struct spoken *orders;
};

/* Where reports go. */
struct teller {
    void (*told)(void *ctx, const uint8_t *buf, size_t len);
    void *ctx;
    uint8_t buf[REPORT_BYTES_MAX];
};

static void
tell(struct teller *teller, size_t len)
{
    ASSERT(len > 0);
    teller->told(teller->ctx, teller->buf, len);
}

struct interpreter *
interpreter_new(const struct config *config,
                const struct config_session *const *sessions,
                uint32_t messages_cnt)
{
    struct interpreter *interpreter = calloc(1, sizeof *interpreter);

    if (interpreter == NULL)
        return NULL;
    *interpreter = (struct interpreter){
        .config = config,
        .sessions = sessions,
        .messages_cnt = messages_cnt,
        .orders = calloc(messages_cnt + 1u, sizeof(struct spoken)),
    };
    if (interpreter->orders == NULL) {
        free(interpreter);
        return NULL;
    }
    return interpreter;
}

void
interpreter_free(struct interpreter *interpreter)
{
    if (interpreter == NULL)
        return;
    free(interpreter->orders);
    free(interpreter);
}

bool
interpreter_begin(struct interpreter *interpreter, uint64_t base)
{
    interpreter->base = base;
    return base >= 1 && base + interpreter->messages_cnt < UINT32_MAX;
}

/* spoken_of returns the order of this run that has the number, NULL if none has. */
static struct spoken *
spoken_of(const struct interpreter *interpreter, uint64_t clord)
{
    const uint64_t no = clord - interpreter->base;

    return no < interpreter->messages_cnt ? &interpreter->orders[no] : NULL;
}

/* --- requests ---------------------------------------------------------------- */

size_t
interpreter_put(struct interpreter *interpreter,
                unsigned session,
                const uint8_t *request,
                size_t len,
                uint8_t *buf,
                const char **why)
{
    const struct ouch_put put = {
        .config = interpreter->config,
        .session = interpreter->sessions[session],
    };
    size_t bytes;

    *why = ouch_put(&put, request, len, buf, &bytes);
    if (*why != NULL)
        return 0;
    return bytes;
}

void
interpreter_sent(struct interpreter *interpreter, const uint8_t *request, size_t len)
{
    const struct oe_new_order_single *order = oe_new_order_single_view(request, len);
    const struct oe_order_cancel_request *cancel = oe_order_cancel_request_view(request, len);
    const struct oe_order_cancel_replace_request *replace =
        oe_order_cancel_replace_request_view(request, len);
    struct spoken *target = NULL;
    struct spoken *own = NULL;

    if (order != NULL) {
        own = spoken_of(interpreter, order->cl_ord_id);
        if (own != NULL)
            *own = (struct spoken){.open = order->order_qty};
    } else if (cancel != NULL) {
        target = spoken_of(interpreter, cancel->orig_cl_ord_id);
        if (target != NULL)
            target->asked = cancel->cl_ord_id;
    } else if (replace != NULL) {
        target = spoken_of(interpreter, replace->orig_cl_ord_id);
        own = spoken_of(interpreter, replace->cl_ord_id);
        if (target != NULL)
            target->asked = replace->cl_ord_id;
        if (own != NULL)
            *own = (struct spoken){.replaces = replace->orig_cl_ord_id};
    }
}

/* --- reports ----------------------------------------------------------------- */

/* refuse_asked tells that what was asked of an order will not come to pass. */
static void
refuse_asked(struct spoken *order, uint64_t clord, struct teller *teller)
{
    if (order->asked == 0)
        return;

    const struct oe_order_cancel_reject reject = {
        .cl_ord_id = order->asked,
        .orig_cl_ord_id = clord,
        .order_id = order->order_id,
        .risk_limit = OE_ORDER_CANCEL_REJECT_RISK_LIMIT_NULL,
        .risk_use = OE_ORDER_CANCEL_REJECT_RISK_USE_NULL,
        .risk_value = OE_ORDER_CANCEL_REJECT_RISK_VALUE_NULL,
        .reject_reason = OE_REJECT_REASON_UNKNOWN_ORDER,
        .cxl_rej_response_to = OE_CXL_REJ_RESPONSE_TO_CANCEL,
    };

    order->asked = 0;
    tell(teller, oe_order_cancel_reject_encode(teller->buf, REPORT_BYTES_MAX, &reject));
}

static void
take_accepted(const struct interpreter *interpreter,
              const struct ouch_accepted *msg,
              struct teller *teller)
{
    const uint32_t ref = ouch_accepted_user_ref_num(msg);
    struct spoken *order = spoken_of(interpreter, ref);
    const struct oe_execution_report_new report = {
        .order_id = ouch_accepted_order_ref_num(msg),
        .cl_ord_id = ref,
        .price = (int64_t)ouch_accepted_price(msg) * OUCH_PX_UNIT,
        .stop_px = OE_EXECUTION_REPORT_NEW_STOP_PX_NULL,
        .expire_time = OE_EXECUTION_REPORT_NEW_EXPIRE_TIME_NULL,
        .order_qty = ouch_accepted_quantity(msg),
        .display_qty = OE_EXECUTION_REPORT_NEW_DISPLAY_QTY_NULL,
        .min_qty = OE_EXECUTION_REPORT_NEW_MIN_QTY_NULL,
        .side = msg->side == OUCH_SIDE_BUY ? OE_SIDE_BUY : OE_SIDE_SELL,
        .ord_type = OE_ORD_TYPE_LIMIT,
        .time_in_force = OE_TIME_IN_FORCE_DAY,
        .order_capacity = OE_ORDER_CAPACITY_AGENCY,
    };

    if (order == NULL)
        return;
    order->order_id = report.order_id;
    tell(teller, oe_execution_report_new_encode(teller->buf, REPORT_BYTES_MAX, &report));
}

/* expire tells that an order is no more, for no reason that load cares about. */
static void
expire(const struct spoken *order, uint64_t clord, struct teller *teller)
{
    const struct oe_execution_report_expire report = {
        .order_id = order->order_id,
        .cl_ord_id = clord,
        .cum_qty = order->cum,
        .side = OE_SIDE_BUY,
    };

    tell(teller, oe_execution_report_expire_encode(teller->buf, REPORT_BYTES_MAX, &report));
}

static void
take_replaced(const struct interpreter *interpreter,
              const struct ouch_replaced *msg,
              struct teller *teller)
{
    const uint32_t ref = ouch_replaced_user_ref_num(msg);
    const uint32_t orig_ref = ouch_replaced_orig_user_ref_num(msg);
    const uint32_t total = ouch_replaced_quantity(msg);
    struct spoken *order = spoken_of(interpreter, ref);
    struct spoken *orig = spoken_of(interpreter, orig_ref);

    if (order == NULL || orig == NULL)
        return;
    order->order_id = ouch_replaced_order_ref_num(msg);
    order->cum = orig->cum;
    order->open =
        msg->order_state == OUCH_ORDER_STATE_LIVE && total > orig->cum ? total - orig->cum : 0;

    const struct oe_execution_report_replace report = {
        .order_id = order->order_id,
        .replaced_order_id = orig->order_id,
        .cl_ord_id = ref,
        .orig_cl_ord_id = orig_ref,
        .price = (int64_t)ouch_replaced_price(msg) * OUCH_PX_UNIT,
        .stop_px = OE_EXECUTION_REPORT_REPLACE_STOP_PX_NULL,
        .expire_time = OE_EXECUTION_REPORT_REPLACE_EXPIRE_TIME_NULL,
        .order_qty = total,
        .display_qty = OE_EXECUTION_REPORT_REPLACE_DISPLAY_QTY_NULL,
        .min_qty = OE_EXECUTION_REPORT_REPLACE_MIN_QTY_NULL,
        .cum_qty = order->cum,
        .leaves_qty = order->open,
        .side = msg->side == OUCH_SIDE_BUY ? OE_SIDE_BUY : OE_SIDE_SELL,
    };

    orig->open = 0;
    orig->asked = 0;
    tell(teller, oe_execution_report_replace_encode(teller->buf, REPORT_BYTES_MAX, &report));
    if (order->open == 0)
        expire(order, ref, teller);
}

static void
take_canceled(const struct interpreter *interpreter,
              const struct ouch_canceled *msg,
              struct teller *teller)
{
    const uint32_t ref = ouch_canceled_user_ref_num(msg);
    const uint32_t qty = ouch_canceled_quantity(msg);
    struct spoken *order = spoken_of(interpreter, ref);
    struct oe_execution_report_cancel report = {
        .cl_ord_id = ref,
        .orig_cl_ord_id = ref,
        .cxl_qty = qty,
        .cancel_reason = OE_CANCEL_REASON_REQUESTED,
        .side = OE_SIDE_BUY,
    };

    if (order == NULL)
        return;
    order->open = order->open > qty ? order->open - qty : 0;
    if (order->asked != 0 && msg->reason == OUCH_CANCEL_REASON_USER) {
        report.cl_ord_id = order->asked;
        order->asked = 0;
    }
    if (order->open == 0)
        refuse_asked(order, ref, teller);
    report.order_id = order->order_id;
    report.cum_qty = order->cum;
    if (order->open == 0)
        tell(teller, oe_execution_report_cancel_encode(teller->buf, REPORT_BYTES_MAX, &report));
}

static void
take_executed(const struct interpreter *interpreter,
              const struct ouch_executed *msg,
              struct teller *teller)
{
    const uint32_t ref = ouch_executed_user_ref_num(msg);
    const uint32_t qty = ouch_executed_quantity(msg);
    struct spoken *order = spoken_of(interpreter, ref);
    struct oe_execution_report_trade report = {
        .cl_ord_id = ref,
        .trd_match_id = ouch_executed_match_number(msg),
        .last_px = (int64_t)ouch_executed_price(msg) * OUCH_PX_UNIT,
        .last_qty = qty,
        .side = OE_SIDE_BUY,
        .aggressor = msg->liquidity == OUCH_LIQUIDITY_REMOVED ? OE_AGGRESSOR_AGGRESSIVE
                                                              : OE_AGGRESSOR_PASSIVE,
    };

    if (order == NULL)
        return;
    order->open = order->open > qty ? order->open - qty : 0;
    order->cum += qty;
    report.order_id = order->order_id;
    report.cum_qty = order->cum;
    report.leaves_qty = order->open;
    if (order->open == 0)
        refuse_asked(order, ref, teller);
    tell(teller, oe_execution_report_trade_encode(teller->buf, REPORT_BYTES_MAX, &report));
}

static void
take_rejected(const struct interpreter *interpreter,
              const struct ouch_rejected *msg,
              struct teller *teller)
{
    const uint32_t ref = ouch_rejected_user_ref_num(msg);
    struct spoken *order = spoken_of(interpreter, ref);
    struct spoken *orig;
    const struct oe_execution_report_reject report = {
        .cl_ord_id = ref,
        .price = OE_EXECUTION_REPORT_REJECT_PRICE_NULL,
        .risk_limit = OE_EXECUTION_REPORT_REJECT_RISK_LIMIT_NULL,
        .risk_use = OE_EXECUTION_REPORT_REJECT_RISK_USE_NULL,
        .risk_value = OE_EXECUTION_REPORT_REJECT_RISK_VALUE_NULL,
        .reject_reason = OE_REJECT_REASON_UNKNOWN_ORDER,
        .side = OE_SIDE_BUY,
        .ord_type = OE_ORD_TYPE_LIMIT,
    };

    if (order == NULL)
        return;
    order->open = 0;
    orig = spoken_of(interpreter, order->replaces);
    if (orig != NULL && orig->asked == ref)
        orig->asked = 0;
    tell(teller, oe_execution_report_reject_encode(teller->buf, REPORT_BYTES_MAX, &report));
}

void
interpreter_take(struct interpreter *interpreter,
                 const uint8_t *message,
                 size_t len,
                 void (*told)(void *ctx, const uint8_t *buf, size_t len),
                 void *ctx)
{
    struct teller teller = {.told = told, .ctx = ctx};
    const struct ouch_accepted *accepted = ouch_accepted_view(message, len);
    const struct ouch_replaced *replaced = ouch_replaced_view(message, len);
    const struct ouch_canceled *canceled = ouch_canceled_view(message, len);
    const struct ouch_executed *executed = ouch_executed_view(message, len);
    const struct ouch_rejected *rejected = ouch_rejected_view(message, len);
    const struct ouch_cancel_reject *refused = ouch_cancel_reject_view(message, len);
    const struct ouch_modified *modified = ouch_modified_view(message, len);
    struct spoken *order;

    if (accepted != NULL) {
        take_accepted(interpreter, accepted, &teller);
    } else if (executed != NULL) {
        take_executed(interpreter, executed, &teller);
    } else if (canceled != NULL) {
        take_canceled(interpreter, canceled, &teller);
    } else if (replaced != NULL) {
        take_replaced(interpreter, replaced, &teller);
    } else if (rejected != NULL) {
        take_rejected(interpreter, rejected, &teller);
    } else if (refused != NULL) {
        order = spoken_of(interpreter, ouch_cancel_reject_user_ref_num(refused));
        if (order != NULL)
            refuse_asked(order, ouch_cancel_reject_user_ref_num(refused), &teller);
    } else if (modified != NULL) {
        order = spoken_of(interpreter, ouch_modified_user_ref_num(modified));
        if (order != NULL)
            order->open = ouch_modified_quantity(modified);
    }
}
