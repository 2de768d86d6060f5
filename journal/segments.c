#include "journal/segments.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

void
segment_name(char name[SEGMENT_NAME_BYTES], uint64_t segment_no)
{
    ASSERT(segment_no < JOURNAL_SEGMENTS_MAX);
    snprintf(name, SEGMENT_NAME_BYTES, "%08" PRIu64 ".seg", segment_no);
}

/* segment_number returns the number that a file name stands for, plain or
 * archive, -1: none. */
static int64_t
segment_number(const char *name)
{
    int64_t number = 0;

    for (unsigned i = 0; i < 8; i++) {
        if (name[i] < '0' || name[i] > '9')
            return -1;
        number = number * 10 + (name[i] - '0');
    }
    return strcmp(name + 8, ".seg") == 0 || strcmp(name + 8, ".segz") == 0 ? number : -1;
}

static COLD int
say(struct journal_fault *fault, int error, const char *dir, const char *name, const char *what)
{
    snprintf(fault->text, sizeof fault->text, "%.150s%s%s: %s", dir, name[0] == '\0' ? "" : "/",
             name, what);
    return error;
}

static uint64_t
pages_of(uint64_t bytes)
{
    return (bytes + JOURNAL_PAGE_BYTES - 1) / JOURNAL_PAGE_BYTES;
}

/* maps_grow makes room for one more. */
static int
maps_grow(struct segments *segments)
{
    if (segments->cnt < segments->maps_max)
        return 0;

    const uint32_t maps_max = segments->maps_max == 0 ? 16 : 2 * segments->maps_max;
    struct segment_map *maps = realloc(segments->maps, maps_max * sizeof *maps);

    if (maps == NULL)
        return -ENOMEM;
    segments->maps = maps;
    segments->maps_max = maps_max;
    return 0;
}

/* segment_map_file maps one file whose descriptor is given. */
static int
segment_map_file(struct segment_map *map, int fd)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    *map = (struct segment_map){.bytes = (uint64_t)st.st_size};
    if (map->bytes == 0)
        return 0;

    void *mem = mmap(NULL, map->bytes, PROT_READ, MAP_SHARED, fd, 0);

    if (mem == MAP_FAILED)
        return -errno;
    (void)madvise(mem, map->bytes, MADV_SEQUENTIAL); /* a hint */
    map->pages = mem;
    return 0;
}

static void
segment_unmap(const struct segment_map *map)
{
    if (map->frames != NULL)
        frames_close(map->frames);
    else if (map->pages != NULL)
        munmap((void *)(uintptr_t)map->pages, map->bytes);
}

/* open_plain maps a plain segment. 0 or -errno with a text. */
static int
open_plain(const struct segments *segments,
           uint64_t segment_no,
           struct segment_map *map,
           struct journal_fault *fault)
{
    char name[SEGMENT_NAME_BYTES];

    segment_name(name, segment_no);

    const int fd = openat(segments->dir_fd, name, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return say(fault, -errno, segments->dir, name, strerror(errno));

    const int rc = segment_map_file(map, fd);

    close(fd);
    return rc == 0 ? 0 : say(fault, rc, segments->dir, name, strerror(-rc));
}

/* open_archive opens an archive. 0 or -errno with a text. */
static int
open_archive(const struct segments *segments,
             uint64_t segment_no,
             struct segment_map *map,
             struct journal_fault *fault)
{
    char name[ARCHIVE_NAME_BYTES];
    char why[ARCHIVE_WHY_BYTES];

    *map = (struct segment_map){0};
    archive_name(name, segment_no);

    int rc = frames_open(&map->frames, segments->dir_fd, segment_no, why);

    if (rc != 0)
        return say(fault, rc, segments->dir, name, why);
    map->bytes = map->frames->archive.header.segment_bytes;
    return 0;
}

/* segments_add opens the next segment. 0, -ENOENT when there is none, or another
 * -errno with a text. An archive gets its name before the plain file goes away,
 * so who misses the one finds the other. */
static int
segments_add(struct segments *segments, struct journal_fault *fault)
{
    const uint64_t segment_no = segments->first + segments->cnt;
    struct segment_map map;
    int rc = maps_grow(segments);

    if (rc != 0)
        return say(fault, rc, segments->dir, "", "out of memory");
    rc = open_plain(segments, segment_no, &map, fault);
    if (rc == -ENOENT)
        rc = open_archive(segments, segment_no, &map, fault);
    if (rc != 0)
        return rc;
    segments->maps[segments->cnt++] = map;
    if (map.bytes > segments->bytes)
        segments->bytes = map.bytes;
    return 0;
}

/* highest_number returns the highest segment number in the folder, -1: none. */
static int
highest_number(int dir_fd, int64_t *highest)
{
    const int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (dir == NULL) {
        const int error = -errno;

        if (fd >= 0)
            close(fd);
        return error;
    }
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        const int64_t number = segment_number(entry->d_name);

        if (number > *highest)
            *highest = number;
    }
    closedir(dir);
    return 0;
}

/* segment_pages returns how many pages a segment has, as far as that is known. */
static uint64_t
segment_pages(const struct segments *segments)
{
    const bool removed_tell = segments->bytes == 0 && segments->pruned != NULL;

    return pages_of(removed_tell ? segments->pruned->segment_bytes : segments->bytes);
}

/* say_of speaks of a whole segment; its first page stands for it. */
static COLD int
say_of(struct segments *segments,
       struct journal_fault *fault,
       uint64_t segment_no,
       const char *what)
{
    char name[SEGMENT_NAME_BYTES];

    segment_name(name, segment_no);
    fault->page_no = segment_no * segment_pages(segments);
    return say(fault, -EBADMSG, segments->dir, name, what);
}

/* map_is_zero tells whether a segment was never written to. */
static bool
map_is_zero(const struct segment_map *map)
{
    if (map->frames != NULL)
        return false;
    for (uint64_t i = 0; i < pages_of(map->bytes); i++) {
        if (!page_is_zero(&map->pages[i]))
            return false;
    }
    return true;
}

/* say_short speaks of a segment that was cut; the first page that is not all there stands
 * for it. */
static COLD int
say_short(struct segments *segments, struct journal_fault *fault, uint32_t cut, const char *what)
{
    const int rc = say_of(segments, fault, segments->first + cut, what);

    fault->page_no += segments->maps[cut].bytes / JOURNAL_PAGE_BYTES;
    return rc;
}

/* check_sizes sees to invariant 1. A segment gets its name when it has its full
 * size, so a crash leaves none that is short: somebody cut it, or copied a part
 * of it. Of a journal that has but one nobody can tell. */
static int
check_sizes(struct segments *segments, struct journal_fault *fault)
{
    uint32_t full_cnt = 0;

    for (uint32_t i = 0; i < segments->cnt; i++)
        full_cnt += segments->maps[i].bytes == segments->bytes;
    if (segments->cnt > 1 && segments->bytes % JOURNAL_PAGE_BYTES != 0)
        return say_of(segments, fault, segments->first,
                      "no segment has a whole number of pages (damage)");
    for (uint32_t i = 0; i < segments->cnt && full_cnt == 1 && segments->cnt > 2; i++) {
        if (segments->maps[i].bytes == segments->bytes) {
            segments->bytes = segments->maps[i == 0 ? 1 : 0].bytes;
            return say_of(segments, fault, segments->first + i,
                          "larger than the other segments (damage)");
        }
    }

    uint32_t cut = 0;

    while (cut < segments->cnt && segments->maps[cut].bytes == segments->bytes)
        cut++;
    for (uint32_t i = cut + 1; i < segments->cnt; i++) {
        if (segments->maps[i].bytes != segments->bytes || !map_is_zero(&segments->maps[i]))
            return say_short(segments, fault, cut,
                             "cut short, but a later segment is in use (damage)");
    }
    if (cut < segments->cnt && segments->cnt > 1)
        return say_short(segments, fault, cut, "cut short (damage)");
    return 0;
}

/* say_missing speaks of a segment that is not there, though the last one is. */
static COLD int
say_missing(struct segments *segments,
            struct journal_fault *fault,
            uint64_t segment_no,
            uint64_t highest)
{
    char name[SEGMENT_NAME_BYTES];
    char what[120];

    segment_name(name, highest);
    if (faccessat(segments->dir_fd, name, F_OK, 0) != 0)
        archive_name(name, highest);
    snprintf(what, sizeof what, "missing, but %s exists%s (damage)", name,
             segment_no == 0 ? ", and no file " PRUNED_NAME " says that it was removed" : "");
    return say_of(segments, fault, segment_no, what);
}

/* segments_add_all opens segments first to highest. */
static int
segments_add_all(struct segments *segments, int64_t highest, struct journal_fault *fault)
{
    for (int64_t i = segments->first; i <= highest; i++) {
        const int rc = segments_add(segments, fault);

        if (rc == -ENOENT)
            return say_missing(segments, fault, (uint64_t)i, (uint64_t)highest);
        if (rc != 0) {
            fault->page_no = (uint64_t)i * segment_pages(segments);
            return rc;
        }
    }
    return check_sizes(segments, fault);
}

/* begin_pruned finds where the journal begins if segments were removed from it. */
static int
begin_pruned(struct segments *segments, struct journal_fault *fault)
{
    struct pruned pruned;
    char why[128];
    int rc = pruned_load(&pruned, segments->dir_fd, why);

    if (rc != 0)
        return say(fault, rc, segments->dir, PRUNED_NAME, why);
    if (pruned.cnt != 0) {
        segments->pruned = malloc(sizeof *segments->pruned);
        if (segments->pruned == NULL) {
            rc = say(fault, -ENOMEM, segments->dir, PRUNED_NAME, "out of memory");
        } else {
            *segments->pruned = pruned.records[pruned.cnt - 1];
            segments->first = (uint32_t)segments->pruned->segment_no + 1;
        }
    }
    pruned_free(&pruned);
    return rc;
}

/* check_pruned checks that what was removed and what is left fit together. */
static int
check_pruned(struct segments *segments, struct journal_fault *fault)
{
    if (segments->pruned == NULL)
        return 0;
    if (segments->cnt == 0) {
        segments->bytes = segments->pruned->segment_bytes;
        return say_of(segments, fault, segments->first,
                      "missing, but the journal begins with it (damage)");
    }
    if (segments->bytes != segments->pruned->segment_bytes)
        return say_of(segments, fault, segments->first,
                      "of another size than the removed segments (damage)");
    return 0;
}

/* open_all opens all segments that there are now. */
static int
open_all(struct segments *segments, struct journal_fault *fault)
{
    int64_t highest = -1;
    int rc = begin_pruned(segments, fault);

    if (rc == 0) {
        rc = highest_number(segments->dir_fd, &highest);
        if (rc != 0)
            say(fault, rc, segments->dir, "", strerror(-rc));
    }
    if (rc == 0)
        rc = segments_add_all(segments, highest, fault);
    return rc != 0 ? rc : check_pruned(segments, fault);
}

/* segments_drop closes all segments, not the folder. */
static void
segments_drop(struct segments *segments)
{
    for (uint32_t i = 0; i < segments->cnt; i++)
        segment_unmap(&segments->maps[i]);
    free(segments->maps);
    free(segments->pruned);
    segments->maps = NULL;
    segments->pruned = NULL;
    segments->first = segments->cnt = segments->maps_max = 0;
    segments->bytes = 0;
}

/* segments_trim closes all segments behind those that are there and all of one
 * size, but for the next, if it was cut short. */
static void
segments_trim(struct segments *segments, const struct journal_fault *fault)
{
    const uint64_t per_segment = pages_of(segments->bytes);
    const uint64_t bad = per_segment == 0 ? 0 : fault->page_no / per_segment;
    uint32_t keep = bad <= segments->first ? 0 : (uint32_t)(bad - segments->first);

    if (keep < segments->cnt && segments->maps[keep].bytes <= segments->bytes)
        keep++;
    while (segments->cnt > keep)
        segment_unmap(&segments->maps[--segments->cnt]);
}

/* open_tries opens all, or what is left of it. */
static int
open_tries(struct segments *segments, const char *dir, bool some, struct journal_fault *fault)
{
    *segments = (struct segments){0};
    snprintf(segments->dir, sizeof segments->dir, "%s", dir);
    segments->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (segments->dir_fd < 0)
        return say(fault, -errno, dir, "", strerror(errno));

    int rc = -EBADMSG;

    /* What is missing may have been pruned while we looked: then it begins later. */
    for (unsigned tries = 0; tries < 3 && rc == -EBADMSG; tries++) {
        segments_drop(segments);
        *fault = (struct journal_fault){0};
        rc = open_all(segments, fault);
    }
    fault->damage = rc == -EBADMSG;
    if (rc == -EBADMSG && some) {
        segments_trim(segments, fault);
        return 0;
    }
    if (rc != 0)
        segments_close(segments);
    return rc;
}

int
segments_open(struct segments *segments, const char *dir, struct journal_fault *fault)
{
    return open_tries(segments, dir, false, fault);
}

int
segments_open_some(struct segments *segments, const char *dir, struct journal_fault *fault)
{
    return open_tries(segments, dir, true, fault);
}

uint64_t
segments_first_page(const struct segments *segments)
{
    return segments->first * pages_of(segments->bytes);
}

uint64_t
segments_pages_cnt(const struct segments *segments)
{
    if (segments->cnt == 0)
        return 0;
    return (segments->first + (uint64_t)segments->cnt - 1) * pages_of(segments->bytes) +
           pages_of(segments->maps[segments->cnt - 1].bytes);
}

bool
segments_begin_at(const struct segments *segments, uint64_t page_no)
{
    const uint64_t per_segment = pages_of(segments->bytes);

    return page_no == 0 || (per_segment != 0 && page_no % per_segment == 0);
}

/* segments_look maps the next segment of a live journal, if there is one. */
static bool
segments_look(struct segments *segments)
{
    struct journal_fault fault;
    const uint64_t bytes = segments->bytes;

    if (segments->cnt == 0 || segments->maps[segments->cnt - 1].bytes != bytes ||
        segments_add(segments, &fault) != 0)
        return false;
    if (segments->maps[segments->cnt - 1].bytes == bytes)
        return true;
    segment_unmap(&segments->maps[--segments->cnt]);
    segments->bytes = bytes;
    return false;
}

const struct segment_map *
segments_map_of(const struct segments *segments, uint64_t segment_no)
{
    ASSERT(segment_no >= segments->first && segment_no - segments->first < segments->cnt);
    return &segments->maps[segment_no - segments->first];
}

bool
segments_is_archive(const struct segments *segments, uint64_t page_no)
{
    const uint64_t per_segment = pages_of(segments->bytes);
    const uint64_t i = per_segment == 0 ? segments->cnt : page_no / per_segment - segments->first;

    return i < segments->cnt && segments->maps[i].frames != NULL;
}

/* segments_unpack returns page `at` of an archive. */
static COLD const struct page *
segments_unpack(struct segments *segments, const struct segment_map *map, uint64_t at)
{
    const struct page *page;
    char why[ARCHIVE_WHY_BYTES];
    const int rc = frames_page(map->frames, at, &page, why);

    if (rc == 0)
        return page;
    if (segments->error == 0) {
        char name[ARCHIVE_NAME_BYTES];

        archive_name(name, segments->first + (uint64_t)(map - segments->maps));
        snprintf(segments->why, sizeof segments->why, "%.100s/%s: %.120s", segments->dir, name,
                 why);
        segments->error = rc;
    }
    return NULL;
}

const struct page *
segments_page(struct segments *segments, uint64_t page_no)
{
    static const struct page zeros;
    const uint64_t per_segment = pages_of(segments->bytes);

    if (UNLIKELY(page_no >= segments_pages_cnt(segments)) && !segments_look(segments))
        return NULL;
    if (UNLIKELY(page_no < segments->first * per_segment))
        return NULL;

    const struct segment_map *map = &segments->maps[page_no / per_segment - segments->first];
    const uint64_t at = page_no % per_segment;

    ASSERT(map < segments->maps + segments->cnt);
    if (UNLIKELY(map->frames != NULL))
        return segments_unpack(segments, map, at);
    return LIKELY(at < pages_of(map->bytes)) ? &map->pages[at] : &zeros;
}

/* How far ahead the disk reads: 16 MiB, as a start from a cold cache found enough. */
#define AHEAD_PAGES 4096u

void
segments_ahead(const struct segments *segments, uint64_t page_no)
{
    const uint64_t per_segment = pages_of(segments->bytes);
    const uint64_t from = page_no + AHEAD_PAGES;
    const uint64_t i = per_segment == 0 ? segments->cnt : from / per_segment - segments->first;

    if (i >= segments->cnt || segments->maps[i].pages == NULL)
        return;

    const uint64_t at = from % per_segment * JOURNAL_PAGE_BYTES;
    const uint64_t step = SEGMENTS_AHEAD_STEP * JOURNAL_PAGE_BYTES;
    char *mem = (char *)(uintptr_t)segments->maps[i].pages + at;
    unsigned char is_there = 0;

    /* Of what is there already a page at a time would be looked up. */
    if (at + step <= segments->maps[i].bytes &&
        (mincore(mem, JOURNAL_PAGE_BYTES, &is_there) != 0 || (is_there & 1) == 0))
        (void)madvise(mem, step, MADV_WILLNEED);
}

void
segments_forget(struct segments *segments, uint64_t page_no)
{
    const uint64_t per_segment = pages_of(segments->bytes);

    for (uint32_t i = 0; i < segments->cnt; i++) {
        const uint64_t first = (segments->first + (uint64_t)i) * per_segment;

        if (first >= page_no)
            return;
        if (segments->maps[i].frames != NULL)
            frames_forget(segments->maps[i].frames, page_no - first);
    }
}

void
segments_say(const struct segments *segments,
             struct journal_fault *fault,
             uint64_t page_no,
             const char *what)
{
    const uint64_t per_segment = segments->cnt == 0 ? 1 : pages_of(segments->bytes);
    const uint64_t divisor = per_segment == 0 ? 1 : per_segment;
    const uint64_t i = page_no / divisor - segments->first;
    char name[SEGMENT_NAME_BYTES];

    _Static_assert(SEGMENT_NAME_BYTES == ARCHIVE_NAME_BYTES, "either name fits");
    if (i < segments->cnt && segments->maps[i].frames != NULL)
        archive_name(name, page_no / divisor);
    else
        segment_name(name, page_no / divisor);
    snprintf(fault->text, sizeof fault->text,
             "%.100s/%s at byte %" PRIu64 " (page %" PRIu64 "): %s", segments->dir, name,
             page_no % divisor * JOURNAL_PAGE_BYTES, page_no, what);
}

void
segments_close(struct segments *segments)
{
    segments_drop(segments);
    if (segments->dir_fd >= 0)
        close(segments->dir_fd);
    *segments = (struct segments){.dir_fd = -1};
}
