#include "tests/sim/net_check.h"

#include <inttypes.h>
#include <string.h>

#include "tests/sim/net_trader.h"
#include "tests/sim/sim_told.h"

#define REPLAY_EVERY 16u

void
net_check_told(struct net_world *world, bool over)
{
    struct ledger *ledgers[BROKERS];
    struct sim_told told = {
        .shard = NET_SHARD,
        .sessions_max = BROKERS,
        .cells = world->exchange.log,
        .cells_cnt = world->exchange.log_cnt,
        .ledgers = ledgers,
        .ledgers_cnt = BROKERS,
        .over = over,
    };

    /* Behind a finish or a lossy run the journal may end with the flow before. */
    for (unsigned i = 0; i < BROKERS; i++)
        ledgers[i] = world->traders[i].hit || !world->traders[i].is_known
                         ? NULL
                         : world->traders[i].broker.ledger;
    if (!sim_told_check(&told))
        net_complain(world, "%s", told.why);
}

bool
net_check_agrees(const struct net_world *world, const struct net_trader *trader)
{
    const uint16_t number = (uint16_t)trader->broker.index;
    const struct ledger *ledger = trader->broker.ledger;
    struct engine_session session;

    engine_session_get(world->exchange.engine, number, &session);
    return trader->phase == NET_UP && trader->hit == trader->healed &&
           client_state(trader->broker.client) == CLIENT_ESTABLISHED &&
           session.state == ENGINE_SESSION_BOUND &&
           memcmp(session.uuid, trader->broker.uuid, sizeof session.uuid) == 0 &&
           session.next_in_no == ledger_next_no(ledger) && ledger_pending(ledger) == 0 &&
           ledger_next_report_no(ledger) == route_next_no(world->exchange.route, number);
}

void
net_check_no_rest(struct net_world *world, const struct net_trader *trader)
{
    const size_t len = strlen(world->why);
    const struct ledger *ledger = trader->broker.ledger;
    const uint16_t number = (uint16_t)trader->broker.index;
    struct engine_session session;

    engine_session_get(world->exchange.engine, number, &session);
    snprintf(world->why + len, sizeof world->why - len,
             "; broker %u is in phase %u, its client in state %d, its session in state %d, %" PRIu64
             " requests are pending, the next is %" PRIu64 " here and %" PRIu64
             " there, the next report %" PRIu64 " of %" PRIu64,
             number, trader->phase,
             trader->broker.client == NULL ? -1 : (int)client_state(trader->broker.client),
             (int)session.state, ledger_pending(ledger), ledger_next_no(ledger), session.next_in_no,
             ledger_next_report_no(ledger), route_next_no(world->exchange.route, number));
}

/* check_order holds an order of a ledger against the engine's. */
static void
check_order(struct net_world *world, unsigned session, const struct ledger_order *order)
{
    struct engine_order live;

    if (!engine_order_get(world->exchange.engine, order->order_id, &live))
        net_complain(world, "order %" PRIx64 " of broker %u is not live", order->order_id, session);
    else if (live.session != session || live.clord != order->clord || live.px != order->px ||
             live.instrument != order->instrument || live.sell != order->sell ||
             live.leaves_qty != order->leaves_qty || live.cum_qty != order->cum_qty)
        net_complain(world, "order %" PRIx64 " of broker %u is another one: leaves %u, not %u",
                     order->order_id, session, live.leaves_qty, order->leaves_qty);
}

static void
check_orders(struct net_world *world)
{
    uint64_t match_sum = 0;
    uint32_t cnt = 0;
    bool hit = false;

    for (unsigned i = 0; i < BROKERS; i++) {
        const struct ledger *ledger = world->traders[i].broker.ledger;

        for (uint32_t j = 0; j < ledger_live_cnt(ledger); j++)
            check_order(world, i, ledger_live(ledger, j));
        cnt += ledger_live_cnt(ledger);
        match_sum += ledger_stats(ledger)->match_sum;
        hit = hit || world->traders[i].hit;
    }
    if (engine_orders_cnt(world->exchange.engine) != cnt)
        net_complain(world, "%u orders are live, the brokers know %u",
                     engine_orders_cnt(world->exchange.engine), cnt);
    if (match_sum != 0 && !hit && !world->lossy && !world->untold)
        net_complain(world, "the two sides of the trades were not told the same");
    world->live += cnt;
}

void
net_check_end(struct net_world *world)
{
    struct net_exchange *exchange = &world->exchange;

    net_check_told(world, true);
    check_orders(world);
    engine_check(exchange->engine);
    if (world->seed % REPLAY_EVERY == 0 && !net_exchange_replays(exchange))
        net_complain(world, "the journal makes another state");
}
