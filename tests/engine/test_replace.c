/*
 * Goal: what a replace keeps, loses and refuses.
 * Method: small books; order ids, queue order and the numbers in ReplaceDetail
 * after each replace; the state hash around refusals.
 */
#include "tests/engine/harness.h"

static const struct cell_replace_detail *
detail_of(const struct harness *h)
{
    cr_assert_eq(cell_kind(&h->cells[1]), CELL_KIND_REPLACE_DETAIL);
    return &h->cells[1].replace_detail;
}

/* two_buys enters two buys of 10 at px 100 and returns their ids. */
static void
two_buys(struct harness *h, uint64_t ids[2])
{
    for (unsigned i = 0; i < 2; i++)
        ids[i] = harness_new(h, (struct harness_order){.clord = 1 + i, .px = 100, .qty = 10});
}

static uint64_t
first_at(const struct harness *h, px_t px)
{
    struct engine_order order;

    return engine_level_orders(h->engine, 0, false, px, &order, 1) == 1 ? order.order_id : 0;
}

Test(replace, decrease_keeps_id_and_place)
{
    struct harness h;
    uint64_t ids[2];

    harness_init(&h, NULL);
    two_buys(&h, ids);
    cr_assert_eq(
        harness_replace(
            &h, (struct harness_replace){.order_id = ids[0], .clord = 7, .px = 100, .qty = 4}),
        0);
    cr_assert_eq(detail_of(&h)->new_order_id, ids[0]);
    cr_assert_eq(detail_of(&h)->orig_clord, 1);
    cr_assert_eq(detail_of(&h)->old_leaves, 10);
    cr_assert_eq(detail_of(&h)->new_leaves, 4);
    cr_assert_eq(detail_of(&h)->old_px, 100);
    cr_assert_eq(first_at(&h, 100), ids[0]);
    cr_assert_eq(harness_cancel_clord(&h, 0, 1), OE_REJECT_REASON_UNKNOWN_ORDER);
    cr_assert_eq(harness_cancel_clord(&h, 0, 7), 0);
    harness_fini(&h);
}

Test(replace, increase_or_new_price_goes_to_the_back_under_a_new_id)
{
    struct harness h;
    uint64_t ids[2];

    harness_init(&h, NULL);
    two_buys(&h, ids);
    cr_assert_eq(
        harness_replace(
            &h, (struct harness_replace){.orig_clord = 1, .clord = 1, .px = 100, .qty = 11}),
        0);
    cr_assert_eq(h.cells[0].order_replace.order_id, ids[0]);
    cr_assert_neq(detail_of(&h)->new_order_id, ids[0]);
    cr_assert_eq(first_at(&h, 100), ids[1]);
    cr_assert_eq(harness_cancel(&h, 0, ids[0]), OE_REJECT_REASON_UNKNOWN_ORDER);

    cr_assert_eq(
        harness_replace(
            &h, (struct harness_replace){.order_id = ids[1], .clord = 8, .px = 99, .qty = 5}),
        0);
    cr_assert_eq(first_at(&h, 99), detail_of(&h)->new_order_id);
    cr_assert_eq(h.cells[0].order_replace.tif, OE_TIME_IN_FORCE_DAY);
    harness_fini(&h);
}

Test(replace, may_trade_at_the_prices_of_makers)
{
    struct harness h;
    uint64_t ids[2];

    harness_init(&h, NULL);
    two_buys(&h, ids);
    harness_new(
        &h, (struct harness_order){.clord = 1, .px = 103, .qty = 4, .sell = true, .session = 2});
    cr_assert_eq(
        harness_replace(
            &h, (struct harness_replace){.order_id = ids[1], .clord = 9, .px = 105, .qty = 10}),
        0);

    const uint64_t new_id = detail_of(&h)->new_order_id;
    const union cell *trade = harness_message(&h, CELL_KIND_TRADE, 0);

    cr_assert_not_null(trade);
    cr_assert_eq(trade->trade.px, 103);
    cr_assert_eq(trade->trade.order_id, new_id);
    cr_assert_eq(trade->trade.clord, 9);
    cr_assert_eq(trade->trade.leaves_qty, 6);

    struct engine_order order;

    cr_assert(engine_order_get(h.engine, new_id, &order));
    cr_assert_eq(order.cum_qty, 4);
    harness_fini(&h);
}

Test(replace, to_no_more_than_filled_cancels)
{
    struct harness h;
    uint64_t ids[2];

    harness_init(&h, NULL);
    two_buys(&h, ids);
    harness_new(
        &h, (struct harness_order){.clord = 1, .px = 100, .qty = 4, .sell = true, .session = 2});
    cr_assert_eq(
        harness_replace(
            &h, (struct harness_replace){.order_id = ids[0], .clord = 9, .px = 0, .qty = 4}),
        0);
    cr_assert_eq(detail_of(&h)->new_leaves, 0);
    cr_assert_eq(detail_of(&h)->cum_qty, 4);
    cr_assert_eq(detail_of(&h)->new_order_id, ids[0]);

    const union cell *cell = harness_message(&h, CELL_KIND_ORDER_CANCELED, 0);

    cr_assert_eq(cell->order_canceled.reason, OE_CANCEL_REASON_REPLACED_BELOW_FILLED);
    cr_assert_eq(cell->order_canceled.removed_qty, 6);
    cr_assert_eq(cell->order_canceled.clord, 9);
    cr_assert_eq(engine_orders_cnt(h.engine), 1);
    harness_fini(&h);
}

/* assert_refused replaces and asserts the reason, and that nothing but the
 * numbers of command and session has changed. */
static void
assert_refused(struct harness *h, struct harness_replace replace, unsigned reason)
{
    struct engine_level before[4];
    struct engine_level after[4];
    struct harness_seen risk_before;
    struct harness_seen risk_after;
    const uint32_t cnt = engine_depth(h->engine, 0, false, before, 4);

    harness_see(h, &risk_before);
    cr_assert_eq(harness_replace(h, replace), reason);
    harness_see(h, &risk_after);
    cr_assert_eq(memcmp(&risk_before, &risk_after, sizeof risk_before), 0);
    cr_assert_eq(engine_depth(h->engine, 0, false, after, 4), cnt);
    for (uint32_t i = 0; i < cnt; i++) {
        cr_assert_eq(before[i].px, after[i].px);
        cr_assert_eq(before[i].qty, after[i].qty);
    }
    cr_assert_eq(detail_of(h)->new_order_id, 0);
    cr_assert_eq(detail_of(h)->old_leaves, 0);
    cr_assert_eq(h->cells[0].order_replace.account, 0);
}

Test(replace, refusals_change_nothing)
{
    struct harness h;
    uint64_t ids[2];

    harness_init(&h, NULL);
    two_buys(&h, ids);
    const uint64_t post_only =
        harness_new(&h, (struct harness_order){
                            .clord = 3, .px = 90, .qty = 5, .exec_inst = OE_EXEC_INST_POST_ONLY});

    harness_new(&h, (struct harness_order){.clord = 4, .px = 110, .qty = 5, .sell = true});
    struct harness_replace replace = {.order_id = ids[0], .clord = 2, .px = 100, .qty = 12};

    assert_refused(&h, replace, OE_REJECT_REASON_DUPLICATE_CL_ORD_ID);
    replace.clord = 9;
    replace.qty = 0;
    assert_refused(&h, replace, OE_REJECT_REASON_INVALID_QUANTITY);
    replace.qty = 12;
    replace.px = 0;
    assert_refused(&h, replace, OE_REJECT_REASON_INVALID_PRICE);
    replace.px = 100;
    replace.session = 1;
    assert_refused(&h, replace, OE_REJECT_REASON_UNKNOWN_ORDER);
    replace = (struct harness_replace){.order_id = post_only, .clord = 9, .px = 110, .qty = 4};
    assert_refused(&h, replace, OE_REJECT_REASON_WOULD_TRADE);
    replace.qty = 9;
    assert_refused(&h, replace, OE_REJECT_REASON_WOULD_TRADE);
    replace.px = 109;
    cr_assert_eq(harness_replace(&h, replace), 0);
    harness_fini(&h);
}

Test(replace, position_limit_counts_the_old_leaves_once)
{
    struct harness h;
    struct cell_account_limits limits = harness_no_account_limits();

    harness_init(&h, NULL);
    limits.long_max = 20;
    cr_assert_eq(harness_account_set(&h, 0, 0, CELL_ACCOUNT_STATE_ACTIVE, limits), 0);
    uint64_t ids[2];

    two_buys(&h, ids);
    assert_refused(&h,
                   (struct harness_replace){.order_id = ids[0], .clord = 9, .px = 100, .qty = 11},
                   OE_REJECT_REASON_LONG_POSITION_LIMIT);
    cr_assert_eq(cell_count(&h.cells[0]), 3);
    cr_assert_eq(h.cells[2].risk_detail.limit, 20);
    cr_assert_eq(h.cells[2].risk_detail.used, 10);
    cr_assert_eq(h.cells[2].risk_detail.value, 11);
    cr_assert_eq(
        harness_replace(
            &h, (struct harness_replace){.order_id = ids[0], .clord = 9, .px = 101, .qty = 10}),
        0);
    harness_fini(&h);
}

Test(replace, above_a_lowered_limit_may_still_shrink)
{
    struct harness h;
    struct cell_account_limits limits = harness_no_account_limits();
    uint64_t ids[2];

    harness_init(&h, NULL);
    two_buys(&h, ids);
    limits.long_max = 5;
    cr_assert_eq(harness_account_set(&h, 0, 0, CELL_ACCOUNT_STATE_ACTIVE, limits), 0);
    cr_assert_eq(
        harness_replace(
            &h, (struct harness_replace){.order_id = ids[0], .clord = 9, .px = 100, .qty = 9}),
        0);
    harness_fini(&h);
}

Test(replace, that_finds_no_page_leaves_the_order_where_it_was)
{
    struct engine_cfg cfg = harness_default_cfg();
    struct harness h;

    cfg.pages_max = 2;
    harness_init(&h, &cfg);
    const uint64_t id = harness_new(&h, (struct harness_order){.clord = 1, .px = 200, .qty = 5});

    harness_new(&h, (struct harness_order){.clord = 2, .px = 300, .qty = 5, .sell = true});
    assert_refused(&h, (struct harness_replace){.order_id = id, .clord = 9, .px = 20, .qty = 3},
                   OE_REJECT_REASON_LEVEL_POOL_FULL);
    assert_refused(&h, (struct harness_replace){.order_id = id, .clord = 9, .px = 20, .qty = 8},
                   OE_REJECT_REASON_LEVEL_POOL_FULL);
    cr_assert_eq(harness_replace(
                     &h, (struct harness_replace){.order_id = id, .clord = 9, .px = 201, .qty = 8}),
                 0);
    harness_fini(&h);
}

Test(replace, attributes_that_the_rules_do_not_know_are_refused)
{
    struct harness h;
    uint64_t ids[2];
    union cell cells[2];

    harness_init(&h, NULL);
    two_buys(&h, ids);
    memset(cells, 0, sizeof cells);
    cells[0].order_replace = (struct cell_order_replace){.kind = CELL_KIND_ORDER_REPLACE,
                                                         .shape = 2u | CELL_BY_ID,
                                                         .clord = 9,
                                                         .order_id = ids[0],
                                                         .px = 100,
                                                         .qty = 5,
                                                         .in_no = harness_in_no(&h, 0)};
    cells[1].replace_detail.kind = CELL_KIND_REPLACE_DETAIL;
    cells[1].replace_detail.display_qty = 1;
    (void)harness_apply(&h, cells);
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED);
    cr_assert_eq(h.cells[1].replace_detail.display_qty, 1);
    harness_fini(&h);
}
