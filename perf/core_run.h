/*
 * Core run: a flow through the engine or through the plain book, and the time.
 *
 *   core_check      both, cell by cell: the same commands must cause the same
 *                   cells (order ids translated), or nothing is measured
 *   core_time       one run in one way; each begins with a book loaded anew
 *   core_latency    the time-stamp counter around each command
 *   core_memory     what a resting order, the levels and the id map take
 *
 * Ways. The plain ones read commands from memory and write cells to a sink of
 * FLOW_OUT_CELLS that nobody reads; they are timed by CLOCK_THREAD_CPUTIME_ID,
 * so that a busy machine spoils the caches but not the clock. "Ahead" calls the
 * engine's hints as far ahead as the sequencer does. "Read" writes to a ring,
 * published every 16 commands, whose reader on another core hashes each cell;
 * it is timed by CLOCK_MONOTONIC_RAW, up to the reader's last cell. "Queued" is
 * the sequencer (or the plain book in a loop of the same form, without the
 * sequencer's validation of cells), from an in-ring that holds all commands at
 * the start to an out-ring that the same thread empties without looking.
 */
#ifndef OUTCRY_PERF_CORE_RUN_H
#define OUTCRY_PERF_CORE_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "perf/core_flow.h"
#include "perf/rbtree_book.h"

#define CORE_BURST 16u

enum core_way {
    CORE_COPY, /* the cells alone, in to out */
    CORE_APPLY,
    CORE_AHEAD,
    CORE_TREE,
    CORE_AHEAD_READ,
    CORE_TREE_READ,
    CORE_COPY_READ, /* the cells alone: what ring and reader bear */
    CORE_QUEUED,
    CORE_TREE_QUEUED,
    CORE_WAYS
};

struct core {
    struct flow *flow;
    struct engine_cfg cfg; /* of the engine: its no_risk may be changed between runs */
    void *engine_mem;
    size_t engine_bytes;
    struct rbtree_book_cfg tree_cfg;
    struct rbtree_book *tree;
    struct cell_sink out;
    enum flow_naming naming; /* of the engine's commands */
    uint64_t out_cells_cnt;  /* that a whole run causes; set by core_check */
    uint64_t event_hash;     /* of them, set by core_check */
    bool checked;            /* core_check has set these and the state: */
    struct hash128 state;    /* of the engine behind the run */
};

const char *core_way_name(enum core_way way);

/* core_init gets memory for a flow's books, core_fini gives it back. The flow
 * stays the caller's. */
void core_init(struct core *core, struct flow *flow);
void core_fini(struct core *core);

/* core_compare ends the program if an engine that has done the whole flow is not
 * where core_check has seen it: runs do what single commands do. */
void core_compare(const struct core *core, const struct engine *engine);

/* core_load_engine and core_load_tree bring a book to where the commands begin,
 * and name the orders in the commands for it. */
struct engine *core_load_engine(struct core *core);
struct rbtree_book *core_load_tree(struct core *core);

/* core_check compares the books; it ends the program where they differ. */
void core_check(struct core *core);

/* core_time runs the first commands_cnt commands and returns nanoseconds. */
double core_time(struct core *core, enum core_way way, uint32_t commands_cnt);

/* Private to core_run: the ways that need rings. */
double core_time_rings(struct core *core, enum core_way way, uint32_t cells_cnt);

/* core_now_ns reads a clock; core_pin binds the thread to one of the process's
 * cores, 0 or 1, false if there is no such core; core_unpin lets it and the threads that it
 * makes use all of them again, and returns how many there are. */
uint64_t core_now_ns(int clock);
bool core_pin(unsigned n);
unsigned core_unpin(void);

/* Percentiles of the time of one command, the counter's own cost subtracted.
 * A sample above 1 us of a command that took less in another run is not the
 * engine's: it is counted as a gap of the machine, and is in raw alone. */
struct core_latency {
    double p50_ns;
    double p99_ns;
    double p999_ns;
    double raw_p999_ns;
    double raw_max_ns;
    double gap_share;
    double timer_ns;
};

/* core_latency measures `repeats` runs of the engine (tree: the plain book) in
 * the way CORE_APPLY and returns the medians of their percentiles. */
struct core_latency core_latency(struct core *core, bool tree, unsigned repeats);

struct core_memory {
    double bytes_per_order; /* all that grows with orders_max but the id map */
    double id_map_per_order;
    uint64_t pages_bytes; /* of the levels, as the loaded book uses them */
    uint32_t levels_cnt;
    double tree_bytes_per_order; /* the plain book's, hash tables beside */
};
struct core_memory core_memory(struct core *core);

#endif
