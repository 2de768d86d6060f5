#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "journal/sealer.h"
#include "journal/tally.h"

struct check {
    int dir_fd;
    const char *dir;
    const struct key_ring *ring;
    struct seals_result *result;
    struct chain chain;
    struct tally tally;
};

__attribute__((format(printf, 3, 4))) static COLD int
bad(struct check *check, uint64_t segment_no, const char *format, ...)
{
    struct seals_result *result = check->result;
    char name[SEAL_NAME_BYTES];
    va_list args;

    seal_name(name, segment_no);
    result->bad_segment = segment_no;

    const int len = snprintf(result->text, sizeof result->text, "%.100s/%s: ", check->dir, name);

    va_start(args, format);
    vsnprintf(result->text + len, sizeof result->text - (size_t)len, format, args);
    va_end(args);
    return 1;
}

/* check_signatures checks the seals by themselves: each signed, each behind the one
 * before, all of one journal. */
static int
check_signatures(struct check *check, uint64_t seals_cnt)
{
    struct seal before;
    int newest_key = -1;

    for (uint64_t i = 0; i < seals_cnt; i++) {
        char name[SEAL_NAME_BYTES];
        char why[256];
        struct seal seal;

        seal_name(name, i);

        const int rc = seal_read(&seal, check->dir_fd, name, why);

        if (rc == -ENOENT)
            return bad(check, i, "missing, but a later seal exists");
        if (rc == -EBADMSG)
            return bad(check, i, "%s", why + strlen(name) + 2);
        if (rc != 0) {
            (void)bad(check, i, "%s", strerror(-rc));
            return rc;
        }

        const int key = seal_check(&seal, check->ring, why);

        if (key < 0 || seal_follows(i == 0 ? NULL : &before, &seal, why) != 0)
            return bad(check, i, "%s", why);
        if (key < newest_key)
            return bad(check, i, "signed by an older key than the seal before it");
        check->result->keys_cnt += key != newest_key;
        newest_key = key;
        before = seal;
    }
    check->result->newest = before;
    return 0;
}

/* check_newest looks for the seal that somebody kept. */
static int
check_newest(struct check *check, const struct seal *kept)
{
    const uint64_t kept_no = kept->statement.segment_no;
    const struct seal *newest = &check->result->newest;
    char name[SEAL_NAME_BYTES];
    char why[256];
    struct seal seal;

    if (seal_check(kept, check->ring, why) < 0)
        return bad(check, kept_no, "the seal that was kept: %s", why);
    if (!journal_id_equal(&kept->statement.journal, &newest->statement.journal))
        return bad(check, kept_no, "the seal that was kept is of another journal");
    if (kept_no > newest->statement.segment_no)
        return bad(check, kept_no,
                   "missing: this segment was sealed, and what followed segment %" PRIu64
                   " was cut off",
                   newest->statement.segment_no);
    seal_name(name, kept_no);
    if (seal_read(&seal, check->dir_fd, name, why) != 0)
        return bad(check, kept_no, "%s", why);
    if (memcmp(&seal.statement, &kept->statement, sizeof seal.statement) != 0)
        return bad(check, kept_no, "is not the seal that was kept: the segment was sealed anew");
    check->result->newest_was_found = true;
    return 0;
}

/* compare tells what differs between a segment and its seal. */
static int
compare(struct check *check, const struct seal_statement *sealed)
{
    const uint64_t segment_no = sealed->segment_no;
    struct seal_statement found;

    tally_statement(&check->tally, &check->chain, &found);
    found.sealed_time = sealed->sealed_time;
    found.key_id = sealed->key_id;
    found.prev = sealed->prev;
    if (memcmp(&found, sealed, sizeof found) == 0)
        return 0;
    if (!journal_id_equal(&found.journal, &sealed->journal) || found.shard != sealed->shard)
        return bad(check, segment_no, "the segment is of another journal");
    if (found.messages_cnt != sealed->messages_cnt)
        return bad(check, segment_no,
                   "%" PRIu64 " messages were sealed, %" PRIu64 " are there, seq %" PRIu64
                   " to %" PRIu64,
                   sealed->messages_cnt, found.messages_cnt, found.first_seq, found.last_seq);
    if (!digest_equal(&found.root, &sealed->root))
        return bad(check, segment_no,
                   "of the %" PRIu64 " messages of seq %" PRIu64 " to %" PRIu64
                   " some are not those that were sealed, or not in their order",
                   sealed->messages_cnt, sealed->first_seq, sealed->last_seq);
    if (!digest_equal(&found.opening, &sealed->opening))
        return bad(check, segment_no,
                   "the messages are those that were sealed, the segment page is not");
    return bad(check, segment_no,
               "the messages are those that were sealed, but their pages are not: last page, "
               "epoch or the group at the end differ");
}

/* check_segment counts a segment and compares it with its seal. */
static int
check_segment(struct check *check, uint64_t segment_no)
{
    char name[SEAL_NAME_BYTES];
    char why[256];
    struct seal seal;
    int rc = 1;

    seal_name(name, segment_no);
    if (seal_read(&seal, check->dir_fd, name, why) != 0)
        return bad(check, segment_no, "%s", why);
    if (seal.statement.pages_cnt != tally_pages(&check->chain))
        return bad(check, segment_no,
                   "a segment had %" PRIu64 " pages when it was sealed, now %" PRIu64,
                   seal.statement.pages_cnt, tally_pages(&check->chain));
    tally_begin(&check->tally, &check->chain, segment_no);
    while (check->tally.state < TALLY_FULL && rc > 0)
        rc = tally_next(&check->tally, &check->chain);
    if (rc == 0 && check->tally.state == TALLY_FILLING)
        return bad(check, segment_no, "the segment was full, but the journal ends at page %" PRIu64,
                   check->chain.at.page_no);
    if (rc == 0)
        return bad(check, segment_no,
                   "its last group went on behind it, but the journal ends at page %" PRIu64,
                   check->chain.at.page_no);
    if (rc < 0)
        return bad(check, segment_no, "%s", check->chain.fault.text);
    rc = compare(check, &seal.statement);
    if (rc != 0)
        return rc;
    check->result->checked_cnt++;
    check->result->messages_cnt += seal.statement.messages_cnt;
    check->chain.at = check->tally.end;
    return 0;
}

/* count_rest counts the pages that are not sealed. */
static int
count_rest(struct check *check)
{
    struct chain_step step;
    int rc;

    while ((rc = chain_next(&check->chain, &step)) > 0)
        check->result->unsealed_pages++;
    if (rc == 0)
        return 0;
    snprintf(check->result->text, sizeof check->result->text, "%s", check->chain.fault.text);
    return rc == -EBADMSG ? 1 : rc;
}

/* check_begin sets out at the first segment that is there. What was before it was
 * pruned; the last seal of that says what to expect, and is signed. */
static int
check_begin(struct check *check)
{
    const uint64_t first = check->chain.segments.first;
    char name[SEAL_NAME_BYTES];
    char why[256];
    struct seal seal;

    check->result->pruned_cnt = first;
    if (first == 0)
        return 0;
    if (first > check->result->seals_cnt)
        return bad(check, check->result->seals_cnt, "missing, and its segment was pruned");
    seal_name(name, first - 1);
    if (seal_read(&seal, check->dir_fd, name, why) != 0)
        return bad(check, first - 1, "%s", why);
    check->chain.at = tally_place(&seal.statement);
    return 0;
}

static int
check_all(struct check *check, const struct seal *newest)
{
    struct seals_result *result = check->result;
    int error;
    const int64_t highest = seal_highest(check->dir_fd, &error);

    if (error != 0)
        return error;
    if (highest < 0) {
        snprintf(result->text, sizeof result->text, "%.100s: nothing is sealed%s", check->dir,
                 newest == NULL ? "" : ", but a seal of it was kept: the seals were taken away");
        return 1;
    }
    result->seals_cnt = (uint64_t)highest + 1;

    int rc = check_signatures(check, result->seals_cnt);

    if (rc == 0 && newest != NULL)
        rc = check_newest(check, newest);
    if (rc == 0)
        rc = check_begin(check);
    for (uint64_t i = check->chain.segments.first; i < result->seals_cnt && rc == 0; i++)
        rc = check_segment(check, i);
    if (rc != 0)
        return rc;
    result->last_seq = seal_last_seq(&result->newest);
    return count_rest(check);
}

int
seals_verify(const char *dir,
             int shard,
             const struct key_ring *ring,
             const struct seal *newest,
             struct seals_result *result)
{
    struct check check = {.dir = dir, .ring = ring, .result = result};
    int rc = crypto_open();

    *result = (struct seals_result){.text = ""};
    if (rc == 0)
        rc = chain_open(&check.chain, dir, shard);
    if (rc != 0) {
        snprintf(result->text, sizeof result->text, "%s", check.chain.fault.text);
        return rc == -EBADMSG ? 1 : rc;
    }
    check.dir_fd = check.chain.segments.dir_fd;
    rc = check.chain.segments.cnt == 0 ? -ENOENT : check_all(&check, newest);
    if (rc < 0 && result->text[0] == '\0')
        snprintf(result->text, sizeof result->text, "%.100s: %s", dir, strerror(-rc));
    chain_close(&check.chain);
    return rc;
}
