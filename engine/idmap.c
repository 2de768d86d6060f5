#include "engine/idmap.h"

_Static_assert(ORDERS_MAX / 8 * sizeof(struct idmap_bucket) <= UINT32_MAX,
               "offsets of buckets have 32 bits");

/* buckets_cnt returns the power of two with which at most 8 of the 12 places
 * of a bucket are in use on average. */
static uint32_t
buckets_cnt(uint32_t orders_max)
{
    uint32_t cnt = 2;

    while (cnt * 8u < orders_max)
        cnt *= 2;
    return cnt;
}

size_t
idmap_footprint(uint32_t orders_max)
{
    return buckets_cnt(orders_max) * sizeof(struct idmap_bucket);
}

void
idmap_init(struct idmap *map, void *mem, uint32_t orders_max)
{
    ASSERT((uintptr_t)mem % CACHE_LINE == 0);
    *map = (struct idmap){.buckets = mem,
                          .mask = (buckets_cnt(orders_max) - 1) * (uint64_t)CACHE_LINE};
    idmap_salt(map, 0);
}

/* draw returns the next number of splitmix64. */
static uint64_t
draw(uint64_t *state)
{
    uint64_t number = *state += UINT64_C(0x9e3779b97f4a7c15);

    number = (number ^ number >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    number = (number ^ number >> 27) * UINT64_C(0x94d049bb133111eb);
    return number ^ number >> 31;
}

void
idmap_salt(struct idmap *map, uint64_t salt)
{
    map->salt = draw(&salt);
    map->key = draw(&salt) | 1; /* so it stays odd with twice a session added */
}

/* next_of returns the bucket behind one, behind the last the first. */
static struct idmap_bucket *
next_of(const struct idmap *map, const struct idmap_bucket *bucket)
{
    const uint32_t at = (uint32_t)(bucket - map->buckets);

    return &map->buckets[(at + 1) & map->mask / CACHE_LINE];
}

COLD uint32_t
idmap_find_far(const struct idmap *map,
               const struct order *orders,
               uint64_t hash,
               uint16_t session,
               uint64_t clord)
{
    const struct idmap_bucket *const home = idmap_home(map, hash);
    const struct idmap_bucket *bucket = home;

    do {
        unsigned found = idmap_match(bucket, idmap_tag(hash)) & IDMAP_ALL;

        for (; found != 0; found &= found - 1) {
            const uint32_t slot = bucket->slots[__builtin_ctz(found)];

            if (orders[slot].clord == clord && orders[slot].session == session)
                return slot;
        }
        if (bucket->passed_cnt == 0)
            return ORDER_NONE;
        bucket = next_of(map, bucket);
    } while (bucket != home);
    return ORDER_NONE;
}

COLD void
idmap_add_far(struct idmap *map, uint64_t hash, uint32_t slot)
{
    struct idmap_bucket *bucket = idmap_home(map, hash);
    unsigned empty = idmap_empty(bucket);

    for (; empty == 0; empty = idmap_empty(bucket)) {
        ASSERT(bucket->passed_cnt < ORDERS_MAX);
        bucket->passed_cnt++;
        bucket = next_of(map, bucket);
    }
    bucket->tags[__builtin_ctz(empty)] = idmap_tag(hash);
    bucket->slots[__builtin_ctz(empty)] = slot;
}

/* holds returns at which of its places a bucket has a slot with this tag, as a
 * bit; 0 if at none. */
static unsigned
holds(const struct idmap_bucket *bucket, uint8_t tag, uint32_t slot)
{
    unsigned found = idmap_match(bucket, tag) & IDMAP_ALL;

    while (found != 0 && bucket->slots[__builtin_ctz(found)] != slot)
        found &= found - 1;
    return found & (0u - found);
}

COLD void
idmap_remove_far(struct idmap *map, uint64_t hash, uint32_t slot)
{
    struct idmap_bucket *bucket = idmap_home(map, hash);
    unsigned found = holds(bucket, idmap_tag(hash), slot);

    for (; found == 0; found = holds(bucket, idmap_tag(hash), slot)) {
        ASSERT(bucket->passed_cnt > 0);
        bucket->passed_cnt--;
        bucket = next_of(map, bucket);
    }
    bucket->tags[__builtin_ctz(found)] = 0;
}

uint32_t
idmap_check(const struct idmap *map, const struct order *orders)
{
    uint32_t entries_cnt = 0;
    uint64_t passed_cnt = 0;

    for (uint32_t at = 0; at <= map->mask / CACHE_LINE; at++) {
        const struct idmap_bucket *bucket = &map->buckets[at];

        passed_cnt -= bucket->passed_cnt;
        for (uint32_t i = 0; i < IDMAP_PLACES; i++) {
            if (bucket->tags[i] == 0)
                continue;

            const struct order *order = &orders[bucket->slots[i]];
            const uint64_t hash = idmap_hash(map, order->session, order->clord);
            const struct idmap_bucket *on = idmap_home(map, hash);

            entries_cnt++;
            ASSERT(bucket->tags[i] == idmap_tag(hash));
            for (; on != bucket; on = next_of(map, on)) {
                ASSERT(on->passed_cnt > 0);
                passed_cnt++;
            }
        }
    }
    ASSERT(passed_cnt == 0);
    return entries_cnt;
}
