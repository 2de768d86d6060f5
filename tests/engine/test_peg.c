/*
 * Pegs as far as the scenarios do not see them: how much is done for them.
 *
 * Goal: pegs are walked when a reference has changed, and only then. Method:
 * more pegs than a slice looks at, so the number of slices tells of a walk.
 */
#include "tests/engine/harness.h"

#define PEGS (SLICE_SCAN + 64u)

static struct harness h;
static uint64_t clord;

static uint64_t
bid(px_t px)
{
    return harness_new(&h, (struct harness_order){.clord = ++clord, .px = px, .qty = 1});
}

/* set_up: a bid at 100, and pegs a tick behind it that know their references. */
static void
set_up(void)
{
    static const struct cell_order_extension behind = {.peg_offset_px = -1};
    struct engine_cfg cfg = harness_default_cfg();

    cfg.orders_max = 2 * PEGS;
    cfg.extras_max = PEGS;
    harness_init(&h, &cfg);
    harness_quiet(&h);
    cr_assert_neq(bid(100), 0);
    for (uint32_t i = 0; i < PEGS; i++) {
        cr_assert_neq(harness_new(&h, (struct harness_order){.clord = ++clord,
                                                             .px = 100000,
                                                             .qty = 1,
                                                             .ord_type = OE_ORD_TYPE_PEGGED,
                                                             .extension = &behind}),
                      0);
    }
    cr_assert_neq(bid(98), 0);
}

static void
tear_down(void)
{
    engine_check(h.engine);
    harness_fini(&h);
}

TestSuite(peg, .init = set_up, .fini = tear_down);

Test(peg, is_not_looked_at_for_an_order_that_changes_no_reference)
{
    const uint64_t order_id = bid(50);

    cr_assert_neq(order_id, 0);
    cr_assert_eq(h.slices_cnt, 1);
    cr_assert_eq(harness_cancel(&h, 0, order_id), 0);
    cr_assert_eq(h.slices_cnt, 1);
    cr_assert_neq(bid(100), 0);
    cr_assert_eq(h.slices_cnt, 1);
    cr_assert_eq(h.cells_cnt, 1);
}

Test(peg, moves_when_a_reference_changes_there_and_back)
{
    const uint64_t order_id = bid(101);

    cr_assert_neq(order_id, 0);
    cr_assert_gt(h.slices_cnt, 1);
    cr_assert_eq(h.cells_cnt, 1 + PEGS);
    cr_assert_eq(harness_cancel(&h, 0, order_id), 0);
    cr_assert_gt(h.slices_cnt, 1);
    cr_assert_eq(h.cells_cnt, 1 + PEGS);
}
