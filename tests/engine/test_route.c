/*
 * Goal: everybody who reads the journal gives each report the same session and
 * the same number. Method: each kind of message, who must get it and who must
 * not, and the three things that begin the numbers anew, each with its twin
 * that must not.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "engine/route.h"
#include "proto/limits.h"
#include "proto/orders.h"

#define SESSIONS 8u

static struct route *
route_new(void)
{
    const size_t bytes = route_footprint(SESSIONS);

    return route_init(aligned_alloc(CACHE_LINE, bytes), SESSIONS);
}

static union cell
message(unsigned kind, uint16_t session, uint16_t outcome)
{
    union cell cell = {.words = {0}};

    cell.order_new.kind = (uint8_t)kind;
    cell.order_new.shape = 1;
    cell.order_new.outcome = outcome;
    cell.order_new.session = session;
    return cell;
}

static union cell
negotiate(uint16_t session, uint8_t uuid, uint16_t outcome)
{
    union cell cell = message(CELL_KIND_SESSION_NEGOTIATE, session, outcome);

    memset(cell.session_negotiate.uuid, uuid, 16);
    return cell;
}

static union cell
restart(uint8_t ack_mode)
{
    union cell cell = message(CELL_KIND_RESTART, CELL_SESSION, 0);

    cell.restart.ack_mode = ack_mode;
    return cell;
}

/* pass gives the message to the route and returns the number of recipients. */
static unsigned
pass(struct route *route, union cell cell)
{
    struct route_recipient recipients[ROUTE_RECIPIENTS_MAX];

    return route_message(route, &cell, recipients);
}

/* use_up makes the session's next number no. */
static void
use_up(struct route *route, uint16_t session, uint64_t no)
{
    while (route_next_no(route, session) < no)
        cr_assert_eq(pass(route, message(CELL_KIND_ORDER_CANCELED, session, 0)), 1);
}

Test(route, footprint_refuses_sizes_out_of_range)
{
    cr_assert_eq(route_footprint(0), 0);
    cr_assert_neq(route_footprint(1), 0);
    cr_assert_neq(route_footprint(SESSIONS_MAX), 0);
    cr_assert_eq(route_footprint(SESSIONS_MAX + 1), 0);
}

Test(route, reports_of_one_recipient_are_numbered_from_1_per_session)
{
    static const uint8_t kinds[] = {
        CELL_KIND_ORDER_NEW,           CELL_KIND_ORDER_CANCEL,    CELL_KIND_ORDER_REPLACE,
        CELL_KIND_MESSAGE_REFUSED,     CELL_KIND_ORDER_CANCELED,  CELL_KIND_MASS_CANCELED,
        CELL_KIND_SESSION_NOT_APPLIED, CELL_KIND_MASS_QUOTE,      CELL_KIND_QUOTE_ENTRY,
        CELL_KIND_ORDER_RESTATED,      CELL_KIND_ORDER_TRIGGERED,
    };
    struct route *route = route_new();

    for (unsigned i = 0; i < ARRAY_LEN(kinds); i++) {
        for (uint16_t session = 2; session < 4; session++) {
            /* Accepted or refused: a report either way. */
            const uint16_t outcome = i % 2 == 0 ? 0 : OE_REJECT_REASON_UNKNOWN_ORDER;
            union cell cell = message(kinds[i], session, outcome);
            struct route_recipient recipients[ROUTE_RECIPIENTS_MAX];

            cr_assert_eq(route_message(route, &cell, recipients), 1, "kind %u", kinds[i]);
            cr_assert_eq(recipients[0].session, session);
            cr_assert_eq(recipients[0].no, i + 1);
            cr_assert(!recipients[0].maker);
        }
    }
    cr_assert_eq(route_next_no(route, 2), ARRAY_LEN(kinds) + 1);
    cr_assert_eq(route_next_no(route, 0), 1);
    free(route);
}

Test(route, other_messages_have_no_recipient)
{
    static const uint8_t kinds[] = {
        CELL_KIND_GENESIS,          CELL_KIND_CLOCK,           CELL_KIND_FIRM_SET,
        CELL_KIND_SESSION_SET,      CELL_KIND_SESSION_UNBIND,  CELL_KIND_SESSION_ESTABLISH,
        CELL_KIND_SESSION_SEQUENCE, CELL_KIND_ORDER_REFRESHED, CELL_KIND_INSTRUMENT_STATE_SET,
        CELL_KIND_JOURNAL_SPACE,
    };
    struct route *route = route_new();

    for (unsigned i = 0; i < ARRAY_LEN(kinds); i++)
        cr_assert_eq(pass(route, message(kinds[i], 1, 0)), 0, "kind %u", kinds[i]);
    cr_assert_eq(route_next_no(route, 1), 1);
    free(route);
}

Test(route, mass_cancel_is_reported_when_refused_or_complete)
{
    struct route *route = route_new();

    cr_assert_eq(pass(route, message(CELL_KIND_MASS_CANCEL, 1, 0)), 0);
    cr_assert_eq(pass(route, message(CELL_KIND_MASS_CANCELED, 1, 0)), 1);
    cr_assert_eq(pass(route, message(CELL_KIND_MASS_CANCEL, 1, OE_REJECT_REASON_SCOPE_NOT_ALLOWED)),
                 1);
    free(route);
}

Test(route, the_exchange_itself_gets_no_reports)
{
    struct route *route = route_new();

    cr_assert_eq(pass(route, message(CELL_KIND_ORDER_CANCELED, CELL_SESSION, 0)), 0);
    cr_assert_eq(pass(route, message(CELL_KIND_MASS_CANCELED, CELL_SESSION, 0)), 0);
    free(route);
}

static unsigned
trade(struct route *route, uint16_t taker, uint16_t maker, struct route_recipient *recipients)
{
    union cell cells[2] = {message(CELL_KIND_TRADE, taker, 0), {.words = {0}}};

    cells[0].trade.shape = 2;
    cells[1].trade_maker.kind = CELL_KIND_TRADE_MAKER;
    cells[1].trade_maker.session = maker;
    return route_message(route, cells, recipients);
}

Test(route, trade_goes_to_the_taker_and_then_to_the_maker)
{
    struct route *route = route_new();
    struct route_recipient recipients[ROUTE_RECIPIENTS_MAX];

    use_up(route, 5, 10);
    cr_assert_eq(trade(route, 3, 5, recipients), 2);
    cr_assert_eq(recipients[0].session, 3);
    cr_assert_eq(recipients[0].no, 1);
    cr_assert(!recipients[0].maker);
    cr_assert_eq(recipients[1].session, 5);
    cr_assert_eq(recipients[1].no, 10);
    cr_assert(recipients[1].maker);
    free(route);
}

Test(route, prevented_match_goes_to_both_like_a_trade)
{
    struct route *route = route_new();
    struct route_recipient recipients[ROUTE_RECIPIENTS_MAX];
    union cell cells[2] = {message(CELL_KIND_MATCH_PREVENTED, 3, 0), {.words = {0}}};

    cells[0].match_prevented.shape = 2;
    cells[1].trade_maker.kind = CELL_KIND_TRADE_MAKER;
    cells[1].trade_maker.session = 5;
    cr_assert_eq(route_message(route, cells, recipients), 2);
    cr_assert_eq(recipients[0].session, 3);
    cr_assert(!recipients[0].maker);
    cr_assert_eq(recipients[1].session, 5);
    cr_assert(recipients[1].maker);
    cells[1].trade_maker.session = 3;
    cr_assert_eq(route_message(route, cells, recipients), 2, "one session has a number for each");
    cr_assert_eq(recipients[0].no, 2);
    cr_assert_eq(recipients[1].no, 3);
    free(route);
}

Test(route, both_sides_of_a_trade_in_one_session_have_a_number_each)
{
    struct route *route = route_new();
    struct route_recipient recipients[ROUTE_RECIPIENTS_MAX];

    cr_assert_eq(trade(route, 3, 3, recipients), 2);
    cr_assert_eq(recipients[0].no, 1);
    cr_assert_eq(recipients[1].no, 2);
    cr_assert(recipients[1].maker);
    free(route);
}

Test(route, a_new_uuid_begins_the_numbers_of_its_session_alone)
{
    struct route *route = route_new();

    use_up(route, 1, 7);
    use_up(route, 2, 9);
    cr_assert_eq(pass(route, negotiate(1, 0xaa, 0)), 0);
    cr_assert_eq(route_next_no(route, 1), 1);
    cr_assert_eq(route_next_no(route, 2), 9);
    free(route);
}

Test(route, a_repeated_or_refused_negotiate_leaves_the_numbers_alone)
{
    struct route *route = route_new();

    pass(route, negotiate(1, 0xaa, 0));
    use_up(route, 1, 7);
    pass(route, negotiate(1, 0xaa, 0));
    cr_assert_eq(route_next_no(route, 1), 7);
    pass(route, negotiate(1, 0xbb, OE_REJECT_REASON_SESSION_DUPLICATE_ID));
    cr_assert_eq(route_next_no(route, 1), 7);
    pass(route, negotiate(1, 0xaa, 0));
    cr_assert_eq(route_next_no(route, 1), 7);
    pass(route, negotiate(1, 0xbb, 0));
    cr_assert_eq(route_next_no(route, 1), 1);
    free(route);
}

Test(route, restart_after_a_durable_run_goes_on)
{
    struct route *route = route_new();

    pass(route, restart(CELL_ACK_MODE_DURABLE));
    pass(route, negotiate(1, 0xaa, 0));
    use_up(route, 1, 7);
    /* It is the run that ended which counts, not the one that begins. */
    pass(route, restart(CELL_ACK_MODE_MEMORY));
    cr_assert_eq(route_next_no(route, 1), 7);
    pass(route, negotiate(1, 0xaa, 0));
    cr_assert_eq(route_next_no(route, 1), 7);
    free(route);
}

Test(route, restart_after_a_lossy_run_ends_all_flows)
{
    static const uint8_t modes[] = {CELL_ACK_MODE_INTERVAL, CELL_ACK_MODE_MEMORY};

    for (unsigned i = 0; i < ARRAY_LEN(modes); i++) {
        struct route *route = route_new();

        pass(route, restart(modes[i]));
        pass(route, negotiate(1, 0xaa, 0));
        use_up(route, 1, 7);
        use_up(route, 2, 3);
        pass(route, restart(CELL_ACK_MODE_DURABLE));
        cr_assert_eq(route_next_no(route, 1), 1);
        cr_assert_eq(route_next_no(route, 2), 1);
        /* Nothing is left of the UUID either: it is as new. */
        use_up(route, 1, 4);
        pass(route, negotiate(1, 0xaa, 0));
        cr_assert_eq(route_next_no(route, 1), 1);
        free(route);
    }
}

Test(route, a_refused_restart_ends_nothing)
{
    struct route *route = route_new();
    union cell refused = restart(CELL_ACK_MODE_DURABLE);

    pass(route, restart(CELL_ACK_MODE_MEMORY));
    pass(route, negotiate(1, 0xaa, 0));
    use_up(route, 1, 7);
    refused.restart.outcome = OE_REJECT_REASON_CONFIGURATION_CONFLICT;
    pass(route, refused);
    cr_assert_eq(route_next_no(route, 1), 7);
    /* Nor was its mode taken: the next one still follows a lossy run. */
    pass(route, restart(CELL_ACK_MODE_DURABLE));
    cr_assert_eq(route_next_no(route, 1), 1);
    free(route);
}

Test(route, session_out_of_range_is_corruption, .signal = SIGABRT)
{
    pass(route_new(), message(CELL_KIND_ORDER_NEW, SESSIONS, 0));
}

/* of_firm makes a session one of a firm, maybe as its drop copy. */
static void
of_firm(struct route *route, uint16_t session, uint32_t firm, bool drop_copy)
{
    const union cell cell = {.session_set = {.kind = CELL_KIND_SESSION_SET,
                                             .shape = 1,
                                             .firm = firm,
                                             .drop_copy = drop_copy,
                                             .session = session}};
    struct route_recipient recipients[ROUTE_RECIPIENTS_MAX];

    cr_assert_eq(route_message(route, &cell, recipients), 0);
}

Test(route, drop_copy_of_a_firm_comes_behind_each_of_its_recipients)
{
    struct route *route = route_new();
    struct route_recipient recipients[ROUTE_RECIPIENTS_MAX];

    of_firm(route, 3, 7, false);
    of_firm(route, 1, 7, true);
    of_firm(route, 5, 7, false); /* later than its copy */
    of_firm(route, 4, 8, false);
    cr_assert(route_is_drop_copy(route, 1));
    cr_assert_not(route_is_drop_copy(route, 3));
    cr_assert_eq(trade(route, 3, 5, recipients), 4);
    cr_assert_eq(recipients[0].session, 3);
    cr_assert_not(recipients[0].copy);
    cr_assert_eq(recipients[1].session, 1);
    cr_assert(recipients[1].copy);
    cr_assert_eq(recipients[1].of, 3);
    cr_assert_eq(recipients[1].no, 1);
    cr_assert_not(recipients[1].maker);
    cr_assert_eq(recipients[2].session, 5);
    cr_assert_eq(recipients[3].session, 1);
    cr_assert_eq(recipients[3].of, 5);
    cr_assert_eq(recipients[3].no, 2);
    cr_assert(recipients[3].maker);
    cr_assert_eq(trade(route, 4, 5, recipients), 3, "of another firm there is no copy");
    cr_assert_eq(recipients[0].session, 4);
    cr_assert_eq(recipients[2].no, 3);
    cr_assert_eq(pass(route, message(CELL_KIND_SESSION_NOT_APPLIED, 3, 0)), 1,
                 "what a session lost is nobody else's");
    free(route);
}

Test(route, what_the_gateway_answers_itself_is_not_copied)
{
    struct route *route = route_new();
    struct route_recipient recipients[ROUTE_RECIPIENTS_MAX];
    union cell cell = {
        .message_refused = {.kind = CELL_KIND_MESSAGE_REFUSED, .shape = 1, .session = 5}};

    of_firm(route, 1, 7, true);
    of_firm(route, 5, 7, false);
    cr_assert_eq(route_message(route, &cell, recipients), 1);
    cr_assert_eq(recipients[0].session, 5);
    cell.message_refused.reason = OE_REJECT_REASON_THROTTLED;
    cr_assert_eq(route_message(route, &cell, recipients), 2);
    cr_assert(recipients[1].copy);
}

Test(route, drop_copy_outlives_lossy_runs_and_a_refused_session_is_none)
{
    struct route *route = route_new();
    union cell refused = {.session_set = {.kind = CELL_KIND_SESSION_SET,
                                          .shape = 1,
                                          .outcome = OE_REJECT_REASON_CONFIGURATION_CONFLICT,
                                          .firm = 7,
                                          .drop_copy = 1,
                                          .session = 2}};

    of_firm(route, 3, 7, false);
    cr_assert_eq(pass(route, refused), 0);
    cr_assert_eq(pass(route, message(CELL_KIND_ORDER_CANCELED, 3, 0)), 1);
    of_firm(route, 1, 7, true);
    cr_assert_eq(pass(route, message(CELL_KIND_ORDER_CANCELED, 3, 0)), 2);
    cr_assert_eq(pass(route, restart(CELL_ACK_MODE_MEMORY)), 0);
    cr_assert_eq(pass(route, restart(CELL_ACK_MODE_MEMORY)), 0);
    cr_assert_eq(route_next_no(route, 1), 1);
    cr_assert_eq(pass(route, message(CELL_KIND_ORDER_CANCELED, 3, 0)), 2);
    free(route);
}
