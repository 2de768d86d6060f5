#include "engine/plain.h"

#include <string.h>

#include "engine/emit.h"
#include "engine/work.h"

/* Trades that a plain order does without work.c. */
#define TRADES_MAX (SLICE_CELLS / 2)

/* The four bytes from ord_type on as one number: what makes an order plain. */
#define TERMS_STP       UINT32_C(0x0f000000)
#define TERMS_STP_MAX   ((uint32_t)OE_SELF_MATCH_PREVENTION_INSTRUCTION_DECREMENT << 24)
#define TERMS_KIND      UINT32_C(0x00ffffff)
#define TERMS_REST_KIND UINT32_C(0x00fffeff) /* all but the last bit of the time in force */
#define TERMS_REST      ((uint32_t)OE_ORD_TYPE_LIMIT | (uint32_t)OE_TIME_IN_FORCE_DAY << 8)
#define TERMS_TAKE \
 ((uint32_t)OE_ORD_TYPE_LIMIT | (uint32_t)OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL << 8)

_Static_assert((OE_TIME_IN_FORCE_DAY & 1) == 0, "Day and GTC differ in one bit");
_Static_assert((OE_TIME_IN_FORCE_DAY | 1) == OE_TIME_IN_FORCE_GOOD_TILL_CANCEL, "in the last");
_Static_assert(CELL_MATCH_ALGORITHM_PRICE_TIME == 0, "tested with state and flags");
_Static_assert(CELL_INSTRUMENT_STATE_OPEN == 0, "tested with algorithm and flags");
_Static_assert(ORDER_SELL << 5 == CELL_SELL, "shifted");
_Static_assert(OE_REJECT_REASON_NONE == 0, "an outcome of an accepted command");

/* The first word of a cell: kind, shape, outcome, instrument. */
#define FRAME_SHAPE(shape) ((uint64_t)(shape) << 8)
#define FRAME_REQUEST      UINT64_C(0xffffffff000000ff) /* what is never a result */

/* terms_of returns the four bytes of an order that is asked for. */
static inline uint32_t
terms_of(const struct cell_order_new *in)
{
    uint32_t terms;

    memcpy(&terms, &in->ord_type, sizeof terms);
    return terms;
}

/* is_day says, as a number, whether a plain order that rests is a Day order. */
static inline uint32_t
is_day(unsigned tif)
{
    return ~tif & 1u;
}

/* frame_sell returns the side that a frame asks for. */
static inline unsigned
frame_sell(uint64_t frame)
{
    return (unsigned)(frame >> 13) & 1u;
}

/* emit writes the first three words of the command's own cell. */
static inline union cell *
emit(const struct engine *engine, uint64_t frame, struct cell_sink *out)
{
    union cell *cell = engine_emit(out);

    cell->words[0] = frame;
    cell->words[1] = engine->seq;
    cell->words[2] = engine->time_ns;
    return cell;
}

/* What an order or a replace asks of its book, and what comes of it. */
struct ask {
    px_t px;
    qty_t qty;        /* in all */
    qty_t leaves_qty; /* of it */
    uint32_t tick;
    bool sell;
    struct risk_order order;
    struct risk_ticket ticket;
    struct risk_detail detail;
};

/* The last word of a book: tick_shift, algorithm, flags, state. */
#define BOOK_PEGS_WORD ((uint32_t)BOOK_PEGS << 16)
#define BOOK_BUSY_WORD (UINT32_C(0xff00ff00) | BOOK_PEGS_WORD)
#define BOOK_LOTS_WORD ((uint32_t)BOOK_LOTS << 16)

_Static_assert(offsetof(struct book, tick_shift) == 60, "its first byte");
_Static_assert(offsetof(struct book, algorithm) == 61, "its second");
_Static_assert(offsetof(struct book, flags) == 62, "its third");
_Static_assert(offsetof(struct book, state) == 63, "its last");

static inline uint32_t
book_word(const struct book *book)
{
    uint32_t word;

    memcpy(&word, &book->tick_shift, sizeof word);
    return word;
}

/* book_takes_rest says whether the tick is a price and the quantity a multiple
 * of the lot, where either needs a look, and nothing else is special about the
 * book. */
static COLD bool
book_takes_rest(const struct engine *engine, const struct book *book, uint64_t tick, qty_t qty)
{
    const struct book_rare *rare = &engine->rares[book - engine->books];

    return (book_word(book) & BOOK_BUSY_WORD) == 0 && tick < rare->tick_end &&
           qty % rare->lot_qty == 0;
}

/* ask_book says whether the book takes such an order: a price on tick, an open
 * book without pegs. Without risk that is all; the rest asks risk. */
static ALWAYS_INLINE bool
ask_book(const struct engine *engine, const struct book *book, struct ask *ask)
{
    const uint64_t tick = px_divide(ask->px, book->tick_inverse, book->tick_shift);

    /* A book that is not set has no inverse, so that every price comes to
     * tick 0. */
    ask->tick = (uint32_t)tick;
    if (UNLIKELY(tick - 1 >= TICK_MAX - UINT64_C(1) || ask->px < 0 || ask->qty == 0))
        return false;
    return LIKELY((book_word(book) & (BOOK_BUSY_WORD | BOOK_LOTS_WORD)) == 0) ||
           book_takes_rest(engine, book, tick, ask->qty);
}

/* ask_risk_begin fills what risk is to be asked. */
static ALWAYS_INLINE void
ask_risk_begin(struct ask *ask,
               const struct book *book,
               uint32_t instrument,
               uint32_t account,
               uint32_t firm)
{
    ask->order = (struct risk_order){
        .instrument = instrument,
        .account = account,
        .firm = firm,
        .px = ask->px,
        .last_px = book_last_px(book),
        .qty = ask->qty,
        .leaves_qty = ask->leaves_qty,
        .sell = ask->sell,
    };
}

/* enlist makes an order that rests known: id map and counts of its session. */
static inline void
enlist(struct engine *engine, struct session *session, unsigned tif, uint64_t hash, uint32_t slot)
{
    idmap_add_hashed(&engine->ids, hash, slot);
    session->orders_cnt++;
    session->day_orders_cnt += is_day(tif);
}

/* delist is the opposite. */
static inline void
delist(struct engine *engine, struct session *session, const struct order *order, uint32_t slot)
{
    const uint32_t orders_cnt = session->orders_cnt--;

    ASSERT(orders_cnt > 0);
    session->day_orders_cnt -= is_day(order->tif);
    idmap_remove(&engine->ids, order->session, order->clord, slot);
}

/* trade does one trade of the taker with a displayed plain maker. */
static ALWAYS_INLINE void
trade(struct engine *engine,
      struct book *book,
      struct level *level,
      struct order *taker,
      uint32_t maker_slot,
      struct cell_sink *out,
      const bool bare)
{
    struct order *maker = &engine->orders.orders[maker_slot];
    const qty_t qty = taker->leaves_qty < maker->leaves_qty ? taker->leaves_qty : maker->leaves_qty;

    taker->leaves_qty -= qty;
    taker->cum_qty += qty;
    maker->leaves_qty -= qty;
    maker->cum_qty += qty;
    level->shown_qty -= qty;
    book->last_tick = maker->tick;
    if (!bare) {
        risk_on_fill(engine->risk, taker->position, order_is_sell(taker), qty);
        risk_on_fill(engine->risk, maker->position, order_is_sell(maker), qty);
    }
    engine_emit_trade(engine, taker, maker, book_px(book, maker->tick), qty, out);
    if (maker->leaves_qty == 0)
        book_remove(engine, book, maker_slot);
}

/* sweep lets a plain order that is in no place and not subject to self-match
 * prevention trade, and rests or ends it; hash is its clord's. What it meets
 * that is not plain it leaves to work.c, with itself as the taker. */
static ALWAYS_INLINE enum engine_result
sweep(struct engine *engine,
      uint32_t slot,
      uint64_t hash,
      struct session *session,
      struct cell_sink *out,
      const bool bare)
{
    struct order *taker = &engine->orders.orders[slot];
    struct book *book = &engine->books[taker->instrument];
    const bool sell = order_is_sell(taker);
    const struct ladder *side = book_side(book, !sell);
    const uint32_t limit_key = ladder_key(taker->tick, !sell);
    const uint32_t first_tick = ladder_key(side->best_key, !sell);
    uint32_t trades_cnt = 0;
    bool plain = true;

    engine->work.index = 0;
    while (taker->leaves_qty != 0 && side->best_key <= limit_key) {
        struct level *level = ladder_level(&engine->pages, side->best_level);
        const uint32_t maker_slot = level->head;

        if (UNLIKELY((engine->orders.orders[maker_slot].flags & (ORDER_RARE | ORDER_HIDDEN)) != 0 ||
                     trades_cnt == TRADES_MAX)) {
            plain = false;
            break;
        }
        trade(engine, book, level, taker, maker_slot, out, bare);
        trades_cnt++;
    }
    if (LIKELY(plain)) {
        if (taker->leaves_qty == 0) {
            order_give(&engine->orders, slot);
        } else if (taker->tif != OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL) {
            taker->flags |= ORDER_LIVE;
            book_join(engine, book, slot, taker->leaves_qty);
            enlist(engine, session, taker->tif, hash, slot);
        } else {
            engine_emit_canceled(engine, taker, OE_CANCEL_REASON_IMMEDIATE_OR_CANCEL, out);
            if (!bare)
                risk_release(engine->risk, taker->position, sell, taker->leaves_qty);
            order_give(&engine->orders, slot);
        }
        if (LIKELY((book->flags & BOOK_STOPS) == 0))
            return engine_finish(engine, out);
    }
    work_begin(engine, WORK_ORDER, PHASE_SETTLE);
    if (trades_cnt != 0) {
        settle_range(engine, taker->instrument, first_tick);
        settle_range(engine, taker->instrument, book->last_tick);
    }
    if (!plain)
        sweep_begin(engine, slot);
    return work_run_on(engine, 2 * trades_cnt, out);
}

static __attribute__((noinline)) enum engine_result
sweep_bare(struct engine *engine,
           uint32_t slot,
           uint64_t hash,
           struct session *session,
           struct cell_sink *out)
{
    return sweep(engine, slot, hash, session, out, true);
}

static __attribute__((noinline)) enum engine_result
sweep_risk(struct engine *engine,
           uint32_t slot,
           uint64_t hash,
           struct session *session,
           struct cell_sink *out)
{
    return sweep(engine, slot, hash, session, out, false);
}

/* ask_new says whether the order can be taken by the short road. */
static ALWAYS_INLINE bool
ask_new(struct engine *engine,
        const struct cell_order_new *in,
        const struct book *book,
        const struct session *session,
        struct ask *ask,
        const bool bare)
{
    if (UNLIKELY(!ask_book(engine, book, ask)))
        return false;
    if (bare)
        return true;
    ask_risk_begin(ask, book, in->instrument, in->account, session->firm);
    return LIKELY(risk_check_new(engine->risk, &ask->order, &ask->ticket, &ask->detail) ==
                  OE_REJECT_REASON_NONE);
}

/* write_new writes an accepted order into its slot and its cell; flags and place
 * are the last two bytes. */
static ALWAYS_INLINE void
write_new(const struct engine *engine,
          const union cell *cells,
          struct order *order,
          const struct ask *ask,
          uint64_t flags_place,
          uint64_t last,
          struct cell_sink *out)
{
    const uint64_t frame = cells->words[0];
    const uint64_t clord = cells->words[3];
    const uint64_t qty_terms = cells->words[6];
    const uint64_t owner = cells->words[7];
    const uint64_t instrument_cum = frame >> 32;
    const uint64_t owner_flags = owner << 16 >> 16 | flags_place << 48;
    const uint64_t position_extra = ask->ticket.position;
    union cell *cell = emit(
        engine, (frame & (FRAME_REQUEST | FRAME_SHAPE(CELL_SELL))) | FRAME_SHAPE(1u | last), out);

    cell->words[3] = clord;
    cell->words[4] = order->order_id;
    cell->words[5] = (uint64_t)ask->px;
    cell->words[6] = qty_terms;
    cell->words[7] = owner;
    memcpy(&order->instrument, &instrument_cum, 8);
    memcpy(&order->position, &position_extra, 8);
    order->clord = clord;
    order->tick = ask->tick;
    memcpy(&order->leaves_qty, &qty_terms, 8);
    memcpy(&order->account, &owner_flags, 8);
}

_Static_assert(offsetof(struct order, cum_qty) == offsetof(struct order, instrument) + 4, "a pair");
_Static_assert(offsetof(struct order, extra) == offsetof(struct order, position) + 4, "a pair");
_Static_assert(EXTRA_NONE == 0, "the high half of position_extra");

/* join puts an order that shows all of itself at the back of its price. */
static ALWAYS_INLINE void
join(struct engine *engine,
     struct book *book,
     struct order *order,
     uint32_t slot,
     bool sell,
     uint32_t tick,
     qty_t qty)
{
    const uint32_t at =
        ladder_obtain(&engine->pages, book_side(book, sell), ladder_key(tick, sell));
    struct level *level = ladder_level(&engine->pages, at);

    order->level = at;
    level_join(engine->orders.orders, level, slot, false);
    level->shown_qty += qty;
}

/* admits says whether nothing stands in the way of a plain order. */
static ALWAYS_INLINE bool
admits(struct engine *engine,
       const struct cell_order_new *in,
       const struct book *book,
       const struct session *session,
       uint64_t hash,
       struct ask *ask,
       const bool bare)
{
    return LIKELY(ask_new(engine, in, book, session, ask, bare)) &&
           LIKELY(idmap_find_hashed(&engine->ids, engine->orders.orders, hash, in->session,
                                    in->clord) == ORDER_NONE);
}

/* plain_take does an order that does not simply rest: IOC, or it crosses, or
 * slots or pages are low. */
static ALWAYS_INLINE enum engine_result
plain_take(struct engine *engine,
           const union cell *cells,
           struct session *session,
           struct cell_sink *out,
           const bool bare)
{
    const struct cell_order_new *in = &cells->order_new;
    const uint32_t terms = terms_of(in);
    const unsigned sell = frame_sell(cells->words[0]);

    if (UNLIKELY(((terms & TERMS_KIND) != TERMS_TAKE && (terms & TERMS_REST_KIND) != TERMS_REST) ||
                 (terms & TERMS_STP) != 0 || cell_count(cells) != 1 ||
                 in->instrument >= engine->books_cnt))
        return match_new(engine, cells, session, out);

    struct book *book = &engine->books[in->instrument];
    const uint64_t hash = idmap_hash(&engine->ids, in->session, in->clord);
    struct ask ask = {.px = in->px, .qty = in->qty, .leaves_qty = in->qty, .sell = sell};

    if (UNLIKELY(
            !admits(engine, in, book, session, hash, &ask, bare) ||
            order_pool_room(&engine->orders) != OE_REJECT_REASON_NONE ||
            !ladder_has_room(&engine->pages, book_side(book, sell), ladder_key(ask.tick, sell))))
        return match_new(engine, cells, session, out);
    if (!bare)
        risk_reserve_new(engine->risk, &ask.order, &ask.ticket);

    const uint32_t slot = order_take(&engine->orders, engine->cfg.shard);
    struct order *order = &engine->orders.orders[slot];

    write_new(engine, cells, order, &ask, sell, 0, out);
    order->level = LADDER_NONE;
    return sweep(engine, slot, hash, session, out, bare);
}

static __attribute__((noinline)) enum engine_result
take_bare(struct engine *engine,
          const union cell *cells,
          struct session *session,
          struct cell_sink *out)
{
    return plain_take(engine, cells, session, out, true);
}

static __attribute__((noinline)) enum engine_result
take_risk(struct engine *engine,
          const union cell *cells,
          struct session *session,
          struct cell_sink *out)
{
    return plain_take(engine, cells, session, out, false);
}

static ALWAYS_INLINE enum engine_result
plain_new(struct engine *engine,
          const union cell *cells,
          struct session *session,
          struct cell_sink *out,
          const bool bare)
{
    const struct cell_order_new *in = &cells->order_new;
    const uint64_t frame = cells->words[0];
    const uint32_t terms = terms_of(in);
    const uint32_t instrument = (uint32_t)(frame >> 32);
    const unsigned sell = frame_sell(frame);

    if (UNLIKELY((((frame & FRAME_SHAPE(CELL_SHAPE_COUNT)) ^ FRAME_SHAPE(1)) |
                  ((terms & TERMS_REST_KIND) ^ TERMS_REST)) != 0 ||
                 (terms & TERMS_STP) > TERMS_STP_MAX || instrument >= engine->books_cnt))
        goto take;

    struct book *book = &engine->books[instrument];
    const uint64_t hash = idmap_hash(&engine->ids, in->session, in->clord);
    struct ask ask = {.px = in->px, .qty = in->qty, .leaves_qty = in->qty, .sell = sell};

    if (UNLIKELY(!admits(engine, in, book, session, hash, &ask, bare) ||
                 book_crosses(book, sell, ask.tick) || engine->orders.free_head == ORDER_NONE ||
                 ladder_room(&engine->pages) < LADDER_PAGES_PER_LEVEL))
        goto take;
    if (!bare)
        risk_reserve_new(engine->risk, &ask.order, &ask.ticket);

    const uint32_t slot = order_take(&engine->orders, engine->cfg.shard);
    struct order *order = &engine->orders.orders[slot];

    enlist(engine, session, in->tif, hash, slot);
    write_new(engine, cells, order, &ask, ORDER_LIVE | sell | (uint64_t)PLACE_BOOK << 8, CELL_LAST,
              out);
    join(engine, book, order, slot, sell, ask.tick, ask.qty);
    return ENGINE_DONE;

take:
    return bare ? take_bare(engine, cells, session, out) : take_risk(engine, cells, session, out);
}

/* owner_of returns who an order of its instrument belongs to, and where it is:
 * the second half of its last word, but for its side. */
static inline uint32_t
owner_of(const struct order *order)
{
    uint32_t owner;

    memcpy(&owner, &order->session, sizeof owner);
    return owner & ~(ORDER_SELL << 16);
}

/* find finds the live plain order that a cancel or replace names, if it is the
 * session's; ORDER_NONE sends the command down the long road. */
static ALWAYS_INLINE uint32_t
find(const struct engine *engine, const struct cell_order_cancel *in, uint64_t orig_clord)
{
    const struct order *orders = engine->orders.orders;
    uint32_t slot;

    if ((in->shape & CELL_BY_ID) != 0) {
        slot = (uint32_t)(in->order_id & ORDER_SLOT_MASK);
        if (UNLIKELY(slot >= engine->orders.used_cnt || orders[slot].order_id != in->order_id))
            return ORDER_NONE;
    } else {
        slot = idmap_find(&engine->ids, orders, in->session, orig_clord);
        if (UNLIKELY(slot == ORDER_NONE))
            return ORDER_NONE;
    }

    const uint32_t owner = in->session | ORDER_LIVE << 16 | (uint32_t)PLACE_BOOK << 24;

    if (UNLIKELY(owner_of(&orders[slot]) != owner || orders[slot].instrument != in->instrument))
        return ORDER_NONE;
    return slot;
}

static ALWAYS_INLINE enum engine_result
plain_cancel(struct engine *engine,
             const union cell *cells,
             struct session *session,
             struct cell_sink *out,
             const bool bare)
{
    const struct cell_order_cancel *in = &cells->order_cancel;
    const uint64_t frame = cells->words[0];
    const uint32_t slot = find(engine, in, in->orig_clord);

    if (UNLIKELY(slot == ORDER_NONE))
        return amend_cancel(engine, cells, out);

    struct order *order = &engine->orders.orders[slot];
    struct book *book = &engine->books[order->instrument];
    const qty_t leaves_qty = order->leaves_qty;

    if (UNLIKELY((book->flags & BOOK_PEGS) != 0))
        return amend_cancel(engine, cells, out);
    if (!bare)
        risk_release(engine->risk, order->position, order_is_sell(order), leaves_qty);

    union cell *cell = emit(engine,
                            (frame & (FRAME_REQUEST | FRAME_SHAPE(CELL_BY_ID))) |
                                FRAME_SHAPE(1u | CELL_LAST | (order->flags & ORDER_SELL) << 5),
                            out);

    cell->words[3] = cells->words[3];
    cell->words[4] = order->order_id;
    cell->words[5] = order->clord;
    cell->order_cancel.removed_qty = leaves_qty;
    cell->order_cancel.cum_qty = order->cum_qty;
    cell->words[7] = cells->words[7];
    cell->order_cancel.account = order->account;
    book_leave(engine, book, slot, leaves_qty);
    delist(engine, session, order, slot);
    order_give(&engine->orders, slot);
    return ENGINE_DONE;
}

/* has_rare says whether the second cell of a replace asks for anything rare. */
static inline bool
has_rare(const union cell *detail)
{
    return (detail->words[5] | detail->words[6] | detail->words[7]) != 0;
}

/* ask_replace asks risk; after a yes the reservation is that of the new leaves. */
static ALWAYS_INLINE bool
ask_replace(struct engine *engine,
            const struct book *book,
            const struct order *order,
            const struct session *session,
            struct ask *ask)
{
    ask_risk_begin(ask, book, order->instrument, order->account, session->firm);
    return LIKELY(risk_check_replace(engine->risk, &ask->order, order->position, order->leaves_qty,
                                     &ask->ticket, &ask->detail) == OE_REJECT_REASON_NONE);
}

/* emit_replace writes an accepted replace; order is as it was before. */
static ALWAYS_INLINE void
emit_replace(const struct engine *engine,
             const union cell *cells,
             const struct book *book,
             const struct order *order,
             const struct ask *ask,
             uint64_t new_order_id,
             uint64_t last,
             struct cell_sink *out)
{
    const uint64_t frame = cells[0].words[0];
    union cell *cell = emit(engine,
                            (frame & (FRAME_REQUEST | FRAME_SHAPE(CELL_BY_ID))) |
                                FRAME_SHAPE(2u | (order->flags & ORDER_SELL) << 5),
                            out);

    cell->words[3] = cells[0].words[3];
    cell->words[4] = order->order_id;
    cell->words[5] = cells[0].words[5];
    cell->order_replace.qty = ask->qty;
    memcpy(&cell->order_replace.ord_type, &order->ord_type, 4);
    cell->words[7] = cells[0].words[7];
    cell->order_replace.account = order->account;
    cell = engine_emit(out);
    cell->words[0] = CELL_KIND_REPLACE_DETAIL | FRAME_SHAPE(last) | (uint64_t)order->cum_qty << 32;
    cell->words[1] = order->clord;
    cell->words[2] = new_order_id;
    cell->words[3] = (uint64_t)book_px(book, order->tick);
    cell->replace_detail.old_leaves = order->leaves_qty;
    cell->replace_detail.new_leaves = ask->leaves_qty;
    cell->words[5] = 0;
    cell->words[6] = 0;
    cell->words[7] = 0;
}

/* rename_order gives the order in slot another clord in the id map. */
static inline void
rename_order(struct engine *engine,
             struct order *order,
             uint32_t slot,
             uint64_t clord,
             uint64_t hash)
{
    idmap_remove(&engine->ids, order->session, order->clord, slot);
    order->clord = clord;
    idmap_add_hashed(&engine->ids, hash, slot);
}

static ALWAYS_INLINE enum engine_result
plain_replace(struct engine *engine,
              const union cell *cells,
              struct session *session,
              struct cell_sink *out,
              const bool bare)
{
    ASSERT(cell_kind(&cells[1]) == CELL_KIND_REPLACE_DETAIL);

    const struct cell_order_replace *in = &cells[0].order_replace;
    const uint32_t slot = find(engine, &cells[0].order_cancel, cells[1].replace_detail.orig_clord);

    if (UNLIKELY(slot == ORDER_NONE || has_rare(&cells[1])))
        return amend_replace(engine, cells, session, out);

    struct order *order = &engine->orders.orders[slot];
    struct book *book = &engine->books[order->instrument];
    const uint64_t hash = idmap_hash(&engine->ids, in->session, in->clord);
    const bool sell = order_is_sell(order);
    struct ask ask = {
        .px = in->px, .qty = in->qty, .leaves_qty = in->qty - order->cum_qty, .sell = sell};

    /* Risk comes last: its yes changes the reservation. */
    if (UNLIKELY(
            in->qty <= order->cum_qty || order->exec_inst != 0 ||
            !order_has_next_id(order->order_id) || !ask_book(engine, book, &ask) ||
            !ladder_has_room(&engine->pages, book_side(book, sell), ladder_key(ask.tick, sell))) ||
        (in->clord != order->clord &&
         UNLIKELY(idmap_find_hashed(&engine->ids, engine->orders.orders, hash, in->session,
                                    in->clord) != ORDER_NONE)) ||
        UNLIKELY(book_crosses(book, sell, ask.tick) && cell_stp(order->stp_capacity) != 0) ||
        UNLIKELY(!bare && !ask_replace(engine, book, order, session, &ask)))
        return amend_replace(engine, cells, session, out);

    if ((ask.tick == order->tick) & (ask.leaves_qty <= order->leaves_qty)) {
        emit_replace(engine, cells, book, order, &ask, order->order_id, CELL_LAST, out);
        ladder_level(&engine->pages, order->level)->shown_qty -= order->leaves_qty - ask.leaves_qty;
        order->leaves_qty = ask.leaves_qty;
        rename_order(engine, order, slot, in->clord, hash);
        return ENGINE_DONE;
    }

    const bool crosses = book_crosses(book, sell, ask.tick);

    emit_replace(engine, cells, book, order, &ask, order->order_id + ORDER_GENERATION_ONE,
                 crosses ? 0 : CELL_LAST, out);
    book_leave(engine, book, slot, order->leaves_qty);
    order->order_id += ORDER_GENERATION_ONE;
    order->leaves_qty = ask.leaves_qty;
    order->tick = ask.tick;
    if (LIKELY(!crosses)) {
        rename_order(engine, order, slot, in->clord, hash);
        book_join(engine, book, slot, ask.leaves_qty);
        return ENGINE_DONE;
    }
    delist(engine, session, order, slot);
    order->clord = in->clord;
    order->flags &= (uint8_t)~ORDER_LIVE;
    order->place = PLACE_TAKER;
    order->level = LADDER_NONE;
    return bare ? sweep_bare(engine, slot, hash, session, out)
                : sweep_risk(engine, slot, hash, session, out);
}

HOT enum engine_result
plain_new_bare(struct engine *engine,
               const union cell *cells,
               struct session *session,
               struct cell_sink *out)
{
    return plain_new(engine, cells, session, out, true);
}

HOT enum engine_result
plain_new_risk(struct engine *engine,
               const union cell *cells,
               struct session *session,
               struct cell_sink *out)
{
    return plain_new(engine, cells, session, out, false);
}

HOT enum engine_result
plain_cancel_bare(struct engine *engine,
                  const union cell *cells,
                  struct session *session,
                  struct cell_sink *out)
{
    return plain_cancel(engine, cells, session, out, true);
}

HOT enum engine_result
plain_cancel_risk(struct engine *engine,
                  const union cell *cells,
                  struct session *session,
                  struct cell_sink *out)
{
    return plain_cancel(engine, cells, session, out, false);
}

HOT enum engine_result
plain_replace_bare(struct engine *engine,
                   const union cell *cells,
                   struct session *session,
                   struct cell_sink *out)
{
    return plain_replace(engine, cells, session, out, true);
}

HOT enum engine_result
plain_replace_risk(struct engine *engine,
                   const union cell *cells,
                   struct session *session,
                   struct cell_sink *out)
{
    return plain_replace(engine, cells, session, out, false);
}
