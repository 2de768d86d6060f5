#include "risk/bounds.h"

/*
 * Commands that go through all accounts, in slices: what begins checks and does what
 * counts from the command on, each step goes on where the last one stopped.
 */

/* Stages of a limit of the day that a new day ends. */
#define DAY_BEGUN (RISK_BEGUN_WARN | RISK_BEGUN_SLOW | RISK_BEGUN_REJECT)

enum oe_reject_reason
risk_mark_begin(struct risk *risk, const struct cell_mark_set *cell)
{
    uint32_t tick;

    if (!risk_instrument_known(risk, cell->instrument) || cell->settlement > 1)
        return OE_REJECT_REASON_CONFIGURATION_RANGE;

    struct risk_instrument *instrument = &risk->instruments[cell->instrument];
    struct risk_bounds *bounds = &risk->bounds[cell->instrument];

    if (!px_to_tick(cell->px, instrument->tick_px, &tick))
        return OE_REJECT_REASON_CONFIGURATION_RANGE;
    risk->moving_instrument = cell->instrument;
    /* The first mark moves no profit: there was nothing to compare with. */
    risk->moving_px = bounds->mark_px == 0 ? cell->px : bounds->mark_px;
    bounds->mark_px = cell->px;
    instrument->by_hand &= (uint16_t)~RISK_HAND_MARK;
    if (cell->settlement != 0) {
        instrument->settlement_px = cell->px;
        bounds->last_px = RISK_PX_STALE;
    }
    return OE_REJECT_REASON_NONE;
}

bool
risk_mark_step(struct risk *risk, uint32_t *at, uint32_t budget)
{
    const notional_t moved_px =
        (notional_t)risk->bounds[risk->moving_instrument].mark_px - risk->moving_px;
    const uint32_t cnt = risk->marks.positions_cnt;

    ASSERT(budget >= 1);
    ASSERT(*at <= cnt);
    for (; *at < cnt && budget > 0; ++*at, budget--) {
        const struct risk_pair_line *pair = &risk->pairs[risk->used[*at]];

        if (pair->instrument != risk->moving_instrument || pair->position_qty == 0)
            continue;
        risk_profit_add(risk, pair->account, pair->position_qty * moved_px);
        risk_loss_look(risk, pair->account, 0);
        risk_look_all(risk, pair->account, 0);
    }
    if (*at < cnt)
        return true;
    risk->moving_instrument = 0;
    risk->moving_px = 0;
    return false;
}

static bool
date_valid(uint32_t date)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const uint32_t year = date / 10000;
    const uint32_t month = date / 100 % 100;
    const uint32_t day = date % 100;
    const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return year >= 1 && year <= 9999 && month >= 1 && month <= 12 && day >= 1 &&
           day <= days[month - 1] + (uint32_t)(month == 2 && leap);
}

enum oe_reject_reason
risk_day_begin(struct risk *risk, const struct cell_day_roll *cell)
{
    if (!date_valid(cell->date) || cell->date <= risk->date)
        return OE_REJECT_REASON_CONFIGURATION_RANGE;
    ASSERT(!risk_is_pending(risk));
    risk->date = cell->date;
    return OE_REJECT_REASON_NONE;
}

/* subject_roll begins the day of an account, a group or a firm. */
static void
subject_roll(struct risk *risk, uint8_t level, uint32_t id)
{
    struct risk_subject *subject = risk_subject_of(risk, level, id);
    struct risk_usage usage = risk_usage_get(risk, level, id);

    if ((subject->flags & RISK_IS_KNOWN) == 0)
        return;
    usage.bought = 0;
    usage.sold = 0;
    usage.profit = 0;
    if (level == OE_RISK_LEVEL_FIRM) {
        risk->firms[id].trades_cnt = 0;
        risk->firms[id].messages_cnt = 0;
        subject->messages_cnt = 0;
    }
    for (uint8_t i = 0; i < RISK_LIMITS_CNT; i++)
        if (risk_limit_by_day(i))
            risk_stage_end(&subject->limits[i], subject->limits[i].begun & DAY_BEGUN);
    risk_usage_set(risk, level, id, &usage);
    risk_look_next(risk, level, id);
}

bool
risk_day_step(struct risk *risk, uint32_t *at, uint32_t budget)
{
    const uint32_t accounts = risk->marks.accounts_cnt;
    const uint32_t groups = accounts + risk->marks.groups_cnt;
    const uint32_t firms = groups + risk->marks.firms_cnt;

    ASSERT(budget >= 1);
    ASSERT(*at <= firms);
    for (; *at < firms && budget > 0; ++*at, budget--) {
        if (*at < accounts)
            subject_roll(risk, OE_RISK_LEVEL_ACCOUNT, *at);
        else if (*at < groups)
            subject_roll(risk, OE_RISK_LEVEL_GROUP, *at - accounts);
        else
            subject_roll(risk, OE_RISK_LEVEL_FIRM, *at - groups);
    }
    return *at < firms;
}
