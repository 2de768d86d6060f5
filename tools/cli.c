#include "tools/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "journal/archive_key.h"

#include "tools/commands.h"

#define OPTION_HELP 'h'
#define OPTION_KEY  256

static __attribute__((format(printf, 2, 0))) void
say(const char *command, const char *format, va_list args)
{
    fprintf(stderr, "outcry %s: ", command);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
}

int
cli_wrong(const char *command, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(command, format, args);
    va_end(args);
    fprintf(stderr, "see outcry %s --help\n", command);
    return EXIT_USAGE;
}

int
cli_fail(int code, const char *command, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(command, format, args);
    va_end(args);
    return code;
}

int
cli_no_journal(const char *command, const char *dir)
{
    if (access(dir, F_OK) != 0)
        return cli_fail(EXIT_SETUP, command, "%s: %s", dir, strerror(errno));
    return cli_fail(EXIT_SETUP, command, "%s holds no journal", dir);
}

/* print_help puts what is said here before the exit codes. */
static void
print_help(const struct cli *cli)
{
    const char *end = cli->keys ? strstr(cli->help, "\nexit codes:") : NULL;

    if (end != NULL)
        printf("%.*s  --archive-key FILE  a key of encrypted segments; may be repeated\n%s",
               (int)(end - cli->help), cli->help, end);
    else
        fputs(cli->help, stdout);
}

/* load_key loads a key of archives. */
static bool
load_key(struct cli *cli, const char *command)
{
    const struct archive_key *key;
    char why[256];

    if (archive_key_load(optarg, &key, why) == 0)
        return true;
    cli->exit = cli_fail(EXIT_SETUP, command, "--archive-key: %s", why);
    return false;
}

int
cli_next(struct cli *cli, int argc, char **argv, const struct option *options)
{
    struct option all[32] = {{"help", no_argument, NULL, OPTION_HELP}};
    unsigned cnt = 1;
    int option;

    if (cli->keys)
        all[cnt++] = (struct option){"archive-key", required_argument, NULL, OPTION_KEY};
    for (; cnt < ARRAY_LEN(all) - 1 && options->name != NULL; cnt++)
        all[cnt] = *options++;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":h", all, NULL)) == OPTION_KEY) {
        if (!load_key(cli, argv[0]))
            return -1;
    }
    if (option == OPTION_HELP) {
        print_help(cli);
        cli->exit = EXIT_FINE;
        return -1;
    }
    if (option == '?' || option == ':') {
        cli->exit = cli_wrong(argv[0], option == ':' ? "%s needs a value" : "unknown option %s",
                              argv[optind - 1]);
        return -1;
    }
    if (option >= 0)
        return option;
    if (argc - optind == cli->arguments || cli->arguments == CLI_ANY)
        return 0;
    cli->exit = cli_wrong(argv[0], argc - optind < cli->arguments ? "an argument is missing"
                                                                  : "too many arguments");
    return -1;
}
