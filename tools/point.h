/*
 * Point: a place in a journal as people give it, a command's number or a time.
 */
#ifndef OUTCRY_TOOLS_POINT_H
#define OUTCRY_TOOLS_POINT_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base.h"

struct point {
    bool given;
    bool is_time;
    uint64_t value; /* seq, or nanoseconds UTC */
};

/* point_parse reads a sequence number, or a time as text_time_parse takes it. */
NODISCARD bool point_parse(const char *text, struct point *point);

/* point_begun says whether what bears seq and time_ns is at or behind the point;
 * always if none is given. */
bool point_begun(const struct point *from, uint64_t seq, uint64_t time_ns);

/* point_past says whether what bears seq and time_ns is behind the end that a point
 * names: it includes a sequence number and excludes a time. Never if none is given. */
bool point_past(const struct point *to, uint64_t seq, uint64_t time_ns);

#endif
