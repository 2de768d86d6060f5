/*
 * Checks of price: tick, collar around its reference, static band.
 */
#include "tests/model/model_parts.h"

/* Which references a collar may have, in the order in which they are asked. */
enum reference_bit {
    BY_LAST = 1,
    BY_MID = 2,
    BY_SETTLEMENT = 4,
    BY_CONFIGURED = 8
};

/* best_displayed finds the best price of a side among displayed orders that are
 * not pegged, 0 if there is none. */
static px_t
best_displayed(const struct model_instrument *instrument, bool sell)
{
    for (const struct model_order *o = instrument->side[sell]; o != NULL; o = o->next)
        if (!model_is_hidden(o) && !model_is_pegged(o))
            return o->px;
    return 0;
}

static px_t
mid_of(const struct model_instrument *instrument)
{
    const px_t bid_px = best_displayed(instrument, false);
    const px_t ask_px = best_displayed(instrument, true);

    return bid_px == 0 || ask_px == 0 ? 0 : (px_t)(((notional_t)bid_px + ask_px) / 2);
}

static px_t
reference_of(const struct model_instrument *instrument)
{
    const unsigned bits = instrument->rule.references;

    if ((bits & BY_LAST) != 0 && instrument->last_px != 0)
        return instrument->last_px;
    if ((bits & BY_MID) != 0 && mid_of(instrument) != 0)
        return mid_of(instrument);
    if ((bits & BY_SETTLEMENT) != 0 && instrument->settlement_px != 0)
        return instrument->settlement_px;
    return (bits & BY_CONFIGURED) != 0 ? instrument->limits.reference_px : 0;
}

static bool
has_collar(const struct model_instrument *instrument)
{
    return instrument->limits.collar_ticks != 0 || instrument->limits.collar_permille != 0;
}

/* collar finds the prices that the collar lets pass; false if there is none, or no
 * reference for it. */
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

uint16_t
model_check_price(const struct model *model, struct model_question *question)
{
    const struct model_instrument *instrument = &model->instruments[question->instrument];

    if (question->market)
        return 0;
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
refuse_unreferenced(struct model_question *question)
{
    return model_refuse(question, OE_REJECT_REASON_NO_REFERENCE_PRICE, OE_RISK_LEVEL_INSTRUMENT,
                        question->instrument, (notional_t[]){0, 0, 0});
}

uint16_t
model_check_collar(const struct model *model, struct model_question *question)
{
    const struct model_instrument *instrument = &model->instruments[question->instrument];
    px_t low_px, high_px;

    if (question->no_bounds)
        return 0;
    if (question->market) {
        question->px = model_market_px(model, question->instrument, question->sell);
        if (question->px == 0)
            return refuse_unreferenced(question);
    }
    if (!has_collar(instrument))
        return 0;
    if (!collar(instrument, &low_px, &high_px))
        return instrument->rule.unreferenced != 0 ? 0 : refuse_unreferenced(question);
    if (question->px >= low_px && question->px <= high_px)
        return 0;

    const bool is_high = question->px > high_px;

    return model_refuse(
        question, is_high ? OE_REJECT_REASON_PRICE_COLLAR_HIGH : OE_REJECT_REASON_PRICE_COLLAR_LOW,
        OE_RISK_LEVEL_INSTRUMENT, question->instrument,
        (notional_t[]){is_high ? high_px : low_px, reference_of(instrument), question->px});
}

uint16_t
model_check_band(const struct model *model, struct model_question *question)
{
    const struct cell_instrument_limits *limits = &model->instruments[question->instrument].limits;
    const px_t low = limits->band_low_px, high = limits->band_high_px;
    const bool is_low = low != 0 && question->px < low;

    if (question->no_bounds || (!is_low && (high == 0 || question->px <= high)))
        return 0;
    return model_refuse(question, OE_REJECT_REASON_PRICE_BAND, OE_RISK_LEVEL_INSTRUMENT,
                        question->instrument, (notional_t[]){is_low ? low : high, 0, question->px});
}

bool
model_px_allowed(const struct model *model, uint32_t instrument, px_t px)
{
    struct model_question question = {.instrument = instrument, .px = px};

    return model->cfg.no_risk ||
           (model_check_collar(model, &question) == 0 && model_check_band(model, &question) == 0);
}
