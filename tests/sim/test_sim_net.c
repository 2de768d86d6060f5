/*
 * Goal: whatever the network does, and whoever dies on whichever end of it, both sides
 * agree on every order in the end: none is applied twice, none is acknowledged and
 * lost, each side knows of each request what became of it.
 *
 * Method: short sessions of three brokers with an exchange over a wire on which
 * everything goes wrong, on virtual time; see net_world.h for what happens and what is
 * held against what, net_wire.h for the wire.
 *
 * Runs 100 seeds for each of OUTCRY_SEEDS. A failure prints its seed; OUTCRY_NET_SEED
 * runs that one alone, step for step the same, and OUTCRY_NET_TRACE=1 prints each
 * datagram and what became of it.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/seeds.h"
#include "tests/sim/net_world.h"

#define SEEDS_FACTOR 100u
#define REPEAT_EVERY 100u
#define ENOUGH       1000u /* seeds in which everything happens */

static struct net_world *world;

_Noreturn static void
fail(uint64_t seed, const char *what)
{
    fprintf(stderr,
            "sim_net: seed %" PRIu64 ": %s\nsim_net: to repeat it: OUTCRY_NET_SEED=%" PRIu64
            " OUTCRY_NET_TRACE=1 build/tests/test_sim_net\n",
            seed, what, seed);
    exit(1);
}

static void
print_sum(uint64_t first)
{
    fprintf(stderr,
            "sim_net: %" PRIu64 " seeds from %" PRIu64 ": %" PRIu64 " requests, %" PRIu64
            " reports, %" PRIu64 " told again, %" PRIu64 " not applied, %" PRIu64
            " came cut, %" PRIu64 " sides of trades, %" PRIu64 " orders live at the end\n",
            world->seeds, first, world->requests, world->reports, world->told_again,
            world->not_applied, world->cut, world->trades, world->live);
    fprintf(stderr,
            "sim_net: %" PRIu64 " resumed, %" PRIu64 " negotiated anew, %" PRIu64
            " finished, %" PRIu64 " unawares, %" PRIu64 " asked again for reports, %" PRIu64
            " found silent, %" PRIu64 " messages came again, %" PRIu64 " sent by ghosts, %" PRIu64
            " receipts, %" PRIu64 " sessions hit\n",
            world->resumes, world->renegotiations, world->finished, world->finished_alone,
            world->retransmits, world->timeouts, world->duplicates, world->ghosts, world->receipts,
            world->hits);
    fprintf(stderr,
            "sim_net: %" PRIu64 " runs with Context required, %" PRIu64 " datagrams without it\n",
            world->context_runs, world->contexts);
    fprintf(stderr,
            "sim_net: %" PRIu64 " steps, %.1f s of virtual time\nsim_net: datagrams:", world->steps,
            (double)world->virtual_ns / 1e9);
    for (unsigned i = 0; i < WIRE_FATES; i++)
        fprintf(stderr, "%s %s %" PRIu64, i == 0 ? "" : ",", wire_fate_names[i], world->fates[i]);
    for (unsigned i = 0; i < NET_EVENTS; i++)
        fprintf(stderr, "%s %s %" PRIu64, i == 0 ? "\nsim_net: events:" : ",", net_event_names[i],
                world->events[i]);
    fputc('\n', stderr);
}

/* happened sees that in many seeds everything went wrong that can: a simulation in
 * which nothing goes wrong proves nothing. */
static bool
happened(void)
{
    bool all = world->told_again > 0 && world->not_applied > 0 && world->cut > 0 &&
               world->trades > 0 && world->live > 0 && world->resumes > 0 &&
               world->renegotiations > 0 && world->finished > 0 && world->retransmits > 0 &&
               world->timeouts > 0 && world->duplicates > 0 && world->ghosts > 0 &&
               world->exchange.images_cnt > 0 && world->receipts > 0 && world->hits > 0 &&
               world->contexts > 0 && world->context_runs > 0;

    for (unsigned i = 0; i < WIRE_FATES; i++)
        all = all && world->fates[i] > 0;
    for (unsigned i = 0; i < NET_EVENTS; i++)
        all = all && world->events[i] > 0;
    return all;
}

/* on_end names the seed, whoever failed an assert, or if it took too long. */
static void
on_end(int number)
{
    fprintf(stderr, "sim_net: ended in seed %" PRIu64 "\n", world == NULL ? 0 : world->seed);
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

int
main(void)
{
    const uint64_t one = seed_of_env("OUTCRY_NET_SEED", 0);
    const uint64_t first = one != 0 ? one : seed_first() * SEEDS_FACTOR;
    const uint64_t seeds = one != 0 ? 1 : seed_cnt() * SEEDS_FACTOR;
    FILE *trace = seed_of_env("OUTCRY_NET_TRACE", 0) != 0 ? stderr : NULL;

    (void)signal(SIGABRT, on_end);
    (void)signal(SIGTERM, on_end);
    world = net_world_new();
    for (uint64_t seed = first; seed < first + seeds; seed++) {
        const uint64_t print = net_world_run(world, seed, trace);

        if (net_world_why(world)[0] != '\0')
            fail(seed, net_world_why(world));
        if (seed % REPEAT_EVERY == 0 && net_world_run(world, seed, NULL) != print)
            fail(seed, "the seed does not repeat itself");
    }
    print_sum(first);
    if (seeds >= ENOUGH && !happened()) {
        fputs("sim_net: something that is to go wrong never did\n", stderr);
        return 1;
    }
    net_world_free(world);
    printf("1..1\nok 1 - sim_net::both_sides_agree_on_every_order\n");
    return 0;
}
