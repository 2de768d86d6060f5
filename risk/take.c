#include "risk/state.h"

bool
risk_rate_set(struct risk *risk,
              uint8_t *rate,
              int64_t *ready_ns,
              uint64_t interval_ns,
              int64_t burst)
{
    const struct risk_rate wanted =
        burst == RISK_LIMIT_OFF ? risk_rate_off() : risk_rate_of(interval_ns, (uint32_t)burst);
    const uint64_t full_ns = risk_bucket_full(*ready_ns, risk_rate_get(risk, *rate));
    unsigned found = RISK_RATES_CNT;

    ASSERT(*rate == RISK_RATE_NONE || risk->rates_users[*rate] > 0);
    for (unsigned i = 0; i < RISK_RATES_CNT && found == RISK_RATES_CNT; i++)
        if ((i == 0 || risk->rates_users[i] > 0) &&
            risk->rates_interval_ns[i] == wanted.interval_ns &&
            risk->rates_slack_ns[i] == wanted.slack_ns)
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
    risk->rates_interval_ns[found] = wanted.interval_ns;
    risk->rates_slack_ns[found] = wanted.slack_ns;
    *rate = (uint8_t)found;
    *ready_ns = risk_bucket_ready(full_ns, wanted);
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
        out->window_ns = risk->rates_interval_ns[rate];
        out->value = (int64_t)(risk->rates_slack_ns[rate] / out->window_ns) + 1;
    }
    return true;
}

uint64_t
risk_session_full_ns(const struct risk *risk, const struct risk_session *session, bool cancels)
{
    return cancels ? risk_bucket_full(session->cancel_ready_ns,
                                      risk_rate_get(risk, session->cancel_rate))
                   : risk_bucket_full(session->message_ready_ns,
                                      risk_rate_get(risk, session->message_rate));
}

/* One bucket that a message is asked. */
struct bucket {
    int64_t *ready_ns;
    struct risk_rate rate;
};

static inline bool
bucket_has(const struct bucket *bucket, uint64_t now_ns)
{
    return risk_bucket_has(*bucket->ready_ns, bucket->rate, now_ns);
}

static inline void
bucket_take(const struct bucket *bucket, uint64_t now_ns)
{
    *bucket->ready_ns = risk_bucket_take(*bucket->ready_ns, bucket->rate, now_ns);
}

/* throttle refuses for want of a token of bucket, and says whose it is. */
static COLD enum oe_reject_reason
throttle(const struct bucket *bucket,
         uint8_t level,
         uint32_t subject,
         uint64_t now_ns,
         struct risk_detail *detail)
{
    const uint64_t interval_ns = bucket->rate.interval_ns;
    const uint64_t full_ns = risk_bucket_full(*bucket->ready_ns, bucket->rate);

    ASSERT(interval_ns > 0);
    ASSERT(full_ns > now_ns);
    *detail = (struct risk_detail){
        .level = level,
        .subject = subject,
        .limit = (int64_t)(bucket->rate.slack_ns / interval_ns) + 1,
        .used = (int64_t)((full_ns - now_ns + interval_ns - 1) / interval_ns),
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
    risk_stage_tell(risk, level, id, RISK_BEGUN_SLOW, detail);
    return true;
}

/* check_pause asks the pauses of what is slowed; all or none of them begin anew. */
static COLD enum oe_reject_reason
check_pause(struct risk *risk, uint32_t account, uint64_t now_ns, struct risk_detail *detail)
{
    const struct risk_account_line *line = &risk->accounts[account];
    const uint32_t ids[] = {account, line->group, line->firm};

    for (unsigned i = 0; i < ARRAY_LEN(ids); i++)
        if (is_too_soon(risk, (uint8_t)(OE_RISK_LEVEL_ACCOUNT + i), ids[i], now_ns, detail))
            return OE_REJECT_REASON_THROTTLED;
    for (unsigned i = 0; i < ARRAY_LEN(ids); i++) {
        struct risk_subject *subject =
            risk_subject_of(risk, (uint8_t)(OE_RISK_LEVEL_ACCOUNT + i), ids[i]);

        if (subject->slow_ms != 0)
            subject->slow_full_ns = now_ns + subject->slow_ms * RISK_PAUSE_NS;
    }
    return OE_REJECT_REASON_NONE;
}

void
risk_warn_of_ratio(struct risk *risk, uint32_t firm)
{
    struct risk_subject *subject = risk_subject_of(risk, OE_RISK_LEVEL_FIRM, firm);
    struct risk_limit *limit = &subject->limits[CELL_RISK_LIMIT_ORDER_TO_TRADE];
    const notional_t messages_cnt = subject->messages_cnt + RISK_MESSAGES;
    const notional_t trades_cnt = risk->firms[firm].trades_cnt;
    const struct risk_due due = {
        .level = OE_RISK_LEVEL_FIRM,
        .limit = CELL_RISK_LIMIT_ORDER_TO_TRADE,
        .stage = CELL_RISK_STAGE_WARNED,
        .subject = firm,
        .value = limit->value,
        .used = risk_clip(messages_cnt - trades_cnt * limit->value),
    };

    ASSERT(risk->firms[firm].messages_cnt == 0);
    subject->messages_cnt += RISK_MESSAGES;
    if (limit->value == RISK_LIMIT_OFF || limit->begun != 0 ||
        messages_cnt <= ((notional_t)limit->value + 1) * trades_cnt)
        return;
    limit->begun = RISK_BEGUN_WARN;
    limit->stage = CELL_RISK_STAGE_WARNED;
    risk_pend(risk, &due);
}

static inline struct bucket
bucket_of_session(struct risk *risk, struct risk_session *session, bool cancels)
{
    return (struct bucket){
        cancels ? &session->cancel_ready_ns : &session->message_ready_ns,
        risk_rate_get(risk, cancels ? session->cancel_rate : session->message_rate),
    };
}

/* bucket_of_account: where cancels are not counted that of messages stands in, and takes no
 * time for one. It then only moves a time that has passed to now, which is the same full
 * bucket. */
static inline struct bucket
bucket_of_account(struct risk *risk, uint32_t account, bool cancels)
{
    struct risk_account_line *line = &risk->accounts[account];

    if (cancels && line->cancel_rate != RISK_RATE_NONE)
        return (struct bucket){&line->cancel_ready_ns, risk_rate_get(risk, line->cancel_rate)};

    struct risk_rate rate = risk_rate_get(risk, line->message_rate);

    if (cancels)
        rate.interval_ns = 0;
    return (struct bucket){&line->message_ready_ns, rate};
}

static inline struct bucket
bucket_of_firm(struct risk *risk, struct risk_firm_line *firm, bool cancels)
{
    return (struct bucket){
        cancels ? &firm->cancel_ready_ns : &firm->message_ready_ns,
        risk_rate_get(risk, cancels ? firm->cancel_rate : firm->message_rate),
    };
}

/* is_shut says whether any level may be slowed, as all are that need a look. */
static inline bool
is_shut(const struct risk *risk, const struct risk_account_line *line)
{
    return (line->party.order_max | risk->groups[line->group].party.order_max |
            risk->firms[line->firm].party.order_max) < 0;
}

/* take_all takes a token of all three or of none. */
static inline enum oe_reject_reason
take_all(struct risk *risk,
         const struct bucket *of_session,
         uint16_t session_id,
         uint32_t account,
         bool cancels,
         uint64_t now_ns,
         struct risk_detail *detail)
{
    const struct risk_account_line *line = &risk->accounts[account];
    struct risk_firm_line *firm = &risk->firms[line->firm];
    const struct bucket of_account = bucket_of_account(risk, account, cancels);
    const struct bucket of_firm = bucket_of_firm(risk, firm, cancels);

    if (UNLIKELY(!bucket_has(of_session, now_ns)))
        return throttle(of_session, OE_RISK_LEVEL_SESSION, session_id, now_ns, detail);
    if (UNLIKELY(!bucket_has(&of_account, now_ns)))
        return throttle(&of_account, OE_RISK_LEVEL_ACCOUNT, account, now_ns, detail);
    if (UNLIKELY(!bucket_has(&of_firm, now_ns)))
        return throttle(&of_firm, OE_RISK_LEVEL_FIRM, line->firm, now_ns, detail);
    if (!cancels && UNLIKELY(is_shut(risk, line)) &&
        check_pause(risk, account, now_ns, detail) != OE_REJECT_REASON_NONE)
        return OE_REJECT_REASON_THROTTLED;
    bucket_take(of_session, now_ns);
    bucket_take(&of_account, now_ns);
    bucket_take(&of_firm, now_ns);
    firm->messages_cnt = (uint16_t)(firm->messages_cnt + RISK_MESSAGE);
    if (UNLIKELY(firm->messages_cnt == 0))
        risk_warn_of_ratio(risk, line->firm);
    return OE_REJECT_REASON_NONE;
}

/* is_of_firm says whether an account is known and of that firm. */
static inline bool
is_of_firm(const struct risk *risk, uint32_t account, uint32_t firm)
{
    if (UNLIKELY(account >= risk->cfg.accounts_max))
        return false;

    const struct risk_account_line *line = &risk->accounts[account];

    return LIKELY((line->flags & RISK_LINE_KNOWN) != 0) &&
           LIKELY((line->firm == firm) | (firm == RISK_FIRM_ANY));
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
    const struct bucket of_session = bucket_of_session(risk, session, cancels);

    detail->level = OE_RISK_LEVEL_NONE;
    if (UNLIKELY(session->killed != 0) && !cancels) {
        *detail = (struct risk_detail){.level = OE_RISK_LEVEL_SESSION, .subject = session_id};
        return OE_REJECT_REASON_KILL_SWITCH;
    }
    if (LIKELY(is_of_firm(risk, account, firm)))
        return take_all(risk, &of_session, session_id, account, cancels, now_ns, detail);
    if (UNLIKELY(!bucket_has(&of_session, now_ns)))
        return throttle(&of_session, OE_RISK_LEVEL_SESSION, session_id, now_ns, detail);
    bucket_take(&of_session, now_ns);
    return OE_REJECT_REASON_NONE;
}
