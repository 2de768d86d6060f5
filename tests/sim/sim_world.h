/*
 * World: a whole exchange, its disk, its network and its brokers in one thread
 * on virtual time.
 *
 *   brokers -- net -- gateway -- in-ring -- sequencer -- out-ring -- writer -- sim_disk
 *      |                 \__________________________________|_ durable cursor
 *   ledgers                                                 witness
 *
 * All but network, disk and clock is the real thing: what a broker is told is
 * what the publisher lets out. sim_world_start does what `outcry serve` does at a
 * start, in its order: reader and replay, judge, recovery, writer, Restart, what
 * is missing of the configuration. sim_world_run lets one stage after the other
 * do a slice of work, in an order that comes from the seed, until the power goes.
 */
#ifndef OUTCRY_TESTS_SIM_WORLD_H
#define OUTCRY_TESTS_SIM_WORLD_H

#include "engine/sequencer.h"
#include "gateway/gateway.h"
#include "journal/reader.h"
#include "journal/writer.h"

#include "tests/e2e/broker.h"
#include "tests/gateway/port_pair.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_witness.h"

#define SIM_SHARD    3u
#define SIM_SESSIONS 4u
#define SIM_START_NS 1700000000000000000ull

/* How a start went. */
enum sim_start {
    SIM_UP,
    SIM_REFUSED, /* the journal is damaged, and why says where */
    SIM_FAILED   /* a call failed: the next start may do */
};

/* Where a broker is. */
enum trader_phase {
    TRADER_OFF,
    TRADER_CONNECTING,
    TRADER_CLEANING, /* a mass cancel behind a lossy run */
    TRADER_UP
};

struct trader {
    struct broker broker;
    enum trader_phase phase;
    bool is_known;  /* it was established under its UUID */
    bool is_unsure; /* and it lost that; what is live is not known */
    uint64_t retry_ns;
};

struct sim_world {
    uint64_t seed;
    uint64_t random;
    uint8_t ack_mode;
    uint32_t window;
    uint32_t batch_pages;
    struct net net;
    struct port *server;
    struct gateway_session_cfg sessions[SIM_SESSIONS];
    struct engine_cfg engine_cfg;
    struct trader traders[BROKERS];
    struct sim_witness witness;

    /* Of this run. */
    void *engine_mem;
    void *gateway_mem;
    void *rings[3];
    struct engine *engine;
    struct gateway *gateway;
    struct journal_writer *writer;
    const uint64_t *durable; /* NULL: nothing of this run is */
    size_t run_cells;        /* of the witness, before this run */
    size_t must_cells;       /* acknowledged when the last run ended */
    struct ring_writer in_writer;
    struct ring_reader in_reader;
    struct ring_writer admin_writer;
    struct ring_reader admin_reader;
    struct ring_writer out_writer;
    struct ring_reader out_journal;
    struct ring_reader out_gateway;
    struct ring_reader out_witness;
    struct sequencer sequencer;
    struct journal_end end;
    struct journal_fault fault;
    struct journal_place from; /* of the snapshot that was taken up; page_no 0: none */
    uint64_t follow_every;     /* slices, about; 0: nobody follows */
    uint64_t snapshots_cnt;    /* that were written, and taken up */
    uint64_t restored_cnt;
    uint64_t low_cnt; /* times that the disk was low */
    bool told_low;
    bool blind; /* a lie at the very end may take what was acknowledged */

    uint64_t requests_cnt;
    uint64_t segments_max; /* highest segment in use */
    char why[1400];
};

struct sim_world *sim_world_new(uint64_t seed, uint8_t ack_mode);
void sim_world_free(struct sim_world *world);

/* sim_world_start starts the exchange on what is on disk. */
enum sim_start sim_world_start(struct sim_world *world);

/* sim_world_run runs it for so many slices. */
void sim_world_run(struct sim_world *world, uint64_t slices);

/* sim_world_end takes away what a run had, after it ended anyhow: the disk has
 * crashed, or sim_world_stop has closed the journal. */
void sim_world_end(struct sim_world *world);

/* sim_world_settle makes the world good, lets all be answered and cancels all that
 * is live; sim_world_stop writes what is left and closes. */
void sim_world_settle(struct sim_world *world);
void sim_world_stop(struct sim_world *world);

/* sim_world_why returns "" or what is wrong: ledgers, witness or world. */
const char *sim_world_why(const struct sim_world *world);

#endif
