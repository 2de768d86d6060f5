#include <string.h>

#include "risk/bounds.h"

/*
 * Configuration commands of the first hour: firms, groups, accounts, instruments.
 */

static void
mark(uint32_t *cnt, uint32_t id)
{
    if (*cnt <= id)
        *cnt = id + 1;
}

/* subject_begin makes a subject known, with no limit at all. */
static void
subject_begin(struct risk *risk, uint8_t level, uint32_t id)
{
    struct risk_subject *subject = risk_subject_of(risk, level, id);
    const struct risk_usage usage = {.value = 0};

    ASSERT((subject->flags & RISK_IS_KNOWN) == 0);
    for (unsigned i = 0; i < RISK_LIMITS_CNT; i++)
        risk_limit_clear(&subject->limits[i]);
    subject->flags = RISK_IS_KNOWN;
    subject->types = RISK_TYPES_ALL;
    subject->tifs = RISK_TIFS_ALL;
    risk_usage_set(risk, level, id, &usage);
}

enum oe_reject_reason
risk_firm_set(struct risk *risk, const struct cell_firm_set *cell)
{
    if (cell->firm >= risk->cfg.firms_max || cell->name[0] == '\0')
        return OE_REJECT_REASON_CONFIGURATION_RANGE;

    struct risk_subject *firm = risk_subject_of(risk, OE_RISK_LEVEL_FIRM, cell->firm);

    if ((firm->flags & RISK_IS_KNOWN) == 0)
        subject_begin(risk, OE_RISK_LEVEL_FIRM, cell->firm);
    if (memcmp(firm->name, cell->name, sizeof firm->name) != 0)
        firm->by_hand &= (uint16_t)~RISK_HAND_SET;
    memcpy(firm->name, cell->name, sizeof firm->name);
    mark(&risk->marks.firms_cnt, cell->firm);
    return OE_REJECT_REASON_NONE;
}

enum oe_reject_reason
risk_group_set(struct risk *risk, const struct cell_group_set *cell)
{
    if (cell->group >= risk->cfg.groups_max || cell->firm >= risk->cfg.firms_max ||
        cell->name[0] == '\0')
        return OE_REJECT_REASON_CONFIGURATION_RANGE;

    struct risk_subject *group = risk_subject_of(risk, OE_RISK_LEVEL_GROUP, cell->group);
    const bool known = (group->flags & RISK_IS_KNOWN) != 0;

    if (!risk_firm_known(risk, cell->firm) ||
        (known && risk->groups_warm[cell->group].parent != cell->firm))
        return OE_REJECT_REASON_CONFIGURATION_CONFLICT;
    if (!known)
        subject_begin(risk, OE_RISK_LEVEL_GROUP, cell->group);
    if (memcmp(group->name, cell->name, sizeof group->name) != 0)
        group->by_hand &= (uint16_t)~RISK_HAND_SET;
    memcpy(group->name, cell->name, sizeof group->name);
    risk->groups_warm[cell->group].parent = (uint16_t)cell->firm;
    mark(&risk->marks.groups_cnt, cell->group);
    return OE_REJECT_REASON_NONE;
}

static bool
position_limit_valid(uint64_t limit)
{
    return limit <= POSITION_LIMIT_MAX || limit == RISK_POSITION_NO_LIMIT;
}

/* limit_of_position and limit_of_qty turn limits of AccountSet and the like into
 * those of LimitSet. */
static int64_t
limit_of_position(uint64_t limit)
{
    ASSERT(position_limit_valid(limit));
    return limit == RISK_POSITION_NO_LIMIT ? RISK_LIMIT_OFF : (int64_t)limit;
}

static int64_t
limit_of_qty(qty_t qty)
{
    return qty == QTY_MAX ? RISK_LIMIT_OFF : qty;
}

/* value_set sets the value of a limit; what does not change stays by hand. */
static void
value_set(struct risk_limit *limit, int64_t value)
{
    ASSERT(value >= 0);
    ASSERT(limit->begun == 0);
    if (limit->value != value)
        limit->by_hand = 0;
    limit->value = value;
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

    struct risk_subject *account = risk_subject_of(risk, OE_RISK_LEVEL_ACCOUNT, cell->account);
    const bool known = (account->flags & RISK_IS_KNOWN) != 0;
    uint32_t firm;

    if (!risk_group_firm(risk, cell->group, &firm) ||
        (known && risk->accounts[cell->account].group != cell->group))
        return OE_REJECT_REASON_CONFIGURATION_CONFLICT;
    if (!known)
        subject_begin(risk, OE_RISK_LEVEL_ACCOUNT, cell->account);
    if (account->state != cell->state ||
        memcmp(account->name, cell->name, sizeof account->name) != 0)
        account->by_hand &= (uint16_t)~RISK_HAND_SET;
    risk->accounts[cell->account].group = (uint16_t)cell->group;
    risk->accounts[cell->account].firm = (uint16_t)firm;
    account->state = cell->state;
    value_set(&account->limits[CELL_RISK_LIMIT_ORDER_QTY], limit_of_qty(limits->order_qty_max));
    value_set(&account->limits[CELL_RISK_LIMIT_ORDER_VALUE], limits->order_value_max);
    value_set(&account->limits[CELL_RISK_LIMIT_LONG], limit_of_position(limits->long_max));
    value_set(&account->limits[CELL_RISK_LIMIT_SHORT], limit_of_position(limits->short_max));
    memcpy(account->name, cell->name, sizeof account->name);
    risk_flags_set(risk, OE_RISK_LEVEL_ACCOUNT, cell->account);
    risk_version_next(risk);
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

/* instrument_begin makes an instrument known, with no limit, fee or rule. */
static void
instrument_begin(struct risk_instrument *instrument, const struct cell_instrument_set *cell)
{
    ASSERT(instrument->known == 0);
    for (unsigned i = 0; i < ARRAY_LEN(instrument->limits); i++)
        risk_limit_clear(&instrument->limits[i]);
    instrument->tick_px = cell->tick_px;
    instrument->lot_qty = cell->lot_qty;
    instrument->known = 1;
    instrument->references = RISK_REFERENCE_LAST | RISK_REFERENCE_CONFIGURED;
    instrument->types = RISK_TYPES_ALL;
    instrument->tifs = RISK_TIFS_ALL;
}

/* values_differ returns RISK_VALUE_ of what would change. */
static unsigned
values_differ(const struct risk_instrument *instrument, const struct cell_instrument_limits *limits)
{
    unsigned bits = 0;

    if (instrument->reference_px != limits->reference_px)
        bits |= RISK_VALUE_REFERENCE;
    if (instrument->collar_ticks != limits->collar_ticks)
        bits |= RISK_VALUE_COLLAR_TICKS;
    if (instrument->collar_permille != limits->collar_permille)
        bits |= RISK_VALUE_COLLAR_PERMILLE;
    if (instrument->band_low_px != limits->band_low_px)
        bits |= RISK_VALUE_BAND_LOW;
    if (instrument->band_high_px != limits->band_high_px)
        bits |= RISK_VALUE_BAND_HIGH;
    if (instrument->order_qty_min != limits->order_qty_min)
        bits |= RISK_VALUE_ORDER_QTY_MIN;
    return bits;
}

unsigned
risk_instrument_changes(const struct risk *risk,
                        uint32_t instrument,
                        const struct cell_instrument_limits *limits)
{
    return risk_instrument_known(risk, instrument)
               ? values_differ(&risk->instruments[instrument], limits)
               : 0;
}

/* note_differences: what is about to be set anew is no longer by hand. */
static void
note_differences(struct risk_instrument *instrument,
                 const struct cell_instrument_set *cell,
                 const struct cell_instrument_limits *limits)
{
    const unsigned values = values_differ(instrument, limits);

    instrument->by_hand &= (uint16_t)~values;
    if (values != 0 || instrument->state != cell->state ||
        instrument->px_decimals != cell->px_decimals)
        instrument->by_hand &= (uint16_t)~RISK_HAND_SET;
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
    } else {
        instrument_begin(instrument, cell);
    }
    note_differences(instrument, cell, limits);
    instrument->reference_px = limits->reference_px;
    instrument->band_low_px = limits->band_low_px;
    instrument->band_high_px = limits->band_high_px;
    instrument->order_qty_min = limits->order_qty_min;
    instrument->collar_ticks = limits->collar_ticks;
    instrument->collar_permille = limits->collar_permille;
    instrument->state = cell->state;
    instrument->px_decimals = cell->px_decimals;
    value_set(&instrument->limits[0], limit_of_qty(limits->order_qty_max));
    value_set(&instrument->limits[1], limits->order_value_max);
    memcpy(symbol, cell->symbol, 8);
    risk_bounds_set(&risk->bounds[cell->instrument], instrument);
    risk_version_next(risk);
    mark(&risk->marks.instruments_cnt, cell->instrument);
    return OE_REJECT_REASON_NONE;
}

enum oe_reject_reason
risk_instrument_state_set(struct risk *risk, const struct cell_instrument_state_set *cell)
{
    if (!risk_instrument_known(risk, cell->instrument))
        return OE_REJECT_REASON_UNKNOWN_INSTRUMENT;

    struct risk_instrument *instrument = &risk->instruments[cell->instrument];

    if (instrument->state != cell->state)
        instrument->by_hand &= (uint16_t)~RISK_HAND_SET;
    instrument->state = cell->state;
    risk_bounds_set(&risk->bounds[cell->instrument], instrument);
    return OE_REJECT_REASON_NONE;
}

enum oe_reject_reason
risk_position_limit_set(struct risk *risk, const struct cell_position_limit_set *cell)
{
    uint32_t at;

    if (cell->account >= risk->cfg.accounts_max || cell->instrument >= risk->cfg.instruments_max ||
        !position_limit_valid(cell->long_max) || !position_limit_valid(cell->short_max))
        return OE_REJECT_REASON_CONFIGURATION_RANGE;
    if ((risk->subjects[0][cell->account].flags & RISK_IS_KNOWN) == 0 ||
        !risk_instrument_known(risk, cell->instrument))
        return OE_REJECT_REASON_CONFIGURATION_CONFLICT;
    if (!risk_pair_get(risk, cell->account, cell->instrument, &at))
        return OE_REJECT_REASON_POSITION_POOL_FULL;

    struct risk_pair_cold *cold = &risk->pairs_cold[at];
    const int64_t own_qty[2] = {limit_of_position(cell->long_max),
                                limit_of_position(cell->short_max)};
    static const uint8_t hands[2] = {RISK_HAND_LONG, RISK_HAND_SHORT};

    for (unsigned sell = 0; sell < 2; sell++) {
        if (cold->has_own[sell] == 0 || cold->own_qty[sell] != own_qty[sell])
            cold->by_hand &= (uint8_t)~hands[sell];
        cold->has_own[sell] = 1;
        cold->own_qty[sell] = own_qty[sell];
    }
    risk_pair_prepare(risk, at);
    return OE_REJECT_REASON_NONE;
}

enum oe_reject_reason
risk_permission_set(struct risk *risk, const struct cell_permission_set *cell)
{
    const struct cell_restriction_set restriction = {.level = OE_RISK_LEVEL_GROUP,
                                                     .subject = cell->group,
                                                     .instrument = cell->instrument,
                                                     .restricted = cell->restricted};
    uint32_t firm;

    if (cell->group >= risk->cfg.groups_max || cell->instrument >= risk->cfg.instruments_max ||
        cell->restricted > 1)
        return OE_REJECT_REASON_CONFIGURATION_RANGE;
    if (!risk_group_firm(risk, cell->group, &firm) ||
        !risk_instrument_known(risk, cell->instrument))
        return OE_REJECT_REASON_CONFIGURATION_CONFLICT;
    return risk_apply_restriction(risk, &restriction);
}
