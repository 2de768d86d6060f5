#ifndef OUTCRY_PROTO_HASH_H
#define OUTCRY_PROTO_HASH_H

/*
 * The one hash of outcry: XXH3, 128 bits for pages, segments and state, 64 bits
 * for tables. No other file knows where it comes from.
 *
 *     struct hash128 h = hash128_of(page, 4096);          one piece
 *
 *     struct hash_state state;                            many pieces
 *     hash_init(&state);
 *     hash_update(&state, cell, 64);
 *     h = hash_digest(&state);                            may go on after it
 *
 * Invariants:
 *   1. How a text is cut into updates does not change its hash: hash_digest
 *      after any cut equals hash128_of the whole.
 *   2. The result depends on bytes alone, not on compiler, instruction set or
 *      alignment, so it may be stored. Both halves are stored little-endian,
 *      lo first. (This is not XXH128_canonicalFromHash, which is big-endian.)
 *   3. It detects damage and defects, not an adversary: there is no key.
 *
 * Cost, each hash waiting for the one before, on a 2-core x86-64-v3 VM: 14 ns for
 * a cell, 190 ns for a page, 0.042 ns per byte from 64 KiB on. The library is
 * compiled into each user (XXH_INLINE_ALL), nothing is linked. A
 * hash_state is 576 bytes, lives where its owner puts it and needs no fini.
 */

#define XXH_INLINE_ALL
#include <stddef.h>
#include <stdint.h>

#include <xxhash.h>

#include "proto/base.h"
#include "proto/hash128.h"

struct hash_state {
    XXH3_state_t xxh; /* private */
};

/* hash64_of is for tables in memory; data may be NULL if bytes is 0. */
static inline uint64_t
hash64_of(const void *data, size_t bytes)
{
    return XXH3_64bits(data, bytes);
}

/* hash64_of_seeded is hash64_of begun with a seed: to chain hashes. */
static inline uint64_t
hash64_of_seeded(const void *data, size_t bytes, uint64_t seed)
{
    return XXH3_64bits_withSeed(data, bytes, seed);
}

/* hash64_of_line_seeded is hash64_of_seeded of 64 bytes. The library's function for all
 * lengths is too large to be taken in line; this is what it comes to. */
static ALWAYS_INLINE uint64_t
hash64_of_line_seeded(const void *line, uint64_t seed)
{
    return XXH3_len_17to128_64b(line, 64, XXH3_kSecret, sizeof XXH3_kSecret, seed);
}

/* hash128_of hashes one piece of memory; data may be NULL if bytes is 0. */
static inline struct hash128
hash128_of(const void *data, size_t bytes)
{
    XXH128_hash_t hash = XXH3_128bits(data, bytes);

    return (struct hash128){.lo = hash.low64, .hi = hash.high64};
}

/* hash_init starts a new text; a used state may be started again. */
static inline void
hash_init(struct hash_state *state)
{
    XXH_errorcode rc = XXH3_128bits_reset(&state->xxh);

    ASSERT(rc == XXH_OK);
}

/* hash_update appends bytes to the text; data may be NULL if bytes is 0. */
static inline void
hash_update(struct hash_state *state, const void *data, size_t bytes)
{
    /* The library refuses NULL even then. */
    if (bytes == 0)
        return;

    XXH_errorcode rc = XXH3_128bits_update(&state->xxh, data, bytes);

    ASSERT(rc == XXH_OK);
}

/* hash_digest is the hash of the text so far; the text may go on. */
static inline struct hash128
hash_digest(const struct hash_state *state)
{
    XXH128_hash_t hash = XXH3_128bits_digest(&state->xxh);

    return (struct hash128){.lo = hash.low64, .hi = hash.high64};
}

#endif
