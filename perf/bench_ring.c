/*
 * What a hop through a ring costs between two threads on two cores.
 *
 *   ping-pong    one cell there and one back through two rings; half of the
 *                round trip is one hop. Median and least of many.
 *   throughput   one way, cells published in batches of 1, 16 and 64.
 *
 * Both threads spin, so the figures mean something only on two idle cores; with
 * one core it is skipped.
 */
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/ring.h"

#define RING_CELLS       4096u
#define HOPS             200000u
#define HOPS_WARM        20000u
#define THROUGHPUT_CELLS (20u * 1000 * 1000)

static uint64_t
now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* The cores of the process, read before the first thread is pinned: threads
 * inherit what their maker was left with. */
static cpu_set_t allowed;

/* pin binds the calling thread to the n-th core that the process may use. */
static void
pin(unsigned n)
{
    cpu_set_t one;

    CPU_ZERO(&one);
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &allowed) && n-- == 0) {
            CPU_SET(cpu, &one);
            if (pthread_setaffinity_np(pthread_self(), sizeof one, &one) == 0)
                return;
        }
    printf("a thread is not pinned: its figures are of little use\n");
}

static struct ring *
ring_new(void)
{
    void *mem = aligned_alloc(RING_ALIGN, ring_footprint(RING_CELLS, 1));

    ASSERT(mem != NULL);
    return ring_init(mem, RING_CELLS, 1);
}

struct pair {
    struct ring *there;
    struct ring *back;
};

static void
send_one(struct ring_writer *writer, uint64_t number)
{
    while (ring_writer_room(writer, 1) == 0)
        ck_pr_stall();
    cell_sink_at(&writer->sink, 0)->words[1] = number;
    writer->sink.pos++;
    ring_publish(writer);
}

static uint64_t
receive_one(struct ring_reader *reader)
{
    while (ring_reader_available(reader, 1) == 0)
        ck_pr_stall();

    const uint64_t number = ring_reader_cell(reader, 0)->words[1];

    ring_reader_advance(reader, 1);
    ring_reader_release(reader);
    return number;
}

static void *
echo(void *arg)
{
    const struct pair *pair = arg;
    struct ring_reader reader;
    struct ring_writer writer;

    pin(1);
    ring_reader_init(&reader, pair->there, 0);
    ring_writer_init(&writer, pair->back);
    for (uint32_t i = 0; i < HOPS + HOPS_WARM; i++)
        send_one(&writer, receive_one(&reader));
    return NULL;
}

static int
compare(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static void
ping_pong(void)
{
    static uint32_t trips_ns[HOPS];
    struct pair pair = {.there = ring_new(), .back = ring_new()};
    struct ring_writer writer;
    struct ring_reader reader;
    pthread_t thread;

    ring_writer_init(&writer, pair.there);
    ring_reader_init(&reader, pair.back, 0);
    if (pthread_create(&thread, NULL, echo, &pair) != 0)
        abort();
    for (uint32_t i = 0; i < HOPS + HOPS_WARM; i++) {
        const uint64_t start_ns = now_ns();

        send_one(&writer, i);
        ASSERT(receive_one(&reader) == i);
        if (i >= HOPS_WARM)
            trips_ns[i - HOPS_WARM] = (uint32_t)(now_ns() - start_ns);
    }
    pthread_join(thread, NULL);
    qsort(trips_ns, HOPS, sizeof trips_ns[0], compare);
    printf("hop one way: median %u ns, p99 %u ns, min %u ns (of %u round trips)\n",
           trips_ns[HOPS / 2] / 2, trips_ns[HOPS / 100 * 99] / 2, trips_ns[0] / 2, HOPS);
    free(pair.there);
    free(pair.back);
}

static void *
drain(void *arg)
{
    const struct pair *pair = arg;
    struct ring_reader reader;
    uint64_t sum = 0;

    pin(1);
    ring_reader_init(&reader, pair->there, 0);
    while (reader.pos < THROUGHPUT_CELLS) {
        const uint64_t cnt = ring_reader_available(&reader, 1);

        for (uint64_t i = 0; i < cnt; i++)
            sum += ring_reader_cell(&reader, i)->words[1];
        ring_reader_advance(&reader, cnt);
        if (cnt > 0)
            ring_reader_release(&reader);
        else
            ck_pr_stall();
    }
    ASSERT(sum == (uint64_t)THROUGHPUT_CELLS * (THROUGHPUT_CELLS - 1) / 2);
    return NULL;
}

static void
throughput(unsigned batch)
{
    struct pair pair = {.there = ring_new()};
    struct ring_writer writer;
    pthread_t thread;

    ring_writer_init(&writer, pair.there);
    if (pthread_create(&thread, NULL, drain, &pair) != 0)
        abort();

    const uint64_t start_ns = now_ns();
    union cell cell = {.words = {0}};

    while (writer.sink.pos < THROUGHPUT_CELLS) {
        while (ring_writer_room(&writer, batch) < batch)
            ck_pr_stall();
        for (unsigned i = 0; i < batch; i++) {
            cell.words[1] = writer.sink.pos;
            ring_write(&writer, &cell, 1);
        }
        ring_publish(&writer);
    }
    pthread_join(thread, NULL);

    const uint64_t took_ns = now_ns() - start_ns;

    printf("throughput, batches of %2u: %6.1f M cells/s (%.2f ns a cell)\n", batch,
           THROUGHPUT_CELLS * 1e3 / (double)took_ns, (double)took_ns / THROUGHPUT_CELLS);
    free(pair.there);
}

int
main(void)
{
    static const unsigned batches[] = {1, 16, 64};

    _Static_assert(THROUGHPUT_CELLS % 64 == 0, "whole batches");
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0 || CPU_COUNT(&allowed) < 2) {
        printf("skipped: two threads that spin need two cores\n");
        return 0;
    }
    pin(0);
    ping_pong();
    for (size_t i = 0; i < ARRAY_LEN(batches); i++)
        throughput(batches[i]);
    return 0;
}
