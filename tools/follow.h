/*
 * Follow: a second engine that replays a journal while it grows, and writes snapshots.
 *
 *   journal --> reader, paused at ends of pages --> replay --> engine
 *                                                      \-----> keeper: a gateway without
 *                                                              ports, for numbers and reports
 *                         every N commands: both --> snapshot, proven, named; old ones go
 *
 * The exchange does not know of it: the follower reads the journal's files and nothing
 * else. It applies finished groups alone, and stands still only where a walk can begin
 * (journal_reader_pause), so what a later recovery drops it never had: an unfinished
 * group, a torn page.
 *
 * It may still see pages that are not durable yet. So before a snapshot gets its name the
 * segments up to its place are synced; and should a power loss take such pages after all,
 * the place does not fit any more, and start-up passes the snapshot over.
 *
 * A journal that is changed behind its back (restored, made anew, pruned by hand) is
 * noticed: when nothing comes for a while, and whenever a page does not follow, the
 * journal is opened again behind the place where the follower stands. If the page before
 * it is another one, or none, it says so and begins anew.
 *
 * With a key it also seals each segment when it is full and durable: see follow_seal.h.
 *
 * One thread, no network. It sleeps when nothing comes.
 */
#ifndef OUTCRY_TOOLS_FOLLOW_H
#define OUTCRY_TOOLS_FOLLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base.h"

struct follow_cfg {
    const char *dir;
    uint64_t every;      /* commands between snapshots */
    uint64_t every_ns;   /* and time, if anything came; 0: commands alone count */
    unsigned keep;       /* snapshots */
    uint32_t retransmit; /* reports of each session */
    bool once;           /* to the end as it is, one snapshot, and no more */
    const char *key;     /* the secret key of seals; NULL: seals nothing */
    const char *newest;  /* where the key keeps its newest seal; NULL: KEY.newest */
};

/* follow_run follows until SIGTERM, SIGINT or SIGHUP, which it blocks, and returns the
 * exit code of the command. */
int follow_run(const struct follow_cfg *cfg);

#endif
