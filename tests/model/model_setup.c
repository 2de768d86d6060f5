#include <string.h>

#include "tests/model/model_parts.h"

/* Of the collar of an instrument that was never told: last and configured. */
#define FIRST_REFERENCES (1u | 8u)

uint32_t
model_firm_of_session(const struct model *model, uint16_t session)
{
    return session == CELL_SESSION ? UINT32_MAX : model->sessions[session].firm;
}

/* model_group_of returns what keeps two orders from trading with each other:
 * without accounts that are known an account is a group of its own. */
uint32_t
model_group_of(const struct model *model, uint32_t account)
{
    return model->cfg.no_risk ? account : model->accounts[account].set.group;
}

uint32_t
model_account_firm(const struct model *model, uint32_t account)
{
    return model->group_firm[model->accounts[account].set.group];
}

bool
model_is_open(const struct model *model, uint32_t instrument)
{
    return model->instruments[instrument].known &&
           model->instruments[instrument].set.state == CELL_INSTRUMENT_STATE_OPEN;
}

/* model_use_position notes that the pair has a position from now on. */
void
model_use_position(struct model *model, uint32_t account, uint32_t instrument)
{
    if (model->positions[account][instrument].used)
        return;
    model->positions[account][instrument].used = true;
    model->positions[account][instrument].used_no = model->positions_cnt++;
}

/* unbind takes the session's transport away. */
static void
unbind(struct model *model, struct model_session *session)
{
    if (session->bound && session->grace_ns != 0) {
        session->deadline_ns = model->time_ns + session->grace_ns;
        session->armed_no = ++model->armed_cnt;
    }
    session->bound = false;
}

/* end ends the session's UUID. */
static void
end(struct model_session *session)
{
    session->next_in_no = 0;
    session->finished = false;
    memset(session->uuid, 0, sizeof session->uuid);
}

/* model_session_sequence skips what never came, and may be the last of its session;
 * false if it does neither. */
bool
model_session_sequence(struct model *model, const union cell *cells)
{
    const struct cell_session_sequence *req = &cells->session_sequence;

    if (req->session >= MODEL_SESSIONS || !model->sessions[req->session].bound ||
        model->sessions[req->session].finished || req->finished > 1)
        return false;

    struct model_session *session = &model->sessions[req->session];

    if (req->next_no < session->next_in_no ||
        (req->next_no == session->next_in_no && req->finished == 0))
        return false;
    model->seq++;

    union cell told = *cells;

    told.session_sequence.missing = req->next_no - session->next_in_no;
    model_emit_command(model, &told, 0, NULL);
    session->finished = req->finished != 0;
    if (told.session_sequence.missing == 0)
        return true;

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

/* set_state changes the state of an instrument; when it closes its day is over. */
static void
set_state(struct model *model, uint32_t instrument, uint8_t state)
{
    const uint8_t before = model->instruments[instrument].set.state;

    model->instruments[instrument].set.state = state;
    if (state == CELL_INSTRUMENT_STATE_CLOSED && before != CELL_INSTRUMENT_STATE_CLOSED)
        model_close(model, instrument);
}

static void
set_instrument(struct model *model, const union cell *cells)
{
    const uint8_t state = cells->instrument_set.state;
    struct model_instrument *instrument = &model->instruments[cells->instrument_set.instrument];

    if (instrument->known && (instrument->side[0] != NULL || instrument->side[1] != NULL) &&
        instrument->set.algorithm != cells->instrument_set.algorithm)
        model->complaint = "the algorithm of a book with orders was changed";
    const uint8_t before = instrument->known ? instrument->set.state : state;
    struct model_limit *limits =
        model_subject(model, OE_RISK_LEVEL_INSTRUMENT, cells->instrument_set.instrument)->limits;

    if (!instrument->known)
        instrument->rule = (struct cell_order_rule_set){
            .types = UINT8_MAX, .tifs = UINT8_MAX, .references = FIRST_REFERENCES};
    limits[CELL_RISK_LIMIT_ORDER_QTY].value = cells[1].instrument_limits.order_qty_max;
    limits[CELL_RISK_LIMIT_ORDER_VALUE].value = cells[1].instrument_limits.order_value_max;
    instrument->known = true;
    instrument->set = cells[0].instrument_set;
    instrument->limits = cells[1].instrument_limits;
    instrument->set.state = before;
    set_state(model, cells->instrument_set.instrument, state);
}

static void
set_position_limit(struct model *model, const struct cell_position_limit_set *set)
{
    struct model_position *position = &model->positions[set->account][set->instrument];

    model_use_position(model, set->account, set->instrument);
    position->has_limit[0] = position->has_limit[1] = true;
    position->limits[0] = (int64_t)set->long_max;
    position->limits[1] = (int64_t)set->short_max;
}

/* set_account sets four of its limits; the others stay. */
static void
set_account(struct model *model, const union cell *cells)
{
    const uint32_t id = cells->account_set.account;
    const struct cell_account_limits *wanted = &cells[1].account_limits;
    struct model_account *account = &model->accounts[id];
    struct model_limit *limits = model_subject(model, OE_RISK_LEVEL_ACCOUNT, id)->limits;

    if (!account->known)
        account->rule = (struct cell_order_rule_set){.types = UINT8_MAX, .tifs = UINT8_MAX};
    account->known = true;
    account->set = cells[0].account_set;
    limits[CELL_RISK_LIMIT_ORDER_QTY].value = wanted->order_qty_max;
    limits[CELL_RISK_LIMIT_ORDER_VALUE].value = wanted->order_value_max;
    limits[CELL_RISK_LIMIT_LONG].value = (int64_t)wanted->long_max;
    limits[CELL_RISK_LIMIT_SHORT].value = (int64_t)wanted->short_max;
}

static void
set_session(struct model *model, const struct cell_session_set *set)
{
    struct model_session *session = &model->sessions[set->session];

    session->known = true;
    session->firm = set->firm;
    session->grace_ns = set->cancel_on_disconnect_ms * UINT64_C(1000000);
}

/* restart unbinds all; what a lossy run promised to its sessions counts no more. */
static void
restart(struct model *model, uint8_t ack_mode)
{
    for (uint32_t i = 0; i < MODEL_SESSIONS; i++) {
        unbind(model, &model->sessions[i]);
        if (model->ack_mode != CELL_ACK_MODE_DURABLE)
            end(&model->sessions[i]);
    }
    model->ack_mode = ack_mode;
}

/* negotiate begins the numbers of a session, unless it only hears the same
 * request once more. */
static void
negotiate(struct model *model, const struct cell_session_negotiate *in)
{
    struct model_session *session = &model->sessions[in->session];

    if (!session->bound && session->request_time == in->request_time &&
        memcmp(session->uuid, in->uuid, sizeof session->uuid) == 0)
        return;
    unbind(model, session);
    session->finished = false;
    session->next_in_no = 1;
    session->request_time = in->request_time;
    memcpy(session->uuid, in->uuid, sizeof session->uuid);
}

/*
 * model_set_up notes a command that configures the exchange or binds a session,
 * and was accepted: the engine judges these, the model believes it.
 */
void
model_set_up(struct model *model, const union cell *cells)
{
    switch (cell_kind(cells)) {
    case CELL_KIND_GENESIS:
        model->random = cells->genesis.time;
        break;
    case CELL_KIND_FIRM_SET:
        model->firm_known[cells->firm_set.firm] = true;
        break;
    case CELL_KIND_GROUP_SET:
        model->group_known[cells->group_set.group] = true;
        model->group_firm[cells->group_set.group] = cells->group_set.firm;
        break;
    case CELL_KIND_ACCOUNT_SET:
        set_account(model, cells);
        break;
    case CELL_KIND_INSTRUMENT_SET:
        set_instrument(model, cells);
        break;
    case CELL_KIND_INSTRUMENT_STATE_SET:
        set_state(model, cells->instrument_state_set.instrument, cells->instrument_state_set.state);
        break;
    case CELL_KIND_POSITION_LIMIT_SET:
        set_position_limit(model, &cells->position_limit_set);
        break;
    case CELL_KIND_PERMISSION_SET:
        model_subject(model, OE_RISK_LEVEL_GROUP, cells->permission_set.group)
            ->restricted[cells->permission_set.instrument] = cells->permission_set.restricted != 0;
        break;
    case CELL_KIND_SESSION_SET:
        set_session(model, &cells->session_set);
        break;
    case CELL_KIND_SESSION_NEGOTIATE:
        negotiate(model, &cells->session_negotiate);
        break;
    case CELL_KIND_SESSION_ESTABLISH:
        model->sessions[cells->session_establish.session].bound = true;
        model->sessions[cells->session_establish.session].deadline_ns = 0;
        break;
    case CELL_KIND_SESSION_UNBIND:
        unbind(model, &model->sessions[cells->session_unbind.session]);
        if (cells->session_unbind.reason == CELL_UNBIND_REASON_FINISHED)
            end(&model->sessions[cells->session_unbind.session]);
        break;
    case CELL_KIND_JOURNAL_SPACE:
        model->journal_low = cells->journal_space.low != 0;
        break;
    case CELL_KIND_RESTART:
        restart(model, cells->restart.ack_mode);
        break;
    default:
        UNREACHABLE("no other kind is judged by the engine");
    }
}
