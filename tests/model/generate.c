#include "tests/model/generate.h"

#include <string.h>

#define FIRMS       2u
#define GROUPS      3u
#define ACCOUNTS    6u
#define INSTRUMENTS 4u
#define SESSIONS    5u
#define MIDDLE_PX   (100 * PX_ONE)
#define TICK_PX     (PX_ONE / 100)

/* Firm 0 has groups 0 and 1, firm 1 has group 2. */
static const uint32_t firm_of_group[GROUPS] = {0, 0, 1};
static const uint32_t group_of_account[ACCOUNTS] = {0, 0, 1, 2, 2, 0};
static const uint32_t firm_of_session[SESSIONS] = {0, 0, 0, 1, 1};
static const uint32_t grace_ms[SESSIONS] = {0, 200, 100, 100, 200};

const struct profile profiles[PROFILES] = {
    /* limit post ioc fok market sweep cancel replace mass hostile configure session */
    {"mixed", 12, 4, 100, 100000, 512, false, {30, 6, 8, 5, 4, 2, 20, 18, 1, 3, 1, 2}},
    {"deep", 2, 2, 20, 100000, 1024, false, {60, 6, 2, 2, 1, 0, 18, 12, 0, 1, 0, 0}},
    {"one_tick", 0, 0, 50, 100000, 512, false, {50, 8, 6, 6, 4, 1, 15, 12, 0, 1, 0, 0}},
    {"sweeps", 40, 38, 30, 100000, 1024, false, {800, 40, 20, 30, 20, 4, 50, 80, 0, 10, 0, 0}},
    {"reuse", 6, 2, 40, 40, 32, false, {40, 4, 6, 4, 3, 2, 22, 22, 1, 2, 0, 2}},
    {"replaces", 5, 3, 100, 100000, 256, false, {25, 6, 4, 2, 2, 1, 6, 60, 0, 1, 0, 0}},
    {"limits", 30, 5, 100, 1000, 256, true, {50, 6, 8, 5, 8, 2, 14, 24, 1, 4, 5, 3}},
    {"mass", 15, 10, 60, 100000, 512, false, {90, 6, 4, 2, 2, 1, 8, 10, 2, 3, 1, 2}},
};

struct engine_cfg
generate_cfg(const struct profile *profile)
{
    struct engine_cfg cfg = duo_cfg();

    cfg.orders_max = profile->orders_max;
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

/* shape_instrument makes each instrument another one: plain, collar in ticks
 * with a band, lots of ten with a collar in per-mille, small orders forbidden. */
static void
shape_instrument(struct command *command, const struct profile *profile, uint32_t instrument)
{
    struct cell_instrument_limits *limits = &command->cells[1].instrument_limits;
    const uint32_t reach = profile->spread_ticks * 3 / 4 + 1;

    limits->reference_px = MIDDLE_PX;
    switch (instrument) {
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
    default:
        limits->collar_ticks = 200;
        break;
    }
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

    shape_instrument(&command, profile, instrument);
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

uint32_t
generate_setup(const struct profile *profile, struct step steps[SETUP_STEPS_MAX])
{
    uint32_t cnt = 0;

    for (uint32_t i = 0; i < FIRMS; i++)
        steps[cnt++].command = command_firm(i);
    for (uint32_t i = 0; i < GROUPS; i++)
        steps[cnt++].command = command_group(i, firm_of_group[i]);
    for (uint32_t i = 0; i < ACCOUNTS; i++)
        steps[cnt++].command = account_of(profile, i);
    for (uint32_t i = 0; i < INSTRUMENTS; i++)
        steps[cnt++].command = instrument_of(profile, i);
    steps[cnt++].command = position_limit_of(1, 0, profile->qty_max * 6, profile->qty_max * 5);
    for (uint16_t i = 0; i < SESSIONS; i++) {
        steps[cnt].command = command_session(i, firm_of_session[i]);
        steps[cnt++].command.cells[0].session_set.cancel_on_disconnect_ms = grace_ms[i];
        steps[cnt++].command = command_negotiate(i, 1);
        steps[cnt++].command = command_establish(i, 1);
    }
    ASSERT(cnt <= SETUP_STEPS_MAX);
    for (uint32_t i = 0; i < cnt; i++)
        steps[i].target = STEP_NONE;
    return cnt;
}

static px_t
some_px(struct generator *g, bool sell)
{
    const uint32_t width = 2 * g->profile->spread_ticks + 1;
    const px_t apart = (px_t)g->profile->apart_ticks * TICK_PX;

    return MIDDLE_PX + (sell ? apart : -apart) +
           ((px_t)random_below(&g->random, width) - (px_t)g->profile->spread_ticks) * TICK_PX;
}

static qty_t
some_qty(struct generator *g, uint32_t instrument)
{
    const qty_t qty = 1 + random_below(&g->random, g->profile->qty_max);

    /* Now and then not a multiple of the lot. */
    return instrument == 2 && !random_permille(&g->random, 50) ? (qty + 9) / 10 * 10 : qty;
}

/* some_order is an order of a session for an account that mostly is of its
 * firm. Most trading is in instrument 0. */
static struct command_order
some_order(struct generator *g)
{
    static const uint32_t accounts[FIRMS][4] = {{0, 1, 2, 5}, {3, 4, 3, 4}};
    struct random *random = &g->random;
    const uint32_t session = random_below(random, SESSIONS);
    const bool sell = random_permille(random, 500);
    const uint32_t instrument =
        random_permille(random, 600) ? 0 : random_below(random, INSTRUMENTS);

    return (struct command_order){
        .instrument = instrument,
        .account = random_permille(random, 10)
                       ? random_below(random, ACCOUNTS)
                       : accounts[firm_of_session[session]][random_below(random, 4)],
        .session = (uint16_t)session,
        .sell = sell,
        .qty = some_qty(g, instrument),
        .px = some_px(g, sell),
        .clord = 1 + random_below(random, g->profile->clords_max),
    };
}

/* live_order picks one of the orders in the books, NULL if there is none. */
static const struct model_order *
live_order(struct generator *g, const struct model *model)
{
    if (model->orders_cnt == 0)
        return NULL;

    uint32_t skip = random_below(&g->random, model->orders_cnt);

    for (uint32_t i = 0; i < MODEL_INSTRUMENTS; i++)
        for (unsigned side = 0; side < 2; side++)
            for (const struct model_order *o = model->instruments[i].side[side]; o; o = o->next)
                if (skip-- == 0)
                    return o;
    UNREACHABLE("orders_cnt counts them");
}

/* aim makes the step name an order by id: a live one, or whatever an earlier
 * step made, or garbage. */
static void
aim(struct generator *g, struct step *step, const struct model_order *order, uint32_t number)
{
    const uint32_t dice = random_below(&g->random, 100);

    step->target = order != NULL ? order->origin : STEP_NONE;
    if (dice < 50)
        return;
    if (dice >= 98)
        step->target = STEP_NONE;
    else if (dice >= 92)
        step->target = random_below(&g->random, number);
    command_by_id(&step->command,
                  step->target == STEP_NONE ? random_u64(&g->random) >> dice % 64 : 0);
}

static void
make_cancel(struct generator *g, const struct model *model, uint32_t number, struct step *step)
{
    const struct model_order *order = live_order(g, model);
    const struct command_order any = some_order(g);
    const bool is_right = order != NULL && !random_permille(&g->random, 60);

    step->command = command_cancel(
        is_right ? order->session : any.session, is_right ? order->instrument : any.instrument,
        order != NULL && !random_permille(&g->random, 50) ? order->clord : any.clord, any.clord);
    aim(g, step, order, number);
}

/* replaced_qty: most of the interesting totals lie around what is filled and
 * what was asked before. */
static qty_t
replaced_qty(struct generator *g, const struct model_order *order)
{
    switch (random_below(&g->random, 8)) {
    case 0:
        return order->cum_qty;
    case 1:
        return order->cum_qty + 1;
    case 2:
        return order->qty;
    case 3:
        return order->qty - order->qty / 3;
    case 4:
        return order->qty + 1 + random_below(&g->random, 20);
    case 5:
        return random_permille(&g->random, 200) ? 0 : order->cum_qty / 2 + 1;
    default:
        return some_qty(g, order->instrument);
    }
}

static void
make_replace(struct generator *g, const struct model *model, uint32_t number, struct step *step)
{
    const struct model_order *order = live_order(g, model);
    struct command_order wanted = some_order(g);
    uint64_t orig_clord = wanted.clord + 1;

    if (order != NULL) {
        if (!random_permille(&g->random, 40)) {
            wanted.session = order->session;
            wanted.instrument = order->instrument;
        }
        wanted.qty = replaced_qty(g, order);
        if (random_permille(&g->random, 450))
            wanted.px = order->px;
        if (random_permille(&g->random, 300))
            wanted.clord = order->clord;
        orig_clord = order->clord;
    }
    step->command = command_replace(&wanted, orig_clord);
    aim(g, step, order, number);
}

static void
make_mass_cancel(struct generator *g, struct step *step)
{
    struct random *random = &g->random;
    const struct command_order any = some_order(g);
    const uint8_t scope = (uint8_t)random_below(random, 4);
    const uint32_t targets[] = {SESSIONS, ACCOUNTS, GROUPS, FIRMS};
    const bool by_exchange = random_permille(random, 200);
    /* Now and then one that is not there. */
    const uint32_t target = random_below(random, targets[scope] + 1);

    step->command = command_mass_cancel(
        by_exchange ? CELL_SESSION : any.session, scope,
        scope == OE_MASS_CANCEL_SCOPE_SESSION && !by_exchange ? 0 : target, any.clord);

    struct cell_mass_cancel *req = &step->command.cells[0].mass_cancel;

    if (random_permille(random, 400))
        req->instrument = any.instrument;
    if (random_permille(random, 200))
        req->account = any.account;
    if (random_permille(random, 400))
        req->side = any.sell ? OE_SIDE_FILTER_SELL : OE_SIDE_FILTER_BUY;
    if (random_permille(random, 200))
        req->reason = OE_CANCEL_REASON_KILL_SWITCH;
}

/* make_hostile asks for what cannot be had. */
static void
make_hostile(struct generator *g, struct step *step)
{
    struct random *random = &g->random;
    const struct command_order any = some_order(g);
    struct cell_order_new *req = &step->command.cells[0].order_new;
    struct cell_order_extension *extension = &step->command.cells[1].order_extension;

    step->command = command_new(&any);
    switch (random_below(random, 16)) {
    case 0:
        req->ord_type = OE_ORD_TYPE_STOP;
        break;
    case 1:
        req->tif = OE_TIME_IN_FORCE_GOOD_TILL_DATE;
        break;
    case 2:
        req->exec_inst = (uint8_t)(2 + random_below(random, 6));
        break;
    case 3:
        req->exec_inst = OE_EXEC_INST_POST_ONLY;
        req->tif = OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL;
        break;
    case 4:
        req->stp_capacity = (uint8_t)(1 + random_below(random, 4));
        break;
    case 5:
    case 6:
        step->command.count = 2;
        req->shape = (uint8_t)(req->shape + 1);
        extension->kind = CELL_KIND_ORDER_EXTENSION;
        extension->client_code = 7;
        extension->display_qty = random_below(random, 2);
        extension->stop_px = (px_t)random_below(random, 2) * MIDDLE_PX;
        extension->min_qty = random_below(random, 3) / 2;
        break;
    case 7:
        req->px = (px_t)random_below(random, 3) - 1;
        break;
    case 8:
        req->px += 1 + random_below(random, 1000);
        break;
    case 9:
        req->qty = random_permille(random, 500) ? 0 : UINT32_MAX;
        break;
    case 10:
        req->instrument = random_permille(random, 500) ? INSTRUMENTS : UINT32_MAX;
        break;
    case 11:
        req->account = random_permille(random, 500) ? ACCOUNTS : UINT32_MAX;
        break;
    case 12: /* a duplicate, or ahead of its time */
        req->in_no = random_permille(random, 500) ? UINT16_MAX : 1;
        break;
    case 13:
        req->session = random_permille(random, 500) ? SESSIONS : MODEL_SESSIONS - 1;
        break;
    case 14:
        step->command = command_cancel(any.session, UINT32_MAX, any.clord, any.clord);
        break;
    default:
        req->px = TICK_PX * (px_t)(random_below(random, 4) + (1u << 30) - 2);
        break;
    }
}

static void
make_configure(struct generator *g, struct step *step)
{
    struct random *random = &g->random;
    const uint32_t instrument = random_below(random, INSTRUMENTS);
    const uint32_t account = random_below(random, ACCOUNTS);

    switch (random_below(random, 4)) {
    case 0:
        step->command = instrument_of(g->profile, instrument);
        if (random_permille(random, 200))
            step->command.cells[0].instrument_set.state = (uint8_t)(1 + random_below(random, 2));
        break;
    case 1:
        step->command = account_of(g->profile, account);
        if (random_permille(random, 300))
            step->command.cells[0].account_set.state = (uint8_t)(1 + random_below(random, 3));
        break;
    case 2:
        step->command =
            position_limit_of(account, instrument, random_below(random, g->profile->qty_max * 8),
                              random_below(random, g->profile->qty_max * 8));
        break;
    default:
        step->command =
            permission_of(random_below(random, GROUPS), instrument, random_permille(random, 200));
        break;
    }
}

/* passing_ns returns how much time is to pass: any, or to about the end of the
 * session's grace time, where the tick decides. */
static uint64_t
passing_ns(struct generator *g, const struct model *model, uint16_t session)
{
    const uint64_t deadline_ns = model->sessions[session].deadline_ns;

    if (deadline_ns <= model->time_ns || random_permille(&g->random, 500))
        return random_below(&g->random, 150000000);

    const uint64_t about_ns = deadline_ns + random_below(&g->random, 1500000);

    return about_ns < model->time_ns + 250000 ? 0 : about_ns - model->time_ns - 250000;
}

/* make_session unbinds and binds sessions, skips numbers and lets time pass. */
static void
make_session(struct generator *g, const struct model *model, struct step *step)
{
    const uint16_t session = (uint16_t)random_below(&g->random, SESSIONS);

    if (random_permille(&g->random, 200)) {
        step->command = command_clock(passing_ns(g, model, session));
        g->unbinding = false;
    } else if (!model->sessions[session].bound) {
        step->command = command_establish(session, 1);
    } else if (random_permille(&g->random, g->unbinding ? 700 : 150)) {
        /* Who is lost seldom is lost alone: grace times that end in one tick. */
        g->unbinding = true;
        step->command = command_unbind(session, 1);
    } else {
        step->command = (struct command){.count = 1};
        step->command.cells[0].session_sequence = (struct cell_session_sequence){
            .kind = CELL_KIND_SESSION_SEQUENCE,
            .shape = 1,
            .next_no = random_below(&g->random, 4),
            .session = session,
        };
    }
}

/* make_order makes a new order of the wanted kind. */
static void
make_order(struct generator *g, enum action action, struct step *step)
{
    const struct command_order any = some_order(g);
    struct cell_order_new *req = &step->command.cells[0].order_new;

    step->command = command_new(&any);
    req->stp_capacity = (uint8_t)(random_below(&g->random, 3) << 4);
    if (random_permille(&g->random, 200))
        req->tif = OE_TIME_IN_FORCE_GOOD_TILL_CANCEL;
    if (action == ACTION_POST_ONLY)
        req->exec_inst = OE_EXEC_INST_POST_ONLY;
    if (action == ACTION_IOC || action == ACTION_SWEEP)
        req->tif = OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL;
    if (action == ACTION_FOK) {
        req->tif = OE_TIME_IN_FORCE_FILL_OR_KILL;
        req->qty *= 1 + random_below(&g->random, 4);
    }
    if (action == ACTION_MARKET) {
        req->ord_type = OE_ORD_TYPE_MARKET;
        req->px = 0;
        if (random_permille(&g->random, 300))
            req->tif = OE_TIME_IN_FORCE_FILL_OR_KILL;
    }
    if (action == ACTION_SWEEP) {
        req->qty = g->profile->qty_max * (50 + random_below(&g->random, 500));
        req->px = MIDDLE_PX + (any.sell ? -1 : 1) *
                                  (px_t)(g->profile->spread_ticks + g->profile->apart_ticks) *
                                  TICK_PX;
    }
}

void
generate_step(struct generator *g, const struct model *model, uint32_t number, struct step *step)
{
    uint32_t total = 0, action = 0;

    memset(step, 0, sizeof *step);
    step->target = STEP_NONE;
    for (unsigned i = 0; i < ACTIONS; i++)
        total += g->profile->weights[i];
    for (uint32_t dice = random_below(&g->random, total); dice >= g->profile->weights[action];
         action++)
        dice -= g->profile->weights[action];
    switch ((enum action)action) {
    case ACTION_CANCEL:
        make_cancel(g, model, number, step);
        break;
    case ACTION_REPLACE:
        make_replace(g, model, number, step);
        break;
    case ACTION_MASS_CANCEL:
        make_mass_cancel(g, step);
        break;
    case ACTION_HOSTILE:
        make_hostile(g, step);
        break;
    case ACTION_CONFIGURE:
        make_configure(g, step);
        break;
    case ACTION_SESSION:
        make_session(g, model, step);
        break;
    case ACTION_LIMIT:
    case ACTION_POST_ONLY:
    case ACTION_IOC:
    case ACTION_FOK:
    case ACTION_MARKET:
    case ACTION_SWEEP:
    case ACTIONS:
        make_order(g, (enum action)action, step);
        break;
    }
}

bool
step_apply(struct duo *duo, const struct step *step, uint32_t number, uint64_t *ids)
{
    struct command command = step->command;
    const unsigned kind = cell_kind(command.cells);
    const bool by_id = (cell_shape(command.cells) & CELL_BY_ID) != 0;

    ids[number] = 0;
    if (by_id && step->target != STEP_NONE)
        command.cells[0].order_cancel.order_id = ids[step->target];
    if (!duo_apply(duo, &command, number))
        return false;
    if (duo->out_cnt == 0 || duo_outcome(duo) != 0)
        return true;
    if (kind == CELL_KIND_ORDER_NEW)
        ids[number] = duo->out[0].order_new.order_id;
    /* A replace that loses priority has the order's old id in its first cell. */
    if (kind == CELL_KIND_ORDER_REPLACE && step->target != STEP_NONE &&
        ids[step->target] == duo->out[0].order_replace.order_id)
        ids[step->target] = duo->out[1].replace_detail.new_order_id;
    return true;
}
