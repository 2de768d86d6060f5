#include "risk/bounds.h"

/*
 * Commands of operators. Each checks all before it changes anything.
 */

/* The largest balance that a CashMove may leave. */
#define BALANCE_MAX ((notional_t)1 << 100)

/* subject_known says whether an account, group or firm is known; false for other
 * levels. */
static bool
subject_known(const struct risk *risk, uint8_t level, uint32_t id)
{
    const uint32_t max = level == OE_RISK_LEVEL_ACCOUNT ? risk->cfg.accounts_max
                         : level == OE_RISK_LEVEL_GROUP ? risk->cfg.groups_max
                                                        : risk->cfg.firms_max;

    if (level < OE_RISK_LEVEL_ACCOUNT || level > OE_RISK_LEVEL_FIRM || id >= max)
        return false;
    return (risk_subject_of(risk, level, id)->flags & RISK_IS_KNOWN) != 0;
}

static bool
pair_known(const struct risk *risk, uint32_t account, uint32_t instrument)
{
    return subject_known(risk, OE_RISK_LEVEL_ACCOUNT, account) &&
           risk_instrument_known(risk, instrument);
}

/* rate_set gives a subject the rate of its limit. */
static bool
rate_set(struct risk *risk, const struct cell_limit_set *cell, const struct risk_limit *limit)
{
    const bool cancels = cell->limit == CELL_RISK_LIMIT_CANCEL_RATE;
    struct risk_account_line *account = &risk->accounts[cell->subject];
    struct risk_firm_line *firm = &risk->firms[cell->subject];
    uint8_t *rate;
    int64_t *ready_ns;

    ASSERT(cancels || cell->limit == CELL_RISK_LIMIT_MESSAGE_RATE);
    if (cell->level == OE_RISK_LEVEL_ACCOUNT) {
        rate = cancels ? &account->cancel_rate : &account->message_rate;
        ready_ns = cancels ? &account->cancel_ready_ns : &account->message_ready_ns;
    } else {
        ASSERT(cell->level == OE_RISK_LEVEL_FIRM);
        rate = cancels ? &firm->cancel_rate : &firm->message_rate;
        ready_ns = cancels ? &firm->cancel_ready_ns : &firm->message_ready_ns;
    }
    return risk_rate_set(risk, rate, ready_ns, limit->window_ns, limit->value);
}

static enum oe_reject_reason
session_limit(struct risk *risk,
              struct risk_session *session,
              const struct cell_limit_set *cell,
              const struct risk_limit *limit)
{
    const unsigned bit = risk_session_hand(cell->limit);
    const bool cancels = cell->limit == CELL_RISK_LIMIT_CANCEL_RATE;

    if (session == NULL)
        return OE_REJECT_REASON_CONFIGURATION_RANGE;
    if (cell->limit == CELL_RISK_LIMIT_OPEN_ORDERS)
        session->orders_max = limit->value > UINT32_MAX ? UINT32_MAX : (uint32_t)limit->value;
    else if (!risk_rate_set(risk, cancels ? &session->cancel_rate : &session->message_rate,
                            cancels ? &session->cancel_ready_ns : &session->message_ready_ns,
                            limit->window_ns, limit->value))
        return OE_REJECT_REASON_CONFIGURATION_RANGE;
    session->by_hand &= (uint8_t)~bit;
    if (limit->by_hand != 0)
        session->by_hand |= (uint8_t)bit;
    return OE_REJECT_REASON_NONE;
}

static enum oe_reject_reason
pair_limit(struct risk *risk, const struct cell_limit_set *cell, const struct risk_limit *limit)
{
    const unsigned sell = cell->limit == CELL_RISK_LIMIT_SHORT;
    const uint8_t hand = sell != 0 ? RISK_HAND_SHORT : RISK_HAND_LONG;
    uint32_t at;

    if (!pair_known(risk, cell->subject, cell->instrument))
        return OE_REJECT_REASON_CONFIGURATION_RANGE;
    if (!risk_pair_get(risk, cell->subject, cell->instrument, &at))
        return OE_REJECT_REASON_POSITION_POOL_FULL;

    struct risk_pair_cold *cold = &risk->pairs_cold[at];

    cold->has_own[sell] = 1;
    cold->own_qty[sell] = limit->value;
    cold->by_hand &= (uint8_t)~hand;
    if (limit->by_hand != 0)
        cold->by_hand |= hand;
    risk_pair_prepare(risk, at);
    return OE_REJECT_REASON_NONE;
}

/* prepares says whether pairs are prepared from a limit (pair.c); all others are in
 * rooms and bounds of their subject. */
static bool
prepares(uint8_t limit)
{
    return limit == CELL_RISK_LIMIT_ORDER_QTY || limit == CELL_RISK_LIMIT_ORDER_VALUE ||
           limit == CELL_RISK_LIMIT_LONG || limit == CELL_RISK_LIMIT_SHORT;
}

/* subject_limit sets a limit of an account, group or firm; its stages end. */
static enum oe_reject_reason
subject_limit(struct risk *risk, const struct cell_limit_set *cell, const struct risk_limit *limit)
{
    if (!subject_known(risk, cell->level, cell->subject))
        return OE_REJECT_REASON_CONFIGURATION_RANGE;

    struct risk_subject *subject = risk_subject_of(risk, cell->level, cell->subject);
    const struct risk_usage usage = risk_usage_get(risk, cell->level, cell->subject);
    const bool rate =
        cell->limit == CELL_RISK_LIMIT_MESSAGE_RATE || cell->limit == CELL_RISK_LIMIT_CANCEL_RATE;

    if (rate && !rate_set(risk, cell, limit))
        return OE_REJECT_REASON_CONFIGURATION_RANGE;
    subject->limits[cell->limit] = *limit;
    if (cell->limit == CELL_RISK_LIMIT_EXECUTIONS) {
        subject->flags &= (uint16_t)~RISK_IS_LATCHED;
        risk->accounts_warm[cell->subject].executions_cnt = 0;
    }
    if (cell->limit == CELL_RISK_LIMIT_CREDIT && usage.balance + limit->value < usage.reserved)
        subject->flags |= RISK_IS_LOWERED;
    risk_usage_set(risk, cell->level, cell->subject, &usage);
    if (risk_limit_has_stages(cell->level, cell->limit))
        risk_look_next(risk, cell->level, cell->subject);
    if (prepares(cell->limit))
        risk_version_next(risk);
    return OE_REJECT_REASON_NONE;
}

enum oe_reject_reason
risk_apply_limit(struct risk *risk,
                 struct risk_session *session,
                 const struct cell_limit_set *cell,
                 const struct cell_author *author)
{
    struct risk_limit limit;

    if (!oe_risk_level_valid(cell->level) ||
        (risk_limit_levels(cell->limit) & RISK_LEVEL_BIT(cell->level)) == 0)
        return OE_REJECT_REASON_CONFIGURATION_RANGE;
    if (risk_limit_set(&limit, cell, author) != OE_REJECT_REASON_NONE)
        return OE_REJECT_REASON_CONFIGURATION_RANGE;
    switch (cell->level) {
    case OE_RISK_LEVEL_SESSION:
        return session_limit(risk, session, cell, &limit);
    case OE_RISK_LEVEL_INSTRUMENT:
        if (!risk_instrument_known(risk, cell->subject))
            return OE_REJECT_REASON_CONFIGURATION_RANGE;
        risk->instruments[cell->subject].limits[cell->limit - CELL_RISK_LIMIT_ORDER_QTY] = limit;
        risk_version_next(risk);
        return OE_REJECT_REASON_NONE;
    case OE_RISK_LEVEL_ACCOUNT_INSTRUMENT:
        return pair_limit(risk, cell, &limit);
    default:
        return subject_limit(risk, cell, &limit);
    }
}

enum oe_reject_reason
risk_apply_fee(struct risk *risk, const struct cell_fee_set *cell)
{
    if (!risk_instrument_known(risk, cell->instrument) || cell->maker_ppm < -FEE_PPM_MAX ||
        cell->maker_ppm > FEE_PPM_MAX || cell->taker_ppm < 0 || cell->taker_ppm > FEE_PPM_MAX ||
        cell->maker_ppm + cell->taker_ppm < 0)
        return OE_REJECT_REASON_CONFIGURATION_RANGE;

    struct risk_instrument *instrument = &risk->instruments[cell->instrument];

    instrument->fees =
        (struct risk_fees){.maker_ppm = cell->maker_ppm, .taker_ppm = cell->taker_ppm};
    instrument->by_hand &= (uint16_t)~RISK_HAND_FEE;
    risk_bounds_fees(&risk->bounds[cell->instrument], instrument->fees);
    return OE_REJECT_REASON_NONE;
}

enum oe_reject_reason
risk_apply_cash(struct risk *risk, const struct cell_cash_move *cell)
{
    if (!subject_known(risk, OE_RISK_LEVEL_ACCOUNT, cell->account) ||
        !cell_move_mode_valid(cell->mode))
        return OE_REJECT_REASON_CONFIGURATION_RANGE;

    struct risk_usage usage = risk_usage_get(risk, OE_RISK_LEVEL_ACCOUNT, cell->account);
    const struct risk_subject *subject =
        risk_subject_of(risk, OE_RISK_LEVEL_ACCOUNT, cell->account);
    const notional_t moved =
        cell->mode == CELL_MOVE_MODE_SET ? cell->amount - usage.balance : cell->amount;
    const notional_t balance = usage.balance + moved;

    if (balance > BALANCE_MAX || balance < -BALANCE_MAX)
        return OE_REJECT_REASON_CONFIGURATION_CONFLICT;
    if (subject->limits[CELL_RISK_LIMIT_CREDIT].value != RISK_LIMIT_OFF &&
        risk_cash_free(risk, cell->account) + moved < 0)
        return OE_REJECT_REASON_CONFIGURATION_CONFLICT;

    usage.balance = balance;
    risk_usage_set(risk, OE_RISK_LEVEL_ACCOUNT, cell->account, &usage);
    risk->cash_moved += moved;
    return OE_REJECT_REASON_NONE;
}

enum oe_reject_reason
risk_apply_position(struct risk *risk, const struct cell_position_move *cell)
{
    const int64_t max_qty = (int64_t)POSITION_LIMIT_MAX;

    if (!pair_known(risk, cell->account, cell->instrument) || !cell_move_mode_valid(cell->mode) ||
        cell->qty > max_qty || cell->qty < -max_qty)
        return OE_REJECT_REASON_CONFIGURATION_RANGE;

    uint32_t at = risk_pair_find(risk, cell->account, cell->instrument);
    const int64_t former_qty = risk->pairs[at].position_qty;
    const notional_t moved_qty =
        cell->mode == CELL_MOVE_MODE_SET ? (notional_t)cell->qty - former_qty : cell->qty;
    const notional_t qty = former_qty + moved_qty;
    const struct risk_subject *subject =
        risk_subject_of(risk, OE_RISK_LEVEL_ACCOUNT, cell->account);

    if (qty > max_qty || qty < -max_qty)
        return OE_REJECT_REASON_CONFIGURATION_CONFLICT;
    if ((subject->flags & RISK_IS_COVERED) != 0 && qty < risk_pair_open(risk, at, true))
        return OE_REJECT_REASON_CONFIGURATION_CONFLICT;
    if (!risk_pair_get(risk, cell->account, cell->instrument, &at))
        return OE_REJECT_REASON_POSITION_POOL_FULL;
    risk->pairs[at].position_qty = (int64_t)qty;
    risk_room_add(&risk->pairs[at].room[0], (int64_t)-moved_qty);
    risk_room_add(&risk->pairs[at].room[1], (int64_t)moved_qty);
    risk->instruments[cell->instrument].moved_qty += moved_qty;
    return OE_REJECT_REASON_NONE;
}

/* restrict_pair restricts an account in an instrument. */
static enum oe_reject_reason
restrict_pair(struct risk *risk, const struct cell_restriction_set *cell)
{
    uint32_t at;

    if (!risk_pair_get(risk, cell->subject, cell->instrument, &at))
        return OE_REJECT_REASON_POSITION_POOL_FULL;
    ASSERT(risk->pairs[at].account == cell->subject);
    risk->pairs_cold[at].restricted = cell->restricted;
    risk->pairs_cold[at].by_hand &= (uint8_t)~RISK_HAND_RESTRICTION;
    risk_pair_prepare(risk, at);
    return OE_REJECT_REASON_NONE;
}

static void
bit_set(uint64_t *row, uint32_t bit, bool on)
{
    const uint64_t mask = UINT64_C(1) << (bit % 64);

    row[bit / 64] = on ? row[bit / 64] | mask : row[bit / 64] & ~mask;
}

enum oe_reject_reason
risk_apply_restriction(struct risk *risk, const struct cell_restriction_set *cell)
{
    if (!subject_known(risk, cell->level, cell->subject) || cell->restricted > 1)
        return OE_REJECT_REASON_CONFIGURATION_RANGE;

    struct risk_subject *subject = risk_subject_of(risk, cell->level, cell->subject);

    if (cell->instrument == CELL_ANY) {
        subject->flags &= (uint16_t)~RISK_IS_BLACKLISTED;
        if (cell->restricted != 0)
            subject->flags |= RISK_IS_BLACKLISTED;
        subject->by_hand &= (uint16_t)~RISK_HAND_BLACKLIST;
        risk_flags_set(risk, cell->level, cell->subject);
        return OE_REJECT_REASON_NONE;
    }
    if (!risk_instrument_known(risk, cell->instrument))
        return OE_REJECT_REASON_CONFIGURATION_RANGE;
    if (cell->level == OE_RISK_LEVEL_ACCOUNT)
        return restrict_pair(risk, cell);
    bit_set(risk_restricted_row(risk, cell->level, cell->subject), cell->instrument,
            cell->restricted != 0);
    bit_set(risk_by_hand_row(risk, cell->level, cell->subject), cell->instrument, false);
    risk_version_next(risk);
    return OE_REJECT_REASON_NONE;
}

static enum oe_reject_reason
account_rule(struct risk *risk, const struct cell_order_rule_set *cell)
{
    if (!subject_known(risk, OE_RISK_LEVEL_ACCOUNT, cell->subject) || cell->covered > 1 ||
        cell->references != 0 || cell->unreferenced != 0)
        return OE_REJECT_REASON_CONFIGURATION_RANGE;

    struct risk_subject *subject = risk_subject_of(risk, OE_RISK_LEVEL_ACCOUNT, cell->subject);

    subject->types = cell->types;
    subject->tifs = cell->tifs;
    subject->flags &= (uint16_t)~RISK_IS_COVERED;
    if (cell->covered != 0)
        subject->flags |= RISK_IS_COVERED;
    subject->by_hand &= (uint16_t)~RISK_HAND_RULE;
    risk_version_next(risk);
    return OE_REJECT_REASON_NONE;
}

static enum oe_reject_reason
instrument_rule(struct risk *risk, const struct cell_order_rule_set *cell)
{
    if (!risk_instrument_known(risk, cell->subject) || cell->covered != 0 ||
        (cell->references & ~RISK_REFERENCES_ALL) != 0 || cell->unreferenced > 1)
        return OE_REJECT_REASON_CONFIGURATION_RANGE;

    struct risk_instrument *instrument = &risk->instruments[cell->subject];

    instrument->types = cell->types;
    instrument->tifs = cell->tifs;
    instrument->references = cell->references;
    instrument->unreferenced = cell->unreferenced;
    instrument->by_hand &= (uint16_t)~RISK_HAND_RULE;
    risk_bounds_set(&risk->bounds[cell->subject], instrument);
    risk_version_next(risk);
    return OE_REJECT_REASON_NONE;
}

enum oe_reject_reason
risk_apply_order_rule(struct risk *risk, const struct cell_order_rule_set *cell)
{
    if ((cell->types & ~RISK_TYPES_ALL) != 0 || (cell->tifs & ~RISK_TIFS_ALL) != 0)
        return OE_REJECT_REASON_CONFIGURATION_RANGE;
    if (cell->level == OE_RISK_LEVEL_ACCOUNT)
        return account_rule(risk, cell);
    if (cell->level == OE_RISK_LEVEL_INSTRUMENT)
        return instrument_rule(risk, cell);
    return OE_REJECT_REASON_CONFIGURATION_RANGE;
}

enum oe_reject_reason
risk_apply_kill(struct risk *risk, struct risk_session *session, const struct cell_kill *cell)
{
    if (cell->cancels > 1)
        return OE_REJECT_REASON_CONFIGURATION_RANGE;
    if (cell->level == OE_RISK_LEVEL_SESSION && session != NULL) {
        session->killed = 1;
        return OE_REJECT_REASON_NONE;
    }
    if (!subject_known(risk, cell->level, cell->subject))
        return OE_REJECT_REASON_CONFIGURATION_RANGE;
    risk_subject_of(risk, cell->level, cell->subject)->flags |= RISK_IS_KILLED;
    risk_flags_set(risk, cell->level, cell->subject);
    return OE_REJECT_REASON_NONE;
}

enum oe_reject_reason
risk_apply_enable(struct risk *risk, struct risk_session *session, const struct cell_enable *cell)
{
    if (cell->level == OE_RISK_LEVEL_SESSION && session != NULL) {
        session->killed = 0;
        return OE_REJECT_REASON_NONE;
    }
    if (!subject_known(risk, cell->level, cell->subject))
        return OE_REJECT_REASON_CONFIGURATION_RANGE;

    struct risk_subject *subject = risk_subject_of(risk, cell->level, cell->subject);
    const struct risk_usage usage = risk_usage_get(risk, cell->level, cell->subject);

    subject->flags &= (uint16_t) ~(RISK_IS_KILLED | RISK_IS_LATCHED);
    for (unsigned i = 0; i < RISK_LIMITS_CNT; i++)
        risk_stage_end(&subject->limits[i], subject->limits[i].begun);
    if (cell->level == OE_RISK_LEVEL_ACCOUNT)
        risk->accounts_warm[cell->subject].executions_cnt = 0;
    risk_usage_set(risk, cell->level, cell->subject, &usage);
    risk_look_next(risk, cell->level, cell->subject);
    return OE_REJECT_REASON_NONE;
}
