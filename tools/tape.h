/*
 * Tape: a LOBSTER tape as a source of load, and what the exchange made of it.
 *
 * Sends the commands of lobster.h through one session and compares the answers
 * with what happened on the real venue: of each execution, did the IOC trade
 * in full, once, with the very order that traded there?
 */
#ifndef OUTCRY_TOOLS_TAPE_H
#define OUTCRY_TOOLS_TAPE_H

#include <stdint.h>

#include "tools/config.h"
#include "tools/load.h"
#include "tools/lobster.h"

struct tape;

struct tape_result {
    uint64_t commands;
    uint64_t own_cancels;
    uint64_t executions;               /* IOCs sent */
    uint64_t executions_on_real_maker; /* filled in full, alone, by that order */
    uint64_t iocs_unfilled;            /* not filled in full */
};

/* tape_new makes a source; lobster must outlive it. Orders are for account in
 * instrument. NULL without memory. */
struct tape *tape_new(const struct lobster *lobster, uint32_t account, uint32_t instrument);
struct load_source tape_source(struct tape *tape);
void tape_result_get(const struct tape *tape, struct tape_result *result);
void tape_free(struct tape *tape);

#endif
