/*
 * Marks: when the cells of a ring were taken in hand, by position.
 *
 *   position    96          112            160
 *   mark        t0           t1             t2
 *               cells from 96 to 111: t0 ...
 *
 * Latency receipts need to know when the engine's thread took a command, and neither
 * a cell has room for it nor the engine a clock. So the thread that runs the engine
 * notes the time that it has read anyway, with the position that it will write at,
 * before each of its polls; the gateway asks by the position of what it reads.
 *
 * Invariants
 *  1. Positions of marks never go down; a mark holds up to the next one.
 *  2. One thread writes and one asks. A mark is there before the cells that it is of
 *     are published: who was shown a cell finds its mark.
 *  3. At most MARKS_MAX are kept. When that is used up the last one says "not known",
 *     from its position on, until there is room: what is told may be nothing, it is
 *     never another command's.
 *
 * Memory order: the head is stored with release (R1) and loaded with acquire (A1), the
 * tail with release (R2) and acquire (A2). A mark's time may change as long as nothing
 * was written behind it; publication of the ring orders that.
 *
 * Cost: while nobody wants them one load per poll; else a store, and a mark per poll
 * that wrote something.
 */
#ifndef OUTCRY_GATEWAY_MARKS_H
#define OUTCRY_GATEWAY_MARKS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base.h"

#define MARKS_MAX 4096u
_Static_assert((MARKS_MAX & (MARKS_MAX - 1)) == 0, "an index is a mask");

struct mark {
    uint64_t pos;
    uint64_t ns; /* 0: not known */
};

/* All zero: no mark, and none wanted. */
struct marks {
    /* Who writes. */
    uint64_t head;  /* marks ever made */
    uint64_t freed; /* tail, as last seen */
    bool open;      /* the last one has a time */

    /* Who asks. */
    uint64_t tail CACHE_ALIGNED; /* marks that are no more needed */
    bool wanted;

    struct mark at[MARKS_MAX] CACHE_ALIGNED;
};

/* marks_want says whether marks are to be made. By who asks. */
static inline void
marks_want(struct marks *marks, bool wanted)
{
    __atomic_store_n(&marks->wanted, wanted, __ATOMIC_RELAXED);
}

/* marks_put says that from pos on the time is ns, 0 if it is not known. By who writes. */
static inline void
marks_put(struct marks *marks, uint64_t pos, uint64_t ns)
{
    uint64_t head = marks->head;
    const bool again = head != 0 && marks->at[(head - 1) & (MARKS_MAX - 1)].pos == pos;

    if (!again)
        head++;
    if (UNLIKELY(head - marks->freed >= MARKS_MAX)) {
        marks->freed = __atomic_load_n(&marks->tail, __ATOMIC_ACQUIRE); /* A2 pairs with R2 */
        if (head - marks->freed > MARKS_MAX)
            return;
        if (head - marks->freed == MARKS_MAX)
            ns = 0;
    }

    struct mark *mark = &marks->at[(head - 1) & (MARKS_MAX - 1)];

    __atomic_store_n(&mark->pos, pos, __ATOMIC_RELAXED);
    __atomic_store_n(&mark->ns, ns, __ATOMIC_RELAXED);
    if (!again)
        __atomic_store_n(&marks->head, head, __ATOMIC_RELEASE); /* R1 pairs with A1 */
}

/* marks_poll notes that what is written from pos on was taken at now_ns, if that is
 * wanted; before each poll of who writes the ring. */
static inline void
marks_poll(struct marks *marks, uint64_t pos, uint64_t now_ns)
{
    const bool wanted = __atomic_load_n(&marks->wanted, __ATOMIC_RELAXED);

    if (LIKELY(!wanted && !marks->open))
        return;
    marks_put(marks, pos, wanted ? now_ns : 0);
    marks->open = wanted;
}

/* marks_at returns the time of the cell at pos, 0 if it is not known, and forgets all
 * before. By who asks, in the order of positions. */
static inline uint64_t
marks_at(struct marks *marks, uint64_t pos)
{
    const uint64_t head = __atomic_load_n(&marks->head, __ATOMIC_ACQUIRE); /* A1 pairs with R1 */
    uint64_t tail = marks->tail;

    while (tail + 1 < head &&
           __atomic_load_n(&marks->at[(tail + 1) & (MARKS_MAX - 1)].pos, __ATOMIC_RELAXED) <= pos)
        tail++;
    if (tail != marks->tail)
        __atomic_store_n(&marks->tail, tail, __ATOMIC_RELEASE); /* R2 pairs with A2 */

    const struct mark *mark = &marks->at[tail & (MARKS_MAX - 1)];

    if (tail == head || __atomic_load_n(&mark->pos, __ATOMIC_RELAXED) > pos)
        return 0;
    return __atomic_load_n(&mark->ns, __ATOMIC_RELAXED);
}

#endif
