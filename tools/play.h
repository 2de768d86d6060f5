/*
 * Play: messages of a journal to a stream, at the pace of their time stamps.
 *
 *   play_message for each, in order ->  when it is due  ->  one line
 *
 * What has the same time comes in one piece. Between pieces it sleeps, and the
 * stream is flushed before. A message that is late is written at once; what
 * comes after it is due by the first message's clock still.
 */
#ifndef OUTCRY_TOOLS_PLAY_H
#define OUTCRY_TOOLS_PLAY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "proto/base.h"
#include "proto/cell.h"

#include "tools/point.h"

struct play {
    FILE *out;
    bool json;
    double speed; /* times real time; 0: as fast as it goes */
    struct point from;
    struct point to;

    /* Private, zero at first. */
    bool begun;
    uint64_t first_ns; /* time of the first message */
    uint64_t begin_ns; /* when it was written, monotonic */
    uint64_t seq;      /* of the last message that was written, 0: none */
    unsigned messages; /* of that command so far */
};

/* play_speed_parse reads `max`, or a number above 0 and up to a million. */
NODISCARD bool play_speed_parse(const char *text, double *speed);

/* play_message writes a message if it lies between from and to. False behind to. */
bool play_message(struct play *play, const union cell *cells);

#endif
