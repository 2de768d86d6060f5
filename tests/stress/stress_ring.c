/*
 * Goal: with real threads no reader of a ring ever sees a cell that is torn,
 * missing, doubled or too early, and the writer never overtakes a reader.
 * Method: one writer, one or three readers, small rings that wrap thousands of
 * times, seeded bursts. Every word of a cell follows from its position; readers
 * hold cells for a while before they release them and look at them once more.
 * The volume is fixed, so a run is bounded; ThreadSanitizer judges the rest.
 */
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/ring.h"

#define ROUNDS_MAX 20u

struct round {
    uint64_t seed;
    uint64_t ring_cells;
    uint64_t cells_cnt; /* to pass through the ring */
    unsigned readers_cnt;
    struct ring *ring;
};

struct party {
    const struct round *round;
    uint64_t random;
    unsigned reader;
    uint64_t bad_pos; /* first position that held something else */
    bool failed;
};

static uint64_t
random_next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* burst gives mostly small sizes and now and then one of the whole ring. */
static uint64_t
burst(uint64_t *random, uint64_t ring_cells)
{
    const uint64_t dice = random_next(random);

    return 1 + (dice >> 8) % (dice % 16 == 0 ? ring_cells : 16);
}

static uint64_t
word_of(uint64_t seed, uint64_t pos, unsigned word)
{
    return (pos + seed) * 0x9e3779b97f4a7c15u + word;
}

static void *
write_all(void *arg)
{
    struct party *party = arg;
    const struct round *round = party->round;
    struct ring_writer writer;

    ring_writer_init(&writer, round->ring);
    while (writer.sink.pos < round->cells_cnt) {
        uint64_t cnt = burst(&party->random, round->ring_cells);

        if (cnt > round->cells_cnt - writer.sink.pos)
            cnt = round->cells_cnt - writer.sink.pos;
        /* Half of the bursts wait for room, the others take what there is. */
        const uint64_t room = ring_writer_room(&writer, cnt);

        if (room < cnt && (room == 0 || cnt % 2 == 0)) {
            ring_publish(&writer);
            sched_yield();
            continue;
        }
        if (cnt > room)
            cnt = room;
        for (uint64_t i = 0; i < cnt; i++) {
            union cell *cell = cell_sink_at(&writer.sink, 0);

            for (unsigned word = 0; word < 8; word++)
                cell->words[word] = word_of(round->seed, writer.sink.pos, word);
            writer.sink.pos++;
        }
        if (random_next(&party->random) % 4 != 0)
            ring_publish(&writer);
    }
    ring_publish(&writer);
    return NULL;
}

static bool
holds_own_words(const struct round *round, const union cell *cell, uint64_t pos)
{
    for (unsigned word = 0; word < 8; word++)
        if (cell->words[word] != word_of(round->seed, pos, word))
            return false;
    return true;
}

static void *
read_all(void *arg)
{
    struct party *party = arg;
    const struct round *round = party->round;
    struct ring_reader reader;
    uint64_t released = 0;

    ring_reader_init(&reader, round->ring, party->reader);
    while (reader.pos < round->cells_cnt) {
        const uint64_t want = burst(&party->random, round->ring_cells);
        const uint64_t available = ring_reader_available(&reader, 1);
        const uint64_t cnt = want < available ? want : available;

        if (available == 0) {
            /* What it holds may be what the writer waits for. */
            ring_reader_release(&reader);
            released = reader.pos;
            sched_yield();
            continue;
        }
        for (uint64_t i = 0; i < cnt && !party->failed; i++)
            if (!holds_own_words(round, ring_reader_cell(&reader, i), reader.pos + i)) {
                party->failed = true;
                party->bad_pos = reader.pos + i;
            }
        ring_reader_advance(&reader, cnt);
        if (random_next(&party->random) % 2 != 0)
            continue;
        /* Not given back until now, so it must still be there. */
        if (!party->failed &&
            !holds_own_words(round, &reader.cells[released & reader.mask], released)) {
            party->failed = true;
            party->bad_pos = released;
        }
        ring_reader_release(&reader);
        released = reader.pos;
    }
    ring_reader_release(&reader);
    return NULL;
}

/* run_round passes all cells of a round through a new ring; false if any
 * reader saw anything else. */
static bool
run_round(struct round *round)
{
    struct party parties[1 + RING_READERS_MAX];
    pthread_t threads[1 + RING_READERS_MAX];
    void *mem = aligned_alloc(RING_ALIGN, ring_footprint(round->ring_cells, round->readers_cnt));
    bool good = true;

    ASSERT(mem != NULL);
    round->ring = ring_init(mem, round->ring_cells, round->readers_cnt);
    for (unsigned i = 0; i <= round->readers_cnt; i++) {
        parties[i] = (struct party){.round = round, .random = round->seed * 8 + i, .reader = i - 1};
        const int rc =
            pthread_create(&threads[i], NULL, i == 0 ? write_all : read_all, &parties[i]);

        ASSERT(rc == 0);
    }
    for (unsigned i = 0; i <= round->readers_cnt; i++) {
        const int rc = pthread_join(threads[i], NULL);

        ASSERT(rc == 0);
        if (parties[i].failed) {
            printf("OUTCRY_SEED=%" PRIu64 ": ring of %" PRIu64 ", reader %u of %u: bad cell at "
                   "position %" PRIu64 "\n",
                   round->seed, round->ring_cells, i - 1, round->readers_cnt, parties[i].bad_pos);
            good = false;
        }
    }
    free(mem);
    return good;
}

static uint64_t
number_of(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

int
main(void)
{
    const uint64_t first = number_of("OUTCRY_SEED", 1);
    uint64_t rounds = number_of("OUTCRY_SEEDS", ROUNDS_MAX);
    bool good = true;

    if (rounds > ROUNDS_MAX)
        rounds = ROUNDS_MAX;
    for (uint64_t seed = first; seed < first + rounds; seed++)
        for (unsigned readers_cnt = 1; readers_cnt <= 3; readers_cnt += 2) {
            struct round round = {
                .seed = seed,
                .ring_cells = 64u << seed % 4,
                .cells_cnt = 60000,
                .readers_cnt = readers_cnt,
            };

            good = run_round(&round) && good;
        }
    printf("seeds %" PRIu64 " to %" PRIu64 ": %s\n", first, first + rounds - 1,
           good ? "passed" : "failed");
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
