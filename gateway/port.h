/*
 * Port: datagrams in, datagrams out, whatever carries them.
 *
 *   port_udp.c    kernel UDP socket, non-blocking, batched system calls
 *   port_dpdk.c   a DPDK ethernet device: Ethernet, ARP, IPv4, UDP of our own
 *                 (gateway/packet.h), by EAL arguments: memif, a NIC, ...
 *
 * A port belongs to one thread. All sizes are UDP payload bytes.
 *
 *   n = port_rx(port, datagrams, max)   valid until the next port_rx
 *   p = port_tx_claim(port, peer)       DATAGRAM_BYTES_MAX bytes to fill
 *   port_tx_push(port, len)             queue what was claimed
 *   port_tx_flush(port)                 to the wire
 *
 * What cannot be sent is dropped and counted, as a wire would: sessions
 * recover by sequence numbers. Hostile or foreign packets are dropped and
 * counted, never logged.
 */
#ifndef OUTCRY_GATEWAY_PORT_H
#define OUTCRY_GATEWAY_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base.h"
#include "proto/limits.h"

#define PORT_BURST_MAX 32u

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
    bool lost;         /* of a stream, with len 0: the connection of this peer has ended */
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
};

struct port;

struct port_ops {
    int (*rx)(struct port *port, struct datagram *datagrams, int max);
    uint8_t *(*tx_claim)(struct port *port, const struct peer *peer);
    void (*tx_push)(struct port *port, size_t len);
    void (*tx_flush)(struct port *port);
    void (*source)(struct port *port, uint16_t udp_port);
    bool (*ready)(struct port *port); /* link up, peer resolved if one was named */
    void (*close)(struct port *port);
    void (*drop)(struct port *port, const struct peer *peer); /* NULL: no connections */
};

/* First member of every implementation. */
struct port {
    const struct port_ops *ops;
    struct port_stats stats;
    bool stream; /* nothing is lost, doubled or reordered while a connection lasts */
};

/* port_rx returns up to max datagrams (at most PORT_BURST_MAX), 0 if none. */
static inline int
port_rx(struct port *port, struct datagram *datagrams, int max)
{
    return port->ops->rx(port, datagrams, max);
}

/* port_tx_claim returns DATAGRAM_BYTES_MAX bytes for one datagram to peer, or
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

static inline void
port_close(struct port *port)
{
    port->ops->close(port);
}

/* port_drop ends the connection of that peer once what was pushed is sent; nothing on
 * a port without connections. */
static inline void
port_drop(struct port *port, const struct peer *peer)
{
    if (port->ops->drop != NULL)
        port->ops->drop(port, peer);
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
NODISCARD int port_udp_open(struct port **port, const struct port_udp_cfg *cfg);

/* port_udp_local returns the bound UDP port. */
uint16_t port_udp_local(const struct port *port);

struct port_dpdk_cfg {
    const char *const *eal_argv; /* without the program's name; NULL terminated */
    uint16_t ethdev;             /* index of the device, usually 0 */
    uint32_t ip;                 /* ours */
    uint16_t udp_port;           /* ours: datagrams to other ports are foreign; 0: a client,
                                  * ports udp_port_first .. + udp_port_cnt - 1 are ours */
    uint16_t udp_port_first;
    uint16_t udp_port_cnt;
    uint32_t gateway_ip; /* client: resolve this by ARP before ready; 0: none */
    uint16_t vlan;       /* 1 .. VLAN_MAX: all frames bear this IEEE 802.1Q tag, others are
                          * foreign; 0: none does, but for priority tags */
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
NODISCARD int port_dpdk_open(struct port **port, const struct port_dpdk_cfg *cfg, char why[256]);

#endif
