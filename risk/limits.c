#include "risk/limits.h"

#include "proto/limits.h"
#include "proto/px_qty.h"
#include "risk/bucket.h"

static bool
is_position(uint8_t limit)
{
    return limit == CELL_RISK_LIMIT_LONG || limit == CELL_RISK_LIMIT_SHORT;
}

/* value_valid says whether value and window are in range; of no limit the window
 * means nothing and may be 0. */
static bool
value_valid(const struct cell_limit_set *cell)
{
    const bool off = cell->value == RISK_LIMIT_OFF;

    if (cell->value < 0)
        return false;
    if (risk_limit_is_rate(cell->limit))
        return cell->window_ns <= RISK_INTERVAL_NS_MAX &&
               (off || (cell->window_ns >= 1 && cell->value >= 1 &&
                        cell->value <= (int64_t)RISK_BURST_MAX));
    if (risk_limit_is_count(cell->limit))
        return cell->window_ns <= RISK_WINDOW_NS_MAX &&
               (off || (cell->window_ns >= 1 && cell->value >= 1 &&
                        cell->value <= (int64_t)RISK_COUNT_MAX));
    if (is_position(cell->limit) && !off && cell->value > (int64_t)POSITION_LIMIT_MAX)
        return false;
    return cell->window_ns == 0;
}

static bool
permilles_valid(const struct cell_limit_set *cell)
{
    const unsigned all =
        cell->warn_permille | cell->slow_permille | cell->close_permille | cell->block_permille;

    if (!risk_limit_has_stages(cell->level, cell->limit))
        return all == 0;
    return cell->warn_permille < RISK_PERMILLE_END && cell->slow_permille < RISK_PERMILLE_END &&
           cell->close_permille < RISK_PERMILLE_END && cell->block_permille < RISK_PERMILLE_END;
}

static bool
cancels_valid(const struct cell_limit_set *cell)
{
    return cell->cancels == 0 ||
           (cell->cancels == 1 && risk_limit_cancels(cell->level, cell->limit));
}

enum oe_reject_reason
risk_limit_set(struct risk_limit *limit,
               const struct cell_limit_set *cell,
               const struct cell_author *author)
{
    ASSERT(cell->level < 8);
    ASSERT((risk_limit_levels(cell->limit) & RISK_LEVEL_BIT(cell->level)) != 0);
    if (!value_valid(cell) || !permilles_valid(cell) || !cancels_valid(cell))
        return OE_REJECT_REASON_CONFIGURATION_RANGE;
    *limit = (struct risk_limit){
        .value = cell->value,
        .window_ns = cell->window_ns,
        .permille = {cell->warn_permille, cell->slow_permille, cell->close_permille,
                     cell->block_permille},
        .slow_ms = cell->slow_ms,
        .by_hand = author != NULL && author->uid != UINT32_MAX,
    };
    return OE_REJECT_REASON_NONE;
}

void
risk_limit_clear(struct risk_limit *limit)
{
    *limit = (struct risk_limit){.value = RISK_LIMIT_OFF};
}

/* begins_at returns the least use with which a stage begins: use * 1000 >= value *
 * permille. */
static int64_t
begins_at(const struct risk_limit *limit, uint32_t permille)
{
    const notional_t product = px_mul_qty(limit->value, permille);

    ASSERT(permille >= 1 && permille <= RISK_PERMILLE_END);
    return (int64_t)((product + (RISK_PERMILLE_END - 1)) / RISK_PERMILLE_END);
}

/* permille_of returns where the stage with that bit begins; 0: never. */
static uint16_t
permille_of(const struct risk_limit *limit, unsigned stage)
{
    ASSERT(stage <= RISK_STAGES_CNT);
    return stage == RISK_STAGES_CNT ? (uint16_t)RISK_PERMILLE_END : limit->permille[stage];
}

int64_t
risk_limit_bound(const struct risk_limit *limit)
{
    int64_t bound = limit->value;

    ASSERT(limit->value >= 0);
    if (limit->value == RISK_LIMIT_OFF)
        return RISK_LIMIT_OFF;
    for (unsigned stage = 0; stage <= RISK_STAGES_CNT; stage++) {
        const uint16_t permille = permille_of(limit, stage);

        if (permille == 0 || (limit->begun >> stage & 1) != 0)
            continue;
        const int64_t before = begins_at(limit, permille) - 1;

        if (before < bound)
            bound = before;
    }
    return bound;
}

unsigned
risk_limit_reached(const struct risk_limit *limit, int64_t used)
{
    unsigned reached = 0;

    ASSERT(limit->value >= 0);
    if (limit->value == RISK_LIMIT_OFF)
        return 0;
    for (unsigned stage = 0; stage <= RISK_STAGES_CNT; stage++) {
        const uint16_t permille = permille_of(limit, stage);

        if (permille != 0 && used >= begins_at(limit, permille))
            reached |= 1u << stage;
    }
    return reached;
}

unsigned
risk_stage_rank(uint8_t stage)
{
    /* From mild to bad, by the numbers of enum cell_risk_stage: only Latched and
     * Blocked stand the other way round. */
    static const uint8_t ranks[] = {0, 1, 2, 3, 4, 6, 5, 7};

    ASSERT(stage < ARRAY_LEN(ranks));
    return ranks[stage];
}

uint8_t
risk_stage_worst(const struct risk_limit *limit, unsigned begun, uint16_t *permille)
{
    static const uint8_t stages[] = {CELL_RISK_STAGE_WARNED, CELL_RISK_STAGE_SLOWED,
                                     CELL_RISK_STAGE_CLOSE_ONLY, CELL_RISK_STAGE_BLOCKED,
                                     CELL_RISK_STAGE_REJECTING};
    uint8_t worst = CELL_RISK_STAGE_NONE;

    ASSERT(begun < 1u << ARRAY_LEN(stages));
    *permille = 0;
    for (unsigned stage = 0; stage < ARRAY_LEN(stages); stage++)
        if ((begun >> stage & 1) != 0 && risk_stage_rank(stages[stage]) > risk_stage_rank(worst)) {
            worst = stages[stage];
            *permille = permille_of(limit, stage);
        }
    return worst;
}

uint8_t
risk_limit_stage(const struct risk_limit *limit, int64_t used, uint16_t *permille)
{
    return risk_stage_worst(limit, limit->begun | risk_limit_reached(limit, used), permille);
}
