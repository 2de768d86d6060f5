#include "perf/journal_day.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "journal/reader.h"
#include "journal/replay.h"
#include "journal/snapshot.h"

#include "perf/core_run.h"

static void *engine_mem;
static size_t engine_bytes;

static _Noreturn COLD void
die(const char *what)
{
    (void)fprintf(stderr, "bench_journal: %s\n", what);
    exit(1);
}

static uint64_t
clock_ns(void)
{
    return core_now_ns(CLOCK_MONOTONIC);
}

/* take maps memory that is zero and not touched, as the exchange does. */
static void *
take(size_t bytes)
{
    engine_bytes = bytes;
    engine_mem = flow_map(bytes);
    return engine_mem;
}

/* drop empties the page cache of a file; false if there is none. */
static bool
drop(const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return false;
    if (fdatasync(fd) != 0 || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) != 0)
        die("the page cache cannot be emptied");
    (void)close(fd);
    return true;
}

/* forget empties the page cache of the journal. */
static void
forget(const char *dir)
{
    char path[300];
    unsigned i = 0;

    do
        (void)snprintf(path, sizeof path, "%.270s/%08u.seg", dir, i++);
    while (drop(path));
}

static void
compare(const struct engine *engine, const struct pump_day *day)
{
    const struct hash128 state = engine_hash(engine);

    if (state.lo != day->state_lo || state.hi != day->state_hi)
        die("replay gave another state");
}

/* replay replays all and returns the seconds; recover: as at a start. */
static double
replay(const char *dir, const struct pump_day *day, bool recover, bool pair, uint64_t *commands_cnt)
{
    const struct replay_cfg cfg = {.alloc = take, .pair = pair};
    struct replay_result result;
    struct journal_reader *reader;
    struct journal_fault fault = {.text = ""};
    struct journal_end end;
    const uint64_t start_ns = clock_ns();

    if (journal_reader_open(&reader, dir, 0, &fault) != 0)
        die(fault.text);
    if (replay_run(reader, &cfg, &result) != 0 || !result.identical)
        die(result.text);
    journal_reader_close(reader);
    if (recover && journal_recover(dir, 0, &end, &fault) != 0)
        die(fault.text);

    const double seconds = (double)(clock_ns() - start_ns) / 1e9;

    compare(result.engine, day);
    *commands_cnt = result.commands_cnt;
    flow_unmap(engine_mem, engine_bytes);
    return seconds;
}

static void
give(void *mem, size_t bytes)
{
    flow_unmap(mem, bytes);
}

/* follow writes a snapshot behind the first page that ends at or behind seq, as a follower
 * does, and fills info. */
static void
follow(const char *dir, uint64_t seq, struct snapshot_info *info)
{
    const struct replay_cfg cfg = {.alloc = take};
    char why[SNAPSHOT_WHY_BYTES] = "";
    struct replay_result result;
    struct replay *replay;
    struct journal_reader *reader;
    struct journal_fault fault = {.text = ""};

    if (journal_reader_open(&reader, dir, 0, &fault) != 0)
        die(fault.text);
    journal_reader_pause(reader, seq);
    if (replay_open(&replay, reader, &cfg) != 0 || replay_more(replay, 0, &result) != 0 ||
        !result.identical)
        die("the journal cannot be followed");

    const size_t bytes = engine_bytes;
    void *mem = engine_mem;
    const struct snapshot_cfg snapshot_cfg = {
        .dir = dir,
        .engine = result.engine,
        .cfg = result.cfg,
        .journal = *journal_reader_id(reader),
        .place = journal_reader_place(reader),
        .event_hash = result.event_hash,
        .take = take,
        .give = give,
    };

    if (snapshot_write(&snapshot_cfg, info, why) != 0)
        die(why);
    replay_close(replay);
    journal_reader_close(reader);
    flow_unmap(mem, bytes);
}

/* go_on is a restart from a snapshot; it returns the engine. */
static const struct engine *
go_on(const char *dir, uint64_t seq)
{
    char why[SNAPSHOT_WHY_BYTES] = "";
    struct snapshot *snapshot;
    struct journal_reader *reader;
    struct replay *replay;
    struct replay_result result;
    struct journal_end end;
    struct journal_fault fault = {.text = ""};

    if (snapshot_open(&snapshot, dir, seq, why) != 0)
        die(why);

    const struct snapshot_info info = *snapshot_info(snapshot);
    const struct replay_cfg cfg = {
        .engine = snapshot_load(snapshot, take(engine_footprint(&info.cfg)), 5, why),
        .engine_cfg = info.cfg,
        .event_hash = info.event_hash,
    };

    if (cfg.engine == NULL)
        die(why);
    snapshot_close(snapshot);
    if (journal_reader_open_at(&reader, dir, 0, &info.place, &fault) != 0)
        die(fault.text);
    if (replay_open(&replay, reader, &cfg) != 0 || replay_more(replay, 0, &result) != 0 ||
        !result.identical)
        die("what lies behind the snapshot does not come out the same");
    replay_close(replay);
    journal_reader_close(reader);
    if (journal_recover_at(dir, 0, &info.place, &end, &fault) != 0)
        die(fault.text);
    return cfg.engine;
}

/* restart_from measures it and takes the snapshot away again. */
static double
restart_from(const char *dir,
             const struct pump_day *day,
             uint64_t commands_cnt,
             double *snapshot_mb)
{
    char path[300];
    struct snapshot_info info;

    follow(dir, commands_cnt > DAY_BEHIND ? commands_cnt - DAY_BEHIND : 1, &info);
    (void)snprintf(path, sizeof path, "%.240s/%s", dir, info.name);
    *snapshot_mb = (double)info.bytes / 1e6;
    forget(dir);
    (void)drop(path);

    const uint64_t start_ns = clock_ns();
    const struct engine *engine = go_on(dir, info.seq);
    const double seconds = (double)(clock_ns() - start_ns) / 1e9;

    compare(engine, day);
    flow_unmap(engine_mem, engine_bytes);
    (void)unlink(path);
    return seconds;
}

/* verify returns 10^6 bytes a second. */
static double
verify(const char *dir, unsigned threads)
{
    const struct journal_verify_cfg cfg = {
        .threads = threads < VERIFY_THREADS_MAX ? threads : VERIFY_THREADS_MAX};
    const uint64_t start_ns = clock_ns();
    struct journal_verify_result verified;

    if (journal_verify_by(dir, 0, &cfg, &verified) != 0)
        die(verified.fault.text);
    return (double)verified.pages_cnt * JOURNAL_PAGE_BYTES * 1e3 / (double)(clock_ns() - start_ns);
}

struct day_read
day_read(const char *dir, const struct pump_day *day)
{
    struct day_read result;
    uint64_t commands_cnt;

    forget(dir);
    result.restart_s = replay(dir, day, true, core_unpin() >= 2, &commands_cnt);
    (void)core_pin(0);
    result.snapshot_s = restart_from(dir, day, commands_cnt, &result.snapshot_mb);
    (void)replay(dir, day, false, false, &commands_cnt); /* the page cache is warm again */
    result.replay_mps = 1e-6 / replay(dir, day, false, false, &commands_cnt) * (double)commands_cnt;
    result.verify_one_mb_s = verify(dir, 1);

    const unsigned cores = core_unpin();

    result.verify_mb_s = verify(dir, cores);
    result.replay_pair_mps =
        cores < 2 ? 0 : 1e-6 / replay(dir, day, false, true, &commands_cnt) * (double)commands_cnt;
    return result;
}
