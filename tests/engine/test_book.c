/*
 * Goal: price-time matching, order types and cancels through engine_apply.
 * Method: short command sequences on the default parties; the harness asserts
 * form, invariants and replay after each.
 */
#include "tests/engine/harness.h"

static void
assert_trade(const struct harness *h, unsigned nth, px_t px, qty_t qty, uint64_t maker_id)
{
    const union cell *cell = harness_message(h, CELL_KIND_TRADE, nth);

    cr_assert_not_null(cell);
    cr_assert_eq(cell[0].trade.px, px);
    cr_assert_eq(cell[0].trade.qty, qty);
    cr_assert_eq(cell[1].trade_maker.order_id, maker_id);
    cr_assert_eq(cell[1].trade_maker.match_id,
                 cell_exec_id(h->cfg.shard, engine_seq(h->engine), 1 + 2 * nth));
}

Test(book, best_price_trades_first_and_then_the_oldest)
{
    struct harness h;

    harness_init(&h, NULL);
    const uint64_t worse =
        harness_new(&h, (struct harness_order){.clord = 1, .px = 101, .qty = 5, .sell = true});
    const uint64_t older =
        harness_new(&h, (struct harness_order){.clord = 2, .px = 100, .qty = 5, .sell = true});
    const uint64_t newer =
        harness_new(&h, (struct harness_order){.clord = 3, .px = 100, .qty = 5, .sell = true});

    harness_new(&h, (struct harness_order){.clord = 1, .px = 101, .qty = 12, .session = 2});
    cr_assert_eq(harness_message_cnt(&h, CELL_KIND_TRADE), 3);
    assert_trade(&h, 0, 100, 5, older);
    assert_trade(&h, 1, 100, 5, newer);
    assert_trade(&h, 2, 101, 2, worse);

    const union cell *last = harness_message(&h, CELL_KIND_TRADE, 2);

    cr_assert_eq(last[0].trade.leaves_qty, 0);
    cr_assert_eq(last[0].trade.account, 2);
    cr_assert_eq(last[1].trade_maker.taker_cum_qty, 12);
    cr_assert_eq(last[1].trade_maker.cum_qty, 2);
    cr_assert_eq(last[1].trade_maker.leaves_qty, 3);
    cr_assert_eq(engine_last_px(h.engine, 0), 101);
    cr_assert_eq(engine_orders_cnt(h.engine), 1);
    harness_fini(&h);
}

Test(book, limit_that_does_not_cross_rests)
{
    struct harness h;
    struct engine_level level;

    harness_init(&h, NULL);
    harness_new(&h, (struct harness_order){.clord = 1, .px = 101, .qty = 5, .sell = true});
    const uint64_t id = harness_new(&h, (struct harness_order){.clord = 2, .px = 100, .qty = 7});

    cr_assert_eq(harness_message_cnt(&h, CELL_KIND_TRADE), 0);
    cr_assert_eq(engine_depth(h.engine, 0, false, &level, 1), 1);
    cr_assert_eq(level.px, 100);
    cr_assert_eq(level.qty, 7);
    cr_assert_eq(level.orders_cnt, 1);

    struct engine_order order;

    cr_assert(engine_order_get(h.engine, id, &order));
    cr_assert_eq(order.clord, 2);
    cr_assert_eq(order.leaves_qty, 7);
    harness_fini(&h);
}

Test(book, rest_of_an_ioc_is_canceled)
{
    struct harness h;

    harness_init(&h, NULL);
    harness_new(&h, (struct harness_order){.clord = 1, .px = 100, .qty = 5, .sell = true});
    harness_new(&h,
                (struct harness_order){
                    .clord = 2, .px = 100, .qty = 8, .tif = OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL});
    cr_assert_eq(harness_message_cnt(&h, CELL_KIND_TRADE), 1);

    const union cell *cell = harness_message(&h, CELL_KIND_ORDER_CANCELED, 0);

    cr_assert_eq(cell->order_canceled.reason, OE_CANCEL_REASON_IMMEDIATE_OR_CANCEL);
    cr_assert_eq(cell->order_canceled.removed_qty, 3);
    cr_assert_eq(cell->order_canceled.cum_qty, 5);
    cr_assert_eq(cell->order_canceled.index, 3);
    cr_assert_eq(engine_orders_cnt(h.engine), 0);
    harness_fini(&h);
}

Test(book, fok_fills_in_full_or_not_at_all)
{
    struct harness h;
    const struct harness_order fok = {
        .clord = 9, .px = 101, .qty = 8, .tif = OE_TIME_IN_FORCE_FILL_OR_KILL};

    harness_init(&h, NULL);
    harness_new(&h, (struct harness_order){.clord = 1, .px = 100, .qty = 5, .sell = true});
    harness_new(&h, (struct harness_order){.clord = 2, .px = 101, .qty = 2, .sell = true});
    harness_new(&h, (struct harness_order){.clord = 3, .px = 102, .qty = 9, .sell = true});
    harness_new(&h, fok);
    cr_assert_eq(harness_outcome(&h), 0);
    cr_assert_eq(harness_message_cnt(&h, CELL_KIND_TRADE), 0);
    cr_assert_eq(harness_message(&h, CELL_KIND_ORDER_CANCELED, 0)->order_canceled.reason,
                 OE_CANCEL_REASON_FILL_OR_KILL);
    cr_assert_eq(harness_message(&h, CELL_KIND_ORDER_CANCELED, 0)->order_canceled.removed_qty, 8);

    harness_new(&h, (struct harness_order){.clord = 4, .px = 101, .qty = 1, .sell = true});
    harness_new(&h, fok);
    cr_assert_eq(harness_message_cnt(&h, CELL_KIND_TRADE), 3);
    cr_assert_null(harness_message(&h, CELL_KIND_ORDER_CANCELED, 0));
    harness_fini(&h);
}

Test(book, post_only_rests_or_is_refused)
{
    struct harness h;
    struct harness_order order = {
        .clord = 2, .px = 100, .qty = 8, .exec_inst = OE_EXEC_INST_POST_ONLY};

    harness_init(&h, NULL);
    harness_new(&h, (struct harness_order){.clord = 1, .px = 100, .qty = 5, .sell = true});
    cr_assert_eq(harness_new(&h, order), 0);
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_WOULD_TRADE);
    order.px = 99;
    cr_assert_neq(harness_new(&h, order), 0);
    harness_fini(&h);
}

Test(book, market_order_trades_to_its_collar_and_never_rests)
{
    struct harness h;
    struct cell_instrument_limits limits = harness_no_instrument_limits();
    const struct harness_order market = {.clord = 9, .qty = 20, .ord_type = OE_ORD_TYPE_MARKET};

    harness_init(&h, NULL);
    harness_new(&h, market);
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_NO_REFERENCE_PRICE);
    limits.collar_ticks = 10;
    limits.reference_px = 100;
    harness_instrument_set(&h, 0, 1, 1, CELL_INSTRUMENT_STATE_OPEN, limits);
    harness_new(&h, (struct harness_order){.clord = 1, .px = 110, .qty = 5, .sell = true});
    harness_new(&h, (struct harness_order){.clord = 2, .px = 104, .qty = 5, .sell = true});
    limits.reference_px = 99;
    harness_instrument_set(&h, 0, 1, 1, CELL_INSTRUMENT_STATE_OPEN, limits);
    harness_new(&h, market);
    cr_assert_eq(harness_message_cnt(&h, CELL_KIND_TRADE), 1);
    cr_assert_eq(harness_message(&h, CELL_KIND_ORDER_CANCELED, 0)->order_canceled.removed_qty, 15);
    cr_assert_eq(engine_orders_cnt(h.engine), 1);
    harness_fini(&h);
}

/* The table of docs/matching.md, at its edges; the model knows all of it. */
Test(book, attributes_that_do_not_go_together_are_refused)
{
    static const struct cell_order_extension codes = {.client_code = 7, .text = "abc"};
    static const struct cell_order_extension stop = {.stop_px = 5};
    static const struct cell_order_extension display = {.display_qty = 1};
    static const struct cell_order_extension min = {.min_qty = 1};
    static const struct cell_order_extension expire = {.expire_time = UINT64_MAX};
    static const struct {
        uint8_t ord_type;
        uint8_t tif;
        uint8_t exec_inst;
        uint8_t stp;
        const struct cell_order_extension *ext;
        enum oe_reject_reason reason;
    } cases[] = {
        {'2', '6', 0, 0, NULL, OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED},
        {'2', '6', 0, 0, &expire, OE_REJECT_REASON_NONE},
        {'2', '0', 0, 0, &expire, OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED},
        {'1', '6', 0, 0, &expire, OE_REJECT_REASON_TIME_IN_FORCE_NOT_ALLOWED},
        {'K', '4', 0, 0, NULL, OE_REJECT_REASON_TIME_IN_FORCE_NOT_ALLOWED},
        {'P', '3', 0, 0, NULL, OE_REJECT_REASON_TIME_IN_FORCE_NOT_ALLOWED},
        {'4', '3', 0, 0, &stop, OE_REJECT_REASON_TIME_IN_FORCE_NOT_ALLOWED},
        {'4', '0', 0, 0, &stop, OE_REJECT_REASON_NONE},
        {'4', '0', 0, 0, NULL, OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED},
        {'2', '0', 0, 0, &stop, OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED},
        {'2', '3', OE_EXEC_INST_POST_ONLY, 0, NULL, OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED},
        {'2', '0', OE_EXEC_INST_POST_ONLY, 0, NULL, OE_REJECT_REASON_NONE},
        {'2', '0', OE_EXEC_INST_POST_ONLY_REPRICE, 0, NULL, OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED},
        {'2', '3', OE_EXEC_INST_HIDDEN, 0, NULL, OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED},
        {'2', '0', OE_EXEC_INST_HIDDEN, 0, NULL, OE_REJECT_REASON_NONE},
        {'2', '0', OE_EXEC_INST_HIDDEN, 0, &display, OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED},
        {'2', '0', 0, 0, &display, OE_REJECT_REASON_NONE},
        {'2', '3', 0, 0, &display, OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED},
        {'2', '3', 0, 0, &min, OE_REJECT_REASON_NONE},
        {'2', '4', 0, 0, &min, OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED},
        {'2', '0', OE_EXEC_INST_PEG_MID, 0, NULL, OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED},
        {'P', '0', OE_EXEC_INST_PEG_MID | OE_EXEC_INST_PEG_OPPOSITE, 0, NULL,
         OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED},
        {'P', '0', OE_EXEC_INST_PEG_MID, 0, NULL, OE_REJECT_REASON_NONE},
        {'2', '2', 0, 0, NULL, OE_REJECT_REASON_NONE},
        {'4', '7', 0, 0, &stop, OE_REJECT_REASON_TIME_IN_FORCE_NOT_ALLOWED},
        {'2', '0', 0, 4, NULL, OE_REJECT_REASON_NONE},
        {'2', '0', 0, 5, NULL, OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED},
        {'2', '0', 0, 0, &codes, OE_REJECT_REASON_NONE},
    };
    struct harness h;

    harness_init(&h, NULL);
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        harness_new(&h, (struct harness_order){.clord = i + 1,
                                               .px = 100,
                                               .qty = 1,
                                               .ord_type = cases[i].ord_type,
                                               .tif = cases[i].tif,
                                               .exec_inst = cases[i].exec_inst,
                                               .stp_capacity = cell_stp_capacity(cases[i].stp, 'P'),
                                               .extension = cases[i].ext});
        cr_assert_eq(harness_outcome(&h), cases[i].reason, "case %u: %u instead of %u", i,
                     harness_outcome(&h), (unsigned)cases[i].reason);
    }
    cr_assert_eq(h.cells_cnt, 2);
    cr_assert_eq(h.cells[1].order_extension.client_code, 7);
    harness_fini(&h);
}

Test(book, clord_is_unique_among_live_orders_of_a_session)
{
    struct harness h;

    harness_init(&h, NULL);
    const uint64_t id = harness_new(&h, (struct harness_order){.clord = 1, .px = 10, .qty = 1});

    harness_new(&h, (struct harness_order){.clord = 1, .px = 10, .qty = 1});
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_DUPLICATE_CL_ORD_ID);
    cr_assert_neq(
        harness_new(&h, (struct harness_order){.clord = 1, .px = 10, .qty = 1, .session = 1}), 0);
    cr_assert_eq(harness_cancel(&h, 0, id), 0);
    cr_assert_neq(harness_new(&h, (struct harness_order){.clord = 1, .px = 10, .qty = 1}), 0);
    harness_fini(&h);
}

Test(book, cancel_tells_what_it_removed)
{
    struct harness h;

    harness_init(&h, NULL);
    const uint64_t id =
        harness_new(&h, (struct harness_order){.clord = 5, .px = 10, .qty = 9, .sell = true});

    harness_new(&h, (struct harness_order){.clord = 6, .px = 10, .qty = 4, .session = 2});
    cr_assert_eq(harness_cancel_clord(&h, 0, 5), 0);

    const struct cell_order_cancel *cell = &h.cells[0].order_cancel;

    cr_assert_eq(cell->order_id, id);
    cr_assert_eq(cell->removed_qty, 5);
    cr_assert_eq(cell->cum_qty, 4);
    cr_assert_eq(cell->account, 0);
    cr_assert(cell_is_sell(&h.cells[0]));
    cr_assert_eq(engine_orders_cnt(h.engine), 0);
    harness_fini(&h);
}

Test(book, cancel_of_what_is_not_the_sessions_is_refused)
{
    struct harness h;

    harness_init(&h, NULL);
    const uint64_t id = harness_new(&h, (struct harness_order){.clord = 5, .px = 10, .qty = 9});

    cr_assert_eq(harness_cancel(&h, 1, id), OE_REJECT_REASON_UNKNOWN_ORDER);
    cr_assert_eq(harness_cancel_named(&h, 0, 1, id, 0, true), OE_REJECT_REASON_UNKNOWN_ORDER);
    cr_assert_eq(harness_cancel(&h, 0, id + (UINT64_C(1) << 24)), OE_REJECT_REASON_UNKNOWN_ORDER);
    cr_assert_eq(harness_cancel(&h, 0, id + 1), OE_REJECT_REASON_UNKNOWN_ORDER);
    cr_assert_eq(harness_cancel_clord(&h, 0, 6), OE_REJECT_REASON_UNKNOWN_ORDER);
    cr_assert_eq(harness_cancel(&h, 0, id), 0);
    cr_assert_eq(harness_cancel(&h, 0, id), OE_REJECT_REASON_UNKNOWN_ORDER);
    harness_fini(&h);
}

Test(book, halted_instrument_takes_cancels_alone)
{
    struct harness h;

    harness_init(&h, NULL);
    const uint64_t id = harness_new(&h, (struct harness_order){.clord = 5, .px = 10, .qty = 9});

    harness_instrument_set(&h, 0, 1, 1, CELL_INSTRUMENT_STATE_HALTED,
                           harness_no_instrument_limits());
    harness_account_set(&h, 0, 0, CELL_ACCOUNT_STATE_BLOCKED, harness_no_account_limits());
    harness_new(&h, (struct harness_order){.clord = 6, .px = 10, .qty = 9});
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_INSTRUMENT_HALTED);
    cr_assert_eq(harness_replace(
                     &h, (struct harness_replace){.order_id = id, .clord = 7, .px = 10, .qty = 8}),
                 OE_REJECT_REASON_INSTRUMENT_HALTED);
    cr_assert_eq(harness_cancel(&h, 0, id), 0);
    harness_fini(&h);
}

Test(book, sweep_over_five_thousand_orders_runs_in_slices)
{
    enum {
        ORDERS = 5000
    };
    struct engine_cfg cfg = harness_default_cfg();
    struct harness h;

    cfg.orders_max = ORDERS + 1;
    harness_init(&h, &cfg);
    harness_quiet(&h);
    for (unsigned i = 0; i < ORDERS; i++)
        harness_new(&h, (struct harness_order){
                            .clord = i, .px = 1000 + i % 700, .qty = 1 + i % 3, .sell = true});
    engine_check(h.engine);
    harness_new(&h, (struct harness_order){.clord = 1, .px = 1699, .qty = 20000, .session = 2});
    cr_assert_eq(h.slices_cnt, (ORDERS + SLICE_CELLS / 2 - 1) / (SLICE_CELLS / 2));
    cr_assert_eq(h.cells_cnt, 1 + 2 * ORDERS);

    px_t px = 0;

    for (uint64_t at = 1; at < h.cells_cnt; at += 2) {
        cr_assert_geq(h.cells[at].trade.px, px);
        px = h.cells[at].trade.px;
    }
    cr_assert_eq(engine_orders_cnt(h.engine), 1);
    engine_check(h.engine);
    harness_fini(&h);
}

Test(book, full_order_pool_refuses_and_goes_on_after_a_cancel)
{
    struct engine_cfg cfg = harness_default_cfg();
    struct harness h;

    cfg.orders_max = 3;
    harness_init(&h, &cfg);
    uint64_t id = 0;

    for (unsigned i = 0; i < 3; i++)
        id = harness_new(&h, (struct harness_order){.clord = i, .px = 10, .qty = 1});
    harness_new(&h, (struct harness_order){.clord = 9, .px = 10, .qty = 1, .sell = true});
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_ORDER_POOL_FULL);
    cr_assert_eq(harness_cancel(&h, 0, id), 0);
    cr_assert_neq(harness_new(&h, (struct harness_order){.clord = 9, .px = 10, .qty = 1}), 0);
    harness_fini(&h);
}

Test(book, full_level_pool_refuses_only_orders_that_want_a_page)
{
    struct engine_cfg cfg = harness_default_cfg();
    struct harness h;

    cfg.pages_max = 2;
    harness_init(&h, &cfg);
    cr_assert_neq(harness_new(&h, (struct harness_order){.clord = 1, .px = 64, .qty = 1}), 0);
    cr_assert_neq(
        harness_new(&h, (struct harness_order){.clord = 2, .px = 200, .qty = 1, .sell = true}), 0);
    harness_new(&h, (struct harness_order){.clord = 3, .px = 256, .qty = 1, .sell = true});
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_LEVEL_POOL_FULL);

    struct risk_position position;

    cr_assert(risk_position_get(engine_risk(h.engine), 0, 0, &position));
    cr_assert_eq(position.open_sell_qty, 1);
    cr_assert_neq(
        harness_new(&h, (struct harness_order){.clord = 3, .px = 255, .qty = 1, .sell = true}), 0);
    harness_new(&h, (struct harness_order){.clord = 4,
                                           .px = 1,
                                           .qty = 1,
                                           .sell = true,
                                           .tif = OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL});
    cr_assert_eq(harness_message_cnt(&h, CELL_KIND_TRADE), 1);
    harness_fini(&h);
}
