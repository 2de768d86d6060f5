/*
 * Goal: a stage begins with the first commit that reaches it, is told behind all that
 * the command does, and does what it says.
 * Method: an OpenNotional or DailyLoss limit with stages at known uses; orders that
 * come to them exactly, one below and one above.
 */
#include "tests/engine/harness_risk.h"

/* A limit of 1000 on open value, warned from 400 on, and so forth. */
static const struct harness_limit staged = {.limit = CELL_RISK_LIMIT_OPEN_NOTIONAL,
                                            .value = 1000,
                                            .warn = 400,
                                            .close = 600,
                                            .block = 800};

static uint64_t
buy(struct harness *h, uint64_t clord, qty_t qty)
{
    return harness_new(h, (struct harness_order){.clord = clord, .px = 10, .qty = qty});
}

Test(risk_stages, stage_begins_at_its_permille)
{
    struct harness h;

    harness_init(&h, NULL);
    cr_assert_eq(harness_limit(&h, staged), 0);
    (void)buy(&h, 1, 39);
    cr_assert_eq(h.cells_cnt, 1);
    (void)buy(&h, 2, 1);
    cr_assert_eq(h.cells_cnt, 2);

    const struct cell_risk_warning *warning =
        &harness_message(&h, CELL_KIND_RISK_WARNING, 0)->risk_warning;

    cr_assert_eq(warning->level, OE_RISK_LEVEL_ACCOUNT);
    cr_assert_eq(warning->subject, 0);
    cr_assert_eq(warning->limit, CELL_RISK_LIMIT_OPEN_NOTIONAL);
    cr_assert_eq(warning->stage, CELL_RISK_STAGE_WARNED);
    cr_assert_eq(warning->permille, 400);
    cr_assert_eq(warning->value, 1000);
    cr_assert_eq(warning->used, 400);
    cr_assert_eq(warning->index, 1);
    /* Once. */
    (void)buy(&h, 3, 1);
    cr_assert_eq(h.cells_cnt, 1);
    harness_fini(&h);
}

Test(risk_stages, several_at_once_tell_the_worst)
{
    struct harness h;

    harness_init(&h, NULL);
    cr_assert_eq(harness_limit(&h, staged), 0);
    (void)buy(&h, 1, 60);
    cr_assert_eq(h.cells_cnt, 2);
    cr_assert_eq(h.cells[1].risk_action.kind, CELL_KIND_RISK_ACTION);
    cr_assert_eq(h.cells[1].risk_action.stage, CELL_RISK_STAGE_CLOSE_ONLY);
    (void)buy(&h, 2, 1);
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_ACCOUNT_CLOSE_ONLY);
    harness_fini(&h);
}

Test(risk_stages, blocked_cancels_everything_behind_the_command)
{
    struct harness h;
    const union cell *action;

    harness_init(&h, NULL);
    for (uint64_t clord = 1; clord <= 300; clord++)
        (void)harness_new(&h, (struct harness_order){.clord = clord, .px = 1, .qty = 1});
    cr_assert_eq(harness_limit(&h, (struct harness_limit){.limit = CELL_RISK_LIMIT_OPEN_NOTIONAL,
                                                          .value = 1000,
                                                          .block = 800}),
                 0);
    (void)buy(&h, 500, 50);
    cr_assert_eq(harness_outcome(&h), 0);
    cr_assert_neq(h.cells[0].order_new.order_id, 0);
    cr_assert_eq(harness_message_cnt(&h, CELL_KIND_ORDER_CANCELED), 301);
    cr_assert_gt(h.slices_cnt, 2);
    action = harness_message(&h, CELL_KIND_RISK_ACTION, 0);
    cr_assert_eq(action->risk_action.stage, CELL_RISK_STAGE_BLOCKED);
    cr_assert_eq(action->risk_action.count, 301);
    cr_assert_eq(action->risk_action.used, 800);
    cr_assert_eq(action->risk_action.index, 302);
    (void)buy(&h, 501, 1);
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_ACCOUNT_BLOCKED);
    cr_assert_eq(harness_enable(&h, OE_RISK_LEVEL_ACCOUNT, 0), 0);
    (void)buy(&h, 502, 1);
    cr_assert_eq(harness_outcome(&h), 0);
    harness_fini(&h);
}

/* The same by every way into a book: an order that the short road does not take, a
 * replace that moves and one that grows, an IOC that trades, a quote. */
Test(risk_stages, every_road_tells_what_it_began)
{
    static const struct cell_order_extension nothing;
    const struct harness_limit limit = {
        .limit = CELL_RISK_LIMIT_OPEN_NOTIONAL, .value = 1000, .warn = 500};
    struct harness h;

    harness_init(&h, NULL);
    cr_assert_eq(harness_limit(&h, limit), 0);
    (void)harness_new(
        &h, (struct harness_order){.clord = 1, .px = 10, .qty = 50, .extension = &nothing});
    cr_assert_eq(harness_message_cnt(&h, CELL_KIND_RISK_WARNING), 1);

    cr_assert_eq(
        harness_replace(&h,
                        (struct harness_replace){.orig_clord = 1, .clord = 2, .px = 10, .qty = 10}),
        0);
    cr_assert_eq(harness_limit(&h, limit), 0);
    cr_assert_eq(
        harness_replace(&h,
                        (struct harness_replace){.orig_clord = 2, .clord = 3, .px = 11, .qty = 46}),
        0);
    cr_assert_eq(harness_message_cnt(&h, CELL_KIND_RISK_WARNING), 1);
    cr_assert_eq(harness_message(&h, CELL_KIND_RISK_WARNING, 0)->risk_warning.used, 506);

    cr_assert_eq(harness_cancel_clord(&h, 0, 3), 0);
    cr_assert_eq(harness_limit(&h, limit), 0);
    (void)harness_new(
        &h, (struct harness_order){.clord = 4, .px = 10, .qty = 5, .session = 2, .sell = true});
    (void)harness_new(
        &h, (struct harness_order){
                .clord = 5, .px = 10, .qty = 60, .tif = OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL});
    cr_assert_eq(harness_message_cnt(&h, CELL_KIND_TRADE), 1);
    cr_assert_eq(harness_message_cnt(&h, CELL_KIND_RISK_WARNING), 1);
    cr_assert(cell_is_last(harness_message(&h, CELL_KIND_RISK_WARNING, 0)));
    cr_assert_eq(harness_message(&h, CELL_KIND_RISK_WARNING, 0)->risk_warning.index, 4);
    harness_fini(&h);
}

Test(risk_stages, loss_begins_a_stage_by_a_fill_and_by_a_mark)
{
    struct harness h;

    harness_init(&h, NULL);
    cr_assert_eq(harness_mark(&h, 0, 100, false), 0);
    cr_assert_eq(harness_limit(&h, (struct harness_limit){.limit = CELL_RISK_LIMIT_DAILY_LOSS,
                                                          .value = 1000,
                                                          .warn = 100,
                                                          .block = 900}),
                 0);
    /* Ten bought 10 above the mark are a loss of 100. */
    (void)harness_new(
        &h, (struct harness_order){.clord = 1, .px = 110, .qty = 10, .session = 2, .sell = true});
    (void)harness_new(&h, (struct harness_order){.clord = 1, .px = 110, .qty = 10});
    cr_assert_eq(harness_message_cnt(&h, CELL_KIND_RISK_WARNING), 1);
    cr_assert_eq(harness_message(&h, CELL_KIND_RISK_WARNING, 0)->risk_warning.used, 100);
    (void)harness_new(&h, (struct harness_order){.clord = 2, .px = 1, .qty = 1});
    cr_assert_eq(harness_mark(&h, 0, 21, false), 0);
    cr_assert_eq(h.cells_cnt, 2);
    /* 80 less for each of ten: 900. */
    cr_assert_eq(harness_mark(&h, 0, 20, false), 0);
    cr_assert_eq(harness_message_cnt(&h, CELL_KIND_ORDER_CANCELED), 1);
    cr_assert_eq(harness_message(&h, CELL_KIND_RISK_ACTION, 0)->risk_action.used, 900);
    harness_fini(&h);
}

Test(risk_stages, order_loop_is_latched_within_n)
{
    struct harness h;
    unsigned trades_cnt = 0;

    harness_init(&h, NULL);
    cr_assert_eq(harness_limit(&h, (struct harness_limit){.limit = CELL_RISK_LIMIT_EXECUTIONS,
                                                          .value = 20,
                                                          .window_ns = 1000000000}),
                 0);
    for (uint64_t clord = 1; clord <= 900; clord++)
        (void)harness_new(&h, (struct harness_order){
                                  .clord = clord, .px = 10, .qty = 1, .session = 2, .sell = true});
    for (uint64_t clord = 1; clord <= 900; clord++) {
        (void)harness_new(&h, (struct harness_order){.clord = clord, .px = 10, .qty = 1});
        trades_cnt += harness_message_cnt(&h, CELL_KIND_TRADE);
        if (trades_cnt == 20 && harness_outcome(&h) == 0)
            cr_assert_eq(harness_message(&h, CELL_KIND_RISK_ACTION, 0)->risk_action.stage,
                         CELL_RISK_STAGE_LATCHED);
    }
    cr_assert_eq(trades_cnt, 20);
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_ACCOUNT_LATCHED);
    cr_assert_eq(harness_enable(&h, OE_RISK_LEVEL_ACCOUNT, 0), 0);
    (void)harness_new(&h, (struct harness_order){.clord = 1000, .px = 10, .qty = 1});
    cr_assert_eq(harness_outcome(&h), 0);
    harness_fini(&h);
}

Test(risk_stages, order_to_trade_warns_once_a_day)
{
    struct harness h;
    unsigned warnings_cnt = 0;

    harness_init(&h, NULL);
    cr_assert_eq(harness_limit(&h, (struct harness_limit){.level = OE_RISK_LEVEL_FIRM,
                                                          .limit = CELL_RISK_LIMIT_ORDER_TO_TRADE,
                                                          .value = 10}),
                 0);
    for (uint64_t clord = 1; clord <= 1100; clord++) {
        /* Mostly replaces, which are refused: they count as well. */
        (void)harness_replace(
            &h, (struct harness_replace){.orig_clord = 1, .clord = clord, .px = 10, .qty = 0});
        (void)harness_new(&h, (struct harness_order){.clord = clord, .px = 10, .qty = 0});
        warnings_cnt += harness_message_cnt(&h, CELL_KIND_RISK_WARNING);
    }
    cr_assert_eq(warnings_cnt, 1);
    harness_fini(&h);
}

/* Of a mark no order did: the instrument is 0. */
Test(risk_stages, event_names_the_instrument_of_its_order)
{
    struct harness h;

    harness_init(&h, NULL);
    cr_assert_eq(harness_limit(&h, staged), 0);
    (void)harness_new(&h, (struct harness_order){.clord = 1, .px = 10, .qty = 40, .instrument = 2});
    cr_assert_eq(harness_message(&h, CELL_KIND_RISK_WARNING, 0)->risk_warning.instrument, 2);
    cr_assert_eq(harness_units(&h, 1, 3, CELL_MOVE_MODE_SET, 10), 0);
    cr_assert_eq(harness_limit(&h, (struct harness_limit){.subject = 1,
                                                          .limit = CELL_RISK_LIMIT_DAILY_LOSS,
                                                          .value = 100}),
                 0);
    cr_assert_eq(harness_mark(&h, 3, 50, false), 0);
    cr_assert_eq(harness_mark(&h, 3, 40, false), 0);
    cr_assert_eq(harness_message(&h, CELL_KIND_RISK_WARNING, 0)->risk_warning.instrument, 0);
    harness_fini(&h);
}

/* What a Blocked account leaves behind moves a peg of another, which trades. */
Test(risk_stages, pegs_move_behind_a_block)
{
    const struct cell_order_extension peg = {.peg_offset_px = 0};
    struct harness h;

    harness_init(&h, NULL);
    (void)harness_new(&h, (struct harness_order){.clord = 1, .px = 3, .qty = 1, .session = 2});
    (void)harness_new(&h, (struct harness_order){.clord = 2,
                                                 .px = 50,
                                                 .qty = 1,
                                                 .session = 2,
                                                 .ord_type = OE_ORD_TYPE_PEGGED,
                                                 .extension = &peg});
    cr_assert_eq(harness_limit(&h, (struct harness_limit){.limit = CELL_RISK_LIMIT_OPEN_NOTIONAL,
                                                          .value = 1000,
                                                          .block = 800}),
                 0);
    (void)buy(&h, 3, 80);
    cr_assert_eq(harness_message_cnt(&h, CELL_KIND_ORDER_RESTATED), 2);
    cr_assert_eq(harness_message(&h, CELL_KIND_ORDER_RESTATED, 0)->order_restated.px, 10);
    cr_assert_eq(harness_message(&h, CELL_KIND_ORDER_RESTATED, 1)->order_restated.px, 3);
    cr_assert_gt(harness_message(&h, CELL_KIND_ORDER_RESTATED, 1),
                 harness_message(&h, CELL_KIND_RISK_ACTION, 0));
    harness_fini(&h);
}
