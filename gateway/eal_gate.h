/*
 * EAL gate: keeps DPDK's control thread out of a device that is being polled.
 *
 * When the other end of a memif device goes away, DPDK's control thread unmaps
 * the memory of the rings, and nothing stops it from doing so while the polling
 * thread is inside a burst: an exchange would end by a segmentation fault
 * because a client did. So the control thread is made to ask first.
 *
 *   control thread                           polling threads
 *   parked in eal_gate_park: sleeps until    burst, burst, burst ...
 *   a memif socket has something to say
 *   turn becomes odd                ------>  at the next receive: yielded = turn,
 *   waits until every seat yielded  <------  no burst while turn is odd
 *   takes the floor, returns to EAL, which
 *   runs the handlers, then parks again:
 *   gives up the floor, turn becomes even    burst, burst, burst ...
 *
 * The handlers run for some 100 us when a peer comes or goes, and at no other
 * time; until then the gate costs a polling thread one load of a line that it
 * shares with nobody who writes. A polling thread never blocks at the gate, so
 * several devices may be polled by one thread.
 *
 * Invariants
 *  1. A handler runs only while turn is odd, every seat has yielded to that
 *     turn, and the floor is taken.
 *  2. Who starts or stops a device holds the floor.
 *  3. turn is written by the control thread; yielded by the seat's thread.
 *
 * While a seat is not polled, the control thread waits, and so do the peers.
 */
#ifndef OUTCRY_GATEWAY_EAL_GATE_H
#define OUTCRY_GATEWAY_EAL_GATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "proto/base.h"

#define EAL_GATE_SEATS_MAX 32u

struct eal_gate_seat {
    atomic_uint yielded; /* the turn that this thread has made room for */
};

struct eal_gate {
    CACHE_ALIGNED atomic_uint turn; /* odd: the control thread wants or has the floor */
    CACHE_ALIGNED pthread_mutex_t floor;
    pthread_mutex_t seats_lock;
    struct eal_gate_seat *seats[EAL_GATE_SEATS_MAX];
    int wake_fd;
    bool has_floor; /* of the control thread alone */
};

/* eal_gate_open: 0 or -errno. Nobody is seated, and the gate is shut until the
 * control thread parks for the first time. */
NODISCARD int eal_gate_open(struct eal_gate *gate);

/* eal_gate_park is called by the control thread, again and again; it returns
 * when that thread has the floor, and the next call gives it up. */
void eal_gate_park(struct eal_gate *gate);

/* eal_gate_sit makes a polling thread one that is asked; -ENOSPC: too many.
 * eal_gate_leave ends that. The caller has the floor for both. */
NODISCARD int eal_gate_sit(struct eal_gate *gate, struct eal_gate_seat *seat);
void eal_gate_leave(struct eal_gate *gate, const struct eal_gate_seat *seat);

/* eal_gate_take_floor waits while handlers run. eal_gate_give_floor makes the
 * control thread look again for sockets, since there may be others now. */
void eal_gate_take_floor(struct eal_gate *gate);
void eal_gate_give_floor(struct eal_gate *gate);

/* eal_gate_yield makes room for the turn. The control thread may need the core
 * that this thread spins on, so that is given away too. */
COLD void eal_gate_yield(struct eal_gate_seat *seat, unsigned turn);

/* eal_gate_has_yielded says whether the device of the seat may not be touched
 * now. As long as the seat has not yielded to a turn, the turn waits. */
static inline bool
eal_gate_has_yielded(struct eal_gate *gate, struct eal_gate_seat *seat)
{
    /* A2 pairs with R2 */
    const unsigned turn = atomic_load_explicit(&gate->turn, memory_order_acquire);

    return UNLIKELY((turn & 1) != 0) &&
           atomic_load_explicit(&seat->yielded, memory_order_relaxed) == turn;
}

/* eal_gate_is_shut yields to a turn that waits, and says whether there is one:
 * then the device may not be touched. Asked where a thread has nothing under
 * way, before it receives. */
static inline bool
eal_gate_is_shut(struct eal_gate *gate, struct eal_gate_seat *seat)
{
    /* A2 pairs with R2 */
    const unsigned turn = atomic_load_explicit(&gate->turn, memory_order_acquire);

    if (LIKELY((turn & 1) == 0))
        return false;
    eal_gate_yield(seat, turn);
    return true;
}

#endif
