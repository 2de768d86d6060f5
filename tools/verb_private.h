/*
 * Private to tools/verb*.c: how words become a command.
 *
 *   verb.c        what most verbs are: a subject and one or two values
 *   verb_limit.c  limits and order rules, which have options KEY=VALUE
 */
#ifndef OUTCRY_TOOLS_VERB_PRIVATE_H
#define OUTCRY_TOOLS_VERB_PRIVATE_H

#include "tools/verb.h"

/* Variants of cash and positions. */
enum {
    VERB_ADD,
    VERB_TAKE,
    VERB_SET
};

#define VERB_LIMIT_USAGE                                                                 \
 "limit LEVEL SUBJECT LIMIT VALUE [window=TIME] [warn=N] [slow=N pause=TIME] [close=N] " \
 "[block=N], "                                                                           \
 "of a pair with ACCOUNT SYMBOL as its subject"
#define VERB_RULE_USAGE                                                                  \
 "rule account SUBJECT [types=A+B] [tifs=A+B] [covered=yes], or rule instrument SYMBOL " \
 "[types=A+B] [tifs=A+B] [references=A+B] [unreferenced=yes]"

struct verb_reading {
    const struct roster *roster;
    char *const *words; /* behind the verb */
    unsigned cnt;
    unsigned variant; /* of the verb's form */
    char *why;
};

/* verb_wrong keeps what is wrong and returns false. */
bool verb_wrong(struct verb_reading *in, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void verb_open(struct verb *verb, unsigned kind, unsigned count);
void verb_say(struct verb *verb, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool verb_find(struct verb_reading *in, uint8_t level, const char *text, uint32_t *id);

bool verb_read_cash(struct verb_reading *in, struct verb *verb);
bool verb_read_position(struct verb_reading *in, struct verb *verb);
bool verb_read_day(struct verb_reading *in, struct verb *verb);
bool verb_read_limit(struct verb_reading *in, struct verb *verb);
bool verb_read_rule(struct verb_reading *in, struct verb *verb);

#endif
