/*
 * Told: what the sessions were told against what the journal says, cell by cell.
 *
 *   journal --route--> session, number --order_encode--> bytes ?= bytes in the ledger
 *
 * Of the flow that each session has now, which began with its UUID:
 *
 *  1. Each report that was told is in the journal, under its number, with its bytes.
 *  2. Each request comes at most once, and in the order in which it was sent.
 *  3. What was called not applied is in the journal nowhere.
 *  4. If all is said to be over: every report was told, and every request answered.
 */
#ifndef OUTCRY_TESTS_SIM_TOLD_H
#define OUTCRY_TESTS_SIM_TOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/cell.h"

#include "tests/e2e/ledger.h"

struct sim_told {
    uint16_t shard;
    uint32_t sessions_max;
    const union cell *cells; /* the journal: messages one behind the other */
    size_t cells_cnt;
    struct ledger *const *ledgers; /* of sessions 0 .. ; NULL: is not looked at */
    unsigned ledgers_cnt;          /* at most SIM_TOLD_MAX */
    bool over;
    char why[256]; /* of the first contradiction */
};

#define SIM_TOLD_MAX 16u

/* sim_told_check returns whether all agrees. */
bool sim_told_check(struct sim_told *told);

#endif
