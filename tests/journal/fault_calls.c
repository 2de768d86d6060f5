#include "tests/journal/fault_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <liburing.h>

struct fault_plan *fault_plan;

int __real_io_uring_submit(struct io_uring *ring);
ssize_t __real_pwrite64(int fd, const void *data, size_t bytes, off_t off);
int __real_fdatasync(int fd);
int __real_fsync(int fd);
int __real_fallocate64(int fd, int mode, off_t off, off_t bytes);
int __real_renameat(int from_fd, const char *from, int to_fd, const char *to);
int __real_openat64(int dir_fd, const char *path, int flags, ...);

int __wrap_io_uring_submit(struct io_uring *ring);
ssize_t __wrap_pwrite64(int fd, const void *data, size_t bytes, off_t off);
int __wrap_fdatasync(int fd);
int __wrap_fsync(int fd);
int __wrap_fallocate64(int fd, int mode, off_t off, off_t bytes);
int __wrap_renameat(int from_fd, const char *from, int to_fd, const char *to);
int __wrap_openat64(int dir_fd, const char *path, int flags, ...);

/* is_due counts a call and tells whether it is the one. */
static bool
is_due(enum fault_call call)
{
    struct fault_plan *plan = fault_plan;

    if (plan == NULL || __atomic_fetch_add(&plan->cnt[call], 1, __ATOMIC_RELAXED) != plan->at ||
        plan->call != call)
        return false;
    plan->fired = true;
    return true;
}

/* fails tells whether a call fails; errno is set. */
static bool
fails(enum fault_call call)
{
    if (!is_due(call))
        return false;
    errno = fault_plan->error;
    return true;
}

/* What is to be changed in the completions of one submit. */
struct change {
    uint64_t user_data[8];
    int result[8];
    unsigned cnt;
};

/* do_nothing makes a request one without effect, which ends with result. */
static void
do_nothing(struct io_uring_sqe *sqe, int result, struct change *change)
{
    const uint64_t user_data = sqe->user_data;
    const uint8_t flags = sqe->flags & IOSQE_IO_LINK;

    memset(sqe, 0, sizeof *sqe);
    sqe->opcode = IORING_OP_NOP;
    sqe->flags = flags;
    sqe->fd = -1;
    sqe->user_data = user_data;
    change->user_data[change->cnt] = user_data;
    change->result[change->cnt++] = result;
}

/* tamper goes through the requests that are to be submitted. */
static unsigned
tamper(struct io_uring *ring, struct change *change)
{
    const unsigned mask = *ring->sq.kring_mask;
    const unsigned cnt = ring->sq.sqe_tail - ring->sq.sqe_head;
    bool broken = false; /* the link before */

    for (unsigned i = 0; i < cnt; i++) {
        struct io_uring_sqe *sqe = &ring->sq.sqes[(ring->sq.sqe_head + i) & mask];
        const bool is_linked = (sqe->flags & IOSQE_IO_LINK) != 0;
        const bool due = is_due(FAULT_COMPLETION);

        if (broken) {
            do_nothing(sqe, -ECANCELED, change);
        } else if (due && fault_plan->error != 0) {
            do_nothing(sqe, -fault_plan->error, change);
        } else if (due && sqe->opcode != IORING_OP_FSYNC && sqe->len > 512) {
            sqe->len = sqe->len / 2 / 512 * 512;
        } else if (due) {
            fault_plan->fired = false; /* a sync cannot come short */
        }
        broken = is_linked && (broken || (due && fault_plan->fired));
    }
    return cnt;
}

int
__wrap_io_uring_submit(struct io_uring *ring)
{
    struct change change = {.cnt = 0};
    struct io_uring_cqe *cqe;
    unsigned cnt;
    int rc;

    if (is_due(FAULT_SUBMIT))
        return -fault_plan->error;
    cnt = tamper(ring, &change);
    rc = __real_io_uring_submit(ring);
    if (change.cnt == 0 || rc < 0)
        return rc;
    (void)io_uring_wait_cqe_nr(ring, &cqe, cnt);
    for (unsigned at = *ring->cq.khead; at != *ring->cq.ktail; at++) {
        cqe = &ring->cq.cqes[at & *ring->cq.kring_mask];
        for (unsigned i = 0; i < change.cnt; i++) {
            if (cqe->user_data == change.user_data[i])
                cqe->res = change.result[i];
        }
    }
    return rc;
}

ssize_t
__wrap_pwrite64(int fd, const void *data, size_t bytes, off_t off)
{
    if (!is_due(FAULT_PWRITE))
        return __real_pwrite64(fd, data, bytes, off);
    if (fault_plan->error == 0)
        return __real_pwrite64(fd, data, bytes / 2 / 512 * 512, off);
    errno = fault_plan->error;
    return -1;
}

int
__wrap_fdatasync(int fd)
{
    return fails(FAULT_FDATASYNC) ? -1 : __real_fdatasync(fd);
}

int
__wrap_fsync(int fd)
{
    return fails(FAULT_FSYNC) ? -1 : __real_fsync(fd);
}

int
__wrap_fallocate64(int fd, int mode, off_t off, off_t bytes)
{
    return fails(FAULT_FALLOCATE) ? -1 : __real_fallocate64(fd, mode, off, bytes);
}

int
__wrap_renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    return fails(FAULT_RENAME) ? -1 : __real_renameat(from_fd, from, to_fd, to);
}

int
__wrap_openat64(int dir_fd, const char *path, int flags, ...)
{
    va_list args;
    mode_t mode;

    va_start(args, flags);
    mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);
    return fails(FAULT_OPEN) ? -1 : __real_openat64(dir_fd, path, flags, mode);
}
