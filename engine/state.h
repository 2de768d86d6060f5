/*
 * Engine state: what the files of the engine share. Private to engine/.
 *
 *   engine.c      memory, admission, dispatch
 *   book.h        orders into levels and out
 *   emit.c        cells of several handlers
 *   match.c       new orders, sweeps
 *   amend.c       cancel, replace
 *   mass.c        mass cancel and cancel on disconnect, in slices
 *   session.c     sessions and their timers
 *   config.c      Genesis, Restart, configuration
 *   state_hash.c  check.c  query.c
 *
 * Every handler is called with the sink at the place of the command's group,
 * after the command was admitted and got its seq and time. It writes the
 * command's own message first, then events, and returns engine_finish or
 * ENGINE_MORE.
 *
 * Everything is written by the engine thread.
 */
#ifndef OUTCRY_ENGINE_STATE_H
#define OUTCRY_ENGINE_STATE_H

#include "engine/engine.h"
#include "engine/idmap.h"
#include "engine/inside.h"
#include "engine/ladder.h"
#include "engine/order.h"
#include "engine/session.h"
#include "proto/base.h"
#include "proto/limits.h"
#include "risk/risk.h"

/* A book: one line. sides[0] holds the buys, sides[1] the sells. */
struct book {
    px_t tick_px; /* 0: no such instrument */
    px_t last_px; /* 0: no trade yet */
    struct ladder sides[2];
};

_Static_assert(sizeof(struct book) == CACHE_LINE, "one line");

enum work_kind {
    WORK_NONE,
    WORK_SWEEP,
    WORK_MASS_CANCEL,
    WORK_DISCONNECT
};

/* The command in work. */
struct work {
    enum work_kind kind;
    uint32_t slot;  /* sweep: the taker; else: next slot to look at */
    uint32_t index; /* events so far, see cell_exec_id */
    uint32_t canceled_cnt;
    uint32_t session_idx; /* disconnect: whose orders; 0: none yet */
    uint32_t scope_firm;
    struct cell_mass_cancel mass;
};

struct engine {
    struct engine_cfg cfg; /* constant from here on */
    struct risk *risk;
    struct book *books;
    struct position_sum *sums; /* scratch of engine_check */

    uint64_t seq; /* of the last command */
    uint64_t time_ns;
    uint32_t books_cnt; /* one past the largest instrument that was ever set */
    uint32_t epoch;
    uint32_t ack_mode; /* enum cell_ack_mode of the last Restart */
    struct order_pool orders;
    struct ladder_pool pages;
    struct idmap ids;
    struct sessions sessions;
    struct work work;
};

struct position_sum {
    uint64_t open_buy_qty;
    uint64_t open_sell_qty;
};

/* engine_finish ends the group: the last cell that was written gets LAST. */
static inline enum engine_result
engine_finish(struct engine *engine, struct cell_sink *out)
{
    out->cells[(out->pos - 1) & out->mask].bytes[1] |= CELL_LAST;
    engine->work.kind = WORK_NONE;
    return ENGINE_DONE;
}

/* engine_emit writes a cell behind what is written and returns it. It is
 * complete before the next is begun: nothing of the old content is left. */
static inline union cell *
engine_emit(struct cell_sink *out)
{
    return &out->cells[out->pos++ & out->mask];
}

/* engine_emit_command copies the first cell of the command and gives it seq,
 * time and outcome; keep are the bits of shape that belong to the request. */
static inline union cell *
engine_emit_command(const struct engine *engine,
                    const union cell *in,
                    struct cell_sink *out,
                    unsigned cells_cnt,
                    unsigned keep,
                    enum oe_reject_reason reason)
{
    union cell *cell = engine_emit(out);

    *cell = *in;
    cell->bytes[1] = (uint8_t)((in->bytes[1] & keep) | cells_cnt);
    cell->order_new.outcome = (uint16_t)reason;
    cell->order_new.seq = engine->seq;
    cell->order_new.time = engine->time_ns;
    return cell;
}

/* engine_emit_detail writes the numbers behind a risk reject. */
void engine_emit_detail(const struct risk_detail *detail, struct cell_sink *out);

/* engine_emit_canceled writes an OrderCanceled for all that is left of order. */
void engine_emit_canceled(struct engine *engine,
                          const struct order *order,
                          uint8_t reason,
                          struct cell_sink *out);

/* The handlers. session is the sender's. */
enum engine_result match_new(struct engine *engine,
                             const union cell *cells,
                             const struct session *session,
                             struct cell_sink *out);

/* match_sweep lets the taker in work.slot trade up to its limit, then rests or
 * ends it. */
enum engine_result match_sweep(struct engine *engine, struct cell_sink *out);

enum engine_result
amend_cancel(struct engine *engine, const union cell *cells, struct cell_sink *out);
enum engine_result amend_replace(struct engine *engine,
                                 const union cell *cells,
                                 const struct session *session,
                                 struct cell_sink *out);

enum engine_result mass_cancel(struct engine *engine,
                               const union cell *cells,
                               const struct session *session,
                               struct cell_sink *out);
enum engine_result mass_cancel_slice(struct engine *engine, struct cell_sink *out);
enum engine_result
mass_clock(struct engine *engine, const union cell *cells, struct cell_sink *out);
enum engine_result mass_disconnect_slice(struct engine *engine, struct cell_sink *out);

/* config_apply does kinds 1, 2 and 4 to 10. first says that no command was
 * applied before. */
enum engine_result
config_apply(struct engine *engine, const union cell *cells, bool first, struct cell_sink *out);

#endif
