#include "journal/merkle.h"

void
merkle_leaf(struct digest *leaf, const void *data, size_t bytes)
{
    digest_of(leaf, DIGEST_LEAF, data, bytes);
}

void
merkle_node(struct digest *node, const struct digest *left, const struct digest *right)
{
    struct digest children[2];

    children[0] = *left;
    children[1] = *right;
    digest_of(node, DIGEST_NODE, children, sizeof children);
}

void
merkle_init(struct merkle *tree)
{
    tree->cnt = 0;
}

void
merkle_add(struct merkle *tree, const struct digest *leaf)
{
    struct digest node = *leaf;
    unsigned level = 0;

    ASSERT(tree->cnt < MERKLE_CNT_MAX);
    for (; (tree->cnt >> level & 1) != 0; level++)
        merkle_node(&node, &tree->peaks[level], &node);
    tree->peaks[level] = node;
    tree->cnt++;
}

void
merkle_root(const struct merkle *tree, struct digest *root)
{
    bool any = false;

    digest_of_nothing(root);
    for (unsigned level = 0; tree->cnt >> level != 0; level++) {
        if ((tree->cnt >> level & 1) == 0)
            continue;
        if (any)
            merkle_node(root, &tree->peaks[level], root);
        else
            *root = tree->peaks[level];
        any = true;
    }
}

void
merkle_copy(struct merkle *to, const struct merkle *from)
{
    const unsigned levels = from->cnt == 0 ? 0 : 64 - (unsigned)__builtin_clzll(from->cnt);

    to->cnt = from->cnt;
    memcpy(to->peaks, from->peaks, levels * sizeof *to->peaks);
}

bool
merkle_range_valid(const struct merkle_range *range)
{
    return range->tree_cnt <= MERKLE_CNT_MAX && range->cnt != 0 && range->cnt <= range->tree_cnt &&
           range->first <= range->tree_cnt - range->cnt;
}

/* left_cnt is how many of cnt leaves, two or more, the left child has. */
static uint64_t
left_cnt(uint64_t cnt)
{
    ASSERT(cnt >= 2);
    return 1ull << (63 - (unsigned)__builtin_clzll(cnt - 1));
}

/* is_outside tells whether a part of the tree has no leaf of the range. */
static bool
is_outside(const struct merkle_range *range, const struct merkle_part *part)
{
    return part->first + part->cnt <= range->first || part->first >= range->first + range->cnt;
}

/* is_inside tells whether all leaves of a part are of the range. */
static bool
is_inside(const struct merkle_range *range, const struct merkle_part *part)
{
    return part->first >= range->first && part->first + part->cnt <= range->first + range->cnt;
}

unsigned
merkle_range_parts(const struct merkle_range *range,
                   struct merkle_part parts[MERKLE_PROOF_MAX],
                   unsigned *before)
{
    /* Right children that wait: one for each level at most. */
    struct merkle_part waiting[MERKLE_LEVELS_MAX + 1];
    unsigned waiting_cnt = 0;
    unsigned parts_cnt = 0;

    ASSERT(merkle_range_valid(range));
    *before = 0;
    waiting[waiting_cnt++] = (struct merkle_part){0, range->tree_cnt};
    while (waiting_cnt != 0) {
        const struct merkle_part part = waiting[--waiting_cnt];

        if (is_outside(range, &part)) {
            ASSERT(parts_cnt < MERKLE_PROOF_MAX);
            *before += part.first < range->first;
            parts[parts_cnt++] = part;
        } else if (!is_inside(range, &part)) {
            const uint64_t left = left_cnt(part.cnt);

            ASSERT(waiting_cnt + 2 <= ARRAY_LEN(waiting));
            waiting[waiting_cnt++] = (struct merkle_part){part.first + left, part.cnt - left};
            waiting[waiting_cnt++] = (struct merkle_part){part.first, left};
        }
    }
    return parts_cnt;
}

/* What merkle_range_root takes from, left to right. */
struct source {
    const struct merkle_range *range;
    const struct digest *hashes;
    merkle_next *next;
    void *ctx;
};

/* part_root is the root of a subtree. Its depth is that of the tree. */
static void
part_root(struct source *source, const struct merkle_part *part, struct digest *root)
{
    if (is_outside(source->range, part)) {
        *root = *source->hashes++;
    } else if (part->cnt == 1) {
        source->next(source->ctx, root);
    } else {
        const uint64_t left = left_cnt(part->cnt);
        struct digest children[2];

        part_root(source, &(struct merkle_part){part->first, left}, &children[0]);
        part_root(source, &(struct merkle_part){part->first + left, part->cnt - left},
                  &children[1]);
        merkle_node(root, &children[0], &children[1]);
    }
}

bool
merkle_range_root(const struct merkle_range *range,
                  merkle_next *next,
                  void *ctx,
                  const struct digest *hashes,
                  size_t hashes_cnt,
                  struct digest *root)
{
    struct source source = {.range = range, .hashes = hashes, .next = next, .ctx = ctx};
    struct merkle_part parts[MERKLE_PROOF_MAX];
    unsigned before;

    if (!merkle_range_valid(range) || merkle_range_parts(range, parts, &before) != hashes_cnt)
        return false;
    part_root(&source, &(struct merkle_part){0, range->tree_cnt}, root);
    ASSERT(source.hashes == hashes + hashes_cnt);
    return true;
}
