#include "tests/sim/sim_follow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal/replay.h"

#include "tests/sim/sim_disk.h"

#define SHARD    3u
#define TAKEN    8u
#define KEEP     2u
#define SNAPS    16u
#define SESSIONS 16u

/* What was taken and not given back. */
static void *taken[TAKEN];

static void *
take(size_t bytes)
{
    const size_t whole = (bytes + 127) / 128 * 128;
    void *mem = aligned_alloc(128, whole);

    ASSERT(mem != NULL);
    memset(mem, 0, whole);
    for (unsigned i = 0; i < TAKEN; i++) {
        if (taken[i] == NULL) {
            taken[i] = mem;
            return mem;
        }
    }
    UNREACHABLE("a follower needs few pieces of memory");
}

static void
give(void *mem, size_t bytes)
{
    (void)bytes;
    for (unsigned i = 0; i < TAKEN && mem != NULL; i++) {
        if (taken[i] != mem)
            continue;
        free(mem);
        taken[i] = NULL;
    }
}

void
sim_follow_end(void)
{
    for (unsigned i = 0; i < TAKEN; i++)
        give(taken[i], 0);
}

/* keeper_make makes the gateway that keeps what sessions may ask for. */
static struct gateway *
keeper_make(const struct gateway_cfg *of)
{
    static struct gateway_session_cfg sessions[SESSIONS];
    struct gateway_cfg cfg = *of;

    ASSERT(cfg.sessions_max <= SESSIONS);
    for (unsigned i = 0; i < cfg.sessions_max; i++) {
        snprintf(sessions[i].name, sizeof sessions[i].name, "#%u", i);
        sessions[i].key[0] = '-';
        sessions[i].used = true;
    }
    cfg.sessions = sessions;
    return gateway_init(take(gateway_footprint(&cfg)), &cfg);
}

static void
on_message(void *ctx, const union cell *cells)
{
    gateway_recover(ctx, cells);
}

static void
save_rest(void *ctx, struct image_out *out)
{
    gateway_save(ctx, out);
}

/* write_snapshot writes what the replay came to. */
static bool
write_snapshot(const struct journal_reader *reader,
               const struct replay_result *result,
               struct gateway *keeper)
{
    const struct snapshot_cfg cfg = {
        .dir = sim_disk.dir,
        .engine = result->engine,
        .cfg = result->cfg,
        .journal = *journal_reader_id(reader),
        .place = journal_reader_place(reader),
        .event_hash = result->event_hash,
        .made_ns = sim_disk.now_ns,
        .save_rest = save_rest,
        .ctx = keeper,
        .take = take,
        .give = give,
    };
    char why[SNAPSHOT_WHY_BYTES];
    struct snapshot_info info;

    if (cfg.place.page_no == 0 || journal_reader_sync(reader, 0, cfg.place.page_no) != 0 ||
        snapshot_write(&cfg, &info, why) != 0)
        return false;
    return snapshot_prune(sim_disk.dir, info.seq, KEEP) >= 0;
}

bool
sim_follow(const struct gateway_cfg *cfg)
{
    struct gateway *keeper = keeper_make(cfg);
    const struct replay_cfg replay_cfg = {.on_message = on_message, .ctx = keeper, .alloc = take};
    struct replay_result result = {.engine = NULL};
    struct journal_reader *reader;
    struct journal_fault fault;
    struct replay *replay;
    bool written = false;
    int lock;

    if (journal_reader_open(&reader, sim_disk.dir, SHARD, &fault) != 0)
        return false;
    lock = snapshot_lock(sim_disk.dir);
    journal_reader_pause(reader, UINT64_MAX);
    ASSERT(replay_open(&replay, reader, &replay_cfg) == 0);
    if (replay_more(replay, 0, &result) == 0 && result.identical && result.engine != NULL &&
        lock >= 0)
        written = write_snapshot(reader, &result, keeper);
    replay_close(replay);
    journal_reader_close(reader);
    if (lock >= 0)
        close(lock);
    sim_follow_end();
    return written;
}

/* take_up tries one snapshot. */
static bool
take_up(struct gateway *gateway, uint64_t salt, uint64_t seq, struct sim_restored *restored)
{
    char why[SNAPSHOT_WHY_BYTES];
    struct journal_fault fault;
    struct snapshot *snapshot;
    struct image_in rest;

    *restored = (struct sim_restored){.engine = NULL};
    if (snapshot_open(&snapshot, sim_disk.dir, seq, why) != 0)
        return false;
    restored->info = *snapshot_info(snapshot);
    if (journal_reader_open_at(&restored->reader, sim_disk.dir, SHARD, &restored->info.place,
                               &fault) != 0) {
        snapshot_close(snapshot);
        return false;
    }
    restored->mem = take(engine_footprint(&restored->info.cfg));
    rest = snapshot_rest(snapshot);
    if (journal_id_equal(journal_reader_id(restored->reader), &restored->info.journal))
        restored->engine = snapshot_load(snapshot, restored->mem, salt, why);
    if (restored->engine != NULL && gateway_load(gateway, &rest) != 0)
        restored->engine = NULL;
    snapshot_close(snapshot);
    if (restored->engine != NULL)
        return true;
    journal_reader_close(restored->reader);
    give(restored->mem, 0);
    return false;
}

bool
sim_restore(struct gateway *gateway, uint64_t salt, struct sim_restored *restored)
{
    uint64_t seqs[SNAPS];
    const int cnt = snapshot_list(sim_disk.dir, seqs, SNAPS);

    for (int i = 0; i < cnt; i++) {
        if (!take_up(gateway, salt, seqs[i], restored))
            continue;
        /* The engine lives on in the exchange. */
        for (unsigned j = 0; j < TAKEN; j++) {
            if (taken[j] == restored->mem)
                taken[j] = NULL;
        }
        return true;
    }
    return false;
}
