#include <string.h>

#include "risk/state.h"

/*
 * The configuration as the commands that would make it, and who made it.
 */

/* subject_at returns a known account, group or firm; NULL: there is none. */
static struct risk_subject *
subject_at(const struct risk *risk, uint8_t level, uint32_t id)
{
    uint32_t cnt = 0;

    if (level == OE_RISK_LEVEL_ACCOUNT)
        cnt = risk->marks.accounts_cnt;
    if (level == OE_RISK_LEVEL_GROUP)
        cnt = risk->marks.groups_cnt;
    if (level == OE_RISK_LEVEL_FIRM)
        cnt = risk->marks.firms_cnt;
    if (id >= cnt || (risk_subject_of(risk, level, id)->flags & RISK_IS_KNOWN) == 0)
        return NULL;
    return risk_subject_of(risk, level, id);
}

/* cold_at returns the cold half of a pair in use; NULL: there is none. */
static struct risk_pair_cold *
cold_at(const struct risk *risk, uint32_t account, uint32_t instrument)
{
    if (account >= risk->cfg.accounts_max || instrument >= risk->cfg.instruments_max)
        return NULL;

    const uint32_t at = risk_pair_find(risk, account, instrument);

    ASSERT(at <= risk->slots_mask);
    return risk->pairs[at].version != 0 ? &risk->pairs_cold[at] : NULL;
}

/* qty_of_limit and position_of_limit turn limits into those of AccountSet. */
static qty_t
qty_of_limit(int64_t value)
{
    ASSERT(value >= 0);
    return value > QTY_MAX ? QTY_MAX : (qty_t)value;
}

static uint64_t
position_of_limit(int64_t value)
{
    ASSERT(value >= 0);
    return value == RISK_LIMIT_OFF ? RISK_POSITION_NO_LIMIT : (uint64_t)value;
}

static unsigned
account_get(const struct risk *risk, uint32_t id, union cell cells[2])
{
    const struct risk_subject *account = subject_at(risk, OE_RISK_LEVEL_ACCOUNT, id);
    struct cell_account_set *set = &cells[0].account_set;
    struct cell_account_limits *limits = &cells[1].account_limits;

    if (account == NULL)
        return 0;
    set->shape = 2;
    set->account = id;
    set->group = risk->accounts[id].group;
    set->state = account->state;
    memcpy(set->name, account->name, sizeof set->name);
    limits->kind = CELL_KIND_ACCOUNT_LIMITS;
    limits->order_qty_max = qty_of_limit(account->limits[CELL_RISK_LIMIT_ORDER_QTY].value);
    limits->order_value_max = account->limits[CELL_RISK_LIMIT_ORDER_VALUE].value;
    limits->long_max = position_of_limit(account->limits[CELL_RISK_LIMIT_LONG].value);
    limits->short_max = position_of_limit(account->limits[CELL_RISK_LIMIT_SHORT].value);
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
    limits->order_qty_max = qty_of_limit(instrument->limits[0].value);
    limits->order_value_max = instrument->limits[1].value;
    limits->reference_px = instrument->reference_px;
    limits->collar_ticks = instrument->collar_ticks;
    limits->collar_permille = instrument->collar_permille;
    limits->band_low_px = instrument->band_low_px;
    limits->band_high_px = instrument->band_high_px;
    limits->order_qty_min = instrument->order_qty_min;
    return 2;
}

/* position_limit_get gives both limits of a pair; one that it has not is the
 * account's. */
static unsigned
position_limit_get(const struct risk *risk, uint32_t account, uint32_t instrument, union cell *cell)
{
    const struct risk_pair_cold *cold = cold_at(risk, account, instrument);

    if (cold == NULL || (cold->has_own[0] | cold->has_own[1]) == 0)
        return 0;

    const struct risk_limit *limits = risk->subjects[0][account].limits;

    cell->position_limit_set.account = account;
    cell->position_limit_set.instrument = instrument;
    cell->position_limit_set.long_max = position_of_limit(
        cold->has_own[0] != 0 ? cold->own_qty[0] : limits[CELL_RISK_LIMIT_LONG].value);
    cell->position_limit_set.short_max = position_of_limit(
        cold->has_own[1] != 0 ? cold->own_qty[1] : limits[CELL_RISK_LIMIT_SHORT].value);
    return 1;
}

static unsigned
permission_get(const struct risk *risk, uint32_t group, uint32_t instrument, union cell *cell)
{
    if (subject_at(risk, OE_RISK_LEVEL_GROUP, group) == NULL ||
        !risk_instrument_known(risk, instrument) ||
        !risk_bit_get(risk_restricted_row(risk, OE_RISK_LEVEL_GROUP, group), instrument))
        return 0;
    cell->permission_set.group = group;
    cell->permission_set.instrument = instrument;
    cell->permission_set.restricted = 1;
    return 1;
}

/* limit_at returns a limit of an account, group, firm or instrument; NULL: there is
 * none. */
static struct risk_limit *
limit_at(const struct risk *risk, uint32_t id, uint32_t id2)
{
    const uint8_t level = (uint8_t)(id2 >> 8);
    const uint8_t limit = (uint8_t)id2;

    if (id2 > UINT16_MAX || !oe_risk_level_valid(level) ||
        (risk_limit_levels(limit) & RISK_LEVEL_BIT(level)) == 0)
        return NULL;
    if (level == OE_RISK_LEVEL_INSTRUMENT)
        return risk_instrument_known(risk, id)
                   ? &risk->instruments[id].limits[limit - CELL_RISK_LIMIT_ORDER_QTY]
                   : NULL;

    struct risk_subject *subject = subject_at(risk, level, id);

    return subject != NULL ? &subject->limits[limit] : NULL;
}

static unsigned
limit_get(const struct risk *risk, uint32_t id, uint32_t id2, union cell *cell)
{
    const struct risk_limit *limit = limit_at(risk, id, id2);
    struct cell_limit_set *set = &cell->limit_set;

    if (limit == NULL || limit->value == RISK_LIMIT_OFF)
        return 0;
    set->subject = id;
    set->value = limit->value;
    set->window_ns = limit->window_ns;
    set->level = (uint8_t)(id2 >> 8);
    set->limit = (uint8_t)id2;
    set->warn_permille = limit->permille[0];
    set->slow_permille = limit->permille[1];
    set->close_permille = limit->permille[2];
    set->block_permille = limit->permille[3];
    set->slow_ms = limit->slow_ms;
    return 1;
}

static unsigned
fee_get(const struct risk *risk, uint32_t id, union cell *cell)
{
    if (!risk_instrument_known(risk, id))
        return 0;
    cell->fee_set.instrument = id;
    cell->fee_set.maker_ppm = risk->instruments[id].fees.maker_ppm;
    cell->fee_set.taker_ppm = risk->instruments[id].fees.taker_ppm;
    return 1;
}

/* is_restricted says whether a subject may not trade an instrument, or any. */
static bool
is_restricted(const struct risk *risk, uint8_t level, uint32_t id, uint32_t instrument)
{
    const struct risk_subject *subject = subject_at(risk, level, id);

    if (subject == NULL)
        return false;
    if (instrument == CELL_ANY)
        return (subject->flags & RISK_IS_BLACKLISTED) != 0;
    if (!risk_instrument_known(risk, instrument))
        return false;
    if (level == OE_RISK_LEVEL_ACCOUNT) {
        const struct risk_pair_cold *cold = cold_at(risk, id, instrument);

        return cold != NULL && cold->restricted != 0;
    }
    return risk_bit_get(risk_restricted_row(risk, level, id), instrument);
}

static unsigned
restriction_get(const struct risk *risk, uint32_t key, uint32_t instrument, union cell *cell)
{
    if (!is_restricted(risk, RISK_KEY_LEVEL(key), RISK_KEY_ID(key), instrument))
        return 0;
    cell->restriction_set.level = RISK_KEY_LEVEL(key);
    cell->restriction_set.subject = RISK_KEY_ID(key);
    cell->restriction_set.instrument = instrument;
    cell->restriction_set.restricted = 1;
    return 1;
}

static unsigned
order_rule_get(const struct risk *risk, uint32_t id, uint32_t level, union cell *cell)
{
    struct cell_order_rule_set *set = &cell->order_rule_set;
    const struct risk_subject *account =
        level == OE_RISK_LEVEL_ACCOUNT ? subject_at(risk, OE_RISK_LEVEL_ACCOUNT, id) : NULL;

    if (account != NULL) {
        set->types = account->types;
        set->tifs = account->tifs;
        set->covered = (account->flags & RISK_IS_COVERED) != 0;
    } else if (level == OE_RISK_LEVEL_INSTRUMENT && risk_instrument_known(risk, id)) {
        set->types = risk->instruments[id].types;
        set->tifs = risk->instruments[id].tifs;
        set->references = risk->instruments[id].references;
        set->unreferenced = risk->instruments[id].unreferenced;
    } else {
        return 0;
    }
    set->subject = id;
    set->level = (uint8_t)level;
    return 1;
}

/* name_get fills the name of a firm or group. */
static unsigned
name_get(const struct risk *risk, uint8_t level, uint32_t id, union cell *cell)
{
    const struct risk_subject *subject = subject_at(risk, level, id);

    if (subject == NULL)
        return 0;
    if (level == OE_RISK_LEVEL_FIRM) {
        cell->firm_set.firm = id;
        memcpy(cell->firm_set.name, subject->name, sizeof cell->firm_set.name);
        return 1;
    }
    ASSERT(level == OE_RISK_LEVEL_GROUP);
    cell->group_set.group = id;
    cell->group_set.firm = risk->groups_warm[id].parent;
    memcpy(cell->group_set.name, subject->name, sizeof cell->group_set.name);
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
        return name_get(risk, OE_RISK_LEVEL_FIRM, id, cells);
    case CELL_KIND_GROUP_SET:
        return name_get(risk, OE_RISK_LEVEL_GROUP, id, cells);
    case CELL_KIND_ACCOUNT_SET:
        return account_get(risk, id, cells);
    case CELL_KIND_INSTRUMENT_SET:
        return instrument_get(risk, id, cells);
    case CELL_KIND_POSITION_LIMIT_SET:
        return position_limit_get(risk, id, id2, cells);
    case CELL_KIND_PERMISSION_SET:
        return permission_get(risk, id, id2, cells);
    case CELL_KIND_LIMIT_SET:
        return limit_get(risk, id, id2, cells);
    case CELL_KIND_FEE_SET:
        return fee_get(risk, id, cells);
    case CELL_KIND_RESTRICTION_SET:
        return restriction_get(risk, id, id2, cells);
    case CELL_KIND_ORDER_RULE_SET:
        return order_rule_get(risk, id, id2, cells);
    default:
        return 0;
    }
}

/* Where it is noted that something was set by hand: in one of the two, or nowhere. */
struct hand {
    uint16_t *word;
    uint8_t *byte;
    unsigned bits;
    uint64_t *row; /* bits is an instrument */
};

static struct hand
hand_of_subject(const struct risk *risk, uint8_t level, uint32_t id, unsigned bits)
{
    struct risk_subject *subject = subject_at(risk, level, id);

    ASSERT(bits != 0);
    return (struct hand){.word = subject != NULL ? &subject->by_hand : NULL, .bits = bits};
}

static struct hand
hand_of_instrument(const struct risk *risk, uint32_t id, unsigned bits)
{
    const bool known = risk_instrument_known(risk, id);

    ASSERT(bits != 0);
    return (struct hand){.word = known ? &risk->instruments[id].by_hand : NULL, .bits = bits};
}

static struct hand
hand_of_pair(const struct risk *risk, uint32_t account, uint32_t instrument, unsigned bits)
{
    struct risk_pair_cold *cold = cold_at(risk, account, instrument);

    ASSERT(bits != 0);
    return (struct hand){.byte = cold != NULL ? &cold->by_hand : NULL, .bits = bits};
}

static struct hand
hand_of_restriction(const struct risk *risk, uint8_t level, uint32_t id, uint32_t instrument)
{
    if (instrument == CELL_ANY)
        return hand_of_subject(risk, level, id, RISK_HAND_BLACKLIST);
    if (level == OE_RISK_LEVEL_ACCOUNT)
        return hand_of_pair(risk, id, instrument, RISK_HAND_RESTRICTION);
    if (subject_at(risk, level, id) == NULL || !risk_instrument_known(risk, instrument))
        return (struct hand){.word = NULL};
    return (struct hand){.row = risk_by_hand_row(risk, level, id), .bits = instrument};
}

static struct hand
hand_of(const struct risk *risk, unsigned kind, uint32_t id, uint32_t id2)
{
    switch (kind) {
    case CELL_KIND_FIRM_SET:
        return hand_of_subject(risk, OE_RISK_LEVEL_FIRM, id, RISK_HAND_SET);
    case CELL_KIND_GROUP_SET:
        return hand_of_subject(risk, OE_RISK_LEVEL_GROUP, id, RISK_HAND_SET);
    case CELL_KIND_ACCOUNT_SET:
        return hand_of_subject(risk, OE_RISK_LEVEL_ACCOUNT, id, RISK_HAND_SET);
    case CELL_KIND_INSTRUMENT_SET:
        return hand_of_instrument(risk, id, id2 != 0 ? id2 : RISK_HAND_SET);
    case CELL_KIND_INSTRUMENT_STATE_SET:
        return hand_of_instrument(risk, id, RISK_HAND_SET);
    case CELL_KIND_FEE_SET:
        return hand_of_instrument(risk, id, RISK_HAND_FEE);
    case CELL_KIND_MARK_SET:
        return hand_of_instrument(risk, id, RISK_HAND_MARK);
    case CELL_KIND_POSITION_LIMIT_SET:
        return hand_of_pair(risk, id, id2, RISK_HAND_LONG | RISK_HAND_SHORT);
    case CELL_KIND_PERMISSION_SET:
        return hand_of_restriction(risk, OE_RISK_LEVEL_GROUP, id, id2);
    case CELL_KIND_RESTRICTION_SET:
        return hand_of_restriction(risk, RISK_KEY_LEVEL(id), RISK_KEY_ID(id), id2);
    case CELL_KIND_ORDER_RULE_SET:
        return id2 == OE_RISK_LEVEL_INSTRUMENT
                   ? hand_of_instrument(risk, id, RISK_HAND_RULE)
                   : hand_of_subject(risk, OE_RISK_LEVEL_ACCOUNT, id, RISK_HAND_RULE);
    default:
        return (struct hand){.word = NULL};
    }
}

void
risk_note_by_hand(struct risk *risk, unsigned kind, uint32_t id, uint32_t id2)
{
    const struct hand hand = hand_of(risk, kind, id, id2);

    if (hand.word != NULL)
        *hand.word |= (uint16_t)hand.bits;
    if (hand.byte != NULL)
        *hand.byte |= (uint8_t)hand.bits;
    if (hand.row != NULL)
        hand.row[hand.bits / 64] |= UINT64_C(1) << (hand.bits % 64);
}

bool
risk_config_by_hand(const struct risk *risk, unsigned kind, uint32_t id, uint32_t id2)
{
    if (kind == CELL_KIND_LIMIT_SET) {
        const struct risk_limit *limit = limit_at(risk, id, id2);

        return limit != NULL && limit->by_hand != 0;
    }

    const struct hand hand = hand_of(risk, kind, id, id2);

    return (hand.word != NULL && (*hand.word & hand.bits) != 0) ||
           (hand.byte != NULL && (*hand.byte & hand.bits) != 0) ||
           (hand.row != NULL && risk_bit_get(hand.row, hand.bits));
}

/* back_of_limit: stages, rates and the limit itself stay as they are. */
static enum oe_reject_reason
back_of_limit(struct risk *risk, struct risk_session *session, const struct cell_hand_back *cell)
{
    if ((risk_limit_levels(cell->limit) & RISK_LEVEL_BIT(cell->level)) == 0)
        return OE_REJECT_REASON_CONFIGURATION_RANGE;
    if (cell->level == OE_RISK_LEVEL_SESSION) {
        if (session == NULL)
            return OE_REJECT_REASON_CONFIGURATION_RANGE;
        session->by_hand &= (uint8_t)~risk_session_hand(cell->limit);
        return OE_REJECT_REASON_NONE;
    }
    if (cell->level == OE_RISK_LEVEL_ACCOUNT_INSTRUMENT) {
        const unsigned hand =
            cell->limit == CELL_RISK_LIMIT_SHORT ? RISK_HAND_SHORT : RISK_HAND_LONG;
        struct risk_pair_cold *cold;

        if (subject_at(risk, OE_RISK_LEVEL_ACCOUNT, cell->subject) == NULL ||
            !risk_instrument_known(risk, cell->instrument))
            return OE_REJECT_REASON_CONFIGURATION_RANGE;
        cold = cold_at(risk, cell->subject, cell->instrument);
        if (cold != NULL)
            cold->by_hand &= (uint8_t)~hand;
        return OE_REJECT_REASON_NONE;
    }

    struct risk_limit *limit =
        limit_at(risk, cell->subject, (uint32_t)cell->level << 8 | cell->limit);

    if (limit == NULL)
        return OE_REJECT_REASON_CONFIGURATION_RANGE;
    limit->by_hand = 0;
    return OE_REJECT_REASON_NONE;
}

/* back_fits says whether there is what a HandBack of anything but a limit names. */
static bool
back_fits(const struct risk *risk, const struct cell_hand_back *cell)
{
    const bool instrument = cell->level == OE_RISK_LEVEL_INSTRUMENT;
    const bool known = instrument ? risk_instrument_known(risk, cell->subject)
                                  : subject_at(risk, cell->level, cell->subject) != NULL;

    if (!known || cell->limit != CELL_RISK_LIMIT_NONE)
        return false;
    switch (cell->setting) {
    case CELL_KIND_ACCOUNT_SET:
        return cell->level == OE_RISK_LEVEL_ACCOUNT;
    case CELL_KIND_INSTRUMENT_SET:
    case CELL_KIND_FEE_SET:
        return instrument;
    case CELL_KIND_ORDER_RULE_SET:
        return instrument || cell->level == OE_RISK_LEVEL_ACCOUNT;
    case CELL_KIND_RESTRICTION_SET:
        return !instrument &&
               (cell->instrument == CELL_ANY || risk_instrument_known(risk, cell->instrument));
    default:
        return false;
    }
}

/* back_of returns where it is noted that it is by hand. */
static struct hand
back_of(const struct risk *risk, const struct cell_hand_back *cell)
{
    switch (cell->setting) {
    case CELL_KIND_INSTRUMENT_SET:
        return hand_of_instrument(risk, cell->subject, RISK_HAND_SET | RISK_VALUES_ALL);
    case CELL_KIND_RESTRICTION_SET:
        return hand_of_restriction(risk, cell->level, cell->subject, cell->instrument);
    case CELL_KIND_ORDER_RULE_SET:
        return hand_of(risk, cell->setting, cell->subject, cell->level);
    default:
        return hand_of(risk, cell->setting, cell->subject, 0);
    }
}

enum oe_reject_reason
risk_apply_hand_back(struct risk *risk,
                     struct risk_session *session,
                     const struct cell_hand_back *cell)
{
    if (cell->setting == CELL_KIND_LIMIT_SET)
        return back_of_limit(risk, session, cell);
    if (!back_fits(risk, cell))
        return OE_REJECT_REASON_CONFIGURATION_RANGE;

    const struct hand hand = back_of(risk, cell);

    if (hand.word != NULL)
        *hand.word &= (uint16_t)~hand.bits;
    if (hand.byte != NULL)
        *hand.byte &= (uint8_t)~hand.bits;
    if (hand.row != NULL)
        hand.row[hand.bits / 64] &= ~(UINT64_C(1) << (hand.bits % 64));
    return OE_REJECT_REASON_NONE;
}
