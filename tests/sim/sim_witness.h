/*
 * Witness: what the exchange did, as the test saw it, against what a journal
 * says after a crash.
 *
 *   out-ring --copy--> cells of all runs -+-> an engine of its own
 *                                         +-> the naive model (tests/model)
 *   recovered journal, message by message --- compared with the cells
 *
 * The cells behind what came back never happened: they are forgotten, and the
 * next run goes on there. Engine and model are given only what came back.
 */
#ifndef OUTCRY_TESTS_SIM_WITNESS_H
#define OUTCRY_TESTS_SIM_WITNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/engine.h"
#include "engine/ring.h"

#include "tests/e2e/ledger.h"
#include "tests/model/duo.h"

struct sim_witness {
    const struct engine_cfg *cfg;
    union cell *cells;
    size_t cnt;
    size_t max;
    size_t came_back;  /* cells of the replay so far */
    size_t applied;    /* cells that engine and model have */
    size_t config_cnt; /* commands of the configuration among them */
    void *mem;
    struct duo duo; /* the model, and the engine that is checked */
    struct engine *shadow;
    bool differs;   /* what came back is not what was written */
    char why[1200]; /* of the first contradiction, "" if there is none */
};

void sim_witness_init(struct sim_witness *witness, const struct engine_cfg *cfg);
void sim_witness_fini(struct sim_witness *witness);

/* sim_witness_poll copies what is published. */
void sim_witness_poll(struct sim_witness *witness, struct ring_reader *out);

/* sim_witness_replay begins a replay behind the command seq (0: at the beginning),
 * sim_witness_message takes a message of it. */
void sim_witness_replay(struct sim_witness *witness, uint64_t seq);
void sim_witness_message(struct sim_witness *witness, const union cell *cells);

/* sim_witness_judge forgets what did not come back and holds the recovered engine,
 * NULL if the journal is empty, against shadow and model. must: cells that were
 * acknowledged. */
void sim_witness_judge(struct sim_witness *witness, struct engine *engine, size_t must);

/* sim_witness_told holds all that a session was told against what came back;
 * only if no run was lossy. */
void sim_witness_told(struct sim_witness *witness, struct ledger *const *ledgers, unsigned cnt);

#endif
