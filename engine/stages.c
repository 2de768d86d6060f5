/*
 * Stages and kills: what is done to a session, account, group or firm, and how it is
 * told (docs/risk.md).
 *
 * Behind a command, when its stops and pegs are done, risk says what became due,
 * one subject after the other. Most is only told; Blocked also cancels every order
 * of the subject, in slices of the same command, and pegs that this disturbed
 * move before the next is taken. A Kill, and a LimitSet that is asked to, do the same
 * as their own work.
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

/* limit_scope_begin begins to cancel the orders that a limit counts. */
static void
limit_scope_begin(struct engine *engine, const struct cell_limit_set *set)
{
    const bool pair = set->level == OE_RISK_LEVEL_ACCOUNT_INSTRUMENT;

    scope_begin(engine, pair ? OE_RISK_LEVEL_ACCOUNT : set->level, set->subject);
    engine->work.mass.reason = OE_CANCEL_REASON_RISK_LIMIT;
    if (!pair)
        return;
    engine->work.mass.instrument = set->instrument;
    engine->work.mass.side =
        set->limit == CELL_RISK_LIMIT_SHORT ? OE_SIDE_FILTER_SELL : OE_SIDE_FILTER_BUY;
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

/* used_of returns what is in use of the limit that was just set. */
static notional_t
used_of(const struct engine *engine, const struct cell_limit_set *set)
{
    struct risk_use use;

    if (set->level == OE_RISK_LEVEL_SESSION)
        return session_set_of(&engine->sessions, set->subject)->orders_cnt;
    if (!risk_use_get(engine->risk, set->level, set->subject, set->instrument, set->limit, &use))
        UNREACHABLE("it was set");
    return use.used;
}

void
limit_begin(struct engine *engine, const struct cell_limit_set *set)
{
    const notional_t used = used_of(engine, set);
    struct work *work = &engine->work;

    ASSERT(risk_limit_cancels(set->level, set->limit));
    work_begin(engine, WORK_KILL, PHASE_NEXT);
    work->due = (struct risk_due){
        .level = set->level,
        .subject = set->subject,
        .instrument = set->instrument,
        .limit = set->limit,
        .stage = CELL_RISK_STAGE_LOWERED,
        .value = set->value,
        .used = used > INT64_MAX   ? INT64_MAX
                : used < INT64_MIN ? INT64_MIN
                                   : (int64_t)used,
    };
    limit_scope_begin(engine, set);
    work->blocks = set->value != RISK_LIMIT_OFF && used > set->value;
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
