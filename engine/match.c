#include "engine/terms.h"

static struct risk_order
question_of(const struct engine *engine,
            const struct cell_order_new *in,
            const struct session *session)
{
    struct risk_order question = terms_ask(engine, session, in->session, in->instrument);

    question.account = in->account;
    question.px = in->px;
    question.qty = in->qty;
    question.leaves_qty = in->qty;
    question.sell = (in->shape & CELL_SELL) != 0;
    question.ord_type = in->ord_type;
    question.tif = in->tif;
    return question;
}

static inline enum oe_reject_reason
check_unique(const struct engine *engine, const struct cell_order_new *in, uint64_t hash)
{
    if (UNLIKELY(idmap_find_hashed(&engine->ids, engine->orders.orders, hash, in->session,
                                   in->clord) != ORDER_NONE))
        return OE_REJECT_REASON_DUPLICATE_CL_ORD_ID;
    return order_pool_room(&engine->orders);
}

/* fill writes the order that was accepted into its slot. */
static inline struct order *
fill(struct engine *engine,
     uint32_t slot,
     const struct cell_order_new *in,
     const struct risk_ticket *ticket)
{
    struct order *order = &engine->orders.orders[slot];

    order->clord = in->clord;
    order->leaves_qty = in->qty;
    order->cum_qty = 0;
    order->instrument = in->instrument;
    order->account = in->account;
    order->position = ticket->position;
    order->level = LADDER_NONE;
    order->tick = ticket->tick;
    order->session = in->session;
    order->flags = (in->shape & CELL_SELL) != 0 ? ORDER_SELL : 0;
    order->ord_type = in->ord_type;
    order->tif = in->tif;
    order->exec_inst = in->exec_inst;
    order->stp_capacity = in->stp_capacity;
    order->place = PLACE_TAKER;
    order->extra = EXTRA_NONE;
    return order;
}

/* emit_new writes the command with its outcome; order_id is 0 if refused. */
static inline void
emit_new(const struct engine *engine,
         const union cell *cells,
         unsigned request_cnt,
         enum oe_reject_reason reason,
         const struct risk_detail *detail,
         uint64_t order_id,
         struct cell_sink *out)
{
    const bool numbers = reason != OE_REJECT_REASON_NONE && detail->level != OE_RISK_LEVEL_NONE;
    union cell *cell =
        engine_emit_command(engine, cells, out, request_cnt + numbers, CELL_SELL, reason);

    cell->order_new.order_id = order_id;
    for (unsigned i = 1; UNLIKELY(i < request_cnt); i++) {
        cell = engine_emit(out);
        *cell = cells[i];
        cell->bytes[1] = 0;
    }
    if (UNLIKELY(numbers))
        engine_emit_detail(detail, out);
}

uint32_t
match_entry_tick(const struct engine *engine,
                 uint32_t instrument,
                 unsigned exec_inst,
                 bool sell,
                 uint32_t tick)
{
    const struct book *book = &engine->books[instrument];

    if ((exec_inst & OE_EXEC_INST_POST_ONLY) == 0 || !book_crosses(book, sell, tick))
        return tick;
    if ((exec_inst & OE_EXEC_INST_POST_ONLY_REPRICE) == 0)
        return 0;

    const uint32_t best_tick = ladder_key(book->sides[!sell].best_key, !sell);

    if (!sell)
        return best_tick - 1;
    return best_tick + 1 < engine->rares[instrument].tick_end ? best_tick + 1 : 0;
}

void
match_enter(struct engine *engine, uint32_t slot, bool fresh, qty_t min_qty, struct cell_sink *out)
{
    struct order *order = &engine->orders.orders[slot];
    const struct book *book = &engine->books[order->instrument];
    const bool sell = order_is_sell(order);

    if (order->tif == OE_TIME_IN_FORCE_AT_THE_OPENING ||
        order->tif == OE_TIME_IN_FORCE_AT_THE_CLOSE) {
        place_hold(engine, slot);
        return;
    }
    if (order->ord_type == OE_ORD_TYPE_PEGGED) {
        peg_place(engine, slot, out);
        return;
    }
    if (order_extra(order) != EXTRA_NONE && extra_of(&engine->extras, order)->stop_tick != 0) {
        if (settle_is_reached(book, sell, extra_of(&engine->extras, order)->stop_tick))
            place_elect(engine, slot, out);
        else
            place_wait(engine, slot);
        return;
    }

    const uint32_t tick =
        match_entry_tick(engine, order->instrument, order->exec_inst, sell, order->tick);

    if (tick != order->tick) {
        book_reprice(engine, order, tick);
        order->tick = tick;
        engine_emit_restated(engine, order, CELL_RESTATE_REASON_POST_ONLY_REPRICE, out);
    }
    if (fresh && order->ord_type == OE_ORD_TYPE_MARKET_TO_LIMIT)
        engine_emit_restated(engine, order, CELL_RESTATE_REASON_MARKET_TO_LIMIT, out);
    if (order->tif == OE_TIME_IN_FORCE_FILL_OR_KILL)
        yield_begin(engine, slot, order->leaves_qty);
    else if (min_qty != 0)
        yield_begin(engine, slot, min_qty);
    else
        sweep_begin(engine, slot);
}

/* check_book does the checks of the book, when risk has none against it. */
static enum oe_reject_reason
check_book(const struct engine *engine,
           const struct cell_order_new *in,
           const struct terms *terms,
           uint32_t tick)
{
    struct book *book = &engine->books[in->instrument];
    const bool sell = (in->shape & CELL_SELL) != 0;
    bool room = true;

    tick = match_entry_tick(engine, in->instrument, in->exec_inst, sell, tick);
    if (tick == 0 && (in->exec_inst & OE_EXEC_INST_POST_ONLY) != 0)
        return OE_REJECT_REASON_WOULD_TRADE;
    if (terms->stop)
        room = ladder_has_room(&engine->pages, &engine->rares[in->instrument].stops[sell],
                               ladder_key(terms->stop_tick, !sell));
    else if (in->ord_type != OE_ORD_TYPE_PEGGED && in->ord_type != OE_ORD_TYPE_MARKET &&
             tif_rests(in->tif))
        room = ladder_has_room(&engine->pages, book_side(book, sell), ladder_key(tick, sell));
    return room ? OE_REJECT_REASON_NONE : OE_REJECT_REASON_LEVEL_POOL_FULL;
}

/* attach gives a new order its record of rare attributes. */
static void
attach(struct engine *engine,
       uint32_t slot,
       const struct terms_request *request,
       const struct terms *terms)
{
    struct order *orders = engine->orders.orders;
    struct order *order = &orders[slot];
    const uint32_t lot_qty = engine->rares[order->instrument].lot_qty;
    struct extra *extra = extra_take(&engine->extras, orders, slot);

    extra->stop_tick = terms->stop_tick;
    extra->limit_tick = order->tick;
    extra->peg_offset = terms->peg_offset;
    if (request->ext != NULL) {
        extra->display_qty = request->ext->display_qty;
        extra->display_range = (uint16_t)(request->ext->display_range / lot_qty);
        extra->expire_ns = request->ext->expire_time;
    }
    if (extra->expire_ns != 0)
        order_arm(engine, order);
    if (terms->partner != ORDER_NONE) {
        if (order_extra(&orders[terms->partner]) == EXTRA_NONE)
            (void)extra_take(&engine->extras, orders, terms->partner);
        order_link(engine, slot, terms->partner);
    }
    if (order->ord_type == OE_ORD_TYPE_PEGGED) {
        order->tick = 0;
        peg_join(engine, slot);
    }
}

/* request_of finds the cells of a new order; ignores what risk once added. */
static struct terms_request
request_of(const union cell *cells, unsigned *request_cnt)
{
    const unsigned cells_cnt = cell_count(cells);
    struct terms_request request = {.in = &cells[0].order_new};

    *request_cnt = 1;
    if (cells_cnt > 1 && cell_kind(&cells[1]) == CELL_KIND_ORDER_EXTENSION) {
        request.ext = &cells[1].order_extension;
        *request_cnt = 2;
    }
    if (cells_cnt > 2 && cell_kind(&cells[2]) == CELL_KIND_ORDER_LINK) {
        request.link = &cells[2].order_link;
        *request_cnt = 3;
    }
    return request;
}

/* check_rare runs every check of a new order. */
static enum oe_reject_reason
check_rare(struct engine *engine,
           struct session *session,
           const struct terms_request *request,
           struct terms *terms,
           struct risk_order *question,
           struct risk_ticket *ticket,
           struct risk_detail *detail)
{
    const struct cell_order_new *in = request->in;
    enum oe_reject_reason reason =
        engine_take_message(engine, session, in->session, in->account, false, detail);

    if (reason == OE_REJECT_REASON_NONE && engine->journal_low)
        reason = OE_REJECT_REASON_JOURNAL_SPACE;
    if (reason == OE_REJECT_REASON_NONE)
        reason = terms_allowed(request);
    if (reason == OE_REJECT_REASON_NONE)
        reason = check_unique(engine, in, idmap_hash(&engine->ids, in->session, in->clord));
    if (reason == OE_REJECT_REASON_NONE)
        reason = terms_room(engine, request, terms);
    if (reason == OE_REJECT_REASON_NONE)
        reason = terms_resolve(engine, request, terms);
    if (reason != OE_REJECT_REASON_NONE)
        return reason;
    question->px = terms->px;
    question->market = terms->market;
    question->stop = terms->stop;
    reason = terms_check(engine, question, ticket, detail);
    if (reason == OE_REJECT_REASON_NONE)
        reason = check_book(engine, in, terms, ticket->tick);
    return reason;
}

enum engine_result
match_new(struct engine *engine,
          const union cell *cells,
          struct session *session,
          struct cell_sink *out)
{
    unsigned request_cnt;
    const struct terms_request request = request_of(cells, &request_cnt);
    struct risk_order question = question_of(engine, request.in, session);
    struct risk_detail detail = {.level = OE_RISK_LEVEL_NONE};
    struct risk_ticket ticket;
    struct terms terms;
    const enum oe_reject_reason reason =
        check_rare(engine, session, &request, &terms, &question, &ticket, &detail);

    engine->work.index = 0;
    if (reason != OE_REJECT_REASON_NONE) {
        emit_new(engine, cells, request_cnt, reason, &detail, 0, out);
        return work_settled(engine, out);
    }
    if (!engine->cfg.no_risk)
        risk_reserve_new(engine->risk, &question, &ticket);

    const uint32_t slot = order_take(&engine->orders, engine->cfg.shard);
    struct order *order = fill(engine, slot, request.in, &ticket);

    if ((request.in->exec_inst & OE_EXEC_INST_HIDDEN) != 0)
        order->flags |= ORDER_HIDDEN;
    if (terms.extra)
        attach(engine, slot, &request, &terms);
    emit_new(engine, cells, request_cnt, reason, &detail, order->order_id, out);
    work_begin(engine, WORK_ORDER, PHASE_SETTLE);
    match_enter(engine, slot, true, request.ext != NULL ? request.ext->min_qty : 0, out);
    return work_run(engine, out);
}
