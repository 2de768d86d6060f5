/*
 * outcry verify: checks every page of a journal and, if asked, what it means: that
 * each command leaves an exchange in which all that must add up does.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/engine.h"
#include "engine/reckon.h"
#include "journal/reader.h"
#include "journal/replay.h"

#include "tools/behind.h"
#include "tools/cli.h"
#include "tools/commands.h"
#include "tools/cores.h"
#include "tools/json.h"
#include "tools/memory.h"
#include "tools/text.h"
#include "tools/verify_salvage.h"
#include "tools/verify_seals.h"
#include "tools/verify_snapshots.h"

static const char help[] =
    "usage: outcry verify DIR [--full] [--snapshots] [--key FILE.pub ... [--newest SEAL]] "
    "[--threads N]\n"
    "                         [--json]\n"
    "       outcry verify DIR --salvage NEW [--json]\n"
    "\n"
    "Checks every page of the journal in DIR: its hash, its place, and that it follows the\n"
    "page before. A torn tail, which a crash leaves and the next start drops, is no damage.\n"
    "Works while an exchange writes.\n"
    "\n"
    "  --full   also replay it and check, behind each command, that all adds up: books,\n"
    "           reservations, cash, positions, limits in use (docs/risk.md, invariants).\n"
    "           It walks all live orders for each command: hours for a long day. Of a journal\n"
    "           whose first segments were pruned: what lies behind the oldest snapshot of use\n"
    "  --snapshots  also replay it and compare each snapshot in DIR with what the replay has\n"
    "           come to there\n"
    "  --threads N  check pages by so many threads, 1 to 64; what comes out is the same (as\n"
    "           many as there are cores, at most 8)\n"
    "  --key FILE.pub  also check all seals and, by them, every message that is sealed. You\n"
    "           have the key from whom you trust, not from this folder. Given more than once,\n"
    "           each further key must have been announced by one that was given before\n"
    "  --newest SEAL  a seal of this journal that you kept: it must be there as it is. What was\n"
    "           cut off at the end is found by this alone\n"
    "  --salvage NEW  if it is damaged: write all that lies before the damage into the folder\n"
    "           NEW, which is made or empty, and check that. DIR is only read\n"
    "  --json   one line of JSON\n"
    "\n"
    "exit codes: 0 undamaged, and as it was sealed, or salvaged; 1 damaged, the first bad page is "
    "named; or a\n"
    "command broke an invariant; or it is not what was sealed, or nothing is; or a\n"
    "snapshot is not what a replay comes to; 2 wrong usage; 3 no\n"
    "journal or key there, or of another version or rules, or nothing to salvage\n";

/* How far the check has come. Static, because an invariant that does not hold ends in
 * abort(), and the handler of that has no other way to know. */
static struct {
    uint64_t seq;     /* of the last command that the engine has done */
    uint64_t checked; /* and of the last that was found right */
    uint64_t from;    /* of the first that is checked */
    char kind[32];
    bool json;
} full;

static struct verify_seals seals;
static struct verify_snapshots snapshots;

/* on_abort says which command it was; the line before has the condition. It runs
 * inside our own call of abort(), when there is one thread again, so it may print. */
static void
on_abort(int number)
{
    char text[128];
    struct json json;

    (void)number;
    if (full.seq == full.checked)
        snprintf(text, sizeof text, "the command behind seq %" PRIu64 " cannot be done",
                 full.checked);
    else
        snprintf(text, sizeof text, "seq %" PRIu64 " (%s) broke an invariant: stderr has it",
                 full.seq, full.kind);
    if (full.json) {
        json_begin(&json, stdout);
        json_bool(&json, "broken", true);
        json_u64(&json, "broken_seq", full.seq == full.checked ? full.seq + 1 : full.seq);
        json_text(&json, "text", text);
        json_end(&json);
    } else {
        printf("BROKEN: %s\n", text);
    }
    fflush(stdout);
    _exit(EXIT_CHECK);
}

/* What a journal tells, added up from its Genesis on, or from what a snapshot has. */
struct told {
    struct reckon *reckon;
    bool no_memory;
};

static void
begin_reckon(struct told *told, const struct engine_cfg *cfg)
{
    void *mem = memory_later(reckon_footprint(cfg));

    told->no_memory = mem == NULL;
    told->reckon = mem != NULL ? reckon_init(mem, cfg) : NULL;
}

static void
on_message(void *ctx, const union cell *message)
{
    struct told *told = ctx;
    struct engine_cfg cfg;

    if (told->reckon == NULL && engine_cfg_of(message, &cfg))
        begin_reckon(told, &cfg);
    if (told->reckon != NULL)
        reckon_take(told->reckon, message);
}

static void
on_command(void *ctx, const struct engine *engine, const union cell *command)
{
    const struct told *told = ctx;

    full.seq = cell_seq(command);
    snprintf(full.kind, sizeof full.kind, "%s", cell_kind_name(cell_kind(command)));
    engine_check(engine);
    if (told->reckon != NULL)
        reckon_check(told->reckon, engine);
    full.checked = full.seq;
}

/* verify_full replays with a check behind each command. EXIT_FINE if all adds up. */
static int
verify_full(const char *dir)
{
    struct told told = {.reckon = NULL};
    const struct behind_cfg cfg = {.dir = dir,
                                   .replay = {.on_message = on_message,
                                              .on_command = on_command,
                                              .ctx = &told,
                                              .alloc = memory_take}};
    struct replay_result result = {.identical = true};
    struct journal_fault fault = {.text = ""};
    char text[BEHIND_TEXT_BYTES];
    struct journal_reader *reader;
    struct behind behind;
    int rc = journal_reader_open(&reader, dir, -1, &fault);

    if (rc != 0)
        return cli_fail(EXIT_SETUP, "verify", "%s cannot be read: %s", dir,
                        fault.text[0] != '\0' ? fault.text : strerror(-rc));
    rc = behind_open(&behind, reader, &cfg, text);
    if (rc == 0) {
        full.from = behind.base_seq + 1;
        full.checked = full.seq = behind.base_seq;
        if (behind.restored.engine != NULL) {
            begin_reckon(&told, &behind.restored.info.cfg);
            if (told.reckon != NULL)
                reckon_begin(told.reckon, behind.restored.engine);
        }
        signal(SIGABRT, on_abort);
        rc = replay_more(behind.replay, 0, &result);
        signal(SIGABRT, SIG_DFL);
        snprintf(text, sizeof text, "%s", result.text);
        behind_close(&behind);
    }
    journal_reader_close(reader);
    if (rc != 0)
        return cli_fail(rc == -EBADMSG ? EXIT_CHECK : EXIT_SETUP, "verify",
                        "the journal in %s cannot be replayed: %s", dir,
                        text[0] != '\0' ? text : strerror(-rc));
    if (!result.identical)
        return cli_fail(EXIT_CHECK, "verify",
                        "the journal in %s does not replay to itself from seq %" PRIu64 ": %s", dir,
                        result.diverged_seq, result.text);
    if (told.no_memory)
        return cli_fail(EXIT_SETUP, "verify", "no memory to add up what %s tells", dir);
    return EXIT_FINE;
}

static void
print_json(const struct journal_verify_result *result,
           bool damage,
           const struct journal_salvage *salvage)
{
    struct json json;

    json_begin(&json, stdout);
    json_bool(&json, "damaged", damage);
    json_bool(&json, "torn_tail", result->torn_tail);
    json_u64(&json, "pages", result->pages_cnt);
    json_u64(&json, "segments", result->segments_cnt);
    json_u64(&json, "first_seq", result->first_seq);
    json_u64(&json, "last_seq", result->last_seq);
    json_u64(&json, "commands", result->commands_cnt);
    json_u64(&json, "cells", result->cells_cnt);
    json_u64(&json, "epochs", result->epochs_cnt);
    if (full.from != 0) {
        json_u64(&json, "checked_from", full.from);
        json_u64(&json, "checked", full.checked);
    }
    if (damage || result->torn_tail) {
        json_u64(&json, "bad_page", result->fault.page_no);
        json_text(&json, "fault",
                  result->fault.fault == PAGE_OK ? "segment"
                                                 : page_fault_text(result->fault.fault));
        json_text(&json, "text", result->fault.text);
    }
    if (salvage != NULL)
        verify_salvage_json(&json, salvage);
    if (seals.ring.cnt != 0)
        verify_seals_json(&seals, &json);
    if (snapshots.asked)
        verify_snapshots_json(&snapshots, &json);
    json_end(&json);
}

static void
print_text(const struct journal_verify_result *result, bool damage)
{
    if (damage)
        printf("DAMAGED at page %" PRIu64 ": %s\n", result->fault.page_no, result->fault.text);
    else
        puts("undamaged");
    printf("pages     %" PRIu64 " in %" PRIu64 " segments%s\n", result->pages_cnt,
           result->segments_cnt, damage ? ", up to the bad one" : "");
    printf("commands  %" PRIu64 ", seq %" PRIu64 " to %" PRIu64 "\n", result->commands_cnt,
           result->first_seq, result->last_seq);
    printf("cells     %" PRIu64 "\n", result->cells_cnt);
    printf("runs      %" PRIu32 "\n", result->epochs_cnt);
    if (full.from != 0)
        printf("checked   behind each command from seq %" PRIu64 " up to seq %" PRIu64
               ": all adds up\n",
               full.from, full.checked);
    if (result->torn_tail)
        printf("the end is torn at page %" PRIu64 " (%s): nothing behind it was durable, the "
               "next start drops it\n",
               result->fault.page_no, result->fault.text);
    if (seals.ring.cnt != 0)
        verify_seals_text(&seals);
    if (snapshots.asked)
        verify_snapshots_text(&snapshots);
}

/* What is asked for. */
struct request {
    const char *dir;
    const char *to; /* of --salvage */
    bool also_full;
    struct journal_verify_cfg cfg;
};

#define THREADS_DEFAULT_MAX 8u

/* take_option sets what an option says; else its exit code. */
static int
take_option(int option, struct request *request)
{
    uint64_t number;

    switch (option) {
    case 'f':
        request->also_full = true;
        break;
    case 'S':
        snapshots.asked = true;
        break;
    case 's':
        request->to = optarg;
        break;
    case 'k':
        return verify_seals_key(&seals, optarg);
    case 'n':
        return verify_seals_newest(&seals, optarg);
    case 't':
        if (!text_u64_parse(optarg, &number) || number < 1 || number > JOURNAL_VERIFY_THREADS_MAX)
            return cli_wrong("verify", "--threads %s is no number from 1 to %u", optarg,
                             JOURNAL_VERIFY_THREADS_MAX);
        request->cfg.threads = (unsigned)number;
        break;
    default:
        full.json = true;
        break;
    }
    return EXIT_FINE;
}

/* go_deeper does what was asked for beside the pages, of a journal whose pages are good or
 * bad. EXIT_FINE, or what ends it. */
static int
go_deeper(const struct request *request, bool good)
{
    int code = EXIT_FINE;

    if (good && request->also_full)
        code = verify_full(request->dir);
    snapshots.asked = snapshots.asked && good;
    if (code == EXIT_FINE && snapshots.asked)
        code = verify_snapshots_run(&snapshots, request->dir);
    if (code == EXIT_FINE && seals.ring.cnt != 0)
        code = verify_seals_run(&seals, request->dir);
    return code;
}

/* verify checks and tells. Returns an exit code. */
static int
verify(const struct request *request)
{
    struct journal_verify_result result = {.fault = {.text = ""}};
    const char *dir = request->dir;
    struct journal_salvage salvage;
    int code = EXIT_FINE;
    const int rc = journal_verify_by(dir, -1, &request->cfg, &result);

    if (rc == -ENOENT)
        return cli_no_journal("verify", dir);
    if (rc < 0)
        return cli_fail(EXIT_SETUP, "verify", "%s cannot be read: %s", dir,
                        result.fault.text[0] != '\0' ? result.fault.text : strerror(-rc));
    if (rc == 0 && request->to != NULL)
        return cli_fail(EXIT_SETUP, "verify", "nothing to salvage: the journal in %s is undamaged",
                        dir);

    const bool found = rc != 0 && verify_salvage_look(dir, &salvage);

    if (rc != 0 && request->to != NULL)
        code = found ? verify_salvage_write(dir, request->to, &salvage)
                     : cli_fail(EXIT_CHECK, "verify", "nothing of %s can be saved: %s", dir,
                                salvage.fault.text);
    if (code == EXIT_FINE)
        code = go_deeper(request, rc == 0);
    if (code != EXIT_FINE)
        return code;
    if (full.json)
        print_json(&result, rc != 0, found ? &salvage : NULL);
    else
        print_text(&result, rc != 0);
    if (found && !full.json)
        verify_salvage_text(dir, request->to, &salvage);
    if (found && request->to != NULL)
        return EXIT_FINE;
    return rc != 0 || snapshots.bad_cnt != 0 || (seals.ring.cnt != 0 && !seals.good) ? EXIT_CHECK
                                                                                     : EXIT_FINE;
}

int
cmd_verify(int argc, char **argv)
{
    static const struct option options[] = {
        {"full", no_argument, NULL, 'f'},          {"json", no_argument, NULL, 'j'},
        {"key", required_argument, NULL, 'k'},     {"newest", required_argument, NULL, 'n'},
        {"salvage", required_argument, NULL, 's'}, {"snapshots", no_argument, NULL, 'S'},
        {"threads", required_argument, NULL, 't'}, {0}};
    struct cli cli = {.help = help, .arguments = 1, .keys = true};
    struct request request = {.cfg.threads = cores_cnt(THREADS_DEFAULT_MAX)};
    int option;

    while ((option = cli_next(&cli, argc, argv, options)) > 0) {
        const int code = take_option(option, &request);

        if (code != EXIT_FINE)
            return code;
    }
    if (option < 0)
        return cli.exit;
    if (request.to != NULL && (request.also_full || snapshots.asked || seals.ring.cnt != 0))
        return cli_wrong("verify", "--salvage goes with --json and --threads alone");
    if (seals.newest_path != NULL && seals.ring.cnt == 0)
        return cli_wrong("verify", "--newest goes with --key");
    request.dir = argv[optind];
    return verify(&request);
}
