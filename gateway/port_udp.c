#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/port.h"
#include "proto/base.h"
#include "proto/limits.h"

_Static_assert(PORT_DATAGRAM_MAX == DATAGRAM_BYTES_MAX, "what the public header says");

#define SOCKET_BYTES_DEFAULT (4u << 20)
#define BUSY_POLL_US         50

/* Rounded up so that every datagram starts a cache line. */
#define SLOT_BYTES 1536u
_Static_assert(SLOT_BYTES >= DATAGRAM_BYTES_MAX, "a slot holds the largest datagram");
_Static_assert(SLOT_BYTES % CACHE_LINE == 0, "slots start cache lines");

/* One direction: message i is slot i, address i, vector i, wired at open. */
struct udp_batch {
    uint8_t slots[PORT_BURST_MAX][SLOT_BYTES] CACHE_ALIGNED;
    struct mmsghdr msgs[PORT_BURST_MAX];
    struct iovec vectors[PORT_BURST_MAX];
    struct sockaddr_in addresses[PORT_BURST_MAX];
};

struct udp_port {
    struct port port;
    int fd;
    uint16_t udp_port; /* bound, host order */
    bool claimed;      /* between tx_claim and tx_push */
    unsigned tx_cnt;   /* queued in tx */
    struct udp_batch rx;
    struct udp_batch tx;
};

/* udp_of_port returns the implementation around its first member. */
static inline struct udp_port *
udp_of_port(struct port *port)
{
    return (struct udp_port *)(void *)port;
}

/* udp_rx takes one batch with one system call. MSG_TRUNC tells datagrams that
 * were larger than a slot admits. */
static HOT int
udp_rx(struct port *port, struct datagram *datagrams, int max)
{
    struct udp_port *udp = udp_of_port(port);
    struct udp_batch *rx = &udp->rx;
    const unsigned want = max < (int)PORT_BURST_MAX ? (unsigned)max : PORT_BURST_MAX;
    int cnt = 0;

    ASSERT(max > 0);
    const int got = recvmmsg(udp->fd, rx->msgs, want, MSG_DONTWAIT, NULL);

    for (int i = 0; i < got; i++) {
        struct mmsghdr *msg = &rx->msgs[i];
        const bool invalid = (msg->msg_hdr.msg_flags & MSG_TRUNC) != 0 ||
                             msg->msg_hdr.msg_namelen != sizeof rx->addresses[i];

        /* The kernel wrote how much it used of it; the next call reads it. */
        msg->msg_hdr.msg_namelen = sizeof rx->addresses[i];
        if (UNLIKELY(invalid)) {
            port->stats.rx_invalid++;
            continue;
        }
        port->stats.rx_datagrams++;
        port->stats.rx_bytes += msg->msg_len;
        datagrams[cnt++] = (struct datagram){
            .data = rx->slots[i],
            .len = msg->msg_len,
            .peer = {.ip = ntohl(rx->addresses[i].sin_addr.s_addr),
                     .udp_port = ntohs(rx->addresses[i].sin_port)},
            .udp_port = udp->udp_port,
        };
    }
    return cnt;
}

/* udp_tx_flush sends what is queued. No room (EAGAIN, ENOBUFS) drops all that
 * is left; any other error concerns the first message left, so that one is
 * dropped and the next is tried. Every turn sends or drops at least one. */
static HOT void
udp_tx_flush(struct port *port)
{
    struct udp_port *udp = udp_of_port(port);
    unsigned next = 0;

    while (next < udp->tx_cnt) {
        const int sent = sendmmsg(udp->fd, &udp->tx.msgs[next], udp->tx_cnt - next, MSG_DONTWAIT);

        if (LIKELY(sent > 0)) {
            for (int i = 0; i < sent; i++)
                port->stats.tx_bytes += udp->tx.vectors[next++].iov_len;
            port->stats.tx_datagrams += (unsigned)sent;
            continue;
        }
        const bool full = errno == EAGAIN || errno == ENOBUFS;
        const unsigned dropped = full ? udp->tx_cnt - next : 1;

        port->stats.tx_dropped += dropped;
        next += dropped;
    }
    udp->tx_cnt = 0;
}

static HOT uint8_t *
udp_tx_claim(struct port *port, const struct peer *peer)
{
    struct udp_port *udp = udp_of_port(port);
    struct sockaddr_in *address = &udp->tx.addresses[udp->tx_cnt];

    ASSERT(!udp->claimed);
    udp->claimed = true;
    address->sin_addr.s_addr = htonl(peer->ip);
    address->sin_port = htons(peer->udp_port);
    return udp->tx.slots[udp->tx_cnt];
}

static HOT void
udp_tx_push(struct port *port, size_t len)
{
    struct udp_port *udp = udp_of_port(port);

    ASSERT(udp->claimed);
    ASSERT(len <= DATAGRAM_BYTES_MAX);
    udp->claimed = false;
    if (len == 0)
        return;
    udp->tx.vectors[udp->tx_cnt].iov_len = len;
    if (++udp->tx_cnt == PORT_BURST_MAX)
        udp_tx_flush(port);
}

/* udp_source does nothing: a socket has the one port it is bound to. */
static void
udp_source(struct port *port, uint16_t udp_port)
{
    (void)port;
    (void)udp_port;
}

static bool
udp_ready(struct port *port)
{
    (void)port;
    return true;
}

static COLD void
udp_close(struct port *port)
{
    struct udp_port *udp = udp_of_port(port);

    udp_tx_flush(port);
    close(udp->fd);
    munmap(udp, sizeof *udp);
}

static const struct port_ops udp_ops = {
    .rx = udp_rx,
    .tx_claim = udp_tx_claim,
    .tx_push = udp_tx_push,
    .tx_flush = udp_tx_flush,
    .source = udp_source,
    .ready = udp_ready,
    .close = udp_close,
};

/* udp_batch_init wires messages to their slots and addresses. */
static COLD void
udp_batch_init(struct udp_batch *batch)
{
    for (unsigned i = 0; i < PORT_BURST_MAX; i++) {
        batch->addresses[i].sin_family = AF_INET;
        batch->vectors[i] = (struct iovec){
            .iov_base = batch->slots[i],
            .iov_len = DATAGRAM_BYTES_MAX,
        };
        batch->msgs[i].msg_hdr = (struct msghdr){
            .msg_name = &batch->addresses[i],
            .msg_namelen = sizeof batch->addresses[i],
            .msg_iov = &batch->vectors[i],
            .msg_iovlen = 1,
        };
    }
}

/* socket_set_room sets a buffer size beyond the system's limit where that is
 * permitted, else up to it: the kernel cuts the second call down by itself. */
static COLD void
socket_set_room(int fd, int force_option, int option, uint32_t bytes)
{
    const int value = bytes > INT32_MAX / 2 ? INT32_MAX / 2 : (int)bytes;

    if (setsockopt(fd, SOL_SOCKET, force_option, &value, sizeof value) != 0)
        (void)setsockopt(fd, SOL_SOCKET, option, &value, sizeof value);
}

/* socket_open returns a bound socket or -errno, and the port it is bound to. */
static COLD int
socket_open(const struct port_udp_cfg *cfg, uint16_t *udp_port)
{
    const uint32_t bytes = cfg->socket_bytes != 0 ? cfg->socket_bytes : SOCKET_BYTES_DEFAULT;
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(cfg->udp_port),
        .sin_addr.s_addr = htonl(cfg->ip),
    };
    socklen_t address_bytes = sizeof address;
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    socket_set_room(fd, SO_RCVBUFFORCE, SO_RCVBUF, bytes);
    socket_set_room(fd, SO_SNDBUFFORCE, SO_SNDBUF, bytes);
    if (cfg->busy_poll) {
        const int us = BUSY_POLL_US;

        /* Not permitted is not an error: it is a matter of speed alone. */
        (void)setsockopt(fd, SOL_SOCKET, SO_BUSY_POLL, &us, sizeof us);
    }
    if (bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &address_bytes) != 0) {
        const int error = -errno;

        close(fd);
        return error;
    }
    *udp_port = ntohs(address.sin_port);
    return fd;
}

COLD int
port_udp_open(struct port **port, const struct port_udp_cfg *cfg)
{
    uint16_t udp_port;
    const int fd = socket_open(cfg, &udp_port);

    if (fd < 0)
        return fd;
    /* Populated, so that no page fault comes later. */
    struct udp_port *udp = mmap(NULL, sizeof *udp, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (udp == MAP_FAILED) {
        const int error = -errno;

        close(fd);
        return error;
    }
    udp->port.ops = &udp_ops;
    udp->fd = fd;
    udp->udp_port = udp_port;
    udp_batch_init(&udp->rx);
    udp_batch_init(&udp->tx);
    *port = &udp->port;
    return 0;
}

uint16_t
port_udp_local(const struct port *port)
{
    ASSERT(port->ops == &udp_ops);
    return ((const struct udp_port *)(const void *)port)->udp_port;
}
