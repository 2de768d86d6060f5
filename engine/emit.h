/*
 * Emit: the two cells of a trade, written by the short road and the long one
 * alike. Private to engine/. Inline, for the sake of the short road.
 */
#ifndef OUTCRY_ENGINE_EMIT_H
#define OUTCRY_ENGINE_EMIT_H

#include "engine/state.h"

/* Fees of a trade; negative: a rebate. */
struct trade_fees {
    px_t taker;
    px_t maker;
};

/* engine_emit_maker writes the second cell of a Trade or a MatchPrevented and
 * counts both executions. */
static inline void
engine_emit_maker(struct engine *engine,
                  const struct order *taker,
                  const struct order *maker,
                  struct trade_fees fees,
                  struct cell_sink *out)
{
    engine_emit(out)->trade_maker = (struct cell_trade_maker){
        .kind = CELL_KIND_TRADE_MAKER,
        .session = maker->session,
        .account = maker->account,
        .clord = maker->clord,
        .order_id = maker->order_id,
        .match_id = cell_exec_id(engine->cfg.shard, engine->seq, engine->work.index + 1),
        .cum_qty = maker->cum_qty,
        .leaves_qty = maker->leaves_qty,
        .taker_cum_qty = taker->cum_qty,
        .taker_fee = fees.taker,
        .maker_fee = fees.maker,
    };
    engine->work.index += 2;
}

/* engine_emit_trade writes a Trade of qty; both orders are as it left them. */
static inline void
engine_emit_trade(struct engine *engine,
                  const struct order *taker,
                  const struct order *maker,
                  px_t px,
                  qty_t qty,
                  struct trade_fees fees,
                  struct cell_sink *out)
{
    _Static_assert(ORDER_SELL << 5 == CELL_SELL, "shifted");
    engine_emit(out)->trade = (struct cell_trade){
        .kind = CELL_KIND_TRADE,
        .shape = (uint8_t)(2u | (taker->flags & ORDER_SELL) << 5),
        .instrument = taker->instrument,
        .seq = engine->seq,
        .time = engine->time_ns,
        .clord = taker->clord,
        .order_id = taker->order_id,
        .px = px,
        .qty = qty,
        .leaves_qty = taker->leaves_qty,
        .account = taker->account,
        .session = taker->session,
    };
    engine_emit_maker(engine, taker, maker, fees, out);
}

#endif
