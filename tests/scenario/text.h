/*
 * Text: commands and what came of them in words that a trader can read.
 *
 *     new S1 A1 buy 100 @ 10.05 id 1 post-only
 *       accepted
 *     new S2 A2 sell 30 market id 7
 *       accepted
 *       trade 30 @ 10.05 with id 1
 *     cancel S1 id 1 as 2
 *       accepted, 70 out
 *
 * S is a session, A an account, G a group, F a firm, I an instrument, each with
 * its number; I1 may be left out; X is the exchange itself. An order is named
 * by `id` (its ClOrdID) or, as a client names it by its order id, by
 * `order S1/1`: what session S1 last entered as id 1, dead or alive.
 *
 *     new S A [I] buy|sell QTY @ PX|market id N [day|gtc|ioc|fok] [post-only]
 *         [type T] [tif T] [exec-inst N] [stp-capacity N] [in-no N]
 *         [display N] [min N] [stop PX] [expire N] [peg PX] [client N]
 *     cancel S [I] id N|order S/N as N
 *     replace S [I] id N|order S/N to QTY @ PX as N
 *     mass-cancel S session|account A|group G|firm F [in I] [of A] [buy|sell]
 *         [reason R] as N
 *     skip S N                    wait NANOSECONDS
 *     firm F                      group G F                   session S F [grace MS]
 *     negotiate S                 establish S                 unbind S
 *     account A G [state T] [qty-max N] [value-max PX] [long N] [short N]
 *     instrument I [tick PX] [lot N] [state T] [qty-min N] [qty-max N]
 *         [value-max PX] [ref PX] [collar-ticks N] [collar-permille N] [low PX]
 *         [high PX]
 *     position-limit A I long N short N
 *     permission G I restricted|allowed
 *
 * What is written is read back as the same command, so that a stream in which
 * engine and model differ can be kept as a scenario.
 */
#ifndef OUTCRY_TESTS_SCENARIO_TEXT_H
#define OUTCRY_TESTS_SCENARIO_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/model/commands.h"

#define TEXT_LINE_MAX 512u

/* How a cancel or replace names its order. */
struct text_target {
    bool by_id; /* session and clord say which; else as in the command */
    uint16_t session;
    uint64_t clord;
};

/* text_read_command reads one line; false, with a reason, if it is no command. */
NODISCARD bool text_read_command(const char *line,
                                 struct command *command,
                                 struct text_target *target,
                                 const char **reason);

/* text_write_command writes the line of a command, without a line feed. */
void text_write_command(const struct command *command,
                        const struct text_target *target,
                        char line[TEXT_LINE_MAX]);

/* text_write_message writes the line of a message of a group; its first cell
 * is the command with its outcome. Returns the number of its cells. */
unsigned text_write_message(const union cell *message, char line[TEXT_LINE_MAX]);

/* text_read_px reads a decimal number as 10^-8; false if it is none. */
NODISCARD bool text_read_px(const char *word, px_t *px);

/* text_write_px writes a price with at least two decimals. */
void text_write_px(px_t px, char word[32]);

/* text_read_name reads a letter and a number. */
NODISCARD bool text_read_name(const char *word, char letter, uint32_t *number);

#endif
