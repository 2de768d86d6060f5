#include "engine/plain.h"

#include "engine/plain_parts.h"
#include "engine/work.h"

/* Kind, number of cells and outcome, as one number: what a run looks at. The
 * bits of side, naming and LAST are left out. */
#define FRAME_TYPE               UINT32_C(0xffff1fff)
#define TYPE_OF(kind, cells_cnt) ((uint32_t)(kind) | (uint32_t)(cells_cnt) << 8)

/* Modes of self-match prevention: a plain order that can rest may have any. */
#define STP_MAX ((uint32_t)OE_SELF_MATCH_PREVENTION_INSTRUCTION_DECREMENT)

__attribute__((noinline)) bool
plain_takes_rest(const struct engine *engine, const struct book *book, uint64_t tick, qty_t qty)
{
    const struct book_rare *rare = &engine->rares[book - engine->books];

    return (book_word(book) & BOOK_BUSY_WORD) == 0 && tick < rare->tick_end &&
           qty % rare->lot_qty == 0;
}

/* can_rest says whether the terms are those of a plain order that can rest. What
 * must be 0 is turned to the high end, so one comparison will do. */
static inline bool
can_rest(uint32_t terms)
{
    const uint32_t rest = (terms & (TERMS_REST_BITS | TERMS_STP)) ^ TERMS_REST;

    return LIKELY((rest << 8 | rest >> 24) <= STP_MAX);
}

uint32_t
plain_add_id(struct engine *engine, const struct cell_order_new *in)
{
    const uint64_t hash = idmap_hash(&engine->ids, in->session, in->clord);

    return idmap_find_hashed(&engine->ids, engine->orders.orders, hash, in->session, in->clord) ==
                   ORDER_NONE
               ? idmap_add_hashed(&engine->ids, hash, engine->orders.free_head)
               : PLAIN_ID_TAKEN;
}

bool
plain_take_back(struct engine *engine, const struct cell_order_new *in, uint32_t id_at)
{
    idmap_remove_at(&engine->ids, id_at, in->session, in->clord, engine->orders.free_head);
    return false;
}

void
plain_forget_far(struct engine *engine, const struct order *order, uint32_t slot)
{
    idmap_remove(&engine->ids, order->session, order->clord, slot);
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
    struct order_pool *pool = &engine->orders;

    if (UNLIKELY(!can_rest(terms_of(in))) || UNLIKELY(in->instrument >= engine->books_cnt) ||
        UNLIKELY(pool->free_head == ORDER_NONE) ||
        UNLIKELY(ladder_room(&engine->pages) < LADDER_PAGES_PER_LEVEL))
        return false;

    struct book *book = &engine->books[in->instrument];
    const unsigned sell = sell_of(cell);
    struct ask ask = {.px = in->px, .qty = in->qty, .leaves_qty = in->qty, .sell = sell};

    if (UNLIKELY(!ask_book(engine, book, &ask)))
        return false;

    const uint32_t key = ladder_key(ask.tick, sell);

    if (UNLIKELY(book->sides[sell ^ 1].best_key <= (key ^ LADDER_KEY_MASK)))
        return false;

    uint32_t id_at;

    if (UNLIKELY(!idmap_add_new(&engine->ids, in->session, in->clord, pool->free_head, &id_at))) {
        id_at = plain_add_id(engine, in);
        if (id_at == PLAIN_ID_TAKEN)
            return false;
    }
    if (!bare && UNLIKELY(!risk_new(engine, cell, book, session, &ask)))
        return plain_take_back(engine, in, id_at);
    begin(engine, cell, session);
    read_anew();

    const uint32_t slot = pool->free_head;
    struct order *order = &pool->orders[slot];

    order_take_first(pool, order);
    order->id_at = id_at;
    count_in(session, in->tif);

    const struct as_asked asked = as_asked(cell);

    emit_new(engine, cell, &asked, order->order_id, CELL_LAST, out);
    write_order(&asked, in->instrument, order, &ask, ORDER_LIVE | sell | (unsigned)PLACE_BOOK << 8);
    read_anew();
    join(engine, side_of(book, sell), order, slot, key, in->qty);
    return true;
}

/* refuse_cancel refuses a cancel of an order that is not there, and declines if
 * it is. By hand: where prices move fast a third of all commands end here, and by
 * the long road each command of that flow takes 10 instructions more. */
static ALWAYS_INLINE bool
refuse_cancel(struct engine *engine,
              const union cell *cell,
              struct session *session,
              struct cell_sink *out,
              const bool bare)
{
    read_anew();
    if (order_named(engine, &cell->order_cancel, cell->order_cancel.orig_clord) != ORDER_NONE ||
        (!bare && !plain_cancel_asks(engine, cell, session, NULL)))
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

/* risk_cancel gives back what an order has that is to be canceled, or says no. */
static ALWAYS_INLINE bool
risk_cancel(struct engine *engine,
            const union cell *cell,
            const struct book *book,
            struct session *session,
            const struct order *order)
{
    const struct risk_hot_message message = message_of(engine, cell, session, order->account);
    const struct risk_hold hold = hold_of(book, order);

    return LIKELY(risk_hot_cancel(engine->risk, &message, cell->order_cancel.instrument, &hold)) ||
           plain_cancel_asks(engine, cell, session, order);
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
    const uint32_t slot = plain_find(engine, in, in->orig_clord);

    if (UNLIKELY(slot == ORDER_NONE))
        return refuse_cancel(engine, cell, session, out, bare);

    struct order *order = &engine->orders.orders[slot];
    struct book *book = &engine->books[in->instrument];

    if (UNLIKELY((book->flags & BOOK_PEGS) != 0) ||
        (!bare && UNLIKELY(!risk_cancel(engine, cell, book, session, order))))
        return false;
    begin(engine, cell, session);
    read_anew();

    const uint64_t sell = order->flags & ORDER_SELL;
    const qty_t leaves_qty = order->leaves_qty;
    const uint64_t clord = cell->words[3];
    const uint32_t caller = caller_of(cell);
    union cell *done =
        emit(engine,
             (cell->words[0] & ~FRAME_SHAPE(CELL_SELL)) | FRAME_SHAPE(CELL_LAST) | sell << 13, out);

    done->words[3] = clord;
    done->words[4] = order->order_id;
    done->words[5] = order->clord;
    done->order_cancel.removed_qty = leaves_qty;
    done->order_cancel.cum_qty = order->cum_qty;
    done->order_cancel.account = order->account;
    memcpy(&done->order_cancel.session, &caller, sizeof caller);
    leave(engine, side_of(book, (unsigned)sell), order, leaves_qty);
    delist(engine, session, order, slot);
    order_give_at(&engine->orders, order, order->order_id, slot);
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
    struct plain_run *limits,
    struct cell_sink *out,
    const bool bare)
{
    const union cell *cell = cells;
    const union cell *const end = cells + cells_cnt;
    struct session *session = NULL;
    uint32_t expected = ~caller_of(cell); /* no session's */
    uint32_t step = 0;
    const uint64_t until_ns = limits->until_ns;

    limits->result = ENGINE_DONE;
    do {
        enum engine_result last = ENGINE_DONE;
        uint64_t from;

        if (caller_of(cell) != expected) {
            session = admitted(engine, cell);
            if (UNLIKELY(session == NULL))
                break;
            expected = caller_of(cell);
            step = (uint32_t)session->numbered << 16;
        }
        if (UNLIKELY(cell_time(cell) >= until_ns))
            break;
        expected += step;
        switch ((uint32_t)cell->words[0] & FRAME_TYPE) {
        case TYPE_OF(CELL_KIND_ORDER_NEW, 1):
            if (LIKELY(rest_new(engine, cell, session, out, bare))) {
                if (!bare && UNLIKELY(risk_hot_pending(engine->risk))) {
                    engine->work.index = 0;
                    from = out->pos - 1;
                    break;
                }
                checked(engine);
                cell++;
                continue;
            }
            from = out->pos;
            last = bare ? plain_take_bare(engine, cell, session, out)
                        : plain_take_risk(engine, cell, session, out);
            break;
        case TYPE_OF(CELL_KIND_ORDER_CANCEL, 1):
            if (LIKELY(cancel(engine, cell, session, out, bare))) {
                if (!bare && UNLIKELY(risk_hot_pending(engine->risk))) {
                    engine->work.index = 0;
                    from = out->pos - 1;
                    break;
                }
                checked(engine);
                cell++;
                continue;
            }
            from = out->pos;
            last = ENGINE_DROPPED;
            break;
        case TYPE_OF(CELL_KIND_ORDER_REPLACE, 2):
            engine->work.index = 0;
            from = out->pos;
            last = UNLIKELY(end - cell < 2) ? ENGINE_DROPPED
                   : bare                   ? plain_replace_bare(engine, cell, session, out)
                                            : plain_replace_risk(engine, cell, session, out);
            break;
        default:
            from = out->pos;
            last = ENGINE_DROPPED;
            break;
        }
        if (UNLIKELY(last == ENGINE_DROPPED))
            break;
        if (!bare && UNLIKELY(risk_hot_pending(engine->risk)) && last == ENGINE_DONE)
            last = go_on(engine, (uint32_t)(out->pos - from), out);
        cell += cell_count(cell);
        if (UNLIKELY(last == ENGINE_MORE)) {
            limits->result = last;
            break;
        }
        checked(engine);
        /* Only these write more cells than they have. */
        if (UNLIKELY(out->pos >= limits->until_pos))
            break;
    } while (cell < end);
    return (uint32_t)(cell - cells);
}

static __attribute__((noinline)) HOT uint32_t
run_bare(struct engine *engine,
         const union cell *cells,
         uint32_t cells_cnt,
         struct plain_run *limits,
         struct cell_sink *out)
{
    return run(engine, cells, cells_cnt, limits, out, true);
}

static __attribute__((noinline)) HOT uint32_t
run_risk(struct engine *engine,
         const union cell *cells,
         uint32_t cells_cnt,
         struct plain_run *limits,
         struct cell_sink *out)
{
    return run(engine, cells, cells_cnt, limits, out, false);
}

uint32_t
plain_run(struct engine *engine,
          const union cell *cells,
          uint32_t cells_cnt,
          struct plain_run *limits,
          struct cell_sink *out)
{
    /* What room there is, is for cancels: the long road knows. */
    if (UNLIKELY(engine->journal_low))
        return 0;
    if (engine->cfg.no_risk)
        return run_bare(engine, cells, cells_cnt, limits, out);
    /* Where buckets take a time for another, the long road does so. */
    if (UNLIKELY(engine->time_ns > RISK_TIME_NS_MAX))
        return 0;
    if (limits->until_ns > RISK_TIME_NS_MAX + 1)
        limits->until_ns = RISK_TIME_NS_MAX + 1;
    return run_risk(engine, cells, cells_cnt, limits, out);
}
