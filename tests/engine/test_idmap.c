/*
 * Goal: the id map holds exactly the pairs that were added and not removed.
 * Method: random adds, finds and removes against an array, with ids that count
 * upwards, that are random and that collide; full to orders_max.
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
    idmap_add(&f->map, session, clord, slot);
}

static void
take_out(struct fixture *f, uint32_t slot)
{
    f->live[slot] = false;
    idmap_remove(&f->map, f->orders[slot].session, f->orders[slot].clord, slot);
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
    cr_assert_eq(f.map.entries_cnt, 0);
    free(f.mem);
}

Test(idmap, emptied_map_is_all_zero_again)
{
    struct fixture f;

    fixture_init(&f);
    for (uint32_t i = 0; i < ORDERS; i++)
        add(&f, i, (uint16_t)(i % 3), i);
    idmap_check(&f.map, f.orders);
    for (uint32_t i = 0; i < ORDERS; i++)
        take_out(&f, (i * 7) % ORDERS);
    for (size_t i = 0; i < idmap_footprint(ORDERS); i++)
        cr_assert_eq(((const uint8_t *)f.mem)[i], 0);
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
            idmap_check(&f.map, f.orders);
            for (uint32_t i = 0; i < ORDERS; i++)
                if (f.live[i])
                    cr_assert_eq(
                        idmap_find(&f.map, f.orders, f.orders[i].session, f.orders[i].clord), i,
                        "seed %u step %u", seed, step);
        }
        free(f.mem);
    }
}

/* clord_at_home returns a clord above `after` whose home, with session 1, it is. */
static uint64_t
clord_at_home(const struct fixture *f, uint32_t home, uint64_t after)
{
    uint64_t clord = after + 1;

    while (((uint32_t)idmap_hash(&f->map, 1, clord) & f->map.mask) != home)
        clord++;
    return clord;
}

/* Each bucket is filled, passed by one pair more and emptied but for that one:
 * few pairs, and no bucket left that was not passed. */
Test(idmap, search_ends_when_every_bucket_was_passed, .timeout = 10)
{
    struct fixture f;
    uint64_t clord = 0;

    fixture_init(&f);
    for (uint32_t home = 0; home <= f.map.mask; home++) {
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
    idmap_check(&f.map, f.orders);
    for (uint32_t at = 0; at <= f.map.mask; at++)
        cr_assert_eq(f.map.buckets[at].passed_cnt, 1);
    cr_assert_eq(idmap_find(&f.map, f.orders, 1, clord_at_home(&f, 5, clord)), ORDER_NONE);
    cr_assert_eq(idmap_find(&f.map, f.orders, 1, clord), f.map.mask * 2);
    free(f.mem);
}
