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
 *     new S A [I] buy|sell QTY PRICE id N [TIF] [ATTRIBUTE ...]
 *         PRICE      @ PX | market | market-to-limit | stop PX [@ PX] |
 *                    peg primary|opposite|mid [offset PX] [@ PX]
 *         TIF        day | gtc | ioc | fok | opg | atc | gtd TIME
 *         ATTRIBUTE  post-only | reprice | hidden | display N | range N | min N |
 *                    link N | stp MODE | capacity WORD | client N | decision N |
 *                    execution N | text WORD
 *         and for orders that should not be: type WORD | tif WORD | exec-inst N |
 *                    stp-capacity N | in-no N | stop PX | expire TIME | peg-offset PX
 *     cancel S [I] TARGET as N
 *     replace S [I] TARGET to QTY [@ PX] as N [display N] [min N] [stop PX]
 *         [expire TIME]
 *         TARGET     id N | order S/N | bid S/N | ask S/N
 *     mass-cancel S session|account A|group G|firm F [in I] [of A] [buy|sell]
 *         [reason R] as N                         of X: session S
 *     mass-quote S A id N [stp MODE] [capacity WORD] [entries N] I [bid QTY @ PX]
 *         [ask QTY @ PX] I ...                    entries: if it says another number
 *     skip S N [finished]         wait DURATION
 *     firm F                      group G F                   session S F [grace MS]
 *     negotiate S [uuid N]        establish S [uuid N]        unbind S [uuid N] [finished]
 *     account A G [state T] [qty-max N] [value-max PX] [long N] [short N]
 *     instrument I [tick PX] [lot N] [state T] [algorithm T] [allocation-min N]
 *         [fifo-permille N] [top-max N] [qty-min N] [qty-max N] [value-max PX]
 *         [ref PX] [collar-ticks N] [collar-permille N] [low PX] [high PX]
 *     state I Open|Halted|Closed
 *     position-limit A I long N short N
 *     permission G I restricted|allowed
 *     limit SUBJECT LIMIT N|PX|none [in DURATION] [warn N] [slow N] [close N] [block N]
 *         [pause-ms N] [cancels]  SUBJECT: S, A, G, F, I or, of a pair, A I
 *     fees I maker N taker N      cash A add|set PX           units A I add|set N
 *     mark I PX [settlement]      day YYYYMMDD
 *     kill SUBJECT [block-only]   enable SUBJECT
 *     restriction SUBJECT I|all restricted|allowed
 *     order-rule A|I [types N] [tifs N] [references N] [covered] [unreferenced]
 *
 * A DURATION is a number with ns, us, ms or s behind it, or of nanoseconds. A TIME
 * is a duration since the exchange began, or a number without a unit: since 1970.
 * MODE is the name of a self-match prevention: CancelAggressive, CancelPassive,
 * CancelBoth, Decrement. `bid S/N` is the bid of quote N.
 *
 *     accepted [, N out] [, keeps|loses priority] | rejected REASON
 *     trade QTY @ PX with id N [by id N][, fees PX PX]
 *                                                by: if the command's order did not;
 *                                                fees: the taker's and the maker's
 *     prevented QTY @ PX with id N [by id N]
 *     canceled id N QTY REASON                   refreshed id N shows QTY @ PX
 *     restated id N QTY @ PX|parked|market REASON       mass-canceled N
 *     triggered id N QTY @ PX|market, stop PX, last PX
 *     entry I bid RESULT, ask RESULT             RESULT: none|accepted|REASON
 *     not-applied N from N
 *     warning SUBJECT STAGE by LIMIT, USE of VALUE
 *     action SUBJECT STAGE [by LIMIT, USE of VALUE][, N out]
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

/* The longest is a mass quote of 50 entries. */
#define TEXT_LINE_MAX 4096u

/* When the exchange of a struct duo begins. */
#define TEXT_START_NS UINT64_C(1700000000000000000)

/* Which of a session's orders a name means: two of a quote bear its id. */
enum text_kind {
    TEXT_ORDER,
    TEXT_BID,
    TEXT_ASK
};

/* How a cancel or replace names its order. */
struct text_target {
    bool by_id;          /* session, clord and kind say which; else as in the command */
    enum text_kind kind; /* a quote's instrument is the command's */
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

/* text_write_message writes the line of a message that lies in its group, the
 * cells of which are one behind the other; the first one is the command with
 * its outcome. Returns the number of its cells. */
unsigned text_write_message(const union cell *message, char line[TEXT_LINE_MAX]);

/* text_read_px reads a decimal number as 10^-8; false if it is none. */
NODISCARD bool text_read_px(const char *word, px_t *px);

/* text_write_px writes a price with at least two decimals. */
void text_write_px(px_t px, char word[32]);

/* text_read_name reads a letter and a number. */
NODISCARD bool text_read_name(const char *word, char letter, uint32_t *number);

/* text_read_order reads the name of an order, S1/7. */
NODISCARD bool text_read_order(const char *word, uint16_t *session, uint64_t *clord);

#endif
