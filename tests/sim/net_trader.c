#include "tests/sim/net_trader.h"

#include <inttypes.h>
#include <string.h>

#include "gateway/client_state.h"
#include "proto/orders.h"
#include "proto/px_qty.h"

#include "tests/sim/net_check.h"

#define BACK_MAX  20u
#define SENDS_MAX 4u
#define RETRY_NS  (20 * NET_MS)

/* No ledger gives such a ClOrdID. */
#define GHOST_CLORD 0xdead00000000ull

static struct wire_port *
port_of(const struct net_trader *trader)
{
    return trader->ports[trader->port_idx];
}

static uint64_t
clock_of(const struct net_world *world, const struct net_trader *trader)
{
    return world->wire.now_ns + trader->skew_ns;
}

void
net_trader_sits(struct net_trader *trader)
{
    struct wire_port *port = port_of(trader);

    trader->broker.port = &port->port;
    trader->broker.udp_source = port->self.udp_port;
}

/* look_at_hits finds out whether a datagram of any of its ports was changed. */
static void
look_at_hits(struct net_world *world, struct net_trader *trader)
{
    for (unsigned i = 0; i < NET_PORTS_EACH && !trader->hit; i++) {
        if (!trader->ports[i]->hit)
            continue;
        net_say(world, "broker %u is hit", trader->broker.index);
        trader->hit = true;
    }
}

static void
ghost_ends(struct net_trader *trader)
{
    if (trader->ghost == NULL)
        return;
    client_free(trader->ghost);
    wire_close(trader->ghost_port);
    trader->ghost = NULL;
}

static void
ghost_hears(void *ctx, uint64_t no, const uint8_t *buf, size_t len)
{
    (void)ctx;
    (void)no;
    (void)buf;
    (void)len;
}

static void
ghost_misses(void *ctx, uint64_t from, uint64_t count)
{
    (void)ctx;
    (void)from;
    (void)count;
}

/* ghost_begins lets the client live on where it is, without a ledger, and asleep. One that
 * is not established would go on with its handshake, and rightly have the session. */
static void
ghost_begins(struct net_trader *trader)
{
    struct client *client = trader->broker.client;

    if (client == NULL ||
        (client_state(client) != CLIENT_ESTABLISHED && client_state(client) != CLIENT_TERMINATING))
        return;
    ghost_ends(trader);
    client->cfg.on_report = ghost_hears;
    client->cfg.on_not_applied = ghost_misses;
    trader->ghost = client;
    trader->ghost_port = port_of(trader);
    trader->broker.client = NULL;
}

/* ghost_sends sends an order of which no ledger knows. */
static void
ghost_sends(struct net_world *world, struct net_trader *trader)
{
    const struct oe_new_order_single msg = {
        .cl_ord_id = GHOST_CLORD + client_next_no(trader->ghost),
        .price = 100 * PX_ONE,
        .stop_px = OE_NEW_ORDER_SINGLE_STOP_PX_NULL,
        .expire_time = OE_NEW_ORDER_SINGLE_EXPIRE_TIME_NULL,
        .order_qty = 1,
        .display_qty = OE_NEW_ORDER_SINGLE_DISPLAY_QTY_NULL,
        .min_qty = OE_NEW_ORDER_SINGLE_MIN_QTY_NULL,
        .account = trader->broker.index,
        .client_short_code = OE_NEW_ORDER_SINGLE_CLIENT_SHORT_CODE_NULL,
        .decision_short_code = OE_NEW_ORDER_SINGLE_DECISION_SHORT_CODE_NULL,
        .execution_short_code = OE_NEW_ORDER_SINGLE_EXECUTION_SHORT_CODE_NULL,
        .peg_offset_value = OE_NEW_ORDER_SINGLE_PEG_OFFSET_VALUE_NULL,
        .linked_cl_ord_id = OE_NEW_ORDER_SINGLE_LINKED_CL_ORD_ID_NULL,
        .display_range = OE_NEW_ORDER_SINGLE_DISPLAY_RANGE_NULL,
        .side = OE_SIDE_BUY,
        .ord_type = OE_ORD_TYPE_LIMIT,
        .time_in_force = OE_TIME_IN_FORCE_DAY,
        .order_capacity = OE_ORDER_CAPACITY_PRINCIPAL,
    };
    uint8_t buf[sizeof(struct oe_header) + OE_NEW_ORDER_SINGLE_BLOCK];

    world->ghosts++;
    (void)client_send(trader->ghost, buf, oe_new_order_single_encode(buf, sizeof buf, &msg));
    client_flush(trader->ghost, world->wire.now_ns + trader->skew_ns);
}

/* ghost_works lets it do what it would have done if it had never slept. */
static uint64_t
ghost_works(struct net_world *world, struct net_trader *trader)
{
    struct datagram datagrams[PORT_BURST_MAX];
    const uint64_t now_ns = world->wire.now_ns + trader->skew_ns;
    int cnt;

    if (trader->ghost == NULL || trader->phase != NET_UP)
        return 0;
    if (net_below(world, 16) == 0)
        ghost_sends(world, trader);
    cnt = port_rx(&trader->ghost_port->port, datagrams, PORT_BURST_MAX);
    for (int i = 0; i < cnt; i++)
        client_datagram(trader->ghost, &datagrams[i], now_ns);
    client_poll(trader->ghost, now_ns);
    if (client_state(trader->ghost) == CLIENT_CLOSED) {
        net_say(world, "the ghost of broker %u is closed: %s", trader->broker.index,
                client_error(trader->ghost));
        ghost_ends(trader);
    }
    return 1;
}

/* moves leaves the port for another one. */
static void
moves(struct net_trader *trader)
{
    if (trader->ghost == NULL || trader->ghost_port != port_of(trader))
        wire_close(port_of(trader));
    trader->port_idx = (trader->port_idx + 1) % NET_PORTS_EACH;
    if (trader->ghost != NULL && trader->ghost_port == port_of(trader))
        ghost_ends(trader);
    net_trader_sits(trader);
}

/* dies forgets the client, without a word. */
static void
dies(struct net_world *world, struct net_trader *trader)
{
    if (trader->broker.client != NULL) {
        world->retransmits += client_retransmits(trader->broker.client);
        trader->farewell = trader->farewell || trader->broker.client->farewell_said;
        client_free(trader->broker.client);
    }
    trader->broker.client = NULL;
    trader->phase = NET_OFF;
    if (trader->ghost == NULL || trader->ghost_port != port_of(trader))
        wire_close(port_of(trader));
}

/* begins_anew gives up the UUID. From another port: else what is late of the flow before
 * would be taken for one of the new. */
static void
begins_anew(struct net_world *world, struct net_trader *trader)
{
    ledger_renegotiated(trader->broker.ledger);
    trader->is_known = false;
    trader->is_unsure = true;
    trader->finishes = false;
    trader->farewell = false;
    moves(trader);
    world->renegotiations++;
}

/* finished: both sides have all of the flow of the other, and the UUID is no more. */
static void
finished(struct net_world *world, struct net_trader *trader)
{
    const struct ledger *ledger = trader->broker.ledger;

    net_say(world, "broker %u has finished", trader->broker.index);
    if (!trader->hit && ledger_pending(ledger) != 0)
        net_complain(world, "broker %u has finished, and %" PRIu64 " requests are not answered",
                     trader->broker.index, ledger_pending(ledger));
    /* In ack mode memory it may not be on the disk yet. */
    if (world->exchange.ack_mode == CELL_ACK_MODE_DURABLE && !world->lossy)
        net_check_told(world, false);
    begins_anew(world, trader);
}

static void
connects(struct net_world *world, struct net_trader *trader)
{
    if (world->wire.now_ns < trader->retry_ns)
        return;
    if (!port_of(trader)->open)
        wire_open(port_of(trader));
    world->resumes += trader->is_known;
    if (trader->broker.client != NULL)
        world->retransmits += client_retransmits(trader->broker.client);
    net_say(world, "broker %u %s", trader->broker.index, trader->is_known ? "resumes" : "begins");
    broker_connect(&trader->broker, trader->is_known ? BROKER_RESUME : BROKER_NEW,
                   net_below(world, BACK_MAX), clock_of(world, trader));
    trader->phase = NET_CONNECTING;
}

/* closed finds out what the end of a session means. */
static void
closed(struct net_world *world, struct net_trader *trader)
{
    const char *error = client_error(trader->broker.client);
    const bool forgotten = strstr(error, "Unnegotiated") != NULL;

    net_say(world, "broker %u is closed: %s", trader->broker.index, error);
    if (!trader->hit && (strstr(error, "lost reports") != NULL || strstr(error, "no more") != NULL))
        net_complain(world, "broker %u: %s", trader->broker.index, error);
    if (client_finished(trader->broker.client)) {
        world->finished++;
        finished(world, trader);
    } else if (forgotten && trader->is_known && trader->farewell) {
        world->finished_alone++;
        finished(world, trader);
    } else if (forgotten && trader->is_known) {
        if (!world->lossy && !trader->hit)
            net_complain(world, "the session of broker %u is forgotten", trader->broker.index);
        begins_anew(world, trader);
    }
    trader->phase = NET_OFF;
    trader->retry_ns = world->wire.now_ns + 1 + net_below(world, RETRY_NS);
}

/* may_send tells whether what is sent now has a place to go. */
static bool
may_send(const struct net_world *world, const struct net_trader *trader)
{
    return port_of(trader)->full_until_ns <= world->wire.now_ns && world->wire.free != WIRE_NONE;
}

static void
established(struct net_world *world, struct net_trader *trader)
{
    trader->is_known = true;
    if (!trader->is_unsure) {
        trader->phase = NET_UP;
        return;
    }
    if (!may_send(world, trader))
        return;
    trader->cuts = ledger_stats(trader->broker.ledger)->cut;
    broker_mass_cancel(&trader->broker, clock_of(world, trader));
    world->requests++;
    trader->phase = NET_CLEANING;
}

/* cleaned goes on when a mass cancel was answered; one that was not applied, or cut
 * on its way, is sent again. */
static void
cleaned(struct net_trader *trader)
{
    struct ledger *ledger = trader->broker.ledger;
    const struct request *request = ledger_request_of(ledger, ledger_clord(ledger) - 1);

    if (ledger_pending(ledger) != 0)
        return;
    if (request->state == REQUEST_NOT_APPLIED || ledger_stats(ledger)->cut != trader->cuts) {
        trader->phase = NET_CONNECTING;
        return;
    }
    ledger_settled(ledger);
    trader->is_unsure = false;
    trader->phase = NET_UP;
}

/* sends sends some requests, at times. */
static uint64_t
sends(struct net_world *world, struct net_trader *trader)
{
    const unsigned max = 1 + (unsigned)net_below(world, SENDS_MAX);

    if (trader->quota == 0 || !may_send(world, trader) || net_below(world, 2) == 0)
        return 0;

    const unsigned cnt =
        broker_fill(&trader->broker, world->window, max < trader->quota ? max : trader->quota,
                    clock_of(world, trader));

    trader->quota -= cnt;
    world->requests += cnt;
    return cnt;
}

/* finishes ends the session for good; before, it may take its orders out. Those that stay
 * live may trade when nobody hears of it. */
static uint64_t
finishes(struct net_world *world, struct net_trader *trader)
{
    const struct ledger *ledger = trader->broker.ledger;
    const bool clears = trader->clears && ledger_live_cnt(ledger) > 0;

    if (!may_send(world, trader) || (trader->clears && ledger_pending(ledger) > 0))
        return 0;
    if (clears) {
        broker_mass_cancel(&trader->broker, clock_of(world, trader));
        world->requests++;
        return 1;
    }
    world->untold = world->untold || !trader->clears;
    client_finish(trader->broker.client, clock_of(world, trader));
    return 1;
}

uint64_t
net_trader_works(struct net_world *world, struct net_trader *trader)
{
    struct broker *broker = &trader->broker;
    uint64_t done;

    look_at_hits(world, trader);
    if (world->wire.now_ns < trader->hang_until_ns)
        return 0;
    if (trader->phase == NET_OFF) {
        connects(world, trader);
        return trader->phase != NET_OFF;
    }
    done = (uint64_t)broker_poll(broker, clock_of(world, trader));
    if (client_state(broker->client) == CLIENT_CLOSED) {
        closed(world, trader);
        return 1;
    }
    if (client_state(broker->client) != CLIENT_ESTABLISHED)
        return done;
    if (trader->phase == NET_CONNECTING)
        established(world, trader);
    if (trader->phase == NET_CLEANING)
        cleaned(trader);
    if (trader->phase == NET_UP)
        done += trader->finishes ? finishes(world, trader) : sends(world, trader);
    return done + ghost_works(world, trader);
}

bool
net_trader_event(struct net_world *world,
                 struct net_trader *trader,
                 enum net_event event,
                 uint64_t until_ns)
{
    switch (event) {
    case NET_BROKER_DIES:
        dies(world, trader);
        trader->retry_ns = until_ns;
        return true;
    case NET_BROKER_HANGS:
        trader->hang_until_ns = until_ns;
        return true;
    case NET_BROKER_LEAVES:
        if (trader->phase == NET_OFF || !may_send(world, trader))
            return false;
        client_terminate(trader->broker.client, clock_of(world, trader));
        return true;
    case NET_BROKER_FINISHES:
        if (trader->phase != NET_UP || trader->finishes)
            return false;
        trader->finishes = true;
        trader->clears = net_below(world, 2) == 0;
        return true;
    case NET_BROKER_MOVES:
        if (net_below(world, 2) == 0)
            ghost_begins(trader);
        dies(world, trader);
        moves(trader);
        trader->retry_ns = world->wire.now_ns;
        return true;
    case NET_EXCHANGE_DIES:
    case NET_EXCHANGE_STOPS:
    case NET_DISK_HANGS:
    case NET_ENGINE_HANGS:
    case NET_CUT_OFF:
    case NET_PORT_FULL:
    case NET_CLOCK_BACK:
    case NET_EVENTS:
    default:
        UNREACHABLE("no event of a broker");
    }
}

void
net_trader_heals(struct net_world *world, struct net_trader *trader)
{
    struct broker *broker = &trader->broker;

    net_say(world, "broker %u begins anew", broker->index);
    dies(world, trader);
    ledger_free(broker->ledger);
    broker->ledger = ledger_new(broker->index);
    ledger_cuts(broker->ledger);
    begins_anew(world, trader);
    trader->healed = true;
    trader->retry_ns = world->wire.now_ns;
}

void
net_trader_ends(struct net_world *world, struct net_trader *trader)
{
    ghost_ends(trader);
    dies(world, trader);
    ledger_free(trader->broker.ledger);
    trader->broker.ledger = NULL;
}
