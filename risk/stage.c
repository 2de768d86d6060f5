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

struct risk_usage
risk_usage_get(const struct risk *risk, uint8_t level, uint32_t id)
{
    const struct risk_subject *subject = risk_subject_of(risk, level, id);

    if (level == OE_RISK_LEVEL_ACCOUNT) {
        const struct risk_account_line *line = &risk->accounts[id];
        const struct risk_account_warm *warm = &risk->accounts_warm[id];

        return (struct risk_usage){
            .value = subject->value_base - traded_of(subject, warm->bought, warm->sold) -
                     line->party.room,
            .bought = warm->bought,
            .sold = warm->sold,
            .reserved = subject->cash_base + warm->balance - line->cash_room,
            .balance = warm->balance,
            .profit = warm->profit,
            .orders_cnt = (int64_t)orders_bound(subject) - line->open_room,
        };
    }

    const struct risk_party_warm *warm = risk_party_warm_of(risk, level, id);

    return (struct risk_usage){
        .value = subject->value_base - traded_of(subject, warm->bought, warm->sold) -
                 risk_party_of(risk, level, id)->room,
        .bought = warm->bought,
        .sold = warm->sold,
    };
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

/* net_rooms makes the rooms of DailyNet; no limit leaves them full. */
static void
net_rooms(const struct risk_subject *subject, const struct risk_usage *usage, int64_t room[2])
{
    const struct risk_limit *net = &subject->limits[CELL_RISK_LIMIT_DAILY_NET];
    const notional_t bound = risk_limit_bound(net);
    const notional_t bought = usage->bought - usage->sold;
    const bool off = net->value == RISK_LIMIT_OFF;

    room[0] = off ? INT64_MAX : risk_clip(bound - bought);
    room[1] = off ? INT64_MAX : risk_clip(bound + bought);
}

/* pace_set makes what fills and cancels ask of an account. */
static void
pace_set(struct risk *risk, uint32_t id)
{
    const struct risk_subject *subject = risk_subject_of(risk, OE_RISK_LEVEL_ACCOUNT, id);
    const struct risk_limit *loss = &subject->limits[CELL_RISK_LIMIT_DAILY_LOSS];
    const struct risk_limit *executions = &subject->limits[CELL_RISK_LIMIT_EXECUTIONS];
    struct risk_account_pace *pace = &risk->accounts_pace[id];

    pace->loss_max = loss->value;
    pace->loss_bound = risk_limit_bound(loss);
    if (pace->loss_bound >= loss->value && loss->value != RISK_LIMIT_OFF)
        pace->loss_bound = loss->value - 1;
    pace->executions_max = executions->value == RISK_LIMIT_OFF ? 0 : (uint16_t)executions->value;
    pace->executions_window_ns = executions->window_ns;
}

/* room_of cuts a true room off. */
static int64_t
room_of(notional_t room)
{
    return room > RISK_ROOM_MAX    ? RISK_ROOM_MAX
           : room < -RISK_ROOM_MAX ? -RISK_ROOM_MAX
                                   : (int64_t)room;
}

void
risk_usage_set(struct risk *risk, uint8_t level, uint32_t id, const struct risk_usage *usage)
{
    struct risk_subject *subject = risk_subject_of(risk, level, id);
    const int64_t room = room_of(cap_of(subject, usage) - usage->value);

    subject->value_base = usage->value + room + traded_of(subject, usage->bought, usage->sold);
    risk_party_of(risk, level, id)->room = room;
    if (level == OE_RISK_LEVEL_ACCOUNT) {
        struct risk_account_line *line = &risk->accounts[id];

        line->cash_room = room_of(credit_of(subject) + usage->balance - usage->reserved);
        subject->cash_base = usage->reserved - usage->balance + line->cash_room;
        line->open_room = (int32_t)(orders_bound(subject) - usage->orders_cnt);
        net_rooms(subject, usage, risk->accounts_pace[id].net_room);
        pace_set(risk, id);
    } else {
        net_rooms(subject, usage, risk_party_warm_of(risk, level, id)->net_room);
    }
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
    uint8_t flags = 0;

    subject->begun = 0;
    subject->slow_ms = 0;
    for (unsigned i = CELL_RISK_LIMIT_OPEN_ORDERS; i <= CELL_RISK_LIMIT_DAILY_LOSS; i++) {
        const struct risk_limit *limit = &subject->limits[i];

        subject->begun |= limit->begun;
        if ((limit->begun & RISK_BEGUN_SLOW) != 0 && limit->slow_ms > subject->slow_ms)
            subject->slow_ms = limit->slow_ms;
    }
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
    const struct risk_account_pace *pace = &risk->accounts_pace[id];
    uint8_t flags = 0;

    subject->flags &= (uint16_t)~RISK_IS_OUT;
    if (pace->loss_max != RISK_LIMIT_OFF && -risk->accounts_warm[id].profit >= pace->loss_max)
        subject->flags |= RISK_IS_OUT;
    if ((subject->flags & (RISK_IS_LATCHED | RISK_IS_OUT)) != 0 ||
        subject->state != CELL_ACCOUNT_STATE_ACTIVE)
        flags |= RISK_LINE_DOUBT;
    if (risk->accounts[id].cancel_rate != RISK_RATE_NONE)
        flags |= RISK_LINE_CANCELS;
    if (pace->executions_max != 0 || pace->loss_max != RISK_LIMIT_OFF)
        flags |= RISK_LINE_FILLS;
    if (subject->limits[CELL_RISK_LIMIT_DUPLICATES].value != RISK_LIMIT_OFF)
        flags |= RISK_LINE_EQUALS;
    return flags;
}

static const int64_t *
net_room_of(const struct risk *risk, uint8_t level, uint32_t id)
{
    return level == OE_RISK_LEVEL_ACCOUNT ? risk->accounts_pace[id].net_room
                                          : risk_party_warm_of(risk, level, id)->net_room;
}

/* flags_put gives a subject its flags, and order_max what follows from them. */
static void
flags_put(struct risk *risk, uint8_t level, uint32_t id, uint8_t flags)
{
    if (level == OE_RISK_LEVEL_ACCOUNT)
        risk->accounts[id].flags = flags;
    else
        risk_party_warm_of(risk, level, id)->flags = flags;
    risk_party_of(risk, level, id)->order_max = risk_order_max(net_room_of(risk, level, id), flags);
}

static uint8_t
flags_of(const struct risk *risk, uint8_t level, uint32_t id)
{
    return level == OE_RISK_LEVEL_ACCOUNT ? risk->accounts[id].flags
                                          : risk_party_warm_of(risk, level, id)->flags;
}

void
risk_flags_set(struct risk *risk, uint8_t level, uint32_t id)
{
    const unsigned look = flags_of(risk, level, id) & RISK_LINE_LOOK;
    const unsigned common = common_flags(risk_subject_of(risk, level, id));
    const unsigned own = level == OE_RISK_LEVEL_ACCOUNT ? account_flags(risk, id) : 0;

    flags_put(risk, level, id, (uint8_t)(common | own | look));
}

void
risk_look_next(struct risk *risk, uint8_t level, uint32_t id)
{
    flags_put(risk, level, id, flags_of(risk, level, id) | RISK_LINE_LOOK);
}

COLD void
risk_look_again(struct risk *risk, uint8_t level, uint32_t id, uint32_t instrument)
{
    const int64_t *net_room = net_room_of(risk, level, id);
    const int64_t open_room = level == OE_RISK_LEVEL_ACCOUNT ? risk->accounts[id].open_room : 0;

    /* order_max is below 0 as well where it is shut for other reasons. */
    if ((risk_party_of(risk, level, id)->room | open_room | net_room[0] | net_room[1]) < 0 ||
        (flags_of(risk, level, id) & RISK_LINE_LOOK) != 0)
        risk_look(risk, level, id, instrument);
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
    flags_put(risk, level, id, flags_of(risk, level, id) & (uint8_t)~RISK_LINE_LOOK);
    risk_usage_set(risk, level, id, &usage);
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
