/*
 * Frames: the pages of an archive, unpacked as they are asked for. Private to
 * journal/.
 *
 *   frames_page(100)  ->  frame 1 of the archive is unpacked into its place
 *
 *   mapping   | frame 0 | frame 1 | frame 2 | ...     as large as the segment
 *               nothing   pages     nothing
 *
 * Invariants
 *  1. A page has one address until frames_close, as in a mapped segment; what it
 *     holds is there from the first frames_page until frames_forget.
 *  2. What is unpacked has the archive's hash, or was authenticated. That its pages
 *     are those of a journal is for the chain to judge.
 *
 * Cost: address space of the segment at once, memory for the frames that were asked
 * for (256 KiB each). Who reads all of a long journal forgets what lies behind.
 */
#ifndef OUTCRY_JOURNAL_FRAMES_H
#define OUTCRY_JOURNAL_FRAMES_H

#include "journal/archive.h"

struct frames {
    struct archive archive;
    struct page *pages; /* anonymous memory; NULL until the first is asked for */
    uint8_t *unpacked;  /* a byte for each frame */
    uint32_t unpacked_cnt;
};

/* frames_open opens the archive of a segment. 0, or as of archive_open. */
NODISCARD int
frames_open(struct frames **frames, int dir_fd, uint64_t segment_no, char why[ARCHIVE_WHY_BYTES]);

/* frames_page sets page to page `at` of the segment. 0, or -errno with a few
 * words in why, as of archive_frame. */
NODISCARD int frames_page(struct frames *frames,
                          uint64_t at,
                          const struct page **page,
                          char why[ARCHIVE_WHY_BYTES]);

/* frames_forget gives back the memory of frames that lie before page `at`. Their
 * pages hold nothing until frames_page is asked again. */
void frames_forget(struct frames *frames, uint64_t at);

void frames_close(struct frames *frames);

#endif
