/* A program with a matching engine inside, in C11 and in C++17 alike. */
#include <outcry/embed.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ACME 0u                   /* our instrument */
#define CENT ((px_t)PX_ONE / 100) /* its tick */

static struct embed_group group; /* a command and what comes of it */

/* show prints what came of the last command, slice by slice if it was large. */
static void
show(void)
{
    const union cell *message;

    while ((message = embed_next(&group)) != NULL) {
        const char *kind = cell_kind_name(cell_kind(message));

        if (cell_kind(message) == CELL_KIND_TRADE) /* its second cell is the maker's */
            printf("  %s of %u at %.2f, order %u has %u left\n", kind, message->trade.qty,
                   (double)message->trade.px / (double)PX_ONE,
                   (unsigned)message[1].trade_maker.clord, message[1].trade_maker.leaves_qty);
        else if (cell_is_event(message))
            printf("  %s\n", kind);
        else
            printf("%s: %s\n", kind, oe_reject_reason_name(cell_outcome(message)));
    }
}

/* enter enters a limit order and returns the id that the engine gave it. */
static uint64_t
enter(struct engine *engine, uint64_t clord, enum oe_side side, px_t px, qty_t qty)
{
    union cell cells[1];
    struct cell_order_new *order = embed_order_new(cells, side);
    uint64_t order_id = 0;

    order->instrument = ACME;
    order->clord = clord;
    order->px = px;
    order->qty = qty;
    if (embed_apply(&group, engine, cells))
        order_id = group.cells[0].order_new.order_id;
    show();
    return order_id;
}

int
main(void)
{
    struct engine_cfg cfg;
    struct engine_level level;
    struct engine_queue queue;
    struct cell_order_replace *replace;
    union cell cells[2];

    embed_cfg(&cfg); /* one instrument, no accounts */
    cfg.orders_max = 10000;

    const size_t bytes = engine_footprint(&cfg);
    void *mem = aligned_alloc(ENGINE_ALIGN, bytes); /* any memory will do */

    if (bytes == 0 || mem == NULL)
        return 1;
    memset(mem, 0, bytes);
    struct engine *engine = engine_init(mem, &cfg);

    embed_instrument_set(cells, ACME, "ACME")->tick_px = CENT;
    if (embed_run(&group, engine, cells) != OE_REJECT_REASON_NONE)
        return 1;
    enter(engine, 1, OE_SIDE_SELL, 10002 * CENT, 50);
    enter(engine, 2, OE_SIDE_SELL, 10001 * CENT, 30);
    const uint64_t third = enter(engine, 3, OE_SIDE_SELL, 10001 * CENT, 20);
    enter(engine, 3, OE_SIDE_BUY, 9999 * CENT, 10); /* refused: 3 is in use */
    enter(engine, 4, OE_SIDE_BUY, 10001 * CENT, 40);

    if (engine_best(engine, ACME, true, &level))
        printf("%u offered at %.2f\n", (unsigned)level.qty, (double)level.px / (double)PX_ONE);
    if (engine_queue_position(engine, third, &queue))
        printf("%u orders in front of order 3\n", queue.ahead_cnt);

    replace = embed_order_replace(cells, ACME, third);
    replace->clord = 5;
    replace->px = 10003 * CENT;
    replace->qty = 25; /* in total: 10 are traded, 15 are left */
    if (embed_run(&group, engine, cells) != OE_REJECT_REASON_NONE)
        return 1;
    embed_mass_cancel(cells);
    if (embed_apply(&group, engine, cells))
        show();
    printf("%u commands, %u orders left\n", (unsigned)engine_seq(engine),
           engine_orders_cnt(engine));
    free(mem); /* the engine was there and nowhere else */
    return 0;
}
