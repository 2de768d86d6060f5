/*
 * Goal: the model of risk does what docs/risk.md says. Method: it is alone, and what it
 * answers is compared with numbers that were worked out by hand from the page: so the
 * engine is not held against a model that nobody has looked at.
 */
#include <criterion/criterion.h>

#include "tests/model/solo.h"

#define PX(units, cents) ((units)*PX_ONE + (cents) * (PX_ONE / 100))

static uint16_t
enter(struct solo *solo, uint32_t account, bool sell, qty_t qty, px_t px, uint64_t clord)
{
    const struct command command = command_new(&(struct command_order){
        .account = account,
        .session = account < 2 ? 0 : 1,
        .sell = sell,
        .qty = qty,
        .px = px,
        .clord = clord,
    });

    return solo_apply(solo, &command);
}

static uint16_t
set(struct solo *solo, uint8_t level, uint32_t subject, uint8_t limit, int64_t value)
{
    const struct command command = command_limit(level, subject, limit, value);

    return solo_apply(solo, &command);
}

static void
set_window(struct solo *solo,
           uint8_t level,
           uint32_t subject,
           uint8_t limit,
           int64_t n,
           uint64_t ns)
{
    struct command command = command_limit(level, subject, limit, n);

    command.cells[0].limit_set.window_ns = ns;
    cr_assert_eq(solo_apply(solo, &command), 0);
}

static void
set_fees(struct solo *solo, int32_t maker_ppm, int32_t taker_ppm)
{
    struct command command = command_admin(CELL_KIND_FEE_SET);

    command.cells[0].fee_set.maker_ppm = maker_ppm;
    command.cells[0].fee_set.taker_ppm = taker_ppm;
    cr_assert_eq(solo_apply(solo, &command), 0);
}

static void
deposit(struct solo *solo, uint32_t account, px_t amount)
{
    struct command command = command_admin(CELL_KIND_CASH_MOVE);

    command.cells[0].cash_move.account = account;
    command.cells[0].cash_move.amount = amount;
    cr_assert_eq(solo_apply(solo, &command), 0);
}

static void
mark(struct solo *solo, px_t px)
{
    struct command command = command_admin(CELL_KIND_MARK_SET);

    command.cells[0].mark_set.px = px;
    cr_assert_eq(solo_apply(solo, &command), 0);
}

static void
wait(struct solo *solo, uint64_t ns)
{
    const struct command command = command_clock(ns);

    cr_assert_eq(solo_apply(solo, &command), 0);
}

static const struct cell_risk_detail *
detail(const struct solo *solo)
{
    const union cell *cell = solo_find(solo, CELL_KIND_RISK_DETAIL, 0);

    cr_assert_not_null(cell);
    return &cell->risk_detail;
}

Test(rules, buy_reserves_at_the_higher_rate_and_the_fill_gives_back_the_rest)
{
    struct solo *solo = solo_new();

    /* A lot at 10.00 costs a fee of 0.0025 at most, and a rebate of 0.0015. */
    set_fees(solo, -150, 250);
    cr_assert_eq(set(solo, OE_RISK_LEVEL_ACCOUNT, 0, CELL_RISK_LIMIT_CREDIT, 0), 0);
    deposit(solo, 0, PX(100, 2));
    cr_expect_eq(enter(solo, 0, false, 10, PX(10, 0), 1), OE_REJECT_REASON_INSUFFICIENT_FUNDS);
    cr_expect_eq(detail(solo)->limit, 0);
    cr_expect_eq(detail(solo)->used, -PX(100, 2));
    cr_expect_eq(detail(solo)->value, 10 * (PX(10, 0) + 250000));
    deposit(solo, 0, PX(0, 1) / 2);
    cr_expect_eq(enter(solo, 0, false, 10, PX(10, 0), 1), 0);
    cr_expect_eq(model_reserved_cash(solo->model, 0), PX(100, 2) + PX(0, 1) / 2);

    cr_expect_eq(enter(solo, 2, true, 4, PX(9, 0), 2), 0);
    cr_expect_eq(solo_find(solo, CELL_KIND_TRADE_MAKER, 0)->trade_maker.maker_fee, -4 * 150000);
    cr_expect_eq(solo_find(solo, CELL_KIND_TRADE_MAKER, 0)->trade_maker.taker_fee, 4 * 250000);
    cr_expect_eq(solo->model->accounts[0].balance,
                 PX(100, 2) + PX(0, 1) / 2 - 4 * (PX(10, 0) - 150000));
    cr_expect_eq(solo->model->accounts[2].balance, 4 * (PX(10, 0) - 250000));
    cr_expect_eq(solo->model->fees, 4 * 100000);
    cr_expect_eq(model_reserved_cash(solo->model, 0), 6 * (PX(10, 0) + 250000));
    solo_free(solo);
}

Test(rules, fee_of_a_lot_is_rounded_up_and_a_rebate_never_is_more)
{
    struct solo *solo = solo_new();

    struct command fine = command_instrument(3);
    struct command fees = command_admin(CELL_KIND_FEE_SET);
    struct command_order order = {
        .session = 0, .instrument = 3, .qty = 7, .px = 1500000, .clord = 1};

    /* 3 ppm of 1500000 are 4.5. */
    fine.cells[0].instrument_set.tick_px = 1;
    fees.cells[0].fee_set.instrument = 3;
    fees.cells[0].fee_set.maker_ppm = -3;
    fees.cells[0].fee_set.taker_ppm = 3;
    cr_assert_eq(solo_apply(solo, &fine), 0);
    cr_assert_eq(solo_apply(solo, &fees), 0);

    struct command command = command_new(&order);

    cr_assert_eq(solo_apply(solo, &command), 0);
    order.account = 1;
    order.sell = true;
    order.clord = 2;
    command = command_new(&order);
    cr_assert_eq(solo_apply(solo, &command), 0);
    cr_expect_eq(solo_find(solo, CELL_KIND_TRADE_MAKER, 0)->trade_maker.taker_fee, 7 * 5);
    cr_expect_eq(solo_find(solo, CELL_KIND_TRADE_MAKER, 0)->trade_maker.maker_fee, 7 * -4);
    solo_free(solo);
}

Test(rules, bucket_is_full_again_one_token_at_a_time)
{
    struct solo *solo = solo_new();

    set_window(solo, OE_RISK_LEVEL_FIRM, 0, CELL_RISK_LIMIT_MESSAGE_RATE, 2, 1000);
    cr_expect_eq(enter(solo, 0, false, 1, PX(1, 0), 1), 0);
    cr_expect_eq(enter(solo, 1, false, 1, PX(1, 0), 2), 0);
    cr_expect_eq(enter(solo, 0, false, 1, PX(1, 0), 3), OE_REJECT_REASON_THROTTLED);
    cr_expect_eq(detail(solo)->level, OE_RISK_LEVEL_FIRM);
    cr_expect_eq(detail(solo)->limit, 2);
    cr_expect_eq(detail(solo)->used, 2);
    cr_expect_eq(detail(solo)->value, 1);
    /* An account of another firm is the session's alone. */
    struct command stranger = command_new(
        &(struct command_order){.account = 2, .session = 0, .qty = 1, .px = PX_ONE, .clord = 4});
    cr_expect_eq(solo_apply(solo, &stranger), OE_REJECT_REASON_ACCOUNT_NOT_OF_FIRM);
    wait(solo, 1000);
    cr_expect_eq(enter(solo, 0, false, 1, PX(1, 0), 5), 0);
    cr_expect_eq(enter(solo, 0, false, 1, PX(1, 0), 6), OE_REJECT_REASON_THROTTLED);
    /* Cancels have a bucket of their own. */
    const struct command cancel = command_cancel(0, 0, 1, 7);
    cr_expect_eq(solo_apply(solo, &cancel), 0);
    solo_free(solo);
}

Test(rules, kill_cancels_in_order_of_slots_and_tells_how_many)
{
    struct solo *solo = solo_new();
    const struct command kill = command_kill(OE_RISK_LEVEL_FIRM, 0, true);
    const struct command enable = command_enable(OE_RISK_LEVEL_FIRM, 0);

    for (uint64_t i = 1; i <= 3; i++)
        cr_assert_eq(enter(solo, i % 2, false, 5, PX(1, 0), i), 0);
    cr_assert_eq(enter(solo, 2, false, 5, PX(1, 0), 9), 0);
    cr_expect_eq(solo_apply(solo, &kill), 0);
    cr_expect_eq(solo->model->group_cnt, 2 + 3 + 1);
    for (unsigned i = 0; i < 3; i++) {
        cr_expect_eq(solo_find(solo, CELL_KIND_ORDER_CANCELED, i)->order_canceled.clord, i + 1);
        cr_expect_eq(solo_find(solo, CELL_KIND_ORDER_CANCELED, i)->order_canceled.reason,
                     OE_CANCEL_REASON_KILL_SWITCH);
    }
    cr_expect_eq(solo_find(solo, CELL_KIND_RISK_ACTION, 0)->risk_action.count, 3);
    cr_expect_eq(solo_find(solo, CELL_KIND_RISK_ACTION, 0)->risk_action.stage,
                 CELL_RISK_STAGE_KILLED);
    cr_expect_eq(enter(solo, 0, false, 5, PX(1, 0), 4), OE_REJECT_REASON_KILL_SWITCH);
    cr_expect_eq(detail(solo)->level, OE_RISK_LEVEL_FIRM);
    cr_expect_eq(enter(solo, 3, false, 5, PX(1, 0), 5), 0);
    cr_expect_eq(solo_apply(solo, &enable), 0);
    cr_expect_eq(enter(solo, 0, false, 5, PX(1, 0), 4), 0);
    solo_free(solo);
}

Test(rules, only_the_worst_stage_of_a_subject_is_told_and_all_hold)
{
    struct solo *solo = solo_new();
    struct command limit =
        command_limit(OE_RISK_LEVEL_GROUP, 0, CELL_RISK_LIMIT_OPEN_NOTIONAL, 100 * PX_ONE);

    limit.cells[0].limit_set.warn_permille = 500;
    limit.cells[0].limit_set.close_permille = 600;
    limit.cells[0].limit_set.block_permille = 999;
    cr_assert_eq(solo_apply(solo, &limit), 0);
    cr_expect_eq(enter(solo, 0, false, 1, PX(49, 99), 1), 0);
    cr_expect_eq(solo->model->group_cnt, 1);
    cr_expect_eq(enter(solo, 1, false, 1, PX(10, 1), 2), 0);
    cr_expect_eq(solo_find(solo, CELL_KIND_RISK_ACTION, 0)->risk_action.stage,
                 CELL_RISK_STAGE_CLOSE_ONLY);
    cr_expect_eq(solo_find(solo, CELL_KIND_RISK_ACTION, 0)->risk_action.used, PX(60, 0));
    cr_expect_null(solo_find(solo, CELL_KIND_RISK_WARNING, 0));
    cr_expect_eq(enter(solo, 0, false, 1, PX(10, 0), 3), OE_REJECT_REASON_ACCOUNT_CLOSE_ONLY);
    /* A new limit ends the stages, and they begin again while use is there. */
    cr_assert_eq(solo_apply(solo, &limit), 0);
    cr_expect_eq(enter(solo, 0, false, 1, PX(39, 90), 4), 0);
    cr_expect_eq(solo_find(solo, CELL_KIND_RISK_ACTION, 0)->risk_action.stage,
                 CELL_RISK_STAGE_BLOCKED);
    cr_expect_eq(solo_find(solo, CELL_KIND_RISK_ACTION, 0)->risk_action.count, 3);
    cr_expect_eq(model_use(solo->model, OE_RISK_LEVEL_GROUP, 0, CELL_RISK_LIMIT_OPEN_NOTIONAL), 0);
    cr_expect_eq(enter(solo, 1, false, 1, PX(1, 0), 5), OE_REJECT_REASON_ACCOUNT_BLOCKED);
    solo_free(solo);
}

Test(rules, mark_moves_the_loss_of_all_who_hold_something)
{
    struct solo *solo = solo_new();

    cr_assert_eq(enter(solo, 0, false, 10, PX(10, 0), 1), 0);
    cr_assert_eq(enter(solo, 2, true, 10, PX(10, 0), 2), 0);
    cr_assert_eq(set(solo, OE_RISK_LEVEL_ACCOUNT, 0, CELL_RISK_LIMIT_DAILY_LOSS, PX(20, 0)), 0);
    mark(solo, PX(8, 1));
    cr_expect_eq(solo->model->accounts[0].profit, -PX(19, 90));
    cr_expect_eq(solo->model->accounts[2].profit, PX(19, 90));
    cr_expect_eq(enter(solo, 0, false, 1, PX(1, 0), 3), 0);
    mark(solo, PX(8, 0));
    cr_expect_eq(solo_find(solo, CELL_KIND_RISK_WARNING, 0)->risk_warning.stage,
                 CELL_RISK_STAGE_REJECTING);
    cr_expect_eq(enter(solo, 0, false, 1, PX(1, 0), 4), OE_REJECT_REASON_DAILY_LOSS);
    cr_expect_eq(detail(solo)->used, PX(20, 0));
    /* What reduces the position is let pass. */
    cr_expect_eq(enter(solo, 0, true, 10, PX(20, 0), 5), 0);
    cr_expect_eq(enter(solo, 0, true, 1, PX(20, 0), 6), OE_REJECT_REASON_DAILY_LOSS);
    solo_free(solo);
}

Test(rules, covered_account_sells_what_it_has)
{
    struct solo *solo = solo_new();
    struct command rule = command_admin(CELL_KIND_ORDER_RULE_SET);
    struct command move = command_admin(CELL_KIND_POSITION_MOVE);

    rule.cells[0].order_rule_set.level = OE_RISK_LEVEL_ACCOUNT;
    rule.cells[0].order_rule_set.types = 0x3f;
    rule.cells[0].order_rule_set.tifs = 0x7f;
    rule.cells[0].order_rule_set.covered = 1;
    move.cells[0].position_move.qty = 10;
    cr_assert_eq(solo_apply(solo, &rule), 0);
    cr_assert_eq(solo_apply(solo, &move), 0);
    cr_expect_eq(enter(solo, 0, true, 7, PX(1, 0), 1), 0);
    cr_expect_eq(enter(solo, 0, true, 4, PX(1, 0), 2), OE_REJECT_REASON_INSUFFICIENT_HOLDINGS);
    cr_expect_eq(detail(solo)->limit, 10);
    cr_expect_eq(detail(solo)->used, 7);
    cr_expect_eq(detail(solo)->value, 4);
    cr_expect_eq(enter(solo, 0, true, 3, PX(1, 0), 2), 0);
    move.cells[0].position_move.qty = -1;
    cr_expect_eq(solo_apply(solo, &move), OE_REJECT_REASON_CONFIGURATION_CONFLICT);
    solo_free(solo);
}

Test(rules, day_that_begins_ends_what_counts_by_the_day)
{
    struct solo *solo = solo_new();
    struct command roll = command_admin(CELL_KIND_DAY_ROLL);

    roll.cells[0].day_roll.date = 20240229;
    cr_assert_eq(set(solo, OE_RISK_LEVEL_FIRM, 0, CELL_RISK_LIMIT_DAILY_GROSS, PX(100, 0)), 0);
    cr_assert_eq(enter(solo, 0, false, 6, PX(10, 0), 1), 0);
    cr_assert_eq(enter(solo, 2, true, 6, PX(10, 0), 2), 0);
    cr_expect_eq(enter(solo, 1, true, 5, PX(10, 0), 3), OE_REJECT_REASON_DAILY_GROSS);
    cr_expect_eq(enter(solo, 1, true, 4, PX(10, 0), 3), 0);
    cr_expect_eq(solo_apply(solo, &roll), 0);
    cr_expect_eq(solo_apply(solo, &roll), OE_REJECT_REASON_CONFIGURATION_RANGE);
    roll.cells[0].day_roll.date = 20250229;
    cr_expect_eq(solo_apply(solo, &roll), OE_REJECT_REASON_CONFIGURATION_RANGE);
    /* What lives on counts from its first moment. */
    cr_expect_eq(model_use(solo->model, OE_RISK_LEVEL_FIRM, 0, CELL_RISK_LIMIT_DAILY_GROSS),
                 PX(40, 0));
    cr_expect_eq(enter(solo, 1, true, 6, PX(10, 0), 4), 0);
    cr_expect_eq(enter(solo, 1, true, 1, PX(10, 0), 5), OE_REJECT_REASON_DAILY_GROSS);
    solo_free(solo);
}

Test(rules, sum_that_would_wrap_refuses)
{
    struct solo *solo = solo_new();
    const px_t px = (px_t)((1u << 30) - 1) * (PX_ONE / 100);

    cr_assert_eq(set(solo, OE_RISK_LEVEL_ACCOUNT, 0, CELL_RISK_LIMIT_OPEN_NOTIONAL, INT64_MAX - 1),
                 0);
    cr_expect_eq(enter(solo, 0, true, UINT32_MAX, px, 1), OE_REJECT_REASON_OPEN_NOTIONAL);
    cr_expect_eq(detail(solo)->value, INT64_MAX);
    cr_assert_eq(set(solo, OE_RISK_LEVEL_ACCOUNT, 0, CELL_RISK_LIMIT_OPEN_NOTIONAL, INT64_MAX), 0);
    cr_expect_eq(enter(solo, 0, true, UINT32_MAX, px, 1), 0);
    solo_free(solo);
}

Test(rules, limit_has_levels_a_range_and_an_author)
{
    struct solo *solo = solo_new();
    struct command nobody = command_limit(OE_RISK_LEVEL_ACCOUNT, 0, CELL_RISK_LIMIT_CREDIT, 1);

    nobody.cells[1].author.name[0] = '\0';
    cr_expect_eq(solo_apply(solo, &nobody), OE_REJECT_REASON_CONFIGURATION_RANGE);
    cr_expect_eq(set(solo, OE_RISK_LEVEL_GROUP, 0, CELL_RISK_LIMIT_CREDIT, 1),
                 OE_REJECT_REASON_CONFIGURATION_RANGE);
    cr_expect_eq(set(solo, OE_RISK_LEVEL_ACCOUNT, 9, CELL_RISK_LIMIT_CREDIT, 1),
                 OE_REJECT_REASON_CONFIGURATION_RANGE);
    cr_expect_eq(set(solo, OE_RISK_LEVEL_ACCOUNT, 0, CELL_RISK_LIMIT_CREDIT, -1),
                 OE_REJECT_REASON_CONFIGURATION_RANGE);
    cr_expect_eq(set(solo, OE_RISK_LEVEL_ACCOUNT, 0, CELL_RISK_LIMIT_CREDIT, 1), 0);
    solo_free(solo);
}

Test(rules, hand_back_names_what_is_there_and_changes_nothing)
{
    static const struct {
        uint8_t setting;
        uint8_t level;
        uint8_t limit;
        uint32_t subject;
        bool refused;
    } rows[] = {
        {CELL_KIND_LIMIT_SET, OE_RISK_LEVEL_SESSION, CELL_RISK_LIMIT_OPEN_ORDERS, 0, false},
        {CELL_KIND_LIMIT_SET, OE_RISK_LEVEL_SESSION, CELL_RISK_LIMIT_CREDIT, 0, true},
        {CELL_KIND_LIMIT_SET, OE_RISK_LEVEL_ACCOUNT_INSTRUMENT, CELL_RISK_LIMIT_LONG, 0, false},
        {CELL_KIND_LIMIT_SET, OE_RISK_LEVEL_ACCOUNT_INSTRUMENT, CELL_RISK_LIMIT_LONG, 99, true},
        {CELL_KIND_LIMIT_SET, OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_NONE, 0, true},
        {CELL_KIND_LIMIT_SET, OE_RISK_LEVEL_NONE, CELL_RISK_LIMIT_LONG, 0, true},
        {CELL_KIND_ACCOUNT_SET, OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_NONE, 0, false},
        {CELL_KIND_ACCOUNT_SET, OE_RISK_LEVEL_FIRM, CELL_RISK_LIMIT_NONE, 0, true},
        {CELL_KIND_ACCOUNT_SET, OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_LONG, 0, true},
        {CELL_KIND_INSTRUMENT_SET, OE_RISK_LEVEL_INSTRUMENT, CELL_RISK_LIMIT_NONE, 0, false},
        {CELL_KIND_FEE_SET, OE_RISK_LEVEL_INSTRUMENT, CELL_RISK_LIMIT_NONE, 0, false},
        {CELL_KIND_FEE_SET, OE_RISK_LEVEL_INSTRUMENT, CELL_RISK_LIMIT_NONE, 99, true},
        {CELL_KIND_ORDER_RULE_SET, OE_RISK_LEVEL_INSTRUMENT, CELL_RISK_LIMIT_NONE, 0, false},
        {CELL_KIND_ORDER_RULE_SET, OE_RISK_LEVEL_GROUP, CELL_RISK_LIMIT_NONE, 0, true},
        {CELL_KIND_RESTRICTION_SET, OE_RISK_LEVEL_FIRM, CELL_RISK_LIMIT_NONE, 0, false},
        {CELL_KIND_RESTRICTION_SET, OE_RISK_LEVEL_SESSION, CELL_RISK_LIMIT_NONE, 0, true},
        {CELL_KIND_KILL, OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_NONE, 0, true},
    };
    struct solo *solo = solo_new();

    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        struct command back = command_admin(CELL_KIND_HAND_BACK);

        back.cells[0].hand_back.setting = rows[i].setting;
        back.cells[0].hand_back.level = rows[i].level;
        back.cells[0].hand_back.limit = rows[i].limit;
        back.cells[0].hand_back.subject = rows[i].subject;
        cr_expect_eq(solo_apply(solo, &back),
                     rows[i].refused ? OE_REJECT_REASON_CONFIGURATION_RANGE : 0, "row %u", i);
    }
    solo_free(solo);
}
