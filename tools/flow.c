#include "tools/flow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/orders.h"

#include "tools/flow_private.h"

#define LIVE_MIN             16u
#define LIVE_MAX             4096u
#define RARE_PERMILLE        300u /* of the mix of all kinds; of these */
#define QUOTES_PERMILLE      40u
#define MASS_CANCEL_PERMILLE 5u

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

static enum kind
draw_kind(struct flow *flow, const struct flow_session *session)
{
    const uint32_t permille = flow_draw(flow, 1000);

    if (flow->all && permille < RARE_PERMILLE)
        return permille < MASS_CANCEL_PERMILLE                     ? KIND_MASS_CANCEL
               : permille < MASS_CANCEL_PERMILLE + QUOTES_PERMILLE ? KIND_QUOTES
                                                                   : KIND_RARE;

    const uint32_t percent = flow_draw(flow, 100);

    if (session->live_cnt < LIVE_MIN)
        return percent < 83 ? KIND_NEW : KIND_IOC;
    if (session->live_cnt >= LIVE_MAX / 2)
        return KIND_CANCEL;
    return percent < 50   ? KIND_NEW
           : percent < 60 ? KIND_IOC
           : percent < 90 ? KIND_CANCEL
                          : KIND_REPLACE;
}

/* make_kind makes a message of the kind drawn, with ClOrdID base + no. */
static size_t
make_kind(struct flow *flow, uint64_t base, uint32_t no, enum kind kind, uint8_t *buf)
{
    struct order *order = &flow->orders[no];
    struct flow_session *session = &flow->sessions[order->session];

    switch (kind) {
    case KIND_NEW:
    case KIND_IOC:
        return flow_make_order(flow, order, base + no, kind == KIND_IOC, buf);
    case KIND_RARE:
        return flow_make_rare(flow, order, base, base + no, buf);
    case KIND_QUOTES:
        return flow_make_quotes(flow, order, base + no, buf);
    case KIND_MASS_CANCEL:
        return flow_make_mass_cancel(flow, order, base + no, buf);
    case KIND_CANCEL:
    case KIND_REPLACE:
        break;
    }

    const uint32_t target_no = session->live[flow_draw(flow, session->live_cnt)];
    const struct order *target = &flow->orders[target_no];

    live_remove(flow, target_no);
    return kind == KIND_CANCEL ? flow_make_cancel(flow, order, target, base + no, buf)
                               : flow_make_replace(flow, order, target, base + no, buf);
}

/* make draws message no. A message that is made again, because it was not
 * received, is an order of its own: what it named may be gone by now. */
static size_t
make(void *ctx, uint64_t base, uint32_t no, unsigned *session_out, uint8_t *buf)
{
    struct flow *flow = ctx;
    struct order *order = &flow->orders[no];
    const unsigned index = flow->made[no] ? order->session : flow_draw(flow, flow->sessions_cnt);
    const enum kind kind = draw_kind(flow, &flow->sessions[index]);

    live_remove(flow, no);
    *order = (struct order){.session = (uint16_t)index, .kind = (uint8_t)kind, .live_at = NOT_LIVE};
    flow->made[no] = true;
    *session_out = index;
    return make_kind(flow, base, no, kind, buf);
}

/* gone takes message no off the list of live orders, if it is one of ours. */
static void
gone(struct flow *flow, uint64_t no)
{
    if (no < flow->messages_cnt)
        live_remove(flow, (uint32_t)no);
}

static void
on_report(void *ctx, uint64_t base, const uint8_t *buf, size_t len)
{
    struct flow *flow = ctx;
    const struct oe_execution_report_new *accepted;
    const struct oe_execution_report_replace *replaced;
    const struct oe_execution_report_trade *trade;
    const struct oe_execution_report_cancel *canceled;
    const struct oe_execution_report_expire *expired;

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
        if (trade->leaves_qty == 0)
            gone(flow, trade->cl_ord_id - base);
    } else if ((canceled = oe_execution_report_cancel_view(buf, len)) != NULL) {
        gone(flow, canceled->orig_cl_ord_id - base);
    } else if ((expired = oe_execution_report_expire_view(buf, len)) != NULL) {
        gone(flow, expired->cl_ord_id - base);
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
    session->accounts = session->accounts_mem;
    if (of->dialect == GATEWAY_OUCH) {
        session->accounts_mem[session->accounts_cnt++] = of->account;
        return true;
    }
    for (unsigned i = 0; i < config->accounts_cnt; i++)
        if (config->groups[config->accounts[i].group].firm == of->firm)
            session->accounts_mem[session->accounts_cnt++] = i;
    return session->accounts_cnt > 0;
}

struct flow *
flow_new(const struct config *config,
         const struct config_session *const *sessions,
         unsigned sessions_cnt,
         uint32_t messages_cnt,
         uint64_t seed,
         bool all,
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
    flow->all = all;
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

void
flow_name_by_clord(struct flow *flow)
{
    flow->clords = true;
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
