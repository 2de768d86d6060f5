#include "risk/bounds.h"

/*
 * The slow road: every check of docs/risk.md from 3 on, one after the other, each
 * with its reason and its numbers. What is prepared is not looked at, but for the
 * room that it counts from.
 */

/* The subjects of an order: account, group, firm. */
#define PARTIES_CNT 3u

/* What the checks have found out about an order. */
struct question {
    const struct risk *risk;
    const struct risk_order *order;
    const struct risk_hold *hold; /* NULL: a new order */
    struct risk_bounds *bounds;
    const struct risk_instrument *instrument;
    const struct risk_subject *parties[PARTIES_CNT];
    uint32_t ids[PARTIES_CNT];
    uint32_t at; /* slot of the pair, in use or not */
    qty_t old_leaves_qty;
    notional_t old_value;
    notional_t old_cash;
    struct risk_detail *detail;
};

static uint8_t
level_of(unsigned party)
{
    ASSERT(party < PARTIES_CNT);
    return (uint8_t)(OE_RISK_LEVEL_ACCOUNT + party);
}

/* tell fills the numbers of a refusal of a party and returns the reason. */
static enum oe_reject_reason
tell(const struct question *ask,
     unsigned party,
     enum oe_reject_reason reason,
     int64_t limit,
     notional_t used,
     notional_t value)
{
    *ask->detail = (struct risk_detail){.level = level_of(party),
                                        .subject = ask->ids[party],
                                        .limit = limit,
                                        .used = risk_clip(used),
                                        .value = risk_clip(value)};
    return reason;
}

static enum oe_reject_reason
tell_instrument(const struct question *ask,
                enum oe_reject_reason reason,
                int64_t limit,
                int64_t used,
                notional_t value)
{
    *ask->detail = (struct risk_detail){.level = OE_RISK_LEVEL_INSTRUMENT,
                                        .subject = ask->order->instrument,
                                        .limit = limit,
                                        .used = used,
                                        .value = risk_clip(value)};
    return reason;
}

static enum oe_reject_reason
check_instrument(struct question *ask)
{
    const struct risk *risk = ask->risk;

    if (ask->order->instrument >= risk->cfg.instruments_max)
        return OE_REJECT_REASON_UNKNOWN_INSTRUMENT;
    ask->bounds = &risk->bounds[ask->order->instrument];
    ask->instrument = &risk->instruments[ask->order->instrument];
    if (ask->instrument->known == 0)
        return OE_REJECT_REASON_UNKNOWN_INSTRUMENT;
    if (ask->instrument->state == CELL_INSTRUMENT_STATE_HALTED)
        return OE_REJECT_REASON_INSTRUMENT_HALTED;
    ASSERT((ask->bounds->open != 0) == (ask->instrument->state == CELL_INSTRUMENT_STATE_OPEN));
    return ask->bounds->open != 0 ? OE_REJECT_REASON_NONE : OE_REJECT_REASON_INSTRUMENT_CLOSED;
}

static enum oe_reject_reason
check_account(struct question *ask)
{
    const struct risk *risk = ask->risk;
    const uint32_t account = ask->order->account;

    if (account >= risk->cfg.accounts_max)
        return OE_REJECT_REASON_UNKNOWN_ACCOUNT;
    if ((risk->subjects[0][account].flags & RISK_IS_KNOWN) == 0)
        return OE_REJECT_REASON_UNKNOWN_ACCOUNT;
    ask->ids[0] = account;
    ask->ids[1] = risk->accounts[account].group;
    ask->ids[2] = risk->accounts[account].firm;
    if (ask->order->firm != ask->ids[2] && ask->order->firm != RISK_FIRM_ANY)
        return OE_REJECT_REASON_ACCOUNT_NOT_OF_FIRM;
    for (unsigned i = 0; i < PARTIES_CNT; i++) {
        ask->parties[i] = risk_subject_of(risk, level_of(i), ask->ids[i]);
        ASSERT((ask->parties[i]->flags & RISK_IS_KNOWN) != 0);
    }
    ask->at = risk_pair_find(risk, account, ask->order->instrument);
    return OE_REJECT_REASON_NONE;
}

/* reached returns how far beyond zero the position would be if all open orders of
 * the side and this one were filled; positive: it passes through. */
static notional_t
reached(const struct question *ask)
{
    const int64_t position_qty = ask->risk->pairs[ask->at].position_qty;
    const bool sell = ask->order->sell;
    const notional_t held = sell ? -(notional_t)position_qty : (notional_t)position_qty;

    return held + risk_pair_open(ask->risk, ask->at, sell) - ask->old_leaves_qty +
           ask->order->leaves_qty;
}

static enum oe_reject_reason
tell_stage(const struct question *ask, unsigned party, unsigned begun, enum oe_reject_reason reason)
{
    risk_stage_tell(ask->risk, level_of(party), ask->ids[party], begun, ask->detail);
    return reason;
}

/* tell_close_only tells what all orders of the side come to beyond zero without this
 * one: negative is what may still be closed. */
static enum oe_reject_reason
tell_close_only(const struct question *ask)
{
    const qty_t leaves_qty = ask->order->leaves_qty;

    return tell(ask, 0, OE_REJECT_REASON_ACCOUNT_CLOSE_ONLY, 0, reached(ask) - leaves_qty,
                leaves_qty);
}

/* check_state does the checks 5 to 8. */
static enum oe_reject_reason
check_state(const struct question *ask)
{
    const struct risk_subject *account = ask->parties[0];
    const bool reduces = reached(ask) <= 0;

    for (unsigned i = 0; i < PARTIES_CNT; i++)
        if ((ask->parties[i]->flags & RISK_IS_KILLED) != 0)
            return tell(ask, i, OE_REJECT_REASON_KILL_SWITCH, 0, 0, 0);
    for (unsigned i = 0; i < PARTIES_CNT; i++)
        if ((ask->parties[i]->flags & RISK_IS_BLACKLISTED) != 0)
            return tell(ask, i, OE_REJECT_REASON_BLACKLISTED, 0, 0, 0);
    if ((account->flags & RISK_IS_LATCHED) != 0)
        return tell(ask, 0, OE_REJECT_REASON_ACCOUNT_LATCHED,
                    account->limits[CELL_RISK_LIMIT_EXECUTIONS].value,
                    ask->risk->accounts_warm[ask->ids[0]].executions_cnt, 0);
    if (account->state == CELL_ACCOUNT_STATE_SUSPENDED)
        return tell(ask, 0, OE_REJECT_REASON_ACCOUNT_SUSPENDED, 0, 0, 0);
    if (account->state == CELL_ACCOUNT_STATE_BLOCKED)
        return tell(ask, 0, OE_REJECT_REASON_ACCOUNT_BLOCKED, 0, 0, 0);
    if (account->state == CELL_ACCOUNT_STATE_CLOSE_ONLY && !reduces)
        return tell_close_only(ask);
    for (unsigned i = 0; i < PARTIES_CNT; i++) {
        if ((ask->parties[i]->begun & RISK_BEGUN_BLOCK) != 0)
            return tell_stage(ask, i, RISK_BEGUN_BLOCK, OE_REJECT_REASON_ACCOUNT_BLOCKED);
        if ((ask->parties[i]->begun & RISK_BEGUN_CLOSE) != 0 && !reduces)
            return tell_stage(ask, i, RISK_BEGUN_CLOSE, OE_REJECT_REASON_ACCOUNT_CLOSE_ONLY);
    }
    return OE_REJECT_REASON_NONE;
}

/* type_bit and tif_bit return the bits of OrderRuleSet. */
static unsigned
type_bit(uint8_t ord_type)
{
    switch (ord_type) {
    case OE_ORD_TYPE_MARKET:
        return 1u;
    case OE_ORD_TYPE_LIMIT:
        return 2u;
    case OE_ORD_TYPE_STOP:
        return 4u;
    case OE_ORD_TYPE_STOP_LIMIT:
        return 8u;
    case OE_ORD_TYPE_MARKET_TO_LIMIT:
        return 16u;
    case OE_ORD_TYPE_PEGGED:
        return 32u;
    default:
        return 0;
    }
}

static unsigned
tif_bit(uint8_t tif)
{
    switch (tif) {
    case OE_TIME_IN_FORCE_DAY:
        return 1u;
    case OE_TIME_IN_FORCE_GOOD_TILL_CANCEL:
        return 2u;
    case OE_TIME_IN_FORCE_AT_THE_OPENING:
        return 4u;
    case OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL:
        return 8u;
    case OE_TIME_IN_FORCE_FILL_OR_KILL:
        return 16u;
    case OE_TIME_IN_FORCE_GOOD_TILL_DATE:
        return 32u;
    case OE_TIME_IN_FORCE_AT_THE_CLOSE:
        return 64u;
    default:
        return 0;
    }
}

/* tell_rule tells what the account, or else the instrument, lets pass and what came. */
static enum oe_reject_reason
tell_rule(const struct question *ask,
          enum oe_reject_reason reason,
          unsigned accounts,
          unsigned instruments,
          unsigned bit)
{
    return (accounts & bit) == 0 ? tell(ask, 0, reason, accounts, 0, bit)
                                 : tell_instrument(ask, reason, instruments, 0, bit);
}

/* check_permission does the checks 9 and 10. */
static enum oe_reject_reason
check_permission(const struct question *ask)
{
    const struct risk *risk = ask->risk;
    const struct risk_subject *account = ask->parties[0];
    const struct risk_instrument *instrument = ask->instrument;
    const uint32_t id = ask->order->instrument;
    const unsigned type = type_bit(ask->order->ord_type);
    const unsigned tif = tif_bit(ask->order->tif);
    const bool restricted[PARTIES_CNT] = {
        risk->pairs_cold[ask->at].restricted != 0,
        risk_bit_get(risk_restricted_row(risk, OE_RISK_LEVEL_GROUP, ask->ids[1]), id),
        risk_bit_get(risk_restricted_row(risk, OE_RISK_LEVEL_FIRM, ask->ids[2]), id),
    };

    for (unsigned i = 0; i < PARTIES_CNT; i++)
        if (restricted[i])
            return tell(ask, i, OE_REJECT_REASON_RESTRICTED_INSTRUMENT, 0, 0, 0);
    if ((account->types & instrument->types) != RISK_TYPES_ALL &&
        (account->types & instrument->types & type) == 0)
        return tell_rule(ask, OE_REJECT_REASON_ORDER_TYPE_NOT_ALLOWED, account->types,
                         instrument->types, type);
    if ((account->tifs & instrument->tifs) != RISK_TIFS_ALL &&
        (account->tifs & instrument->tifs & tif) == 0)
        return tell_rule(ask, OE_REJECT_REASON_TIME_IN_FORCE_NOT_ALLOWED, account->tifs,
                         instrument->tifs, tif);
    return OE_REJECT_REASON_NONE;
}

/* check_tick does check 11. */
static enum oe_reject_reason
check_tick(const struct question *ask, struct risk_ticket *ticket)
{
    const px_t px = ask->order->px;
    const px_t tick_px = ask->instrument->tick_px;

    if (ask->order->market)
        return OE_REJECT_REASON_NONE;
    if (px <= 0 || px / tick_px >= (px_t)TICK_MAX)
        return OE_REJECT_REASON_INVALID_PRICE;
    if (!px_to_tick(px, tick_px, &ticket->tick))
        return tell_instrument(ask, OE_REJECT_REASON_INVALID_TICK, tick_px, 0, px);
    ticket->px = px;
    return OE_REJECT_REASON_NONE;
}

/* least_refuses finds the level with the least limit of an order's size and refuses
 * if value is above it. */
static enum oe_reject_reason
least_refuses(const struct question *ask,
              uint8_t limit,
              notional_t value,
              enum oe_reject_reason reason)
{
    int64_t least = ask->parties[0]->limits[limit].value;
    unsigned party = 0;

    for (unsigned i = 1; i < PARTIES_CNT; i++)
        if (ask->parties[i]->limits[limit].value < least) {
            least = ask->parties[i]->limits[limit].value;
            party = i;
        }

    const int64_t instruments = ask->instrument->limits[limit - CELL_RISK_LIMIT_ORDER_QTY].value;

    if (instruments < least) {
        if (value > instruments)
            return tell_instrument(ask, reason, instruments, 0, value);
    } else if (least != RISK_LIMIT_OFF && value > least) {
        return tell(ask, party, reason, least, 0, value);
    }
    return OE_REJECT_REASON_NONE;
}

/* check_qty does the checks 12 and 13. */
static enum oe_reject_reason
check_qty(const struct question *ask)
{
    const qty_t qty = ask->order->qty;

    if (qty == 0)
        return OE_REJECT_REASON_INVALID_QUANTITY;
    if (qty % ask->instrument->lot_qty != 0)
        return tell_instrument(ask, OE_REJECT_REASON_INVALID_LOT, ask->instrument->lot_qty, 0, qty);
    if (qty < ask->instrument->order_qty_min)
        return tell_instrument(ask, OE_REJECT_REASON_MIN_ORDER_QTY, ask->instrument->order_qty_min,
                               0, qty);
    return least_refuses(ask, CELL_RISK_LIMIT_ORDER_QTY, qty, OE_REJECT_REASON_MAX_ORDER_QTY);
}

/* check_px does the checks 14 and 15, at the price that ticket gets of a market
 * order. */
static enum oe_reject_reason
check_px(const struct question *ask, struct risk_ticket *ticket)
{
    const struct risk_instrument *instrument = ask->instrument;
    const px_t ref_px = risk_reference_of(instrument, ask->order->last_px, ask->order->mid_px);
    struct risk_collar collar;

    if (ask->order->market &&
        !risk_market_bound(instrument, ref_px, ask->order->sell, &ticket->tick, &ticket->px))
        return tell_instrument(ask, OE_REJECT_REASON_NO_REFERENCE_PRICE, 0, 0, 0);
    if (ask->order->stop)
        return OE_REJECT_REASON_NONE;

    const px_t px = ticket->px;

    if (risk_collar_of(instrument, ref_px, &collar)) {
        if (ref_px == 0 && instrument->unreferenced == 0)
            return tell_instrument(ask, OE_REJECT_REASON_NO_REFERENCE_PRICE, 0, 0, 0);
        if (ref_px != 0 && px > collar.high_px)
            return tell_instrument(ask, OE_REJECT_REASON_PRICE_COLLAR_HIGH, collar.high_px, ref_px,
                                   px);
        if (ref_px != 0 && px < collar.low_px)
            return tell_instrument(ask, OE_REJECT_REASON_PRICE_COLLAR_LOW, collar.low_px, ref_px,
                                   px);
    }
    if (instrument->band_low_px != 0 && px < instrument->band_low_px)
        return tell_instrument(ask, OE_REJECT_REASON_PRICE_BAND, instrument->band_low_px, 0, px);
    if (instrument->band_high_px != 0 && px > instrument->band_high_px)
        return tell_instrument(ask, OE_REJECT_REASON_PRICE_BAND, instrument->band_high_px, 0, px);
    return OE_REJECT_REASON_NONE;
}

/* check_value does the checks 16 and 17 of qty at px. */
static enum oe_reject_reason
check_value(const struct question *ask, px_t px, qty_t qty)
{
    const struct risk_fees fees = ask->bounds->fees;
    /* The sum of both rates is not negative, so the higher one is that by amount. */
    const notional_t fee = risk_fee(px, qty, risk_hold_ppm(fees));
    const enum oe_reject_reason reason = least_refuses(
        ask, CELL_RISK_LIMIT_ORDER_VALUE, px_mul_qty(px, qty), OE_REJECT_REASON_MAX_ORDER_VALUE);

    if (reason != OE_REJECT_REASON_NONE)
        return reason;
    if (!ask->order->sell && fee > PX_MAX)
        return tell_instrument(ask, OE_REJECT_REASON_MAX_ORDER_VALUE, PX_MAX, 0, fee);
    return OE_REJECT_REASON_NONE;
}

/* check_position does the checks 19 and 20. A covered account has the Short limit
 * 0 in place of a larger one. */
static enum oe_reject_reason
check_position(const struct question *ask)
{
    const struct risk *risk = ask->risk;
    const bool sell = ask->order->sell;
    const notional_t worst = reached(ask);
    const notional_t used = worst - ask->order->leaves_qty;
    bool own;
    const int64_t max_qty = risk_long_short(risk, ask->at, ask->ids[0], sell, &own);
    const bool covered = sell && max_qty > 0 && (ask->parties[0]->flags & RISK_IS_COVERED) != 0;

    if (covered ? worst <= 0 : worst <= max_qty)
        return OE_REJECT_REASON_NONE;
    *ask->detail = (struct risk_detail){
        .level = own || covered ? OE_RISK_LEVEL_ACCOUNT_INSTRUMENT : OE_RISK_LEVEL_ACCOUNT,
        .subject = ask->ids[0],
        .limit = covered ? risk->pairs[ask->at].position_qty : max_qty,
        .used = risk_clip(covered ? used + risk->pairs[ask->at].position_qty : used),
        .value = ask->order->leaves_qty,
    };
    if (covered)
        return OE_REJECT_REASON_INSUFFICIENT_HOLDINGS;
    return sell ? OE_REJECT_REASON_SHORT_POSITION_LIMIT : OE_REJECT_REASON_LONG_POSITION_LIMIT;
}

/* check_equals does check 21. */
static enum oe_reject_reason
check_equals(const struct question *ask, const struct risk_ticket *ticket)
{
    const struct risk_limit *limit = &ask->parties[0]->limits[CELL_RISK_LIMIT_DUPLICATES];
    const uint64_t cnt =
        limit->value == RISK_LIMIT_OFF || ask->order->quote
            ? 0
            : risk_run_length(&ask->risk->pairs[ask->at], limit->window_ns, ticket->tick,
                              ask->order->sell, ask->order->leaves_qty, ask->order->now_ns);

    ASSERT(limit->value > 0);
    if ((notional_t)cnt < limit->value)
        return OE_REJECT_REASON_NONE;
    return tell(ask, 0, OE_REJECT_REASON_DUPLICATIVE_ORDER, limit->value, cnt, 1);
}

/* check_orders does check 22. */
static enum oe_reject_reason
check_orders(const struct question *ask, const struct risk_usage *account)
{
    const struct risk_order *order = ask->order;
    const int64_t max = ask->parties[0]->limits[CELL_RISK_LIMIT_OPEN_ORDERS].value;

    if (order->session_cnt >= order->session_max && order->session_max != UINT32_MAX) {
        *ask->detail = (struct risk_detail){.level = OE_RISK_LEVEL_SESSION,
                                            .subject = order->session,
                                            .limit = order->session_max,
                                            .used = order->session_cnt,
                                            .value = 1};
        return OE_REJECT_REASON_MAX_OPEN_ORDERS;
    }
    if (account->orders_cnt < max)
        return OE_REJECT_REASON_NONE;
    return tell(ask, 0, OE_REJECT_REASON_MAX_OPEN_ORDERS, max, account->orders_cnt, 1);
}

/* check_amounts does the checks 23 to 25 of an order with that value. */
static enum oe_reject_reason
check_amounts(const struct question *ask,
              const struct risk_usage usage[PARTIES_CNT],
              notional_t value)
{
    static const struct {
        uint8_t limit;
        enum oe_reject_reason reason;
    } checks[] = {
        {CELL_RISK_LIMIT_OPEN_NOTIONAL, OE_REJECT_REASON_OPEN_NOTIONAL},
        {CELL_RISK_LIMIT_DAILY_GROSS, OE_REJECT_REASON_DAILY_GROSS},
        {CELL_RISK_LIMIT_DAILY_NET, OE_REJECT_REASON_DAILY_NET},
    };

    ASSERT(value > 0);
    for (unsigned i = 0; i < ARRAY_LEN(checks); i++)
        for (unsigned party = 0; party < PARTIES_CNT; party++) {
            const int64_t limit = ask->parties[party]->limits[checks[i].limit].value;
            notional_t used;

            if (checks[i].limit == CELL_RISK_LIMIT_DAILY_NET)
                used = ask->order->sell ? usage[party].sold - usage[party].bought
                                        : usage[party].bought - usage[party].sold;
            else
                used = risk_used(&usage[party], checks[i].limit) - ask->old_value;
            if (limit != RISK_LIMIT_OFF && used + value > limit)
                return tell(ask, party, checks[i].reason, limit, used, value);
        }
    return OE_REJECT_REASON_NONE;
}

/* check_loss does check 26. */
static enum oe_reject_reason
check_loss(const struct question *ask, const struct risk_usage *account)
{
    const int64_t limit = ask->parties[0]->limits[CELL_RISK_LIMIT_DAILY_LOSS].value;

    if (limit == RISK_LIMIT_OFF || -account->profit < limit || reached(ask) <= 0)
        return OE_REJECT_REASON_NONE;
    return tell(ask, 0, OE_REJECT_REASON_DAILY_LOSS, limit, -account->profit, 0);
}

/* check_cash does check 27. */
static enum oe_reject_reason
check_cash(const struct question *ask, const struct risk_usage *account, notional_t cash)
{
    const int64_t credit = ask->parties[0]->limits[CELL_RISK_LIMIT_CREDIT].value;
    const notional_t used = account->reserved - ask->old_cash - account->balance;

    ASSERT(cash >= 0);
    if (credit == RISK_LIMIT_OFF || cash == 0 || used + cash <= credit)
        return OE_REJECT_REASON_NONE;
    return tell(ask, 0, OE_REJECT_REASON_INSUFFICIENT_FUNDS, credit, used, cash);
}

/* check_money does the checks 23 to 27; of a replace those of what grows. */
static enum oe_reject_reason
check_money(const struct question *ask, px_t px, bool grown_only)
{
    const struct risk_order *order = ask->order;
    const notional_t value = px_mul_qty(px, order->leaves_qty);
    const notional_t cash = risk_cash_of(px, order->leaves_qty, order->sell, ask->bounds->fees);
    struct risk_usage usage[PARTIES_CNT];
    enum oe_reject_reason reason = OE_REJECT_REASON_NONE;

    for (unsigned i = 0; i < PARTIES_CNT; i++)
        usage[i] = risk_usage_get(ask->risk, level_of(i), ask->ids[i]);
    if (ask->hold == NULL)
        reason = check_orders(ask, &usage[0]);
    if (reason == OE_REJECT_REASON_NONE && (!grown_only || value > ask->old_value))
        reason = check_amounts(ask, usage, value);
    if (reason == OE_REJECT_REASON_NONE && (ask->hold == NULL || grown_only))
        reason = check_loss(ask, &usage[0]);
    if (reason == OE_REJECT_REASON_NONE && (!grown_only || cash > ask->old_cash))
        reason = check_cash(ask, &usage[0], cash);
    return reason;
}

/* count_free notes what the order has already. */
static void
count_free(struct question *ask)
{
    const struct risk_hold *hold = ask->hold;

    if (hold == NULL)
        return;
    ASSERT(hold->position == ask->at);
    ASSERT(hold->sell == ask->order->sell);
    ask->old_leaves_qty = hold->leaves_qty;
    ask->old_value = px_mul_qty(hold->px, hold->leaves_qty);
    ask->old_cash = risk_cash_of(hold->px, hold->leaves_qty, hold->sell, ask->bounds->fees);
}

COLD enum oe_reject_reason
risk_check_slow(const struct risk *risk,
                const struct risk_order *order,
                const struct risk_hold *hold,
                struct risk_ticket *ticket,
                struct risk_detail *detail)
{
    struct question ask = {.risk = risk, .order = order, .hold = hold, .detail = detail};
    enum oe_reject_reason reason;

    detail->level = OE_RISK_LEVEL_NONE;
    if ((reason = check_instrument(&ask)) != OE_REJECT_REASON_NONE ||
        (reason = check_account(&ask)) != OE_REJECT_REASON_NONE)
        return reason;
    count_free(&ask);
    ticket->position = ask.at;
    if ((reason = check_state(&ask)) != OE_REJECT_REASON_NONE ||
        (reason = check_permission(&ask)) != OE_REJECT_REASON_NONE ||
        (reason = check_tick(&ask, ticket)) != OE_REJECT_REASON_NONE ||
        (reason = check_qty(&ask)) != OE_REJECT_REASON_NONE ||
        (reason = check_px(&ask, ticket)) != OE_REJECT_REASON_NONE ||
        (reason = check_value(&ask, ticket->px, order->qty)) != OE_REJECT_REASON_NONE)
        return reason;
    if (risk->pairs[ask.at].version == 0 && risk->marks.positions_cnt == risk->cfg.positions_max)
        return OE_REJECT_REASON_POSITION_POOL_FULL;
    if (hold == NULL || order->leaves_qty > hold->leaves_qty) {
        reason = check_position(&ask);
        if (reason != OE_REJECT_REASON_NONE)
            return reason;
    }
    if (hold == NULL) {
        reason = check_equals(&ask, ticket);
        if (reason != OE_REJECT_REASON_NONE)
            return reason;
    }
    return check_money(&ask, ticket->px, hold != NULL);
}

bool
risk_check_elected(struct risk *risk, const struct risk_hold *hold, px_t px)
{
    const struct risk_pair_line *pair = &risk->pairs[hold->position];
    const struct risk_order order = {.instrument = pair->instrument,
                                     .account = pair->account,
                                     .firm = RISK_FIRM_ANY,
                                     .px = px,
                                     .qty = hold->leaves_qty,
                                     .leaves_qty = hold->leaves_qty,
                                     .sell = hold->sell};
    struct risk_detail detail;
    struct question ask = {.risk = risk,
                           .order = &order,
                           .hold = hold,
                           .bounds = &risk->bounds[pair->instrument],
                           .instrument = &risk->instruments[pair->instrument],
                           .detail = &detail};

    ASSERT(hold->position <= risk->slots_mask);
    ASSERT(pair->version != 0);
    if (check_account(&ask) != OE_REJECT_REASON_NONE)
        UNREACHABLE("an order of an unknown account");
    count_free(&ask);
    if (check_value(&ask, px, hold->leaves_qty) != OE_REJECT_REASON_NONE ||
        check_money(&ask, px, false) != OE_REJECT_REASON_NONE)
        return false;
    risk_reprice(risk, hold, px);
    return true;
}

bool
risk_slow_agrees(const struct risk *risk,
                 const struct risk_order *order,
                 const struct risk_hold *hold,
                 const struct risk_ticket *ticket)
{
    struct risk_ticket slow = {.position = UINT32_MAX};
    struct risk_detail detail;

    return risk_check_slow(risk, order, hold, &slow, &detail) == OE_REJECT_REASON_NONE &&
           slow.position == ticket->position && slow.tick == ticket->tick && slow.px == ticket->px;
}
