/* outcry load: open-loop load, or a tape, over the real wire. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/cli.h"
#include "tools/commands.h"
#include "tools/config.h"
#include "tools/flow.h"
#include "tools/json.h"
#include "tools/link.h"
#include "tools/load.h"
#include "tools/tape.h"
#include "tools/text.h"

#define CONNECT_NS     5000000000ull
#define CONNECT_ONE_NS 20000000ull /* more, for each session: logins have a rate */
#define ORDERS_DEFAULT 100000u
#define ORDERS_MAX_RUN 100000000u
#define RATE_DEFAULT   50000.0
#define WINDOW_DEFAULT 4096u

struct options {
    const char *config;
    const char *port;
    const char *lobster;
    const char *progress;
    uint32_t orders;
    double rate;
    unsigned sessions;
    unsigned first;
    uint32_t window;
    uint64_t seed;
    uint16_t udp_port;
    int core;
    bool json;
    bool spin;
    bool all; /* every kind of message */
};

static const char help[] =
    "usage: outcry load CONFIG [--orders N] [--rate R] [--sessions S] [--seed X]\n"
    "                   [--lobster FILE] [--port NAME] [--udp-port N | --tcp-port N]\n"
    "                   [--window W] [--first F] [--core C] [--spin] [--progress WORD] [--json]\n"
    "                   [--mix plain|all]\n"
    "\n"
    "Sends order flow to a serving exchange over the real wire and measures the\n"
    "answers. Message n is due at start + n / rate; its latency counts from then.\n"
    "\n"
    "  --orders N      messages to send (100000)\n"
    "  --rate R        messages a second (50000); 0: as fast as answers come\n"
    "  --sessions S    sessions of the configuration to use, at most 1024 (all that speak\n"
    "                  what the port does, but for drop copies and those that are blocked)\n"
    "  --first F       the first of them, from 0 (0)\n"
    "  --seed X        of the random flow (1)\n"
    "  --mix plain|all limit orders, cancels and replaces (plain); or with them orders of\n"
    "                  every type and attribute, mass quotes and mass cancels\n"
    "  --lobster FILE  send a LOBSTER tape through one session instead\n"
    "  --port NAME     port of the configuration (the first)\n"
    "  --udp-port N    where the configuration leaves it open; --tcp-port for kind tcp\n"
    "  --window W      unanswered messages at a time (4096)\n"
    "  --core C        pin to this core\n"
    "  --spin          never give the core away, not even when idle\n"
    "  --progress WORD show progress on stderr under this word, also with --json\n"
    "  --json          one flat object on stdout\n"
    "\n"
    "To a port whose dialect is ouch the plain flow goes in OUCH 5.0 over SoupBinTCP. A\n"
    "cancel or replace whose order is gone is not answered there; it counts as rejected\n"
    "when what ended the order is reported.\n"
    "\n"
    "Asks for latency receipts (in FIXP), and prints from them where time goes inside of the\n"
    "exchange: from the datagram to the sequencer, to the matched order, to the durable\n"
    "one, to the answer that is sent.\n"
    "\n"
    "Prints messages sent, acknowledged, rejected, filled (trades) and lost, which\n"
    "must be 0. Exit codes: 0 ok, 1 something was lost, 2 usage, 3 no exchange.\n";

static bool
number(const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
    return text_u64_parse(text, value) && *value >= min && *value <= max;
}

/* option_take puts one option's argument where it belongs. */
static bool
option_take(struct options *options, int option, const char *arg)
{
    uint64_t value = 0;
    char *end;

    switch (option) {
    case 'n':
        if (!number(arg, 1, ORDERS_MAX_RUN, &value))
            return false;
        options->orders = (uint32_t)value;
        return true;
    case 'r':
        options->rate = strtod(arg, &end);
        return *end == '\0' && end != arg && options->rate >= 0 && options->rate <= 1e8;
    case 's':
        options->sessions = number(arg, 1, LINK_SESSIONS_MAX, &value) ? (unsigned)value : 0;
        return options->sessions != 0;
    case 'f':
        if (!number(arg, 0, LINK_SESSIONS_MAX, &value))
            return false;
        options->first = (unsigned)value;
        return true;
    case 'w':
        options->window = number(arg, 1, 1u << 20, &value) ? (uint32_t)value : 0;
        return options->window != 0;
    case 'u':
        options->udp_port = number(arg, 1, 65535, &value) ? (uint16_t)value : 0;
        return options->udp_port != 0;
    case 'c':
        if (!number(arg, 0, 1023, &value))
            return false;
        options->core = (int)value;
        return true;
    case 'm':
        options->all = strcmp(arg, "all") == 0;
        return options->all || strcmp(arg, "plain") == 0;
    case 'x':
        return text_u64_parse(arg, &options->seed);
    default:
        return false;
    }
}

/* options_parse returns -1 to go on, else the exit code. */
static int
options_parse(int argc, char **argv, struct options *options)
{
    static const struct option longs[] = {
        {"orders", required_argument, NULL, 'n'},   {"rate", required_argument, NULL, 'r'},
        {"sessions", required_argument, NULL, 's'}, {"first", required_argument, NULL, 'f'},
        {"seed", required_argument, NULL, 'x'},     {"lobster", required_argument, NULL, 'l'},
        {"port", required_argument, NULL, 'p'},     {"udp-port", required_argument, NULL, 'u'},
        {"tcp-port", required_argument, NULL, 'u'}, {"window", required_argument, NULL, 'w'},
        {"core", required_argument, NULL, 'c'},     {"spin", no_argument, NULL, 'S'},
        {"json", no_argument, NULL, 'j'},           {"progress", required_argument, NULL, 'P'},
        {"mix", required_argument, NULL, 'm'},      {NULL, 0, NULL, 0},
    };
    struct cli cli = {.help = help, .arguments = 1};
    int option;

    while ((option = cli_next(&cli, argc, argv, longs)) > 0) {
        if (option == 'l')
            options->lobster = optarg;
        else if (option == 'p')
            options->port = optarg;
        else if (option == 'P')
            options->progress = optarg;
        else if (option == 'S')
            options->spin = true;
        else if (option == 'j')
            options->json = true;
        else if (!option_take(options, option, optarg))
            return cli_wrong("load", "%s: expected a number in range, or a word of the help",
                             argv[optind - 1]);
    }
    if (option < 0)
        return cli.exit;
    options->config = argv[optind];
    return -1;
}

static void
print_latency(FILE *out, const char *name, uint64_t ns)
{
    fprintf(out, "  %-8s %10.1f us\n", name, (double)ns / 1e3);
}

/* answers_per_s leaves out what was lost: the time ends with the last answer. */
static double
answers_per_s(const struct load_result *result)
{
    const uint64_t answers = result->acknowledged + result->rejected;

    return result->elapsed_ns > 0 ? (double)answers * 1e9 / (double)result->elapsed_ns : 0;
}

/* Names of the legs: to people, and in JSON. */
static const struct {
    const char *text;
    const char *p50;
    const char *p99;
} legs[LOAD_LEGS_CNT] = {
    [LOAD_SEQUENCED] = {"sequenced", "to_sequenced_p50_ns", "to_sequenced_p99_ns"},
    [LOAD_MATCHED] = {"matched", "to_matched_p50_ns", "to_matched_p99_ns"},
    [LOAD_DURABLE] = {"durable", "to_durable_p50_ns", "to_durable_p99_ns"},
    [LOAD_SENT] = {"sent", "to_sent_p50_ns", "to_sent_p99_ns"},
    [LOAD_INSIDE] = {"together", "inside_p50_ns", "inside_p99_ns"},
};

/* print_legs shows where time went inside of the exchange. */
static void
print_legs(const struct load_result *result)
{
    if (result->receipts == 0)
        return;
    printf("inside of the exchange, from received on, by %llu receipts\n",
           (unsigned long long)result->receipts);
    for (unsigned i = 0; i < LOAD_LEGS_CNT; i++)
        printf("  %-10s p50 %8.1f us   p99 %8.1f us\n", legs[i].text,
               (double)histogram_at(&result->legs[i], 5000) / 1e3,
               (double)histogram_at(&result->legs[i], 9900) / 1e3);
}

static void
print_text(const struct load_result *result, const struct tape_result *tape)
{
    const struct histogram *latency = &result->latency;

    printf("sent          %llu\nacknowledged  %llu\nrejected      %llu\nfilled        %llu\n"
           "lost          %llu\nresent        %llu\n",
           (unsigned long long)result->sent, (unsigned long long)result->acknowledged,
           (unsigned long long)result->rejected, (unsigned long long)result->filled,
           (unsigned long long)result->lost, (unsigned long long)result->resent);
    printf("rate          %.0f messages/s\n", answers_per_s(result));
    printf("latency from the intended time to the answer\n");
    print_latency(stdout, "p50", histogram_at(latency, 5000));
    print_latency(stdout, "p90", histogram_at(latency, 9000));
    print_latency(stdout, "p99", histogram_at(latency, 9900));
    print_latency(stdout, "p99.9", histogram_at(latency, 9990));
    print_latency(stdout, "max", latency->max);
    print_legs(result);
    if (tape == NULL)
        return;
    printf("tape commands %llu, %llu of them own cancels\n", (unsigned long long)tape->commands,
           (unsigned long long)tape->own_cancels);
    printf("executions    %llu, %llu of them in full and alone on the order that traded on "
           "the venue\nIOCs not filled in full %llu\n",
           (unsigned long long)tape->executions, (unsigned long long)tape->executions_on_real_maker,
           (unsigned long long)tape->iocs_unfilled);
}

static void
print_json(const struct load_result *result, const struct tape_result *tape)
{
    const struct histogram *latency = &result->latency;
    struct json json;

    json_begin(&json, stdout);
    json_u64(&json, "sent", result->sent);
    json_u64(&json, "acknowledged", result->acknowledged);
    json_u64(&json, "rejected", result->rejected);
    json_u64(&json, "filled", result->filled);
    json_u64(&json, "lost", result->lost);
    json_u64(&json, "resent", result->resent);
    json_u64(&json, "elapsed_ns", result->elapsed_ns);
    json_u64(&json, "orders_per_s", (uint64_t)answers_per_s(result));
    json_u64(&json, "ack_p50_ns", histogram_at(latency, 5000));
    json_u64(&json, "ack_p90_ns", histogram_at(latency, 9000));
    json_u64(&json, "ack_p99_ns", histogram_at(latency, 9900));
    json_u64(&json, "ack_p999_ns", histogram_at(latency, 9990));
    json_u64(&json, "ack_max_ns", latency->max);
    json_u64(&json, "receipts", result->receipts);
    for (unsigned i = 0; i < LOAD_LEGS_CNT; i++) {
        json_u64(&json, legs[i].p50, histogram_at(&result->legs[i], 5000));
        json_u64(&json, legs[i].p99, histogram_at(&result->legs[i], 9900));
    }
    if (tape != NULL) {
        json_u64(&json, "commands", tape->commands);
        json_u64(&json, "own_cancels", tape->own_cancels);
        json_u64(&json, "iocs_unfilled", tape->iocs_unfilled);
        json_u64(&json, "executions", tape->executions);
        json_u64(&json, "executions_on_real_maker", tape->executions_on_real_maker);
    }
    json_end(&json);
}

static int
complain(const char *why)
{
    return cli_fail(EXIT_SETUP, "load", "%s", why);
}

/* run_load connects and sends all that the source makes; false and why if it cannot. */
static bool
run_load(struct load *load,
         struct link_cfg *link_cfg,
         struct load_result *result,
         char why[LINK_WHY_BYTES])
{
    link_cfg->events = load_events(load);
    struct link *link = link_open(link_cfg, why);
    if (link == NULL)
        return false;
    const bool connected =
        link_connect(link, CONNECT_NS + link_cfg->sessions_cnt * CONNECT_ONE_NS, why);
    if (connected)
        load_run(load, link, result);
    link_close(link);
    return connected;
}

/* run sends all that the source makes, and prints. */
static int
run(const struct options *options,
    struct link_cfg *link_cfg,
    const struct load_cfg *load_cfg,
    const struct tape *tape)
{
    struct load_result *result = calloc(1, sizeof *result);
    struct load *load = load_new(load_cfg);
    struct tape_result tape_result;
    char why[LINK_WHY_BYTES];

    if (load == NULL || result == NULL)
        return complain("out of memory");
    if (!run_load(load, link_cfg, result, why)) {
        load_free(load);
        free(result);
        return complain(why);
    }
    if (result->error[0] != '\0')
        fprintf(stderr, "outcry load: %s\n", result->error);
    if (tape != NULL)
        tape_result_get(tape, &tape_result);
    if (options->json)
        print_json(result, tape == NULL ? NULL : &tape_result);
    else
        print_text(result, tape == NULL ? NULL : &tape_result);
    const int code = result->lost > 0 || result->error[0] != '\0' ? EXIT_CHECK : EXIT_FINE;
    load_free(load);
    free(result);
    return code;
}

/* tape_account returns an account of the session's firm, NULL if it has none. */
static const struct config_account *
tape_account(const struct config *config, const struct config_session *session)
{
    for (unsigned i = 0; i < config->accounts_cnt; i++)
        if (config->groups[config->accounts[i].group].firm == session->firm)
            return &config->accounts[i];
    return NULL;
}

static int
run_tape(const struct options *options, struct link_cfg *link_cfg, struct load_cfg *load_cfg)
{
    const struct config_account *account = tape_account(link_cfg->config, link_cfg->sessions[0]);
    struct lobster lobster;
    char why[256] = "", line[512];

    if (account == NULL || link_cfg->config->instruments_cnt == 0)
        return complain("the tape needs an account of the session's firm and an instrument");
    const int failed = lobster_load(&lobster, options->lobster, why);
    if (failed != 0) {
        snprintf(line, sizeof line, "%.200s: %s", options->lobster, why);
        return complain(line);
    }
    struct tape *tape = tape_new(&lobster, account->id, link_cfg->config->instruments[0].id);
    if (tape == NULL)
        return complain("out of memory");
    const struct load_source source = tape_source(tape);

    link_cfg->sessions_cnt = 1;
    load_cfg->source = &source;
    load_cfg->messages_cnt = (uint32_t)lobster.commands_cnt;
    const int code = run(options, link_cfg, load_cfg, tape);
    tape_free(tape);
    lobster_free(&lobster);
    return code;
}

static int
run_flow(const struct options *options, struct link_cfg *link_cfg, struct load_cfg *load_cfg)
{
    char why[LINK_WHY_BYTES];
    struct flow *flow = flow_new(link_cfg->config, link_cfg->sessions, link_cfg->sessions_cnt,
                                 options->orders, options->seed, options->all, why);

    if (flow == NULL)
        return complain(why);
    const struct load_source source = flow_source(flow);

    load_cfg->source = &source;
    if (link_cfg->port->dialect == GATEWAY_OUCH) {
        flow_name_by_clord(flow);
        load_cfg->interpreter =
            interpreter_new(link_cfg->config, link_cfg->sessions, options->orders);
        if (load_cfg->interpreter == NULL)
            return complain("out of memory");
    }
    const int code = run(options, link_cfg, load_cfg, NULL);
    interpreter_free(load_cfg->interpreter);
    flow_free(flow);
    return code;
}

static bool
pin(int core)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)core, &set);
    return sched_setaffinity(0, sizeof set, &set) == 0;
}

/* sessions_pick takes the sessions that were asked for; false if there are
 * not so many. */
static bool
sessions_pick(const struct options *options, struct link_cfg *cfg)
{
    unsigned cnt = options->sessions != 0 ? options->sessions : LINK_SESSIONS_MAX;
    unsigned behind = 0; /* of those that may send, in the port's dialect */

    if (cnt > LINK_SESSIONS_MAX)
        cnt = LINK_SESSIONS_MAX;
    for (unsigned i = 0; i < cfg->config->sessions_cnt && cfg->sessions_cnt < cnt; i++) {
        const struct config_session *session = &cfg->config->sessions[i];

        if (session->dialect == cfg->port->dialect && !session->drop_copy && !session->blocked &&
            behind++ >= options->first)
            cfg->sessions[cfg->sessions_cnt++] = session;
    }
    return cfg->sessions_cnt > 0 && cfg->sessions_cnt >= options->sessions;
}

int
cmd_load(int argc, char **argv)
{
    struct options options = {.orders = ORDERS_DEFAULT,
                              .rate = RATE_DEFAULT,
                              .window = WINDOW_DEFAULT,
                              .seed = 1,
                              .core = -1};
    char why[CONFIG_WHY_BYTES];
    int code = options_parse(argc, argv, &options);

    if (code != -1)
        return code;
    struct config *config = config_load(options.config, why);
    if (config == NULL)
        return complain(why);
    struct link_cfg link_cfg = {
        .config = config,
        .port = options.port != NULL ? config_port(config, options.port) : &config->ports[0],
        .udp_port = options.udp_port,
    };
    struct load_cfg load_cfg = {
        .messages_cnt = options.orders,
        .rate = options.rate,
        .window = options.window,
        .idle = options.spin                               ? LOAD_SPIN
                : config->ack_mode == CELL_ACK_MODE_MEMORY ? LOAD_YIELD
                                                           : LOAD_NAP,
        .label = options.progress != NULL ? options.progress
                 : options.json           ? NULL
                                          : "load",
    };
    if (link_cfg.port == NULL || config->ports_cnt == 0)
        code = complain("no such port in the configuration");
    else if (!sessions_pick(&options, &link_cfg))
        code = complain("the configuration does not have that many sessions");
    else if (options.core >= 0 && !pin(options.core))
        code = complain("cannot pin to that core");
    else if (link_cfg.port->dialect == GATEWAY_OUCH && (options.all || options.lobster != NULL))
        code = cli_wrong("load", "--mix all, --lobster: not over a port that speaks OUCH");
    else if (options.lobster != NULL)
        code = run_tape(&options, &link_cfg, &load_cfg);
    else
        code = run_flow(&options, &link_cfg, &load_cfg);
    config_free(config);
    return code;
}
