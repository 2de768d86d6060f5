/*
 * LimitSet: which limit exists where, and what it may be.
 */
#include "tests/model/model_parts.h"

#define RATES_MAX 255u

/* limit_exists is the table of limits and levels. */
static bool
limit_exists(uint8_t level, uint8_t limit)
{
    /* session, account, group, firm, instrument, pair */
    static const char *const levels_of[MODEL_LIMITS] = {
        [CELL_RISK_LIMIT_ORDER_QTY] = ".xxxx.",      [CELL_RISK_LIMIT_ORDER_VALUE] = ".xxxx.",
        [CELL_RISK_LIMIT_LONG] = ".x...x",           [CELL_RISK_LIMIT_SHORT] = ".x...x",
        [CELL_RISK_LIMIT_OPEN_ORDERS] = "xx....",    [CELL_RISK_LIMIT_OPEN_NOTIONAL] = ".xxx..",
        [CELL_RISK_LIMIT_DAILY_GROSS] = ".xxx..",    [CELL_RISK_LIMIT_DAILY_NET] = ".xxx..",
        [CELL_RISK_LIMIT_DAILY_LOSS] = ".x....",     [CELL_RISK_LIMIT_CREDIT] = ".x....",
        [CELL_RISK_LIMIT_MESSAGE_RATE] = "xx.x..",   [CELL_RISK_LIMIT_CANCEL_RATE] = "xx.x..",
        [CELL_RISK_LIMIT_DUPLICATES] = ".x....",     [CELL_RISK_LIMIT_EXECUTIONS] = ".x....",
        [CELL_RISK_LIMIT_ORDER_TO_TRADE] = "...x..",
    };

    return level != OE_RISK_LEVEL_NONE && limit != CELL_RISK_LIMIT_NONE &&
           levels_of[limit][level - 1] == 'x';
}

static bool
is_rate(uint8_t limit)
{
    return limit == CELL_RISK_LIMIT_MESSAGE_RATE || limit == CELL_RISK_LIMIT_CANCEL_RATE;
}

static bool
is_count(uint8_t limit)
{
    return limit == CELL_RISK_LIMIT_DUPLICATES || limit == CELL_RISK_LIMIT_EXECUTIONS;
}

static bool
is_position(uint8_t limit)
{
    return limit == CELL_RISK_LIMIT_LONG || limit == CELL_RISK_LIMIT_SHORT;
}

static bool
has_stages(uint8_t level, uint8_t limit)
{
    return (limit == CELL_RISK_LIMIT_OPEN_ORDERS && level == OE_RISK_LEVEL_ACCOUNT) ||
           (limit >= CELL_RISK_LIMIT_OPEN_NOTIONAL && limit <= CELL_RISK_LIMIT_DAILY_LOSS);
}

/* numbers_fit says whether value and window are in range. What is lifted has none. */
static bool
numbers_fit(const struct cell_limit_set *set)
{
    const bool lifted = set->value == MODEL_NONE;

    if (set->value < 0)
        return false;
    if (is_rate(set->limit))
        return lifted || (set->value > 0 && set->value <= RISK_BURST_MAX && set->window_ns > 0 &&
                          set->window_ns <= RISK_INTERVAL_NS_MAX);
    if (is_count(set->limit))
        return lifted || (set->value > 0 && set->value <= RISK_COUNT_MAX && set->window_ns > 0 &&
                          set->window_ns <= RISK_WINDOW_NS_MAX);
    if (is_position(set->limit) && set->value > (int64_t)POSITION_LIMIT_MAX && !lifted)
        return false;
    return set->window_ns == 0;
}

static bool
permilles_fit(const struct cell_limit_set *set)
{
    const uint16_t permilles[] = {set->warn_permille, set->slow_permille, set->close_permille,
                                  set->block_permille};

    for (unsigned i = 0; i < ARRAY_LEN(permilles); i++)
        if (permilles[i] > 999 || (permilles[i] != 0 && !has_stages(set->level, set->limit)))
            return false;
    return true;
}

/* cancels_fit: what may cancel has orders in its use, or orders that add to it. */
static bool
cancels_fit(const struct cell_limit_set *set)
{
    const bool pair = set->level == OE_RISK_LEVEL_ACCOUNT_INSTRUMENT;

    switch (set->limit) {
    case CELL_RISK_LIMIT_LONG:
    case CELL_RISK_LIMIT_SHORT:
        return set->cancels == 0 || (set->cancels == 1 && pair);
    case CELL_RISK_LIMIT_OPEN_ORDERS:
    case CELL_RISK_LIMIT_OPEN_NOTIONAL:
    case CELL_RISK_LIMIT_DAILY_GROSS:
    case CELL_RISK_LIMIT_DAILY_NET:
    case CELL_RISK_LIMIT_DAILY_LOSS:
    case CELL_RISK_LIMIT_CREDIT:
        return set->cancels <= 1;
    default:
        return set->cancels == 0;
    }
}

/* rates_with counts the different rates that are in use if a subject has this one. */
static uint32_t
rates_with(const struct model *model, const struct cell_limit_set *set)
{
    struct {
        int64_t burst;
        uint64_t window_ns;
    } rates[2 * MODEL_LEVELS * MODEL_ACCOUNTS + 1];
    uint32_t cnt = 0;

    rates[cnt].burst = set->value;
    rates[cnt++].window_ns = set->window_ns;
    for (uint8_t level = 0; level < MODEL_LEVELS; level++)
        for (uint32_t id = 0; id < MODEL_ACCOUNTS; id++)
            for (uint8_t limit = CELL_RISK_LIMIT_MESSAGE_RATE; limit <= CELL_RISK_LIMIT_CANCEL_RATE;
                 limit++) {
                const struct model_limit *rate = &model->subjects[level][id].limits[limit];
                uint32_t at = 0;

                if (rate->value == MODEL_NONE ||
                    (level == set->level && id == set->subject && limit == set->limit))
                    continue;
                while (at < cnt &&
                       (rates[at].burst != rate->value || rates[at].window_ns != rate->window_ns))
                    at++;
                if (at == cnt) {
                    rates[cnt].burst = rate->value;
                    rates[cnt++].window_ns = rate->window_ns;
                }
            }
    return cnt;
}

/* set_pair sets a limit of a pair, which needs a record. */
static uint16_t
set_pair(struct model *model, const struct cell_limit_set *set)
{
    if (!model_is_subject(model, OE_RISK_LEVEL_ACCOUNT, set->subject) ||
        !model_is_subject(model, OE_RISK_LEVEL_INSTRUMENT, set->instrument))
        return OE_REJECT_REASON_CONFIGURATION_RANGE;

    struct model_position *position = &model->positions[set->subject][set->instrument];
    const unsigned side = set->limit == CELL_RISK_LIMIT_SHORT;

    if (!position->used && model->positions_cnt == model->cfg.positions_max)
        return OE_REJECT_REASON_POSITION_POOL_FULL;
    model_use_position(model, set->subject, set->instrument);
    position->has_limit[side] = true;
    position->limits[side] = set->value;
    return 0;
}

/* used_of is what a limit that may cancel is held against. */
static notional_t
used_of(const struct model *model, const struct cell_limit_set *set)
{
    const bool sell = set->limit == CELL_RISK_LIMIT_SHORT;
    const struct model_account *account = &model->accounts[set->subject];
    notional_t used;

    switch (set->limit) {
    case CELL_RISK_LIMIT_LONG:
    case CELL_RISK_LIMIT_SHORT:
        used = model->positions[set->subject][set->instrument].qty;
        return (sell ? -used : used) + model_open_qty(model, set->subject, set->instrument, sell);
    case CELL_RISK_LIMIT_CREDIT:
        return model_reserved_cash(model, set->subject) - account->balance;
    case CELL_RISK_LIMIT_DAILY_LOSS:
        return account->profit < 0 ? -account->profit : 0;
    case CELL_RISK_LIMIT_DAILY_NET:
        used = model_use(model, set->level, set->subject, set->limit);
        return used < 0 ? -used : used;
    default:
        return model_use(model, set->level, set->subject, set->limit);
    }
}

void
model_lower_limit(struct model *model, const struct cell_limit_set *set)
{
    const notional_t used = used_of(model, set);
    const struct model_due due = {
        .level = set->level,
        .limit = set->limit,
        .stage = CELL_RISK_STAGE_LOWERED,
        .subject = set->subject,
        .instrument = set->instrument,
        .value = set->value,
        .used = used,
    };
    uint32_t count = 0;

    if (set->value != MODEL_NONE && used > set->value)
        count = model_cancel_limited(model, set);
    model_emit_action(model, &due, count);
}

uint16_t
model_set_limit(struct model *model, const struct cell_limit_set *set)
{
    if (!limit_exists(set->level, set->limit) || !numbers_fit(set) || !permilles_fit(set) ||
        !cancels_fit(set))
        return OE_REJECT_REASON_CONFIGURATION_RANGE;
    if (set->level == OE_RISK_LEVEL_ACCOUNT_INSTRUMENT)
        return set_pair(model, set);
    if (!model_is_subject(model, set->level, set->subject))
        return OE_REJECT_REASON_CONFIGURATION_RANGE;
    if (is_rate(set->limit) && set->value != MODEL_NONE && rates_with(model, set) > RATES_MAX)
        return OE_REJECT_REASON_CONFIGURATION_RANGE;
    if (set->limit == CELL_RISK_LIMIT_EXECUTIONS)
        model_unlatch(model, set->subject);
    model_subject(model, set->level, set->subject)->limits[set->limit] = (struct model_limit){
        .value = set->value,
        .window_ns = set->window_ns,
        .permille = {[CELL_RISK_STAGE_WARNED] = set->warn_permille,
                     [CELL_RISK_STAGE_SLOWED] = set->slow_permille,
                     [CELL_RISK_STAGE_CLOSE_ONLY] = set->close_permille,
                     [CELL_RISK_STAGE_BLOCKED] = set->block_permille},
        .slow_ms = set->slow_ms,
    };
    return 0;
}

bool
model_limit_exists(uint8_t level, uint8_t limit)
{
    return limit_exists(level, limit);
}
