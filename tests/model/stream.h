/*
 * Stream: one seed's worth of steps, run against engine and model, and made
 * small when the two differ.
 *
 * A run is done in a child process, with the steps in memory that both share:
 * so a failed assertion of the engine is a difference like any other, and the
 * steps that led to it are still there.
 */
#ifndef OUTCRY_TESTS_MODEL_STREAM_H
#define OUTCRY_TESTS_MODEL_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/model/generate.h"

#define STEP_NONE      UINT32_MAX
#define STREAM_REASONS 256u /* reject reasons are below */

struct stream {
    const struct profile *profile;
    uint64_t seed;
    uint32_t steps_cnt;
    uint32_t steps_max;
    uint32_t failed_at; /* STEP_NONE: none */
    char complaint[1024];
    /* Of all steps: how they went. */
    uint32_t refused_cnt;
    uint32_t dropped_cnt;
    uint32_t trades_cnt;
    uint32_t live_max;   /* orders in the books at one time */
    uint32_t sweep_max;  /* trades of one command */
    uint32_t orders_cnt; /* new ones */
    uint32_t orders_refused_cnt;
    uint32_t reasons[STREAM_REASONS]; /* outcomes of all commands */
    struct step steps[];
};

/* stream_new takes room for a stream; one process may have several. */
struct stream *stream_new(uint32_t steps_max);
void stream_free(struct stream *stream);

/* stream_generate makes and runs commands_cnt commands of a seed; false if
 * engine and model differ, with failed_at and complaint. */
NODISCARD bool stream_generate(struct stream *stream,
                               const struct profile *profile,
                               uint64_t seed,
                               uint32_t commands_cnt);

/* stream_minimise leaves steps out as long as engine and model still differ. */
void stream_minimise(struct stream *stream);

/* stream_write writes the stream, with what the model expects, as a scenario;
 * false if the file cannot be written. */
NODISCARD bool stream_write(const struct stream *stream, const char *path);

#endif
