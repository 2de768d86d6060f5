/*
 * Goal: after any crash the journal goes on, and nothing that was durable is
 * ever dropped in silence.
 * Method: journals of several batches are cut and torn at every place a crash
 * can leave, then recovered and read; damage is put into each page in turn and
 * must be refused by name without a byte being changed.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "journal/chain.h"
#include "journal/reader.h"

#include "tests/journal/journal_rig.h"

#define SECTOR_BYTES 512u

static char dir[64];
static struct rig_cells all;
static struct rig_file file;

static void
setup(void)
{
    rig_dir_make(dir);
}

static void
teardown(void)
{
    rig_dir_remove(dir);
    free(all.cells);
    free(file.bytes);
    all = (struct rig_cells){0};
    file.bytes = NULL;
}

TestSuite(recover, .init = setup, .fini = teardown);

/* written fills dir with groups of several pages and loads segment 0. Returns
 * the number of pages. */
static uint64_t
written(unsigned groups, unsigned long_cells, unsigned per_batch)
{
    uint64_t random = rig_seed();
    uint64_t pages_cnt = 0;

    for (unsigned i = 0; i < groups; i++)
        rig_group(&all, &random, long_cells, true);
    rig_write(dir, &all, per_batch);
    rig_load(&file, dir, 0);
    while (pages_cnt < RIG_SEGMENT_PAGES && !page_is_zero(rig_page(&file, pages_cnt)))
        pages_cnt++;
    return pages_cnt;
}

/* whole_before returns how many cells of finished groups the first pages_cnt
 * pages of file hold. */
static size_t
whole_before(uint64_t pages_cnt)
{
    size_t cells_cnt = 0;

    for (uint64_t i = 0; i < pages_cnt; i++)
        cells_cnt += page_is_segment(rig_page(&file, i)) ? 0 : rig_page(&file, i)->header.cells;
    while (cells_cnt > 0 && !cell_is_last(&all.cells[cells_cnt - 1]))
        cells_cnt--;
    return cells_cnt;
}

/* goes_on recovers dir, expects its end, writes one more group in a new run and
 * reads all of it. */
static void
goes_on(uint64_t pages_cnt, size_t cells_cnt)
{
    struct journal_writer_cfg cfg = {.no_direct = true};
    struct journal_fault fault;
    struct journal_end end;
    struct rig_cells more = {0};
    uint64_t random = rig_seed();
    struct rig rig;

    CHECK(journal_recover(dir, 3, &end, &fault) == 0, "%s", fault.text);
    CHECK(end.next_page_no == pages_cnt, "%zu, not %zu", (size_t)end.next_page_no,
          (size_t)pages_cnt);
    rig_expect(dir, &all, cells_cnt);

    /* A second time there is nothing to do. */
    CHECK(journal_recover(dir, 3, &end, &fault) == 0, "%s", fault.text);
    CHECK(end.zeroed_bytes == 0, "%zu", (size_t)end.zeroed_bytes);
    CHECK(fault.fault == PAGE_OK, "%s", fault.text);

    rig_reserve(&more, cells_cnt + 100);
    more.cnt = cells_cnt;
    memcpy(more.cells, all.cells, cells_cnt * CELL_BYTES);
    more.seq = end.last_seq;
    rig_group(&more, &random, 0, true);
    rig_open(&rig, dir, &cfg);
    rig_put(&rig, &more, cells_cnt, more.cnt);
    rig_close(&rig);
    rig_expect(dir, &more, more.cnt);
    free(more.cells);
}

Test(recover, a_lag_too_large_to_be_told_vouches_for_nothing)
{
    struct page_header header = {.page_no = 70000, .durable_lag = UINT16_MAX - 1};

    cr_assert_eq(page_durable_cnt(&header), 70000 - 65534);
    header.durable_lag = UINT16_MAX;
    cr_assert_eq(page_durable_cnt(&header), 0);
    header = (struct page_header){.page_no = 5, .durable_lag = 5};
    cr_assert_eq(page_durable_cnt(&header), 0);
    header.durable_lag = 0;
    cr_assert_eq(page_durable_cnt(&header), 5);
}

Test(recover, empty_folder_is_an_empty_journal)
{
    struct journal_fault fault;
    struct journal_end end;

    cr_assert_eq(journal_recover(dir, 3, &end, &fault), 0);
    cr_assert_eq(end.next_page_no, 0);
    cr_assert_eq(end.last_seq, 0);
    cr_assert_eq(end.epoch, 0);
    cr_assert_eq(end.segment_bytes, 0);
}

Test(recover, folder_that_does_not_exist_is_refused)
{
    struct journal_fault fault;
    struct journal_end end;

    cr_assert_eq(journal_recover("/nonexistent/folder", 3, &end, &fault), -ENOENT);
    cr_assert_neq(fault.text[0], '\0');
}

/* segment_path names a segment. */
static const char *
segment_path(unsigned segment_no)
{
    static char path[100];

    snprintf(path, sizeof path, "%s/%08u.seg", dir, segment_no);
    return path;
}

Test(recover, a_journal_cut_at_any_page_of_its_last_batch_goes_on_there)
{
    const uint64_t pages_cnt = written(12, 200, 12);

    cr_assert_geq(pages_cnt, 30);
    for (uint64_t cut = 0; cut <= pages_cnt; cut++) {
        struct rig_file torn = file;

        torn.bytes = rig_alloc(file.len);
        memcpy(torn.bytes, file.bytes, file.len);
        memset(torn.bytes + cut * JOURNAL_PAGE_BYTES, 0, file.len - cut * JOURNAL_PAGE_BYTES);
        rig_store(&torn, dir, 0);
        goes_on(cut, whole_before(cut));
        free(torn.bytes);
    }
}

Test(recover, sectors_that_arrived_without_the_others_are_a_torn_tail)
{
    const uint64_t pages_cnt = written(4, 250, 1);
    uint64_t first = pages_cnt - 1;

    /* The last batch: its first page calls all before it durable. */
    while (rig_page(&file, first)->header.durable_lag != 0)
        first--;
    cr_assert_geq(pages_cnt - first, 4);

    uint64_t random = rig_seed();

    for (unsigned i = 0; i < 200; i++) {
        struct rig_file torn = {.bytes = rig_alloc(file.len), .len = file.len};
        uint64_t whole = first;
        bool all_whole = true;

        memcpy(torn.bytes, file.bytes, file.len);
        for (uint64_t sector = 0; sector < (pages_cnt - first) * 8; sector++) {
            const uint64_t off = first * JOURNAL_PAGE_BYTES + sector * SECTOR_BYTES;

            if (rig_random(&random) % (1 + i % 20) == 0)
                memset(torn.bytes + off, 0, SECTOR_BYTES);
        }
        for (uint64_t page_no = first; page_no < pages_cnt && all_whole; page_no++) {
            all_whole =
                memcmp(rig_page(&torn, page_no), rig_page(&file, page_no), JOURNAL_PAGE_BYTES) == 0;
            whole += all_whole;
        }
        rig_store(&torn, dir, 0);
        goes_on(whole, whole_before(whole));
        free(torn.bytes);
    }
}

/* damaged expects that dir is refused, that the text names the file, and that
 * nothing has changed. */
static void
damaged(uint64_t page_no, int error, const char *text)
{
    const uint64_t before = rig_dir_hash(dir);
    struct journal_verify_result result;
    struct journal_fault fault;
    struct journal_end end;
    const int rc = journal_recover(dir, 3, &end, &fault);

    CHECK(rc == error, "%d %s", rc, fault.text);
    CHECK(strstr(fault.text, text) != NULL, "%s", fault.text);
    CHECK(strstr(fault.text, ".seg") != NULL, "%s", fault.text);
    CHECK(fault.page_no == page_no, "page %zu", (size_t)fault.page_no);
    CHECK(fault.damage == (error == -EBADMSG), "%s", fault.text);
    CHECK(rig_dir_hash(dir) == before, "something was changed");
    CHECK(rig_verify(dir, 3, &result) == (error == -EBADMSG ? 1 : error), "verify");
    CHECK(strcmp(result.fault.text, fault.text) == 0, "%s", result.fault.text);
}

Test(recover, what_is_plainly_valid_is_valid)
{
    unsigned plain_cnt = 0;

    /* Any byte of any kind, and any two of those that such a cell is judged by. */
    for (unsigned kind = 0; kind < 256; kind++) {
        const union cell good = {.order_new = {.kind = (uint8_t)kind,
                                               .shape = 1,
                                               .ord_type = OE_ORD_TYPE_LIMIT,
                                               .tif = OE_TIME_IN_FORCE_DAY}};

        for (unsigned at = 1; at < 64; at++) {
            for (unsigned value = 0; value < 256; value++) {
                union cell cell = good;

                cell.bytes[at] = (uint8_t)value;
                for (unsigned other = 0; other < 256; other++) {
                    if (at == 1)
                        cell.words[5] = (uint64_t)other << 28;
                    else if (at == offsetof(struct cell_order_new, tif))
                        cell.order_new.ord_type = (uint8_t)other;
                    else if (at == offsetof(struct cell_order_new, exec_inst))
                        cell.order_new.tif = (uint8_t)other;
                    else
                        other = 255;
                    plain_cnt += chain_plainly_valid(&cell);
                    cr_assert(!chain_plainly_valid(&cell) || cell_valid(&cell), "%s: byte %u is %u",
                              cell_kind_name(kind), at, value);
                }
            }
        }
    }
    cr_assert_gt(plain_cnt, 10000, "it is of no use");
}

Test(recover, an_only_file_cut_short_anywhere_is_refused)
{
    const uint64_t pages_cnt = written(6, 200, 6);

    (void)unlink(segment_path(1));
    for (uint64_t cut = 0; cut <= (pages_cnt + 1) * JOURNAL_PAGE_BYTES; cut += 1000) {
        const struct rig_file torn = {.bytes = file.bytes, .len = cut};

        rig_store(&torn, dir, 0);
        damaged(cut / JOURNAL_PAGE_BYTES, -EBADMSG, "cut short");
    }
}

Test(recover, a_bad_page_that_a_later_one_calls_durable_is_refused)
{
    const uint64_t pages_cnt = written(10, 0, 1);

    cr_assert_eq(pages_cnt, 11);
    for (uint64_t page_no = 0; page_no < pages_cnt - 1; page_no++) {
        char text[40];

        snprintf(text, sizeof text, "at byte %zu (page %zu)", (size_t)page_no * JOURNAL_PAGE_BYTES,
                 (size_t)page_no);
        rig_page(&file, page_no)->cells[0].bytes[40] ^= 1;
        rig_store(&file, dir, 0);
        damaged(page_no, -EBADMSG, text);
        rig_page(&file, page_no)->cells[0].bytes[40] ^= 1;
    }

    /* Nobody vouches for the last one. */
    rig_page(&file, pages_cnt - 1)->cells[0].bytes[40] ^= 1;
    rig_store(&file, dir, 0);
    goes_on(pages_cnt - 1, whole_before(pages_cnt - 1));
}

Test(recover, a_durable_page_that_became_zeros_is_refused)
{
    cr_assert_eq(written(5, 0, 1), 6);
    memset(rig_page(&file, 2), 0, JOURNAL_PAGE_BYTES);
    rig_store(&file, dir, 0);
    damaged(2, -EBADMSG, "never written, but page 3 lies behind and calls it durable");
}

Test(recover, swapped_pages_are_refused)
{
    struct page page;

    /* Also at the end, where no later page vouches. */
    cr_assert_eq(written(5, 0, 1), 6);
    page = *rig_page(&file, 4);
    *rig_page(&file, 4) = *rig_page(&file, 5);
    *rig_page(&file, 5) = page;
    rig_store(&file, dir, 0);
    damaged(4, -EBADMSG, "another place");
}

Test(recover, a_page_of_another_history_is_refused)
{
    cr_assert_eq(written(5, 0, 1), 6);
    rig_page(&file, 5)->header.prev_hash.lo ^= 1;
    rig_rehash(rig_page(&file, 5));
    rig_store(&file, dir, 0);
    damaged(5, -EBADMSG, "not the successor");
}

/* content_refused breaks one rule of a whole page's cells. */
static void
content_refused(uint64_t page_no, void (*change)(struct page *page))
{
    const struct page good = *rig_page(&file, page_no);

    change(rig_page(&file, page_no));
    rig_rehash(rig_page(&file, page_no));
    rig_store(&file, dir, 0);
    damaged(page_no, -EBADMSG, "no messages");
    *rig_page(&file, page_no) = good;
}

static void
set_seq(struct page *page)
{
    page->cells[0].words[1]++;
}

static void
set_kind(struct page *page)
{
    page->cells[0].bytes[0] = 63;
}

static void
set_count(struct page *page)
{
    page->cells[0].bytes[1] = 31;
}

static void
set_last(struct page *page)
{
    page->cells[0].bytes[1] ^= CELL_LAST;
}

static void
set_tail(struct page *page)
{
    page->cells[62].bytes[63] = 1;
}

static void
set_cells(struct page *page)
{
    page->header.cells = 64;
}

static void
set_flags(struct page *page)
{
    page->header.flags ^= JOURNAL_FLAG_GROUP;
}

static void
set_epoch(struct page *page)
{
    page->header.epoch = 0;
}

static void
set_first_seq(struct page *page)
{
    page->header.first_seq++;
}

Test(recover, cells_that_break_the_rules_are_refused)
{
    cr_assert_eq(written(5, 10, 1), 6);
    content_refused(5, set_seq);
    content_refused(5, set_kind);
    content_refused(5, set_count);
    content_refused(5, set_tail);
    content_refused(5, set_cells);
    content_refused(5, set_flags);
    content_refused(5, set_epoch);
    content_refused(5, set_first_seq);
    content_refused(5, set_last);
}

static void
set_segment_magic(struct page *page)
{
    page->segment.magic++;
}

static void
set_segment_seq(struct page *page)
{
    page->segment.last_seq++;
}

static void
set_segment_reserved(struct page *page)
{
    page->segment.reserved = 1;
}

static void
set_segment_pages(struct page *page)
{
    page->segment.pages = 255;
}

static void
set_segment_flag(struct page *page)
{
    page->header.flags = 0;
}

static void
set_segment_cells(struct page *page)
{
    page->header.cells = 2;
}

static void
set_late_segment_flag(struct page *page)
{
    page->header.flags |= JOURNAL_FLAG_SEGMENT;
}

Test(recover, a_segment_page_that_breaks_the_rules_is_refused)
{
    cr_assert_eq(written(5, 10, 1), 6);
    content_refused(0, set_segment_magic);
    content_refused(0, set_segment_seq);
    content_refused(0, set_segment_reserved);
    content_refused(0, set_segment_pages);
    content_refused(0, set_segment_flag);
    content_refused(0, set_segment_cells);
    content_refused(0, set_first_seq);
    content_refused(0, set_tail);
    content_refused(5, set_late_segment_flag);
}

Test(recover, a_journal_of_another_shard_or_format_is_refused)
{
    struct journal_fault fault;
    struct journal_end end;

    cr_assert_eq(written(3, 0, 1), 4);

    const uint64_t before = rig_dir_hash(dir);

    cr_assert_eq(journal_recover(dir, 4, &end, &fault), -EPROTO);
    cr_assert(strstr(fault.text, "belongs to shard 3, not 4") != NULL, "%s", fault.text);
    cr_assert_eq(rig_dir_hash(dir), before);

    for (unsigned format = 1; format <= 7; format += 6) {
        char text[80];

        for (uint64_t i = 0; i < 4; i++) {
            rig_page(&file, i)->header.format = (uint16_t)format;
            rig_rehash(rig_page(&file, i));
        }
        rig_store(&file, dir, 0);
        snprintf(text, sizeof text, "written in format %u, this outcry reads format 2: keep it",
                 format);
        damaged(0, -EPROTO, text);
    }

    memset(file.bytes, 0, file.len);
    memcpy(file.bytes,
           "\x7f"
           "ELF",
           4);
    rig_store(&file, dir, 0);
    damaged(0, -EPROTO, "no journal");
}

/* many writes a journal of several full segments; returns how many are in use. */
static uint32_t
many(void)
{
    struct journal_verify_result result;

    cr_assert_eq(written(600, 63, 600), RIG_SEGMENT_PAGES);
    cr_assert_eq(rig_verify(dir, 3, &result), 0);
    return (uint32_t)((result.pages_cnt + RIG_SEGMENT_PAGES - 1) / RIG_SEGMENT_PAGES);
}

/* put_segment puts a segment that was loaded in the place of another. */
static void
put_segment(struct rig_file *segment, unsigned segment_no)
{
    rig_store(segment, dir, segment_no);
    free(segment->bytes);
}

Test(recover, each_segment_says_whose_it_is)
{
    const uint32_t segments_cnt = many();
    struct segment_header first;
    struct journal_end end;
    struct journal_fault fault;
    size_t at = 0;

    cr_assert_geq(segments_cnt, 3);
    for (unsigned i = 0; i < segments_cnt; i++) {
        struct rig_file segment;

        rig_load(&segment, dir, i);
        const struct segment_header header = rig_page(&segment, 0)->segment;

        if (i == 0)
            first = header;
        cr_assert_eq(header.segment_no, i);
        cr_assert(journal_id_equal(&header.journal, &first.journal));
        cr_assert_eq(header.config_hash, RIG_CONFIG_HASH);
        cr_assert_eq(header.binary_hash, RIG_BINARY_HASH);
        cr_assert_eq(header.pages, RIG_SEGMENT_PAGES);
        cr_assert_eq(header.time, cell_time(&all.cells[at]));
        cr_assert_eq(rig_page(&segment, 0)->header.first_seq, cell_seq(&all.cells[at]));
        cr_assert_eq(header.last_seq,
                     cell_seq(&all.cells[at]) - (cell_is_command(&all.cells[at]) ? 1 : 0));
        for (uint64_t page_no = 1; page_no < RIG_SEGMENT_PAGES; page_no++)
            at += rig_page(&segment, page_no)->header.cells;
        free(segment.bytes);
    }
    cr_assert_eq(at, all.cnt);
    cr_assert_eq(journal_recover(dir, 3, &end, &fault), 0);
    cr_assert(journal_id_equal(&end.journal, &first.journal));
    cr_assert_eq(end.segment_bytes, RIG_SEGMENT_BYTES);
}

Test(recover, a_segment_of_another_journal_is_refused)
{
    struct rig_file other;

    /* The same cells, so that all but the journal's id is right. */
    many();
    rig_load(&other, dir, 1);
    teardown();
    setup();
    many();
    put_segment(&other, 1);
    damaged(RIG_SEGMENT_PAGES, -EBADMSG, "begins a segment of another journal");

    /* Of another shard, otherwise right. */
    teardown();
    setup();
    many();
    rig_load(&other, dir, 2);
    rig_page(&other, 0)->header.shard = 5;
    rig_rehash(rig_page(&other, 0));
    put_segment(&other, 2);
    damaged(2 * RIG_SEGMENT_PAGES, -EBADMSG, "another shard");
}

Test(recover, a_whole_page_of_another_shard_or_format_is_not_zeroed)
{
    cr_assert_eq(written(5, 0, 1), 6);
    *rig_page(&file, 200) = *rig_page(&file, 3);
    rig_page(&file, 200)->header.shard = 4;
    rig_page(&file, 200)->header.page_no = 200;
    rig_page(&file, 200)->header.durable_lag = 200;
    rig_rehash(rig_page(&file, 200));
    rig_store(&file, dir, 0);
    damaged(6, -EBADMSG, "in the place of page 200, lies a whole page of another place");
    rig_page(&file, 200)->header.shard = 3;
    rig_page(&file, 200)->header.format = 1;
    rig_rehash(rig_page(&file, 200));
    rig_store(&file, dir, 0);
    damaged(6, -EBADMSG, "in the place of page 200, lies a whole page of another place");
}

Test(recover, a_segment_that_is_there_twice_is_refused)
{
    struct rig_file copy;

    many();
    rig_load(&copy, dir, 0);
    put_segment(&copy, 1);
    damaged(RIG_SEGMENT_PAGES, -EBADMSG, "a copy of another segment of this journal");
    cr_assert_eq(unlink(segment_path(1)), 0);
    damaged(RIG_SEGMENT_PAGES, -EBADMSG, "00000001.seg: missing, but");

    /* In the place of the one that is prepared. */
    teardown();
    setup();
    const uint32_t segments_cnt = many();

    rig_load(&copy, dir, 1);
    put_segment(&copy, segments_cnt);
    cr_assert_geq(rig_page(&file, 0)->segment.pages, 1);
    struct journal_end end;
    struct journal_fault fault;

    cr_assert_eq(journal_recover(dir, 3, &end, &fault), -EBADMSG);
    cr_assert(fault.damage);
}

Test(recover, segments_of_another_size_than_they_say_are_refused)
{
    uint32_t segments_cnt = many();

    /* All cut in two: the files agree, but not with what they say. */
    while (access(segment_path(segments_cnt), F_OK) == 0)
        segments_cnt++;
    for (unsigned i = 0; i < segments_cnt; i++)
        cr_assert_eq(truncate(segment_path(i), RIG_SEGMENT_BYTES / 2), 0);
    damaged(0, -EBADMSG, "begins a segment of another size");
    for (unsigned i = 1; i < segments_cnt; i++)
        cr_assert_eq(unlink(segment_path(i)), 0);

    /* An only one does not agree either. */
    damaged(RIG_SEGMENT_PAGES / 2, -EBADMSG, "cut short");
}

Test(recover, every_command_is_found_by_seq_and_by_time)
{
    struct journal_reader *reader;
    struct journal_fault fault;
    const union cell *cells;

    cr_assert_geq(many(), 3);
    cr_assert_eq(journal_reader_open(&reader, dir, 3, &fault), 0);
    for (uint64_t seq = 1; seq <= all.seq; seq++) {
        cr_assert_eq(journal_reader_seek_seq(reader, seq), 0);
        cr_assert_gt(journal_reader_next(reader, &cells), 0, "seq %zu", (size_t)seq);
        cr_assert_eq(cell_seq(cells), seq);
        cr_assert(cell_is_command(cells));
        cr_assert_eq(journal_reader_seek_time(reader, 1000 * seq - 500), 0);
        cr_assert_gt(journal_reader_next(reader, &cells), 0, "seq %zu", (size_t)seq);
        cr_assert_eq(cell_seq(cells), seq);
        cr_assert(cell_is_command(cells));
    }
    cr_assert_eq(journal_reader_seek_seq(reader, all.seq + 1), 0);
    cr_assert_eq(journal_reader_next(reader, &cells), 0);
    journal_reader_close(reader);
}

/* put_restart appends a Restart that is a group of its own. */
static void
put_restart(uint32_t epoch)
{
    struct cell_restart *restart;

    rig_reserve(&all, 1);
    restart = &all.cells[all.cnt++].restart;
    *restart = (struct cell_restart){
        .kind = CELL_KIND_RESTART,
        .shape = 1 | CELL_LAST,
        .seq = ++all.seq,
        .time = 1000 * all.seq,
        .epoch = epoch,
        .config_hash = 100 + epoch,
        .binary_hash = 200 + epoch,
        .session = CELL_SESSION,
    };
    all.whole = all.cnt;
}

Test(recover, the_last_restart_is_found)
{
    uint64_t random = rig_seed();
    struct journal_fault fault;
    struct journal_end end;

    cr_assert_eq(journal_recover(dir, 3, &end, &fault), 0);
    cr_assert(!end.restarted);
    for (uint32_t run = 1; run <= 9; run++) {
        struct journal_writer_cfg cfg = {0};
        struct rig rig;
        const size_t from = all.cnt;

        /* Each third one dies before; in others something comes before. */
        for (unsigned i = 0; i < run % 5; i++)
            rig_group(&all, &random, 100, true);
        if (run % 3 != 0)
            put_restart(run);
        for (unsigned i = 0; i < 200; i++)
            rig_group(&all, &random, 0, true);
        rig_open(&rig, dir, &cfg);
        rig_put(&rig, &all, from, all.cnt);
        rig_close(&rig);
        cr_assert_eq(journal_recover(dir, 3, &end, &fault), 0);
        cr_assert(end.restarted);
        cr_assert_eq(end.config_hash, 100 + (run % 3 != 0 ? run : run - 1));
        cr_assert_eq(end.binary_hash, 200 + (run % 3 != 0 ? run : run - 1));
    }
}

Test(recover, a_missing_segment_is_refused)
{
    written(600, 63, 600);
    cr_assert_eq(unlink(segment_path(1)), 0);
    damaged(RIG_SEGMENT_PAGES, -EBADMSG, "00000001.seg: missing, but 0000000");
    cr_assert_eq(unlink(segment_path(0)), 0);
    damaged(0, -EBADMSG, "00000000.seg: missing");
}

Test(recover, a_last_segment_that_was_cut_is_refused)
{
    unsigned last = 0;

    written(600, 63, 600);
    while (access(segment_path(last + 1), F_OK) == 0)
        last++;
    cr_assert_gt(last, 0);
    cr_assert_eq(truncate(segment_path(last), RIG_SEGMENT_BYTES - 4096), 0);
    damaged((last + 1) * RIG_SEGMENT_PAGES - 1, -EBADMSG, "cut short (damage)");
    cr_assert_eq(truncate(segment_path(last), 0), 0);
    damaged(last * RIG_SEGMENT_PAGES, -EBADMSG, "cut short (damage)");
}

Test(recover, segments_of_different_sizes_are_refused)
{
    written(600, 63, 600);
    cr_assert_eq(truncate(segment_path(1), RIG_SEGMENT_BYTES - 4096), 0);
    damaged(2 * RIG_SEGMENT_PAGES - 1, -EBADMSG, "cut short");
    cr_assert_eq(truncate(segment_path(1), RIG_SEGMENT_BYTES + 4096), 0);
    damaged(RIG_SEGMENT_PAGES, -EBADMSG, "larger");
    cr_assert_eq(truncate(segment_path(1), RIG_SEGMENT_BYTES), 0);
    cr_assert_eq(truncate(segment_path(0), 1000), 0);
    damaged(0, -EBADMSG, "cut short");
}

Test(recover, an_unfinished_group_never_happened)
{
    struct journal_writer_cfg cfg = {0};
    uint64_t random = rig_seed();
    size_t expected = 0;

    /* Short ones share a page with a finished group, long ones span pages. */
    for (unsigned run = 1; run <= 20; run++) {
        struct journal_verify_result result;
        struct journal_fault fault;
        struct journal_end end;
        struct rig rig;
        const size_t from = all.cnt;
        const size_t dropped = run % 4 == 0 ? 400 : 1;

        if (run % 5 != 0)
            rig_group(&all, &random, 0, true);
        expected = all.cnt;
        rig_group(&all, &random, (unsigned)dropped, false);
        const size_t unfinished = all.cnt - expected;

        rig_open(&rig, dir, &cfg);
        cr_assert_eq(cfg.epoch, run);
        rig_put(&rig, &all, from, all.cnt);
        rig_close(&rig);
        rig_forget(&all);

        rig_expect(dir, &all, expected);
        cr_assert_eq(rig_verify(dir, 3, &result), 0);
        cr_assert_eq(result.last_seq, all.seq);
        cr_assert_eq(result.commands_cnt, all.seq);
        cr_assert(result.torn_tail);

        const uint64_t before = rig_dir_hash(dir);

        cr_assert_eq(journal_recover(dir, 3, &end, &fault), 0);
        cr_assert_eq(end.last_seq, all.seq);
        cr_assert_eq(end.dropped_cells, unfinished);
        cr_assert_eq(end.zeroed_bytes, 0);
        cr_assert_eq(rig_dir_hash(dir), before);
        rig_expect(dir, &all, expected);
    }
}
