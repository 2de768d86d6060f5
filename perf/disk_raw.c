#include "perf/disk_raw.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <liburing.h>

#include "proto/base.h"

#define ALIGNMENT 4096u

struct disk_raw {
    struct io_uring uring;
    int fd;
    uint8_t *buffer; /* RAW_BLOCK_BYTES */
    uint64_t next;   /* place in the file */
    char path[300];
};

static _Noreturn COLD void
die(const char *what, int error)
{
    (void)fprintf(stderr, "disk_raw: %s: %s\n", what, strerror(error));
    exit(1);
}

static uint64_t
clock_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC_RAW, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* fill writes zeros over the whole file: writing into it then changes no metadata. */
static void
fill(struct disk_raw *raw)
{
    for (uint64_t at = 0; at < RAW_FILE_BYTES; at += RAW_BLOCK_BYTES)
        if (pwrite(raw->fd, raw->buffer, RAW_BLOCK_BYTES, (off_t)at) != RAW_BLOCK_BYTES)
            die("fill", errno);
    if (fdatasync(raw->fd) != 0)
        die("fdatasync", errno);
}

struct disk_raw *
raw_open(const char *dir)
{
    struct disk_raw *raw = calloc(1, sizeof *raw);

    if (raw == NULL)
        die("memory", ENOMEM);
    raw->buffer = mmap(NULL, RAW_BLOCK_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (raw->buffer == MAP_FAILED)
        die("memory", errno);
    (void)snprintf(raw->path, sizeof raw->path, "%.250s/raw.zeros", dir);
    raw->fd = open(raw->path, O_RDWR | O_CREAT | O_TRUNC | O_DIRECT | O_CLOEXEC, 0600);
    if (raw->fd < 0 && errno == EINVAL)
        raw->fd = open(raw->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (raw->fd < 0)
        die(raw->path, errno);
    fill(raw);
    /* What is written is not zeros: some disks treat those as nothing. */
    for (size_t i = 0; i < RAW_BLOCK_BYTES; i++)
        raw->buffer[i] = (uint8_t)(i * 2654435761u >> 13);

    int rc = io_uring_queue_init(4 * RAW_DEPTH_MAX, &raw->uring, 0);

    if (rc != 0)
        die("io_uring", -rc);

    const struct iovec buffer = {raw->buffer, RAW_BLOCK_BYTES};

    rc = io_uring_register_buffers(&raw->uring, &buffer, 1);
    if (rc != 0)
        die("registered buffers", -rc);
    rc = io_uring_register_files(&raw->uring, &raw->fd, 1);
    if (rc != 0)
        die("registered files", -rc);
    return raw;
}

void
raw_close(struct disk_raw *raw)
{
    io_uring_queue_exit(&raw->uring);
    (void)close(raw->fd);
    (void)unlink(raw->path);
    (void)munmap(raw->buffer, RAW_BLOCK_BYTES);
    free(raw);
}

/* prepare queues one block and its sync. */
static void
prepare(struct disk_raw *raw, size_t block_bytes)
{
    struct io_uring_sqe *write = io_uring_get_sqe(&raw->uring);
    struct io_uring_sqe *sync = io_uring_get_sqe(&raw->uring);

    ASSERT(write != NULL);
    ASSERT(sync != NULL);
    if (raw->next + block_bytes > RAW_FILE_BYTES)
        raw->next = 0;
    io_uring_prep_write_fixed(write, 0, raw->buffer, (unsigned)block_bytes, raw->next, 0);
    write->flags |= IOSQE_FIXED_FILE | IOSQE_IO_LINK;
    write->user_data = block_bytes;
    io_uring_prep_fsync(sync, 0, IORING_FSYNC_DATASYNC);
    sync->flags |= IOSQE_FIXED_FILE;
    sync->user_data = 0;
    raw->next += block_bytes;
}

static void
submit(struct disk_raw *raw)
{
    int rc;

    do
        rc = io_uring_submit(&raw->uring);
    while (rc == -EINTR);
    if (rc < 0)
        die("submit", -rc);
}

/* reap waits for one completion; true: it was a sync, so a block is durable. */
static bool
reap(struct disk_raw *raw)
{
    struct io_uring_cqe *cqe;
    int rc;

    do
        rc = io_uring_wait_cqe(&raw->uring, &cqe);
    while (rc == -EINTR);
    if (rc != 0)
        die("wait", -rc);
    if (cqe->res < 0)
        die("write", -cqe->res);
    if (cqe->res != (int)cqe->user_data)
        die("short write", EIO);

    const bool synced = cqe->user_data == 0;

    io_uring_cqe_seen(&raw->uring, cqe);
    return synced;
}

double
raw_bandwidth(struct disk_raw *raw, size_t block_bytes, unsigned depth, uint64_t bytes)
{
    const uint64_t blocks_cnt = bytes / block_bytes;
    uint64_t begun = 0;
    uint64_t done = 0;

    ASSERT(block_bytes % ALIGNMENT == 0);
    ASSERT(block_bytes <= RAW_BLOCK_BYTES);
    ASSERT(depth >= 1);
    ASSERT(depth <= RAW_DEPTH_MAX);

    const uint64_t start_ns = clock_ns();

    while (done < blocks_cnt) {
        bool more = false;

        for (; begun < blocks_cnt && begun - done < depth; begun++) {
            prepare(raw, block_bytes);
            more = true;
        }
        if (more)
            submit(raw);
        done += reap(raw);
    }
    return (double)(blocks_cnt * block_bytes) * 1e3 / (double)(clock_ns() - start_ns);
}

void
raw_latency(struct disk_raw *raw, size_t block_bytes, uint64_t *took_ns, unsigned cnt)
{
    for (unsigned i = 0; i < cnt; i++) {
        const uint64_t start_ns = clock_ns();

        prepare(raw, block_bytes);
        submit(raw);
        while (!reap(raw))
            continue;
        took_ns[i] = clock_ns() - start_ns;
    }
}
