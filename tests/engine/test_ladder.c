/*
 * Goal: the ladder finds, orders and frees levels, at every distance.
 * Method: random adds and removes against a sorted array, near each other and
 * across the whole range, with the ladder's own check after each; exact page
 * counts at the edges of blocks.
 */
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "engine/ladder.h"

#define PAGES_FOR_TESTS 4096u
#define KEYS_MAX        256u

struct fixture {
    struct ladder_pool pool;
    struct ladder ladder;
    void *mem;
};

static void
fixture_init(struct fixture *fixture, uint32_t pages_max)
{
    const size_t bytes = ladder_pool_footprint(pages_max);

    fixture->mem = aligned_alloc(CACHE_LINE, bytes);
    cr_assert_not_null(fixture->mem);
    memset(fixture->mem, 0, bytes);
    ladder_pool_init(&fixture->pool, fixture->mem, pages_max);
    ladder_init(&fixture->ladder);
}

static uint32_t
pages_in_use(const struct fixture *fixture)
{
    return fixture->pool.pages_max - ladder_room(&fixture->pool);
}

static uint32_t
root_height(const struct fixture *fixture)
{
    return fixture->pool.heads[fixture->ladder.root].height;
}

static uint32_t
add(struct fixture *fixture, uint32_t key)
{
    const uint32_t before = pages_in_use(fixture);
    const uint32_t wanted = ladder_pages_wanted(&fixture->pool, &fixture->ladder, key);
    const uint32_t level = ladder_obtain(&fixture->pool, &fixture->ladder, key);

    cr_assert_eq(pages_in_use(fixture), before + wanted);
    cr_assert_leq(wanted, LADDER_PAGES_PER_LEVEL);
    ladder_level(&fixture->pool, level)->orders_cnt = 1;
    return level;
}

static void
remove_key(struct fixture *fixture, uint32_t key)
{
    const uint32_t level = ladder_find(&fixture->pool, &fixture->ladder, key);

    cr_assert_neq(level, LADDER_NONE);
    ladder_level(&fixture->pool, level)->orders_cnt = 0;
    ladder_remove(&fixture->pool, &fixture->ladder, level);
}

Test(ladder, empty_crosses_nothing_and_finds_nothing)
{
    struct fixture f;

    fixture_init(&f, 4);
    cr_assert_eq(f.ladder.best_key, LADDER_KEY_NONE);
    cr_assert_eq(ladder_find(&f.pool, &f.ladder, 1), LADDER_NONE);
    free(f.mem);
}

Test(ladder, key_of_a_buy_is_less_for_a_higher_tick)
{
    cr_assert_lt(ladder_key(101, false), ladder_key(100, false));
    cr_assert_lt(ladder_key(100, true), ladder_key(101, true));
    cr_assert_eq(ladder_key(ladder_key(77, false), false), 77);
    cr_assert_leq(ladder_key(1, false), LADDER_KEY_MASK);
}

Test(ladder, best_is_the_least_and_next_goes_up)
{
    const uint32_t keys[] = {70000, 5, 64, 63, 4096, LADDER_KEY_MASK, 4095};
    const uint32_t sorted[] = {5, 63, 64, 4095, 4096, 70000, LADDER_KEY_MASK};
    struct fixture f;

    fixture_init(&f, 64);
    for (unsigned i = 0; i < ARRAY_LEN(keys); i++)
        (void)add(&f, keys[i]);

    uint32_t level = f.ladder.best_level;

    for (unsigned i = 0; i < ARRAY_LEN(sorted); i++) {
        cr_assert_eq(ladder_key_of(&f.pool, level), sorted[i]);
        level = ladder_next(&f.pool, level);
    }
    cr_assert_eq(level, LADDER_NONE);
    for (unsigned i = 0; i < ARRAY_LEN(sorted); i++) {
        cr_assert_eq(f.ladder.best_key, sorted[i]);
        remove_key(&f, sorted[i]);
    }
    cr_assert_eq(pages_in_use(&f), 0);
    cr_assert_eq(f.ladder.best_key, LADDER_KEY_NONE);
    free(f.mem);
}

Test(ladder, level_stays_where_it_is_while_others_come_and_go)
{
    struct fixture f;

    fixture_init(&f, 64);
    const uint32_t level = add(&f, 1000);

    (void)add(&f, 1);
    (void)add(&f, LADDER_KEY_MASK);
    cr_assert_eq(add(&f, 1000), level);
    remove_key(&f, 1);
    remove_key(&f, LADDER_KEY_MASK);
    cr_assert_eq(ladder_find(&f.pool, &f.ladder, 1000), level);
    cr_assert_eq(root_height(&f), 0);
    cr_assert_eq(pages_in_use(&f), 1);
    free(f.mem);
}

Test(ladder, level_that_lives_is_obtained_again)
{
    struct fixture f;

    fixture_init(&f, 4);
    const uint32_t level = add(&f, 1000);

    cr_assert_eq(ladder_obtain(&f.pool, &f.ladder, 1000), level);
    ladder_settle(&f.pool, &f.ladder, level, false);
    cr_assert_eq(ladder_find(&f.pool, &f.ladder, 1000), level);
    cr_assert_eq(ladder_check(&f.pool, &f.ladder), 1);
    remove_key(&f, 1000);
    cr_assert_eq(ladder_find(&f.pool, &f.ladder, 1000), LADDER_NONE);
    cr_assert_eq(ladder_check(&f.pool, &f.ladder), 0);
    free(f.mem);
}

Test(ladder, best_follows_the_least_bit_of_its_leaf_alone)
{
    struct fixture f;

    fixture_init(&f, 16);
    (void)add(&f, 20);
    (void)add(&f, 10);
    (void)add(&f, 100);
    remove_key(&f, 100);
    cr_assert_eq(f.ladder.best_key, 10);
    (void)add(&f, 64);
    (void)add(&f, 65);
    remove_key(&f, 64);
    cr_assert_eq(f.ladder.best_key, 10);
    remove_key(&f, 10);
    cr_assert_eq(f.ladder.best_key, 20);
    remove_key(&f, 20);
    cr_assert_eq(f.ladder.best_key, 65);
    cr_assert_eq(f.ladder.best_level, ladder_find(&f.pool, &f.ladder, 65));
    free(f.mem);
}

Test(ladder, takes_as_many_pages_as_the_levels_are_far_apart)
{
    struct fixture f;

    fixture_init(&f, 64);
    (void)add(&f, 0);
    cr_assert_eq(pages_in_use(&f), 1);
    (void)add(&f, 63);
    cr_assert_eq(pages_in_use(&f), 1);
    (void)add(&f, 64);
    cr_assert_eq(pages_in_use(&f), 3);
    cr_assert_eq(root_height(&f), 1);
    (void)add(&f, (1u << 14) - 1);
    cr_assert_eq(root_height(&f), 1);
    cr_assert_eq(pages_in_use(&f), 4);
    (void)add(&f, 1u << 14);
    cr_assert_eq(root_height(&f), 2);
    cr_assert_eq(pages_in_use(&f), 7);
    remove_key(&f, 1u << 14);
    remove_key(&f, (1u << 14) - 1);
    remove_key(&f, 64);
    cr_assert_eq(pages_in_use(&f), 1);
    (void)add(&f, LADDER_KEY_MASK);
    cr_assert_eq(pages_in_use(&f), 1 + LADDER_PAGES_PER_LEVEL);
    cr_assert_eq(root_height(&f), LADDER_HEIGHT_MAX);
    free(f.mem);
}

Test(ladder, key_outside_of_the_hot_block_is_walked_to)
{
    const uint32_t far = 5u << 14;
    struct fixture f;

    fixture_init(&f, 16);
    (void)add(&f, 7);
    cr_assert_neq(ladder_leaf(&f.pool, &f.ladder, 8), LADDER_NONE);
    cr_assert_eq(ladder_leaf(&f.pool, &f.ladder, 64), LADDER_NONE);
    (void)add(&f, far);
    cr_assert_neq(ladder_leaf(&f.pool, &f.ladder, far + 1), LADDER_NONE);
    cr_assert_eq(ladder_leaf(&f.pool, &f.ladder, far + 64), LADDER_NONE);
    cr_assert_eq(ladder_leaf(&f.pool, &f.ladder, 7), LADDER_NONE);

    const uint32_t level = ladder_obtain(&f.pool, &f.ladder, 7);

    cr_assert_eq(level, ladder_find(&f.pool, &f.ladder, 7));
    cr_assert_eq(ladder_leaf(&f.pool, &f.ladder, 7), level >> 6);
    cr_assert_eq(ladder_leaf(&f.pool, &f.ladder, far), LADDER_NONE);
    cr_assert_eq(ladder_check(&f.pool, &f.ladder), 5);
    remove_key(&f, 7);
    cr_assert_eq(ladder_leaf(&f.pool, &f.ladder, far), f.ladder.best_level >> 6);
    cr_assert_eq(ladder_check(&f.pool, &f.ladder), 1);
    remove_key(&f, far);
    cr_assert_eq(ladder_leaf(&f.pool, &f.ladder, far), LADDER_NONE);
    free(f.mem);
}

Test(ladder, free_page_becomes_one_of_the_other_kind_when_no_other_is_left)
{
    struct fixture f;

    fixture_init(&f, 3);
    (void)add(&f, 0);
    (void)add(&f, 64);
    cr_assert_eq(ladder_room(&f.pool), 0);
    remove_key(&f, 0);
    remove_key(&f, 64);
    ladder_pool_check(&f.pool);

    struct ladder others[3];

    for (unsigned i = 0; i < ARRAY_LEN(others); i++) {
        ladder_init(&others[i]);

        const uint32_t level = ladder_obtain(&f.pool, &others[i], 64 * i);

        ladder_level(&f.pool, level)->orders_cnt = 1;
        cr_assert_eq(ladder_check(&f.pool, &others[i]), 1);
    }
    cr_assert_eq(f.pool.inner_free, LADDER_NONE);
    for (unsigned i = 0; i < ARRAY_LEN(others); i++) {
        ladder_level(&f.pool, others[i].best_level)->orders_cnt = 0;
        ladder_remove(&f.pool, &others[i], others[i].best_level);
    }
    (void)add(&f, 0);
    (void)add(&f, 64);
    cr_assert_eq(ladder_check(&f.pool, &f.ladder), 3);
    ladder_pool_check(&f.pool);
    free(f.mem);
}

Test(ladder, room_is_told_exactly_when_pages_are_scarce)
{
    struct fixture f;

    fixture_init(&f, LADDER_PAGES_PER_LEVEL);
    cr_assert(ladder_has_room(&f.pool, &f.ladder, 0));
    (void)add(&f, 0);
    cr_assert(!ladder_has_room(&f.pool, &f.ladder, LADDER_KEY_MASK));
    cr_assert(ladder_has_room(&f.pool, &f.ladder, 63));
    cr_assert(ladder_has_room(&f.pool, &f.ladder, 64));
    free(f.mem);
}

static int
compare_keys(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a;
    const uint32_t y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* assert_same compares the ladder with the sorted keys. */
static void
assert_same(const struct fixture *f, uint32_t *keys, uint32_t cnt, unsigned seed)
{
    uint32_t level = f->ladder.best_level;

    qsort(keys, cnt, sizeof *keys, compare_keys);
    for (uint32_t i = 0; i < cnt; i++) {
        cr_assert_eq(ladder_key_of(&f->pool, level), keys[i], "seed %u", seed);
        cr_assert_eq(ladder_find(&f->pool, &f->ladder, keys[i]), level, "seed %u", seed);
        level = ladder_next(&f->pool, level);
    }
    cr_assert_eq(level, LADDER_NONE, "seed %u", seed);
    cr_assert_eq(ladder_check(&f->pool, &f->ladder), pages_in_use(f), "seed %u", seed);
    ladder_pool_check(&f->pool);
}

Test(ladder, random_levels_are_those_of_a_sorted_array)
{
    for (unsigned seed = 1; seed <= 30; seed++) {
        uint32_t keys[KEYS_MAX];
        uint32_t cnt = 0;
        struct fixture f;

        srand(seed);
        fixture_init(&f, PAGES_FOR_TESTS);
        for (unsigned step = 0; step < 2000; step++) {
            const unsigned bits = 3 + (unsigned)rand() % 28;
            const uint32_t key =
                ((uint32_t)rand() << 3 ^ (uint32_t)rand()) & ((1u << bits) - 1) & LADDER_KEY_MASK;

            if (cnt < KEYS_MAX && rand() % 2 == 0) {
                if (ladder_find(&f.pool, &f.ladder, key) == LADDER_NONE) {
                    (void)add(&f, key);
                    keys[cnt++] = key;
                }
            } else if (cnt > 0) {
                const uint32_t at = (uint32_t)rand() % cnt;

                remove_key(&f, keys[at]);
                keys[at] = keys[--cnt];
            }
            if (step % 50 == 0)
                assert_same(&f, keys, cnt, seed);
        }
        while (cnt > 0)
            remove_key(&f, keys[--cnt]);
        cr_assert_eq(pages_in_use(&f), 0, "seed %u", seed);
        free(f.mem);
    }
}
