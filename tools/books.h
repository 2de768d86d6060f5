/*
 * Books: the order books of an engine as JSON, an object for each instrument.
 *
 *   {"instrument": 7, "symbol": "ACME", "buy": [LEVEL, ...], "sell": [LEVEL, ...]}
 *   LEVEL  [px, shown, reserve, [[order_id, shown, leaves], ...]]
 *
 * Levels are best first, orders in the order of matching, prices in 10^-8.
 */
#ifndef OUTCRY_TOOLS_BOOKS_H
#define OUTCRY_TOOLS_BOOKS_H

#include <stdio.h>

#include "engine/engine.h"
#include "proto/base.h"

/* books_json writes all instruments that are set. 0, or -ENOMEM. */
NODISCARD int books_json(FILE *out, const struct engine *engine, uint32_t instruments_max);

#endif
