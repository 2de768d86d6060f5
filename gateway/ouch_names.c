#include "gateway/ouch_names.h"

#include <string.h>

#include "proto/limits.h"

struct ouch_names {
    uint32_t instruments_max;
    uint32_t mask;     /* of places */
    uint64_t *symbols; /* by instrument; 0: none */
    uint32_t *places;  /* by symbol: instrument + 1, 0: free; at most half are taken */
};

static uint32_t
places_of(uint32_t instruments_max)
{
    uint32_t cnt = 2;

    while (cnt < 2 * instruments_max)
        cnt *= 2;
    return cnt;
}

static size_t
round_up(size_t bytes)
{
    return (bytes + CACHE_LINE - 1) & ~(size_t)(CACHE_LINE - 1);
}

COLD size_t
ouch_names_footprint(uint32_t instruments_max)
{
    if (instruments_max < 1 || instruments_max > INSTRUMENTS_MAX)
        return 0;
    return round_up(sizeof(struct ouch_names)) + round_up(instruments_max * sizeof(uint64_t)) +
           round_up(places_of(instruments_max) * sizeof(uint32_t));
}

COLD struct ouch_names *
ouch_names_init(void *mem, uint32_t instruments_max)
{
    struct ouch_names *names = mem;
    uint8_t *bytes = mem;

    ASSERT(ouch_names_footprint(instruments_max) != 0);
    ASSERT((uintptr_t)mem % CACHE_LINE == 0);
    names->instruments_max = instruments_max;
    names->mask = places_of(instruments_max) - 1;
    bytes += round_up(sizeof *names);
    names->symbols = (uint64_t *)(void *)bytes;
    bytes += round_up(instruments_max * sizeof(uint64_t));
    names->places = (uint32_t *)(void *)bytes;
    return names;
}

static uint64_t
word_of(const char symbol[OUCH_SYMBOL_BYTES])
{
    uint64_t word;

    memcpy(&word, symbol, sizeof word);
    return word;
}
_Static_assert(OUCH_SYMBOL_BYTES == sizeof(uint64_t), "a symbol is a word");

/* place_of returns where a symbol is, or the free place where it belongs. */
static uint32_t
place_of(const struct ouch_names *names, uint64_t word)
{
    uint32_t at = (uint32_t)(word * UINT64_C(0x9e3779b97f4a7c15) >> 32) & names->mask;

    while (names->places[at] != 0 && names->symbols[names->places[at] - 1] != word)
        at = (at + 1) & names->mask;
    return at;
}

/* enter puts a symbol in; false if there is one of that name. */
static bool
enter(struct ouch_names *names, uint32_t instrument, uint64_t word)
{
    const uint32_t at = place_of(names, word);

    if (names->places[at] != 0)
        return false;
    names->symbols[instrument] = word;
    names->places[at] = instrument + 1;
    return true;
}

void
ouch_names_learn(struct ouch_names *names, const struct cell_instrument_set *cell)
{
    char symbol[OUCH_SYMBOL_BYTES];

    ASSERT(cell->instrument < names->instruments_max);
    if (cell->tick_px % OUCH_PX_UNIT != 0 || names->symbols[cell->instrument] != 0)
        return;
    for (unsigned i = 0; i < sizeof symbol; i++)
        symbol[i] = cell->symbol[i] == '\0' ? ' ' : cell->symbol[i];

    /* Of two of one name the first has it. */
    (void)enter(names, cell->instrument, word_of(symbol));
}

const char *
ouch_names_symbol(const struct ouch_names *names, uint32_t instrument)
{
    if (instrument >= names->instruments_max || names->symbols[instrument] == 0)
        return NULL;
    return (const char *)&names->symbols[instrument];
}

uint32_t
ouch_names_find(const struct ouch_names *names, const char symbol[OUCH_SYMBOL_BYTES])
{
    const uint32_t place = names->places[place_of(names, word_of(symbol))];

    return place != 0 ? place - 1 : CELL_ANY;
}

void
ouch_names_save(const struct ouch_names *names, struct image_out *out)
{
    uint64_t cnt = names != NULL ? names->instruments_max : 0;

    while (cnt > 0 && names->symbols[cnt - 1] == 0)
        cnt--;
    image_put(out, &cnt, sizeof cnt);
    if (cnt > 0)
        image_put(out, names->symbols, cnt * sizeof names->symbols[0]);
}

/* forget makes names fresh again. */
static void
forget(struct ouch_names *names)
{
    memset(names->symbols, 0, names->instruments_max * sizeof names->symbols[0]);
    memset(names->places, 0, (names->mask + 1) * sizeof names->places[0]);
}

bool
ouch_names_load(struct ouch_names *names, struct image_in *in)
{
    const uint8_t *bytes;
    uint64_t cnt;

    if (!image_get(in, &cnt, sizeof cnt) || cnt > INSTRUMENTS_MAX)
        return false;
    bytes = image_take(in, cnt * sizeof(uint64_t));
    if (bytes == NULL)
        return false;
    if (names == NULL)
        return true;
    if (cnt > names->instruments_max)
        return false;
    for (uint32_t i = 0; i < cnt; i++) {
        uint64_t word;

        memcpy(&word, bytes + i * sizeof word, sizeof word);
        if (word != 0 && !enter(names, i, word)) {
            forget(names);
            return false;
        }
    }
    return true;
}
