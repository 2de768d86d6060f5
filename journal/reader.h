/*
 * Journal reader: iterates over what was written, whole groups at a time.
 *
 * Maps segments read-only, checks each page once (hash, chain, content) and
 * hands out messages in place: no copy. It knows nothing of engines; see
 * replay.h for that.
 *
 *   journal_reader_open -> journal_reader_next ... -> journal_reader_close
 *
 * journal_reader_next returns one message (1 to CELL_MESSAGE_MAX cells); the
 * last one of a group bears CELL_LAST. A group that is not finished (cut off
 * by the end, or abandoned by a later run) is never handed out: the reader
 * looks for its LAST first.
 *
 * A journal may be read while it is written: at the end, journal_reader_next
 * looks again. What it sees may not be durable yet; who must not run ahead
 * of the durable cursor stops at a seq. Finding an end looks through all that is
 * prepared behind it, to tell a torn tail from damage. Who comes to the end again
 * and again says so by journal_reader_follow.
 *
 * Compressed segments are read like the others (see archive.h). A journal whose
 * first segments were pruned begins with the first command behind them.
 *
 * A reader belongs to one thread. Several may read one journal. Errors of the
 * disk below a mapping arrive as SIGBUS.
 */
#ifndef OUTCRY_JOURNAL_READER_H
#define OUTCRY_JOURNAL_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "journal/format.h"

struct journal_reader;

/* Why a journal cannot be read, or where it ends. */
struct journal_fault {
    enum page_fault fault;
    bool damage;      /* a later page calls the bad page durable */
    uint64_t page_no; /* the first bad page */
    char text[320];   /* one line for a person, with file and offset */
};

/* Where a walk can begin without what lies before: behind a page at whose end no group
 * is open. The chain of hashes makes prev_hash stand for all that came before. */
struct journal_place {
    uint64_t page_no; /* the next to judge, never 0 */
    struct hash128 prev_hash;
    uint64_t seq; /* of the last command before */
    uint32_t epoch;
    uint32_t zero;
};

/* journal_reader_open opens the journal in dir. 0, or -errno with a line in
 * fault->text: -ENOENT no such folder or no segment in it, -EPROTO another format
 * version or shard, -EBADMSG damage, -ENOKEY an archive is encrypted and its key
 * not loaded (archive_key.h). shard -1: whatever the first page says. */
NODISCARD int journal_reader_open(struct journal_reader **reader,
                                  const char *dir,
                                  int shard,
                                  struct journal_fault *fault);

/* journal_reader_open_at opens it to be read from a place on; NULL: the beginning.
 * What lies before the place is not looked at, but for the page before it: -ESTALE if
 * that is another one now, or none. */
NODISCARD int journal_reader_open_at(struct journal_reader **reader,
                                     const char *dir,
                                     int shard,
                                     const struct journal_place *from,
                                     struct journal_fault *fault);

/* journal_reader_next sets cells to the next message and returns its number of
 * cells, 0 at the end, -EBADMSG at damage (journal_reader_fault). cells are
 * contiguous and valid until close or forget. */
int journal_reader_next(struct journal_reader *reader, const union cell **cells);

/* journal_reader_page returns the page that holds the last message returned,
 * and its place. */
const struct page *journal_reader_page(const struct journal_reader *reader);

/* journal_reader_forget gives back memory of compressed segments that lies behind:
 * messages of pages before that of keep, which is one of its messages, are no longer
 * valid. Cheap enough to call for each message. Without it a reader of a compressed
 * journal comes to hold all of it in memory. */
void journal_reader_forget(struct journal_reader *reader, const union cell *keep);

/* journal_reader_seek_seq goes to the first message of the command seq, or of
 * the next one there is: binary search over pages. 0 or -errno. */
NODISCARD int journal_reader_seek_seq(struct journal_reader *reader, uint64_t seq);

/* journal_reader_seek_time goes to the first command at or after time_ns. */
NODISCARD int journal_reader_seek_time(struct journal_reader *reader, uint64_t time_ns);

/* journal_reader_follow makes the reader one that follows a live journal: a page
 * that is not written, or not whole yet, is the end for now. If one of the pages
 * behind it calls it durable it is damage; JOURNAL_FOLLOW_PAGES are looked at, as
 * far as they are written. */
#define JOURNAL_FOLLOW_PAGES 64u
void journal_reader_follow(struct journal_reader *reader);

/* journal_reader_pause makes it a reader that gives pages as a whole: none at whose end
 * a group is open, before the group is finished, and none behind the first at whose end
 * seq has come. There is an end, until it is paused elsewhere. Nothing was sought
 * before. */
void journal_reader_pause(struct journal_reader *reader, uint64_t seq);

/* journal_reader_place returns where a paused reader that has come to an end stands;
 * page_no 0: at the beginning. */
struct journal_place journal_reader_place(const struct journal_reader *reader);

/* journal_reader_sync makes what lies between two pages durable, as far as the reader
 * has come: a live journal's last pages may be in nobody's memory but the kernel's. 0 or
 * -errno. */
NODISCARD int
journal_reader_sync(const struct journal_reader *reader, uint64_t from_no, uint64_t to_no);

const struct journal_fault *journal_reader_fault(const struct journal_reader *reader);
uint64_t journal_reader_pages_cnt(const struct journal_reader *reader); /* valid so far */
uint64_t journal_reader_bytes(const struct journal_reader *reader);
uint16_t journal_reader_shard(const struct journal_reader *reader);

/* journal_reader_first_segment returns the number of the segment with which the journal
 * begins: 0, or those before it were pruned, and the Genesis with them. */
uint64_t journal_reader_first_segment(const struct journal_reader *reader);

/* journal_reader_pruned_ns returns the time of the last message of the segments that were
 * pruned; 0: none were. */
uint64_t journal_reader_pruned_ns(const struct journal_reader *reader);

/* journal_reader_id returns which journal it is; zeros if its first page is bad. */
const struct journal_id *journal_reader_id(const struct journal_reader *reader);
void journal_reader_close(struct journal_reader *reader);

/*
 * journal_verify checks every page and the chain without looking at what it
 * means. 0 when all is well or the tail is torn, 1 when there is damage, or
 * -errno: -ENOENT no such folder or no segment in it, -EPROTO a foreign journal.
 * torn_tail: something lies behind the end, or a group is not finished there.
 */
struct journal_verify_result {
    uint64_t pages_cnt;
    uint64_t segments_cnt;
    uint64_t first_segment; /* 0, or those before it were pruned */
    uint64_t first_seq;
    uint64_t last_seq;
    uint64_t commands_cnt;
    uint64_t cells_cnt;
    uint32_t epochs_cnt;
    bool torn_tail;
    struct journal_fault fault;
};
NODISCARD int journal_verify(const char *dir, int shard, struct journal_verify_result *result);

/* journal_verify_by is the same with several threads, of which the caller's is one; the
 * result is the same to the last byte, unless the journal changes meanwhile. */
struct journal_verify_cfg {
    unsigned threads;     /* 1 to JOURNAL_VERIFY_THREADS_MAX */
    unsigned range_pages; /* that a thread takes at once; 0: as is best */
};
#define JOURNAL_VERIFY_THREADS_MAX 64u
NODISCARD int journal_verify_by(const char *dir,
                                int shard,
                                const struct journal_verify_cfg *cfg,
                                struct journal_verify_result *result);

/*
 * journal_recover finds the end of the journal and makes it writable again:
 * durably zeroes what lies past it, syncs. An empty folder is an empty journal.
 * Needs the lock. 0, or -errno with a line in fault->text; -EBADMSG is damage
 * and -EPROTO a foreign journal, and then nothing has been changed.
 */
struct journal_end {
    uint64_t next_page_no;
    struct hash128 prev_hash;
    struct journal_id journal; /* zeros if there is none */
    uint64_t last_seq;         /* of the last whole group, 0 if none */
    uint32_t epoch;            /* of the last page, 0 if none */
    uint64_t dropped_cells;    /* of an unfinished group at the end */
    uint64_t zeroed_bytes;
    uint64_t segment_bytes; /* of this journal's segments, 0 if there is none */
    bool restarted;         /* there is a Restart; the last one says: */
    uint64_t config_hash;
    uint64_t binary_hash;
};
NODISCARD int journal_recover(const char *dir,
                              uint16_t shard,
                              struct journal_end *end,
                              struct journal_fault *fault);

/* journal_recover_at looks only at what lies behind a place, NULL: at all; -ESTALE as
 * journal_reader_open_at. */
NODISCARD int journal_recover_at(const char *dir,
                                 uint16_t shard,
                                 const struct journal_place *from,
                                 struct journal_end *end,
                                 struct journal_fault *fault);

#endif
