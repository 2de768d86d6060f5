#include "tools/cli.h"

#include <stdarg.h>
#include <stdio.h>

#include "tools/commands.h"

#define OPTION_HELP 'h'

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
cli_next(struct cli *cli, int argc, char **argv, const struct option *options)
{
    struct option all[32] = {{"help", no_argument, NULL, OPTION_HELP}};

    for (unsigned i = 1; i < 31 && options->name != NULL; i++)
        all[i] = *options++;
    opterr = 0;
    const int option = getopt_long(argc, argv, ":h", all, NULL);
    if (option == OPTION_HELP) {
        fputs(cli->help, stdout);
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
