/*
 * Journal day: a journal that is read again, from the start and from a snapshot.
 *
 *   replay    every command into a new engine, compared cell by cell, page cache warm: by
 *             one thread on one core, and by two
 *   restart   what an exchange does before it can go on: replay, by two threads where there
 *             is a second core, then recovery. The page cache is emptied of the journal
 *             first: it is read from the disk
 *   snapshot  the same from a snapshot that has all but the last DAY_BEHIND commands,
 *             which is read from the disk, too: load it, replay the rest, recover
 *   verify    every page and the chain, page cache warm: by one thread, and by as many as
 *             there are cores, VERIFY_THREADS_MAX at most
 *
 * The state is compared with that of the engine that wrote the journal, or
 * nothing is measured.
 */
#ifndef OUTCRY_PERF_JOURNAL_DAY_H
#define OUTCRY_PERF_JOURNAL_DAY_H

#include "perf/journal_pump.h"

/* What the snapshot lacks: a follower that writes one every 100,000 commands is half of
 * that behind, on average. */
#define DAY_BEHIND 50000u

#define VERIFY_THREADS_MAX 8u

struct day_read {
    double replay_mps;      /* by one thread */
    double replay_pair_mps; /* by two; 0: there is no second core */
    double restart_s;
    double snapshot_s;
    double snapshot_mb;
    double verify_mb_s; /* 10^6 bytes of pages */
    double verify_one_mb_s;
};

/* day_read reads the journal in dir, which `day` describes, once. */
struct day_read day_read(const char *dir, const struct pump_day *day);

#endif
