#include "engine/plain_parts.h"
#include "engine/work.h"

/* The first half of the second cell of a replace, but for LAST. */
#define DETAIL_FRAME ((uint32_t)CELL_KIND_REPLACE_DETAIL)
#define DETAIL_MASK  (~(uint32_t)FRAME_SHAPE(CELL_LAST))

/* is_plain_detail says whether the second cell of a replace is that, and asks
 * for nothing rare. */
static inline bool
is_plain_detail(const union cell *detail)
{
    return ((uint32_t)detail->words[0] & DETAIL_MASK) == DETAIL_FRAME &&
           (detail->words[5] | detail->words[6] | detail->words[7]) == 0;
}

/* risk_replace lets risk take a replace of what hold has, or says no. */
static ALWAYS_INLINE bool
risk_replace(struct engine *engine,
             const union cell *cell,
             const struct book *book,
             const struct order *order,
             const struct risk_hold *hold,
             struct session *session,
             const struct ask *ask)
{
    const struct risk_hot_message message = message_of(engine, cell, session, order->account);
    const struct risk_hot_order asked =
        order_of(engine, book, cell->order_new.instrument, session, ask);

    return (LIKELY(ask_bounds(engine, book, &asked)) &&
            LIKELY(risk_hot_amend(engine->risk, &message, &asked, hold))) ||
           plain_replace_asks(engine, cell, session, order);
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

/* refuse_replace lets the long road refuse a replace of an order that is not
 * there, in the same run: they are many where prices move fast. It declines if
 * the order is there. */
static __attribute__((noinline)) enum engine_result
refuse_replace(struct engine *engine,
               const union cell *cells,
               struct session *session,
               struct cell_sink *out)
{
    if (order_named(engine, &cells[0].order_cancel, cells[1].replace_detail.orig_clord) !=
        ORDER_NONE)
        return ENGINE_DROPPED;
    begin(engine, cells, session);
    return amend_replace(engine, cells, session, out);
}

/* rename_to gives a plain order the id that it is replaced by, whose hash it is. */
static ALWAYS_INLINE void
rename_to(struct engine *engine, struct order *order, uint32_t slot, uint64_t clord, uint64_t hash)
{
    forget(engine, order, slot);
    order->clord = clord;
    order->id_at = idmap_add_hashed(&engine->ids, hash, slot);
}

static ALWAYS_INLINE enum engine_result
replace(struct engine *engine,
        const union cell *cells,
        struct session *session,
        struct cell_sink *out,
        const bool bare)
{
    const struct cell_order_replace *in = &cells[0].order_replace;
    const uint32_t slot =
        plain_find(engine, &cells[0].order_cancel, cells[1].replace_detail.orig_clord);

    if (UNLIKELY(!is_plain_detail(&cells[1])))
        return ENGINE_DROPPED;
    if (UNLIKELY(slot == ORDER_NONE))
        return refuse_replace(engine, cells, session, out);

    struct order *order = &engine->orders.orders[slot];
    struct book *book = &engine->books[order->instrument];
    const uint64_t hash = idmap_hash(&engine->ids, in->session, in->clord);
    const bool sell = order_is_sell(order);
    struct ask ask = {
        .px = in->px, .qty = in->qty, .leaves_qty = in->qty - order->cum_qty, .sell = sell};
    const struct risk_hold hold = hold_of(book, order);

    /* Risk comes last: its yes takes a token. */
    if (UNLIKELY(
            in->qty <= order->cum_qty || order->exec_inst != 0 ||
            !order_has_next_id(order->order_id) || !ask_book(engine, book, &ask) ||
            !ladder_has_room(&engine->pages, book_side(book, sell), ladder_key(ask.tick, sell))) ||
        (in->clord != order->clord &&
         UNLIKELY(idmap_find_hashed(&engine->ids, engine->orders.orders, hash, in->session,
                                    in->clord) != ORDER_NONE)) ||
        UNLIKELY(book_crosses(book, sell, ask.tick) && cell_stp(order->stp_capacity) != 0) ||
        UNLIKELY(!bare && !risk_replace(engine, cells, book, order, &hold, session, &ask)))
        return ENGINE_DROPPED;

    begin(engine, cells, session);
    if ((ask.tick == order->tick) & (ask.leaves_qty <= order->leaves_qty)) {
        emit_replace(engine, cells, book, order, &ask, order->order_id, CELL_LAST, out);
        ladder_level(&engine->pages, order->level)->shown_qty -= order->leaves_qty - ask.leaves_qty;
        order->leaves_qty = ask.leaves_qty;
        rename_to(engine, order, slot, in->clord, hash);
        return ENGINE_DONE;
    }

    const bool crosses = book_crosses(book, sell, ask.tick);
    struct ladder *side = side_of(book, sell);

    emit_replace(engine, cells, book, order, &ask, order->order_id + ORDER_GENERATION_ONE,
                 crosses ? 0 : CELL_LAST, out);
    leave(engine, side, order, order->leaves_qty);
    order->order_id += ORDER_GENERATION_ONE;
    order->leaves_qty = ask.leaves_qty;
    order->tick = ask.tick;
    if (LIKELY(!crosses)) {
        rename_to(engine, order, slot, in->clord, hash);
        join(engine, side, order, slot, ladder_key(ask.tick, sell), ask.leaves_qty);
        return ENGINE_DONE;
    }
    delist(engine, session, order, slot);
    order->clord = in->clord;
    order->flags &= (uint8_t)~ORDER_LIVE;
    order->place = PLACE_TAKER;
    order->level = LADDER_NONE;
    return bare ? plain_sweep_bare(engine, slot, hash, session, out)
                : plain_sweep_risk(engine, slot, hash, session, out);
}

enum engine_result
plain_replace_bare(struct engine *engine,
                   const union cell *cells,
                   struct session *session,
                   struct cell_sink *out)
{
    return replace(engine, cells, session, out, true);
}

enum engine_result
plain_replace_risk(struct engine *engine,
                   const union cell *cells,
                   struct session *session,
                   struct cell_sink *out)
{
    return replace(engine, cells, session, out, false);
}
