/*
 * Pruned: what was taken away from the beginning of a journal, when, and by whom.
 * Private to journal/.
 *
 *   pruned = record of segment 0 | record of segment 1 | ...     128 bytes each
 *
 * A journal from which segments were removed begins where the last record of the
 * file `pruned` in its folder says. Without that file it begins at segment 0, and
 * a segment that is not there is missing: damage. The record has what a walk
 * must know to judge the first page that is left: hash of the page before,
 * epoch, the last command and whether its group goes on. That is taken on trust,
 * as the record has no key; the seals of removed segments stay in the folder
 * and vouch for it.
 *
 *   offset  size  field                      all little-endian
 *        0     4  magic          0x5043544f, the bytes "OTCP"
 *        4     2  version        1
 *        6     2  shard
 *        8     8  segment_no     of the segment that was removed
 *       16    16  journal        its id
 *       32     8  segment_bytes
 *       40     8  first_seq      of its first page
 *       48     8  last_seq       of the last command in it
 *       56     8  last_time_ns   of its last message
 *       64    16  last_hash      hash of its last page
 *       80     4  last_epoch     of its last page
 *       84     4  flags          bit 0: the last group goes on behind it
 *       88     8  pruned_ns      when it was removed, UTC
 *       96     4  uid            of the user who did
 *      100     4  years          for which it had to be kept
 *      104     8  snapshot_seq   of the snapshot that covers it
 *      112    16  hash           XXH3-128 of the record before and of bytes 0 to
 *                                111; for the first record of bytes 0 to 111
 *
 * The file is replaced as a whole, durably, before the first segment is removed;
 * segments below the beginning that are still there (a crash came between) are
 * ignored, and removed by the next prune.
 */
#ifndef OUTCRY_JOURNAL_PRUNED_H
#define OUTCRY_JOURNAL_PRUNED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/format.h"

#define PRUNED_NAME      "pruned"
#define PRUNED_MAGIC     0x5043544fu
#define PRUNED_VERSION   1u
#define PRUNED_FLAG_OPEN 0x01u

struct pruned_record {
    uint32_t magic;
    uint16_t version;
    uint16_t shard;
    uint64_t segment_no;
    struct journal_id journal;
    uint64_t segment_bytes;
    uint64_t first_seq;
    uint64_t last_seq;
    uint64_t last_time_ns;
    struct hash128 last_hash;
    uint32_t last_epoch;
    uint32_t flags;
    uint64_t pruned_ns;
    uint32_t uid;
    uint32_t years;
    uint64_t snapshot_seq;
    struct hash128 hash;
};
_Static_assert(sizeof(struct pruned_record) == 128, "as it lies in the file");

struct pruned {
    struct pruned_record *records; /* on the heap */
    size_t cnt;
};

/* pruned_load reads the file; none is an empty list. 0, or -errno with a few
 * words in why: -EBADMSG when it is not whole. */
NODISCARD int pruned_load(struct pruned *pruned, int dir_fd, char why[128]);

/* pruned_add appends a record, in memory; its magic, version and hash are filled
 * in. 0 or -ENOMEM. */
NODISCARD int pruned_add(struct pruned *pruned, const struct pruned_record *record);

/* pruned_store makes the file durable, with the owner of the folder's. 0 or -errno. */
NODISCARD int pruned_store(const struct pruned *pruned, int dir_fd);

void pruned_free(struct pruned *pruned);

#endif
