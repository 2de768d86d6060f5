/*
 * Plain parts: what the files of the short road share. Private to plain*.c.
 *
 * All is inline: each of the loops and handlers is compiled for engines with
 * risk and without (`bare`, a constant), and has what it needs in registers.
 */
#ifndef OUTCRY_ENGINE_PLAIN_PARTS_H
#define OUTCRY_ENGINE_PLAIN_PARTS_H

#include <string.h>

#include "engine/book.h"
#include "engine/plain.h"
#include "risk/hot.h"

/* The first word of a cell: kind, shape, outcome, instrument. */
#define FRAME_SHAPE(shape) ((uint64_t)(shape) << 8)
#define FRAME_REQUEST      UINT64_C(0xffffffff000000ff) /* what is never a result */
#define FRAME_INSTRUMENT   UINT64_C(0xffffffff00000000)
#define FRAME_ASKED        (~FRAME_SHAPE(CELL_BY_ID | CELL_LAST))

/* The four bytes from ord_type on as one number: what makes an order plain. */
#define TERMS_KIND      UINT32_C(0x00ffffff)
#define TERMS_REST_BITS UINT32_C(0x00fffeff) /* all but the last bit of the time in force */
#define TERMS_REST      ((uint32_t)OE_ORD_TYPE_LIMIT | (uint32_t)OE_TIME_IN_FORCE_DAY << 8)
#define TERMS_STP       UINT32_C(0x0f000000)
#define TERMS_TAKE \
 ((uint32_t)OE_ORD_TYPE_LIMIT | (uint32_t)OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL << 8)

/* The last word of a book: tick_shift, algorithm, flags, state. */
#define BOOK_PEGS_WORD ((uint32_t)BOOK_PEGS << 16)
#define BOOK_BUSY_WORD (UINT32_C(0xff00ff00) | BOOK_PEGS_WORD)
#define BOOK_LOTS_WORD ((uint32_t)BOOK_LOTS << 16)

_Static_assert(offsetof(struct book, tick_shift) == 60, "its first byte");
_Static_assert(offsetof(struct book, algorithm) == 61, "its second");
_Static_assert(offsetof(struct book, flags) == 62, "its third");
_Static_assert(offsetof(struct book, state) == 63, "its last");
_Static_assert(CELL_MATCH_ALGORITHM_PRICE_TIME == 0, "tested with state and flags");
_Static_assert(CELL_INSTRUMENT_STATE_OPEN == 0, "tested with algorithm and flags");
_Static_assert((OE_TIME_IN_FORCE_DAY & 1) == 0, "Day and GTC differ in one bit");
_Static_assert((OE_TIME_IN_FORCE_DAY | 1) == OE_TIME_IN_FORCE_GOOD_TILL_CANCEL, "in the last");
_Static_assert(ORDER_SELL << 5 == CELL_SELL, "shifted");
_Static_assert(OE_REJECT_REASON_NONE == 0, "an outcome of an accepted command");

/* What an order or a replace asks of its book, and what comes of it. */
struct ask {
    px_t px;
    qty_t qty;        /* in all */
    qty_t leaves_qty; /* of it */
    uint32_t tick;
    bool sell;
    uint32_t position; /* that risk gave it */
};

/* terms_of returns the four bytes of an order that is asked for. */
static inline uint32_t
terms_of(const struct cell_order_new *in)
{
    uint32_t terms;

    memcpy(&terms, &in->ord_type, sizeof terms);
    return terms;
}

/* terms_tif returns the time in force of the four bytes. */
static inline unsigned
terms_tif(uint32_t terms)
{
    return terms >> 8 & 0xff;
}

/* is_day says, as a number, whether a plain order that rests is a Day order. */
static inline uint32_t
is_day(unsigned tif)
{
    return ~tif & 1u;
}

/* sell_of returns the side that a command asks for. */
static inline unsigned
sell_of(const union cell *cell)
{
    return (unsigned)cell->words[0] >> 13 & 1u;
}

_Static_assert(SESSIONS_MAX < 1u << 15, "as a signed number");

/* caller_of returns session and number of a command as one number. */
static inline uint32_t
caller_of(const union cell *cell)
{
    uint32_t caller;

    memcpy(&caller, &cell->order_new.session, sizeof caller);
    return caller;
}

_Static_assert(offsetof(struct cell_order_new, session) == 60, "the low half");
_Static_assert(offsetof(struct cell_order_new, in_no) == 62, "the high half");

/* admitted returns the session of a command that is its next; NULL for any
 * other, and for those whose numbers only rise: the long road is theirs. Numbers of the exchange
 * itself stay 0. */
static ALWAYS_INLINE struct session *
admitted(const struct engine *engine, const union cell *cell)
{
    /* CELL_SESSION comes to index 0, other numbers from 2^15 on to none. */
    const uint64_t idx = (uint64_t)(int16_t)cell_session(cell) + 1;

    if (UNLIKELY(idx > engine->sessions.sessions_max))
        return NULL;

    struct session *session = &engine->sessions.at[idx];

    if (UNLIKELY(session->state != ENGINE_SESSION_BOUND) ||
        UNLIKELY(session->numbered == SESSION_RISING) ||
        UNLIKELY(cell->order_new.in_no != (uint16_t)session->next_in_no))
        return NULL;
    return session;
}

/* begin numbers a command that nothing stands in the way of any more. */
static ALWAYS_INLINE void
begin(struct engine *engine, const union cell *cell, struct session *session)
{
    const uint64_t time_ns = cell_time(cell);

    session->next_in_no += session->numbered;
    engine->seq++;
    if (LIKELY(time_ns > engine->time_ns))
        engine->time_ns = time_ns;
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

static inline uint32_t
book_word(const struct book *book)
{
    uint32_t word;

    memcpy(&word, &book->tick_shift, sizeof word);
    return word;
}

/* plain_takes_rest says whether the tick is a price and the quantity a multiple
 * of the lot, where either needs a look, and nothing else is special about the
 * book. */
bool
plain_takes_rest(const struct engine *engine, const struct book *book, uint64_t tick, qty_t qty);

/* ask_book says whether the book takes such an order: a price on tick, an open
 * book without pegs. Without risk that is all; the rest asks risk. */
static ALWAYS_INLINE bool
ask_book(const struct engine *engine, const struct book *book, struct ask *ask)
{
    const uint64_t tick = px_divide(ask->px, book->tick_inverse, book->tick_shift);

    /* A book that is not set has no inverse, so that every price comes to
     * tick 0; a negative price comes to a tick that is too large. */
    ask->tick = (uint32_t)tick;
    if (UNLIKELY(tick - 1 >= TICK_MAX - UINT64_C(1)) || UNLIKELY(ask->qty == 0))
        return false;
    return LIKELY((book_word(book) & (BOOK_BUSY_WORD | BOOK_LOTS_WORD)) == 0) ||
           plain_takes_rest(engine, book, tick, ask->qty);
}

/* message_of returns what buckets are asked of a command. */
static ALWAYS_INLINE struct risk_hot_message
message_of(const struct engine *engine,
           const union cell *cell,
           struct session *session,
           uint32_t account)
{
    return (struct risk_hot_message){
        .session = &session->risk,
        .firm = &session->firm,
        .account = account,
        .time_ns = &cell->order_new.time,
        .clock_ns = &engine->time_ns,
    };
}

/* order_of returns what risk is asked of a new order or a replace. */
static ALWAYS_INLINE struct risk_hot_order
order_of(const struct engine *engine,
         const struct book *book,
         uint32_t instrument,
         const struct session *session,
         const struct ask *ask)
{
    return (struct risk_hot_order){
        .instrument = instrument,
        .tick = ask->tick,
        .px = ask->px,
        .last_px = book_last_px(book),
        .qty = ask->qty,
        .leaves_qty = ask->leaves_qty,
        .session_cnt = session->orders_cnt,
        .sell = ask->sell,
        .mid_px = OUTCRY_SLOW_CHECKS ? book_mid_px(engine, book) : 0,
    };
}

/* plain_looks makes collar and band of a book those of now; false if they need a
 * reference and there is none. */
bool plain_looks(const struct engine *engine, const struct book *book);

/* ask_bounds says whether risk knows between which prices orders may be. */
static ALWAYS_INLINE bool
ask_bounds(const struct engine *engine, const struct book *book, const struct risk_hot_order *order)
{
    return LIKELY(risk_hot_knows(engine->risk, order->instrument, order->last_px)) ||
           plain_looks(engine, book);
}

/* What risk takes, or does not, when its hot road has declined. A new order that it
 * takes has that position. */
bool plain_new_asks(struct engine *engine,
                    const union cell *cell,
                    struct session *session,
                    uint32_t *position);
bool plain_replace_asks(struct engine *engine,
                        const union cell *cell,
                        struct session *session,
                        const struct order *order);
bool plain_cancel_asks(struct engine *engine,
                       const union cell *cell,
                       struct session *session,
                       const struct order *order);

/* risk_new lets risk take a plain new order, of which nothing has been done yet, or
 * says no. It comes last: who has said yes must not be asked again. */
static ALWAYS_INLINE bool
risk_new(struct engine *engine,
         const union cell *cell,
         const struct book *book,
         struct session *session,
         struct ask *ask)
{
    const struct risk_hot_message message =
        message_of(engine, cell, session, cell->order_new.account);
    const struct risk_hot_order order =
        order_of(engine, book, cell->order_new.instrument, session, ask);

    uint32_t position;

    if (LIKELY(ask_bounds(engine, book, &order)) &&
        LIKELY(risk_hot_new(engine->risk, &message, &order, &ask->position)))
        return true;
    if (!plain_new_asks(engine, cell, session, &position))
        return false;
    ask->position = position;
    return true;
}

/* hold_of returns what a plain order has reserved. */
static inline struct risk_hold
hold_of(const struct book *book, const struct order *order)
{
    return (struct risk_hold){
        .position = order->position,
        .leaves_qty = order->leaves_qty,
        .px = book_px(book, order->tick),
        .sell = order_is_sell(order),
    };
}

/* An id that cannot be added: no place of the id map. */
#define PLAIN_ID_TAKEN (IDMAP_FAR - 1)

_Static_assert((uint64_t)ORDERS_MAX / 4 * CACHE_LINE < PLAIN_ID_TAKEN, "beyond its buckets");

/* What the id map takes a search for. Functions of their own, for callers that
 * should not have to keep at hand what hardly ever is needed.
 * plain_add_id adds the id of a new order, or returns PLAIN_ID_TAKEN. */
uint32_t plain_add_id(struct engine *engine, const struct cell_order_new *in);

/* plain_take_back takes it out again. It returns false, for the sake of its caller. */
bool plain_take_back(struct engine *engine, const struct cell_order_new *in, uint32_t id_at);

/* plain_forget_far takes out the id of an order that is not in its home. */
void plain_forget_far(struct engine *engine, const struct order *order, uint32_t slot);

/* read_anew lets the compiler forget what it has read, so that it reads again what it
 * needs next. It has too few registers for all, and to keep the rest in the stack
 * costs a store and the same load. */
static ALWAYS_INLINE void
read_anew(void)
{
    __asm__ __volatile__("" : : : "memory");
}

/* side_of returns the ladder of a side, as one number: else the compiler keeps two,
 * with calls in mind that are hardly ever made. */
static inline struct ladder *
side_of(struct book *book, unsigned sell)
{
    struct ladder *side = &book->sides[sell];

    __asm__("" : "+r"(side));
    return side;
}

/* What an order has as its command has it: read once, as what is written in
 * between could be the command for all that the compiler knows. */
struct as_asked {
    uint64_t clord;
    __m128i tail; /* from qty on */
};

static ALWAYS_INLINE struct as_asked
as_asked(const union cell *in)
{
    return (struct as_asked){.clord = in->words[3],
                             .tail = _mm_load_si128((const __m128i *)(const void *)&in->words[6])};
}

/* emit_new writes the cell of an accepted new order, whose frame has no outcome and
 * one cell. */
static ALWAYS_INLINE void
emit_new(const struct engine *engine,
         const union cell *in,
         const struct as_asked *asked,
         uint64_t order_id,
         uint64_t last,
         struct cell_sink *out)
{
    const uint64_t px = in->words[5];
    union cell *cell = emit(engine, (in->words[0] & FRAME_ASKED) | FRAME_SHAPE(last), out);

    cell->words[3] = asked->clord;
    cell->words[4] = order_id;
    cell->words[5] = px;
    _mm_store_si128((__m128i *)(void *)&cell->words[6], asked->tail);
}

/* write_order writes a new order into its slot, all but its links, level and
 * place in the id map; flags and place are the last two bytes. */
static ALWAYS_INLINE void
write_order(const struct as_asked *asked,
            uint64_t instrument,
            struct order *order,
            const struct ask *ask,
            unsigned flags_place)
{
    const uint16_t last_bytes = (uint16_t)flags_place;

    memcpy(&order->instrument, &instrument, 8); /* and a cum_qty of 0 */
    order->position = ask->position;
    order->clord = asked->clord;
    order->tick = ask->tick;
    _mm_store_si128((__m128i *)(void *)&order->leaves_qty, asked->tail);
    memcpy(&order->flags, &last_bytes, sizeof last_bytes);
}

_Static_assert(offsetof(struct order, cum_qty) == offsetof(struct order, instrument) + 4, "a pair");
_Static_assert(offsetof(struct order, leaves_qty) == offsetof(struct cell_order_new, qty), "as in");
_Static_assert(offsetof(struct order, place) == offsetof(struct order, flags) + 1, "two bytes");

/* count_in counts an order that rests for its session. */
static ALWAYS_INLINE void
count_in(struct session *session, unsigned tif)
{
    session->orders_cnt++;
    session->day_orders_cnt += is_day(tif);
}

/* forget takes a live plain order out of the id map. */
static ALWAYS_INLINE void
forget(struct engine *engine, const struct order *order, uint32_t slot)
{
    const uint32_t id_at = order->id_at;

    if (UNLIKELY(id_at == IDMAP_FAR))
        plain_forget_far(engine, order, slot);
    else
        idmap_remove_at_home(&engine->ids, id_at, slot);
}

/* delist takes an order out of the id map and the counts of its session. */
static ALWAYS_INLINE void
delist(struct engine *engine, struct session *session, const struct order *order, uint32_t slot)
{
    ASSERT_SLOW(session->orders_cnt > 0);
    session->orders_cnt--;
    session->day_orders_cnt -= is_day(order->tif);
    forget(engine, order, slot);
}

/* join puts an order that shows all of itself at the back of its price, whose
 * key on its side it is. */
static ALWAYS_INLINE void
join(struct engine *engine,
     struct ladder *side,
     struct order *order,
     uint32_t slot,
     uint32_t key,
     qty_t qty)
{
    struct order *const orders = engine->orders.orders;
    const uint32_t at = ladder_obtain(&engine->pages, side, key);
    struct level *level = ladder_level(&engine->pages, at);
    const uint32_t next = level->hidden_head;
    uint32_t *back = LIKELY(next == ORDER_NONE) ? &level->tail : &orders[next].prev;
    const uint32_t prev = *back;

    order->level = at;
    level->shown_qty += qty;
    level->orders_cnt++;
    *back = slot;
    order->prev = prev;
    order->next = next;
    *level_link(prev, &level->head, &orders[prev].next) = slot;
}

/* leave takes an order that shows all of itself, and is not hidden, out of its
 * level. */
static ALWAYS_INLINE void
leave(struct engine *engine, struct ladder *side, const struct order *order, qty_t qty)
{
    struct order *const orders = engine->orders.orders;
    const uint32_t at = order->level;
    const uint32_t prev = order->prev;
    const uint32_t next = order->next;
    struct level *level = ladder_level(&engine->pages, at);

    ASSERT_SLOW(level->orders_cnt > 0);
    ASSERT_SLOW(level->shown_qty >= qty);
    level->shown_qty -= qty;

    const bool empty = --level->orders_cnt == 0;

    *level_link(prev, &level->head, &orders[prev].next) = next;
    *level_link(next, &level->tail, &orders[next].prev) = prev;
    ladder_settle(&engine->pages, side, at, empty);
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

/* plain_find finds the live plain order that a cancel or replace names, if it is
 * the session's and of that instrument; ORDER_NONE if there is none. */
static ALWAYS_INLINE uint32_t
plain_find(const struct engine *engine, const struct cell_order_cancel *in, uint64_t orig_clord)
{
    const struct order *orders = engine->orders.orders;
    const uint32_t owner = in->session | ORDER_LIVE << 16 | (uint32_t)PLACE_BOOK << 24;
    uint32_t slot;

    if ((in->shape & CELL_BY_ID) != 0) {
        slot = (uint32_t)(in->order_id & ORDER_SLOT_MASK);
        if (UNLIKELY(slot >= engine->orders.used_cnt) ||
            UNLIKELY(orders[slot].order_id != in->order_id))
            return ORDER_NONE;
    } else {
        slot = idmap_find(&engine->ids, orders, in->session, orig_clord);
        if (UNLIKELY(slot == ORDER_NONE))
            return ORDER_NONE;
    }
    if (UNLIKELY(owner_of(&orders[slot]) != owner) ||
        UNLIKELY(orders[slot].instrument != in->instrument))
        return ORDER_NONE;
    return slot;
}

#endif
