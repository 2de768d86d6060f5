/*
 * Ladder: the price levels of one side of one book.
 *
 *   key of a level: 30 bits      29 .. 22   21 .. 14   13 .. 6   5 .. 0
 *                         height    3          2          1        0
 *
 *             root (height 1)            inner page: 256 children
 *            /      |       \
 *        leaf     leaf     leaf          leaf: 64 levels
 *          ^
 *          hot: where a key of the hot block finds its leaf
 *
 * A radix tree of pages over keys in which a smaller key is a better price: the
 * key of a tick is the tick itself for sells and its complement for buys
 * (ladder_key), so one code serves both sides, the best level is found by
 * counting trailing zeros, and "does it cross?" is one comparison.
 *
 * The tree is only as high as the live levels are far apart: a root grows when
 * a key falls outside its block and shrinks when one child is left. But an order
 * hardly ever walks it. Each ladder knows its hot block: of the last leaf that
 * was walked to, the block of its parent, 16,384 ticks. A key in it needs one
 * look into the parent's children, whatever the height. While the only page is
 * a leaf, the block is the leaf's own 64 ticks, and the child that is found is
 * the leaf's own number, which stands at the start of its head: the same code
 * without a branch.
 *
 * A level without orders is as a new one would be: no head, no tail, sums of 0.
 * So to create it is to set its bit, and to remove it is to clear the bit, by
 * arithmetic; whether a level existed before, and whether an order was its last,
 * no one can guess, and no one needs to. Within the best leaf the best level is
 * the lowest bit. What remains are branches that hardly ever go the other way:
 * leaf missing or elsewhere, leaf empty, new best level.
 *
 * Pages come from one pool that all books share; a page without a level goes
 * back at once, so memory follows the live levels. Free pages keep the content
 * of their kind (empty levels, or children that are none), and each kind has
 * a list of its own, so a page is set up once and again only when it changes
 * its kind, which happens when all others are taken.
 *
 *   memory   blocks of 2,048 bytes, one a page      then heads of 32 bytes
 *            64 levels, or 256 children and bits
 *
 * A level's number is its place among the blocks, in levels; so is hot_at, which
 * can also be the place of a head.
 *
 * Invariants (ladder_check, engine_check)
 *  1. A bit is set if and only if its level has orders, or its child has bits.
 *  2. best_key and best_level are the least level's; best_key is
 *     LADDER_KEY_NONE when there is none, so it crosses nothing.
 *  3. A root above height 0 has two children or more.
 *  4. A level does not move while it lives: its number is (page << 6) | slot.
 *  5. The hot block is that of a page of height 1, or of a root of height 0,
 *     or it is empty.
 *  6. Levels whose bit is clear, and those of free leaves, are empty; children
 *     whose bit is clear, and those of free inner pages, are LADDER_NONE.
 *
 * Written by the engine thread. Cost: a level for an order some 30 instructions,
 * two lines; next best within a leaf one instruction, beyond it a walk of at
 * most four pages.
 */
#ifndef OUTCRY_ENGINE_LADDER_H
#define OUTCRY_ENGINE_LADDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base.h"
#include "proto/limits.h"

#define LADDER_KEY_MASK   (TICKS_MAX - 1)
#define LADDER_KEY_NONE   UINT32_MAX
#define LADDER_NONE       0u /* no page, no level: page 0 is never used */
#define LADDER_HEIGHT_MAX 3u
#define LADDER_CHILDREN   256u

/* A hot block that no key is in. */
#define LADDER_NOWHERE (UINT32_C(1) << 31 | 6)

/* Most pages that one new level can take: from a single leaf, three roots on
 * top and a whole new path beside. */
#define LADDER_PAGES_PER_LEVEL 6u

/* A level: the displayed orders, oldest first, then the hidden ones. Quantities
 * are at most ORDERS_MAX * 2^32. */
struct level {
    uint32_t head; /* order slots; LADDER_ORDER_NONE: none */
    uint32_t tail;
    uint64_t shown_qty;
    uint32_t orders_cnt;
    uint32_t hidden_head; /* the first hidden order */
    uint64_t reserve_qty; /* of hidden orders, and what icebergs hold back */
};

#define LADDER_ORDER_NONE UINT32_MAX /* ORDER_NONE of order.h */

/* What stands in the block of an inner page. */
struct ladder_inner {
    uint32_t children[LADDER_CHILDREN]; /* LADDER_NONE where the bit is clear */
    uint64_t bitmap[LADDER_CHILDREN / 64];
};

struct ladder_head {
    uint32_t self; /* the page's own number: the child of a lone leaf */
    uint32_t parent;
    uint64_t bitmap; /* levels; of an inner page: words of its bitmap not 0 */
    uint32_t prefix; /* what its keys have in common: key >> (6 + 8 * height) */
    uint32_t height; /* 0: a leaf */
    uint32_t next_free;
    uint32_t zero;
};

_Static_assert(sizeof(struct level) == 32, "two to a line, never across");
_Static_assert(sizeof(struct ladder_inner) <= 64 * sizeof(struct level), "a leaf is the larger");
_Static_assert(sizeof(struct ladder_head) == sizeof(struct level), "heads are counted in levels");
_Static_assert(offsetof(struct ladder_head, self) == 0, "found like a child");
_Static_assert(LADDER_KEY_MASK >> (6 + 8 * LADDER_HEIGHT_MAX) == 0, "the highest root has all");
_Static_assert((uint64_t)PAGES_MAX * 65 + 65 <= UINT32_MAX, "places fit hot_at");
_Static_assert(LADDER_NOWHERE >> 14 > LADDER_KEY_MASK >> 14, "outside of every block");

#define LADDER_PAGE_BYTES (64 * sizeof(struct level) + sizeof(struct ladder_head))

struct ladder {
    uint32_t root;
    uint32_t hot_at;    /* children of the hot block: their place, in levels */
    uint32_t hot_block; /* its least key, and how many bits its keys have: 6, 14 */
    uint32_t best_level;
    uint32_t best_key;
};

struct ladder_pool {
    struct level *levels; /* 64 of each page, from page 1 to pages_max */
    struct ladder_head *heads;
    uint32_t pages_max;
    uint32_t used_cnt;  /* pages that were ever in use */
    uint32_t room_cnt;  /* pages that are free, those never used as well */
    uint32_t leaf_free; /* lists of free pages, by kind */
    uint32_t inner_free;
    uint32_t zero;
};

/* ladder_key returns the key of a tick on a side; it is its own inverse. */
static inline uint32_t
ladder_key(uint32_t tick, bool sell)
{
    return tick ^ (((uint32_t)sell - 1) & LADDER_KEY_MASK);
}

static inline struct level *
ladder_level(const struct ladder_pool *pool, uint32_t level)
{
    return &pool->levels[level];
}

/* ladder_key_of returns the key of a live level. */
static inline uint32_t
ladder_key_of(const struct ladder_pool *pool, uint32_t level)
{
    return pool->heads[level >> 6].prefix << 6 | (level & 63);
}

/* ladder_pool_footprint returns the bytes of the pages. */
size_t ladder_pool_footprint(uint32_t pages_max);
void ladder_pool_init(struct ladder_pool *pool, void *mem, uint32_t pages_max);

/* ladder_init makes a ladder without levels. */
void ladder_init(struct ladder *ladder);

/* ladder_pages_wanted returns how many pages a level at key would take. */
PURE uint32_t ladder_pages_wanted(const struct ladder_pool *pool,
                                  const struct ladder *ladder,
                                  uint32_t key);

/* ladder_room returns how many pages are free. */
static inline uint32_t
ladder_room(const struct ladder_pool *pool)
{
    return pool->room_cnt;
}

/* ladder_has_room says whether a level at key exists or can be created. */
static inline bool
ladder_has_room(const struct ladder_pool *pool, const struct ladder *ladder, uint32_t key)
{
    return LIKELY(pool->room_cnt >= LADDER_PAGES_PER_LEVEL) ||
           ladder_pages_wanted(pool, ladder, key) <= pool->room_cnt;
}

/* ladder_find returns the level at key, LADDER_NONE if there is none. */
PURE uint32_t ladder_find(const struct ladder_pool *pool,
                          const struct ladder *ladder,
                          uint32_t key);

/* ladder_reach walks to the leaf of key, makes what is missing on the way and
 * the block of its parent hot. It returns the leaf. */
uint32_t ladder_reach(struct ladder_pool *pool, struct ladder *ladder, uint32_t key);

/* ladder_leaf_line returns where it is written which leaf a key has, if it is
 * in the hot block; else some place that is nothing's. */
static inline const uint32_t *
ladder_leaf_line(const struct ladder_pool *pool, const struct ladder *ladder, uint32_t key)
{
    const uint32_t at = key ^ ladder->hot_block;
    const struct level *children = ladder_level(pool, ladder->hot_at);

    return (const uint32_t *)(const void *)children +
           (at >> (ladder->hot_block & 31) == 0 ? at >> 6 : 0);
}

/* ladder_leaf returns the leaf of a key of the hot block, LADDER_NONE if there
 * is none or the key is elsewhere. */
static inline uint32_t
ladder_leaf(const struct ladder_pool *pool, const struct ladder *ladder, uint32_t key)
{
    const uint32_t at = key ^ ladder->hot_block;

    if (UNLIKELY(at >> (ladder->hot_block & 31) != 0))
        return LADDER_NONE;

    const struct level *children = ladder_level(pool, ladder->hot_at);

    return ((const uint32_t *)(const void *)children)[at >> 6];
}

/* ladder_obtain returns the level at key, creating it if need be, when
 * ladder_has_room has said yes. The caller adds an order. */
static inline uint32_t
ladder_obtain(struct ladder_pool *pool, struct ladder *ladder, uint32_t key)
{
    uint32_t leaf = ladder_leaf(pool, ladder, key);

    if (UNLIKELY(leaf == LADDER_NONE))
        leaf = ladder_reach(pool, ladder, key);

    const uint32_t level = leaf << 6 | (key & 63);

    pool->heads[leaf].bitmap |= UINT64_C(1) << (key & 63);
    if (UNLIKELY(key < ladder->best_key)) {
        ladder->best_level = level;
        ladder->best_key = key;
    }
    return level;
}

/* ladder_prune removes the last level of its leaf. */
void ladder_prune(struct ladder_pool *pool, struct ladder *ladder, uint32_t level);

/* ladder_settle removes a level if it is empty; if not, nothing changes. */
static inline void
ladder_settle(struct ladder_pool *pool, struct ladder *ladder, uint32_t level, bool empty)
{
    struct ladder_head *leaf = &pool->heads[level >> 6];
    const uint64_t bitmap = leaf->bitmap & ~((uint64_t)empty << (level & 63));
    const uint32_t best_level = ladder->best_level;

    leaf->bitmap = bitmap;
    if (UNLIKELY(bitmap == 0)) {
        ladder_prune(pool, ladder, level);
        return;
    }

    /* In the best leaf the low bits of best_key and best_level, which are the
     * same, become those of the lowest bit. */
    const uint32_t here = (level ^ best_level) < 64 ? 63 : 0;
    const uint32_t change = (best_level ^ (uint32_t)__builtin_ctzll(bitmap)) & here;

    ladder->best_level = best_level ^ change;
    ladder->best_key ^= change;
}

/* ladder_remove removes a level that has no orders any more. */
static inline void
ladder_remove(struct ladder_pool *pool, struct ladder *ladder, uint32_t level)
{
    ladder_settle(pool, ladder, level, true);
}

/* ladder_next returns the next worse level, LADDER_NONE after the last. */
PURE uint32_t ladder_next(const struct ladder_pool *pool, uint32_t level);

/* ladder_check asserts what the pages of the ladder must be and returns how many
 * they are; ladder_pool_check asserts what the free pages must be. */
uint32_t ladder_check(const struct ladder_pool *pool, const struct ladder *ladder);
void ladder_pool_check(const struct ladder_pool *pool);

#endif
