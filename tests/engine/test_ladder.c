/*
 * Goal: the ladder finds, orders and frees levels, at every distance.
 * Method: random adds and removes against a sorted array, near each other and
 * across the whole range; exact page counts at the edges of blocks.
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
    return fixture->pool.used_cnt - fixture->pool.free_cnt;
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
    cr_assert_eq(f.ladder.height, 0);
    cr_assert_eq(pages_in_use(&f), 1);
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
    cr_assert_eq(f.ladder.height, 1);
    remove_key(&f, 64);
    cr_assert_eq(pages_in_use(&f), 1);
    (void)add(&f, LADDER_KEY_MASK);
    cr_assert_eq(pages_in_use(&f), 1 + LADDER_PAGES_PER_LEVEL);
    cr_assert_eq(f.ladder.height, LADDER_HEIGHT_MAX);
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
