/*
 * Wire session: what the session layer takes, without a network.
 *
 *   gateway   datagrams - port in memory - gateway - engine - gateway - datagrams
 *   bare      the same messages - order_decode - engine - order_encode
 *
 * The second has the same engine, configured and asked in the same way, and the codec,
 * and nothing else: no datagrams, no sessions, no numbers, nothing kept. The difference
 * is the session layer. Both take turns, each with the next WIRE_SESSION_ORDERS of the
 * flow of bench_wire (wire_flow.h) from datagrams made beforehand; eight orders
 * come in a poll. The port copies nothing, the clock is not read: what those take
 * is of the port and of the thread.
 */
#ifndef OUTCRY_PERF_WIRE_SESSION_H
#define OUTCRY_PERF_WIRE_SESSION_H

#include <stdbool.h>

#define WIRE_SESSION_ORDERS 1024u /* of a run */

/* Medians; a message is an order that comes in, or a report that goes out. */
struct wire_session_result {
    double gateway_ns; /* of gateway and engine, an order with its reports */
    double bare_ns;    /* without the session layer */
    double cost_ns;    /* a message: the difference over messages in and out */
    double reports_per_order;
};

/* wire_session measures with `orders` in a datagram, 1 to 8, by pairs of runs; false
 * and a line on stderr if an order was not answered. */
bool wire_session(unsigned orders, unsigned pairs, struct wire_session_result *result);

#endif
