#include "tools/config_doc.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "tools/text.h"

struct doc {
    yaml_document_t yaml;
    bool loaded;
    bool failed;
    const char *file;
    char *why;
    size_t why_bytes;
};

static __attribute__((format(printf, 3, 0))) void
fail_line(struct doc *doc, size_t line, const char *format, va_list args)
{
    size_t len;

    if (doc->failed)
        return;
    doc->failed = true;
    snprintf(doc->why, doc->why_bytes, "%s:%zu: ", doc->file, line);
    len = strlen(doc->why);
    vsnprintf(doc->why + len, doc->why_bytes - len, format, args);
}

static __attribute__((format(printf, 3, 4))) void
fail_at(struct doc *doc, int node, const char *format, ...)
{
    const yaml_node_t *at = node > 0 ? yaml_document_get_node(&doc->yaml, node) : NULL;
    va_list args;

    va_start(args, format);
    fail_line(doc, at != NULL ? at->start_mark.line + 1 : 1, format, args);
    va_end(args);
}

static __attribute__((format(printf, 3, 4))) void
fail_syntax(struct doc *doc, size_t line, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fail_line(doc, line, format, args);
    va_end(args);
}

/* load_only loads the first document and sees that it is the only one. */
static void
load_only(struct doc *doc, yaml_parser_t *parser)
{
    yaml_document_t next;

    if (!yaml_parser_load(parser, &doc->yaml)) {
        fail_syntax(doc, parser->problem_mark.line + 1, "this is not YAML (%s), expected YAML 1.1",
                    parser->problem != NULL ? parser->problem : "out of memory");
        return;
    }
    doc->loaded = true;
    if (yaml_document_get_root_node(&doc->yaml) == NULL) {
        fail_syntax(doc, 1, "the file is empty, expected a configuration");
        return;
    }
    if (!yaml_parser_load(parser, &next)) {
        fail_syntax(doc, parser->problem_mark.line + 1, "this is not YAML (%s), expected YAML 1.1",
                    parser->problem != NULL ? parser->problem : "out of memory");
        return;
    }
    const yaml_node_t *root = yaml_document_get_root_node(&next);
    if (root != NULL)
        fail_syntax(doc, root->start_mark.line + 1, "a second document begins, expected one");
    yaml_document_delete(&next);
}

struct doc *
doc_open(const char *text, size_t len, const char *file, char *why, size_t why_bytes)
{
    struct doc *doc = calloc(1, sizeof *doc);
    yaml_parser_t parser;

    if (doc == NULL)
        return NULL;
    *doc = (struct doc){.file = file, .why = why, .why_bytes = why_bytes};
    if (!yaml_parser_initialize(&parser)) {
        free(doc);
        return NULL;
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
    load_only(doc, &parser);
    yaml_parser_delete(&parser);
    return doc;
}

void
doc_close(struct doc *doc)
{
    if (doc->loaded)
        yaml_document_delete(&doc->yaml);
    free(doc);
}

bool
doc_failed(const struct doc *doc)
{
    return doc->failed;
}

static yaml_node_t *
node_of(struct doc *doc, int node)
{
    return node > 0 ? yaml_document_get_node(&doc->yaml, node) : NULL;
}

static const char *
scalar_of(const yaml_node_t *node)
{
    return (const char *)node->data.scalar.value;
}

static const char *
type_of(const yaml_node_t *node)
{
    return node->type == YAML_MAPPING_NODE ? "a mapping" : "a list";
}

/* is_null is true for what YAML takes for nothing. */
static bool
is_null(const yaml_node_t *node)
{
    if (node->type != YAML_SCALAR_NODE || node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return false;
    const char *text = scalar_of(node);
    return *text == '\0' || strcmp(text, "~") == 0 || strcasecmp(text, "null") == 0;
}

/* is_untyped is true for a plain scalar that is no text to YAML 1.1. */
static bool
is_untyped(const yaml_node_t *node)
{
    static const char words[] = "true false yes no on off y n";
    const char *text = scalar_of(node);
    char lower[8] = "";
    char *end;

    if (node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return false;
    (void)strtod(text, &end);
    if (strchr("+-.0123456789", *text) != NULL && *end == '\0')
        return true;
    if (strlen(text) >= sizeof lower)
        return false;
    for (size_t i = 0; text[i] != '\0'; i++)
        lower[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] + 32 : text[i]);
    return doc_word_of(words, lower) != DOC_NEEDED_WORD;
}

/* has_tag refuses explicit tags: the schema says what each value is. */
static bool
has_tag(struct doc *doc, int id, const char *what)
{
    const yaml_node_t *node = node_of(doc, id);
    const char *plain = node->type == YAML_SCALAR_NODE     ? YAML_STR_TAG
                        : node->type == YAML_SEQUENCE_NODE ? YAML_SEQ_TAG
                                                           : YAML_MAP_TAG;

    if (node->tag == NULL || strcmp((const char *)node->tag, plain) == 0)
        return false;
    fail_at(doc, id, "%s has the tag %s, expected none", what, (const char *)node->tag);
    return true;
}

uint32_t
doc_word_of(const char *words, const char *text)
{
    const size_t len = strlen(text);

    for (uint32_t i = 0;; i++) {
        const size_t word = strcspn(words, " ");

        if (word == len && len > 0 && memcmp(words, text, len) == 0)
            return i;
        if (words[word] == '\0')
            return DOC_NEEDED_WORD;
        words += word + 1;
    }
}

/* commas writes a list of words as "a, b, c". */
static const char *
commas(const char *words, char *buf, size_t bytes)
{
    size_t len = 0;

    for (; *words != '\0' && len + 3 < bytes; words++) {
        if (*words == ' ')
            buf[len++] = ',';
        buf[len++] = *words;
    }
    buf[len] = '\0';
    return buf;
}

static __attribute__((format(printf, 2, 3))) void
name_it(char what[DOC_WHAT_BYTES], const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(what, DOC_WHAT_BYTES, format, args);
    va_end(args);
}

static const char *
key_what(const struct doc_map *map, const char *key, char what[DOC_WHAT_BYTES])
{
    if (map->what[0] == '\0')
        name_it(what, "%s", key);
    else
        name_it(what, "%.60s.%s", map->what, key);
    return what;
}

/* check_keys refuses what is not in keys, and what is there twice. */
static void
check_keys(const struct doc_map *map, const char *keys)
{
    const yaml_node_t *node = node_of(map->doc, map->node);
    char what[DOC_WHAT_BYTES];
    char list[512];

    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = node_of(map->doc, pair->key);

        if (key->type != YAML_SCALAR_NODE) {
            fail_at(map->doc, pair->key, "a key is %s, expected one of %s", type_of(key),
                    commas(keys, list, sizeof list));
            return;
        }
        if (doc_word_of(keys, scalar_of(key)) == DOC_NEEDED_WORD) {
            fail_at(map->doc, pair->key, "unknown key %.70s, expected one of %s",
                    key_what(map, scalar_of(key), what), commas(keys, list, sizeof list));
            return;
        }
        for (const yaml_node_pair_t *other = node->data.mapping.pairs.start; other < pair; other++)
            if (strcmp(scalar_of(node_of(map->doc, other->key)), scalar_of(key)) == 0) {
                fail_at(map->doc, pair->key, "%s is given twice, expected once",
                        key_what(map, scalar_of(key), what));
                return;
            }
    }
}

/* open_map makes node, if it is one, the mapping of map. */
static void
open_map(struct doc_map *map, int node, const char *keys)
{
    struct doc *doc = map->doc;
    const char *what = map->what[0] != '\0' ? map->what : "the configuration";
    const yaml_node_t *at = node_of(doc, node);

    map->node = 0;
    if (at == NULL || doc->failed || has_tag(doc, node, what))
        return;
    map->line_node = node;
    if (at->type != YAML_MAPPING_NODE) {
        fail_at(doc, node, "%s is %s, expected a mapping", what,
                at->type == YAML_SCALAR_NODE ? "a single value" : "a list");
        return;
    }
    map->node = node;
    check_keys(map, keys);
}

void
doc_root(struct doc *doc, const char *keys, struct doc_map *map)
{
    *map = (struct doc_map){.doc = doc, .line_node = 1};
    if (!doc->failed)
        open_map(map, 1, keys);
}

/* find returns the node at key, 0 if none is given; the sticky failure makes
 * everything absent. */
static int
find(const struct doc_map *map, const char *key)
{
    const yaml_node_t *node = node_of(map->doc, map->node);

    if (node == NULL || map->doc->failed)
        return 0;
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *name = node_of(map->doc, pair->key);

        if (strcmp(scalar_of(name), key) == 0)
            return is_null(node_of(map->doc, pair->value)) ? 0 : pair->value;
    }
    return 0;
}

bool
doc_given(const struct doc_map *map, const char *key)
{
    return find(map, key) != 0;
}

void
doc_map(const struct doc_map *parent, const char *key, const char *keys, struct doc_map *map)
{
    *map = (struct doc_map){.doc = parent->doc, .line_node = parent->line_node};
    key_what(parent, key, map->what);
    open_map(map, find(parent, key), keys);
}

void
doc_list(const struct doc_map *parent, const char *key, unsigned cnt_max, struct doc_list *list)
{
    struct doc *doc = parent->doc;
    const int id = find(parent, key);
    const yaml_node_t *node = node_of(doc, id);

    *list = (struct doc_list){.doc = doc};
    key_what(parent, key, list->what);
    if (node == NULL || has_tag(doc, id, list->what))
        return;
    if (node->type != YAML_SEQUENCE_NODE) {
        fail_at(doc, id, "%s is %s, expected a list", list->what,
                node->type == YAML_SCALAR_NODE ? "a single value" : "a mapping");
        return;
    }
    const size_t cnt = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
    if (cnt > cnt_max) {
        fail_at(doc, id, "%s has %zu items, expected at most %u", list->what, cnt, cnt_max);
        return;
    }
    list->node = id;
    list->cnt = (unsigned)cnt;
}

static int
item_node(const struct doc_list *list, unsigned i)
{
    const yaml_node_t *node = node_of(list->doc, list->node);

    ASSERT(i < list->cnt);
    return node->data.sequence.items.start[i];
}

void
doc_item(const struct doc_list *list, unsigned i, const char *keys, struct doc_map *map)
{
    *map = (struct doc_map){.doc = list->doc, .line_node = list->node};
    name_it(map->what, "%.70s[%u]", list->what, i);
    open_map(map, item_node(list, i), keys);
}

const char *
doc_item_text(const struct doc_list *list, unsigned i)
{
    const int id = item_node(list, i);
    const yaml_node_t *node = node_of(list->doc, id);

    if (list->doc->failed)
        return "";
    if (node->type != YAML_SCALAR_NODE || is_null(node)) {
        fail_at(list->doc, id, "%s[%u] is %s, expected text", list->what, i,
                node->type == YAML_SCALAR_NODE ? "empty" : type_of(node));
        return "";
    }
    if (has_tag(list->doc, id, list->what))
        return "";
    return scalar_of(node);
}

/* scalar returns the text of the value at key, NULL if it is not given, or not
 * usable, which has then been refused. */
static const char *
scalar(const struct doc_map *map, const char *key, bool needed, const char *expected)
{
    const int id = find(map, key);
    const yaml_node_t *node = node_of(map->doc, id);
    char what[DOC_WHAT_BYTES];

    key_what(map, key, what);
    if (node == NULL) {
        if (needed)
            fail_at(map->doc, map->line_node, "%s is missing, expected %s", what, expected);
        return NULL;
    }
    if (node->type != YAML_SCALAR_NODE) {
        fail_at(map->doc, id, "%s is %s, expected %s", what, type_of(node), expected);
        return NULL;
    }
    if (has_tag(map->doc, id, what))
        return NULL;
    return scalar_of(node);
}

static bool
is_plain(const struct doc_map *map, const char *key)
{
    return node_of(map->doc, find(map, key))->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

/* is_number is true for a plain whole number: no sign but -, no octal. */
static bool
is_number(const struct doc_map *map, const char *key, const char *text)
{
    const char *digits = text + (*text == '-');

    return is_plain(map, key) && (digits[0] != '0' || digits[1] == '\0');
}

static void
refuse_number(const struct doc_map *map, const char *key, const char *text, const char *expected)
{
    const char *quote = is_plain(map, key) ? "" : "\"";

    doc_refuse(map, key, "is %s%.40s%s, expected %s", quote, text, quote, expected);
}

uint64_t
doc_u64(const struct doc_map *map, const char *key, uint64_t min, uint64_t max, uint64_t fallback)
{
    char expected[96];
    uint64_t value;

    snprintf(expected, sizeof expected, "a whole number from %" PRIu64 " to %" PRIu64, min, max);
    const char *text = scalar(map, key, fallback == DOC_NEEDED, expected);
    if (text == NULL)
        return fallback == DOC_NEEDED ? min : fallback;
    if (is_number(map, key, text) && text_u64_parse(text, &value) && value >= min && value <= max)
        return value;
    refuse_number(map, key, text, expected);
    return min;
}

int64_t
doc_i64(const struct doc_map *map, const char *key, int64_t min, int64_t max, int64_t fallback)
{
    char expected[96];
    uint64_t size;

    snprintf(expected, sizeof expected, "a whole number from %" PRId64 " to %" PRId64, min, max);
    const char *text = scalar(map, key, false, expected);
    if (text == NULL)
        return fallback;
    if (is_number(map, key, text) && text_u64_parse(text + (*text == '-'), &size) &&
        size <= INT64_MAX) {
        const int64_t value = *text == '-' ? -(int64_t)size : (int64_t)size;

        if (value >= min && value <= max)
            return value;
    }
    refuse_number(map, key, text, expected);
    return min;
}

bool
doc_bool(const struct doc_map *map, const char *key, bool fallback)
{
    const char *text = scalar(map, key, false, "true or false");

    if (text == NULL)
        return fallback;
    const uint32_t word = is_plain(map, key) ? doc_word_of("false true", text) : DOC_NEEDED_WORD;
    if (word == DOC_NEEDED_WORD)
        doc_refuse(map, key, "is %.40s, expected true or false", text);
    return word == 1;
}

px_t
doc_px(const struct doc_map *map, const char *key, px_t min, px_t max, px_t fallback)
{
    char expected[128];
    char low[TEXT_PX_BYTES];
    char high[TEXT_PX_BYTES];
    px_t px;

    snprintf(expected, sizeof expected, "a decimal from %s to %s with at most 8 decimals",
             text_px(min, 0, low), text_px(max, 0, high));
    const char *text = scalar(map, key, fallback == DOC_NEEDED_PX, expected);
    if (text == NULL)
        return fallback == DOC_NEEDED_PX ? min : fallback;
    if (text_px_parse(text, &px) && px >= min && px <= max)
        return px;
    doc_refuse(map, key, "is %.40s, expected %s", text, expected);
    return min;
}

uint32_t
doc_word(const struct doc_map *map, const char *key, const char *words, uint32_t fallback)
{
    char expected[256] = "one of ";
    const char *text;
    uint32_t word;

    commas(words, expected + 7, sizeof expected - 7);
    text = scalar(map, key, fallback == DOC_NEEDED_WORD, expected);
    if (text == NULL)
        return fallback == DOC_NEEDED_WORD ? 0 : fallback;
    word = doc_word_of(words, text);
    if (word != DOC_NEEDED_WORD)
        return word;
    doc_refuse(map, key, "is %.40s, expected %s", text, expected);
    return 0;
}

const char *
doc_scalar(const struct doc_map *map, const char *key, const char *expected)
{
    const char *text = scalar(map, key, true, expected);

    return text != NULL ? text : "";
}

const char *
doc_text(const struct doc_map *map, const char *key, const char *fallback, const char *expected)
{
    const char *text = scalar(map, key, fallback == NULL, expected);

    if (text == NULL)
        return fallback == NULL ? "" : fallback;
    const yaml_node_t *node = node_of(map->doc, find(map, key));
    if (strlen(text) != node->data.scalar.length) {
        doc_refuse(map, key, "holds a NUL character, expected %s", expected);
        return "";
    }
    if (is_untyped(node)) {
        doc_refuse(map, key, "is %.40s, which YAML takes for no text, expected %s in quotes", text,
                   expected);
        return "";
    }
    return text;
}

void
doc_refuse(const struct doc_map *map, const char *key, const char *format, ...)
{
    const int at = key != NULL ? find(map, key) : 0;
    char what[DOC_WHAT_BYTES];
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fail_at(map->doc, at != 0 ? at : map->line_node, "%s %s",
            key != NULL ? key_what(map, key, what) : map->what, text);
}

void
doc_refuse_item(const struct doc_list *list, unsigned i, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fail_at(list->doc, item_node(list, i), "%s[%u] %s", list->what, i, text);
}
