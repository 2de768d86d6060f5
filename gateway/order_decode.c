#include <string.h>

#include "gateway/order_codec.h"
#include "proto/base.h"
#include "proto/limits.h"
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
 * False if one of them is malformed; *any tells whether there is one. The fields
 * of version 1 are read only if the sender has them. */
static bool
decode_extension(const uint8_t *buf,
                 const struct oe_new_order_single *msg,
                 union cell *cell,
                 bool *any)
{
    struct cell_order_extension ext = {.kind = CELL_KIND_ORDER_EXTENSION};
    bool ok = optional_u32(msg->display_qty, &ext.display_qty);
    uint32_t range = 0;

    ok &= optional_px(msg->stop_px, &ext.stop_px);
    ok &= optional_u64(msg->expire_time, &ext.expire_time);
    ok &= optional_u32(msg->min_qty, &ext.min_qty);
    ok &= optional_u32(msg->client_short_code, &ext.client_code);
    ok &= optional_u32(msg->decision_short_code, &ext.decision_code);
    ok &= optional_u32(msg->execution_short_code, &ext.execution_code);
    /* An offset of 0 is one: it means what null means. */
    if (oe_new_order_single_has_peg_offset_value(buf))
        (void)optional_px(msg->peg_offset_value, &ext.peg_offset_px);
    if (oe_new_order_single_has_display_range(buf))
        ok &= optional_u32(msg->display_range, &range) &&
              range <= OE_NEW_ORDER_SINGLE_DISPLAY_RANGE_MAX;
    ext.display_range = (uint16_t)range;
    *any = (ext.display_qty | ext.min_qty | ext.client_code | ext.decision_code |
            ext.execution_code | range) != 0 ||
           ext.stop_px != 0 || ext.expire_time != 0 || ext.peg_offset_px != 0;
    cell->order_extension = ext;
    return ok;
}
_Static_assert(OE_NEW_ORDER_SINGLE_DISPLAY_RANGE_MAX == UINT16_MAX, "fits the cell");

/* decode_link fills the cell behind the extension; false if malformed. *any
 * tells whether the order is linked. */
static bool
decode_link(const uint8_t *buf, const struct oe_new_order_single *msg, union cell *cell, bool *any)
{
    struct cell_order_link link = {.kind = CELL_KIND_ORDER_LINK};

    *any = false;
    if (!oe_new_order_single_has_linked_cl_ord_id(buf))
        return true;
    if (!optional_u64(msg->linked_cl_ord_id, &link.linked_clord))
        return false;
    *any = link.linked_clord != 0;
    if (*any)
        cell->order_link = link;
    return true;
}

/* is_plain tells whether a new order has none of the attributes for which there are
 * further cells: they are there, and null. The message of a former version ends before. */
static inline bool
is_plain(const uint8_t *buf, const struct oe_new_order_single *msg)
{
    if (UNLIKELY(!oe_new_order_single_has_display_range(buf)))
        return false;

    const uint32_t nulls = msg->display_qty & msg->min_qty & msg->client_short_code &
                           msg->decision_short_code & msg->execution_short_code &
                           msg->display_range;

    return nulls == UINT32_MAX && (msg->expire_time & msg->linked_cl_ord_id) == UINT64_MAX &&
           msg->stop_px == INT64_MIN && msg->peg_offset_value == INT64_MIN;
}

/* decode_rest fills the cells behind the first; returns how many all are, 0 if the
 * message is malformed. */
static COLD unsigned
decode_rest(const uint8_t *buf, const struct oe_new_order_single *msg, union cell *cells)
{
    bool any;
    bool linked;

    if (!decode_extension(buf, msg, &cells[1], &any) || !decode_link(buf, msg, &cells[2], &linked))
        return 0;
    return linked ? 3 : any ? 2 : 1;
}

/* decode_new: 1 to 3 cells, 0 if the message is malformed. */
static unsigned
decode_new(const struct decode_ctx *ctx, const uint8_t *buf, size_t len, union cell *cells)
{
    const struct oe_new_order_single *msg = oe_new_order_single_view(buf, len);
    int64_t px;

    /* A ClOrdID of 0 names no order: reports could not give it back. */
    if (msg == NULL || msg->cl_ord_id == 0 || !optional_px(msg->price, &px))
        return 0;

    const unsigned sell = msg->side == OE_SIDE_SELL ? CELL_SELL : 0;
    const unsigned cnt = LIKELY(is_plain(buf, msg)) ? 1 : decode_rest(buf, msg, cells);

    if (cnt == 0)
        return 0;
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

/* mass_target names whose orders go; false if the message does not, or names
 * a group that its scope does not ask for. A firm is the session's own, which
 * the caller knows: CELL_ANY until then. */
static bool
mass_target(const uint8_t *buf, const struct oe_order_mass_cancel_request *msg, uint32_t *target)
{
    const uint32_t group = oe_order_mass_cancel_request_has_target_group(buf)
                               ? msg->target_group
                               : OE_ORDER_MASS_CANCEL_REQUEST_TARGET_GROUP_NULL;

    if (msg->mass_cancel_scope != OE_MASS_CANCEL_SCOPE_GROUP &&
        group != OE_ORDER_MASS_CANCEL_REQUEST_TARGET_GROUP_NULL)
        return false;
    switch ((enum oe_mass_cancel_scope)msg->mass_cancel_scope) {
    case OE_MASS_CANCEL_SCOPE_SESSION:
        *target = 0;
        return true;
    case OE_MASS_CANCEL_SCOPE_ACCOUNT:
        *target = msg->account_filter;
        return msg->account_filter != CELL_ANY;
    case OE_MASS_CANCEL_SCOPE_GROUP:
        *target = group;
        return group != OE_ORDER_MASS_CANCEL_REQUEST_TARGET_GROUP_NULL;
    case OE_MASS_CANCEL_SCOPE_FIRM:
        *target = CELL_ANY;
        return true;
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
    uint32_t target;

    if (msg == NULL || !mass_target(buf, msg, &target))
        return 0;
    cells->mass_cancel = (struct cell_mass_cancel){
        .kind = CELL_KIND_MASS_CANCEL,
        .shape = 1,
        .instrument = msg->security_id_filter,
        .time = ctx->time_ns,
        .clord = msg->cl_ord_id,
        .target = target,
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

/* One side of a quote: without a quantity it has no price either. */
static inline bool
quote_side(int64_t wire_px, uint32_t qty, int64_t *px)
{
    return optional_px(wire_px, px) && (qty != 0 || *px == 0);
}

/* decode_quote fills one half of a pair; false if the entry is malformed. */
static bool
decode_quote(const struct oe_mass_quote_quote_entries *entry,
             struct cell_quote_pair *pair,
             bool second)
{
    int64_t bid_px;
    int64_t ask_px;

    if (!quote_side(entry->bid_px, entry->bid_size, &bid_px) ||
        !quote_side(entry->offer_px, entry->offer_size, &ask_px))
        return false;
    if (second) {
        pair->instrument2 = entry->security_id;
        pair->bid_px2 = bid_px;
        pair->ask_px2 = ask_px;
        pair->bid_qty2 = entry->bid_size;
        pair->ask_qty2 = entry->offer_size;
    } else {
        *pair = (struct cell_quote_pair){
            .kind = CELL_KIND_QUOTE_PAIR,
            .instrument1 = entry->security_id,
            .bid_px1 = bid_px,
            .ask_px1 = ask_px,
            .bid_qty1 = entry->bid_size,
            .ask_qty1 = entry->offer_size,
        };
    }
    return true;
}

/* decode_mass_quote: a cell, and one for every two entries. */
static unsigned
decode_mass_quote(const struct decode_ctx *ctx, const uint8_t *buf, size_t len, union cell *cells)
{
    const struct oe_mass_quote *msg = oe_mass_quote_view(buf, len);
    const uint8_t *entries;
    uint16_t count;
    uint16_t stride;

    if (msg == NULL || msg->quote_id == 0)
        return 0;
    entries = oe_mass_quote_quote_entries_view(buf, &count, &stride);
    if (count < 1 || count > QUOTE_ENTRIES_MAX)
        return 0;
    for (unsigned i = 0; i < count; i++) {
        const struct oe_mass_quote_quote_entries *entry =
            (const struct oe_mass_quote_quote_entries *)(entries + (size_t)i * stride);

        if (!decode_quote(entry, &cells[1 + i / 2].quote_pair, i % 2 != 0))
            return 0;
    }

    const unsigned cnt = 1u + (count + 1u) / 2u;

    cells->mass_quote = (struct cell_mass_quote){
        .kind = CELL_KIND_MASS_QUOTE,
        .shape = (uint8_t)cnt,
        .entries_cnt = count,
        .time = ctx->time_ns,
        .clord = msg->quote_id,
        .stp_capacity =
            cell_stp_capacity(msg->self_match_prevention_instruction, (char)msg->order_capacity),
        .account = msg->account,
        .session = ctx->session,
        .in_no = (uint16_t)ctx->no,
    };
    return cnt;
}
_Static_assert(1 + (QUOTE_ENTRIES_MAX + 1) / 2 <= CELL_COMMAND_MAX, "the longest fits");

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
    case OE_MASS_QUOTE_ID:
        cnt = decode_mass_quote(&ctx, buf, len, cells);
        break;
    default:
        return decode_refused(&ctx, template_id, OE_REJECT_REASON_UNSUPPORTED_MESSAGE, cells);
    }
    if (cnt == 0)
        return decode_refused(&ctx, template_id, OE_REJECT_REASON_MALFORMED_MESSAGE, cells);
    return cnt;
}

void
order_refuse(union cell *cell,
             const uint8_t *buf,
             uint16_t session,
             uint64_t no,
             uint64_t time_ns,
             enum oe_reject_reason reason,
             uint32_t retry_us)
{
    const struct decode_ctx ctx = {.session = session, .no = no, .time_ns = time_ns};

    (void)decode_refused(&ctx, ((const struct oe_header *)buf)->template_id, reason, cell);
    cell->message_refused.retry_us = retry_us;
}
