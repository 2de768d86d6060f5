/*
 * Goal: no polling thread touches its device while a handler runs, nobody
 * waits for ever, and every event is handled.
 * Method: real threads, so a plain program. A control thread parks at the gate
 * and handles bytes that arrive on a socket of memif's kind; handlers and
 * polling threads write the same plain integers, which ThreadSanitizer watches,
 * and a handler looks whether it came into a burst. Meanwhile the main thread takes
 * the floor, and one polling thread serves two seats.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "gateway/eal_gate.h"

#define SEATS  3u
#define EVENTS 2000u
#define BURST  200u /* turns of an empty loop */

#define CHECK(cond) check((cond), #cond, __LINE__)

/* What a handler frees under a polling thread's feet, if it can. */
struct device {
    struct eal_gate_seat seat;
    unsigned touched;
    atomic_bool in_burst;
    atomic_uint bursts;
};

static struct eal_gate gate;
static struct device devices[SEATS];
static unsigned handled;
static atomic_bool ended;
static int sockets[2];

static void
check(bool cond, const char *text, int line)
{
    if (cond)
        return;
    fprintf(stderr, "test_eal_gate.c:%d: %s is false\n", line, text);
    abort();
}

/* handle_event is what memif does between two turns in the control thread. */
static void
handle_event(void)
{
    char byte;

    while (recv(sockets[1], &byte, 1, MSG_DONTWAIT) == 1) {
        for (unsigned i = 0; i < SEATS; i++) {
            CHECK(!atomic_load_explicit(&devices[i].in_burst, memory_order_relaxed));
            devices[i].touched++;
        }
        handled++;
    }
}

static void *
run_control(void *arg)
{
    while (handled < EVENTS) {
        eal_gate_park(&gate);
        handle_event();
    }
    /* A last turn would give up the floor at the next park: there is none. */
    atomic_store(&ended, true);
    return arg;
}

static void
burst(struct device *device)
{
    atomic_store_explicit(&device->in_burst, true, memory_order_relaxed);
    for (unsigned i = 0; i < BURST; i++)
        atomic_signal_fence(memory_order_seq_cst);
    device->touched++;
    atomic_fetch_add_explicit(&device->bursts, 1, memory_order_relaxed);
    atomic_store_explicit(&device->in_burst, false, memory_order_relaxed);
}

/* poll_device receives, and sends whether or not something was received. */
static void
poll_device(struct device *device)
{
    if (!eal_gate_is_shut(&gate, &device->seat))
        burst(device);
    if (!eal_gate_has_yielded(&gate, &device->seat))
        burst(device);
}

/* run_poller serves the devices from the given one on: the first alone, or two
 * of them by turns. */
static void *
run_poller(void *arg)
{
    struct device *device = arg;

    while (!atomic_load_explicit(&ended, memory_order_relaxed)) {
        poll_device(device);
        if (device != devices)
            poll_device(device + 1);
    }
    return NULL;
}

static void
nap_us(long us)
{
    nanosleep(&(const struct timespec){.tv_nsec = us * 1000}, NULL);
}

/* start_device is what a client does whose link went down: it sees what the
 * handlers left, and none of them at work. */
static void
start_device(void)
{
    eal_gate_take_floor(&gate);
    CHECK(handled <= EVENTS);
    eal_gate_give_floor(&gate);
}

/* await_bursts waits until every device was polled again: without events the
 * gate opens. */
static void
await_bursts(void)
{
    for (unsigned i = 0; i < SEATS; i++) {
        const unsigned before = atomic_load(&devices[i].bursts);

        while (atomic_load(&devices[i].bursts) == before)
            nap_us(50);
    }
}

int
main(void)
{
    pthread_t control;
    pthread_t pollers[2];

    alarm(60);
    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets) == 0);
    CHECK(eal_gate_open(&gate) == 0);
    /* Shut until the control thread parks. */
    CHECK(eal_gate_is_shut(&gate, &devices[0].seat));
    for (unsigned i = 0; i < SEATS; i++)
        CHECK(eal_gate_sit(&gate, &devices[i].seat) == 0);
    CHECK(pthread_create(&control, NULL, run_control, NULL) == 0);
    CHECK(pthread_create(&pollers[0], NULL, run_poller, &devices[0]) == 0);
    CHECK(pthread_create(&pollers[1], NULL, run_poller, &devices[1]) == 0);
    for (unsigned sent = 0; sent < EVENTS; sent++) {
        CHECK(send(sockets[0], "x", 1, 0) == 1);
        if (sent % 50 != 0 || sent > EVENTS / 2)
            continue;
        start_device();
        await_bursts();
    }
    CHECK(pthread_join(control, NULL) == 0);
    CHECK(pthread_join(pollers[0], NULL) == 0);
    CHECK(pthread_join(pollers[1], NULL) == 0);
    CHECK(handled == EVENTS);
    for (unsigned i = 0; i < SEATS; i++) {
        CHECK(devices[i].touched == atomic_load(&devices[i].bursts) + EVENTS);
        eal_gate_leave(&gate, &devices[i].seat);
        CHECK(eal_gate_sit(&gate, &devices[i].seat) == 0);
    }
    return 0;
}
