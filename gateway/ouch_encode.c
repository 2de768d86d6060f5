#include <string.h>

#include "engine/command.h"
#include "gateway/ouch_codec.h"
#include "proto/base.h"
#include "proto/orders.h"
#include "proto/ouch.h"
#include "proto/types.h"

#define DAY_NS    UINT64_C(86400000000000)
#define SECOND_NS UINT64_C(1000000000)

/* What every report is made from, and goes to. */
struct encode_ctx {
    const struct ouch_names *names;
    const struct ouch_party *party;
    uint8_t *buf;
    size_t cap;
};

static inline uint64_t
midnight_ns(uint64_t time_ns)
{
    return time_ns % DAY_NS;
}

/* ref_of is the number of an order; 0 if it has none in this dialect. */
static inline uint32_t
ref_of(uint64_t clord)
{
    return clord <= UINT32_MAX ? (uint32_t)clord : 0;
}

/* price_of turns a price into four decimals; false if that would round. */
static inline bool
price_of(px_t px, uint64_t *price)
{
    *price = (uint64_t)px / (uint64_t)OUCH_PX_UNIT;
    return px >= 0 && px % OUCH_PX_UNIT == 0;
}

static inline uint8_t
side_of(bool sell)
{
    return sell ? OUCH_SIDE_SELL : OUCH_SIDE_BUY;
}

/* pad writes a text that ends with zeros as characters that end with spaces. */
static void
pad(char *chars, size_t len, const char *text)
{
    const size_t text_len = strnlen(text, len);

    memcpy(chars, text, text_len);
    memset(chars + text_len, ' ', len - text_len);
}

/* extension_of returns the second cell of an order, or an empty one. */
static const struct cell_order_extension *
extension_of(const union cell *cells)
{
    static const struct cell_order_extension none = {0};

    return cell_count(cells) > 1 && cell_kind(&cells[1]) == CELL_KIND_ORDER_EXTENSION
               ? &cells[1].order_extension
               : &none;
}

/* A time in force as OUCH has it: also the cross that it means. */
struct tif {
    uint8_t tif;
    uint8_t cross;
};

static bool
tif_of(uint8_t cell_tif, struct tif *tif)
{
    *tif = (struct tif){OUCH_TIME_IN_FORCE_DAY, OUCH_CROSS_TYPE_CONTINUOUS};
    switch (cell_tif) {
    case OE_TIME_IN_FORCE_DAY:
        return true;
    case OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL:
    case OE_TIME_IN_FORCE_FILL_OR_KILL:
        tif->tif = OUCH_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL;
        return true;
    case OE_TIME_IN_FORCE_GOOD_TILL_DATE:
        tif->tif = OUCH_TIME_IN_FORCE_GOOD_TILL_TIME;
        return true;
    case OE_TIME_IN_FORCE_AT_THE_OPENING:
        tif->cross = OUCH_CROSS_TYPE_OPENING;
        return true;
    case OE_TIME_IN_FORCE_AT_THE_CLOSE:
        tif->cross = OUCH_CROSS_TYPE_CLOSING;
        return true;
    default:
        return false;
    }
}

/* limit_of is the price of an order of that type; false if OUCH has no such order. */
static bool
limit_of(uint8_t ord_type, px_t px, uint8_t cross, uint64_t *price)
{
    switch (ord_type) {
    case OE_ORD_TYPE_LIMIT:
    case OE_ORD_TYPE_PEGGED:
        return price_of(px, price);
    case OE_ORD_TYPE_MARKET:
        *price = OUCH_PRICE_MARKET;
        return cross != OUCH_CROSS_TYPE_CONTINUOUS;
    default:
        return false;
    }
}

/* put_kind adds the options of an order's type and instructions. */
static void
put_kind(struct ouch_options *options, uint8_t ord_type, uint8_t exec_inst)
{
    if (ord_type == OE_ORD_TYPE_PEGGED) {
        options->has |= OUCH_OPTIONS_HAS_PRICE_TYPE;
        options->price_type = (exec_inst & OE_EXEC_INST_PEG_OPPOSITE) != 0 ? 'P'
                              : (exec_inst & OE_EXEC_INST_PEG_MID) != 0    ? 'M'
                                                                           : 'R';
    }
    if ((exec_inst & OE_EXEC_INST_POST_ONLY) != 0) {
        options->has |= OUCH_OPTIONS_HAS_POST_ONLY;
        options->post_only = 'P';
    }
}

static void
put_firm(struct ouch_options *options, const struct ouch_party *party)
{
    options->has |= OUCH_OPTIONS_HAS_FIRM;
    memcpy(options->firm, party->firm, sizeof options->firm);
}

static void
put_expiry(struct ouch_options *options, uint64_t expire_time)
{
    if (expire_time == 0)
        return;
    options->has |= OUCH_OPTIONS_HAS_EXPIRE_TIME;
    options->expire_time = (uint32_t)(midnight_ns(expire_time) / SECOND_NS);
}

static void
put_floor(struct ouch_options *options, qty_t display_qty)
{
    if (display_qty == 0)
        return;
    options->has |= OUCH_OPTIONS_HAS_MAX_FLOOR;
    options->max_floor = display_qty;
}

/* order_options are those of an order that was accepted. */
static void
order_options(const struct encode_ctx *ctx,
              const struct cell_order_new *order,
              const struct cell_order_extension *ext,
              struct ouch_options *options)
{
    *options = (struct ouch_options){.min_qty = ext->min_qty};
    put_firm(options, ctx->party);
    if (order->tif == OE_TIME_IN_FORCE_FILL_OR_KILL)
        options->min_qty = order->qty;
    if (options->min_qty != 0)
        options->has |= OUCH_OPTIONS_HAS_MIN_QTY;
    put_floor(options, ext->display_qty);
    put_kind(options, order->ord_type, order->exec_inst);
    if (ext->peg_offset_px != 0) {
        options->has |= OUCH_OPTIONS_HAS_PEG_OFFSET;
        options->peg_offset = (int32_t)(ext->peg_offset_px / OUCH_PX_UNIT);
    }
    if (ext->display_range != 0) {
        options->has |= OUCH_OPTIONS_HAS_RANDOM_RESERVES;
        options->random_reserves = ext->display_range;
    }
    put_expiry(options, ext->expire_time);
}

static size_t
encode_accepted(const struct encode_ctx *ctx, const union cell *cells)
{
    const struct cell_order_new *order = &cells->order_new;
    const struct cell_order_extension *ext = extension_of(cells);
    const char *symbol = ouch_names_symbol(ctx->names, order->instrument);
    struct ouch_options options;
    struct ouch_accepted msg;
    struct tif tif;
    uint64_t price;
    size_t len;

    if (ref_of(order->clord) == 0 || symbol == NULL || !tif_of(order->tif, &tif) ||
        !limit_of(order->ord_type, order->px, tif.cross, &price) ||
        ext->peg_offset_px % OUCH_PX_UNIT != 0)
        return 0;
    ouch_accepted_set_timestamp(&msg, midnight_ns(order->time));
    ouch_accepted_set_user_ref_num(&msg, ref_of(order->clord));
    msg.side = side_of(cell_is_sell(cells));
    ouch_accepted_set_quantity(&msg, order->qty);
    memcpy(msg.symbol, symbol, sizeof msg.symbol);
    ouch_accepted_set_price(&msg, price);
    msg.time_in_force = tif.tif;
    msg.display =
        (order->exec_inst & OE_EXEC_INST_HIDDEN) != 0 ? OUCH_DISPLAY_HIDDEN : OUCH_DISPLAY_VISIBLE;
    ouch_accepted_set_order_ref_num(&msg, order->order_id);
    msg.capacity = (uint8_t)cell_capacity(order->stp_capacity);
    msg.inter_market_sweep = OUCH_YES_NO_NO;
    msg.cross_type = tif.cross;
    /* What ends at once is told by Canceled. */
    msg.order_state = OUCH_ORDER_STATE_LIVE;
    pad(msg.cl_ord_id, sizeof msg.cl_ord_id, ext->text);
    order_options(ctx, order, ext, &options);
    len = ouch_accepted_encode(ctx->buf, ctx->cap, &msg);
    return len == 0 ? 0 : len + ouch_options_put(ctx->buf + len, ctx->cap - len, &options);
}

static enum ouch_reject_reason
risk_code(unsigned reason)
{
    switch (reason) {
    case OE_REJECT_REASON_ACCOUNT_SUSPENDED:
    case OE_REJECT_REASON_ACCOUNT_CLOSE_ONLY:
    case OE_REJECT_REASON_ACCOUNT_BLOCKED:
    case OE_REJECT_REASON_KILL_SWITCH:
        return OUCH_REJECT_REASON_FIRM_NOT_AUTHORIZED;
    case OE_REJECT_REASON_RESTRICTED_INSTRUMENT:
    case OE_REJECT_REASON_BLACKLISTED:
        return OUCH_REJECT_REASON_RISK_RESTRICTED_STOCK;
    case OE_REJECT_REASON_MAX_ORDER_QTY:
        return OUCH_REJECT_REASON_RISK_QUANTITY;
    case OE_REJECT_REASON_MIN_ORDER_QTY:
        return OUCH_REJECT_REASON_INVALID_QUANTITY;
    case OE_REJECT_REASON_MAX_ORDER_VALUE:
        return OUCH_REJECT_REASON_RISK_ORDER_NOTIONAL;
    case OE_REJECT_REASON_PRICE_COLLAR_HIGH:
    case OE_REJECT_REASON_PRICE_COLLAR_LOW:
    case OE_REJECT_REASON_NO_REFERENCE_PRICE:
    case OE_REJECT_REASON_PRICE_BAND:
        return OUCH_REJECT_REASON_RISK_FAT_FINGER;
    case OE_REJECT_REASON_THROTTLED:
        return OUCH_REJECT_REASON_RISK_PORT_MESSAGE_RATE;
    case OE_REJECT_REASON_DUPLICATIVE_ORDER:
    case OE_REJECT_REASON_ACCOUNT_LATCHED:
        return OUCH_REJECT_REASON_RISK_DUPLICATE_MESSAGE_RATE;
    case OE_REJECT_REASON_INSUFFICIENT_HOLDINGS:
        return OUCH_REJECT_REASON_RISK_SHORT_SELL;
    case OE_REJECT_REASON_LONG_POSITION_LIMIT:
    case OE_REJECT_REASON_SHORT_POSITION_LIMIT:
    case OE_REJECT_REASON_MAX_OPEN_ORDERS:
    case OE_REJECT_REASON_OPEN_NOTIONAL:
    case OE_REJECT_REASON_DAILY_GROSS:
    case OE_REJECT_REASON_DAILY_NET:
    case OE_REJECT_REASON_DAILY_LOSS:
    case OE_REJECT_REASON_INSUFFICIENT_FUNDS:
        return OUCH_REJECT_REASON_RISK_AGGREGATE_EXPOSURE;
    default:
        return OUCH_REJECT_REASON_OTHER;
    }
}

static enum ouch_reject_reason
reject_code(unsigned reason)
{
    switch (reason) {
    case OE_REJECT_REASON_UNKNOWN_INSTRUMENT:
        return OUCH_REJECT_REASON_INVALID_SYMBOL;
    case OE_REJECT_REASON_INSTRUMENT_HALTED:
        return OUCH_REJECT_REASON_HALTED;
    case OE_REJECT_REASON_INSTRUMENT_CLOSED:
        return OUCH_REJECT_REASON_DESTINATION_CLOSED;
    case OE_REJECT_REASON_UNKNOWN_ACCOUNT:
    case OE_REJECT_REASON_ACCOUNT_NOT_OF_FIRM:
        return OUCH_REJECT_REASON_FIRM_NOT_AUTHORIZED;
    case OE_REJECT_REASON_INVALID_PRICE:
    case OE_REJECT_REASON_INVALID_TICK:
        return OUCH_REJECT_REASON_INVALID_PRICE;
    case OE_REJECT_REASON_INVALID_QUANTITY:
    case OE_REJECT_REASON_INVALID_LOT:
        return OUCH_REJECT_REASON_INVALID_QUANTITY;
    case OE_REJECT_REASON_WOULD_TRADE:
        return OUCH_REJECT_REASON_CROSSED_MARKET;
    case OE_REJECT_REASON_NO_OPPOSITE_ORDERS:
        return OUCH_REJECT_REASON_QUOTE_UNAVAILABLE;
    case OE_REJECT_REASON_INVALID_DISPLAY_QTY:
        return OUCH_REJECT_REASON_INVALID_MAX_FLOOR;
    case OE_REJECT_REASON_INVALID_MIN_QTY:
        return OUCH_REJECT_REASON_INVALID_MIN_QTY;
    case OE_REJECT_REASON_ORDER_POOL_FULL:
    case OE_REJECT_REASON_LEVEL_POOL_FULL:
    case OE_REJECT_REASON_CLIENT_ID_POOL_FULL:
    case OE_REJECT_REASON_POSITION_POOL_FULL:
    case OE_REJECT_REASON_ORDER_IDS_EXHAUSTED:
    case OE_REJECT_REASON_LEVEL_FULL:
    case OE_REJECT_REASON_ATTRIBUTE_POOL_FULL:
    case OE_REJECT_REASON_PEG_POOL_FULL:
    case OE_REJECT_REASON_JOURNAL_SPACE:
        return OUCH_REJECT_REASON_PROCESSING_ERROR;
    default:
        return risk_code(reason);
    }
}

static size_t
encode_rejected(const struct encode_ctx *ctx,
                const union cell *cells,
                uint64_t clord,
                uint16_t code,
                const char *text)
{
    struct ouch_rejected msg;

    if (ref_of(clord) == 0)
        return 0;
    ouch_rejected_set_timestamp(&msg, midnight_ns(cell_time(cells)));
    ouch_rejected_set_user_ref_num(&msg, ref_of(clord));
    ouch_rejected_set_reason(&msg, code);
    pad(msg.cl_ord_id, sizeof msg.cl_ord_id, text);
    return ouch_rejected_encode(ctx->buf, ctx->cap, &msg);
}

static size_t
encode_canceled(const struct encode_ctx *ctx,
                const union cell *cells,
                uint64_t clord,
                qty_t removed_qty,
                enum ouch_cancel_reason reason)
{
    struct ouch_canceled msg;

    if (ref_of(clord) == 0 || removed_qty == 0)
        return 0;
    ouch_canceled_set_timestamp(&msg, midnight_ns(cell_time(cells)));
    ouch_canceled_set_user_ref_num(&msg, ref_of(clord));
    ouch_canceled_set_quantity(&msg, removed_qty);
    msg.reason = (uint8_t)reason;
    return ouch_canceled_encode(ctx->buf, ctx->cap, &msg);
}

static size_t
encode_cancel_reject(const struct encode_ctx *ctx, const union cell *cells, uint64_t clord)
{
    struct ouch_cancel_reject msg;

    if (ref_of(clord) == 0)
        return 0;
    ouch_cancel_reject_set_timestamp(&msg, midnight_ns(cell_time(cells)));
    ouch_cancel_reject_set_user_ref_num(&msg, ref_of(clord));
    return ouch_cancel_reject_encode(ctx->buf, ctx->cap, &msg);
}

/* encode_cancel: a cancel of what is gone is ignored. */
static size_t
encode_cancel(const struct encode_ctx *ctx, const union cell *cells)
{
    const struct cell_order_cancel *cancel = &cells->order_cancel;

    switch (cancel->outcome) {
    case OE_REJECT_REASON_NONE:
        return encode_canceled(ctx, cells, cancel->orig_clord, cancel->removed_qty,
                               OUCH_CANCEL_REASON_USER);
    case OE_REJECT_REASON_UNKNOWN_ORDER:
        return 0;
    default:
        return encode_cancel_reject(ctx, cells, cancel->orig_clord);
    }
}

static size_t
encode_modified(const struct encode_ctx *ctx,
                const union cell *cells,
                uint64_t clord,
                bool sell,
                qty_t leaves_qty)
{
    struct ouch_modified msg;

    if (ref_of(clord) == 0)
        return 0;
    ouch_modified_set_timestamp(&msg, midnight_ns(cell_time(cells)));
    ouch_modified_set_user_ref_num(&msg, ref_of(clord));
    msg.side = side_of(sell);
    ouch_modified_set_quantity(&msg, leaves_qty);
    return ouch_modified_encode(ctx->buf, ctx->cap, &msg);
}

/* encode_reduced: what asks for more than there is, and of what is gone, is ignored;
 * that nothing is left is told by the cancel behind it. A refusal has the number of an order
 * that lives, so it is never Rejected. */
static size_t
encode_reduced(const struct encode_ctx *ctx, const union cell *cells)
{
    const struct cell_order_replace *replace = &cells[0].order_replace;
    const struct cell_replace_detail *detail = &cells[1].replace_detail;
    const bool modify = (cells[2].replace_terms.flags & CELL_REPLACE_FLAGS_MODIFY) != 0;

    switch (replace->outcome) {
    case OE_REJECT_REASON_NONE:
        break;
    case OE_REJECT_REASON_UNKNOWN_ORDER:
    case OE_REJECT_REASON_INVALID_QUANTITY:
        return 0;
    default:
        return encode_cancel_reject(ctx, cells, replace->clord);
    }
    if (detail->new_leaves == 0)
        return 0;
    return modify
               ? encode_modified(ctx, cells, replace->clord, cell_is_sell(cells),
                                 detail->new_leaves)
               : encode_canceled(ctx, cells, replace->clord,
                                 detail->old_leaves - detail->new_leaves, OUCH_CANCEL_REASON_USER);
}

/* replace_text is the ClOrdID of a replace, empty in other dialects. */
static const char *
replace_text(const union cell *cells)
{
    const union cell *terms = replace_terms(cells);

    return terms != NULL ? terms->replace_terms.text : "";
}

static size_t
encode_replaced(const struct encode_ctx *ctx, const union cell *cells)
{
    const struct cell_order_replace *replace = &cells[0].order_replace;
    const struct cell_replace_detail *detail = &cells[1].replace_detail;
    const char *symbol = ouch_names_symbol(ctx->names, replace->instrument);
    struct ouch_options options = {.has = 0};
    struct ouch_replaced msg;
    struct tif tif;
    uint64_t price;
    size_t len;

    if (ref_of(replace->clord) == 0 || ref_of(detail->orig_clord) == 0 || symbol == NULL ||
        !tif_of(replace->tif, &tif) || !limit_of(replace->ord_type, replace->px, tif.cross, &price))
        return 0;
    ouch_replaced_set_timestamp(&msg, midnight_ns(replace->time));
    ouch_replaced_set_orig_user_ref_num(&msg, ref_of(detail->orig_clord));
    ouch_replaced_set_user_ref_num(&msg, ref_of(replace->clord));
    msg.side = side_of(cell_is_sell(cells));
    ouch_replaced_set_quantity(&msg, replace->qty);
    memcpy(msg.symbol, symbol, sizeof msg.symbol);
    ouch_replaced_set_price(&msg, price);
    msg.time_in_force = tif.tif;
    msg.display = (replace->exec_inst & OE_EXEC_INST_HIDDEN) != 0 ? OUCH_DISPLAY_HIDDEN
                                                                  : OUCH_DISPLAY_VISIBLE;
    ouch_replaced_set_order_ref_num(&msg, detail->new_order_id);
    msg.capacity = (uint8_t)cell_capacity(replace->stp_capacity);
    msg.inter_market_sweep = OUCH_YES_NO_NO;
    msg.cross_type = tif.cross;
    /* To no more than what was executed: nothing is left, and no more is said of it. */
    msg.order_state = detail->new_leaves == 0 ? OUCH_ORDER_STATE_DEAD : OUCH_ORDER_STATE_LIVE;
    pad(msg.cl_ord_id, sizeof msg.cl_ord_id, replace_text(cells));
    put_firm(&options, ctx->party);
    put_floor(&options, detail->display_qty);
    put_kind(&options, replace->ord_type, replace->exec_inst);
    put_expiry(&options, detail->expire_time);
    len = ouch_replaced_encode(ctx->buf, ctx->cap, &msg);
    return len == 0 ? 0 : len + ouch_options_put(ctx->buf + len, ctx->cap - len, &options);
}

/* encode_replace: one whose order is gone or whose number is used is ignored; one that
 * cancels its order is told by the cancel behind it. */
static size_t
encode_replace(const struct encode_ctx *ctx, const union cell *cells)
{
    const struct cell_order_replace *replace = &cells[0].order_replace;
    const union cell *terms = replace_terms(cells);

    ASSERT(cell_count(cells) >= 2);
    if (terms != NULL && (terms->replace_terms.flags & CELL_REPLACE_FLAGS_REDUCE) != 0)
        return encode_reduced(ctx, cells);
    switch (replace->outcome) {
    case OE_REJECT_REASON_NONE:
        return encode_replaced(ctx, cells);
    case OE_REJECT_REASON_UNKNOWN_ORDER:
    case OE_REJECT_REASON_DUPLICATE_CL_ORD_ID:
        return 0;
    default:
        return command_replace_cancels(cells, replace->outcome)
                   ? 0
                   : encode_rejected(ctx, cells, replace->clord,
                                     (uint16_t)reject_code(replace->outcome), replace_text(cells));
    }
}

/* encode_answer is what the gateway itself answers. */
static size_t
encode_answer(const struct encode_ctx *ctx, const struct cell_message_refused *cell)
{
    const uint64_t time_ns = midnight_ns(cell->time);
    struct ouch_disable_response disabled;
    struct ouch_enable_response enabled;
    struct ouch_query_response query;

    switch (cell->template_id) {
    case OUCH_DISABLE_ENTRY_TYPE:
        ouch_disable_response_set_timestamp(&disabled, time_ns);
        ouch_disable_response_set_user_ref_num(&disabled, ref_of(cell->ref_no));
        pad(disabled.firm, sizeof disabled.firm, cell->text);
        return ouch_disable_response_encode(ctx->buf, ctx->cap, &disabled);
    case OUCH_ENABLE_ENTRY_TYPE:
        ouch_enable_response_set_timestamp(&enabled, time_ns);
        ouch_enable_response_set_user_ref_num(&enabled, ref_of(cell->ref_no));
        pad(enabled.firm, sizeof enabled.firm, cell->text);
        return ouch_enable_response_encode(ctx->buf, ctx->cap, &enabled);
    case OUCH_ACCOUNT_QUERY_TYPE:
        ouch_query_response_set_timestamp(&query, time_ns);
        ouch_query_response_set_next_user_ref_num(&query, cell->next_no);
        return ouch_query_response_encode(ctx->buf, ctx->cap, &query);
    default:
        return 0;
    }
}

static size_t
encode_message_refused(const struct encode_ctx *ctx, const union cell *cells)
{
    const struct cell_message_refused *cell = &cells->message_refused;

    if (cell->reason == OE_REJECT_REASON_NONE)
        return encode_answer(ctx, cell);
    if (cell->template_id == OUCH_CANCEL_ORDER_TYPE)
        return encode_cancel_reject(ctx, cells, cell->next_no);
    return encode_rejected(ctx, cells, cell->ref_no,
                           cell->code != 0 ? cell->code : (uint16_t)reject_code(cell->reason),
                           cell->text);
}

static size_t
encode_executed(const struct encode_ctx *ctx, const union cell *cells, bool maker)
{
    const struct cell_trade *trade = &cells[0].trade;
    const struct cell_trade_maker *other = &cells[1].trade_maker;
    const uint32_t ref = ref_of(maker ? other->clord : trade->clord);
    struct ouch_executed msg;
    uint64_t price;

    ASSERT(cell_count(cells) >= 2);
    if (ref == 0 || !price_of(trade->px, &price))
        return 0;
    ouch_executed_set_timestamp(&msg, midnight_ns(trade->time));
    ouch_executed_set_user_ref_num(&msg, ref);
    ouch_executed_set_quantity(&msg, trade->qty);
    ouch_executed_set_price(&msg, price);
    msg.liquidity = maker ? OUCH_LIQUIDITY_ADDED : OUCH_LIQUIDITY_REMOVED;
    ouch_executed_set_match_number(&msg, other->match_id);
    return ouch_executed_encode(ctx->buf, ctx->cap, &msg);
}

/* encode_prevented: what comes of it is told by the message behind it. */
static size_t
encode_prevented(const struct encode_ctx *ctx, const union cell *cells, bool maker)
{
    const struct cell_match_prevented *event = &cells[0].match_prevented;
    const struct cell_trade_maker *other = &cells[1].trade_maker;
    const uint32_t ref = ref_of(maker ? other->clord : event->clord);
    struct ouch_aiq_canceled msg;
    uint64_t price;

    ASSERT(cell_count(cells) >= 2);
    if (ref == 0 || !price_of(event->px, &price))
        return 0;
    ouch_aiq_canceled_set_timestamp(&msg, midnight_ns(event->time));
    ouch_aiq_canceled_set_user_ref_num(&msg, ref);
    ouch_aiq_canceled_set_decrement_shares(&msg, 0);
    msg.reason = OUCH_CANCEL_REASON_SELF_MATCH;
    ouch_aiq_canceled_set_quantity_prevented(&msg, event->qty);
    ouch_aiq_canceled_set_execution_price(&msg, price);
    msg.liquidity = maker ? OUCH_LIQUIDITY_ADDED : OUCH_LIQUIDITY_REMOVED;
    msg.strategy = ' ';
    return ouch_aiq_canceled_encode(ctx->buf, ctx->cap, &msg);
}

static enum ouch_cancel_reason
cancel_reason(unsigned reason)
{
    switch (reason) {
    case OE_CANCEL_REASON_REQUESTED:
    case OE_CANCEL_REASON_MASS_CANCEL:
        return OUCH_CANCEL_REASON_USER;
    case OE_CANCEL_REASON_IMMEDIATE_OR_CANCEL:
    case OE_CANCEL_REASON_FILL_OR_KILL:
    case OE_CANCEL_REASON_MIN_QTY:
        return OUCH_CANCEL_REASON_IMMEDIATE;
    case OE_CANCEL_REASON_SELF_MATCH_PREVENTION:
        return OUCH_CANCEL_REASON_SELF_MATCH;
    case OE_CANCEL_REASON_DISCONNECT:
    case OE_CANCEL_REASON_KILL_SWITCH:
        return OUCH_CANCEL_REASON_SUPERVISORY;
    case OE_CANCEL_REASON_EXPIRED:
        return OUCH_CANCEL_REASON_TIMEOUT;
    case OE_CANCEL_REASON_NO_ROOM:
        return OUCH_CANCEL_REASON_CANNOT_EXECUTE;
    default:
        return OUCH_CANCEL_REASON_SYSTEM;
    }
}

static size_t
encode_order_canceled(const struct encode_ctx *ctx, const union cell *cells)
{
    const struct cell_order_canceled *event = &cells->order_canceled;

    /* Replaced said that it is dead. */
    if (event->reason == OE_CANCEL_REASON_REPLACED_BELOW_FILLED)
        return 0;
    return encode_canceled(ctx, cells, event->clord, event->removed_qty,
                           cancel_reason(event->reason));
}

static size_t
encode_mass_canceled(const struct encode_ctx *ctx, const union cell *cells)
{
    const struct cell_mass_canceled *event = &cells->mass_canceled;
    const char *symbol = ouch_names_symbol(ctx->names, event->instrument);
    struct ouch_mass_cancel_response msg;

    if (ref_of(event->clord) == 0)
        return 0;
    ouch_mass_cancel_response_set_timestamp(&msg, midnight_ns(event->time));
    ouch_mass_cancel_response_set_user_ref_num(&msg, ref_of(event->clord));
    pad(msg.firm, sizeof msg.firm, "");
    if (event->account != CELL_ANY)
        memcpy(msg.firm, ctx->party->firm, sizeof msg.firm);
    pad(msg.symbol, sizeof msg.symbol, "");
    if (symbol != NULL)
        memcpy(msg.symbol, symbol, sizeof msg.symbol);
    return ouch_mass_cancel_response_encode(ctx->buf, ctx->cap, &msg);
}

/* encode_moved: the order has a price by now, or another one. */
static size_t
encode_moved(const struct encode_ctx *ctx, const union cell *cells)
{
    const struct cell_order_restated *event = &cells->order_restated;
    struct ouch_priority_update msg;
    uint64_t price;

    if (ref_of(event->clord) == 0 || !price_of(event->px, &price))
        return 0;
    ouch_priority_update_set_timestamp(&msg, midnight_ns(event->time));
    ouch_priority_update_set_user_ref_num(&msg, ref_of(event->clord));
    ouch_priority_update_set_price(&msg, price);
    msg.display = ' '; /* as it was: the message does not say */
    ouch_priority_update_set_order_ref_num(&msg, event->order_id);
    return ouch_priority_update_encode(ctx->buf, ctx->cap, &msg);
}

static size_t
encode_restated(const struct encode_ctx *ctx, const union cell *cells)
{
    const struct cell_order_restated *event = &cells->order_restated;
    struct ouch_restated msg;

    if (event->reason == CELL_RESTATE_REASON_SELF_MATCH_DECREMENT)
        return encode_modified(ctx, cells, event->clord, cell_is_sell(cells), event->leaves_qty);
    if (event->px != 0)
        return encode_moved(ctx, cells);
    /* A peg without a reference waits for one. */
    if (ref_of(event->clord) == 0)
        return 0;
    ouch_restated_set_timestamp(&msg, midnight_ns(event->time));
    ouch_restated_set_user_ref_num(&msg, ref_of(event->clord));
    msg.reason = OUCH_RESTATE_REASON_PRICE;
    return ouch_restated_encode(ctx->buf, ctx->cap, &msg);
}

static size_t
encode_order_new(const struct encode_ctx *ctx, const union cell *cells)
{
    const struct cell_order_new *order = &cells->order_new;

    if (order->outcome == OE_REJECT_REASON_NONE)
        return encode_accepted(ctx, cells);
    return encode_rejected(ctx, cells, order->clord, (uint16_t)reject_code(order->outcome),
                           extension_of(cells)->text);
}

size_t
ouch_encode(const struct ouch_names *names,
            const struct ouch_party *party,
            const union cell *cells,
            const struct route_recipient *recipient,
            uint8_t *buf,
            size_t cap)
{
    const struct encode_ctx ctx = {.names = names, .party = party, .buf = buf, .cap = cap};

    switch (cell_kind(cells)) {
    case CELL_KIND_ORDER_NEW:
        return encode_order_new(&ctx, cells);
    case CELL_KIND_ORDER_CANCEL:
        return encode_cancel(&ctx, cells);
    case CELL_KIND_ORDER_REPLACE:
        return encode_replace(&ctx, cells);
    case CELL_KIND_MASS_CANCEL:
        return cell_outcome(cells) == OE_REJECT_REASON_NONE
                   ? 0
                   : encode_rejected(&ctx, cells, cells->mass_cancel.clord,
                                     (uint16_t)reject_code(cell_outcome(cells)), "");
    case CELL_KIND_MESSAGE_REFUSED:
        return encode_message_refused(&ctx, cells);
    case CELL_KIND_TRADE:
        return encode_executed(&ctx, cells, recipient->maker);
    case CELL_KIND_MATCH_PREVENTED:
        return encode_prevented(&ctx, cells, recipient->maker);
    case CELL_KIND_ORDER_CANCELED:
        return encode_order_canceled(&ctx, cells);
    case CELL_KIND_MASS_CANCELED:
        return encode_mass_canceled(&ctx, cells);
    case CELL_KIND_ORDER_RESTATED:
        return encode_restated(&ctx, cells);
    default:
        return 0;
    }
}

size_t
ouch_encode_event(uint64_t time_ns, uint8_t code, uint8_t *buf, size_t cap)
{
    struct ouch_system_event msg = {.event_code = code};

    ouch_system_event_set_timestamp(&msg, midnight_ns(time_ns));
    return ouch_system_event_encode(buf, cap, &msg);
}
