/*
 * Workload: an engine and random commands for it, for tests that replay.
 *
 * workload_begin makes a run's first commands (Genesis and the configuration in
 * the first run, Restart in each); workload_step one random order, cancel,
 * replace or mass cancel. Everything that the engine writes is appended to
 * `all`, as the out-ring would have it.
 */
#ifndef OUTCRY_TESTS_JOURNAL_WORKLOAD_H
#define OUTCRY_TESTS_JOURNAL_WORKLOAD_H

#include "engine/engine.h"

#include "tests/journal/journal_rig.h"

#define WORKLOAD_IDS 512u

struct workload {
    struct engine *engine;
    uint64_t random;
    uint64_t clord;
    uint64_t time_ns;
    uint64_t ids[WORKLOAD_IDS]; /* some orders that were entered */
    struct rig_cells *all;
};

/* workload_memory is an allocator for engines: zeroed, aligned. */
void *workload_memory(size_t bytes);

/* workload_open makes a folder for a journal and draws the seed; workload_close removes
 * the folder and frees what the workload has. */
void workload_open(struct workload *workload, char dir[64]);
void workload_close(struct workload *workload, const char *dir);

/* workload_run journals run `epoch` in dir: its first commands and then `steps` random
 * ones, several groups to a page. The engine goes on. */
void workload_run(struct workload *workload, const char *dir, uint32_t epoch, unsigned steps);

/* workload_begin starts run `epoch`. The engine of a later run is given, as
 * replay has made it. */
void workload_begin(struct workload *workload, uint32_t epoch);

/* workload_step applies one random command. */
void workload_step(struct workload *workload);

/* workload_cancel_all applies a mass cancel of everything. */
void workload_cancel_all(struct workload *workload);

#endif
