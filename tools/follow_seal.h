/*
 * Follow_seal: the follower seals what it has read, segment by segment.
 *
 *   reader of the follower ---- page P ----> sealer (journal/sealer.h), never past P
 *                                               \---> NNNNNNNN.seal, KEY.newest
 *
 * It walks behind the reader in slices, so that a segment is nearly counted when it
 * is full, and its pages are still in memory. It is the sealer of `outcry seal`: what it
 * leaves behind is the same, and both may be at work.
 *
 * A seal that cannot be written is tried again after a while: the disk may be full. What
 * is not as it was sealed ends the follower, as damage does.
 *
 * When all that is full is sealed the sealer is opened anew, behind its newest seal. So
 * segments that were compressed or removed meanwhile do not keep their room on disk.
 */
#ifndef OUTCRY_TOOLS_FOLLOW_SEAL_H
#define OUTCRY_TOOLS_FOLLOW_SEAL_H

#include <stdbool.h>
#include <stdint.h>

#include "journal/sealer.h"

struct follow_seal {
    struct sealer_cfg cfg; /* key_path NULL: it seals nothing */
    bool once;             /* what cannot be sealed is not tried again */
    struct sealer *sealer; /* NULL: to be opened */
    uint64_t retry_ns;     /* not before */
    bool said;             /* that the key may get into swap */
};

/* follow_seal_try looks at the start whether the key is fit; there need not be a journal.
 * Returns the exit code, EXIT_FINE: go on. */
int follow_seal_try(const struct follow_seal *seal);

/* follow_seal_poll does a slice, up to page_no, which the reader has reached; more: there
 * is more to do at once. Returns the exit code, EXIT_FINE: go on. */
int follow_seal_poll(struct follow_seal *seal, uint64_t page_no, bool *more);

/* follow_seal_forget lets go of the journal; the next poll begins behind the newest seal
 * of the one that is there then. */
void follow_seal_forget(struct follow_seal *seal);

#endif
