/*
 * What a fill moves: position, cash, fees, the day and its profit against the mark.
 */
#include "tests/model/model_parts.h"

void
model_unlatch(struct model *model, uint32_t account)
{
    model_subject(model, OE_RISK_LEVEL_ACCOUNT, account)->is_latched = false;
    model->accounts[account].is_counting = false;
}

/* count_fill counts a fill in its window: the last of too many latches the
 * account. */
static void
count_fill(struct model *model, const struct model_order *order)
{
    struct model_account *account = &model->accounts[order->account];
    struct model_subject *subject = model_subject(model, OE_RISK_LEVEL_ACCOUNT, order->account);
    const struct model_limit *limit = &subject->limits[CELL_RISK_LIMIT_EXECUTIONS];

    if (limit->value == MODEL_NONE || subject->is_latched)
        return;
    if (!account->is_counting || model->time_ns - account->window_ns >= limit->window_ns) {
        account->is_counting = true;
        account->window_ns = model->time_ns;
        account->fills_cnt = 0;
    }
    account->fills_cnt++;
    if (account->fills_cnt < limit->value)
        return;
    subject->is_latched = true;
    model_add_due(model, &(struct model_due){
                             .level = OE_RISK_LEVEL_ACCOUNT,
                             .limit = CELL_RISK_LIMIT_EXECUTIONS,
                             .stage = CELL_RISK_STAGE_LATCHED,
                             .subject = order->account,
                             .instrument = order->instrument,
                             .value = limit->value,
                             .used = account->fills_cnt,
                         });
}

/* model_fill makes the order less by a fill and moves what it moves; the mark is
 * there. Returns the fee. */
px_t
model_fill(struct model *model, struct model_order *order, px_t px, qty_t qty, bool maker)
{
    const struct model_instrument *instrument = &model->instruments[order->instrument];
    const notional_t value = (notional_t)px * qty;

    order->cum_qty += qty;
    order->leaves_qty -= qty;
    if (model->cfg.no_risk)
        return 0;

    struct model_account *account = &model->accounts[order->account];
    const notional_t fee =
        model_fee_of_lot(px, maker ? instrument->maker_ppm : instrument->taker_ppm) * qty;
    const notional_t gain = (notional_t)(instrument->mark_px - px) * qty;

    account->balance += (order->sell ? value : -value) - fee;
    account->profit += (order->sell ? -gain : gain) - fee;
    *(order->sell ? &account->sold : &account->bought) += value;
    model->fees += fee;
    model->positions[order->account][order->instrument].qty +=
        order->sell ? -(int64_t)qty : (int64_t)qty;
    model_subject(model, OE_RISK_LEVEL_FIRM, model_account_firm(model, order->account))
        ->fills_cnt++;
    count_fill(model, order);
    model_commit(model, order->account, order->instrument);
    return model_clip(fee);
}

/* next_holder finds the account whose pair with the instrument came into use first, from
 * used_no on; MODEL_ACCOUNTS if there is none. */
static uint32_t
next_holder(const struct model *model, uint32_t instrument, uint32_t used_no)
{
    uint32_t next = MODEL_ACCOUNTS;

    for (uint32_t i = 0; i < MODEL_ACCOUNTS; i++) {
        const struct model_position *pair = &model->positions[i][instrument];

        if (pair->used && pair->used_no >= used_no &&
            (next == MODEL_ACCOUNTS || pair->used_no < model->positions[next][instrument].used_no))
            next = i;
    }
    return next;
}

/* model_mark moves a mark, and with it the profit of all who hold something. The first
 * mark is where they begin. */
void
model_mark(struct model *model, uint32_t at, px_t px)
{
    struct model_instrument *instrument = &model->instruments[at];
    const px_t before_px = instrument->mark_px;
    uint32_t i = next_holder(model, at, 0);

    instrument->mark_px = px;
    for (; before_px != 0 && i != MODEL_ACCOUNTS;
         i = next_holder(model, at, model->positions[i][at].used_no + 1)) {
        const int64_t qty = model->positions[i][at].qty;

        if (qty == 0)
            continue;
        model->accounts[i].profit += (notional_t)qty * (px - before_px);
        model_commit(model, i, 0);
    }
}
