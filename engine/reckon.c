#include "engine/reckon.h"

#include <string.h>

#include "engine/work.h"

/* A position as trades and moves make it. */
struct reckon_pair {
    uint32_t account1; /* + 1; 0: free */
    uint32_t instrument;
    notional_t qty;
};

struct reckon_account {
    notional_t balance;
    notional_t bought; /* today */
    notional_t sold;
};

struct reckon {
    struct engine_cfg cfg;
    uint32_t mask;
    uint32_t pairs_cnt;
    struct reckon_pair *pairs;
    struct reckon_account *accounts;
    /* 1: killed with cancels, and not enabled since. */
    uint8_t *killed[OE_RISK_LEVEL_FIRM + 1];
};

struct layout {
    size_t pairs;
    size_t accounts;
    size_t killed[OE_RISK_LEVEL_FIRM + 1];
    size_t bytes;
};

static size_t
take(size_t *bytes, size_t wanted_bytes)
{
    const size_t at = *bytes;

    *bytes = (at + wanted_bytes + CACHE_LINE - 1) & ~(size_t)(CACHE_LINE - 1);
    return at;
}

/* pairs_max returns the places of the table, a power of two. */
static size_t
pairs_max(const struct engine_cfg *cfg)
{
    size_t cnt = 2;

    while (cnt < 2 * (size_t)cfg->positions_max)
        cnt *= 2;
    return cnt;
}

static struct layout
layout_of(const struct engine_cfg *cfg)
{
    const uint32_t subjects[] = {
        [OE_RISK_LEVEL_SESSION] = cfg->sessions_max,
        [OE_RISK_LEVEL_ACCOUNT] = cfg->accounts_max,
        [OE_RISK_LEVEL_GROUP] = cfg->groups_max,
        [OE_RISK_LEVEL_FIRM] = cfg->firms_max,
    };
    struct layout at = {.bytes = 0};

    (void)take(&at.bytes, sizeof(struct reckon));
    at.pairs = take(&at.bytes, pairs_max(cfg) * sizeof(struct reckon_pair));
    at.accounts = take(&at.bytes, cfg->accounts_max * sizeof(struct reckon_account));
    for (unsigned level = OE_RISK_LEVEL_SESSION; level <= OE_RISK_LEVEL_FIRM; level++)
        at.killed[level] = take(&at.bytes, subjects[level]);
    return at;
}

size_t
reckon_footprint(const struct engine_cfg *cfg)
{
    return layout_of(cfg).bytes;
}

struct reckon *
reckon_init(void *mem, const struct engine_cfg *cfg)
{
    const struct layout at = layout_of(cfg);
    uint8_t *base = mem;
    struct reckon *reckon = mem;

    ASSERT((uintptr_t)mem % CACHE_LINE == 0);
    reckon->cfg = *cfg;
    reckon->mask = (uint32_t)(pairs_max(cfg) - 1);
    reckon->pairs = (struct reckon_pair *)(void *)(base + at.pairs);
    reckon->accounts = (struct reckon_account *)(void *)(base + at.accounts);
    for (unsigned level = OE_RISK_LEVEL_SESSION; level <= OE_RISK_LEVEL_FIRM; level++)
        reckon->killed[level] = base + at.killed[level];
    return reckon;
}

/* place_of returns where a pair is, or would be. */
static uint32_t
place_of(const struct reckon *reckon, uint32_t account, uint32_t instrument)
{
    const uint64_t key = (uint64_t)account << 32 | instrument;
    uint32_t at = (uint32_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 32) & reckon->mask;

    while (reckon->pairs[at].account1 != 0 && (reckon->pairs[at].account1 != account + 1 ||
                                               reckon->pairs[at].instrument != instrument))
        at = (at + 1) & reckon->mask;
    return at;
}

/* pair_of returns a pair, which is made if it is not there: the engine has a record for
 * it, so there is room. */
static struct reckon_pair *
pair_of(struct reckon *reckon, uint32_t account, uint32_t instrument)
{
    struct reckon_pair *pair = &reckon->pairs[place_of(reckon, account, instrument)];

    ASSERT(account < reckon->cfg.accounts_max);
    if (pair->account1 == 0) {
        ASSERT(reckon->pairs_cnt < reckon->cfg.positions_max);
        reckon->pairs_cnt++;
        pair->account1 = account + 1;
        pair->instrument = instrument;
    }
    return pair;
}

void
reckon_begin(struct reckon *reckon, const struct engine *engine)
{
    const struct risk *risk = engine->risk;

    ASSERT(reckon->pairs_cnt == 0);
    for (uint32_t i = 0; i < risk_positions_cnt(risk); i++) {
        const struct risk_pair pair = risk_pair_of(risk, risk_position_slot(risk, i));

        pair_of(reckon, pair.account, pair.instrument)->qty = pair.position_qty;
    }
    for (uint32_t i = 0; i < risk_subjects_cnt(risk, OE_RISK_LEVEL_ACCOUNT); i++) {
        struct reckon_account *account = &reckon->accounts[i];
        struct risk_standing standing;
        struct risk_cash cash;

        if (!risk_standing_get(risk, OE_RISK_LEVEL_ACCOUNT, i, &standing) ||
            !risk_cash_get(risk, i, &cash))
            continue;
        account->balance = cash.balance;
        account->bought = standing.bought;
        account->sold = standing.sold;
    }
}

/* take_side adds one side of a trade. */
static void
take_side(struct reckon *reckon,
          const struct cell_trade *trade,
          uint32_t account,
          bool sell,
          px_t fee)
{
    struct reckon_account *side = &reckon->accounts[account];
    struct reckon_pair *pair = pair_of(reckon, account, trade->instrument);
    const notional_t value = px_mul_qty(trade->px, trade->qty);

    pair->qty += sell ? -(notional_t)trade->qty : (notional_t)trade->qty;
    side->balance += (sell ? value : -value) - fee;
    if (sell)
        side->sold += value;
    else
        side->bought += value;
}

static void
take_trade(struct reckon *reckon, const union cell *cells)
{
    const struct cell_trade *trade = &cells[0].trade;
    const struct cell_trade_maker *maker = &cells[1].trade_maker;
    const bool sell = cell_is_sell(&cells[0]);

    ASSERT(cell_kind(&cells[1]) == CELL_KIND_TRADE_MAKER);
    take_side(reckon, trade, trade->account, sell, maker->taker_fee);
    take_side(reckon, trade, maker->account, !sell, maker->maker_fee);
}

static void
take_position(struct reckon *reckon, const struct cell_position_move *move)
{
    struct reckon_pair *pair = pair_of(reckon, move->account, move->instrument);

    pair->qty = move->mode == CELL_MOVE_MODE_SET ? move->qty : pair->qty + move->qty;
}

static void
take_cash(struct reckon *reckon, const struct cell_cash_move *move)
{
    notional_t *balance = &reckon->accounts[move->account].balance;

    *balance = move->mode == CELL_MOVE_MODE_SET ? move->amount : *balance + move->amount;
}

static void
take_day(struct reckon *reckon)
{
    for (uint32_t i = 0; i < reckon->cfg.accounts_max; i++) {
        reckon->accounts[i].bought = 0;
        reckon->accounts[i].sold = 0;
    }
}

void
reckon_take(struct reckon *reckon, const union cell *message)
{
    const unsigned kind = cell_kind(message);

    if (reckon->cfg.no_risk)
        return;
    if (kind == CELL_KIND_TRADE) {
        take_trade(reckon, message);
        return;
    }
    if (!cell_is_command(message) || cell_outcome(message) != OE_REJECT_REASON_NONE)
        return;
    if (kind == CELL_KIND_POSITION_MOVE)
        take_position(reckon, &message->position_move);
    if (kind == CELL_KIND_CASH_MOVE)
        take_cash(reckon, &message->cash_move);
    if (kind == CELL_KIND_DAY_ROLL)
        take_day(reckon);
    if (kind == CELL_KIND_KILL && message->kill.cancels != 0)
        reckon->killed[message->kill.level][message->kill.subject] = 1;
    if (kind == CELL_KIND_ENABLE)
        reckon->killed[message->enable.level][message->enable.subject] = 0;
}

/* check_pairs asserts that the engine has these positions and no others. */
static void
check_pairs(const struct reckon *reckon, const struct risk *risk)
{
    uint32_t seen_cnt = 0;

    for (uint32_t i = 0; i < risk_positions_cnt(risk); i++) {
        const struct risk_pair pair = risk_pair_of(risk, risk_position_slot(risk, i));
        const struct reckon_pair *told =
            &reckon->pairs[place_of(reckon, pair.account, pair.instrument)];

        ASSERT(pair.position_qty == told->qty);
        seen_cnt += told->account1 != 0;
    }
    ASSERT(seen_cnt == reckon->pairs_cnt);
}

static void
check_accounts(const struct reckon *reckon, const struct risk *risk)
{
    for (uint32_t i = 0; i < risk_subjects_cnt(risk, OE_RISK_LEVEL_ACCOUNT); i++) {
        const struct reckon_account *told = &reckon->accounts[i];
        struct risk_standing standing;
        struct risk_cash cash;

        if (!risk_standing_get(risk, OE_RISK_LEVEL_ACCOUNT, i, &standing) ||
            !risk_cash_get(risk, i, &cash))
            continue;
        ASSERT(cash.balance == told->balance);
        ASSERT(standing.bought == told->bought);
        ASSERT(standing.sold == told->sold);
    }
}

/* check_killed asserts that no order lives of what was killed with cancels. */
static void
check_killed(const struct reckon *reckon, const struct engine *engine)
{
    const struct order_pool *pool = &engine->orders;

    for (uint32_t slot = 0; slot < pool->used_cnt; slot++) {
        const struct order *order = &pool->orders[slot];
        uint32_t group;
        uint32_t firm;

        if (!order_is_live(order) ||
            !risk_account_firm(engine->risk, order->account, &group, &firm))
            continue;
        ASSERT(reckon->killed[OE_RISK_LEVEL_ACCOUNT][order->account] == 0);
        ASSERT(reckon->killed[OE_RISK_LEVEL_GROUP][group] == 0);
        ASSERT(reckon->killed[OE_RISK_LEVEL_FIRM][firm] == 0);
        ASSERT(order->session >= reckon->cfg.sessions_max ||
               reckon->killed[OE_RISK_LEVEL_SESSION][order->session] == 0);
    }
}

void
reckon_check(const struct reckon *reckon, const struct engine *engine)
{
    ASSERT(engine->work.kind == WORK_NONE);
    if (reckon->cfg.no_risk)
        return;
    check_pairs(reckon, engine->risk);
    check_accounts(reckon, engine->risk);
    check_killed(reckon, engine);
}
