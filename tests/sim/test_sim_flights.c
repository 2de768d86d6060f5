/*
 * Goal: what several batches in flight mean to who waits for the durable cursor.
 * Method: a writer on the disk of the simulator, whose completions come when the
 * test says so; batches of two pages.
 */
#include <criterion/criterion.h>

#include "journal/disk.h"

#include "tests/journal/journal_rig.h"
#include "tests/sim/sim_disk.h"

#define SHARD       3u
#define RING_CELLS  4096u
#define FULL_CELLS  50u /* of a group: more than half a page */
#define LATE_NS     10000000u
#define EARLY_NS    10000u
#define BATCH_PAGES 2u
#define PASS_STEPS  16u
#define PUTS_MAX    8u

static struct rig_cells all;
static struct rig rig;
static uint64_t seed = 1;

static void
open_writer(void)
{
    const struct journal_writer_cfg cfg = {
        .dir = sim_disk.dir,
        .shard = SHARD,
        .epoch = 1,
        .segment_bytes = SIM_SEGMENT_BYTES,
        .batch_pages = BATCH_PAGES,
        .journal = {.bytes = {1}},
    };
    char why[256];

    sim_disk_open(1);
    sim_disk_on();
    rig.ring = ring_init(aligned_alloc(RING_ALIGN, ring_footprint(RING_CELLS, 1)), RING_CELLS, 1);
    ring_writer_init(&rig.in, rig.ring);
    ring_reader_init(&rig.out, rig.ring, 0);
    cr_assert_eq(journal_writer_open(&rig.writer, &cfg, &rig.out, why), 0, "%s", why);
    rig.durable = journal_writer_durable(rig.writer);
}

/* put publishes a group of at least so many cells and lets the writer work. */
static void
put(unsigned cells, uint64_t latency_ns)
{
    const size_t from = all.cnt;

    rig_group(&all, &seed, cells, true);
    for (size_t at = from; at < all.cnt; at += cell_count(&all.cells[at]))
        ring_write(&rig.in, &all.cells[at], cell_count(&all.cells[at]));
    ring_publish(&rig.in);
    sim_disk.latency_ns = latency_ns;
    (void)journal_writer_poll(rig.writer, sim_disk.now_ns);
}

/* put_until puts groups until so many batches are in flight. */
static void
put_until(unsigned flights, uint64_t latency_ns)
{
    for (unsigned i = 0; i < PUTS_MAX && disk_flights(sim_disk.queue) < flights; i++)
        put(FULL_CELLS, latency_ns);
    cr_assert_eq(disk_flights(sim_disk.queue), flights);
}

/* pass lets time pass and the writer work until it has nothing to do. */
static void
pass(uint64_t ns)
{
    for (unsigned i = 0; i < PASS_STEPS; i++) {
        sim_disk.now_ns += ns / PASS_STEPS;
        (void)journal_writer_poll(rig.writer, sim_disk.now_ns);
    }
}

static void
close_writer(void)
{
    sim_disk_crash();
    sim_disk_close();
    free(rig.ring);
    free(all.cells);
}

Test(sim_flights, a_full_batch_joins_others_and_a_partial_one_waits)
{
    open_writer();
    put(FULL_CELLS, LATE_NS);
    cr_assert_eq(disk_flights(sim_disk.queue), 1);
    put(4, LATE_NS);
    cr_assert_eq(disk_flights(sim_disk.queue), 1, "a partial batch waits");
    put_until(2, LATE_NS);
    for (unsigned i = 0; i < 4 * BATCH_PAGES * DISK_FLIGHTS_MAX; i++)
        put(FULL_CELLS, LATE_NS);
    cr_assert_eq(disk_flights(sim_disk.queue), DISK_FLIGHTS_MAX, "and there are no more");
    close_writer();
}

Test(sim_flights, the_durable_cursor_goes_over_what_is_complete_from_the_beginning)
{
    uint64_t first;

    open_writer();
    put(FULL_CELLS, LATE_NS);
    first = all.cnt;
    put_until(3, EARLY_NS);
    cr_assert_eq(*rig.durable, 0);
    pass(LATE_NS / 2); /* all but the first are complete by now */
    cr_assert_eq(*rig.durable, 0, "%lu", *rig.durable);
    pass(LATE_NS * 2);
    cr_assert_geq(*rig.durable, first);
    cr_assert_gt(*rig.durable, first, "those behind were complete long ago");
    close_writer();
}

Test(sim_flights, what_lies_behind_a_hole_was_never_told)
{
    struct journal_verify_result result;
    uint64_t told;

    open_writer();
    put(FULL_CELLS, EARLY_NS);
    pass(LATE_NS);
    told = *rig.durable;
    cr_assert_eq(told, all.cnt);
    put_until(1, LATE_NS);
    put_until(3, EARLY_NS);
    pass(LATE_NS / 2);
    cr_assert_eq(*rig.durable, told);

    /* The first of the three is lost in the power cut, the others are on disk. */
    sim_disk.fate_nothing = true;
    sim_disk_crash();
    cr_assert_eq(journal_verify(sim_disk.dir, SHARD, &result), 0, "%s", result.fault.text);
    cr_assert(result.torn_tail);
    rig_expect(sim_disk.dir, &all, told);
    sim_disk_close();
    free(rig.ring);
    free(all.cells);
}
