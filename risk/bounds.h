/*
 * Bounds: reference, collar and band of an instrument, prepared for the checks.
 * Private to risk/.
 */
#ifndef OUTCRY_RISK_BOUNDS_H
#define OUTCRY_RISK_BOUNDS_H

#include "risk/state.h"

/* The collar around a reference, both ends inclusive. */
struct risk_collar {
    px_t ref_px; /* 0: there is none */
    px_t low_px;
    px_t high_px;
};

/* risk_reference_of returns the first reference that the instrument asks for and
 * that is there; 0: none. */
px_t risk_reference_of(const struct risk_instrument *instrument, px_t last_px, px_t mid_px);

/* risk_collar_of returns the tighter of both collars around a reference; false if
 * the instrument has none. */
bool risk_collar_of(const struct risk_instrument *instrument, px_t ref_px, struct risk_collar *out);

/* risk_bounds_set prepares the bounds of an instrument that was just set. */
void risk_bounds_set(struct risk_bounds *bounds, const struct risk_instrument *instrument);

/* risk_bounds_fees gives an instrument its rates. */
void risk_bounds_fees(struct risk_bounds *bounds, struct risk_fees fees);

/* risk_market_bound finds the limit of a market order: the last tick inside its
 * collar. Without a collar, a reference or a tick inside there is none. */
NODISCARD bool risk_market_bound(const struct risk_instrument *instrument,
                                 px_t ref_px,
                                 bool sell,
                                 uint32_t *tick,
                                 px_t *px);

#endif
