/*
 * Soup desk: a broker at the door for OUCH of the whole exchange, for the tests of it.
 *
 *   start, stop           an exchange with users BROK2 and BROK3, whose sessions are 2 and 3
 *   first, connect_from   log in; a connection is a number
 *   say                   a message of OUCH, in hex, and lets it be done
 *   expect_...            take what comes next, or fail
 *
 * Connections are in memory (stream_pair.h), time is the rig's.
 */
#ifndef OUTCRY_TESTS_GATEWAY_SOUP_DESK_H
#define OUTCRY_TESTS_GATEWAY_SOUP_DESK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "gateway/soup.h"
#include "proto/soup.h"

#include "tests/gateway/rig.h"
#include "tests/gateway/stream_pair.h"
#include "tests/proto/wire_bytes.h"

#define SESSION 2u /* BROK2 */
#define SECOND  (1000 * RIG_MS)

static struct stream_pair *pair;
static struct rig *rig;

static inline void
start(void)
{
    pair = malloc(sizeof *pair);
    cr_assert_not_null(pair);
    stream_init(pair);
    rig = rig_new_soup(1, CELL_ACK_MODE_DURABLE, &pair->port);
}

static inline void
stop(void)
{
    rig_free(rig);
    free(pair);
}

static inline void
step(void)
{
    rig_step(rig, RIG_MS / 10);
}

static inline void
send(uint32_t conn, const char *hex)
{
    uint8_t packet[STREAM_FRAME_MAX];

    stream_send(pair, conn, packet, unhex(packet, hex));
}

/* say sends a message of OUCH and lets it be done. */
static inline void
say(uint32_t conn, const char *hex)
{
    uint8_t packet[STREAM_FRAME_MAX] = {'U'};

    stream_send(pair, conn, packet, 1 + unhex(packet + 1, hex));
    step();
}

static inline void
log_in_as(uint32_t conn, const char *user, const char *password, const char *session, uint64_t no)
{
    char packet[64];

    snprintf(packet, sizeof packet, "L%-6s%-10s%10s%20llu", user, password, session,
             (unsigned long long)no);
    stream_send(pair, conn, packet, SOUP_LOGIN_REQUEST_BLOCK);
    step();
}

/* expect_packet takes the next packet and returns what is behind its type. */
static inline const uint8_t *
expect_packet(uint32_t conn, char type, size_t *len)
{
    const uint8_t *packet = stream_take(pair, conn, len);

    cr_assert_not_null(packet, "nothing, not %c", type);
    cr_assert_eq(packet[0], type, "%c, not %c", packet[0], type);
    --*len;
    return packet + 1;
}

static inline void
expect_nothing(uint32_t conn)
{
    size_t len;
    const uint8_t *packet = stream_take(pair, conn, &len);

    cr_assert_null(packet, "%c %c", packet[0], packet[1]);
}

/* expect_message takes the next message, of that type. */
static inline const uint8_t *
expect_message(uint32_t conn, char type)
{
    size_t len;
    const uint8_t *message = expect_packet(conn, 'S', &len);

    cr_assert_gt(len, 0);
    cr_assert_eq(message[0], type, "%c, not %c", message[0], type);
    return message;
}

/* expect_accepted takes the answer to a login: the number, and the session's name. */
static inline uint64_t
expect_accepted(uint32_t conn, char name[SOUP_SESSION_LEN + 1])
{
    size_t len;
    const uint8_t *body = expect_packet(conn, 'A', &len);
    char number[21] = {0};

    cr_assert_eq(len, 30);
    memcpy(name, body, SOUP_SESSION_LEN);
    name[SOUP_SESSION_LEN] = '\0';
    memcpy(number, body + SOUP_SESSION_LEN, 20);
    return strtoull(number, NULL, 10);
}

static inline void
expect_rejected(uint32_t conn, char reason)
{
    size_t len;
    const uint8_t *body = expect_packet(conn, 'J', &len);

    cr_assert_eq(body[0], reason, "%c, not %c", body[0], reason);
    cr_assert(pair->conns[conn].closed);
}

static char session_name[SOUP_SESSION_LEN + 1];

/* connect logs session 2 or 3 in, from a number of its stream on. */
static inline uint32_t
connect_from(unsigned session, uint64_t no)
{
    const uint32_t conn = stream_open(pair);

    log_in_as(conn, session == 2 ? "BROK2" : "brok3", session == 2 ? "key-2" : "KEY-3", "", no);
    cr_assert_eq(expect_accepted(conn, session_name), no);
    return conn;
}

/* first logs in for the first time of the day. */
static inline uint32_t
first(unsigned session)
{
    const uint32_t conn = connect_from(session, 1);

    cr_assert_eq(expect_message(conn, 'S')[9], 'S', "the day begins");
    return conn;
}

/* An order of 10 for ACME at 100.00. */
#define ORDER(ref, side, tif)                                          \
 "4f 000000" ref side "0000000a 41434d4520202020 00000000000f4240" tif \
 "59 41 4e 4e 4142434420202020202020202020"
#define BUY  "42"
#define SELL "53"
#define DAY  "30"
#define IOC  "33"

#define REPLACE(orig, ref, qty, price)                                    \
 "55 000000" orig "000000" ref "000000" qty "0000000000" price "30 59 4e" \
 "4243442020202020202020202020"

/* Whoever is in doubt may send again: whatever it is, it is done once. */

#endif
