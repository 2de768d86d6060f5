#include "tests/model/generate_parts.h"

/* How far ahead orders expire. A stream goes through some 3 ms by itself, the
 * rest is done by Clock commands. */
#define EXPIRE_NS 30000000u

uint32_t
generate_account(struct generator *g, uint16_t session)
{
    static const uint32_t accounts[FIRMS][4] = {{0, 1, 2, 5}, {3, 4, 3, 4}};

    if (random_permille(&g->random, 10))
        return random_below(&g->random, ACCOUNTS);
    return accounts[generate_firm(session)][random_below(&g->random, 4)];
}

/* Most trading is in instrument 0, unless there are many. */
uint32_t
generate_instrument(struct generator *g)
{
    const uint32_t cnt = g->profile->instruments_cnt;

    return random_permille(&g->random, cnt < 10 ? 600 : 100) ? 0 : random_below(&g->random, cnt);
}

/* middle_px is where the profile trades, or of one that trades far apart now and
 * then somewhere else on the ladder, its ends included. */
static px_t
middle_px(struct generator *g)
{
    static const px_t ticks[] = {1, 64, 4096, 1 << 18, 1 << 24, (1 << 30) - 1};

    if (!g->profile->is_far || random_permille(&g->random, 600))
        return MIDDLE_PX;
    return ticks[random_below(&g->random, ARRAY_LEN(ticks))] * TICK_PX;
}

px_t
generate_px(struct generator *g, bool sell)
{
    const uint32_t width = 2 * g->profile->spread_ticks + 1;
    const px_t apart = (px_t)g->profile->apart_ticks * TICK_PX;

    return middle_px(g) + (sell ? apart : -apart) +
           ((px_t)random_below(&g->random, width) - (px_t)g->profile->spread_ticks) * TICK_PX;
}

qty_t
generate_qty(struct generator *g, uint32_t instrument)
{
    static const qty_t ends[] = {1, 2, 1000, 1u << 31, UINT32_MAX - 1, UINT32_MAX};
    const qty_t qty = g->profile->is_vast ? ends[random_below(&g->random, ARRAY_LEN(ends))]
                                          : 1 + random_below(&g->random, g->profile->qty_max);

    /* Now and then not a multiple of the lot. */
    return instrument % 5 == 2 && !random_permille(&g->random, 50) ? (qty + 9) / 10 * 10 : qty;
}

struct command_order
generate_order(struct generator *g)
{
    struct random *random = &g->random;
    const uint16_t session = (uint16_t)random_below(random, SESSIONS);
    const bool sell = random_permille(random, 500);
    const uint32_t instrument = generate_instrument(g);
    /* A little off the others' ticks, where that is allowed. */
    const px_t off_px = instrument % 5 == 4 && !g->profile->is_far && random_permille(random, 400)
                            ? (px_t)(1 + random_below(random, 3)) * FINE_PX
                            : 0;

    return (struct command_order){
        .instrument = instrument,
        .account = generate_account(g, session),
        .session = session,
        .sell = sell,
        .qty = generate_qty(g, instrument),
        .px = generate_px(g, sell) + off_px,
        .clord = 1 + random_below(random, g->profile->clords_max),
    };
}

/* extension gives a new order its second cell and returns it. */
static struct cell_order_extension *
extension(struct step *step)
{
    union cell *cells = step->command.cells;

    if (step->command.count == 1) {
        step->command.count = 2;
        cells[0].bytes[1]++;
        cells[1].order_extension.kind = CELL_KIND_ORDER_EXTENSION;
    }
    return &cells[1].order_extension;
}

/* link_to names a live order, and mostly makes the new one one of its kind. */
static void
link_to(struct generator *g, struct step *step)
{
    const struct model_order *other = generate_live(g);
    struct cell_order_new *req = &step->command.cells[0].order_new;

    (void)extension(step);
    step->command.count = 3;
    req->shape++;
    step->command.cells[2].order_link = (struct cell_order_link){
        .kind = CELL_KIND_ORDER_LINK,
        .linked_clord = random_below(&g->random, g->profile->clords_max),
    };
    if (other == NULL)
        return;
    step->command.cells[2].order_link.linked_clord = other->clord;
    if (random_permille(&g->random, 40))
        return;
    req->session = other->session;
    req->account = other->account;
    req->instrument = other->instrument;
}

/* show_part makes an iceberg. */
static void
show_part(struct generator *g, struct step *step)
{
    const struct cell_order_new *req = &step->command.cells[0].order_new;
    const qty_t lot_qty = req->instrument % 5 == 2 ? 10 : 1;
    struct cell_order_extension *ext = extension(step);

    ext->display_qty = (1 + random_below(&g->random, req->qty / lot_qty / 3 + 1)) * lot_qty;
    if (random_permille(&g->random, 400))
        ext->display_range =
            (uint16_t)(random_below(&g->random, ext->display_qty / lot_qty + 1) * lot_qty);
    if (random_permille(&g->random, 30))
        ext->display_qty = req->qty + random_below(&g->random, 3);
}

static void
expire(struct generator *g, struct step *step)
{
    step->command.cells[0].order_new.tif = OE_TIME_IN_FORCE_GOOD_TILL_DATE;
    extension(step)->expire_time =
        random_permille(&g->random, 20)
            ? random_below(&g->random, 2) * g->model->time_ns
            : g->model->time_ns + 10000 + random_below(&g->random, EXPIRE_NS);
}

/* decorate gives an order of a type what it may have. */
static void
decorate(struct generator *g, struct step *step)
{
    const struct permille *permille = &g->profile->permille;
    struct random *random = &g->random;
    struct cell_order_new *req = &step->command.cells[0].order_new;
    const bool limit = req->ord_type == OE_ORD_TYPE_LIMIT;
    const bool stays = req->tif == OE_TIME_IN_FORCE_DAY;

    req->stp_capacity = (uint8_t)(random_below(random, 3) << 4);
    if (random_permille(random, permille->stp))
        req->stp_capacity |= (uint8_t)(1 + random_below(random, 4));
    if (stays && random_permille(random, 200))
        req->tif = OE_TIME_IN_FORCE_GOOD_TILL_CANCEL;
    if (stays && req->ord_type != OE_ORD_TYPE_MARKET && random_permille(random, permille->gtd))
        expire(g, step);
    if (limit && stays && random_permille(random, permille->iceberg))
        show_part(g, step);
    else if (((limit && stays) || req->ord_type == OE_ORD_TYPE_PEGGED) &&
             random_permille(random, permille->hidden))
        req->exec_inst |= OE_EXEC_INST_HIDDEN;
    if ((limit || req->ord_type == OE_ORD_TYPE_MARKET) && req->exec_inst != 1 &&
        (stays || req->tif == OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL) &&
        random_permille(random, permille->minimum))
        extension(step)->min_qty = 1 + random_below(random, req->qty + (req->qty < UINT32_MAX));
    if (stays && req->ord_type != OE_ORD_TYPE_MARKET &&
        req->ord_type != OE_ORD_TYPE_MARKET_TO_LIMIT && random_permille(random, permille->link))
        link_to(g, step);
}

/* make_stop lets an order wait, mostly for a price that is not there yet. */
static void
make_stop(struct generator *g, struct step *step)
{
    struct random *random = &g->random;
    struct cell_order_new *req = &step->command.cells[0].order_new;
    const px_t last_px = g->model->instruments[req->instrument].last_px;
    const bool sell = cell_is_sell(step->command.cells);
    const px_t away_px = (px_t)random_below(random, g->profile->spread_ticks + 2) * TICK_PX;

    req->ord_type = random_permille(random, 500) ? OE_ORD_TYPE_STOP : OE_ORD_TYPE_STOP_LIMIT;
    extension(step)->stop_px = last_px != 0 && random_permille(random, 800)
                                   ? last_px + (sell ? -away_px : away_px)
                                   : generate_px(g, sell);
    if (req->ord_type == OE_ORD_TYPE_STOP)
        req->px = 0;
}

static void
make_peg(struct generator *g, struct step *step)
{
    static const uint8_t kinds[] = {0, OE_EXEC_INST_PEG_OPPOSITE, OE_EXEC_INST_PEG_MID};
    struct random *random = &g->random;
    struct cell_order_new *req = &step->command.cells[0].order_new;
    const bool sell = cell_is_sell(step->command.cells);
    px_t passive_ticks = random_below(random, 4);

    req->ord_type = OE_ORD_TYPE_PEGGED;
    req->exec_inst = kinds[random_below(random, 3)];
    if (req->exec_inst == 0 && random_permille(random, 300))
        passive_ticks = -passive_ticks;
    if (req->exec_inst == OE_EXEC_INST_PEG_OPPOSITE && !random_permille(random, 50))
        passive_ticks++;
    if (passive_ticks != 0 && random_permille(random, 5))
        passive_ticks *= (px_t)1 << (29 + random_below(random, 3));
    extension(step)->peg_offset_px = (sell ? passive_ticks : -passive_ticks) * TICK_PX;
    if (random_permille(random, 600))
        req->px = 0;
}

/* make_sweep asks for all that there is, at any price of the profile. */
static void
make_sweep(struct generator *g, struct cell_order_new *req)
{
    const px_t reach_px = (px_t)(g->profile->spread_ticks + g->profile->apart_ticks) * TICK_PX;

    req->tif = OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL;
    req->qty = g->profile->qty_max * (50 + random_below(&g->random, 500));
    req->px = (req->shape & CELL_SELL) != 0 ? MIDDLE_PX - reach_px : MIDDLE_PX + reach_px;
}

static void
make_held(struct generator *g, struct cell_order_new *req)
{
    req->tif = random_permille(&g->random, 500) ? OE_TIME_IN_FORCE_AT_THE_OPENING
                                                : OE_TIME_IN_FORCE_AT_THE_CLOSE;
    if (!random_permille(&g->random, 400))
        return;
    req->ord_type = OE_ORD_TYPE_MARKET;
    req->px = 0;
}

static void
make_market(struct generator *g, struct cell_order_new *req)
{
    req->ord_type = OE_ORD_TYPE_MARKET;
    req->px = 0;
    if (random_permille(&g->random, 300))
        req->tif = OE_TIME_IN_FORCE_FILL_OR_KILL;
    else if (random_permille(&g->random, 300))
        req->tif = OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL;
}

/* repeat makes the step one that was made a little earlier, under another name; false
 * if that was no order. */
static bool
repeat(struct generator *g, struct step *step)
{
    const uint32_t back = 1 + random_below(&g->random, 4);
    const struct step *earlier = &g->steps[g->number - back];

    if (cell_kind(earlier->command.cells) != CELL_KIND_ORDER_NEW)
        return false;
    *step = *earlier;
    step->command.cells[0].order_new.clord = 1 + random_below(&g->random, g->profile->clords_max);
    return true;
}

void
generate_new(struct generator *g, enum action action, struct step *step)
{
    if (random_permille(&g->random, g->profile->is_strict ? 120 : 10) && repeat(g, step))
        return;

    const struct command_order any = generate_order(g);
    struct cell_order_new *req = &step->command.cells[0].order_new;

    step->command = command_new(&any);
    if (action == ACTION_POST_ONLY)
        req->exec_inst = random_permille(&g->random, 400) ? 3 : OE_EXEC_INST_POST_ONLY;
    if (action == ACTION_IOC)
        req->tif = OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL;
    if (action == ACTION_FOK) {
        req->tif = OE_TIME_IN_FORCE_FILL_OR_KILL;
        req->qty *= 1 + random_below(&g->random, 4);
    }
    if (action == ACTION_MARKET)
        make_market(g, req);
    if (action == ACTION_TO_LIMIT) {
        req->ord_type = OE_ORD_TYPE_MARKET_TO_LIMIT;
        req->px = 0;
        if (random_permille(&g->random, 300))
            req->tif = OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL;
    }
    if (action == ACTION_SWEEP)
        make_sweep(g, req);
    if (action == ACTION_STOP)
        make_stop(g, step);
    if (action == ACTION_PEG)
        make_peg(g, step);
    if (action == ACTION_HELD)
        make_held(g, req);
    decorate(g, step);
}

/* scramble makes an order of words that need not fit one another. */
static void
scramble(struct generator *g, struct step *step)
{
    static const uint8_t types[] = {OE_ORD_TYPE_LIMIT,           OE_ORD_TYPE_MARKET,
                                    OE_ORD_TYPE_MARKET_TO_LIMIT, OE_ORD_TYPE_STOP,
                                    OE_ORD_TYPE_STOP_LIMIT,      OE_ORD_TYPE_PEGGED};
    static const uint8_t tifs[] = {OE_TIME_IN_FORCE_DAY,
                                   OE_TIME_IN_FORCE_GOOD_TILL_CANCEL,
                                   OE_TIME_IN_FORCE_AT_THE_OPENING,
                                   OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL,
                                   OE_TIME_IN_FORCE_FILL_OR_KILL,
                                   OE_TIME_IN_FORCE_GOOD_TILL_DATE,
                                   OE_TIME_IN_FORCE_AT_THE_CLOSE};
    struct random *random = &g->random;
    struct cell_order_new *req = &step->command.cells[0].order_new;

    req->ord_type = types[random_below(random, ARRAY_LEN(types))];
    req->tif = tifs[random_below(random, ARRAY_LEN(tifs))];
    req->exec_inst = (uint8_t)(1u << random_below(random, 10)) & 0x1f;
    if (random_permille(random, 200))
        req->exec_inst |= (uint8_t)random_below(random, 32);
    req->stp_capacity = (uint8_t)random_below(random, 6);
    if (random_permille(random, 300))
        extension(step)->stop_px = req->px;
    if (random_permille(random, 300))
        extension(step)->expire_time = g->model->time_ns + random_below(random, EXPIRE_NS);
    if (random_permille(random, 200))
        extension(step)->display_qty = 1 + random_below(random, 3);
    if (random_permille(random, 100))
        extension(step)->display_range = (uint16_t)random_below(random, 3);
    if (random_permille(random, 200))
        extension(step)->min_qty = 1 + random_below(random, 3);
    if (random_permille(random, 200))
        extension(step)->peg_offset_px = ((px_t)random_below(random, 5) - 2) * (TICK_PX / 2);
    if (random_permille(random, 200))
        link_to(g, step);
}

void
generate_hostile(struct generator *g, struct step *step)
{
    struct random *random = &g->random;
    const struct command_order any = generate_order(g);
    struct cell_order_new *req = &step->command.cells[0].order_new;

    step->command = command_new(&any);
    switch (random_below(random, 16)) {
    case 7:
        req->px = (px_t)random_below(random, 3) - 1;
        break;
    case 8:
        req->px += 1 + random_below(random, 1000);
        break;
    case 9:
        req->qty = random_permille(random, 500) ? 0 : UINT32_MAX;
        break;
    case 10:
        req->instrument = random_permille(random, 500) ? g->profile->instruments_cnt : UINT32_MAX;
        break;
    case 11:
        req->account = random_permille(random, 500) ? ACCOUNTS : UINT32_MAX;
        break;
    case 12: /* a duplicate, or ahead of its time */
        req->in_no = random_permille(random, 500) ? UINT16_MAX : 1;
        break;
    case 13:
        req->session = random_permille(random, 500) ? SESSIONS : MODEL_SESSIONS - 1;
        break;
    case 14:
        step->command = command_cancel(any.session, UINT32_MAX, any.clord, any.clord);
        break;
    case 15:
        req->px = TICK_PX * (px_t)(random_below(random, 4) + (1u << 30) - 2);
        break;
    default:
        scramble(g, step);
        break;
    }
}
