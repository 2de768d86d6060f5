/*
 * outcry replay: applies every command of a journal to a fresh engine and
 * compares what comes out, byte for byte; or plays the journal to stdout.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "engine/engine.h"
#include "journal/reader.h"
#include "journal/replay.h"

#include "tools/behind.h"
#include "tools/books.h"
#include "tools/cells.h"
#include "tools/cli.h"
#include "tools/clock.h"
#include "tools/commands.h"
#include "tools/cores.h"
#include "tools/json.h"
#include "tools/memory.h"
#include "tools/play.h"
#include "tools/point.h"
#include "tools/text.h"

static const char help[] =
    "usage: outcry replay DIR [--from T] [--to T] [--json | --books] [--threads 1|2]\n"
    "       outcry replay DIR --print text|json [--speed N|max] [--from T] [--to T]\n"
    "                         [--verify | --until-divergence] [--threads 1|2]\n"
    "\n"
    "Replays the journal in DIR and proves that the engine gives the same bytes again. Two\n"
    "journals with the same state hash have led to the same exchange. Or plays it to stdout:\n"
    "commands and what they caused, a line each. Works while an exchange writes: it ends\n"
    "where the journal ended when it was read. Of a journal whose first segments were pruned\n"
    "it replays what lies behind the oldest snapshot of use, and says so.\n"
    "\n"
    "  --from T            from this command on; what led to it is replayed silently, from\n"
    "                      the newest snapshot before it\n"
    "  --to T              up to this command, included\n"
    "                      T is a sequence number, or a time like 2025-01-31 or\n"
    "                      2025-01-31T09:30:00.000000001Z; a time of --to is not included\n"
    "  --until SEQ         the same as --to SEQ\n"
    "  --print text        a line for each message: seq, time, kind, and what is not zero\n"
    "  --print json        an object for each message, with all fields, prices in 10^-8\n"
    "  --speed N           plays N times as fast as it happened (0.5: half as fast), from\n"
    "                      the first message on; without --print as text\n"
    "  --speed max         as fast as it goes, which is what it does anyway\n"
    "  --verify            of --print: compares as well. A divergence is told on stderr, and\n"
    "                      the journal is played on without the engine\n"
    "  --until-divergence  the same, but ends at the divergence, as it does without --print\n"
    "  --threads N         1, or 2: the engine in a thread of its own, which is what it does\n"
    "                      where there is a second core. The same comes out\n"
    "  --json              the result as one line of JSON\n"
    "  --books             the books behind the last command, a JSON object for each\n"
    "                      instrument; the result is told on stderr\n"
    "\n"
    "exit codes: 0 identical, or played to the end; 1 not identical, or damaged; 2 wrong\n"
    "usage; 3 no journal there, or of another version or rules, or what was asked for was pruned\n"
    "or is not there yet (--print alone just prints nothing of it),\n"
    "or stdout cannot be written\n";

/* What is asked for. */
struct request {
    const char *dir;
    struct play play; /* from and to are here, whether it prints or not */
    bool prints;
    bool verifies;
    bool until_divergence;
    bool json;
    bool books;
    bool pair; /* of threads */
};

/* What a replay gave, behind what led to --from, and how long it took. */
struct outcome {
    struct replay_result result;
    const struct replay_diverged *diverged;
    const struct restored *restored; /* behind which it began; engine NULL: with Genesis */
    uint64_t from_seq;               /* of the first command that counts */
    bool asked_from;                 /* --from was given */
    uint64_t elapsed_ns;
    uint64_t bytes;
    char state_hash[TEXT_HASH_BYTES];
    char event_hash[TEXT_HASH_BYTES];
};

/* Time that replay spent taking memory: that is the machine's, and no part
 * of the rate. */
static uint64_t taking_ns;

static void *
take(size_t bytes)
{
    const uint64_t begin_ns = clock_utc_ns();
    void *mem = memory_take(bytes);

    taking_ns += clock_utc_ns() - begin_ns;
    return mem;
}

static double
per_second(uint64_t cnt, uint64_t elapsed_ns)
{
    return elapsed_ns > 0 ? (double)cnt * 1e9 / (double)elapsed_ns : 0.0;
}

static void
print_json(const struct outcome *outcome)
{
    const struct replay_result *result = &outcome->result;
    struct json json;

    json_begin(&json, stdout);
    json_bool(&json, "identical", result->identical);
    if (outcome->restored->engine != NULL)
        json_u64(&json, "snapshot_seq", outcome->restored->info.seq);
    json_u64(&json, "from_seq", outcome->from_seq);
    json_u64(&json, "last_seq", result->last_seq);
    json_u64(&json, "commands", result->commands_cnt);
    json_u64(&json, "messages", result->messages_cnt);
    json_u64(&json, "cells", result->cells_cnt);
    json_u64(&json, "trades", result->trades_cnt);
    json_text(&json, "event_hash", outcome->event_hash);
    if (result->identical) {
        json_text(&json, "state_hash", outcome->state_hash);
        json_u64(&json, "orders_live", engine_orders_cnt(result->engine));
    }
    json_u64(&json, "journal_bytes", outcome->bytes);
    json_u64(&json, "elapsed_ns", outcome->elapsed_ns);
    json_real(&json, "commands_per_s", per_second(result->commands_cnt, outcome->elapsed_ns));
    if (!result->identical) {
        json_u64(&json, "diverged_seq", result->diverged_seq);
        json_text(&json, "text", result->text);
        cells_diverged_json(&json, outcome->diverged);
    }
    json_end(&json);
}

static void
print_text(const struct outcome *outcome)
{
    const struct replay_result *result = &outcome->result;

    if (result->identical) {
        puts("identical");
    } else {
        printf("NOT IDENTICAL from seq %" PRIu64 ": %s\n", result->diverged_seq, result->text);
        cells_diverged_text(stdout, outcome->diverged);
    }
    if (outcome->restored->engine != NULL)
        printf("snapshot    %s: replayed from seq %" PRIu64 ", counted from seq %" PRIu64 "\n",
               outcome->restored->info.name, outcome->restored->info.seq + 1, outcome->from_seq);
    printf("commands    %" PRIu64 ", last seq %" PRIu64 "\n", result->commands_cnt,
           result->last_seq);
    printf("messages    %" PRIu64 " in %" PRIu64 " cells, %" PRIu64 " of them trades\n",
           result->messages_cnt, result->cells_cnt, result->trades_cnt);
    if (result->identical)
        printf("state hash  %s\n", outcome->state_hash);
    printf("event hash  %s\n", outcome->event_hash);
    printf("speed       %.0f commands/s, %.0f MiB/s\n",
           per_second(result->commands_cnt, outcome->elapsed_ns),
           per_second(outcome->bytes, outcome->elapsed_ns) / 1048576.0);
}

static int
refuse(const char *dir, int rc, const char *text)
{
    if (rc == -ENOENT)
        return cli_no_journal("replay", dir);
    return cli_fail(rc == -EBADMSG ? EXIT_CHECK : EXIT_SETUP, "replay",
                    "the journal in %s cannot be replayed: %s", dir,
                    text[0] != '\0' ? text : strerror(-rc));
}

/* seq_of returns the number of the first command at or behind a time, 0 if there is
 * none yet; or -errno in rc. */
static uint64_t
seq_of(struct journal_reader *reader, uint64_t time_ns, int *rc)
{
    const union cell *cells;
    int count = 0;

    *rc = journal_reader_seek_time(reader, time_ns);
    if (*rc == 0)
        count = journal_reader_next(reader, &cells);
    if (count < 0)
        *rc = count;
    return count > 0 ? cell_seq(cells) : 0;
}

/* resolve turns points that are times into numbers of commands. 0 or -errno. An end
 * before the first command becomes 0. */
static int
resolve(struct journal_reader *reader, struct point *from, struct point *to)
{
    int rc = 0;

    if (from->is_time) {
        const uint64_t seq = seq_of(reader, from->value, &rc);

        *from = (struct point){.given = true, .value = seq == 0 ? UINT64_MAX : seq};
    }
    if (rc == 0 && to->is_time) {
        const uint64_t seq = seq_of(reader, to->value, &rc);

        *to = (struct point){.given = seq != 0, .value = seq == 0 ? 0 : seq - 1};
    }
    return rc;
}

static int
refuse_output(void)
{
    return cli_fail(EXIT_SETUP, "replay", "the output cannot be written: %s", strerror(errno));
}

/* on_message plays what came out right. */
static void
on_message(void *ctx, const union cell *cells)
{
    (void)play_message(ctx, cells);
}

/* less takes the counters of what led to --from away from those of all. */
static void
less(struct replay_result *all, const struct replay_result *before)
{
    all->commands_cnt -= before->commands_cnt;
    all->messages_cnt -= before->messages_cnt;
    all->cells_cnt -= before->cells_cnt;
    all->trades_cnt -= before->trades_cnt;
}

/* replay_range replays what leads to --from, and then, measured, up to --to. */
static int
replay_range(struct replay *replay,
             const struct journal_reader *reader,
             const struct request *request,
             struct outcome *outcome)
{
    const struct play *play = &request->play;
    struct replay_result before = {.identical = true};
    int rc = 0;

    if (play->from.given && play->from.value > 1)
        rc = replay_more(replay, play->from.value - 1, &before);
    outcome->result = before;
    if (rc != 0 || !before.identical)
        return rc;

    const uint64_t before_bytes = journal_reader_bytes(reader);
    const uint64_t begin_ns = clock_utc_ns() - taking_ns;

    if (!play->to.given || play->to.value > before.last_seq)
        rc = replay_more(replay, play->to.given ? play->to.value : 0, &outcome->result);
    outcome->elapsed_ns = clock_utc_ns() - taking_ns - begin_ns;
    outcome->bytes = journal_reader_bytes(reader) - before_bytes;
    less(&outcome->result, &before);
    return rc;
}

/* play_on plays the journal from where it was played to, or from --from, without an
 * engine. Returns an exit code. */
static int
play_on(struct journal_reader *reader, struct request *request)
{
    struct play *play = &request->play;
    unsigned again = play->messages; /* of the command that was played last */
    const union cell *cells;
    int count;
    int rc;

    if (play->seq != 0)
        rc = journal_reader_seek_seq(reader, play->seq);
    else if (!play->from.given)
        rc = journal_reader_seek_seq(reader, 0);
    else
        rc = play->from.is_time ? journal_reader_seek_time(reader, play->from.value)
                                : journal_reader_seek_seq(reader, play->from.value);
    if (rc != 0)
        return cli_fail(EXIT_CHECK, "replay", "the journal in %s is damaged: %s", request->dir,
                        journal_reader_fault(reader)->text);
    while ((count = journal_reader_next(reader, &cells)) > 0 && !ferror(play->out)) {
        journal_reader_forget(reader, cells);
        if (again > 0)
            again--;
        else if (!play_message(play, cells))
            break;
    }
    if (fflush(play->out) != 0 || ferror(play->out))
        return refuse_output();
    if (count < 0)
        return cli_fail(EXIT_CHECK, "replay", "the journal in %s is damaged: %s", request->dir,
                        journal_reader_fault(reader)->text);
    return EXIT_FINE;
}

/* tell says how a replay that printed came out, on stderr. */
static void
tell(const struct outcome *outcome)
{
    const struct replay_result *result = &outcome->result;

    if (result->identical) {
        fprintf(stderr, "outcry replay: identical up to seq %" PRIu64 ", state hash %s\n",
                result->last_seq, outcome->state_hash);
        return;
    }
    fprintf(stderr, "outcry replay: NOT IDENTICAL from seq %" PRIu64 ": %s\n", result->diverged_seq,
            result->text);
    cells_diverged_text(stderr, outcome->diverged);
}

/* print_books prints the books as they are now. 0, or -errno in errno too. */
static int
print_books(const struct replay_result *result)
{
    const int rc = books_json(stdout, result->engine, result->cfg.instruments_max);

    errno = rc == 0 ? errno : -rc;
    return rc != 0 || fflush(stdout) != 0 || ferror(stdout) ? -1 : 0;
}

/* say_short says on stderr that the journal ends before --to, which is a number. */
static void
say_short(const struct point *to, uint64_t last_seq)
{
    if (to->given && !to->is_time && to->value > last_seq)
        fprintf(stderr,
                "outcry replay: the journal ends with seq %" PRIu64 ", before seq %" PRIu64 "\n",
                last_seq, to->value);
}

/* none_compared is for a --from behind the end: all before it has come out the same, and
 * that was not asked. */
static int
none_compared(const struct point *from, uint64_t last_seq)
{
    if (from->value == UINT64_MAX)
        return cli_fail(EXIT_SETUP, "replay",
                        "nothing was compared: no command is as late as --from, the journal ends "
                        "with seq %" PRIu64,
                        last_seq);
    return cli_fail(EXIT_SETUP, "replay",
                    "nothing was compared: there is no seq %" PRIu64 ", the journal ends with seq "
                    "%" PRIu64,
                    from->value, last_seq);
}

/* report tells the outcome and plays on if that is wanted. Returns an exit code. */
static int
report(struct journal_reader *reader, struct request *request, struct outcome *outcome)
{
    struct replay_result *result = &outcome->result;

    if (result->engine == NULL)
        return refuse(request->dir, -ENOENT, "");
    if (result->identical)
        text_hash(engine_hash(result->engine), outcome->state_hash);
    snprintf(outcome->event_hash, sizeof outcome->event_hash, "%016" PRIx64, result->event_hash);
    if (request->prints) {
        if (fflush(request->play.out) != 0 || ferror(request->play.out))
            return refuse_output();
        tell(outcome);
        if (!result->identical && !request->until_divergence) {
            const int code = play_on(reader, request);

            if (code != EXIT_FINE)
                return code;
        }
    } else if (request->books) {
        tell(outcome);
        if (result->identical && print_books(result) != 0)
            return refuse_output();
    } else if (outcome->asked_from && result->identical && result->commands_cnt == 0) {
        return none_compared(&request->play.from, result->last_seq);
    } else if (request->json) {
        print_json(outcome);
    } else {
        print_text(outcome);
    }
    if (result->identical)
        say_short(&request->play.to, result->last_seq);
    return result->identical ? EXIT_FINE : EXIT_CHECK;
}

/* leads_to returns the last command that only leads to what is asked for, 0: none. */
static uint64_t
leads_to(const struct request *request)
{
    const struct play *play = &request->play;

    if (play->from.given)
        return play->from.value > 1 && play->from.value != UINT64_MAX ? play->from.value - 1 : 0;
    return request->books && play->to.given ? play->to.value : 0;
}

/* begin opens the replay: behind a snapshot if one lies before what is asked for, or if the
 * beginning was pruned; else at the beginning. */
static int
begin(struct behind *behind, struct journal_reader *reader, struct request *request, char *text)
{
    struct play *play = &request->play;
    const struct behind_cfg cfg = {
        .dir = request->dir,
        .replay = {.on_message = request->prints ? on_message : NULL,
                   .ctx = play,
                   .alloc = take,
                   .pair = request->pair},
        .seq_max = leads_to(request),
        .seq_to = play->to.given ? play->to.value : 0,
    };
    const int rc = behind_open(behind, reader, &cfg, text);

    if (rc == 0 && behind->base_seq != 0 && !play->from.given)
        play->from = (struct point){.given = true, .value = behind->base_seq + 1};
    return rc;
}

/* verify replays and compares, and prints meanwhile if that is wanted. */
static int
verify(struct journal_reader *reader, struct request *request)
{
    struct outcome outcome = {.result = {.engine = NULL}};
    char text[BEHIND_TEXT_BYTES] = "";
    const struct play *play = &request->play;
    struct behind behind;
    int rc = resolve(reader, &request->play.from, &request->play.to);

    if (rc == 0 && play->to.given &&
        play->to.value < (play->from.given && play->from.value != 0 ? play->from.value : 1))
        return cli_fail(EXIT_SETUP, "replay", "no command lies before --to%s",
                        play->from.given ? " and behind --from" : "");
    outcome.asked_from = play->from.given;
    if (rc == 0)
        rc = begin(&behind, reader, request, text);
    if (rc != 0)
        return refuse(request->dir, rc,
                      text[0] != '\0' ? text : journal_reader_fault(reader)->text);
    outcome.restored = &behind.restored;
    outcome.from_seq = request->play.from.given ? request->play.from.value : 1;
    rc = replay_range(behind.replay, behind.reader, request, &outcome);
    outcome.diverged = replay_diverged(behind.replay);

    const int code =
        rc != 0 ? refuse(request->dir, rc, outcome.result.text) : report(reader, request, &outcome);

    behind_close(&behind);
    return code;
}

/* play_alone plays without an engine from the start. */
static int
play_alone(struct journal_reader *reader, struct request *request)
{
    const struct play *play = &request->play;
    const int code = play_on(reader, request);

    if (code != EXIT_FINE || (!play->from.given && !play->to.given))
        return code;
    if (play->seq == 0)
        fputs("outcry replay: no command lies in what was asked for\n", stderr);
    else
        say_short(&play->to, play->seq);
    return EXIT_FINE;
}

/* check_order refuses an end before the beginning, which two numbers or two times may be. */
static int
check_order(const struct play *play)
{
    if (!play->from.given || !play->to.given || play->from.is_time != play->to.is_time ||
        play->from.value < play->to.value ||
        (play->from.value == play->to.value && !play->to.is_time))
        return EXIT_FINE;
    return cli_wrong("replay", "--to is %s --from",
                     play->from.value == play->to.value ? "the same time as" : "before");
}

/* check_left refuses what lies in segments that were removed, and says so if there are any.
 * EXIT_FINE if something is left of what is asked for. */
static int
check_left(struct journal_reader *reader, const struct request *request)
{
    const struct point *from = &request->play.from;
    const struct point *to = &request->play.to;
    char text[BEHIND_TEXT_BYTES];
    struct behind_left left;
    const int rc = behind_look(reader, &left);

    if (rc != 0)
        return refuse(request->dir, rc, journal_reader_fault(reader)->text);
    if (left.segment_no == 0)
        return EXIT_FINE;
    behind_left_text(&left, text);
    if ((from->given && from->value <= (from->is_time ? left.pruned_ns : left.first_seq - 1)) ||
        (to->given && to->value <= (to->is_time ? left.first_ns : left.first_seq - 1)))
        return cli_fail(EXIT_SETUP, "replay", "what was asked for is not in %s any more: %s",
                        request->dir, text);
    fprintf(stderr, "outcry: %s: %s\n", request->dir, text);
    return EXIT_FINE;
}

/* take_option sets what an option says; else its exit code. */
static int
take_option(int option, struct request *request)
{
    struct play *play = &request->play;

    switch (option) {
    case 'b':
    case 'e':
        if (!point_parse(optarg, option == 'b' ? &play->from : &play->to))
            return cli_wrong("replay", "%s is no sequence number and no time", optarg);
        if (option == 'e' && !play->to.is_time && play->to.value == 0)
            return cli_wrong("replay", "--to 0 is no sequence number: the first is 1");
        break;
    case 'u':
        if (!text_u64_parse(optarg, &play->to.value) || play->to.value == 0)
            return cli_wrong("replay", "--until %s is no sequence number", optarg);
        play->to = (struct point){.given = true, .value = play->to.value};
        break;
    case 'p':
        play->json = strcmp(optarg, "json") == 0;
        if (!play->json && strcmp(optarg, "text") != 0)
            return cli_wrong("replay", "--print %s is not known, only text and json", optarg);
        request->prints = true;
        break;
    case 's':
        if (!play_speed_parse(optarg, &play->speed))
            return cli_wrong("replay", "--speed %s is neither max nor a number above 0", optarg);
        request->prints = true;
        break;
    case 't':
        if (strcmp(optarg, "1") != 0 && strcmp(optarg, "2") != 0)
            return cli_wrong("replay", "--threads %s is neither 1 nor 2", optarg);
        request->pair = optarg[0] == '2';
        break;
    case 'd':
        request->until_divergence = true;
        break;
    case 'v':
        request->verifies = true;
        break;
    case 'B':
        request->books = true;
        break;
    default:
        request->json = true;
        break;
    }
    return EXIT_FINE;
}

int
cmd_replay(int argc, char **argv)
{
    static const struct option options[] = {
        {"from", required_argument, NULL, 'b'},
        {"to", required_argument, NULL, 'e'},
        {"until", required_argument, NULL, 'u'},
        {"print", required_argument, NULL, 'p'},
        {"speed", required_argument, NULL, 's'},
        {"verify", no_argument, NULL, 'v'},
        {"json", no_argument, NULL, 'j'},
        {"until-divergence", no_argument, NULL, 'd'},
        {"books", no_argument, NULL, 'B'},
        {"threads", required_argument, NULL, 't'},
        {0},
    };
    struct cli cli = {.help = help, .arguments = 1, .keys = true};
    struct request request = {.play = {.out = stdout}, .pair = cores_cnt(2) == 2};
    struct journal_fault fault = {.text = ""};
    struct journal_reader *reader;
    int option;
    int code;

    while ((option = cli_next(&cli, argc, argv, options)) > 0) {
        code = take_option(option, &request);
        if (code != EXIT_FINE)
            return code;
    }
    if (option < 0)
        return cli.exit;
    if (request.prints + request.json + request.books > 1)
        return cli_wrong("replay", "one of --json, --books and --print only; --print json prints "
                                   "messages as JSON");
    code = check_order(&request.play);
    if (code != EXIT_FINE)
        return code;
    request.dir = argv[optind];
    code = journal_reader_open(&reader, request.dir, -1, &fault);
    if (code != 0)
        return refuse(request.dir, code, fault.text);
    code = check_left(reader, &request);
    if (code == EXIT_FINE)
        code = !request.prints || request.verifies || request.until_divergence
                   ? verify(reader, &request)
                   : play_alone(reader, &request);
    journal_reader_close(reader);
    return code;
}
