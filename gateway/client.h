/*
 * Client: the other side of the gateway, one FIXP session over a port.
 *
 *   client_dial, or port_udp_open, port_tcp_open, port_dpdk_open   (gateway/port.h)
 *   client_new -> client_connect -> client_receive until CLIENT_ESTABLISHED
 *     -> client_send ... client_flush, client_receive ... -> client_terminate, or client_finish
 *     -> client_receive until CLIENT_CLOSED -> client_free, port_close
 *
 * The tools use it, and so can a broker: docs/client.md has a program. This header is
 * public (proto/types.h says what that means), and what it declares is all that the
 * library outcry-client has, beside ports.
 *
 * One thread for a client and its port; never blocks; time is an argument, UTC
 * nanoseconds: it goes into the requests, and the exchange refuses
 * one that is older than the last. Reports arrive in order, without a hole and once each: gaps are
 * asked for again (RetransmitRequest) and what is ahead is held back. Numbers
 * that the exchange never got (NotApplied) are told to the caller, who may
 * send again under a new number.
 *
 * Over a stream port the connection is begun by client_connect, and again while it
 * is not established; once it is, its end is the session's: resume it by another
 * client. The exchange never loses what it was sent over a connection that lasts, so
 * the number is stated once.
 *
 * Several clients may share one port (a DPDK device): each has its own source
 * UDP port, and client_datagram is given what port_rx returned for it.
 */
#ifndef OUTCRY_GATEWAY_CLIENT_H
#define OUTCRY_GATEWAY_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/port.h"
#include "proto/orders.h"
#include "proto/types.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct client;

/* Bytes of the longest request, a mass quote of 50 entries. */
#define CLIENT_MESSAGE_MAX 1428u

/* Characters of a session's name and of its access key. */
#define CLIENT_NAME_MAX 16u
#define CLIENT_KEY_MAX  32u

enum client_state {
    CLIENT_IDLE,
    CLIENT_NEGOTIATING,
    CLIENT_ESTABLISHING,
    CLIENT_ESTABLISHED,
    CLIENT_TERMINATING,
    CLIENT_FINISHING, /* client_finish was called */
    CLIENT_CLOSED     /* ended; client_error tells why if it was not asked for */
};

struct client_cfg {
    struct port *port;              /* client_dial opens one, or port.h does */
    struct peer server;             /* its IPv4 address and UDP or TCP port */
    uint16_t udp_source;            /* source port on a shared device, see port_source */
    const char *name;               /* session, up to CLIENT_NAME_MAX characters */
    const char *key;                /* access key, up to CLIENT_KEY_MAX characters */
    uint32_t keepalive_ms;          /* 100 to 60000, else the exchange refuses it: the longest
                                     * silence that client_poll lets come about */
    uint64_t resume_no;             /* own next number when resume is set */
    uint64_t resume_next_report_no; /* first report not yet seen when resume is set */
    uint8_t uuid[16];               /* random, new for each session ever; zeros: client_new
                                     * draws it; on resume the one of before. The bits of
                                     * version 4 are set by client_new. A new one goes with
                                     * another source port: a report that comes late does not
                                     * say of which UUID it is */
    bool resume;                    /* Establish without Negotiate */
    bool drop_copy;                 /* of its firm: it is sent reports and sends nothing */
    bool context;                   /* begin datagrams with Context, as the exchange may require */

    /* Callbacks are called by client_receive and client_datagram, in the caller's thread;
     * each may be NULL. What they are given is theirs until they return. They may call all
     * of this header but those two, client_poll and client_free. */

    /* Each report, in order: its number and the SBE message from its header
     * on. */
    void (*on_report)(void *ctx, uint64_t no, const uint8_t *buf, size_t len);
    /* Numbers [from, from + count) of ours were never received. */
    void (*on_not_applied)(void *ctx, uint64_t from, uint64_t count);
    /* Where the time went that a report of ours took: it comes before that report, one
     * in a burst, and not always. If it is there the exchange is asked for receipts. */
    void (*on_receipt)(void *ctx, const struct oe_latency_receipt *receipt);
    void *ctx;
};

/* client_dial opens a port of its own for a client and fills in port and server of cfg:
 * where is "udp:ADDRESS:PORT" or "tcp:ADDRESS:PORT", IPv4 and a number. 0, or -errno with
 * a line in why. A TCP connection is begun by client_connect. Whoever wants a device of
 * DPDK, or other sizes, opens a port itself. */
OUTCRY_NODISCARD int client_dial(struct client_cfg *cfg, const char *where, char why[256]);

/* client_new allocates, 300 KiB, and keeps copies of cfg, name and key; NULL if one of
 * these two is missing or too long, without memory or, if a UUID is to be drawn,
 * randomness. client_free frees, NULL too; the port is the caller's, and outlives it. */
struct client *client_new(const struct client_cfg *cfg);
void client_free(struct client *client);

/* client_connect sends Negotiate (or Establish on resume); repeats are sent by
 * client_poll until it is answered. */
void client_connect(struct client *client, uint64_t now_ns);

/* client_send queues one encoded application message (SBE header first, at most
 * CLIENT_MESSAGE_MAX bytes) under the next number, which it returns; 0 if it is
 * longer, if not established, or if the datagram is full and the port has no room
 * for it: then nothing was queued. Messages of one flush share datagrams. */
uint64_t client_send(struct client *client, const void *message, size_t len);

/* client_flush sends what is queued. What is still queued when the session ends is
 * not sent any more. */
void client_flush(struct client *client, uint64_t now_ns);

/* client_datagram takes a datagram that arrived for this client, or the end of its
 * connection. */
void client_datagram(struct client *client, const struct datagram *datagram, uint64_t now_ns);

/* client_poll does timers: handshake repeats, heartbeats, gap requests. */
void client_poll(struct client *client, uint64_t now_ns);

/* client_receive is all that a client needs that has its port alone: it takes a burst of
 * what has come and does client_poll. Callbacks are called from here. Returns how many
 * datagrams there were; call it again and again, at least every 10 ms. */
int client_receive(struct client *client, uint64_t now_ns);

/* client_terminate sends what is queued and says Terminate; CLIENT_CLOSED when
 * it is answered, or was not within a while. */
void client_terminate(struct client *client, uint64_t now_ns);

/* client_finish ends the session for good: what is queued is sent, what is missing is
 * asked for, and then its UUID is never taken again. CLIENT_CLOSED when that is done:
 * then client_finished is true. If it was not, resume and call it again. Reports that
 * fall due later are not told under this UUID: best when no order is live. If not
 * established it is client_terminate. */
void client_finish(struct client *client, uint64_t now_ns);
bool client_finished(const struct client *client);

enum client_state client_state(const struct client *client);
const char *client_error(const struct client *client);       /* "" or one line; until client_free */
uint64_t client_next_no(const struct client *client);        /* of ours */
uint64_t client_next_report_no(const struct client *client); /* expected next */
uint64_t client_missing(const struct client *client);     /* reports sent, not yet here in order */
uint64_t client_retransmits(const struct client *client); /* RetransmitRequests, so far */

/* client_uuid is what a later client resumes the session under, with client_next_no and
 * client_next_report_no: 16 bytes, until client_free. */
const uint8_t *client_uuid(const struct client *client);

/* client_template is the template of a report that on_report is given, OE_..._ID. */
static inline unsigned
client_template(const uint8_t *buf)
{
    return ((const struct oe_header *)buf)->template_id;
}

/* These make a request with all that is optional null; it is then encoded by the function
 * of proto/orders.h, which has all fields and their meaning, and given to client_send.
 * An order is a Day limit order of an agency, and its cl_ord_id, price, security_id,
 * order_qty, account and side are to be set. A replace and a cancel name the order by
 * orig_cl_ord_id or order_id: one of the two is to be set, and cl_ord_id, security_id and,
 * of a replace, price and order_qty. */
void client_order_new(struct oe_new_order_single *msg);
void client_order_replace(struct oe_order_cancel_replace_request *msg);
void client_order_cancel(struct oe_order_cancel_request *msg);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
