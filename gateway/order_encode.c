#include <string.h>

#include "gateway/order_codec.h"
#include "proto/base.h"
#include "proto/fixp.h"
#include "proto/orders.h"

/* The longest report fits, and so does every other. */
_Static_assert(sizeof(struct oe_header) + OE_EXECUTION_REPORT_REPLACE_BLOCK <= REPORT_BYTES_MAX,
               "a report fits");

/* The cells' 0 of an optional field is the wire's null. */
static inline uint64_t
null_u64(uint64_t value)
{
    return value == 0 ? UINT64_MAX : value;
}

static inline uint32_t
null_u32(uint32_t value)
{
    return value == 0 ? UINT32_MAX : value;
}

static inline int64_t
null_px(int64_t px)
{
    return px == 0 ? INT64_MIN : px;
}

static inline uint8_t
side_of(bool sell)
{
    return sell ? OE_SIDE_SELL : OE_SIDE_BUY;
}

/* continuation returns the cell of that kind behind the first, or NULL. */
static const union cell *
continuation(const union cell *cells, unsigned kind)
{
    for (unsigned i = 1; i < cell_count(cells); i++) {
        if (cell_kind(&cells[i]) == kind)
            return &cells[i];
    }
    return NULL;
}

/* The numbers of a risk reject as the wire has them, nulls without a level. */
struct risk_numbers {
    int64_t limit;
    int64_t use;
    int64_t value;
    uint8_t level;
};

static struct risk_numbers
risk_numbers_of(const union cell *cells)
{
    const union cell *cell = continuation(cells, CELL_KIND_RISK_DETAIL);

    if (cell == NULL || cell->risk_detail.level == OE_RISK_LEVEL_NONE)
        return (struct risk_numbers){.limit = INT64_MIN, .use = INT64_MIN, .value = INT64_MIN};
    return (struct risk_numbers){
        .limit = cell->risk_detail.limit,
        .use = cell->risk_detail.used,
        .value = cell->risk_detail.value,
        .level = cell->risk_detail.level,
    };
}

static size_t
encode_accepted(const union cell *cells, unsigned shard, uint8_t *buf, size_t cap)
{
    static const struct cell_order_extension none = {0};
    const struct cell_order_new *order = &cells->order_new;
    const union cell *cell = continuation(cells, CELL_KIND_ORDER_EXTENSION);
    const struct cell_order_extension *ext = cell != NULL ? &cell->order_extension : &none;
    struct oe_execution_report_new *msg = oe_execution_report_new_begin(buf, cap);

    if (msg == NULL)
        return 0;
    /* One by one: a literal of this size is cleared first, by a slow instruction. */
    memset(msg->reserved_0, 0, sizeof msg->reserved_0);
    msg->order_id = order->order_id;
    msg->cl_ord_id = order->clord;
    msg->exec_id = cell_exec_id(shard, order->seq, 0);
    msg->transact_time = order->time;
    msg->price = null_px(order->px);
    msg->stop_px = null_px(ext->stop_px);
    msg->expire_time = null_u64(ext->expire_time);
    msg->security_id = order->instrument;
    msg->order_qty = order->qty;
    msg->display_qty = null_u32(ext->display_qty);
    msg->min_qty = null_u32(ext->min_qty);
    msg->account = order->account;
    msg->side = side_of(cell_is_sell(cells));
    msg->ord_type = order->ord_type;
    msg->time_in_force = order->tif;
    msg->exec_inst = order->exec_inst;
    msg->self_match_prevention_instruction = cell_stp(order->stp_capacity);
    msg->order_capacity = (uint8_t)cell_capacity(order->stp_capacity);
    return sizeof(struct oe_header) + sizeof *msg;
}

_Static_assert(sizeof(struct oe_execution_report_new) == 88, "each field is assigned");

static size_t
encode_rejected(const union cell *cells, unsigned shard, uint8_t *buf, size_t cap)
{
    const struct cell_order_new *order = &cells->order_new;
    const struct risk_numbers risk = risk_numbers_of(cells);
    struct oe_execution_report_reject *msg = oe_execution_report_reject_begin(buf, cap);

    if (msg == NULL)
        return 0;
    *msg = (struct oe_execution_report_reject){
        .cl_ord_id = order->clord,
        .exec_id = cell_exec_id(shard, order->seq, 0),
        .transact_time = order->time,
        .price = null_px(order->px),
        .risk_limit = risk.limit,
        .risk_use = risk.use,
        .risk_value = risk.value,
        .security_id = order->instrument,
        .order_qty = order->qty,
        .account = order->account,
        .reject_reason = order->outcome,
        .side = side_of(cell_is_sell(cells)),
        .ord_type = order->ord_type,
        .risk_level = risk.level,
    };
    return sizeof(struct oe_header) + sizeof *msg;
}

static size_t
encode_canceled_on_request(const union cell *cells, unsigned shard, uint8_t *buf, size_t cap)
{
    const struct cell_order_cancel *cancel = &cells->order_cancel;
    struct oe_execution_report_cancel *msg = oe_execution_report_cancel_begin(buf, cap);

    if (msg == NULL)
        return 0;
    *msg = (struct oe_execution_report_cancel){
        .order_id = cancel->order_id,
        .cl_ord_id = cancel->clord,
        .orig_cl_ord_id = null_u64(cancel->orig_clord),
        .exec_id = cell_exec_id(shard, cancel->seq, 0),
        .transact_time = cancel->time,
        .security_id = cancel->instrument,
        .account = cancel->account,
        .cum_qty = cancel->cum_qty,
        .cxl_qty = cancel->removed_qty,
        .cancel_reason = OE_CANCEL_REASON_REQUESTED,
        .side = side_of(cell_is_sell(cells)),
    };
    return sizeof(struct oe_header) + sizeof *msg;
}

/* encode_refused is the answer to a cancel or a replace that was refused; what
 * the two have in common lies at the same place. */
static size_t
encode_refused(const union cell *cells,
               uint64_t orig_clord,
               uint8_t response_to,
               uint8_t *buf,
               size_t cap)
{
    const struct cell_order_cancel *request = &cells->order_cancel;
    const struct risk_numbers risk = risk_numbers_of(cells);
    struct oe_order_cancel_reject *msg = oe_order_cancel_reject_begin(buf, cap);

    if (msg == NULL)
        return 0;
    *msg = (struct oe_order_cancel_reject){
        .cl_ord_id = request->clord,
        .orig_cl_ord_id = null_u64(orig_clord),
        .order_id = null_u64(request->order_id),
        .transact_time = request->time,
        .risk_limit = risk.limit,
        .risk_use = risk.use,
        .risk_value = risk.value,
        .security_id = request->instrument,
        .reject_reason = request->outcome,
        .cxl_rej_response_to = response_to,
        .risk_level = risk.level,
    };
    return sizeof(struct oe_header) + sizeof *msg;
}
_Static_assert(offsetof(struct cell_order_cancel, order_id) ==
                   offsetof(struct cell_order_replace, order_id),
               "read as a cancel");

static size_t
encode_replaced(const union cell *cells, unsigned shard, uint8_t *buf, size_t cap)
{
    const struct cell_order_replace *replace = &cells->order_replace;
    const struct cell_replace_detail *detail = &cells[1].replace_detail;
    struct oe_execution_report_replace *msg = oe_execution_report_replace_begin(buf, cap);

    if (msg == NULL)
        return 0;
    /* One by one: a literal of this size is cleared first, by a slow instruction. */
    memset(msg->reserved_0, 0, sizeof msg->reserved_0);
    msg->order_id = detail->new_order_id;
    msg->replaced_order_id = replace->order_id;
    msg->cl_ord_id = replace->clord;
    msg->orig_cl_ord_id = null_u64(detail->orig_clord);
    msg->exec_id = cell_exec_id(shard, replace->seq, 0);
    msg->transact_time = replace->time;
    msg->price = null_px(replace->px);
    msg->stop_px = null_px(detail->stop_px);
    msg->expire_time = null_u64(detail->expire_time);
    msg->security_id = replace->instrument;
    msg->order_qty = replace->qty;
    msg->display_qty = null_u32(detail->display_qty);
    msg->min_qty = null_u32(detail->min_qty);
    msg->cum_qty = detail->cum_qty;
    msg->leaves_qty = detail->new_leaves;
    msg->account = replace->account;
    msg->side = side_of(cell_is_sell(cells));
    return sizeof(struct oe_header) + sizeof *msg;
}

_Static_assert(sizeof(struct oe_execution_report_replace) == 112, "each field is assigned");

/* encode_traded: the maker's execution has the number behind the taker's. */
static size_t
encode_traded(const union cell *cells, bool maker, uint8_t *buf, size_t cap)
{
    const struct cell_trade *trade = &cells[0].trade;
    const struct cell_trade_maker *other = &cells[1].trade_maker;
    struct oe_execution_report_trade *msg = oe_execution_report_trade_begin(buf, cap);

    if (msg == NULL)
        return 0;
    *msg = (struct oe_execution_report_trade){
        .order_id = maker ? other->order_id : trade->order_id,
        .cl_ord_id = maker ? other->clord : trade->clord,
        .exec_id = other->match_id + (maker ? 1 : 0),
        .trd_match_id = other->match_id,
        .transact_time = trade->time,
        .last_px = trade->px,
        .security_id = trade->instrument,
        .last_qty = trade->qty,
        .cum_qty = maker ? other->cum_qty : other->taker_cum_qty,
        .leaves_qty = maker ? other->leaves_qty : trade->leaves_qty,
        .account = maker ? other->account : trade->account,
        .side = side_of(cell_is_sell(cells) != maker),
        .aggressor = maker ? OE_AGGRESSOR_PASSIVE : OE_AGGRESSOR_AGGRESSIVE,
    };
    return sizeof(struct oe_header) + sizeof *msg;
}

/* encode_expired is what an order hears whose time has come. */
static size_t
encode_expired(const union cell *cells, unsigned shard, uint8_t *buf, size_t cap)
{
    const struct cell_order_canceled *event = &cells->order_canceled;
    struct oe_execution_report_expire *msg = oe_execution_report_expire_begin(buf, cap);

    if (msg == NULL)
        return 0;
    *msg = (struct oe_execution_report_expire){
        .order_id = event->order_id,
        .cl_ord_id = event->clord,
        .exec_id = cell_exec_id(shard, event->seq, event->index),
        .transact_time = event->time,
        .security_id = event->instrument,
        .account = event->account,
        .cum_qty = event->cum_qty,
        .cxl_qty = event->removed_qty,
        .side = side_of(cell_is_sell(cells)),
    };
    return sizeof(struct oe_header) + sizeof *msg;
}

static size_t
encode_canceled(const union cell *cells, unsigned shard, uint8_t *buf, size_t cap)
{
    const struct cell_order_canceled *event = &cells->order_canceled;

    if (event->reason == OE_CANCEL_REASON_EXPIRED)
        return encode_expired(cells, shard, buf, cap);

    struct oe_execution_report_cancel *msg = oe_execution_report_cancel_begin(buf, cap);

    if (msg == NULL)
        return 0;
    *msg = (struct oe_execution_report_cancel){
        .order_id = event->order_id,
        .cl_ord_id = event->clord,
        .orig_cl_ord_id = null_u64(event->clord),
        .exec_id = cell_exec_id(shard, event->seq, event->index),
        .transact_time = event->time,
        .security_id = event->instrument,
        .account = event->account,
        .cum_qty = event->cum_qty,
        .cxl_qty = event->removed_qty,
        .cancel_reason = event->reason,
        .side = side_of(cell_is_sell(cells)),
    };
    return sizeof(struct oe_header) + sizeof *msg;
}

static size_t
encode_restated(const union cell *cells, unsigned shard, uint8_t *buf, size_t cap)
{
    const struct cell_order_restated *event = &cells->order_restated;
    struct oe_execution_report_restated *msg = oe_execution_report_restated_begin(buf, cap);

    if (msg == NULL)
        return 0;
    *msg = (struct oe_execution_report_restated){
        .order_id = event->order_id,
        .cl_ord_id = event->clord,
        .exec_id = cell_exec_id(shard, event->seq, event->index),
        .transact_time = event->time,
        .price = null_px(event->px),
        .security_id = event->instrument,
        .leaves_qty = event->leaves_qty,
        .account = event->account,
        .exec_restatement_reason = event->reason,
        .side = side_of(cell_is_sell(cells)),
    };
    return sizeof(struct oe_header) + sizeof *msg;
}
_Static_assert((int)CELL_RESTATE_REASON_POST_ONLY_REPRICE ==
                       (int)OE_EXEC_RESTATEMENT_REASON_POST_ONLY_REPRICE &&
                   (int)CELL_RESTATE_REASON_MARKET_TO_LIMIT ==
                       (int)OE_EXEC_RESTATEMENT_REASON_MARKET_TO_LIMIT &&
                   (int)CELL_RESTATE_REASON_SELF_MATCH_DECREMENT ==
                       (int)OE_EXEC_RESTATEMENT_REASON_SELF_MATCH_DECREMENT &&
                   (int)CELL_RESTATE_REASON_PEG == (int)OE_EXEC_RESTATEMENT_REASON_PEG,
               "one number for a reason");

static size_t
encode_triggered(const union cell *cells, unsigned shard, uint8_t *buf, size_t cap)
{
    const struct cell_order_triggered *event = &cells->order_triggered;
    struct oe_execution_report_triggered *msg = oe_execution_report_triggered_begin(buf, cap);

    if (msg == NULL)
        return 0;
    *msg = (struct oe_execution_report_triggered){
        .order_id = event->order_id,
        .cl_ord_id = event->clord,
        .exec_id = cell_exec_id(shard, event->seq, event->index),
        .transact_time = event->time,
        .price = null_px(event->px),
        .stop_px = null_px(cells[1].trigger_detail.stop_px),
        .security_id = event->instrument,
        .leaves_qty = event->leaves_qty,
        .account = event->account,
        .side = side_of(cell_is_sell(cells)),
    };
    return sizeof(struct oe_header) + sizeof *msg;
}

/* encode_prevented: numbered like a trade, the maker's behind the taker's. */
static size_t
encode_prevented(const union cell *cells, bool maker, uint8_t *buf, size_t cap)
{
    const struct cell_match_prevented *event = &cells[0].match_prevented;
    const struct cell_trade_maker *other = &cells[1].trade_maker;
    struct oe_execution_report_prevented_match *msg =
        oe_execution_report_prevented_match_begin(buf, cap);

    if (msg == NULL)
        return 0;
    *msg = (struct oe_execution_report_prevented_match){
        .order_id = maker ? other->order_id : event->order_id,
        .cl_ord_id = maker ? other->clord : event->clord,
        .exec_id = other->match_id + (maker ? 1 : 0),
        .prevented_match_id = other->match_id,
        .transact_time = event->time,
        .price = null_px(event->px),
        .security_id = event->instrument,
        .prevented_qty = event->qty,
        .cum_qty = maker ? other->cum_qty : other->taker_cum_qty,
        .leaves_qty = maker ? other->leaves_qty : event->leaves_qty,
        .account = maker ? other->account : event->account,
        .side = side_of(cell_is_sell(cells) != maker),
        .aggressor = maker ? OE_AGGRESSOR_PASSIVE : OE_AGGRESSOR_AGGRESSIVE,
    };
    return sizeof(struct oe_header) + sizeof *msg;
}

static size_t
encode_mass_quote(const union cell *cells, unsigned shard, uint8_t *buf, size_t cap)
{
    const struct cell_mass_quote *request = &cells->mass_quote;
    struct oe_mass_quote_report *msg = oe_mass_quote_report_begin(buf, cap);

    if (msg == NULL)
        return 0;
    *msg = (struct oe_mass_quote_report){
        .quote_id = request->clord,
        .exec_id = cell_exec_id(shard, request->seq, 0),
        .transact_time = request->time,
        .account = request->account,
        .tot_no_quote_entries = request->entries_cnt,
        .reject_reason = request->outcome,
    };
    return sizeof(struct oe_header) + sizeof *msg;
}

static size_t
encode_quote_entry(const union cell *cells, unsigned shard, uint8_t *buf, size_t cap)
{
    const struct cell_quote_entry *event = &cells->quote_entry;
    struct oe_quote_entry_report *msg = oe_quote_entry_report_begin(buf, cap);

    if (msg == NULL)
        return 0;
    *msg = (struct oe_quote_entry_report){
        .quote_id = event->clord,
        .exec_id = cell_exec_id(shard, event->seq, event->index),
        .transact_time = event->time,
        .bid_order_id = null_u64(event->bid_order_id),
        .offer_order_id = null_u64(event->ask_order_id),
        .security_id = event->instrument,
        .account = event->account,
        .bid_reject_reason = event->bid_outcome,
        .offer_reject_reason = event->ask_outcome,
        .entry_number = event->entry_no,
    };
    return sizeof(struct oe_header) + sizeof *msg;
}

static size_t
encode_mass_cancel_refused(const union cell *cells, unsigned shard, uint8_t *buf, size_t cap)
{
    const struct cell_mass_cancel *request = &cells->mass_cancel;
    struct oe_mass_cancel_report *msg = oe_mass_cancel_report_begin(buf, cap);

    if (msg == NULL)
        return 0;
    *msg = (struct oe_mass_cancel_report){
        .cl_ord_id = request->clord,
        .exec_id = cell_exec_id(shard, request->seq, 0),
        .transact_time = request->time,
        .security_id_filter = request->instrument,
        .account_filter = request->account,
        .reject_reason = request->outcome,
        .mass_cancel_scope = request->scope,
        .side_filter = request->side,
    };
    return sizeof(struct oe_header) + sizeof *msg;
}

static size_t
encode_mass_canceled(const union cell *cells, unsigned shard, uint8_t *buf, size_t cap)
{
    const struct cell_mass_canceled *event = &cells->mass_canceled;
    struct oe_mass_cancel_report *msg = oe_mass_cancel_report_begin(buf, cap);

    if (msg == NULL)
        return 0;
    *msg = (struct oe_mass_cancel_report){
        .cl_ord_id = event->clord,
        .exec_id = cell_exec_id(shard, event->seq, event->index),
        .transact_time = event->time,
        .security_id_filter = event->instrument,
        .account_filter = event->account,
        .total_affected_orders = event->count,
        .reject_reason = OE_REJECT_REASON_NONE,
        .mass_cancel_scope = event->scope,
        .side_filter = event->side,
    };
    return sizeof(struct oe_header) + sizeof *msg;
}

/* encode_message_refused: the one template that the field cannot name, its
 * null, becomes 0, which is no template either. */
static size_t
encode_message_refused(const union cell *cells, uint8_t *buf, size_t cap)
{
    const struct cell_message_refused *refused = &cells->message_refused;
    struct oe_business_message_reject *msg = oe_business_message_reject_begin(buf, cap);

    if (msg == NULL)
        return 0;
    *msg = (struct oe_business_message_reject){
        .ref_seq_num = refused->ref_no,
        .transact_time = refused->time,
        .reject_reason = refused->reason,
        .ref_template_id = refused->template_id == UINT16_MAX ? 0 : refused->template_id,
        .retry_after = refused->retry_us,
    };
    return sizeof(struct oe_header) + sizeof *msg;
}

/* encode_not_applied: the gateway skips at most 2^31 numbers by one command, so
 * the count fits. */
static size_t
encode_not_applied(const union cell *cells, uint8_t *buf, size_t cap)
{
    const struct cell_session_not_applied *event = &cells->session_not_applied;
    struct fixp_not_applied *msg = fixp_not_applied_begin(buf, cap);

    if (msg == NULL)
        return 0;
    ASSERT(event->count < UINT32_MAX);
    *msg = (struct fixp_not_applied){
        .from_seq_no = event->from_no,
        .count = (uint32_t)event->count,
    };
    return sizeof(struct oe_header) + sizeof *msg;
}

/* encode_report writes the report as the session itself gets it. */
static size_t
encode_report(const union cell *cells,
              unsigned shard,
              const struct route_recipient *recipient,
              uint8_t *buf,
              size_t cap)
{
    const bool accepted = cell_outcome(cells) == OE_REJECT_REASON_NONE;

    switch (cell_kind(cells)) {
    case CELL_KIND_ORDER_NEW:
        return accepted ? encode_accepted(cells, shard, buf, cap)
                        : encode_rejected(cells, shard, buf, cap);
    case CELL_KIND_ORDER_CANCEL:
        return accepted ? encode_canceled_on_request(cells, shard, buf, cap)
                        : encode_refused(cells, cells->order_cancel.orig_clord,
                                         OE_CXL_REJ_RESPONSE_TO_CANCEL, buf, cap);
    case CELL_KIND_ORDER_REPLACE:
        ASSERT(cell_count(cells) >= 2);
        return accepted ? encode_replaced(cells, shard, buf, cap)
                        : encode_refused(cells, cells[1].replace_detail.orig_clord,
                                         OE_CXL_REJ_RESPONSE_TO_REPLACE, buf, cap);
    case CELL_KIND_MASS_CANCEL:
        return accepted ? 0 : encode_mass_cancel_refused(cells, shard, buf, cap);
    case CELL_KIND_MESSAGE_REFUSED:
        return encode_message_refused(cells, buf, cap);
    case CELL_KIND_TRADE:
        ASSERT(cell_count(cells) >= 2);
        return encode_traded(cells, recipient->maker, buf, cap);
    case CELL_KIND_ORDER_CANCELED:
        return encode_canceled(cells, shard, buf, cap);
    case CELL_KIND_MASS_CANCELED:
        return encode_mass_canceled(cells, shard, buf, cap);
    case CELL_KIND_MASS_QUOTE:
        return encode_mass_quote(cells, shard, buf, cap);
    case CELL_KIND_QUOTE_ENTRY:
        return encode_quote_entry(cells, shard, buf, cap);
    case CELL_KIND_ORDER_RESTATED:
        return encode_restated(cells, shard, buf, cap);
    case CELL_KIND_ORDER_TRIGGERED:
        ASSERT(cell_count(cells) >= 2);
        return encode_triggered(cells, shard, buf, cap);
    case CELL_KIND_MATCH_PREVENTED:
        ASSERT(cell_count(cells) >= 2);
        return encode_prevented(cells, recipient->maker, buf, cap);
    case CELL_KIND_SESSION_NOT_APPLIED:
        return encode_not_applied(cells, buf, cap);
    default:
        return 0;
    }
}

size_t
order_encode(const union cell *cells,
             unsigned shard,
             const struct route_recipient *recipient,
             uint8_t *buf,
             size_t cap)
{
    const uint32_t of = recipient->of;
    size_t len = encode_report(cells, shard, recipient, buf, cap);
    struct oe_header *hdr = (struct oe_header *)(void *)buf;

    if (LIKELY(!recipient->copy) || len == 0)
        return len;
    /* A report has nothing behind its fixed part, which so becomes longer: who does
     * not know the field skips it. */
    ASSERT(len == sizeof *hdr + hdr->block_length);
    if (cap - len < sizeof of)
        return 0;
    memcpy(buf + len, &of, sizeof of);
    hdr->block_length = (uint16_t)(hdr->block_length + sizeof of);
    return len + sizeof of;
}
