#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "journal/disk.h"
#include "journal/segments.h"

#define ZEROS_BYTES (1u << 20)

/* Slowly: so much at a time, then a nap. A write of the journal that comes
 * behind such a piece waits a tenth of a millisecond longer, and a fifth of the
 * disk is used. 256 MiB take below a second. */
#define SLOW_BYTES  (256u << 10)
#define SLOW_NAP_US 500u

/* How long a segment that another one holds is waited for. */
#define HOLD_TRIES    500u
#define HOLD_PAUSE_NS 10000000

/* segment_error words a failed call. */
static COLD int
segment_error(char why[256], const char *name, const char *call, int error)
{
    const char *more = error == ENOSPC || error == EDQUOT ? " (the journal needs room for the"
                                                            " segment in use and the next)"
                                                          : "";

    snprintf(why, 256, "%s: %s: %s%s", name, call, strerror(error), more);
    return -error;
}

/* zeros_get returns ZEROS_BYTES of aligned zeros. The first call, at start,
 * touches them, so that they are memory of their own and not one page of zeros many
 * times; no later one takes memory. */
static void *
zeros_get(void)
{
    static uint8_t zeros[ZEROS_BYTES] __attribute__((aligned(JOURNAL_PAGE_BYTES)));
    static bool touched;

    if (!touched)
        explicit_bzero(zeros, sizeof zeros);
    touched = true;
    return zeros;
}

/* zero_piece writes zeros at off, at most left bytes. Returns how many were
 * written or -errno. */
static int64_t
zero_piece(int fd, const void *zeros, uint64_t off, uint64_t left, enum disk_hurry hurry)
{
    const uint64_t most = hurry == DISK_SLOWLY ? SLOW_BYTES : ZEROS_BYTES;
    ssize_t done;

    if (hurry == DISK_STOP)
        return -ECANCELED;
    if (hurry == DISK_SLOWLY)
        usleep(SLOW_NAP_US);
    do
        done = pwrite(fd, zeros, left < most ? left : most, (off_t)off);
    while (done < 0 && errno == EINTR);
    if (done < 0)
        return -errno;
    return done == 0 ? -EIO : done;
}

/* zero_fill writes zeros from `from` to `to` and syncs. 0 or -errno. */
static int
zero_fill(int fd, uint64_t from, uint64_t to, const int *hurry)
{
    const void *zeros = zeros_get();
    int64_t done = 0;

    for (uint64_t off = from; off < to; off += (uint64_t)done) {
        const int how = hurry == NULL ? DISK_FAST : __atomic_load_n(hurry, __ATOMIC_RELAXED);

        done = zero_piece(fd, zeros, off, to - off, (enum disk_hurry)how);
        if (done < 0)
            break;
    }
    if (done >= 0 && fdatasync(fd) != 0)
        done = -errno;
    return done < 0 ? (int)done : 0;
}

/* takes_direct tries whether aligned I/O past the page cache works on fd. Some
 * file systems let one open a file so and refuse what comes then, and nothing is refused
 * of reading an empty file: so a new one is written. */
static bool
takes_direct(int fd, bool is_new)
{
    uint8_t page[JOURNAL_PAGE_BYTES] __attribute__((aligned(JOURNAL_PAGE_BYTES)));
    const ssize_t done =
        is_new ? pwrite(fd, zeros_get(), sizeof page, 0) : pread(fd, page, sizeof page, 0);

    return done >= 0 || errno != EINVAL;
}

/* open_either opens with O_DIRECT if that works and is wanted, else without. */
static int
open_either(const struct disk_segment_cfg *cfg, const char *name, int flags, bool *direct)
{
    *direct = !cfg->no_direct;
    if (*direct) {
        const int fd = openat(cfg->dir_fd, name, flags | O_DIRECT | O_CLOEXEC, 0640);

        if (fd >= 0 && takes_direct(fd, (flags & O_CREAT) != 0))
            return fd;
        if (fd < 0 && errno != EINVAL)
            return -errno;
        if (fd >= 0)
            close(fd);
        *direct = false;
    }

    const int fd = openat(cfg->dir_fd, name, flags | O_CLOEXEC, 0640);

    return fd < 0 ? -errno : fd;
}

/* fill brings the file to its size: space first, so that a full disk shows at
 * once, then zeros. A file system without fallocate shows it while filling. */
static int
fill(const struct disk_segment_cfg *cfg, int fd, const char *name, uint64_t from, char why[256])
{
    if (fallocate(fd, 0, 0, (off_t)cfg->bytes) != 0 && errno != EOPNOTSUPP && errno != ENOSYS)
        return segment_error(why, name, "allocate", errno);

    const int rc = zero_fill(fd, from, cfg->bytes, cfg->hurry);

    return rc == 0 ? 0 : segment_error(why, name, "fill with zeros", -rc);
}

/* segment_make makes a segment that does not exist. */
static int
segment_make(const struct disk_segment_cfg *cfg, const char *name, bool *direct, char why[256])
{
    char new_name[SEGMENT_NAME_BYTES + sizeof SEGMENT_NEW_SUFFIX];

    snprintf(new_name, sizeof new_name, "%s" SEGMENT_NEW_SUFFIX, name);

    const int fd = open_either(cfg, new_name, O_RDWR | O_CREAT | O_TRUNC, direct);

    if (fd < 0)
        return segment_error(why, new_name, "create", -fd);

    int rc = fill(cfg, fd, new_name, 0, why);

    if (rc == 0 && renameat(cfg->dir_fd, new_name, cfg->dir_fd, name) != 0)
        rc = segment_error(why, new_name, "rename", errno);
    if (rc == 0 && fsync(cfg->dir_fd) != 0)
        rc = segment_error(why, name, "fsync of the folder", errno);
    if (rc != 0) {
        (void)unlinkat(cfg->dir_fd, new_name, 0); /* gives its space back */
        close(fd);
    }
    return rc == 0 ? fd : rc;
}

/* fill_up appends zeros to a segment that was cut short. The end of what is
 * there may not be aligned, so this goes through the page cache. */
static int
fill_up(const struct disk_segment_cfg *cfg, const char *name, uint64_t from, char why[256])
{
    const int fd = openat(cfg->dir_fd, name, O_RDWR | O_CLOEXEC);

    if (fd < 0)
        return segment_error(why, name, "open", errno);

    const int rc = fill(cfg, fd, name, from, why);

    close(fd);
    return rc;
}

static int
open_or_make(const struct disk_segment_cfg *cfg, bool *direct, char why[256])
{
    char name[SEGMENT_NAME_BYTES];
    struct stat st;

    segment_name(name, cfg->segment_no);
    if (fstatat(cfg->dir_fd, name, &st, 0) != 0) {
        if (errno != ENOENT)
            return segment_error(why, name, "stat", errno);
        return segment_make(cfg, name, direct, why);
    }
    if ((uint64_t)st.st_size > cfg->bytes) {
        snprintf(why, 256, "%s has %lld bytes, but segments of %llu are configured", name,
                 (long long)st.st_size, (unsigned long long)cfg->bytes);
        return -EINVAL;
    }
    if ((uint64_t)st.st_size < cfg->bytes) {
        const int rc = fill_up(cfg, name, (uint64_t)st.st_size, why);

        if (rc != 0)
            return rc;
    }

    const int fd = open_either(cfg, name, O_RDWR, direct);

    return fd < 0 ? segment_error(why, name, "open", -fd) : fd;
}

int
disk_segment_hold(int fd)
{
    const struct timespec pause = {.tv_nsec = HOLD_PAUSE_NS};

    for (unsigned i = 0; i < HOLD_TRIES; i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return 0;
        if (errno != EWOULDBLOCK && errno != EINTR)
            return -errno;
        nanosleep(&pause, NULL);
    }
    errno = EWOULDBLOCK;
    return -EWOULDBLOCK;
}

static int
hold(int fd, const char *name, char why[256])
{
    if (disk_segment_hold(fd) == 0)
        return fd;

    const int rc = segment_error(why, name, "locked, another outcry writes it", errno);

    close(fd);
    return rc;
}

int
disk_segment_open(const struct disk_segment_cfg *cfg, bool *direct, char why[256])
{
    const int fd = open_or_make(cfg, direct, why);
    char name[SEGMENT_NAME_BYTES];

    segment_name(name, cfg->segment_no);
    return fd < 0 ? fd : hold(fd, name, why);
}
