#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "gateway/port_tcp_state.h"

#define EVENTS_MAX    64
#define REAPS_MAX     64 /* of one look: all that can be on its way */
#define CARES_MAX     16 /* connections looked after by one port_rx */
#define FLUSHES_CLOSE 64 /* of what is unsent at the end */

_Static_assert(PORT_TCP_ROOM >= DATAGRAM_BYTES_MAX + (DATAGRAM_BYTES_MAX / 8 + 1) * SOFH_BYTES,
               "a datagram of the shortest messages fits, with a header for each");

static inline struct tcp_port *
tcp_of_port(struct port *port)
{
    return (struct tcp_port *)(void *)port;
}

static inline uint16_t
number_of(const struct tcp_port *tcp, const struct connection *connection)
{
    return (uint16_t)(connection - tcp->connections);
}

static inline uint32_t
unsent_bytes(const struct connection *connection)
{
    return connection->tail - connection->head;
}

/* It is coarse: a tick of the kernel, and cheap. */
uint64_t
port_tcp_clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

static inline uint16_t *
bucket_of(struct tcp_port *tcp, uint32_t ip, uint16_t port)
{
    uint32_t hash = (ip ^ (uint32_t)port << 16 ^ port) * 2654435761u;

    hash ^= hash >> 15;
    return &tcp->buckets[hash & (tcp->buckets_cnt - 1)];
}

/* key_bucket: a server knows a connection by its peer, a client by its source. */
static inline uint16_t *
key_bucket(struct tcp_port *tcp, const struct connection *connection)
{
    return tcp->cfg.client ? bucket_of(tcp, 0, connection->source)
                           : bucket_of(tcp, connection->peer.ip, connection->peer.udp_port);
}

static HOT struct connection *
find(struct tcp_port *tcp, const struct peer *peer)
{
    const bool client = tcp->cfg.client;
    uint16_t at =
        *(client ? bucket_of(tcp, 0, tcp->source) : bucket_of(tcp, peer->ip, peer->udp_port));

    for (; at != TCP_NONE; at = tcp->connections[at].next) {
        struct connection *connection = &tcp->connections[at];

        if (client ? connection->source == tcp->source : peer_equal(&connection->peer, peer))
            return connection;
    }
    return NULL;
}

/* half_open_add puts a connection behind those that are half open. */
static void
half_open_add(struct tcp_port *tcp, struct connection *connection)
{
    const uint16_t number = number_of(tcp, connection);

    connection->half_open = true;
    connection->older = tcp->newest;
    connection->newer = TCP_NONE;
    if (tcp->newest != TCP_NONE)
        tcp->connections[tcp->newest].newer = number;
    else
        tcp->oldest = number;
    tcp->newest = number;
    tcp->half_open_cnt++;
}

static void
half_open_remove(struct tcp_port *tcp, struct connection *connection)
{
    if (!connection->half_open)
        return;
    connection->half_open = false;
    if (connection->older != TCP_NONE)
        tcp->connections[connection->older].newer = connection->newer;
    else
        tcp->oldest = connection->newer;
    if (connection->newer != TCP_NONE)
        tcp->connections[connection->newer].older = connection->older;
    else
        tcp->newest = connection->older;
    tcp->half_open_cnt--;
}

/* begin takes a free place for a socket and puts it into the table. */
static struct connection *
begin(struct tcp_port *tcp, int fd, const struct peer *peer)
{
    const uint16_t number = tcp->free;
    struct connection *connection = &tcp->connections[number];
    uint16_t *bucket;

    ASSERT(number != TCP_NONE);
    ASSERT(connection->state == TCP_FREE);
    tcp->free = connection->next;
    connection->fd = fd;
    connection->state = TCP_OPEN;
    connection->receiving = true;
    connection->sending = false;
    connection->peer = *peer;
    connection->source = tcp->source;
    connection->head = 0;
    connection->tail = 0;
    connection->begun_ms = tcp->now_ms;
    connection->heard_ms = tcp->now_ms;
    connection->full_ms = 0;
    connection->framer.have = 0;
    connection->framer.want = 0;
    bucket = key_bucket(tcp, connection);
    connection->next = *bucket;
    *bucket = number;
    tcp->live_cnt++;
    if (tcp->cfg.half_open_max != 0)
        half_open_add(tcp, connection);
    tcp->port.stats.connections++;
    return connection;
}

/* leave gives the place back when nothing of the connection can come any more. */
static void
leave(struct tcp_port *tcp, struct connection *connection)
{
    const uint16_t number = number_of(tcp, connection);
    uint16_t *at;

    if (connection->receiving || connection->sending || connection->state != TCP_ENDED)
        return;
    for (at = key_bucket(tcp, connection); *at != number; at = &tcp->connections[*at].next)
        ASSERT(*at != TCP_NONE);
    *at = connection->next;
    if (connection->fd >= 0)
        close(connection->fd);
    connection->state = TCP_FREE;
    connection->next = tcp->free;
    tcp->free = number;
}

/* hang_up throws away what is unsent and what was not received, and tells the other end
 * so by a reset. A receive that is on its way fails. */
static void
hang_up(const struct connection *connection)
{
    const struct sockaddr nobody = {.sa_family = AF_UNSPEC};

    (void)connect(connection->fd, &nobody, sizeof nobody);
}

/* end makes the kernel end it: what is received then comes to its end. */
static void
end(struct tcp_port *tcp, struct connection *connection, bool reset)
{
    if (connection->state == TCP_ENDED)
        return;
    half_open_remove(tcp, connection);
    tcp->live_cnt--;
    connection->state = TCP_ENDED;
    connection->linger_ms = tcp->now_ms;
    connection->reminded_ms = tcp->now_ms;
    connection->head = connection->tail;
    if (connection->fd >= 0) {
        if (reset)
            hang_up(connection);
        shutdown(connection->fd, SHUT_RDWR);
    }
    leave(tcp, connection);
}

/* remind goes after an end that does not come: shutdown(2) does not keep the other end
 * from sending, and what it sends is received before the end. And when a reset has
 * overtaken bytes, io_uring waits for more once it has these: the kernel wakes it for a
 * reset only when that comes, so it is woken again. */
static void
remind(struct tcp_port *tcp, struct connection *connection)
{
    if (!connection->receiving || connection->fd < 0 || connection->reminded_ms == tcp->now_ms)
        return;
    connection->reminded_ms = tcp->now_ms;
    if (tcp->now_ms - connection->linger_ms > PORT_TCP_LINGER_MS)
        hang_up(connection);
    shutdown(connection->fd, SHUT_RDWR);
}

/* linger: all is sent that was pushed; now it is for the other end to close. */
static void
linger(struct tcp_port *tcp, struct connection *connection)
{
    shutdown(connection->fd, SHUT_WR);
    connection->state = TCP_LINGERING;
    connection->linger_ms = tcp->now_ms;
}

static inline void
dirty_add(struct tcp_port *tcp, struct connection *connection)
{
    if (connection->dirty || connection->sending)
        return;
    connection->dirty = true;
    tcp->dirty[tcp->dirty_cnt++] = number_of(tcp, connection);
}

/* has_room tells whether one more connection may begin. Where some are half open the
 * oldest of them makes room. */
static bool
has_room(struct tcp_port *tcp)
{
    const bool many = tcp->cfg.half_open_max != 0 && tcp->half_open_cnt >= tcp->cfg.half_open_max;

    if ((many || tcp->live_cnt >= tcp->live_max) && tcp->oldest != TCP_NONE) {
        tcp->port.stats.connections_half_open++;
        end(tcp, &tcp->connections[tcp->oldest], true);
    }
    return tcp->live_cnt < tcp->live_max && tcp->free != TCP_NONE;
}

static void
accepted(struct tcp_port *tcp, int fd)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t bytes = sizeof address;
    struct peer peer;

    if (getpeername(fd, (struct sockaddr *)&address, &bytes) != 0) {
        close(fd); /* it has gone already */
        return;
    }
    peer = (struct peer){
        .ip = ntohl(address.sin_addr.s_addr),
        .udp_port = ntohs(address.sin_port),
    };
    /* A connection before, whose end is on its way to us: the peer tries again. */
    if (find(tcp, &peer) != NULL || !has_room(tcp)) {
        tcp->port.stats.connections_refused++;
        close(fd);
        return;
    }
    tcp->io->ops->watch(tcp->io, number_of(tcp, begin(tcp, fd, &peer)), fd);
}

static void
queue_add(struct tcp_port *tcp, const struct tcp_event *event)
{
    ASSERT(tcp->queue_cnt < tcp->queue_max);
    tcp->queue[(tcp->queue_at + tcp->queue_cnt++) & (tcp->queue_max - 1)] = *event;
}

/* sent: what failed is told by the end of what is received. */
static void
sent(struct tcp_port *tcp, const struct tcp_event *event)
{
    struct connection *connection = &tcp->connections[event->connection];

    ASSERT(connection->sending);
    connection->sending = false;
    if (connection->state == TCP_ENDED) {
        leave(tcp, connection);
        return;
    }
    if (event->res < 0) {
        end(tcp, connection, true);
        return;
    }
    connection->head += (uint32_t)event->res;
    tcp->port.stats.tx_bytes += (uint32_t)event->res;
    if (unsent_bytes(connection) > 0)
        dirty_add(tcp, connection);
    else if (connection->state == TCP_DROPPED)
        linger(tcp, connection);
}

/* reap takes what the kernel has done. */
static HOT void
reap(struct tcp_port *tcp)
{
    struct tcp_event events[EVENTS_MAX];
    int cnt;

    for (unsigned i = 0; i < REAPS_MAX; i++) {
        cnt = tcp->io->ops->reap(tcp->io, events, EVENTS_MAX);
        for (int k = 0; k < cnt; k++) {
            if (events[k].kind == TCP_RECEIVED)
                queue_add(tcp, &events[k]);
            else if (events[k].kind == TCP_SENT)
                sent(tcp, &events[k]);
            else
                accepted(tcp, events[k].res);
        }
        if (cnt < EVENTS_MAX)
            return;
    }
}

/* send_more gives the kernel what is unsent of one connection, up to the end of its
 * memory; the rest follows when that has gone. */
static HOT void
send_more(struct tcp_port *tcp, struct connection *connection)
{
    const uint32_t mask = tcp->cfg.unsent_max - 1;
    const uint32_t at = connection->head & mask;
    uint32_t len = unsent_bytes(connection);

    connection->dirty = false;
    if (connection->state == TCP_ENDED || connection->state == TCP_FREE || len == 0)
        return;
    if (len > tcp->cfg.unsent_max - at)
        len = tcp->cfg.unsent_max - at;
    connection->sending = true;
    tcp->io->ops->send(tcp->io, number_of(tcp, connection), connection->fd, connection->unsent + at,
                       len);
}

static HOT void
tcp_tx_flush(struct port *port)
{
    struct tcp_port *tcp = tcp_of_port(port);

    ASSERT(tcp->claimed == TCP_NONE);
    reap(tcp);
    for (uint32_t i = 0; i < tcp->dirty_cnt; i++)
        send_more(tcp, &tcp->connections[tcp->dirty[i]]);
    tcp->dirty_cnt = 0;
    tcp->io->ops->submit(tcp->io);
}

/* connect_to begins to connect; 0 or -errno. A port of this machine that nobody
 * listens at may become our own end, and then we would talk to ourselves. */
static COLD int
connect_to(int fd, const struct sockaddr_in *server)
{
    struct sockaddr_in self = {.sin_family = AF_INET};
    socklen_t bytes = sizeof self;

    if (connect(fd, (const struct sockaddr *)server, sizeof *server) != 0 && errno != EINPROGRESS)
        return -errno;
    if (getsockname(fd, (struct sockaddr *)&self, &bytes) != 0)
        return -errno;
    return self.sin_port == server->sin_port && self.sin_addr.s_addr == server->sin_addr.s_addr
               ? -ECONNREFUSED
               : 0;
}

/* connect_begin opens the connection of the source; NULL without a place or
 * descriptor. One that fails at once is told as lost, like one that fails later. */
static COLD struct connection *
connect_begin(struct tcp_port *tcp)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(tcp->cfg.tcp_port),
        .sin_addr.s_addr = htonl(tcp->cfg.ip),
    };
    const struct peer server = {.ip = tcp->cfg.ip, .udp_port = tcp->cfg.tcp_port};
    const int one = 1;
    struct connection *connection;
    int fd;
    int rc;

    if (tcp->free == TCP_NONE)
        return NULL;
    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return NULL;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    port_tcp_socket_set(fd, &tcp->cfg);
    connection = begin(tcp, fd, &server);
    rc = connect_to(fd, &address);
    if (rc != 0) {
        queue_add(tcp, &(struct tcp_event){
                           .kind = TCP_RECEIVED,
                           .connection = number_of(tcp, connection),
                           .res = rc,
                       });
        return connection;
    }
    if (!tcp->io->nonblocking)
        (void)fcntl(fd, F_SETFL, 0);
    tcp->io->ops->watch(tcp->io, number_of(tcp, connection), fd);
    return connection;
}

/* is_full tells whether there is no room for a claim, and ends what is so for too
 * long. */
static bool
is_full(struct tcp_port *tcp, struct connection *connection)
{
    if (LIKELY(tcp->cfg.unsent_max - unsent_bytes(connection) >= PORT_TCP_ROOM)) {
        connection->full_ms = 0;
        return false;
    }
    if (connection->full_ms == 0)
        connection->full_ms = tcp->now_ms;
    if (tcp->now_ms - connection->full_ms >= tcp->cfg.slow_ms) {
        tcp->port.stats.connections_slow++;
        end(tcp, connection, true);
    }
    return true;
}

static HOT uint8_t *
tcp_tx_claim(struct port *port, const struct peer *peer)
{
    struct tcp_port *tcp = tcp_of_port(port);
    struct connection *connection = find(tcp, peer);

    ASSERT(tcp->claimed == TCP_NONE);
    if (UNLIKELY(connection == NULL && tcp->cfg.client))
        connection = connect_begin(tcp);
    if (UNLIKELY(connection == NULL || connection->state != TCP_OPEN)) {
        port->stats.tx_dropped++;
        return NULL;
    }
    if (UNLIKELY(is_full(tcp, connection)))
        return NULL;
    tcp->claimed = number_of(tcp, connection);
    return tcp->tx;
}

static HOT void
tcp_tx_push(struct port *port, size_t len)
{
    struct tcp_port *tcp = tcp_of_port(port);
    struct connection *connection = &tcp->connections[tcp->claimed];
    const uint32_t mask = tcp->cfg.unsent_max - 1;
    const uint32_t at = connection->tail & mask;
    const uint8_t *bytes = tcp->tx;
    size_t first;

    ASSERT(tcp->claimed != TCP_NONE);
    ASSERT(len <= DATAGRAM_BYTES_MAX);
    tcp->claimed = TCP_NONE;
    if (len == 0)
        return;
    if (tcp->cfg.framing == FRAMING_SOFH) {
        len = sofh_frame(tcp->tx, len, tcp->framed);
        bytes = tcp->framed;
    }
    ASSERT(len <= tcp->cfg.unsent_max - unsent_bytes(connection));
    first = len < tcp->cfg.unsent_max - at ? len : tcp->cfg.unsent_max - at;
    memcpy(connection->unsent + at, bytes, first);
    memcpy(connection->unsent, bytes + first, len - first);
    connection->tail += (uint32_t)len;
    port->stats.tx_datagrams++;
    dirty_add(tcp, connection);
}

static void
tcp_drop(struct port *port, const struct peer *peer)
{
    struct tcp_port *tcp = tcp_of_port(port);
    struct connection *connection = find(tcp, peer);

    if (connection == NULL || connection->state != TCP_OPEN)
        return;
    connection->state = TCP_DROPPED;
    connection->linger_ms = tcp->now_ms;
    if (!connection->sending && unsent_bytes(connection) == 0)
        linger(tcp, connection);
}

static void
tcp_admit(struct port *port, const struct peer *peer)
{
    struct tcp_port *tcp = tcp_of_port(port);
    struct connection *connection = find(tcp, peer);

    if (connection != NULL)
        half_open_remove(tcp, connection);
}

static void
tcp_source(struct port *port, uint16_t source)
{
    tcp_of_port(port)->source = source;
}

static bool
tcp_ready(struct port *port)
{
    (void)port;
    return true;
}

/* care ends what is idle, half open, slow, or was dropped and does not go. */
static void
care(struct tcp_port *tcp, struct connection *connection)
{
    const uint32_t idle_ms = tcp->cfg.idle_ms;
    const uint32_t half_open_ms = tcp->cfg.half_open_ms;

    switch ((enum connection_state)connection->state) {
    case TCP_OPEN:
        if (idle_ms != 0 && tcp->now_ms - connection->heard_ms > idle_ms) {
            tcp->port.stats.connections_idle++;
            end(tcp, connection, true);
        } else if (half_open_ms != 0 && connection->half_open &&
                   tcp->now_ms - connection->begun_ms > half_open_ms) {
            tcp->port.stats.connections_half_open++;
            end(tcp, connection, true);
        } else if (connection->full_ms != 0) {
            (void)is_full(tcp, connection);
        }
        break;
    case TCP_DROPPED:
    case TCP_LINGERING:
        if (tcp->now_ms - connection->linger_ms > PORT_TCP_LINGER_MS)
            end(tcp, connection, false);
        break;
    case TCP_ENDED:
        remind(tcp, connection);
        break;
    case TCP_FREE:
        break;
    }
}

static void
care_some(struct tcp_port *tcp)
{
    for (unsigned i = 0; i < CARES_MAX; i++) {
        care(tcp, &tcp->connections[tcp->care_idx]);
        if (++tcp->care_idx == tcp->cfg.connections_max) {
            tcp->care_idx = 0;
            return;
        }
    }
}

/* front_done takes the first of what was received from the queue. */
static void
front_done(struct tcp_port *tcp)
{
    const struct tcp_event *front = &tcp->queue[tcp->queue_at];

    if (front->res > 0)
        tcp->spent[tcp->spent_cnt++] = front->buffer;
    tcp->queue_at = (tcp->queue_at + 1) & (tcp->queue_max - 1);
    tcp->queue_cnt--;
    tcp->front_off = 0;
}

static void
datagram_set(const struct tcp_port *tcp,
             const struct connection *connection,
             struct datagram *datagram)
{
    *datagram = (struct datagram){
        .peer = connection->peer,
        .udp_port = tcp->cfg.client ? connection->source : tcp->tcp_port,
    };
}

/* over tells the end of a connection. */
static void
over(struct tcp_port *tcp, struct connection *connection, struct datagram *datagram)
{
    datagram_set(tcp, connection, datagram);
    datagram->lost = true;
    /* It has ended in the middle of a frame. */
    tcp->port.stats.rx_invalid += connection->state == TCP_OPEN && connection->framer.have > 0;
    connection->receiving = false;
    end(tcp, connection, false);
    leave(tcp, connection);
}

/* frame_take gives the next frame of the first of what was received; false if that
 * has none left. */
static HOT bool
frame_take(struct tcp_port *tcp, struct datagram *datagram, uint8_t *kept)
{
    const struct tcp_event *front = &tcp->queue[tcp->queue_at];
    struct connection *connection = &tcp->connections[front->connection];
    struct frame_piece piece = {
        .at = tcp->io->buffers + (size_t)front->buffer * TCP_BUFFER_BYTES + tcp->front_off,
        .left = (uint32_t)front->res - tcp->front_off,
    };
    const size_t left = piece.left;
    struct frame frame;

    if (UNLIKELY(connection->state != TCP_OPEN))
        return false;
    switch (frame_next(&connection->framer, tcp->cfg.framing, &piece, &frame)) {
    case FRAME_WHOLE:
        break;
    case FRAME_BAD:
        tcp->port.stats.rx_invalid++;
        end(tcp, connection, false);
        return false;
    case FRAME_NONE:
    default:
        return false;
    }
    tcp->front_off += (uint32_t)(left - piece.left);
    datagram_set(tcp, connection, datagram);
    datagram->data = frame.kept ? memcpy(kept, frame.payload, frame.len) : frame.payload;
    datagram->len = (uint32_t)frame.len;
    connection->heard_ms = tcp->now_ms;
    tcp->port.stats.rx_datagrams++;
    tcp->port.stats.rx_bytes += frame.len;
    return true;
}

static HOT int
tcp_rx(struct port *port, struct datagram *datagrams, int max)
{
    struct tcp_port *tcp = tcp_of_port(port);
    int cnt = 0;

    ASSERT(max > 0);
    tcp->now_ms = port_tcp_clock_ms();
    while (tcp->spent_cnt > 0)
        tcp->io->ops->release(tcp->io, tcp->spent[--tcp->spent_cnt]);
    reap(tcp);
    care_some(tcp);
    tcp->io->ops->submit(tcp->io);
    while (cnt < max && cnt < (int)PORT_BURST_MAX && tcp->queue_cnt > 0) {
        const struct tcp_event *front = &tcp->queue[tcp->queue_at];

        if (front->res <= 0) {
            over(tcp, &tcp->connections[front->connection], &datagrams[cnt++]);
            front_done(tcp);
        } else if (frame_take(tcp, &datagrams[cnt], tcp->kept[cnt])) {
            cnt++;
        } else {
            front_done(tcp);
        }
    }
    return cnt;
}

/* tcp_close: what was pushed goes to the kernel, which goes on to send it, as far
 * as it takes it now. */
static COLD void
tcp_close(struct port *port)
{
    struct tcp_port *tcp = tcp_of_port(port);

    for (unsigned i = 0; i < FLUSHES_CLOSE; i++)
        tcp_tx_flush(port);
    /* Requests of io_uring hold the socket for a while yet; it listens no more. */
    if (tcp->listen_fd >= 0)
        shutdown(tcp->listen_fd, SHUT_RDWR);
    tcp->io->ops->close(tcp->io);
    for (uint32_t i = 0; i < tcp->cfg.connections_max; i++) {
        if (tcp->connections[i].state != TCP_FREE && tcp->connections[i].fd >= 0)
            close(tcp->connections[i].fd);
    }
    if (tcp->listen_fd >= 0)
        close(tcp->listen_fd);
    munmap(tcp, tcp->bytes);
}

const struct port_ops port_tcp_ops = {
    .rx = tcp_rx,
    .tx_claim = tcp_tx_claim,
    .tx_push = tcp_tx_push,
    .tx_flush = tcp_tx_flush,
    .source = tcp_source,
    .ready = tcp_ready,
    .drop = tcp_drop,
    .admit = tcp_admit,
    .close = tcp_close,
};
