#include "gateway/client.h"
#include "proto/orders.h"

#include "tools/clock.h"
#include "tools/flow_private.h"

#define DEPTH_TICKS     20u
#define LOTS_MAX        10u
#define REFERENCE_TICKS 10000u /* of an instrument without a reference price */
#define QUOTES_MAX      16u
#define GTD_NS_MIN      1000000u
#define GTD_NS_SPREAD   1000000000u

/* flow_draw returns a number below bound: splitmix64. */
uint32_t
flow_draw(struct flow *flow, uint32_t bound)
{
    uint64_t z = (flow->random += 0x9e3779b97f4a7c15ull);

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return (uint32_t)(((z ^ z >> 31) >> 32) * bound >> 32);
}

static px_t
reference_px(const struct config_instrument *instrument)
{
    return instrument->reference_px != 0 ? instrument->reference_px
                                         : instrument->tick_px * (px_t)REFERENCE_TICKS;
}

/* passive_px draws a price on the order's own side of the reference. */
static px_t
passive_px(struct flow *flow, const struct config_instrument *instrument, bool sell)
{
    const px_t away = instrument->tick_px * (px_t)(1 + flow_draw(flow, DEPTH_TICKS));

    return reference_px(instrument) + (sell ? away : -away);
}

/* fill_order draws a limit order that rests. */
static void
fill_order(struct flow *flow, struct order *order, uint64_t clord, struct oe_new_order_single *msg)
{
    const struct flow_session *session = &flow->sessions[order->session];

    order->instrument = (uint16_t)flow->instruments[flow_draw(flow, flow->instruments_cnt)];
    order->sell = flow_draw(flow, 2) == 1;
    const struct config_instrument *instrument = &flow->config->instruments[order->instrument];

    order->account =
        flow->config->accounts[session->accounts[flow_draw(flow, session->accounts_cnt)]].id;
    order->qty = instrument->lot_qty * (1 + flow_draw(flow, LOTS_MAX));
    client_order_new(msg);
    msg->cl_ord_id = clord;
    msg->price = passive_px(flow, instrument, order->sell);
    msg->security_id = instrument->id;
    msg->order_qty = order->qty;
    msg->account = order->account;
    msg->side = order->sell ? OE_SIDE_SELL : OE_SIDE_BUY;
}

/* cross gives the order a price that reaches through the other side. */
static void
cross(const struct flow *flow, const struct order *order, struct oe_new_order_single *msg)
{
    const struct config_instrument *instrument = &flow->config->instruments[order->instrument];
    const px_t reach = instrument->tick_px * (px_t)DEPTH_TICKS;

    msg->price = reference_px(instrument) + (order->sell ? -reach : reach);
}

size_t
flow_make_order(struct flow *flow, struct order *order, uint64_t clord, bool ioc, uint8_t *buf)
{
    struct oe_new_order_single msg;

    fill_order(flow, order, clord, &msg);
    if (ioc) {
        cross(flow, order, &msg);
        msg.time_in_force = OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL;
    }
    return oe_new_order_single_encode(buf, LOAD_MESSAGE_BYTES_MAX, &msg);
}

/* Orders that are not plain, drawn evenly: of other types, ... */
enum rare_type {
    RARE_STOP,
    RARE_STOP_LIMIT,
    RARE_PEG_PRIMARY,
    RARE_PEG_OPPOSITE,
    RARE_PEG_MID,
    RARE_MARKET,
    RARE_MARKET_TO_LIMIT,
    RARE_FILL_OR_KILL,
    RARE_TYPES_CNT
};

/* ... and limit orders with an attribute. */
enum rare_attribute {
    RARE_ICEBERG,
    RARE_HIDDEN,
    RARE_POST_ONLY,
    RARE_REPRICE,
    RARE_MIN_QTY,
    RARE_GOOD_TILL_DATE,
    RARE_HELD,
    RARE_LINKED,
    RARE_ATTRIBUTES_CNT
};

/* make_pegged: an offset away from the other side, or from the middle. */
static void
make_pegged(struct flow *flow,
            const struct order *order,
            enum rare_type type,
            struct oe_new_order_single *msg)
{
    const px_t tick_px = flow->config->instruments[order->instrument].tick_px;
    const px_t away = tick_px * (px_t)(1 + flow_draw(flow, 4));

    msg->ord_type = OE_ORD_TYPE_PEGGED;
    msg->exec_inst = type == RARE_PEG_OPPOSITE ? OE_EXEC_INST_PEG_OPPOSITE
                     : type == RARE_PEG_MID    ? OE_EXEC_INST_PEG_MID
                                               : 0;
    msg->peg_offset_value = order->sell ? away : -away;
    if (flow_draw(flow, 2) == 0)
        msg->price = OE_NEW_ORDER_SINGLE_PRICE_NULL;
}

/* make_linked names a live order of the session, and moves to its instrument and
 * account; without one the order stays as it is. */
static void
make_linked(struct flow *flow, struct order *order, uint64_t base, struct oe_new_order_single *msg)
{
    const struct flow_session *session = &flow->sessions[order->session];

    if (session->live_cnt == 0)
        return;
    const uint32_t no = session->live[flow_draw(flow, session->live_cnt)];
    const struct order *other = &flow->orders[no];
    const struct config_instrument *instrument = &flow->config->instruments[other->instrument];

    order->instrument = other->instrument;
    order->account = other->account;
    order->qty = instrument->lot_qty * (1 + flow_draw(flow, LOTS_MAX));
    msg->price = passive_px(flow, instrument, order->sell);
    msg->security_id = instrument->id;
    msg->account = other->account;
    msg->order_qty = order->qty;
    msg->linked_cl_ord_id = base + no;
}

/* make_stop waits a little beyond the reference, on the side it runs to. */
static void
make_stop(struct flow *flow,
          const struct order *order,
          enum rare_type type,
          struct oe_new_order_single *msg)
{
    const struct config_instrument *instrument = &flow->config->instruments[order->instrument];

    msg->stop_px = passive_px(flow, instrument, !order->sell);
    msg->ord_type = type == RARE_STOP ? OE_ORD_TYPE_STOP : OE_ORD_TYPE_STOP_LIMIT;
    if (type == RARE_STOP)
        msg->price = OE_NEW_ORDER_SINGLE_PRICE_NULL;
}

static void
make_attribute(struct flow *flow,
               struct order *order,
               uint64_t base,
               struct oe_new_order_single *msg)
{
    const enum rare_attribute attribute = (enum rare_attribute)flow_draw(flow, RARE_ATTRIBUTES_CNT);
    const uint32_t lot = flow->config->instruments[order->instrument].lot_qty;

    switch (attribute) {
    case RARE_ICEBERG:
        order->qty = lot * (4 + flow_draw(flow, 4 * LOTS_MAX));
        msg->order_qty = order->qty;
        msg->display_qty = 2 * lot;
        if (lot <= OE_NEW_ORDER_SINGLE_DISPLAY_RANGE_MAX && flow_draw(flow, 2) == 0)
            msg->display_range = lot;
        break;
    case RARE_HIDDEN:
        msg->exec_inst = OE_EXEC_INST_HIDDEN;
        break;
    case RARE_REPRICE:
        cross(flow, order, msg);
        msg->exec_inst = OE_EXEC_INST_POST_ONLY | OE_EXEC_INST_POST_ONLY_REPRICE;
        break;
    case RARE_POST_ONLY:
        msg->exec_inst = OE_EXEC_INST_POST_ONLY;
        break;
    case RARE_MIN_QTY:
        msg->min_qty = lot;
        cross(flow, order, msg);
        break;
    case RARE_GOOD_TILL_DATE:
        msg->time_in_force = OE_TIME_IN_FORCE_GOOD_TILL_DATE;
        msg->expire_time = clock_utc_ns() + GTD_NS_MIN + flow_draw(flow, GTD_NS_SPREAD);
        break;
    case RARE_HELD:
        msg->time_in_force = flow_draw(flow, 2) == 0 ? OE_TIME_IN_FORCE_AT_THE_OPENING
                                                     : OE_TIME_IN_FORCE_AT_THE_CLOSE;
        break;
    case RARE_LINKED:
        make_linked(flow, order, base, msg);
        break;
    case RARE_ATTRIBUTES_CNT:
    default:
        UNREACHABLE("no such attribute");
    }
}

static void
make_type(struct flow *flow,
          struct order *order,
          enum rare_type type,
          struct oe_new_order_single *msg)
{
    switch (type) {
    case RARE_STOP:
    case RARE_STOP_LIMIT:
        make_stop(flow, order, type, msg);
        break;
    case RARE_PEG_PRIMARY:
    case RARE_PEG_OPPOSITE:
    case RARE_PEG_MID:
        make_pegged(flow, order, type, msg);
        break;
    case RARE_MARKET:
        order->kind = KIND_IOC;
        msg->ord_type = OE_ORD_TYPE_MARKET;
        msg->price = OE_NEW_ORDER_SINGLE_PRICE_NULL;
        break;
    case RARE_MARKET_TO_LIMIT:
        msg->ord_type = OE_ORD_TYPE_MARKET_TO_LIMIT;
        msg->price = OE_NEW_ORDER_SINGLE_PRICE_NULL;
        break;
    case RARE_FILL_OR_KILL:
        order->kind = KIND_IOC;
        msg->time_in_force = OE_TIME_IN_FORCE_FILL_OR_KILL;
        cross(flow, order, msg);
        break;
    case RARE_TYPES_CNT:
    default:
        UNREACHABLE("no such type");
    }
}

/* flow_make_rare draws one of the other orders, with any self-match prevention. */
size_t
flow_make_rare(struct flow *flow, struct order *order, uint64_t base, uint64_t clord, uint8_t *buf)
{
    const uint32_t drawn = flow_draw(flow, RARE_TYPES_CNT + RARE_ATTRIBUTES_CNT);
    struct oe_new_order_single msg;

    fill_order(flow, order, clord, &msg);
    msg.self_match_prevention_instruction = (uint8_t)flow_draw(flow, 5);
    order->kind = KIND_NEW;
    if (drawn < RARE_TYPES_CNT)
        make_type(flow, order, (enum rare_type)drawn, &msg);
    else
        make_attribute(flow, order, base, &msg);
    return oe_new_order_single_encode(buf, LOAD_MESSAGE_BYTES_MAX, &msg);
}

/* flow_make_quotes quotes up to QUOTES_MAX open instruments, each once. */
size_t
flow_make_quotes(struct flow *flow, const struct order *order, uint64_t clord, uint8_t *buf)
{
    const struct flow_session *session = &flow->sessions[order->session];
    struct oe_mass_quote_quote_entries entries[QUOTES_MAX];
    const unsigned most = flow->instruments_cnt < QUOTES_MAX ? flow->instruments_cnt : QUOTES_MAX;
    const unsigned first = flow_draw(flow, flow->instruments_cnt);
    const unsigned cnt = 1 + flow_draw(flow, most);
    const struct oe_mass_quote msg = {
        .quote_id = clord,
        .account =
            flow->config->accounts[session->accounts[flow_draw(flow, session->accounts_cnt)]].id,
        .self_match_prevention_instruction = (uint8_t)flow_draw(flow, 5),
        .order_capacity = OE_ORDER_CAPACITY_PRINCIPAL,
    };

    for (unsigned i = 0; i < cnt; i++) {
        const unsigned index = flow->instruments[(first + i) % flow->instruments_cnt];
        const struct config_instrument *instrument = &flow->config->instruments[index];
        const uint32_t bid_size = instrument->lot_qty * flow_draw(flow, LOTS_MAX);
        const uint32_t offer_size = instrument->lot_qty * flow_draw(flow, LOTS_MAX);

        entries[i] = (struct oe_mass_quote_quote_entries){
            .bid_px = bid_size == 0 ? OE_MASS_QUOTE_QUOTE_ENTRIES_BID_PX_NULL
                                    : passive_px(flow, instrument, false),
            .offer_px = offer_size == 0 ? OE_MASS_QUOTE_QUOTE_ENTRIES_OFFER_PX_NULL
                                        : passive_px(flow, instrument, true),
            .security_id = instrument->id,
            .bid_size = bid_size,
            .offer_size = offer_size,
        };
    }
    return oe_mass_quote_encode(buf, LOAD_MESSAGE_BYTES_MAX, &msg, entries, (uint16_t)cnt);
}
_Static_assert(sizeof(struct oe_header) + sizeof(struct oe_mass_quote) +
                       sizeof(struct oe_group_size) +
                       QUOTES_MAX * sizeof(struct oe_mass_quote_quote_entries) <=
                   LOAD_MESSAGE_BYTES_MAX,
               "a mass quote fits");

/* flow_make_mass_cancel takes one side of one instrument, of the session, an account
 * or the firm. */
size_t
flow_make_mass_cancel(struct flow *flow, const struct order *order, uint64_t clord, uint8_t *buf)
{
    static const uint8_t scopes[] = {OE_MASS_CANCEL_SCOPE_SESSION, OE_MASS_CANCEL_SCOPE_ACCOUNT,
                                     OE_MASS_CANCEL_SCOPE_GROUP, OE_MASS_CANCEL_SCOPE_FIRM};
    const struct flow_session *session = &flow->sessions[order->session];
    const unsigned index = flow->instruments[flow_draw(flow, flow->instruments_cnt)];
    const struct config_account *account =
        &flow->config->accounts[session->accounts[flow_draw(flow, session->accounts_cnt)]];
    const uint8_t scope = scopes[flow_draw(flow, ARRAY_LEN(scopes))];
    const struct oe_order_mass_cancel_request msg = {
        .cl_ord_id = clord,
        .security_id_filter = flow->config->instruments[index].id,
        .account_filter = account->id,
        .mass_cancel_scope = scope,
        .side_filter = flow_draw(flow, 2) == 0 ? OE_SIDE_FILTER_BUY : OE_SIDE_FILTER_SELL,
        .target_group = scope == OE_MASS_CANCEL_SCOPE_GROUP
                            ? flow->config->groups[account->group].id
                            : OE_ORDER_MASS_CANCEL_REQUEST_TARGET_GROUP_NULL,
    };

    return oe_order_mass_cancel_request_encode(buf, LOAD_MESSAGE_BYTES_MAX, &msg);
}

/* named gives the ClOrdID of the order that target is; null where its id names it. */
static uint64_t
named(const struct flow *flow,
      const struct order *order,
      const struct order *target,
      uint64_t clord)
{
    return flow->clords ? clord - (uint64_t)(order - target) : UINT64_MAX;
}
_Static_assert(OE_ORDER_CANCEL_REQUEST_ORIG_CL_ORD_ID_NULL == UINT64_MAX &&
                   OE_ORDER_CANCEL_REPLACE_REQUEST_ORIG_CL_ORD_ID_NULL == UINT64_MAX,
               "as named says");

size_t
flow_make_cancel(const struct flow *flow,
                 struct order *order,
                 const struct order *target,
                 uint64_t clord,
                 uint8_t *buf)
{
    order->instrument = target->instrument;
    struct oe_order_cancel_request msg;

    client_order_cancel(&msg);
    msg.cl_ord_id = clord;
    msg.orig_cl_ord_id = named(flow, order, target, clord);
    if (!flow->clords)
        msg.order_id = target->order_id;
    msg.security_id = flow->config->instruments[target->instrument].id;
    return oe_order_cancel_request_encode(buf, LOAD_MESSAGE_BYTES_MAX, &msg);
}

size_t
flow_make_replace(struct flow *flow,
                  struct order *order,
                  const struct order *target,
                  uint64_t clord,
                  uint8_t *buf)
{
    const struct config_instrument *instrument = &flow->config->instruments[target->instrument];

    order->instrument = target->instrument;
    order->sell = target->sell;
    order->qty = target->qty;
    order->account = target->account;
    struct oe_order_cancel_replace_request msg;

    client_order_replace(&msg);
    msg.cl_ord_id = clord;
    msg.orig_cl_ord_id = named(flow, order, target, clord);
    if (!flow->clords)
        msg.order_id = target->order_id;
    msg.price = passive_px(flow, instrument, target->sell);
    msg.security_id = instrument->id;
    msg.order_qty = order->qty;
    return oe_order_cancel_replace_request_encode(buf, LOAD_MESSAGE_BYTES_MAX, &msg);
}
