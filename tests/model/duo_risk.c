/*
 * What can be seen of risk from outside: limits, use, cash.
 */
#include <inttypes.h>
#include <stdio.h>

#include "tests/model/duo.h"

/* wide puts a number of 128 bits together. */
static notional_t
wide(struct engine_wide number)
{
    return (notional_t)number.high * ((notional_t)1 << 64) + number.low;
}

/* is_summed: its use is a sum that the model has as well. */
static bool
is_summed(uint8_t limit)
{
    return limit >= CELL_RISK_LIMIT_OPEN_ORDERS && limit <= CELL_RISK_LIMIT_DAILY_LOSS;
}

/* worst_stage returns the worst that has begun, as the rules order them. */
static uint8_t
worst_stage(const struct model_limit *limit)
{
    static const uint8_t by_weight[] = {CELL_RISK_STAGE_BLOCKED, CELL_RISK_STAGE_CLOSE_ONLY,
                                        CELL_RISK_STAGE_REJECTING, CELL_RISK_STAGE_SLOWED,
                                        CELL_RISK_STAGE_WARNED};

    for (unsigned i = 0; i < ARRAY_LEN(by_weight); i++)
        if ((limit->stages & 1u << by_weight[i]) != 0)
            return by_weight[i];
    return CELL_RISK_STAGE_NONE;
}

static bool
same_setting(const struct engine_risk_use *seen, const struct model_limit *limit)
{
    return seen->value == limit->value &&
           (limit->value == MODEL_NONE || seen->window_ns == limit->window_ns) &&
           seen->permille[0] == limit->permille[CELL_RISK_STAGE_WARNED] &&
           seen->permille[1] == limit->permille[CELL_RISK_STAGE_SLOWED] &&
           seen->permille[2] == limit->permille[CELL_RISK_STAGE_CLOSE_ONLY] &&
           seen->permille[3] == limit->permille[CELL_RISK_STAGE_BLOCKED];
}

/* as_kept: more orders than can be counted in 32 bits are no limit of a session. */
static struct model_limit
as_kept(const struct model *model, uint8_t level, uint32_t id, uint8_t which)
{
    struct model_limit limit = model->subjects[level][id].limits[which];

    if (level == OE_RISK_LEVEL_SESSION && which == CELL_RISK_LIMIT_OPEN_ORDERS &&
        limit.value >= UINT32_MAX)
        limit.value = MODEL_NONE;
    return limit;
}

/* check_limit compares one limit of one subject, as far as it exists there. A quantity
 * without a limit is told in one way by AccountSet and in another by LimitSet. */
static bool
check_limit(struct duo *duo, uint8_t level, uint32_t id, uint8_t which)
{
    const struct model_limit kept = as_kept(duo->model, level, id, which), *limit = &kept;
    struct engine_risk_use seen;
    const char *what = NULL;
    notional_t used = 0;

    if (!engine_risk_use(duo->engine, level, id, 0, which, &seen))
        return true;
    if (which > CELL_RISK_LIMIT_SHORT && !same_setting(&seen, limit))
        what = "is set otherwise";
    if (is_summed(which)) {
        used = model_shown_use(duo->model, level, id, which);
        if (wide(seen.used) != used)
            what = "is used otherwise";
        else if (limit->value != MODEL_NONE && wide(seen.headroom) != limit->value - used)
            what = "has another headroom";
        else if (seen.stage != worst_stage(limit))
            what = "is at another stage";
    }
    if (what == NULL)
        return true;
    snprintf(duo->complaint, sizeof duo->complaint,
             "limit %s of %s %u %s: engine has %" PRId64 " and uses %" PRId64
             ", stage %u, model %" PRId64 " and %" PRId64 ", stage %u",
             cell_risk_limit_name(which), oe_risk_level_name(level), id, what, seen.value,
             (int64_t)wide(seen.used), seen.stage, limit->value, (int64_t)used, worst_stage(limit));
    return false;
}

static bool
check_cash(struct duo *duo, uint32_t id)
{
    struct engine_risk_cash seen;
    const notional_t balance = duo->model->accounts[id].balance;
    const notional_t reserved = model_reserved_cash(duo->model, id);

    if (engine_risk_cash(duo->engine, id, &seen) && wide(seen.balance) == balance &&
        wide(seen.reserved) == reserved && wide(seen.fees) == duo->model->fees)
        return true;
    snprintf(duo->complaint, sizeof duo->complaint,
             "cash of account %u: engine has %" PRId64 ", %" PRId64 " reserved, model %" PRId64
             ", %" PRId64 " reserved",
             id, (int64_t)wide(seen.balance), (int64_t)wide(seen.reserved), (int64_t)balance,
             (int64_t)reserved);
    return false;
}

bool
duo_check_risk(struct duo *duo)
{
    for (uint8_t level = OE_RISK_LEVEL_SESSION; level <= OE_RISK_LEVEL_INSTRUMENT; level++)
        for (uint32_t id = 0; id < MODEL_ACCOUNTS; id++)
            for (uint8_t limit = 1; limit < MODEL_LIMITS; limit++)
                if (model_is_subject(duo->model, level, id) && !check_limit(duo, level, id, limit))
                    return false;
    for (uint32_t id = 0; id < MODEL_ACCOUNTS; id++)
        if (duo->model->accounts[id].known && !check_cash(duo, id))
            return false;
    return true;
}
