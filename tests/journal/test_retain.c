/*
 * Goal: nothing goes that must stay, whatever is in the folder, and what was cut off is
 * finished by the next run.
 * Method: a real journal, sealed by a real key, with a snapshot, looked at on days before
 * and after its time to be kept; each thing that must be there taken away in turn.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "journal/pruned.h"
#include "journal/replay.h"
#include "journal/retain.h"
#include "journal/sealer.h"
#include "journal/snapshot.h"

#include "tests/journal/archive_rig.h"
#include "tests/journal/workload.h"

#define SEGMENTS 3u
#define DAY_NS   86400000000000u
#define YEARS    5u

static char dir[64];
static char keys[64];
static char key_path[128];
static struct rig_cells all;
static struct workload workload = {.all = &all};
static uint64_t last_ns; /* of segment SEGMENTS - 1 */

/* write_journal fills SEGMENTS segments and a part of the next, whose pages say that
 * those are durable. */
static void
write_journal(void)
{
    struct journal_writer_cfg cfg = {.no_direct = true};
    struct rig rig;
    size_t from = 0;

    workload_begin(&workload, 1);
    rig_open(&rig, dir, &cfg);
    while (all.cnt < ((size_t)SEGMENTS * RIG_SEGMENT_PAGES + 60) * JOURNAL_PAGE_CELLS) {
        for (unsigned i = 0; i < 100; i++)
            workload_step(&workload);
        rig_put(&rig, &all, from, all.cnt);
        rig_settle(&rig, all.cnt);
        from = all.cnt;
    }
    rig_close(&rig);
}

static void
seal_all(void)
{
    struct sealer *sealer;
    struct seal seal;
    char why[320];
    struct sealer_cfg cfg = {.dir = dir, .key_path = key_path, .shard = -1};
    unsigned cnt = 0;
    int rc;

    snprintf(key_path, sizeof key_path, "%s/seal.key", keys);
    CHECK(key_make(key_path, NULL, why) == 0, "%s", why);
    CHECK(sealer_open(&sealer, &cfg, why) == 0, "%s", why);
    while ((rc = sealer_poll(sealer, 1, &seal)) > 0) {
        last_ns = seal.statement.last_time;
        cnt++;
    }
    CHECK(rc == 0 && cnt == SEGMENTS, "%d %u %s", rc, cnt, sealer_why(sealer));
    sealer_close(sealer);
}

static void
give(void *mem, size_t bytes)
{
    (void)bytes;
    free(mem);
}

/* snapshot_at writes a snapshot at the first place at or behind seq. Returns its page. */
static uint64_t
snapshot_at(uint64_t seq)
{
    const struct replay_cfg cfg = {.alloc = workload_memory, .salt = 7};
    char why[SNAPSHOT_WHY_BYTES];
    struct journal_fault fault;
    struct journal_reader *reader;
    struct snapshot_info info;
    struct replay *replay;
    struct replay_result result;

    CHECK(journal_reader_open(&reader, dir, 3, &fault) == 0, "%s", fault.text);
    CHECK(replay_open(&replay, reader, &cfg) == 0, "no memory");
    journal_reader_pause(reader, seq);
    CHECK(replay_more(replay, 0, &result) == 0 && result.identical, "%s", result.text);

    const struct snapshot_cfg snapshot_cfg = {
        .dir = dir,
        .engine = result.engine,
        .cfg = result.cfg,
        .journal = *journal_reader_id(reader),
        .place = journal_reader_place(reader),
        .event_hash = result.event_hash,
        .take = workload_memory,
        .give = give,
    };

    CHECK(snapshot_write(&snapshot_cfg, &info, why) == 0, "%s", why);
    replay_close(replay);
    journal_reader_close(reader);
    free(result.engine);
    return info.place.page_no;
}

static void
setup(void)
{
    rig_dir_make(keys);
    rig_dir_make(dir);
    workload.random = rig_seed();
    write_journal();
    seal_all();
}

static void
teardown(void)
{
    archive_keys_forget();
    rig_dir_remove(dir);
    rig_dir_remove(keys);
    free(workload.engine);
    free(all.cells);
}

TestSuite(retain, .init = setup, .fini = teardown);

/* opened looks at the folder. */
static struct retain *
opened(const struct retain_cfg *more, bool dry_run)
{
    struct retain_cfg cfg = *more;
    struct retain *retain;
    char why[RETAIN_WHY_BYTES];

    cfg.dir = dir;
    cfg.dry_run = dry_run;
    CHECK(retain_open(&retain, &cfg, why) == 0, "%s", why);
    return retain;
}

/* reasons checks what is said of pruning the first segments, and that looking changes
 * nothing. */
static void
reasons(const struct retain_cfg *cfg, const enum retain_reason expected[SEGMENTS])
{
    const uint64_t hash = rig_dir_hash(dir);
    struct retain *retain = opened(cfg, true);
    size_t cnt;
    const struct retain_segment *segments = retain_segments(retain, &cnt);

    CHECK(cnt >= SEGMENTS + 1, "%zu", cnt);
    for (size_t i = 0; i < cnt; i++) {
        const enum retain_reason reason = i < SEGMENTS ? expected[i] : RETAIN_IN_USE;

        CHECK(segments[i].prune == reason, "segment %zu: %s, not %s", i,
              retain_reason_text(segments[i].prune), retain_reason_text(reason));
        CHECK((segments[i].deed == RETAIN_PRUNE) == (reason == RETAIN_DO), "segment %zu", i);
    }
    retain_close(retain);
    CHECK(rig_dir_hash(dir) == hash, "looking changed something");
}

/* do_all does all that is decided; at most `most` deeds. */
static void
do_all(const struct retain_cfg *cfg, unsigned most)
{
    struct retain *retain = opened(cfg, false);
    char why[RETAIN_WHY_BYTES];
    uint64_t bytes;
    size_t cnt;

    (void)retain_segments(retain, &cnt);
    for (size_t i = 0; i < cnt && i < most; i++)
        CHECK(retain_do(retain, i, &bytes, why) == 0, "%s", why);
    retain_close(retain);
}

static bool
has(const char *name)
{
    char path[128];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    return access(path, F_OK) == 0;
}

static void
move(const char *from, const char *to)
{
    char a[128];
    char b[128];

    snprintf(a, sizeof a, "%s/%s", dir, from);
    snprintf(b, sizeof b, "%s/%s", dir, to);
    CHECK(rename(a, b) == 0, "%s", a);
}

Test(retain, years_end_on_the_same_day_of_a_later_year)
{
    /* 2024-02-29T12:00:00.5, 2027-11-27T00:00:00, 1970-01-01 */
    cr_assert_eq(retain_until(1709208000500000000u, 1), 1740830400500000000u); /* 1 March 2025 */
    cr_assert_eq(retain_until(1709208000500000000u, 4), 1835438400500000000u); /* 29 February */
    cr_assert_eq(retain_until(1827273600000000000u, 5), 1985126400000000000u);
    cr_assert_eq(retain_until(1827273600000000000u, 0), 1827273600000000000u);
    cr_assert_eq(retain_until(0, 1), 31536000000000000u);
    cr_assert_eq(retain_until(18446744073000000000u, 200), 0, "it does not fit, so never");
}

Test(retain, keeps_what_is_too_young_by_the_time_in_the_journal)
{
    const enum retain_reason young[] = {RETAIN_YOUNG, RETAIN_YOUNG, RETAIN_YOUNG};
    const enum retain_reason old[] = {RETAIN_DO, RETAIN_DO, RETAIN_DO};
    const enum retain_reason never[] = {RETAIN_NO_YEARS, RETAIN_NO_YEARS, RETAIN_NO_YEARS};
    const enum retain_reason unasked[] = {RETAIN_NOT_ASKED, RETAIN_NOT_ASKED, RETAIN_NOT_ASKED};
    const uint64_t until_ns = retain_until(last_ns, YEARS);
    struct retain_cfg cfg = {.prune = true, .years = YEARS, .now_ns = until_ns};
    char path[128];

    (void)snapshot_at(UINT64_MAX);

    /* The times of files tell nothing. */
    snprintf(path, sizeof path, "%s/00000000.seg", dir);
    CHECK(utimensat(AT_FDCWD, path, (const struct timespec[2]){{.tv_sec = 1}, {.tv_sec = 1}}, 0) ==
              0,
          "%s", path);
    reasons(&cfg, old);
    cfg.now_ns = retain_until(1, YEARS); /* all commands are later */
    reasons(&cfg, young);
    cfg.now_ns = until_ns - 1;

    const enum retain_reason last_young[] = {RETAIN_DO, RETAIN_DO, RETAIN_YOUNG};

    reasons(&cfg, last_young);
    cfg.years = RETAIN_FOREVER;
    reasons(&cfg, never);
    cfg.prune = false;
    reasons(&cfg, unasked);
}

Test(retain, keeps_what_no_good_snapshot_covers)
{
    const struct retain_cfg cfg = {.prune = true, .years = 0, .now_ns = last_ns + DAY_NS};
    const enum retain_reason none[] = {RETAIN_UNCOVERED, RETAIN_UNCOVERED, RETAIN_UNCOVERED};
    const enum retain_reason all_but_one[] = {RETAIN_DO, RETAIN_DO, RETAIN_UNCOVERED};
    struct archive_header header;
    char why[ARCHIVE_WHY_BYTES];
    struct rig_file file;
    uint64_t seqs[4];

    reasons(&cfg, none);
    rig_load(&file, dir, 1);
    CHECK(archive_describe(rig_page(&file, 0), RIG_SEGMENT_PAGES, 1, &header, why) == 0, "%s", why);
    free(file.bytes);

    const uint64_t page_no = snapshot_at(header.last_seq + 200);

    CHECK(page_no >= 2 * RIG_SEGMENT_PAGES && page_no < 3 * RIG_SEGMENT_PAGES, "page %zu",
          (size_t)page_no);
    reasons(&cfg, all_but_one);

    /* One that lies further back, and then none that is whole. */
    (void)snapshot_at(header.first_seq + 200);
    reasons(&cfg, all_but_one);
    cr_assert_eq(snapshot_list(dir, seqs, 4), 2);
    for (unsigned i = 0; i < 2; i++) {
        char name[SNAPSHOT_NAME_BYTES];
        char path[128];

        snapshot_name(name, seqs[i]);
        snprintf(path, sizeof path, "%s/%s", dir, name);
        CHECK(truncate(path, 5000) == 0, "%s", path);
        if (i == 1)
            reasons(&cfg, none);
    }
}

Test(retain, keeps_what_is_not_sealed_as_it_is)
{
    const struct retain_cfg cfg = {.prune = true, .years = 0, .now_ns = last_ns + DAY_NS};
    const enum retain_reason middle[] = {RETAIN_DO, RETAIN_UNSEALED, RETAIN_BEHIND};
    const enum retain_reason two[] = {RETAIN_OTHER_SEAL, RETAIN_OTHER_SEAL, RETAIN_BEHIND};

    (void)snapshot_at(UINT64_MAX);
    move("00000001.seal", "kept");
    reasons(&cfg, middle);
    move("00000000.seal", "00000001.seal");
    move("kept", "00000000.seal");
    reasons(&cfg, two);
    move("00000001.seal", "kept");
    move("00000000.seal", "00000001.seal");
    move("kept", "00000000.seal");

    /* The last page is another than that which was sealed, though it is whole. */
    struct rig_file file;
    struct page *page;

    rig_load(&file, dir, 0);
    page = rig_page(&file, RIG_SEGMENT_PAGES - 1);
    page->header.durable_lag ^= 1;
    rig_rehash(page);
    rig_store(&file, dir, 0);
    free(file.bytes);

    const enum retain_reason damaged[] = {RETAIN_DAMAGED, RETAIN_BEHIND, RETAIN_BEHIND};

    reasons(&cfg, damaged);
}

Test(retain, keeps_what_counts_no_seal)
{
    struct retain_cfg cfg = {.prune = true, .years = 0, .now_ns = last_ns + DAY_NS};
    const enum retain_reason good[] = {RETAIN_DO, RETAIN_DO, RETAIN_DO};
    const enum retain_reason bad[] = {RETAIN_OTHER_SEAL, RETAIN_OTHER_SEAL, RETAIN_OTHER_SEAL};
    struct key_ring ours = {.cnt = 0};
    struct key_ring others = {.cnt = 0};
    char path[160];
    char why[256];

    (void)snapshot_at(UINT64_MAX);
    snprintf(path, sizeof path, "%s.pub", key_path);
    CHECK(key_ring_add(&ours, path, why) == 0, "%s", why);
    snprintf(path, sizeof path, "%s/other.key", keys);
    CHECK(key_make(path, NULL, why) == 0, "%s", why);
    strcat(path, ".pub");
    CHECK(key_ring_add(&others, path, why) == 0, "%s", why);
    cfg.seals = &ours;
    reasons(&cfg, good);
    cfg.seals = &others;
    reasons(&cfg, bad);
}

/* goes_on checks that the journal reads, from whatever command on, to its end. */
static void
goes_on(unsigned first_segment)
{
    struct journal_verify_result result;

    CHECK(rig_verify(dir, 3, &result) == 0, "%s", result.fault.text);
    cr_assert_eq(result.first_segment, first_segment);
    cr_assert_eq(result.last_seq, engine_seq(workload.engine));
}

Test(retain, what_was_cut_off_is_finished)
{
    const struct retain_cfg pack = {.pack = true, .years = RETAIN_FOREVER};
    const struct retain_cfg prune = {.prune = true, .years = 0, .now_ns = last_ns + DAY_NS};
    struct pruned pruned;
    struct rig_file plain;
    char why[128];

    (void)snapshot_at(UINT64_MAX);
    rig_load(&plain, dir, 0);
    do_all(&pack, 1);
    CHECK(!has("00000000.seg") && has("00000000.segz") && has("00000001.seg"), "one is packed");

    /* Both forms: one goes. A spoiled archive is made anew. */
    rig_store(&plain, dir, 0);
    do_all(&pack, SEGMENTS + 2);
    CHECK(!has("00000000.seg") && has("00000000.segz") && !has("00000002.seg"), "all are packed");
    rig_store(&plain, dir, 0);
    plain.len = 10;
    archive_rig_store(&plain, dir, 0);
    plain.len = RIG_SEGMENT_BYTES;
    do_all(&pack, SEGMENTS + 2);
    CHECK(!has("00000000.seg"), "it was made anew");
    goes_on(0);

    /* Pruned, and one that was to go is still there, in a form that is no longer whole. */
    do_all(&prune, 2);
    goes_on(2);
    CHECK(!has("00000000.segz") && !has("00000001.segz") && has("00000002.segz"), "two are gone");
    CHECK(has("00000000.seal") && has("00000001.seal"), "seals stay");
    plain.len = 10;
    archive_rig_store(&plain, dir, 1);
    goes_on(2);
    do_all(&prune, 1);
    CHECK(!has("00000001.segz") && has("00000002.segz"), "the rest is gone");
    do_all(&prune, SEGMENTS + 2);
    CHECK(!has("00000002.segz"), "the third");
    goes_on(SEGMENTS);

    const int dir_fd = open(dir, O_RDONLY | O_DIRECTORY);

    CHECK(pruned_load(&pruned, dir_fd, why) == 0, "%s", why);
    cr_assert_eq(pruned.cnt, SEGMENTS);
    cr_assert_eq(pruned.records[2].last_time_ns, last_ns);
    cr_assert_eq(pruned.records[1].pruned_ns, prune.now_ns);
    pruned_free(&pruned);
    close(dir_fd);
    free(plain.bytes);
}

Test(retain, two_at_once_are_kept_apart)
{
    const struct retain_cfg cfg = {.pack = true, .years = RETAIN_FOREVER, .dir = dir};
    struct retain *retain = opened(&cfg, false);
    struct retain *other;
    char why[RETAIN_WHY_BYTES];

    CHECK(retain_open(&other, &cfg, why) == -EWOULDBLOCK, "let in");
    CHECK(strstr(why, "another retain is at work") != NULL, "%s", why);
    retain_close(retain);
    retain = opened(&cfg, false);
    retain_close(retain);
}

Test(retain, a_damaged_page_stops_the_packing)
{
    const struct retain_cfg cfg = {.pack = true, .years = RETAIN_FOREVER};
    char why[RETAIN_WHY_BYTES];
    struct rig_file file;
    struct retain *retain;
    uint64_t bytes;

    rig_load(&file, dir, 1);
    file.bytes[100 * JOURNAL_PAGE_BYTES + 700] ^= 1;
    rig_store(&file, dir, 1);
    free(file.bytes);
    retain = opened(&cfg, false);
    CHECK(retain_do(retain, 0, &bytes, why) == 0, "%s", why);
    CHECK(retain_do(retain, 1, &bytes, why) == -EBADMSG, "packed");
    CHECK(strstr(why, "segment 1: page 356: torn or damaged") != NULL, "%s", why);
    CHECK(has("00000001.seg") && !has("00000001.segz") && !has("00000001.segz.new"), "changed");
    retain_close(retain);
}
