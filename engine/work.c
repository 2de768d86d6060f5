#include "engine/work.h"

void
work_begin(struct engine *engine, enum work_kind kind, enum work_phase phase)
{
    struct work *work = &engine->work;

    work->kind = kind;
    work->phase = phase;
    work->complete = kind == WORK_ORDER;
    work->taker = ORDER_NONE;
    work->own_level = LADDER_NONE;
    work->low_tick = UINT32_MAX;
    work->high_tick = 0;
    work->queue_head = ORDER_NONE;
    work->queue_tail = ORDER_NONE;
    work->refs_valid = false;
    work->peg_slot = ORDER_NONE;
    work->peg_word = 0;
    work->slot = 0;
    work->canceled_cnt = 0;
    work->due_cnt = 0;
    work->held_cnt = 0;
    work->blocks = false;
}

/* hold_back takes the last message off the sink, for the next slice. */
static enum engine_result
hold_back(struct engine *engine, struct cell_sink *out)
{
    struct work *work = &engine->work;

    do {
        const union cell *cell = &out->cells[--out->pos & out->mask];

        ASSERT(work->held_cnt < CELL_MESSAGE_MAX);
        work->held[work->held_cnt++] = *cell;
        if (cell_count(cell) != 0)
            return ENGINE_MORE;
    } while (true);
}

enum engine_result
work_resume(struct engine *engine, struct cell_sink *out)
{
    struct work *work = &engine->work;

    while (work->held_cnt > 0)
        *engine_emit(out) = work->held[--work->held_cnt];
    return work_run(engine, out);
}

/* next_step does a step of what the kind of command asks for. */
static void
next_step(struct engine *engine, struct slice *slice, struct cell_sink *out)
{
    switch (engine->work.kind) {
    case WORK_MASS_CANCEL:
        mass_cancel_step(engine, slice, out);
        break;
    case WORK_CLOCK:
        mass_clock_step(engine, slice, out);
        break;
    case WORK_CLOSE:
        mass_close_step(engine, slice, out);
        break;
    case WORK_QUOTE:
        quote_step(engine, slice, out);
        break;
    case WORK_KILL:
        kill_step(engine, slice, out);
        break;
    case WORK_MARK:
        mark_step(engine, slice);
        break;
    case WORK_DAY:
        day_step(engine, slice);
        break;
    case WORK_NONE:
    case WORK_ORDER:
    default:
        UNREACHABLE("an order asks for nothing else");
    }
}

enum engine_result
work_run(struct engine *engine, struct cell_sink *out)
{
    return work_run_on(engine, 0, out);
}

enum engine_result
work_run_on(struct engine *engine, uint32_t cells_cnt, struct cell_sink *out)
{
    struct work *work = &engine->work;
    struct slice slice = {.cells_end = out->pos - cells_cnt + SLICE_CELLS,
                          .budget = (int32_t)SLICE_SCAN};

    while (!slice_is_spent(&slice, out)) {
        switch (work->phase) {
        case PHASE_YIELD:
            yield_step(engine, &slice, out);
            break;
        case PHASE_SWEEP:
            sweep_step(engine, &slice, out);
            break;
        case PHASE_ALLOT:
            allot_step(engine, &slice, out);
            break;
        case PHASE_SETTLE:
            settle_step(engine, &slice, out);
            break;
        case PHASE_NEXT:
            if (work->complete)
                work->phase = PHASE_PEGS;
            else
                next_step(engine, &slice, out);
            break;
        case PHASE_PEGS:
            if (pegs_step(engine, &slice, out))
                break;
            if (!work_is_due(engine))
                return engine_finish(engine, out);
            work->phase = PHASE_RISK;
            break;
        case PHASE_RISK:
            stages_step(engine, &slice, out);
            break;
        default:
            UNREACHABLE("phase of work");
        }
    }
    return hold_back(engine, out);
}
