/*
 * Writing archives: see archive.h for the order in which things become durable.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal/archive.h"
#include "journal/archive_zstd.h"
#include "journal/segments.h"

static COLD int
say_page(char why[ARCHIVE_WHY_BYTES], uint64_t page_no, const char *what)
{
    snprintf(why, ARCHIVE_WHY_BYTES, "page %" PRIu64 ": %s", page_no, what);
    return -EBADMSG;
}

/* last_message returns the last message of a page whose hash is right, NULL: its
 * cells are no messages. */
static const union cell *
last_message(const struct page *page)
{
    const union cell *last = NULL;
    unsigned count = 0;

    if (page_is_segment(page) || page->header.cells > JOURNAL_PAGE_CELLS)
        return NULL;
    for (unsigned i = 0; i < page->header.cells; i += count) {
        last = &page->cells[i];
        count = cell_count(last);
        if (count == 0 || count > page->header.cells - i)
            return NULL;
    }
    return last;
}

/* check_pages checks each page and that it follows the one before. */
static int
check_pages(const struct page *pages,
            uint64_t pages_cnt,
            uint64_t first_page_no,
            char why[ARCHIVE_WHY_BYTES])
{
    for (uint64_t i = 0; i < pages_cnt; i++) {
        const enum page_fault fault =
            page_check(&pages[i], pages[0].header.shard, first_page_no + i,
                       i == 0 ? NULL : &pages[i - 1].header.hash);

        if (fault != PAGE_OK)
            return say_page(why, first_page_no + i, page_fault_text(fault));
    }
    return 0;
}

int
archive_glance(const struct page *first,
               const struct page *last,
               uint64_t pages_cnt,
               uint64_t segment_no,
               struct archive_header *header,
               char why[ARCHIVE_WHY_BYTES])
{
    const uint64_t first_page_no = segment_no * pages_cnt;
    const uint64_t last_page_no = first_page_no + pages_cnt - 1;
    enum page_fault fault = page_check(first, first->header.shard, first_page_no, NULL);

    if (fault != PAGE_OK)
        return say_page(why, first_page_no, page_fault_text(fault));
    if (!page_is_segment(first))
        return say_page(why, first_page_no, "begins no segment");
    fault = page_check(last, first->header.shard, last_page_no, NULL);
    if (fault != PAGE_OK)
        return say_page(why, last_page_no, page_fault_text(fault));

    const union cell *message = last_message(last);

    if (message == NULL)
        return say_page(why, last_page_no, page_fault_text(PAGE_CONTENT));
    *header = (struct archive_header){
        .magic = ARCHIVE_MAGIC,
        .version = ARCHIVE_VERSION,
        .shard = first->header.shard,
        .segment_no = segment_no,
        .segment_bytes = pages_cnt * JOURNAL_PAGE_BYTES,
        .frame_pages = ARCHIVE_FRAME_PAGES,
        .frames_cnt = (uint32_t)((pages_cnt + ARCHIVE_FRAME_PAGES - 1) / ARCHIVE_FRAME_PAGES),
        .first_page_no = first_page_no,
        .first_seq = first->header.first_seq,
        .last_seq = cell_seq(message),
        .first_time_ns = page_time(first),
        .last_time_ns = cell_time(message),
        .last_epoch = last->header.epoch,
        .flags = cell_is_last(&message[cell_count(message) - 1]) ? 0 : ARCHIVE_FLAG_OPEN,
        .prev_hash = first->header.prev_hash,
        .last_hash = last->header.hash,
    };
    memcpy(header->journal, &first->segment.journal, sizeof header->journal);
    header->hash = hash128_of(header, offsetof(struct archive_header, hash));
    return 0;
}

int
archive_describe(const struct page *pages,
                 uint64_t pages_cnt,
                 uint64_t segment_no,
                 struct archive_header *header,
                 char why[ARCHIVE_WHY_BYTES])
{
    const int rc = check_pages(pages, pages_cnt, segment_no * pages_cnt, why);

    if (rc != 0)
        return rc;
    return archive_glance(&pages[0], &pages[pages_cnt - 1], pages_cnt, segment_no, header, why);
}

/* An archive on its way to the disk. */
struct out {
    int fd;
    uint64_t off;
    const struct archive_key *key;
    struct archive_header header;
    struct archive_entry *index;
    uint8_t *packed; /* a frame, compressed */
    uint8_t *cipher; /* and encrypted */
    size_t packed_max;
};

/* put writes all of it. */
static int
put(struct out *out, const void *mem, size_t bytes)
{
    const uint8_t *at = mem;

    while (bytes > 0) {
        const ssize_t len = write(out->fd, at, bytes);

        if (len < 0)
            return -errno;
        if (len == 0)
            return -EIO;
        at += len;
        bytes -= (size_t)len;
        out->off += (uint64_t)len;
    }
    return 0;
}

/* put_frame packs, encrypts and writes one frame. */
static int
put_frame(struct out *out, uint32_t frame_no, const void *plain)
{
    const size_t plain_bytes = archive_frame_bytes(&out->header, frame_no);
    const struct archive_bond bond = {
        .header = &out->header,
        .header_bytes = sizeof out->header,
        .nonce = out->header.nonce,
        .frame_no = frame_no,
    };
    struct archive_entry *entry = &out->index[frame_no];
    const uint8_t *stored = out->packed;
    size_t bytes = archive_zstd_pack(plain, plain_bytes, out->packed, out->packed_max);

    if (bytes == 0)
        return -ENOMEM;
    if (out->key != NULL) {
        archive_encrypt(out->key, &bond, out->packed, bytes, out->cipher);
        stored = out->cipher;
        bytes += ARCHIVE_TAG_BYTES;
    }
    *entry = (struct archive_entry){
        .off = out->off,
        .bytes = (uint32_t)bytes,
        .stored_hash = hash128_of(stored, bytes),
    };
    if (out->key == NULL)
        entry->plain_hash = hash128_of(plain, plain_bytes);
    return put(out, stored, bytes);
}

/* put_end writes index and trailer. */
static int
put_end(struct out *out)
{
    const size_t index_bytes = out->header.frames_cnt * sizeof *out->index;
    struct archive_trailer trailer = {
        .magic = ARCHIVE_TRAILER_MAGIC,
        .frames_cnt = out->header.frames_cnt,
        .index_off = out->off,
        .file_bytes = out->off + index_bytes + sizeof trailer,
    };
    struct hash_state state;

    hash_init(&state);
    hash_update(&state, &out->header.hash, sizeof out->header.hash);
    hash_update(&state, out->index, index_bytes);
    trailer.index_hash = hash_digest(&state);
    trailer.hash = hash128_of(&trailer, offsetof(struct archive_trailer, hash));

    const int rc = put(out, out->index, index_bytes);

    return rc != 0 ? rc : put(out, &trailer, sizeof trailer);
}

/* put_all writes the file and syncs it. */
static int
put_all(struct out *out, const struct page *pages)
{
    int rc = put(out, &out->header, sizeof out->header);

    for (uint32_t i = 0; i < out->header.frames_cnt && rc == 0; i++)
        rc = put_frame(out, i, &pages[(uint64_t)i * out->header.frame_pages]);
    if (rc == 0)
        rc = put_end(out);
    if (rc == 0 && fsync(out->fd) != 0)
        rc = -errno;
    /* Out of the page cache, if the kernel likes: it is to be read back. */
    if (rc == 0)
        (void)posix_fadvise(out->fd, 0, 0, POSIX_FADV_DONTNEED);
    return rc;
}

static int
out_alloc(struct out *out)
{
    out->packed_max = archive_zstd_bound(archive_frame_bytes(&out->header, 0));
    out->index = calloc(out->header.frames_cnt, sizeof *out->index);
    out->packed = malloc(out->packed_max);
    out->cipher = malloc(out->packed_max + ARCHIVE_TAG_BYTES);
    return out->index == NULL || out->packed == NULL || out->cipher == NULL ? -ENOMEM : 0;
}

static void
out_free(struct out *out)
{
    free(out->index);
    free(out->packed);
    free(out->cipher);
}

/* own gives the new file to whom the one belongs that it stands for. */
static int
own(int dir_fd, int fd, uint64_t segment_no)
{
    char name[SEGMENT_NAME_BYTES];
    struct stat theirs;
    struct stat ours;

    segment_name(name, segment_no);
    if (fstatat(dir_fd, name, &theirs, 0) != 0) {
        archive_name(name, segment_no);
        if (fstatat(dir_fd, name, &theirs, 0) != 0)
            return -errno;
    }
    if (fstat(fd, &ours) != 0)
        return -errno;
    if ((ours.st_uid != theirs.st_uid || ours.st_gid != theirs.st_gid) &&
        fchown(fd, theirs.st_uid, theirs.st_gid) != 0)
        return -errno;
    return fchmod(fd, theirs.st_mode & 0444) != 0 ? -errno : 0;
}

/* make_file writes the archive under its temporary name. */
static int
make_file(int dir_fd,
          const char *name,
          struct out *out,
          const struct page *pages,
          char why[ARCHIVE_WHY_BYTES])
{
    int rc = out_alloc(out);

    (void)unlinkat(dir_fd, name, 0); /* one that a crash left behind */
    if (rc == 0) {
        out->fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        rc = out->fd < 0 ? -errno : 0;
    }
    if (rc == 0) {
        rc = own(dir_fd, out->fd, out->header.segment_no);
        if (rc == 0)
            rc = put_all(out, pages);
        if (close(out->fd) != 0 && rc == 0)
            rc = -errno;
    }
    out_free(out);
    if (rc != 0)
        snprintf(why, ARCHIVE_WHY_BYTES, "%s cannot be written: %s", name, strerror(-rc));
    return rc;
}

/* compare_file reads the file back and compares it with the segment. */
static int
compare_file(int dir_fd,
             const char *name,
             const struct archive_header *header,
             const struct page *pages,
             char why[ARCHIVE_WHY_BYTES])
{
    struct archive archive;
    char what[ARCHIVE_WHY_BYTES];
    int rc = archive_open(&archive, dir_fd, name, header->segment_no, what);

    if (rc == 0) {
        if (memcmp(&archive.header, header, sizeof *header) != 0) {
            snprintf(what, sizeof what, "its header is not what was written");
            rc = -EBADMSG;
        } else {
            rc = archive_compare(&archive, pages, what);
        }
        archive_close(&archive);
    }
    if (rc != 0)
        snprintf(why, ARCHIVE_WHY_BYTES, "%s, read back: %.150s", name, what);
    return rc;
}

int
archive_write(int dir_fd,
              const struct archive_header *header,
              const struct page *pages,
              const struct archive_key *key,
              uint64_t *bytes,
              char why[ARCHIVE_WHY_BYTES])
{
    char name[ARCHIVE_NAME_BYTES];
    char new_name[ARCHIVE_NAME_BYTES + sizeof SEGMENT_NEW_SUFFIX];
    struct out out = {.fd = -1, .key = key, .header = *header};

    if (key != NULL) {
        out.header.flags |= ARCHIVE_FLAG_ENCRYPTED;
        out.header.key_id = *archive_key_id(key);
        archive_nonce(out.header.nonce);
    }
    out.header.hash = hash128_of(&out.header, offsetof(struct archive_header, hash));
    archive_name(name, header->segment_no);
    snprintf(new_name, sizeof new_name, "%s%s", name, SEGMENT_NEW_SUFFIX);

    int rc = make_file(dir_fd, new_name, &out, pages, why);

    if (rc == 0)
        rc = compare_file(dir_fd, new_name, &out.header, pages, why);
    if (rc == 0 && renameat(dir_fd, new_name, dir_fd, name) != 0) {
        rc = -errno;
        snprintf(why, ARCHIVE_WHY_BYTES, "%s cannot be renamed: %s", new_name, strerror(-rc));
    }
    if (rc != 0) {
        (void)unlinkat(dir_fd, new_name, 0);
        return rc;
    }
    *bytes = out.off;
    if (fsync(dir_fd) != 0) {
        rc = -errno;
        snprintf(why, ARCHIVE_WHY_BYTES, "the folder cannot be synced: %s", strerror(-rc));
    }
    return rc;
}

int
archive_retire(int dir_fd, uint64_t segment_no, char why[ARCHIVE_WHY_BYTES])
{
    char name[SEGMENT_NAME_BYTES];
    int rc = 0;

    segment_name(name, segment_no);
    if (unlinkat(dir_fd, name, 0) != 0 || fsync(dir_fd) != 0) {
        rc = -errno;
        snprintf(why, ARCHIVE_WHY_BYTES, "%s cannot be removed: %s", name, strerror(-rc));
    }
    return rc;
}
