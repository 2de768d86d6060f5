/*
 * Goal: what is published is what is read, and the durable cursor never lies.
 * Method: random groups through the writer over several small segments, in every
 * ack mode, reopened in between; refusals and failures one by one.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "journal/writer.h"

#include "tests/journal/journal_rig.h"

static char dir[64];
static bool mounted;

static void
setup(void)
{
    rig_dir_make(dir);
}

static void
teardown(void)
{
    if (mounted)
        (void)umount2(dir, MNT_DETACH);
    rig_dir_remove(dir);
}

TestSuite(writer, .init = setup, .fini = teardown);

/* round_trip writes over three segments in one mode and reads it all back. */
static void
round_trip(uint8_t ack_mode, uint32_t batch_pages, bool no_direct)
{
    struct journal_writer_cfg cfg = {.ack_mode = ack_mode,
                                     .interval_ns = 2000000,
                                     .batch_pages = batch_pages,
                                     .no_direct = no_direct,
                                     .no_uring = no_direct && batch_pages == 5};
    struct journal_writer_stats stats;
    struct journal_verify_result result;
    struct rig_cells all = {0};
    uint64_t random = rig_seed();
    struct rig rig;

    rig_open(&rig, dir, &cfg);
    while (all.cnt < 3 * RIG_SEGMENT_PAGES * JOURNAL_PAGE_CELLS) {
        const size_t from = all.cnt;
        const unsigned groups = 1 + (unsigned)(rig_random(&random) % 40);

        for (unsigned i = 0; i < groups; i++)
            rig_group(&all, &random, rig_random(&random) % 200 == 0 ? 500 : 0, true);
        rig_put(&rig, &all, from, all.cnt);
        (void)journal_writer_poll(rig.writer, rig_clock_ns());
    }
    journal_writer_stats_get(rig.writer, &stats);
    cr_assert_leq(stats.cells, all.cnt);
    cr_assert_geq(stats.bytes, 2 * RIG_SEGMENT_BYTES);
    cr_assert_eq(stats.bytes, stats.pages * JOURNAL_PAGE_BYTES);
    cr_assert_eq(stats.next_segment_error, 0);
    if (ack_mode == CELL_ACK_MODE_DURABLE)
        cr_assert_eq(stats.syncs, stats.batches);
    if (ack_mode == CELL_ACK_MODE_MEMORY)
        cr_assert_leq(stats.syncs, 3, "%zu syncs", (size_t)stats.syncs);
    rig_close(&rig);

    rig_expect(dir, &all, all.cnt);
    cr_assert_eq(journal_verify(dir, -1, &result), 0);
    cr_assert_eq(result.commands_cnt, all.seq);
    cr_assert_eq(result.last_seq, all.seq);
    cr_assert_eq(result.first_seq, 1);
    cr_assert_eq(result.cells_cnt, all.cnt);
    cr_assert_eq(result.epochs_cnt, 1);
    cr_assert(!result.torn_tail);
    cr_assert_geq(result.segments_cnt, 3);
    free(all.cells);
}

Test(writer, what_is_published_is_what_is_read_in_mode_durable)
{
    round_trip(CELL_ACK_MODE_DURABLE, 0, false);
}

Test(writer, what_is_published_is_what_is_read_in_mode_interval)
{
    round_trip(CELL_ACK_MODE_INTERVAL, 128, false);
}

Test(writer, what_is_published_is_what_is_read_in_mode_memory)
{
    round_trip(CELL_ACK_MODE_MEMORY, 7, false);
}

Test(writer, what_is_published_is_what_is_read_through_the_page_cache)
{
    round_trip(CELL_ACK_MODE_DURABLE, 3, true);
}

Test(writer, what_is_published_is_what_is_read_without_io_uring)
{
    round_trip(CELL_ACK_MODE_DURABLE, 5, true);
}

Test(writer, what_is_published_is_what_is_read_page_by_page)
{
    round_trip(CELL_ACK_MODE_MEMORY, 1, false);
}

/* Of the longest messages two fit into a page and a third does not: none may lie
 * in two pages, wherever the page was when they came. */
Test(writer, longest_messages_stay_within_a_page)
{
    struct journal_writer_cfg cfg = {.ack_mode = CELL_ACK_MODE_DURABLE};
    struct journal_verify_result result;
    struct rig_cells all = {0};
    uint64_t random = rig_seed();
    struct rig_file file;
    unsigned longest = 0;
    struct rig rig;

    while (all.cnt < 40u * JOURNAL_PAGE_CELLS)
        rig_group(&all, &random, 0, true);
    rig_open(&rig, dir, &cfg);
    rig_put(&rig, &all, 0, all.cnt);
    rig_close(&rig);
    rig_expect(dir, &all, all.cnt);
    cr_assert_eq(journal_verify(dir, 3, &result), 0);
    cr_assert_eq(result.cells_cnt, all.cnt);

    rig_load(&file, dir, 0);
    for (uint64_t page_no = 0; page_no < result.pages_cnt; page_no++) {
        const struct page *page = rig_page(&file, page_no);

        if (page_is_segment(page))
            continue;
        for (unsigned i = 0; i < page->header.cells;) {
            const unsigned count = cell_count(&page->cells[i]);

            cr_assert_gt(count, 0, "page %lu begins in a message", page_no);
            cr_assert_leq(i + count, page->header.cells, "page %lu ends in a message", page_no);
            longest += count == CELL_MESSAGE_MAX;
            i += count;
        }
    }
    cr_assert_gt(longest, 20);
    free(file.bytes);
    free(all.cells);
}

Test(writer, runs_follow_one_another)
{
    struct rig_cells all = {0};
    struct journal_verify_result result;
    uint64_t random = rig_seed();

    for (unsigned run = 1; run <= 12; run++) {
        struct journal_writer_cfg cfg = {.ack_mode = (uint8_t)(run % 3), .interval_ns = 1};
        struct rig rig;
        const size_t from = all.cnt;

        while (all.cnt < from + run * 700)
            rig_group(&all, &random, 0, true);
        rig_open(&rig, dir, &cfg);
        cr_assert_eq(cfg.epoch, run);
        rig_put(&rig, &all, from, all.cnt);
        rig_close(&rig);
        rig_expect(dir, &all, all.cnt);
    }
    cr_assert_eq(journal_verify(dir, 3, &result), 0);
    cr_assert_eq(result.epochs_cnt, 12);
    free(all.cells);
}

Test(writer, durable_cursor_rests_behind_a_finished_group)
{
    struct journal_writer_cfg cfg = {0};
    struct rig_cells all = {0};
    uint64_t random = rig_seed();
    struct rig rig;

    rig_open(&rig, dir, &cfg);
    for (unsigned i = 0; i < 50; i++) {
        const size_t from = all.cnt;

        rig_group(&all, &random, i % 10 == 0 ? 300 : 0, true);
        /* All but the last message: written, and yet not durable. */
        size_t last = all.cnt - 1;

        while (cell_count(&all.cells[last]) == 0)
            last--;
        rig_put(&rig, &all, from, last);
        rig_settle(&rig, from);
        for (unsigned j = 0; j < 3; j++)
            (void)journal_writer_poll(rig.writer, rig_clock_ns());
        rig_settle(&rig, from);
        cr_assert_eq(*rig.durable, from);
        rig_put(&rig, &all, last, all.cnt);
        rig_settle(&rig, all.cnt);
        cr_assert_eq(*rig.durable, all.cnt);
        rig_expect(dir, &all, all.cnt);
    }
    rig_close(&rig);
    free(all.cells);
}

Test(writer, memory_mode_calls_nothing_durable_before_the_close)
{
    struct journal_writer_cfg cfg = {.ack_mode = CELL_ACK_MODE_MEMORY};
    struct journal_writer_stats stats;
    struct rig_cells all = {0};
    uint64_t random = rig_seed();
    struct rig rig;

    rig_open(&rig, dir, &cfg);
    rig_group(&all, &random, 0, true);
    rig_put(&rig, &all, 0, all.cnt);

    /* Not before it lingered, then without a sync. */
    (void)journal_writer_poll(rig.writer, 1000);
    cr_assert(!journal_writer_in_flight(rig.writer));
    (void)journal_writer_poll(rig.writer, 1000 + 20000000);
    cr_assert(journal_writer_in_flight(rig.writer));
    rig_settle(&rig, 0);
    journal_writer_stats_get(rig.writer, &stats);
    cr_assert_eq(stats.pages, 2); /* the segment's own first */
    cr_assert_eq(stats.syncs, 0);
    cr_assert_eq(*rig.durable, 0);
    rig_close(&rig);
    rig_expect(dir, &all, all.cnt);
    free(all.cells);
}

Test(writer, interval_mode_syncs_what_nothing_follows)
{
    struct journal_writer_cfg cfg = {.ack_mode = CELL_ACK_MODE_INTERVAL, .interval_ns = 20000000};
    struct journal_writer_stats stats;
    struct rig_cells all = {0};
    uint64_t random = rig_seed();
    struct rig rig;

    rig_open(&rig, dir, &cfg);
    for (unsigned i = 0; i < 2; i++) {
        const size_t from = all.cnt;

        rig_group(&all, &random, 0, true);
        rig_put(&rig, &all, from, all.cnt);
        rig_settle(&rig, all.cnt);
    }
    journal_writer_stats_get(rig.writer, &stats);
    cr_assert_eq(stats.batches, 2);
    cr_assert_eq(stats.syncs, 2);
    rig_close(&rig);
    free(all.cells);
}

/* segment_path names a segment, in memory with room for a suffix. */
static char *
segment_path(unsigned segment_no)
{
    static char path[100];

    snprintf(path, sizeof path, "%s/%08u.seg", dir, segment_no);
    return path;
}

/* refused expects journal_writer_open to fail with a line for the operator. */
static void
refused(const struct journal_writer_cfg *cfg, int error)
{
    static uint8_t mem[1 << 16] __attribute__((aligned(RING_ALIGN)));
    struct ring *ring = ring_init(mem, 64, 1);
    struct journal_writer *writer;
    struct ring_reader out;
    char why[256];

    ring_reader_init(&out, ring, 0);
    cr_assert_eq(journal_writer_open(&writer, cfg, &out, why), error);
    cr_assert_neq(why[0], '\0');
}

/* clock_of returns a clock of this process or thread. */
static uint64_t
clock_of(clockid_t id)
{
    struct timespec now;

    cr_assert_eq(clock_gettime(id, &now), 0);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* How often this thread has given its core away by itself. */
static long
sleeps_cnt(void)
{
    struct rusage usage;

    cr_assert_eq(getrusage(RUSAGE_THREAD, &usage), 0);
    return usage.ru_nvcsw;
}

/* idles is a journal thread with nothing to do: it must sleep each time, and use next to
 * nothing of its core by its own clock, whoever else runs. */
static void
idles(uint8_t ack_mode)
{
    struct journal_writer_cfg cfg = {.ack_mode = ack_mode, .interval_ns = 1000000};
    struct rig_cells all = {0};
    uint64_t random = rig_seed();
    struct rig rig;

    rig_group(&all, &random, 0, true);
    rig_open(&rig, dir, &cfg);
    rig_put(&rig, &all, 0, all.cnt);
    while (*rig.durable < all.cnt && ack_mode != CELL_ACK_MODE_MEMORY) {
        (void)journal_writer_poll(rig.writer, rig_clock_ns());
        journal_writer_wait(rig.writer, 1000000);
    }

    const uint64_t begin_ns = clock_of(CLOCK_MONOTONIC);
    const uint64_t used_ns = clock_of(CLOCK_THREAD_CPUTIME_ID);
    const long sleeps = sleeps_cnt();
    unsigned turns = 0;

    while (clock_of(CLOCK_MONOTONIC) - begin_ns < 500000000u) {
        (void)journal_writer_poll(rig.writer, rig_clock_ns());
        journal_writer_wait(rig.writer, 50000000);
        turns++;
    }

    const uint64_t passed_ns = clock_of(CLOCK_MONOTONIC) - begin_ns;
    const uint64_t took_ns = clock_of(CLOCK_THREAD_CPUTIME_ID) - used_ns;

    cr_expect_geq(sleeps_cnt() - sleeps, (long)turns - 1, "%u turns", turns);
    cr_expect_lt(took_ns, passed_ns / 10, "%zu of %zu ns", (size_t)took_ns, (size_t)passed_ns);
    rig_close(&rig);
    free(all.cells);
}

Test(writer, idle_in_mode_durable_it_sleeps)
{
    idles(CELL_ACK_MODE_DURABLE);
}

Test(writer, idle_in_mode_interval_it_sleeps)
{
    idles(CELL_ACK_MODE_INTERVAL);
}

Test(writer, idle_in_mode_memory_it_sleeps)
{
    idles(CELL_ACK_MODE_MEMORY);
}

/* await_next waits until the helper has made the next segment. */
static void
await_next(const struct rig *rig)
{
    const struct timespec nap = {.tv_nsec = 1000000};
    const uint64_t deadline = rig_clock_ns() + 60000000000u;
    struct journal_writer_stats stats;

    do {
        journal_writer_stats_get(rig->writer, &stats);
        cr_assert_lt(rig_clock_ns(), deadline, "no next segment");
        (void)nanosleep(&nap, NULL);
    } while (!stats.next_segment_ready);
}

Test(writer, a_roll_to_a_segment_that_is_there_does_not_stall)
{
    struct journal_writer_cfg cfg = {0};
    struct journal_writer_stats stats;
    struct rig_cells all = {0};
    uint64_t random = rig_seed();
    uint64_t pages_cnt = 0;
    struct rig rig;

    rig_open(&rig, dir, &cfg);
    for (unsigned round = 0; round < 10; round++) {
        await_next(&rig);
        for (unsigned i = 0; i < 30; i++) {
            const size_t from = all.cnt;

            rig_group(&all, &random, 400, true);
            rig_put(&rig, &all, from, all.cnt);
            rig_settle(&rig, all.cnt);
        }
        journal_writer_stats_get(rig.writer, &stats);
        cr_assert_lt(stats.pages - pages_cnt, RIG_SEGMENT_PAGES, "one roll at most");
        pages_cnt = stats.pages;
        cr_assert_eq(stats.stalls, 0, "round %u", round);
    }
    cr_assert_gt(pages_cnt, 5 * RIG_SEGMENT_PAGES);
    rig_close(&rig);
    free(all.cells);
}

Test(writer, wrong_configurations_are_refused)
{
    const struct journal_writer_cfg good = {
        .dir = dir, .shard = 3, .epoch = 1, .segment_bytes = RIG_SEGMENT_BYTES};
    struct journal_writer_cfg cfg = good;

    cfg.segment_bytes = RIG_SEGMENT_BYTES - JOURNAL_PAGE_BYTES;
    refused(&cfg, -EINVAL);
    cfg.segment_bytes = RIG_SEGMENT_BYTES + 512;
    refused(&cfg, -EINVAL);
    cfg = good;
    cfg.epoch = 0;
    refused(&cfg, -EINVAL);
    cfg = good;
    cfg.shard = SHARDS_MAX;
    refused(&cfg, -EINVAL);
    cfg = good;
    cfg.batch_pages = 129;
    refused(&cfg, -EINVAL);
    cfg = good;
    cfg.ack_mode = 3;
    refused(&cfg, -EINVAL);
    cfg = good;
    cfg.dir = "/nonexistent/folder";
    refused(&cfg, -ENOENT);
}

Test(writer, another_segment_size_than_the_journal_has_is_refused)
{
    struct rig_cells all = {0};
    uint64_t random = rig_seed();
    struct journal_writer_cfg cfg = {
        .dir = dir, .shard = 3, .epoch = 2, .segment_bytes = 2 * RIG_SEGMENT_BYTES};

    while (all.cnt < 700 * JOURNAL_PAGE_CELLS)
        rig_group(&all, &random, 0, true);
    rig_write(dir, &all, 1000);
    cfg.next_page_no = 700;
    refused(&cfg, -EINVAL); /* of no journal */
    cfg.journal.bytes[0] = 1;
    refused(&cfg, -EINVAL);
    cfg.next_page_no = 10;
    cfg.segment_bytes = RIG_SEGMENT_BYTES;
    cr_assert_eq(truncate(segment_path(0), 2 * RIG_SEGMENT_BYTES), 0);
    refused(&cfg, -EINVAL);
    free(all.cells);
}

/* small_disk mounts a file system of kib KiB over dir, in a namespace of this
 * process, with which it ends. False if that is not allowed here. */
static bool
small_disk(unsigned kib)
{
    char options[40];

    snprintf(options, sizeof options, "size=%uk", kib);
    if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
        return false;
    mounted = mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
              mount("tmpfs", dir, "tmpfs", 0, options) == 0;
    return mounted;
}

Test(writer, a_first_segment_that_does_not_fit_is_refused)
{
    const struct journal_writer_cfg cfg = {
        .dir = dir, .shard = 3, .epoch = 1, .segment_bytes = RIG_SEGMENT_BYTES};
    struct stat st;

    if (!small_disk(RIG_SEGMENT_BYTES / 2048))
        cr_skip_test("no namespaces here");
    refused(&cfg, -ENOSPC);
    /* Nothing is left behind that a later run could take for a segment. */
    cr_assert_neq(stat(segment_path(0), &st), 0);
    cr_assert_neq(stat(strcat(segment_path(0), ".new"), &st), 0);
}

/* exit_code_of runs function in a child and returns its exit code, -1 if it was
 * killed. */
static int
exit_code_of(void (*function)(void))
{
    int status;
    const pid_t child = fork();

    CHECK(child >= 0, "%d", errno);
    if (child == 0) {
        function();
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child, "%d", errno);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* fill_disk writes more than the disk holds; it does not return. */
static void
fill_disk(void)
{
    struct journal_writer_cfg cfg = {0};
    struct journal_writer_stats stats;
    struct rig_cells all = {0};
    uint64_t random = rig_seed();
    struct rig rig;

    rig_open(&rig, dir, &cfg);
    while (all.cnt < RIG_SEGMENT_PAGES * JOURNAL_PAGE_CELLS * 5 / 2)
        rig_group(&all, &random, 0, true);

    /* Into segment 1, while 2 does not fit: all goes on, and the operator can
     * know. */
    const size_t half = all.cnt / 2;
    size_t cut = half;

    while (cell_count(&all.cells[cut]) == 0)
        cut++;
    rig_put(&rig, &all, 0, cut);
    for (unsigned i = 0; i < 30000; i++) {
        (void)journal_writer_poll(rig.writer, rig_clock_ns());
        usleep(100);
        journal_writer_stats_get(rig.writer, &stats);
        if (stats.next_segment_error != 0)
            break;
    }
    CHECK(stats.next_segment_error == -ENOSPC, "%d", stats.next_segment_error);
    rig_put(&rig, &all, cut, all.cnt);
    rig_close(&rig);
}

Test(writer, a_next_segment_that_does_not_fit_ends_the_process_at_the_roll)
{
    struct journal_verify_result result;

    if (!small_disk(RIG_SEGMENT_BYTES * 5 / 2048))
        cr_skip_test("no namespaces here");

    cr_assert_eq(exit_code_of(fill_disk), 3);

    /* What was durable is there: both segments to their last page. */
    cr_assert_eq(journal_verify(dir, 3, &result), 0);
    cr_assert_eq(result.pages_cnt, 2 * RIG_SEGMENT_PAGES);
}

/* lose_folder takes the folder away, which only the helper needs once segments are
 * open: it fails when it is asked for another one. */
static void
lose_folder(void)
{
    struct journal_writer_cfg cfg = {.no_direct = true};
    struct rig_cells all = {0};
    uint64_t random = rig_seed();
    struct rig rig;

    rig_open(&rig, dir, &cfg);
    while (access(segment_path(1), F_OK) != 0)
        usleep(1000);
    rig_dir_remove(dir);
    while (all.cnt < RIG_SEGMENT_PAGES * JOURNAL_PAGE_CELLS * 9 / 8)
        rig_group(&all, &random, 0, true);
    rig_put(&rig, &all, 0, all.cnt);
    /* Into segment 1, with much room left. Nothing more is written. */
    for (unsigned i = 0; i < 30000; i++) {
        (void)journal_writer_poll(rig.writer, rig_clock_ns());
        usleep(100);
    }
}

Test(writer, a_helper_that_fails_ends_the_process_at_once)
{
    cr_assert_eq(exit_code_of(lose_folder), 3);
}

/* write_past_limit writes more than this process may; it does not return. */
static void
write_past_limit(void)
{
    const struct rlimit limit = {JOURNAL_PAGE_BYTES, JOURNAL_PAGE_BYTES};
    struct journal_writer_cfg cfg = {.no_direct = true};
    struct rig_cells all = {0};
    uint64_t random = rig_seed();
    struct rig rig;

    rig_open(&rig, dir, &cfg);
    /* The helper is to be done with its part. */
    while (access(segment_path(1), F_OK) != 0)
        usleep(1000);
    signal(SIGXFSZ, SIG_IGN);
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0, "%d", errno);
    rig_group(&all, &random, 300, true);
    rig_put(&rig, &all, 0, all.cnt);
    rig_settle(&rig, all.cnt);
}

Test(writer, a_write_that_fails_ends_the_process)
{
    cr_assert_eq(exit_code_of(write_past_limit), 3);
}

Test(writer, lock_is_held_by_one)
{
    const int first = journal_lock(dir);

    cr_assert_geq(first, 0);
    cr_assert_eq(journal_lock(dir), -EWOULDBLOCK);
    close(first);

    const int second = journal_lock(dir);

    cr_assert_geq(second, 0);
    close(second);
    cr_assert_eq(journal_lock("/nonexistent/folder"), -ENOENT);
}
