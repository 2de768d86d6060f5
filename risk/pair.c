#include "risk/state.h"

int64_t
risk_long_short(const struct risk *risk, uint32_t at, uint32_t account, bool sell, bool *own)
{
    const struct risk_pair_cold *cold = &risk->pairs_cold[at];
    const struct risk_subject *subject = risk_subject_of(risk, OE_RISK_LEVEL_ACCOUNT, account);
    const int64_t accounts =
        subject->limits[sell ? CELL_RISK_LIMIT_SHORT : CELL_RISK_LIMIT_LONG].value;
    const int64_t max_qty = cold->has_own[sell] != 0 ? cold->own_qty[sell] : accounts;

    ASSERT(at <= risk->slots_mask);
    ASSERT(max_qty >= 0);
    *own = cold->has_own[sell] != 0;
    return max_qty > (int64_t)POSITION_LIMIT_MAX ? (int64_t)POSITION_LIMIT_MAX : max_qty;
}

/* asks_more says whether an order of the pair has to be asked what one comparison
 * cannot say. */
static bool
asks_more(const struct risk *risk, uint32_t at)
{
    const struct risk_pair_line *pair = &risk->pairs[at];
    const struct risk_subject *account =
        risk_subject_of(risk, OE_RISK_LEVEL_ACCOUNT, pair->account);
    const struct risk_instrument *instrument = &risk->instruments[pair->instrument];
    const uint32_t group = risk->accounts[pair->account].group;
    const uint32_t firm = risk->accounts[pair->account].firm;
    const bool all = account->types == RISK_TYPES_ALL && account->tifs == RISK_TIFS_ALL &&
                     instrument->types == RISK_TYPES_ALL && instrument->tifs == RISK_TIFS_ALL;

    return !all || risk->pairs_cold[at].restricted != 0 ||
           risk_bit_get(risk_restricted_row(risk, OE_RISK_LEVEL_GROUP, group), pair->instrument) ||
           risk_bit_get(risk_restricted_row(risk, OE_RISK_LEVEL_FIRM, firm), pair->instrument);
}

/* least returns the least of a limit that all levels but the pair may have. */
static int64_t
least(const struct risk *risk, const struct risk_pair_line *pair, uint8_t limit)
{
    const struct risk_account_line *line = &risk->accounts[pair->account];
    const int64_t values[] = {
        risk_subject_of(risk, OE_RISK_LEVEL_ACCOUNT, pair->account)->limits[limit].value,
        risk_subject_of(risk, OE_RISK_LEVEL_GROUP, line->group)->limits[limit].value,
        risk_subject_of(risk, OE_RISK_LEVEL_FIRM, line->firm)->limits[limit].value,
        risk->instruments[pair->instrument].limits[limit - CELL_RISK_LIMIT_ORDER_QTY].value,
    };
    int64_t value = RISK_LIMIT_OFF;

    ASSERT(limit == CELL_RISK_LIMIT_ORDER_QTY || limit == CELL_RISK_LIMIT_ORDER_VALUE);
    for (unsigned i = 0; i < ARRAY_LEN(values); i++)
        value = values[i] < value ? values[i] : value;
    return value;
}

COLD void
risk_pair_prepare(const struct risk *risk, uint32_t at)
{
    struct risk_pair_line *pair = &risk->pairs[at];
    struct risk_pair_cold *cold = &risk->pairs_cold[at];
    const uint64_t open_qty[2] = {risk_pair_open(risk, at, false), risk_pair_open(risk, at, true)};
    const int64_t qty_max = least(risk, pair, CELL_RISK_LIMIT_ORDER_QTY);
    const int64_t value_max = least(risk, pair, CELL_RISK_LIMIT_ORDER_VALUE);
    bool own;

    ASSERT(pair->account < risk->cfg.accounts_max);
    ASSERT(pair->instrument < risk->cfg.instruments_max);
    for (unsigned sell = 0; sell < 2; sell++)
        cold->max_qty[sell] = risk_long_short(risk, at, pair->account, sell != 0, &own);
    if ((risk_subject_of(risk, OE_RISK_LEVEL_ACCOUNT, pair->account)->flags & RISK_IS_COVERED) != 0)
        cold->max_qty[1] = 0;
    pair->room[0] =
        (int64_t)((uint64_t)cold->max_qty[0] - (uint64_t)pair->position_qty - open_qty[0]);
    pair->room[1] =
        (int64_t)((uint64_t)cold->max_qty[1] + (uint64_t)pair->position_qty - open_qty[1]);
    pair->qty_max = asks_more(risk, at) ? 0 : qty_max > QTY_MAX ? QTY_MAX : (qty_t)qty_max;
    pair->value_max = value_max < RISK_HOT_VALUE_MAX ? value_max : RISK_HOT_VALUE_MAX;
    pair->version = risk->version;
    ASSERT(risk_pair_open(risk, at, false) == open_qty[0]);
    ASSERT(risk_pair_open(risk, at, true) == open_qty[1]);
}

COLD void
risk_pair_take(struct risk *risk, uint32_t at, uint32_t account, uint32_t instrument)
{
    struct risk_pair_line *pair = &risk->pairs[at];

    ASSERT(pair->version == 0);
    ASSERT(risk->marks.positions_cnt < risk->cfg.positions_max);
    pair->account = account;
    pair->instrument = instrument;
    risk->used[risk->marks.positions_cnt++] = at;
    risk_pair_prepare(risk, at);
}

bool
risk_pair_get(struct risk *risk, uint32_t account, uint32_t instrument, uint32_t *at)
{
    ASSERT(account < risk->cfg.accounts_max);
    ASSERT(instrument < risk->cfg.instruments_max);
    *at = risk_pair_find(risk, account, instrument);
    if (risk->pairs[*at].version != 0)
        return true;
    if (risk->marks.positions_cnt == risk->cfg.positions_max)
        return false;
    risk_pair_take(risk, *at, account, instrument);
    return true;
}
