#include "tests/model/model_parts.h"

/* refuse notes the numbers behind a reason. */
static uint16_t
refuse(struct model_question *question, uint16_t reason, struct cell_risk_detail numbers)
{
    question->detail = numbers;
    question->detail.subject =
        numbers.level == OE_RISK_LEVEL_INSTRUMENT ? question->instrument : question->account;
    return reason;
}

static uint16_t
check_instrument(const struct model *model, const struct model_question *question)
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

/* reduces_only says whether the position, with all that is open on the order's
 * side, still does not pass through zero. */
static bool
reduces_only(const struct model *model, const struct model_question *question)
{
    const int64_t position = model->positions[question->account][question->instrument].qty;
    const int64_t held = question->sell ? position : -position;
    int64_t open =
        (int64_t)model_open_qty(model, question->account, question->instrument, question->sell);

    if (question->old != NULL)
        open -= question->old->leaves_qty;
    return question->leaves_qty <= held - open;
}

static uint16_t
check_account(const struct model *model, const struct model_question *question)
{
    if (question->account >= MODEL_ACCOUNTS || !model->accounts[question->account].known)
        return OE_REJECT_REASON_UNKNOWN_ACCOUNT;

    const struct model_account *account = &model->accounts[question->account];

    if (question->firm != UINT32_MAX &&
        model_account_firm(model, question->account) != question->firm)
        return OE_REJECT_REASON_ACCOUNT_NOT_OF_FIRM;
    switch (account->set.state) {
    case CELL_ACCOUNT_STATE_SUSPENDED:
        return OE_REJECT_REASON_ACCOUNT_SUSPENDED;
    case CELL_ACCOUNT_STATE_BLOCKED:
        return OE_REJECT_REASON_ACCOUNT_BLOCKED;
    case CELL_ACCOUNT_STATE_CLOSE_ONLY:
        if (!reduces_only(model, question))
            return OE_REJECT_REASON_ACCOUNT_CLOSE_ONLY;
        break;
    default:
        break;
    }
    if (model->restricted[account->set.group][question->instrument])
        return OE_REJECT_REASON_RESTRICTED_INSTRUMENT;
    return 0;
}

static px_t
reference_of(const struct model_instrument *instrument)
{
    return instrument->last_px != 0 ? instrument->last_px : instrument->limits.reference_px;
}

/* collar finds the prices that the collar lets pass; false if it has none. */
static bool
collar(const struct model_instrument *instrument, px_t *low, px_t *high)
{
    const px_t reference = reference_of(instrument);
    notional_t reach = -1;

    if (instrument->limits.collar_ticks != 0)
        reach = (notional_t)instrument->limits.collar_ticks * instrument->set.tick_px;
    if (instrument->limits.collar_permille != 0) {
        const notional_t part = (notional_t)reference * instrument->limits.collar_permille / 1000;

        if (reach < 0 || part < reach)
            reach = part;
    }
    if (reference == 0 || reach < 0)
        return false;
    *low = reference > reach ? (px_t)(reference - reach) : 1;
    *high = reference + reach < PX_MAX ? (px_t)(reference + reach) : PX_MAX;
    return true;
}

static uint16_t
check_price(const struct model_instrument *instrument, const struct model_question *question)
{
    if (question->px <= 0 || question->px / instrument->set.tick_px >= (px_t)TICKS_MAX)
        return OE_REJECT_REASON_INVALID_PRICE;
    if (question->px % instrument->set.tick_px != 0)
        return OE_REJECT_REASON_INVALID_TICK;
    return 0;
}

/* model_market_px finds the last tick inside the collar. */
px_t
model_market_px(const struct model *model, uint32_t at, bool sell)
{
    const struct model_instrument *instrument = &model->instruments[at];
    const px_t tick_px = instrument->set.tick_px;
    px_t low_px, high_px;
    notional_t tick;

    if (model->cfg.no_risk)
        return sell ? tick_px : tick_px * (px_t)(TICKS_MAX - 1);
    if (!collar(instrument, &low_px, &high_px))
        return 0;
    tick = sell ? ((notional_t)low_px + tick_px - 1) / tick_px : high_px / tick_px;
    if (!sell && tick >= TICKS_MAX)
        tick = TICKS_MAX - 1;
    return tick < 1 || tick >= TICKS_MAX ? 0 : (px_t)(tick * tick_px);
}

static uint16_t
check_qty(const struct model *model, struct model_question *question)
{
    const struct model_instrument *instrument = &model->instruments[question->instrument];
    const struct model_account *account = &model->accounts[question->account];

    if (question->qty == 0)
        return OE_REJECT_REASON_INVALID_QUANTITY;
    if (question->qty % instrument->set.lot_qty != 0)
        return OE_REJECT_REASON_INVALID_LOT;
    if (question->qty < instrument->limits.order_qty_min)
        return refuse(question, OE_REJECT_REASON_MIN_ORDER_QTY,
                      (struct cell_risk_detail){.level = OE_RISK_LEVEL_INSTRUMENT,
                                                .limit = instrument->limits.order_qty_min,
                                                .value = question->qty});

    const bool is_instruments = instrument->limits.order_qty_max < account->limits.order_qty_max;
    const qty_t max =
        is_instruments ? instrument->limits.order_qty_max : account->limits.order_qty_max;

    if (question->qty > max)
        return refuse(question, OE_REJECT_REASON_MAX_ORDER_QTY,
                      (struct cell_risk_detail){.level = is_instruments ? OE_RISK_LEVEL_INSTRUMENT
                                                                        : OE_RISK_LEVEL_ACCOUNT,
                                                .limit = max,
                                                .value = question->qty});
    return 0;
}

static uint16_t
check_collar(const struct model *model, struct model_question *question)
{
    const struct model_instrument *instrument = &model->instruments[question->instrument];
    px_t low_px, high_px;

    if (question->market) {
        question->px = model_market_px(model, question->instrument, question->sell);
        if (question->px == 0)
            return OE_REJECT_REASON_NO_REFERENCE_PRICE;
    }
    if (instrument->limits.collar_ticks == 0 && instrument->limits.collar_permille == 0)
        return 0;
    if (!collar(instrument, &low_px, &high_px))
        return OE_REJECT_REASON_NO_REFERENCE_PRICE;
    if (question->px >= low_px && question->px <= high_px)
        return 0;
    return refuse(question,
                  question->px > high_px ? OE_REJECT_REASON_PRICE_COLLAR_HIGH
                                         : OE_REJECT_REASON_PRICE_COLLAR_LOW,
                  (struct cell_risk_detail){.level = OE_RISK_LEVEL_INSTRUMENT,
                                            .limit = question->px > high_px ? high_px : low_px,
                                            .used = reference_of(instrument),
                                            .value = question->px});
}

static uint16_t
check_band(const struct model_instrument *instrument, struct model_question *question)
{
    const px_t low = instrument->limits.band_low_px, high = instrument->limits.band_high_px;
    const bool is_low = low != 0 && question->px < low;

    if (!is_low && (high == 0 || question->px <= high))
        return 0;
    return refuse(question, OE_REJECT_REASON_PRICE_BAND,
                  (struct cell_risk_detail){.level = OE_RISK_LEVEL_INSTRUMENT,
                                            .limit = is_low ? low : high,
                                            .value = question->px});
}

bool
model_px_allowed(const struct model *model, uint32_t instrument, px_t px)
{
    struct model_question question = {.instrument = instrument, .px = px};

    return model->cfg.no_risk || (check_collar(model, &question) == 0 &&
                                  check_band(&model->instruments[instrument], &question) == 0);
}

static uint16_t
check_value(const struct model *model, struct model_question *question)
{
    const px_t instruments = model->instruments[question->instrument].limits.order_value_max;
    const px_t accounts = model->accounts[question->account].limits.order_value_max;
    const px_t max = instruments < accounts ? instruments : accounts;
    const notional_t value = (notional_t)question->px * question->qty;

    /* The largest number is no limit. */
    if (max == INT64_MAX || value <= max)
        return 0;
    return refuse(
        question, OE_REJECT_REASON_MAX_ORDER_VALUE,
        (struct cell_risk_detail){.level = instruments < accounts ? OE_RISK_LEVEL_INSTRUMENT
                                                                  : OE_RISK_LEVEL_ACCOUNT,
                                  .limit = max,
                                  .value = value > INT64_MAX ? INT64_MAX : (int64_t)value});
}

static uint16_t
check_position(const struct model *model, struct model_question *question)
{
    const struct model_position *position =
        &model->positions[question->account][question->instrument];
    const struct cell_account_limits *limits = &model->accounts[question->account].limits;
    const uint64_t long_max = position->has_limits ? position->long_max : limits->long_max;
    const uint64_t short_max = position->has_limits ? position->short_max : limits->short_max;
    const int64_t max = (int64_t)(question->sell ? short_max : long_max);
    int64_t used = question->sell ? -position->qty : position->qty;

    if (!position->used && model->positions_cnt == model->cfg.positions_max)
        return OE_REJECT_REASON_POSITION_POOL_FULL;
    used += (int64_t)model_open_qty(model, question->account, question->instrument, question->sell);
    if (question->old != NULL) {
        /* A replace that asks for no more than before is no question. */
        if (question->leaves_qty <= question->old->leaves_qty)
            return 0;
        used -= question->old->leaves_qty;
    }
    if (used + question->leaves_qty <= max)
        return 0;
    return refuse(question,
                  question->sell ? OE_REJECT_REASON_SHORT_POSITION_LIMIT
                                 : OE_REJECT_REASON_LONG_POSITION_LIMIT,
                  (struct cell_risk_detail){.level = position->has_limits
                                                         ? OE_RISK_LEVEL_ACCOUNT_INSTRUMENT
                                                         : OE_RISK_LEVEL_ACCOUNT,
                                            .limit = max,
                                            .used = used,
                                            .value = question->leaves_qty});
}

/* check_plain is all that is asked where there is no risk. */
static uint16_t
check_plain(const struct model *model, struct model_question *question)
{
    const struct model_instrument *instrument = &model->instruments[question->instrument];
    uint16_t reason = 0;

    if (question->market)
        question->px = model_market_px(model, question->instrument, question->sell);
    else
        reason = check_price(instrument, question);
    if (reason == 0 && question->qty == 0)
        reason = OE_REJECT_REASON_INVALID_QUANTITY;
    if (reason == 0 && question->qty % instrument->set.lot_qty != 0)
        reason = OE_REJECT_REASON_INVALID_LOT;
    return reason;
}

uint16_t
model_risk(const struct model *model, struct model_question *question)
{
    uint16_t reason = check_instrument(model, question);

    if (reason != 0)
        return reason;
    if (model->cfg.no_risk)
        return check_plain(model, question);
    reason = check_account(model, question);
    if (reason != 0)
        return reason;
    if (!question->market)
        reason = check_price(&model->instruments[question->instrument], question);
    if (reason == 0)
        reason = check_qty(model, question);
    if (reason == 0 && !question->no_bounds)
        reason = check_collar(model, question);
    if (reason == 0 && !question->no_bounds)
        reason = check_band(&model->instruments[question->instrument], question);
    if (reason == 0)
        reason = check_value(model, question);
    if (reason == 0)
        reason = check_position(model, question);
    return reason;
}
