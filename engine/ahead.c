/*
 * Looking ahead: fetching what commands further back in the ring will touch.
 *
 *   group in work     + 1        + 2        + 3        + 4
 *   ----------------|----------|----------|----------|----------|
 *       applied       STAGE_4    STAGE_3    STAGE_2    STAGE_1
 *
 *             a price that is asked for     an order that is named    a taker
 *   STAGE_1   bucket of its ClOrdID, book   the order
 *   STAGE_2   where its leaf is found       level, leaf, neighbors,   best level
 *   STAGE_3   level, leaf                   bucket of its ClOrdID     maker
 *   STAGE_4   the last order of the level                             as if named
 *
 * A new order asks for a price, a replace does so and names an order.
 *
 * What one stage fetched the next one reads, a group of commands later: long
 * enough for a line to come from memory, so nothing here waits.
 *
 * Kinds of commands alternate without a pattern, and a branch by kind would be
 * guessed wrong every second time. So a group is first parted into lists, by
 * arithmetic, and each list is gone through by a loop of its own.
 *
 * Whatever stands in a cell, an address is only prefetched, or read within what
 * the engine has.
 */
#include "engine/book.h"

#define GROUP    ENGINE_AHEAD_GROUP
#define GROUPS   ENGINE_AHEAD_GROUPS
#define DISTANCE 4u /* groups from STAGE_1 to the group in work */

_Static_assert(GROUPS > DISTANCE, "groups in flight");

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

/* Which lists a command is for. */
#define LIST_ASK    1u
#define LIST_NAMED  2u
#define LIST_MOVE   4u
#define LIST_CALLED 8u

/* By the last two bits of its kind and whether it names by id. */
static const uint8_t lists_by_kind[8] = {
    [CELL_KIND_ORDER_NEW & 3] = LIST_ASK,
    [(CELL_KIND_ORDER_NEW & 3) + 4] = LIST_ASK,
    [CELL_KIND_ORDER_CANCEL & 3] = LIST_CALLED,
    [(CELL_KIND_ORDER_CANCEL & 3) + 4] = LIST_NAMED,
    [CELL_KIND_ORDER_REPLACE & 3] = LIST_CALLED,
    [(CELL_KIND_ORDER_REPLACE & 3) + 4] = LIST_NAMED | LIST_MOVE,
};

_Static_assert(CELL_KIND_ORDER_NEW == 32, "the three kinds differ in their last two bits");
_Static_assert(CELL_KIND_ORDER_REPLACE == 34, "and the fourth has no list");
_Static_assert(CELL_BY_ID << 8 == 1u << 14, "the bit of a frame");

/* lists_of returns which lists the command in a cell is for. */
static inline uint32_t
lists_of(const union cell *cell)
{
    const uint32_t frame = (uint32_t)cell->words[0];
    const uint32_t known = -(uint32_t)((frame & 0xfc) == (CELL_KIND_ORDER_NEW & 0xfc));

    return lists_by_kind[(frame & 3) | (frame >> 12 & 4)] & known;
}

/* part sorts the cells of a group into lists: of those who ask for a price, of
 * those who name an order by its id, of replaces among these, and of those who
 * name an order by its ClOrdID. */
static inline void
part(struct engine_ahead_group *group, const union cell *cells)
{
    uint32_t asks_cnt = 0;
    uint32_t named_cnt = 0;
    uint32_t moves = 0;
    uint32_t called = 0;

    for (uint32_t i = 0; i < GROUP; i++) {
        const uint32_t lists = lists_of(&cells[i]);

        group->asks[asks_cnt].cell = i;
        asks_cnt += lists & 1;
        group->named[named_cnt] = (uint32_t)(cells[i].order_cancel.order_id & ORDER_SLOT_MASK);
        named_cnt += lists >> 1 & 1;
        moves |= (lists >> 2 & 1) << i;
        called |= (lists >> 3 & 1) << i;
    }
    group->asks_cnt = asks_cnt;
    group->named_cnt = named_cnt;
    group->moves = moves;
    group->called = called;
}

static inline struct engine_ahead_group *
group_of(struct engine_ahead *ahead, uint64_t number)
{
    return &ahead->groups[number % GROUPS];
}

/* clord_of returns the ClOrdID by which cell i of a group names an order. That of
 * a replace is in its second cell; where that is behind the group, no one looks. */
static inline uint64_t
clord_of(const union cell *cells, uint32_t i)
{
    return cell_kind(&cells[i]) == CELL_KIND_ORDER_CANCEL
               ? cells[i].order_cancel.orig_clord
               : cells[i + 1 < GROUP ? i + 1 : i].replace_detail.orig_clord;
}

/* within returns a number that is below end, else 0, and no branch. */
static inline uint32_t
within(uint32_t number, uint32_t end)
{
    return number & -(uint32_t)(number < end);
}

static inline const struct book *
book_ahead(const struct engine *engine, uint32_t instrument)
{
    return &engine->books[within(instrument, engine->books_cnt)];
}

/* slot_ahead returns a slot that has an order, whatever it is given. */
static inline uint32_t
slot_ahead(const struct engine *engine, uint32_t slot)
{
    return within(slot, engine->orders.used_cnt);
}

static inline void
stage_1(const struct engine *engine, struct engine_ahead_group *group, const union cell *cells)
{
    part(group, cells);
    for (uint32_t i = 0, cnt = group->asks_cnt; i < cnt; i++) {
        const struct cell_order_new *in = &cells[group->asks[i].cell].order_new;

        PREFETCH_W(idmap_line(&engine->ids, in->session, in->clord));
        PREFETCH_W(book_ahead(engine, in->instrument));
        if (!engine->cfg.no_risk)
            risk_prefetch(engine->risk, in->account, in->instrument);
    }
    for (uint32_t i = 0, cnt = group->named_cnt; i < cnt; i++) {
        const uint32_t slot = slot_ahead(engine, group->named[i]);

        group->named[i] = slot;
        PREFETCH_W(&engine->orders.orders[slot]);
    }
    for (uint32_t left = group->moves; left != 0; left &= left - 1) {
        const struct cell_order_replace *in = &cells[__builtin_ctz(left)].order_replace;

        PREFETCH_W(idmap_line(&engine->ids, in->session, in->clord));
        PREFETCH_W(book_ahead(engine, in->instrument));
    }
    for (uint32_t left = group->called; left != 0; left &= left - 1) {
        const uint32_t i = (uint32_t)__builtin_ctz(left);

        PREFETCH_W(idmap_line(&engine->ids, cell_session(&cells[i]), clord_of(cells, i)));
    }
}

/* fetch_around fetches what lies around an order that will leave its level. */
static inline void
fetch_around(const struct engine *engine, uint32_t slot)
{
    const struct order *const orders = engine->orders.orders;
    const struct order *order = &orders[slot];

    PREFETCH_W(ladder_level(&engine->pages, order->level));
    PREFETCH_W(&engine->pages.heads[order->level >> 6]);
    PREFETCH_W(&orders[slot_ahead(engine, order->prev)]);
    PREFETCH_W(&orders[slot_ahead(engine, order->next)]);
    PREFETCH_W((const char *)engine->ids.buckets + (order->id_at & engine->ids.mask));
    if (!engine->cfg.no_risk)
        risk_prefetch_position(engine->risk, order->position);
}

/* ask_price notes where a price is, and who takes if it crosses. */
static inline void
ask_price(const struct engine *engine,
          struct engine_ahead_group *group,
          struct engine_ahead_ask *ask,
          const struct cell_order_new *in,
          uint32_t sell)
{
    const struct book *book = book_ahead(engine, in->instrument);
    const uint64_t tick = px_divide(in->px, book->tick_inverse, book->tick_shift);
    const struct ladder *side = &book->sides[sell];
    const struct ladder *other = &book->sides[sell ^ 1];
    const uint32_t key = ladder_key((uint32_t)tick & LADDER_KEY_MASK, sell != 0);

    ask->side = side;
    ask->key = key;
    PREFETCH_W(ladder_leaf_line(&engine->pages, side, key));
    group->takers[group->takers_cnt] = other->best_level;
    group->takers_cnt += other->best_key <= (key ^ LADDER_KEY_MASK);
}

static inline void
stage_2(const struct engine *engine, struct engine_ahead_group *group, const union cell *cells)
{
    const struct order *const orders = engine->orders.orders;

    group->takers_cnt = 0;
    for (uint32_t i = 0, cnt = group->asks_cnt; i < cnt; i++) {
        const struct cell_order_new *in = &cells[group->asks[i].cell].order_new;

        ask_price(engine, group, &group->asks[i], in, in->shape / CELL_SELL & 1);
    }
    for (uint32_t left = group->moves; left != 0; left &= left - 1) {
        const struct cell_order_new *in = &cells[__builtin_ctz(left)].order_new;
        const uint32_t slot = slot_ahead(engine, (uint32_t)(in->order_id & ORDER_SLOT_MASK));

        ask_price(engine, group, &group->asks[group->asks_cnt++], in,
                  orders[slot].flags & ORDER_SELL);
    }
    for (uint32_t i = 0, cnt = group->takers_cnt; i < cnt; i++)
        PREFETCH_W(ladder_level(&engine->pages, group->takers[i]));
    for (uint32_t i = 0, cnt = group->named_cnt; i < cnt; i++)
        fetch_around(engine, group->named[i]);
    group->guessed_cnt = 0;
    for (uint32_t left = group->called; left != 0; left &= left - 1) {
        const uint32_t i = (uint32_t)__builtin_ctz(left);
        const uint32_t slot = slot_ahead(
            engine, idmap_guess(&engine->ids, cell_session(&cells[i]), clord_of(cells, i)));

        group->named[group->guessed_cnt++] = slot;
        PREFETCH_W(&orders[slot]);
    }
}

static inline void
stage_3(const struct engine *engine, struct engine_ahead_group *group)
{
    for (uint32_t i = 0, cnt = group->asks_cnt; i < cnt; i++) {
        struct engine_ahead_ask *ask = &group->asks[i];
        const uint32_t leaf = ladder_leaf(&engine->pages, ask->side, ask->key);
        const uint32_t at = leaf << 6 | (ask->key & 63);

        ask->level = at;
        PREFETCH_W(&engine->pages.heads[leaf]);
        PREFETCH_W(ladder_level(&engine->pages, at));
    }
    for (uint32_t i = 0, cnt = group->takers_cnt; i < cnt; i++) {
        const struct level *level = ladder_level(&engine->pages, group->takers[i]);

        group->takers[i] = slot_ahead(engine, level->head);
        PREFETCH_W(&engine->orders.orders[group->takers[i]]);
    }
    for (uint32_t i = 0, cnt = group->guessed_cnt; i < cnt; i++)
        fetch_around(engine, group->named[i]);
}

static inline void
stage_4(const struct engine *engine, const struct engine_ahead_group *group)
{
    for (uint32_t i = 0, cnt = group->asks_cnt; i < cnt; i++) {
        const struct level *level = ladder_level(&engine->pages, group->asks[i].level);

        PREFETCH_W(&engine->orders.orders[slot_ahead(engine, level->tail)]);
    }
    for (uint32_t i = 0, cnt = group->takers_cnt; i < cnt; i++)
        fetch_around(engine, group->takers[i]);
}

/* step brings each group in flight one stage on, the new one into its first. */
static void
step(const struct engine *engine,
     struct engine_ahead *ahead,
     const union cell *cells,
     uint64_t mask)
{
    const uint64_t number = ahead->next++;

    stage_1(engine, group_of(ahead, number), &cells[number * GROUP & mask]);
    if (number >= ahead->first + 1)
        stage_2(engine, group_of(ahead, number - 1), &cells[(number - 1) * GROUP & mask]);
    if (number >= ahead->first + 2)
        stage_3(engine, group_of(ahead, number - 2));
    if (number >= ahead->first + 3)
        stage_4(engine, group_of(ahead, number - 3));
}

void
engine_prefetch(const struct engine *engine, const union cell *cell)
{
    const struct cell_order_new *in = &cell->order_new;
    const uint32_t slot = (uint32_t)(in->order_id & ORDER_SLOT_MASK);

    PREFETCH_W(book_ahead(engine, in->instrument));
    PREFETCH_W(idmap_line(&engine->ids, in->session, in->clord));
    PREFETCH_W(&engine->orders.orders[slot_ahead(engine, slot)]);
    if (!engine->cfg.no_risk && cell_kind(cell) == CELL_KIND_ORDER_NEW)
        risk_prefetch(engine->risk, in->account, in->instrument);
}

void
engine_ahead(const struct engine *engine,
             struct engine_ahead *ahead,
             const union cell *cells,
             uint64_t mask,
             uint64_t pos,
             uint64_t end)
{
    const uint64_t at_work = pos / GROUP;

    if (!engine_looks_ahead(engine))
        return;
    /* Behind what has been applied: begin anew. */
    if (ahead->next <= at_work || ahead->next > at_work + DISTANCE + 1) {
        ahead->next = at_work + 1;
        ahead->first = at_work + 1;
    }
    while (ahead->next <= at_work + DISTANCE && (ahead->next + 1) * GROUP <= end)
        step(engine, ahead, cells, mask);
}
