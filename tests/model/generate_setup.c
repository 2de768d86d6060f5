#include "tests/model/generate_parts.h"

/* Firm 0 has groups 0 and 1, firm 1 has group 2. */
static const uint32_t firm_of_group[GROUPS] = {0, 0, 1};
static const uint32_t group_of_account[ACCOUNTS] = {0, 0, 1, 2, 2, 0};
static const uint32_t firm_of_session[SESSIONS] = {0, 0, 0, 1, 1};
static const uint32_t grace_ms[SESSIONS] = {0, 200, 100, 100, 200};

uint32_t
generate_firm(uint16_t session)
{
    return firm_of_session[session];
}

struct engine_cfg
generate_cfg(const struct profile *profile)
{
    struct engine_cfg cfg = duo_cfg();

    cfg.orders_max = profile->orders_max;
    cfg.extras_max = profile->extras_max;
    cfg.positions_max = profile->positions_max;
    cfg.pages_max = profile->pages_max;
    cfg.no_risk = profile->no_risk;
    return cfg;
}

/* limit_account gives an account limits that its orders will meet. */
static void
limit_account(struct command *command, const struct profile *profile, uint32_t account)
{
    struct cell_account_limits *limits = &command->cells[1].account_limits;

    limits->order_qty_max = profile->qty_max * (8 + account) / 10;
    limits->order_value_max = (px_t)(MIDDLE_PX * (profile->qty_max - 5 * account));
    limits->long_max = profile->qty_max * (2 + account);
    limits->short_max = profile->qty_max * (3 + account / 2);
}

/* limit_instrument makes instruments differ: plain, collar in ticks with a band,
 * lots of ten with a collar in per-mille, small orders forbidden. Without any
 * collar there are no market orders. */
static void
limit_instrument(struct command *command, const struct profile *profile, uint32_t instrument)
{
    struct cell_instrument_limits *limits = &command->cells[1].instrument_limits;
    const uint32_t reach = profile->spread_ticks * 3 / 4 + 1;

    limits->reference_px = MIDDLE_PX;
    if (profile->is_vast) {
        limits->collar_permille = instrument % 2 == 0 ? 0 : 200000000;
        return;
    }
    switch (instrument % 5) {
    case 1:
        limits->collar_ticks = profile->is_tight ? reach : reach * 4;
        limits->band_low_px = MIDDLE_PX - (px_t)reach * TICK_PX;
        limits->band_high_px = MIDDLE_PX + (px_t)(reach + 1) * TICK_PX;
        break;
    case 2:
        command->cells[0].instrument_set.lot_qty = 10;
        limits->collar_permille = profile->is_tight ? 2 : 20;
        limits->order_qty_min = 10;
        break;
    case 3:
        limits->reference_px = profile->is_tight ? 0 : MIDDLE_PX;
        limits->collar_permille = 7;
        limits->collar_ticks = 60;
        limits->order_qty_min = 3;
        limits->order_qty_max = profile->qty_max - 1;
        limits->order_value_max = (px_t)(MIDDLE_PX * profile->qty_max * 9 / 10);
        break;
    case 4:
        if (!profile->is_far)
            command->cells[0].instrument_set.tick_px = FINE_PX;
        break;
    default:
        limits->collar_ticks = 200;
        break;
    }
}

/* allot_instrument gives an instrument its algorithm. */
static void
allot_instrument(struct cell_instrument_set *set, const struct profile *profile)
{
    static const uint8_t algorithms[] = {CELL_MATCH_ALGORITHM_PRO_RATA, CELL_MATCH_ALGORITHM_SPLIT,
                                         CELL_MATCH_ALGORITHM_PRICE_TIME};
    const uint32_t instrument = set->instrument;

    if (profile->allotment == ALLOT_NONE ||
        (profile->allotment == ALLOT_SOME && instrument % 2 == 0))
        return;
    set->algorithm = algorithms[(instrument + instrument / 3) % 3];
    set->allocation_min = instrument % 4;
    set->fifo_permille = (uint16_t)(instrument * 370 % 1001);
    set->top_max = instrument % 2 == 0 ? 0 : profile->qty_max / 4 + 1;
}

static struct command
account_of(const struct profile *profile, uint32_t account)
{
    struct command command = command_account(account, group_of_account[account]);

    if (profile->is_tight)
        limit_account(&command, profile, account);
    return command;
}

static struct command
instrument_of(const struct profile *profile, uint32_t instrument)
{
    struct command command = command_instrument(instrument);

    limit_instrument(&command, profile, instrument);
    allot_instrument(&command.cells[0].instrument_set, profile);
    return command;
}

static struct command
position_limit_of(uint32_t account, uint32_t instrument, uint64_t long_max, uint64_t short_max)
{
    struct command command = {.count = 1};

    command.cells[0].position_limit_set = (struct cell_position_limit_set){
        .kind = CELL_KIND_POSITION_LIMIT_SET,
        .shape = 1,
        .instrument = instrument,
        .long_max = long_max,
        .short_max = short_max,
        .account = account,
        .session = CELL_SESSION,
    };
    return command;
}

static struct command
permission_of(uint32_t group, uint32_t instrument, uint8_t restricted)
{
    struct command command = {.count = 1};

    command.cells[0].permission_set = (struct cell_permission_set){
        .kind = CELL_KIND_PERMISSION_SET,
        .shape = 1,
        .instrument = instrument,
        .group = group,
        .restricted = restricted,
        .session = CELL_SESSION,
    };
    return command;
}

static struct command
state_of(uint32_t instrument, uint8_t state)
{
    struct command command = {.count = 1};

    command.cells[0].instrument_state_set = (struct cell_instrument_state_set){
        .kind = CELL_KIND_INSTRUMENT_STATE_SET,
        .shape = 1,
        .instrument = instrument,
        .state = state,
        .session = CELL_SESSION,
    };
    return command;
}

static struct command
space_of(uint8_t low)
{
    struct command command = {.count = 1};

    command.cells[0].journal_space = (struct cell_journal_space){
        .kind = CELL_KIND_JOURNAL_SPACE,
        .shape = 1,
        .free_bytes = low == 0 ? 2000 : 500,
        .reserve_bytes = 1000,
        .low = low,
        .session = CELL_SESSION,
    };
    return command;
}

uint32_t
generate_setup(const struct profile *profile, struct step steps[SETUP_STEPS_MAX])
{
    uint32_t cnt = 0;

    for (uint32_t i = 0; i < FIRMS; i++)
        steps[cnt++].command = command_firm(i);
    for (uint32_t i = 0; i < GROUPS; i++)
        steps[cnt++].command = command_group(i, firm_of_group[i]);
    for (uint32_t i = 0; i < ACCOUNTS && !profile->no_risk; i++)
        steps[cnt++].command = account_of(profile, i);
    for (uint32_t i = 0; i < profile->instruments_cnt; i++)
        steps[cnt++].command = instrument_of(profile, i);
    for (uint32_t i = 0; i < profile->instruments_cnt && !profile->no_risk; i += 2)
        steps[cnt++].command = profile->is_vast
                                   ? generate_fee(i, i == 0 ? 1000000 : -999999, 1000000)
                                   : generate_fee(i, i % 4 == 0 ? 20 : -150, i % 4 == 0 ? 20 : 250);
    for (uint32_t i = 0; i < FIRMS && profile->is_strict; i++)
        steps[cnt++].command =
            command_limit(OE_RISK_LEVEL_FIRM, i, CELL_RISK_LIMIT_ORDER_TO_TRADE, 0);
    if (!profile->no_risk)
        steps[cnt++].command = position_limit_of(1, 0, profile->qty_max * 6, profile->qty_max * 5);
    for (uint16_t i = 0; i < SESSIONS; i++) {
        steps[cnt].command = command_session(i, firm_of_session[i]);
        steps[cnt++].command.cells[0].session_set.cancel_on_disconnect_ms = grace_ms[i];
        steps[cnt++].command = command_negotiate(i, 1);
        steps[cnt++].command = command_establish(i, 1);
    }
    ASSERT(cnt <= SETUP_STEPS_MAX);
    for (uint32_t i = 0; i < cnt; i++)
        steps[i].target = (struct text_target){.by_id = false};
    return cnt;
}

/* reinstrument sets an instrument again, now and then in another state or with
 * other ways to share out, which are refused while there are orders. */
static struct command
reinstrument(struct generator *g, uint32_t instrument)
{
    struct random *random = &g->random;
    struct command command = instrument_of(g->profile, instrument);
    struct cell_instrument_set *set = &command.cells[0].instrument_set;

    if (random_permille(random, 200))
        set->state = (uint8_t)random_below(random, 3);
    if (g->profile->allotment == ALLOT_NONE)
        return command;
    if (random_permille(random, 300))
        set->algorithm = (uint8_t)random_below(random, 3);
    if (random_permille(random, 300))
        set->top_max = random_below(random, 2) * (1 + random_below(random, g->profile->qty_max));
    if (random_permille(random, 300))
        set->fifo_permille = (uint16_t)random_below(random, 1001);
    if (random_permille(random, 300))
        set->allocation_min = random_below(random, 6);
    return command;
}

void
generate_configure(struct generator *g, struct step *step)
{
    struct random *random = &g->random;
    const uint32_t instrument = generate_instrument(g);
    const uint32_t account = random_below(random, ACCOUNTS);
    const uint32_t reach = g->profile->qty_max * 8;

    switch (g->profile->no_risk ? 0 : random_below(random, 4)) {
    case 0:
        step->command = reinstrument(g, instrument);
        break;
    case 1:
        step->command = account_of(g->profile, account);
        if (random_permille(random, g->profile->is_strict ? 600 : 300))
            step->command.cells[0].account_set.state = (uint8_t)(1 + random_below(random, 3));
        break;
    case 2:
        step->command = position_limit_of(account, instrument, random_below(random, reach),
                                          random_below(random, reach));
        break;
    default:
        step->command =
            permission_of(random_below(random, GROUPS), instrument, random_permille(random, 200));
        break;
    }
    if (random_permille(random, 200))
        command_sign(&step->command);
}

/* generate_revive makes an account active again or opens an instrument; false if there is
 * none that needs it. */
bool
generate_revive(struct generator *g, struct command *command)
{
    for (uint32_t i = 0; i < ACCOUNTS; i++)
        if (g->model->accounts[i].set.state != CELL_ACCOUNT_STATE_ACTIVE) {
            *command = account_of(g->profile, i);
            return true;
        }
    for (uint32_t i = 0; i < g->profile->instruments_cnt; i++)
        if (g->model->instruments[i].set.state != CELL_INSTRUMENT_STATE_OPEN) {
            *command = state_of(i, CELL_INSTRUMENT_STATE_OPEN);
            return true;
        }
    return false;
}

/* generate_state halts, closes and opens; what is not open mostly opens. Now and then
 * the journal's disk is nearly full, never for long. */
void
generate_state(struct generator *g, struct step *step)
{
    uint32_t instrument = generate_instrument(g);

    if (!g->profile->is_strict && random_permille(&g->random, g->model->journal_low ? 700 : 40)) {
        const bool wrong = random_permille(&g->random, 50);

        step->command = space_of(wrong ? 2 : !g->model->journal_low);
        return;
    }

    for (uint32_t i = 0; i < g->profile->instruments_cnt; i++)
        if (g->model->instruments[i].set.state != CELL_INSTRUMENT_STATE_OPEN &&
            random_permille(&g->random, 700)) {
            step->command = state_of(i, CELL_INSTRUMENT_STATE_OPEN);
            return;
        }
    if (random_permille(&g->random, 20))
        instrument = g->profile->instruments_cnt + random_below(&g->random, 100);
    step->command = state_of(instrument, (uint8_t)random_below(&g->random, 3));
}

/* generate_session unbinds and binds sessions and skips numbers; a few end. */
void
generate_session(struct generator *g, struct step *step)
{
    const uint16_t session = (uint16_t)random_below(&g->random, SESSIONS);
    const struct model_session *known = &g->model->sessions[session];
    const uint8_t uuid = (uint8_t)known->request_time;

    if (known->next_in_no == 0) {
        step->command = command_negotiate(session, (uint8_t)(uuid + 1));
    } else if (!known->bound) {
        step->command = command_establish(session, uuid);
    } else if (random_permille(&g->random, g->unbinding || known->finished ? 700 : 200)) {
        /* Who is lost seldom is lost alone: grace times that end in one tick. */
        g->unbinding = random_permille(&g->random, 500);
        step->command = command_unbind(session, uuid);
        if (random_permille(&g->random, known->finished ? 800 : 10))
            step->command.cells[0].session_unbind.reason = CELL_UNBIND_REASON_FINISHED;
    } else {
        step->command = (struct command){.count = 1};
        step->command.cells[0].session_sequence = (struct cell_session_sequence){
            .kind = CELL_KIND_SESSION_SEQUENCE,
            .shape = 1,
            .next_no = random_below(&g->random, 4),
            .finished = random_permille(&g->random, 20),
            .session = session,
        };
    }
}

/* some_deadline_ns picks when a session or an order has to go, 0 if it need not. */
static uint64_t
some_deadline_ns(struct generator *g)
{
    const struct model_order *order = generate_live(g);

    if (order != NULL && random_permille(&g->random, 500))
        return order->expire_ns;
    return g->model->sessions[random_below(&g->random, SESSIONS)].deadline_ns;
}

/* generate_clock lets time pass: some ticks, many, or to about a deadline, where
 * the tick decides. */
void
generate_clock(struct generator *g, struct step *step)
{
    const uint64_t about_ns = some_deadline_ns(g) + random_below(&g->random, 1500000);
    const uint64_t so_far_ns = g->model->time_ns + 250000;

    g->unbinding = false;
    if (about_ns > so_far_ns && random_permille(&g->random, 600))
        step->command = command_clock(about_ns - so_far_ns);
    else
        step->command = command_clock(
            random_below(&g->random, random_permille(&g->random, 900) ? 4000000 : 150000000));
}
