/*
 * What the files of the journal writer share. Private to journal/writer*.c.
 *
 *   batches   page page page ...   reaped: the oldest on its way to the disk
 *             page page page ...
 *             page page ..           gather: being filled
 *
 * A ring: the one that gathers is submitted and the next begins. Up to
 * DISK_FLIGHTS_MAX are on their way.
 */
#ifndef OUTCRY_JOURNAL_WRITER_PRIVATE_H
#define OUTCRY_JOURNAL_WRITER_PRIVATE_H

#include "journal/disk.h"
#include "journal/prepare.h"
#include "journal/writer.h"

/* How long a page waits for more cells in the ack modes that do not wait for
 * the disk, and how long a writer sleeps there at most. In memory mode nobody
 * counts on what is written, so it is done rarely: on two cores each time takes
 * the core from somebody who is in a hurry. */
#define WRITER_LINGER_NS        1000000u
#define WRITER_LINGER_MEMORY_NS 10000000u

/* How long a writer sleeps that waits for the next segment. */
#define WRITER_STALL_NS 200000u

#define WRITER_AWAKE UINT64_MAX

#define WRITER_BATCHES (DISK_FLIGHTS_MAX + 1)

/* Pages that are written with one write, all in one segment. */
struct batch {
    struct page *pages;
    uint64_t first_page_no;
    uint64_t last_pos;  /* out-ring position behind its last CELL_LAST; 0: none */
    uint64_t since_ns;  /* when its first cell came */
    uint32_t pages_cnt; /* sealed */
    uint32_t pages_max;
    bool sync;
};

struct journal_writer {
    /* Written by the thread of poll. */
    struct ring_reader *out;
    struct batch *gather;
    struct batch *oldest; /* in flight, if any is */
    uint32_t page_cells;  /* in the page being filled, behind the sealed ones */
    bool page_command;    /* a command opens in it */
    uint8_t ack_mode;
    uint32_t batch_pages;
    uint64_t segment_pages;
    uint64_t segment_no; /* of fd */
    struct hash128 prev_hash;
    uint64_t durable_pages; /* from the start of the journal */
    uint64_t written_pos;   /* last_pos of what is written, synced or not */
    bool unsynced;          /* something is written and not synced */
    uint64_t synced_ns;
    uint64_t interval_ns;
    struct segment_header segment; /* of the next segment page, as far as is known */
    uint32_t epoch;
    uint16_t shard;
    int fd;
    struct disk *disk;
    struct prepare *prepare;
    struct batch batches[WRITER_BATCHES];
    struct journal_writer_stats stats; /* relaxed atomics: read by others */
    int dir_fd;
    bool fence_in_wake; /* no membarrier: the waker has to fence */
    void *buffer;
    size_t buffer_bytes;
    char notes[512];

    /* Written by the thread of poll, read by the publisher. */
    uint64_t durable CACHE_ALIGNED;

    /* Written by the thread of poll, read by the engine's at each publish. */
    uint64_t wake_at CACHE_ALIGNED; /* out-ring position that is worth waking for */

    /* Written by both when one sleeps. */
    uint32_t asleep CACHE_ALIGNED; /* futex */
};

/* writer_submit seals and submits what was gathered, whether it is due or not;
 * sync: with a sync in any case. False if it cannot yet: the next
 * segment is not ready. No sync is asked for, but of all
 * batches, while others are in flight. */
bool writer_submit(struct journal_writer *writer, uint64_t now_ns, bool sync);

/* writer_gather takes what the out-ring has and the batch has room for. */
int writer_gather(struct journal_writer *writer, uint64_t now_ns);

/* writer_reap looks for the completion of the oldest batch in flight: 1 or 0. */
int writer_reap(struct journal_writer *writer);

/* writer_has_cells tells whether anything is gathered. */
static inline bool
writer_has_cells(const struct journal_writer *writer)
{
    return writer->gather->pages_cnt != 0 || writer->page_cells != 0;
}

/* writer_begins_segment tells whether a segment page is to come first. */
static inline bool
writer_begins_segment(const struct journal_writer *writer)
{
    return writer->gather->first_page_no % writer->segment_pages == 0 && !writer_has_cells(writer);
}

/* writer_is_full tells whether the batch has no room for another page. */
static inline bool
writer_is_full(const struct journal_writer *writer)
{
    return writer->gather->pages_cnt == writer->gather->pages_max;
}

/* writer_linger_ns returns how long a page waits where nobody waits for it. */
static inline uint64_t
writer_linger_ns(const struct journal_writer *writer)
{
    return writer->ack_mode == CELL_ACK_MODE_MEMORY ? WRITER_LINGER_MEMORY_NS : WRITER_LINGER_NS;
}

/* batch_begin makes the batch an empty one for the pages from first_page_no. */
void batch_begin(struct journal_writer *writer, struct batch *batch, uint64_t first_page_no);

#endif
