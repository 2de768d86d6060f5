#include <string.h>

#include "engine/work.h"
#include "proto/px_qty.h"

/* What a walk over the books has seen, to be compared with the counts. */
struct seen {
    uint32_t orders_cnt;
    uint32_t pages_cnt;
};

/* check_level walks a level of a book or of its stops. */
static void
check_level(const struct engine *engine, uint32_t instrument, bool sell, uint32_t at, bool stops)
{
    const struct level *level = ladder_level(&engine->pages, at);
    const uint32_t tick = ladder_key(ladder_key_of(&engine->pages, at), sell != stops);
    uint32_t prev = ORDER_NONE;
    uint32_t slot = level->head;
    uint64_t shown_qty = 0;
    uint64_t reserve_qty = 0;
    bool hidden = false;

    ASSERT(level->orders_cnt > 0);
    for (uint32_t i = 0; i < level->orders_cnt; i++) {
        ASSERT(slot < engine->orders.used_cnt);

        const struct order *order = &engine->orders.orders[slot];
        const qty_t shows_qty = stops ? order->leaves_qty : order_shown_qty(&engine->extras, order);

        ASSERT(order_is_live(order));
        ASSERT(order->leaves_qty > 0);
        ASSERT(order->place == (stops ? PLACE_STOP : PLACE_BOOK));
        ASSERT(order->level == at);
        ASSERT(stops ? extra_of(&engine->extras, order)->stop_tick == tick : order->tick == tick);
        ASSERT(order->instrument == instrument);
        ASSERT(order_is_sell(order) == sell);
        ASSERT(order->prev == prev);
        ASSERT(shows_qty <= order->leaves_qty);
        ASSERT(stops || order_is_hidden(order) || shows_qty > 0);
        hidden |= slot == level->hidden_head;
        ASSERT(order_is_hidden(order) == hidden);
        ASSERT((order->flags & ORDER_TOP) == 0 || slot == level->head);
        shown_qty += shows_qty;
        reserve_qty += order->leaves_qty - shows_qty;
        prev = slot;
        slot = order->next;
    }
    ASSERT(slot == ORDER_NONE);
    ASSERT(hidden || level->hidden_head == ORDER_NONE);
    ASSERT(level->tail == prev);
    ASSERT(level->shown_qty == shown_qty);
    ASSERT(level->reserve_qty == reserve_qty);
}

/* check_side walks the pages, then the levels from best to worst. */
static void
check_side(const struct engine *engine,
           uint32_t instrument,
           bool sell,
           bool stops,
           struct seen *seen)
{
    const struct ladder *side =
        stops ? &engine->rares[instrument].stops[sell] : &engine->books[instrument].sides[sell];
    uint32_t last_key = 0;

    seen->pages_cnt += ladder_check(&engine->pages, side);
    if (side->root == LADDER_NONE)
        return;
    for (uint32_t level = side->best_level; level != LADDER_NONE;
         level = ladder_next(&engine->pages, level)) {
        const uint32_t key = ladder_key_of(&engine->pages, level);

        ASSERT(level == side->best_level || key > last_key);
        ASSERT(ladder_find(&engine->pages, side, key) == level);
        check_level(engine, instrument, sell, level, stops);
        seen->orders_cnt += ladder_level(&engine->pages, level)->orders_cnt;
        last_key = key;
    }
}

/* check_lists walks the held orders and the pegs, of which those that are parked
 * are in no other list. */
static void
check_lists(const struct engine *engine, uint32_t instrument, struct seen *seen)
{
    const struct book *book = &engine->books[instrument];
    const struct book_rare *rare = &engine->rares[instrument];
    const struct order *orders = engine->orders.orders;
    uint32_t prev = ORDER_NONE;
    uint32_t pegs_cnt = 0;

    for (uint32_t slot = rare->held_head; slot != ORDER_NONE; slot = orders[slot].next) {
        ASSERT(orders[slot].place == PLACE_HELD);
        ASSERT(orders[slot].prev == prev);
        ASSERT(seen->orders_cnt++ < engine->orders.taken_cnt);
        prev = slot;
    }
    ASSERT(rare->held_tail == prev);
    prev = ORDER_NONE;
    for (uint32_t slot = rare->pegs_head; slot != ORDER_NONE;
         slot = extra_of(&engine->extras, &orders[slot])->peg_next) {
        ASSERT(orders[slot].ord_type == OE_ORD_TYPE_PEGGED);
        ASSERT(pegs_cnt++ < PEGS_MAX);
        ASSERT(orders[slot].place == PLACE_BOOK || orders[slot].place == PLACE_PARKED);
        ASSERT(extra_of(&engine->extras, &orders[slot])->peg_prev == prev);
        seen->orders_cnt += orders[slot].place == PLACE_PARKED;
        prev = slot;
    }
    ASSERT(rare->pegs_tail == prev);
    ASSERT(rare->pegs_cnt == pegs_cnt);
    ASSERT(((book->flags & BOOK_PEGS) != 0) == (rare->pegs_head != ORDER_NONE));
    ASSERT(((book->flags & BOOK_STOPS) != 0) ==
           ((rare->stops[0].root | rare->stops[1].root) != LADDER_NONE));
}

static void
check_books(const struct engine *engine)
{
    struct seen seen = {.orders_cnt = 0};

    for (uint32_t i = 0; i < engine->books_cnt; i++) {
        const struct book *book = &engine->books[i];

        ASSERT((book->tick_px != 0) == risk_instrument_known(engine->risk, i));
        if (book->tick_px == 0)
            continue;
        for (unsigned sell = 0; sell < 2; sell++) {
            check_side(engine, i, sell, false, &seen);
            check_side(engine, i, sell, true, &seen);
        }
        check_lists(engine, i, &seen);
        peg_check(engine, i);
        ASSERT(book->state == risk_instrument_state(engine->risk, i));
        if (book->sides[0].root != LADDER_NONE && book->sides[1].root != LADDER_NONE)
            ASSERT(ladder_key(book->sides[0].best_key, false) < book->sides[1].best_key);
    }
    ASSERT(seen.orders_cnt == engine->orders.taken_cnt);
    ASSERT(seen.pages_cnt == engine->pages.pages_max - engine->pages.room_cnt);
}

/* What a walk over the orders has seen of rare attributes. */
struct rare_seen {
    uint32_t extras_cnt;
    uint32_t linked_cnt;
    uint32_t quotes_cnt;
};

/* check_rare checks what few orders have. */
static void
check_rare(const struct engine *engine, uint32_t slot, struct rare_seen *seen)
{
    const struct order *orders = engine->orders.orders;
    const struct order *order = &orders[slot];
    const bool quote = (order->flags & ORDER_QUOTE) != 0;
    const bool held = order->place == PLACE_HELD;

    ASSERT(order_is_plain(order) == (order_extra(order) == EXTRA_NONE && !quote && !held));
    ASSERT(order->place != PLACE_TAKER);
    ASSERT(order->place != PLACE_QUEUE);
    ASSERT(!order_is_plain(order) || order->place == PLACE_BOOK);
    if (quote) {
        const struct quote *record = quote_find(engine, order->account, order->instrument);

        seen->quotes_cnt++;
        ASSERT(record != NULL);
        ASSERT(record->slot1[order_is_sell(order)] == slot + 1);
    }
    if (order_extra(order) == EXTRA_NONE)
        return;

    const struct extra *extra = extra_of(&engine->extras, order);

    seen->extras_cnt++;
    ASSERT(extra->slot == slot);
    ASSERT(timers_armed(&engine->sessions.timers, engine->cfg.sessions_max + order->extra) ==
           (extra->expire_ns != 0));
    ASSERT((extra->stop_tick != 0) == (order->place == PLACE_STOP));
    if (extra->partner == ORDER_NONE)
        return;
    seen->linked_cnt++;
    ASSERT(order_is_live(&orders[extra->partner]));
    ASSERT(order_partner(&engine->extras, &orders[extra->partner]) == slot);
}

/* sum_order adds what an order has reserved to that of its pair and account. */
static void
sum_order(const struct engine *engine, const struct order *order)
{
    const struct risk_hold hold = order_hold(engine, order);
    struct position_sum *pair = &engine->sums[order->position];
    struct risk_sums *account = &engine->account_sums[order->account];

    if (hold.sell)
        pair->open_sell_qty += hold.leaves_qty;
    else
        pair->open_buy_qty += hold.leaves_qty;
    account->value += px_mul_qty(hold.px, hold.leaves_qty);
    account->cash += risk_cash_of(hold.px, hold.leaves_qty, hold.sell,
                                  risk_fees_of(engine->risk, order->instrument));
    account->orders_cnt++;
}

/* sum_session counts an order for its session. */
static void
sum_session(const struct engine *engine, const struct order *order)
{
    struct session_sum *sum = &engine->session_sums[session_idx(&engine->sessions, order->session)];

    sum->orders_cnt++;
    sum->day_orders_cnt += order_is_day(order);
}

/* check_sessions asserts that each session counts its own orders. */
static void
check_sessions(const struct engine *engine)
{
    for (uint32_t i = 0; i < engine->sessions.used_cnt; i++) {
        const struct session *session = &engine->sessions.at[i];
        struct session_sum *sum = &engine->session_sums[i];

        ASSERT(session->orders_cnt == sum->orders_cnt);
        ASSERT(session->day_orders_cnt == sum->day_orders_cnt);
        *sum = (struct session_sum){.orders_cnt = 0};
    }
}

/* check_orders compares the orders with id map, sessions and reservations. */
static void
check_orders(const struct engine *engine)
{
    const struct order_pool *pool = &engine->orders;
    const struct sessions *sessions = &engine->sessions;
    struct rare_seen rare = {.extras_cnt = 0};
    uint32_t live_cnt = 0;

    for (uint32_t slot = 0; slot < pool->used_cnt; slot++) {
        const struct order *order = &pool->orders[slot];

        if (!order_is_live(order))
            continue;
        live_cnt++;
        ASSERT(session_of(sessions, order->session) != NULL);
        sum_session(engine, order);
        check_rare(engine, slot, &rare);
        if ((order->flags & ORDER_QUOTE) == 0)
            ASSERT(idmap_find(&engine->ids, pool->orders, order->session, order->clord) == slot);
        if (order_is_plain(order) && order->id_at != IDMAP_FAR)
            ASSERT(idmap_bucket(&engine->ids, order->id_at & ~63u)->slots[order->id_at & 63] ==
                   slot);
        ASSERT((order->order_id & ORDER_SLOT_MASK) == slot);

        if (engine->cfg.no_risk)
            continue;

        sum_order(engine, order);
        /* What a stage cancels is gone when its command is done, and nothing comes. */
        ASSERT(!risk_is_blocked(engine->risk, order->account));
    }
    ASSERT(live_cnt == pool->taken_cnt);
    ASSERT(live_cnt == idmap_check(&engine->ids, pool->orders) + rare.quotes_cnt);
    ASSERT(rare.extras_cnt == engine->extras.taken_cnt);
    ASSERT(rare.linked_cnt == engine->linked_cnt);
    check_sessions(engine);
}

static void
check_positions(const struct engine *engine)
{
    if (engine->cfg.no_risk)
        return;
    for (uint32_t i = 0; i < risk_positions_cnt(engine->risk); i++) {
        const uint32_t slot = risk_position_slot(engine->risk, i);
        struct position_sum *sum = &engine->sums[slot];

        risk_position_check(engine->risk, slot, sum->open_buy_qty, sum->open_sell_qty);
        *sum = (struct position_sum){.open_buy_qty = 0};
    }
}

/* check_accounts asserts that each account has reserved what its orders have, and
 * that nothing was lost or made. */
static void
check_accounts(const struct engine *engine)
{
    if (engine->cfg.no_risk)
        return;
    ASSERT(!risk_is_pending(engine->risk));
    for (uint32_t account = 0; account < engine->cfg.accounts_max; account++) {
        struct risk_sums *sums = &engine->account_sums[account];
        uint32_t group;
        uint32_t firm;

        if (!risk_account_firm(engine->risk, account, &group, &firm))
            continue;
        risk_account_check(engine->risk, account, sums);
        *sums = (struct risk_sums){.value = 0};
    }
    risk_conservation_check(engine->risk);
}

static void
check_free_lists(const struct engine *engine)
{
    const struct order_pool *orders = &engine->orders;
    uint32_t cnt = 0;

    for (uint32_t slot = orders->free_head; slot != ORDER_NONE; slot = orders->orders[slot].next) {
        ASSERT(slot < orders->used_cnt);
        ASSERT(!order_is_live(&orders->orders[slot]));
        ASSERT(cnt < orders->used_cnt);
        cnt++;
    }
    ASSERT(cnt + orders->taken_cnt + orders->retired_cnt == orders->used_cnt);
    ladder_pool_check(&engine->pages);
    const struct extra_pool *extras = &engine->extras;

    cnt = 0;
    for (uint32_t at = extras->free_head; at != EXTRA_NONE; at = extras->extras[at].next_free)
        ASSERT(cnt++ < extras->used_cnt);
    ASSERT(cnt + extras->taken_cnt == extras->used_cnt);
}

void
engine_check(const struct engine *engine)
{
    ASSERT(engine->work.kind == WORK_NONE);
    ASSERT(!engine->disturbed);
    check_free_lists(engine);
    check_books(engine);
    check_orders(engine);
    check_positions(engine);
    check_accounts(engine);
    timers_check(&engine->sessions.timers);
}
