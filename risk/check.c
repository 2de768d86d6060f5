#include "risk/bounds.h"

/*
 * The hot path: a check is one comparison with a bound that is prepared. Which
 * limit it was, and its numbers, is found out in cold functions afterwards.
 */

static px_t
value_clip(notional_t value)
{
    return value > PX_MAX ? PX_MAX : (px_t)value;
}

/* What the checks have found out about an order. */
struct subject {
    struct risk_bounds *bounds;
    const struct risk_account *account;
    struct risk_slot *slot; /* in use or not */
    qty_t old_leaves_qty;
};

static COLD enum oe_reject_reason
refuse(struct risk_detail *detail, enum oe_reject_reason reason, struct risk_detail numbers)
{
    *detail = numbers;
    return reason;
}

/* refuse_instrument refuses with numbers of an instrument's limit. */
static COLD enum oe_reject_reason
refuse_instrument(struct risk_detail *detail,
                  enum oe_reject_reason reason,
                  uint32_t instrument,
                  px_t limit,
                  px_t used,
                  px_t value)
{
    return refuse(detail, reason,
                  (struct risk_detail){.level = OE_RISK_LEVEL_INSTRUMENT,
                                       .subject = instrument,
                                       .limit = limit,
                                       .used = used,
                                       .value = value});
}

static COLD enum oe_reject_reason
refuse_closed(const struct risk_instrument *instrument)
{
    if (instrument->known == 0)
        return OE_REJECT_REASON_UNKNOWN_INSTRUMENT;
    return instrument->state == CELL_INSTRUMENT_STATE_HALTED ? OE_REJECT_REASON_INSTRUMENT_HALTED
                                                             : OE_REJECT_REASON_INSTRUMENT_CLOSED;
}

static COLD enum oe_reject_reason
refuse_price(const struct risk_instrument *instrument, px_t px)
{
    if (px <= 0 || px / instrument->tick_px >= (px_t)TICK_MAX)
        return OE_REJECT_REASON_INVALID_PRICE;
    return OE_REJECT_REASON_INVALID_TICK;
}

static COLD enum oe_reject_reason
refuse_qty(const struct risk_order *order,
           const struct subject *subject,
           struct risk_detail *detail)
{
    const struct risk_bounds *bounds = subject->bounds;

    if (order->qty == 0)
        return OE_REJECT_REASON_INVALID_QUANTITY;
    if (order->qty % bounds->lot_qty != 0)
        return OE_REJECT_REASON_INVALID_LOT;
    if (order->qty < bounds->order_qty_min)
        return refuse_instrument(detail, OE_REJECT_REASON_MIN_ORDER_QTY, order->instrument,
                                 bounds->order_qty_min, 0, order->qty);
    if (bounds->order_qty_max < subject->account->order_qty_max)
        return refuse_instrument(detail, OE_REJECT_REASON_MAX_ORDER_QTY, order->instrument,
                                 bounds->order_qty_max, 0, order->qty);
    return refuse(detail, OE_REJECT_REASON_MAX_ORDER_QTY,
                  (struct risk_detail){.level = OE_RISK_LEVEL_ACCOUNT,
                                       .subject = order->account,
                                       .limit = subject->account->order_qty_max,
                                       .value = order->qty});
}

/* refuse_bounds finds out which of collar and band px is out of. */
static COLD enum oe_reject_reason
refuse_bounds(const struct risk_instrument *instrument,
              const struct risk_order *order,
              px_t px,
              struct risk_detail *detail)
{
    struct risk_collar collar;

    if (risk_collar_of(instrument, order->last_px, &collar)) {
        if (px > collar.high_px)
            return refuse_instrument(detail, OE_REJECT_REASON_PRICE_COLLAR_HIGH, order->instrument,
                                     collar.high_px, collar.ref_px, px);
        if (px < collar.low_px)
            return refuse_instrument(detail, OE_REJECT_REASON_PRICE_COLLAR_LOW, order->instrument,
                                     collar.low_px, collar.ref_px, px);
    }
    return refuse_instrument(detail, OE_REJECT_REASON_PRICE_BAND, order->instrument,
                             instrument->band_low_px != 0 && px < instrument->band_low_px
                                 ? instrument->band_low_px
                                 : instrument->band_high_px,
                             0, px);
}

static COLD enum oe_reject_reason
refuse_value(const struct risk_order *order,
             const struct subject *subject,
             notional_t value,
             struct risk_detail *detail)
{
    const px_t account_max = subject->account->order_value_max;
    const px_t instrument_max = subject->bounds->order_value_max;

    if (instrument_max < account_max)
        return refuse_instrument(detail, OE_REJECT_REASON_MAX_ORDER_VALUE, order->instrument,
                                 instrument_max, 0, value_clip(value));
    return refuse(detail, OE_REJECT_REASON_MAX_ORDER_VALUE,
                  (struct risk_detail){.level = OE_RISK_LEVEL_ACCOUNT,
                                       .subject = order->account,
                                       .limit = account_max,
                                       .value = value_clip(value)});
}

/* refuse_state says why an account that is not active may not; close-only lets
 * an order pass if the position stays on its side of zero even when all open
 * orders of the order's side are filled. */
static COLD enum oe_reject_reason
refuse_state(const struct risk_order *order, const struct subject *subject)
{
    const int64_t position_qty = subject->slot->position_qty;
    notional_t reached = order->sell ? -(notional_t)position_qty : (notional_t)position_qty;

    if (subject->account->state == CELL_ACCOUNT_STATE_SUSPENDED)
        return OE_REJECT_REASON_ACCOUNT_SUSPENDED;
    if (subject->account->state == CELL_ACCOUNT_STATE_BLOCKED)
        return OE_REJECT_REASON_ACCOUNT_BLOCKED;
    reached += subject->slot->open_qty[order->sell];
    reached += order->leaves_qty;
    reached -= subject->old_leaves_qty;
    return reached > 0 ? OE_REJECT_REASON_ACCOUNT_CLOSE_ONLY : OE_REJECT_REASON_NONE;
}

/* market_bound finds the limit of a market order: the last tick inside its
 * collar. Without a collar, a reference or a tick inside there is none. */
static COLD enum oe_reject_reason
market_bound(const struct risk_instrument *instrument,
             px_t last_px,
             bool sell,
             struct risk_ticket *ticket)
{
    const px_t tick_px = instrument->tick_px;
    struct risk_collar collar;
    px_t tick;

    if (!risk_collar_of(instrument, last_px, &collar) || collar.ref_px == 0)
        return OE_REJECT_REASON_NO_REFERENCE_PRICE;
    if (sell) {
        tick = collar.low_px <= 0 ? 1 : (collar.low_px - 1) / tick_px + 1;
    } else {
        tick = collar.high_px / tick_px;
        if (tick >= (px_t)TICK_MAX)
            tick = (px_t)TICK_MAX - 1;
    }
    if (tick < 1 || tick >= (px_t)TICK_MAX || !px_of_tick((uint32_t)tick, tick_px, &ticket->px))
        return OE_REJECT_REASON_NO_REFERENCE_PRICE;
    ticket->tick = (uint32_t)tick;
    return OE_REJECT_REASON_NONE;
}

/* check_parties does the checks of instrument and account up to the firm. */
static inline enum oe_reject_reason
check_parties(const struct risk *risk, const struct risk_order *order, struct subject *subject)
{
    if (UNLIKELY(order->instrument >= risk->cfg.instruments_max))
        return OE_REJECT_REASON_UNKNOWN_INSTRUMENT;
    subject->bounds = &risk->bounds[order->instrument];
    if (UNLIKELY(subject->bounds->open == 0))
        return refuse_closed(&risk->instruments[order->instrument]);
    if (UNLIKELY(order->account >= risk->cfg.accounts_max))
        return OE_REJECT_REASON_UNKNOWN_ACCOUNT;
    subject->account = &risk->accounts[order->account];
    if (UNLIKELY(subject->account->known == 0))
        return OE_REJECT_REASON_UNKNOWN_ACCOUNT;
    if (UNLIKELY(order->firm != subject->account->firm && order->firm != RISK_FIRM_ANY))
        return OE_REJECT_REASON_ACCOUNT_NOT_OF_FIRM;
    return OE_REJECT_REASON_NONE;
}

/* check_terms does the checks from the account's state to the order's value. */
static inline enum oe_reject_reason
check_terms(const struct risk *risk,
            const struct risk_order *order,
            const struct subject *subject,
            struct risk_ticket *ticket,
            struct risk_detail *detail)
{
    const struct risk_account *account = subject->account;
    struct risk_bounds *bounds = subject->bounds;
    enum oe_reject_reason reason;

    if (UNLIKELY(account->state != CELL_ACCOUNT_STATE_ACTIVE)) {
        reason = refuse_state(order, subject);
        if (reason != OE_REJECT_REASON_NONE)
            return reason;
    }
    if (UNLIKELY(risk_is_restricted(risk, account->group, order->instrument)))
        return OE_REJECT_REASON_RESTRICTED_INSTRUMENT;

    const struct risk_instrument *instrument = &risk->instruments[order->instrument];
    const uint64_t tick = risk_tick_of(bounds, order->px);

    ticket->tick = (uint32_t)tick;
    ticket->px = order->px;
    if (LIKELY(!order->market) && UNLIKELY(tick - 1 >= bounds->tick_end - UINT64_C(1)))
        return refuse_price(instrument, order->px);

    const qty_t qty_max = account->order_qty_max < bounds->order_qty_max ? account->order_qty_max
                                                                         : bounds->order_qty_max;

    if (UNLIKELY(order->qty == 0 || order->qty > qty_max || order->qty < bounds->order_qty_min ||
                 (bounds->lot_qty != 1 && order->qty % bounds->lot_qty != 0)))
        return refuse_qty(order, subject, detail);

    if (UNLIKELY(order->market)) {
        reason = market_bound(instrument, order->last_px, order->sell, ticket);
        if (reason != OE_REJECT_REASON_NONE)
            return reason;
    }
    if (LIKELY(!order->stop)) {
        if (UNLIKELY(bounds->last_px != order->last_px) &&
            !risk_bounds_refresh(bounds, instrument, order->last_px))
            return OE_REJECT_REASON_NO_REFERENCE_PRICE;
        if (UNLIKELY(ticket->px < bounds->low_px || ticket->px > bounds->high_px))
            return refuse_bounds(instrument, order, ticket->px, detail);
    }

    const px_t value_max = account->order_value_max < bounds->order_value_max
                               ? account->order_value_max
                               : bounds->order_value_max;
    const notional_t value = px_mul_qty(ticket->px, order->qty);

    if (UNLIKELY(value > value_max && value_max != PX_MAX))
        return refuse_value(order, subject, value, detail);
    return OE_REJECT_REASON_NONE;
}

/* check_position does the check of the worst case. No limit means the largest
 * that can be set: so no sum of a position ever overflows. */
static inline enum oe_reject_reason
check_position(const struct risk_order *order,
               const struct subject *subject,
               struct risk_detail *detail)
{
    const struct risk_slot *slot = subject->slot;
    const int64_t sign = order->sell ? -1 : 1;
    const uint64_t *max_of =
        UNLIKELY(slot->limited != 0) ? slot->position_max : subject->account->position_max;
    const uint64_t given = max_of[order->sell];
    const int64_t max = given > POSITION_LIMIT_MAX ? (int64_t)POSITION_LIMIT_MAX : (int64_t)given;
    const int64_t used = sign * slot->position_qty + (int64_t)slot->open_qty[order->sell] -
                         (int64_t)subject->old_leaves_qty;

    if (LIKELY(used + (int64_t)order->leaves_qty <= max))
        return OE_REJECT_REASON_NONE;
    return refuse(
        detail,
        order->sell ? OE_REJECT_REASON_SHORT_POSITION_LIMIT : OE_REJECT_REASON_LONG_POSITION_LIMIT,
        (struct risk_detail){.level = slot->limited != 0 ? OE_RISK_LEVEL_ACCOUNT_INSTRUMENT
                                                         : OE_RISK_LEVEL_ACCOUNT,
                             .subject = order->account,
                             .limit = max,
                             .used = used,
                             .value = order->leaves_qty});
}

bool
risk_market_tick(const struct risk *risk,
                 uint32_t instrument,
                 px_t last_px,
                 bool sell,
                 uint32_t *tick)
{
    struct risk_ticket ticket;

    ASSERT(instrument < risk->cfg.instruments_max);
    if (market_bound(&risk->instruments[instrument], last_px, sell, &ticket) !=
        OE_REJECT_REASON_NONE)
        return false;
    *tick = ticket.tick;
    return true;
}

/* It computes the bounds anew: what is prepared is for the last order checked. */
bool
risk_px_allowed(const struct risk *risk, uint32_t at, px_t last_px, px_t px)
{
    const struct risk_instrument *instrument = &risk->instruments[at];
    struct risk_collar collar;

    ASSERT(at < risk->cfg.instruments_max);
    if (risk_collar_of(instrument, last_px, &collar) &&
        (collar.ref_px == 0 || px < collar.low_px || px > collar.high_px))
        return false;
    return (instrument->band_low_px == 0 || px >= instrument->band_low_px) &&
           (instrument->band_high_px == 0 || px <= instrument->band_high_px);
}

HOT enum oe_reject_reason
risk_check_new(const struct risk *risk,
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

    const uint32_t at = risk_position_find(risk, order->account, order->instrument);

    subject.slot = &risk->positions[at];
    reason = check_terms(risk, order, &subject, ticket, detail);
    if (UNLIKELY(reason != OE_REJECT_REASON_NONE))
        return reason;
    if (UNLIKELY(subject.slot->used == 0 && risk->marks.positions_cnt == risk->cfg.positions_max))
        return OE_REJECT_REASON_POSITION_POOL_FULL;
    reason = check_position(order, &subject, detail);
    if (UNLIKELY(reason != OE_REJECT_REASON_NONE))
        return reason;

    ticket->position = at;
    return OE_REJECT_REASON_NONE;
}

HOT void
risk_reserve_new(struct risk *risk,
                 const struct risk_order *order,
                 const struct risk_ticket *ticket)
{
    struct risk_slot *slot = &risk->positions[ticket->position];

    if (UNLIKELY(slot->used == 0))
        risk_position_take(risk, ticket->position, order->account, order->instrument);
    slot->open_qty[order->sell] += order->leaves_qty;
}

HOT enum oe_reject_reason
risk_check_replace(struct risk *risk,
                   const struct risk_order *order,
                   uint32_t position,
                   qty_t old_leaves_qty,
                   struct risk_ticket *ticket,
                   struct risk_detail *detail)
{
    struct risk_slot *slot = &risk->positions[position];
    struct subject subject = {.slot = slot, .old_leaves_qty = old_leaves_qty};
    enum oe_reject_reason reason;

    ASSERT(position <= risk->slots_mask);
    ASSERT(slot->account == order->account);
    ASSERT(slot->instrument == order->instrument);
    detail->level = OE_RISK_LEVEL_NONE;
    reason = check_parties(risk, order, &subject);
    if (UNLIKELY(reason != OE_REJECT_REASON_NONE))
        return reason;
    reason = check_terms(risk, order, &subject, ticket, detail);
    if (UNLIKELY(reason != OE_REJECT_REASON_NONE))
        return reason;
    if (order->leaves_qty > old_leaves_qty) {
        reason = check_position(order, &subject, detail);
        if (UNLIKELY(reason != OE_REJECT_REASON_NONE))
            return reason;
    }
    risk_release(risk, position, order->sell, old_leaves_qty);
    slot->open_qty[order->sell] += order->leaves_qty;
    ticket->position = position;
    return OE_REJECT_REASON_NONE;
}

HOT void
risk_on_fill(struct risk *risk, uint32_t position, bool sell, qty_t qty)
{
    risk_release(risk, position, sell, qty);
    risk->positions[position].position_qty += sell ? -(int64_t)qty : (int64_t)qty;
}

HOT void
risk_release(struct risk *risk, uint32_t position, bool sell, qty_t qty)
{
    ASSERT(position <= risk->slots_mask);

    uint64_t *open_qty = &risk->positions[position].open_qty[sell];

    ASSERT(*open_qty >= qty);
    *open_qty -= qty;
}

HOT void
risk_reserve(struct risk *risk, uint32_t position, bool sell, qty_t qty)
{
    ASSERT(position <= risk->slots_mask);
    ASSERT(risk->positions[position].used != 0);
    risk->positions[position].open_qty[sell] += qty;
}

void
risk_prefetch(const struct risk *risk, uint32_t account, uint32_t instrument)
{
    if (account < risk->cfg.accounts_max && instrument < risk->cfg.instruments_max) {
        PREFETCH_R(&risk->accounts[account]);
        PREFETCH_R(&risk->bounds[instrument]);
        PREFETCH_W(&risk->positions[risk_position_home(risk, account, instrument)]);
    }
}

void
risk_prefetch_position(const struct risk *risk, uint32_t position)
{
    ASSERT(position <= risk->slots_mask);
    PREFETCH_W(&risk->positions[position]);
}
