/*
 * The parts of the configuration that are risk's: limits, fees, order rules.
 *
 * They are kept as the commands that they become. Limits that have a key of their
 * own with accounts, instruments and positions are not taken here a second time.
 */
#include <stdlib.h>
#include <string.h>

#include "proto/limits.h"
#include "risk/limits.h"

#include "tools/config_read.h"
#include "tools/roster.h"
#include "tools/words.h"

#define LIMITS_MAX (1u << 24)
#define RULES_MAX  (1u << 21)

#define LIMIT_LEVELS "session account group firm"
#define RULE_LEVELS  "account instrument"

/* read_subject reads the name of one of a level; ids will not do: a file has names. */
static uint32_t
read_subject(const struct doc_map *map, const struct roster *roster, uint8_t level)
{
    char expected[48];
    char buf[ROSTER_NAME_BYTES];
    uint32_t id = 0;

    snprintf(expected, sizeof expected, "the %s of %s %s",
             level == OE_RISK_LEVEL_INSTRUMENT ? "symbol" : "name",
             level == OE_RISK_LEVEL_ACCOUNT || level == OE_RISK_LEVEL_INSTRUMENT ? "an" : "a",
             words_level_name(level));
    const char *name = doc_text(map, "subject", NULL, expected);
    if (doc_failed(map->doc))
        return 0;
    if (!roster_find(roster, level, name, &id) ||
        strcmp(roster_name(roster, level, id, buf), name) != 0)
        doc_refuse(map, "subject", "is %.40s, which is not there, expected %s", name, expected);
    return id;
}

/* has_own_key says whether a limit has its place elsewhere in the file. */
static bool
has_own_key(uint8_t level, uint8_t limit)
{
    return level == OE_RISK_LEVEL_ACCOUNT && limit <= CELL_RISK_LIMIT_SHORT;
}

static uint64_t
read_span(const struct doc_map *map, const char *key)
{
    static const char expected[] = "a number with ns, us, ms or s behind it";
    uint64_t ns = 0;

    if (!doc_given(map, key))
        return 0;
    const char *text = doc_text(map, key, NULL, expected);
    if (!doc_failed(map->doc) && !words_span_parse(text, &ns))
        doc_refuse(map, key, "is %.40s, expected %s", text, expected);
    return ns;
}

static uint16_t
read_permille(const struct doc_map *map, const char *key)
{
    return (uint16_t)doc_u64(map, key, 1, RISK_PERMILLE_END - 1, 0);
}

static void
read_value(const struct doc_map *map, struct cell_limit_set *set)
{
    const char *expected = words_limit_is_money(set->limit)
                               ? "a decimal with at most 8 decimals, or none"
                               : "a whole number, or none";
    const char *text = doc_scalar(map, "value", expected);

    if (!doc_failed(map->doc) && !words_value_parse(set->limit, text, &set->value))
        doc_refuse(map, "value", "is %.40s, expected %s", text, expected);
}

static void
read_limit(const struct doc_map *map, const struct roster *roster, struct cell_limit_set *set)
{
    set->kind = CELL_KIND_LIMIT_SET;
    set->level = (uint8_t)(doc_word(map, "level", LIMIT_LEVELS, DOC_NEEDED_WORD) + 1);
    set->subject = read_subject(map, roster, set->level);
    set->limit = (uint8_t)(doc_word(map, "limit", WORDS_LIMITS, DOC_NEEDED_WORD) + 1);
    read_value(map, set);
    set->window_ns = read_span(map, "window");
    set->warn_permille = read_permille(map, "warn");
    set->slow_permille = read_permille(map, "slow");
    set->close_permille = read_permille(map, "close");
    set->block_permille = read_permille(map, "block");
    const uint64_t pause_ns = read_span(map, "pause");
    if (pause_ns % 1000000 != 0 || pause_ns / 1000000 > UINT16_MAX)
        doc_refuse(map, "pause", "is no good pause, expected 1ms to 65535ms");
    set->slow_ms = (uint16_t)(pause_ns / 1000000);
    if (doc_failed(map->doc))
        return;
    const char *wrong = words_limit_wrong(set);
    if (wrong != NULL)
        doc_refuse(map, NULL, "is a limit that %s", wrong);
    else if (has_own_key(set->level, set->limit))
        doc_refuse(map, "limit", "is a limit of accounts, expected it in their own limits");
}

/* A set of things, and where each was. */
struct placed {
    uint64_t key;
    unsigned at;
};

static int
by_key(const void *a, const void *b)
{
    const struct placed *x = a;
    const struct placed *y = b;

    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

static void
refuse_twice(const struct doc_list *list, struct placed *placed, unsigned cnt)
{
    qsort(placed, cnt, sizeof *placed, by_key);
    for (unsigned i = 1; i < cnt && !doc_failed(list->doc); i++)
        if (placed[i].key == placed[i - 1].key)
            doc_refuse_item(list, placed[i].at, "says again what %s[%u] says, expected each once",
                            list->what, placed[i - 1].at);
    free(placed);
}

static void
read_limits(struct config *config, const struct doc_map *root, const struct roster *roster)
{
    struct doc_list list;

    doc_list(root, "limits", LIMITS_MAX, &list);
    config->limits = config_array(list.cnt, sizeof *config->limits);
    struct placed *placed = config_array(list.cnt, sizeof *placed);
    for (unsigned i = 0; i < list.cnt && !doc_failed(root->doc); i++) {
        struct cell_limit_set *set = &config->limits[config->limits_cnt];
        struct doc_map map;

        doc_item(&list, i, "level subject limit value window warn slow pause close block", &map);
        read_limit(&map, roster, set);
        placed[config->limits_cnt++] = (struct placed){
            (uint64_t)set->level << 40 | (uint64_t)set->limit << 32 | set->subject, i};
    }
    refuse_twice(&list, placed, config->limits_cnt);
}

/* read_bits reads a list of words as bits; none given: all that hold by default. */
static uint8_t
read_bits(const struct doc_map *map, const char *key, const char *words, uint8_t fallback)
{
    struct doc_list list;
    unsigned bits = 0;

    if (!doc_given(map, key))
        return fallback;
    doc_list(map, key, 8, &list);
    for (unsigned i = 0; i < list.cnt && !doc_failed(map->doc); i++) {
        const char *text = doc_item_text(&list, i);
        const uint32_t bit = doc_word_of(words, text);

        if (doc_failed(map->doc))
            break;
        if (bit == DOC_NEEDED_WORD)
            doc_refuse_item(&list, i, "is %.40s, expected some of %s", text, words);
        else
            bits |= 1u << bit;
    }
    return (uint8_t)bits;
}

static void
read_rule(const struct doc_map *map, const struct roster *roster, struct cell_order_rule_set *set)
{
    const bool account = doc_word(map, "level", RULE_LEVELS, DOC_NEEDED_WORD) == 0;
    static const char *const keys[][2] = {{"references", "unreferenced"}, {"covered", "covered"}};

    set->kind = CELL_KIND_ORDER_RULE_SET;
    set->level = account ? OE_RISK_LEVEL_ACCOUNT : OE_RISK_LEVEL_INSTRUMENT;
    set->subject = read_subject(map, roster, set->level);
    set->types = read_bits(map, "types", WORDS_TYPES, WORDS_TYPES_ALL);
    set->tifs = read_bits(map, "tifs", WORDS_TIFS, WORDS_TIFS_ALL);
    set->covered = doc_bool(map, "covered", false);
    set->unreferenced = doc_bool(map, "unreferenced", false);
    set->references =
        read_bits(map, "references", WORDS_REFERENCES, account ? 0 : WORDS_REFERENCES_DEFAULT);
    for (unsigned i = 0; i < 2; i++)
        if (doc_given(map, keys[!account][i]))
            doc_refuse(map, keys[!account][i], "is given, expected only with level: %s",
                       account ? "instrument" : "account");
}

static void
read_rules(struct config *config, const struct doc_map *root, const struct roster *roster)
{
    struct doc_list list;

    doc_list(root, "rules", RULES_MAX, &list);
    config->rules = config_array(list.cnt, sizeof *config->rules);
    struct placed *placed = config_array(list.cnt, sizeof *placed);
    for (unsigned i = 0; i < list.cnt && !doc_failed(root->doc); i++) {
        struct cell_order_rule_set *set = &config->rules[config->rules_cnt];
        struct doc_map map;

        doc_item(&list, i, "level subject types tifs covered references unreferenced", &map);
        read_rule(&map, roster, set);
        placed[config->rules_cnt++] = (struct placed){(uint64_t)set->level << 40 | set->subject, i};
    }
    refuse_twice(&list, placed, config->rules_cnt);
}

void
config_read_fees(const struct doc_map *map, struct config_instrument *instrument)
{
    struct doc_map fees;

    instrument->fees_given = doc_given(map, "fees");
    doc_map(map, "fees", "maker_ppm taker_ppm", &fees);
    instrument->maker_ppm = (int32_t)doc_i64(&fees, "maker_ppm", -FEE_PPM_MAX, FEE_PPM_MAX, 0);
    instrument->taker_ppm = (int32_t)doc_i64(&fees, "taker_ppm", 0, FEE_PPM_MAX, 0);
    if (instrument->maker_ppm + instrument->taker_ppm < 0)
        doc_refuse(&fees, "maker_ppm",
                   "is a larger rebate than the taker's fee, expected a sum "
                   "of 0 or more");
}

void
config_read_risk(struct config *config, const struct doc_map *root)
{
    struct roster roster;

    if (doc_failed(root->doc))
        return;
    roster_init(&roster, config);
    read_limits(config, root, &roster);
    read_rules(config, root, &roster);
    roster_fini(&roster);
}

/* print_bits prints the words of bits as a list. */
static void
print_bits(FILE *out, const char *key, const char *words, unsigned bits)
{
    bool first = true;
    char word[16];

    fprintf(out, ", %s: [", key);
    for (unsigned i = 0; bits >> i != 0; i++) {
        if ((bits >> i & 1u) == 0)
            continue;
        fprintf(out, "%s%s", first ? "" : ", ", config_word(words, i, word));
        first = false;
    }
    fputc(']', out);
}

static void
print_limit(const struct cell_limit_set *set, const struct roster *roster, FILE *out)
{
    const struct {
        const char *key;
        uint16_t permille;
    } stages[] = {{"warn", set->warn_permille},
                  {"slow", set->slow_permille},
                  {"close", set->close_permille},
                  {"block", set->block_permille}};
    char name[ROSTER_NAME_BYTES];
    char text[WORDS_AMOUNT_BYTES];

    fprintf(out, "  - {level: %s, subject: \"%s\", limit: %s, value: \"%s\"",
            words_level_name(set->level), roster_name(roster, set->level, set->subject, name),
            words_limit_name(set->limit),
            set->value == RISK_LIMIT_OFF ? "none" : words_amount(set->limit, set->value, text));
    if (set->window_ns != 0)
        fprintf(out, ", window: %s", words_span(set->window_ns, text));
    for (unsigned i = 0; i < ARRAY_LEN(stages); i++)
        if (stages[i].permille != 0)
            fprintf(out, ", %s: %u", stages[i].key, stages[i].permille);
    if (set->slow_ms != 0)
        fprintf(out, ", pause: %ums", set->slow_ms);
    fputs("}\n", out);
}

static void
print_rule(const struct cell_order_rule_set *set, const struct roster *roster, FILE *out)
{
    char name[ROSTER_NAME_BYTES];

    fprintf(out, "  - {level: %s, subject: \"%s\"", words_level_name(set->level),
            roster_name(roster, set->level, set->subject, name));
    print_bits(out, "types", WORDS_TYPES, set->types);
    print_bits(out, "tifs", WORDS_TIFS, set->tifs);
    if (set->level == OE_RISK_LEVEL_ACCOUNT) {
        fprintf(out, ", covered: %s}\n", set->covered != 0 ? "true" : "false");
        return;
    }
    print_bits(out, "references", WORDS_REFERENCES, set->references);
    fprintf(out, ", unreferenced: %s}\n", set->unreferenced != 0 ? "true" : "false");
}

void
config_print_risk(const struct config *config, FILE *out)
{
    struct roster roster;

    roster_init(&roster, config);
    fputs(config->limits_cnt > 0 ? "limits:\n" : "limits: []\n", out);
    for (unsigned i = 0; i < config->limits_cnt; i++)
        print_limit(&config->limits[i], &roster, out);
    fputs(config->rules_cnt > 0 ? "rules:\n" : "rules: []\n", out);
    for (unsigned i = 0; i < config->rules_cnt; i++)
        print_rule(&config->rules[i], &roster, out);
    roster_fini(&roster);
}
