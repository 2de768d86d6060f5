/*
 * Core flow: the commands that bench_core measures with, made from a seed.
 *
 *   setup        fill                       commands, in memory
 *   instruments  new orders that rest       cells one behind the other, a new
 *   (parties)    (made anew each time,      order or cancel one, a replace two
 *                not kept: 10 M of them)
 *
 * A flow is made by running an engine on it once: the machine is deterministic,
 * so the order ids that the engine gave while the flow was made are those that
 * it gives in every run, and the cancels and replaces can name them. What the
 * generators need to know of the book (which orders live, what a replace names
 * after a fill) they learn from the events of that run, as a client would.
 *
 * Ordinals. The k-th order id that is ever given out has ordinal k, from 1: one
 * for each accepted new order and each replace that lost its place. For
 * each command that names an order the flow keeps the ordinal that it names;
 * so one flow serves two books that number their orders differently
 * (flow_name), or by the client's id in place of the venue's. ids[k] is the
 * engine's id, clords[k] the client's at the time of the last report.
 *
 * Shapes (each file describes its own):
 *   core_lifecycle.c  one instrument, a moving price, orders that live and die
 *   core_resting.c    one instrument, a resting book that keeps its size
 *   core_wide.c       the same for 10,000 instruments of unequal weight
 *
 * Depth. Where a passive order rests is drawn by the distance d from the middle,
 * in ticks, with weight 1 / (10/d + (d/10)^2.23): a hump at 8 ticks, then
 * a power law with exponent 2.23 up to FLOW_DEPTH_MAX.
 *
 * Numbers. All draws are integers from xorshift64*; floating point is used only
 * to make tables and times that are rounded to integers at once, so that a flow
 * is the same with every compiler.
 *
 * Crowd. Commands come from CELL_SESSION, and the engine has no_risk, unless
 * accounts and sessions send them, numbered: see enum flow_crowd. Who sends a new
 * order of a guarded flow is drawn apart from all else, so the orders are those of
 * the flow without a crowd; a cancel or replace comes from the session of the order.
 */
#ifndef OUTCRY_PERF_CORE_FLOW_H
#define OUTCRY_PERF_CORE_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/engine.h"

#define FLOW_DEPTH_MAX    16384u
#define FLOW_SESSIONS_MAX 500u
#define FLOW_TICK_PX      (PX_ONE / 100)
#define FLOW_MID_TICK     33504u

/* Cells of the sink that nobody reads: one MiB, a power of two. */
#define FLOW_OUT_CELLS (1u << 14)

struct flow;

/* A generator of the fill: makes new order i, into one zeroed cell. */
typedef void flow_fill_fn(struct flow *flow, uint32_t i, union cell *cell);

/* How cancels and replaces name an order. */
enum flow_naming {
    FLOW_BY_ENGINE_ID,
    FLOW_BY_ORDINAL, /* the order id of a book that counts from 1 */
    FLOW_BY_CLORD
};

/* Who sends the commands, as far as a shape is for it. */
enum flow_crowd {
    FLOW_ALONE,   /* the exchange itself */
    FLOW_CHECKED, /* 4 sessions, 16 accounts without tight limits */
    FLOW_GUARDED  /* 500 sessions of 500 firms, 10,000 accounts: core_guard.h */
};

struct flow {
    struct engine_cfg cfg; /* of the engine that the flow was made with */
    enum flow_crowd crowd;
    uint64_t seed;

    union cell *setup; /* commands that make instruments and parties */
    uint32_t setup_cnt;

    flow_fill_fn *fill;
    uint32_t fill_cnt;
    uint64_t fill_random; /* state of the fill's draws */
    uint32_t instruments_cnt;
    uint64_t *zipf; /* cumulated weights of the instruments; NULL: all alike */

    union cell *cells;
    uint32_t *names; /* of each cell: the ordinal that it names, 0 for none */
    uint32_t cells_cnt;
    uint32_t cells_max;
    uint32_t commands_cnt;
    uint32_t trades_cnt;
    uint32_t rejects_cnt;

    uint64_t *pairs; /* account << 32 | instrument of all orders; NULL: not yet known */
    uint32_t pairs_cnt;

    uint64_t *ids;
    uint64_t *clords;
    uint32_t ordinals_cnt;
    uint32_t ordinals_max;

    /* Only while the flow is made. */
    struct engine *engine;
    size_t engine_bytes;
    struct cell_sink out;
    uint64_t random;
    uint32_t *live;       /* ordinals of live orders, in no order */
    uint32_t *place;      /* ordinal -> place in live + 1; 0: not live */
    uint32_t *instrument; /* ordinal -> instrument */
    uint32_t *by_slot;    /* slot of the order id -> ordinal */
    uint32_t live_cnt;
    uint64_t next_clord;
    uint64_t next_no[FLOW_SESSIONS_MAX];
    uint64_t deal_random; /* state of the draws of who sends an order */
    uint32_t depth_table[1u << 16];
};

/* flow_lifecycle makes a lifecycle of orders_cnt new orders, in which the
 * middle's highest and lowest price lie swing_percent of the first apart. */
struct flow *flow_lifecycle(uint32_t orders_cnt, unsigned swing_percent);

/* flow_resting makes commands_cnt commands on resting_cnt resting orders. */
struct flow *flow_resting(uint32_t resting_cnt, uint32_t commands_cnt, enum flow_crowd crowd);

/* flow_wide is flow_resting on instruments_cnt instruments. */
struct flow *flow_wide(uint32_t instruments_cnt,
                       uint32_t resting_cnt,
                       uint32_t commands_cnt,
                       enum flow_crowd crowd);

void flow_free(struct flow *flow);

/* flow_name writes into the commands how orders are named. */
void flow_name(struct flow *flow, enum flow_naming naming);

/* flow_fill_begin begins the fill anew; then flow->fill makes orders 0, 1, 2 and so on. */
void flow_fill_begin(struct flow *flow);

/* flow_load makes an engine in mem and brings it to where the commands begin. cfg is
 * the flow's but for no_risk: a guarded flow is guarded if risk is there. mem is
 * engine_footprint(cfg) bytes and is zeroed here: all of it is touched, no page
 * fault is left for the commands. */
struct engine *
flow_load(struct flow *flow, const struct engine_cfg *cfg, void *mem, struct cell_sink *out);

/* flow_apply applies one command whole, with all its slices. */
void flow_apply(struct engine *engine, const union cell *cells, struct cell_sink *out);

/* flow_map returns zeroed memory in huge pages where there are any; flow_unmap
 * gives it back. It ends the program when there is no memory. */
void *flow_map(size_t bytes);
void flow_unmap(void *mem, size_t bytes);

/* For the generators. */

/* flow_new makes a flow without commands; the parties of cfg are set here. */
struct flow *flow_new(const struct engine_cfg *cfg, uint64_t seed, enum flow_crowd crowd);

/* flow_begin sets the engine up, fills it and makes room for cells_max cells of
 * commands and commands_max new ordinals. */
void flow_begin(struct flow *flow, uint32_t cells_max, uint32_t ordinals_max);

/* flow_end ends the making: what only the generators need is given back. */
void flow_end(struct flow *flow);

/* flow_next advances a random state and returns 32 bits; flow_below draws from
 * 0 to end - 1; flow_depth draws a distance from the middle. */
uint32_t flow_next(uint64_t *random);
uint32_t flow_below(uint64_t *random, uint32_t end);
uint32_t flow_depth(const struct flow *flow, uint64_t *random);

/* flow_order fills a cell that is zero with a Day or IOC limit order. */
struct flow_order {
    uint32_t instrument;
    uint32_t tick;
    uint32_t qty;
    uint64_t clord;
    bool sell;
    bool ioc;
};
void flow_order(union cell *cell, const struct flow_order *order);

/* flow_add_new, flow_add_cancel and flow_add_replace append a command and let
 * the engine apply it. flow_add_new returns the ordinal of the order; the others
 * name ordinal `named`; flow_add_replace returns the ordinal that the order has
 * now: a new one, or `named` if it was refused or kept its place. */
uint32_t flow_add_new(struct flow *flow, uint64_t time_ns, const struct flow_order *order);
void flow_add_cancel(struct flow *flow, uint64_t time_ns, uint32_t named, uint64_t clord);
uint32_t flow_add_replace(struct flow *flow,
                          uint64_t time_ns,
                          uint32_t named,
                          const struct flow_order *order);

#endif
