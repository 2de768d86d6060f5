/*
 * Wire pair: the two processes of wire.h, forked, run through some steps and reaped.
 */
#ifndef OUTCRY_PERF_WIRE_PAIR_H
#define OUTCRY_PERF_WIRE_PAIR_H

#include "perf/wire.h"

/* wire_pair_map maps what the two share; ends the program if there is no memory. */
struct wire_shared *wire_pair_map(void);

/* wire_pair_run runs an exchange and a client through the steps of cfg, in an empty
 * folder (cfg's folder and gap_ns are set here). False, with a line on stderr, if one of
 * them failed or took too long. */
bool wire_pair_run(struct wire_shared *shared, const struct wire_cfg *cfg, const char *folder);

/* wire_pair_empty removes all that is in the folder. */
void wire_pair_empty(const char *folder);

#endif
