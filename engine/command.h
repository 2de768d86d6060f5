/*
 * What a well-formed command is: which cells may stand behind which, and how many
 * there must be. engine_apply asks for nothing else and asserts what it relies on, so
 * whoever hands it cells that he did not make himself asks here first: the sequencer
 * for what comes from an in-ring, replay for what stands in a journal, whose
 * hashes tell that it is as it was written and not that it was written by an engine.
 */
#ifndef OUTCRY_ENGINE_COMMAND_H
#define OUTCRY_ENGINE_COMMAND_H

#include <stdbool.h>

#include "proto/base.h"
#include "proto/cell.h"

/* command_well_formed says whether cells[0 .. count) are one command that engine_apply
 * takes, 1 <= count <= CELL_COMMAND_MAX. Cost: a few nanoseconds a cell. */
NODISCARD bool command_well_formed(const union cell *cells, unsigned count);

/* replace_terms returns the terms of an OrderReplace, NULL if it has none. */
static inline const union cell *
replace_terms(const union cell *cells)
{
    return cell_count(cells) > 2 && cell_kind(&cells[2]) == CELL_KIND_REPLACE_TERMS ? &cells[2]
                                                                                    : NULL;
}

/* command_replace_cancels says whether a replace cancels its order that is
 * refused for this reason: it is for what it asks, and OrCancel stands in its terms. */
NODISCARD bool command_replace_cancels(const union cell *cells, unsigned reason);

#endif
