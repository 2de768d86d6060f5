/*
 * Stages and kills: what is done to a session, account, group or firm, and how it is
 * told (docs/risk.md).
 *
 * Behind a command, when its stops and pegs are done, risk says what became due,
 * one subject after the other. Most is only told; Blocked also cancels every order
 * of the subject, in slices of the same command, and pegs that this disturbed
 * move before the next is taken. A Kill does the same as its own work.
 */
#include "engine/work.h"

_Static_assert((int)OE_RISK_LEVEL_SESSION - 1 == (int)OE_MASS_CANCEL_SCOPE_SESSION, "one less");
_Static_assert((int)OE_RISK_LEVEL_ACCOUNT - 1 == (int)OE_MASS_CANCEL_SCOPE_ACCOUNT, "one less");
_Static_assert((int)OE_RISK_LEVEL_GROUP - 1 == (int)OE_MASS_CANCEL_SCOPE_GROUP, "one less");
_Static_assert((int)OE_RISK_LEVEL_FIRM - 1 == (int)OE_MASS_CANCEL_SCOPE_FIRM, "one less");

/* scope_begin begins to cancel all orders of a subject. */
static void
scope_begin(struct engine *engine, uint8_t level, uint32_t subject)
{
    struct work *work = &engine->work;

    ASSERT(level >= OE_RISK_LEVEL_SESSION);
    ASSERT(level <= OE_RISK_LEVEL_FIRM);
    work->mass = (struct cell_mass_cancel){
        .instrument = CELL_ANY,
        .target = subject,
        .scope = (uint8_t)(level - 1u),
        .side = OE_SIDE_FILTER_ANY,
        .reason = OE_CANCEL_REASON_KILL_SWITCH,
        .account = CELL_ANY,
    };
    work->slot = 0;
    work->canceled_cnt = 0;
}

static void
emit_warning(struct engine *engine, const struct risk_due *due, struct cell_sink *out)
{
    engine_emit(out)->risk_warning = (struct cell_risk_warning){
        .kind = CELL_KIND_RISK_WARNING,
        .shape = 1,
        .instrument = due->instrument,
        .seq = engine->seq,
        .time = engine->time_ns,
        .value = due->value,
        .used = due->used,
        .level = due->level,
        .limit = due->limit,
        .stage = due->stage,
        .subject = due->subject,
        .index = ++engine->work.index,
        .permille = due->permille,
        .session = CELL_SESSION,
    };
}

static void
emit_action(struct engine *engine,
            const struct risk_due *due,
            uint32_t count,
            struct cell_sink *out)
{
    engine_emit(out)->risk_action = (struct cell_risk_action){
        .kind = CELL_KIND_RISK_ACTION,
        .shape = 1,
        .instrument = due->instrument,
        .seq = engine->seq,
        .time = engine->time_ns,
        .value = due->value,
        .used = due->used,
        .level = due->level,
        .limit = due->limit,
        .stage = due->stage,
        .subject = due->subject,
        .index = ++engine->work.index,
        .count = count,
        .session = CELL_SESSION,
    };
}

/* tell_due tells of what became due and needs no more. */
static void
tell_due(struct engine *engine, const struct risk_due *due, struct cell_sink *out)
{
    if (due->stage == CELL_RISK_STAGE_WARNED || due->stage == CELL_RISK_STAGE_REJECTING)
        emit_warning(engine, due, out);
    else
        emit_action(engine, due, 0, out);
}

void
stages_step(struct engine *engine, struct slice *slice, struct cell_sink *out)
{
    struct work *work = &engine->work;

    slice->budget -= STEP_COST;
    if (!work->blocks) {
        if (!risk_pending_pop(engine->risk, &work->due))
            UNREACHABLE("work.c asked whether anything is due");
        if (work->due.stage == CELL_RISK_STAGE_BLOCKED) {
            work->blocks = true;
            scope_begin(engine, work->due.level, work->due.subject);
            return;
        }
        tell_due(engine, &work->due, out);
    } else if (mass_scope_step(engine, slice, out)) {
        work->blocks = false;
        emit_action(engine, &work->due, work->canceled_cnt, out);
    } else {
        return;
    }
    work->phase = PHASE_PEGS;
    work->peg_word = 0;
}

void
kill_begin(struct engine *engine, const struct cell_kill *kill)
{
    struct work *work = &engine->work;

    work_begin(engine, WORK_KILL, PHASE_NEXT);
    work->due = (struct risk_due){
        .level = kill->level,
        .subject = kill->subject,
        .limit = CELL_RISK_LIMIT_NONE,
        .stage = CELL_RISK_STAGE_KILLED,
    };
    scope_begin(engine, kill->level, kill->subject);
    work->blocks = kill->cancels != 0;
}

void
kill_step(struct engine *engine, struct slice *slice, struct cell_sink *out)
{
    struct work *work = &engine->work;

    slice->budget -= STEP_COST;
    if (work->blocks && !mass_scope_step(engine, slice, out))
        return;
    work->blocks = false;
    work->complete = true;
    emit_action(engine, &work->due, work->canceled_cnt, out);
}
