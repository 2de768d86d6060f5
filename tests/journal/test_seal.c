/*
 * Goal: a seal says of a segment what is in it, and nothing that is sealed can be
 * changed, taken away, put in another order or cut off without being found by the public
 * key and, for what is cut off at the end, the newest seal; and sealing does no harm:
 * never the segment in use, nothing twice, nothing that can still be lost.
 * Method: journals of the writer itself; trees are built anew from the reader; an
 * attacker who makes all hashes right again. Every bit of a seal is flipped.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "journal/merkle.h"
#include "journal/pruned.h"
#include "journal/salvage.h"

#include "tests/journal/archive_rig.h"
#include "tests/journal/seal_rig.h"

static struct seal_rig rig;

static void
setup(void)
{
    seal_rig_open(&rig, rig_seed());
}

static void
teardown(void)
{
    seal_rig_close(&rig);
}

TestSuite(seal, .init = setup, .fini = teardown);

static struct seal
load(unsigned segment_no)
{
    struct seal seal;
    char path[128];
    char why[256];

    seal_rig_path(&rig, segment_no, ".seal", path);
    cr_assert_eq(seal_read(&seal, AT_FDCWD, path, why), 0, "%s", why);
    return seal;
}

static void
store(unsigned segment_no, const struct seal *seal)
{
    char path[128];
    char why[256];

    seal_rig_path(&rig, segment_no, ".seal", path);
    cr_assert_eq(seal_write(seal, AT_FDCWD, path, why), 0, "%s", why);
}

/* take_away removes a file of the journal. */
static void
take_away(unsigned segment_no, const char *end)
{
    char path[128];

    seal_rig_path(&rig, segment_no, end, path);
    cr_assert_eq(unlink(path), 0, "%s", path);
}

/* cut_off removes all segments from one on, those that are prepared as well. */
static void
cut_off(unsigned segment_no)
{
    char path[128];

    for (seal_rig_path(&rig, segment_no, ".seg", path); unlink(path) == 0;)
        seal_rig_path(&rig, ++segment_no, ".seg", path);
}

/* found checks that the seals tell of a change: of this segment, in these words. */
static void
found(unsigned segment_no, const char *text)
{
    struct seals_result result;

    cr_assert_eq(seal_rig_verify(&rig, &result), 1, "%s", result.text);
    cr_assert(strstr(result.text, text) != NULL, "%s", result.text);
    cr_assert_eq(result.bad_segment, segment_no, "%s", result.text);
}

/* is_journal tells whether all that the pages can tell is right. */
static bool
is_journal(void)
{
    struct journal_verify_result result;

    return journal_verify(rig.dir, -1, &result) == 0;
}

/* compare_trees builds the trees from what a reader hands out. */
static void
compare_trees(unsigned segments_cnt)
{
    struct journal_reader *reader;
    struct journal_fault fault;
    const union cell *cells;
    struct merkle trees[8];
    uint64_t cells_cnt[8] = {0};
    int count;

    cr_assert_leq(segments_cnt, 8);
    for (unsigned i = 0; i < segments_cnt; i++)
        merkle_init(&trees[i]);
    cr_assert_eq(journal_reader_open(&reader, rig.dir, -1, &fault), 0, "%s", fault.text);
    while ((count = journal_reader_next(reader, &cells)) > 0) {
        const uint64_t segment_no = journal_reader_page(reader)->header.page_no / RIG_SEGMENT_PAGES;
        struct digest leaf;

        if (segment_no >= segments_cnt)
            break;
        merkle_leaf(&leaf, cells, (size_t)count * CELL_BYTES);
        merkle_add(&trees[segment_no], &leaf);
        cells_cnt[segment_no] += (unsigned)count;
    }
    journal_reader_close(reader);
    for (unsigned i = 0; i < segments_cnt; i++) {
        const struct seal seal = load(i);
        struct digest root;

        merkle_root(&trees[i], &root);
        cr_assert(digest_equal(&root, &seal.statement.root), "segment %u", i);
        cr_assert_eq(trees[i].cnt, seal.statement.messages_cnt, "segment %u", i);
        cr_assert_eq(cells_cnt[i], seal.statement.cells_cnt, "segment %u", i);
    }
}

Test(seal, full_segments_are_sealed_and_the_one_in_use_is_not)
{
    struct seals_result result;
    char path[128];

    cr_assert_eq(seal_rig_seal(&rig), SEAL_RIG_SEGMENTS - 1);
    seal_rig_path(&rig, SEAL_RIG_SEGMENTS - 1, ".seal", path);
    cr_assert_neq(access(path, F_OK), 0);
    seal_rig_path(&rig, 0, ".seal.new", path);
    cr_assert_neq(access(path, F_OK), 0, "nothing temporary is left");
    compare_trees(SEAL_RIG_SEGMENTS - 1);
    cr_assert_eq(seal_rig_verify(&rig, &result), 0, "%s", result.text);
    cr_assert_eq(result.seals_cnt, SEAL_RIG_SEGMENTS - 1);
    cr_assert_eq(result.checked_cnt, SEAL_RIG_SEGMENTS - 1);
    cr_assert_gt(result.unsealed_pages, 0);
    cr_assert_eq(result.keys_cnt, 1);
    cr_assert_eq(result.last_seq, seal_last_seq(&result.newest));
    cr_assert_lt(result.last_seq, rig.all.seq);
}

Test(seal, what_is_sealed_is_not_sealed_again)
{
    cr_assert_eq(seal_rig_seal(&rig), SEAL_RIG_SEGMENTS - 1);

    const uint64_t before = rig_dir_hash(rig.dir);

    cr_assert_eq(seal_rig_seal(&rig), 0);
    cr_assert_eq(rig_dir_hash(rig.dir), before);
}

Test(seal, what_a_crash_left_behind_is_no_hindrance)
{
    char path[128];
    char kept[160];

    /* Half a seal under its temporary name, and half of what the key remembers. */
    seal_rig_path(&rig, 0, ".seal.new", path);
    snprintf(kept, sizeof kept, "%s.newest.new", rig.secret);
    for (unsigned i = 0; i < 2; i++) {
        const int fd = open(i == 0 ? path : kept, O_WRONLY | O_CREAT, 0600);

        cr_assert_eq(write(fd, "OTCYSEAL", 8), 8);
        close(fd);
    }
    cr_assert_eq(seal_rig_seal(&rig), SEAL_RIG_SEGMENTS - 1);
    cr_assert_neq(access(path, F_OK), 0);
    cr_assert_neq(access(kept, F_OK), 0);
    compare_trees(SEAL_RIG_SEGMENTS - 1);
}

Test(seal, a_journal_of_which_no_segment_is_full_gets_no_seal)
{
    cut_off(1);
    cr_assert_eq(seal_rig_seal(&rig), 0, "full, but no later page says that it is durable");

    struct seals_result result;

    cr_assert_eq(seal_rig_verify(&rig, &result), 1);
    cr_assert(strstr(result.text, "nothing is sealed") != NULL, "%s", result.text);
}

Test(seal, what_no_later_page_calls_durable_is_not_sealed)
{
    struct attack attack;

    attack_load(&attack, &rig);
    for (uint64_t i = 2 * RIG_SEGMENT_PAGES; i < SEAL_RIG_SEGMENTS * RIG_SEGMENT_PAGES; i++) {
        if (!page_is_zero(attack_page(&attack, i)))
            attack_page(&attack, i)->header.durable_lag = UINT16_MAX;
    }
    attack_store(&attack, &rig);
    attack_free(&attack);
    cr_assert_eq(seal_rig_seal(&rig), 1);
}

/* grow writes a run of some groups, of which the last may stay unfinished. */
static void
grow(struct rig_cells *all, unsigned groups, unsigned long_cells, bool finish)
{
    struct journal_writer_cfg cfg = {0};
    struct rig writer;
    uint64_t random = all->seq + 77;
    const size_t from = all->cnt;

    for (unsigned i = 0; i < groups; i++)
        rig_group(all, &random, 0, true);
    rig_group(all, &random, long_cells, finish);
    rig_open(&writer, rig.dir, &cfg);
    rig_put(&writer, all, from, all->cnt);
    rig_close(&writer);
    if (!finish)
        rig_forget(all);
}

Test(seal, groups_that_never_happened_are_not_in_the_tree)
{
    /* One ends in the middle; one fills a segment and more, and none of its seal's
     * leaves is there; one is finished two segments later. */
    rig.all.whole = rig.all.cnt;
    grow(&rig.all, 300, 500, false);
    grow(&rig.all, 300, 40000, false);
    grow(&rig.all, 300, 40000, true);
    grow(&rig.all, 20000, 0, true);

    const unsigned sealed = seal_rig_seal(&rig);
    struct seals_result result;
    unsigned empty = 0;

    cr_assert_gt(sealed, 7);
    compare_trees(8);
    for (unsigned i = 0; i < sealed; i++)
        empty += load(i).statement.messages_cnt == 0;
    cr_assert_gt(empty, 0);
    cr_assert_eq(seal_rig_verify(&rig, &result), 0, "%s", result.text);
}

Test(seal, a_group_that_is_open_at_the_end_waits_until_it_is_settled)
{
    grow(&rig.all, 1, 60000, false);

    /* Full segments whose last group nobody has finished, nor a run made void. */
    const unsigned before = seal_rig_seal(&rig);

    /* Nor is what makes it void durable in the moment it is there. */
    grow(&rig.all, 100, 0, true);
    grow(&rig.all, 100, 0, true);
    cr_assert_gt(seal_rig_seal(&rig), 0);
    cr_assert_gt(before, 0);
    compare_trees(before);
}

Test(seal, a_sealer_that_follows_the_journal_makes_the_same_seals)
{
    const struct sealer_cfg cfg = {.dir = rig.dir, .key_path = rig.secret, .shard = -1};
    struct sealer *sealer;
    struct seal seal;
    struct seal last = {0};
    char why[320];
    unsigned sealed = 0;
    int rc;

    cr_assert_eq(sealer_open(&sealer, &cfg, why), 0, "%s", why);
    for (unsigned i = 0; i < 40; i++) {
        grow(&rig.all, 400, 0, true);
        while ((rc = sealer_poll(sealer, 1 + i, &seal)) > 0) {
            sealed++;
            last = seal;
        }
        cr_assert_eq(rc, 0, "%s", sealer_why(sealer));
    }
    cr_assert_gt(sealed, SEAL_RIG_SEGMENTS);
    cr_assert_eq(memcmp(sealer_newest(sealer), &last, sizeof last), 0);
    sealer_close(sealer);

    struct seals_result result;

    cr_assert_eq(seal_rig_verify(&rig, &result), 0, "%s", result.text);
    compare_trees(SEAL_RIG_SEGMENTS);
}

Test(seal, a_bounded_sealer_looks_at_no_page_behind_its_bound)
{
    const struct sealer_cfg cfg = {.dir = rig.dir, .key_path = rig.secret, .shard = -1};
    struct seals_result result;
    struct sealer *sealer;
    struct seal seal;
    char why[320];
    unsigned sealed = 0;
    unsigned polls = 0;

    cr_assert_eq(sealer_open(&sealer, &cfg, why), 0, "%s", why);
    for (uint64_t page_no = 0; page_no < SEAL_RIG_SEGMENTS * RIG_SEGMENT_PAGES; page_no += 5) {
        sealer_bound(sealer, page_no, 2);
        do {
            const uint64_t left = sealer_left(sealer);
            const int rc = sealer_poll(sealer, 1, &seal);

            cr_assert_geq(rc, 0, "%s", sealer_why(sealer));
            polls++;
            if (rc == 1) {
                sealed++;
                cr_assert_gt(page_no, sealed * RIG_SEGMENT_PAGES, "nothing behind it was seen yet");
                continue; /* it went back to where the next segment begins */
            }
            if (left == 0)
                break;
            cr_assert_eq(sealer_left(sealer), left > 2 ? left - 2 : 0);
        } while (true);
        if (sealed == SEAL_RIG_SEGMENTS - 1)
            break;
    }
    sealer_close(sealer);
    cr_assert_eq(sealed, SEAL_RIG_SEGMENTS - 1);
    cr_assert_gt(polls, sealed * RIG_SEGMENT_PAGES / 2);
    cr_assert_eq(seal_rig_seal(&rig), 0, "and it has left nothing to do");
    cr_assert_eq(seal_rig_verify(&rig, &result), 0, "%s", result.text);
    compare_trees(sealed);
}

Test(seal, what_a_sealer_will_need_is_looked_at_before_there_is_a_journal)
{
    struct sealer_cfg cfg = {.dir = "/nonexistent", .key_path = rig.secret, .shard = -1};
    char path[160];
    char why[320];

    cr_assert_eq(sealer_try(&cfg, why), 0, "%s", why);
    cfg.newest_path = "/nonexistent/folder/newest";
    cr_assert_eq(sealer_try(&cfg, why), -ENOENT);
    cr_assert(strstr(why, "/nonexistent/folder/: No such file") == why, "%s", why);
    cfg.newest_path = "newest"; /* of the folder where we are */
    cr_assert_eq(sealer_try(&cfg, why), 0, "%s", why);
    cfg.newest_path = NULL;
    snprintf(path, sizeof path, "%s.pub", rig.secret);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(sealer_try(&cfg, why), -ENOENT);
    cr_assert(strstr(why, "key.pub: No such file") != NULL, "%s", why);
    cfg.key_path = path;
    cr_assert_eq(sealer_try(&cfg, why), -ENOENT);
}

Test(seal, sealers_beside_each_other_do_no_harm)
{
    const struct sealer_cfg cfg = {.dir = rig.dir, .key_path = rig.secret, .shard = -1};
    struct sealer *sealers[2];
    struct seal seal;
    char why[320];

    cr_assert_eq(sealer_open(&sealers[0], &cfg, why), 0, "%s", why);
    cr_assert_eq(sealer_open(&sealers[1], &cfg, why), 0, "%s", why);
    for (unsigned i = 0; i < 2 * (SEAL_RIG_SEGMENTS - 1); i++) {
        const unsigned first = i / 2 % 2;

        cr_assert_eq(sealer_poll(sealers[(i + first) % 2], 1 + i, &seal), 1, "%s",
                     sealer_why(sealers[(i + first) % 2]));
        cr_assert_eq(seal.statement.segment_no, i / 2);
        cr_assert_eq(seal.statement.sealed_time, 1 + i / 2 * 2, "that of who was first");
    }
    for (unsigned i = 0; i < 2; i++) {
        cr_assert_eq(sealer_poll(sealers[i], 99, &seal), 0);
        sealer_close(sealers[i]);
    }

    struct seals_result result;

    cr_assert_eq(seal_rig_verify(&rig, &result), 0, "%s", result.text);
}

/* event_page finds, from page on, one with two events of one cell each in a row, neither
 * the last of its group, and tells the cell of the first. */
static struct page *
event_page(struct attack *attack, uint64_t page_no, unsigned *at)
{
    for (;; page_no++) {
        struct page *page = attack_page(attack, page_no);

        for (unsigned i = 0; i + 2 < page->header.cells; i++) {
            const union cell *cells = &page->cells[i];

            if (!page_is_segment(page) && cell_is_event(&cells[0]) && cell_count(&cells[0]) == 1 &&
                cell_is_event(&cells[1]) && cell_count(&cells[1]) == 1 &&
                !cell_is_last(&cells[0]) && !cell_is_last(&cells[1])) {
                *at = i;
                return page;
            }
        }
    }
}

Test(seal, an_edit_is_found)
{
    struct attack attack;
    unsigned at;

    seal_rig_seal(&rig);
    attack_load(&attack, &rig);
    event_page(&attack, RIG_SEGMENT_PAGES + 10, &at)->cells[at].order_canceled.cum_qty ^= 1;
    attack_store(&attack, &rig);
    attack_free(&attack);
    cr_assert(is_journal(), "nothing but the seal can tell");
    found(1, "some are not those that were sealed");
}

Test(seal, a_deletion_is_found)
{
    struct attack attack;
    struct page *page;
    unsigned at;

    seal_rig_seal(&rig);
    attack_load(&attack, &rig);
    page = event_page(&attack, RIG_SEGMENT_PAGES + 10, &at);
    memmove(&page->cells[at], &page->cells[at + 1],
            (page->header.cells - at - 1u) * sizeof page->cells[0]);
    memset(&page->cells[--page->header.cells], 0, sizeof page->cells[0]);
    attack_store(&attack, &rig);
    attack_free(&attack);
    cr_assert(is_journal());
    found(1, "messages were sealed");
}

Test(seal, another_order_is_found)
{
    struct attack attack;
    struct page *page;
    union cell swapped;
    unsigned at;

    seal_rig_seal(&rig);
    attack_load(&attack, &rig);
    page = event_page(&attack, 2 * RIG_SEGMENT_PAGES + 10, &at);
    swapped = page->cells[at];
    page->cells[at] = page->cells[at + 1];
    page->cells[at + 1] = swapped;
    attack_store(&attack, &rig);
    attack_free(&attack);
    cr_assert(is_journal());
    found(2, "or not in their order");
}

Test(seal, a_changed_header_is_found)
{
    struct attack attack;

    seal_rig_seal(&rig);
    attack_load(&attack, &rig);
    attack_page(&attack, 20)->header.durable_lag++;
    attack_store(&attack, &rig);
    attack_free(&attack);
    cr_assert(is_journal());
    found(0, "but their pages are not");
}

Test(seal, a_changed_segment_page_is_found)
{
    struct attack attack;

    seal_rig_seal(&rig);
    attack_load(&attack, &rig);
    attack_page(&attack, RIG_SEGMENT_PAGES)->segment.binary_hash ^= 1;
    attack_store(&attack, &rig);
    attack_free(&attack);
    cr_assert(is_journal());
    found(1, "the segment page is not");
}

/* closed_end makes journals until it has a sealed one where a segment ends with the end of
 * a group, or in the middle of one; returns the number of the segment behind. */
static unsigned
closed_end(bool closed)
{
    for (uint64_t seed = rig_seed() + 1;; seed++) {
        seal_rig_seal(&rig);
        for (unsigned i = SEAL_RIG_SEGMENTS - 2; i > 0; i--) {
            if ((load(i - 1).statement.flags == 0) == closed)
                return i;
        }
        seal_rig_close(&rig);
        seal_rig_open(&rig, seed);
    }
}

/* refused_to_recover checks that no start would go on from here, and that nothing is
 * changed by the try. */
static void
refused_to_recover(const char *text)
{
    const uint64_t before = rig_dir_hash(rig.dir);
    struct journal_fault fault;
    struct journal_end end;

    cr_assert_eq(journal_recover(rig.dir, 3, &end, &fault), -EBADMSG);
    cr_assert(strstr(fault.text, text) != NULL, "%s", fault.text);
    cr_assert_eq(rig_dir_hash(rig.dir), before);
    cr_assert_not(is_journal());
}

Test(seal, a_cut_off_segment_is_found)
{
    const unsigned segment_no = closed_end(true);

    cut_off(segment_no);
    refused_to_recover("was sealed when all of it was durable");
    found(segment_no, "was sealed when all of it was durable");
}

Test(seal, a_cut_off_segment_behind_half_a_group_is_found)
{
    const unsigned segment_no = closed_end(false);

    /* The last seal that is left is that of the half. */
    for (unsigned i = segment_no; i < SEAL_RIG_SEGMENTS - 1; i++)
        take_away(i, ".seal");
    cut_off(segment_no);
    refused_to_recover("was sealed when all of it was durable");
    found(segment_no - 1, "was sealed when all of it was durable");
}

Test(seal, a_torn_end_in_what_was_sealed_is_damage)
{
    struct attack attack;

    /* All behind a page becomes zero, as if it had never been written. */
    seal_rig_seal(&rig);
    attack_load(&attack, &rig);
    for (uint64_t i = RIG_SEGMENT_PAGES + 9; i < SEAL_RIG_SEGMENTS * RIG_SEGMENT_PAGES; i++)
        memset(attack_page(&attack, i), 0, JOURNAL_PAGE_BYTES);
    attack_store(&attack, &rig);
    attack_free(&attack);
    refused_to_recover("but segment 2 was sealed");
    for (unsigned i = 0; i < SEAL_RIG_SEGMENTS - 1; i++)
        take_away(i, ".seal");
    cr_assert(is_journal(), "without seals it is a torn end");
}

/* refused_to_seal checks that the sealer stops, when it is opened or then. */
static void
refused_to_seal(const char *text)
{
    const struct sealer_cfg cfg = {.dir = rig.dir, .key_path = rig.secret, .shard = -1};
    struct sealer *sealer;
    struct seal seal;
    char why[320];
    int rc = sealer_open(&sealer, &cfg, why);

    if (rc == 0) {
        rc = sealer_poll(sealer, 1, &seal);
        cr_assert_eq(sealer_poll(sealer, 1, &seal), rc, "for ever");
        memcpy(why, sealer_why(sealer), sizeof why);
        sealer_close(sealer);
    }
    cr_assert_eq(rc, -EBADMSG, "%d %s", rc, why);
    cr_assert(strstr(why, text) != NULL, "%s", why);
}

Test(seal, what_is_salvaged_goes_on_and_can_be_sealed)
{
    const unsigned segment_no = closed_end(false);
    struct journal_salvage salvage;
    struct seals_result result;
    struct seal_rig saved;
    size_t at = 0;
    char kept[160];
    char why[320];

    /* Its last group lost its end, and so the seal what it says. */
    cut_off(segment_no);
    cr_assert_eq(journal_salvage_look(rig.dir, 0, &salvage), 1, "%s", salvage.fault.text);
    saved = rig;
    snprintf(saved.dir, sizeof saved.dir, "%.50s-saved", rig.dir);
    cr_assert_eq(journal_salvage_write(rig.dir, saved.dir, &salvage, why), 0, "%s", why);
    rig_dir_remove(rig.dir);
    memcpy(rig.dir, saved.dir, sizeof rig.dir);
    while (!cell_is_command(&rig.all.cells[at]) || cell_seq(&rig.all.cells[at]) <= salvage.last_seq)
        at += cell_count(&rig.all.cells[at]);
    rig.all.cnt = at;
    rig.all.whole = rig.all.cnt;
    rig.all.seq = salvage.last_seq;
    grow(&rig.all, 6000, 0, true);

    /* The key has sealed it otherwise and says so; who knows why goes on with a memory
     * of its own. */
    refused_to_seal("");
    snprintf(kept, sizeof kept, "%s.newest", rig.secret);
    cr_assert_eq(unlink(kept), 0);
    cr_assert_gt(seal_rig_seal(&rig), 0);
    cr_assert_eq(seal_rig_verify(&rig, &result), 0, "%s", result.text);
}

Test(seal, seals_without_segments_are_no_new_journal)
{
    seal_rig_seal(&rig);
    cut_off(0);
    refused_to_recover("was sealed");
}

Test(seal, swapped_segments_and_seals_are_found)
{
    struct rig_file one;
    struct rig_file two;
    const char *wrong = "another segment";
    struct seals_result result;

    seal_rig_seal(&rig);

    const struct seal seal_one = load(1);
    const struct seal seal_two = load(2);

    store(1, &seal_two);
    store(2, &seal_one);
    found(1, "it is that of segment 2, not of 1");
    store(1, &seal_one);
    store(2, &seal_two);
    cr_assert_eq(seal_rig_verify(&rig, &result), 0, "%s", result.text);

    rig_load(&one, rig.dir, 1);
    rig_load(&two, rig.dir, 2);
    rig_store(&two, rig.dir, 1);
    rig_store(&one, rig.dir, 2);
    cr_assert_eq(seal_rig_verify(&rig, &result), 1);
    cr_assert(strstr(result.text, wrong) != NULL, "%s", result.text);
    free(one.bytes);
    free(two.bytes);
}

Test(seal, a_missing_seal_is_found)
{
    seal_rig_seal(&rig);
    take_away(1, ".seal");
    found(1, "missing, but a later seal exists");
    take_away(0, ".seal");
    found(0, "missing, but a later seal exists");
}

Test(seal, what_is_cut_off_at_the_end_is_found_by_the_newest_seal)
{
    const unsigned segment_no = closed_end(true);
    const struct seal kept = load(2);
    struct seals_result result;

    cr_assert_eq(seals_verify(rig.dir, -1, &rig.ring, &kept, &result), 0, "%s", result.text);
    cr_assert(result.newest_was_found);
    for (unsigned i = segment_no; i < SEAL_RIG_SEGMENTS - 1; i++)
        take_away(i, ".seal");
    cut_off(segment_no);
    cr_assert_eq(seal_rig_verify(&rig, &result), 0, "without it nobody can tell: %s", result.text);
    cr_assert_eq(seals_verify(rig.dir, -1, &rig.ring, &kept, &result), 1);
    cr_assert(strstr(result.text, "was cut off") != NULL, "%s", result.text);
    for (unsigned i = 0; i < segment_no; i++)
        take_away(i, ".seal");
    cr_assert_eq(seals_verify(rig.dir, -1, &rig.ring, &kept, &result), 1);
    cr_assert(strstr(result.text, "taken away") != NULL, "%s", result.text);
}

Test(seal, another_history_under_the_same_key_is_found_by_the_newest_seal)
{
    struct seals_result result;
    struct seal kept;
    struct attack attack;
    char path[160];
    unsigned at;

    /* The attacker has the key as well, and makes it forget. */
    seal_rig_seal(&rig);
    kept = load(2);
    attack_load(&attack, &rig);
    event_page(&attack, RIG_SEGMENT_PAGES + 10, &at)->cells[at].order_canceled.cum_qty ^= 1;
    attack_store(&attack, &rig);
    attack_free(&attack);
    for (unsigned i = 0; i < 3; i++)
        take_away(i, ".seal");
    snprintf(path, sizeof path, "%s.newest", rig.secret);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(seal_rig_seal(&rig), 3);
    cr_assert_eq(seal_rig_verify(&rig, &result), 0, "%s", result.text);
    cr_assert_eq(seals_verify(rig.dir, -1, &rig.ring, &kept, &result), 1);
    cr_assert(strstr(result.text, "sealed anew") != NULL, "%s", result.text);
}

Test(seal, the_key_remembers_what_it_sealed)
{
    struct attack attack;
    unsigned at;

    seal_rig_seal(&rig);

    const struct seal two = load(2);

    /* A crash between the two writes: the very seal comes back. */
    take_away(2, ".seal");
    cr_assert_eq(seal_rig_seal(&rig), 1);

    const struct seal again = load(2);

    cr_assert_eq(memcmp(&again, &two, sizeof two), 0);

    /* One that was changed meanwhile does not. */
    take_away(2, ".seal");
    attack_load(&attack, &rig);
    event_page(&attack, 2 * RIG_SEGMENT_PAGES + 10, &at)->cells[at].order_canceled.cum_qty ^= 1;
    attack_store(&attack, &rig);
    refused_to_seal("is not what this key sealed before");
    take_away(1, ".seal");
    refused_to_seal("seals were taken away");
    attack_free(&attack);
}

/* The key remembers the last one, too, and not only those before it. */
Test(seal, the_key_misses_the_newest_segment_and_its_seal)
{
    char path[128];

    seal_rig_seal(&rig);
    take_away(2, ".seal");
    take_away(3, ".seg");
    /* The next may have been made ahead. */
    seal_rig_path(&rig, 4, ".seg", path);
    (void)unlink(path);
    seal_rig_path(&rig, 2, ".seg", path);
    /* As if nothing had been written there. */
    cr_assert_eq(truncate(path, RIG_SEGMENT_BYTES / 2), 0);
    cr_assert_eq(truncate(path, RIG_SEGMENT_BYTES), 0);
    refused_to_seal("the journal ends before it is full");
}

Test(seal, a_key_that_forgot_remembers_again)
{
    const struct sealer_cfg cfg = {.dir = rig.dir, .key_path = rig.secret, .shard = -1};
    struct sealer *sealer;
    char path[160];
    char why[320];

    seal_rig_seal(&rig);
    snprintf(path, sizeof path, "%s.newest", rig.secret);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(sealer_open(&sealer, &cfg, why), 0, "%s", why);
    cr_assert(sealer_forgot(sealer));
    sealer_close(sealer);
    cr_assert_eq(sealer_open(&sealer, &cfg, why), 0, "%s", why);
    cr_assert(!sealer_forgot(sealer));
    sealer_close(sealer);
    take_away(2, ".seal");
    take_away(1, ".seal");
    refused_to_seal("seals were taken away");
}

/* prune takes away the segments before one, as outcry retain does. */
static void
prune(unsigned cnt)
{
    const int dir_fd = open(rig.dir, O_RDONLY | O_DIRECTORY);
    struct pruned pruned;
    char why[128];

    cr_assert_eq(pruned_load(&pruned, dir_fd, why), 0, "%s", why);
    for (unsigned i = (unsigned)pruned.cnt; i < cnt; i++) {
        const struct seal seal = load(i);
        const struct pruned_record record = {
            .shard = seal.statement.shard,
            .segment_no = i,
            .journal = seal.statement.journal,
            .segment_bytes = seal.statement.pages_cnt * JOURNAL_PAGE_BYTES,
            .first_seq = seal.statement.first_seq,
            .last_seq = seal.statement.end_seq,
            .last_time_ns = seal.statement.last_time,
            .last_hash = seal.statement.end_hash,
            .last_epoch = seal.statement.end_epoch,
            .flags = seal.statement.flags,
        };

        cr_assert_eq(pruned_add(&pruned, &record), 0);
    }
    cr_assert_eq(pruned_store(&pruned, dir_fd), 0);
    pruned_free(&pruned);
    close(dir_fd);
}

Test(seal, compressed_and_pruned_segments_are_checked_all_the_same)
{
    struct seals_result result;
    struct proof proof;
    struct seal kept;
    char why[320];

    /* The first two become archives, half of them before they are sealed. */
    cr_assert_eq(archive_rig_pack(rig.dir, 0, NULL), 0);
    cr_assert_eq(seal_rig_seal(&rig), SEAL_RIG_SEGMENTS - 1);
    cr_assert_eq(archive_rig_pack(rig.dir, 1, NULL), 0);
    kept = load(2);
    compare_trees(3);
    cr_assert_eq(seals_verify(rig.dir, -1, &rig.ring, &kept, &result), 0, "%s", result.text);
    cr_assert_eq(result.checked_cnt, 3);
    cr_assert_eq(proof_make(rig.dir, 5, PROOF_WHOLE, &proof, why), 0, "%s", why);
    free(proof.data);

    for (unsigned i = 1; i <= 2; i++) {
        prune(i);
        cr_assert_eq(seals_verify(rig.dir, -1, &rig.ring, &kept, &result), 0, "%s", result.text);
        cr_assert_eq(result.pruned_cnt, i);
        cr_assert_eq(result.checked_cnt, 3 - i);
        cr_assert_eq(seal_rig_seal(&rig), 0);
        cr_assert_eq(proof_make(rig.dir, 5, PROOF_WHOLE, &proof, why), -ENODATA);
        cr_assert(strstr(why, "was pruned") != NULL, "%s", why);
        cr_assert_eq(proof_make(rig.dir, result.last_seq, PROOF_WHOLE, &proof, why), 0, "%s", why);
        free(proof.data);
    }

    /* The seals of what was pruned must stay, and say the same. */
    struct seal seal = load(1);

    take_away(1, ".seal");
    found(1, "missing, but a later seal exists");
    seal.statement.end_seq++;
    store(1, &seal);
    found(1, "the signature is not that of key");
    take_away(2, ".seal");
    take_away(1, ".seal");
    found(1, "missing, and its segment was pruned");
}

Test(seal, a_seal_of_another_key_or_journal_is_refused)
{
    struct seal_rig other;
    struct seals_result result;
    char path[160];
    char why[320];

    seal_rig_seal(&rig);
    seal_rig_open(&other, rig_seed() + 1);
    cr_assert_eq(seals_verify(rig.dir, -1, &other.ring, NULL, &result), 1);
    cr_assert(strstr(result.text, "which was not given") != NULL, "%s", result.text);

    /* The same key for two journals needs two files to remember in. */
    struct sealer_cfg cfg = {.dir = other.dir, .key_path = rig.secret, .shard = -1};
    struct sealer *sealer;

    cr_assert_eq(sealer_open(&sealer, &cfg, why), -EBADMSG);
    cr_assert(strstr(why, "of another journal") != NULL, "%s", why);
    snprintf(path, sizeof path, "%s.other", rig.secret);
    cfg.newest_path = path;
    cr_assert_eq(sealer_open(&sealer, &cfg, why), 0, "%s", why);

    struct seal seal;

    cr_assert_eq(sealer_poll(sealer, 1, &seal), 1, "%s", sealer_why(sealer));
    sealer_close(sealer);
    store(0, &seal);
    found(1, "another journal");
    cr_assert_eq(seals_verify(rig.dir, -1, &rig.ring, &seal, &result), 1);
    seal_rig_close(&other);
}

Test(seal, every_flipped_bit_of_a_seal_is_refused)
{
    seal_rig_seal(&rig);

    const struct seal before = load(0);
    const struct seal seal = load(1);
    char why[256];

    cr_assert_eq(seal_check(&seal, &rig.ring, why), 0);
    cr_assert_eq(seal_follows(&before, &seal, why), 0);
    for (size_t bit = 0; bit < 8 * sizeof seal; bit++) {
        uint8_t bytes[sizeof seal];
        struct seal flipped;

        memcpy(bytes, &seal, sizeof seal);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (seal_parse(&flipped, bytes, sizeof bytes, why) != 0)
            continue;
        cr_assert_lt(seal_check(&flipped, &rig.ring, why), 0, "bit %zu", bit);
    }
    for (size_t len = 0; len < sizeof seal + 2; len++) {
        uint8_t bytes[sizeof seal + 2] = {0};
        struct seal cut;

        memcpy(bytes, &seal, sizeof seal);
        cr_assert_eq(seal_parse(&cut, bytes, len, why) == 0, len == sizeof seal, "%zu", len);
    }
}

Test(seal, a_new_key_goes_on_where_the_old_one_stopped)
{
    struct key_ring ring = {.cnt = 0};
    struct seals_result result;
    char new_key[160];
    char path[176];
    char why[320];
    struct sealer *sealer;
    struct seal seal;

    snprintf(new_key, sizeof new_key, "%s/new", rig.keys);
    snprintf(path, sizeof path, "%s.pub", new_key);
    cr_assert_eq(key_make(new_key, rig.secret, why), 0, "%s", why);

    const struct sealer_cfg old_cfg = {.dir = rig.dir, .key_path = rig.secret, .shard = -1};
    const struct sealer_cfg new_cfg = {.dir = rig.dir, .key_path = new_key, .shard = -1};

    cr_assert_eq(sealer_open(&sealer, &old_cfg, why), 0, "%s", why);
    cr_assert_eq(sealer_poll(sealer, 1, &seal), 1);
    sealer_close(sealer);
    cr_assert_eq(sealer_open(&sealer, &new_cfg, why), 0, "%s", why);
    cr_assert_eq(sealer_poll(sealer, 2, &seal), 1, "%s", sealer_why(sealer));
    sealer_close(sealer);

    /* The old key alone does not know the new one; what it announced it does. */
    cr_assert_eq(seal_rig_verify(&rig, &result), 1);
    cr_assert_eq(key_ring_add(&rig.ring, path, why), 0, "%s", why);
    cr_assert_eq(seal_rig_verify(&rig, &result), 0, "%s", result.text);
    cr_assert_eq(result.keys_cnt, 2);
    /* The new file alone names the old key as well. */
    cr_assert_eq(key_ring_add(&ring, path, why), 0, "%s", why);
    cr_assert_eq(seals_verify(rig.dir, -1, &ring, NULL, &result), 0, "%s", result.text);

    /* But not back: what the old key seals now is refused, by itself and by others. */
    cr_assert_eq(sealer_open(&sealer, &old_cfg, why), -EBADMSG, "the old key knows no new one");

    struct signer *signer;
    struct seal two;

    cr_assert_eq(sealer_open(&sealer, &new_cfg, why), 0, "%s", why);
    cr_assert_eq(sealer_poll(sealer, 3, &two), 1);
    sealer_close(sealer);
    cr_assert_eq(key_open(&signer, rig.secret, why), 0, "%s", why);
    two.statement.key_id = key_id_of(signer_public(signer));
    signer_sign(signer, &two.statement, sizeof two.statement, two.signature);
    signer_close(signer);
    store(2, &two);
    cr_assert_eq(seals_verify(rig.dir, -1, &ring, NULL, &result), 1);
    cr_assert(strstr(result.text, "older key") != NULL, "%s", result.text);
}
