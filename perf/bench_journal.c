/*
 * The journal: what the disk gives, and what the journal makes of it.
 *
 *   bench_journal [--json] [--quick] [--reps N] [--only PART]
 *
 *   raw     the disk alone: best durable bandwidth over blocks of 64 KiB to 1 MiB, 1 to
 *           8 under way (disk_raw.h)
 *   group   group commit at saturation, in the same repetition (journal_pump.h)
 *   rate    1,000,000 orders/s through the in-ring, open loop, to the durable cursor
 *   loss    what the engine's thread loses to the journal
 *   wire    100,000 orders/s over memif to the durable ack, open loop (wire.h), and
 *           durable writes of as many bytes as one batch of it had
 *   day     a journal of ten million orders, cancels and replaces: replay, restart,
 *           verify (journal_day.h)
 *
 * The table has the median of the repetitions and the best; a figure of the disk and what is
 * compared with it come from the same repetition. OUTCRY_BENCH_DIR names the folder to
 * write in (default: the current one). Needs two cores and some GB of disk.
 */
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "perf/bench_args.h"
#include "perf/core_report.h"
#include "perf/disk_raw.h"
#include "perf/journal_day.h"
#include "perf/journal_pump.h"
#include "perf/wire_pair.h"

#define REPS_MAX     9u
#define REPS_DEFAULT 3u
#define RAW_BYTES    (512ull << 20)
#define RAW_WRITES   4000u
#define GROUP_BYTES  (1600ull << 20)
#define RATE         1000000u
#define RATE_SECONDS 60u
#define WIRE_RATE    100000u
#define WIRE_SECONDS 5u
#define LOSS_BURSTS  64u
#define DAY_COMMANDS 10000000u
#define QUICK        10u /* divides volumes */
#define FIGURES_MAX  64u

/* One line of the table: a figure of each repetition. */
struct figure {
    const char *name;
    const char *unit;
    bool high; /* more is better */
    double values[REPS_MAX];
    unsigned cnt;
};

struct bench {
    char dir[WIRE_FOLDER_MAX];
    struct bench_args args;
    struct figure figures[FIGURES_MAX];
    unsigned figures_cnt;
};

static void
add(struct bench *bench, const char *name, const char *unit, bool high, double value)
{
    unsigned i = 0;

    while (i < bench->figures_cnt && strcmp(bench->figures[i].name, name) != 0)
        i++;
    ASSERT(i < FIGURES_MAX);
    if (i == bench->figures_cnt)
        bench->figures[bench->figures_cnt++] =
            (struct figure){.name = name, .unit = unit, .high = high};
    bench->figures[i].values[bench->figures[i].cnt++] = value;
}

static int
remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    return walk->level > 0 ? remove(path) : 0;
}

static void
empty_folder(const struct bench *bench)
{
    (void)nftw(bench->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static unsigned
less(const struct bench *bench, unsigned volume)
{
    return bench->args.quick ? volume / QUICK : volume;
}

/* run_raw finds the best bandwidth of the disk. */
static void
run_raw(struct bench *bench)
{
    struct disk_raw *raw = raw_open(bench->dir);
    double best = 0;
    size_t best_bytes = 0;
    unsigned best_depth = 0;

    for (size_t bytes = 64u << 10; bytes <= RAW_BLOCK_BYTES; bytes *= 2)
        for (unsigned depth = 1; depth <= RAW_DEPTH_MAX; depth *= 2) {
            const double mb_s =
                raw_bandwidth(raw, bytes, depth, RAW_BYTES / (bench->args.quick ? QUICK : 1));

            if (mb_s > best) {
                best = mb_s;
                best_bytes = bytes;
                best_depth = depth;
            }
        }
    raw_close(raw);
    (void)fprintf(stderr, "raw: best with %zu KiB, %u under way: %.0f MB/s\n", best_bytes >> 10,
                  best_depth, best);
    add(bench, "raw_durable_mb_s", "MB/s", true, best);
}

static void
run_group(struct bench *bench)
{
    const struct pump_group group =
        pump_group(bench->dir, GROUP_BYTES / (bench->args.quick ? QUICK : 1));

    (void)fprintf(stderr, "group: %.0f MB/s, %.0f KiB a write, %.1f cells of 63, %zu stalls\n",
                  group.mb_s, group.batch_bytes / 1024, group.fill, (size_t)group.stalls);
    add(bench, "group_commit_mb_s", "MB/s", true, group.mb_s);
}

static void
run_rate(struct bench *bench)
{
    const struct pump_rate rate = pump_rate(bench->dir, RATE, less(bench, RATE_SECONDS));

    (void)fprintf(
        stderr,
        "rate: %.0f orders/s, p50 %.0f p99 %.0f p99.9 %.0f max %.0f us, %.0f KiB a write, "
        "%zu stalls; hiccups p99 %.0f max %.0f us, %.2f %% of the time\n",
        rate.per_second, rate.p50_us, rate.p99_us, rate.p999_us, rate.max_us,
        rate.batch_bytes / 1024, (size_t)rate.stalls, rate.gap_p99_us, rate.gap_max_us,
        100 * rate.gap_share);
    add(bench, "durable_orders_per_s", "/s", true, rate.per_second);
    add(bench, "durable_rate_p50_us", "us", false, rate.p50_us);
    add(bench, "durable_rate_p99_us", "us", false, rate.p99_us);
    add(bench, "durable_rate_p999_us", "us", false, rate.p999_us);
    add(bench, "hiccup_max_us", "us", false, rate.gap_max_us);
    add(bench, "hiccup_share", "", false, rate.gap_share);
}

static void
run_loss(struct bench *bench)
{
    const struct pump_loss loss = pump_loss(bench->dir, less(bench, 4 * LOSS_BURSTS));

    (void)fprintf(stderr, "loss: %.2f M/s with the journal, %.2f with a reader\n", loss.on_mps,
                  loss.off_mps);
    add(bench, "engine_loss_percent", "%", false, 100 * (1 - loss.on_mps / loss.off_mps));
}

static int
by_time(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a;
    const uint64_t y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* run_raw_write measures single durable writes of as many bytes as a batch had. */
static void
run_raw_write(struct bench *bench, double batch_bytes)
{
    static uint64_t took_ns[RAW_WRITES];
    const unsigned cnt = less(bench, RAW_WRITES);
    const size_t pages = (size_t)(batch_bytes / 4096 + 0.5);
    const size_t bytes = (pages < 1 ? 1 : pages) * 4096;
    struct disk_raw *raw = raw_open(bench->dir);

    raw_latency(raw, bytes < RAW_BLOCK_BYTES ? bytes : RAW_BLOCK_BYTES, took_ns, cnt);
    raw_close(raw);
    qsort(took_ns, cnt, sizeof *took_ns, by_time);
    add(bench, "raw_write_bytes", "B", false, (double)bytes);
    add(bench, "raw_write_p50_us", "us", false, (double)took_ns[cnt / 2] / 1e3);
    add(bench, "raw_write_p99_us", "us", false, (double)took_ns[cnt * 99 / 100] / 1e3);
}

static bool
run_wire(struct bench *bench)
{
    static struct wire_shared *shared;
    struct wire_cfg cfg = {
        .dpdk = true,
        .durable = true,
        .client_naps = true,
        .steps_cnt = 1,
        .steps = {{.rate = WIRE_RATE,
                   .orders_cnt = WIRE_RATE * less(bench, WIRE_SECONDS * QUICK) / QUICK}},
    };

    if (shared == NULL)
        shared = wire_pair_map();
    if (!wire_pair_run(shared, &cfg, bench->dir))
        return false;

    const struct wire_result *result = &shared->results[0];
    const double batch_bytes = (double)shared->journal_bytes / (double)shared->journal_batches;

    (void)fprintf(stderr,
                  "wire: %u of %u answered, p50 %.0f p99 %.0f us raw, %.0f and %.0f without a gap "
                  "(%u orders), %.1f KiB a write\n",
                  result->answered_cnt, result->orders_cnt, result->p50_ns / 1e3,
                  result->p99_ns / 1e3, result->clean_p50_ns / 1e3, result->clean_p99_ns / 1e3,
                  result->clean_cnt, batch_bytes / 1024);
    add(bench, "ack_durable_p50_us", "us", false, result->clean_p50_ns / 1e3);
    add(bench, "ack_durable_p99_us", "us", false, result->clean_p99_ns / 1e3);
    add(bench, "ack_durable_raw_p50_us", "us", false, result->p50_ns / 1e3);
    add(bench, "ack_durable_raw_p99_us", "us", false, result->p99_ns / 1e3);
    empty_folder(bench);
    run_raw_write(bench, batch_bytes);
    return true;
}

static void
run_day(struct bench *bench)
{
    const struct pump_day day = pump_day(bench->dir, less(bench, DAY_COMMANDS));
    const struct day_read read = day_read(bench->dir, &day);

    (void)fprintf(stderr,
                  "day: written at %.2f M/s, %.1f cells of 63, %.0f MB, %zu orders rest; replay "
                  "%.2f M/s, by two threads %.2f, restart %.2f s, %.3f s from a snapshot of %.1f "
                  "MB, verify %.0f MB/s, "
                  "by one thread %.0f\n",
                  day.written_mps, day.fill, (double)day.bytes / 1e6, (size_t)day.orders_live,
                  read.replay_mps, read.replay_pair_mps, read.restart_s, read.snapshot_s,
                  read.snapshot_mb, read.verify_mb_s, read.verify_one_mb_s);
    add(bench, "day_written_mps", "M/s", true, day.written_mps);
    add(bench, "day_page_cells", "", true, day.fill);
    add(bench, "replay_commands_per_s", "/s", true, read.replay_mps * 1e6);
    add(bench, "replay_pair_commands_per_s", "/s", true, read.replay_pair_mps * 1e6);
    add(bench, "restart_10m_journal_s", "s", false, read.restart_s);
    add(bench, "restart_10m_snapshot_s", "s", false, read.snapshot_s);
    add(bench, "verify_mb_s", "MB/s", true, read.verify_mb_s);
    add(bench, "verify_one_mb_s", "MB/s", true, read.verify_one_mb_s);
}

static bool
run_all(struct bench *bench)
{
    bool fine = true;

    for (unsigned rep = 0; rep < bench->args.reps && fine; rep++) {
        (void)fprintf(stderr, "bench_journal: repetition %u of %u\n", rep + 1, bench->args.reps);
        if (bench_args_want(&bench->args, "raw") || bench_args_want(&bench->args, "group"))
            run_raw(bench);
        if (bench_args_want(&bench->args, "group"))
            run_group(bench);
        if (bench_args_want(&bench->args, "rate"))
            run_rate(bench);
        if (bench_args_want(&bench->args, "loss"))
            run_loss(bench);
        if (bench_args_want(&bench->args, "wire"))
            fine = run_wire(bench);
        if (bench_args_want(&bench->args, "day"))
            run_day(bench);
        empty_folder(bench);
    }
    return fine;
}

static void
print(const struct bench *bench)
{
    double median[FIGURES_MAX];

    for (unsigned i = 0; i < bench->figures_cnt; i++) {
        struct figure figure = bench->figures[i];

        median[i] = report_median(figure.values, figure.cnt); /* sorts */
        if (!bench->args.json)
            (void)printf("%-26s %14.2f %14.2f %s\n", figure.name, median[i],
                         figure.values[figure.high ? figure.cnt - 1 : 0], figure.unit);
    }
    if (!bench->args.json)
        return;
    (void)printf("{");
    for (unsigned i = 0; i < bench->figures_cnt; i++)
        (void)printf("%s\"%s\": %.2f", i == 0 ? "" : ", ", bench->figures[i].name, median[i]);
    (void)printf("}\n");
}

int
main(int argc, char **argv)
{
    static struct bench bench = {.args = {.reps = REPS_DEFAULT}};
    const char *parent = getenv("OUTCRY_BENCH_DIR");
    char path[PATH_MAX];

    if (!bench_args_parse(&bench.args, REPS_MAX, "raw|group|rate|loss|wire|day", argc, argv))
        return 2;
    (void)snprintf(bench.dir, sizeof bench.dir, "%.60s/outcry-journal-XXXXXX",
                   parent == NULL ? "." : parent);
    if (mkdtemp(bench.dir) == NULL || realpath(bench.dir, path) == NULL) {
        perror("bench_journal: no folder");
        return 1;
    }
    (void)snprintf(bench.dir, sizeof bench.dir, "%.90s", path); /* sockets want it whole */

    const bool fine = run_all(&bench);

    empty_folder(&bench);
    (void)rmdir(bench.dir);
    print(&bench);
    return fine ? 0 : 1;
}
