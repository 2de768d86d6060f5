/*
 * Hot: risk of plain orders, for the short road of the engine (engine/plain.h).
 *
 *   new       asks the checks 3 to 27, takes the token, reserves
 *   replace   the same of what it changes
 *   cancel    takes the token, gives back
 *
 * Each is one inline function that does all of it or nothing: it has account, group,
 * firm, pair and bounds at hand once, and value and cash are computed once. Whatever is not
 * common declines, and then nothing has changed: the long road takes the command from
 * its beginning, by risk_take_message, risk_check_*, risk_reserve_* and risk_give_back,
 * which stay the authority. Slow builds assert that what passes here is let pass there.
 *
 * A room is what may still be used. A new order takes of one after the other, looks at
 * each as it takes, and gives back what it took where one is used up; cancels and replaces
 * ask first. All rooms that begin a stage when they are used up are asked whether they are,
 * so behind a command that passes no stage has begun; pending may be a firm's
 * OrderToTrade.
 *
 * 64 bits. A value that passes value_max is below 2^61 (risk_pair_prepare), the fee of
 * a lot is at most its price, so value, cash and what a replace adds to either are below
 * 2^62 and fit where rooms do (risk/account.h).
 *
 * The engine has asked before: the price is a tick of the instrument and positive, the
 * quantity not 0 and a multiple of the lot, and the instrument open; neither the command's
 * time nor the engine's is above RISK_TIME_NS_MAX.
 *
 * Cost, instructions of the mix at 1,000 resting, all limits set: 188 a command, fills
 * included (docs/performance.md).
 */
#ifndef OUTCRY_RISK_HOT_H
#define OUTCRY_RISK_HOT_H

#include <stddef.h>
#include <string.h>

#include "risk/state.h"

/* A message, as far as buckets ask. What is asked last is behind pointers: read where it
 * is needed, it need not be kept. */
struct risk_hot_message {
    struct risk_session *session;
    uint32_t account;
    const uint32_t *firm;     /* of the session */
    const uint64_t *time_ns;  /* of the command */
    const uint64_t *clock_ns; /* of the engine, which never goes back */
};

/* What a plain order, new or replaced, asks for. */
struct risk_hot_order {
    uint32_t instrument;
    uint32_t tick;
    px_t px;
    px_t last_px;
    qty_t qty;
    qty_t leaves_qty;
    uint32_t session_cnt; /* live orders of the session */
    bool sell;
    px_t mid_px; /* for slow builds alone */
};

/* The lines of an account and those above it. */
struct risk_hot_lines {
    struct risk_account_line *account;
    struct risk_party_line *group;
    struct risk_firm_line *firm;
    const struct risk_bounds *bounds;
};

/* risk_hot_pending says whether anything became due (risk_is_pending). */
static inline bool
risk_hot_pending(const struct risk *risk)
{
    return risk->pending_head != 0;
}

static ALWAYS_INLINE struct risk_hot_lines
risk_hot_lines(const struct risk *risk, uint32_t account, uint32_t instrument)
{
    struct risk_hot_lines lines;

    lines.account = &risk->accounts[account];
    lines.group = &risk->groups[lines.account->group].party;
    lines.firm = &risk->firms[lines.account->firm];
    lines.bounds = &risk->bounds[instrument];
    return lines;
}

/* risk_hot_anew lets the compiler forget what it has read. It reads ahead of all checks
 * what only the last of them need, and has to keep it in the stack. */
static ALWAYS_INLINE void
risk_hot_anew(void)
{
    __asm__ __volatile__("" : : : "memory");
}

/* risk_hot_now returns the time of a message. */
static ALWAYS_INLINE uint64_t
risk_hot_now(const struct risk_hot_message *message)
{
    const uint64_t time_ns = *message->time_ns;
    const uint64_t clock_ns = *message->clock_ns;

    return EITHER(time_ns > clock_ns) ? time_ns : clock_ns;
}

/* risk_hot_lacks says whether a bucket has no token; one without a rate may say so where
 * elsewhere it has. risk_hot_token takes a token. */
static ALWAYS_INLINE bool
risk_hot_lacks(int64_t ready_ns, uint64_t now_ns)
{
    return UNLIKELY(ready_ns > (int64_t)now_ns);
}

static ALWAYS_INLINE void
risk_hot_token(const struct risk *risk, int64_t *ready_ns, uint8_t rate, uint64_t now_ns)
{
    *ready_ns = risk_bucket_take(*ready_ns, risk_rate_get(risk, rate), now_ns);
}

/* risk_hot_count counts a message of a firm, and looks at OrderToTrade when it is time. */
static ALWAYS_INLINE void
risk_hot_count(struct risk *risk, struct risk_firm_line *firm)
{
    firm->messages_cnt = (uint16_t)(firm->messages_cnt + RISK_MESSAGE);
    if (UNLIKELY(firm->messages_cnt == 0))
        risk_warn_of_ratio(risk, (uint32_t)(firm - risk->firms));
}

/* risk_hot_send takes the tokens of all for a message that is no cancel, or none. */
static ALWAYS_INLINE bool
risk_hot_send(struct risk *risk,
              const struct risk_hot_message *message,
              struct risk_account_line *account,
              struct risk_firm_line *firm,
              uint64_t now_ns)
{
    struct risk_session *session = message->session;

    ASSERT_SLOW(now_ns <= RISK_TIME_NS_MAX);
    if (UNLIKELY(session->killed != 0) || risk_hot_lacks(session->message_ready_ns, now_ns) ||
        risk_hot_lacks(account->message_ready_ns, now_ns) ||
        risk_hot_lacks(firm->message_ready_ns, now_ns))
        return false;
    risk_hot_token(risk, &session->message_ready_ns, session->message_rate, now_ns);
    risk_hot_token(risk, &account->message_ready_ns, account->message_rate, now_ns);
    risk_hot_token(risk, &firm->message_ready_ns, firm->message_rate, now_ns);
    risk_hot_count(risk, firm);
    return true;
}

/* risk_hot_cash returns what qty of a buy at px binds, of a sell 0. */
static ALWAYS_INLINE uint64_t
risk_hot_cash(const struct risk_bounds *bounds, px_t px, qty_t qty, bool sell)
{
    const uint64_t lot = (uint64_t)px + (uint64_t)risk_fee_lot(px, bounds->hold_ppm);

    /* A sell comes to 0, and no branch. */
    return lot * (qty & ((uint32_t)sell - 1));
}

/* risk_hot_cash_bounded does so at a price that the bounds let pass: nothing wraps. */
static ALWAYS_INLINE uint64_t
risk_hot_cash_bounded(const struct risk_bounds *bounds, px_t px, qty_t qty, bool sell)
{
    const uint64_t fee = ((uint64_t)px * (uint32_t)bounds->hold_ppm + 999999) / 1000000;

    ASSERT_SLOW(fee == (uint64_t)risk_fee_lot(px, bounds->hold_ppm));
    return ((uint64_t)px + fee) * (qty & ((uint32_t)sell - 1));
}

/* risk_hot_terms asks all but use: price, quantity and value are inside. */
static ALWAYS_INLINE bool
risk_hot_terms(const struct risk_hot_order *order,
               const struct risk_bounds *bounds,
               const struct risk_pair_line *pair,
               int64_t *value)
{
    ASSERT_SLOW(bounds->last_px == order->last_px || bounds->last_px == RISK_PX_STALE);
    return LIKELY(order->qty >= bounds->order_qty_min) && LIKELY(order->qty <= pair->qty_max) &&
           LIKELY(order->px >= bounds->low_px) && LIKELY(order->px <= bounds->high_px) &&
           LIKELY(!__builtin_mul_overflow(order->px, (int64_t)order->qty, value)) &&
           LIKELY(*value <= pair->value_max);
}

/* risk_hot_fits says whether nobody needs a look, and a room takes what more an order of
 * value asks for. */
static ALWAYS_INLINE bool
risk_hot_fits(const struct risk_party_line *party, int64_t value, int64_t more)
{
    return LIKELY(value <= party->order_max) && LIKELY(more <= party->room);
}

/* risk_hot_knows says whether collar and band of an instrument are those of a last
 * price; if not, risk_bounds_look makes them. */
static inline bool
risk_hot_knows(const struct risk *risk, uint32_t instrument, px_t last_px)
{
    return risk->bounds[instrument].last_px == last_px;
}

/* risk_hot_agrees says whether the slow road lets the order pass; for slow builds. */
bool risk_hot_agrees(const struct risk *risk,
                     const struct risk_hot_message *message,
                     const struct risk_hot_order *order,
                     const struct risk_hold *hold);

/* risk_hot_pair returns the line of a pair, prepared; NULL if it has none. An account that
 * is not known has no pair. */
static ALWAYS_INLINE struct risk_pair_line *
risk_hot_pair(const struct risk *risk, uint32_t account, uint32_t instrument, uint32_t *at)
{
    struct risk_pair_line *pair;
    uint64_t key;

    *at = risk_pair_home(risk, account, instrument);
    pair = &risk->pairs[*at];
    memcpy(&key, pair, sizeof key);
    if (UNLIKELY(key != risk_pair_key(account, instrument))) {
        *at = risk_pair_find(risk, account, instrument);
        pair = &risk->pairs[*at];
    }
    if (UNLIKELY(pair->version != risk->version)) {
        if (pair->version == 0)
            return NULL;
        risk_pair_prepare(risk, *at);
    }
    return pair;
}

/* The steps of risk_hot_reserve: pair, value, cash and number of the account, group, firm. */
#define RISK_HOT_STEPS 6u

/* What an order uses. */
struct risk_hot_use {
    int64_t value;
    int64_t cash;
    qty_t qty;
    bool sell;
};

/* risk_hot_undo gives back what the first steps of risk_hot_reserve took, and returns
 * false. signed_qty is negative of a sell. */
COLD bool risk_hot_undo(struct risk *risk,
                        uint32_t at,
                        int64_t signed_qty,
                        int64_t value,
                        int64_t cash,
                        unsigned steps_cnt);

static ALWAYS_INLINE bool
risk_hot_back(struct risk *risk, uint32_t at, const struct risk_hot_use *use, unsigned steps_cnt)
{
    (void)risk_hot_undo(risk, at, use->sell ? -(int64_t)use->qty : (int64_t)use->qty, use->value,
                        use->cash, steps_cnt);
    return false;
}

/* risk_hot_take takes of a room; false if that uses it up. A room that is used up is made
 * anew by the commit that did so, and is not below -RISK_ROOM_MAX, and those of a pair
 * count what is below 2^62: nothing wraps. */
static ALWAYS_INLINE bool
risk_hot_take(int64_t *room, int64_t amount)
{
    ASSERT_SLOW(*room >= INT64_MIN + amount);
    *room -= amount;
    return LIKELY(*room >= 0);
}

/* risk_hot_reserve takes of all rooms what a new order of a pair uses, or of none. Step by
 * step: what is taken and looked at at once needs no second look, and no line has to be kept
 * at hand. */
static ALWAYS_INLINE bool
risk_hot_reserve(struct risk *risk,
                 struct risk_account_line *account,
                 struct risk_pair_line *pair,
                 uint32_t at,
                 const struct risk_hot_use *use,
                 struct risk_firm_line **firm)
{
    if (UNLIKELY(use->value > account->party.order_max))
        return false;
    if (!risk_hot_take(&pair->room[use->sell], use->qty))
        return risk_hot_back(risk, at, use, 1);
    if (!risk_hot_take(&account->party.room, use->value))
        return risk_hot_back(risk, at, use, 2);
    if (!risk_hot_take(&account->cash_room, use->cash))
        return risk_hot_back(risk, at, use, 3);
    if (UNLIKELY(--account->open_room < 0))
        return risk_hot_back(risk, at, use, 4);

    struct risk_party_line *group = &risk->groups[account->group].party;

    if (UNLIKELY(use->value > group->order_max))
        return risk_hot_back(risk, at, use, 4);
    if (!risk_hot_take(&group->room, use->value))
        return risk_hot_back(risk, at, use, 5);

    *firm = &risk->firms[account->firm];
    if (UNLIKELY(use->value > (*firm)->party.order_max))
        return risk_hot_back(risk, at, use, 5);
    if (!risk_hot_take(&(*firm)->party.room, use->value))
        return risk_hot_back(risk, at, use, 6);
    return true;
}

/* risk_hot_new asks, takes the token and reserves; position becomes the pair's. False:
 * nothing has changed. */
static ALWAYS_INLINE bool
risk_hot_new(struct risk *risk,
             const struct risk_hot_message *message,
             const struct risk_hot_order *order,
             uint32_t *position)
{
    if (UNLIKELY(order->session_cnt >= message->session->orders_max))
        return false;

    uint32_t at;
    struct risk_pair_line *pair = risk_hot_pair(risk, message->account, order->instrument, &at);

    if (UNLIKELY(pair == NULL))
        return false;

    struct risk_account_line *account = &risk->accounts[message->account];
    const struct risk_bounds *bounds = &risk->bounds[order->instrument];
    const uint64_t equal = (uint64_t)order->qty << 32 | (order->tick * 2 + order->sell);
    uint64_t before;
    struct risk_hot_use use = {.qty = order->qty, .sell = order->sell};

    memcpy(&before, &pair->run_tick_sell, sizeof before);
    if (UNLIKELY(account->firm != *message->firm) ||
        UNLIKELY(!risk_hot_terms(order, bounds, pair, &use.value)) ||
        (UNLIKELY(before == equal) && (account->flags & RISK_LINE_EQUALS) != 0))
        return false;
    use.cash = (int64_t)risk_hot_cash_bounded(bounds, order->px, order->qty, order->sell);
    risk_hot_anew();

    struct risk_firm_line *firm;

    if (!risk_hot_reserve(risk, account, pair, at, &use, &firm))
        return false;
    if (OUTCRY_SLOW_CHECKS) {
        (void)risk_hot_back(risk, at, &use, RISK_HOT_STEPS);
        ASSERT(risk_hot_agrees(risk, message, order, NULL));
        (void)risk_hot_reserve(risk, account, pair, at, &use, &firm);
    }
    risk_hot_anew();

    const uint64_t now_ns = risk_hot_now(message);

    if (!risk_hot_send(risk, message, account, firm, now_ns))
        return risk_hot_back(risk, at, &use, RISK_HOT_STEPS);
    memcpy(&pair->run_tick_sell, &equal, sizeof equal);
    pair->run = (now_ns & ~UINT64_C(0xffff)) | 1;
    *position = at;
    return true;
}

/* risk_hot_is_wide says whether a room may not take what comes back: more than is ever
 * made, as only rooms are that are cut off. It says so of a negative room, too. */
static ALWAYS_INLINE bool
risk_hot_is_wide(const struct risk_hot_lines *lines)
{
    const int64_t all = lines->account->party.room | lines->account->cash_room |
                        lines->group->room | lines->firm->party.room;

    return UNLIKELY((uint64_t)all > RISK_ROOM_MAX);
}

/* risk_hot_grows asks for all use of a replace that will have value in all, and adds these
 * to what is used. */
static ALWAYS_INLINE bool
risk_hot_grows(const struct risk_hot_lines *lines,
               const struct risk_pair_line *pair,
               const struct risk_hot_use *more,
               int64_t more_qty,
               int64_t value)
{
    const struct risk_account_line *account = lines->account;

    return risk_hot_fits(&account->party, value, more->value) &&
           risk_hot_fits(lines->group, value, more->value) &&
           risk_hot_fits(&lines->firm->party, value, more->value) &&
           LIKELY(more->cash <= account->cash_room) && LIKELY(account->cash_room >= 0) &&
           LIKELY(more_qty <= pair->room[more->sell]) && LIKELY(pair->room[more->sell] >= 0) &&
           LIKELY(account->open_room >= 0);
}

/* risk_hot_amend does so for a replace of what hold has. */
static ALWAYS_INLINE bool
risk_hot_amend(struct risk *risk,
               const struct risk_hot_message *message,
               const struct risk_hot_order *order,
               const struct risk_hold *hold)
{
    const struct risk_hot_lines lines = risk_hot_lines(risk, message->account, order->instrument);
    struct risk_pair_line *pair = &risk->pairs[hold->position];
    int64_t held;
    int64_t value;

    ASSERT_SLOW(hold->position <= risk->slots_mask);
    ASSERT_SLOW(pair->version != 0);
    if (UNLIKELY(pair->version != risk->version))
        risk_pair_prepare(risk, hold->position);
    if (UNLIKELY(lines.account->firm != *message->firm) ||
        UNLIKELY(!risk_hot_terms(order, lines.bounds, pair, &value)) ||
        UNLIKELY(__builtin_mul_overflow(hold->px, (int64_t)hold->leaves_qty, &held)) ||
        UNLIKELY(held > RISK_HOT_VALUE_MAX))
        return false;
    value = order->px * (int64_t)order->leaves_qty;

    const bool sell = hold->sell;
    const int64_t more_qty = (int64_t)order->leaves_qty - hold->leaves_qty;
    const struct risk_hot_use more = {
        .value = value - held,
        .cash = (int64_t)(risk_hot_cash_bounded(lines.bounds, order->px, order->leaves_qty, sell) -
                          risk_hot_cash(lines.bounds, hold->px, hold->leaves_qty, sell)),
        .sell = sell,
    };

    if (!risk_hot_grows(&lines, pair, &more, more_qty, value) || risk_hot_is_wide(&lines))
        return false;
    ASSERT_SLOW(risk_hot_agrees(risk, message, order, hold));
    if (!risk_hot_send(risk, message, lines.account, lines.firm, risk_hot_now(message)))
        return false;
    lines.account->party.room -= more.value;
    lines.group->room -= more.value;
    lines.firm->party.room -= more.value;
    lines.account->cash_room -= more.cash;
    risk_room_add(&pair->room[sell], -more_qty);
    return true;
}

_Static_assert(offsetof(struct risk_pair_line, run_qty) ==
                   offsetof(struct risk_pair_line, run_tick_sell) + 4,
               "one word");

/* Fetching ahead. Whatever is given, an address is only fetched, or read within what
 * there is. */

/* risk_hot_bytes estimates what commands of all accounts touch of risk. */
static inline uint64_t
risk_hot_bytes(const struct risk *risk)
{
    return ((uint64_t)risk->marks.accounts_cnt + risk->marks.positions_cnt) * CACHE_LINE;
}

/* risk_hot_fetch_new fetches what an order of an account in an instrument will touch. */
static ALWAYS_INLINE void
risk_hot_fetch_new(const struct risk *risk, uint32_t account, uint32_t instrument)
{
    PREFETCH_W(&risk->accounts[account]);
    PREFETCH_W(&risk->pairs[risk_pair_home(risk, account, instrument)]);
}

static ALWAYS_INLINE void
risk_hot_fetch_bounds(const struct risk *risk, uint32_t instrument)
{
    PREFETCH_R(&risk->bounds[instrument]);
}

/* risk_hot_fetch_live fetches what a live order will touch that ends. */
static ALWAYS_INLINE void
risk_hot_fetch_live(const struct risk *risk, uint32_t account, uint32_t position)
{
    PREFETCH_W(&risk->accounts[account]);
    PREFETCH_W(&risk->pairs[position]);
}

/* risk_hot_fetch_fill fetches what a fill of an account touches besides. */
static ALWAYS_INLINE void
risk_hot_fetch_fill(const struct risk *risk, uint32_t account)
{
    PREFETCH_W(&risk->accounts_warm[account]);
}

/* risk_hot_fetch_group fetches the group of an account that was fetched. */
static ALWAYS_INLINE void
risk_hot_fetch_group(const struct risk *risk, uint32_t account)
{
    const uint32_t within = account & -(uint32_t)(account < risk->cfg.accounts_max);

    PREFETCH_W(&risk->groups[risk->accounts[within].group]);
}

/* risk_hot_uncounted moves the bucket of an account whose cancels are not counted, as
 * take.c does. */
static ALWAYS_INLINE void
risk_hot_uncounted(const struct risk *risk, struct risk_account_line *account, uint64_t now_ns)
{
    const struct risk_rate rate = {0, risk->rates_slack_ns[account->message_rate]};

    account->message_ready_ns = risk_bucket_take(account->message_ready_ns, rate, now_ns);
}

/* risk_hot_send_cancel takes the tokens of all for a cancel, or none. */
static ALWAYS_INLINE bool
risk_hot_send_cancel(struct risk *risk,
                     const struct risk_hot_message *message,
                     struct risk_account_line *account,
                     struct risk_firm_line *firm,
                     uint64_t now_ns)
{
    struct risk_session *session = message->session;
    const bool counted = account->cancel_rate != RISK_RATE_NONE;

    ASSERT_SLOW(now_ns <= RISK_TIME_NS_MAX);
    if (risk_hot_lacks(session->cancel_ready_ns, now_ns))
        return false;
    if (counted && risk_hot_lacks(account->cancel_ready_ns, now_ns))
        return false;
    if (risk_hot_lacks(firm->cancel_ready_ns, now_ns))
        return false;
    risk_hot_token(risk, &session->cancel_ready_ns, session->cancel_rate, now_ns);
    if (counted)
        risk_hot_token(risk, &account->cancel_ready_ns, account->cancel_rate, now_ns);
    else
        risk_hot_uncounted(risk, account, now_ns);
    risk_hot_token(risk, &firm->cancel_ready_ns, firm->cancel_rate, now_ns);
    risk_hot_count(risk, firm);
    return true;
}

/* risk_hot_cancel takes the token of a cancel and gives back all that hold has. */
static ALWAYS_INLINE bool
risk_hot_cancel(struct risk *risk,
                const struct risk_hot_message *message,
                uint32_t instrument,
                const struct risk_hold *hold)
{
    const struct risk_bounds *bounds = &risk->bounds[instrument];
    int64_t value;

    if (UNLIKELY(__builtin_mul_overflow(hold->px, (int64_t)hold->leaves_qty, &value)))
        return false;
    if (UNLIKELY(value > RISK_HOT_VALUE_MAX))
        return false;

    const int64_t cash = (int64_t)risk_hot_cash(bounds, hold->px, hold->leaves_qty, hold->sell);

    risk_hot_anew();

    const struct risk_hot_lines lines = risk_hot_lines(risk, message->account, instrument);
    struct risk_account_line *account = lines.account;

    if (UNLIKELY(account->firm != *message->firm))
        return false;
    if (risk_hot_is_wide(&lines))
        return false;
    if (!risk_hot_send_cancel(risk, message, account, lines.firm, risk_hot_now(message)))
        return false;
    account->party.room += value;
    account->cash_room += cash;
    account->open_room++;
    lines.group->room += value;
    lines.firm->party.room += value;
    risk_hot_anew();

    struct risk_pair_line *pair = &risk->pairs[hold->position];

    ASSERT_SLOW(hold->position <= risk->slots_mask);
    ASSERT_SLOW(pair->account == message->account);
    risk_room_add(&pair->room[hold->sell], hold->leaves_qty);
    return true;
}

#endif
