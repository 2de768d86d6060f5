/*
 * outcry check-proof: checks a proof by the public key alone, and shows what it proves.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal/proof.h"

#include "tools/cells.h"
#include "tools/cli.h"
#include "tools/commands.h"
#include "tools/json.h"
#include "tools/text.h"

static const char help[] =
    "usage: outcry check-proof FILE --key FILE.pub [--key NEWER.pub ...] [--json]\n"
    "\n"
    "Checks a proof that outcry prove wrote, without the journal: that its messages lead to the\n"
    "root that was signed, and by whom. Then shows them, field by field.\n"
    "\n"
    "  --key FILE.pub  the public key, which you have from whom you trust and not from whom the\n"
    "                  proof is. Given more than once, each further key must have been announced\n"
    "                  by one that was given before\n"
    "  --json          one line of JSON, without the messages\n"
    "\n"
    "exit codes: 0 proven; 1 not proven; 2 wrong usage; 3 a file cannot be read\n";

/* read_proof reads a whole file. 0 or -errno. */
static int
read_proof(struct proof *proof, const char *path)
{
    const int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct stat st;

    *proof = (struct proof){.data = NULL};
    if (fd < 0)
        return -errno;

    int error = fstat(fd, &st) != 0 ? -errno : !S_ISREG(st.st_mode) ? -EINVAL : 0;

    if (error == 0 && st.st_size > (off_t)PROOF_BYTES_MAX)
        error = -EFBIG;
    if (error == 0) {
        proof->data = malloc((size_t)st.st_size + 1);
        error = proof->data == NULL ? -ENOMEM : 0;
    }
    while (error == 0 && proof->bytes < (size_t)st.st_size) {
        const ssize_t got = read(fd, proof->data + proof->bytes, (size_t)st.st_size - proof->bytes);

        if (got < 0 && errno != EINTR)
            error = -errno;
        else if (got == 0)
            break;
        proof->bytes += got > 0 ? (size_t)got : 0;
    }
    close(fd);
    return error;
}

static void
print_text(const struct proof *proof, const struct proof_info *info)
{
    const struct seal_statement *first = &info->first.seal.statement;
    const struct seal_statement *last = &info->last.seal.statement;
    union cell cells[CELL_MESSAGE_MAX];
    struct proof_at at = {.off = 0};
    char id[33];
    char time[TEXT_TIME_BYTES];

    puts("proven");
    printf("seq       %" PRIu64 "%s\n", info->seq,
           info->whole ? ": the command and all that it caused" : ": one message of its group");
    key_hex(id, first->journal.bytes, sizeof first->journal.bytes);
    printf("journal   %s, shard %u\n", id, first->shard);
    printf("place     segment %" PRIu64 ", message %" PRIu64, first->segment_no, info->first.first);
    if (info->messages_cnt > 1)
        printf(" to %s%" PRIu64, info->parts_cnt == 1 ? "" : "the next segments', ",
               info->last.first + info->last.messages_cnt - 1);
    printf(" of %" PRIu64 "\n", last->messages_cnt);
    key_hex(id, last->key_id.bytes, sizeof last->key_id.bytes);
    printf("signed    by key %s\n", id);
    printf("sealed    %s, as the sealer says\n", text_time(last->sealed_time, time));
    printf("messages  %" PRIu64 "\n", info->messages_cnt);
    while (proof_walk(proof, &at, cells) > 0)
        cells_text(stdout, cells);
}

static void
print_json(const struct proof_info *info, const char *why)
{
    const struct seal_statement *statement = &info->last.seal.statement;
    struct json json;
    char id[33];

    json_begin(&json, stdout);
    json_bool(&json, "proven", why == NULL);
    if (why != NULL) {
        json_text(&json, "text", why);
        json_end(&json);
        return;
    }
    json_u64(&json, "seq", info->seq);
    json_bool(&json, "whole", info->whole);
    json_u64(&json, "messages", info->messages_cnt);
    json_u64(&json, "segment", info->first.seal.statement.segment_no);
    json_u64(&json, "first_message", info->first.first);
    key_hex(id, statement->journal.bytes, sizeof statement->journal.bytes);
    json_text(&json, "journal", id);
    key_hex(id, statement->key_id.bytes, sizeof statement->key_id.bytes);
    json_text(&json, "key", id);
    json_u64(&json, "sealed_time", statement->sealed_time);
    json_end(&json);
}

static int
check(const struct proof *proof, const struct key_ring *ring, bool json)
{
    struct proof_info info;
    char why[256];
    const int rc = proof_check(proof->data, proof->bytes, ring, &info, why);

    if (json)
        print_json(&info, rc == 0 ? NULL : why);
    else if (rc == 0)
        print_text(proof, &info);
    else
        printf("NOT PROVEN: %s\n", why);
    return rc == 0 ? EXIT_FINE : EXIT_CHECK;
}

int
cmd_check_proof(int argc, char **argv)
{
    static const struct option options[] = {
        {"key", required_argument, NULL, 'k'}, {"json", no_argument, NULL, 'j'}, {0}};
    struct cli cli = {.help = help, .arguments = 1};
    struct key_ring ring = {.cnt = 0};
    struct proof proof;
    char why[256];
    bool json = false;
    int option;

    while ((option = cli_next(&cli, argc, argv, options)) > 0) {
        if (option == 'j')
            json = true;
        else if (key_ring_add(&ring, optarg, why) != 0)
            return cli_fail(EXIT_SETUP, "check-proof", "%s", why);
    }
    if (option < 0)
        return cli.exit;
    if (ring.cnt == 0)
        return cli_wrong("check-proof", "--key is missing");

    int rc = read_proof(&proof, argv[optind]);

    if (rc != 0)
        rc = cli_fail(EXIT_SETUP, "check-proof", "%s cannot be read: %s", argv[optind],
                      strerror(-rc));
    else
        rc = check(&proof, &ring, json);
    free(proof.data);
    return rc;
}
