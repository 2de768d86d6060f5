#include "risk/state.h"

/*
 * What operators and queries see, and the configuration as commands.
 */

bool
risk_position_get(const struct risk *risk,
                  uint32_t account,
                  uint32_t instrument,
                  struct risk_position *out)
{
    if (account >= risk->cfg.accounts_max || instrument >= risk->cfg.instruments_max)
        return false;

    const uint32_t at = risk_pair_find(risk, account, instrument);
    bool own;

    if (risk->pairs[at].version == 0)
        return false;
    *out = (struct risk_position){
        .position_qty = risk->pairs[at].position_qty,
        .open_buy_qty = risk_pair_open(risk, at, false),
        .open_sell_qty = risk_pair_open(risk, at, true),
        .long_max = (uint64_t)risk_long_short(risk, at, account, false, &own),
        .short_max = (uint64_t)risk_long_short(risk, at, account, true, &own),
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
    if (account >= risk->cfg.accounts_max ||
        (risk->subjects[0][account].flags & RISK_IS_KNOWN) == 0)
        return false;
    *group = risk->accounts[account].group;
    *firm = risk->accounts[account].firm;
    return true;
}

bool
risk_group_firm(const struct risk *risk, uint32_t group, uint32_t *firm)
{
    if (group >= risk->cfg.groups_max || (risk->subjects[1][group].flags & RISK_IS_KNOWN) == 0)
        return false;
    *firm = risk->groups_warm[group].parent;
    return true;
}

bool
risk_firm_known(const struct risk *risk, uint32_t firm)
{
    return firm < risk->cfg.firms_max && (risk->subjects[2][firm].flags & RISK_IS_KNOWN) != 0;
}

bool
risk_instrument_known(const struct risk *risk, uint32_t instrument)
{
    return instrument < risk->cfg.instruments_max && risk->instruments[instrument].known != 0;
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

/* subject_find returns a known account, group or firm; NULL: there is none. */
static const struct risk_subject *
subject_find(const struct risk *risk, uint8_t level, uint32_t id)
{
    const uint32_t max = level == OE_RISK_LEVEL_ACCOUNT ? risk->marks.accounts_cnt
                         : level == OE_RISK_LEVEL_GROUP ? risk->marks.groups_cnt
                                                        : risk->marks.firms_cnt;

    if (level < OE_RISK_LEVEL_ACCOUNT || level > OE_RISK_LEVEL_FIRM || id >= max)
        return NULL;

    const struct risk_subject *subject = risk_subject_of(risk, level, id);

    return (subject->flags & RISK_IS_KNOWN) != 0 ? subject : NULL;
}

/* pair_find returns the slot of a pair in use; UINT32_MAX: there is none. */
static uint32_t
pair_find(const struct risk *risk, uint32_t account, uint32_t instrument)
{
    if (account >= risk->cfg.accounts_max || instrument >= risk->cfg.instruments_max)
        return UINT32_MAX;

    const uint32_t at = risk_pair_find(risk, account, instrument);

    ASSERT(at <= risk->slots_mask);
    return risk->pairs[at].version != 0 ? at : UINT32_MAX;
}

/* pair_use gives Long or Short of a pair: its own limit or, without, the account's. */
static bool
pair_use(const struct risk *risk,
         uint32_t account,
         uint32_t instrument,
         uint8_t limit,
         struct risk_use *out)
{
    const uint32_t at = pair_find(risk, account, instrument);
    const bool sell = limit == CELL_RISK_LIMIT_SHORT;

    ASSERT(sell || limit == CELL_RISK_LIMIT_LONG);
    if (at == UINT32_MAX)
        return false;

    const struct risk_pair_cold *cold = &risk->pairs_cold[at];
    const notional_t position_qty = risk->pairs[at].position_qty;

    out->limit = risk->subjects[0][account].limits[limit];
    if (cold->has_own[sell] != 0) {
        risk_limit_clear(&out->limit);
        out->limit.value = cold->own_qty[sell];
        out->limit.by_hand = (cold->by_hand & (sell ? RISK_HAND_SHORT : RISK_HAND_LONG)) != 0;
    }
    out->used = (sell ? -position_qty : position_qty) + risk_pair_open(risk, at, sell);
    out->headroom = out->limit.value - out->used;
    return true;
}

bool
risk_use_get(const struct risk *risk,
             uint8_t level,
             uint32_t id,
             uint32_t instrument,
             uint8_t limit,
             struct risk_use *out)
{
    if (!oe_risk_level_valid(level) || (risk_limit_levels(limit) & RISK_LEVEL_BIT(level)) == 0)
        return false;
    if (level == OE_RISK_LEVEL_ACCOUNT_INSTRUMENT)
        return pair_use(risk, id, instrument, limit, out);
    *out = (struct risk_use){.used = 0};
    if (level == OE_RISK_LEVEL_INSTRUMENT) {
        if (!risk_instrument_known(risk, id))
            return false;
        out->limit = risk->instruments[id].limits[limit - CELL_RISK_LIMIT_ORDER_QTY];
    } else {
        const struct risk_subject *subject = subject_find(risk, level, id);

        if (subject == NULL)
            return false;

        const struct risk_usage usage = risk_usage_get(risk, level, id);

        out->limit = subject->limits[limit];
        out->used = risk_used(&usage, limit);
        if (limit == CELL_RISK_LIMIT_EXECUTIONS)
            out->used = risk->accounts_warm[id].executions_cnt;
        if (limit == CELL_RISK_LIMIT_ORDER_TO_TRADE && out->limit.value != RISK_LIMIT_OFF)
            out->used = (notional_t)risk_messages(risk, id) -
                        (notional_t)risk->firms[id].trades_cnt * out->limit.value;
    }
    out->headroom = out->limit.value - out->used;
    return true;
}

bool
risk_cash_get(const struct risk *risk, uint32_t account, struct risk_cash *out)
{
    if (subject_find(risk, OE_RISK_LEVEL_ACCOUNT, account) == NULL)
        return false;

    const struct risk_usage usage = risk_usage_get(risk, OE_RISK_LEVEL_ACCOUNT, account);

    *out = (struct risk_cash){
        .balance = usage.balance,
        .reserved = usage.reserved,
        .free = risk_cash_free(risk, account),
        .fees = risk->fees,
    };
    return true;
}
