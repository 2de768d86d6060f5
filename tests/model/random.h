/*
 * Random: numbers that follow from a seed, the same everywhere (splitmix64).
 */
#ifndef OUTCRY_TESTS_MODEL_RANDOM_H
#define OUTCRY_TESTS_MODEL_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct random {
    uint64_t state;
};

static inline uint64_t
random_u64(struct random *random)
{
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* random_below returns a number from 0 to bound - 1. */
static inline uint32_t
random_below(struct random *random, uint32_t bound)
{
    return (uint32_t)(random_u64(random) % bound);
}

/* random_permille is true so many times in a thousand. */
static inline bool
random_permille(struct random *random, uint32_t permille)
{
    return random_below(random, 1000) < permille;
}

#endif
