/*
 * Merkle: a tree of digests over a list of leaves, built while they pass by, and
 * proofs that some leaves that follow one another are in it. Private to journal/.
 *
 * The tree is that of RFC 6962 (and RFC 9162), section 2.1, with BLAKE2b-256:
 *
 *   leaf          H(0x00, bytes)
 *   tree of 0     H()
 *   tree of 1     its leaf
 *   tree of n     H(0x01, tree of the first k, tree of the other n - k), k the
 *                 largest power of two below n
 *
 *            root           n = 5, k = 4        No leaf is ever doubled to fill up
 *           /    \                              a level, so two lists of different
 *         k4      4         (4 is a leaf)       length have different roots as long
 *        /  \                                   as H holds; and as leaf and node
 *      k2    k2                                 have different tags, a node cannot
 *     /  \  /  \                                be passed off as a leaf.
 *     0  1  2  3
 *
 * Building holds one digest for each bit of n: the roots of the complete trees
 * that n falls apart into, the largest first. A struct merkle may be copied to come
 * back to where it was. A root costs up to 40 digests and leaves the tree as it is.
 *
 * A range proof shows that the leaves [first, first + cnt) of a tree of n are these.
 * It holds the roots of the largest subtrees that have none of them, from left to
 * right: at most 2 * log2 n. Who checks it walks the tree from its root down: a
 * subtree outside the range takes the next hash of the proof, a leaf in the range
 * comes from what is to be proven. n, first and cnt fix which hashes there are, so
 * there is one proof only, and it binds the leaves to their numbers. A range of
 * one is the audit path of RFC 6962 in another order.
 *
 * Cost: a leaf of one cell about 0.4 us, one digest for it and one for a node.
 */
#ifndef OUTCRY_JOURNAL_MERKLE_H
#define OUTCRY_JOURNAL_MERKLE_H

#include "journal/crypto.h"

/* A segment has fewer leaves than this has bits. */
#define MERKLE_LEVELS_MAX 40u
#define MERKLE_CNT_MAX    ((1ull << MERKLE_LEVELS_MAX) - 1)

/* Hashes of the longest range proof. */
#define MERKLE_PROOF_MAX (2 * MERKLE_LEVELS_MAX)

struct merkle {
    uint64_t cnt;                           /* leaves so far */
    struct digest peaks[MERKLE_LEVELS_MAX]; /* of 2^level leaves; valid where cnt has its bit */
};

/* merkle_leaf hashes a leaf of up to DIGEST_DATA_MAX bytes. */
void merkle_leaf(struct digest *leaf, const void *data, size_t bytes);

/* merkle_node hashes two children. */
void merkle_node(struct digest *node, const struct digest *left, const struct digest *right);

/* merkle_init makes it a tree without leaves. */
void merkle_init(struct merkle *tree);

/* merkle_add appends a leaf. */
void merkle_add(struct merkle *tree, const struct digest *leaf);

void merkle_root(const struct merkle *tree, struct digest *root);

/* merkle_copy is an assignment that copies no more than what is valid. */
void merkle_copy(struct merkle *to, const struct merkle *from);

/* Leaves of a tree. */
struct merkle_range {
    uint64_t tree_cnt; /* of the tree, at most MERKLE_CNT_MAX */
    uint64_t first;
    uint64_t cnt; /* 1 or more */
};

/* merkle_range_valid tells whether the range is in its tree. */
bool merkle_range_valid(const struct merkle_range *range);

/*
 * merkle_range_parts writes which subtrees the hashes of a proof are the roots of, from
 * left to right: first leaf and number of leaves of each. Returns how many; before
 * of them lie before the range.
 */
struct merkle_part {
    uint64_t first;
    uint64_t cnt;
};
unsigned merkle_range_parts(const struct merkle_range *range,
                            struct merkle_part parts[MERKLE_PROOF_MAX],
                            unsigned *before);

/* merkle_range_root works out the root from a proof. next gives the leaves of the
 * range in order. False if hashes_cnt is not what the range needs; the root is
 * for the caller to compare. */
typedef void merkle_next(void *ctx, struct digest *leaf);
NODISCARD bool merkle_range_root(const struct merkle_range *range,
                                 merkle_next *next,
                                 void *ctx,
                                 const struct digest *hashes,
                                 size_t hashes_cnt,
                                 struct digest *root);

#endif
