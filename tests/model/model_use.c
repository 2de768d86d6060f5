/*
 * Checks of use: 19 to 27.
 */
#include "tests/model/model_parts.h"

static const struct model_limit *
limit_of(const struct model *model, uint32_t account, uint8_t limit)
{
    return &model->subjects[OE_RISK_LEVEL_ACCOUNT][account].limits[limit];
}

notional_t
model_may_reduce(const struct model *model, const struct model_question *question)
{
    const int64_t position = model->positions[question->account][question->instrument].qty;
    const notional_t held = question->sell ? position : -(notional_t)position;
    notional_t open =
        model_open_qty(model, question->account, question->instrument, question->sell);

    if (question->old != NULL)
        open -= question->old->leaves_qty;
    return held - open;
}

bool
model_reduces_only(const struct model *model, const struct model_question *question)
{
    return question->leaves_qty <= model_may_reduce(model, question);
}

/* check_holdings refuses a sell of what a covered account does not have. */
static uint16_t
check_holdings(struct model_question *question, int64_t position, notional_t open)
{
    if (open + question->leaves_qty <= position)
        return 0;
    return model_refuse(question, OE_REJECT_REASON_INSUFFICIENT_HOLDINGS,
                        OE_RISK_LEVEL_ACCOUNT_INSTRUMENT, question->account,
                        (notional_t[]){position, open, question->leaves_qty});
}

/* model_check_position is checks 19 and 20. A replace that asks for no more than before
 * is no question. */
uint16_t
model_check_position(const struct model *model, struct model_question *question)
{
    const struct model_position *position =
        &model->positions[question->account][question->instrument];
    const bool own = position->has_limit[question->sell];
    const int64_t set = own ? position->limits[question->sell]
                        : question->sell
                            ? limit_of(model, question->account, CELL_RISK_LIMIT_SHORT)->value
                            : limit_of(model, question->account, CELL_RISK_LIMIT_LONG)->value;
    /* No limit is the largest that can be set. */
    const int64_t max = set > (int64_t)POSITION_LIMIT_MAX ? (int64_t)POSITION_LIMIT_MAX : set;
    notional_t open =
        model_open_qty(model, question->account, question->instrument, question->sell);

    if (question->old != NULL) {
        if (question->leaves_qty <= question->old->leaves_qty)
            return 0;
        open -= question->old->leaves_qty;
    }
    if (question->sell && max > 0 && model->accounts[question->account].rule.covered != 0)
        return check_holdings(question, position->qty, open);

    const notional_t used = open + (question->sell ? -(notional_t)position->qty : position->qty);

    if (used + question->leaves_qty <= max)
        return 0;
    return model_refuse(question,
                        question->sell ? OE_REJECT_REASON_SHORT_POSITION_LIMIT
                                       : OE_REJECT_REASON_LONG_POSITION_LIMIT,
                        own ? OE_RISK_LEVEL_ACCOUNT_INSTRUMENT : OE_RISK_LEVEL_ACCOUNT,
                        question->account, (notional_t[]){max, used, question->leaves_qty});
}

/* in_window compares times as duplicates are timed: in units of 2^16 ns. */
static bool
in_window(uint64_t now_ns, uint64_t first_ns, uint64_t window_ns)
{
    return (now_ns >> 16) - (first_ns >> 16) <= window_ns >> 16;
}

/* is_equal says whether an order is one more of the run of equal ones. Without a limit
 * each begins a run. */
static bool
is_equal(const struct model *model, const struct model_question *question)
{
    const struct model_limit *limit =
        limit_of(model, question->account, CELL_RISK_LIMIT_DUPLICATES);
    const struct model_position *pair = &model->positions[question->account][question->instrument];

    return limit->value != MODEL_NONE && pair->equal_cnt > 0 &&
           pair->equal_sell == question->sell && pair->equal_px == question->px &&
           pair->equal_qty == question->qty &&
           in_window(model->time_ns, pair->equal_ns, limit->window_ns);
}

uint16_t
model_check_equals(const struct model *model, struct model_question *question)
{
    const struct model_limit *limit =
        limit_of(model, question->account, CELL_RISK_LIMIT_DUPLICATES);
    const struct model_position *pair = &model->positions[question->account][question->instrument];

    if (question->old != NULL || question->is_quote || limit->value == MODEL_NONE ||
        !is_equal(model, question) || pair->equal_cnt < limit->value)
        return 0;
    return model_refuse(question, OE_REJECT_REASON_DUPLICATIVE_ORDER, OE_RISK_LEVEL_ACCOUNT,
                        question->account, (notional_t[]){limit->value, pair->equal_cnt, 1});
}

/* model_note_equals remembers an accepted order and how many before it were equal. */
void
model_note_equals(struct model *model, const struct model_order *order)
{
    struct model_position *pair = &model->positions[order->account][order->instrument];
    const struct model_question question = {
        .instrument = order->instrument,
        .account = order->account,
        .px = order->hold_px,
        .qty = order->leaves_qty,
        .sell = order->sell,
    };

    if (is_equal(model, &question)) {
        pair->equal_cnt++;
        return;
    }
    pair->equal_cnt = 1;
    pair->equal_sell = order->sell;
    pair->equal_px = order->hold_px;
    pair->equal_qty = order->leaves_qty;
    pair->equal_ns = model->time_ns;
}

uint16_t
model_check_orders(const struct model *model, struct model_question *question)
{
    const uint8_t levels[] = {OE_RISK_LEVEL_SESSION, OE_RISK_LEVEL_ACCOUNT};
    const uint32_t ids[] = {question->session, question->account};

    if (question->old != NULL)
        return 0;
    for (unsigned i = 0; i < ARRAY_LEN(levels); i++) {
        if (ids[i] == CELL_SESSION)
            continue;

        const int64_t max =
            model->subjects[levels[i]][ids[i]].limits[CELL_RISK_LIMIT_OPEN_ORDERS].value;
        const notional_t used = model_use(model, levels[i], ids[i], CELL_RISK_LIMIT_OPEN_ORDERS);

        if (max != MODEL_NONE && used + 1 > max)
            return model_refuse(question, OE_REJECT_REASON_MAX_OPEN_ORDERS, levels[i], ids[i],
                                (notional_t[]){max, used, 1});
    }
    return 0;
}

/* check_upward compares a use with what the order adds to it, at each level. */
static uint16_t
check_upward(const struct model *model,
             struct model_question *question,
             uint8_t limit,
             uint16_t reason)
{
    const notional_t value = (notional_t)question->px * question->leaves_qty;
    notional_t before = 0;

    if (question->old != NULL)
        before = (notional_t)question->old->hold_px * question->old->leaves_qty;
    if (question->old != NULL && !question->is_elected && value <= before)
        return 0;
    if (limit == CELL_RISK_LIMIT_DAILY_NET)
        before = 0;
    for (unsigned i = 0; i < MODEL_UPWARD; i++) {
        const uint32_t id = model_id_at(model, model_upward[i], question->account);
        const int64_t max = model->subjects[model_upward[i]][id].limits[limit].value;
        notional_t used = model_use(model, model_upward[i], id, limit) - before;

        if (limit == CELL_RISK_LIMIT_DAILY_NET && question->sell)
            used = -used;
        if (max != MODEL_NONE && used + value > max)
            return model_refuse(question, reason, model_upward[i], id,
                                (notional_t[]){max, used, value});
    }
    return 0;
}

uint16_t
model_check_open(const struct model *model, struct model_question *question)
{
    return check_upward(model, question, CELL_RISK_LIMIT_OPEN_NOTIONAL,
                        OE_REJECT_REASON_OPEN_NOTIONAL);
}

uint16_t
model_check_gross(const struct model *model, struct model_question *question)
{
    return check_upward(model, question, CELL_RISK_LIMIT_DAILY_GROSS, OE_REJECT_REASON_DAILY_GROSS);
}

uint16_t
model_check_net(const struct model *model, struct model_question *question)
{
    return check_upward(model, question, CELL_RISK_LIMIT_DAILY_NET, OE_REJECT_REASON_DAILY_NET);
}

uint16_t
model_check_loss(const struct model *model, struct model_question *question)
{
    const int64_t max = limit_of(model, question->account, CELL_RISK_LIMIT_DAILY_LOSS)->value;
    const notional_t loss = -model->accounts[question->account].profit;

    if (max == MODEL_NONE || loss < max || model_reduces_only(model, question))
        return 0;
    return model_refuse(question, OE_REJECT_REASON_DAILY_LOSS, OE_RISK_LEVEL_ACCOUNT,
                        question->account, (notional_t[]){max, loss, 0});
}

uint16_t
model_check_cash(const struct model *model, struct model_question *question)
{
    const int64_t credit = limit_of(model, question->account, CELL_RISK_LIMIT_CREDIT)->value;
    const notional_t cash =
        model_cash_of(model, question->instrument, question->px, question->leaves_qty);
    notional_t before = 0;

    if (question->sell || credit == MODEL_NONE)
        return 0;
    if (question->old != NULL)
        before = model_cash_of(model, question->instrument, question->old->hold_px,
                               question->old->leaves_qty);
    if (question->old != NULL && !question->is_elected && cash <= before)
        return 0;

    const notional_t used = model_reserved_cash(model, question->account) - before -
                            model->accounts[question->account].balance;

    if (used + cash <= credit)
        return 0;
    return model_refuse(question, OE_REJECT_REASON_INSUFFICIENT_FUNDS, OE_RISK_LEVEL_ACCOUNT,
                        question->account, (notional_t[]){credit, used, cash});
}
