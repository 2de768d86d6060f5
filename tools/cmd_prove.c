/*
 * outcry prove: takes one command, and all that it caused, out of a sealed journal, with
 * what is needed to check it without the journal.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal/proof.h"

#include "tools/cli.h"
#include "tools/commands.h"
#include "tools/json.h"
#include "tools/text.h"

static const char help[] =
    "usage: outcry prove DIR SEQ [--message N] [--out FILE] [--json]\n"
    "\n"
    "Writes a proof that command SEQ is in the sealed journal in DIR, with all that it caused:\n"
    "the messages, the hashes that lead to what was signed, and the seal. outcry check-proof\n"
    "checks it with the public key alone. Needs no key; works while an exchange writes.\n"
    "\n"
    "  --message N  one message of the command's group alone: 0 is the command with its\n"
    "               outcome, 1 the first event\n"
    "  --out FILE   where to, SEQ.proof if not given. What exists is not overwritten\n"
    "  --json       one line of JSON\n"
    "\n"
    "exit codes: 0 written; 1 SEQ is not there or not sealed, or the journal is not what was\n"
    "sealed; 2 wrong usage; 3 no journal there, or the file cannot be written\n";

/* write_proof writes a file that is new. */
static int
write_proof(const struct proof *proof, const char *path)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    size_t done = 0;

    if (fd < 0)
        return -errno;
    while (done < proof->bytes) {
        const ssize_t written = write(fd, proof->data + done, proof->bytes - done);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            break;
        done += (size_t)written;
    }

    int error = done == proof->bytes ? 0 : -errno;

    if (error == 0 && fsync(fd) != 0)
        error = -errno;
    if (close(fd) != 0 && error == 0)
        error = -errno;
    if (error != 0)
        (void)unlink(path);
    return error;
}

static void
print(const struct proof *proof, const char *path, bool json)
{
    struct proof_info info;
    struct json line;
    char why[256];

    if (proof_check(proof->data, proof->bytes, NULL, &info, why) != 0)
        return; /* proof_make has checked it */
    if (!json) {
        printf("%s: %" PRIu64 " message%s of seq %" PRIu64 "%s, %zu bytes\n", path,
               info.messages_cnt, info.messages_cnt == 1 ? "" : "s", info.seq,
               info.whole ? ", all there are" : "", proof->bytes);
        return;
    }
    json_begin(&line, stdout);
    json_text(&line, "file", path);
    json_u64(&line, "seq", info.seq);
    json_u64(&line, "messages", info.messages_cnt);
    json_bool(&line, "whole", info.whole);
    json_u64(&line, "segment", info.first.seal.statement.segment_no);
    json_u64(&line, "bytes", proof->bytes);
    json_end(&line);
}

static int
prove(const char *dir, uint64_t seq, int64_t message, const char *path, bool json)
{
    struct proof proof;
    char why[320];
    int rc = proof_make(dir, seq, message, &proof, why);

    if (rc != 0)
        return cli_fail(rc == -EBADMSG || rc == -ENODATA ? EXIT_CHECK : EXIT_SETUP, "prove",
                        "no proof: %s", why);
    rc = write_proof(&proof, path);
    if (rc != 0)
        (void)cli_fail(EXIT_SETUP, "prove", "%s cannot be written: %s", path,
                       rc == -EEXIST ? "it exists" : strerror(-rc));
    else
        print(&proof, path, json);
    free(proof.data);
    return rc == 0 ? EXIT_FINE : EXIT_SETUP;
}

int
cmd_prove(int argc, char **argv)
{
    static const struct option options[] = {{"message", required_argument, NULL, 'm'},
                                            {"out", required_argument, NULL, 'o'},
                                            {"json", no_argument, NULL, 'j'},
                                            {0}};
    struct cli cli = {.help = help, .arguments = 2, .keys = true};
    char name[32];
    const char *path = NULL;
    uint64_t message = 0;
    uint64_t seq;
    bool whole = true;
    bool json = false;
    int option;

    while ((option = cli_next(&cli, argc, argv, options)) > 0) {
        if (option == 'o') {
            path = optarg;
        } else if (option == 'j') {
            json = true;
        } else if (!text_u64_parse(optarg, &message) || message > INT64_MAX) {
            return cli_wrong("prove", "--message %s is no number", optarg);
        } else {
            whole = false;
        }
    }
    if (option < 0)
        return cli.exit;
    if (!text_u64_parse(argv[optind + 1], &seq) || seq == 0)
        return cli_wrong("prove", "%s is no sequence number", argv[optind + 1]);
    snprintf(name, sizeof name, "%" PRIu64 ".proof", seq);
    return prove(argv[optind], seq, whole ? PROOF_WHOLE : (int64_t)message,
                 path == NULL ? name : path, json);
}
