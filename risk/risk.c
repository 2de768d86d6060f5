#include "risk/risk.h"

#include <string.h>

#include "risk/state.h"

struct layout {
    size_t accounts;
    size_t instruments;
    size_t bounds;
    size_t positions;
    size_t used;
    size_t restricted;
    size_t firms;
    size_t groups;
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
    struct layout at = {.bytes = 0};

    (void)take(&at.bytes, 1, sizeof(struct risk));
    at.accounts = take(&at.bytes, cfg->accounts_max, sizeof(struct risk_account));
    at.instruments = take(&at.bytes, cfg->instruments_max, sizeof(struct risk_instrument));
    at.bounds = take(&at.bytes, cfg->instruments_max, sizeof(struct risk_bounds));
    at.positions = take(&at.bytes, slots_cnt(cfg->positions_max), sizeof(struct risk_slot));
    at.used = take(&at.bytes, cfg->positions_max, sizeof(uint32_t));
    at.restricted = take(&at.bytes, cfg->groups_max * row_words(cfg), sizeof(uint64_t));
    at.firms = take(&at.bytes, cfg->firms_max, sizeof(struct risk_firm));
    at.groups = take(&at.bytes, cfg->groups_max, sizeof(struct risk_group));
    at.symbols = take(&at.bytes, cfg->instruments_max, 8);
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
    risk->accounts = (struct risk_account *)(void *)(base + at.accounts);
    risk->instruments = (struct risk_instrument *)(void *)(base + at.instruments);
    risk->bounds = (struct risk_bounds *)(void *)(base + at.bounds);
    risk->positions = (struct risk_slot *)(void *)(base + at.positions);
    risk->used = (uint32_t *)(void *)(base + at.used);
    risk->restricted = (uint64_t *)(void *)(base + at.restricted);
    risk->firms = (struct risk_firm *)(void *)(base + at.firms);
    risk->groups = (struct risk_group *)(void *)(base + at.groups);
    risk->symbols = (char(*)[8])(void *)(base + at.symbols);
    return risk;
}

static void
mark(uint32_t *cnt, uint32_t id)
{
    if (*cnt <= id)
        *cnt = id + 1;
}

enum oe_reject_reason
risk_firm_set(struct risk *risk, const struct cell_firm_set *cell)
{
    if (cell->firm >= risk->cfg.firms_max || cell->name[0] == '\0')
        return OE_REJECT_REASON_CONFIGURATION_RANGE;

    struct risk_firm *firm = &risk->firms[cell->firm];

    memcpy(firm->name, cell->name, sizeof firm->name);
    firm->known = 1;
    mark(&risk->marks.firms_cnt, cell->firm);
    return OE_REJECT_REASON_NONE;
}

enum oe_reject_reason
risk_group_set(struct risk *risk, const struct cell_group_set *cell)
{
    if (cell->group >= risk->cfg.groups_max || cell->firm >= risk->cfg.firms_max ||
        cell->name[0] == '\0')
        return OE_REJECT_REASON_CONFIGURATION_RANGE;

    struct risk_group *group = &risk->groups[cell->group];

    if (risk->firms[cell->firm].known == 0)
        return OE_REJECT_REASON_CONFIGURATION_CONFLICT;
    if (group->known != 0 && group->firm != cell->firm)
        return OE_REJECT_REASON_CONFIGURATION_CONFLICT;
    memcpy(group->name, cell->name, sizeof group->name);
    group->firm = cell->firm;
    group->known = 1;
    mark(&risk->marks.groups_cnt, cell->group);
    return OE_REJECT_REASON_NONE;
}

static bool
position_limit_valid(uint64_t limit)
{
    return limit <= POSITION_LIMIT_MAX || limit == RISK_POSITION_NO_LIMIT;
}

enum oe_reject_reason
risk_account_set(struct risk *risk,
                 const struct cell_account_set *cell,
                 const struct cell_account_limits *limits)
{
    if (cell->account >= risk->cfg.accounts_max || cell->group >= risk->cfg.groups_max ||
        cell->name[0] == '\0' || !cell_account_state_valid(cell->state))
        return OE_REJECT_REASON_CONFIGURATION_RANGE;
    if (limits->order_value_max < 0 || !position_limit_valid(limits->long_max) ||
        !position_limit_valid(limits->short_max))
        return OE_REJECT_REASON_CONFIGURATION_RANGE;

    struct risk_account *account = &risk->accounts[cell->account];
    const struct risk_group *group = &risk->groups[cell->group];

    if (group->known == 0 || (account->known != 0 && account->group != cell->group))
        return OE_REJECT_REASON_CONFIGURATION_CONFLICT;
    account->group = cell->group;
    account->firm = group->firm;
    account->known = 1;
    account->state = cell->state;
    account->order_qty_max = limits->order_qty_max;
    account->order_value_max = limits->order_value_max;
    account->position_max[0] = limits->long_max;
    account->position_max[1] = limits->short_max;
    memcpy(account->name, cell->name, sizeof account->name);
    mark(&risk->marks.accounts_cnt, cell->account);
    return OE_REJECT_REASON_NONE;
}

static bool
instrument_values_valid(const struct cell_instrument_set *cell,
                        const struct cell_instrument_limits *limits)
{
    return cell->symbol[0] != '\0' && cell->tick_px > 0 && cell->lot_qty >= 1 &&
           cell_instrument_state_valid(cell->state) && cell->px_decimals <= 8 &&
           limits->order_value_max >= 0 && limits->reference_px >= 0 && limits->band_low_px >= 0 &&
           limits->band_high_px >= 0;
}

/* symbol_in_use says whether another instrument has the symbol. */
static bool
symbol_in_use(const struct risk *risk, const char symbol[8])
{
    for (uint32_t i = 0; i < risk->marks.instruments_cnt; i++)
        if (risk->instruments[i].known != 0 && memcmp(risk->symbols[i], symbol, 8) == 0)
            return true;
    return false;
}

enum oe_reject_reason
risk_instrument_set(struct risk *risk,
                    const struct cell_instrument_set *cell,
                    const struct cell_instrument_limits *limits)
{
    if (cell->instrument >= risk->cfg.instruments_max || !instrument_values_valid(cell, limits))
        return OE_REJECT_REASON_CONFIGURATION_RANGE;

    struct risk_instrument *instrument = &risk->instruments[cell->instrument];
    char *symbol = risk->symbols[cell->instrument];

    if (instrument->known != 0) {
        if (memcmp(symbol, cell->symbol, 8) != 0 || instrument->tick_px != cell->tick_px ||
            instrument->lot_qty != cell->lot_qty)
            return OE_REJECT_REASON_CONFIGURATION_CONFLICT;
    } else if (symbol_in_use(risk, cell->symbol)) {
        return OE_REJECT_REASON_CONFIGURATION_CONFLICT;
    }
    *instrument = (struct risk_instrument){
        .tick_px = cell->tick_px,
        .order_value_max = limits->order_value_max,
        .reference_px = limits->reference_px,
        .band_low_px = limits->band_low_px,
        .band_high_px = limits->band_high_px,
        .order_qty_max = limits->order_qty_max,
        .order_qty_min = limits->order_qty_min,
        .lot_qty = cell->lot_qty,
        .collar_ticks = limits->collar_ticks,
        .collar_permille = limits->collar_permille,
        .known = 1,
        .state = cell->state,
        .px_decimals = cell->px_decimals,
    };
    memcpy(symbol, cell->symbol, 8);
    risk_bounds_set(&risk->bounds[cell->instrument], instrument);
    mark(&risk->marks.instruments_cnt, cell->instrument);
    return OE_REJECT_REASON_NONE;
}

enum oe_reject_reason
risk_instrument_state_set(struct risk *risk, const struct cell_instrument_state_set *cell)
{
    if (!risk_instrument_known(risk, cell->instrument))
        return OE_REJECT_REASON_UNKNOWN_INSTRUMENT;

    struct risk_instrument *instrument = &risk->instruments[cell->instrument];

    instrument->state = cell->state;
    risk_bounds_set(&risk->bounds[cell->instrument], instrument);
    return OE_REJECT_REASON_NONE;
}

enum oe_reject_reason
risk_position_limit_set(struct risk *risk, const struct cell_position_limit_set *cell)
{
    if (cell->account >= risk->cfg.accounts_max || cell->instrument >= risk->cfg.instruments_max ||
        !position_limit_valid(cell->long_max) || !position_limit_valid(cell->short_max))
        return OE_REJECT_REASON_CONFIGURATION_RANGE;
    if (risk->accounts[cell->account].known == 0 || risk->instruments[cell->instrument].known == 0)
        return OE_REJECT_REASON_CONFIGURATION_CONFLICT;

    const uint32_t at = risk_position_find(risk, cell->account, cell->instrument);
    struct risk_slot *slot = &risk->positions[at];

    if (slot->used == 0) {
        if (risk->marks.positions_cnt == risk->cfg.positions_max)
            return OE_REJECT_REASON_POSITION_POOL_FULL;
        risk_position_take(risk, at, cell->account, cell->instrument);
    }
    slot->limited = 1;
    slot->position_max[0] = cell->long_max;
    slot->position_max[1] = cell->short_max;
    return OE_REJECT_REASON_NONE;
}

enum oe_reject_reason
risk_permission_set(struct risk *risk, const struct cell_permission_set *cell)
{
    if (cell->group >= risk->cfg.groups_max || cell->instrument >= risk->cfg.instruments_max ||
        cell->restricted > 1)
        return OE_REJECT_REASON_CONFIGURATION_RANGE;
    if (risk->groups[cell->group].known == 0 || risk->instruments[cell->instrument].known == 0)
        return OE_REJECT_REASON_CONFIGURATION_CONFLICT;

    uint64_t *word =
        &risk->restricted[(size_t)cell->group * risk->row_words + cell->instrument / 64];
    const uint64_t bit = UINT64_C(1) << (cell->instrument % 64);

    *word = cell->restricted != 0 ? *word | bit : *word & ~bit;
    return OE_REJECT_REASON_NONE;
}
