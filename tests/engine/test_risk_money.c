/*
 * Goal: what an order has reserved is exactly what it could cost, comes back when it
 * ends, however it ends, and fees are told where they are charged.
 * Method: an account whose cash is checked, with fees in round numbers; after each
 * step what is free is known.
 */
#include "tests/engine/harness_risk.h"

/* fund gives account 0 an amount and lets its cash be checked; instrument 0 has a
 * maker's fee of a tenth, a taker's of a fifth. */
static void
fund(struct harness *h, px_t amount)
{
    harness_init(h, NULL);
    cr_assert_eq(harness_fees(h, 0, 100000, 200000), 0);
    cr_assert_eq(harness_cash(h, 0, CELL_MOVE_MODE_SET, amount), 0);
    cr_assert_eq(harness_limit(h, (struct harness_limit){.limit = CELL_RISK_LIMIT_CREDIT}), 0);
}

static int64_t
free_of(const struct harness *h, uint32_t account)
{
    return harness_money(harness_cash_of(h, account).free);
}

Test(risk_money, improvement_is_free_at_the_fill)
{
    struct harness h;

    fund(&h, 1200);
    (void)harness_new(
        &h, (struct harness_order){.clord = 1, .px = 50, .qty = 4, .session = 2, .sell = true});
    /* At 100 with a fee of 20: all of it. */
    cr_assert_neq(harness_new(&h, (struct harness_order){.clord = 1, .px = 100, .qty = 10}), 0);
    /* Four at 50 with 10 cost 240; six at 120 are reserved still. */
    cr_assert_eq(free_of(&h, 0), 1200 - 240 - 720);

    const union cell *trade = harness_message(&h, CELL_KIND_TRADE, 0);

    cr_assert_eq(trade[1].trade_maker.taker_fee, 40);
    cr_assert_eq(trade[1].trade_maker.maker_fee, 20);
    cr_assert_eq(harness_money(harness_cash_of(&h, 2).balance), 180);
    cr_assert_eq(harness_money(harness_cash_of(&h, 0).fees), 60);
    /* The rest is a maker: its rate is lower. */
    (void)harness_new(
        &h, (struct harness_order){.clord = 2, .px = 100, .qty = 6, .session = 2, .sell = true});
    cr_assert_eq(harness_message(&h, CELL_KIND_TRADE, 0)[1].trade_maker.maker_fee, 60);
    cr_assert_eq(free_of(&h, 0), 1200 - 240 - 660);
    harness_fini(&h);
}

Test(risk_money, what_costs_too_much_is_refused)
{
    struct harness h;

    fund(&h, 1199);
    cr_assert_eq(harness_new(&h, (struct harness_order){.clord = 1, .px = 100, .qty = 10}), 0);
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_INSUFFICIENT_FUNDS);
    cr_assert_eq(h.cells[1].risk_detail.limit, 0);
    cr_assert_eq(h.cells[1].risk_detail.used, -1199);
    cr_assert_eq(h.cells[1].risk_detail.value, 1200);
    cr_assert_eq(harness_cash(&h, 0, CELL_MOVE_MODE_ADD, 1), 0);
    cr_assert_neq(harness_new(&h, (struct harness_order){.clord = 1, .px = 100, .qty = 10}), 0);
    /* What is reserved cannot be withdrawn. */
    cr_assert_eq(harness_cash(&h, 0, CELL_MOVE_MODE_ADD, -1),
                 OE_REJECT_REASON_CONFIGURATION_CONFLICT);
    harness_fini(&h);
}

Test(risk_money, refused_replace_keeps_its_cash)
{
    struct harness h;

    fund(&h, 1200);
    cr_assert_neq(harness_new(&h, (struct harness_order){.clord = 1, .px = 50, .qty = 10}), 0);
    cr_assert_eq(free_of(&h, 0), 600);
    cr_assert_eq(
        harness_replace(
            &h, (struct harness_replace){.orig_clord = 1, .clord = 2, .px = 100, .qty = 11}),
        OE_REJECT_REASON_INSUFFICIENT_FUNDS);
    cr_assert_eq(free_of(&h, 0), 600);
    cr_assert_eq(
        harness_replace(
            &h, (struct harness_replace){.orig_clord = 1, .clord = 2, .px = 100, .qty = 10}),
        0);
    cr_assert_eq(free_of(&h, 0), 0);
    cr_assert_eq(
        harness_replace(&h,
                        (struct harness_replace){.orig_clord = 2, .clord = 3, .px = 100, .qty = 5}),
        0);
    cr_assert_eq(free_of(&h, 0), 600);
    /* Refused by the book, not by risk: the reservation stays as well. */
    (void)harness_new(
        &h, (struct harness_order){.clord = 9, .px = 200, .qty = 1, .session = 2, .sell = true});
    (void)harness_new(&h, (struct harness_order){
                              .clord = 4, .px = 10, .qty = 1, .exec_inst = OE_EXEC_INST_POST_ONLY});
    cr_assert_eq(free_of(&h, 0), 588);
    cr_assert_eq(
        harness_replace(&h,
                        (struct harness_replace){.orig_clord = 4, .clord = 5, .px = 200, .qty = 1}),
        OE_REJECT_REASON_WOULD_TRADE);
    cr_assert_eq(free_of(&h, 0), 588);
    harness_fini(&h);
}

Test(risk_money, whatever_ends_an_order_gives_its_cash_back)
{
    struct harness h;

    fund(&h, 100000);
    (void)harness_new(&h, (struct harness_order){.clord = 1, .px = 50, .qty = 10});
    cr_assert_eq(harness_cancel_clord(&h, 0, 1), 0);
    cr_assert_eq(free_of(&h, 0), 100000);
    (void)harness_new(
        &h, (struct harness_order){
                .clord = 2, .px = 50, .qty = 10, .tif = OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL});
    cr_assert_eq(free_of(&h, 0), 100000);
    (void)harness_new(&h,
                      (struct harness_order){
                          .clord = 3, .px = 50, .qty = 10, .tif = OE_TIME_IN_FORCE_FILL_OR_KILL});
    cr_assert_eq(free_of(&h, 0), 100000);
    (void)harness_new(&h, (struct harness_order){.clord = 4, .px = 50, .qty = 10});
    cr_assert_eq(harness_mass_cancel(
                     &h, (struct cell_mass_cancel){.instrument = CELL_ANY, .account = CELL_ANY}),
                 0);
    cr_assert_eq(free_of(&h, 0), 100000);
    (void)harness_new(&h, (struct harness_order){.clord = 5, .px = 50, .qty = 10});
    cr_assert_eq(harness_kill(&h, OE_RISK_LEVEL_ACCOUNT, 0, true), 0);
    cr_assert_eq(free_of(&h, 0), 100000);
    cr_assert_eq(harness_enable(&h, OE_RISK_LEVEL_ACCOUNT, 0), 0);
    /* Decremented by one of its own group, then canceled by it. */
    (void)harness_new(
        &h, (struct harness_order){.clord = 6, .px = 50, .qty = 4, .account = 1, .sell = true});
    (void)harness_new(
        &h, (struct harness_order){.clord = 7,
                                   .px = 50,
                                   .qty = 10,
                                   .stp_capacity = OE_SELF_MATCH_PREVENTION_INSTRUCTION_DECREMENT});
    cr_assert_eq(free_of(&h, 0), 100000 - 6 * 60);
    (void)harness_new(&h, (struct harness_order){
                              .clord = 8,
                              .px = 50,
                              .qty = 1,
                              .account = 1,
                              .sell = true,
                              .stp_capacity = OE_SELF_MATCH_PREVENTION_INSTRUCTION_CANCEL_PASSIVE});
    cr_assert_eq(free_of(&h, 0), 100000);
    harness_fini(&h);
}

/* An order that is moved instead of trading reserves at its new price. */
Test(risk_money, reservation_moves_with_a_reprice)
{
    struct harness h;

    fund(&h, 100000);
    (void)harness_new(
        &h, (struct harness_order){.clord = 1, .px = 50, .qty = 1, .session = 2, .sell = true});
    (void)harness_new(&h, (struct harness_order){.clord = 1,
                                                 .px = 60,
                                                 .qty = 10,
                                                 .exec_inst = OE_EXEC_INST_POST_ONLY |
                                                              OE_EXEC_INST_POST_ONLY_REPRICE});
    /* At 49 with 9.8, rounded up. */
    cr_assert_eq(free_of(&h, 0), 100000 - 10 * 59);
    cr_assert_eq(harness_cancel_clord(&h, 0, 1), 0);
    cr_assert_eq(free_of(&h, 0), 100000);
    harness_fini(&h);
}

/* A peg reserves at its limit wherever it stands; a stop at its stop price until it
 * is elected, then at the collar's end, for which it is asked again. */
Test(risk_money, pegs_and_stops_reserve_at_their_limits)
{
    const struct cell_order_extension peg = {.peg_offset_px = 0};
    const struct cell_order_extension stop = {.stop_px = 100};
    struct cell_instrument_limits limits = harness_no_instrument_limits();
    struct harness h;

    fund(&h, 2400);
    limits.collar_ticks = 10;
    limits.reference_px = 100;
    cr_assert_eq(harness_instrument_set(&h, 0, 1, 1, CELL_INSTRUMENT_STATE_OPEN, limits), 0);
    (void)harness_new(&h, (struct harness_order){.clord = 1, .px = 95, .qty = 1, .session = 2});
    (void)harness_new(
        &h,
        (struct harness_order){
            .clord = 1, .px = 100, .qty = 1, .ord_type = OE_ORD_TYPE_PEGGED, .extension = &peg});
    cr_assert_eq(free_of(&h, 0), 2400 - 120);
    cr_assert_eq(harness_cancel_clord(&h, 0, 1), 0);
    cr_assert_eq(free_of(&h, 0), 2400);
    (void)harness_new(&h,
                      (struct harness_order){
                          .clord = 2, .qty = 20, .ord_type = OE_ORD_TYPE_STOP, .extension = &stop});
    cr_assert_eq(harness_outcome(&h), 0);
    cr_assert_eq(free_of(&h, 0), 0);
    /* Elected at 100 it could trade up to 110: there is no cash for that. */
    (void)harness_new(
        &h, (struct harness_order){.clord = 3, .px = 100, .qty = 1, .session = 2, .sell = true});
    (void)harness_new(&h, (struct harness_order){.clord = 4, .px = 100, .qty = 1, .session = 2});
    cr_assert_eq(harness_message_cnt(&h, CELL_KIND_ORDER_TRIGGERED), 1);
    cr_assert_eq(harness_message(&h, CELL_KIND_ORDER_CANCELED, 0)->order_canceled.reason,
                 OE_CANCEL_REASON_RISK_LIMIT);
    cr_assert_eq(free_of(&h, 0), 2400);
    harness_fini(&h);
}

/* A held market order keeps its place when it is made smaller, and is limited by the
 * collar of that moment. */
Test(risk_money, held_market_order_moves_to_the_new_collar)
{
    struct cell_instrument_limits limits = harness_no_instrument_limits();
    struct harness h;

    fund(&h, 100000);
    limits.collar_ticks = 10;
    limits.reference_px = 100;
    cr_assert_eq(harness_instrument_set(&h, 0, 1, 1, CELL_INSTRUMENT_STATE_OPEN, limits), 0);
    (void)harness_new(&h, (struct harness_order){.clord = 1,
                                                 .qty = 10,
                                                 .ord_type = OE_ORD_TYPE_MARKET,
                                                 .tif = OE_TIME_IN_FORCE_AT_THE_OPENING});
    cr_assert_eq(free_of(&h, 0), 100000 - 10 * 132);
    limits.reference_px = 200;
    cr_assert_eq(harness_instrument_set(&h, 0, 1, 1, CELL_INSTRUMENT_STATE_OPEN, limits), 0);
    cr_assert_eq(
        harness_replace(&h, (struct harness_replace){.orig_clord = 1, .clord = 2, .qty = 5}), 0);
    cr_assert_eq(h.cells[1].replace_detail.new_order_id, h.cells[0].order_replace.order_id);
    cr_assert_eq(free_of(&h, 0), 100000 - 5 * 252);
    cr_assert_eq(harness_cancel_clord(&h, 0, 2), 0);
    cr_assert_eq(free_of(&h, 0), 100000);
    harness_fini(&h);
}

Test(risk_money, fees_stay_while_an_order_lives)
{
    const struct cell_order_extension stop = {.stop_px = 100};
    struct harness h;

    fund(&h, 100000);
    (void)harness_new(&h, (struct harness_order){.clord = 1, .px = 5, .qty = 1});
    cr_assert_eq(harness_fees(&h, 0, 0, 0), OE_REJECT_REASON_CONFIGURATION_CONFLICT);
    cr_assert_eq(harness_fees(&h, 0, -3, 2), OE_REJECT_REASON_CONFIGURATION_RANGE);
    cr_assert_eq(harness_fees(&h, 1, 0, 0), 0);
    cr_assert_eq(harness_cancel_clord(&h, 0, 1), 0);
    (void)harness_new(&h, (struct harness_order){.clord = 2,
                                                 .px = 100,
                                                 .qty = 1,
                                                 .ord_type = OE_ORD_TYPE_STOP_LIMIT,
                                                 .extension = &stop});
    cr_assert_eq(harness_fees(&h, 0, 0, 0), OE_REJECT_REASON_CONFIGURATION_CONFLICT);
    cr_assert_eq(harness_cancel_clord(&h, 0, 2), 0);
    cr_assert_eq(harness_fees(&h, 0, 0, 0), 0);
    harness_fini(&h);
}

/* Orders whose values and sums do not fit where the checks of an order look: 2^60 each. */
#define HUGE_PX    (INT64_C(1) << 29)
#define HUGE_QTY   (UINT32_C(1) << 31)
#define HUGE_CNT   40u
#define HUGE_VALUE ((notional_t)HUGE_PX * HUGE_QTY)

static notional_t
amount_of(struct engine_wide wide)
{
    return (notional_t)wide.high * ((notional_t)1 << 64) + (notional_t)wide.low;
}

static notional_t
used_at(const struct harness *h, uint8_t level, uint32_t subject, uint8_t limit)
{
    return amount_of(harness_use(h, level, subject, limit).used);
}

/* assert_open asserts the open value of account, group and firm 0, and the cash of the
 * account. */
static void
assert_open(const struct harness *h, notional_t value)
{
    for (uint8_t level = OE_RISK_LEVEL_ACCOUNT; level <= OE_RISK_LEVEL_FIRM; level++)
        cr_assert(used_at(h, level, 0, CELL_RISK_LIMIT_OPEN_NOTIONAL) == value);
    cr_assert(amount_of(harness_cash_of(h, 0).reserved) == value);
}

Test(risk_money, sums_beyond_64_bits_are_kept_exactly)
{
    struct harness h;
    uint64_t ids[HUGE_CNT];

    harness_init(&h, NULL);
    for (uint32_t i = 0; i < HUGE_CNT; i++) {
        ids[i] =
            harness_new(&h, (struct harness_order){.clord = 1 + i, .px = HUGE_PX, .qty = HUGE_QTY});
        cr_assert_neq(ids[i], 0);
        assert_open(&h, (i + 1) * HUGE_VALUE);
    }
    /* Half of them come back, the others are traded. */
    for (uint32_t i = 0; i < HUGE_CNT / 2; i++) {
        cr_assert_eq(harness_cancel(&h, 0, ids[i]), 0);
        assert_open(&h, (HUGE_CNT - 1 - i) * HUGE_VALUE);
    }
    for (uint32_t i = 0; i < HUGE_CNT / 2; i++) {
        const notional_t traded = (i + 1) * HUGE_VALUE;

        cr_assert_neq(harness_new(&h, (struct harness_order){.clord = 1 + i,
                                                             .px = HUGE_PX,
                                                             .qty = HUGE_QTY,
                                                             .session = 2,
                                                             .sell = true}),
                      0);
        assert_open(&h, HUGE_CNT / 2 * HUGE_VALUE - traded);
        cr_assert(amount_of(harness_cash_of(&h, 0).balance) == -traded);
        for (uint8_t level = OE_RISK_LEVEL_ACCOUNT; level <= OE_RISK_LEVEL_FIRM; level++)
            cr_assert(used_at(&h, level, 0, CELL_RISK_LIMIT_DAILY_NET) == traded);
    }
    harness_fini(&h);
}

Test(risk_money, limit_that_is_set_late_counts_what_was_before)
{
    struct harness h;
    uint64_t ids[HUGE_CNT];

    harness_init(&h, NULL);
    for (uint32_t i = 0; i < HUGE_CNT; i++)
        ids[i] =
            harness_new(&h, (struct harness_order){.clord = 1 + i, .px = HUGE_PX, .qty = HUGE_QTY});
    cr_assert_eq(harness_limit(&h, (struct harness_limit){.level = OE_RISK_LEVEL_FIRM,
                                                          .limit = CELL_RISK_LIMIT_OPEN_NOTIONAL,
                                                          .value = (int64_t)HUGE_VALUE}),
                 0);
    /* All of it but the last one has to come back first. */
    for (uint32_t i = 0; i < HUGE_CNT; i++) {
        cr_assert_eq(harness_new(&h, (struct harness_order){.clord = 1000, .px = 1, .qty = 1}), 0);
        cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_OPEN_NOTIONAL);
        cr_assert_eq(harness_cancel(&h, 0, ids[i]), 0);
    }
    cr_assert_neq(
        harness_new(&h, (struct harness_order){.clord = 1000, .px = HUGE_PX, .qty = HUGE_QTY}), 0);
    assert_open(&h, HUGE_VALUE);
    harness_fini(&h);
}
