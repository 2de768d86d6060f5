/*
 * Goal: the word of an operator is taken, refused and remembered as docs/risk.md says.
 * Method: every command beside one that is wrong in one thing; what was set is asked
 * back; days and marks over many accounts, in slices.
 */
#include "tests/engine/harness_risk.h"

static union cell
limit_cell(int64_t value)
{
    return (union cell){.limit_set = {.kind = CELL_KIND_LIMIT_SET,
                                      .value = value,
                                      .level = OE_RISK_LEVEL_ACCOUNT,
                                      .limit = CELL_RISK_LIMIT_OPEN_NOTIONAL}};
}

/* apply_by applies a command of one cell with an author. */
static unsigned
apply_by(struct harness *h, union cell first, union cell author)
{
    union cell cells[2] = {first, author};

    cells[0].bytes[1] = 2;
    cells[0].order_new.time = h->time_ns;
    if (cell_kind(&first) != CELL_KIND_SESSION_SET)
        cells[0].order_new.session = CELL_SESSION;
    (void)harness_apply(h, cells);
    return harness_outcome(h);
}

Test(risk_admin, without_risk_every_command_is_refused)
{
    static const uint8_t kinds[] = {
        CELL_KIND_LIMIT_SET,      CELL_KIND_FEE_SET,   CELL_KIND_CASH_MOVE,
        CELL_KIND_POSITION_MOVE,  CELL_KIND_MARK_SET,  CELL_KIND_KILL,
        CELL_KIND_ENABLE,         CELL_KIND_DAY_ROLL,  CELL_KIND_RESTRICTION_SET,
        CELL_KIND_ORDER_RULE_SET, CELL_KIND_HAND_BACK,
    };
    struct engine_cfg cfg = harness_default_cfg();
    struct harness h;

    cfg.no_risk = true;
    harness_init(&h, &cfg);
    for (unsigned i = 0; i < ARRAY_LEN(kinds); i++) {
        const union cell cell = {.bytes = {kinds[i]}};

        cr_assert_eq(harness_admin(&h, cell), OE_REJECT_REASON_CONFIGURATION_CONFLICT);
        cr_assert_eq(h.cells_cnt, 2);
    }
    harness_fini(&h);
}

Test(risk_admin, author_has_a_name_and_a_reason)
{
    union cell author = harness_author(1000);
    struct harness h;

    harness_init(&h, NULL);
    cr_assert_eq(apply_by(&h, limit_cell(5), author), 0);
    cr_assert_eq(memcmp(h.cells[1].author.text, "for a test", 10), 0);
    author.author.name[0] = '\0';
    memset(author.author.name, 0, sizeof author.author.name);
    cr_assert_eq(apply_by(&h, limit_cell(5), author), OE_REJECT_REASON_CONFIGURATION_RANGE);
    author = harness_author(1000);
    memset(author.author.text, 0, sizeof author.author.text);
    cr_assert_eq(apply_by(&h, limit_cell(5), author), OE_REJECT_REASON_CONFIGURATION_RANGE);
    /* So of the commands that may have one. */
    cr_assert_eq(apply_by(&h,
                          (union cell){.firm_set = {.kind = CELL_KIND_FIRM_SET, .name = "firm"}},
                          author),
                 OE_REJECT_REASON_CONFIGURATION_RANGE);
    harness_fini(&h);
}

Test(risk_admin, limit_is_told_as_it_was_set)
{
    static const struct harness_limit limits[] = {
        {.limit = CELL_RISK_LIMIT_OPEN_NOTIONAL,
         .value = 1000,
         .warn = 100,
         .slow = 200,
         .close = 300,
         .block = 400,
         .slow_ms = 7},
        {.level = OE_RISK_LEVEL_SESSION, .limit = CELL_RISK_LIMIT_OPEN_ORDERS, .value = 4},
        {.level = OE_RISK_LEVEL_SESSION,
         .limit = CELL_RISK_LIMIT_CANCEL_RATE,
         .value = 3,
         .window_ns = 1000},
        {.level = OE_RISK_LEVEL_FIRM,
         .limit = CELL_RISK_LIMIT_MESSAGE_RATE,
         .value = 5,
         .window_ns = 2000},
        {.level = OE_RISK_LEVEL_GROUP, .limit = CELL_RISK_LIMIT_DAILY_NET, .value = 9},
        {.level = OE_RISK_LEVEL_INSTRUMENT, .limit = CELL_RISK_LIMIT_ORDER_QTY, .value = 8},
    };
    struct harness h;

    harness_init(&h, NULL);
    for (unsigned i = 0; i < ARRAY_LEN(limits); i++) {
        const uint8_t level = limits[i].level != 0 ? limits[i].level : OE_RISK_LEVEL_ACCOUNT;
        const uint32_t id2 = (uint32_t)level << 8 | limits[i].limit;
        struct engine_use use;
        union cell cells[2];

        cr_assert_not(engine_config_by_hand(h.engine, CELL_KIND_LIMIT_SET, 0, id2));
        cr_assert_eq(harness_limit(&h, limits[i]), 0);
        cr_assert_eq(engine_config_get(h.engine, CELL_KIND_LIMIT_SET, 0, id2, cells), 1);
        cr_assert_eq(cells[0].limit_set.level, level);
        cr_assert_eq(cells[0].limit_set.limit, limits[i].limit);
        cr_assert_eq(cells[0].limit_set.value, limits[i].value);
        cr_assert_eq(cells[0].limit_set.window_ns, limits[i].window_ns);
        cr_assert_eq(cells[0].limit_set.block_permille, limits[i].block);
        cr_assert_eq(cells[0].limit_set.slow_ms, limits[i].slow_ms);
        use = harness_use(&h, level, 0, limits[i].limit);
        cr_assert_eq(use.value, limits[i].value);
        cr_assert_eq(use.permille[0], limits[i].warn);
        cr_assert(use.by_hand);
        cr_assert(engine_config_by_hand(h.engine, CELL_KIND_LIMIT_SET, 0, id2));
    }
    cr_assert_eq(harness_limit(&h, (struct harness_limit){.level = OE_RISK_LEVEL_SESSION,
                                                          .limit = CELL_RISK_LIMIT_DAILY_LOSS}),
                 OE_REJECT_REASON_CONFIGURATION_RANGE);
    cr_assert_eq(harness_limit(&h, (struct harness_limit){.level = OE_RISK_LEVEL_SESSION,
                                                          .subject = 6,
                                                          .limit = CELL_RISK_LIMIT_OPEN_ORDERS}),
                 OE_REJECT_REASON_CONFIGURATION_RANGE);
    harness_fini(&h);
}

/* What an operator set is his until the configuration sets it again. */
Test(risk_admin, settings_know_who_made_them)
{
    const union cell settings[] = {
        {.firm_set = {.kind = CELL_KIND_FIRM_SET, .name = "firm"}},
        {.group_set = {.kind = CELL_KIND_GROUP_SET, .name = "group"}},
        {.position_limit_set = {.kind = CELL_KIND_POSITION_LIMIT_SET, .long_max = 5}},
        {.permission_set = {.kind = CELL_KIND_PERMISSION_SET, .restricted = 1}},
        {.session_set = {.kind = CELL_KIND_SESSION_SET, .name = "session"}},
        {.fee_set = {.kind = CELL_KIND_FEE_SET, .taker_ppm = 5}},
        {.restriction_set = {.kind = CELL_KIND_RESTRICTION_SET,
                             .level = OE_RISK_LEVEL_FIRM,
                             .restricted = 1}},
        {.order_rule_set = {.kind = CELL_KIND_ORDER_RULE_SET,
                            .types = 0x3f,
                            .tifs = 0x7f,
                            .level = OE_RISK_LEVEL_ACCOUNT}},
    };
    const union cell others[ARRAY_LEN(settings)] = {
        {.firm_set = {.kind = CELL_KIND_FIRM_SET, .name = "other"}},
        {.group_set = {.kind = CELL_KIND_GROUP_SET, .name = "other"}},
        {.position_limit_set = {.kind = CELL_KIND_POSITION_LIMIT_SET,
                                .long_max = 6,
                                .short_max = 6}},
        {.permission_set = {.kind = CELL_KIND_PERMISSION_SET}},
        {.session_set = {.kind = CELL_KIND_SESSION_SET, .name = "other"}},
        {.fee_set = {.kind = CELL_KIND_FEE_SET, .taker_ppm = 6}},
        {.restriction_set = {.kind = CELL_KIND_RESTRICTION_SET, .level = OE_RISK_LEVEL_FIRM}},
        {.order_rule_set = {.kind = CELL_KIND_ORDER_RULE_SET,
                            .types = 1,
                            .tifs = 1,
                            .level = OE_RISK_LEVEL_ACCOUNT}},
    };
    static const uint32_t ids[ARRAY_LEN(settings)] = {[6] = (uint32_t)OE_RISK_LEVEL_FIRM << 24};
    static const uint32_t id2s[ARRAY_LEN(settings)] = {[7] = OE_RISK_LEVEL_ACCOUNT};
    struct harness h;

    harness_init(&h, NULL);
    for (unsigned i = 0; i < ARRAY_LEN(settings); i++) {
        const unsigned kind = cell_kind(&settings[i]);
        union cell cells[2];

        cr_assert_not(engine_config_by_hand(h.engine, kind, ids[i], id2s[i]), "%u", i);
        cr_assert_eq(apply_by(&h, settings[i], harness_author(1000)), 0, "%u", i);
        cr_assert(engine_config_by_hand(h.engine, kind, ids[i], id2s[i]), "%u", i);
        cr_assert_eq(engine_config_get(h.engine, kind, ids[i], id2s[i], cells), 1, "%u", i);
        cr_assert_eq(apply_by(&h, others[i], harness_author(UINT32_MAX)), 0, "%u", i);
        cr_assert_not(engine_config_by_hand(h.engine, kind, ids[i], id2s[i]), "%u", i);
    }
    harness_fini(&h);
}

/* What is handed back is by hand no more, and its value holds. */
Test(risk_admin, hand_back_changes_nothing_else)
{
    const struct harness_limit limit = {
        .level = OE_RISK_LEVEL_ACCOUNT, .limit = CELL_RISK_LIMIT_OPEN_ORDERS, .value = 9};
    const uint32_t id2 = (uint32_t)OE_RISK_LEVEL_ACCOUNT << 8 | CELL_RISK_LIMIT_OPEN_ORDERS;
    union cell back = {.hand_back = {.kind = CELL_KIND_HAND_BACK,
                                     .level = OE_RISK_LEVEL_ACCOUNT,
                                     .limit = CELL_RISK_LIMIT_OPEN_ORDERS,
                                     .setting = CELL_KIND_LIMIT_SET}};
    struct harness h;

    harness_init(&h, NULL);
    cr_assert_eq(harness_limit(&h, limit), 0);
    cr_assert(engine_config_by_hand(h.engine, CELL_KIND_LIMIT_SET, 0, id2));
    cr_assert_eq(apply_by(&h, back, harness_author(1000)), 0);
    cr_assert_not(engine_config_by_hand(h.engine, CELL_KIND_LIMIT_SET, 0, id2));
    cr_assert_eq(harness_use(&h, OE_RISK_LEVEL_ACCOUNT, 0, CELL_RISK_LIMIT_OPEN_ORDERS).value, 9);
    back.hand_back.limit = CELL_RISK_LIMIT_ORDER_TO_TRADE;
    cr_assert_eq(apply_by(&h, back, harness_author(1000)), OE_REJECT_REASON_CONFIGURATION_RANGE);
    back.hand_back.limit = CELL_RISK_LIMIT_NONE;
    cr_assert_eq(apply_by(&h, back, harness_author(1000)), OE_REJECT_REASON_CONFIGURATION_RANGE);
    back.hand_back.setting = CELL_KIND_KILL;
    cr_assert_eq(apply_by(&h, back, harness_author(1000)), OE_REJECT_REASON_CONFIGURATION_RANGE);
    back.hand_back.setting = CELL_KIND_ACCOUNT_SET;
    cr_assert_eq(apply_by(&h, back, harness_author(1000)), 0);
    back.hand_back.subject = UINT32_MAX;
    cr_assert_eq(apply_by(&h, back, harness_author(1000)), OE_REJECT_REASON_CONFIGURATION_RANGE);
    harness_fini(&h);
}

/* Of an instrument each value is by hand for itself: what a command changed. */
Test(risk_admin, values_of_an_instrument_are_by_hand_one_by_one)
{
    const unsigned all = RISK_VALUE_REFERENCE | RISK_VALUE_COLLAR_TICKS |
                         RISK_VALUE_COLLAR_PERMILLE | RISK_VALUE_BAND_LOW | RISK_VALUE_BAND_HIGH |
                         RISK_VALUE_ORDER_QTY_MIN;
    const struct cell_instrument_limits changes[] = {
        {.reference_px = PX_ONE}, {.collar_ticks = 1},      {.collar_permille = 1},
        {.band_low_px = PX_ONE},  {.band_high_px = PX_ONE}, {.order_qty_min = 1},
    };
    struct harness h;

    harness_init(&h, NULL);
    for (unsigned i = 0; i < ARRAY_LEN(changes); i++) {
        const unsigned value = RISK_VALUE_REFERENCE << i;
        union cell cells[3];
        const unsigned parts = engine_config_get(h.engine, CELL_KIND_INSTRUMENT_SET, 0, 0, cells);
        struct cell_instrument_limits *limits = &cells[1].instrument_limits;
        const struct cell_instrument_limits before = *limits;

        cr_assert_eq(parts, 2);
        cells[0].bytes[1] = 3;
        cells[0].order_new.time = h.time_ns;
        cells[2] = harness_author(1000);
        limits->reference_px += changes[i].reference_px;
        limits->collar_ticks += changes[i].collar_ticks;
        limits->collar_permille += changes[i].collar_permille;
        limits->band_low_px += changes[i].band_low_px;
        limits->band_high_px += changes[i].band_high_px;
        limits->order_qty_min += changes[i].order_qty_min;
        (void)harness_apply(&h, cells);
        cr_assert_eq(harness_outcome(&h), 0, "%u", i);
        cr_assert(engine_config_by_hand(h.engine, CELL_KIND_INSTRUMENT_SET, 0, value), "%u", i);
        cr_assert_not(engine_config_by_hand(h.engine, CELL_KIND_INSTRUMENT_SET, 0, all & ~value),
                      "%u", i);
        /* The configuration sets it again: then it is not. */
        *limits = before;
        cells[2] = harness_author(UINT32_MAX);
        (void)harness_apply(&h, cells);
        cr_assert_eq(harness_outcome(&h), 0, "%u", i);
        cr_assert_not(engine_config_by_hand(h.engine, CELL_KIND_INSTRUMENT_SET, 0, all), "%u", i);
    }
    harness_fini(&h);
}

Test(risk_admin, lowered_limit_refuses_new_use_and_cancels_nothing)
{
    struct harness h;

    harness_init(&h, NULL);
    (void)harness_new(&h, (struct harness_order){.clord = 1, .px = 10, .qty = 10});
    cr_assert_eq(harness_limit(&h, (struct harness_limit){.limit = CELL_RISK_LIMIT_OPEN_NOTIONAL,
                                                          .value = 50}),
                 0);
    cr_assert_eq(h.cells_cnt, 2);
    cr_assert_eq(
        harness_money(
            harness_use(&h, OE_RISK_LEVEL_ACCOUNT, 0, CELL_RISK_LIMIT_OPEN_NOTIONAL).headroom),
        -50);
    (void)harness_new(&h, (struct harness_order){.clord = 2, .px = 1, .qty = 1});
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_OPEN_NOTIONAL);
    cr_assert_eq(harness_replace(
                     &h, (struct harness_replace){.orig_clord = 1, .clord = 3, .px = 10, .qty = 9}),
                 0);
    harness_fini(&h);
}

Test(risk_admin, days_and_marks_go_through_many_accounts)
{
    struct engine_cfg cfg = harness_default_cfg();
    struct harness h;

    cfg.accounts_max = 9000;
    cfg.positions_max = 9000;
    harness_init(&h, &cfg);
    h.check = false;
    for (uint32_t account = 4; account < 9000; account++) {
        cr_assert_eq(harness_account_set(&h, account, 0, CELL_ACCOUNT_STATE_ACTIVE,
                                         harness_no_account_limits()),
                     0);
        if (account % 100 == 4)
            cr_assert_eq(harness_units(&h, account, 0, CELL_MOVE_MODE_SET, 2), 0);
        /* The twins compare all their state after each command: enough of that. */
        if (account == 64)
            harness_quiet(&h);
    }
    for (uint32_t account = 64; account < 9000; account++)
        cr_assert_eq(harness_units(&h, account, 0, CELL_MOVE_MODE_SET, 3), 0);
    cr_assert_eq(harness_mark(&h, 0, 100, false), 0);
    cr_assert_eq(harness_mark(&h, 0, 90, false), 0);
    cr_assert_eq(h.cells_cnt, 2);
    cr_assert_gt(h.slices_cnt, 1);
    cr_assert_eq(harness_money(
                     harness_use(&h, OE_RISK_LEVEL_ACCOUNT, 8999, CELL_RISK_LIMIT_DAILY_LOSS).used),
                 30);
    cr_assert_eq(harness_day(&h, 20230229), OE_REJECT_REASON_CONFIGURATION_RANGE);
    cr_assert_eq(harness_day(&h, 20240229), 0);
    cr_assert_eq(h.cells_cnt, 2);
    cr_assert_gt(h.slices_cnt, 1);
    cr_assert_eq(harness_money(
                     harness_use(&h, OE_RISK_LEVEL_ACCOUNT, 8999, CELL_RISK_LIMIT_DAILY_LOSS).used),
                 0);
    cr_assert_eq(harness_day(&h, 20240229), OE_REJECT_REASON_CONFIGURATION_RANGE);
    engine_check(h.engine);
    harness_fini(&h);
}
