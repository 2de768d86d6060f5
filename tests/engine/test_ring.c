/*
 * Goal: a ring shows nothing before it is published, loses nothing when it is
 * full or wraps, and looks at the other side only when it must.
 * Method: one thread plays writer and readers, so that every state between two
 * cursors can be looked at.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "engine/ring.h"

#define CELLS 64u

static struct ring *
ring_new(unsigned readers_cnt)
{
    void *mem = aligned_alloc(RING_ALIGN, ring_footprint(CELLS, readers_cnt));

    cr_assert_not_null(mem);
    memset(mem, 0xa5, ring_footprint(CELLS, readers_cnt));
    return ring_init(mem, CELLS, readers_cnt);
}

/* put writes cnt cells that hold their own positions, without publishing. */
static void
put(struct ring_writer *writer, unsigned cnt)
{
    for (unsigned i = 0; i < cnt; i++) {
        const union cell cell = {.words = {writer->sink.pos, ~writer->sink.pos}};

        ring_write(writer, &cell, 1);
    }
}

/* take checks that the next cnt cells hold their positions, and goes on. */
static void
take(struct ring_reader *reader, unsigned cnt)
{
    for (unsigned i = 0; i < cnt; i++) {
        cr_assert_eq(ring_reader_cell(reader, i)->words[0], reader->pos + i);
        cr_assert_eq(ring_reader_cell(reader, i)->words[1], ~(reader->pos + i));
    }
    ring_reader_advance(reader, cnt);
}

Test(ring, footprint_of_a_valid_ring_holds_its_cells)
{
    cr_assert_geq(ring_footprint(64, 1), 64 * sizeof(union cell));
    cr_assert_geq(ring_footprint(1u << 26, RING_READERS_MAX), (1ull << 26) * sizeof(union cell));
    cr_assert_eq(ring_footprint(64, 1) % RING_ALIGN, 0);
}

Test(ring, footprint_of_an_invalid_ring_is_zero)
{
    cr_assert_eq(ring_footprint(0, 1), 0);
    cr_assert_eq(ring_footprint(32, 1), 0);
    cr_assert_eq(ring_footprint(63, 1), 0);
    cr_assert_eq(ring_footprint(65, 1), 0);
    cr_assert_eq(ring_footprint(96, 1), 0);
    cr_assert_eq(ring_footprint(1ull << 27, 1), 0);
    cr_assert_eq(ring_footprint(UINT64_MAX, 1), 0);
    cr_assert_eq(ring_footprint(64, 0), 0);
    cr_assert_eq(ring_footprint(64, RING_READERS_MAX + 1), 0);
}

Test(ring, of_an_invalid_size_is_our_bug, .signal = SIGABRT)
{
    ring_init(aligned_alloc(RING_ALIGN, 1 << 16), 63, 1);
}

Test(ring, reader_beyond_the_last_is_our_bug, .signal = SIGABRT)
{
    struct ring_reader reader;

    ring_reader_init(&reader, ring_new(2), 2);
}

Test(ring, that_is_new_is_empty)
{
    struct ring *ring = ring_new(1);
    struct ring_writer writer;
    struct ring_reader reader;

    ring_writer_init(&writer, ring);
    ring_reader_init(&reader, ring, 0);
    cr_assert_eq(ring_writer_room(&writer, 1), CELLS);
    cr_assert_eq(ring_reader_available(&reader, 1), 0);
}

Test(ring, cells_are_seen_when_published_and_not_before)
{
    struct ring *ring = ring_new(1);
    struct ring_writer writer;
    struct ring_reader reader;

    ring_writer_init(&writer, ring);
    ring_reader_init(&reader, ring, 0);
    put(&writer, 3);
    cr_assert_eq(ring_reader_available(&reader, 1), 0);
    put(&writer, 2);
    ring_publish(&writer);
    cr_assert_eq(ring_reader_available(&reader, 1), 5);
    take(&reader, 5);
    cr_assert_eq(ring_reader_available(&reader, 1), 0);
}

Test(ring, publishing_nothing_shows_nothing)
{
    struct ring *ring = ring_new(1);
    struct ring_writer writer;
    struct ring_reader reader;

    ring_writer_init(&writer, ring);
    ring_reader_init(&reader, ring, 0);
    ring_publish(&writer);
    cr_assert_eq(ring_reader_available(&reader, 1), 0);
    put(&writer, 1);
    ring_publish(&writer);
    ring_publish(&writer);
    cr_assert_eq(ring_reader_available(&reader, 1), 1);
}

Test(ring, message_wraps_around_the_end)
{
    struct ring *ring = ring_new(1);
    struct ring_writer writer;
    struct ring_reader reader;

    ring_writer_init(&writer, ring);
    ring_reader_init(&reader, ring, 0);
    put(&writer, CELLS - 2);
    ring_publish(&writer);
    cr_assert_eq(ring_reader_available(&reader, 1), CELLS - 2);
    take(&reader, CELLS - 2);
    ring_reader_release(&reader);

    union cell message[CELL_MESSAGE_MAX];

    for (unsigned i = 0; i < CELL_MESSAGE_MAX; i++)
        message[i] = (union cell){.words = {CELLS - 2 + i, ~(uint64_t)(CELLS - 2 + i)}};
    cr_assert_geq(ring_writer_room(&writer, CELL_MESSAGE_MAX), CELL_MESSAGE_MAX);
    ring_write(&writer, message, CELL_MESSAGE_MAX);
    ring_publish(&writer);
    cr_assert_eq(ring_reader_available(&reader, CELL_MESSAGE_MAX), CELL_MESSAGE_MAX);
    cr_assert_eq(ring_reader_cell(&reader, 2), &ring->cells[0]);
    take(&reader, CELL_MESSAGE_MAX);
}

Test(ring, cells_are_written_in_their_place_unless_they_wrap)
{
    struct ring *ring = ring_new(1);
    struct ring_writer writer;
    struct ring_reader reader;

    ring_writer_init(&writer, ring);
    ring_reader_init(&reader, ring, 0);
    put(&writer, CELLS - 2);
    cr_assert_null(ring_writer_place(&writer, 3));

    union cell *place = ring_writer_place(&writer, 2);

    cr_assert_eq(place, &ring->cells[CELLS - 2]);
    for (uint64_t i = 0; i < 2; i++)
        place[i] = (union cell){.words = {CELLS - 2 + i, ~(CELLS - 2 + i)}};
    ring_publish(&writer);
    cr_assert_eq(ring_reader_available(&reader, CELLS), CELLS - 2);
    ring_writer_advance(&writer, 2);
    ring_publish(&writer);
    cr_assert_eq(ring_reader_available(&reader, CELLS), CELLS);
    take(&reader, CELLS);
}

Test(ring, that_is_full_has_no_room_until_cells_are_released)
{
    struct ring *ring = ring_new(1);
    struct ring_writer writer;
    struct ring_reader reader;

    ring_writer_init(&writer, ring);
    ring_reader_init(&reader, ring, 0);
    put(&writer, CELLS);
    ring_publish(&writer);
    cr_assert_eq(ring_writer_room(&writer, 1), 0);
    cr_assert_eq(ring_reader_available(&reader, 1), CELLS);
    take(&reader, 5);
    cr_assert_eq(ring_writer_room(&writer, 1), 0, "read is not released");
    ring_reader_release(&reader);
    cr_assert_eq(ring_writer_room(&writer, 1), 5);
    put(&writer, 5);
    cr_assert_eq(ring_writer_room(&writer, 1), 0);
    take(&reader, CELLS - 5);
    ring_publish(&writer);
    cr_assert_eq(ring_reader_available(&reader, 1), 5);
    take(&reader, 5);
}

Test(ring, slowest_reader_gates_the_writer)
{
    struct ring *ring = ring_new(3);
    struct ring_writer writer;
    struct ring_reader readers[3];

    ring_writer_init(&writer, ring);
    put(&writer, CELLS);
    ring_publish(&writer);
    for (unsigned i = 0; i < 3; i++) {
        ring_reader_init(&readers[i], ring, i);
        cr_assert_eq(ring_reader_available(&readers[i], 1), CELLS);
        take(&readers[i], 10 + 5 * ((i + 1) % 3)); /* 15, 20, 10 */
    }
    ring_reader_release(&readers[0]);
    ring_reader_release(&readers[1]);
    cr_assert_eq(ring_writer_room(&writer, 1), 0, "the third has released nothing");
    ring_reader_release(&readers[2]);
    cr_assert_eq(ring_writer_room(&writer, 1), 10);
    put(&writer, 10);
    take(&readers[2], 40);
    ring_reader_release(&readers[2]);
    cr_assert_eq(ring_writer_room(&writer, 1), 5, "the first is the slowest now");
}

Test(ring, writer_looks_at_the_readers_only_when_its_room_is_used_up)
{
    struct ring *ring = ring_new(1);
    struct ring_writer writer;
    struct ring_reader reader;

    ring_writer_init(&writer, ring);
    ring_reader_init(&reader, ring, 0);
    put(&writer, 40);
    ring_publish(&writer);
    cr_assert_eq(ring_reader_available(&reader, 1), 40);
    take(&reader, 40);
    ring_reader_release(&reader);
    cr_assert_eq(ring_writer_room(&writer, CELLS - 40), CELLS - 40, "enough is known: no look");
    cr_assert_eq(ring_writer_room(&writer, CELLS - 40 + 1), CELLS, "one more than known: a look");
}

Test(ring, reader_looks_at_the_writer_only_when_it_wants_more_than_it_knows)
{
    struct ring *ring = ring_new(1);
    struct ring_writer writer;
    struct ring_reader reader;

    ring_writer_init(&writer, ring);
    ring_reader_init(&reader, ring, 0);
    put(&writer, 2);
    ring_publish(&writer);
    cr_assert_eq(ring_reader_available(&reader, 1), 2);
    put(&writer, 1);
    ring_publish(&writer);
    cr_assert_eq(ring_reader_available(&reader, 2), 2, "enough is known: no look");
    cr_assert_eq(ring_reader_available(&reader, 3), 3, "one more than known: a look");
}
