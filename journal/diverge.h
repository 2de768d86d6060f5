/*
 * Diverge: what replay says when the engine does not do what it did. Private to
 * journal/.
 */
#ifndef OUTCRY_JOURNAL_DIVERGE_H
#define OUTCRY_JOURNAL_DIVERGE_H

#include "journal/replay.h"

/* diverge_cell tells which fields of a cell differ: cell number index of the
 * group of command seq, expected by the journal (NULL: it has no more), and
 * actual, which the engine wrote. */
COLD void diverge_cell(struct replay_result *result,
                       uint64_t seq,
                       unsigned index,
                       const union cell *expected,
                       const union cell *actual);

/* diverge_dropped tells that the engine did not admit a journaled command. */
COLD void diverge_dropped(struct replay_result *result, const union cell *command);

#endif
