/*
 * The header of a snapshot's file, as snapshot.h describes it. Private to journal/ and
 * its tests.
 */
#ifndef OUTCRY_JOURNAL_SNAPSHOT_FILE_H
#define OUTCRY_JOURNAL_SNAPSHOT_FILE_H

#include <stddef.h>

#include "journal/snapshot.h"

#define SNAPSHOT_MAGIC UINT64_C(0x50414e535943544f) /* "OTCYSNAP" */

struct snapshot_header {
    uint64_t magic;
    uint32_t version;
    uint32_t reserved;
    struct hash128 shape;
    struct journal_id journal;
    uint64_t page_no;
    struct hash128 prev_hash;
    uint64_t seq;
    uint32_t epoch;
    uint32_t reserved2;
    struct hash128 state_hash;
    uint64_t event_hash;
    uint64_t time;
    uint64_t made;
    union cell genesis;
    uint64_t engine_bytes;
    uint64_t rest_bytes;
    struct hash128 body_hash;
    struct hash128 hash;
    uint8_t zeros[SNAPSHOT_HEADER_BYTES - 240];
};

_Static_assert(sizeof(struct snapshot_header) == SNAPSHOT_HEADER_BYTES, "one page");
_Static_assert(offsetof(struct snapshot_header, genesis) == 128, "as the essay says");
_Static_assert(offsetof(struct snapshot_header, hash) == 224, "as the essay says");

/* snapshot_header_hash returns the hash that belongs into the header. */
struct hash128 snapshot_header_hash(const struct snapshot_header *header);

/* snapshot_open_file is snapshot_open of a file by whatever name. */
NODISCARD int snapshot_open_file(struct snapshot **snapshot,
                                 int dir_fd,
                                 const char *name,
                                 char why[SNAPSHOT_WHY_BYTES]);

/* snapshot_refuse writes why and returns rc. */
int snapshot_refuse(char why[SNAPSHOT_WHY_BYTES], int rc, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
