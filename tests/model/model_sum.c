/*
 * What counts against limits: sums over live orders and accounts.
 */
#include "tests/model/model_parts.h"

/* belongs says whether an order counts for a subject. */
static bool
belongs(const struct model *model, const struct model_order *order, uint8_t level, uint32_t id)
{
    if (level == OE_RISK_LEVEL_SESSION)
        return order->session == id;
    return model_id_at(model, level, order->account) == id;
}

static notional_t
open_value(const struct model *model, uint8_t level, uint32_t id)
{
    notional_t sum = 0;

    for (const struct model_order *o = model->live; o != NULL; o = o->next_live)
        if (belongs(model, o, level, id))
            sum += (notional_t)o->hold_px * o->leaves_qty;
    return sum;
}

/* An order that was filled just now is none any more. */
static notional_t
open_orders(const struct model *model, uint8_t level, uint32_t id)
{
    notional_t sum = 0;

    for (const struct model_order *o = model->live; o != NULL; o = o->next_live)
        sum += o->leaves_qty > 0 && belongs(model, o, level, id);
    return sum;
}

/* of_today sums up what the accounts of a subject bought and sold. */
static void
of_today(const struct model *model,
         uint8_t level,
         uint32_t id,
         notional_t *bought,
         notional_t *sold)
{
    *bought = *sold = 0;
    for (uint32_t i = 0; i < MODEL_ACCOUNTS; i++)
        if (model->accounts[i].known && model_id_at(model, level, i) == id) {
            *bought += model->accounts[i].bought;
            *sold += model->accounts[i].sold;
        }
}

notional_t
model_use(const struct model *model, uint8_t level, uint32_t id, uint8_t limit)
{
    notional_t bought, sold;

    if (model->cfg.no_risk)
        return 0;
    switch (limit) {
    case CELL_RISK_LIMIT_OPEN_ORDERS:
        return open_orders(model, level, id);
    case CELL_RISK_LIMIT_OPEN_NOTIONAL:
        return open_value(model, level, id);
    case CELL_RISK_LIMIT_DAILY_GROSS:
        of_today(model, level, id, &bought, &sold);
        return bought + sold + open_value(model, level, id);
    case CELL_RISK_LIMIT_DAILY_NET:
        of_today(model, level, id, &bought, &sold);
        return bought - sold;
    default:
        ASSERT(limit == CELL_RISK_LIMIT_DAILY_LOSS);
        return -model->accounts[id].profit;
    }
}

notional_t
model_fee_of_lot(px_t px, int32_t ppm)
{
    const notional_t parts = (notional_t)px * ppm;

    /* C rounds towards zero: up if it is a rebate. */
    return parts > 0 ? (parts + 999999) / 1000000 : parts / 1000000;
}

notional_t
model_cash_of(const struct model *model, uint32_t instrument, px_t px, qty_t qty)
{
    const notional_t maker = model_fee_of_lot(px, model->instruments[instrument].maker_ppm);
    const notional_t taker = model_fee_of_lot(px, model->instruments[instrument].taker_ppm);
    const notional_t higher = maker > taker ? maker : taker;

    return (px + (higher > 0 ? higher : 0)) * qty;
}

notional_t
model_reserved_cash(const struct model *model, uint32_t account)
{
    notional_t sum = 0;

    for (const struct model_order *o = model->live; o != NULL; o = o->next_live)
        if (o->account == account && !o->sell)
            sum += model_cash_of(model, o->instrument, o->hold_px, o->leaves_qty);
    return sum;
}

bool
model_conserves(const struct model *model)
{
    notional_t balances = 0, bought = 0, sold = 0;

    for (uint32_t i = 0; i < MODEL_ACCOUNTS; i++) {
        balances += model->accounts[i].balance;
        bought += model->accounts[i].bought;
        sold += model->accounts[i].sold;
    }
    return balances + model->fees == model->moved && bought == sold;
}
