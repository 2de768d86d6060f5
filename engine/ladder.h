/*
 * Ladder: the price levels of one side of one book.
 *
 *   key of a level: 30 bits      55 54 .. 24 23 .. 18 17 .. 12 11 .. 6 5 .. 0
 *                                            height 4  3        2     1   0
 *
 *             root (height 1)            page: bitmap + 64 children
 *            /      |       \
 *        leaf     leaf     leaf          page: bitmap + 64 levels
 *
 * A radix tree of 64-way pages over keys in which a smaller key is a better
 * price: the key of a tick is the tick itself for sells and its complement for
 * buys (ladder_key), so one code serves both sides, the best level is found by
 * counting trailing zeros, and "does it cross?" is one comparison.
 *
 * The tree is only as high as the live levels are far apart: a root covers one
 * aligned block of 64^(height+1) keys, grows when a key falls outside and
 * shrinks when one child is left. Levels within 4096 ticks of one block take
 * two hops, and as the height hardly ever changes, the loop over it is
 * predicted. Pages come from one pool that all books share; a page without
 * a level goes back at once, so memory follows the live levels.
 *
 * Invariants (engine_check)
 *  1. A bit is set if and only if its level has orders, or its child has bits.
 *  2. best_key and best_level are the least level's; best_key is
 *     LADDER_KEY_NONE when there is none, so it crosses nothing.
 *  3. A root above height 0 has two children or more.
 *  4. A level does not move while it lives: its index is (page << 6) | slot.
 *
 * Written by the engine thread. Cost: find or create 2-4 ns warm; next best
 * within a leaf one instruction, beyond it a walk of at most five pages.
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
#define LADDER_HEIGHT_MAX 4u

/* Most pages that one new level can take: from a single leaf, four roots on
 * top and a whole new path beside. */
#define LADDER_PAGES_PER_LEVEL 8u

/* A level: the displayed orders, oldest first, then the hidden ones. Quantities
 * are at most ORDERS_MAX * 2^32. */
struct level {
    uint32_t head; /* order slots; ORDER_NONE: none */
    uint32_t tail;
    uint64_t shown_qty;
    uint32_t orders_cnt;
    uint32_t hidden_head; /* the first hidden order */
    uint64_t reserve_qty; /* of hidden orders, and what icebergs hold back */
};

struct ladder_page {
    uint64_t bitmap;
    uint32_t parent;
    uint32_t prefix; /* what its keys have in common: key >> 6 * (height + 1) */
    uint32_t height; /* 0: a leaf */
    uint32_t next_free;
    uint64_t zero[5];
    union {
        struct level levels[64];
        uint32_t children[64]; /* LADDER_NONE where the bit is clear */
    } at;
};

_Static_assert(sizeof(struct level) == 32, "two to a line, never across");
_Static_assert(sizeof(struct ladder_page) % CACHE_LINE == 0, "levels do not straddle lines");
_Static_assert(offsetof(struct ladder_page, at) == CACHE_LINE, "the head has a line");

struct ladder {
    uint32_t root;
    uint32_t height;
    uint32_t prefix; /* of the root */
    uint32_t best_level;
    uint32_t best_key;
};

struct ladder_pool {
    struct ladder_page *pages; /* 1 .. pages_max */
    uint32_t pages_max;
    uint32_t used_cnt; /* pages that were ever in use */
    uint32_t free_head;
    uint32_t free_cnt; /* of the list; those never used are free as well */
};

/* ladder_key returns the key of a tick on a side; it is its own inverse. */
static inline uint32_t
ladder_key(uint32_t tick, bool sell)
{
    return tick ^ (sell ? 0u : LADDER_KEY_MASK);
}

static inline struct level *
ladder_level(const struct ladder_pool *pool, uint32_t level)
{
    return &pool->pages[level >> 6].at.levels[level & 63];
}

/* ladder_key_of returns the key of a live level. */
static inline uint32_t
ladder_key_of(const struct ladder_pool *pool, uint32_t level)
{
    return pool->pages[level >> 6].prefix << 6 | (level & 63);
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
    return pool->free_cnt + (pool->pages_max - pool->used_cnt);
}

/* ladder_has_room says whether a level at key exists or can be created. */
static inline bool
ladder_has_room(const struct ladder_pool *pool, const struct ladder *ladder, uint32_t key)
{
    const uint32_t room = ladder_room(pool);

    return LIKELY(room >= LADDER_PAGES_PER_LEVEL) || ladder_pages_wanted(pool, ladder, key) <= room;
}

/* ladder_covers says whether the block of the root has the key in it. */
static inline bool
ladder_covers(const struct ladder *ladder, uint32_t key)
{
    return (uint64_t)key >> 6 * (ladder->height + 1) == ladder->prefix;
}

/* ladder_find returns the level at key, LADDER_NONE if there is none. */
static inline uint32_t
ladder_find(const struct ladder_pool *pool, const struct ladder *ladder, uint32_t key)
{
    uint32_t page = ladder->root;

    if (UNLIKELY(page == LADDER_NONE || !ladder_covers(ladder, key)))
        return LADDER_NONE;
    for (uint32_t height = ladder->height; height > 0; height--) {
        page = pool->pages[page].at.children[key >> 6 * height & 63];
        if (UNLIKELY(page == LADDER_NONE))
            return LADDER_NONE;
    }
    if (UNLIKELY((pool->pages[page].bitmap >> (key & 63) & 1) == 0))
        return LADDER_NONE;
    return page << 6 | (key & 63);
}

/* ladder_create creates a level at key, without orders, where there is none;
 * ladder_has_room has said yes. The caller adds an order. */
uint32_t ladder_create(struct ladder_pool *pool, struct ladder *ladder, uint32_t key);

/* ladder_obtain returns the level at key, creating it if need be. */
static inline uint32_t
ladder_obtain(struct ladder_pool *pool, struct ladder *ladder, uint32_t key)
{
    const uint32_t level = ladder_find(pool, ladder, key);

    return LIKELY(level != LADDER_NONE) ? level : ladder_create(pool, ladder, key);
}

/* ladder_remove removes a level that has no orders any more. */
void ladder_remove(struct ladder_pool *pool, struct ladder *ladder, uint32_t level);

/* ladder_next returns the next worse level, LADDER_NONE after the last. */
PURE uint32_t ladder_next(const struct ladder_pool *pool, uint32_t level);

/* ladder_prefetch fetches the level at key if the tree is at hand. */
void ladder_prefetch(const struct ladder_pool *pool, const struct ladder *ladder, uint32_t key);

#endif
