/*
 * Risk: synchronous pre-trade checks in front of every book.
 *
 *   firm <- group <- account --+
 *                              +-- position (account x instrument)
 *               instrument  ---+
 *
 * The engine calls risk_check_* once per order, before anything changes. All
 * checks come first, then all reservations: a refusal changes nothing. What
 * was reserved is released exactly: risk_on_fill moves it into the position,
 * risk_release gives it back.
 *
 * Exposure is worst case: for a buy, position + open buys + this order must
 * not exceed the long limit; for a sell, -position + open sells + this order
 * must not exceed the short limit. Own orders that could trade with each other
 * are not netted.
 *
 * Invariants (engine_check, risk_position_check)
 *  1. open_buy_qty and open_sell_qty of a position are the sums of the leaves
 *     of its live orders.
 *  2. position_qty is bought minus sold.
 *  3. No position slot is in use twice for the same pair.
 *
 * Ids are dense: an account's id is its index. Everything is written by the
 * engine thread alone. No clocks, no I/O, no allocation after risk_init; a
 * check is O(1) with one cache line each for instrument, account, position.
 *
 * Checks, in order, with their reasons: instrument known (UnknownInstrument),
 * its state (InstrumentHalted, InstrumentClosed), account known
 * (UnknownAccount) and of the session's firm (AccountNotOfFirm), its state
 * (AccountSuspended, AccountBlocked, AccountCloseOnly), permission
 * (RestrictedInstrument), price on tick and positive (InvalidPrice,
 * InvalidTick), quantity (InvalidQuantity, InvalidLot, MinOrderQty,
 * MaxOrderQty), collar (NoReferencePrice, PriceCollarHigh, PriceCollarLow),
 * static band (PriceBand), value (MaxOrderValue), position
 * (PositionPoolFull, LongPositionLimit, ShortPositionLimit). A quantity limit
 * at several levels: the tightest holds. A limit equal to the largest number
 * of its type is no limit.
 *
 * A collar is checked at both ends whatever the side. A market order's limit
 * is the last tick inside its collar; from there on it is checked like a limit
 * order with this limit. A replace is checked like a new order with its new
 * total, except that the position is only checked if the leaves grow.
 *
 * Configuration commands are refused with ConfigurationRange for an id or
 * value out of range, an empty name or symbol, and else with
 * ConfigurationConflict for a reference to nothing, a change of what never
 * changes (an account's group, a group's firm, an instrument's symbol, tick
 * and lot) or a symbol in use.
 */
#ifndef OUTCRY_RISK_RISK_H
#define OUTCRY_RISK_RISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base.h"
#include "proto/cell.h"
#include "proto/hash.h"
#include "proto/orders.h"
#include "proto/px_qty.h"

struct risk;

struct risk_cfg {
    uint32_t instruments_max; /* 1 .. INSTRUMENTS_MAX */
    uint32_t accounts_max;    /* 1 .. ACCOUNTS_MAX */
    uint32_t groups_max;      /* 1 .. GROUPS_MAX */
    uint32_t firms_max;       /* 1 .. FIRMS_MAX */
    uint32_t positions_max;   /* 1 .. POSITIONS_MAX */
};

/* Firm of an order that no session sent: fits every account. */
#define RISK_FIRM_ANY UINT32_MAX

/* An order as the checks see it. */
struct risk_order {
    uint32_t instrument;
    uint32_t account;
    uint32_t firm;    /* of the session that sent it */
    px_t px;          /* limit; of a market order: ignored */
    px_t last_px;     /* last trade of the instrument, 0: none yet */
    qty_t qty;        /* total of the order */
    qty_t leaves_qty; /* what it can still trade: qty minus fills */
    bool sell;
    bool market; /* valued at, and limited to, the collar */
    bool stop;   /* px is for later: neither collar nor band */
};

/* The numbers behind a refusal; level RISK_LEVEL_NONE when there are none. */
struct risk_detail {
    uint8_t level; /* enum oe_risk_level */
    uint32_t subject;
    int64_t limit;
    int64_t used;
    int64_t value;
};

/* What an accepted order goes on with. */
struct risk_ticket {
    uint32_t position; /* slot to pass to risk_on_fill and risk_release */
    uint32_t tick;     /* index of its limit on the instrument's ticks */
    px_t px;           /* its limit: its own or, of a market order, the collar */
};

/* risk_footprint returns the bytes that risk_init needs, 0 if cfg is invalid. */
size_t risk_footprint(const struct risk_cfg *cfg);

/* risk_init lays a risk out in mem (zeroed, CACHE_LINE aligned, risk_footprint
 * bytes), which must outlive it. */
struct risk *risk_init(void *mem, const struct risk_cfg *cfg);

/* Configuration commands. The cells are the message's; each returns 0 or
 * a reject reason and then has changed nothing. */
NODISCARD enum oe_reject_reason risk_firm_set(struct risk *risk, const struct cell_firm_set *cell);
NODISCARD enum oe_reject_reason risk_group_set(struct risk *risk,
                                               const struct cell_group_set *cell);
NODISCARD enum oe_reject_reason risk_account_set(struct risk *risk,
                                                 const struct cell_account_set *cell,
                                                 const struct cell_account_limits *limits);
NODISCARD enum oe_reject_reason risk_instrument_set(struct risk *risk,
                                                    const struct cell_instrument_set *cell,
                                                    const struct cell_instrument_limits *limits);
NODISCARD enum oe_reject_reason risk_position_limit_set(struct risk *risk,
                                                        const struct cell_position_limit_set *cell);
NODISCARD enum oe_reject_reason risk_permission_set(struct risk *risk,
                                                    const struct cell_permission_set *cell);

/* risk_check_new runs every check on a new order and fills ticket when all pass,
 * detail when one refuses. It changes nothing: risk_reserve_new does. */
NODISCARD enum oe_reject_reason risk_check_new(const struct risk *risk,
                                               const struct risk_order *order,
                                               struct risk_ticket *ticket,
                                               struct risk_detail *detail);

/* risk_reserve_new reserves leaves_qty of an order that risk_check_new has just let
 * pass, on the position that its ticket names. */
void risk_reserve_new(struct risk *risk,
                      const struct risk_order *order,
                      const struct risk_ticket *ticket);

/* risk_check_replace checks order (the state after the replace; leaves_qty is
 * the new leaves) against a live order of the same account, instrument and
 * side that has old_leaves_qty reserved on position, and moves the reservation
 * by the difference. A replace that lowers neither risk limit is always let
 * pass by the position check; account state and permission still hold. */
NODISCARD enum oe_reject_reason risk_check_replace(struct risk *risk,
                                                   const struct risk_order *order,
                                                   uint32_t position,
                                                   qty_t old_leaves_qty,
                                                   struct risk_ticket *ticket,
                                                   struct risk_detail *detail);

/* risk_on_fill moves qty from the reservation into the position. */
void risk_on_fill(struct risk *risk, uint32_t position, bool sell, qty_t qty);

/* risk_release gives back the reservation of qty. */
void risk_release(struct risk *risk, uint32_t position, bool sell, qty_t qty);

/* risk_reserve takes back what risk_release gave: for a replace that was
 * checked and then refused for another reason. */
void risk_reserve(struct risk *risk, uint32_t position, bool sell, qty_t qty);

/* risk_prefetch fetches what the check of such an order will touch. */
void risk_prefetch(const struct risk *risk, uint32_t account, uint32_t instrument);
void risk_prefetch_position(const struct risk *risk, uint32_t position);

/* What an operator or a query sees. False if the pair has no position. */
struct risk_position {
    int64_t position_qty;
    uint64_t open_buy_qty;
    uint64_t open_sell_qty;
    uint64_t long_max;
    uint64_t short_max;
};
bool risk_position_get(const struct risk *risk,
                       uint32_t account,
                       uint32_t instrument,
                       struct risk_position *out);

/* Of a known instrument or account; 0 or false if unknown. */
px_t risk_tick_px(const struct risk *risk, uint32_t instrument);
/* risk_market_tick finds the limit of a market order: the last tick inside the
 * collar of this moment; false if there is no reference, or no tick inside. */
NODISCARD bool risk_market_tick(const struct risk *risk,
                                uint32_t instrument,
                                px_t last_px,
                                bool sell,
                                uint32_t *tick);

/* risk_px_allowed says whether px lies inside the collar of this moment and the
 * band, both inclusive; not if there is a collar and no reference. */
NODISCARD bool risk_px_allowed(const struct risk *risk, uint32_t instrument, px_t last_px, px_t px);

/* risk_account_group returns the group of a known account. */
uint32_t risk_account_group(const struct risk *risk, uint32_t account);
uint8_t risk_instrument_state(const struct risk *risk, uint32_t instrument);
uint32_t risk_lot_qty(const struct risk *risk, uint32_t instrument);

/* risk_instrument_state_set opens, halts or closes a known instrument. */
NODISCARD enum oe_reject_reason
risk_instrument_state_set(struct risk *risk, const struct cell_instrument_state_set *cell);

bool risk_account_firm(const struct risk *risk, uint32_t account, uint32_t *group, uint32_t *firm);
bool risk_group_firm(const struct risk *risk, uint32_t group, uint32_t *firm);
bool risk_firm_known(const struct risk *risk, uint32_t firm);
bool risk_instrument_known(const struct risk *risk, uint32_t instrument);

/* risk_config_get fills cells with the configuration command that would set id
 * (and id2, see engine_config_get) to what it is; returns their number or 0. */
unsigned risk_config_get(const struct risk *risk,
                         unsigned kind,
                         uint32_t id,
                         uint32_t id2,
                         union cell cells[2]);

/* risk_hash adds all that can change an outcome to the hash. O(footprint in use). */
void risk_hash(const struct risk *risk, struct hash_state *hash);

/* risk_position_check asserts that the position has exactly these reservations;
 * the engine calls it with sums over its live orders. O(1). */
void risk_position_check(const struct risk *risk,
                         uint32_t position,
                         uint64_t open_buy_qty,
                         uint64_t open_sell_qty);
uint32_t risk_positions_cnt(const struct risk *risk);

/* risk_position_slot returns the slot of the idx-th position, in the order in
 * which they came into use; idx < risk_positions_cnt. Slots are less than
 * risk_slots_cnt. */
uint32_t risk_position_slot(const struct risk *risk, uint32_t idx);
uint32_t risk_slots_cnt(const struct risk *risk);

#endif
