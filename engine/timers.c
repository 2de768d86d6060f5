#include "engine/timers.h"

#include <string.h>

/* Places: 0 is no place, so zeroed memory is timers that are not armed. */
#define SENTINEL_FIRST 1u
#define SENTINELS_CNT  (TIMERS_WHEELS * TIMERS_SLOTS)
#define PLACES_FIXED   (SENTINEL_FIRST + SENTINELS_CNT)

static inline uint32_t
place_of(const struct timers *timers, uint32_t id)
{
    ASSERT(id < timers->timers_max);
    return PLACES_FIXED + id;
}

/* tick_of rounds up, so that no timer is early. */
static inline uint64_t
tick_of(uint64_t deadline_ns)
{
    const uint64_t within_mask = (UINT64_C(1) << TIMERS_TICK_BITS) - 1;

    return (deadline_ns >> TIMERS_TICK_BITS) + ((deadline_ns & within_mask) != 0);
}

/* sentinel_of returns the slot of tick in a wheel. */
static inline uint32_t
sentinel_of(unsigned wheel, uint64_t tick)
{
    const uint64_t slot = tick >> (wheel * TIMERS_SLOT_BITS) & (TIMERS_SLOTS - 1);

    return SENTINEL_FIRST + wheel * TIMERS_SLOTS + (uint32_t)slot;
}

/* slot_seen_from returns the slot of tick if the wheel stands at pos. */
static inline uint32_t
slot_seen_from(uint64_t pos, uint64_t tick)
{
    const uint64_t differs = (pos ^ tick) | (TIMERS_SLOTS - 1);
    const unsigned bit = 63u - (unsigned)__builtin_clzll(differs);

    return sentinel_of(bit / TIMERS_SLOT_BITS, tick);
}

/* insert puts a timer at the tail of its slot, seen from pos. */
static inline void
insert(struct timers *timers, uint32_t place, uint64_t tick, uint64_t pos)
{
    const uint32_t sentinel = slot_seen_from(pos, tick);
    const uint32_t wheel = (sentinel - SENTINEL_FIRST) / TIMERS_SLOTS;
    const uint32_t slot = (sentinel - SENTINEL_FIRST) % TIMERS_SLOTS;
    const uint32_t tail = timers->at[sentinel].prev;

    ASSERT(tick >= pos);
    timers->at[place] = (struct timer){.tick = tick, .next = sentinel, .prev = tail};
    timers->at[tail].next = place;
    timers->at[sentinel].prev = place;
    timers->slots[wheel] |= UINT64_C(1) << slot;
    timers->wheels |= UINT64_C(1) << wheel;
}

/* take_out takes a timer out of its slot. If it was the last that waited to be
 * moved, the wheel has turned: it stands where the slot begins. */
static inline void
take_out(struct timers *timers, uint32_t place)
{
    const uint32_t next = timers->at[place].next;
    const uint32_t prev = timers->at[place].prev;

    ASSERT(timers->at[next].prev == place);
    ASSERT(timers->at[prev].next == place);
    timers->at[prev].next = next;
    timers->at[next].prev = prev;
    if (next != prev)
        return;

    /* It was alone: both its neighbors are the sentinel. */
    ASSERT(next < PLACES_FIXED);
    const uint32_t wheel = (next - SENTINEL_FIRST) / TIMERS_SLOTS;
    const uint32_t slot = (next - SENTINEL_FIRST) % TIMERS_SLOTS;

    timers->slots[wheel] &= ~(UINT64_C(1) << slot);
    if (timers->slots[wheel] == 0)
        timers->wheels &= ~(UINT64_C(1) << wheel);
    if (timers->turning_wheel != 0 && next == sentinel_of(timers->turning_wheel, timers->pos + 1)) {
        timers->pos++;
        timers->turning_wheel = 0;
    }
}

/* first_tick returns where the first slot that has a timer begins. */
static inline uint64_t
first_tick(const struct timers *timers)
{
    if (timers->turning_wheel != 0)
        return timers->pos + 1;
    if (timers->wheels == 0)
        return UINT64_MAX;

    const unsigned wheel = (unsigned)__builtin_ctzll(timers->wheels);
    const unsigned slot = (unsigned)__builtin_ctzll(timers->slots[wheel]);
    const unsigned shift = wheel * TIMERS_SLOT_BITS;

    /* Pos and the slot agree in all bits above the wheel's. */
    return ((timers->pos >> shift | (TIMERS_SLOTS - 1)) - (TIMERS_SLOTS - 1) + slot) << shift;
}

size_t
timers_footprint(uint32_t timers_max)
{
    if (timers_max < 1 || timers_max > TIMERS_MAX)
        return 0;
    return (PLACES_FIXED + (size_t)timers_max) * sizeof(struct timer);
}

void
timers_init(struct timers *timers, void *mem, uint32_t timers_max)
{
    ASSERT((uintptr_t)mem % CACHE_LINE == 0);
    ASSERT(timers_footprint(timers_max) != 0);
    *timers = (struct timers){.at = mem, .timers_max = timers_max, .next_tick = UINT64_MAX};
    for (uint32_t place = SENTINEL_FIRST; place < PLACES_FIXED; place++)
        timers->at[place] = (struct timer){.next = place, .prev = place};
}

bool
timers_armed(const struct timers *timers, uint32_t id)
{
    return timers->at[place_of(timers, id)].next != 0;
}

void
timers_arm(struct timers *timers, uint32_t id, uint64_t deadline_ns)
{
    const uint32_t place = place_of(timers, id);
    uint64_t tick = tick_of(deadline_ns);

    ASSERT(!timers_armed(timers, id));
    if (tick < timers->turned_tick)
        tick = timers->turned_tick;
    insert(timers, place, tick, timers->pos);
    timers->armed_cnt++;
    if (timers->used_cnt <= id)
        timers->used_cnt = id + 1;
    timers->next_tick = first_tick(timers);
}

/* drop disarms the timer at a place. */
static inline void
drop(struct timers *timers, uint32_t place)
{
    ASSERT(timers->armed_cnt > 0);
    take_out(timers, place);
    timers->at[place] = (struct timer){.tick = 0};
    timers->armed_cnt--;
    timers->next_tick = first_tick(timers);
}

void
timers_disarm(struct timers *timers, uint32_t id)
{
    if (timers_armed(timers, id))
        drop(timers, place_of(timers, id));
}

/* turn moves timers of the slot after pos inwards, all of them if they are
 * TIMERS_MOVES_MAX at most. */
static uint32_t
turn(struct timers *timers)
{
    const uint64_t start = timers->pos + 1;
    const uint32_t sentinel = sentinel_of(timers->turning_wheel, start);

    for (uint32_t i = 0; i < TIMERS_MOVES_MAX && timers->turning_wheel != 0; i++) {
        const uint32_t place = timers->at[sentinel].next;

        ASSERT(place >= PLACES_FIXED);
        take_out(timers, place);
        insert(timers, place, timers->at[place].tick, start);
    }
    timers->next_tick = first_tick(timers);
    return TIMERS_TURNING;
}

uint32_t
timers_pop(struct timers *timers, uint64_t now_ns)
{
    const uint64_t now_tick = now_ns >> TIMERS_TICK_BITS;

    if (timers->turned_tick < now_tick)
        timers->turned_tick = now_tick;
    if (timers->turning_wheel != 0)
        return turn(timers);
    if (timers->next_tick > timers->turned_tick) {
        timers->pos = timers->turned_tick;
        return TIMERS_NONE;
    }

    const uint32_t wheel = (uint32_t)__builtin_ctzll(timers->wheels);

    if (wheel != 0) {
        timers->pos = timers->next_tick - 1;
        timers->turning_wheel = wheel;
        return turn(timers);
    }
    timers->pos = timers->next_tick;

    const uint32_t place = timers->at[sentinel_of(0, timers->pos)].next;

    ASSERT(timers->at[place].tick == timers->pos);
    drop(timers, place);
    return place - PLACES_FIXED;
}

/* Without pointers; the rest of struct timers follows from the timers. */
struct scalars {
    uint64_t pos;
    uint64_t turned_tick;
    uint32_t used_cnt;
    uint32_t turning_wheel;
};

_Static_assert(sizeof(struct scalars) == 24, "no padding");

void
timers_hash(const struct timers *timers, struct hash_state *hash)
{
    const struct scalars scalars = {
        .pos = timers->pos,
        .turned_tick = timers->turned_tick,
        .used_cnt = timers->used_cnt,
        .turning_wheel = timers->turning_wheel,
    };

    hash_update(hash, &scalars, sizeof scalars);
    hash_update(hash, timers->at, (PLACES_FIXED + (size_t)timers->used_cnt) * sizeof *timers->at);
}

/* wheel_bytes returns what is in use of the places, in bytes. */
static size_t
wheel_bytes(const struct timers *timers)
{
    return (PLACES_FIXED + (size_t)timers->used_cnt) * sizeof *timers->at;
}

void
timers_save(const struct timers *timers, struct image_out *out)
{
    struct timers plain = *timers;

    plain.at = NULL;
    image_put(out, &plain, sizeof plain);
    image_put_sparse(out, timers->at, wheel_bytes(timers));
}

bool
timers_load(struct timers *timers, struct image_in *in)
{
    struct timers plain;

    ASSERT(timers->used_cnt == 0);
    if (!image_get(in, &plain, sizeof plain) || plain.at != NULL ||
        plain.timers_max != timers->timers_max || plain.used_cnt > plain.timers_max)
        return false;
    plain.at = timers->at;
    *timers = plain;
    /* No run of the image may leave a sentinel of the fresh wheel as it is. */
    memset(timers->at, 0, PLACES_FIXED * sizeof *timers->at);
    return image_get_sparse(in, timers->at, wheel_bytes(timers));
}

/* check_slot returns how many timers are in the slot of a sentinel. */
static uint32_t
check_slot(const struct timers *timers, uint32_t sentinel)
{
    const uint32_t wheel = (sentinel - SENTINEL_FIRST) / TIMERS_SLOTS;
    const uint64_t pos = timers->pos + (wheel < timers->turning_wheel);
    uint32_t before = sentinel;
    uint32_t cnt = 0;

    ASSERT(timers->at[sentinel].tick == 0);
    for (uint32_t place = timers->at[sentinel].next; place != sentinel;
         place = timers->at[place].next) {
        ASSERT(place >= PLACES_FIXED);
        ASSERT(place - PLACES_FIXED < timers->used_cnt);
        ASSERT(timers->at[place].prev == before);
        ASSERT(timers->at[place].tick >= pos);
        ASSERT(timers->at[place].tick >= timers->next_tick);
        ASSERT(slot_seen_from(pos, timers->at[place].tick) == sentinel);
        ASSERT(cnt < timers->armed_cnt);
        before = place;
        cnt++;
    }
    ASSERT(timers->at[sentinel].prev == before);
    return cnt;
}

void
timers_check(const struct timers *timers)
{
    uint32_t slots_cnt = 0;
    uint32_t used_cnt = 0;

    for (uint32_t i = 0; i < SENTINELS_CNT; i++) {
        const uint32_t cnt = check_slot(timers, SENTINEL_FIRST + i);
        const uint64_t bits = timers->slots[i / TIMERS_SLOTS];

        ASSERT((bits >> i % TIMERS_SLOTS & 1) == (cnt != 0));
        ASSERT((timers->wheels >> i / TIMERS_SLOTS & 1) == (bits != 0));
        slots_cnt += cnt;
    }
    ASSERT(timers->wheels >> TIMERS_WHEELS == 0);
    ASSERT(slots_cnt == timers->armed_cnt);
    for (uint32_t id = 0; id < timers->used_cnt; id++) {
        const struct timer *timer = &timers->at[PLACES_FIXED + id];

        if (timer->next != 0)
            used_cnt++;
        else
            ASSERT(timer->tick == 0 && timer->prev == 0);
    }
    ASSERT(used_cnt == timers->armed_cnt);
    ASSERT(timers->pos <= timers->turned_tick);
    ASSERT(timers->next_tick == first_tick(timers));
    if (timers->turning_wheel != 0) {
        const uint32_t sentinel = sentinel_of(timers->turning_wheel, timers->pos + 1);

        ASSERT(timers->at[sentinel].next != sentinel);
        ASSERT(timers->pos + 1 <= timers->turned_tick);
    }
}
