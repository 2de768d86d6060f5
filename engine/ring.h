/*
 * Ring: cells from one writer to up to RING_READERS_MAX readers.
 *
 *      released            published         written
 *   ------|--------------------|----------------|-------> position (u64)
 *         slowest reader       writer's cursor  not yet visible
 *
 * A position counts cells since the ring was made and never wraps; the cell of
 * position p is cells[p & mask]. The in-rings (gateway to engine, one reader)
 * and the out-ring (engine to journal, publisher and other readers) are the
 * same thing.
 *
 * The writer fills cells behind its cursor and publishes many at once; it
 * caches the slowest reader's cursor and looks again only when the room it
 * knows of is used up. A reader caches the writer's cursor likewise. So in
 * steady state a burst costs one cache miss on each side, not one per cell.
 *
 * Invariants
 *  1. released <= published <= written <= released + size.
 *  2. Each cursor has one writer and a cache line of its own (two, against the
 *     adjacent-line prefetcher).
 *  3. A reader reads a cell only below the published cursor, the writer writes
 *     one only at or above it.
 *
 * Memory order, built on Concurrency Kit: publish is a store-release of the
 * cursor (R1), pairing with the load-acquire in ring_reader_available (A1);
 * release is a store-release of the reader's cursor (R2), pairing with the
 * load-acquire in ring_writer_room (A2). ThreadSanitizer, which does not see
 * through CK's assembly, is told so by annotations.
 *
 * Messages may wrap around the end: address each cell by its own position.
 */
#ifndef OUTCRY_ENGINE_RING_H
#define OUTCRY_ENGINE_RING_H

#include <stddef.h>
#include <stdint.h>

#include <ck_pr.h>

#include "engine/sink.h"
#include "proto/base.h"
#include "proto/cell.h"
#include "proto/limits.h"

struct ring;

/* Alignment of the memory of a ring. */
#define RING_ALIGN (2u * CACHE_LINE)

/* ring_footprint returns the bytes for a ring of cells_cnt cells (a power of
 * two from 64 to 2^26), 0 if that is invalid or readers_cnt is not 1 to
 * RING_READERS_MAX. */
size_t ring_footprint(uint64_t cells_cnt, unsigned readers_cnt);

/* ring_init makes an empty ring in mem, RING_ALIGN aligned. All memory is
 * touched, so that no page fault comes later. */
struct ring *ring_init(void *mem, uint64_t cells_cnt, unsigned readers_cnt);

struct ring_writer {
    struct cell_sink sink; /* what the writer has written */
    struct ring *ring;
    uint64_t size;
    uint64_t published;
    uint64_t released; /* slowest reader, as last seen */
    uint64_t fetched;  /* see ring_writer_ahead */
};

/* ring_writer_init makes the one writer of the ring. */
void ring_writer_init(struct ring_writer *writer, struct ring *ring);

/* A line of its own and the next, which the prefetcher pulls in with it. */
struct ring_cursor {
    uint64_t pos;
    uint8_t pad[2 * CACHE_LINE - sizeof(uint64_t)];
} __attribute__((aligned(2 * CACHE_LINE)));

/* Private. Written by: published, the writer; released[i], reader i. */
struct ring {
    struct ring_cursor published;
    struct ring_cursor released[RING_READERS_MAX];
    uint64_t size; /* constant from here on */
    uint64_t readers_cnt;
    union cell *cells;
};

#if defined(__SANITIZE_THREAD__)
# define RING_TSAN 1
#elif defined(__has_feature)
# if __has_feature(thread_sanitizer)
#  define RING_TSAN 1
# endif
#endif
#ifdef RING_TSAN
void __tsan_acquire(void *addr);
void __tsan_release(void *addr);
#endif

/* ring_cursor_load is a load with acquire order. */
static inline uint64_t
ring_cursor_load(const struct ring_cursor *cursor)
{
    const uint64_t pos = ck_pr_load_64(&cursor->pos);

    ck_pr_fence_acquire();
#ifdef RING_TSAN
    __tsan_acquire((void *)(uintptr_t)&cursor->pos);
#endif
    return pos;
}

/* ring_cursor_store is a store with release order. */
static inline void
ring_cursor_store(struct ring_cursor *cursor, uint64_t pos)
{
#ifdef RING_TSAN
    __tsan_release(&cursor->pos);
#endif
    ck_pr_fence_release();
    ck_pr_store_64(&cursor->pos, pos);
}

/* ring_writer_look asks the readers anew: the slow path of ring_writer_room. */
void ring_writer_look(struct ring_writer *writer);

/* ring_writer_room returns how many cells can be written now; it looks at the
 * readers only when less than want are known to be free. */
static inline uint64_t
ring_writer_room(struct ring_writer *writer, uint64_t want)
{
    uint64_t room = writer->released + writer->size - writer->sink.pos;

    if (UNLIKELY(room < want)) {
        ring_writer_look(writer); /* A2 pairs with R2 */
        room = writer->released + writer->size - writer->sink.pos;
    }
    return room;
}

/* ring_publish shows the readers all that was written. */
static inline void
ring_publish(struct ring_writer *writer)
{
    if (writer->published == writer->sink.pos)
        return;
    writer->published = writer->sink.pos;
    ring_cursor_store(&writer->ring->published, writer->published); /* R1 pairs with A1 */
}

/* Cells that are fetched before they are written. */
#define RING_AHEAD_CELLS 32u

/* ring_writer_ahead fetches the cells that are to be written, which the readers'
 * cores may have: a hint. To be called once in a burst. */
static inline void
ring_writer_ahead(struct ring_writer *writer)
{
    const struct cell_sink *sink = &writer->sink;
    const uint64_t end = sink->pos + RING_AHEAD_CELLS;

    if (writer->fetched < sink->pos)
        writer->fetched = sink->pos;
    for (; writer->fetched < end; writer->fetched++)
        PREFETCH_W(&sink->cells[writer->fetched & sink->mask]);
}

/* ring_write copies one message of count cells behind what is written; the
 * caller has asked for the room. */
static inline void
ring_write(struct ring_writer *writer, const union cell *cells, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        *cell_sink_at(&writer->sink, i) = cells[i];
    writer->sink.pos += count;
}

/* ring_writer_place returns where the next count cells are written, one behind the
 * other, to be filled in and then written by ring_writer_advance; NULL if they wrap
 * around the end. The caller has asked for the room. */
static inline union cell *
ring_writer_place(const struct ring_writer *writer, unsigned count)
{
    const struct cell_sink *sink = &writer->sink;
    const uint64_t at = sink->pos & sink->mask;

    return LIKELY(at + count <= sink->mask + 1) ? &sink->cells[at] : NULL;
}

static inline void
ring_writer_advance(struct ring_writer *writer, unsigned count)
{
    writer->sink.pos += count;
}

struct ring_reader {
    union cell *cells;
    uint64_t mask;
    uint64_t pos;       /* next to read */
    uint64_t published; /* writer's cursor, as last seen */
    struct ring *ring;
    unsigned reader;
};

/* ring_reader_init makes reader number `reader`; each number has one owner. */
void ring_reader_init(struct ring_reader *reader_ctx, struct ring *ring, unsigned reader);

/* ring_reader_available returns how many cells lie at pos and behind; looks at
 * the writer's cursor only when less than want are known. */
static inline uint64_t
ring_reader_available(struct ring_reader *reader, uint64_t want)
{
    if (reader->published - reader->pos < want)
        reader->published = ring_cursor_load(&reader->ring->published); /* A1 pairs with R1 */
    return reader->published - reader->pos;
}

/* ring_reader_cell returns the cell that is `ahead` of pos; ahead is less than
 * what ring_reader_available returned. Valid until released. */
static inline union cell *
ring_reader_cell(const struct ring_reader *reader, uint64_t ahead)
{
    return &reader->cells[(reader->pos + ahead) & reader->mask];
}

/* ring_reader_advance goes on by cnt cells without giving them back. */
static inline void
ring_reader_advance(struct ring_reader *reader, uint64_t cnt)
{
    reader->pos += cnt;
}

/* ring_reader_release gives all cells before pos back to the writer. */
static inline void
ring_reader_release(struct ring_reader *reader)
{
    ring_cursor_store(&reader->ring->released[reader->reader], reader->pos); /* R2 pairs with A2 */
}

#endif
