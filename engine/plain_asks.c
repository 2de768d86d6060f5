#include "engine/plain_parts.h"

/*
 * Plain commands whose risk is not: a first order of an account in its instrument, an
 * equal order, a stage that may begin. They are asked as on the long road, and stay on
 * the short one if nothing refuses them.
 */

bool
plain_looks(const struct engine *engine, const struct book *book)
{
    return risk_bounds_look(engine->risk, (uint32_t)(book - engine->books), book_last_px(book),
                            book_mid_px(engine, book));
}

static uint64_t
now_of(const struct engine *engine, const union cell *cell)
{
    const uint64_t time_ns = cell_time(cell);

    return time_ns > engine->time_ns ? time_ns : engine->time_ns;
}

/* take_token takes the token of a command, of which nothing has been done yet. It
 * comes last: who has said yes must not be asked again. */
static bool
take_token(struct engine *engine,
           const union cell *cell,
           struct session *session,
           uint32_t account,
           bool cancels)
{
    struct risk_detail detail;

    return session->numbered == 0 ||
           risk_take_message(engine->risk, &session->risk, cell_session(cell), session->firm,
                             account, cancels, now_of(engine, cell),
                             &detail) == OE_REJECT_REASON_NONE;
}

static struct risk_order
question_of(const struct engine *engine,
            const union cell *cell,
            const struct session *session,
            uint32_t account,
            qty_t cum_qty,
            unsigned sell,
            uint8_t tif)
{
    const struct cell_order_new *in = &cell->order_new;
    const struct book *book = &engine->books[in->instrument];

    return (struct risk_order){
        .instrument = in->instrument,
        .account = account,
        .firm = session->firm,
        .px = in->px,
        .last_px = book_last_px(book),
        .qty = in->qty,
        .leaves_qty = in->qty - cum_qty,
        .sell = sell != 0,
        .ord_type = OE_ORD_TYPE_LIMIT,
        .tif = tif,
        .session = cell_session(cell),
        .session_max = session->risk.orders_max,
        .session_cnt = session->orders_cnt,
        .mid_px = book_mid_px(engine, book),
        .now_ns = now_of(engine, cell),
    };
}

COLD bool
plain_new_asks(struct engine *engine,
               const union cell *cell,
               struct session *session,
               uint32_t *position)
{
    const uint32_t account = cell->order_new.account;
    const struct risk_order question =
        question_of(engine, cell, session, account, 0, sell_of(cell), cell->order_new.tif);
    struct risk_ticket ticket;
    struct risk_detail detail;

    if (risk_check_new(engine->risk, &question, &ticket, &detail) != OE_REJECT_REASON_NONE ||
        !take_token(engine, cell, session, account, false))
        return false;
    risk_reserve_new(engine->risk, &question, &ticket);
    *position = ticket.position;
    return true;
}

COLD bool
plain_replace_asks(struct engine *engine,
                   const union cell *cell,
                   struct session *session,
                   const struct order *order)
{
    /* Also of a market-to-limit order: since it has a limit it is one. */
    const struct risk_order question =
        question_of(engine, cell, session, order->account, order->cum_qty,
                    order->flags & ORDER_SELL, order->tif);
    const struct risk_hold hold = hold_of(&engine->books[order->instrument], order);
    struct risk_ticket ticket;
    struct risk_detail detail;

    ASSERT(order->instrument == cell->order_replace.instrument);
    if (risk_check_amend(engine->risk, &question, &hold, &ticket, &detail) !=
            OE_REJECT_REASON_NONE ||
        !take_token(engine, cell, session, order->account, false))
        return false;
    risk_reserve_amend(engine->risk, &question, &hold, &ticket);
    return true;
}

COLD bool
plain_cancel_asks(struct engine *engine,
                  const union cell *cell,
                  struct session *session,
                  const struct order *order)
{
    if (!take_token(engine, cell, session, order != NULL ? order->account : CELL_ANY, true))
        return false;
    if (order != NULL) {
        const struct risk_hold hold = hold_of(&engine->books[order->instrument], order);

        risk_give_back(engine->risk, &hold, hold.leaves_qty);
    }
    return true;
}
