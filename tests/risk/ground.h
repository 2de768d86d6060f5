/*
 * Ground: a small world for the tests of risk. Two firms of one group and two
 * accounts each, one instrument with a tick of 5, no limit anywhere.
 *
 *   firm 0 <- group 0 <- accounts 0, 1       firm 1 <- group 1 <- accounts 2, 3
 */
#ifndef OUTCRY_TESTS_RISK_GROUND_H
#define OUTCRY_TESTS_RISK_GROUND_H

#include <string.h>

#include <criterion/criterion.h>

#include "proto/limits.h"
#include "risk/risk.h"

#define GROUND_TICK       5
#define GROUND_INSTRUMENT 7u
#define GROUND_ACCOUNTS   4u
#define GROUND_SECOND_NS  UINT64_C(1000000000)
#define GROUND_BYTES      (1u << 17)

/* Criterion forks: each test has its own. */
static uint8_t ground_mem[GROUND_BYTES] CACHE_ALIGNED;

static const struct risk_cfg ground_cfg = {.instruments_max = 10,
                                           .accounts_max = GROUND_ACCOUNTS + 1,
                                           .groups_max = 3,
                                           .firms_max = 3,
                                           .positions_max = 6};

static const struct cell_author ground_author = {.uid = 1000, .name = "op", .text = "test"};

struct ground {
    struct risk *risk;
    struct risk_session session;
    struct cell_instrument_set instrument;
    struct cell_instrument_limits limits;
    struct risk_order order; /* a buy of 10 at 1000 by account 0, that passes */
    struct risk_ticket ticket;
    struct risk_detail detail;
    uint64_t now_ns;
};

static inline void
ground_instrument(struct ground *g)
{
    cr_assert_eq(risk_instrument_set(g->risk, &g->instrument, &g->limits), 0);
}

static inline void
ground_account(struct ground *g, uint32_t account, uint8_t state)
{
    const struct cell_account_set set = {
        .account = account, .group = account / 2, .state = state, .name = "account"};
    const struct cell_account_limits limits = {.order_qty_max = UINT32_MAX,
                                               .order_value_max = INT64_MAX,
                                               .long_max = UINT64_MAX,
                                               .short_max = UINT64_MAX};

    cr_assert_eq(risk_account_set(g->risk, &set, &limits), 0);
}

static inline void
ground_init(struct ground *g)
{
    const size_t bytes = risk_footprint(&ground_cfg);

    cr_assert_leq(bytes, sizeof ground_mem);
    memset(ground_mem, 0, bytes);
    *g = (struct ground){
        .risk = risk_init(ground_mem, &ground_cfg),
        .session = {.orders_max = UINT32_MAX},
        .instrument = {.instrument = GROUND_INSTRUMENT,
                       .symbol = "ABC",
                       .tick_px = GROUND_TICK,
                       .lot_qty = 1},
        .limits = {.order_qty_max = UINT32_MAX, .order_value_max = INT64_MAX},
        .order = {.instrument = GROUND_INSTRUMENT,
                  .firm = RISK_FIRM_ANY,
                  .px = 1000,
                  .qty = 10,
                  .leaves_qty = 10,
                  .session_max = UINT32_MAX,
                  .ord_type = OE_ORD_TYPE_LIMIT,
                  .tif = OE_TIME_IN_FORCE_DAY},
        .now_ns = 1000 * GROUND_SECOND_NS,
    };
    for (uint32_t i = 0; i < 2; i++) {
        const struct cell_firm_set firm = {.firm = i, .name = "firm"};
        const struct cell_group_set group = {.group = i, .firm = i, .name = "group"};

        cr_assert_eq(risk_firm_set(g->risk, &firm), 0);
        cr_assert_eq(risk_group_set(g->risk, &group), 0);
    }
    for (uint32_t i = 0; i < GROUND_ACCOUNTS; i++)
        ground_account(g, i, CELL_ACCOUNT_STATE_ACTIVE);
    ground_instrument(g);
}

static inline struct hash128
ground_hash(const struct ground *g)
{
    struct hash_state hash;

    hash_init(&hash);
    risk_hash(g->risk, &hash);
    return hash_digest(&hash);
}

/* ground_limit sets a limit of a level to which account 0 belongs. */
static inline struct cell_limit_set
ground_limit_cell(uint8_t level, uint8_t limit, int64_t value)
{
    const bool timed = limit >= CELL_RISK_LIMIT_MESSAGE_RATE && limit <= CELL_RISK_LIMIT_EXECUTIONS;

    return (struct cell_limit_set){
        .subject = level == OE_RISK_LEVEL_INSTRUMENT ? GROUND_INSTRUMENT : 0,
        .value = value,
        .window_ns = timed ? GROUND_SECOND_NS : 0,
        .level = level,
        .limit = limit,
        .instrument = level == OE_RISK_LEVEL_ACCOUNT_INSTRUMENT ? GROUND_INSTRUMENT : 0,
    };
}

static inline void
ground_limit(struct ground *g, uint8_t level, uint8_t limit, int64_t value)
{
    const struct cell_limit_set cell = ground_limit_cell(level, limit, value);

    cr_assert_eq(risk_apply_limit(g->risk, &g->session, &cell, &ground_author), 0);
}

/* ground_ask checks the order of now. */
static inline enum oe_reject_reason
ground_ask(struct ground *g)
{
    g->order.now_ns = g->now_ns;
    return risk_check_new(g->risk, &g->order, &g->ticket, &g->detail);
}

/* ground_refused asserts that the order is refused and changes nothing. */
static inline void
ground_refused(struct ground *g, enum oe_reject_reason reason)
{
    const struct hash128 before = ground_hash(g);
    const enum oe_reject_reason got = ground_ask(g);

    cr_assert_eq(got, reason, "%s in place of %s", oe_reject_reason_name((uint16_t)got),
                 oe_reject_reason_name((uint16_t)reason));
    cr_assert(hash128_equal(before, ground_hash(g)));
}

/* ground_numbers asserts what the last refusal told. */
static inline void
ground_numbers(const struct ground *g, uint8_t level, int64_t limit, int64_t used, int64_t value)
{
    cr_assert_eq(g->detail.level, level, "level %u", g->detail.level);
    cr_assert_eq(g->detail.limit, limit, "limit %ld", (long)g->detail.limit);
    cr_assert_eq(g->detail.used, used, "used %ld", (long)g->detail.used);
    cr_assert_eq(g->detail.value, value, "value %ld", (long)g->detail.value);
}

/* ground_enter asserts that the order passes, reserves for it and returns what it
 * has. */
static inline struct risk_hold
ground_enter(struct ground *g)
{
    const enum oe_reject_reason reason = ground_ask(g);

    cr_assert_eq(reason, 0, "%s", oe_reject_reason_name((uint16_t)reason));
    risk_reserve_new(g->risk, &g->order, &g->ticket);
    return (struct risk_hold){.position = g->ticket.position,
                              .leaves_qty = g->order.leaves_qty,
                              .px = g->ticket.px,
                              .sell = g->order.sell};
}

/* ground_taken asserts that the order passes, and takes it away again. */
static inline void
ground_taken(struct ground *g)
{
    const struct risk_hold hold = ground_enter(g);

    risk_give_back(g->risk, &hold, hold.leaves_qty);
}

static inline void
ground_qty(struct ground *g, qty_t qty)
{
    g->order.qty = qty;
    g->order.leaves_qty = qty;
}

/* ground_fill fills qty of what hold has, and returns the fee. */
static inline px_t
ground_fill(struct ground *g, struct risk_hold *hold, px_t px, qty_t qty, bool maker)
{
    const struct risk_fill fill = {
        .hold = *hold, .px = px, .qty = qty, .now_ns = g->now_ns, .maker = maker};
    const px_t fee = risk_on_trade(g->risk, &fill);

    hold->leaves_qty -= qty;
    return fee;
}

/* ground_trade lets account buy or sell qty at px of account 3. */
static inline void
ground_trade(struct ground *g, uint32_t account, bool sell, px_t px, qty_t qty)
{
    const struct risk_order order = g->order;
    struct risk_hold taker;
    struct risk_hold maker;

    g->order.px = px;
    g->order.account = account;
    g->order.sell = sell;
    ground_qty(g, qty);
    taker = ground_enter(g);
    g->order.account = 3;
    g->order.sell = !sell;
    maker = ground_enter(g);
    (void)ground_fill(g, &taker, px, qty, false);
    (void)ground_fill(g, &maker, px, qty, true);
    risk_conservation_check(g->risk);
    g->order = order;
}

/* ground_pop asserts that this is what became due next. */
static inline struct risk_due
ground_pop(struct ground *g, uint8_t level, uint8_t limit, uint8_t stage)
{
    struct risk_due due = {.level = 0};

    cr_assert(risk_pending_pop(g->risk, &due));
    cr_assert_eq(due.level, level, "level %u", due.level);
    cr_assert_eq(due.limit, limit, "limit %u", due.limit);
    cr_assert_eq(due.stage, stage, "stage %u", due.stage);
    return due;
}

/* ground_drain takes all that became due. */
static inline void
ground_drain(struct ground *g)
{
    struct risk_due due;

    while (risk_pending_pop(g->risk, &due))
        cr_assert_neq(due.stage, CELL_RISK_STAGE_NONE);
    cr_assert_not(risk_is_pending(g->risk));
}

#endif
