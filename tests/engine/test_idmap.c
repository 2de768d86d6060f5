/*
 * Goal: the id map holds exactly the pairs that were added and not removed, and
 * no client can make its ids meet.
 * Method: random adds, finds and removes against an array, with ids that count
 * upwards, that are random and that collide; full to orders_max. Pairs chosen to
 * meet in home and tag. Families of ids that differ by any power of two are
 * counted by home.
 */
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "engine/idmap.h"

#define ORDERS 500u

struct fixture {
    struct idmap map;
    struct order orders[ORDERS];
    bool live[ORDERS];
    uint32_t at[ORDERS]; /* where idmap_add_hashed put it */
    void *mem;
};

static void
fixture_init(struct fixture *f)
{
    const size_t bytes = idmap_footprint(ORDERS);

    memset(f, 0, sizeof *f);
    f->mem = aligned_alloc(CACHE_LINE, bytes);
    cr_assert_not_null(f->mem);
    memset(f->mem, 0, bytes);
    idmap_init(&f->map, f->mem, ORDERS);
}

static void
add(struct fixture *f, uint32_t slot, uint16_t session, uint64_t clord)
{
    f->orders[slot].session = session;
    f->orders[slot].clord = clord;
    f->live[slot] = true;
    f->at[slot] = idmap_add_hashed(&f->map, idmap_hash(&f->map, session, clord), slot);
}

static void
take_out(struct fixture *f, uint32_t slot)
{
    const struct order *order = &f->orders[slot];

    f->live[slot] = false;
    if (slot % 3 == 0)
        idmap_remove(&f->map, order->session, order->clord, slot);
    else
        idmap_remove_at(&f->map, f->at[slot], order->session, order->clord, slot);
}

Test(idmap, pair_is_found_until_it_is_removed)
{
    struct fixture f;

    fixture_init(&f);
    cr_assert_eq(idmap_find(&f.map, f.orders, 1, 7), ORDER_NONE);
    add(&f, 0, 1, 7);
    cr_assert_eq(idmap_find(&f.map, f.orders, 1, 7), 0);
    cr_assert_eq(idmap_find(&f.map, f.orders, 2, 7), ORDER_NONE);
    cr_assert_eq(idmap_find(&f.map, f.orders, 1, 8), ORDER_NONE);
    take_out(&f, 0);
    cr_assert_eq(idmap_find(&f.map, f.orders, 1, 7), ORDER_NONE);
    cr_assert_eq(idmap_check(&f.map, f.orders), 0);
    free(f.mem);
}

/* is_empty says whether no place is in use and no bucket was passed. */
static bool
is_empty(const struct idmap *map)
{
    for (uint32_t at = 0; at <= map->mask / CACHE_LINE; at++)
        if (map->buckets[at].passed_cnt != 0 || idmap_empty(&map->buckets[at]) != IDMAP_ALL)
            return false;
    return true;
}

Test(idmap, emptied_map_is_empty_again)
{
    struct fixture f;

    fixture_init(&f);
    for (uint32_t i = 0; i < ORDERS; i++)
        add(&f, i, (uint16_t)(i % 3), i);
    cr_assert_eq(idmap_check(&f.map, f.orders), ORDERS);
    cr_assert_not(is_empty(&f.map));
    for (uint32_t i = 0; i < ORDERS; i++)
        take_out(&f, (i * 7) % ORDERS);
    cr_assert(is_empty(&f.map));
    free(f.mem);
}

/* clord_of draws ids of three manners: in sequence, random, and of few bits in
 * high places, so that many are alike. */
static uint64_t
clord_of(unsigned manner, unsigned step)
{
    if (manner == 0)
        return step;
    if (manner == 1)
        return (uint64_t)rand() << 31 ^ (uint64_t)rand();
    return (uint64_t)(rand() % 2000) << 3;
}

Test(idmap, random_changes_agree_with_an_array)
{
    for (unsigned seed = 1; seed <= 30; seed++) {
        struct fixture f;

        srand(seed);
        fixture_init(&f);
        for (unsigned step = 0; step < 20000; step++) {
            const uint32_t slot = (uint32_t)rand() % ORDERS;
            const uint16_t session = (uint16_t)(rand() % 4);
            const uint64_t clord = clord_of(seed % 3, step);

            if (f.live[slot])
                take_out(&f, slot);
            else if (idmap_find(&f.map, f.orders, session, clord) == ORDER_NONE)
                add(&f, slot, session, clord);
            if (step % 1000 != 0)
                continue;
            (void)idmap_check(&f.map, f.orders);
            for (uint32_t i = 0; i < ORDERS; i++)
                if (f.live[i])
                    cr_assert_eq(
                        idmap_find(&f.map, f.orders, f.orders[i].session, f.orders[i].clord), i,
                        "seed %u step %u", seed, step);
        }
        free(f.mem);
    }
}

static uint32_t
home_of(const struct fixture *f, uint64_t clord)
{
    return (uint32_t)(idmap_home(&f->map, idmap_hash(&f->map, 1, clord)) - f->map.buckets);
}

/* clord_at_home returns a clord above `after` whose home, with session 1, it is. */
static uint64_t
clord_at_home(const struct fixture *f, uint32_t home, uint64_t after)
{
    uint64_t clord = after + 1;

    while (home_of(f, clord) != home)
        clord++;
    return clord;
}

/* clord_like returns a clord above `after` with its home and its tag. */
static uint64_t
clord_like(const struct fixture *f, uint64_t after)
{
    const uint8_t tag = idmap_tag(idmap_hash(&f->map, 1, after));
    uint64_t clord = after;

    do
        clord = clord_at_home(f, home_of(f, after), clord);
    while (idmap_tag(idmap_hash(&f->map, 1, clord)) != tag);
    return clord;
}

/* More pairs than a bucket has places for, all of one home and one tag, taken
 * out from both ends and found by the order alone. */
Test(idmap, pairs_of_one_home_and_tag_are_told_apart)
{
    struct fixture f;
    const uint32_t cnt = IDMAP_PLACES + 5;
    uint64_t clord = 1;

    fixture_init(&f);
    for (uint32_t i = 0; i < cnt; i++) {
        add(&f, i, 1, clord);
        clord = clord_like(&f, clord);
    }
    (void)idmap_check(&f.map, f.orders);
    cr_assert_eq(f.map.buckets[home_of(&f, 1)].passed_cnt, cnt - IDMAP_PLACES);
    cr_assert_eq(idmap_find(&f.map, f.orders, 1, clord), ORDER_NONE);
    for (uint32_t out = 0; out < cnt; out++) {
        take_out(&f, out % 2 == 0 ? out / 2 : cnt - 1 - out / 2);
        (void)idmap_check(&f.map, f.orders);
        for (uint32_t i = 0; i < cnt; i++) {
            const uint64_t hash = idmap_hash(&f.map, 1, f.orders[i].clord);
            const uint32_t want = f.live[i] ? i : ORDER_NONE;

            cr_assert_eq(idmap_find(&f.map, f.orders, 1, f.orders[i].clord), want);
            cr_assert_eq(idmap_find_hashed(&f.map, f.orders, hash, 1, f.orders[i].clord), want);
        }
    }
    cr_assert(is_empty(&f.map));
    free(f.mem);
}

/* most_at_one_home returns how many of four ids a bucket on average, i << step
 * for i from 0 on, share the home that most have. */
static unsigned
most_at_one_home(struct idmap *map, uint64_t salt, unsigned step)
{
    enum {
        BUCKETS = 1024
    };

    uint16_t seen[BUCKETS] = {0};
    unsigned most = 0;

    /* No bucket is looked into: their addresses are enough. */
    idmap_init(map, (void *)(uintptr_t)CACHE_LINE, BUCKETS * 8);
    idmap_salt(map, salt);
    for (uint64_t i = 0; i < 4 * BUCKETS; i++) {
        const uint64_t hash = idmap_hash(map, (uint16_t)salt, i << step);
        uint16_t *at = &seen[idmap_home(map, hash) - map->buckets];

        cr_assert_geq(idmap_tag(hash), IDMAP_TAG);
        if (++*at > most)
            most = *at;
    }
    return most;
}

/* By chance one home of 1024 has 20 of them less than once in a million runs;
 * with a hash that multiplies once it is 50 for some steps and hundreds for
 * some salts. */
Test(idmap, ids_with_any_step_spread_over_the_homes)
{
    struct idmap map;

    for (uint64_t salt = 0; salt < 100; salt++)
        for (unsigned step = 0; step + 12 <= 64; step++) {
            const unsigned most = most_at_one_home(&map, salt, step);

            cr_assert_lt(most, 24, "salt %u step 2^%u: %u", (unsigned)salt, step, most);
        }
}

Test(idmap, another_salt_gives_other_homes)
{
    struct fixture f;
    uint64_t hashes[100];
    unsigned same_cnt = 0;

    fixture_init(&f);
    for (uint64_t i = 0; i < ARRAY_LEN(hashes); i++)
        hashes[i] = idmap_hash(&f.map, 1, i);
    idmap_salt(&f.map, 1);
    for (uint64_t i = 0; i < ARRAY_LEN(hashes); i++)
        same_cnt += idmap_home(&f.map, hashes[i]) == idmap_home(&f.map, idmap_hash(&f.map, 1, i));
    cr_assert_lt(same_cnt, 20); /* of 100, with 64 homes */
    free(f.mem);
}

/* Each bucket is filled, passed by one pair more and emptied but for that one:
 * few pairs, and no bucket left that was not passed. */
Test(idmap, search_ends_when_every_bucket_was_passed, .timeout = 10)
{
    struct fixture f;
    uint64_t clord = 0;

    fixture_init(&f);

    const uint32_t last = (uint32_t)(f.map.mask / CACHE_LINE);

    for (uint32_t home = 0; home <= last; home++) {
        const uint32_t first = home * 2;
        uint32_t cnt = 0;

        do {
            clord = clord_at_home(&f, home, clord);
            add(&f, 200 + cnt++, 1, clord);
        } while (f.map.buckets[home].passed_cnt == 0);
        /* The last one stays, in a slot of its own. */
        take_out(&f, 200 + cnt - 1);
        add(&f, first, 1, clord);
        for (uint32_t i = 0; i + 1 < cnt; i++)
            take_out(&f, 200 + i);
    }
    (void)idmap_check(&f.map, f.orders);
    for (uint32_t at = 0; at <= last; at++)
        cr_assert_eq(f.map.buckets[at].passed_cnt, 1);
    cr_assert_eq(idmap_find(&f.map, f.orders, 1, clord_at_home(&f, 5, clord)), ORDER_NONE);
    cr_assert_eq(idmap_find(&f.map, f.orders, 1, clord), last * 2);
    free(f.mem);
}
