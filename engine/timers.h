/*
 * Timers: one timing wheel for all that the engine does at a time.
 *
 * A tick is 2^20 ns, a little more than a millisecond. A timer of deadline d is
 * due at tick ceil(d / 2^20): never early, at most a tick late. Eight wheels of
 * 64 slots lie one within the other, six bits of the tick each:
 *
 *   wheel     7          2       1       0
 *   bits    47 42 ...  17 12   11  6   5   0     of the tick, which has 45
 *   a slot  52 days    4.3 s   67 ms   1 ms
 *
 *   slot = sentinel <-> timer <-> timer <-> ... a ring, oldest first
 *
 * The wheel stands at pos. Timer t lies in the wheel of the highest six bits in
 * which its tick and pos differ (wheel 0 if none), in the slot of these bits of
 * its tick. So its place follows from tick and pos alone, a bitmap per wheel
 * and one of the wheels name the first slot that holds any, and what is in
 * a wheel comes before all that is in a wheel further out.
 *
 * timers_pop turns the wheel. Nothing lies between pos and the first tick of
 * the first slot, so pos may go anywhere before that tick: no timer's place
 * changes. If that slot is in wheel 0, its timers are due together and are
 * taken off from its head. If it is further out, its timers are moved inwards,
 * at most TIMERS_MOVES_MAX a call; a timer moves seven times in its life at
 * most. While the rest of a slot still waits to be moved (`turning`), pos is
 * the last tick before the slot, and what was moved lies where pos + 1 wants it.
 *
 * Order: timers fire by tick, those of one tick in the order in which they were
 * armed. Proof. Claim: the timers of one tick are in the order of arming if one
 * reads the part of them that was moved and then the part that was not.
 *  - Arming. All timers of the tick have one place, and an armed timer goes
 *    behind them. If their slot is being moved, pos is still before it, so the
 *    new one goes to the tail of what waits, not to what was moved.
 *  - Moving. Head of the one part to the tail of the other. The wheels within
 *    were empty when it began, for else they would have had the first slot.
 *  - Disarming takes one out of a sequence; pos moves no timer.
 * A slot of wheel 0 holds timers of a single tick and is never moved, so its
 * head is the oldest of the least tick.
 *
 * A timer armed with a deadline in the past is due at the tick of the latest
 * now_ns that the wheel has seen, behind the others of that tick. So the order
 * does not depend on how far a turn has come.
 *
 * Invariants (timers_check)
 *  1. A bit is set if and only if its slot has a timer, its wheel has bits.
 *  2. Every timer is where its tick and pos put it; while turning, what lies
 *     within the turning wheel is where pos + 1 puts it.
 *  3. pos <= turned_tick; no timer has a tick before pos.
 *  4. While turning the slot that is moved has a timer.
 *  5. A timer that is not armed is all zero.
 *
 * Written by the engine thread; it moves by timers_pop alone, that is by
 * journaled commands. Cost: arm, disarm and pop touch at most three timers and
 * a word of bitmap, whatever the number armed.
 */
#ifndef OUTCRY_ENGINE_TIMERS_H
#define OUTCRY_ENGINE_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base.h"
#include "proto/hash.h"
#include "proto/image.h"
#include "proto/limits.h"

#define TIMERS_TICK_BITS 20u
#define TIMERS_TICK_MAX  (UINT64_MAX >> TIMERS_TICK_BITS) /* the last that comes */
#define TIMERS_WHEELS    8u
#define TIMERS_SLOT_BITS 6u
#define TIMERS_SLOTS     (1u << TIMERS_SLOT_BITS)

/* One bit more than TIMERS_TICK_MAX has: the tick of a deadline within the last
 * tick of 64 bits of nanoseconds never comes, but has a place. */
_Static_assert((TIMERS_TICK_MAX + 1) >> (TIMERS_WHEELS * TIMERS_SLOT_BITS) == 0,
               "every tick has a place");

/* Most ids, for a wheel of its own: every session and every order has one. */
#define TIMERS_MAX (1u << 28)
_Static_assert(SESSIONS_MAX + 1u + ORDERS_MAX <= TIMERS_MAX, "an id for each");

/* What timers_pop returns instead of an id. */
#define TIMERS_NONE    UINT32_MAX
#define TIMERS_TURNING (UINT32_MAX - 1u)

/* Timers that one call moves inwards at most. */
#define TIMERS_MOVES_MAX 64u

/* A timer or the sentinel of a slot. */
struct timer {
    uint64_t tick;
    uint32_t next; /* places; 0: not armed */
    uint32_t prev;
};

_Static_assert(sizeof(struct timer) == 16, "four on a line");

struct timers {
    struct timer *at; /* place 0 is never used, then sentinels, then ids */
    uint32_t timers_max;
    uint32_t armed_cnt;
    uint32_t used_cnt;      /* one past the largest id that was ever armed */
    uint32_t turning_wheel; /* whose slot after pos is being moved; 0: none */
    uint64_t pos;
    uint64_t turned_tick; /* of the latest now_ns */
    uint64_t next_tick;   /* where the first slot begins; UINT64_MAX: none */
    uint64_t wheels;      /* bit per wheel */
    uint64_t slots[TIMERS_WHEELS];
};

/* timers_footprint returns the bytes for ids 0 .. timers_max - 1, 0 if there
 * can be no such wheel. */
size_t timers_footprint(uint32_t timers_max);

/* timers_init makes a wheel at tick 0 in mem, which is zeroed, CACHE_LINE
 * aligned, and must outlive it. */
void timers_init(struct timers *timers, void *mem, uint32_t timers_max);

/* timers_armed says whether a timer is armed. */
bool timers_armed(const struct timers *timers, uint32_t id);

/* timers_arm arms a timer that is not armed. */
void timers_arm(struct timers *timers, uint32_t id, uint64_t deadline_ns);

/* timers_disarm takes a timer off the wheel if it is on it. */
void timers_disarm(struct timers *timers, uint32_t id);

/* timers_deadline_ns returns when the wheel wants to be turned: never later
 * than the first timer is due, and at exactly that time if it lies in wheel 0;
 * UINT64_MAX if none is armed or none can come due. When timers_pop has
 * returned TIMERS_NONE, it is later than the now_ns of that call. */
static inline uint64_t
timers_deadline_ns(const struct timers *timers)
{
    return timers->next_tick <= TIMERS_TICK_MAX ? timers->next_tick << TIMERS_TICK_BITS
                                                : UINT64_MAX;
}

/*
 * timers_pop turns the wheel towards now_ns, which counts as the latest that
 * the wheel has seen if it is less, and does one of three things: it takes the
 * first due timer off and returns its id; it returns TIMERS_NONE, for nothing
 * is due and the wheel stands at now_ns; or it moves at most TIMERS_MOVES_MAX
 * timers and returns TIMERS_TURNING, and wants to be called again. Between the
 * calls anything may be armed and disarmed.
 */
NODISCARD uint32_t timers_pop(struct timers *timers, uint64_t now_ns);

/* timers_hash hashes all that can change what the wheel does later. */
void timers_hash(const struct timers *timers, struct hash_state *hash);

/* timers_save puts the wheel into an image; timers_load fills a wheel fresh from
 * timers_init, false if the image is none of such a wheel. */
void timers_save(const struct timers *timers, struct image_out *out);
NODISCARD bool timers_load(struct timers *timers, struct image_in *in);

/* timers_check walks all timers and asserts the invariants. */
void timers_check(const struct timers *timers);

#endif
