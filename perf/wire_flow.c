#include "perf/wire_flow.h"

#include <string.h>

#include "proto/base.h"
#include "proto/orders.h"
#include "proto/px_qty.h"

#define REST_ROUNDS  200u /* how long an order rests */
#define TRADE_ROUNDS 8u
#define PX_TICK      (PX_ONE / 100)
#define PX_MIDDLE    (100 * PX_ONE)
#define PX_LEVELS    64u
#define ORDER_QTY    10u

_Static_assert(REST_ROUNDS % WIRE_SESSIONS == 0, "a cancel is of the session of its order");

/* level spreads the orders of round c over the prices. */
static int64_t
level(uint64_t c)
{
    return 1 + (int64_t)((c * 0x9e3779b97f4a7c15ull >> 32) % PX_LEVELS);
}

static size_t
encode_new(uint64_t clord, uint64_t c, bool sell, bool trade, uint8_t *buf)
{
    const int64_t away = trade ? -(int64_t)PX_LEVELS : level(c);

    struct oe_new_order_single *msg = oe_new_order_single_begin(buf, WIRE_MESSAGE_MAX);

    ASSERT(msg != NULL);
    /* One by one: a literal of this size is cleared first, by a slow instruction. */
    memset(msg->reserved_0, 0, sizeof msg->reserved_0);
    memset(msg->reserved_1, 0, sizeof msg->reserved_1);
    msg->cl_ord_id = clord;
    msg->price = PX_MIDDLE + (sell ? away : -away) * PX_TICK;
    msg->stop_px = OE_NEW_ORDER_SINGLE_STOP_PX_NULL;
    msg->expire_time = OE_NEW_ORDER_SINGLE_EXPIRE_TIME_NULL;
    msg->security_id = (uint32_t)(c / WIRE_SESSIONS % WIRE_INSTRUMENTS);
    msg->order_qty = ORDER_QTY;
    msg->display_qty = OE_NEW_ORDER_SINGLE_DISPLAY_QTY_NULL;
    msg->min_qty = OE_NEW_ORDER_SINGLE_MIN_QTY_NULL;
    msg->account = (uint32_t)(c % WIRE_SESSIONS);
    msg->client_short_code = OE_NEW_ORDER_SINGLE_CLIENT_SHORT_CODE_NULL;
    msg->decision_short_code = OE_NEW_ORDER_SINGLE_DECISION_SHORT_CODE_NULL;
    msg->execution_short_code = OE_NEW_ORDER_SINGLE_EXECUTION_SHORT_CODE_NULL;
    msg->peg_offset_value = OE_NEW_ORDER_SINGLE_PEG_OFFSET_VALUE_NULL;
    msg->linked_cl_ord_id = OE_NEW_ORDER_SINGLE_LINKED_CL_ORD_ID_NULL;
    msg->display_range = OE_NEW_ORDER_SINGLE_DISPLAY_RANGE_NULL;
    msg->side = sell ? OE_SIDE_SELL : OE_SIDE_BUY;
    msg->ord_type = OE_ORD_TYPE_LIMIT;
    msg->time_in_force = trade ? OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL : OE_TIME_IN_FORCE_DAY;
    msg->exec_inst = 0;
    msg->self_match_prevention_instruction = OE_SELF_MATCH_PREVENTION_INSTRUCTION_NONE;
    msg->order_capacity = OE_ORDER_CAPACITY_AGENCY;
    return sizeof(struct oe_header) + sizeof *msg;
}

_Static_assert(sizeof(struct oe_new_order_single) == 96, "each field is assigned");

static size_t
encode_cancel(uint64_t clord, uint64_t c, uint64_t orig_clord, uint8_t *buf)
{
    struct oe_order_cancel_request *msg = oe_order_cancel_request_begin(buf, WIRE_MESSAGE_MAX);

    ASSERT(msg != NULL);
    *msg = (struct oe_order_cancel_request){
        .cl_ord_id = clord,
        .orig_cl_ord_id = orig_clord,
        .order_id = OE_ORDER_CANCEL_REQUEST_ORDER_ID_NULL,
        .security_id = (uint32_t)(c / WIRE_SESSIONS % WIRE_INSTRUMENTS),
    };
    return sizeof(struct oe_header) + sizeof *msg;
}

/* Round c has ClOrdIDs WIRE_ROUND * c + 1 .. WIRE_ROUND * c + WIRE_ROUND. */
size_t
wire_flow_encode(uint64_t clord, uint8_t buf[WIRE_MESSAGE_MAX])
{
    const uint64_t c = (clord - 1) / WIRE_ROUND;
    const unsigned part = (unsigned)((clord - 1) % WIRE_ROUND);
    const bool sell = (part & 1) != 0;

    if (part < 2)
        return encode_new(clord, c, sell, false, buf);
    if (c < REST_ROUNDS || (part == 2 && c % TRADE_ROUNDS == 0))
        return encode_new(clord, c, (c / TRADE_ROUNDS & 1) != 0, true, buf);
    return encode_cancel(clord, c - REST_ROUNDS, clord - 2 - WIRE_ROUND * REST_ROUNDS, buf);
}
