/*
 * A program that has a matching engine inside, in C11 and in C++17 alike:
 *
 *     cc -std=c11 embed.c $(pkg-config --cflags --libs outcry)
 */
#include <outcry/embed.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ACME = 0 /* our instrument */
};

static struct embed_group group; /* a command and what came of it */

/* report prints one message of the engine. */
static void
report(const union cell *message)
{
    const char *kind = cell_kind_name(cell_kind(message));
    const char *side = cell_is_sell(message) ? "sell" : "buy";

    if (cell_kind(message) == CELL_KIND_TRADE) /* a trade's second cell is the maker's */
        printf("  %s %s %u at %.2f, maker %llu has %u left\n", kind, side, message->trade.qty,
               (double)message->trade.px / (double)PX_ONE,
               (unsigned long long)message[1].trade_maker.clord, message[1].trade_maker.leaves_qty);
    else if (cell_kind(message) == CELL_KIND_ORDER_CANCELED)
        printf("  %s %u of %llu\n", kind, message->order_canceled.removed_qty,
               (unsigned long long)message->order_canceled.clord);
    else
        printf("%s: %s\n", kind, oe_reject_reason_name(cell_outcome(message)));
}

/* apply applies a command and prints all that came of it. */
static void
apply(struct engine *engine, const union cell *cells)
{
    const union cell *message;

    if (!embed_apply(&group, engine, cells))
        printf("dropped\n");
    while ((message = embed_next(&group)) != NULL)
        report(message);
}

/* enter enters a limit order in ACME, at a price in cents; returns its id. */
static uint64_t
enter(struct engine *engine, uint64_t clord, enum oe_side side, int64_t cents, uint32_t qty)
{
    union cell cells[1];
    struct cell_order_new *order = embed_order_new(cells, side);

    order->instrument = ACME;
    order->clord = clord;
    order->px = cents * (PX_ONE / 100);
    order->qty = qty;
    apply(engine, cells);
    return group.cells[0].order_new.order_id; /* a result: 0 if it was refused */
}

int
main(void)
{
    struct engine_cfg cfg;
    struct engine_level level;
    struct engine_queue queue;
    struct engine_order order;
    union cell cells[2];

    memset(&cfg, 0, sizeof cfg);
    cfg.no_risk = true;
    cfg.orders_max = 10000;
    cfg.instruments_max = 1;
    cfg.pages_max = 100;

    const size_t bytes = engine_footprint(&cfg); /* a multiple of ENGINE_ALIGN */
    void *mem = aligned_alloc(ENGINE_ALIGN, bytes);

    if (bytes == 0 || mem == NULL)
        return 1;
    memset(mem, 0, bytes);

    struct engine *engine = engine_init(mem, &cfg);

    embed_instrument_set(cells, ACME, "ACME")->tick_px = PX_ONE / 100;
    apply(engine, cells);
    enter(engine, 1, OE_SIDE_SELL, 10002, 50);
    const uint64_t first = enter(engine, 2, OE_SIDE_SELL, 10001, 30);
    const uint64_t behind = enter(engine, 3, OE_SIDE_SELL, 10001, 20);

    enter(engine, 3, OE_SIDE_BUY, 9999, 10); /* 3 is in use */
    enter(engine, 4, OE_SIDE_BUY, 10001, 40);
    if (engine_best(engine, ACME, true, &level))
        printf("best offer %.2f: %llu\n", (double)level.px / (double)PX_ONE,
               (unsigned long long)level.qty);
    if (engine_queue_position(engine, behind, &queue))
        printf("orders ahead %u of %u\n", queue.ahead_cnt, queue.orders_cnt);
    if (!engine_order_get(engine, first, &order))
        printf("the first at its price is filled\n");

    struct cell_order_replace *replace = embed_order_replace(cells, ACME, behind);

    replace->clord = 5;
    replace->px = 10003 * (PX_ONE / 100);
    replace->qty = 25;
    apply(engine, cells);
    embed_order_cancel(cells, ACME, behind); /* no more: it has a new id */
    apply(engine, cells);
    embed_mass_cancel(cells);
    apply(engine, cells);
    printf("%llu commands, %u orders live\n", (unsigned long long)engine_seq(engine),
           engine_orders_cnt(engine));
    free(mem); /* the engine was there and nowhere else */
    return 0;
}
