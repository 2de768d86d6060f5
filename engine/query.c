#include <string.h>

#include "engine/inside.h"
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

bool
engine_journal_low(const struct engine *engine)
{
    return engine->journal_low;
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

bool
engine_prices(const struct engine *engine, uint32_t instrument, struct risk_prices *out)
{
    if (instrument >= engine->books_cnt)
        return false;
    return risk_prices_get(engine->risk, instrument, book_last_px(&engine->books[instrument]),
                           book_mid_px(engine, &engine->books[instrument]), out);
}

bool
engine_session_stopped(const struct engine *engine, uint32_t session, bool *blocked, bool *killed)
{
    const struct session *at = session_set_of(&engine->sessions, session);

    if (at == NULL)
        return false;
    *blocked = at->blocked != 0;
    *killed = at->risk.killed != 0;
    return true;
}

/* book_of returns an instrument's book, NULL if it is unknown. */
static const struct book *
book_of(const struct engine *engine, uint32_t instrument)
{
    if (instrument >= engine->books_cnt || engine->books[instrument].tick_px == 0)
        return NULL;
    return &engine->books[instrument];
}

uint8_t
engine_instrument_state(const struct engine *engine, uint32_t instrument)
{
    const struct book *book = book_of(engine, instrument);

    return book == NULL ? (uint8_t)CELL_INSTRUMENT_STATE_CLOSED : book->state;
}

/* level_at returns the level at a price, LADDER_NONE if nothing rests there. */
static uint32_t
level_at(const struct engine *engine, uint32_t instrument, bool sell, px_t px)
{
    const struct book *book = book_of(engine, instrument);
    uint32_t tick;

    if (book == NULL || !px_to_tick(px, book->tick_px, &tick))
        return LADDER_NONE;
    return ladder_find(&engine->pages, &book->sides[sell], ladder_key(tick, sell));
}

static struct engine_level
level_seen(const struct engine *engine, const struct book *book, bool sell, uint32_t at)
{
    const struct level *level = ladder_level(&engine->pages, at);

    return (struct engine_level){
        .px = book_px(book, ladder_key(ladder_key_of(&engine->pages, at), sell)),
        .qty = level->shown_qty,
        .reserve_qty = level->reserve_qty,
        .orders_cnt = level->orders_cnt,
    };
}

bool
engine_depth_at(const struct engine *engine,
                uint32_t instrument,
                bool sell,
                px_t px,
                struct engine_level *level)
{
    const uint32_t at = level_at(engine, instrument, sell, px);

    if (at == LADDER_NONE)
        return false;
    *level = level_seen(engine, &engine->books[instrument], sell, at);
    return true;
}

uint32_t
engine_depth(const struct engine *engine,
             uint32_t instrument,
             bool sell,
             struct engine_level *levels,
             uint32_t max_cnt)
{
    const struct book *book = book_of(engine, instrument);
    uint32_t cnt = 0;

    if (book == NULL || book->sides[sell].root == LADDER_NONE)
        return 0;
    for (uint32_t at = book->sides[sell].best_level; at != LADDER_NONE && cnt < max_cnt;
         at = ladder_next(&engine->pages, at))
        levels[cnt++] = level_seen(engine, book, sell, at);
    return cnt;
}

bool
engine_best(const struct engine *engine, uint32_t instrument, bool sell, struct engine_level *level)
{
    return engine_depth(engine, instrument, sell, level, 1) == 1;
}

/* place_seen: both enums name the same places in the same order. */
static enum engine_place
place_seen(const struct order *order)
{
    _Static_assert((int)ENGINE_PLACE_WORK == (int)PLACE_TAKER, "the first");
    _Static_assert((int)ENGINE_PLACE_QUEUE == (int)PLACE_QUEUE, "the last");
    return (enum engine_place)order->place;
}

static struct engine_order
order_seen(const struct engine *engine, uint32_t slot)
{
    const struct order *order = &engine->orders.orders[slot];
    const struct book *book = &engine->books[order->instrument];
    const uint32_t stop_tick =
        order_extra(order) == EXTRA_NONE ? 0 : extra_of(&engine->extras, order)->stop_tick;

    return (struct engine_order){
        .order_id = order->order_id,
        .clord = order->clord,
        .px = order_px(engine, order),
        .stop_px = book_px(book, stop_tick),
        .shown_qty = order->place == PLACE_BOOK ? order_shown_qty(&engine->extras, order) : 0,
        .place = place_seen(order),
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

bool
engine_queue_position(const struct engine *engine, uint64_t order_id, struct engine_queue *queue)
{
    const struct order *orders = engine->orders.orders;
    const uint32_t slot = order_find(&engine->orders, order_id);

    if (slot == ORDER_NONE || orders[slot].place != PLACE_BOOK)
        return false;

    const bool hidden = order_is_hidden(&orders[slot]);
    const struct level *level = ladder_level(&engine->pages, orders[slot].level);

    *queue = (struct engine_queue){.orders_cnt = level->orders_cnt};
    for (uint32_t at = orders[slot].prev; at != ORDER_NONE; at = orders[at].prev) {
        ASSERT(queue->ahead_cnt < level->orders_cnt);
        queue->ahead_cnt++;
        queue->ahead_qty +=
            hidden ? orders[at].leaves_qty : order_shown_qty(&engine->extras, &orders[at]);
    }
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
    const uint32_t at = level_at(engine, instrument, sell, px);

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
    memcpy(out->uuid, engine->sessions.cold[session + 1u].uuid, sizeof out->uuid);
    out->next_in_no = at->next_in_no;
    out->firm = at->firm;
    out->finished = at->finished != 0;
    memcpy(out->name, engine->sessions.names[session + 1u], sizeof out->name);
}
