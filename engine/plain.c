#include "engine/plain.h"

#include "engine/plain_parts.h"
#include "engine/work.h"

/* Kind, number of cells and outcome, as one number: what a run looks at. The
 * bits of side, naming and LAST are left out. */
#define FRAME_TYPE               UINT32_C(0xffff1fff)
#define TYPE_OF(kind, cells_cnt) ((uint32_t)(kind) | (uint32_t)(cells_cnt) << 8)

/* Modes of self-match prevention: a plain order that can rest may have any. */
#define TERMS_STP_MAX ((uint32_t)OE_SELF_MATCH_PREVENTION_INSTRUCTION_DECREMENT << 24)

__attribute__((noinline)) bool
plain_takes_rest(const struct engine *engine, const struct book *book, uint64_t tick, qty_t qty)
{
    const struct book_rare *rare = &engine->rares[book - engine->books];

    return (book_word(book) & BOOK_BUSY_WORD) == 0 && tick < rare->tick_end &&
           qty % rare->lot_qty == 0;
}

/* can_rest says whether the terms are those of a plain order that can rest. */
static inline bool
can_rest(uint32_t terms)
{
    return LIKELY((terms & TERMS_REST_BITS) == TERMS_REST) &&
           LIKELY((terms & TERMS_STP) <= TERMS_STP_MAX);
}

/* rest_new does a new order that simply rests, or says no. */
static ALWAYS_INLINE bool
rest_new(struct engine *engine,
         const union cell *cell,
         struct session *session,
         struct cell_sink *out,
         const bool bare)
{
    const struct cell_order_new *in = &cell->order_new;
    const uint32_t instrument = (uint32_t)(cell->words[0] >> 32);
    const uint32_t slot = engine->orders.free_head;
    struct order *const orders = engine->orders.orders;
    uint32_t id_at;

    /* The id map comes first: its hash takes longest, and then its numbers are
     * no longer in the way. What is refused later is taken out again. */
    if (UNLIKELY(!can_rest(terms_of(in))) || UNLIKELY(instrument >= engine->books_cnt) ||
        UNLIKELY(slot == ORDER_NONE) ||
        UNLIKELY(ladder_room(&engine->pages) < LADDER_PAGES_PER_LEVEL) ||
        UNLIKELY(!idmap_add_new(&engine->ids, orders, in->session, in->clord, slot, &id_at)))
        return false;

    struct book *book = &engine->books[instrument];
    const unsigned sell = frame_sell(cell->words[0]);
    struct ask ask = {.px = in->px, .qty = in->qty, .leaves_qty = in->qty, .sell = sell};

    if (UNLIKELY(!ask_new(engine, in, book, session, &ask, bare)))
        goto no;

    const uint32_t key = ladder_key(ask.tick, sell);

    if (UNLIKELY(book->sides[!sell].best_key <= (key ^ LADDER_KEY_MASK)))
        goto no;
    if (!bare && UNLIKELY(!take_token(engine, cell, session, in->account, false)))
        goto no;
    begin(engine, cell, session);
    if (!bare)
        risk_reserve_new(engine->risk, &ask.order, &ask.ticket);

    struct order *order = &orders[slot];

    order_take_first(&engine->orders, order);
    order->id_at = id_at;
    count_in(session, in->tif);
    emit_new(engine, cell, order->order_id, CELL_LAST, out);
    write_order(cell, order, &ask, ORDER_LIVE | sell | (unsigned)PLACE_BOOK << 8);
    join(engine, orders, &book->sides[sell], order, slot, key, in->qty);
    return true;

no:
    idmap_remove_at(&engine->ids, id_at, in->session, in->clord, slot);
    return false;
}

/* refuse_cancel refuses a cancel of an order that is not there, and declines if
 * it is. By hand: where prices move fast a third of all commands end here, and by
 * the long road each command of that flow takes 10 instructions more. */
static __attribute__((noinline)) bool
refuse_cancel(struct engine *engine,
              const union cell *cell,
              struct session *session,
              struct cell_sink *out,
              bool bare)
{
    if (order_named(engine, &cell->order_cancel, cell->order_cancel.orig_clord) != ORDER_NONE ||
        (!bare && !take_token(engine, cell, session, CELL_ANY, true)))
        return false;

    const uint64_t frame = cell->words[0];
    const bool by_id = (frame & FRAME_SHAPE(CELL_BY_ID)) != 0;

    begin(engine, cell, session);

    union cell *refused =
        emit(engine,
             (frame & (FRAME_REQUEST | FRAME_SHAPE(CELL_BY_ID))) | FRAME_SHAPE(1u | CELL_LAST) |
                 (uint64_t)OE_REJECT_REASON_UNKNOWN_ORDER << 16,
             out);

    refused->words[3] = cell->words[3];
    refused->words[4] = by_id ? cell->words[4] : 0;
    refused->words[5] = by_id ? 0 : cell->words[5];
    refused->words[6] = 0;
    refused->words[7] = cell->words[7] >> 32 << 32;
    return true;
}

/* cancel does a cancel of a plain order, or says no. */
static ALWAYS_INLINE bool
cancel(struct engine *engine,
       const union cell *cell,
       struct session *session,
       struct cell_sink *out,
       const bool bare)
{
    const struct cell_order_cancel *in = &cell->order_cancel;
    const uint64_t frame = cell->words[0];
    const uint32_t slot = plain_find(engine, in, in->orig_clord);

    if (UNLIKELY(slot == ORDER_NONE))
        return refuse_cancel(engine, cell, session, out, bare);

    struct order *const orders = engine->orders.orders;
    struct order *order = &orders[slot];
    struct book *book = &engine->books[in->instrument];
    const qty_t leaves_qty = order->leaves_qty;
    const unsigned sell = order->flags & ORDER_SELL;

    if (UNLIKELY((book->flags & BOOK_PEGS) != 0) ||
        (!bare && UNLIKELY(!take_token(engine, cell, session, order->account, true))))
        return false;
    begin(engine, cell, session);
    if (!bare) {
        const struct risk_hold hold = hold_of(book, order);

        risk_give_back(engine->risk, &hold, leaves_qty);
    }

    const uint64_t order_id = order->order_id;
    const uint64_t owner = cell->words[7];
    union cell *done = emit(
        engine, (frame & ~FRAME_SHAPE(CELL_SELL)) | FRAME_SHAPE(CELL_LAST) | (uint64_t)sell << 13,
        out);

    done->words[3] = cell->words[3];
    done->words[4] = order_id;
    done->words[5] = order->clord;
    done->order_cancel.removed_qty = leaves_qty;
    done->order_cancel.cum_qty = order->cum_qty;
    done->words[7] = owner;
    done->order_cancel.account = order->account;
    leave(engine, orders, &book->sides[sell], order, leaves_qty);
    delist(engine, session, order, slot);
    order_give_at(&engine->orders, order, order_id, slot);
    return true;
}

/* checked checks the invariants behind a command in slow builds. */
static inline void
checked(const struct engine *engine)
{
    if (OUTCRY_SLOW_CHECKS)
        engine_check_seldom(engine);
}

/* go_on does what risk has to do behind a command that is complete, and has
 * written cells_cnt cells. */
static __attribute__((noinline)) enum engine_result
go_on(struct engine *engine, uint32_t cells_cnt, struct cell_sink *out)
{
    out->cells[(out->pos - 1) & out->mask].bytes[1] &= (uint8_t)~CELL_LAST;
    work_begin(engine, WORK_ORDER, PHASE_PEGS);
    return work_run_on(engine, cells_cnt, out);
}

static ALWAYS_INLINE uint32_t
run(struct engine *engine,
    const union cell *cells,
    uint32_t cells_cnt,
    const struct plain_limits *limits,
    struct cell_sink *out,
    enum engine_result *result,
    const bool bare)
{
    const union cell *cell = cells;
    const union cell *const end = cells + cells_cnt;

    do {
        struct session *session = admitted(engine, cell, limits->until_ns);
        const uint64_t from = out->pos;
        enum engine_result last = ENGINE_DONE;

        if (UNLIKELY(session == NULL))
            break;
        if (!bare)
            engine->work.index = 0;
        switch ((uint32_t)cell->words[0] & FRAME_TYPE) {
        case TYPE_OF(CELL_KIND_ORDER_NEW, 1):
            if (LIKELY(rest_new(engine, cell, session, out, bare))) {
                if (!bare && UNLIKELY(risk_is_pending(engine->risk)))
                    break;
                checked(engine);
                cell++;
                continue;
            }
            last = bare ? plain_take_bare(engine, cell, session, out)
                        : plain_take_risk(engine, cell, session, out);
            break;
        case TYPE_OF(CELL_KIND_ORDER_CANCEL, 1):
            if (LIKELY(cancel(engine, cell, session, out, bare))) {
                if (!bare && UNLIKELY(risk_is_pending(engine->risk)))
                    break;
                checked(engine);
                cell++;
                continue;
            }
            last = ENGINE_DROPPED;
            break;
        case TYPE_OF(CELL_KIND_ORDER_REPLACE, 2):
            last = UNLIKELY(end - cell < 2) ? ENGINE_DROPPED
                   : bare                   ? plain_replace_bare(engine, cell, session, out)
                                            : plain_replace_risk(engine, cell, session, out);
            break;
        default:
            last = ENGINE_DROPPED;
            break;
        }
        if (UNLIKELY(last == ENGINE_DROPPED))
            break;
        if (!bare && UNLIKELY(risk_is_pending(engine->risk)) && last == ENGINE_DONE)
            last = go_on(engine, (uint32_t)(out->pos - from), out);
        cell += cell_count(cell);
        if (UNLIKELY(last == ENGINE_MORE)) {
            *result = last;
            return (uint32_t)(cell - cells);
        }
        checked(engine);
        /* Only these write more cells than they have. */
        if (UNLIKELY(out->pos >= limits->until_pos))
            break;
    } while (cell < end);
    *result = ENGINE_DONE;
    return (uint32_t)(cell - cells);
}

static __attribute__((noinline)) HOT uint32_t
run_bare(struct engine *engine,
         const union cell *cells,
         uint32_t cells_cnt,
         const struct plain_limits *limits,
         struct cell_sink *out,
         enum engine_result *result)
{
    return run(engine, cells, cells_cnt, limits, out, result, true);
}

static __attribute__((noinline)) HOT uint32_t
run_risk(struct engine *engine,
         const union cell *cells,
         uint32_t cells_cnt,
         const struct plain_limits *limits,
         struct cell_sink *out,
         enum engine_result *result)
{
    return run(engine, cells, cells_cnt, limits, out, result, false);
}

uint32_t
plain_run(struct engine *engine,
          const union cell *cells,
          uint32_t cells_cnt,
          const struct plain_limits *limits,
          struct cell_sink *out,
          enum engine_result *result)
{
    return engine->cfg.no_risk ? run_bare(engine, cells, cells_cnt, limits, out, result)
                               : run_risk(engine, cells, cells_cnt, limits, out, result);
}
