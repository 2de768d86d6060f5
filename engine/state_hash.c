#include <string.h>

#include "engine/state.h"

/* What the engine has outside of arrays, without pointers. */
struct scalars {
    uint64_t seq;
    uint64_t time_ns;
    uint32_t epoch;
    uint32_t ack_mode;
    uint32_t books_cnt;
    uint32_t sessions_cnt;
    uint32_t orders_used_cnt;
    uint32_t orders_free_head;
    uint32_t orders_taken_cnt;
    uint32_t orders_retired_cnt;
    uint32_t pages_used_cnt;
    uint32_t pages_leaf_free;
    uint32_t pages_inner_free;
    uint32_t pages_room_cnt;
    uint32_t journal_low;
    uint32_t extras_used_cnt;
    uint32_t extras_free_head;
    uint32_t extras_taken_cnt;
    uint32_t quotes_cnt;
    uint32_t linked_cnt;
    uint64_t random;
};

_Static_assert(sizeof(struct scalars) == 96, "no padding");

/* Orders that are copied at a time, to hash them without their id_at. */
#define BATCH_CNT 64u

static void
hash_orders(const struct order_pool *pool, struct hash_state *hash)
{
    struct order batch[BATCH_CNT];

    for (uint32_t from = 0; from < pool->used_cnt; from += BATCH_CNT) {
        const uint32_t rest = pool->used_cnt - from;
        const uint32_t cnt = rest < BATCH_CNT ? rest : BATCH_CNT;

        memcpy(batch, &pool->orders[from], cnt * sizeof *batch);
        for (uint32_t i = 0; i < cnt; i++)
            if (order_is_plain(&batch[i]))
                batch[i].id_at = 0;
        hash_update(hash, batch, cnt * sizeof *batch);
    }
}

/* The id map is covered by the orders: it holds exactly the live ones, and
 * where an entry lies decides nothing. */
struct hash128
engine_hash(const struct engine *engine)
{
    const struct sessions *sessions = &engine->sessions;
    const struct scalars scalars = {
        .seq = engine->seq,
        .time_ns = engine->time_ns,
        .epoch = engine->epoch,
        .ack_mode = engine->ack_mode,
        .journal_low = engine->journal_low,
        .books_cnt = engine->books_cnt,
        .sessions_cnt = sessions->used_cnt,
        .orders_used_cnt = engine->orders.used_cnt,
        .orders_free_head = engine->orders.free_head,
        .orders_taken_cnt = engine->orders.taken_cnt,
        .orders_retired_cnt = engine->orders.retired_cnt,
        .pages_used_cnt = engine->pages.used_cnt,
        .pages_leaf_free = engine->pages.leaf_free,
        .pages_inner_free = engine->pages.inner_free,
        .pages_room_cnt = engine->pages.room_cnt,
        .extras_used_cnt = engine->extras.used_cnt,
        .extras_free_head = engine->extras.free_head,
        .extras_taken_cnt = engine->extras.taken_cnt,
        .quotes_cnt = engine->quotes.cnt,
        .linked_cnt = engine->linked_cnt,
        .random = engine->random,
    };
    union cell genesis;
    struct hash_state hash;

    ASSERT(engine->work.kind == WORK_NONE);
    engine_genesis(&engine->cfg, 0, &genesis);
    hash_init(&hash);
    hash_update(&hash, &genesis, sizeof genesis);
    hash_update(&hash, &scalars, sizeof scalars);
    hash_update(&hash, engine->books, engine->books_cnt * sizeof *engine->books);
    hash_update(&hash, engine->rares, engine->books_cnt * sizeof *engine->rares);
    hash_update(&hash, engine->extras.extras,
                (engine->extras.used_cnt + (size_t)1) * sizeof *engine->extras.extras);
    hash_update(&hash, engine->quotes.at, engine->quotes.cnt * sizeof *engine->quotes.at);
    hash_orders(&engine->orders, &hash);
    hash_update(&hash, engine->pages.levels,
                (engine->pages.used_cnt + (size_t)1) * 64 * sizeof *engine->pages.levels);
    hash_update(&hash, engine->pages.heads,
                (engine->pages.used_cnt + (size_t)1) * sizeof *engine->pages.heads);
    hash_update(&hash, sessions->at, sessions->used_cnt * sizeof *sessions->at);
    hash_update(&hash, sessions->cold, sessions->used_cnt * sizeof *sessions->cold);
    hash_update(&hash, sessions->names, sessions->used_cnt * sizeof *sessions->names);
    timers_hash(&sessions->timers, &hash);
    risk_hash(engine->risk, &hash);
    return hash_digest(&hash);
}
