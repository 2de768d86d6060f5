/*
 * Blocked: all that is stopped in an exchange, and by what: `outcry admin show
 * blocked`, and a line at each start.
 *
 *   sessions   killed; blocked: may not negotiate
 *   accounts   killed, blacklisted, latched; suspended, blocked, close_only; a stage
 *   groups     killed, blacklisted; a stage; restricted in an instrument
 *   firms      the same
 *   instruments  halted, closed
 *   pairs      an account that is restricted in an instrument
 *
 * It walks over all of them in slices, by whoever may look at the engine, between
 * commands. Commands may come between two slices: what is told holds as of when the walk
 * came by.
 */
#ifndef OUTCRY_TOOLS_BLOCKED_H
#define OUTCRY_TOOLS_BLOCKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/engine.h"

#include "tools/roster.h"

#define BLOCKED_ROWS_MAX 160u
#define BLOCKED_COLUMNS  5u

enum blocked_what {
    BLOCKED_KILLED,
    BLOCKED_BLACKLISTED,
    BLOCKED_LATCHED,
    BLOCKED_SUSPENDED,
    BLOCKED_BLOCKED,
    BLOCKED_CLOSE_ONLY,
    BLOCKED_STAGE,
    BLOCKED_RESTRICTED,
    BLOCKED_HALTED,
    BLOCKED_CLOSED,
    BLOCKED_WHAT_CNT
};

struct blocked_row {
    uint8_t level; /* of the subject; of a pair the account's */
    uint8_t what;
    uint8_t limit; /* of a stage or a latch, else None */
    uint8_t stage;
    uint32_t subject;
    uint32_t instrument; /* of a restriction */
};

struct blocked {
    uint64_t seq; /* of the last command before the end of the walk */
    uint64_t counts[BLOCKED_WHAT_CNT];
    uint64_t cnt;
    unsigned rows_cnt; /* the first of them */
    struct blocked_row rows[BLOCKED_ROWS_MAX];
    uint8_t level;        /* where the walk is */
    uint32_t at;          /* of the level */
    uint32_t restriction; /* of the group or firm */
    bool begun;           /* with it: but for restrictions it was seen */
};

void blocked_begin(struct blocked *blocked);

/* blocked_step goes on for a bounded slice; returns whether there is more to do. */
bool blocked_step(struct blocked *blocked, const struct engine *engine);

/* blocked_name returns the word for a row, of a stage its name. */
const char *blocked_name(uint8_t what, uint8_t stage);

/* blocked_text writes lines as those of tools/show.h, no more than bytes, and returns
 * their length: `blocked` and `seq`, then each
 *
 *   hold LEVEL SUBJECT WHAT INSTRUMENT LIMIT
 */
size_t
blocked_text(const struct blocked *blocked, const struct roster *roster, char *text, size_t bytes);

#endif
