/*
 * OUCH client: the other side of soup_server.c, one session of OUCH 5.0 over one
 * connection of SoupBinTCP.
 *
 *   port_tcp_open with FRAMING_SOUP -> ouch_client_new -> ouch_client_connect
 *     -> ouch_client_datagram, ouch_client_poll ... until OUCH_CLIENT_LIVE
 *     -> ouch_client_send ... ouch_client_flush -> ouch_client_logout -> OUCH_CLIENT_CLOSED
 *
 *   LoginRequest -->            <-- LoginAccepted, or why not
 *   AccountQuery -->            <-- QueryResponse: the first UserRefNum that is free; LIVE
 *
 * The answer to that query is not told to the caller; those to queries of his own are.
 * The stream is asked for from the next new message on: what was told before is the
 * business of who keeps numbers. A connection that cannot be had is tried again until the
 * login is answered; once it is, its end is the session's.
 *
 * What comes over the wire is hostile until proven otherwise: what may not come closes the
 * client with a line that says so.
 *
 * One thread for a client and its port, never blocks, UTC nanoseconds are an argument.
 * Several clients share a port, each with its own source. Memory: 2 KiB each. Cost: a copy
 * of the message, and one claim of the port for all that a flush sends.
 */
#ifndef OUTCRY_GATEWAY_OUCH_CLIENT_H
#define OUTCRY_GATEWAY_OUCH_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/port.h"
#include "proto/base.h"

struct ouch_client;

/* Bytes of the longest message that can be sent. */
#define OUCH_CLIENT_MESSAGE_MAX 512u

enum ouch_client_state {
    OUCH_CLIENT_IDLE,
    OUCH_CLIENT_LOGGING_IN,
    OUCH_CLIENT_ASKING, /* logged in; the query is not answered yet */
    OUCH_CLIENT_LIVE,
    OUCH_CLIENT_LEAVING,
    OUCH_CLIENT_CLOSED /* ended; ouch_client_error tells why if it was not asked for */
};

struct ouch_client_cfg {
    struct port *port;
    struct peer server;
    uint16_t source;      /* of its connection, see port_source; not 0 */
    const char *user;     /* at most 6 characters */
    const char *password; /* at most 10 */

    /* Each message of OUCH, from its type byte on, and its number in the stream. */
    void (*on_message)(void *ctx, uint64_t no, const uint8_t *buf, size_t len);
    void *ctx;
};

/* ouch_client_new allocates and keeps copies of the names; NULL without memory or if one
 * is too long. The port is the caller's. */
struct ouch_client *ouch_client_new(const struct ouch_client_cfg *cfg);
void ouch_client_free(struct ouch_client *client);

void ouch_client_connect(struct ouch_client *client, uint64_t now_ns);

/* ouch_client_send queues a message, from its type byte on; false if it is too long, the
 * client is not live or the port has no room: then nothing was queued. */
NODISCARD bool ouch_client_send(struct ouch_client *client, const void *message, size_t len);
void ouch_client_flush(struct ouch_client *client, uint64_t now_ns);

/* ouch_client_datagram takes a packet that came for this client, or the end of its
 * connection; ouch_client_poll does timers. Callbacks are called from the first. */
void
ouch_client_datagram(struct ouch_client *client, const struct datagram *datagram, uint64_t now_ns);
void ouch_client_poll(struct ouch_client *client, uint64_t now_ns);

/* ouch_client_logout sends what is queued and LogoutRequest; CLOSED when the exchange has
 * ended the connection. */
void ouch_client_logout(struct ouch_client *client, uint64_t now_ns);

enum ouch_client_state ouch_client_state(const struct ouch_client *client);
const char *ouch_client_error(const struct ouch_client *client); /* "" or one line */
uint64_t ouch_client_next_no(const struct ouch_client *client);  /* of the stream */

/* ouch_client_next_ref returns the least UserRefNum that was free when the client became
 * live. */
uint32_t ouch_client_next_ref(const struct ouch_client *client);

#endif
