#include "perf/core_flow.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base.h"

#include "perf/core_crowd.h"
#include "perf/core_setup.h"

uint32_t
flow_next(uint64_t *random)
{
    *random ^= *random >> 12;
    *random ^= *random << 25;
    *random ^= *random >> 27;
    return (uint32_t)(*random * UINT64_C(0x2545f4914f6cdd1d) >> 32);
}

uint32_t
flow_below(uint64_t *random, uint32_t end)
{
    return (uint32_t)((uint64_t)flow_next(random) * end >> 32);
}

uint32_t
flow_depth(const struct flow *flow, uint64_t *random)
{
    return flow->depth_table[flow_next(random) >> 16];
}

/* weigh_depth returns the weight of a distance, rounded so coarsely that no
 * library's last bit of pow can show. */
static uint64_t
weigh_depth(uint32_t depth)
{
    const double x = (double)depth / 10;

    return (uint64_t)(16777216.0 / (1 / x + pow(x, 2.23)));
}

/* make_depth_table fills the table so that a uniform index draws a depth with
 * the right weight. What lies behind the last 65536th is drawn by no one. */
static void
make_depth_table(struct flow *flow)
{
    const uint32_t size = ARRAY_LEN(flow->depth_table);
    uint64_t sum = 0;
    uint64_t before = 0;
    uint32_t at = 0;

    for (uint32_t depth = 1; depth <= FLOW_DEPTH_MAX; depth++)
        sum += weigh_depth(depth);
    for (uint32_t depth = 1; depth <= FLOW_DEPTH_MAX; depth++) {
        before += weigh_depth(depth);
        for (; at < size && (uint64_t)at * sum < before * size; at++)
            flow->depth_table[at] = depth;
    }
    while (at < size)
        flow->depth_table[at++] = FLOW_DEPTH_MAX;
}

struct flow *
flow_new(const struct engine_cfg *cfg, uint64_t seed, enum flow_crowd crowd)
{
    struct flow *flow = flow_map(sizeof *flow);

    flow->cfg = *cfg;
    flow->crowd = crowd;
    flow->cfg.no_risk = crowd != FLOW_CHECKED;
    crowd_set(crowd, &flow->cfg);
    flow->seed = seed;
    flow->random = seed ^ UINT64_C(0x9e3779b97f4a7c15);
    flow->instruments_cnt = 1;
    make_depth_table(flow);
    return flow;
}

/* remember puts an order among the live ones, forget takes it from there. */
static void
remember(struct flow *flow, uint32_t ordinal, uint32_t instrument)
{
    flow->live[flow->live_cnt] = ordinal;
    flow->place[ordinal] = ++flow->live_cnt;
    flow->instrument[ordinal] = instrument;
    flow->by_slot[flow->ids[ordinal] & 0xffffff] = ordinal;
}

static void
forget(struct flow *flow, uint32_t ordinal)
{
    const uint32_t last = flow->live[--flow->live_cnt];

    ASSERT(flow->place[ordinal] != 0);
    flow->live[flow->place[ordinal] - 1] = last;
    flow->place[last] = flow->place[ordinal];
    flow->place[ordinal] = 0;
}

void
flow_begin(struct flow *flow, uint32_t cells_max, uint32_t ordinals_max)
{
    flow->cells_max = cells_max;
    flow->ordinals_max = ordinals_max + flow->fill_cnt + 1;
    flow->cells = flow_map(cells_max * sizeof *flow->cells);
    flow->names = flow_map(cells_max * sizeof *flow->names);
    flow->ids = flow_map(flow->ordinals_max * sizeof *flow->ids);
    flow->clords = flow_map(flow->ordinals_max * sizeof *flow->clords);
    flow->live = flow_map(flow->ordinals_max * sizeof *flow->live);
    flow->place = flow_map(flow->ordinals_max * sizeof *flow->place);
    flow->instrument = flow_map(flow->ordinals_max * sizeof *flow->instrument);
    flow->by_slot = flow_map(flow->cfg.orders_max * sizeof *flow->by_slot);
    flow->out = (struct cell_sink){.cells = flow_map(FLOW_OUT_CELLS * sizeof(union cell)),
                                   .mask = FLOW_OUT_CELLS - 1};
    setup_make(flow);
    flow->engine_bytes = engine_footprint(&flow->cfg);
    ASSERT(flow->engine_bytes != 0);
    flow->engine = flow_map(flow->engine_bytes);
    (void)flow_load(flow, &flow->cfg, flow->engine, &flow->out);
    flow->ordinals_cnt = flow->fill_cnt;
    flow->next_clord = flow->fill_cnt;
    for (uint32_t i = 1; i <= flow->fill_cnt; i++) {
        struct engine_order order;
        const bool found = engine_order_get(flow->engine, flow->ids[i], &order);

        ASSERT(found);
        remember(flow, i, order.instrument);
    }
}

void
flow_end(struct flow *flow)
{
    engine_check(flow->engine);
    flow_unmap(flow->engine, flow->engine_bytes);
    flow_unmap(flow->live, flow->ordinals_max * sizeof *flow->live);
    flow_unmap(flow->place, flow->ordinals_max * sizeof *flow->place);
    flow_unmap(flow->instrument, flow->ordinals_max * sizeof *flow->instrument);
    flow_unmap(flow->by_slot, flow->cfg.orders_max * sizeof *flow->by_slot);
    flow_unmap(flow->out.cells, FLOW_OUT_CELLS * sizeof(union cell));
    flow->engine = NULL;
}

void
flow_free(struct flow *flow)
{
    setup_free(flow);
    free(flow->zipf);
    free(flow->pairs);
    flow_unmap(flow->cells, flow->cells_max * sizeof *flow->cells);
    flow_unmap(flow->names, flow->cells_max * sizeof *flow->names);
    flow_unmap(flow->ids, flow->ordinals_max * sizeof *flow->ids);
    flow_unmap(flow->clords, flow->ordinals_max * sizeof *flow->clords);
    flow_unmap(flow, sizeof *flow);
}

void
flow_order(union cell *cell, const struct flow_order *order)
{
    cell->order_new = (struct cell_order_new){
        .kind = CELL_KIND_ORDER_NEW,
        .shape = (uint8_t)(1u | (order->sell ? CELL_SELL : 0u)),
        .instrument = order->instrument,
        .clord = order->clord,
        .px = (px_t)order->tick * FLOW_TICK_PX,
        .qty = order->qty,
        .ord_type = OE_ORD_TYPE_LIMIT,
        .tif = order->ioc ? OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL : OE_TIME_IN_FORCE_DAY,
        .session = CELL_SESSION,
    };
}

/* append makes room for a command of cells_cnt zeroed cells. */
static union cell *
append(struct flow *flow, unsigned cells_cnt, uint32_t named)
{
    union cell *cell = &flow->cells[flow->cells_cnt];

    ASSERT(flow->cells_cnt + cells_cnt <= flow->cells_max);
    flow->names[flow->cells_cnt] = named;
    flow->cells_cnt += cells_cnt;
    flow->commands_cnt++;
    return cell;
}

/* learn reads the events of a group: orders that were filled in the book. */
static void
learn(struct flow *flow, uint64_t from)
{
    for (uint64_t pos = from; pos < flow->out.pos; pos++) {
        const union cell *event = &flow->out.cells[pos & flow->out.mask];

        if (cell_kind(event) != CELL_KIND_TRADE_MAKER)
            continue;
        flow->trades_cnt++;
        if (event->trade_maker.leaves_qty == 0)
            forget(flow, flow->by_slot[event->trade_maker.order_id & 0xffffff]);
    }
}

/* perform applies an appended command and returns its own message. */
static const union cell *
perform(struct flow *flow, const union cell *cell, uint32_t named)
{
    const uint64_t from = flow->out.pos;
    const union cell *own = cell_sink_at(&flow->out, 0);

    flow_apply(flow->engine, cell, &flow->out);
    if (cell_outcome(own) != OE_REJECT_REASON_NONE)
        flow->rejects_cnt++;
    else if (named != 0)
        forget(flow, named); /* a replace may bring it back */
    learn(flow, from);
    return own;
}

/* session_of_order returns who sent an order, which lives if there is a crowd. */
static uint32_t
session_of_order(const struct flow *flow, uint32_t ordinal)
{
    struct engine_order order;
    const bool found = engine_order_get(flow->engine, flow->ids[ordinal], &order);

    ASSERT(found);
    return order.session;
}

/* rests puts an order among the live ones if something of it is in the book. */
static void
rests(struct flow *flow, uint32_t ordinal, uint32_t instrument)
{
    struct engine_order order;

    if (engine_order_get(flow->engine, flow->ids[ordinal], &order))
        remember(flow, ordinal, instrument);
}

static uint32_t
next_ordinal(struct flow *flow, uint64_t id, uint64_t clord)
{
    const uint32_t ordinal = ++flow->ordinals_cnt;

    ASSERT(ordinal < flow->ordinals_max);
    flow->ids[ordinal] = id;
    flow->clords[ordinal] = clord;
    return ordinal;
}

uint32_t
flow_add_new(struct flow *flow, uint64_t time_ns, const struct flow_order *order)
{
    union cell *cell = append(flow, 1, 0);

    flow_order(cell, order);
    cell->order_new.time = time_ns;
    crowd_draw(flow, cell);

    const union cell *own = perform(flow, cell, 0);

    ASSERT(cell_outcome(own) == OE_REJECT_REASON_NONE);

    const uint32_t ordinal = next_ordinal(flow, own->order_new.order_id, order->clord);

    rests(flow, ordinal, order->instrument);
    return ordinal;
}

void
flow_add_cancel(struct flow *flow, uint64_t time_ns, uint32_t named, uint64_t clord)
{
    union cell *cell = append(flow, 1, named);

    cell->order_cancel = (struct cell_order_cancel){
        .kind = CELL_KIND_ORDER_CANCEL,
        .shape = 1u | CELL_BY_ID,
        .instrument = flow->instrument[named],
        .time = time_ns,
        .clord = clord,
        .order_id = flow->ids[named],
        .session = CELL_SESSION,
    };
    if (flow->crowd != FLOW_ALONE)
        crowd_send(flow, cell, session_of_order(flow, named));
    (void)perform(flow, cell, named);
}

uint32_t
flow_add_replace(struct flow *flow,
                 uint64_t time_ns,
                 uint32_t named,
                 const struct flow_order *order)
{
    union cell *cell = append(flow, 2, named);
    const uint32_t instrument = flow->instrument[named];

    cell[0].order_replace = (struct cell_order_replace){
        .kind = CELL_KIND_ORDER_REPLACE,
        .shape = 2u | CELL_BY_ID,
        .instrument = instrument,
        .time = time_ns,
        .clord = order->clord,
        .order_id = flow->ids[named],
        .px = (px_t)order->tick * FLOW_TICK_PX,
        .qty = order->qty,
        .session = CELL_SESSION,
    };
    cell[1].replace_detail.kind = CELL_KIND_REPLACE_DETAIL;
    if (flow->crowd != FLOW_ALONE)
        crowd_send(flow, cell, session_of_order(flow, named));

    const uint64_t from = flow->out.pos;
    const union cell *own = perform(flow, cell, named);
    uint32_t ordinal = named;

    if (cell_outcome(own) != OE_REJECT_REASON_NONE)
        return named;

    const uint64_t new_id =
        flow->out.cells[(from + 1) & flow->out.mask].replace_detail.new_order_id;

    if (new_id == flow->ids[named])
        flow->clords[named] = order->clord;
    else
        ordinal = next_ordinal(flow, new_id, order->clord);
    rests(flow, ordinal, instrument);
    return ordinal;
}
