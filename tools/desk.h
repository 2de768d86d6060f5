/*
 * Desk: where the gateway's thread hands the operator's word to the engine's.
 *
 *   admin --ask--> [ one request ] --desk_poll--> engine
 *         <-take-- [ its answer  ] <-------------
 *
 * One request at a time, in whatever threads the layout has: the gateway's writes
 * it, the engine's stage serves it between two commands, when it is idle or once in
 * DESK_POLLS polls. Requests:
 *
 *   command   goes into the admin ring; what comes of it comes back by the out-ring
 *   show      limits, use and headroom, read from the engine
 *   blocked   all that is stopped: a walk, in slices between commands
 *   sheet     a start-of-day file: checked against the engine as it stands and, if
 *             it is not only to be checked, submitted row by row. From the check to
 *             the last row nothing else is sequenced: orders wait in their ring
 *
 * Beside it lies a place for one JournalSpace, from the thread that looks at the
 * disk: that one need not wait for the operator, nor he for it.
 *
 * Invariants
 *  1. Whose turn it is says `turn` alone; all else belongs to that thread.
 *  2. While a sheet is in work the sequencer of all in-rings is not polled, only one
 *     of the admin ring, so no other command comes between its rows.
 *
 * Cost: two loads of a line that is shared and quiet, each DESK_POLLS polls.
 */
#ifndef OUTCRY_TOOLS_DESK_H
#define OUTCRY_TOOLS_DESK_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/engine.h"
#include "engine/ring.h"
#include "engine/sequencer.h"
#include "proto/base.h"

#include "tools/blocked.h"
#include "tools/sheet.h"
#include "tools/show.h"
#include "tools/verb.h"

#define DESK_POLLS 64u

enum desk_turn {
    DESK_OURS,  /* the gateway's: free, or answered */
    DESK_THEIRS /* the engine's */
};

enum desk_task {
    DESK_NONE,
    DESK_COMMAND,
    DESK_SHOW,
    DESK_BLOCKED,
    DESK_CHECK, /* of a sheet */
    DESK_LOAD   /* check, then submit */
};

struct desk {
    unsigned turn;       /* enum desk_turn, handed over with release and acquire */
    unsigned space_turn; /* the same, between the engine's and who looks at the disk */
    uint8_t pad[CACHE_LINE - 2 * sizeof(unsigned)];
    union cell space;

    /* Request and answer. */
    enum desk_task task;
    struct verb verb;
    struct sheet sheet;
    struct show show;
    struct blocked blocked;
    char why[VERB_WHY_BYTES]; /* of a command that was not sent */
    bool good;                /* a command was sent, a sheet passed, a subject is known */
    uint32_t done_cnt;        /* rows of a sheet that were accepted */
    uint64_t first_seq;       /* of a sheet */
    uint64_t last_seq;        /* and, of all, where the engine was then */
    uint32_t refused_line;    /* of the row at which a sheet stopped, 0: none */
    uint16_t refused_outcome; /* its reason */
    uint64_t out_pos;         /* of the out-ring behind the last row */

    /* The engine stage's own. */
    struct engine *engine;
    struct sequencer *all;    /* of all in-rings */
    struct sequencer alone;   /* of the admin ring */
    struct ring_writer *ring; /* admin ring */
    bool busy;                /* with a sheet */
    bool looking;             /* a question was begun, and goes on in slices */
    bool row_sent;            /* the next row is in the admin ring, or in work */
    bool row_seen;            /* and its outcome was seen */
    uint32_t checked_cnt;
    uint32_t polls;
};

/* desk_init: no thread is running yet. */
void desk_init(struct desk *desk,
               struct sequencer *all,
               struct ring_writer *ring,
               struct ring_reader *ring_reader);

/* By the gateway's thread. desk_ask hands the request over; desk_is_ours says
 * whether it is back. */
void desk_ask(struct desk *desk, enum desk_task task);
bool desk_is_ours(const struct desk *desk);

/* By the thread that looks at the disk: false if the last one is not taken yet. */
bool desk_give_space(struct desk *desk, const union cell *cell);

/* desk_poll is the engine's stage: it polls the sequencer and serves the desk.
 * Returns work done. */
int desk_poll(struct desk *desk, uint64_t now_ns);

#endif
