/*
 * Wire flow: the orders of bench_wire. The same in each run, and the book stays as it is:
 * of four orders two rest, at one of 64 prices on each side, and two cancel what rested
 * 200 rounds ago; one round in eight trades instead of one cancel.
 *
 * Orders are named 1, 2, 3, ...; four in a row, a round, are of one session.
 */
#ifndef OUTCRY_PERF_WIRE_FLOW_H
#define OUTCRY_PERF_WIRE_FLOW_H

#include <stddef.h>
#include <stdint.h>

#define WIRE_SESSIONS    4u
#define WIRE_INSTRUMENTS 8u
#define WIRE_ROUND       4u   /* orders of one */
#define WIRE_MESSAGE_MAX 256u /* bytes */

/* wire_flow_session returns whose order this is. */
static inline unsigned
wire_flow_session(uint64_t clord)
{
    return (unsigned)((clord - 1) / WIRE_ROUND % WIRE_SESSIONS);
}

/* wire_flow_encode makes the order with this ClOrdID; returns its bytes. */
size_t wire_flow_encode(uint64_t clord, uint8_t buf[WIRE_MESSAGE_MAX]);

#endif
