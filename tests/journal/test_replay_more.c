/*
 * Goal: a replay that can go on says the same as one that runs through: piece by
 * piece, behind a journal that grows, and from an engine that was loaded.
 * Method: random commands through an engine, journaled while a replay follows;
 * its state and hashes are compared with the engine's at each stop. All of it also by two
 * threads.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include <criterion/criterion.h>

#include "engine/event_hash.h"
#include "journal/replay.h"

#include "tests/journal/journal_rig.h"
#include "tests/journal/workload.h"

static char dir[64];
static struct rig_cells all;
static struct workload workload = {.all = &all};
static struct journal_reader *reader;
static struct replay *replay;
static struct replay_result result;
static bool pair;
static bool replays; /* so it is replay that wants a thread */
static bool refuses; /* such threads */
static unsigned threads_cnt;

static void
setup(void)
{
    workload_open(&workload, dir);
}

static void
teardown(void)
{
    if (replay != NULL)
        replay_close(replay);
    if (reader != NULL)
        journal_reader_close(reader);
    workload_close(&workload, dir);
}

TestSuite(replay_more, .init = setup, .fini = teardown);

static void
setup_pair(void)
{
    setup();
    pair = true;
}

TestSuite(replay_pair, .init = setup_pair, .fini = teardown);

static void
setup_refused(void)
{
    setup_pair();
    refuses = true;
}

TestSuite(replay_refused, .init = setup_refused, .fini = teardown);

int __real_pthread_create(pthread_t *thread,
                          const pthread_attr_t *attr,
                          void *(*start)(void *),
                          void *ctx);
int __wrap_pthread_create(pthread_t *thread,
                          const pthread_attr_t *attr,
                          void *(*start)(void *),
                          void *ctx);

int
__wrap_pthread_create(pthread_t *thread,
                      const pthread_attr_t *attr,
                      void *(*start)(void *),
                      void *ctx)
{
    threads_cnt += replays;
    return replays && refuses ? EAGAIN : __real_pthread_create(thread, attr, start, ctx);
}

/* Each test by one thread, by two, and by who asks for two and gets none. */
#define BOTH(name)          \
 static void name(void);    \
 Test(replay_more, name)    \
 {                          \
  name();                   \
 }                          \
 Test(replay_pair, name)    \
 {                          \
  name();                   \
 }                          \
 Test(replay_refused, name) \
 {                          \
  name();                   \
 }                          \
 static void name(void)

static void
steps(unsigned cnt)
{
    for (unsigned i = 0; i < cnt; i++)
        workload_step(&workload);
}

/* run journals a run of random commands and a mass cancel of several slices. */
static void
run(uint32_t epoch, unsigned cnt)
{
    struct journal_writer_cfg cfg = {.no_direct = true};
    const size_t from = all.cnt;
    struct rig rig;

    workload_begin(&workload, epoch);
    steps(cnt);
    workload_cancel_all(&workload);
    rig_open(&rig, dir, &cfg);
    rig_put(&rig, &all, from, all.cnt);
    rig_close(&rig);
}

/* begin opens a replay of dir from its start. */
static void
begin(const struct replay_cfg *cfg)
{
    struct journal_fault fault;
    const int rc = journal_reader_open(&reader, dir, 3, &fault);

    CHECK(rc == 0, "%s", fault.text);

    struct replay_cfg with = *cfg;

    with.pair = pair;
    cr_assert_eq(replay_open(&replay, reader, &with), 0);
}

static int
more(uint64_t until_seq)
{
    replays = true;

    const int rc = replay_more(replay, until_seq, &result);

    replays = false;
    return rc;
}

static uint64_t
hash_of(size_t from, size_t to, uint64_t hash)
{
    for (size_t i = from; i < to; i++)
        hash = event_hash_cell(hash, &all.cells[i]);
    return hash;
}

/* expect_all expects the replay to be where the engine is. */
static void
expect_all(void)
{
    cr_assert(result.identical, "%s", result.text);
    cr_assert_eq(result.last_seq, engine_seq(workload.engine));
    cr_assert_eq(result.event_hash, hash_of(0, all.cnt, 0));
    cr_assert(hash128_equal(engine_hash(result.engine), engine_hash(workload.engine)));
}

static void
count(void *ctx, const union cell *cells)
{
    uint64_t *cells_cnt = ctx;

    cr_assert_eq(memcmp(cells, &all.cells[*cells_cnt], cell_count(cells) * CELL_BYTES), 0);
    *cells_cnt += cell_count(cells);
}

BOTH(goes_through_piece_by_piece)
{
    uint64_t cells_cnt = 0;
    const struct replay_cfg cfg = {
        .alloc = workload_memory, .on_message = count, .ctx = &cells_cnt};

    run(1, 3000);
    run(2, 500);
    begin(&cfg);
    for (uint64_t seq = 1; seq <= all.seq; seq += 1 + seq % 13) {
        cr_assert_eq(more(seq), 0);
        cr_assert(result.identical, "%s", result.text);
        cr_assert_eq(result.last_seq, seq);
        cr_assert_eq(result.commands_cnt, seq);
        cr_assert_eq(engine_seq(result.engine), seq);
        cr_assert_eq(result.event_hash, hash_of(0, cells_cnt, 0));
        cr_assert_eq(result.cells_cnt, cells_cnt);
    }
    cr_assert_eq(more(0), 0);
    expect_all();
    cr_assert_eq(cells_cnt, all.cnt);
    cr_assert_eq(threads_cnt != 0, pair);
    free(result.engine);
}

/* watch expects the engine right behind a command, which is the journal's own. */
static void
watch(void *ctx, const struct engine *engine, const union cell *command)
{
    uint64_t *commands_cnt = ctx;
    size_t at = 0;

    ++*commands_cnt;
    while (!cell_is_command(&all.cells[at]) || cell_seq(&all.cells[at]) != *commands_cnt)
        at++;
    cr_assert_eq(engine_seq(engine), *commands_cnt);
    cr_assert_eq(memcmp(command, &all.cells[at], cell_count(command) * CELL_BYTES), 0);
}

BOTH(shows_the_engine_behind_each_command)
{
    uint64_t commands_cnt = 0;
    const struct replay_cfg cfg = {
        .alloc = workload_memory, .on_command = watch, .ctx = &commands_cnt};

    run(1, 1500);
    run(2, 100);
    begin(&cfg);
    cr_assert_eq(more(100), 0);
    cr_assert_eq(commands_cnt, 100);
    cr_assert_eq(more(0), 0);
    expect_all();
    cr_assert_eq(commands_cnt, all.seq);
    free(result.engine);
}

BOTH(goes_on_with_what_was_written_meanwhile)
{
    const struct replay_cfg cfg = {.alloc = workload_memory};
    struct journal_writer_cfg writer_cfg = {.no_direct = true};
    size_t from = 0;
    struct rig rig;

    rig_open(&rig, dir, &writer_cfg);
    begin(&cfg);
    journal_reader_follow(reader);
    cr_assert_eq(more(0), 0);
    cr_assert_null(result.engine);
    cr_assert(result.identical);
    workload_begin(&workload, 1);
    for (unsigned round = 0; round < 60; round++) {
        /* Every third time behind an unfinished group. */
        const size_t before = all.cnt;
        const bool cut = round % 3 == 2;

        if (cut)
            workload_cancel_all(&workload);
        else
            steps(1 + round * 7);
        if (cut && all.cnt - before > 1) {
            const struct replay_result last = result;

            rig_put(&rig, &all, from, all.cnt - 1);
            from = all.cnt - 1;
            for (unsigned i = 0; i < 3; i++)
                (void)journal_writer_poll(rig.writer, rig_clock_ns());
            cr_assert_eq(more(0), 0);
            cr_assert_eq(result.last_seq, last.last_seq);
        }
        rig_put(&rig, &all, from, all.cnt);
        rig_settle(&rig, all.cnt);
        from = all.cnt;
        cr_assert_eq(more(0), 0);
        expect_all();
        cr_assert_eq(more(0), 0);
        expect_all();
    }
    rig_close(&rig);
    free(result.engine);
}

/* half replays the first half of the journal and keeps the engine in cfg. */
static void
half(struct replay_cfg *cfg)
{
    const struct replay_cfg first = {.alloc = workload_memory};

    begin(&first);
    cr_assert_eq(more(all.seq / 2), 0);
    replay_close(replay);
    journal_reader_close(reader);
    replay = NULL;
    reader = NULL;
    *cfg = (struct replay_cfg){
        .engine = result.engine, .engine_cfg = result.cfg, .event_hash = result.event_hash};
}

BOTH(goes_on_from_an_engine)
{
    struct replay_cfg cfg;

    run(1, 3000);
    half(&cfg);

    const struct replay_result before = result;

    begin(&cfg);
    cr_assert_eq(more(0), 0);
    expect_all();
    cr_assert_eq(result.commands_cnt, all.seq - all.seq / 2);
    cr_assert_eq(result.cells_cnt, all.cnt - before.cells_cnt);
    cr_assert_eq(result.engine, cfg.engine);
    cr_assert_eq(memcmp(&result.cfg, &before.cfg, sizeof result.cfg), 0);
    free(result.engine);
}

BOTH(goes_on_from_an_engine_where_the_reader_stands)
{
    struct replay_cfg cfg;

    run(1, 3000);
    half(&cfg);
    begin(&cfg);
    cr_assert_eq(journal_reader_seek_seq(reader, all.seq / 2 + 1), 0);
    cr_assert_eq(more(0), 0);
    expect_all();
    free(result.engine);
}

BOTH(of_an_engine_at_the_end_has_nothing_to_do)
{
    struct replay_cfg cfg = {0};

    run(1, 300);
    cfg.engine = workload.engine;
    cfg.event_hash = hash_of(0, all.cnt, 0);
    begin(&cfg);
    cr_assert_eq(more(0), 0);
    expect_all();
    cr_assert_eq(result.commands_cnt, 0);
}

BOTH(with_a_command_missing_is_refused)
{
    struct replay_cfg cfg;
    char text[100];

    run(1, 3000);
    half(&cfg);
    begin(&cfg);
    cr_assert_eq(journal_reader_seek_seq(reader, all.seq / 2 + 2), 0);
    for (unsigned i = 0; i < 2; i++) {
        cr_assert_eq(more(0), -EPROTO);
        (void)snprintf(text, sizeof text,
                       "the engine waits for command %llu, the journal goes on with %llu",
                       (unsigned long long)all.seq / 2 + 1, (unsigned long long)all.seq / 2 + 2);
        cr_assert_str_eq(result.text, text);
    }
    free(result.engine);
}

BOTH(says_again_where_it_diverged)
{
    struct replay_cfg cfg;
    union cell cell = {.order_new = {.kind = CELL_KIND_ORDER_NEW,
                                     .shape = 1,
                                     .clord = UINT64_MAX,
                                     .px = 900,
                                     .qty = 1,
                                     .ord_type = OE_ORD_TYPE_LIMIT,
                                     .tif = OE_TIME_IN_FORCE_DAY,
                                     .session = CELL_SESSION}};
    union cell out[256];
    struct cell_sink sink = {.cells = out, .mask = 255};

    run(1, 3000);
    half(&cfg);
    /* The engine has had another command than the journal. */
    cr_assert_eq(engine_apply(cfg.engine, &cell, &sink), ENGINE_DONE);
    cr_assert_eq(cell_outcome(out), 0);
    begin(&cfg);
    cr_assert_eq(more(0), 0);
    cr_assert(!result.identical);

    const struct replay_result first = result;

    const struct replay_diverged *shown = replay_diverged(replay);
    const struct replay_diverged before = *shown;
    const unsigned at = shown->cell_no - shown->first_no;

    /* What is shown is the journal's command and the group from a message on. */
    cr_assert_eq(cell_seq(shown->command), first.diverged_seq);
    cr_assert_eq(shown->command_cnt, cell_count(shown->command));
    cr_assert_lt(at, shown->expected_cnt);
    cr_assert_lt(at, shown->actual_cnt);
    cr_assert_eq(memcmp(shown->expected, shown->actual, at * CELL_BYTES), 0);
    cr_assert_neq(memcmp(&shown->expected[at], &shown->actual[at], CELL_BYTES), 0);
    cr_assert_eq(cell_is_last(&shown->expected[shown->expected_cnt - 1]), !shown->expected_more);
    cr_assert_eq(cell_is_last(&shown->actual[shown->actual_cnt - 1]), !shown->actual_more);
    cr_assert_gt(first.diverged_seq, all.seq / 2 + 1);
    cr_assert_eq(first.last_seq, first.diverged_seq - 1);
    cr_assert_eq(more(0), 0);
    cr_assert_eq(memcmp(&result, &first, sizeof first), 0);
    cr_assert_eq(memcmp(shown, &before, sizeof before), 0);
    free(result.engine);
}
