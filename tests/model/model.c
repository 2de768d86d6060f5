#include "tests/model/model.h"

#include <stdlib.h>
#include <string.h>

#include "tests/model/model_parts.h"

struct model *
model_new(unsigned shard, uint32_t orders_max, uint32_t positions_max)
{
    /* Not calloc: the model holds cells, which are aligned to a line. */
    struct model *model = aligned_alloc(CACHE_LINE, sizeof *model);

    ASSERT(model != NULL);
    memset(model, 0, sizeof *model);
    model->shard = shard;
    model->orders_max = orders_max;
    model->positions_max = positions_max;
    model->last_ids = calloc(orders_max, sizeof *model->last_ids);
    ASSERT(model->last_ids != NULL);
    return model;
}

void
model_free(struct model *model)
{
    for (uint32_t i = 0; i < MODEL_INSTRUMENTS; i++)
        for (unsigned side = 0; side < 2; side++)
            for (struct model_order *o = model->instruments[i].side[side], *next; o; o = next) {
                next = o->next;
                free(o);
            }
    free(model->last_ids);
    free(model);
}

bool
model_admits(const struct model *model, uint16_t session, uint16_t in_no)
{
    if (session == CELL_SESSION)
        return true;
    if (session >= MODEL_SESSIONS || !model->sessions[session].bound)
        return false;
    return in_no == (uint16_t)model->sessions[session].next_in_no;
}

uint32_t
model_firm_of_session(const struct model *model, uint16_t session)
{
    return session == CELL_SESSION ? UINT32_MAX : model->sessions[session].firm;
}

/* model_use_position notes that the pair has a position from now on. */
void
model_use_position(struct model *model, uint32_t account, uint32_t instrument)
{
    if (model->positions[account][instrument].used)
        return;
    model->positions[account][instrument].used = true;
    model->positions_cnt++;
}

/* unbind takes the session's transport away. */
static void
unbind(struct model *model, struct model_session *session)
{
    if (session->bound && session->grace_ns != 0) {
        session->deadline_ns = model->time_ns + session->grace_ns;
        session->unbound_no = ++model->unbinds_cnt;
    }
    session->bound = false;
}

/* session_sequence skips what never came; false if it skips nothing. */
static bool
session_sequence(struct model *model, const union cell *cells)
{
    const struct cell_session_sequence *req = &cells->session_sequence;

    if (req->session >= MODEL_SESSIONS || !model->sessions[req->session].bound)
        return false;

    struct model_session *session = &model->sessions[req->session];

    if (req->next_no <= session->next_in_no)
        return false;
    model->seq++;
    model_emit_command(model, cells, 0, NULL);

    const union cell cell = {.session_not_applied = {
                                 .kind = CELL_KIND_SESSION_NOT_APPLIED,
                                 .shape = 1,
                                 .seq = model->seq,
                                 .time = model->time_ns,
                                 .from_no = session->next_in_no,
                                 .count = req->next_no - session->next_in_no,
                                 .session = req->session,
                             }};

    model_emit(model, &cell);
    session->next_in_no = req->next_no;
    return true;
}

/*
 * set_up notes a command that configures the exchange or binds a session. The
 * engine judges these; the model believes it and keeps what was accepted.
 */
static void
set_up(struct model *model,
       const union cell *cells,
       const union cell *engine_group,
       uint32_t engine_cnt)
{
    for (uint32_t i = 0; i < engine_cnt; i++)
        model_emit(model, &engine_group[i]);
    if (engine_cnt == 0) {
        model->seq--;
        return;
    }
    if (cell_outcome(engine_group) != 0)
        return;
    switch (cell_kind(cells)) {
    case CELL_KIND_FIRM_SET:
        model->firm_known[cells->firm_set.firm] = true;
        break;
    case CELL_KIND_GROUP_SET:
        model->group_known[cells->group_set.group] = true;
        model->group_firm[cells->group_set.group] = cells->group_set.firm;
        break;
    case CELL_KIND_ACCOUNT_SET: {
        struct model_account *account = &model->accounts[cells->account_set.account];

        *account = (struct model_account){true, cells[0].account_set, cells[1].account_limits};
        break;
    }
    case CELL_KIND_INSTRUMENT_SET: {
        struct model_instrument *instrument = &model->instruments[cells->instrument_set.instrument];

        instrument->known = true;
        instrument->set = cells[0].instrument_set;
        instrument->limits = cells[1].instrument_limits;
        break;
    }
    case CELL_KIND_POSITION_LIMIT_SET: {
        const struct cell_position_limit_set *set = &cells->position_limit_set;
        struct model_position *position = &model->positions[set->account][set->instrument];

        model_use_position(model, set->account, set->instrument);
        position->has_limits = true;
        position->long_max = set->long_max;
        position->short_max = set->short_max;
        break;
    }
    case CELL_KIND_PERMISSION_SET:
        model->restricted[cells->permission_set.group][cells->permission_set.instrument] =
            cells->permission_set.restricted != 0;
        break;
    case CELL_KIND_SESSION_SET: {
        struct model_session *session = &model->sessions[cells->session_set.session];

        session->known = true;
        session->firm = cells->session_set.firm;
        session->grace_ns = cells->session_set.cancel_on_disconnect_ms * UINT64_C(1000000);
        break;
    }
    case CELL_KIND_SESSION_NEGOTIATE:
        unbind(model, &model->sessions[cells->session_negotiate.session]);
        model->sessions[cells->session_negotiate.session].next_in_no = 1;
        break;
    case CELL_KIND_SESSION_ESTABLISH:
        model->sessions[cells->session_establish.session].bound = true;
        model->sessions[cells->session_establish.session].deadline_ns = 0;
        break;
    case CELL_KIND_SESSION_UNBIND:
        unbind(model, &model->sessions[cells->session_unbind.session]);
        break;
    default: /* Genesis, Restart of a run without orders */
        break;
    }
}

void
model_apply(struct model *model,
            const union cell *cells,
            const union cell *engine_group,
            uint32_t engine_cnt,
            uint32_t origin)
{
    const unsigned kind = cell_kind(cells);
    const uint16_t session = cell_session(cells);
    const bool numbered = kind >= CELL_KIND_ORDER_NEW && kind <= CELL_KIND_MESSAGE_REFUSED;

    model->group_cnt = 0;
    model->event_index = 0;
    model->complaint = NULL;
    if (numbered && !model_admits(model, session, cells->order_new.in_no))
        return;

    const uint64_t before_ns = model->time_ns;

    if (cell_time(cells) > model->time_ns)
        model->time_ns = cell_time(cells);
    if (kind == CELL_KIND_SESSION_SEQUENCE) {
        if (!session_sequence(model, cells))
            model->time_ns = before_ns;
    } else {
        model->seq++;
        if (numbered && session != CELL_SESSION)
            model->sessions[session].next_in_no++;
    }
    switch (kind) {
    case CELL_KIND_ORDER_NEW:
        model_order_new(model, cells, engine_group, engine_cnt, origin);
        break;
    case CELL_KIND_ORDER_CANCEL:
        model_order_cancel(model, cells);
        break;
    case CELL_KIND_ORDER_REPLACE:
        model_order_replace(model, cells, engine_group, engine_cnt);
        break;
    case CELL_KIND_MASS_CANCEL:
        model_mass_cancel(model, cells);
        break;
    case CELL_KIND_MESSAGE_REFUSED:
        model_emit_command(model, cells, 0, NULL);
        break;
    case CELL_KIND_SESSION_SEQUENCE:
        break;
    case CELL_KIND_CLOCK:
        model_clock(model, cells);
        break;
    default:
        set_up(model, cells, engine_group, engine_cnt);
        if (engine_cnt == 0)
            model->time_ns = before_ns;
        break;
    }
    if (model->group_cnt > 0)
        model->group[model->group_cnt - 1].bytes[1] |= CELL_LAST;
}
