/*
 * Goal: over connections a session says each number once, ends with its connection,
 * and goes on over the next one without a report lost. Method: rig.h with a net of
 * connections: those that end at every stage, that are full, and clients that say
 * what they may not.
 */
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "gateway/client.h"
#include "gateway/gateway.h"
#include "proto/fixp.h"

#include "tests/gateway/rig.h"

#define PX 10000000000ll /* 100.00 */

static struct net_port *
wire_of(const struct rig_client *rc)
{
    return (struct net_port *)(void *)rc->port;
}

/* assert_whole: every report from 1 on, once and in order. */
static void
assert_whole(const struct rig_client *rc)
{
    for (uint32_t i = 0; i < rc->reports_cnt; i++)
        cr_assert_eq(rc->reports[i].no, i + 1);
}

/* unbind_reason returns why a session was unbound last. */
static unsigned
unbind_reason(const struct rig *rig)
{
    unsigned reason = UINT8_MAX;

    for (uint64_t i = 0; i < rig->log_cnt; i += cell_count(&rig->log[i])) {
        if (cell_kind(&rig->log[i]) == CELL_KIND_SESSION_UNBIND)
            reason = rig->log[i].session_unbind.reason;
    }
    return reason;
}

/* trade_rounds makes the sessions of two clients trade with each other. */
static void
trade_rounds(struct rig *rig, struct rig_client *buyer, struct rig_client *seller, unsigned cnt)
{
    for (unsigned i = 0; i < cnt; i++) {
        rig_order(rig, buyer, 1000 + i, false, PX);
        rig_run(rig, 1);
        rig_order(rig, seller, 1000 + i, true, PX);
        rig_run(rig, 1);
    }
}

Test(fixp_stream, numbers_are_said_once)
{
    struct rig *rig = rig_new_stream(1);
    struct rig_client *buyer = rig_connect(rig, 0, 0);
    struct rig_client *seller = rig_connect(rig, 1, 1);
    struct trap theirs = {.template_id = FIXP_SEQUENCE_ID, .from_server = true};
    struct trap ours = {.template_id = FIXP_SEQUENCE_ID};

    cr_assert_eq(client_state(buyer->client), CLIENT_ESTABLISHED);
    cr_assert_eq(client_state(seller->client), CLIENT_ESTABLISHED);
    trap_set(rig, &theirs);
    trade_rounds(rig, buyer, seller, 20);
    cr_assert_eq(theirs.seen_cnt, 0, "reports were counted on from EstablishmentAck");
    cr_assert_eq(buyer->reports_cnt, 40);
    cr_assert_eq(seller->reports_cnt, 40);
    trap_set(rig, &ours);
    trade_rounds(rig, buyer, seller, 20);
    cr_assert_eq(ours.seen_cnt, 0, "orders were counted on from the first burst");
    cr_assert_eq(buyer->reports_cnt, 80);
    assert_whole(buyer);
    assert_whole(seller);
    cr_assert_eq(rig_stats(rig).gaps, 0);
    cr_assert_eq(rig_stats(rig).duplicates, 0);
    cr_assert_eq(rig_stats(rig).retransmitted, 0);
    rig_free(rig);
}

/* Were an order of before lost with its connection, this one would pass for it: then its own
 * number would be told not to have come, and it would be sent again. */
Test(fixp_stream, message_before_the_first_sequence_ends_the_binding)
{
    struct rig *rig = rig_new_stream(17);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct oe_new_order_single order;
    uint8_t buf[CLIENT_MESSAGE_MAX];

    rig_order(rig, rc, 1, false, PX);
    rig_run(rig, 2);
    rig_cut(rc);
    rig_run(rig, 1);
    rc = rig_resume(rig, 0);
    client_order_new(&order);
    order.cl_ord_id = 3;
    order.price = PX;
    order.order_qty = 1;
    order.side = OE_SIDE_BUY;
    rig_raw(rig, rc->port, buf, oe_new_order_single_encode(buf, sizeof buf, &order));
    rig_run(rig, 2);
    cr_assert_eq(client_state(rc->client), CLIENT_CLOSED);
    cr_assert_not_null(strstr(client_error(rc->client), "a message before the first Sequence"),
                       "%s", client_error(rc->client));
    cr_assert_eq(rig_session_state(rig, 0), ENGINE_SESSION_NEGOTIATED);
    cr_assert_eq(engine_orders_cnt(rig->engine), 1);
    /* With its number it comes back. */
    rc = rig_resume(rig, 0);
    rig_order(rig, rc, 4, false, PX);
    rig_run(rig, 2);
    cr_assert_eq(rc->not_applied_cnt, 0);
    cr_assert_eq(engine_orders_cnt(rig->engine), 2);
    rig_free(rig);
}

Test(fixp_stream, several_orders_of_one_burst_are_taken)
{
    struct rig *rig = rig_new_stream(2);
    struct rig_client *rc = rig_connect(rig, 0, 0);

    for (unsigned i = 1; i <= 50; i++)
        cr_assert_eq(rig_order(rig, rc, i, false, PX), i);
    rig_run(rig, 2);
    cr_assert_eq(rc->reports_cnt, 50);
    assert_whole(rc);
    rig_free(rig);
}

Test(fixp_stream, session_ends_with_its_connection_and_resumes_over_another)
{
    struct rig *rig = rig_new_stream(3);
    struct rig_client *buyer = rig_connect(rig, 0, 0);
    struct rig_client *seller = rig_connect(rig, 1, 1);

    rig_order(rig, buyer, 1, false, PX);
    rig_run(rig, 1);
    rig_cut(buyer);
    rig_run(rig, 1);
    cr_assert_eq(rig_session_state(rig, 0), ENGINE_SESSION_NEGOTIATED, "it ended at once");
    cr_assert_eq(client_state(buyer->client), CLIENT_CLOSED);
    cr_assert_str_eq(client_error(buyer->client), "the connection to the exchange has ended");
    cr_assert_eq(rig_stats(rig).timeouts, 0);
    cr_assert_eq(unbind_reason(rig), CELL_UNBIND_REASON_LOST);

    /* What falls due meanwhile is kept. */
    rig_order(rig, seller, 2, true, PX);
    rig_run(rig, 1);
    cr_assert_eq(buyer->reports_cnt, 1);
    buyer = rig_resume(rig, 0);
    rig_run(rig, 1);
    cr_assert_eq(client_state(buyer->client), CLIENT_ESTABLISHED);
    cr_assert_eq(buyer->reports_cnt, 2);
    cr_assert_eq(rig_template(rig_last(buyer)), OE_EXECUTION_REPORT_TRADE_ID);

    /* Behind a retransmission the numbers are those of the flow again. */
    trade_rounds(rig, buyer, seller, 5);
    cr_assert_eq(buyer->reports_cnt, 12);
    assert_whole(buyer);
    assert_whole(seller);
    rig_free(rig);
}

Test(fixp_stream, connections_may_end_at_any_time)
{
    struct rig *rig = rig_new_stream(4);
    struct rig_client *seller = rig_connect(rig, 1, 1);
    struct rig_client *buyer = rig_connect(rig, 0, 0);
    uint64_t sent = 0;

    for (unsigned i = 0; i < 200; i++) {
        if (client_state(buyer->client) != CLIENT_ESTABLISHED)
            buyer = rig_resume(rig, 0);
        cr_assert_eq(client_state(buyer->client), CLIENT_ESTABLISHED, "round %u", i);
        rig_order(rig, buyer, ++sent, false, PX);
        rig_order(rig, seller, sent, true, PX);
        for (uint64_t steps = net_random(&rig->net.random) % 8; steps > 0; steps--)
            rig_step(rig, RIG_MS / 10);
        if (net_random(&rig->net.random) % 3 == 0)
            rig_cut(buyer);
        rig_step(rig, RIG_MS / 10);
    }
    if (client_state(buyer->client) != CLIENT_ESTABLISHED)
        buyer = rig_resume(rig, 0);
    rig_run(rig, 5);
    assert_whole(buyer);
    assert_whole(seller);
    cr_assert_eq(client_missing(buyer->client), 0);
    rig_free(rig);
}

Test(fixp_stream, session_finishes_over_connections_that_end_at_any_step)
{
    unsigned halves = 0;

    for (unsigned steps = 0; steps < 16; steps++) {
        struct rig *rig = rig_new_stream(40 + steps);
        struct rig_client *rc = rig_connect(rig, 0, 0);

        rig_order(rig, rc, 1, false, PX);
        client_finish(rc->client, rig->net.now_ns);
        for (unsigned i = 0; i < steps; i++)
            rig_step(rig, RIG_MS / 100);
        rig_cut(rc);
        rig_run(rig, 2);
        if (rig_session_state(rig, 0) != ENGINE_SESSION_IDLE) {
            halves++;
            rc = rig_resume(rig, 0);
            rig_run(rig, 1);
            cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED, "step %u: %s", steps,
                         client_error(rc->client));
            client_finish(rc->client, rig->net.now_ns);
            rig_run(rig, 5);
            cr_assert(client_finished(rc->client), "step %u", steps);
        }
        cr_assert_eq(rig_session_state(rig, 0), ENGINE_SESSION_IDLE, "step %u", steps);
        cr_assert_eq(rc->reports_cnt + rc->not_applied_cnt, 1, "step %u", steps);
        rc = rig_resume(rig, 0);
        cr_assert(strstr(client_error(rc->client), "Unnegotiated") != NULL, "step %u", steps);
        rig_free(rig);
    }
    cr_assert_gt(halves, 1);
    cr_assert_lt(halves, 16, "some were at the end before");
}

Test(fixp_stream, connection_needs_no_context)
{
    struct rig *rig = rig_new_stream(19);
    struct rig_client *rc;
    struct trap trap = {.template_id = FIXP_CONTEXT_ID};

    rig->require_context = true;
    rig_restart(rig, 0);
    rig->require_context = false; /* the client does not know */
    trap_set(rig, &trap);
    rc = rig_connect(rig, 0, 0);
    rig_order(rig, rc, 1, false, PX);
    rig_run(rig, 2);
    cr_assert_eq(trap.seen_cnt, 0);
    cr_assert_eq(rc->reports_cnt, 1);
    rig_free(rig);
}

Test(fixp_stream, terminate_ends_the_connection)
{
    struct rig *rig = rig_new_stream(5);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct trap trap = {.template_id = FIXP_TERMINATE_ID, .from_server = true};

    trap_set(rig, &trap);
    rig_order(rig, rc, 1, false, PX);
    client_terminate(rc->client, rig->net.now_ns);
    rig_run(rig, 2);
    cr_assert_eq(client_state(rc->client), CLIENT_CLOSED);
    cr_assert_str_eq(client_error(rc->client), "");
    cr_assert_eq(rc->reports_cnt, 1, "the report came before the farewell");
    cr_assert_eq(trap.seen_cnt, 1);
    cr_assert_not(wire_of(rc)->connected);
    cr_assert_eq(rig_session_state(rig, 0), ENGINE_SESSION_NEGOTIATED);
    rc = rig_resume(rig, 0);
    cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED);
    rig_free(rig);
}

Test(fixp_stream, silent_connection_is_taken_over_and_ended)
{
    struct rig *rig = rig_new_stream(6);
    struct rig_client *old = rig_connect(rig, 0, 0);
    struct trap trap = {.template_id = FIXP_TERMINATE_ID, .from_server = true};

    rig_order(rig, old, 1, false, PX);
    rig_run(rig, 1);
    old->frozen = true;
    rig_wait(rig, RIG_KEEPALIVE_MS + 10);
    trap_set(rig, &trap);

    struct client_cfg cfg = {
        .name = rig->sessions[0].name,
        .key = rig->sessions[0].key,
        .keepalive_ms = RIG_KEEPALIVE_MS,
        .resume = true,
        .resume_no = 2,
        .resume_next_report_no = 1,
    };

    memcpy(rig->clients[1].uuid, old->uuid, sizeof old->uuid);

    struct rig_client *new = rig_client_new(rig, 1, 0, &cfg);

    client_connect(new->client, rig->net.now_ns);
    rig_run(rig, 2);
    cr_assert_eq(client_state(new->client), CLIENT_ESTABLISHED);
    cr_assert_eq(new->reports_cnt, 1);
    cr_assert_eq(trap.seen_cnt, 1);
    cr_assert_not(wire_of(old)->connected);
    old->frozen = false;
    rig_run(rig, 1);
    cr_assert_eq(client_state(old->client), CLIENT_CLOSED);
    cr_assert_str_eq(client_error(old->client), "terminated by the exchange: taken over");
    rig_order(rig, new, 2, false, PX);
    rig_run(rig, 1);
    cr_assert_eq(new->reports_cnt, 2);
    rig_free(rig);
}

Test(fixp_stream, live_connection_is_not_taken_over)
{
    struct rig *rig = rig_new_stream(7);
    struct rig_client *old = rig_connect(rig, 0, 0);
    const struct rig_client *new;

    new = rig_connect(rig, 1, 0);
    cr_assert_eq(client_state(new->client), CLIENT_CLOSED);
    rig_order(rig, old, 1, false, PX);
    rig_run(rig, 1);
    cr_assert_eq(old->reports_cnt, 1);
    rig_free(rig);
}

Test(fixp_stream, reports_wait_behind_a_full_connection)
{
    struct rig *rig = rig_new_stream(8);
    struct rig_client *buyer = rig_connect(rig, 0, 0);
    struct rig_client *seller = rig_connect(rig, 1, 1);
    struct net_port *server = (struct net_port *)(void *)rig->server;

    rig_order(rig, buyer, 1, false, PX);
    rig_run(rig, 1);
    server->blocked = true;
    rig_order(rig, seller, 1, true, PX);
    for (unsigned i = 2; i < 200; i++)
        rig_order(rig, buyer, i, false, PX);
    rig_run(rig, 10);
    cr_assert_eq(buyer->reports_cnt, 1);
    server->blocked = false;
    rig_run(rig, 2);
    cr_assert_eq(buyer->reports_cnt, 200);
    cr_assert_eq(client_retransmits(buyer->client), 0);
    assert_whole(buyer);
    rig_free(rig);
}

Test(fixp_stream, who_was_too_slow_comes_back_with_its_number)
{
    struct rig *rig = rig_new_stream(9);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct net_port *server = (struct net_port *)(void *)rig->server;

    for (unsigned i = 1; i <= 100; i++)
        rig_order(rig, rc, i, false, PX);
    server->blocked = true;
    rig_run(rig, 5);
    rig_cut(rc); /* as the port does when its limit is reached */
    rig_run(rig, 1);
    server->blocked = false;
    rc = rig_resume(rig, 0);
    rig_wait(rig, 100);
    cr_assert_eq(rc->reports_cnt, 100);
    assert_whole(rc);
    rig_free(rig);
}

Test(fixp_stream, what_is_not_kept_any_more_ends_the_connection)
{
    struct rig *rig = rig_new_stream(10);
    struct rig_client *slow = rig_connect(rig, 0, 0);
    struct net_port *server = (struct net_port *)(void *)rig->server;

    server->blocked = true;
    for (unsigned i = 1; i <= RIG_RETRANSMIT / 40; i++) {
        for (unsigned k = 0; k < 41; k++)
            rig_order(rig, slow, 41 * i + k, false, PX);
        rig_run(rig, 1);
    }
    rig_wait(rig, 2);
    cr_assert_not(wire_of(slow)->connected);
    cr_assert_eq(slow->reports_cnt, 0, "nothing was left out silently");
    cr_assert_eq(rig_stats(rig).fell_behind, 1);
    cr_assert_eq(client_state(slow->client), CLIENT_CLOSED);
    cr_assert_eq(rig_session_state(rig, 0), ENGINE_SESSION_NEGOTIATED);
    rig_free(rig);
}

Test(fixp_stream, connection_that_ends_before_the_answer_binds_nobody_for_long)
{
    struct rig *rig = rig_new_stream(11);
    struct rig_client *rc = rig_client(rig, 0, 0);
    struct trap trap = {.template_id = FIXP_ESTABLISH_ID};

    rig->net.delay_ns = RIG_MS;
    trap_set(rig, &trap);
    client_connect(rc->client, rig->net.now_ns);
    while (trap.seen_cnt == 0)
        rig_step(rig, RIG_MS / 10);
    rig->hold_engine = true;
    rig_run(rig, 2);
    rig_cut(rc);
    rc->frozen = true;
    rig_run(rig, 2);
    cr_assert_eq(rig_session_state(rig, 0), ENGINE_SESSION_NEGOTIATED);
    rig->hold_engine = false;
    rig_step(rig, RIG_MS / 10);
    cr_assert_eq(rig_session_state(rig, 0), ENGINE_SESSION_BOUND);
    rig_run(rig, 20);
    cr_assert_eq(rig_session_state(rig, 0), ENGINE_SESSION_NEGOTIATED, "found silent at once");
    rc->frozen = false;
    rig_wait(rig, 300);
    cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED, "it has tried again: %d %s",
                 client_state(rc->client), client_error(rc->client));
    rig_order(rig, rc, 1, false, PX);
    rig_run(rig, 5);
    cr_assert_eq(rc->reports_cnt, 1);
    rig_free(rig);
}

Test(fixp_stream, lost_handshakes_are_begun_again)
{
    static const unsigned templates[] = {FIXP_NEGOTIATE_ID, FIXP_ESTABLISH_ID,
                                         FIXP_NEGOTIATION_RESPONSE_ID};

    for (unsigned i = 0; i < 3; i++) {
        struct rig *rig = rig_new_stream(12);
        struct rig_client *rc = rig_client(rig, 0, 0);
        struct trap trap = {.template_id = templates[i], .from_server = i == 2};

        rig->net.delay_ns = RIG_MS;
        trap_set(rig, &trap);
        client_connect(rc->client, rig->net.now_ns);
        while (trap.seen_cnt == 0)
            rig_step(rig, RIG_MS / 10);
        rig_cut(rc);
        rig_wait(rig, 400);
        cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED, "case %u: %s", i,
                     client_error(rc->client));
        rig_free(rig);
    }
}

Test(fixp_stream, orders_of_nobody_end_the_connection)
{
    struct rig *rig = rig_new_stream(13);
    struct rig_client *rc = rig_client(rig, 0, 0);
    const struct fixp_sequence msg = {.next_seq_no = 1};
    uint8_t buf[64];

    rc->frozen = true;
    rig_raw(rig, rc->port, buf, fixp_sequence_encode(buf, sizeof buf, &msg));
    cr_assert(wire_of(rc)->connected);
    rig_run(rig, 1);
    cr_assert_not(wire_of(rc)->connected);
    cr_assert_eq(rig_stats(rig).bad_session, 1);
    rig_free(rig);
}

Test(fixp_stream, numbers_seen_before_are_not_applied_again)
{
    struct rig *rig = rig_new_stream(14);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    const struct fixp_sequence back = {.next_seq_no = 2};
    uint8_t buf[64];

    for (unsigned i = 1; i <= 3; i++)
        rig_order(rig, rc, i, false, PX);
    rig_run(rig, 1);
    rig_raw(rig, rc->port, buf, fixp_sequence_encode(buf, sizeof buf, &back));
    for (unsigned i = 2; i <= 4; i++)
        rig_order(rig, rc, i, false, PX);
    rig_run(rig, 1);
    cr_assert_eq(rig_stats(rig).duplicates, 2);
    cr_assert_eq(rc->reports_cnt, 4);
    rig_free(rig);
}

Test(fixp_stream, numbers_left_out_are_not_applied)
{
    struct rig *rig = rig_new_stream(15);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    const struct fixp_sequence ahead = {.next_seq_no = 11};
    uint8_t buf[64];

    rig_raw(rig, rc->port, buf, fixp_sequence_encode(buf, sizeof buf, &ahead));
    rig_run(rig, 1);
    cr_assert_eq(rc->not_applied_from, 1);
    cr_assert_eq(rc->not_applied_cnt, 10);
    rig_free(rig);
}

Test(fixp_stream, sessions_resume_over_new_connections_after_a_restart)
{
    struct rig *rig = rig_new_stream(16);
    struct rig_client *buyer = rig_connect(rig, 0, 0);
    struct rig_client *seller = rig_connect(rig, 1, 1);

    trade_rounds(rig, buyer, seller, 10);
    for (unsigned i = 0; i < 3; i++) {
        const uint32_t had = buyer->reports_cnt;

        rig_restart(rig, 0);
        rig_run(rig, 1);
        cr_assert_eq(client_state(buyer->client), CLIENT_CLOSED);
        buyer = rig_resume(rig, 0);
        seller = rig_resume(rig, 1);
        trade_rounds(rig, buyer, seller, 10);
        cr_assert_eq(buyer->reports_cnt, had + 20);
    }
    assert_whole(buyer);
    assert_whole(seller);
    rig_free(rig);
}

Test(fixp_stream, drain_says_farewell_and_ends_connections)
{
    struct rig *rig = rig_new_stream(17);
    struct rig_client *rc = rig_connect(rig, 0, 0);

    rig_order(rig, rc, 1, false, PX);
    rig_run(rig, 1);
    gateway_stop(rig->gateway);
    rig_run(rig, 5);
    cr_assert(gateway_stopped(rig->gateway));
    cr_assert_eq(client_state(rc->client), CLIENT_CLOSED);
    cr_assert_str_eq(client_error(rc->client), "terminated by the exchange");
    cr_assert_not(wire_of(rc)->connected);
    rig_free(rig);
}
