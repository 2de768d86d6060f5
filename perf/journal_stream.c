#include "perf/journal_stream.h"

#include <stdio.h>
#include <string.h>

#include "proto/limits.h"
#include "proto/px_qty.h"

#define MIDDLE_TICK  33504
#define TICK_PX      (PX_ONE / 100)
#define DEPTH        24u /* ticks; one in so many new orders crosses */
#define ACCOUNTS     16u
#define PAGES        (1u << 14)
#define SEED         UINT64_C(88172645463325252)
#define IOC_IN       20u
#define REPLACE_IN   10u
#define QTY_MOST     100u
#define VALUE_NO_MAX (INT64_MAX / 2)

static uint64_t
next(struct stream *stream)
{
    stream->random ^= stream->random << 13;
    stream->random ^= stream->random >> 7;
    stream->random ^= stream->random << 17;
    return stream->random;
}

struct engine_cfg
stream_cfg(void)
{
    return (struct engine_cfg){
        .orders_max = 2 * STREAM_PLACES,
        .instruments_max = STREAM_INSTRUMENTS,
        .accounts_max = ACCOUNTS,
        .groups_max = 1,
        .firms_max = 1,
        .sessions_max = 1,
        .positions_max = ACCOUNTS * STREAM_INSTRUMENTS,
        .pages_max = PAGES,
    };
}

static void
put_account(union cell *cells, uint32_t account)
{
    cells[0].account_set = (struct cell_account_set){
        .kind = CELL_KIND_ACCOUNT_SET,
        .shape = 2,
        .time = 1,
        .name = "account",
        .account = account,
        .session = CELL_SESSION,
    };
    cells[1].account_limits = (struct cell_account_limits){
        .kind = CELL_KIND_ACCOUNT_LIMITS,
        .order_qty_max = QTY_MAX,
        .order_value_max = VALUE_NO_MAX,
        .long_max = POSITION_LIMIT_MAX,
        .short_max = POSITION_LIMIT_MAX,
    };
}

/* put_session makes the one session and binds it. */
static unsigned
put_session(union cell *cells)
{
    static const uint8_t uuid[16] = {1, [6] = 0x40, [8] = 0x80};

    cells[0].session_set = (struct cell_session_set){
        .kind = CELL_KIND_SESSION_SET, .shape = 1, .time = 1, .name = "session"};
    cells[1].session_negotiate = (struct cell_session_negotiate){
        .kind = CELL_KIND_SESSION_NEGOTIATE, .shape = 1, .time = 1, .client_flow = 1};
    memcpy(cells[1].session_negotiate.uuid, uuid, sizeof uuid);
    cells[2].session_establish = (struct cell_session_establish){
        .kind = CELL_KIND_SESSION_ESTABLISH, .shape = 1, .time = 1, .keepalive_ms = 1000};
    memcpy(cells[2].session_establish.uuid, uuid, sizeof uuid);
    return 3;
}

static void
put_instrument(union cell *cells, uint32_t instrument)
{
    char symbol[16];

    cells[0].instrument_set = (struct cell_instrument_set){
        .kind = CELL_KIND_INSTRUMENT_SET,
        .shape = 2,
        .instrument = instrument,
        .time = 1,
        .tick_px = TICK_PX,
        .lot_qty = 1,
        .session = CELL_SESSION,
    };
    (void)snprintf(symbol, sizeof symbol, "S%u", instrument);
    memcpy(cells[0].instrument_set.symbol, symbol, sizeof cells[0].instrument_set.symbol);
    cells[1].instrument_limits = (struct cell_instrument_limits){
        .kind = CELL_KIND_INSTRUMENT_LIMITS,
        .order_qty_min = 1,
        .order_qty_max = QTY_MAX,
        .order_value_max = VALUE_NO_MAX,
    };
}

unsigned
stream_begin(struct stream *stream, union cell cells[STREAM_SETUP_MAX])
{
    const struct engine_cfg cfg = stream_cfg();
    unsigned cnt = 0;

    *stream = (struct stream){.random = SEED};
    memset(cells, 0, STREAM_SETUP_MAX * sizeof *cells);
    engine_genesis(&cfg, 1, &cells[cnt++]);
    cells[cnt++].restart = (struct cell_restart){
        .kind = CELL_KIND_RESTART,
        .shape = 1,
        .epoch = 1,
        .time = 1,
        .rules_version = RULES_VERSION,
        .ack_mode = CELL_ACK_MODE_DURABLE,
        .session = CELL_SESSION,
    };
    cells[cnt++].firm_set = (struct cell_firm_set){
        .kind = CELL_KIND_FIRM_SET, .shape = 1, .time = 1, .name = "firm", .session = CELL_SESSION};
    cells[cnt++].group_set = (struct cell_group_set){.kind = CELL_KIND_GROUP_SET,
                                                     .shape = 1,
                                                     .time = 1,
                                                     .name = "group",
                                                     .session = CELL_SESSION};
    for (uint32_t i = 0; i < ACCOUNTS; i++, cnt += 2)
        put_account(&cells[cnt], i);
    for (uint32_t i = 0; i < STREAM_INSTRUMENTS; i++, cnt += 2)
        put_instrument(&cells[cnt], i);
    cnt += put_session(&cells[cnt]);
    ASSERT(cnt <= STREAM_SETUP_MAX);
    return cnt;
}

/* px_away returns a price so many ticks from the middle, on the own side. */
static px_t
px_away(bool sell, int64_t away)
{
    return (MIDDLE_TICK + (sell ? away : -away)) * TICK_PX;
}

static unsigned
put_new(struct stream *stream, bool ioc, union cell *cell)
{
    const uint64_t random = next(stream);
    const int64_t away = (int64_t)((random >> 48) % DEPTH);

    cell->order_new = (struct cell_order_new){
        .kind = CELL_KIND_ORDER_NEW,
        .shape = (uint8_t)(1u | ((random & 1) != 0 ? CELL_SELL : 0u)),
        .instrument = (uint32_t)(random >> 1) % STREAM_INSTRUMENTS,
        .clord = ++stream->clord,
        .px = px_away((random & 1) != 0, ioc ? -away : away - 1),
        .qty = 1 + (uint32_t)(random >> 33) % QTY_MOST,
        .ord_type = OE_ORD_TYPE_LIMIT,
        .tif = ioc ? OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL : OE_TIME_IN_FORCE_DAY,
        .account = (uint32_t)(random >> 40) % ACCOUNTS,
    };
    return 1;
}

/* place_of packs what is known of the order that a cell just entered. */
static uint64_t
place_of(uint64_t clord, uint32_t instrument, bool sell)
{
    return (clord * STREAM_INSTRUMENTS + instrument) * 2 + sell;
}

static uint64_t
place_clord(uint64_t place)
{
    return place / 2 / STREAM_INSTRUMENTS;
}

static uint32_t
place_instrument(uint64_t place)
{
    return place / 2 % STREAM_INSTRUMENTS;
}

static unsigned
put_cancel(struct stream *stream, uint64_t place, union cell *cell)
{
    cell->order_cancel = (struct cell_order_cancel){
        .kind = CELL_KIND_ORDER_CANCEL,
        .shape = 1,
        .instrument = place_instrument(place),
        .clord = ++stream->clord,
        .orig_clord = place_clord(place),
    };
    return 1;
}

static unsigned
put_replace(struct stream *stream, uint64_t place, union cell cells[2])
{
    const uint64_t random = next(stream);

    cells[0].order_replace = (struct cell_order_replace){
        .kind = CELL_KIND_ORDER_REPLACE,
        .shape = 2,
        .instrument = place_instrument(place),
        .clord = ++stream->clord,
        .px = px_away((place & 1) != 0, 1 + (int64_t)((random >> 48) % DEPTH)),
        .qty = 1 + (uint32_t)(random >> 33) % QTY_MOST,
    };
    cells[1].replace_detail = (struct cell_replace_detail){
        .kind = CELL_KIND_REPLACE_DETAIL,
        .orig_clord = place_clord(place),
    };
    return 2;
}

unsigned
stream_next(struct stream *stream, uint64_t time_ns, union cell cells[STREAM_CELLS_MAX])
{
    const uint64_t random = next(stream);
    uint64_t *place = &stream->places[(random >> 20) % STREAM_PLACES];
    const uint64_t chance = random % (IOC_IN * REPLACE_IN);
    unsigned cnt;

    memset(cells, 0, STREAM_CELLS_MAX * sizeof *cells);
    if (chance % IOC_IN == 0) {
        cnt = put_new(stream, true, cells);
    } else if (*place == 0) {
        cnt = put_new(stream, false, cells);
        *place = place_of(stream->clord, cells->order_new.instrument,
                          (cells->order_new.shape & CELL_SELL) != 0);
    } else if (chance / IOC_IN == 0) {
        cnt = put_replace(stream, *place, cells);
        *place = place_of(stream->clord, place_instrument(*place), (*place & 1) != 0);
    } else {
        cnt = put_cancel(stream, *place, cells);
        *place = 0;
    }
    cells->order_new.time = time_ns;
    cells->order_new.in_no = (uint16_t)++stream->in_no;
    return cnt;
}
