/*
 * Goal: whichever single call fails, and however, the writer ends with the reason,
 * or a start is refused with it; nothing was acknowledged that is not on disk;
 * and the next run goes on.
 *
 * Method: a child writes a journal over the end of a segment and tells in shared
 * memory what is durable. One call of it fails: completion 0 of io_uring, then 1,
 * and so on until there is none that could, each once with EIO, ENOSPC, EINTR and
 * short; then each pwrite, fdatasync, fsync, fallocate, rename and openat of
 * writer, helper and recovery. The same without io_uring, where writes are
 * calls. After each the parent recovers the journal and holds it against what
 * was given to the writer; then the rest is written.
 *
 * With less than 100 OUTCRY_SEEDS each kind of call fails at every fifth place only.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/journal/fault_calls.h"
#include "tests/journal/journal_rig.h"
#include "tests/seeds.h"

#define SHARD       3u
#define RING_CELLS  8192u
#define GROUPS      330u /* of about a page */
#define BATCH       30u  /* groups that are settled together */
#define GROUP_CELLS 50u
#define DIRTY_PAGES 3u
#define CODE_OPEN   4 /* the child could not start */
#define FATAL       3
#define SEEDS_MANY  100u
#define STEP_FEW    5u
#define PATIENCE_NS 20000000000ull

/* What parent and child share. */
struct shared {
    struct fault_plan plan;
    uint64_t durable; /* cells of all, as acknowledged */
};

struct scene {
    const char *name;
    bool no_uring;
    bool torn; /* a run before left something behind its end */
};

static struct rig_cells all;
static struct shared *shared;
static char dir[64];
static char said[1024]; /* by the child on stderr */
static uint32_t step;

/* open_writer recovers dir and opens a writer; false with a line on stderr. */
static bool
open_writer(struct rig *rig, const struct scene *scene, size_t *from)
{
    struct journal_writer_cfg cfg = {
        .dir = dir, .shard = SHARD, .segment_bytes = RIG_SEGMENT_BYTES};
    struct journal_fault fault;
    struct journal_end end;
    char why[256];

    if (journal_recover(dir, SHARD, &end, &fault) != 0) {
        fprintf(stderr, "recover: %s\n", fault.text);
        return false;
    }
    cfg.epoch = end.epoch + 1;
    cfg.next_page_no = end.next_page_no;
    cfg.prev_hash = end.prev_hash;
    cfg.journal = end.journal;
    cfg.no_uring = scene->no_uring;
    rig->ring = ring_init(aligned_alloc(RING_ALIGN, ring_footprint(RING_CELLS, 1)), RING_CELLS, 1);
    ring_writer_init(&rig->in, rig->ring);
    ring_reader_init(&rig->out, rig->ring, 0);
    if (journal_writer_open(&rig->writer, &cfg, &rig->out, why) != 0) {
        fprintf(stderr, "open: %s\n", why);
        return false;
    }
    rig->durable = journal_writer_durable(rig->writer);
    /* Goes on behind the last group that is there. */
    for (*from = 0; *from < all.cnt && cell_seq(&all.cells[*from]) <= end.last_seq;) {
        do
            *from += cell_count(&all.cells[*from]);
        while (*from < all.cnt && !cell_is_command(&all.cells[*from]));
    }
    return true;
}

/* settle polls until all up to pos is durable, and says how far it is. */
static void
settle(struct rig *rig, size_t from, size_t to)
{
    const uint64_t deadline = rig_clock_ns() + PATIENCE_NS;

    while (*rig->durable < to - from) {
        (void)journal_writer_poll(rig->writer, rig_clock_ns());
        shared->durable = from + *rig->durable;
        CHECK(rig_clock_ns() < deadline, "durable cursor stays at %" PRIu64, *rig->durable);
    }
}

/* write_rest writes what is not in the journal yet, up to cell `to`. */
static bool
write_rest(const struct scene *scene, size_t to)
{
    unsigned groups = 0;
    struct rig rig;
    size_t begin;
    size_t from;

    if (!open_writer(&rig, scene, &begin))
        return false;
    from = begin;
    for (size_t i = begin; i < to; i++) {
        if (!cell_is_last(&all.cells[i]) || (++groups % BATCH != 0 && i + 1 != to))
            continue;
        rig_put(&rig, &all, from, i + 1);
        settle(&rig, begin, i + 1);
        from = i + 1;
    }
    rig_close(&rig);
    return true;
}

/* make_dirty leaves what a torn write leaves behind the end. */
static void
make_dirty(void)
{
    static const uint8_t part[512] = {0x4f, 0x54, 0x43, 0x59, 2, 0, SHARD, 0, 1};
    struct journal_verify_result result;
    char path[128];
    int fd;

    CHECK(journal_verify(dir, SHARD, &result) == 0, "%s", result.fault.text);
    snprintf(path, sizeof path, "%s/%08u.seg", dir,
             (unsigned)(result.pages_cnt / RIG_SEGMENT_PAGES));
    fd = open(path, O_WRONLY | O_CLOEXEC);
    CHECK(fd >= 0, "%s", path);
    for (unsigned i = 0; i < DIRTY_PAGES; i++)
        CHECK(pwrite(fd, part, sizeof part,
                     (off_t)((result.pages_cnt % RIG_SEGMENT_PAGES + i) * JOURNAL_PAGE_BYTES)) ==
                  (ssize_t)sizeof part,
              "%s", path);
    close(fd);
}

/* child writes the journal with the plan in force; its exit code. */
static int
child(const struct scene *scene)
{
    const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    int pipes[2];
    int status;
    ssize_t len;
    pid_t pid;

    CHECK(null >= 0 && pipe(pipes) == 0, "%d", errno);
    pid = fork();
    CHECK(pid >= 0, "%d", errno);
    if (pid == 0) {
        (void)dup2(pipes[1], STDERR_FILENO);
        close(pipes[0]);
        fault_plan = &shared->plan;
        _exit(write_rest(scene, all.cnt) ? 0 : CODE_OPEN);
    }
    close(pipes[1]);
    close(null);
    len = 0;
    for (ssize_t got = 1; got > 0 && (size_t)len<sizeof said - 1; len += got> 0 ? got : 0)
        got = read(pipes[0], said + len, sizeof said - 1 - (size_t)len);
    said[len] = '\0';
    close(pipes[0]);
    CHECK(waitpid(pid, &status, 0) == pid, "%d", errno);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* cells_there returns how many cells the journal hands out, all as they were
 * given. */
static size_t
cells_there(void)
{
    struct journal_reader *reader;
    struct journal_fault fault;
    const union cell *cells;
    size_t cnt = 0;
    int rc = journal_reader_open(&reader, dir, SHARD, &fault);

    if (rc == -ENOENT)
        return 0;
    CHECK(rc == 0, "%s", fault.text);
    while ((rc = journal_reader_next(reader, &cells)) > 0)
        cnt += (size_t)rc;
    CHECK(rc == 0, "%s", journal_reader_fault(reader)->text);
    journal_reader_close(reader);
    rig_expect(dir, &all, cnt);
    return cnt;
}

/* one lets one call fail; false: there was no such call. */
static bool
one(const struct scene *scene, const struct fault_plan *plan)
{
    size_t there;
    int code;

    rig_dir_make(dir);
    if (scene->torn) {
        CHECK(write_rest(scene, all.whole), "%s", scene->name);
        make_dirty();
    }
    memset(shared, 0, sizeof *shared);
    shared->plan = *plan;
    code = child(scene);
    CHECK(code == 0 || code == FATAL || code == CODE_OPEN,
          "%s, call %d number %u, error %d: exit code %d: %s", scene->name, (int)plan->call,
          plan->at, plan->error, code, said);
    CHECK(shared->plan.fired || code == 0, "%s: %s", scene->name, said);
    if (code != 0) {
        CHECK(plan->error == 0 || strstr(said, strerror(plan->error)) != NULL,
              "%s, call %d number %u, error %d: this is said: %s", scene->name, (int)plan->call,
              plan->at, plan->error, said);
        CHECK(strstr(said, ".seg") != NULL || strstr(said, dir) != NULL,
              "%s, call %d number %u, error %d: this is said: %s", scene->name, (int)plan->call,
              plan->at, plan->error, said);
    }
    there = cells_there();
    CHECK(there >= shared->durable,
          "%s, call %d number %u, error %d: %" PRIu64 " cells were acknowledged, %zu are there",
          scene->name, (int)plan->call, plan->at, plan->error, shared->durable, there);
    CHECK(code != 0 || there == all.cnt, "%s: an end without a reason", scene->name);
    CHECK(write_rest(scene, all.cnt), "%s", scene->name);
    CHECK(cells_there() == all.cnt, "%s", scene->name);
    rig_dir_remove(dir);
    return shared->plan.fired;
}

/* each lets each call of a kind fail once with an error. Returns how many. */
static unsigned
each(const struct scene *scene, enum fault_call call, int error)
{
    struct fault_plan plan = {.call = call, .error = error};
    unsigned fired = 0;
    unsigned missed = 0;

    /* A sync cannot come short: two in a row that did not fire are the end. */
    for (plan.at = 0; missed < 2; plan.at += step) {
        if (one(scene, &plan)) {
            fired++;
            missed = 0;
        } else {
            missed++;
        }
    }
    return fired;
}

static void
play(const struct scene *scene, unsigned number)
{
    static const int errors[] = {EIO, ENOSPC, EINTR, 0};
    unsigned completions = 0, calls = 0;

    for (unsigned i = 0; i < 4 && !scene->no_uring; i++)
        completions += each(scene, FAULT_COMPLETION, errors[i]);
    if (!scene->no_uring)
        calls += each(scene, FAULT_SUBMIT, EBUSY);
    for (unsigned i = 0; i < 4; i++)
        calls += each(scene, FAULT_PWRITE, errors[i]);
    for (enum fault_call call = FAULT_FDATASYNC; call < FAULT_CALLS; call++) {
        calls += each(scene, call, EIO);
        calls += each(scene, call, ENOSPC);
    }
    printf("# %u completions, %u calls failed\nok %u - faults::%s\n", completions, calls, number,
           scene->name);
    fflush(stdout);
}

int
main(void)
{
    static const struct scene scenes[] = {
        {.name = "the_writer_ends_with_the_reason"},
        {.name = "the_writer_without_io_uring_ends_with_the_reason", .no_uring = true},
        {.name = "recovery_is_refused_with_the_reason", .torn = true},
    };
    uint64_t random = rig_seed();

    step = seed_cnt() < SEEDS_MANY ? STEP_FEW : 1;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(shared != MAP_FAILED, "%d", errno);
    for (unsigned i = 0; i < GROUPS; i++)
        rig_group(&all, &random, GROUP_CELLS, true);
    /* A torn journal has the first two thirds. */
    for (unsigned i = 0, groups = 0; i < all.cnt && groups < GROUPS * 2 / 3; i++) {
        groups += cell_is_last(&all.cells[i]);
        all.whole = i + 1;
    }
    printf("1..%zu\n", ARRAY_LEN(scenes));
    for (unsigned i = 0; i < ARRAY_LEN(scenes); i++)
        play(&scenes[i], i + 1);
    free(all.cells);
    return 0;
}
