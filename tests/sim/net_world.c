#include "tests/sim/net_world.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "proto/hash.h"

#include "tests/sim/net_check.h"
#include "tests/sim/net_trader.h"

#define START_NS    1700000000000000000ull
#define SERVER_IP   0x0a000001u
#define SERVER_PORT 9000u
#define STEPS_MAX   20000u
#define SETTLE_MAX  40000u
#define SETTLE_NS   (150 * NET_S)
#define HEAL_NS     (100 * NET_MS)
#define EVENTS_MAX  20u
#define QUOTA_MIN   10u
#define QUOTA_MAX   300u
#define WINDOW_MAX  16u
#define HOP_NS      (10 * NET_MS)
#define EVENT_STEPS 250u
#define SKEW_NS     (4 * NET_S) /* less than what a request may be off */
#define LATE_NS     (3 * NET_S)
#define STAGES      (BROKERS + 3u)

const char *const net_event_names[NET_EVENTS] = {
    "broker dies",     "broker hangs",  "broker leaves",  "broker moves",
    "broker finishes", "exchange dies", "exchange stops", "disk hangs",
    "engine hangs",    "cut off",       "port full",      "clock set",
};

static const char *const broker_names[] = {"broker 0", "broker 1", "broker 2"};
_Static_assert(ARRAY_LEN(broker_names) == BROKERS, "each has a name");

void
net_complain(struct net_world *world, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    if (world->why[0] == '\0')
        vsnprintf(world->why, sizeof world->why, format, args);
    va_end(args);
}

void
net_say(struct net_world *world, const char *format, ...)
{
    FILE *trace = world->wire.trace;
    va_list args;

    if (trace == NULL)
        return;
    va_start(args, format);
    fprintf(trace, "%12.6f === ", (double)(world->wire.now_ns - START_NS) / 1e6);
    vfprintf(trace, format, args);
    fputc('\n', trace);
    va_end(args);
}

const char *
net_world_why(const struct net_world *world)
{
    for (unsigned i = 0; i < BROKERS; i++) {
        const struct net_trader *trader = &world->traders[i];

        if (trader->broker.ledger != NULL && (!trader->hit || trader->healed) &&
            ledger_why(trader->broker.ledger)[0] != '\0')
            return ledger_why(trader->broker.ledger);
    }
    return world->exchange.why[0] != '\0' ? world->exchange.why : world->why;
}

struct net_world *
net_world_new(void)
{
    struct net_world *world = calloc(1, sizeof *world);

    ASSERT(world != NULL);
    net_exchange_init(&world->exchange);
    return world;
}

void
net_world_free(struct net_world *world)
{
    net_exchange_fini(&world->exchange);
    free(world);
}

static uint8_t
ack_mode_of(const struct net_world *world)
{
    return world->seed % 8 == 5 ? CELL_ACK_MODE_MEMORY : CELL_ACK_MODE_DURABLE;
}

/* One in three ways is good in this respect; of the others it is bad in each degree. */
static uint32_t
badness(struct net_world *world, uint32_t max)
{
    return net_below(world, 3) == 0 ? 0 : (uint32_t)net_below(world, max);
}

static struct wire_way
way_of(struct net_world *world)
{
    static const uint64_t jitters_ns[] = {0, 20000, 300000, 3 * NET_MS, 30 * NET_MS};
    const uint64_t jitter_ns = jitters_ns[net_below(world, ARRAY_LEN(jitters_ns))];
    struct wire_way way = {
        .delay_ns = 2000 + net_below(world, 100000),
        .jitter_ns = jitter_ns == 0 ? 0 : 1 + net_below(world, jitter_ns),
    };

    way.lost = badness(world, 200);
    way.doubled = badness(world, 200);
    way.late = badness(world, 30);
    way.cut = badness(world, 60);
    way.padded = badness(world, 60);
    way.flipped = badness(world, 60);
    return way;
}

/* wire_make gives the wire a server's port, and each broker some to move to. */
static void
wire_make(struct net_world *world)
{
    struct wire *wire = &world->wire;
    struct peer self = {.ip = SERVER_IP, .udp_port = SERVER_PORT};

    wire_init(wire, world->seed, START_NS);
    wire->late_ns = LATE_NS;
    wire->to_server = way_of(world);
    wire->from_server = way_of(world);
    wire->collide = net_below(world, 8) == 0;
    (void)wire_port(wire, &self, "exchange", true);
    for (unsigned i = 0; i < BROKERS; i++) {
        for (unsigned j = 0; j < NET_PORTS_EACH; j++) {
            self.ip = SERVER_IP + 1 + i;
            self.udp_port = (uint16_t)(20000 + j);
            world->traders[i].ports[j] = wire_port(wire, &self, broker_names[i], false);
            wire_close(world->traders[i].ports[j]);
        }
    }
}

/* skew draws how much a clock is ahead. In a lossy mode clocks agree: that a Negotiate is of
 * before the crash shows by its time alone. */
static uint64_t
skew(struct net_world *world)
{
    const uint64_t skew_ns = net_below(world, SKEW_NS);

    return ack_mode_of(world) == CELL_ACK_MODE_DURABLE ? skew_ns : 0;
}

static void
traders_make(struct net_world *world)
{
    for (unsigned i = 0; i < BROKERS; i++) {
        struct net_trader *trader = &world->traders[i];
        struct wire_port *ports[NET_PORTS_EACH];

        memcpy(ports, trader->ports, sizeof ports);
        *trader = (struct net_trader){.phase = NET_OFF};
        memcpy(trader->ports, ports, sizeof ports);
        broker_init(&trader->broker, i, world->seed);
        ledger_cuts(trader->broker.ledger);
        trader->broker.context = world->exchange.require_context;
        trader->broker.server = (struct peer){.ip = SERVER_IP, .udp_port = SERVER_PORT};
        net_trader_sits(trader);
        trader->skew_ns = skew(world);
        trader->retry_ns = START_NS + net_below(world, NET_MS);
        trader->quota = QUOTA_MIN + (uint32_t)net_below(world, QUOTA_MAX - QUOTA_MIN);
    }
}

static void
begin(struct net_world *world, uint64_t seed, FILE *trace)
{
    static const uint64_t steps_ns[] = {30000, 200000, 2 * NET_MS};

    world->seed = seed;
    world->random = seed * 7919;
    world->why[0] = '\0';
    wire_make(world);
    world->wire.trace = trace;
    net_exchange_new(&world->exchange, seed * 31, ack_mode_of(world), &world->wire.ports[0].port);
    traders_make(world);
    world->step_ns = steps_ns[net_below(world, ARRAY_LEN(steps_ns))];
    world->window = 1 + (uint32_t)net_below(world, WINDOW_MAX);
    world->events_left = (uint32_t)net_below(world, EVENTS_MAX + 1);
    world->event_ns = START_NS + net_below(world, EVENT_STEPS * world->step_ns);
    world->exchange_skew_ns = skew(world);
    world->start_ns = 0;
    world->disk_until_ns = 0;
    world->engine_until_ns = 0;
    world->calm_ns = 0;
    world->stopping = false;
    world->lossy = false;
    world->untold = false;
    net_exchange_start(&world->exchange, START_NS + world->exchange_skew_ns);
}

/* note_gateway adds what the gateway counted in a run. */
static void
note_gateway(struct net_world *world)
{
    struct gateway_stats stats;

    gateway_stats_get(world->exchange.gateway, &stats);
    world->timeouts += stats.timeouts;
    world->duplicates += stats.duplicates;
    world->contexts += stats.bad_context;
    world->context_runs += world->exchange.require_context;
}

/* exchange_goes takes the exchange down, for a while. */
static void
exchange_goes(struct net_world *world)
{
    note_gateway(world);
    net_exchange_die(&world->exchange);
    wire_close(&world->wire.ports[0]);
    world->stopping = false;
    world->start_ns = world->wire.now_ns + net_while(world);
    /* What may be lost is told at the start: all of the run. */
    if (world->exchange.ack_mode != CELL_ACK_MODE_DURABLE)
        world->lossy = true;
}

static void
exchange_comes(struct net_world *world)
{
    if (world->wire.now_ns < world->start_ns)
        return;
    wire_open(&world->wire.ports[0]);
    net_exchange_start(&world->exchange, world->wire.now_ns + world->exchange_skew_ns);
    net_say(world, "the exchange is back, with %" PRIu64 " cells", world->exchange.run_cnt);
    if (!world->lossy)
        net_check_told(world, false);
}

static uint64_t
gateway_works(struct net_world *world)
{
    struct net_exchange *exchange = &world->exchange;

    if (!exchange->up) {
        exchange_comes(world);
        return 1;
    }

    const int done = gateway_poll(exchange->gateway, world->wire.now_ns + world->exchange_skew_ns);

    if (world->stopping && gateway_stopped(exchange->gateway) && net_exchange_idle(exchange))
        exchange_goes(world);
    return (uint64_t)done;
}

static uint64_t
stage_works(struct net_world *world, unsigned stage)
{
    const uint64_t now_ns = world->wire.now_ns;

    if (stage < BROKERS)
        return net_trader_works(world, &world->traders[stage]);
    if (stage == BROKERS)
        return gateway_works(world);
    if (!world->exchange.up)
        return 0;
    if (stage == BROKERS + 1)
        return now_ns < world->engine_until_ns
                   ? 0
                   : (uint64_t)sequencer_poll(&world->exchange.sequencer,
                                              now_ns + world->exchange_skew_ns);
    return now_ns < world->disk_until_ns ? 0 : net_exchange_disk(&world->exchange, now_ns);
}

/* pick_port returns the exchange's port, or that of a broker. */
static struct wire_port *
pick_port(struct net_world *world)
{
    const struct net_trader *trader = &world->traders[net_below(world, BROKERS)];

    return net_below(world, 3) == 0 ? &world->wire.ports[0] : trader->ports[trader->port_idx];
}

static void
cut_off(struct net_world *world, uint64_t until_ns)
{
    struct wire_port *port = pick_port(world);
    const uint64_t ways = 1 + net_below(world, 3);

    if ((ways & 1) != 0)
        port->deaf_until_ns = until_ns;
    if ((ways & 2) != 0)
        port->mute_until_ns = until_ns;
}

/* exchange_event is one that happens to the exchange; false if it cannot now. */
static bool
exchange_event(struct net_world *world, enum net_event event)
{
    if (!world->exchange.up || world->stopping)
        return false;
    if (event == NET_EXCHANGE_DIES) {
        exchange_goes(world);
        return true;
    }
    gateway_stop(world->exchange.gateway);
    world->stopping = true;
    return true;
}

static void
happen(struct net_world *world)
{
    const enum net_event event = (enum net_event)net_below(world, NET_EVENTS);
    struct net_trader *trader = &world->traders[net_below(world, BROKERS)];
    const uint64_t until_ns = world->wire.now_ns + net_while(world);

    net_say(world, "%s (%u) until %.6f", net_event_names[event], trader->broker.index,
            (double)(until_ns - START_NS) / 1e6);
    switch (event) {
    case NET_BROKER_DIES:
    case NET_BROKER_HANGS:
    case NET_BROKER_LEAVES:
    case NET_BROKER_MOVES:
    case NET_BROKER_FINISHES:
        if (!net_trader_event(world, trader, event, until_ns))
            return;
        break;
    case NET_EXCHANGE_DIES:
    case NET_EXCHANGE_STOPS:
        if (!exchange_event(world, event))
            return;
        break;
    case NET_DISK_HANGS:
        world->disk_until_ns = until_ns;
        break;
    case NET_ENGINE_HANGS:
        world->engine_until_ns = until_ns;
        break;
    case NET_CUT_OFF:
        cut_off(world, until_ns);
        break;
    case NET_PORT_FULL:
        pick_port(world)->full_until_ns = until_ns;
        break;
    case NET_CLOCK_BACK:
        world->exchange_skew_ns = skew(world);
        break;
    case NET_EVENTS:
    default:
        UNREACHABLE("no such event");
    }
    world->events[event]++;
}

/* events lets happen what is due. */
static void
events(struct net_world *world)
{
    if (world->events_left == 0 || world->wire.now_ns < world->event_ns)
        return;
    world->events_left--;
    world->event_ns = world->wire.now_ns + net_below(world, EVENT_STEPS * world->step_ns);
    happen(world);
}

/* next_ns returns when something is due that is known beforehand. */
static uint64_t
next_ns(const struct net_world *world)
{
    const struct net_exchange *exchange = &world->exchange;
    uint64_t next = wire_next_ns(&world->wire);

    if (world->events_left > 0 && world->event_ns < next)
        next = world->event_ns;
    if (exchange->up && exchange->batch_due_ns != 0 && exchange->batch_due_ns < next)
        next = exchange->batch_due_ns;
    return next;
}

/* advance lets time pass: a little, or, if nobody had anything to do, up to what
 * is due next. */
static void
advance(struct net_world *world, bool idle)
{
    struct wire *wire = &world->wire;
    const uint64_t hop_ns = wire->now_ns + net_below(world, HOP_NS);

    wire->now_ns += net_below(world, world->step_ns);
    if (!idle)
        return;

    const uint64_t next = next_ns(world);
    const uint64_t to_ns = next < hop_ns ? next : hop_ns;

    if (to_ns > wire->now_ns)
        wire->now_ns = to_ns;
}

/* step lets most of the stages work, in an order that is drawn. */
static void
step(struct net_world *world)
{
    const uint64_t draw = net_below(world, UINT32_MAX);
    const unsigned stride = (draw & 1) == 0 ? 1 : STAGES - 1;
    unsigned stage = (unsigned)(draw >> 1) % STAGES;
    uint64_t done = 0;

    for (unsigned i = 0; i < STAGES; i++, stage = (stage + stride) % STAGES) {
        /* One in four waits. */
        if ((draw >> (8 + 2 * i) & 3) != 0)
            done += stage_works(world, stage);
    }
    advance(world, done == 0);
    world->steps++;
}

/* calm makes the world good. */
static void
calm(struct net_world *world)
{
    net_say(world, "calm");
    wire_calm(&world->wire);
    world->calm_ns = world->wire.now_ns;
    world->events_left = 0;
    world->disk_until_ns = 0;
    world->engine_until_ns = 0;
    world->start_ns = 0;
    for (unsigned i = 0; i < BROKERS; i++) {
        world->traders[i].hang_until_ns = 0;
        world->traders[i].quota = 0;
    }
}

/* at_rest tells whether nobody waits for anything. */
static bool
at_rest(struct net_world *world)
{
    struct net_exchange *exchange = &world->exchange;

    if (!exchange->up || world->stopping || !wire_quiet(&world->wire) ||
        !net_exchange_idle(exchange))
        return false;
    for (unsigned i = 0; i < BROKERS; i++) {
        if (!net_check_agrees(world, &world->traders[i]))
            return false;
    }
    return true;
}

/* heal lets those begin anew of whom a datagram was changed, when no changed one is on
 * its way any more. */
static void
heal(struct net_world *world)
{
    if (world->wire.now_ns < world->calm_ns + LATE_NS + HEAL_NS)
        return;
    for (unsigned i = 0; i < BROKERS; i++) {
        if (world->traders[i].hit && !world->traders[i].healed)
            net_trader_heals(world, &world->traders[i]);
    }
}

static void
settle(struct net_world *world)
{
    calm(world);
    for (unsigned i = 0; i < SETTLE_MAX && world->wire.now_ns < world->calm_ns + SETTLE_NS; i++) {
        if (net_world_why(world)[0] != '\0' || at_rest(world))
            return;
        heal(world);
        step(world);
    }
    net_complain(world, "no rest");
    for (unsigned i = 0; i < BROKERS; i++) {
        const struct net_trader *trader = &world->traders[i];

        if (world->exchange.up && !net_check_agrees(world, trader))
            net_check_no_rest(world, trader);
    }
}

static void
count(struct net_world *world)
{
    for (unsigned i = 0; i < BROKERS; i++) {
        const struct net_trader *trader = &world->traders[i];
        const struct ledger_stats *stats = ledger_stats(trader->broker.ledger);

        world->reports += stats->reports;
        world->told_again += stats->told_again;
        world->not_applied += stats->not_applied;
        world->cut += stats->cut;
        world->trades += stats->trades;
        world->receipts += trader->broker.receipts;
        world->hits += trader->hit;
    }
    for (unsigned i = 0; i < WIRE_FATES; i++)
        world->fates[i] += world->wire.fates[i];
    world->seeds++;
    world->virtual_ns += world->wire.now_ns - START_NS;
}

/* busy tells whether somebody has anything to send yet, or anything will happen. */
static bool
busy(const struct net_world *world)
{
    bool any = world->events_left > 0;

    for (unsigned i = 0; i < BROKERS; i++)
        any = any || world->traders[i].quota > 0;
    return any;
}

uint64_t
net_world_run(struct net_world *world, uint64_t seed, FILE *trace)
{
    uint64_t print;

    begin(world, seed, trace);
    for (unsigned i = 0; i < STEPS_MAX && busy(world) && net_world_why(world)[0] == '\0'; i++) {
        events(world);
        step(world);
    }
    if (net_world_why(world)[0] == '\0')
        settle(world);
    if (net_world_why(world)[0] == '\0')
        net_check_end(world);
    count(world);
    if (world->why[0] == '\0')
        net_complain(world, "%s", net_world_why(world));
    print =
        hash64_of_seeded(world->exchange.log, world->exchange.log_cnt * sizeof *world->exchange.log,
                         world->wire.random + world->wire.now_ns);
    if (world->exchange.up) {
        note_gateway(world);
        world->exchange.up = false;
    }
    for (unsigned i = 0; i < BROKERS; i++)
        net_trader_ends(world, &world->traders[i]);
    return print;
}
