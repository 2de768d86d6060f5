#include "perf/core_guard.h"

#include <string.h>

#include "risk/limits.h"

#include "perf/core_resting.h"

#define US UINT64_C(1000)
#define S  UINT64_C(1000000000)

#define MAKER_PPM     (-20)
#define TAKER_PPM     50
#define DEPOSIT       (INT64_C(1000000000) * PX_ONE)
#define UNITS         (INT64_C(1) << 40)
#define COVERED_EVERY 4u

/* All that OrderRuleSet can let pass. */
#define TYPES_ALL      0x3f
#define TIFS_ALL       0x7f
#define REFERENCES_ALL 15

/* A limit of all subjects of a level. */
struct guard_limit {
    uint8_t level;
    uint8_t limit;
    int64_t value;
    uint64_t window_ns;
};

static const struct guard_limit limits[] = {
    {OE_RISK_LEVEL_SESSION, CELL_RISK_LIMIT_OPEN_ORDERS, 1000000, 0},
    {OE_RISK_LEVEL_SESSION, CELL_RISK_LIMIT_MESSAGE_RATE, 1 << 16, US},
    {OE_RISK_LEVEL_SESSION, CELL_RISK_LIMIT_CANCEL_RATE, 1 << 16, 2 * US},
    {OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_ORDER_QTY, 20000, 0},
    {OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_ORDER_VALUE, 20000000 * PX_ONE, 0},
    {OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_LONG, INT64_C(1) << 50, 0},
    {OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_SHORT, INT64_C(1) << 50, 0},
    {OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_OPEN_ORDERS, 60000, 0},
    {OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_OPEN_NOTIONAL, 1000000000 * PX_ONE, 0},
    {OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_DAILY_GROSS, 2000000000 * PX_ONE, 0},
    {OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_DAILY_NET, 1000000000 * PX_ONE, 0},
    {OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_DAILY_LOSS, 100000000 * PX_ONE, 0},
    {OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_CREDIT, 1000000 * PX_ONE, 0},
    {OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_MESSAGE_RATE, 1 << 14, 10 * US},
    {OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_CANCEL_RATE, 1 << 14, 20 * US},
    {OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_DUPLICATES, 1000, S},
    {OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_EXECUTIONS, 60000, S},
    {OE_RISK_LEVEL_GROUP, CELL_RISK_LIMIT_ORDER_QTY, 30000, 0},
    {OE_RISK_LEVEL_GROUP, CELL_RISK_LIMIT_ORDER_VALUE, 30000000 * PX_ONE, 0},
    {OE_RISK_LEVEL_GROUP, CELL_RISK_LIMIT_OPEN_NOTIONAL, 4000000000 * PX_ONE, 0},
    {OE_RISK_LEVEL_GROUP, CELL_RISK_LIMIT_DAILY_GROSS, 8000000000 * PX_ONE, 0},
    {OE_RISK_LEVEL_GROUP, CELL_RISK_LIMIT_DAILY_NET, 4000000000 * PX_ONE, 0},
    {OE_RISK_LEVEL_FIRM, CELL_RISK_LIMIT_ORDER_QTY, 40000, 0},
    {OE_RISK_LEVEL_FIRM, CELL_RISK_LIMIT_ORDER_VALUE, 40000000 * PX_ONE, 0},
    {OE_RISK_LEVEL_FIRM, CELL_RISK_LIMIT_OPEN_NOTIONAL, 8000000000 * PX_ONE, 0},
    {OE_RISK_LEVEL_FIRM, CELL_RISK_LIMIT_DAILY_GROSS, 16000000000 * PX_ONE, 0},
    {OE_RISK_LEVEL_FIRM, CELL_RISK_LIMIT_DAILY_NET, 8000000000 * PX_ONE, 0},
    {OE_RISK_LEVEL_FIRM, CELL_RISK_LIMIT_MESSAGE_RATE, 1 << 17, 500},
    {OE_RISK_LEVEL_FIRM, CELL_RISK_LIMIT_CANCEL_RATE, 1 << 17, US},
    {OE_RISK_LEVEL_FIRM, CELL_RISK_LIMIT_ORDER_TO_TRADE, 1000, 0},
    {OE_RISK_LEVEL_INSTRUMENT, CELL_RISK_LIMIT_ORDER_QTY, 25000, 0},
    {OE_RISK_LEVEL_INSTRUMENT, CELL_RISK_LIMIT_ORDER_VALUE, 25000000 * PX_ONE, 0},
    {OE_RISK_LEVEL_ACCOUNT_INSTRUMENT, CELL_RISK_LIMIT_LONG, INT64_C(1) << 48, 0},
    {OE_RISK_LEVEL_ACCOUNT_INSTRUMENT, CELL_RISK_LIMIT_SHORT, INT64_C(1) << 48, 0},
};

/* Who is told. */
struct guard {
    const struct flow *flow;
    struct engine *engine;
    struct cell_sink *out;
};

/* tell gives a command of an operator, who must be obeyed. */
static void
tell(const struct guard *guard, const union cell *first)
{
    const union cell *own = cell_sink_at(guard->out, 0);
    union cell cells[2] = {
        *first,
        {.author = {.kind = CELL_KIND_AUTHOR, .uid = 1000, .name = "operator", .text = "bench"}},
    };

    cells[0].order_new.shape = 2;
    cells[0].order_new.time = 2;
    cells[0].order_new.session = CELL_SESSION;
    flow_apply(guard->engine, cells, guard->out);
    ASSERT(cell_outcome(own) == OE_REJECT_REASON_NONE);
}

static void
tell_limit(const struct guard *guard,
           const struct guard_limit *limit,
           uint32_t subject,
           uint32_t instrument)
{
    const bool staged = risk_limit_has_stages(limit->level, limit->limit);

    tell(guard, &(union cell){.limit_set = {
                                  .kind = CELL_KIND_LIMIT_SET,
                                  .subject = subject,
                                  .value = limit->value,
                                  .window_ns = limit->window_ns,
                                  .level = limit->level,
                                  .limit = limit->limit,
                                  .warn_permille = staged ? 800 : 0,
                                  .slow_permille = staged ? 850 : 0,
                                  .close_permille = staged ? 900 : 0,
                                  .block_permille = staged ? 950 : 0,
                                  .slow_ms = staged ? 1 : 0,
                                  .instrument = instrument,
                              }});
}

static void
tell_rule(const struct guard *guard, uint8_t level, uint32_t subject)
{
    const bool account = level == OE_RISK_LEVEL_ACCOUNT;

    tell(guard, &(union cell){.order_rule_set = {
                                  .kind = CELL_KIND_ORDER_RULE_SET,
                                  .subject = subject,
                                  .types = TYPES_ALL,
                                  .tifs = TIFS_ALL,
                                  .covered = account && subject % COVERED_EVERY == 0,
                                  .references = account ? 0 : REFERENCES_ALL,
                                  .level = level,
                              }});
}

static void
tell_instrument(const struct guard *guard, uint32_t instrument)
{
    tell_rule(guard, OE_RISK_LEVEL_INSTRUMENT, instrument);
    tell(guard, &(union cell){.fee_set = {.kind = CELL_KIND_FEE_SET,
                                          .instrument = instrument,
                                          .maker_ppm = MAKER_PPM,
                                          .taker_ppm = TAKER_PPM}});
    tell(guard, &(union cell){.mark_set = {.kind = CELL_KIND_MARK_SET,
                                           .instrument = instrument,
                                           .px = (px_t)resting_middle(instrument) * FLOW_TICK_PX,
                                           .settlement = 1}});
}

/* subjects_cnt returns how many subjects of a level a limit is set for at once; pairs
 * have their own time. */
static uint32_t
subjects_cnt(const struct flow *flow, uint8_t level)
{
    switch (level) {
    case OE_RISK_LEVEL_SESSION:
        return flow->cfg.sessions_max;
    case OE_RISK_LEVEL_ACCOUNT:
        return flow->cfg.accounts_max;
    case OE_RISK_LEVEL_GROUP:
        return flow->cfg.groups_max;
    case OE_RISK_LEVEL_FIRM:
        return flow->cfg.firms_max;
    case OE_RISK_LEVEL_INSTRUMENT:
        return flow->instruments_cnt;
    default:
        return 0;
    }
}

static void
tell_parties(const struct guard *guard)
{
    const struct flow *flow = guard->flow;

    for (uint32_t i = 0; i < ARRAY_LEN(limits); i++)
        for (uint32_t id = 0; id < subjects_cnt(flow, limits[i].level); id++)
            tell_limit(guard, &limits[i], id, 0);
    for (uint32_t id = 0; id < flow->cfg.accounts_max; id++) {
        tell_rule(guard, OE_RISK_LEVEL_ACCOUNT, id);
        tell(guard, &(union cell){.cash_move = {.kind = CELL_KIND_CASH_MOVE,
                                                .amount = DEPOSIT,
                                                .mode = CELL_MOVE_MODE_ADD,
                                                .account = id}});
    }
    for (uint32_t id = 0; id < flow->instruments_cnt; id++)
        tell_instrument(guard, id);
}

/* tell_pair sets limits and units of the pair of a new order, once. */
static void
tell_pair(const struct guard *guard, const struct cell_order_new *order)
{
    union cell cells[2];

    if (engine_config_get(guard->engine, CELL_KIND_POSITION_LIMIT_SET, order->account,
                          order->instrument, cells) != 0)
        return;
    for (uint32_t i = 0; i < ARRAY_LEN(limits); i++)
        if (limits[i].level == OE_RISK_LEVEL_ACCOUNT_INSTRUMENT)
            tell_limit(guard, &limits[i], order->account, order->instrument);
    tell(guard, &(union cell){.position_move = {.kind = CELL_KIND_POSITION_MOVE,
                                                .instrument = order->instrument,
                                                .qty = UNITS,
                                                .mode = CELL_MOVE_MODE_SET,
                                                .account = order->account}});
}

void
guard_set(struct flow *flow, struct engine *engine, struct cell_sink *out)
{
    const struct guard guard = {.flow = flow, .engine = engine, .out = out};

    ASSERT(flow->crowd == FLOW_GUARDED);
    tell_parties(&guard);
    flow_fill_begin(flow);
    for (uint32_t i = 0; i < flow->fill_cnt; i++) {
        union cell cell = {.words = {0}};

        flow->fill(flow, i, &cell);
        tell_pair(&guard, &cell.order_new);
    }
    for (uint32_t at = 0; at < flow->cells_cnt; at += cell_count(&flow->cells[at]))
        if (cell_kind(&flow->cells[at]) == CELL_KIND_ORDER_NEW)
            tell_pair(&guard, &flow->cells[at].order_new);
}
