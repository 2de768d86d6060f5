/*
 * Stream pair: connections between clients and one server in memory, framed as
 * SoupBinTCP is: what a client sends is one packet with its length taken off, what
 * the server sends is bytes, whole packets with their lengths.
 *
 *   stream_open -> connection i;  stream_send, stream_close: the client's side
 *   what the server sent lies in conns[i].bytes[taken .. cnt)
 *
 * A connection that ended, whoever ended it, is told to the server once, behind its
 * last packet. With `full` the server's side takes nothing.
 *
 * No Criterion in here: a fuzzer uses it too.
 */
#ifndef OUTCRY_TESTS_GATEWAY_STREAM_PAIR_H
#define OUTCRY_TESTS_GATEWAY_STREAM_PAIR_H

#include <stdbool.h>
#include <string.h>

#include "gateway/port.h"
#include "proto/base.h"
#include "proto/limits.h"

#define STREAM_CONNS_MAX  200u
#define STREAM_FRAMES_MAX 512u
#define STREAM_BYTES_MAX  131072u
#define STREAM_FRAME_MAX  2100u
#define STREAM_IP         0x0a000002u

struct stream_conn {
    bool open;   /* as the client sees it */
    bool closed; /* by the server */
    size_t cnt;
    size_t taken;
    uint8_t bytes[STREAM_BYTES_MAX];
};

struct stream_frame {
    uint32_t conn;
    uint32_t len;
    bool lost;
    uint8_t bytes[STREAM_FRAME_MAX];
};

struct stream_pair {
    struct port port; /* the server's */
    uint32_t conns_cnt;
    struct stream_conn conns[STREAM_CONNS_MAX];
    uint32_t head, tail; /* of frames on their way */
    struct stream_frame frames[STREAM_FRAMES_MAX];
    uint8_t claim[DATAGRAM_BYTES_MAX];
    uint32_t claimed;
    bool full;
};

static inline struct peer
stream_peer(uint32_t conn)
{
    return (struct peer){.ip = STREAM_IP, .udp_port = (uint16_t)(10000 + conn)};
}

static inline void
stream_frame(struct stream_pair *pair, uint32_t conn, const void *bytes, size_t len, bool lost)
{
    struct stream_frame *frame = &pair->frames[pair->tail++ % STREAM_FRAMES_MAX];

    ASSERT(pair->tail - pair->head <= STREAM_FRAMES_MAX);
    ASSERT(len <= STREAM_FRAME_MAX);
    frame->conn = conn;
    frame->len = (uint32_t)len;
    frame->lost = lost;
    if (len > 0)
        memcpy(frame->bytes, bytes, len);
}

static inline int
stream_rx(struct port *port, struct datagram *datagrams, int max)
{
    struct stream_pair *pair = (struct stream_pair *)port;
    int cnt = 0;

    for (; cnt < max && pair->head != pair->tail; cnt++) {
        const struct stream_frame *frame = &pair->frames[pair->head++ % STREAM_FRAMES_MAX];

        datagrams[cnt] = (struct datagram){.data = frame->bytes,
                                           .len = frame->len,
                                           .peer = stream_peer(frame->conn),
                                           .lost = frame->lost};
    }
    return cnt;
}

static inline uint8_t *
stream_claim(struct port *port, const struct peer *peer)
{
    struct stream_pair *pair = (struct stream_pair *)port;
    const uint32_t conn = peer->udp_port - 10000u;

    ASSERT(peer->ip == STREAM_IP && conn < pair->conns_cnt);
    if (pair->full || !pair->conns[conn].open)
        return NULL;
    pair->claimed = conn;
    return pair->claim;
}

static inline void
stream_push(struct port *port, size_t len)
{
    struct stream_pair *pair = (struct stream_pair *)port;
    struct stream_conn *conn = &pair->conns[pair->claimed];

    ASSERT(len <= DATAGRAM_BYTES_MAX);
    ASSERT(conn->cnt + len <= STREAM_BYTES_MAX);
    memcpy(conn->bytes + conn->cnt, pair->claim, len);
    conn->cnt += len;
}

static inline void
stream_flush(struct port *port)
{
    (void)port;
}

/* stream_end ends a connection; the server hears of it once. */
static inline void
stream_end(struct stream_pair *pair, uint32_t conn)
{
    if (!pair->conns[conn].open)
        return;
    pair->conns[conn].open = false;
    stream_frame(pair, conn, NULL, 0, true);
}

static inline void
stream_drop(struct port *port, const struct peer *peer)
{
    struct stream_pair *pair = (struct stream_pair *)port;
    const uint32_t conn = peer->udp_port - 10000u;

    ASSERT(conn < pair->conns_cnt);
    pair->conns[conn].closed = true;
    stream_end(pair, conn);
}

static inline void
stream_init(struct stream_pair *pair)
{
    static const struct port_ops ops = {.rx = stream_rx,
                                        .tx_claim = stream_claim,
                                        .tx_push = stream_push,
                                        .tx_flush = stream_flush,
                                        .drop = stream_drop};

    memset(pair, 0, sizeof *pair);
    pair->port.ops = &ops;
    pair->port.stream = true;
}

static inline uint32_t
stream_open(struct stream_pair *pair)
{
    ASSERT(pair->conns_cnt < STREAM_CONNS_MAX);
    pair->conns[pair->conns_cnt].open = true;
    return pair->conns_cnt++;
}

/* stream_send sends one packet, from its type byte on. */
static inline void
stream_send(struct stream_pair *pair, uint32_t conn, const void *packet, size_t len)
{
    if (pair->conns[conn].open)
        stream_frame(pair, conn, packet, len, false);
}

/* stream_take returns the next packet that the server sent, from its type byte on, NULL
 * if there is none. */
static inline const uint8_t *
stream_take(struct stream_pair *pair, uint32_t number, size_t *len)
{
    struct stream_conn *conn = &pair->conns[number];
    const uint8_t *at = conn->bytes + conn->taken;

    if (conn->cnt - conn->taken < 2)
        return NULL;
    *len = (size_t)at[0] << 8 | at[1];
    ASSERT(conn->cnt - conn->taken >= 2 + *len);
    conn->taken += 2 + *len;
    return at + 2;
}

#endif
