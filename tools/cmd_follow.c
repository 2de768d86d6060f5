/*
 * outcry follow: replays a journal while it grows, and writes snapshots.
 */
#include <stdio.h>

#include "journal/snapshot.h"

#include "tools/cli.h"
#include "tools/commands.h"
#include "tools/follow.h"
#include "tools/text.h"

#define RETRANSMIT_MIN 64u
#define RETRANSMIT_MAX (1u << 20)
#define SECONDS_MAX    1000000u

static const char help[] =
    "usage: outcry follow DIR [--every N] [--seconds S] [--keep K] [--retransmit R] [--once]\n"
    "                         [--key FILE [--newest FILE]]\n"
    "\n"
    "Replays the journal in DIR while an exchange writes it, proves that it comes out the\n"
    "same, and writes a snapshot of the state into DIR every N commands. `outcry serve`\n"
    "begins with the newest snapshot that is of use and replays only what came later. Runs\n"
    "until SIGTERM; the exchange may stop and start meanwhile. One follower to a journal.\n"
    "\n"
    "  --every N       commands between two snapshots (1000000)\n"
    "  --seconds S     also a snapshot after this time, if anything came (off)\n"
    "  --keep K        how many snapshots stay, 1 to 1000 (3)\n"
    "  --retransmit R  reports kept of each session: at least pools.retransmit of the\n"
    "                  configuration, a power of two (65536)\n"
    "  --once          to the end of the journal as it is, one snapshot there, and no more\n"
    "  --key FILE      seal each segment, too, when it is full and durable, as `outcry seal`\n"
    "                  does: FILE is the secret key, FILE.pub must lie beside it\n"
    "  --newest FILE   where the key keeps its newest seal of this journal; FILE.newest of the\n"
    "                  key if not given\n"
    "\n"
    "exit codes: 0 stopped by a signal, or --once is done; 1 the journal is damaged, does not\n"
    "come out the same or is not what was sealed; 2 wrong usage; 3 no journal or key there, or\n"
    "of another version or rules, or it cannot be written to\n";

/* number reads an option's number within bounds. */
static bool
number(const char *option, const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
    if (text_u64_parse(text, value) && *value >= min && *value <= max)
        return true;
    (void)cli_wrong("follow", "--%s %s is no number from %llu to %llu", option, text,
                    (unsigned long long)min, (unsigned long long)max);
    return false;
}

int
cmd_follow(int argc, char **argv)
{
    static const struct option options[] = {
        {"every", required_argument, NULL, 'e'},  {"seconds", required_argument, NULL, 's'},
        {"keep", required_argument, NULL, 'k'},   {"retransmit", required_argument, NULL, 'r'},
        {"once", no_argument, NULL, 'o'},         {"key", required_argument, NULL, 'p'},
        {"newest", required_argument, NULL, 'n'}, {0}};
    struct cli cli = {.help = help, .arguments = 1, .keys = true};
    struct follow_cfg cfg = {.once = false};
    uint64_t every = 1000000;
    uint64_t seconds = 0;
    uint64_t keep = 3;
    uint64_t retransmit = 65536;
    bool right = true;
    int option;

    while ((option = cli_next(&cli, argc, argv, options)) > 0) {
        if (option == 'e')
            right = right && number("every", optarg, 1, UINT64_MAX / 2, &every);
        else if (option == 's')
            right = right && number("seconds", optarg, 1, SECONDS_MAX, &seconds);
        else if (option == 'k')
            right = right && number("keep", optarg, 1, SNAPSHOTS_MAX - 24, &keep);
        else if (option == 'r')
            right =
                right && number("retransmit", optarg, RETRANSMIT_MIN, RETRANSMIT_MAX, &retransmit);
        else if (option == 'p')
            cfg.key = optarg;
        else if (option == 'n')
            cfg.newest = optarg;
        else
            cfg.once = true;
    }
    if (option < 0)
        return cli.exit;
    if (!right)
        return EXIT_USAGE;
    if ((retransmit & (retransmit - 1)) != 0)
        return cli_wrong("follow", "--retransmit %llu is no power of two",
                         (unsigned long long)retransmit);
    if (cfg.newest != NULL && cfg.key == NULL)
        return cli_wrong("follow", "--newest goes with --key");
    cfg.dir = argv[optind];
    cfg.every = every;
    cfg.every_ns = seconds * 1000000000u;
    cfg.keep = (unsigned)keep;
    cfg.retransmit = (uint32_t)retransmit;
    return follow_run(&cfg);
}
