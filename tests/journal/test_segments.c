/*
 * Goal: a journal of which segments are compressed, encrypted or pruned reads as it did
 * before; what of it is broken is named, and nothing is changed for it.
 * Method: one journal of several segments; every message, seek, check and recovery of it
 * is compared before and after segments became archives, in all mixtures.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "journal/pruned.h"
#include "journal/reader.h"

#include "tests/journal/archive_rig.h"

#define SEGMENTS 4u
#define SHARD    3

static char dir[64];
static char keys[64];
static char key_path[128];
static struct rig_cells all;
static struct rig_file file;

static void
setup(void)
{
    rig_dir_make(keys);
    rig_dir_make(dir);
    archive_rig_journal(dir, &all, SEGMENTS);
}

static void
teardown(void)
{
    archive_keys_forget();
    rig_dir_remove(dir);
    rig_dir_remove(keys);
    free(all.cells);
    free(file.bytes);
    all = (struct rig_cells){0};
    file.bytes = NULL;
}

TestSuite(segments, .init = setup, .fini = teardown);

static struct journal_reader *
opened(void)
{
    struct journal_reader *reader;
    struct journal_fault fault;
    const int rc = journal_reader_open(&reader, dir, SHARD, &fault);

    CHECK(rc == 0, "%d %s", rc, fault.text);
    return reader;
}

/* found returns where in all the next message of reader is, by seq and bytes. */
static size_t
found(struct journal_reader *reader)
{
    const union cell *cells;
    const int count = journal_reader_next(reader, &cells);

    CHECK(count >= 0, "%s", journal_reader_fault(reader)->text);
    if (count == 0)
        return all.cnt;
    for (size_t i = 0; i < all.cnt; i++) {
        if (cell_is_command(&all.cells[i]) && cell_seq(&all.cells[i]) == cell_seq(cells)) {
            CHECK(memcmp(cells, &all.cells[i], (size_t)count * CELL_BYTES) == 0, "cell %zu", i);
            return i;
        }
    }
    CHECK(false, "unknown seq");
    return 0;
}

/* seek_all seeks to places all over the journal, and notes what is there. */
static void
seek_all(size_t places[400])
{
    struct journal_reader *reader = opened();
    uint64_t random = rig_seed();

    for (unsigned i = 0; i < 400; i += 2) {
        const uint64_t seq = rig_random(&random) % (all.seq + 3);

        CHECK(journal_reader_seek_seq(reader, seq) == 0, "%zu", (size_t)seq);
        places[i] = found(reader);
        CHECK(journal_reader_seek_time(reader, 1000 * seq + 1) == 0, "%zu", (size_t)seq);
        places[i + 1] = found(reader);
        if (i % 20 == 0)
            journal_reader_forget(reader, journal_reader_page(reader)->cells);
    }
    journal_reader_close(reader);
}

/* expect_same checks that the journal is as it was when before was made. */
static void
expect_same(const struct journal_verify_result *before, const size_t places[400])
{
    struct journal_verify_result after;
    size_t now[400];

    rig_expect(dir, &all, all.cnt);
    CHECK(rig_verify(dir, SHARD, &after) == 0, "%s", after.fault.text);
    CHECK(memcmp(before, &after, sizeof after) == 0, "verify says something else");
    seek_all(now);
    CHECK(memcmp(places, now, sizeof now) == 0, "seeks end elsewhere");
}

Test(segments, compressed_ones_read_as_plain_ones_in_every_mixture)
{
    const struct archive_key *key = archive_rig_key(keys, "key", 1, key_path);
    static const unsigned order[] = {2, 0, 3, 1};
    struct journal_verify_result before;
    size_t places[400];

    CHECK(rig_verify(dir, SHARD, &before) == 0, "%s", before.fault.text);
    cr_assert_gt(before.segments_cnt, SEGMENTS);
    seek_all(places);
    for (unsigned i = 0; i < SEGMENTS; i++) {
        CHECK(archive_rig_pack(dir, order[i], i % 2 == 0 ? NULL : key) == 0, "%u", i);
        expect_same(&before, places);
    }
}

Test(segments, a_journal_goes_on_behind_compressed_ones)
{
    struct journal_writer_cfg cfg = {0};
    uint64_t random = 7;
    struct rig rig;

    for (unsigned i = 0; i < SEGMENTS; i++)
        CHECK(archive_rig_pack(dir, i, NULL) == 0, "%u", i);

    const size_t from = all.cnt;

    for (unsigned i = 0; i < 100; i++)
        rig_group(&all, &random, 200, true);
    rig_open(&rig, dir, &cfg);
    rig_put(&rig, &all, from, all.cnt);
    rig_close(&rig);
    rig_expect(dir, &all, all.cnt);
}

Test(segments, what_was_read_can_be_forgotten_and_read_again)
{
    struct journal_reader *reader;
    const union cell *cells;
    size_t at = 0;
    int count;

    for (unsigned i = 0; i < SEGMENTS; i++)
        CHECK(archive_rig_pack(dir, i, NULL) == 0, "%u", i);
    reader = opened();
    for (unsigned round = 0; round < 2; round++) {
        const struct page *first = NULL;
        unsigned char resident = 0;

        at = 0;
        while ((count = journal_reader_next(reader, &cells)) > 0) {
            CHECK(memcmp(cells, &all.cells[at], (size_t)count * CELL_BYTES) == 0, "cell %zu", at);
            at += (size_t)count;
            if (first == NULL)
                first = journal_reader_page(reader);
            journal_reader_forget(reader, cells);
        }
        CHECK(count == 0 && at == all.cnt, "%d %zu", count, at);

        /* The first frames were given back: their memory is gone. */
        void *page = (void *)((uintptr_t)first & ~(uintptr_t)(JOURNAL_PAGE_BYTES - 1));

        CHECK(mincore(page, JOURNAL_PAGE_BYTES, &resident) == 0, "mincore");
        CHECK((resident & 1) == 0, "it is still there");
        CHECK(journal_reader_seek_seq(reader, 0) == 0, "seek");
    }
    journal_reader_close(reader);
}

Test(segments, of_both_forms_the_plain_one_is_used)
{
    struct rig_file junk = {.bytes = (uint8_t *)dir, .len = sizeof dir};

    archive_rig_store(&junk, dir, 1);
    rig_expect(dir, &all, all.cnt);
}

Test(segments, of_another_place_are_refused)
{
    struct journal_fault fault;
    struct journal_reader *reader;

    CHECK(archive_rig_pack(dir, 1, NULL) == 0, "failed");
    archive_rig_load(&file, dir, 1);
    CHECK(archive_rig_pack(dir, 2, NULL) == 0, "failed");
    archive_rig_store(&file, dir, 2);
    CHECK(journal_reader_open(&reader, dir, SHARD, &fault) == -EBADMSG, "accepted");
    CHECK(fault.damage && strstr(fault.text, "00000002.segz: is segment 1 under another's name"),
          "%s", fault.text);
}

/* refused checks that all who read the journal refuse it with text, and leave it. */
static void
refused(int error, const char *text)
{
    const uint64_t hash = rig_dir_hash(dir);
    struct journal_verify_result result;
    struct journal_reader *reader;
    struct journal_fault fault;
    struct journal_end end;
    const union cell *cells;
    int rc = rig_verify(dir, SHARD, &result);

    CHECK(rc == (error == -EBADMSG ? 1 : error), "%d", rc);
    CHECK(strstr(result.fault.text, text) != NULL, "%s", result.fault.text);
    rc = journal_recover(dir, SHARD, &end, &fault);
    CHECK(rc == error, "%d", rc);
    CHECK(strstr(fault.text, text) != NULL, "%s", fault.text);
    rc = journal_reader_open(&reader, dir, SHARD, &fault);
    if (rc == 0) {
        while ((rc = journal_reader_next(reader, &cells)) > 0)
            continue;
        fault = *journal_reader_fault(reader);
        journal_reader_close(reader);
    }
    CHECK(rc == error, "%d", rc);
    CHECK(strstr(fault.text, text) != NULL, "%s", fault.text);
    CHECK(rig_dir_hash(dir) == hash, "something was changed");
}

Test(segments, a_broken_frame_is_damage_and_named)
{
    CHECK(archive_rig_pack(dir, 1, NULL) == 0, "failed");
    archive_rig_load(&file, dir, 1);
    file.bytes[archive_rig_entry(&file, 2)->off + 100] ^= 1;
    archive_rig_store(&file, dir, 1);
    refused(-EBADMSG, "00000001.segz: frame 2 is damaged: its hash does not match");
}

Test(segments, a_bad_page_in_the_last_archive_is_no_torn_tail)
{
    struct archive_header header;
    char why[ARCHIVE_WHY_BYTES];
    uint64_t bytes;
    const int dir_fd = open(dir, O_RDONLY | O_DIRECTORY);

    /* What lies behind is gone, so that nothing vouches for it. */
    for (unsigned i = 2; i < SEGMENTS + 2; i++) {
        char path[128];

        snprintf(path, sizeof path, "%s/%08u.seg", dir, i);
        CHECK(unlink(path) == 0 || i > SEGMENTS, "%s", path);
    }
    rig_load(&file, dir, 1);
    CHECK(archive_describe(rig_page(&file, 0), RIG_SEGMENT_PAGES, 1, &header, why) == 0, "%s", why);
    memset(rig_page(&file, RIG_SEGMENT_PAGES - 3), 0, 3 * JOURNAL_PAGE_BYTES);
    CHECK(archive_write(dir_fd, &header, rig_page(&file, 0), NULL, &bytes, why) == 0, "%s", why);
    CHECK(archive_retire(dir_fd, 1, why) == 0, "%s", why);
    close(dir_fd);
    refused(-EBADMSG, "never written, in a segment that was complete when it was compressed");
}

Test(segments, without_the_key_nothing_is_read)
{
    CHECK(archive_rig_pack(dir, 2, archive_rig_key(keys, "key", 1, key_path)) == 0, "failed");
    rig_expect(dir, &all, all.cnt);
    archive_keys_forget();
    refused(-ENOKEY, "00000002.segz: encrypted under key ");
}

Test(segments, missing_ones_are_damage)
{
    char path[128];

    CHECK(archive_rig_pack(dir, 1, NULL) == 0, "failed");
    CHECK(archive_rig_pack(dir, 2, NULL) == 0, "failed");
    snprintf(path, sizeof path, "%s/00000001.segz", dir);
    CHECK(unlink(path) == 0, "%s", path);
    refused(-EBADMSG, "00000001.seg: missing, but 0000000");
}

/* prune removes segments 0 to cnt - 1 and returns the first whole command that is left;
 * void_cnt: the last one of them came to nothing. */
static size_t
prune(unsigned cnt, unsigned void_cnt)
{
    const struct archive_header header = archive_rig_prune(dir, cnt);
    size_t at = 0;

    /* An open group that came to nothing gave its number to another command. */
    while (!cell_is_command(&all.cells[at]) ||
           cell_seq(&all.cells[at]) + void_cnt <= header.last_seq)
        at++;
    return at;
}

/* expect_from reads the journal and checks that it is all from `from` on. */
static void
expect_from(size_t from)
{
    struct journal_reader *reader = opened();
    const union cell *cells;
    size_t at = from;
    int count;

    while ((count = journal_reader_next(reader, &cells)) > 0) {
        CHECK(memcmp(cells, &all.cells[at], (size_t)count * CELL_BYTES) == 0, "cell %zu", at);
        at += (size_t)count;
    }
    CHECK(count == 0 && at == all.cnt, "%d, %zu of %zu", count, at, all.cnt);
    journal_reader_close(reader);
}

Test(segments, a_pruned_journal_begins_where_it_says)
{
    bool straddled = false;

    for (unsigned cnt = 1; cnt < SEGMENTS; cnt++) {
        struct journal_verify_result result;

        rig_dir_remove(dir);
        rig_dir_make(dir);
        free(all.cells);
        archive_rig_journal(dir, &all, SEGMENTS);

        const size_t from = prune(cnt, 0); /* all but the last are left behind, as by a crash */

        expect_from(from);
        CHECK(rig_verify(dir, SHARD, &result) == 0, "%s", result.fault.text);
        cr_assert_eq(result.first_segment, cnt);
        cr_assert_eq(result.last_seq, all.seq);
        cr_assert_eq(result.commands_cnt, all.seq - cell_seq(&all.cells[from]) + 1);
        straddled = straddled || result.first_seq != cell_seq(&all.cells[from]);

        /* It goes on, and is found by seq and time. */
        struct journal_writer_cfg cfg = {0};
        struct journal_reader *reader;
        const size_t end = all.cnt;
        uint64_t random = 7;
        struct rig rig;

        rig_group(&all, &random, 200, true);
        rig_open(&rig, dir, &cfg);
        rig_put(&rig, &all, end, all.cnt);
        rig_close(&rig);
        expect_from(from);
        reader = opened();
        CHECK(journal_reader_seek_seq(reader, 1) == 0, "seek");
        cr_assert_eq(found(reader), from);
        CHECK(journal_reader_seek_time(reader, 1000 * all.seq) == 0, "seek");
        cr_assert_eq(found(reader), end);
        journal_reader_close(reader);
    }
    CHECK(straddled, "no group lies on both sides of a cut");
}

Test(segments, a_group_without_its_command_may_be_void)
{
    struct journal_writer_cfg cfg = {0};
    struct journal_verify_result result;
    uint64_t random = 7;
    struct rig rig;
    size_t from;

    /* A group is cut off by the end of its run in the segment behind the one in
     * which it began; the next run takes its number. */
    from = all.cnt;
    rig_group(&all, &random, RIG_SEGMENT_PAGES * JOURNAL_PAGE_CELLS, false);
    rig_open(&rig, dir, &cfg);
    rig_put(&rig, &all, from, all.cnt);
    rig_close(&rig);
    rig_forget(&all);
    rig_group(&all, &random, 5, true);
    cfg = (struct journal_writer_cfg){0};
    rig_open(&rig, dir, &cfg);
    rig_put(&rig, &all, from, all.cnt);
    rig_close(&rig);
    rig_expect(dir, &all, all.cnt);

    CHECK(rig_verify(dir, SHARD, &result) == 0, "%s", result.fault.text);
    cr_assert_eq(result.commands_cnt, all.seq);
    cr_assert_eq(prune(SEGMENTS + 1, 1), from);
    expect_from(from);
    CHECK(rig_verify(dir, SHARD, &result) == 0, "%s", result.fault.text);
    cr_assert_eq(result.commands_cnt, 1);
}

/* spoil changes one byte of the file `pruned`. */
static void
spoil(long off)
{
    char path[128];
    unsigned char byte;

    snprintf(path, sizeof path, "%s/" PRUNED_NAME, dir);

    const int fd = open(path, O_RDWR);

    CHECK(fd >= 0 && pread(fd, &byte, 1, off) == 1, "%s", path);
    byte ^= 1;
    CHECK(pwrite(fd, &byte, 1, off) == 1, "%s", path);
    close(fd);
}

Test(segments, what_was_pruned_must_fit_what_is_left)
{
    char path[128];

    prune(2, 0);
    for (long off = 0; off < 2 * (long)sizeof(struct pruned_record); off += 13) {
        spoil(off);
        refused(-EBADMSG, "/pruned: ");
        spoil(off);
    }
    snprintf(path, sizeof path, "%s/" PRUNED_NAME, dir);
    CHECK(truncate(path, 200) == 0, "%s", path);
    refused(-EBADMSG, "/pruned: is not whole");

    /* One record less: segment 1 is missing then, segment 0 would be ignored. */
    CHECK(truncate(path, 128) == 0, "%s", path);
    refused(-EBADMSG, "00000001.seg: missing, but 0000000");
    CHECK(unlink(path) == 0, "%s", path);
    refused(-EBADMSG, "00000001.seg: missing, but 0000000");
}

Test(segments, the_first_page_left_must_follow_what_was_pruned)
{
    prune(2, 0);
    rig_load(&file, dir, 2);
    rig_page(&file, 0)->header.prev_hash.lo ^= 1;
    rig_rehash(rig_page(&file, 0));
    rig_store(&file, dir, 2);
    refused(-EBADMSG, "page 512): whole, but not the successor of the page before");
}
