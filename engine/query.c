#include <string.h>

#include "engine/work.h"

uint64_t
engine_deadline_ns(const struct engine *engine)
{
    return timers_deadline_ns(&engine->sessions.timers);
}

uint64_t
engine_seq(const struct engine *engine)
{
    return engine->seq;
}

uint64_t
engine_time_ns(const struct engine *engine)
{
    return engine->time_ns;
}

uint32_t
engine_epoch(const struct engine *engine)
{
    return engine->epoch;
}

uint32_t
engine_orders_cnt(const struct engine *engine)
{
    return engine->orders.taken_cnt;
}

px_t
engine_last_px(const struct engine *engine, uint32_t instrument)
{
    return instrument < engine->books_cnt ? book_last_px(&engine->books[instrument]) : 0;
}

const struct risk *
engine_risk(const struct engine *engine)
{
    return engine->risk;
}

/* side_of returns a side of an instrument's book, NULL if it is unknown. */
static const struct ladder *
side_of(const struct engine *engine, uint32_t instrument, bool sell)
{
    if (!risk_instrument_known(engine->risk, instrument))
        return NULL;
    return &engine->books[instrument].sides[sell ? 1 : 0];
}

uint32_t
engine_depth(const struct engine *engine,
             uint32_t instrument,
             bool sell,
             struct engine_level *levels,
             uint32_t max_cnt)
{
    const struct ladder *side = side_of(engine, instrument, sell);
    uint32_t cnt = 0;

    if (side == NULL || side->root == LADDER_NONE)
        return 0;
    for (uint32_t at = side->best_level; at != LADDER_NONE && cnt < max_cnt;
         at = ladder_next(&engine->pages, at)) {
        const struct level *level = ladder_level(&engine->pages, at);
        const uint32_t tick = ladder_key(ladder_key_of(&engine->pages, at), sell);

        levels[cnt++] = (struct engine_level){
            .px = (px_t)tick * engine->books[instrument].tick_px,
            .qty = level->shown_qty,
            .reserve_qty = level->reserve_qty,
            .orders_cnt = level->orders_cnt,
        };
    }
    return cnt;
}

static struct engine_order
order_seen(const struct engine *engine, uint32_t slot)
{
    const struct order *order = &engine->orders.orders[slot];

    return (struct engine_order){
        .order_id = order->order_id,
        .clord = order->clord,
        .px = (px_t)order->tick * engine->books[order->instrument].tick_px,
        .leaves_qty = order->leaves_qty,
        .cum_qty = order->cum_qty,
        .instrument = order->instrument,
        .account = order->account,
        .session = order->session,
        .sell = order_is_sell(order),
    };
}

bool
engine_order_get(const struct engine *engine, uint64_t order_id, struct engine_order *order)
{
    const uint32_t slot = order_find(&engine->orders, order_id);

    if (slot == ORDER_NONE)
        return false;
    *order = order_seen(engine, slot);
    return true;
}

uint32_t
engine_level_orders(const struct engine *engine,
                    uint32_t instrument,
                    bool sell,
                    px_t px,
                    struct engine_order *orders,
                    uint32_t max_cnt)
{
    const struct ladder *side = side_of(engine, instrument, sell);
    uint32_t tick;

    if (side == NULL || !px_to_tick(px, engine->books[instrument].tick_px, &tick))
        return 0;

    const uint32_t at = ladder_find(&engine->pages, side, ladder_key(tick, sell));

    if (at == LADDER_NONE)
        return 0;

    const struct level *level = ladder_level(&engine->pages, at);
    uint32_t slot = level->head;
    uint32_t cnt = 0;

    while (cnt < level->orders_cnt && cnt < max_cnt) {
        orders[cnt++] = order_seen(engine, slot);
        slot = engine->orders.orders[slot].next;
    }
    return cnt;
}

void
engine_session_get(const struct engine *engine, uint16_t session, struct engine_session *out)
{
    memset(out, 0, sizeof *out);
    if (session >= engine->sessions.sessions_max)
        return;

    const struct session *at = &engine->sessions.at[session + 1u];

    out->state = (enum engine_session_state)at->state;
    memcpy(out->uuid, at->uuid, sizeof out->uuid);
    out->next_in_no = at->next_in_no;
    out->firm = at->firm;
    memcpy(out->name, engine->sessions.names[session + 1u], sizeof out->name);
}

static unsigned
session_config(const struct engine *engine, uint32_t id, union cell *cells)
{
    if (id >= engine->sessions.sessions_max ||
        engine->sessions.at[id + 1].state == ENGINE_SESSION_UNKNOWN)
        return 0;

    const struct session *at = &engine->sessions.at[id + 1];

    cells[0].session_set = (struct cell_session_set){
        .kind = CELL_KIND_SESSION_SET,
        .shape = 1,
        .firm = at->firm,
        .cancel_on_disconnect_ms = at->cancel_on_disconnect_ms,
        .blocked = at->blocked,
        .session = (uint16_t)id,
    };
    memcpy(cells[0].session_set.name, engine->sessions.names[id + 1],
           sizeof cells[0].session_set.name);
    return 1;
}

unsigned
engine_config_get(const struct engine *engine,
                  unsigned kind,
                  uint32_t id,
                  uint32_t id2,
                  union cell *cells)
{
    if (kind == CELL_KIND_SESSION_SET)
        return session_config(engine, id, cells);
    return risk_config_get(engine->risk, kind, id, id2, cells);
}
