#include "journal/snapshot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/save.h"
#include "journal/snapshot_file.h"

#define READ_BYTES (4u << 20)

struct snapshot {
    struct snapshot_info info;
    const uint8_t *bytes; /* of the whole file */
    size_t mapped;
    size_t engine_bytes;
    size_t rest_bytes;
};

int
snapshot_refuse(char why[SNAPSHOT_WHY_BYTES], int rc, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(why, SNAPSHOT_WHY_BYTES, format, args);
    va_end(args);
    return rc;
}

void
snapshot_name(char name[SNAPSHOT_NAME_BYTES], uint64_t seq)
{
    snprintf(name, SNAPSHOT_NAME_BYTES, "%020" PRIu64 ".snap", seq);
}

/* seq_of returns the number that a file name stands for; false: none. */
static bool
seq_of(const char *name, uint64_t *seq)
{
    char again[SNAPSHOT_NAME_BYTES];
    uint64_t number = 0;

    for (unsigned i = 0; i < 20; i++) {
        if (name[i] < '0' || name[i] > '9')
            return false;
        number = number * 10 + (uint64_t)(name[i] - '0');
    }
    snapshot_name(again, number);
    *seq = number;
    return strcmp(name, again) == 0;
}

/* enter puts seq into the list, newest first; what has no room is dropped. */
static unsigned
enter(uint64_t *seqs, unsigned cnt, unsigned max, uint64_t seq)
{
    unsigned at = 0;

    while (at < cnt && seqs[at] > seq)
        at++;
    if (at == max)
        return cnt;
    if (cnt == max)
        cnt--;
    memmove(&seqs[at + 1], &seqs[at], (cnt - at) * sizeof *seqs);
    seqs[at] = seq;
    return cnt + 1;
}

int
snapshot_list(const char *dir, uint64_t *seqs, unsigned max)
{
    DIR *folder = opendir(dir);
    unsigned cnt = 0;
    uint64_t seq;

    if (folder == NULL)
        return -errno;
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder))
        if (seq_of(entry->d_name, &seq))
            cnt = enter(seqs, cnt, max, seq);
    closedir(folder);
    return (int)cnt;
}

/* read_all reads the whole file in large pieces. */
static int
read_all(int fd, uint8_t *to, size_t bytes)
{
    for (size_t off = 0; off < bytes;) {
        const size_t want = bytes - off < READ_BYTES ? bytes - off : READ_BYTES;
        const ssize_t got = pread(fd, to + off, want, (off_t)off);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? -errno : -EBADMSG;
        off += (size_t)got;
    }
    return 0;
}

/* header_take judges the header and fills info from it. */
static int
header_take(struct snapshot *snapshot, char *why)
{
    static const uint8_t zeros[SNAPSHOT_HEADER_BYTES];
    const struct snapshot_header *header = (const void *)snapshot->bytes;
    struct snapshot_info *info = &snapshot->info;

    if (header->magic != SNAPSHOT_MAGIC)
        return snapshot_refuse(why, -EBADMSG, "it is no snapshot");
    if (!hash128_equal(snapshot_header_hash(header), header->hash))
        return snapshot_refuse(why, -EBADMSG, "its header is damaged");
    if (header->version != SNAPSHOT_VERSION)
        return snapshot_refuse(why, -EPROTO, "it is of version %" PRIu32 ", this program reads %u",
                               header->version, SNAPSHOT_VERSION);
    if (header->engine_bytes > info->bytes || header->rest_bytes > info->bytes ||
        sizeof *header + header->engine_bytes + header->rest_bytes != info->bytes)
        return snapshot_refuse(why, -EBADMSG, "it is cut off, or too long");
    if (header->reserved != 0 || header->reserved2 != 0 || header->page_no == 0 ||
        header->seq == 0 || !engine_cfg_of(&header->genesis, &info->cfg) ||
        memcmp(header->zeros, zeros, sizeof header->zeros) != 0)
        return snapshot_refuse(why, -EBADMSG, "its header is not valid");
    info->seq = header->seq;
    info->place = (struct journal_place){.page_no = header->page_no,
                                         .prev_hash = header->prev_hash,
                                         .seq = header->seq,
                                         .epoch = header->epoch};
    info->journal = header->journal;
    info->shape = header->shape;
    info->state_hash = header->state_hash;
    info->event_hash = header->event_hash;
    info->time_ns = header->time;
    info->made_ns = header->made;
    snapshot->engine_bytes = header->engine_bytes;
    snapshot->rest_bytes = header->rest_bytes;
    if (!hash128_equal(hash128_of(snapshot->bytes + sizeof *header, info->bytes - sizeof *header),
                       header->body_hash))
        return snapshot_refuse(why, -EBADMSG, "it is damaged");
    return 0;
}

/* file_take reads an open file into the snapshot. */
static int
file_take(struct snapshot *snapshot, int fd, char *why)
{
    struct stat status;
    void *mem;

    if (fstat(fd, &status) != 0)
        return snapshot_refuse(why, -errno, "%s", strerror(errno));
    if (!S_ISREG(status.st_mode) || (size_t)status.st_size < sizeof(struct snapshot_header))
        return snapshot_refuse(why, -EBADMSG, "it is cut off, or no file");
    mem = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
               -1, 0);
    if (mem == MAP_FAILED)
        return snapshot_refuse(why, -ENOMEM, "no memory for its %" PRIu64 " MiB",
                               (uint64_t)status.st_size >> 20);
    (void)madvise(mem, (size_t)status.st_size, MADV_HUGEPAGE); /* a hint */
    snapshot->bytes = mem;
    snapshot->mapped = (size_t)status.st_size;
    snapshot->info.bytes = (uint64_t)status.st_size;

    const int rc = read_all(fd, mem, snapshot->mapped);

    if (rc != 0)
        return snapshot_refuse(why, rc, "it cannot be read: %s", strerror(-rc));
    return header_take(snapshot, why);
}

int
snapshot_open_file(struct snapshot **snapshot,
                   int dir_fd,
                   const char *name,
                   char why[SNAPSHOT_WHY_BYTES])
{
    struct snapshot *made = calloc(1, sizeof *made);
    const int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
    int rc;

    if (made == NULL)
        rc = snapshot_refuse(why, -ENOMEM, "no memory");
    else if (fd < 0)
        rc = snapshot_refuse(why, -errno, "%s", strerror(errno));
    else
        rc = file_take(made, fd, why);
    if (fd >= 0)
        close(fd);
    if (rc == 0) {
        snprintf(made->info.name, sizeof made->info.name, "%s", name);
        *snapshot = made;
    } else if (made != NULL) {
        snapshot_close(made);
    }
    return rc;
}

int
snapshot_open(struct snapshot **snapshot,
              const char *dir,
              uint64_t seq,
              char why[SNAPSHOT_WHY_BYTES])
{
    const int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char name[SNAPSHOT_NAME_BYTES];

    if (dir_fd < 0)
        return snapshot_refuse(why, -errno, "%s", strerror(errno));
    snapshot_name(name, seq);

    int rc = snapshot_open_file(snapshot, dir_fd, name, why);

    close(dir_fd);
    if (rc == 0 && (*snapshot)->info.seq != seq) {
        rc = snapshot_refuse(why, -EBADMSG, "it is of seq %" PRIu64, (*snapshot)->info.seq);
        snapshot_close(*snapshot);
    }
    return rc;
}

const struct snapshot_info *
snapshot_info(const struct snapshot *snapshot)
{
    return &snapshot->info;
}

struct engine *
snapshot_load(const struct snapshot *snapshot,
              void *mem,
              uint64_t salt,
              char why[SNAPSHOT_WHY_BYTES])
{
    const struct snapshot_info *info = &snapshot->info;
    struct engine *engine = engine_init(mem, &info->cfg);
    struct image_in in = {.at = snapshot->bytes + sizeof(struct snapshot_header),
                          .left = snapshot->engine_bytes};

    engine_salt(engine, salt);
    if (!hash128_equal(engine_shape(engine), info->shape)) {
        snapshot_refuse(why, 0, "it was made by another outcry, of other structures or rules");
        return NULL;
    }
    if (!engine_load(engine, &in) || in.left != 0 || engine_seq(engine) != info->seq) {
        snapshot_refuse(why, 0, "what it holds is no state of an engine");
        return NULL;
    }
    if (!hash128_equal(engine_hash(engine), info->state_hash)) {
        snapshot_refuse(why, 0, "what it holds does not have the state hash that it tells");
        return NULL;
    }
    return engine;
}

struct image_in
snapshot_rest(const struct snapshot *snapshot)
{
    return (struct image_in){
        .at = snapshot->bytes + sizeof(struct snapshot_header) + snapshot->engine_bytes,
        .left = snapshot->rest_bytes,
    };
}

void
snapshot_close(struct snapshot *snapshot)
{
    if (snapshot->bytes != NULL)
        munmap((void *)(uintptr_t)snapshot->bytes, snapshot->mapped);
    free(snapshot);
}

/* fits says whether the snapshot is of the journal in dir and not later than it. */
static bool
fits(const struct snapshot_info *info, const char *dir)
{
    struct journal_reader *reader;
    struct journal_fault fault;

    if (journal_reader_open_at(&reader, dir, info->cfg.shard, &info->place, &fault) != 0)
        return false;

    const bool same = journal_id_equal(journal_reader_id(reader), &info->journal);

    journal_reader_close(reader);
    return same;
}

int
snapshot_newest(const char *dir, struct snapshot_info *info)
{
    static uint64_t seqs[SNAPSHOTS_MAX];
    const int cnt = snapshot_list(dir, seqs, SNAPSHOTS_MAX);
    char why[SNAPSHOT_WHY_BYTES];

    for (int i = 0; i < cnt; i++) {
        struct snapshot *snapshot;

        if (snapshot_open(&snapshot, dir, seqs[i], why) != 0)
            continue;
        *info = snapshot->info;
        snapshot_close(snapshot);
        if (fits(info, dir))
            return 1;
    }
    return cnt < 0 ? cnt : 0;
}
