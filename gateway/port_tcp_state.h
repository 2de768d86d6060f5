/*
 * The TCP port's inside, shared by port_tcp.c (frames in, frames out) and
 * port_tcp_open.c (memory, sockets).
 *
 * A connection and what it goes through:
 *
 *          accepted                port_drop             all sent
 *   FREE ------------> OPEN ------------------> DROPPED ---------> LINGERING
 *     ^   connected      |                         |                  |
 *     |                  | end, reset, bad frame,  |                  | its end came,
 *     |                  | slow, idle, half open   |                  | or time is up
 *     |                  v                         v                  |
 *     +-------------- ENDED <---------------------------------------- +
 *        `lost` told, no send on its way
 *
 * The end of what it receives is the last event of a connection, after shutdown(2)
 * or a reset also on our side: then `lost` is told, and only then its place is free. So no
 * event is ever of a connection before.
 *
 * What is received waits in a queue of our own from tx_flush or rx until port_rx
 * has cut it into frames: sends are finished there too, while nobody receives.
 */
#ifndef OUTCRY_GATEWAY_PORT_TCP_STATE_H
#define OUTCRY_GATEWAY_PORT_TCP_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/port.h"
#include "gateway/sofh.h"
#include "gateway/tcp_io.h"
#include "proto/base.h"
#include "proto/limits.h"

#define TCP_NONE UINT16_MAX
_Static_assert(PORT_TCP_CONNECTIONS_MAX < TCP_NONE, "a connection has a number");

enum connection_state {
    TCP_FREE,
    TCP_OPEN,
    TCP_DROPPED,
    TCP_LINGERING,
    TCP_ENDED
};

struct connection {
    int fd;
    uint8_t state;   /* enum connection_state */
    bool receiving;  /* its end has not come */
    bool sending;    /* bytes from head on */
    bool dirty;      /* in the list of those with something to send */
    uint16_t next;   /* in its bucket, or free */
    uint16_t source; /* of a client */
    bool half_open;  /* in the list of those: */
    uint16_t older;  /* TCP_NONE: none */
    uint16_t newer;
    uint32_t head; /* unsent: [head, tail), each under & mask */
    uint32_t tail;
    struct peer peer;
    uint64_t begun_ms;
    uint64_t heard_ms;
    uint64_t full_ms;     /* since when claims are refused; 0: they are not */
    uint64_t linger_ms;   /* since when it is DROPPED, LINGERING or ENDED */
    uint64_t reminded_ms; /* of an ENDED one: when that was last said to the kernel */
    uint8_t *unsent;
    struct framer framer;
};

struct tcp_port {
    struct port port;
    struct port_tcp_cfg cfg;
    struct tcp_io *io;
    int listen_fd;
    uint16_t tcp_port;
    uint16_t source; /* of claims */
    size_t bytes;    /* of this mapping */
    uint64_t now_ms;

    struct connection *connections;
    uint16_t free;     /* first; TCP_NONE: none */
    uint32_t care_idx; /* next to be looked after */
    uint32_t live_cnt; /* neither FREE nor ENDED, up to live_max */
    uint32_t live_max;
    uint16_t oldest; /* of those that are half open; TCP_NONE: none is */
    uint16_t newest;
    uint32_t half_open_cnt;
    uint16_t *buckets; /* first connection of each */
    uint32_t buckets_cnt;
    uint16_t *dirty;
    uint32_t dirty_cnt;
    uint16_t claimed; /* TCP_NONE: nothing */

    struct tcp_event *queue; /* what was received */
    uint32_t queue_max;      /* power of two */
    uint32_t queue_at;
    uint32_t queue_cnt;
    uint32_t front_off; /* bytes of the first that are cut */
    uint16_t *spent;    /* buffers whose frames the caller reads */
    uint32_t spent_cnt;

    uint8_t tx[DATAGRAM_BYTES_MAX];
    uint8_t framed[PORT_TCP_ROOM];
    uint8_t kept[PORT_BURST_MAX][FRAME_PAYLOAD_MAX]; /* frames that came in pieces */
};

extern const struct port_ops port_tcp_ops;

/* port_tcp_socket_set gives a socket the sizes and the busy poll of the configuration,
 * before it is connected; those that listen hand them on. */
void port_tcp_socket_set(int fd, const struct port_tcp_cfg *cfg);

/* port_tcp_clock_ms returns the time since some time. */
uint64_t port_tcp_clock_ms(void);

#endif
