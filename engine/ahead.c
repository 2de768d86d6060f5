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
 * Of risk the first stage fetches account, pair and bounds of a new order; the second its
 * group, and account, pace and pair of an order that is named; where there is a taker
 * the second and last what fills touch. Firms are few, and near. The second stage's
 * part is done too where the rest of it does not pay. Where all that orders touch is near,
 * and only risk is not, there is one stage: accounts and pairs, of new orders and of those
 * that are named, as these are near.
 *
 * What one stage fetched the next one reads, a group of commands later: long
 * enough for a line to come from memory, so nothing here waits.
 *
 * Kinds of commands alternate without a pattern, and a branch by kind would be
 * guessed wrong every second time. So a group is first parted into sets of cells,
 * a bit each, and each set is gone through by a loop of its own.
 *
 * Whatever stands in a cell, an address is only prefetched, or read within what
 * the engine has.
 */
#include <string.h>

#include "engine/book.h"
#include "risk/hot.h"

#define GROUP    ENGINE_AHEAD_GROUP
#define GROUPS   ENGINE_AHEAD_GROUPS
#define DISTANCE 4u /* groups from STAGE_1 to the group in work */
#define NEAR     2u /* groups ahead where risk alone is fetched */
#define LATER    3u /* groups from STAGE_1 to the cells that are fetched themselves */

_Static_assert(GROUPS > DISTANCE, "groups in flight");

/* Below the first, what commands name is in the caches near the core anyway, and
 * looking ahead would only cost; below the second, what lies behind it is, and
 * the first stage will do. Commands themselves go through these caches as well,
 * in and out, and leave a part to the rest. */
#define NAMED_BYTES (UINT64_C(3) << 18)
#define LIVE_BYTES  (UINT64_C(6) << 20)

/* Lines of a page that a command touches: its head and some levels. */
#define PAGE_NEAR_BYTES (4 * CACHE_LINE)

/* An order and its part of the id map. */
#define ORDER_NEAR_BYTES (CACHE_LINE + CACHE_LINE / 4)

/* bytes_named estimates what the first look of a command can touch: any bucket of
 * the id map, and any order that ever was. */
static inline uint64_t
bytes_named(const struct engine *engine)
{
    return engine->ids.mask + engine->orders.used_cnt * (uint64_t)CACHE_LINE;
}

/* bytes_live estimates what lies behind: orders that live, and their levels. */
static inline uint64_t
bytes_live(const struct engine *engine)
{
    const uint64_t pages_cnt = engine->pages.pages_max - ladder_room(&engine->pages);

    return engine->orders.taken_cnt * (uint64_t)ORDER_NEAR_BYTES + pages_cnt * PAGE_NEAR_BYTES;
}

/* bytes_risk estimates what risk has of those who send commands, and of their pairs. */
static inline uint64_t
bytes_risk(const struct engine *engine)
{
    return engine->cfg.no_risk ? 0 : risk_hot_bytes(engine->risk);
}

bool
engine_looks_ahead(const struct engine *engine)
{
    return bytes_named(engine) + bytes_risk(engine) > NAMED_BYTES;
}

/* first_of returns the first member of a set that is not empty. */
static inline uint32_t
first_of(uint32_t left)
{
    return (uint32_t)__builtin_ctz(left);
}

static inline __m128i
is_kind(__m128i kinds, int kind)
{
    return _mm_cmpeq_epi16(kinds, _mm_set1_epi16((short)kind));
}

/* bits_of returns a bit for each of 16 halfwords that are all ones or all zeros. */
static inline uint32_t
bits_of(__m128i low, __m128i high)
{
    return (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(low, high));
}

/* Kind and shape of eight cells. */
static inline __m128i
heads_of(const union cell *cells)
{
    uint16_t heads[8];

    for (unsigned i = 0; i < 8; i++)
        memcpy(&heads[i], cells[i].bytes, sizeof heads[i]);
    return _mm_set_epi16((short)heads[7], (short)heads[6], (short)heads[5], (short)heads[4],
                         (short)heads[3], (short)heads[2], (short)heads[1], (short)heads[0]);
}

/* part sorts the cells of a group: new orders, those who name an order by its
 * id, replaces among these, those who name an order by its ClOrdID. */
static inline void
part(struct engine_ahead_group *group, const union cell *cells)
{
    __m128i news[2];
    __m128i replaces[2];
    __m128i names[2];
    __m128i by_id[2];

    for (unsigned half = 0; half < 2; half++) {
        const __m128i heads = heads_of(&cells[8 * half]);
        const __m128i kinds = _mm_and_si128(heads, _mm_set1_epi16(0xff));

        news[half] = is_kind(kinds, CELL_KIND_ORDER_NEW);
        replaces[half] = is_kind(kinds, CELL_KIND_ORDER_REPLACE);
        names[half] = _mm_or_si128(replaces[half], is_kind(kinds, CELL_KIND_ORDER_CANCEL));
        by_id[half] = _mm_srai_epi16(_mm_slli_epi16(heads, 1), 15);
    }

    const uint32_t all_by_id = bits_of(by_id[0], by_id[1]);
    const uint32_t all_names = bits_of(names[0], names[1]);

    group->news = bits_of(news[0], news[1]);
    group->named = all_names & all_by_id;
    group->moves = bits_of(replaces[0], replaces[1]) & all_by_id;
    group->called = all_names & ~all_by_id;
}

_Static_assert(CELL_BY_ID == 1u << 6, "the bit before the last of a halfword");

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

/* slot_named returns the slot of the order that a cell names by its id. */
static inline uint32_t
slot_named(const struct engine *engine, const union cell *cell)
{
    return slot_ahead(engine, (uint32_t)(cell->order_cancel.order_id & ORDER_SLOT_MASK));
}

static ALWAYS_INLINE void
stage_1(const struct engine *engine,
        struct engine_ahead_group *group,
        const union cell *cells,
        const union cell *later,
        const bool bare)
{
    /* One address and sixteen offsets: else each is reckoned from the start. */
    __asm__("" : "+r"(later));
    for (unsigned i = 0; i < GROUP; i++)
        PREFETCH_R(&later[i]);
    part(group, cells);
    for (uint32_t left = group->news | group->moves; left != 0; left &= left - 1) {
        const struct cell_order_new *in = &cells[first_of(left)].order_new;

        PREFETCH_W(idmap_line(&engine->ids, in->session, in->clord));
        PREFETCH_W(book_ahead(engine, in->instrument));
    }
    if (!bare) {
        for (uint32_t left = group->news; left != 0; left &= left - 1) {
            const struct cell_order_new *in = &cells[first_of(left)].order_new;

            risk_hot_fetch_new(engine->risk, in->account, in->instrument);
            risk_hot_fetch_bounds(engine->risk, in->instrument);
        }
    }
    for (uint32_t left = group->named; left != 0; left &= left - 1)
        PREFETCH_W(&engine->orders.orders[slot_named(engine, &cells[first_of(left)])]);
    for (uint32_t left = group->called; UNLIKELY(left != 0); left &= left - 1) {
        const uint32_t i = first_of(left);

        PREFETCH_W(idmap_line(&engine->ids, cell_session(&cells[i]), clord_of(cells, i)));
    }
}

/* fetch_around fetches what lies around an order that will leave its level. */
static ALWAYS_INLINE void
fetch_around(const struct engine *engine, uint32_t slot, const bool bare)
{
    const struct order *const orders = engine->orders.orders;
    const struct order *order = &orders[slot];
    const uint32_t at = order->level;

    PREFETCH_W(ladder_level(&engine->pages, at));
    PREFETCH_W(&engine->pages.heads[at >> 6]);
    PREFETCH_W(&orders[slot_ahead(engine, order->prev)]);
    PREFETCH_W(&orders[slot_ahead(engine, order->next)]);
    PREFETCH_W((const char *)engine->ids.buckets + (order->id_at & engine->ids.mask));
    if (!bare)
        risk_hot_fetch_live(engine->risk, order->account, order->position);
}

/* stage_risk fetches what risk has of the orders that are named, and the groups of those
 * who send new ones. */
static ALWAYS_INLINE void
stage_risk(const struct engine *engine,
           const struct engine_ahead_group *group,
           const union cell *cells)
{
    for (uint32_t left = group->news; left != 0; left &= left - 1)
        risk_hot_fetch_group(engine->risk, cells[first_of(left)].order_new.account);
    for (uint32_t left = group->named; left != 0; left &= left - 1) {
        const struct order *order =
            &engine->orders.orders[slot_named(engine, &cells[first_of(left)])];

        risk_hot_fetch_live(engine->risk, order->account, order->position);
    }
}

/* ask_price notes where a price is, and who takes if it crosses. It returns the
 * new number of takers. */
static ALWAYS_INLINE uint32_t
ask_price(const struct engine *engine,
          struct engine_ahead_group *group,
          uint32_t i,
          const struct cell_order_new *in,
          uint32_t sell,
          uint32_t takers_cnt)
{
    const struct book *book = book_ahead(engine, in->instrument);
    const uint64_t tick = px_divide(in->px, book->tick_inverse, book->tick_shift);
    const struct ladder *side = &book->sides[sell];
    const struct ladder *other = &book->sides[sell ^ 1];
    const uint32_t key = ladder_key((uint32_t)tick & LADDER_KEY_MASK, sell != 0);

    group->asks[i].side = side;
    group->asks[i].key = key;
    PREFETCH_W(ladder_leaf_line(&engine->pages, side, key));
    group->takers[takers_cnt] = other->best_level;
    return takers_cnt + (other->best_key <= (key ^ LADDER_KEY_MASK));
}

static ALWAYS_INLINE void
stage_2(const struct engine *engine,
        struct engine_ahead_group *group,
        const union cell *cells,
        const bool bare)
{
    const struct order *const orders = engine->orders.orders;
    uint32_t takers_cnt = 0;

    for (uint32_t left = group->news; left != 0; left &= left - 1) {
        const uint32_t i = first_of(left);
        const struct cell_order_new *in = &cells[i].order_new;

        const uint32_t before = takers_cnt;

        takers_cnt = ask_price(engine, group, i, in, in->shape / CELL_SELL & 1, takers_cnt);
        if (!bare && EITHER(takers_cnt != before))
            risk_hot_fetch_fill(engine->risk, in->account);
    }
    for (uint32_t left = group->moves; left != 0; left &= left - 1) {
        const uint32_t i = first_of(left);
        const uint32_t sell = orders[slot_named(engine, &cells[i])].flags & ORDER_SELL;

        takers_cnt = ask_price(engine, group, i, &cells[i].order_new, sell, takers_cnt);
    }
    group->takers_cnt = takers_cnt;
    for (uint32_t i = 0; i < takers_cnt; i++)
        PREFETCH_W(ladder_level(&engine->pages, group->takers[i]));
    for (uint32_t left = group->named; left != 0; left &= left - 1)
        fetch_around(engine, slot_named(engine, &cells[first_of(left)]), true);
    for (uint32_t left = group->called; UNLIKELY(left != 0); left &= left - 1) {
        const uint32_t i = first_of(left);
        const uint32_t slot = slot_ahead(
            engine, idmap_guess(&engine->ids, cell_session(&cells[i]), clord_of(cells, i)));

        group->asks[i].level = slot;
        PREFETCH_W(&orders[slot]);
    }
}

static ALWAYS_INLINE void
stage_3(const struct engine *engine, struct engine_ahead_group *group, const bool bare)
{
    for (uint32_t left = group->news | group->moves; left != 0; left &= left - 1) {
        struct engine_ahead_ask *ask = &group->asks[first_of(left)];
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
    for (uint32_t left = group->called; UNLIKELY(left != 0); left &= left - 1)
        fetch_around(engine, group->asks[first_of(left)].level, bare);
}

static ALWAYS_INLINE void
stage_4(const struct engine *engine, const struct engine_ahead_group *group, const bool bare)
{
    for (uint32_t left = group->news | group->moves; left != 0; left &= left - 1) {
        const struct level *level = ladder_level(&engine->pages, group->asks[first_of(left)].level);

        PREFETCH_W(&engine->orders.orders[slot_ahead(engine, level->tail)]);
    }
    for (uint32_t i = 0, cnt = group->takers_cnt; i < cnt; i++)
        fetch_around(engine, group->takers[i], bare);
    for (uint32_t i = 0, cnt = bare ? 0 : group->takers_cnt; i < cnt; i++)
        risk_hot_fetch_fill(engine->risk, engine->orders.orders[group->takers[i]].account);
}

/* step brings each group in flight one stage on, the new one into its first. */
static ALWAYS_INLINE void
step(const struct engine *engine,
     struct engine_ahead *ahead,
     const union cell *cells,
     uint64_t mask,
     uint64_t at_work,
     bool far_away,
     const bool bare)
{
    const uint64_t number = ahead->next++;
    /* Of the group in work some cells may have been given back: it is left out. */
    const uint64_t first = ahead->first > at_work ? ahead->first : at_work + 1;

    stage_1(engine, group_of(ahead, number), &cells[number * GROUP & mask],
            &cells[(number + LATER) * GROUP & mask], bare);
    if (!bare && LIKELY(number > ahead->begun) && LIKELY(number - 1 > at_work))
        stage_risk(engine, group_of(ahead, number - 1), &cells[(number - 1) * GROUP & mask]);
    /* Groups that have been in the first stage alone go no further. */
    if (!far_away) {
        ahead->first = number + 1;
        return;
    }
    if (LIKELY(number >= first + 1))
        stage_2(engine, group_of(ahead, number - 1), &cells[(number - 1) * GROUP & mask], bare);
    if (LIKELY(number >= first + 2))
        stage_3(engine, group_of(ahead, number - 2), bare);
    if (LIKELY(number >= first + 3))
        stage_4(engine, group_of(ahead, number - 3), bare);
}

/* step_near fetches what is far of risk, where all else is near. */
static __attribute__((noinline)) void
step_near(const struct engine *engine, struct engine_ahead *ahead, const union cell *cells)
{
    struct engine_ahead_group *group = group_of(ahead, ahead->next++);
    const struct risk *risk = engine->risk;

    part(group, cells);
    for (uint32_t left = group->news; left != 0; left &= left - 1) {
        const struct cell_order_new *in = &cells[first_of(left)].order_new;

        risk_hot_fetch_new(risk, in->account, in->instrument);
    }
    for (uint32_t left = group->named; left != 0; left &= left - 1) {
        const struct order *order =
            &engine->orders.orders[slot_named(engine, &cells[first_of(left)])];

        risk_hot_fetch_live(risk, order->account, order->position);
    }
    /* It goes no further, should the rest come to be far. */
    ahead->first = ahead->next;
}

static __attribute__((noinline)) void
step_bare(const struct engine *engine,
          struct engine_ahead *ahead,
          const union cell *cells,
          uint64_t mask,
          uint64_t at_work,
          bool far_away)
{
    step(engine, ahead, cells, mask, at_work, far_away, true);
}

static __attribute__((noinline)) void
step_risk(const struct engine *engine,
          struct engine_ahead *ahead,
          const union cell *cells,
          uint64_t mask,
          uint64_t at_work,
          bool far_away)
{
    step(engine, ahead, cells, mask, at_work, far_away, false);
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
        risk_hot_fetch_new(engine->risk, in->account, in->instrument);
}

void
engine_look_ahead(const struct engine *engine,
                  struct engine_ahead *ahead,
                  const union cell *cells,
                  uint64_t mask,
                  uint64_t pos,
                  uint64_t end)
{
    const uint64_t at_work = pos / GROUP;
    const bool far_away = bytes_live(engine) > LIVE_BYTES;
    const bool named_far = bytes_named(engine) > NAMED_BYTES;

    if (!engine_looks_ahead(engine))
        return;
    /* Behind what has been applied: begin anew. */
    if (ahead->next <= at_work || ahead->next > at_work + DISTANCE + 1) {
        ahead->next = at_work + 1;
        ahead->first = at_work + 1;
        ahead->begun = at_work + 1;
    }
    while (!named_far && ahead->next <= at_work + NEAR && (ahead->next + 1) * GROUP <= end)
        step_near(engine, ahead, &cells[ahead->next * GROUP & mask]);
    while (named_far && ahead->next <= at_work + DISTANCE && (ahead->next + 1) * GROUP <= end)
        engine->cfg.no_risk ? step_bare(engine, ahead, cells, mask, at_work, far_away)
                            : step_risk(engine, ahead, cells, mask, at_work, far_away);
}
