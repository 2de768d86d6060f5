/*
 * Goal: what an order reserves is what it binds, at every moment; fills confirm it
 * exactly, with fees, and what is left over is free at once.
 * Method: numbers worked out by hand, then random sequences against naive sums over
 * the live orders.
 */
#include "tests/risk/ground.h"

static struct risk_cash
cash_of(const struct ground *g, uint32_t account)
{
    struct risk_cash cash;

    cr_assert(risk_cash_get(g->risk, account, &cash));
    return cash;
}

static enum oe_reject_reason
move_cash(struct ground *g, uint32_t account, int64_t amount, uint8_t mode)
{
    const struct cell_cash_move move = {.account = account, .amount = amount, .mode = mode};

    return risk_apply_cash(g->risk, &move);
}

static void
set_fees(struct ground *g, int32_t maker_ppm, int32_t taker_ppm)
{
    const struct cell_fee_set fee = {
        .instrument = GROUND_INSTRUMENT, .maker_ppm = maker_ppm, .taker_ppm = taker_ppm};

    cr_assert_eq(risk_apply_fee(g->risk, &fee), 0);
}

Test(money, cash_is_reserved_to_the_last_unit)
{
    struct ground g;

    ground_init(&g);
    set_fees(&g, -1000, 2000); /* of 1000: 2 a lot */
    ground_limit(&g, OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_CREDIT, 100);
    cr_assert_eq(move_cash(&g, 0, 9920, CELL_MOVE_MODE_ADD), 0);
    ground_taken(&g);
    cr_assert_eq(move_cash(&g, 0, 1, CELL_MOVE_MODE_ADD), 0);
    ground_taken(&g);
    cr_assert_eq(move_cash(&g, 0, -2, CELL_MOVE_MODE_ADD), 0);
    ground_refused(&g, OE_REJECT_REASON_INSUFFICIENT_FUNDS);
    ground_numbers(&g, OE_RISK_LEVEL_ACCOUNT, 100, -9919, 10020);
    g.order.sell = true;
    ground_taken(&g);
}

Test(money, improvement_is_free_at_the_fill)
{
    struct ground g;
    struct risk_hold taker;
    struct risk_hold maker;

    ground_init(&g);
    set_fees(&g, -1000, 2000);
    cr_assert_eq(move_cash(&g, 0, 20000, CELL_MOVE_MODE_SET), 0);
    ground_limit(&g, OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_CREDIT, 0);
    taker = ground_enter(&g);
    cr_assert(cash_of(&g, 0).free == 20000 - 10020);
    g.order.account = 2;
    g.order.sell = true;
    g.order.px = 900;
    maker = ground_enter(&g);
    cr_assert_eq(ground_fill(&g, &taker, 900, 4, false), 4 * 2); /* 1.8 a lot, up */
    cr_assert_eq(ground_fill(&g, &maker, 900, 4, true), 0);      /* 0.9 a lot, down */
    cr_assert(cash_of(&g, 0).balance == 20000 - 3600 - 8);
    cr_assert(cash_of(&g, 0).reserved == 6 * 1002);
    cr_assert(cash_of(&g, 2).balance == 3600);
    cr_assert(cash_of(&g, 0).fees == 8);
    risk_give_back(g.risk, &taker, 6);
    cr_assert(cash_of(&g, 0).reserved == 0);
    risk_conservation_check(g.risk);
}

Test(money, maker_gets_its_rebate)
{
    struct ground g;
    struct risk_hold maker;

    ground_init(&g);
    set_fees(&g, -5000, 5000);
    g.order.account = 2;
    g.order.sell = true;
    maker = ground_enter(&g);
    cr_assert_eq(ground_fill(&g, &maker, 1000, 10, true), -50);
    cr_assert(cash_of(&g, 2).balance == 10050);
}

Test(money, fee_out_of_range_is_refused)
{
    static const struct cell_fee_set bad[] = {
        {.instrument = GROUND_INSTRUMENT, .taker_ppm = -1},
        {.instrument = GROUND_INSTRUMENT, .taker_ppm = FEE_PPM_MAX + 1},
        {.instrument = GROUND_INSTRUMENT, .maker_ppm = FEE_PPM_MAX + 1},
        {.instrument = GROUND_INSTRUMENT, .maker_ppm = -2, .taker_ppm = 1},
        {.instrument = GROUND_INSTRUMENT, .maker_ppm = INT32_MIN, .taker_ppm = INT32_MAX},
        {.instrument = 6},
    };
    struct ground g;

    ground_init(&g);
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
        cr_assert_eq(risk_apply_fee(g.risk, &bad[i]), OE_REJECT_REASON_CONFIGURATION_RANGE,
                     "row %u", i);
}

Test(money, withdrawal_leaves_what_is_reserved)
{
    struct ground g;

    ground_init(&g);
    cr_assert_eq(move_cash(&g, 0, -5, CELL_MOVE_MODE_ADD), 0);
    cr_assert_eq(move_cash(&g, 0, 12000, CELL_MOVE_MODE_SET), 0);
    ground_limit(&g, OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_CREDIT, 0);
    (void)ground_enter(&g);
    cr_assert_eq(move_cash(&g, 0, -2001, CELL_MOVE_MODE_ADD),
                 OE_REJECT_REASON_CONFIGURATION_CONFLICT);
    cr_assert_eq(move_cash(&g, 0, 9999, CELL_MOVE_MODE_SET),
                 OE_REJECT_REASON_CONFIGURATION_CONFLICT);
    cr_assert_eq(move_cash(&g, 0, -2000, CELL_MOVE_MODE_ADD), 0);
    cr_assert(cash_of(&g, 0).free == 0);
    cr_assert_eq(move_cash(&g, 4, 1, CELL_MOVE_MODE_ADD), OE_REJECT_REASON_CONFIGURATION_RANGE);
    cr_assert_eq(move_cash(&g, 0, 1, 2), OE_REJECT_REASON_CONFIGURATION_RANGE);
    risk_conservation_check(g.risk);
}

Test(money, balance_has_an_end)
{
    struct ground g;
    unsigned long moves_cnt = 0;

    ground_init(&g);
    /* Trades alone bring a balance near 2^100: a few of the largest. */
    g.instrument = (struct cell_instrument_set){
        .instrument = 8, .symbol = "BIG", .tick_px = PX_MAX, .lot_qty = 1};
    ground_instrument(&g);
    g.order.instrument = 8;
    while (cash_of(&g, 0).balance < (notional_t)1 << 100) {
        ground_trade(&g, 0, true, PX_MAX, UINT32_MAX);
        moves_cnt++;
    }
    cr_assert_leq(moves_cnt, 40);
    cr_assert_eq(move_cash(&g, 0, INT64_MAX, CELL_MOVE_MODE_ADD),
                 OE_REJECT_REASON_CONFIGURATION_CONFLICT);
    cr_assert_eq(move_cash(&g, 0, INT64_MAX, CELL_MOVE_MODE_SET), 0);
    risk_conservation_check(g.risk);
}

Test(money, refused_replace_keeps_its_cash)
{
    struct ground g;

    ground_init(&g);
    cr_assert_eq(move_cash(&g, 0, 15000, CELL_MOVE_MODE_SET), 0);
    ground_limit(&g, OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_CREDIT, 0);

    struct risk_hold hold = ground_enter(&g);

    for (qty_t qty = 16; qty >= 14; qty--) {
        const struct hash128 before = ground_hash(&g);

        ground_qty(&g, qty);

        const enum oe_reject_reason reason =
            risk_check_amend(g.risk, &g.order, &hold, &g.ticket, &g.detail);

        cr_assert(hash128_equal(before, ground_hash(&g)));
        if (qty == 16) {
            cr_assert_eq(reason, OE_REJECT_REASON_INSUFFICIENT_FUNDS);
            ground_numbers(&g, OE_RISK_LEVEL_ACCOUNT, 0, -15000, 16000);
            continue;
        }
        cr_assert_eq(reason, 0);
        risk_reserve_amend(g.risk, &g.order, &hold, &g.ticket);
        hold.leaves_qty = qty;
        cr_assert(cash_of(&g, 0).reserved == qty * 1000);
    }
    risk_account_check(g.risk, 0, &(struct risk_sums){14000, 14000, 1});
}

Test(money, replace_counts_what_it_has_as_free)
{
    struct ground g;
    struct risk_hold hold;

    ground_init(&g);
    ground_limit(&g, OE_RISK_LEVEL_GROUP, CELL_RISK_LIMIT_OPEN_NOTIONAL, 12000);
    hold = ground_enter(&g);
    ground_qty(&g, 12);
    cr_assert_eq(risk_check_amend(g.risk, &g.order, &hold, &g.ticket, &g.detail), 0);
    ground_qty(&g, 13);
    cr_assert_eq(risk_check_amend(g.risk, &g.order, &hold, &g.ticket, &g.detail),
                 OE_REJECT_REASON_OPEN_NOTIONAL);
    ground_numbers(&g, OE_RISK_LEVEL_GROUP, 12000, 0, 13000);
    ground_limit(&g, OE_RISK_LEVEL_GROUP, CELL_RISK_LIMIT_OPEN_NOTIONAL, 5000);
    ground_limit(&g, OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_LONG, 5);
    ground_qty(&g, 10);
    cr_assert_eq(risk_check_amend(g.risk, &g.order, &hold, &g.ticket, &g.detail), 0);
    ground_qty(&g, 9);
    cr_assert_eq(risk_check_amend(g.risk, &g.order, &hold, &g.ticket, &g.detail), 0);
    ground_qty(&g, 11);
    cr_assert_eq(risk_check_amend(g.risk, &g.order, &hold, &g.ticket, &g.detail),
                 OE_REJECT_REASON_LONG_POSITION_LIMIT);
}

Test(money, elected_stop_is_asked_for_its_limit)
{
    struct ground g;
    struct risk_hold hold;

    ground_init(&g);
    cr_assert_eq(move_cash(&g, 0, 11000, CELL_MOVE_MODE_SET), 0);
    ground_limit(&g, OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_CREDIT, 0);
    g.order.stop = true;
    hold = ground_enter(&g);

    const struct hash128 before = ground_hash(&g);

    cr_assert_not(risk_check_elected(g.risk, &hold, 1105));
    cr_assert(hash128_equal(before, ground_hash(&g)));
    cr_assert(risk_check_elected(g.risk, &hold, 1100));
    cr_assert(cash_of(&g, 0).free == 0);
    risk_account_check(g.risk, 0, &(struct risk_sums){11000, 11000, 1});
}

/* Random orders of all accounts, and what each has. */
#define LIVE_MAX 200u

struct crowd {
    struct ground g;
    struct risk_hold holds[LIVE_MAX];
    uint32_t accounts[LIVE_MAX];
    unsigned cnt;
    uint64_t seed;
    unsigned taken_cnt;
    unsigned refused_cnt;
};

static uint32_t
draw(struct crowd *crowd, uint32_t below)
{
    crowd->seed = crowd->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(crowd->seed >> 33) % below;
}

static void
crowd_drop(struct crowd *crowd, unsigned at)
{
    crowd->cnt--;
    crowd->holds[at] = crowd->holds[crowd->cnt];
    crowd->accounts[at] = crowd->accounts[crowd->cnt];
}

static void
crowd_enter(struct crowd *crowd)
{
    struct ground *g = &crowd->g;

    if (crowd->cnt == LIVE_MAX)
        return;
    g->order.account = draw(crowd, GROUND_ACCOUNTS);
    g->order.sell = draw(crowd, 2) != 0;
    g->order.px = 900 + (px_t)draw(crowd, 40) * GROUND_TICK;
    ground_qty(g, 1 + draw(crowd, 20));
    if (ground_ask(g) != OE_REJECT_REASON_NONE) {
        crowd->refused_cnt++;
        return;
    }
    crowd->taken_cnt++;
    risk_reserve_new(g->risk, &g->order, &g->ticket);
    crowd->accounts[crowd->cnt] = g->order.account;
    crowd->holds[crowd->cnt++] = (struct risk_hold){.position = g->ticket.position,
                                                    .leaves_qty = g->order.leaves_qty,
                                                    .px = g->ticket.px,
                                                    .sell = g->order.sell};
}

static void
crowd_amend(struct crowd *crowd, unsigned at)
{
    struct ground *g = &crowd->g;
    struct risk_hold *hold = &crowd->holds[at];

    g->order.account = crowd->accounts[at];
    g->order.sell = hold->sell;
    g->order.px = 900 + (px_t)draw(crowd, 40) * GROUND_TICK;
    ground_qty(g, 1 + draw(crowd, 20));
    g->order.qty += draw(crowd, 5);
    if (risk_check_amend(g->risk, &g->order, hold, &g->ticket, &g->detail) !=
        OE_REJECT_REASON_NONE) {
        crowd->refused_cnt++;
        return;
    }
    risk_reserve_amend(g->risk, &g->order, hold, &g->ticket);
    hold->leaves_qty = g->order.leaves_qty;
    hold->px = g->ticket.px;
}

/* crowd_cross lets a buy and a sell that cross trade at a price between. */
static void
crowd_cross(struct crowd *crowd, unsigned a, unsigned b)
{
    struct risk_hold *buy = &crowd->holds[a];
    struct risk_hold *sell = &crowd->holds[b];
    struct ground *g = &crowd->g;

    if (buy->sell || !sell->sell || buy->px < sell->px)
        return;

    const px_t px = draw(crowd, 2) != 0 ? buy->px : sell->px;
    const qty_t most = buy->leaves_qty < sell->leaves_qty ? buy->leaves_qty : sell->leaves_qty;
    const qty_t qty = 1 + draw(crowd, most);

    (void)ground_fill(g, buy, px, qty, px == buy->px);
    (void)ground_fill(g, sell, px, qty, px != buy->px);
    if (buy->leaves_qty == 0 && sell->leaves_qty == 0) {
        crowd_drop(crowd, a > b ? a : b);
        crowd_drop(crowd, a > b ? b : a);
    } else if (buy->leaves_qty == 0) {
        crowd_drop(crowd, a);
    } else if (sell->leaves_qty == 0) {
        crowd_drop(crowd, b);
    }
}

static void
crowd_cancel(struct crowd *crowd, unsigned at)
{
    struct risk_hold *hold = &crowd->holds[at];
    const qty_t qty = 1 + draw(crowd, hold->leaves_qty);

    risk_give_back(crowd->g.risk, hold, qty);
    hold->leaves_qty -= qty;
    if (hold->leaves_qty == 0)
        crowd_drop(crowd, at);
}

/* crowd_configure changes one limit or another, to tight or to none. */
static void
crowd_configure(struct crowd *crowd)
{
    static const uint8_t limits[] = {
        CELL_RISK_LIMIT_ORDER_QTY,   CELL_RISK_LIMIT_ORDER_VALUE, CELL_RISK_LIMIT_OPEN_NOTIONAL,
        CELL_RISK_LIMIT_DAILY_GROSS, CELL_RISK_LIMIT_DAILY_NET,
    };
    static const int64_t values[] = {15, 15000, 200000, 900000, 60000};
    const unsigned i = draw(crowd, ARRAY_LEN(limits));
    struct cell_limit_set cell =
        ground_limit_cell((uint8_t)(OE_RISK_LEVEL_ACCOUNT + draw(crowd, 3)), limits[i],
                          draw(crowd, 4) == 0 ? RISK_LIMIT_OFF : values[i] + draw(crowd, 50));

    cell.subject = draw(crowd, cell.level == OE_RISK_LEVEL_ACCOUNT ? GROUND_ACCOUNTS : 2);
    if (risk_limit_has_stages(cell.level, cell.limit))
        cell.warn_permille = (uint16_t)draw(crowd, 1000);
    cr_assert_eq(risk_apply_limit(crowd->g.risk, NULL, &cell, &ground_author), 0);
}

/* crowd_check holds what risk counts against sums over what lives. */
static void
crowd_check(const struct crowd *crowd)
{
    const struct risk *risk = crowd->g.risk;
    const struct risk_fees fees = risk_fees_of(risk, GROUND_INSTRUMENT);

    for (uint32_t account = 0; account < GROUND_ACCOUNTS; account++) {
        struct risk_sums sums = {.value = 0};
        struct risk_position position = {.position_qty = 0};
        uint64_t open_qty[2] = {0, 0};

        for (unsigned i = 0; i < crowd->cnt; i++) {
            const struct risk_hold *hold = &crowd->holds[i];

            if (crowd->accounts[i] != account)
                continue;
            sums.value += px_mul_qty(hold->px, hold->leaves_qty);
            sums.cash += risk_cash_of(hold->px, hold->leaves_qty, hold->sell, fees);
            sums.orders_cnt++;
            open_qty[hold->sell] += hold->leaves_qty;
        }
        risk_account_check(risk, account, &sums);
        (void)risk_position_get(risk, account, GROUND_INSTRUMENT, &position);
        cr_assert_eq(position.open_buy_qty, open_qty[0]);
        cr_assert_eq(position.open_sell_qty, open_qty[1]);
    }
    risk_conservation_check(risk);
}

Test(money, random_orders_reserve_what_naive_sums_say)
{
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct crowd crowd = {.seed = seed};
        struct ground *g = &crowd.g;

        ground_init(g);
        set_fees(g, seed % 2 == 0 ? -700 : 300, 1500);
        for (uint32_t i = 0; i < GROUND_ACCOUNTS; i++) {
            struct cell_limit_set cell =
                ground_limit_cell(OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_CREDIT, 30000);

            cell.subject = i;
            cr_assert_eq(risk_apply_limit(g->risk, NULL, &cell, NULL), 0);
            cell = ground_limit_cell(OE_RISK_LEVEL_ACCOUNT, CELL_RISK_LIMIT_LONG, 150);
            cell.subject = i;
            cr_assert_eq(risk_apply_limit(g->risk, NULL, &cell, NULL), 0);
            cr_assert_eq(move_cash(g, i, 50000, CELL_MOVE_MODE_SET), 0);
        }
        for (unsigned step = 0; step < 4000; step++) {
            const uint32_t what = draw(&crowd, 100);

            if (what < 40 || crowd.cnt < 2)
                crowd_enter(&crowd);
            else if (what < 55)
                crowd_amend(&crowd, draw(&crowd, crowd.cnt));
            else if (what < 85)
                crowd_cross(&crowd, draw(&crowd, crowd.cnt), draw(&crowd, crowd.cnt));
            else if (what < 97)
                crowd_cancel(&crowd, draw(&crowd, crowd.cnt));
            else
                crowd_configure(&crowd);
            crowd_check(&crowd);
        }
        ground_drain(g);
        cr_assert_gt(crowd.taken_cnt, 100);
        cr_assert_gt(crowd.refused_cnt, 100);
    }
}
