/*
 * Goal: one day of 10,000 commands, cut off at every page boundary and at every
 * tear of 512 bytes: each time exactly the groups whose last page is whole come
 * back, with everything that was acknowledged among them, and the journal goes
 * on from there.
 *
 * Method: the day is written by the real writer in group commits of random
 * size, on the disk of the simulator, which tells what was acknowledged when each write
 * was sent. Then the segments are built up again, 512 bytes by 512 bytes, and at
 * each step reader, replay and recovery look at them as a start does. The state
 * must be that of an engine that was given the same commands. At each
 * page boundary a writer goes on with a Restart, and all is read again.
 *
 * With less than 100 OUTCRY_SEEDS it takes every 29th step only.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "journal/replay.h"

#include "tests/journal/workload.h"
#include "tests/seeds.h"
#include "tests/sim/sim_disk.h"

#define COMMANDS      10000u
#define SHARD         3u
#define RING_CELLS    8192u
#define DAY_PAGES_MAX 4096u
#define SEGMENTS      (DAY_PAGES_MAX / SIM_SEGMENT_PAGES)
#define STEP_FEW      29u
#define SEEDS_MANY    100u
#define PATIENCE      100000u
#define PAGE_STEPS    (SIM_PAGE_BYTES / SIM_SECTOR_BYTES)

struct day {
    struct rig_cells all;
    struct page *pages;            /* as they were written */
    uint64_t acked[DAY_PAGES_MAX]; /* cells that were acknowledged when the page was sent */
    uint64_t pages_cnt;
    struct ring *ring;
    struct ring_writer in;
    struct ring_reader out;
    struct journal_writer *writer;
    uint64_t random;
    int fds[SEGMENTS];
    /* An engine that follows what has to come back. */
    struct engine *shadow;
    size_t shadow_cells;
    struct hash128 hash;
    uint64_t hash_seq;
};

static struct day day;

/* make fills the day with commands and what they caused. */
static void
make(void)
{
    struct workload workload = {.random = rig_seed(), .time_ns = 1, .all = &day.all};

    workload_begin(&workload, 1);
    while (day.all.seq < COMMANDS)
        workload_step(&workload);
    free(workload.engine);
}

static void
ring_make(void)
{
    void *mem = aligned_alloc(RING_ALIGN, ring_footprint(RING_CELLS, 1));

    CHECK(mem != NULL, "out of memory");
    day.ring = ring_init(mem, RING_CELLS, 1);
    ring_writer_init(&day.in, day.ring);
    ring_reader_init(&day.out, day.ring, 0);
}

static void
writer_open(const struct journal_end *end)
{
    const struct journal_writer_cfg cfg = {
        .dir = sim_disk.dir,
        .shard = SHARD,
        .epoch = end->epoch + 1,
        .segment_bytes = SIM_SEGMENT_BYTES,
        .next_page_no = end->next_page_no,
        .prev_hash = end->prev_hash,
        .journal = end->journal,
    };
    char why[256];

    ring_make();
    CHECK(journal_writer_open(&day.writer, &cfg, &day.out, why) == 0, "%s", why);
}

/* writer_poll lets the writer work and notes what was acknowledged when it sent
 * what it has sent now. */
static void
writer_poll(void)
{
    const uint64_t before = sim_disk.sent_pages;

    (void)journal_writer_poll(day.writer, sim_disk.now_ns);
    sim_disk_tick();
    for (uint64_t i = before; i < sim_disk.sent_pages; i++)
        day.acked[day.pages_cnt++] = *journal_writer_durable(day.writer);
    CHECK(day.pages_cnt < DAY_PAGES_MAX, "a longer day than was thought");
}

/* put publishes cells and lets the writer take them, now at once, now later. */
static void
put(const union cell *cells, size_t cnt)
{
    for (size_t at = 0; at < cnt; at += cell_count(&cells[at])) {
        while (ring_writer_room(&day.in, cell_count(&cells[at])) < cell_count(&cells[at])) {
            ring_publish(&day.in);
            writer_poll();
            sim_disk.now_ns += 10000;
        }
        ring_write(&day.in, &cells[at], cell_count(&cells[at]));
    }
    ring_publish(&day.in);
}

static void
settle(uint64_t pos)
{
    for (unsigned i = 0; *journal_writer_durable(day.writer) < pos; i++) {
        CHECK(i < PATIENCE, "durable cursor stays at %" PRIu64,
              *journal_writer_durable(day.writer));
        writer_poll();
        sim_disk.now_ns += 10000;
    }
}

static void
writer_close(void)
{
    journal_writer_close(day.writer);
    free(day.ring);
    sim_disk_off();
}

static void
segments_open(void)
{
    for (unsigned i = 0; i < SEGMENTS; i++) {
        char path[128];

        snprintf(path, sizeof path, "%s/%08u.seg", sim_disk.dir, i);
        day.fds[i] = open(path, O_RDWR | O_CLOEXEC);
    }
}

static void
segments_close(void)
{
    for (unsigned i = 0; i < SEGMENTS; i++) {
        if (day.fds[i] >= 0)
            close(day.fds[i]);
    }
}

/* write_day writes the day and keeps its pages. */
static void
write_day(void)
{
    const struct journal_end end = {0};
    size_t from = 0;

    sim_disk_on();
    writer_open(&end);
    for (size_t i = 0; i < day.all.cnt; i++) {
        if (!cell_is_last(&day.all.cells[i]))
            continue;
        put(&day.all.cells[from], i + 1 - from);
        from = i + 1;
        if (rig_random(&day.random) % 8 == 0) {
            writer_poll();
            sim_disk.now_ns += rig_random(&day.random) % 100000;
        }
    }
    settle(day.all.cnt);
    writer_close();
    day.pages = rig_alloc(day.pages_cnt * sizeof *day.pages);
    segments_open();
    for (uint64_t i = 0; i < day.pages_cnt; i++)
        CHECK(pread(day.fds[i / SIM_SEGMENT_PAGES], &day.pages[i], SIM_PAGE_BYTES,
                    (off_t)(i % SIM_SEGMENT_PAGES * SIM_PAGE_BYTES)) == SIM_PAGE_BYTES,
              "page %" PRIu64, i);
}

/* write_part makes bytes [from, to) of a page those of the day, or zeros. */
static void
write_part(uint64_t page_no, size_t from, size_t to, bool zeros)
{
    static const uint8_t zero[SIM_PAGE_BYTES];
    const uint8_t *bytes = zeros ? zero : (const uint8_t *)&day.pages[page_no];
    const int fd = day.fds[page_no / SIM_SEGMENT_PAGES];
    const uint64_t off = page_no % SIM_SEGMENT_PAGES * SIM_PAGE_BYTES;

    if (fd >= 0)
        CHECK(pwrite(fd, bytes + from, to - from, (off_t)(off + from)) == (ssize_t)(to - from),
              "page %" PRIu64, page_no);
}

/* follow brings the engine of the test to the first cells_cnt cells. */
static void
follow(size_t cells_cnt)
{
    static union cell out[256];

    while (day.shadow_cells < cells_cnt) {
        const union cell *command = &day.all.cells[day.shadow_cells];
        struct cell_sink sink = {.cells = out, .mask = 255};
        enum engine_result rc = engine_apply(day.shadow, command, &sink);

        while (rc == ENGINE_MORE)
            rc = engine_resume(day.shadow, &sink);
        CHECK(rc == ENGINE_DONE, "a command is dropped");
        day.shadow_cells += sink.pos;
    }
    CHECK(day.shadow_cells == cells_cnt, "not at the end of a group");
    if (cells_cnt != 0 && day.hash_seq != engine_seq(day.shadow)) {
        day.hash_seq = engine_seq(day.shadow);
        day.hash = engine_hash(day.shadow);
    }
}

/* go_on writes a Restart behind what came back and reads all. */
static void
go_on(uint64_t step, struct engine *engine, const struct journal_end *end)
{
    const union cell restart = {.restart = {.kind = CELL_KIND_RESTART,
                                            .shape = 1,
                                            .epoch = end->epoch + 1,
                                            .time = engine_time_ns(engine),
                                            .rules_version = RULES_VERSION,
                                            .session = CELL_SESSION}};
    static union cell out[256];
    struct cell_sink sink = {.cells = out, .mask = 255};
    struct journal_verify_result result;
    const uint64_t pages_cnt = day.pages_cnt;

    CHECK(engine_apply(engine, &restart, &sink) == ENGINE_DONE, "step %" PRIu64, step);
    sim_disk_on();
    writer_open(end);
    put(out, sink.pos);
    settle(sink.pos);
    writer_close();
    CHECK(journal_verify(sim_disk.dir, SHARD, &result) == 0, "step %" PRIu64 ": %s", step,
          result.fault.text);
    CHECK(result.last_seq == end->last_seq + 1, "step %" PRIu64, step);
    CHECK(!result.torn_tail, "step %" PRIu64, step);
    for (uint64_t i = pages_cnt; i < day.pages_cnt; i++)
        write_part(end->next_page_no + (i - pages_cnt), 0, SIM_PAGE_BYTES, true);
    day.pages_cnt = pages_cnt;
}

/* What has to come back of the pages before page_no. */
static size_t
whole_cells(uint64_t page_no)
{
    size_t cells_cnt = 0;

    for (uint64_t i = 0; i < page_no; i++)
        cells_cnt += page_is_segment(&day.pages[i]) ? 0 : day.pages[i].header.cells;
    while (cells_cnt > 0 && !cell_is_last(&day.all.cells[cells_cnt - 1]))
        cells_cnt--;
    return cells_cnt;
}

/* rest_is_zero tells whether a page is whole although its last bytes are not written:
 * they are zeros. */
static bool
rest_is_zero(uint64_t page_no, size_t from)
{
    const uint8_t *bytes = (const uint8_t *)&day.pages[page_no];

    for (size_t i = from; i < SIM_PAGE_BYTES; i++) {
        if (bytes[i] != 0)
            return false;
    }
    return true;
}

/* judge starts on the first `step` sectors of the day. */
static void
judge(uint64_t step)
{
    const uint64_t sent = step / PAGE_STEPS;
    const size_t bytes = step % PAGE_STEPS * SIM_SECTOR_BYTES;
    const uint64_t page_no = sent + (bytes != 0 && rest_is_zero(sent, bytes));
    const uint64_t zeroed = bytes != 0 && page_no == sent ? SIM_PAGE_BYTES : 0;
    const size_t cells_cnt = whole_cells(page_no);
    const struct replay_cfg cfg = {.alloc = workload_memory};
    struct replay_result result = {.engine = NULL};
    struct journal_reader *reader;
    struct journal_fault fault;
    struct journal_end end;

    CHECK(journal_reader_open(&reader, sim_disk.dir, SHARD, &fault) == 0, "step %" PRIu64 ": %s",
          step, fault.text);
    CHECK(replay_run(reader, &cfg, &result) == 0, "step %" PRIu64 ": %s", step, result.text);
    journal_reader_close(reader);
    CHECK(result.identical, "step %" PRIu64 ": %s", step, result.text);
    CHECK(result.cells_cnt == cells_cnt, "step %" PRIu64 ": %" PRIu64 " cells, not %zu", step,
          result.cells_cnt, cells_cnt);
    CHECK(sent == day.pages_cnt || cells_cnt >= day.acked[sent],
          "step %" PRIu64 ": %" PRIu64 " cells were acknowledged, %zu came back", step,
          day.acked[sent], cells_cnt);
    CHECK(journal_recover(sim_disk.dir, SHARD, &end, &fault) == 0, "step %" PRIu64 ": %s", step,
          fault.text);
    follow(cells_cnt);
    CHECK(end.last_seq == engine_seq(day.shadow), "step %" PRIu64 ": %" PRIu64, step, end.last_seq);
    CHECK(end.next_page_no == page_no, "step %" PRIu64 ": page %" PRIu64, step, end.next_page_no);
    CHECK(end.zeroed_bytes == zeroed, "step %" PRIu64, step);
    if (result.engine != NULL) {
        CHECK(hash128_equal(engine_hash(result.engine), day.hash), "step %" PRIu64, step);
        if (bytes == 0)
            go_on(step, result.engine, &end);
    }
    free(result.engine);
}

/* build writes the day once more, sector by sector, and looks after each. */
static uint64_t
build(void)
{
    const uint64_t stride = seed_cnt() < SEEDS_MANY ? STEP_FEW : 1;
    const uint64_t steps_cnt = day.pages_cnt * PAGE_STEPS;
    uint64_t looks = 0;

    for (uint64_t i = 0; i < SEGMENTS * SIM_SEGMENT_PAGES; i++)
        write_part(i, 0, SIM_PAGE_BYTES, true);
    for (uint64_t step = 0; step <= steps_cnt; step++) {
        const uint64_t page_no = step / PAGE_STEPS;
        const size_t bytes = step % PAGE_STEPS * SIM_SECTOR_BYTES;

        if (bytes == 0 && page_no > 0)
            write_part(page_no - 1, 0, SIM_PAGE_BYTES, false);
        if (step % stride != 0)
            continue;
        if (bytes != 0)
            write_part(page_no, 0, bytes, false);
        judge(step);
        looks++;
    }
    return looks;
}

int
main(void)
{
    const struct engine_cfg *cfg;
    struct engine_cfg genesis;
    uint64_t looks;

    day.random = rig_seed();
    sim_disk_open(rig_seed());
    make();
    CHECK(engine_cfg_of(&day.all.cells[0], &genesis), "no Genesis");
    cfg = &genesis;
    day.shadow = engine_init(workload_memory(engine_footprint(cfg)), cfg);
    write_day();
    looks = build();
    fprintf(stderr,
            "sim_day: %" PRIu64 " commands in %" PRIu64 " pages, cut at %" PRIu64 " places\n",
            day.all.seq, day.pages_cnt, looks);
    segments_close();
    sim_disk_close();
    free(day.shadow);
    free(day.pages);
    free(day.all.cells);
    printf("1..1\nok 1 - sim_day::what_was_acknowledged_comes_back_wherever_it_is_cut\n");
    return 0;
}
