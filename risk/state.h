/*
 * Risk state: what risk.c (configuration), check.c (the hot path) and audit.c
 * share. Private to risk/.
 *
 *   accounts[account]        one line: group, firm, state, limits
 *   instruments[instrument]  one line: tick, lot, state, collar, band, limits
 *   bounds[instrument]       one line: the same, prepared for the checks
 *   positions[slot]          one line, open addressing over (account, instrument),
 *                            at most half full, never deleted: slots are stable
 *   used[i]                  slots in the order in which they came into use
 *   restricted               one row of bits per group, one bit per instrument
 *
 * Invariants
 *  1. Memory not in use is zero, so hashing up to the high-water marks covers
 *     all that can change an outcome.
 *  2. A position slot is in use if and only if it is in used[].
 *  3. An account's firm is its group's firm, copied; neither ever changes.
 *  4. bounds follow from the instrument and the last trade; they are no state.
 *
 * Everything is written by the engine thread.
 */
#ifndef OUTCRY_RISK_STATE_H
#define OUTCRY_RISK_STATE_H

#include "proto/limits.h"
#include "risk/risk.h"

/* Limits as effective bounds: the largest quantity that a position may reach. */
#define RISK_POSITION_NO_LIMIT UINT64_MAX
#define RISK_SLOT_NONE         UINT32_MAX

struct risk_firm {
    char name[16];
    uint32_t known;
};

struct risk_group {
    char name[16];
    uint32_t known;
    uint32_t firm;
};

struct risk_account {
    uint32_t group;
    uint32_t firm;
    uint8_t known;
    uint8_t state; /* enum cell_account_state */
    uint8_t zero[2];
    qty_t order_qty_max;
    px_t order_value_max;
    uint64_t position_max[2]; /* long, short: indexed by "is a sell" */
    char name[16];
    uint64_t zero2;
};

struct risk_instrument {
    px_t tick_px;
    px_t order_value_max;
    px_t reference_px;
    px_t band_low_px;
    px_t band_high_px;
    qty_t order_qty_max;
    qty_t order_qty_min;
    uint32_t lot_qty;
    uint32_t collar_ticks;
    uint32_t collar_permille;
    uint8_t known;
    uint8_t state; /* enum cell_instrument_state */
    uint8_t px_decimals;
    uint8_t zero;
};

/* What the checks of an instrument need, on one line; the tick size as a
 * px_divisor. */
struct risk_bounds {
    uint64_t tick_inverse;
    px_t last_px; /* low and high hold for this last trade; -1: for none */
    px_t low_px;  /* collar and band together, both inclusive */
    px_t high_px;
    px_t order_value_max;
    qty_t order_qty_min;
    qty_t order_qty_max;
    uint32_t lot_qty;
    uint32_t tick_end; /* one past the largest tick */
    uint8_t tick_shift;
    uint8_t open; /* known and open */
    uint8_t zero[6];
};

#define RISK_LAST_PX_STALE ((px_t)-1)

struct risk_slot {
    uint32_t account;
    uint32_t instrument;
    int64_t position_qty;
    uint64_t open_qty[2];     /* buys, sells: indexed by "is a sell" */
    uint64_t position_max[2]; /* long, short; if limited the pair's own, else 0 */
    uint8_t used;
    uint8_t limited;
    uint8_t zero[14];
};

_Static_assert(sizeof(struct risk_firm) == 20, "no padding");
_Static_assert(sizeof(struct risk_group) == 24, "no padding");
_Static_assert(sizeof(struct risk_account) == CACHE_LINE, "one line");
_Static_assert(sizeof(struct risk_instrument) == CACHE_LINE, "one line");
_Static_assert(sizeof(struct risk_bounds) == CACHE_LINE, "one line");
_Static_assert(sizeof(struct risk_slot) == CACHE_LINE, "one line");

/* High-water marks: one past the largest id that was ever set. */
struct risk_marks {
    uint32_t firms_cnt;
    uint32_t groups_cnt;
    uint32_t accounts_cnt;
    uint32_t instruments_cnt;
    uint32_t positions_cnt;
    uint32_t zero;
};

struct risk {
    struct risk_cfg cfg; /* constant */
    uint32_t slots_shift;
    uint32_t slots_mask;
    uint32_t row_words;
    struct risk_account *accounts;
    struct risk_instrument *instruments;
    struct risk_bounds *bounds;
    struct risk_slot *positions;
    uint32_t *used;
    uint64_t *restricted;
    struct risk_firm *firms;
    struct risk_group *groups;
    char (*symbols)[8];
    struct risk_marks marks;
};

/* risk_bounds_set prepares the bounds of an instrument that was just set. */
void risk_bounds_set(struct risk_bounds *bounds, const struct risk_instrument *instrument);

/* risk_tick_of returns the tick of px; if px is no multiple of the tick size, is
 * not positive or is too far up, what it returns is not less than tick_end, or
 * 0 for 0. */
static inline uint64_t
risk_tick_of(const struct risk_bounds *bounds, px_t px)
{
    return px_divide(px, bounds->tick_inverse, bounds->tick_shift);
}

/* risk_position_home returns where the search for a pair begins. */
static inline uint32_t
risk_position_home(const struct risk *risk, uint32_t account, uint32_t instrument)
{
    const uint64_t key = (uint64_t)account << 32 | instrument;

    return (uint32_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> risk->slots_shift);
}

/* risk_position_find returns the slot of the pair or, if it has none, the
 * free one that it would get. Half of the slots are free, so it ends. */
static inline uint32_t
risk_position_find(const struct risk *risk, uint32_t account, uint32_t instrument)
{
    uint32_t at = risk_position_home(risk, account, instrument);

    while (risk->positions[at].used != 0 &&
           (risk->positions[at].account != account || risk->positions[at].instrument != instrument))
        at = (at + 1) & risk->slots_mask;
    return at;
}

/* risk_position_take puts a free slot that risk_position_find gave into use. */
static inline void
risk_position_take(struct risk *risk, uint32_t at, uint32_t account, uint32_t instrument)
{
    struct risk_slot *slot = &risk->positions[at];

    ASSERT(slot->used == 0);
    ASSERT(risk->marks.positions_cnt < risk->cfg.positions_max);
    slot->used = 1;
    slot->account = account;
    slot->instrument = instrument;
    risk->used[risk->marks.positions_cnt++] = at;
}

/* risk_is_restricted says whether the group may not trade the instrument. */
static inline bool
risk_is_restricted(const struct risk *risk, uint32_t group, uint32_t instrument)
{
    const uint64_t word = risk->restricted[(size_t)group * risk->row_words + instrument / 64];

    return (word >> (instrument % 64) & 1) != 0;
}

#endif
