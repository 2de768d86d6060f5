/*
 * Goal: each check refuses at limit + 1 and not at limit, a refusal changes
 * nothing, and what was reserved is released exactly.
 * Method: one account, one instrument, one limit at a time; the risk hash
 * before and after each refusal.
 */
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "proto/limits.h"
#include "risk/risk.h"

#define TICK      5
#define MEM_BYTES (1u << 17)

/* Criterion forks: each test has its own. */
static uint8_t mem[MEM_BYTES] CACHE_ALIGNED;

static const struct risk_cfg cfg_small = {.instruments_max = 70,
                                          .accounts_max = 4,
                                          .groups_max = 2,
                                          .firms_max = 2,
                                          .positions_max = 2};

/* What a test changes before it sets up, and an order that passes. */
struct fixture {
    struct risk *risk;
    struct cell_account_set account;
    struct cell_account_limits account_limits;
    struct cell_instrument_set instrument;
    struct cell_instrument_limits instrument_limits;
    struct risk_order order;
    struct risk_ticket ticket;
    struct risk_detail detail;
};

static void
apply_sets(struct fixture *f)
{
    cr_assert_eq(risk_account_set(f->risk, &f->account, &f->account_limits), 0);
    cr_assert_eq(risk_instrument_set(f->risk, &f->instrument, &f->instrument_limits), 0);
}

static void
fixture_init(struct fixture *f)
{
    const size_t bytes = risk_footprint(&cfg_small);
    const struct cell_firm_set firm = {.firm = 1, .name = "firm"};
    const struct cell_group_set group = {.group = 1, .firm = 1, .name = "group"};

    cr_assert_leq(bytes, sizeof mem);
    memset(mem, 0, bytes);
    memset(f, 0, sizeof *f);
    f->risk = risk_init(mem, &cfg_small);
    cr_assert_eq(risk_firm_set(f->risk, &firm), 0);
    cr_assert_eq(risk_group_set(f->risk, &group), 0);
    f->account = (struct cell_account_set){.account = 1, .group = 1, .name = "account"};
    f->account_limits = (struct cell_account_limits){.order_qty_max = UINT32_MAX,
                                                     .order_value_max = INT64_MAX,
                                                     .long_max = POSITION_LIMIT_MAX,
                                                     .short_max = POSITION_LIMIT_MAX};
    f->instrument = (struct cell_instrument_set){
        .instrument = 65, .symbol = "ABC", .tick_px = TICK, .lot_qty = 1};
    f->instrument_limits =
        (struct cell_instrument_limits){.order_qty_max = UINT32_MAX, .order_value_max = INT64_MAX};
    f->order = (struct risk_order){.instrument = 65,
                                   .account = 1,
                                   .firm = 1,
                                   .px = 1000,
                                   .qty = 10,
                                   .leaves_qty = 10,
                                   .session_max = UINT32_MAX};
    apply_sets(f);
}

static struct hash128
hash_of(const struct risk *risk)
{
    struct hash_state hash;

    hash_init(&hash);
    risk_hash(risk, &hash);
    return hash_digest(&hash);
}

/* enter checks an order and, when it passes, reserves for it. */
static enum oe_reject_reason
enter(struct risk *risk,
      const struct risk_order *order,
      struct risk_ticket *ticket,
      struct risk_detail *detail)
{
    const enum oe_reject_reason reason = risk_check_new(risk, order, ticket, detail);

    if (reason == OE_REJECT_REASON_NONE)
        risk_reserve_new(risk, order, ticket);
    return reason;
}

/* assert_refused checks the order and asserts that nothing has changed. */
static void
assert_refused(struct fixture *f, enum oe_reject_reason reason)
{
    const struct hash128 before = hash_of(f->risk);

    cr_assert_eq(enter(f->risk, &f->order, &f->ticket, &f->detail), reason, "line of %s",
                 oe_reject_reason_name(reason));
    cr_assert(hash128_equal(before, hash_of(f->risk)));
}

/* hold_of returns what the last order that was taken has reserved. */
static struct risk_hold
hold_of(const struct fixture *f, bool sell, qty_t leaves_qty)
{
    return (struct risk_hold){
        .position = f->ticket.position, .leaves_qty = leaves_qty, .px = f->ticket.px, .sell = sell};
}

/* release gives back an order with its leaves. */
static void
release(struct fixture *f, bool sell, qty_t leaves_qty)
{
    const struct risk_hold hold = hold_of(f, sell, leaves_qty);

    risk_give_back(f->risk, &hold, leaves_qty);
}

/* fill lets an order trade qty of its leaves at its price. */
static void
fill(struct fixture *f, bool sell, qty_t qty, qty_t leaves_qty)
{
    const struct risk_fill fill = {
        .hold = hold_of(f, sell, leaves_qty), .px = f->ticket.px, .qty = qty};

    (void)risk_on_trade(f->risk, &fill);
}

/* replace asks for the order in place of one at its price with old leaves. */
static enum oe_reject_reason
replace(struct fixture *f, qty_t old_leaves_qty)
{
    const struct risk_hold hold = hold_of(f, f->order.sell, old_leaves_qty);
    const enum oe_reject_reason reason =
        risk_check_amend(f->risk, &f->order, &hold, &f->ticket, &f->detail);

    if (reason == OE_REJECT_REASON_NONE)
        risk_reserve_amend(f->risk, &f->order, &hold, &f->ticket);
    return reason;
}

/* assert_taken checks the order, asserts that it passes and gives it back. */
static void
assert_taken(struct fixture *f)
{
    const enum oe_reject_reason reason = enter(f->risk, &f->order, &f->ticket, &f->detail);

    cr_assert_eq(reason, OE_REJECT_REASON_NONE, "%s", oe_reject_reason_name(reason));
    release(f, f->order.sell, f->order.leaves_qty);
}

static void
set_qty(struct fixture *f, qty_t qty)
{
    f->order.qty = qty;
    f->order.leaves_qty = qty;
}

Test(risk, instrument_is_known_and_open)
{
    struct fixture f;

    fixture_init(&f);
    f.order.instrument = 64;
    assert_refused(&f, OE_REJECT_REASON_UNKNOWN_INSTRUMENT);
    f.order.instrument = 70;
    assert_refused(&f, OE_REJECT_REASON_UNKNOWN_INSTRUMENT);
    f.order.instrument = 65;
    f.instrument.state = CELL_INSTRUMENT_STATE_HALTED;
    apply_sets(&f);
    assert_refused(&f, OE_REJECT_REASON_INSTRUMENT_HALTED);
    f.instrument.state = CELL_INSTRUMENT_STATE_CLOSED;
    apply_sets(&f);
    assert_refused(&f, OE_REJECT_REASON_INSTRUMENT_CLOSED);
    f.instrument.state = CELL_INSTRUMENT_STATE_OPEN;
    apply_sets(&f);
    assert_taken(&f);
}

Test(risk, account_is_known_and_of_the_firm)
{
    struct fixture f;

    fixture_init(&f);
    f.order.account = 2;
    assert_refused(&f, OE_REJECT_REASON_UNKNOWN_ACCOUNT);
    f.order.account = 4;
    assert_refused(&f, OE_REJECT_REASON_UNKNOWN_ACCOUNT);
    f.order.account = 1;
    f.order.firm = 0;
    assert_refused(&f, OE_REJECT_REASON_ACCOUNT_NOT_OF_FIRM);
    f.order.firm = RISK_FIRM_ANY;
    assert_taken(&f);
}

Test(risk, account_state_is_obeyed)
{
    struct fixture f;

    fixture_init(&f);
    f.account.state = CELL_ACCOUNT_STATE_SUSPENDED;
    apply_sets(&f);
    assert_refused(&f, OE_REJECT_REASON_ACCOUNT_SUSPENDED);
    f.account.state = CELL_ACCOUNT_STATE_BLOCKED;
    apply_sets(&f);
    assert_refused(&f, OE_REJECT_REASON_ACCOUNT_BLOCKED);
}

Test(risk, close_only_takes_orders_up_to_the_position)
{
    struct fixture f;

    fixture_init(&f);
    cr_assert_eq(enter(f.risk, &f.order, &f.ticket, &f.detail), 0);
    fill(&f, false, 10, 10);
    f.account.state = CELL_ACCOUNT_STATE_CLOSE_ONLY;
    apply_sets(&f);
    set_qty(&f, 1);
    assert_refused(&f, OE_REJECT_REASON_ACCOUNT_CLOSE_ONLY);
    f.order.sell = true;
    set_qty(&f, 10);
    assert_taken(&f);
    set_qty(&f, 11);
    assert_refused(&f, OE_REJECT_REASON_ACCOUNT_CLOSE_ONLY);
    set_qty(&f, 9);
    cr_assert_eq(enter(f.risk, &f.order, &f.ticket, &f.detail), 0);
    set_qty(&f, 1);
    assert_taken(&f);
    set_qty(&f, 2);
    assert_refused(&f, OE_REJECT_REASON_ACCOUNT_CLOSE_ONLY);
}

Test(risk, restricted_instrument_is_refused_to_that_group)
{
    struct fixture f;
    struct cell_permission_set permission = {.instrument = 65, .group = 1, .restricted = 1};

    fixture_init(&f);
    cr_assert_eq(risk_permission_set(f.risk, &permission), 0);
    assert_refused(&f, OE_REJECT_REASON_RESTRICTED_INSTRUMENT);
    permission.restricted = 0;
    cr_assert_eq(risk_permission_set(f.risk, &permission), 0);
    assert_taken(&f);
    permission.restricted = 2;
    cr_assert_eq(risk_permission_set(f.risk, &permission), OE_REJECT_REASON_CONFIGURATION_RANGE);
}

Test(risk, price_is_positive_on_tick_and_in_range)
{
    struct fixture f;

    fixture_init(&f);
    f.order.px = 0;
    assert_refused(&f, OE_REJECT_REASON_INVALID_PRICE);
    f.order.px = INT64_MIN;
    assert_refused(&f, OE_REJECT_REASON_INVALID_PRICE);
    f.order.px = TICK - 1;
    assert_refused(&f, OE_REJECT_REASON_INVALID_TICK);
    f.order.px = TICK + 1;
    assert_refused(&f, OE_REJECT_REASON_INVALID_TICK);
    f.order.px = TICK;
    assert_taken(&f);
    cr_assert_eq(f.ticket.tick, 1);
    f.order.px = (px_t)(TICKS_MAX - 1) * TICK;
    assert_taken(&f);
    cr_assert_eq(f.ticket.tick, TICKS_MAX - 1);
    f.order.px = (px_t)TICKS_MAX * TICK;
    assert_refused(&f, OE_REJECT_REASON_INVALID_PRICE);
    f.order.px = INT64_MAX;
    assert_refused(&f, OE_REJECT_REASON_INVALID_PRICE);
}

Test(risk, ticks_of_any_size_are_divided_exactly)
{
    static const px_t sizes[] = {1,
                                 2,
                                 3,
                                 8,
                                 10,
                                 1000,
                                 12345,
                                 PX_ONE / 100,
                                 PX_ONE,
                                 INT64_C(1) << 33,
                                 (INT64_C(1) << 40) + 7,
                                 INT64_MAX / 2,
                                 INT64_MAX};

    for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
        struct fixture f;

        fixture_init(&f);
        f.instrument.instrument = 3;
        f.instrument.symbol[0] = 'X';
        f.instrument.tick_px = sizes[i];
        f.order.instrument = 3;
        apply_sets(&f);
        for (unsigned k = 0; k < 2000; k++) {
            const px_t tick = 1 + (px_t)((uint64_t)rand() % (TICKS_MAX - 1));
            uint32_t want;

            if (__builtin_mul_overflow(tick >> (k % 30), sizes[i], &f.order.px))
                continue;
            if (__builtin_add_overflow(f.order.px, (px_t)(k % 3) - 1, &f.order.px))
                continue;
            if (k % 7 == 0)
                f.order.px = -f.order.px;
            const enum oe_reject_reason reason = enter(f.risk, &f.order, &f.ticket, &f.detail);

            if (px_to_tick(f.order.px, sizes[i], &want)) {
                cr_assert_eq(reason, 0, "tick size %ld px %ld", (long)sizes[i], (long)f.order.px);
                cr_assert_eq(f.ticket.tick, want);
                release(&f, false, 10);
            } else {
                cr_assert(reason == OE_REJECT_REASON_INVALID_PRICE ||
                          reason == OE_REJECT_REASON_INVALID_TICK);
            }
        }
    }
}

Test(risk, quantity_is_in_lots_and_between_its_limits)
{
    struct fixture f;

    fixture_init(&f);
    f.instrument.instrument = 3;
    f.instrument.symbol[0] = 'X';
    f.instrument.lot_qty = 10;
    f.instrument_limits.order_qty_min = 20;
    f.instrument_limits.order_qty_max = 100;
    f.account_limits.order_qty_max = 200;
    f.order.instrument = 3;
    apply_sets(&f);
    set_qty(&f, 0);
    assert_refused(&f, OE_REJECT_REASON_INVALID_QUANTITY);
    set_qty(&f, 25);
    assert_refused(&f, OE_REJECT_REASON_INVALID_LOT);
    set_qty(&f, 10);
    assert_refused(&f, OE_REJECT_REASON_MIN_ORDER_QTY);
    set_qty(&f, 20);
    assert_taken(&f);
    set_qty(&f, 100);
    assert_taken(&f);
    set_qty(&f, 110);
    assert_refused(&f, OE_REJECT_REASON_MAX_ORDER_QTY);
    cr_assert_eq(f.detail.level, OE_RISK_LEVEL_INSTRUMENT);
    cr_assert_eq(f.detail.limit, 100);
    cr_assert_eq(f.detail.value, 110);
    f.account_limits.order_qty_max = 90;
    apply_sets(&f);
    set_qty(&f, 100);
    assert_refused(&f, OE_REJECT_REASON_MAX_ORDER_QTY);
    cr_assert_eq(f.detail.level, OE_RISK_LEVEL_ACCOUNT);
    cr_assert_eq(f.detail.subject, 1);
}

Test(risk, collar_in_ticks_is_inclusive)
{
    struct fixture f;

    fixture_init(&f);
    f.instrument_limits.collar_ticks = 3;
    apply_sets(&f);
    assert_refused(&f, OE_REJECT_REASON_NO_REFERENCE_PRICE);
    f.instrument_limits.reference_px = 1000;
    apply_sets(&f);
    f.order.px = 1000 + 3 * TICK;
    assert_taken(&f);
    f.order.px += TICK;
    assert_refused(&f, OE_REJECT_REASON_PRICE_COLLAR_HIGH);
    cr_assert_eq(f.detail.limit, 1015);
    cr_assert_eq(f.detail.used, 1000);
    cr_assert_eq(f.detail.value, 1020);
    f.order.px = 1000 - 3 * TICK;
    assert_taken(&f);
    f.order.px -= TICK;
    assert_refused(&f, OE_REJECT_REASON_PRICE_COLLAR_LOW);
    f.order.last_px = 980;
    assert_taken(&f);
    f.order.px = 1000;
    assert_refused(&f, OE_REJECT_REASON_PRICE_COLLAR_HIGH);
}

Test(risk, collar_in_permille_is_exact)
{
    struct fixture f;

    fixture_init(&f);
    f.instrument_limits.collar_permille = 7;
    f.instrument_limits.reference_px = 1000;
    apply_sets(&f);
    f.order.px = 1005;
    assert_taken(&f);
    f.order.px = 1010; /* 1010 * 1000 > 1000 * 1007 */
    assert_refused(&f, OE_REJECT_REASON_PRICE_COLLAR_HIGH);
    f.order.last_px = 1003; /* up to 1010.021 */
    assert_taken(&f);
    f.order.last_px = 1002; /* up to 1009.014 */
    assert_refused(&f, OE_REJECT_REASON_PRICE_COLLAR_HIGH);
    f.order.px = 995; /* 1002: from 994.986 */
    assert_taken(&f);
    f.order.last_px = 1003; /* from 995.979 */
    assert_refused(&f, OE_REJECT_REASON_PRICE_COLLAR_LOW);
}

Test(risk, tighter_of_two_collars_holds)
{
    struct fixture f;

    fixture_init(&f);
    f.instrument_limits.collar_permille = 100;
    f.instrument_limits.collar_ticks = 2;
    f.instrument_limits.reference_px = 1000;
    apply_sets(&f);
    f.order.px = 1010;
    assert_taken(&f);
    f.order.px = 1015;
    assert_refused(&f, OE_REJECT_REASON_PRICE_COLLAR_HIGH);
    f.instrument_limits.collar_ticks = 100;
    apply_sets(&f);
    f.order.px = 1100;
    assert_taken(&f);
    f.order.px = 1105;
    assert_refused(&f, OE_REJECT_REASON_PRICE_COLLAR_HIGH);
}

Test(risk, collar_at_the_ends_of_the_range_does_not_wrap)
{
    struct fixture f;

    fixture_init(&f);
    f.instrument.instrument = 3;
    f.instrument.symbol[0] = 'X';
    f.instrument.tick_px = INT64_C(1) << 33;
    f.instrument_limits.collar_ticks = UINT32_MAX;
    f.instrument_limits.collar_permille = UINT32_MAX;
    f.instrument_limits.reference_px = INT64_MAX;
    f.order.instrument = 3;
    f.order.px = (px_t)(TICKS_MAX - 1) << 33;
    apply_sets(&f);
    assert_taken(&f);
    f.order.px = INT64_C(1) << 33;
    assert_taken(&f);
}

Test(risk, band_is_inclusive)
{
    struct fixture f;

    fixture_init(&f);
    f.instrument_limits.band_low_px = 900;
    f.instrument_limits.band_high_px = 1100;
    apply_sets(&f);
    f.order.px = 900;
    assert_taken(&f);
    f.order.px = 895;
    assert_refused(&f, OE_REJECT_REASON_PRICE_BAND);
    f.order.px = 1100;
    assert_taken(&f);
    f.order.px = 1105;
    assert_refused(&f, OE_REJECT_REASON_PRICE_BAND);
}

/* assert_edge: limit is the last price that is allowed in the direction of step. */
static void
assert_edge(struct fixture *f, px_t last_px, px_t limit, px_t step)
{
    const struct hash128 before = hash_of(f->risk);

    cr_assert(risk_px_allowed(f->risk, 65, last_px, 0, limit - step));
    cr_assert(risk_px_allowed(f->risk, 65, last_px, 0, limit));
    cr_assert_not(risk_px_allowed(f->risk, 65, last_px, 0, limit + step));
    cr_assert(hash128_equal(before, hash_of(f->risk)));
}

Test(risk, price_is_allowed_up_to_the_nearer_of_collar_and_band)
{
    struct fixture f;

    fixture_init(&f);
    cr_assert(risk_px_allowed(f.risk, 65, 0, 0, 1));
    cr_assert(risk_px_allowed(f.risk, 65, 0, 0, PX_MAX));
    f.instrument_limits.band_low_px = 900;
    f.instrument_limits.band_high_px = 1100;
    apply_sets(&f);
    assert_edge(&f, 0, 900, -1);
    assert_edge(&f, 0, 1100, 1);
    f.instrument_limits.collar_ticks = 30;
    apply_sets(&f);
    cr_assert_not(risk_px_allowed(f.risk, 65, 0, 0, 1000)); /* no reference */
    assert_edge(&f, 1000, 900, -1);
    assert_edge(&f, 1000, 1100, 1);
    assert_edge(&f, 900, 900, -1);
    assert_edge(&f, 900, 900 + 30 * TICK, 1);
    f.instrument_limits.collar_permille = 7;
    f.instrument_limits.reference_px = 999;
    apply_sets(&f);
    assert_edge(&f, 0, 999 - 6, -1);
    assert_edge(&f, 0, 999 + 6, 1);
    assert_edge(&f, 1000, 1000 - 7, -1);
    assert_edge(&f, 1000, 1000 + 7, 1);
}

Test(risk, price_that_is_asked_for_does_not_move_the_bounds_of_the_next_order)
{
    struct fixture f;

    fixture_init(&f);
    f.instrument_limits.collar_ticks = 3;
    apply_sets(&f);
    f.order.last_px = 1000;
    f.order.px = 1000 + 3 * TICK;
    assert_taken(&f);
    cr_assert_not(risk_px_allowed(f.risk, 65, 500, 0, f.order.px));
    assert_taken(&f);
    f.order.px += TICK;
    cr_assert(risk_px_allowed(f.risk, 65, f.order.px, 0, f.order.px));
    assert_refused(&f, OE_REJECT_REASON_PRICE_COLLAR_HIGH);
}

Test(risk, market_order_is_valued_at_its_collar)
{
    struct fixture f;

    fixture_init(&f);
    f.order.market = true;
    f.order.px = 0;
    assert_refused(&f, OE_REJECT_REASON_NO_REFERENCE_PRICE);
    f.instrument_limits.collar_permille = 7;
    f.instrument_limits.reference_px = 1000;
    apply_sets(&f);
    assert_taken(&f);
    cr_assert_eq(f.ticket.px, 1005);
    f.order.sell = true;
    assert_taken(&f);
    cr_assert_eq(f.ticket.px, 995);
    f.order.sell = false;
    f.account_limits.order_value_max = 10050;
    apply_sets(&f);
    assert_taken(&f);
    f.account_limits.order_value_max = 10049;
    apply_sets(&f);
    assert_refused(&f, OE_REJECT_REASON_MAX_ORDER_VALUE);
}

Test(risk, value_is_checked_in_128_bits)
{
    struct fixture f;

    fixture_init(&f);
    f.account_limits.order_value_max = 10000;
    apply_sets(&f);
    assert_taken(&f);
    f.account_limits.order_value_max = 9999;
    apply_sets(&f);
    assert_refused(&f, OE_REJECT_REASON_MAX_ORDER_VALUE);
    cr_assert_eq(f.detail.limit, 9999);
    cr_assert_eq(f.detail.value, 10000);
    f.order.px = (px_t)(TICKS_MAX - 1) * TICK;
    set_qty(&f, UINT32_MAX);
    f.account_limits.order_value_max = INT64_MAX - 1;
    apply_sets(&f);
    assert_refused(&f, OE_REJECT_REASON_MAX_ORDER_VALUE);
    cr_assert_eq(f.detail.value, INT64_MAX);
    f.account_limits.order_value_max = INT64_MAX;
    apply_sets(&f);
    assert_taken(&f);
}

Test(risk, worst_case_position_is_limited_on_both_sides)
{
    for (unsigned sell = 0; sell < 2; sell++) {
        struct fixture f;
        const enum oe_reject_reason reason = sell != 0 ? OE_REJECT_REASON_SHORT_POSITION_LIMIT
                                                       : OE_REJECT_REASON_LONG_POSITION_LIMIT;

        fixture_init(&f);
        f.order.sell = sell != 0;
        f.account_limits.long_max = 30;
        f.account_limits.short_max = 30;
        apply_sets(&f);
        cr_assert_eq(enter(f.risk, &f.order, &f.ticket, &f.detail), 0);
        cr_assert_eq(enter(f.risk, &f.order, &f.ticket, &f.detail), 0);
        fill(&f, f.order.sell, 10, 10);
        assert_taken(&f);
        set_qty(&f, 9);
        assert_taken(&f);
        set_qty(&f, 11);
        assert_refused(&f, reason);
        cr_assert_eq(f.detail.limit, 30);
        cr_assert_eq(f.detail.used, 20);
        cr_assert_eq(f.detail.value, 11);
        f.order.sell = !f.order.sell;
        set_qty(&f, 40);
        assert_taken(&f);
        set_qty(&f, 41);
        assert_refused(&f, sell != 0 ? OE_REJECT_REASON_LONG_POSITION_LIMIT
                                     : OE_REJECT_REASON_SHORT_POSITION_LIMIT);
    }
}

Test(risk, limit_of_the_pair_overrides_the_accounts)
{
    struct fixture f;
    const struct cell_position_limit_set set = {
        .instrument = 65, .account = 1, .long_max = 50, .short_max = 0};

    fixture_init(&f);
    f.account_limits.long_max = 10;
    apply_sets(&f);
    set_qty(&f, 11);
    assert_refused(&f, OE_REJECT_REASON_LONG_POSITION_LIMIT);
    cr_assert_eq(risk_position_limit_set(f.risk, &set), 0);
    set_qty(&f, 50);
    assert_taken(&f);
    set_qty(&f, 51);
    assert_refused(&f, OE_REJECT_REASON_LONG_POSITION_LIMIT);
    cr_assert_eq(f.detail.level, OE_RISK_LEVEL_ACCOUNT_INSTRUMENT);
    f.order.sell = true;
    set_qty(&f, 1);
    assert_refused(&f, OE_REJECT_REASON_SHORT_POSITION_LIMIT);
}

Test(risk, positions_are_bounded_and_refused_when_full)
{
    struct fixture f;

    fixture_init(&f);
    assert_taken(&f);
    f.account.account = 2;
    apply_sets(&f);
    f.order.account = 2;
    assert_taken(&f);
    f.account.account = 3;
    apply_sets(&f);
    f.order.account = 3;
    assert_refused(&f, OE_REJECT_REASON_POSITION_POOL_FULL);
    f.order.account = 1;
    assert_taken(&f);
    cr_assert_eq(risk_positions_cnt(f.risk), 2);
}

Test(risk, release_and_fill_are_exact)
{
    struct fixture f;
    struct risk_position position;

    fixture_init(&f);
    cr_assert(!risk_position_get(f.risk, 1, 65, &position));
    cr_assert_eq(enter(f.risk, &f.order, &f.ticket, &f.detail), 0);
    f.order.sell = true;
    set_qty(&f, 7);
    cr_assert_eq(enter(f.risk, &f.order, &f.ticket, &f.detail), 0);
    fill(&f, false, 4, 10);
    fill(&f, true, 7, 7);
    release(&f, false, 6);
    cr_assert(risk_position_get(f.risk, 1, 65, &position));
    cr_assert_eq(position.position_qty, -3);
    cr_assert_eq(position.open_buy_qty, 0);
    cr_assert_eq(position.open_sell_qty, 0);
    risk_position_check(f.risk, f.ticket.position, 0, 0);
}

Test(risk, replace_moves_the_reservation_or_nothing)
{
    struct fixture f;
    struct risk_position position;

    fixture_init(&f);
    f.account_limits.long_max = 20;
    apply_sets(&f);
    cr_assert_eq(enter(f.risk, &f.order, &f.ticket, &f.detail), 0);
    set_qty(&f, 20);
    cr_assert_eq(replace(&f, 10), 0);
    set_qty(&f, 21);

    const struct hash128 before = hash_of(f.risk);

    cr_assert_eq(replace(&f, 20), OE_REJECT_REASON_LONG_POSITION_LIMIT);
    cr_assert(hash128_equal(before, hash_of(f.risk)));
    set_qty(&f, 5);
    cr_assert_eq(replace(&f, 20), 0);
    cr_assert(risk_position_get(f.risk, 1, 65, &position));
    cr_assert_eq(position.open_buy_qty, 5);
}

Test(risk, configuration_out_of_range_or_in_conflict_is_refused)
{
    struct fixture f;
    struct cell_group_set group = {.group = 1, .firm = 0, .name = "group"};

    fixture_init(&f);
    const struct hash128 before = hash_of(f.risk);

    cr_assert_eq(risk_group_set(f.risk, &group), OE_REJECT_REASON_CONFIGURATION_CONFLICT);
    group.group = 2;
    cr_assert_eq(risk_group_set(f.risk, &group), OE_REJECT_REASON_CONFIGURATION_RANGE);
    f.account.group = 0;
    cr_assert_eq(risk_account_set(f.risk, &f.account, &f.account_limits),
                 OE_REJECT_REASON_CONFIGURATION_CONFLICT);
    f.account.group = 1;
    f.account.account = 4;
    cr_assert_eq(risk_account_set(f.risk, &f.account, &f.account_limits),
                 OE_REJECT_REASON_CONFIGURATION_RANGE);
    f.account.account = 1;
    f.account_limits.long_max = POSITION_LIMIT_MAX + 1;
    cr_assert_eq(risk_account_set(f.risk, &f.account, &f.account_limits),
                 OE_REJECT_REASON_CONFIGURATION_RANGE);
    f.instrument.tick_px = 10;
    cr_assert_eq(risk_instrument_set(f.risk, &f.instrument, &f.instrument_limits),
                 OE_REJECT_REASON_CONFIGURATION_CONFLICT);
    f.instrument.tick_px = 0;
    cr_assert_eq(risk_instrument_set(f.risk, &f.instrument, &f.instrument_limits),
                 OE_REJECT_REASON_CONFIGURATION_RANGE);
    f.instrument.tick_px = TICK;
    f.instrument.instrument = 3;
    cr_assert_eq(risk_instrument_set(f.risk, &f.instrument, &f.instrument_limits),
                 OE_REJECT_REASON_CONFIGURATION_CONFLICT);
    cr_assert(hash128_equal(before, hash_of(f.risk)));
}
