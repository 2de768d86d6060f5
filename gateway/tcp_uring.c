#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <liburing.h>

#include "gateway/tcp_io.h"

#define BUFFER_GROUP 0
#define SUBMIT_MAX   256u

/* A new try of an accept that the kernel ended: not in every poll, for the reason
 * (no descriptors) may last. */
#define ACCEPT_POLLS 4096u

/* user_data: what it was, and of which connection. */
enum uring_op {
    OP_ACCEPT = 1u << 16,
    OP_RECEIVE = 2u << 16,
    OP_SEND = 3u << 16,
};
#define OP_MASK 0xff0000u

struct uring_io {
    struct tcp_io io;
    struct io_uring ring;
    struct io_uring_buf_ring *provided;
    uint8_t *buffers;
    size_t bytes; /* of this mapping */
    uint32_t buffers_cnt;
    uint32_t connections_max;
    int listen_fd;
    bool accepting;
    uint32_t accept_wait; /* polls until the next try */
    int *fds;             /* of each connection */
    uint16_t *again;      /* connections whose receive the kernel ended early */
    uint32_t again_at;    /* the one that waits for longest */
    uint32_t again_cnt;
    uint32_t left; /* buffers that the kernel may fill */
};

static inline struct uring_io *
uring_of(struct tcp_io *io)
{
    return (struct uring_io *)(void *)io;
}

/* sqe_take returns a free entry; a full queue goes to the kernel first. */
static struct io_uring_sqe *
sqe_take(struct uring_io *uring, uint32_t user_data)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&uring->ring);

    if (UNLIKELY(sqe == NULL)) {
        io_uring_submit(&uring->ring);
        sqe = io_uring_get_sqe(&uring->ring);
    }
    /* The kernel takes all that is submitted: there is no polling thread. */
    ASSERT(sqe != NULL);
    sqe->user_data = user_data;
    return sqe;
}

static void
receive_begin(struct uring_io *uring, uint16_t connection)
{
    struct io_uring_sqe *sqe = sqe_take(uring, 0);

    io_uring_prep_recv_multishot(sqe, uring->fds[connection], NULL, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = BUFFER_GROUP;
    sqe->user_data = (uint32_t)OP_RECEIVE | connection;
    uring->io.begun_cnt++;
}

static void
uring_watch(struct tcp_io *io, uint16_t connection, int fd)
{
    struct uring_io *uring = uring_of(io);

    uring->fds[connection] = fd;
    receive_begin(uring, connection);
}

static HOT void
uring_send(struct tcp_io *io, uint16_t connection, int fd, const uint8_t *at, size_t len)
{
    struct io_uring_sqe *sqe = sqe_take(uring_of(io), 0);

    io_uring_prep_send(sqe, fd, at, len, MSG_NOSIGNAL);
    sqe->user_data = (uint32_t)OP_SEND | connection;
}

static void
accept_begin(struct uring_io *uring)
{
    struct io_uring_sqe *sqe;

    if (uring->accepting || uring->listen_fd < 0)
        return;
    if (uring->accept_wait > 0) {
        uring->accept_wait--;
        return;
    }
    sqe = sqe_take(uring, 0);
    io_uring_prep_multishot_accept(sqe, uring->listen_fd, NULL, NULL, SOCK_CLOEXEC);
    sqe->user_data = OP_ACCEPT;
    uring->accepting = true;
}

/* receive_again begins those that ended early, as many as there are buffers for, in the
 * order in which they ended: without a buffer one ends at once, and a thousand of these
 * at each look would be all that is done. */
static COLD void
receive_again(struct uring_io *uring)
{
    for (uint32_t i = 0; i < uring->left && uring->again_cnt > 0; i++) {
        receive_begin(uring, uring->again[uring->again_at]);
        uring->again_at = uring->again_at + 1 == uring->connections_max ? 0 : uring->again_at + 1;
        uring->again_cnt--;
    }
}

/* again_add: a connection waits once at most. */
static COLD void
again_add(struct uring_io *uring, uint16_t connection)
{
    uint32_t at = uring->again_at + uring->again_cnt;

    ASSERT(uring->again_cnt < uring->connections_max);
    if (at >= uring->connections_max)
        at -= uring->connections_max;
    uring->again[at] = connection;
    uring->again_cnt++;
}

static HOT void
uring_submit(struct tcp_io *io)
{
    struct uring_io *uring = uring_of(io);

    accept_begin(uring);
    if (UNLIKELY(uring->again_cnt > 0))
        receive_again(uring);
    if (io_uring_sq_ready(&uring->ring) > 0)
        io_uring_submit(&uring->ring);
}

/* received: the kernel ends a receive for want of buffers, or with the thread that
 * began it; that is no end of the connection. */
static bool
received(struct uring_io *uring, const struct io_uring_cqe *cqe, struct tcp_event *event)
{
    const bool more = (cqe->flags & IORING_CQE_F_MORE) != 0;
    const bool early = cqe->res > 0 || cqe->res == -ENOBUFS || cqe->res == -ECANCELED ||
                       cqe->res == -EINTR || cqe->res == -EAGAIN;

    event->kind = TCP_RECEIVED;
    if (cqe->res > 0) {
        event->buffer = (uint16_t)(cqe->flags >> IORING_CQE_BUFFER_SHIFT);
        ASSERT(uring->left > 0);
        uring->left--;
    }
    if (!more && early)
        again_add(uring, event->connection);
    return cqe->res > 0 || !early;
}

static bool
accepted(struct uring_io *uring, const struct io_uring_cqe *cqe, struct tcp_event *event)
{
    event->kind = TCP_ACCEPTED;
    if ((cqe->flags & IORING_CQE_F_MORE) == 0) {
        uring->accepting = false;
        uring->accept_wait = cqe->res < 0 && cqe->res != -ECANCELED ? ACCEPT_POLLS : 0;
    }
    return cqe->res >= 0;
}

/* sent: what was cancelled with its thread has not gone. */
static bool
sent(const struct io_uring_cqe *cqe, struct tcp_event *event)
{
    event->kind = TCP_SENT;
    if (cqe->res == -ECANCELED || cqe->res == -EINTR || cqe->res == -EAGAIN)
        event->res = 0;
    return true;
}

static bool
event_of(struct uring_io *uring, const struct io_uring_cqe *cqe, struct tcp_event *event)
{
    *event = (struct tcp_event){
        .connection = (uint16_t)(cqe->user_data & UINT16_MAX),
        .res = cqe->res,
    };
    switch (cqe->user_data & OP_MASK) {
    case OP_ACCEPT:
        return accepted(uring, cqe, event);
    case OP_RECEIVE:
        return received(uring, cqe, event);
    case OP_SEND:
        return sent(cqe, event);
    default:
        UNREACHABLE("nothing else is asked for");
    }
}

static HOT int
uring_reap(struct tcp_io *io, struct tcp_event *events, int max)
{
    struct uring_io *uring = uring_of(io);
    struct io_uring_cqe *cqe;
    int cnt = 0;

    while (cnt < max && io_uring_peek_cqe(&uring->ring, &cqe) == 0) {
        cnt += event_of(uring, cqe, &events[cnt]);
        io_uring_cqe_seen(&uring->ring, cqe);
    }
    return cnt;
}

static void
uring_release(struct tcp_io *io, uint16_t buffer)
{
    struct uring_io *uring = uring_of(io);

    io_uring_buf_ring_add(uring->provided, uring->buffers + (size_t)buffer * TCP_BUFFER_BYTES,
                          TCP_BUFFER_BYTES, buffer, (int)uring->buffers_cnt - 1, 0);
    io_uring_buf_ring_advance(uring->provided, 1);
    uring->left++;
    ASSERT(uring->left <= uring->buffers_cnt);
}

static COLD void
uring_close(struct tcp_io *io)
{
    struct uring_io *uring = uring_of(io);

    io_uring_queue_exit(&uring->ring);
    munmap(uring, uring->bytes);
}

static const struct tcp_io_ops uring_ops = {
    .watch = uring_watch,
    .send = uring_send,
    .submit = uring_submit,
    .reap = uring_reap,
    .release = uring_release,
    .close = uring_close,
};

/* queue_init makes the ring. What the kernel does for us is done when we look
 * (COOP_TASKRUN) where it can be, so that nothing interrupts the thread. */
static COLD int
queue_init(struct io_uring *ring, const struct tcp_io_cfg *cfg)
{
    struct io_uring_params params = {
        .flags = IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP | IORING_SETUP_COOP_TASKRUN |
                 IORING_SETUP_TASKRUN_FLAG,
        .cq_entries = cfg->buffers_cnt + 4 * cfg->connections_max + SUBMIT_MAX,
    };

    return io_uring_queue_init_params(SUBMIT_MAX, ring, &params);
}

static COLD int
provide(struct uring_io *uring)
{
    struct io_uring_buf_reg reg = {
        .ring_addr = (uint64_t)(uintptr_t)uring->provided,
        .ring_entries = uring->buffers_cnt,
        .bgid = BUFFER_GROUP,
    };
    const int rc = io_uring_register_buf_ring(&uring->ring, &reg, 0);

    if (rc != 0)
        return rc == -EINVAL ? -ENOSYS : rc;
    io_uring_buf_ring_init(uring->provided);
    for (uint32_t i = 0; i < uring->buffers_cnt; i++)
        uring_release(&uring->io, (uint16_t)i);
    ASSERT(uring->left == uring->buffers_cnt);
    return 0;
}

/* probe_pair receives one byte and then the end of a pair of sockets, and expects
 * the first to say that more would come. */
static COLD bool
probe_pair(struct uring_io *uring, const int pair[2])
{
    struct io_uring_cqe *cqe;
    bool multishot;

    if (write(pair[1], "", 1) != 1)
        return false;
    uring_watch(&uring->io, 0, pair[0]);
    if (io_uring_submit(&uring->ring) < 0 || io_uring_wait_cqe(&uring->ring, &cqe) != 0)
        return false;
    multishot = cqe->res == 1 && (cqe->flags & IORING_CQE_F_MORE) != 0;
    if (cqe->res > 0) {
        uring->left--;
        uring_release(&uring->io, (uint16_t)(cqe->flags >> IORING_CQE_BUFFER_SHIFT));
    }
    io_uring_cqe_seen(&uring->ring, cqe);
    if (!multishot)
        return false;
    shutdown(pair[1], SHUT_RDWR);
    if (io_uring_wait_cqe(&uring->ring, &cqe) != 0)
        return false;
    io_uring_cqe_seen(&uring->ring, cqe);
    return true;
}

static COLD int
probe(struct uring_io *uring)
{
    int pair[2];
    bool good;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return -errno;
    good = probe_pair(uring, pair);
    close(pair[0]);
    close(pair[1]);
    return good ? 0 : -ENOSYS;
}

static size_t
page_up(size_t bytes)
{
    return (bytes + 4095u) & ~(size_t)4095u;
}

COLD int
tcp_uring_open(struct tcp_io **io, const struct tcp_io_cfg *cfg)
{
    const size_t own_bytes = page_up(sizeof(struct uring_io));
    const size_t provided_bytes = page_up(cfg->buffers_cnt * sizeof(struct io_uring_buf));
    const size_t fds_bytes = page_up(cfg->connections_max * sizeof(int));
    const size_t again_bytes = page_up(cfg->connections_max * sizeof(uint16_t));
    const size_t bytes = own_bytes + provided_bytes + fds_bytes + again_bytes +
                         (size_t)cfg->buffers_cnt * TCP_BUFFER_BYTES;
    uint8_t *mem;
    int rc;

    ASSERT(is_pow2_u64(cfg->buffers_cnt) && cfg->buffers_cnt <= TCP_BUFFERS_MAX);
    /* Populated, so that no page fault comes later. */
    mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1,
               0);
    if (mem == MAP_FAILED)
        return -errno;

    struct uring_io *uring = (struct uring_io *)(void *)mem;

    uring->bytes = bytes;
    uring->provided = (struct io_uring_buf_ring *)(void *)(mem + own_bytes);
    uring->fds = (int *)(void *)(mem + own_bytes + provided_bytes);
    uring->again = (uint16_t *)(void *)(mem + own_bytes + provided_bytes + fds_bytes);
    uring->buffers = mem + own_bytes + provided_bytes + fds_bytes + again_bytes;
    uring->buffers_cnt = cfg->buffers_cnt;
    uring->connections_max = cfg->connections_max;
    uring->listen_fd = cfg->listen_fd;
    uring->io.ops = &uring_ops;
    uring->io.buffers = uring->buffers;
    rc = queue_init(&uring->ring, cfg);
    if (rc != 0) {
        munmap(mem, bytes);
        return rc == -EINVAL ? -ENOSYS : rc;
    }
    rc = provide(uring);
    if (rc == 0)
        rc = probe(uring);
    if (rc != 0)
        uring_close(&uring->io);
    else
        *io = &uring->io;
    return rc;
}
