/*
 * Journal writer: out-ring -> pages -> disk, and the durable cursor.
 *
 *   out-ring --copy--> page buffers --io_uring write + linked fdatasync--> segment
 *                                                  |
 *   durable cursor <-------- completion -----------+
 *
 * What gathers while a batch is in flight is the next (group commit). Full batches
 * need not wait for it: a few are in flight at saturation, or the disk would idle
 * between them. They complete in any order; the cursor goes over those that are complete
 * from the oldest on.
 *
 * The durable cursor is a position of the out-ring: all cells before it are on
 * disk. It rests only behind a CELL_LAST. The publisher reads it through
 * a const pointer; nobody else writes it.
 *
 * ack modes: durable syncs every batch; interval syncs at most every
 * interval_ns; memory syncs only at the end of a segment, at a roll and at close. The durable
 * cursor always tells the truth; it is the publisher that does not wait for it
 * in the other two. There a page may wait a millisecond for more cells before
 * it is written, so that a quiet exchange does not write a page per command.
 *
 * Any error of a write or a sync, and any short write, ends the process with
 * the reason (journal_fatal); it is never retried.
 *
 * Pages are sealed (hashed) as they fill, while batches before are still in
 * flight. A page's durable mark is what was durable when it was sealed. The last page
 * of a batch that is not full is sealed when nothing else is in flight: so in ack
 * mode durable it vouches for all before its batch.
 *
 * Threads: journal_writer_poll and _wait belong to one thread, which must live
 * until nothing is in flight (the kernel drops the requests of a thread that
 * ends): call journal_writer_close on it, or end it when
 * journal_writer_in_flight is false. A helper thread of the writer's own makes
 * and zeroes the next segment ahead of time. journal_writer_wake belongs to the
 * thread that publishes the out-ring; the durable cursor and the statistics may
 * be read by any.
 */
#ifndef OUTCRY_JOURNAL_WRITER_H
#define OUTCRY_JOURNAL_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/ring.h"
#include "journal/format.h"

struct journal_writer;

struct journal_writer_cfg {
    const char *dir; /* exists, and is locked by journal_lock */
    uint16_t shard;
    uint32_t epoch;         /* of this run */
    uint64_t segment_bytes; /* multiple of 4096, >= JOURNAL_SEGMENT_BYTES_MIN */
    uint8_t ack_mode;       /* enum cell_ack_mode */
    uint64_t interval_ns;   /* of ack mode interval */
    uint32_t batch_pages;   /* 1 .. 128: pages of one write; 0: default (128) */
    uint64_t next_page_no;  /* where journal_recover says that writing goes on */
    struct hash128 prev_hash;
    struct journal_id journal; /* as journal_recover says; zeros: a new one is drawn */
    uint64_t config_hash;      /* for the segments that this run begins */
    uint64_t binary_hash;
    bool no_direct; /* buffered I/O even where O_DIRECT works (tests) */
    bool no_uring;  /* blocking I/O even where io_uring works (tests) */
};

/* journal_writer_open opens or creates the segment in which next_page_no lies.
 * Allocates (calls malloc and mmap: it runs before the engine starts). 0 or
 * -errno: -ENOSPC when the segment cannot be filled with zeros, with a line in
 * `why` for the operator. */
NODISCARD int journal_writer_open(struct journal_writer **writer,
                                  const struct journal_writer_cfg *cfg,
                                  struct ring_reader *out,
                                  char why[256]);

/* journal_writer_notes returns what the operator should know of how it was
 * opened: "" or lines such as a fall-back to buffered I/O or unregistered
 * buffers. Valid until close. */
const char *journal_writer_notes(const struct journal_writer *writer);

/* journal_writer_poll reaps completions, moves the durable cursor, takes cells
 * from the out-ring and submits the next batch. Never blocks (unless
 * the notes say that io_uring is not to be had). now_ns: any
 * monotonic clock, for the ack modes that wait. Returns cells taken plus
 * completions seen. */
int journal_writer_poll(struct journal_writer *writer, uint64_t now_ns);

/* journal_writer_wait blocks until the write in flight is complete or, when
 * none is, until journal_writer_wake or timeout_ns. For a thread of its own. */
void journal_writer_wait(struct journal_writer *writer, uint64_t timeout_ns);

/* journal_writer_urge gives the calling thread, which is to sleep in
 * journal_writer_wait, a real-time priority, so that it runs as soon as it has
 * something to do, whoever computes on its core; so do the kernel's workers
 * that sync for it. False if the user may not have that: it then waits for
 * its turn, which on a busy core takes milliseconds. Never for a thread that spins. */
bool journal_writer_urge(void);

/* journal_writer_wake wakes a waiting writer; called by the engine's thread
 * after a publish. Costs one load when the writer is awake. In ack modes
 * interval and memory the writer is left to its timeout (at most a millisecond)
 * until an eighth of the out-ring waits for it. */
void journal_writer_wake(struct journal_writer *writer);

/* journal_writer_in_flight tells whether a write is in flight. */
bool journal_writer_in_flight(const struct journal_writer *writer);

/* journal_writer_durable returns the durable cursor: a position of the
 * out-ring, to be loaded with acquire order. */
const uint64_t *journal_writer_durable(const struct journal_writer *writer);

struct journal_writer_stats {
    uint64_t cells;   /* taken from the out-ring */
    uint64_t pages;   /* written */
    uint64_t batches; /* writes */
    uint64_t syncs;
    uint64_t bytes;          /* written, padding included */
    uint64_t stalls;         /* polls that waited for the next segment */
    bool next_segment_ready; /* it is there, so a roll does not wait */
    int next_segment_error;  /* 0, or -errno while the disk has no room for it */
};
void journal_writer_stats_get(const struct journal_writer *writer,
                              struct journal_writer_stats *stats);

/* journal_writer_close writes and syncs all that is published, then frees. */
void journal_writer_close(struct journal_writer *writer);

/* journal_lock takes the lock file of the folder; it is held until the
 * descriptor is closed. Returns the descriptor, or -EWOULDBLOCK when another
 * process has it, or another -errno. */
NODISCARD int journal_lock(const char *dir);

/* journal_fatal writes one line to stderr and ends the process with exit code
 * 3. error 0: `what` says it all. */
_Noreturn COLD void journal_fatal(const char *what, int error);

#endif
