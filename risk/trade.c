#include "risk/state.h"

/*
 * What happens to what was reserved: by fills, by what takes orders away, by new
 * prices. None of it asks; a commit looks at stages behind it.
 */

/* Rooms of DailyNet are moved by additions as long as all numbers are below this. */
#define NET_STEP_MAX (INT64_C(1) << 62)

/* A profit or loss beyond is taken for that: far beyond all limits. */
#define PROFIT_MAX ((notional_t)1 << 126)

/* The lines of a party that a fill moves. */
struct fill_lines {
    notional_t *room;
    notional_t *cap;
    notional_t *bought;
    notional_t *sold;
    int64_t *net_room;
};

/* net_move moves the rooms of DailyNet; false if they have to be made anew. A room
 * that is full stays so: it is never more than the truth. */
static inline bool
net_move(int64_t room[2], bool sell, notional_t value)
{
    if (UNLIKELY(value > NET_STEP_MAX || room[0] < -NET_STEP_MAX || room[1] < -NET_STEP_MAX))
        return false;
    room[sell] -= (int64_t)value;
    if (__builtin_add_overflow(room[!sell], (int64_t)value, &room[!sell]))
        room[!sell] = INT64_MAX;
    return true;
}

/* fill_move moves what counts of a party: released comes back, value was traded.
 * cap falls by value as if DailyGross were the tighter of its two: so it is never
 * more than the truth, and made anew when it is used up. */
static inline bool
fill_move(const struct fill_lines *lines,
          bool sell,
          bool gross,
          notional_t released,
          notional_t value)
{
    *lines->room += released;
    *(sell ? lines->sold : lines->bought) += value;
    if (gross) {
        *lines->room -= value;
        *lines->cap -= value;
    }
    return net_move(lines->net_room, sell, value);
}

/* make_anew makes the rooms of a subject of what is used and its limits. */
static COLD void
make_anew(struct risk *risk, uint8_t level, uint32_t id)
{
    const struct risk_usage usage = risk_usage_get(risk, level, id);

    ASSERT(usage.bought >= 0);
    ASSERT(usage.sold >= 0);
    risk_usage_set(risk, level, id, &usage);
}

static inline void
party_fill(struct risk *risk,
           uint8_t level,
           uint32_t id,
           struct risk_party_line *line,
           struct risk_party_warm *warm,
           bool sell,
           notional_t released,
           notional_t value)
{
    const struct fill_lines lines = {&line->room, &warm->cap, &warm->bought, &warm->sold,
                                     line->net_room};

    if (UNLIKELY(!fill_move(&lines, sell, (line->flags & RISK_LINE_GROSS) != 0, released, value)))
        make_anew(risk, level, id);
}

void
risk_profit_add(struct risk_account_warm *warm, notional_t amount)
{
    if (!notional_add_checked(warm->profit, amount, &warm->profit))
        warm->profit = amount > 0 ? PROFIT_MAX : -PROFIT_MAX;
    if (warm->profit > PROFIT_MAX)
        warm->profit = PROFIT_MAX;
    if (warm->profit < -PROFIT_MAX)
        warm->profit = -PROFIT_MAX;
}

void
risk_loss_look(struct risk *risk, uint32_t account, uint32_t instrument)
{
    const struct risk_account_pace *pace = &risk->accounts_pace[account];
    const notional_t loss = -risk->accounts_warm[account].profit;

    if (pace->loss_max == RISK_LIMIT_OFF)
        return;
    if (loss >= pace->loss_max || loss > pace->loss_bound)
        risk_look(risk, OE_RISK_LEVEL_ACCOUNT, account, instrument);
    else if ((risk->accounts[account].flags & RISK_LINE_DOUBT) != 0)
        risk_flags_set(risk, OE_RISK_LEVEL_ACCOUNT, account);
}

/* count_execution latches the account with the fill that is one too many for its
 * window. A count that is full stays so until somebody enables the account. */
static void
count_execution(struct risk *risk, uint32_t account, uint32_t instrument, uint64_t now_ns)
{
    struct risk_account_pace *pace = &risk->accounts_pace[account];
    const struct risk_due due = {.level = OE_RISK_LEVEL_ACCOUNT,
                                 .limit = CELL_RISK_LIMIT_EXECUTIONS,
                                 .stage = CELL_RISK_STAGE_LATCHED,
                                 .subject = account,
                                 .instrument = instrument,
                                 .value = pace->executions_max,
                                 .used = pace->executions_max};

    if (pace->executions_max == 0 || pace->executions_cnt == pace->executions_max)
        return;
    if (pace->executions_cnt == 0 ||
        now_ns - pace->executions_since_ns >= pace->executions_window_ns) {
        pace->executions_since_ns = now_ns;
        pace->executions_cnt = 0;
    }
    pace->executions_cnt++;
    ASSERT(pace->executions_cnt <= pace->executions_max);
    if (pace->executions_cnt < pace->executions_max)
        return;
    risk_subject_of(risk, OE_RISK_LEVEL_ACCOUNT, account)->flags |= RISK_IS_LATCHED;
    risk_flags_set(risk, OE_RISK_LEVEL_ACCOUNT, account);
    risk_pend(risk, &due);
}

HOT px_t
risk_on_trade(struct risk *risk, const struct risk_fill *fill)
{
    struct risk_pair_line *pair = &risk->pairs[fill->hold.position];
    struct risk_bounds *bounds = &risk->bounds[pair->instrument];
    struct risk_account_line *line = &risk->accounts[pair->account];
    struct risk_account_warm *warm = &risk->accounts_warm[pair->account];
    struct risk_account_pace *pace = &risk->accounts_pace[pair->account];
    const uint32_t group = line->group;
    const uint32_t firm = risk->groups[group].parent;
    const bool sell = fill->hold.sell;
    const struct risk_fees fees = bounds->fees;
    const notional_t value = px_mul_qty(fill->px, fill->qty);
    const notional_t released = px_mul_qty(fill->hold.px, fill->qty);
    const notional_t fee =
        risk_fee(fill->px, fill->qty, fill->maker ? fees.maker_ppm : fees.taker_ppm);
    const notional_t paid = (sell ? -value : value) + fee;
    const struct fill_lines lines = {&line->room, &pace->cap, &warm->bought, &warm->sold,
                                     line->net_room};

    ASSERT(fill->hold.position <= risk->slots_mask);
    ASSERT(pair->version != 0);
    ASSERT(fill->qty >= 1);
    ASSERT(fill->qty <= fill->hold.leaves_qty);
    ASSERT_SLOW(sell ? fill->px >= fill->hold.px : fill->px <= fill->hold.px);
    if (UNLIKELY(bounds->mark_px == 0))
        bounds->mark_px = fill->px;
    pair->position_qty += sell ? -(int64_t)fill->qty : (int64_t)fill->qty;
    risk_room_add(&pair->room[!sell], fill->qty);
    line->open_room += fill->qty == fill->hold.leaves_qty;
    line->cash_room += risk_cash_of(fill->hold.px, fill->qty, sell, fees) - paid;
    warm->balance -= paid;
    risk->fees += fee;
    risk_profit_add(warm, (notional_t)(bounds->mark_px - fill->px) *
                                  (sell ? -(notional_t)fill->qty : (notional_t)fill->qty) -
                              fee);
    if (UNLIKELY(!fill_move(&lines, sell, (line->flags & RISK_LINE_GROSS) != 0, released, value)))
        make_anew(risk, OE_RISK_LEVEL_ACCOUNT, pair->account);
    party_fill(risk, OE_RISK_LEVEL_GROUP, group, &risk->groups[group], &risk->groups_warm[group],
               sell, released, value);
    party_fill(risk, OE_RISK_LEVEL_FIRM, firm, &risk->firms[firm], &risk->firms_warm[firm], sell,
               released, value);
    risk->firms_warm[firm].trades_cnt++;
    if (UNLIKELY((line->flags & RISK_LINE_FILLS) != 0)) {
        count_execution(risk, pair->account, pair->instrument, fill->now_ns);
        risk_loss_look(risk, pair->account, pair->instrument);
    }
    risk_look_all(risk, pair->account, pair->instrument);
    ASSERT(fee <= PX_MAX);
    ASSERT(fee >= PX_MIN);
    return (px_t)fee;
}

/* value_back gives value of open orders back at all levels; negative: takes it. */
static inline void
value_back(struct risk *risk, struct risk_account_line *line, notional_t value)
{
    struct risk_party_line *group = &risk->groups[line->group];

    line->room += value;
    group->room += value;
    risk->firms[group->parent].room += value;
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
    value_back(risk, line, px_mul_qty(hold->px, qty));
    line->cash_room += risk_cash_of(hold->px, qty, hold->sell, risk->bounds[pair->instrument].fees);
    line->open_room += qty == hold->leaves_qty;
}

HOT void
risk_reprice(struct risk *risk, const struct risk_hold *hold, px_t px)
{
    struct risk_pair_line *pair = &risk->pairs[hold->position];
    struct risk_account_line *line = &risk->accounts[pair->account];
    const struct risk_fees fees = risk->bounds[pair->instrument].fees;
    const qty_t qty = hold->leaves_qty;

    ASSERT(hold->position <= risk->slots_mask);
    ASSERT(qty >= 1);
    value_back(risk, line, px_mul_qty(hold->px, qty) - px_mul_qty(px, qty));
    line->cash_room +=
        risk_cash_of(hold->px, qty, hold->sell, fees) - risk_cash_of(px, qty, hold->sell, fees);
    risk_look_all(risk, pair->account, pair->instrument);
}

HOT void
risk_reserve_amend(struct risk *risk,
                   const struct risk_order *order,
                   const struct risk_hold *hold,
                   const struct risk_ticket *ticket)
{
    struct risk_pair_line *pair = &risk->pairs[hold->position];
    struct risk_account_line *line = &risk->accounts[order->account];
    const struct risk_fees fees = risk->bounds[order->instrument].fees;

    ASSERT(ticket->position == hold->position);
    ASSERT(hold->sell == order->sell);
    risk_room_add(&pair->room[hold->sell], (int64_t)hold->leaves_qty - (int64_t)order->leaves_qty);
    value_back(risk, line,
               px_mul_qty(hold->px, hold->leaves_qty) - px_mul_qty(ticket->px, order->leaves_qty));
    line->cash_room += risk_cash_of(hold->px, hold->leaves_qty, hold->sell, fees) -
                       risk_cash_of(ticket->px, order->leaves_qty, order->sell, fees);
    risk_look_all(risk, order->account, order->instrument);
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
    value_back(risk, line, -px_mul_qty(ticket->px, order->leaves_qty));
    line->cash_room -= risk_cash_of(ticket->px, order->leaves_qty, order->sell,
                                    risk->bounds[order->instrument].fees);
    line->open_room--;
    risk_look_all(risk, order->account, order->instrument);
}
