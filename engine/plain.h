/*
 * Plain: the short road of orders, cancels and replaces that ask for nothing
 * rare, from the command to the last cell of its group. Private to engine/.
 *
 *   commands --> is all of it plain? --no--> back to the caller, who has
 *        ^              | yes                match_new, amend_cancel, ... do it
 *        |              v                    (every check in its order, work.c)
 *        +--- cells, book, id map
 *
 * A plain order is a limit order, Day, GTC or IOC, of one cell, without rare
 * attributes, in a book that matches by price and time. What stands in the way
 * of an order, a cancel or a replace (a duplicate id, a price off tick, a full
 * pool, a peg in the book, a session that is not bound, ...) is found by tests
 * that hardly ever say no, made in any order and before anything is changed (the
 * id map excepted, from which a new order for which risk has no token is taken out
 * again); whatever it is, the long road takes the command from its beginning, finds the
 * first reason and does what is to be done. So the short road refuses nothing
 * but cancels and replaces of orders that are not there, and what it does is what the long
 * road would have done, to the byte (tests/engine/test_plain.c).
 *
 * Many commands are done in one call: what a call costs (registers to save,
 * choices that never change) is paid once a burst, and a session is looked at only
 * where another one's command comes: nothing in a run binds or unbinds sessions, so
 * behind a command the next number of its session is let in. The loop is compiled twice:
 * for engines without risk, where the price is turned into a tick and that is
 * all, and for those with. Risk comes last: it takes the token, asks and reserves in
 * one inline function (risk/hot.h), and what it has let pass is done. Where that
 * declines, though nothing may be wrong, plain_asks.c asks step by step.
 *
 * A cell is written word by word from registers, its first with LAST: what was
 * just written is not read again. What was read long ago is (read_anew). The branches that nothing
 * can foretell are kind of command, rests or trades, and in ladder.h those of a level that comes or
 * goes; side, naming and day orders are arithmetic.
 *
 *   plain.c   the loop, orders that rest, cancels      plain_take.c     trades
 *   plain_parts.h   what they share                    plain_replace.c  replaces
 *   plain_asks.c    what risk asks where the hot road does not say yes
 */
#ifndef OUTCRY_ENGINE_PLAIN_H
#define OUTCRY_ENGINE_PLAIN_H

#include "engine/state.h"

/* Until where a run may go, and how it ended. */
struct plain_run {
    uint64_t until_ns;         /* only commands before this time */
    uint64_t until_pos;        /* see engine_run */
    enum engine_result result; /* how the last command was left, if there was one */
};

/* plain_run applies commands from cells[0 .. cells_cnt) as long as they are
 * plain. It returns how many cells it has taken. The last command may have been
 * left ENGINE_MORE, which ends the run. */
uint32_t plain_run(struct engine *engine,
                   const union cell *cells,
                   uint32_t cells_cnt,
                   struct plain_run *run,
                   struct cell_sink *out);

/* The parts of a run that are functions. Each takes the command in cell, or
 * returns ENGINE_DROPPED and has changed nothing. */
enum engine_result plain_take_bare(struct engine *engine,
                                   const union cell *cell,
                                   struct session *session,
                                   struct cell_sink *out);
enum engine_result plain_take_risk(struct engine *engine,
                                   const union cell *cell,
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

/* plain_sweep_bare and _risk let the order in slot, which was live, trade as far
 * as its new limit reaches, and rest; hash is its clord's. */
enum engine_result plain_sweep_bare(struct engine *engine,
                                    uint32_t slot,
                                    uint64_t hash,
                                    struct session *session,
                                    struct cell_sink *out);
enum engine_result plain_sweep_risk(struct engine *engine,
                                    uint32_t slot,
                                    uint64_t hash,
                                    struct session *session,
                                    struct cell_sink *out);

#endif
