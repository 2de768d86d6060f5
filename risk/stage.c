#include <string.h>

#include "risk/state.h"

/*
 * Rooms and stages. A room is a bound less what is used, so what is used is found
 * again as the bound less the room: before limits or stages change, never after.
 */

/* bound_of returns the bound of a limit as an amount. */
static notional_t
bound_of(const struct risk_limit *limit)
{
    return limit->value == RISK_LIMIT_OFF ? RISK_ROOM_OFF : risk_limit_bound(limit);
}

/* orders_bound returns the bound of OpenOrders in the type of its room. */
static int32_t
orders_bound(const struct risk_subject *subject)
{
    const int64_t bound = risk_limit_bound(&subject->limits[CELL_RISK_LIMIT_OPEN_ORDERS]);

    ASSERT(bound >= -1);
    return bound > INT32_MAX ? INT32_MAX : (int32_t)bound;
}

/* credit_of returns how far cash may go below 0. */
static notional_t
credit_of(const struct risk_subject *subject)
{
    const int64_t credit = subject->limits[CELL_RISK_LIMIT_CREDIT].value;

    ASSERT(credit >= 0);
    return credit == RISK_LIMIT_OFF ? RISK_ROOM_OFF : credit;
}

/* traded_of returns what DailyGross counts of the fills of today. */
static notional_t
traded_of(const struct risk_subject *subject, notional_t bought, notional_t sold)
{
    return subject->limits[CELL_RISK_LIMIT_DAILY_GROSS].value == RISK_LIMIT_OFF ? 0 : bought + sold;
}

/* traded_get finds what a subject bought and sold today. */
static void
traded_get(const struct risk *risk,
           uint8_t level,
           uint32_t id,
           notional_t *bought,
           notional_t *sold)
{
    const struct risk_subject *subject = risk_subject_of(risk, level, id);
    const int64_t *parts = risk_traded_parts(risk, level, id);

    *bought = subject->bought_base + parts[0];
    *sold = subject->sold_base + parts[1];
}

struct risk_usage
risk_usage_get(const struct risk *risk, uint8_t level, uint32_t id)
{
    const struct risk_subject *subject = risk_subject_of(risk, level, id);
    struct risk_usage usage = {.value = 0};

    traded_get(risk, level, id, &usage.bought, &usage.sold);
    usage.value = subject->value_base - traded_of(subject, usage.bought, usage.sold) -
                  risk_party_of(risk, level, id)->room;

    if (level == OE_RISK_LEVEL_ACCOUNT) {
        const struct risk_account_line *line = &risk->accounts[id];
        const struct risk_account_warm *warm = &risk->accounts_warm[id];
        const notional_t balance = subject->balance_base + warm->balance;

        usage.reserved = subject->cash_base + balance - line->cash_room;
        usage.balance = balance;
        usage.profit = subject->profit_base + warm->loss_room;
        usage.orders_cnt = (int64_t)orders_bound(subject) - line->open_room;
    }
    return usage;
}

notional_t
risk_cash_free(const struct risk *risk, uint32_t account)
{
    const struct risk_usage usage = risk_usage_get(risk, OE_RISK_LEVEL_ACCOUNT, account);

    return credit_of(risk_subject_of(risk, OE_RISK_LEVEL_ACCOUNT, account)) + usage.balance -
           usage.reserved;
}

/* cap_of returns how much open value there may be. */
static notional_t
cap_of(const struct risk_subject *subject, const struct risk_usage *usage)
{
    const struct risk_limit *gross = &subject->limits[CELL_RISK_LIMIT_DAILY_GROSS];
    const notional_t open = bound_of(&subject->limits[CELL_RISK_LIMIT_OPEN_NOTIONAL]);

    if (gross->value == RISK_LIMIT_OFF)
        return open;

    const notional_t left = bound_of(gross) - usage->bought - usage->sold;

    return left < open ? left : open;
}

/* net_left returns how much more may be bought and sold for DailyNet, on either side. */
static notional_t
net_left(const struct risk *risk, uint8_t level, uint32_t id)
{
    const struct risk_limit *net =
        &risk_subject_of(risk, level, id)->limits[CELL_RISK_LIMIT_DAILY_NET];
    notional_t bought;
    notional_t sold;

    if (net->value == RISK_LIMIT_OFF)
        return INT64_MAX;
    traded_get(risk, level, id, &bought, &sold);
    return risk_limit_bound(net) - (bought > sold ? bought - sold : sold - bought);
}

/* room_of cuts a true room off. */
static int64_t
room_of(notional_t room)
{
    return room > RISK_ROOM_MAX    ? RISK_ROOM_MAX
           : room < -RISK_ROOM_MAX ? -RISK_ROOM_MAX
                                   : (int64_t)room;
}

/* part_of returns the part of a sum that is kept in 64 bits; its base has the rest. */
static int64_t
part_of(notional_t sum, notional_t *base)
{
    const int64_t part = sum <= RISK_ROOM_MAX && sum >= -RISK_ROOM_MAX ? (int64_t)sum : 0;

    *base = sum - part;
    return part;
}

/* loss_bound_of returns the largest loss at which the limit is not reached, nor a stage
 * begins. */
static notional_t
loss_bound_of(const struct risk_limit *loss)
{
    const int64_t bound = risk_limit_bound(loss);

    if (loss->value == RISK_LIMIT_OFF)
        return RISK_ROOM_OFF;
    return bound >= loss->value ? loss->value - 1 : bound;
}

/* loss_room_of makes the room of a profit. Near its ends it wraps where these are, which
 * risk_profit_add keeps it from. */
static int64_t
loss_room_of(notional_t profit, notional_t bound)
{
    const int64_t room = room_of(profit + bound);
    const notional_t below = RISK_PROFIT_MAX - profit;
    const notional_t above = RISK_PROFIT_MAX + profit;

    ASSERT(below >= 0);
    ASSERT(above >= 0);
    if (below < RISK_ROOM_MAX)
        return INT64_MAX - (int64_t)below;
    if (above < RISK_ROOM_MAX)
        return INT64_MIN + (int64_t)above;
    return room;
}

static void
loss_set(struct risk *risk, uint32_t id, notional_t profit)
{
    struct risk_subject *subject = risk_subject_of(risk, OE_RISK_LEVEL_ACCOUNT, id);
    const struct risk_limit *loss = &subject->limits[CELL_RISK_LIMIT_DAILY_LOSS];
    int64_t *room = &risk->accounts_warm[id].loss_room;

    *room = loss_room_of(profit, loss_bound_of(loss));
    subject->profit_base = profit - *room;
}

/* account_set makes what an account has besides. */
static void
account_set(struct risk *risk, uint32_t id, const struct risk_usage *usage)
{
    struct risk_subject *subject = risk_subject_of(risk, OE_RISK_LEVEL_ACCOUNT, id);
    const struct risk_limit *executions = &subject->limits[CELL_RISK_LIMIT_EXECUTIONS];
    struct risk_account_line *line = &risk->accounts[id];
    struct risk_account_warm *warm = &risk->accounts_warm[id];

    line->cash_room = room_of(credit_of(subject) + usage->balance - usage->reserved);
    subject->cash_base = usage->reserved - usage->balance + line->cash_room;
    line->open_room = (int32_t)(orders_bound(subject) - usage->orders_cnt);
    warm->balance = part_of(usage->balance, &subject->balance_base);
    warm->executions_max = executions->value == RISK_LIMIT_OFF ? 0 : (uint16_t)executions->value;
    warm->executions_window_ns = executions->window_ns < RISK_WINDOW_LONG
                                     ? (uint32_t)executions->window_ns
                                     : RISK_WINDOW_LONG;
    loss_set(risk, id, usage->profit);
}

/* profit_clip returns a profit within its ends. */
static notional_t
profit_clip(notional_t profit)
{
    return profit > RISK_PROFIT_MAX    ? RISK_PROFIT_MAX
           : profit < -RISK_PROFIT_MAX ? -RISK_PROFIT_MAX
                                       : profit;
}

void
risk_profit_add(struct risk *risk, uint32_t account, notional_t amount)
{
    const struct risk_subject *subject = risk_subject_of(risk, OE_RISK_LEVEL_ACCOUNT, account);
    notional_t profit = subject->profit_base + risk->accounts_warm[account].loss_room;

    if (!notional_add_checked(profit, amount, &profit))
        profit = amount > 0 ? RISK_PROFIT_MAX : -RISK_PROFIT_MAX;
    loss_set(risk, account, profit_clip(profit));
}

void
risk_loss_look(struct risk *risk, uint32_t account, uint32_t instrument)
{
    const struct risk_subject *subject = risk_subject_of(risk, OE_RISK_LEVEL_ACCOUNT, account);
    const int64_t *room = &risk->accounts_warm[account].loss_room;

    /* A room that was cut off is less than the truth. */
    if (*room < 0)
        loss_set(risk, account, subject->profit_base + *room);
    if (risk_loss_max(risk, account) == RISK_LIMIT_OFF)
        return;
    if (*room < 0)
        risk_look(risk, OE_RISK_LEVEL_ACCOUNT, account, instrument);
    else if ((risk->accounts[account].flags & RISK_LINE_DOUBT) != 0)
        risk_flags_set(risk, OE_RISK_LEVEL_ACCOUNT, account);
}

void
risk_sum_carry(notional_t *base, int64_t *part, notional_t more)
{
    *base += *part + more;
    *part = 0;
}

void
risk_usage_set(struct risk *risk, uint8_t level, uint32_t id, const struct risk_usage *usage)
{
    struct risk_subject *subject = risk_subject_of(risk, level, id);
    const int64_t room = room_of(cap_of(subject, usage) - usage->value);
    int64_t *parts = risk_traded_parts(risk, level, id);

    subject->value_base = usage->value + room + traded_of(subject, usage->bought, usage->sold);
    risk_party_of(risk, level, id)->room = room;
    parts[0] = part_of(usage->bought, &subject->bought_base);
    parts[1] = part_of(usage->sold, &subject->sold_base);
    if (level == OE_RISK_LEVEL_ACCOUNT)
        account_set(risk, id, usage);
    risk_flags_set(risk, level, id);
}

COLD void
risk_rooms_anew(struct risk *risk,
                uint8_t level,
                uint32_t id,
                notional_t more_room,
                notional_t more_cash_room)
{
    struct risk_usage usage = risk_usage_get(risk, level, id);

    ASSERT(level == OE_RISK_LEVEL_ACCOUNT || more_cash_room == 0);
    ASSERT(usage.bought >= 0);
    ASSERT(usage.sold >= 0);
    usage.value -= more_room;
    usage.reserved -= more_cash_room;
    risk_usage_set(risk, level, id, &usage);
}

notional_t
risk_used(const struct risk_usage *usage, uint8_t limit)
{
    const notional_t net = usage->bought - usage->sold;

    switch (limit) {
    case CELL_RISK_LIMIT_OPEN_ORDERS:
        return usage->orders_cnt;
    case CELL_RISK_LIMIT_OPEN_NOTIONAL:
        return usage->value;
    case CELL_RISK_LIMIT_DAILY_GROSS:
        return usage->bought + usage->sold + usage->value;
    case CELL_RISK_LIMIT_DAILY_NET:
        return net < 0 ? -net : net;
    case CELL_RISK_LIMIT_DAILY_LOSS:
        return usage->profit < 0 ? -usage->profit : 0;
    case CELL_RISK_LIMIT_CREDIT:
        return usage->reserved - usage->balance;
    default:
        return 0;
    }
}

/* common_flags returns the flags that depend on what all subjects have; it sums up
 * their stages. */
static uint8_t
common_flags(struct risk_subject *subject)
{
    const uint16_t old_ms = subject->slow_ms;
    uint8_t flags = 0;

    subject->begun = 0;
    subject->slow_ms = 0;
    for (unsigned i = CELL_RISK_LIMIT_OPEN_ORDERS; i <= CELL_RISK_LIMIT_DAILY_LOSS; i++) {
        const struct risk_limit *limit = &subject->limits[i];

        subject->begun |= limit->begun;
        if ((limit->begun & RISK_BEGUN_SLOW) != 0 && limit->slow_ms > subject->slow_ms)
            subject->slow_ms = limit->slow_ms;
    }
    /* The pause that holds now is counted from the last message. */
    if (subject->slow_full_ns != 0)
        subject->slow_full_ns =
            subject->slow_full_ns - old_ms * RISK_PAUSE_NS + subject->slow_ms * RISK_PAUSE_NS;
    if ((subject->flags & RISK_IS_KNOWN) != 0)
        flags |= RISK_LINE_KNOWN;
    if ((flags & RISK_LINE_KNOWN) == 0 ||
        (subject->flags & (RISK_IS_KILLED | RISK_IS_BLACKLISTED)) != 0 ||
        (subject->begun & (RISK_BEGUN_CLOSE | RISK_BEGUN_BLOCK)) != 0)
        flags |= RISK_LINE_DOUBT;
    if (subject->slow_ms != 0)
        flags |= RISK_LINE_SLOW;
    if (subject->limits[CELL_RISK_LIMIT_DAILY_GROSS].value != RISK_LIMIT_OFF)
        flags |= RISK_LINE_GROSS;
    return flags;
}

COLD void
risk_room_wrapped(struct risk *risk, uint8_t level, uint32_t id, int64_t *room, int64_t more)
{
    const bool value = room == &risk_party_of(risk, level, id)->room;

    ASSERT(value || room == &risk->accounts[id].cash_room);
    risk_room_add(room, (int64_t) - (uint64_t)more);
    risk_rooms_anew(risk, level, id, value ? more : 0, value ? 0 : more);
}

/* account_flags returns those that an account has besides. */
static uint8_t
account_flags(struct risk *risk, uint32_t id)
{
    struct risk_subject *subject = risk_subject_of(risk, OE_RISK_LEVEL_ACCOUNT, id);
    const struct risk_account_warm *warm = &risk->accounts_warm[id];
    const int64_t loss_max = risk_loss_max(risk, id);
    uint8_t flags = 0;

    subject->flags &= (uint16_t)~RISK_IS_OUT;
    if (loss_max != RISK_LIMIT_OFF && -(subject->profit_base + warm->loss_room) >= loss_max)
        subject->flags |= RISK_IS_OUT;
    if ((subject->flags & (RISK_IS_LATCHED | RISK_IS_OUT)) != 0 ||
        subject->state != CELL_ACCOUNT_STATE_ACTIVE)
        flags |= RISK_LINE_DOUBT;
    if (risk->accounts[id].cancel_rate != RISK_RATE_NONE)
        flags |= RISK_LINE_CANCELS;
    if (warm->executions_max != 0 || loss_max != RISK_LIMIT_OFF)
        flags |= RISK_LINE_FILLS;
    if (subject->limits[CELL_RISK_LIMIT_DUPLICATES].value != RISK_LIMIT_OFF)
        flags |= RISK_LINE_EQUALS;
    return flags;
}

COLD void
risk_order_max_anew(struct risk *risk, uint8_t level, uint32_t id)
{
    const notional_t left = net_left(risk, level, id);
    const bool shut = (*risk_flags_of(risk, level, id) & RISK_LINE_SHUT) != 0;

    ASSERT(left <= INT64_MAX);
    risk_party_of(risk, level, id)->order_max = shut || left < 0 ? -1 : (int64_t)left;
}

/* flags_put gives a subject its flags, and order_max what follows from them. */
static void
flags_put(struct risk *risk, uint8_t level, uint32_t id, uint8_t flags)
{
    *risk_flags_of(risk, level, id) = flags;
    risk_order_max_anew(risk, level, id);
}

void
risk_flags_set(struct risk *risk, uint8_t level, uint32_t id)
{
    const unsigned look = *risk_flags_of(risk, level, id) & RISK_LINE_LOOK;
    const unsigned common = common_flags(risk_subject_of(risk, level, id));
    const unsigned own = level == OE_RISK_LEVEL_ACCOUNT ? account_flags(risk, id) : 0;

    flags_put(risk, level, id, (uint8_t)(common | own | look));
}

void
risk_look_next(struct risk *risk, uint8_t level, uint32_t id)
{
    flags_put(risk, level, id, *risk_flags_of(risk, level, id) | RISK_LINE_LOOK);
}

COLD void
risk_look_again(struct risk *risk, uint8_t level, uint32_t id, uint32_t instrument)
{
    const int64_t open_room = level == OE_RISK_LEVEL_ACCOUNT ? risk->accounts[id].open_room : 0;

    /* order_max is below 0 as well where it is shut for other reasons, or not the truth. */
    if ((risk_party_of(risk, level, id)->room | open_room) < 0 || net_left(risk, level, id) < 0 ||
        (*risk_flags_of(risk, level, id) & RISK_LINE_LOOK) != 0)
        risk_look(risk, level, id, instrument);
    else
        risk_order_max_anew(risk, level, id);
}

COLD void
risk_look(struct risk *risk, uint8_t level, uint32_t id, uint32_t instrument)
{
    struct risk_subject *subject = risk_subject_of(risk, level, id);
    const struct risk_usage usage = risk_usage_get(risk, level, id);

    for (uint8_t i = CELL_RISK_LIMIT_OPEN_ORDERS; i <= CELL_RISK_LIMIT_DAILY_LOSS; i++) {
        struct risk_limit *limit = &subject->limits[i];

        if (limit->value == RISK_LIMIT_OFF)
            continue;
        ASSERT((risk_limit_levels(i) & RISK_LEVEL_BIT(level)) != 0);

        const int64_t used = risk_clip(risk_used(&usage, i));
        const unsigned begun = risk_limit_reached(limit, used) & ~(unsigned)limit->begun;
        struct risk_due due = {.level = level,
                               .limit = i,
                               .subject = id,
                               .instrument = instrument,
                               .value = limit->value,
                               .used = used};
        uint16_t permille;

        if (begun == 0)
            continue;
        if ((begun & RISK_BEGUN_SLOW) != 0 && (subject->begun & RISK_BEGUN_SLOW) == 0)
            subject->slow_full_ns = 0;
        limit->begun |= (uint8_t)begun;
        limit->stage = risk_stage_worst(limit, limit->begun, &permille);
        due.stage = risk_stage_worst(limit, begun, &due.permille);
        risk_pend(risk, &due);
    }
    flags_put(risk, level, id, *risk_flags_of(risk, level, id) & (uint8_t)~RISK_LINE_LOOK);
    risk_usage_set(risk, level, id, &usage);
}

COLD void
risk_stage_tell(const struct risk *risk,
                uint8_t level,
                uint32_t id,
                unsigned begun,
                struct risk_detail *detail)
{
    const struct risk_subject *subject = risk_subject_of(risk, level, id);
    const struct risk_usage usage = risk_usage_get(risk, level, id);
    uint8_t which = CELL_RISK_LIMIT_OPEN_ORDERS;
    const struct risk_limit *limit = &subject->limits[which];
    uint16_t permille;

    ASSERT((subject->begun & begun) != 0);
    while ((limit->begun & begun) == 0 ||
           (begun == RISK_BEGUN_SLOW && limit->slow_ms < subject->slow_ms)) {
        ASSERT(which < CELL_RISK_LIMIT_DAILY_LOSS);
        limit = &subject->limits[++which];
    }
    (void)risk_stage_worst(limit, begun, &permille);

    const notional_t used = risk_used(&usage, which) * 1000;

    *detail = (struct risk_detail){.level = level,
                                   .subject = id,
                                   .limit = permille,
                                   .used = risk_clip(limit->value > 0 ? used / limit->value : used),
                                   .value = which};
}

void
risk_stage_end(struct risk_limit *limit, unsigned begun)
{
    uint16_t permille;

    ASSERT(begun < 1u << (RISK_STAGES_CNT + 1));
    limit->begun &= (uint8_t)~begun;
    limit->stage = risk_stage_worst(limit, limit->begun, &permille);
}

void
risk_pend(struct risk *risk, const struct risk_due *due)
{
    struct risk_subject *subject = risk_subject_of(risk, due->level, due->subject);
    const uint32_t key = RISK_KEY(due->level, due->subject);

    ASSERT(due->stage != CELL_RISK_STAGE_NONE);
    if ((subject->flags & RISK_IS_PENDING) != 0) {
        if (risk_stage_rank(due->stage) > risk_stage_rank(subject->due.stage))
            subject->due = *due;
        return;
    }
    ASSERT(subject->pending_next == 0);
    subject->flags |= RISK_IS_PENDING;
    subject->due = *due;
    if (risk->pending_head == 0) {
        risk->pending_head = key;
    } else {
        const uint32_t tail = risk->pending_tail;

        risk_subject_of(risk, RISK_KEY_LEVEL(tail), RISK_KEY_ID(tail))->pending_next = key;
    }
    risk->pending_tail = key;
}

bool
risk_is_pending(const struct risk *risk)
{
    return risk->pending_head != 0;
}

bool
risk_pending_pop(struct risk *risk, struct risk_due *due)
{
    const uint32_t key = risk->pending_head;

    if (key == 0)
        return false;

    struct risk_subject *subject = risk_subject_of(risk, RISK_KEY_LEVEL(key), RISK_KEY_ID(key));

    ASSERT((subject->flags & RISK_IS_PENDING) != 0);
    ASSERT(subject->due.subject == RISK_KEY_ID(key));
    *due = subject->due;
    subject->flags &= (uint16_t)~RISK_IS_PENDING;
    risk->pending_head = subject->pending_next;
    if (risk->pending_head == 0)
        risk->pending_tail = 0;
    subject->pending_next = 0;
    memset(&subject->due, 0, sizeof subject->due);
    return true;
}
