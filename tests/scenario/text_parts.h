/*
 * Text parts: what the files that read and write lines share. Private to
 * text_*.c.
 */
#ifndef OUTCRY_TESTS_SCENARIO_TEXT_PARTS_H
#define OUTCRY_TESTS_SCENARIO_TEXT_PARTS_H

#include "tests/scenario/text.h"
#include "tests/scenario/words.h"

/* What stands behind a word. */
enum keyed_value {
    KEYED_NUMBER,
    KEYED_PX,
    KEYED_TIME
};

/* A word and where the value that follows it goes, for fields of rare use. */
struct keyed {
    const char *word;
    uint8_t offset;
    uint8_t size;
    enum keyed_value value;
};

/* text_read_keyed reads a word of the table with its value; false if the next
 * word is not in it. */
bool text_read_keyed(struct words *words, union cell *cell, const struct keyed *table, size_t cnt);

/* text_read_stp_capacity reads `stp` or `capacity` with its value into the byte
 * that holds both; false if the next word is neither. */
bool text_read_stp_capacity(struct words *words, uint8_t *stp_capacity);

/* text_read_new reads what follows `new`, text_read_setup a whole command that
 * configures the exchange; false if the line is none. */
void text_read_new(struct words *words, struct command *command);
bool text_read_setup(struct words *words, struct command *command);

/* text_read_admin reads a whole command of an operator on risk; false if the line
 * is none. text_limit_is_money says whether a limit is an amount of money. */
bool text_read_admin(struct words *words, struct command *command);
bool text_limit_is_money(uint8_t limit);

/* A line that grows. No line comes near TEXT_LINE_MAX. */
struct line {
    char *text;
    size_t used;
};

__attribute__((format(printf, 2, 3))) void text_put(struct line *line, const char *format, ...);
void text_put_px(struct line *line, const char *before, px_t px);
void text_put_session(struct line *line, uint16_t session);
void text_put_instrument(struct line *line, uint32_t instrument);

/* text_put_time writes what words_time reads. */
void text_put_time(struct line *line, const char *before, uint64_t time_ns);

/* text_put_stp_capacity writes what is not the default. */
void text_put_stp_capacity(struct line *line, uint8_t stp_capacity);

void text_put_new(struct line *line, const struct command *command);

/* text_put_setup writes a command that configures the exchange, text_put_admin one of
 * an operator on risk; false if it is none. */
void text_put_setup(struct line *line, const union cell *cells);
bool text_put_admin(struct line *line, const union cell *cells);

/* text_put_subject writes whom a command or an event is about, text_put_amount a
 * number in the unit of a limit. */
void text_put_subject(struct line *line, uint8_t level, uint32_t subject);
void text_put_amount(struct line *line, const char *before, uint8_t limit, int64_t amount);

#endif
