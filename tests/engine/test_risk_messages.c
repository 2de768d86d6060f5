/*
 * Goal: each message of a session takes one token of its session, account and firm,
 * whatever becomes of it, on either road.
 * Method: buckets of a few tokens, emptied by commands of every kind and outcome.
 */
#include "tests/engine/harness_risk.h"

#define SECOND_NS UINT64_C(1000000000)

static unsigned
rate(struct harness *h, uint8_t level, uint32_t subject, uint8_t limit, int64_t burst)
{
    return harness_limit(h, (struct harness_limit){.level = level,
                                                   .subject = subject,
                                                   .limit = limit,
                                                   .value = burst,
                                                   .window_ns = SECOND_NS});
}

/* out returns how many tokens of session 0 are out. */
static int64_t
out(const struct harness *h, uint8_t limit)
{
    return harness_money(harness_use(h, OE_RISK_LEVEL_SESSION, 0, limit).used);
}

/* left takes messages of session 0 and account 0 until a bucket is empty and returns
 * how many it let through. */
static unsigned
left(struct harness *h, uint64_t clord)
{
    unsigned cnt = 0;

    for (;; cnt++) {
        (void)harness_new(h, (struct harness_order){.clord = clord, .px = 5, .qty = 0});
        if (harness_outcome(h) == OE_REJECT_REASON_THROTTLED)
            return cnt;
    }
}

static const uint8_t levels[] = {OE_RISK_LEVEL_SESSION, OE_RISK_LEVEL_ACCOUNT, OE_RISK_LEVEL_FIRM};

Test(risk_messages, bucket_at_each_level)
{
    for (unsigned i = 0; i < ARRAY_LEN(levels); i++) {
        struct harness h;

        harness_init(&h, NULL);
        cr_assert_eq(rate(&h, levels[i], 0, CELL_RISK_LIMIT_MESSAGE_RATE, 2), 0);
        for (uint64_t clord = 1; clord <= 2; clord++)
            cr_assert_neq(
                harness_new(&h, (struct harness_order){.clord = clord, .px = 5, .qty = 1}), 0);
        cr_assert_eq(harness_new(&h, (struct harness_order){.clord = 3, .px = 5, .qty = 1}), 0);
        cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_THROTTLED);
        cr_assert_eq(cell_count(&h.cells[0]), 2);
        cr_assert_eq(h.cells[1].risk_detail.level, levels[i]);
        cr_assert_eq(h.cells[1].risk_detail.subject, 0);
        cr_assert_eq(h.cells[1].risk_detail.limit, 2);
        cr_assert_eq(h.cells[1].risk_detail.used, 2);
        cr_assert_eq(h.cells[1].risk_detail.value, 1);
        /* A token has come back after a second. */
        h.time_ns += SECOND_NS;
        cr_assert_neq(harness_new(&h, (struct harness_order){.clord = 3, .px = 5, .qty = 1}), 0);
        harness_fini(&h);
    }
}

Test(risk_messages, refused_messages_take_their_token_too)
{
    struct harness h;

    harness_init(&h, NULL);
    cr_assert_eq(rate(&h, OE_RISK_LEVEL_SESSION, 0, CELL_RISK_LIMIT_MESSAGE_RATE, 100), 0);
    cr_assert_eq(rate(&h, OE_RISK_LEVEL_ACCOUNT, 0, CELL_RISK_LIMIT_MESSAGE_RATE, 20), 0);
    (void)harness_new(&h, (struct harness_order){.clord = 1, .px = 5, .qty = 1});
    cr_assert_eq(out(&h, CELL_RISK_LIMIT_MESSAGE_RATE), 1);
    (void)harness_new(&h, (struct harness_order){.clord = 1, .px = 5, .qty = 1});
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_DUPLICATE_CL_ORD_ID);
    cr_assert_eq(out(&h, CELL_RISK_LIMIT_MESSAGE_RATE), 2);
    (void)harness_new(&h, (struct harness_order){.clord = 2, .px = 5, .qty = 0});
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_INVALID_QUANTITY);
    (void)harness_new(&h, (struct harness_order){.clord = 2, .px = 5, .qty = 1, .instrument = 9});
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_UNKNOWN_INSTRUMENT);
    (void)harness_new(&h,
                      (struct harness_order){
                          .clord = 2, .px = 5, .qty = 1, .tif = OE_TIME_IN_FORCE_GOOD_TILL_DATE});
    cr_assert_eq(out(&h, CELL_RISK_LIMIT_MESSAGE_RATE), 5);
    /* A trade, a FOK, a replace that keeps its place, moves, crosses, is refused. */
    (void)harness_new(&h, (struct harness_order){.clord = 3, .px = 5, .qty = 1, .sell = true});
    cr_assert_eq(harness_message_cnt(&h, CELL_KIND_TRADE), 1);
    cr_assert_eq(out(&h, CELL_RISK_LIMIT_MESSAGE_RATE), 6);
    (void)harness_new(&h, (struct harness_order){
                              .clord = 4, .px = 5, .qty = 1, .tif = OE_TIME_IN_FORCE_FILL_OR_KILL});
    cr_assert_eq(out(&h, CELL_RISK_LIMIT_MESSAGE_RATE), 7);
    (void)harness_new(&h, (struct harness_order){.clord = 5, .px = 5, .qty = 4});
    for (qty_t i = 1; i < 4; i++)
        (void)harness_replace(&h, (struct harness_replace){
                                      .orig_clord = 4 + i, .clord = 5 + i, .px = 5, .qty = 4 - i});
    cr_assert_eq(out(&h, CELL_RISK_LIMIT_MESSAGE_RATE), 11);
    cr_assert_eq(harness_replace(
                     &h, (struct harness_replace){.orig_clord = 8, .clord = 9, .px = -5, .qty = 4}),
                 OE_REJECT_REASON_INVALID_PRICE);
    cr_assert_eq(out(&h, CELL_RISK_LIMIT_MESSAGE_RATE), 12);
    cr_assert_eq(left(&h, 99), 8);
    harness_fini(&h);
}

Test(risk_messages, unknown_order_counts_for_the_session_alone)
{
    struct harness h;

    harness_init(&h, NULL);
    for (unsigned i = 0; i < ARRAY_LEN(levels); i++) {
        cr_assert_eq(rate(&h, levels[i], 0, CELL_RISK_LIMIT_MESSAGE_RATE, i == 0 ? 10 : 3), 0);
        cr_assert_eq(rate(&h, levels[i], 0, CELL_RISK_LIMIT_CANCEL_RATE, i == 0 ? 10 : 1), 0);
    }
    for (unsigned i = 0; i < 4; i++)
        cr_assert_eq(
            harness_replace(
                &h, (struct harness_replace){.orig_clord = 8, .clord = 9, .px = 5, .qty = 4}),
            OE_REJECT_REASON_UNKNOWN_ORDER);
    cr_assert_eq(harness_cancel(&h, 0, 77), OE_REJECT_REASON_UNKNOWN_ORDER);
    cr_assert_eq(harness_cancel_clord(&h, 0, 77), OE_REJECT_REASON_UNKNOWN_ORDER);
    cr_assert_eq(out(&h, CELL_RISK_LIMIT_MESSAGE_RATE), 4);
    cr_assert_eq(out(&h, CELL_RISK_LIMIT_CANCEL_RATE), 2);
    cr_assert_eq(left(&h, 99), 3);
    harness_fini(&h);
}

Test(risk_messages, cancels_have_their_own_bucket)
{
    for (unsigned i = 0; i < ARRAY_LEN(levels); i++) {
        struct harness h;
        uint64_t ids[3];

        harness_init(&h, NULL);
        for (uint64_t clord = 1; clord <= 3; clord++)
            ids[clord - 1] =
                harness_new(&h, (struct harness_order){.clord = clord, .px = 5, .qty = 7});
        cr_assert_eq(rate(&h, levels[i], 0, CELL_RISK_LIMIT_MESSAGE_RATE, 1), 0);
        cr_assert_eq(rate(&h, levels[i], 0, CELL_RISK_LIMIT_CANCEL_RATE, 2), 0);
        cr_assert_eq(harness_cancel(&h, 0, ids[0]), 0);
        cr_assert_eq(harness_cancel(&h, 0, ids[1]), 0);
        cr_assert_eq(harness_cancel(&h, 0, ids[2]), OE_REJECT_REASON_THROTTLED);
        cr_assert_eq(cell_count(&h.cells[0]), 2);
        cr_assert_eq(h.cells[0].order_cancel.order_id, ids[2]);
        cr_assert_eq(h.cells[0].order_cancel.removed_qty, 0);
        cr_assert_eq(h.cells[1].risk_detail.level, levels[i]);
        cr_assert_eq(harness_cancel_clord(&h, 0, 3), OE_REJECT_REASON_THROTTLED);
        cr_assert_eq(h.cells[0].order_cancel.order_id, 0);
        cr_assert_eq(harness_mass_cancel(
                         &h, (struct cell_mass_cancel){.instrument = CELL_ANY, .account = 0}),
                     OE_REJECT_REASON_THROTTLED);
        cr_assert_eq(cell_count(&h.cells[0]), 1);
        /* The order lives, and new ones are let in. */
        cr_assert_eq(engine_orders_cnt(h.engine), 1);
        cr_assert_neq(harness_new(&h, (struct harness_order){.clord = 9, .px = 5, .qty = 1}), 0);
        harness_fini(&h);
    }
}

Test(risk_messages, if_one_bucket_is_empty_none_is_asked)
{
    struct harness h;

    harness_init(&h, NULL);
    cr_assert_eq(rate(&h, OE_RISK_LEVEL_SESSION, 0, CELL_RISK_LIMIT_MESSAGE_RATE, 10), 0);
    cr_assert_eq(rate(&h, OE_RISK_LEVEL_ACCOUNT, 0, CELL_RISK_LIMIT_MESSAGE_RATE, 1), 0);
    cr_assert_eq(rate(&h, OE_RISK_LEVEL_FIRM, 0, CELL_RISK_LIMIT_MESSAGE_RATE, 10), 0);
    (void)harness_new(&h, (struct harness_order){.clord = 1, .px = 5, .qty = 1});
    for (uint64_t clord = 2; clord < 7; clord++) {
        (void)harness_new(&h, (struct harness_order){.clord = clord, .px = 5, .qty = 1});
        cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_THROTTLED);
    }
    cr_assert_eq(out(&h, CELL_RISK_LIMIT_MESSAGE_RATE), 1);
    cr_assert_eq(rate(&h, OE_RISK_LEVEL_ACCOUNT, 0, CELL_RISK_LIMIT_MESSAGE_RATE, 100), 0);
    cr_assert_eq(left(&h, 99), 9);
    harness_fini(&h);
}
