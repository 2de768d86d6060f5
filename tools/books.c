#include "tools/books.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "tools/json.h"

/* Room for the levels of a side, and for the orders of one. */
struct room {
    struct engine_level *levels;
    struct engine_order *orders;
    uint32_t cnt;
};

static void
put_level(FILE *out,
          const struct engine *engine,
          uint32_t instrument,
          bool sell,
          const struct engine_level *level,
          const struct room *room)
{
    const uint32_t cnt =
        engine_level_orders(engine, instrument, sell, level->px, room->orders, room->cnt);

    ASSERT(cnt == level->orders_cnt);
    fprintf(out, "[%" PRId64 ", %" PRIu64 ", %" PRIu64 ", [", level->px, level->qty,
            level->reserve_qty);
    for (uint32_t i = 0; i < cnt; i++)
        fprintf(out, "%s[%" PRIu64 ", %" PRIu32 ", %" PRIu32 "]", i == 0 ? "" : ", ",
                room->orders[i].order_id, room->orders[i].shown_qty, room->orders[i].leaves_qty);
    fputs("]]", out);
}

static void
put_side(struct json *json,
         const struct engine *engine,
         uint32_t instrument,
         bool sell,
         const struct room *room)
{
    const uint32_t cnt = engine_depth(engine, instrument, sell, room->levels, room->cnt);

    json_key(json, sell ? "sell" : "buy");
    fputc('[', json->out);
    for (uint32_t i = 0; i < cnt; i++) {
        fputs(i == 0 ? "" : ", ", json->out);
        put_level(json->out, engine, instrument, sell, &room->levels[i], room);
    }
    fputc(']', json->out);
}

static void
put_book(FILE *out, const struct engine *engine, uint32_t instrument, const struct room *room)
{
    union cell cells[CELL_COMMAND_MAX];
    char symbol[sizeof cells[0].instrument_set.symbol + 1] = "";
    struct json json;

    if (engine_config_get(engine, CELL_KIND_INSTRUMENT_SET, instrument, 0, cells) == 0)
        return;
    snprintf(symbol, sizeof symbol, "%.8s", cells[0].instrument_set.symbol);
    json_begin(&json, out);
    json_u64(&json, "instrument", instrument);
    json_text(&json, "symbol", symbol);
    put_side(&json, engine, instrument, false, room);
    put_side(&json, engine, instrument, true, room);
    json_end(&json);
}

int
books_json(FILE *out, const struct engine *engine, uint32_t instruments_max)
{
    /* There are no more levels than orders. */
    const uint32_t cnt = engine_orders_cnt(engine) + 1;
    const struct room room = {.levels = malloc(cnt * sizeof *room.levels),
                              .orders = malloc(cnt * sizeof *room.orders),
                              .cnt = cnt};
    const int rc = room.levels == NULL || room.orders == NULL ? -ENOMEM : 0;

    for (uint32_t i = 0; rc == 0 && i < instruments_max && !ferror(out); i++)
        put_book(out, engine, i, &room);
    free(room.levels);
    free(room.orders);
    return rc;
}
