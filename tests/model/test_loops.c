/*
 * Goal: what ruined others in minutes is stopped within the number that was set. Method:
 * a sender that has lost its mind, before engine and model side by side.
 *
 * In 2012 a broker's router sent 4 million child orders for 212 parents, for it never
 * heard that they had filled. Here the router sends the same order again and again: as
 * orders, and as orders that fill.
 */
#include <criterion/criterion.h>

#include "tests/model/duo.h"

#define LOOP     1000u
#define ALLOWED  20u
#define MINUTE   UINT64_C(60000000000)
#define PRICE_PX (100 * PX_ONE)

static void
apply(struct duo *duo, const struct command *command)
{
    cr_assert(duo_apply(duo, command, 0), "%s", duo->complaint);
}

static void
must(struct duo *duo, const struct command *command)
{
    apply(duo, command);
    cr_assert_eq(duo_outcome(duo), 0, "%s", oe_reject_reason_name(duo_outcome(duo)));
}

/* venue has a router with account 0 and its counterpart with account 1. */
static struct duo *
venue(void)
{
    const struct engine_cfg cfg = duo_cfg();
    struct duo *duo = duo_new(&cfg);
    const struct command setup[] = {command_firm(0), command_group(0, 0), command_account(0, 0),
                                    command_account(1, 0), command_instrument(0)};

    for (size_t i = 0; i < ARRAY_LEN(setup); i++)
        must(duo, &setup[i]);
    for (uint16_t i = 0; i < 2; i++)
        cr_assert(duo_bind(duo, i, 0), "%s", duo->complaint);
    return duo;
}

static void
allow(struct duo *duo, uint8_t limit)
{
    struct command command = command_limit(OE_RISK_LEVEL_ACCOUNT, 0, limit, ALLOWED);

    command.cells[0].limit_set.window_ns = MINUTE;
    must(duo, &command);
}

/* child sends one more of the same order. */
static uint16_t
child(struct duo *duo, uint64_t clord)
{
    const struct command command =
        command_new(&(struct command_order){.qty = 1, .px = PRICE_PX, .clord = clord});

    apply(duo, &command);
    return duo_outcome(duo);
}

static uint32_t
loop(struct duo *duo, uint16_t reason)
{
    uint32_t accepted = 0;

    for (uint64_t i = 1; i <= LOOP; i++) {
        const uint16_t outcome = child(duo, i);

        accepted += outcome == 0;
        cr_assert(outcome == 0 || outcome == reason, "%s", oe_reject_reason_name(outcome));
        cr_assert_eq(outcome == 0, i <= ALLOWED);
    }
    return accepted;
}

Test(loops, same_order_again_and_again_is_stopped_within_n)
{
    struct duo *duo = venue();

    allow(duo, CELL_RISK_LIMIT_DUPLICATES);
    cr_expect_eq(loop(duo, OE_REJECT_REASON_DUPLICATIVE_ORDER), ALLOWED);
    cr_expect(duo_check(duo), "%s", duo->complaint);
    duo_free(duo);
}

Test(loops, order_loop_is_latched_within_n)
{
    struct duo *duo = venue();
    const struct command other = command_new(&(struct command_order){
        .account = 1, .session = 1, .sell = true, .qty = 2 * LOOP, .px = PRICE_PX, .clord = 1});
    const struct command enable = command_enable(OE_RISK_LEVEL_ACCOUNT, 0);

    allow(duo, CELL_RISK_LIMIT_EXECUTIONS);
    must(duo, &other);
    cr_expect_eq(loop(duo, OE_REJECT_REASON_ACCOUNT_LATCHED), ALLOWED);
    must(duo, &enable);
    cr_expect_eq(child(duo, 2 * LOOP), 0);
    cr_expect(duo_check(duo), "%s", duo->complaint);
    duo_free(duo);
}
