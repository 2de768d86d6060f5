/*
 * Risk state: all that the files of risk/ share. Private to risk/ and, by way of
 * risk/hot.h, to the short road of the engine.
 *
 *   hot and warm      risk/account.h
 *   instruments       as they were set; bounds[instrument] prepares them
 *   pairs[slot]       open addressing over (account, instrument), at most half
 *                     full, never deleted: slots are stable
 *   pairs_cold[slot]  own limits, restriction, the maxima that room counts from
 *   used[i]           slots in the order in which they came into use
 *   subjects          accounts, groups and firms: limits, stages, kills, what is
 *                     pending; one layout, so that one function serves them all
 *   restricted        one row of bits per group and per firm, one bit an instrument
 *   rates             what the bytes of buckets name
 *
 * Files: hot.h is risk of plain orders, all of it inline; check.c and trade.c are the
 * hot road of all others and of fills; slow.c has all checks in their order,
 * stage.c keeps rooms and stages, take.c buckets, pair.c and bounds.c prepare,
 * setup.c and apply.c are commands, day.c those in slices, query.c, audit.c and
 * save.c read.
 *
 * Invariants
 *  1. Memory not in use is zero.
 *  2. A pair is in use if and only if it is in used[].
 *  3. A group's firm and an account's group never change.
 *
 * Everything is written by the engine thread.
 */
#ifndef OUTCRY_RISK_STATE_H
#define OUTCRY_RISK_STATE_H

#include <stddef.h>

#include "proto/limits.h"
#include "risk/risk.h"

/* No limit of a position: as AccountLimits says it, and what then holds. */
#define RISK_POSITION_NO_LIMIT UINT64_MAX
#define RISK_TYPES_ALL         0x3fu
#define RISK_TIFS_ALL          0x7fu

/* A pause is set in ms. */
#define RISK_PAUSE_NS UINT64_C(1000000)

/* Bits of the references of a collar. */
#define RISK_REFERENCE_LAST       1u
#define RISK_REFERENCE_MID        2u
#define RISK_REFERENCE_SETTLEMENT 4u
#define RISK_REFERENCE_CONFIGURED 8u
#define RISK_REFERENCES_ALL       15u

/* An account, a group or a firm, but for what is hot. */
struct risk_subject {
    struct risk_limit limits[RISK_LIMITS_CNT];
    notional_t value_base; /* of room and cash_room, see account.h */
    notional_t cash_base;
    notional_t balance_base; /* this and profit of accounts alone */
    notional_t profit_base;
    notional_t bought_base;
    notional_t sold_base;
    struct risk_due due;   /* while RISK_IS_PENDING */
    uint64_t messages_cnt; /* of a firm today, in whole RISK_MESSAGES */
    uint64_t slow_full_ns; /* while slowed: the next message from here on */
    uint32_t pending_next; /* RISK_KEY of the next, 0: none */
    uint16_t flags;        /* RISK_IS_ */
    uint16_t by_hand;      /* RISK_HAND_ */
    uint16_t slow_ms;      /* of all that have slowed it the longest */
    uint8_t begun;         /* RISK_BEGUN_ of all limits */
    uint8_t state;         /* of an account: enum cell_account_state */
    uint8_t types;         /* of an account: OrderRuleSet */
    uint8_t tifs;
    char name[16];
};

#define RISK_IS_KNOWN       1u
#define RISK_IS_KILLED      2u
#define RISK_IS_LATCHED     4u
#define RISK_IS_COVERED     8u
#define RISK_IS_BLACKLISTED 16u
#define RISK_IS_PENDING     32u
#define RISK_IS_OUT         64u  /* the loss of today has reached its limit */
#define RISK_IS_LOWERED     128u /* Credit was set below what was used */

/* What was set by hand. */
#define RISK_HAND_SET         1u
#define RISK_HAND_RULE        2u
#define RISK_HAND_FEE         4u
#define RISK_HAND_MARK        8u
#define RISK_HAND_BLACKLIST   16u
#define RISK_HAND_LONG        32u
#define RISK_HAND_SHORT       64u
#define RISK_HAND_RESTRICTION 128u

/* risk_session_hand returns the bit of a limit in by_hand of a session. */
static inline unsigned
risk_session_hand(uint8_t limit)
{
    return limit == CELL_RISK_LIMIT_OPEN_ORDERS    ? 1u
           : limit == CELL_RISK_LIMIT_MESSAGE_RATE ? 2u
                                                   : 4u;
}

/* A subject and its level in one number, never 0. */
#define RISK_KEY(level, id) ((uint32_t)(level) << 24 | (id))
#define RISK_KEY_LEVEL(key) ((uint8_t)((key) >> 24))
#define RISK_KEY_ID(key)    ((key)&0xffffffu)

struct risk_instrument {
    px_t tick_px;
    px_t reference_px;
    px_t settlement_px;
    px_t band_low_px;
    px_t band_high_px;
    qty_t order_qty_min;
    uint32_t lot_qty;
    uint32_t collar_ticks;
    uint32_t collar_permille;
    uint8_t known;
    uint8_t state; /* enum cell_instrument_state */
    uint8_t px_decimals;
    uint8_t references;   /* RISK_REFERENCE_ */
    uint8_t unreferenced; /* without a reference no collar holds */
    uint8_t types;
    uint8_t tifs;
    uint16_t by_hand; /* RISK_HAND_, RISK_VALUE_ */
    struct risk_fees fees;
    struct risk_limit limits[2]; /* OrderQty, OrderValue */
    notional_t moved_qty;        /* by PositionMove */
    notional_t sum_qty;          /* scratch of risk_conservation_check */
};

/* What the checks and fills of an instrument need, on one line; the tick size as in a
 * px_divisor. */
struct risk_bounds {
    uint64_t tick_inverse;
    px_t last_px; /* low and high hold while the last trade is at it; RISK_PX_STALE */
    px_t low_px;  /* collar and band together, both inclusive */
    px_t high_px;
    px_t mark_px; /* 0: none yet; the one field that is state */
    struct risk_fees fees;
    int32_t hold_ppm; /* risk_hold_ppm of fees */
    qty_t order_qty_min;
    uint32_t lot_qty;
    uint8_t tick_shift;
    uint8_t open; /* known and open */
    uint8_t zero[2];
};

/* The largest value that the hot road lets pass, see risk/hot.h. */
#define RISK_HOT_VALUE_MAX ((INT64_C(1) << 61) - 1)

/* The largest price times rate for which nothing wraps when the fee is reckoned in 64 bits;
 * above it the slow road is taken. */
#define RISK_HOT_FEE_MAX (PX_MAX - 999999)

/* No last trade: collar and band are found anew by each order. */
#define RISK_PX_STALE ((px_t)-1)

/* The cold half of a pair. */
struct risk_pair_cold {
    int64_t max_qty[2]; /* long, short: that room counts from */
    int64_t own_qty[2]; /* as set: RISK_LIMIT_OFF is one, too */
    uint8_t has_own[2];
    uint8_t restricted;
    uint8_t by_hand; /* RISK_HAND_ */
    uint8_t zero[4];
};

_Static_assert(sizeof(struct risk_bounds) == CACHE_LINE, "one line");

/* High-water marks: one past the largest id that was ever set. */
struct risk_marks {
    uint32_t firms_cnt;
    uint32_t groups_cnt;
    uint32_t accounts_cnt;
    uint32_t instruments_cnt;
    uint32_t positions_cnt;
    uint32_t zero;
};

/* Scratch of risk_conservation_check, one for each group and firm. */
struct risk_total {
    notional_t value;
    notional_t bought;
    notional_t sold;
};

/* Index 0 is no limit, for ever. */
#define RISK_RATES_CNT (RISK_RATES_MAX + 1)

struct risk {
    struct risk_cfg cfg; /* constant */
    uint32_t slots_shift;
    uint32_t slots_mask;
    uint32_t row_words;
    struct risk_account_line *accounts;
    struct risk_group_line *groups;
    struct risk_firm_line *firms;
    struct risk_pair_line *pairs;
    struct risk_bounds *bounds;
    struct risk_account_warm *accounts_warm;
    struct risk_group_warm *groups_warm;
    struct risk_pair_cold *pairs_cold;
    struct risk_subject *subjects[3]; /* accounts, groups, firms */
    struct risk_instrument *instruments;
    uint32_t *used;
    uint64_t *restricted[2]; /* groups, firms */
    uint64_t *by_hand;       /* of restricted[0] and then restricted[1] */
    struct risk_total *totals;
    char (*symbols)[8];
    struct risk_marks marks; /* from here on no pointers: an image has it as it is */
    uint32_t version;        /* of what pairs are prepared from; never 0 */
    uint32_t date;           /* of the last DayRoll */
    uint32_t pending_head;
    uint32_t pending_tail;
    uint32_t moving_instrument; /* of a MarkSet in work */
    px_t moving_px;             /* its former mark */
    notional_t cash_moved;
    notional_t fees;
    uint64_t rates_interval_ns[RISK_RATES_CNT]; /* apart: a byte is an index without arithmetic */
    uint64_t rates_slack_ns[RISK_RATES_CNT];
    uint32_t rates_users[RISK_RATES_CNT];
};

/* risk_rate_get returns what the byte of a bucket names. */
static ALWAYS_INLINE struct risk_rate
risk_rate_get(const struct risk *risk, uint8_t rate)
{
    return (struct risk_rate){risk->rates_interval_ns[rate], risk->rates_slack_ns[rate]};
}

static inline struct risk_subject *
risk_subject_of(const struct risk *risk, uint8_t level, uint32_t id)
{
    ASSERT(level >= OE_RISK_LEVEL_ACCOUNT && level <= OE_RISK_LEVEL_FIRM);
    return &risk->subjects[level - OE_RISK_LEVEL_ACCOUNT][id];
}

/* risk_version_next makes every pair be prepared anew. */
static inline void
risk_version_next(struct risk *risk)
{
    risk->version++;
    if (risk->version == 0)
        risk->version = 1;
}

/* risk_tick_of returns the tick of px; if px is no multiple of the tick size, is
 * negative or is too far up, what it returns is not less than TICK_MAX, or 0 for 0.
 * Of a coarse tick size some negative prices come to less: they are asked for. */
static inline uint64_t
risk_tick_of(const struct risk_bounds *bounds, px_t px)
{
    return px_divide(px, bounds->tick_inverse, bounds->tick_shift);
}

/* risk_pair_key returns account and instrument of a pair as one number, as the first word
 * of its line is. */
static inline uint64_t
risk_pair_key(uint32_t account, uint32_t instrument)
{
    return (uint64_t)account << 32 | instrument;
}

/* risk_pair_home returns where the search for a pair begins. */
static inline uint32_t
risk_pair_home(const struct risk *risk, uint32_t account, uint32_t instrument)
{
    return (uint32_t)(risk_pair_key(account, instrument) * UINT64_C(0x9e3779b97f4a7c15) >>
                      risk->slots_shift);
}

/* risk_pair_find returns the slot of the pair or, if it has none, the free one
 * that it would get. Half of the slots are free, so it ends. */
static inline uint32_t
risk_pair_find(const struct risk *risk, uint32_t account, uint32_t instrument)
{
    uint32_t at = risk_pair_home(risk, account, instrument);

    while (risk->pairs[at].version != 0 &&
           (risk->pairs[at].account != account || risk->pairs[at].instrument != instrument))
        at = (at + 1) & risk->slots_mask;
    return at;
}

/* risk_pair_open returns the open quantity of a side. Rooms are counted modulo
 * 2^64 and open quantities are far below that. */
static inline uint64_t
risk_pair_open(const struct risk *risk, uint32_t at, bool sell)
{
    const struct risk_pair_line *pair = &risk->pairs[at];
    const uint64_t held = (uint64_t)pair->position_qty;

    return (uint64_t)risk->pairs_cold[at].max_qty[sell] + (sell ? held : -held) -
           (uint64_t)pair->room[sell];
}

/* risk_room_add moves a room of a pair, modulo 2^64. */
static inline void
risk_room_add(int64_t *room, int64_t qty)
{
    *room = (int64_t)((uint64_t)*room + (uint64_t)qty);
}

/* risk_run_time returns the time of a run of equal orders: in units of 2^16 ns, their
 * number in the bits below. */
static inline uint64_t
risk_run_time(uint64_t now_ns)
{
    return (now_ns < RISK_TIME_NS_MAX ? now_ns : RISK_TIME_NS_MAX) & ~UINT64_C(0xffff);
}

/* risk_run_length returns how many orders equal to this one stand before it; 0: it
 * begins a run. */
static inline uint64_t
risk_run_length(const struct risk_pair_line *pair,
                uint64_t window_ns,
                uint32_t tick,
                bool sell,
                qty_t qty,
                uint64_t now_ns)
{
    const uint64_t since_ns = risk_run_time(now_ns) - (pair->run & ~UINT64_C(0xffff));

    if (pair->run_tick_sell != tick * 2 + sell || pair->run_qty != qty ||
        since_ns > (window_ns & ~UINT64_C(0xffff)))
        return 0;
    return pair->run & 0xffff;
}

/* risk_clip narrows to 64 bits what is told or compared with a bound. */
static inline int64_t
risk_clip(notional_t amount)
{
    return amount > INT64_MAX ? INT64_MAX : amount < INT64_MIN ? INT64_MIN : (int64_t)amount;
}

static inline bool
risk_bit_get(const uint64_t *row, uint32_t bit)
{
    return (row[bit / 64] >> (bit % 64) & 1) != 0;
}

/* risk_restricted_row returns the row of a group or firm. */
static inline uint64_t *
risk_restricted_row(const struct risk *risk, uint8_t level, uint32_t id)
{
    ASSERT(level == OE_RISK_LEVEL_GROUP || level == OE_RISK_LEVEL_FIRM);
    return &risk->restricted[level - OE_RISK_LEVEL_GROUP][(size_t)id * risk->row_words];
}

static inline uint64_t *
risk_by_hand_row(const struct risk *risk, uint8_t level, uint32_t id)
{
    const size_t row = level == OE_RISK_LEVEL_GROUP ? id : (size_t)risk->cfg.groups_max + id;

    ASSERT(level == OE_RISK_LEVEL_GROUP || level == OE_RISK_LEVEL_FIRM);
    return &risk->by_hand[row * risk->row_words];
}

/* bounds.c */

/* risk_bounds_look makes low and high of an instrument those of now; false if there is
 * a collar and no reference and one is needed. They stay while the last price does,
 * unless the middle was to be asked. */
NODISCARD bool
risk_bounds_look(const struct risk *risk, uint32_t instrument, px_t last_px, px_t mid_px);

/* pair.c */

/* risk_pair_prepare makes what is prepared of a pair in use of the limits of now. */
void risk_pair_prepare(const struct risk *risk, uint32_t at);

/* risk_pair_take puts a free slot that risk_pair_find gave into use. */
void risk_pair_take(struct risk *risk, uint32_t at, uint32_t account, uint32_t instrument);

/* risk_pair_get gives the slot of a pair, taking one if it has none; false if all
 * records are in use. */
NODISCARD bool
risk_pair_get(struct risk *risk, uint32_t account, uint32_t instrument, uint32_t *at);

/* risk_long_short returns the limit of a side that holds for a pair, clipped to
 * POSITION_LIMIT_MAX; own says whether it is the pair's; covered is not regarded. */
int64_t
risk_long_short(const struct risk *risk, uint32_t at, uint32_t account, bool sell, bool *own);

/* slow.c */

/* risk_check_slow runs all checks of docs/risk.md from 3 on, in their order. hold
 * is what a replaced order has; NULL: a new one. */
NODISCARD enum oe_reject_reason risk_check_slow(const struct risk *risk,
                                                const struct risk_order *order,
                                                const struct risk_hold *hold,
                                                struct risk_ticket *ticket,
                                                struct risk_detail *detail);

/* risk_slow_agrees says whether the slow road lets pass what the hot one did. */
bool risk_slow_agrees(const struct risk *risk,
                      const struct risk_order *order,
                      const struct risk_hold *hold,
                      const struct risk_ticket *ticket);

/* stage.c */

/* A profit or loss beyond is taken for that: far beyond all limits. */
#define RISK_PROFIT_MAX ((notional_t)1 << 126)

/* What counts of an account, a group or a firm. */
struct risk_usage {
    notional_t value; /* of open orders */
    notional_t bought;
    notional_t sold;
    notional_t reserved; /* cash; from here on of accounts alone */
    notional_t balance;
    notional_t profit;
    int64_t orders_cnt;
};

/* risk_usage_get finds what is used from rooms, bases and limits, which must be of the same
 * moment; risk_usage_set makes rooms and flags of the limits of now. A change of
 * limits lies between the two. */
struct risk_usage risk_usage_get(const struct risk *risk, uint8_t level, uint32_t id);
void risk_usage_set(struct risk *risk, uint8_t level, uint32_t id, const struct risk_usage *usage);

/* risk_loss_max returns DailyLoss of an account, RISK_LIMIT_OFF: none. */
static inline int64_t
risk_loss_max(const struct risk *risk, uint32_t account)
{
    return risk_subject_of(risk, OE_RISK_LEVEL_ACCOUNT, account)
        ->limits[CELL_RISK_LIMIT_DAILY_LOSS]
        .value;
}

/* risk_cash_free returns the true room of cash. */
notional_t risk_cash_free(const struct risk *risk, uint32_t account);

/* risk_used returns what counts against a limit that adds up; 0 for others. */
notional_t risk_used(const struct risk_usage *usage, uint8_t limit);

/* risk_look begins the stages that use has reached, by an order in instrument. */
COLD void risk_look(struct risk *risk, uint8_t level, uint32_t id, uint32_t instrument);

/* risk_flags_set makes the flags of a subject anew. */
void risk_flags_set(struct risk *risk, uint8_t level, uint32_t id);

/* risk_order_max_anew makes order_max what it truly is. */
COLD void risk_order_max_anew(struct risk *risk, uint8_t level, uint32_t id);

/* risk_look_next lets the next commit of a subject go through its stages. */
void risk_look_next(struct risk *risk, uint8_t level, uint32_t id);

/* risk_pend notes something that became due. */
void risk_pend(struct risk *risk, const struct risk_due *due);

/* risk_stage_end ends stages of a limit; use stays. */
void risk_stage_end(struct risk_limit *limit, unsigned begun);

/* risk_stage_tell fills the numbers of a refusal by a stage, one bit of RISK_BEGUN_, that has
 * begun: where it begins and what is in use, both in thousandths of the limit, and which limit.
 * Of several the first; of those that slow the first with the longest pause. */
COLD void risk_stage_tell(const struct risk *risk,
                          uint8_t level,
                          uint32_t id,
                          unsigned begun,
                          struct risk_detail *detail);

/* risk_rooms_anew makes the rooms of a subject of its limits and of what is used, with
 * what more of value and cash is to be free: what they cannot be moved by. */
COLD void risk_rooms_anew(struct risk *risk,
                          uint8_t level,
                          uint32_t id,
                          notional_t more_room,
                          notional_t more_cash_room);

/* risk_look_again does what risk_look does, if a commit may have begun a stage. */
COLD void risk_look_again(struct risk *risk, uint8_t level, uint32_t id, uint32_t instrument);

/* risk_party_of returns the hot part of an account, a group or a firm. */
static inline struct risk_party_line *
risk_party_of(const struct risk *risk, uint8_t level, uint32_t id)
{
    ASSERT(level >= OE_RISK_LEVEL_ACCOUNT && level <= OE_RISK_LEVEL_FIRM);
    return level == OE_RISK_LEVEL_ACCOUNT ? &risk->accounts[id].party
           : level == OE_RISK_LEVEL_GROUP ? &risk->groups[id].party
                                          : &risk->firms[id].party;
}

static inline uint8_t *
risk_flags_of(const struct risk *risk, uint8_t level, uint32_t id)
{
    ASSERT(level >= OE_RISK_LEVEL_ACCOUNT && level <= OE_RISK_LEVEL_FIRM);
    return level == OE_RISK_LEVEL_ACCOUNT ? &risk->accounts[id].flags
           : level == OE_RISK_LEVEL_GROUP ? &risk->groups_warm[id].flags
                                          : &risk->firms[id].flags;
}

/* risk_messages returns how many messages of a firm came today. */
static inline uint64_t
risk_messages(const struct risk *risk, uint32_t firm)
{
    return risk->subjects[2][firm].messages_cnt + risk->firms[firm].messages_cnt / RISK_MESSAGE;
}

/* risk_traded_parts returns what was bought and sold today over its bases. */
static inline int64_t *
risk_traded_parts(const struct risk *risk, uint8_t level, uint32_t id)
{
    return level == OE_RISK_LEVEL_ACCOUNT ? &risk->accounts_warm[id].bought
           : level == OE_RISK_LEVEL_GROUP ? &risk->groups[id].bought
                                          : &risk->firms[id].bought;
}

_Static_assert(offsetof(struct risk_account_warm, sold) ==
                   offsetof(struct risk_account_warm, bought) + sizeof(int64_t),
               "a pair");
_Static_assert(offsetof(struct risk_group_line, sold) ==
                   offsetof(struct risk_group_line, bought) + sizeof(int64_t),
               "a pair");
_Static_assert(offsetof(struct risk_firm_line, sold) ==
                   offsetof(struct risk_firm_line, bought) + sizeof(int64_t),
               "a pair");

/* risk_look_all begins the stages that a commit has reached, of an account, its group
 * and its firm. */
static inline void
risk_look_all(struct risk *risk, uint32_t account, uint32_t instrument)
{
    const struct risk_account_line *line = &risk->accounts[account];
    const struct risk_party_line *group = &risk->groups[line->group].party;
    const struct risk_party_line *firm = &risk->firms[line->firm].party;

    if (UNLIKELY((line->party.room | line->party.order_max | line->open_room) < 0))
        risk_look_again(risk, OE_RISK_LEVEL_ACCOUNT, account, instrument);
    if (UNLIKELY((group->room | group->order_max) < 0))
        risk_look_again(risk, OE_RISK_LEVEL_GROUP, line->group, instrument);
    if (UNLIKELY((firm->room | firm->order_max) < 0))
        risk_look_again(risk, OE_RISK_LEVEL_FIRM, line->firm, instrument);
}

/* risk_room_wrapped mends what a room wrapped by: that of value of a party, or an
 * account's of cash. */
COLD void
risk_room_wrapped(struct risk *risk, uint8_t level, uint32_t id, int64_t *room, int64_t more);

/* risk_room_move moves a room; false if it wraps, which risk_room_wrapped mends. */
static ALWAYS_INLINE bool
risk_room_move(int64_t *room, int64_t more)
{
    return LIKELY(!__builtin_add_overflow(*room, more, room));
}

/* risk_profit_add adds to the profit of today, of an account. */
COLD void risk_profit_add(struct risk *risk, uint32_t account, notional_t amount);

/* risk_loss_look looks at DailyLoss behind a fill in instrument, or a mark: then it is
 * 0. */
void risk_loss_look(struct risk *risk, uint32_t account, uint32_t instrument);

/* risk_sum_carry adds to a sum what does not fit its part: the base takes it all. */
COLD void risk_sum_carry(notional_t *base, int64_t *part, notional_t more);

/* take.c */

/* risk_warn_of_ratio carries RISK_MESSAGES of a firm, which its line has come to, and warns
 * once a day of one that sends much and trades little. Not
 * COLD: gcc then takes the whole hot road that leads to it (risk/hot.h) for one that is
 * never gone, lays it out apart and makes it small in place of fast. */
__attribute__((noinline)) void risk_warn_of_ratio(struct risk *risk, uint32_t firm);

/* risk_rate_set gives a bucket another rate, full when it was; burst RISK_LIMIT_OFF is none. False
 * if there are too many. */
NODISCARD bool risk_rate_set(struct risk *risk,
                             uint8_t *rate,
                             int64_t *ready_ns,
                             uint64_t interval_ns,
                             int64_t burst);

#endif
