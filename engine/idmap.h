/*
 * Id map: from a session and its ClOrdID to the slot of the live order.
 *
 *   bucket, one cache line
 *   +------------------------+------------+--------------------------------+
 *   | 12 tags, a byte each   | passed_cnt | 12 slots                       |
 *   +------------------------+------------+--------------------------------+
 *    one 16-byte load
 *
 * A pair hashes to a home bucket and a tag whose highest bit is set; the tag 0
 * says that a place is empty. So one instruction tells which tags of a bucket
 * are equal to one, and one which places are empty (SSE2, which every x86-64
 * has); what the tag leaves open the order itself decides. Places 12 to 15 of
 * such a comparison are passed_cnt and mean nothing.
 *
 * A pair whose home is full goes to the next bucket that is not, and every
 * bucket on the way counts it in passed_cnt; a search goes on only while
 * passed_cnt is not 0. So removal clears a tag and counts down: nothing moves,
 * there are no tombstones, and a map in use for months is as fast as a new one.
 * The slot of a place whose tag is 0 is left from the last pair. As nothing
 * moves, who remembers the place of a pair in its home removes it without a
 * search, even without its hash.
 *
 * What nearly always happens is inline and has no branch that is hard to guess:
 * a new ClOrdID meets no equal tag in a home that nobody passed, there is room
 * in its home, and a pair that is removed is there. All else is in idmap.c and
 * begins anew at the home.
 *
 * The hash multiplies and folds twice, with two secret numbers: who does not know
 * them cannot choose ids that meet. Once is not enough: with two or three
 * keys of a hundred the homes of ids that count upwards repeat after a few, and
 * the map of a client without any malice is slow. The low seven bits of the hash
 * are the tag's, its high half is the home's. Consecutive ClOrdIDs do not share a home: who
 * looks ahead is faster so; who does not pays a miss for it once the map
 * is larger than the cache.
 *
 * Invariants (engine_check)
 *  1. Exactly the live orders are in the map, each once.
 *  2. passed_cnt counts the pairs whose home is at or before the bucket and
 *     whose place is behind it.
 *  3. At most 8 of 12 places are in use, so there is always an empty one; but
 *     every bucket may have been passed, so a search goes round once at most.
 *
 * Written by the engine thread. Which place a pair has depends on history and
 * salt, but no outcome depends on the place. Cost: one cache miss, 8 to 16 bytes
 * for each order that can be live; of instructions, with gcc 12, 10 for a hash, 9
 * to see that an id is new, 8 to add it, 5 to remove it by its place.
 */
#ifndef OUTCRY_ENGINE_IDMAP_H
#define OUTCRY_ENGINE_IDMAP_H

#include <emmintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/order.h"

#define IDMAP_PLACES 12u
#define IDMAP_ALL    ((1u << IDMAP_PLACES) - 1)
#define IDMAP_TAG    0x80u

/* Instead of the place of a pair that is not in its home. */
#define IDMAP_FAR UINT32_MAX

struct idmap_bucket {
    uint8_t tags[IDMAP_PLACES]; /* 0: empty */
    uint32_t passed_cnt;
    uint32_t slots[IDMAP_PLACES];
} CACHE_ALIGNED;

_Static_assert(sizeof(struct idmap_bucket) == CACHE_LINE, "one line");
_Static_assert(offsetof(struct idmap_bucket, slots) == 16, "tags and passed_cnt are one load");

struct idmap {
    struct idmap_bucket *buckets;
    uint64_t mask; /* of a bucket's offset in bytes */
    uint64_t salt; /* these two change only while the map is empty */
    uint64_t key;  /* odd */
};

__extension__ typedef unsigned __int128 idmap_product_t;

/* idmap_footprint returns the bytes for orders_max orders. */
size_t idmap_footprint(uint32_t orders_max);

/* idmap_init makes an empty map in mem, which is zeroed; its salt is that of 0. */
void idmap_init(struct idmap *map, void *mem, uint32_t orders_max);

/* idmap_salt makes the secret numbers of an empty map's hash from one. */
void idmap_salt(struct idmap *map, uint64_t salt);

/* idmap_fold returns both halves of a product, the one on the other. */
static inline uint64_t
idmap_fold(uint64_t a, uint64_t b)
{
    const idmap_product_t product = (idmap_product_t)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t
idmap_hash(const struct idmap *map, uint16_t session, uint64_t clord)
{
    const uint64_t key = map->key + 2u * (uint64_t)session;

    return idmap_fold(idmap_fold(clord ^ map->salt, key), key);
}

static inline uint8_t
idmap_tag(uint64_t hash)
{
    return (uint8_t)(hash | IDMAP_TAG);
}

/* idmap_home_at returns where a pair belongs: the first place of a bucket. */
static inline uint32_t
idmap_home_at(const struct idmap *map, uint64_t hash)
{
    return (uint32_t)(hash >> 32 & map->mask);
}

/* idmap_bucket returns the bucket whose first place it is. */
static inline struct idmap_bucket *
idmap_bucket(const struct idmap *map, uint32_t at)
{
    return (struct idmap_bucket *)(void *)((char *)map->buckets + at);
}

/* idmap_home returns the bucket where a pair belongs. */
static inline struct idmap_bucket *
idmap_home(const struct idmap *map, uint64_t hash)
{
    return idmap_bucket(map, idmap_home_at(map, hash));
}

/* idmap_match returns which of the first 16 bytes are equal to tag. */
static inline unsigned
idmap_match(const struct idmap_bucket *bucket, uint8_t tag)
{
    const __m128i line = _mm_load_si128((const __m128i *)(const void *)bucket);

    return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(line, _mm_set1_epi8((char)tag)));
}

/* idmap_empty returns which places of a bucket are empty. */
static inline unsigned
idmap_empty(const struct idmap_bucket *bucket)
{
    const __m128i line = _mm_load_si128((const __m128i *)(const void *)bucket);

    return ~(unsigned)_mm_movemask_epi8(line) & IDMAP_ALL;
}

/* The same as below, from the home on, for whatever is there. */
uint32_t idmap_find_far(const struct idmap *map,
                        const struct order *orders,
                        uint64_t hash,
                        uint16_t session,
                        uint64_t clord);
void idmap_add_far(struct idmap *map, uint64_t hash, uint32_t slot);
void idmap_remove_far(struct idmap *map, uint64_t hash, uint32_t slot);

/* idmap_find_hashed is idmap_find with the hash of the pair at hand, for a pair
 * that is hardly ever there. */
static inline uint32_t
idmap_find_hashed(const struct idmap *map,
                  const struct order *orders,
                  uint64_t hash,
                  uint16_t session,
                  uint64_t clord)
{
    const struct idmap_bucket *home = idmap_home(map, hash);

    /* While passed_cnt is 0 no tag, being not 0, is equal to a byte of it. */
    if (LIKELY((idmap_match(home, idmap_tag(hash)) | home->passed_cnt) == 0))
        return ORDER_NONE;
    return idmap_find_far(map, orders, hash, session, clord);
}

/* idmap_find returns the slot of the pair's order, ORDER_NONE if it has none. */
static inline uint32_t
idmap_find(const struct idmap *map, const struct order *orders, uint16_t session, uint64_t clord)
{
    const uint64_t hash = idmap_hash(map, session, clord);
    const struct idmap_bucket *home = idmap_home(map, hash);
    const unsigned found = idmap_match(home, idmap_tag(hash)) & IDMAP_ALL;

    if (LIKELY(found != 0)) {
        const uint32_t slot = home->slots[__builtin_ctz(found)];

        if (LIKELY(orders[slot].clord == clord && orders[slot].session == session))
            return slot;
    } else if (LIKELY(home->passed_cnt == 0)) {
        return ORDER_NONE;
    }
    return idmap_find_far(map, orders, hash, session, clord);
}

/* idmap_guess returns the slot that idmap_find most likely will, and looks at no
 * order; whatever is there if the pair is not in its home. */
static inline uint32_t
idmap_guess(const struct idmap *map, uint16_t session, uint64_t clord)
{
    const uint64_t hash = idmap_hash(map, session, clord);
    const struct idmap_bucket *home = idmap_home(map, hash);
    const unsigned found = idmap_match(home, idmap_tag(hash)) | 1u << (IDMAP_PLACES - 1);

    return home->slots[__builtin_ctz(found)];
}

/* idmap_add_hashed adds a pair, by its hash, that is not in the map. It returns
 * its place, IDMAP_FAR if that is not in its home. */
static inline uint32_t
idmap_add_hashed(struct idmap *map, uint64_t hash, uint32_t slot)
{
    const uint32_t home_at = idmap_home_at(map, hash);
    struct idmap_bucket *home = idmap_bucket(map, home_at);
    const unsigned empty = idmap_empty(home);

    if (LIKELY(empty != 0)) {
        const uint32_t place = (uint32_t)__builtin_ctz(empty);

        home->tags[place] = idmap_tag(hash);
        home->slots[place] = slot;
        return home_at + place;
    }
    idmap_add_far(map, hash, slot);
    return IDMAP_FAR;
}

/* idmap_add_new adds a pair if it can be seen in its home that it is not in the map,
 * and that there is room; at is its place. If not, it says no and has done nothing. */
static ALWAYS_INLINE bool
idmap_add_new(struct idmap *map, uint16_t session, uint64_t clord, uint32_t slot, uint32_t *at)
{
    const uint64_t hash = idmap_hash(map, session, clord);
    const uint32_t home_at = idmap_home_at(map, hash);
    struct idmap_bucket *home = idmap_bucket(map, home_at);
    const unsigned empty = idmap_empty(home);

    if (UNLIKELY((idmap_match(home, idmap_tag(hash)) | home->passed_cnt) != 0) ||
        UNLIKELY(empty == 0))
        return false;

    const uint32_t place = (uint32_t)__builtin_ctz(empty);

    home->tags[place] = idmap_tag(hash);
    home->slots[place] = slot;
    *at = home_at + place;
    return true;
}

/* idmap_remove removes a pair that is in the map with this slot. */
static inline void
idmap_remove(struct idmap *map, uint16_t session, uint64_t clord, uint32_t slot)
{
    idmap_remove_far(map, idmap_hash(map, session, clord), slot);
}

/* idmap_remove_at_home does so by the place that idmap_add_hashed returned, in its
 * home. */
static inline void
idmap_remove_at_home(struct idmap *map, uint32_t at, uint32_t slot)
{
    uint8_t *tag = (uint8_t *)map->buckets + at;

    ASSERT_SLOW(idmap_bucket(map, at & ~63u)->slots[at & 63] == slot);
    ASSERT_SLOW(*tag != 0);
    *tag = 0;
}

/* idmap_remove_at does so wherever that is. */
static inline void
idmap_remove_at(struct idmap *map, uint32_t at, uint16_t session, uint64_t clord, uint32_t slot)
{
    if (UNLIKELY(at == IDMAP_FAR))
        idmap_remove(map, session, clord, slot);
    else
        idmap_remove_at_home(map, at, slot);
}

/* idmap_check asserts the second invariant, given the orders, and returns how
 * many pairs there are. O(map). */
uint32_t idmap_check(const struct idmap *map, const struct order *orders);

/* idmap_line returns the line where the search for a pair begins. */
static inline const void *
idmap_line(const struct idmap *map, uint16_t session, uint64_t clord)
{
    return idmap_home(map, idmap_hash(map, session, clord));
}

#endif
