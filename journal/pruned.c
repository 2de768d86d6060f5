#include "journal/pruned.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NEW_NAME PRUNED_NAME ".new"
#define HASHED   offsetof(struct pruned_record, hash)

static struct hash128
record_hash(const struct pruned_record *before, const struct pruned_record *record)
{
    struct hash_state state;

    hash_init(&state);
    if (before != NULL)
        hash_update(&state, before, sizeof *before);
    hash_update(&state, record, HASHED);
    return hash_digest(&state);
}

/* record_fault tells what is wrong with record i, NULL: nothing. */
static const char *
record_fault(const struct pruned *pruned, size_t i)
{
    const struct pruned_record *record = &pruned->records[i];
    const struct pruned_record *before = i == 0 ? NULL : record - 1;

    if (record->magic != PRUNED_MAGIC)
        return "is no list of removed segments";
    if (record->version != PRUNED_VERSION)
        return "is of another version";
    if (!hash128_equal(record_hash(before, record), record->hash))
        return "is damaged";
    if (record->segment_no != i || record->segment_bytes == 0 ||
        record->segment_bytes % JOURNAL_PAGE_BYTES != 0 || (record->flags & ~PRUNED_FLAG_OPEN) != 0)
        return "lists segments that cannot be";
    if (before != NULL && (!journal_id_equal(&before->journal, &record->journal) ||
                           before->segment_bytes != record->segment_bytes))
        return "lists segments of several journals";
    return NULL;
}

/* read_records reads all of the file. */
static int
read_records(struct pruned *pruned, int fd)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    if (st.st_size == 0 || (size_t)st.st_size % sizeof *pruned->records != 0 ||
        (size_t)st.st_size / sizeof *pruned->records > JOURNAL_SEGMENTS_MAX)
        return -EBADMSG;
    pruned->records = malloc((size_t)st.st_size);
    if (pruned->records == NULL)
        return -ENOMEM;

    const ssize_t len = read(fd, pruned->records, (size_t)st.st_size);

    if (len != st.st_size)
        return len < 0 ? -errno : -EBADMSG;
    pruned->cnt = (size_t)len / sizeof *pruned->records;
    return 0;
}

int
pruned_load(struct pruned *pruned, int dir_fd, char why[128])
{
    const int fd = openat(dir_fd, PRUNED_NAME, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    *pruned = (struct pruned){0};
    if (fd < 0 && errno == ENOENT)
        return 0;

    int rc = fd < 0 ? -errno : read_records(pruned, fd);

    if (rc != 0)
        snprintf(why, 128, "%s", rc == -EBADMSG ? "is not whole" : strerror(-rc));
    if (fd >= 0)
        close(fd);
    for (size_t i = 0; i < pruned->cnt && rc == 0; i++) {
        const char *fault = record_fault(pruned, i);

        if (fault == NULL)
            continue;
        snprintf(why, 128, "%s", fault);
        rc = -EBADMSG;
    }
    if (rc != 0)
        pruned_free(pruned);
    return rc;
}

int
pruned_add(struct pruned *pruned, const struct pruned_record *record)
{
    struct pruned_record *records =
        realloc(pruned->records, (pruned->cnt + 1) * sizeof *pruned->records);

    if (records == NULL)
        return -ENOMEM;
    pruned->records = records;
    records[pruned->cnt] = *record;
    records[pruned->cnt].magic = PRUNED_MAGIC;
    records[pruned->cnt].version = PRUNED_VERSION;
    records[pruned->cnt].hash =
        record_hash(pruned->cnt == 0 ? NULL : &records[pruned->cnt - 1], &records[pruned->cnt]);
    pruned->cnt++;
    ASSERT(record_fault(pruned, pruned->cnt - 1) == NULL);
    return 0;
}

/* own gives the file to whom the folder belongs. */
static int
own(int dir_fd, int fd)
{
    struct stat dir;
    struct stat file;

    if (fstat(dir_fd, &dir) != 0 || fstat(fd, &file) != 0)
        return -errno;
    if ((dir.st_uid != file.st_uid || dir.st_gid != file.st_gid) &&
        fchown(fd, dir.st_uid, dir.st_gid) != 0)
        return -errno;
    return 0;
}

int
pruned_store(const struct pruned *pruned, int dir_fd)
{
    const size_t bytes = pruned->cnt * sizeof *pruned->records;
    const int fd = openat(dir_fd, NEW_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);

    if (fd < 0)
        return -errno;

    int rc = own(dir_fd, fd);

    if (rc == 0) {
        const ssize_t len = write(fd, pruned->records, bytes);

        if (len != (ssize_t)bytes)
            rc = len < 0 ? -errno : -ENOSPC;
    }
    if (rc == 0 && fsync(fd) != 0)
        rc = -errno;
    if (close(fd) != 0 && rc == 0)
        rc = -errno;
    if (rc == 0 && renameat(dir_fd, NEW_NAME, dir_fd, PRUNED_NAME) != 0)
        rc = -errno;
    if (rc != 0) {
        (void)unlinkat(dir_fd, NEW_NAME, 0);
        return rc;
    }
    return fsync(dir_fd) != 0 ? -errno : 0;
}

void
pruned_free(struct pruned *pruned)
{
    free(pruned->records);
    *pruned = (struct pruned){0};
}
