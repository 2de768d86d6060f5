#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "journal/proof.h"
#include "journal/tally.h"

/* What was picked so far, in a segment: may have to go back. */
struct picked {
    struct merkle_range range; /* cnt 0: nothing yet */
    uint64_t seen;             /* messages of the command, in this segment */
    size_t cells_cnt;
    unsigned hashes_cnt;
    bool planned; /* the parts of the tree behind the range are known */
    struct merkle tree;
};

/* Looks on while a segment is counted, and takes out of it what a proof needs. */
struct picker {
    uint64_t seq;
    bool whole;      /* the group, else */
    int64_t message; /* of it, counted from the first in this segment */
    struct picked now;
    struct picked kept;
    struct merkle_part parts[MERKLE_PROOF_MAX];
    unsigned parts_cnt;
    struct digest hashes[MERKLE_PROOF_MAX];
    union cell *cells;
    size_t cells_max;
    bool no_memory;
};

struct maker {
    const char *dir;
    struct chain chain;
    struct tally tally;
    struct picker picker;
    struct proof *proof;
    struct proof_header header;
    uint64_t seen; /* messages of the command in segments before */
    char *why;
};

__attribute__((format(printf, 3, 4))) static COLD int
say(const struct maker *maker, int error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(maker->why, 320, format, args);
    va_end(args);
    return error;
}

/* append adds bytes to the proof. */
static int
append(struct maker *maker, const void *data, size_t bytes)
{
    struct proof *proof = maker->proof;

    if (bytes > PROOF_BYTES_MAX - proof->bytes)
        return say(maker, -EFBIG, "the proof would be larger than %llu bytes", PROOF_BYTES_MAX);

    uint8_t *grown = realloc(proof->data, proof->bytes + bytes + 1);

    if (grown == NULL)
        return say(maker, -ENOMEM, "out of memory");
    memcpy(grown + proof->bytes, data, bytes);
    proof->data = grown;
    proof->bytes += bytes;
    return 0;
}

/* take_cells copies a message. */
static void
take_cells(struct picker *picker, const union cell *cells, unsigned cells_cnt)
{
    if (picker->now.cells_cnt + cells_cnt > picker->cells_max) {
        const size_t cells_max = 2 * (picker->now.cells_cnt + cells_cnt);
        union cell *grown = aligned_alloc(CACHE_LINE, cells_max * sizeof *grown);

        if (grown == NULL) {
            picker->no_memory = true;
            return;
        }
        if (picker->now.cells_cnt != 0)
            memcpy(grown, picker->cells, picker->now.cells_cnt * sizeof *grown);
        free(picker->cells);
        picker->cells = grown;
        picker->cells_max = cells_max;
    }
    memcpy(&picker->cells[picker->now.cells_cnt], cells, cells_cnt * sizeof *cells);
    picker->now.cells_cnt += cells_cnt;
}

/* take_left turns what lies before the range into hashes, the largest tree first. */
static void
take_left(struct picker *picker)
{
    struct merkle *tree = &picker->now.tree;

    picker->now.hashes_cnt = 0;
    for (unsigned level = MERKLE_LEVELS_MAX; level-- > 0;) {
        if ((tree->cnt >> level & 1) != 0)
            picker->hashes[picker->now.hashes_cnt++] = tree->peaks[level];
    }
    merkle_init(tree);
}

/* take_right adds a leaf behind the range to the part of the tree where it is. */
static void
take_right(struct picker *picker, const struct digest *leaf)
{
    struct picked *now = &picker->now;

    if (!now->planned) {
        unsigned before;

        picker->parts_cnt = merkle_range_parts(&now->range, picker->parts, &before);
        ASSERT(before == now->hashes_cnt);
        now->planned = true;
    }
    ASSERT(now->hashes_cnt < picker->parts_cnt);
    merkle_add(&now->tree, leaf);
    if (now->tree.cnt == picker->parts[now->hashes_cnt].cnt) {
        merkle_root(&now->tree, &picker->hashes[now->hashes_cnt++]);
        merkle_init(&now->tree);
    }
}

static void
on_message(void *ctx,
           uint64_t index,
           const union cell *cells,
           unsigned cells_cnt,
           const struct digest *leaf)
{
    struct picker *picker = ctx;
    struct picked *now = &picker->now;
    const bool ours = cell_seq(cells) == picker->seq;
    const bool picked = ours && (picker->whole || (int64_t)now->seen == picker->message);

    now->seen += ours ? 1 : 0;
    if (index >= now->range.tree_cnt)
        return; /* more than was sealed: the comparison finds it */
    if (picked) {
        if (now->range.cnt == 0) {
            now->range.first = index;
            take_left(picker);
        }
        now->range.cnt++;
        take_cells(picker, cells, cells_cnt);
    } else if (now->range.cnt == 0) {
        merkle_add(&now->tree, leaf);
    } else {
        take_right(picker, leaf);
    }
}

static void
picked_copy(struct picked *to, const struct picked *from)
{
    memcpy(to, from, offsetof(struct picked, tree));
    merkle_copy(&to->tree, &from->tree);
}

static void
on_keep(void *ctx)
{
    struct picker *picker = ctx;

    picked_copy(&picker->kept, &picker->now);
}

static void
on_drop(void *ctx)
{
    struct picker *picker = ctx;

    picked_copy(&picker->now, &picker->kept);
}

/* count counts the segment of a seal, with the picker looking on. */
static int
count(struct maker *maker, const struct seal *seal)
{
    const struct tally_tap tap = {on_message, on_keep, on_drop, &maker->picker};
    struct seal_statement found;
    int rc = 1;

    memset(&maker->picker.now, 0, offsetof(struct picked, tree));
    merkle_init(&maker->picker.now.tree);
    maker->picker.now.range.tree_cnt = seal->statement.messages_cnt;
    on_keep(&maker->picker);
    tally_begin(&maker->tally, &maker->chain, seal->statement.segment_no);
    maker->tally.tap = &tap;
    while (maker->tally.state < TALLY_FULL && rc > 0)
        rc = tally_next(&maker->tally, &maker->chain);
    maker->tally.tap = NULL;
    if (rc < 0)
        return say(maker, rc, "%s", maker->chain.fault.text);
    if (rc > 0) {
        tally_statement(&maker->tally, &maker->chain, &found);
        found.sealed_time = seal->statement.sealed_time;
        found.key_id = seal->statement.key_id;
        found.prev = seal->statement.prev;
    }
    if (rc == 0 || memcmp(&found, &seal->statement, sizeof found) != 0)
        return say(maker, -EBADMSG,
                   "%.100s: segment %" PRIu64 " is not what was sealed, so nothing of it can be "
                   "proven: see outcry verify --key",
                   maker->dir, seal->statement.segment_no);
    if (maker->picker.no_memory)
        return say(maker, -ENOMEM, "out of memory");
    return 0;
}

/* add_part appends what was picked to the proof. */
static int
add_part(struct maker *maker, const struct seal *seal)
{
    const struct picker *picker = &maker->picker;
    const struct picked *now = &picker->now;
    const struct proof_part part = {
        .seal = *seal,
        .first = now->range.first,
        .messages_cnt = (uint32_t)now->range.cnt,
        .cells_cnt = (uint32_t)now->cells_cnt,
        .hashes_cnt = now->hashes_cnt,
    };
    int rc = append(maker, &part, sizeof part);

    if (rc == 0)
        rc = append(maker, picker->cells, now->cells_cnt * sizeof *picker->cells);
    if (rc == 0)
        rc = append(maker, picker->hashes, now->hashes_cnt * sizeof *picker->hashes);
    maker->header.parts_cnt++;
    return rc;
}

/* pick takes from one sealed segment what it has of the command. */
static int
pick(struct maker *maker, const struct seal *before, const struct seal *seal, int64_t message)
{
    if (seal->statement.segment_no < maker->chain.segments.first)
        return say(maker, -ENODATA, "seq %" PRIu64 " is in segment %" PRIu64 ", which was pruned",
                   maker->picker.seq, seal->statement.segment_no);
    if (before == NULL)
        chain_start(&maker->chain, 0);
    else
        maker->chain.at = tally_place(&before->statement);
    maker->picker.message = message - (int64_t)maker->seen;

    int rc = count(maker, seal);

    if (rc == 0 && maker->picker.now.range.cnt != 0)
        rc = add_part(maker, seal);
    maker->seen += maker->picker.now.seen;
    return rc;
}

/* nothing_sealed is for a folder without seals; is it a journal at all? */
static COLD int
nothing_sealed(struct maker *maker)
{
    struct chain_step step;
    const int rc = chain_next(&maker->chain, &step);

    if (rc < 0)
        return say(maker, rc, "%s", maker->chain.fault.text);
    return say(maker, -ENODATA, "nothing in %.160s is sealed", maker->dir);
}

/* pick_all goes through the seals and into each segment that has the command. */
static int
pick_all(struct maker *maker, int64_t message)
{
    const int dir_fd = maker->chain.segments.dir_fd;
    const uint64_t pages_cnt = tally_pages(&maker->chain);
    struct seal before;
    struct seal seal;
    int error;
    const int64_t highest = seal_highest(dir_fd, &error);

    if (error != 0)
        return say(maker, error, "%.100s: %s", maker->dir, strerror(-error));
    for (int64_t i = 0; i <= highest; i++) {
        char name[SEAL_NAME_BYTES];
        char why[256];
        int rc;

        seal_name(name, (uint64_t)i);
        rc = seal_read(&seal, dir_fd, name, why);
        if (rc != 0)
            return say(maker, rc == -ENOENT ? -EBADMSG : rc, "%.60s/%s", maker->dir, why);
        if (seal.statement.pages_cnt != pages_cnt ||
            seal_follows(i == 0 ? NULL : &before, &seal, why) != 0)
            return say(maker, -EBADMSG, "%.60s/%s: it is no seal of this place", maker->dir, name);
        if (seal.statement.first_seq <= maker->picker.seq &&
            seal.statement.last_seq >= maker->picker.seq)
            rc = pick(maker, i == 0 ? NULL : &before, &seal, message);
        if (rc != 0)
            return rc;
        before = seal;
    }
    if (maker->header.parts_cnt != 0)
        return 0;
    if (maker->seen != 0)
        return say(maker, -ENODATA,
                   "seq %" PRIu64 " has %" PRIu64 " sealed messages, 0 to %" PRIu64,
                   maker->picker.seq, maker->seen, maker->seen - 1);
    if (highest < 0)
        return nothing_sealed(maker);
    return say(maker, -ENODATA, "seq %" PRIu64 " is not sealed: sealed is up to seq %" PRIu64,
               maker->picker.seq, seal_last_seq(&before));
}

/* finish puts the header right and checks the proof as a stranger would. */
static int
finish(struct maker *maker)
{
    struct proof_info info;
    char why[256];

    maker->header.bytes = maker->proof->bytes;
    memcpy(maker->proof->data, &maker->header, sizeof maker->header);
    if (proof_check(maker->proof->data, maker->proof->bytes, NULL, &info, why) == 0)
        return 0;
    if (maker->picker.whole)
        return say(maker, -ENODATA,
                   "what seq %" PRIu64 " caused goes on in a segment that is not sealed yet; one "
                   "message of it can be proven",
                   maker->picker.seq);
    return say(maker, -EBADMSG, "the proof does not hold: %.200s", why);
}

int
proof_make(const char *dir, uint64_t seq, int64_t message, struct proof *proof, char why[320])
{
    struct maker *maker = calloc(1, sizeof *maker);
    int rc = crypto_open();

    *proof = (struct proof){.data = NULL};
    if (maker == NULL || rc != 0) {
        snprintf(why, 320, "%s", maker == NULL ? "out of memory" : "no source of random bytes");
        free(maker);
        return maker == NULL ? -ENOMEM : rc;
    }
    maker->dir = dir;
    maker->why = why;
    maker->proof = proof;
    maker->picker.seq = seq;
    maker->picker.whole = message == PROOF_WHOLE;
    maker->header = (struct proof_header){.magic = PROOF_MAGIC, .version = PROOF_VERSION};
    rc = chain_open(&maker->chain, dir, -1);
    if (rc != 0)
        (void)say(maker, rc, "%s", maker->chain.fault.text);
    else if (maker->chain.segments.cnt == 0)
        rc = say(maker, -ENOENT, "%.100s: no journal there", dir);
    else
        rc = append(maker, &maker->header, sizeof maker->header);
    if (rc == 0)
        rc = pick_all(maker, message);
    if (rc == 0)
        rc = finish(maker);
    if (rc != 0) {
        free(proof->data);
        *proof = (struct proof){.data = NULL};
    }
    if (maker->chain.segments.dir_fd > 0)
        chain_close(&maker->chain);
    free(maker->picker.cells);
    free(maker);
    return rc;
}
