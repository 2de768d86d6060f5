/*
 * Cli: the few words that all commands say alike.
 *
 *   struct cli cli = {.help = help_text};
 *   while ((option = cli_next(&cli, argc, argv, options)) > 0) ...
 *   if (option < 0) return cli.exit;      --help was asked for, or it is wrong
 *
 * Options are long ones of getopt_long, `--help` is added by itself, and to those who
 * read journals `--archive-key`, which may come several times; the arguments that are no options
 * are at argv[optind] afterwards, in order.
 */
#ifndef OUTCRY_TOOLS_CLI_H
#define OUTCRY_TOOLS_CLI_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

/* As arguments: the command counts them by itself. */
#define CLI_ANY (-1)

struct cli {
    const char *help; /* begins with "usage: " */
    int arguments;    /* how many that are no options there must be */
    bool keys;        /* takes --archive-key FILE, a key of archives (archive_key.h) */
    int exit;         /* when cli_next returned -1 */
};

/* cli_next returns the val of the next option, 0 at the end, -1 to leave with
 * cli->exit. options ends with {0}. */
int cli_next(struct cli *cli, int argc, char **argv, const struct option *options);

/* cli_wrong says what is wrong with the command line and returns EXIT_USAGE. */
int cli_wrong(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* cli_no_journal says that there is no journal in dir, or that there is no dir, and
 * returns EXIT_SETUP. */
int cli_no_journal(const char *command, const char *dir);

/* cli_fail prints `outcry COMMAND: message` to stderr and returns code. */
int cli_fail(int code, const char *command, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
