/*
 * Goal: mass cancels take exactly the orders of their scope and filters, in
 * slices, and refuse scopes of others.
 * Method: orders of several sessions, accounts and instruments; counts and
 * order of the events.
 */
#include "tests/engine/harness.h"

/* fill enters, for each session, one buy and one sell that do not cross in
 * instruments 0 and 1, on the first account of its firm: 16 orders. */
static void
fill(struct harness *h)
{
    for (uint16_t session = 0; session < HARNESS_SESSIONS; session++)
        for (unsigned i = 0; i < 4; i++)
            cr_assert_neq(harness_new(h, (struct harness_order){.clord = i,
                                                                .px = i % 2 == 0 ? 90 : 110,
                                                                .qty = 1,
                                                                .sell = i % 2 != 0,
                                                                .instrument = i / 2,
                                                                .session = session}),
                          0);
}

static uint32_t
count_of(const struct harness *h)
{
    const union cell *cell = harness_message(h, CELL_KIND_MASS_CANCELED, 0);

    cr_assert_not_null(cell);
    cr_assert_eq(harness_message_cnt(h, CELL_KIND_ORDER_CANCELED), cell->mass_canceled.count);
    cr_assert_eq(cell->mass_canceled.index, cell->mass_canceled.count + 1);
    return cell->mass_canceled.count;
}

static const struct cell_mass_cancel own = {.instrument = CELL_ANY,
                                            .account = CELL_ANY,
                                            .reason = OE_CANCEL_REASON_MASS_CANCEL};

Test(mass_cancel, session_scope_takes_the_sessions_own)
{
    struct harness h;

    harness_init(&h, NULL);
    fill(&h);
    cr_assert_eq(harness_mass_cancel(&h, own), 0);
    cr_assert_eq(count_of(&h), 4);
    for (unsigned i = 0; i < 4; i++) {
        const union cell *cell = harness_message(&h, CELL_KIND_ORDER_CANCELED, i);

        cr_assert_eq(cell->order_canceled.session, 0);
        cr_assert_eq(cell->order_canceled.reason, OE_CANCEL_REASON_MASS_CANCEL);
        cr_assert_eq(cell->order_canceled.order_id & 0xffffff, i);
    }
    cr_assert_eq(harness_mass_cancel(&h, own), 0);
    cr_assert_eq(count_of(&h), 0);
    cr_assert_eq(engine_orders_cnt(h.engine), 12);
    harness_fini(&h);
}

Test(mass_cancel, filters_narrow_the_scope)
{
    struct harness h;
    struct cell_mass_cancel mass = own;

    harness_init(&h, NULL);
    fill(&h);
    mass.scope = OE_MASS_CANCEL_SCOPE_FIRM;
    mass.instrument = 1;
    mass.side = OE_SIDE_FILTER_SELL;
    cr_assert_eq(harness_mass_cancel(&h, mass), 0);
    cr_assert_eq(count_of(&h), 2);
    mass.account = 1;
    mass.side = OE_SIDE_FILTER_ANY;
    cr_assert_eq(harness_mass_cancel(&h, mass), 0);
    cr_assert_eq(count_of(&h), 0);
    mass.scope = OE_MASS_CANCEL_SCOPE_ACCOUNT;
    mass.account = CELL_ANY;
    mass.instrument = CELL_ANY;
    cr_assert_eq(harness_mass_cancel(&h, mass), 0);
    cr_assert_eq(count_of(&h), 6);
    harness_fini(&h);
}

Test(mass_cancel, of_another_firm_is_refused)
{
    struct harness h;
    struct cell_mass_cancel mass = own;

    harness_init(&h, NULL);
    fill(&h);
    mass.scope = OE_MASS_CANCEL_SCOPE_FIRM;
    mass.target = 1;
    cr_assert_eq(harness_mass_cancel(&h, mass), OE_REJECT_REASON_SCOPE_NOT_ALLOWED);
    cr_assert_eq(h.cells_cnt, 1);
    mass.scope = OE_MASS_CANCEL_SCOPE_GROUP;
    cr_assert_eq(harness_mass_cancel(&h, mass), OE_REJECT_REASON_SCOPE_NOT_ALLOWED);
    mass.scope = OE_MASS_CANCEL_SCOPE_ACCOUNT;
    mass.target = 2;
    cr_assert_eq(harness_mass_cancel(&h, mass), OE_REJECT_REASON_SCOPE_NOT_ALLOWED);
    mass.target = 15;
    cr_assert_eq(harness_mass_cancel(&h, mass), OE_REJECT_REASON_SCOPE_NOT_ALLOWED);
    cr_assert_eq(engine_orders_cnt(h.engine), 16);
    harness_fini(&h);
}

Test(mass_cancel, of_the_exchange_may_use_any_scope)
{
    struct harness h;
    struct cell_mass_cancel mass = own;

    harness_init(&h, NULL);
    fill(&h);
    mass.session = CELL_SESSION;
    mass.target = 3;
    cr_assert_eq(harness_mass_cancel(&h, mass), 0);
    cr_assert_eq(count_of(&h), 4);
    mass.scope = OE_MASS_CANCEL_SCOPE_GROUP;
    mass.target = 1;
    cr_assert_eq(harness_mass_cancel(&h, mass), 0);
    cr_assert_eq(count_of(&h), 4);
    mass.scope = OE_MASS_CANCEL_SCOPE_FIRM;
    mass.target = 0;
    cr_assert_eq(harness_mass_cancel(&h, mass), 0);
    cr_assert_eq(count_of(&h), 8);
    harness_fini(&h);
}

Test(mass_cancel, of_ten_thousand_orders_runs_in_slices)
{
    enum {
        ORDERS = 10000
    };
    struct engine_cfg cfg = harness_default_cfg();
    struct harness h;

    cfg.orders_max = 2 * ORDERS;
    harness_init(&h, &cfg);
    harness_quiet(&h);
    for (unsigned i = 0; i < 2 * ORDERS; i++)
        harness_new(&h, (struct harness_order){.clord = i,
                                               .px = 1000 + i % 300,
                                               .qty = 1,
                                               .session = (uint16_t)(i < ORDERS ? 0 : 2)});
    cr_assert_eq(harness_mass_cancel(&h, own), 0);
    cr_assert_eq(count_of(&h), ORDERS);
    cr_assert_geq(h.slices_cnt, ORDERS / SLICE_CELLS);
    cr_assert_eq(engine_orders_cnt(h.engine), ORDERS);
    engine_check(h.engine);

    uint64_t slot = 0;

    for (unsigned i = 0; i < ORDERS; i++) {
        const uint64_t order_id = h.cells[1 + i].order_canceled.order_id & 0xffffff;

        cr_assert(i == 0 || order_id > slot);
        slot = order_id;
    }
    harness_fini(&h);
}

Test(mass_cancel, slices_that_find_nothing_still_end_well)
{
    enum {
        OTHERS = 3 * SLICE_SCAN
    };
    struct engine_cfg cfg = harness_default_cfg();
    struct cell_mass_cancel mass = own;
    struct harness h;
    uint8_t uuid[16];

    cfg.orders_max = OTHERS + 1;
    harness_init(&h, &cfg);
    harness_quiet(&h);
    harness_session_set(&h, 0, 0, 1);
    for (unsigned i = 0; i < OTHERS; i++)
        harness_new(&h, (struct harness_order){.clord = i, .px = 1000, .qty = 1, .session = 2});
    mass.scope = OE_MASS_CANCEL_SCOPE_ACCOUNT;
    cr_assert_eq(harness_mass_cancel(&h, mass), 0);
    cr_assert_eq(count_of(&h), 0);
    cr_assert_geq(h.slices_cnt, OTHERS / SLICE_SCAN);

    harness_new(&h, (struct harness_order){.clord = 1, .px = 1000, .qty = 1});
    harness_uuid(0, uuid);
    cr_assert_eq(harness_unbind(&h, 0, uuid), ENGINE_DONE);
    harness_clock(&h, engine_deadline_ns(h.engine));
    cr_assert_eq(h.cells_cnt, 2);
    cr_assert_geq(h.slices_cnt, OTHERS / SLICE_SCAN);
    cr_assert_eq(engine_orders_cnt(h.engine), OTHERS);
    engine_check(h.engine);
    harness_fini(&h);
}
