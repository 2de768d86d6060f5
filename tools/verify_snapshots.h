/*
 * Verify snapshots: the part of outcry verify that holds each snapshot in the folder against
 * the journal it stands for.
 *
 *   journal    | Genesis ........ | ............... | ......
 *                                 '== snapshot?     '== snapshot?
 *
 * One replay goes through the journal and stops where each snapshot was made: state hash, event
 * hash, time and sizes must be what the engine has by then, the page before must be the
 * one that the snapshot names, and what it holds must load to its own state hash. Of a
 * journal that was pruned the replay begins with the oldest snapshot of use: that one has
 * nothing before it to be compared with.
 */
#ifndef OUTCRY_TOOLS_VERIFY_SNAPSHOTS_H
#define OUTCRY_TOOLS_VERIFY_SNAPSHOTS_H

#include <stdbool.h>

#include "journal/snapshot.h"

#include "tools/json.h"

enum verify_snapshot_state {
    SNAPSHOT_GOOD,
    SNAPSHOT_BASE,   /* whole, but what lies before it was pruned */
    SNAPSHOT_BEFORE, /* it lies before what is left of the journal */
    SNAPSHOT_GONE,   /* a follower that runs has removed it meanwhile */
    SNAPSHOT_DIFFERS /* or it is damaged, or the replay did not come to it */
};

struct verify_snapshot {
    uint64_t seq;
    enum verify_snapshot_state state;
    char text[SNAPSHOT_WHY_BYTES];
};

struct verify_snapshots {
    bool asked;
    unsigned cnt;
    unsigned bad_cnt;
    struct verify_snapshot rows[SNAPSHOTS_MAX]; /* oldest first */
};

/* verify_snapshots_run checks those in dir. EXIT_FINE also when some are bad: that is
 * bad_cnt; another exit code and a line was printed. */
int verify_snapshots_run(struct verify_snapshots *snapshots, const char *dir);

void verify_snapshots_text(const struct verify_snapshots *snapshots);
void verify_snapshots_json(const struct verify_snapshots *snapshots, struct json *json);

#endif
