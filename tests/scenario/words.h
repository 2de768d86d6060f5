/*
 * Words: one line of a scenario, read from left to right.
 *
 * A reader that does not find what it needs sets failed and goes on with a 0,
 * so that a line is judged once, at its end.
 */
#ifndef OUTCRY_TESTS_SCENARIO_WORDS_H
#define OUTCRY_TESTS_SCENARIO_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/px_qty.h"

#define WORDS_MAX 512u

struct words {
    char text[4096];
    char *at[WORDS_MAX];
    unsigned cnt;
    unsigned next;
    bool failed;
};

/* words_split cuts a line at its blanks; false if it is too long. */
NODISCARD bool words_split(struct words *words, const char *line);

/* words_take goes on if the next word is this one. */
bool words_take(struct words *words, const char *word);

/* The next word as itself, a number, a price, a name of a letter. */
const char *words_any(struct words *words);
uint64_t words_number(struct words *words);
px_t words_px(struct words *words);
uint32_t words_name(struct words *words, char letter);
uint16_t words_session(struct words *words);

/* words_duration reads nanoseconds, words_time a point in time (text.h). */
uint64_t words_duration(struct words *words);
uint64_t words_time(struct words *words);

/* words_instrument reads an instrument if there is one, else it is I1. */
uint32_t words_instrument(struct words *words);

/* words_value reads the name of a value of a generated enumeration. */
uint8_t words_value(struct words *words, const char *(*name)(unsigned));

#endif
