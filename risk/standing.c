#include "risk/bounds.h"

/*
 * What stops a subject besides its limits, and what an instrument's prices are
 * measured from: for operators.
 */

uint32_t
risk_subjects_cnt(const struct risk *risk, uint8_t level)
{
    switch (level) {
    case OE_RISK_LEVEL_ACCOUNT:
        return risk->marks.accounts_cnt;
    case OE_RISK_LEVEL_GROUP:
        return risk->marks.groups_cnt;
    case OE_RISK_LEVEL_FIRM:
        return risk->marks.firms_cnt;
    case OE_RISK_LEVEL_INSTRUMENT:
        return risk->marks.instruments_cnt;
    default:
        return 0;
    }
}

bool
risk_standing_get(const struct risk *risk, uint8_t level, uint32_t id, struct risk_standing *out)
{
    *out = (struct risk_standing){.state = CELL_ACCOUNT_STATE_ACTIVE};
    if (level < OE_RISK_LEVEL_ACCOUNT || level > OE_RISK_LEVEL_FIRM ||
        id >= risk_subjects_cnt(risk, level))
        return false;

    const struct risk_subject *subject = risk_subject_of(risk, level, id);

    if ((subject->flags & RISK_IS_KNOWN) == 0)
        return false;
    out->killed = (subject->flags & RISK_IS_KILLED) != 0;
    out->latched = (subject->flags & RISK_IS_LATCHED) != 0;
    out->blacklisted = (subject->flags & RISK_IS_BLACKLISTED) != 0;
    out->staged = subject->begun != 0;
    if (level == OE_RISK_LEVEL_FIRM) {
        out->messages_cnt = risk_messages(risk, id);
        out->fills_cnt = risk->firms[id].trades_cnt;
    }
    if (level != OE_RISK_LEVEL_ACCOUNT)
        return true;

    const struct risk_usage usage = risk_usage_get(risk, level, id);

    out->state = subject->state;
    out->bought = usage.bought;
    out->sold = usage.sold;
    out->profit = usage.profit;
    return true;
}

/* pair_next is risk_restriction_next of an account: pairs are looked up one by one. */
static bool
pair_next(const struct risk *risk, uint32_t account, uint32_t *at, uint32_t end)
{
    for (; *at < end; ++*at) {
        const uint32_t slot = risk_pair_find(risk, account, *at);

        if (risk->pairs[slot].version != 0 && risk->pairs_cold[slot].restricted != 0)
            return true;
    }
    return false;
}

bool
risk_restriction_next(const struct risk *risk,
                      uint8_t level,
                      uint32_t id,
                      uint32_t *at,
                      uint32_t end)
{
    ASSERT(end <= risk->marks.instruments_cnt);
    ASSERT(id < risk_subjects_cnt(risk, level));
    if (level == OE_RISK_LEVEL_ACCOUNT)
        return pair_next(risk, id, at, end);

    const uint64_t *row = risk_restricted_row(risk, level, id);

    while (*at < end) {
        const uint64_t rest = row[*at / 64] >> (*at % 64);

        if (rest != 0) {
            *at += (uint32_t)__builtin_ctzll(rest);
            return *at < end;
        }
        *at = (*at / 64 + 1) * 64;
    }
    *at = end;
    return false;
}

struct risk_pair
risk_pair_of(const struct risk *risk, uint32_t position)
{
    ASSERT(position <= risk->slots_mask);

    const struct risk_pair_line *pair = &risk->pairs[position];

    ASSERT(pair->version != 0);
    return (struct risk_pair){
        .account = pair->account,
        .instrument = pair->instrument,
        .position_qty = pair->position_qty,
        .restricted = risk->pairs_cold[position].restricted != 0,
    };
}

bool
risk_is_blocked(const struct risk *risk, uint32_t account)
{
    const struct risk_account_line *line = &risk->accounts[account];

    ASSERT(account < risk->marks.accounts_cnt);
    return ((risk_subject_of(risk, OE_RISK_LEVEL_ACCOUNT, account)->begun |
             risk_subject_of(risk, OE_RISK_LEVEL_GROUP, line->group)->begun |
             risk_subject_of(risk, OE_RISK_LEVEL_FIRM, line->firm)->begun) &
            RISK_BEGUN_BLOCK) != 0;
}

bool
risk_prices_get(const struct risk *risk,
                uint32_t instrument,
                px_t last_px,
                px_t mid_px,
                struct risk_prices *out)
{
    struct risk_collar collar;

    *out = (struct risk_prices){.mark_px = 0};
    if (!risk_instrument_known(risk, instrument))
        return false;

    const struct risk_instrument *at = &risk->instruments[instrument];

    out->mark_px = risk->bounds[instrument].mark_px;
    out->settlement_px = at->settlement_px;
    out->reference_px = risk_reference_of(at, last_px, mid_px);
    if (!risk_collar_of(at, out->reference_px, &collar) || out->reference_px == 0)
        return true;
    out->has_collar = true;
    out->low_px = collar.low_px;
    out->high_px = collar.high_px;
    return true;
}
