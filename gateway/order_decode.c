#include <string.h>

#include "gateway/order_codec.h"
#include "proto/base.h"
#include "proto/orders.h"

/* What all commands of one message have in common. */
struct decode_ctx {
    uint64_t no;
    uint64_t time_ns;
    uint16_t session;
};

/* Each turns a null into the cell's 0 and is false on a 0: the cell could not
 * tell it from a null. */
static inline bool
optional_u64(uint64_t wire, uint64_t *out)
{
    *out = wire == UINT64_MAX ? 0 : wire;
    return wire != 0;
}

static inline bool
optional_u32(uint32_t wire, uint32_t *out)
{
    *out = wire == UINT32_MAX ? 0 : wire;
    return wire != 0;
}

static inline bool
optional_px(int64_t wire, int64_t *out)
{
    *out = wire == INT64_MIN ? 0 : wire;
    return wire != 0;
}

/* decode_refused is the command that says that a number was used up by a
 * message that meant nothing. */
static unsigned
decode_refused(const struct decode_ctx *ctx,
               uint16_t template_id,
               enum oe_reject_reason reason,
               union cell *cells)
{
    memset(cells, 0, sizeof *cells);
    cells->message_refused = (struct cell_message_refused){
        .kind = CELL_KIND_MESSAGE_REFUSED,
        .shape = 1,
        .time = ctx->time_ns,
        .ref_no = ctx->no,
        .template_id = template_id,
        .reason = (uint16_t)reason,
        .session = ctx->session,
        .in_no = (uint16_t)ctx->no,
    };
    return 1;
}

/* decode_extension fills the second cell of an order with rare attributes.
 * False if one of them is malformed; *any tells whether there is one. */
static bool
decode_extension(const struct oe_new_order_single *msg, union cell *cell, bool *any)
{
    struct cell_order_extension ext = {.kind = CELL_KIND_ORDER_EXTENSION};
    bool ok = optional_u32(msg->display_qty, &ext.display_qty);

    ok &= optional_px(msg->stop_px, &ext.stop_px);
    ok &= optional_u64(msg->expire_time, &ext.expire_time);
    ok &= optional_u32(msg->min_qty, &ext.min_qty);
    ok &= optional_u32(msg->client_short_code, &ext.client_code);
    ok &= optional_u32(msg->decision_short_code, &ext.decision_code);
    ok &= optional_u32(msg->execution_short_code, &ext.execution_code);
    *any = (ext.display_qty | ext.min_qty | ext.client_code | ext.decision_code |
            ext.execution_code) != 0 ||
           ext.stop_px != 0 || ext.expire_time != 0;
    cell->order_extension = ext;
    return ok;
}

/* decode_new: 1 or 2 cells, 0 if the message is malformed. */
static unsigned
decode_new(const struct decode_ctx *ctx, const uint8_t *buf, size_t len, union cell *cells)
{
    const struct oe_new_order_single *msg = oe_new_order_single_view(buf, len);
    int64_t px;
    bool any;

    /* A ClOrdID of 0 names no order: reports could not give it back. */
    if (msg == NULL || msg->cl_ord_id == 0 || !optional_px(msg->price, &px))
        return 0;
    if (!decode_extension(msg, &cells[1], &any))
        return 0;

    const unsigned sell = msg->side == OE_SIDE_SELL ? CELL_SELL : 0;
    const unsigned cnt = any ? 2 : 1;

    cells->order_new = (struct cell_order_new){
        .kind = CELL_KIND_ORDER_NEW,
        .shape = (uint8_t)(sell | cnt),
        .instrument = msg->security_id,
        .time = ctx->time_ns,
        .clord = msg->cl_ord_id,
        .px = px,
        .qty = msg->order_qty,
        .ord_type = msg->ord_type,
        .tif = msg->time_in_force,
        .exec_inst = msg->exec_inst,
        .stp_capacity =
            cell_stp_capacity(msg->self_match_prevention_instruction, (char)msg->order_capacity),
        .account = msg->account,
        .session = ctx->session,
        .in_no = (uint16_t)ctx->no,
    };
    return cnt;
}

/* decode_names reads how a cancel or a replace names its order; false if it
 * does not. An OrderID goes before an OrigClOrdID, which is then a result. */
static bool
decode_names(uint64_t wire_order_id, uint64_t wire_orig, uint64_t *order_id, uint64_t *orig_clord)
{
    if (!optional_u64(wire_order_id, order_id) || !optional_u64(wire_orig, orig_clord))
        return false;
    if (*order_id != 0)
        *orig_clord = 0;
    return (*order_id | *orig_clord) != 0;
}

static unsigned
decode_cancel(const struct decode_ctx *ctx, const uint8_t *buf, size_t len, union cell *cells)
{
    const struct oe_order_cancel_request *msg = oe_order_cancel_request_view(buf, len);
    uint64_t order_id;
    uint64_t orig_clord;

    if (msg == NULL || !decode_names(msg->order_id, msg->orig_cl_ord_id, &order_id, &orig_clord))
        return 0;
    cells->order_cancel = (struct cell_order_cancel){
        .kind = CELL_KIND_ORDER_CANCEL,
        .shape = (uint8_t)(1u | (order_id != 0 ? CELL_BY_ID : 0)),
        .instrument = msg->security_id,
        .time = ctx->time_ns,
        .clord = msg->cl_ord_id,
        .order_id = order_id,
        .orig_clord = orig_clord,
        .session = ctx->session,
        .in_no = (uint16_t)ctx->no,
    };
    return 1;
}

static unsigned
decode_replace(const struct decode_ctx *ctx, const uint8_t *buf, size_t len, union cell *cells)
{
    const struct oe_order_cancel_replace_request *msg =
        oe_order_cancel_replace_request_view(buf, len);
    struct cell_replace_detail detail = {.kind = CELL_KIND_REPLACE_DETAIL};
    uint64_t order_id;
    int64_t px;

    if (msg == NULL || msg->cl_ord_id == 0 || !optional_px(msg->price, &px) ||
        !decode_names(msg->order_id, msg->orig_cl_ord_id, &order_id, &detail.orig_clord))
        return 0;
    if (!optional_px(msg->stop_px, &detail.stop_px) ||
        !optional_u64(msg->expire_time, &detail.expire_time) ||
        !optional_u32(msg->display_qty, &detail.display_qty) ||
        !optional_u32(msg->min_qty, &detail.min_qty))
        return 0;
    cells[0].order_replace = (struct cell_order_replace){
        .kind = CELL_KIND_ORDER_REPLACE,
        .shape = (uint8_t)(2u | (order_id != 0 ? CELL_BY_ID : 0)),
        .instrument = msg->security_id,
        .time = ctx->time_ns,
        .clord = msg->cl_ord_id,
        .order_id = order_id,
        .px = px,
        .qty = msg->order_qty,
        .session = ctx->session,
        .in_no = (uint16_t)ctx->no,
    };
    cells[1].replace_detail = detail;
    return 2;
}

/* mass_target names whose orders go. The message has no field for a group or
 * a firm: then nobody's, which the engine refuses as a scope not allowed. */
static uint32_t
mass_target(const struct oe_order_mass_cancel_request *msg)
{
    switch ((enum oe_mass_cancel_scope)msg->mass_cancel_scope) {
    case OE_MASS_CANCEL_SCOPE_SESSION:
        return 0;
    case OE_MASS_CANCEL_SCOPE_ACCOUNT:
        return msg->account_filter;
    case OE_MASS_CANCEL_SCOPE_GROUP:
    case OE_MASS_CANCEL_SCOPE_FIRM:
        return CELL_ANY;
    default:
        UNREACHABLE("the view knows no other scope");
    }
}

/* decode_mass_cancel: the filters' nulls are CELL_ANY already; the scope of an
 * account is that of its filter. */
static unsigned
decode_mass_cancel(const struct decode_ctx *ctx, const uint8_t *buf, size_t len, union cell *cells)
{
    const struct oe_order_mass_cancel_request *msg = oe_order_mass_cancel_request_view(buf, len);

    if (msg == NULL)
        return 0;

    if (msg->mass_cancel_scope == OE_MASS_CANCEL_SCOPE_ACCOUNT && msg->account_filter == CELL_ANY)
        return 0;
    cells->mass_cancel = (struct cell_mass_cancel){
        .kind = CELL_KIND_MASS_CANCEL,
        .shape = 1,
        .instrument = msg->security_id_filter,
        .time = ctx->time_ns,
        .clord = msg->cl_ord_id,
        .target = mass_target(msg),
        .scope = msg->mass_cancel_scope,
        .side = msg->side_filter,
        .reason = OE_CANCEL_REASON_MASS_CANCEL,
        .account = msg->account_filter,
        .session = ctx->session,
        .in_no = (uint16_t)ctx->no,
    };
    return 1;
}
_Static_assert(CELL_ANY == OE_ORDER_MASS_CANCEL_REQUEST_SECURITY_ID_FILTER_NULL, "same");
_Static_assert(CELL_ANY == OE_ORDER_MASS_CANCEL_REQUEST_ACCOUNT_FILTER_NULL, "same");

unsigned
order_decode(const uint8_t *buf,
             size_t len,
             uint16_t session,
             uint64_t no,
             uint64_t time_ns,
             union cell *cells)
{
    const struct decode_ctx ctx = {.no = no, .time_ns = time_ns, .session = session};
    uint16_t template_id;
    unsigned cnt;

    if (len < sizeof(struct oe_header))
        return decode_refused(&ctx, 0, OE_REJECT_REASON_MALFORMED_MESSAGE, cells);
    template_id = ((const struct oe_header *)buf)->template_id;
    switch (template_id) {
    case OE_NEW_ORDER_SINGLE_ID:
        cnt = decode_new(&ctx, buf, len, cells);
        break;
    case OE_ORDER_CANCEL_REQUEST_ID:
        cnt = decode_cancel(&ctx, buf, len, cells);
        break;
    case OE_ORDER_CANCEL_REPLACE_REQUEST_ID:
        cnt = decode_replace(&ctx, buf, len, cells);
        break;
    case OE_ORDER_MASS_CANCEL_REQUEST_ID:
        cnt = decode_mass_cancel(&ctx, buf, len, cells);
        break;
    default:
        return decode_refused(&ctx, template_id, OE_REJECT_REASON_UNSUPPORTED_MESSAGE, cells);
    }
    if (cnt == 0)
        return decode_refused(&ctx, template_id, OE_REJECT_REASON_MALFORMED_MESSAGE, cells);
    return cnt;
}
