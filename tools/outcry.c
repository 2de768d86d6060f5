/*
 * outcry: one program, one command line.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "proto/base.h"

#include "tools/commands.h"

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *line;
};

static const struct command commands[] = {
    {"demo", cmd_demo, "show the whole exchange on this machine"},
    {"serve", cmd_serve, "run the exchange of a configuration"},
    {"send", cmd_send, "send one order and print the answers"},
    {"admin", cmd_admin, "open, halt or close an instrument"},
    {"load", cmd_load, "send order flow and measure the answers"},
    {"follow", cmd_follow, "follow a journal and write snapshots of its state"},
    {"replay", cmd_replay, "replay a journal and prove that it comes out the same"},
    {"verify", cmd_verify, "check every page of a journal"},
    {"seal", cmd_seal, "sign what the full segments of a journal hold"},
    {"prove", cmd_prove, "take one command out of a sealed journal, with a proof"},
    {"check-proof", cmd_check_proof, "check a proof by the public key alone"},
    {"retain", cmd_retain, "compress, encrypt and prune old segments of a journal"},
    {"audit", cmd_audit, "export a journal as CSV"},
};

static void
print_help(FILE *out)
{
    fputs("usage: outcry COMMAND [ARGUMENTS]\n\ncommands:\n", out);
    for (unsigned i = 0; i < ARRAY_LEN(commands); i++)
        fprintf(out, "  %-11s %s\n", commands[i].name, commands[i].line);
    fputs("\n`outcry COMMAND --help` tells more.\n"
          "exit codes: 0 fine, 1 a check failed, 2 wrong usage, 3 configuration or machine\n",
          out);
}

/* finish makes sure that what was printed has arrived: an exit code of 0 with half
 * an answer would be a lie. */
static int
finish(const char *command, int code)
{
    const char *why = fflush(stdout) != 0 ? strerror(errno) : "some of it is lost";

    if (!ferror(stdout) || code == EXIT_SETUP)
        return code;
    fprintf(stderr, "outcry %s: the output cannot be written: %s\n", command, why);
    return code == EXIT_FINE ? EXIT_SETUP : code;
}

int
main(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return EXIT_FINE;
    }
    /* Nobody who reads our output may end us by going away. */
    signal(SIGPIPE, SIG_IGN);
    for (unsigned i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return finish(argv[1], commands[i].run(argc - 1, argv + 1));
    fprintf(stderr, "outcry: there is no command %s, see outcry --help\n", argv[1]);
    return EXIT_USAGE;
}
