/*
 * World: three brokers, a wire and an exchange in one thread on virtual time, and
 * whatever can happen to them, drawn from a seed.
 *
 *   ledger - client --+
 *   ledger - client --+-- wire (net_wire.h) -- exchange (net_exchange.h)
 *   ledger - client --+
 *
 * Client, gateway, engine, rings and routes are the real ones. A broker sends some
 * random requests, keeps a ledger, and does what a program would that uses
 * gateway/client.h: when its session ends it comes back under its UUID with the
 * numbers of its ledger, and asks for some reports once more. Its clock is not that of
 * the exchange.
 *
 * Apart from the wire, a seed has some of these: a broker dies, and comes back; hangs;
 * terminates; finishes, with orders live or without, and then begins anew under another UUID;
 * comes back from another address while the exchange takes the old one for
 * alive, and the program at the old one may wake up again, a ghost that sends orders and
 * Terminate when another has its session; the exchange is killed, and comes back with what was
 * durable; is stopped; its disk or its engine hangs; a port is cut off, or full; the clock of the
 * exchange is set back. At the end the wire is good, all is left to come to rest, and both sides
 * must agree (net_world_why):
 *
 *  1. No ledger has found a contradiction: reports come in order, once, without a
 *     hole; each request is answered once or was not applied, never both; quantities
 *     add up (tests/e2e/ledger.h).
 *  2. Each session is bound, both sides count alike, and nobody waits for anything: all
 *     requests are answered, all reports are told.
 *  3. What was told is in the journal, byte for byte, and the journal has nothing more;
 *     no request comes twice, none that was called not applied (sim_told.h).
 *  4. The live orders of each ledger are those of the engine, with price, quantities
 *     and ids, and the engine has no other. Both sides of each trade were told the same.
 *  5. Each start makes the bytes again that were made before, and an engine that is given
 *     the journal comes to the same state.
 *
 * In ack mode memory (one seed in eight) a crash takes back what was told. Then the
 * sessions must be unknown, each broker begins anew and cancels what it finds, and all
 * of the above holds from there on. It begins anew from another UDP port: a report on
 * the wire does not say of which UUID it is. And all clocks agree: a Negotiate that comes
 * from before the crash, which may be in no journal, is known by its time alone.
 *
 * A session is *hit* when a changed datagram came through (see net_wire.h). What it was
 * told cannot be believed, and nothing above is asked of it, while all is asked of the
 * others. But it must not be lost: at the end it negotiates anew, its mass cancel is
 * answered, and then the engine has no order of it.
 */
#ifndef OUTCRY_TESTS_SIM_NET_WORLD_H
#define OUTCRY_TESTS_SIM_NET_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/e2e/broker.h"
#include "tests/sim/net_exchange.h"
#include "tests/sim/net_wire.h"

#define NET_PORTS_EACH 5u

enum net_event {
    NET_BROKER_DIES,
    NET_BROKER_HANGS,
    NET_BROKER_LEAVES,
    NET_BROKER_MOVES,
    NET_BROKER_FINISHES,
    NET_EXCHANGE_DIES,
    NET_EXCHANGE_STOPS,
    NET_DISK_HANGS,
    NET_ENGINE_HANGS,
    NET_CUT_OFF,
    NET_PORT_FULL,
    NET_CLOCK_BACK,
    NET_EVENTS
};

extern const char *const net_event_names[NET_EVENTS];

enum net_phase {
    NET_OFF,
    NET_CONNECTING,
    NET_CLEANING, /* a mass cancel behind a lossy run, or a hit */
    NET_UP
};

struct net_trader {
    struct broker broker;
    enum net_phase phase;
    struct wire_port *ports[NET_PORTS_EACH];
    unsigned port_idx;
    bool is_known;  /* it was established under its UUID */
    bool is_unsure; /* and lost that; what is live is not known */
    bool hit;
    bool healed;      /* hit, and begins anew */
    bool finishes;    /* it wants no more of its UUID */
    bool clears;      /* and first no order live */
    bool farewell;    /* and has said that it has all */
    uint64_t skew_ns; /* its clock is ahead of the world's */
    uint64_t retry_ns;
    uint64_t hang_until_ns;
    struct client *ghost; /* what it was before it moved, NULL: nothing is left of it */
    struct wire_port *ghost_port;
    uint64_t cuts;  /* messages that came cut when it sent its mass cancel */
    uint32_t quota; /* requests that it will send yet */
};

struct net_world {
    uint64_t seed;
    uint64_t random;
    struct wire wire;
    struct net_exchange exchange;
    struct net_trader traders[BROKERS];
    uint64_t step_ns;
    uint32_t window;
    uint32_t events_left;
    uint64_t event_ns; /* when the next is due */
    uint64_t exchange_skew_ns;
    uint64_t start_ns; /* the exchange is down until then */
    uint64_t disk_until_ns;
    uint64_t engine_until_ns;
    uint64_t calm_ns; /* 0: not yet */
    bool stopping;
    bool lossy;  /* a crash has taken back what was told */
    bool untold; /* a session finished with orders live: what becomes of them is not told */
    char why[900];

    /* Of all seeds. */
    uint64_t seeds;
    uint64_t steps;
    uint64_t virtual_ns;
    uint64_t events[NET_EVENTS];
    uint64_t fates[WIRE_FATES];
    uint64_t requests;
    uint64_t reports;
    uint64_t told_again;
    uint64_t not_applied;
    uint64_t cut;
    uint64_t trades;
    uint64_t live;
    uint64_t resumes;
    uint64_t renegotiations;
    uint64_t finished;       /* sessions, as their brokers were told */
    uint64_t finished_alone; /* likewise, by a broker that was not there for the answer */
    uint64_t retransmits;
    uint64_t receipts; /* of latency */
    uint64_t hits;     /* sessions */
    uint64_t ghosts;   /* requests that they sent */
    uint64_t timeouts; /* sessions that the gateway found silent */
    uint64_t contexts; /* datagrams without the Context that was required */
    uint64_t context_runs;
    uint64_t duplicates; /* messages that came again */
};

/* net_world_new takes the memory of a world; it is large. */
struct net_world *net_world_new(void);
void net_world_free(struct net_world *world);

/* net_world_run lives a seed through, to its end; trace NULL: none. Returns a number for
 * all that happened. */
uint64_t net_world_run(struct net_world *world, uint64_t seed, FILE *trace);

/* net_world_why returns "" or what was wrong. */
const char *net_world_why(const struct net_world *world);

#endif
