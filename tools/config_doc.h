/*
 * Doc: a YAML document, read strictly.
 *
 *   doc_open -> doc_root -> doc_map, doc_list -> doc_item -> doc_u64, ... -> doc_close
 *
 * The first thing that is wrong is kept as one line, `FILE:LINE: what,
 * expected ...`; from then on all readers give back the default, so that a
 * caller may read on and look at the end (doc_failed). Strict means: a mapping
 * has known keys only, each once; a whole number is plain decimal digits; text
 * that YAML would take for a number, a truth value or nothing is quoted;
 * no tags, no second document. A key with an empty value counts as not given.
 *
 * `what` of a map or list is its path in the file, for messages. Texts live
 * until doc_close.
 */
#ifndef OUTCRY_TOOLS_CONFIG_DOC_H
#define OUTCRY_TOOLS_CONFIG_DOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base.h"
#include "proto/px_qty.h"

#define DOC_WHAT_BYTES 96u

/* As defaults: the key must be given. */
#define DOC_NEEDED      UINT64_MAX
#define DOC_NEEDED_WORD UINT32_MAX
#define DOC_NEEDED_PX   PX_MIN

struct doc;

struct doc_map {
    struct doc *doc;
    int node; /* 0: was not given */
    int line_node;
    char what[DOC_WHAT_BYTES];
};

struct doc_list {
    struct doc *doc;
    int node;
    unsigned cnt;
    char what[DOC_WHAT_BYTES];
};

/* doc_open parses; NULL without memory, else look at doc_failed. The first
 * failure is written to why. */
struct doc *doc_open(const char *text, size_t len, const char *file, char *why, size_t why_bytes);
void doc_close(struct doc *doc);
bool doc_failed(const struct doc *doc);

/* doc_root is the document's mapping; keys are those it may have, one blank
 * between two. */
void doc_root(struct doc *doc, const char *keys, struct doc_map *map);

/* doc_map is the mapping at key of parent; none given reads as an empty one. */
void doc_map(const struct doc_map *parent, const char *key, const char *keys, struct doc_map *map);

/* doc_list is the list at key of parent, empty if none is given; more than
 * cnt_max items are refused. */
void
doc_list(const struct doc_map *parent, const char *key, unsigned cnt_max, struct doc_list *list);
void doc_item(const struct doc_list *list, unsigned i, const char *keys, struct doc_map *map);
const char *doc_item_text(const struct doc_list *list, unsigned i);

bool doc_given(const struct doc_map *map, const char *key);
uint64_t
doc_u64(const struct doc_map *map, const char *key, uint64_t min, uint64_t max, uint64_t fallback);
int64_t
doc_i64(const struct doc_map *map, const char *key, int64_t min, int64_t max, int64_t fallback);
bool doc_bool(const struct doc_map *map, const char *key, bool fallback);

/* doc_px reads a decimal number, plain or quoted. */
px_t doc_px(const struct doc_map *map, const char *key, px_t min, px_t max, px_t fallback);

/* doc_scalar reads a value of which the caller knows the type, quoted or not; it must
 * be given. Never NULL. */
const char *doc_scalar(const struct doc_map *map, const char *key, const char *expected);

/* doc_word returns which of the words, one blank between two, is given. */
uint32_t doc_word(const struct doc_map *map, const char *key, const char *words, uint32_t fallback);

/* doc_text returns text; fallback NULL: it must be given. Never NULL. */
const char *
doc_text(const struct doc_map *map, const char *key, const char *fallback, const char *expected);

/* doc_word_of finds text in words: its number or DOC_NEEDED_WORD. */
uint32_t doc_word_of(const char *words, const char *text);

/* doc_refuse keeps a failure at the value of key, or at the map if the key is
 * NULL or not given. doc_refuse_item does so at an item of a list. */
void doc_refuse(const struct doc_map *map, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void doc_refuse_item(const struct doc_list *list, unsigned i, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
