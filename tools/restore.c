#include "tools/restore.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "tools/clock.h"
#include "tools/memory.h"
#include "tools/text.h"

uint64_t
restore_draw_salt(void)
{
    uint64_t salt;

    if (getrandom(&salt, sizeof salt, 0) != sizeof salt)
        UNREACHABLE("8 bytes of randomness are always to be had");
    return salt;
}

/* open_behind opens the journal behind the snapshot, if it is one of it. */
static bool
open_behind(const struct restore_cfg *cfg, struct restored *restored, char *why)
{
    const struct snapshot_info *info = &restored->info;
    struct journal_fault fault = {.text = ""};
    const int rc =
        journal_reader_open_at(&restored->reader, cfg->dir, cfg->shard, &info->place, &fault);

    if (rc != 0) {
        restored->reader = NULL;
        snprintf(why, SNAPSHOT_WHY_BYTES, "%.400s",
                 fault.text[0] != '\0' ? fault.text : strerror(-rc));
        return false;
    }
    if (journal_id_equal(journal_reader_id(restored->reader), &info->journal))
        return true;
    snprintf(why, SNAPSHOT_WHY_BYTES, "it is of another journal");
    return false;
}

/* has_sizes says whether the snapshot is of an exchange of these sizes. */
static bool
has_sizes(const struct snapshot_info *info, const struct engine_cfg *cfg)
{
    union cell its;
    union cell ours;

    engine_genesis(&info->cfg, 0, &its);
    engine_genesis(cfg, 0, &ours);
    return memcmp(&its, &ours, sizeof its) == 0;
}

/* load_engine makes the engine. */
static bool
load_engine(const struct restore_cfg *cfg,
            const struct snapshot *snapshot,
            struct restored *restored,
            char *why)
{
    if (cfg->cfg != NULL && !has_sizes(&restored->info, cfg->cfg)) {
        snprintf(why, SNAPSHOT_WHY_BYTES, "it is of an exchange of other sizes");
        return false;
    }
    restored->bytes = engine_footprint(&restored->info.cfg);
    restored->mem = cfg->take(restored->bytes);
    if (restored->mem == NULL) {
        snprintf(why, SNAPSHOT_WHY_BYTES, "no memory for an engine of %zu MiB: %s",
                 restored->bytes >> 20, strerror(errno));
        return false;
    }
    restored->engine = snapshot_load(snapshot, restored->mem, cfg->salt, why);
    return restored->engine != NULL;
}

/* try takes up one snapshot; what it took it gives back if it cannot. */
static bool
try(const struct restore_cfg *cfg, uint64_t seq, struct restored *restored, char *why)
{
    struct snapshot *snapshot;
    bool taken;

    *restored = (struct restored){.engine = NULL};
    if (snapshot_open(&snapshot, cfg->dir, seq, why) != 0)
        return false;
    restored->info = *snapshot_info(snapshot);
    taken = open_behind(cfg, restored, why) && load_engine(cfg, snapshot, restored, why) &&
            (cfg->take_rest == NULL ||
             cfg->take_rest(cfg->ctx, &restored->info, snapshot_rest(snapshot), why));
    snapshot_close(snapshot);
    if (taken)
        return true;
    if (restored->reader != NULL)
        journal_reader_close(restored->reader);
    memory_give(restored->mem, restored->bytes);
    return false;
}

bool
restore_newest(const struct restore_cfg *cfg, struct restored *restored)
{
    static uint64_t seqs[SNAPSHOTS_MAX];
    const int cnt = snapshot_list(cfg->dir, seqs, SNAPSHOTS_MAX);

    for (int i = 0; i < cnt; i++) {
        const uint64_t seq = seqs[cfg->oldest ? cnt - 1 - i : i];

        if (cfg->seq_max != 0 && seq > cfg->seq_max)
            continue;

        const uint64_t begin_ns = clock_utc_ns();
        char name[SNAPSHOT_NAME_BYTES];
        char why[SNAPSHOT_WHY_BYTES] = "";
        char time[TEXT_TIME_BYTES];

        snapshot_name(name, seq);
        if (try(cfg, seq, restored, why)) {
            fprintf(stderr,
                    "outcry: snapshot %s/%s: seq %" PRIu64 " of %s, %" PRIu64
                    " KiB loaded in %" PRIu64 " ms\n",
                    cfg->dir, name, seq, text_time(restored->info.time_ns, time),
                    restored->info.bytes >> 10, (clock_utc_ns() - begin_ns) / 1000000);
            return true;
        }
        fprintf(stderr, "outcry: snapshot %s/%s is passed over: %s\n", cfg->dir, name, why);
    }
    if (cnt > 0 && cfg->seq_max == 0 && !cfg->oldest)
        fprintf(stderr, "outcry: no snapshot in %s is of use: begins at the journal's beginning\n",
                cfg->dir);
    *restored = (struct restored){.engine = NULL};
    return false;
}
