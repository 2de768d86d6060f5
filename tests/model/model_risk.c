/*
 * The checks of docs/risk.md in their order, and those that look at the order
 * alone: who may trade what, how much of it, of which kind.
 */
#include "tests/model/model_parts.h"

const uint8_t model_upward[MODEL_UPWARD] = {OE_RISK_LEVEL_ACCOUNT, OE_RISK_LEVEL_GROUP,
                                            OE_RISK_LEVEL_FIRM};

int64_t
model_clip(notional_t amount)
{
    return amount > INT64_MAX ? INT64_MAX : amount < INT64_MIN ? INT64_MIN : (int64_t)amount;
}

uint16_t
model_refuse(struct model_question *question,
             uint16_t reason,
             uint8_t level,
             uint32_t subject,
             const notional_t numbers[3])
{
    question->detail = (struct cell_risk_detail){
        .level = level,
        .subject = subject,
        .limit = model_clip(numbers[0]),
        .used = model_clip(numbers[1]),
        .value = model_clip(numbers[2]),
    };
    return reason;
}

uint32_t
model_id_at(const struct model *model, uint8_t level, uint32_t account)
{
    switch (level) {
    case OE_RISK_LEVEL_ACCOUNT:
        return account;
    case OE_RISK_LEVEL_GROUP:
        return model_group_of(model, account);
    default:
        ASSERT(level == OE_RISK_LEVEL_FIRM);
        return model_account_firm(model, account);
    }
}

struct model_subject *
model_subject(struct model *model, uint8_t level, uint32_t id)
{
    ASSERT(level < MODEL_LEVELS);
    ASSERT(id < MODEL_ACCOUNTS);
    return &model->subjects[level][id];
}

const struct model_subject *
model_subject_of(const struct model *model, uint8_t level, uint32_t account)
{
    return &model->subjects[level][model_id_at(model, level, account)];
}

static uint16_t
check_instrument(const struct model *model, struct model_question *question)
{
    if (question->instrument >= MODEL_INSTRUMENTS ||
        !model->instruments[question->instrument].known)
        return OE_REJECT_REASON_UNKNOWN_INSTRUMENT;
    switch (model->instruments[question->instrument].set.state) {
    case CELL_INSTRUMENT_STATE_HALTED:
        return OE_REJECT_REASON_INSTRUMENT_HALTED;
    case CELL_INSTRUMENT_STATE_CLOSED:
        return OE_REJECT_REASON_INSTRUMENT_CLOSED;
    default:
        return 0;
    }
}

static uint16_t
check_account(const struct model *model, struct model_question *question)
{
    if (question->account >= MODEL_ACCOUNTS || !model->accounts[question->account].known)
        return OE_REJECT_REASON_UNKNOWN_ACCOUNT;
    if (question->firm != UINT32_MAX &&
        model_account_firm(model, question->account) != question->firm)
        return OE_REJECT_REASON_ACCOUNT_NOT_OF_FIRM;
    return 0;
}

/* refuse_bare names the level, and no numbers. */
static uint16_t
refuse_bare(const struct model *model,
            struct model_question *question,
            uint16_t reason,
            uint8_t level)
{
    return model_refuse(question, reason, level,
                        level == OE_RISK_LEVEL_INSTRUMENT
                            ? question->instrument
                            : model_id_at(model, level, question->account),
                        (notional_t[]){0, 0, 0});
}

static uint16_t
check_killed(const struct model *model, struct model_question *question)
{
    for (unsigned i = 0; i < MODEL_UPWARD; i++)
        if (model_subject_of(model, model_upward[i], question->account)->is_killed)
            return refuse_bare(model, question, OE_REJECT_REASON_KILL_SWITCH, model_upward[i]);
    return 0;
}

static uint16_t
check_blacklist(const struct model *model, struct model_question *question)
{
    for (unsigned i = 0; i < MODEL_UPWARD; i++)
        if (model_subject_of(model, model_upward[i], question->account)->is_blacklisted)
            return refuse_bare(model, question, OE_REJECT_REASON_BLACKLISTED, model_upward[i]);
    return 0;
}

static uint16_t
check_latched(const struct model *model, struct model_question *question)
{
    const struct model_subject *subject =
        model_subject_of(model, OE_RISK_LEVEL_ACCOUNT, question->account);

    if (!subject->is_latched)
        return 0;
    return model_refuse(question, OE_REJECT_REASON_ACCOUNT_LATCHED, OE_RISK_LEVEL_ACCOUNT,
                        question->account,
                        (notional_t[]){subject->limits[CELL_RISK_LIMIT_EXECUTIONS].value,
                                       model->accounts[question->account].fills_cnt, 0});
}

/* refuse_by_stage names the first limit at a level that has the stage: thousandths of it. */
static uint16_t
refuse_by_stage(const struct model *model,
                struct model_question *question,
                uint16_t reason,
                uint8_t level,
                uint8_t stage)
{
    const struct model_subject *subject = model_subject_of(model, level, question->account);
    const uint32_t id = model_id_at(model, level, question->account);
    uint8_t which = 0;

    while ((subject->limits[which].stages & 1u << stage) == 0)
        which++;
    return model_refuse(question, reason, level, id,
                        (notional_t[]){subject->limits[which].permille[stage],
                                       model_thousandths(model, level, id, which), which});
}

static uint16_t
check_state(const struct model *model, struct model_question *question)
{
    const uint8_t state = model->accounts[question->account].set.state;
    const bool reduces = model_reduces_only(model, question);

    if (state == CELL_ACCOUNT_STATE_SUSPENDED)
        return refuse_bare(model, question, OE_REJECT_REASON_ACCOUNT_SUSPENDED,
                           OE_RISK_LEVEL_ACCOUNT);
    if (state == CELL_ACCOUNT_STATE_BLOCKED)
        return refuse_bare(model, question, OE_REJECT_REASON_ACCOUNT_BLOCKED,
                           OE_RISK_LEVEL_ACCOUNT);
    if (state == CELL_ACCOUNT_STATE_CLOSE_ONLY && !reduces)
        return model_refuse(
            question, OE_REJECT_REASON_ACCOUNT_CLOSE_ONLY, OE_RISK_LEVEL_ACCOUNT, question->account,
            (notional_t[]){0, -model_may_reduce(model, question), question->leaves_qty});
    for (unsigned i = 0; i < MODEL_UPWARD; i++) {
        const struct model_subject *subject =
            model_subject_of(model, model_upward[i], question->account);

        if (model_has_stage(subject, CELL_RISK_STAGE_BLOCKED))
            return refuse_by_stage(model, question, OE_REJECT_REASON_ACCOUNT_BLOCKED,
                                   model_upward[i], CELL_RISK_STAGE_BLOCKED);
        if (model_has_stage(subject, CELL_RISK_STAGE_CLOSE_ONLY) && !reduces)
            return refuse_by_stage(model, question, OE_REJECT_REASON_ACCOUNT_CLOSE_ONLY,
                                   model_upward[i], CELL_RISK_STAGE_CLOSE_ONLY);
    }
    return 0;
}

static uint16_t
check_restricted(const struct model *model, struct model_question *question)
{
    for (unsigned i = 0; i < MODEL_UPWARD; i++)
        if (model_subject_of(model, model_upward[i], question->account)
                ->restricted[question->instrument])
            return refuse_bare(model, question, OE_REJECT_REASON_RESTRICTED_INSTRUMENT,
                               model_upward[i]);
    return 0;
}

/* bit_of returns the place of a value in the order of the rule's bits. */
static unsigned
bit_of(uint8_t value, const char *values)
{
    for (unsigned i = 0; values[i] != '\0'; i++)
        if (values[i] == (char)value)
            return 1u << i;
    UNREACHABLE("a value that is not in the schema");
}

/* refuse_by_rule names what the account, or else the instrument, lets pass and what came. */
static uint16_t
refuse_by_rule(struct model_question *question,
               uint16_t reason,
               unsigned account,
               unsigned instrument,
               unsigned bit)
{
    if ((account & bit) == 0)
        return model_refuse(question, reason, OE_RISK_LEVEL_ACCOUNT, question->account,
                            (notional_t[]){account, 0, bit});
    return model_refuse(question, reason, OE_RISK_LEVEL_INSTRUMENT, question->instrument,
                        (notional_t[]){instrument, 0, bit});
}

static uint16_t
check_rules(const struct model *model, struct model_question *question)
{
    const struct cell_order_rule_set *account = &model->accounts[question->account].rule;
    const struct cell_order_rule_set *instrument = &model->instruments[question->instrument].rule;
    const unsigned type = bit_of(question->ord_type, "1234KP");
    const unsigned tif = bit_of(question->tif, "0123467");

    if ((account->types & instrument->types & type) == 0)
        return refuse_by_rule(question, OE_REJECT_REASON_ORDER_TYPE_NOT_ALLOWED, account->types,
                              instrument->types, type);
    if ((account->tifs & instrument->tifs & tif) == 0)
        return refuse_by_rule(question, OE_REJECT_REASON_TIME_IN_FORCE_NOT_ALLOWED, account->tifs,
                              instrument->tifs, tif);
    return 0;
}

static uint16_t
check_price(const struct model *model, struct model_question *question)
{
    const uint16_t reason = model_check_price(model, question);

    if (reason != OE_REJECT_REASON_INVALID_TICK)
        return reason;
    return model_refuse(
        question, reason, OE_RISK_LEVEL_INSTRUMENT, question->instrument,
        (notional_t[]){model->instruments[question->instrument].set.tick_px, 0, question->px});
}

static uint16_t
check_qty(const struct model *model, struct model_question *question)
{
    const struct model_instrument *instrument = &model->instruments[question->instrument];

    if (question->qty == 0)
        return OE_REJECT_REASON_INVALID_QUANTITY;
    if (question->qty % instrument->set.lot_qty != 0)
        return model_refuse(question, OE_REJECT_REASON_INVALID_LOT, OE_RISK_LEVEL_INSTRUMENT,
                            question->instrument,
                            (notional_t[]){instrument->set.lot_qty, 0, question->qty});
    if (question->qty >= instrument->limits.order_qty_min)
        return 0;
    return model_refuse(question, OE_REJECT_REASON_MIN_ORDER_QTY, OE_RISK_LEVEL_INSTRUMENT,
                        question->instrument,
                        (notional_t[]){instrument->limits.order_qty_min, 0, question->qty});
}

/* check_least compares a value with the least limit of account, group, firm and
 * instrument. */
static uint16_t
check_least(const struct model *model,
            struct model_question *question,
            uint8_t limit,
            uint16_t reason,
            notional_t value)
{
    const struct model_subject *instrument =
        &model->subjects[OE_RISK_LEVEL_INSTRUMENT][question->instrument];
    int64_t least = MODEL_NONE;
    uint8_t level = OE_RISK_LEVEL_NONE;

    for (unsigned i = 0; i < MODEL_UPWARD; i++) {
        const int64_t at =
            model_subject_of(model, model_upward[i], question->account)->limits[limit].value;

        if (at < least) {
            least = at;
            level = model_upward[i];
        }
    }
    if (instrument->limits[limit].value < least) {
        least = instrument->limits[limit].value;
        level = OE_RISK_LEVEL_INSTRUMENT;
    }
    if (least == MODEL_NONE || value <= least)
        return 0;
    return model_refuse(question, reason, level,
                        level == OE_RISK_LEVEL_INSTRUMENT
                            ? question->instrument
                            : model_id_at(model, level, question->account),
                        (notional_t[]){least, 0, value});
}

static uint16_t
check_largest(const struct model *model, struct model_question *question)
{
    return check_least(model, question, CELL_RISK_LIMIT_ORDER_QTY, OE_REJECT_REASON_MAX_ORDER_QTY,
                       question->qty);
}

uint16_t
model_check_value(const struct model *model, struct model_question *question)
{
    return check_least(model, question, CELL_RISK_LIMIT_ORDER_VALUE,
                       OE_REJECT_REASON_MAX_ORDER_VALUE, (notional_t)question->px * question->qty);
}

/* model_check_fee refuses a buy whose fee a trade could not tell. */
uint16_t
model_check_fee(const struct model *model, struct model_question *question)
{
    const struct model_instrument *instrument = &model->instruments[question->instrument];
    const int32_t ppm = instrument->maker_ppm > instrument->taker_ppm ? instrument->maker_ppm
                                                                      : instrument->taker_ppm;
    const notional_t fee = model_fee_of_lot(question->px, ppm) * question->qty;

    if (question->sell || fee <= INT64_MAX)
        return 0;
    return model_refuse(question, OE_REJECT_REASON_MAX_ORDER_VALUE, OE_RISK_LEVEL_INSTRUMENT,
                        question->instrument, (notional_t[]){INT64_MAX, 0, fee});
}

static uint16_t
check_record(const struct model *model, struct model_question *question)
{
    if (question->old != NULL || model->positions[question->account][question->instrument].used ||
        model->positions_cnt < model->cfg.positions_max)
        return 0;
    return OE_REJECT_REASON_POSITION_POOL_FULL;
}

/* check_plain is all that is asked where there is no risk. */
static uint16_t
check_plain(const struct model *model, struct model_question *question)
{
    const struct model_instrument *instrument = &model->instruments[question->instrument];
    uint16_t reason = model_check_price(model, question);

    if (question->market)
        question->px = model_market_px(model, question->instrument, question->sell);
    if (reason == 0 && question->qty == 0)
        reason = OE_REJECT_REASON_INVALID_QUANTITY;
    if (reason == 0 && question->qty % instrument->set.lot_qty != 0)
        reason = OE_REJECT_REASON_INVALID_LOT;
    return reason;
}

uint16_t
model_risk(const struct model *model, struct model_question *question)
{
    /* From number 4 on. */
    static uint16_t (*const checks[])(const struct model *, struct model_question *) = {
        check_account,      check_killed,       check_blacklist,    check_latched,
        check_state,        check_restricted,   check_rules,        check_price,
        check_qty,          check_largest,      model_check_collar, model_check_band,
        model_check_value,  model_check_fee,    check_record,       model_check_position,
        model_check_equals, model_check_orders, model_check_open,   model_check_gross,
        model_check_net,    model_check_loss,   model_check_cash,
    };
    uint16_t reason = check_instrument(model, question);

    if (reason == 0 && model->cfg.no_risk)
        return check_plain(model, question);
    for (unsigned i = 0; i < ARRAY_LEN(checks) && reason == 0; i++)
        reason = checks[i](model, question);
    return reason;
}

bool
model_passes_elected(const struct model *model, const struct model_order *order, px_t px)
{
    static uint16_t (*const checks[])(const struct model *, struct model_question *) = {
        model_check_value, model_check_fee, model_check_open,
        model_check_gross, model_check_net, model_check_cash,
    };
    struct model_question question = {
        .instrument = order->instrument,
        .account = order->account,
        .px = px,
        .qty = order->leaves_qty,
        .leaves_qty = order->leaves_qty,
        .sell = order->sell,
        .is_elected = true,
        .old = order,
    };

    for (unsigned i = 0; i < ARRAY_LEN(checks); i++)
        if (checks[i](model, &question) != 0)
            return false;
    return true;
}
