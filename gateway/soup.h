/*
 * Soup: one connection of SoupBinTCP 3.00 (with the login of 4.10), the server's
 * side of it: a state machine without I/O and without a clock.
 *
 *            soup_open
 *               |
 *               v        LoginRequest                soup_accept
 *              NEW ---------------------> LOGGING_IN -----------> LIVE
 *               |                             |                    |
 *               |  anything else, 30 s        | soup_reject        | LogoutRequest, silence,
 *               +-----------------------------+--------------------+ anything that may not
 *                                             |                      come, soup_end
 *                                             v
 *                                           OVER
 *
 * Packets come from their type byte on, the length taken off; what is written is
 * whole, with its length before it. What a client sends is hostile until proven
 * otherwise: nothing in a packet leads to an assertion, and what may not come is
 * SOUP_BAD, for which the connection ends.
 *
 * The number of a SequencedData is nowhere in it: both sides count from the number
 * in LoginAccepted. A client's packets have none.
 *
 * Numeric fields and session names are read with the spaces on both sides taken
 * off, for clients differ; an empty number is 0. User and password do not mind case.
 *
 * No thread of its own, no memory of its own. Cost of a packet: some nanoseconds.
 */
#ifndef OUTCRY_GATEWAY_SOUP_H
#define OUTCRY_GATEWAY_SOUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base.h"

/* We send at least so often, end a connection that is silent for so long, and wait
 * so long for a login. */
#define SOUP_HEARTBEAT_NS UINT64_C(1000000000)
#define SOUP_SILENCE_NS   UINT64_C(15000000000)
#define SOUP_LOGIN_NS     UINT64_C(30000000000)

/* What a client of 4.10 may have the silence be instead, milliseconds. */
#define SOUP_TIMEOUT_MS_MIN 1000u
#define SOUP_TIMEOUT_MS_MAX 60000u

/* Bytes before the message in what soup_data writes: length and type. */
#define SOUP_DATA_HEAD 3u

/* Bytes of the longest packet that we take, from its type byte on. */
#define SOUP_PACKET_MAX 2048u

/* Bytes of a session's name, and of user and password, without the zero behind. */
#define SOUP_SESSION_LEN  10u
#define SOUP_USER_LEN     6u
#define SOUP_PASSWORD_LEN 10u

enum soup_state {
    SOUP_NEW,
    SOUP_LOGGING_IN,
    SOUP_LIVE,
    SOUP_OVER,
};

/* What came. */
enum soup_event {
    SOUP_NOTHING, /* heartbeat, debug text */
    SOUP_LOGIN,   /* to be answered by soup_accept or soup_reject */
    SOUP_DATA,    /* a message of the application: packet + 1, len - 1 */
    SOUP_LOGOUT,  /* the connection is over */
    SOUP_BAD,     /* it is over as well: this may not come, or not now */
};

/* What time has brought. */
enum soup_due {
    SOUP_DUE_NOTHING,
    SOUP_DUE_HEARTBEAT, /* call soup_heartbeat */
    SOUP_DUE_END,       /* no login for too long, or silence: end the connection */
};

struct soup_login {
    char user[SOUP_USER_LEN + 1];         /* upper case, no spaces around it */
    char password[SOUP_PASSWORD_LEN + 1]; /* likewise */
    char session[SOUP_SESSION_LEN + 1];   /* empty: the current one */
    uint64_t no;                          /* of the first message wanted; 0: new ones only */
};

struct soup {
    uint8_t state; /* enum soup_state */
    uint64_t since_ns;
    uint64_t last_rx_ns;
    uint64_t last_tx_ns;
    uint64_t silence_ns;
    uint64_t next_no; /* of the next SequencedData, once it is live */
};

void soup_open(struct soup *soup, uint64_t now_ns);

/* soup_take takes a packet of len bytes, which may be any. login is filled on
 * SOUP_LOGIN. */
enum soup_event soup_take(struct soup *soup,
                          const uint8_t *packet,
                          size_t len,
                          uint64_t now_ns,
                          struct soup_login *login);

/* soup_hear notes that the client lives, by a packet that is kept to be taken later. */
void soup_hear(struct soup *soup, uint64_t now_ns);

/* soup_due says what is to be done by now. */
enum soup_due soup_due(const struct soup *soup, uint64_t now_ns);

/* soup_first_no is the number that a login begins with, if next_no is what the next
 * new message will have: what was asked for, as far as there is such a message. */
uint64_t soup_first_no(uint64_t wanted_no, uint64_t next_no);

/* Each of the following writes one packet and returns its bytes; 0, and nothing
 * changes, if it does not fit in cap. */

/* soup_accept answers a login: data begins with first_no. */
size_t soup_accept(struct soup *soup,
                   const char session[SOUP_SESSION_LEN],
                   uint64_t first_no,
                   uint64_t now_ns,
                   uint8_t *buf,
                   size_t cap);

/* soup_reject refuses it; reason is an enum soup_reject_reason (proto/soup.h). */
size_t soup_reject(struct soup *soup, uint8_t reason, uint8_t *buf, size_t cap);

/* soup_data carries one message, len bytes; it has the number next_no. */
size_t soup_data(struct soup *soup,
                 const uint8_t *message,
                 size_t len,
                 uint64_t now_ns,
                 uint8_t *buf,
                 size_t cap);

size_t soup_heartbeat(struct soup *soup, uint64_t now_ns, uint8_t *buf, size_t cap);

/* soup_end says that the session is over for ever. */
size_t soup_end(struct soup *soup, uint8_t *buf, size_t cap);

/* soup_session_name makes the name of a session from its UUID: 50 bits of it, in the
 * letters A to Z and the digits 2 to 7. */
void soup_session_name(const uint8_t uuid[16], char name[SOUP_SESSION_LEN]);

#endif
