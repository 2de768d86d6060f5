/*
 * Retain: what becomes of the old segments of a journal, and why.
 *
 *   segment   0       1        2        3      4     5       6       7
 *            |pruned |pruned  |archive |arch. |.seg |.seg   |in use |being made
 *             --------------   ------------    -----  -----   --------------
 *             older than the   sealed, so      not sealed     never touched
 *             years to keep    compressed      yet
 *
 * retain_open looks at all segments and decides for each what is to be done;
 * retain_do does it. `--dry-run` is the first without the second, so what it says is
 * what would be done.
 *
 * A segment is packed (see archive.h) when
 *   1. it is complete: the first page of the next segment is there and follows its last,
 *   2. its seal is there and is of this content: same journal, number and size,
 *      and the same hash of the last page, which stands for all pages before.
 *
 * A segment is pruned, removed for good, when beside this
 *   3. a good snapshot lies behind its end, so that a start does without it,
 *   4. the years to keep have gone by since its last command: by the time in the
 *      journal, which no copying of files changes, to the same day and time of
 *      day of that later year, by the clock of this machine,
 *   5. all segments before it are pruned, or are now.
 * Without years nothing is ever pruned. The seals of pruned segments stay, and so
 * does a record of what was removed, when and by whom (pruned.h), which is durable
 * before the first file goes.
 *
 * Works beside a running exchange, which has no open file of a complete segment, and
 * beside readers: what they have mapped stays theirs. Two at once are kept apart by
 * flock(2) on the folder. Whatever ends the process, the next run finishes: a segment
 * that is there in both forms, or that is recorded as pruned, is tidied up.
 *
 * Cost: looking takes two pages of each segment and the newest snapshot. Packing 256 MiB
 * reads them once, writes what becomes of them, reads that once: two or three seconds.
 */
#ifndef OUTCRY_JOURNAL_RETAIN_H
#define OUTCRY_JOURNAL_RETAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/archive.h"
#include "journal/key.h"

#define RETAIN_FOREVER   UINT32_MAX
#define RETAIN_YEARS_MAX 200u
#define RETAIN_WHY_BYTES 512u

struct retain_cfg {
    const char *dir;
    bool pack;
    bool prune;
    const struct archive_key *key; /* encrypt under this one; NULL: do not */
    const struct key_ring *seals;  /* whose seals count; NULL: the signature is not checked */
    uint32_t years;                /* to keep, or RETAIN_FOREVER */
    uint64_t now_ns;               /* UTC */
    uint32_t uid;                  /* whom the record of pruning names */
    bool dry_run;                  /* retain_do will not be called: no lock */
};

/* How a segment lies in the folder. */
enum retain_form {
    RETAIN_PLAIN,
    RETAIN_COMPRESSED,
    RETAIN_ENCRYPTED,
    RETAIN_BOTH /* plain, and an archive that a crash left beside it */
};

enum retain_deed {
    RETAIN_KEEP,
    RETAIN_PACK,   /* make an archive of it, or another one */
    RETAIN_PRUNE,  /* remove it */
    RETAIN_REMOVE, /* a file of a segment that is recorded as pruned */
};

/* Why not. In the order in which they are looked for. */
enum retain_reason {
    RETAIN_DO,   /* nothing is against it */
    RETAIN_DONE, /* it is as it should be */
    RETAIN_NOT_ASKED,
    RETAIN_IN_USE,  /* the exchange writes here, or will; or it was written last */
    RETAIN_DAMAGED, /* its ends are no pages of this place */
    RETAIN_UNSEALED,
    RETAIN_OTHER_SEAL, /* the seal is not of this content, or nobody's who counts */
    RETAIN_NO_KEY,     /* encrypted under a key that was not given */
    RETAIN_NO_YEARS,   /* nobody said how long to keep */
    RETAIN_YOUNG,
    RETAIN_UNCOVERED, /* no good snapshot lies behind it */
    RETAIN_BEHIND     /* one before it must be kept */
};

struct retain_segment {
    uint64_t segment_no;
    enum retain_form form;
    enum retain_deed deed;
    enum retain_reason pack;  /* why it is not packed */
    enum retain_reason prune; /* and why not pruned */
    uint64_t first_seq;       /* these are 0 where nothing is known of it */
    uint64_t last_seq;
    uint64_t last_time_ns;
    uint64_t keep_until_ns; /* 0: for ever */
    uint64_t disk_bytes;    /* that its files take */
    char text[200];         /* to RETAIN_DAMAGED and RETAIN_OTHER_SEAL, else empty */
};

struct retain;

/* retain_open decides. 0, or -errno with a line in why: -ENOENT no journal there,
 * -EBADMSG it is damaged, -EWOULDBLOCK another one is at work. */
NODISCARD int
retain_open(struct retain **retain, const struct retain_cfg *cfg, char why[RETAIN_WHY_BYTES]);

/* retain_segments returns what was decided, by number. */
const struct retain_segment *retain_segments(const struct retain *retain, size_t *cnt);

/* retain_covered_seq returns up to which command the newest good snapshot goes, 0:
 * there is none. */
uint64_t retain_covered_seq(const struct retain *retain);

/* retain_do does what was decided for segment i; all before it are done. bytes is
 * what it takes now. 0, or -errno with a line in why, and then it is as it was. */
NODISCARD int
retain_do(struct retain *retain, size_t i, uint64_t *bytes, char why[RETAIN_WHY_BYTES]);

/* retain_until returns the time `years` after time_ns: the same day and time of a later
 * year, 1 March for 29 February; 0 beyond what fits. */
uint64_t retain_until(uint64_t time_ns, uint32_t years);

/* retain_reason_text returns a few words for a person. */
const char *retain_reason_text(enum retain_reason reason);

void retain_close(struct retain *retain);

#endif
