/*
 * OUCH codec: OUCH 5.0 <-> cells, exact or refused. Stateless, as gateway/order_codec.h.
 *
 *   EnterOrder ...  --ouch_decode-->  command cells
 *   message cells   --ouch_encode-->  Accepted ... for one recipient
 *
 *   O EnterOrder     OrderNew, clord = UserRefNum, its ClOrdID as text
 *   U ReplaceOrder   OrderReplace with ReplaceTerms; what is wrong with it is said
 *                    there, for whether its order lives the engine alone knows
 *   X CancelOrder    OrderCancel; of a part: a replace that reduces
 *   M ModifyOrder    a replace that reduces
 *   C MassCancel     MassCancel of the session
 *   D, E, Q          MessageRefused with reason None: the gateway itself answers
 *
 * What an order asks for and a cell cannot say is MessageRefused with OUCH's own
 * reason. Markings of short sales are: which of its own orders a client calls short
 * nobody here keeps. So are orders in instruments that ouch_names does not have.
 * Options that only the venue sends, and those that it does not know, are skipped.
 *
 * The account of all orders is the session's; the firm (4 characters) is how it is called
 * in this dialect. The venue's local time is UTC.
 *
 * A report has its UserRefNum from its own message: an order that was entered in
 * another dialect under a number that OUCH does not have gets no reports in this one.
 * Some messages have none in OUCH, such as the refusal of a cancel whose order is
 * gone; so reports are counted as they are encoded, and whoever goes through the
 * messages in their order counts the same.
 *
 * ouch_decode.c has one direction, ouch_encode.c the other.
 */
#ifndef OUTCRY_GATEWAY_OUCH_CODEC_H
#define OUTCRY_GATEWAY_OUCH_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/route.h"
#include "gateway/ouch_names.h"
#include "proto/cell.h"

/* Bytes of the longest report, and of the longest message that a client may send: 28
 * options of at most 10 bytes behind 45. What is longer is refused. */
#define OUCH_REPORT_BYTES_MAX  120u
#define OUCH_MESSAGE_BYTES_MAX 512u

/* Quantities are below this. */
#define OUCH_QTY_END 1000000u

/* The largest limit, and the price that stands for none, in a cross, 4 decimals. */
#define OUCH_PRICE_MAX    1999999900u
#define OUCH_PRICE_MARKET 2000000000u

/* What the configuration says of an OUCH session. */
struct ouch_party {
    uint32_t account; /* of all its orders */
    char firm[4];     /* how the account is called, padded with spaces */
    uint8_t stp;      /* enum oe_self_match_prevention_instruction of its orders */
};

/* Where a message comes from. */
struct ouch_origin {
    const struct ouch_names *names;
    const struct ouch_party *party;
    uint64_t next_no; /* the least UserRefNum that was not used, for a query */
    uint64_t time_ns;
    uint16_t session;
    bool disabled; /* the client has said DisableEntry */
};

/* ouch_decode turns the message at buf (from its type byte on) into command cells
 * (CELL_COMMAND_MAX), well formed; returns their number, 0 if the bytes are no message
 * of a client: then there is no UserRefNum to answer to. */
unsigned
ouch_decode(const struct ouch_origin *origin, const uint8_t *buf, size_t len, union cell *cells);

/* ouch_is_cancel tells whether the message at buf, of len bytes, takes orders away. */
static inline bool
ouch_is_cancel(const uint8_t *buf, size_t len)
{
    return len > 0 && (buf[0] == 'X' || buf[0] == 'M' || buf[0] == 'C');
}

/* ouch_refuse_rate makes of decoded commands, count of them, one that refuses them because
 * too many came; returns its cells, 1. What is no request of an order stays as it is. */
unsigned ouch_refuse_rate(union cell *cells, unsigned count, uint32_t retry_us);

/* ouch_encode writes the report on the message for one of its recipients as
 * route_message gave it; returns its bytes (at most OUCH_REPORT_BYTES_MAX), 0 if the
 * message has none in this dialect. */
size_t ouch_encode(const struct ouch_names *names,
                   const struct ouch_party *party,
                   const union cell *cells,
                   const struct route_recipient *recipient,
                   uint8_t *buf,
                   size_t cap);

/* ouch_encode_event writes a SystemEvent; code is an enum ouch_event_code. */
size_t ouch_encode_event(uint64_t time_ns, uint8_t code, uint8_t *buf, size_t cap);

#endif
