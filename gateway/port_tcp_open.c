#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "gateway/port_tcp_state.h"

#define BACKLOG       1024
#define BIND_TRIES    100
#define BIND_PAUSE_NS 20000000
#define DESCRIPTORS   (64u + PORT_TCP_SPARE) /* of this process, besides connections */

static COLD bool
cfg_valid(const struct port_tcp_cfg *cfg)
{
    return cfg->connections_max >= 1 && cfg->connections_max <= PORT_TCP_CONNECTIONS_MAX &&
           cfg->unsent_max >= 2 * PORT_TCP_ROOM && cfg->unsent_max <= PORT_TCP_UNSENT_MAX &&
           is_pow2_u64(cfg->unsent_max) && cfg->half_open_max <= cfg->connections_max &&
           (!cfg->client || cfg->half_open_max == 0);
}

static COLD uint32_t
pow2_up(uint32_t cnt)
{
    uint32_t pow2 = 1;

    while (pow2 < cnt)
        pow2 *= 2;
    return pow2;
}

static COLD uint32_t
buffers_of(const struct port_tcp_cfg *cfg)
{
    const uint32_t cnt = pow2_up(2 * cfg->connections_max);

    return cnt < 64 ? 64 : cnt > TCP_BUFFERS_MAX ? TCP_BUFFERS_MAX : cnt;
}

/* Where each part lies in the memory of a port. */
struct layout {
    size_t connections_off;
    size_t buckets_off;
    size_t dirty_off;
    size_t queue_off;
    size_t spent_off;
    size_t unsent_off;
    size_t bytes;
    uint32_t buckets_cnt;
    uint32_t queue_max;
};

static COLD size_t
line_up(size_t bytes)
{
    return (bytes + CACHE_LINE - 1) & ~(size_t)(CACHE_LINE - 1);
}

static COLD struct layout
layout_of(const struct port_tcp_cfg *cfg)
{
    const uint32_t max = cfg->connections_max;
    struct layout layout = {
        .buckets_cnt = pow2_up(2 * max),
        .queue_max = pow2_up(buffers_of(cfg) + max),
    };

    layout.connections_off = line_up(sizeof(struct tcp_port));
    layout.buckets_off = layout.connections_off + line_up(max * sizeof(struct connection));
    layout.dirty_off = layout.buckets_off + line_up(layout.buckets_cnt * sizeof(uint16_t));
    layout.queue_off = layout.dirty_off + line_up(max * sizeof(uint16_t));
    layout.spent_off = layout.queue_off + line_up(layout.queue_max * sizeof(struct tcp_event));
    layout.unsent_off = layout.spent_off + line_up(buffers_of(cfg) * sizeof(uint16_t));
    layout.bytes = layout.unsent_off + (size_t)max * cfg->unsent_max;
    return layout;
}

/* tcp_new takes all memory and wires it. */
static COLD struct tcp_port *
tcp_new(const struct port_tcp_cfg *cfg)
{
    const struct layout layout = layout_of(cfg);
    /* Populated, so that no page fault comes later. */
    uint8_t *mem = mmap(NULL, layout.bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    struct tcp_port *tcp = (struct tcp_port *)(void *)mem;

    if (mem == MAP_FAILED)
        return NULL;
    tcp->port.ops = &port_tcp_ops;
    tcp->port.stream = true;
    tcp->cfg = *cfg;
    tcp->listen_fd = -1;
    tcp->bytes = layout.bytes;
    tcp->now_ms = port_tcp_clock_ms();
    tcp->claimed = TCP_NONE;
    tcp->oldest = TCP_NONE;
    tcp->newest = TCP_NONE;
    tcp->connections = (struct connection *)(void *)(mem + layout.connections_off);
    tcp->buckets = (uint16_t *)(void *)(mem + layout.buckets_off);
    tcp->buckets_cnt = layout.buckets_cnt;
    tcp->dirty = (uint16_t *)(void *)(mem + layout.dirty_off);
    tcp->queue = (struct tcp_event *)(void *)(mem + layout.queue_off);
    tcp->queue_max = layout.queue_max;
    tcp->spent = (uint16_t *)(void *)(mem + layout.spent_off);
    memset(tcp->buckets, 0xff, layout.buckets_cnt * sizeof *tcp->buckets);
    for (uint32_t i = 0; i < cfg->connections_max; i++) {
        tcp->connections[i].next = i + 1 < cfg->connections_max ? (uint16_t)(i + 1) : TCP_NONE;
        tcp->connections[i].unsent = mem + layout.unsent_off + (size_t)i * cfg->unsent_max;
    }
    return tcp;
}

COLD void
port_tcp_socket_set(int fd, const struct port_tcp_cfg *cfg)
{
    const int busy_us = (int)(cfg->busy_poll_us < INT32_MAX ? cfg->busy_poll_us : INT32_MAX);
    const int room = (int)(cfg->socket_bytes < INT32_MAX / 2 ? cfg->socket_bytes : INT32_MAX / 2);

    if (room != 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    }
    /* Not permitted is not an error: it is a matter of speed alone. */
    if (busy_us != 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_BUSY_POLL, &busy_us, sizeof busy_us);
}

/* bind_to binds and listens, and says where. */
static COLD int
bind_to(int fd, struct sockaddr_in *address)
{
    socklen_t bytes = sizeof *address;

    if (bind(fd, (const struct sockaddr *)address, sizeof *address) != 0 ||
        listen(fd, BACKLOG) != 0 || getsockname(fd, (struct sockaddr *)address, &bytes) != 0)
        return -errno;
    return 0;
}

/* listen_open returns a socket that listens, or -errno. Its options are those of
 * the connections that it takes. The kernel ends the requests of a process that was
 * killed a little after the process: so long its port is in use. */
static COLD int
listen_open(const struct port_tcp_cfg *cfg, uint16_t *tcp_port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(cfg->tcp_port),
        .sin_addr.s_addr = htonl(cfg->ip),
    };
    const int one = 1;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rc;

    if (fd < 0)
        return -errno;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    port_tcp_socket_set(fd, cfg);
    for (unsigned i = 0; (rc = bind_to(fd, &address)) == -EADDRINUSE && i < BIND_TRIES; i++)
        nanosleep(&(const struct timespec){.tv_nsec = BIND_PAUSE_NS}, NULL);
    if (rc != 0) {
        close(fd);
        return rc;
    }
    *tcp_port = ntohs(address.sin_port);
    return fd;
}

/* descriptors_raise sees that there can be one for each connection. */
static COLD int
descriptors_raise(uint32_t connections_max, char why[256])
{
    const rlim_t needed = connections_max + DESCRIPTORS;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed)
        return 0;
    if (limit.rlim_max >= needed) {
        limit.rlim_cur = needed;
        if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
            return 0;
    }
    snprintf(why, 256,
             "%u connections need %llu open files, but the limit is %llu, expected fewer "
             "connections or a higher limit (ulimit -n)",
             connections_max, (unsigned long long)needed, (unsigned long long)limit.rlim_max);
    return -EMFILE;
}

/* io_open finds the best way that this kernel has. */
static COLD int
io_open(struct tcp_port *tcp)
{
    const struct tcp_io_cfg cfg = {
        .listen_fd = tcp->listen_fd,
        .connections_max = tcp->cfg.connections_max,
        .buffers_cnt = buffers_of(&tcp->cfg),
    };

    if (!tcp->cfg.plain && tcp_uring_open(&tcp->io, &cfg) == 0)
        return 0;
    if (tcp->listen_fd >= 0 && fcntl(tcp->listen_fd, F_SETFL, O_NONBLOCK) != 0)
        return -errno;
    return tcp_epoll_open(&tcp->io, &cfg);
}

COLD int
port_tcp_open(struct port **port, const struct port_tcp_cfg *cfg, char why[256])
{
    struct port_tcp_cfg roomy = *cfg;
    struct tcp_port *tcp;
    int rc;

    ASSERT(cfg_valid(cfg));
    why[0] = '\0';
    /* Who makes room for another leaves a little after that has come. */
    roomy.connections_max += cfg->half_open_max != 0 ? PORT_TCP_SPARE : 0;
    rc = descriptors_raise(cfg->connections_max, why);
    if (rc != 0)
        return rc;
    tcp = tcp_new(&roomy);
    if (tcp == NULL) {
        snprintf(why, 256, "no memory for %u connections", cfg->connections_max);
        return -ENOMEM;
    }
    tcp->live_max = cfg->connections_max;
    if (!cfg->client)
        tcp->listen_fd = listen_open(cfg, &tcp->tcp_port);
    rc = cfg->client || tcp->listen_fd >= 0 ? io_open(tcp) : tcp->listen_fd;
    if (rc == 0) {
        *port = &tcp->port;
        return 0;
    }
    snprintf(why, 256, "%s", strerror(-rc));
    if (tcp->listen_fd >= 0)
        close(tcp->listen_fd);
    munmap(tcp, tcp->bytes);
    return rc;
}

static const struct tcp_port *
tcp_const(const struct port *port)
{
    ASSERT(port->ops == &port_tcp_ops);
    return (const struct tcp_port *)(const void *)port;
}

uint16_t
port_tcp_local(const struct port *port)
{
    return tcp_const(port)->tcp_port;
}

uint32_t
port_tcp_busy_poll(const struct port *port)
{
    int busy_us = 0;
    socklen_t bytes = sizeof busy_us;

    if (getsockopt(tcp_const(port)->listen_fd, SOL_SOCKET, SO_BUSY_POLL, &busy_us, &bytes) != 0)
        return 0;
    return (uint32_t)busy_us;
}

bool
port_tcp_plain(const struct port *port)
{
    return tcp_const(port)->io->nonblocking;
}
