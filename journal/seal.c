#include "journal/seal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

__attribute__((format(printf, 3, 4))) static COLD int
say(char why[256], int error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(why, 256, format, args);
    va_end(args);
    return error;
}

void
seal_name(char name[SEAL_NAME_BYTES], uint64_t segment_no)
{
    ASSERT(segment_no < JOURNAL_SEGMENTS_MAX);
    snprintf(name, SEAL_NAME_BYTES, "%08" PRIu64 ".seal", segment_no);
}

/* numbers_fit tells whether the numbers of a statement can be those of a segment. */
static bool
numbers_fit(const struct seal_statement *statement)
{
    const uint64_t cells_max = statement->pages_cnt * JOURNAL_PAGE_CELLS;

    if (statement->segment_no >= JOURNAL_SEGMENTS_MAX || statement->pages_cnt == 0 ||
        statement->pages_cnt > UINT32_MAX || statement->cells_cnt > cells_max)
        return false;
    if (statement->messages_cnt > statement->cells_cnt ||
        statement->commands_cnt > statement->messages_cnt)
        return false;
    if (statement->messages_cnt == 0)
        return statement->cells_cnt == 0 && statement->first_seq == 0 && statement->last_seq == 0;
    return statement->first_seq != 0 && statement->first_seq <= statement->last_seq &&
           statement->last_seq <= statement->end_seq;
}

int
seal_parse(struct seal *seal, const void *data, size_t bytes, char why[256])
{
    const struct seal_statement *statement = &seal->statement;

    if (bytes != sizeof *seal)
        return say(why, -EBADMSG, "a seal has %zu bytes, this has %s", sizeof *seal,
                   bytes < sizeof *seal ? "fewer" : "more");
    memcpy(seal, data, sizeof *seal);
    if (statement->magic != SEAL_MAGIC)
        return say(why, -EBADMSG, "this is no seal");
    if (statement->version != SEAL_VERSION)
        return say(why, -EBADMSG, "a seal of version %u, this program reads %u", statement->version,
                   SEAL_VERSION);
    if ((statement->flags & ~SEAL_FLAG_OPEN) != 0 || statement->reserved != 0 ||
        statement->shard > 15 || !numbers_fit(statement))
        return say(why, -EBADMSG, "its numbers are those of no segment");
    return 0;
}

int
seal_check(const struct seal *seal, const struct key_ring *ring, char why[256])
{
    const int place = key_ring_find(ring, &seal->statement.key_id);
    char id[2 * KEY_ID_BYTES + 1];

    key_hex(id, seal->statement.key_id.bytes, KEY_ID_BYTES);
    if (place < 0)
        return say(why, -EBADMSG, "it says to be signed by key %s, which was not given", id);
    if (!signature_check(ring->keys[place].bytes, &seal->statement, sizeof seal->statement,
                         seal->signature))
        return say(why, -EBADMSG, "the signature is not that of key %s", id);
    return place;
}

void
seal_digest(const struct seal *seal, struct digest *digest)
{
    digest_of(digest, DIGEST_STATEMENT, &seal->statement, sizeof seal->statement);
}

int
seal_follows(const struct seal *seal, const struct seal *next, char why[256])
{
    const struct seal_statement *to = &next->statement;
    struct digest prev = {.bytes = {0}};

    if (seal == NULL) {
        if (to->segment_no != 0)
            return say(why, -EBADMSG, "it is that of segment %" PRIu64 ", not of the first",
                       to->segment_no);
    } else {
        const struct seal_statement *from = &seal->statement;

        if (to->segment_no != from->segment_no + 1)
            return say(why, -EBADMSG, "it is that of segment %" PRIu64 ", not of %" PRIu64,
                       to->segment_no, from->segment_no + 1);
        if (!journal_id_equal(&to->journal, &from->journal) || to->shard != from->shard ||
            to->pages_cnt != from->pages_cnt)
            return say(why, -EBADMSG, "it is that of another journal");
        seal_digest(seal, &prev);
    }
    if (!digest_equal(&to->prev, &prev))
        return say(why, -EBADMSG, "it follows another seal than the one before it");
    return 0;
}

bool
seal_same_content(const struct seal *a, const struct seal *b)
{
    struct seal_statement copy = b->statement;

    copy.sealed_time = a->statement.sealed_time;
    copy.key_id = a->statement.key_id;
    return memcmp(&copy, &a->statement, sizeof copy) == 0;
}

uint64_t
seal_last_seq(const struct seal *seal)
{
    const struct seal_statement *statement = &seal->statement;

    return statement->end_seq - ((statement->flags & SEAL_FLAG_OPEN) != 0 ? 1 : 0);
}

int
seal_read(struct seal *seal, int dir_fd, const char *name, char why[256])
{
    uint8_t data[sizeof *seal + 1]; /* one more: a file that is too long shows */
    const int fd = openat(dir_fd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    if (fd < 0)
        return say(why, -errno, "%.100s: %s", name, strerror(errno));

    const ssize_t len = pread(fd, data, sizeof data, 0);
    const int error = errno;
    char what[256];

    close(fd);
    if (len < 0)
        return say(why, -error, "%.100s: %s", name, strerror(error));
    if (seal_parse(seal, data, (size_t)len, what) != 0)
        return say(why, -EBADMSG, "%.100s: %.140s", name, what);
    return 0;
}

/* name_number returns the number of a seal's name, -1: it is none. */
static int64_t
name_number(const char *name)
{
    int64_t number = 0;

    for (unsigned i = 0; i < 8; i++) {
        if (name[i] < '0' || name[i] > '9')
            return -1;
        number = number * 10 + (name[i] - '0');
    }
    return strcmp(name + 8, ".seal") == 0 ? number : -1;
}

int64_t
seal_highest(int dir_fd, int *error)
{
    const int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    int64_t highest = -1;

    *error = 0;
    if (dir == NULL) {
        *error = -errno;
        if (fd >= 0)
            close(fd);
        return -1;
    }
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        const int64_t number = name_number(entry->d_name);

        if (number > highest)
            highest = number;
    }
    closedir(dir);
    return highest;
}

/* sync_folder_of makes the name of a file durable. */
static int
sync_folder_of(int dir_fd, const char *name)
{
    const char *slash = strrchr(name, '/');
    char folder[4096];

    snprintf(folder, sizeof folder, "%.*s", slash == NULL ? 1 : (int)(slash - name) + 1,
             slash == NULL ? "." : name);

    const int fd = openat(dir_fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const int error = fd < 0 || fsync(fd) != 0 ? -errno : 0;

    if (fd >= 0)
        close(fd);
    return error;
}

/* write_temporary writes the file under its temporary name. */
static int
write_temporary(const struct seal *seal, int dir_fd, const char *name)
{
    const int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);

    if (fd < 0)
        return -errno;

    const ssize_t written = write(fd, seal, sizeof *seal);
    int error = written == (ssize_t)sizeof *seal ? 0 : written < 0 ? -errno : -EIO;

    if (error == 0 && fsync(fd) != 0)
        error = -errno;
    if (close(fd) != 0 && error == 0)
        error = -errno;
    return error;
}

int
seal_write(const struct seal *seal, int dir_fd, const char *name, char why[256])
{
    char temporary[4096];
    const int len = snprintf(temporary, sizeof temporary, "%s%s", name, SEAL_NEW_SUFFIX);

    if (len < 0 || (size_t)len >= sizeof temporary)
        return say(why, -ENAMETOOLONG, "%.100s: name too long", name);
    /* One that a crash left behind. */
    if (unlinkat(dir_fd, temporary, 0) != 0 && errno != ENOENT)
        return say(why, -errno, "%.100s: %s", temporary, strerror(errno));

    int error = write_temporary(seal, dir_fd, temporary);

    if (error == 0 && renameat(dir_fd, temporary, dir_fd, name) != 0)
        error = -errno;
    if (error == 0)
        error = sync_folder_of(dir_fd, name);
    if (error == 0)
        return 0;
    (void)unlinkat(dir_fd, temporary, 0);
    return say(why, error, "%.100s: %s", name, strerror(-error));
}
