/* outcry demo: the whole exchange on one machine, as its users would run it. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/child.h"
#include "tools/cli.h"
#include "tools/commands.h"
#include "tools/json.h"
#include "tools/text.h"

#define RATE            50000u
#define SECONDS_DEFAULT 15u
#define READY_MS        20000
#define STOP_MS         10000
#define AUDIT_LINES     5

struct options {
    uint64_t seconds;
    const char *lobster;
    bool json;
};

struct demo {
    const struct options *options;
    char folder[64];
    char self[4096];
    char said[16384]; /* by the exchange, while it started */
    long cores;
};

/* What one phase of load printed. */
struct phase {
    char text[4096];
};

static const char help[] =
    "usage: outcry demo [--seconds N] [--lobster FILE] [--json]\n"
    "\n"
    "Runs the exchange on one core and three brokers on the other, over DPDK memif\n"
    "without huge pages or privileges, in a fresh temporary folder: a phase with\n"
    "ack: durable, a shorter one with ack: memory. Then it replays the journal and\n"
    "compares every byte, and exports the audit trail.\n"
    "\n"
    "  --seconds N     of load, both phases together, 3 to 600 (15)\n"
    "  --lobster FILE  the durable phase sends this tape\n"
    "  --json          one flat object on stdout\n"
    "\n"
    "Exit codes: 0 ok, 1 something was lost or not identical, 2 usage, 3 machine.\n";

static int
complain(const char *what, const char *why)
{
    return cli_fail(EXIT_SETUP, "demo", "%s%s%s", what, *why == '\0' ? "" : ": ", why);
}

/* value_of finds a key in a flat object that one of our commands printed. */
static const char *
value_of(const char *text, const char *key)
{
    char quoted[64];

    snprintf(quoted, sizeof quoted, "\"%s\": ", key);
    const char *at = strstr(text, quoted);
    return at == NULL ? NULL : at + strlen(quoted);
}

static uint64_t
number_of(const char *text, const char *key)
{
    const char *at = value_of(text, key);

    return at == NULL ? 0 : strtoull(at, NULL, 10);
}

static void
word_of(const char *text, const char *key, char *word, size_t bytes)
{
    const char *at = value_of(text, key);
    size_t len = 0;

    if (at != NULL && *at == '"')
        for (at++; at[len] != '"' && at[len] != '\0' && len + 1 < bytes; len++)
            word[len] = at[len];
    word[len] = '\0';
}

static void
eal_print(FILE *file, const struct demo *demo, const char *ack, const char *role)
{
    fprintf(file,
            "[\"--no-huge\", \"--no-shconf\", \"-m\", \"128\", \"--no-pci\", \"--no-telemetry\", "
            "\"--vdev=net_memif0,role=%s,id=0,socket=%s/%s.sock,socket-abstract=no,rsize=14\"]",
            role, demo->folder, ack);
}

/* config_write writes the configuration of a phase and makes its journal's
 * folder; the two phases differ in ack, journal and socket. */
static int
config_write(const struct demo *demo, const char *ack)
{
    char path[256];
    const bool spare = demo->cores >= 2;

    snprintf(path, sizeof path, "%s/journal-%s", demo->folder, ack);
    if (mkdir(path, 0755) != 0)
        return complain(path, strerror(errno));
    snprintf(path, sizeof path, "%s/%s.yaml", demo->folder, ack);
    FILE *file = fopen(path, "w");
    if (file == NULL)
        return complain(path, strerror(errno));
    fprintf(file,
            "exchange: {shard: 0, ack: %s}\n"
            "journal: {folder: journal-%s, segment_mib: 64}\n"
            "pools: {orders: 1000000, instruments: 16, accounts: 16, groups: 8, firms: 8,\n"
            "        sessions: 8, positions: 1024, pages: 65536}\n"
            "threads:\n"
            "  - {name: exchange, core: %d, stages: [gateway, engine], idle: %s}\n"
            "  - {name: journal, core: %d, stages: [journal], idle: block}\n",
            ack, ack, spare ? 0 : -1, spare ? "spin" : "yield", spare ? 1 : -1);
    fprintf(file, "ports:\n  - {name: fast, kind: dpdk, address: 10.99.0.1, udp_port: 9000,\n"
                  "     eal: ");
    eal_print(file, demo, ack, "server");
    fprintf(file, ",\n     client: {address: 10.99.0.2, eal: ");
    eal_print(file, demo, ack, "client");
    fprintf(file, "}}\n"
                  "firms:\n");
    for (int i = 0; i < 3; i++)
        fprintf(file, "  - {id: %d, name: FIRM%d}\n", i, i + 1);
    fprintf(file, "groups:\n");
    for (int i = 0; i < 3; i++)
        fprintf(file, "  - {id: %d, name: GROUP%d, firm: FIRM%d}\n", i, i + 1, i + 1);
    fprintf(file, "accounts:\n");
    for (int i = 0; i < 3; i++)
        fprintf(file,
                "  - {id: %d, name: ACCOUNT%d, group: GROUP%d,\n"
                "     limits: {order_qty: 20000, order_value: \"20000000\", long: 100000000, "
                "short: 100000000}}\n",
                i, i + 1, i + 1);
    fprintf(file, "instruments:\n"
                  "  - {id: 0, symbol: OTCY, tick: \"0.01\", lot: 1, price_decimals: 2,\n"
                  "     limits: {reference: \"585.00\", collar_permille: 250}}\n"
                  "  - {id: 1, symbol: CRY, tick: \"0.05\", lot: 10, price_decimals: 2,\n"
                  "     limits: {reference: \"100.00\", collar_permille: 250}}\n"
                  "sessions:\n");
    for (int i = 0; i < 3; i++)
        fprintf(file, "  - {id: %d, name: BROKER%d, firm: FIRM%d, key: demo-key-%d}\n", i, i + 1,
                i + 1, i + 1);
    return fclose(file) == 0 ? EXIT_FINE : complain(path, strerror(errno));
}

static int
serve(struct demo *demo, const char *ack, struct child *exchange)
{
    char path[256];
    char *argv[] = {demo->self, "serve", path, NULL};

    snprintf(path, sizeof path, "%s/%s.yaml", demo->folder, ack);
    const int failed = child_start(exchange, argv, NULL, true);
    if (failed != 0)
        return complain("cannot start the exchange", strerror(-failed));
    if (!child_wait_line(exchange, "ready", READY_MS, demo->said, sizeof demo->said)) {
        fputs(demo->said, stderr);
        child_stop(exchange, STOP_MS);
        return complain("the exchange did not start", "");
    }
    return EXIT_FINE;
}

static int
load(struct demo *demo, const char *ack, uint64_t seconds, const char *tape, struct phase *phase)
{
    char path[256], orders[32], rate[32];
    char *argv[24] = {demo->self, "load", path, "--json", "--rate", rate};
    struct child child;
    int argc = 6;

    snprintf(path, sizeof path, "%s/%s.yaml", demo->folder, ack);
    snprintf(rate, sizeof rate, "%u", RATE);
    snprintf(orders, sizeof orders, "%" PRIu64, seconds * RATE);
    argv[argc++] = "--progress";
    argv[argc++] = (char *)(uintptr_t)ack;
    if (tape != NULL) {
        argv[argc++] = "--lobster";
        argv[argc++] = (char *)(uintptr_t)tape;
    } else {
        argv[argc++] = "--orders";
        argv[argc++] = orders;
    }
    if (demo->cores >= 2) {
        argv[argc++] = "--core";
        argv[argc++] = "1";
    }
    const int failed = child_start(&child, argv, NULL, false);
    if (failed != 0)
        return complain("cannot start the brokers", strerror(-failed));
    const int code = child_read(&child, phase->text, sizeof phase->text);
    return code == EXIT_FINE || code == EXIT_CHECK ? EXIT_FINE : complain("the brokers failed", "");
}

static int
phase_run(struct demo *demo,
          const char *ack,
          uint64_t seconds,
          const char *tape,
          struct phase *phase)
{
    struct child exchange;

    fprintf(stderr, "%s: three brokers, %u orders/s%s\n", ack, RATE,
            tape != NULL ? ", the tape" : "");
    int code = config_write(demo, ack);
    if (code == EXIT_FINE)
        code = serve(demo, ack, &exchange);
    if (code != EXIT_FINE)
        return code;
    code = load(demo, ack, seconds, tape, phase);
    if (child_stop(&exchange, STOP_MS) != EXIT_FINE && code == EXIT_FINE)
        code = complain("the exchange did not end well", "");
    return code;
}

/* command runs `outcry NAME FOLDER/journal-durable ...`. */
static int
command(struct demo *demo,
        const char *name,
        const char *const *more,
        const char *out_path,
        struct phase *phase)
{
    char path[256];
    char *argv[8] = {demo->self, (char *)(uintptr_t)name, path};
    struct child child;

    snprintf(path, sizeof path, "%s/journal-durable", demo->folder);
    for (int i = 0; i < 4 && more[i] != NULL; i++)
        argv[3 + i] = (char *)(uintptr_t)more[i];
    const int failed = child_start(&child, argv, out_path, false);
    if (failed != 0)
        return complain(name, strerror(-failed));
    if (out_path != NULL)
        return child_read(&(struct child){.pid = child.pid, .out = -1, .err = -1}, phase->text,
                          sizeof phase->text);
    return child_read(&child, phase->text, sizeof phase->text);
}

static uint64_t
journal_bytes(const char *replay)
{
    return number_of(replay, "journal_bytes");
}

static void
latency_print(const char *ack, const char *text)
{
    static const char *const keys[] = {"ack_p50_ns", "ack_p90_ns", "ack_p99_ns", "ack_p999_ns",
                                       "ack_max_ns"};

    printf("  ack: %-8s", ack);
    for (unsigned i = 0; i < ARRAY_LEN(keys); i++)
        printf(" %11.1f", (double)number_of(text, keys[i]) / 1e3);
    puts("");
}

static void
print_text(const struct demo *demo,
           const struct phase *durable,
           const struct phase *memory,
           const char *replay)
{
    char hash[64];

    printf("orders        %" PRIu64 " at %" PRIu64 " orders/s, %" PRIu64 " acknowledged, %" PRIu64
           " rejected, %" PRIu64 " lost\n",
           number_of(durable->text, "sent"), number_of(durable->text, "orders_per_s"),
           number_of(durable->text, "acknowledged"), number_of(durable->text, "rejected"),
           number_of(durable->text, "lost") + number_of(memory->text, "lost"));
    printf("trades        %" PRIu64 "\n", number_of(durable->text, "filled"));
    puts("wire to ack, us      p50         p90         p99       p99.9         max");
    latency_print("durable", durable->text);
    latency_print("memory", memory->text);
    if (demo->options->lobster != NULL)
        printf("tape          %" PRIu64 " executions, %" PRIu64
               " in full and alone on the order that traded on the venue\n",
               number_of(durable->text, "executions"),
               number_of(durable->text, "executions_on_real_maker"));
    word_of(replay, "state_hash", hash, sizeof hash);
    printf("journal       %.1f MB in %s/journal-durable\n", (double)journal_bytes(replay) / 1e6,
           demo->folder);
    printf("replay        %s, %" PRIu64 " commands at %" PRIu64 " commands/s, state hash %s\n",
           number_of(replay, "commands") > 0 &&
                   strncmp(value_of(replay, "identical"), "true", 4) == 0
               ? "events and state are identical"
               : "NOT IDENTICAL",
           number_of(replay, "commands"), number_of(replay, "commands_per_s"), hash);
}

static void
print_json(const struct demo *demo,
           const struct phase *durable,
           const struct phase *memory,
           const char *replay)
{
    static const char *const latencies[] = {"ack_p50_ns", "ack_p90_ns", "ack_p99_ns", "ack_p999_ns",
                                            "ack_max_ns"};
    struct json json;
    char word[64];

    json_begin(&json, stdout);
    json_u64(&json, "orders", number_of(durable->text, "sent"));
    json_u64(&json, "acks", number_of(durable->text, "acknowledged"));
    json_u64(&json, "rejects", number_of(durable->text, "rejected"));
    json_u64(&json, "fills", number_of(durable->text, "filled"));
    json_u64(&json, "lost", number_of(durable->text, "lost") + number_of(memory->text, "lost"));
    json_u64(&json, "orders_per_s", number_of(durable->text, "orders_per_s"));
    for (unsigned i = 0; i < ARRAY_LEN(latencies); i++)
        json_u64(&json, latencies[i], number_of(durable->text, latencies[i]));
    for (unsigned i = 0; i < ARRAY_LEN(latencies); i++) {
        snprintf(word, sizeof word, "memory_%s", latencies[i]);
        json_u64(&json, word, number_of(memory->text, latencies[i]));
    }
    json_u64(&json, "journal_bytes", journal_bytes(replay));
    json_bool(&json, "replay_identical",
              value_of(replay, "identical") != NULL &&
                  strncmp(value_of(replay, "identical"), "true", 4) == 0);
    json_u64(&json, "replay_commands_per_s", number_of(replay, "commands_per_s"));
    word_of(replay, "state_hash", word, sizeof word);
    json_text(&json, "state_hash", word);
    if (demo->options->lobster != NULL) {
        json_u64(&json, "executions", number_of(durable->text, "executions"));
        json_u64(&json, "executions_on_real_maker",
                 number_of(durable->text, "executions_on_real_maker"));
    }
    json_text(&json, "folder", demo->folder);
    json_end(&json);
}

/* audit exports the trail and shows its first lines. */
static int
audit(struct demo *demo)
{
    static const char *const csv[] = {"--format", "csv", NULL};
    struct phase phase;
    char path[256], line[1024];

    snprintf(path, sizeof path, "%s/audit.csv", demo->folder);
    if (command(demo, "audit", csv, path, &phase) != EXIT_FINE)
        return complain("the audit trail could not be exported", "");
    if (demo->options->json)
        return EXIT_FINE;
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return complain(path, strerror(errno));
    printf("audit trail   %s\n", path);
    for (int i = 0; i < AUDIT_LINES && fgets(line, sizeof line, file) != NULL; i++)
        printf("  %s", line);
    fclose(file);
    return EXIT_FINE;
}

static int
run(struct demo *demo)
{
    static const char *const as_json[] = {"--json", NULL};
    static struct phase durable, memory, replay;
    const uint64_t short_s = demo->options->seconds / 3;
    int code = phase_run(demo, "durable", demo->options->seconds - short_s, demo->options->lobster,
                         &durable);

    if (code == EXIT_FINE)
        code = phase_run(demo, "memory", short_s, NULL, &memory);
    if (code != EXIT_FINE)
        return code;
    fprintf(stderr, "replay: every byte is compared\n");
    const int replayed = command(demo, "replay", as_json, NULL, &replay);
    if (replayed != EXIT_FINE && replayed != EXIT_CHECK)
        return complain("the journal could not be replayed", "");
    if (demo->options->json)
        print_json(demo, &durable, &memory, replay.text);
    else
        print_text(demo, &durable, &memory, replay.text);
    code = audit(demo);
    if (code != EXIT_FINE)
        return code;
    if (!demo->options->json)
        printf("everything    %s\n", demo->folder);
    return replayed == EXIT_FINE && number_of(durable.text, "lost") == 0 &&
                   number_of(memory.text, "lost") == 0
               ? EXIT_FINE
               : EXIT_CHECK;
}

/* options_parse returns -1 to go on, else the exit code. */
static int
options_parse(int argc, char **argv, struct options *options)
{
    static const struct option longs[] = {
        {"seconds", required_argument, NULL, 's'},
        {"lobster", required_argument, NULL, 'l'},
        {"json", no_argument, NULL, 'j'},
        {NULL, 0, NULL, 0},
    };
    struct cli cli = {.help = help};
    int option;

    while ((option = cli_next(&cli, argc, argv, longs)) > 0) {
        if (option == 'l')
            options->lobster = optarg;
        else if (option == 'j')
            options->json = true;
        else if (!text_u64_parse(optarg, &options->seconds) || options->seconds < 3 ||
                 options->seconds > 600)
            return cli_wrong("demo", "--seconds %s: expected 3 to 600", optarg);
    }
    return option < 0 ? cli.exit : -1;
}

int
cmd_demo(int argc, char **argv)
{
    struct options options = {.seconds = SECONDS_DEFAULT};
    struct demo *demo = calloc(1, sizeof *demo);
    const char *tmp = getenv("TMPDIR");
    int code = options_parse(argc, argv, &options);

    if (code != -1 || demo == NULL) {
        free(demo);
        return code != -1 ? code : complain("out of memory", "");
    }
    demo->options = &options;
    demo->cores = sysconf(_SC_NPROCESSORS_ONLN);
    snprintf(demo->folder, sizeof demo->folder, "%s/outcry-demo-XXXXXX",
             tmp != NULL && strlen(tmp) < 32 ? tmp : "/tmp");
    if (options.lobster != NULL && access(options.lobster, R_OK) != 0)
        code = complain(options.lobster, strerror(errno));
    else if (readlink("/proc/self/exe", demo->self, sizeof demo->self - 1) < 0)
        code = complain("/proc/self/exe", strerror(errno));
    else if (mkdtemp(demo->folder) == NULL)
        code = complain(demo->folder, strerror(errno));
    else if ((code = run(demo)) != EXIT_FINE)
        fprintf(stderr, "outcry demo: what there is lies in %s\n", demo->folder);
    free(demo);
    return code;
}
