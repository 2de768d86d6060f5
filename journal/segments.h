/*
 * Segments: the files of a journal as an array of pages. Private to journal/.
 *
 *   dir/00000000.segz  dir/00000001.seg ...  ->  page 0, 1, 2, ...
 *
 * A segment is a plain file, which is mapped read-only, or an archive (see
 * archive.h), whose pages are unpacked when they are asked for. If both are
 * there the plain one is used: the other may not be complete.
 *
 * Invariants
 *  1. Segments are first to first + cnt - 1 without a hole; first is 0, or where
 *     `pruned` says that the journal begins (see pruned.h). All have `bytes` bytes,
 *     but one may have fewer if all behind it are zero; what it lacks reads as
 *     zeros. (Segments appear under their name in full size, so somebody cut
 *     it; see chain.c for an only one.)
 *  2. A mapping stays until segments_close: a page has its address until then. What
 *     is in it is valid until then, or until segments_forget.
 *
 * Other files in the folder (the lock, a segment that is being prepared) are
 * ignored. The files of a live journal may grow in number: segments_page looks
 * for the next one when it is asked for a page behind the last. A read error
 * of the disk below a mapping raises SIGBUS, which ends the process.
 *
 * Cost of archives: the memory of what was unpacked, so of the whole journal for
 * who reads it all and forgets nothing. All who walk forward forget.
 */
#ifndef OUTCRY_JOURNAL_SEGMENTS_H
#define OUTCRY_JOURNAL_SEGMENTS_H

#include "journal/frames.h"
#include "journal/pruned.h"
#include "journal/reader.h"

/* "00000000.seg" and a NUL; ".new" is appended while it is being filled. */
#define SEGMENT_NAME_BYTES 20u
#define SEGMENT_NEW_SUFFIX ".new"

struct segment_map {
    const struct page *pages; /* NULL if the file is empty, or an archive */
    uint64_t bytes;           /* plain */
    struct frames *frames;    /* of an archive, else NULL */
};

struct segments {
    int dir_fd;
    uint32_t first;
    uint32_t cnt;
    uint32_t maps_max; /* room in maps */
    uint64_t bytes;    /* of every segment, see invariant 1; 0 if there is none */
    struct segment_map *maps;
    struct pruned_record *pruned; /* of segment first - 1; NULL if first is 0 */
    int error;                    /* why an archive's page could not be had: -errno, */
    char why[256];                /* and a line about it */
    char dir[160];                /* for texts, cut off if need be */
};

/* segment_name writes the name of segment number segment_no. */
void segment_name(char name[SEGMENT_NAME_BYTES], uint64_t segment_no);

/* segments_open opens all segments of the folder, none is fine. 0 or -errno with
 * a line in fault->text: -EBADMSG when one is missing or has another size. */
NODISCARD int
segments_open(struct segments *segments, const char *dir, struct journal_fault *fault);

/* segments_open_some opens the segments before the first that is missing or cut
 * short, and of that one what is left. The same otherwise, also the fault. */
NODISCARD int
segments_open_some(struct segments *segments, const char *dir, struct journal_fault *fault);

/* segments_page returns a page, NULL before the first, behind the last, and when
 * an archive cannot be unpacked: then error is set, and stays. A page that the
 * end of a short file cuts off is followed by zeros. */
const struct page *segments_page(struct segments *segments, uint64_t page_no);

/* segments_first_page returns the number of the first page. */
uint64_t segments_first_page(const struct segments *segments);

/* segments_pages_cnt returns the number behind the last page of the files. */
uint64_t segments_pages_cnt(const struct segments *segments);

/* segments_map_of returns the segment of that number, which is there. */
const struct segment_map *segments_map_of(const struct segments *segments, uint64_t segment_no);

/* segments_is_archive tells whether the page lies in an archive. */
bool segments_is_archive(const struct segments *segments, uint64_t page_no);

/* segments_forget gives back the memory of unpacked pages before page_no, as far
 * as it can. They can be asked for again, at the same address. */
void segments_forget(struct segments *segments, uint64_t page_no);

/* segments_ahead tells the kernel that whoever is at page_no goes on forward, so that the
 * disk reads while it works: a hint, of use once in SEGMENTS_AHEAD_STEP pages. */
#define SEGMENTS_AHEAD_STEP 256u
void segments_ahead(const struct segments *segments, uint64_t page_no);

/* segments_begin_at tells whether page_no is the first page of a segment. */
bool segments_begin_at(const struct segments *segments, uint64_t page_no);

/* segments_say writes "dir/file at byte n (page p): what" into fault->text. */
void segments_say(const struct segments *segments,
                  struct journal_fault *fault,
                  uint64_t page_no,
                  const char *what);

void segments_close(struct segments *segments);

#endif
