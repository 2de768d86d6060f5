/*
 * Salvage: what a damaged journal still holds, and how to keep it.
 *
 *   pages 0 .. p-1 valid | page p bad | whole pages ...
 *   `--- copied ---------'            `--- counted: they are lost
 *
 * What can be saved is what lies before the first bad page, or before the segment
 * that is missing: pages behind it may be whole, but without what comes before
 * nobody knows what they mean. A copy of it is a journal like any: it goes on
 * with its next run. The damaged one is only read.
 *
 * The copy has plain segments, also of those that were compressed or encrypted; what
 * the folder has on complete segments (seals), on what was pruned, and snapshots go with
 * it, but for snapshots of later than the new end: so a journal that was pruned goes on only
 * if there is an earlier one.
 *
 * Who names a last command keeps no more than up to it, damaged or not: of a journal whose
 * pages are good and whose commands do not come out the same any more. The page with
 * its last cell is then cut behind that and hashed anew, the only one that is not copied as it
 * is.
 *
 * Of a compressed segment each frame is by itself: what lies before the first bad one is
 * saved. A segment whose key was not given is no damage, and nothing is looked at
 * without it.
 */
#ifndef OUTCRY_JOURNAL_SALVAGE_H
#define OUTCRY_JOURNAL_SALVAGE_H

#include "journal/reader.h"

struct journal_salvage {
    struct journal_fault fault; /* the damage, if there is any before the end */
    uint64_t first_page_no;     /* 0, or where a pruned journal begins */
    uint64_t pages_cnt;         /* that can be saved */
    unsigned cut_cells;         /* that the last of them keeps; 0: all */
    uint64_t last_seq;          /* of the last whole command among them */
    uint64_t last_time;         /* of the last message among them, 0: none */
    uint64_t segment_bytes;
    uint64_t encrypted_cnt;  /* segments among them that are: the copy's are not */
    uint64_t snapshot_seq;   /* newest snapshot up to last_seq, by its name; 0: none */
    uint64_t lost_pages_cnt; /* whole pages of this journal behind */
    uint64_t lost_first_seq; /* of the first of them, of the last */
    uint64_t lost_last_seq;
    uint64_t unread_cnt; /* files behind, or parts of one, that could not be read */
    char unread[180];    /* the first of them, and why */
};

/* journal_salvage_look tells what can be saved: what lies before the damage or, if to_seq is
 * not 0, behind the command to_seq, whichever comes first (then last_seq is less). 1 when there is
 * something to leave out, 0 when the journal is undamaged and ends with to_seq or before it,
 * or to_seq is 0; or -errno with a line in salvage->fault.text. */
NODISCARD int
journal_salvage_look(const char *dir, uint64_t to_seq, struct journal_salvage *salvage);

/* journal_salvage_write writes it into the folder `to`, which is made, or is there
 * and empty, and checks what it wrote. 0 or -errno with a line in why. */
NODISCARD int journal_salvage_write(const char *dir,
                                    const char *to,
                                    const struct journal_salvage *salvage,
                                    char why[256]);

#endif
