#include "engine/idmap.h"

/* buckets_cnt returns the power of two with which at most 8 of the 15 words
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
    *map = (struct idmap){.buckets = mem, .mask = buckets_cnt(orders_max) - 1};
}

void
idmap_check(const struct idmap *map, const struct order *orders)
{
    uint32_t entries_cnt = 0;
    uint64_t passed_cnt = 0;

    for (uint32_t at = 0; at <= map->mask; at++) {
        const struct idmap_bucket *bucket = &map->buckets[at];

        passed_cnt -= bucket->passed_cnt;
        for (uint32_t i = 0; i < IDMAP_WORDS; i++) {
            if (bucket->words[i] == 0)
                continue;

            const struct order *order = &orders[bucket->words[i] & 0xffffffu];
            const uint64_t hash = idmap_hash(map, order->session, order->clord);

            entries_cnt++;
            ASSERT(bucket->words[i] >> 24 == idmap_tag(hash));
            for (uint32_t on = (uint32_t)hash & map->mask; on != at; on = (on + 1) & map->mask) {
                ASSERT(map->buckets[on].passed_cnt > 0);
                passed_cnt++;
            }
        }
    }
    ASSERT(passed_cnt == 0);
    ASSERT(entries_cnt == map->entries_cnt);
}
