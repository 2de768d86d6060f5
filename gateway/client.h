/*
 * Client: the other side of the gateway, one FIXP session over a port.
 *
 *   client_connect -> poll until CLIENT_ESTABLISHED -> client_send ... -> client_terminate
 *
 * The tools use it, and so can a broker. One thread; never blocks; time is an
 * argument, UTC nanoseconds: it goes into the requests, and the exchange refuses
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
#include "proto/base.h"
#include "proto/orders.h"

struct client;

/* Bytes of the longest request, a mass quote of 50 entries. */
#define CLIENT_MESSAGE_MAX 1428u

enum client_state {
    CLIENT_IDLE,
    CLIENT_NEGOTIATING,
    CLIENT_ESTABLISHING,
    CLIENT_ESTABLISHED,
    CLIENT_TERMINATING,
    CLIENT_CLOSED /* ended; client_error tells why if it was not asked for */
};

struct client_cfg {
    struct port *port;
    struct peer server;
    uint16_t udp_source; /* source port on a shared device, see port_source */
    const char *name;    /* session */
    const char *key;     /* access key */
    uint32_t keepalive_ms;
    uint64_t resume_no;             /* own next number when resume is set */
    uint64_t resume_next_report_no; /* first report not yet seen when resume is set */
    uint8_t uuid[16];               /* random, new for each session ever; on resume the one of
                                     * before. The bits of version 4 are set by client_new.
                                     * A new one goes with another source port: a report that
                                     * comes late does not say of which UUID it is */
    bool resume;                    /* Establish without Negotiate */
    bool drop_copy;                 /* of its firm: it is sent reports and sends nothing */
    bool context;                   /* begin datagrams with Context, as the exchange may require */

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

/* client_new allocates; NULL without memory. client_free frees. */
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

/* client_terminate sends what is queued and says Terminate; CLIENT_CLOSED when
 * it is answered, or was not within a while. */
void client_terminate(struct client *client, uint64_t now_ns);

enum client_state client_state(const struct client *client);
const char *client_error(const struct client *client);       /* "" or one line */
uint64_t client_next_no(const struct client *client);        /* of ours */
uint64_t client_next_report_no(const struct client *client); /* expected next */
uint64_t client_missing(const struct client *client);        /* sent, not yet here in order */
uint64_t client_retransmits(const struct client *client);    /* asked for */

#endif
