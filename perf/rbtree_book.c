#include "perf/rbtree_book.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/limits.h"
#include "proto/orders.h"

#include "perf/rbtree_cells.h"
#include "perf/rbtree_state.h"

static size_t
buckets_of(const struct rbtree_book_cfg *cfg)
{
    size_t cnt = 64;

    while (cnt < cfg->orders_max)
        cnt *= 2;
    return cnt;
}

static void *
zeroed(size_t cnt, size_t bytes)
{
    void *mem = calloc(cnt, bytes);

    if (mem == NULL) {
        perror("calloc");
        exit(1);
    }
    return mem;
}

struct rbtree_book *
rbtree_book_new(const struct rbtree_book_cfg *cfg)
{
    const size_t buckets_cnt = buckets_of(cfg);
    struct rbtree_book *book = zeroed(1, sizeof *book);

    book->cfg = *cfg;
    book->id_mask = buckets_cnt - 1;
    book->by_id = zeroed(buckets_cnt, sizeof *book->by_id);
    book->by_clord = zeroed(buckets_cnt, sizeof *book->by_clord);
    book->instruments = zeroed(cfg->instruments_max, sizeof *book->instruments);
    return book;
}

void
rbtree_book_set_instrument(struct rbtree_book *book, uint32_t instrument, px_t tick_px)
{
    ASSERT(instrument < book->cfg.instruments_max);
    book->instruments[instrument].tick_px = tick_px;
    book->seq++;
}

uint32_t
rbtree_book_levels_cnt(const struct rbtree_book *book)
{
    return book->levels_cnt;
}

size_t
rbtree_book_order_bytes(void)
{
    return sizeof(struct order);
}

/* The two hash tables. */

static inline struct order **
bucket_of_id(const struct rbtree_book *book, uint64_t id)
{
    return &book->by_id[(id * UINT64_C(0x9e3779b97f4a7c15) >> 32) & book->id_mask];
}

static inline struct order **
bucket_of_clord(const struct rbtree_book *book, uint16_t session, uint64_t clord)
{
    const uint64_t key = (clord ^ (uint64_t)session << 48) * UINT64_C(0x9e3779b97f4a7c15);

    return &book->by_clord[(key >> 32) & book->id_mask];
}

static struct order *
find_by_id(const struct rbtree_book *book, uint64_t id)
{
    struct order *order = *bucket_of_id(book, id);

    while (order != NULL && order->id != id)
        order = order->next_by_id;
    return order;
}

static struct order *
find_by_clord(const struct rbtree_book *book, uint16_t session, uint64_t clord)
{
    struct order *order = *bucket_of_clord(book, session, clord);

    while (order != NULL && (order->clord != clord || order->session != session))
        order = order->next_by_clord;
    return order;
}

static void
name(struct rbtree_book *book, struct order *order)
{
    struct order **by_id = bucket_of_id(book, order->id);
    struct order **by_clord = bucket_of_clord(book, order->session, order->clord);

    order->next_by_id = *by_id;
    *by_id = order;
    order->next_by_clord = *by_clord;
    *by_clord = order;
}

static void
unname(struct rbtree_book *book, const struct order *order)
{
    struct order **at = bucket_of_id(book, order->id);

    while (*at != order)
        at = &(*at)->next_by_id;
    *at = order->next_by_id;
    at = bucket_of_clord(book, order->session, order->clord);
    while (*at != order)
        at = &(*at)->next_by_clord;
    *at = order->next_by_clord;
}

/* Levels. */

/* is_better says whether a price comes before another on a side. */
static inline bool
is_better(bool sell, px_t px, px_t other_px)
{
    return sell ? px < other_px : px > other_px;
}

static struct level *
obtain_level(struct rbtree_book *book, struct side *side, px_t px)
{
    struct rbnode *parent = NULL;
    unsigned at = 0;

    for (struct rbnode *node = side->levels.root; node != NULL; node = node->child[at]) {
        struct level *level = (struct level *)node;

        if (level->px == px)
            return level;
        parent = node;
        at = px > level->px;
    }

    struct level *level = zeroed(1, sizeof *level);

    book->levels_cnt++;
    level->px = px;
    rbtree_add(&side->levels, parent, at, &level->node);
    return level;
}

static void
add(struct rbtree_book *book, struct order *order)
{
    struct side *side = &book->instruments[order->instrument].sides[order->sell];
    struct level *level = obtain_level(book, side, order->px);

    if (side->best == NULL || is_better(order->sell, order->px, side->best->px))
        side->best = level;
    order->level = level;
    order->next = NULL;
    order->prev = level->tail;
    if (level->tail != NULL)
        level->tail->next = order;
    else
        level->head = order;
    level->tail = order;
    level->qty += order->leaves_qty;
    name(book, order);
}

static void
remove_order(struct rbtree_book *book, struct order *order)
{
    struct side *side = &book->instruments[order->instrument].sides[order->sell];
    struct level *level = order->level;

    unname(book, order);
    level->qty -= order->leaves_qty;
    if (order->prev != NULL)
        order->prev->next = order->next;
    else
        level->head = order->next;
    if (order->next != NULL)
        order->next->prev = order->prev;
    else
        level->tail = order->prev;
    order->level = NULL;
    if (level->head != NULL)
        return;
    if (side->best == level)
        side->best = (struct level *)rbtree_neighbor(&level->node, order->sell);
    rbtree_remove(&side->levels, &level->node);
    free(level);
    book->levels_cnt--;
}

void
rbtree_book_free(struct rbtree_book *book)
{
    if (book == NULL)
        return;
    for (size_t i = 0; i <= book->id_mask; i++)
        while (book->by_id[i] != NULL) {
            struct order *order = book->by_id[i];

            remove_order(book, order);
            free(order);
        }
    free(book->by_id);
    free(book->by_clord);
    free(book->instruments);
    free(book);
}

/* Commands. */

/* match lets an order trade, then rests or ends it. */
static void
match(struct rbtree_book *book, struct order *taker, struct cell_sink *out)
{
    struct side *side = &book->instruments[taker->instrument].sides[!taker->sell];

    while (taker->leaves_qty != 0 && side->best != NULL &&
           !is_better(!taker->sell, taker->px, side->best->px)) {
        struct order *maker = side->best->head;
        const qty_t qty =
            taker->leaves_qty < maker->leaves_qty ? taker->leaves_qty : maker->leaves_qty;

        taker->leaves_qty -= qty;
        taker->cum_qty += qty;
        maker->leaves_qty -= qty;
        maker->cum_qty += qty;
        side->best->qty -= qty;
        emit_trade(book, taker, maker, qty, out);
        if (maker->leaves_qty == 0) {
            remove_order(book, maker);
            free(maker);
        }
    }
    if (taker->leaves_qty != 0 && taker->tif != OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL) {
        add(book, taker);
        return;
    }
    if (taker->leaves_qty != 0)
        emit_canceled(book, taker, OE_CANCEL_REASON_IMMEDIATE_OR_CANCEL, out);
    free(taker);
}

/* check_px refuses what is no price of the instrument. */
static unsigned
check_px(const struct rbtree_book *book, uint32_t instrument, px_t px, qty_t qty)
{
    const px_t tick_px =
        instrument < book->cfg.instruments_max ? book->instruments[instrument].tick_px : 0;

    if (tick_px == 0)
        return OE_REJECT_REASON_UNKNOWN_INSTRUMENT;
    if (px <= 0)
        return OE_REJECT_REASON_INVALID_PRICE;
    if (px % tick_px != 0)
        return OE_REJECT_REASON_INVALID_TICK;
    return qty != 0 ? OE_REJECT_REASON_NONE : OE_REJECT_REASON_INVALID_QUANTITY;
}

static void
apply_new(struct rbtree_book *book, const union cell *cells, struct cell_sink *out)
{
    const struct cell_order_new *in = &cells[0].order_new;
    unsigned reason = check_px(book, in->instrument, in->px, in->qty);

    ASSERT(in->ord_type == OE_ORD_TYPE_LIMIT);
    ASSERT(in->exec_inst == 0);
    ASSERT(in->tif != OE_TIME_IN_FORCE_FILL_OR_KILL);
    if (find_by_clord(book, in->session, in->clord) != NULL)
        reason = OE_REJECT_REASON_DUPLICATE_CL_ORD_ID;

    union cell *cell = emit_command(book, cells, CELL_SELL, reason, out);

    cell->order_new.order_id = 0;
    if (reason != OE_REJECT_REASON_NONE)
        return;

    struct order *order = zeroed(1, sizeof *order);

    order->id = ++book->last_id;
    order->clord = in->clord;
    order->px = in->px;
    order->leaves_qty = in->qty;
    order->cum_qty = 0;
    order->instrument = in->instrument;
    order->account = in->account;
    order->session = in->session;
    order->sell = (in->shape & CELL_SELL) != 0;
    order->ord_type = in->ord_type;
    order->tif = in->tif;
    order->exec_inst = in->exec_inst;
    order->stp_capacity = in->stp_capacity;
    cell->order_new.order_id = order->id;
    match(book, order, out);
}

/* find returns the order that a cancel or replace names. */
static struct order *
find(const struct rbtree_book *book, const struct cell_order_cancel *in, uint64_t orig_clord)
{
    struct order *order = (in->shape & CELL_BY_ID) != 0
                              ? find_by_id(book, in->order_id)
                              : find_by_clord(book, in->session, orig_clord);

    if (order == NULL || order->session != in->session || order->instrument != in->instrument)
        return NULL;
    return order;
}

static void
apply_cancel(struct rbtree_book *book, const union cell *cells, struct cell_sink *out)
{
    const struct cell_order_cancel *in = &cells[0].order_cancel;
    struct order *order = find(book, in, in->orig_clord);
    const unsigned reason = order != NULL ? OE_REJECT_REASON_NONE : OE_REJECT_REASON_UNKNOWN_ORDER;
    struct cell_order_cancel *cell =
        &emit_command(book, cells, CELL_BY_ID, reason, out)->order_cancel;

    if (order == NULL) {
        if ((in->shape & CELL_BY_ID) != 0)
            cell->orig_clord = 0;
        else
            cell->order_id = 0;
        cell->removed_qty = 0;
        cell->cum_qty = 0;
        cell->account = 0;
        return;
    }
    if (order->sell)
        cell->shape |= CELL_SELL;
    cell->orig_clord = order->clord;
    cell->order_id = order->id;
    cell->removed_qty = order->leaves_qty;
    cell->cum_qty = order->cum_qty;
    cell->account = order->account;
    remove_order(book, order);
    free(order);
}

static unsigned
check_replace(const struct rbtree_book *book,
              const struct cell_order_replace *in,
              const struct order *order)
{
    if (order == NULL)
        return OE_REJECT_REASON_UNKNOWN_ORDER;
    if (in->clord != order->clord && find_by_clord(book, in->session, in->clord) != NULL)
        return OE_REJECT_REASON_DUPLICATE_CL_ORD_ID;
    if (in->qty == 0)
        return OE_REJECT_REASON_INVALID_QUANTITY;
    return in->qty <= order->cum_qty ? OE_REJECT_REASON_NONE
                                     : check_px(book, order->instrument, in->px, in->qty);
}

static void
apply_replace(struct rbtree_book *book, const union cell *cells, struct cell_sink *out)
{
    const struct cell_order_replace *in = &cells[0].order_replace;
    struct order *order = find(book, &cells[0].order_cancel, cells[1].replace_detail.orig_clord);
    const unsigned reason = check_replace(book, in, order);
    struct cell_order_replace *cell =
        &emit_command(book, cells, CELL_BY_ID, reason, out)->order_replace;
    struct cell_replace_detail *detail = &emit(out)->replace_detail;

    *detail = cells[1].replace_detail;
    detail->shape = 0;
    if (reason != OE_REJECT_REASON_NONE) {
        if ((in->shape & CELL_BY_ID) == 0)
            cell->order_id = 0;
        return;
    }

    const bool cancels = in->qty <= order->cum_qty;
    const qty_t new_leaves = cancels ? 0 : in->qty - order->cum_qty;
    const bool keeps = in->px == order->px && new_leaves <= order->leaves_qty;

    if (order->sell)
        cell->shape |= CELL_SELL;
    cell->order_id = order->id;
    cell->ord_type = order->ord_type;
    cell->tif = order->tif;
    cell->exec_inst = order->exec_inst;
    cell->stp_capacity = order->stp_capacity;
    cell->account = order->account;
    detail->cum_qty = order->cum_qty;
    detail->orig_clord = order->clord;
    detail->old_px = order->px;
    detail->old_leaves = order->leaves_qty;
    detail->new_leaves = new_leaves;
    detail->new_order_id = order->id;
    if (cancels) {
        unname(book, order);
        order->clord = in->clord;
        name(book, order);
        emit_canceled(book, order, OE_CANCEL_REASON_REPLACED_BELOW_FILLED, out);
        remove_order(book, order);
        free(order);
    } else if (keeps) {
        unname(book, order);
        order->clord = in->clord;
        name(book, order);
        order->level->qty -= order->leaves_qty - new_leaves;
        order->leaves_qty = new_leaves;
    } else {
        remove_order(book, order);
        detail->new_order_id = ++book->last_id;
        order->id = book->last_id;
        order->clord = in->clord;
        order->px = in->px;
        order->leaves_qty = new_leaves;
        match(book, order, out);
    }
}

void
rbtree_book_apply(struct rbtree_book *book, const union cell *cells, struct cell_sink *out)
{
    book->seq++;
    if (cell_time(cells) > book->time_ns)
        book->time_ns = cell_time(cells);
    book->index = 0;
    switch (cell_kind(cells)) {
    case CELL_KIND_ORDER_NEW:
        apply_new(book, cells, out);
        break;
    case CELL_KIND_ORDER_CANCEL:
        apply_cancel(book, cells, out);
        break;
    case CELL_KIND_ORDER_REPLACE:
        apply_replace(book, cells, out);
        break;
    default:
        UNREACHABLE("not a command of this book");
    }
    finish(out);
}
