/*
 * Sink: where the engine writes.
 *
 *   cells    0     1     2    ...   mask
 *                        ^ pos & mask: the next cell goes here
 *
 * pos counts cells since the sink was made and never wraps; the cell of
 * position p is cells[p & mask]. The out-ring's writer has a sink, and so has
 * everybody who applies commands over plain memory: a replay, an embedder, a
 * test. Who owns the sink sees to it that a slice finds room (engine_apply),
 * and may move pos between two slices, back to 0 for instance.
 *
 * A message may wrap around the end: address each cell by its own position. One
 * whose sink starts at 0 and has room for a slice sees no message wrap.
 */
#ifndef OUTCRY_ENGINE_SINK_H
#define OUTCRY_ENGINE_SINK_H

#include <stdint.h>

#include "proto/cell.h"

struct cell_sink {
    union cell *cells;
    uint64_t mask; /* number of cells - 1, a power of two less one */
    uint64_t pos;  /* next to write */
};

/* cell_sink_at returns the cell that is `ahead` cells from the next. */
static inline union cell *
cell_sink_at(const struct cell_sink *sink, uint64_t ahead)
{
    return &sink->cells[(sink->pos + ahead) & sink->mask];
}

#endif
