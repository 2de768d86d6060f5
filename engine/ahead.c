/*
 * Looking ahead: fetching what commands further back in the ring will touch.
 *
 *   engine_prefetch       the command --> its book, its order or the slot that a
 *                         new one will take, the bucket of its ClOrdID
 *   engine_prefetch_next  the order --> its level, its neighbors, its bucket;
 *                         or the level of a new one's price
 *
 * The kinds of commands alternate without a pattern, so nothing here branches by
 * kind: the addresses that a cancel, a replace or a new order asks for are all
 * computed, and masks choose (compilers turn ?: into the branch that it costs
 * 8 ns to mispredict). Whatever stands in the cell, an address
 * is only prefetched, or read within what the engine has.
 */
#include "engine/book.h"

/* Below this, what live orders touch is in the caches near the core anyway, and
 * looking ahead would only cost. */
#define NEAR_BYTES (UINT64_C(3) << 18)

/* Lines of a page that a command touches: its head and some levels. */
#define PAGE_NEAR_BYTES (4 * CACHE_LINE)

/* An order and its part of the id map. */
#define ORDER_NEAR_BYTES (CACHE_LINE + CACHE_LINE / 4)

bool
engine_looks_ahead(const struct engine *engine)
{
    const uint64_t pages_cnt = engine->pages.pages_max - ladder_room(&engine->pages);

    return engine->orders.taken_cnt * (uint64_t)ORDER_NEAR_BYTES + pages_cnt * PAGE_NEAR_BYTES >
           NEAR_BYTES;
}

/* pick returns yes or no, by cond, without a branch. */
static inline uint64_t
pick(bool cond, uint64_t yes, uint64_t no)
{
    return no ^ ((yes ^ no) & -(uint64_t)cond);
}

/* names_by_id says whether the cell is a command that names an order by id. */
static inline bool
names_by_id(const union cell *cell)
{
    return (cell_shape(cell) & CELL_BY_ID) != 0;
}

/* slot_ahead returns the slot of the order that is named or, of any other
 * command, the one that will be taken next; 0 if there is no such slot. */
static inline uint32_t
slot_ahead(const struct engine *engine, const union cell *cell)
{
    const uint32_t named = (uint32_t)(cell->order_cancel.order_id & ORDER_SLOT_MASK);
    const uint64_t slot = pick(names_by_id(cell), named, engine->orders.free_head);

    return (uint32_t)pick(slot < engine->orders.used_cnt, slot, 0);
}

static inline struct book *
book_ahead(const struct engine *engine, uint32_t instrument)
{
    return &engine->books[pick(instrument < engine->books_cnt, instrument, 0)];
}

void
engine_prefetch(const struct engine *engine, const union cell *cell)
{
    const struct cell_order_new *in = &cell->order_new;
    const bool cancel = cell_kind(cell) == CELL_KIND_ORDER_CANCEL;
    const struct book *book = book_ahead(engine, in->instrument);
    const uint64_t clord = pick(cancel, cell->order_cancel.orig_clord, in->clord);
    const uintptr_t bucket = (uintptr_t)idmap_line(&engine->ids, in->session, clord);

    PREFETCH_W(book);
    /* A cancel by id says nothing about its bucket. */
    PREFETCH_W((const void *)pick(cancel & names_by_id(cell), (uintptr_t)book, bucket));
    PREFETCH_W(&engine->orders.orders[slot_ahead(engine, cell)]);
    if (!engine->cfg.no_risk && cell_kind(cell) == CELL_KIND_ORDER_NEW &&
        in->instrument < engine->books_cnt)
        risk_prefetch(engine->risk, in->account, in->instrument);
}

void
engine_prefetch_next(const struct engine *engine, const union cell *cell)
{
    const struct order *orders = engine->orders.orders;
    const uint32_t used_cnt = engine->orders.used_cnt;
    const uint32_t slot = slot_ahead(engine, cell);
    const struct order *order = &orders[slot];
    const bool by_id = names_by_id(cell);
    struct book *book = book_ahead(engine, cell->order_new.instrument);
    const uint64_t asked = px_divide(cell->order_new.px, book->tick_inverse, book->tick_shift);
    const unsigned sell_asked = cell_shape(cell) / CELL_SELL & 1;
    const bool sell = pick(by_id, order->flags & ORDER_SELL, sell_asked) != 0;
    const uint32_t tick = (uint32_t)pick(by_id, order->tick, asked) & LADDER_KEY_MASK;
    const uintptr_t bucket = (uintptr_t)idmap_line(&engine->ids, order->session, order->clord);

    PREFETCH_W((const void *)pick(by_id, bucket, (uintptr_t)order));
    PREFETCH_W(&orders[pick(order->prev < used_cnt, order->prev, slot)]);
    PREFETCH_W(&orders[pick(order->next < used_cnt, order->next, slot)]);
    ladder_prefetch(&engine->pages, book_side(book, sell), ladder_key(tick, sell));
    if (!engine->cfg.no_risk && by_id)
        risk_prefetch_position(engine->risk, order->position);
}
