/*
 * Exchange: all stages of one shard, wired as the configuration says.
 *
 *   ports --> gateway --> in-ring ----+                       +--> journal writer --> disk
 *               ^                     +--> sequencer --> out-ring       |
 *               |   desk, admin ring -+     (engine)          +--> gateway
 *               +---- gate: the durable cursor  <-----------------------+
 *
 * With a stage door there is a second gateway beside it, with an in-ring and a reader
 * of the out-ring of its own: it has the ports of kind tcp.
 *
 * exchange_open goes from a folder to an exchange that can serve, in an order
 * in which every refusal comes before the first change on disk:
 *
 *   1. look     folder there and ours (lock), memory enough
 *   2. read     the journal's Genesis against the configuration
 *   3. ports    open them; one that is in use ends it here
 *   4. replay   the newest snapshot that is of use into engine and gateway, then the
 *               journal behind it, verified byte for byte, and each message into
 *               the gateway; without a snapshot the whole journal
 *   5. compare  what never changes (symbol, tick, lot, group, firm) with it
 *   6. recover  the end of the journal; from here on the disk is written
 *   7. command  Genesis if the journal was empty, Restart, then each
 *               difference between configuration and engine, as commands
 *               through the admin ring; all accepted and, in ack mode durable,
 *               all on disk before the ports are polled
 *
 * exchange_run starts the threads of the layout and ends on SIGTERM or SIGINT:
 * the gateway stops, what was accepted is answered (30 s at most), the journal is
 * closed. What it says on stderr is for people, but for one line, which others
 * wait for:
 *
 *   outcry: ready epoch 3 kernel=127.0.0.1:9001 fast=10.99.0.1:9000
 *
 * Threads: open and close belong to one thread; each stage belongs to the
 * thread that the layout gives it to, and to the caller before and after.
 */
#ifndef OUTCRY_TOOLS_EXCHANGE_H
#define OUTCRY_TOOLS_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/engine.h"
#include "engine/ring.h"
#include "engine/sequencer.h"
#include "gateway/gateway.h"
#include "gateway/marks.h"
#include "gateway/port.h"
#include "journal/reader.h"
#include "journal/writer.h"
#include "proto/base.h"
#include "proto/hash.h"

#include "tools/admin.h"
#include "tools/config.h"
#include "tools/space.h"

/* For the reason of a refusal: one line. */
#define EXCHANGE_WHY_BYTES (PATH_MAX + 1024)

/* Memory as it was taken, to give it back. */
struct exchange_memory {
    void *mem;
    size_t bytes;
};

struct exchange_recovered {
    uint64_t commands_cnt;
    uint64_t last_seq;
    uint64_t dropped_cells;
    uint64_t zeroed_bytes;
    uint64_t elapsed_ns;
    unsigned threads; /* that replayed: 2 where there is a second core */
    struct hash128 state_hash;
};

struct exchange {
    const struct config *config;
    uint32_t epoch;
    uint64_t config_hash;
    uint64_t binary_hash;
    struct exchange_recovered recovered;
    struct journal_end end;
    uint64_t first_seq;        /* in the journal; more than 1: it was pruned, 0: empty */
    struct journal_place from; /* behind the snapshot that was taken up; page_no 0: none */
    int lock;                  /* descriptor of the journal's lock, -1: none */

    struct engine *engine;
    struct gateway *gateway;
    struct gateway *door; /* NULL: the layout has none */
    struct gateway_session_cfg *sessions;
    struct journal_writer *journal;
    struct port *ports[CONFIG_PORTS_MAX];
    unsigned ports_cnt;
    uint16_t udp_ports[CONFIG_PORTS_MAX]; /* as bound */

    struct exchange_memory engine_memory;
    struct exchange_memory gateway_memory;
    struct exchange_memory door_memory;
    struct exchange_memory in_memory;
    struct exchange_memory door_in_memory;
    struct exchange_memory admin_memory;
    struct exchange_memory out_memory;

    struct ring_writer in_writer;    /* gateway's */
    struct ring_reader in_reader;    /* sequencer's */
    struct ring_writer door_writer;  /* door's */
    struct ring_reader door_reader;  /* sequencer's */
    struct ring_writer admin_writer; /* ours; the desk's in exchange_run */
    struct ring_reader admin_reader; /* sequencer's */
    struct ring_writer out_writer;   /* sequencer's */
    struct ring_reader out_journal;  /* journal's */
    struct ring_reader out_gateway;  /* ours until the ports are polled, then the gateway's */
    struct ring_reader out_door;     /* and this the door's */
    struct sequencer sequencer;
    struct marks taken[2]; /* of the out-ring: by the engine's thread, for gateway and door */
    struct space space;    /* looked at by who calls exchange_run */
    struct desk desk;      /* between the next and the engine's stage */
    struct admin admin;    /* polled by the gateway's thread */
};

/* exchange_open makes it ready to run; 0, or -1 with a line in why, and then
 * there is nothing to close. Signals that end it are blocked from here on. */
NODISCARD int
exchange_open(struct exchange *exchange, const struct config *config, char why[EXCHANGE_WHY_BYTES]);

/* exchange_run serves until a signal. 0, or -1 with a line in why if threads
 * cannot be started. */
NODISCARD int exchange_run(struct exchange *exchange, char why[EXCHANGE_WHY_BYTES]);

/* exchange_close writes and syncs what is left, and gives everything back. */
void exchange_close(struct exchange *exchange);

/* exchange_command puts one command through admin ring and sequencer and
 * returns its outcome. Before exchange_run only. */
enum oe_reject_reason
exchange_command(struct exchange *exchange, const union cell *cells, unsigned count);

/* exchange_pump lets the sequencer and the journal do one slice. */
void exchange_pump(struct exchange *exchange);

/* exchange_check_fixed refuses a configuration that contradicts what the engine
 * can never change; exchange_configure sends the differences. Both: 0, or -1
 * with a line in why. */
NODISCARD int exchange_check_fixed(const struct engine *engine,
                                   const struct config *config,
                                   char why[EXCHANGE_WHY_BYTES]);
NODISCARD int exchange_configure(struct exchange *exchange, char why[EXCHANGE_WHY_BYTES]);

/* What the journal has and the configuration does not name. */
struct exchange_unnamed {
    unsigned firms;
    unsigned groups;
    unsigned accounts;
    unsigned instruments;
    unsigned sessions;
};
void exchange_count_unnamed(const struct exchange *exchange, struct exchange_unnamed *unnamed);

#endif
