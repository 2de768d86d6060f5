/*
 * Verb: one word of an operator, from text to a command's cells.
 *
 *   "limit account A1 open_orders 100 warn=800"
 *       --words--> verb_parse --> LimitSet + a text of what is then so
 *
 * The same grammar for a line at the admin socket and a row of a start-of-day
 * file. docs/operations.md has all verbs. Only what is wrong in itself is refused
 * here; whether a subject exists is for the engine to say.
 *
 * What is not named stays: a limit or a rule of which a word names a part is completed
 * from what the engine has, by its own thread (verb_complete). A row of a file names all.
 *
 * Reads the roster and, for a day, the clock; touches nothing else.
 */
#ifndef OUTCRY_TOOLS_VERB_H
#define OUTCRY_TOOLS_VERB_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base.h"
#include "proto/cell.h"

#include "tools/roster.h"

#define VERB_WORDS_MAX  16u
#define VERB_WHAT_BYTES 768u /* a line's words and those around them */
#define VERB_WHY_BYTES  640u
#define VERB_CELLS_MAX  3u

enum verb_kind {
    VERB_COMMAND, /* cells are all there */
    VERB_PART,    /* what was named of cells: the rest stays as the engine has it */
    VERB_SHOW     /* a question */
};

/* A field of a cell of the command that was named. */
struct verb_field {
    uint8_t cell;
    uint8_t offset;
    uint8_t size;
};

#define VERB_NAMED_MAX 16u

struct verb {
    enum verb_kind kind;
    bool needs_author;
    unsigned count; /* cells, the author's not counted */
    union cell cells[VERB_CELLS_MAX];
    uint32_t id; /* of a part: what engine_config_get is asked for */
    uint32_t id2;
    unsigned parts; /* and its cells, without the author's */
    unsigned named_cnt;
    struct verb_field named[VERB_NAMED_MAX];
    uint8_t level; /* of a question; None: what is blocked */
    uint32_t subject;
    uint32_t instrument;
    char what[VERB_WHAT_BYTES]; /* what holds when it is done */
};

/* verb_parse reads words. False, and then one line in why: what is wrong and what
 * was expected. */
NODISCARD bool verb_parse(struct verb *verb,
                          const struct roster *roster,
                          char *const *words,
                          unsigned cnt,
                          char why[VERB_WHY_BYTES]);

/* verb_row reads a row of a start-of-day file: the verbs day, cash, position and
 * limit. */
NODISCARD bool verb_row(struct verb *verb,
                        const struct roster *roster,
                        char *const *words,
                        unsigned cnt,
                        char why[VERB_WHY_BYTES]);

/* verb_complete fills in what a part leaves as it is: now are cells_cnt cells of
 * engine_config_get, 0: there are none. It says in what what then holds. False, and a line
 * in why, if that cannot be. */
NODISCARD bool verb_complete(struct verb *verb,
                             const union cell *now,
                             unsigned cells_cnt,
                             char why[VERB_WHY_BYTES]);

/* verb_sign appends the Author; name and text fit, and are not empty. */
void verb_sign(struct verb *verb, uint32_t uid, const char *name, const char *text);

/* verb_is_text says whether a name or a reason may stand in an Author: 1 to bytes
 * visible characters or blanks. */
bool verb_is_text(const char *text, size_t bytes, bool blanks);

#endif
