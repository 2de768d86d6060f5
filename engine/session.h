/*
 * Sessions: what the engine knows of them, and cancel on disconnect.
 *
 *            SessionSet         Negotiate           Establish
 *   UNKNOWN ------------> IDLE ------------> NEGOTIATED -------> BOUND, FINISHING
 *                          ^                     ^                 |
 *                          |    lossy restart    |  Unbind,        |
 *                          +---------------------+  Negotiate, <---+
 *                          |                        Restart        |
 *                          +--------------- Unbind, Finished <-----+
 *
 * A client that has finished sending is FINISHING where others are BOUND, so that
 * nothing of it is admitted; it stays so under this UUID, whatever transport it comes
 * from. Once both flows are finished the session is IDLE. A UUID that it had is not
 * taken again as long as it is among the last SESSION_PAST_MAX of them.
 *
 * A session that leaves BOUND and has a grace time is put on the timers; a new
 * Establish takes it off. When a Clock command finds its time past, its Day
 * orders are canceled.
 *
 * sessions[0] stands for the exchange itself (CELL_SESSION): always bound, not
 * numbered, of every firm. sessions[id + 1] is session id.
 *
 * The id of a session's timer is its index; the exchange itself has none armed.
 * A session is armed only if it is not BOUND or FINISHING.
 *
 * Written by the engine thread.
 */
#ifndef OUTCRY_ENGINE_SESSION_H
#define OUTCRY_ENGINE_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/engine.h"
#include "engine/timers.h"
#include "proto/base.h"
#include "proto/limits.h"
#include "risk/risk.h"

/* What the commands of a session are numbered by, so that none is done twice. */
enum session_numbers {
    SESSION_UNNUMBERED = 0, /* the exchange itself */
    SESSION_COUNTED = 1,    /* in_no counts them all */
    /* clord, that of a new order, a replace and a mass cancel; and ref_no. They rise,
     * next_in_no is the least that may come; lower ones leave no trace. */
    SESSION_RISING = 2,
};

struct session {
    uint64_t next_in_no;
    uint32_t firm;
    uint32_t orders_cnt;     /* live */
    uint32_t day_orders_cnt; /* live, Day */
    uint32_t cancel_on_disconnect_ms;
    struct risk_session risk;
    uint8_t state; /* enum engine_session_state */
    uint8_t blocked;
    uint8_t due;       /* its Day orders go with the Clock command in work */
    uint8_t numbered;  /* enum session_numbers */
    uint8_t drop_copy; /* 1: of its firm; it sends nothing itself */
    uint8_t finished;  /* 1: its client sends no more under this UUID */
    uint8_t zero[10];
};

_Static_assert(sizeof(struct session) == CACHE_LINE, "one line");
_Static_assert(offsetof(struct session, zero) == 54, "no padding");

/* UUIDs of before that a session remembers. */
#define SESSION_PAST_MAX 8u

/* What is not asked by orders. */
struct session_cold {
    uint64_t request_time; /* of the Negotiate that gave the UUID */
    uint8_t uuid[16];
    uint64_t by_hand;                   /* 1: set by an author that was no configuration */
    uint8_t past[SESSION_PAST_MAX][16]; /* the latest first; zeros: none */
};

_Static_assert(sizeof(struct session_cold) == 160, "no padding");

struct sessions {
    struct session *at;        /* sessions_max + 1 */
    struct session_cold *cold; /* as many */
    char (*names)[16];
    uint32_t sessions_max;
    uint32_t used_cnt; /* one past the largest index that was ever set */
    struct timers timers;
};

/* session_idx returns the index of a session, sessions_max + 1 if there is no
 * such session. */
static inline uint32_t
session_idx(const struct sessions *sessions, uint16_t session)
{
    const uint32_t idx = (uint16_t)(session + 1);

    return idx <= sessions->sessions_max ? idx : sessions->sessions_max + 1;
}

/* session_set_of returns a session that SessionSet has made, by its id; NULL if
 * there is none. */
static inline struct session *
session_set_of(const struct sessions *sessions, uint32_t session)
{
    if (session >= sessions->sessions_max ||
        sessions->at[session + 1].state == ENGINE_SESSION_UNKNOWN)
        return NULL;
    return &sessions->at[session + 1];
}

/* session_of returns a session by its id, NULL if it is out of range. */
static inline struct session *
session_of(const struct sessions *sessions, uint16_t session)
{
    const uint32_t idx = (uint16_t)(session + 1);

    return LIKELY(idx <= sessions->sessions_max) ? &sessions->at[idx] : NULL;
}

/*
 * The commands. Each returns the outcome; those that change a session write
 * the results into cell, the command's copy on its way out. now_ns is the time
 * of the command.
 */
enum oe_reject_reason sessions_set(struct sessions *sessions,
                                   const struct risk *risk,
                                   const struct cell_session_set *cell);
enum oe_reject_reason sessions_negotiate(struct sessions *sessions,
                                         const struct cell_session_negotiate *cell,
                                         uint64_t now_ns);
enum oe_reject_reason sessions_establish(struct sessions *sessions,
                                         const struct cell_session_establish *cell,
                                         uint64_t *next_in_no);

/* sessions_unbind_admitted says whether the unbind is of a bound session and
 * its UUID, and Finished only of one whose client is; sessions_unbind does it. */
bool sessions_unbind_admitted(const struct sessions *sessions,
                              const struct cell_session_unbind *cell);
void
sessions_unbind(struct sessions *sessions, const struct cell_session_unbind *cell, uint64_t now_ns);

/* sessions_sequence_admitted says whether the client skips something, or finishes;
 * sessions_sequence does it and returns how many numbers never came. */
bool sessions_sequence_admitted(const struct sessions *sessions,
                                const struct cell_session_sequence *cell);
uint64_t sessions_sequence(struct sessions *sessions, const struct cell_session_sequence *cell);

/* sessions_restart unbinds all; if the run before was lossy, it ends them. */
void sessions_restart(struct sessions *sessions, bool lossy, uint64_t now_ns);

#endif
