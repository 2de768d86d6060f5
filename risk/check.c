#include "risk/bounds.h"
#include "risk/hot.h"

/*
 * The hot road: a check is one comparison with what is prepared. It is sufficient,
 * not necessary: what it lets pass the slow road does, too; what it does not is asked
 * there, limit by limit, and let pass or refused.
 */

/* The lines that an order touches. */
struct lines {
    const struct risk_bounds *bounds;
    const struct risk_account_line *account;
    const struct risk_party_line *group;
    const struct risk_party_line *firm;
    const struct risk_pair_line *pair;
};

/* lines_of finds the lines of an order but the pair's; false if there are none. */
static inline bool
lines_of(const struct risk *risk, const struct risk_order *order, struct lines *lines)
{
    if (UNLIKELY((order->instrument >= risk->cfg.instruments_max) |
                 (order->account >= risk->cfg.accounts_max)))
        return false;
    lines->bounds = &risk->bounds[order->instrument];
    lines->account = &risk->accounts[order->account];
    lines->group = &risk->groups[lines->account->group].party;
    lines->firm = &risk->firms[lines->account->firm].party;
    return true;
}

/* px_passes says whether px lies inside of collar and band. */
static inline bool
px_passes(const struct risk *risk, const struct risk_order *order, const struct risk_bounds *bounds)
{
    if (UNLIKELY(bounds->last_px != order->last_px) &&
        !risk_bounds_look(risk, order->instrument, order->last_px, order->mid_px))
        return false;
    return (order->px >= bounds->low_px) & (order->px <= bounds->high_px);
}

/* terms_pass does all checks but those of use: nobody needs a look, the price is a
 * tick, quantity and value are inside of their limits. A value that passes has 63
 * bits, and so has its fee, which is not more. */
static inline bool
terms_pass(const struct risk *risk,
           const struct risk_order *order,
           const struct lines *lines,
           struct risk_ticket *ticket)
{
    const struct risk_bounds *bounds = lines->bounds;
    const uint64_t tick = risk_tick_of(bounds, order->px);

    if (UNLIKELY((bounds->open == 0) | order->market | order->stop |
                 ((order->firm != lines->account->firm) & (order->firm != RISK_FIRM_ANY)) |
                 (tick - 1 >= TICK_MAX - UINT64_C(1)) | (order->px <= 0) | (order->qty == 0) |
                 (order->qty < bounds->order_qty_min) | (order->qty > lines->pair->qty_max)))
        return false;
    if (UNLIKELY(bounds->lot_qty != 1) && order->qty % bounds->lot_qty != 0)
        return false;
    if (UNLIKELY(!px_passes(risk, order, lines->bounds)))
        return false;
    ticket->tick = (uint32_t)tick;
    ticket->px = order->px;
    return LIKELY(px_mul_qty(order->px, order->qty) <= lines->pair->value_max);
}

/* is_equal says whether equal orders are counted and this is one. */
static inline bool
is_equal(const struct lines *lines, const struct risk_order *order, uint32_t tick)
{
    return ((lines->account->flags & RISK_LINE_EQUALS) != 0) &
           (lines->pair->run_tick_sell == tick * 2 + order->sell) &
           (lines->pair->run_qty == order->qty);
}

/* order_max_of returns the largest value that the hot road lets pass at all levels. */
static inline int64_t
order_max_of(const struct lines *lines)
{
    const int64_t parties = lines->group->order_max < lines->firm->order_max
                                ? lines->group->order_max
                                : lines->firm->order_max;
    const int64_t account = lines->account->party.order_max;

    return account < parties ? account : parties;
}

static inline bool
new_passes(const struct risk *risk, const struct risk_order *order, struct risk_ticket *ticket)
{
    struct lines lines;

    if (!lines_of(risk, order, &lines))
        return false;
    ticket->position = risk_pair_find(risk, order->account, order->instrument);
    lines.pair = &risk->pairs[ticket->position];
    if (UNLIKELY(lines.pair->version != risk->version)) {
        if (lines.pair->version == 0)
            return false;
        risk_pair_prepare(risk, ticket->position);
    }
    if (UNLIKELY(!terms_pass(risk, order, &lines, ticket)))
        return false;

    const notional_t value = px_mul_qty(order->px, order->leaves_qty);
    const notional_t cash =
        risk_cash_of(order->px, order->leaves_qty, order->sell, lines.bounds->fees);

    const int64_t order_max = order_max_of(&lines);

    return LIKELY(!((value > lines.account->party.room) | (value > lines.group->room) |
                    (value > lines.firm->room) | (value > order_max) |
                    (cash > lines.account->cash_room) | (lines.account->open_room < 1) |
                    (order->session_cnt >= order->session_max) |
                    (lines.pair->room[order->sell] < (int64_t)order->leaves_qty) |
                    is_equal(&lines, order, ticket->tick)));
}

/* amend_passes asks for what grows. */
static inline bool
amend_passes(const struct risk *risk,
             const struct risk_order *order,
             const struct risk_hold *hold,
             struct risk_ticket *ticket)
{
    struct lines lines;

    if (!lines_of(risk, order, &lines))
        return false;
    ticket->position = hold->position;
    lines.pair = &risk->pairs[hold->position];
    if (UNLIKELY(lines.pair->version != risk->version))
        risk_pair_prepare(risk, hold->position);
    if (UNLIKELY(!terms_pass(risk, order, &lines, ticket)))
        return false;

    const struct risk_fees fees = lines.bounds->fees;
    const int64_t qty = (int64_t)order->leaves_qty - hold->leaves_qty;
    const notional_t whole = px_mul_qty(order->px, order->leaves_qty);
    const notional_t value = whole - px_mul_qty(hold->px, hold->leaves_qty);
    const notional_t cash = risk_cash_of(order->px, order->leaves_qty, order->sell, fees) -
                            risk_cash_of(hold->px, hold->leaves_qty, hold->sell, fees);
    const int64_t order_max = order_max_of(&lines);
    const bool uses = (value > lines.account->party.room) | (value > lines.group->room) |
                      (value > lines.firm->room) | (whole > order_max);

    return LIKELY(!(((value > 0) & uses) | (order_max < 0) |
                    ((cash > 0) & (cash > lines.account->cash_room)) |
                    ((qty > 0) & (qty > lines.pair->room[order->sell]))));
}

HOT enum oe_reject_reason
risk_check_new(const struct risk *risk,
               const struct risk_order *order,
               struct risk_ticket *ticket,
               struct risk_detail *detail)
{
    detail->level = OE_RISK_LEVEL_NONE;
    if (UNLIKELY(!new_passes(risk, order, ticket)))
        return risk_check_slow(risk, order, NULL, ticket, detail);
    ASSERT_SLOW(risk_slow_agrees(risk, order, NULL, ticket));
    return OE_REJECT_REASON_NONE;
}

HOT enum oe_reject_reason
risk_check_amend(const struct risk *risk,
                 const struct risk_order *order,
                 const struct risk_hold *hold,
                 struct risk_ticket *ticket,
                 struct risk_detail *detail)
{
    ASSERT(hold->position <= risk->slots_mask);
    ASSERT(risk->pairs[hold->position].version != 0);
    detail->level = OE_RISK_LEVEL_NONE;
    if (UNLIKELY(!amend_passes(risk, order, hold, ticket)))
        return risk_check_slow(risk, order, hold, ticket, detail);
    ASSERT_SLOW(risk_slow_agrees(risk, order, hold, ticket));
    return OE_REJECT_REASON_NONE;
}

bool
risk_hot_agrees(const struct risk *risk,
                const struct risk_hot_message *message,
                const struct risk_hot_order *order,
                const struct risk_hold *hold)
{
    const struct risk_order full = {
        .instrument = order->instrument,
        .account = message->account,
        .firm = *message->firm,
        .px = order->px,
        .last_px = order->last_px,
        .qty = order->qty,
        .leaves_qty = order->leaves_qty,
        .sell = order->sell,
        .ord_type = OE_ORD_TYPE_LIMIT,
        .tif = OE_TIME_IN_FORCE_DAY, /* others would not differ: qty_max is not 0 */
        .session_max = message->session->orders_max,
        .session_cnt = order->session_cnt,
        .mid_px = order->mid_px,
        .now_ns = risk_hot_now(message),
    };
    const struct risk_ticket ticket = {
        .position = hold != NULL ? hold->position
                                 : risk_pair_find(risk, message->account, order->instrument),
        .tick = order->tick,
        .px = order->px,
    };

    return risk_slow_agrees(risk, &full, hold, &ticket);
}

COLD bool
risk_hot_undo(struct risk *risk,
              uint32_t at,
              int64_t signed_qty,
              int64_t value,
              int64_t cash,
              unsigned steps_cnt)
{
    struct risk_pair_line *pair = &risk->pairs[at];
    struct risk_account_line *account = &risk->accounts[pair->account];
    const bool sell = signed_qty < 0;

    ASSERT(steps_cnt >= 1);
    ASSERT(steps_cnt <= RISK_HOT_STEPS);
    risk_room_add(&pair->room[sell], sell ? -signed_qty : signed_qty);
    if (steps_cnt >= 2)
        account->party.room += value;
    if (steps_cnt >= 3)
        account->cash_room += cash;
    if (steps_cnt >= 4)
        account->open_room++;
    if (steps_cnt >= 5)
        risk->groups[account->group].party.room += value;
    if (steps_cnt >= 6)
        risk->firms[account->firm].party.room += value;
    return false;
}
