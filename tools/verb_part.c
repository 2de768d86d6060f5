#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tools/verb_private.h"
#include "tools/words.h"

void
verb_part(struct verb *verb, uint32_t id, uint32_t id2)
{
    verb->kind = VERB_PART;
    verb->id = id;
    verb->id2 = id2;
    verb->parts = verb->count;
}

void
verb_name(struct verb *verb, unsigned cell, const void *field, size_t size)
{
    const uint8_t *at = field;

    ASSERT(cell < VERB_CELLS_MAX);
    ASSERT(at >= verb->cells[cell].bytes &&
           at + size <= verb->cells[cell].bytes + sizeof(union cell));
    if (verb->named_cnt == VERB_NAMED_MAX)
        return; /* said more often than there are words: the last holds */
    verb->named[verb->named_cnt++] = (struct verb_field){
        .cell = (uint8_t)cell,
        .offset = (uint8_t)(at - verb->cells[cell].bytes),
        .size = (uint8_t)size,
    };
}

void
verb_add(struct verb *verb, const char *format, ...)
{
    const size_t len = strlen(verb->what);
    va_list args;

    va_start(args, format);
    vsnprintf(verb->what + len, VERB_WHAT_BYTES - len, format, args);
    va_end(args);
}

static void
add_limit(struct verb *verb)
{
    const struct cell_limit_set *set = &verb->cells[0].limit_set;
    const struct {
        const char *key;
        uint16_t permille;
    } stages[] = {
        {"warn", set->warn_permille},
        {"slow", set->slow_permille},
        {"close", set->close_permille},
        {"block", set->block_permille},
    };
    char span[WORDS_SPAN_BYTES];

    if (set->window_ns != 0)
        verb_add(verb, " window=%s", words_span(set->window_ns, span));
    for (unsigned i = 0; i < ARRAY_LEN(stages); i++)
        if (stages[i].permille != 0)
            verb_add(verb, " %s=%u", stages[i].key, stages[i].permille);
    if (set->slow_ms != 0)
        verb_add(verb, " pause=%ums", set->slow_ms);
}

/* level_of returns the level of what a part is of. */
static uint8_t
level_of(const struct verb *verb)
{
    switch (cell_kind(&verb->cells[0])) {
    case CELL_KIND_ORDER_RULE_SET:
        return verb->cells[0].order_rule_set.level;
    case CELL_KIND_INSTRUMENT_SET:
        return OE_RISK_LEVEL_INSTRUMENT;
    case CELL_KIND_SESSION_SET:
        return OE_RISK_LEVEL_SESSION;
    default:
        return OE_RISK_LEVEL_ACCOUNT;
    }
}

/* merge puts what was named into what is. */
static void
merge(struct verb *verb, const union cell *now)
{
    union cell cells[VERB_CELLS_MAX];

    memcpy(cells, now, verb->parts * sizeof *cells);
    for (unsigned i = 0; i < verb->named_cnt; i++) {
        const struct verb_field *field = &verb->named[i];

        memcpy(&cells[field->cell].bytes[field->offset],
               &verb->cells[field->cell].bytes[field->offset], field->size);
    }
    cells[0].bytes[1] = (uint8_t)verb->count;
    for (unsigned i = 1; i < verb->parts; i++)
        cells[i].bytes[1] = 0;
    memcpy(verb->cells, cells, verb->parts * sizeof *cells);
}

/* complete_limit: what was no limit has nothing that stays, and no limit keeps nothing. */
static bool
complete_limit(struct verb *verb, const union cell *now, unsigned cells_cnt, char *why)
{
    const struct cell_limit_set *set = &verb->cells[0].limit_set;
    const char *wrong;

    if (cells_cnt > 0 && set->value != RISK_LIMIT_OFF)
        merge(verb, now);
    wrong = words_limit_wrong(set);
    if (wrong != NULL) {
        snprintf(why, VERB_WHY_BYTES, "%s %s", words_limit_name(set->limit), wrong);
        return false;
    }
    add_limit(verb);
    return true;
}

/* complete_instrument: what an instrument then has must fit together. */
static bool
complete_instrument(struct verb *verb, char *why)
{
    const char *wrong = verb_instrument_wrong(verb->cells);

    if (wrong != NULL) {
        snprintf(why, VERB_WHY_BYTES, "%s, and nothing was done", wrong);
        return false;
    }
    verb_say_instrument(verb);
    return true;
}

bool
verb_complete(struct verb *verb,
              const union cell *now,
              unsigned cells_cnt,
              char why[VERB_WHY_BYTES])
{
    const unsigned kind = cell_kind(&verb->cells[0]);
    char rule[WORDS_RULE_BYTES];

    ASSERT(verb->kind == VERB_PART);
    if (kind == CELL_KIND_LIMIT_SET)
        return complete_limit(verb, now, cells_cnt, why);
    if (cells_cnt == 0) {
        snprintf(why, VERB_WHY_BYTES, "the exchange knows no such %s, expected one that was set up",
                 words_level_name(level_of(verb)));
        return false;
    }
    ASSERT(cells_cnt >= verb->parts);
    merge(verb, now);
    if (kind == CELL_KIND_ORDER_RULE_SET)
        verb_add(verb, " %s", words_rule(&verb->cells[0].order_rule_set, rule));
    if (kind == CELL_KIND_INSTRUMENT_SET)
        return complete_instrument(verb, why);
    return true;
}
