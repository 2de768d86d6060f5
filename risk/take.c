#include "risk/state.h"

bool
risk_rate_set(struct risk *risk, uint8_t *rate, uint64_t interval_ns, int64_t burst)
{
    const struct risk_rate wanted =
        burst == RISK_LIMIT_OFF ? risk_rate_off() : risk_rate_of(interval_ns, (uint32_t)burst);
    unsigned found = RISK_RATES_CNT;

    ASSERT(*rate == RISK_RATE_NONE || risk->rates_users[*rate] > 0);
    for (unsigned i = 0; i < RISK_RATES_CNT && found == RISK_RATES_CNT; i++)
        if ((i == 0 || risk->rates_users[i] > 0) &&
            risk->rates[i].interval_ns == wanted.interval_ns &&
            risk->rates[i].slack_ns == wanted.slack_ns)
            found = i;
    if (found == RISK_RATES_CNT && *rate != RISK_RATE_NONE && risk->rates_users[*rate] == 1)
        found = *rate;
    for (unsigned i = 1; i < RISK_RATES_CNT && found == RISK_RATES_CNT; i++)
        if (risk->rates_users[i] == 0)
            found = i;
    if (found == RISK_RATES_CNT)
        return false;
    if (*rate != RISK_RATE_NONE)
        risk->rates_users[*rate]--;
    if (found != RISK_RATE_NONE)
        risk->rates_users[found]++;
    risk->rates[found] = wanted;
    *rate = (uint8_t)found;
    return true;
}

bool
risk_session_limit(const struct risk *risk,
                   const struct risk_session *session,
                   uint8_t limit,
                   struct risk_limit *out)
{
    const unsigned bit = limit == CELL_RISK_LIMIT_OPEN_ORDERS    ? 1u
                         : limit == CELL_RISK_LIMIT_MESSAGE_RATE ? 2u
                                                                 : 4u;

    if ((risk_limit_levels(limit) & RISK_AT_SESSION) == 0)
        return false;
    risk_limit_clear(out);
    out->by_hand = (session->by_hand & bit) != 0;
    if (limit == CELL_RISK_LIMIT_OPEN_ORDERS) {
        if (session->orders_max != UINT32_MAX)
            out->value = session->orders_max;
        return true;
    }

    const uint8_t rate =
        limit == CELL_RISK_LIMIT_MESSAGE_RATE ? session->message_rate : session->cancel_rate;

    ASSERT(rate == RISK_RATE_NONE || risk->rates_users[rate] > 0);
    if (rate != RISK_RATE_NONE) {
        out->window_ns = risk->rates[rate].interval_ns;
        out->value = (int64_t)(risk->rates[rate].slack_ns / out->window_ns) + 1;
    }
    return true;
}

/* One bucket that a message is asked. */
struct bucket {
    uint64_t *full_ns;
    struct risk_rate rate;
    uint8_t level;
    uint32_t subject;
};

/* throttle refuses for want of a token. */
static COLD enum oe_reject_reason
throttle(const struct bucket *bucket, uint64_t now_ns, struct risk_detail *detail)
{
    const uint64_t interval_ns = bucket->rate.interval_ns;

    ASSERT(interval_ns > 0);
    ASSERT(*bucket->full_ns > now_ns);
    *detail = (struct risk_detail){
        .level = bucket->level,
        .subject = bucket->subject,
        .limit = (int64_t)(bucket->rate.slack_ns / interval_ns) + 1,
        .used = (int64_t)((*bucket->full_ns - now_ns + interval_ns - 1) / interval_ns),
        .value = 1,
    };
    return OE_REJECT_REASON_THROTTLED;
}

/* is_too_soon says whether a subject that is slowed has sent just now. */
static COLD bool
is_too_soon(const struct risk *risk,
            uint8_t level,
            uint32_t id,
            uint64_t now_ns,
            struct risk_detail *detail)
{
    const struct risk_subject *subject = risk_subject_of(risk, level, id);

    if (subject->slow_ms == 0 || subject->slow_full_ns <= now_ns)
        return false;
    *detail =
        (struct risk_detail){.level = level, .subject = id, .limit = 1, .used = 1, .value = 1};
    return true;
}

/* check_pause asks the pauses of what is slowed; all or none of them begin anew. */
static COLD enum oe_reject_reason
check_pause(struct risk *risk, uint32_t account, uint64_t now_ns, struct risk_detail *detail)
{
    const uint32_t group = risk->accounts[account].group;
    const uint32_t ids[] = {account, group, risk->groups[group].parent};

    for (unsigned i = 0; i < ARRAY_LEN(ids); i++)
        if (is_too_soon(risk, (uint8_t)(OE_RISK_LEVEL_ACCOUNT + i), ids[i], now_ns, detail))
            return OE_REJECT_REASON_THROTTLED;
    for (unsigned i = 0; i < ARRAY_LEN(ids); i++) {
        struct risk_subject *subject =
            risk_subject_of(risk, (uint8_t)(OE_RISK_LEVEL_ACCOUNT + i), ids[i]);

        if (subject->slow_ms != 0)
            subject->slow_full_ns = now_ns + subject->slow_ms * UINT64_C(1000000);
    }
    return OE_REJECT_REASON_NONE;
}

/* warn_of_ratio warns once a day of a firm that sends much and trades little. */
static COLD void
warn_of_ratio(struct risk *risk, uint32_t firm)
{
    struct risk_limit *limit =
        &risk_subject_of(risk, OE_RISK_LEVEL_FIRM, firm)->limits[CELL_RISK_LIMIT_ORDER_TO_TRADE];
    const notional_t messages_cnt = risk->firms[firm].messages_cnt;
    const notional_t trades_cnt = risk->firms_warm[firm].trades_cnt;
    const struct risk_due due = {
        .level = OE_RISK_LEVEL_FIRM,
        .limit = CELL_RISK_LIMIT_ORDER_TO_TRADE,
        .stage = CELL_RISK_STAGE_WARNED,
        .subject = firm,
        .value = limit->value,
        .used = risk_clip(messages_cnt - trades_cnt * limit->value),
    };

    ASSERT(messages_cnt > 0);
    if (limit->value == RISK_LIMIT_OFF || limit->begun != 0 ||
        messages_cnt <= ((notional_t)limit->value + 1) * trades_cnt)
        return;
    limit->begun = RISK_BEGUN_WARN;
    limit->stage = CELL_RISK_STAGE_WARNED;
    risk_pend(risk, &due);
}

HOT enum oe_reject_reason
risk_take_message(struct risk *risk,
                  struct risk_session *session,
                  uint16_t session_id,
                  uint32_t firm,
                  uint32_t account,
                  bool cancels,
                  uint64_t time_ns,
                  struct risk_detail *detail)
{
    const uint64_t now_ns = time_ns < RISK_TIME_NS_MAX ? time_ns : RISK_TIME_NS_MAX;
    struct bucket buckets[3];
    unsigned cnt = 1;

    detail->level = OE_RISK_LEVEL_NONE;
    if (UNLIKELY(session->killed != 0) && !cancels) {
        *detail = (struct risk_detail){.level = OE_RISK_LEVEL_SESSION, .subject = session_id};
        return OE_REJECT_REASON_KILL_SWITCH;
    }
    buckets[0] = (struct bucket){
        cancels ? &session->cancel_full_ns : &session->message_full_ns,
        risk->rates[cancels ? session->cancel_rate : session->message_rate],
        OE_RISK_LEVEL_SESSION,
        session_id,
    };

    uint32_t of_firm = RISK_FIRM_ANY;

    if (account < risk->cfg.accounts_max &&
        (risk->accounts[account].flags & RISK_LINE_KNOWN) != 0) {
        struct risk_account_line *line = &risk->accounts[account];
        struct risk_account_pace *pace = &risk->accounts_pace[account];
        const uint32_t parent = risk->groups[line->group].parent;
        struct risk_party_line *party = &risk->firms[parent];

        if (parent == firm || firm == RISK_FIRM_ANY) {
            of_firm = parent;
            buckets[1] = (struct bucket){
                cancels ? &pace->cancel_full_ns : &line->message_full_ns,
                risk->rates[cancels ? pace->cancel_rate : line->message_rate],
                OE_RISK_LEVEL_ACCOUNT,
                account,
            };
            buckets[2] = (struct bucket){
                cancels ? &party->cancel_full_ns : &party->message_full_ns,
                risk->rates[cancels ? party->cancel_rate : party->message_rate],
                OE_RISK_LEVEL_FIRM,
                parent,
            };
            cnt = 3;
        }
    }
    for (unsigned i = 0; i < cnt; i++)
        if (UNLIKELY(!risk_bucket_has(*buckets[i].full_ns, buckets[i].rate, now_ns)))
            return throttle(&buckets[i], now_ns, detail);
    if (of_firm != RISK_FIRM_ANY && !cancels &&
        UNLIKELY(((risk->accounts[account].flags |
                   risk->groups[risk->accounts[account].group].flags | risk->firms[of_firm].flags) &
                  RISK_LINE_SLOW) != 0)) {
        const enum oe_reject_reason reason = check_pause(risk, account, now_ns, detail);

        if (reason != OE_REJECT_REASON_NONE)
            return reason;
    }
    for (unsigned i = 0; i < cnt; i++)
        *buckets[i].full_ns = risk_bucket_take(*buckets[i].full_ns, buckets[i].rate, now_ns);
    if (of_firm != RISK_FIRM_ANY && (++risk->firms[of_firm].messages_cnt & 1023) == 0)
        warn_of_ratio(risk, of_firm);
    return OE_REJECT_REASON_NONE;
}
