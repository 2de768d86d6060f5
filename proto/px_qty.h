#ifndef OUTCRY_PROTO_PX_QTY_H
#define OUTCRY_PROTO_PX_QTY_H

/*
 * Prices, quantities and money: the only place where they are multiplied, added
 * or turned into ticks. Nothing here rounds and nothing wraps.
 *
 *   px_t        i64, 10^-8 of the currency. 92 billion and some is the largest.
 *   qty_t       u32, lots
 *   notional_t  i128, px x qty, so 10^-8 of the currency as well
 *   tick        u32, price / tick size, < TICK_MAX; private to the book
 *
 * Why notional_t has 128 bits: a price has 63 bits and a quantity 32, so one
 * product has at most 95 and i64 would refuse honest orders (1,000,000 lots at
 * 100,000.00 are 10^19). In 128 bits the product cannot overflow, and neither
 * can a sum of 2^31 products; so risk adds up without a test on each step, and
 * only numbers that come from outside the process need a checked addition. It
 * costs one mul and, per addition, one adc.
 *
 * The functions that can fail return false and then leave *out alone:
 *
 *     px_add_checked  px_sub_checked          wire prices: pegs, collars, offsets
 *     qty_add_checked qty_sub_checked         leaves, cumulated quantity
 *     qty_of_u64                              SBE's 64-bit quantity to a cell's
 *     px_to_tick      px_of_tick              wire price <-> book
 *     notional_add_checked  notional_sub_checked  notional_to_i64
 *
 * Invariants:
 *   1. px_to_tick(px, s, &t) implies px_of_tick(t, s, &p) and p == px.
 *   2. A tick is >= 1: price 0 and negative prices have none.
 *   3. A notional_t compares with the operators of C; notional_cmp is for sorting.
 */

#include <stdbool.h>
#include <stdint.h>

#include "proto/base.h"
#include "proto/types.h"

__extension__ typedef __int128 notional_t;

/* One past the largest tick: five levels of 64 in the ladder's bitmaps. */
#define TICK_MAX (UINT32_C(1) << 30)

/* px_add_checked adds two prices; false if the sum does not fit. */
NODISCARD static inline bool
px_add_checked(px_t a_px, px_t b_px, px_t *out)
{
    px_t sum_px;

    if (__builtin_add_overflow(a_px, b_px, &sum_px))
        return false;
    *out = sum_px;
    return true;
}

/* px_sub_checked takes b_px from a_px; false if the difference does not fit. */
NODISCARD static inline bool
px_sub_checked(px_t a_px, px_t b_px, px_t *out)
{
    px_t diff_px;

    if (__builtin_sub_overflow(a_px, b_px, &diff_px))
        return false;
    *out = diff_px;
    return true;
}

/* qty_add_checked adds two quantities; false if the sum does not fit. */
NODISCARD static inline bool
qty_add_checked(qty_t a_qty, qty_t b_qty, qty_t *out)
{
    qty_t sum_qty;

    if (__builtin_add_overflow(a_qty, b_qty, &sum_qty))
        return false;
    *out = sum_qty;
    return true;
}

/* qty_sub_checked takes b_qty from a_qty; false if there is not that much. */
NODISCARD static inline bool
qty_sub_checked(qty_t a_qty, qty_t b_qty, qty_t *out)
{
    if (b_qty > a_qty)
        return false;
    *out = a_qty - b_qty;
    return true;
}

/* qty_of_u64 narrows a wire quantity; false if a cell cannot carry it. */
NODISCARD static inline bool
qty_of_u64(uint64_t wire_qty, qty_t *out)
{
    if (wire_qty > QTY_MAX)
        return false;
    *out = (qty_t)wire_qty;
    return true;
}

/* px_mul_qty is exact for every argument: 63 + 32 bits in 127. */
static inline notional_t
px_mul_qty(px_t px, qty_t qty)
{
    return (notional_t)px * (notional_t)qty;
}

/* notional_add_checked adds two amounts; false if the sum does not fit. */
NODISCARD static inline bool
notional_add_checked(notional_t a, notional_t b, notional_t *out)
{
    notional_t sum;

    if (__builtin_add_overflow(a, b, &sum))
        return false;
    *out = sum;
    return true;
}

/* notional_sub_checked takes b from a; false if the difference does not fit. */
NODISCARD static inline bool
notional_sub_checked(notional_t a, notional_t b, notional_t *out)
{
    notional_t diff;

    if (__builtin_sub_overflow(a, b, &diff))
        return false;
    *out = diff;
    return true;
}

/*
 * notional_to_i64 narrows an amount for a cell or the wire, in the same unit;
 * false if it does not fit: a sender refuses then, it does not clip.
 */
NODISCARD static inline bool
notional_to_i64(notional_t notional, int64_t *out)
{
    if (notional < INT64_MIN || notional > INT64_MAX)
        return false;
    *out = (int64_t)notional;
    return true;
}

/* notional_cmp is -1, 0 or 1 as a is less than, equal to or greater than b. */
static inline int
notional_cmp(notional_t a, notional_t b)
{
    return (a > b) - (a < b);
}

/*
 * px_to_tick turns a price into its tick. It is false if the price is not
 * positive, is not a multiple of tick_px, or is too far up for the ladder. The
 * tick size comes from a validated instrument, so a bad one is our bug. Costs
 * one 64-bit division.
 */
NODISCARD static inline bool
px_to_tick(px_t px, px_t tick_px, uint32_t *out)
{
    ASSERT(tick_px > 0);
    if (px <= 0)
        return false;

    px_t tick = px / tick_px;
    if (px % tick_px != 0 || tick >= (px_t)TICK_MAX)
        return false;
    *out = (uint32_t)tick;
    return true;
}

/*
 * px_of_tick is the way back. It is false if the tick is 0 or out of the
 * ladder, or if the price does not fit, which cannot be for a tick that
 * px_to_tick gave.
 */
NODISCARD static inline bool
px_of_tick(uint32_t tick, px_t tick_px, px_t *out)
{
    px_t px;

    ASSERT(tick_px > 0);
    if (tick == 0 || tick >= TICK_MAX)
        return false;
    if (__builtin_mul_overflow((px_t)tick, tick_px, &px))
        return false;
    *out = px;
    return true;
}

/*
 * A tick size prepared for division: it is odd << shift, inverse is the inverse
 * of odd modulo 2^64. A multiple of it times the inverse, shifted, is the
 * quotient; of anything else the product is too large (Granlund and
 * Montgomery, "Division by invariant integers using multiplication", section
 * 9). So one multiplication replaces the division and tells whether it was
 * exact.
 */
struct px_divisor {
    uint64_t inverse;
    uint32_t shift;
    uint32_t tick_end; /* one past the largest tick that is a price */
};

/* px_divisor_of prepares a tick size, which is positive. */
static inline struct px_divisor
px_divisor_of(px_t tick_px)
{
    const unsigned shift = (unsigned)__builtin_ctzll((uint64_t)tick_px);
    const uint64_t odd = (uint64_t)tick_px >> shift;
    /* From here on a price would be negative, read as a signed number. */
    const uint64_t ticks_end = (uint64_t)PX_MAX / (uint64_t)tick_px + 1;
    uint64_t inverse = odd; /* right in its low 3 bits; each step doubles them */

    for (unsigned bits = 3; bits < 64; bits *= 2)
        inverse *= 2 - odd * inverse;
    ASSERT(odd * inverse == 1);

    const struct px_divisor divisor = {inverse, shift,
                                       ticks_end < TICK_MAX ? (uint32_t)ticks_end : TICK_MAX};
    return divisor;
}

/* px_divide returns the tick of px; if px is no multiple of the tick size, is
 * not positive or is too far up, it is not less than tick_end, or 0 for 0. */
static inline uint64_t
px_divide(px_t px, uint64_t inverse, unsigned shift)
{
    const uint64_t product = (uint64_t)px * inverse;

    /* Rotated, so that low bits that should be zero make it large. */
    return product >> shift | product << (-shift & 63);
}

#endif
