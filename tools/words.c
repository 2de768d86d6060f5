#include "tools/words.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proto/limits.h"

#include "tools/text.h"

static const char *const levels[] = {
    [OE_RISK_LEVEL_SESSION] = "session",       [OE_RISK_LEVEL_ACCOUNT] = "account",
    [OE_RISK_LEVEL_GROUP] = "group",           [OE_RISK_LEVEL_FIRM] = "firm",
    [OE_RISK_LEVEL_INSTRUMENT] = "instrument", [OE_RISK_LEVEL_ACCOUNT_INSTRUMENT] = "pair",
};

static const char *const limits[] = {
    [CELL_RISK_LIMIT_ORDER_QTY] = "order_qty",
    [CELL_RISK_LIMIT_ORDER_VALUE] = "order_value",
    [CELL_RISK_LIMIT_LONG] = "long",
    [CELL_RISK_LIMIT_SHORT] = "short",
    [CELL_RISK_LIMIT_OPEN_ORDERS] = "open_orders",
    [CELL_RISK_LIMIT_OPEN_NOTIONAL] = "open_notional",
    [CELL_RISK_LIMIT_DAILY_GROSS] = "daily_gross",
    [CELL_RISK_LIMIT_DAILY_NET] = "daily_net",
    [CELL_RISK_LIMIT_DAILY_LOSS] = "daily_loss",
    [CELL_RISK_LIMIT_CREDIT] = "credit",
    [CELL_RISK_LIMIT_MESSAGE_RATE] = "message_rate",
    [CELL_RISK_LIMIT_CANCEL_RATE] = "cancel_rate",
    [CELL_RISK_LIMIT_DUPLICATES] = "duplicates",
    [CELL_RISK_LIMIT_EXECUTIONS] = "executions",
    [CELL_RISK_LIMIT_ORDER_TO_TRADE] = "order_to_trade",
};

_Static_assert(ARRAY_LEN(limits) == RISK_LIMITS_CNT, "a word for each");

static uint8_t
find(const char *const *words, unsigned cnt, const char *text)
{
    for (unsigned i = 1; i < cnt; i++)
        if (strcmp(words[i], text) == 0)
            return (uint8_t)i;
    return 0;
}

uint8_t
words_level(const char *text)
{
    return find(levels, ARRAY_LEN(levels), text);
}

uint8_t
words_limit(const char *text)
{
    return find(limits, ARRAY_LEN(limits), text);
}

const char *
words_level_name(uint8_t level)
{
    return level >= 1 && level < ARRAY_LEN(levels) ? levels[level] : "none";
}

const char *
words_limit_name(uint8_t limit)
{
    return limit >= 1 && limit < ARRAY_LEN(limits) ? limits[limit] : "none";
}

const char *
words_levels(unsigned bits, char buf[WORDS_LEVELS_BYTES])
{
    size_t len = 0;

    _Static_assert(sizeof WORDS_LEVELS + 3 * ARRAY_LEN(levels) <= WORDS_LEVELS_BYTES, "all fit");
    buf[0] = '\0';
    for (unsigned level = 1; level < ARRAY_LEN(levels); level++) {
        const unsigned bit = RISK_LEVEL_BIT(level);

        if ((bits & bit) == 0)
            continue;
        len += (size_t)snprintf(buf + len, WORDS_LEVELS_BYTES - len, "%s%s",
                                len == 0          ? ""
                                : bits < bit << 1 ? " or "
                                                  : ", ",
                                levels[level]);
    }
    return buf;
}

bool
words_limit_is_money(uint8_t limit)
{
    return limit == CELL_RISK_LIMIT_ORDER_VALUE ||
           (limit >= CELL_RISK_LIMIT_OPEN_NOTIONAL && limit <= CELL_RISK_LIMIT_CREDIT);
}

bool
words_limit_has_window(uint8_t limit)
{
    return risk_limit_is_rate(limit) || risk_limit_is_count(limit);
}

bool
words_value_parse(uint8_t limit, const char *text, int64_t *value)
{
    uint64_t number;

    if (strcmp(text, "none") == 0) {
        *value = RISK_LIMIT_OFF;
        return true;
    }
    if (words_limit_is_money(limit))
        return text_px_parse(text, value);
    if (!text_u64_parse(text, &number) || number > INT64_MAX)
        return false;
    *value = (int64_t)number;
    return true;
}

/* digits writes a number of 128 bits; returns where it begins, before end. */
static char *
digits(char *end, __uint128_t value)
{
    do
        *--end = (char)('0' + (unsigned)(value % 10));
    while ((value /= 10) > 0);
    return end;
}

static __uint128_t
size_of(notional_t value)
{
    return value < 0 ? -(__uint128_t)value : (__uint128_t)value;
}

const char *
words_money(notional_t value, char buf[WORDS_AMOUNT_BYTES])
{
    const __uint128_t size = size_of(value);
    char whole[48];
    char part[TEXT_PX_BYTES];
    char *end = &whole[sizeof whole - 1];

    *end = '\0';
    text_px((px_t)(size % PX_ONE), 0, part);
    snprintf(buf, WORDS_AMOUNT_BYTES, "%s%s%s", value < 0 ? "-" : "", digits(end, size / PX_ONE),
             part + 1);
    return buf;
}

const char *
words_amount(uint8_t limit, notional_t value, char buf[WORDS_AMOUNT_BYTES])
{
    char text[48];
    char *end = &text[sizeof text - 1];

    if (words_limit_is_money(limit))
        return words_money(value, buf);
    *end = '\0';
    snprintf(buf, WORDS_AMOUNT_BYTES, "%s%s", value < 0 ? "-" : "", digits(end, size_of(value)));
    return buf;
}

static const struct {
    const char *name;
    uint64_t ns;
} units[] = {{"s", 1000000000}, {"ms", 1000000}, {"us", 1000}, {"ns", 1}};

const char *
words_span(uint64_t ns, char buf[WORDS_SPAN_BYTES])
{
    unsigned i = 0;

    while (ns % units[i].ns != 0)
        i++;
    snprintf(buf, WORDS_SPAN_BYTES, "%" PRIu64 "%s", ns / units[i].ns, units[i].name);
    return buf;
}

bool
words_span_parse(const char *text, uint64_t *ns)
{
    const size_t len = strspn(text, "0123456789");
    char number[24];

    if (len == 0 || len >= sizeof number)
        return false;
    memcpy(number, text, len);
    number[len] = '\0';
    for (unsigned i = 0; i < ARRAY_LEN(units); i++)
        if (strcmp(text + len, units[i].name) == 0)
            return text_u64_parse(number, ns) && !__builtin_mul_overflow(*ns, units[i].ns, ns);
    return false;
}

_Static_assert(sizeof WORDS_TYPES <= WORDS_BITS_BYTES && sizeof WORDS_TIFS <= WORDS_BITS_BYTES &&
                   sizeof WORDS_REFERENCES <= WORDS_BITS_BYTES,
               "a + takes the place of a blank");

const char *
words_bits(const char *names, unsigned bits, char buf[WORDS_BITS_BYTES])
{
    bool all = bits != 0;
    size_t end = 0;

    for (const char *at = names; *at != '\0'; bits >>= 1) {
        const size_t len = strcspn(at, " ");

        all = all && (bits & 1u) != 0;
        if ((bits & 1u) != 0) {
            ASSERT(end + len + 1 < WORDS_BITS_BYTES);
            if (end > 0)
                buf[end++] = '+';
            memcpy(buf + end, at, len);
            end += len;
        }
        at += len + (at[len] == ' ');
    }
    buf[end] = '\0';
    if (all || end == 0)
        snprintf(buf, WORDS_BITS_BYTES, "%s", all ? "all" : "none");
    return buf;
}

const char *
words_rule(const struct cell_order_rule_set *set, char buf[WORDS_RULE_BYTES])
{
    char types[WORDS_BITS_BYTES];
    char tifs[WORDS_BITS_BYTES];
    char references[WORDS_BITS_BYTES];
    int len;

    words_bits(WORDS_TYPES, set->types, types);
    words_bits(WORDS_TIFS, set->tifs, tifs);
    if (set->level == OE_RISK_LEVEL_ACCOUNT)
        len = snprintf(buf, WORDS_RULE_BYTES, "types=%s tifs=%s covered=%s", types, tifs,
                       set->covered != 0 ? "yes" : "no");
    else
        len = snprintf(buf, WORDS_RULE_BYTES, "types=%s tifs=%s references=%s unreferenced=%s",
                       types, tifs, words_bits(WORDS_REFERENCES, set->references, references),
                       set->unreferenced != 0 ? "yes" : "no");
    ASSERT(len > 0 && (unsigned)len < WORDS_RULE_BYTES);
    return buf;
}

bool
words_day_parse(const char *text, uint32_t *date)
{
    uint64_t ignored;

    if (strlen(text) != 10 || !text_time_parse(text, &ignored))
        return false;
    *date = 0;
    for (const char *at = text; *at != '\0'; at++)
        if (*at != '-')
            *date = *date * 10 + (uint32_t)(*at - '0');
    return true;
}

static const char *
window_wrong(const struct cell_limit_set *set)
{
    if (!words_limit_has_window(set->limit))
        return set->window_ns != 0 ? "has a window, expected none: it counts in no time" : NULL;
    if (set->value == RISK_LIMIT_OFF && set->window_ns == 0)
        return NULL;
    if (risk_limit_is_rate(set->limit))
        return set->window_ns < 1 || set->window_ns > RISK_INTERVAL_NS_MAX
                   ? "has no good window, expected the time for one message, 1ns to 3600s"
                   : NULL;
    return set->window_ns < 1 || set->window_ns > RISK_WINDOW_NS_MAX
               ? "has no good window, expected 1ns to 86400s"
               : NULL;
}

static const char *
value_wrong(const struct cell_limit_set *set)
{
    if (set->value < 0)
        return "is negative, expected 0 or more, or none";
    if (set->value == RISK_LIMIT_OFF)
        return NULL;
    if (risk_limit_is_rate(set->limit) && (set->value < 1 || set->value > (int64_t)RISK_BURST_MAX))
        return "is no burst, expected 1 to 1048576 messages, or none";
    if ((set->limit == CELL_RISK_LIMIT_LONG || set->limit == CELL_RISK_LIMIT_SHORT) &&
        set->value > (int64_t)POSITION_LIMIT_MAX)
        return "is too large, expected 0 to 4611686018427387904, or none";
    if (risk_limit_is_count(set->limit) && (set->value < 1 || set->value > (int64_t)RISK_COUNT_MAX))
        return "is no count, expected 1 to 65535, or none";
    return NULL;
}

static const char *
stages_wrong(const struct cell_limit_set *set)
{
    const uint16_t permilles[] = {set->warn_permille, set->slow_permille, set->close_permille,
                                  set->block_permille};
    bool any = set->slow_ms != 0;
    uint16_t last = 0;

    for (unsigned i = 0; i < ARRAY_LEN(permilles); i++) {
        any = any || permilles[i] != 0;
        if (permilles[i] >= RISK_PERMILLE_END)
            return "has a stage at the limit or above, expected 1 to 999 permille";
        if (permilles[i] != 0 && permilles[i] < last)
            return "has a stage before a milder one, expected warn <= slow <= close <= block";
        if (permilles[i] != 0)
            last = permilles[i];
    }
    if (any && !risk_limit_has_stages(set->level, set->limit))
        return "has stages, expected them only of open_orders of an account, open_notional, "
               "daily_gross, daily_net and daily_loss";
    if ((set->slow_permille != 0) != (set->slow_ms != 0))
        return "has one of slow and pause, expected both or none";
    return NULL;
}

static const char *
cancels_wrong(const struct cell_limit_set *set)
{
    if (set->cancels != 0 && !risk_limit_cancels(set->level, set->limit))
        return "cancels nothing, expected cancel= only of open_orders, open_notional, daily_gross, "
               "daily_net, daily_loss and credit, and of long and short of a pair";
    return NULL;
}

/* level_wrong says where a limit exists that does not where it was set. */
static const char *
level_wrong(uint8_t limit)
{
    switch (risk_limit_levels(limit)) {
    case RISK_AT_PARTIES | RISK_AT_INSTRUMENT:
        return "does not exist at this level, expected account, group, firm or instrument";
    case RISK_AT_PARTIES:
        return "does not exist at this level, expected account, group or firm";
    case RISK_AT_ACCOUNT | RISK_AT_PAIR:
        return "does not exist at this level, expected account or pair";
    case RISK_AT_SESSION | RISK_AT_ACCOUNT:
        return "does not exist at this level, expected session or account";
    case RISK_AT_SESSION | RISK_AT_ACCOUNT | RISK_AT_FIRM:
        return "does not exist at this level, expected session, account or firm";
    case RISK_AT_ACCOUNT:
        return "does not exist at this level, expected account";
    case RISK_AT_FIRM:
        return "does not exist at this level, expected firm";
    default:
        UNREACHABLE("a limit exists at one of these");
    }
}

const char *
words_limit_wrong(const struct cell_limit_set *set)
{
    const char *wrong = NULL;

    if ((risk_limit_levels(set->limit) & RISK_LEVEL_BIT(set->level)) == 0)
        return level_wrong(set->limit);
    wrong = value_wrong(set);
    if (wrong == NULL)
        wrong = window_wrong(set);
    if (wrong == NULL)
        wrong = stages_wrong(set);
    return wrong != NULL ? wrong : cancels_wrong(set);
}
