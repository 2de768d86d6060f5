/*
 * What the parts of the core's fuzzer share: the input, and how numbers are read
 * from it.
 */
#ifndef OUTCRY_TESTS_FUZZ_FUZZ_CORE_H
#define OUTCRY_TESTS_FUZZ_FUZZ_CORE_H

#include <stddef.h>
#include <stdint.h>

#include "tests/model/commands.h"

#define FUZZ_SESSIONS    5u
#define FUZZ_ACCOUNTS    7u /* one too many */
#define FUZZ_INSTRUMENTS 5u
#define FUZZ_TICK_PX     (PX_ONE / 100)

struct fuzz_input {
    const uint8_t *data;
    size_t size;
    size_t at;
};

/* fuzz_byte reads a byte, 0 behind the end. */
static inline uint8_t
fuzz_byte(struct fuzz_input *in)
{
    return in->at < in->size ? in->data[in->at++] : 0;
}

/* fuzz_price lies near the middle, or of an odd kind at the ends and off tick. */
px_t fuzz_price(struct fuzz_input *in);

/* fuzz_operator is a command of an operator. */
struct command fuzz_operator(struct fuzz_input *in);

#endif
