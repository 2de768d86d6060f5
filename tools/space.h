/*
 * Space: has the journal's disk the room that it should have?
 *
 *   space_look (a thread that may sleep) --JournalSpace--> desk or admin ring --> engine
 *
 * It is low when less than the reserve is free, or when there was no room for the next
 * segment. It is low no more when an eighth more than the reserve is free and the
 * next segment is there, so that it does not go to and fro. What the engine
 * does about it is in docs/matching.md; what the operator can, in docs/operations.md.
 *
 * Owned by one thread. It asks the file system, which may take its time: never to be
 * called by a stage of the exchange.
 */
#ifndef OUTCRY_TOOLS_SPACE_H
#define OUTCRY_TOOLS_SPACE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base.h"
#include "proto/cell.h"

struct space {
    int fd; /* of any file in the journal's folder */
    uint64_t reserve_bytes;
    uint64_t free_bytes; /* when it was looked last */
    bool low;            /* as the engine was told last */
};

/* space_init: low is what the engine has. */
void space_init(struct space *space, int fd, uint64_t reserve_bytes, bool low);

/* space_look looks. True if it is not what the engine was told: then cell is
 * the command that says so, to be given with space_told when it is on its
 * way. segment_error: 0, or -errno while the next segment does not fit. */
bool space_look(struct space *space, int segment_error, union cell *cell);

/* space_told notes that the command was given, and says so to the operator. */
void space_told(struct space *space, const union cell *cell, int segment_error);

#endif
