#include "tools/verify_snapshots.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tools/behind.h"
#include "tools/cli.h"
#include "tools/commands.h"
#include "tools/memory.h"
#include "tools/text.h"

/* What the rows are compared with. */
struct walk {
    const char *dir;
    struct behind behind;
    struct behind_left left;
    struct journal_id journal;
    struct replay_result result;
    int error; /* of the replay, which has ended then; 0: it goes on */
};

static int
refuse(const char *dir, int rc, const char *text)
{
    return cli_fail(rc == -EBADMSG ? EXIT_CHECK : EXIT_SETUP, "verify",
                    "the journal in %s cannot be replayed: %s", dir,
                    text[0] != '\0' ? text : strerror(-rc));
}

/* fits_place checks that the page before the snapshot's place is the one it names, and that
 * what lies behind follows it. */
static bool
fits_place(const struct walk *walk, const struct snapshot_info *info, char *why)
{
    struct journal_fault fault = {.text = ""};
    struct journal_reader *reader;
    const union cell *cells;
    int rc = journal_reader_open_at(&reader, walk->dir, -1, &info->place, &fault);

    if (rc == 0) {
        rc = journal_reader_next(reader, &cells);
        if (rc < 0)
            fault = *journal_reader_fault(reader);
        journal_reader_close(reader);
    }
    if (rc < 0)
        snprintf(why, SNAPSHOT_WHY_BYTES, "its place is not in this journal: %.380s",
                 fault.text[0] != '\0' ? fault.text : strerror(-rc));
    return rc >= 0;
}

/* loads checks that what it holds comes to the state hash that it tells. */
static bool
loads(const struct snapshot *snapshot, char *why)
{
    const size_t bytes = engine_footprint(&snapshot_info(snapshot)->cfg);
    void *mem = memory_room(bytes);
    bool good;

    if (mem == NULL) {
        snprintf(why, SNAPSHOT_WHY_BYTES, "no memory to load it: %zu MiB", bytes >> 20);
        return false;
    }
    good = snapshot_load(snapshot, mem, 0, why) != NULL;
    memory_give(mem, bytes);
    return good;
}

/* replay_to replays up to the snapshot's last command. */
static bool
replay_to(struct walk *walk, uint64_t seq, char *why)
{
    struct replay_result *result = &walk->result;

    if (walk->error == 0 && result->identical)
        walk->error = replay_more(walk->behind.replay, seq, result);
    if (walk->error != 0)
        snprintf(why, SNAPSHOT_WHY_BYTES, "the journal cannot be replayed up to it: %.400s",
                 result->text[0] != '\0' ? result->text : strerror(-walk->error));
    else if (!result->identical)
        snprintf(why, SNAPSHOT_WHY_BYTES,
                 "the journal does not replay to itself from seq %" PRIu64 ": %.380s",
                 result->diverged_seq, result->text);
    else if (result->last_seq != seq)
        snprintf(why, SNAPSHOT_WHY_BYTES, "the journal ends before it, with seq %" PRIu64,
                 result->last_seq);
    else
        return true;
    return false;
}

/* agrees compares what the snapshot tells with the engine that replayed up to it. */
static bool
agrees(const struct walk *walk, const struct snapshot_info *info, char *why)
{
    const struct replay_result *result = &walk->result;
    const struct hash128 hash = engine_hash(result->engine);
    char its[TEXT_HASH_BYTES];
    char ours[TEXT_HASH_BYTES];
    union cell its_genesis;
    union cell our_genesis;

    engine_genesis(&info->cfg, 0, &its_genesis);
    engine_genesis(&result->cfg, 0, &our_genesis);
    if (!hash128_equal(info->state_hash, hash))
        snprintf(why, SNAPSHOT_WHY_BYTES, "its state hash is %s, a replay has %s",
                 text_hash(info->state_hash, its), text_hash(hash, ours));
    else if (info->event_hash != result->event_hash)
        snprintf(why, SNAPSHOT_WHY_BYTES,
                 "its event hash is %016" PRIx64 ", a replay has %016" PRIx64, info->event_hash,
                 result->event_hash);
    else if (info->time_ns != engine_time_ns(result->engine))
        snprintf(why, SNAPSHOT_WHY_BYTES, "its time is %" PRIu64 ", a replay has %" PRIu64,
                 info->time_ns, engine_time_ns(result->engine));
    else if (memcmp(&its_genesis, &our_genesis, sizeof its_genesis) != 0)
        snprintf(why, SNAPSHOT_WHY_BYTES, "it is of an exchange of other sizes");
    else
        return true;
    return false;
}

/* judge judges a snapshot that was read. */
static enum verify_snapshot_state
judge(struct walk *walk, const struct snapshot *snapshot, char *why)
{
    const struct snapshot_info *info = snapshot_info(snapshot);

    if (!journal_id_equal(&info->journal, &walk->journal)) {
        snprintf(why, SNAPSHOT_WHY_BYTES, "it is of another journal");
        return SNAPSHOT_DIFFERS;
    }
    if (walk->left.segment_no != 0 && info->seq < walk->behind.base_seq &&
        info->seq < walk->left.first_seq) {
        snprintf(why, SNAPSHOT_WHY_BYTES, "what it is of was pruned");
        return SNAPSHOT_BEFORE;
    }
    if (!fits_place(walk, info, why) || !loads(snapshot, why))
        return SNAPSHOT_DIFFERS;
    if (info->seq == walk->behind.base_seq) {
        snprintf(why, SNAPSHOT_WHY_BYTES, "whole; what came before was pruned");
        return SNAPSHOT_BASE;
    }
    if (info->seq < walk->behind.base_seq) {
        snprintf(why, SNAPSHOT_WHY_BYTES, "it is of no use to begin with");
        return SNAPSHOT_DIFFERS;
    }
    if (!replay_to(walk, info->seq, why) || !agrees(walk, info, why))
        return SNAPSHOT_DIFFERS;
    snprintf(why, SNAPSHOT_WHY_BYTES, "as a replay from seq %" PRIu64 " on has it",
             walk->behind.base_seq + 1);
    return SNAPSHOT_GOOD;
}

static void
check_row(struct walk *walk, struct verify_snapshot *row)
{
    struct snapshot *snapshot;

    const int rc = snapshot_open(&snapshot, walk->dir, row->seq, row->text);

    row->state = rc == -ENOENT ? SNAPSHOT_GONE : SNAPSHOT_DIFFERS;
    if (rc != 0)
        return;
    row->state = judge(walk, snapshot, row->text);
    snapshot_close(snapshot);
}

/* list fills the rows with what there is, oldest first; -errno. */
static int
list(struct verify_snapshots *snapshots, const char *dir)
{
    static uint64_t seqs[SNAPSHOTS_MAX];
    const int cnt = snapshot_list(dir, seqs, SNAPSHOTS_MAX);

    for (int i = 0; i < cnt; i++)
        snapshots->rows[i] = (struct verify_snapshot){.seq = seqs[cnt - 1 - i]};
    snapshots->cnt = cnt < 0 ? 0 : (unsigned)cnt;
    return cnt < 0 ? cnt : 0;
}

int
verify_snapshots_run(struct verify_snapshots *snapshots, const char *dir)
{
    const struct behind_cfg cfg = {.dir = dir, .replay = {.alloc = memory_take}};
    struct walk walk = {.dir = dir, .result = {.identical = true}};
    char text[BEHIND_TEXT_BYTES] = "";
    struct journal_fault fault = {.text = ""};
    struct journal_reader *reader;
    int rc = list(snapshots, dir);

    if (rc == 0)
        rc = journal_reader_open(&reader, dir, -1, &fault);
    if (rc != 0)
        return refuse(dir, rc, fault.text);
    rc = behind_look(reader, &walk.left);
    if (rc == 0)
        rc = behind_open(&walk.behind, reader, &cfg, text);
    if (rc != 0 && text[0] == '\0')
        snprintf(text, sizeof text, "%s", journal_reader_fault(reader)->text);
    if (rc == 0) {
        walk.journal = *journal_reader_id(reader);
        for (unsigned i = 0; i < snapshots->cnt; i++) {
            check_row(&walk, &snapshots->rows[i]);
            snapshots->bad_cnt += snapshots->rows[i].state == SNAPSHOT_DIFFERS;
        }
        behind_close(&walk.behind);
    }
    journal_reader_close(reader);
    return rc == 0 ? EXIT_FINE : refuse(dir, rc, text);
}

static const char *
state_name(enum verify_snapshot_state state)
{
    switch (state) {
    case SNAPSHOT_GOOD:
        return "good";
    case SNAPSHOT_BASE:
        return "base";
    case SNAPSHOT_BEFORE:
        return "before";
    case SNAPSHOT_GONE:
        return "gone";
    case SNAPSHOT_DIFFERS:
        return "differs";
    default:
        UNREACHABLE("verify_snapshot_state is a closed set");
    }
}

void
verify_snapshots_text(const struct verify_snapshots *snapshots)
{
    for (unsigned i = 0; i < snapshots->cnt; i++) {
        const struct verify_snapshot *row = &snapshots->rows[i];
        const bool bad = row->state == SNAPSHOT_DIFFERS;
        char name[SNAPSHOT_NAME_BYTES];

        snapshot_name(name, row->seq);
        printf("snapshot  %s: %s: %s\n", name, bad ? "DIFFERS" : state_name(row->state), row->text);
    }
    if (snapshots->cnt == 0)
        puts("snapshots none are there");
}

void
verify_snapshots_json(const struct verify_snapshots *snapshots, struct json *json)
{
    struct json row_json;

    json_u64(json, "snapshots_bad", snapshots->bad_cnt);
    json_key(json, "snapshots");
    fputc('[', json->out);
    for (unsigned i = 0; i < snapshots->cnt; i++) {
        const struct verify_snapshot *row = &snapshots->rows[i];

        fputs(i != 0 ? ", " : "", json->out);
        json_begin(&row_json, json->out);
        json_u64(&row_json, "seq", row->seq);
        json_text(&row_json, "state", state_name(row->state));
        json_text(&row_json, "text", row->text);
        json_close(&row_json);
    }
    fputc(']', json->out);
}
