/*
 * The shape "resting", and the mix of commands of "wide".
 *
 * Of 100 commands 46 are new orders that rest, 44 cancels, 5 replaces and 5 new
 * IOC orders that trade. What a cancel takes is in 70 of 100 cases one of the
 * last 256 orders that came (if it still lives, up to eight are tried), else
 * any live order of all. A replace takes any live order, and gives it another
 * price and a quantity of its fills and 1 to 100 more. New orders have 1 to 100,
 * IOC orders 1 to 40 and a limit on the far side of the middle, at a depth of the
 * same distribution; so 46 orders in 100 come, 44 and what IOC orders fill go,
 * and the book keeps its size. When chance takes it an eighth away from that,
 * a cancel becomes a new order, or the other way round.
 *
 * The middle of an instrument does not move, so passive orders never cross, and
 * all fills are the IOC orders'.
 *
 * ClOrdIDs: 64 clients that each count upwards take turns, shuffled anew in
 * each round; no one session numbers all orders.
 */
#include "perf/core_resting.h"

#include "proto/base.h"

#include "perf/core_crowd.h"
#include "perf/core_flow.h"

#define CLIENTS     64u
#define RECENT      256u
#define TRIES       8u
#define QTY_MAX_IN  100u
#define QTY_MAX_IOC 40u

/* clord_of returns the ClOrdID of order number n of the flow. */
static uint64_t
clord_of(uint64_t n)
{
    const uint64_t round = n / CLIENTS;
    const uint64_t turn = (n ^ (round * UINT64_C(0x9e3779b97f4a7c15) >> 40)) % CLIENTS;

    return (turn + 1) << 32 | (round + 1);
}

uint32_t
resting_middle(uint32_t instrument)
{
    return FLOW_MID_TICK + instrument * 7919u % 20000u;
}

/* draw_instrument draws by the cumulated weights. */
static uint32_t
draw_instrument(const struct flow *flow, uint64_t *random)
{
    uint32_t low = 0;
    uint32_t high = flow->instruments_cnt - 1;

    if (flow->zipf == NULL)
        return 0;

    const uint64_t want = (uint64_t)flow_next(random) * flow->zipf[high] >> 32;

    while (low < high) {
        const uint32_t middle = (low + high) / 2;

        if (flow->zipf[middle] > want)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* draw_order draws a new order. */
static struct flow_order
draw_order(const struct flow *flow, uint64_t *random, uint64_t number, bool ioc)
{
    const uint32_t instrument = draw_instrument(flow, random);
    const bool sell = (flow_next(random) & 1) != 0;
    const uint32_t depth = flow_depth(flow, random);
    const uint32_t middle = resting_middle(instrument);

    return (struct flow_order){
        .instrument = instrument,
        .tick = sell != ioc ? middle + depth : middle - depth,
        .qty = 1 + flow_below(random, ioc ? QTY_MAX_IOC : QTY_MAX_IN),
        .clord = clord_of(number),
        .sell = sell,
        .ioc = ioc,
    };
}

void
resting_fill(struct flow *flow, uint32_t i, union cell *cell)
{
    const struct flow_order order = draw_order(flow, &flow->fill_random, i, false);

    flow_order(cell, &order);
    cell->order_new.time = 1000 + i;
    crowd_fill(flow, i, cell);
}

/* draw_live draws the order that a cancel takes. */
static uint32_t
draw_live(struct flow *flow)
{
    const uint32_t recent = flow->ordinals_cnt < RECENT ? flow->ordinals_cnt : RECENT;

    if (flow_below(&flow->random, 100) < 70)
        for (uint32_t i = 0; i < TRIES; i++) {
            const uint32_t ordinal = flow->ordinals_cnt - flow_below(&flow->random, recent);

            if (flow->place[ordinal] != 0)
                return ordinal;
        }
    return flow->live[flow_below(&flow->random, flow->live_cnt)];
}

static void
add_replace(struct flow *flow, uint64_t time_ns)
{
    const uint32_t named = flow->live[flow_below(&flow->random, flow->live_cnt)];
    const uint32_t middle = resting_middle(flow->instrument[named]);
    const uint32_t depth = flow_depth(flow, &flow->random);
    struct engine_order old;
    const bool found = engine_order_get(flow->engine, flow->ids[named], &old);

    ASSERT(found);

    const struct flow_order order = {
        .tick = old.sell ? middle + depth : middle - depth,
        .qty = old.cum_qty + 1 + flow_below(&flow->random, QTY_MAX_IN),
        .clord = clord_of(flow->next_clord++),
    };

    (void)flow_add_replace(flow, time_ns, named, &order);
}

void
resting_commands(struct flow *flow, uint32_t commands_cnt)
{
    const uint32_t resting = flow->fill_cnt;

    for (uint32_t i = 0; i < commands_cnt; i++) {
        const uint64_t time_ns = 1000 + (uint64_t)resting + i;
        uint32_t dice = flow_below(&flow->random, 100);

        if (dice < 90 && flow->live_cnt < resting - resting / 8)
            dice = 0;
        else if (dice < 90 && flow->live_cnt > resting + resting / 8)
            dice = 89;
        if (dice < 46 || dice >= 95) {
            const struct flow_order order =
                draw_order(flow, &flow->random, flow->next_clord++, dice >= 95);

            (void)flow_add_new(flow, time_ns, &order);
        } else if (dice < 90) {
            flow_add_cancel(flow, time_ns, draw_live(flow), clord_of(flow->next_clord++));
        } else {
            add_replace(flow, time_ns);
        }
    }
}

struct flow *
flow_resting(uint32_t resting_cnt, uint32_t commands_cnt, enum flow_crowd crowd)
{
    const struct engine_cfg cfg = {
        .orders_max = resting_cnt + resting_cnt / 4 + 1000,
        .instruments_max = 16,
        .positions_max = crowd == FLOW_GUARDED ? 16384 : 1024,
        .pages_max = 4096,
    };
    struct flow *flow = flow_new(&cfg, UINT64_C(88172645463325252), crowd);

    flow->fill = resting_fill;
    flow->fill_cnt = resting_cnt;
    flow_begin(flow, commands_cnt + commands_cnt / 10 + 100, commands_cnt);
    resting_commands(flow, commands_cnt);
    flow_end(flow);
    return flow;
}
