#ifndef OUTCRY_PROTO_HASH128_H
#define OUTCRY_PROTO_HASH128_H

/*
 * A hash of 128 bits, as a value. How it is made is in proto/hash.h, which is
 * not public because it brings the library with it.
 */

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

struct hash128 {
    uint64_t lo;
    uint64_t hi;
};

static_assert(sizeof(struct hash128) == 16, "as stored in a page header");

static inline bool
hash128_equal(struct hash128 a, struct hash128 b)
{
    return a.lo == b.lo && a.hi == b.hi;
}

#endif
