/*
 * History index: in which command of the journal was a session given its report n?
 *
 * Numbers of reports are not in the journal (engine/route.h), so who wants old ones
 * reads it from where the session's number is known. An index knows that of a few
 * places: behind at least `stride` reports comes the next. When it is full every other
 * place is dropped and the stride doubled, so its size is fixed, and to find a report
 * never takes reading more than 2 * reports / HISTORY_PLACES of the session's own.
 *
 * Reports are added in the order of their numbers; number 1 begins a new flow and
 * forgets the one before. Written by one thread.
 *
 * Who reads the journal counts as the route does. Dialects in which some messages have
 * no report count otherwise; so a place has both numbers, which are the same in others.
 */
#ifndef OUTCRY_GATEWAY_HISTORY_INDEX_H
#define OUTCRY_GATEWAY_HISTORY_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base.h"
#include "proto/image.h"

#define HISTORY_PLACES     512u
#define HISTORY_STRIDE_MIN 64u

/* The number that the session's next report had when the command seq came, and the one
 * that the route would have given it. */
struct history_place {
    uint64_t seq;
    uint64_t no;
    uint64_t route_no;
};

struct history_index {
    uint64_t next_no; /* of the report with which the next place is due */
    uint64_t stride;
    struct history_place last; /* the command that was added last */
    uint64_t places_cnt;
    struct history_place places[HISTORY_PLACES];
};

/* history_index_add_slow is for history_index_add alone. */
void history_index_add_slow(struct history_index *index, uint64_t no);

/* history_index_begin notes with which numbers the command seq begins; it needs to be
 * called only if its first message may have no report. */
static inline void
history_index_begin(struct history_index *index, uint64_t seq, uint64_t no, uint64_t route_no)
{
    if (index->last.seq != seq || no == 1)
        index->last = (struct history_place){.seq = seq, .no = no, .route_no = route_no};
}

/* history_index_add notes that the command seq gave report no. Cost: one line. */
static inline void
history_index_add(struct history_index *index, uint64_t seq, uint64_t no, uint64_t route_no)
{
    history_index_begin(index, seq, no, route_no);
    if (UNLIKELY(no >= index->next_no || no == 1))
        history_index_add_slow(index, no);
}

/* history_index_find returns the last place from which report no is found by reading
 * on; seq 0: no such report was added. */
struct history_place history_index_find(const struct history_index *index, uint64_t no);

/* history_index_save puts it into an image, of a session whose next report is next_no;
 * history_index_load takes it from one, false if it is none of such a session. routed:
 * both numbers of its places are the same. */
void history_index_save(const struct history_index *index, uint64_t next_no, struct image_out *out);
NODISCARD bool
history_index_load(struct history_index *index, struct image_in *in, uint64_t next_no, bool routed);

#endif
