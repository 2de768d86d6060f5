#include "engine/scalars.h"

static void
hash_orders(const struct order_pool *pool, struct hash_state *hash)
{
    struct order batch[ORDERS_BATCH_CNT];
    uint32_t cnt;

    for (uint32_t from = 0; (cnt = orders_copy(pool, from, batch)) != 0; from += cnt)
        hash_update(hash, batch, cnt * sizeof *batch);
}

/* hash_sessions goes by when buckets are full: what is kept of them depends on their
 * rates as well. */
static void
hash_sessions(const struct engine *engine, struct hash_state *hash)
{
    const struct sessions *sessions = &engine->sessions;

    for (uint32_t i = 0; i < sessions->used_cnt; i++) {
        struct session session = sessions->at[i];

        session.risk.message_ready_ns =
            (int64_t)risk_session_full_ns(engine->risk, &sessions->at[i].risk, false);
        session.risk.cancel_ready_ns =
            (int64_t)risk_session_full_ns(engine->risk, &sessions->at[i].risk, true);
        hash_update(hash, &session, sizeof session);
    }
}

/* The id map is covered by the orders: it holds exactly the live ones, and
 * where an entry lies decides nothing. */
struct hash128
engine_hash(const struct engine *engine)
{
    const struct sessions *sessions = &engine->sessions;
    const struct engine_scalars scalars = engine_scalars_of(engine);
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
    hash_sessions(engine, &hash);
    hash_update(&hash, sessions->cold, sessions->used_cnt * sizeof *sessions->cold);
    hash_update(&hash, sessions->names, sessions->used_cnt * sizeof *sessions->names);
    timers_hash(&sessions->timers, &hash);
    risk_hash(engine->risk, &hash);
    return hash_digest(&hash);
}
