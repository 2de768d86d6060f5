/*
 * History: reports that are no longer kept in memory come out of the journal.
 *
 *   gateway's thread                        a thread that may sleep
 *
 *   RetransmitRequest --> index --> ask ---ring---> history_poll <--- source
 *   Retransmission <---- encode <-- told <--ring---------+            (messages)
 *
 * The gateway looks the place up from which the journal must be read
 * (history_index.h), asks, and goes on. The other side reads messages from there,
 * counts the numbers of the session as everybody does (engine/route.h), and hands the
 * messages of the reports that were asked for back as they are; the gateway encodes
 * them as it did the first time, so the bytes are the same. It knows nothing of
 * files: whoever wires the two gives a source. Nor of dialects: what is asked for and
 * told has the numbers of the route.
 *
 * Invariants
 *  1. Asks are answered one after the other, in their order; what is told of an ask is
 *     some reports, by rising numbers, and an end.
 *  2. Who goes on where the ask before ended is served without searching again.
 *  3. A full ring of answers stops the reading, nothing is dropped.
 *
 * What is asked for was durable before it was ever sent, but in a lossy mode the file
 * may not have it yet: an end of the source is waited at, HISTORY_WAIT_NS at most.
 */
#ifndef OUTCRY_GATEWAY_HISTORY_H
#define OUTCRY_GATEWAY_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/ring.h"
#include "engine/route.h"
#include "gateway/history_index.h"
#include "proto/base.h"
#include "proto/cell.h"

#define HISTORY_WAIT_NS 5000000000ull

/* Cells of the two rings: an ask is one; every session may have one under way. */
#define HISTORY_TOLD_CELLS 1024u

/* What is asked, and what is told: one cell each, not of the journal. A report's
 * message follows its cell. */
struct history_ask {
    uint32_t token; /* whose answer it is; of the gateway alone */
    uint16_t session;
    uint16_t count; /* reports from_no, from_no + 1, ...; at least 1 */
    uint64_t from_no;
    struct history_place place; /* to read from */
    uint8_t uuid[16];           /* of the flow */
    uint8_t zero[8];
};
_Static_assert(sizeof(struct history_ask) == CELL_BYTES, "an ask is a cell");

enum history_what {
    HISTORY_REPORT, /* cells of a message follow */
    HISTORY_END,
    HISTORY_FAILED /* the rest cannot be had */
};

struct history_told {
    uint32_t token;
    uint16_t session;
    uint8_t what; /* enum history_what */
    uint8_t cells;
    uint64_t no;
    uint8_t maker;
    uint8_t copy;
    uint16_t of; /* as in route_recipient */
    uint8_t zero[44];
};
_Static_assert(sizeof(struct history_told) == CELL_BYTES, "so is what is told");

/* Where messages come from. seek goes to the first message of the command seq: 0 or
 * -errno. next sets cells to the next message, which stays until the call after:
 * its cells, 0 at the end as it is now, or -errno. */
struct history_source {
    void *ctx;
    int (*seek)(void *ctx, uint64_t seq);
    int (*next)(void *ctx, const union cell **cells);
};

struct history;

/* history_footprint returns the bytes for sessions_max sessions; history_init makes
 * one in mem, CACHE_LINE aligned. It takes over from sessions, of as many, whose each
 * is and which are drop copies. Rings and source outlive it. */
size_t history_footprint(uint32_t sessions_max);
struct history *history_init(void *mem,
                             uint32_t sessions_max,
                             const struct route *sessions,
                             struct ring_reader *asks,
                             struct ring_writer *told,
                             const struct history_source *source);

/* history_poll does a bounded slice. Returns how many messages it read or asks it
 * answered; 0: there is nothing to do now (history_idle), or it waits for room or for
 * the journal to grow, and is to be called again in a while. */
int history_poll(struct history *history, uint64_t now_ns);

/* history_idle tells whether no ask is under way. */
bool history_idle(const struct history *history);

#endif
