#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "journal/chain.h"
#include "journal/disk.h"

/* How much of what was unpacked is kept while it walks. */
#define FORGET_PAGES 1024u

/* recover_error words a failed call on a segment. */
static COLD int
recover_error(const struct segments *segments,
              uint64_t page_no,
              const char *call,
              struct journal_fault *fault)
{
    const int error = errno;
    char what[100];

    snprintf(what, sizeof what, "%s: %s", call, strerror(error));
    segments_say(segments, fault, page_no, what);
    return -error;
}

/* zero_page writes zeros where the page is not zero; 1 if it did, 0 or -errno.
 * Nothing is written behind the end of a short file. */
static int
zero_page(const struct segment_map *map, int fd, uint64_t off)
{
    static const struct page zeros;
    const uint64_t left = map->bytes - off < sizeof zeros ? map->bytes - off : sizeof zeros;

    if (page_is_zero(&map->pages[off / JOURNAL_PAGE_BYTES]))
        return 0;

    const ssize_t rc = pwrite(fd, &zeros, left, (off_t)off);

    if (rc != (ssize_t)left) {
        errno = rc < 0 ? errno : EIO;
        return -errno;
    }
    return 1;
}

/* segment_settle durably zeroes what lies in the segment at and behind page_no, if
 * anything does, and syncs what lies before: a run that died may have left it to the
 * cache, and the next run calls it durable. */
static int
segment_settle(struct segments *segments,
               uint64_t segment_no,
               uint64_t page_no,
               bool dirty,
               struct journal_end *end,
               struct journal_fault *fault)
{
    const uint64_t per_segment = (segments->bytes + JOURNAL_PAGE_BYTES - 1) / JOURNAL_PAGE_BYTES;
    const uint64_t first = segment_no * per_segment;
    const struct segment_map *map = segments_map_of(segments, segment_no);
    char name[SEGMENT_NAME_BYTES];
    int rc = 0;

    /* An archive is complete and durable since it has its name. */
    if (map->frames != NULL)
        return 0;
    segment_name(name, segment_no);

    const int fd = openat(segments->dir_fd, name, O_RDWR | O_CLOEXEC);

    /* A complete one may have been compressed or pruned since we looked. */
    if (fd < 0 && errno == ENOENT && first + per_segment <= page_no)
        return 0;
    if (fd < 0)
        return recover_error(segments, first, "open", fault);
    /* The writer of a segment holds it, so that nobody takes it away by removing a file. */
    if (disk_segment_hold(fd) != 0) {
        rc = recover_error(segments, first, "locked, another outcry writes it", fault);
        close(fd);
        return rc;
    }
    for (uint64_t off = 0; dirty && off < map->bytes && rc >= 0; off += JOURNAL_PAGE_BYTES) {
        if (first + off / JOURNAL_PAGE_BYTES < page_no)
            continue;
        rc = zero_page(map, fd, off);
        if (rc < 0)
            recover_error(segments, first + off / JOURNAL_PAGE_BYTES, "write", fault);
        else if (rc > 0)
            end->zeroed_bytes += JOURNAL_PAGE_BYTES;
    }
    if (rc >= 0 && fdatasync(fd) != 0)
        rc = recover_error(segments, first, "fdatasync", fault);
    close(fd);
    return rc < 0 ? rc : 0;
}

/* settle makes durable what the journal is from now on. */
static int
settle(struct chain *chain, struct journal_end *end, struct journal_fault *fault)
{
    int rc = 0;

    for (uint32_t i = 0; i < chain->segments.cnt && rc == 0; i++)
        rc = segment_settle(&chain->segments, chain->segments.first + (uint64_t)i,
                            end->next_page_no, chain->tail_dirty, end, fault);
    if (rc == 0 && fsync(chain->segments.dir_fd) != 0)
        rc = recover_error(&chain->segments, end->next_page_no, "fsync of the folder", fault);
    return rc;
}

/* segment_bytes_of returns the size of the journal's segments. If its first page
 * is gone nothing says it but the files, of which an only one may be cut. */
static uint64_t
segment_bytes_of(const struct chain *chain)
{
    const struct segments *segments = &chain->segments;

    if (chain->at.page_no != 0)
        return (uint64_t)chain->segment_pages * JOURNAL_PAGE_BYTES;
    if (segments->cnt == 1 &&
        (segments->bytes < JOURNAL_SEGMENT_BYTES_MIN || segments->bytes % JOURNAL_PAGE_BYTES != 0))
        return 0;
    return segments->bytes;
}

/* page_at returns a page that was judged. */
static const struct page *
page_at(struct chain *chain, uint64_t page_no)
{
    const struct page *page = segments_page(&chain->segments, page_no);

    ASSERT(page != NULL);
    return page;
}

/* run_begin returns the first page of the run of an epoch, or of a later one. */
static uint64_t
run_begin(struct chain *chain, uint64_t end_no, uint32_t epoch)
{
    uint64_t low = segments_first_page(&chain->segments);
    uint64_t high = end_no;

    while (low < high) {
        const uint64_t middle = low + (high - low) / 2;

        if (page_at(chain, middle)->header.epoch < epoch)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* page_restart returns the Restart in a page, NULL if it has none. The page may be
 * one that was taken on trust and never judged. */
static const struct cell_restart *
page_restart(const struct page *page)
{
    const unsigned cells_cnt =
        page->header.cells < JOURNAL_PAGE_CELLS ? page->header.cells : JOURNAL_PAGE_CELLS;

    for (unsigned i = 0; i < cells_cnt && !page_is_segment(page); i++) {
        if (cell_kind(&page->cells[i]) == CELL_KIND_RESTART)
            return &page->cells[i].restart;
    }
    return NULL;
}

/* find_restart looks for the last Restart: at the begin of the last run, where only
 * what the time brought comes before it, or of an earlier one if that run
 * died before. */
static void
find_restart(struct chain *chain, struct journal_end *end)
{
    const uint64_t begin = segments_first_page(&chain->segments);
    uint64_t behind = end->next_page_no;

    while (behind > begin) {
        const uint64_t first = run_begin(chain, behind, page_at(chain, behind - 1)->header.epoch);

        for (uint64_t page_no = first; page_no < behind; page_no++) {
            const struct cell_restart *restart = page_restart(page_at(chain, page_no));

            if (restart == NULL)
                continue;
            end->restarted = true;
            end->config_hash = restart->config_hash;
            end->binary_hash = restart->binary_hash;
            return;
        }
        behind = first;
    }
    /* It was pruned. The segment page has what it said. */
    if (begin != 0 && end->next_page_no > begin) {
        const struct segment_header *segment = &page_at(chain, begin)->segment;

        end->restarted = true;
        end->config_hash = segment->config_hash;
        end->binary_hash = segment->binary_hash;
    }
}

int
journal_recover(const char *dir,
                uint16_t shard,
                struct journal_end *end,
                struct journal_fault *fault)
{
    return journal_recover_at(dir, shard, NULL, end, fault);
}

int
journal_recover_at(const char *dir,
                   uint16_t shard,
                   const struct journal_place *from,
                   struct journal_end *end,
                   struct journal_fault *fault)
{
    struct chain chain;
    struct chain_step step;

    *end = (struct journal_end){0};
    *fault = (struct journal_fault){0};

    int rc = chain_open(&chain, dir, shard);

    if (rc != 0) {
        *fault = chain.fault;
        return rc;
    }
    if (from != NULL && from->page_no > 0)
        rc = chain_start_at(&chain, from);
    while (rc == 0 && (rc = chain_next(&chain, &step)) > 0) {
        rc = 0;
        if (step.page_no % FORGET_PAGES == 0)
            segments_forget(&chain.segments, step.page_no);
    }
    *fault = chain.fault;
    if (rc == 0) {
        *end = (struct journal_end){
            .next_page_no = chain.at.page_no,
            .prev_hash = chain.at.prev_hash,
            .last_seq = chain.at.seq - (chain.at.open ? 1 : 0),
            .epoch = chain.at.epoch,
            .dropped_cells = chain.at.open_cells,
            .segment_bytes = segment_bytes_of(&chain),
        };
        if (chain.at.page_no != 0)
            end->journal = chain.journal;
        find_restart(&chain, end);
        rc = settle(&chain, end, fault);
    }
    chain_close(&chain);
    return rc;
}
