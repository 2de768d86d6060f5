/*
 * Queries: what an operator or an embedder sees of the books.
 *
 * Goal: each query tells what rests, for each side, level and order, and says
 * no for what does not. Method: small books whose content is known by heart.
 */
#include "tests/engine/harness.h"

#define BUY  false
#define SELL true

static struct harness harness;

static void
set_up(void)
{
    harness_init(&harness, NULL);
}

static void
tear_down(void)
{
    harness_fini(&harness);
}

TestSuite(query, .init = set_up, .fini = tear_down);

/* enter enters an order of session 0 in instrument 0 and returns its id. */
static uint64_t
enter(uint64_t clord, bool sell, px_t px, qty_t qty)
{
    const uint64_t id = harness_new(
        &harness, (struct harness_order){.clord = clord, .px = px, .qty = qty, .sell = sell});

    cr_assert_eq(harness_outcome(&harness), OE_REJECT_REASON_NONE, "%s",
                 oe_reject_reason_name(harness_outcome(&harness)));
    return id;
}

static void
assert_level(const struct engine_level *level, px_t px, uint64_t qty, uint32_t orders_cnt)
{
    cr_assert_eq(level->px, px);
    cr_assert_eq(level->qty, qty);
    cr_assert_eq(level->reserve_qty, 0);
    cr_assert_eq(level->orders_cnt, orders_cnt);
}

Test(query, best_is_the_highest_bid_and_the_lowest_offer)
{
    struct engine_level level;

    enter(1, BUY, 98, 5);
    enter(2, BUY, 99, 7);
    enter(3, BUY, 99, 1);
    enter(4, SELL, 102, 4);
    enter(5, SELL, 101, 6);
    cr_assert(engine_best(harness.engine, 0, BUY, &level));
    assert_level(&level, 99, 8, 2);
    cr_assert(engine_best(harness.engine, 0, SELL, &level));
    assert_level(&level, 101, 6, 1);
}

Test(query, best_follows_trades_and_cancels)
{
    struct engine_level level;
    const uint64_t best = enter(1, SELL, 101, 6);

    enter(2, SELL, 102, 4);
    enter(3, BUY, 101, 2);
    cr_assert(engine_best(harness.engine, 0, SELL, &level));
    assert_level(&level, 101, 4, 1);
    cr_assert_eq(harness_cancel(&harness, 0, best), OE_REJECT_REASON_NONE);
    cr_assert(engine_best(harness.engine, 0, SELL, &level));
    assert_level(&level, 102, 4, 1);
}

Test(query, best_of_an_empty_side_is_none)
{
    struct engine_level level = {.px = 7};

    enter(1, BUY, 99, 5);
    cr_assert_not(engine_best(harness.engine, 0, SELL, &level));
    cr_assert_not(engine_best(harness.engine, 1, BUY, &level));
    cr_assert_not(engine_best(harness.engine, HARNESS_INSTRUMENTS, BUY, &level));
    cr_assert_not(engine_best(harness.engine, UINT32_MAX, BUY, &level));
    cr_assert_eq(level.px, 7, "a query that says no writes nothing");
}

Test(query, depth_at_a_price_is_that_level)
{
    struct engine_level level;

    enter(1, BUY, 98, 5);
    enter(2, BUY, 99, 7);
    enter(3, BUY, 98, 2);
    cr_assert(engine_depth_at(harness.engine, 0, BUY, 98, &level));
    assert_level(&level, 98, 7, 2);
}

Test(query, depth_at_a_price_without_orders_is_none)
{
    struct engine_level level;

    enter(1, BUY, 98, 5);
    cr_assert_not(engine_depth_at(harness.engine, 0, SELL, 98, &level), "the other side");
    cr_assert_not(engine_depth_at(harness.engine, 0, BUY, 97, &level));
    cr_assert_not(engine_depth_at(harness.engine, 1, BUY, 98, &level), "the other book");
    cr_assert_not(engine_depth_at(harness.engine, 0, BUY, 0, &level));
    cr_assert_not(engine_depth_at(harness.engine, 0, BUY, -98, &level));
    cr_assert_not(engine_depth_at(harness.engine, 0, BUY, PX_MAX, &level));
    cr_assert_not(engine_depth_at(harness.engine, UINT32_MAX, BUY, 98, &level));
}

Test(query, depth_at_a_price_off_tick_is_none)
{
    struct engine_level level;

    cr_assert_eq(harness_instrument_set(&harness, HARNESS_INSTRUMENTS, 5, 1,
                                        CELL_INSTRUMENT_STATE_OPEN, harness_no_instrument_limits()),
                 OE_REJECT_REASON_NONE);
    harness_new(&harness, (struct harness_order){
                              .clord = 1, .instrument = HARNESS_INSTRUMENTS, .px = 100, .qty = 3});
    cr_assert(engine_depth_at(harness.engine, HARNESS_INSTRUMENTS, BUY, 100, &level));
    assert_level(&level, 100, 3, 1);
    cr_assert_not(engine_depth_at(harness.engine, HARNESS_INSTRUMENTS, BUY, 101, &level));
    cr_assert_not(engine_depth_at(harness.engine, HARNESS_INSTRUMENTS, BUY, 99, &level));
}

Test(query, depth_goes_from_the_best_level_away)
{
    struct engine_level levels[8];

    for (unsigned i = 0; i < 5; i++) {
        enter(10 + i, BUY, 90 - (px_t)(i * 1000 % 70), 1 + i);
        enter(20 + i, SELL, 1000000 * (5 - i), 1 + i);
    }
    cr_assert_eq(engine_depth(harness.engine, 0, SELL, levels, 8), 5);
    for (unsigned i = 0; i < 5; i++)
        assert_level(&levels[i], 1000000 * (i + 1), 5 - i, 1);
    cr_assert_eq(engine_depth(harness.engine, 0, BUY, levels, 8), 5);
    for (unsigned i = 1; i < 5; i++)
        cr_assert_lt(levels[i].px, levels[i - 1].px);
}

Test(query, depth_stops_at_the_room_that_there_is)
{
    struct engine_level levels[3] = {[2] = {.px = 7}};

    enter(1, BUY, 99, 1);
    enter(2, BUY, 98, 1);
    enter(3, BUY, 97, 1);
    cr_assert_eq(engine_depth(harness.engine, 0, BUY, levels, 2), 2);
    assert_level(&levels[1], 98, 1, 1);
    cr_assert_eq(levels[2].px, 7);
    cr_assert_eq(engine_depth(harness.engine, 0, BUY, levels, 0), 0);
    cr_assert_eq(engine_depth(harness.engine, 0, SELL, levels, 3), 0);
    cr_assert_eq(engine_depth(harness.engine, UINT32_MAX, BUY, levels, 3), 0);
}

Test(query, order_is_seen_by_its_id)
{
    struct engine_order order;
    const uint64_t id = enter(7, SELL, 101, 10);

    enter(8, BUY, 101, 3);
    cr_assert(engine_order_get(harness.engine, id, &order));
    cr_assert_eq(order.order_id, id);
    cr_assert_eq(order.clord, 7);
    cr_assert_eq(order.px, 101);
    cr_assert_eq(order.stop_px, 0);
    cr_assert_eq(order.place, ENGINE_PLACE_BOOK);
    cr_assert_eq(order.shown_qty, 7);
    cr_assert_eq(order.leaves_qty, 7);
    cr_assert_eq(order.cum_qty, 3);
    cr_assert_eq(order.instrument, 0);
    cr_assert_eq(order.account, 0);
    cr_assert_eq(order.session, 0);
    cr_assert(order.sell);
}

Test(query, order_that_ended_or_never_was_is_not_seen)
{
    struct engine_order order;
    struct engine_queue queue;
    const uint64_t filled = enter(1, SELL, 101, 1);
    const uint64_t canceled = enter(2, SELL, 102, 1);

    enter(3, BUY, 101, 1);
    cr_assert_eq(harness_cancel(&harness, 0, canceled), OE_REJECT_REASON_NONE);

    const uint64_t ids[] = {filled,    canceled, 0, canceled + 1, filled + (UINT64_C(1) << 60),
                            UINT64_MAX};

    for (unsigned i = 0; i < ARRAY_LEN(ids); i++) {
        cr_assert_not(engine_order_get(harness.engine, ids[i], &order), "id %u", i);
        cr_assert_not(engine_queue_position(harness.engine, ids[i], &queue), "id %u", i);
    }
}

static void
assert_queue(uint64_t id, uint32_t orders_cnt, uint32_t ahead_cnt, uint64_t ahead_qty)
{
    struct engine_queue queue;

    cr_assert(engine_queue_position(harness.engine, id, &queue));
    cr_assert_eq(queue.orders_cnt, orders_cnt);
    cr_assert_eq(queue.ahead_cnt, ahead_cnt);
    cr_assert_eq(queue.ahead_qty, ahead_qty);
}

Test(query, queue_position_counts_what_came_before)
{
    const uint64_t first = enter(1, BUY, 99, 10);
    const uint64_t second = enter(2, BUY, 99, 20);
    const uint64_t third = enter(3, BUY, 99, 30);

    enter(4, BUY, 100, 1);
    assert_queue(first, 3, 0, 0);
    assert_queue(second, 3, 1, 10);
    assert_queue(third, 3, 2, 30);
}

Test(query, queue_position_moves_up_by_fills_and_cancels)
{
    const uint64_t first = enter(1, BUY, 99, 10);
    const uint64_t second = enter(2, BUY, 99, 20);
    const uint64_t third = enter(3, BUY, 99, 30);

    enter(4, SELL, 99, 4);
    assert_queue(third, 3, 2, 26);
    cr_assert_eq(harness_cancel(&harness, 0, second), OE_REJECT_REASON_NONE);
    assert_queue(third, 2, 1, 6);
    assert_queue(first, 2, 0, 0);
    enter(5, SELL, 99, 6);
    assert_queue(third, 1, 0, 0);
}

Test(query, queue_position_is_lost_by_a_larger_quantity)
{
    const uint64_t first = enter(1, BUY, 99, 10);
    const uint64_t second = enter(2, BUY, 99, 20);

    cr_assert_eq(
        harness_replace(
            &harness, (struct harness_replace){.order_id = first, .clord = 3, .px = 99, .qty = 9}),
        OE_REJECT_REASON_NONE);
    assert_queue(first, 2, 0, 0);
    cr_assert_eq(
        harness_replace(
            &harness, (struct harness_replace){.order_id = first, .clord = 4, .px = 99, .qty = 11}),
        OE_REJECT_REASON_NONE);
    assert_queue(second, 2, 0, 0);
    assert_queue(harness.cells[1].replace_detail.new_order_id, 2, 1, 20);
}

Test(query, level_orders_stand_in_their_order)
{
    struct engine_order orders[4];

    enter(1, SELL, 101, 1);
    enter(2, SELL, 102, 2);
    enter(3, SELL, 101, 3);
    enter(4, SELL, 101, 4);
    cr_assert_eq(engine_level_orders(harness.engine, 0, SELL, 101, orders, 4), 3);
    cr_assert_eq(orders[0].clord, 1);
    cr_assert_eq(orders[1].clord, 3);
    cr_assert_eq(orders[2].clord, 4);
    cr_assert_eq(orders[2].shown_qty, 4);
}

Test(query, level_orders_stop_at_the_room_that_there_is)
{
    struct engine_order orders[2] = {[1] = {.clord = 77}};

    enter(1, SELL, 101, 1);
    enter(2, SELL, 101, 2);
    cr_assert_eq(engine_level_orders(harness.engine, 0, SELL, 101, orders, 1), 1);
    cr_assert_eq(orders[1].clord, 77);
    cr_assert_eq(engine_level_orders(harness.engine, 0, BUY, 101, orders, 2), 0);
    cr_assert_eq(engine_level_orders(harness.engine, 0, SELL, 102, orders, 2), 0);
    cr_assert_eq(engine_level_orders(harness.engine, UINT32_MAX, SELL, 101, orders, 2), 0);
}

Test(query, instrument_state_is_what_was_set)
{
    cr_assert_eq(engine_instrument_state(harness.engine, 0), CELL_INSTRUMENT_STATE_OPEN);
    cr_assert_eq(harness_instrument_set(&harness, 0, 1, 1, CELL_INSTRUMENT_STATE_HALTED,
                                        harness_no_instrument_limits()),
                 OE_REJECT_REASON_NONE);
    cr_assert_eq(engine_instrument_state(harness.engine, 0), CELL_INSTRUMENT_STATE_HALTED);
    cr_assert_eq(engine_instrument_state(harness.engine, 1), CELL_INSTRUMENT_STATE_OPEN);
}

Test(query, instrument_that_is_unknown_is_closed)
{
    cr_assert_eq(engine_instrument_state(harness.engine, HARNESS_INSTRUMENTS),
                 CELL_INSTRUMENT_STATE_CLOSED);
    cr_assert_eq(engine_instrument_state(harness.engine, UINT32_MAX), CELL_INSTRUMENT_STATE_CLOSED);
    cr_assert_eq(engine_last_px(harness.engine, UINT32_MAX), 0);
}

/* enter_rare enters an order with rare attributes and returns its id. */
static uint64_t
enter_rare(struct harness_order order, struct cell_order_extension extension)
{
    order.extension = &extension;

    const uint64_t id = harness_new(&harness, order);

    cr_assert_eq(harness_outcome(&harness), OE_REJECT_REASON_NONE, "%s",
                 oe_reject_reason_name(harness_outcome(&harness)));
    return id;
}

static uint64_t
enter_iceberg(uint64_t clord, bool sell, px_t px, qty_t qty, qty_t display_qty)
{
    return enter_rare((struct harness_order){.clord = clord, .px = px, .qty = qty, .sell = sell},
                      (struct cell_order_extension){.display_qty = display_qty});
}

static uint64_t
enter_hidden(uint64_t clord, bool sell, px_t px, qty_t qty)
{
    const uint64_t id = harness_new(
        &harness,
        (struct harness_order){
            .clord = clord, .px = px, .qty = qty, .sell = sell, .exec_inst = OE_EXEC_INST_HIDDEN});

    cr_assert_eq(harness_outcome(&harness), OE_REJECT_REASON_NONE, "%s",
                 oe_reject_reason_name(harness_outcome(&harness)));
    return id;
}

static struct engine_order
seen(uint64_t id)
{
    struct engine_order order;

    cr_assert(engine_order_get(harness.engine, id, &order));
    return order;
}

Test(query, level_tells_what_is_not_displayed)
{
    struct engine_level level;

    enter(1, SELL, 101, 5);
    enter_iceberg(2, SELL, 101, 100, 10);
    enter_hidden(3, SELL, 101, 7);
    cr_assert(engine_depth_at(harness.engine, 0, SELL, 101, &level));
    cr_assert_eq(level.qty, 15);
    cr_assert_eq(level.reserve_qty, 97);
    cr_assert_eq(level.orders_cnt, 3);
    cr_assert_eq(engine_depth(harness.engine, 0, SELL, &level, 1), 1);
    cr_assert_eq(level.reserve_qty, 97);
}

Test(query, best_may_be_a_level_that_shows_nothing)
{
    struct engine_level level;

    enter(1, BUY, 98, 5);
    enter_hidden(2, BUY, 99, 7);
    cr_assert(engine_best(harness.engine, 0, BUY, &level));
    cr_assert_eq(level.px, 99);
    cr_assert_eq(level.qty, 0);
    cr_assert_eq(level.reserve_qty, 7);
}

Test(query, order_tells_what_it_shows)
{
    const uint64_t iceberg = enter_iceberg(1, SELL, 101, 100, 10);
    const uint64_t hidden = enter_hidden(2, SELL, 101, 7);

    cr_assert_eq(seen(iceberg).shown_qty, 10);
    cr_assert_eq(seen(iceberg).leaves_qty, 100);
    cr_assert_eq(seen(hidden).shown_qty, 0);
    cr_assert_eq(seen(hidden).leaves_qty, 7);
    enter(3, BUY, 101, 4);
    cr_assert_eq(seen(iceberg).shown_qty, 6);
    cr_assert_eq(seen(iceberg).leaves_qty, 96);
    cr_assert_eq(seen(iceberg).cum_qty, 4);
}

Test(query, stop_waits_at_its_stop_price_and_then_rests)
{
    const struct cell_order_extension extension = {.stop_px = 105};

    enter(1, SELL, 105, 1);
    enter(2, BUY, 105, 1); /* the last price must be known and not yet reach it */
    enter(3, SELL, 100, 1);
    enter(4, BUY, 100, 1);

    const uint64_t stop = enter_rare(
        (struct harness_order){.clord = 5, .px = 106, .qty = 9, .ord_type = OE_ORD_TYPE_STOP_LIMIT},
        extension);
    struct engine_level level;
    struct engine_queue queue;

    cr_assert_eq(seen(stop).place, ENGINE_PLACE_STOP);
    cr_assert_eq(seen(stop).stop_px, 105);
    cr_assert_eq(seen(stop).px, 106);
    cr_assert_eq(seen(stop).shown_qty, 0);
    cr_assert_not(engine_queue_position(harness.engine, stop, &queue), "it is in no book");
    cr_assert_not(engine_best(harness.engine, 0, BUY, &level));
    enter(6, SELL, 105, 1);
    enter(7, BUY, 105, 1);
    cr_assert_eq(seen(stop).place, ENGINE_PLACE_BOOK);
    cr_assert_eq(seen(stop).stop_px, 0);
    cr_assert_eq(seen(stop).shown_qty, 9);
    cr_assert(engine_queue_position(harness.engine, stop, &queue));
    cr_assert_eq(queue.ahead_cnt, 0);
}

Test(query, stop_order_has_no_price)
{
    enter(1, SELL, 100, 1);
    enter(2, BUY, 100, 1);

    const uint64_t stop =
        enter_rare((struct harness_order){.clord = 3, .qty = 9, .ord_type = OE_ORD_TYPE_STOP},
                   (struct cell_order_extension){.stop_px = 105});

    cr_assert_eq(seen(stop).px, 0);
    cr_assert_eq(seen(stop).stop_px, 105);
}

Test(query, held_and_parked_orders_are_in_no_book)
{
    struct engine_queue queue;
    const uint64_t held = harness_new(
        &harness, (struct harness_order){
                      .clord = 1, .px = 99, .qty = 3, .tif = OE_TIME_IN_FORCE_AT_THE_OPENING});
    const uint64_t parked = enter_rare(
        (struct harness_order){.clord = 2, .px = 100, .qty = 4, .ord_type = OE_ORD_TYPE_PEGGED},
        (struct cell_order_extension){.peg_offset_px = -1});

    cr_assert_eq(seen(held).place, ENGINE_PLACE_HELD);
    cr_assert_eq(seen(held).px, 99);
    cr_assert_eq(seen(held).shown_qty, 0);
    cr_assert_eq(seen(parked).place, ENGINE_PLACE_PARKED);
    cr_assert_eq(seen(parked).px, 0);
    cr_assert_eq(seen(parked).shown_qty, 0);
    cr_assert_not(engine_queue_position(harness.engine, held, &queue));
    cr_assert_not(engine_queue_position(harness.engine, parked, &queue));
    enter(3, BUY, 98, 1); /* a reference at last */
    cr_assert_eq(seen(parked).place, ENGINE_PLACE_BOOK);
    cr_assert_eq(seen(parked).px, 97);
    cr_assert(engine_queue_position(harness.engine, parked, &queue));
}

Test(query, queue_in_front_counts_what_matches_before)
{
    const uint64_t iceberg = enter_iceberg(1, SELL, 101, 100, 10);
    const uint64_t hidden = enter_hidden(2, SELL, 101, 7);
    const uint64_t plain = enter(3, SELL, 101, 5);
    const uint64_t last = enter_hidden(4, SELL, 101, 8);

    assert_queue(iceberg, 4, 0, 0);
    assert_queue(plain, 4, 1, 10);
    assert_queue(hidden, 4, 2, 105);
    assert_queue(last, 4, 3, 112);
    enter(5, BUY, 101, 10); /* the iceberg goes behind */
    assert_queue(plain, 4, 0, 0);
    assert_queue(iceberg, 4, 1, 5);
    assert_queue(hidden, 4, 2, 95);
}

Test(query, level_orders_are_displayed_then_hidden)
{
    struct engine_order orders[4];

    enter_hidden(1, BUY, 99, 1);
    enter(2, BUY, 99, 2);
    enter_hidden(3, BUY, 99, 3);
    enter_iceberg(4, BUY, 99, 40, 4);
    cr_assert_eq(engine_level_orders(harness.engine, 0, BUY, 99, orders, 4), 4);
    cr_assert_eq(orders[0].clord, 2);
    cr_assert_eq(orders[1].clord, 4);
    cr_assert_eq(orders[2].clord, 1);
    cr_assert_eq(orders[3].clord, 3);
}

Test(query, state_of_an_instrument_follows_its_command)
{
    union cell cell = {.instrument_state_set = {.kind = CELL_KIND_INSTRUMENT_STATE_SET,
                                                .shape = 1,
                                                .instrument = 1,
                                                .time = harness.time_ns,
                                                .state = CELL_INSTRUMENT_STATE_CLOSED,
                                                .session = CELL_SESSION}};

    cr_assert_eq(harness_apply(&harness, &cell), ENGINE_DONE);
    cr_assert_eq(harness_outcome(&harness), OE_REJECT_REASON_NONE, "%s",
                 oe_reject_reason_name(harness_outcome(&harness)));
    cr_assert_eq(engine_instrument_state(harness.engine, 1), CELL_INSTRUMENT_STATE_CLOSED);
    cr_assert_eq(engine_instrument_state(harness.engine, 0), CELL_INSTRUMENT_STATE_OPEN);
}
