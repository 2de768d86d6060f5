#include "tests/model/generate_parts.h"

const struct model_order *
generate_live(struct generator *g)
{
    if (g->model->orders_cnt == 0)
        return NULL;

    uint32_t skip = random_below(&g->random, g->model->orders_cnt);

    for (const struct model_order *o = g->model->live; o != NULL; o = o->next_live)
        if (skip-- == 0)
            return o;
    UNREACHABLE("orders_cnt counts them");
}

/* aim makes the step name an order by its order id: a live one, or whatever an
 * earlier step entered, or none. A quote has no other name. */
static void
aim(struct generator *g, struct step *step, const struct model_order *order)
{
    const uint32_t dice = random_below(&g->random, 100);
    const struct cell_order_new *earlier =
        &g->steps[random_below(&g->random, g->number)].command.cells[0].order_new;

    if (dice < 50 && !(order != NULL && order->is_quote && dice < 45))
        return;
    step->target = (struct text_target){.by_id = true, .clord = dice};
    if (dice < 92 && order != NULL) {
        step->target.session = order->session;
        step->target.clord = order->clord;
        step->target.kind = !order->is_quote ? TEXT_ORDER : order->sell ? TEXT_ASK : TEXT_BID;
    } else if (dice < 98 && earlier->kind == CELL_KIND_ORDER_NEW) {
        step->target.session = earlier->session;
        step->target.clord = earlier->clord;
    }
    command_by_id(&step->command, 0);
}

void
generate_cancel(struct generator *g, struct step *step)
{
    const struct model_order *order = generate_live(g);
    const struct command_order any = generate_order(g);
    const bool is_right = order != NULL && !random_permille(&g->random, 60);

    step->command = command_cancel(
        is_right ? order->session : any.session, is_right ? order->instrument : any.instrument,
        order != NULL && !random_permille(&g->random, 50) ? order->clord : any.clord, any.clord);
    aim(g, step, order);
}

/* replaced_qty: most of the interesting totals lie around what is filled and
 * what was asked before. */
static qty_t
replaced_qty(struct generator *g, const struct model_order *order)
{
    const qty_t total = order->cum_qty + order->leaves_qty;

    switch (random_below(&g->random, 8)) {
    case 0:
        return order->cum_qty;
    case 1:
        return order->cum_qty + 1;
    case 2:
        return total;
    case 3:
        return total - order->leaves_qty / 3;
    case 4:
        return total + 1 + random_below(&g->random, 20);
    case 5:
        return random_permille(&g->random, 200) ? 0 : order->cum_qty / 2 + 1;
    default:
        return generate_qty(g, order->instrument);
    }
}

/* change_rare changes what only some orders have, now and then of others. */
static void
change_rare(struct generator *g, struct cell_replace_detail *wish, const struct model_order *order)
{
    struct random *random = &g->random;
    const bool wrong = random_permille(random, 20);

    if ((order->place == MODEL_STOP || wrong) && random_permille(random, 500))
        wish->stop_px = generate_px(g, order->sell);
    if ((order->display_qty != 0 || wrong) && random_permille(random, 400))
        wish->display_qty = 1 + random_below(random, order->leaves_qty);
    if ((order->expire_ns != 0 || wrong) && random_permille(random, 400))
        wish->expire_time = g->model->time_ns + random_below(random, 20000000);
    if (wrong && random_permille(random, 300))
        wish->min_qty = 1;
}

void
generate_replace(struct generator *g, struct step *step)
{
    const struct model_order *order = generate_live(g);
    struct command_order wanted = generate_order(g);
    uint64_t orig_clord = wanted.clord + 1;

    if (order != NULL) {
        if (!random_permille(&g->random, 40)) {
            wanted.session = order->session;
            wanted.instrument = order->instrument;
        }
        wanted.qty = replaced_qty(g, order);
        wanted.px = generate_px(g, order->sell);
        if (random_permille(&g->random, 450))
            wanted.px = order->ord_type == OE_ORD_TYPE_PEGGED ? order->limit_px : order->px;
        if (order->ord_type == OE_ORD_TYPE_PEGGED && random_permille(&g->random, 400))
            wanted.px = 0;
        if (random_permille(&g->random, 300))
            wanted.clord = order->clord;
        orig_clord = order->clord;
    }
    step->command = command_replace(&wanted, orig_clord);
    if (order != NULL)
        change_rare(g, &step->command.cells[1].replace_detail, order);
    aim(g, step, order);
}

void
generate_mass_cancel(struct generator *g, struct step *step)
{
    struct random *random = &g->random;
    const struct command_order any = generate_order(g);
    const uint8_t scope = (uint8_t)random_below(random, 4);
    /* Without accounts that are known each is a group of its own. */
    const uint32_t groups = g->profile->no_risk ? ACCOUNTS : GROUPS;
    const uint32_t targets[] = {SESSIONS, ACCOUNTS, groups, FIRMS};
    const bool by_exchange = random_permille(random, 200);
    /* Now and then one that is not there. */
    const uint32_t target = random_below(random, targets[scope] + 1);

    step->command = command_mass_cancel(
        by_exchange ? CELL_SESSION : any.session, scope,
        scope == OE_MASS_CANCEL_SCOPE_SESSION && !by_exchange ? 0 : target, any.clord);

    struct cell_mass_cancel *req = &step->command.cells[0].mass_cancel;

    if (random_permille(random, 400))
        req->instrument = any.instrument;
    if (random_permille(random, 200))
        req->account = any.account;
    if (random_permille(random, 400))
        req->side = any.sell ? OE_SIDE_FILTER_SELL : OE_SIDE_FILTER_BUY;
    if (random_permille(random, 200))
        req->reason = OE_CANCEL_REASON_KILL_SWITCH;
}
