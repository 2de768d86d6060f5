/*
 * Goal: what only the engine can tell risk about an order (its session, the middle of
 * its book, whether it is a quote) is told right, on either road.
 * Method: checks that hang on it, one below, at and above their limit.
 */
#include "tests/engine/harness_risk.h"

static unsigned
buy(struct harness *h, uint64_t clord, px_t px)
{
    (void)harness_new(h, (struct harness_order){.clord = clord, .px = px, .qty = 1});
    return harness_outcome(h);
}

Test(risk_orders, open_orders_at_each_level)
{
    static const uint8_t levels[] = {OE_RISK_LEVEL_SESSION, OE_RISK_LEVEL_ACCOUNT};
    static const struct cell_order_extension nothing;

    for (unsigned i = 0; i < ARRAY_LEN(levels); i++) {
        struct harness h;

        harness_init(&h, NULL);
        cr_assert_eq(harness_limit(&h, (struct harness_limit){.level = levels[i],
                                                              .limit = CELL_RISK_LIMIT_OPEN_ORDERS,
                                                              .value = 2}),
                     0);
        cr_assert_eq(buy(&h, 1, 5), 0);
        (void)harness_new(
            &h, (struct harness_order){.clord = 2, .px = 5, .qty = 1, .extension = &nothing});
        cr_assert_eq(harness_outcome(&h), 0);
        cr_assert_eq(buy(&h, 3, 6), OE_REJECT_REASON_MAX_OPEN_ORDERS);
        cr_assert_eq(h.cells[1].risk_detail.level, levels[i]);
        cr_assert_eq(h.cells[1].risk_detail.limit, 2);
        cr_assert_eq(h.cells[1].risk_detail.used, 2);
        cr_assert_eq(h.cells[1].risk_detail.value, 1);
        (void)harness_new(
            &h, (struct harness_order){.clord = 3, .px = 6, .qty = 1, .extension = &nothing});
        cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_MAX_OPEN_ORDERS);
        cr_assert_eq(
            harness_replace(
                &h, (struct harness_replace){.orig_clord = 2, .clord = 4, .px = 7, .qty = 1}),
            0);
        cr_assert_eq(harness_cancel_clord(&h, 0, 1), 0);
        cr_assert_eq(buy(&h, 5, 6), 0);
        harness_fini(&h);
    }
}

static void
quote(struct harness *h, struct cell_quote_pair pair)
{
    union cell cells[2] = {{.mass_quote = {.kind = CELL_KIND_MASS_QUOTE,
                                           .shape = 2,
                                           .time = h->time_ns,
                                           .clord = 7,
                                           .entries_cnt = 1,
                                           .in_no = harness_in_no(h, 0)}},
                           {.quote_pair = pair}};

    cells[1].quote_pair.kind = CELL_KIND_QUOTE_PAIR;
    (void)harness_apply(h, cells);
}

/* The bid of an entry counts before it rests. */
Test(risk_orders, both_sides_of_a_quote_are_open_orders)
{
    static const uint8_t levels[] = {OE_RISK_LEVEL_SESSION, OE_RISK_LEVEL_ACCOUNT};

    for (unsigned i = 0; i < ARRAY_LEN(levels); i++) {
        struct harness h;

        harness_init(&h, NULL);
        cr_assert_eq(harness_limit(&h, (struct harness_limit){.level = levels[i],
                                                              .limit = CELL_RISK_LIMIT_OPEN_ORDERS,
                                                              .value = 1}),
                     0);
        quote(&h,
              (struct cell_quote_pair){.bid_px1 = 5, .bid_qty1 = 1, .ask_px1 = 6, .ask_qty1 = 1});
        cr_assert_eq(h.cells[2].quote_entry.bid_outcome, 0);
        cr_assert_eq(h.cells[2].quote_entry.ask_outcome, OE_REJECT_REASON_MAX_OPEN_ORDERS);
        harness_fini(&h);
    }
}

Test(risk_orders, equal_orders_are_refused_after_n)
{
    const struct cell_quote_pair pair = {.bid_px1 = 5, .bid_qty1 = 1};
    struct harness h;

    harness_init(&h, NULL);
    h.time_ns = UINT64_C(1) << 40;
    cr_assert_eq(harness_limit(&h, (struct harness_limit){.limit = CELL_RISK_LIMIT_DUPLICATES,
                                                          .value = 2,
                                                          .window_ns = 1000000000}),
                 0);
    cr_assert_eq(buy(&h, 1, 5), 0);
    cr_assert_eq(buy(&h, 2, 5), 0);
    cr_assert_eq(buy(&h, 3, 5), OE_REJECT_REASON_DUPLICATIVE_ORDER);
    cr_assert_eq(h.cells[1].risk_detail.limit, 2);
    cr_assert_eq(h.cells[1].risk_detail.used, 2);
    cr_assert_eq(h.cells[1].risk_detail.value, 1);
    /* Another order begins anew; replaces and quotes are not counted. */
    cr_assert_eq(buy(&h, 4, 6), 0);
    cr_assert_eq(buy(&h, 5, 5), 0);
    cr_assert_eq(harness_replace(
                     &h, (struct harness_replace){.orig_clord = 5, .clord = 6, .px = 7, .qty = 1}),
                 0);
    quote(&h, pair);
    cr_assert_eq(h.cells[2].quote_entry.bid_outcome, 0);
    cr_assert_eq(buy(&h, 7, 5), 0);
    cr_assert_eq(buy(&h, 8, 5), OE_REJECT_REASON_DUPLICATIVE_ORDER);
    h.time_ns += 1100000000;
    cr_assert_eq(buy(&h, 8, 5), 0);
    harness_fini(&h);
}

/* rule makes the collar of instrument 0 ten ticks around some references. */
static void
collar(struct harness *h, uint8_t references, px_t reference_px)
{
    struct cell_instrument_limits limits = harness_no_instrument_limits();

    limits.collar_ticks = 10;
    limits.reference_px = reference_px;
    cr_assert_eq(harness_instrument_set(h, 0, 1, 1, CELL_INSTRUMENT_STATE_OPEN, limits), 0);
    cr_assert_eq(harness_rule(h, (struct cell_order_rule_set){.types = 0x3f,
                                                              .tifs = 0x7f,
                                                              .references = references,
                                                              .level = OE_RISK_LEVEL_INSTRUMENT}),
                 0);
}

Test(risk_orders, collar_follows_its_references)
{
    static const struct cell_order_extension nothing;
    struct harness h;

    harness_init(&h, NULL);
    collar(&h, 2 | 4 | 8, 100);
    cr_assert_eq(buy(&h, 1, 111), OE_REJECT_REASON_PRICE_COLLAR_HIGH);
    cr_assert_eq(h.cells[1].risk_detail.used, 100);
    cr_assert_eq(buy(&h, 1, 110), 0);
    /* The settlement price comes before the configured one. */
    cr_assert_eq(harness_mark(&h, 0, 120, true), 0);
    cr_assert_eq(buy(&h, 2, 131), OE_REJECT_REASON_PRICE_COLLAR_HIGH);
    cr_assert_eq(h.cells[1].risk_detail.used, 120);
    /* The middle of 110 and 125 is 117.5, rounded down; ten around that. */
    (void)harness_new(
        &h, (struct harness_order){.clord = 3, .px = 125, .qty = 1, .session = 2, .sell = true});
    cr_assert_eq(harness_outcome(&h), 0);
    cr_assert_eq(buy(&h, 4, 106), OE_REJECT_REASON_PRICE_COLLAR_LOW);
    cr_assert_eq(h.cells[1].risk_detail.used, 117);
    cr_assert_eq(buy(&h, 4, 107), 0);
    (void)harness_new(
        &h, (struct harness_order){.clord = 5, .px = 106, .qty = 1, .extension = &nothing});
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_PRICE_COLLAR_LOW);
    /* A hidden order is not looked at. */
    (void)harness_new(&h, (struct harness_order){.clord = 6,
                                                 .px = 115,
                                                 .qty = 1,
                                                 .session = 2,
                                                 .sell = true,
                                                 .exec_inst = OE_EXEC_INST_HIDDEN});
    cr_assert_eq(buy(&h, 7, 106), OE_REJECT_REASON_PRICE_COLLAR_LOW);
    cr_assert_eq(h.cells[1].risk_detail.used, 117);
    harness_fini(&h);
}

Test(risk_orders, covered_account_sells_what_it_has)
{
    struct harness h;

    harness_init(&h, NULL);
    cr_assert_eq(harness_units(&h, 0, 0, CELL_MOVE_MODE_SET, 10), 0);
    cr_assert_eq(harness_rule(&h, (struct cell_order_rule_set){.types = 0x3f,
                                                               .tifs = 0x7f,
                                                               .covered = 1,
                                                               .level = OE_RISK_LEVEL_ACCOUNT}),
                 0);
    (void)harness_new(&h, (struct harness_order){.clord = 1, .px = 5, .qty = 4, .sell = true});
    cr_assert_eq(harness_outcome(&h), 0);
    (void)harness_new(&h, (struct harness_order){.clord = 2, .px = 5, .qty = 7, .sell = true});
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_INSUFFICIENT_HOLDINGS);
    cr_assert_eq(h.cells[1].risk_detail.limit, 10);
    cr_assert_eq(h.cells[1].risk_detail.used, 4);
    cr_assert_eq(h.cells[1].risk_detail.value, 7);
    (void)harness_new(&h, (struct harness_order){.clord = 2, .px = 5, .qty = 6, .sell = true});
    cr_assert_eq(harness_outcome(&h), 0);
    cr_assert_eq(harness_units(&h, 0, 0, CELL_MOVE_MODE_ADD, -1),
                 OE_REJECT_REASON_CONFIGURATION_CONFLICT);
    harness_fini(&h);
}

Test(risk_orders, restricted_instrument_is_refused_at_each_level)
{
    static const uint8_t levels[] = {OE_RISK_LEVEL_ACCOUNT, OE_RISK_LEVEL_GROUP,
                                     OE_RISK_LEVEL_FIRM};

    for (unsigned i = 0; i < ARRAY_LEN(levels); i++) {
        struct harness h;

        harness_init(&h, NULL);
        cr_assert_eq(buy(&h, 1, 5), 0);
        cr_assert_eq(harness_restrict(&h, levels[i], 0, 0, true), 0);
        cr_assert_eq(buy(&h, 2, 5), OE_REJECT_REASON_RESTRICTED_INSTRUMENT);
        cr_assert_eq(
            harness_replace(
                &h, (struct harness_replace){.orig_clord = 1, .clord = 3, .px = 6, .qty = 1}),
            OE_REJECT_REASON_RESTRICTED_INSTRUMENT);
        cr_assert_eq(harness_restrict(&h, levels[i], 0, 0, false), 0);
        cr_assert_eq(harness_restrict(&h, levels[i], 0, CELL_ANY, true), 0);
        cr_assert_eq(buy(&h, 2, 5), OE_REJECT_REASON_BLACKLISTED);
        cr_assert_eq(harness_cancel_clord(&h, 0, 1), 0);
        harness_fini(&h);
    }
}

Test(risk_orders, order_rule_refuses_types_and_tifs)
{
    static const uint8_t levels[] = {OE_RISK_LEVEL_ACCOUNT, OE_RISK_LEVEL_INSTRUMENT};

    for (unsigned i = 0; i < ARRAY_LEN(levels); i++) {
        struct harness h;
        struct cell_order_rule_set rule = {.types = 0x3f & ~2u,
                                           .tifs = 0x7f,
                                           .references =
                                               levels[i] == OE_RISK_LEVEL_INSTRUMENT ? 9 : 0,
                                           .level = levels[i]};

        harness_init(&h, NULL);
        cr_assert_eq(harness_rule(&h, rule), 0);
        cr_assert_eq(buy(&h, 1, 5), OE_REJECT_REASON_ORDER_TYPE_NOT_ALLOWED);
        rule.types = 2;
        rule.tifs = 0x7f & ~1u;
        cr_assert_eq(harness_rule(&h, rule), 0);
        cr_assert_eq(buy(&h, 1, 5), OE_REJECT_REASON_TIME_IN_FORCE_NOT_ALLOWED);
        (void)harness_new(
            &h, (struct harness_order){
                    .clord = 1, .px = 5, .qty = 1, .tif = OE_TIME_IN_FORCE_GOOD_TILL_CANCEL});
        cr_assert_eq(harness_outcome(&h), 0);
        rule.types = 0x40;
        cr_assert_eq(harness_rule(&h, rule), OE_REJECT_REASON_CONFIGURATION_RANGE);
        harness_fini(&h);
    }
}
