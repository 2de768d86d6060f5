/*
 * outcry seal: signs what the full segments of a journal hold, and makes the keys
 * for it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "journal/sealer.h"

#include "tools/cli.h"
#include "tools/clock.h"
#include "tools/commands.h"
#include "tools/json.h"

static const char help[] =
    "usage: outcry seal DIR --key FILE [--newest FILE] [--json]\n"
    "       outcry seal --make-key FILE [--signed-by OLD]\n"
    "\n"
    "Seals each full segment of the journal in DIR that is not sealed yet: a signed statement\n"
    "NNNNNNNN.seal beside it, with which outcry verify --key finds any edit, deletion or change\n"
    "of order. Works while an exchange writes: the segment in use is never sealed, nor is one\n"
    "that a crash could still change. Run it again when more segments are full; several at\n"
    "once do no harm.\n"
    "\n"
    "  --key FILE       the secret key. FILE.pub must lie beside it\n"
    "  --newest FILE    where the key keeps its newest seal of this journal; FILE.newest of\n"
    "                   the key if not given. A key that seals several journals needs one for\n"
    "                   each. Seals that it remembers and DIR lacks are refused: somebody took\n"
    "                   them away\n"
    "  --json           one line of JSON\n"
    "  --make-key FILE  write a new secret key to FILE (mode 0600) and its public half to\n"
    "                   FILE.pub. What exists is never overwritten\n"
    "  --signed-by OLD  the secret key OLD announces the new one, so that who trusts OLD.pub\n"
    "                   can trust FILE.pub\n"
    "\n"
    "exit codes: 0 all that is full is sealed; 1 the seals or the journal in DIR are not what\n"
    "they were; 2 wrong usage; 3 no journal or key there, or it cannot be written\n";

struct wish {
    const char *key;
    const char *newest;
    const char *make_key;
    const char *signed_by;
    bool json;
};

static int
make_key(const struct wish *wish)
{
    char why[256];

    if (key_make(wish->make_key, wish->signed_by, why) != 0)
        return cli_fail(EXIT_SETUP, "seal", "no key was made: %s", why);
    if (wish->signed_by == NULL)
        printf("secret key %s: keep it where only the sealer can read it\n", wish->make_key);
    else
        printf("secret key %s, announced by %s\n", wish->make_key, wish->signed_by);
    printf("public key %s.pub: give it to everybody who is to check\n", wish->make_key);
    return EXIT_FINE;
}

static void
print_seal(const struct seal *seal)
{
    const struct seal_statement *statement = &seal->statement;

    printf("sealed segment %" PRIu64 ": %" PRIu64 " messages, seq %" PRIu64 " to %" PRIu64 "\n",
           statement->segment_no, statement->messages_cnt, statement->first_seq,
           statement->last_seq);
}

static void
print_end(const struct seal *newest, uint64_t sealed_cnt, bool json)
{
    struct json line;

    if (!json) {
        if (sealed_cnt == 0)
            puts("nothing more to seal");
        return;
    }
    json_begin(&line, stdout);
    json_u64(&line, "sealed", sealed_cnt);
    json_u64(&line, "seals", newest == NULL ? 0 : newest->statement.segment_no + 1);
    json_u64(&line, "last_seq", newest == NULL ? 0 : seal_last_seq(newest));
    json_end(&line);
}

static int
seal_all(struct sealer *sealer, const char *dir, bool json)
{
    struct seal seal;
    uint64_t sealed_cnt = 0;
    int rc;

    if (!sealer_is_locked(sealer))
        fputs("outcry seal: the limit for locked memory is too small, so the key may get into "
              "swap\n",
              stderr);
    while ((rc = sealer_poll(sealer, clock_utc_ns(), &seal)) > 0) {
        sealed_cnt++;
        if (!json) {
            print_seal(&seal);
            fflush(stdout);
        }
    }
    if (rc < 0)
        return cli_fail(rc == -EBADMSG ? EXIT_CHECK : EXIT_SETUP, "seal", "%s cannot be sealed: %s",
                        dir, sealer_why(sealer));
    print_end(sealer_newest(sealer), sealed_cnt, json);
    return EXIT_FINE;
}

static int
seal(const char *dir, const struct wish *wish)
{
    const struct sealer_cfg cfg = {
        .dir = dir, .key_path = wish->key, .newest_path = wish->newest, .shard = -1};
    struct sealer *sealer;
    char why[320];
    int rc = sealer_open(&sealer, &cfg, why);

    if (rc != 0)
        return cli_fail(rc == -EBADMSG ? EXIT_CHECK : EXIT_SETUP, "seal", "%s cannot be sealed: %s",
                        dir, why);
    if (sealer_forgot(sealer))
        fprintf(stderr,
                "outcry seal: the key's newest seal (%s%s) was not there, and is now that of the "
                "folder: seals that were taken away before would not be missed\n",
                wish->newest != NULL ? wish->newest : wish->key,
                wish->newest != NULL ? "" : ".newest");
    rc = seal_all(sealer, dir, wish->json);
    sealer_close(sealer);
    return rc;
}

/* wrong says what is wrong with the combination of options, EXIT_FINE: nothing. */
static int
wrong(const struct wish *wish, int arguments)
{
    if (wish->make_key != NULL) {
        if (wish->key != NULL || wish->newest != NULL || wish->json || arguments != 0)
            return cli_wrong("seal", "--make-key goes with --signed-by alone");
        return EXIT_FINE;
    }
    if (wish->signed_by != NULL)
        return cli_wrong("seal", "--signed-by goes with --make-key");
    if (arguments != 1)
        return cli_wrong("seal", arguments < 1 ? "an argument is missing" : "too many arguments");
    return wish->key == NULL ? cli_wrong("seal", "--key is missing") : EXIT_FINE;
}

int
cmd_seal(int argc, char **argv)
{
    static const struct option options[] = {
        {"key", required_argument, NULL, 'k'},      {"newest", required_argument, NULL, 'n'},
        {"make-key", required_argument, NULL, 'm'}, {"signed-by", required_argument, NULL, 's'},
        {"json", no_argument, NULL, 'j'},           {0}};
    struct cli cli = {.help = help, .arguments = CLI_ANY, .keys = true};
    struct wish wish = {.key = NULL};
    int option;

    while ((option = cli_next(&cli, argc, argv, options)) > 0) {
        if (option == 'k')
            wish.key = optarg;
        else if (option == 'n')
            wish.newest = optarg;
        else if (option == 'm')
            wish.make_key = optarg;
        else if (option == 's')
            wish.signed_by = optarg;
        else
            wish.json = true;
    }
    if (option < 0)
        return cli.exit;

    const int code = wrong(&wish, argc - optind);

    if (code != EXIT_FINE)
        return code;
    return wish.make_key != NULL ? make_key(&wish) : seal(argv[optind], &wish);
}
