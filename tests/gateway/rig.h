/*
 * Rig: clients, network, gateway, engine and rings in one thread, on virtual
 * time.
 *
 *   client -- net -- gateway -- in-ring -- engine -- out-ring -- log
 *     \____________________________________________ publisher <-- durable
 *
 * All but the network and the clock is the real thing. The log stands for the
 * journal: rig_restart throws engine and gateway away and makes them again from
 * the cells in it, as a restart of the process does, and asserts that the
 * replay gives the same bytes. Every other time it goes through a snapshot: of half
 * of the log another gateway learns, that has no ports and keeps more, and both
 * are taken up from their images.
 *
 * Parties: one firm, group and instrument (tick 0.01); account a for session a;
 * session s is called "BROKER<s>", has the key "key-<s>".
 *
 * No Criterion in here: the fuzzers use it too.
 */
#ifndef OUTCRY_TESTS_GATEWAY_RIG_H
#define OUTCRY_TESTS_GATEWAY_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/engine.h"
#include "engine/ring.h"
#include "engine/sequencer.h"
#include "gateway/client.h"
#include "gateway/gateway.h"
#include "gateway/history.h"
#include "gateway/marks.h"
#include "proto/orders.h"

#include "tests/gateway/port_pair.h"

#define RIG_SESSIONS     4u
#define RIG_CLIENTS_MAX  6u
#define RIG_LOG_MAX      (1u << 18)
#define RIG_REPORTS_MAX  (1u << 15)
#define RIG_RETRANSMIT   4096u
#define RIG_KEEPALIVE_MS 500u
#define RIG_START_NS     1700000000000000000ull
#define RIG_MS           1000000ull
#define RIG_SERVER_IP    0x0a000001u
#define RIG_SERVER_PORT  9000u
#define RIG_DOOR_CLIENT  4u /* the first whose net is that of the second gateway */

struct rig_report {
    uint64_t no;
    uint32_t len;
    uint8_t bytes[128];
};

struct rig_client {
    struct client *client; /* NULL: not there */
    struct port *port;
    uint16_t session;
    uint8_t uuid[16];
    uint32_t reports_cnt;
    struct rig_report *reports;
    uint64_t not_applied_cnt; /* numbers, not messages */
    uint64_t not_applied_from;
    void (*on_not_applied)(struct rig_client *, uint64_t from, uint64_t count);
    void *ctx;
    bool frozen; /* neither receives nor polls */
};

struct rig {
    struct net net;
    struct net door_net; /* of the second gateway: connections */
    bool two;            /* there is one */
    struct gateway *door;
    struct port *door_server;
    struct ring_writer door_writer;
    struct ring_reader door_reader;
    struct ring_reader out_door;
    struct engine_cfg engine_cfg;
    struct engine *engine;
    struct gateway *gateway;
    struct gateway_session_cfg sessions[RIG_SESSIONS];
    struct port *server;
    struct port *soup; /* NULL: none; then all sessions speak FIXP */

    /* Old reports out of the log, as they come out of the journal. */
    struct history *history; /* NULL: none */
    void *history_memory[3];
    struct ring_writer asks;
    struct ring_reader asks_reader;
    struct ring_writer told;
    struct ring_reader told_reader;
    uint64_t history_at; /* cells of the log that were read */
    bool hold_history;   /* that disk is stuck */
    bool lost_history;   /* that disk is gone */
    bool remembers;      /* there is a history */

    void *rings[4];
    struct ring_writer in_writer;
    struct ring_reader in_reader;
    struct ring_writer admin_writer;
    struct ring_reader admin_reader;
    struct ring_writer out_writer;
    struct ring_reader out_gateway;
    struct ring_reader out_log;
    struct sequencer sequencer;
    struct marks taken[2]; /* of the out-ring, as tools have it */
    uint64_t send_after;   /* ns of the clock that receipts are sent by, behind the net's */
    bool by_snapshot;      /* the next restart */

    union cell *log;
    uint64_t log_cnt;       /* cells */
    uint64_t run_cnt;       /* of these, before this run */
    uint64_t durable;       /* position of this run's out-ring */
    bool hold_durable;      /* the disk is stuck */
    bool hold_engine;       /* the engine is stuck */
    bool copied;            /* session RIG_COPY is a drop copy */
    bool throttle_queue;    /* so too */
    uint32_t message_max;   /* so too; 0: default */
    bool require_context;   /* so too, and of new clients */
    bool plain_credentials; /* of the gateway from the next restart on */
    uint32_t in_cells;      /* size of the in-ring */
    struct rig_client clients[RIG_CLIENTS_MAX];
};

/* rig_new makes an exchange that is up, with no client; in_cells 0: default. */
struct rig *rig_new(uint64_t seed, uint8_t ack_mode, uint32_t in_cells);
void rig_free(struct rig *rig);

/* rig_new_copied is rig_new with the last session as the drop copy of the firm. */
#define RIG_COPY (RIG_SESSIONS - 1)
struct rig *rig_new_copied(uint64_t seed);

/* rig_new_soup is rig_new with a port for connections of SoupBinTCP, which is the
 * caller's. Sessions 2 and 3 speak OUCH: users BROK2 and BROK3, passwords key-2 and
 * key-3, firms FRM2 and FRM3. Reports that are not kept come out of the log;
 * rig_new_soup_alone has no way to them. */
struct rig *rig_new_soup(uint64_t seed, uint8_t ack_mode, struct port *soup);
struct rig *rig_new_soup_alone(uint64_t seed, struct port *soup);

/* rig_new_stream is rig_new with connections in the place of datagrams; rig_cut ends
 * that of a client, without a word of either side. */
struct rig *rig_new_stream(uint64_t seed);
void rig_cut(struct rig_client *rc);

/* rig_new_two is rig_new with a second gateway, over connections, which has an
 * in-ring of its own; clients from RIG_DOOR_CLIENT on are its. */
struct rig *rig_new_two(uint64_t seed);

/* rig_step lets ns pass and then everybody poll once. */
void rig_step(struct rig *rig, uint64_t ns);

/* rig_run lets ms pass in steps of a tenth of one; rig_wait in steps of one. */
void rig_run(struct rig *rig, unsigned ms);
void rig_wait(struct rig *rig, unsigned ms);

/* rig_restart ends engine and gateway at once and starts them from the log. */
void rig_restart(struct rig *rig, uint8_t ack_mode);

/* rig_hash is the engine's state. */
struct hash128 rig_hash(const struct rig *rig);

/* rig_admin gives a command of the exchange itself. */
void rig_admin(struct rig *rig, const union cell *cells, unsigned count);

/* rig_client makes client i for a session, and its port; not connected. */
struct rig_client *rig_client(struct rig *rig, unsigned i, uint16_t session);

/* rig_client_new is rig_client with a cfg that the test has changed; rig fills
 * in port, server and callbacks. */
void rig_client_cfg(struct rig *rig, unsigned i, struct client_cfg *cfg);
struct rig_client *
rig_client_new(struct rig *rig, unsigned i, uint16_t session, struct client_cfg *cfg);

/* rig_client_drop forgets the client, without a word to the exchange. */
void rig_client_drop(struct rig_client *rc);

/* rig_connect makes client i and brings it to CLIENT_ESTABLISHED. */
struct rig_client *rig_connect(struct rig *rig, unsigned i, uint16_t session);

/* rig_resume makes client i again, with the session and numbers of the one
 * before, and connects it. */
struct rig_client *rig_resume(struct rig *rig, unsigned i);

/* rig_order sends a limit order; returns its number. */
uint64_t rig_order(struct rig *rig, struct rig_client *rc, uint64_t clord, bool sell, int64_t px);

/* rig_sign puts the credentials of a session behind an encoded Negotiate or
 * Establish that has none; returns the new length. */
size_t rig_sign(const struct rig *rig, uint16_t session, uint8_t *buf, size_t len);

/* rig_raw sends bytes as the client of that port would. */
void rig_raw(struct rig *rig, struct port *port, const void *bytes, size_t len);

/* rig_template returns the SBE template of a report, rig_last the last report. */
unsigned rig_template(const struct rig_report *report);
const struct rig_report *rig_last(const struct rig_client *rc);

/*
 * A trap sees each datagram before the net does, loses some of them and keeps
 * the last one, so that a test can send it again.
 */
struct trap {
    unsigned template_id; /* of its first message; 0: any */
    bool from_server;
    unsigned lose_cnt; /* of the next ones */
    unsigned seen_cnt;
    struct net_packet last;
};

/* trap_set makes it the trap of the net; there is one. */
void trap_set(struct rig *rig, struct trap *trap);

/* rig_again sends a datagram once more, as the net sometimes does. */
void rig_again(struct rig *rig, const struct net_packet *packet);

struct gateway_stats rig_stats(const struct rig *rig);
enum engine_session_state rig_session_state(const struct rig *rig, uint16_t session);

#endif
