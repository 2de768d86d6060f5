/*
 * Terms: which orders there are, and what a new or replaced one comes to before
 * risk is asked. Private to engine/.
 *
 * This is the long road: every check in its order, for all kinds of orders. What
 * plain orders need of it plain.c does by itself.
 */
#ifndef OUTCRY_ENGINE_TERMS_H
#define OUTCRY_ENGINE_TERMS_H

#include "engine/work.h"

/* The cells of a new order. */
struct terms_request {
    const struct cell_order_new *in;
    const struct cell_order_extension *ext; /* NULL: none */
    const struct cell_order_link *link;     /* NULL: none */
};

/* What they come to. */
struct terms {
    bool extra;       /* needs a record of rare attributes */
    uint32_t partner; /* slot of the order to link to, ORDER_NONE: none */
    uint32_t stop_tick;
    int32_t peg_offset;
    px_t px; /* for risk */
    bool market;
    bool stop;
};

/* terms_allowed refuses a combination of type, time in force and attributes
 * that is not in the table of docs/matching.md. */
enum oe_reject_reason terms_allowed(const struct terms_request *request);

/* terms_room says whether there are enough records of rare attributes and room for
 * a peg, and finds the order to link to. */
enum oe_reject_reason
terms_room(const struct engine *engine, const struct terms_request *request, struct terms *terms);

/* terms_resolve does the checks of the values (4. in docs/matching.md) and fills
 * what risk is to be asked. An unknown instrument is left to risk. */
enum oe_reject_reason terms_resolve(const struct engine *engine,
                                    const struct terms_request *request,
                                    struct terms *terms);

/* The checks of single values, for replaces as well. */
enum oe_reject_reason
terms_stop_px(const struct book *book, const struct book_rare *rare, px_t px, uint32_t *tick);
enum oe_reject_reason
terms_display(const struct book_rare *rare, qty_t display_qty, qty_t range_qty, qty_t qty);

/* terms_parts says whether an iceberg of qty comes in few enough parts. */
static inline bool
terms_parts(qty_t display_qty, qty_t range_qty, qty_t qty)
{
    return qty <= (uint64_t)(display_qty - range_qty) * ICEBERG_PARTS_MAX;
}

/* terms_refuse_bare says why an order without risk is refused. */
enum oe_reject_reason terms_refuse_bare(const struct engine *engine,
                                        const struct risk_order *order);

/* terms_check_bare checks an order of an engine without risk. */
static inline enum oe_reject_reason
terms_check_bare(const struct engine *engine,
                 const struct risk_order *order,
                 struct risk_ticket *ticket)
{
    if (UNLIKELY(order->instrument >= engine->books_cnt))
        return OE_REJECT_REASON_UNKNOWN_INSTRUMENT;

    const struct book *book = &engine->books[order->instrument];
    const uint64_t tick = px_divide(order->px, book->tick_inverse, book->tick_shift);

    ticket->position = 0;
    ticket->tick = (uint32_t)tick;
    ticket->px = order->px;
    /* State is 0 when open; a book that is not set has no inverse, so that
     * every price comes to tick 0. Where ticks are so large that TICK_MAX of them
     * are no price, a small quotient proves nothing: BOOK_LOTS. */
    if (UNLIKELY((book->state | (book->flags & BOOK_LOTS) | order->market) != 0 ||
                 tick - 1 >= TICK_MAX - UINT64_C(1) || order->px < 0 || order->qty == 0)) {
        if (order->market)
            ticket->tick = order->sell ? 1 : engine->rares[order->instrument].tick_end - 1;
        return terms_refuse_bare(engine, order);
    }
    return OE_REJECT_REASON_NONE;
}

/* terms_ask begins the question to risk about an order of a session: what does not
 * come of the order's own fields. */
static inline struct risk_order
terms_ask(const struct engine *engine,
          const struct session *session,
          uint16_t session_id,
          uint32_t instrument)
{
    struct risk_order question = {
        .instrument = instrument,
        .firm = session->firm,
        .session = session_id,
        .session_max = session->risk.orders_max,
        .session_cnt = session->orders_cnt,
        .now_ns = engine->time_ns,
    };

    if (LIKELY(instrument < engine->books_cnt)) {
        question.last_px = book_last_px(&engine->books[instrument]);
        question.mid_px = book_mid_px(engine, &engine->books[instrument]);
    }
    return question;
}

/* terms_check asks risk, or without risk checks what a book needs. On
 * acceptance nothing is reserved yet. */
static inline enum oe_reject_reason
terms_check(const struct engine *engine,
            const struct risk_order *order,
            struct risk_ticket *ticket,
            struct risk_detail *detail)
{
    if (UNLIKELY(engine->cfg.no_risk))
        return terms_check_bare(engine, order, ticket);
    return risk_check_new(engine->risk, order, ticket, detail);
}

#endif
