/*
 * Core crowd: who sends the commands of a flow (enum flow_crowd).
 *
 *   crowd     accounts   groups   firms   sessions
 *   alone           16        1       1          4   known, but nobody sends
 *   checked         16        1       1          4
 *   guarded     10,000    1,000     500        500
 *
 * Of accounts, groups and sessions equally many belong to each firm, in the order of
 * their ids. An account's orders come from the session of its firm; in checked any
 * session may send for any account.
 */
#ifndef OUTCRY_PERF_CORE_CROWD_H
#define OUTCRY_PERF_CORE_CROWD_H

#include "perf/core_flow.h"

/* crowd_set sets the parties of cfg: all ids below its maxima are used. */
void crowd_set(enum flow_crowd crowd, struct engine_cfg *cfg);

/* crowd_begin lets the numbers of all sessions and the draws begin anew. */
void crowd_begin(struct flow *flow);

/* crowd_send gives a command to the session that sends it, with its next number. */
void crowd_send(struct flow *flow, union cell *cell, uint32_t session);

/* crowd_fill gives order i of the fill to its account, crowd_draw a new order. */
void crowd_fill(struct flow *flow, uint32_t i, union cell *cell);
void crowd_draw(struct flow *flow, union cell *cell);

#endif
