/*
 * Bounds: collar and band of an instrument, prepared for the checks. Private
 * to risk/.
 */
#ifndef OUTCRY_RISK_BOUNDS_H
#define OUTCRY_RISK_BOUNDS_H

#include "risk/state.h"

/* The collar around a reference, both ends inclusive. */
struct risk_collar {
    px_t ref_px; /* 0: there is none yet */
    px_t low_px;
    px_t high_px;
};

/* risk_collar_of returns the tighter of both collars; false if the instrument
 * has none. */
bool
risk_collar_of(const struct risk_instrument *instrument, px_t last_px, struct risk_collar *out);

/* risk_bounds_refresh makes low and high those of another last trade; false if
 * there is a collar and no reference. */
bool risk_bounds_refresh(struct risk_bounds *bounds,
                         const struct risk_instrument *instrument,
                         px_t last_px);

#endif
