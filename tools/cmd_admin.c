/*
 * outcry admin: says one line to an exchange that runs, and prints the answer.
 */
#include <inttypes.h>
#include <pwd.h>
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
    "  --by NAME       who says so, without a blank; default: the name of the user\n"
    "  --because TEXT  why, 1 to 40 characters; only open, halt, close and show do without\n"
    "  --check         of load: do all but submit\n"
    "  --json          one line of JSON\n"
    "\n"
    "exit codes: 0 done; 1 the exchange refused it; 2 wrong usage; 3 no exchange there, or it\n"
    "does not listen to this user\n";

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

/* user_name returns what the user is called, without a blank: 16 characters at
 * most. */
static const char *
user_name(void)
{
    static char name[17];
    const struct passwd *user = getpwuid(geteuid());

    snprintf(name, sizeof name, "uid-%u", (unsigned)geteuid());
    if (user != NULL && user->pw_name[0] != '\0' && strchr(user->pw_name, ' ') == NULL)
        snprintf(name, sizeof name, "%.16s", user->pw_name);
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
        reply[7] = '\0';
        if (said.json)
            print_outcome(reply, reply[0] == 'r' ? "reason" : "text", reply + 8, 0);
        else
            printf("%s %s\n", reply, reply + 8);
        return EXIT_CHECK;
    }
    for (char *line = strtok(reply, "\n"); line != NULL; line = strtok(NULL, "\n"))
        cli_fail(EXIT_USAGE, "admin", "%s", strncmp(line, "error ", 6) == 0 ? line + 6 : line);
    return strstr(reply, "error user id ") == reply ? EXIT_SETUP : EXIT_USAGE;
}

/* needs_no_reason says whether a verb is carried out without --because. */
static bool
needs_no_reason(const char *line)
{
    return strncmp(line, "open ", 5) == 0 || strncmp(line, "halt ", 5) == 0 ||
           strncmp(line, "close ", 6) == 0;
}

/* sign appends who and why. False if that is not possible. */
static bool
sign(char *line, size_t bytes)
{
    const size_t len = strlen(line);

    if (said.because == NULL && needs_no_reason(line))
        snprintf(line + len, bytes - len, " by %s\n", said.by != NULL ? said.by : user_name());
    else if (said.because == NULL)
        snprintf(line + len, bytes - len, "\n");
    else
        snprintf(line + len, bytes - len, " by %s because %s\n",
                 said.by != NULL ? said.by : user_name(), said.because);
    return len < bytes && line[strlen(line) - 1] == '\n';
}

/* talk says the request and reports the answer. */
static int
talk(const char *where, const struct admin_request *request)
{
    static char reply[ADMIN_ANSWER_BYTES];
    char why[ADMIN_WHY_BYTES];

    if (!admin_ask(where, request, reply, why))
        return cli_fail(EXIT_SETUP, "admin", "%s", why);
    return report(reply);
}

static int
say_words(const char *where, char **words, int cnt)
{
    char line[ADMIN_LINE_BYTES] = "";
    size_t len = 0;

    for (int i = 0; i < cnt; i++) {
        if (words[i][strcspn(words[i], " \n\t")] != '\0')
            return cli_wrong("admin", "\"%.40s\" has a blank, expected words without", words[i]);
        const int more =
            snprintf(line + len, sizeof line - len, "%s%s", i > 0 ? " " : "", words[i]);

        len += (size_t)more;
        if (len >= sizeof line - 1)
            return cli_wrong("admin", "too many words, expected less than %u characters",
                             ADMIN_LINE_BYTES);
    }
    if (!sign(line, sizeof line))
        return cli_wrong("admin", "too many words, expected less than %u characters",
                         ADMIN_LINE_BYTES);

    const struct admin_request request = {.line = line};

    return talk(where, &request);
}

static int
load_file(const char *where, const char *path)
{
    struct admin_request request = {.line = NULL};
    char line[ADMIN_LINE_BYTES];
    char why[ADMIN_WHY_BYTES];
    int code;

    if (said.because == NULL)
        return cli_wrong("admin", "load needs --because TEXT: why");
    if (!admin_read_csv(path, &request, why))
        return cli_fail(EXIT_USAGE, "admin", "%s", why);
    snprintf(line, sizeof line, "load %" PRIu32 "%s", request.rows_cnt, said.check ? " check" : "");
    request.line = line;
    if (sign(line, sizeof line))
        code = talk(where, &request);
    else
        code = cli_wrong("admin", "--by or --because is too long");
    admin_free_csv(&request);
    return code;
}

int
cmd_admin(int argc, char **argv)
{
    static const struct option options[] = {
        {"by", required_argument, NULL, 'b'},
        {"because", required_argument, NULL, 'w'},
        {"check", no_argument, NULL, 'c'},
        {"json", no_argument, NULL, 'j'},
        {0},
    };
    struct cli cli = {.help = help, .arguments = CLI_ANY};
    int option;

    hide_numbers(argc, argv);
    while ((option = cli_next(&cli, argc, argv, options)) > 0) {
        if (option == 'b')
            said.by = optarg;
        if (option == 'w')
            said.because = optarg;
        said.check = said.check || option == 'c';
        said.json = said.json || option == 'j';
    }
    if (option < 0)
        return cli.exit;
    show_numbers(argc, argv);
    if (argc - optind < 3)
        return cli_wrong("admin", "an argument is missing");
    const bool load = strcmp(argv[optind + 1], "load") == 0;
    if (said.check && !load)
        return cli_wrong("admin", "--check is for load");
    if (!load)
        return say_words(argv[optind], &argv[optind + 1], argc - optind - 1);
    if (argc - optind != 3)
        return cli_wrong("admin", "load takes one FILE");
    return load_file(argv[optind], argv[optind + 2]);
}
