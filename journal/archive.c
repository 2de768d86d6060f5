#include "journal/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal/archive_zstd.h"

void
archive_name(char name[ARCHIVE_NAME_BYTES], uint64_t segment_no)
{
    ASSERT(segment_no < JOURNAL_SEGMENTS_MAX);
    snprintf(name, ARCHIVE_NAME_BYTES, "%08" PRIu64 ".segz", segment_no);
}

static COLD int
say(char why[ARCHIVE_WHY_BYTES], int error, const char *what)
{
    snprintf(why, ARCHIVE_WHY_BYTES, "%s", what);
    return error;
}

static bool
is_zero(const void *mem, size_t bytes)
{
    const uint8_t *at = mem;
    uint8_t any = 0;

    for (size_t i = 0; i < bytes; i++)
        any |= at[i];
    return any == 0;
}

static struct archive_entry
entry_of(const struct archive *archive, uint32_t frame_no)
{
    struct archive_entry entry;

    ASSERT(frame_no < archive->header.frames_cnt);
    memcpy(&entry, archive->index + (size_t)frame_no * sizeof entry, sizeof entry);
    return entry;
}

uint64_t
archive_frame_bytes(const struct archive_header *header, uint32_t frame_no)
{
    const uint64_t whole = (uint64_t)header->frame_pages * JOURNAL_PAGE_BYTES;
    const uint64_t left = header->segment_bytes - frame_no * whole;

    ASSERT(frame_no < header->frames_cnt);
    return left < whole ? left : whole;
}

/* stored_max returns the most that a frame takes in the file. */
static uint64_t
stored_max(const struct archive_header *header, uint32_t frame_no)
{
    return archive_zstd_bound(archive_frame_bytes(header, frame_no)) +
           ((header->flags & ARCHIVE_FLAG_ENCRYPTED) != 0 ? ARCHIVE_TAG_BYTES : 0);
}

/* header_fault tells what is wrong with a header whose hash is right. */
static const char *
header_fault(const struct archive_header *header)
{
    const uint64_t pages = header->segment_bytes / JOURNAL_PAGE_BYTES;
    const bool encrypted = (header->flags & ARCHIVE_FLAG_ENCRYPTED) != 0;

    if (header->segment_bytes == 0 || header->segment_bytes > ARCHIVE_SEGMENT_MAX ||
        header->segment_bytes % JOURNAL_PAGE_BYTES != 0)
        return "its header tells of a segment that cannot be";
    if (header->frame_pages == 0 || header->frame_pages > ARCHIVE_FRAME_PAGES_MAX ||
        header->frames_cnt != (pages + header->frame_pages - 1) / header->frame_pages)
        return "its header tells of frames that cannot be";
    if (header->segment_no >= JOURNAL_SEGMENTS_MAX ||
        header->first_page_no != header->segment_no * pages)
        return "its header tells of pages that cannot be";
    if ((header->flags & ~(ARCHIVE_FLAG_ENCRYPTED | ARCHIVE_FLAG_OPEN)) != 0 ||
        !is_zero(header->zero, sizeof header->zero))
        return "its header has something where zero must be";
    if (!encrypted && !(is_zero(&header->key_id, sizeof header->key_id) &&
                        is_zero(header->nonce, sizeof header->nonce)))
        return "its header names a key, but it is not encrypted";
    return NULL;
}

/* index_fault tells what is wrong with an index whose hash is right. */
static const char *
index_fault(const struct archive *archive, uint64_t index_off)
{
    uint64_t off = sizeof archive->header;

    for (uint32_t i = 0; i < archive->header.frames_cnt; i++) {
        const struct archive_entry entry = entry_of(archive, i);

        if (entry.off != off || entry.zero != 0 || entry.bytes == 0 ||
            entry.bytes > stored_max(&archive->header, i))
            return "its index tells of frames that cannot be";
        if ((archive->header.flags & ARCHIVE_FLAG_ENCRYPTED) != 0 &&
            !is_zero(&entry.plain_hash, sizeof entry.plain_hash))
            return "its index has something where zero must be";
        off += entry.bytes;
    }
    return off == index_off ? NULL : "its frames do not end where its index begins";
}

static struct hash128
index_hash(const struct archive_header *header, const void *index)
{
    struct hash_state state;

    hash_init(&state);
    hash_update(&state, &header->hash, sizeof header->hash);
    hash_update(&state, index, (size_t)header->frames_cnt * sizeof(struct archive_entry));
    return hash_digest(&state);
}

/* view_trailer finds the index. NULL, or what is wrong. */
static const char *
view_trailer(struct archive *archive)
{
    const struct archive_header *header = &archive->header;
    const uint64_t index_bytes = (uint64_t)header->frames_cnt * sizeof(struct archive_entry);
    struct archive_trailer trailer;

    if (archive->len < sizeof *header + index_bytes + sizeof trailer)
        return "cut short";
    memcpy(&trailer, archive->bytes + archive->len - sizeof trailer, sizeof trailer);
    if (trailer.magic != ARCHIVE_TRAILER_MAGIC ||
        !hash128_equal(hash128_of(&trailer, offsetof(struct archive_trailer, hash)), trailer.hash))
        return "its end is not whole: cut short or damaged";
    if (trailer.frames_cnt != header->frames_cnt || trailer.file_bytes != archive->len ||
        trailer.zero != 0 || trailer.index_off != archive->len - sizeof trailer - index_bytes)
        return "its end does not fit its header";
    archive->index = archive->bytes + trailer.index_off;
    if (!hash128_equal(index_hash(header, archive->index), trailer.index_hash))
        return "its index is damaged";
    return index_fault(archive, trailer.index_off);
}

int
archive_view(struct archive *archive, const void *bytes, uint64_t len, char why[ARCHIVE_WHY_BYTES])
{
    struct archive_header *header = &archive->header;

    *archive = (struct archive){.bytes = bytes, .len = len};
    if (len < sizeof *header)
        return say(why, -EBADMSG, "cut short");
    memcpy(header, bytes, sizeof *header);
    if (header->magic != ARCHIVE_MAGIC)
        return say(why, -EBADMSG, "is no compressed segment");
    if (!hash128_equal(hash128_of(header, offsetof(struct archive_header, hash)), header->hash))
        return say(why, -EBADMSG, "its header is damaged");
    if (header->version != ARCHIVE_VERSION) {
        snprintf(why, ARCHIVE_WHY_BYTES, "written in version %u, this program reads %u",
                 header->version, ARCHIVE_VERSION);
        return -EPROTO;
    }

    const char *fault = header_fault(header);

    if (fault == NULL)
        fault = view_trailer(archive);
    return fault == NULL ? 0 : say(why, -EBADMSG, fault);
}

/* map_file maps all of a file. */
static int
map_file(int dir_fd, const char *name, const void **bytes, uint64_t *len)
{
    const int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
    struct stat st;

    if (fd < 0)
        return -errno;

    int rc = fstat(fd, &st) != 0 ? -errno : S_ISREG(st.st_mode) ? 0 : -EINVAL;
    void *mem = NULL;

    if (rc == 0 && st.st_size > 0) {
        mem = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
        rc = mem == MAP_FAILED ? -errno : 0;
    }
    close(fd);
    *bytes = mem;
    *len = (uint64_t)st.st_size;
    return rc;
}

int
archive_open(struct archive *archive,
             int dir_fd,
             const char *name,
             uint64_t segment_no,
             char why[ARCHIVE_WHY_BYTES])
{
    const void *bytes = NULL;
    uint64_t len = 0;
    int rc = map_file(dir_fd, name, &bytes, &len);

    *archive = (struct archive){0};
    if (rc != 0)
        return say(why, rc, strerror(-rc));
    rc = archive_view(archive, bytes, len, why);
    archive->mapped = true;
    if (rc == 0 && archive->header.segment_no != segment_no) {
        snprintf(why, ARCHIVE_WHY_BYTES, "is segment %" PRIu64 " under another's name",
                 archive->header.segment_no);
        rc = -EBADMSG;
    }
    if (rc != 0)
        archive_close(archive);
    return rc;
}

void
archive_close(struct archive *archive)
{
    if (archive->mapped && archive->bytes != NULL)
        munmap((void *)(uintptr_t)archive->bytes, archive->len);
    *archive = (struct archive){0};
}

/* entry_whole tells whether a frame lies in the file as it was written. */
static bool
entry_whole(const struct archive *archive, const struct archive_entry *entry)
{
    return hash128_equal(hash128_of(archive->bytes + entry->off, entry->bytes), entry->stored_hash);
}

static COLD int
say_frame(char why[ARCHIVE_WHY_BYTES], uint32_t frame_no, const char *what)
{
    snprintf(why, ARCHIVE_WHY_BYTES, "frame %" PRIu32 " %s", frame_no, what);
    return -EBADMSG;
}

/* say_key names the key that is needed by the first half of its id. */
static COLD int
say_key(char why[ARCHIVE_WHY_BYTES], const struct archive_key_id *id)
{
    char text[17];

    for (unsigned i = 0; i < 8; i++)
        snprintf(text + 2 * (size_t)i, 3, "%02x", id->bytes[i]);
    snprintf(why, ARCHIVE_WHY_BYTES, "encrypted under key %s, which was not given", text);
    return -ENOKEY;
}

/* open_frame decrypts a frame and unpacks it. */
static int
open_frame(const struct archive *archive,
           const struct archive_entry *entry,
           uint32_t frame_no,
           void *plain,
           char why[ARCHIVE_WHY_BYTES])
{
    const struct archive_header *header = &archive->header;
    const struct archive_key *key = archive_key_find(&header->key_id);
    const struct archive_bond bond = {
        .header = archive->bytes,
        .header_bytes = sizeof *header,
        .nonce = header->nonce,
        .frame_no = frame_no,
    };

    if (key == NULL)
        return say_key(why, &header->key_id);
    if (entry->bytes <= ARCHIVE_TAG_BYTES)
        return say_frame(why, frame_no, "is too short to be encrypted");

    uint8_t *packed = malloc(entry->bytes);

    if (packed == NULL)
        return say(why, -ENOMEM, "out of memory");

    int rc = archive_decrypt(key, &bond, archive->bytes + entry->off, entry->bytes, packed);

    if (rc != 0)
        rc = say_frame(why, frame_no, "was changed after it was encrypted");
    else if (!archive_zstd_unpack(packed, entry->bytes - ARCHIVE_TAG_BYTES, plain,
                                  archive_frame_bytes(header, frame_no)))
        rc = say_frame(why, frame_no, "does not unpack");
    free(packed);
    return rc;
}

int
archive_frame(const struct archive *archive,
              uint32_t frame_no,
              void *plain,
              char why[ARCHIVE_WHY_BYTES])
{
    const struct archive_entry entry = entry_of(archive, frame_no);
    const uint64_t bytes = archive_frame_bytes(&archive->header, frame_no);

    if (!entry_whole(archive, &entry))
        return say_frame(why, frame_no, "is damaged: its hash does not match");
    if ((archive->header.flags & ARCHIVE_FLAG_ENCRYPTED) != 0)
        return open_frame(archive, &entry, frame_no, plain, why);
    if (!archive_zstd_unpack(archive->bytes + entry.off, entry.bytes, plain, bytes))
        return say_frame(why, frame_no, "does not unpack");
    if (!hash128_equal(hash128_of(plain, bytes), entry.plain_hash))
        return say_frame(why, frame_no, "unpacks to something else");
    return 0;
}

int
archive_compare(const struct archive *archive,
                const struct page *pages,
                char why[ARCHIVE_WHY_BYTES])
{
    const struct archive_header *header = &archive->header;
    uint8_t *plain = malloc(archive_frame_bytes(header, 0));
    int rc = plain == NULL ? say(why, -ENOMEM, "out of memory") : 0;

    for (uint32_t i = 0; i < header->frames_cnt && rc == 0; i++) {
        rc = archive_frame(archive, i, plain, why);
        if (rc == 0 && memcmp(plain, &pages[(uint64_t)i * header->frame_pages],
                              archive_frame_bytes(header, i)) != 0)
            rc = say_frame(why, i, "is not what the segment has there");
    }
    free(plain);
    return rc;
}

int
archive_check(const struct archive *archive, char why[ARCHIVE_WHY_BYTES])
{
    for (uint32_t i = 0; i < archive->header.frames_cnt; i++) {
        const struct archive_entry entry = entry_of(archive, i);

        if (!entry_whole(archive, &entry))
            return say_frame(why, i, "is damaged: its hash does not match");
    }
    return 0;
}
