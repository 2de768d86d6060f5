#include "engine/ladder.h"

#include <string.h>

size_t
ladder_pool_footprint(uint32_t pages_max)
{
    return ((size_t)pages_max + 1) * sizeof(struct ladder_page);
}

void
ladder_pool_init(struct ladder_pool *pool, void *mem, uint32_t pages_max)
{
    ASSERT(pages_max >= 1);
    ASSERT(pages_max <= PAGES_MAX);
    *pool = (struct ladder_pool){.pages = mem, .pages_max = pages_max};
}

void
ladder_init(struct ladder *ladder)
{
    *ladder = (struct ladder){.best_key = LADDER_KEY_NONE};
}

/* slot_at returns the place of a key in its page of that height. */
static inline uint32_t
slot_at(uint32_t key, uint32_t height)
{
    return key >> 6 * height & 63;
}

static uint32_t
page_take(struct ladder_pool *pool, uint32_t height, uint32_t prefix, uint32_t parent)
{
    uint32_t page = pool->free_head;

    if (LIKELY(page != LADDER_NONE)) {
        pool->free_head = pool->pages[page].next_free;
        pool->free_cnt--;
    } else {
        ASSERT(pool->used_cnt < pool->pages_max);
        page = ++pool->used_cnt;
    }

    struct ladder_page *at = &pool->pages[page];

    at->bitmap = 0;
    at->parent = parent;
    at->prefix = prefix;
    at->height = height;
    at->next_free = LADDER_NONE;
    if (height > 0)
        memset(at->at.children, 0, sizeof at->at.children);
    return page;
}

static void
page_give(struct ladder_pool *pool, uint32_t page)
{
    ASSERT(pool->pages[page].bitmap == 0);
    pool->pages[page].next_free = pool->free_head;
    pool->free_head = page;
    pool->free_cnt++;
}

uint32_t
ladder_pages_wanted(const struct ladder_pool *pool, const struct ladder *ladder, uint32_t key)
{
    if (ladder->root == LADDER_NONE)
        return 1;
    if (!ladder_covers(ladder, key)) {
        uint32_t height = ladder->height;
        uint32_t prefix = ladder->prefix;

        while ((uint64_t)key >> 6 * (height + 1) != prefix) {
            prefix >>= 6;
            height++;
        }
        return height - ladder->height + height;
    }

    uint32_t page = ladder->root;

    for (uint32_t height = ladder->height; height > 0; height--) {
        page = pool->pages[page].at.children[slot_at(key, height)];
        if (page == LADDER_NONE)
            return height;
    }
    return 0;
}

/* grow puts roots on top until the root covers key. */
static COLD void
grow(struct ladder_pool *pool, struct ladder *ladder, uint32_t key)
{
    while (!ladder_covers(ladder, key)) {
        ASSERT(ladder->height < LADDER_HEIGHT_MAX);

        const uint32_t slot = ladder->prefix & 63;
        const uint32_t root = page_take(pool, ladder->height + 1, ladder->prefix >> 6, LADDER_NONE);
        struct ladder_page *at = &pool->pages[root];

        at->bitmap = UINT64_C(1) << slot;
        at->at.children[slot] = ladder->root;
        pool->pages[ladder->root].parent = root;
        ladder->root = root;
        ladder->height++;
        ladder->prefix >>= 6;
    }
}

/* add_child gives a page the child for key. */
static COLD uint32_t
add_child(struct ladder_pool *pool, uint32_t parent, uint32_t height, uint32_t key)
{
    const uint32_t page = page_take(pool, height, key >> 6 * (height + 1), parent);
    const uint32_t slot = slot_at(key, height + 1);
    struct ladder_page *at = &pool->pages[parent];

    at->at.children[slot] = page;
    at->bitmap |= UINT64_C(1) << slot;
    return page;
}

uint32_t
ladder_create(struct ladder_pool *pool, struct ladder *ladder, uint32_t key)
{
    ASSERT(key <= LADDER_KEY_MASK);
    if (UNLIKELY(ladder->root == LADDER_NONE)) {
        ladder->prefix = key >> 6;
        ladder->height = 0;
        ladder->root = page_take(pool, 0, ladder->prefix, LADDER_NONE);
    } else if (UNLIKELY(!ladder_covers(ladder, key))) {
        grow(pool, ladder, key);
    }

    uint32_t page = ladder->root;

    for (uint32_t height = ladder->height; height > 0; height--) {
        const uint32_t child = pool->pages[page].at.children[slot_at(key, height)];

        page = LIKELY(child != LADDER_NONE) ? child : add_child(pool, page, height - 1, key);
    }

    struct ladder_page *leaf = &pool->pages[page];
    const uint64_t bit = UINT64_C(1) << (key & 63);
    const uint32_t level = page << 6 | (key & 63);

    ASSERT((leaf->bitmap & bit) == 0);
    leaf->bitmap |= bit;
    leaf->at.levels[key & 63] = (struct level){
        .head = UINT32_MAX, .tail = UINT32_MAX, .hidden_head = UINT32_MAX};
    if (key < ladder->best_key) {
        ladder->best_key = key;
        ladder->best_level = level;
    }
    return level;
}

/* first_below returns the least level under a page. */
static uint32_t
first_below(const struct ladder_pool *pool, uint32_t page)
{
    const struct ladder_page *at = &pool->pages[page];

    while (at->height > 0) {
        page = at->at.children[__builtin_ctzll(at->bitmap)];
        at = &pool->pages[page];
    }
    return page << 6 | (uint32_t)__builtin_ctzll(at->bitmap);
}

/* prune gives an empty leaf back, and what becomes empty or needless above. */
static void
prune(struct ladder_pool *pool, struct ladder *ladder, uint32_t page)
{
    while (pool->pages[page].bitmap == 0) {
        const uint32_t parent = pool->pages[page].parent;
        const uint32_t slot = pool->pages[page].prefix & 63;

        page_give(pool, page);
        if (parent == LADDER_NONE) {
            ladder_init(ladder);
            return;
        }
        pool->pages[parent].at.children[slot] = LADDER_NONE;
        pool->pages[parent].bitmap &= ~(UINT64_C(1) << slot);
        page = parent;
    }
    while (ladder->height > 0) {
        struct ladder_page *root = &pool->pages[ladder->root];

        if ((root->bitmap & (root->bitmap - 1)) != 0)
            return;

        const uint32_t child = root->at.children[__builtin_ctzll(root->bitmap)];

        root->bitmap = 0;
        page_give(pool, ladder->root);
        pool->pages[child].parent = LADDER_NONE;
        ladder->root = child;
        ladder->height--;
        ladder->prefix = pool->pages[child].prefix;
    }
}

HOT void
ladder_remove(struct ladder_pool *pool, struct ladder *ladder, uint32_t level)
{
    const uint32_t page = level >> 6;
    struct ladder_page *leaf = &pool->pages[page];

    ASSERT(leaf->at.levels[level & 63].orders_cnt == 0);
    leaf->bitmap &= ~(UINT64_C(1) << (level & 63));
    if (UNLIKELY(leaf->bitmap == 0)) {
        prune(pool, ladder, page);
        if (level == ladder->best_level && ladder->root != LADDER_NONE) {
            ladder->best_level = first_below(pool, ladder->root);
            ladder->best_key = ladder_key_of(pool, ladder->best_level);
        }
    } else if (level == ladder->best_level) {
        ladder->best_level = page << 6 | (uint32_t)__builtin_ctzll(leaf->bitmap);
        ladder->best_key = ladder_key_of(pool, ladder->best_level);
    }
}

uint32_t
ladder_next(const struct ladder_pool *pool, uint32_t level)
{
    uint32_t page = level >> 6;
    uint32_t slot = level & 63;

    while (page != LADDER_NONE) {
        const struct ladder_page *at = &pool->pages[page];
        const uint64_t after = at->bitmap & (~UINT64_C(0) << slot) << 1;

        if (after != 0) {
            const uint32_t next = (uint32_t)__builtin_ctzll(after);

            return at->height == 0 ? page << 6 | next : first_below(pool, at->at.children[next]);
        }
        slot = at->prefix & 63;
        page = at->parent;
    }
    return LADDER_NONE;
}

void
ladder_prefetch(const struct ladder_pool *pool, const struct ladder *ladder, uint32_t key)
{
    uint32_t page = ladder->root;

    if (page == LADDER_NONE || !ladder_covers(ladder, key))
        return;
    for (uint32_t height = ladder->height; height > 0; height--) {
        page = pool->pages[page].at.children[slot_at(key, height)];
        if (page == LADDER_NONE)
            return;
    }
    PREFETCH_W(&pool->pages[page]);
    PREFETCH_W(&pool->pages[page].at.levels[key & 63]);
}
