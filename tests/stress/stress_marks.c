/*
 * Goal: with real threads who reads a ring gets for each cell the time that its writer
 * noted before it wrote it, or none, and never that of another. Method: a writer and a
 * reader; each cell holds the time of its burst; the reader falls behind by a seed, and
 * the writer now and then is told that nobody wants marks. The volume is fixed, so a run
 * is bounded; ThreadSanitizer judges the rest.
 */
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/ring.h"
#include "gateway/marks.h"

#define RING_CELLS 16384u
#define CELLS_CNT  2000000u
#define IDLE_MAX   4u
#define BURST_MAX  5u
#define SEED       20261127u

static struct marks marks;
static struct ring *ring;

static uint64_t
random_next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void *
write_all(void *arg)
{
    struct ring_writer writer;
    uint64_t random = SEED, now_ns = 0;

    (void)arg;
    ring_writer_init(&writer, ring);
    while (writer.sink.pos < CELLS_CNT) {
        const uint64_t idle_cnt = random_next(&random) % IDLE_MAX;
        uint64_t cnt = 1 + random_next(&random) % BURST_MAX;

        /* Polls that find nothing to do mark as well. */
        for (uint64_t i = 0; i <= idle_cnt; i++)
            marks_poll(&marks, writer.sink.pos, ++now_ns);
        if (ring_writer_room(&writer, cnt) < cnt) {
            sched_yield();
            continue;
        }
        for (; cnt > 0; cnt--) {
            const union cell cell = {.words = {now_ns}};

            ring_write(&writer, &cell, 1);
        }
        ring_publish(&writer);
    }
    return NULL;
}

/* read_all returns how many cells had a time; SIZE_MAX if one had another's. */
static size_t
read_all(void)
{
    struct ring_reader reader;
    uint64_t random = SEED + 1;
    size_t known_cnt = 0;

    ring_reader_init(&reader, ring, 0);
    while (reader.pos < CELLS_CNT) {
        const uint64_t want = random_next(&random) % 64 == 0 ? RING_CELLS - 1 : 1;
        const uint64_t left = CELLS_CNT - reader.pos;

        if (random_next(&random) % 1024 == 0)
            marks_want(&marks, random_next(&random) % 4 != 0);
        while (ring_reader_available(&reader, want) < (want < left ? want : left))
            sched_yield();
        for (uint64_t cnt = ring_reader_available(&reader, 1); cnt > 0; cnt--) {
            const uint64_t ns = marks_at(&marks, reader.pos);

            if (ns != 0 && ns != ring_reader_cell(&reader, 0)->words[0]) {
                printf("seed %u: cell %" PRIu64 " was written at %" PRIu64
                       ", its mark says %" PRIu64 "\n",
                       SEED, reader.pos, ring_reader_cell(&reader, 0)->words[0], ns);
                return SIZE_MAX;
            }
            known_cnt += ns != 0;
            ring_reader_advance(&reader, 1);
        }
        ring_reader_release(&reader);
    }
    return known_cnt;
}

int
main(void)
{
    const size_t bytes = ring_footprint(RING_CELLS, 1);
    void *mem = aligned_alloc(RING_ALIGN, (bytes + RING_ALIGN - 1) / RING_ALIGN * RING_ALIGN);
    pthread_t writer;
    size_t known_cnt;

    if (mem == NULL)
        return 1;
    ring = ring_init(mem, RING_CELLS, 1);
    marks_want(&marks, true);
    if (pthread_create(&writer, NULL, write_all, NULL) != 0)
        return 1;
    known_cnt = read_all();
    if (known_cnt == SIZE_MAX)
        return 1;
    pthread_join(writer, NULL);
    printf("%u cells, %zu of them with a time\n", CELLS_CNT, known_cnt);
    free(mem);
    return known_cnt < CELLS_CNT / 20;
}
