/*
 * Sequencer: the stage that runs the engine. It alone orders the world.
 *
 *   in-ring 0 --+
 *   in-ring 1 --+--> engine_run, Clock? engine_apply --> out-ring
 *   in-ring n --+
 *
 * sequencer_poll goes round the in-rings, takes at most BURST_COMMANDS_MAX
 * commands from each, and publishes the out-ring once per burst. Before
 * a command whose time is at or past the engine's deadline, and when now_ns
 * is, a Clock command is applied first: that is how timers fire, at the same
 * seq in every replay.
 *
 * A slice starts only if the out-ring has room for SLICE_CELLS_MAX cells. When
 * it has not, the sequencer returns and goes on at the next poll: a full
 * out-ring stalls the engine, nothing is dropped, and the in-ring that found no
 * room is the first at the next poll: also of a slow reader's room each in-ring
 * has its share, whatever floods another. A command in slices is
 * finished before any other command is taken; between its slices the out-ring
 * is published so that readers make room.
 *
 * With backlog the sequencer looks ahead and prefetches what the next
 * commands will touch.
 *
 * Threads: one. Cost over engine_apply: see perf/.
 */
#ifndef OUTCRY_ENGINE_SEQUENCER_H
#define OUTCRY_ENGINE_SEQUENCER_H

#include "engine/engine.h"
#include "engine/ring.h"

#define SEQUENCER_INS_MAX 8u

struct sequencer {
    struct engine *engine;
    struct ring_writer *out;
    struct ring_reader *ins[SEQUENCER_INS_MAX];
    unsigned ins_cnt;
    unsigned next_in;     /* round robin */
    bool in_work;         /* engine_resume is due */
    uint32_t burst_max;   /* commands per in-ring and poll, 1 .. 64 */
    uint64_t applied_cnt; /* commands that got a seq */
    uint64_t dropped_cnt; /* duplicates */
    uint64_t invalid_cnt; /* cells that are no command: refused, counted */
    uint64_t stall_cnt;   /* polls that found the out-ring full */
    struct engine_ahead aheads[SEQUENCER_INS_MAX];
};

void sequencer_init(struct sequencer *sequencer,
                    struct engine *engine,
                    struct ring_writer *out,
                    uint32_t burst_max);

/* sequencer_add_in adds an in-ring, at most SEQUENCER_INS_MAX. */
void sequencer_add_in(struct sequencer *sequencer, struct ring_reader *in);

/* sequencer_poll does one bounded slice of work and returns the number of
 * commands and slices done. now_ns is the time for timers when no command
 * comes; 0 means that no time is known. */
int sequencer_poll(struct sequencer *sequencer, uint64_t now_ns);

#endif
