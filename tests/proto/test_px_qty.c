/*
 * Goal: no price, quantity or amount can wrap, and ticks are exact or refused.
 * Method: both ends of each range, one step inside and one outside, and a check
 * that a refusal leaves the output alone.
 */
#include <signal.h>

#include <criterion/criterion.h>

#include "proto/px_qty.h"

/* No function under test gives this value below, so it shows an untouched output. */
#define UNTOUCHED 77

Test(px_qty, sum_of_prices_at_the_ends_is_exact)
{
    px_t px;

    cr_assert(px_add_checked(PX_MAX - 1, 1, &px));
    cr_assert_eq(px, PX_MAX);
    cr_assert(px_add_checked(PX_MIN, PX_MAX, &px));
    cr_assert_eq(px, -1);
    cr_assert(px_sub_checked(PX_MIN + 1, 1, &px));
    cr_assert_eq(px, PX_MIN);
    cr_assert(px_sub_checked(0, PX_MAX, &px));
    cr_assert_eq(px, -PX_MAX);
}

Test(px_qty, sum_of_prices_past_the_ends_is_refused)
{
    px_t px = UNTOUCHED;

    cr_assert(!px_add_checked(PX_MAX, 1, &px));
    cr_assert(!px_add_checked(PX_MIN, -1, &px));
    cr_assert(!px_sub_checked(PX_MIN, 1, &px));
    cr_assert(!px_sub_checked(0, PX_MIN, &px));
    cr_assert_eq(px, UNTOUCHED);
}

Test(px_qty, sum_of_quantities_at_the_ends_is_exact)
{
    qty_t qty;

    cr_assert(qty_add_checked(QTY_MAX - 1, 1, &qty));
    cr_assert_eq(qty, QTY_MAX);
    cr_assert(qty_sub_checked(QTY_MAX, QTY_MAX, &qty));
    cr_assert_eq(qty, 0);
}

Test(px_qty, sum_of_quantities_past_the_ends_is_refused)
{
    qty_t qty = UNTOUCHED;

    cr_assert(!qty_add_checked(QTY_MAX, 1, &qty));
    cr_assert(!qty_add_checked(QTY_MAX, QTY_MAX, &qty));
    cr_assert(!qty_sub_checked(0, 1, &qty));
    cr_assert(!qty_sub_checked(QTY_MAX - 1, QTY_MAX, &qty));
    cr_assert_eq(qty, UNTOUCHED);
}

Test(px_qty, wire_quantity_that_fits_is_taken)
{
    qty_t qty = UNTOUCHED;

    cr_assert(qty_of_u64(0, &qty));
    cr_assert_eq(qty, 0);
    cr_assert(qty_of_u64(UINT32_MAX, &qty));
    cr_assert_eq(qty, QTY_MAX);
}

Test(px_qty, wire_quantity_that_does_not_fit_is_refused)
{
    qty_t qty = UNTOUCHED;

    cr_assert(!qty_of_u64((uint64_t)UINT32_MAX + 1, &qty));
    cr_assert(!qty_of_u64(UINT64_MAX, &qty));
    cr_assert_eq(qty, UNTOUCHED);
}

/* The products are built from shifts and sums, not by the multiplication under test. */
Test(px_qty, product_at_the_ends_is_exact)
{
    const notional_t two_to_63 = (notional_t)1 << 63;
    const notional_t two_to_95 = (notional_t)1 << 95;

    cr_assert(px_mul_qty(PX_MIN, QTY_MAX) == -two_to_95 + two_to_63);
    cr_assert(px_mul_qty(PX_MAX, QTY_MAX) == two_to_95 - two_to_63 - ((notional_t)1 << 32) + 1);
    cr_assert(px_mul_qty(PX_MAX, 1) == two_to_63 - 1);
    cr_assert(px_mul_qty(PX_MIN, 1) == -two_to_63);
    cr_assert(px_mul_qty(PX_MAX, 0) == 0);
    cr_assert(px_mul_qty(0, QTY_MAX) == 0);
    cr_assert(px_mul_qty(-1, QTY_MAX) == -(notional_t)QTY_MAX);
}

Test(px_qty, product_that_fits_64_bits_narrows)
{
    int64_t amount;

    cr_assert(notional_to_i64(px_mul_qty(5 * PX_ONE, 3), &amount));
    cr_assert_eq(amount, 15 * PX_ONE);
    cr_assert(notional_to_i64(px_mul_qty(PX_MAX, 1), &amount));
    cr_assert_eq(amount, INT64_MAX);
    cr_assert(notional_to_i64(px_mul_qty(PX_MIN, 1), &amount));
    cr_assert_eq(amount, INT64_MIN);
}

Test(px_qty, product_past_64_bits_is_not_narrowed)
{
    int64_t amount = UNTOUCHED;

    /* A million lots at 100,000.00: an honest order, and more than 2^63. */
    cr_assert(!notional_to_i64(px_mul_qty(100000 * PX_ONE, 1000000), &amount));
    cr_assert(!notional_to_i64(px_mul_qty(PX_MAX, 2), &amount));
    cr_assert(!notional_to_i64((notional_t)INT64_MAX + 1, &amount));
    cr_assert(!notional_to_i64((notional_t)INT64_MIN - 1, &amount));
    cr_assert_eq(amount, UNTOUCHED);
}

Test(px_qty, sum_of_notionals_at_the_ends_is_exact)
{
    const notional_t half = (notional_t)1 << 126;
    const notional_t max = half - 1 + half;
    notional_t sum;

    cr_assert(notional_add_checked(max - 1, 1, &sum));
    cr_assert(sum == max);
    cr_assert(notional_sub_checked(-max, 1, &sum));
    cr_assert(sum == -max - 1);
}

Test(px_qty, sum_of_notionals_past_the_ends_is_refused)
{
    const notional_t half = (notional_t)1 << 126;
    const notional_t max = half - 1 + half;
    notional_t sum = UNTOUCHED;

    cr_assert(!notional_add_checked(max, 1, &sum));
    cr_assert(!notional_sub_checked(-max, 2, &sum));
    cr_assert(!notional_sub_checked(0, -max - 1, &sum));
    cr_assert(sum == UNTOUCHED);
}

Test(px_qty, notionals_are_ordered_beyond_64_bits)
{
    const notional_t high = px_mul_qty(PX_MAX, QTY_MAX);

    cr_assert_eq(notional_cmp(high, high - 1), 1);
    cr_assert_eq(notional_cmp(high - 1, high), -1);
    cr_assert_eq(notional_cmp(high, high), 0);
    cr_assert_eq(notional_cmp(-high, high), -1);
}

Test(px_qty, price_on_tick_has_its_tick_and_comes_back)
{
    static const struct {
        px_t px;
        px_t tick_px;
        uint32_t tick;
    } rows[] = {
        {.px = 1, .tick_px = 1, .tick = 1},
        {.px = 100 * PX_ONE, .tick_px = PX_ONE / 100, .tick = 10000},
        {.px = (px_t)TICK_MAX - 1, .tick_px = 1, .tick = TICK_MAX - 1},
        {.px = PX_MAX, .tick_px = PX_MAX, .tick = 1},
        {.px = PX_MAX - 1, .tick_px = (PX_MAX - 1) / 2, .tick = 2},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint32_t tick = 0;
        px_t px = 0;

        cr_assert(px_to_tick(rows[i].px, rows[i].tick_px, &tick), "row %zu", i);
        cr_assert_eq(tick, rows[i].tick, "row %zu", i);
        cr_assert(px_of_tick(tick, rows[i].tick_px, &px), "row %zu", i);
        cr_assert_eq(px, rows[i].px, "row %zu", i);
    }
}

Test(px_qty, price_without_a_tick_is_refused)
{
    static const struct {
        px_t px;
        px_t tick_px;
    } rows[] = {
        {.px = 0, .tick_px = 1},
        {.px = -1, .tick_px = 1},
        {.px = PX_MIN, .tick_px = 1},
        {.px = PX_MIN, .tick_px = PX_MAX},
        {.px = 99, .tick_px = 100},
        {.px = 101, .tick_px = 100},
        {.px = (px_t)TICK_MAX, .tick_px = 1},
        {.px = (px_t)TICK_MAX * 100, .tick_px = 100},
        {.px = PX_MAX, .tick_px = 1},
        {.px = PX_MAX - 1, .tick_px = PX_MAX},
    };
    uint32_t tick = UNTOUCHED;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cr_assert(!px_to_tick(rows[i].px, rows[i].tick_px, &tick), "row %zu", i);
        cr_assert_eq(tick, UNTOUCHED, "row %zu", i);
    }
}

Test(px_qty, tick_without_a_price_is_refused)
{
    px_t px = UNTOUCHED;

    cr_assert(!px_of_tick(0, 1, &px));
    cr_assert(!px_of_tick(TICK_MAX, 1, &px));
    cr_assert(!px_of_tick(UINT32_MAX, 1, &px));
    cr_assert(!px_of_tick(2, PX_MAX, &px));
    cr_assert(!px_of_tick(TICK_MAX - 1, PX_MAX / 2, &px));
    cr_assert_eq(px, UNTOUCHED);
}

Test(px_qty, tick_size_of_zero_is_our_bug, .signal = SIGABRT)
{
    uint32_t tick;

    cr_assert(px_to_tick(1, 0, &tick));
}
