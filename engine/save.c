#include "engine/save.h"

#include <string.h>

#include "engine/save_layout.h"
#include "engine/scalars.h"
#include "engine/work.h"

/* How far ahead of the order that is entered into the id map its line is fetched. */
#define AHEAD_CNT 12u

static void
save_orders(const struct order_pool *pool, struct image_out *out)
{
    struct order batch[ORDERS_BATCH_CNT];
    uint32_t cnt;

    for (uint32_t from = 0; (cnt = orders_copy(pool, from, batch)) != 0; from += cnt)
        image_put(out, batch, cnt * sizeof *batch);
}

/* An array of the engine of which cnt elements are in use. */
struct piece {
    void *mem;
    size_t bytes;
};

#define PIECES_CNT 9u

/* pieces_of lists the arrays that are saved sparse, by the counts of engine. */
static void
pieces_of(const struct engine *engine, struct piece pieces[PIECES_CNT])
{
    const struct sessions *sessions = &engine->sessions;
    const struct ladder_pool *pages = &engine->pages;
    const struct extra_pool *extras = &engine->extras;
    const size_t pages_cnt = pages->used_cnt + (size_t)1;
    const struct piece all[PIECES_CNT] = {
        {engine->books, engine->books_cnt * sizeof *engine->books},
        {engine->rares, engine->books_cnt * sizeof *engine->rares},
        {extras->extras, (extras->used_cnt + (size_t)1) * sizeof *extras->extras},
        {engine->quotes.at, engine->quotes.cnt * sizeof *engine->quotes.at},
        {pages->levels, pages_cnt * 64 * sizeof *pages->levels},
        {pages->heads, pages_cnt * sizeof *pages->heads},
        {sessions->at, sessions->used_cnt * sizeof *sessions->at},
        {sessions->cold, sessions->used_cnt * sizeof *sessions->cold},
        {sessions->names, sessions->used_cnt * sizeof *sessions->names},
    };

    memcpy(pieces, all, sizeof all);
}

void
engine_save(const struct engine *engine, struct image_out *out)
{
    const struct engine_scalars scalars = engine_scalars_of(engine);
    struct piece pieces[PIECES_CNT];

    ASSERT(engine->work.kind == WORK_NONE);
    ASSERT(!engine->disturbed);
    image_put(out, &scalars, sizeof scalars);
    pieces_of(engine, pieces);
    for (unsigned i = 0; i < PIECES_CNT; i++)
        image_put_sparse(out, pieces[i].mem, pieces[i].bytes);
    save_orders(&engine->orders, out);
    timers_save(&engine->sessions.timers, out);
    risk_save(engine->risk, out);
}

/* scalars_fit says whether the counts lie within the pools. */
static bool
scalars_fit(const struct engine_cfg *cfg, const struct engine_scalars *scalars)
{
    return scalars->seq >= 1 && scalars->books_cnt <= cfg->instruments_max &&
           scalars->sessions_cnt >= 1 && scalars->sessions_cnt <= cfg->sessions_max + 1 &&
           scalars->quotes_cnt <= cfg->positions_max &&
           scalars->orders_used_cnt <= cfg->orders_max &&
           scalars->orders_taken_cnt <= scalars->orders_used_cnt &&
           scalars->extras_used_cnt <= cfg->extras_max &&
           scalars->extras_taken_cnt <= scalars->extras_used_cnt &&
           scalars->pages_used_cnt <= cfg->pages_max && scalars->pages_room_cnt <= cfg->pages_max &&
           scalars->journal_low <= 1;
}

static void
scalars_take(struct engine *engine, const struct engine_scalars *scalars)
{
    engine->seq = scalars->seq;
    engine->time_ns = scalars->time_ns;
    engine->random = scalars->random;
    engine->epoch = scalars->epoch;
    engine->ack_mode = scalars->ack_mode;
    engine->books_cnt = scalars->books_cnt;
    engine->linked_cnt = scalars->linked_cnt;
    engine->sessions.used_cnt = scalars->sessions_cnt;
    engine->quotes.cnt = scalars->quotes_cnt;
    engine->orders.used_cnt = scalars->orders_used_cnt;
    engine->orders.free_head = scalars->orders_free_head;
    engine->orders.taken_cnt = scalars->orders_taken_cnt;
    engine->orders.retired_cnt = scalars->orders_retired_cnt;
    engine->extras.used_cnt = scalars->extras_used_cnt;
    engine->extras.free_head = scalars->extras_free_head;
    engine->extras.taken_cnt = scalars->extras_taken_cnt;
    engine->pages.used_cnt = scalars->pages_used_cnt;
    engine->pages.room_cnt = scalars->pages_room_cnt;
    engine->pages.leaf_free = scalars->pages_leaf_free;
    engine->pages.inner_free = scalars->pages_inner_free;
    engine->journal_low = scalars->journal_low != 0;
}

/* in_map says whether an order is in the id map. */
static inline bool
in_map(const struct order *order)
{
    return (order->flags & (ORDER_LIVE | ORDER_QUOTE)) == ORDER_LIVE;
}

/* enter_ids puts the live orders into the empty map of this process. */
static void
enter_ids(struct engine *engine)
{
    const uint32_t used_cnt = engine->orders.used_cnt;
    struct order *orders = engine->orders.orders;
    const struct idmap *ids = &engine->ids;

    for (uint32_t slot = 0; slot < used_cnt; slot++) {
        struct order *order = &orders[slot];

        if (slot + AHEAD_CNT < used_cnt && in_map(&orders[slot + AHEAD_CNT]))
            __builtin_prefetch(
                idmap_line(ids, orders[slot + AHEAD_CNT].session, orders[slot + AHEAD_CNT].clord),
                1);
        if (!in_map(order))
            continue;

        const uint32_t at =
            idmap_add_hashed(&engine->ids, idmap_hash(ids, order->session, order->clord), slot);

        if (order_is_plain(order))
            order->id_at = at;
    }
}

bool
engine_load(struct engine *engine, struct image_in *in)
{
    struct engine_scalars scalars;
    struct piece pieces[PIECES_CNT];

    ASSERT(engine->seq == 0);
    if (!image_get(in, &scalars, sizeof scalars) || !scalars_fit(&engine->cfg, &scalars)) {
        in->bad = true;
        return false;
    }
    scalars_take(engine, &scalars);
    pieces_of(engine, pieces);
    for (unsigned i = 0; i < PIECES_CNT; i++)
        if (!image_get_sparse(in, pieces[i].mem, pieces[i].bytes))
            return false;
    if (!image_get(in, engine->orders.orders,
                   engine->orders.used_cnt * sizeof *engine->orders.orders) ||
        !timers_load(&engine->sessions.timers, in) || !risk_load(engine->risk, in)) {
        in->bad = true;
        return false;
    }
    enter_ids(engine);
    quote_index(engine);
    return true;
}

struct hash128
engine_shape(const struct engine *engine)
{
    const uint64_t numbers[] = {
        SAVE_VERSION,
        SAVE_LAYOUT,
        RULES_VERSION,
        engine_footprint(&engine->cfg),
        sizeof(struct engine_scalars),
        sizeof(struct book),
        sizeof(struct book_rare),
        sizeof(struct extra),
        sizeof(struct quote),
        sizeof(struct order),
        sizeof(struct level),
        sizeof(struct ladder_head),
        sizeof(struct ladder_inner),
        sizeof(struct session),
        sizeof(struct session_cold),
        sizeof(struct timer),
        sizeof(struct timers),
    };
    struct hash_state hash;
    union cell genesis;

    engine_genesis(&engine->cfg, 0, &genesis);
    hash_init(&hash);
    hash_update(&hash, &genesis, sizeof genesis);
    hash_update(&hash, numbers, sizeof numbers);
    risk_shape(engine->risk, &hash);
    return hash_digest(&hash);
}
