/*
 * outcry admin: says one line to an exchange that runs, and prints the answer.
 */
#include <inttypes.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/admin.h"
#include "tools/admin_client.h"
#include "tools/cli.h"
#include "tools/commands.h"
#include "tools/json.h"
#include "tools/text.h"

static const char help[] =
    "usage: outcry admin CONFIG|SOCKET VERB ... [--by NAME] [--because TEXT] [--check] [--json]\n"
    "\n"
    "Gives the exchange that serves CONFIG, on this machine, a command of its operator, as\n"
    "the user of the exchange, as root or as one that CONFIG names in admins. It returns when\n"
    "what was done is as certain as the exchange's ack mode makes everything else.\n"
    "\n"
    "  open|halt|close SYMBOL                   takes orders; cancels only; cancels only, and\n"
    "                                           day orders and quotes expire\n"
    "  kill LEVEL SUBJECT [keep]                no new orders of a session, account, group or\n"
    "                                           firm, and all it has are canceled, or kept\n"
    "  enable LEVEL SUBJECT                     undoes a kill, a latch and all stages\n"
    "  limit LEVEL SUBJECT LIMIT VALUE [KEY=..] one limit of a session, account, group, firm or\n"
    "                                           instrument; limit pair ACCOUNT SYMBOL LIMIT VALUE\n"
    "  account ACCOUNT STATE                    active, suspended, close_only or blocked\n"
    "  restrict|permit LEVEL SUBJECT SYMBOL     may not, may trade an instrument\n"
    "  blacklist|clear LEVEL SUBJECT            may not, may trade at all\n"
    "  rule LEVEL SUBJECT [KEY=..]              types and times in force; covered; references\n"
    "  instrument SYMBOL KEY=..                 collar, band, reference, least quantity\n"
    "  release WHAT ...                         limit, restriction, blacklist, rule, instrument, "
    "fee\n"
    "                                           or account: the next start sets it by CONFIG\n"
    "  fee SYMBOL MAKER_PPM TAKER_PPM\n"
    "  deposit|withdraw|cash ACCOUNT AMOUNT     cash sets the balance\n"
    "  move|position ACCOUNT SYMBOL UNITS       position sets it\n"
    "  mark|settle SYMBOL PRICE\n"
    "  day YYYY-MM-DD                           a business day begins\n"
    "  load FILE                                a start of day from CSV, all or nothing\n"
    "  show LEVEL SUBJECT                       limits, use and headroom; show pair ACCOUNT "
    "SYMBOL\n"
    "  show blocked                             all that is killed, restricted or else stopped\n"
    "\n"
    "  --by NAME       who says so, 1 to 16 characters, no blank; default: the name of the user\n"
    "  --because TEXT  why, 1 to 40 characters; only open, halt, close and show do without\n"
    "  --check         of load: do all but submit\n"
    "  --json          one line of JSON, of what went wrong as well\n"
    "\n"
    "exit codes: 0 done; 1 the exchange refused it; 2 wrong usage; 3 no exchange there, or it\n"
    "does not listen to this user\n";

/* Of the Author cell. */
#define AUTHOR_NAME_MAX 16u
#define AUTHOR_TEXT_MAX 40u

_Static_assert(sizeof((struct cell_author *)0)->name == AUTHOR_NAME_MAX &&
                   sizeof((struct cell_author *)0)->text == AUTHOR_TEXT_MAX,
               "what is said here is what fits");

static struct {
    const char *by;
    const char *because;
    bool check;
    bool json;
} said;

/* A number below 0 is no option: it is hidden from getopt, and shown again. */
#define HIDDEN '\001'

static void
hide_numbers(int argc, char **argv)
{
    static char hidden[VERB_WORDS_MAX][32];
    unsigned cnt = 0;

    for (int i = 1; i < argc && cnt < VERB_WORDS_MAX; i++) {
        if (argv[i][0] != '-' || argv[i][1] < '0' || argv[i][1] > '9' || strlen(argv[i]) > 30)
            continue;
        snprintf(hidden[cnt], sizeof hidden[cnt], "%c%s", HIDDEN, argv[i]);
        argv[i] = hidden[cnt++];
    }
}

static void
show_numbers(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        argv[i] += argv[i][0] == HIDDEN;
}

/* user_name returns what the user is called; who has a name that no Author takes goes by
 * number. */
static const char *
user_name(void)
{
    static char name[AUTHOR_NAME_MAX + 1];
    const struct passwd *user = getpwuid(geteuid());

    snprintf(name, sizeof name, "uid-%u", (unsigned)geteuid());
    if (user != NULL && verb_is_text(user->pw_name, AUTHOR_NAME_MAX, false))
        snprintf(name, sizeof name, "%s", user->pw_name);
    return name;
}

static void
print_outcome(const char *outcome, const char *key, const char *text, uint64_t seq)
{
    struct json json;

    json_begin(&json, stdout);
    json_text(&json, "outcome", outcome);
    json_text(&json, key, text);
    if (seq != 0)
        json_u64(&json, "seq", seq);
    json_end(&json);
}

/* fail says what went wrong, where it is looked for, and returns code. */
static __attribute__((format(printf, 2, 3))) int
fail(int code, const char *format, ...)
{
    char text[ADMIN_WHY_BYTES];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (said.json)
        print_outcome("error", "text", text, 0);
    else
        cli_fail(code, "admin", "%s", text);
    return code;
}

/* print_done prints the answer to what was done; its end is the sequence number. */
static void
print_done(char *text)
{
    char *seq = strstr(text, " seq ");
    uint64_t number = 0;

    if (!said.json) {
        printf("%s\n", text);
        return;
    }
    if (seq != NULL && text_u64_parse(seq + 5, &number))
        *seq = '\0';
    print_outcome("done", "text", text, number);
}

/* print_refused prints REASON seq N: WHY. */
static void
print_refused(char *reply)
{
    char *seq = strstr(reply, " seq ");
    char *why = seq != NULL ? strstr(seq, ": ") : NULL;
    struct json json;
    uint64_t number = 0;

    if (why != NULL)
        *why = '\0';
    if (seq != NULL && text_u64_parse(seq + strlen(" seq "), &number))
        *seq = '\0';
    json_begin(&json, stdout);
    json_text(&json, "outcome", "refused");
    json_text(&json, "reason", reply);
    if (why != NULL)
        json_text(&json, "text", why + 2);
    json_u64(&json, "seq", number);
    json_end(&json);
}

/* print_errors prints the lines of an answer that begins with error: of a load one for each
 * row that is wrong, and behind them how many are. */
static void
print_errors(char *reply)
{
    struct json json;
    char *last = NULL;
    bool rows = false;

    json_begin(&json, stdout);
    json_text(&json, "outcome", "error");
    for (char *line = strtok(reply, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        if (last != NULL) {
            struct json row;

            if (!rows)
                json_key(&json, "rows");
            fputs(rows ? ", " : "[", stdout);
            json_begin(&row, stdout);
            json_text(&row, "text", last);
            json_close(&row);
            rows = true;
        }
        last = strncmp(line, "error ", 6) == 0 ? line + 6 : line;
    }
    if (rows)
        fputc(']', stdout);
    json_text(&json, "text", last != NULL ? last : "no answer");
    json_end(&json);
}

/* report prints the answer; returns the exit code. */
static int
report(char *reply)
{
    char *end = strchr(reply, '\n');

    if (strncmp(reply, "ok show\n", 8) == 0) {
        admin_print_show(reply + 8, said.json);
        return EXIT_FINE;
    }
    if (strncmp(reply, "error ", 6) != 0 && end != NULL)
        *end = '\0';
    if (strncmp(reply, "ok ", 3) == 0) {
        print_done(reply + 3);
        return EXIT_FINE;
    }
    if (strncmp(reply, "refused ", 8) == 0 || strncmp(reply, "stopped ", 8) == 0) {
        if (!said.json)
            printf("%s\n", reply);
        else if (reply[0] == 'r')
            print_refused(reply + 8);
        else
            print_outcome("stopped", "text", reply + 8, 0);
        return EXIT_CHECK;
    }

    const int code = strncmp(reply, "error user id ", 14) == 0 ? EXIT_SETUP : EXIT_USAGE;

    if (said.json) {
        print_errors(reply);
        return code;
    }
    for (char *line = strtok(reply, "\n"); line != NULL; line = strtok(NULL, "\n"))
        cli_fail(EXIT_USAGE, "admin", "%s", strncmp(line, "error ", 6) == 0 ? line + 6 : line);
    return code;
}

/* needs_no_reason says whether a verb is carried out without --because. */
static bool
needs_no_reason(const char *line)
{
    return strncmp(line, "open ", 5) == 0 || strncmp(line, "halt ", 5) == 0 ||
           strncmp(line, "close ", 6) == 0;
}

/* author_wrong says what is wrong with who and why; EXIT_FINE: nothing. */
static int
author_wrong(void)
{
    if (said.by != NULL && !verb_is_text(said.by, AUTHOR_NAME_MAX, false))
        return fail(EXIT_USAGE,
                    "--by has %zu characters, expected a name of 1 to %u printable ASCII "
                    "characters, no blank",
                    strlen(said.by), AUTHOR_NAME_MAX);
    if (said.because != NULL && !verb_is_text(said.because, AUTHOR_TEXT_MAX, true))
        return fail(EXIT_USAGE,
                    "--because has %zu characters, expected 1 to %u printable ASCII characters, "
                    "no blank at either end",
                    strlen(said.because), AUTHOR_TEXT_MAX);
    return EXIT_FINE;
}

/* sign appends who and why. False if the line is too long for it. */
static bool
sign(char *line, size_t bytes)
{
    const size_t len = strlen(line);
    const char *by = said.by != NULL ? said.by : user_name();
    int more;

    if (said.because != NULL)
        more = snprintf(line + len, bytes - len, " by %s because %s\n", by, said.because);
    else if (needs_no_reason(line))
        more = snprintf(line + len, bytes - len, " by %s\n", by);
    else
        more = snprintf(line + len, bytes - len, "\n");
    return more > 0 && (size_t)more < bytes - len;
}

/* talk says the request and reports the answer. */
static int
talk(const char *where, const struct admin_request *request)
{
    static char reply[ADMIN_ANSWER_BYTES];
    char why[ADMIN_WHY_BYTES];

    if (!admin_ask(where, request, reply, why))
        return fail(EXIT_SETUP, "%s", why);
    return report(reply);
}

/* word_wrong says what is wrong with one of the words; EXIT_FINE: nothing. */
static int
word_wrong(const char *word)
{
    if (word[strcspn(word, " \n\t")] != '\0')
        return fail(EXIT_USAGE, "\"%.40s\" has a blank, expected words without", word);
    if (!verb_is_text(word, strlen(word), false))
        return fail(EXIT_USAGE, "\"%.40s\" is no word, expected printable ASCII characters", word);
    return EXIT_FINE;
}

static int
say_words(const char *where, char **words, int cnt)
{
    char line[ADMIN_LINE_BYTES] = "";
    const struct admin_request request = {.line = line};
    size_t len = 0;

    if (cnt > (int)VERB_WORDS_MAX)
        return fail(EXIT_USAGE, "%d words, expected %u at most", cnt, VERB_WORDS_MAX);
    for (int i = 0; i < cnt; i++) {
        if (word_wrong(words[i]) != EXIT_FINE)
            return EXIT_USAGE;
        if (len < sizeof line)
            len +=
                (size_t)snprintf(line + len, sizeof line - len, "%s%s", i > 0 ? " " : "", words[i]);
    }
    if (len >= sizeof line || !sign(line, sizeof line))
        return fail(EXIT_USAGE,
                    "the words, who and why are too long together, expected less than %u "
                    "characters",
                    ADMIN_LINE_BYTES);
    return talk(where, &request);
}

static int
load_file(const char *where, const char *path)
{
    struct admin_request request = {.line = NULL};
    char line[ADMIN_LINE_BYTES];
    char why[ADMIN_WHY_BYTES];

    if (said.because == NULL)
        return fail(EXIT_USAGE, "load needs --because TEXT: why, in 1 to %u characters",
                    AUTHOR_TEXT_MAX);
    if (!admin_read_csv(path, &request, why))
        return fail(EXIT_USAGE, "%s", why);
    snprintf(line, sizeof line, "load %" PRIu32 "%s", request.rows_cnt, said.check ? " check" : "");
    request.line = line;
    if (!sign(line, sizeof line))
        UNREACHABLE("who and why are short");
    const int code = talk(where, &request);
    admin_free_csv(&request);
    return code;
}

/* is_asked_for_json looks for --json before options are read: one of them may be wrong. */
static bool
is_asked_for_json(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--json") == 0)
            return true;
    return false;
}

/* read_options reads those into said; EXIT_FINE, or -1 to leave with cli->exit. */
static int
read_options(struct cli *cli, int argc, char **argv)
{
    static const struct option options[] = {
        {"by", required_argument, NULL, 'b'},
        {"because", required_argument, NULL, 'w'},
        {"check", no_argument, NULL, 'c'},
        {"json", no_argument, NULL, 'j'},
        {0},
    };
    int option;

    hide_numbers(argc, argv);
    while ((option = cli_next(cli, argc, argv, options)) > 0) {
        if (option == 'b')
            said.by = optarg;
        if (option == 'w')
            said.because = optarg;
        said.check = said.check || option == 'c';
    }
    show_numbers(argc, argv);
    return option;
}

int
cmd_admin(int argc, char **argv)
{
    struct cli cli = {.help = help, .arguments = CLI_ANY};

    said.json = is_asked_for_json(argc, argv);
    if (read_options(&cli, argc, argv) < 0) {
        if (said.json && cli.exit == EXIT_USAGE)
            print_outcome("error", "text", "an option is not known, or lacks its value", 0);
        return cli.exit;
    }

    char **words = &argv[optind];
    const int cnt = argc - optind;

    if (cnt < 2)
        return fail(EXIT_USAGE,
                    "%s is missing, expected %s and a verb, as in outcry admin "
                    "outcry.yaml show blocked",
                    cnt == 0 ? "which exchange" : "what it is to do",
                    cnt == 0 ? "its CONFIG or SOCKET" : "CONFIG or SOCKET");
    if (author_wrong() != EXIT_FINE)
        return EXIT_USAGE;
    if (strcmp(words[1], "load") != 0)
        return said.check ? fail(EXIT_USAGE, "--check is for load")
                          : say_words(words[0], &words[1], cnt - 1);
    if (cnt != 3)
        return fail(EXIT_USAGE, "load has %d words behind it, expected load FILE", cnt - 2);
    return load_file(words[0], words[2]);
}
