/*
 * outcry replay: applies every command of a journal to a fresh engine and
 * compares what comes out, byte for byte.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "engine/engine.h"
#include "journal/reader.h"
#include "journal/replay.h"

#include "tools/cli.h"
#include "tools/clock.h"
#include "tools/commands.h"
#include "tools/json.h"
#include "tools/memory.h"
#include "tools/text.h"

static const char help[] =
    "usage: outcry replay DIR [--until SEQ] [--json]\n"
    "\n"
    "Replays the journal in DIR and proves that the engine gives the same bytes again. Two\n"
    "journals with the same state hash have led to the same exchange. Works while an\n"
    "exchange writes: it ends where the journal ended when it was read.\n"
    "\n"
    "  --until SEQ  stop behind this command\n"
    "  --json       one line of JSON\n"
    "\n"
    "exit codes: 0 identical; 1 not identical, or damaged; 2 wrong usage; 3 no journal\n"
    "there, or of another version or rules\n";

/* What a replay gave, and how long it took. */
struct outcome {
    struct replay_result result;
    uint64_t elapsed_ns;
    uint64_t bytes;
    char state_hash[TEXT_HASH_BYTES];
    char event_hash[TEXT_HASH_BYTES];
};

/* Time that replay_run spent taking memory: that is the machine's, and no part
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
    json_u64(&json, "last_seq", result->last_seq);
    json_u64(&json, "commands", result->commands_cnt);
    json_u64(&json, "messages", result->messages_cnt);
    json_u64(&json, "cells", result->cells_cnt);
    json_u64(&json, "trades", result->trades_cnt);
    json_text(&json, "state_hash", outcome->state_hash);
    json_text(&json, "event_hash", outcome->event_hash);
    json_u64(&json, "orders_live", engine_orders_cnt(result->engine));
    json_u64(&json, "journal_bytes", outcome->bytes);
    json_u64(&json, "elapsed_ns", outcome->elapsed_ns);
    json_real(&json, "commands_per_s", per_second(result->commands_cnt, outcome->elapsed_ns));
    if (!result->identical) {
        json_u64(&json, "diverged_seq", result->diverged_seq);
        json_text(&json, "text", result->text);
    }
    json_end(&json);
}

static void
print_text(const struct outcome *outcome)
{
    const struct replay_result *result = &outcome->result;

    if (result->identical)
        puts("identical");
    else
        printf("NOT IDENTICAL from seq %" PRIu64 ": %s\n", result->diverged_seq, result->text);
    printf("commands    %" PRIu64 ", last seq %" PRIu64 "\n", result->commands_cnt,
           result->last_seq);
    printf("messages    %" PRIu64 " in %" PRIu64 " cells, %" PRIu64 " of them trades\n",
           result->messages_cnt, result->cells_cnt, result->trades_cnt);
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
        return cli_fail(EXIT_SETUP, "replay", "%s holds no journal", dir);
    return cli_fail(rc == -EBADMSG ? EXIT_CHECK : EXIT_SETUP, "replay",
                    "the journal in %s cannot be replayed: %s", dir,
                    text[0] != '\0' ? text : strerror(-rc));
}

static int
replay(struct journal_reader *reader, const char *dir, uint64_t until_seq, bool json)
{
    const struct replay_cfg cfg = {.until_seq = until_seq, .alloc = take};
    struct outcome outcome = {.result = {.engine = NULL}};
    struct replay_result *result = &outcome.result;
    const uint64_t begin_ns = clock_utc_ns();
    const int rc = replay_run(reader, &cfg, result);

    outcome.elapsed_ns = clock_utc_ns() - begin_ns - taking_ns;
    outcome.bytes = journal_reader_bytes(reader);
    if (rc != 0)
        return refuse(dir, rc, rc == -EBADMSG ? journal_reader_fault(reader)->text : result->text);
    if (result->engine == NULL)
        return refuse(dir, -ENOENT, "");
    text_hash(engine_hash(result->engine), outcome.state_hash);
    snprintf(outcome.event_hash, sizeof outcome.event_hash, "%016" PRIx64, result->event_hash);
    if (json)
        print_json(&outcome);
    else
        print_text(&outcome);
    return result->identical ? EXIT_FINE : EXIT_CHECK;
}

int
cmd_replay(int argc, char **argv)
{
    static const struct option options[] = {
        {"until", required_argument, NULL, 'u'}, {"json", no_argument, NULL, 'j'}, {0}};
    struct cli cli = {.help = help, .arguments = 1};
    struct journal_fault fault = {.text = ""};
    struct journal_reader *reader;
    uint64_t until_seq = 0;
    bool json = false;
    int option;

    while ((option = cli_next(&cli, argc, argv, options)) > 0) {
        if (option == 'j')
            json = true;
        else if (!text_u64_parse(optarg, &until_seq) || until_seq == 0)
            return cli_wrong("replay", "--until %s is no sequence number", optarg);
    }
    if (option < 0)
        return cli.exit;
    const char *dir = argv[optind];
    int rc = journal_reader_open(&reader, dir, -1, &fault);
    if (rc != 0)
        return refuse(dir, rc, fault.text);
    rc = replay(reader, dir, until_seq, json);
    journal_reader_close(reader);
    return rc;
}
