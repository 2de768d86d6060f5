#include "journal/frames.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

int
frames_open(struct frames **frames, int dir_fd, uint64_t segment_no, char why[ARCHIVE_WHY_BYTES])
{
    char name[ARCHIVE_NAME_BYTES];
    struct frames *new_frames = calloc(1, sizeof *new_frames);

    archive_name(name, segment_no);
    if (new_frames == NULL) {
        snprintf(why, ARCHIVE_WHY_BYTES, "out of memory");
        return -ENOMEM;
    }

    const int rc = archive_open(&new_frames->archive, dir_fd, name, segment_no, why);

    if (rc != 0) {
        free(new_frames);
        return rc;
    }
    *frames = new_frames;
    return 0;
}

/* take_memory makes room for all pages, untouched. */
static int
take_memory(struct frames *frames)
{
    const struct archive_header *header = &frames->archive.header;

    if (frames->pages != NULL)
        return 0;
    if (frames->unpacked == NULL)
        frames->unpacked = calloc(header->frames_cnt, 1);
    if (frames->unpacked == NULL)
        return -ENOMEM;

    void *mem = mmap(NULL, header->segment_bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (mem == MAP_FAILED)
        return -errno;
    frames->pages = mem;
    return 0;
}

int
frames_page(struct frames *frames,
            uint64_t at,
            const struct page **page,
            char why[ARCHIVE_WHY_BYTES])
{
    const struct archive_header *header = &frames->archive.header;
    const uint32_t frame_no = (uint32_t)(at / header->frame_pages);
    int rc = take_memory(frames);

    ASSERT(frame_no < header->frames_cnt);
    if (rc != 0) {
        snprintf(why, ARCHIVE_WHY_BYTES, "no memory to unpack it: %s", strerror(-rc));
        return rc;
    }
    if (!frames->unpacked[frame_no]) {
        rc = archive_frame(&frames->archive, frame_no,
                           &frames->pages[(uint64_t)frame_no * header->frame_pages], why);
        if (rc != 0)
            return rc;
        frames->unpacked[frame_no] = 1;
        frames->unpacked_cnt++;
    }
    *page = &frames->pages[at];
    return 0;
}

void
frames_forget(struct frames *frames, uint64_t at)
{
    const struct archive_header *header = &frames->archive.header;

    for (uint32_t i = 0; i < header->frames_cnt && frames->unpacked_cnt > 0; i++) {
        const uint64_t first = (uint64_t)i * header->frame_pages;
        const uint64_t bytes = archive_frame_bytes(header, i);

        if (first + bytes / JOURNAL_PAGE_BYTES > at)
            return;
        if (!frames->unpacked[i])
            continue;
        /* Where memory is locked it stays, which costs no more than memory. */
        (void)madvise(&frames->pages[first], bytes, MADV_DONTNEED);
        frames->unpacked[i] = 0;
        frames->unpacked_cnt--;
    }
}

void
frames_close(struct frames *frames)
{
    if (frames->pages != NULL)
        munmap(frames->pages, frames->archive.header.segment_bytes);
    free(frames->unpacked);
    archive_close(&frames->archive);
    free(frames);
}
