/*
 * Engine: the whole exchange as a pure state machine.
 *
 *   command ---> engine_apply ---> the command with its outcome, then events
 *
 * Same commands in, same bytes out, same state hash: whatever the compiler,
 * the batch size, the layout of threads or the process. Everything that can
 * change an outcome is in the engine's memory and got there by a command.
 * There is no clock, no I/O, no allocation and no float here; time comes with
 * the commands.
 *
 * engine_apply takes one command whose request fields are filled in (seq and
 * result fields are ignored, so a journaled command can be given again),
 * assigns seq, clamps its time so that it never goes backwards, checks it and
 * carries it out. Work without a small bound (a sweep, a mass cancel) is done
 * in slices: ENGINE_MORE asks for engine_resume, and no other command may be
 * applied before ENGINE_DONE. Each slice writes at most SLICE_CELLS_MAX cells.
 *
 * A command of a session (32 to 47, and SessionSequence) is admitted only if
 * the session is bound; 32 to 47 only if in_no equals the low 16 bits of the
 * next number of its flow. Anything else is a duplicate, or late: it is dropped
 * and leaves no trace (ENGINE_DROPPED). Numbers that never came are skipped
 * by a SessionSequence command, which the gateway sends first; it causes
 * SessionNotApplied, or is dropped if it skips nothing. Commands of the
 * exchange itself (session CELL_SESSION) are not numbered.
 *
 * The rules, and which refusal comes first, are in docs/matching.md. Events of
 * a command have in_no 0.
 *
 * Units and ranges are those of proto/types.h and of the cells. What a client
 * can do wrong is an outcome in the command's own message (enum
 * oe_reject_reason), and changes nothing else; what the caller does wrong (cells
 * that are not valid, a command before the last is done) ends the process.
 *
 * An engine lives in the memory that engine_init was given, holds nothing
 * outside of it and needs no end. There may be many; each is for one thread at
 * a time, queries included. Whoever embeds the engine begins with
 * engine/embed.h.
 *
 * Who writes: the engine thread. Cost: 50 to 150 ns a command with L2-warm
 * data (docs/performance.md).
 */
#ifndef OUTCRY_ENGINE_ENGINE_H
#define OUTCRY_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/sink.h"
#include "proto/cell.h"
#include "proto/hash128.h"
#include "proto/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What the shared library exports is what is declared from here to the pop. */
#pragma GCC visibility push(default)

struct engine;

/* Alignment of the memory of an engine. */
#define ENGINE_ALIGN 64u

/* SLICE_CELLS_MAX of proto/limits.h is not above it: room for 256 cells, a power
 * of two, will do even when a slice becomes longer. */
#define ENGINE_SLICE_CELLS_MAX 256u

/* Sizes for ever: the Genesis command carries them. */
struct engine_cfg {
    uint16_t shard;           /* 0 .. SHARDS_MAX - 1 (15) */
    uint32_t orders_max;      /* 1 .. ORDERS_MAX (2^24) live orders */
    uint32_t instruments_max; /* 1 .. INSTRUMENTS_MAX (2^20) */
    uint32_t accounts_max;    /* 1 .. ACCOUNTS_MAX (2^20) */
    uint32_t groups_max;      /* 1 .. GROUPS_MAX (2^16) */
    uint32_t firms_max;       /* 1 .. FIRMS_MAX (2^16) */
    uint32_t sessions_max;    /* 1 .. SESSIONS_MAX (2^14) */
    uint32_t positions_max;   /* 1 .. POSITIONS_MAX (2^24) account and instrument pairs */
    uint32_t pages_max;       /* 1 .. PAGES_MAX (2^24) ladder pages of 64 levels */
    uint32_t extras_max;      /* 0 .. EXTRAS_MAX (2^24) live orders with rare attributes */
    bool no_risk;             /* no accounts, no checks of risk.h: for embedded books */
};

enum engine_result {
    ENGINE_DROPPED, /* not admitted: no seq, no cells, no change */
    ENGINE_DONE,    /* the group is written, its last cell bears CELL_LAST */
    ENGINE_MORE     /* the group goes on: call engine_resume */
};

/* engine_footprint returns the bytes for cfg, 0 if cfg is invalid. */
size_t engine_footprint(const struct engine_cfg *cfg);

/* engine_init makes an engine in mem: zeroed, ENGINE_ALIGN aligned,
 * engine_footprint bytes, which must outlive it. */
struct engine *engine_init(void *mem, const struct engine_cfg *cfg);

/* engine_salt salts the map from ClOrdIDs to orders with a secret number, so that
 * a client cannot choose ids that all meet at one place. Before the first order.
 * No outcome and no hash depends on it: each process draws its own. */
void engine_salt(struct engine *engine, uint64_t salt);

/* engine_genesis writes the Genesis command for cfg; engine_cfg_of reads one
 * back, false if it is no valid Genesis. */
void engine_genesis(const struct engine_cfg *cfg, uint64_t time_ns, union cell *cell);
OUTCRY_NODISCARD bool engine_cfg_of(const union cell *genesis, struct engine_cfg *cfg);

/*
 * engine_apply applies the command in cells[0 .. cell_count) and writes its
 * group to out, which has room for SLICE_CELLS_MAX cells. The command's cells
 * lie one behind the other (CELL_COMMAND_MAX at most) and are not changed.
 * Commands are well formed: cell_valid on each cell holds, else ASSERT (for
 * OrderNew, OrderCancel and OrderReplace ASSERT_SLOW).
 */
OUTCRY_NODISCARD enum engine_result
engine_apply(struct engine *engine, const union cell *cells, struct cell_sink *out);

/*
 * engine_run applies the first commands of cells[0 .. cells_cnt) as engine_apply
 * would, as long as they are such that it knows at once: plain orders, cancels,
 * replaces of a session whose next they are. It returns how many cells it has
 * taken; what begins behind them is for engine_apply. If any were taken, result
 * is how the last was left: ENGINE_DONE, or ENGINE_MORE, for engine_resume.
 *
 * It stops before a command at or past the engine's deadline, and when a command
 * that wrote more cells than it has left out->pos at or above until_pos. So below
 * until_pos there must be room for a slice and cells_cnt cells. A message
 * that cells_cnt cuts is not taken, and what is no valid command neither. Cost:
 * that of its commands; what engine_apply pays per call is paid once.
 */
OUTCRY_NODISCARD uint32_t engine_run(struct engine *engine,
                                     const union cell *cells,
                                     uint32_t cells_cnt,
                                     uint64_t until_pos,
                                     struct cell_sink *out,
                                     enum engine_result *result);

/* engine_resume does the next slice of the command in work. */
OUTCRY_NODISCARD enum engine_result engine_resume(struct engine *engine, struct cell_sink *out);

/* engine_deadline_ns returns the time at which the next timer is due,
 * UINT64_MAX if none is. The sequencer applies a Clock command first when
 * a command's time is at or past it. */
uint64_t engine_deadline_ns(const struct engine *engine);

/* engine_seq returns the seq of the last command, engine_time_ns its time. */
uint64_t engine_seq(const struct engine *engine);
uint64_t engine_time_ns(const struct engine *engine);

/*
 * Looking ahead. Who has many commands waiting tells the engine beforehand, and
 * what they will touch is in the cache when they are applied. It is a hint:
 * no outcome depends on it, and it may be left out.
 */
#define ENGINE_AHEAD_GROUP  16u /* commands, in cells, that are looked at together */
#define ENGINE_AHEAD_GROUPS 8u

struct engine_ahead_ask {
    const void *side;
    uint32_t key;
    uint32_t level;
};

struct engine_ahead_group {
    struct engine_ahead_ask asks[ENGINE_AHEAD_GROUP];
    uint32_t takers[ENGINE_AHEAD_GROUP + 1];
    uint32_t takers_cnt;
    uint32_t news; /* sets of cells, a bit each */
    uint32_t named;
    uint32_t moves;
    uint32_t called;
};

/* How far one stream of commands has been looked at: zeroed before the first.
 * Private. */
struct engine_ahead {
    uint64_t next;  /* group that comes into its first stage next */
    uint64_t first; /* and with which the later stages began */
    uint64_t begun; /* and with which all of it began */
    struct engine_ahead_group groups[ENGINE_AHEAD_GROUPS];
};

/* engine_look_ahead looks at commands of a stream that is to be applied from position
 * pos on and is there up to position end: the cell of position p is
 * cells[p & mask], mask + 1 is a power of two not below ENGINE_AHEAD_GROUP, or 0 for
 * cells that lie in one piece. To be
 * called about once in ENGINE_AHEAD_GROUP cells. It asks engine_looks_ahead. */
void engine_look_ahead(const struct engine *engine,
                       struct engine_ahead *ahead,
                       const union cell *cells,
                       uint64_t mask,
                       uint64_t pos,
                       uint64_t end);

/* engine_prefetch fetches the first of what one command will touch, for those
 * whose commands do not lie one behind the other. */
void engine_prefetch(const struct engine *engine, const union cell *cell);

/* engine_looks_ahead says whether looking ahead pays: not if all that orders
 * touch is near the core anyway. */
bool engine_looks_ahead(const struct engine *engine);

/* engine_hash hashes all that can change an outcome, free lists included.
 * O(memory in use). Not while a command is in work. */
struct hash128 engine_hash(const struct engine *engine);

/* engine_check walks everything and asserts the invariants: books uncrossed,
 * level sums, bitmaps, id maps, reservations equal to open orders. O(n). */
void engine_check(const struct engine *engine);

/* Queries, for operators, embedders and tests. */
struct engine_level {
    px_t px;
    uint64_t qty;         /* displayed */
    uint64_t reserve_qty; /* hidden orders, and what icebergs hold back */
    uint32_t orders_cnt;  /* hidden ones included */
};

/* engine_best fills level with the best price of a side; false if it has no
 * orders. O(1). */
bool engine_best(const struct engine *engine,
                 uint32_t instrument,
                 bool sell,
                 struct engine_level *level);

/* engine_depth_at fills level with what rests at px; false if nothing does.
 * O(1). */
bool engine_depth_at(const struct engine *engine,
                     uint32_t instrument,
                     bool sell,
                     px_t px,
                     struct engine_level *level);

/* engine_depth fills levels with the best max_cnt levels of a side, best
 * first, and returns how many there are. */
uint32_t engine_depth(const struct engine *engine,
                      uint32_t instrument,
                      bool sell,
                      struct engine_level *levels,
                      uint32_t max_cnt);

/* Where a live order is. */
enum engine_place {
    ENGINE_PLACE_WORK,   /* being matched; never seen between commands */
    ENGINE_PLACE_BOOK,   /* rests at its price */
    ENGINE_PLACE_STOP,   /* waits for its stop price */
    ENGINE_PLACE_HELD,   /* at the open, at the close */
    ENGINE_PLACE_PARKED, /* pegged, without a reference */
    ENGINE_PLACE_QUEUE   /* elected; never seen between commands */
};

struct engine_order {
    uint64_t order_id;
    uint64_t clord;
    px_t px;         /* limit, or a peg's price now; 0: none */
    px_t stop_px;    /* 0: none, or elected */
    qty_t shown_qty; /* what others see of it in the book */
    enum engine_place place;
    qty_t leaves_qty;
    qty_t cum_qty;
    uint32_t instrument;
    uint32_t account;
    uint16_t session;
    bool sell;
};

/* engine_order_get fills order if order_id is live, else returns false. */
bool engine_order_get(const struct engine *engine, uint64_t order_id, struct engine_order *order);

/* Where an order stands in the queue of its price: how many orders are in front
 * of it, and the quantity that matches before it by time. That is what those in
 * front show, for an iceberg's refill goes behind; of a hidden order it is all
 * that the displayed have, reserves included, and the hidden ones in front. */
struct engine_queue {
    uint32_t orders_cnt; /* of the level */
    uint32_t ahead_cnt;
    uint64_t ahead_qty;
};

/* engine_queue_position fills queue for an order that rests in a book; false if
 * order_id does not. O(orders ahead): it walks the queue. */
bool
engine_queue_position(const struct engine *engine, uint64_t order_id, struct engine_queue *queue);

/* engine_level_orders fills orders with the queue at px in the order of
 * matching: displayed, then hidden. */
uint32_t engine_level_orders(const struct engine *engine,
                             uint32_t instrument,
                             bool sell,
                             px_t px,
                             struct engine_order *orders,
                             uint32_t max_cnt);

uint32_t engine_orders_cnt(const struct engine *engine);
px_t engine_last_px(const struct engine *engine, uint32_t instrument);

/* engine_instrument_state returns an enum cell_instrument_state; Closed if there
 * is no such instrument. */
uint8_t engine_instrument_state(const struct engine *engine, uint32_t instrument);

/* Configuration as it stands, to find out what a configuration file changes:
 * fills cells with the command that would set id to what it is now and returns
 * its number of cells, 0 if the id is not set. No Author is among them. kind is one
 * of CELL_KIND_FIRM_SET, GROUP_SET, ACCOUNT_SET, INSTRUMENT_SET, SESSION_SET, FEE_SET
 * (id is the instrument), POSITION_LIMIT_SET (id is account, id2 instrument),
 * PERMISSION_SET (id is group, id2 instrument), RESTRICTION_SET (id is level << 24 |
 * subject, id2 instrument or CELL_ANY), ORDER_RULE_SET (id is subject, id2 level),
 * LIMIT_SET (id is subject, id2 level << 8 | limit; those of a pair are told as
 * POSITION_LIMIT_SET). */
unsigned engine_config_get(const struct engine *engine,
                           unsigned kind,
                           uint32_t id,
                           uint32_t id2,
                           union cell *cells);

/* engine_config_by_hand says whether that was last set by an Author who is not the
 * configuration: then the configuration is not to change it back. */
bool engine_config_by_hand(const struct engine *engine, unsigned kind, uint32_t id, uint32_t id2);

/* A number of 128 bits: high * 2^64 + low. */
struct engine_wide {
    uint64_t low;
    int64_t high;
};

/* A limit as it was set and what is used of it (docs/risk.md). */
struct engine_use {
    int64_t value;        /* the largest number: none */
    uint64_t window_ns;   /* of rates the time for one message; 0: it has none */
    uint16_t permille[4]; /* warn, slow, close, block; 0: no such stage */
    uint16_t slow_ms;
    uint8_t stage; /* enum cell_risk_stage: the worst that has begun */
    bool by_hand;
    struct engine_wide used;
    struct engine_wide headroom; /* negative: above the limit */
};

/* engine_risk_use fills out for a limit (enum cell_risk_limit) of a subject at a
 * level (enum oe_risk_level); of a pair subject is the account and instrument its
 * other half, else 0. False if there is no such subject or limit. */
bool engine_risk_use(const struct engine *engine,
                     uint8_t level,
                     uint32_t subject,
                     uint32_t instrument,
                     uint8_t limit,
                     struct engine_use *out);

/* Money of an account, in 10^-8 of the currency. */
struct engine_cash {
    struct engine_wide balance;
    struct engine_wide reserved; /* by its live buys */
    struct engine_wide free;     /* balance and credit, less what is reserved */
    struct engine_wide fees;     /* paid by all accounts so far */
};

/* engine_risk_cash fills out; false if there is no such account. */
bool engine_risk_cash(const struct engine *engine, uint32_t account, struct engine_cash *out);

/* What the engine knows of a session. */
enum engine_session_state {
    ENGINE_SESSION_UNKNOWN,    /* no SessionSet for it */
    ENGINE_SESSION_IDLE,       /* never negotiated, or ended */
    ENGINE_SESSION_NEGOTIATED, /* has a UUID, not bound */
    ENGINE_SESSION_BOUND,
    ENGINE_SESSION_FINISHING /* bound; its client has finished sending */
};
struct engine_session {
    enum engine_session_state state;
    uint8_t uuid[16];
    uint64_t next_in_no; /* expected next in the client's flow */
    uint32_t firm;
    bool finished; /* the client sends no more under this UUID */
    char name[16];
};
void engine_session_get(const struct engine *engine, uint16_t session, struct engine_session *out);

/* The last Restart: 0 and AckMode Durable before the first. */
uint32_t engine_epoch(const struct engine *engine);

/* engine_journal_low says whether new orders are refused, see JournalSpace. */
bool engine_journal_low(const struct engine *engine);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
