#include "perf/core_guard.h"

#include <stdlib.h>

#include "proto/base.h"
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
tell_mark(const struct guard *guard, uint32_t instrument)
{
    tell(guard, &(union cell){.mark_set = {.kind = CELL_KIND_MARK_SET,
                                           .instrument = instrument,
                                           .px = (px_t)resting_middle(instrument) * FLOW_TICK_PX,
                                           .settlement = 1}});
}

static void
tell_instrument(const struct guard *guard, uint32_t instrument)
{
    tell_rule(guard, OE_RISK_LEVEL_INSTRUMENT, instrument);
    tell(guard, &(union cell){.fee_set = {.kind = CELL_KIND_FEE_SET,
                                          .instrument = instrument,
                                          .maker_ppm = MAKER_PPM,
                                          .taker_ppm = TAKER_PPM}});
    tell_mark(guard, instrument);
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

static int
compare(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a;
    const uint64_t y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static uint64_t
pair_of(const struct cell_order_new *order)
{
    return (uint64_t)order->account << 32 | order->instrument;
}

/* find_pairs makes the list of the pairs of all orders, each once. */
static void
find_pairs(struct flow *flow)
{
    uint32_t cnt = 0;
    uint32_t kept_cnt = 0;

    flow->pairs = malloc(((size_t)flow->fill_cnt + flow->commands_cnt) * sizeof *flow->pairs);
    ASSERT(flow->pairs != NULL);
    flow_fill_begin(flow);
    for (uint32_t i = 0; i < flow->fill_cnt; i++) {
        union cell cell = {.words = {0}};

        flow->fill(flow, i, &cell);
        flow->pairs[cnt++] = pair_of(&cell.order_new);
    }
    for (uint32_t at = 0; at < flow->cells_cnt; at += cell_count(&flow->cells[at]))
        if (cell_kind(&flow->cells[at]) == CELL_KIND_ORDER_NEW)
            flow->pairs[cnt++] = pair_of(&flow->cells[at].order_new);
    qsort(flow->pairs, cnt, sizeof *flow->pairs, compare);
    for (uint32_t i = 0; i < cnt; i++)
        if (i == 0 || flow->pairs[i] != flow->pairs[i - 1])
            flow->pairs[kept_cnt++] = flow->pairs[i];
    flow->pairs_cnt = kept_cnt;
}

/* tell_pair sets limits and units of a pair. */
static void
tell_pair(const struct guard *guard, uint32_t account, uint32_t instrument)
{
    for (uint32_t i = 0; i < ARRAY_LEN(limits); i++)
        if (limits[i].level == OE_RISK_LEVEL_ACCOUNT_INSTRUMENT)
            tell_limit(guard, &limits[i], account, instrument);
    tell(guard, &(union cell){.position_move = {.kind = CELL_KIND_POSITION_MOVE,
                                                .instrument = instrument,
                                                .qty = UNITS,
                                                .mode = CELL_MOVE_MODE_SET,
                                                .account = account}});
}

/* ask_pair sends an order of a pair that collar or band refuse. */
static void
ask_pair(const struct guard *guard, uint32_t account, uint32_t instrument)
{
    const union cell *own = cell_sink_at(guard->out, 0);
    const struct flow_order order = {.instrument = instrument, .tick = 1, .qty = 1, .clord = 1};
    union cell cell;

    flow_order(&cell, &order);
    cell.order_new.time = 2;
    cell.order_new.account = account;
    flow_apply(guard->engine, &cell, guard->out);
    ASSERT(cell_outcome(own) == OE_REJECT_REASON_PRICE_COLLAR_LOW ||
           cell_outcome(own) == OE_REJECT_REASON_PRICE_BAND);
}

void
guard_set(struct flow *flow, struct engine *engine, struct cell_sink *out)
{
    const struct guard guard = {.flow = flow, .engine = engine, .out = out};

    ASSERT(flow->crowd == FLOW_GUARDED);
    if (flow->pairs == NULL)
        find_pairs(flow);
    tell_parties(&guard);
    for (uint32_t i = 0; i < flow->pairs_cnt; i++)
        tell_pair(&guard, (uint32_t)(flow->pairs[i] >> 32), (uint32_t)flow->pairs[i]);
    for (uint32_t i = 0; i < flow->pairs_cnt; i++)
        ask_pair(&guard, (uint32_t)(flow->pairs[i] >> 32), (uint32_t)flow->pairs[i]);
    tell_mark(&guard, 0);
}
