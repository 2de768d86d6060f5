#ifndef OUTCRY_TESTS_SEEDS_H
#define OUTCRY_TESTS_SEEDS_H

/*
 * Which seeds a randomised test runs: seed_first() and the seed_cnt() - 1 that
 * follow it. Both come from the environment, so that a soak takes seeds that
 * never ran before and a developer repeats one:
 *
 *     OUTCRY_SEED=4711 OUTCRY_SEEDS=1 build/tests/test_model
 *
 * Meson sets OUTCRY_SEEDS from the option stress_seeds. Without a variable the
 * seeds are 1 to SEED_CNT_DEFAULT: the same at each run. A test that fails
 * prints the seed that it ran; seed 0 is never given.
 */

#include <stdint.h>
#include <stdlib.h>

#include "proto/base.h"

#define SEED_CNT_DEFAULT 10

/* seed_of_env reads a number from 1 on; what is not one would hide a mistyped seed. */
static inline uint64_t
seed_of_env(const char *name, uint64_t if_unset)
{
    const char *text = getenv(name);
    char *end;

    if (text == NULL || *text == '\0')
        return if_unset;
    uint64_t value = strtoull(text, &end, 10);
    ASSERT(*end == '\0');
    ASSERT(value > 0);
    return value;
}

static inline uint64_t
seed_first(void)
{
    return seed_of_env("OUTCRY_SEED", 1);
}

static inline uint64_t
seed_cnt(void)
{
    return seed_of_env("OUTCRY_SEEDS", SEED_CNT_DEFAULT);
}

#endif
