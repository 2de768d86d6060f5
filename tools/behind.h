/*
 * Behind: where a replay of a journal begins, which need not be its beginning.
 *
 *   whole     Genesis ...... snapshot ......... snapshot ..... |
 *             ^ all of it                       ^ only the end of it
 *
 *   pruned    (removed) first ... snapshot .... snapshot ..... |
 *                                 ^ all of it   ^ only the end of it
 *
 * What is asked for is a journal from some command on. What leads there comes from the
 * newest snapshot before it; of a whole journal Genesis is one, so to say. Of a pruned one
 * the commands before its oldest snapshot can be read, and nobody has the state in which
 * they were applied: they are refused, with a line that says what there is.
 */
#ifndef OUTCRY_TOOLS_BEHIND_H
#define OUTCRY_TOOLS_BEHIND_H

#include <stdbool.h>
#include <stdint.h>

#include "journal/replay.h"

#include "tools/restore.h"

/* For a line that says what there is, or why there is nothing. */
#define BEHIND_TEXT_BYTES 640u

/* What a pruned journal has left. */
struct behind_left {
    uint64_t segment_no; /* with which it begins; 0: it is whole, the rest is zero */
    uint64_t first_seq;
    uint64_t first_ns;  /* time of that command */
    uint64_t pruned_ns; /* time of the last message that was removed */
};

struct behind_cfg {
    const char *dir;
    struct replay_cfg replay; /* without an engine; alloc is used for that of a snapshot, too */
    /* All that leads to what is asked for is at or before this; 0: as much of the journal
     * as can be replayed is asked for, up to seq_to, 0: to its end. */
    uint64_t seq_max;
    uint64_t seq_to;
};

struct behind {
    struct replay *replay;
    struct journal_reader *reader; /* that it reads */
    struct restored restored;      /* engine NULL: it begins with Genesis */
    uint64_t base_seq;             /* of the snapshot; 0: Genesis */
};

/* behind_look finds what the journal of a reader has left; where the reader stands is not
 * told afterwards. 0, or -errno as journal_reader_next. */
NODISCARD int behind_look(struct journal_reader *reader, struct behind_left *left);

/* behind_left_text writes a sentence about a pruned journal, and returns text. */
const char *behind_left_text(const struct behind_left *left, char text[BEHIND_TEXT_BYTES]);

/*
 * behind_open begins a replay of the journal that reader has, which stays the caller's. 0, or
 * -errno with a line in text, which is empty if the reader's fault has it: -ESTALE, the
 * journal was pruned and no snapshot is of use, or all are later than what is asked for.
 * A snapshot that is taken, or passed over, gets its line on stderr.
 */
NODISCARD int behind_open(struct behind *behind,
                          struct journal_reader *reader,
                          const struct behind_cfg *cfg,
                          char text[BEHIND_TEXT_BYTES]);

/* behind_close ends the replay and gives back the memory of a snapshot's engine. */
void behind_close(struct behind *behind);

#endif
