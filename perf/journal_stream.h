/*
 * Journal stream: orders without end, for benchmarks that write a journal.
 *
 *   places[p]  free --new order--> its ClOrdID --cancel--> free
 *                                     \--replace--> the new ClOrdID
 *
 * Each command takes a place by lot: a free one gets a new order, else its order is
 * canceled or, one time in ten, replaced; one command in twenty is an IOC order that
 * meets the book instead. So about half of the places rest. One in 24 new orders
 * crosses. Orders are named by the client's id, so nothing has to be read back.
 *
 * The engine has risk, 16 accounts without tight limits, and one session, which is bound and
 * sends all orders. The same seed gives the same stream.
 */
#ifndef OUTCRY_PERF_JOURNAL_STREAM_H
#define OUTCRY_PERF_JOURNAL_STREAM_H

#include "engine/engine.h"

#define STREAM_INSTRUMENTS 64u
#define STREAM_PLACES      200000u
#define STREAM_CELLS_MAX   2u /* of one command */
#define STREAM_SETUP_MAX   192u

struct stream {
    uint64_t random;
    uint64_t clord;
    uint64_t in_no;                 /* of the session's flow */
    uint64_t places[STREAM_PLACES]; /* ClOrdID, instrument, side; 0: free */
};

/* stream_cfg returns the sizes of an engine for it. */
struct engine_cfg stream_cfg(void);

/* stream_begin begins anew and writes the commands that come first (Genesis, parties,
 * instruments) into cells; returns the number of cells. */
unsigned stream_begin(struct stream *stream, union cell cells[STREAM_SETUP_MAX]);

/* stream_next makes the next command, of the time time_ns; returns the number of cells. */
unsigned stream_next(struct stream *stream, uint64_t time_ns, union cell cells[STREAM_CELLS_MAX]);

#endif
