/*
 * Neighbours: which MAC address an IPv4 address was last seen behind.
 *
 * A direct-mapped table of fixed size: a hash of the address names the one slot
 * that may hold it, and the last frame wins. It needs no ageing and cannot be
 * filled up; what a flood of addresses evicts is learned again from the next
 * frame. Behind a router many addresses share its MAC, which is as it should be.
 *
 * One thread owns a table. A lookup is one multiplication and one cache line.
 */
#ifndef OUTCRY_GATEWAY_NEIGHBOURS_H
#define OUTCRY_GATEWAY_NEIGHBOURS_H

#include <stdint.h>
#include <string.h>

#include "proto/base.h"

#define NEIGHBOURS_BITS 10u

/* All zero is an empty table: address 0 is nobody's. */
struct neighbours {
    struct neighbour {
        uint32_t ip;
        uint8_t mac[6];
    } slots[1u << NEIGHBOURS_BITS];
};

/* neighbours_slot: the high bits of a product by an odd constant near 2^32
 * divided by the golden ratio, which spreads runs of addresses evenly. */
static inline struct neighbour *
neighbours_slot(struct neighbours *table, uint32_t ip)
{
    return &table->slots[ip * 0x9e3779b1u >> (32u - NEIGHBOURS_BITS)];
}

/* neighbours_learn notes that ip is behind mac. */
static inline void
neighbours_learn(struct neighbours *table, uint32_t ip, const uint8_t *mac)
{
    struct neighbour *slot = neighbours_slot(table, ip);

    ASSERT(ip != 0);
    if (LIKELY(slot->ip == ip && memcmp(slot->mac, mac, sizeof slot->mac) == 0))
        return;
    slot->ip = ip;
    memcpy(slot->mac, mac, sizeof slot->mac);
}

/* neighbours_forget drops what is known of ip. */
static inline void
neighbours_forget(struct neighbours *table, uint32_t ip)
{
    struct neighbour *slot = neighbours_slot(table, ip);

    if (slot->ip == ip)
        slot->ip = 0;
}

/* neighbours_find returns the MAC of ip, NULL if it is not known. */
static inline const uint8_t *
neighbours_find(struct neighbours *table, uint32_t ip)
{
    const struct neighbour *slot = neighbours_slot(table, ip);

    return ip != 0 && slot->ip == ip ? slot->mac : NULL;
}

#endif
