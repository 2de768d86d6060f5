#include "tools/follow.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/engine.h"
#include "gateway/gateway.h"
#include "journal/replay.h"
#include "journal/snapshot.h"

#include "tools/cli.h"
#include "tools/clock.h"
#include "tools/commands.h"
#include "tools/follow_seal.h"
#include "tools/memory.h"
#include "tools/restore.h"
#include "tools/text.h"

/* Commands between two looks at the signals: some hundredths of a second. */
#define SLICE_COMMANDS 100000u

/* How long it sleeps when nothing came, and how long nothing must have come before it
 * looks whether the journal is still the same. */
#define IDLE_NS  20000000
#define AWAKE_NS 2000000000u

/* Behind a snapshot that could not be written. */
#define RETRY_NS 10000000000u

/* It gives way to the exchange, which runs on the same cores. */
#define NICE 10

/* The exit code is -1 as long as it goes on. */
#define GOES_ON (-1)
#define ANEW    (-2)

struct follow {
    const struct follow_cfg *cfg;
    struct engine *engine; /* NULL: nothing was replayed yet */
    struct engine_cfg engine_cfg;
    struct gateway *keeper;
    void *keeper_mem;
    size_t keeper_bytes;
    struct gateway_session_cfg *sessions;
    struct journal_reader *reader;
    struct replay *replay;
    struct replay_result result;
    struct journal_place synced; /* durable up to here */
    uint64_t written_seq;        /* of the last snapshot; 0: none */
    uint64_t written_ns;
    uint64_t retry_ns;
    uint64_t grew_ns; /* when something came */
    bool waits;       /* for a journal, and has said so */
    struct follow_seal seal;
};

static int
fail(const struct follow *follow, int code, const char *what, const char *text)
{
    return cli_fail(code, "follow", "the journal in %s %s: %s", follow->cfg->dir, what, text);
}

/* keeper_make makes the gateway that keeps what sessions may ask for. It has no
 * configuration: every session that there can be is one, under a name that nobody has. */
static bool
keeper_make(struct follow *follow, const struct engine_cfg *cfg)
{
    follow->sessions = calloc(cfg->sessions_max, sizeof *follow->sessions);
    if (follow->sessions == NULL)
        return false;
    for (uint32_t i = 0; i < cfg->sessions_max; i++) {
        struct gateway_session_cfg *session = &follow->sessions[i];

        snprintf(session->name, sizeof session->name, "#%" PRIu32, i);
        session->key[0] = '-';
        session->used = true;
    }

    const struct gateway_cfg gateway_cfg = {
        .shard = cfg->shard,
        .sessions_max = (uint16_t)cfg->sessions_max,
        .sessions = follow->sessions,
        .retransmit_max = follow->cfg->retransmit,
        .keepalive_ms = KEEPALIVE_MS_MAX,
        .ports_max = 1,
        .instruments_max = cfg->instruments_max,
        .follower = true,
    };

    follow->keeper_bytes = gateway_footprint(&gateway_cfg);
    ASSERT(follow->keeper_bytes != 0);
    follow->keeper_mem = memory_room(follow->keeper_bytes);
    if (follow->keeper_mem == NULL)
        return false;
    follow->keeper = gateway_init(follow->keeper_mem, &gateway_cfg);
    return true;
}

static void
keeper_give(struct follow *follow)
{
    memory_give(follow->keeper_mem, follow->keeper_bytes);
    free(follow->sessions);
    follow->keeper = NULL;
    follow->keeper_mem = NULL;
    follow->sessions = NULL;
}

/* take_rest fills a keeper from a snapshot. */
static bool
take_rest(void *ctx, const struct snapshot_info *info, struct image_in in, char *why)
{
    struct follow *follow = ctx;
    int rc;

    if (!keeper_make(follow, &info->cfg)) {
        snprintf(why, SNAPSHOT_WHY_BYTES, "no memory for the reports of sessions");
        keeper_give(follow);
        return false;
    }
    rc = gateway_load(follow->keeper, &in);
    if (rc == 0)
        return true;
    snprintf(why, SNAPSHOT_WHY_BYTES, "%s",
             rc == -ERANGE ? "it keeps fewer reports of a session than --retransmit asks for"
                           : "what it holds is no state of a gateway");
    keeper_give(follow);
    return false;
}

/* on_message teaches the keeper. The first message of all is Genesis. */
static void
on_message(void *ctx, const union cell *cells)
{
    struct follow *follow = ctx;
    struct engine_cfg cfg;

    if (UNLIKELY(follow->keeper == NULL)) {
        if (!engine_cfg_of(cells, &cfg) || !keeper_make(follow, &cfg)) {
            (void)cli_fail(EXIT_SETUP, "follow", "no memory for the reports of sessions");
            exit(EXIT_SETUP);
        }
    }
    gateway_recover(follow->keeper, cells);
}

/* replay_begin begins to replay what the reader has. */
static int
replay_begin(struct follow *follow, uint64_t event_hash)
{
    const struct replay_cfg cfg = {
        .engine = follow->engine,
        .engine_cfg = follow->engine_cfg,
        .event_hash = event_hash,
        .on_message = on_message,
        .ctx = follow,
        .salt = restore_draw_salt(),
        .alloc = memory_room,
    };

    journal_reader_follow(follow->reader);
    if (replay_open(&follow->replay, follow->reader, &cfg) != 0)
        return cli_fail(EXIT_SETUP, "follow", "no memory for the replay");
    return GOES_ON;
}

static void
replay_end(struct follow *follow)
{
    if (follow->replay != NULL)
        replay_close(follow->replay);
    if (follow->reader != NULL)
        journal_reader_close(follow->reader);
    follow->replay = NULL;
    follow->reader = NULL;
}

/* forget gives everything back. */
static void
forget(struct follow *follow)
{
    follow_seal_forget(&follow->seal);
    replay_end(follow);
    if (follow->engine != NULL)
        memory_give(follow->engine, engine_footprint(&follow->engine_cfg));
    follow->engine = NULL;
    keeper_give(follow);
}

/* begin_with takes up what restore_newest has found. */
static int
begin_with(struct follow *follow, const struct restored *restored)
{
    follow->engine = restored->engine;
    follow->engine_cfg = restored->info.cfg;
    follow->reader = restored->reader;
    follow->synced = restored->info.place;
    follow->written_seq = restored->info.seq;
    follow->result.last_seq = restored->info.seq;
    return replay_begin(follow, restored->info.event_hash);
}

/* begin opens the journal behind the newest snapshot, or at its beginning; without a
 * reader there is none yet. */
static int
begin(struct follow *follow)
{
    const struct restore_cfg restore = {
        .dir = follow->cfg->dir,
        .shard = -1,
        .salt = restore_draw_salt(),
        .take = memory_room,
        .take_rest = take_rest,
        .ctx = follow,
    };
    struct journal_fault fault = {.text = ""};
    struct restored restored;

    follow->result = (struct replay_result){.engine = NULL};
    follow->synced = (struct journal_place){.page_no = 0};
    follow->written_seq = 0;
    follow->written_ns = follow->grew_ns = clock_utc_ns();
    if (!follow->waits && restore_newest(&restore, &restored))
        return begin_with(follow, &restored);

    const int rc = journal_reader_open(&follow->reader, follow->cfg->dir, -1, &fault);

    if (rc == 0) {
        fprintf(stderr, "outcry: follows the journal in %s from its beginning\n", follow->cfg->dir);
        follow->waits = false;
        return replay_begin(follow, 0);
    }
    follow->reader = NULL;
    if (rc != -ENOENT || access(follow->cfg->dir, X_OK) != 0)
        return fail(follow, rc == -EBADMSG ? EXIT_CHECK : EXIT_SETUP, "cannot be followed",
                    fault.text[0] != '\0' ? fault.text : strerror(-rc));
    if (follow->cfg->once)
        return cli_no_journal("follow", follow->cfg->dir);
    if (!follow->waits)
        fprintf(stderr, "outcry: waits for a journal in %s\n", follow->cfg->dir);
    follow->waits = true;
    return GOES_ON;
}

/* look_again opens the journal anew where the follower stands: is it still the same? */
static int
look_again(struct follow *follow)
{
    const struct journal_place place = journal_reader_place(follow->reader);
    struct journal_fault fault = {.text = ""};
    struct journal_reader *fresh;
    int rc = journal_reader_open_at(&fresh, follow->cfg->dir, -1, &place, &fault);

    if (rc == 0 && follow->engine != NULL &&
        !journal_id_equal(journal_reader_id(fresh), journal_reader_id(follow->reader))) {
        journal_reader_close(fresh);
        snprintf(fault.text, sizeof fault.text, "it has another id");
        rc = -ESTALE;
    }
    if (rc == -ESTALE || rc == -ENOENT) {
        fprintf(stderr,
                "outcry: the journal in %s is not the one that was followed to seq %" PRIu64
                " (%s): begins anew\n",
                follow->cfg->dir, follow->result.last_seq, fault.text);
        return ANEW;
    }
    if (rc != 0)
        return fail(follow, rc == -EBADMSG ? EXIT_CHECK : EXIT_SETUP, "cannot be followed",
                    fault.text[0] != '\0' ? fault.text : strerror(-rc));
    replay_end(follow);
    follow->reader = fresh;
    return replay_begin(follow, follow->result.event_hash);
}

/* trouble is for an error of the replay: is it the journal's, or is it another one? */
static int
trouble(struct follow *follow, int error)
{
    const struct replay_result result = follow->result;
    int rc;

    if (error == 0)
        return fail(follow, EXIT_CHECK, "does not replay to itself", result.text);
    rc = look_again(follow);
    if (rc != GOES_ON)
        return rc;
    return fail(follow, error == -EBADMSG ? EXIT_CHECK : EXIT_SETUP, "cannot be followed",
                result.text[0] != '\0' ? result.text : strerror(-error));
}

/* can_write says whether the engine stands where a snapshot can be made. */
static bool
can_write(const struct follow *follow, struct journal_place *place)
{
    *place = journal_reader_place(follow->reader);
    return place->page_no > 0 && place->seq == follow->result.last_seq &&
           place->seq > follow->written_seq;
}

static bool
is_due(const struct follow *follow, uint64_t now_ns)
{
    const uint64_t every_ns = follow->cfg->every_ns;

    if (follow->cfg->once || now_ns < follow->retry_ns)
        return false;
    return follow->result.last_seq - follow->written_seq >= follow->cfg->every ||
           (every_ns != 0 && now_ns - follow->written_ns >= every_ns);
}

static void
save_rest(void *ctx, struct image_out *out)
{
    gateway_save(ctx, out);
}

/* write_snapshot writes one behind place: 0, or -errno with a line said. */
static int
write_snapshot(struct follow *follow, const struct journal_place *place)
{
    const struct snapshot_cfg cfg = {
        .dir = follow->cfg->dir,
        .engine = follow->engine,
        .cfg = follow->engine_cfg,
        .journal = *journal_reader_id(follow->reader),
        .place = *place,
        .event_hash = follow->result.event_hash,
        .made_ns = clock_utc_ns(),
        .save_rest = save_rest,
        .ctx = follow->keeper,
        .take = memory_room,
        .give = memory_give,
    };
    char why[SNAPSHOT_WHY_BYTES] = "";
    char hash[TEXT_HASH_BYTES];
    struct snapshot_info info;
    int rc = journal_reader_sync(follow->reader, follow->synced.page_no, place->page_no);

    if (rc != 0)
        snprintf(why, sizeof why, "the journal cannot be synced: %s", strerror(-rc));
    else
        rc = snapshot_write(&cfg, &info, why);
    if (rc != 0) {
        fprintf(stderr, "outcry: snapshot of seq %" PRIu64 " not written: %s\n", place->seq, why);
        return rc;
    }
    follow->synced = *place;
    follow->written_seq = place->seq;
    follow->written_ns = clock_utc_ns();
    fprintf(stderr,
            "outcry: snapshot %s/%s: seq %" PRIu64 ", page %" PRIu64 ", %" PRIu64
            " KiB written in %" PRIu64 " ms, state hash %s\n",
            follow->cfg->dir, info.name, info.seq, place->page_no, info.bytes >> 10,
            (follow->written_ns - cfg.made_ns) / 1000000, text_hash(info.state_hash, hash));
    rc = snapshot_prune(follow->cfg->dir, info.seq, follow->cfg->keep);
    if (rc < 0)
        fprintf(stderr, "outcry: old snapshots in %s cannot be removed: %s\n", follow->cfg->dir,
                strerror(-rc));
    return 0;
}

/* go_on replays a slice of what has come, and writes a snapshot if one is due; grew
 * tells whether anything had come. */
static int
go_on(struct follow *follow, bool *grew)
{
    const uint64_t before = follow->result.last_seq;
    const uint64_t next = follow->written_seq + follow->cfg->every;
    struct journal_place place;
    uint64_t pause = before + SLICE_COMMANDS;

    if (next > before && next < pause)
        pause = next;
    journal_reader_pause(follow->reader, pause);

    const int rc = replay_more(follow->replay, 0, &follow->result);

    follow->engine = follow->result.engine;
    follow->engine_cfg = follow->result.cfg;
    if (rc != 0 || !follow->result.identical)
        return trouble(follow, rc);
    *grew = follow->result.last_seq != before;

    const uint64_t now_ns = clock_utc_ns();

    if (*grew)
        follow->grew_ns = now_ns;
    if (!can_write(follow, &place) || !is_due(follow, now_ns))
        return GOES_ON;
    if (write_snapshot(follow, &place) != 0)
        follow->retry_ns = now_ns + RETRY_NS;
    return GOES_ON;
}

/* finish is the end of --once. */
static int
finish(struct follow *follow)
{
    struct journal_place place;

    if (follow->engine == NULL)
        return cli_no_journal("follow", follow->cfg->dir);
    if (can_write(follow, &place))
        return write_snapshot(follow, &place) == 0 ? EXIT_FINE : EXIT_SETUP;
    fprintf(stderr, "outcry: followed to seq %" PRIu64 ", %s\n", follow->result.last_seq,
            follow->result.last_seq == follow->written_seq
                ? "of which there is a snapshot"
                : "but behind it the journal is cut off within a page: no snapshot");
    return EXIT_FINE;
}

/* seal_some seals a slice of what was replayed. */
static int
seal_some(struct follow *follow, bool *more)
{
    const struct journal_place place = journal_reader_place(follow->reader);
    const int code = follow_seal_poll(&follow->seal, place.page_no, more);

    return code == EXIT_FINE ? GOES_ON : code;
}

/* step does a slice: GOES_ON, ANEW or an exit code. */
static int
step(struct follow *follow, bool *grew)
{
    bool more = false;
    int rc;

    *grew = false;
    if (follow->reader == NULL)
        return begin(follow);
    rc = go_on(follow, grew);
    if (rc == GOES_ON)
        rc = seal_some(follow, &more);
    *grew = *grew || more;
    if (rc != GOES_ON || *grew)
        return rc;
    if (follow->cfg->once)
        return finish(follow);
    if (clock_utc_ns() - follow->grew_ns < AWAKE_NS)
        return GOES_ON;
    follow->grew_ns = clock_utc_ns();
    return look_again(follow);
}

/* stopped waits a little if asked to, and says whether a signal wants us to end. */
static bool
stopped(const sigset_t *set, bool wait)
{
    const struct timespec pause = {.tv_nsec = wait ? IDLE_NS : 0};

    return sigtimedwait(set, NULL, &pause) > 0;
}

static int
run(struct follow *follow, const sigset_t *set)
{
    int rc = begin(follow);
    bool grew = true;

    while ((rc == GOES_ON || rc == ANEW) && !stopped(set, !grew && rc == GOES_ON)) {
        if (rc == ANEW)
            forget(follow);
        rc = step(follow, &grew);
    }
    if (rc != GOES_ON && rc != ANEW)
        return rc;
    fprintf(stderr, "outcry: stopped at seq %" PRIu64 ", last snapshot at seq %" PRIu64 "\n",
            follow->result.last_seq, follow->written_seq);
    return EXIT_FINE;
}

int
follow_run(const struct follow_cfg *cfg)
{
    static struct follow follow;
    sigset_t set;
    int lock;
    int rc;

    follow.cfg = cfg;
    follow.seal.cfg = (struct sealer_cfg){
        .dir = cfg->dir, .key_path = cfg->key, .newest_path = cfg->newest, .shard = -1};
    follow.seal.once = cfg->once;
    rc = follow_seal_try(&follow.seal);
    if (rc != EXIT_FINE)
        return rc;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    lock = snapshot_lock(cfg->dir);
    if (lock == -EWOULDBLOCK)
        return cli_fail(EXIT_SETUP, "follow", "%s is followed by another outcry", cfg->dir);
    if (lock < 0)
        return cli_fail(EXIT_SETUP, "follow", "%s cannot be written to: %s", cfg->dir,
                        strerror(-lock));
    errno = 0;
    if (nice(NICE) == -1 && errno != 0)
        fprintf(stderr, "outcry: cannot give way to others: %s\n", strerror(errno));
    rc = run(&follow, &set);
    forget(&follow);
    close(lock);
    return rc;
}
