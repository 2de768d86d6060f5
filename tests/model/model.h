/*
 * Model: a second exchange, written from the rules alone, to hold the real one
 * against. It shares no code with risk/ or engine/, only the generated cells
 * in which commands and events are written down.
 *
 *   command, and what the engine made of it ---> model_apply ---> what it
 *                                                should have made of it
 *
 * It is as simple as the rules allow: an order is a struct from malloc, a side
 * of a book is one list in price-time order, everything is found by walking.
 * What is open on a position is summed up whenever somebody asks. So a mistake
 * here is not likely to be the mistake made there.
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
#define MODEL_INSTRUMENTS 16u
#define MODEL_SESSIONS    32u

/* Cells of the largest group that the model can write down. */
#define MODEL_GROUP_CELLS (1u << 16)

struct model_order {
    struct model_order *next; /* behind it on its side of the book */
    uint64_t order_id;
    uint64_t clord;
    px_t px;
    qty_t qty; /* total */
    qty_t cum_qty;
    uint32_t instrument;
    uint32_t account;
    uint32_t origin; /* of the caller: which command made it */
    uint16_t session;
    bool sell;
    uint8_t ord_type;
    uint8_t tif;
    uint8_t exec_inst;
    uint8_t stp_capacity;
};

struct model_instrument {
    bool known;
    struct cell_instrument_set set;
    struct cell_instrument_limits limits;
    px_t last_px;
    struct model_order *side[2]; /* buy, sell; best first, then oldest first */
};

struct model_account {
    bool known;
    struct cell_account_set set;
    struct cell_account_limits limits;
};

struct model_position {
    bool used;
    bool has_limits;
    int64_t qty;
    uint64_t long_max;
    uint64_t short_max;
};

struct model_session {
    bool known;
    bool bound;
    uint32_t firm;
    uint64_t next_in_no;
    uint64_t grace_ns;    /* 0: its orders stay when it is unbound */
    uint64_t deadline_ns; /* when they go, 0: not */
    uint64_t unbound_no;  /* counts the unbinds that set a deadline */
};

struct model {
    uint32_t orders_max;
    uint32_t positions_max;
    unsigned shard;
    uint64_t seq;
    uint64_t time_ns;
    uint64_t unbinds_cnt;
    bool firm_known[MODEL_FIRMS];
    bool group_known[MODEL_GROUPS];
    uint32_t group_firm[MODEL_GROUPS];
    bool restricted[MODEL_GROUPS][MODEL_INSTRUMENTS];
    struct model_account accounts[MODEL_ACCOUNTS];
    struct model_instrument instruments[MODEL_INSTRUMENTS];
    struct model_position positions[MODEL_ACCOUNTS][MODEL_INSTRUMENTS];
    struct model_session sessions[MODEL_SESSIONS];
    uint32_t orders_cnt;
    uint32_t positions_cnt;
    uint64_t *last_ids;    /* by slot */
    const char *complaint; /* what is wrong with an id, NULL if nothing */
    /* What the last command should have caused. */
    uint32_t group_cnt;
    uint32_t event_index;
    union cell group[MODEL_GROUP_CELLS];
};

/* model_new makes an exchange without anything in it; free it by model_free. */
struct model *model_new(unsigned shard, uint32_t orders_max, uint32_t positions_max);
void model_free(struct model *model);

/*
 * model_apply applies a command and writes its group. engine_group is what the
 * engine wrote for it (engine_cnt cells, 0 if it was dropped); the ids are
 * taken from there. origin is noted in the order that the command makes.
 */
void model_apply(struct model *model,
                 const union cell *cells,
                 const union cell *engine_group,
                 uint32_t engine_cnt,
                 uint32_t origin);

/* model_admits says whether a command of the session would be carried out. */
bool model_admits(const struct model *model, uint16_t session, uint16_t in_no);

const struct model_order *model_find_id(const struct model *model, uint64_t order_id);
const struct model_order *
model_find_clord(const struct model *model, uint16_t session, uint64_t clord);

/* model_open_qty sums up what the account's orders on one side can still trade. */
uint64_t
model_open_qty(const struct model *model, uint32_t account, uint32_t instrument, bool sell);

/* model_account_firm returns the firm of a known account. */
uint32_t model_account_firm(const struct model *model, uint32_t account);

static inline qty_t
model_leaves(const struct model_order *order)
{
    return order->qty - order->cum_qty;
}

/* What the checks are asked about: a new order, or an old one as a replace
 * would leave it. */
struct model_question {
    uint32_t instrument;
    uint32_t account;
    uint32_t firm; /* UINT32_MAX: of the exchange itself */
    px_t px;       /* replaced by its limit if it is a market order */
    qty_t qty;
    bool sell;
    bool market;
    const struct model_order *old;  /* of a replace, else NULL */
    struct cell_risk_detail detail; /* result: the numbers behind a refusal */
};

/* model_risk answers with a reject reason, and its numbers in question->detail
 * if it has any, or 0 and the limit in question->px. */
uint16_t model_risk(const struct model *model, struct model_question *question);

#endif
