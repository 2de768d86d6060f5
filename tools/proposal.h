/*
 * Proposal: one thing as the configuration has it, against what the engine has.
 *
 *   file --> command --> same as engine_config_get gives?   yes: nothing is sent
 *                                |
 *                        field by field: last set by hand?   yes: kept, and said
 *                                                            no: sent, and said
 *
 * So a restart with an unchanged file adds no command but Restart to the journal, and
 * what `outcry admin` changed is not undone. One line on stderr for each field that
 * differs has both values and what was done:
 *
 *   outcry: account A1: long_max is 300 by hand, 500 in the configuration: kept
 *   outcry: account A1: long_max is 300, 500 in the configuration: set
 *
 * At the first start of a journal nothing differs, for there is nothing, and nothing
 * is said. Commands of risk have the configuration as their author.
 */
#ifndef OUTCRY_TOOLS_PROPOSAL_H
#define OUTCRY_TOOLS_PROPOSAL_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base.h"
#include "proto/cell.h"

#include "tools/exchange.h"

/* A command in the making and what a person calls it. */
struct proposal {
    union cell cells[CELL_COMMAND_MAX];
    unsigned count; /* without its author */
    char what[96];
    char said[2048]; /* lines to be said once it is done */
};

void proposal_open(struct proposal *proposal, unsigned kind, unsigned count);

/* proposal_put_name puts a name into a cell: NUL padded, and it may fill it. */
void proposal_put_name(char *to, size_t bytes, const char *name);

/* proposal_send sends what differs and may; id and id2 are those of
 * engine_config_get. 0, or -1 with a line in why if the engine refuses it. */
NODISCARD int proposal_send(struct exchange *exchange,
                            struct proposal *proposal,
                            uint32_t id,
                            uint32_t id2,
                            char *why);

#endif
