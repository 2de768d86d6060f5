/*
 * Reserve: what an order binds, from its own fields.
 *
 *   value     price x leaves                      open notional, every side
 *   cash      (price + fee of a lot) x leaves     of a buy; of a sell nothing
 *   units     leaves                              open quantity, every side
 *
 * The fee of a lot at price p and rate r (parts per million of the value) is
 * ceil(p * r / 1000000) in 10^-8 of the currency: rounded up for who pays, and a
 * rebate (r < 0) therefore down for who gets it, once per lot. The fee of a fill is
 * its quantity times that, exactly. So fees and reservations are linear in
 * quantity: the parts of an order sum up to the order, and what is reserved for an
 * order is found again from price, leaves and the rates of its instrument,
 * which stay the same as long as any of its orders lives.
 *
 * A buy reserves at the higher of both rates, or none if that is a rebate. The
 * value and the fee of a lot never fall when the price rises, and it never
 * trades above its limit, so what is reserved always suffices.
 *
 * Nothing here can overflow: rates are at most FEE_PPM_MAX, so a fee is at most
 * its price, and a product of price and quantity has 95 bits of 128.
 */
#ifndef OUTCRY_RISK_RESERVE_H
#define OUTCRY_RISK_RESERVE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base.h"
#include "proto/limits.h"
#include "proto/px_qty.h"

/* Rates of an instrument, parts per million of the value. */
struct risk_fees {
    int32_t maker_ppm; /* -FEE_PPM_MAX .. FEE_PPM_MAX; negative: a rebate */
    int32_t taker_ppm; /* 0 .. FEE_PPM_MAX; the sum of both is not negative */
};

/* What a live order has reserved: fields of the order and of its instrument. */
struct risk_hold {
    uint32_t position; /* slot of account and instrument */
    qty_t leaves_qty;
    px_t px; /* its limit: of a stop its stop price, of a peg its limit */
    bool sell;
};

/* risk_fee_lot returns the fee of one lot at px, which is positive. */
static inline px_t
risk_fee_lot(px_t px, int32_t ppm)
{
    int64_t product;

    ASSERT_SLOW(px > 0);
    /* Division truncates: a rebate is rounded as it should be. */
    if (LIKELY(!__builtin_mul_overflow(px, (int64_t)ppm, &product))) {
        if (LIKELY((uint64_t)product <= PX_MAX - 999999))
            return (px_t)(((uint64_t)product + 999999) / 1000000);
        if (product < 0)
            return product / 1000000;
    }
    return (px_t)(((notional_t)px * ppm + (ppm > 0 ? 999999 : 0)) / 1000000);
}

/* risk_fee returns the fee of a fill; negative: a rebate. It fits a px_t for
 * every order that risk has let pass, see docs/risk.md. */
static inline notional_t
risk_fee(px_t px, qty_t qty, int32_t ppm)
{
    return (notional_t)risk_fee_lot(px, ppm) * qty;
}

/* risk_hold_ppm returns the rate at which buys reserve. */
static inline int32_t
risk_hold_ppm(struct risk_fees fees)
{
    const int32_t higher_ppm = fees.maker_ppm > fees.taker_ppm ? fees.maker_ppm : fees.taker_ppm;

    return higher_ppm > 0 ? higher_ppm : 0;
}

/* risk_cash_of returns the cash that qty of an order at px binds. Price and fee of a
 * lot together fit 64 bits without a sign: neither is more than PX_MAX. */
static inline notional_t
risk_cash_of(px_t px, qty_t qty, bool sell, struct risk_fees fees)
{
    const qty_t bought_qty = EITHER(sell) ? 0 : qty;
    const uint64_t lot = (uint64_t)px + (uint64_t)risk_fee_lot(px, risk_hold_ppm(fees));

    return (notional_t)lot * bought_qty;
}

#endif
