#include "tools/space.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

void
space_init(struct space *space, int fd, uint64_t reserve_bytes, bool low)
{
    *space = (struct space){.fd = fd, .reserve_bytes = reserve_bytes, .low = low};
}

/* is_low judges. A file system that does not say how much is free is not judged by it. */
static bool
is_low(struct space *space, int segment_error)
{
    const uint64_t more_bytes = space->low ? space->reserve_bytes / 8 : 0;
    struct statvfs status;

    space->free_bytes = UINT64_MAX;
    if (fstatvfs(space->fd, &status) == 0)
        space->free_bytes = (uint64_t)status.f_bavail * status.f_frsize;
    return segment_error != 0 || space->free_bytes < space->reserve_bytes + more_bytes;
}

bool
space_look(struct space *space, int segment_error, union cell *cell)
{
    const bool low = is_low(space, segment_error);

    if (low == space->low)
        return false;
    memset(cell, 0, sizeof *cell);
    cell->journal_space = (struct cell_journal_space){
        .kind = CELL_KIND_JOURNAL_SPACE,
        .shape = 1,
        .free_bytes = space->free_bytes,
        .reserve_bytes = space->reserve_bytes,
        .low = low,
        .session = CELL_SESSION,
    };
    return true;
}

void
space_told(struct space *space, const union cell *cell, int segment_error)
{
    const uint64_t free_mib = cell->journal_space.free_bytes >> 20;

    space->low = cell->journal_space.low != 0;
    if (!space->low)
        fprintf(stderr,
                "outcry: the journal's disk has %" PRIu64 " MiB free again: new orders are taken\n",
                free_mib);
    else if (segment_error != 0)
        fprintf(stderr,
                "outcry: the journal's disk has no room for the next segment (%s, %" PRIu64
                " MiB free): new orders are refused (JournalSpace), cancels are taken\n",
                strerror(-segment_error), free_mib);
    else
        fprintf(stderr,
                "outcry: the journal's disk has %" PRIu64 " MiB free, less than the reserve of "
                "%" PRIu64 " MiB: new orders are refused (JournalSpace), cancels are taken\n",
                free_mib, space->reserve_bytes >> 20);
}
