#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/tcp_io.h"

#define KEY_LISTEN UINT32_MAX
#define READY_MAX  64
#define ACCEPT_MAX 16 /* of one look */

/* A send that the socket had no room for. */
struct epoll_connection {
    const uint8_t *at;
    size_t len; /* 0: none waits */
    int fd;
    bool watched;
};

struct epoll_io {
    struct tcp_io io;
    int fd;
    int listen_fd;
    size_t bytes; /* of this mapping */
    uint8_t *buffers;
    uint16_t *free; /* buffers that hold nothing */
    uint32_t free_cnt;
    struct epoll_connection *connections;
    struct tcp_event *done; /* events of sends, in order; one per connection at most */
    uint32_t done_at;
    uint32_t done_cnt;
    uint32_t done_max; /* power of two */
};

static inline struct epoll_io *
epoll_of(struct tcp_io *io)
{
    return (struct epoll_io *)(void *)io;
}

static void
interest(struct epoll_io *epoll, int op, uint16_t connection)
{
    const struct epoll_connection *of = &epoll->connections[connection];
    struct epoll_event event = {
        .events = EPOLLIN | (of->len > 0 ? (uint32_t)EPOLLOUT : 0u),
        .data.u32 = connection,
    };
    const int rc = epoll_ctl(epoll->fd, op, of->fd, &event);

    ASSERT(rc == 0 || errno == ENOMEM || errno == ENOSPC);
}

static void
epoll_watch(struct tcp_io *io, uint16_t connection, int fd)
{
    struct epoll_io *epoll = epoll_of(io);

    epoll->connections[connection] = (struct epoll_connection){.fd = fd, .watched = true};
    interest(epoll, EPOLL_CTL_ADD, connection);
}

static void
sent(struct epoll_io *epoll, uint16_t connection, int32_t res)
{
    const uint32_t at = (epoll->done_at + epoll->done_cnt++) & (epoll->done_max - 1);

    ASSERT(epoll->done_cnt <= epoll->done_max);
    epoll->done[at] = (struct tcp_event){
        .kind = TCP_SENT,
        .connection = connection,
        .res = res,
    };
}

static HOT void
epoll_send(struct tcp_io *io, uint16_t connection, int fd, const uint8_t *at, size_t len)
{
    struct epoll_io *epoll = epoll_of(io);
    struct epoll_connection *of = &epoll->connections[connection];
    const ssize_t res = send(fd, at, len, MSG_DONTWAIT | MSG_NOSIGNAL);

    /* Where the end has come already nobody would tell of room. */
    if (res >= 0 || errno != EAGAIN || !of->watched) {
        sent(epoll, connection, res >= 0 ? (int32_t)res : -errno);
        return;
    }
    of->at = at;
    of->len = len;
    interest(epoll, EPOLL_CTL_MOD, connection);
}

static void
epoll_submit(struct tcp_io *io)
{
    (void)io;
}

/* send_again goes on with a send that has waited. */
static void
send_again(struct epoll_io *epoll, uint16_t connection)
{
    struct epoll_connection *of = &epoll->connections[connection];
    const ssize_t res = send(of->fd, of->at, of->len, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (res < 0 && errno == EAGAIN)
        return;
    of->len = 0;
    sent(epoll, connection, res >= 0 ? (int32_t)res : -errno);
    interest(epoll, EPOLL_CTL_MOD, connection);
}

/* end takes the connection from the watch; a send that waits has failed. */
static void
end(struct epoll_io *epoll, uint16_t connection)
{
    struct epoll_connection *of = &epoll->connections[connection];

    (void)epoll_ctl(epoll->fd, EPOLL_CTL_DEL, of->fd, NULL);
    of->watched = false;
    if (of->len > 0) {
        of->len = 0;
        sent(epoll, connection, -EPIPE);
    }
}

/* receive takes one buffer full; false if there was nothing to tell. What finds no
 * buffer stays in the socket, and is seen again. */
static bool
receive(struct epoll_io *epoll, uint16_t connection, struct tcp_event *event)
{
    const struct epoll_connection *of = &epoll->connections[connection];
    uint16_t buffer;
    ssize_t res;

    if (epoll->free_cnt == 0)
        return false;
    buffer = epoll->free[epoll->free_cnt - 1];
    res = recv(of->fd, epoll->buffers + (size_t)buffer * TCP_BUFFER_BYTES, TCP_BUFFER_BYTES,
               MSG_DONTWAIT);
    if (res < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    *event = (struct tcp_event){
        .kind = TCP_RECEIVED,
        .connection = connection,
        .buffer = buffer,
        .res = res >= 0 ? (int32_t)res : -errno,
    };
    if (res > 0)
        epoll->free_cnt--;
    else
        end(epoll, connection);
    return true;
}

static int
take_new(struct epoll_io *epoll, struct tcp_event *events, int max)
{
    int cnt = 0;

    while (cnt < max && cnt < ACCEPT_MAX) {
        const int fd = accept4(epoll->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0)
            break;
        events[cnt++] = (struct tcp_event){.kind = TCP_ACCEPTED, .res = fd};
    }
    return cnt;
}

static int
take_done(struct epoll_io *epoll, struct tcp_event *events, int max)
{
    int cnt = 0;

    while (cnt < max && epoll->done_cnt > 0) {
        events[cnt++] = epoll->done[epoll->done_at];
        epoll->done_at = (epoll->done_at + 1) & (epoll->done_max - 1);
        epoll->done_cnt--;
    }
    return cnt;
}

/* One look takes no more descriptors than there is room for events: one that is
 * ready has at most one, those that are new come last. */
static HOT int
epoll_reap(struct tcp_io *io, struct tcp_event *events, int max)
{
    struct epoll_io *epoll = epoll_of(io);
    struct epoll_event ready[READY_MAX];
    int cnt = take_done(epoll, events, max);
    const int room = max - cnt < READY_MAX ? max - cnt : READY_MAX;
    const int ready_cnt = room > 0 ? epoll_wait(epoll->fd, ready, room, 0) : 0;
    bool new = false;

    for (int i = 0; i < ready_cnt; i++) {
        const uint32_t key = ready[i].data.u32;

        if (key == KEY_LISTEN) {
            new = true;
            continue;
        }
        if (epoll->connections[key].len > 0 &&
            (ready[i].events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0)
            send_again(epoll, (uint16_t)key);
        if ((ready[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0)
            cnt += receive(epoll, (uint16_t)key, &events[cnt]);
    }
    if (new)
        cnt += take_new(epoll, events + cnt, max - cnt);
    return cnt;
}

static void
epoll_release(struct tcp_io *io, uint16_t buffer)
{
    struct epoll_io *epoll = epoll_of(io);

    epoll->free[epoll->free_cnt++] = buffer;
}

static COLD void
epoll_io_close(struct tcp_io *io)
{
    struct epoll_io *epoll = epoll_of(io);

    close(epoll->fd);
    munmap(epoll, epoll->bytes);
}

static const struct tcp_io_ops epoll_ops = {
    .watch = epoll_watch,
    .send = epoll_send,
    .submit = epoll_submit,
    .reap = epoll_reap,
    .release = epoll_release,
    .close = epoll_io_close,
};

static COLD int
listen_watch(const struct epoll_io *epoll)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = KEY_LISTEN};

    if (epoll->listen_fd < 0)
        return 0;
    return epoll_ctl(epoll->fd, EPOLL_CTL_ADD, epoll->listen_fd, &event) == 0 ? 0 : -errno;
}

static size_t
page_up(size_t bytes)
{
    return (bytes + 4095u) & ~(size_t)4095u;
}

COLD int
tcp_epoll_open(struct tcp_io **io, const struct tcp_io_cfg *cfg)
{
    uint32_t done_max = 1;
    uint8_t *mem;
    int rc;

    while (done_max < cfg->connections_max)
        done_max *= 2;

    const size_t own_bytes = page_up(sizeof(struct epoll_io));
    const size_t free_bytes = page_up(cfg->buffers_cnt * sizeof(uint16_t));
    const size_t connections_bytes =
        page_up(cfg->connections_max * sizeof(struct epoll_connection));
    const size_t done_bytes = page_up(done_max * sizeof(struct tcp_event));
    const size_t bytes = own_bytes + free_bytes + connections_bytes + done_bytes +
                         (size_t)cfg->buffers_cnt * TCP_BUFFER_BYTES;

    mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1,
               0);
    if (mem == MAP_FAILED)
        return -errno;

    struct epoll_io *epoll = (struct epoll_io *)(void *)mem;

    epoll->io = (struct tcp_io){.ops = &epoll_ops, .nonblocking = true};
    epoll->bytes = bytes;
    epoll->listen_fd = cfg->listen_fd;
    epoll->free = (uint16_t *)(void *)(mem + own_bytes);
    epoll->connections = (struct epoll_connection *)(void *)(mem + own_bytes + free_bytes);
    epoll->done = (struct tcp_event *)(void *)(mem + own_bytes + free_bytes + connections_bytes);
    epoll->done_max = done_max;
    epoll->buffers = mem + own_bytes + free_bytes + connections_bytes + done_bytes;
    epoll->io.buffers = epoll->buffers;
    for (uint32_t i = 0; i < cfg->buffers_cnt; i++)
        epoll_release(&epoll->io, (uint16_t)i);
    epoll->fd = epoll_create1(EPOLL_CLOEXEC);
    rc = epoll->fd < 0 ? -errno : listen_watch(epoll);
    if (rc == 0) {
        *io = &epoll->io;
        return 0;
    }
    if (epoll->fd >= 0)
        close(epoll->fd);
    munmap(mem, bytes);
    return rc;
}
