/*
 * Model: a second exchange, written from docs/matching.md and docs/risk.md alone,
 * to hold the real one against. It shares no code with risk/ or engine/, only the generated
 * cells in which commands and events are written down.
 *
 *   command, and what the engine made of it ---> model_apply ---> what it
 *                                                should have made of it
 *
 * It is as simple as the rules allow: an order is a struct from malloc, a side
 * of a book is one list in the order of matching, everything is found by
 * walking. What is open on a position, what an account, group or firm has at
 * risk, what is shown at a price, how many pages the levels take is summed up
 * whenever somebody asks. So a mistake here is not
 * likely to be the mistake made there.
 *
 * One thing is taken from the engine: the id of an order. Which slot it gets is
 * the engine's affair; the model checks that an id never comes twice.
 */
#ifndef OUTCRY_TESTS_MODEL_MODEL_H
#define OUTCRY_TESTS_MODEL_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/cell.h"
#include "proto/px_qty.h"

#define MODEL_FIRMS       8u
#define MODEL_GROUPS      16u
#define MODEL_ACCOUNTS    64u
#define MODEL_INSTRUMENTS 64u
#define MODEL_SESSIONS    32u

/* Limits by their number (enum cell_risk_limit), levels by theirs. */
#define MODEL_LIMITS 16u
#define MODEL_LEVELS 7u
#define MODEL_NONE   INT64_MAX /* as a limit: none */

/* Subjects about which an event is due at one time. */
#define MODEL_DUES (MODEL_ACCOUNTS + MODEL_GROUPS + MODEL_FIRMS)

/* Cells of the largest group that the model can write down. */
#define MODEL_GROUP_CELLS (1u << 16)

enum model_place {
    MODEL_IN_WORK, /* being matched, or just made */
    MODEL_BOOK,
    MODEL_STOP,   /* waits for its stop price */
    MODEL_HELD,   /* at the open, at the close */
    MODEL_PARKED, /* pegged, without a price */
    MODEL_QUEUE,  /* elected, waits for its turn */
    MODEL_ENDED   /* until the command is done */
};

struct model_order {
    struct model_order *next;      /* behind it where it stands */
    struct model_order *next_live; /* of all that are live, in no order */
    struct model_order *other;     /* linked to it: one cancels the other */
    uint64_t order_id;
    uint64_t clord;
    px_t px;        /* its limit; a peg's price now; 0: none */
    px_t hold_px;   /* at which it reserves */
    px_t limit_px;  /* of a peg: never better */
    px_t stop_px;   /* 0: none, or elected */
    px_t barred_px; /* of a peg that is parked as this price is not allowed */
    px_t peg_offset_px;
    uint64_t expire_ns; /* 0: never */
    uint64_t armed_no;  /* its turn among timers of one tick */
    uint64_t peg_no;    /* its turn among pegs */
    qty_t leaves_qty;
    qty_t cum_qty;
    qty_t shown_qty;   /* in the book; 0 if hidden */
    qty_t display_qty; /* 0: no iceberg */
    uint32_t instrument;
    uint32_t account;
    uint32_t origin; /* of the caller: which command made it */
    uint16_t session;
    uint16_t display_range;
    bool sell;
    bool is_quote;
    bool is_top;     /* bettered its side when it came to rest */
    bool has_record; /* of rare attributes */
    uint8_t ord_type;
    uint8_t tif;
    uint8_t exec_inst;
    uint8_t stp_capacity;
    enum model_place place;
};

struct model_instrument {
    bool known;
    struct cell_instrument_set set;
    struct cell_instrument_limits limits;
    px_t last_px;
    px_t mark_px;       /* 0: none yet */
    px_t settlement_px; /* 0: none yet */
    int32_t maker_ppm;
    int32_t taker_ppm;
    struct cell_order_rule_set rule;
    struct model_order *side[2];  /* buy, sell; best first; at a price the displayed
                                   * before the hidden, then oldest first */
    struct model_order *stops[2]; /* first elected first */
    struct model_order *held;
    struct model_order *parked;
};

/* One limit of one subject. */
struct model_limit {
    int64_t value;
    uint64_t window_ns;
    uint16_t permille[CELL_RISK_STAGE_BLOCKED + 1]; /* from which a stage holds */
    uint16_t slow_ms;
    uint16_t stages; /* that hold: bits */
};

/* A session, account, group, firm or instrument that limits are set for. */
struct model_subject {
    struct model_limit limits[MODEL_LIMITS];
    bool is_killed;
    bool is_latched;
    bool is_blacklisted;
    bool has_asked;      /* since it was slowed: at last_ns */
    uint64_t last_ns;    /* of its last message */
    uint64_t full_ns[2]; /* of its buckets: messages, cancels */
    /* Of a firm, today: */
    uint64_t messages_cnt;
    uint64_t fills_cnt;
    bool restricted[MODEL_INSTRUMENTS];
};

struct model_account {
    bool known;
    struct cell_account_set set;
    struct cell_order_rule_set rule;
    notional_t balance;
    notional_t bought; /* today: value */
    notional_t sold;
    notional_t profit; /* today, against the marks */
    /* The window in which its fills are counted. */
    bool is_counting;
    uint64_t window_ns;
    uint32_t fills_cnt;
};

struct model_position {
    bool used;
    uint32_t used_no;  /* its turn among those of all pairs */
    bool has_limit[2]; /* of its own: long, short */
    int64_t limits[2];
    int64_t qty;
    /* The last accepted order and those before it that were equal. */
    uint32_t equal_cnt;
    bool equal_sell;
    px_t equal_px;
    qty_t equal_qty;
    uint64_t equal_ns; /* of the first */
};

/* What is to be told when all else of the command is done. */
struct model_due {
    uint8_t level;
    uint8_t limit;
    uint8_t stage;
    uint16_t permille;
    uint32_t subject;
    uint32_t instrument;
    notional_t value;
    notional_t used;
};

struct model_session {
    bool known;
    bool bound;
    bool finished; /* it sends no more under its UUID */
    uint32_t firm;
    uint64_t next_in_no;
    uint64_t request_time; /* of the Negotiate that gave the UUID */
    uint8_t uuid[16];
    uint64_t grace_ns;    /* 0: its orders stay when it is unbound */
    uint64_t deadline_ns; /* when they go, 0: not */
    uint64_t armed_no;    /* its turn among timers of one tick */
};

/* An account that has a record for its quotes in an instrument. */
struct model_quoter {
    uint32_t account;
    uint32_t instrument;
};

struct model_cfg {
    unsigned shard;
    uint32_t orders_max;
    uint32_t positions_max;
    uint32_t pages_max;
    uint32_t extras_max;
    bool no_risk;
};

struct model {
    struct model_cfg cfg;
    uint64_t seq;
    uint64_t time_ns;
    uint64_t random; /* state of the numbers that icebergs draw */
    uint64_t armed_cnt;
    uint64_t pegs_cnt;
    uint8_t ack_mode; /* of the last Restart */
    bool journal_low; /* as the last JournalSpace says */
    bool firm_known[MODEL_FIRMS];
    bool group_known[MODEL_GROUPS];
    uint32_t group_firm[MODEL_GROUPS];
    struct model_subject subjects[MODEL_LEVELS][MODEL_ACCOUNTS];
    struct model_account accounts[MODEL_ACCOUNTS];
    struct model_instrument instruments[MODEL_INSTRUMENTS];
    struct model_position positions[MODEL_ACCOUNTS][MODEL_INSTRUMENTS];
    struct model_session sessions[MODEL_SESSIONS];
    notional_t fees;  /* that all have paid */
    notional_t moved; /* cash that came from outside */
    uint32_t date;    /* of the day */
    struct model_order *live;
    struct model_order *queue; /* elected stops, in turn */
    struct model_order *ended; /* to be freed when the command is done */
    struct model_quoter *quoters;
    uint32_t quoters_cnt;
    uint32_t orders_cnt;
    uint32_t records_cnt;
    uint32_t positions_cnt;
    uint64_t *last_ids;    /* by slot */
    const char *complaint; /* what is wrong with an id, NULL if nothing */
    /* The command in work. */
    const union cell *engine_group;
    uint32_t engine_cnt;
    uint32_t origin;
    px_t traded_low_px; /* of the order in work, 0: no trade */
    px_t traded_high_px;
    struct model_due dues[MODEL_DUES];
    uint32_t dues_cnt;
    /* What it should have caused. */
    uint32_t group_cnt;
    uint32_t event_index;
    union cell *group; /* MODEL_GROUP_CELLS */
};

/* model_cells_new gives room for the largest group. It is not from malloc: most of
 * it will never be touched, and sanitizers touch what malloc gives. */
union cell *model_cells_new(void);
void model_cells_free(union cell *cells);

/* model_new makes an exchange without anything in it; free it by model_free. */
struct model *model_new(const struct model_cfg *cfg);
void model_free(struct model *model);

/*
 * model_apply applies a command and writes its group. engine_group is what the
 * engine wrote for it (engine_cnt cells, 0 if it was dropped); the ids are
 * taken from there. origin is noted in the orders that the command makes.
 */
void model_apply(struct model *model,
                 const union cell *cells,
                 const union cell *engine_group,
                 uint32_t engine_cnt,
                 uint32_t origin);

/* model_admits says whether a command of the session would be carried out. */
bool model_admits(const struct model *model, uint16_t session, uint16_t in_no);

/* model_find_clord finds no quotes: they have no ClOrdID of their own. */
const struct model_order *model_find_id(const struct model *model, uint64_t order_id);
const struct model_order *
model_find_clord(const struct model *model, uint16_t session, uint64_t clord);

/* model_open_qty sums up what the account's orders on one side can still trade. */
uint64_t
model_open_qty(const struct model *model, uint32_t account, uint32_t instrument, bool sell);

/* model_use sums up what counts against a limit of an account, group, firm or session;
 * a net value is that of a buy. */
notional_t model_use(const struct model *model, uint8_t level, uint32_t subject, uint8_t limit);

/* model_shown_use is that of which stages hold, and which is told: a net value without
 * its sign, a loss if it is one. */
notional_t
model_shown_use(const struct model *model, uint8_t level, uint32_t subject, uint8_t limit);

/* model_thousandths is the same in thousandths of the limit; of a limit of 0 a thousand
 * times the use. */
notional_t
model_thousandths(const struct model *model, uint8_t level, uint32_t subject, uint8_t limit);

/* model_is_subject says whether there is such a session, account, group, firm or
 * instrument. */
bool model_is_subject(const struct model *model, uint8_t level, uint32_t id);

/* model_reserved_cash sums up what the account's orders reserve. */
notional_t model_reserved_cash(const struct model *model, uint32_t account);

/* model_conserves says whether cash and today's values add up over all accounts. */
bool model_conserves(const struct model *model);

/* model_account_firm returns the firm of a known account. */
uint32_t model_account_firm(const struct model *model, uint32_t account);

/* model_deadline_ns returns when the first timer is due, UINT64_MAX if none is
 * armed. */
uint64_t model_deadline_ns(const struct model *model);

static inline bool
model_is_hidden(const struct model_order *order)
{
    return (order->exec_inst & OE_EXEC_INST_HIDDEN) != 0;
}

#endif
