#include "tools/refusal.h"

#include <inttypes.h>
#include <stdio.h>

#include "proto/cell.h"
#include "proto/orders.h"

#include "tools/text.h"
#include "tools/words.h"

/* is_by_stage: then the numbers are thousandths of a limit, and which that is. A token is
 * one: the limit of a stage that slows has another number. */
static bool
is_by_stage(const struct refusal *refusal)
{
    if (refusal->reason == OE_REJECT_REASON_THROTTLED)
        return refusal->value > 1;
    return (refusal->reason == OE_REJECT_REASON_ACCOUNT_BLOCKED ||
            refusal->reason == OE_REJECT_REASON_ACCOUNT_CLOSE_ONLY) &&
           refusal->limit != 0;
}

uint8_t
refusal_limit(const struct refusal *refusal)
{
    switch (refusal->reason) {
    case OE_REJECT_REASON_MAX_ORDER_QTY:
        return CELL_RISK_LIMIT_ORDER_QTY;
    case OE_REJECT_REASON_MAX_ORDER_VALUE:
        return CELL_RISK_LIMIT_ORDER_VALUE;
    case OE_REJECT_REASON_LONG_POSITION_LIMIT:
        return CELL_RISK_LIMIT_LONG;
    case OE_REJECT_REASON_SHORT_POSITION_LIMIT:
        return CELL_RISK_LIMIT_SHORT;
    case OE_REJECT_REASON_MAX_OPEN_ORDERS:
        return CELL_RISK_LIMIT_OPEN_ORDERS;
    case OE_REJECT_REASON_OPEN_NOTIONAL:
        return CELL_RISK_LIMIT_OPEN_NOTIONAL;
    case OE_REJECT_REASON_DAILY_GROSS:
        return CELL_RISK_LIMIT_DAILY_GROSS;
    case OE_REJECT_REASON_DAILY_NET:
        return CELL_RISK_LIMIT_DAILY_NET;
    case OE_REJECT_REASON_DAILY_LOSS:
        return CELL_RISK_LIMIT_DAILY_LOSS;
    case OE_REJECT_REASON_INSUFFICIENT_FUNDS:
        return CELL_RISK_LIMIT_CREDIT;
    case OE_REJECT_REASON_DUPLICATIVE_ORDER:
        return CELL_RISK_LIMIT_DUPLICATES;
    case OE_REJECT_REASON_ACCOUNT_LATCHED:
        return CELL_RISK_LIMIT_EXECUTIONS;
    case OE_REJECT_REASON_THROTTLED:
        return is_by_stage(refusal) ? (uint8_t)refusal->value : CELL_RISK_LIMIT_MESSAGE_RATE;
    case OE_REJECT_REASON_ACCOUNT_BLOCKED:
    case OE_REJECT_REASON_ACCOUNT_CLOSE_ONLY:
        return is_by_stage(refusal) ? (uint8_t)refusal->value : CELL_RISK_LIMIT_NONE;
    default:
        return CELL_RISK_LIMIT_NONE;
    }
}

bool
refusal_is_money(const struct refusal *refusal)
{
    switch (refusal->reason) {
    case OE_REJECT_REASON_PRICE_COLLAR_HIGH:
    case OE_REJECT_REASON_PRICE_COLLAR_LOW:
    case OE_REJECT_REASON_PRICE_BAND:
    case OE_REJECT_REASON_INVALID_TICK:
        return true;
    default:
        return !is_by_stage(refusal) && words_limit_is_money(refusal_limit(refusal));
    }
}

static const char *
number_text(const struct refusal *refusal, int64_t number, char text[TEXT_PX_BYTES])
{
    if (refusal_is_money(refusal))
        return text_px(number, 2, text);
    snprintf(text, TEXT_PX_BYTES, "%" PRId64, number);
    return text;
}

/* used_words are what stands in front of the second number; NULL: it says nothing. */
static const char *
used_words(const struct refusal *refusal)
{
    switch (refusal->reason) {
    case OE_REJECT_REASON_PRICE_COLLAR_HIGH:
    case OE_REJECT_REASON_PRICE_COLLAR_LOW:
        return "measured from";
    case OE_REJECT_REASON_PRICE_BAND:
    case OE_REJECT_REASON_INVALID_TICK:
    case OE_REJECT_REASON_INVALID_LOT:
    case OE_REJECT_REASON_MIN_ORDER_QTY:
        return NULL;
    default:
        return "in use";
    }
}

static const char *
limit_words(const struct refusal *refusal)
{
    switch (refusal->reason) {
    case OE_REJECT_REASON_INVALID_TICK:
        return "tick";
    case OE_REJECT_REASON_INVALID_LOT:
        return "lot";
    default:
        return "limit";
    }
}

const char *
refusal_text(const struct refusal *refusal, char text[REFUSAL_TEXT_BYTES])
{
    const char *level = oe_risk_level_name(refusal->level);
    const char *words = used_words(refusal);
    char limit[TEXT_PX_BYTES];
    char used[TEXT_PX_BYTES];
    char value[TEXT_PX_BYTES];

    text[0] = '\0';
    if (refusal->level == OE_RISK_LEVEL_NONE)
        return text;
    number_text(refusal, refusal->limit, limit);
    number_text(refusal, refusal->used, used);
    number_text(refusal, refusal->value, value);
    if (is_by_stage(refusal))
        snprintf(text, REFUSAL_TEXT_BYTES, " (%s %s at %s of 1000, %sfrom %s on)", level,
                 words_limit_name(refusal_limit(refusal)), used,
                 refusal->reason == OE_REJECT_REASON_THROTTLED ? "a pause between messages " : "",
                 limit);
    else if (refusal->reason == OE_REJECT_REASON_ACCOUNT_CLOSE_ONLY)
        snprintf(text, REFUSAL_TEXT_BYTES, " (%s may close %" PRId64 ", this order %s)", level,
                 refusal->used < 0 ? -refusal->used : 0, value);
    else if (refusal->reason == OE_REJECT_REASON_ORDER_TYPE_NOT_ALLOWED ||
             refusal->reason == OE_REJECT_REASON_TIME_IN_FORCE_NOT_ALLOWED ||
             (refusal->limit == 0 && refusal->used == 0 && refusal->value == 0))
        snprintf(text, REFUSAL_TEXT_BYTES, " (%s)", level);
    else
        snprintf(text, REFUSAL_TEXT_BYTES, " (%s %s %s%s%s%s%s, this order %s)", level,
                 limit_words(refusal), limit, words != NULL ? ", " : "", words != NULL ? words : "",
                 words != NULL ? " " : "", words != NULL ? used : "", value);
    return text;
}
