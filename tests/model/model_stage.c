/*
 * Stages: what holds from which share of a limit on, and what is told of it when all
 * else of a command is done.
 */
#include "tests/model/model_parts.h"

/* The limits that have stages. */
static const uint8_t staged[] = {CELL_RISK_LIMIT_OPEN_ORDERS, CELL_RISK_LIMIT_OPEN_NOTIONAL,
                                 CELL_RISK_LIMIT_DAILY_GROSS, CELL_RISK_LIMIT_DAILY_NET,
                                 CELL_RISK_LIMIT_DAILY_LOSS};

/* From mild to bad. */
static const uint8_t by_weight[] = {CELL_RISK_STAGE_WARNED,    CELL_RISK_STAGE_SLOWED,
                                    CELL_RISK_STAGE_REJECTING, CELL_RISK_STAGE_CLOSE_ONLY,
                                    CELL_RISK_STAGE_LATCHED,   CELL_RISK_STAGE_BLOCKED};

static unsigned
weight_of(uint8_t stage)
{
    for (unsigned i = 0; i < ARRAY_LEN(by_weight); i++)
        if (by_weight[i] == stage)
            return i;
    UNREACHABLE("such a stage is never due");
}

bool
model_has_stage(const struct model_subject *subject, uint8_t stage)
{
    for (unsigned i = 0; i < MODEL_LIMITS; i++)
        if ((subject->limits[i].stages & 1u << stage) != 0)
            return true;
    return false;
}

/* model_add_due notes what is to be told: of one subject only the worst, where the first
 * of its stages stands. */
void
model_add_due(struct model *model, const struct model_due *due)
{
    uint32_t at = 0;

    while (at < model->dues_cnt &&
           (model->dues[at].level != due->level || model->dues[at].subject != due->subject))
        at++;
    if (at < model->dues_cnt) {
        if (weight_of(due->stage) > weight_of(model->dues[at].stage))
            model->dues[at] = *due;
        return;
    }
    ASSERT(model->dues_cnt < MODEL_DUES);
    model->dues[model->dues_cnt++] = *due;
}

notional_t
model_shown_use(const struct model *model, uint8_t level, uint32_t subject, uint8_t limit)
{
    const notional_t use = model_use(model, level, subject, limit);

    if (limit == CELL_RISK_LIMIT_DAILY_NET)
        return use < 0 ? -use : use;
    return limit == CELL_RISK_LIMIT_DAILY_LOSS && use < 0 ? 0 : use;
}

notional_t
model_thousandths(const struct model *model, uint8_t level, uint32_t subject, uint8_t limit)
{
    const notional_t use = model_shown_use(model, level, subject, limit) * 1000;
    const int64_t value = model->subjects[level][subject].limits[limit].value;

    return value > 0 ? use / value : use;
}

/* begin looks whether stages of one limit begin. */
static void
begin(struct model *model, uint8_t level, uint32_t id, uint8_t which, uint32_t instrument)
{
    struct model_subject *subject = model_subject(model, level, id);
    struct model_limit *limit = &subject->limits[which];
    notional_t use;

    if (limit->value == MODEL_NONE)
        return;
    use = model_shown_use(model, level, id, which);
    for (unsigned i = 0; i < ARRAY_LEN(by_weight); i++) {
        const uint8_t stage = by_weight[i];
        const uint16_t permille = stage == CELL_RISK_STAGE_REJECTING ? 1000
                                  : stage == CELL_RISK_STAGE_LATCHED ? 0
                                                                     : limit->permille[stage];

        if (permille == 0 || (limit->stages & 1u << stage) != 0 ||
            use * 1000 < (notional_t)limit->value * permille)
            continue;
        /* A pause is between two messages of who is slowed already. */
        if (stage == CELL_RISK_STAGE_SLOWED && !model_has_stage(subject, stage))
            subject->has_asked = false;
        limit->stages |= (uint16_t)(1u << stage);
        model_add_due(model, &(struct model_due){
                                 .level = level,
                                 .limit = which,
                                 .stage = stage,
                                 .permille = permille,
                                 .subject = id,
                                 .instrument = instrument,
                                 .value = limit->value,
                                 .used = use,
                             });
    }
}

/* begin_all looks at all staged limits of a subject. */
static void
begin_all(struct model *model, uint8_t level, uint32_t id, uint32_t instrument)
{
    for (unsigned i = 0; i < ARRAY_LEN(staged); i++) {
        const bool accounts_alone =
            staged[i] == CELL_RISK_LIMIT_OPEN_ORDERS || staged[i] == CELL_RISK_LIMIT_DAILY_LOSS;

        if (level == OE_RISK_LEVEL_ACCOUNT || !accounts_alone)
            begin(model, level, id, staged[i], instrument);
    }
}

void
model_commit(struct model *model, uint32_t account, uint32_t instrument)
{
    if (model->cfg.no_risk)
        return;
    for (unsigned i = 0; i < MODEL_UPWARD; i++)
        begin_all(model, model_upward[i], model_id_at(model, model_upward[i], account), instrument);
}

/* model_run_risk tells what is due, one after the other. Who is blocked loses all
 * orders then, and pegs follow. */
void
model_run_risk(struct model *model)
{
    while (model->dues_cnt > 0) {
        const struct model_due due = model->dues[0];

        model->dues_cnt--;
        for (uint32_t i = 0; i < model->dues_cnt; i++)
            model->dues[i] = model->dues[i + 1];
        if (due.stage == CELL_RISK_STAGE_WARNED || due.stage == CELL_RISK_STAGE_REJECTING) {
            model_emit_warning(model, &due);
        } else if (due.stage == CELL_RISK_STAGE_BLOCKED) {
            const uint32_t count = model_cancel_subject(model, due.level, due.subject);

            model_emit_action(model, &due, count);
            model_run_pegs(model);
        } else {
            model_emit_action(model, &due, 0);
        }
    }
}
