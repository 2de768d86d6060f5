#include "journal/proof.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "journal/merkle.h"

/* A proof that is being checked. */
struct view {
    const uint8_t *data;
    size_t bytes;
    size_t off;
    uint32_t parts_cnt;
    char *why;
};

/* The messages of a part. */
struct messages {
    const uint8_t *cells;
    uint32_t cells_left;
};

__attribute__((format(printf, 2, 3))) static COLD int
refuse(const struct view *view, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(view->why, 256, format, args);
    va_end(args);
    return -EBADMSG;
}

static int
check_header(struct view *view)
{
    struct proof_header header;

    if (view->bytes < sizeof header)
        return refuse(view, "this is no proof: it is too short");
    memcpy(&header, view->data, sizeof header);
    if (header.magic != PROOF_MAGIC)
        return refuse(view, "this is no proof");
    if (header.version != PROOF_VERSION)
        return refuse(view, "a proof of version %u, this program reads %u", header.version,
                      PROOF_VERSION);
    if (header.bytes != view->bytes)
        return refuse(view, "it should have %" PRIu64 " bytes and has %zu", header.bytes,
                      view->bytes);
    if (header.reserved != 0 || header.reserved_too != 0 || header.parts_cnt == 0)
        return refuse(view, "its header is wrong");
    view->off = sizeof header;
    view->parts_cnt = header.parts_cnt;
    return 0;
}

/* message_take copies the next message out, since a proof may lie at any address.
 * Returns its cells, 0 if there is no message there. */
static unsigned
message_take(struct messages *messages, union cell cells[CELL_MESSAGE_MAX])
{
    if (messages->cells_left == 0)
        return 0;
    memcpy(&cells[0], messages->cells, CELL_BYTES);

    const unsigned cells_cnt = cell_count(&cells[0]);

    if (cells_cnt == 0 || cells_cnt > CELL_MESSAGE_MAX || cells_cnt > messages->cells_left ||
        cell_kind(&cells[0]) >= CELL_KIND_CONTINUATIONS)
        return 0;
    memcpy(cells, messages->cells, (size_t)cells_cnt * CELL_BYTES);
    for (unsigned i = 1; i < cells_cnt; i++) {
        if (cell_kind(&cells[i]) < CELL_KIND_CONTINUATIONS || cell_count(&cells[i]) != 0 ||
            cell_is_last(&cells[i - 1]))
            return 0;
    }
    messages->cells += (size_t)cells_cnt * CELL_BYTES;
    messages->cells_left -= cells_cnt;
    return cells_cnt;
}

/* What is known of the messages so far. */
struct course {
    uint64_t messages_cnt;
    uint64_t cells_cnt;
    uint64_t seq;
    bool command; /* the first is one */
    bool ended;   /* the last cell bears CELL_LAST */
};

/* check_messages checks that the messages of a part tile its cells and are of the one
 * group, in the order of one. */
static int
check_messages(const struct view *view, const struct proof_part *part, struct course *course)
{
    struct messages messages = {view->data + view->off, part->cells_cnt};

    for (uint32_t i = 0; i < part->messages_cnt; i++) {
        union cell cells[CELL_MESSAGE_MAX];
        const unsigned cells_cnt = message_take(&messages, cells);

        if (cells_cnt == 0)
            return refuse(view, "it holds something that is no message");
        if (course->messages_cnt == 0) {
            course->seq = cell_seq(cells);
            course->command = cell_is_command(cells);
        } else if (cell_is_command(cells) || course->ended || cell_seq(cells) != course->seq) {
            return refuse(view, "its messages are not those of one command");
        }
        course->ended = cell_is_last(&cells[cells_cnt - 1]);
        course->messages_cnt++;
        course->cells_cnt += cells_cnt;
    }
    return messages.cells_left == 0 ? 0 : refuse(view, "it has more cells than messages");
}

static void
next_leaf(void *ctx, struct digest *leaf)
{
    union cell cells[CELL_MESSAGE_MAX];
    const unsigned cells_cnt = message_take(ctx, cells);

    ASSERT(cells_cnt != 0);
    merkle_leaf(leaf, cells, (size_t)cells_cnt * CELL_BYTES);
}

/* check_root checks that messages and hashes give the root in the seal. */
static int
check_root(const struct view *view, const struct proof_part *part)
{
    const struct merkle_range range = {.tree_cnt = part->seal.statement.messages_cnt,
                                       .first = part->first,
                                       .cnt = part->messages_cnt};
    struct messages messages = {view->data + view->off, part->cells_cnt};
    struct digest hashes[MERKLE_PROOF_MAX];
    struct digest root;

    if (part->hashes_cnt > MERKLE_PROOF_MAX)
        return refuse(view, "it has more hashes than any tree");
    memcpy(hashes, view->data + view->off + (size_t)part->cells_cnt * CELL_BYTES,
           part->hashes_cnt * sizeof *hashes);
    if (!merkle_range_root(&range, next_leaf, &messages, hashes, part->hashes_cnt, &root))
        return refuse(view, "it has not the hashes that messages of this place need");
    if (!digest_equal(&root, &part->seal.statement.root))
        return refuse(view, "messages and hashes do not lead to the root that was sealed: it is "
                            "not what was sealed");
    return 0;
}

/* take_part takes a part's fixed fields and sees that the rest is there. */
static int
take_part(struct view *view, struct proof_part *part)
{
    const size_t left = view->bytes - view->off;
    char why[256];

    if (left < sizeof *part)
        return refuse(view, "it is cut off");
    memcpy(part, view->data + view->off, sizeof *part);
    view->off += sizeof *part;
    if (part->reserved != 0 || part->messages_cnt == 0 ||
        (uint64_t)part->cells_cnt * CELL_BYTES + (uint64_t)part->hashes_cnt * DIGEST_BYTES >
            left - sizeof *part)
        return refuse(view, "it is cut off, or its counts are wrong");
    if (seal_parse(&part->seal, view->data + view->off - sizeof *part, sizeof part->seal, why) != 0)
        return refuse(view, "its seal: %.200s", why);
    return 0;
}

/* check_link checks that nothing lies between the messages of two parts. */
static int
check_link(const struct view *view, const struct proof_part *before, const struct proof_part *part)
{
    char why[256];

    if (seal_follows(&before->seal, &part->seal, why) != 0)
        return refuse(view, "the seal of segment %" PRIu64 ": %.180s",
                      part->seal.statement.segment_no, why);
    if (before->first + before->messages_cnt != before->seal.statement.messages_cnt ||
        part->first != 0)
        return refuse(view, "there are messages between its parts");
    return 0;
}

static int
check_part(struct view *view,
           const struct key_ring *ring,
           const struct proof_part *before,
           struct proof_part *part,
           struct course *course)
{
    char why[256];
    int rc = take_part(view, part);

    if (rc == 0)
        rc = check_messages(view, part, course);
    if (rc == 0)
        rc = check_root(view, part);
    if (rc == 0 && before != NULL)
        rc = check_link(view, before, part);
    if (rc == 0 && ring != NULL && seal_check(&part->seal, ring, why) < 0)
        rc = refuse(view, "the seal of segment %" PRIu64 ": %.180s",
                    part->seal.statement.segment_no, why);
    view->off += (size_t)part->cells_cnt * CELL_BYTES + (size_t)part->hashes_cnt * DIGEST_BYTES;
    return rc;
}

int
proof_check(const void *data,
            size_t bytes,
            const struct key_ring *ring,
            struct proof_info *info,
            char why[256])
{
    struct view view = {.data = data, .bytes = bytes, .why = why};
    struct course course = {.messages_cnt = 0};
    struct proof_part before;
    int rc = check_header(&view);

    *info = (struct proof_info){.seq = 0};

    for (uint32_t i = 0; i < view.parts_cnt && rc == 0; i++) {
        before = info->last;
        rc = check_part(&view, ring, i == 0 ? NULL : &before, &info->last, &course);
        if (i == 0)
            info->first = info->last;
    }
    if (rc != 0)
        return rc;
    if (view.off != bytes)
        return refuse(&view, "something follows behind it");
    info->seq = course.seq;
    info->messages_cnt = course.messages_cnt;
    info->cells_cnt = course.cells_cnt;
    info->whole = course.command && course.ended;
    info->parts_cnt = view.parts_cnt;
    if (!info->whole && course.messages_cnt != 1)
        return refuse(&view, "it is neither of one message nor of a whole group");
    return 0;
}

unsigned
proof_walk(const struct proof *proof, struct proof_at *at, union cell cells[CELL_MESSAGE_MAX])
{
    struct messages messages;
    struct proof_part part;

    if (at->off == 0)
        at->off = sizeof(struct proof_header);
    if (at->cells_left == 0) {
        at->off += (size_t)at->hashes_cnt * DIGEST_BYTES;
        if (at->off == proof->bytes)
            return 0;
        memcpy(&part, proof->data + at->off, sizeof part);
        *at = (struct proof_at){at->off + sizeof part, part.cells_cnt, part.hashes_cnt};
    }
    messages = (struct messages){proof->data + at->off, at->cells_left};

    const unsigned cells_cnt = message_take(&messages, cells);

    ASSERT(cells_cnt != 0);
    at->off += (size_t)cells_cnt * CELL_BYTES;
    at->cells_left = messages.cells_left;
    return cells_cnt;
}
