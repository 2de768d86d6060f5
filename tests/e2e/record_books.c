/*
 * Writes a journal with orders of every kind, and tells the engine's books:
 *
 *   record_books DIR PROFILE SEED COMMANDS STOPS [TWIST [packed]]
 *
 * The commands are those of a hostile stream of the model test. They are journaled in
 * several runs, over several segments, and each run but the last is cut off
 * within a group. At STOPS places the books of all instruments are printed, a JSON
 * object a line: {"seq": 7, "time": 9, "books": {"0": {"buy": [LEVEL, ...], "sell": [...]}}}
 * with LEVEL [px, shown, reserve, [[order_id, shown, leaves], ...]], best first and
 * orders in the order of matching.
 *
 * With TWIST one number in what the command TWIST caused, or in it, is changed on its
 * way into the journal: what a divergence must find. `packed`: all segments but the last
 * two are compressed, every second one of them encrypted with a key of 32 bytes 7.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/journal/archive_rig.h"
#include "tests/journal/journal_rig.h"
#include "tests/model/generate.h"

#define RUNS         4u
#define LEVELS_MAX   4096u
#define AT_LEVEL_MAX 8192u

struct record {
    const char *dir;
    struct duo *duo;
    struct rig rig;
    struct rig_cells all;
    size_t from; /* of all: what the writer has not yet */
    uint64_t twist_seq;
    uint64_t random;
};

/* open_run begins a run of the exchange. */
static void
open_run(struct record *record)
{
    struct journal_writer_cfg cfg = {.no_direct = true};

    rig_open(&record->rig, record->dir, &cfg);
}

/* put gives the writer what it has not yet, and now and then lets it end a page. */
static void
put(struct record *record, bool settle)
{
    rig_put(&record->rig, &record->all, record->from, record->all.cnt);
    record->from = record->all.cnt;
    if (settle)
        rig_settle(&record->rig, record->rig.in.published);
}

/* twist changes the lowest byte of a quantity of the last message of the group. */
static void
twist(union cell *cells, size_t cnt)
{
    size_t last = cnt - 1;

    while (cell_count(&cells[last]) == 0)
        last--;
    cells[last].bytes[48] ^= 1;
}

/* keep appends the group of the last command. */
static void
keep(struct record *record)
{
    const struct duo *duo = record->duo;
    struct rig_cells *all = &record->all;

    if (duo->out_cnt == 0)
        return;
    rig_reserve(all, duo->out_cnt);
    memcpy(&all->cells[all->cnt], duo->out, duo->out_cnt * sizeof(union cell));
    if (engine_seq(duo->engine) == record->twist_seq)
        twist(&all->cells[all->cnt], duo->out_cnt);
    all->cnt += duo->out_cnt;
}

/* cut_off ends the run within a group that no other run knows: a clock that
 * would have expired much. */
static void
cut_off(struct record *record)
{
    const union cell clock = {.clock = {.kind = CELL_KIND_CLOCK,
                                        .shape = 1,
                                        .seq = engine_seq(record->duo->engine) + 1,
                                        .time = engine_time_ns(record->duo->engine) + 1000000000,
                                        .session = CELL_SESSION}};
    union cell canceled = {.order_canceled = {.kind = CELL_KIND_ORDER_CANCELED,
                                              .shape = 1,
                                              .seq = clock.clock.seq,
                                              .time = clock.clock.time,
                                              .removed_qty = 1,
                                              .session = 1}};
    const size_t whole = record->all.cnt;

    rig_reserve(&record->all, 100);
    record->all.cells[record->all.cnt++] = clock;
    for (unsigned i = 0; i < 80; i++) {
        canceled.order_canceled.index = i + 1;
        record->all.cells[record->all.cnt++] = canceled;
    }
    put(record, false);
    rig_close(&record->rig);
    record->all.cnt = whole;
    record->from = whole;
}

static void
print_level(const struct engine *engine,
            uint32_t instrument,
            bool sell,
            const struct engine_level *level)
{
    static struct engine_order orders[AT_LEVEL_MAX];
    const uint32_t cnt =
        engine_level_orders(engine, instrument, sell, level->px, orders, AT_LEVEL_MAX);

    CHECK(cnt == level->orders_cnt, "%u orders of %u", cnt, level->orders_cnt);
    printf("[%" PRId64 ", %" PRIu64 ", %" PRIu64 ", [", level->px, level->qty, level->reserve_qty);
    for (uint32_t i = 0; i < cnt; i++)
        printf("%s[%" PRIu64 ", %u, %u]", i == 0 ? "" : ", ", orders[i].order_id,
               orders[i].shown_qty, orders[i].leaves_qty);
    fputs("]]", stdout);
}

static void
print_side(const struct engine *engine, uint32_t instrument, bool sell)
{
    static struct engine_level levels[LEVELS_MAX];
    const uint32_t cnt = engine_depth(engine, instrument, sell, levels, LEVELS_MAX);

    CHECK(cnt < LEVELS_MAX, "%u levels", cnt);
    printf("\"%s\": [", sell ? "sell" : "buy");
    for (uint32_t i = 0; i < cnt; i++) {
        fputs(i == 0 ? "" : ", ", stdout);
        print_level(engine, instrument, sell, &levels[i]);
    }
    fputs("]", stdout);
}

static void
print_books(const struct engine *engine, uint32_t instruments_cnt)
{
    printf("{\"seq\": %" PRIu64 ", \"time\": %" PRIu64 ", \"books\": {", engine_seq(engine),
           engine_time_ns(engine));
    for (uint32_t i = 0; i < instruments_cnt; i++) {
        printf("%s\"%u\": {", i == 0 ? "" : ", ", i);
        print_side(engine, i, false);
        fputs(", ", stdout);
        print_side(engine, i, true);
        fputs("}", stdout);
    }
    puts("}}");
}

/* record_stream journals a stream of a profile. */
static void
record_stream(struct record *record,
              const struct profile *profile,
              uint64_t seed,
              uint32_t commands_cnt,
              uint32_t stops_cnt)
{
    const struct engine_cfg cfg = generate_cfg(profile);
    const uint32_t most = SETUP_STEPS_MAX + commands_cnt;
    struct step *steps = rig_alloc(most * sizeof *steps);
    struct given given = {.ids = NULL};

    record->duo = duo_new(&cfg);

    struct generator generator = {
        .profile = profile, .random = {seed}, .model = record->duo->model, .steps = steps};
    const uint32_t total = generate_setup(profile, steps) + commands_cnt;
    const uint32_t setup_cnt = total - commands_cnt;
    uint32_t stop = 0;
    uint32_t run = 1;

    open_run(record);
    keep(record);
    for (uint32_t i = 0; i < total; i++) {
        generator.number = i;
        if (i >= setup_cnt)
            generate_step(&generator, &steps[i]);
        CHECK(step_apply(record->duo, &steps[i], i, &given), "%s", record->duo->complaint);
        keep(record);
        generate_note(&generator, record->duo->out, record->duo->out_cnt);
        if (rig_random(&record->random) % 4 == 0)
            put(record, true);
        if (i + 1 == (uint64_t)total * (stop + 1) / stops_cnt) {
            print_books(record->duo->engine, cfg.instruments_max);
            stop++;
        }
        if (i + 1 == (uint64_t)total * run / RUNS && run < RUNS) {
            put(record, false);
            cut_off(record);
            open_run(record);
            run++;
        }
    }
    put(record, true);
    rig_close(&record->rig);
    given_free(&given);
    duo_free(record->duo);
    free(steps);
    free(record->all.cells);
}

/* pack compresses segments. */
static void
pack(const char *dir)
{
    char path[128];
    const struct archive_key *key = archive_rig_key(dir, "key", 7, path);
    struct journal_fault fault;
    struct journal_reader *reader;
    const union cell *cells;

    CHECK(journal_reader_open(&reader, dir, 3, &fault) == 0, "%s", fault.text);
    while (journal_reader_next(reader, &cells) > 0)
        continue;

    const uint64_t segments_cnt = journal_reader_pages_cnt(reader) / RIG_SEGMENT_PAGES;

    journal_reader_close(reader);
    CHECK(segments_cnt > 2, "%zu segments are too few", (size_t)segments_cnt);
    for (unsigned i = 0; i + 1 < segments_cnt; i++)
        CHECK(archive_rig_pack(dir, i, i % 2 == 0 ? NULL : key) == 0, "segment %u", i);
}

int
main(int argc, char **argv)
{
    if (argc < 6 || argc > 8) {
        fprintf(stderr, "record_books DIR PROFILE SEED COMMANDS STOPS [TWIST [packed]]\n");
        return 2;
    }

    struct record record = {.dir = argv[1],
                            .twist_seq = argc > 6 ? strtoull(argv[6], NULL, 10) : 0};
    const unsigned profile = (unsigned)strtoul(argv[2], NULL, 10) % PROFILES;

    record_stream(&record, &profiles[profile], strtoull(argv[3], NULL, 10),
                  (uint32_t)strtoul(argv[4], NULL, 10), (uint32_t)strtoul(argv[5], NULL, 10));
    if (argc == 8)
        pack(argv[1]);
    return 0;
}
