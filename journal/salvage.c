#include "journal/salvage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal/chain.h"
#include "journal/seal.h"
#include "journal/snapshot.h"

#define COPY_BYTES (1u << 20)
#define COPY_PAGES (COPY_BYTES / JOURNAL_PAGE_BYTES)

/* How much of what was unpacked is kept while it walks. */
#define FORGET_PAGES 1024u

/* is_foreign tells whether a segment begins as one of another journal, or as a
 * copy of another segment than its name says. */
static bool
is_foreign(const struct chain *chain, const struct page *first, uint64_t segment_no)
{
    return page_is_whole(first) && page_is_segment(first) &&
           (!journal_id_equal(&first->segment.journal, &chain->journal) ||
            first->segment.segment_no != segment_no);
}

/* count_page counts a page that is whole and of this journal. */
static void
count_page(const struct chain *chain, const struct page *page, struct journal_salvage *salvage)
{
    if (page->header.format != JOURNAL_FORMAT || page->header.page_no < chain->at.page_no ||
        page->header.shard != (chain->shard < 0 ? 0 : chain->shard) || !page_is_whole(page))
        return;
    if (salvage->lost_pages_cnt++ == 0 || page->header.first_seq < salvage->lost_first_seq)
        salvage->lost_first_seq = page->header.first_seq;
    if (page->header.first_seq > salvage->lost_last_seq)
        salvage->lost_last_seq = page->header.first_seq;
}

/* say_unread notes that a file behind the end cannot be looked into. */
static COLD void
say_unread(struct journal_salvage *salvage, const char *name, const char *why)
{
    if (salvage->unread_cnt++ == 0)
        snprintf(salvage->unread, sizeof salvage->unread, "%.20s: %.150s", name, why);
}

/* count_plain counts what a plain segment has. */
static void
count_plain(const struct chain *chain,
            uint64_t segment_no,
            const char *name,
            struct journal_salvage *salvage)
{
    const int fd = openat(chain->segments.dir_fd, name, O_RDONLY | O_CLOEXEC);
    struct page page;

    if (fd < 0) {
        say_unread(salvage, name, strerror(errno));
        return;
    }
    if (pread(fd, &page, sizeof page, 0) == sizeof page && !is_foreign(chain, &page, segment_no)) {
        for (off_t off = 0; pread(fd, &page, sizeof page, off) == sizeof page;
             off += JOURNAL_PAGE_BYTES)
            count_page(chain, &page, salvage);
    }
    close(fd);
}

/* count_archive counts what a compressed segment has, frame by frame: one that is
 * damaged does not keep the others from being read. */
static void
count_archive(const struct chain *chain,
              uint64_t segment_no,
              const char *name,
              struct journal_salvage *salvage)
{
    struct frames *frames;
    char why[ARCHIVE_WHY_BYTES];

    if (frames_open(&frames, chain->segments.dir_fd, segment_no, why) != 0) {
        say_unread(salvage, name, why);
        return;
    }

    const struct archive_header *header = &frames->archive.header;
    const uint64_t pages_cnt = header->segment_bytes / JOURNAL_PAGE_BYTES;
    const bool ours = memcmp(header->journal, &chain->journal, sizeof header->journal) == 0;
    bool said = false;

    for (uint64_t i = 0; i < pages_cnt && ours; i++) {
        const struct page *page;

        if (i % FORGET_PAGES == 0)
            frames_forget(frames, i);
        if (frames_page(frames, i, &page, why) == 0) {
            count_page(chain, page, salvage);
            continue;
        }
        if (!said)
            say_unread(salvage, name, why);
        said = true;
        i = (i / header->frame_pages + 1) * header->frame_pages - 1;
    }
    frames_close(frames);
}

/* is_named tells whether a file name is eight digits and the ending. */
static bool
is_named(const char *name, const char *ending)
{
    return strspn(name, "0123456789") == 8 && strcmp(name + 8, ending) == 0;
}

/* count_lost counts what one file of the folder has, if it is a segment. Of two files of one
 * segment the plain one counts. */
static void
count_lost(const struct chain *chain,
           uint64_t from,
           const char *name,
           struct journal_salvage *salvage)
{
    const uint64_t segment_no = strtoull(name, NULL, 10);
    char plain[SEGMENT_NAME_BYTES];

    if (is_named(name, ".seg") && segment_no >= from) {
        count_plain(chain, segment_no, name, salvage);
    } else if (is_named(name, ".segz") && segment_no >= from) {
        segment_name(plain, segment_no);
        if (faccessat(chain->segments.dir_fd, plain, F_OK, 0) != 0)
            count_archive(chain, segment_no, name, salvage);
    }
}

/* look_behind looks through all segments for pages behind the end. */
static int
look_behind(const struct chain *chain, struct journal_salvage *salvage)
{
    const uint64_t from = chain->at.page_no / (salvage->segment_bytes / JOURNAL_PAGE_BYTES);
    const int fd = openat(chain->segments.dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (dir == NULL)
        return -errno;
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir))
        count_lost(chain, from, entry->d_name, salvage);
    closedir(dir);
    return 0;
}

/* last_time returns the time of the last message in a valid page. */
static uint64_t
last_time(const struct page *page)
{
    uint64_t time = page_time(page);

    for (unsigned i = 0; i < page->header.cells && !page_is_segment(page); i++) {
        if (cell_count(&page->cells[i]) != 0)
            time = cell_time(&page->cells[i]);
    }
    return time;
}

/* count_encrypted returns how many of the segments that can be saved are encrypted. */
static uint64_t
count_encrypted(const struct chain *chain)
{
    const struct segments *segments = &chain->segments;
    uint64_t cnt = 0;

    for (uint32_t i = 0; i < segments->cnt; i++) {
        const struct frames *frames = segments->maps[i].frames;

        cnt += frames != NULL && (frames->archive.header.flags & ARCHIVE_FLAG_ENCRYPTED) != 0 &&
               frames->archive.header.first_page_no < chain->at.page_no;
    }
    return cnt;
}

/* newest_before returns the newest snapshot in the folder, by its name, that is not later than
 * seq; 0: there is none. */
static uint64_t
newest_before(const char *dir, uint64_t seq)
{
    static uint64_t seqs[SNAPSHOTS_MAX];
    const int cnt = snapshot_list(dir, seqs, SNAPSHOTS_MAX);

    for (int i = 0; i < cnt; i++) {
        if (seqs[i] <= seq)
            return seqs[i];
    }
    return 0;
}

/* cut_behind returns how many cells of a page there are up to the last of command seq. */
static unsigned
cut_behind(const struct page *page, uint64_t seq, uint64_t *time)
{
    unsigned i = 0;

    while (i < page->header.cells) {
        const union cell *cell = &page->cells[i];

        *time = cell_time(cell);
        i += cell_count(cell);
        if (cell_seq(cell) == seq && cell_is_last(&page->cells[i - 1]))
            break;
    }
    return i;
}

/* ends_with tells whether the walk has come to the end of a command, or beyond. */
static bool
ends_with(const struct chain *chain, uint64_t to_seq)
{
    return to_seq != 0 && chain->at.seq - (chain->at.open ? 1 : 0) >= to_seq;
}

/* walk goes to the damage, to the page with the end of command to_seq, or to the end. What
 * chain_next said last. */
static int
walk(struct chain *chain, uint64_t to_seq, struct journal_salvage *salvage)
{
    struct chain_step step;
    int rc = 1;

    while (!ends_with(chain, to_seq) && (rc = chain_next(chain, &step)) > 0) {
        salvage->last_time = last_time(step.page);
        if (ends_with(chain, to_seq)) {
            salvage->cut_cells = cut_behind(step.page, to_seq, &salvage->last_time);
            if (salvage->cut_cells == step.page->header.cells)
                salvage->cut_cells = 0;
        }
        if (step.page_no > FORGET_PAGES)
            segments_forget(&chain->segments, step.page_no - FORGET_PAGES);
    }
    return rc;
}

/* is_all tells whether a walk that ended well has left nothing behind. */
static bool
is_all(struct chain *chain, uint64_t to_seq, const struct journal_salvage *salvage)
{
    struct chain_step step;

    return !ends_with(chain, to_seq) || (salvage->cut_cells == 0 && chain_next(chain, &step) == 0);
}

int
journal_salvage_look(const char *dir, uint64_t to_seq, struct journal_salvage *salvage)
{
    struct chain chain;

    *salvage = (struct journal_salvage){.pages_cnt = 0};

    int rc = chain_open_some(&chain, dir, -1);

    salvage->fault = chain.fault;
    if (rc != 0)
        return rc;
    salvage->first_page_no = segments_first_page(&chain.segments);
    rc = walk(&chain, to_seq, salvage);
    salvage->pages_cnt = chain.at.page_no - salvage->first_page_no;
    salvage->last_seq = chain.at.seq - (chain.at.open ? 1 : 0);
    salvage->segment_bytes = chain.segment_pages != 0
                                 ? (uint64_t)chain.segment_pages * JOURNAL_PAGE_BYTES
                                 : chain.segments.bytes;
    if (ends_with(&chain, to_seq))
        salvage->last_seq = to_seq;
    salvage->encrypted_cnt = count_encrypted(&chain);
    salvage->snapshot_seq = newest_before(dir, salvage->last_seq);
    /* Of two the first: behind it nothing is saved. */
    if (rc != 0 && (!salvage->fault.damage ||
                    (rc == -EBADMSG && chain.fault.page_no < salvage->fault.page_no)))
        salvage->fault = chain.fault;
    if (rc == -EBADMSG || salvage->fault.damage || (rc > 0 && !is_all(&chain, to_seq, salvage))) {
        rc = salvage->segment_bytes < JOURNAL_PAGE_BYTES ? 0 : look_behind(&chain, salvage);
        rc = rc == 0 ? 1 : rc;
    } else if (rc > 0) {
        rc = 0;
    }
    chain_close(&chain);
    return rc;
}

/* A copy on its way. */
struct copy {
    struct segments *from;
    const struct journal_salvage *salvage;
    int from_fd;
    int to_fd;
    void *buffer; /* COPY_BYTES */
    char *why;
};

static COLD int
copy_error(const struct copy *copy, const char *name, const char *call, int error)
{
    snprintf(copy->why, 256, "%.100s: %s: %s", name, call, strerror(error));
    return -error;
}

/* write_all writes the buffer. After a short write the next one tells why. */
static int
write_all(const struct copy *copy, int fd, const char *name, size_t bytes)
{
    for (size_t at = 0; at < bytes;) {
        const ssize_t done = write(fd, (const uint8_t *)copy->buffer + at, bytes - at);

        if (done <= 0)
            return copy_error(copy, name, "write", done < 0 ? errno : EIO);
        at += (size_t)done;
    }
    return 0;
}

/* cut_page takes what lies behind the first cells_cnt cells out of a page. */
static void
cut_page(const struct copy *copy, struct page *page)
{
    const unsigned cells_cnt = copy->salvage->cut_cells;
    bool opens = false;

    for (unsigned i = 0; i < cells_cnt; i++)
        opens |= cell_is_command(&page->cells[i]);
    if (!opens)
        page->header.first_seq = copy->salvage->last_seq;
    page->header.cells = (uint8_t)cells_cnt;
    memset(&page->cells[cells_cnt], 0, (JOURNAL_PAGE_CELLS - cells_cnt) * sizeof page->cells[0]);
    page->header.hash = page_hash(page);
}

/* gather fills the buffer with pages from page_no on, zeros behind those that can
 * be saved. 0 or -errno. */
static int
gather(const struct copy *copy, uint64_t page_no, unsigned pages_cnt)
{
    const uint64_t end_no = copy->salvage->first_page_no + copy->salvage->pages_cnt;
    struct page *pages = copy->buffer;

    for (unsigned i = 0; i < pages_cnt; i++) {
        if (page_no + i >= end_no) {
            memset(&pages[i], 0, sizeof pages[i]);
            continue;
        }

        const struct page *page = segments_page(copy->from, page_no + i);

        if (page == NULL)
            return copy_error(copy, "page", "read", EIO);
        pages[i] = *page;
        if (page_no + i == end_no - 1 && copy->salvage->cut_cells != 0)
            cut_page(copy, &pages[i]);
    }
    segments_forget(copy->from, page_no);
    return 0;
}

/* copy_segment writes one segment, to its full size. */
static int
copy_segment(const struct copy *copy, uint64_t segment_no)
{
    const uint64_t pages_cnt = copy->salvage->segment_bytes / JOURNAL_PAGE_BYTES;
    char name[SEGMENT_NAME_BYTES];
    int rc = 0;

    segment_name(name, segment_no);

    const int fd = openat(copy->to_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);

    if (fd < 0)
        return copy_error(copy, name, "create", errno);
    for (uint64_t i = 0; i < pages_cnt && rc == 0; i += COPY_PAGES) {
        const unsigned some =
            pages_cnt - i < COPY_PAGES ? (unsigned)(pages_cnt - i) : (unsigned)COPY_PAGES;

        rc = gather(copy, segment_no * pages_cnt + i, some);
        if (rc == 0)
            rc = write_all(copy, fd, name, some * sizeof(struct page));
    }
    if (rc == 0 && fsync(fd) != 0)
        rc = copy_error(copy, name, "fsync", errno);
    close(fd);
    return rc;
}

/* copy_file copies a file as it is. */
static int
copy_file(const struct copy *copy, const char *name)
{
    const int from = openat(copy->from_fd, name, O_RDONLY | O_CLOEXEC);
    ssize_t got = 0;
    int rc = 0;

    if (from < 0)
        return copy_error(copy, name, "open", errno);

    const int fd = openat(copy->to_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);

    if (fd < 0)
        rc = copy_error(copy, name, "create", errno);
    while (rc == 0 && (got = read(from, copy->buffer, COPY_BYTES)) > 0)
        rc = write_all(copy, fd, name, (size_t)got);
    if (rc == 0 && got < 0)
        rc = copy_error(copy, name, "read", errno);
    if (rc == 0 && fsync(fd) != 0)
        rc = copy_error(copy, name, "fsync", errno);
    if (fd >= 0)
        close(fd);
    close(from);
    return rc;
}

/* seal_goes_along tells whether what was sealed is saved as it was: a group that goes on
 * behind the segment may have lost its end. */
static bool
seal_goes_along(const struct copy *copy, const char *name)
{
    struct seal seal;
    char why[256];

    return seal_read(&seal, copy->from_fd, name, why) != 0 ||
           seal.statement.last_seq <= copy->salvage->last_seq;
}

/* goes_along tells whether a file beside the segments is about what was saved. */
static bool
goes_along(const struct copy *copy, const char *name)
{
    const struct journal_salvage *salvage = copy->salvage;
    const size_t len = strlen(name);
    const uint64_t segments_cnt = (salvage->first_page_no + salvage->pages_cnt) /
                                  (salvage->segment_bytes / JOURNAL_PAGE_BYTES);

    if (strcmp(name, PRUNED_NAME) == 0)
        return true;
    if (is_named(name, ".seal"))
        return strtoull(name, NULL, 10) < segments_cnt && seal_goes_along(copy, name);
    return len > 5 && strcmp(name + len - 5, ".snap") == 0 &&
           strtoull(name, NULL, 10) <= salvage->last_seq;
}

/* copy_others copies what goes along. */
static int
copy_others(const struct copy *copy)
{
    const int fd = openat(copy->from_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    int rc = 0;

    if (dir == NULL)
        return copy_error(copy, "the folder", "open", errno);
    for (const struct dirent *entry = readdir(dir); entry != NULL && rc == 0;
         entry = readdir(dir)) {
        if (goes_along(copy, entry->d_name))
            rc = copy_file(copy, entry->d_name);
    }
    closedir(dir);
    return rc;
}

/* open_target opens the folder, which is new or empty. */
static int
open_target(const struct copy *copy, const char *to)
{
    if (mkdir(to, 0750) != 0 && errno != EEXIST)
        return copy_error(copy, to, "make the folder", errno);

    const int fd = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(dup(fd));
    bool empty = true;

    if (dir == NULL)
        return copy_error(copy, to, "open", errno);
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir))
        empty = empty && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0);
    closedir(dir);
    if (empty)
        return fd;
    close(fd);
    snprintf(copy->why, 256, "%.150s is not empty", to);
    return -ENOTEMPTY;
}

/* copy_all copies segments and what goes along, and syncs the folder. */
static int
copy_all(const struct copy *copy)
{
    const uint64_t per_segment = copy->salvage->segment_bytes / JOURNAL_PAGE_BYTES;
    const uint64_t end_no = copy->salvage->first_page_no + copy->salvage->pages_cnt;
    int rc = copy_others(copy);

    for (uint64_t page_no = copy->salvage->first_page_no; page_no < end_no && rc == 0;
         page_no += per_segment)
        rc = copy_segment(copy, page_no / per_segment);
    if (rc == 0 && fsync(copy->to_fd) != 0)
        rc = copy_error(copy, "the folder", "fsync", errno);
    return rc;
}

/* check_copy reads the copy: it must be undamaged and end where it should. */
static int
check_copy(const char *to, const struct journal_salvage *salvage, char why[256])
{
    struct journal_verify_result result;
    const int rc = journal_verify(to, -1, &result);

    if (rc == 0 && result.last_seq == salvage->last_seq)
        return 0;
    snprintf(why, 256, "the copy in %.60s is not as it should be: %.150s", to, result.fault.text);
    return -EIO;
}

int
journal_salvage_write(const char *dir,
                      const char *to,
                      const struct journal_salvage *salvage,
                      char why[256])
{
    struct chain chain;
    struct copy copy = {.salvage = salvage, .why = why};

    ASSERT(salvage->pages_cnt != 0);
    ASSERT(salvage->cut_cells < JOURNAL_PAGE_CELLS);
    ASSERT(salvage->segment_bytes >= JOURNAL_PAGE_BYTES);
    why[0] = '\0';

    int rc = chain_open_some(&chain, dir, -1);

    if (rc != 0) {
        snprintf(why, 256, "%.250s", chain.fault.text);
        return rc;
    }
    copy.from = &chain.segments;
    copy.from_fd = chain.segments.dir_fd;
    copy.buffer = aligned_alloc(JOURNAL_PAGE_BYTES, COPY_BYTES);
    copy.to_fd =
        copy.buffer == NULL ? copy_error(&copy, "buffer", "take", ENOMEM) : open_target(&copy, to);
    rc = copy.to_fd < 0 ? copy.to_fd : copy_all(&copy);
    if (copy.to_fd >= 0)
        close(copy.to_fd);
    free(copy.buffer);
    chain_close(&chain);
    return rc != 0 ? rc : check_copy(to, salvage, why);
}
