/*
 * Id map: from a session and its ClOrdID to the slot of the live order.
 *
 *   bucket, one cache line:  15 words of tag (8 bits) and slot (24), passed_cnt
 *
 * A pair hashes to a home bucket and a tag that is never 0. All words of
 * a bucket are compared with the tag at once (SSE2, which every x86-64 has);
 * what the tag leaves open the order itself decides. A pair whose home is full
 * goes to the next bucket that is not, and every bucket on the way counts it
 * in passed_cnt; a search goes on only while passed_cnt is not 0. So removal
 * clears a word and counts down: nothing moves, there are no tombstones, and
 * a map in use for months is as fast as a new one.
 *
 * Eight consecutive ClOrdIDs of a session share their home, so a client that
 * counts upwards, as nearly all do, finds the line warm.
 *
 * Invariants (engine_check)
 *  1. Exactly the live orders are in the map, each once.
 *  2. passed_cnt counts the pairs whose home is at or before the bucket and
 *     whose place is behind it.
 *  3. At most 8 of 15 words are in use, so there is always an empty one; but
 *     every bucket may have been passed, so a search goes round once at most.
 *
 * Written by the engine thread. Which place a pair has depends on history, but
 * no outcome depends on the place. Cost: one cache miss; 3 to 5 ns warm.
 */
#ifndef OUTCRY_ENGINE_IDMAP_H
#define OUTCRY_ENGINE_IDMAP_H

#include <emmintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/order.h"

#define IDMAP_WORDS 15u

struct idmap_bucket {
    uint32_t words[IDMAP_WORDS]; /* 0: empty */
    uint32_t passed_cnt;
} CACHE_ALIGNED;

_Static_assert(sizeof(struct idmap_bucket) == CACHE_LINE, "one line");

struct idmap {
    struct idmap_bucket *buckets;
    uint32_t mask;
    uint32_t entries_cnt;
    uint64_t salt; /* of the hash; set while the map is empty */
};

/* idmap_footprint returns the bytes for orders_max orders. */
size_t idmap_footprint(uint32_t orders_max);

/* idmap_init makes an empty map in mem, which is zeroed. */
void idmap_init(struct idmap *map, void *mem, uint32_t orders_max);

/* idmap_hash returns the hash of a pair: its low bits are the home, its high
 * byte is the tag. Who does not know the salt cannot choose ids that meet. */
static inline uint64_t
idmap_hash(const struct idmap *map, uint16_t session, uint64_t clord)
{
    uint64_t hash = (clord >> 3) + (uint64_t)session * UINT64_C(0x9fb21c651e98df25);

    hash ^= map->salt;

    hash ^= hash >> 32;
    hash *= UINT64_C(0x9e3779b97f4a7c15);
    hash ^= hash >> 29;
    hash *= UINT64_C(0xbf58476d1ce4e5b9);
    hash ^= hash >> 32;
    return hash + (clord << 61 >> 5); /* neighbors differ in the tag */
}

static inline uint32_t
idmap_tag(uint64_t hash)
{
    const uint32_t tag = (uint32_t)(hash >> 56);

    return tag != 0 ? tag : 1;
}

/* idmap_match returns which words, shifted right, are equal to value. */
static inline unsigned
idmap_match(const struct idmap_bucket *bucket, int shift, uint32_t value)
{
    const __m128i *lines = (const __m128i *)(const void *)bucket;
    const __m128i want = _mm_set1_epi32((int)value);
    const __m128i a = _mm_cmpeq_epi32(_mm_srli_epi32(_mm_load_si128(&lines[0]), shift), want);
    const __m128i b = _mm_cmpeq_epi32(_mm_srli_epi32(_mm_load_si128(&lines[1]), shift), want);
    const __m128i c = _mm_cmpeq_epi32(_mm_srli_epi32(_mm_load_si128(&lines[2]), shift), want);
    const __m128i d = _mm_cmpeq_epi32(_mm_srli_epi32(_mm_load_si128(&lines[3]), shift), want);
    const __m128i all = _mm_packs_epi16(_mm_packs_epi32(a, b), _mm_packs_epi32(c, d));

    return (unsigned)_mm_movemask_epi8(all) & ((1u << IDMAP_WORDS) - 1);
}

/* idmap_find_hashed is idmap_find with the hash of the pair at hand. */
static inline uint32_t
idmap_find_hashed(const struct idmap *map,
                  const struct order *orders,
                  uint64_t hash,
                  uint16_t session,
                  uint64_t clord)
{
    const uint32_t tag = idmap_tag(hash);
    uint32_t at = (uint32_t)hash & map->mask;

    for (uint32_t i = 0; i <= map->mask; i++, at = (at + 1) & map->mask) {
        const struct idmap_bucket *bucket = &map->buckets[at];
        unsigned found = idmap_match(bucket, 24, tag);

        for (; found != 0; found &= found - 1) {
            const uint32_t slot = bucket->words[__builtin_ctz(found)] & 0xffffffu;

            if (LIKELY(orders[slot].clord == clord && orders[slot].session == session))
                return slot;
        }
        if (LIKELY(bucket->passed_cnt == 0))
            return ORDER_NONE;
    }
    return ORDER_NONE;
}

/* idmap_find returns the slot of the pair's order, ORDER_NONE if it has none. */
static inline uint32_t
idmap_find(const struct idmap *map, const struct order *orders, uint16_t session, uint64_t clord)
{
    return idmap_find_hashed(map, orders, idmap_hash(map, session, clord), session, clord);
}

/* idmap_add_hashed adds a pair, by its hash, that is not in the map. */
static inline void
idmap_add_hashed(struct idmap *map, uint64_t hash, uint32_t slot)
{
    struct idmap_bucket *bucket = &map->buckets[(uint32_t)hash & map->mask];
    unsigned empty = idmap_match(bucket, 0, 0);

    for (uint32_t at = (uint32_t)hash; UNLIKELY(empty == 0); empty = idmap_match(bucket, 0, 0)) {
        bucket->passed_cnt++;
        bucket = &map->buckets[++at & map->mask];
    }
    bucket->words[__builtin_ctz(empty)] = idmap_tag(hash) << 24 | slot;
    map->entries_cnt++;
}

/* idmap_add adds a pair that is not in the map. */
static inline void
idmap_add(struct idmap *map, uint16_t session, uint64_t clord, uint32_t slot)
{
    idmap_add_hashed(map, idmap_hash(map, session, clord), slot);
}

/* idmap_remove removes a pair that is in the map with this slot. */
static inline void
idmap_remove(struct idmap *map, uint16_t session, uint64_t clord, uint32_t slot)
{
    const uint64_t hash = idmap_hash(map, session, clord);
    const uint32_t word = idmap_tag(hash) << 24 | slot;
    struct idmap_bucket *bucket = &map->buckets[(uint32_t)hash & map->mask];
    unsigned found = idmap_match(bucket, 0, word);

    for (uint32_t at = (uint32_t)hash; UNLIKELY(found == 0); found = idmap_match(bucket, 0, word)) {
        ASSERT(bucket->passed_cnt > 0);
        bucket->passed_cnt--;
        bucket = &map->buckets[++at & map->mask];
    }
    bucket->words[__builtin_ctz(found)] = 0;
    map->entries_cnt--;
}

/* idmap_check asserts the second invariant, given the orders. O(map). */
void idmap_check(const struct idmap *map, const struct order *orders);

/* idmap_line returns the line where the search for a pair begins. */
static inline const void *
idmap_line(const struct idmap *map, uint16_t session, uint64_t clord)
{
    return &map->buckets[(uint32_t)idmap_hash(map, session, clord) & map->mask];
}

static inline void
idmap_prefetch(const struct idmap *map, uint16_t session, uint64_t clord)
{
    PREFETCH_W(&map->buckets[(uint32_t)idmap_hash(map, session, clord) & map->mask]);
}

#endif
