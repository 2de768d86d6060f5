#include "proto/limits.h"

#include "tests/model/model.h"

uint64_t
model_open_qty(const struct model *model, uint32_t account, uint32_t instrument, bool sell)
{
    uint64_t sum = 0;

    for (const struct model_order *o = model->instruments[instrument].side[sell]; o; o = o->next)
        if (o->account == account)
            sum += model_leaves(o);
    return sum;
}

uint32_t
model_account_firm(const struct model *model, uint32_t account)
{
    return model->group_firm[model->accounts[account].set.group];
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
    int64_t wanted = question->qty;

    if (question->old != NULL) {
        open -= model_leaves(question->old);
        wanted -= question->old->cum_qty;
    }
    return wanted <= held - open;
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

/* collar finds the prices that the collar lets pass; false if it has none. */
static bool
collar(const struct model_instrument *instrument, px_t *low, px_t *high)
{
    const px_t reference =
        instrument->last_px != 0 ? instrument->last_px : instrument->limits.reference_px;
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

static uint16_t
check_qty(const struct model *model, const struct model_question *question)
{
    const struct model_instrument *instrument = &model->instruments[question->instrument];
    const struct model_account *account = &model->accounts[question->account];

    if (question->qty == 0)
        return OE_REJECT_REASON_INVALID_QUANTITY;
    if (question->qty % instrument->set.lot_qty != 0)
        return OE_REJECT_REASON_INVALID_LOT;
    if (question->qty < instrument->limits.order_qty_min)
        return OE_REJECT_REASON_MIN_ORDER_QTY;
    if (question->qty > instrument->limits.order_qty_max ||
        question->qty > account->limits.order_qty_max)
        return OE_REJECT_REASON_MAX_ORDER_QTY;
    return 0;
}

static uint16_t
check_collar(const struct model_instrument *instrument, struct model_question *question)
{
    const bool has_collar =
        instrument->limits.collar_ticks != 0 || instrument->limits.collar_permille != 0;
    px_t low, high;

    if (!has_collar && !question->market)
        return 0;
    if (!collar(instrument, &low, &high))
        return OE_REJECT_REASON_NO_REFERENCE_PRICE;
    if (question->market) {
        const px_t tick = instrument->set.tick_px;

        /* The last tick inside. */
        question->px = question->sell ? (low + tick - 1) / tick * tick : high / tick * tick;
    }
    if (question->px > high)
        return OE_REJECT_REASON_PRICE_COLLAR_HIGH;
    if (question->px < low)
        return OE_REJECT_REASON_PRICE_COLLAR_LOW;
    return 0;
}

static uint16_t
check_band_and_value(const struct model *model, const struct model_question *question)
{
    const struct model_instrument *instrument = &model->instruments[question->instrument];
    const struct model_account *account = &model->accounts[question->account];
    const notional_t value = (notional_t)question->px * question->qty;

    if (instrument->limits.band_low_px != 0 && question->px < instrument->limits.band_low_px)
        return OE_REJECT_REASON_PRICE_BAND;
    if (instrument->limits.band_high_px != 0 && question->px > instrument->limits.band_high_px)
        return OE_REJECT_REASON_PRICE_BAND;
    if (instrument->limits.order_value_max != INT64_MAX &&
        value > instrument->limits.order_value_max)
        return OE_REJECT_REASON_MAX_ORDER_VALUE;
    if (account->limits.order_value_max != INT64_MAX && value > account->limits.order_value_max)
        return OE_REJECT_REASON_MAX_ORDER_VALUE;
    return 0;
}

static uint16_t
check_position(const struct model *model, const struct model_question *question)
{
    const struct model_position *position =
        &model->positions[question->account][question->instrument];
    const struct cell_account_limits *limits = &model->accounts[question->account].limits;
    const uint64_t long_max = position->has_limits ? position->long_max : limits->long_max;
    const uint64_t short_max = position->has_limits ? position->short_max : limits->short_max;
    notional_t worst = question->sell ? -(notional_t)position->qty : (notional_t)position->qty;

    if (!position->used && model->positions_cnt == model->positions_max)
        return OE_REJECT_REASON_POSITION_POOL_FULL;
    worst += model_open_qty(model, question->account, question->instrument, question->sell);
    worst += question->qty;
    if (question->old != NULL) {
        /* Not its total counts but by how much what is left of it grows. */
        if (question->qty <= question->old->qty)
            return 0;
        worst -= question->old->qty;
    }
    if (!question->sell && worst > (notional_t)long_max)
        return OE_REJECT_REASON_LONG_POSITION_LIMIT;
    if (question->sell && worst > (notional_t)short_max)
        return OE_REJECT_REASON_SHORT_POSITION_LIMIT;
    return 0;
}

uint16_t
model_risk(const struct model *model, struct model_question *question)
{
    uint16_t reason = check_instrument(model, question);

    if (reason == 0)
        reason = check_account(model, question);
    if (reason != 0)
        return reason;

    const struct model_instrument *instrument = &model->instruments[question->instrument];

    if (!question->market)
        reason = check_price(instrument, question);
    if (reason == 0)
        reason = check_qty(model, question);
    if (reason == 0)
        reason = check_collar(instrument, question);
    if (reason == 0 && question->market)
        reason = check_price(instrument, question);
    if (reason == 0)
        reason = check_band_and_value(model, question);
    if (reason == 0)
        reason = check_position(model, question);
    return reason;
}
