/*
 * Check: what must hold in a world (net_world.h, 1 to 5). The first thing that does not is
 * kept by net_complain.
 */
#ifndef OUTCRY_TESTS_SIM_NET_CHECK_H
#define OUTCRY_TESTS_SIM_NET_CHECK_H

#include "tests/sim/net_world.h"

/* net_check_told holds what was told against the journal; over: all was. */
void net_check_told(struct net_world *world, bool over);

/* net_check_agrees tells whether exchange and broker are in one session, and count
 * alike; net_check_no_rest adds to the complaint how they do not. The exchange is up. */
bool net_check_agrees(const struct net_world *world, const struct net_trader *trader);
void net_check_no_rest(struct net_world *world, const struct net_trader *trader);

/* net_check_end holds all against all when the world is at rest. */
void net_check_end(struct net_world *world);

#endif
