#include "tests/scenario/words.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/scenario/text.h"

bool
words_split(struct words *words, const char *line)
{
    char *save;

    *words = (struct words){.cnt = 0};
    if (strlen(line) >= sizeof words->text)
        return false;
    memcpy(words->text, line, strlen(line) + 1);
    for (char *w = strtok_r(words->text, " \t\n", &save); w; w = strtok_r(NULL, " \t\n", &save)) {
        if (words->cnt == WORDS_MAX)
            return false;
        words->at[words->cnt++] = w;
    }
    return true;
}

bool
words_take(struct words *words, const char *word)
{
    if (words->next == words->cnt || strcmp(words->at[words->next], word) != 0)
        return false;
    words->next++;
    return true;
}

const char *
words_any(struct words *words)
{
    if (words->next < words->cnt)
        return words->at[words->next++];
    words->failed = true;
    return "";
}

uint64_t
words_number(struct words *words)
{
    const char *word = words_any(words);
    char *end;
    const uint64_t number = strtoull(word, &end, 10);

    if (*word < '0' || *word > '9' || *end != '\0')
        words->failed = true;
    return number;
}

px_t
words_px(struct words *words)
{
    px_t px = 0;

    if (!text_read_px(words_any(words), &px))
        words->failed = true;
    return px;
}

/* read_duration reads a number and the nanoseconds of its unit, 0 if it has none. */
static uint64_t
read_duration(struct words *words, uint64_t *unit_ns)
{
    static const struct {
        const char *name;
        uint64_t ns;
    } units[] = {{"", 0}, {"ns", 1}, {"us", 1000}, {"ms", 1000000}, {"s", 1000000000}};
    const char *word = words_any(words);
    char *end;
    const uint64_t number = strtoull(word, &end, 10);

    if (*word < '0' || *word > '9')
        words->failed = true;
    for (unsigned i = 0; i < ARRAY_LEN(units); i++)
        if (strcmp(end, units[i].name) == 0) {
            *unit_ns = units[i].ns;
            return number;
        }
    words->failed = true;
    *unit_ns = 0;
    return 0;
}

uint64_t
words_duration(struct words *words)
{
    uint64_t unit_ns;
    const uint64_t number = read_duration(words, &unit_ns);

    return unit_ns == 0 ? number : number * unit_ns;
}

uint64_t
words_time(struct words *words)
{
    uint64_t unit_ns;
    const uint64_t number = read_duration(words, &unit_ns);

    return unit_ns == 0 ? number : TEXT_START_NS + number * unit_ns;
}

uint32_t
words_name(struct words *words, char letter)
{
    uint32_t number = 0;

    if (!text_read_name(words_any(words), letter, &number))
        words->failed = true;
    return number;
}

uint16_t
words_session(struct words *words)
{
    if (words_take(words, "X"))
        return CELL_SESSION;
    return (uint16_t)words_name(words, 'S');
}

uint32_t
words_instrument(struct words *words)
{
    uint32_t number;

    if (words->next < words->cnt && text_read_name(words->at[words->next], 'I', &number)) {
        words->next++;
        return number;
    }
    return 1;
}

uint8_t
words_value(struct words *words, const char *(*name)(unsigned))
{
    const char *word = words_any(words);

    for (unsigned v = 0; v < 256; v++) {
        const char *known = name(v);

        if (known != NULL && strcmp(known, word) == 0)
            return (uint8_t)v;
    }
    words->failed = true;
    return 0;
}

bool
text_read_name(const char *word, char letter, uint32_t *number)
{
    char *end;

    if (word[0] != letter || word[1] < '0' || word[1] > '9')
        return false;
    *number = (uint32_t)strtoull(word + 1, &end, 10);
    return *end == '\0';
}

bool
text_read_order(const char *word, uint16_t *session, uint64_t *clord)
{
    unsigned number;
    int used = 0;

    if (sscanf(word, "S%5u/%" SCNu64 "%n", &number, clord, &used) != 2 || word[used] != '\0')
        return false;
    *session = (uint16_t)number;
    return true;
}

bool
text_read_px(const char *word, px_t *px)
{
    const bool negative = *word == '-';
    notional_t units = 0;
    unsigned decimals = 0;
    bool in_decimals = false;

    word += negative;
    if (*word == '\0')
        return false;
    for (; *word != '\0'; word++) {
        if (*word == '.' && !in_decimals) {
            in_decimals = true;
            continue;
        }
        if (*word < '0' || *word > '9' || decimals == 8)
            return false;
        units = units * 10 + (*word - '0');
        decimals += in_decimals;
    }
    for (; decimals < 8; decimals++)
        units *= 10;
    if (units > INT64_MAX)
        return false;
    *px = negative ? -(px_t)units : (px_t)units;
    return true;
}

void
text_write_px(px_t px, char word[32])
{
    const uint64_t units = px < 0 ? 0 - (uint64_t)px : (uint64_t)px;
    int len = snprintf(word, 32, "%s%" PRIu64 ".%08" PRIu64, px < 0 ? "-" : "", units / PX_ONE,
                       units % PX_ONE);

    for (int keep = len - 6; len > keep && word[len - 1] == '0'; len--)
        word[len - 1] = '\0';
}
