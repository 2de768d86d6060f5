#include "perf/core_crowd.h"

#include "proto/base.h"

void
crowd_set(enum flow_crowd crowd, struct engine_cfg *cfg)
{
    const bool guarded = crowd == FLOW_GUARDED;

    cfg->accounts_max = guarded ? 10000 : 16;
    cfg->groups_max = guarded ? 1000 : 1;
    cfg->firms_max = guarded ? 500 : 1;
    cfg->sessions_max = guarded ? FLOW_SESSIONS_MAX : 4;
    ASSERT(cfg->sessions_max <= FLOW_SESSIONS_MAX);
}

void
crowd_begin(struct flow *flow)
{
    flow->deal_random = flow->seed ^ UINT64_C(0xd1342543de82ef95);
    for (uint32_t i = 0; i < flow->cfg.sessions_max; i++)
        flow->next_no[i] = 1;
}

void
crowd_send(struct flow *flow, union cell *cell, uint32_t session)
{
    ASSERT(session < flow->cfg.sessions_max);
    cell->order_new.session = (uint16_t)session;
    cell->order_new.in_no = (uint16_t)flow->next_no[session]++;
}

/* deal gives a new order to any account, and so to the session of its firm. */
static void
deal(struct flow *flow, union cell *cell)
{
    const uint32_t account = flow_below(&flow->deal_random, flow->cfg.accounts_max);

    cell->order_new.account = account;
    crowd_send(flow, cell, account / (flow->cfg.accounts_max / flow->cfg.sessions_max));
}

void
crowd_fill(struct flow *flow, uint32_t i, union cell *cell)
{
    if (flow->crowd == FLOW_GUARDED)
        deal(flow, cell);
    if (flow->crowd == FLOW_CHECKED) {
        cell->order_new.account = i % flow->cfg.accounts_max;
        crowd_send(flow, cell, i % flow->cfg.sessions_max);
    }
}

void
crowd_draw(struct flow *flow, union cell *cell)
{
    if (flow->crowd == FLOW_GUARDED)
        deal(flow, cell);
    if (flow->crowd == FLOW_CHECKED) {
        cell->order_new.account = flow_below(&flow->random, flow->cfg.accounts_max);
        crowd_send(flow, cell, flow_below(&flow->random, flow->cfg.sessions_max));
    }
}
