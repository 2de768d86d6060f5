/*
 * Private to journal/retain*.c: what was found in the folder.
 */
#ifndef OUTCRY_JOURNAL_RETAIN_PRIVATE_H
#define OUTCRY_JOURNAL_RETAIN_PRIVATE_H

#include "journal/retain.h"
#include "journal/segments.h"

/* A segment, and what is known of it. */
struct retain_item {
    struct retain_segment segment;
    struct archive_header header; /* of its ends; not set if in use or damaged */
    bool has_plain;
    bool has_archive;
};

struct retain {
    struct retain_cfg cfg;
    int lock_fd; /* -1: not locked */
    struct segments segments;
    struct pruned pruned;
    uint64_t covered_page; /* a good snapshot lies behind the page before; 0: none */
    uint64_t covered_seq;
    size_t cnt;
    struct retain_item *items;
    struct retain_segment *shown; /* as retain_segments returns them */
};

/* retain_say writes why and returns rc. */
int retain_say(char why[RETAIN_WHY_BYTES], int rc, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
