/*
 * Goal: a reader finds any command by number and by time, hands out whole groups
 * alone, and follows a journal that grows.
 * Method: random groups written by the real writer, over several segments, runs
 * and groups that never happened; every place is sought and compared.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "tests/journal/journal_rig.h"

#define COMMANDS_MAX 4096u

static char dir[64];
static struct rig_cells all;
static struct journal_reader *reader;
static uint64_t random_state;
static size_t command_at[COMMANDS_MAX]; /* cell of all at which a command begins, by seq */

static void
setup(void)
{
    rig_dir_make(dir);
    random_state = rig_seed();
}

static void
teardown(void)
{
    if (reader != NULL)
        journal_reader_close(reader);
    rig_dir_remove(dir);
    free(all.cells);
}

TestSuite(reader, .init = setup, .fini = teardown);

static void
open_reader(void)
{
    struct journal_fault fault;
    const int rc = journal_reader_open(&reader, dir, 3, &fault);

    CHECK(rc == 0, "%s", fault.text);
}

/* group appends a finished group whose cells all bear a time. */
static void
group(unsigned long_cells, uint64_t time_ns)
{
    const size_t from = all.cnt;

    rig_group(&all, &random_state, long_cells, true);
    for (size_t i = from; i < all.cnt; i++) {
        if (cell_count(&all.cells[i]) != 0)
            all.cells[i].words[2] = time_ns;
    }
    CHECK(all.seq < COMMANDS_MAX, "too many commands");
    command_at[all.seq] = from;
}

/* runs writes several runs: `groups` groups each, many of them durable alone, so
 * that pages are many; each run is cut off within a group of several pages. Time
 * stands still for `still` commands. */
static void
runs(unsigned runs_cnt, unsigned groups, unsigned still)
{
    for (unsigned run = 0; run < runs_cnt; run++) {
        struct journal_writer_cfg cfg = {.no_direct = true};
        size_t from = all.cnt;
        struct rig rig;

        rig_open(&rig, dir, &cfg);
        for (unsigned i = 0; i < groups; i++) {
            group(i % 10 == 9 ? 150 : 0, 1000 * ((all.seq + 1) / still));
            if (i % 4 == 0)
                continue;
            rig_put(&rig, &all, from, all.cnt);
            rig_settle(&rig, rig.in.published);
            from = all.cnt;
        }
        rig_group(&all, &random_state, 200, false);
        rig_put(&rig, &all, from, all.cnt);
        rig_forget(&all);
        rig_close(&rig);
    }
}

/* expect_from expects the reader to give what begins at cell `at`, for a while. */
static void
expect_from(size_t at, unsigned messages)
{
    const union cell *cells;

    for (; messages > 0 && at < all.cnt; messages--) {
        const int count = journal_reader_next(reader, &cells);

        cr_assert_gt(count, 0);
        cr_assert_eq(memcmp(cells, &all.cells[at], (size_t)count * CELL_BYTES), 0, "cell %zu", at);
        cr_assert_eq(cells - journal_reader_page(reader)->cells + count <=
                         journal_reader_page(reader)->header.cells,
                     1);
        at += (size_t)count;
    }
    if (at == all.cnt)
        cr_assert_eq(journal_reader_next(reader, &cells), 0);
}

/* time_of returns the time of command seq. */
static uint64_t
time_of(uint64_t seq)
{
    return cell_time(&all.cells[command_at[seq]]);
}

/* first_at returns the first command at or after a time, all.seq + 1 if none is. */
static uint64_t
first_at(uint64_t time_ns)
{
    uint64_t seq = 1;

    while (seq <= all.seq && time_of(seq) < time_ns)
        seq++;
    return seq;
}

static size_t
cell_of(uint64_t seq)
{
    return seq > all.seq ? all.cnt : command_at[seq];
}

Test(reader, finds_every_command_by_its_number)
{
    runs(5, 80, 1);
    open_reader();
    for (uint64_t seq = 1; seq <= all.seq; seq++) {
        cr_assert_eq(journal_reader_seek_seq(reader, seq), 0);
        expect_from(command_at[seq], 20);
    }
    /* Backwards too, and through to the end. */
    for (uint64_t seq = all.seq; seq > 0; seq -= seq < 50 ? 1 : 50) {
        cr_assert_eq(journal_reader_seek_seq(reader, seq), 0);
        expect_from(command_at[seq], UINT32_MAX);
    }
    cr_assert_eq(journal_reader_seek_seq(reader, 0), 0);
    expect_from(0, 1);
}

Test(reader, finds_nothing_behind_the_last_command)
{
    const union cell *cells;

    runs(2, 30, 1);
    open_reader();
    cr_assert_eq(journal_reader_seek_seq(reader, all.seq + 1), 0);
    cr_assert_eq(journal_reader_next(reader, &cells), 0);
    cr_assert_eq(journal_reader_seek_time(reader, UINT64_MAX), 0);
    cr_assert_eq(journal_reader_next(reader, &cells), 0);
    cr_assert_eq(journal_reader_seek_seq(reader, UINT64_MAX), 0);
    cr_assert_eq(journal_reader_next(reader, &cells), 0);
}

Test(reader, finds_commands_by_time)
{
    runs(4, 80, 1);
    open_reader();
    for (uint64_t seq = 1; seq <= all.seq; seq++) {
        for (uint64_t off = 0; off < 3; off++) {
            const uint64_t time_ns = time_of(seq) + off - 1;

            cr_assert_eq(journal_reader_seek_time(reader, time_ns), 0);
            expect_from(cell_of(first_at(time_ns)), 3);
        }
    }
}

Test(reader, finds_the_first_of_many_commands_at_one_time)
{
    runs(3, 200, 75);
    open_reader();
    for (uint64_t time_ns = 0; time_ns <= time_of(all.seq); time_ns += 500) {
        cr_assert_eq(journal_reader_seek_time(reader, time_ns), 0);
        expect_from(cell_of(first_at(time_ns)), 3);
    }
}

Test(reader, finds_what_lies_in_later_segments)
{
    struct journal_writer_cfg cfg = {.no_direct = true};
    struct rig rig;
    size_t from = 0;

    rig_open(&rig, dir, &cfg);
    for (unsigned i = 0; i < 3 * RIG_SEGMENT_PAGES; i++) {
        group(i % 100 == 0 ? 300 : 0, 1000 * all.seq);
        rig_put(&rig, &all, from, all.cnt);
        rig_settle(&rig, all.cnt);
        from = all.cnt;
    }
    rig_close(&rig);
    open_reader();
    for (uint64_t seq = 1; seq <= all.seq; seq++) {
        cr_assert_eq(journal_reader_seek_seq(reader, seq), 0);
        expect_from(command_at[seq], 3);
        cr_assert_eq(journal_reader_seek_time(reader, time_of(seq)), 0);
        expect_from(command_at[first_at(time_of(seq))], 3);
    }
    cr_assert_gt(journal_reader_pages_cnt(reader), 3 * RIG_SEGMENT_PAGES);
}

/* What a writer on a thread of its own does: it writes all, in pieces. */
static void *
write_all(void *arg)
{
    struct rig *rig = arg;
    uint64_t random = rig_seed() + 1;
    size_t from = 0;

    while (from < all.cnt) {
        size_t to = from + rig_random(&random) % 400;

        to = to < all.cnt ? to : all.cnt;
        while (to < all.cnt && cell_count(&all.cells[to]) == 0)
            to++;
        rig_put(rig, &all, from, to);
        from = to;
        for (unsigned i = 0; i < 3; i++)
            (void)journal_writer_poll(rig->writer, rig_clock_ns());
        if (rig_random(&random) % 8 == 0)
            usleep(500);
    }
    rig_settle(rig, all.cnt);
    return NULL;
}

Test(reader, follows_a_journal_that_is_being_written)
{
    struct journal_writer_cfg cfg = {0};
    const uint64_t deadline = rig_clock_ns() + UINT64_C(50000000000);
    const union cell *cells;
    pthread_t thread;
    struct rig rig;
    size_t at = 0;

    for (unsigned i = 0; i < 3000; i++)
        group(i % 50 == 0 ? 300 : 0, all.seq);
    rig_open(&rig, dir, &cfg);
    open_reader();
    journal_reader_follow(reader);
    cr_assert_eq(journal_reader_next(reader, &cells), 0);
    cr_assert_eq(pthread_create(&thread, NULL, write_all, &rig), 0);
    while (at < all.cnt) {
        const int count = journal_reader_next(reader, &cells);

        cr_assert_geq(count, 0, "%s", journal_reader_fault(reader)->text);
        cr_assert_lt(rig_clock_ns(), deadline, "it stays at cell %zu of %zu", at, all.cnt);
        if (count == 0) {
            usleep(200);
            continue;
        }
        cr_assert_eq(memcmp(cells, &all.cells[at], (size_t)count * CELL_BYTES), 0);
        at += (size_t)count;
    }
    cr_assert_eq(journal_reader_next(reader, &cells), 0);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    rig_close(&rig);
    cr_assert_eq(journal_reader_next(reader, &cells), 0);
    cr_assert_gt(journal_reader_pages_cnt(reader), RIG_SEGMENT_PAGES);
}

/* write_page writes one page of a segment's file, as a reader sees it. */
static void
write_page(struct rig_file *file, uint64_t page_no, const struct page *page)
{
    *rig_page(file, page_no) = *page;
    rig_store(file, dir, 0);
}

/* followed writes some pages of one group each and follows them to their end. */
static void
followed(struct rig_file *file)
{
    for (unsigned i = 0; i < 40; i++)
        group(0, all.seq);
    rig_write(dir, &all, 1);
    rig_load(file, dir, 0);
    open_reader();
    journal_reader_follow(reader);
}

Test(reader, that_follows_waits_for_a_page_that_is_not_whole_yet)
{
    struct rig_file file;
    const union cell *cells;
    uint64_t last = RIG_SEGMENT_PAGES - 1;

    followed(&file);
    while (page_is_zero(rig_page(&file, last)))
        last--;

    const struct page whole = *rig_page(&file, last);
    struct page torn = whole;

    memset(&torn.cells[1], 0, sizeof torn.cells - sizeof torn.cells[0]);
    torn.cells[0].bytes[60] ^= 1;
    write_page(&file, last, &torn);
    while (journal_reader_next(reader, &cells) > 0)
        continue;
    cr_assert_eq(journal_reader_next(reader, &cells), 0);
    cr_assert_eq(journal_reader_pages_cnt(reader), last);
    write_page(&file, last, &whole);
    cr_assert_gt(journal_reader_next(reader, &cells), 0);
    cr_assert_eq(journal_reader_pages_cnt(reader), last + 1);
    free(file.bytes);
}

/* damaged expects a reader that follows to stop at page 20 of followed. */
static void
damaged(const struct page *page)
{
    struct rig_file file;
    const union cell *cells;
    int count;

    followed(&file);
    write_page(&file, 20, page == NULL ? rig_page(&file, 19) : page);
    while ((count = journal_reader_next(reader, &cells)) > 0)
        continue;
    cr_assert_eq(count, -EBADMSG);
    cr_assert_eq(journal_reader_fault(reader)->page_no, 20);
    cr_assert(journal_reader_fault(reader)->damage);
    free(file.bytes);
}

Test(reader, that_follows_finds_a_page_that_vanished)
{
    static const struct page zero;

    damaged(&zero);
}

Test(reader, that_follows_finds_a_page_that_is_another)
{
    damaged(NULL);
}
