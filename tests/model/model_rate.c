/*
 * Messages: the kill switch of a session, buckets of tokens, the pause of who was
 * slowed, and the order-to-trade ratio.
 */
#include "tests/model/model_parts.h"

#define MESSAGES_TOLD 1024u

/* Who is asked for a message: session, account and firm, or the session alone. */
struct asked {
    uint8_t levels[3];
    uint32_t ids[3];
    unsigned cnt;
};

static struct asked
who_is_asked(const struct model *model, uint16_t session, uint32_t account)
{
    struct asked asked = {{OE_RISK_LEVEL_SESSION, OE_RISK_LEVEL_ACCOUNT, OE_RISK_LEVEL_FIRM},
                          {session, account, model->sessions[session].firm},
                          1};

    if (account < MODEL_ACCOUNTS && model->accounts[account].known &&
        model_account_firm(model, account) == asked.ids[2])
        asked.cnt = 3;
    return asked;
}

static uint16_t
refuse(struct cell_risk_detail *detail, uint16_t reason, uint8_t level, uint32_t id, notional_t out)
{
    *detail = (struct cell_risk_detail){.level = level, .subject = id};
    if (reason == OE_REJECT_REASON_THROTTLED) {
        detail->limit = 1;
        detail->used = model_clip(out);
        detail->value = 1;
    }
    return reason;
}

/* tokens_out counts those that were taken and are not given back yet. */
static notional_t
tokens_out(const struct model_limit *rate, uint64_t full_ns, uint64_t now_ns)
{
    if (full_ns <= now_ns)
        return 0;
    return ((notional_t)(full_ns - now_ns) + rate->window_ns - 1) / rate->window_ns;
}

static bool
has_token(const struct model_limit *rate, uint64_t full_ns, uint64_t now_ns)
{
    return rate->value == MODEL_NONE ||
           (notional_t)full_ns <= now_ns + (notional_t)(rate->value - 1) * rate->window_ns;
}

/* is_slowed says whether a subject has to pause longer before it may speak again. */
static bool
is_slowed(const struct model_subject *subject, uint64_t now_ns)
{
    for (unsigned i = 0; i < MODEL_LIMITS; i++) {
        const struct model_limit *limit = &subject->limits[i];

        if ((limit->stages & 1u << CELL_RISK_STAGE_SLOWED) != 0 && subject->has_asked &&
            now_ns - subject->last_ns < limit->slow_ms * UINT64_C(1000000))
            return true;
    }
    return false;
}

/* count_message counts for the firm's ratio, which is told once a day unless its
 * limit is set anew or the firm enabled. */
static void
count_message(struct model *model, uint32_t firm)
{
    struct model_subject *subject = model_subject(model, OE_RISK_LEVEL_FIRM, firm);
    struct model_limit *limit = &subject->limits[CELL_RISK_LIMIT_ORDER_TO_TRADE];
    const int64_t ratio = limit->value;
    const notional_t trades = subject->fills_cnt;

    subject->messages_cnt++;
    if (ratio == MODEL_NONE || (limit->stages & 1u << CELL_RISK_STAGE_WARNED) != 0 ||
        subject->messages_cnt % MESSAGES_TOLD != 0 ||
        subject->messages_cnt <= ((notional_t)ratio + 1) * trades)
        return;
    limit->stages |= 1u << CELL_RISK_STAGE_WARNED;
    model_add_due(model, &(struct model_due){
                             .level = OE_RISK_LEVEL_FIRM,
                             .limit = CELL_RISK_LIMIT_ORDER_TO_TRADE,
                             .stage = CELL_RISK_STAGE_WARNED,
                             .subject = firm,
                             .value = ratio,
                             .used = subject->messages_cnt - ratio * trades,
                         });
}

uint16_t
model_take_message(struct model *model,
                   uint16_t session,
                   uint32_t account,
                   bool cancels,
                   struct cell_risk_detail *detail)
{
    const unsigned limit = cancels ? CELL_RISK_LIMIT_CANCEL_RATE : CELL_RISK_LIMIT_MESSAGE_RATE;
    const uint64_t now_ns = model->time_ns;

    if (model->cfg.no_risk || session == CELL_SESSION)
        return 0;
    if (!cancels && model_subject(model, OE_RISK_LEVEL_SESSION, session)->is_killed)
        return refuse(detail, OE_REJECT_REASON_KILL_SWITCH, OE_RISK_LEVEL_SESSION, session, 0);

    const struct asked asked = who_is_asked(model, session, account);

    for (unsigned i = 0; i < asked.cnt; i++) {
        const struct model_subject *subject = model_subject(model, asked.levels[i], asked.ids[i]);
        const struct model_limit *rate = &subject->limits[limit];

        if (has_token(rate, subject->full_ns[cancels], now_ns))
            continue;
        refuse(detail, OE_REJECT_REASON_THROTTLED, asked.levels[i], asked.ids[i],
               tokens_out(rate, subject->full_ns[cancels], now_ns));
        detail->limit = rate->value;
        return OE_REJECT_REASON_THROTTLED;
    }
    for (unsigned i = 0; i < MODEL_UPWARD && asked.cnt > 1 && !cancels; i++) {
        const uint32_t id = model_id_at(model, model_upward[i], account);

        if (is_slowed(model_subject(model, model_upward[i], id), now_ns))
            return refuse(detail, OE_REJECT_REASON_THROTTLED, model_upward[i], id, 1);
    }
    for (unsigned i = 0; i < asked.cnt; i++) {
        struct model_subject *subject = model_subject(model, asked.levels[i], asked.ids[i]);
        uint64_t *full_ns = &subject->full_ns[cancels];

        if (subject->limits[limit].value != MODEL_NONE)
            *full_ns = (*full_ns > now_ns ? *full_ns : now_ns) + subject->limits[limit].window_ns;
    }
    for (unsigned i = 0; i < MODEL_UPWARD && asked.cnt > 1 && !cancels; i++) {
        struct model_subject *subject =
            model_subject(model, model_upward[i], model_id_at(model, model_upward[i], account));

        if (!model_has_stage(subject, CELL_RISK_STAGE_SLOWED))
            continue;
        subject->has_asked = true;
        subject->last_ns = now_ns;
    }
    if (asked.cnt > 1)
        count_message(model, asked.ids[2]);
    return 0;
}
