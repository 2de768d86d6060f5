/*
 * OUCH talk: `outcry send` to a port that speaks OUCH over SoupBinTCP.
 *
 *   words --request_make, ouch_put--> one message, and behind it an AccountQuery
 *   what comes, up to the answer to the query <-- is printed, one line each
 *
 * OUCH is silent on what it ignores: a cancel of what is gone, a number that was used. The
 * answer to the query comes behind all that the message caused, so silence is known then,
 * and said.
 */
#ifndef OUTCRY_TOOLS_OUCH_TALK_H
#define OUTCRY_TOOLS_OUCH_TALK_H

#include <stdint.h>

#include "tools/link.h"
#include "tools/request.h"

/* ouch_talk sends one request over link_cfg's port and session, whose events it sets,
 * prints what is answered and returns the exit code. */
int ouch_talk(const struct request *request, struct link_cfg *cfg, uint64_t connect_ns);

#endif
