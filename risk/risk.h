/*
 * Risk: synchronous pre-trade checks in front of every book.
 *
 *   firm <- group <- account --+
 *                              +-- position (account x instrument)
 *               instrument  ---+
 *
 * The engine calls risk_check_* once per order, before anything changes. All
 * checks come first, then all reservations: a refusal changes nothing. What
 * was reserved is released exactly: risk_on_trade moves it into the position,
 * risk_give_back gives it back.
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
 * docs/risk.md has the full set of rules and the order of all checks; the layout of
 * what they touch is in risk/account.h, limits and stages in risk/limits.h,
 * buckets in risk/bucket.h, what an order reserves in risk/reserve.h.
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
#include "proto/image.h"
#include "proto/orders.h"
#include "proto/px_qty.h"
#include "risk/account.h"
#include "risk/bucket.h"
#include "risk/limits.h"
#include "risk/reserve.h"

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
    bool market;          /* valued at, and limited to, the collar */
    bool stop;            /* px is for later: neither collar nor band */
    bool quote;           /* side of a mass quote: not counted as an equal order */
    uint8_t ord_type;     /* enum oe_ord_type */
    uint8_t tif;          /* enum oe_time_in_force */
    uint16_t session;     /* whose RiskDetail names it */
    uint32_t session_max; /* live orders that the session may have */
    uint32_t session_cnt; /* and has */
    px_t mid_px;          /* middle of the best prices, 0: none; see risk_wants_mid */
    uint64_t now_ns;      /* of the command */
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
    uint32_t position; /* slot for the hold of the order */
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
                                px_t mid_px,
                                bool sell,
                                uint32_t *tick);

/* risk_px_allowed says whether px lies inside the collar of this moment and the
 * band, both inclusive; not if there is a collar and no reference. */
NODISCARD bool
risk_px_allowed(const struct risk *risk, uint32_t instrument, px_t last_px, px_t mid_px, px_t px);

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
 * (and id2) to what it is; returns their number or 0. id2 is the instrument of a
 * PositionLimitSet and PermissionSet; level << 8 | limit of a LimitSet (of a pair
 * see PositionLimitSet); the level of an OrderRuleSet. Of a RestrictionSet id is
 * level << 24 | subject and id2 the instrument or CELL_ANY. Authors are left out. */
unsigned risk_config_get(const struct risk *risk,
                         unsigned kind,
                         uint32_t id,
                         uint32_t id2,
                         union cell cells[2]);

/* risk_hash adds all that can change an outcome to the hash. O(footprint in use). */
void risk_hash(const struct risk *risk, struct hash_state *hash);

/* risk_save puts all of it into an image; not while a command is in work. risk_load
 * fills a risk fresh from risk_init from one; false if it is none of a risk of these
 * sizes, and then the risk is of no use. What it has loaded can be hashed, whatever
 * the bytes were; that it is what was saved only the hash proves. risk_shape adds to
 * the hash what shapes an image. */
void risk_save(const struct risk *risk, struct image_out *out);
NODISCARD bool risk_load(struct risk *risk, struct image_in *in);
void risk_shape(const struct risk *risk, struct hash_state *hash);

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

/*
 * From here on: what the full set of docs/risk.md needs besides.
 *
 * The engine calls, in this order:
 *
 *   new      risk_take_message, its own checks, risk_check_new, risk_reserve_new
 *   replace  finds the order, risk_take_message, its own checks, risk_check_amend,
 *            its checks of the book, risk_reserve_amend
 *   cancel   finds the order, risk_take_message, risk_give_back of all leaves
 *   trade    risk_on_trade for the taker, then for the maker; both cells
 *   end      risk_give_back, whatever ended it; not of one that was filled
 *   move     risk_reprice, when an order that was let pass gets another price
 *            that is no worse for its owner (post-only with reprice)
 *   elected  risk_check_elected: a Stop gets its limit now and is asked again
 *   behind   while risk_is_pending: risk_pending_pop, one RiskWarning or
 *            RiskAction each, with a mass cancel if it says so
 *
 * All levels are checked before any is committed; check functions are const but for
 * what is prepared. So a refusal at any level, or by the book, leaves no trace but
 * the token of its message.
 */

/* risk_take_message takes a token of the session, the account and its firm, or
 * of none of them: Throttled, or KillSwitch of the session itself. Once per
 * command of a session that is a new order, replace, mass quote (cancels false), cancel
 * or mass cancel (true). An account that is unknown or not of firm
 * counts for the session alone, as does CELL_ANY. Cancels meet no KillSwitch. */
NODISCARD enum oe_reject_reason risk_take_message(struct risk *risk,
                                                  struct risk_session *session,
                                                  uint16_t session_id,
                                                  uint32_t firm,
                                                  uint32_t account,
                                                  bool cancels,
                                                  uint64_t now_ns,
                                                  struct risk_detail *detail);

/* risk_check_amend checks order, the state after a replace, against what the live
 * order holds; it changes nothing. Checks of use are asked only for what grows. */
NODISCARD enum oe_reject_reason risk_check_amend(const struct risk *risk,
                                                 const struct risk_order *order,
                                                 const struct risk_hold *hold,
                                                 struct risk_ticket *ticket,
                                                 struct risk_detail *detail);

/* risk_reserve_amend moves what hold has by the exact difference to order. */
void risk_reserve_amend(struct risk *risk,
                        const struct risk_order *order,
                        const struct risk_hold *hold,
                        const struct risk_ticket *ticket);

/* risk_reprice moves what hold has to another price, unasked. */
void risk_reprice(struct risk *risk, const struct risk_hold *hold, px_t px);

/* risk_check_elected asks for the limit of a Stop that was just elected: value,
 * open notional, daily gross and net, funds. If it passes, what hold has is moved
 * to px. RiskDetail is not told: the order is canceled, reason RiskLimit. */
NODISCARD bool risk_check_elected(struct risk *risk, const struct risk_hold *hold, px_t px);

/* One side of a trade. */
struct risk_fill {
    struct risk_hold hold; /* before the trade */
    px_t px;               /* of the trade */
    qty_t qty;
    uint64_t now_ns;
    bool maker;
};

/* risk_on_trade confirms qty of what hold has at px: reservation of qty at the
 * hold's price back, position, cash, fee, day and loss moved. Returns the fee. The
 * order has ended if qty is all of its leaves. */
px_t risk_on_trade(struct risk *risk, const struct risk_fill *fill);

/* Both sides of a trade. */
struct risk_trade {
    struct risk_hold taker; /* before the trade */
    struct risk_hold maker;
    px_t px;
    qty_t qty;
    uint64_t now_ns;
};

struct risk_trade_fees {
    px_t taker;
    px_t maker;
};

/* risk_on_trades does risk_on_trade for the taker, then for the maker. */
struct risk_trade_fees risk_on_trades(struct risk *risk, const struct risk_trade *trade);

/* risk_give_back releases qty of what hold has; if it is all, the order has ended. */
void risk_give_back(struct risk *risk, const struct risk_hold *hold, qty_t qty);

/* risk_wants_mid says whether the collar of an instrument asks for mid_px. */
bool risk_wants_mid(const struct risk *risk, uint32_t instrument);

/* risk_wants_last says whether it asks for the last trade, which comes before. */
bool risk_wants_last(const struct risk *risk, uint32_t instrument);

/* risk_fees_of returns the rates of a known instrument. */
struct risk_fees risk_fees_of(const struct risk *risk, uint32_t instrument);

/* What became due: told by RiskWarning or RiskAction, in the order in which it came
 * about; one subject is there at most once, with the worst that it reached. */
struct risk_due {
    uint8_t level; /* enum oe_risk_level */
    uint8_t limit; /* enum cell_risk_limit */
    uint8_t stage; /* enum cell_risk_stage; Blocked: cancel all of the subject */
    uint16_t permille;
    uint32_t subject;
    uint32_t instrument; /* of the order that led to it; 0: none did */
    int64_t value;
    int64_t used;
};
bool risk_is_pending(const struct risk *risk);
bool risk_pending_pop(struct risk *risk, struct risk_due *due);

/* Commands of operators: the command's cell and its Author. Each returns 0 or a
 * reject reason and then has changed nothing. Of a session, LimitSet, Kill and Enable
 * are given its risk_session by the engine, which knows whether it exists. */
NODISCARD enum oe_reject_reason risk_apply_limit(struct risk *risk,
                                                 struct risk_session *session,
                                                 const struct cell_limit_set *cell,
                                                 const struct cell_author *author);
NODISCARD enum oe_reject_reason risk_apply_fee(struct risk *risk, const struct cell_fee_set *cell);
NODISCARD enum oe_reject_reason risk_apply_cash(struct risk *risk,
                                                const struct cell_cash_move *cell);
NODISCARD enum oe_reject_reason risk_apply_position(struct risk *risk,
                                                    const struct cell_position_move *cell);
NODISCARD enum oe_reject_reason risk_apply_restriction(struct risk *risk,
                                                       const struct cell_restriction_set *cell);
NODISCARD enum oe_reject_reason risk_apply_order_rule(struct risk *risk,
                                                      const struct cell_order_rule_set *cell);
NODISCARD enum oe_reject_reason
risk_apply_kill(struct risk *risk, struct risk_session *session, const struct cell_kill *cell);
NODISCARD enum oe_reject_reason
risk_apply_enable(struct risk *risk, struct risk_session *session, const struct cell_enable *cell);

/* risk_instrument_changes returns RISK_VALUE_ of all that an InstrumentSet would change.
 * It may be one that will be refused: of an unknown instrument there is none. */
unsigned risk_instrument_changes(const struct risk *risk,
                                 uint32_t instrument,
                                 const struct cell_instrument_limits *limits);

/* risk_note_by_hand notes that what a configuration command has just set was set by
 * hand; kind, id and id2 as of risk_config_get. What another command then changes is
 * no longer. LimitSet notes it by itself; of InstrumentSet id2 is RISK_VALUE_ of what it
 * has changed. */
void risk_note_by_hand(struct risk *risk, unsigned kind, uint32_t id, uint32_t id2);

/* risk_apply_hand_back: what was by hand is no longer, and nothing else changes. session
 * as of risk_apply_limit. */
NODISCARD enum oe_reject_reason risk_apply_hand_back(struct risk *risk,
                                                     struct risk_session *session,
                                                     const struct cell_hand_back *cell);

/* risk_config_by_hand says whether it was, of InstrumentSet whether any value of id2
 * was; of the limits in an AccountSet or
 * InstrumentSet ask for the LimitSet. Of a limit of a session see
 * struct risk_session. */
bool risk_config_by_hand(const struct risk *risk, unsigned kind, uint32_t id, uint32_t id2);

/* risk_session_limit gives a limit of a session as it was set; false if the limit
 * does not exist at a session. */
bool risk_session_limit(const struct risk *risk,
                        const struct risk_session *session,
                        uint8_t limit,
                        struct risk_limit *out);

/* risk_session_full_ns returns when a bucket of a session will be full again. */
uint64_t
risk_session_full_ns(const struct risk *risk, const struct risk_session *session, bool cancels);

/* Commands that go through many subjects: begin checks and does what is O(1), step
 * does at most budget subjects from *at on and returns whether any are left. No
 * other function of risk is called between the steps of a command. */
NODISCARD enum oe_reject_reason risk_mark_begin(struct risk *risk,
                                                const struct cell_mark_set *cell);
bool risk_mark_step(struct risk *risk, uint32_t *at, uint32_t budget);
NODISCARD enum oe_reject_reason risk_day_begin(struct risk *risk, const struct cell_day_roll *cell);
bool risk_day_step(struct risk *risk, uint32_t *at, uint32_t budget);

/* What `outcry admin show` and a query see of an account, a group or a firm. */
struct risk_use {
    struct risk_limit limit; /* as it was set */
    notional_t used;
    notional_t headroom; /* negative: above the limit */
};
bool risk_use_get(const struct risk *risk,
                  uint8_t level,
                  uint32_t subject,
                  uint32_t instrument,
                  uint8_t limit,
                  struct risk_use *out);

/* What stops an account, group or firm besides its limits, and its day. False if there is
 * no such subject. */
struct risk_standing {
    bool killed;
    bool latched;
    bool blacklisted;
    bool staged;           /* a stage of one of its limits has begun */
    uint8_t state;         /* of an account: enum cell_account_state */
    uint64_t messages_cnt; /* of a firm, today: what OrderToTrade compares */
    uint64_t fills_cnt;
    notional_t bought; /* of an account, today */
    notional_t sold;
    notional_t profit;
};
bool risk_standing_get(const struct risk *risk,
                       uint8_t level,
                       uint32_t subject,
                       struct risk_standing *out);

/* risk_subjects_cnt returns one past the largest id of the level, account to
 * instrument, that was ever set. */
uint32_t risk_subjects_cnt(const struct risk *risk, uint8_t level);

/* risk_restriction_next moves *at to the next instrument below end, itself included,
 * that the account, group or firm may not trade by its own restriction; false if there
 * is none. end is not above risk_subjects_cnt. O(end - *at). */
bool risk_restriction_next(const struct risk *risk,
                           uint8_t level,
                           uint32_t subject,
                           uint32_t *at,
                           uint32_t end);

/* risk_pair_of tells of the slot of a position, as risk_position_slot gives it. */
struct risk_pair {
    uint32_t account;
    uint32_t instrument;
    int64_t position_qty;
    bool restricted;
};
struct risk_pair risk_pair_of(const struct risk *risk, uint32_t position);

/* What prices of an instrument are measured against; 0: there is none. */
struct risk_prices {
    px_t mark_px;
    px_t settlement_px;
    px_t reference_px; /* of the collar, as of now */
    bool has_collar;   /* and its ends, both inclusive */
    px_t low_px;
    px_t high_px;
};
bool risk_prices_get(const struct risk *risk,
                     uint32_t instrument,
                     px_t last_px,
                     px_t mid_px,
                     struct risk_prices *out);

struct risk_cash {
    notional_t balance;
    notional_t reserved;
    notional_t free; /* balance + credit - reserved */
    notional_t fees; /* paid by all accounts; of all accounts alone */
};
bool risk_cash_get(const struct risk *risk, uint32_t account, struct risk_cash *out);

/* Sums over the live orders of an account, which engine_check makes. */
struct risk_sums {
    notional_t value;
    notional_t cash;
    uint32_t orders_cnt;
};

/* risk_is_blocked says whether a stage that cancels all holds of a known account, of its
 * group or its firm. */
bool risk_is_blocked(const struct risk *risk, uint32_t account);

/* risk_account_check asserts invariants 1 to 3 of risk/account.h for an account;
 * risk_conservation_check those of groups, firms and the whole. O(accounts). */
void risk_account_check(const struct risk *risk, uint32_t account, const struct risk_sums *sums);
void risk_conservation_check(const struct risk *risk);

#endif
