/*
 * Hold: datagrams of a session that wait until its throttle lets them in.
 *
 *   throttle says wait --> the rest of the datagram, from that message on --+
 *   whatever comes behind it ---------------------------------------------+-> slots
 *                                                                          oldest first
 *
 * In the order in which they came, so numbers are taken as they would have been
 * without. With all slots taken a datagram of FIXP is dropped, as if the network had lost
 * it, and what it held becomes NotApplied. OUCH has no such word, and its numbers rise: so
 * there the packet that has waited longest is refused, and the new one waits.
 *
 * Threads: the gateway's. Memory: HOLD_MAX datagrams for each session, taken at
 * start if the configuration says queue.
 */
#ifndef OUTCRY_GATEWAY_HOLD_H
#define OUTCRY_GATEWAY_HOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "proto/base.h"
#include "proto/limits.h"

#define HOLD_MAX 32u

/* A datagram, read up to off. */
struct held {
    uint64_t no; /* of the next application message in it */
    uint16_t off;
    uint16_t len;
    bool numbered;
    uint8_t bytes[DATAGRAM_BYTES_MAX];
};

struct hold {
    uint32_t head;
    uint32_t cnt;
    struct held slots[HOLD_MAX];
};

static inline struct held *
hold_head(struct hold *hold)
{
    ASSERT(hold->cnt > 0);
    return &hold->slots[hold->head];
}

static inline void
hold_pop(struct hold *hold)
{
    ASSERT(hold->cnt > 0);
    hold->head = (hold->head + 1) % HOLD_MAX;
    hold->cnt--;
}

/* hold_put keeps len bytes of a datagram; false if there is no room. */
static inline bool
hold_put(struct hold *hold, const uint8_t *bytes, size_t len, uint64_t no, bool numbered)
{
    struct held *held = &hold->slots[(hold->head + hold->cnt) % HOLD_MAX];

    ASSERT(len <= DATAGRAM_BYTES_MAX);
    if (hold->cnt == HOLD_MAX)
        return false;
    held->no = no;
    held->off = 0;
    held->len = (uint16_t)len;
    held->numbered = numbered;
    memcpy(held->bytes, bytes, len);
    hold->cnt++;
    return true;
}

#endif
