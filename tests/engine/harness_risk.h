/*
 * Harness for risk: the commands of operators, in one line each, as harness.h has
 * those of sessions. Each returns the outcome. The author is an operator unless the
 * test says otherwise.
 */
#ifndef OUTCRY_TESTS_ENGINE_HARNESS_RISK_H
#define OUTCRY_TESTS_ENGINE_HARNESS_RISK_H

#include "tests/engine/harness.h"

/* A limit as tests write it: of an account unless level says otherwise. */
struct harness_limit {
    uint8_t level;
    uint32_t subject;
    uint32_t instrument;
    uint8_t limit;
    int64_t value;
    uint64_t window_ns;
    uint16_t warn;
    uint16_t slow;
    uint16_t close;
    uint16_t block;
    uint16_t slow_ms;
    uint8_t cancels;
};

static inline union cell
harness_author(uint32_t uid)
{
    return (union cell){
        .author = {.kind = CELL_KIND_AUTHOR, .uid = uid, .name = "operator", .text = "for a test"}};
}

/* harness_admin applies a command of an operator: its first cell, then its author. */
static inline unsigned
harness_admin(struct harness *h, union cell first)
{
    union cell cells[2] = {first, harness_author(1000)};

    cells[0].bytes[1] = 2;
    cells[0].order_new.time = h->time_ns;
    cells[0].order_new.session = CELL_SESSION;
    (void)harness_apply(h, cells);
    return harness_outcome(h);
}

static inline unsigned
harness_limit(struct harness *h, struct harness_limit limit)
{
    return harness_admin(
        h,
        (union cell){.limit_set = {
                         .kind = CELL_KIND_LIMIT_SET,
                         .subject = limit.subject,
                         .value = limit.value,
                         .window_ns = limit.window_ns,
                         .level = limit.level != 0 ? limit.level : (uint8_t)OE_RISK_LEVEL_ACCOUNT,
                         .limit = limit.limit,
                         .warn_permille = limit.warn,
                         .slow_permille = limit.slow,
                         .close_permille = limit.close,
                         .block_permille = limit.block,
                         .slow_ms = limit.slow_ms,
                         .cancels = limit.cancels,
                         .instrument = limit.instrument,
                     }});
}

static inline unsigned
harness_fees(struct harness *h, uint32_t instrument, int32_t maker_ppm, int32_t taker_ppm)
{
    return harness_admin(h, (union cell){.fee_set = {.kind = CELL_KIND_FEE_SET,
                                                     .instrument = instrument,
                                                     .maker_ppm = maker_ppm,
                                                     .taker_ppm = taker_ppm}});
}

static inline unsigned
harness_cash(struct harness *h, uint32_t account, uint8_t mode, px_t amount)
{
    return harness_admin(h, (union cell){.cash_move = {.kind = CELL_KIND_CASH_MOVE,
                                                       .amount = amount,
                                                       .mode = mode,
                                                       .account = account}});
}

static inline unsigned
harness_units(struct harness *h, uint32_t account, uint32_t instrument, uint8_t mode, int64_t qty)
{
    return harness_admin(h, (union cell){.position_move = {.kind = CELL_KIND_POSITION_MOVE,
                                                           .instrument = instrument,
                                                           .qty = qty,
                                                           .mode = mode,
                                                           .account = account}});
}

static inline unsigned
harness_mark(struct harness *h, uint32_t instrument, px_t px, bool settlement)
{
    return harness_admin(h, (union cell){.mark_set = {.kind = CELL_KIND_MARK_SET,
                                                      .instrument = instrument,
                                                      .px = px,
                                                      .settlement = settlement}});
}

static inline unsigned
harness_kill(struct harness *h, uint8_t level, uint32_t subject, bool cancels)
{
    return harness_admin(h, (union cell){.kill = {.kind = CELL_KIND_KILL,
                                                  .subject = subject,
                                                  .level = level,
                                                  .cancels = cancels}});
}

static inline unsigned
harness_enable(struct harness *h, uint8_t level, uint32_t subject)
{
    return harness_admin(
        h, (union cell){.enable = {.kind = CELL_KIND_ENABLE, .subject = subject, .level = level}});
}

static inline unsigned
harness_day(struct harness *h, uint32_t date)
{
    return harness_admin(h, (union cell){.day_roll = {.kind = CELL_KIND_DAY_ROLL, .date = date}});
}

static inline unsigned
harness_restrict(struct harness *h,
                 uint8_t level,
                 uint32_t subject,
                 uint32_t instrument,
                 bool restricted)
{
    return harness_admin(h, (union cell){.restriction_set = {.kind = CELL_KIND_RESTRICTION_SET,
                                                             .subject = subject,
                                                             .instrument = instrument,
                                                             .level = level,
                                                             .restricted = restricted}});
}

/* harness_rule sets an order rule; all but subject, level and the fields of the cell
 * that are named is as if it never had one. */
static inline unsigned
harness_rule(struct harness *h, struct cell_order_rule_set rule)
{
    rule.kind = CELL_KIND_ORDER_RULE_SET;
    return harness_admin(h, (union cell){.order_rule_set = rule});
}

static inline struct engine_use
harness_use(const struct harness *h, uint8_t level, uint32_t subject, uint8_t limit)
{
    struct engine_use use;

    cr_assert(engine_risk_use(h->engine, level, subject, 0, limit, &use));
    return use;
}

/* harness_money returns a sum of money of a test, which is small. */
static inline int64_t
harness_money(struct engine_wide wide)
{
    cr_assert_eq(wide.high, (int64_t)wide.low < 0 ? -1 : 0);
    return (int64_t)wide.low;
}

static inline struct engine_cash
harness_cash_of(const struct harness *h, uint32_t account)
{
    struct engine_cash cash;

    cr_assert(engine_risk_cash(h->engine, account, &cash));
    return cash;
}

#endif
