#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tools/text.h"
#include "tools/verb_private.h"
#include "tools/view.h"
#include "tools/words.h"

#define LINE_BYTES 512u

/* value_of returns the value if the word is KEY=VALUE of this key, else NULL. */
static const char *
value_of(const char *word, const char *key)
{
    const size_t len = strlen(key);

    return strncmp(word, key, len) == 0 && word[len] == '=' ? word + len + 1 : NULL;
}

/* read_permille reads where a stage begins; none: nowhere. */
static bool
read_permille(const char *text, uint16_t *permille)
{
    uint64_t value;

    *permille = 0;
    if (strcmp(text, "none") == 0)
        return true;
    if (!text_u64_parse(text, &value) || value < 1 || value >= RISK_PERMILLE_END)
        return false;
    *permille = (uint16_t)value;
    return true;
}

/* read_pause reads a time in whole milliseconds. */
static bool
read_pause(const char *text, uint16_t *ms)
{
    uint64_t ns;

    if (!words_span_parse(text, &ns) || ns % 1000000 != 0 || ns < 1000000 ||
        ns / 1000000 > UINT16_MAX)
        return false;
    *ms = (uint16_t)(ns / 1000000);
    return true;
}

static bool
read_yes(struct verb_reading *in, const char *word, uint8_t *value)
{
    const char *text = strchr(word, '=') + 1;

    *value = strcmp(text, "yes") == 0;
    return *value != 0 || strcmp(text, "no") == 0 ||
           verb_wrong(in, "%.40s is not understood, expected yes or no", word);
}

static bool
read_limit_option(struct verb_reading *in, struct verb *verb, const char *word)
{
    struct cell_limit_set *set = &verb->cells[0].limit_set;
    const struct {
        const char *key;
        uint16_t *permille;
    } stages[] = {
        {"warn", &set->warn_permille},
        {"slow", &set->slow_permille},
        {"close", &set->close_permille},
        {"block", &set->block_permille},
    };
    const char *text;

    for (unsigned i = 0; i < ARRAY_LEN(stages); i++) {
        if ((text = value_of(word, stages[i].key)) == NULL)
            continue;
        verb_name(verb, 0, stages[i].permille, sizeof *stages[i].permille);
        /* Without the stage there is no pause. */
        if (i == 1 && strcmp(text, "none") == 0)
            verb_name(verb, 0, &set->slow_ms, sizeof set->slow_ms);
        return read_permille(text, stages[i].permille) ||
               verb_wrong(in,
                          "%.40s is not understood, expected 1 to 999 permille of the limit, or "
                          "none",
                          word);
    }
    if ((text = value_of(word, "window")) != NULL) {
        verb_name(verb, 0, &set->window_ns, sizeof set->window_ns);
        return words_span_parse(text, &set->window_ns) ||
               verb_wrong(in, "%.40s is no time, expected a number and ns, us, ms or s", word);
    }
    if ((text = value_of(word, "pause")) != NULL) {
        verb_name(verb, 0, &set->slow_ms, sizeof set->slow_ms);
        return read_pause(text, &set->slow_ms) ||
               verb_wrong(in, "%.40s is no pause, expected 1ms to 65535ms", word);
    }
    if (value_of(word, "cancel") != NULL) {
        if (in->row)
            return verb_wrong(in, "%.40s is not for a file, expected it of admin limit", word);
        verb_name(verb, 0, &set->cancels, sizeof set->cancels);
        return read_yes(in, word, &set->cancels);
    }
    return verb_wrong(in,
                      "%.40s is not known, expected window=, warn=, slow=, pause=, close=, "
                      "block= or cancel=",
                      word);
}

/* read_limit_subject reads LEVEL SUBJECT, of a pair LEVEL ACCOUNT SYMBOL; `at` is
 * then behind it. */
static bool
read_limit_subject(struct verb_reading *in,
                   struct cell_limit_set *set,
                   char *subject,
                   size_t bytes,
                   unsigned *at)
{
    const uint8_t level = words_level(in->words[0]);
    uint32_t id;

    if (level == OE_RISK_LEVEL_NONE)
        return verb_wrong(in,
                          "%.40s is no level, expected session, account, group, firm, "
                          "instrument or pair",
                          in->words[0]);
    set->level = level;
    *at = 2;
    snprintf(subject, bytes, "%s %s", in->words[0], in->words[1]);
    if (level != OE_RISK_LEVEL_ACCOUNT_INSTRUMENT) {
        if (!verb_find(in, level, in->words[1], &id))
            return false;
        set->subject = id;
        return true;
    }
    if (in->cnt < 5)
        return verb_wrong(in, "words are missing, expected limit pair ACCOUNT SYMBOL LIMIT VALUE");
    *at = 3;
    snprintf(subject, bytes, "account %s in %s", in->words[1], in->words[2]);
    if (!verb_find(in, OE_RISK_LEVEL_ACCOUNT, in->words[1], &id))
        return false;
    set->subject = id;
    if (!verb_find(in, OE_RISK_LEVEL_INSTRUMENT, in->words[2], &id))
        return false;
    set->instrument = id;
    return true;
}

bool
verb_read_limit(struct verb_reading *in, struct verb *verb)
{
    char subject[64];
    unsigned at;

    verb_open(verb, CELL_KIND_LIMIT_SET, 1);
    struct cell_limit_set *set = &verb->cells[0].limit_set;
    if (!read_limit_subject(in, set, subject, sizeof subject, &at))
        return false;

    const char *name = in->words[at];
    const char *value = in->words[at + 1];

    set->limit = words_limit(name);
    if (set->limit == CELL_RISK_LIMIT_NONE)
        return verb_wrong(in, "%.40s is no limit, expected one of " WORDS_LIMITS, name);
    if (!words_value_parse(set->limit, value, &set->value))
        return verb_wrong(in, "%.40s is no value of %s, expected %s or none", value, name,
                          words_limit_is_money(set->limit) ? "a decimal with at most 8 places"
                                                           : "a whole number");
    verb_part(verb, set->subject, view_limit_key(set->level, set->limit));
    verb_name(verb, 0, &set->value, sizeof set->value);
    for (unsigned i = at + 2; i < in->cnt; i++)
        if (!read_limit_option(in, verb, in->words[i]))
            return false;
    const char *wrong = in->row ? words_limit_wrong(set) : NULL;
    if (wrong != NULL)
        return verb_wrong(in, "%s %s", name, wrong);
    verb_say(verb, "%s of %s is %s", name, subject, value);
    return true;
}

/* read_bits reads words with a + between two as bits. */
static bool
read_bits(struct verb_reading *in, const char *word, const char *names, uint8_t *bits)
{
    char list[LINE_BYTES];
    char *rest = list;
    const char *one;

    snprintf(list, sizeof list, "%s", strchr(word, '=') + 1);
    *bits = 0;
    if (list[0] == '\0')
        return verb_wrong(in, "%.40s names nothing, expected all, or some of %s, + between two",
                          word, names);
    if (strcmp(list, "all") == 0) {
        for (unsigned bit = 0; *names != '\0'; bit++) {
            *bits = (uint8_t)(*bits | 1u << bit);
            names += strcspn(names, " ");
            names += *names == ' ';
        }
        return true;
    }
    while ((one = strsep(&rest, "+")) != NULL) {
        unsigned bit = 0;
        const char *name = names;

        for (; *name != '\0'; bit++) {
            const size_t len = strcspn(name, " ");

            if (strlen(one) == len && strncmp(one, name, len) == 0)
                break;
            name += len + (name[len] == ' ');
        }
        if (*one == '\0')
            return verb_wrong(in, "%.40s has a + too many, expected some of %s, + between two",
                              word, names);
        if (*name == '\0')
            return verb_wrong(in, "%.40s in %.40s is not known, expected some of %s, + between two",
                              one, word, names);
        *bits = (uint8_t)(*bits | 1u << bit);
    }
    return true;
}

static bool
read_rule_option(struct verb_reading *in, struct verb *verb, const char *word)
{
    struct cell_order_rule_set *set = &verb->cells[0].order_rule_set;
    const bool account = set->level == OE_RISK_LEVEL_ACCOUNT;
    const struct {
        const char *key;
        const char *names; /* of bits; NULL: yes or no */
        uint8_t *value;
        bool of;
    } options[] = {
        {"types", WORDS_TYPES, &set->types, true},
        {"tifs", WORDS_TIFS, &set->tifs, true},
        {"covered", NULL, &set->covered, account},
        {"references", WORDS_REFERENCES, &set->references, !account},
        {"unreferenced", NULL, &set->unreferenced, !account},
    };
    const bool all = strcmp(word, "default") == 0 && in->cnt == 3;
    bool read = all;

    for (unsigned i = 0; i < ARRAY_LEN(options); i++) {
        if (!options[i].of || (!all && value_of(word, options[i].key) == NULL))
            continue;
        verb_name(verb, 0, options[i].value, 1);
        if (all)
            continue;
        if (options[i].names != NULL ? !read_bits(in, word, options[i].names, options[i].value)
                                     : !read_yes(in, word, options[i].value))
            return false;
        read = true;
    }
    return read || verb_wrong(in, "%.40s is not known, expected %s", word, VERB_RULE_USAGE);
}

bool
verb_read_rule(struct verb_reading *in, struct verb *verb)
{
    const uint8_t level = words_level(in->words[0]);
    uint32_t id;

    if (level != OE_RISK_LEVEL_ACCOUNT && level != OE_RISK_LEVEL_INSTRUMENT)
        return verb_wrong(in, "%.40s has no rules, expected account or instrument", in->words[0]);
    if (!verb_find(in, level, in->words[1], &id))
        return false;
    verb_open(verb, CELL_KIND_ORDER_RULE_SET, 1);
    struct cell_order_rule_set *set = &verb->cells[0].order_rule_set;
    set->subject = id;
    set->level = level;
    set->types = WORDS_TYPES_ALL;
    set->tifs = WORDS_TIFS_ALL;
    set->references = level == OE_RISK_LEVEL_INSTRUMENT ? WORDS_REFERENCES_DEFAULT : 0;
    verb_part(verb, id, level);
    for (unsigned i = 2; i < in->cnt; i++)
        if (!read_rule_option(in, verb, in->words[i]))
            return false;
    verb_say(verb, "order rule of %s %s is", in->words[0], in->words[1]);
    return true;
}
