/*
 * Exchange: the whole of it behind one port of the wire, but for the disk, which is an
 * array of cells that is written late.
 *
 *   port -- gateway -- in-ring -- sequencer -- out-ring -+-- log --late--> durable
 *             \_______________________________publisher__|_________________/
 *
 * The journal writes one batch at a time: what was published when the one before was
 * done. A batch takes lag_ns and up to jitter_ns more of virtual time; then the
 * durable cursor, the gate of the publisher in ack mode durable, moves to its end.
 *
 * net_exchange_die throws everything away but the log up to the cursor, and what of the
 * batch under way had come to the disk. net_exchange_start makes engine and gateway of
 * that as `outcry serve` does: apply each command again, which must make the bytes that
 * it made before; tell the gateway; Restart. One start in four takes up the images of
 * an engine and a gateway that had come to some place of the log, and applies only what
 * is behind it. The first start has nothing to replay
 * and configures: each broker has a firm, a group, an account and a session of its own.
 */
#ifndef OUTCRY_TESTS_SIM_NET_EXCHANGE_H
#define OUTCRY_TESTS_SIM_NET_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/engine.h"
#include "engine/ring.h"
#include "engine/route.h"
#include "engine/sequencer.h"
#include "gateway/gateway.h"

#include "tests/e2e/broker.h"

#define NET_SHARD        2u
#define NET_KEEPALIVE_MS 500u
#define NET_LOG_MAX      32768u

/* Of so many seeds one has an exchange that requires Context, whatever its ack mode. */
#define NET_CONTEXT_EVERY 3u

struct net_exchange {
    uint64_t random;
    uint8_t ack_mode;
    bool require_context;
    uint32_t in_cells;
    uint32_t disconnect_ms; /* cancel on disconnect, of session 0; 0: not */
    struct port *port;
    struct gateway_session_cfg sessions[BROKERS];
    struct engine_cfg engine_cfg;

    /* Of this run; the memory is taken once and cleared for each. */
    bool up;
    void *engine_mem;
    void *gateway_mem;
    void *route_mem;
    void *half_mem; /* engine and gateway that come to a place of the log */
    void *keeper_mem;
    void *rings[3];
    struct engine *engine;
    struct gateway *gateway;
    struct route *route; /* counts what is in the log */
    struct ring_writer in_writer;
    struct ring_reader in_reader;
    struct ring_writer admin_writer;
    struct ring_reader admin_reader;
    struct ring_writer out_writer;
    struct ring_reader out_gateway;
    struct ring_reader out_log;
    struct sequencer sequencer;

    /* The disk. */
    uint64_t lag_ns;
    uint64_t jitter_ns;
    union cell *log; /* NET_LOG_MAX */
    uint64_t log_cnt;
    uint64_t run_cnt;      /* cells of it before this run */
    uint64_t told_cnt;     /* that the route has */
    uint64_t durable;      /* position of this run's out-ring */
    uint64_t batch_end;    /* likewise, of the batch under way */
    uint64_t batch_due_ns; /* 0: none is */

    uint64_t starts_cnt;
    uint64_t images_cnt; /* of all lives: starts that took up images */
    char why[200];       /* "" or what is wrong */
};

/* net_exchange_init takes the memory; net_exchange_fini gives it back. */
void net_exchange_init(struct net_exchange *exchange);
void net_exchange_fini(struct net_exchange *exchange);

/* net_exchange_new forgets all of the life before; net_exchange_start starts on
 * what is in the log. */
void
net_exchange_new(struct net_exchange *exchange, uint64_t seed, uint8_t ack_mode, struct port *port);
void net_exchange_start(struct net_exchange *exchange, uint64_t now_ns);

/* net_exchange_die ends it at once. */
void net_exchange_die(struct net_exchange *exchange);

/* net_exchange_disk lets the journal work; returns cells and batches done. */
uint64_t net_exchange_disk(struct net_exchange *exchange, uint64_t now_ns);

/* net_exchange_idle tells whether nothing is in rings or on its way to the disk. */
bool net_exchange_idle(struct net_exchange *exchange);

/* net_exchange_replays tells whether an engine of its own comes to the same state. */
bool net_exchange_replays(struct net_exchange *exchange);

#endif
