#include "engine/state.h"

HOT void
book_add(struct engine *engine, uint32_t slot)
{
    struct order *orders = engine->orders.orders;
    struct order *order = &orders[slot];
    const bool sell = order_is_sell(order);
    struct ladder *side = book_side(&engine->books[order->instrument], sell);
    struct session *session = session_of(&engine->sessions, order->session);
    const uint32_t at = ladder_obtain(&engine->pages, side, ladder_key(order->tick, sell));
    struct level *level = ladder_level(&engine->pages, at);

    order->level = at;
    order->next = ORDER_NONE;
    order->prev = ORDER_NONE;
    if (level->orders_cnt == 0) {
        level->head = slot;
    } else {
        order->prev = level->tail;
        orders[level->tail].next = slot;
    }
    level->tail = slot;
    level->qty += order->leaves_qty;
    level->orders_cnt++;

    order->flags |= ORDER_LIVE;
    idmap_add(&engine->ids, order->session, order->clord, slot);
    session->orders_cnt++;
    session->day_orders_cnt += order->tif == OE_TIME_IN_FORCE_DAY;
}

HOT void
book_unlink(struct engine *engine, uint32_t slot)
{
    struct order *orders = engine->orders.orders;
    struct order *order = &orders[slot];
    struct level *level = ladder_level(&engine->pages, order->level);

    ASSERT(order_is_live(order));
    ASSERT(level->orders_cnt > 0);
    ASSERT(level->qty >= order->leaves_qty);
    level->qty -= order->leaves_qty;
    if (--level->orders_cnt == 0) {
        ASSERT(level->qty == 0);
        ladder_remove(&engine->pages,
                      book_side(&engine->books[order->instrument], order_is_sell(order)),
                      order->level);
        return;
    }
    /* Chosen by conditional moves: where in its queue an order is that is
     * canceled, no one can guess. */
    *(order->prev == ORDER_NONE ? &level->head : &orders[order->prev].next) = order->next;
    *(order->next == ORDER_NONE ? &level->tail : &orders[order->next].prev) = order->prev;
}

HOT void
book_remove(struct engine *engine, uint32_t slot)
{
    struct order *order = &engine->orders.orders[slot];
    struct session *session = session_of(&engine->sessions, order->session);

    book_unlink(engine, slot);
    idmap_remove(&engine->ids, order->session, order->clord, slot);
    ASSERT(session->orders_cnt > 0);
    session->orders_cnt--;
    session->day_orders_cnt -= order->tif == OE_TIME_IN_FORCE_DAY;
    order_give(&engine->orders, slot);
}

void
engine_emit_detail(const struct risk_detail *detail, struct cell_sink *out)
{
    union cell *cell = engine_emit(out);

    cell->risk_detail = (struct cell_risk_detail){
        .kind = CELL_KIND_RISK_DETAIL,
        .level = detail->level,
        .subject = detail->subject,
        .limit = detail->limit,
        .used = detail->used,
        .value = detail->value,
    };
}

void
engine_emit_canceled(struct engine *engine,
                     const struct order *order,
                     uint8_t reason,
                     struct cell_sink *out)
{
    union cell *cell = engine_emit(out);

    cell->order_canceled = (struct cell_order_canceled){
        .kind = CELL_KIND_ORDER_CANCELED,
        .shape = (uint8_t)(1u | (order_is_sell(order) ? CELL_SELL : 0u)),
        .instrument = order->instrument,
        .seq = engine->seq,
        .time = engine->time_ns,
        .clord = order->clord,
        .order_id = order->order_id,
        .removed_qty = order->leaves_qty,
        .cum_qty = order->cum_qty,
        .index = ++engine->work.index,
        .reason = reason,
        .account = order->account,
        .session = order->session,
    };
}
