/*
 * Retain: doing what was decided, see retain.h.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "journal/retain_private.h"

/* unpack returns the pages of a segment, one behind the other. NULL: why. */
static const struct page *
unpack(struct retain *retain, const struct retain_item *item, char why[RETAIN_WHY_BYTES])
{
    const struct segment_map *map = segments_map_of(&retain->segments, item->segment.segment_no);
    const uint64_t pages_cnt = retain->segments.bytes / JOURNAL_PAGE_BYTES;

    if (map->frames == NULL)
        return map->pages;
    for (uint64_t i = 0; i < pages_cnt; i++) {
        if (segments_page(&retain->segments, item->header.first_page_no + i) != NULL)
            continue;
        retain_say(why, 0, "%s", retain->segments.why);
        return NULL;
    }
    return segments_page(&retain->segments, item->header.first_page_no);
}

/* has_good_archive tells whether the archive beside a plain segment is what would be
 * made now. */
static bool
has_good_archive(const struct retain *retain,
                 const struct retain_item *item,
                 const struct page *pages,
                 uint64_t *bytes)
{
    const struct archive_key *key = retain->cfg.key;
    char name[ARCHIVE_NAME_BYTES];
    char why[ARCHIVE_WHY_BYTES];
    struct archive archive;

    if (!item->has_archive || !item->has_plain)
        return false;
    archive_name(name, item->segment.segment_no);
    if (archive_open(&archive, retain->segments.dir_fd, name, item->segment.segment_no, why) != 0)
        return false;

    const struct archive_header *header = &archive.header;
    const bool encrypted = (header->flags & ARCHIVE_FLAG_ENCRYPTED) != 0;
    const bool wanted = key == NULL ? !encrypted
                                    : encrypted && memcmp(&header->key_id, archive_key_id(key),
                                                          sizeof header->key_id) == 0;
    const bool good = wanted && header->segment_bytes == item->header.segment_bytes &&
                      archive_compare(&archive, pages, why) == 0;

    *bytes = archive.len;
    archive_close(&archive);
    return good;
}

/* pack makes the archive and removes the plain segment. */
static int
pack(struct retain *retain, struct retain_item *item, uint64_t *bytes, char why[RETAIN_WHY_BYTES])
{
    const uint64_t segment_no = item->segment.segment_no;
    const uint64_t pages_cnt = retain->segments.bytes / JOURNAL_PAGE_BYTES;
    const struct page *pages = unpack(retain, item, why);
    char what[ARCHIVE_WHY_BYTES];
    struct archive_header header;
    int rc;

    if (pages == NULL)
        return retain->segments.error;
    rc = archive_describe(pages, pages_cnt, segment_no, &header, what);
    if (rc == 0 && !has_good_archive(retain, item, pages, bytes))
        rc = archive_write(retain->segments.dir_fd, &header, pages, retain->cfg.key, bytes, what);
    if (rc == 0 && item->has_plain)
        rc = archive_retire(retain->segments.dir_fd, segment_no, what);
    segments_forget(&retain->segments, (segment_no + 1) * pages_cnt);
    return rc == 0 ? 0 : retain_say(why, rc, "segment %" PRIu64 ": %s", segment_no, what);
}

/* drop removes the files of a segment, durably. */
static int
drop(struct retain *retain, const struct retain_item *item, char why[RETAIN_WHY_BYTES])
{
    const int dir_fd = retain->segments.dir_fd;
    char name[SEGMENT_NAME_BYTES];
    char archive[ARCHIVE_NAME_BYTES];

    segment_name(name, item->segment.segment_no);
    archive_name(archive, item->segment.segment_no);
    if ((unlinkat(dir_fd, name, 0) != 0 && errno != ENOENT) ||
        (unlinkat(dir_fd, archive, 0) != 0 && errno != ENOENT) || fsync(dir_fd) != 0)
        return retain_say(why, -errno, "segment %" PRIu64 " cannot be removed: %s",
                          item->segment.segment_no, strerror(errno));
    return 0;
}

/* prune notes durably that the journal begins behind a segment, and removes it. */
static int
prune(struct retain *retain, const struct retain_item *item, char why[RETAIN_WHY_BYTES])
{
    const struct archive_header *header = &item->header;
    struct pruned_record record = {
        .shard = header->shard,
        .segment_no = header->segment_no,
        .segment_bytes = header->segment_bytes,
        .first_seq = header->first_seq,
        .last_seq = header->last_seq,
        .last_time_ns = header->last_time_ns,
        .last_hash = header->last_hash,
        .last_epoch = header->last_epoch,
        .flags = (header->flags & ARCHIVE_FLAG_OPEN) != 0 ? PRUNED_FLAG_OPEN : 0,
        .pruned_ns = retain->cfg.now_ns,
        .uid = retain->cfg.uid,
        .years = retain->cfg.years,
        .snapshot_seq = retain->covered_seq,
    };

    _Static_assert(sizeof record.journal == sizeof header->journal, "the same id");
    memcpy(&record.journal, header->journal, sizeof record.journal);
    ASSERT(retain->pruned.cnt == header->segment_no);

    int rc = pruned_add(&retain->pruned, &record);

    if (rc == 0)
        rc = pruned_store(&retain->pruned, retain->segments.dir_fd);
    if (rc != 0) {
        retain->pruned.cnt = header->segment_no;
        return retain_say(why, rc, "the record of pruned segments cannot be written: %s",
                          strerror(-rc));
    }
    return drop(retain, item, why);
}

int
retain_do(struct retain *retain, size_t i, uint64_t *bytes, char why[RETAIN_WHY_BYTES])
{
    struct retain_item *item = &retain->items[i];

    ASSERT(i < retain->cnt && !retain->cfg.dry_run);
    *bytes = 0;
    switch (item->segment.deed) {
    case RETAIN_KEEP:
        *bytes = item->segment.disk_bytes;
        return 0;
    case RETAIN_PACK:
        return pack(retain, item, bytes, why);
    case RETAIN_PRUNE:
        return prune(retain, item, why);
    case RETAIN_REMOVE:
        return drop(retain, item, why);
    default:
        UNREACHABLE("retain_deed is a closed set");
    }
}
