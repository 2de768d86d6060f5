#include "perf/journal_day.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "journal/reader.h"
#include "journal/replay.h"

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

/* forget empties the page cache of the journal. */
static void
forget(const char *dir)
{
    char path[300];

    for (unsigned i = 0;; i++) {
        (void)snprintf(path, sizeof path, "%.270s/%08u.seg", dir, i);

        const int fd = open(path, O_RDONLY | O_CLOEXEC);

        if (fd < 0)
            return;
        if (fdatasync(fd) != 0 || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) != 0)
            die("the page cache cannot be emptied");
        (void)close(fd);
    }
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
replay(const char *dir, const struct pump_day *day, bool recover, uint64_t *commands_cnt)
{
    const struct replay_cfg cfg = {.alloc = take};
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

struct day_read
day_read(const char *dir, const struct pump_day *day)
{
    struct journal_verify_result verified;
    struct day_read result;
    uint64_t commands_cnt;

    (void)core_pin(0);
    forget(dir);
    result.restart_s = replay(dir, day, true, &commands_cnt);
    result.replay_mps = 1e-6 / replay(dir, day, false, &commands_cnt) * (double)commands_cnt;

    const uint64_t start_ns = clock_ns();

    if (journal_verify(dir, 0, &verified) != 0)
        die(verified.fault.text);
    result.verify_mb_s =
        (double)verified.pages_cnt * JOURNAL_PAGE_BYTES * 1e3 / (double)(clock_ns() - start_ns);
    return result;
}
