#include "tools/proposal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "proto/limits.h"

#include "tools/clock.h"
#include "tools/config_read.h"
#include "tools/view.h"
#include "tools/words.h"

#define VALUE_BYTES 72u

void
proposal_open(struct proposal *proposal, unsigned kind, unsigned count)
{
    memset(proposal, 0, sizeof *proposal);
    proposal->count = count;
    proposal->cells[0].bytes[0] = (uint8_t)kind;
    proposal->cells[0].bytes[1] = (uint8_t)count;
    proposal->cells[0].order_new.session = CELL_SESSION;
}

void
proposal_put_name(char *to, size_t bytes, const char *name)
{
    memcpy(to, name, strnlen(name, bytes));
}

/* note keeps a line for when it is true. The first start of a journal has none. */
static __attribute__((format(printf, 3, 4))) void
note(const struct exchange *exchange, struct proposal *proposal, const char *format, ...)
{
    const size_t len = strlen(proposal->said);
    va_list args;

    if (exchange->recovered.last_seq == 0)
        return;
    va_start(args, format);
    vsnprintf(proposal->said + len, sizeof proposal->said - len, format, args);
    va_end(args);
}

/* is_asked_for says whether a field is part of the request: not outcome, seq, time,
 * in_no, and the session only where it is set. */
static bool
is_asked_for(unsigned kind, const struct cell_field *field)
{
    static const char frame[] = " kind shape outcome seq time in_no ";
    char word[64];

    snprintf(word, sizeof word, " %s ", field->name);
    return strstr(frame, word) == NULL &&
           (strcmp(field->name, "session") != 0 || kind == CELL_KIND_SESSION_SET);
}

/* limit_of_field returns the limit of LimitSet that is the same as the field of an
 * AccountSet or InstrumentSet, None if there is none. */
static uint8_t
limit_of_field(const char *name)
{
    static const struct {
        const char *name;
        uint8_t limit;
    } fields[] = {
        {"order_qty_max", CELL_RISK_LIMIT_ORDER_QTY},
        {"order_value_max", CELL_RISK_LIMIT_ORDER_VALUE},
        {"long_max", CELL_RISK_LIMIT_LONG},
        {"short_max", CELL_RISK_LIMIT_SHORT},
    };

    for (unsigned i = 0; i < ARRAY_LEN(fields); i++)
        if (strcmp(fields[i].name, name) == 0)
            return fields[i].limit;
    return CELL_RISK_LIMIT_NONE;
}

/* value_of_field returns the RISK_VALUE_ of a field of an InstrumentSet, 0: it has none. */
static unsigned
value_of_field(const char *name)
{
    static const struct {
        const char *name;
        unsigned value;
    } fields[] = {
        {"reference_px", RISK_VALUE_REFERENCE},
        {"collar_ticks", RISK_VALUE_COLLAR_TICKS},
        {"collar_permille", RISK_VALUE_COLLAR_PERMILLE},
        {"band_low_px", RISK_VALUE_BAND_LOW},
        {"band_high_px", RISK_VALUE_BAND_HIGH},
        {"order_qty_min", RISK_VALUE_ORDER_QTY_MIN},
    };

    for (unsigned i = 0; i < ARRAY_LEN(fields); i++)
        if (strcmp(fields[i].name, name) == 0)
            return fields[i].value;
    return 0;
}

/* is_by_hand says whether the field was last set by hand: of a limit that has a
 * place of its own, that one. A state of an instrument that the file names holds at
 * every start. */
static bool
is_by_hand(const struct engine *engine,
           unsigned kind,
           uint32_t id,
           uint32_t id2,
           const struct cell_field *field)
{
    const uint8_t limit = limit_of_field(field->name);
    struct view_use use;

    if (limit != CELL_RISK_LIMIT_NONE && kind == CELL_KIND_POSITION_LIMIT_SET)
        return view_use(engine, OE_RISK_LEVEL_ACCOUNT_INSTRUMENT, id, id2, limit, &use) &&
               use.limit.by_hand != 0;
    if (limit != CELL_RISK_LIMIT_NONE && kind == CELL_KIND_ACCOUNT_SET)
        return view_by_hand(engine, CELL_KIND_LIMIT_SET, id,
                            view_limit_key(OE_RISK_LEVEL_ACCOUNT, limit));
    if (limit != CELL_RISK_LIMIT_NONE && kind == CELL_KIND_INSTRUMENT_SET)
        return view_by_hand(engine, CELL_KIND_LIMIT_SET, id,
                            view_limit_key(OE_RISK_LEVEL_INSTRUMENT, limit));
    if (kind == CELL_KIND_INSTRUMENT_SET)
        return value_of_field(field->name) != 0 &&
               view_by_hand(engine, kind, id, value_of_field(field->name));
    return view_by_hand(engine, kind, id, id2);
}

static uint64_t
number_of(const union cell *cell, const struct cell_field *field)
{
    uint64_t number = 0;

    memcpy(&number, &cell->bytes[field->offset], field->size);
    if (field->type == CELL_FIELD_I || field->type == CELL_FIELD_PRICE) {
        const unsigned spare = 64u - 8u * field->size;

        number = (uint64_t)((int64_t)(number << spare) >> spare);
    }
    return number;
}

static bool
ends_with(const char *name, const char *end)
{
    const size_t len = strlen(name);

    return len >= strlen(end) && strcmp(name + len - strlen(end), end) == 0;
}

/* is_no_limit says whether the number means that there is none. */
static bool
is_no_limit(const char *name, uint64_t number)
{
    switch (limit_of_field(name)) {
    case CELL_RISK_LIMIT_ORDER_QTY:
        return number == QTY_MAX;
    case CELL_RISK_LIMIT_LONG:
    case CELL_RISK_LIMIT_SHORT:
        return number >= POSITION_LIMIT_MAX;
    case CELL_RISK_LIMIT_ORDER_VALUE:
        return number == PX_MAX;
    default:
        return false;
    }
}

/* as_words writes a field that is no number to a person, in the words of the
 * configuration; false if it is one. */
static bool
as_words(unsigned kind, const struct cell_field *field, uint64_t number, char buf[VALUE_BYTES])
{
    static const struct {
        unsigned kind;
        const char *name;
        const char *words; /* from 0 on, a blank between two */
        bool bits;
    } fields[] = {
        /* As `outcry admin account` takes them. */
        {CELL_KIND_ACCOUNT_SET, "state", CONFIG_STATE_WORDS, false},
        {CELL_KIND_INSTRUMENT_SET, "state", CONFIG_INSTRUMENT_WORDS, false},
        {CELL_KIND_INSTRUMENT_SET, "algorithm", CONFIG_ALGORITHM_WORDS, false},
        {CELL_KIND_ORDER_RULE_SET, "types", WORDS_TYPES, true},
        {CELL_KIND_ORDER_RULE_SET, "tifs", WORDS_TIFS, true},
        {CELL_KIND_ORDER_RULE_SET, "references", WORDS_REFERENCES, true},
        {CELL_KIND_ORDER_RULE_SET, "covered", "no yes", false},
        {CELL_KIND_ORDER_RULE_SET, "unreferenced", "no yes", false},
        {CELL_KIND_SESSION_SET, "blocked", "no yes", false},
        {CELL_KIND_SESSION_SET, "drop_copy", "no yes", false},
    };

    for (unsigned i = 0; i < ARRAY_LEN(fields); i++) {
        if (fields[i].kind != kind || strcmp(fields[i].name, field->name) != 0 || number >= 0xff)
            continue;
        (void)words_bits(fields[i].words, fields[i].bits ? (unsigned)number : 1u << (number & 31),
                         buf);
        return true;
    }
    return false;
}

_Static_assert(VALUE_BYTES >= WORDS_BITS_BYTES, "names of bits fit");

/* value_text writes a field as a person reads it. */
static const char *
value_text(const union cell *cells,
           unsigned at,
           const struct cell_field *field,
           char buf[VALUE_BYTES])
{
    const union cell *cell = &cells[at];
    const uint64_t number = field->type <= CELL_FIELD_PRICE ? number_of(cell, field) : 0;
    const bool limit = cell_kind(&cells[0]) == CELL_KIND_LIMIT_SET && at == 0;
    const bool value = limit && strcmp(field->name, "value") == 0;

    if (field->type <= CELL_FIELD_PRICE && as_words(cell_kind(&cells[0]), field, number, buf))
        return buf;
    if (field->type == CELL_FIELD_CHARS)
        snprintf(buf, VALUE_BYTES, "%.*s", (int)field->size, &cell->bytes[field->offset]);
    else if (is_no_limit(field->name, number) || (value && number == RISK_LIMIT_OFF))
        snprintf(buf, VALUE_BYTES, "none");
    else if (value)
        (void)words_amount(cells[0].limit_set.limit, (int64_t)number, buf);
    else if (ends_with(field->name, "_px") || strcmp(field->name, "order_value_max") == 0)
        (void)words_money((int64_t)number, buf);
    else if (ends_with(field->name, "_ns"))
        (void)words_span(number, buf);
    else
        snprintf(buf, VALUE_BYTES, "%" PRId64, (int64_t)number);
    return buf;
}

_Static_assert(VALUE_BYTES >= WORDS_AMOUNT_BYTES, "an amount fits");

/* compare goes through a cell's fields: those that differ and were set by hand are
 * taken over, and all that differ are said. Returns whether any is left to be set. */
static bool
compare(struct exchange *exchange,
        struct proposal *proposal,
        unsigned at,
        const union cell *now,
        uint32_t id,
        uint32_t id2)
{
    const unsigned kind = cell_kind(&proposal->cells[0]);
    union cell *ours = &proposal->cells[at];
    bool left = false;
    unsigned count;
    const struct cell_field *fields = cell_fields(cell_kind(ours), &count);

    for (unsigned i = 0; i < count; i++) {
        const struct cell_field *field = &fields[i];
        char old[VALUE_BYTES];
        char new[VALUE_BYTES];

        if (!is_asked_for(kind, field) ||
            memcmp(&ours->bytes[field->offset], &now[at].bytes[field->offset], field->size) == 0)
            continue;
        const bool by_hand = is_by_hand(exchange->engine, kind, id, id2, field);
        note(exchange, proposal, "outcry: %s: %s is %s%s, %s in the configuration: %s\n",
             proposal->what, field->name, value_text(now, at, field, old),
             by_hand ? " by hand" : "", value_text(proposal->cells, at, field, new),
             by_hand ? "kept" : "set");
        if (by_hand)
            memcpy(&ours->bytes[field->offset], &now[at].bytes[field->offset], field->size);
        left = left || !by_hand;
    }
    return left;
}

/* was_lifted says whether an operator took away what the file has: the engine then
 * gives no command for it. What a person reads is that there is none. */
static bool
was_lifted(struct exchange *exchange, struct proposal *proposal, uint32_t id, uint32_t id2)
{
    const unsigned kind = cell_kind(&proposal->cells[0]);
    const struct cell_limit_set *set = &proposal->cells[0].limit_set;
    char amount[WORDS_AMOUNT_BYTES];

    if ((kind != CELL_KIND_LIMIT_SET && kind != CELL_KIND_PERMISSION_SET) ||
        !view_by_hand(exchange->engine, kind, id, id2))
        return false;
    if (kind == CELL_KIND_PERMISSION_SET)
        note(exchange, proposal, "outcry: %s: lifted by hand, set in the configuration: kept\n",
             proposal->what);
    else if (set->value != RISK_LIMIT_OFF)
        note(exchange, proposal,
             "outcry: %s: value is none by hand, %s in the configuration: kept\n", proposal->what,
             words_amount(set->limit, set->value, amount));
    return true;
}

/* asks_for_nothing says whether the file wants no limit: there is none. */
static bool
asks_for_nothing(const struct proposal *proposal)
{
    return cell_kind(&proposal->cells[0]) == CELL_KIND_LIMIT_SET &&
           proposal->cells[0].limit_set.value == RISK_LIMIT_OFF;
}

/* differs says whether the proposal is to be sent. */
static bool
differs(struct exchange *exchange, struct proposal *proposal, uint32_t id, uint32_t id2)
{
    union cell now[CELL_COMMAND_MAX];
    const unsigned count =
        engine_config_get(exchange->engine, cell_kind(&proposal->cells[0]), id, id2, now);
    bool left = false;

    if (count == 0 && (was_lifted(exchange, proposal, id, id2) || asks_for_nothing(proposal)))
        return false;
    if (count == 0) {
        note(exchange, proposal,
             "outcry: %s is not in the journal, but in the configuration: set\n", proposal->what);
        return true;
    }
    ASSERT(count >= proposal->count);
    for (unsigned i = 0; i < proposal->count; i++)
        left = compare(exchange, proposal, i, now, id, id2) || left;
    return left;
}

/* sign makes the configuration the author of what needs one. */
static unsigned
sign(const struct exchange *exchange, struct proposal *proposal)
{
    struct cell_author *author = &proposal->cells[proposal->count].author;
    char text[sizeof author->text];

    if (!cell_takes_author(cell_kind(&proposal->cells[0])))
        return proposal->count;
    memset(author, 0, sizeof *author);
    author->kind = CELL_KIND_AUTHOR;
    author->uid = WORDS_UID_CONFIGURATION;
    proposal_put_name(author->name, sizeof author->name, "configuration");
    snprintf(text, sizeof text, "start of epoch %" PRIu32, exchange->epoch);
    proposal_put_name(author->text, sizeof author->text, text);
    proposal->cells[0].bytes[1] = (uint8_t)(proposal->count + 1);
    return proposal->count + 1;
}

int
proposal_send(struct exchange *exchange,
              struct proposal *proposal,
              uint32_t id,
              uint32_t id2,
              char *why)
{
    if (!differs(exchange, proposal, id, id2)) {
        fputs(proposal->said, stderr);
        return 0;
    }

    const unsigned count = sign(exchange, proposal);

    proposal->cells[0].firm_set.time = clock_utc_ns();
    const enum oe_reject_reason reason = exchange_command(exchange, proposal->cells, count);
    if (reason == OE_REJECT_REASON_NONE) {
        fputs(proposal->said, stderr);
        return 0;
    }
    snprintf(why, EXCHANGE_WHY_BYTES, "%s: %s was refused by the engine: %s",
             exchange->config->file, proposal->what, oe_reject_reason_name(reason));
    return -1;
}
