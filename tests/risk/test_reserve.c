/*
 * Goal: fees are rounded as docs/risk.md says, up and once a lot; what an order
 * reserves is the sum of what its parts do, and enough for every fill.
 * Method: numbers worked out by hand at the edges, then all pairs of a small set.
 */
#include <criterion/criterion.h>

#include "risk/reserve.h"

static const px_t prices[] = {1, 7, 999999, 1000000, 1000001, 12345678901, PX_MAX};
static const int32_t rates[] = {-FEE_PPM_MAX, -999999, -3, -1, 0, 1, 3, 250, 999999, FEE_PPM_MAX};

Test(reserve, fee_of_a_lot_is_rounded_up)
{
    cr_assert_eq(risk_fee_lot(1000000, 1), 1);
    cr_assert_eq(risk_fee_lot(1000001, 1), 2);
    cr_assert_eq(risk_fee_lot(1, 1), 1);
    cr_assert_eq(risk_fee_lot(1, 0), 0);
}

Test(reserve, rebate_is_rounded_down)
{
    cr_assert_eq(risk_fee_lot(1000000, -1), -1);
    cr_assert_eq(risk_fee_lot(1999999, -1), -1);
    cr_assert_eq(risk_fee_lot(999999, -1), 0);
}

Test(reserve, fee_is_never_more_than_the_price)
{
    for (unsigned i = 0; i < ARRAY_LEN(prices); i++)
        for (unsigned k = 0; k < ARRAY_LEN(rates); k++) {
            cr_assert_leq(risk_fee_lot(prices[i], rates[k]), prices[i]);
            cr_assert_geq(risk_fee_lot(prices[i], rates[k]), -prices[i]);
        }
    cr_assert_eq(risk_fee_lot(PX_MAX, FEE_PPM_MAX), PX_MAX);
    cr_assert_eq(risk_fee_lot(PX_MAX, -FEE_PPM_MAX), -PX_MAX);
}

Test(reserve, fee_never_falls_with_the_price)
{
    for (unsigned k = 0; k < ARRAY_LEN(rates); k++)
        for (unsigned i = 1; i < ARRAY_LEN(prices) && rates[k] >= 0; i++)
            cr_assert_geq(risk_fee_lot(prices[i], rates[k]), risk_fee_lot(prices[i - 1], rates[k]));
}

Test(reserve, parts_reserve_what_the_whole_does)
{
    const struct risk_fees fees = {.maker_ppm = -3, .taker_ppm = 7};

    for (unsigned i = 0; i < ARRAY_LEN(prices); i++)
        cr_assert(risk_cash_of(prices[i], 10, false, fees) ==
                  risk_cash_of(prices[i], 3, false, fees) +
                      risk_cash_of(prices[i], 7, false, fees));
}

Test(reserve, buy_reserves_at_the_higher_rate)
{
    const struct risk_fees maker_pays = {.maker_ppm = 20, .taker_ppm = 10};
    const struct risk_fees taker_pays = {.maker_ppm = -10, .taker_ppm = 20};
    const struct risk_fees nobody_pays = {0, 0};

    cr_assert_eq(risk_hold_ppm(maker_pays), 20);
    cr_assert_eq(risk_hold_ppm(taker_pays), 20);
    cr_assert(risk_cash_of(1000000, 5, false, taker_pays) == 5 * (1000000 + 20));
    cr_assert(risk_cash_of(1000000, 5, false, nobody_pays) == 5 * 1000000);
}

Test(reserve, sell_reserves_no_cash)
{
    const struct risk_fees fees = {.maker_ppm = 20, .taker_ppm = 10};

    cr_assert(risk_cash_of(1000000, 5, true, fees) == 0);
}

Test(reserve, largest_order_does_not_wrap)
{
    const struct risk_fees fees = {.maker_ppm = 0, .taker_ppm = FEE_PPM_MAX};

    cr_assert(risk_cash_of(PX_MAX, QTY_MAX, false, fees) == 2 * px_mul_qty(PX_MAX, QTY_MAX));
}
