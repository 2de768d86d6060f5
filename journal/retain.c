#include "journal/retain.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "journal/retain_private.h"
#include "journal/seal.h"
#include "journal/snapshot.h"

#define NS_PER_S 1000000000u

int
retain_say(char why[RETAIN_WHY_BYTES], int rc, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(why, RETAIN_WHY_BYTES, format, args);
    va_end(args);
    return rc;
}

const char *
retain_reason_text(enum retain_reason reason)
{
    switch (reason) {
    case RETAIN_DO:
        return "nothing is against it";
    case RETAIN_DONE:
        return "done already";
    case RETAIN_NOT_ASKED:
        return "not asked for";
    case RETAIN_IN_USE:
        return "in use";
    case RETAIN_DAMAGED:
        return "damaged";
    case RETAIN_UNSEALED:
        return "not sealed";
    case RETAIN_OTHER_SEAL:
        return "its seal does not fit";
    case RETAIN_NO_KEY:
        return "encrypted under a key that was not given";
    case RETAIN_NO_YEARS:
        return "no number of years was given";
    case RETAIN_YOUNG:
        return "too young";
    case RETAIN_UNCOVERED:
        return "no good snapshot lies behind it";
    case RETAIN_BEHIND:
        return "a segment before it is kept";
    default:
        UNREACHABLE("retain_reason is a closed set");
    }
}

uint64_t
retain_until(uint64_t time_ns, uint32_t years)
{
    const time_t seconds = (time_t)(time_ns / NS_PER_S);
    struct tm tm;

    ASSERT(years <= RETAIN_YEARS_MAX);
    if (gmtime_r(&seconds, &tm) == NULL)
        return 0;
    tm.tm_year += (int)years;

    const time_t until = timegm(&tm); /* makes 1 March of a 29 February that is none */

    if (until < 0 || (uint64_t)until > UINT64_MAX / NS_PER_S - 1)
        return 0;
    return (uint64_t)until * NS_PER_S + time_ns % NS_PER_S;
}

/* file_bytes returns the size of a file, 0 and false if there is none. */
static bool
file_bytes(const struct retain *retain, const char *name, uint64_t *bytes)
{
    struct stat st;

    if (fstatat(retain->segments.dir_fd, name, &st, 0) != 0)
        return false;
    *bytes += (uint64_t)st.st_size;
    return true;
}

/* look_at_files finds in which form the segment is there. */
static void
look_at_files(const struct retain *retain, struct retain_item *item)
{
    struct retain_segment *segment = &item->segment;
    char name[SEGMENT_NAME_BYTES];
    char archive[ARCHIVE_NAME_BYTES];

    segment_name(name, segment->segment_no);
    archive_name(archive, segment->segment_no);
    segment->disk_bytes = 0;
    item->has_plain = file_bytes(retain, name, &segment->disk_bytes);
    item->has_archive = file_bytes(retain, archive, &segment->disk_bytes);
    segment->form =
        item->has_plain ? item->has_archive ? RETAIN_BOTH : RETAIN_PLAIN : RETAIN_COMPRESSED;
}

/* glance fills the header of a segment. False: it is in use, or damaged. */
static bool
glance(struct retain *retain, struct retain_item *item)
{
    struct retain_segment *segment = &item->segment;
    const struct segment_map *map = segments_map_of(&retain->segments, segment->segment_no);
    const uint64_t pages_cnt = retain->segments.bytes / JOURNAL_PAGE_BYTES;
    char why[ARCHIVE_WHY_BYTES];

    if (map->frames != NULL) {
        item->header = map->frames->archive.header;
        if ((item->header.flags & ARCHIVE_FLAG_ENCRYPTED) != 0)
            segment->form = RETAIN_ENCRYPTED;
        return true;
    }

    const struct page *first = map->pages;
    const struct page *last = &map->pages[pages_cnt - 1];

    if (map->bytes != retain->segments.bytes || page_is_zero(first) || page_is_zero(last)) {
        segment->pack = segment->prune = RETAIN_IN_USE;
        return false;
    }
    if (archive_glance(first, last, pages_cnt, segment->segment_no, &item->header, why) == 0)
        return true;
    snprintf(segment->text, sizeof segment->text, "%s", why);
    segment->pack = segment->prune = RETAIN_DAMAGED;
    return false;
}

/* is_followed tells whether the next segment was begun, and follows this one. */
static bool
is_followed(struct retain *retain, struct retain_item *item)
{
    struct retain_segment *segment = &item->segment;
    const uint64_t next_no = segment->segment_no + 1;
    const uint64_t pages_cnt = retain->segments.bytes / JOURNAL_PAGE_BYTES;
    const struct hash128 *prev_hash = NULL;

    if (next_no - retain->segments.first < retain->segments.cnt) {
        const struct segment_map *map = segments_map_of(&retain->segments, next_no);

        if (map->frames != NULL) {
            prev_hash = &map->frames->archive.header.prev_hash;
        } else if (map->pages != NULL && !page_is_zero(&map->pages[0])) {
            const struct page *page = &map->pages[0];

            if (page_check(page, item->header.shard, next_no * pages_cnt, NULL) == PAGE_OK)
                prev_hash = &page->header.prev_hash;
        }
    }
    if (prev_hash == NULL) {
        segment->pack = segment->prune = RETAIN_IN_USE;
        return false;
    }
    if (hash128_equal(*prev_hash, item->header.last_hash))
        return true;
    snprintf(segment->text, sizeof segment->text, "segment %" PRIu64 " does not follow it",
             next_no);
    segment->pack = segment->prune = RETAIN_DAMAGED;
    return false;
}

/* judge_seal tells whether the segment's seal is there and of its content. */
static enum retain_reason
judge_seal(const struct retain *retain, struct retain_item *item)
{
    struct retain_segment *segment = &item->segment;
    char name[SEAL_NAME_BYTES];
    char why[256];
    struct seal seal;

    seal_name(name, segment->segment_no);

    const int rc = seal_read(&seal, retain->segments.dir_fd, name, why);

    if (rc == -ENOENT)
        return RETAIN_UNSEALED;
    if (rc == 0 && retain->cfg.seals != NULL && seal_check(&seal, retain->cfg.seals, why) < 0) {
        snprintf(segment->text, sizeof segment->text, "%.13s: %.180s", name, why);
        return RETAIN_OTHER_SEAL;
    }
    if (rc != 0) {
        snprintf(segment->text, sizeof segment->text, "%.190s", why);
        return RETAIN_OTHER_SEAL;
    }

    const struct seal_statement *sealed = &seal.statement;

    if (sealed->segment_no == segment->segment_no && sealed->shard == item->header.shard &&
        memcmp(&sealed->journal, item->header.journal, sizeof item->header.journal) == 0 &&
        sealed->pages_cnt == item->header.segment_bytes / JOURNAL_PAGE_BYTES &&
        hash128_equal(sealed->end_hash, item->header.last_hash))
        return RETAIN_DO;
    snprintf(segment->text, sizeof segment->text, "%s is not of what the segment holds now", name);
    return RETAIN_OTHER_SEAL;
}

/* judge_pack tells whether a segment that is sealed is to be packed. */
static enum retain_reason
judge_pack(const struct retain *retain, const struct retain_item *item)
{
    const struct retain_cfg *cfg = &retain->cfg;
    const struct archive_key_id *now = &item->header.key_id;

    if (!cfg->pack)
        return RETAIN_NOT_ASKED;
    switch (item->segment.form) {
    case RETAIN_PLAIN:
    case RETAIN_BOTH:
        return RETAIN_DO;
    case RETAIN_COMPRESSED:
        return cfg->key == NULL ? RETAIN_DONE : RETAIN_DO;
    case RETAIN_ENCRYPTED:
        if (cfg->key == NULL || memcmp(archive_key_id(cfg->key), now, sizeof *now) == 0)
            return RETAIN_DONE;
        return archive_key_find(now) == NULL ? RETAIN_NO_KEY : RETAIN_DO;
    default:
        UNREACHABLE("retain_form is a closed set");
    }
}

/* judge_prune tells whether a segment that is sealed is to be pruned. */
static enum retain_reason
judge_prune(const struct retain *retain, struct retain_item *item, bool before_kept)
{
    const struct retain_cfg *cfg = &retain->cfg;
    struct retain_segment *segment = &item->segment;
    const uint64_t end_page =
        item->header.first_page_no + item->header.segment_bytes / JOURNAL_PAGE_BYTES;

    if (cfg->years != RETAIN_FOREVER)
        segment->keep_until_ns = retain_until(segment->last_time_ns, cfg->years);
    if (!cfg->prune)
        return RETAIN_NOT_ASKED;
    if (cfg->years == RETAIN_FOREVER)
        return RETAIN_NO_YEARS;
    if (segment->keep_until_ns == 0 || cfg->now_ns < segment->keep_until_ns)
        return RETAIN_YOUNG;
    if (retain->covered_page < end_page)
        return RETAIN_UNCOVERED;
    return before_kept ? RETAIN_BEHIND : RETAIN_DO;
}

/* judge decides about one segment. */
static void
judge(struct retain *retain, struct retain_item *item, bool before_kept)
{
    struct retain_segment *segment = &item->segment;

    look_at_files(retain, item);
    if (!glance(retain, item))
        return;
    segment->first_seq = item->header.first_seq;
    segment->last_seq = item->header.last_seq;
    segment->last_time_ns = item->header.last_time_ns;
    if (!is_followed(retain, item))
        return;

    const enum retain_reason seal = judge_seal(retain, item);

    segment->pack = judge_pack(retain, item);
    segment->prune = judge_prune(retain, item, before_kept);
    if (seal != RETAIN_DO) {
        segment->pack = segment->pack == RETAIN_DO ? seal : segment->pack;
        segment->prune = retain->cfg.prune ? seal : segment->prune;
    }
    if (segment->prune == RETAIN_DO)
        segment->deed = RETAIN_PRUNE;
    else if (segment->pack == RETAIN_DO)
        segment->deed = RETAIN_PACK;
}

/* judge_all decides about all: first what is left of pruned ones, then the others. */
static int
judge_all(struct retain *retain)
{
    const uint64_t first = retain->segments.first;
    const uint64_t all = first + retain->segments.cnt;
    bool kept = false;

    retain->items = calloc(all, sizeof *retain->items);
    retain->shown = calloc(all, sizeof *retain->shown);
    if (retain->items == NULL || retain->shown == NULL)
        return -ENOMEM;
    for (uint64_t i = 0; i < all; i++) {
        struct retain_item *item = &retain->items[retain->cnt];

        item->segment.segment_no = i;
        if (i < first) {
            look_at_files(retain, item);
            if (!item->has_plain && !item->has_archive)
                continue;
            item->segment.pack = item->segment.prune = RETAIN_DONE;
            item->segment.deed = retain->cfg.prune ? RETAIN_REMOVE : RETAIN_KEEP;
        } else {
            judge(retain, item, kept);
            kept = kept || item->segment.deed != RETAIN_PRUNE;
        }
        retain->shown[retain->cnt++] = item->segment;
    }
    return 0;
}

/* look finds what there is to decide by. */
static int
look(struct retain *retain, char why[RETAIN_WHY_BYTES])
{
    const struct retain_cfg *cfg = &retain->cfg;
    struct snapshot_info snapshot;
    char what[128];
    int rc;

    if (retain->segments.cnt == 0)
        return retain_say(why, -ENOENT, "%s holds no journal", cfg->dir);
    rc = pruned_load(&retain->pruned, retain->segments.dir_fd, what);
    if (rc != 0)
        return retain_say(why, rc, "%s/" PRUNED_NAME ": %s", cfg->dir, what);
    rc = snapshot_newest(cfg->dir, &snapshot);
    if (rc > 0) {
        retain->covered_page = snapshot.place.page_no;
        retain->covered_seq = snapshot.seq;
    }
    return judge_all(retain) == 0 ? 0 : retain_say(why, -ENOMEM, "out of memory");
}

/* lock keeps others out that would write. */
static int
lock(struct retain *retain, char why[RETAIN_WHY_BYTES])
{
    const char *dir = retain->cfg.dir;

    if (retain->cfg.dry_run)
        return 0;
    retain->lock_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (retain->lock_fd < 0)
        return retain_say(why, -errno, "%s: %s", dir, strerror(errno));
    if (flock(retain->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno == EWOULDBLOCK)
        return retain_say(why, -EWOULDBLOCK, "another retain is at work in %s", dir);
    return retain_say(why, -errno, "%s cannot be locked: %s", dir, strerror(errno));
}

int
retain_open(struct retain **retain, const struct retain_cfg *cfg, char why[RETAIN_WHY_BYTES])
{
    struct retain *new_retain = calloc(1, sizeof *new_retain);
    struct journal_fault fault;

    ASSERT(cfg->years == RETAIN_FOREVER || cfg->years <= RETAIN_YEARS_MAX);
    if (new_retain == NULL)
        return retain_say(why, -ENOMEM, "out of memory");
    new_retain->cfg = *cfg;
    new_retain->lock_fd = -1;
    new_retain->segments.dir_fd = -1;

    int rc = lock(new_retain, why);

    if (rc == 0) {
        rc = segments_open(&new_retain->segments, cfg->dir, &fault);
        if (rc != 0)
            retain_say(why, rc, "%s", fault.text);
    }
    if (rc == 0)
        rc = look(new_retain, why);
    if (rc != 0) {
        retain_close(new_retain);
        return rc;
    }
    *retain = new_retain;
    return 0;
}

const struct retain_segment *
retain_segments(const struct retain *retain, size_t *cnt)
{
    *cnt = retain->cnt;
    return retain->shown;
}

uint64_t
retain_covered_seq(const struct retain *retain)
{
    return retain->covered_seq;
}

void
retain_close(struct retain *retain)
{
    segments_close(&retain->segments);
    pruned_free(&retain->pruned);
    free(retain->items);
    free(retain->shown);
    if (retain->lock_fd >= 0)
        close(retain->lock_fd);
    free(retain);
}
