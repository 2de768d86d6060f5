/*
 * Segments: the files of a journal, mapped read-only. Private to journal/.
 *
 *   dir/00000000.seg  dir/00000001.seg ...  ->  page 0, 1, 2, ...
 *
 * Invariants
 *  1. Mapped segments are 0 to cnt - 1 without a hole. All have `bytes` bytes,
 *     but one may have fewer if all behind it are zero; what it lacks reads as
 *     zeros. (Segments appear under their name in full size, so somebody cut
 *     it; what that means the pages themselves must tell.)
 *  2. A mapping stays until segments_close: a page is valid until then.
 *
 * Other files in the folder (the lock, a segment that is being prepared) are
 * ignored. The files of a live journal may grow in number: segments_page looks
 * for the next one when it is asked for a page behind the last. A read error
 * of the disk below a mapping raises SIGBUS, which ends the process.
 */
#ifndef OUTCRY_JOURNAL_SEGMENTS_H
#define OUTCRY_JOURNAL_SEGMENTS_H

#include "journal/reader.h"

/* "00000000.seg" and a NUL; ".new" is appended while it is being filled. */
#define SEGMENT_NAME_BYTES 20u
#define SEGMENT_NEW_SUFFIX ".new"

struct segment_map {
    const struct page *pages; /* NULL if the file is empty */
    uint64_t bytes;
};

struct segments {
    int dir_fd;
    uint32_t cnt;
    uint32_t maps_max; /* room in maps */
    uint64_t bytes;    /* of every segment, see invariant 1; 0 if there is none */
    struct segment_map *maps;
    char dir[160]; /* for texts, cut off if need be */
};

/* segment_name writes the name of segment number segment_no. */
void segment_name(char name[SEGMENT_NAME_BYTES], uint64_t segment_no);

/* segments_open maps all segments of the folder, none is fine. 0 or -errno with
 * a line in fault->text: -EBADMSG when one is missing or has another size. */
NODISCARD int
segments_open(struct segments *segments, const char *dir, struct journal_fault *fault);

/* segments_page returns a page, NULL behind the last. A page that the end of
 * a short file cuts off is followed by zeros. */
const struct page *segments_page(struct segments *segments, uint64_t page_no);

/* segments_pages_cnt returns how many pages the files hold. */
uint64_t segments_pages_cnt(const struct segments *segments);

/* segments_begin_at tells whether page_no is the first page of a segment. */
bool segments_begin_at(const struct segments *segments, uint64_t page_no);

/* segments_say writes "dir/file at byte n (page p): what" into fault->text. */
void segments_say(const struct segments *segments,
                  struct journal_fault *fault,
                  uint64_t page_no,
                  const char *what);

void segments_close(struct segments *segments);

#endif
