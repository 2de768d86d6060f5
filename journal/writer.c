#include "journal/writer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "journal/segments.h"
#include "journal/writer_private.h"

/* count adds to a statistic that other threads may read. */
static inline void
count(uint64_t *statistic, uint64_t add)
{
    __atomic_store_n(statistic, *statistic + add, __ATOMIC_RELAXED);
}

void
batch_begin(struct journal_writer *writer, struct batch *batch, uint64_t first_page_no)
{
    const uint64_t left = writer->segment_pages - first_page_no % writer->segment_pages;

    batch->first_page_no = first_page_no;
    batch->last_pos = 0;
    batch->pages_cnt = 0;
    batch->pages_max = left < writer->batch_pages ? (uint32_t)left : writer->batch_pages;
    batch->sync = false;
}

/* seal_as completes the page being filled: header, zeros, hash. */
static void
seal_as(struct journal_writer *writer, uint8_t flags)
{
    struct batch *batch = writer->gather;
    struct page *page = &batch->pages[batch->pages_cnt];
    struct page_header *header = &page->header;
    const uint64_t page_no = batch->first_page_no + batch->pages_cnt;
    const uint64_t lag = page_no - writer->durable_pages;

    ASSERT(writer->page_cells > 0);
    ASSERT(writer->durable_pages <= page_no);
    header->magic = JOURNAL_MAGIC;
    header->format = JOURNAL_FORMAT;
    header->shard = writer->shard;
    header->page_no = page_no;
    header->epoch = writer->epoch;
    header->durable_lag = lag < UINT16_MAX ? (uint16_t)lag : UINT16_MAX;
    header->cells = (uint8_t)writer->page_cells;
    header->flags = flags;
    header->prev_hash = writer->prev_hash;
    header->hash = (struct hash128){0};
    memset(&page->cells[writer->page_cells], 0,
           (JOURNAL_PAGE_CELLS - writer->page_cells) * sizeof(union cell));
    header->hash = hash128_of(page, sizeof *page); /* page_hash, without its copy */
    writer->prev_hash = header->hash;
    batch->pages_cnt++;
    writer->page_cells = 0;
    writer->page_command = false;
}

static inline void
seal(struct journal_writer *writer)
{
    const struct batch *batch = writer->gather;
    const bool command = cell_is_command(&batch->pages[batch->pages_cnt].cells[0]);

    seal_as(writer, command ? JOURNAL_FLAG_GROUP : 0);
}

/* begin_segment makes the segment page; first is the message behind it. */
static COLD void
begin_segment(struct journal_writer *writer, const union cell *first)
{
    struct batch *batch = writer->gather;
    struct page *page = &batch->pages[0];

    ASSERT(batch->pages_cnt == 0);
    ASSERT(writer->page_cells == 0);
    page->segment = writer->segment;
    page->segment.segment_no = (uint32_t)(batch->first_page_no / writer->segment_pages);
    page->segment.last_seq = cell_seq(first) - (cell_is_command(first) ? 1 : 0);
    page->segment.time = cell_time(first);
    page->header.first_seq = cell_seq(first);
    writer->page_cells = 1;
    seal_as(writer, JOURNAL_FLAG_SEGMENT);
}

/* put copies one message of cells_cnt cells, whose place in the out-ring is
 * `ahead`, into the page being filled, which has room. */
static inline void
put(struct journal_writer *writer, uint64_t ahead, unsigned cells_cnt)
{
    struct batch *batch = writer->gather;
    struct page *page = &batch->pages[batch->pages_cnt];
    const union cell *first = ring_reader_cell(writer->out, ahead);

    if (!writer->page_command && (writer->page_cells == 0 || cell_is_command(first))) {
        page->header.first_seq = cell_seq(first);
        writer->page_command = cell_is_command(first);
    }
    for (unsigned i = 0; i < cells_cnt; i++)
        page->cells[writer->page_cells + i] = *ring_reader_cell(writer->out, ahead + i);
    writer->page_cells += cells_cnt;
    if (cell_is_last(&page->cells[writer->page_cells - 1]))
        batch->last_pos = writer->out->pos + ahead + cells_cnt;
}

HOT int
writer_gather(struct journal_writer *writer, uint64_t now_ns)
{
    struct batch *batch = writer->gather;
    const uint64_t room = (uint64_t)(batch->pages_max - batch->pages_cnt) * JOURNAL_PAGE_CELLS;
    const uint64_t available = ring_reader_available(writer->out, room);
    uint64_t taken = 0;

    if (available == 0)
        return 0;
    if (!writer_has_cells(writer))
        batch->since_ns = now_ns;
    if (UNLIKELY(writer_begins_segment(writer)))
        begin_segment(writer, ring_reader_cell(writer->out, 0));
    while (taken < available && batch->pages_cnt < batch->pages_max) {
        const unsigned cells_cnt = cell_count(ring_reader_cell(writer->out, taken));

        ASSERT(cells_cnt >= 1);
        ASSERT(cells_cnt <= CELL_MESSAGE_MAX);
        ASSERT(taken + cells_cnt <= available);
        if (writer->page_cells + cells_cnt > JOURNAL_PAGE_CELLS) {
            seal(writer);
            continue;
        }
        put(writer, taken, cells_cnt);
        taken += cells_cnt;
    }
    ring_reader_advance(writer->out, taken);
    ring_reader_release(writer->out);
    count(&writer->stats.cells, taken);
    return (int)taken;
}

/* fail ends the process, naming what was written. */
static _Noreturn COLD void
fail(const struct journal_writer *writer, const char *what, int error)
{
    char name[SEGMENT_NAME_BYTES];
    char text[SEGMENT_NAME_BYTES + 64];

    segment_name(name, writer->segment_no);
    snprintf(text, sizeof text, "%s %s", what, name);
    journal_fatal(text, -error);
}

/* roll goes on to the segment of the batch; false if it is not ready yet. The
 * one before is complete and synced: its last batch carried a sync. */
static COLD bool
roll(struct journal_writer *writer, uint64_t segment_no)
{
    char why[256];
    const int fd = prepare_take(writer->prepare, why);

    ASSERT(segment_no == writer->segment_no + 1);
    if (fd == -EAGAIN) {
        count(&writer->stats.stalls, 1);
        return false;
    }
    if (fd < 0)
        journal_fatal(why, 0);

    const int rc = disk_use(writer->disk, fd);

    if (rc != 0)
        fail(writer, "cannot leave", rc);
    close(writer->fd);
    writer->fd = fd;
    writer->segment_no = segment_no;
    prepare_next(writer->prepare, segment_no + 1);
    return true;
}

/* wants_sync tells whether a batch that is submitted now is to be synced. */
static bool
wants_sync(const struct journal_writer *writer, uint64_t now_ns)
{
    switch (writer->ack_mode) {
    case CELL_ACK_MODE_DURABLE:
        return true;
    case CELL_ACK_MODE_INTERVAL:
        return now_ns - writer->synced_ns >= writer->interval_ns;
    default:
        return false;
    }
}

/* batch_after returns the next in the ring of batches. */
static struct batch *
batch_after(struct journal_writer *writer, struct batch *batch)
{
    return batch + 1 == &writer->batches[WRITER_BATCHES] ? writer->batches : batch + 1;
}

/* launch submits the batch that gathers, and begins the next. */
static void
launch(struct journal_writer *writer, uint64_t now_ns)
{
    struct batch *batch = writer->gather;
    const uint64_t off = batch->first_page_no % writer->segment_pages * JOURNAL_PAGE_BYTES;
    const int rc =
        disk_submit(writer->disk, (size_t)((uint8_t *)batch->pages - (uint8_t *)writer->buffer),
                    (size_t)batch->pages_cnt * JOURNAL_PAGE_BYTES, off, batch->sync);

    if (rc != 0)
        fail(writer, "cannot submit a write to", rc);
    if (batch->sync)
        writer->synced_ns = now_ns;
    writer->gather = batch_after(writer, batch);
    batch_begin(writer, writer->gather, batch->first_page_no + batch->pages_cnt);
}

/* ends_segment tells whether the batch that gathers ends its segment. */
static bool
ends_segment(const struct journal_writer *writer)
{
    const struct batch *batch = writer->gather;
    const unsigned pages_cnt = batch->pages_cnt + (writer->page_cells != 0);

    return (batch->first_page_no + pages_cnt) % writer->segment_pages == 0;
}

bool
writer_submit(struct journal_writer *writer, uint64_t now_ns, bool sync)
{
    struct batch *batch = writer->gather;
    const uint64_t segment_no = batch->first_page_no / writer->segment_pages;

    if (UNLIKELY(segment_no != writer->segment_no) && !roll(writer, segment_no))
        return false;
    if (writer->page_cells != 0)
        seal(writer);
    /* A segment is synced before the next is begun. */
    batch->sync = sync || ends_segment(writer) || wants_sync(writer, now_ns);
    launch(writer, now_ns);
    return true;
}

HOT int
writer_reap(struct journal_writer *writer)
{
    const struct batch *batch = writer->oldest;
    const int rc = disk_reap(writer->disk);

    if (rc == 0)
        return 0;
    if (rc < 0)
        fail(writer, "write or sync failed on", rc);
    writer->oldest = batch_after(writer, writer->oldest);
    if (batch->last_pos != 0)
        writer->written_pos = batch->last_pos;
    writer->unsynced = !batch->sync;
    count(&writer->stats.batches, batch->pages_cnt != 0);
    count(&writer->stats.pages, batch->pages_cnt);
    count(&writer->stats.bytes, (uint64_t)batch->pages_cnt * JOURNAL_PAGE_BYTES);
    if (batch->sync) {
        count(&writer->stats.syncs, 1);
        writer->durable_pages = batch->first_page_no + batch->pages_cnt;
        /* D1 pairs with the publisher's load with acquire order. */
        __atomic_store_n(&writer->durable, writer->written_pos, __ATOMIC_RELEASE);
    }
    return 1;
}

/* is_due tells whether what was gathered is to be written now. */
static bool
is_due(const struct journal_writer *writer, uint64_t now_ns)
{
    const struct batch *batch = writer->gather;

    if (writer->ack_mode == CELL_ACK_MODE_DURABLE)
        return true;
    return batch->pages_cnt >= (batch->pages_max + 3) / 4 ||
           now_ns - batch->since_ns >= writer_linger_ns(writer);
}

/* may_join tells whether a batch may be submitted while others are in flight: a full
 * one, so that the disk stays busy at saturation. One that is not full gathers
 * more meanwhile. Where not all batches are synced, a sync waits for all before
 * it, since it is to cover them; so does a roll. */
static bool
may_join(const struct journal_writer *writer, uint64_t now_ns)
{
    return writer_is_full(writer) && disk_flights(writer->disk) < DISK_FLIGHTS_MAX &&
           writer->gather->first_page_no / writer->segment_pages == writer->segment_no &&
           (writer->ack_mode == CELL_ACK_MODE_DURABLE ||
            !(ends_segment(writer) || wants_sync(writer, now_ns)));
}

HOT int
journal_writer_poll(struct journal_writer *writer, uint64_t now_ns)
{
    int done = 0;

    if (disk_in_flight(writer->disk))
        done += writer_reap(writer);
    if (!writer_is_full(writer))
        done += writer_gather(writer, now_ns);
    if (disk_in_flight(writer->disk)) {
        if (may_join(writer, now_ns))
            (void)writer_submit(writer, now_ns, false);
        return done;
    }
    if (writer_has_cells(writer)) {
        if (is_due(writer, now_ns))
            (void)writer_submit(writer, now_ns, false);
    } else if (writer->unsynced && writer->ack_mode == CELL_ACK_MODE_INTERVAL &&
               now_ns - writer->synced_ns >= writer->interval_ns) {
        /* Nothing came that the sync could go with. */
        writer->gather->sync = true;
        launch(writer, now_ns);
    }
    return done;
}

bool
journal_writer_in_flight(const struct journal_writer *writer)
{
    return disk_in_flight(writer->disk);
}

const uint64_t *
journal_writer_durable(const struct journal_writer *writer)
{
    return &writer->durable;
}

const char *
journal_writer_notes(const struct journal_writer *writer)
{
    return writer->notes;
}

void
journal_writer_stats_get(const struct journal_writer *writer, struct journal_writer_stats *stats)
{
    const struct journal_writer_stats *from = &writer->stats;

    *stats = (struct journal_writer_stats){
        .cells = __atomic_load_n(&from->cells, __ATOMIC_RELAXED),
        .pages = __atomic_load_n(&from->pages, __ATOMIC_RELAXED),
        .batches = __atomic_load_n(&from->batches, __ATOMIC_RELAXED),
        .syncs = __atomic_load_n(&from->syncs, __ATOMIC_RELAXED),
        .bytes = __atomic_load_n(&from->bytes, __ATOMIC_RELAXED),
        .stalls = __atomic_load_n(&from->stalls, __ATOMIC_RELAXED),
        .next_segment_ready = prepare_ready(writer->prepare),
        .next_segment_error = prepare_error(writer->prepare),
    };
}
