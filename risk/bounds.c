#include "risk/bounds.h"

static px_t
px_clip(notional_t px)
{
    return px > PX_MAX ? PX_MAX : px < PX_MIN ? PX_MIN : (px_t)px;
}

px_t
risk_reference_of(const struct risk_instrument *instrument, px_t last_px, px_t mid_px)
{
    /* In the order of the bits. */
    const px_t all[] = {last_px, mid_px, instrument->settlement_px, instrument->reference_px};

    ASSERT(instrument->references <= RISK_REFERENCES_ALL);
    for (unsigned i = 0; i < ARRAY_LEN(all); i++)
        if ((instrument->references >> i & 1) != 0 && all[i] != 0)
            return all[i];
    return 0;
}

/*
 * The per-mille bound is exact: for integers px * 1000 <= ref * (1000 +
 * permille) is the same as px <= ref + floor(ref * permille / 1000), and the
 * low one is the mirror image.
 */
bool
risk_collar_of(const struct risk_instrument *instrument, px_t ref_px, struct risk_collar *out)
{
    notional_t width = (notional_t)PX_MAX * 2;

    if ((instrument->collar_ticks | instrument->collar_permille) == 0)
        return false;
    if (instrument->collar_ticks != 0)
        width = px_mul_qty(instrument->tick_px, instrument->collar_ticks);
    if (instrument->collar_permille != 0) {
        const notional_t product = px_mul_qty(ref_px, instrument->collar_permille);
        /* Nearly always it fits 64 bits, where a constant divides quickly. */
        const notional_t milli =
            product <= PX_MAX ? (notional_t)((px_t)product / 1000) : product / 1000;

        if (milli < width)
            width = milli;
    }
    *out = (struct risk_collar){
        .ref_px = ref_px, .low_px = px_clip(ref_px - width), .high_px = px_clip(ref_px + width)};
    return true;
}

void
risk_bounds_set(struct risk_bounds *bounds, const struct risk_instrument *instrument)
{
    const struct px_divisor divisor = px_divisor_of(instrument->tick_px);

    *bounds = (struct risk_bounds){
        .tick_inverse = divisor.inverse,
        .last_px = RISK_PX_STALE,
        .mark_px = bounds->mark_px,
        .order_qty_min = instrument->order_qty_min,
        .lot_qty = instrument->lot_qty,
        .tick_shift = (uint8_t)divisor.shift,
        .open = instrument->state == CELL_INSTRUMENT_STATE_OPEN,
    };
    risk_bounds_fees(bounds, instrument->fees);
}

void
risk_bounds_fees(struct risk_bounds *bounds, struct risk_fees fees)
{
    ASSERT(fees.maker_ppm + fees.taker_ppm >= 0);
    bounds->fees = fees;
    bounds->hold_ppm = risk_hold_ppm(fees);
    bounds->last_px = RISK_PX_STALE;
}

/* asks_mid says whether the middle may be the reference. */
static bool
asks_mid(const struct risk_instrument *instrument, px_t last_px)
{
    return (instrument->references & RISK_REFERENCE_MID) != 0 &&
           (last_px == 0 || (instrument->references & RISK_REFERENCE_LAST) == 0);
}

bool
risk_bounds_look(const struct risk *risk, uint32_t at, px_t last_px, px_t mid_px)
{
    struct risk_bounds *bounds = &risk->bounds[at];
    const struct risk_instrument *instrument = &risk->instruments[at];
    const px_t ref_px = risk_reference_of(instrument, last_px, mid_px);
    struct risk_collar collar = {.low_px = PX_MIN, .high_px = PX_MAX};

    ASSERT(at < risk->cfg.instruments_max);
    ASSERT(ref_px >= 0);
    if (risk_collar_of(instrument, ref_px, &collar) && ref_px == 0) {
        if (instrument->unreferenced == 0)
            return false;
        collar = (struct risk_collar){.low_px = PX_MIN, .high_px = PX_MAX};
    }
    bounds->low_px = collar.low_px;
    bounds->high_px = collar.high_px;
    if (instrument->band_low_px != 0 && instrument->band_low_px > bounds->low_px)
        bounds->low_px = instrument->band_low_px;
    if (instrument->band_high_px != 0 && instrument->band_high_px < bounds->high_px)
        bounds->high_px = instrument->band_high_px;
    if (bounds->hold_ppm != 0 && bounds->high_px > RISK_HOT_FEE_MAX / bounds->hold_ppm)
        bounds->high_px = RISK_HOT_FEE_MAX / bounds->hold_ppm;
    bounds->last_px = asks_mid(instrument, last_px) ? RISK_PX_STALE : last_px;
    return true;
}

bool
risk_market_bound(const struct risk_instrument *instrument,
                  px_t ref_px,
                  bool sell,
                  uint32_t *tick_out,
                  px_t *px)
{
    const px_t tick_px = instrument->tick_px;
    struct risk_collar collar;
    px_t tick;

    if (!risk_collar_of(instrument, ref_px, &collar) || ref_px == 0)
        return false;
    if (sell) {
        tick = collar.low_px <= 0 ? 1 : (collar.low_px - 1) / tick_px + 1;
    } else {
        tick = collar.high_px / tick_px;
        if (tick >= (px_t)TICK_MAX)
            tick = (px_t)TICK_MAX - 1;
    }
    if (tick < 1 || tick >= (px_t)TICK_MAX || !px_of_tick((uint32_t)tick, tick_px, px))
        return false;
    *tick_out = (uint32_t)tick;
    return true;
}

bool
risk_market_tick(const struct risk *risk,
                 uint32_t at,
                 px_t last_px,
                 px_t mid_px,
                 bool sell,
                 uint32_t *tick)
{
    const struct risk_instrument *instrument = &risk->instruments[at];
    px_t px;

    ASSERT(at < risk->cfg.instruments_max);
    return risk_market_bound(instrument, risk_reference_of(instrument, last_px, mid_px), sell, tick,
                             &px);
}

/* It computes the bounds anew: what is prepared is for the last order checked. */
bool
risk_px_allowed(const struct risk *risk, uint32_t at, px_t last_px, px_t mid_px, px_t px)
{
    const struct risk_instrument *instrument = &risk->instruments[at];
    const px_t ref_px = risk_reference_of(instrument, last_px, mid_px);
    struct risk_collar collar;

    ASSERT(at < risk->cfg.instruments_max);
    if (risk_collar_of(instrument, ref_px, &collar)) {
        if (ref_px == 0 && instrument->unreferenced == 0)
            return false;
        if (ref_px != 0 && (px < collar.low_px || px > collar.high_px))
            return false;
    }
    return (instrument->band_low_px == 0 || px >= instrument->band_low_px) &&
           (instrument->band_high_px == 0 || px <= instrument->band_high_px);
}

bool
risk_wants_mid(const struct risk *risk, uint32_t instrument)
{
    ASSERT(instrument < risk->cfg.instruments_max);
    return (risk->instruments[instrument].references & RISK_REFERENCE_MID) != 0;
}

bool
risk_wants_last(const struct risk *risk, uint32_t instrument)
{
    ASSERT(instrument < risk->cfg.instruments_max);
    return (risk->instruments[instrument].references & RISK_REFERENCE_LAST) != 0;
}

struct risk_fees
risk_fees_of(const struct risk *risk, uint32_t instrument)
{
    ASSERT(instrument < risk->cfg.instruments_max);
    ASSERT(risk->instruments[instrument].known != 0);
    return risk->bounds[instrument].fees;
}
