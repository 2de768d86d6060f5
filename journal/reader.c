#include "journal/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "journal/chain.h"
#include "journal/reader_span.h"

/*
 * at ............ whole            limit: behind the last CELL_LAST seen
 *  page p  | page p+1 | page p+2 |
 *
 * Cells from (page_no, cell) to (limit_page_no, limit_cell) belong to finished
 * groups and are handed out without another look.
 *
 * A paused reader moves the limit to ends of pages alone, at which no group is
 * open: stop is the last. Groups that are finished in a page whose last is not
 * are held; if a new run makes that last one void, they are handed out by themselves.
 */
struct journal_reader {
    const struct page *page; /* in which cell lies; NULL before the first */
    uint64_t page_no;
    unsigned cell;
    unsigned limit_cell;
    uint64_t limit_page_no;
    const struct page *last_page; /* of the last message returned */
    uint64_t pages_cnt;
    bool follows;
    uint64_t forgotten; /* up to this page nothing that was unpacked is kept */
    bool headless;      /* the open group's command was pruned: it is passed over */
    bool paused;
    unsigned held_cell; /* behind the last CELL_LAST that is held; 0: none is */
    uint64_t held_page_no;
    uint64_t pause_seq;
    struct journal_place stop;
    struct chain chain;
};

/* How often what lies behind is forgotten: each costs a system call or two. */
#define FORGET_PAGES 1024u

/* reader_begin sets the reader at its first page. A foreign journal shows itself now,
 * not at the first message. */
static int
reader_begin(struct journal_reader *reader, const struct journal_place *from)
{
    struct chain_step step;

    if (from != NULL && from->page_no > 0) {
        reader->stop = *from;
        reader->pages_cnt = from->page_no;
        return chain_start_at(&reader->chain, from);
    }

    const int rc = chain_next(&reader->chain, &step);

    chain_start(&reader->chain, 0);
    reader->headless = reader->chain.at.open;
    return rc > 0 ? 0 : rc;
}

int
journal_reader_open(struct journal_reader **reader,
                    const char *dir,
                    int shard,
                    struct journal_fault *fault)
{
    return journal_reader_open_at(reader, dir, shard, NULL, fault);
}

int
journal_reader_open_at(struct journal_reader **reader,
                       const char *dir,
                       int shard,
                       const struct journal_place *from,
                       struct journal_fault *fault)
{
    struct journal_reader *new_reader = calloc(1, sizeof *new_reader);

    *fault = (struct journal_fault){0};
    if (new_reader == NULL)
        return -ENOMEM;

    int rc = chain_open(&new_reader->chain, dir, shard);

    if (rc == 0 && new_reader->chain.segments.cnt == 0) {
        segments_say(&new_reader->chain.segments, &new_reader->chain.fault, 0, "no such segment");
        rc = -ENOENT;
    }
    if (rc == 0)
        rc = reader_begin(new_reader, from);
    if (rc != 0) {
        *fault = new_reader->chain.fault;
        chain_close(&new_reader->chain);
        free(new_reader);
        return rc;
    }
    *reader = new_reader;
    return 0;
}

/* reader_enter sets the reader at the first cell of a page that was judged; that
 * of a segment page is none to hand out. */
static void
reader_enter(struct journal_reader *reader, uint64_t page_no)
{
    reader->page = segments_page(&reader->chain.segments, page_no);
    ASSERT(reader->page != NULL);
    reader->page_no = page_no;
    reader->cell = page_is_segment(reader->page) ? reader->page->header.cells : 0;
}

/* is_later tells whether the next page of a live journal is still to come: not
 * written, or seen while it was, and nothing behind it says otherwise. */
static bool
is_later(struct journal_reader *reader)
{
    struct segments *segments = &reader->chain.segments;
    const uint64_t page_no = reader->chain.at.page_no;
    const struct page *page = segments_page(segments, page_no);

    if (page == NULL)
        return segments->error == 0; /* else it is to be told */
    if (LIKELY(page->header.magic != 0 && page_is_whole(page)))
        return false;
    for (uint64_t next_no = page_no + 1; next_no <= page_no + JOURNAL_FOLLOW_PAGES; next_no++) {
        page = segments_page(segments, next_no);
        if (page == NULL || page->header.magic == 0)
            break;
        if (page->header.page_no == next_no && page_durable_cnt(&page->header) > page_no &&
            page_is_whole(page))
            return false;
    }
    return true;
}

/* reader_stop notes where the chain is: at the end of a page, and no group is open. */
static void
reader_stop(struct journal_reader *reader)
{
    const struct chain_place *at = &reader->chain.at;

    reader->held_cell = 0;
    reader->stop = (struct journal_place){
        .page_no = at->page_no, .prev_hash = at->prev_hash, .seq = at->seq, .epoch = at->epoch};
}

/* reader_behead goes over what the page just entered has of a group whose command was
 * pruned. False if it has nothing else: then no page is entered. */
static COLD bool
reader_behead(struct journal_reader *reader, const struct chain_step *step)
{
    const struct page *page = reader->page;

    reader->headless = reader->chain.at.open && step->abandoned == 0 && step->commands == 0;
    while (step->abandoned == 0 && reader->cell < page->header.cells &&
           !cell_is_command(&page->cells[reader->cell]))
        reader->cell += cell_count(&page->cells[reader->cell]);
    if (reader->cell < page->header.cells)
        return true;
    reader->page = NULL;
    if (reader->paused && !reader->chain.at.open)
        reader_stop(reader);
    return false;
}

/* reader_take moves the limit over a page that was judged, if it is to be moved. */
static bool
reader_take(struct journal_reader *reader, const struct chain_step *step)
{
    reader->pages_cnt = step->page_no + 1;
    if (reader->page == NULL || step->abandoned != 0) {
        reader_enter(reader, step->page_no);
        if (UNLIKELY(reader->headless) && !reader_behead(reader, step))
            return false;
        reader->limit_page_no = step->page_no;
        reader->limit_cell = reader->cell;
    }
    if (step->whole == 0 ||
        (reader->limit_page_no == step->page_no && step->whole <= reader->limit_cell))
        return false;
    if (reader->paused && reader->chain.at.open) {
        reader->held_page_no = step->page_no;
        reader->held_cell = step->whole;
        return false;
    }
    if (reader->paused)
        reader_stop(reader);
    reader->limit_page_no = step->page_no;
    reader->limit_cell = step->whole;
    return true;
}

/* reader_extend judges pages until one finishes a group: 1, and limit lies
 * further on; 0 at the end, or -errno. */
static int
reader_extend(struct journal_reader *reader)
{
    if (reader->paused && reader->stop.seq >= reader->pause_seq)
        return 0;
    for (;;) {
        const struct chain_place before = reader->chain.at;
        struct chain_step step;

        if (UNLIKELY(reader->follows) && is_later(reader))
            return 0;

        const int rc = chain_next(&reader->chain, &step);

        if (rc <= 0)
            return rc;
        if (UNLIKELY(step.abandoned != 0 && reader->held_cell != 0)) {
            /* What is held comes first, then this page once more. */
            reader->chain.at = before;
            reader->limit_page_no = reader->held_page_no;
            reader->limit_cell = reader->held_cell;
            reader->held_cell = 0;
            return 1;
        }
        if (reader_take(reader, &step))
            return 1;
    }
}

int
reader_span(struct journal_reader *reader, const union cell **cells)
{
    if (reader->page == NULL ||
        (reader->page_no == reader->limit_page_no && reader->cell == reader->limit_cell)) {
        const int rc = reader_extend(reader);

        if (rc <= 0)
            return rc;
    }
    while (reader->cell == reader->page->header.cells) {
        ASSERT(reader->page_no < reader->limit_page_no);
        reader_enter(reader, reader->page_no + 1);
    }

    const unsigned end =
        reader->page_no == reader->limit_page_no ? reader->limit_cell : reader->page->header.cells;

    ASSERT(reader->cell < end);
    *cells = &reader->page->cells[reader->cell];
    reader->last_page = reader->page;
    return (int)(end - reader->cell);
}

void
reader_skip(struct journal_reader *reader, unsigned count)
{
    reader->cell += count;
    ASSERT(reader->cell <= reader->page->header.cells);
}

int
journal_reader_next(struct journal_reader *reader, const union cell **cells)
{
    const int span = reader_span(reader, cells);

    if (span <= 0)
        return span;

    const unsigned count = cell_count(*cells);

    ASSERT(count <= (unsigned)span);
    reader_skip(reader, count);
    return (int)count;
}

const struct page *
journal_reader_page(const struct journal_reader *reader)
{
    return reader->last_page;
}

/* page_is_before tells whether a page begins before what is sought; a page that
 * is not valid counts as behind it, so that the walk comes upon it. */
static bool
page_is_before(struct journal_reader *reader, uint64_t page_no, bool by_time, uint64_t key)
{
    const struct page *page = segments_page(&reader->chain.segments, page_no);

    if (page == NULL || page->header.magic != JOURNAL_MAGIC || page->header.page_no != page_no ||
        !page_is_whole(page))
        return false;
    return (by_time ? page_time(page) : page->header.first_seq) < key;
}

/* reader_seek sets the reader at the first command whose seq or time is at
 * or past the key. Equal keys may span pages, so it sets out one page early. */
static int
reader_seek(struct journal_reader *reader, bool by_time, uint64_t key)
{
    const uint64_t first = segments_first_page(&reader->chain.segments);
    uint64_t low = first;
    uint64_t high = segments_pages_cnt(&reader->chain.segments);

    while (low < high) {
        const uint64_t middle = low + (high - low) / 2;

        if (page_is_before(reader, middle, by_time, key))
            low = middle + 1;
        else
            high = middle;
    }
    chain_start(&reader->chain, low == first ? first : low - 1);
    reader->forgotten = reader->chain.at.page_no;
    reader->headless = reader->chain.at.open;
    reader->page = NULL;
    reader->limit_page_no = 0;
    reader->limit_cell = 0;

    const union cell *cells;
    int span;

    while ((span = reader_span(reader, &cells)) > 0) {
        const uint64_t value = by_time ? cell_time(cells) : cell_seq(cells);

        if (cell_is_command(cells) && value >= key)
            return 0;
        reader_skip(reader, cell_count(cells));
    }
    return span;
}

int
journal_reader_seek_seq(struct journal_reader *reader, uint64_t seq)
{
    return reader_seek(reader, false, seq);
}

int
journal_reader_seek_time(struct journal_reader *reader, uint64_t time_ns)
{
    return reader_seek(reader, true, time_ns);
}

void
journal_reader_follow(struct journal_reader *reader)
{
    reader->follows = true;
}

void
journal_reader_forget(struct journal_reader *reader, const union cell *keep)
{
    /* Pages are aligned, in files that are mapped and in archives. */
    const uintptr_t at = (uintptr_t)keep & ~(uintptr_t)(JOURNAL_PAGE_BYTES - 1);
    const uint64_t page_no = ((const struct page *)at)->header.page_no;

    if (page_no < reader->forgotten + FORGET_PAGES)
        return;
    segments_forget(&reader->chain.segments, page_no);
    reader->forgotten = page_no;
}

void
journal_reader_pause(struct journal_reader *reader, uint64_t seq)
{
    ASSERT(reader->page == NULL || reader->paused);
    reader->paused = true;
    reader->pause_seq = seq;
}

struct journal_place
journal_reader_place(const struct journal_reader *reader)
{
    ASSERT(reader->paused);
    return reader->stop;
}

int
journal_reader_sync(const struct journal_reader *reader, uint64_t from_no, uint64_t to_no)
{
    const struct segments *segments = &reader->chain.segments;
    const uint64_t per_segment = segments->bytes / JOURNAL_PAGE_BYTES;
    int rc = 0;

    for (uint64_t no = from_no / per_segment; no * per_segment < to_no && rc == 0; no++) {
        char name[SEGMENT_NAME_BYTES];

        segment_name(name, no);

        const int fd = openat(segments->dir_fd, name, O_RDONLY | O_CLOEXEC);

        if (fd < 0 && errno == ENOENT)
            continue; /* archived since, so it is durable */
        if (fd < 0 || fdatasync(fd) != 0)
            rc = -errno;
        if (fd >= 0)
            close(fd);
    }
    return rc;
}

const struct journal_fault *
journal_reader_fault(const struct journal_reader *reader)
{
    return &reader->chain.fault;
}

uint64_t
journal_reader_pages_cnt(const struct journal_reader *reader)
{
    return reader->pages_cnt;
}

uint64_t
journal_reader_bytes(const struct journal_reader *reader)
{
    return reader->pages_cnt * JOURNAL_PAGE_BYTES;
}

uint16_t
journal_reader_shard(const struct journal_reader *reader)
{
    return reader->chain.shard < 0 ? 0 : (uint16_t)reader->chain.shard;
}

uint64_t
journal_reader_first_segment(const struct journal_reader *reader)
{
    return reader->chain.segments.first;
}

uint64_t
journal_reader_pruned_ns(const struct journal_reader *reader)
{
    const struct pruned_record *pruned = reader->chain.segments.pruned;

    return pruned == NULL ? 0 : pruned->last_time_ns;
}

const struct journal_id *
journal_reader_id(const struct journal_reader *reader)
{
    return &reader->chain.journal;
}

void
journal_reader_close(struct journal_reader *reader)
{
    chain_close(&reader->chain);
    free(reader);
}
