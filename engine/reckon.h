/*
 * Reckon: what accounts have by what the engine has told, added up beside it.
 *
 *   engine --cells--> reckon_take     trades, moves of cash and units, days, kills
 *          <--------- reckon_check    position, balance, bought and sold of each account,
 *                                    and that of what was killed nothing lives
 *
 * engine_check sums up the state and finds what contradicts itself. A fill that went to the
 * wrong account on both sides does not: for that one must have read the fills. So tests
 * and `outcry verify --full` reckon all that the engine writes, and hold the engine
 * against it (docs/risk.md, invariants 4 to 7).
 *
 * It begins with an engine as it is: reckon_begin takes over what that has. Positions are
 * kept in a table, open addressing, at most half full.
 *
 * Cost: a handful of instructions a cell; reckon_check O(accounts + positions). For
 * verification alone: nothing here runs in an exchange.
 */
#ifndef OUTCRY_ENGINE_RECKON_H
#define OUTCRY_ENGINE_RECKON_H

#include <stddef.h>
#include <stdint.h>

#include "engine/engine.h"
#include "proto/cell.h"

struct reckon;

/* reckon_footprint returns the bytes for a reckoning of an engine of cfg; reckon_init makes one
 * in mem: zeroed, CACHE_LINE aligned, which must outlive it. */
size_t reckon_footprint(const struct engine_cfg *cfg);
struct reckon *reckon_init(void *mem, const struct engine_cfg *cfg);

/* reckon_begin takes over what engine has; not needed of one that has done nothing. That
 * nothing lives of what was killed before is not asked. */
void reckon_begin(struct reckon *reckon, const struct engine *engine);

/* reckon_take takes a message that the engine has written: its first cell, the others
 * behind it. */
void reckon_take(struct reckon *reckon, const union cell *message);

/* reckon_check asserts that the engine has what was taken; between commands. */
void reckon_check(const struct reckon *reckon, const struct engine *engine);

#endif
