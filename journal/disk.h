/*
 * Disk: one file written in batches, each write followed by a sync if asked.
 * Private to journal/.
 *
 *   disk_submit --> io_uring: write ---linked---> fdatasync --> disk_reap
 *   disk_submit -->           write ---linked---> fdatasync -->     :
 *
 * A few batches may be in flight, which a disk needs to be busy. They may complete
 * in any order; disk_reap tells of them in the order in which they were
 * submitted. A sync covers the write that it is linked to, and others only if they
 * were complete when it was submitted. The writes come from a buffer that was
 * given at open, which is registered with the kernel where that is allowed, so
 * that its pages are not looked up for each write; so is the file.
 *
 * Files are segments of a fixed size, filled with zeros before they are
 * used: writing into them then changes no metadata, and a sync costs half.
 * O_DIRECT where the file system takes it; else writes go through the page
 * cache, which is as durable but slower.
 *
 * Where io_uring is not allowed (containers often forbid it) disk_submit writes
 * and syncs before it returns: as durable, but its thread waits.
 *
 * All calls but disk_segment_* belong to one thread at a time. That thread must
 * live until what it submitted is complete: the kernel drops the requests
 * of a thread that ends.
 */
#ifndef OUTCRY_JOURNAL_DISK_H
#define OUTCRY_JOURNAL_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base.h"

/* Registered memory counts against RLIMIT_MEMLOCK, often 8 MiB for a user. */
#define DISK_BUFFER_BYTES_MAX (4u << 20)

/* Batches in flight. */
#define DISK_FLIGHTS_MAX 7u

struct disk;

struct disk_cfg {
    void *buffer;        /* all writes come out of it; page aligned */
    size_t buffer_bytes; /* at most DISK_BUFFER_BYTES_MAX */
    char *notes;         /* lines for the operator are appended */
    size_t notes_bytes;
    bool no_uring; /* as if io_uring were not to be had */
};

/* disk_open sets up the queue. 0 or -errno. */
NODISCARD int disk_open(struct disk **disk, const struct disk_cfg *cfg);

/* disk_use makes fd the file that is written from now on; nothing is in
 * flight. The caller keeps it open until the next disk_use or disk_close. */
NODISCARD int disk_use(struct disk *disk, int fd);

/* disk_submit starts to write bytes of the buffer from buffer_off to off of the
 * file, and a sync behind it. bytes 0: a sync alone. Does not wait for
 * the disk, if there is io_uring. Less than DISK_FLIGHTS_MAX are in flight. 0 or
 * -errno. */
NODISCARD int
disk_submit(struct disk *disk, size_t buffer_off, size_t bytes, uint64_t off, bool sync);

/* disk_reap returns 1 when the oldest batch in flight is complete, which then is
 * no longer in flight, 0 when it is not yet, -errno as soon as any of them failed; a
 * short write is -EIO. */
NODISCARD int disk_reap(struct disk *disk);

/* disk_wait blocks until the oldest batch may be complete, or timeout_ns. */
void disk_wait(struct disk *disk, uint64_t timeout_ns);

/* disk_flights returns how many batches are in flight. */
unsigned disk_flights(const struct disk *disk);

static inline bool
disk_in_flight(const struct disk *disk)
{
    return disk_flights(disk) != 0;
}

/* disk_close waits for what is in flight and frees. */
void disk_close(struct disk *disk);

/* How somebody else steers the filling of a segment: slowly, so that it leaves
 * the disk to the journal; at full speed, since the journal waits for it;
 * or not at all, -ECANCELED. */
enum disk_hurry {
    DISK_SLOWLY,
    DISK_FAST,
    DISK_STOP
};

/* What disk_segment_open is to do. */
struct disk_segment_cfg {
    int dir_fd;
    uint64_t segment_no;
    uint64_t bytes;
    bool no_direct;   /* do not try O_DIRECT */
    const int *hurry; /* atomic enum disk_hurry, or NULL: fast */
};

/*
 * disk_segment_open opens a segment for writing. One that does not exist is
 * made: filled with zeros under another name, synced, then renamed, so that a
 * segment is never seen short. One that was cut short is filled up. Takes as long as
 * writing it does. Returns the descriptor or -errno with a line in why:
 * -ENOSPC when it cannot be filled, -EINVAL when it is larger than bytes.
 * direct: whether writes bypass the page cache.
 */
NODISCARD int disk_segment_open(const struct disk_segment_cfg *cfg, bool *direct, char why[256]);

/* disk_segment_hold locks the file as long as it is open anywhere: two exchanges must
 * not write one journal, also if somebody has removed its lock file. Of a process that
 * was killed io_uring gives files back a moment later, so it tries for 5 s. 0, or -errno
 * that is in errno, too: -EWOULDBLOCK, another one writes it. */
NODISCARD int disk_segment_hold(int fd);

#endif
