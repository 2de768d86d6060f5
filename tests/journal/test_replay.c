/*
 * Goal: a journal replays to the same cells and the same state, and anything
 * else is named: command, cell, field.
 * Method: random commands through an engine, journaled over several runs, then
 * replayed into another engine; then single fields of the journal are changed. Each replay
 * is done by one thread and by two.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "engine/event_hash.h"
#include "journal/replay.h"

#include "tests/journal/journal_rig.h"
#include "tests/journal/workload.h"

static char dir[64];
static struct rig_cells all;
static struct workload workload = {.all = &all};

static void
setup(void)
{
    workload_open(&workload, dir);
}

static void
teardown(void)
{
    workload_close(&workload, dir);
}

TestSuite(replay, .init = setup, .fini = teardown);

static void
run(uint32_t epoch, unsigned steps)
{
    workload_run(&workload, dir, epoch, steps);
}

static void
count(void *ctx, const union cell *cells)
{
    uint64_t *cells_cnt = ctx;

    cr_assert_eq(memcmp(cells, &all.cells[*cells_cnt], cell_count(cells) * CELL_BYTES), 0);
    *cells_cnt += cell_count(cells);
}

/* replay_by replays dir with cfg, and keeps what there is to show of a divergence. */
static int
replay_by(const struct replay_cfg *cfg,
          struct replay_result *result,
          struct replay_diverged *diverged)
{
    struct journal_reader *reader;
    struct journal_fault fault;
    struct replay *replay;
    int rc = journal_reader_open(&reader, dir, 3, &fault);

    CHECK(rc == 0, "%s", fault.text);
    memset(diverged, 0, sizeof *diverged);
    memset(result, 0, sizeof *result);
    rc = journal_reader_seek_seq(reader, 0);
    if (rc == 0) {
        cr_assert_eq(replay_open(&replay, reader, cfg), 0);
        rc = replay_more(replay, cfg->until_seq, result);
        if (replay_diverged(replay) != NULL)
            *diverged = *replay_diverged(replay);
        replay_close(replay);
    }
    journal_reader_close(reader);
    return rc;
}

/* replay replays dir with cfg, by one thread and by two, which must be the same. */
static int
replay(struct replay_cfg *cfg, struct replay_result *result)
{
    uint64_t *cells_cnt = cfg->ctx;
    struct replay_diverged diverged;
    struct replay_diverged pair_diverged;
    struct replay_result pair_result;

    if (cfg->alloc == NULL)
        cfg->alloc = workload_memory;
    cfg->pair = true;

    const int pair_rc = replay_by(cfg, &pair_result, &pair_diverged);

    cfg->pair = false;
    if (cells_cnt != NULL) {
        cr_assert_eq(*cells_cnt, pair_result.cells_cnt);
        *cells_cnt = 0;
    }

    const int rc = replay_by(cfg, result, &diverged);

    cr_assert_eq(pair_rc, rc, "%s", pair_result.text);
    cr_assert_str_eq(pair_result.text, result->text);
    cr_assert_eq(memcmp(&pair_diverged, &diverged, sizeof diverged), 0, "%s", result->text);
    cr_assert_eq(pair_result.identical, result->identical);
    cr_assert_eq(pair_result.diverged_seq, result->diverged_seq);
    cr_assert_eq(pair_result.last_seq, result->last_seq);
    cr_assert_eq(pair_result.commands_cnt, result->commands_cnt);
    cr_assert_eq(pair_result.messages_cnt, result->messages_cnt);
    cr_assert_eq(pair_result.cells_cnt, result->cells_cnt);
    cr_assert_eq(pair_result.trades_cnt, result->trades_cnt);
    cr_assert_eq(pair_result.event_hash, result->event_hash);
    cr_assert_eq(pair_result.engine == NULL, result->engine == NULL);
    if (rc == 0 && result->identical && result->engine != NULL)
        cr_assert(hash128_equal(engine_hash(pair_result.engine), engine_hash(result->engine)));
    free(pair_result.engine);
    return rc;
}

Test(replay, gives_the_same_cells_and_the_same_state)
{
    struct replay_result result;
    uint64_t cells_cnt = 0;
    uint64_t messages_cnt = 0;
    uint64_t trades_cnt = 0;
    uint64_t hash = 0;
    struct replay_cfg cfg = {.on_message = count, .ctx = &cells_cnt};

    run(1, 20000);
    run(2, 5000);
    for (size_t i = 0; i < all.cnt; i++) {
        hash = event_hash_cell(hash, &all.cells[i]);
        messages_cnt += cell_count(&all.cells[i]) != 0;
        trades_cnt += cell_kind(&all.cells[i]) == CELL_KIND_TRADE;
    }
    cr_assert_gt(trades_cnt, 1000);

    cr_assert_eq(replay(&cfg, &result), 0);
    cr_assert(result.identical, "%s", result.text);
    cr_assert_eq(result.diverged_seq, 0);
    cr_assert_eq(result.last_seq, engine_seq(workload.engine));
    cr_assert_eq(result.commands_cnt, result.last_seq);
    cr_assert_eq(result.cells_cnt, all.cnt);
    cr_assert_eq(cells_cnt, all.cnt);
    cr_assert_eq(result.messages_cnt, messages_cnt);
    cr_assert_eq(result.trades_cnt, trades_cnt);
    cr_assert_eq(result.event_hash, hash);
    cr_assert(hash128_equal(engine_hash(result.engine), engine_hash(workload.engine)));
    engine_check(result.engine);
    free(result.engine);
}

Test(replay, stops_behind_the_command_that_was_asked_for)
{
    struct replay_result result;
    struct replay_cfg cfg = {0};

    run(1, 500);
    for (cfg.until_seq = 1; cfg.until_seq <= all.seq; cfg.until_seq += 7) {
        cr_assert_eq(replay(&cfg, &result), 0);
        cr_assert(result.identical);
        cr_assert_eq(result.last_seq, cfg.until_seq);
        cr_assert_eq(engine_seq(result.engine), cfg.until_seq);
        free(result.engine);
    }
    cfg.until_seq = all.seq + 100;
    cr_assert_eq(replay(&cfg, &result), 0);
    cr_assert_eq(result.last_seq, all.seq);
    free(result.engine);
}

Test(replay, goes_on_after_a_group_that_never_happened)
{
    struct replay_result result;
    struct replay_cfg cfg = {0};

    for (uint32_t epoch = 1; epoch <= 6; epoch++) {
        struct journal_writer_cfg writer_cfg = {.no_direct = true};
        const size_t from = all.cnt;
        struct rig rig;

        workload_begin(&workload, epoch);
        for (unsigned i = 0; i < 400; i++)
            workload_step(&workload);

        /* The run dies within a group of several pages. */
        const size_t before = all.cnt;

        workload_cancel_all(&workload);
        cr_assert_gt(all.cnt, before + 10);
        rig_open(&rig, dir, &writer_cfg);
        rig_put(&rig, &all, from, epoch % 2 == 0 ? before + 1 : all.cnt - 1);
        rig_close(&rig);
        all.cnt = before;
        free(workload.engine);

        cr_assert_eq(replay(&cfg, &result), 0);
        cr_assert(result.identical, "%s", result.text);
        cr_assert_eq(result.cells_cnt, before);
        workload.engine = result.engine;
        memset(workload.ids, 0, sizeof workload.ids);
        rig_expect(dir, &all, all.cnt);
    }
}

/* change alters the first cell of a kind behind page 2 and makes the journal
 * whole again; returns the seq of the command that it belongs to. */
static uint64_t
change(unsigned kind, unsigned byte)
{
    struct rig_file file;
    struct hash128 prev;
    uint64_t seq = 0;
    uint64_t page_no = 2;

    rig_load(&file, dir, 0);
    prev = rig_page(&file, 1)->header.hash;
    for (; !page_is_zero(rig_page(&file, page_no)); page_no++) {
        struct page *page = rig_page(&file, page_no);
        uint64_t open_seq = 0;

        for (unsigned i = 0; i < page->header.cells && seq == 0; i++) {
            if (cell_count(&page->cells[i]) != 0)
                open_seq = cell_seq(&page->cells[i]);
            if (cell_kind(&page->cells[i]) == kind) {
                page->cells[i].bytes[byte] ^= 1;
                seq = open_seq;
            }
        }
        page->header.prev_hash = prev;
        rig_rehash(page);
        prev = page->header.hash;
    }
    rig_store(&file, dir, 0);
    free(file.bytes);
    return seq;
}

/* diverges expects a replay that stops where the journal was changed. */
static void
diverges(unsigned kind, unsigned byte, const char *text)
{
    struct replay_result result;
    struct replay_cfg cfg = {0};

    run(1, 2000);

    const uint64_t seq = change(kind, byte);

    cr_assert_gt(seq, 0);
    cr_assert_eq(replay(&cfg, &result), 0);
    cr_assert(!result.identical);
    cr_assert_eq(result.diverged_seq, seq, "%s", result.text);
    cr_assert_eq(result.last_seq, seq - 1);
    cr_assert(strstr(result.text, text) != NULL, "%s", result.text);
    free(result.engine);
}

Test(replay, names_a_number_that_came_out_otherwise)
{
    diverges(CELL_KIND_TRADE, 52, "Trade: leaves_qty is ");
}

Test(replay, names_a_field_of_a_second_cell)
{
    diverges(CELL_KIND_TRADE_MAKER, 8, "TradeMaker: clord is ");
}

Test(replay, names_a_field_of_money)
{
    diverges(CELL_KIND_TRADE_MAKER, 63, "maker_fee is 0, the journal has 72057594037927936");
}

Test(replay, names_another_outcome)
{
    diverges(CELL_KIND_ORDER_CANCEL, 2, "outcome is ");
}

Test(replay, names_a_command_that_is_not_admitted)
{
    /* Session 0 does not exist. */
    struct replay_result result;
    struct replay_cfg cfg = {0};
    struct rig_file file;

    run(1, 10);
    rig_load(&file, dir, 0);

    struct page *page = rig_page(&file, 1);
    const unsigned last = page->header.cells - 1u;
    unsigned i = last;

    while (cell_kind(&page->cells[i]) != CELL_KIND_ORDER_NEW)
        i--;
    page->cells[i].order_new.session = 0;
    rig_rehash(page);
    rig_store(&file, dir, 0);
    cr_assert_eq(replay(&cfg, &result), 0);
    cr_assert(!result.identical);
    cr_assert_eq(result.diverged_seq, cell_seq(&page->cells[i]));
    cr_assert(strstr(result.text, "OrderNew): the engine does not admit it") != NULL, "%s",
              result.text);
    free(file.bytes);
    free(result.engine);
}

/* find returns the place of the first cell of a kind in the page. */
static unsigned
find(const struct page *page, unsigned kind)
{
    unsigned i = 0;

    while (cell_kind(&page->cells[i]) != kind)
        i++;
    cr_assert_lt(i, page->header.cells);
    return i;
}

/* Such a page has good hashes and good cells; no engine may be asked to take them. */
Test(replay, refuses_a_command_with_the_cells_of_another)
{
    struct replay_result result;
    struct replay_cfg cfg = {0};
    struct rig_file file;

    run(1, 10);
    rig_load(&file, dir, 0);

    struct page *page = rig_page(&file, 1);
    const unsigned account = find(page, CELL_KIND_ACCOUNT_SET);

    page->cells[account + 1] = page->cells[find(page, CELL_KIND_INSTRUMENT_SET) + 1];
    rig_rehash(page);
    rig_store(&file, dir, 0);
    cr_assert_eq(replay(&cfg, &result), -EPROTO);
    cr_assert(strstr(result.text, "is not formed as one of its kind is") != NULL, "%s",
              result.text);
    free(file.bytes);
    free(result.engine);
}

Test(replay, of_an_empty_journal_has_no_engine)
{
    struct replay_result result;
    struct replay_cfg cfg = {0};
    struct journal_writer_cfg writer_cfg = {0};
    struct rig rig;

    rig_open(&rig, dir, &writer_cfg);
    rig_close(&rig);
    cr_assert_eq(replay(&cfg, &result), 0);
    cr_assert(result.identical);
    cr_assert_null(result.engine);
}

Test(replay, of_a_journal_without_genesis_is_refused)
{
    struct replay_result result;
    struct replay_cfg cfg = {0};
    uint64_t random = rig_seed();

    rig_group(&all, &random, 0, true);
    rig_write(dir, &all, 1);
    cr_assert_eq(replay(&cfg, &result), -EPROTO);
    cr_assert(strstr(result.text, "not Genesis") != NULL, "%s", result.text);
    cr_assert_null(result.engine);
}

/* refused expects -EPROTO after a byte of the nth cell was changed. */
static void
refused(unsigned cell, unsigned byte, const char *text)
{
    struct replay_result result;
    struct replay_cfg cfg = {0};
    struct rig_file file;

    run(1, 10);
    rig_load(&file, dir, 0);
    rig_page(&file, 1)->cells[cell].bytes[byte] ^= 4;
    rig_rehash(rig_page(&file, 1));
    rig_store(&file, dir, 0);
    cr_assert_eq(replay(&cfg, &result), -EPROTO);
    cr_assert(strstr(result.text, text) != NULL, "%s", result.text);
    free(file.bytes);
    free(result.engine);
}

Test(replay, under_other_rules_is_refused)
{
    char text[80];

    (void)snprintf(text, sizeof text, "written under rules version %u, this program has %u",
                   RULES_VERSION ^ 0x4u, RULES_VERSION);
    refused(0, 52, text);
}

Test(replay, of_a_run_under_other_rules_is_refused)
{
    char text[80];

    (void)snprintf(text, sizeof text,
                   "epoch 1 was written under rules version %u, this program has %u",
                   RULES_VERSION ^ 0x4u, RULES_VERSION);
    refused(1, 40, text);
}

Test(replay, of_a_genesis_of_another_shard_is_refused)
{
    refused(0, 62, "not valid in a journal of shard 3");
}

static void *
no_memory(size_t bytes)
{
    (void)bytes;
    return NULL;
}

Test(replay, without_memory_is_refused)
{
    struct replay_result result;
    struct replay_cfg cfg = {.alloc = no_memory};

    run(1, 10);
    cr_assert_eq(replay(&cfg, &result), -ENOMEM);
}

Test(replay, stops_at_damage)
{
    struct replay_result result;
    struct replay_cfg cfg = {0};
    struct rig_file file;

    run(1, 2000);
    run(2, 10);
    rig_load(&file, dir, 0);
    rig_page(&file, 3)->cells[5].bytes[40] ^= 1;
    rig_store(&file, dir, 0);
    cr_assert_eq(replay(&cfg, &result), -EBADMSG);
    cr_assert(strstr(result.text, "(page 3)") != NULL, "%s", result.text);
    cr_assert_geq(result.last_seq, 10);
    free(file.bytes);
    free(result.engine);
}
