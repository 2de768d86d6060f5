#include "tools/flow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/orders.h"

#define DEPTH_TICKS     20u
#define LOTS_MAX        10u
#define LIVE_MIN        16u
#define LIVE_MAX        4096u
#define REFERENCE_TICKS 10000u /* of an instrument without a reference price */

/* What message no was, and, if it made an order that lives, which. */
struct order {
    uint64_t order_id;
    uint32_t live_at; /* place in its session's list, NOT_LIVE if none */
    uint32_t qty;
    uint16_t instrument; /* index in the configuration */
    uint8_t session;
    uint8_t kind;
    bool sell;
};

enum kind {
    KIND_NEW,
    KIND_IOC,
    KIND_CANCEL,
    KIND_REPLACE
};

#define NOT_LIVE UINT32_MAX

struct flow_session {
    const unsigned *accounts;
    unsigned accounts_cnt;
    unsigned *accounts_mem;
    uint32_t *live; /* message numbers of live orders */
    uint32_t live_cnt;
};

struct flow {
    const struct config *config;
    unsigned sessions_cnt;
    uint32_t messages_cnt;
    uint64_t random;
    unsigned *instruments; /* indexes of the open ones */
    unsigned instruments_cnt;
    struct flow_session sessions[LINK_SESSIONS_MAX];
    struct order *orders;
    bool *made;
};

/* draw returns a number below bound: splitmix64. */
static uint32_t
draw(struct flow *flow, uint32_t bound)
{
    uint64_t z = (flow->random += 0x9e3779b97f4a7c15ull);

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return (uint32_t)(((z ^ z >> 31) >> 32) * bound >> 32);
}

static void
live_add(struct flow *flow, uint32_t no)
{
    struct flow_session *session = &flow->sessions[flow->orders[no].session];

    if (session->live_cnt == LIVE_MAX || flow->orders[no].live_at != NOT_LIVE)
        return;
    flow->orders[no].live_at = session->live_cnt;
    session->live[session->live_cnt++] = no;
}

static void
live_remove(struct flow *flow, uint32_t no)
{
    struct flow_session *session = &flow->sessions[flow->orders[no].session];
    const uint32_t at = flow->orders[no].live_at;

    if (at == NOT_LIVE)
        return;
    const uint32_t moved = session->live[--session->live_cnt];
    session->live[at] = moved;
    flow->orders[moved].live_at = at;
    flow->orders[no].live_at = NOT_LIVE;
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
    const px_t away = instrument->tick_px * (px_t)(1 + draw(flow, DEPTH_TICKS));

    return reference_px(instrument) + (sell ? away : -away);
}

static size_t
make_order(struct flow *flow, struct order *order, uint64_t clord, bool ioc, uint8_t *buf)
{
    const struct flow_session *session = &flow->sessions[order->session];

    order->instrument = (uint16_t)flow->instruments[draw(flow, flow->instruments_cnt)];
    order->sell = draw(flow, 2) == 1;
    const struct config_instrument *instrument = &flow->config->instruments[order->instrument];
    const unsigned account = session->accounts[draw(flow, session->accounts_cnt)];
    const px_t reach = instrument->tick_px * (px_t)DEPTH_TICKS;
    const px_t ioc_px = reference_px(instrument) + (order->sell ? -reach : reach);

    order->qty = instrument->lot_qty * (1 + draw(flow, LOTS_MAX));
    const struct oe_new_order_single msg = {
        .cl_ord_id = clord,
        .price = ioc ? ioc_px : passive_px(flow, instrument, order->sell),
        .stop_px = OE_NEW_ORDER_SINGLE_STOP_PX_NULL,
        .expire_time = OE_NEW_ORDER_SINGLE_EXPIRE_TIME_NULL,
        .security_id = instrument->id,
        .order_qty = order->qty,
        .display_qty = OE_NEW_ORDER_SINGLE_DISPLAY_QTY_NULL,
        .min_qty = OE_NEW_ORDER_SINGLE_MIN_QTY_NULL,
        .account = flow->config->accounts[account].id,
        .client_short_code = OE_NEW_ORDER_SINGLE_CLIENT_SHORT_CODE_NULL,
        .decision_short_code = OE_NEW_ORDER_SINGLE_DECISION_SHORT_CODE_NULL,
        .execution_short_code = OE_NEW_ORDER_SINGLE_EXECUTION_SHORT_CODE_NULL,
        .peg_offset_value = OE_NEW_ORDER_SINGLE_PEG_OFFSET_VALUE_NULL,
        .linked_cl_ord_id = OE_NEW_ORDER_SINGLE_LINKED_CL_ORD_ID_NULL,
        .display_range = OE_NEW_ORDER_SINGLE_DISPLAY_RANGE_NULL,
        .side = order->sell ? OE_SIDE_SELL : OE_SIDE_BUY,
        .ord_type = OE_ORD_TYPE_LIMIT,
        .time_in_force = ioc ? OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL : OE_TIME_IN_FORCE_DAY,
        .order_capacity = OE_ORDER_CAPACITY_AGENCY,
    };
    return oe_new_order_single_encode(buf, LOAD_MESSAGE_BYTES_MAX, &msg);
}

static size_t
make_cancel(struct flow *flow,
            struct order *order,
            const struct order *target,
            uint64_t clord,
            uint8_t *buf)
{
    order->instrument = target->instrument;
    const struct oe_order_cancel_request msg = {
        .cl_ord_id = clord,
        .orig_cl_ord_id = OE_ORDER_CANCEL_REQUEST_ORIG_CL_ORD_ID_NULL,
        .order_id = target->order_id,
        .security_id = flow->config->instruments[target->instrument].id,
    };
    return oe_order_cancel_request_encode(buf, LOAD_MESSAGE_BYTES_MAX, &msg);
}

static size_t
make_replace(struct flow *flow,
             struct order *order,
             const struct order *target,
             uint64_t clord,
             uint8_t *buf)
{
    const struct config_instrument *instrument = &flow->config->instruments[target->instrument];

    order->instrument = target->instrument;
    order->sell = target->sell;
    order->qty = target->qty;
    const struct oe_order_cancel_replace_request msg = {
        .cl_ord_id = clord,
        .orig_cl_ord_id = OE_ORDER_CANCEL_REPLACE_REQUEST_ORIG_CL_ORD_ID_NULL,
        .order_id = target->order_id,
        .price = passive_px(flow, instrument, target->sell),
        .stop_px = OE_ORDER_CANCEL_REPLACE_REQUEST_STOP_PX_NULL,
        .expire_time = OE_ORDER_CANCEL_REPLACE_REQUEST_EXPIRE_TIME_NULL,
        .security_id = instrument->id,
        .order_qty = order->qty,
        .display_qty = OE_ORDER_CANCEL_REPLACE_REQUEST_DISPLAY_QTY_NULL,
        .min_qty = OE_ORDER_CANCEL_REPLACE_REQUEST_MIN_QTY_NULL,
    };
    return oe_order_cancel_replace_request_encode(buf, LOAD_MESSAGE_BYTES_MAX, &msg);
}

static enum kind
draw_kind(struct flow *flow, const struct flow_session *session)
{
    const uint32_t percent = draw(flow, 100);

    if (session->live_cnt < LIVE_MIN)
        return percent < 83 ? KIND_NEW : KIND_IOC;
    if (session->live_cnt >= LIVE_MAX / 2)
        return KIND_CANCEL;
    return percent < 50   ? KIND_NEW
           : percent < 60 ? KIND_IOC
           : percent < 90 ? KIND_CANCEL
                          : KIND_REPLACE;
}

/* make draws message no. A message that is made again, because it was not
 * received, is an order of its own: what it named may be gone by now. */
static size_t
make(void *ctx, uint64_t base, uint32_t no, unsigned *session_out, uint8_t *buf)
{
    struct flow *flow = ctx;
    struct order *order = &flow->orders[no];
    const unsigned index = flow->made[no] ? order->session : draw(flow, flow->sessions_cnt);
    struct flow_session *session = &flow->sessions[index];
    const enum kind kind = draw_kind(flow, session);

    live_remove(flow, no);
    *order = (struct order){.session = (uint8_t)index, .kind = (uint8_t)kind, .live_at = NOT_LIVE};
    flow->made[no] = true;
    *session_out = index;
    if (kind == KIND_NEW || kind == KIND_IOC)
        return make_order(flow, order, base + no, kind == KIND_IOC, buf);
    const uint32_t target_no = session->live[draw(flow, session->live_cnt)];
    const struct order *target = &flow->orders[target_no];
    live_remove(flow, target_no);
    return kind == KIND_CANCEL ? make_cancel(flow, order, target, base + no, buf)
                               : make_replace(flow, order, target, base + no, buf);
}

static void
on_report(void *ctx, uint64_t base, const uint8_t *buf, size_t len)
{
    struct flow *flow = ctx;
    const struct oe_execution_report_new *accepted;
    const struct oe_execution_report_replace *replaced;
    const struct oe_execution_report_trade *trade;

    if ((accepted = oe_execution_report_new_view(buf, len)) != NULL) {
        const uint64_t no = accepted->cl_ord_id - base;

        if (no < flow->messages_cnt && flow->orders[no].kind == KIND_NEW) {
            flow->orders[no].order_id = accepted->order_id;
            live_add(flow, (uint32_t)no);
        }
    } else if ((replaced = oe_execution_report_replace_view(buf, len)) != NULL) {
        const uint64_t no = replaced->cl_ord_id - base;

        if (no < flow->messages_cnt) {
            flow->orders[no].order_id = replaced->order_id;
            live_add(flow, (uint32_t)no);
        }
    } else if ((trade = oe_execution_report_trade_view(buf, len)) != NULL) {
        const uint64_t no = trade->cl_ord_id - base;

        if (no < flow->messages_cnt && trade->leaves_qty == 0)
            live_remove(flow, (uint32_t)no);
    }
}

static bool
accounts_find(struct flow *flow, struct flow_session *session, const struct config_session *of)
{
    const struct config *config = flow->config;

    session->accounts_mem = calloc(config->accounts_cnt + 1u, sizeof(unsigned));
    session->live = calloc(LIVE_MAX, sizeof(uint32_t));
    if (session->accounts_mem == NULL || session->live == NULL)
        return false;
    for (unsigned i = 0; i < config->accounts_cnt; i++)
        if (config->groups[config->accounts[i].group].firm == of->firm)
            session->accounts_mem[session->accounts_cnt++] = i;
    session->accounts = session->accounts_mem;
    return session->accounts_cnt > 0;
}

struct flow *
flow_new(const struct config *config,
         const struct config_session *const *sessions,
         unsigned sessions_cnt,
         uint32_t messages_cnt,
         uint64_t seed,
         char why[LINK_WHY_BYTES])
{
    struct flow *flow = calloc(1, sizeof *flow);

    snprintf(why, LINK_WHY_BYTES, "out of memory");
    if (flow == NULL)
        return NULL;
    flow->config = config;
    flow->sessions_cnt = sessions_cnt;
    flow->messages_cnt = messages_cnt;
    flow->random = seed;
    flow->orders = calloc(messages_cnt + 1u, sizeof(struct order));
    flow->made = calloc(messages_cnt + 1u, sizeof(bool));
    flow->instruments = calloc(config->instruments_cnt + 1u, sizeof(unsigned));
    if (flow->orders == NULL || flow->made == NULL || flow->instruments == NULL)
        goto fail;
    for (uint32_t i = 0; i < messages_cnt; i++)
        flow->orders[i].live_at = NOT_LIVE;
    for (unsigned i = 0; i < config->instruments_cnt && i <= UINT16_MAX; i++)
        if (config->instruments[i].state == CELL_INSTRUMENT_STATE_OPEN)
            flow->instruments[flow->instruments_cnt++] = i;
    if (flow->instruments_cnt == 0) {
        snprintf(why, LINK_WHY_BYTES, "instruments: none is open, expected at least one");
        goto fail;
    }
    for (unsigned i = 0; i < sessions_cnt; i++)
        if (!accounts_find(flow, &flow->sessions[i], sessions[i])) {
            snprintf(why, LINK_WHY_BYTES,
                     "session %s: its firm has no account, expected at least one",
                     sessions[i]->name);
            goto fail;
        }
    return flow;
fail:
    flow_free(flow);
    return NULL;
}

struct load_source
flow_source(struct flow *flow)
{
    return (struct load_source){.make = make, .on_report = on_report, .ctx = flow};
}

void
flow_free(struct flow *flow)
{
    for (unsigned i = 0; i < LINK_SESSIONS_MAX; i++) {
        free(flow->sessions[i].accounts_mem);
        free(flow->sessions[i].live);
    }
    free(flow->instruments);
    free(flow->orders);
    free(flow->made);
    free(flow);
}
