/*
 * Writing snapshots: one file at a time, under another name until it is proven.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/save.h"
#include "journal/snapshot_file.h"

#define NEW_NAME   "snap.new"
#define LOCK_NAME  "snap.lock"
#define FILL_BYTES (1u << 20)

struct hash128
snapshot_header_hash(const struct snapshot_header *header)
{
    struct snapshot_header copy = *header;

    copy.hash = (struct hash128){0};
    return hash128_of(&copy, sizeof copy);
}

/* A file that is being written, in large pieces: the disk is also the journal's. */
struct file_out {
    struct image_out out; /* first: put finds the rest by it */
    int fd;
    int error;
    uint64_t off; /* of the next piece */
    uint8_t *fill;
    size_t fill_cnt;
    struct hash_state hash;
};

/* file_flush writes what is gathered and asks the kernel to begin with it, so that the
 * sync at the end is no flood. */
static void
file_flush(struct file_out *file)
{
    for (size_t done = 0; done < file->fill_cnt && file->error == 0;) {
        const ssize_t put =
            pwrite(file->fd, file->fill + done, file->fill_cnt - done, (off_t)(file->off + done));

        if (put < 0 && errno != EINTR)
            file->error = -errno;
        else if (put > 0)
            done += (size_t)put;
    }
    hash_update(&file->hash, file->fill, file->fill_cnt);
    (void)sync_file_range(file->fd, (off_t)file->off, (off_t)file->fill_cnt, SYNC_FILE_RANGE_WRITE);
    file->off += file->fill_cnt;
    file->fill_cnt = 0;
}

static void
file_put(struct image_out *out, const void *bytes, size_t cnt)
{
    struct file_out *file = (struct file_out *)(void *)out;
    const uint8_t *from = bytes;

    while (cnt > 0) {
        const size_t room = FILL_BYTES - file->fill_cnt;
        const size_t piece = cnt < room ? cnt : room;

        memcpy(file->fill + file->fill_cnt, from, piece);
        file->fill_cnt += piece;
        from += piece;
        cnt -= piece;
        if (file->fill_cnt == FILL_BYTES)
            file_flush(file);
    }
}

/* body_write writes both images and tells header how long they are. */
static void
body_write(struct file_out *file, const struct snapshot_cfg *cfg, struct snapshot_header *header)
{
    hash_init(&file->hash);
    file->off = sizeof *header;
    engine_save(cfg->engine, &file->out);
    file_flush(file);
    header->engine_bytes = file->off - sizeof *header;
    if (cfg->save_rest != NULL)
        cfg->save_rest(cfg->ctx, &file->out);
    file_flush(file);
    header->rest_bytes = file->off - sizeof *header - header->engine_bytes;
    header->body_hash = hash_digest(&file->hash);
}

static void
header_fill(struct snapshot_header *header, const struct snapshot_cfg *cfg)
{
    *header = (struct snapshot_header){
        .magic = SNAPSHOT_MAGIC,
        .version = SNAPSHOT_VERSION,
        .shape = engine_shape(cfg->engine),
        .journal = cfg->journal,
        .page_no = cfg->place.page_no,
        .prev_hash = cfg->place.prev_hash,
        .seq = cfg->place.seq,
        .epoch = cfg->place.epoch,
        .state_hash = engine_hash(cfg->engine),
        .event_hash = cfg->event_hash,
        .time = engine_time_ns(cfg->engine),
        .made = cfg->made_ns,
    };
    engine_genesis(&cfg->cfg, 0, &header->genesis);
}

/* file_write writes the whole file and syncs it. */
static int
file_write(int fd, const struct snapshot_cfg *cfg)
{
    struct snapshot_header header;
    struct file_out file = {.out = {.put = file_put}, .fd = fd, .fill = malloc(FILL_BYTES)};

    if (file.fill == NULL)
        return -ENOMEM;
    header_fill(&header, cfg);
    body_write(&file, cfg, &header);
    header.hash = snapshot_header_hash(&header);
    file.off = 0;
    file_put(&file.out, &header, sizeof header);
    file_flush(&file);
    free(file.fill);
    if (file.error == 0 && fdatasync(fd) != 0)
        file.error = -errno;
    return file.error;
}

/* prove loads what was written into other memory. */
static int
prove(const struct snapshot_cfg *cfg, int dir_fd, struct snapshot_info *info, char *why)
{
    const size_t bytes = engine_footprint(&cfg->cfg);
    char reason[SNAPSHOT_WHY_BYTES] = "";
    struct snapshot *snapshot;
    const struct engine *engine;
    void *mem;
    int rc = snapshot_open_file(&snapshot, dir_fd, NEW_NAME, reason);

    if (rc != 0)
        return snapshot_refuse(why, rc, "read back, %.400s", reason);
    *info = *snapshot_info(snapshot);
    mem = cfg->take(bytes);
    engine = mem == NULL ? NULL : snapshot_load(snapshot, mem, 0, reason);
    if (mem == NULL)
        rc = snapshot_refuse(why, -ENOMEM, "no memory to prove it: %zu MiB", bytes >> 20);
    else if (engine == NULL)
        rc = snapshot_refuse(why, -EBADMSG, "read back, %.400s", reason);
    if (mem != NULL)
        cfg->give(mem, bytes);
    snapshot_close(snapshot);
    return rc;
}

/* write_new makes the file under its other name. */
static int
write_new(const struct snapshot_cfg *cfg, int dir_fd, char *why)
{
    const int fd = openat(dir_fd, NEW_NAME, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    int rc;

    if (fd < 0)
        return snapshot_refuse(why, -errno, NEW_NAME " cannot be made: %s", strerror(errno));
    rc = file_write(fd, cfg);
    close(fd);
    if (rc != 0)
        snapshot_refuse(why, rc, NEW_NAME " cannot be written: %s", strerror(-rc));
    return rc;
}

/* write_in writes, proves and renames in an open folder. */
static int
write_in(const struct snapshot_cfg *cfg, int dir_fd, struct snapshot_info *info, char *why)
{
    char name[SNAPSHOT_NAME_BYTES];
    int rc = write_new(cfg, dir_fd, why);

    if (rc == 0)
        rc = prove(cfg, dir_fd, info, why);
    if (rc != 0) {
        (void)unlinkat(dir_fd, NEW_NAME, 0);
        return rc;
    }
    snapshot_name(name, info->seq);
    memcpy(info->name, name, sizeof name);
    if (renameat(dir_fd, NEW_NAME, dir_fd, name) != 0 || fsync(dir_fd) != 0)
        return snapshot_refuse(why, -errno, "%s cannot be named: %s", name, strerror(errno));
    return 0;
}

int
snapshot_write(const struct snapshot_cfg *cfg,
               struct snapshot_info *info,
               char why[SNAPSHOT_WHY_BYTES])
{
    const int dir_fd = open(cfg->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc;

    ASSERT(cfg->place.page_no > 0);
    ASSERT(cfg->place.seq == engine_seq(cfg->engine));
    if (dir_fd < 0)
        return snapshot_refuse(why, -errno, "%s: %s", cfg->dir, strerror(errno));
    rc = write_in(cfg, dir_fd, info, why);
    close(dir_fd);
    return rc;
}

int
snapshot_prune(const char *dir, uint64_t seq, unsigned keep)
{
    static uint64_t seqs[SNAPSHOTS_MAX];
    const int cnt = snapshot_list(dir, seqs, SNAPSHOTS_MAX);
    const int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    unsigned kept = 0;
    int removed = 0;

    if (cnt < 0 || dir_fd < 0) {
        if (dir_fd >= 0)
            close(dir_fd);
        return cnt < 0 ? cnt : -errno;
    }
    for (int i = 0; i < cnt; i++) {
        char name[SNAPSHOT_NAME_BYTES];

        snapshot_name(name, seqs[i]);
        if (seqs[i] <= seq && kept++ < keep)
            continue;
        removed += unlinkat(dir_fd, name, 0) == 0;
    }
    close(dir_fd);
    return removed;
}

int
snapshot_lock(const char *dir)
{
    const int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd;

    if (dir_fd < 0)
        return -errno;
    fd = openat(dir_fd, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0)
        fd = -errno;
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
        const int error = errno;

        close(fd);
        fd = -error;
    }
    if (fd >= 0)
        (void)unlinkat(dir_fd, NEW_NAME, 0);
    close(dir_fd);
    return fd;
}
