/*
 * Goal: of a damaged journal all is saved that lies before the damage, the copy goes on
 * as a journal, and the damaged one stays as it is.
 * Method: journals of several segments are damaged in every way there is: a bad
 * page anywhere, a segment that is missing, cut short or of another journal; compressed
 * ones in header, frame and index, encrypted ones, pruned ones. Each is looked at, copied,
 * read, and written on. Undamaged ones are cut behind commands that end anywhere in a page.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "journal/pruned.h"
#include "journal/salvage.h"

#include "tests/journal/archive_rig.h"

static char dir[64];
static char to[80];
static struct rig_cells all;

static void
setup(void)
{
    uint64_t random = rig_seed();

    rig_dir_make(dir);
    snprintf(to, sizeof to, "%s-saved", dir);
    for (unsigned i = 0; i < 1000; i++)
        rig_group(&all, &random, 63, true);
    rig_write(dir, &all, 20);
}

static void
teardown(void)
{
    rig_dir_remove(dir);
    rig_dir_remove(to);
    free(all.cells);
    all = (struct rig_cells){0};
}

TestSuite(salvage, .init = setup, .fini = teardown);

static const char *
segment_path(unsigned segment_no)
{
    static char path[100];

    snprintf(path, sizeof path, "%s/%08u.seg", dir, segment_no);
    return path;
}

/* whole_before returns how many cells of finished groups the pages before page_no
 * hold; the segments up to there are whole. */
static size_t
whole_before(uint64_t page_no)
{
    size_t cells_cnt = 0;

    for (unsigned i = 0; i <= page_no / RIG_SEGMENT_PAGES; i++) {
        struct rig_file file;

        if (i * RIG_SEGMENT_PAGES >= page_no)
            break;
        rig_load(&file, dir, i);
        for (uint64_t k = 0; k < RIG_SEGMENT_PAGES && i * RIG_SEGMENT_PAGES + k < page_no; k++)
            cells_cnt += page_is_segment(rig_page(&file, k)) ? 0 : rig_page(&file, k)->header.cells;
        free(file.bytes);
    }
    while (cells_cnt > 0 && !cell_is_last(&all.cells[cells_cnt - 1]))
        cells_cnt--;
    return cells_cnt;
}

/* goes_on writes a group behind a copy that has the first cells of all, and reads both. */
static void
goes_on(size_t cells_cnt, uint64_t seq)
{
    struct journal_writer_cfg cfg = {.no_direct = true};
    struct rig_cells more = {.seq = seq};
    uint64_t random = rig_seed();
    struct rig rig;

    rig_reserve(&more, cells_cnt + 100);
    more.cnt = cells_cnt;
    memcpy(more.cells, all.cells, cells_cnt * CELL_BYTES);
    rig_group(&more, &random, 0, true);
    rig_open(&rig, to, &cfg);
    rig_put(&rig, &more, cells_cnt, more.cnt);
    rig_close(&rig);
    rig_expect(to, &more, more.cnt);
    free(more.cells);
}

/* saves looks at dir, which is damaged at page_no, copies it and lets the copy go
 * on. lost: whole pages behind the damage that are there. */
static void
saves(uint64_t page_no, size_t cells_cnt, uint64_t lost_cnt)
{
    const uint64_t before = rig_dir_hash(dir);
    struct journal_salvage salvage;
    struct journal_verify_result result;
    char why[256];

    CHECK(rig_verify(dir, 3, &result) == 1, "no damage");
    CHECK(result.fault.page_no == page_no, "page %zu is the bad one", (size_t)page_no);
    CHECK(result.pages_cnt == page_no, "%zu pages before it", (size_t)result.pages_cnt);
    CHECK(journal_salvage_look(dir, 0, &salvage) == 1, "%s", salvage.fault.text);
    CHECK(salvage.pages_cnt == page_no, "%zu pages", (size_t)salvage.pages_cnt);
    CHECK(salvage.lost_pages_cnt == lost_cnt, "%zu lost", (size_t)salvage.lost_pages_cnt);
    CHECK(salvage.last_seq == cell_seq(&all.cells[cells_cnt - 1]) || cells_cnt > 0, "last_seq");
    CHECK(journal_salvage_write(dir, to, &salvage, why) == 0, "%s", why);
    CHECK(rig_dir_hash(dir) == before, "the damaged one was changed");
    rig_expect(to, &all, cells_cnt);

    /* Not a second time. */
    CHECK(journal_salvage_write(dir, to, &salvage, why) == -ENOTEMPTY, "%s", why);
    CHECK(strstr(why, "is not empty") != NULL, "%s", why);

    goes_on(cells_cnt, salvage.last_seq);
    rig_dir_remove(to);
}

/* pages_cnt returns how many pages the undamaged journal has. */
static uint64_t
pages_cnt(void)
{
    struct journal_verify_result result;

    CHECK(rig_verify(dir, 3, &result) == 0, "%s", result.fault.text);
    return result.pages_cnt;
}

Test(salvage, what_lies_before_a_bad_page_is_saved)
{
    const uint64_t all_cnt = pages_cnt();
    const uint64_t bads[] = {1,
                             2,
                             77,
                             RIG_SEGMENT_PAGES - 1,
                             RIG_SEGMENT_PAGES,
                             RIG_SEGMENT_PAGES + 1,
                             2 * RIG_SEGMENT_PAGES + 9};

    cr_assert_gt(all_cnt, 2 * RIG_SEGMENT_PAGES + 40);
    for (unsigned i = 0; i < ARRAY_LEN(bads); i++) {
        const size_t cells_cnt = whole_before(bads[i]);
        struct rig_file file;

        rig_load(&file, dir, (unsigned)(bads[i] / RIG_SEGMENT_PAGES));
        rig_page(&file, bads[i] % RIG_SEGMENT_PAGES)->cells[0].bytes[40] ^= 1;
        rig_store(&file, dir, (unsigned)(bads[i] / RIG_SEGMENT_PAGES));
        if (cells_cnt > 0)
            saves(bads[i], cells_cnt, all_cnt - bads[i] - 1);
        rig_page(&file, bads[i] % RIG_SEGMENT_PAGES)->cells[0].bytes[40] ^= 1;
        rig_store(&file, dir, (unsigned)(bads[i] / RIG_SEGMENT_PAGES));
        free(file.bytes);
    }
}

Test(salvage, what_lies_before_a_missing_segment_is_saved)
{
    const uint64_t all_cnt = pages_cnt();
    const size_t cells_cnt = whole_before(RIG_SEGMENT_PAGES);

    cr_assert_eq(unlink(segment_path(1)), 0);
    saves(RIG_SEGMENT_PAGES, cells_cnt, all_cnt - 2 * RIG_SEGMENT_PAGES);
}

Test(salvage, what_is_left_of_a_segment_that_was_cut_is_saved)
{
    const uint64_t all_cnt = pages_cnt();
    const uint64_t cut = RIG_SEGMENT_PAGES + 30;
    const size_t cells_cnt = whole_before(cut);

    cr_assert_eq(truncate(segment_path(1), 30 * JOURNAL_PAGE_BYTES + 100), 0);
    saves(cut, cells_cnt, all_cnt - 2 * RIG_SEGMENT_PAGES);
}

Test(salvage, what_lies_before_a_segment_of_another_journal_is_saved)
{
    const uint64_t all_cnt = pages_cnt();
    struct rig_file other;

    rig_load(&other, dir, 1);
    rig_dir_remove(dir);
    cr_assert_eq(mkdir(dir, 0700), 0);
    rig_write(dir, &all, 20);
    const size_t cells_cnt = whole_before(RIG_SEGMENT_PAGES);

    rig_store(&other, dir, 1);
    free(other.bytes);
    /* Whole pages of the other one are no loss of this. */
    saves(RIG_SEGMENT_PAGES, cells_cnt, all_cnt - 2 * RIG_SEGMENT_PAGES);
}

Test(salvage, seals_and_snapshots_go_along)
{
    static const char *const names[] = {"00000000.seal", "00000001.seal",
                                        "00000000000000000123.snap", "lock"};
    struct journal_salvage salvage;
    char path[120];
    char why[256];

    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        const int fd = open(path, O_WRONLY | O_CREAT, 0600);

        cr_assert_eq(write(fd, names[i], strlen(names[i])), (ssize_t)strlen(names[i]));
        close(fd);
    }
    cr_assert_eq(truncate(segment_path(1), 30 * JOURNAL_PAGE_BYTES), 0);
    cr_assert_eq(journal_salvage_look(dir, 0, &salvage), 1);
    cr_assert_eq(journal_salvage_write(dir, to, &salvage, why), 0, "%s", why);
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(path, sizeof path, "%s/%s", to, names[i]);
        /* Of segment 1 not all is saved, so its seal would be wrong. */
        cr_assert_eq(access(path, F_OK) == 0, i % 2 == 0, "%s", names[i]);
    }
}

/* pack compresses segments 0 to cnt - 1, under a key or none. */
static void
pack(unsigned cnt, const struct archive_key *key)
{
    for (unsigned i = 0; i < cnt; i++)
        cr_assert_eq(archive_rig_pack(dir, i, key), 0);
}

/* spoil flips a bit of an archive and returns which file it was, to be put back. */
static struct rig_file
spoil(unsigned segment_no, size_t at)
{
    struct rig_file file;

    archive_rig_load(&file, dir, segment_no);
    cr_assert_lt(at, file.len);
    file.bytes[at] ^= 1;
    archive_rig_store(&file, dir, segment_no);
    file.bytes[at] ^= 1;
    return file;
}

/* frame_at returns where a frame of an archive lies in its file. */
static size_t
frame_at(unsigned segment_no, uint32_t frame_no)
{
    struct rig_file file;

    archive_rig_load(&file, dir, segment_no);

    const size_t at = archive_rig_entry(&file, frame_no)->off;

    free(file.bytes);
    return at;
}

Test(salvage, what_lies_before_damage_behind_compressed_segments_is_saved)
{
    const uint64_t all_cnt = pages_cnt();
    const uint64_t bad_no = 2 * RIG_SEGMENT_PAGES + 9;
    const size_t cells_cnt = whole_before(bad_no);
    struct rig_file file;

    pack(2, NULL);
    rig_load(&file, dir, 2);
    rig_page(&file, 9)->cells[0].bytes[40] ^= 1;
    rig_store(&file, dir, 2);
    free(file.bytes);
    saves(bad_no, cells_cnt, all_cnt - bad_no - 1);
}

Test(salvage, frames_before_a_bad_one_are_saved_and_those_behind_it_are_counted)
{
    const uint64_t all_cnt = pages_cnt();
    const uint64_t per_frame = ARCHIVE_FRAME_PAGES;
    const size_t cells_cnt = whole_before(RIG_SEGMENT_PAGES + per_frame);
    const size_t first_cnt = whole_before(RIG_SEGMENT_PAGES);
    const size_t both_cnt = whole_before(2 * RIG_SEGMENT_PAGES);
    struct journal_verify_result result;

    cr_assert_gt(RIG_SEGMENT_PAGES, 2 * per_frame);
    cr_assert_gt(all_cnt, 3 * RIG_SEGMENT_PAGES);
    pack(3, NULL);

    /* The second frame of segment 1, the first. */
    struct rig_file file = spoil(1, frame_at(1, 1) + 20);

    saves(RIG_SEGMENT_PAGES + per_frame, cells_cnt, all_cnt - RIG_SEGMENT_PAGES - 2 * per_frame);
    archive_rig_store(&file, dir, 1);
    free(file.bytes);
    file = spoil(1, frame_at(1, 0) + 20);
    saves(RIG_SEGMENT_PAGES, first_cnt, all_cnt - RIG_SEGMENT_PAGES - per_frame);
    archive_rig_store(&file, dir, 1);
    free(file.bytes);

    /* The index of segment 2: nothing of it can be read. */
    archive_rig_load(&file, dir, 2);

    const size_t len = file.len;

    free(file.bytes);
    file = spoil(2, len - 100);
    saves(2 * RIG_SEGMENT_PAGES, both_cnt, all_cnt - 3 * RIG_SEGMENT_PAGES);
    cr_assert_eq(journal_verify(dir, 3, &result), 1);
    cr_assert_eq(result.fault.page_no, 2 * RIG_SEGMENT_PAGES);
    free(file.bytes);
}

Test(salvage, what_cannot_be_read_behind_the_damage_is_named)
{
    struct journal_salvage salvage;
    struct rig_file file;

    pack(2, NULL);
    file = spoil(0, frame_at(0, 0) + 20);
    free(file.bytes);
    file = spoil(1, 10);
    free(file.bytes);
    cr_assert_eq(journal_salvage_look(dir, 0, &salvage), 1);
    cr_assert_eq(salvage.pages_cnt, 0, "nothing lies before it");
    cr_assert_eq(salvage.unread_cnt, 1, "but then the journal is not known either: %s",
                 salvage.unread);
    cr_assert(strstr(salvage.unread, "00000001.segz: ") == salvage.unread, "%s", salvage.unread);
}

Test(salvage, encrypted_segments_are_saved_with_their_key_alone)
{
    const uint64_t all_cnt = pages_cnt();
    const uint64_t bad_no = RIG_SEGMENT_PAGES + ARCHIVE_FRAME_PAGES;
    const size_t cells_cnt = whole_before(bad_no);
    struct journal_salvage salvage;
    char keys[64];
    char path[128];

    rig_dir_make(keys);
    pack(2, archive_rig_key(keys, "key", 5, path));
    rig_dir_remove(keys);

    struct rig_file file = spoil(1, frame_at(1, 1) + 20);

    saves(bad_no, cells_cnt, all_cnt - bad_no - ARCHIVE_FRAME_PAGES);
    cr_assert_eq(journal_salvage_look(dir, 0, &salvage), 1);
    cr_assert_eq(salvage.encrypted_cnt, 2);
    archive_keys_forget();
    cr_assert_eq(journal_salvage_look(dir, 0, &salvage), -ENOKEY);
    cr_assert(strstr(salvage.fault.text, "00000000.segz: encrypted under key ") != NULL, "%s",
              salvage.fault.text);
    free(file.bytes);
}

/* touch makes a file that is empty. */
static void
touch(const char *name)
{
    char path[120];

    snprintf(path, sizeof path, "%s/%s", dir, name);

    const int fd = open(path, O_WRONLY | O_CREAT, 0600);

    cr_assert_geq(fd, 0);
    close(fd);
}

Test(salvage, what_is_left_of_a_pruned_journal_is_saved)
{
    const struct archive_header header = archive_rig_prune(dir, 1);
    struct journal_verify_result result;
    struct journal_salvage salvage;
    struct rig_file file;
    char name[64];
    char why[256];

    cr_assert_eq(archive_rig_pack(dir, 1, NULL), 0);
    rig_load(&file, dir, 2);
    rig_page(&file, 9)->cells[0].bytes[40] ^= 1;
    rig_store(&file, dir, 2);
    free(file.bytes);
    cr_assert_eq(journal_salvage_look(dir, 0, &salvage), 1);
    cr_assert_eq(salvage.first_page_no, RIG_SEGMENT_PAGES);
    cr_assert_eq(salvage.pages_cnt, RIG_SEGMENT_PAGES + 9);
    cr_assert_eq(salvage.snapshot_seq, 0, "nothing goes on with it");

    /* A snapshot of later than what is saved is of no use, the newest of the others is. */
    snprintf(name, sizeof name, "%020" PRIu64 ".snap", salvage.last_seq + 1);
    touch(name);
    snprintf(name, sizeof name, "%020" PRIu64 ".snap", header.last_seq + 1);
    touch(name);
    touch("00000000000000000001.snap");
    cr_assert_eq(journal_salvage_look(dir, 0, &salvage), 1);
    cr_assert_eq(salvage.snapshot_seq, header.last_seq + 1);

    cr_assert_eq(journal_salvage_write(dir, to, &salvage, why), 0, "%s", why);
    cr_assert_eq(journal_verify(to, 3, &result), 0, "%s", result.fault.text);
    cr_assert_eq(result.first_segment, 1);
    cr_assert_eq(result.pages_cnt, salvage.pages_cnt);
    cr_assert_eq(result.last_seq, salvage.last_seq);
}

Test(salvage, verify_names_the_first_page_of_what_a_pruned_journal_begins_with)
{
    struct journal_verify_result result;
    struct rig_file file;

    (void)archive_rig_prune(dir, 1);
    cr_assert_eq(archive_rig_pack(dir, 1, NULL), 0);
    file = spoil(1, 10);
    cr_assert_eq(rig_verify(dir, 3, &result), 1);
    cr_assert_eq(result.fault.page_no, RIG_SEGMENT_PAGES, "%s", result.fault.text);
    archive_rig_store(&file, dir, 1);
    free(file.bytes);
    cr_assert_eq(rig_verify(dir, 3, &result), 0, "%s", result.fault.text);
    snprintf(to, sizeof to, "%s/00000001.segz", dir);
    cr_assert_eq(unlink(to), 0);
    cr_assert_eq(rig_verify(dir, 3, &result), 1);
    cr_assert_eq(result.fault.page_no, RIG_SEGMENT_PAGES, "%s", result.fault.text);
}

Test(salvage, of_a_bad_page_and_a_missing_segment_verify_names_the_first)
{
    struct journal_verify_result result;
    struct rig_file file;

    cr_assert_eq(unlink(segment_path(1)), 0);
    rig_load(&file, dir, 0);
    rig_page(&file, 9)->cells[0].bytes[40] ^= 1;
    rig_store(&file, dir, 0);
    free(file.bytes);
    cr_assert_eq(rig_verify(dir, 3, &result), 1);
    cr_assert_eq(result.fault.page_no, 9, "%s", result.fault.text);
    cr_assert_eq(result.pages_cnt, 9);
}

Test(salvage, a_damaged_record_of_what_was_pruned_leaves_nothing_to_be_saved)
{
    struct journal_salvage salvage;
    char path[120];

    (void)archive_rig_prune(dir, 1);
    snprintf(path, sizeof path, "%s/" PRUNED_NAME, dir);

    const int fd = open(path, O_WRONLY);

    cr_assert_eq(pwrite(fd, "x", 1, 70), 1);
    close(fd);
    cr_assert_eq(journal_salvage_look(dir, 0, &salvage), 1);
    cr_assert_eq(salvage.pages_cnt, 0);
    cr_assert(strstr(salvage.fault.text, "/" PRUNED_NAME ": ") != NULL, "%s", salvage.fault.text);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(journal_salvage_look(dir, 0, &salvage), 1);
    cr_assert_eq(salvage.pages_cnt, 0);
    cr_assert(strstr(salvage.fault.text, "and no file " PRUNED_NAME " says") != NULL, "%s",
              salvage.fault.text);
}

Test(salvage, an_undamaged_journal_has_nothing_to_be_saved)
{
    struct journal_salvage salvage;

    cr_assert_eq(journal_salvage_look(dir, 0, &salvage), 0);
    cr_assert_eq(salvage.pages_cnt, pages_cnt());
    cr_assert_eq(journal_salvage_look("/nonexistent/folder", 0, &salvage), -ENOENT);
    cr_assert_neq(salvage.fault.text[0], '\0');
}

/* end_of returns how many cells there are up to the end of command seq. */
static size_t
end_of(uint64_t seq)
{
    size_t cnt = 0;

    while (cnt < all.cnt && cell_seq(&all.cells[cnt]) <= seq)
        cnt += cell_count(&all.cells[cnt]);
    return cnt;
}

/* cuts_at copies up to command seq, and lets the copy go on. Returns whether its last page
 * was cut. */
static bool
cuts_at(uint64_t seq)
{
    const uint64_t before = rig_dir_hash(dir);
    struct journal_salvage salvage;
    char why[256];

    CHECK(journal_salvage_look(dir, seq, &salvage) == 1, "seq %zu: %s", (size_t)seq,
          salvage.fault.text);
    CHECK(salvage.last_seq == seq && !salvage.fault.damage, "seq %zu", (size_t)seq);
    CHECK(salvage.last_time >= cell_time(&all.cells[end_of(seq - 1)]), "seq %zu", (size_t)seq);
    CHECK(journal_salvage_write(dir, to, &salvage, why) == 0, "seq %zu: %s", (size_t)seq, why);
    CHECK(rig_dir_hash(dir) == before, "the journal was changed");
    rig_expect(to, &all, end_of(seq));
    goes_on(end_of(seq), seq);
    rig_dir_remove(to);
    return salvage.cut_cells != 0;
}

Test(salvage, an_undamaged_journal_is_cut_behind_any_command)
{
    uint64_t random = rig_seed();
    unsigned cut_cnt = 0;
    unsigned whole_cnt = 0;

    for (unsigned i = 0; i < 40 && (cut_cnt < 12 || whole_cnt == 0); i++) {
        const uint64_t seq = i < 4 ? 1 + i : 1 + rig_random(&random) % (all.seq - 1);

        if (cuts_at(seq))
            cut_cnt++;
        else
            whole_cnt++;
    }
    cr_assert_geq(cut_cnt, 12);
    cr_assert_geq(cuts_at(all.seq - 1) + whole_cnt, 1);
}

Test(salvage, a_command_that_was_void_once_is_cut_behind_when_it_came_again)
{
    struct journal_writer_cfg cfg = {.no_direct = true};
    const uint64_t void_seq = all.seq + 1;
    const size_t void_at = all.cnt;
    uint64_t random = rig_seed() + 1;
    struct rig rig;

    rig_group(&all, &random, 200, false);
    rig_open(&rig, dir, &cfg);
    rig_put(&rig, &all, void_at, all.cnt);
    rig_close(&rig);
    rig_forget(&all);
    for (unsigned i = 0; i < 3; i++)
        rig_group(&all, &random, 0, true);
    rig_open(&rig, dir, &cfg);
    rig_put(&rig, &all, void_at, all.cnt);
    rig_close(&rig);
    rig_expect(dir, &all, all.cnt);
    for (uint64_t seq = void_seq - 1; seq < void_seq + 2; seq++)
        (void)cuts_at(seq);
}

Test(salvage, a_cut_behind_the_end_or_the_damage_saves_what_there_is)
{
    struct journal_salvage salvage;
    struct rig_file file;

    cr_assert_eq(journal_salvage_look(dir, all.seq, &salvage), 0, "%s", salvage.fault.text);
    cr_assert_eq(salvage.last_seq, all.seq);
    cr_assert_eq(journal_salvage_look(dir, all.seq + 1, &salvage), 0);
    cr_assert_eq(salvage.last_seq, all.seq);

    rig_load(&file, dir, 1);
    rig_page(&file, 9)->cells[0].bytes[40] ^= 1;
    rig_store(&file, dir, 1);
    free(file.bytes);
    cr_assert_eq(journal_salvage_look(dir, all.seq, &salvage), 1);
    cr_assert_eq(salvage.pages_cnt, RIG_SEGMENT_PAGES + 9);
    cr_assert_eq(salvage.cut_cells, 0);
    cr_assert_lt(salvage.last_seq, all.seq);
    (void)cuts_at(salvage.last_seq - 20);
}

Test(salvage, a_folder_that_cannot_be_made_is_told)
{
    struct journal_salvage salvage;
    char why[256];

    cr_assert_eq(unlink(segment_path(1)), 0);
    cr_assert_eq(journal_salvage_look(dir, 0, &salvage), 1);
    cr_assert_eq(journal_salvage_write(dir, "/nonexistent/folder/new", &salvage, why), -ENOENT);
    cr_assert(strstr(why, "make the folder") != NULL, "%s", why);
}
