/*
 * Port: datagrams in, datagrams out, whatever carries them.
 *
 *   port_udp.c    kernel UDP socket, non-blocking, batched system calls
 *   port_dpdk.c   a DPDK ethernet device: Ethernet, ARP, IPv4, UDP of our own
 *                 (gateway/packet.h), by EAL arguments: memif, a NIC, ...
 *   port_tcp.c    kernel TCP through io_uring, a stream port: see below
 *
 * A port belongs to one thread. All sizes are UDP payload bytes.
 *
 *   n = port_rx(port, datagrams, max)   valid until the next port_rx
 *   p = port_tx_claim(port, peer)       PORT_DATAGRAM_MAX bytes to fill
 *   port_tx_push(port, len)             queue what was claimed
 *   port_tx_flush(port)                 to the wire
 *
 * This header is public: programs with a client inside (gateway/client.h) open a port and
 * give it to that.
 *
 * What cannot be sent is dropped and counted, as a wire would: sessions
 * recover by sequence numbers. Hostile or foreign packets are dropped and
 * counted, never logged.
 *
 * A stream port carries the same over connections, one for each peer: nothing
 * is lost, doubled or reordered while the connection lasts. What port_rx returns
 * is a frame without its framing header, and behind the last one of a connection
 * comes a datagram that says `lost`. What is pushed arrives in order; a claim is
 * NULL while too much is unsent, and port_drop ends a connection.
 */
#ifndef OUTCRY_GATEWAY_PORT_H
#define OUTCRY_GATEWAY_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/types.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

#define PORT_BURST_MAX    32u
#define PORT_DATAGRAM_MAX 1472u /* bytes that port_tx_claim gives */

/* The other end of a datagram. Host byte order. */
struct peer {
    uint32_t ip;
    uint16_t udp_port;
    uint8_t mac[6]; /* zero on kernel sockets */
};

static inline bool
peer_equal(const struct peer *a, const struct peer *b)
{
    return a->ip == b->ip && a->udp_port == b->udp_port;
}

struct datagram {
    const uint8_t *data;
    uint32_t len;
    struct peer peer;
    uint16_t udp_port; /* ours, to which it was sent */
    bool lost;         /* stream ports: the peer's connection has ended; len is 0 */
};

struct port_stats {
    uint64_t rx_datagrams;
    uint64_t rx_bytes;
    uint64_t tx_datagrams;
    uint64_t tx_bytes;
    uint64_t rx_foreign; /* not for us: other protocol, address or port */
    uint64_t rx_invalid; /* truncated, bad checksum, fragments, oversize */
    uint64_t tx_dropped; /* the device or socket had no room */
    uint64_t arp_replies;
    uint64_t icmp_replies;
    uint64_t connections;           /* begun */
    uint64_t connections_refused;   /* there were too many */
    uint64_t connections_slow;      /* ended: what was to be sent was not taken */
    uint64_t connections_idle;      /* ended: nothing came */
    uint64_t connections_half_open; /* ended: no login in time, or for a newer one */
};

struct port;

struct port_ops {
    int (*rx)(struct port *port, struct datagram *datagrams, int max);
    uint8_t *(*tx_claim)(struct port *port, const struct peer *peer);
    void (*tx_push)(struct port *port, size_t len);
    void (*tx_flush)(struct port *port);
    void (*source)(struct port *port, uint16_t udp_port);
    bool (*ready)(struct port *port); /* link up, peer resolved if one was named */
    void (*drop)(struct port *port, const struct peer *peer);  /* NULL: no stream */
    void (*admit)(struct port *port, const struct peer *peer); /* NULL: all are */
    void (*close)(struct port *port);
};

/* First member of every implementation. */
struct port {
    const struct port_ops *ops;
    bool stream; /* frames over connections, see above; set at open, never changed */
    struct port_stats stats;
};

/* port_rx returns up to max datagrams (at most PORT_BURST_MAX), 0 if none. */
static inline int
port_rx(struct port *port, struct datagram *datagrams, int max)
{
    return port->ops->rx(port, datagrams, max);
}

/* port_tx_claim returns PORT_DATAGRAM_MAX bytes for one datagram to peer, or
 * NULL when the port has no room or knows no way to the peer; the port counts
 * that as dropped. A claim is followed by one push before the next claim; after
 * NULL there is nothing to push. */
static inline uint8_t *
port_tx_claim(struct port *port, const struct peer *peer)
{
    return port->ops->tx_claim(port, peer);
}

/* port_tx_push queues the claimed datagram with len bytes; len 0 gives it up. */
static inline void
port_tx_push(struct port *port, size_t len)
{
    port->ops->tx_push(port, len);
}

static inline void
port_tx_flush(struct port *port)
{
    port->ops->tx_flush(port);
}

/* port_source sets the UDP source port of what is claimed from now on: for
 * clients with several sessions on one device. A socket has one port only and
 * ignores it. */
static inline void
port_source(struct port *port, uint16_t udp_port)
{
    port->ops->source(port, udp_port);
}

/* port_ready says whether datagrams can be sent: the link is up, and the MAC of
 * the gateway is known if one was named. Call it until it is so, and again when
 * nothing comes any more: it asks for the gateway and, on a memif client, starts
 * the link anew if the server went away. Not for every poll. */
static inline bool
port_ready(struct port *port)
{
    return port->ops->ready(port);
}

/* port_drop ends the connection of a peer once what was pushed to it is sent;
 * nothing more is received from it but its `lost`. Nothing happens if there is
 * none, or on a port of datagrams. */
static inline void
port_drop(struct port *port, const struct peer *peer)
{
    if (port->ops->drop != NULL)
        port->ops->drop(port, peer);
}

/* port_admit says that a peer has logged in: its connection is not half open any more
 * (port_tcp_cfg.half_open_max). Nothing happens if there is none, or on a port without
 * that limit. */
static inline void
port_admit(struct port *port, const struct peer *peer)
{
    if (port->ops->admit != NULL)
        port->ops->admit(port, peer);
}

static inline void
port_close(struct port *port)
{
    port->ops->close(port);
}

/* A server binds ip:udp_port; a client binds any port (0) or the one given and
 * tells what is not from its server by datagram.peer. */
struct port_udp_cfg {
    uint32_t ip;           /* local, host order; 0: any */
    uint16_t udp_port;     /* local; 0: any (client) */
    bool busy_poll;        /* SO_BUSY_POLL where it is permitted */
    uint32_t socket_bytes; /* SO_RCVBUF and SO_SNDBUF; 0: 4 MiB, or what is allowed */
};

/* port_udp_open: 0, or -errno (-EADDRINUSE: the port is in use). */
OUTCRY_NODISCARD int port_udp_open(struct port **port, const struct port_udp_cfg *cfg);

/* port_udp_local returns the bound UDP port. */
uint16_t port_udp_local(const struct port *port);

#define PORT_DPDK_QUEUES_MAX 16u

struct port_dpdk_cfg {
    const char *const *eal_argv; /* without the program's name; NULL terminated */
    const char *device;          /* its name in DPDK: net_tap0, 0000:01:00.0; NULL or empty: the
                                  * one of index ethdev */
    uint16_t ethdev;             /* of the devices, in the order in which EAL finds them */
    uint32_t ip;                 /* ours */
    uint16_t udp_port;           /* ours: datagrams to other ports are foreign; 0: a client,
                                  * ports udp_port_first .. + udp_port_cnt - 1 are ours */
    uint16_t udp_port_first;
    uint16_t udp_port_cnt;
    uint32_t gateway_ip; /* client: resolve this by ARP before ready; 0: none */
    uint16_t vlan;       /* 1 .. VLAN_MAX: all frames bear this IEEE 802.1Q tag, others are
                          * foreign; 0: none does, but for priority tags */
    uint16_t rx_queues;  /* to receive from, up to PORT_DPDK_QUEUES_MAX; 0: one. The device
                          * spreads by address and port (RSS) if it can */
    bool flow_rule;      /* server, rx_queues >= 2: a rule of the device (rte_flow) leads what
                          * comes to ip and udp_port past queue 0, which has all else */
};

/*
 * port_dpdk_open initialises EAL (once per process, so with the arguments of
 * the first call) and starts the device; 0 or -errno with a line in `why`.
 * -EAGAIN: a memif client whose server is not there yet; call again. -EADDRINUSE:
 * another server listens at the memif socket; one that was left behind by a
 * dead server is removed. Does not change the affinity of the calling thread,
 * and takes nothing from standard output. Opens come from one thread at a time;
 * a device that was closed cannot be opened again by the same process.
 *
 * Without privileges, huge pages or a NIC:
 *
 *   --no-huge --no-shconf -m 128 --no-pci --no-telemetry
 *   --vdev=net_memif0,role=server,id=0,rsize=14,bsize=2048,socket=PATH,socket-abstract=no
 *
 * and role=client, with the same rsize, for the other end, which makes the
 * rings. The ring of 2^rsize datagrams is what covers a
 * reader that does not run: at 300,000 datagrams a second rsize=10 lasts for
 * 3 ms, 12 for 14 ms, 14 for 54 ms. On cores of one's own 12 loses nothing at
 * several millions a second; where other processes want the core as well, 14
 * does not either at 300,000. It costs 2 * 2048 bytes * 2^rsize of memory, which
 * is first touched in the first lap: warm up by sending that many.
 *
 * Poll with port_rx whether or not anything is expected: memif's control
 * thread works only while the port is polled (gateway/eal_gate.h), and a peer
 * has no room to send before the first burst.
 */
OUTCRY_NODISCARD int
port_dpdk_open(struct port **port, const struct port_dpdk_cfg *cfg, char why[256]);

/*
 * Kernel TCP, IPv4: each frame of a connection is a datagram (gateway/sofh.h).
 *
 * A server listens; the peer of a datagram is the other end of its connection. A
 * client has one connection for each source (port_source, 0 at first) to its one
 * server: the first claim of a source begins it, what is pushed meanwhile waits,
 * and datagram.udp_port says of which source one is. After `lost` the next claim
 * begins anew; port_drop ends the connection of the source that is set.
 *
 * Framing SOFH: what is pushed are SBE messages, and each is put into a frame of
 * its own. Framing SOUP: what is pushed are whole packets, lengths included.
 *
 * A claim is NULL while fewer than PORT_TCP_ROOM bytes of unsent_max are free, and
 * when that has lasted for slow_ms the connection is ended. A peer that has sent
 * nothing for idle_ms is ended too, and one beyond connections_max is closed at
 * once. After port_drop the other end has PORT_TCP_LINGER_MS to close.
 *
 * A connection is half open until port_admit, if half_open_max says so. Then whoever
 * has no login cannot keep the others out: one beyond half_open_max or connections_max
 * takes the place of the one that has been half open for longest, if there is one, and none
 * is so for longer than half_open_ms, whatever it says.
 *
 * Memory: (unsent_max + 2 KiB) for each connection (and, with half_open_max, for
 * PORT_TCP_SPARE more that are on their way out) and 4 KiB for each of twice
 * as many receive buffers (64 to 4096), all taken at open. One system call for all
 * that a flush sends, none for a port_rx that finds nothing.
 */
#define PORT_TCP_CONNECTIONS_MAX 4096u
#define PORT_TCP_UNSENT_MAX      (1u << 24)
#define PORT_TCP_ROOM            4096u
#define PORT_TCP_LINGER_MS       1000u
#define PORT_TCP_SPARE           64u
#define PORT_TCP_BUSY_POLL_US    50u /* what is usual where it is wanted */

/* What a frame of a connection begins with (gateway/sofh.h). */
enum framing {
    FRAMING_SOFH, /* the Simple Open Framing Header, and then an SBE message */
    FRAMING_SOUP  /* the length of a SoupBinTCP packet */
};

struct port_tcp_cfg {
    bool client;
    uint32_t ip;       /* server: local, 0: any; client: the server's; host order */
    uint16_t tcp_port; /* server: local, 0: any; client: the server's */
    enum framing framing;
    uint32_t busy_poll_us;    /* SO_BUSY_POLL where it is permitted; 0: the system's choice */
    bool plain;               /* no io_uring, as where the kernel has none that fits */
    uint32_t connections_max; /* 1 .. PORT_TCP_CONNECTIONS_MAX */
    uint32_t unsent_max;      /* bytes, power of two, 2 * PORT_TCP_ROOM .. PORT_TCP_UNSENT_MAX */
    uint32_t slow_ms;         /* 0: at once */
    uint32_t idle_ms;         /* 0: never */
    uint32_t half_open_max;   /* of a server, up to connections_max; 0: none is half open */
    uint32_t half_open_ms;    /* 0: for ever */
    uint32_t socket_bytes;    /* SO_SNDBUF and SO_RCVBUF; 0: the system's choice */
};

/* port_tcp_open: 0, or -errno with a line in why (-EADDRINUSE: the port is in use;
 * -EMFILE: more connections than this process may have descriptors). The limit of
 * descriptors is raised if that is permitted. */
OUTCRY_NODISCARD int
port_tcp_open(struct port **port, const struct port_tcp_cfg *cfg, char why[256]);

/* port_tcp_local returns the TCP port that a server listens at. */
uint16_t port_tcp_local(const struct port *port);

/* port_tcp_busy_poll returns the microseconds of SO_BUSY_POLL that the connections of a
 * server have: what was asked for, or the system's choice if that was not permitted. */
uint32_t port_tcp_busy_poll(const struct port *port);

/* port_tcp_plain tells whether it works without io_uring, by plain system calls:
 * the kernel has no multishot receive, or does not allow io_uring. */
bool port_tcp_plain(const struct port *port);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
