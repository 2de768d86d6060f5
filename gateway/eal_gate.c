#include "gateway/eal_gate.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Descriptors that are looked at, from 0, and sockets that are watched. */
#define FDS_MAX     1024
#define SOCKETS_MAX 64u

/* Between two looks at whether the polling threads have yielded. */
#define YIELD_LOOK_NS 5000

COLD int
eal_gate_open(struct eal_gate *gate)
{
    memset(gate, 0, sizeof *gate);
    atomic_store_explicit(&gate->turn, 1, memory_order_relaxed);
    (void)pthread_mutex_init(&gate->floor, NULL);
    (void)pthread_mutex_init(&gate->seats_lock, NULL);
    gate->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return gate->wake_fd < 0 ? -errno : 0;
}

/* wake makes a parked control thread look at the sockets and seats anew. */
static void
wake(const struct eal_gate *gate)
{
    const uint64_t one = 1;

    /* A counter that is full wakes as well, so a failure means nothing. */
    (void)!write(gate->wake_fd, &one, sizeof one);
}

/* is_control_socket knows memif's sockets by their kind, which nothing else in
 * the process has: DPDK does not tell their numbers. */
static bool
is_control_socket(int fd)
{
    int domain = 0;
    int type = 0;
    socklen_t bytes = sizeof domain;

    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &bytes) != 0 || domain != AF_UNIX)
        return false;
    bytes = sizeof type;
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &bytes) == 0 && type == SOCK_SEQPACKET;
}

/* await_sockets sleeps until one of memif's sockets is readable or closed. */
static void
await_sockets(struct eal_gate *gate)
{
    struct pollfd fds[1 + SOCKETS_MAX];
    uint64_t wakes;

    for (;;) {
        nfds_t cnt = 1;
        int ready;

        fds[0] = (struct pollfd){.fd = gate->wake_fd, .events = POLLIN};
        for (int fd = 0; fd < FDS_MAX && cnt < ARRAY_LEN(fds); fd++) {
            if (is_control_socket(fd))
                fds[cnt++] = (struct pollfd){.fd = fd, .events = POLLIN};
        }
        ready = poll(fds, cnt, -1);
        if (ready > 0 && fds[0].revents != 0) {
            (void)!read(gate->wake_fd, &wakes, sizeof wakes);
            ready--;
        }
        if (ready > 0)
            return;
    }
}

/* all_yielded says whether every seat has made room for the turn. */
static bool
all_yielded(struct eal_gate *gate, unsigned turn)
{
    bool all = true;

    pthread_mutex_lock(&gate->seats_lock);
    for (size_t i = 0; i < EAL_GATE_SEATS_MAX; i++) {
        struct eal_gate_seat *seat = gate->seats[i];

        /* A1 pairs with R1 */
        if (seat != NULL && atomic_load_explicit(&seat->yielded, memory_order_acquire) != turn)
            all = false;
    }
    pthread_mutex_unlock(&gate->seats_lock);
    return all;
}

void
eal_gate_park(struct eal_gate *gate)
{
    unsigned turn = atomic_load_explicit(&gate->turn, memory_order_relaxed);

    ASSERT((turn & 1) == 1);
    if (gate->has_floor)
        pthread_mutex_unlock(&gate->floor);
    gate->has_floor = false;
    atomic_store_explicit(&gate->turn, ++turn, memory_order_release); /* R2 pairs with A2 */
    await_sockets(gate);
    atomic_store_explicit(&gate->turn, ++turn, memory_order_release);
    for (;;) {
        while (!all_yielded(gate, turn))
            nanosleep(&(const struct timespec){.tv_nsec = YIELD_LOOK_NS}, NULL);
        pthread_mutex_lock(&gate->floor);
        /* Somebody may have sat down who has not been asked. */
        if (all_yielded(gate, turn))
            break;
        pthread_mutex_unlock(&gate->floor);
    }
    gate->has_floor = true;
}

void
eal_gate_yield(struct eal_gate_seat *seat, unsigned turn)
{
    atomic_store_explicit(&seat->yielded, turn, memory_order_release); /* R1 pairs with A1 */
    sched_yield();
}

COLD int
eal_gate_sit(struct eal_gate *gate, struct eal_gate_seat *seat)
{
    int error = -ENOSPC;

    pthread_mutex_lock(&gate->seats_lock);
    for (size_t i = 0; i < EAL_GATE_SEATS_MAX && error != 0; i++) {
        if (gate->seats[i] != NULL)
            continue;
        gate->seats[i] = seat;
        error = 0;
    }
    pthread_mutex_unlock(&gate->seats_lock);
    return error;
}

COLD void
eal_gate_leave(struct eal_gate *gate, const struct eal_gate_seat *seat)
{
    pthread_mutex_lock(&gate->seats_lock);
    for (size_t i = 0; i < EAL_GATE_SEATS_MAX; i++) {
        if (gate->seats[i] == seat)
            gate->seats[i] = NULL;
    }
    pthread_mutex_unlock(&gate->seats_lock);
}

COLD void
eal_gate_take_floor(struct eal_gate *gate)
{
    pthread_mutex_lock(&gate->floor);
}

COLD void
eal_gate_give_floor(struct eal_gate *gate)
{
    pthread_mutex_unlock(&gate->floor);
    wake(gate);
}
