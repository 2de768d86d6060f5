#include "risk/bounds.h"

static px_t
px_clip(notional_t px)
{
    return px > PX_MAX ? PX_MAX : px < PX_MIN ? PX_MIN : (px_t)px;
}

/*
 * The per-mille bound is exact: for integers px * 1000 <= ref * (1000 +
 * permille) is the same as px <= ref + floor(ref * permille / 1000), and the
 * low one is the mirror image.
 */
bool
risk_collar_of(const struct risk_instrument *instrument, px_t last_px, struct risk_collar *out)
{
    const px_t ref_px = last_px != 0 ? last_px : instrument->reference_px;
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
        .last_px = RISK_LAST_PX_STALE,
        .order_value_max = instrument->order_value_max,
        .order_qty_min = instrument->order_qty_min,
        .order_qty_max = instrument->order_qty_max,
        .lot_qty = instrument->lot_qty,
        .tick_end = divisor.tick_end,
        .tick_shift = (uint8_t)divisor.shift,
        .open = instrument->state == CELL_INSTRUMENT_STATE_OPEN,
    };
}

bool
risk_bounds_refresh(struct risk_bounds *bounds,
                    const struct risk_instrument *instrument,
                    px_t last_px)
{
    struct risk_collar collar = {.low_px = PX_MIN, .high_px = PX_MAX};

    if (risk_collar_of(instrument, last_px, &collar) && collar.ref_px == 0)
        return false;
    bounds->low_px = collar.low_px;
    bounds->high_px = collar.high_px;
    if (instrument->band_low_px != 0 && instrument->band_low_px > bounds->low_px)
        bounds->low_px = instrument->band_low_px;
    if (instrument->band_high_px != 0 && instrument->band_high_px < bounds->high_px)
        bounds->high_px = instrument->band_high_px;
    bounds->last_px = last_px;
    return true;
}
