#include "engine/idmap.h"

#define ENTRIES_MIN 16u

_Static_assert(sizeof(struct idmap_entry) == 8, "eight to a line");

static uint32_t
entries_cnt(uint32_t orders_max)
{
    uint32_t cnt = ENTRIES_MIN;

    while (cnt < 2 * orders_max)
        cnt *= 2;
    return cnt;
}

size_t
idmap_footprint(uint32_t orders_max)
{
    return entries_cnt(orders_max) * sizeof(struct idmap_entry);
}

void
idmap_init(struct idmap *map, void *mem, uint32_t orders_max)
{
    ASSERT((uintptr_t)mem % CACHE_LINE == 0);
    *map = (struct idmap){.entries = mem, .mask = entries_cnt(orders_max) - 1};
}

HOT void
idmap_remove(struct idmap *map, uint16_t session, uint64_t clord, uint32_t slot)
{
    uint32_t hole = idmap_hash(session, clord) & map->mask;

    while (map->entries[hole].slot1 != slot + 1) {
        ASSERT(map->entries[hole].slot1 != 0);
        hole = (hole + 1) & map->mask;
    }
    /* What lies behind moves into the hole unless that is before its home. */
    for (uint32_t at = (hole + 1) & map->mask; map->entries[at].slot1 != 0;
         at = (at + 1) & map->mask) {
        const uint32_t home = map->entries[at].hash & map->mask;

        if (((at - home) & map->mask) >= ((at - hole) & map->mask)) {
            map->entries[hole] = map->entries[at];
            hole = at;
        }
    }
    map->entries[hole] = (struct idmap_entry){.slot1 = 0};
    map->entries_cnt--;
}

void
idmap_check(const struct idmap *map)
{
    uint32_t cnt = 0;

    for (uint32_t i = 0; i <= map->mask; i++) {
        if (map->entries[i].slot1 == 0)
            continue;
        cnt++;
        for (uint32_t at = map->entries[i].hash & map->mask; at != i; at = (at + 1) & map->mask)
            ASSERT(map->entries[at].slot1 != 0);
    }
    ASSERT(cnt == map->entries_cnt);
}
