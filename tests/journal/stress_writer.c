/*
 * Goal: no wake-up of a sleeping journal writer is lost, and nothing is read
 * before it is complete, whatever the timing of the two threads.
 * Method: a publisher and a writer thread. The publisher waits until the writer
 * has nothing to do and then publishes at a random moment around its falling
 * asleep; the writer sleeps without a timeout worth mentioning, so a lost
 * wake-up shows as a hang. Then bursts without waiting, through a small ring.
 */
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/journal/journal_rig.h"

#define ROUNDS      150u
#define BURSTS      400u
#define LONG_NS     20000000000u
#define PATIENCE_NS 10000000000u

struct stress {
    struct rig rig;
    struct rig_cells all;
    uint64_t random;
    uint64_t seed;
    int end; /* atomic */
};

static void *
writer_main(void *arg)
{
    struct stress *stress = arg;
    struct journal_writer *writer = stress->rig.writer;

    /* The one that submits must live until it is complete. */
    while (__atomic_load_n(&stress->end, __ATOMIC_ACQUIRE) == 0 ||
           journal_writer_in_flight(writer)) {
        if (journal_writer_poll(writer, rig_clock_ns()) == 0)
            journal_writer_wait(writer, LONG_NS);
    }
    return NULL;
}

/* publish writes one group and wakes; the ring has room, or gets it soon. */
static void
publish(struct stress *stress, unsigned long_cells)
{
    const size_t from = stress->all.cnt;
    const uint64_t deadline = rig_clock_ns() + PATIENCE_NS;

    rig_group(&stress->all, &stress->random, long_cells, true);
    for (size_t at = from; at < stress->all.cnt;) {
        const unsigned count = cell_count(&stress->all.cells[at]);

        while (ring_writer_room(&stress->rig.in, count) < count) {
            ring_publish(&stress->rig.in);
            journal_writer_wake(stress->rig.writer);
            usleep(10);
            CHECK(rig_clock_ns() < deadline, "seed %llu: the ring stays full",
                  (unsigned long long)stress->seed);
        }
        ring_write(&stress->rig.in, &stress->all.cells[at], count);
        at += count;
    }
    ring_publish(&stress->rig.in);
    journal_writer_wake(stress->rig.writer);
}

static void
await_durable(const struct stress *stress)
{
    const uint64_t deadline = rig_clock_ns() + PATIENCE_NS;

    while (__atomic_load_n(stress->rig.durable, __ATOMIC_ACQUIRE) < stress->all.cnt) {
        CHECK(rig_clock_ns() < deadline, "seed %llu: a wake-up was lost",
              (unsigned long long)stress->seed);
        usleep(0);
    }
}

/* spin passes 0 to 16 microseconds: the writer is on its way to sleep. */
static void
spin(struct stress *stress)
{
    const uint64_t until = rig_clock_ns() + rig_random(&stress->random) % 16384;

    while (rig_clock_ns() < until)
        continue;
}

static void
run(const char *dir, uint64_t seed, uint8_t ack_mode)
{
    struct journal_writer_cfg cfg = {.ack_mode = ack_mode, .interval_ns = 3000000};
    struct stress stress = {.random = seed, .seed = seed};
    pthread_t thread;

    rig_open(&stress.rig, dir, &cfg);
    CHECK(pthread_create(&thread, NULL, writer_main, &stress) == 0, "no thread");
    for (unsigned i = 0; i < ROUNDS && ack_mode == CELL_ACK_MODE_DURABLE; i++) {
        publish(&stress, 0);
        await_durable(&stress);
        spin(&stress);
    }
    for (unsigned i = 0; i < BURSTS; i++)
        publish(&stress, (unsigned)(rig_random(&stress.random) % 300));
    if (ack_mode != CELL_ACK_MODE_MEMORY)
        await_durable(&stress);
    __atomic_store_n(&stress.end, 1, __ATOMIC_RELEASE);

    /* Its sleep is long in this mode. */
    if (ack_mode == CELL_ACK_MODE_DURABLE)
        publish(&stress, 0);
    pthread_join(thread, NULL);
    rig_close(&stress.rig);
    rig_expect(dir, &stress.all, stress.all.cnt);
    free(stress.all.cells);
}

int
main(void)
{
    const uint64_t first = rig_seed();
    const unsigned seeds = rig_seeds(10);

    for (uint64_t seed = first; seed < first + seeds; seed++) {
        char dir[64];

        rig_dir_make(dir);
        run(dir, seed,
            (uint8_t)(seed % 4 == 3   ? CELL_ACK_MODE_INTERVAL
                      : seed % 4 == 0 ? CELL_ACK_MODE_MEMORY
                                      : CELL_ACK_MODE_DURABLE));
        rig_dir_remove(dir);
    }
    printf("%u seeds from %llu\n", seeds, (unsigned long long)first);
    return 0;
}
