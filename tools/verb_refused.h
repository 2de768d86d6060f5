/*
 * Verb refused: why the engine refuses a command of an operator, in words. The reasons
 * on the wire are few (ConfigurationRange, ConfigurationConflict, PositionPoolFull);
 * what they mean depends on the command.
 */
#ifndef OUTCRY_TOOLS_VERB_REFUSED_H
#define OUTCRY_TOOLS_VERB_REFUSED_H

#include <stdint.h>

/* verb_refused returns what refuses a command of that kind for that reason, and where to
 * look: a text that lives for ever. */
const char *verb_refused(unsigned kind, uint16_t reason);

#endif
