/*
 * Words: what levels and limits are called by people, in the configuration, at
 * `outcry admin` and in a start-of-day file alike.
 *
 *   level   session account group firm instrument pair
 *   limit   order_qty order_value long short open_orders open_notional
 *           daily_gross daily_net daily_loss credit message_rate cancel_rate
 *           duplicates executions order_to_trade
 *
 * Values of a limit are money, exact with at most 8 decimals, or whole numbers;
 * `none` is no limit. Spans of time have a unit: ns, us, ms or s.
 */
#ifndef OUTCRY_TOOLS_WORDS_H
#define OUTCRY_TOOLS_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base.h"
#include "proto/cell.h"
#include "proto/px_qty.h"
#include "risk/limits.h"

/* uid of an Author that is the configuration. */
#define WORDS_UID_CONFIGURATION UINT32_MAX

/* For config_doc's doc_word: one blank between two, in the order of their numbers
 * from 1. */
#define WORDS_LEVELS "session account group firm instrument pair"
#define WORDS_LIMITS                                                                            \
 "order_qty order_value long short open_orders open_notional daily_gross daily_net daily_loss " \
 "credit message_rate cancel_rate duplicates executions order_to_trade"

/* Bits of an OrderRuleSet, from 0; what holds where no rule was set. */
#define WORDS_TYPES              "market limit stop stop_limit market_to_limit pegged"
#define WORDS_TIFS               "day gtc opg ioc fok gtd atc"
#define WORDS_REFERENCES         "last mid settlement configured"
#define WORDS_TYPES_ALL          0x3fu
#define WORDS_TIFS_ALL           0x7fu
#define WORDS_REFERENCES_ALL     0xfu
#define WORDS_REFERENCES_DEFAULT 0x9u

/* Money and 128-bit sums. */
#define WORDS_AMOUNT_BYTES 64u
#define WORDS_SPAN_BYTES   32u

/* The names of all bits of a list above, a + between two; a whole order rule. */
#define WORDS_BITS_BYTES 64u
#define WORDS_RULE_BYTES 256u

/* words_level and words_limit return the number of a word, 0 if it is none; the
 * others the word of a number. */
uint8_t words_level(const char *text);
uint8_t words_limit(const char *text);
const char *words_level_name(uint8_t level);
const char *words_limit_name(uint8_t limit);

/* words_levels writes those of which the bit RISK_LEVEL_BIT is set: account, group or firm. */
#define WORDS_LEVELS_BYTES 64u
const char *words_levels(unsigned bits, char buf[WORDS_LEVELS_BYTES]);

bool words_limit_is_money(uint8_t limit);

/* words_limit_has_window says whether it counts in a time: `window`. */
bool words_limit_has_window(uint8_t limit);

/* words_value_parse reads a value of the limit, `none` included; false if it is
 * none. What the rules forbid is for words_limit_wrong. */
NODISCARD bool words_value_parse(uint8_t limit, const char *text, int64_t *value);

/* words_amount writes a sum in the unit of the limit. */
const char *words_amount(uint8_t limit, notional_t value, char buf[WORDS_AMOUNT_BYTES]);

/* words_money writes a sum of money, words_span a time with the largest unit that
 * is exact; words_span_parse reads one. */
const char *words_money(notional_t value, char buf[WORDS_AMOUNT_BYTES]);
const char *words_span(uint64_t ns, char buf[WORDS_SPAN_BYTES]);
NODISCARD bool words_span_parse(const char *text, uint64_t *ns);

/* words_bits writes the names of bits with a + between two; all or none where they are.
 * words_rule writes an OrderRuleSet as `outcry admin rule` takes it. */
const char *words_bits(const char *names, unsigned bits, char buf[WORDS_BITS_BYTES]);
const char *words_rule(const struct cell_order_rule_set *set, char buf[WORDS_RULE_BYTES]);

/* words_day_parse reads a date YYYY-MM-DD as YYYYMMDD. */
NODISCARD bool words_day_parse(const char *text, uint32_t *date);

/* words_limit_wrong says what is wrong with a LimitSet as docs/risk.md has it: a
 * text that ends in what was expected, NULL if nothing is. The subject is not
 * looked at. */
const char *words_limit_wrong(const struct cell_limit_set *set);

#endif
