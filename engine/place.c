#include "engine/work.h"

px_t
order_px(const struct engine *engine, const struct order *order)
{
    if (order->ord_type == OE_ORD_TYPE_MARKET || order->ord_type == OE_ORD_TYPE_STOP)
        return 0;
    return book_px(&engine->books[order->instrument], order->tick);
}

void
engine_disturb(struct engine *engine, uint32_t instrument)
{
    engine->disturbed = true;
    engine->disturbed_books[instrument / 64] |= UINT64_C(1) << instrument % 64;
    if (engine->work.peg_instrument == instrument)
        engine->work.refs_valid = false;
}

void
place_enlist(struct engine *engine, uint32_t slot)
{
    struct order *order = &engine->orders.orders[slot];

    if (order_is_live(order))
        return;
    if ((order->flags & ORDER_QUOTE) == 0) {
        order_enlist(engine, slot, idmap_hash(&engine->ids, order->session, order->clord));
        return;
    }

    struct session *session = session_of(&engine->sessions, order->session);

    order->flags |= ORDER_LIVE;
    session->orders_cnt++;
    session->day_orders_cnt++;
}

void
place_delist(struct engine *engine, uint32_t slot)
{
    struct order *order = &engine->orders.orders[slot];

    if (!order_is_live(order))
        return;
    order->flags &= (uint8_t)~ORDER_LIVE;
    if ((order->flags & ORDER_QUOTE) == 0) {
        order_delist(engine, slot);
        return;
    }

    struct session *session = session_of(&engine->sessions, order->session);

    ASSERT(session->orders_cnt > 0);
    session->orders_cnt--;
    session->day_orders_cnt--;
}

/* draw returns a number from 0 to end - 1: splitmix64. */
static uint32_t
draw(struct engine *engine, uint32_t end)
{
    uint64_t x = engine->random += UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    x ^= x >> 31;
    return (uint32_t)((x >> 32) * end >> 32);
}

/* draw_shown returns what an iceberg will show. */
static qty_t
draw_shown(struct engine *engine, const struct order *order, const struct extra *extra)
{
    const qty_t lot_qty = engine->rares[order->instrument].lot_qty;
    uint64_t qty = extra->display_qty;

    if (extra->display_range != 0) {
        const uint32_t range = extra->display_range;

        qty += (uint64_t)lot_qty * draw(engine, 2 * range + 1);
        qty -= (uint64_t)lot_qty * range;
    }
    return qty < order->leaves_qty ? (qty_t)qty : order->leaves_qty;
}

/* set_top gives the order top status if it betters its side. */
static void
set_top(struct book *book, struct order *order)
{
    const bool sell = order_is_sell(order);
    const bool top = book->algorithm != CELL_MATCH_ALGORITHM_PRICE_TIME &&
                     !order_is_hidden(order) && order->ord_type != OE_ORD_TYPE_PEGGED &&
                     ladder_key(order->tick, sell) < book_side(book, sell)->best_key;

    order->flags = (uint8_t)((order->flags & ~ORDER_TOP) | (top ? ORDER_TOP : 0u));
}

void
place_rest(struct engine *engine, uint32_t slot)
{
    struct order *order = &engine->orders.orders[slot];
    struct book *book = &engine->books[order->instrument];

    if (order_is_iceberg(&engine->extras, order)) {
        struct extra *extra = extra_of(&engine->extras, order);

        extra->shown_qty = draw_shown(engine, order, extra);
    }
    set_top(book, order);
    book_join(engine, book, slot, order_shown_qty(&engine->extras, order));
    place_enlist(engine, slot);
    book_disturb(engine, book, order);
}

void
place_refresh(struct engine *engine, uint32_t slot)
{
    struct order *orders = engine->orders.orders;
    struct order *order = &orders[slot];
    struct extra *extra = extra_of(&engine->extras, order);
    struct level *level = ladder_level(&engine->pages, order->level);

    ASSERT(extra->shown_qty == 0);
    extra->shown_qty = draw_shown(engine, order, extra);
    level_leave(orders, level, slot);
    level_join(orders, level, slot, false);
    level->shown_qty += extra->shown_qty;
    level->reserve_qty -= extra->shown_qty;
    order->flags &= (uint8_t)~ORDER_TOP;
}

void
place_shrink(struct engine *engine, struct order *order, qty_t leaves_qty)
{
    ASSERT(leaves_qty <= order->leaves_qty);
    if (order->level != LADDER_NONE) {
        struct level *level = ladder_level(&engine->pages, order->level);
        const qty_t shown_qty = order->place == PLACE_STOP
                                    ? order->leaves_qty
                                    : order_shown_qty(&engine->extras, order);
        const qty_t shows_qty = shown_qty < leaves_qty ? shown_qty : leaves_qty;

        level->shown_qty -= shown_qty - shows_qty;
        level->reserve_qty -= order->leaves_qty - leaves_qty - (shown_qty - shows_qty);
        if (order_is_iceberg(&engine->extras, order))
            extra_of(&engine->extras, order)->shown_qty = shows_qty;
    }
    order->leaves_qty = leaves_qty;
}

/* Stops wait in ladders of their own, in which the price that is reached first
 * is the best: the lowest of the buys, the highest of the sells. */
void
place_wait(struct engine *engine, uint32_t slot)
{
    struct order *orders = engine->orders.orders;
    struct order *order = &orders[slot];
    const bool sell = order_is_sell(order);
    struct ladder *stops = &engine->rares[order->instrument].stops[sell];
    const uint32_t key = ladder_key(extra_of(&engine->extras, order)->stop_tick, !sell);
    const uint32_t at = ladder_obtain(&engine->pages, stops, key);
    struct level *level = ladder_level(&engine->pages, at);

    order->level = at;
    order->place = PLACE_STOP;
    level_join(orders, level, slot, false);
    level->shown_qty += order->leaves_qty;
    engine->books[order->instrument].flags |= BOOK_STOPS;
    place_enlist(engine, slot);
}

static void
leave_stops(struct engine *engine, uint32_t slot)
{
    struct order *orders = engine->orders.orders;
    const struct order *order = &orders[slot];
    struct ladder *stops = engine->rares[order->instrument].stops;
    struct level *level = ladder_level(&engine->pages, order->level);

    level_leave(orders, level, slot);
    level->shown_qty -= order->leaves_qty;
    if (level->orders_cnt == 0)
        ladder_remove(&engine->pages, &stops[order_is_sell(order)], order->level);
    if (stops[0].root == LADDER_NONE && stops[1].root == LADDER_NONE)
        engine->books[order->instrument].flags &= (uint8_t)~BOOK_STOPS;
}

/* list_join and list_leave: a list of orders by their own links. */
static void
list_join(struct order *orders, uint32_t *head, uint32_t *tail, uint32_t slot)
{
    orders[slot].next = ORDER_NONE;
    orders[slot].prev = *tail;
    *(*tail == ORDER_NONE ? head : &orders[*tail].next) = slot;
    *tail = slot;
}

static void
list_leave(struct order *orders, uint32_t *head, uint32_t *tail, uint32_t slot)
{
    const struct order *order = &orders[slot];

    *(order->prev == ORDER_NONE ? head : &orders[order->prev].next) = order->next;
    *(order->next == ORDER_NONE ? tail : &orders[order->next].prev) = order->prev;
}

void
place_hold(struct engine *engine, uint32_t slot)
{
    struct order *order = &engine->orders.orders[slot];
    struct book_rare *rare = &engine->rares[order->instrument];

    order->place = PLACE_HELD;
    order->flags |= ORDER_RARE;
    list_join(engine->orders.orders, &rare->held_head, &rare->held_tail, slot);
    place_enlist(engine, slot);
}

void
place_park(struct engine *engine, uint32_t slot)
{
    struct order *order = &engine->orders.orders[slot];

    order->place = PLACE_PARKED;
    order->tick = 0;
    place_enlist(engine, slot);
}

void
place_elect(struct engine *engine, uint32_t slot, struct cell_sink *out)
{
    struct work *work = &engine->work;
    struct order *order = &engine->orders.orders[slot];
    struct extra *extra = extra_of(&engine->extras, order);

    engine_emit_triggered(engine, order, extra->stop_tick, out);
    extra->stop_tick = 0;
    order->place = PLACE_QUEUE;
    list_join(engine->orders.orders, &work->queue_head, &work->queue_tail, slot);
    place_enlist(engine, slot);
}

void
place_out(struct engine *engine, uint32_t slot)
{
    struct order *orders = engine->orders.orders;
    struct order *order = &orders[slot];
    struct book *book = &engine->books[order->instrument];
    struct book_rare *rare = &engine->rares[order->instrument];

    switch ((enum order_place)order->place) {
    case PLACE_BOOK:
        book_leave(engine, book, slot, order_shown_qty(&engine->extras, order));
        book_disturb(engine, book, order);
        break;
    case PLACE_STOP:
        leave_stops(engine, slot);
        break;
    case PLACE_HELD:
        list_leave(orders, &rare->held_head, &rare->held_tail, slot);
        break;
    case PLACE_QUEUE:
        list_leave(orders, &engine->work.queue_head, &engine->work.queue_tail, slot);
        break;
    case PLACE_PARKED:
    case PLACE_TAKER:
        break;
    default:
        UNREACHABLE("place of an order");
    }
    order->place = PLACE_TAKER;
    order->level = LADDER_NONE;
    order->flags &= (uint8_t)~ORDER_TOP;
}

void
order_link(struct engine *engine, uint32_t slot, uint32_t partner)
{
    struct order *orders = engine->orders.orders;

    extra_of(&engine->extras, &orders[slot])->partner = partner;
    extra_of(&engine->extras, &orders[partner])->partner = slot;
    engine->linked_cnt += 2;
}

void
order_unlink(struct engine *engine, uint32_t slot)
{
    const struct order *orders = engine->orders.orders;
    const uint32_t partner = order_partner(&engine->extras, &orders[slot]);

    if (partner == ORDER_NONE)
        return;
    ASSERT(order_partner(&engine->extras, &orders[partner]) == slot);
    extra_of(&engine->extras, &orders[slot])->partner = ORDER_NONE;
    extra_of(&engine->extras, &orders[partner])->partner = ORDER_NONE;
    engine->linked_cnt -= 2;
}

void
order_arm(struct engine *engine, const struct order *order)
{
    timers_arm(&engine->sessions.timers, engine->cfg.sessions_max + order->extra,
               extra_of(&engine->extras, order)->expire_ns);
}

void
order_disarm(struct engine *engine, const struct order *order)
{
    timers_disarm(&engine->sessions.timers, engine->cfg.sessions_max + order->extra);
}

/* end_rare undoes what only few orders have. */
static void
end_rare(struct engine *engine, uint32_t slot)
{
    struct order *order = &engine->orders.orders[slot];

    if ((order->flags & ORDER_QUOTE) != 0)
        quote_forget(engine, slot);
    if (order_extra(order) == EXTRA_NONE)
        return;
    order_unlink(engine, slot);
    if (extra_of(&engine->extras, order)->expire_ns != 0)
        order_disarm(engine, order);
    if (order->ord_type == OE_ORD_TYPE_PEGGED)
        peg_leave(engine, slot);
    extra_give(&engine->extras, order);
}

void
order_end(struct engine *engine, uint32_t slot)
{
    struct order *order = &engine->orders.orders[slot];

    place_out(engine, slot);
    place_delist(engine, slot);
    if (!order_is_plain(order))
        end_rare(engine, slot);
    order_give(&engine->orders, slot);
}

void
order_retire(struct engine *engine, uint32_t slot, uint8_t reason, struct cell_sink *out)
{
    const struct order *order = &engine->orders.orders[slot];

    engine_emit_canceled(engine, order, reason, out);
    book_give_back(engine, order, order->leaves_qty);
    order_end(engine, slot);
}
