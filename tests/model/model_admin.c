/*
 * Commands of operators: what each may say, and what it does.
 */
#include "tests/model/model_parts.h"

#define BALANCE_MAX ((notional_t)1 << 100)
#define UNITS_MAX   ((notional_t)1 << 62)

bool
model_is_subject(const struct model *model, uint8_t level, uint32_t id)
{
    switch (level) {
    case OE_RISK_LEVEL_SESSION:
        return id < MODEL_SESSIONS && model->sessions[id].known;
    case OE_RISK_LEVEL_ACCOUNT:
        return id < MODEL_ACCOUNTS && model->accounts[id].known;
    case OE_RISK_LEVEL_GROUP:
        return id < MODEL_GROUPS && model->group_known[id];
    case OE_RISK_LEVEL_FIRM:
        return id < MODEL_FIRMS && model->firm_known[id];
    case OE_RISK_LEVEL_INSTRUMENT:
        return id < MODEL_INSTRUMENTS && model->instruments[id].known;
    default:
        return false;
    }
}

static uint16_t
set_fee(struct model *model, const struct cell_fee_set *set)
{
    if (!model_is_subject(model, OE_RISK_LEVEL_INSTRUMENT, set->instrument) ||
        set->maker_ppm < -1000000 || set->maker_ppm > 1000000 || set->taker_ppm < 0 ||
        set->taker_ppm > 1000000 || set->maker_ppm + set->taker_ppm < 0)
        return OE_REJECT_REASON_CONFIGURATION_RANGE;
    for (const struct model_order *o = model->live; o != NULL; o = o->next_live)
        if (o->instrument == set->instrument)
            return OE_REJECT_REASON_CONFIGURATION_CONFLICT;
    model->instruments[set->instrument].maker_ppm = set->maker_ppm;
    model->instruments[set->instrument].taker_ppm = set->taker_ppm;
    return 0;
}

static uint16_t
move_cash(struct model *model, const struct cell_cash_move *move)
{
    if (!model_is_subject(model, OE_RISK_LEVEL_ACCOUNT, move->account))
        return OE_REJECT_REASON_CONFIGURATION_RANGE;

    struct model_account *account = &model->accounts[move->account];
    const int64_t credit = model_subject(model, OE_RISK_LEVEL_ACCOUNT, move->account)
                               ->limits[CELL_RISK_LIMIT_CREDIT]
                               .value;
    const notional_t after =
        move->mode == CELL_MOVE_MODE_SET ? move->amount : account->balance + move->amount;

    if (after > BALANCE_MAX || after < -BALANCE_MAX)
        return OE_REJECT_REASON_CONFIGURATION_CONFLICT;
    if (credit != MODEL_NONE && after + credit < model_reserved_cash(model, move->account))
        return OE_REJECT_REASON_CONFIGURATION_CONFLICT;
    model->moved += after - account->balance;
    account->balance = after;
    return 0;
}

static uint16_t
move_position(struct model *model, const struct cell_position_move *move)
{
    if (!model_is_subject(model, OE_RISK_LEVEL_ACCOUNT, move->account) ||
        !model_is_subject(model, OE_RISK_LEVEL_INSTRUMENT, move->instrument) ||
        move->qty > UNITS_MAX || move->qty < -UNITS_MAX)
        return OE_REJECT_REASON_CONFIGURATION_RANGE;

    struct model_position *position = &model->positions[move->account][move->instrument];
    const notional_t after =
        move->mode == CELL_MOVE_MODE_SET ? move->qty : (notional_t)position->qty + move->qty;

    if (after > UNITS_MAX || after < -UNITS_MAX)
        return OE_REJECT_REASON_CONFIGURATION_CONFLICT;
    if (model->accounts[move->account].rule.covered != 0 &&
        after < model_open_qty(model, move->account, move->instrument, true))
        return OE_REJECT_REASON_CONFIGURATION_CONFLICT;
    if (!position->used && model->positions_cnt == model->cfg.positions_max)
        return OE_REJECT_REASON_POSITION_POOL_FULL;
    model_use_position(model, move->account, move->instrument);
    position->qty = (int64_t)after;
    return 0;
}

static uint16_t
set_mark(struct model *model, const struct cell_mark_set *set)
{
    if (!model_is_subject(model, OE_RISK_LEVEL_INSTRUMENT, set->instrument))
        return OE_REJECT_REASON_CONFIGURATION_RANGE;

    struct model_instrument *instrument = &model->instruments[set->instrument];

    if (set->px <= 0 || set->px % instrument->set.tick_px != 0 ||
        set->px / instrument->set.tick_px >= (px_t)TICKS_MAX)
        return OE_REJECT_REASON_CONFIGURATION_RANGE;
    if (set->settlement != 0)
        instrument->settlement_px = set->px;
    model_mark(model, set->instrument, set->px);
    return 0;
}

/* can_be_killed: what is killed and enabled again is a session, account, group or
 * firm. */
static bool
can_be_killed(const struct model *model, uint8_t level, uint32_t id)
{
    return level <= OE_RISK_LEVEL_FIRM && model_is_subject(model, level, id);
}

static uint16_t
enable(struct model *model, const struct cell_enable *req)
{
    if (!can_be_killed(model, req->level, req->subject))
        return OE_REJECT_REASON_CONFIGURATION_RANGE;

    struct model_subject *subject = model_subject(model, req->level, req->subject);

    subject->is_killed = false;
    for (unsigned i = 0; i < MODEL_LIMITS; i++)
        subject->limits[i].stages = 0;
    if (req->level == OE_RISK_LEVEL_ACCOUNT)
        model_unlatch(model, req->subject);
    return 0;
}

static bool
is_date(uint32_t date)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const uint32_t year = date / 10000, month = date / 100 % 100, day = date % 100;
    const bool leaps = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return month >= 1 && month <= 12 && day >= 1 &&
           day <= days[month - 1] + (month == 2 && leaps ? 1u : 0u);
}

static uint16_t
roll_day(struct model *model, const struct cell_day_roll *roll)
{
    const uint16_t ends = 1u << CELL_RISK_STAGE_WARNED | 1u << CELL_RISK_STAGE_SLOWED |
                          1u << CELL_RISK_STAGE_REJECTING;

    if (!is_date(roll->date) || roll->date <= model->date)
        return OE_REJECT_REASON_CONFIGURATION_RANGE;
    model->date = roll->date;
    for (uint32_t i = 0; i < MODEL_ACCOUNTS; i++)
        model->accounts[i].bought = model->accounts[i].sold = model->accounts[i].profit = 0;
    for (uint8_t level = 0; level < MODEL_LEVELS; level++)
        for (uint32_t i = 0; i < MODEL_ACCOUNTS; i++) {
            struct model_subject *subject = model_subject(model, level, i);

            subject->messages_cnt = subject->fills_cnt = 0;
            for (unsigned limit = CELL_RISK_LIMIT_DAILY_GROSS; limit <= CELL_RISK_LIMIT_DAILY_LOSS;
                 limit++)
                subject->limits[limit].stages &= (uint16_t)~ends;
            subject->limits[CELL_RISK_LIMIT_ORDER_TO_TRADE].stages = 0;
        }
    return 0;
}

static uint16_t
set_restriction(struct model *model, const struct cell_restriction_set *set)
{
    if (set->level == OE_RISK_LEVEL_SESSION || !can_be_killed(model, set->level, set->subject))
        return OE_REJECT_REASON_CONFIGURATION_RANGE;

    struct model_subject *subject = model_subject(model, set->level, set->subject);

    if (set->instrument != CELL_ANY &&
        !model_is_subject(model, OE_RISK_LEVEL_INSTRUMENT, set->instrument))
        return OE_REJECT_REASON_CONFIGURATION_RANGE;
    if (set->level == OE_RISK_LEVEL_ACCOUNT && set->instrument != CELL_ANY) {
        if (!model->positions[set->subject][set->instrument].used &&
            model->positions_cnt == model->cfg.positions_max)
            return OE_REJECT_REASON_POSITION_POOL_FULL;
        model_use_position(model, set->subject, set->instrument);
    }
    *(set->instrument == CELL_ANY ? &subject->is_blacklisted
                                  : &subject->restricted[set->instrument]) = set->restricted != 0;
    return 0;
}

static uint16_t
set_rule(struct model *model, const struct cell_order_rule_set *set)
{
    const bool accounts = set->level == OE_RISK_LEVEL_ACCOUNT;

    if ((!accounts && set->level != OE_RISK_LEVEL_INSTRUMENT) ||
        !model_is_subject(model, set->level, set->subject) || set->types > 0x3f ||
        set->tifs > 0x7f || set->references > 0xf || set->covered > 1 || set->unreferenced > 1)
        return OE_REJECT_REASON_CONFIGURATION_RANGE;
    if (accounts ? set->references != 0 || set->unreferenced != 0 : set->covered != 0)
        return OE_REJECT_REASON_CONFIGURATION_RANGE;
    if (accounts)
        model->accounts[set->subject].rule = *set;
    else
        model->instruments[set->subject].rule = *set;
    return 0;
}

/* hand_back: the naive exchange has no configuration, so it changes nothing here. */
static uint16_t
hand_back(const struct model *model, const struct cell_hand_back *back)
{
    const uint8_t level = back->level;
    const bool instrument = level == OE_RISK_LEVEL_INSTRUMENT;
    bool fits = false;

    if (back->setting == CELL_KIND_LIMIT_SET && level == OE_RISK_LEVEL_ACCOUNT_INSTRUMENT)
        fits = model_limit_exists(level, back->limit) &&
               model_is_subject(model, OE_RISK_LEVEL_ACCOUNT, back->subject) &&
               model_is_subject(model, OE_RISK_LEVEL_INSTRUMENT, back->instrument);
    else if (back->setting == CELL_KIND_LIMIT_SET)
        fits =
            model_limit_exists(level, back->limit) && model_is_subject(model, level, back->subject);
    else if (back->limit != CELL_RISK_LIMIT_NONE || level == OE_RISK_LEVEL_NONE ||
             level == OE_RISK_LEVEL_SESSION || level == OE_RISK_LEVEL_ACCOUNT_INSTRUMENT ||
             !model_is_subject(model, level, back->subject))
        fits = false;
    else if (back->setting == CELL_KIND_ACCOUNT_SET)
        fits = level == OE_RISK_LEVEL_ACCOUNT;
    else if (back->setting == CELL_KIND_INSTRUMENT_SET || back->setting == CELL_KIND_FEE_SET)
        fits = instrument;
    else if (back->setting == CELL_KIND_ORDER_RULE_SET)
        fits = instrument || level == OE_RISK_LEVEL_ACCOUNT;
    else if (back->setting == CELL_KIND_RESTRICTION_SET)
        fits = !instrument && (back->instrument == CELL_ANY ||
                               model_is_subject(model, OE_RISK_LEVEL_INSTRUMENT, back->instrument));
    return fits ? 0 : OE_REJECT_REASON_CONFIGURATION_RANGE;
}

static bool
has_author(const union cell *cells)
{
    const union cell *last = &cells[cell_count(cells) - 1];

    return cell_kind(last) == CELL_KIND_AUTHOR && last->author.name[0] != '\0' &&
           last->author.text[0] != '\0';
}

static uint16_t
judge(struct model *model, const union cell *cells)
{
    if (model->cfg.no_risk)
        return OE_REJECT_REASON_CONFIGURATION_CONFLICT;
    if (!has_author(cells))
        return OE_REJECT_REASON_CONFIGURATION_RANGE;
    switch (cell_kind(cells)) {
    case CELL_KIND_LIMIT_SET:
        return model_set_limit(model, &cells->limit_set);
    case CELL_KIND_FEE_SET:
        return set_fee(model, &cells->fee_set);
    case CELL_KIND_CASH_MOVE:
        return move_cash(model, &cells->cash_move);
    case CELL_KIND_POSITION_MOVE:
        return move_position(model, &cells->position_move);
    case CELL_KIND_MARK_SET:
        return set_mark(model, &cells->mark_set);
    case CELL_KIND_KILL:
        return can_be_killed(model, cells->kill.level, cells->kill.subject)
                   ? 0
                   : OE_REJECT_REASON_CONFIGURATION_RANGE;
    case CELL_KIND_ENABLE:
        return enable(model, &cells->enable);
    case CELL_KIND_DAY_ROLL:
        return roll_day(model, &cells->day_roll);
    case CELL_KIND_RESTRICTION_SET:
        return set_restriction(model, &cells->restriction_set);
    case CELL_KIND_HAND_BACK:
        return hand_back(model, &cells->hand_back);
    default:
        return set_rule(model, &cells->order_rule_set);
    }
}

/* kill blocks, and cancels if it is asked to; pegs of others follow. */
static void
kill(struct model *model, const struct cell_kill *req)
{
    const struct model_due due = {
        .level = req->level,
        .stage = CELL_RISK_STAGE_KILLED,
        .subject = req->subject,
    };
    uint32_t count = 0;

    model_subject(model, req->level, req->subject)->is_killed = true;
    if (req->cancels != 0)
        count = model_cancel_subject(model, req->level, req->subject);
    model_emit_action(model, &due, count);
}

void
model_admin(struct model *model, const union cell *cells)
{
    const uint16_t reason = judge(model, cells);

    model_emit_command(model, cells, reason, NULL);
    if (reason == 0 && cell_kind(cells) == CELL_KIND_KILL)
        kill(model, &cells->kill);
    if (reason == 0 && cell_kind(cells) == CELL_KIND_LIMIT_SET && cells->limit_set.cancels != 0)
        model_lower_limit(model, &cells->limit_set);
}
