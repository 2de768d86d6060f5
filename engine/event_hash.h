/*
 * Event hash: one number for all that was ever written to the out-ring.
 *
 * Rolling over single cells, so that it does not depend on how readers batch:
 * h(n+1) = XXH3-64 of the 64 bytes of cell n+1, seeded with h(n); h(0) = 0.
 * Computed by readers, never by the engine.
 */
#ifndef OUTCRY_ENGINE_EVENT_HASH_H
#define OUTCRY_ENGINE_EVENT_HASH_H

#include <stdint.h>

#include "proto/cell.h"
#include "proto/hash.h"

/* event_hash_cell returns the hash after one more cell. */
static inline uint64_t
event_hash_cell(uint64_t hash, const union cell *cell)
{
    _Static_assert(sizeof *cell == 64, "a line");
    return hash64_of_line_seeded(cell, hash);
}

#endif
