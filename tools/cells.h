/*
 * Cells: messages of the journal as people and programs read them, any kind.
 *
 *   text   17 2025-01-31T09:30:00.000000001Z OrderNew sell instrument=1 px=100.25 qty=10
 *   json   {"seq": 17, "time": 1738315800000000001, "kind": "OrderNew", "sell": true, ...}
 *
 * Names are those of proto/cells.xml, and names of values are written for their
 * numbers. Text leaves out what is zero and has prices as decimals. JSON has
 * all fields, numbers as they stand in the cell: prices in 10^-8, whole numbers
 * of up to 64 bits.
 */
#ifndef OUTCRY_TOOLS_CELLS_H
#define OUTCRY_TOOLS_CELLS_H

#include <stdio.h>

#include "journal/replay.h"
#include "proto/cell.h"

#include "tools/json.h"

/* cells_text writes a message as one line; an event is indented. */
void cells_text(FILE *out, const union cell *cells);

/* cells_json writes a message as one JSON object and no end of line. */
void cells_json(FILE *out, const union cell *cells);

/* cells_diverged_text writes the command, and field by field what the journal and the
 * engine have; cells_diverged_json the same as members of an object. */
void cells_diverged_text(FILE *out, const struct replay_diverged *diverged);
void cells_diverged_json(struct json *json, const struct replay_diverged *diverged);

#endif
