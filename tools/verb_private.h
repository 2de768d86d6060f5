/*
 * Private to tools/verb*.c: how words become a command.
 *
 *   verb.c        what most verbs are: a subject and one or two values
 *   verb_limit.c  limits and order rules, which have options KEY=VALUE
 *   verb_instrument.c  collar, band, reference and least quantity of an instrument
 *   verb_release.c  what is handed back to the configuration
 *   verb_part.c   what was not named, and the words for what then holds
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

#define VERB_LIMIT_USAGE                                                                   \
 "limit LEVEL SUBJECT LIMIT VALUE [window=TIME] [warn=N] [slow=N] [pause=TIME] [close=N] " \
 "[block=N] [cancel=yes], "                                                                \
 "of a pair with ACCOUNT SYMBOL as its subject"
#define VERB_RULE_USAGE                                                               \
 "rule account SUBJECT [types=A+B] [tifs=A+B] [covered=yes], rule instrument SYMBOL " \
 "[types=A+B] [tifs=A+B] [references=A+B] [unreferenced=yes], or rule LEVEL SUBJECT default"

#define VERB_INSTRUMENT_USAGE                                                                 \
 "instrument SYMBOL [reference=PRICE] [collar_ticks=N] [collar_permille=N] [band_low=PRICE] " \
 "[band_high=PRICE] [order_qty_min=N], each of them a value or none"

#define VERB_RELEASE_USAGE                                                                \
 "release limit LEVEL SUBJECT LIMIT, release limit pair ACCOUNT SYMBOL LIMIT, release "   \
 "restriction LEVEL SUBJECT SYMBOL, release blacklist LEVEL SUBJECT, release rule LEVEL " \
 "SUBJECT, release instrument SYMBOL, release fee SYMBOL, or release account ACCOUNT"

struct verb_reading {
    const struct roster *roster;
    char *const *words; /* behind the verb */
    unsigned cnt;
    unsigned variant; /* of the verb's form */
    bool row;         /* of a file: what is not named is none */
    char *why;
};

/* verb_wrong keeps what is wrong and returns false. */
bool verb_wrong(struct verb_reading *in, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void verb_open(struct verb *verb, unsigned kind, unsigned count);
void verb_say(struct verb *verb, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool verb_find(struct verb_reading *in, uint8_t level, const char *text, uint32_t *id);

/* verb_part makes the verb one that names fields: id and id2 are those of
 * engine_config_get. verb_name adds one, of cell number `cell`. */
void verb_part(struct verb *verb, uint32_t id, uint32_t id2);
void verb_name(struct verb *verb, unsigned cell, const void *field, size_t size);

/* verb_add appends to what holds. */
void verb_add(struct verb *verb, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* verb_instrument_wrong says what of an instrument's cells does not fit together, NULL:
 * nothing. verb_say_instrument adds what then holds. */
const char *verb_instrument_wrong(const union cell *cells);
void verb_say_instrument(struct verb *verb);

bool verb_read_cash(struct verb_reading *in, struct verb *verb);
bool verb_read_position(struct verb_reading *in, struct verb *verb);
bool verb_read_day(struct verb_reading *in, struct verb *verb);
bool verb_read_limit(struct verb_reading *in, struct verb *verb);
bool verb_read_instrument(struct verb_reading *in, struct verb *verb);
bool verb_read_release(struct verb_reading *in, struct verb *verb);
bool verb_read_rule(struct verb_reading *in, struct verb *verb);

#endif
