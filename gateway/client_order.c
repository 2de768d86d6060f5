#include "gateway/client.h"

void
client_order_new(struct oe_new_order_single *msg)
{
    *msg = (struct oe_new_order_single){
        .price = OE_NEW_ORDER_SINGLE_PRICE_NULL,
        .stop_px = OE_NEW_ORDER_SINGLE_STOP_PX_NULL,
        .expire_time = OE_NEW_ORDER_SINGLE_EXPIRE_TIME_NULL,
        .display_qty = OE_NEW_ORDER_SINGLE_DISPLAY_QTY_NULL,
        .min_qty = OE_NEW_ORDER_SINGLE_MIN_QTY_NULL,
        .client_short_code = OE_NEW_ORDER_SINGLE_CLIENT_SHORT_CODE_NULL,
        .decision_short_code = OE_NEW_ORDER_SINGLE_DECISION_SHORT_CODE_NULL,
        .execution_short_code = OE_NEW_ORDER_SINGLE_EXECUTION_SHORT_CODE_NULL,
        .peg_offset_value = OE_NEW_ORDER_SINGLE_PEG_OFFSET_VALUE_NULL,
        .linked_cl_ord_id = OE_NEW_ORDER_SINGLE_LINKED_CL_ORD_ID_NULL,
        .display_range = OE_NEW_ORDER_SINGLE_DISPLAY_RANGE_NULL,
        .ord_type = OE_ORD_TYPE_LIMIT,
        .time_in_force = OE_TIME_IN_FORCE_DAY,
        .order_capacity = OE_ORDER_CAPACITY_AGENCY,
    };
}

void
client_order_replace(struct oe_order_cancel_replace_request *msg)
{
    *msg = (struct oe_order_cancel_replace_request){
        .orig_cl_ord_id = OE_ORDER_CANCEL_REPLACE_REQUEST_ORIG_CL_ORD_ID_NULL,
        .order_id = OE_ORDER_CANCEL_REPLACE_REQUEST_ORDER_ID_NULL,
        .price = OE_ORDER_CANCEL_REPLACE_REQUEST_PRICE_NULL,
        .stop_px = OE_ORDER_CANCEL_REPLACE_REQUEST_STOP_PX_NULL,
        .expire_time = OE_ORDER_CANCEL_REPLACE_REQUEST_EXPIRE_TIME_NULL,
        .display_qty = OE_ORDER_CANCEL_REPLACE_REQUEST_DISPLAY_QTY_NULL,
        .min_qty = OE_ORDER_CANCEL_REPLACE_REQUEST_MIN_QTY_NULL,
    };
}

void
client_order_cancel(struct oe_order_cancel_request *msg)
{
    *msg = (struct oe_order_cancel_request){
        .orig_cl_ord_id = OE_ORDER_CANCEL_REQUEST_ORIG_CL_ORD_ID_NULL,
        .order_id = OE_ORDER_CANCEL_REQUEST_ORDER_ID_NULL,
    };
}
