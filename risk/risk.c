#include "risk/risk.h"

#include "risk/state.h"

struct layout {
    size_t accounts;
    size_t groups;
    size_t firms;
    size_t pairs;
    size_t bounds;
    size_t accounts_warm;
    size_t groups_warm;
    size_t pairs_cold;
    size_t subjects[3];
    size_t instruments;
    size_t used;
    size_t restricted[2];
    size_t by_hand;
    size_t totals;
    size_t symbols;
    size_t bytes;
};

/* take returns the offset of the next cnt elements, on a line of their own. */
static size_t
take(size_t *bytes, size_t cnt, size_t each)
{
    const size_t at = *bytes;

    *bytes = (at + cnt * each + CACHE_LINE - 1) & ~(size_t)(CACHE_LINE - 1);
    return at;
}

/* slots_cnt returns the smallest power of two that is at least twice as large
 * as positions_max. */
static uint32_t
slots_cnt(uint32_t positions_max)
{
    uint32_t cnt = 2;

    while (cnt < 2 * positions_max)
        cnt *= 2;
    return cnt;
}

static size_t
row_words(const struct risk_cfg *cfg)
{
    return (cfg->instruments_max + 63) / 64;
}

static bool
cfg_valid(const struct risk_cfg *cfg)
{
    return cfg->instruments_max >= 1 && cfg->instruments_max <= INSTRUMENTS_MAX &&
           cfg->accounts_max >= 1 && cfg->accounts_max <= ACCOUNTS_MAX && cfg->groups_max >= 1 &&
           cfg->groups_max <= GROUPS_MAX && cfg->firms_max >= 1 && cfg->firms_max <= FIRMS_MAX &&
           cfg->positions_max >= 1 && cfg->positions_max <= POSITIONS_MAX;
}

static struct layout
layout_of(const struct risk_cfg *cfg)
{
    const size_t words = row_words(cfg);
    struct layout at = {.bytes = 0};
    size_t *bytes = &at.bytes;

    (void)take(bytes, 1, sizeof(struct risk));
    at.accounts = take(bytes, cfg->accounts_max, sizeof(struct risk_account_line));
    at.groups = take(bytes, cfg->groups_max, sizeof(struct risk_group_line));
    at.firms = take(bytes, cfg->firms_max, sizeof(struct risk_firm_line));
    at.pairs = take(bytes, slots_cnt(cfg->positions_max), sizeof(struct risk_pair_line));
    at.bounds = take(bytes, cfg->instruments_max, sizeof(struct risk_bounds));
    at.accounts_warm = take(bytes, cfg->accounts_max, sizeof(struct risk_account_warm));
    at.groups_warm = take(bytes, cfg->groups_max, sizeof(struct risk_group_warm));
    at.pairs_cold = take(bytes, slots_cnt(cfg->positions_max), sizeof(struct risk_pair_cold));
    at.subjects[0] = take(bytes, cfg->accounts_max, sizeof(struct risk_subject));
    at.subjects[1] = take(bytes, cfg->groups_max, sizeof(struct risk_subject));
    at.subjects[2] = take(bytes, cfg->firms_max, sizeof(struct risk_subject));
    at.instruments = take(bytes, cfg->instruments_max, sizeof(struct risk_instrument));
    at.used = take(bytes, cfg->positions_max, sizeof(uint32_t));
    at.restricted[0] = take(bytes, cfg->groups_max * words, sizeof(uint64_t));
    at.restricted[1] = take(bytes, cfg->firms_max * words, sizeof(uint64_t));
    at.by_hand = take(bytes, (cfg->groups_max + cfg->firms_max) * words, sizeof(uint64_t));
    at.totals = take(bytes, (size_t)cfg->groups_max + cfg->firms_max, sizeof(struct risk_total));
    at.symbols = take(bytes, cfg->instruments_max, 8);
    return at;
}

size_t
risk_footprint(const struct risk_cfg *cfg)
{
    return cfg_valid(cfg) ? layout_of(cfg).bytes : 0;
}

struct risk *
risk_init(void *mem, const struct risk_cfg *cfg)
{
    ASSERT((uintptr_t)mem % CACHE_LINE == 0);
    ASSERT(cfg_valid(cfg));

    const struct layout at = layout_of(cfg);
    uint8_t *base = mem;
    struct risk *risk = mem;
    const uint32_t slots = slots_cnt(cfg->positions_max);

    risk->cfg = *cfg;
    risk->slots_mask = slots - 1;
    risk->slots_shift = 64 - (uint32_t)__builtin_ctz(slots);
    risk->row_words = (uint32_t)row_words(cfg);
    risk->version = 1;
    risk->rates_interval_ns[RISK_RATE_NONE] = risk_rate_off().interval_ns;
    risk->rates_slack_ns[RISK_RATE_NONE] = risk_rate_off().slack_ns;
    risk->accounts = (struct risk_account_line *)(void *)(base + at.accounts);
    risk->groups = (struct risk_group_line *)(void *)(base + at.groups);
    risk->firms = (struct risk_firm_line *)(void *)(base + at.firms);
    risk->pairs = (struct risk_pair_line *)(void *)(base + at.pairs);
    risk->bounds = (struct risk_bounds *)(void *)(base + at.bounds);
    risk->accounts_warm = (struct risk_account_warm *)(void *)(base + at.accounts_warm);
    risk->groups_warm = (struct risk_group_warm *)(void *)(base + at.groups_warm);
    risk->pairs_cold = (struct risk_pair_cold *)(void *)(base + at.pairs_cold);
    for (unsigned i = 0; i < ARRAY_LEN(risk->subjects); i++)
        risk->subjects[i] = (struct risk_subject *)(void *)(base + at.subjects[i]);
    risk->instruments = (struct risk_instrument *)(void *)(base + at.instruments);
    risk->used = (uint32_t *)(void *)(base + at.used);
    for (unsigned i = 0; i < ARRAY_LEN(risk->restricted); i++)
        risk->restricted[i] = (uint64_t *)(void *)(base + at.restricted[i]);
    risk->by_hand = (uint64_t *)(void *)(base + at.by_hand);
    risk->totals = (struct risk_total *)(void *)(base + at.totals);
    risk->symbols = (char(*)[8])(void *)(base + at.symbols);
    return risk;
}
