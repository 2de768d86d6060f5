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
refuse(struct cell_risk_detail *detail, uint16_t reason, uint8_t level, uint32_t id)
{
    *detail = (struct cell_risk_detail){.level = level, .subject = id};
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

/* longest_pause returns the limit that has slowed a subject most, None if none has. */
static uint8_t
longest_pause(const struct model_subject *subject)
{
    uint8_t longest = CELL_RISK_LIMIT_NONE;

    for (uint8_t i = 0; i < MODEL_LIMITS; i++) {
        const struct model_limit *limit = &subject->limits[i];

        if ((limit->stages & 1u << CELL_RISK_STAGE_SLOWED) != 0 &&
            (longest == CELL_RISK_LIMIT_NONE || limit->slow_ms > subject->limits[longest].slow_ms))
            longest = i;
    }
    return longest;
}

/* refuse_slowed refuses who has to pause longer before it may speak again, and names the
 * limit: where it slows, what is in use in thousandths, and which it is. */
static uint16_t
refuse_slowed(const struct model *model,
              struct cell_risk_detail *detail,
              uint8_t level,
              uint32_t id)
{
    const struct model_subject *subject = &model->subjects[level][id];
    const uint8_t which = longest_pause(subject);
    const struct model_limit *limit = &subject->limits[which];

    if (which == CELL_RISK_LIMIT_NONE || !subject->has_asked ||
        model->time_ns - subject->last_ns >= limit->slow_ms * UINT64_C(1000000))
        return 0;
    *detail = (struct cell_risk_detail){
        .level = level,
        .subject = id,
        .limit = limit->permille[CELL_RISK_STAGE_SLOWED],
        .used = model_clip(model_thousandths(model, level, id, which)),
        .value = which,
    };
    return OE_REJECT_REASON_THROTTLED;
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
        return refuse(detail, OE_REJECT_REASON_KILL_SWITCH, OE_RISK_LEVEL_SESSION, session);

    const struct asked asked = who_is_asked(model, session, account);

    for (unsigned i = 0; i < asked.cnt; i++) {
        const struct model_subject *subject = model_subject(model, asked.levels[i], asked.ids[i]);
        const struct model_limit *rate = &subject->limits[limit];

        if (has_token(rate, subject->full_ns[cancels], now_ns))
            continue;
        refuse(detail, OE_REJECT_REASON_THROTTLED, asked.levels[i], asked.ids[i]);
        detail->limit = rate->value;
        detail->used = model_clip(tokens_out(rate, subject->full_ns[cancels], now_ns));
        detail->value = 1;
        return OE_REJECT_REASON_THROTTLED;
    }
    for (unsigned i = 0; i < MODEL_UPWARD && asked.cnt > 1 && !cancels; i++) {
        const uint32_t id = model_id_at(model, model_upward[i], account);

        if (refuse_slowed(model, detail, model_upward[i], id) != 0)
            return OE_REJECT_REASON_THROTTLED;
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

        if (subject->limits[longest_pause(subject)].slow_ms == 0)
            continue; /* limit None has none */
        subject->has_asked = true;
        subject->last_ns = now_ns;
    }
    if (asked.cnt > 1)
        count_message(model, asked.ids[2]);
    return 0;
}
