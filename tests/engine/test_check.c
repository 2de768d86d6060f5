/*
 * Goal: what engine_check and reckon_check assert does not hold of a state that is wrong: each
 * invariant of docs/risk.md is found broken when it is broken, one at a time.
 * Method: a busy engine, in which all holds; a harm to its state; a check, which must end
 * the process. The harms are of a kind that nothing else adds up wrongly by.
 */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/reckon.h"
#include "engine/work.h"
#include "risk/state.h"

#include "tests/engine/harness_risk.h"

/* busy leaves orders, trades, positions and cash of accounts 0 and 1, both of the same
 * group, and of 2. */
static void
busy(struct harness *h)
{
    harness_init(h, NULL);
    for (uint32_t account = 0; account < 3; account++) {
        cr_assert_eq(harness_cash(h, account, CELL_MOVE_MODE_ADD, 1000), 0);
        cr_assert_eq(harness_units(h, account, 0, CELL_MOVE_MODE_ADD, 50), 0);
    }
    (void)harness_new(h, (struct harness_order){.clord = 1, .px = 10, .qty = 9, .account = 1});
    (void)harness_new(h, (struct harness_order){.clord = 2, .px = 9, .qty = 5});
    (void)harness_new(h, (struct harness_order){.clord = 3, .px = 8, .qty = 5, .session = 1});
    (void)harness_new(
        h, (struct harness_order){
               .clord = 4, .px = 10, .qty = 4, .session = 2, .account = 2, .sell = true});
    cr_assert_eq(harness_message_cnt(h, CELL_KIND_TRADE), 1);
    cr_assert_eq(engine_orders_cnt(h->engine), 3);
    engine_check(h->engine);
    reckon_check(h->reckon, h->engine);
}

/* pair_at returns the slot of an account in instrument 0. */
static uint32_t
pair_at(const struct risk *risk, uint32_t account)
{
    const uint32_t at = risk_pair_find(risk, account, 0);

    cr_assert_neq(risk->pairs[at].version, 0);
    return at;
}

/* move_units moves a unit from one account to another, rooms and all: sums stay. */
static void
fill_of_the_wrong_account(struct harness *h)
{
    struct risk *risk = h->engine->risk;
    const uint32_t from = pair_at(risk, 1);
    const uint32_t to = pair_at(risk, 0);

    risk->pairs[from].position_qty--;
    risk_room_add(&risk->pairs[from].room[0], 1);
    risk_room_add(&risk->pairs[from].room[1], -1);
    risk->pairs[to].position_qty++;
    risk_room_add(&risk->pairs[to].room[0], -1);
    risk_room_add(&risk->pairs[to].room[1], 1);
}

static void
cash_of_the_wrong_account(struct harness *h)
{
    struct risk *risk = h->engine->risk;

    risk->accounts_warm[0].balance++;
    risk->accounts[0].cash_room++;
    risk->accounts_warm[1].balance--;
    risk->accounts[1].cash_room--;
}

static void
bought_by_the_wrong_account(struct harness *h)
{
    struct risk *risk = h->engine->risk;

    cr_assert_gt(risk->accounts_warm[1].bought, 0);
    risk->accounts_warm[1].bought--;
    risk->accounts_warm[0].bought++;
}

static void
order_of_a_killed_session(struct harness *h)
{
    cr_assert_eq(harness_kill(h, OE_RISK_LEVEL_SESSION, 3, true), 0);
    for (uint32_t slot = 0; slot < h->engine->orders.used_cnt; slot++)
        if (order_is_live(&h->engine->orders.orders[slot]))
            h->engine->orders.orders[slot].session = 3;
}

static void
order_of_a_killed_account(struct harness *h)
{
    cr_assert_eq(harness_kill(h, OE_RISK_LEVEL_ACCOUNT, 3, true), 0);
    for (uint32_t slot = 0; slot < h->engine->orders.used_cnt; slot++)
        if (order_is_live(&h->engine->orders.orders[slot]))
            h->engine->orders.orders[slot].account = 3;
}

static void
order_of_a_blocked_account(struct harness *h)
{
    struct risk_subject *account = risk_subject_of(h->engine->risk, OE_RISK_LEVEL_ACCOUNT, 0);

    account->begun |= RISK_BEGUN_BLOCK;
}

static void
order_of_a_blocked_firm(struct harness *h)
{
    struct risk_subject *firm = risk_subject_of(h->engine->risk, OE_RISK_LEVEL_FIRM, 0);

    firm->begun |= RISK_BEGUN_BLOCK;
}

static void
count_of_the_wrong_session(struct harness *h)
{
    h->engine->sessions.at[1].orders_cnt--;
    h->engine->sessions.at[2].orders_cnt++;
}

static void
day_count_of_a_session(struct harness *h)
{
    cr_assert_gt(h->engine->sessions.at[1].day_orders_cnt, 0);
    h->engine->sessions.at[1].day_orders_cnt--;
}

static void
reservation_of_value(struct harness *h)
{
    h->engine->risk->accounts[0].party.room++;
}

static void
reservation_of_cash(struct harness *h)
{
    h->engine->risk->accounts[0].cash_room++;
}

static void
reservation_of_units(struct harness *h)
{
    risk_room_add(&h->engine->risk->pairs[pair_at(h->engine->risk, 0)].room[0], 1);
}

static void
use_of_a_group(struct harness *h)
{
    h->engine->risk->groups[0].party.room++;
}

static void
use_of_a_firm(struct harness *h)
{
    h->engine->risk->firms[0].bought++;
}

static void
cash_out_of_nothing(struct harness *h)
{
    h->engine->risk->accounts_warm[0].balance++;
    h->engine->risk->accounts[0].cash_room++;
}

static void
fees_that_nobody_paid(struct harness *h)
{
    h->engine->risk->fees++;
}

static void
units_out_of_nothing(struct harness *h)
{
    h->engine->risk->instruments[0].moved_qty++;
}

static const struct harm {
    const char *name;
    void (*harm)(struct harness *h);
    bool told; /* only who has read what the engine told can find it */
} harms[] = {
    {"a fill of the wrong account", fill_of_the_wrong_account, true},
    {"cash of the wrong account", cash_of_the_wrong_account, true},
    {"bought by the wrong account", bought_by_the_wrong_account, true},
    {"an order of a killed session", order_of_a_killed_session, true},
    {"an order of a killed account", order_of_a_killed_account, true},
    {"an order of a blocked account", order_of_a_blocked_account, false},
    {"an order of a blocked firm", order_of_a_blocked_firm, false},
    {"a count of the wrong session", count_of_the_wrong_session, false},
    {"a count of Day orders", day_count_of_a_session, false},
    {"a reservation of value", reservation_of_value, false},
    {"a reservation of cash", reservation_of_cash, false},
    {"a reservation of units", reservation_of_units, false},
    {"the use of a group", use_of_a_group, false},
    {"the use of a firm", use_of_a_firm, false},
    {"cash out of nothing", cash_out_of_nothing, false},
    {"fees that nobody paid", fees_that_nobody_paid, false},
    {"units out of nothing", units_out_of_nothing, false},
};

/* ends_by_abort does harm number idx in a process of its own and says whether the check
 * ended it. What it prints is not for people: it is right. */
static bool
ends_by_abort(unsigned idx)
{
    int status = 0;
    const pid_t pid = fork();

    cr_assert_geq(pid, 0);
    if (pid == 0) {
        struct harness h;

        (void)signal(SIGABRT, SIG_DFL);
        busy(&h);
        (void)close(STDERR_FILENO);
        harms[idx].harm(&h);
        if (harms[idx].told)
            reckon_check(h.reckon, h.engine);
        else
            engine_check(h.engine);
        _exit(0);
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

Test(check, a_state_that_is_wrong_is_found)
{
    for (unsigned i = 0; i < ARRAY_LEN(harms); i++)
        cr_expect(ends_by_abort(i), "%s was not found", harms[i].name);
}

/* Each is of one kind: what the state alone shows, and what only who has read the
 * engine's cells can see. */
Test(check, a_fill_of_the_wrong_account_adds_up)
{
    struct harness h;

    busy(&h);
    fill_of_the_wrong_account(&h);
    cash_of_the_wrong_account(&h);
    engine_check(h.engine);
    harness_fini(&h);
}

Test(check, reckoning_goes_on_with_an_engine_as_it_is)
{
    struct harness h;

    busy(&h);

    struct reckon *reckon = reckon_init(harness_map(reckon_footprint(&h.cfg)), &h.cfg);

    reckon_begin(reckon, h.engine);
    reckon_check(reckon, h.engine);
    (void)munmap(h.reckon, reckon_footprint(&h.cfg));
    h.reckon = reckon;
    (void)harness_new(&h,
                      (struct harness_order){
                          .clord = 9, .px = 8, .qty = 9, .session = 2, .account = 2, .sell = true});
    cr_assert_gt(harness_message_cnt(&h, CELL_KIND_TRADE), 0);
    harness_fini(&h);
}
