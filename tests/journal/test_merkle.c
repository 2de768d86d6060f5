/*
 * Goal: roots are those of RFC 6962 with BLAKE2b-256, and a range proof convinces if and
 * only if it is the one for these leaves at this place of this tree.
 * Method: roots against vectors of an implementation of its own (merkle_vectors.py, run
 * as a test as well); proofs for every range of every tree of 1 to 70 leaves, made by
 * building each subtree from its leaves; then every bit of some proofs flipped, and places,
 * counts and order changed.
 */
#include <criterion/criterion.h>

#include "journal/key.h"
#include "journal/merkle.h"

#define LEAVES_MAX 1024u

static const struct {
    unsigned cnt;
    const char *root;
} vectors[] = {
    {0, "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8"},
    {1, "9ee6dfb61a2fb903df487c401663825643bb825d41695e63df8af6162ab145a6"},
    {2, "a72c4e535150be251a8eac292d062f85a0ecce32c22f9c7ca17fe01dc7f27a2b"},
    {3, "e69c07d51afd2a19dfdd8580117f53988e55197945d66310f48bade0cf7e908f"},
    {4, "2f42ad532cdb94057b531f91b9f0a9507f60567825f3c122104c9d74c0bed73a"},
    {5, "4f8cc971c05c432e16611a56e247f699e2a8e1388a87ca3b81c86688ad47abd9"},
    {6, "9d687c5ea3c4c9ff0455ea350bc083cce23d8e8bb2f05d29c1256114d2088c7f"},
    {7, "a20dd19996995d7aec33366c249cac0c5726c0f4aef8069a1749d8bedd9bb2fe"},
    {8, "12f3d90dcf2bc3e6e905e8cdb23fcce8b63605a3e8ee927328d173151816ba5d"},
    {9, "81e44169ab98d3c924b91cccc5c3fadee649a1daaf0f6e884f6fc066dfab6c03"},
    {10, "e064c0c589fa79f8b9dd6e1ba82a930032acb709e55c9f2b1e97da0b64c5fded"},
    {11, "072a8486700e2bed5feba45b0459705eccccafa7b265b1c15912dc064166adda"},
    {12, "0e3f419fe62e4fe69f71d27abcbe788ebe25bdf5eaf090c49abdbc614593da83"},
    {13, "738e73b236550df7df7a06cba41d18ba32676d43adb78fa40bdf05babf8f4c04"},
    {14, "81e040bfb46245f573711e5654ac4005bfdf4fa91aaef94bfe06e7e1ff8995a7"},
    {15, "b9875920aab637af320f1027b232bfcf4aee97e172731887774c59499f41b9e9"},
    {16, "a9c01a086970202c608d37d24fd89d6ae36b08e47c173943c4d89525115ff8ff"},
    {17, "703dd5a3832de5525d98d2398ec4a9fe212806d37d8c3abe6c74fab1caacd273"},
    {31, "f34b9b09b1f2d0ac4899a138d6c78a762db3cdcec6ae2575c3ef38b5bba2f600"},
    {32, "193e5b0ed5144edaa86984806101c7ba0eb820f57c456dd12a74cf4749f98bb4"},
    {33, "af4d538e3a21058968cea7d261fb43105718986499679c72e03fc2d9e219a2b0"},
    {63, "84229bd2a7e5c4155d3795fc853736255d844855829fedb9b8dfcf2219cb459f"},
    {64, "afe5d1975284106280c3a8233c24ef6f0b767df634147158731f44528d2accd4"},
    {65, "b6feba37bc17f483ae98e4ca44c4347e6447c26a9702d55ee1c08b2f74d67e17"},
    {70, "fc1596f55efea74e148758fc192ccf32d83bf6adbb19cc725a258d0135f37ecd"},
    {1000, "0d8aeda27f348d0e57105257dc5100189069585a372cfdf92d2813d887cdb5cc"},
};

static struct digest leaves[LEAVES_MAX];

static void
setup(void)
{
    uint8_t data[LEAVES_MAX];

    cr_assert_eq(crypto_open(), 0);
    for (unsigned i = 0; i < LEAVES_MAX; i++) {
        for (unsigned j = 0; j <= i; j++)
            data[j] = (uint8_t)(i + j);
        merkle_leaf(&leaves[i], data, i + 1);
    }
}

TestSuite(merkle, .init = setup);

/* root_of builds the tree of some leaves. */
static struct digest
root_of(uint64_t first, uint64_t cnt)
{
    struct merkle tree;
    struct digest root;

    merkle_init(&tree);
    for (uint64_t i = 0; i < cnt; i++)
        merkle_add(&tree, &leaves[first + i]);
    merkle_root(&tree, &root);
    return root;
}

/* prove makes the proof of a range. */
static unsigned
prove(const struct merkle_range *range, struct digest hashes[MERKLE_PROOF_MAX])
{
    struct merkle_part parts[MERKLE_PROOF_MAX];
    unsigned before;
    const unsigned cnt = merkle_range_parts(range, parts, &before);

    for (unsigned i = 0; i < cnt; i++) {
        hashes[i] = root_of(parts[i].first, parts[i].cnt);
        cr_assert_eq(i < before, parts[i].first < range->first);
    }
    return cnt;
}

static void
next(void *ctx, struct digest *leaf)
{
    const struct digest **at = ctx;

    *leaf = *(*at)++;
}

/* holds tells whether leaves from given on and hashes prove the range of the root. */
static bool
holds(const struct merkle_range *range,
      const struct digest *given,
      const struct digest *hashes,
      unsigned hashes_cnt,
      const struct digest *expected)
{
    struct digest root;

    return merkle_range_root(range, next, &given, hashes, hashes_cnt, &root) &&
           digest_equal(&root, expected);
}

Test(merkle, roots_are_those_of_the_definition)
{
    for (unsigned i = 0; i < ARRAY_LEN(vectors); i++) {
        const struct digest root = root_of(0, vectors[i].cnt);
        char text[65];

        key_hex(text, root.bytes, sizeof root.bytes);
        cr_assert_str_eq(text, vectors[i].root, "tree of %u", vectors[i].cnt);
    }
}

Test(merkle, a_root_leaves_the_tree_as_it_is_and_a_copy_goes_its_own_way)
{
    struct merkle tree;
    struct merkle copy;
    struct digest root;
    struct digest expected;

    merkle_init(&tree);
    for (unsigned i = 0; i < 100; i++) {
        expected = root_of(0, i);
        merkle_root(&tree, &root);
        cr_assert(digest_equal(&root, &expected), "%u leaves", i);
        merkle_copy(&copy, &tree);
        for (unsigned j = 0; j < 7; j++)
            merkle_add(&copy, &leaves[500 + j]);
        merkle_add(&tree, &leaves[i]);
    }
}

Test(merkle, a_leaf_is_no_node_and_no_tree_has_the_root_of_another)
{
    struct digest children[2] = {leaves[0], leaves[1]};
    struct digest node;
    struct digest leaf;
    const struct digest tree = root_of(0, 2);

    merkle_node(&node, &children[0], &children[1]);
    merkle_leaf(&leaf, children, sizeof children);
    cr_assert(digest_equal(&node, &tree));
    cr_assert_not(digest_equal(&leaf, &node));
    /* No leaf is doubled: 3 leaves are not 4 of which the last two are the same. */
    for (unsigned i = 1; i < 70; i++) {
        struct merkle doubled;
        struct digest root;
        const struct digest expected = root_of(0, i);

        merkle_init(&doubled);
        for (unsigned j = 0; j <= i; j++)
            merkle_add(&doubled, &leaves[j < i ? j : i - 1]);
        merkle_root(&doubled, &root);
        cr_assert_not(digest_equal(&root, &expected), "%u leaves", i);
    }
}

Test(merkle, every_range_of_every_tree_up_to_70_leaves_is_proven)
{
    for (uint64_t cnt = 1; cnt <= 70; cnt++) {
        const struct digest root = root_of(0, cnt);

        for (uint64_t first = 0; first < cnt; first++) {
            for (uint64_t n = 1; n <= cnt - first; n++) {
                const struct merkle_range range = {cnt, first, n};
                struct digest hashes[MERKLE_PROOF_MAX];
                const unsigned hashes_cnt = prove(&range, hashes);

                cr_assert_leq(hashes_cnt, 14);
                cr_assert(holds(&range, &leaves[first], hashes, hashes_cnt, &root),
                          "%lu leaves from %lu of %lu", n, first, cnt);
            }
        }
    }
}

Test(merkle, a_proof_holds_for_its_own_place_alone)
{
    for (uint64_t cnt = 1; cnt <= 70; cnt++) {
        const struct digest root = root_of(0, cnt);

        for (uint64_t first = 0; first < cnt; first++) {
            const struct merkle_range range = {cnt, first, 1};
            struct digest hashes[MERKLE_PROOF_MAX];
            const unsigned hashes_cnt = prove(&range, hashes);

            for (uint64_t other = 0; other < cnt + 2; other++) {
                const struct merkle_range moved = {cnt, other, 1};
                const struct merkle_range longer = {other, first, 1};

                if (other != first)
                    cr_assert_not(holds(&moved, &leaves[first], hashes, hashes_cnt, &root),
                                  "leaf %lu of %lu as %lu", first, cnt, other);
                if (other != first && other < cnt)
                    cr_assert_not(holds(&range, &leaves[other], hashes, hashes_cnt, &root));
                /* A tree of another size may need the same hashes; that is why the
                 * number of leaves is signed. One that needs others is refused. */
                if (merkle_range_valid(&longer)) {
                    struct merkle_part parts[MERKLE_PROOF_MAX];
                    unsigned before;
                    struct digest got;
                    const struct digest *given = &leaves[first];
                    const bool fits = merkle_range_parts(&longer, parts, &before) == hashes_cnt;

                    cr_assert_eq(merkle_range_root(&longer, next, &given, hashes, hashes_cnt, &got),
                                 fits);
                }
            }
            cr_assert_not(holds(&range, &leaves[first], hashes, hashes_cnt + 1, &root));
            if (hashes_cnt > 0)
                cr_assert_not(holds(&range, &leaves[first], hashes, hashes_cnt - 1, &root));
        }
    }
}

Test(merkle, every_flipped_bit_of_a_proof_or_a_leaf_is_refused)
{
    static const struct merkle_range ranges[] = {{1, 0, 1},  {2, 1, 1},   {7, 2, 3},
                                                 {13, 0, 5}, {70, 69, 1}, {1000, 511, 3}};

    for (unsigned i = 0; i < ARRAY_LEN(ranges); i++) {
        const struct merkle_range *range = &ranges[i];
        const struct digest root = root_of(0, range->tree_cnt);
        struct digest hashes[MERKLE_PROOF_MAX];
        struct digest given[8];
        const unsigned hashes_cnt = prove(range, hashes);

        memcpy(given, &leaves[range->first], range->cnt * sizeof *given);
        cr_assert(holds(range, given, hashes, hashes_cnt, &root));
        for (size_t bit = 0; bit < (hashes_cnt + range->cnt) * 8 * DIGEST_BYTES; bit++) {
            const size_t of_hashes = (size_t)hashes_cnt * 8 * DIGEST_BYTES;
            uint8_t *byte = bit < of_hashes ? (uint8_t *)hashes + bit / 8
                                            : (uint8_t *)given + (bit - of_hashes) / 8;

            *byte ^= (uint8_t)(1u << bit % 8);
            cr_assert_not(holds(range, given, hashes, hashes_cnt, &root), "bit %zu", bit);
            *byte ^= (uint8_t)(1u << bit % 8);
        }
        for (unsigned j = 1; j < hashes_cnt; j++) {
            const struct digest swapped = hashes[j];

            hashes[j] = hashes[j - 1];
            hashes[j - 1] = swapped;
            cr_assert_not(holds(range, given, hashes, hashes_cnt, &root), "hash %u swapped", j);
            hashes[j - 1] = hashes[j];
            hashes[j] = swapped;
        }
        if (range->cnt > 1) {
            given[0] = leaves[range->first + 1];
            given[1] = leaves[range->first];
            cr_assert_not(holds(range, given, hashes, hashes_cnt, &root), "leaves swapped");
        }
    }
}

Test(merkle, ranges_that_are_in_no_tree_are_refused)
{
    static const struct merkle_range ranges[] = {
        {0, 0, 0}, {0, 0, 1},          {1, 0, 0},          {1, 1, 1},
        {5, 3, 3}, {5, UINT64_MAX, 2}, {5, 2, UINT64_MAX}, {MERKLE_CNT_MAX + 1, 0, 1},
    };
    struct digest hashes[MERKLE_PROOF_MAX] = {0};
    const struct digest *given = leaves;
    struct digest root;

    for (unsigned i = 0; i < ARRAY_LEN(ranges); i++) {
        cr_assert_not(merkle_range_valid(&ranges[i]), "range %u", i);
        cr_assert_not(merkle_range_root(&ranges[i], next, &given, hashes, 0, &root));
    }
}

Test(merkle, the_largest_tree_needs_no_more_than_its_levels)
{
    static const uint64_t firsts[] = {0, 1, 12345, MERKLE_CNT_MAX / 2, MERKLE_CNT_MAX - 2};

    for (unsigned i = 0; i < ARRAY_LEN(firsts); i++) {
        const struct merkle_range range = {MERKLE_CNT_MAX, firsts[i], 2};
        struct merkle_part parts[MERKLE_PROOF_MAX];
        unsigned before;
        uint64_t at = 0;
        const unsigned cnt = merkle_range_parts(&range, parts, &before);

        cr_assert_leq(cnt, MERKLE_PROOF_MAX);
        for (unsigned j = 0; j < cnt; j++) {
            if (at == range.first)
                at += range.cnt;
            cr_assert_eq(parts[j].first, at, "parts tile the tree");
            at += parts[j].cnt;
        }
        cr_assert_eq(at == range.first ? at + range.cnt : at, MERKLE_CNT_MAX);
    }
}
