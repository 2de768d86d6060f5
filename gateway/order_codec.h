/*
 * Order codec: SBE order entry <-> cells. Stateless, exact or refused.
 *
 *   NewOrderSingle ...  --order_decode-->  command cells
 *   message cells       --order_encode-->  ExecutionReport ... for one recipient
 *
 * What a message cannot say exactly is refused; nothing is rounded. An optional
 * field that is null becomes the cell's 0, which for these fields is no legal
 * value; an optional field whose value is 0 is refused as malformed, and so is
 * a ClOrdID of 0 that would name an order. Two exceptions: the filters and the
 * group of a mass cancel, for account 0, instrument 0 and group 0 exist and their
 * null is CELL_ANY; and a peg offset, whose 0 means what null means.
 *
 * Messages of version 0 of the schema decode as well: fields that came later
 * are then null. The firm of a mass cancel is the session's own and not in the
 * message: order_decode leaves CELL_ANY, the gateway puts in what it knows.
 *
 *   MalformedMessage     a template of ours that a client may send, but that
 *                        does not decode: block too short, value not allowed,
 *                        a cancel that names no order, ...
 *   UnsupportedMessage   any other template of the schema, reports included
 *
 * order_decode.c has one direction, order_encode.c the other. Cost: about 20 ns
 * a message either way.
 */
#ifndef OUTCRY_GATEWAY_ORDER_CODEC_H
#define OUTCRY_GATEWAY_ORDER_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/route.h"
#include "proto/cell.h"
#include "proto/orders.h"

/* Bytes of the longest report, header included. */
#define REPORT_BYTES_MAX 128u

/* order_decode turns the application message at buf (len bytes from its SBE
 * header on) into command cells (CELL_COMMAND_MAX) with session, in_no and time
 * filled in. Always yields a command: what does not decode becomes
 * MessageRefused with ref_no. Returns the number of cells. */
unsigned order_decode(const uint8_t *buf,
                      size_t len,
                      uint16_t session,
                      uint64_t no,
                      uint64_t time_ns,
                      union cell *cells);

/* order_refuse makes the command MessageRefused of a message that the gateway does
 * not take; retry_us: how long until it may be tried again, 0: that is not it. */
void order_refuse(union cell *cell,
                  const uint8_t *buf,
                  uint16_t session,
                  uint64_t no,
                  uint64_t time_ns,
                  enum oe_reject_reason reason,
                  uint32_t retry_us);

/* order_encode writes the report on the message for one of its recipients as
 * route_message gave it; returns its bytes (at most REPORT_BYTES_MAX), 0 if the
 * message has none for it. NotApplied (schema 2748) is one of them. For a drop copy
 * the fixed part is longer by the id of the session whose report it is (u32). */
size_t order_encode(const union cell *cells,
                    unsigned shard,
                    const struct route_recipient *recipient,
                    uint8_t *buf,
                    size_t cap);

#endif
