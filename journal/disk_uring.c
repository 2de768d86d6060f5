#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <liburing.h>

#include "journal/disk.h"

#define QUEUE_ENTRIES 8u

/* What a completion is of. */
enum disk_tag {
    DISK_WRITE = 1,
    DISK_SYNC = 2
};

struct disk {
    struct io_uring uring;
    uint8_t *buffer;
    size_t write_bytes; /* of the batch in flight */
    int fd;
    unsigned pending; /* completions to come */
    int error;        /* first of the batch in flight */
    bool fixed_buffer;
    bool fixed_file;
    bool blocking; /* without io_uring: submit does it all */
};

static COLD void
note(const struct disk_cfg *cfg, const char *line, int error)
{
    const size_t len = strlen(cfg->notes);

    snprintf(cfg->notes + len, cfg->notes_bytes - len, "%s: %s\n", line, strerror(error));
}

/* queue_init prefers completions that wait until the thread asks for them to
 * interrupts of whatever it does. */
static int
queue_init(struct io_uring *uring)
{
    const int rc = io_uring_queue_init(QUEUE_ENTRIES, uring,
                                       IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG);

    return rc == -EINVAL ? io_uring_queue_init(QUEUE_ENTRIES, uring, 0) : rc;
}

/* register_buffer pins the buffer. Memory that a queue closed a moment ago had
 * pinned is given back late, so a refusal is tried again for a second. */
static int
register_buffer(struct disk *disk, size_t buffer_bytes)
{
    const struct iovec iov = {.iov_base = disk->buffer, .iov_len = buffer_bytes};
    int rc = io_uring_register_buffers(&disk->uring, &iov, 1);

    for (unsigned i = 0; i < 100 && rc == -ENOMEM; i++) {
        usleep(10000);
        rc = io_uring_register_buffers(&disk->uring, &iov, 1);
    }
    return rc;
}

int
disk_open(struct disk **disk, const struct disk_cfg *cfg)
{
    struct disk *new_disk = calloc(1, sizeof *new_disk);

    ASSERT(cfg->buffer_bytes <= DISK_BUFFER_BYTES_MAX);
    if (new_disk == NULL)
        return -ENOMEM;
    new_disk->buffer = cfg->buffer;
    new_disk->fd = -1;
    *disk = new_disk;

    const int queue = cfg->no_uring ? -ENOSYS : queue_init(&new_disk->uring);

    if (queue != 0) {
        new_disk->blocking = true;
        if (!cfg->no_uring)
            note(cfg, "io_uring is not to be had, so each write of the journal blocks", -queue);
        return 0;
    }
    /* A pinned part of a huge page would pin, and count, all of it. */
    (void)madvise(cfg->buffer, cfg->buffer_bytes, MADV_NOHUGEPAGE);

    const int buffer = register_buffer(new_disk, cfg->buffer_bytes);

    new_disk->fixed_buffer = buffer == 0;
    if (buffer != 0)
        note(cfg, "journal buffers are not registered with the kernel", -buffer);
    return 0;
}

int
disk_use(struct disk *disk, int fd)
{
    ASSERT(disk->pending == 0);
    disk->fd = fd;
    if (disk->blocking)
        return 0;

    const int rc = disk->fixed_file ? io_uring_register_files_update(&disk->uring, 0, &fd, 1)
                                    : io_uring_register_files(&disk->uring, &fd, 1);

    /* A file that is not registered is looked up for each write; no more. */
    disk->fixed_file = rc >= 0;
    return 0;
}

static void
set_file(const struct disk *disk, struct io_uring_sqe *sqe)
{
    if (disk->fixed_file) {
        sqe->fd = 0;
        sqe->flags |= IOSQE_FIXED_FILE;
    }
}

static void
prepare_write(struct disk *disk, size_t buffer_off, size_t bytes, uint64_t off, bool link)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&disk->uring);

    ASSERT(sqe != NULL);
    if (disk->fixed_buffer)
        io_uring_prep_write_fixed(sqe, disk->fd, disk->buffer + buffer_off, (unsigned)bytes, off,
                                  0);
    else
        io_uring_prep_write(sqe, disk->fd, disk->buffer + buffer_off, (unsigned)bytes, off);
    set_file(disk, sqe);
    if (link)
        sqe->flags |= IOSQE_IO_LINK;
    sqe->user_data = DISK_WRITE;
    disk->pending++;
}

static void
prepare_sync(struct disk *disk)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&disk->uring);

    ASSERT(sqe != NULL);
    io_uring_prep_fsync(sqe, disk->fd, IORING_FSYNC_DATASYNC);
    set_file(disk, sqe);
    sqe->user_data = DISK_SYNC;
    disk->pending++;
}

/* submit_blocking writes and syncs at once; disk_reap tells how it went. */
static COLD int
submit_blocking(struct disk *disk, size_t buffer_off, size_t bytes, uint64_t off, bool sync)
{
    ssize_t done = 0;

    disk->pending = 1;
    if (bytes != 0)
        done = pwrite(disk->fd, disk->buffer + buffer_off, bytes, (off_t)off);
    if (done < 0)
        disk->error = -errno;
    else if ((size_t)done != bytes)
        disk->error = -EIO;
    else if (sync && fdatasync(disk->fd) != 0)
        disk->error = -errno;
    return 0;
}

int
disk_submit(struct disk *disk, size_t buffer_off, size_t bytes, uint64_t off, bool sync)
{
    ASSERT(disk->pending == 0);
    ASSERT(bytes != 0 || sync);
    ASSERT(disk->fd >= 0);
    disk->write_bytes = bytes;
    disk->error = 0;
    if (disk->blocking)
        return submit_blocking(disk, buffer_off, bytes, off, sync);
    if (bytes != 0)
        prepare_write(disk, buffer_off, bytes, off, sync);
    if (sync)
        prepare_sync(disk);

    int rc;

    do
        rc = io_uring_submit(&disk->uring);
    while (rc == -EINTR);
    if (rc < 0)
        return rc;
    return (unsigned)rc == disk->pending ? 0 : -EIO;
}

/* take looks at one completion. A write that failed or came short cancels its
 * sync; the first error is the reason. */
static void
take(struct disk *disk, const struct io_uring_cqe *cqe)
{
    int error = cqe->res < 0 ? cqe->res : 0;

    ASSERT(disk->pending > 0);
    if (cqe->user_data == DISK_WRITE && cqe->res >= 0 && (size_t)cqe->res != disk->write_bytes)
        error = -EIO;
    if (disk->error == 0 || (disk->error == -ECANCELED && error != 0))
        disk->error = error;
    disk->pending--;
}

int
disk_reap(struct disk *disk)
{
    struct io_uring_cqe *cqe;

    if (disk->pending == 0)
        return 0;
    if (disk->blocking)
        disk->pending = 0;
    while (disk->pending != 0 && io_uring_peek_cqe(&disk->uring, &cqe) == 0) {
        take(disk, cqe);
        io_uring_cqe_seen(&disk->uring, cqe);
    }
    if (disk->pending != 0)
        return 0;
    return disk->error != 0 ? disk->error : 1;
}

void
disk_wait(struct disk *disk, uint64_t timeout_ns)
{
    struct __kernel_timespec timeout = {
        .tv_sec = (int64_t)(timeout_ns / 1000000000u),
        .tv_nsec = (int64_t)(timeout_ns % 1000000000u),
    };
    struct io_uring_cqe *cqe;

    /* All that is pending: the write alone is of no use to anybody. Errors
     * show when it is reaped. */
    if (disk->pending != 0 && !disk->blocking)
        (void)io_uring_wait_cqes(&disk->uring, &cqe, disk->pending, &timeout, NULL);
}

bool
disk_in_flight(const struct disk *disk)
{
    return disk->pending != 0;
}

void
disk_close(struct disk *disk)
{
    while (disk->pending != 0 && disk_reap(disk) == 0)
        disk_wait(disk, 100000000u);
    if (!disk->blocking)
        io_uring_queue_exit(&disk->uring);
    free(disk);
}
