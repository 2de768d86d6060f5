/*
 * Follow: what `outcry follow` does, in the simulator: replays the live journal into an
 * engine of its own and writes a snapshot of it beside the journal; and what a start
 * does with the newest one that is of use.
 *
 * Memory that a power cut leaves behind is given back by sim_follow_end.
 */
#ifndef OUTCRY_TESTS_SIM_FOLLOW_H
#define OUTCRY_TESTS_SIM_FOLLOW_H

#include "gateway/gateway.h"
#include "journal/reader.h"
#include "journal/snapshot.h"

/* What a start takes up of a snapshot. */
struct sim_restored {
    struct snapshot_info info;
    struct journal_reader *reader; /* behind its place */
    struct engine *engine;         /* in mem */
    void *mem;
};

/* sim_follow writes a snapshot behind what is there; false if there is nothing yet, or
 * a call failed. cfg is that of the gateway that will load it. */
bool sim_follow(const struct gateway_cfg *cfg);

/* sim_restore takes up the newest snapshot of use; false: there is none. */
bool sim_restore(struct gateway *gateway, uint64_t salt, struct sim_restored *restored);

void sim_follow_end(void);

#endif
