/*
 * The convenience layer for embedders, on an engine without risk.
 *
 * Goal: every builder makes a command that the engine takes, and embed_next
 * shows all messages of a group, however many slices it has. Method: one engine
 * in memory of its own, asserted from outside.
 */
#include <stdlib.h>

#include <criterion/criterion.h>

#include "engine/embed.h"
#include "proto/base.h"

static struct embed_group group;
static struct engine *engine;
static union cell cells[3];

static void
set_up(void)
{
    struct engine_cfg cfg;

    embed_cfg(&cfg);
    cfg.instruments_max = 2;

    const size_t bytes = engine_footprint(&cfg);

    cr_assert_gt(bytes, 0);
    void *mem = aligned_alloc(ENGINE_ALIGN, bytes);

    cr_assert_not_null(mem);
    memset(mem, 0, bytes);
    engine = engine_init(mem, &cfg);
    embed_instrument_set(cells, 0, "ACME")->tick_px = 1;
    cr_assert_eq(embed_run(&group, engine, cells), OE_REJECT_REASON_NONE);
}

static void
tear_down(void)
{
    engine_check(engine);
    free(engine);
}

TestSuite(embed, .init = set_up, .fini = tear_down);

static struct cell_order_new *
order(uint64_t clord, enum oe_side side, px_t px, qty_t qty)
{
    struct cell_order_new *new = embed_order_new(cells, side);

    new->clord = clord;
    new->px = px;
    new->qty = qty;
    return new;
}

static uint64_t
enter(uint64_t clord, enum oe_side side, px_t px, qty_t qty)
{
    order(clord, side, px, qty);
    cr_assert(embed_apply(&group, engine, cells));

    const uint64_t order_id = group.cells[0].order_new.order_id;

    cr_assert_eq(cell_outcome(&group.cells[0]), OE_REJECT_REASON_NONE);
    while (embed_next(&group) != NULL)
        continue;
    return order_id;
}

/* run applies the command in cells, which are valid, and returns its outcome. */
static int
run(void)
{
    for (unsigned i = 0; i < cell_count(cells); i++)
        cr_assert(cell_valid(&cells[i]), "cell %u", i);
    return embed_run(&group, engine, cells);
}

Test(embed, group_of_many_slices_is_read_to_its_end)
{
    enum {
        ORDERS = 3000
    };
    uint32_t canceled_cnt = 0;
    bool last = false;

    for (unsigned i = 0; i < ORDERS; i++)
        enter(1 + i, OE_SIDE_SELL, 100 + (px_t)(i % 7), 1);
    embed_mass_cancel(cells);
    cr_assert(embed_apply(&group, engine, cells));
    cr_assert_eq(group.result, ENGINE_MORE);
    for (const union cell *message; (message = embed_next(&group)) != NULL;) {
        cr_assert_not(last, "nothing comes behind the last cell");
        canceled_cnt += cell_kind(message) == CELL_KIND_ORDER_CANCELED;
        last = cell_is_last(&message[cell_count(message) - 1]);
    }
    cr_assert(last);
    cr_assert_eq(canceled_cnt, ORDERS);
    cr_assert_null(embed_next(&group), "and nothing comes again");
    cr_assert_eq(engine_orders_cnt(engine), 0);
}

Test(embed, group_of_one_command_is_itself_and_its_events)
{
    enter(1, OE_SIDE_SELL, 100, 5);
    order(2, OE_SIDE_BUY, 100, 3);
    cr_assert(embed_apply(&group, engine, cells));

    const union cell *message = embed_next(&group);

    cr_assert_eq(cell_kind(message), CELL_KIND_ORDER_NEW);
    message = embed_next(&group);
    cr_assert_eq(cell_kind(message), CELL_KIND_TRADE);
    cr_assert_eq(cell_kind(&message[1]), CELL_KIND_TRADE_MAKER);
    cr_assert_eq(message[1].trade_maker.leaves_qty, 2);
    cr_assert_null(embed_next(&group));
}

Test(embed, command_of_a_session_that_is_not_bound_is_dropped)
{
    order(1, OE_SIDE_BUY, 100, 1)->session = 0;
    cr_assert_not(embed_apply(&group, engine, cells));
    cr_assert_null(embed_next(&group));
    cr_assert_eq(embed_run(&group, engine, cells), -1);
    cr_assert_eq(engine_orders_cnt(engine), 0);
}

Test(embed, refusal_is_an_outcome)
{
    order(1, OE_SIDE_BUY, 100, 0);
    cr_assert_eq(run(), OE_REJECT_REASON_INVALID_QUANTITY);
    order(1, OE_SIDE_BUY, 100, 1)->instrument = 1;
    cr_assert_eq(run(), OE_REJECT_REASON_UNKNOWN_INSTRUMENT);
    embed_order_cancel(cells, 0, 12345);
    cr_assert_eq(run(), OE_REJECT_REASON_UNKNOWN_ORDER);
    embed_order_replace(cells, 0, 12345)->qty = 1;
    cr_assert_eq(run(), OE_REJECT_REASON_UNKNOWN_ORDER);
}

Test(embed, cancel_and_replace_name_the_order_by_id)
{
    const uint64_t id = enter(1, OE_SIDE_SELL, 100, 5);
    struct cell_order_replace *replace = embed_order_replace(cells, 0, id);
    struct engine_order seen;

    replace->clord = 2;
    replace->px = 100;
    replace->qty = 4;
    cr_assert_eq(run(), OE_REJECT_REASON_NONE);
    cr_assert(engine_order_get(engine, id, &seen));
    cr_assert_eq(seen.leaves_qty, 4);
    cr_assert_eq(seen.clord, 2);
    cr_assert(seen.sell);
    embed_order_cancel(cells, 0, id);
    cr_assert_eq(run(), OE_REJECT_REASON_NONE);
    cr_assert_not(engine_order_get(engine, id, &seen));
}

Test(embed, extension_and_link_follow_the_order)
{
    struct engine_order seen;

    order(1, OE_SIDE_BUY, 90, 10);
    embed_order_extension(cells)->display_qty = 3;
    cr_assert_eq(run(), OE_REJECT_REASON_NONE);
    cr_assert(engine_order_get(engine, group.cells[0].order_new.order_id, &seen));
    cr_assert_eq(seen.shown_qty, 3);
    order(2, OE_SIDE_SELL, 110, 10);
    (void)embed_order_extension(cells);
    embed_order_link(cells, 1);
    cr_assert_eq(cell_count(cells), 3);
    cr_assert(cell_is_sell(cells));
    cr_assert_eq(run(), OE_REJECT_REASON_NONE);
    enter(3, OE_SIDE_BUY, 110, 1);
    cr_assert_eq(engine_orders_cnt(engine), 1, "the other is canceled");
}

Test(embed, clock_ends_what_has_expired)
{
    order(1, OE_SIDE_BUY, 90, 10)->tif = OE_TIME_IN_FORCE_GOOD_TILL_DATE;
    embed_order_extension(cells)->expire_time = 5000000;
    cr_assert_eq(run(), OE_REJECT_REASON_NONE);

    const uint64_t due_ns = engine_deadline_ns(engine);

    cr_assert_geq(due_ns, 5000000);
    cr_assert_neq(due_ns, UINT64_MAX);
    embed_clock(cells, 4000000);
    cr_assert_eq(run(), OE_REJECT_REASON_NONE);
    cr_assert_eq(engine_orders_cnt(engine), 1);
    embed_clock(cells, due_ns);
    cr_assert_eq(run(), OE_REJECT_REASON_NONE);
    cr_assert_eq(engine_orders_cnt(engine), 0);
}

Test(embed, instrument_can_be_halted)
{
    embed_instrument_state_set(cells, 0, CELL_INSTRUMENT_STATE_HALTED);
    cr_assert_eq(run(), OE_REJECT_REASON_NONE);
    cr_assert_eq(engine_instrument_state(engine, 0), CELL_INSTRUMENT_STATE_HALTED);
    order(1, OE_SIDE_BUY, 90, 10);
    cr_assert_eq(run(), OE_REJECT_REASON_INSTRUMENT_HALTED);
}

Test(embed, engine_with_risk_needs_its_parties)
{
    struct engine_cfg cfg;

    embed_cfg(&cfg);
    cfg.no_risk = false;

    const size_t bytes = engine_footprint(&cfg);
    void *mem = aligned_alloc(ENGINE_ALIGN, bytes);

    cr_assert_not_null(mem);
    memset(mem, 0, bytes);
    free(engine);
    engine = engine_init(mem, &cfg);
    embed_instrument_set(cells, 0, "LONGSYMBOL")->tick_px = 1;
    cr_assert_arr_eq(cells[0].instrument_set.symbol, "LONGSYMB", 8);
    cr_assert_eq(run(), OE_REJECT_REASON_NONE);
    order(1, OE_SIDE_BUY, 90, 10);
    cr_assert_eq(run(), OE_REJECT_REASON_UNKNOWN_ACCOUNT);
    embed_firm_set(cells, 0, "FIRM");
    cr_assert_eq(run(), OE_REJECT_REASON_NONE);
    embed_group_set(cells, 0, "GROUP");
    cr_assert_eq(run(), OE_REJECT_REASON_NONE);
    embed_account_set(cells, 0, "ACCOUNT");
    cr_assert_eq(run(), OE_REJECT_REASON_NONE);
    order(1, OE_SIDE_BUY, 90, 10);
    cr_assert_eq(run(), OE_REJECT_REASON_NONE);
}

/* With ticks so large that fewer than TICKS_MAX of them are prices, an off-tick
 * price divides to a small number modulo 2^64. */
Test(embed, large_ticks_refuse_a_price_that_is_off_tick)
{
    const px_t tick_px = (px_t)3 << 33;

    embed_instrument_set(cells, 1, "DEAR")->tick_px = tick_px;
    cr_assert_eq(embed_run(&group, engine, cells), OE_REJECT_REASON_NONE);
    order(1, OE_SIDE_BUY, (px_t)1 << 33, 5)->instrument = 1;
    cr_assert_eq(embed_run(&group, engine, cells), OE_REJECT_REASON_INVALID_TICK);
    order(1, OE_SIDE_BUY, PX_MAX / tick_px * tick_px, 5)->instrument = 1;
    cr_assert_eq(embed_run(&group, engine, cells), OE_REJECT_REASON_NONE);
}
