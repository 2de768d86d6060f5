#include "perf/core_setup.h"

#include <stdio.h>
#include <string.h>

/* Cells that the parties of a checked flow take at most. */
#define PARTY_CELLS (2 + 2 * FLOW_ACCOUNTS + 3 * FLOW_SESSIONS)

static size_t
setup_bytes(const struct flow *flow)
{
    return (PARTY_CELLS + 2 * (size_t)flow->instruments_cnt) * sizeof(union cell);
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
make_instrument(struct flow *flow, uint32_t instrument)
{
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
        .reference_px = FLOW_MID_TICK * FLOW_TICK_PX,
        .collar_ticks = 2 * FLOW_DEPTH_MAX,
        .collar_permille = 900,
        .order_qty_min = 1,
    };
}

static void
make_account(struct flow *flow, uint32_t account)
{
    union cell *cell = command(flow, CELL_KIND_ACCOUNT_SET, 2);

    memcpy(cell[0].account_set.name, "account", 7);
    cell[0].account_set.account = account;
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
    const uint8_t uuid[16] = {(uint8_t)(session + 1), [6] = 0x40, [8] = 0x80};
    union cell *cell = command(flow, CELL_KIND_SESSION_SET, 1);

    memcpy(cell->session_set.name, "session", 7);
    cell->session_set.session = session;
    cell = command(flow, CELL_KIND_SESSION_NEGOTIATE, 1);
    memcpy(cell->session_negotiate.uuid, uuid, sizeof uuid);
    cell->session_negotiate.client_flow = 1;
    cell->session_negotiate.session = session;
    cell = command(flow, CELL_KIND_SESSION_ESTABLISH, 1);
    memcpy(cell->session_establish.uuid, uuid, sizeof uuid);
    cell->session_establish.keepalive_ms = 1000;
    cell->session_establish.session = session;
}

void
setup_make(struct flow *flow)
{
    flow->setup = flow_map(setup_bytes(flow));
    if (flow->checked) {
        memcpy(command(flow, CELL_KIND_FIRM_SET, 1)->firm_set.name, "firm", 4);
        memcpy(command(flow, CELL_KIND_GROUP_SET, 1)->group_set.name, "group", 5);
        for (uint32_t i = 0; i < FLOW_ACCOUNTS; i++)
            make_account(flow, i);
    }
    for (uint32_t i = 0; i < flow->instruments_cnt; i++)
        make_instrument(flow, i);
    for (uint16_t i = 0; flow->checked && i < FLOW_SESSIONS; i++)
        make_session(flow, i);
}

void
setup_free(struct flow *flow)
{
    flow_unmap(flow->setup, setup_bytes(flow));
}
