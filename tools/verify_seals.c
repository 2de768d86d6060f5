#include "tools/verify_seals.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tools/cli.h"
#include "tools/commands.h"
#include "tools/text.h"

int
verify_seals_key(struct verify_seals *seals, const char *path)
{
    char why[256];

    if (key_ring_add(&seals->ring, path, why) != 0)
        return cli_fail(EXIT_SETUP, "verify", "%s", why);
    return EXIT_FINE;
}

int
verify_seals_newest(struct verify_seals *seals, const char *path)
{
    char why[256];

    if (seal_read(&seals->newest, AT_FDCWD, path, why) != 0)
        return cli_fail(EXIT_SETUP, "verify", "%s", why);
    seals->newest_path = path;
    return EXIT_FINE;
}

/* is_same_file tells whether the seal that was kept is the one in the folder: who can
 * write the folder could change both at once. */
static bool
is_same_file(const struct verify_seals *seals, const char *dir)
{
    char name[SEAL_NAME_BYTES];
    char path[4096];
    struct stat kept;
    struct stat there;

    seal_name(name, seals->newest.statement.segment_no);
    if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path ||
        stat(seals->newest_path, &kept) != 0 || stat(path, &there) != 0)
        return false;
    return kept.st_dev == there.st_dev && kept.st_ino == there.st_ino;
}

int
verify_seals_run(struct verify_seals *seals, const char *dir)
{
    const int rc = seals_verify(dir, -1, &seals->ring,
                                seals->newest_path != NULL ? &seals->newest : NULL, &seals->result);

    if (rc < 0)
        return cli_fail(EXIT_SETUP, "verify", "the seals in %s cannot be checked: %s", dir,
                        seals->result.text);
    seals->good = rc == 0;
    seals->newest_is_there = seals->newest_path != NULL && is_same_file(seals, dir);
    return EXIT_FINE;
}

void
verify_seals_text(const struct verify_seals *seals)
{
    const struct seals_result *result = &seals->result;
    const struct seal_statement *newest = &result->newest.statement;
    char id[33];
    char time[TEXT_TIME_BYTES];

    if (!seals->good) {
        printf("NOT AS SEALED: %s\n", result->text);
        return;
    }
    key_hex(id, newest->journal.bytes, sizeof newest->journal.bytes);
    printf("as sealed by %u key%s: journal %s up to seq %" PRIu64 "\n", result->keys_cnt,
           result->keys_cnt == 1 ? "" : "s", id, result->last_seq);
    printf("seals     %" PRIu64 ", %" PRIu64 " messages compared", result->seals_cnt,
           result->messages_cnt);
    if (result->pruned_cnt != 0)
        printf("; of %" PRIu64 " the segment is pruned and the seal alone was checked",
               result->pruned_cnt);
    printf("\nunsealed  %" PRIu64 " pages behind them: nothing is known of these\n",
           result->unsealed_pages);
    key_hex(id, newest->key_id.bytes, sizeof newest->key_id.bytes);
    printf("newest    %08" PRIu64 ".seal, by key %s, sealed %s as the sealer says\n",
           newest->segment_no, id, text_time(newest->sealed_time, time));
    if (seals->newest_is_there)
        puts(
            "kept      --newest is the seal in the folder itself, which shows nothing: keep a copy "
            "elsewhere");
    else
        puts(result->newest_was_found ? "kept      the seal that was kept is there as it was"
                                      : "kept      no --newest was given: whether later seals were "
                                        "cut off nobody can tell");
}

void
verify_seals_json(const struct verify_seals *seals, struct json *json)
{
    const struct seals_result *result = &seals->result;
    char id[33];

    json_bool(json, "as_sealed", seals->good);
    json_u64(json, "seals", result->seals_cnt);
    json_u64(json, "sealed_segments", result->checked_cnt);
    json_u64(json, "pruned_segments", result->pruned_cnt);
    json_u64(json, "sealed_messages", result->messages_cnt);
    if (!seals->good) {
        json_u64(json, "bad_segment", result->bad_segment);
        json_text(json, "seal_text", result->text);
        return;
    }
    key_hex(id, result->newest.statement.journal.bytes, 16);
    json_text(json, "journal", id);
    json_u64(json, "sealed_last_seq", result->last_seq);
    json_u64(json, "unsealed_pages", result->unsealed_pages);
    json_u64(json, "keys", result->keys_cnt);
    json_bool(json, "newest_found", result->newest_was_found && !seals->newest_is_there);
}
