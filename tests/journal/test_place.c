/*
 * Goal: a walk that begins behind a page gives what one from the beginning gives there;
 * a paused reader stands where such a walk may begin, and hands out everything once.
 * Method: journals of several runs, with groups that span pages and groups that were
 * never finished; every place that a paused reader comes to is tried as a beginning.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "tests/journal/journal_rig.h"

#define GROUPS 120u

static char dir[64];
static struct rig_cells all;
static uint64_t random_state;

static void
setup(void)
{
    rig_dir_make(dir);
    random_state = rig_seed();
}

static void
teardown(void)
{
    rig_dir_remove(dir);
    free(all.cells);
}

TestSuite(place, .init = setup, .fini = teardown);

/* run journals a run; unfinished: its last group is cut off, as by a crash. */
static void
run(unsigned groups, unsigned per_batch, bool unfinished)
{
    struct journal_writer_cfg cfg = {.no_direct = true};
    struct rig rig;
    uint64_t durable = 0;

    rig_open(&rig, dir, &cfg);
    for (unsigned i = 0; i < groups; i++) {
        const size_t from = all.cnt;

        rig_group(&all, &random_state, i % 17 == 16 ? 150 : 0, true);
        rig_put(&rig, &all, from, all.cnt);
        durable += all.cnt - from;
        if (i % per_batch == per_batch - 1)
            rig_settle(&rig, durable);
    }
    if (unfinished) {
        const size_t from = all.cnt;

        rig_group(&all, &random_state, 100, false);
        rig_put(&rig, &all, from, all.cnt);
        rig_forget(&all);
    }
    rig_close(&rig);
}

/* give reads to an end and checks that cell `at` of all comes next, and so on; returns
 * where it ended. */
static size_t
give(struct journal_reader *reader, size_t at)
{
    const union cell *cells;
    int cnt;

    while ((cnt = journal_reader_next(reader, &cells)) > 0) {
        cr_assert_leq(at + (unsigned)cnt, all.cnt);
        cr_assert_eq(memcmp(cells, &all.cells[at], (unsigned)cnt * sizeof *cells), 0, "cell %zu",
                     at);
        at += (unsigned)cnt;
    }
    cr_assert_eq(cnt, 0);
    return at;
}

/* behind returns where the cells behind a command begin. */
static size_t
behind(uint64_t seq)
{
    size_t at = 0;

    while (at < all.cnt && cell_seq(&all.cells[at]) <= seq)
        at += cell_count(&all.cells[at]);
    return at;
}

static void
try_from(const struct journal_place *place)
{
    struct journal_fault fault;
    struct journal_reader *reader;
    struct journal_end whole;
    struct journal_end end;

    cr_assert_eq(journal_reader_open_at(&reader, dir, 3, place, &fault), 0, "%s", fault.text);
    cr_assert_eq(give(reader, behind(place->seq)), all.whole);
    journal_reader_close(reader);
    cr_assert_eq(journal_recover(dir, 3, &whole, &fault), 0);
    cr_assert_eq(journal_recover_at(dir, 3, place, &end, &fault), 0);
    cr_assert_eq(memcmp(&whole, &end, sizeof end), 0);
}

/* walk pauses a reader every `step` commands and tries each place that it comes to;
 * returns how many there were. */
static unsigned
walk(uint64_t step)
{
    struct journal_fault fault;
    struct journal_reader *reader;
    struct journal_place place = {.page_no = 0};
    unsigned cnt = 0;
    size_t at = 0;

    cr_assert_eq(journal_reader_open(&reader, dir, 3, &fault), 0, "%s", fault.text);
    for (uint64_t seq = step; place.seq + 1 < seq; seq = place.seq + step) {
        journal_reader_pause(reader, seq);
        at = give(reader, at);

        const struct journal_place next = journal_reader_place(reader);

        if (next.page_no == place.page_no)
            break;
        place = next;
        cr_assert_eq(at, behind(place.seq));
        try_from(&place);
        cnt++;
    }
    journal_reader_close(reader);
    return cnt;
}

Test(place, walk_from_any_pause_gives_the_rest)
{
    run(GROUPS, 7, false);
    cr_assert_gt(walk(2), 15);
    cr_assert_gt(walk(30), 3);
}

Test(place, groups_that_never_happened_are_passed_and_none_before_them_is_lost)
{
    run(40, 3, true);
    run(30, 1, true);
    run(30, 50, false);
    cr_assert_gt(walk(2), 20);
    cr_assert_gt(walk(25), 2);
}

Test(place, group_without_end_keeps_a_paused_reader_before_it)
{
    struct journal_fault fault;
    struct journal_reader *reader;
    size_t at;

    run(20, 100, true);
    cr_assert_eq(journal_reader_open(&reader, dir, 3, &fault), 0);
    journal_reader_pause(reader, UINT64_MAX);
    at = give(reader, 0);

    const struct journal_place place = journal_reader_place(reader);

    cr_assert_eq(at, behind(place.seq));
    cr_assert_lt(place.seq, 20);

    /* The next run makes it void; what was held comes, once. */
    run(20, 1, false);
    journal_reader_pause(reader, UINT64_MAX);
    cr_assert_eq(give(reader, at), all.whole);
    cr_assert_eq(journal_reader_place(reader).seq, 40);
    journal_reader_close(reader);
}

Test(place, place_of_another_history_or_behind_the_end_is_stale)
{
    struct journal_fault fault;
    struct journal_reader *reader;
    struct journal_end end;
    struct journal_place place;

    run(30, 1, false);
    cr_assert_eq(journal_reader_open(&reader, dir, 3, &fault), 0);
    journal_reader_pause(reader, UINT64_MAX);
    (void)give(reader, 0);
    place = journal_reader_place(reader);
    journal_reader_close(reader);

    struct journal_place wrong = place;

    wrong.prev_hash.lo ^= 1;
    cr_assert_eq(journal_reader_open_at(&reader, dir, 3, &wrong, &fault), -ESTALE);
    cr_assert(strstr(fault.text, "another page") != NULL, "%s", fault.text);
    cr_assert_eq(journal_recover_at(dir, 3, &wrong, &end, &fault), -ESTALE);
    wrong = place;
    wrong.page_no++;
    cr_assert_eq(journal_reader_open_at(&reader, dir, 3, &wrong, &fault), -ESTALE);
    cr_assert(strstr(fault.text, "ends before") != NULL, "%s", fault.text);
    wrong.page_no = UINT64_C(1) << 60;
    cr_assert_eq(journal_reader_open_at(&reader, dir, 3, &wrong, &fault), -ESTALE);

    /* The last page is torn: nothing says that it was ever whole. */
    struct rig_file file;

    rig_load(&file, dir, 0);
    rig_page(&file, place.page_no - 1)->cells[0].bytes[20] ^= 1;
    rig_store(&file, dir, 0);
    free(file.bytes);
    cr_assert_eq(journal_reader_open_at(&reader, dir, 3, &place, &fault), -ESTALE);
    cr_assert_eq(journal_recover_at(dir, 3, &place, &end, &fault), -ESTALE);
    cr_assert_eq(journal_recover(dir, 3, &end, &fault), 0);
    cr_assert_eq(end.next_page_no, place.page_no - 1);
    cr_assert_eq(journal_reader_open_at(&reader, dir, 3, &place, &fault), -ESTALE);
}
