#include "tests/journal/archive_rig.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal/pruned.h"

void
archive_rig_journal(const char *dir, struct rig_cells *all, unsigned segments)
{
    const size_t cells_cnt = (size_t)segments * RIG_SEGMENT_PAGES * JOURNAL_PAGE_CELLS;
    uint64_t random = rig_seed();

    *all = (struct rig_cells){0};
    while (all->cnt < cells_cnt)
        rig_group(all, &random, (unsigned)(rig_random(&random) % 300), true);
    rig_write(dir, all, 8);
}

const struct archive_key *
archive_rig_key(const char *dir, const char *name, uint8_t fill, char path[128])
{
    const struct archive_key *key;
    uint8_t bytes[ARCHIVE_KEY_BYTES];
    char why[256];

    snprintf(path, 128, "%s/%s", dir, name);
    memset(bytes, fill, sizeof bytes);

    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    CHECK(fd >= 0 && write(fd, bytes, sizeof bytes) == sizeof bytes, "%s", path);
    close(fd);
    CHECK(archive_key_load(path, &key, why) == 0, "%s", why);
    return key;
}

int
archive_rig_pack(const char *dir, unsigned segment_no, const struct archive_key *key)
{
    const int dir_fd = open(dir, O_RDONLY | O_DIRECTORY);
    struct archive_header header;
    char why[ARCHIVE_WHY_BYTES];
    struct rig_file file;
    uint64_t bytes;

    CHECK(dir_fd >= 0, "%s", dir);
    rig_load(&file, dir, segment_no);
    CHECK(archive_describe(rig_page(&file, 0), file.len / JOURNAL_PAGE_BYTES, segment_no, &header,
                           why) == 0,
          "%s", why);

    int rc = archive_write(dir_fd, &header, rig_page(&file, 0), key, &bytes, why);

    if (rc == 0)
        rc = archive_retire(dir_fd, segment_no, why);
    free(file.bytes);
    close(dir_fd);
    return rc;
}

struct archive_header
archive_rig_prune(const char *dir, unsigned cnt)
{
    const int dir_fd = open(dir, O_RDONLY | O_DIRECTORY);
    struct archive_header header = {0};
    struct pruned pruned = {0};
    char why[ARCHIVE_WHY_BYTES];

    for (unsigned i = 0; i < cnt; i++) {
        struct rig_file file;
        char path[128];

        rig_load(&file, dir, i);
        CHECK(archive_describe(rig_page(&file, 0), RIG_SEGMENT_PAGES, i, &header, why) == 0, "%s",
              why);

        struct pruned_record record = {
            .shard = header.shard,
            .segment_no = i,
            .segment_bytes = header.segment_bytes,
            .first_seq = header.first_seq,
            .last_seq = header.last_seq,
            .last_time_ns = header.last_time_ns,
            .last_hash = header.last_hash,
            .last_epoch = header.last_epoch,
            .flags = (header.flags & ARCHIVE_FLAG_OPEN) != 0 ? PRUNED_FLAG_OPEN : 0,
        };

        memcpy(&record.journal, &header.journal, sizeof record.journal);
        CHECK(pruned_add(&pruned, &record) == 0, "out of memory");
        free(file.bytes);
        snprintf(path, sizeof path, "%s/%08u.seg", dir, i);
        CHECK(i + 1 < cnt || unlink(path) == 0, "%s", path);
    }
    CHECK(pruned_store(&pruned, dir_fd) == 0, "store");
    pruned_free(&pruned);
    close(dir_fd);
    return header;
}

void
archive_rig_load(struct rig_file *file, const char *dir, unsigned segment_no)
{
    char path[128];
    struct stat st;

    snprintf(path, sizeof path, "%s/%08u.segz", dir, segment_no);

    const int fd = open(path, O_RDONLY);

    CHECK(fd >= 0 && fstat(fd, &st) == 0, "%s", path);
    file->len = (size_t)st.st_size;
    file->bytes = rig_alloc(file->len);
    CHECK(read(fd, file->bytes, file->len) == (ssize_t)file->len, "%s", path);
    close(fd);
}

void
archive_rig_store(const struct rig_file *file, const char *dir, unsigned segment_no)
{
    char path[128];

    snprintf(path, sizeof path, "%s/%08u.segz", dir, segment_no);
    (void)unlink(path);

    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);

    CHECK(fd >= 0 && write(fd, file->bytes, file->len) == (ssize_t)file->len, "%s", path);
    close(fd);
}

struct archive_header *
archive_rig_header(struct rig_file *file)
{
    return (struct archive_header *)(void *)file->bytes;
}

archive_rig_slot *
archive_rig_entry(struct rig_file *file, uint32_t frame_no)
{
    struct archive_trailer trailer;

    memcpy(&trailer, file->bytes + file->len - sizeof trailer, sizeof trailer);
    return (archive_rig_slot *)(void *)(file->bytes + trailer.index_off +
                                        frame_no * sizeof(struct archive_entry));
}

void
archive_rig_rehash(struct rig_file *file)
{
    struct archive_header *header = archive_rig_header(file);
    struct archive_trailer trailer;
    struct hash_state state;

    memcpy(&trailer, file->bytes + file->len - sizeof trailer, sizeof trailer);
    header->hash = hash128_of(header, offsetof(struct archive_header, hash));
    for (uint32_t i = 0; i < trailer.frames_cnt; i++) {
        struct archive_entry entry;
        uint8_t *at = file->bytes + trailer.index_off + i * sizeof entry;

        memcpy(&entry, at, sizeof entry);
        if (entry.off < file->len && entry.bytes <= file->len - entry.off)
            entry.stored_hash = hash128_of(file->bytes + entry.off, entry.bytes);
        memcpy(at, &entry, sizeof entry);
    }
    hash_init(&state);
    hash_update(&state, &header->hash, sizeof header->hash);
    hash_update(&state, file->bytes + trailer.index_off,
                trailer.frames_cnt * sizeof(struct archive_entry));
    trailer.index_hash = hash_digest(&state);
    trailer.hash = hash128_of(&trailer, offsetof(struct archive_trailer, hash));
    memcpy(file->bytes + file->len - sizeof trailer, &trailer, sizeof trailer);
}
