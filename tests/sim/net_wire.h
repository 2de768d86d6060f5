/*
 * Wire: a network in memory on virtual time, on which all goes wrong that can between
 * two hosts. One server, some clients; the ports implement gateway/port.h, so on both
 * ends the real code sends and receives.
 *
 *   port_tx_push --> fate --> queue of the other port, by time --> port_rx
 *                     |
 *                     +-- lost, doubled, late, cut, padded, flipped, no way, no room
 *
 * What becomes of a datagram is drawn for each, for each direction by the chances in
 * struct wire_way:
 *
 *   lost     it never arrives
 *   doubled  it arrives twice, each copy at a time of its own
 *   jitter   it takes delay_ns and up to jitter_ns more, so others overtake it
 *   late     it takes up to late_ns more: it arrives when its session was left, taken
 *            over, its server killed and started again. So it is also what somebody
 *            would do who keeps a datagram and sends it again
 *   cut      it ends at any byte. No checksum of ours tells, as none does where a
 *            receiver's buffer is too short
 *   padded   zeros behind it, as of a frame that was too short for its wire
 *   flipped  one to four bits are others. UDP's checksum is computed over the bytes
 *            before and after: a datagram whose checksum is another is lost, as it is
 *            on a real wire. It cannot tell one whose bits went up and down in one
 *            column of its 16-bit words. Such a one arrives; few of the flips are so
 *            by chance, one in two where `collide` makes them so. Nobody can agree on an
 *            order that was changed on its way: the client's port is marked `hit`, and
 *            what is asked of it and of the others is told in net_world.h
 *   no way   the port is cut off, one way or both, for a while
 *   no room  the queue of the other port is full, as of a process that does not read
 *
 * A port may also be `full`: claims are refused for a while, as of a device whose
 * ring is not emptied. Datagrams for a closed port are gone when it is opened again.
 *
 * Same seed, same calls: the same fates. With `trace` a line per datagram.
 */
#ifndef OUTCRY_TESTS_SIM_NET_WIRE_H
#define OUTCRY_TESTS_SIM_NET_WIRE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "gateway/port.h"
#include "proto/base.h"
#include "proto/limits.h"

#define WIRE_PORTS_MAX   16u
#define WIRE_PACKETS_MAX 768u
#define WIRE_QUEUE_MAX   24u /* datagrams that wait for one port */
#define WIRE_NONE        UINT32_MAX

enum wire_fate {
    WIRE_SENT,
    WIRE_LOST,
    WIRE_DOUBLED,
    WIRE_LATE,
    WIRE_CUT,
    WIRE_PADDED,
    WIRE_FLIPPED, /* and lost by the checksum */
    WIRE_HIT,     /* flipped, and the checksum does not tell */
    WIRE_NO_WAY,
    WIRE_NO_ROOM,
    WIRE_REFUSED, /* claims of a full port */
    WIRE_FATES
};

/* Chances in a thousand datagrams, of one direction. */
struct wire_way {
    uint32_t lost;
    uint32_t doubled;
    uint32_t late;
    uint32_t cut;
    uint32_t padded;
    uint32_t flipped;
    uint64_t delay_ns;
    uint64_t jitter_ns;
};

struct wire;

struct wire_packet {
    uint64_t due_ns;
    uint32_t next;
    uint32_t len;
    struct peer from;
    uint8_t data[DATAGRAM_BYTES_MAX];
};

struct wire_port {
    struct port port; /* first */
    struct wire *wire;
    struct peer self;
    const char *name;
    bool server;
    bool open;
    bool hit;
    uint64_t deaf_until_ns; /* cut off: nothing arrives */
    uint64_t mute_until_ns; /* nothing leaves */
    uint64_t full_until_ns;
    struct peer to;   /* of the claim */
    uint32_t claimed; /* packet, or WIRE_NONE */
    uint32_t queue;   /* of what comes, first to last in time */
    uint32_t queue_cnt;
    uint32_t received; /* list of what the last port_rx returned */
};

struct wire {
    uint64_t random;
    uint64_t now_ns;
    uint64_t late_ns;
    struct wire_way to_server;
    struct wire_way from_server;
    bool collide;
    FILE *trace;       /* NULL: none */
    uint64_t trace_ns; /* time 0 of it */
    uint64_t fates[WIRE_FATES];
    uint32_t free; /* list of packets */
    unsigned ports_cnt;
    struct wire_port ports[WIRE_PORTS_MAX];
    struct wire_packet packets[WIRE_PACKETS_MAX];
};

extern const char *const wire_fate_names[WIRE_FATES];

/* wire_init makes a wire without ports, on which nothing goes wrong. */
void wire_init(struct wire *wire, uint64_t seed, uint64_t now_ns);

/* wire_port makes a port, open; name is kept by reference. */
struct wire_port *
wire_port(struct wire *wire, const struct peer *self, const char *name, bool server);

/* wire_open opens a port, wire_close closes one: what waits for it is gone. */
void wire_open(struct wire_port *port);
void wire_close(struct wire_port *port);

/* wire_calm makes it a wire on which nothing goes wrong; what is on its way stays so. */
void wire_calm(struct wire *wire);

/* wire_next_ns returns when the next datagram arrives at an open port, UINT64_MAX if
 * none does; wire_quiet tells whether none is on its way or waits to be read. */
uint64_t wire_next_ns(const struct wire *wire);
bool wire_quiet(const struct wire *wire);

/* wire_random is splitmix64. */
static inline uint64_t
wire_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15ull;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

#endif
