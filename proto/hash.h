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

#define HASH_PAGE_BYTES 4096u

/* hash_stripes takes some lines into the sums of a long text. */
static ALWAYS_INLINE void
hash_stripes(xxh_u64 *acc, const xxh_u8 *lines, const xxh_u8 *secret, size_t cnt)
{
    for (size_t i = 0; i < cnt; i++)
        XXH3_accumulate_512(acc, lines + i * XXH_STRIPE_LEN, secret + i * XXH_SECRET_CONSUME_RATE);
}

/* hash128_of_page is hash128_of a page of HASH_PAGE_BYTES whose first line of 64 bytes is
 * another one: without a copy of the page. It goes through the library's own parts, as it
 * does for all long texts: sixteen lines, then the sums are scrambled, and so on. */
static ALWAYS_INLINE struct hash128
hash128_of_page(const void *first_line, const void *page)
{
    const size_t per_block = (XXH_SECRET_DEFAULT_SIZE - XXH_STRIPE_LEN) / XXH_SECRET_CONSUME_RATE;
    const size_t block_bytes = per_block * XXH_STRIPE_LEN;
    const xxh_u8 *secret = XXH3_kSecret;
    const xxh_u8 *last = secret + XXH_SECRET_DEFAULT_SIZE - XXH_STRIPE_LEN;
    const xxh_u8 *lines = (const xxh_u8 *)page;
    XXH_ALIGN(XXH_ACC_ALIGN) xxh_u64 acc[XXH_ACC_NB] = XXH3_INIT_ACC;

    XXH3_accumulate_512(acc, first_line, secret);
    hash_stripes(acc, lines + XXH_STRIPE_LEN, secret + XXH_SECRET_CONSUME_RATE, per_block - 1);
    XXH3_scrambleAcc(acc, last);
    for (size_t off = block_bytes; off < HASH_PAGE_BYTES - block_bytes; off += block_bytes) {
        hash_stripes(acc, lines + off, secret, per_block);
        XXH3_scrambleAcc(acc, last);
    }
    lines += HASH_PAGE_BYTES - block_bytes;
    hash_stripes(acc, lines, secret, per_block - 1);
    XXH3_accumulate_512(acc, lines + block_bytes - XXH_STRIPE_LEN, last - XXH_SECRET_LASTACC_START);
    return (struct hash128){
        .lo = XXH3_mergeAccs(acc, secret + XXH_SECRET_MERGEACCS_START,
                             HASH_PAGE_BYTES * XXH_PRIME64_1),
        .hi = XXH3_mergeAccs(acc, last - XXH_SECRET_MERGEACCS_START,
                             ~(HASH_PAGE_BYTES * XXH_PRIME64_2)),
    };
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
