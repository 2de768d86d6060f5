/*
 * Goal: what holds for the engine as a whole: sizes, Genesis, configuration
 * that can be read back, equal hashes for equal states, and random traffic
 * that keeps every invariant.
 * Method: the harness, which replays and checks after each command.
 */
#include "tests/engine/harness.h"

Test(engine, sizes_out_of_range_have_no_footprint)
{
    struct engine_cfg cfg = harness_default_cfg();

    cr_assert_neq(engine_footprint(&cfg), 0);
    cfg.shard = SHARDS_MAX;
    cr_assert_eq(engine_footprint(&cfg), 0);
    cfg = harness_default_cfg();
    cfg.orders_max = 0;
    cr_assert_eq(engine_footprint(&cfg), 0);
    cfg.orders_max = ORDERS_MAX + 1;
    cr_assert_eq(engine_footprint(&cfg), 0);
    cfg = harness_default_cfg();
    cfg.pages_max = 0;
    cr_assert_eq(engine_footprint(&cfg), 0);
    cfg = harness_default_cfg();
    cfg.sessions_max = SESSIONS_MAX + 1;
    cr_assert_eq(engine_footprint(&cfg), 0);
    cfg = harness_default_cfg();
    cfg.positions_max = 0;
    cr_assert_eq(engine_footprint(&cfg), 0);
}

Test(engine, genesis_is_the_first_command_and_tells_of_this_memory)
{
    struct harness h;
    struct engine_cfg cfg;
    union cell genesis;

    harness_init_bare(&h, NULL);
    engine_genesis(&h.cfg, 5, &genesis);
    cr_assert(engine_cfg_of(&genesis, &cfg));
    cr_assert_eq(cfg.orders_max, h.cfg.orders_max);
    cr_assert_eq(cfg.shard, h.cfg.shard);
    (void)harness_apply(&h, &genesis);
    cr_assert_eq(harness_outcome(&h), 0);
    (void)harness_apply(&h, &genesis);
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_CONFIGURATION_CONFLICT);
    harness_fini(&h);

    harness_init_bare(&h, NULL);
    genesis.genesis.pages_max++;
    (void)harness_apply(&h, &genesis);
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_CONFIGURATION_CONFLICT);
    genesis.genesis.rules_version++;
    cr_assert(!engine_cfg_of(&genesis, &cfg));
    harness_fini(&h);
}

Test(engine, configuration_can_be_read_back_and_set_again)
{
    static const unsigned kinds[] = {CELL_KIND_FIRM_SET, CELL_KIND_GROUP_SET, CELL_KIND_ACCOUNT_SET,
                                     CELL_KIND_INSTRUMENT_SET, CELL_KIND_SESSION_SET};
    struct harness h;
    union cell cells[CELL_COMMAND_MAX];

    harness_init(&h, NULL);
    for (unsigned i = 0; i < ARRAY_LEN(kinds); i++) {
        const unsigned cnt = engine_config_get(h.engine, kinds[i], 1, 0, cells);

        cr_assert_geq(cnt, 1);
        cr_assert_eq(cell_count(&cells[0]), cnt);
        cr_assert_eq(harness_apply(&h, cells), ENGINE_DONE);
        cr_assert_eq(harness_outcome(&h), 0, "kind %u", kinds[i]);

        union cell again[CELL_COMMAND_MAX];

        cr_assert_eq(engine_config_get(h.engine, kinds[i], 1, 0, again), cnt);
        cr_assert_eq(memcmp(cells, again, cnt * sizeof *cells), 0);
        cr_assert_eq(engine_config_get(h.engine, kinds[i], 7, 0, cells), 0);
    }
    cr_assert_eq(engine_config_get(h.engine, CELL_KIND_POSITION_LIMIT_SET, 1, 1, cells), 0);
    cr_assert_eq(engine_config_get(h.engine, CELL_KIND_PERMISSION_SET, 1, 1, cells), 0);
    harness_fini(&h);
}

Test(engine, how_an_instrument_matches_can_be_read_back)
{
    struct harness h;
    union cell cells[CELL_COMMAND_MAX];

    harness_init(&h, NULL);
    cr_assert_eq(engine_config_get(h.engine, CELL_KIND_INSTRUMENT_SET, 1, 0, cells), 2);
    cells[0].instrument_set.algorithm = CELL_MATCH_ALGORITHM_SPLIT;
    cells[0].instrument_set.allocation_min = 3;
    cells[0].instrument_set.fifo_permille = 400;
    cells[0].instrument_set.top_max = 50;
    (void)harness_apply(&h, cells);
    cr_assert_eq(harness_outcome(&h), 0);

    union cell again[CELL_COMMAND_MAX];

    cr_assert_eq(engine_config_get(h.engine, CELL_KIND_INSTRUMENT_SET, 1, 0, again), 2);
    cr_assert_eq(again[0].instrument_set.algorithm, CELL_MATCH_ALGORITHM_SPLIT);
    cr_assert_eq(again[0].instrument_set.allocation_min, 3);
    cr_assert_eq(again[0].instrument_set.fifo_permille, 400);
    cr_assert_eq(again[0].instrument_set.top_max, 50);
    harness_fini(&h);
}

Test(engine, hash_tells_states_apart_and_equal_ones_together)
{
    struct harness h;

    harness_init(&h, NULL);
    const struct hash128 before = engine_hash(h.engine);

    cr_assert(hash128_equal(before, engine_hash(h.engine)));
    harness_new(&h, (struct harness_order){.clord = 1, .px = 5, .qty = 1});
    const struct hash128 after = engine_hash(h.engine);

    cr_assert(!hash128_equal(before, after));
    cr_assert(hash128_equal(after, engine_hash(h.twin)));
    harness_fini(&h);
}

Test(engine, refused_order_changes_only_the_numbers)
{
    struct harness h;
    struct engine_session session;
    struct harness_seen before;
    struct harness_seen after;

    harness_init(&h, NULL);
    harness_see(&h, &before);
    cr_assert_eq(harness_new(&h, (struct harness_order){.clord = 1, .px = -5, .qty = 1}), 0);
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_INVALID_PRICE);
    harness_see(&h, &after);
    cr_assert_eq(memcmp(&before, &after, sizeof before), 0);
    engine_session_get(h.engine, 0, &session);
    cr_assert_eq(session.next_in_no, 2);
    cr_assert_eq(engine_orders_cnt(h.engine), 0);
    harness_fini(&h);
}

Test(engine, looking_ahead_has_no_effect_whatever_it_is_given)
{
    struct harness h;
    static union cell cells[64];
    struct engine_ahead ahead = {.next = 0};
    struct engine_cfg cfg = harness_default_cfg();
    uint64_t pos = 0;

    cfg.orders_max = 1u << 17;
    harness_init(&h, &cfg);
    harness_quiet(&h);
    const uint64_t id = harness_new(&h, (struct harness_order){.clord = 1, .px = 5, .qty = 1});
    const uint64_t ids[] = {0, id, id + 1, UINT64_MAX};

    /* First there is nothing to look at, then a first look pays, then all do. */
    for (uint64_t i = 0; i < 100000; i++) {
        union cell two[2];
        const struct harness_order order = {
            .clord = 2 + i, .px = 1 + (px_t)(i % 200), .qty = 1, .session = (uint16_t)(i % 2)};

        (void)harness_order_cells(&h, order, two);
        cells[i % ARRAY_LEN(cells)] = two[0];
        (void)harness_new(&h, order);
        if (i % 16 == 0)
            engine_look_ahead(h.engine, &ahead, cells, ARRAY_LEN(cells) - 1, i,
                              i + ARRAY_LEN(cells));
    }
    cr_assert(engine_looks_ahead(h.engine));
    ahead = (struct engine_ahead){.next = 0};

    const struct hash128 before = engine_hash(h.engine);

    for (unsigned kind = 0; kind < 256; kind++)
        for (unsigned i = 0; i < ARRAY_LEN(ids); i++) {
            union cell *cell = &cells[pos % ARRAY_LEN(cells)];

            cell->order_cancel.kind = (uint8_t)kind;
            cell->order_cancel.shape = (uint8_t)(1u | (pos % 3 == 0 ? 0 : CELL_BY_ID));
            cell->order_cancel.orig_clord = pos % 2 == 0 ? 1 : pos;
            cell->order_cancel.order_id = ids[i];
            cell->order_cancel.instrument = i == 3 ? UINT32_MAX : i;
            cell->order_cancel.account = i == 3 ? UINT32_MAX : i;
            engine_prefetch(h.engine, cell);
            pos++;
            engine_look_ahead(h.engine, &ahead, cells, ARRAY_LEN(cells) - 1, pos,
                              pos + ARRAY_LEN(cells));
        }
    cr_assert_gt(ahead.next, 64);
    cr_assert(hash128_equal(before, engine_hash(h.engine)));
    harness_fini(&h);
}

Test(engine, looking_ahead_at_risk_alone_has_no_effect_either)
{
    struct harness h;
    union cell cells[64] = {{.words = {0}}};
    struct engine_ahead ahead = {.next = 0};
    struct engine_cfg cfg = harness_default_cfg();

    /* A few orders, but accounts enough to be far. */
    cfg.accounts_max = 20000;
    harness_init(&h, &cfg);
    cr_assert_not(engine_looks_ahead(h.engine));
    cr_assert_eq(harness_account_set(&h, cfg.accounts_max - 1, 0, CELL_ACCOUNT_STATE_ACTIVE,
                                     harness_no_account_limits()),
                 0);
    cr_assert(engine_looks_ahead(h.engine));

    const uint64_t id = harness_new(&h, (struct harness_order){.clord = 1, .px = 5, .qty = 1});
    const uint64_t ids[] = {0, id, id + 1, UINT64_MAX};
    const struct hash128 before = engine_hash(h.engine);

    for (uint64_t pos = 0; pos < 4096; pos++) {
        union cell *cell = &cells[pos % ARRAY_LEN(cells)];
        const unsigned i = pos / 256 % 4;

        cell->order_cancel.kind = (uint8_t)pos;
        cell->order_cancel.shape = (uint8_t)(1u | (pos % 3 == 0 ? 0 : CELL_BY_ID));
        cell->order_cancel.order_id = ids[i];
        cell->order_cancel.instrument = i == 3 ? UINT32_MAX : i;
        cell->order_cancel.account = i == 3 ? UINT32_MAX : i;
        engine_look_ahead(h.engine, &ahead, cells, ARRAY_LEN(cells) - 1, pos,
                          pos + ARRAY_LEN(cells));
    }
    cr_assert_gt(ahead.next, 4096 / ENGINE_AHEAD_GROUP);
    cr_assert(hash128_equal(before, engine_hash(h.engine)));
    harness_fini(&h);
}

/* random_step applies one random command of a random session. */
static void
random_step(struct harness *h, uint64_t ids[64], uint64_t clord)
{
    static const uint8_t tifs[] = {
        OE_TIME_IN_FORCE_DAY, OE_TIME_IN_FORCE_DAY, OE_TIME_IN_FORCE_GOOD_TILL_CANCEL,
        OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL, OE_TIME_IN_FORCE_FILL_OR_KILL};
    const uint16_t session = (uint16_t)(rand() % 4);
    const uint32_t instrument = (uint32_t)rand() % 2;
    const px_t px = rand() % 20 == 0 ? 1 + rand() % 300000 : 1000 + rand() % 100;
    const unsigned at = (unsigned)rand() % 64;

    switch (rand() % 8) {
    case 0:
    case 1:
        (void)harness_cancel_named(h, session, instrument, ids[at], 0, true);
        break;
    case 2:
        (void)harness_replace(h, (struct harness_replace){.order_id = ids[at],
                                                          .clord = clord,
                                                          .px = px,
                                                          .qty = (qty_t)rand() % 30,
                                                          .session = session,
                                                          .instrument = instrument});
        if (harness_outcome(h) == 0)
            ids[at] = h->cells[1].replace_detail.new_order_id;
        break;
    case 3:
        if (rand() % 20 == 0)
            (void)harness_mass_cancel(h, (struct cell_mass_cancel){.instrument = CELL_ANY,
                                                                   .account = CELL_ANY,
                                                                   .session = session});
        break;
    default:
        ids[at] =
            harness_new(h, (struct harness_order){.clord = rand() % 10 == 0 ? clord - 1 : clord,
                                                  .px = px,
                                                  .qty = (qty_t)rand() % 30,
                                                  .session = session,
                                                  .instrument = instrument,
                                                  .sell = rand() % 2 != 0,
                                                  .tif = tifs[(unsigned)rand() % ARRAY_LEN(tifs)],
                                                  .exec_inst = rand() % 10 == 0});
        break;
    }
}

Test(engine, random_traffic_keeps_every_invariant)
{
    for (unsigned seed = 1; seed <= 8; seed++) {
        struct engine_cfg cfg = harness_default_cfg();
        uint64_t ids[64] = {0};
        struct harness h;

        srand(seed);
        cfg.orders_max = seed % 2 == 0 ? 1024 : 24;
        cfg.pages_max = seed % 2 == 0 ? 256 : 6;
        harness_init(&h, &cfg);
        for (unsigned step = 0; step < 2500; step++)
            random_step(&h, ids, step + 10);
        harness_fini(&h);
    }
}
