/*
 * Id map: from a session and its ClOrdID to the slot of the live order.
 *
 * Open addressing with linear probing, eight bytes an entry, a power of two of
 * them and at most half in use. An entry holds 32 bits of hash and the slot;
 * what the hash leaves open the order itself decides. Removal shifts the
 * entries behind back, so there are no tombstones and a map in use for months
 * is as fast as a new one.
 *
 * The hash keeps the low three bits of the ClOrdID: eight consecutive ids
 * share a cache line, so a client that counts upwards, as nearly all do, finds
 * the line warm.
 *
 * Invariants (engine_check)
 *  1. Exactly the live orders are in the map, each once.
 *  2. Between an entry's home and its place no entry is empty.
 *
 * Written by the engine thread. Which place an entry has depends on history,
 * but no outcome depends on the place.
 */
#ifndef OUTCRY_ENGINE_IDMAP_H
#define OUTCRY_ENGINE_IDMAP_H

#include <stddef.h>
#include <stdint.h>

#include "engine/order.h"

struct idmap_entry {
    uint32_t hash;
    uint32_t slot1; /* slot + 1; 0: empty */
};

struct idmap {
    struct idmap_entry *entries;
    uint32_t mask;
    uint32_t entries_cnt;
};

/* idmap_footprint returns the bytes for orders_max orders. */
size_t idmap_footprint(uint32_t orders_max);

/* idmap_init makes an empty map in mem, which is zeroed. */
void idmap_init(struct idmap *map, void *mem, uint32_t orders_max);

/* idmap_hash returns the hash of a pair; its home is hash & mask. */
static inline uint32_t
idmap_hash(uint16_t session, uint64_t clord)
{
    uint64_t hash = (clord >> 3) + (uint64_t)session * UINT64_C(0x9fb21c651e98df25);

    hash ^= hash >> 32;
    hash *= UINT64_C(0x9e3779b97f4a7c15);
    hash ^= hash >> 29;
    hash *= UINT64_C(0xbf58476d1ce4e5b9);
    return (uint32_t)(hash >> 32) << 3 | (uint32_t)(clord & 7);
}

/* idmap_find returns the slot of the pair's order, ORDER_NONE if it has none. */
static inline uint32_t
idmap_find(const struct idmap *map, const struct order *orders, uint16_t session, uint64_t clord)
{
    const uint32_t hash = idmap_hash(session, clord);
    uint32_t at = hash & map->mask;

    for (; map->entries[at].slot1 != 0; at = (at + 1) & map->mask) {
        const uint32_t slot = map->entries[at].slot1 - 1;

        if (map->entries[at].hash == hash && LIKELY(orders[slot].clord == clord) &&
            LIKELY(orders[slot].session == session))
            return slot;
    }
    return ORDER_NONE;
}

/* idmap_add adds a pair that is not in the map. */
static inline void
idmap_add(struct idmap *map, uint16_t session, uint64_t clord, uint32_t slot)
{
    const uint32_t hash = idmap_hash(session, clord);
    uint32_t at = hash & map->mask;

    while (map->entries[at].slot1 != 0)
        at = (at + 1) & map->mask;
    map->entries[at] = (struct idmap_entry){.hash = hash, .slot1 = slot + 1};
    map->entries_cnt++;
}

/* idmap_remove removes a pair that is in the map with this slot. */
void idmap_remove(struct idmap *map, uint16_t session, uint64_t clord, uint32_t slot);

/* idmap_check asserts the second invariant. O(map). */
void idmap_check(const struct idmap *map);

static inline void
idmap_prefetch(const struct idmap *map, uint16_t session, uint64_t clord)
{
    PREFETCH_W(&map->entries[idmap_hash(session, clord) & map->mask]);
}

#endif
