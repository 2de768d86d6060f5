/*
 * A network in memory on virtual time: ports that implement gateway/port.h, and
 * between them datagrams that are lost, doubled and reordered by a seed.
 *
 *   net_init(&net, seed)
 *   port = net_port(&net, ip, udp_port)         as many as are needed
 *   net.now_ns += ...                           what is due arrives
 *
 * With net.stream set before its ports are made, they are stream ports: nothing is
 * lost, doubled or reordered, each message comes as a frame of its own, and a port
 * that has claimed is connected until port_drop or net_reset, which both ends hear
 * of. A new connection comes from another UDP port than the one before.
 *
 * Same seed, same calls: same datagrams lost. net.drop, when set, sees each
 * datagram first and may take it away: tests use it to lose one in particular,
 * or to keep a copy.
 */
#ifndef OUTCRY_TESTS_PORT_PAIR_H
#define OUTCRY_TESTS_PORT_PAIR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "gateway/port.h"
#include "proto/base.h"
#include "proto/fixp.h"
#include "proto/limits.h"
#include "proto/orders.h"

#define NET_PORTS_MAX   8u
#define NET_PACKETS_MAX 1024u

struct net;

struct net_packet {
    bool used;
    bool lost; /* the end of a connection */
    uint64_t due_ns;
    uint64_t order; /* of sending; breaks ties */
    struct peer from;
    struct peer to;
    uint32_t len;
    uint8_t data[DATAGRAM_BYTES_MAX];
};

struct net_port {
    struct port port; /* first */
    struct net *net;
    struct peer self;
    struct peer to; /* of the claim */
    bool claimed;
    bool blocked;   /* claims fail */
    bool server;    /* of a stream: has no connection of its own */
    bool connected; /* of a stream */
    struct peer there;
    uint8_t tx[DATAGRAM_BYTES_MAX];
    struct net_packet rx[PORT_BURST_MAX];
};

struct net {
    uint64_t random;
    uint64_t now_ns;
    bool stream;
    uint64_t delay_ns;  /* of every datagram */
    uint64_t jitter_ns; /* at most this more: reorders */
    uint32_t loss_permille;
    uint32_t dup_permille;
    bool (*drop)(void *ctx, const struct net_packet *packet);
    void *drop_ctx;
    uint64_t sent_cnt;
    uint64_t lost_cnt;
    unsigned ports_cnt;
    struct net_port ports[NET_PORTS_MAX];
    unsigned packets_top; /* slots from here on are not used */
    struct net_packet packets[NET_PACKETS_MAX];
};

/* net_random is splitmix64. */
static inline uint64_t
net_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15ull;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

static inline void
net_init(struct net *net, uint64_t seed)
{
    memset(net, 0, sizeof *net);
    net->random = seed;
}

/* net_queue puts one copy on its way; a full network loses it. */
static inline void
net_queue(struct net *net, const struct net_packet *packet)
{
    const uint64_t jitter_ns = net->jitter_ns == 0 ? 0 : net_random(&net->random) % net->jitter_ns;

    for (unsigned i = 0; i < NET_PACKETS_MAX; i++) {
        if (net->packets[i].used)
            continue;
        net->packets[i] = *packet;
        net->packets[i].used = true;
        net->packets[i].due_ns = net->now_ns + net->delay_ns + jitter_ns;
        net->packets[i].order = net->sent_cnt++;
        if (i >= net->packets_top)
            net->packets_top = i + 1;
        return;
    }
    net->lost_cnt++;
}

/* net_send is what the wire does with a datagram. */
static inline void
net_send(struct net *net, const struct net_packet *packet)
{
    if (net->stream) {
        if (net->drop != NULL)
            (void)net->drop(net->drop_ctx, packet);
        net_queue(net, packet);
        ASSERT(net->lost_cnt == 0);
        return;
    }
    if (net->drop != NULL && net->drop(net->drop_ctx, packet)) {
        net->lost_cnt++;
        return;
    }
    if (net_random(&net->random) % 1000 < net->loss_permille) {
        net->lost_cnt++;
        return;
    }
    net_queue(net, packet);
    if (net_random(&net->random) % 1000 < net->dup_permille)
        net_queue(net, packet);
}

/* net_next returns the datagram for the port that is due first, or NULL. */
static inline struct net_packet *
net_next(struct net *net, const struct peer *to)
{
    struct net_packet *best = NULL;

    while (net->packets_top > 0 && !net->packets[net->packets_top - 1].used)
        net->packets_top--;
    for (unsigned i = 0; i < net->packets_top; i++) {
        struct net_packet *packet = &net->packets[i];

        if (!packet->used || packet->due_ns > net->now_ns || !peer_equal(&packet->to, to))
            continue;
        if (best == NULL || packet->due_ns < best->due_ns ||
            (packet->due_ns == best->due_ns && packet->order < best->order))
            best = packet;
    }
    return best;
}

static inline int
net_port_rx(struct port *port, struct datagram *datagrams, int max)
{
    struct net_port *self = (struct net_port *)(void *)port;
    int cnt = 0;

    while (cnt < max && cnt < (int)PORT_BURST_MAX) {
        struct net_packet *packet = net_next(self->net, &self->self);

        if (packet == NULL)
            break;
        self->rx[cnt] = *packet;
        packet->used = false;
        datagrams[cnt] = (struct datagram){
            .data = self->rx[cnt].data,
            .len = self->rx[cnt].len,
            .peer = self->rx[cnt].from,
            .udp_port = self->self.udp_port,
            .lost = self->rx[cnt].lost,
        };
        port->stats.rx_datagrams++;
        cnt++;
    }
    return cnt;
}

/* net_port_of returns the port that has the connection to the peer of a server. */
static inline struct net_port *
net_port_of(struct net *net, const struct peer *peer)
{
    for (unsigned i = 0; i < net->ports_cnt; i++) {
        struct net_port *port = &net->ports[i];

        if (!port->server && port->connected && peer_equal(&port->self, peer))
            return port;
    }
    return NULL;
}

/* net_connected tells whether a claim may be; the first of a client connects it. */
static inline bool
net_connected(struct net_port *self, const struct peer *peer)
{
    if (self->server)
        return net_port_of(self->net, peer) != NULL;
    if (!self->connected) {
        self->connected = true;
        self->there = *peer;
        self->self.udp_port++;
    }
    return true;
}

/* net_reset ends the connection of a client's port. What was sent before arrives. */
static inline void
net_reset(struct net_port *client)
{
    struct net_packet packet = {.from = client->self, .to = client->there, .lost = true};

    if (!client->connected)
        return;
    client->connected = false;
    net_queue(client->net, &packet);
    packet.to = client->self;
    packet.from = client->there;
    net_queue(client->net, &packet);
}

/* net_port_drop: what is on its way to who drops is not taken any more. */
static inline void
net_port_drop(struct port *port, const struct peer *peer)
{
    struct net_port *self = (struct net_port *)(void *)port;
    struct net *net = self->net;
    struct net_port *client = self->server ? net_port_of(net, peer) : self;

    if (client == NULL || !client->connected)
        return;
    for (unsigned i = 0; i < net->packets_top; i++) {
        struct net_packet *packet = &net->packets[i];

        if (packet->used && peer_equal(&packet->to, &self->self) &&
            peer_equal(&packet->from, self->server ? peer : &client->there))
            packet->used = false;
    }
    net_reset(client);
}

static inline uint8_t *
net_port_tx_claim(struct port *port, const struct peer *peer)
{
    struct net_port *self = (struct net_port *)(void *)port;

    ASSERT(!self->claimed);
    if (self->blocked || (self->net->stream && !net_connected(self, peer))) {
        port->stats.tx_dropped++;
        return NULL;
    }
    self->claimed = true;
    self->to = *peer;
    return self->tx;
}

static inline size_t
net_message_bytes(const uint8_t *buf, size_t len)
{
    const size_t bytes = oe_message_length(buf, len);

    if (bytes != 0)
        return bytes;
    return fixp_message_length(buf, len) != 0 ? fixp_message_length(buf, len) : len;
}

static inline void
net_port_tx_push(struct port *port, size_t len)
{
    struct net_port *self = (struct net_port *)(void *)port;
    struct net_packet packet = {.from = self->self, .to = self->to, .len = (uint32_t)len};

    ASSERT(self->claimed);
    ASSERT(len <= DATAGRAM_BYTES_MAX);
    self->claimed = false;
    if (len == 0)
        return;
    port->stats.tx_datagrams++;
    for (size_t off = 0, bytes; off < len; off += bytes) {
        bytes = self->net->stream ? net_message_bytes(self->tx + off, len - off) : len;
        memcpy(packet.data, self->tx + off, bytes);
        packet.len = (uint32_t)bytes;
        net_send(self->net, &packet);
    }
}

static inline void
net_port_tx_flush(struct port *port)
{
    (void)port;
}

static inline void
net_port_source(struct port *port, uint16_t udp_port)
{
    ((struct net_port *)(void *)port)->self.udp_port = udp_port;
}

static inline bool
net_port_ready(struct port *port)
{
    (void)port;
    return true;
}

static inline struct port *
net_port(struct net *net, uint32_t ip, uint16_t udp_port)
{
    static const struct port_ops stream_ops = {
        .rx = net_port_rx,
        .tx_claim = net_port_tx_claim,
        .tx_push = net_port_tx_push,
        .tx_flush = net_port_tx_flush,
        .source = net_port_source,
        .ready = net_port_ready,
        .drop = net_port_drop,
        .close = net_port_tx_flush, /* nothing to do either */
    };
    static const struct port_ops datagram_ops = {
        .rx = net_port_rx,
        .tx_claim = net_port_tx_claim,
        .tx_push = net_port_tx_push,
        .tx_flush = net_port_tx_flush,
        .source = net_port_source,
        .ready = net_port_ready,
        .close = net_port_tx_flush,
    };

    ASSERT(net->ports_cnt < NET_PORTS_MAX);

    struct net_port *self = &net->ports[net->ports_cnt++];

    *self = (struct net_port){
        .port = {.ops = net->stream ? &stream_ops : &datagram_ops, .stream = net->stream},
        .net = net,
        .server = net->ports_cnt == 1, /* the first that is made */
        .self = {.ip = ip, .udp_port = udp_port},
    };
    return &self->port;
}

#endif
