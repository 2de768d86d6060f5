#include "engine/ring.h"

#include <string.h>

#define RING_CELLS_MIN 64u
#define RING_CELLS_MAX (1u << 26)

size_t
ring_footprint(uint64_t cells_cnt, unsigned readers_cnt)
{
    if (cells_cnt < RING_CELLS_MIN || cells_cnt > RING_CELLS_MAX || !is_pow2_u64(cells_cnt))
        return 0;
    if (readers_cnt < 1 || readers_cnt > RING_READERS_MAX)
        return 0;
    return sizeof(struct ring) + cells_cnt * sizeof(union cell);
}

struct ring *
ring_init(void *mem, uint64_t cells_cnt, unsigned readers_cnt)
{
    const size_t bytes = ring_footprint(cells_cnt, readers_cnt);
    struct ring *ring = mem;

    ASSERT(bytes != 0);
    ASSERT((uintptr_t)mem % RING_ALIGN == 0);
    memset(mem, 0, bytes);
    ring->size = cells_cnt;
    ring->readers_cnt = readers_cnt;
    ring->cells = (union cell *)(void *)((uint8_t *)mem + sizeof *ring);
    return ring;
}

void
ring_writer_init(struct ring_writer *writer, struct ring *ring)
{
    *writer = (struct ring_writer){
        .sink = {.cells = ring->cells, .mask = ring->size - 1},
        .ring = ring,
        .size = ring->size,
    };
}

void
ring_writer_look(struct ring_writer *writer)
{
    const struct ring *ring = writer->ring;
    uint64_t slowest = ring_cursor_load(&ring->released[0]);

    for (uint64_t i = 1; i < ring->readers_cnt; i++) {
        const uint64_t pos = ring_cursor_load(&ring->released[i]);

        if (pos < slowest)
            slowest = pos;
    }
    ASSERT(slowest <= writer->sink.pos);
    writer->released = slowest;
}

void
ring_reader_init(struct ring_reader *reader_ctx, struct ring *ring, unsigned reader)
{
    ASSERT(reader < ring->readers_cnt);
    *reader_ctx = (struct ring_reader){
        .cells = ring->cells,
        .mask = ring->size - 1,
        .ring = ring,
        .reader = reader,
    };
}
