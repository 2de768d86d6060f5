/*
 * Goal: whatever the disk does and whenever the power goes, nobody was told a
 * lie: what was acknowledged is there, once, in order; the state is that of
 * its commands; and what a disk that lies has spoiled is found, never passed over.
 *
 * Method: a whole exchange on a disk, a network and a time of its own (see
 * sim_world.h, sim_disk.h) lives some short lives, each ended by a power cut
 * at some write, sync, rename, at some moment between, or by itself when a write
 * or a sync fails. Starts are cut as well. After each: replay and
 * recovery, compared with what the test saw written, with an engine of its own, with
 * the naive model, and with what each broker was told. In the end all is let
 * settle and all orders are canceled: each broker's ledger must agree.
 *
 * One life, and the start behind it, is cut at each of its boundaries in turn.
 *
 * In one seed of three the disk lies, once. Then the next start must refuse the
 * journal and name the first page that is not as it should be, unless nothing
 * behind that page vouches for it: what is cut off at the very end cannot be seen
 * (see journal/format.h), and then the rest must be right.
 *
 * Runs 20 seeds for each of OUTCRY_SEEDS. A failure prints its seed;
 * OUTCRY_CRASH_SEED runs that one alone, step for step the same.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/hash.h"

#include "tests/seeds.h"
#include "tests/sim/sim_world.h"

#define SEEDS_FACTOR 20u
#define REPEAT_EVERY 50u
#define LIVES_MAX    4u
#define SLICES_MAX   2500u
#define SLICES_LONG  14000u /* about the pages of a segment */
#define SLICES_SWEEP 1500u
#define SWEEP_FEW    13u
#define SEEDS_MANY   100u
#define ENOUGH       1000u /* seeds in which everything happens */

static const char *const boundary_names[SIM_BOUNDARIES] = {
    "write sent", "write done",       "before sync",  "sync done",  "create",        "fill",
    "rename",     "recovery's write", "before fsync", "fsync done", "folder synced",
};
static const char *const fault_names[SIM_FAULTS] = {
    "write EIO", "write ENOSPC", "write short", "sync EIO", "call EIO", "no room",
    "slow",      "snapshot rot", "lost",        "astray",   "rot",
};

struct sum {
    uint64_t seeds;
    uint64_t power_cuts; /* at a boundary */
    uint64_t cuts_between;
    uint64_t kills;
    uint64_t fatals;
    uint64_t failed_starts;
    uint64_t refused;  /* damage that was found */
    uint64_t harmless; /* lies that changed nothing that is in use */
    uint64_t unseen;   /* lies at the very end */
    uint64_t behind;   /* lies before a snapshot, found by verify */
    uint64_t snapshots;
    uint64_t restored;
    uint64_t low;
    uint64_t requests;
    uint64_t reports;
    uint64_t told_again;
    uint64_t commands;
    uint64_t rolls;
};

static struct sum sum;
static struct sim_world *world;

_Noreturn static void
fail(uint64_t seed, const char *what)
{
    fprintf(stderr,
            "sim_crash: seed %" PRIu64 ": %s\nsim_crash: to repeat it: OUTCRY_CRASH_SEED=%" PRIu64
            " build/tests/test_sim_crash\n",
            seed, what, seed);
    exit(1);
}

/* choose sets what the disk of a seed is bad at. */
static void
choose(void)
{
    const enum sim_fault failure = (enum sim_fault)sim_below(SIM_SLOW);
    const enum sim_fault lie =
        (enum sim_fault)(SIM_LIE_LOST + sim_below(SIM_FAULTS - SIM_LIE_LOST));

    if (sim_below(3) == 0)
        sim_disk.permille[SIM_SLOW] = 5;
    if (sim_below(4) == 0)
        sim_disk.permille[SIM_SNAPSHOT_ROT] = 300;
    if (sim_below(3) == 0)
        sim_disk.permille[failure] = failure == SIM_NO_ROOM ? 200 : 10;
    if (sim_below(3) == 0)
        sim_disk.permille[lie] = lie == SIM_LIE_ROT ? 200 : 20;
}

/* live is one life: start, run, until the power goes or the slices are over. */
static enum sim_end
live(enum sim_start *start, uint64_t slices)
{
    const int left = setjmp(sim_disk.crash_env);

    if (left != 0)
        return (enum sim_end)left;
    sim_disk_on();
    *start = sim_world_start(world);
    if (*start == SIM_UP)
        sim_world_run(world, slices);
    return SIM_GOES_ON;
}

/* last is the last life: it ends well. */
static enum sim_end
last(enum sim_start *start)
{
    const int left = setjmp(sim_disk.crash_env);

    if (left != 0)
        return (enum sim_end)left;
    sim_disk_on();
    *start = sim_world_start(world);
    if (*start != SIM_UP)
        return SIM_GOES_ON;
    sim_world_settle(world);
    if (sim_world_why(world)[0] != '\0')
        return SIM_GOES_ON;
    sim_world_stop(world);
    sim_disk_off();
    return SIM_GOES_ON;
}

/* What is to be expected of a disk that lied. */
struct expected {
    uint64_t page_no; /* first bad page, SIM_NOTHING */
    bool may_refuse;
    bool must_refuse;
};

/* vouched tells whether a page at or behind page_no shows that page_no is no end of
 * the journal: format.h, "damage". */
static bool
vouched(uint64_t page_no)
{
    const struct page *bad = sim_disk_page(page_no);

    if (bad != NULL && page_is_whole(bad))
        return true;
    for (uint64_t i = page_no + 1;; i++) {
        const struct page *page = sim_disk_page(i);

        if (page == NULL)
            return false;
        if (page_is_whole(page) &&
            (page->header.page_no != i || page_durable_cnt(&page->header) > page_no))
            return true;
    }
}

/* honest_end returns how many pages the journal had if the disk were honest. */
static uint64_t
honest_end(uint64_t seed)
{
    struct journal_verify_result result;
    const int rc = journal_verify(sim_disk_honest(), SIM_SHARD, &result);

    if (rc != 0 && rc != -ENOENT)
        fail(seed, result.fault.text);
    return result.pages_cnt;
}

static struct expected
expect(uint64_t seed)
{
    struct expected expected = {.page_no = sim_disk_lie_page()};

    if (expected.page_no == SIM_NOTHING)
        return expected;
    expected.may_refuse = true;
    if (expected.page_no >= honest_end(seed))
        return expected;
    expected.must_refuse = vouched(expected.page_no);
    world->blind = !expected.must_refuse;
    return expected;
}

/* check_refused sees that damage is named, that verify finds it too, and that
 * nothing was changed. */
static void
check_refused(uint64_t seed, const struct expected *expected)
{
    struct journal_verify_result result;
    char what[400];

    if (!expected->may_refuse) {
        snprintf(what, sizeof what, "an honest disk is refused: %s", world->fault.text);
        fail(seed, what);
    }
    /* A start from a snapshot does not look at what lies before it. */
    if (expected->must_refuse && world->from.page_no <= expected->page_no &&
        world->fault.page_no != expected->page_no) {
        snprintf(what, sizeof what, "page %" PRIu64 " is bad, but this is said: %s",
                 expected->page_no, world->fault.text);
        fail(seed, what);
    }
    if (strstr(world->fault.text, ".seg") == NULL)
        fail(seed, "what is refused is not named");
    if (!sim_disk_same())
        fail(seed, "a journal that was refused has been changed");
    if (journal_verify(sim_disk.dir, SIM_SHARD, &result) == 0)
        fail(seed, "verify finds no fault in a journal that was refused");
}

/* check_behind: a start from a snapshot does not look at what lies before it, and what
 * it comes to is right. Who verifies the journal finds the damage. */
static bool
check_behind(uint64_t seed)
{
    struct journal_verify_result result;

    if (journal_verify(sim_disk.dir, SIM_SHARD, &result) == 0)
        fail(seed, "verify finds no fault in what lies before a snapshot");
    sum.behind++;
    return true;
}

/* judge_start looks at how a start went. True: the seed is at its end. */
static bool
judge_start(uint64_t seed, enum sim_start start, const struct expected *expected)
{
    if (world->witness.differs)
        fail(seed, world->witness.why);
    /* Who was told of what is lost may say so, and is right. */
    if (world->blind && start != SIM_REFUSED) {
        sum.unseen++;
        return true;
    }
    if (sim_world_why(world)[0] != '\0')
        fail(seed, sim_world_why(world));
    switch (start) {
    case SIM_REFUSED:
        check_refused(seed, expected);
        sum.refused++;
        return true;
    case SIM_FAILED:
        if (sim_disk.permille[SIM_CALL_EIO] == 0 && sim_disk.permille[SIM_NO_ROOM] == 0)
            fail(seed, "a start fails, but no call did");
        sum.failed_starts++;
        return false;
    case SIM_UP:
    default:
        if (expected->must_refuse && world->from.page_no > expected->page_no)
            return check_behind(seed);
        if (expected->must_refuse)
            fail(seed, "damage is passed over");
        sum.harmless += expected->may_refuse;
        return false;
    }
}

/* die ends a life as it was left. What a disk lied about shows when it was off. */
static void
die(enum sim_end end)
{
    sum.power_cuts += end == SIM_POWER_CUT;
    sum.fatals += end == SIM_FATAL;
    if (end != SIM_POWER_CUT && !sim_disk.lied && sim_below(2) == 0) {
        sum.kills += end == SIM_GOES_ON;
        sim_disk_kill();
    } else {
        sum.cuts_between += end == SIM_GOES_ON;
        sim_disk_crash();
    }
    sim_world_end(world);
}

/* lives lets a seed live and die; true if it may come to a good end. */
static bool
lives(uint64_t seed)
{
    const uint64_t lives_cnt = 2 + sim_below(LIVES_MAX - 1);
    const bool is_long = sim_below(12) == 0;

    for (uint64_t i = 0; i < lives_cnt; i++) {
        const struct expected expected = expect(seed);
        const bool goes_on = is_long && i == 0;
        const uint64_t left = 1 + sim_below(sim_below(3) == 0 ? 8 : sim_below(3) == 0 ? 40 : 600);
        enum sim_start start = SIM_UP;
        enum sim_end end;
        bool ends;

        sim_disk.boundaries_left = goes_on ? 0 : left;
        end = live(&start, goes_on ? SLICES_LONG : sim_below(SLICES_MAX));
        ends = judge_start(seed, start, &expected);
        die(end);
        if (ends)
            return false;
    }
    return true;
}

static void
count(void)
{
    const struct sim_witness *witness = &world->witness;

    sum.seeds++;
    sum.requests += world->requests_cnt;
    sum.snapshots += world->snapshots_cnt;
    sum.restored += world->restored_cnt;
    sum.low += world->low_cnt;
    sum.rolls += world->end.next_page_no / SIM_SEGMENT_PAGES;
    for (size_t i = 0; i < witness->cnt; i += cell_count(&witness->cells[i]))
        sum.commands += cell_is_command(&witness->cells[i]);
    for (unsigned i = 0; i < BROKERS; i++) {
        const struct ledger_stats *stats = ledger_stats(world->traders[i].broker.ledger);

        sum.reports += stats->reports;
        sum.told_again += stats->told_again;
    }
}

/* good_end starts once more, with a disk that does all right from now on, and
 * then reads all that was written. */
static void
good_end(uint64_t seed)
{
    for (unsigned i = 0; i < 2; i++) {
        const struct expected expected = expect(seed);
        enum sim_start start = SIM_UP;
        enum sim_end end;

        sim_disk.calm = true;
        end = last(&start);
        if (end != SIM_GOES_ON)
            fail(seed, sim_disk.why);
        if (judge_start(seed, start, &expected)) {
            if (sim_disk.is_on)
                sim_disk_crash();
            sim_world_end(world);
            return;
        }
        if (start != SIM_UP)
            fail(seed, "a start on a good disk fails");
        sim_world_end(world);
    }
}

/* run_seed returns a number for all that happened. */
static uint64_t
run_seed(uint64_t seed)
{
    uint64_t print;

    uint8_t ack_mode = CELL_ACK_MODE_DURABLE;

    sim_disk_open(seed);
    choose();
    if (sim_disk.permille[SIM_LIE_LOST] + sim_disk.permille[SIM_LIE_ASTRAY] +
            sim_disk.permille[SIM_LIE_ROT] ==
        0)
        ack_mode = seed % 8 == 3   ? CELL_ACK_MODE_INTERVAL
                   : seed % 8 == 7 ? CELL_ACK_MODE_MEMORY
                                   : CELL_ACK_MODE_DURABLE;
    world = sim_world_new(seed, ack_mode);
    if (lives(seed))
        good_end(seed);
    count();
    print = hash64_of_seeded(world->witness.cells, world->witness.cnt * sizeof(union cell),
                             sim_disk.random + sim_disk.now_ns);
    sim_world_free(world);
    sim_disk_close();
    return print;
}

/* cut_at lives one short life up to boundary number `at`, another one up to `again`
 * (0: none), and comes to a good end. True: the power went at the last of them. */
static bool
cut_at(uint64_t seed, uint64_t at, uint64_t again)
{
    const uint64_t cuts[2] = {at, again};
    bool cut = false;

    sim_disk_open(seed);
    world = sim_world_new(seed, CELL_ACK_MODE_DURABLE);
    for (unsigned i = 0; i < 2 && cuts[i] != 0; i++) {
        const struct expected expected = {.page_no = SIM_NOTHING};
        enum sim_start start = SIM_UP;
        enum sim_end end;

        sim_disk.boundaries_left = cuts[i];
        end = live(&start, SLICES_SWEEP);
        (void)judge_start(seed, start, &expected);
        cut = end == SIM_POWER_CUT;
        die(end);
    }
    good_end(seed);
    count();
    sim_world_free(world);
    sim_disk_close();
    return cut;
}

/* sweep cuts one life at each of its boundaries, and then the life behind one cut
 * at each of its own. */
static uint64_t
sweep(uint64_t seed)
{
    const uint64_t step = seed_cnt() < SEEDS_MANY ? SWEEP_FEW : 1;
    uint64_t cuts = 0;
    uint64_t at;

    for (at = 1; cut_at(seed, at, 0); at += step)
        cuts++;
    for (uint64_t again = 1; cut_at(seed, at / 2, again); again += step)
        cuts++;
    return cuts;
}

static void
print_sum(uint64_t first)
{
    fprintf(stderr,
            "sim_crash: %" PRIu64 " seeds from %" PRIu64 ": %" PRIu64
            " power cuts at a boundary, %" PRIu64 " between, %" PRIu64 " kills, %" PRIu64
            " ended by themselves, %" PRIu64 " failed starts\n",
            sum.seeds, first, sum.power_cuts, sum.cuts_between, sum.kills, sum.fatals,
            sum.failed_starts);
    fprintf(stderr,
            "sim_crash: lies: %" PRIu64 " refused, %" PRIu64 " of no effect, %" PRIu64
            " at the very end and not to be seen, %" PRIu64 " before a snapshot\n",
            sum.refused, sum.harmless, sum.unseen, sum.behind);
    fprintf(stderr,
            "sim_crash: %" PRIu64 " snapshots written, %" PRIu64 " taken up, disk low %" PRIu64
            " times\n",
            sum.snapshots, sum.restored, sum.low);
    fprintf(stderr,
            "sim_crash: %" PRIu64 " requests, %" PRIu64 " commands, %" PRIu64 " reports, %" PRIu64
            " told again, %" PRIu64 " segments full\n",
            sum.requests, sum.commands, sum.reports, sum.told_again, sum.rolls);
    for (unsigned i = 0; i < SIM_BOUNDARIES; i++)
        fprintf(stderr, "%s %s %" PRIu64, i == 0 ? "sim_crash: cut at:" : ",", boundary_names[i],
                sim_disk.crossed[i]);
    for (unsigned i = 0; i < SIM_FAULTS; i++)
        fprintf(stderr, "%s %s %" PRIu64, i == 0 ? "\nsim_crash: faults:" : ",", fault_names[i],
                sim_disk.seen[i]);
    fputc('\n', stderr);
}

/* happened sees that in many seeds everything went wrong that can: a simulation
 * in which nothing goes wrong proves nothing. */
static bool
happened(void)
{
    bool all = sum.refused > 0 && sum.unseen > 0 && sum.rolls > 0 && sum.kills > 0 &&
               sum.behind > 0 && sum.restored > 0 && sum.low > 0 && sum.fatals > 0 &&
               sum.failed_starts > 0 && sum.told_again > 0;

    for (unsigned i = 0; i < SIM_BOUNDARIES; i++)
        all = all && sim_disk.crossed[i] > 0;
    for (unsigned i = 0; i < SIM_FAULTS; i++)
        all = all && sim_disk.seen[i] > 0;
    return all;
}

/* A power cut frees nothing: what a start had allocated is lost, as it is then. */
const char *__lsan_default_options(void);

const char *
__lsan_default_options(void)
{
    return "detect_leaks=0";
}

/* on_abort names the seed, whoever failed an assert. */
static void
on_abort(int signal)
{
    (void)signal;
    fprintf(stderr, "sim_crash: aborted in seed %" PRIu64 "\n", world == NULL ? 0 : world->seed);
}

int
main(void)
{
    const uint64_t one = seed_of_env("OUTCRY_CRASH_SEED", 0);
    const uint64_t first = one != 0 ? one : seed_first() * SEEDS_FACTOR;
    const uint64_t seeds = one != 0 ? 1 : seed_cnt() * SEEDS_FACTOR;

    (void)signal(SIGABRT, on_abort);
    for (uint64_t seed = first; seed < first + seeds; seed++) {
        const uint64_t print = run_seed(seed);

        if (seed % REPEAT_EVERY == 0 && run_seed(seed) != print)
            fail(seed, "the seed does not repeat itself");
    }
    if (one == 0) {
        const uint64_t cuts = sweep(first);

        fprintf(stderr, "sim_crash: one life, cut at each of %" PRIu64 " boundaries\n", cuts);
    }
    print_sum(first);
    if (seeds >= ENOUGH && !happened()) {
        fputs("sim_crash: something that is to go wrong never did\n", stderr);
        return 1;
    }
    printf("1..1\nok 1 - sim_crash::nobody_was_told_a_lie\n");
    return 0;
}
