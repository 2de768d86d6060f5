#include "perf/core_setup.h"

#include <stdio.h>
#include <string.h>

#include "perf/core_resting.h"

/* The static band of a guarded instrument: what no order passes. */
#define BAND_LOW_TICK  100
#define BAND_HIGH_TICK (8 * FLOW_MID_TICK)

static size_t
setup_bytes(const struct flow *flow)
{
    const struct engine_cfg *cfg = &flow->cfg;
    const size_t cells_cnt = (size_t)cfg->firms_max + cfg->groups_max + 2 * cfg->accounts_max +
                             2 * flow->instruments_cnt + 3 * cfg->sessions_max;

    return cells_cnt * sizeof(union cell);
}

/* command appends a command of the exchange itself. */
static union cell *
command(struct flow *flow, unsigned kind, unsigned cells_cnt)
{
    union cell *cell = &flow->setup[flow->setup_cnt];

    flow->setup_cnt += cells_cnt;
    cell->order_new.kind = (uint8_t)kind;
    cell->order_new.shape = (uint8_t)cells_cnt;
    cell->order_new.time = 1;
    cell->order_new.session = CELL_SESSION;
    return cell;
}

static void
make_firm(struct flow *flow, uint32_t firm)
{
    union cell *cell = command(flow, CELL_KIND_FIRM_SET, 1);

    memcpy(cell->firm_set.name, "firm", 4);
    cell->firm_set.firm = firm;
}

static void
make_group(struct flow *flow, uint32_t group)
{
    union cell *cell = command(flow, CELL_KIND_GROUP_SET, 1);

    memcpy(cell->group_set.name, "group", 5);
    cell->group_set.group = group;
    cell->group_set.firm = group / (flow->cfg.groups_max / flow->cfg.firms_max);
}

static void
make_instrument(struct flow *flow, uint32_t instrument)
{
    const uint32_t middle = resting_middle(instrument);
    union cell *cell = command(flow, CELL_KIND_INSTRUMENT_SET, 2);
    char symbol[16];

    (void)snprintf(symbol, sizeof symbol, "B%06u", instrument % 1000000u);
    memcpy(cell[0].instrument_set.symbol, symbol, 7);
    cell[0].instrument_set.instrument = instrument;
    cell[0].instrument_set.tick_px = FLOW_TICK_PX;
    cell[0].instrument_set.lot_qty = 1;
    cell[1].instrument_limits = (struct cell_instrument_limits){
        .kind = CELL_KIND_INSTRUMENT_LIMITS,
        .order_qty_max = 1000000,
        .order_value_max = INT64_MAX / 2,
        .reference_px = (px_t)middle * FLOW_TICK_PX,
        .collar_ticks = 2 * FLOW_DEPTH_MAX,
        .collar_permille = 900,
        .order_qty_min = 1,
    };
    if (flow->crowd == FLOW_GUARDED) {
        cell[1].instrument_limits.band_low_px = BAND_LOW_TICK * FLOW_TICK_PX;
        cell[1].instrument_limits.band_high_px = BAND_HIGH_TICK * FLOW_TICK_PX;
    }
}

static void
make_account(struct flow *flow, uint32_t account)
{
    union cell *cell = command(flow, CELL_KIND_ACCOUNT_SET, 2);

    memcpy(cell[0].account_set.name, "account", 7);
    cell[0].account_set.account = account;
    cell[0].account_set.group = account / (flow->cfg.accounts_max / flow->cfg.groups_max);
    cell[1].account_limits = (struct cell_account_limits){
        .kind = CELL_KIND_ACCOUNT_LIMITS,
        .order_qty_max = 1000000,
        .order_value_max = INT64_MAX / 2,
        .long_max = UINT64_C(1) << 50,
        .short_max = UINT64_C(1) << 50,
    };
}

static void
make_session(struct flow *flow, uint16_t session)
{
    const uint8_t uuid[16] = {(uint8_t)(session + 1),
                              (uint8_t)((session + 1) >> 8), [6] = 0x40, [8] = 0x80};
    union cell *cell = command(flow, CELL_KIND_SESSION_SET, 1);

    memcpy(cell->session_set.name, "session", 7);
    cell->session_set.session = session;
    cell->session_set.firm = session / (flow->cfg.sessions_max / flow->cfg.firms_max);
    cell = command(flow, CELL_KIND_SESSION_NEGOTIATE, 1);
    memcpy(cell->session_negotiate.uuid, uuid, sizeof uuid);
    cell->session_negotiate.client_flow = 1;
    cell->session_negotiate.session = session;
    cell = command(flow, CELL_KIND_SESSION_ESTABLISH, 1);
    memcpy(cell->session_establish.uuid, uuid, sizeof uuid);
    cell->session_establish.keepalive_ms = 1000;
    cell->session_establish.session = session;
}

static void
make_parties(struct flow *flow)
{
    for (uint32_t i = 0; i < flow->cfg.firms_max; i++)
        make_firm(flow, i);
    for (uint32_t i = 0; i < flow->cfg.groups_max; i++)
        make_group(flow, i);
    for (uint32_t i = 0; i < flow->cfg.accounts_max; i++)
        make_account(flow, i);
}

void
setup_make(struct flow *flow)
{
    flow->setup = flow_map(setup_bytes(flow));
    if (flow->crowd != FLOW_ALONE)
        make_parties(flow);
    for (uint32_t i = 0; i < flow->instruments_cnt; i++)
        make_instrument(flow, i);
    for (uint16_t i = 0; flow->crowd != FLOW_ALONE && i < flow->cfg.sessions_max; i++)
        make_session(flow, i);
}

void
setup_free(struct flow *flow)
{
    flow_unmap(flow->setup, setup_bytes(flow));
}
