/*
 * Goal: sessions whose commands are numbered by what the client calls its orders,
 * and the terms that a replace of theirs may have.
 * Method: one such session, every kind of command with a number that is new,
 * used or lower; then each thing that terms can say, and its refusal.
 */
#include "engine/command.h"

#include "tests/engine/harness.h"

#define FLOW_UNSEQUENCED 2u
#define SESSION          0u

static struct harness h;

static void
start(void)
{
    uint8_t uuid[16];
    union cell cell = {.session_negotiate = {.kind = CELL_KIND_SESSION_NEGOTIATE,
                                             .shape = 1,
                                             .client_flow = FLOW_UNSEQUENCED,
                                             .session = SESSION}};

    harness_init(&h, NULL);
    harness_uuid(SESSION, uuid);
    uuid[15] = 200;
    memcpy(cell.session_negotiate.uuid, uuid, sizeof uuid);
    cell.session_negotiate.time = h.time_ns;
    (void)harness_apply(&h, &cell);
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_NONE);
    cr_assert_eq(harness_establish(&h, SESSION, uuid, false), OE_REJECT_REASON_NONE);
    cr_assert_eq(h.cells[0].session_establish.next_in_no, 1);
}

static void
stop(void)
{
    harness_fini(&h);
}

static uint64_t
next_no(void)
{
    struct engine_session seen;

    engine_session_get(h.engine, SESSION, &seen);
    return seen.next_in_no;
}

/* enter enters an order; false if it left no trace. */
static bool
enter(uint64_t clord, px_t px, qty_t qty)
{
    union cell cells[2];

    (void)harness_order_cells(
        &h, (struct harness_order){.clord = clord, .px = px, .qty = qty, .session = SESSION},
        cells);
    cells[0].order_new.in_no = 0;
    return harness_apply(&h, cells) != ENGINE_DROPPED;
}

/* cancel names an order by its id alone; false if it left no trace. */
static bool
cancel(uint64_t clord)
{
    const union cell cell = {.order_cancel = {.kind = CELL_KIND_ORDER_CANCEL,
                                              .shape = 1,
                                              .instrument = CELL_ANY,
                                              .time = h.time_ns,
                                              .clord = clord,
                                              .orig_clord = clord,
                                              .session = SESSION}};

    return harness_apply(&h, &cell) != ENGINE_DROPPED;
}

static void
replace_cells(uint64_t orig,
              uint64_t clord,
              px_t px,
              qty_t qty,
              struct cell_replace_terms terms,
              union cell cells[3])
{
    memset(cells, 0, 3 * sizeof *cells);
    cells[0].order_replace = (struct cell_order_replace){.kind = CELL_KIND_ORDER_REPLACE,
                                                         .shape = 3,
                                                         .instrument = CELL_ANY,
                                                         .time = h.time_ns,
                                                         .clord = clord,
                                                         .px = px,
                                                         .qty = qty,
                                                         .session = SESSION};
    cells[1].replace_detail =
        (struct cell_replace_detail){.kind = CELL_KIND_REPLACE_DETAIL, .orig_clord = orig};
    cells[2].replace_terms = terms;
    cells[2].replace_terms.kind = CELL_KIND_REPLACE_TERMS;
}

static bool
replace(uint64_t orig, uint64_t clord, px_t px, qty_t qty, struct cell_replace_terms terms)
{
    union cell cells[3];

    replace_cells(orig, clord, px, qty, terms, cells);
    return harness_apply(&h, cells) != ENGINE_DROPPED;
}

static const struct cell_replace_terms or_cancel = {.flags = CELL_REPLACE_FLAGS_OR_CANCEL};

static bool
reduce(uint64_t clord, qty_t qty)
{
    return replace(clord, clord, 0, qty,
                   (struct cell_replace_terms){.flags = CELL_REPLACE_FLAGS_REDUCE});
}

static bool
refused(uint64_t ref_no)
{
    const union cell cell = {.message_refused = {.kind = CELL_KIND_MESSAGE_REFUSED,
                                                 .shape = 1,
                                                 .time = h.time_ns,
                                                 .ref_no = ref_no,
                                                 .reason = OE_REJECT_REASON_MALFORMED_MESSAGE,
                                                 .session = SESSION}};

    return harness_apply(&h, &cell) != ENGINE_DROPPED;
}

static bool
mass_cancel(uint64_t clord)
{
    const union cell cell = {.mass_cancel = {.kind = CELL_KIND_MASS_CANCEL,
                                             .shape = 1,
                                             .instrument = CELL_ANY,
                                             .time = h.time_ns,
                                             .clord = clord,
                                             .scope = OE_MASS_CANCEL_SCOPE_SESSION,
                                             .side = OE_SIDE_FILTER_ANY,
                                             .reason = OE_CANCEL_REASON_MASS_CANCEL,
                                             .account = CELL_ANY,
                                             .session = SESSION}};

    return harness_apply(&h, &cell) != ENGINE_DROPPED;
}

Test(rising, a_number_that_was_used_or_passed_over_leaves_no_trace)
{
    start();
    cr_assert_not(enter(0, 100, 5), "numbers begin with 1");
    cr_assert(enter(1, 100, 5));
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_NONE);
    cr_assert_not(enter(1, 100, 5));
    cr_assert(enter(5, 100, 5), "numbers may be passed over");
    cr_assert_not(enter(3, 100, 5), "and then are gone");
    cr_assert_eq(next_no(), 6);
    cr_assert(enter(6, 100, 0));
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_INVALID_QUANTITY);
    cr_assert_not(enter(6, 100, 5), "a number that was refused is used up");
    cr_assert_not(enter(UINT64_C(1) << 32, 100, 5), "32 bits");
    cr_assert(enter(UINT32_MAX, 100, 5));
    cr_assert_not(enter(UINT32_MAX, 100, 5));
    stop();
}

Test(rising, a_number_is_used_up_even_if_its_order_is_long_gone)
{
    start();
    cr_assert(enter(1, 100, 5));
    cr_assert(cancel(1));
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_NONE);
    cr_assert_not(enter(1, 100, 5));
    stop();
}

Test(rising, a_cancel_has_no_number_and_names_no_instrument)
{
    start();
    cr_assert(enter(1, 100, 5));
    cr_assert(cancel(1));
    cr_assert_eq(h.cells[0].order_cancel.instrument, 0, "it is filled in");
    cr_assert_eq(h.cells[0].order_cancel.removed_qty, 5);
    cr_assert(cancel(1));
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_UNKNOWN_ORDER);
    cr_assert_eq(next_no(), 2);
    stop();
}

Test(rising, mass_cancels_and_refusals_use_numbers_up)
{
    start();
    cr_assert(enter(1, 100, 5));
    cr_assert(mass_cancel(2));
    cr_assert_eq(harness_message_cnt(&h, CELL_KIND_ORDER_CANCELED), 1);
    cr_assert_not(mass_cancel(2));
    cr_assert(refused(3));
    cr_assert_not(refused(3));
    cr_assert(refused(0), "what has no number");
    cr_assert_eq(next_no(), 4);
    stop();
}

Test(rising, a_replace_takes_a_number_only_if_its_order_lives)
{
    start();
    cr_assert(enter(1, 100, 5));
    cr_assert_not(replace(7, 8, 101, 5, or_cancel), "no such order");
    cr_assert_eq(next_no(), 2);
    cr_assert_not(replace(1, 1, 101, 5, or_cancel), "the number was used");
    cr_assert(replace(1, 2, 101, 7, or_cancel));
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_NONE);
    cr_assert_eq(h.cells[0].order_replace.instrument, 0, "it is filled in");
    cr_assert_eq(h.cells[1].replace_detail.new_leaves, 7);
    cr_assert_eq(h.cells[2].replace_terms.kind, CELL_KIND_REPLACE_TERMS);
    cr_assert_eq(next_no(), 3);
    cr_assert_not(replace(1, 3, 101, 7, or_cancel), "the order has another name");
    cr_assert(cancel(2));
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_NONE);
    stop();
}

Test(rising, a_replace_that_asks_for_what_cannot_be_cancels_its_order)
{
    start();
    cr_assert(enter(1, 100, 5));
    cr_assert(replace(1, 2, 0, 5, or_cancel));
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_INVALID_PRICE);
    cr_assert_eq(h.cells[3].order_canceled.kind, CELL_KIND_ORDER_CANCELED);
    cr_assert_eq(h.cells[3].order_canceled.clord, 1);
    cr_assert_eq(h.cells[3].order_canceled.removed_qty, 5);
    cr_assert_eq(h.cells[3].order_canceled.reason, OE_CANCEL_REASON_REPLACE_REFUSED);
    cr_assert_eq(next_no(), 2, "the number was not used");
    cr_assert(enter(2, 100, 5));
    cr_assert(replace(2, 3, 0, 5, (struct cell_replace_terms){.flags = 0}));
    cr_assert_eq(h.cells_cnt, 3, "it was not said that it is to be canceled");
    cr_assert_eq(next_no(), 4, "and so the number is used up");
    stop();
}

Test(rising, terms_that_the_order_does_not_have_are_refused)
{
    start();
    cr_assert(enter(1, 100, 5));
    cr_assert(replace(1, 2, 100, 5,
                      (struct cell_replace_terms){.tif = OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL}));
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_TIME_IN_FORCE_NOT_ALLOWED);
    cr_assert(replace(1, 3, 100, 5, (struct cell_replace_terms){.side = OE_SIDE_SELL}));
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED);
    cr_assert(replace(1, 4, 100, 5,
                      (struct cell_replace_terms){.exec_inst = OE_EXEC_INST_HIDDEN,
                                                  .exec_mask = OE_EXEC_INST_HIDDEN}));
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED);
    cr_assert(replace(1, 5, 100, 5, (struct cell_replace_terms){.ord_type = OE_ORD_TYPE_PEGGED}));
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_ORDER_TYPE_NOT_ALLOWED);
    cr_assert(replace(1, 6, 100, 5,
                      (struct cell_replace_terms){.refusal = OE_REJECT_REASON_INVALID_LOT}));
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_INVALID_LOT);
    cr_assert(replace(1, 7, 100, 4,
                      (struct cell_replace_terms){.tif = OE_TIME_IN_FORCE_DAY,
                                                  .side = OE_SIDE_BUY,
                                                  .ord_type = OE_ORD_TYPE_LIMIT,
                                                  .exec_mask = OE_EXEC_INST_HIDDEN}));
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_NONE);
    stop();
}

Test(rising, an_order_that_only_gets_smaller_keeps_its_place_its_price_and_its_name)
{
    start();
    cr_assert(enter(1, 100, 50));

    const uint64_t id = h.cells[0].order_new.order_id;

    cr_assert(enter(2, 100, 50));
    cr_assert(reduce(1, 20));
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_NONE);
    cr_assert_eq(h.cells[0].order_replace.px, 100, "it is filled in");
    cr_assert_eq(h.cells[0].order_replace.clord, 1);
    cr_assert_eq(h.cells[1].replace_detail.new_order_id, id);
    cr_assert_eq(h.cells[1].replace_detail.old_leaves, 50);
    cr_assert_eq(h.cells[1].replace_detail.new_leaves, 20);
    cr_assert_eq(next_no(), 3, "it has no number");
    /* Who sells 20 meets it first. */
    (void)harness_new(
        &h, (struct harness_order){.clord = 1, .px = 100, .qty = 15, .session = 2, .sell = true});

    const union cell *trade = harness_message(&h, CELL_KIND_TRADE, 0);

    cr_assert_not_null(trade);
    cr_assert_eq(trade[1].trade_maker.clord, 1);
    cr_assert_eq(trade[1].trade_maker.leaves_qty, 5);
    cr_assert(reduce(1, 21));
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_INVALID_QUANTITY, "it would grow");
    cr_assert(reduce(1, 18));
    cr_assert_eq(h.cells[1].replace_detail.new_leaves, 3, "the total has what was filled in it");
    cr_assert(reduce(1, 10));
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_NONE);
    cr_assert_eq(h.cells[1].replace_detail.new_leaves, 0);
    cr_assert_eq(h.cells[3].order_canceled.removed_qty, 3);
    cr_assert_eq(h.cells[3].order_canceled.reason, OE_CANCEL_REASON_REQUESTED);
    cr_assert(reduce(1, 1));
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_UNKNOWN_ORDER);
    stop();
}

Test(rising, a_session_that_counts_has_terms_and_sizes_as_well)
{
    union cell cells[3];

    start();
    (void)harness_new(&h, (struct harness_order){.clord = 1, .px = 100, .qty = 9, .session = 2});
    replace_cells(1, 1, 0, 4, (struct cell_replace_terms){.flags = CELL_REPLACE_FLAGS_REDUCE},
                  cells);
    cells[0].order_replace.session = 2;
    cells[0].order_replace.in_no = harness_in_no(&h, 2);
    cr_assert_neq(harness_apply(&h, cells), ENGINE_DROPPED);
    cr_assert_eq(h.cells[1].replace_detail.new_leaves, 4);
    stop();
}

Test(rising, a_session_set_anew_goes_on_as_it_was)
{
    start();
    cr_assert(enter(4, 100, 5));
    cr_assert_eq(harness_session_set(&h, SESSION, 0, 1000), OE_REJECT_REASON_NONE);
    cr_assert_not(enter(4, 100, 5));
    cr_assert(enter(9, 100, 5));
    stop();
}

Test(rising, terms_are_well_formed_where_they_may_stand)
{
    union cell cells[4];

    replace_cells(1, 2, 100, 5, or_cancel, cells);
    cr_assert(command_well_formed(cells, 3));
    cells[3].risk_detail = (struct cell_risk_detail){.kind = CELL_KIND_RISK_DETAIL};
    cells[0].bytes[1] = 4;
    cr_assert(command_well_formed(cells, 4), "as a refusal is in the journal");
    cells[3] = cells[2];
    cr_assert_not(command_well_formed(cells, 4), "twice");
    cells[2].risk_detail = (struct cell_risk_detail){.kind = CELL_KIND_RISK_DETAIL};
    cr_assert_not(command_well_formed(cells, 4), "behind the numbers of a refusal");
    replace_cells(1, 2, 100, 5, or_cancel, cells);
    cells[2].replace_terms.flags = 8;
    cr_assert_not(command_well_formed(cells, 3), "no such flag");
    cells[2].replace_terms.flags = CELL_REPLACE_FLAGS_REDUCE;
    cr_assert_not(command_well_formed(cells, 3), "it keeps its name");
    cells[0].order_replace.clord = 1;
    cr_assert(command_well_formed(cells, 3));
    cells[1].replace_detail.display_qty = 1;
    cr_assert_not(command_well_formed(cells, 3), "nothing else changes");
    cells[1].replace_detail.display_qty = 0;
    cells[2].replace_terms.flags |= CELL_REPLACE_FLAGS_OR_CANCEL;
    cr_assert_not(command_well_formed(cells, 3));
}
