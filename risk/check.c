#include <string.h>

#include "risk/state.h"

/* The collar around a reference, both ends inclusive. */
struct collar {
    px_t ref_px;
    px_t low_px;
    px_t high_px;
};

static px_t
px_clip(notional_t px)
{
    return px > PX_MAX ? PX_MAX : px < PX_MIN ? PX_MIN : (px_t)px;
}

/*
 * collar_of returns the tighter of both collars; false if there is none. The
 * per-mille bound is exact: for integers px * 1000 <= ref * (1000 + permille)
 * is the same as px <= floor(ref * (1000 + permille) / 1000), and likewise the
 * low one with the ceiling.
 */
static bool
collar_of(const struct risk_instrument *instrument, px_t last_px, struct collar *out)
{
    const px_t ref_px = last_px != 0 ? last_px : instrument->reference_px;
    notional_t low = PX_MIN;
    notional_t high = PX_MAX;

    if ((instrument->collar_ticks | instrument->collar_permille) == 0)
        return false;
    if (instrument->collar_ticks != 0) {
        const notional_t width = px_mul_qty(instrument->tick_px, instrument->collar_ticks);

        low = (notional_t)ref_px - width;
        high = (notional_t)ref_px + width;
    }
    if (instrument->collar_permille != 0) {
        const notional_t width = px_mul_qty(ref_px, instrument->collar_permille);
        /* The width divided towards zero is the same on both sides, because
         * ref * 1000 is a multiple of 1000. */
        const notional_t milli = width <= PX_MAX ? (notional_t)((px_t)width / 1000) : width / 1000;

        if ((notional_t)ref_px - milli > low)
            low = (notional_t)ref_px - milli;
        if ((notional_t)ref_px + milli < high)
            high = (notional_t)ref_px + milli;
    }
    *out = (struct collar){.ref_px = ref_px, .low_px = px_clip(low), .high_px = px_clip(high)};
    return true;
}

static COLD enum oe_reject_reason
refuse(struct risk_detail *detail, enum oe_reject_reason reason, struct risk_detail numbers)
{
    *detail = numbers;
    return reason;
}

static COLD enum oe_reject_reason
refuse_instrument(struct risk_detail *detail,
                  enum oe_reject_reason reason,
                  const struct risk_order *order,
                  px_t limit,
                  px_t used,
                  px_t value)
{
    return refuse(detail, reason,
                  (struct risk_detail){.level = OE_RISK_LEVEL_INSTRUMENT,
                                       .subject = order->instrument,
                                       .limit = limit,
                                       .used = used,
                                       .value = value});
}

/* What the checks have found out about an order. */
struct subject {
    const struct risk_instrument *instrument;
    const struct risk_account *account;
    uint32_t at; /* position slot, in use or not */
    qty_t old_leaves_qty;
};

/* check_parties does the checks of who may trade what. */
static inline enum oe_reject_reason
check_parties(const struct risk *risk, const struct risk_order *order, struct subject *subject)
{
    if (UNLIKELY(order->instrument >= risk->cfg.instruments_max))
        return OE_REJECT_REASON_UNKNOWN_INSTRUMENT;
    subject->instrument = &risk->instruments[order->instrument];
    if (UNLIKELY(subject->instrument->known == 0))
        return OE_REJECT_REASON_UNKNOWN_INSTRUMENT;
    if (UNLIKELY(subject->instrument->state != CELL_INSTRUMENT_STATE_OPEN))
        return subject->instrument->state == CELL_INSTRUMENT_STATE_HALTED
                   ? OE_REJECT_REASON_INSTRUMENT_HALTED
                   : OE_REJECT_REASON_INSTRUMENT_CLOSED;
    if (UNLIKELY(order->account >= risk->cfg.accounts_max))
        return OE_REJECT_REASON_UNKNOWN_ACCOUNT;
    subject->account = &risk->accounts[order->account];
    if (UNLIKELY(subject->account->known == 0))
        return OE_REJECT_REASON_UNKNOWN_ACCOUNT;
    if (UNLIKELY(order->firm != subject->account->firm && order->firm != RISK_FIRM_ANY))
        return OE_REJECT_REASON_ACCOUNT_NOT_OF_FIRM;
    return OE_REJECT_REASON_NONE;
}

/* check_state does the checks of the account's state and permission. Close-only
 * lets an order pass if the position stays on its side of zero even when all
 * open orders of the order's side are filled. */
static inline enum oe_reject_reason
check_state(const struct risk *risk, const struct risk_order *order, const struct subject *subject)
{
    const struct risk_slot *slot = &risk->positions[subject->at];

    if (UNLIKELY(subject->account->state != CELL_ACCOUNT_STATE_ACTIVE)) {
        if (subject->account->state == CELL_ACCOUNT_STATE_SUSPENDED)
            return OE_REJECT_REASON_ACCOUNT_SUSPENDED;
        if (subject->account->state == CELL_ACCOUNT_STATE_BLOCKED)
            return OE_REJECT_REASON_ACCOUNT_BLOCKED;

        const notional_t open = order->sell ? slot->open_sell_qty : slot->open_buy_qty;
        const notional_t position =
            order->sell ? -(notional_t)slot->position_qty : (notional_t)slot->position_qty;

        if (position + open - subject->old_leaves_qty + order->leaves_qty > 0)
            return OE_REJECT_REASON_ACCOUNT_CLOSE_ONLY;
    }
    if (UNLIKELY(risk_is_restricted(risk, subject->account->group, order->instrument)))
        return OE_REJECT_REASON_RESTRICTED_INSTRUMENT;
    return OE_REJECT_REASON_NONE;
}

/* market_bound finds the limit of a market order: the last tick inside its
 * collar. False if no tick is. */
static bool
market_bound(const struct risk_instrument *instrument,
             const struct collar *collar,
             bool sell,
             struct risk_ticket *ticket)
{
    const px_t tick_px = instrument->tick_px;
    px_t tick;

    if (sell) {
        if (collar->low_px <= tick_px)
            tick = 1;
        else
            tick = collar->low_px / tick_px + (collar->low_px % tick_px != 0 ? 1 : 0);
    } else {
        tick = collar->high_px / tick_px;
        if (tick >= (px_t)TICK_MAX)
            tick = (px_t)TICK_MAX - 1;
    }
    if (tick < 1 || tick >= (px_t)TICK_MAX)
        return false;
    ticket->tick = (uint32_t)tick;
    return px_of_tick(ticket->tick, tick_px, &ticket->px);
}

/* check_price_form sets the ticket's tick and price. */
static inline enum oe_reject_reason
check_price_form(const struct risk_order *order,
                 const struct risk_instrument *instrument,
                 struct risk_ticket *ticket)
{
    if (UNLIKELY(order->px <= 0))
        return OE_REJECT_REASON_INVALID_PRICE;

    /* Unsigned: the compiler needs one division for both. */
    const uint64_t tick = (uint64_t)order->px / (uint64_t)instrument->tick_px;

    if (UNLIKELY(tick >= TICK_MAX))
        return OE_REJECT_REASON_INVALID_PRICE;
    if (UNLIKELY(tick * (uint64_t)instrument->tick_px != (uint64_t)order->px))
        return OE_REJECT_REASON_INVALID_TICK;
    ticket->tick = (uint32_t)tick;
    ticket->px = order->px;
    return OE_REJECT_REASON_NONE;
}

static inline enum oe_reject_reason
check_qty(const struct risk_order *order, const struct subject *subject, struct risk_detail *detail)
{
    const struct risk_instrument *instrument = subject->instrument;
    const struct risk_account *account = subject->account;

    if (UNLIKELY(order->qty == 0))
        return OE_REJECT_REASON_INVALID_QUANTITY;
    if (UNLIKELY(instrument->lot_qty != 1 && order->qty % instrument->lot_qty != 0))
        return OE_REJECT_REASON_INVALID_LOT;
    if (UNLIKELY(order->qty < instrument->order_qty_min))
        return refuse_instrument(detail, OE_REJECT_REASON_MIN_ORDER_QTY, order,
                                 instrument->order_qty_min, 0, order->qty);
    if (UNLIKELY(order->qty > account->order_qty_max || order->qty > instrument->order_qty_max)) {
        if (instrument->order_qty_max < account->order_qty_max)
            return refuse_instrument(detail, OE_REJECT_REASON_MAX_ORDER_QTY, order,
                                     instrument->order_qty_max, 0, order->qty);
        return refuse(detail, OE_REJECT_REASON_MAX_ORDER_QTY,
                      (struct risk_detail){.level = OE_RISK_LEVEL_ACCOUNT,
                                           .subject = order->account,
                                           .limit = account->order_qty_max,
                                           .value = order->qty});
    }
    return OE_REJECT_REASON_NONE;
}

/* check_collar checks the collar and the static band; a market order gets its
 * limit here. */
static inline enum oe_reject_reason
check_collar(const struct risk_order *order,
             const struct risk_instrument *instrument,
             struct risk_ticket *ticket,
             struct risk_detail *detail)
{
    struct collar collar;

    if (collar_of(instrument, order->last_px, &collar)) {
        if (UNLIKELY(collar.ref_px == 0))
            return OE_REJECT_REASON_NO_REFERENCE_PRICE;
        if (UNLIKELY(order->market)) {
            if (!market_bound(instrument, &collar, order->sell, ticket))
                return OE_REJECT_REASON_NO_REFERENCE_PRICE;
        } else if (UNLIKELY(ticket->px > collar.high_px)) {
            return refuse_instrument(detail, OE_REJECT_REASON_PRICE_COLLAR_HIGH, order,
                                     collar.high_px, collar.ref_px, ticket->px);
        } else if (UNLIKELY(ticket->px < collar.low_px)) {
            return refuse_instrument(detail, OE_REJECT_REASON_PRICE_COLLAR_LOW, order,
                                     collar.low_px, collar.ref_px, ticket->px);
        }
    } else if (UNLIKELY(order->market)) {
        return OE_REJECT_REASON_NO_REFERENCE_PRICE;
    }
    if (UNLIKELY(instrument->band_low_px != 0 && ticket->px < instrument->band_low_px))
        return refuse_instrument(detail, OE_REJECT_REASON_PRICE_BAND, order,
                                 instrument->band_low_px, 0, ticket->px);
    if (UNLIKELY(instrument->band_high_px != 0 && ticket->px > instrument->band_high_px))
        return refuse_instrument(detail, OE_REJECT_REASON_PRICE_BAND, order,
                                 instrument->band_high_px, 0, ticket->px);
    return OE_REJECT_REASON_NONE;
}

static inline enum oe_reject_reason
check_value(const struct risk_order *order,
            const struct subject *subject,
            px_t px,
            struct risk_detail *detail)
{
    const px_t account_max = subject->account->order_value_max;
    const px_t instrument_max = subject->instrument->order_value_max;
    const px_t value_max = instrument_max < account_max ? instrument_max : account_max;
    const notional_t value = px_mul_qty(px, order->qty);

    if (LIKELY(value <= value_max || value_max == PX_MAX))
        return OE_REJECT_REASON_NONE;
    if (instrument_max < account_max)
        return refuse_instrument(detail, OE_REJECT_REASON_MAX_ORDER_VALUE, order, instrument_max, 0,
                                 px_clip(value));
    return refuse(detail, OE_REJECT_REASON_MAX_ORDER_VALUE,
                  (struct risk_detail){.level = OE_RISK_LEVEL_ACCOUNT,
                                       .subject = order->account,
                                       .limit = account_max,
                                       .value = px_clip(value)});
}

/* check_position does the check of the worst case. No limit means the largest
 * that can be set: so no sum of a position ever overflows. */
static inline enum oe_reject_reason
check_position(const struct risk *risk,
               const struct risk_order *order,
               const struct subject *subject,
               struct risk_detail *detail)
{
    const struct risk_slot *slot = &risk->positions[subject->at];
    const bool own = slot->limited != 0;
    const int64_t position_qty = order->sell ? -slot->position_qty : slot->position_qty;
    const uint64_t open_qty = order->sell ? slot->open_sell_qty : slot->open_buy_qty;
    uint64_t max = order->sell ? subject->account->short_max : subject->account->long_max;

    if (own)
        max = order->sell ? slot->short_max : slot->long_max;
    if (max > POSITION_LIMIT_MAX)
        max = POSITION_LIMIT_MAX;

    const int64_t used = position_qty + (int64_t)open_qty - (int64_t)subject->old_leaves_qty;

    if (LIKELY(used + (int64_t)order->leaves_qty <= (int64_t)max))
        return OE_REJECT_REASON_NONE;
    return refuse(detail,
                  order->sell ? OE_REJECT_REASON_SHORT_POSITION_LIMIT
                              : OE_REJECT_REASON_LONG_POSITION_LIMIT,
                  (struct risk_detail){.level = own ? OE_RISK_LEVEL_ACCOUNT_INSTRUMENT
                                                    : OE_RISK_LEVEL_ACCOUNT,
                                       .subject = order->account,
                                       .limit = (int64_t)max,
                                       .used = used,
                                       .value = order->leaves_qty});
}

/* check_terms does the checks of price, quantity and value. */
static inline enum oe_reject_reason
check_terms(const struct risk_order *order,
            const struct subject *subject,
            struct risk_ticket *ticket,
            struct risk_detail *detail)
{
    enum oe_reject_reason reason;

    if (LIKELY(!order->market)) {
        reason = check_price_form(order, subject->instrument, ticket);
        if (UNLIKELY(reason != OE_REJECT_REASON_NONE))
            return reason;
    }
    reason = check_qty(order, subject, detail);
    if (UNLIKELY(reason != OE_REJECT_REASON_NONE))
        return reason;
    reason = check_collar(order, subject->instrument, ticket, detail);
    if (UNLIKELY(reason != OE_REJECT_REASON_NONE))
        return reason;
    return check_value(order, subject, ticket->px, detail);
}

static inline void
reserve(struct risk_slot *slot, bool sell, qty_t qty)
{
    if (sell)
        slot->open_sell_qty += qty;
    else
        slot->open_buy_qty += qty;
}

HOT enum oe_reject_reason
risk_check_new(struct risk *risk,
               const struct risk_order *order,
               struct risk_ticket *ticket,
               struct risk_detail *detail)
{
    struct subject subject = {.old_leaves_qty = 0};
    enum oe_reject_reason reason;

    detail->level = OE_RISK_LEVEL_NONE;
    reason = check_parties(risk, order, &subject);
    if (UNLIKELY(reason != OE_REJECT_REASON_NONE))
        return reason;
    subject.at = risk_position_find(risk, order->account, order->instrument);
    reason = check_state(risk, order, &subject);
    if (UNLIKELY(reason != OE_REJECT_REASON_NONE))
        return reason;
    reason = check_terms(order, &subject, ticket, detail);
    if (UNLIKELY(reason != OE_REJECT_REASON_NONE))
        return reason;

    struct risk_slot *slot = &risk->positions[subject.at];

    if (UNLIKELY(slot->used == 0 && risk->marks.positions_cnt == risk->cfg.positions_max))
        return OE_REJECT_REASON_POSITION_POOL_FULL;
    reason = check_position(risk, order, &subject, detail);
    if (UNLIKELY(reason != OE_REJECT_REASON_NONE))
        return reason;

    if (UNLIKELY(slot->used == 0))
        risk_position_take(risk, subject.at, order->account, order->instrument);
    reserve(slot, order->sell, order->leaves_qty);
    ticket->position = subject.at;
    return OE_REJECT_REASON_NONE;
}

HOT enum oe_reject_reason
risk_check_replace(struct risk *risk,
                   const struct risk_order *order,
                   uint32_t position,
                   qty_t old_leaves_qty,
                   struct risk_ticket *ticket,
                   struct risk_detail *detail)
{
    struct subject subject = {.at = position, .old_leaves_qty = old_leaves_qty};
    struct risk_slot *slot = &risk->positions[position];
    enum oe_reject_reason reason;

    ASSERT(position <= risk->slots_mask);
    ASSERT(slot->account == order->account);
    ASSERT(slot->instrument == order->instrument);
    detail->level = OE_RISK_LEVEL_NONE;
    reason = check_parties(risk, order, &subject);
    if (UNLIKELY(reason != OE_REJECT_REASON_NONE))
        return reason;
    reason = check_state(risk, order, &subject);
    if (UNLIKELY(reason != OE_REJECT_REASON_NONE))
        return reason;
    reason = check_terms(order, &subject, ticket, detail);
    if (UNLIKELY(reason != OE_REJECT_REASON_NONE))
        return reason;
    if (order->leaves_qty > old_leaves_qty) {
        reason = check_position(risk, order, &subject, detail);
        if (UNLIKELY(reason != OE_REJECT_REASON_NONE))
            return reason;
    }
    risk_release(risk, position, order->sell, old_leaves_qty);
    reserve(slot, order->sell, order->leaves_qty);
    ticket->position = position;
    return OE_REJECT_REASON_NONE;
}

HOT void
risk_on_fill(struct risk *risk, uint32_t position, bool sell, qty_t qty)
{
    struct risk_slot *slot = &risk->positions[position];

    risk_release(risk, position, sell, qty);
    slot->position_qty += sell ? -(int64_t)qty : (int64_t)qty;
}

HOT void
risk_release(struct risk *risk, uint32_t position, bool sell, qty_t qty)
{
    ASSERT(position <= risk->slots_mask);

    struct risk_slot *slot = &risk->positions[position];
    uint64_t *open_qty = sell ? &slot->open_sell_qty : &slot->open_buy_qty;

    ASSERT(*open_qty >= qty);
    *open_qty -= qty;
}

HOT void
risk_reserve(struct risk *risk, uint32_t position, bool sell, qty_t qty)
{
    ASSERT(position <= risk->slots_mask);
    ASSERT(risk->positions[position].used != 0);
    reserve(&risk->positions[position], sell, qty);
}

void
risk_prefetch(const struct risk *risk, uint32_t account, uint32_t instrument)
{
    if (account < risk->cfg.accounts_max && instrument < risk->cfg.instruments_max) {
        PREFETCH_R(&risk->accounts[account]);
        PREFETCH_R(&risk->instruments[instrument]);
        PREFETCH_W(&risk->positions[risk_position_home(risk, account, instrument)]);
    }
}
