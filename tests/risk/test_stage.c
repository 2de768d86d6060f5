/*
 * Goal: what is counted over time - messages, executions, losses, days - refuses, warns
 * and acts at its moment, and ends as docs/risk.md says.
 * Method: one limit at a time on the ground of ground.h; the clock is a number.
 */
#include "tests/risk/ground.h"

static const uint8_t parties[] = {OE_RISK_LEVEL_ACCOUNT, OE_RISK_LEVEL_GROUP, OE_RISK_LEVEL_FIRM};

/* send takes the token of a message of account 0. */
static enum oe_reject_reason
send(struct ground *g, bool cancels)
{
    return risk_take_message(g->risk, &g->session, 5, 0, g->order.account, cancels, g->now_ns,
                             &g->detail);
}

/* assert_throttled asserts that a message is refused and takes nothing. */
static void
assert_throttled(struct ground *g, bool cancels)
{
    const struct risk_session session = g->session;
    const struct hash128 before = ground_hash(g);

    cr_assert_eq(send(g, cancels), OE_REJECT_REASON_THROTTLED);
    cr_assert(hash128_equal(before, ground_hash(g)));
    cr_assert_eq(memcmp(&session, &g->session, sizeof session), 0);
}

Test(stage, bucket_at_each_level)
{
    static const uint8_t levels[] = {OE_RISK_LEVEL_SESSION, OE_RISK_LEVEL_ACCOUNT,
                                     OE_RISK_LEVEL_FIRM};

    for (unsigned i = 0; i < ARRAY_LEN(levels); i++) {
        struct ground g;

        ground_init(&g);
        ground_limit(&g, levels[i], CELL_RISK_LIMIT_MESSAGE_RATE, 3);
        for (unsigned k = 0; k < 3; k++)
            cr_assert_eq(send(&g, false), 0);
        assert_throttled(&g, false);
        ground_numbers(&g, levels[i], 3, 3, 1);
        cr_assert_eq(g.detail.subject, levels[i] == OE_RISK_LEVEL_SESSION ? 5u : 0u);
        cr_assert_eq(send(&g, true), 0);
        g.now_ns += GROUND_SECOND_NS - 1;
        assert_throttled(&g, false);
        g.now_ns += 1;
        cr_assert_eq(send(&g, false), 0);
        assert_throttled(&g, false);
        ground_limit(&g, levels[i], CELL_RISK_LIMIT_MESSAGE_RATE, RISK_LIMIT_OFF);
        cr_assert_eq(send(&g, false), 0);
    }
}

Test(stage, cancels_have_their_own_bucket)
{
    struct ground g;

    ground_init(&g);
    ground_limit(&g, OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_CANCEL_RATE, 2);
    cr_assert_eq(send(&g, true), 0);
    cr_assert_eq(send(&g, true), 0);
    assert_throttled(&g, true);
    cr_assert_eq(send(&g, false), 0);
    g.order.account = 1;
    cr_assert_eq(send(&g, true), 0);
    g.order.account = CELL_ANY;
    cr_assert_eq(send(&g, true), 0);
    g.session.killed = 1;
    cr_assert_eq(send(&g, true), 0);
    cr_assert_eq(send(&g, false), OE_REJECT_REASON_KILL_SWITCH);
    ground_numbers(&g, OE_RISK_LEVEL_SESSION, 0, 0, 0);
}

Test(stage, account_of_another_firm_keeps_its_tokens)
{
    struct ground g;

    ground_init(&g);
    ground_limit(&g, OE_RISK_LEVEL_SESSION, CELL_RISK_LIMIT_MESSAGE_RATE, 1);
    g.order.account = 2;

    const struct hash128 before = ground_hash(&g);

    cr_assert_eq(send(&g, false), 0);
    cr_assert(hash128_equal(before, ground_hash(&g)));
    cr_assert_eq(send(&g, false), OE_REJECT_REASON_THROTTLED);
}

Test(stage, rates_in_use_are_bounded)
{
    struct cell_limit_set cell =
        ground_limit_cell(OE_RISK_LEVEL_SESSION, CELL_RISK_LIMIT_MESSAGE_RATE, 1);
    struct risk_session sessions[RISK_RATES_MAX + 1] = {{.orders_max = 0}};
    struct risk_limit limit;
    struct ground g;

    ground_init(&g);
    for (unsigned i = 0; i < RISK_RATES_MAX; i++) {
        cell.window_ns = 1 + i;
        cr_assert_eq(risk_apply_limit(g.risk, &sessions[i], &cell, NULL), 0);
    }
    cell.window_ns = 1000;
    cr_assert_eq(risk_apply_limit(g.risk, &sessions[RISK_RATES_MAX], &cell, NULL),
                 OE_REJECT_REASON_CONFIGURATION_RANGE);
    cr_assert_eq(risk_apply_limit(g.risk, &sessions[0], &cell, &ground_author), 0);
    cr_assert_eq(risk_apply_limit(g.risk, &sessions[RISK_RATES_MAX], &cell, NULL), 0);
    cr_assert(risk_session_limit(g.risk, &sessions[0], CELL_RISK_LIMIT_MESSAGE_RATE, &limit));
    cr_assert_eq(limit.value, 1);
    cr_assert_eq(limit.window_ns, 1000);
    cr_assert_eq(limit.by_hand, 1);
}

static void
assert_loop_is_latched(uint64_t window_ns)
{
    struct cell_limit_set limit =
        ground_limit_cell(OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_EXECUTIONS, 3);
    const struct cell_enable enable = {.level = OE_RISK_LEVEL_ACCOUNT};
    struct ground g;

    ground_init(&g);
    limit.window_ns = window_ns;
    cr_assert_eq(risk_apply_limit(g.risk, NULL, &limit, &ground_author), 0);
    for (unsigned i = 0; i < 2; i++)
        ground_trade(&g, 0, i % 2 != 0, 1000, 1);
    g.now_ns += window_ns; /* it is over */
    for (unsigned i = 0; i < 2; i++)
        ground_trade(&g, 0, i % 2 != 0, 1000, 1);
    cr_assert_not(risk_is_pending(g.risk));
    g.now_ns += window_ns - 1;
    ground_trade(&g, 0, false, 1000, 1);
    cr_assert_eq(
        ground_pop(&g, OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_EXECUTIONS, CELL_RISK_STAGE_LATCHED)
            .used,
        3);
    ground_refused(&g, OE_REJECT_REASON_ACCOUNT_LATCHED);
    ground_numbers(&g, OE_RISK_LEVEL_ACCOUNT, 3, 3, 0);
    g.now_ns += 100 * GROUND_SECOND_NS;
    ground_refused(&g, OE_REJECT_REASON_ACCOUNT_LATCHED);
    cr_assert_eq(risk_apply_enable(g.risk, NULL, &enable), 0);
    for (unsigned i = 0; i < 3; i++)
        ground_trade(&g, 0, i % 2 != 0, 1000, 1);
    ground_refused(&g, OE_REJECT_REASON_ACCOUNT_LATCHED);
    ground_limit(&g, OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_EXECUTIONS, 4);
    ground_taken(&g);
}

Test(stage, order_loop_is_latched_within_n)
{
    assert_loop_is_latched(GROUND_SECOND_NS);
    assert_loop_is_latched(UINT32_MAX); /* the first that needs more than 32 bits to be told */
    assert_loop_is_latched(5 * GROUND_SECOND_NS);
}

static void
set_mark(struct ground *g, px_t px)
{
    const struct cell_mark_set mark = {.instrument = GROUND_INSTRUMENT, .px = px};
    uint32_t at = 0;

    cr_assert_eq(risk_mark_begin(g->risk, &mark), 0);
    while (risk_mark_step(g->risk, &at, 1))
        cr_assert_leq(at, risk_positions_cnt(g->risk));
}

static notional_t
used_of(const struct ground *g, uint8_t level, uint8_t limit)
{
    struct risk_use use;

    cr_assert(risk_use_get(g->risk, level, 0, GROUND_INSTRUMENT, limit, &use));
    cr_assert(use.headroom == use.limit.value - use.used);
    return use.used;
}

Test(stage, loss_against_the_mark)
{
    struct ground g;

    ground_init(&g);
    ground_trade(&g, 0, false, 1000, 10); /* the first trade is the mark */
    ground_trade(&g, 0, false, 1010, 10);
    cr_assert(used_of(&g, OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_DAILY_LOSS) == 100);
    ground_limit(&g, OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_DAILY_LOSS, 201);
    set_mark(&g, 995);
    cr_assert_not(risk_is_pending(g.risk));
    ground_taken(&g);
    set_mark(&g, 1000);
    ground_limit(&g, OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_DAILY_LOSS, 200);
    ground_taken(&g);
    set_mark(&g, 995);
    (void)ground_pop(&g, OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_DAILY_LOSS,
                     CELL_RISK_STAGE_REJECTING);
    ground_refused(&g, OE_REJECT_REASON_DAILY_LOSS);
    ground_numbers(&g, OE_RISK_LEVEL_ACCOUNT, 200, 200, 0);
    g.order.sell = true;
    ground_qty(&g, 20);
    ground_taken(&g);
    ground_qty(&g, 21);
    ground_refused(&g, OE_REJECT_REASON_DAILY_LOSS);
    set_mark(&g, 1000);
    ground_taken(&g);
    set_mark(&g, 995);
    cr_assert_not(risk_is_pending(g.risk));
    ground_refused(&g, OE_REJECT_REASON_DAILY_LOSS);
}

Test(stage, mark_off_tick_is_refused)
{
    struct cell_mark_set mark = {.instrument = GROUND_INSTRUMENT, .px = 1001};
    struct ground g;

    ground_init(&g);
    cr_assert_eq(risk_mark_begin(g.risk, &mark), OE_REJECT_REASON_CONFIGURATION_RANGE);
    mark.px = 0;
    cr_assert_eq(risk_mark_begin(g.risk, &mark), OE_REJECT_REASON_CONFIGURATION_RANGE);
    mark.px = 1000;
    mark.instrument = 6;
    cr_assert_eq(risk_mark_begin(g.risk, &mark), OE_REJECT_REASON_CONFIGURATION_RANGE);
}

Test(stage, profit_at_the_ends_of_the_range_does_not_wrap)
{
    const struct cell_position_move move = {
        .account = 0, .instrument = 8, .qty = (int64_t)POSITION_LIMIT_MAX};
    struct ground g;

    ground_init(&g);
    g.instrument =
        (struct cell_instrument_set){.instrument = 8, .symbol = "BIG", .tick_px = 1, .lot_qty = 1};
    ground_instrument(&g);
    cr_assert_eq(risk_apply_position(g.risk, &move), 0);
    ground_limit(&g, OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_DAILY_LOSS, RISK_LIMIT_OFF - 1);
    for (unsigned i = 0; i < 20; i++) {
        const struct cell_mark_set mark = {.instrument = 8, .px = i % 2 == 0 ? TICKS_MAX - 1 : 1};
        uint32_t at = 0;

        cr_assert_eq(risk_mark_begin(g.risk, &mark), 0);
        while (risk_mark_step(g.risk, &at, 1))
            cr_assert_leq(at, risk_positions_cnt(g.risk));
    }
    g.order.instrument = 8;
    ground_refused(&g, OE_REJECT_REASON_LONG_POSITION_LIMIT);
    g.order.sell = true;
    ground_taken(&g);
}

/* slow_limit slows account 0 from the first lot on. */
static void
slow_limit(struct ground *g, uint8_t limit, uint16_t permille, uint16_t slow_ms)
{
    struct cell_limit_set cell = ground_limit_cell(OE_RISK_LEVEL_ACCOUNT, limit, 100000);

    cell.slow_permille = permille;
    cell.slow_ms = slow_ms;
    cr_assert_eq(risk_apply_limit(g->risk, NULL, &cell, &ground_author), 0);
}

Test(stage, pause_names_the_limit_whose_stage_is_longest)
{
    struct cell_limit_set off =
        ground_limit_cell(OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_DAILY_NET, INT64_MAX);
    struct ground g;

    ground_init(&g);
    slow_limit(&g, CELL_RISK_LIMIT_DAILY_GROSS, 100, 2);
    slow_limit(&g, CELL_RISK_LIMIT_DAILY_NET, 200, 5);
    ground_trade(&g, 0, false, 1000, 10);
    ground_drain(&g);
    cr_assert_eq(send(&g, false), 0);
    assert_throttled(&g, false);
    ground_numbers(&g, OE_RISK_LEVEL_ACCOUNT, 100, 100, CELL_RISK_LIMIT_DAILY_GROSS);
    /* A longer one begins: it is counted from the same message. */
    ground_trade(&g, 0, false, 1000, 10);
    ground_drain(&g);
    g.now_ns += 4999999;
    assert_throttled(&g, false);
    ground_numbers(&g, OE_RISK_LEVEL_ACCOUNT, 200, 200, CELL_RISK_LIMIT_DAILY_NET);
    g.now_ns += 1;
    cr_assert_eq(send(&g, false), 0);
    /* It ends: the shorter is left. */
    cr_assert_eq(risk_apply_limit(g.risk, NULL, &off, &ground_author), 0);
    g.now_ns += 1999999;
    assert_throttled(&g, false);
    ground_numbers(&g, OE_RISK_LEVEL_ACCOUNT, 100, 200, CELL_RISK_LIMIT_DAILY_GROSS);
    g.now_ns += 1;
    cr_assert_eq(send(&g, false), 0);
}

/* The sums of account 0 as the rules say, without fees. */
struct far_sums {
    notional_t gross;
    notional_t balance;
    notional_t position;
    px_t mark_px;
};

/* far_trade lets account 0 trade with account 3, if both orders pass, and says whether they
 * did: by one call for both sides, which knows 64 bits, or by two, which take all for wide. */
static bool
far_trade(struct ground *g, bool by_two, bool sell, px_t px, qty_t qty, struct far_sums *sums)
{
    struct risk_trade trade = {.px = px, .qty = qty};

    g->order.px = px;
    g->order.account = 0;
    g->order.sell = sell;
    ground_qty(g, qty);
    if (ground_ask(g) != OE_REJECT_REASON_NONE)
        return false;
    trade.taker = ground_enter(g);
    g->order.account = 3;
    g->order.sell = !sell;
    trade.maker = ground_enter(g);
    trade.now_ns = g->now_ns;
    if (by_two) {
        (void)ground_fill(g, &trade.taker, px, qty, false);
        (void)ground_fill(g, &trade.maker, px, qty, true);
    } else {
        (void)risk_on_trades(g->risk, &trade);
    }
    sums->gross += px_mul_qty(px, qty);
    sums->balance += sell ? px_mul_qty(px, qty) : -px_mul_qty(px, qty);
    sums->position += sell ? -(notional_t)qty : (notional_t)qty;
    if (sums->mark_px == 0)
        sums->mark_px = px;
    return true;
}

static void
far_check(const struct ground *g, const struct far_sums *sums)
{
    const notional_t profit = sums->balance + sums->position * sums->mark_px;

    cr_assert(used_of(g, OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_DAILY_GROSS) == sums->gross);
    cr_assert(used_of(g, OE_RISK_LEVEL_FIRM, CELL_RISK_LIMIT_DAILY_GROSS) == sums->gross);
    cr_assert(used_of(g, OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_CREDIT) == -sums->balance);
    cr_assert(used_of(g, OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_DAILY_LOSS) ==
              (profit < 0 ? -profit : 0));
    risk_conservation_check(g->risk);
}

/* far_limits sets limits as large as can be, with a window that 32 bits do not hold. */
static void
far_limits(struct ground *g, uint64_t seed)
{
    struct cell_limit_set cell =
        ground_limit_cell(OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_EXECUTIONS, RISK_COUNT_MAX);

    cell.window_ns = 5 * GROUND_SECOND_NS;
    cr_assert_eq(risk_apply_limit(g->risk, NULL, &cell, &ground_author), 0);
    if (seed % 2 != 0)
        for (unsigned i = 0; i < ARRAY_LEN(parties); i++)
            ground_limit(g, parties[i], CELL_RISK_LIMIT_DAILY_NET, RISK_LIMIT_OFF - 1);
    if (seed % 3 == 0)
        ground_limit(g, OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_DAILY_LOSS, RISK_LIMIT_OFF - 1);
}

/* far_run trades until the sums of a day have more than 64 bits, and notes the state behind
 * each step. It returns how many trades were refused. */
static unsigned
far_run(uint64_t seed, bool by_two, struct hash128 *states, unsigned steps)
{
    struct far_sums sums = {.gross = 0};
    uint64_t random = seed;
    unsigned refused_cnt = 0;
    struct ground g;

    ground_init(&g);
    far_limits(&g, seed);
    for (unsigned i = 0; i < steps; i++) {
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);

        const bool sell = (random >> 33) % 100 < (i % 64 < 32 ? 30u : 70u);
        const px_t px = GROUND_TICK * (px_t)(700000000 + (random >> 40) % 100000000);
        const qty_t qty = (qty_t)(400000000 + (random >> 20) % 100000000);

        g.now_ns += (random >> 12) % (2 * GROUND_SECOND_NS);
        refused_cnt += !far_trade(&g, by_two, sell, px, qty, &sums);
        if (i % 8 == 7) {
            sums.mark_px = px;
            set_mark(&g, px);
        }
        far_check(&g, &sums);
        ground_drain(&g);
        states[i] = ground_hash(&g);
    }
    cr_assert(sums.gross > (notional_t)1 << 64, "seed %lu", (unsigned long)seed);
    return refused_cnt;
}

Test(stage, sums_of_a_day_beyond_64_bits_are_exact)
{
    static struct hash128 states[2][200];
    unsigned refused_cnt = 0;

    for (uint64_t seed = 1; seed <= 6; seed++) {
        const unsigned steps = ARRAY_LEN(states[0]);

        refused_cnt += far_run(seed, false, states[0], steps);
        (void)far_run(seed, true, states[1], steps);
        for (unsigned i = 0; i < steps; i++)
            cr_assert(hash128_equal(states[0][i], states[1][i]), "seed %lu, step %u",
                      (unsigned long)seed, i);
    }
    cr_assert_gt(refused_cnt, 10, "DailyNet is met");
}

/* stages_limit sets a limit of 100000 with all stages. */
static void
stages_limit(struct ground *g, uint8_t level, uint8_t limit)
{
    struct cell_limit_set cell = ground_limit_cell(level, limit, 100000);

    cell.warn_permille = 500;
    cell.slow_permille = 600;
    cell.close_permille = 700;
    cell.block_permille = 800;
    cell.slow_ms = 2;
    cr_assert_eq(risk_apply_limit(g->risk, NULL, &cell, &ground_author), 0);
}

Test(stage, stage_begins_at_its_permille)
{
    static const uint8_t stages[] = {CELL_RISK_STAGE_WARNED, CELL_RISK_STAGE_SLOWED,
                                     CELL_RISK_STAGE_CLOSE_ONLY, CELL_RISK_STAGE_BLOCKED};

    for (unsigned i = 0; i < ARRAY_LEN(parties); i++) {
        for (unsigned k = 0; k < ARRAY_LEN(stages); k++) {
            struct ground g;

            ground_init(&g);
            stages_limit(&g, parties[i], CELL_RISK_LIMIT_OPEN_NOTIONAL);
            g.order.px = GROUND_TICK;
            ground_qty(&g, (500 + 100 * k) * 20 - 1);

            struct risk_hold hold = ground_enter(&g);

            if (k > 0)
                (void)ground_pop(&g, parties[i], CELL_RISK_LIMIT_OPEN_NOTIONAL, stages[k - 1]);
            cr_assert_not(risk_is_pending(g.risk));
            risk_reprice(g.risk, &hold, GROUND_TICK);
            cr_assert_not(risk_is_pending(g.risk));
            risk_give_back(g.risk, &hold, hold.leaves_qty);
            const struct cell_enable enable = {.level = parties[i]};

            cr_assert_eq(risk_apply_enable(g.risk, NULL, &enable), 0);
            ground_qty(&g, (500 + 100 * k) * 20);
            (void)ground_enter(&g);

            const struct risk_due due =
                ground_pop(&g, parties[i], CELL_RISK_LIMIT_OPEN_NOTIONAL, stages[k]);

            cr_assert_eq(due.permille, 500 + 100 * k);
            cr_assert_eq(due.value, 100000);
            cr_assert_eq(due.used, (500 + 100 * k) * 100);
            cr_assert_not(risk_is_pending(g.risk));
        }
    }
}

Test(stage, rejecting_begins_at_the_limit)
{
    struct ground g;

    ground_init(&g);
    ground_limit(&g, OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_OPEN_ORDERS, 2);
    (void)ground_enter(&g);
    cr_assert_not(risk_is_pending(g.risk));
    (void)ground_enter(&g);
    cr_assert_eq(ground_pop(&g, OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_OPEN_ORDERS,
                            CELL_RISK_STAGE_REJECTING)
                     .permille,
                 1000);
    ground_refused(&g, OE_REJECT_REASON_MAX_OPEN_ORDERS);
}

Test(stage, each_stage_holds_what_it_says)
{
    const struct cell_enable enable = {.level = OE_RISK_LEVEL_FIRM};
    struct ground g;

    ground_init(&g);
    stages_limit(&g, OE_RISK_LEVEL_FIRM, CELL_RISK_LIMIT_DAILY_NET);
    ground_trade(&g, 0, false, 1000, 60);
    (void)ground_pop(&g, OE_RISK_LEVEL_FIRM, CELL_RISK_LIMIT_DAILY_NET, CELL_RISK_STAGE_SLOWED);
    cr_assert_eq(send(&g, false), 0);
    g.order.account = 1;
    g.now_ns += 1999999;
    assert_throttled(&g, false);
    ground_numbers(&g, OE_RISK_LEVEL_FIRM, 600, 600, CELL_RISK_LIMIT_DAILY_NET);
    cr_assert_eq(send(&g, true), 0);
    g.now_ns += 1;
    cr_assert_eq(send(&g, false), 0);
    g.order.account = 0;
    ground_taken(&g);
    ground_trade(&g, 0, false, 1000, 10);
    (void)ground_pop(&g, OE_RISK_LEVEL_FIRM, CELL_RISK_LIMIT_DAILY_NET, CELL_RISK_STAGE_CLOSE_ONLY);
    assert_throttled(&g, false);
    ground_refused(&g, OE_REJECT_REASON_ACCOUNT_CLOSE_ONLY);
    g.order.sell = true;
    ground_taken(&g);
    g.order.sell = false;
    cr_assert_eq(risk_apply_enable(g.risk, NULL, &enable), 0);
    ground_taken(&g); /* use is there still: the commit began it again */
    (void)ground_pop(&g, OE_RISK_LEVEL_FIRM, CELL_RISK_LIMIT_DAILY_NET, CELL_RISK_STAGE_CLOSE_ONLY);
    ground_refused(&g, OE_REJECT_REASON_ACCOUNT_CLOSE_ONLY);
    cr_assert_eq(risk_apply_enable(g.risk, NULL, &enable), 0);
    ground_trade(&g, 1, false, 1000, 10);
    (void)ground_pop(&g, OE_RISK_LEVEL_FIRM, CELL_RISK_LIMIT_DAILY_NET, CELL_RISK_STAGE_BLOCKED);
    g.order.sell = true;
    ground_refused(&g, OE_REJECT_REASON_ACCOUNT_BLOCKED);
    stages_limit(&g, OE_RISK_LEVEL_FIRM, CELL_RISK_LIMIT_DAILY_NET);
    ground_taken(&g);
    ground_drain(&g);
}

Test(stage, kill_blocks_until_that_very_subject_is_enabled)
{
    for (unsigned i = 0; i < ARRAY_LEN(parties); i++) {
        struct cell_kill kill = {.level = parties[i]};
        struct cell_enable enable = {.level = parties[(i + 1) % ARRAY_LEN(parties)]};
        struct ground g;

        ground_init(&g);
        cr_assert_eq(risk_apply_kill(g.risk, NULL, &kill), 0);
        ground_refused(&g, OE_REJECT_REASON_KILL_SWITCH);
        ground_numbers(&g, parties[i], 0, 0, 0);
        cr_assert_eq(risk_apply_enable(g.risk, NULL, &enable), 0);
        ground_refused(&g, OE_REJECT_REASON_KILL_SWITCH);
        g.order.account = 2;
        ground_taken(&g);
        g.order.account = 0;
        enable.level = parties[i];
        cr_assert_eq(risk_apply_enable(g.risk, NULL, &enable), 0);
        ground_taken(&g);
        kill.level = OE_RISK_LEVEL_INSTRUMENT;
        cr_assert_eq(risk_apply_kill(g.risk, NULL, &kill), OE_REJECT_REASON_CONFIGURATION_RANGE);
        kill.level = OE_RISK_LEVEL_SESSION;
        cr_assert_eq(risk_apply_kill(g.risk, NULL, &kill), OE_REJECT_REASON_CONFIGURATION_RANGE);
        cr_assert_eq(risk_apply_kill(g.risk, &g.session, &kill), 0);
        cr_assert_eq(send(&g, false), OE_REJECT_REASON_KILL_SWITCH);
        enable.level = OE_RISK_LEVEL_SESSION;
        cr_assert_eq(risk_apply_enable(g.risk, &g.session, &enable), 0);
        cr_assert_eq(send(&g, false), 0);
    }
}

Test(stage, order_to_trade_warns_once_a_day)
{
    struct ground g;

    ground_init(&g);
    ground_limit(&g, OE_RISK_LEVEL_FIRM, CELL_RISK_LIMIT_ORDER_TO_TRADE, 511);
    ground_trade(&g, 0, false, 1000, 1);
    ground_trade(&g, 0, false, 1000, 1);
    for (unsigned i = 0; i < 2047; i++) {
        cr_assert_eq(send(&g, i % 2 != 0), 0);
        cr_assert_not(risk_is_pending(g.risk));
    }
    cr_assert_eq(send(&g, false), 0); /* 2048 > 512 * 2 */
    cr_assert_eq(
        ground_pop(&g, OE_RISK_LEVEL_FIRM, CELL_RISK_LIMIT_ORDER_TO_TRADE, CELL_RISK_STAGE_WARNED)
            .used,
        2048 - 2 * 511);
    for (unsigned i = 0; i < 1024; i++)
        cr_assert_eq(send(&g, false), 0);
    cr_assert_not(risk_is_pending(g.risk));
}

static void
roll(struct ground *g, uint32_t date)
{
    const struct cell_day_roll day = {.date = date};
    uint32_t at = 0;

    cr_assert_eq(risk_day_begin(g->risk, &day), 0);
    while (risk_day_step(g->risk, &at, 2))
        cr_assert_leq(at, 20);
    risk_conservation_check(g->risk);
}

Test(stage, day_begins_at_zero_and_keeps_what_lives)
{
    struct ground g;

    ground_init(&g);
    ground_limit(&g, OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_DAILY_GROSS, 30000);
    ground_trade(&g, 0, false, 1000, 20);
    (void)ground_enter(&g);
    (void)ground_pop(&g, OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_DAILY_GROSS,
                     CELL_RISK_STAGE_REJECTING);
    ground_refused(&g, OE_REJECT_REASON_DAILY_GROSS);
    roll(&g, 20240229);
    cr_assert(used_of(&g, OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_DAILY_GROSS) == 10000);
    cr_assert(used_of(&g, OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_OPEN_NOTIONAL) == 10000);
    cr_assert(used_of(&g, OE_RISK_LEVEL_FIRM, CELL_RISK_LIMIT_DAILY_NET) == 0);
    cr_assert(used_of(&g, OE_RISK_LEVEL_ACCOUNT_INSTRUMENT, CELL_RISK_LIMIT_LONG) == 30);
    ground_qty(&g, 20);
    ground_taken(&g);
    (void)ground_pop(&g, OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_DAILY_GROSS,
                     CELL_RISK_STAGE_REJECTING);
    ground_qty(&g, 21);
    ground_refused(&g, OE_REJECT_REASON_DAILY_GROSS);
}

Test(stage, day_keeps_close_only_and_blocked)
{
    struct ground g;

    ground_init(&g);
    stages_limit(&g, OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_DAILY_GROSS);
    ground_trade(&g, 0, false, 1000, 70);
    ground_drain(&g);
    cr_assert_eq(send(&g, false), 0);
    assert_throttled(&g, false);
    roll(&g, 20240102);
    cr_assert_eq(send(&g, false), 0);
    cr_assert_eq(send(&g, false), 0);
    ground_refused(&g, OE_REJECT_REASON_ACCOUNT_CLOSE_ONLY);
}

Test(stage, date_is_a_later_day)
{
    static const uint32_t bad[] = {0,        20230229, 20240000,  20240132, 20241301, 20240430 + 1,
                                   19000229, 20240101, UINT32_MAX};
    struct ground g;

    ground_init(&g);
    roll(&g, 20240101);
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        const struct cell_day_roll day = {.date = bad[i]};

        cr_assert_eq(risk_day_begin(g.risk, &day), OE_REJECT_REASON_CONFIGURATION_RANGE, "row %u",
                     i);
    }
    roll(&g, 20240229);
}

Test(stage, what_was_set_by_hand_is_known)
{
    struct ground g;
    const uint32_t limit = OE_RISK_LEVEL_ACCOUNT << 8 | CELL_RISK_LIMIT_OPEN_NOTIONAL;
    union cell cells[2];

    ground_init(&g);
    cr_assert_eq(risk_config_get(g.risk, CELL_KIND_LIMIT_SET, 0, limit, cells), 0);
    stages_limit(&g, OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_OPEN_NOTIONAL);
    cr_assert_eq(risk_config_get(g.risk, CELL_KIND_LIMIT_SET, 0, limit, cells), 1);
    cr_assert_eq(cells[0].limit_set.value, 100000);
    cr_assert_eq(cells[0].limit_set.block_permille, 800);
    cr_assert(risk_config_by_hand(g.risk, CELL_KIND_LIMIT_SET, 0, limit));
    cr_assert_not(risk_config_by_hand(g.risk, CELL_KIND_ACCOUNT_SET, 0, 0));
    risk_note_by_hand(g.risk, CELL_KIND_ACCOUNT_SET, 0, 0);
    cr_assert(risk_config_by_hand(g.risk, CELL_KIND_ACCOUNT_SET, 0, 0));
    /* Who suspends an account by hand has not set its limits. */
    cr_assert_not(
        risk_config_by_hand(g.risk, CELL_KIND_LIMIT_SET, 0,
                            (uint32_t)OE_RISK_LEVEL_ACCOUNT << 8 | CELL_RISK_LIMIT_ORDER_QTY));
    ground_account(&g, 0, CELL_ACCOUNT_STATE_ACTIVE);
    cr_assert(risk_config_by_hand(g.risk, CELL_KIND_ACCOUNT_SET, 0, 0));
    ground_account(&g, 0, CELL_ACCOUNT_STATE_BLOCKED);
    cr_assert_not(risk_config_by_hand(g.risk, CELL_KIND_ACCOUNT_SET, 0, 0));
    risk_note_by_hand(g.risk, CELL_KIND_PERMISSION_SET, 1, GROUND_INSTRUMENT);
    cr_assert(risk_config_by_hand(g.risk, CELL_KIND_PERMISSION_SET, 1, GROUND_INSTRUMENT));
    cr_assert_not(risk_config_by_hand(g.risk, CELL_KIND_PERMISSION_SET, 0, GROUND_INSTRUMENT));
}
