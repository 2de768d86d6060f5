#include <string.h>

#include "gateway/ouch_codec.h"
#include "proto/base.h"
#include "proto/orders.h"
#include "proto/ouch.h"
#include "proto/px_qty.h"

#define DAY_NS    UINT64_C(86400000000000)
#define DAY_S     86400u
#define SECOND_NS UINT64_C(1000000000)

/* Why a message is refused: for the journal, and in OUCH's words. */
struct refusal {
    enum oe_reject_reason reason;
    uint16_t code; /* enum ouch_reject_reason; 0: none, it is not refused */
};

static const struct refusal fine = {OE_REJECT_REASON_NONE, 0};

static inline struct refusal
refuse(enum oe_reject_reason reason, enum ouch_reject_reason code)
{
    return (struct refusal){.reason = reason, .code = (uint16_t)code};
}

static inline bool
is_blank(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] != ' ')
            return false;
    }
    return true;
}

/* text_of makes of characters that are padded with spaces a text that ends with zeros;
 * false if it would not be the same again. */
static bool
text_of(const char *chars, size_t len, char text[16])
{
    ASSERT(len <= 16);
    for (size_t i = 0; i < len; i++) {
        if (chars[i] < ' ' || chars[i] > '~')
            return false;
    }
    while (len > 0 && chars[len - 1] == ' ')
        len--;
    memset(text, 0, 16);
    memcpy(text, chars, len);
    return true;
}

/* message_refused is the command that says that a message meant nothing, or that the
 * gateway itself answers it. */
static unsigned
message_refused(const struct ouch_origin *origin,
                uint8_t type,
                uint32_t no,
                struct refusal refusal,
                const char text[16],
                union cell *cells)
{
    cells->message_refused = (struct cell_message_refused){
        .kind = CELL_KIND_MESSAGE_REFUSED,
        .shape = 1,
        .time = origin->time_ns,
        .ref_no = no,
        .template_id = type,
        .reason = (uint16_t)refusal.reason,
        .code = refusal.code,
        .session = origin->session,
        .in_no = (uint16_t)no,
    };
    memcpy(cells->message_refused.text, text, sizeof cells->message_refused.text);
    return 1;
}

/* firm_known says whether a message is about the session's own firm, or about none. */
static bool
firm_known(const struct ouch_origin *origin, const char firm[4])
{
    return is_blank(firm, 4) || memcmp(firm, origin->party->firm, 4) == 0;
}

/* An option that is not carried, and the value of it, if any, that asks for nothing. */
struct unmet {
    uint64_t has;
    size_t value_off;
    size_t value_len;
    char idle; /* 0: it always asks for something */
    uint16_t code;
};

#define UNMET(name, upper, idle, code)                                          \
 {                                                                              \
  OUCH_OPTIONS_HAS_##upper, offsetof(struct ouch_options, name),                \
      sizeof(((struct ouch_options *)0)->name), idle, OUCH_REJECT_REASON_##code \
 }

static const struct unmet unmets[] = {
    UNMET(customer_type, CUSTOMER_TYPE, 'N', RETAIL_NOT_ALLOWED),
    UNMET(discretion_price, DISCRETION_PRICE, 0, PEGGING_NOT_ALLOWED),
    UNMET(discretion_price_type, DISCRETION_PRICE_TYPE, 0, PEGGING_NOT_ALLOWED),
    UNMET(discretion_peg_offset, DISCRETION_PEG_OFFSET, 0, PEGGING_NOT_ALLOWED),
    UNMET(route, ROUTE, ' ', ROUTING_NOT_ALLOWED),
    UNMET(trade_now, TRADE_NOW, 'N', OTHER),
    UNMET(handle_inst, HANDLE_INST, ' ', OTHER),
    UNMET(group_id, GROUP_ID, '\0', OTHER),
    UNMET(shares_located, SHARES_LOCATED, 'N', OTHER),
    UNMET(locate_broker, LOCATE_BROKER, ' ', OTHER),
    UNMET(user_ref_idx, USER_REF_IDX, '\0', OTHER),
};

/* asks_nothing says whether the value of an option is as good as none: all spaces, or
 * the value that says no. Zeros are numbers that say no. */
static bool
asks_nothing(const struct unmet *unmet, const struct ouch_options *options)
{
    const char *value = (const char *)options + unmet->value_off;
    const bool number =
        unmet->has == OUCH_OPTIONS_HAS_GROUP_ID || unmet->has == OUCH_OPTIONS_HAS_USER_REF_IDX;

    if (number) {
        static const char zeros[8];

        return memcmp(value, zeros, unmet->value_len) == 0;
    }
    return unmet->idle != 0 && (is_blank(value, unmet->value_len) ||
                                (unmet->value_len == 1 && value[0] == unmet->idle));
}

/* options_refusal refuses options that ask for what no order here has. */
static struct refusal
options_refusal(const struct ouch_origin *origin, const struct ouch_options *options)
{
    if ((options->has & OUCH_OPTIONS_HAS_FIRM) != 0 && !firm_known(origin, options->firm))
        return refuse(OE_REJECT_REASON_ACCOUNT_NOT_OF_FIRM, OUCH_REJECT_REASON_FIRM_NOT_AUTHORIZED);
    for (unsigned i = 0; i < ARRAY_LEN(unmets); i++) {
        if ((options->has & unmets[i].has) != 0 && !asks_nothing(&unmets[i], options))
            return (struct refusal){OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED, unmets[i].code};
    }
    return fine;
}

/* take_price turns a price into the cell's; 0 is none. */
static struct refusal
take_price(uint64_t price, px_t *px)
{
    *px = 0;
    if (price > OUCH_PRICE_MAX)
        return refuse(OE_REJECT_REASON_INVALID_PRICE, OUCH_REJECT_REASON_INVALID_PRICE);
    *px = (px_t)price * OUCH_PX_UNIT;
    return fine;
}
_Static_assert(OUCH_PRICE_MAX < PX_MAX / OUCH_PX_UNIT, "the product fits");

static struct refusal
take_qty(uint32_t qty)
{
    if (qty == 0 || qty >= OUCH_QTY_END)
        return refuse(OE_REJECT_REASON_INVALID_QUANTITY, OUCH_REJECT_REASON_INVALID_QUANTITY);
    return fine;
}

/* take_side: a sale has no marking here. */
static struct refusal
take_side(uint8_t side)
{
    switch (side) {
    case OUCH_SIDE_BUY:
    case OUCH_SIDE_SELL:
        return fine;
    case OUCH_SIDE_SELL_SHORT:
    case OUCH_SIDE_SELL_SHORT_EXEMPT:
        return refuse(OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED, OUCH_REJECT_REASON_INVALID_SIDE);
    default:
        return refuse(OE_REJECT_REASON_MALFORMED_MESSAGE, OUCH_REJECT_REASON_INVALID_SIDE);
    }
}

/* expire_ns is the time of day in seconds as a time; 0 if there is no such second. */
static uint64_t
expire_ns(const struct ouch_origin *origin, uint32_t seconds)
{
    if (seconds >= DAY_S)
        return 0;
    return origin->time_ns / DAY_NS * DAY_NS + seconds * SECOND_NS;
}

/* take_tif reads time in force and expire time. An IOC that must be filled at once and
 * in full is a fill or kill. */
static struct refusal
take_tif(const struct ouch_origin *origin,
         uint8_t tif,
         const struct ouch_options *options,
         uint8_t *cell_tif,
         uint64_t *expire_time)
{
    const bool expires = (options->has & OUCH_OPTIONS_HAS_EXPIRE_TIME) != 0;

    *expire_time = 0;
    *cell_tif = OE_TIME_IN_FORCE_DAY;
    switch (tif) {
    case OUCH_TIME_IN_FORCE_DAY:
        break;
    case OUCH_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL:
        *cell_tif = OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL;
        break;
    case OUCH_TIME_IN_FORCE_GOOD_TILL_TIME:
        *cell_tif = OE_TIME_IN_FORCE_GOOD_TILL_DATE;
        break;
    default:
        return refuse(OE_REJECT_REASON_TIME_IN_FORCE_NOT_ALLOWED, OUCH_REJECT_REASON_OTHER);
    }
    if (expires != (tif == OUCH_TIME_IN_FORCE_GOOD_TILL_TIME))
        return refuse(OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED, OUCH_REJECT_REASON_OTHER);
    if (expires)
        *expire_time = expire_ns(origin, options->expire_time);
    if (expires && *expire_time == 0)
        return refuse(OE_REJECT_REASON_INVALID_EXPIRE_TIME, OUCH_REJECT_REASON_OTHER);
    return fine;
}

/* What stands in both an order and its replace. */
struct wish {
    uint8_t exec_inst;
    uint8_t exec_mask; /* those of which something is said */
    uint8_t ord_type;
    bool typed; /* the type is said */
};

/* take_pegs reads the option of the price's kind. */
static struct refusal
take_pegs(const struct ouch_options *options, struct wish *wish)
{
    wish->ord_type = OE_ORD_TYPE_LIMIT;
    wish->typed = (options->has & OUCH_OPTIONS_HAS_PRICE_TYPE) != 0;
    if (!wish->typed)
        return fine;
    wish->ord_type = OE_ORD_TYPE_PEGGED;
    wish->exec_mask |= OE_EXEC_INST_PEG_OPPOSITE | OE_EXEC_INST_PEG_MID;
    switch (options->price_type) {
    case 'L':
        wish->ord_type = OE_ORD_TYPE_LIMIT;
        return fine;
    case 'P':
        wish->exec_inst |= OE_EXEC_INST_PEG_OPPOSITE;
        return fine;
    case 'M':
        wish->exec_inst |= OE_EXEC_INST_PEG_MID;
        return fine;
    case 'R':
        return fine;
    default:
        return refuse(OE_REJECT_REASON_ORDER_TYPE_NOT_ALLOWED, OUCH_REJECT_REASON_INVALID_PEG_TYPE);
    }
}

static struct refusal
take_wish(uint8_t display, uint8_t sweep, const struct ouch_options *options, struct wish *wish)
{
    struct refusal refusal;

    *wish = (struct wish){.exec_mask = OE_EXEC_INST_HIDDEN};
    if (display != OUCH_DISPLAY_VISIBLE && display != OUCH_DISPLAY_HIDDEN)
        return refuse(OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED, OUCH_REJECT_REASON_INVALID_DISPLAY);
    if (display == OUCH_DISPLAY_HIDDEN)
        wish->exec_inst |= OE_EXEC_INST_HIDDEN;
    if (sweep != OUCH_YES_NO_NO)
        return refuse(OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED, OUCH_REJECT_REASON_ISO_NOT_ALLOWED);
    refusal = take_pegs(options, wish);
    if (refusal.code != 0 || (options->has & OUCH_OPTIONS_HAS_POST_ONLY) == 0)
        return refusal;
    wish->exec_mask |= OE_EXEC_INST_POST_ONLY;
    if (options->post_only == 'P')
        wish->exec_inst |= OE_EXEC_INST_POST_ONLY;
    else if (options->post_only != 'N')
        return refuse(OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED, OUCH_REJECT_REASON_OTHER);
    return fine;
}

/* take_floor reads what an iceberg shows. */
static struct refusal
take_floor(const struct ouch_options *options, struct cell_order_extension *ext)
{
    const bool ranges =
        (options->has & OUCH_OPTIONS_HAS_RANDOM_RESERVES) != 0 && options->random_reserves != 0;

    if ((options->has & OUCH_OPTIONS_HAS_MAX_FLOOR) != 0)
        ext->display_qty = options->max_floor;
    if (!ranges)
        return fine;
    if (ext->display_qty == 0 || options->random_reserves > UINT16_MAX)
        return refuse(OE_REJECT_REASON_INVALID_DISPLAY_QTY, OUCH_REJECT_REASON_INVALID_MAX_FLOOR);
    ext->display_range = (uint16_t)options->random_reserves;
    return fine;
}

/* take_cross: an order of a cross is one of the day, and may have no limit. */
static struct refusal
take_cross(uint8_t cross, uint64_t price, struct cell_order_new *order)
{
    switch (cross) {
    case OUCH_CROSS_TYPE_CONTINUOUS:
        return fine;
    case OUCH_CROSS_TYPE_OPENING:
    case OUCH_CROSS_TYPE_CLOSING:
        break;
    default:
        return refuse(OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED,
                      OUCH_REJECT_REASON_INVALID_CROSS_ORDER);
    }
    if (order->tif != OE_TIME_IN_FORCE_DAY || order->ord_type != OE_ORD_TYPE_LIMIT)
        return refuse(OE_REJECT_REASON_TIME_IN_FORCE_NOT_ALLOWED,
                      OUCH_REJECT_REASON_INVALID_CROSS_ORDER);
    order->tif = cross == OUCH_CROSS_TYPE_OPENING ? OE_TIME_IN_FORCE_AT_THE_OPENING
                                                  : OE_TIME_IN_FORCE_AT_THE_CLOSE;
    if (price == OUCH_PRICE_MARKET)
        order->ord_type = OE_ORD_TYPE_MARKET;
    return fine;
}

/* take_limit: a peg may have none; nothing else but a market order of a cross. */
static struct refusal
take_limit(uint64_t price, struct cell_order_new *order)
{
    if (order->ord_type == OE_ORD_TYPE_MARKET)
        return fine;
    if (price == 0 && order->ord_type != OE_ORD_TYPE_PEGGED)
        return refuse(OE_REJECT_REASON_INVALID_PRICE, OUCH_REJECT_REASON_INVALID_PRICE);
    return take_price(price, &order->px);
}

static struct refusal
take_capacity(uint8_t capacity, const struct ouch_party *party, uint8_t *stp_capacity)
{
    switch (capacity) {
    case OUCH_CAPACITY_AGENCY:
    case OUCH_CAPACITY_PRINCIPAL:
    case OUCH_CAPACITY_RISKLESS:
        *stp_capacity = cell_stp_capacity(party->stp, (char)capacity);
        return fine;
    default:
        return refuse(OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED, OUCH_REJECT_REASON_OTHER);
    }
}
_Static_assert((int)OUCH_CAPACITY_AGENCY == (int)OE_ORDER_CAPACITY_AGENCY &&
                   (int)OUCH_CAPACITY_PRINCIPAL == (int)OE_ORDER_CAPACITY_PRINCIPAL &&
                   (int)OUCH_CAPACITY_RISKLESS == (int)OE_ORDER_CAPACITY_RISKLESS_PRINCIPAL,
               "one letter for a capacity");

/* take_min_qty: an IOC that must be filled in full is a fill or kill. */
static void
take_min_qty(const struct ouch_options *options,
             struct cell_order_new *order,
             struct cell_order_extension *ext)
{
    if ((options->has & OUCH_OPTIONS_HAS_MIN_QTY) == 0)
        return;
    if (order->tif == OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL && options->min_qty == order->qty)
        order->tif = OE_TIME_IN_FORCE_FILL_OR_KILL;
    else
        ext->min_qty = options->min_qty;
}

/* take_attributes reads what is rare in an order. */
static struct refusal
take_attributes(const struct ouch_origin *origin,
                const struct ouch_enter_order *msg,
                const struct ouch_options *options,
                struct cell_order_new *order,
                struct cell_order_extension *ext)
{
    struct wish wish;
    struct refusal refusal = take_wish(msg->display, msg->inter_market_sweep, options, &wish);

    if (refusal.code == 0)
        refusal = take_tif(origin, msg->time_in_force, options, &order->tif, &ext->expire_time);
    if (refusal.code == 0)
        refusal = take_floor(options, ext);
    if (refusal.code == 0)
        refusal = take_capacity(msg->capacity, origin->party, &order->stp_capacity);
    if (refusal.code != 0)
        return refusal;
    order->exec_inst = wish.exec_inst;
    order->ord_type = wish.ord_type;
    take_min_qty(options, order, ext);
    if ((options->has & OUCH_OPTIONS_HAS_PEG_OFFSET) == 0 || options->peg_offset == 0)
        return fine;
    if (order->ord_type != OE_ORD_TYPE_PEGGED)
        return refuse(OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED, OUCH_REJECT_REASON_INVALID_PEG_TYPE);
    ext->peg_offset_px = options->peg_offset * OUCH_PX_UNIT;
    return fine;
}

/* take_order reads all of an order, or says why not. */
static struct refusal
take_order(const struct ouch_origin *origin,
           const struct ouch_enter_order *msg,
           const struct ouch_options *options,
           struct cell_order_new *order,
           struct cell_order_extension *ext)
{
    const uint64_t price = ouch_enter_order_price(msg);
    struct refusal refusal;

    if (origin->disabled)
        return refuse(OE_REJECT_REASON_KILL_SWITCH, OUCH_REJECT_REASON_FIRM_NOT_AUTHORIZED);
    order->qty = ouch_enter_order_quantity(msg);
    order->instrument = ouch_names_find(origin->names, msg->symbol);
    if (order->instrument == CELL_ANY)
        return refuse(OE_REJECT_REASON_UNKNOWN_INSTRUMENT, OUCH_REJECT_REASON_INVALID_SYMBOL);
    refusal = take_side(msg->side);
    if (refusal.code == 0)
        refusal = take_qty(order->qty);
    if (refusal.code == 0)
        refusal = options_refusal(origin, options);
    if (refusal.code == 0)
        refusal = take_attributes(origin, msg, options, order, ext);
    if (refusal.code == 0)
        refusal = take_cross(msg->cross_type, price, order);
    if (refusal.code == 0)
        refusal = take_limit(price, order);
    return refusal;
}

static bool
is_extended(const struct cell_order_extension *ext)
{
    return (ext->display_qty | ext->min_qty | ext->display_range) != 0 || ext->expire_time != 0 ||
           ext->peg_offset_px != 0 || ext->text[0] != '\0';
}

static unsigned
decode_enter(const struct ouch_origin *origin, const uint8_t *buf, size_t len, union cell *cells)
{
    const struct ouch_enter_order *msg = ouch_enter_order_view(buf, len);
    struct cell_order_extension ext = {.kind = CELL_KIND_ORDER_EXTENSION};
    struct cell_order_new order = {.kind = CELL_KIND_ORDER_NEW, .account = origin->party->account};
    struct ouch_options options;
    struct refusal refusal;

    if (msg == NULL)
        return 0;

    const uint32_t no = ouch_enter_order_user_ref_num(msg);

    if (!text_of(msg->cl_ord_id, sizeof msg->cl_ord_id, ext.text) ||
        !ouch_options_parse(buf + OUCH_ENTER_ORDER_BLOCK, len - OUCH_ENTER_ORDER_BLOCK, &options))
        refusal = refuse(OE_REJECT_REASON_MALFORMED_MESSAGE, OUCH_REJECT_REASON_OTHER);
    else
        refusal = take_order(origin, msg, &options, &order, &ext);
    if (no == 0)
        return 0;
    if (refusal.code != 0)
        return message_refused(origin, OUCH_ENTER_ORDER_TYPE, no, refusal, ext.text, cells);

    const unsigned cnt = is_extended(&ext) ? 2 : 1;

    order.shape = (uint8_t)(cnt | (msg->side == OUCH_SIDE_SELL ? CELL_SELL : 0));
    order.time = origin->time_ns;
    order.clord = no;
    order.session = origin->session;
    order.in_no = (uint16_t)no;
    cells[0].order_new = order;
    if (cnt > 1)
        cells[1].order_extension = ext;
    return cnt;
}

/* take_replace reads what a replace asks for, or says why it cannot be. */
static struct refusal
take_replace(const struct ouch_origin *origin,
             const struct ouch_replace_order *msg,
             const struct ouch_options *options,
             struct cell_order_replace *replace,
             struct cell_replace_detail *detail,
             struct cell_replace_terms *terms)
{
    struct cell_order_extension ext = {.kind = CELL_KIND_ORDER_EXTENSION};
    struct wish wish;
    struct refusal refusal = take_qty(replace->qty);

    if (refusal.code == 0)
        refusal = options_refusal(origin, options);
    if (refusal.code == 0)
        refusal = take_wish(msg->display, msg->inter_market_sweep, options, &wish);
    if (refusal.code == 0)
        refusal = take_tif(origin, msg->time_in_force, options, &terms->tif, &detail->expire_time);
    if (refusal.code == 0)
        refusal = take_floor(options, &ext);
    if (refusal.code == 0)
        refusal = take_price(ouch_replace_order_price(msg), &replace->px);
    if (refusal.code == 0 && (options->has & OUCH_OPTIONS_HAS_SIDE) != 0)
        refusal = take_side(options->side);
    if (refusal.code != 0)
        return refusal;
    /* What the order has of these, and a replace cannot change. */
    if (ext.display_range != 0 ||
        ((options->has & OUCH_OPTIONS_HAS_PEG_OFFSET) != 0 && options->peg_offset != 0))
        return refuse(OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED, OUCH_REJECT_REASON_OTHER);
    if ((options->has & OUCH_OPTIONS_HAS_MIN_QTY) != 0)
        detail->min_qty = options->min_qty;
    if ((options->has & OUCH_OPTIONS_HAS_SIDE) != 0)
        terms->side = options->side == OUCH_SIDE_SELL ? OE_SIDE_SELL : OE_SIDE_BUY;
    detail->display_qty = ext.display_qty;
    terms->exec_inst = wish.exec_inst;
    terms->exec_mask = wish.exec_mask;
    terms->ord_type = wish.typed ? wish.ord_type : 0;
    return fine;
}

/* put_replace writes the three cells of a replace. */
static unsigned
put_replace(const struct ouch_origin *origin,
            uint32_t no,
            const struct cell_order_replace *replace,
            const struct cell_replace_detail *detail,
            const struct cell_replace_terms *terms,
            union cell *cells)
{
    cells[0].order_replace = *replace;
    cells[0].order_replace.kind = CELL_KIND_ORDER_REPLACE;
    cells[0].order_replace.shape = 3;
    cells[0].order_replace.instrument = CELL_ANY;
    cells[0].order_replace.time = origin->time_ns;
    cells[0].order_replace.clord = no;
    cells[0].order_replace.session = origin->session;
    cells[0].order_replace.in_no = (uint16_t)no;
    cells[1].replace_detail = *detail;
    cells[1].replace_detail.kind = CELL_KIND_REPLACE_DETAIL;
    cells[2].replace_terms = *terms;
    cells[2].replace_terms.kind = CELL_KIND_REPLACE_TERMS;
    return 3;
}

static unsigned
decode_replace(const struct ouch_origin *origin, const uint8_t *buf, size_t len, union cell *cells)
{
    const struct ouch_replace_order *msg = ouch_replace_order_view(buf, len);
    struct cell_order_replace replace = {.px = 0};
    struct cell_replace_detail detail = {.min_qty = 0};
    struct cell_replace_terms terms = {.flags = CELL_REPLACE_FLAGS_OR_CANCEL};
    struct ouch_options options;
    struct refusal refusal;

    if (msg == NULL)
        return 0;

    const uint32_t no = ouch_replace_order_user_ref_num(msg);

    detail.orig_clord = ouch_replace_order_orig_user_ref_num(msg);
    replace.qty = ouch_replace_order_quantity(msg);
    if (no == 0 || detail.orig_clord == 0)
        return 0;
    if (!text_of(msg->cl_ord_id, sizeof msg->cl_ord_id, terms.text) ||
        !ouch_options_parse(buf + OUCH_REPLACE_ORDER_BLOCK, len - OUCH_REPLACE_ORDER_BLOCK,
                            &options))
        refusal = refuse(OE_REJECT_REASON_MALFORMED_MESSAGE, OUCH_REJECT_REASON_OTHER);
    else
        refusal = take_replace(origin, msg, &options, &replace, &detail, &terms);
    if (origin->disabled)
        refusal = refuse(OE_REJECT_REASON_KILL_SWITCH, OUCH_REJECT_REASON_FIRM_NOT_AUTHORIZED);
    terms.refusal = (uint16_t)refusal.reason;
    return put_replace(origin, no, &replace, &detail, &terms, cells);
}

/* put_reduce writes a replace that makes an order smaller. */
static unsigned
put_reduce(const struct ouch_origin *origin,
           uint32_t no,
           uint32_t qty,
           struct cell_replace_terms terms,
           union cell *cells)
{
    const struct cell_order_replace replace = {.qty = qty};
    const struct cell_replace_detail detail = {.orig_clord = no};

    terms.flags |= CELL_REPLACE_FLAGS_REDUCE;
    return put_replace(origin, no, &replace, &detail, &terms, cells);
}

/* appended says whether what stands behind a message without options is an appendage,
 * whatever is in it. */
static bool
appended(const uint8_t *buf, size_t len, size_t block)
{
    struct ouch_options options;

    return ouch_options_parse(buf + block, len - block, &options);
}

static unsigned
decode_cancel(const struct ouch_origin *origin, const uint8_t *buf, size_t len, union cell *cells)
{
    const struct ouch_cancel_order *msg = ouch_cancel_order_view(buf, len);

    if (msg == NULL || !appended(buf, len, OUCH_CANCEL_ORDER_BLOCK))
        return 0;

    const uint32_t no = ouch_cancel_order_user_ref_num(msg);
    const uint32_t qty = ouch_cancel_order_quantity(msg);

    if (no == 0)
        return 0;
    if (qty != 0)
        return put_reduce(origin, no, qty, (struct cell_replace_terms){.flags = 0}, cells);
    cells->order_cancel = (struct cell_order_cancel){
        .kind = CELL_KIND_ORDER_CANCEL,
        .shape = 1,
        .instrument = CELL_ANY,
        .time = origin->time_ns,
        .clord = no,
        .orig_clord = no,
        .session = origin->session,
        .in_no = (uint16_t)no,
    };
    return 1;
}

/* decode_modify: an order is bought or sold; which marking a sale has is not kept. */
static unsigned
decode_modify(const struct ouch_origin *origin, const uint8_t *buf, size_t len, union cell *cells)
{
    const struct ouch_modify_order *msg = ouch_modify_order_view(buf, len);

    if (msg == NULL || !appended(buf, len, OUCH_MODIFY_ORDER_BLOCK))
        return 0;

    const uint32_t no = ouch_modify_order_user_ref_num(msg);
    const struct cell_replace_terms terms = {
        .flags = CELL_REPLACE_FLAGS_MODIFY,
        .side = msg->side == OUCH_SIDE_BUY ? OE_SIDE_BUY : OE_SIDE_SELL,
        .refusal = (uint16_t)take_side(msg->side).reason,
    };

    return no != 0 ? put_reduce(origin, no, ouch_modify_order_quantity(msg), terms, cells) : 0;
}

static unsigned
decode_mass_cancel(const struct ouch_origin *origin,
                   const uint8_t *buf,
                   size_t len,
                   union cell *cells)
{
    static const char none[16];
    const struct ouch_mass_cancel *msg = ouch_mass_cancel_view(buf, len);

    if (msg == NULL || !appended(buf, len, OUCH_MASS_CANCEL_BLOCK))
        return 0;

    const uint32_t no = ouch_mass_cancel_user_ref_num(msg);
    const bool all = is_blank(msg->symbol, sizeof msg->symbol);
    const uint32_t instrument = all ? CELL_ANY : ouch_names_find(origin->names, msg->symbol);

    if (no == 0)
        return 0;
    if (!firm_known(origin, msg->firm))
        return message_refused(
            origin, OUCH_MASS_CANCEL_TYPE, no,
            refuse(OE_REJECT_REASON_ACCOUNT_NOT_OF_FIRM, OUCH_REJECT_REASON_FIRM_NOT_AUTHORIZED),
            none, cells);
    if (!all && instrument == CELL_ANY)
        return message_refused(
            origin, OUCH_MASS_CANCEL_TYPE, no,
            refuse(OE_REJECT_REASON_UNKNOWN_INSTRUMENT, OUCH_REJECT_REASON_INVALID_SYMBOL), none,
            cells);
    cells->mass_cancel = (struct cell_mass_cancel){
        .kind = CELL_KIND_MASS_CANCEL,
        .shape = 1,
        .instrument = instrument,
        .time = origin->time_ns,
        .clord = no,
        .scope = OE_MASS_CANCEL_SCOPE_SESSION,
        .side = OE_SIDE_FILTER_ANY,
        .reason = OE_CANCEL_REASON_MASS_CANCEL,
        .account = is_blank(msg->firm, sizeof msg->firm) ? CELL_ANY : origin->party->account,
        .session = origin->session,
        .in_no = (uint16_t)no,
    };
    return 1;
}

/* decode_entry reads DisableEntry and EnableEntry, which differ by their type. */
static unsigned
decode_entry(const struct ouch_origin *origin, const uint8_t *buf, size_t len, union cell *cells)
{
    struct ouch_disable_entry msg;
    char text[16];

    if (len < sizeof msg || !appended(buf, len, OUCH_DISABLE_ENTRY_BLOCK))
        return 0;
    memcpy(&msg, buf, sizeof msg);

    const uint32_t no = ouch_disable_entry_user_ref_num(&msg);
    struct refusal refusal = fine;

    if (no == 0 || !text_of(msg.firm, sizeof msg.firm, text))
        return 0;
    if (!firm_known(origin, msg.firm))
        refusal =
            refuse(OE_REJECT_REASON_ACCOUNT_NOT_OF_FIRM, OUCH_REJECT_REASON_FIRM_NOT_AUTHORIZED);
    if (refusal.code != 0)
        memset(text, 0, sizeof text);
    return message_refused(origin, buf[0], no, refusal, text, cells);
}
_Static_assert(OUCH_DISABLE_ENTRY_BLOCK == OUCH_ENABLE_ENTRY_BLOCK &&
                   offsetof(struct ouch_disable_entry, firm) ==
                       offsetof(struct ouch_enable_entry, firm),
               "read as one");

static unsigned
decode_query(const struct ouch_origin *origin, const uint8_t *buf, size_t len, union cell *cells)
{
    static const char none[16];

    if (!appended(buf, len, OUCH_ACCOUNT_QUERY_BLOCK))
        return 0;
    (void)message_refused(origin, OUCH_ACCOUNT_QUERY_TYPE, 0, fine, none, cells);
    cells->message_refused.next_no =
        origin->next_no <= UINT32_MAX ? (uint32_t)origin->next_no : UINT32_MAX;
    return 1;
}

unsigned
ouch_decode(const struct ouch_origin *origin, const uint8_t *buf, size_t len, union cell *cells)
{
    if (len < 1 || len > OUCH_MESSAGE_BYTES_MAX)
        return 0;
    switch (buf[0]) {
    case OUCH_ENTER_ORDER_TYPE:
        return decode_enter(origin, buf, len, cells);
    case OUCH_REPLACE_ORDER_TYPE:
        return decode_replace(origin, buf, len, cells);
    case OUCH_CANCEL_ORDER_TYPE:
        return decode_cancel(origin, buf, len, cells);
    case OUCH_MODIFY_ORDER_TYPE:
        return decode_modify(origin, buf, len, cells);
    case OUCH_MASS_CANCEL_TYPE:
        return decode_mass_cancel(origin, buf, len, cells);
    case OUCH_DISABLE_ENTRY_TYPE:
    case OUCH_ENABLE_ENTRY_TYPE:
        return decode_entry(origin, buf, len, cells);
    case OUCH_ACCOUNT_QUERY_TYPE:
        return decode_query(origin, buf, len, cells);
    default:
        return 0;
    }
}

unsigned
ouch_refuse_rate(union cell *cells, unsigned count, uint32_t retry_us)
{
    const union cell was = cells[0];
    const bool reduces = count > 2 && cell_kind(&cells[2]) == CELL_KIND_REPLACE_TERMS &&
                         (cells[2].replace_terms.flags & CELL_REPLACE_FLAGS_REDUCE) != 0;
    struct cell_message_refused refused = {
        .kind = CELL_KIND_MESSAGE_REFUSED,
        .shape = 1,
        .time = cell_time(&was),
        .reason = OE_REJECT_REASON_THROTTLED,
        .retry_us = retry_us,
        .session = cell_session(&was),
    };

    switch (cell_kind(&was)) {
    case CELL_KIND_ORDER_NEW:
        refused.template_id = OUCH_ENTER_ORDER_TYPE;
        if (count > 1 && cell_kind(&cells[1]) == CELL_KIND_ORDER_EXTENSION)
            memcpy(refused.text, cells[1].order_extension.text, sizeof refused.text);
        break;
    case CELL_KIND_ORDER_REPLACE:
        refused.template_id = OUCH_REPLACE_ORDER_TYPE;
        if (reduces)
            refused.template_id = OUCH_CANCEL_ORDER_TYPE;
        else if (count > 2)
            memcpy(refused.text, cells[2].replace_terms.text, sizeof refused.text);
        break;
    case CELL_KIND_ORDER_CANCEL:
        refused.template_id = OUCH_CANCEL_ORDER_TYPE;
        break;
    case CELL_KIND_MASS_CANCEL:
        refused.template_id = OUCH_MASS_CANCEL_TYPE;
        break;
    default:
        return count;
    }
    if (refused.template_id == OUCH_CANCEL_ORDER_TYPE)
        refused.next_no =
            (uint32_t)(reduces ? was.order_replace.clord : was.order_cancel.orig_clord);
    else
        refused.ref_no = was.order_new.clord;
    refused.in_no = (uint16_t)refused.ref_no;
    cells[0].message_refused = refused;
    return 1;
}
