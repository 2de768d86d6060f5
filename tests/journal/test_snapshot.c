/*
 * Goal: an engine that goes on from a snapshot comes to the state of one that replayed
 * everything; what is damaged, of another journal, later than the journal, or made by
 * another program is refused; the newest good one is found.
 * Method: random commands in journals of several runs, a snapshot at each of many
 * places, all of them tried; then every kind of harm done to files.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "engine/save.h"
#include "journal/replay.h"
#include "journal/snapshot_file.h"

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

TestSuite(snapshot, .init = setup, .fini = teardown);

static void
run(uint32_t epoch, unsigned steps)
{
    workload_run(&workload, dir, epoch, steps);
}

static void
give(void *mem, size_t bytes)
{
    (void)bytes;
    free(mem);
}

static void
save_text(void *ctx, struct image_out *out)
{
    image_put(out, ctx, strlen(ctx));
}

/* follow writes a snapshot behind every `step` commands and returns how many. */
static unsigned
follow(uint64_t step, const char *text)
{
    const struct replay_cfg cfg = {.alloc = workload_memory, .salt = 7};
    struct journal_fault fault;
    struct journal_reader *reader;
    struct replay *replay;
    struct replay_result result;
    uint64_t before = 0;
    unsigned cnt = 0;

    cr_assert_eq(journal_reader_open(&reader, dir, 3, &fault), 0, "%s", fault.text);
    cr_assert_eq(replay_open(&replay, reader, &cfg), 0);
    for (;;) {
        char why[SNAPSHOT_WHY_BYTES];
        struct snapshot_info info;

        journal_reader_pause(reader, before + step);
        cr_assert_eq(replay_more(replay, 0, &result), 0, "%s", result.text);
        cr_assert(result.identical, "%s", result.text);
        if (result.last_seq == before)
            break;
        before = result.last_seq;

        const struct snapshot_cfg snapshot_cfg = {
            .dir = dir,
            .engine = result.engine,
            .cfg = result.cfg,
            .journal = *journal_reader_id(reader),
            .place = journal_reader_place(reader),
            .event_hash = result.event_hash,
            .made_ns = 5,
            .save_rest = save_text,
            .ctx = (void *)(uintptr_t)text,
            .take = workload_memory,
            .give = give,
        };

        cr_assert_eq(snapshot_write(&snapshot_cfg, &info, why), 0, "%s", why);
        cr_assert_eq(info.seq, before);
        cr_assert(hash128_equal(info.state_hash, engine_hash(result.engine)));
        cnt++;
    }
    replay_close(replay);
    journal_reader_close(reader);
    free(result.engine);
    return cnt;
}

/* go_on loads a snapshot, replays what lies behind it, and expects the state of the
 * engine that wrote the journal. */
static void
go_on(uint64_t seq)
{
    char why[SNAPSHOT_WHY_BYTES] = "";
    struct journal_fault fault;
    struct snapshot *snapshot;
    struct journal_reader *reader;
    struct replay *replay;
    struct replay_result result;

    cr_assert_eq(snapshot_open(&snapshot, dir, seq, why), 0, "%s", why);

    const struct snapshot_info *info = snapshot_info(snapshot);
    struct engine *engine =
        snapshot_load(snapshot, workload_memory(engine_footprint(&info->cfg)), 99, why);
    const struct image_in rest = snapshot_rest(snapshot);
    const struct replay_cfg cfg = {
        .engine = engine, .engine_cfg = info->cfg, .event_hash = info->event_hash};

    cr_assert_not_null(engine, "%s", why);
    engine_check(engine);
    cr_assert_eq(rest.left, strlen("more"));
    cr_assert_eq(memcmp(rest.at, "more", rest.left), 0);
    cr_assert_eq(journal_reader_open_at(&reader, dir, 3, &info->place, &fault), 0, "%s",
                 fault.text);
    cr_assert_eq(replay_open(&replay, reader, &cfg), 0);
    cr_assert_eq(replay_more(replay, 0, &result), 0, "%s", result.text);
    cr_assert(result.identical, "%s", result.text);
    cr_assert_eq(result.last_seq, engine_seq(workload.engine));
    cr_assert_eq(result.commands_cnt, engine_seq(workload.engine) - seq);
    cr_assert(hash128_equal(engine_hash(engine), engine_hash(workload.engine)));
    replay_close(replay);
    journal_reader_close(reader);
    snapshot_close(snapshot);
    free(engine);
}

Test(snapshot, engine_goes_on_from_any_of_them)
{
    uint64_t seqs[64];

    run(1, 3000);
    run(2, 1500);
    cr_assert_gt(follow(250, "more"), 10);

    const int cnt = snapshot_list(dir, seqs, 64);

    cr_assert_gt(cnt, 10);
    for (int i = 0; i < cnt; i++) {
        cr_assert(i == 0 || seqs[i] < seqs[i - 1]);
        go_on(seqs[i]);
    }
    cr_assert_eq(snapshot_list(dir, seqs, 3), 3);
}

/* harm changes a byte of a file; at below 0: from the end. */
static void
harm(const char *name, long at, uint8_t bits)
{
    char path[128];

    snprintf(path, sizeof path, "%s/%s", dir, name);

    FILE *file = fopen(path, "r+");

    cr_assert_not_null(file);
    cr_assert_eq(fseek(file, at, at < 0 ? SEEK_END : SEEK_SET), 0);
    const int byte = fgetc(file);

    cr_assert_eq(fseek(file, -1, SEEK_CUR), 0);
    cr_assert_neq(fputc(byte ^ bits, file), EOF);
    cr_assert_eq(fclose(file), 0);
}

static uint64_t
newest(struct snapshot_info *info)
{
    const int rc = snapshot_newest(dir, info);

    cr_assert_geq(rc, 0);
    return rc == 0 ? 0 : info->seq;
}

Test(snapshot, damaged_bytes_anywhere_are_refused)
{
    struct snapshot *snapshot;
    struct snapshot_info info;
    char why[SNAPSHOT_WHY_BYTES];

    run(1, 800);
    cr_assert_eq(follow(UINT64_MAX - 1, "more"), 1);

    const uint64_t seq = newest(&info);
    const long bytes = (long)info.bytes;

    cr_assert_gt(seq, 0);
    for (long at = 0; at < bytes; at += at < (long)SNAPSHOT_HEADER_BYTES ? 3 : 1009) {
        harm(info.name, at, 1);
        cr_assert_neq(snapshot_open(&snapshot, dir, seq, why), 0, "byte %ld", at);
        cr_assert_gt(strlen(why), 5);
        harm(info.name, at, 1);
    }
    cr_assert_eq(snapshot_open(&snapshot, dir, seq, why), 0);
    snapshot_close(snapshot);

    char path[128];

    snprintf(path, sizeof path, "%s/%s", dir, info.name);
    for (long cut = bytes - 1; cut >= 0; cut = cut > 5000 ? cut / 2 : cut - 997) {
        cr_assert_eq(truncate(path, cut), 0);
        cr_assert_eq(snapshot_open(&snapshot, dir, seq, why), -EBADMSG, "cut to %ld", cut);
    }
    cr_assert_eq(newest(&info), 0);
}

Test(snapshot, newest_good_one_is_found)
{
    struct snapshot_info info;
    uint64_t seqs[64];

    run(1, 1000);
    cr_assert_gt(follow(200, "more"), 3);
    cr_assert_gt(snapshot_list(dir, seqs, 64), 3);
    cr_assert_eq(newest(&info), seqs[0]);
    harm(info.name, -1, 4);
    cr_assert_eq(newest(&info), seqs[1]);
    harm(info.name, 300, 4);
    cr_assert_eq(newest(&info), seqs[2]);

    /* One under the name of another is none of it. */
    char from[128];
    char to[128];

    snprintf(from, sizeof from, "%s/%s", dir, info.name);
    snapshot_name(info.name, seqs[2] + 1);
    snprintf(to, sizeof to, "%s/%s", dir, info.name);
    cr_assert_eq(link(from, to), 0);
    cr_assert_eq(newest(&info), seqs[2]);
}

Test(snapshot, later_than_the_journal_or_of_another_is_passed_over)
{
    struct snapshot_info info;
    struct snapshot_info last;
    struct rig_file file;
    uint64_t seqs[64];

    run(1, 1000);
    cr_assert_gt(follow(200, "more"), 3);
    cr_assert_gt(snapshot_list(dir, seqs, 64), 3);
    cr_assert_eq(newest(&last), seqs[0]);

    /* A power loss takes the last page. */
    rig_load(&file, dir, 0);
    memset(rig_page(&file, last.place.page_no - 1), 0, JOURNAL_PAGE_BYTES);
    rig_store(&file, dir, 0);
    cr_assert_eq(newest(&info), seqs[1]);
    free(file.bytes);

    /* The next run puts others there, and goes on. */
    struct journal_writer_cfg cfg = {.no_direct = true};
    struct rig_cells others = {.seq = info.seq};
    struct rig rig;
    uint64_t random = 5;

    rig_open(&rig, dir, &cfg);
    rig_close(&rig);

    struct journal_end end;
    struct journal_fault fault;

    cr_assert_eq(journal_recover(dir, 3, &end, &fault), 0);
    others.seq = end.last_seq;
    rig_open(&rig, dir, &cfg);
    for (unsigned i = 0; i < 200; i++)
        rig_group(&others, &random, 0, true);
    rig_put(&rig, &others, 0, others.cnt);
    rig_close(&rig);
    free(others.cells);
    cr_assert_eq(newest(&info), seqs[1]);

    /* The same files beside another journal. */
    char path[128];

    snprintf(path, sizeof path, "%s/00000000.seg", dir);
    cr_assert_eq(unlink(path), 0);
    snprintf(path, sizeof path, "%s/00000001.seg", dir);
    (void)unlink(path);
    cr_assert_eq(newest(&info), 0);
    rig_open(&rig, dir, &cfg);
    rig_close(&rig);
    cr_assert_eq(newest(&info), 0);
}

/* A file that is whole, with another content: what only loading can tell. */
Test(snapshot, wrong_shape_or_state_is_refused_when_it_is_loaded)
{
    struct snapshot_info info;
    struct snapshot *snapshot;
    char why[SNAPSHOT_WHY_BYTES];
    char path[128];

    run(1, 500);
    cr_assert_eq(follow(UINT64_MAX - 1, "more"), 1);
    cr_assert_gt(newest(&info), 0);
    snprintf(path, sizeof path, "%s/%s", dir, info.name);
    for (unsigned i = 0; i < 3; i++) {
        static const char *const words[] = {"another outcry", "state hash", "no state"};
        uint8_t *bytes = malloc(info.bytes);
        struct snapshot_header *header = (struct snapshot_header *)(void *)bytes;
        FILE *file = fopen(path, "r+");
        void *mem = workload_memory(engine_footprint(&info.cfg));

        cr_assert_eq(fread(bytes, info.bytes, 1, file), 1);

        const struct snapshot_header before = *header;

        if (i == 0)
            header->shape.lo ^= 1;
        else if (i == 1)
            header->state_hash.lo ^= 1;
        else
            header->engine_bytes -= 8, header->rest_bytes += 8;
        header->hash = snapshot_header_hash(header);
        cr_assert_eq(fseek(file, 0, SEEK_SET), 0);
        cr_assert_eq(fwrite(bytes, info.bytes, 1, file), 1);
        cr_assert_eq(fflush(file), 0);
        cr_assert_eq(snapshot_open(&snapshot, dir, info.seq, why), 0, "%s", why);
        cr_assert_null(snapshot_load(snapshot, mem, 0, why));
        cr_assert_not_null(strstr(why, words[i]), "%s", why);
        snapshot_close(snapshot);
        *header = before;
        cr_assert_eq(fseek(file, 0, SEEK_SET), 0);
        cr_assert_eq(fwrite(bytes, info.bytes, 1, file), 1);
        cr_assert_eq(fclose(file), 0);
        free(bytes);
        free(mem);
    }
    go_on(info.seq);
}

Test(snapshot, last_ones_are_kept_and_those_of_no_history_go)
{
    uint64_t seqs[64];

    run(1, 1000);
    cr_assert_gt(follow(100, "more"), 7);

    const int cnt = snapshot_list(dir, seqs, 64);
    const uint64_t last = seqs[2];

    cr_assert_eq(snapshot_prune(dir, last, 3), cnt - 3);
    cr_assert_eq(snapshot_list(dir, seqs, 64), 3);
    cr_assert_eq(seqs[0], last);
    cr_assert_eq(snapshot_prune(dir, last, 3), 0);
}

Test(snapshot, writers_lock_each_other_out_and_clear_up)
{
    char path[128];

    snprintf(path, sizeof path, "%s/snap.new", dir);

    FILE *file = fopen(path, "w");

    cr_assert_eq(fclose(file), 0);

    const int lock = snapshot_lock(dir);

    cr_assert_geq(lock, 0);
    cr_assert_eq(access(path, F_OK), -1);
    cr_assert_eq(snapshot_lock(dir), -EWOULDBLOCK);
    close(lock);

    const int again = snapshot_lock(dir);

    cr_assert_geq(again, 0);
    close(again);
    cr_assert_eq(snapshot_lock("/nonexistent/folder"), -ENOENT);
    cr_assert_eq(snapshot_list("/nonexistent/folder", NULL, 0), -ENOENT);
}

Test(snapshot, folder_that_cannot_be_written_is_said)
{
    char why[SNAPSHOT_WHY_BYTES] = "";
    struct snapshot_info info;

    run(1, 10);

    const struct snapshot_cfg cfg = {
        .dir = "/nonexistent/folder",
        .engine = workload.engine,
        .place = {.page_no = 1, .seq = engine_seq(workload.engine)},
        .take = workload_memory,
        .give = give,
    };

    cr_assert_eq(snapshot_write(&cfg, &info, why), -ENOENT);
    cr_assert_not_null(strstr(why, "No such"), "%s", why);
}
