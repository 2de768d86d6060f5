/*
 * Rig: gateway and engine in one thread over a port in memory, for benchmarks that need
 * no network.
 *
 *   rx of the benchmark - gateway - in-ring - engine - out-ring - gateway - tx of the benchmark
 *
 * One firm, group, account and session each for every session, all as wide as can be.
 * `bench_wire` configures its exchange with the same commands. The order of calls in a
 * turn is that of the embedded layout.
 *
 * Ack mode memory, no journal: what is published may be told. Threads: one.
 */
#ifndef OUTCRY_PERF_RIG_H
#define OUTCRY_PERF_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/sequencer.h"
#include "gateway/gateway.h"
#include "gateway/port.h"
#include "proto/limits.h"

#define RIG_SESSIONS_MAX 4u
#define RIG_KEY          "bench-key"
#define RIG_UDP_PORT     9000u /* the exchange's */

/* rig_memory returns zeroed memory, to be freed. */
void *rig_memory(size_t bytes);

/* rig_name writes the name of a session. */
void rig_name(char name[16], unsigned session);

/* rig_configure enters the commands that a new exchange begins with: as many firms,
 * groups, accounts and sessions as cfg has sessions, and its instruments. The ring has
 * room for 4 cells for each of them and 2 more. */
void rig_configure(struct ring_writer *setup,
                   const struct engine_cfg *cfg,
                   enum cell_ack_mode ack_mode,
                   uint64_t now_ns);

struct rig;

struct rig_cfg {
    struct engine_cfg engine;
    uint32_t retransmit_max;
    bool require_context;
    /* rx fills in up to max datagrams and returns how many; tx sees what was sent, 0 bytes
     * if it was given up; each may be NULL. */
    int (*rx)(struct rig *rig, struct datagram *datagrams, int max);
    void (*tx)(struct rig *rig, const uint8_t *buf, size_t len);
    void *ctx; /* of theirs */
};

struct rig {
    struct port port; /* first: it is the gateway's port */
    struct gateway *gateway;
    struct sequencer sequencer;
    struct ring_writer setup, in, out;
    struct ring_reader setup_reader, in_reader, out_reader;
    struct gateway_session_cfg logins[RIG_SESSIONS_MAX];
    struct rig_cfg cfg;
    uint64_t now_ns;
    void *rooms[5]; /* engine, gateway and rings */

    const uint8_t *request; /* received in place of anything else */
    size_t request_len;
    struct peer request_peer;
    unsigned answer; /* template that was sent last */
    uint8_t buf[DATAGRAM_BYTES_MAX];
};

/* rig_open makes an exchange; rig is zeroed. */
void rig_open(struct rig *rig, const struct rig_cfg *cfg, uint64_t now_ns);

/* rig_close gives its memory back. */
void rig_close(struct rig *rig);

/* rig_turn is one slice of each stage, as the exchange's thread does them. */
static inline void
rig_turn(struct rig *rig, uint64_t now_ns)
{
    rig->now_ns = now_ns;
    (void)gateway_poll(rig->gateway, now_ns);
    if (sequencer_poll(&rig->sequencer, now_ns) > 0)
        (void)gateway_poll(rig->gateway, now_ns);
}

/* rig_peer and rig_uuid are who the client of a session is. */
struct peer rig_peer(unsigned session);
void rig_uuid(uint8_t uuid[16], unsigned session);

/* rig_sign puts credentials behind a request without any that has len bytes; returns
 * what it has then. There is room for them. */
size_t rig_sign(uint8_t *buf, size_t len, unsigned session);

/* rig_log_in negotiates and establishes a session; false if that is refused. */
NODISCARD bool rig_log_in(struct rig *rig, unsigned session, uint64_t now_ns);

#endif
