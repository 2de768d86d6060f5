/*
 * Pegs as far as the scenarios do not see them: how much is done for them.
 *
 * Goal: pegs are walked when a reference has changed, and only then. Method:
 * books that are full of pegs, together more than a slice looks at, and one quote
 * in all of them, so the number of slices tells of a walk.
 */
#include "tests/engine/harness.h"

#define BOOKS 5u
#define PEGS  (BOOKS * PEGS_MAX)

_Static_assert(PEGS > SLICE_SCAN, "a walk over all takes more than a slice");

static struct harness h;
static uint64_t clord;

static uint64_t
bid(uint32_t instrument, px_t px)
{
    return harness_new(
        &h, (struct harness_order){.clord = ++clord, .instrument = instrument, .px = px, .qty = 1});
}

/* peg enters a peg a tick behind the best bid. */
static uint64_t
peg(uint32_t instrument)
{
    static const struct cell_order_extension behind = {.peg_offset_px = -1};

    return harness_new(&h, (struct harness_order){.clord = ++clord,
                                                  .instrument = instrument,
                                                  .px = 100000,
                                                  .qty = 1,
                                                  .ord_type = OE_ORD_TYPE_PEGGED,
                                                  .extension = &behind});
}

/* quote replaces the bids that were quoted before in all books, px 0: by none. */
static void
quote(px_t px)
{
    const unsigned count = 1 + (BOOKS + 1) / 2;
    const qty_t qty = px != 0;
    union cell cells[1 + (BOOKS + 1) / 2] = {
        {.mass_quote = {.kind = CELL_KIND_MASS_QUOTE,
                        .shape = (uint8_t)count,
                        .entries_cnt = BOOKS,
                        .time = h.time_ns,
                        .clord = ++clord,
                        .in_no = harness_in_no(&h, 0)}},
    };

    for (uint32_t i = 0; i < BOOKS; i++) {
        struct cell_quote_pair *pair = &cells[1 + i / 2].quote_pair;

        pair->kind = CELL_KIND_QUOTE_PAIR;
        if (i % 2 == 0) {
            pair->instrument1 = i;
            pair->bid_px1 = px;
            pair->bid_qty1 = qty;
        } else {
            pair->instrument2 = i;
            pair->bid_px2 = px;
            pair->bid_qty2 = qty;
        }
    }
    cr_assert_eq(harness_apply(&h, cells), ENGINE_DONE);
    cr_assert_eq(harness_outcome(&h), 0);
}

/* set_up: in each book a bid at 100, and pegs a tick behind it that know their
 * references. */
static void
set_up(void)
{
    struct engine_cfg cfg = harness_default_cfg();

    cfg.orders_max = 2 * PEGS;
    cfg.extras_max = PEGS + 1;
    harness_init(&h, &cfg);
    harness_quiet(&h);
    for (uint32_t i = HARNESS_INSTRUMENTS; i <= BOOKS; i++)
        cr_assert_eq(harness_instrument_set(&h, i, 1, 1, CELL_INSTRUMENT_STATE_OPEN,
                                            harness_no_instrument_limits()),
                     0);
    for (uint32_t i = 0; i < BOOKS; i++) {
        cr_assert_neq(bid(i, 100), 0);
        for (uint32_t j = 0; j < PEGS_MAX; j++)
            cr_assert_neq(peg(i), 0);
        cr_assert_neq(bid(i, 98), 0);
    }
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
    quote(50);
    cr_assert_eq(harness_message_cnt(&h, CELL_KIND_QUOTE_ENTRY), BOOKS);
    cr_assert_eq(h.slices_cnt, 1);
    quote(0);
    cr_assert_eq(harness_message_cnt(&h, CELL_KIND_ORDER_CANCELED), BOOKS);
    cr_assert_eq(h.slices_cnt, 1);
    quote(100);
    cr_assert_eq(h.slices_cnt, 1);
    cr_assert_eq(harness_message_cnt(&h, CELL_KIND_ORDER_RESTATED), 0);
}

Test(peg, moves_when_a_reference_changes_there_and_back)
{
    quote(101);
    cr_assert_gt(h.slices_cnt, 1);
    cr_assert_eq(harness_message_cnt(&h, CELL_KIND_ORDER_RESTATED), PEGS);
    quote(0);
    cr_assert_gt(h.slices_cnt, 1);
    cr_assert_eq(harness_message_cnt(&h, CELL_KIND_ORDER_RESTATED), PEGS);
}

Test(peg, is_refused_at_the_limit_of_its_instrument_alone)
{
    cr_assert_eq(peg(0), 0);
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_PEG_POOL_FULL);
    cr_assert_neq(bid(0, 50), 0);
    cr_assert_neq(peg(BOOKS), 0);
    /* Now there is no record left either, and that comes first. */
    cr_assert_eq(peg(0), 0);
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_ATTRIBUTE_POOL_FULL);
}

Test(peg, that_ends_makes_room_for_one)
{
    cr_assert_eq(harness_cancel_clord(&h, 0, 2), 0);
    cr_assert_neq(peg(0), 0);
    cr_assert_eq(peg(0), 0);
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_PEG_POOL_FULL);
}
