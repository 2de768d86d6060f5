/*
 * The cells that the plain book writes. Private to rbtree_book.c.
 */
#ifndef OUTCRY_PERF_RBTREE_CELLS_H
#define OUTCRY_PERF_RBTREE_CELLS_H

#include "perf/rbtree_state.h"

static inline union cell *
emit(struct cell_sink *out)
{
    return &out->cells[out->pos++ & out->mask];
}

static inline void
finish(struct cell_sink *out)
{
    out->cells[(out->pos - 1) & out->mask].bytes[1] |= CELL_LAST;
}

static inline union cell *
emit_command(const struct rbtree_book *book,
             const union cell *in,
             unsigned keep,
             unsigned reason,
             struct cell_sink *out)
{
    union cell *cell = emit(out);

    *cell = *in;
    cell->bytes[1] = (uint8_t)(in->bytes[1] & (keep | CELL_SHAPE_COUNT));
    cell->order_new.outcome = (uint16_t)reason;
    cell->order_new.seq = book->seq;
    cell->order_new.time = book->time_ns;
    return cell;
}

static inline void
emit_canceled(struct rbtree_book *book,
              const struct order *order,
              uint8_t reason,
              struct cell_sink *out)
{
    emit(out)->order_canceled = (struct cell_order_canceled){
        .kind = CELL_KIND_ORDER_CANCELED,
        .shape = (uint8_t)(1u | (order->sell ? CELL_SELL : 0u)),
        .instrument = order->instrument,
        .seq = book->seq,
        .time = book->time_ns,
        .clord = order->clord,
        .order_id = order->id,
        .removed_qty = order->leaves_qty,
        .cum_qty = order->cum_qty,
        .index = ++book->index,
        .reason = reason,
        .account = order->account,
        .session = order->session,
    };
}

static inline void
emit_trade(struct rbtree_book *book,
           const struct order *taker,
           const struct order *maker,
           qty_t qty,
           struct cell_sink *out)
{
    emit(out)->trade = (struct cell_trade){
        .kind = CELL_KIND_TRADE,
        .shape = (uint8_t)(2u | (taker->sell ? CELL_SELL : 0u)),
        .instrument = taker->instrument,
        .seq = book->seq,
        .time = book->time_ns,
        .clord = taker->clord,
        .order_id = taker->id,
        .px = maker->px,
        .qty = qty,
        .leaves_qty = taker->leaves_qty,
        .account = taker->account,
        .session = taker->session,
    };
    emit(out)->trade_maker = (struct cell_trade_maker){
        .kind = CELL_KIND_TRADE_MAKER,
        .session = maker->session,
        .account = maker->account,
        .clord = maker->clord,
        .order_id = maker->id,
        .match_id = cell_exec_id(0, book->seq, book->index + 1),
        .cum_qty = maker->cum_qty,
        .leaves_qty = maker->leaves_qty,
        .taker_cum_qty = taker->cum_qty,
    };
    book->index += 2;
}

#endif
