/*
 * Prepare: the next segment, made ahead of time. Private to journal/.
 *
 *   writer: prepare_next(n + 1) ... (writes segment n) ... prepare_take -> fd
 *   helper thread:  create, fill with zeros, sync, rename
 *
 * A roll then costs the writer no more than taking a descriptor. The helper
 * takes its time, so that it leaves the disk to the writer, until the writer
 * has come to the end of its segment and asks in vain.
 *
 * When the disk has no room for the next segment there still is that of the one
 * in use, so the helper tries again every PREPARE_RETRY_NS, and once more when
 * the writer comes to ask: only if that fails, too, is it an error. Any other
 * error of the helper ends the process at once (journal_fatal).
 */
#ifndef OUTCRY_JOURNAL_PREPARE_H
#define OUTCRY_JOURNAL_PREPARE_H

#include <stdbool.h>
#include <stdint.h>

#include "journal/disk.h"

#define PREPARE_RETRY_NS 250000000u

struct prepare;

/* prepare_open starts the helper; segment_no and hurry are ignored. 0 or -errno. */
NODISCARD int prepare_open(struct prepare **prepare, const struct disk_segment_cfg *cfg);

/* prepare_next asks for segment segment_no. The one before was taken. */
void prepare_next(struct prepare *prepare, uint64_t segment_no);

/* prepare_take returns the descriptor of what was asked for, which then is the
 * caller's; -EAGAIN while it is not ready, or -errno with a line in why. A load
 * while it is not ready. */
NODISCARD int prepare_take(struct prepare *prepare, char why[256]);

/* prepare_ready tells whether what was asked for is there: who takes it does not wait. Any
 * thread may ask. */
bool prepare_ready(const struct prepare *prepare);

/* prepare_error returns 0, or -ENOSPC or -EDQUOT while the disk has no room for
 * what was asked for. Any thread may ask. */
int prepare_error(const struct prepare *prepare);

/* prepare_close ends the helper; a segment that is not finished is removed. */
void prepare_close(struct prepare *prepare);

#endif
