/*
 * Scalars: the state of an engine outside of its arrays, as state hash and image have it.
 * Private to engine/. What is to be state has to be here, for both: what the hash knew and
 * an image forgot would be another engine behind a snapshot.
 */
#ifndef OUTCRY_ENGINE_SCALARS_H
#define OUTCRY_ENGINE_SCALARS_H

#include <string.h>

#include "engine/state.h"

struct engine_scalars {
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

_Static_assert(sizeof(struct engine_scalars) == 96, "no padding");

static inline struct engine_scalars
engine_scalars_of(const struct engine *engine)
{
    return (struct engine_scalars){
        .seq = engine->seq,
        .time_ns = engine->time_ns,
        .epoch = engine->epoch,
        .ack_mode = engine->ack_mode,
        .journal_low = engine->journal_low,
        .books_cnt = engine->books_cnt,
        .sessions_cnt = engine->sessions.used_cnt,
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
}

/* Orders that are copied at a time, to have them without their id_at. */
#define ORDERS_BATCH_CNT 64u

/* orders_copy copies the orders from `from` on, as many as there are and fit, without what
 * follows from the id map; returns how many, 0 behind the last. */
static inline uint32_t
orders_copy(const struct order_pool *pool, uint32_t from, struct order batch[ORDERS_BATCH_CNT])
{
    const uint32_t rest = pool->used_cnt - from;
    const uint32_t cnt = rest < ORDERS_BATCH_CNT ? rest : ORDERS_BATCH_CNT;

    memcpy(batch, &pool->orders[from], cnt * sizeof *batch);
    for (uint32_t i = 0; i < cnt; i++)
        if (order_is_plain(&batch[i]))
            batch[i].id_at = 0;
    return cnt;
}

#endif
