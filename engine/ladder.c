#include "engine/ladder.h"

#include <string.h>

size_t
ladder_pool_footprint(uint32_t pages_max)
{
    const size_t bytes = ((size_t)pages_max + 1) * LADDER_PAGE_BYTES;

    return (bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
}

void
ladder_pool_init(struct ladder_pool *pool, void *mem, uint32_t pages_max)
{
    struct level *levels = mem;

    ASSERT(pages_max >= 1);
    ASSERT(pages_max <= PAGES_MAX);
    *pool = (struct ladder_pool){
        .levels = levels,
        .heads = (struct ladder_head *)(void *)(levels + ((size_t)pages_max + 1) * 64),
        .pages_max = pages_max,
        .room_cnt = pages_max,
    };
}

void
ladder_init(struct ladder *ladder)
{
    *ladder = (struct ladder){.hot_block = LADDER_NOWHERE, .best_key = LADDER_KEY_NONE};
}

static inline struct ladder_inner *
inner_of(const struct ladder_pool *pool, uint32_t page)
{
    return (struct ladder_inner *)(void *)&pool->levels[page << 6];
}

/* prefix_at returns what all keys of a page of that height have in common. */
static inline uint32_t
prefix_at(uint32_t key, uint32_t height)
{
    return key >> (6 + 8 * height);
}

/* slot_of returns the place of a page among its parent's children. */
static inline uint32_t
slot_of(const struct ladder_head *head)
{
    return head->prefix & (LADDER_CHILDREN - 1);
}

/* child_at returns the child for key of an inner page of that height. */
static inline uint32_t
child_at(const struct ladder_pool *pool, uint32_t page, uint32_t height, uint32_t key)
{
    return inner_of(pool, page)->children[prefix_at(key, height - 1) & (LADDER_CHILDREN - 1)];
}

static void
child_set(struct ladder_pool *pool, uint32_t page, uint32_t child)
{
    struct ladder_inner *inner = inner_of(pool, page);
    const uint32_t slot = slot_of(&pool->heads[child]);

    pool->heads[child].parent = page;
    inner->children[slot] = child;
    inner->bitmap[slot >> 6] |= UINT64_C(1) << (slot & 63);
    pool->heads[page].bitmap |= UINT64_C(1) << (slot >> 6);
}

static void
child_clear(struct ladder_pool *pool, uint32_t page, uint32_t slot)
{
    struct ladder_inner *inner = inner_of(pool, page);

    inner->children[slot] = LADDER_NONE;
    inner->bitmap[slot >> 6] &= ~(UINT64_C(1) << (slot & 63));
    if (inner->bitmap[slot >> 6] == 0)
        pool->heads[page].bitmap &= ~(UINT64_C(1) << (slot >> 6));
}

/* child_from returns the first child at or after a slot, LADDER_NONE if there
 * is none. */
static uint32_t
child_from(const struct ladder_pool *pool, uint32_t page, uint32_t slot)
{
    const struct ladder_inner *inner = inner_of(pool, page);
    uint64_t below = (UINT64_C(1) << (slot & 63)) - 1;

    for (uint32_t word = slot >> 6; word < LADDER_CHILDREN / 64; word++) {
        const uint64_t rest = inner->bitmap[word] & ~below;

        if (rest != 0)
            return inner->children[word << 6 | (uint32_t)__builtin_ctzll(rest)];
        below = 0;
    }
    return LADDER_NONE;
}

/* set_up gives a page the content of an empty one of its kind. */
static COLD void
set_up(struct ladder_pool *pool, uint32_t page, bool leaf)
{
    struct level *levels = &pool->levels[page << 6];

    memset(levels, 0, 64 * sizeof *levels);
    for (unsigned i = 0; leaf && i < 64; i++) {
        levels[i].head = LADDER_ORDER_NONE;
        levels[i].tail = LADDER_ORDER_NONE;
        levels[i].hidden_head = LADDER_ORDER_NONE;
    }
}

/* page_take takes an empty page: one that was of the same kind, else one never
 * used, else one that must change its kind. */
static uint32_t
page_take(struct ladder_pool *pool, uint32_t height, uint32_t prefix)
{
    uint32_t *own = height == 0 ? &pool->leaf_free : &pool->inner_free;
    uint32_t *other = height == 0 ? &pool->inner_free : &pool->leaf_free;
    uint32_t page = *own;

    ASSERT(pool->room_cnt > 0);
    pool->room_cnt--;
    if (LIKELY(page != LADDER_NONE)) {
        *own = pool->heads[page].next_free;
    } else {
        if (pool->used_cnt < pool->pages_max) {
            page = ++pool->used_cnt;
        } else {
            page = *other;
            *other = pool->heads[page].next_free;
        }
        ASSERT(page != LADDER_NONE);
        set_up(pool, page, height == 0);
    }
    pool->heads[page] = (struct ladder_head){.self = page, .prefix = prefix, .height = height};
    return page;
}

static void
page_give(struct ladder_pool *pool, uint32_t page)
{
    struct ladder_head *head = &pool->heads[page];
    uint32_t *list = head->height == 0 ? &pool->leaf_free : &pool->inner_free;

    ASSERT(head->bitmap == 0);
    head->next_free = *list;
    *list = page;
    pool->room_cnt++;
}

uint32_t
ladder_pages_wanted(const struct ladder_pool *pool, const struct ladder *ladder, uint32_t key)
{
    uint32_t page = ladder->root;

    if (page == LADDER_NONE)
        return 1;

    const struct ladder_head *root = &pool->heads[page];

    if (prefix_at(key, root->height) != root->prefix) {
        uint32_t height = root->height;

        while (prefix_at(key, height) != root->prefix >> 8 * (height - root->height))
            height++;
        return height - root->height + height;
    }
    for (uint32_t height = root->height; height > 0; height--) {
        page = child_at(pool, page, height, key);
        if (page == LADDER_NONE)
            return height;
    }
    return 0;
}

uint32_t
ladder_find(const struct ladder_pool *pool, const struct ladder *ladder, uint32_t key)
{
    uint32_t page = ladder->root;

    if (page == LADDER_NONE || prefix_at(key, pool->heads[page].height) != pool->heads[page].prefix)
        return LADDER_NONE;
    for (uint32_t height = pool->heads[page].height; height > 0; height--) {
        page = child_at(pool, page, height, key);
        if (page == LADDER_NONE)
            return LADDER_NONE;
    }
    return (pool->heads[page].bitmap >> (key & 63) & 1) != 0 ? page << 6 | (key & 63) : LADDER_NONE;
}

/* heat makes the block hot that holds a leaf. */
static void
heat(const struct ladder_pool *pool, struct ladder *ladder, uint32_t leaf)
{
    const uint32_t parent = pool->heads[leaf].parent;

    if (parent != LADDER_NONE) {
        ladder->hot_at = parent << 6;
        ladder->hot_block = pool->heads[parent].prefix << 14 | 14;
    } else {
        ladder->hot_at = ((pool->pages_max + 1) << 6) + leaf;
        ladder->hot_block = pool->heads[leaf].prefix << 6 | 6;
    }
}

/* grow puts roots on top until the root's block has key in it. */
static void
grow(struct ladder_pool *pool, struct ladder *ladder, uint32_t key)
{
    uint32_t height = pool->heads[ladder->root].height;

    while (prefix_at(key, height) != pool->heads[ladder->root].prefix) {
        ASSERT(height < LADDER_HEIGHT_MAX);
        height++;

        const uint32_t root = page_take(pool, height, pool->heads[ladder->root].prefix >> 8);

        child_set(pool, root, ladder->root);
        ladder->root = root;
    }
}

uint32_t
ladder_reach(struct ladder_pool *pool, struct ladder *ladder, uint32_t key)
{
    ASSERT(key <= LADDER_KEY_MASK);
    if (ladder->root == LADDER_NONE)
        ladder->root = page_take(pool, 0, prefix_at(key, 0));
    else
        grow(pool, ladder, key);

    uint32_t page = ladder->root;

    for (uint32_t height = pool->heads[page].height; height > 0; height--) {
        uint32_t child = child_at(pool, page, height, key);

        if (child == LADDER_NONE) {
            child = page_take(pool, height - 1, prefix_at(key, height - 1));
            child_set(pool, page, child);
        }
        page = child;
    }
    heat(pool, ladder, page);
    return page;
}

/* first_below returns the least level under a page. */
static uint32_t
first_below(const struct ladder_pool *pool, uint32_t page)
{
    while (pool->heads[page].height > 0)
        page = child_from(pool, page, 0);
    return page << 6 | (uint32_t)__builtin_ctzll(pool->heads[page].bitmap);
}

/* give_up gives an empty page back and the pages above that become empty. The
 * ladder has other levels, so it ends below the root. */
static void
give_up(struct ladder_pool *pool, uint32_t page)
{
    while (pool->heads[page].bitmap == 0) {
        const uint32_t parent = pool->heads[page].parent;

        ASSERT(parent != LADDER_NONE);
        page_give(pool, page);
        child_clear(pool, parent, slot_of(&pool->heads[page]));
        page = parent;
    }
}

/* shrink takes roots off that have one child. */
static void
shrink(struct ladder_pool *pool, struct ladder *ladder)
{
    while (pool->heads[ladder->root].height > 0) {
        const uint32_t root = ladder->root;
        const uint32_t child = child_from(pool, root, 0);
        const uint32_t slot = slot_of(&pool->heads[child]);

        if (child_from(pool, root, slot + 1) != LADDER_NONE)
            return;
        child_clear(pool, root, slot);
        page_give(pool, root);
        pool->heads[child].parent = LADDER_NONE;
        ladder->root = child;
    }
}

void
ladder_prune(struct ladder_pool *pool, struct ladder *ladder, uint32_t level)
{
    const uint32_t leaf = level >> 6;

    ASSERT(pool->levels[level].orders_cnt == 0);
    ASSERT((pool->levels[level].shown_qty | pool->levels[level].reserve_qty) == 0);
    if (leaf == ladder->root) {
        page_give(pool, leaf);
        ladder_init(ladder);
        return;
    }
    give_up(pool, leaf);
    shrink(pool, ladder);
    if (leaf == ladder->best_level >> 6) {
        ladder->best_level = first_below(pool, ladder->root);
        ladder->best_key = ladder_key_of(pool, ladder->best_level);
    }
    heat(pool, ladder, ladder->best_level >> 6);
}

/* page_behind returns the next page that is neither above nor below a page:
 * the first of its later siblings, or of its parent's, and so on. */
static uint32_t
page_behind(const struct ladder_pool *pool, uint32_t page)
{
    const struct ladder_head *head = &pool->heads[page];

    while (head->parent != LADDER_NONE) {
        const uint32_t next = child_from(pool, head->parent, slot_of(head) + 1);

        if (next != LADDER_NONE)
            return next;
        head = &pool->heads[head->parent];
    }
    return LADDER_NONE;
}

uint32_t
ladder_next(const struct ladder_pool *pool, uint32_t level)
{
    const uint64_t rest = pool->heads[level >> 6].bitmap >> (level & 63) >> 1;

    if (LIKELY(rest != 0))
        return level + 1 + (uint32_t)__builtin_ctzll(rest);

    const uint32_t page = page_behind(pool, level >> 6);

    return page != LADDER_NONE ? first_below(pool, page) : LADDER_NONE;
}

/* check_levels asserts that a level is empty if its bit is clear. */
static void
check_levels(const struct ladder_pool *pool, uint32_t leaf)
{
    for (uint32_t i = 0; i < 64; i++) {
        const struct level *level = &pool->levels[leaf << 6 | i];

        if ((pool->heads[leaf].bitmap >> i & 1) != 0) {
            ASSERT(level->orders_cnt != 0);
            continue;
        }
        ASSERT(level->orders_cnt == 0);
        ASSERT((level->shown_qty | level->reserve_qty) == 0);
        ASSERT((level->head & level->tail & level->hidden_head) == LADDER_ORDER_NONE);
    }
}

/* check_children asserts that bits and children of an inner page agree. */
static void
check_children(const struct ladder_pool *pool, uint32_t page)
{
    const struct ladder_head *head = &pool->heads[page];
    const struct ladder_inner *inner = inner_of(pool, page);

    for (uint32_t i = 0; i < LADDER_CHILDREN; i++) {
        const bool bit = (inner->bitmap[i >> 6] >> (i & 63) & 1) != 0;

        ASSERT((inner->children[i] != LADDER_NONE) == bit);
    }
    for (uint32_t word = 0; word < LADDER_CHILDREN / 64; word++)
        ASSERT((head->bitmap >> word & 1) == (inner->bitmap[word] != 0));
    ASSERT(head->bitmap >> (LADDER_CHILDREN / 64) == 0);
}

static void
check_page(const struct ladder_pool *pool, uint32_t page)
{
    const struct ladder_head *head = &pool->heads[page];

    ASSERT(page <= pool->used_cnt);
    ASSERT(head->self == page);
    ASSERT(head->bitmap != 0);
    if (head->height > 0)
        check_children(pool, page);
    else
        check_levels(pool, page);
    if (head->parent != LADDER_NONE) {
        ASSERT(pool->heads[head->parent].height == head->height + 1);
        ASSERT(pool->heads[head->parent].prefix == head->prefix >> 8);
        ASSERT(inner_of(pool, head->parent)->children[slot_of(head)] == page);
    } else if (head->height > 0) {
        const uint32_t first = child_from(pool, page, 0);

        ASSERT(child_from(pool, page, slot_of(&pool->heads[first]) + 1) != LADDER_NONE);
    }
}

static void
check_hot(const struct ladder_pool *pool, const struct ladder *ladder)
{
    const uint32_t key = ladder->hot_block & ~63u;
    uint32_t page = ladder->root;

    if (ladder->hot_block == LADDER_NOWHERE)
        return;
    ASSERT(prefix_at(key, pool->heads[page].height) == pool->heads[page].prefix);
    if ((ladder->hot_block & 63) == 6) {
        ASSERT(pool->heads[page].height == 0);
        ASSERT(ladder->hot_at == ((pool->pages_max + 1) << 6) + page);
        return;
    }
    ASSERT((ladder->hot_block & 63) == 14);
    for (uint32_t height = pool->heads[page].height; height > 1; height--)
        page = child_at(pool, page, height, key);
    ASSERT(pool->heads[page].height == 1);
    ASSERT(ladder->hot_at == page << 6);
}

uint32_t
ladder_check(const struct ladder_pool *pool, const struct ladder *ladder)
{
    uint32_t page = ladder->root;
    uint32_t pages_cnt = 0;

    if (page == LADDER_NONE) {
        ASSERT(ladder->best_key == LADDER_KEY_NONE);
        ASSERT(ladder->hot_block == LADDER_NOWHERE);
        return 0;
    }
    ASSERT(pool->heads[page].parent == LADDER_NONE);
    ASSERT(ladder->best_level == first_below(pool, page));
    ASSERT(ladder->best_key == ladder_key_of(pool, ladder->best_level));
    check_hot(pool, ladder);
    while (page != LADDER_NONE) {
        check_page(pool, page);
        pages_cnt++;
        page = pool->heads[page].height > 0 ? child_from(pool, page, 0) : page_behind(pool, page);
    }
    return pages_cnt;
}

void
ladder_pool_check(const struct ladder_pool *pool)
{
    uint32_t cnt = 0;

    for (uint32_t page = pool->leaf_free; page != LADDER_NONE; page = pool->heads[page].next_free) {
        ASSERT(pool->heads[page].bitmap == 0);
        ASSERT(pool->heads[page].height == 0);
        check_levels(pool, page);
        ASSERT(cnt < pool->used_cnt);
        cnt++;
    }
    for (uint32_t page = pool->inner_free; page != LADDER_NONE;
         page = pool->heads[page].next_free) {
        ASSERT(pool->heads[page].bitmap == 0);
        ASSERT(pool->heads[page].height > 0);
        check_children(pool, page);
        ASSERT(cnt < pool->used_cnt);
        cnt++;
    }
    ASSERT(cnt + pool->pages_max - pool->used_cnt == pool->room_cnt);
}
