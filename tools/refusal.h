/*
 * Refusal: what the numbers behind a refused order mean (docs/risk.md, the tables of
 * checks), for whoever shows them.
 *
 *   reason + RiskDetail --> which limit, money or a count --> words, or columns
 *
 * Cost: a few instructions; text is for people.
 */
#ifndef OUTCRY_TOOLS_REFUSAL_H
#define OUTCRY_TOOLS_REFUSAL_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base.h"

/* For a text with its three numbers. */
#define REFUSAL_TEXT_BYTES 192u

struct refusal {
    uint16_t reason; /* enum oe_reject_reason */
    uint8_t level;   /* enum oe_risk_level; None: there are no numbers */
    int64_t limit;
    int64_t used;
    int64_t value;
};

/* refusal_limit returns the limit that a refusal is about, None if it is about
 * something else. */
uint8_t refusal_limit(const struct refusal *refusal);

/* refusal_is_money tells whether its numbers are prices or values, in 10^-8. */
bool refusal_is_money(const struct refusal *refusal);

/* refusal_text writes what stands behind the name of the reason, with a blank in
 * front, or nothing, and returns text. */
const char *refusal_text(const struct refusal *refusal, char text[REFUSAL_TEXT_BYTES]);

#endif
