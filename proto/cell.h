/*
 * Cells: the one layout of everything that happens, on rings and on disk.
 *
 * A cell is 64 bytes. The generated proto/cells.h gives each kind its struct;
 * this header holds what is common to all kinds.
 *
 *   message   one or more cells: the first has the frame, the others continue
 *             it. shape of the first holds the number of cells, 1 to 31; the
 *             number in a continuation is 0.
 *   group     all that one command caused: the command's own message with its
 *             outcome, then the messages of its events. The last cell of the
 *             group, and no other, bears CELL_LAST.
 *
 *   byte 1, shape:   7      6      5     4..0
 *                   LAST  BY_ID   SELL   cells of this message
 *
 *   SELL   of orders: the side. Request in OrderNew, result elsewhere.
 *   BY_ID  of cancel and replace: the request names the order by order_id, and
 *          orig_clord is a result; otherwise it is the other way round.
 *
 * Invariants
 *  1. A field that is a request is never overwritten by its outcome, so a
 *     journaled command can be applied again as it is. A RiskDetail behind a
 *     command is a result and is ignored on input.
 *  2. Reserved bytes are zero.
 *  3. seq numbers commands from 1 without a hole; an event carries the seq of
 *     the command that caused it.
 */
#ifndef OUTCRY_PROTO_CELL_H
#define OUTCRY_PROTO_CELL_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "proto/cells.h"

#define CELL_BYTES       64u
#define CELL_SHAPE_COUNT 0x1fu
#define CELL_SELL        0x20u
#define CELL_BY_ID       0x40u
#define CELL_LAST        0x80u

/* Cells of the longest message that exists, and of the longest command. */
#define CELL_MESSAGE_MAX 26u
#define CELL_COMMAND_MAX 26u

#define CELL_ANY     UINT32_MAX /* filter of a mass cancel: all */
#define CELL_SESSION UINT16_MAX /* session of a command that no session sent */

/* Kinds below this one are commands, from here on events and, from 128 on,
 * continuations. */
#define CELL_KIND_EVENTS        64u
#define CELL_KIND_CONTINUATIONS 128u

static_assert(sizeof(union cell) == CELL_BYTES, "one cache line");

/* cell_kind returns the kind of any cell. */
static inline unsigned
cell_kind(const union cell *cell)
{
    return cell->bytes[0];
}

/* cell_shape returns the shape byte of any cell. */
static inline unsigned
cell_shape(const union cell *cell)
{
    return cell->bytes[1];
}

/* cell_count returns how many cells the message has that this cell opens,
 * 0 for a continuation. */
static inline unsigned
cell_count(const union cell *cell)
{
    return cell->bytes[1] & CELL_SHAPE_COUNT;
}

static inline bool
cell_is_last(const union cell *cell)
{
    return (cell->bytes[1] & CELL_LAST) != 0;
}

static inline bool
cell_is_sell(const union cell *cell)
{
    return (cell->bytes[1] & CELL_SELL) != 0;
}

static inline bool
cell_is_command(const union cell *cell)
{
    return cell->bytes[0] < CELL_KIND_EVENTS;
}

static inline bool
cell_is_event(const union cell *cell)
{
    return cell->bytes[0] >= CELL_KIND_EVENTS && cell->bytes[0] < CELL_KIND_CONTINUATIONS;
}

/* cell_takes_author says whether a command is the word of an operator on risk: its
 * second and last cell is an Author. */
static inline bool
cell_takes_author(unsigned kind)
{
    return (kind >= CELL_KIND_LIMIT_SET && kind <= CELL_KIND_POSITION_MOVE) ||
           (kind >= CELL_KIND_MARK_SET && kind <= CELL_KIND_ORDER_RULE_SET) ||
           kind == CELL_KIND_HAND_BACK;
}

/* cell_seq returns the sequence number in the frame of a cell that opens a
 * message; every frame has it at the same place. */
static inline uint64_t
cell_seq(const union cell *cell)
{
    return cell->words[1];
}

/* cell_time returns the time in the frame, nanoseconds UTC. */
static inline uint64_t
cell_time(const union cell *cell)
{
    return cell->words[2];
}

static inline uint16_t
cell_outcome(const union cell *cell)
{
    return cell->order_new.outcome;
}

static inline uint16_t
cell_session(const union cell *cell)
{
    return cell->order_new.session;
}

/*
 * cell_exec_id names an execution report or a match. Index 0 is the command's own
 * report; events count from 1, a trade takes two numbers (taker, then maker).
 *
 *   shard 4 | seq 40 | index 20                  as a rule
 *   shard 4 | ones 4 | seq 30 | index 26         index from CELL_EXEC_LONG on
 *
 * A sweep or a mass cancel of a full pool causes more than 2^20 events. The two forms
 * do not meet before a shard has had 15 * 2^36 commands, some 10^12; and within each,
 * the next index is the next number, on which trades rely.
 */
#define CELL_EXEC_LONG 0xfffffu

static inline uint64_t
cell_exec_id(unsigned shard, uint64_t seq, uint32_t index)
{
    if (index < CELL_EXEC_LONG)
        return (uint64_t)shard << 60 | (seq & 0xffffffffffull) << 20 | index;
    return (uint64_t)shard << 60 | UINT64_C(0xf) << 56 | (seq & 0x3fffffffu) << 26 |
           (index & 0x3ffffffu);
}

/* An order id holds shard, generation of its slot and slot: 4 + 36 + 24 bits. */
static inline uint64_t
cell_order_id(unsigned shard, uint64_t generation, uint32_t slot)
{
    return (uint64_t)shard << 60 | (generation & 0xfffffffffull) << 24 | (slot & 0xffffffu);
}

/* cell_uuid_is_v4 tells whether version and variant are those of a random UUID,
 * as FIXP wants a session's to be. */
static inline bool
cell_uuid_is_v4(const uint8_t uuid[16])
{
    return uuid[6] >> 4 == 4 && uuid[8] >> 6 == 2;
}

/* Capacity travels as a number in the high nibble of stp_capacity. */
static inline uint8_t
cell_stp_capacity(uint8_t stp, char capacity)
{
    const unsigned code = capacity == 'P' ? 1u : capacity == 'R' ? 2u : 0u;
    return (uint8_t)(stp | code << 4);
}

static inline uint8_t
cell_stp(uint8_t stp_capacity)
{
    return stp_capacity & 0xfu;
}

static inline char
cell_capacity(uint8_t stp_capacity)
{
    return "APR?"[(stp_capacity >> 4) & 3u];
}

#endif
