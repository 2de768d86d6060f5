#include "tests/model/model.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "tests/model/model_parts.h"

union cell *
model_cells_new(void)
{
    void *cells = mmap(NULL, MODEL_GROUP_CELLS * sizeof(union cell), PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    ASSERT(cells != MAP_FAILED);
    return cells;
}

void
model_cells_free(union cell *cells)
{
    munmap(cells, MODEL_GROUP_CELLS * sizeof *cells);
}

struct model *
model_new(const struct model_cfg *cfg)
{
    struct model *model = calloc(1, sizeof *model);

    ASSERT(model != NULL);
    model->cfg = *cfg;
    model->group = model_cells_new();
    model->last_ids = calloc(cfg->orders_max, sizeof *model->last_ids);
    ASSERT(model->last_ids != NULL);
    model->quoters = calloc(cfg->positions_max, sizeof *model->quoters);
    ASSERT(model->quoters != NULL);
    for (unsigned level = 0; level < MODEL_LEVELS; level++)
        for (unsigned i = 0; i < MODEL_ACCOUNTS; i++)
            for (unsigned limit = 0; limit < MODEL_LIMITS; limit++)
                model->subjects[level][i].limits[limit].value = MODEL_NONE;
    return model;
}

void
model_free(struct model *model)
{
    while (model->live != NULL)
        model_end(model, model->live);
    model_free_ended(model);
    free(model->last_ids);
    free(model->quoters);
    model_cells_free(model->group);
    free(model);
}

bool
model_admits(const struct model *model, uint16_t session, uint16_t in_no)
{
    if (session == CELL_SESSION)
        return true;
    if (session >= MODEL_SESSIONS || !model->sessions[session].bound ||
        model->sessions[session].finished)
        return false;
    return in_no == (uint16_t)model->sessions[session].next_in_no;
}

/* numbered does a command that has a number in its session's flow. */
static void
numbered(struct model *model, const union cell *cells)
{
    const uint16_t session = cell_session(cells);

    model->seq++;
    if (session != CELL_SESSION)
        model->sessions[session].next_in_no++;
    switch (cell_kind(cells)) {
    case CELL_KIND_ORDER_NEW:
        model_order_new(model, cells);
        break;
    case CELL_KIND_ORDER_CANCEL:
        model_order_cancel(model, cells);
        break;
    case CELL_KIND_ORDER_REPLACE:
        model_order_replace(model, cells);
        break;
    case CELL_KIND_MASS_CANCEL:
        model_mass_cancel(model, cells);
        break;
    case CELL_KIND_MASS_QUOTE:
        model_mass_quote(model, cells);
        break;
    case CELL_KIND_MESSAGE_REFUSED:
        model_emit_command(model, cells, 0, NULL);
        break;
    default:
        UNREACHABLE("no other kind is numbered");
    }
}

/* judged does a command that the engine judges; false if it dropped it. */
static bool
judged(struct model *model, const union cell *cells)
{
    const union cell *engine_group = model->engine_group;

    if (model->engine_cnt == 0)
        return false;
    model->seq++;
    for (uint32_t i = 0; i < cell_count(engine_group); i++)
        model_emit(model, &engine_group[i])->bytes[1] &= (uint8_t)~CELL_LAST;
    if (cell_outcome(engine_group) == 0)
        model_set_up(model, cells);
    return true;
}

/* apply does a command; false if it leaves no trace. */
static bool
apply(struct model *model, const union cell *cells)
{
    if (cell_takes_author(cell_kind(cells))) {
        model->seq++;
        model_admin(model, cells);
        return true;
    }
    switch (cell_kind(cells)) {
    case CELL_KIND_ORDER_NEW:
    case CELL_KIND_ORDER_CANCEL:
    case CELL_KIND_ORDER_REPLACE:
    case CELL_KIND_MASS_CANCEL:
    case CELL_KIND_MASS_QUOTE:
    case CELL_KIND_MESSAGE_REFUSED:
        if (!model_admits(model, cell_session(cells), cells->order_new.in_no))
            return false;
        numbered(model, cells);
        return true;
    case CELL_KIND_SESSION_SEQUENCE:
        return model_session_sequence(model, cells);
    case CELL_KIND_CLOCK:
        model->seq++;
        model_clock(model, cells);
        return true;
    default:
        return judged(model, cells);
    }
}

void
model_apply(struct model *model,
            const union cell *cells,
            const union cell *engine_group,
            uint32_t engine_cnt,
            uint32_t origin)
{
    const uint64_t before_ns = model->time_ns;

    model->group_cnt = 0;
    model->event_index = 0;
    model->complaint = NULL;
    model->engine_group = engine_group;
    model->engine_cnt = engine_cnt;
    model->origin = origin;
    if (cell_time(cells) > model->time_ns)
        model->time_ns = cell_time(cells);
    if (!apply(model, cells)) {
        model->time_ns = before_ns;
        return;
    }
    model_run_stops(model);
    model_run_pegs(model);
    model_run_risk(model);
    if (!model_conserves(model))
        model->complaint = "cash or value of today is not conserved";
    model->group[model->group_cnt - 1].bytes[1] |= CELL_LAST;
    model_free_ended(model);
}
