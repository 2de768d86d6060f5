#include <errno.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "journal/segments.h"
#include "journal/writer_private.h"

#define BATCH_PAGES_DEFAULT 128u
#define BATCH_PAGES_MAX     128u
_Static_assert(WRITER_BATCHES *BATCH_PAGES_MAX *JOURNAL_PAGE_BYTES <= DISK_BUFFER_BYTES_MAX,
               "all batches can be registered");

/* is_new tells whether the id of the journal is still to be drawn. */
static bool
is_new(const struct journal_id *journal)
{
    static const struct journal_id none;

    return journal_id_equal(journal, &none);
}

/* cfg_fault tells what is wrong with the configuration, NULL if nothing is. */
static const char *
cfg_fault(const struct journal_writer_cfg *cfg)
{
    if (cfg->shard >= SHARDS_MAX)
        return "no such shard";
    if (cfg->epoch == 0)
        return "epochs count from 1";
    if (cfg->segment_bytes % JOURNAL_PAGE_BYTES != 0 ||
        cfg->segment_bytes < JOURNAL_SEGMENT_BYTES_MIN)
        return "segment size is no multiple of 4096, or below 1 MiB";
    if (cfg->segment_bytes / JOURNAL_PAGE_BYTES > UINT32_MAX)
        return "segment size beyond 16 TiB";
    if (!cell_ack_mode_valid(cfg->ack_mode))
        return "no such ack mode";
    if (cfg->batch_pages > BATCH_PAGES_MAX)
        return "more than 128 pages to a batch";
    if (cfg->next_page_no != 0 && is_new(&cfg->journal))
        return "a journal that goes on has an id";
    return NULL;
}

/* check_sizes refuses to go on with another segment size than the journal has;
 * pages would be sought in the wrong place. */
static int
check_sizes(const struct journal_writer_cfg *cfg, char why[256])
{
    struct segments segments;
    struct journal_fault fault;

    if (cfg->next_page_no < cfg->segment_bytes / JOURNAL_PAGE_BYTES)
        return 0;

    const int rc = segments_open(&segments, cfg->dir, &fault);

    if (rc != 0) {
        snprintf(why, 256, "%.255s", fault.text);
        return rc;
    }

    const uint64_t bytes = segments.bytes;

    segments_close(&segments);
    if (bytes != cfg->segment_bytes) {
        snprintf(why, 256, "%.100s: segments have %llu bytes, but %llu are configured", cfg->dir,
                 (unsigned long long)bytes, (unsigned long long)cfg->segment_bytes);
        return -EINVAL;
    }
    return 0;
}

/* open_segment opens the segment to go on in and sees to the next. */
static int
open_segment(struct journal_writer *writer, const struct journal_writer_cfg *cfg, char why[256])
{
    struct disk_segment_cfg segment = {
        .dir_fd = writer->dir_fd,
        .segment_no = writer->segment_no,
        .bytes = cfg->segment_bytes,
        .no_direct = cfg->no_direct,
    };
    bool direct;

    writer->fd = disk_segment_open(&segment, &direct, why);
    if (writer->fd < 0)
        return writer->fd;
    if (!direct && !cfg->no_direct)
        snprintf(writer->notes + strlen(writer->notes),
                 sizeof writer->notes - strlen(writer->notes),
                 "journal is written through the page cache: O_DIRECT is refused\n");

    /* With O_DIRECT refused once, the helper need not try again. */
    segment.no_direct = !direct;

    int rc = disk_use(writer->disk, writer->fd);

    if (rc == 0)
        rc = prepare_open(&writer->prepare, &segment);
    if (rc != 0) {
        snprintf(why, 256, "cannot start: %s", strerror(-rc));
        return rc;
    }
    prepare_next(writer->prepare, writer->segment_no + 1);
    return 0;
}

/* open_buffers maps the page buffers and opens the queue that writes them. */
static int
open_buffers(struct journal_writer *writer, bool no_uring, char why[256])
{
    writer->buffer_bytes = WRITER_BATCHES * (size_t)writer->batch_pages * JOURNAL_PAGE_BYTES;
    writer->buffer = mmap(NULL, writer->buffer_bytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (writer->buffer == MAP_FAILED) {
        snprintf(why, 256, "page buffers: %s", strerror(errno));
        writer->buffer = NULL;
        return -ENOMEM;
    }
    for (unsigned i = 0; i < WRITER_BATCHES; i++)
        writer->batches[i].pages = (struct page *)writer->buffer + (size_t)i * writer->batch_pages;

    const struct disk_cfg disk = {
        .buffer = writer->buffer,
        .buffer_bytes = writer->buffer_bytes,
        .notes = writer->notes,
        .notes_bytes = sizeof writer->notes,
        .no_uring = no_uring,
    };
    const int rc = disk_open(&writer->disk, &disk);

    if (rc != 0)
        snprintf(why, 256, "page buffers: %s", strerror(-rc));
    return rc;
}

/* writer_free gives back whatever there is. */
static void
writer_free(struct journal_writer *writer)
{
    if (writer->prepare != NULL)
        prepare_close(writer->prepare);
    if (writer->disk != NULL)
        disk_close(writer->disk);
    if (writer->fd >= 0)
        close(writer->fd);
    if (writer->dir_fd >= 0)
        close(writer->dir_fd);
    if (writer->buffer != NULL)
        munmap(writer->buffer, writer->buffer_bytes);
    free(writer);
}

/* segment_init prepares the segment pages of this run. */
static void
segment_init(struct segment_header *segment, const struct journal_writer_cfg *cfg)
{
    *segment = (struct segment_header){
        .magic = JOURNAL_SEGMENT_MAGIC,
        .journal = cfg->journal,
        .config_hash = cfg->config_hash,
        .binary_hash = cfg->binary_hash,
        .pages = (uint32_t)(cfg->segment_bytes / JOURNAL_PAGE_BYTES),
    };
    if (is_new(&cfg->journal) &&
        getrandom(&segment->journal, sizeof segment->journal, 0) != sizeof segment->journal)
        UNREACHABLE("16 bytes of randomness are always to be had");
}

static void
writer_init(struct journal_writer *writer,
            const struct journal_writer_cfg *cfg,
            struct ring_reader *out)
{
    memset(writer, 0, sizeof *writer);
    writer->out = out;
    writer->gather = &writer->batches[0];
    writer->oldest = &writer->batches[0];
    writer->ack_mode = cfg->ack_mode;
    writer->batch_pages = cfg->batch_pages == 0 ? BATCH_PAGES_DEFAULT : cfg->batch_pages;
    writer->segment_pages = cfg->segment_bytes / JOURNAL_PAGE_BYTES;
    writer->segment_no = cfg->next_page_no / writer->segment_pages;
    writer->prev_hash = cfg->prev_hash;
    writer->durable_pages = cfg->next_page_no;
    writer->interval_ns = cfg->interval_ns;
    writer->epoch = cfg->epoch;
    writer->shard = cfg->shard;
    segment_init(&writer->segment, cfg);
    writer->written_pos = out->pos;
    writer->durable = out->pos;
    writer->wake_at = WRITER_AWAKE;
    writer->fd = -1;
    writer->fence_in_wake =
        syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) != 0;
}

int
journal_writer_open(struct journal_writer **writer,
                    const struct journal_writer_cfg *cfg,
                    struct ring_reader *out,
                    char why[256])
{
    const char *fault = cfg_fault(cfg);

    why[0] = '\0';
    if (fault != NULL) {
        snprintf(why, 256, "%s", fault);
        return -EINVAL;
    }

    struct journal_writer *new_writer = aligned_alloc(CACHE_LINE, sizeof *new_writer);

    if (new_writer == NULL) {
        snprintf(why, 256, "out of memory");
        return -ENOMEM;
    }
    writer_init(new_writer, cfg, out);

    int rc = 0;

    new_writer->dir_fd = open(cfg->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (new_writer->dir_fd < 0) {
        rc = -errno;
        snprintf(why, 256, "%.150s: %s", cfg->dir, strerror(errno));
    }
    if (rc == 0)
        rc = check_sizes(cfg, why);
    if (rc == 0)
        rc = open_buffers(new_writer, cfg->no_uring, why);
    if (rc == 0)
        rc = open_segment(new_writer, cfg, why);
    if (rc != 0) {
        writer_free(new_writer);
        return rc;
    }
    batch_begin(new_writer, new_writer->gather, cfg->next_page_no);
    *writer = new_writer;
    return 0;
}

void
journal_writer_close(struct journal_writer *writer)
{
    bool more = true;

    /* Ends when the out-ring is empty: nobody publishes any more. */
    while (more || disk_in_flight(writer->disk)) {
        disk_wait(writer->disk, 100000000u);
        (void)writer_reap(writer);
        if (!writer_is_full(writer))
            (void)writer_gather(writer, 0);
        if (disk_in_flight(writer->disk))
            continue;
        if (writer_has_cells(writer) || writer->unsynced) {
            if (!writer_submit(writer, 0, true))
                usleep(WRITER_STALL_NS / 1000);
        }
        more = writer_has_cells(writer) || ring_reader_available(writer->out, 1) != 0;
    }
    writer_free(writer);
}
