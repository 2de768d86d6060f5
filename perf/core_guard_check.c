#include <stdio.h>
#include <stdlib.h>

#include "engine/event_hash.h"
#include "engine/inside.h"
#include "risk/risk.h"

#include "perf/core_guard.h"

/* What the commands of a flow caused in one engine. */
struct seen {
    uint64_t cells_cnt;
    uint64_t hash; /* of all but fees and what sequence numbers are part of */
    uint32_t refused_cnt;
    uint32_t trades_cnt;
};

/* see adds a cell that was written. */
static void
see(struct seen *seen, const union cell *cell)
{
    union cell bare = *cell;

    if (cell_kind(cell) == CELL_KIND_TRADE_MAKER) {
        seen->trades_cnt++;
        bare.trade_maker.match_id = 0;
        bare.trade_maker.taker_fee = 0;
        bare.trade_maker.maker_fee = 0;
    }
    if (cell_kind(cell) < CELL_KIND_CONTINUATIONS)
        bare.words[1] = 0;
    seen->hash = event_hash_cell(seen->hash, &bare);
    seen->cells_cnt++;
}

/* run applies the commands of the flow, one by one. */
static struct engine *
run(struct core *core, bool no_risk, struct seen *seen)
{
    const struct flow *flow = core->flow;
    struct engine *engine;

    core->cfg.no_risk = no_risk;
    engine = core_load_engine(core);
    for (uint32_t at = 0; at < flow->cells_cnt; at += cell_count(&flow->cells[at])) {
        const uint64_t from = core->out.pos;

        flow_apply(engine, &flow->cells[at], &core->out);
        seen->refused_cnt +=
            cell_outcome(&core->out.cells[from & core->out.mask]) != OE_REJECT_REASON_NONE;
        for (uint64_t pos = from; pos < core->out.pos; pos++)
            see(seen, &core->out.cells[pos & core->out.mask]);
    }
    engine_check(engine);
    return engine;
}

/* fail ends the program: what would be measured is not what is meant. */
static COLD void
fail(const char *what, uint64_t without, uint64_t with)
{
    (void)fprintf(stderr, "%s: %llu without risk, %llu with it\n", what,
                  (unsigned long long)without, (unsigned long long)with);
    exit(1);
}

static double
money(struct engine_wide wide)
{
    return ((double)wide.high * 18446744073709551616.0 + (double)wide.low) / (double)PX_ONE;
}

/* keep sums up what risk keeps. */
static struct guard_kept
keep(const struct core *core, const struct engine *engine)
{
    struct guard_kept kept = {.pairs_cnt = risk_positions_cnt(engine_risk(engine))};
    uint64_t orders_cnt = 0;

    for (uint32_t id = 0; id < core->cfg.accounts_max; id++) {
        struct engine_risk_cash cash;
        struct engine_risk_use use;
        const bool has_cash = engine_risk_cash(engine, id, &cash);
        const bool has_use = engine_risk_use(engine, OE_RISK_LEVEL_ACCOUNT, id, 0,
                                             CELL_RISK_LIMIT_OPEN_ORDERS, &use);

        ASSERT(has_cash);
        ASSERT(has_use);
        kept.cash += money(cash.reserved);
        kept.fees = money(cash.fees);
        orders_cnt += use.used.low;
    }
    for (uint32_t id = 0; id < core->cfg.firms_max; id++) {
        struct engine_risk_use use;
        const bool has_use =
            engine_risk_use(engine, OE_RISK_LEVEL_FIRM, id, 0, CELL_RISK_LIMIT_OPEN_NOTIONAL, &use);

        ASSERT(has_use);
        kept.value += money(use.used);
    }
    if (orders_cnt != engine_orders_cnt(engine))
        fail("open orders of accounts", engine_orders_cnt(engine), orders_cnt);
    return kept;
}

struct guard_kept
guard_check(struct core *core)
{
    struct seen without = {.cells_cnt = 0};
    struct seen with = {.cells_cnt = 0};
    struct guard_kept kept;

    (void)run(core, true, &without);
    if (without.refused_cnt != core->flow->rejects_cnt)
        fail("refused, where the flow was made and now", core->flow->rejects_cnt,
             without.refused_cnt);
    kept = keep(core, run(core, false, &with));
    if (with.refused_cnt != without.refused_cnt)
        fail("commands refused", without.refused_cnt, with.refused_cnt);
    if (with.cells_cnt != without.cells_cnt)
        fail("cells", without.cells_cnt, with.cells_cnt);
    if (with.hash != without.hash)
        fail("hash of cells without fees", without.hash, with.hash);
    if (!(kept.value > 0) || !(kept.cash > 0))
        fail("value and cash reserved", 0, 0);
    if (with.trades_cnt > 0 && !(kept.fees > 0))
        fail("fees", 0, 0);
    core->out_cells_cnt = with.cells_cnt;
    core->event_hash = with.hash;
    return kept;
}
