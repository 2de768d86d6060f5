/*
 * Limits: which there are at which level, and what happens on the way to them.
 *
 *   use   0 ------ warn ------ slow ------ close ------ block ------ limit
 *                  told        a pause     CloseOnly    canceled,    refused
 *                              between                  blocked
 *
 * A limit is set by LimitSet (AccountSet, InstrumentSet and PositionLimitSet set
 * those that they name), one subject at a time. A limit equal to the largest
 * number is no limit. A stage begins with the first use for which
 * use * 1000 >= limit * permille; 0 permille: the stage does not exist. Stages may
 * come in any order of permilles, but 1000 and more is refused by
 * ConfigurationRange: at the limit itself the stage is Rejecting.
 *
 * The checks of the hot path do not know stages. What they compare with is the
 * largest use at which nothing happens, be it a refusal or a stage; above it
 * risk_check_new goes through all limits in their order, and risk_reserve_new
 * begins the stages that were reached and moves the bound up to the next one. So
 * a stage costs nothing until it is reached.
 *
 * Invariants
 *  1. The bound of a subject is the least over its limits of the use before the
 *     next stage that has not begun, or of the limit.
 *  2. A stage that has begun ends by Enable or LimitSet of its subject alone,
 *     Warned, Slowed and Rejecting of a limit of the day also by DayRoll.
 *
 * Cold: nothing here is asked by an order that stays below all bounds.
 */
#ifndef OUTCRY_RISK_LIMITS_H
#define OUTCRY_RISK_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base.h"
#include "proto/cell.h"
#include "proto/orders.h"

#define RISK_LIMITS_CNT   16u /* enum cell_risk_limit, None included */
#define RISK_LIMIT_OFF    INT64_MAX
#define RISK_STAGES_CNT   4u /* warn, slow, close, block */
#define RISK_PERMILLE_END 1000u

/* One limit of one subject, as LimitSet gave it. */
struct risk_limit {
    int64_t value;      /* RISK_LIMIT_OFF: none */
    uint64_t window_ns; /* of rates the time for one message */
    uint16_t permille[RISK_STAGES_CNT];
    uint16_t slow_ms;
    uint8_t stage;   /* enum cell_risk_stage: the worst that has begun */
    uint8_t by_hand; /* set by an Author that was no configuration */
    uint8_t begun;   /* RISK_BEGUN_ */
    uint8_t zero[3];
};

/* Stages that have begun: they hold side by side. */
#define RISK_BEGUN_WARN   1u
#define RISK_BEGUN_SLOW   2u
#define RISK_BEGUN_CLOSE  4u
#define RISK_BEGUN_BLOCK  8u
#define RISK_BEGUN_REJECT 16u

_Static_assert(sizeof(struct risk_limit) == 32, "no padding");

#define RISK_LEVEL_BIT(level) (1u << (level))
#define RISK_AT_SESSION       RISK_LEVEL_BIT(OE_RISK_LEVEL_SESSION)
#define RISK_AT_ACCOUNT       RISK_LEVEL_BIT(OE_RISK_LEVEL_ACCOUNT)
#define RISK_AT_GROUP         RISK_LEVEL_BIT(OE_RISK_LEVEL_GROUP)
#define RISK_AT_FIRM          RISK_LEVEL_BIT(OE_RISK_LEVEL_FIRM)
#define RISK_AT_INSTRUMENT    RISK_LEVEL_BIT(OE_RISK_LEVEL_INSTRUMENT)
#define RISK_AT_PAIR          RISK_LEVEL_BIT(OE_RISK_LEVEL_ACCOUNT_INSTRUMENT)
#define RISK_AT_PARTIES       (RISK_AT_ACCOUNT | RISK_AT_GROUP | RISK_AT_FIRM)

/* risk_limit_levels returns the levels at which a limit exists, a bit each. */
static inline unsigned
risk_limit_levels(uint8_t limit)
{
    switch (limit) {
    case CELL_RISK_LIMIT_ORDER_QTY:
    case CELL_RISK_LIMIT_ORDER_VALUE:
        return RISK_AT_PARTIES | RISK_AT_INSTRUMENT;
    case CELL_RISK_LIMIT_LONG:
    case CELL_RISK_LIMIT_SHORT:
        return RISK_AT_ACCOUNT | RISK_AT_PAIR;
    case CELL_RISK_LIMIT_OPEN_ORDERS:
        return RISK_AT_SESSION | RISK_AT_ACCOUNT;
    case CELL_RISK_LIMIT_OPEN_NOTIONAL:
    case CELL_RISK_LIMIT_DAILY_GROSS:
    case CELL_RISK_LIMIT_DAILY_NET:
        return RISK_AT_PARTIES;
    case CELL_RISK_LIMIT_MESSAGE_RATE:
    case CELL_RISK_LIMIT_CANCEL_RATE:
        return RISK_AT_SESSION | RISK_AT_ACCOUNT | RISK_AT_FIRM;
    case CELL_RISK_LIMIT_DAILY_LOSS:
    case CELL_RISK_LIMIT_CREDIT:
    case CELL_RISK_LIMIT_DUPLICATES:
    case CELL_RISK_LIMIT_EXECUTIONS:
        return RISK_AT_ACCOUNT;
    case CELL_RISK_LIMIT_ORDER_TO_TRADE:
        return RISK_AT_FIRM;
    default:
        return 0;
    }
}

/* risk_limit_is_rate says whether the limit is of messages in time: its value is the
 * burst, its window the time for one. */
static inline bool
risk_limit_is_rate(uint8_t limit)
{
    return limit == CELL_RISK_LIMIT_MESSAGE_RATE || limit == CELL_RISK_LIMIT_CANCEL_RATE;
}

/* risk_limit_is_count says whether the limit is of so many in a window. */
static inline bool
risk_limit_is_count(uint8_t limit)
{
    return limit == CELL_RISK_LIMIT_DUPLICATES || limit == CELL_RISK_LIMIT_EXECUTIONS;
}

/* risk_limit_has_stages says whether use of the limit adds up, so that it can be
 * seen coming: not that of a session. OrderToTrade warns at the limit itself. */
static inline bool
risk_limit_has_stages(uint8_t level, uint8_t limit)
{
    return level != OE_RISK_LEVEL_SESSION && limit >= CELL_RISK_LIMIT_OPEN_ORDERS &&
           limit <= CELL_RISK_LIMIT_DAILY_LOSS;
}

/* risk_limit_cancels says whether orders are in the use of the limit, or may add to it, so
 * that a LimitSet may cancel them. Of Long and Short that is a pair's: an account's hold in
 * each instrument by itself. */
static inline bool
risk_limit_cancels(uint8_t level, uint8_t limit)
{
    if (level == OE_RISK_LEVEL_ACCOUNT_INSTRUMENT)
        return limit == CELL_RISK_LIMIT_LONG || limit == CELL_RISK_LIMIT_SHORT;
    return limit >= CELL_RISK_LIMIT_OPEN_ORDERS && limit <= CELL_RISK_LIMIT_CREDIT;
}

/* risk_limit_by_day says whether use of the limit begins at 0 with a DayRoll. */
static inline bool
risk_limit_by_day(uint8_t limit)
{
    return limit == CELL_RISK_LIMIT_DAILY_GROSS || limit == CELL_RISK_LIMIT_DAILY_NET ||
           limit == CELL_RISK_LIMIT_DAILY_LOSS || limit == CELL_RISK_LIMIT_ORDER_TO_TRADE;
}

/* risk_limit_set takes the limit of a LimitSet whose subject and level were found
 * to exist; window, permilles, cancels and value are refused by ConfigurationRange as
 * docs/risk.md says. */
NODISCARD enum oe_reject_reason risk_limit_set(struct risk_limit *limit,
                                               const struct cell_limit_set *cell,
                                               const struct cell_author *author);

/* risk_limit_clear makes it no limit, without stages. */
void risk_limit_clear(struct risk_limit *limit);

/* risk_limit_bound returns the largest use at which neither the limit refuses nor
 * a stage begins that has not begun: in the unit of the limit, RISK_LIMIT_OFF if
 * there is none. */
int64_t risk_limit_bound(const struct risk_limit *limit);

/* risk_limit_reached returns the stages that use has reached, RISK_BEGUN_. */
unsigned risk_limit_reached(const struct risk_limit *limit, int64_t used);

/* risk_limit_stage returns the worst stage that use has reached or that has begun;
 * permille is where it begins. */
uint8_t risk_limit_stage(const struct risk_limit *limit, int64_t used, uint16_t *permille);

/* risk_stage_worst returns the worst of a set of stages, RISK_BEGUN_, and where it
 * begins. */
uint8_t risk_stage_worst(const struct risk_limit *limit, unsigned begun, uint16_t *permille);

/* risk_stage_rank orders stages from mild to bad. */
unsigned risk_stage_rank(uint8_t stage);

/* Values of InstrumentLimits that are set, and by hand, one by one. */
#define RISK_VALUE_REFERENCE       256u
#define RISK_VALUE_COLLAR_TICKS    512u
#define RISK_VALUE_COLLAR_PERMILLE 1024u
#define RISK_VALUE_BAND_LOW        2048u
#define RISK_VALUE_BAND_HIGH       4096u
#define RISK_VALUE_ORDER_QTY_MIN   8192u
#define RISK_VALUES_ALL            16128u

#endif
