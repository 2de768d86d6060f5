#include <string.h>

#include "risk/state.h"

bool
risk_position_get(const struct risk *risk,
                  uint32_t account,
                  uint32_t instrument,
                  struct risk_position *out)
{
    if (account >= risk->cfg.accounts_max || instrument >= risk->cfg.instruments_max)
        return false;

    const struct risk_slot *slot = &risk->positions[risk_position_find(risk, account, instrument)];

    if (slot->used == 0)
        return false;

    const uint64_t *max =
        slot->limited != 0 ? slot->position_max : risk->accounts[account].position_max;

    *out = (struct risk_position){
        .position_qty = slot->position_qty,
        .open_buy_qty = slot->open_qty[0],
        .open_sell_qty = slot->open_qty[1],
        .long_max = max[0],
        .short_max = max[1],
    };
    return true;
}

px_t
risk_tick_px(const struct risk *risk, uint32_t instrument)
{
    return risk_instrument_known(risk, instrument) ? risk->instruments[instrument].tick_px : 0;
}

uint32_t
risk_account_group(const struct risk *risk, uint32_t account)
{
    ASSERT(account < risk->cfg.accounts_max);
    return risk->accounts[account].group;
}

uint8_t
risk_instrument_state(const struct risk *risk, uint32_t instrument)
{
    return risk_instrument_known(risk, instrument) ? risk->instruments[instrument].state
                                                   : (uint8_t)CELL_INSTRUMENT_STATE_CLOSED;
}

uint32_t
risk_lot_qty(const struct risk *risk, uint32_t instrument)
{
    return risk_instrument_known(risk, instrument) ? risk->instruments[instrument].lot_qty : 0;
}

bool
risk_account_firm(const struct risk *risk, uint32_t account, uint32_t *group, uint32_t *firm)
{
    if (account >= risk->cfg.accounts_max || risk->accounts[account].known == 0)
        return false;
    *group = risk->accounts[account].group;
    *firm = risk->accounts[account].firm;
    return true;
}

bool
risk_group_firm(const struct risk *risk, uint32_t group, uint32_t *firm)
{
    if (group >= risk->cfg.groups_max || risk->groups[group].known == 0)
        return false;
    *firm = risk->groups[group].firm;
    return true;
}

bool
risk_firm_known(const struct risk *risk, uint32_t firm)
{
    return firm < risk->cfg.firms_max && risk->firms[firm].known != 0;
}

bool
risk_instrument_known(const struct risk *risk, uint32_t instrument)
{
    return instrument < risk->cfg.instruments_max && risk->instruments[instrument].known != 0;
}

void
risk_hash(const struct risk *risk, struct hash_state *hash)
{
    const struct risk_marks *marks = &risk->marks;

    hash_update(hash, &risk->cfg, sizeof risk->cfg);
    hash_update(hash, marks, sizeof *marks);
    hash_update(hash, risk->firms, marks->firms_cnt * sizeof *risk->firms);
    hash_update(hash, risk->groups, marks->groups_cnt * sizeof *risk->groups);
    hash_update(hash, risk->accounts, marks->accounts_cnt * sizeof *risk->accounts);
    hash_update(hash, risk->instruments, marks->instruments_cnt * sizeof *risk->instruments);
    hash_update(hash, risk->symbols, marks->instruments_cnt * sizeof *risk->symbols);
    hash_update(hash, risk->used, marks->positions_cnt * sizeof *risk->used);
    for (uint32_t i = 0; i < marks->positions_cnt; i++)
        hash_update(hash, &risk->positions[risk->used[i]], sizeof *risk->positions);
    for (uint32_t group = 0; group < marks->groups_cnt; group++)
        hash_update(hash, &risk->restricted[(size_t)group * risk->row_words],
                    (marks->instruments_cnt + 63) / 64 * sizeof *risk->restricted);
}

void
risk_position_check(const struct risk *risk,
                    uint32_t position,
                    uint64_t open_buy_qty,
                    uint64_t open_sell_qty)
{
    ASSERT(position <= risk->slots_mask);

    const struct risk_slot *slot = &risk->positions[position];

    ASSERT(slot->used == 1);
    ASSERT(slot->open_qty[0] == open_buy_qty);
    ASSERT(slot->open_qty[1] == open_sell_qty);
    ASSERT(risk_position_find(risk, slot->account, slot->instrument) == position);
}

uint32_t
risk_positions_cnt(const struct risk *risk)
{
    return risk->marks.positions_cnt;
}

uint32_t
risk_slots_cnt(const struct risk *risk)
{
    return risk->slots_mask + 1;
}

uint32_t
risk_position_slot(const struct risk *risk, uint32_t idx)
{
    ASSERT(idx < risk->marks.positions_cnt);
    return risk->used[idx];
}

static unsigned
account_get(const struct risk *risk, uint32_t id, union cell cells[2])
{
    if (id >= risk->cfg.accounts_max || risk->accounts[id].known == 0)
        return 0;

    const struct risk_account *account = &risk->accounts[id];
    struct cell_account_set *set = &cells[0].account_set;
    struct cell_account_limits *limits = &cells[1].account_limits;

    set->shape = 2;
    set->account = id;
    set->group = account->group;
    set->state = account->state;
    memcpy(set->name, account->name, sizeof set->name);
    limits->kind = CELL_KIND_ACCOUNT_LIMITS;
    limits->order_qty_max = account->order_qty_max;
    limits->order_value_max = account->order_value_max;
    limits->long_max = account->position_max[0];
    limits->short_max = account->position_max[1];
    return 2;
}

static unsigned
instrument_get(const struct risk *risk, uint32_t id, union cell cells[2])
{
    if (!risk_instrument_known(risk, id))
        return 0;

    const struct risk_instrument *instrument = &risk->instruments[id];
    struct cell_instrument_set *set = &cells[0].instrument_set;
    struct cell_instrument_limits *limits = &cells[1].instrument_limits;

    set->shape = 2;
    set->instrument = id;
    memcpy(set->symbol, risk->symbols[id], sizeof set->symbol);
    set->tick_px = instrument->tick_px;
    set->lot_qty = instrument->lot_qty;
    set->state = instrument->state;
    set->px_decimals = instrument->px_decimals;
    limits->kind = CELL_KIND_INSTRUMENT_LIMITS;
    limits->order_qty_max = instrument->order_qty_max;
    limits->order_value_max = instrument->order_value_max;
    limits->reference_px = instrument->reference_px;
    limits->collar_ticks = instrument->collar_ticks;
    limits->collar_permille = instrument->collar_permille;
    limits->band_low_px = instrument->band_low_px;
    limits->band_high_px = instrument->band_high_px;
    limits->order_qty_min = instrument->order_qty_min;
    return 2;
}

static unsigned
position_limit_get(const struct risk *risk, uint32_t account, uint32_t instrument, union cell *cell)
{
    if (account >= risk->cfg.accounts_max || instrument >= risk->cfg.instruments_max)
        return 0;

    const struct risk_slot *slot = &risk->positions[risk_position_find(risk, account, instrument)];

    if (slot->used == 0 || slot->limited == 0)
        return 0;
    cell->position_limit_set.account = account;
    cell->position_limit_set.instrument = instrument;
    cell->position_limit_set.long_max = slot->position_max[0];
    cell->position_limit_set.short_max = slot->position_max[1];
    return 1;
}

unsigned
risk_config_get(const struct risk *risk,
                unsigned kind,
                uint32_t id,
                uint32_t id2,
                union cell cells[2])
{
    memset(cells, 0, 2 * sizeof *cells);
    cells[0].bytes[0] = (uint8_t)kind;
    cells[0].bytes[1] = 1;
    cells[0].firm_set.session = CELL_SESSION;
    switch (kind) {
    case CELL_KIND_FIRM_SET:
        if (!risk_firm_known(risk, id))
            return 0;
        cells[0].firm_set.firm = id;
        memcpy(cells[0].firm_set.name, risk->firms[id].name, sizeof cells[0].firm_set.name);
        return 1;
    case CELL_KIND_GROUP_SET:
        if (!risk_group_firm(risk, id, &cells[0].group_set.firm))
            return 0;
        cells[0].group_set.group = id;
        memcpy(cells[0].group_set.name, risk->groups[id].name, sizeof cells[0].group_set.name);
        return 1;
    case CELL_KIND_ACCOUNT_SET:
        return account_get(risk, id, cells);
    case CELL_KIND_INSTRUMENT_SET:
        return instrument_get(risk, id, cells);
    case CELL_KIND_POSITION_LIMIT_SET:
        return position_limit_get(risk, id, id2, cells);
    case CELL_KIND_PERMISSION_SET:
        if (id >= risk->marks.groups_cnt || !risk_instrument_known(risk, id2) ||
            !risk_is_restricted(risk, id, id2))
            return 0;
        cells[0].permission_set.group = id;
        cells[0].permission_set.instrument = id2;
        cells[0].permission_set.restricted = 1;
        return 1;
    default:
        return 0;
    }
}
