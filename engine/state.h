/*
 * Engine state: what the files of the engine share. Private to engine/.
 *
 *   engine.c   memory, admission, dispatch        config.c   Genesis, configuration
 *   plain*.c   plain orders, cancels, replaces    ahead.c    hints of what comes
 *   match.c    all other new orders               amend.c    other replaces
 *   terms.c    which orders there are, checks     cancel.c   other cancels
 *   mass.c     cancels and expiries of many       quote.c    mass quotes
 *   book.h     orders into levels and out
 *   place.c    the same for all places, the end of an order
 *   work.c     slices: what is to be done next    sweep.c    a taker meets makers
 *   yield.c    what could the book yield?         allot.c    pro-rata and split
 *   settle.c   stops                              peg.c      pegged orders
 *   stages.c   kills and stages of risk           admin.c    the word of an operator
 *   emit.[ch]  check.c  query*.c  state_hash.c  session.c  timers.c
 *
 * Two roads lead through a command. Most orders are plain: plain.c does them
 * from beginning to end, and all that they pay for the others is a few tests of
 * flags that are hardly ever set. match.c and amend.c know every check in its
 * order. What is not done at once is work: `struct
 * work` says what is being done, work_run does it step by step, and at the end
 * of a slice the command can be left and resumed. The rules are in
 * docs/matching.md.
 *
 *   YIELD --> SWEEP <--> ALLOT       a taker: could it? then it meets makers
 *               |
 *             SETTLE                 stops that its trades elected; each a taker again
 *               |
 *             NEXT                   what else the command asks for
 *               |
 *             PEGS --> (SWEEP)       pegs that must move; each a taker again
 *               |
 *             RISK --> (PEGS)        stages that began: told, or all orders canceled
 *               |
 *             finish
 *
 * Every handler is called with the sink at the place of the command's group,
 * after the command was admitted and got its seq and time. It writes the
 * command's own message first, then events, and returns engine_finish,
 * work_run or ENGINE_MORE.
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
    uint64_t tick_inverse;
    struct ladder sides[2];
    uint32_t last_tick; /* 0: no trade yet */
    uint8_t tick_shift;
    uint8_t algorithm; /* enum cell_match_algorithm */
    uint8_t flags;
    uint8_t state; /* enum cell_instrument_state */
};

_Static_assert(sizeof(struct book) == CACHE_LINE, "one line");

#define BOOK_STOPS    1u  /* orders wait for their stop price */
#define BOOK_PEGS     2u  /* pegged orders live */
#define BOOK_LOTS     4u  /* the lot is not 1, or not every tick is a price */
#define BOOK_MID      8u  /* the collar asks for the middle of the best prices */
#define BOOK_UNLASTED 16u /* and not for the last price before it */

/* What few commands need of a book. */
struct book_rare {
    struct ladder stops[2]; /* buys by ascending, sells by descending price */
    uint32_t pegs_head;     /* slots, in the order of arrival; ORDER_NONE: none */
    uint32_t pegs_tail;
    uint32_t pegs_refs[2]; /* where all pegs stand; see peg.c */
    uint32_t held_head;
    uint32_t held_tail;
    uint32_t lot_qty;
    uint32_t tick_end; /* one past the largest tick */
    uint32_t allocation_min;
    uint32_t top_max;
    uint16_t fifo_permille;
    uint16_t pegs_cnt; /* at most PEGS_MAX */
};

_Static_assert(PEGS_MAX <= UINT16_MAX, "pegs_cnt counts them");
_Static_assert(sizeof(struct book_rare) == 84, "no padding");

/* The quotes of an account in an instrument: kept for ever, like positions. */
struct quote {
    uint32_t account;
    uint32_t instrument;
    uint32_t slot1[2]; /* bid, ask: slot + 1; 0: none */
};

struct quotes {
    struct quote *at; /* in the order of first use */
    uint32_t *index;  /* open addressing: place in at + 1; 0: free. Half are. */
    uint32_t mask;
    uint32_t cnt;
    uint32_t max;
};

enum work_kind {
    WORK_NONE,
    WORK_ORDER, /* new or replaced */
    WORK_MASS_CANCEL,
    WORK_CLOCK,
    WORK_CLOSE, /* an instrument closes */
    WORK_QUOTE,
    WORK_KILL, /* or a LimitSet that cancels */
    WORK_MARK, /* of an instrument */
    WORK_DAY   /* rolls */
};

enum work_phase {
    PHASE_YIELD,
    PHASE_SWEEP,
    PHASE_ALLOT,
    PHASE_SETTLE,
    PHASE_NEXT,
    PHASE_PEGS,
    PHASE_RISK
};

/* What a taker could get: see yield.c. */
struct yield {
    uint32_t level;
    uint32_t slot;
    uint8_t pass;
    qty_t remaining_qty;
    qty_t min_qty;
    uint64_t sum_qty;
    uint64_t reserve_qty;
};

/* One round of shares: see allot.c. */
struct allot {
    uint32_t slot; /* the next order to look at */
    bool executing;
    qty_t top_qty;  /* of the first order */
    qty_t fifo_qty; /* still to be given by time */
    qty_t summed_fifo_qty;
    qty_t rata_qty;
    qty_t left_qty; /* over, when all floors are given */
    uint64_t weight;
};

struct quote_entry {
    uint32_t instrument;
    px_t px[2]; /* bid, ask */
    qty_t qty[2];
};

/* The command in work. */
struct work {
    enum work_kind kind; /* WORK_NONE: no command is in work */
    enum work_phase phase;
    bool complete;  /* NEXT has nothing more to do */
    uint32_t index; /* events so far, see cell_exec_id */

    uint32_t taker;     /* slot */
    uint32_t own_level; /* whose own orders were met, see sweep.c */
    uint32_t own_slot;
    struct yield yield;
    struct allot allot;

    uint32_t range_instrument; /* prices of trades that have not elected yet */
    uint32_t low_tick;
    uint32_t high_tick; /* 0: none */
    uint32_t queue_head;
    uint32_t queue_tail;

    bool refs_valid;
    uint32_t refs[2]; /* reference ticks of the pegs at hand, 0: none */
    uint32_t peg_instrument;
    uint32_t peg_slot;
    uint32_t peg_word; /* of disturbed_books: those before are done */

    uint32_t slot; /* next to look at: mass cancel, disconnect, close, kill, mark, day */
    uint32_t canceled_cnt;
    uint32_t due_cnt;    /* disconnect: orders of due sessions still to go */
    uint32_t instrument; /* close */
    struct cell_mass_cancel mass;
    struct risk_due due; /* the stage, or the kill, at hand */
    bool blocks;         /* its orders are being canceled */

    struct cell_mass_quote quote;
    uint32_t entry;    /* the next */
    uint32_t removed;  /* sides of former quotes looked at */
    uint32_t sides[2]; /* slots of the entry at hand that are still to enter */
    struct quote_entry entries[QUOTE_ENTRIES_MAX];

    /* The last message of the slice before: kept back, so that the last cell
     * of the group is never shown before it bears LAST. */
    uint32_t held_cnt;
    union cell held[CELL_MESSAGE_MAX];
};

struct engine {
    struct engine_cfg cfg; /* constant from here on */
    struct risk *risk;
    struct book *books;
    struct book_rare *rares;
    struct position_sum *sums; /* scratch of engine_check */
    struct risk_sums *account_sums;
    struct session_sum *session_sums;

    uint64_t seq; /* of the last command */
    uint64_t time_ns;
    uint64_t random;    /* of splitmix64 */
    uint32_t books_cnt; /* one past the largest instrument that was ever set */
    uint32_t epoch;
    uint32_t ack_mode;   /* enum cell_ack_mode of the last Restart */
    uint32_t linked_cnt; /* orders that are linked */
    bool disturbed;      /* a bit of disturbed_books is set */
    bool journal_low;    /* see JournalSpace */
    struct order_pool orders;
    struct extra_pool extras;
    struct ladder_pool pages;
    struct idmap ids;
    struct sessions sessions;
    struct quotes quotes;
    uint64_t *disturbed_books; /* a bit each: references of pegs may have changed */
    struct work work;
};

struct position_sum {
    uint64_t open_buy_qty;
    uint64_t open_sell_qty;
};

struct session_sum {
    uint32_t orders_cnt;
    uint32_t day_orders_cnt;
};

/* How much a slice may still do. */
struct slice {
    uint64_t cells_end;
    int32_t budget; /* a look costs 1, a step 4 */
};

static inline bool
slice_is_spent(const struct slice *slice, const struct cell_sink *out)
{
    return out->pos >= slice->cells_end || slice->budget <= 0;
}

#define STEP_COST 4

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
void engine_emit_restated(struct engine *engine,
                          const struct order *order,
                          enum cell_restate_reason reason,
                          struct cell_sink *out);
void engine_emit_refreshed(struct engine *engine, const struct order *order, struct cell_sink *out);

/* engine_emit_triggered writes an OrderTriggered; stop_tick elected it. */
void engine_emit_triggered(struct engine *engine,
                           const struct order *order,
                           uint32_t stop_tick,
                           struct cell_sink *out);

/* engine_emit_prevented writes a MatchPrevented of what would have traded. */
void engine_emit_prevented(struct engine *engine,
                           const struct order *taker,
                           const struct order *maker,
                           qty_t qty,
                           struct cell_sink *out);

/* The handlers. session is the sender's. */
enum engine_result match_new(struct engine *engine,
                             const union cell *cells,
                             struct session *session,
                             struct cell_sink *out);
enum engine_result amend_cancel(struct engine *engine,
                                const union cell *cells,
                                struct session *session,
                                struct cell_sink *out);
enum engine_result amend_replace(struct engine *engine,
                                 const union cell *cells,
                                 struct session *session,
                                 struct cell_sink *out);
enum engine_result mass_cancel(struct engine *engine,
                               const union cell *cells,
                               struct session *session,
                               struct cell_sink *out);
enum engine_result
mass_clock(struct engine *engine, const union cell *cells, struct cell_sink *out);
enum engine_result quote_mass(struct engine *engine,
                              const union cell *cells,
                              struct session *session,
                              struct cell_sink *out);

/* admin_apply does kinds 12 to 15 and 20 to 25, but for what becomes of them as work,
 * which follows the command: admin_work begins it, true if there is any. */
enum oe_reject_reason admin_apply(struct engine *engine, const union cell *cells);
bool admin_work(struct engine *engine, const union cell *cells);

/* engine_check_seldom checks the invariants in slow builds: behind each command
 * while the pools are small, else so seldom that the walk costs no more than
 * the commands between. */
void engine_check_seldom(const struct engine *engine);

/* config_apply does kinds 1, 2, 4 to 15 and 20 to 31. first says that no command was
 * applied before. */
enum engine_result
config_apply(struct engine *engine, const union cell *cells, bool first, struct cell_sink *out);

#endif
