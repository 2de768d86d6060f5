/*
 * Unnamed: what the journal has from an older configuration and this one does not name
 * any more. It stays in force, since a configuration is a proposal, and nobody would
 * know: so a start says it.
 *
 *   limits, order rules, position limits   a line each, up to UNNAMED_LINES_MAX
 *
 * What was set by hand is not told: it never was the configuration's. Firms, accounts
 * and the like are counted by exchange_count_unnamed; restrictions by tools/blocked.h.
 *
 * Cost: O(subjects × limits + positions), at a start, before orders are taken.
 */
#ifndef OUTCRY_TOOLS_UNNAMED_H
#define OUTCRY_TOOLS_UNNAMED_H

#include <stdio.h>

#include "tools/exchange.h"

#define UNNAMED_LINES_MAX 20u

/* unnamed_say writes the lines, then how many there are besides. */
void unnamed_say(const struct exchange *exchange, FILE *out);

#endif
