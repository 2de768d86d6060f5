/*
 * Goal: each limit lets limit - 1 and limit pass and refuses limit + 1, at each level
 * at which it exists, with its numbers; a refusal changes nothing.
 * Method: one limit at a time on the ground of ground.h.
 */
#include "tests/risk/ground.h"

static const uint8_t parties[] = {OE_RISK_LEVEL_ACCOUNT, OE_RISK_LEVEL_GROUP, OE_RISK_LEVEL_FIRM};
static const uint8_t sizes[] = {OE_RISK_LEVEL_ACCOUNT, OE_RISK_LEVEL_GROUP, OE_RISK_LEVEL_FIRM,
                                OE_RISK_LEVEL_INSTRUMENT};

/* assert_qty_edge: quantities up to limit pass, one more is refused. */
static void
assert_qty_edge(struct ground *g, qty_t limit, enum oe_reject_reason reason)
{
    ground_qty(g, limit - 1);
    ground_taken(g);
    ground_qty(g, limit);
    ground_taken(g);
    ground_qty(g, limit + 1);
    ground_refused(g, reason);
}

Test(limit, order_qty_at_each_level)
{
    for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
        struct ground g;

        ground_init(&g);
        ground_taken(&g);
        ground_limit(&g, sizes[i], CELL_RISK_LIMIT_ORDER_QTY, 100);
        assert_qty_edge(&g, 100, OE_REJECT_REASON_MAX_ORDER_QTY);
        ground_numbers(&g, sizes[i], 100, 0, 101);
        ground_limit(&g, sizes[i], CELL_RISK_LIMIT_ORDER_QTY, RISK_LIMIT_OFF);
        ground_qty(&g, UINT32_MAX);
        ground_taken(&g);
    }
}

Test(limit, tightest_of_all_levels_holds)
{
    struct ground g;

    ground_init(&g);
    for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
        ground_limit(&g, sizes[i], CELL_RISK_LIMIT_ORDER_QTY, 100 - i);
        assert_qty_edge(&g, 100 - i, OE_REJECT_REASON_MAX_ORDER_QTY);
        ground_numbers(&g, sizes[i], 100 - i, 0, 101 - i);
    }
    for (unsigned i = 0; i < ARRAY_LEN(sizes); i++)
        ground_limit(&g, sizes[i], CELL_RISK_LIMIT_ORDER_QTY, 50);
    assert_qty_edge(&g, 50, OE_REJECT_REASON_MAX_ORDER_QTY);
    ground_numbers(&g, OE_RISK_LEVEL_ACCOUNT, 50, 0, 51);
}

Test(limit, least_quantity_is_inclusive)
{
    struct ground g;

    ground_init(&g);
    g.limits.order_qty_min = 20;
    ground_instrument(&g);
    ground_qty(&g, 20);
    ground_taken(&g);
    ground_qty(&g, 21);
    ground_taken(&g);
    ground_qty(&g, 19);
    ground_refused(&g, OE_REJECT_REASON_MIN_ORDER_QTY);
    ground_numbers(&g, OE_RISK_LEVEL_INSTRUMENT, 20, 0, 19);
}

Test(limit, order_value_at_each_level)
{
    for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
        struct ground g;

        ground_init(&g);
        ground_taken(&g);
        ground_limit(&g, sizes[i], CELL_RISK_LIMIT_ORDER_VALUE, 10001);
        ground_taken(&g);
        ground_limit(&g, sizes[i], CELL_RISK_LIMIT_ORDER_VALUE, 10000);
        ground_taken(&g);
        ground_limit(&g, sizes[i], CELL_RISK_LIMIT_ORDER_VALUE, 9999);
        ground_refused(&g, OE_REJECT_REASON_MAX_ORDER_VALUE);
        ground_numbers(&g, sizes[i], 9999, 0, 10000);
    }
}

Test(limit, order_value_that_would_wrap_is_refused)
{
    struct ground g;

    ground_init(&g);
    ground_taken(&g);
    g.order.px = (px_t)(TICKS_MAX - 1) * GROUND_TICK;
    ground_qty(&g, UINT32_MAX);
    ground_limit(&g, OE_RISK_LEVEL_FIRM, CELL_RISK_LIMIT_ORDER_VALUE, INT64_MAX - 1);
    ground_refused(&g, OE_REJECT_REASON_MAX_ORDER_VALUE);
    ground_numbers(&g, OE_RISK_LEVEL_FIRM, INT64_MAX - 1, 0, INT64_MAX);
    ground_limit(&g, OE_RISK_LEVEL_FIRM, CELL_RISK_LIMIT_ORDER_VALUE, RISK_LIMIT_OFF);
    ground_taken(&g);
}

Test(limit, fee_that_cannot_be_told_is_refused)
{
    struct ground g;
    struct cell_fee_set fee = {.instrument = 8, .taker_ppm = FEE_PPM_MAX};

    ground_init(&g);
    g.instrument = (struct cell_instrument_set){
        .instrument = 8, .symbol = "BIG", .tick_px = PX_MAX / 4, .lot_qty = 1};
    ground_instrument(&g);
    cr_assert_eq(risk_apply_fee(g.risk, &fee), 0);
    g.order.instrument = 8;
    g.order.px = PX_MAX / 4;
    ground_qty(&g, 4);
    ground_taken(&g);
    ground_qty(&g, 5);
    ground_refused(&g, OE_REJECT_REASON_MAX_ORDER_VALUE);
    ground_numbers(&g, OE_RISK_LEVEL_INSTRUMENT, INT64_MAX, 0, INT64_MAX);
    g.order.sell = true;
    ground_taken(&g);
    g.order.sell = false;
    fee.taker_ppm = 1;
    cr_assert_eq(risk_apply_fee(g.risk, &fee), 0);
    ground_taken(&g);
}

Test(limit, price_and_quantity_fit_tick_and_lot)
{
    struct ground g;

    ground_init(&g);
    g.order.px = 1001;
    ground_refused(&g, OE_REJECT_REASON_INVALID_TICK);
    g.order.px = 0;
    ground_refused(&g, OE_REJECT_REASON_INVALID_PRICE);
    g.order.px = (px_t)TICKS_MAX * GROUND_TICK;
    ground_refused(&g, OE_REJECT_REASON_INVALID_PRICE);
    g.order.px = GROUND_TICK;
    ground_taken(&g);
    g.instrument =
        (struct cell_instrument_set){.instrument = 8, .symbol = "LOT", .tick_px = 1, .lot_qty = 10};
    ground_instrument(&g);
    g.order.instrument = 8;
    ground_taken(&g);
    ground_qty(&g, 11);
    ground_refused(&g, OE_REJECT_REASON_INVALID_LOT);
    ground_qty(&g, 0);
    ground_refused(&g, OE_REJECT_REASON_INVALID_QUANTITY);
}

Test(limit, position_counts_open_orders)
{
    for (unsigned sell = 0; sell < 2; sell++)
        for (uint8_t level = OE_RISK_LEVEL_ACCOUNT; level <= OE_RISK_LEVEL_ACCOUNT_INSTRUMENT;
             level += OE_RISK_LEVEL_ACCOUNT_INSTRUMENT - OE_RISK_LEVEL_ACCOUNT) {
            const uint8_t limit = sell != 0 ? CELL_RISK_LIMIT_SHORT : CELL_RISK_LIMIT_LONG;
            const enum oe_reject_reason reason = sell != 0 ? OE_REJECT_REASON_SHORT_POSITION_LIMIT
                                                           : OE_REJECT_REASON_LONG_POSITION_LIMIT;
            struct ground g;

            ground_init(&g);
            ground_limit(&g, level, limit, 30);
            ground_trade(&g, 0, sell != 0, 1000, 8);
            g.order.sell = sell != 0;
            ground_qty(&g, 10);
            (void)ground_enter(&g);
            assert_qty_edge(&g, 12, reason);
            ground_numbers(&g, level, 30, 18, 13);
            g.order.sell = sell == 0;
            ground_qty(&g, 1000);
            ground_taken(&g);
        }
}

Test(limit, position_of_no_limit_ends_where_numbers_do)
{
    struct ground g;
    const struct cell_position_move move = {.account = 0,
                                            .instrument = GROUND_INSTRUMENT,
                                            .qty = (int64_t)POSITION_LIMIT_MAX,
                                            .mode = CELL_MOVE_MODE_SET};

    ground_init(&g);
    cr_assert_eq(risk_apply_position(g.risk, &move), 0);
    ground_refused(&g, OE_REJECT_REASON_LONG_POSITION_LIMIT);
    ground_numbers(&g, OE_RISK_LEVEL_ACCOUNT, (int64_t)POSITION_LIMIT_MAX,
                   (int64_t)POSITION_LIMIT_MAX, 10);
    g.order.sell = true;
    ground_taken(&g);
    ground_trade(&g, 0, true, 1000, 10);
    g.order.sell = false;
    assert_qty_edge(&g, 10, OE_REJECT_REASON_LONG_POSITION_LIMIT);
}

Test(limit, covered_account_sells_what_it_has)
{
    struct ground g;
    struct cell_order_rule_set rule = {
        .subject = 0, .types = 0x3f, .tifs = 0x7f, .covered = 1, .level = OE_RISK_LEVEL_ACCOUNT};

    ground_init(&g);
    ground_trade(&g, 0, false, 1000, 30);
    cr_assert_eq(risk_apply_order_rule(g.risk, &rule), 0);
    g.order.sell = true;
    ground_qty(&g, 10);
    (void)ground_enter(&g);
    assert_qty_edge(&g, 20, OE_REJECT_REASON_INSUFFICIENT_HOLDINGS);
    ground_numbers(&g, OE_RISK_LEVEL_ACCOUNT_INSTRUMENT, 30, 10, 21);

    const struct cell_position_move out = {
        .account = 0, .instrument = GROUND_INSTRUMENT, .qty = -21};

    cr_assert_eq(risk_apply_position(g.risk, &out), OE_REJECT_REASON_CONFIGURATION_CONFLICT);
    ground_limit(&g, OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_SHORT, 0);
    ground_refused(&g, OE_REJECT_REASON_SHORT_POSITION_LIMIT);
    ground_limit(&g, OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_SHORT, 5);
    ground_refused(&g, OE_REJECT_REASON_INSUFFICIENT_HOLDINGS);
    rule.covered = 0;
    cr_assert_eq(risk_apply_order_rule(g.risk, &rule), 0);
    assert_qty_edge(&g, 25, OE_REJECT_REASON_SHORT_POSITION_LIMIT);
}

Test(limit, open_orders_at_each_level)
{
    struct ground g;

    ground_init(&g);
    ground_limit(&g, OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_OPEN_ORDERS, 3);

    const struct risk_hold first = ground_enter(&g);

    (void)ground_enter(&g);
    (void)ground_enter(&g);
    ground_refused(&g, OE_REJECT_REASON_MAX_OPEN_ORDERS);
    ground_numbers(&g, OE_RISK_LEVEL_ACCOUNT, 3, 3, 1);
    risk_give_back(g.risk, &first, 4);
    ground_refused(&g, OE_REJECT_REASON_MAX_OPEN_ORDERS);
    risk_give_back(g.risk, &(struct risk_hold){first.position, 6, first.px, false}, 6);
    ground_taken(&g);
    g.order.session = 9;
    g.order.session_max = 2;
    g.order.session_cnt = 1;
    ground_taken(&g);
    g.order.session_cnt = 2;
    ground_refused(&g, OE_REJECT_REASON_MAX_OPEN_ORDERS);
    ground_numbers(&g, OE_RISK_LEVEL_SESSION, 2, 2, 1);
    cr_assert_eq(g.detail.subject, 9);
}

Test(limit, open_notional_at_each_level)
{
    for (unsigned i = 0; i < ARRAY_LEN(parties); i++) {
        struct ground g;

        ground_init(&g);
        ground_limit(&g, parties[i], CELL_RISK_LIMIT_OPEN_NOTIONAL, 20000);
        g.order.account = i == 0 ? 0 : 1;
        (void)ground_enter(&g);
        g.order.account = 0;
        g.order.sell = true;
        g.order.px = 500;
        assert_qty_edge(&g, 20, OE_REJECT_REASON_OPEN_NOTIONAL);
        ground_numbers(&g, parties[i], 20000, 10000, 10500);
        g.order.account = 2;
        ground_taken(&g);
    }
}

Test(limit, daily_gross_at_each_level)
{
    for (unsigned i = 0; i < ARRAY_LEN(parties); i++) {
        struct ground g;

        ground_init(&g);
        ground_limit(&g, parties[i], CELL_RISK_LIMIT_DAILY_GROSS, 20000);
        ground_trade(&g, i == 0 ? 0 : 1, false, 1000, 4);
        ground_trade(&g, i == 0 ? 0 : 1, true, 1000, 4);
        (void)ground_enter(&g);
        g.order.px = 10;
        assert_qty_edge(&g, 200, OE_REJECT_REASON_DAILY_GROSS);
        ground_numbers(&g, parties[i], 20000, 18000, 2010);
    }
}

Test(limit, daily_net_at_each_level)
{
    for (unsigned i = 0; i < ARRAY_LEN(parties); i++) {
        struct ground g;

        ground_init(&g);
        ground_limit(&g, parties[i], CELL_RISK_LIMIT_DAILY_NET, 10000);
        ground_trade(&g, i == 0 ? 0 : 1, false, 1000, 6);
        g.order.px = 10;
        ground_qty(&g, 400);
        (void)ground_enter(&g);
        assert_qty_edge(&g, 400, OE_REJECT_REASON_DAILY_NET);
        ground_numbers(&g, parties[i], 10000, 6000, 4010);
        g.order.sell = true;
        assert_qty_edge(&g, 1600, OE_REJECT_REASON_DAILY_NET);
        ground_numbers(&g, parties[i], 10000, -6000, 16010);
    }
}

Test(limit, sums_at_the_ends_of_the_range_do_not_wrap)
{
    struct ground g;

    ground_init(&g);
    g.instrument = (struct cell_instrument_set){
        .instrument = 8, .symbol = "BIG", .tick_px = PX_MAX, .lot_qty = 1};
    ground_instrument(&g);
    g.order.instrument = 8;
    g.order.px = PX_MAX;
    ground_qty(&g, UINT32_MAX);
    for (unsigned i = 0; i < ARRAY_LEN(parties); i++) {
        ground_limit(&g, parties[i], CELL_RISK_LIMIT_OPEN_NOTIONAL, RISK_LIMIT_OFF - 1);
        ground_refused(&g, OE_REJECT_REASON_OPEN_NOTIONAL);
        ground_numbers(&g, parties[i], RISK_LIMIT_OFF - 1, 0, INT64_MAX);
        ground_limit(&g, parties[i], CELL_RISK_LIMIT_OPEN_NOTIONAL, RISK_LIMIT_OFF);
    }
    g.order.sell = true;
    for (unsigned i = 0; i < 20; i++)
        ground_trade(&g, 0, i % 3 == 0, PX_MAX, UINT32_MAX);
    for (unsigned i = 0; i < 20; i++)
        (void)ground_enter(&g);
    ground_limit(&g, OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_DAILY_GROSS, RISK_LIMIT_OFF - 1);
    ground_qty(&g, 1);
    g.order.px = PX_MAX;
    ground_refused(&g, OE_REJECT_REASON_DAILY_GROSS);
    ground_numbers(&g, OE_RISK_LEVEL_ACCOUNT, RISK_LIMIT_OFF - 1, INT64_MAX, PX_MAX);
    ground_limit(&g, OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_DAILY_GROSS, RISK_LIMIT_OFF);
    ground_taken(&g);
}

Test(limit, equal_orders_are_refused_after_n)
{
    struct ground g;

    ground_init(&g);
    (void)ground_enter(&g);
    ground_limit(&g, OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_DUPLICATES, 3);
    (void)ground_enter(&g);
    (void)ground_enter(&g);
    ground_refused(&g, OE_REJECT_REASON_DUPLICATIVE_ORDER);
    ground_numbers(&g, OE_RISK_LEVEL_ACCOUNT, 3, 3, 1);
    g.order.quote = true;
    (void)ground_enter(&g);
    g.order.quote = false;
    ground_refused(&g, OE_REJECT_REASON_DUPLICATIVE_ORDER);
    g.now_ns += GROUND_SECOND_NS;
    ground_refused(&g, OE_REJECT_REASON_DUPLICATIVE_ORDER);
    g.now_ns += UINT64_C(1) << 16;
    (void)ground_enter(&g);
    (void)ground_enter(&g);
    (void)ground_enter(&g);
    ground_refused(&g, OE_REJECT_REASON_DUPLICATIVE_ORDER);
    g.order.sell = true;
    (void)ground_enter(&g);
    g.order.sell = false;
    (void)ground_enter(&g);
    ground_qty(&g, 11);
    (void)ground_enter(&g);
    g.order.px += GROUND_TICK;
    (void)ground_enter(&g);
}

Test(limit, band_holds_at_both_ends)
{
    struct ground g;

    ground_init(&g);
    g.limits.band_low_px = 900;
    g.limits.band_high_px = 1100;
    ground_instrument(&g);
    for (unsigned sell = 0; sell < 2; sell++) {
        g.order.sell = sell != 0;
        g.order.px = 900;
        ground_taken(&g);
        g.order.px = 905;
        ground_taken(&g);
        g.order.px = 895;
        ground_refused(&g, OE_REJECT_REASON_PRICE_BAND);
        ground_numbers(&g, OE_RISK_LEVEL_INSTRUMENT, 900, 0, 895);
        g.order.px = 1100;
        ground_taken(&g);
        g.order.px = 1105;
        ground_refused(&g, OE_REJECT_REASON_PRICE_BAND);
        ground_numbers(&g, OE_RISK_LEVEL_INSTRUMENT, 1100, 0, 1105);
    }
    g.order.stop = true;
    ground_taken(&g);
}

/* assert_reference: the collar of 2 ticks is around ref_px. */
static void
assert_reference(struct ground *g, px_t ref_px)
{
    g->order.px = ref_px + 2 * GROUND_TICK;
    ground_taken(g);
    g->order.px += GROUND_TICK;
    ground_refused(g, OE_REJECT_REASON_PRICE_COLLAR_HIGH);
    ground_numbers(g, OE_RISK_LEVEL_INSTRUMENT, ref_px + 2 * GROUND_TICK, ref_px, g->order.px);
    g->order.px = ref_px - 2 * GROUND_TICK;
    ground_taken(g);
    g->order.px -= GROUND_TICK;
    ground_refused(g, OE_REJECT_REASON_PRICE_COLLAR_LOW);
    ground_numbers(g, OE_RISK_LEVEL_INSTRUMENT, ref_px - 2 * GROUND_TICK, ref_px, g->order.px);
}

/* set_references sets what the collar follows. */
static void
set_references(struct ground *g, uint8_t references, uint8_t unreferenced)
{
    const struct cell_order_rule_set rule = {.subject = GROUND_INSTRUMENT,
                                             .types = 0x3f,
                                             .tifs = 0x7f,
                                             .references = references,
                                             .unreferenced = unreferenced,
                                             .level = OE_RISK_LEVEL_INSTRUMENT};

    cr_assert_eq(risk_apply_order_rule(g->risk, &rule), 0);
}

Test(limit, collar_follows_its_references)
{
    const struct cell_mark_set mark = {
        .instrument = GROUND_INSTRUMENT, .px = 3000, .settlement = 1};
    uint32_t at = 0;
    struct ground g;

    ground_init(&g);
    g.limits.collar_ticks = 2;
    g.limits.reference_px = 4000;
    ground_instrument(&g);
    assert_reference(&g, 4000);
    g.order.last_px = 1000;
    g.order.mid_px = 2000;
    assert_reference(&g, 1000);
    set_references(&g, 15, 0);
    cr_assert(risk_wants_mid(g.risk, GROUND_INSTRUMENT));
    assert_reference(&g, 1000);
    g.order.last_px = 0;
    assert_reference(&g, 2000);
    g.order.mid_px = 0;
    assert_reference(&g, 4000);
    cr_assert_eq(risk_mark_begin(g.risk, &mark), 0);
    while (risk_mark_step(g.risk, &at, 1))
        cr_assert_leq(at, risk_positions_cnt(g.risk));
    assert_reference(&g, 3000);
    g.order.last_px = 1000;
    assert_reference(&g, 1000);
    set_references(&g, 12, 0);
    assert_reference(&g, 3000);
    set_references(&g, 8, 0);
    assert_reference(&g, 4000);
}

Test(limit, collar_without_reference_refuses)
{
    struct ground g;

    ground_init(&g);
    g.limits.collar_ticks = 2;
    ground_instrument(&g);
    ground_refused(&g, OE_REJECT_REASON_NO_REFERENCE_PRICE);
    set_references(&g, 9, 1);
    ground_taken(&g);
    g.order.market = true;
    ground_refused(&g, OE_REJECT_REASON_NO_REFERENCE_PRICE);
    g.order.last_px = 1000;
    ground_taken(&g);
    cr_assert_eq(g.ticket.px, 1010);
    g.order.market = false;
    g.order.px = 1015;
    ground_refused(&g, OE_REJECT_REASON_PRICE_COLLAR_HIGH);
}

Test(limit, order_rule_refuses_types_and_tifs)
{
    static const uint8_t types[] = {
        OE_ORD_TYPE_MARKET,     OE_ORD_TYPE_LIMIT,           OE_ORD_TYPE_STOP,
        OE_ORD_TYPE_STOP_LIMIT, OE_ORD_TYPE_MARKET_TO_LIMIT, OE_ORD_TYPE_PEGGED};
    static const uint8_t tifs[] = {OE_TIME_IN_FORCE_DAY,
                                   OE_TIME_IN_FORCE_GOOD_TILL_CANCEL,
                                   OE_TIME_IN_FORCE_AT_THE_OPENING,
                                   OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL,
                                   OE_TIME_IN_FORCE_FILL_OR_KILL,
                                   OE_TIME_IN_FORCE_GOOD_TILL_DATE,
                                   OE_TIME_IN_FORCE_AT_THE_CLOSE};

    for (unsigned level = 0; level < 2; level++) {
        struct cell_order_rule_set rule = {.subject = level == 0 ? 0 : GROUND_INSTRUMENT,
                                           .level = level == 0 ? OE_RISK_LEVEL_ACCOUNT
                                                               : OE_RISK_LEVEL_INSTRUMENT};
        struct ground g;

        ground_init(&g);
        for (unsigned i = 0; i < ARRAY_LEN(types); i++) {
            g.order.ord_type = types[i];
            rule.types = (uint8_t)(1u << i);
            rule.tifs = 0x7f;
            cr_assert_eq(risk_apply_order_rule(g.risk, &rule), 0);
            ground_taken(&g);
            rule.types = (uint8_t)(0x3fu & ~(1u << i));
            cr_assert_eq(risk_apply_order_rule(g.risk, &rule), 0);
            ground_refused(&g, OE_REJECT_REASON_ORDER_TYPE_NOT_ALLOWED);
        }
        rule.types = 0x3f;
        for (unsigned i = 0; i < ARRAY_LEN(tifs); i++) {
            g.order.tif = tifs[i];
            rule.tifs = (uint8_t)(1u << i);
            cr_assert_eq(risk_apply_order_rule(g.risk, &rule), 0);
            ground_taken(&g);
            rule.tifs = (uint8_t)(0x7fu & ~(1u << i));
            cr_assert_eq(risk_apply_order_rule(g.risk, &rule), 0);
            ground_refused(&g, OE_REJECT_REASON_TIME_IN_FORCE_NOT_ALLOWED);
        }
        rule.types = 0x40;
        cr_assert_eq(risk_apply_order_rule(g.risk, &rule), OE_REJECT_REASON_CONFIGURATION_RANGE);
        rule.types = 0x3f;
        rule.tifs = 0x80;
        cr_assert_eq(risk_apply_order_rule(g.risk, &rule), OE_REJECT_REASON_CONFIGURATION_RANGE);
    }
}

Test(limit, restricted_instrument_is_refused_at_each_level)
{
    struct ground g;

    ground_init(&g);
    for (unsigned i = 0; i < 2 * ARRAY_LEN(parties); i++) {
        const bool all = i >= ARRAY_LEN(parties);
        struct cell_restriction_set cell = {.subject = 0,
                                            .instrument = all ? CELL_ANY : GROUND_INSTRUMENT,
                                            .level = parties[i % ARRAY_LEN(parties)],
                                            .restricted = 1};

        g.order.account = 0;
        ground_taken(&g);
        cr_assert_eq(risk_apply_restriction(g.risk, &cell), 0);
        ground_refused(&g,
                       all ? OE_REJECT_REASON_BLACKLISTED : OE_REJECT_REASON_RESTRICTED_INSTRUMENT);
        g.order.account = 2;
        ground_taken(&g);
        cell.restricted = 0;
        cr_assert_eq(risk_apply_restriction(g.risk, &cell), 0);
        cell.restricted = 2;
        cr_assert_eq(risk_apply_restriction(g.risk, &cell), OE_REJECT_REASON_CONFIGURATION_RANGE);
    }
}

Test(limit, account_state_is_asked_first)
{
    struct ground g;

    ground_init(&g);
    ground_trade(&g, 0, false, 1000, 1);
    g.order.px = 1001;
    ground_account(&g, 0, CELL_ACCOUNT_STATE_SUSPENDED);
    ground_refused(&g, OE_REJECT_REASON_ACCOUNT_SUSPENDED);
    ground_account(&g, 0, CELL_ACCOUNT_STATE_BLOCKED);
    ground_refused(&g, OE_REJECT_REASON_ACCOUNT_BLOCKED);
    ground_account(&g, 0, CELL_ACCOUNT_STATE_CLOSE_ONLY);
    ground_refused(&g, OE_REJECT_REASON_ACCOUNT_CLOSE_ONLY);
    ground_account(&g, 0, CELL_ACCOUNT_STATE_ACTIVE);
    ground_refused(&g, OE_REJECT_REASON_INVALID_TICK);
    g.order.px = 1000;
    ground_taken(&g);
}

Test(limit, close_only_never_passes_zero)
{
    struct ground g;

    ground_init(&g);
    ground_trade(&g, 0, false, 1000, 10);
    ground_account(&g, 0, CELL_ACCOUNT_STATE_CLOSE_ONLY);
    ground_qty(&g, 1);
    ground_refused(&g, OE_REJECT_REASON_ACCOUNT_CLOSE_ONLY);
    g.order.sell = true;
    assert_qty_edge(&g, 10, OE_REJECT_REASON_ACCOUNT_CLOSE_ONLY);
    ground_qty(&g, 4);
    (void)ground_enter(&g);
    assert_qty_edge(&g, 6, OE_REJECT_REASON_ACCOUNT_CLOSE_ONLY);
}

Test(limit, limit_out_of_range_is_refused)
{
    static const struct cell_limit_set bad[] = {
        {.level = OE_RISK_LEVEL_GROUP, .limit = CELL_RISK_LIMIT_OPEN_ORDERS, .value = 1},
        {.level = OE_RISK_LEVEL_ACCOUNT, .limit = CELL_RISK_LIMIT_NONE, .value = 1},
        {.level = OE_RISK_LEVEL_ACCOUNT, .limit = 16, .value = 1},
        {.level = 7, .limit = CELL_RISK_LIMIT_ORDER_QTY, .value = 1},
        {.level = OE_RISK_LEVEL_ACCOUNT, .limit = CELL_RISK_LIMIT_ORDER_QTY, .value = -1},
        {.level = OE_RISK_LEVEL_ACCOUNT, .subject = 4, .limit = CELL_RISK_LIMIT_ORDER_QTY},
        {.level = OE_RISK_LEVEL_INSTRUMENT, .subject = 6, .limit = CELL_RISK_LIMIT_ORDER_QTY},
        {.level = OE_RISK_LEVEL_ACCOUNT, .limit = CELL_RISK_LIMIT_DUPLICATES, .window_ns = 1},
        {.level = OE_RISK_LEVEL_ACCOUNT,
         .limit = CELL_RISK_LIMIT_EXECUTIONS,
         .value = 65536,
         .window_ns = 1},
        {.level = OE_RISK_LEVEL_ACCOUNT, .limit = CELL_RISK_LIMIT_EXECUTIONS, .value = 1},
        {.level = OE_RISK_LEVEL_ACCOUNT,
         .limit = CELL_RISK_LIMIT_EXECUTIONS,
         .value = 1,
         .window_ns = RISK_WINDOW_NS_MAX + 1},
        {.level = OE_RISK_LEVEL_ACCOUNT,
         .limit = CELL_RISK_LIMIT_MESSAGE_RATE,
         .value = RISK_BURST_MAX + 1,
         .window_ns = 1},
        {.level = OE_RISK_LEVEL_ACCOUNT,
         .limit = CELL_RISK_LIMIT_CANCEL_RATE,
         .value = 1,
         .window_ns = RISK_INTERVAL_NS_MAX + 1},
        {.level = OE_RISK_LEVEL_ACCOUNT,
         .limit = CELL_RISK_LIMIT_OPEN_ORDERS,
         .value = 1,
         .window_ns = 1},
        {.level = OE_RISK_LEVEL_ACCOUNT,
         .limit = CELL_RISK_LIMIT_ORDER_QTY,
         .value = 1,
         .warn_permille = 1},
        {.level = OE_RISK_LEVEL_ACCOUNT,
         .limit = CELL_RISK_LIMIT_OPEN_ORDERS,
         .value = 1,
         .block_permille = 1000},
        {.level = OE_RISK_LEVEL_ACCOUNT,
         .limit = CELL_RISK_LIMIT_LONG,
         .value = (int64_t)POSITION_LIMIT_MAX + 1},
    };
    struct ground g;

    ground_init(&g);

    const struct hash128 before = ground_hash(&g);

    for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
        cr_assert_eq(risk_apply_limit(g.risk, NULL, &bad[i], &ground_author),
                     OE_REJECT_REASON_CONFIGURATION_RANGE, "row %u", i);
    cr_assert(hash128_equal(before, ground_hash(&g)));
}
