#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proto/px_qty.h"

#include "tools/text.h"
#include "tools/verb_private.h"
#include "tools/words.h"

/*
 * What prices and quantities of an instrument are measured against: a part of an
 * InstrumentSet, in the words of the configuration.
 */

#define PERMILLE_MAX 1000000u

/* A key is of a price, or of a number up to `max`; 0 of either: there is none. */
struct value_key {
    const char *key;
    size_t offset; /* in cell_instrument_limits */
    uint64_t max;  /* 0: a price */
};

static const struct value_key keys[] = {
    {"reference", offsetof(struct cell_instrument_limits, reference_px), 0},
    {"collar_ticks", offsetof(struct cell_instrument_limits, collar_ticks), TICK_MAX},
    {"collar_permille", offsetof(struct cell_instrument_limits, collar_permille), PERMILLE_MAX},
    {"band_low", offsetof(struct cell_instrument_limits, band_low_px), 0},
    {"band_high", offsetof(struct cell_instrument_limits, band_high_px), 0},
    {"order_qty_min", offsetof(struct cell_instrument_limits, order_qty_min), QTY_MAX},
};

/* read_price and read_number read a value other than none. */
static bool
read_price(struct verb_reading *in, const char *word, const char *text, void *to)
{
    px_t px;

    if (!text_px_parse(text, &px) || px <= 0)
        return verb_wrong(in,
                          "%.40s is no price, expected a positive decimal with at most 8 places, "
                          "or none",
                          word);
    memcpy(to, &px, sizeof px);
    return true;
}

static bool
read_number(struct verb_reading *in, const char *word, const char *text, uint64_t max, void *to)
{
    uint64_t value;
    uint32_t number;

    if (!text_u64_parse(text, &value) || value < 1 || value > max)
        return verb_wrong(in, "%.40s is no number, expected 1 to %" PRIu64 ", or none", word, max);
    number = (uint32_t)value;
    memcpy(to, &number, sizeof number);
    return true;
}

static bool
read_value(struct verb_reading *in, struct verb *verb, const char *word)
{
    struct cell_instrument_limits *limits = &verb->cells[1].instrument_limits;

    for (unsigned i = 0; i < ARRAY_LEN(keys); i++) {
        const size_t len = strlen(keys[i].key);
        uint8_t *to = (uint8_t *)limits + keys[i].offset;

        if (strncmp(word, keys[i].key, len) != 0 || word[len] != '=')
            continue;
        const size_t bytes = keys[i].max == 0 ? sizeof(px_t) : sizeof(uint32_t);
        const char *text = word + len + 1;

        verb_name(verb, 1, to, bytes);
        memset(to, 0, bytes);
        if (strcmp(text, "none") == 0)
            return true;
        return keys[i].max == 0 ? read_price(in, word, text, to)
                                : read_number(in, word, text, keys[i].max, to);
    }
    return verb_wrong(in,
                      "%.40s is not known, expected reference=, collar_ticks=, collar_permille=, "
                      "band_low=, band_high= or order_qty_min=",
                      word);
}

bool
verb_read_instrument(struct verb_reading *in, struct verb *verb)
{
    uint32_t id;

    if (!verb_find(in, OE_RISK_LEVEL_INSTRUMENT, in->words[0], &id))
        return false;
    verb_open(verb, CELL_KIND_INSTRUMENT_SET, 2);
    verb->needs_author = true;
    verb->cells[0].instrument_set.instrument = id;
    verb->cells[1].instrument_limits.kind = CELL_KIND_INSTRUMENT_LIMITS;
    verb_part(verb, id, 0);
    for (unsigned i = 1; i < in->cnt; i++)
        if (!read_value(in, verb, in->words[i]))
            return false;
    verb_say(verb, "instrument %s has", in->words[0]);
    return true;
}

/* is_off_tick says whether a price is no tick of the instrument. */
static bool
is_off_tick(px_t px, px_t tick_px)
{
    uint32_t tick;

    return px != 0 && !px_to_tick(px, tick_px, &tick);
}

const char *
verb_instrument_wrong(const union cell *cells)
{
    const px_t tick_px = cells[0].instrument_set.tick_px;
    const struct cell_instrument_limits *limits = &cells[1].instrument_limits;

    if (is_off_tick(limits->reference_px, tick_px))
        return "the reference is no tick of it";
    if (is_off_tick(limits->band_low_px, tick_px) || is_off_tick(limits->band_high_px, tick_px))
        return "an end of the band is no tick of it";
    if (limits->band_high_px != 0 && limits->band_low_px > limits->band_high_px)
        return "band_low is above band_high";
    if (limits->order_qty_min > limits->order_qty_max)
        return "order_qty_min is above order_qty";
    return NULL;
}

void
verb_say_instrument(struct verb *verb)
{
    const uint8_t *limits = verb->cells[1].bytes;
    char amount[WORDS_AMOUNT_BYTES];

    for (unsigned i = 0; i < ARRAY_LEN(keys); i++) {
        uint32_t number;
        px_t px;

        memcpy(&number, limits + keys[i].offset, sizeof number);
        if (keys[i].max != 0 && number != 0)
            verb_add(verb, " %s=%" PRIu32, keys[i].key, number);
        else if (keys[i].max != 0)
            verb_add(verb, " %s=none", keys[i].key);
        if (keys[i].max != 0)
            continue;
        memcpy(&px, limits + keys[i].offset, sizeof px);
        verb_add(verb, " %s=%s", keys[i].key, px != 0 ? words_money(px, amount) : "none");
    }
}
