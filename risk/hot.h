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
 * A room is what may still be used, so each check of use is one comparison with it, and
 * one branch that is hardly ever taken. All rooms that begin a stage when they are used
 * up are asked whether they are, so behind a command that passes no stage has begun and
 * nothing is pending. (Keeping what would be left in registers, its signs put together
 * and looked at once, took 30 instructions more: there are not that many registers.)
 *
 * 64 bits. A value that passes value_max is below 2^62 (risk_pair_prepare), the fee of
 * a lot is at most its price, so value, cash and what a replace adds to either fit a
 * signed number. Rooms keep their 128 bits.
 *
 * The engine has asked before: the price is a tick of the instrument and positive, the
 * quantity not 0 and a multiple of the lot, and the instrument open.
 *
 * Cost, instructions with all limits set: new 230, cancel 140.
 */
#ifndef OUTCRY_RISK_HOT_H
#define OUTCRY_RISK_HOT_H

#include <string.h>

#include "risk/state.h"

/* A message, as far as buckets ask. */
struct risk_hot_message {
    struct risk_session *session;
    uint32_t firm; /* of the session */
    uint32_t account;
    uint64_t now_ns;
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
    struct risk_party_line *firm;
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
    lines.group = &risk->groups[lines.account->group];
    lines.firm = &risk->firms[lines.group->parent];
    lines.bounds = &risk->bounds[instrument];
    return lines;
}

/* risk_hot_has says whether a bucket has a token. */
static ALWAYS_INLINE bool
risk_hot_has(const struct risk *risk, uint64_t full_ns, uint8_t rate, uint64_t now_ns)
{
    return LIKELY(full_ns <= now_ns + risk->rates[rate].slack_ns);
}

static ALWAYS_INLINE void
risk_hot_take(const struct risk *risk, uint64_t *full_ns, uint8_t rate, uint64_t now_ns)
{
    const uint64_t at_ns = *full_ns;

    *full_ns = (EITHER(at_ns > now_ns) ? at_ns : now_ns) + risk->rates[rate].interval_ns;
}

/* risk_hot_quiet says whether the next message of a firm is none behind which
 * OrderToTrade is looked at. */
static ALWAYS_INLINE bool
risk_hot_quiet(const struct risk_party_line *firm)
{
    return LIKELY((firm->messages_cnt & 1023) != 1023);
}

/* risk_hot_may_send says whether there is a token of all for a message that is no
 * cancel; risk_hot_send takes them. */
static ALWAYS_INLINE bool
risk_hot_may_send(const struct risk *risk,
                  const struct risk_hot_message *message,
                  const struct risk_hot_lines *lines)
{
    const struct risk_session *session = message->session;
    const uint64_t now_ns = message->now_ns;

    return LIKELY(now_ns < RISK_TIME_NS_MAX) && LIKELY(session->killed == 0) &&
           risk_hot_has(risk, session->message_full_ns, session->message_rate, now_ns) &&
           risk_hot_has(risk, lines->account->message_full_ns, lines->account->message_rate,
                        now_ns) &&
           risk_hot_has(risk, lines->firm->message_full_ns, lines->firm->message_rate, now_ns) &&
           risk_hot_quiet(lines->firm);
}

static ALWAYS_INLINE void
risk_hot_send(const struct risk *risk,
              const struct risk_hot_message *message,
              const struct risk_hot_lines *lines)
{
    struct risk_session *session = message->session;
    const uint64_t now_ns = message->now_ns;

    risk_hot_take(risk, &session->message_full_ns, session->message_rate, now_ns);
    risk_hot_take(risk, &lines->account->message_full_ns, lines->account->message_rate, now_ns);
    risk_hot_take(risk, &lines->firm->message_full_ns, lines->firm->message_rate, now_ns);
    lines->firm->messages_cnt++;
}

/* risk_hot_cash returns what qty of a buy at px binds, of a sell 0. */
static ALWAYS_INLINE uint64_t
risk_hot_cash(const struct risk_bounds *bounds, px_t px, qty_t qty, bool sell)
{
    const uint64_t lot = (uint64_t)px + (uint64_t)risk_fee_lot(px, bounds->hold_ppm);

    /* A sell comes to 0, and no branch. */
    return lot * (qty & ((uint32_t)sell - 1));
}

/* risk_hot_terms asks all but use: nobody needs a look, price, quantity and value are
 * inside. */
static ALWAYS_INLINE bool
risk_hot_terms(const struct risk_hot_message *message,
               const struct risk_hot_order *order,
               const struct risk_hot_lines *lines,
               const struct risk_pair_line *pair)
{
    const unsigned flags = lines->account->flags | lines->group->flags | lines->firm->flags;
    int64_t value;

    if (UNLIKELY((flags & (RISK_LINE_DOUBT | RISK_LINE_LOOK | RISK_LINE_SLOW)) != 0) ||
        UNLIKELY(lines->group->parent != message->firm))
        return false;
    if (UNLIKELY(order->qty < lines->bounds->order_qty_min) || UNLIKELY(order->qty > pair->qty_max))
        return false;
    ASSERT_SLOW(lines->bounds->last_px == order->last_px ||
                lines->bounds->last_px == RISK_PX_STALE);
    if (UNLIKELY(order->px < lines->bounds->low_px) || UNLIKELY(order->px > lines->bounds->high_px))
        return false;
    return LIKELY(!__builtin_mul_overflow(order->px, (int64_t)order->qty, &value)) &&
           LIKELY(value <= pair->value_max);
}

/* risk_hot_fits says whether a room takes an amount. By halves: the compiler would keep
 * a number of 128 bits in vector registers and go through memory with it, 25
 * instructions of a new order. */
static ALWAYS_INLINE bool
risk_hot_fits(const notional_t *room, notional_t amount)
{
    uint64_t low;
    int64_t high;

    memcpy(&low, room, sizeof low);
    memcpy(&high, (const char *)room + sizeof low, sizeof high);
    return LIKELY(high - (int64_t)(amount >> 64) >= (int64_t)(low < (uint64_t)amount));
}

/* risk_hot_net says whether DailyNet takes value, and nothing of it is used up. */
static ALWAYS_INLINE bool
risk_hot_net(const int64_t net_room[2], bool sell, int64_t value)
{
    return LIKELY(net_room[sell] >= value) && LIKELY(net_room[!sell] >= 0);
}

/* risk_hot_passes asks for all use of an order of value in all that adds these to what
 * is used: a new order all of itself, a replace what it has more than before. */
static ALWAYS_INLINE bool
risk_hot_passes(const struct risk_hot_lines *lines,
                const struct risk_pair_line *pair,
                bool sell,
                int64_t value,
                notional_t more,
                notional_t more_cash,
                int64_t more_qty)
{
    const struct risk_account_line *account = lines->account;

    return risk_hot_fits(&account->room, more) && risk_hot_net(account->net_room, sell, value) &&
           risk_hot_fits(&lines->group->room, more) &&
           risk_hot_net(lines->group->net_room, sell, value) &&
           risk_hot_fits(&lines->firm->room, more) &&
           risk_hot_net(lines->firm->net_room, sell, value) &&
           risk_hot_fits(&account->cash_room, more_cash) && LIKELY(pair->room[sell] >= more_qty) &&
           LIKELY(pair->room[sell] >= 0);
}

static ALWAYS_INLINE void
risk_hot_use(const struct risk_hot_lines *lines,
             struct risk_pair_line *pair,
             bool sell,
             notional_t more,
             notional_t more_cash,
             int64_t more_qty)
{
    lines->account->room -= more;
    lines->group->room -= more;
    lines->firm->room -= more;
    lines->account->cash_room -= more_cash;
    risk_room_add(&pair->room[sell], -more_qty);
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

/* risk_hot_new asks, takes the token and reserves; position becomes the pair's. False:
 * nothing has changed. */
static ALWAYS_INLINE bool
risk_hot_new(struct risk *risk,
             const struct risk_hot_message *message,
             const struct risk_hot_order *order,
             uint32_t *position)
{
    const uint32_t instrument = order->instrument;
    uint32_t at = risk_pair_home(risk, message->account, instrument);
    struct risk_pair_line *pair = &risk->pairs[at];

    /* An account that is not known has no pair. */
    if (UNLIKELY((pair->account != message->account) | (pair->instrument != instrument))) {
        at = risk_pair_find(risk, message->account, instrument);
        pair = &risk->pairs[at];
    }
    if (UNLIKELY(pair->version != risk->version)) {
        if (pair->version == 0)
            return false;
        risk_pair_prepare(risk, at);
    }

    const struct risk_hot_lines lines = risk_hot_lines(risk, message->account, instrument);
    const uint32_t tick_sell = order->tick * 2 + order->sell;

    if (UNLIKELY(!risk_hot_terms(message, order, &lines, pair)))
        return false;
    if (UNLIKELY((pair->run_tick_sell == tick_sell) & (pair->run_qty == order->qty)) &&
        (lines.account->flags & RISK_LINE_EQUALS) != 0)
        return false;

    const bool sell = order->sell;
    const int64_t value = order->px * (int64_t)order->qty;
    const uint64_t cash = risk_hot_cash(lines.bounds, order->px, order->qty, sell);

    if (UNLIKELY(!risk_hot_passes(&lines, pair, sell, value, (uint64_t)value, cash, order->qty)) ||
        UNLIKELY(lines.account->open_room < 1) ||
        UNLIKELY(order->session_cnt >= message->session->orders_max) ||
        UNLIKELY(!risk_hot_may_send(risk, message, &lines)))
        return false;
    ASSERT_SLOW(risk_hot_agrees(risk, message, order, NULL));
    risk_hot_send(risk, message, &lines);
    risk_hot_use(&lines, pair, sell, (uint64_t)value, cash, order->qty);
    lines.account->open_room--;
    pair->run_tick_sell = tick_sell;
    pair->run_qty = order->qty;
    pair->run = (message->now_ns & ~UINT64_C(0xffff)) | 1;
    *position = at;
    return true;
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

    ASSERT_SLOW(hold->position <= risk->slots_mask);
    ASSERT_SLOW(pair->version != 0);
    if (UNLIKELY(pair->version != risk->version))
        risk_pair_prepare(risk, hold->position);
    if (UNLIKELY(!risk_hot_terms(message, order, &lines, pair)) ||
        UNLIKELY(__builtin_mul_overflow(hold->px, (int64_t)hold->leaves_qty, &held)) ||
        UNLIKELY(held > RISK_HOT_VALUE_MAX))
        return false;

    const bool sell = hold->sell;
    const int64_t value = order->px * (int64_t)order->leaves_qty;
    const int64_t cash = (int64_t)(risk_hot_cash(lines.bounds, order->px, order->leaves_qty, sell) -
                                   risk_hot_cash(lines.bounds, hold->px, hold->leaves_qty, sell));
    const int64_t qty = (int64_t)order->leaves_qty - hold->leaves_qty;

    if (UNLIKELY(!risk_hot_passes(&lines, pair, sell, value, value - held, cash, qty)) ||
        UNLIKELY(lines.account->open_room < 0) ||
        UNLIKELY(!risk_hot_may_send(risk, message, &lines)))
        return false;
    ASSERT_SLOW(risk_hot_agrees(risk, message, order, hold));
    risk_hot_send(risk, message, &lines);
    risk_hot_use(&lines, pair, sell, value - held, cash, qty);
    return true;
}

/* Fetching ahead. Whatever is given, an address is only fetched, or read within what
 * there is. */

/* risk_hot_bytes estimates what commands of all accounts touch of risk. */
static inline uint64_t
risk_hot_bytes(const struct risk *risk)
{
    return (2 * (uint64_t)risk->marks.accounts_cnt + risk->marks.positions_cnt) * CACHE_LINE;
}

/* risk_hot_fetch_new fetches what an order of an account in an instrument will touch. */
static ALWAYS_INLINE void
risk_hot_fetch_new(const struct risk *risk, uint32_t account, uint32_t instrument)
{
    PREFETCH_W(&risk->accounts[account]);
    PREFETCH_R(&risk->bounds[instrument]);
    PREFETCH_W(&risk->pairs[risk_pair_home(risk, account, instrument)]);
}

/* risk_hot_fetch_live fetches what a live order will touch that ends. */
static ALWAYS_INLINE void
risk_hot_fetch_live(const struct risk *risk, uint32_t account, uint32_t position)
{
    PREFETCH_W(&risk->accounts[account]);
    PREFETCH_W(&risk->accounts_pace[account]);
    PREFETCH_W(&risk->pairs[position]);
}

/* risk_hot_fetch_fill fetches what a fill of an account touches besides. */
static ALWAYS_INLINE void
risk_hot_fetch_fill(const struct risk *risk, uint32_t account)
{
    PREFETCH_W(&risk->accounts_warm[account]);
    PREFETCH_W(&risk->accounts_pace[account]);
}

/* risk_hot_fetch_group fetches the group of an account that was fetched. */
static ALWAYS_INLINE void
risk_hot_fetch_group(const struct risk *risk, uint32_t account)
{
    const uint32_t within = account & -(uint32_t)(account < risk->cfg.accounts_max);

    PREFETCH_W(&risk->groups[risk->accounts[within].group]);
}

/* risk_hot_cancel takes the token of a cancel and gives back all that hold has. */
static ALWAYS_INLINE bool
risk_hot_cancel(struct risk *risk,
                const struct risk_hot_message *message,
                uint32_t instrument,
                const struct risk_hold *hold)
{
    const struct risk_hot_lines lines = risk_hot_lines(risk, message->account, instrument);
    struct risk_session *session = message->session;
    struct risk_pair_line *pair = &risk->pairs[hold->position];
    struct risk_account_line *account = lines.account;
    const bool counted = (account->flags & RISK_LINE_CANCELS) != 0;
    struct risk_account_pace *pace = &risk->accounts_pace[message->account];
    /* Where cancels are not counted the pace line is left alone: see take.c. */
    uint64_t *full_ns = counted ? &pace->cancel_full_ns : &account->message_full_ns;
    const uint8_t rate = counted ? pace->cancel_rate : RISK_RATE_NONE;
    const uint64_t now_ns = message->now_ns;
    int64_t value;

    ASSERT_SLOW(hold->position <= risk->slots_mask);
    ASSERT_SLOW(pair->account == message->account);
    if (UNLIKELY(now_ns >= RISK_TIME_NS_MAX) ||
        UNLIKELY(!risk_hot_has(risk, session->cancel_full_ns, session->cancel_rate, now_ns)) ||
        UNLIKELY(!risk_hot_has(risk, *full_ns, rate, now_ns)) ||
        UNLIKELY(
            !risk_hot_has(risk, lines.firm->cancel_full_ns, lines.firm->cancel_rate, now_ns)) ||
        UNLIKELY(!risk_hot_quiet(lines.firm)) || UNLIKELY(lines.group->parent != message->firm) ||
        UNLIKELY(__builtin_mul_overflow(hold->px, (int64_t)hold->leaves_qty, &value)) ||
        UNLIKELY(value > RISK_HOT_VALUE_MAX))
        return false;
    risk_hot_take(risk, &session->cancel_full_ns, session->cancel_rate, now_ns);
    risk_hot_take(risk, full_ns, rate, now_ns);
    risk_hot_take(risk, &lines.firm->cancel_full_ns, lines.firm->cancel_rate, now_ns);
    lines.firm->messages_cnt++;
    account->room += (uint64_t)value;
    lines.group->room += (uint64_t)value;
    lines.firm->room += (uint64_t)value;
    account->cash_room += risk_hot_cash(lines.bounds, hold->px, hold->leaves_qty, hold->sell);
    risk_room_add(&pair->room[hold->sell], hold->leaves_qty);
    account->open_room++;
    return true;
}

#endif
