/*
 * Restore: the newest snapshot that is of use, of a journal's folder, into memory.
 *
 *   snapshots, newest first --> read, fits the journal? --> engine, proven --> the rest
 *                                     no: a line, and the next older one
 *
 * Used by a start of the exchange and by the follower: both go on from there with a
 * reader that stands behind the snapshot. What a snapshot must be is told in
 * journal/snapshot.h. Each that is passed over gets a line on stderr with the reason,
 * and the one that is taken, too.
 */
#ifndef OUTCRY_TOOLS_RESTORE_H
#define OUTCRY_TOOLS_RESTORE_H

#include "journal/snapshot.h"
#include "proto/base.h"

struct restore_cfg {
    const char *dir;
    int shard;                    /* -1: whatever the journal's is */
    const struct engine_cfg *cfg; /* that it must be of; NULL: any */
    uint64_t seq_max;             /* none that is later; 0: any */
    bool oldest;                  /* the oldest of use, not the newest */
    uint64_t salt;
    void *(*take)(size_t bytes); /* zeroed memory for the engine, NULL with errno: fails */
    /* Takes up what else was saved, of an engine of these sizes; false with a line in why
     * if it cannot, and then it has changed nothing. NULL: nobody wants it. */
    bool (*take_rest)(void *ctx,
                      const struct snapshot_info *info,
                      struct image_in in,
                      char why[SNAPSHOT_WHY_BYTES]);
    void *ctx;
};

struct restored {
    struct engine *engine;
    void *mem; /* of the engine: memory_give */
    size_t bytes;
    struct journal_reader *reader; /* stands behind it */
    struct snapshot_info info;
};

/* restore_newest: true, or false if no snapshot is of use. With cfg->oldest it is the
 * oldest. */
NODISCARD bool restore_newest(const struct restore_cfg *cfg, struct restored *restored);

/* restore_draw_salt draws the secret of this run's ClOrdID map. */
uint64_t restore_draw_salt(void);

#endif
