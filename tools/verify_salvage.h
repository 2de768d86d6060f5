/*
 * What `outcry verify` does about a damaged journal, or one that does not replay: tells what
 * can be saved and, if asked, writes it into a new folder.
 */
#ifndef OUTCRY_TOOLS_VERIFY_SALVAGE_H
#define OUTCRY_TOOLS_VERIFY_SALVAGE_H

#include <stdbool.h>

#include "journal/salvage.h"

#include "tools/json.h"

/* verify_salvage_look fills salvage for a journal in which damage was found, or of which only
 * what goes up to to_seq is wanted (0: all before the damage); false if there is nothing to leave
 * out, or it cannot be read again. */
bool verify_salvage_look(const char *dir, uint64_t to_seq, struct journal_salvage *salvage);

/* verify_salvage_text and _json tell of it. to NULL: what the command would be. */
void verify_salvage_text(const char *dir, const char *to, const struct journal_salvage *salvage);
void verify_salvage_json(struct json *json, const struct journal_salvage *salvage);

/* verify_salvage_write writes it into folder to; an exit code, with a line on
 * stderr if it is not EXIT_FINE. */
int verify_salvage_write(const char *dir, const char *to, const struct journal_salvage *salvage);

#endif
