#include "risk/hot.h"

/*
 * What happens to what was reserved: by fills, by what takes orders away, by new
 * prices. None of it asks; a commit looks at stages behind it.
 */

/* One side of a trade, as a party sees it. Narrow: all values are below 2^61, which the
 * compiler knows and which all but a few trades are. */
struct side {
    notional_t released; /* value that was reserved */
    notional_t value;    /* that was traded */
    bool sell;
    bool narrow;
};

/* fits says whether an amount can be moved at once. */
static inline bool
fits(notional_t amount)
{
    return amount <= RISK_ROOM_MAX && amount >= -RISK_ROOM_MAX;
}

/* value_move gives room of value to an account, a group or a firm; of less than 0 it
 * takes. */
static ALWAYS_INLINE void
value_move(struct risk *risk,
           uint8_t level,
           uint32_t id,
           int64_t *room,
           notional_t more,
           const bool narrow)
{
    if (!narrow && UNLIKELY(!fits(more)))
        risk_rooms_anew(risk, level, id, more, 0);
    else if (UNLIKELY(!risk_room_move(room, (int64_t)more)))
        risk_room_wrapped(risk, level, id, room, (int64_t)more);
}

/* cash_move does so with cash of an account. What is cut off of a room comes to light
 * when it is made anew. */
static ALWAYS_INLINE void
cash_move(struct risk *risk, uint32_t account, notional_t more, const bool narrow)
{
    int64_t *room = &risk->accounts[account].cash_room;

    if (!narrow && UNLIKELY(!fits(more)))
        risk_rooms_anew(risk, OE_RISK_LEVEL_ACCOUNT, account, 0, more);
    else if (UNLIKELY(!risk_room_move(room, (int64_t)more)))
        risk_room_wrapped(risk, OE_RISK_LEVEL_ACCOUNT, account, room, (int64_t)more);
    else if (!narrow && UNLIKELY(*room < 0) && more < 0)
        risk_rooms_anew(risk, OE_RISK_LEVEL_ACCOUNT, account, 0, 0);
}

/* traded_of returns what was bought or sold today, of which bought is given. By
 * arithmetic: nobody can foretell the side. */
static ALWAYS_INLINE int64_t *
traded_of(int64_t *bought, bool sell)
{
    return (int64_t *)(void *)((char *)bought + sell * sizeof *bought);
}

/* traded_wrapped adds to what was traded today what does not fit. */
static COLD void
traded_wrapped(struct risk *risk, uint8_t level, uint32_t id, bool sell, notional_t value)
{
    struct risk_subject *subject = risk_subject_of(risk, level, id);

    ASSERT(value > 0);
    risk_sum_carry(sell ? &subject->sold_base : &subject->bought_base,
                   &risk_traded_parts(risk, level, id)[sell], value);
}

/* balance_wrapped does so with what is paid of a balance. */
static COLD void
balance_wrapped(struct risk *risk, uint32_t account, notional_t paid)
{
    risk_sum_carry(&risk_subject_of(risk, OE_RISK_LEVEL_ACCOUNT, account)->balance_base,
                   &risk->accounts_warm[account].balance, -paid);
}

/* party_fill moves what counts of an account, a group or a firm: what was released comes
 * back, value was traded. room falls by value as if DailyGross were the tighter of its two,
 * order_max as if all were on one side: so neither is ever more than the truth, and both are
 * made anew when they are used up. What is returned is negative if a stage may have begun. */
static ALWAYS_INLINE int64_t
party_fill(struct risk *risk,
           uint8_t level,
           uint32_t id,
           struct risk_party_line *line,
           int64_t *bought,
           const uint8_t *flags,
           const struct side *side)
{
    const notional_t used = (*flags & RISK_LINE_GROSS) != 0 ? side->value : 0;
    const notional_t more =
        side->narrow ? (int64_t)side->released - (int64_t)used : side->released - used;

    risk_hot_anew();

    int64_t *traded = traded_of(bought, side->sell);
    int64_t sum;

    if (side->narrow && LIKELY(!__builtin_add_overflow(*traded, (int64_t)side->value, &sum)))
        *traded = sum;
    else
        traded_wrapped(risk, level, id, side->sell, side->value);
    value_move(risk, level, id, &line->room, more, side->narrow);
    /* It is at least -1, and a narrow value below 2^61. */
    if (side->narrow)
        line->order_max -= (int64_t)side->value;
    else
        risk_order_max_anew(risk, level, id);
    return line->room | line->order_max;
}

/* latch latches an account whose window has one fill too many. */
static COLD void
latch(struct risk *risk, uint32_t account, uint32_t instrument)
{
    const struct risk_account_warm *warm = &risk->accounts_warm[account];
    const struct risk_due due = {.level = OE_RISK_LEVEL_ACCOUNT,
                                 .limit = CELL_RISK_LIMIT_EXECUTIONS,
                                 .stage = CELL_RISK_STAGE_LATCHED,
                                 .subject = account,
                                 .instrument = instrument,
                                 .value = warm->executions_max,
                                 .used = warm->executions_max};

    ASSERT(warm->executions_cnt == warm->executions_max);
    risk_subject_of(risk, OE_RISK_LEVEL_ACCOUNT, account)->flags |= RISK_IS_LATCHED;
    risk_flags_set(risk, OE_RISK_LEVEL_ACCOUNT, account);
    risk_pend(risk, &due);
}

/* is_over says whether a window of executions that has that age is over. */
static ALWAYS_INLINE bool
is_over(const struct risk *risk, uint32_t account, uint64_t age_ns)
{
    const uint64_t window_ns = risk->accounts_warm[account].executions_window_ns;

    if (age_ns < window_ns)
        return false;
    return LIKELY(window_ns != RISK_WINDOW_LONG) ||
           age_ns >= risk_subject_of(risk, OE_RISK_LEVEL_ACCOUNT, account)
                         ->limits[CELL_RISK_LIMIT_EXECUTIONS]
                         .window_ns;
}

/* count_execution counts a fill. A count that is full stays so until somebody enables
 * the account. */
static ALWAYS_INLINE void
count_execution(struct risk *risk, uint32_t account, uint32_t instrument, uint64_t now_ns)
{
    struct risk_account_warm *warm = &risk->accounts_warm[account];
    uint16_t cnt = warm->executions_cnt;

    if (UNLIKELY(cnt == warm->executions_max))
        return; /* full, or not counted */
    if (cnt == 0 || is_over(risk, account, now_ns - warm->executions_since_ns)) {
        warm->executions_since_ns = now_ns;
        cnt = 0;
    }
    warm->executions_cnt = ++cnt;
    if (UNLIKELY(cnt == warm->executions_max))
        latch(risk, account, instrument);
}

/* loss_moves says whether the loss of the day wants a look. */
static ALWAYS_INLINE bool
loss_moves(const struct risk_account_line *line, const struct risk_account_warm *warm)
{
    return UNLIKELY(warm->loss_room < 0) || UNLIKELY((line->flags & RISK_LINE_DOUBT) != 0);
}

/* What both sides of a trade have in common. */
struct deal {
    px_t px;
    qty_t qty;
    notional_t value;
    uint64_t now_ns;
    struct risk_bounds *bounds;
};

/* profit_fill adds what a fill made to the profit of today. */
static ALWAYS_INLINE void
profit_fill(struct risk *risk,
            uint32_t account,
            const struct deal *deal,
            int64_t signed_qty,
            px_t fee)
{
    const int64_t moved_px = deal->bounds->mark_px - deal->px;
    int64_t *loss_room = &risk->accounts_warm[account].loss_room;
    int64_t amount;
    int64_t sum;

    if (LIKELY(!__builtin_mul_overflow(moved_px, signed_qty, &amount)) &&
        LIKELY(!__builtin_sub_overflow(amount, fee, &amount)) &&
        LIKELY(!__builtin_add_overflow(*loss_room, amount, &sum)))
        *loss_room = sum;
    else
        risk_profit_add(risk, account, (notional_t)moved_px * signed_qty - fee);
}

/* paid_of returns what a side pays, fee included. */
static ALWAYS_INLINE notional_t
paid_of(notional_t value, notional_t fee, bool sell, const bool narrow)
{
    const int64_t sign = -(int64_t)sell;

    return narrow ? (notional_t)((((int64_t)value ^ sign) - sign) + (int64_t)fee)
                  : (sell ? -value : value) + fee;
}

/* hold_cash returns the cash that is released. */
static ALWAYS_INLINE notional_t
hold_cash(const struct risk_bounds *bounds,
          const struct risk_hold *hold,
          qty_t qty,
          const bool narrow)
{
    const uint64_t lot = (uint64_t)hold->px + (uint64_t)risk_fee_lot(hold->px, bounds->hold_ppm);
    const qty_t bought_qty = qty & ((uint32_t)hold->sell - 1);

    return narrow ? (notional_t)(int64_t)(lot * bought_qty) : (notional_t)lot * bought_qty;
}

/* fill_parties confirms a side at its three levels. Negative: a stage may have begun. */
static ALWAYS_INLINE int64_t
fill_parties(struct risk *risk, uint32_t account, const struct side *side)
{
    struct risk_account_line *line = &risk->accounts[account];
    int64_t signs = party_fill(risk, OE_RISK_LEVEL_ACCOUNT, account, &line->party,
                               &risk->accounts_warm[account].bought, &line->flags, side);

    risk_hot_anew();

    const uint32_t group = line->group;
    struct risk_group_line *group_line = &risk->groups[group];

    signs |= party_fill(risk, OE_RISK_LEVEL_GROUP, group, &group_line->party, &group_line->bought,
                        &risk->groups_warm[group].flags, side);
    risk_hot_anew();

    const uint32_t firm = line->firm;
    struct risk_firm_line *firm_line = &risk->firms[firm];

    signs |= party_fill(risk, OE_RISK_LEVEL_FIRM, firm, &firm_line->party, &firm_line->bought,
                        &firm_line->flags, side);
    firm_line->trades_cnt++;
    return signs;
}

/* fill_side confirms one side of a deal and returns its fee, of which the sum of all fees
 * is not told. */
static ALWAYS_INLINE px_t
fill_side(struct risk *risk,
          const struct deal *deal,
          const struct risk_hold *hold,
          int32_t ppm,
          const bool narrow)
{
    struct risk_pair_line *pair = &risk->pairs[hold->position];
    const uint32_t account = pair->account;
    struct risk_account_line *line = &risk->accounts[account];
    struct risk_account_warm *warm = &risk->accounts_warm[account];
    const bool sell = hold->sell;
    const qty_t qty = deal->qty;
    const int64_t sign = -(int64_t)sell;
    const int64_t signed_qty = ((int64_t)qty ^ sign) - sign;
    const notional_t released = px_mul_qty(hold->px, qty);
    const struct side side = {.released = narrow ? (int64_t)released : released,
                              .value = narrow ? (int64_t)deal->value : deal->value,
                              .sell = sell,
                              .narrow = narrow};
    const px_t lot_fee = risk_fee_lot(deal->px, ppm);
    const notional_t fee = narrow ? lot_fee * (int64_t)qty : (notional_t)lot_fee * qty;
    const notional_t paid = paid_of(side.value, fee, sell, narrow);
    int64_t balance;

    ASSERT_SLOW(hold->position <= risk->slots_mask);
    ASSERT_SLOW(pair->version != 0);
    ASSERT_SLOW(qty >= 1);
    ASSERT_SLOW(qty <= hold->leaves_qty);
    ASSERT_SLOW(sell ? deal->px >= hold->px : deal->px <= hold->px);
    ASSERT(narrow || fee <= PX_MAX);
    ASSERT(narrow || fee >= PX_MIN);
    pair->position_qty += signed_qty;
    risk_room_add(&pair->room[!sell], qty);
    line->open_room += qty == hold->leaves_qty;
    if (narrow && LIKELY(!__builtin_sub_overflow(warm->balance, (int64_t)paid, &balance)))
        warm->balance = balance;
    else
        balance_wrapped(risk, account, paid);
    cash_move(risk, account, hold_cash(deal->bounds, hold, qty, narrow) - paid, narrow);
    profit_fill(risk, account, deal, signed_qty, (px_t)fee);
    risk_hot_anew();

    const int64_t signs = fill_parties(risk, account, &side);

    if ((line->flags & RISK_LINE_FILLS) != 0) {
        count_execution(risk, account, pair->instrument, deal->now_ns);
        if (loss_moves(line, warm))
            risk_loss_look(risk, account, pair->instrument);
    }
    if (UNLIKELY((signs | line->open_room) < 0))
        risk_look_all(risk, account, pair->instrument);
    return (px_t)fee;
}

/* is_narrow says whether the value of qty at px is below 2^61. */
static inline bool
is_narrow(px_t px, qty_t qty)
{
    int64_t value;

    return LIKELY(!__builtin_mul_overflow(px, (int64_t)qty, &value)) &&
           LIKELY(value <= RISK_HOT_VALUE_MAX);
}

static __attribute__((noinline)) px_t
fill_wide(struct risk *risk, const struct deal *deal, const struct risk_hold *hold, int32_t ppm)
{
    return fill_side(risk, deal, hold, ppm, false);
}

/* deal_of begins a trade in the instrument of a pair. The first of all makes the mark. */
static ALWAYS_INLINE struct deal
deal_of(struct risk *risk, uint32_t position, px_t px, qty_t qty, uint64_t now_ns)
{
    const struct deal deal = {.px = px,
                              .qty = qty,
                              .value = px_mul_qty(px, qty),
                              .now_ns = now_ns,
                              .bounds = &risk->bounds[risk->pairs[position].instrument]};

    if (UNLIKELY(deal.bounds->mark_px == 0))
        deal.bounds->mark_px = px;
    return deal;
}

HOT px_t
risk_on_trade(struct risk *risk, const struct risk_fill *fill)
{
    const struct deal deal = deal_of(risk, fill->hold.position, fill->px, fill->qty, fill->now_ns);
    const struct risk_fees fees = deal.bounds->fees;

    const px_t fee =
        fill_wide(risk, &deal, &fill->hold, fill->maker ? fees.maker_ppm : fees.taker_ppm);

    risk->fees += fee;
    return fee;
}

HOT struct risk_trade_fees
risk_on_trades(struct risk *risk, const struct risk_trade *trade)
{
    const struct deal deal =
        deal_of(risk, trade->taker.position, trade->px, trade->qty, trade->now_ns);
    const struct risk_fees fees = deal.bounds->fees;
    struct risk_trade_fees paid;

    if (LIKELY(is_narrow(trade->px, trade->qty)) &&
        LIKELY(is_narrow(trade->taker.px, trade->qty)) &&
        LIKELY(is_narrow(trade->maker.px, trade->qty))) {
        paid.taker = fill_side(risk, &deal, &trade->taker, fees.taker_ppm, true);
        paid.maker = fill_side(risk, &deal, &trade->maker, fees.maker_ppm, true);
    } else {
        paid.taker = fill_wide(risk, &deal, &trade->taker, fees.taker_ppm);
        paid.maker = fill_wide(risk, &deal, &trade->maker, fees.maker_ppm);
    }
    risk->fees += (notional_t)paid.taker + paid.maker;
    return paid;
}

/* value_back gives value of open orders back at all levels; negative: takes it. */
static inline void
value_back(struct risk *risk, uint32_t account, notional_t value)
{
    struct risk_account_line *line = &risk->accounts[account];
    const uint32_t group = line->group;
    const uint32_t firm = line->firm;

    value_move(risk, OE_RISK_LEVEL_ACCOUNT, account, &line->party.room, value, false);
    value_move(risk, OE_RISK_LEVEL_GROUP, group, &risk->groups[group].party.room, value, false);
    value_move(risk, OE_RISK_LEVEL_FIRM, firm, &risk->firms[firm].party.room, value, false);
}

/* look_orders_max makes each order_max anew that was less than value, of an order that was
 * let pass: the next one need not take the slow road. */
static inline void
look_orders_max(struct risk *risk, uint32_t account, notional_t value)
{
    const struct risk_account_line *line = &risk->accounts[account];

    if (UNLIKELY(line->party.order_max < value))
        risk_order_max_anew(risk, OE_RISK_LEVEL_ACCOUNT, account);
    if (UNLIKELY(risk->groups[line->group].party.order_max < value))
        risk_order_max_anew(risk, OE_RISK_LEVEL_GROUP, line->group);
    if (UNLIKELY(risk->firms[line->firm].party.order_max < value))
        risk_order_max_anew(risk, OE_RISK_LEVEL_FIRM, line->firm);
}

HOT void
risk_give_back(struct risk *risk, const struct risk_hold *hold, qty_t qty)
{
    struct risk_pair_line *pair = &risk->pairs[hold->position];
    struct risk_account_line *line = &risk->accounts[pair->account];

    ASSERT(hold->position <= risk->slots_mask);
    ASSERT(qty <= hold->leaves_qty);
    ASSERT_SLOW(risk_pair_open(risk, hold->position, hold->sell) >= qty);
    risk_room_add(&pair->room[hold->sell], qty);
    value_back(risk, pair->account, px_mul_qty(hold->px, qty));
    cash_move(risk, pair->account,
              risk_cash_of(hold->px, qty, hold->sell, risk->bounds[pair->instrument].fees), false);
    line->open_room += qty == hold->leaves_qty;
}

HOT void
risk_reprice(struct risk *risk, const struct risk_hold *hold, px_t px)
{
    const struct risk_pair_line *pair = &risk->pairs[hold->position];
    const struct risk_fees fees = risk->bounds[pair->instrument].fees;
    const qty_t qty = hold->leaves_qty;

    ASSERT(hold->position <= risk->slots_mask);
    ASSERT(qty >= 1);
    value_back(risk, pair->account, px_mul_qty(hold->px, qty) - px_mul_qty(px, qty));
    cash_move(risk, pair->account,
              risk_cash_of(hold->px, qty, hold->sell, fees) -
                  risk_cash_of(px, qty, hold->sell, fees),
              false);
    risk_look_all(risk, pair->account, pair->instrument);
}

HOT void
risk_reserve_amend(struct risk *risk,
                   const struct risk_order *order,
                   const struct risk_hold *hold,
                   const struct risk_ticket *ticket)
{
    struct risk_pair_line *pair = &risk->pairs[hold->position];
    const struct risk_fees fees = risk->bounds[order->instrument].fees;

    ASSERT(ticket->position == hold->position);
    ASSERT(hold->sell == order->sell);
    risk_room_add(&pair->room[hold->sell], (int64_t)hold->leaves_qty - (int64_t)order->leaves_qty);
    value_back(risk, order->account,
               px_mul_qty(hold->px, hold->leaves_qty) - px_mul_qty(ticket->px, order->leaves_qty));
    cash_move(risk, order->account,
              risk_cash_of(hold->px, hold->leaves_qty, hold->sell, fees) -
                  risk_cash_of(ticket->px, order->leaves_qty, order->sell, fees),
              false);
    risk_look_all(risk, order->account, order->instrument);
    look_orders_max(risk, order->account, px_mul_qty(ticket->px, order->leaves_qty));
}

/* note_run notes an accepted order in the run of equal ones. Without a limit every
 * order begins a run. */
static inline void
note_run(const struct risk *risk,
         struct risk_pair_line *pair,
         const struct risk_order *order,
         uint32_t tick)
{
    const bool equals = (risk->accounts[order->account].flags & RISK_LINE_EQUALS) != 0;
    const uint32_t tick_sell = tick * 2 + order->sell;

    if (UNLIKELY(equals) && pair->run_tick_sell == tick_sell && pair->run_qty == order->qty) {
        const uint64_t window_ns = risk_subject_of(risk, OE_RISK_LEVEL_ACCOUNT, order->account)
                                       ->limits[CELL_RISK_LIMIT_DUPLICATES]
                                       .window_ns;

        if (risk_run_length(pair, window_ns, tick, order->sell, order->qty, order->now_ns) != 0) {
            ASSERT((pair->run & 0xffff) < RISK_COUNT_MAX);
            pair->run++;
            return;
        }
    }
    pair->run_tick_sell = tick_sell;
    pair->run_qty = order->qty;
    pair->run = risk_run_time(order->now_ns) | 1;
}

HOT void
risk_reserve_new(struct risk *risk,
                 const struct risk_order *order,
                 const struct risk_ticket *ticket)
{
    struct risk_pair_line *pair = &risk->pairs[ticket->position];
    struct risk_account_line *line = &risk->accounts[order->account];

    ASSERT(ticket->position <= risk->slots_mask);
    if (UNLIKELY(pair->version == 0))
        risk_pair_take(risk, ticket->position, order->account, order->instrument);
    ASSERT(pair->account == order->account);
    risk_room_add(&pair->room[order->sell], -(int64_t)order->leaves_qty);
    if (LIKELY(!order->quote))
        note_run(risk, pair, order, ticket->tick);
    value_back(risk, order->account, -px_mul_qty(ticket->px, order->leaves_qty));
    cash_move(risk, order->account,
              -risk_cash_of(ticket->px, order->leaves_qty, order->sell,
                            risk->bounds[order->instrument].fees),
              false);
    line->open_room--;
    risk_look_all(risk, order->account, order->instrument);
    look_orders_max(risk, order->account, px_mul_qty(ticket->px, order->qty));
}
