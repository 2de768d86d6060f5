/*
 * Trader: a broker of the world, and how it comes, goes and comes back. What net_world.c
 * and net_trader.c share.
 *
 *   OFF --connect--> CONNECTING --established--> UP <----------+
 *    ^                   |                       | is_unsure   | answered
 *    +---- closed -------+-----------------------+--------> CLEANING (mass cancel)
 *
 * One that finishes is UP until its client is closed, and tries again when it comes back
 * before both sides have said that they have all.
 */
#ifndef OUTCRY_TESTS_SIM_NET_TRADER_H
#define OUTCRY_TESTS_SIM_NET_TRADER_H

#include "tests/sim/net_world.h"

#define NET_MS 1000000ull
#define NET_S  (1000 * NET_MS)

/* net_below draws from 0 .. bound - 1. */
static inline uint64_t
net_below(struct net_world *world, uint64_t bound)
{
    return wire_random(&world->random) % bound;
}

/* net_while draws how long something lasts: mostly so short that nobody notices, at
 * times so long that everybody gives up. */
static inline uint64_t
net_while(struct net_world *world)
{
    static const uint64_t max_ns[] = {3 * NET_MS, 3 * NET_MS, 300 * NET_MS, 4 * NET_S};

    return 1 + net_below(world, max_ns[net_below(world, ARRAY_LEN(max_ns))]);
}

/* net_complain keeps the first complaint, net_say adds a line to the trace. */
__attribute__((format(printf, 2, 3))) void
net_complain(struct net_world *world, const char *format, ...);
__attribute__((format(printf, 2, 3))) void
net_say(struct net_world *world, const char *format, ...);

/* net_trader_sits makes the broker use the port that is its trader's now. */
void net_trader_sits(struct net_trader *trader);

/* net_trader_works does what a broker does next; returns what it took and sent. */
uint64_t net_trader_works(struct net_world *world, struct net_trader *trader);

/* net_trader_event lets one of NET_BROKER_... happen; false if it cannot now. */
bool net_trader_event(struct net_world *world,
                      struct net_trader *trader,
                      enum net_event event,
                      uint64_t until_ns);

/* net_trader_heals begins anew with an empty ledger. */
void net_trader_heals(struct net_world *world, struct net_trader *trader);

void net_trader_ends(struct net_world *world, struct net_trader *trader);

#endif
