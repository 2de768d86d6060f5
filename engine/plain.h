/*
 * Plain: the short road of orders, cancels and replaces that ask for nothing
 * rare, from the command to the last cell of its group. Private to engine/.
 *
 *   command --> is all of it plain? --no--> match_new, amend_cancel, amend_replace
 *                      | yes                (every check in its order, work.c)
 *                      v
 *               cells, book, id map
 *
 * A plain order is a limit order, Day, GTC or IOC, of one cell, without rare
 * attributes, in a book that matches by price and time. What stands in the way
 * of an order, a cancel or a replace (a duplicate id, a price off tick, a full
 * pool, a peg in the book, ...) is found by tests that hardly ever say no, made
 * in any order and before anything is changed; whatever it is, the long road
 * takes the command from its beginning, finds the first reason and does what is
 * to be done. So the short road refuses nothing and writes no rejects.
 *
 * Each is compiled twice: _bare for engines without risk, where the price is
 * turned into a tick and that is all, and _risk. engine_apply chooses once.
 *
 * A cell is written word by word from registers, its first with LAST: what was
 * just written is not read again. The branches that nothing can foretell are
 * kind of command, rests or trades, and in ladder.h those of a level that comes
 * or goes; side, naming and day orders are arithmetic.
 */
#ifndef OUTCRY_ENGINE_PLAIN_H
#define OUTCRY_ENGINE_PLAIN_H

#include "engine/state.h"

enum engine_result plain_new_bare(struct engine *engine,
                                  const union cell *cells,
                                  struct session *session,
                                  struct cell_sink *out);
enum engine_result plain_new_risk(struct engine *engine,
                                  const union cell *cells,
                                  struct session *session,
                                  struct cell_sink *out);
enum engine_result plain_cancel_bare(struct engine *engine,
                                     const union cell *cells,
                                     struct session *session,
                                     struct cell_sink *out);
enum engine_result plain_cancel_risk(struct engine *engine,
                                     const union cell *cells,
                                     struct session *session,
                                     struct cell_sink *out);
enum engine_result plain_replace_bare(struct engine *engine,
                                      const union cell *cells,
                                      struct session *session,
                                      struct cell_sink *out);
enum engine_result plain_replace_risk(struct engine *engine,
                                      const union cell *cells,
                                      struct session *session,
                                      struct cell_sink *out);

#endif
