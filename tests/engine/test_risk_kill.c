/*
 * Goal: a kill blocks entry at one sequence number and cancels all that lives of its
 * subject in that very command, before any other.
 * Method: orders of all places, in numbers that need many slices; what is refused
 * behind it and what is not; each level beside one that is not killed.
 */
#include "tests/engine/harness_risk.h"

#define MANY 1000u

static void
enter_many(struct harness *h, uint16_t session, uint32_t account, uint64_t first, unsigned cnt)
{
    for (unsigned i = 0; i < cnt; i++)
        cr_assert_neq(harness_new(h, (struct harness_order){.clord = first + i,
                                                            .px = 5 + i % 7,
                                                            .qty = 1,
                                                            .session = session,
                                                            .account = account}),
                      0);
}

static const struct {
    uint8_t level;
    uint32_t subject;
    unsigned canceled; /* of those that enter_all enters */
} subjects[] = {
    {OE_RISK_LEVEL_SESSION, 0, 3},
    {OE_RISK_LEVEL_ACCOUNT, 1, 2},
    {OE_RISK_LEVEL_GROUP, 0, 4},
    {OE_RISK_LEVEL_FIRM, 0, 4},
};

/* enter_all enters orders of firm 0: three of session 0, of which two are of account
 * 1, and one of session 1 and account 0; and one of firm 1. */
static void
enter_all(struct harness *h)
{
    enter_many(h, 0, 0, 1, 1);
    enter_many(h, 0, 1, 2, 2);
    enter_many(h, 1, 0, 4, 1);
    enter_many(h, 2, 2, 5, 1);
}

Test(risk_kill, kill_blocks_and_cancels_in_its_own_command)
{
    for (unsigned i = 0; i < ARRAY_LEN(subjects); i++) {
        struct harness h;
        const union cell *action;

        harness_init(&h, NULL);
        enter_all(&h);
        cr_assert_eq(harness_kill(&h, subjects[i].level, subjects[i].subject, true), 0);
        cr_assert_eq(harness_message_cnt(&h, CELL_KIND_ORDER_CANCELED), subjects[i].canceled);
        for (unsigned n = 0; n < subjects[i].canceled; n++)
            cr_assert_eq(harness_message(&h, CELL_KIND_ORDER_CANCELED, n)->order_canceled.reason,
                         OE_CANCEL_REASON_KILL_SWITCH);
        action = harness_message(&h, CELL_KIND_RISK_ACTION, 0);
        cr_assert_not_null(action);
        cr_assert(cell_is_last(action));
        cr_assert_eq(action->risk_action.level, subjects[i].level);
        cr_assert_eq(action->risk_action.subject, subjects[i].subject);
        cr_assert_eq(action->risk_action.limit, CELL_RISK_LIMIT_NONE);
        cr_assert_eq(action->risk_action.stage, CELL_RISK_STAGE_KILLED);
        cr_assert_eq(action->risk_action.count, subjects[i].canceled);
        cr_assert_eq(engine_orders_cnt(h.engine), 5 - subjects[i].canceled);

        (void)harness_new(&h, (struct harness_order){.clord = 90, .px = 5, .qty = 1, .account = 1});
        cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_KILL_SWITCH);
        cr_assert_eq(h.cells[1].risk_detail.level, subjects[i].level);
        cr_assert_eq(h.cells[1].risk_detail.subject, subjects[i].subject);
        /* The other firm trades on. */
        cr_assert_neq(harness_new(&h,
                                  (struct harness_order){
                                      .clord = 91, .px = 5, .qty = 1, .session = 2, .account = 2}),
                      0);
        cr_assert_eq(harness_enable(&h, subjects[i].level, subjects[i].subject), 0);
        cr_assert_neq(
            harness_new(&h, (struct harness_order){.clord = 92, .px = 5, .qty = 1, .account = 1}),
            0);
        harness_fini(&h);
    }
}

Test(risk_kill, kill_without_cancels_leaves_orders_and_lets_them_be_canceled)
{
    for (unsigned i = 0; i < ARRAY_LEN(subjects); i++) {
        struct harness h;

        harness_init(&h, NULL);
        enter_all(&h);
        cr_assert_eq(harness_kill(&h, subjects[i].level, subjects[i].subject, false), 0);
        cr_assert_eq(h.cells_cnt, 3);
        cr_assert_eq(h.cells[2].risk_action.count, 0);
        cr_assert_eq(engine_orders_cnt(h.engine), 5);
        cr_assert_eq(
            harness_replace(
                &h, (struct harness_replace){.orig_clord = 2, .clord = 80, .px = 5, .qty = 1}),
            OE_REJECT_REASON_KILL_SWITCH);
        cr_assert_eq(harness_cancel_clord(&h, 0, 2), 0);
        cr_assert_eq(harness_mass_cancel(&h, (struct cell_mass_cancel){.instrument = CELL_ANY,
                                                                       .account = CELL_ANY}),
                     0);
        cr_assert_eq(harness_message_cnt(&h, CELL_KIND_ORDER_CANCELED), 2);
        /* What is killed may be killed again, and then cancels what is left. */
        cr_assert_eq(harness_kill(&h, subjects[i].level, subjects[i].subject, true), 0);
        harness_fini(&h);
    }
}

Test(risk_kill, kill_of_many_takes_slices_of_one_command)
{
    struct harness h;

    harness_init(&h, NULL);
    enter_many(&h, 0, 0, 1, MANY);
    cr_assert_eq(harness_kill(&h, OE_RISK_LEVEL_FIRM, 0, true), 0);
    cr_assert_gt(h.slices_cnt, 5);
    cr_assert_eq(harness_message_cnt(&h, CELL_KIND_ORDER_CANCELED), MANY);
    cr_assert_eq(harness_message(&h, CELL_KIND_RISK_ACTION, 0)->risk_action.count, MANY);
    cr_assert_eq(engine_orders_cnt(h.engine), 0);
    harness_fini(&h);
}

Test(risk_kill, limit_that_cancels_takes_slices_of_one_command)
{
    struct harness_limit limit = {.limit = CELL_RISK_LIMIT_OPEN_ORDERS, .cancels = 1};
    const struct cell_risk_action *action;
    struct harness h;

    harness_init(&h, NULL);
    enter_many(&h, 0, 0, 1, MANY);
    enter_many(&h, 0, 1, 1 + MANY, 1);
    limit.value = MANY;
    cr_assert_eq(harness_limit(&h, limit), 0);
    cr_assert_eq(harness_message_cnt(&h, CELL_KIND_ORDER_CANCELED), 0);
    limit.value = MANY - 1;
    cr_assert_eq(harness_limit(&h, limit), 0);
    cr_assert_gt(h.slices_cnt, 5);
    cr_assert_eq(harness_message_cnt(&h, CELL_KIND_ORDER_CANCELED), MANY);
    action = &harness_message(&h, CELL_KIND_RISK_ACTION, 0)->risk_action;
    cr_assert_eq(action->stage, CELL_RISK_STAGE_LOWERED);
    cr_assert_eq(action->count, MANY);
    cr_assert_eq(action->used, MANY);
    cr_assert_eq(engine_orders_cnt(h.engine), 1);
    harness_fini(&h);
}

/* A stop of a killed session goes as well; its price is not reached by a cancel, and
 * pegs of others follow the price that is left. */
Test(risk_kill, waiting_orders_go_and_pegs_of_others_follow)
{
    const struct cell_order_extension stop = {.stop_px = 50};
    const struct cell_order_extension peg = {.peg_offset_px = 0};
    struct harness h;

    harness_init(&h, NULL);
    enter_many(&h, 2, 2, 1, 1); /* 5 */
    (void)harness_new(&h, (struct harness_order){.clord = 2, .px = 9, .qty = 1});
    (void)harness_new(&h, (struct harness_order){.clord = 3,
                                                 .px = 60,
                                                 .qty = 1,
                                                 .ord_type = OE_ORD_TYPE_STOP_LIMIT,
                                                 .extension = &stop});
    (void)harness_new(&h, (struct harness_order){.clord = 4,
                                                 .px = 20,
                                                 .qty = 1,
                                                 .session = 2,
                                                 .ord_type = OE_ORD_TYPE_PEGGED,
                                                 .extension = &peg});
    cr_assert_eq(harness_outcome(&h), 0);
    cr_assert_eq(harness_kill(&h, OE_RISK_LEVEL_SESSION, 0, true), 0);
    cr_assert_eq(harness_message_cnt(&h, CELL_KIND_ORDER_CANCELED), 2);

    const union cell *restated = harness_message(&h, CELL_KIND_ORDER_RESTATED, 0);

    cr_assert_not_null(restated);
    cr_assert_eq(restated->order_restated.px, 5);
    cr_assert_gt(restated, harness_message(&h, CELL_KIND_RISK_ACTION, 0));
    harness_fini(&h);
}

Test(risk_kill, quotes_of_who_is_killed_are_refused)
{
    struct harness h;
    union cell cells[2] = {{.mass_quote = {.kind = CELL_KIND_MASS_QUOTE,
                                           .shape = 2,
                                           .time = 1000,
                                           .clord = 7,
                                           .entries_cnt = 1}},
                           {.quote_pair = {.kind = CELL_KIND_QUOTE_PAIR,
                                           .bid_px1 = 5,
                                           .ask_px1 = 6,
                                           .bid_qty1 = 1,
                                           .ask_qty1 = 1}}};

    harness_init(&h, NULL);
    cells[0].mass_quote.in_no = harness_in_no(&h, 0);
    (void)harness_apply(&h, cells);
    cr_assert_eq(engine_orders_cnt(h.engine), 2);
    cr_assert_eq(harness_kill(&h, OE_RISK_LEVEL_SESSION, 0, true), 0);
    cr_assert_eq(engine_orders_cnt(h.engine), 0);
    cells[0].mass_quote.in_no = harness_in_no(&h, 0);
    (void)harness_apply(&h, cells);
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_KILL_SWITCH);
    cr_assert_eq(h.cells_cnt, 2);
    /* Of an account the request is let in, and each side refused. */
    cr_assert_eq(harness_enable(&h, OE_RISK_LEVEL_SESSION, 0), 0);
    cr_assert_eq(harness_kill(&h, OE_RISK_LEVEL_ACCOUNT, 0, true), 0);
    cells[0].mass_quote.in_no = harness_in_no(&h, 0);
    (void)harness_apply(&h, cells);
    cr_assert_eq(harness_outcome(&h), 0);
    cr_assert_eq(h.cells[2].quote_entry.bid_outcome, OE_REJECT_REASON_KILL_SWITCH);
    cr_assert_eq(h.cells[2].quote_entry.ask_outcome, OE_REJECT_REASON_KILL_SWITCH);
    harness_fini(&h);
}

Test(risk_kill, kill_outlives_a_restart_and_a_new_session)
{
    struct harness h;
    uint8_t uuid[16];

    harness_init(&h, NULL);
    cr_assert_eq(harness_kill(&h, OE_RISK_LEVEL_SESSION, 0, true), 0);
    cr_assert_eq(harness_restart(&h, 1, CELL_ACK_MODE_MEMORY), 0);
    cr_assert_eq(harness_session_set(&h, 0, 0, 5), 0);
    harness_uuid(7, uuid);
    cr_assert_eq(harness_negotiate(&h, 0, uuid, 2), 0);
    cr_assert_eq(harness_establish(&h, 0, uuid, false), 0);
    (void)harness_new(&h, (struct harness_order){.clord = 1, .px = 5, .qty = 1});
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_KILL_SWITCH);
    harness_fini(&h);
}

Test(risk_kill, what_is_not_there_cannot_be_killed)
{
    static const uint32_t none[] = {
        [OE_RISK_LEVEL_SESSION] = 5,    [OE_RISK_LEVEL_ACCOUNT] = 9,
        [OE_RISK_LEVEL_GROUP] = 5,      [OE_RISK_LEVEL_FIRM] = 3,
        [OE_RISK_LEVEL_INSTRUMENT] = 0, [OE_RISK_LEVEL_ACCOUNT_INSTRUMENT] = 0};
    struct harness h;

    harness_init(&h, NULL);
    for (uint8_t level = 0; level < ARRAY_LEN(none); level++) {
        cr_assert_eq(harness_kill(&h, level, none[level], true),
                     OE_REJECT_REASON_CONFIGURATION_RANGE);
        cr_assert_eq(harness_enable(&h, level, none[level]), OE_REJECT_REASON_CONFIGURATION_RANGE);
        cr_assert_eq(h.cells_cnt, 2);
    }
    cr_assert_eq(harness_kill(&h, OE_RISK_LEVEL_SESSION, CELL_SESSION, true),
                 OE_REJECT_REASON_CONFIGURATION_RANGE);
    cr_assert_eq(harness_kill(&h, OE_RISK_LEVEL_SESSION, UINT32_MAX, true),
                 OE_REJECT_REASON_CONFIGURATION_RANGE);
    harness_fini(&h);
}
