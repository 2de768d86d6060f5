#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <liburing.h>

#include "journal/disk.h"

#define QUEUE_ENTRIES 16u
_Static_assert(QUEUE_ENTRIES >= 2 * DISK_FLIGHTS_MAX, "a write and a sync each");

/* A batch in flight. */
struct flight {
    size_t write_bytes;
    unsigned pending; /* completions to come */
    int error;        /* the first */
};

/* What a completion is of: the place of its flight times two, and one for a sync. */
#define TAG(place, sync) ((uint64_t)(place)*2 + (sync))

struct disk {
    struct io_uring uring;
    uint8_t *buffer;
    int fd;
    struct flight flights[DISK_FLIGHTS_MAX]; /* a ring */
    unsigned submitted;                      /* flights so far, modulo 2^32 */
    unsigned reaped;
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
    ASSERT(!disk_in_flight(disk));
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
prepare_write(struct disk *disk,
              unsigned place,
              size_t buffer_off,
              size_t bytes,
              uint64_t off,
              bool link)
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
    sqe->user_data = TAG(place, false);
    disk->flights[place].pending++;
}

static void
prepare_sync(struct disk *disk, unsigned place)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&disk->uring);

    ASSERT(sqe != NULL);
    io_uring_prep_fsync(sqe, disk->fd, IORING_FSYNC_DATASYNC);
    set_file(disk, sqe);
    sqe->user_data = TAG(place, true);
    disk->flights[place].pending++;
}

/* write_blocking writes and syncs at once; disk_reap tells how it went. */
static COLD int
write_blocking(const struct disk *disk, size_t buffer_off, size_t bytes, uint64_t off, bool sync)
{
    ssize_t done = 0;

    if (bytes != 0)
        done = pwrite(disk->fd, disk->buffer + buffer_off, bytes, (off_t)off);
    if (done < 0)
        return -errno;
    if ((size_t)done != bytes)
        return -EIO;
    return sync && fdatasync(disk->fd) != 0 ? -errno : 0;
}

int
disk_submit(struct disk *disk, size_t buffer_off, size_t bytes, uint64_t off, bool sync)
{
    const unsigned place = disk->submitted % DISK_FLIGHTS_MAX;
    struct flight *flight = &disk->flights[place];

    ASSERT(disk_flights(disk) < DISK_FLIGHTS_MAX);
    ASSERT(bytes != 0 || sync);
    ASSERT(disk->fd >= 0);
    *flight = (struct flight){.write_bytes = bytes};
    disk->submitted++;
    if (disk->blocking) {
        flight->error = write_blocking(disk, buffer_off, bytes, off, sync);
        return 0;
    }
    if (bytes != 0)
        prepare_write(disk, place, buffer_off, bytes, off, sync);
    if (sync)
        prepare_sync(disk, place);

    int rc;

    do
        rc = io_uring_submit(&disk->uring);
    while (rc == -EINTR);
    if (rc < 0)
        return rc;
    return (unsigned)rc == flight->pending ? 0 : -EIO;
}

/* take looks at one completion. A write that failed or came short cancels its
 * sync; the first error is the reason. */
static void
take(struct disk *disk, const struct io_uring_cqe *cqe)
{
    struct flight *flight = &disk->flights[cqe->user_data / 2];
    const bool is_write = cqe->user_data % 2 == 0;
    int error = cqe->res < 0 ? cqe->res : 0;

    ASSERT(flight->pending > 0);
    if (is_write && cqe->res >= 0 && (size_t)cqe->res != flight->write_bytes)
        error = -EIO;
    if (flight->error == 0 || (flight->error == -ECANCELED && error != 0))
        flight->error = error;
    flight->pending--;
}

/* first_error returns the error of the oldest batch that failed and is complete. */
static int
first_error(const struct disk *disk)
{
    for (unsigned i = disk->reaped; i != disk->submitted; i++) {
        const struct flight *flight = &disk->flights[i % DISK_FLIGHTS_MAX];

        if (flight->pending == 0 && flight->error != 0)
            return flight->error;
    }
    return 0;
}

int
disk_reap(struct disk *disk)
{
    struct io_uring_cqe *cqe;

    if (!disk_in_flight(disk))
        return 0;
    while (!disk->blocking && io_uring_peek_cqe(&disk->uring, &cqe) == 0) {
        take(disk, cqe);
        io_uring_cqe_seen(&disk->uring, cqe);
    }

    const int error = first_error(disk);

    if (error != 0)
        return error;
    if (disk->flights[disk->reaped % DISK_FLIGHTS_MAX].pending != 0)
        return 0;
    disk->reaped++;
    return 1;
}

void
disk_wait(struct disk *disk, uint64_t timeout_ns)
{
    struct __kernel_timespec timeout = {
        .tv_sec = (int64_t)(timeout_ns / 1000000000u),
        .tv_nsec = (int64_t)(timeout_ns % 1000000000u),
    };
    const unsigned pending =
        disk_in_flight(disk) ? disk->flights[disk->reaped % DISK_FLIGHTS_MAX].pending : 0;
    struct io_uring_cqe *cqe;

    /* All that the oldest waits for: its write alone is of no use to anybody. Errors
     * show when it is reaped. */
    if (pending != 0)
        (void)io_uring_wait_cqes(&disk->uring, &cqe, pending, &timeout, NULL);
}

unsigned
disk_flights(const struct disk *disk)
{
    return disk->submitted - disk->reaped;
}

void
disk_close(struct disk *disk)
{
    while (disk_in_flight(disk) && disk_reap(disk) >= 0)
        disk_wait(disk, 100000000u);
    if (!disk->blocking)
        io_uring_queue_exit(&disk->uring);
    free(disk);
}
