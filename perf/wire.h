/*
 * Wire: what the two processes of bench_wire share.
 *
 *   core 0  exchange   port - gateway - in-ring - engine - out-ring - gateway - port
 *   core 1  client     open loop: order k is due at start + k * period
 *   core 1  journal    a thread of the exchange that sleeps: out-ring - segment
 *
 * The two are forked before EAL starts, which a process can do once, and talk
 * through the wire alone. Shared memory carries what is measured, never an
 * order. Both read the same clock.
 *
 * Gaps. Each side's loop reads the clock once per turn. A turn that found
 * nothing to do and yet took a microsecond or more was not ours: the machine was
 * elsewhere (interrupt, hypervisor, another process). Such turns are noted with
 * start and end by the side that saw them. A turn that did work is never noted
 * as a gap, however long it took; it is counted if it took LONG_NS or more. The
 * journal's thread runs on the client's core and notes when it was awake: a gap
 * of the client in which it was awake is our doing and stays in the figures.
 *
 * Who writes: each array has one writer, and is read when that one has ended.
 */
#ifndef OUTCRY_PERF_WIRE_H
#define OUTCRY_PERF_WIRE_H

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "gateway/port.h"

#include "perf/wire_flow.h"

#define WIRE_ORDERS_MAX (4u << 20) /* of one step */
#define WIRE_GAPS_MAX   (1u << 18)
#define WIRE_STEPS_MAX  16u
#define WIRE_EAL_MAX    12u
#define WIRE_FOLDER_MAX 96u /* a socket address has 108 bytes */

#define WIRE_UNSENT_BYTES (1u << 20)
#define WIRE_SLOW_MS      10000u

#define GAP_NS        1000u /* memif */
#define GAP_SOCKET_NS 5000u /* an empty turn has a system call for each socket */
#define LONG_NS       20000u

#define WIRE_SERVER_IP    0x0a000001u
#define WIRE_CLIENT_IP    0x0a000002u
#define WIRE_LOCALHOST    0x7f000001u
#define WIRE_UDP_PORT     9000u
#define WIRE_SOURCE_FIRST 50000u

struct wire_gap {
    uint64_t start_ns;
    uint64_t end_ns;
};

struct wire_gaps {
    uint32_t cnt;
    uint32_t lost; /* beyond the array */
    struct wire_gap gaps[WIRE_GAPS_MAX];
};

/* wire_gap_note appends one. */
static inline void
wire_gap_note(struct wire_gaps *gaps, uint64_t start_ns, uint64_t end_ns)
{
    if (gaps->cnt == WIRE_GAPS_MAX) {
        gaps->lost++;
        return;
    }
    gaps->gaps[gaps->cnt++] = (struct wire_gap){start_ns, end_ns};
}

/* One stretch of orders at one rate. */
struct wire_step {
    uint32_t rate; /* orders per second */
    uint32_t orders_cnt;
};

/* What became of a step; latencies in nanoseconds. */
struct wire_result {
    uint32_t rate;
    uint32_t orders_cnt;
    uint32_t answered_cnt;
    uint32_t rejected_cnt;
    uint32_t not_applied_cnt;
    uint64_t retransmits; /* asked for */
    uint64_t late_ns;     /* the most that an order was sent behind its time */
    uint64_t took_ns;     /* from the first order due to the last answer */
    uint32_t p50_ns, p99_ns, p999_ns, max_ns;
    uint32_t clean_cnt; /* orders without a machine gap in flight */
    uint32_t clean_p50_ns, clean_p99_ns, clean_p999_ns, clean_max_ns;
};

struct wire_cfg {
    bool dpdk;        /* memif, or veth; else kernel sockets */
    bool veth;        /* with dpdk: af_packet on the pair of perf/wire_veth.h */
    bool tcp;         /* of these: connections */
    bool durable;     /* ack durable; else memory */
    uint32_t gap_ns;  /* GAP_NS or GAP_SOCKET_NS */
    bool client_naps; /* an idle client gives its core away */
    bool single;      /* an order a datagram, however many are due */
    bool ramp;        /* stop at the first step that loses something twice */
    uint32_t steps_cnt;
    struct wire_step steps[WIRE_STEPS_MAX];
    char folder[WIRE_FOLDER_MAX]; /* for the journal and the memif socket */
};

enum wire_client_state {
    WIRE_CONNECTING,
    WIRE_MEASURING,
    WIRE_DONE
};

struct wire_shared {
    struct wire_cfg cfg;

    /* exchange -> client: 1 once it is polled; its UDP port on a kernel socket */
    _Atomic uint32_t exchange_ready;
    uint16_t udp_port;
    /* client -> exchange: how far it is */
    _Atomic uint32_t client_state; /* enum wire_client_state */

    /* written by the exchange */
    struct wire_gaps exchange_gaps;
    struct wire_gaps journal_awake;
    uint64_t exchange_long_cnt; /* turns with work of LONG_NS or more */
    uint64_t exchange_switches; /* how often another thread was put in its place */
    uint64_t in_ring_full;
    uint64_t exchange_tx_dropped;
    uint64_t commands_cnt;
    uint64_t journal_bytes;
    uint64_t journal_batches;
    char exchange_error[256];

    /* written by the client */
    struct wire_gaps client_gaps;
    uint64_t client_long_cnt;
    uint64_t client_switches;
    uint32_t results_cnt;
    struct wire_result results[WIRE_STEPS_MAX];
    char client_error[256];

    /* of the step in work: when each order was answered, 0 if it was not */
    uint64_t answered_ns[WIRE_ORDERS_MAX];
    uint64_t due_ns[WIRE_ORDERS_MAX];
    uint32_t sorted_ns[WIRE_ORDERS_MAX];
};

/* The two processes; both return the exit code. */
int wire_exchange(struct wire_shared *shared);
int wire_client(struct wire_shared *shared);

/* wire_sort_out computes the figures of the step that is in answered_ns and
 * due_ns. */
void wire_sort_out(struct wire_shared *shared, struct wire_result *result);

/* wire_result_is_whole says that nothing was lost, and that the rate was kept up. */
bool wire_result_is_whole(const struct wire_result *result);

/* wire_clock_ns is the clock of both sides. */
uint64_t wire_clock_ns(void);

/* wire_switches counts how often the calling thread lost its core to another. */
uint64_t wire_switches(void);

/* wire_pin binds the calling thread to a core; false if it may not. */
bool wire_pin(unsigned core);

/* wire_eal fills argv with the EAL arguments of one end of the memif, or of the veth. */
void wire_eal(const struct wire_cfg *cfg,
              bool server,
              char vdev[PATH_MAX],
              const char *argv[WIRE_EAL_MAX]);

#endif
