/*
 * Goal: an image is all of the state and nothing of the process; it is as large as
 * what is in use and touches no more; what is no image is refused.
 * Method: engines with orders of all kinds. That an engine goes on from its image as if
 * nothing had been is asserted in every test of the harness and the model
 * (tests/engine/reload.h); here are the edges.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "tests/engine/harness.h"

/* fill enters orders of many kinds, trades and quotes. */
static void
fill(struct harness *h)
{
    const struct cell_order_extension iceberg = {.display_qty = 5};
    const struct cell_order_extension until = {.expire_time = h->time_ns + 5000000000};
    const struct cell_order_extension stop = {.stop_px = 300};

    for (uint64_t i = 1; i <= 200; i++) {
        const bool sell = i % 3 == 0;

        (void)harness_new(h, (struct harness_order){
                                 .clord = i,
                                 .px = sell ? 100 + (px_t)(i % 17) * 9 : 99 - (px_t)(i % 13),
                                 .qty = (qty_t)(i % 9) + 1,
                                 .session = (uint16_t)(i % HARNESS_SESSIONS),
                                 .instrument = (uint32_t)(i % HARNESS_INSTRUMENTS),
                                 .sell = sell,
                             });
    }
    for (uint64_t i = 1; i <= 20; i++) {
        (void)harness_new(h, (struct harness_order){
                                 .clord = 1000 + i, .px = 95, .qty = 50, .extension = &iceberg});
        (void)harness_new(h, (struct harness_order){.clord = 2000 + i,
                                                    .px = 90,
                                                    .qty = 5,
                                                    .tif = OE_TIME_IN_FORCE_GOOD_TILL_DATE,
                                                    .extension = &until});
        (void)harness_new(h, (struct harness_order){.clord = 3000 + i,
                                                    .px = 310,
                                                    .qty = 5,
                                                    .ord_type = OE_ORD_TYPE_STOP_LIMIT,
                                                    .extension = &stop});
    }
    cr_assert_gt(engine_orders_cnt(h->engine), 150);
}

Test(save, image_tells_nothing_of_the_process)
{
    struct harness h;

    harness_init(&h, NULL);
    fill(&h);

    /* The twin is at another place, under another salt, and came of images. */
    struct reload_image one = reload_save(h.engine);
    struct reload_image two = reload_save(h.twin);

    cr_assert_eq(one.cnt, two.cnt);
    free(one.bytes);
    free(two.bytes);

    /* Apart from scratch of engine_check, which the image of a twin does not have. */
    const size_t bytes = engine_footprint(&h.cfg);
    struct engine *first = reload(h.twin, &h.cfg, harness_map(bytes), 1);
    struct engine *second = reload(first, &h.cfg, harness_map(bytes), 2);

    one = reload_save(first);
    two = reload_save(second);
    cr_assert_eq(one.cnt, two.cnt);
    cr_assert_eq(memcmp(one.bytes, two.bytes, one.cnt), 0);
    free(one.bytes);
    free(two.bytes);
    (void)munmap(first, bytes);
    (void)munmap(second, bytes);
    harness_fini(&h);
}

Test(save, a_disk_that_is_nearly_full_stays_so)
{
    struct harness h;
    union cell cell = {.journal_space = {.kind = CELL_KIND_JOURNAL_SPACE,
                                         .shape = 1,
                                         .free_bytes = 500,
                                         .reserve_bytes = 1000,
                                         .low = 1,
                                         .session = CELL_SESSION}};

    harness_init(&h, NULL);
    fill(&h);
    cr_assert_eq(harness_apply(&h, &cell), ENGINE_DONE);
    cr_assert(engine_journal_low(h.engine));

    const size_t bytes = engine_footprint(&h.cfg);
    struct engine *again = reload(h.engine, &h.cfg, harness_map(bytes), 1);

    cr_assert(engine_journal_low(again));
    cr_assert(hash128_equal(engine_hash(again), engine_hash(h.engine)));
    (void)munmap(again, bytes);
    harness_fini(&h);
}

Test(save, loading_touches_what_is_in_use_and_not_what_there_is_room_for)
{
    struct engine_cfg cfg = harness_default_cfg();
    struct harness h;

    cfg.orders_max = 10000000;
    cfg.pages_max = 1000000;
    cfg.extras_max = 1000000;
    cfg.positions_max = 1000000;
    harness_init(&h, &cfg);
    h.check = false;
    h.twin = NULL;
    fill(&h);

    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t bytes = engine_footprint(&cfg);
    const size_t pages_cnt = (bytes + page - 1) / page;
    struct reload_image image = reload_save(h.engine);
    struct image_in in = {.at = image.bytes, .left = image.cnt};
    unsigned char *resident = calloc(1, pages_cnt);
    void *mem = harness_map(bytes);
    size_t touched = 0;

    cr_assert_gt(bytes, 1u << 30);
    cr_assert_lt(image.cnt, 300000);
    (void)madvise(mem, bytes, MADV_NOHUGEPAGE);

    struct engine *fresh = engine_init(mem, &cfg);

    engine_salt(fresh, 5);
    cr_assert(engine_load(fresh, &in));
    cr_assert_eq(mincore(mem, bytes, resident), 0);
    for (size_t i = 0; i < pages_cnt; i++)
        touched += resident[i] & 1;
    cr_assert_lt(touched, 600, "%zu pages", touched); /* most of them lines of the id map */
    cr_assert(hash128_equal(engine_hash(fresh), engine_hash(h.engine)));
    free(resident);
    free(image.bytes);
    (void)munmap(mem, bytes);
    harness_fini(&h);
}

Test(save, every_cut_and_what_does_not_fit_is_refused)
{
    struct harness h;

    harness_init(&h, NULL);
    fill(&h);

    const size_t bytes = engine_footprint(&h.cfg);
    struct reload_image image = reload_save(h.engine);

    for (size_t cnt = 0; cnt < image.cnt; cnt += cnt < 200 ? 1 : 997) {
        void *mem = harness_map(bytes);
        struct image_in in = {.at = image.bytes, .left = cnt};

        cr_assert(!engine_load(engine_init(mem, &h.cfg), &in), "cut to %zu", cnt);
        cr_assert(in.bad);
        (void)munmap(mem, bytes);
    }
    free(image.bytes);
    harness_fini(&h);
}

/* Whatever bytes come: refused, or an engine of which the hash can be taken, and
 * tells. */
Test(save, changed_bytes_are_refused_or_found_by_the_hash)
{
    struct harness h;
    unsigned refused_cnt = 0;
    unsigned found_cnt = 0;

    harness_init(&h, NULL);
    fill(&h);

    const size_t bytes = engine_footprint(&h.cfg);
    struct reload_image image = reload_save(h.engine);
    const struct hash128 hash = engine_hash(h.engine);

    for (size_t i = 0; i < 400; i++) {
        const size_t at = i < 96 ? i : i * 7919 % image.cnt;
        void *mem = harness_map(bytes);
        struct image_in in = {.at = image.bytes, .left = image.cnt};
        struct engine *fresh = engine_init(mem, &h.cfg);

        image.bytes[at] ^= (uint8_t)(1u << i % 8);
        if (!engine_load(fresh, &in))
            refused_cnt++;
        else
            found_cnt += !hash128_equal(engine_hash(fresh), hash);
        image.bytes[at] ^= (uint8_t)(1u << i % 8);
        (void)munmap(mem, bytes);
    }
    cr_assert_gt(refused_cnt, 20);
    cr_assert_gt(found_cnt, 250);
    free(image.bytes);
    harness_fini(&h);
}

Test(save, shape_knows_sizes)
{
    struct engine_cfg cfg = harness_default_cfg();
    const size_t bytes = engine_footprint(&cfg);
    struct engine *engine = engine_init(harness_map(bytes), &cfg);
    const struct hash128 shape = engine_shape(engine);

    struct engine *same = engine_init(harness_map(bytes), &cfg);

    engine_salt(same, 77);
    cr_assert(hash128_equal(engine_shape(same), shape));
    cfg.orders_max++;

    const size_t other_bytes = engine_footprint(&cfg);
    struct engine *other = engine_init(harness_map(other_bytes), &cfg);

    cr_assert(!hash128_equal(engine_shape(other), shape));
    (void)munmap(engine, bytes);
    (void)munmap(same, bytes);
    (void)munmap(other, other_bytes);
}
