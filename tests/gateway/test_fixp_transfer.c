/*
 * Goal: an order is applied at most once under its number, and its sender
 * learns which were not. Method: rig.h; datagrams that are lost, come twice, late
 * or in part, messages that mean nothing, rings and ports that are full.
 */
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "gateway/client.h"
#include "gateway/gateway.h"
#include "proto/fixp.h"

#include "tests/gateway/rig.h"

#define PX 10000000000ll /* 100.00 */

static void
assert_hash_unchanged(const struct rig *rig, struct hash128 before)
{
    cr_assert(hash128_equal(rig_hash(rig), before));
}

/* assert_in_order: the numbers of all reports, without a hole, NotApplied left
 * out, as its numbers are not given to on_report. */
static void
assert_in_order(const struct rig_client *rc)
{
    for (uint32_t i = 1; i < rc->reports_cnt; i++)
        cr_assert_gt(rc->reports[i].no, rc->reports[i - 1].no);
}

Test(fixp_transfer, orders_of_two_clients_trade)
{
    struct rig *rig = rig_new(1, 0, 0);
    struct rig_client *buyer = rig_connect(rig, 0, 0);
    struct rig_client *seller = rig_connect(rig, 1, 1);

    cr_assert_eq(client_state(buyer->client), CLIENT_ESTABLISHED);
    cr_assert_eq(client_state(seller->client), CLIENT_ESTABLISHED);
    cr_assert_eq(rig_order(rig, buyer, 1, false, PX), 1);
    rig_run(rig, 2);
    cr_assert_eq(buyer->reports_cnt, 1);
    cr_assert_eq(rig_template(rig_last(buyer)), OE_EXECUTION_REPORT_NEW_ID);
    cr_assert_eq(rig_order(rig, seller, 7, true, PX), 1);
    rig_run(rig, 2);
    cr_assert_eq(buyer->reports_cnt, 2);
    cr_assert_eq(seller->reports_cnt, 2);

    const struct oe_execution_report_trade *maker =
        oe_execution_report_trade_view(rig_last(buyer)->bytes, rig_last(buyer)->len);
    const struct oe_execution_report_trade *taker =
        oe_execution_report_trade_view(rig_last(seller)->bytes, rig_last(seller)->len);

    cr_assert_not_null(maker);
    cr_assert_not_null(taker);
    cr_assert_eq(maker->cl_ord_id, 1);
    cr_assert_eq(maker->aggressor, OE_AGGRESSOR_PASSIVE);
    cr_assert_eq(taker->cl_ord_id, 7);
    cr_assert_eq(taker->aggressor, OE_AGGRESSOR_AGGRESSIVE);
    cr_assert_eq(maker->trd_match_id, taker->trd_match_id);
    cr_assert_eq(rig_last(buyer)->no, 2);
    rig_free(rig);
}

Test(fixp_transfer, datagram_that_comes_twice_is_applied_once)
{
    struct rig *rig = rig_new(9, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct trap trap = {.template_id = FIXP_SEQUENCE_ID};

    trap_set(rig, &trap);
    rig_order(rig, rc, 1, false, PX);
    rig_run(rig, 2);
    cr_assert_eq(rc->reports_cnt, 1);

    const struct net_packet order = trap.last;
    const struct hash128 before = rig_hash(rig);

    rig_again(rig, &order);
    rig_again(rig, &order);
    cr_assert_eq(rc->reports_cnt, 1);
    cr_assert_eq(rig_stats(rig).duplicates, 2);
    assert_hash_unchanged(rig, before);
    cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED);
    rig_free(rig);
}

Test(fixp_transfer, newer_part_of_an_old_datagram_is_applied)
{
    struct rig *rig = rig_new(10, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct trap trap = {.template_id = FIXP_SEQUENCE_ID};

    trap_set(rig, &trap);
    rig_order(rig, rc, 1, false, PX);
    rig_run(rig, 2);

    /* Number 1 again, and behind it the same order as number 2. */
    struct net_packet both = trap.last;
    const size_t header = 8 + FIXP_SEQUENCE_BLOCK;
    const size_t order = both.len - header;

    memcpy(both.data + both.len, both.data + header, order);
    both.data[both.len + 8] = 2; /* its ClOrdID */
    both.len += (uint32_t)order;
    rig_again(rig, &both);
    cr_assert_eq(rig_stats(rig).duplicates, 1);
    cr_assert_eq(rig_stats(rig).messages, 2);
    cr_assert_eq(rc->reports_cnt, 2);
    cr_assert_eq(engine_orders_cnt(rig->engine), 2);
    rig_free(rig);
}

Test(fixp_transfer, numbers_that_never_came_are_told)
{
    struct rig *rig = rig_new(11, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct trap trap = {.template_id = FIXP_SEQUENCE_ID, .lose_cnt = 2};

    trap_set(rig, &trap);
    rig_order(rig, rc, 1, false, PX);
    rig_order(rig, rc, 2, false, PX);
    cr_assert_eq(rig_order(rig, rc, 3, false, PX), 3);
    rig_run(rig, 2);
    cr_assert_eq(rc->not_applied_from, 1);
    cr_assert_eq(rc->not_applied_cnt, 2);
    cr_assert_eq(rc->reports_cnt, 1);
    cr_assert_eq(rig_last(rc)->no, 2, "NotApplied was number 1");
    cr_assert_eq(rig_stats(rig).gaps, 2);
    /* What was not applied is sent again under a new number. */
    cr_assert_eq(rig_order(rig, rc, 1, false, PX), 4);
    rig_run(rig, 2);
    cr_assert_eq(rc->reports_cnt, 2);
    cr_assert_eq(engine_orders_cnt(rig->engine), 2);
    rig_free(rig);
}

Test(fixp_transfer, heartbeat_finds_the_last_order_missing)
{
    struct rig *rig = rig_new(12, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct trap trap = {.template_id = FIXP_SEQUENCE_ID, .lose_cnt = 1};

    trap_set(rig, &trap);
    rig_order(rig, rc, 1, false, PX);
    rig_wait(rig, RIG_KEEPALIVE_MS + 20);
    cr_assert_eq(rc->not_applied_cnt, 1);
    cr_assert_eq(rc->reports_cnt, 0);
    rig_free(rig);
}

Test(fixp_transfer, datagram_that_comes_too_late_is_not_applied)
{
    struct rig *rig = rig_new(13, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct trap trap = {.template_id = FIXP_SEQUENCE_ID, .lose_cnt = 1};

    trap_set(rig, &trap);
    rig_order(rig, rc, 1, false, PX);
    const struct net_packet late = trap.last;
    rig_order(rig, rc, 2, false, PX);
    rig_run(rig, 2);
    rig_again(rig, &late);
    cr_assert_eq(rc->not_applied_cnt, 1);
    cr_assert_eq(engine_orders_cnt(rig->engine), 1);
    rig_free(rig);
}

Test(fixp_transfer, context_serves_as_sequence_for_the_peers_own_session)
{
    struct rig *rig = rig_new(39, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct trap trap = {.template_id = FIXP_SEQUENCE_ID};
    struct fixp_context msg = {.next_seq_no = 2};
    uint8_t buf[256];
    size_t len;

    trap_set(rig, &trap);
    rig_order(rig, rc, 1, false, PX);
    rig_run(rig, 2);
    memcpy(msg.session_id, rc->uuid, 16);
    len = fixp_context_encode(buf, sizeof buf, &msg);
    memcpy(buf + len, trap.last.data + 16, trap.last.len - 16);
    buf[len + 8] = 9; /* ClOrdID */
    rig_raw(rig, rc->port, buf, len + trap.last.len - 16);
    rig_run(rig, 2);
    cr_assert_eq(rc->reports_cnt, 2);

    /* Of another session it is ignored, with all that follows. */
    buf[8]++;
    buf[24] = 3;
    buf[len + 8] = 10;
    rig_raw(rig, rc->port, buf, len + trap.last.len - 16);
    rig_run(rig, 2);
    cr_assert_eq(rc->reports_cnt, 2);
    cr_assert_eq(rig_stats(rig).bad_session, 1);
    cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED);
    rig_free(rig);
}

Test(fixp_transfer, orders_without_a_sequence_are_dropped)
{
    struct rig *rig = rig_new(40, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct trap trap = {.template_id = FIXP_SEQUENCE_ID};

    trap_set(rig, &trap);
    rig_order(rig, rc, 1, false, PX);
    rig_run(rig, 2);
    trap.last.data[16 + 8] = 2; /* ClOrdID */
    /* Twice, as the net may: there is no number to know the second by. */
    rig_raw(rig, rc->port, trap.last.data + 16, trap.last.len - 16);
    rig_raw(rig, rc->port, trap.last.data + 16, trap.last.len - 16);
    rig_run(rig, 2);
    cr_assert_eq(rc->reports_cnt, 1);
    cr_assert_eq(engine_orders_cnt(rig->engine), 1);
    cr_assert_eq(rig_stats(rig).bad_session, 2);
    cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED);
    rig_free(rig);
}

Test(fixp_transfer, unknown_message_is_refused_by_its_number)
{
    struct rig *rig = rig_new(41, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    const uint8_t unknown[16] = {8, 0, 99, 0, 100, 0};

    cr_assert_eq(client_send(rc->client, unknown, sizeof unknown), 1);
    cr_assert_eq(rig_order(rig, rc, 1, false, PX), 2);
    rig_run(rig, 2);

    const struct rig_report *report = &rc->reports[0];
    const struct oe_business_message_reject *msg =
        oe_business_message_reject_view(report->bytes, report->len);

    cr_assert_not_null(msg);
    cr_assert_eq(msg->ref_seq_num, 1);
    cr_assert_eq(msg->ref_template_id, 99);
    cr_assert_eq(msg->reject_reason, OE_REJECT_REASON_UNSUPPORTED_MESSAGE);
    cr_assert_eq(rig_stats(rig).refused, 1);
    /* Where it ends is not known, so what lay behind it was not read. */
    rig_wait(rig, RIG_KEEPALIVE_MS + 20);
    cr_assert_eq(rc->not_applied_from, 2);
    cr_assert_eq(rc->not_applied_cnt, 1);
    rig_free(rig);
}

Test(fixp_transfer, padding_behind_a_message_is_ignored)
{
    struct rig *rig = rig_new(42, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct trap trap = {.template_id = FIXP_SEQUENCE_ID, .lose_cnt = 1};

    trap_set(rig, &trap);
    rig_order(rig, rc, 1, false, PX);
    memset(trap.last.data + trap.last.len, 0, 12);
    trap.last.len += 12;
    rig_again(rig, &trap.last);
    cr_assert_eq(rc->reports_cnt, 1);
    cr_assert_eq(rig_stats(rig).bad_frame, 0);
    rig_free(rig);
}

Test(fixp_transfer, sequence_that_skips_too_much_ends_the_binding)
{
    struct rig *rig = rig_new(44, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct fixp_sequence msg = {.next_seq_no = 1 + (1ull << 31)};
    uint8_t buf[64];

    rig_raw(rig, rc->port, buf, fixp_sequence_encode(buf, sizeof buf, &msg));
    rig_run(rig, 2);
    cr_assert_eq(rc->not_applied_cnt, 1ull << 31);
    msg.next_seq_no = 2 + (2ull << 31);
    rig_raw(rig, rc->port, buf, fixp_sequence_encode(buf, sizeof buf, &msg));
    rig_run(rig, 2);
    cr_assert_eq(client_state(rc->client), CLIENT_CLOSED);
    cr_assert_eq(rc->not_applied_cnt, 1ull << 31);
    rig_free(rig);
}

Test(fixp_transfer, full_in_ring_stops_receiving)
{
    struct rig *rig = rig_new(50, 0, 256);
    struct rig_client *rc = rig_connect(rig, 0, 0);

    rig->hold_engine = true;
    for (uint64_t i = 1; i <= 300; i++) {
        rig_order(rig, rc, i, false, PX);
        rig_step(rig, RIG_MS / 100);
    }
    cr_assert_gt(rig_stats(rig).in_ring_full, 0);
    cr_assert_lt(rig_stats(rig).messages, 300);
    /* The network kept what was not received, so nothing is lost here. */
    rig->hold_engine = false;
    rig_run(rig, 20);
    cr_assert_eq(rc->reports_cnt, 300);
    cr_assert_eq(rc->not_applied_cnt, 0);
    assert_in_order(rc);
    rig_free(rig);
}

/* mass_cancels queues that many, all in one datagram. */
static void
mass_cancels(struct rig *rig, struct rig_client *rc, unsigned cnt)
{
    const struct oe_order_mass_cancel_request msg = {
        .cl_ord_id = 1,
        .security_id_filter = UINT32_MAX,
        .account_filter = UINT32_MAX,
        .mass_cancel_scope = OE_MASS_CANCEL_SCOPE_SESSION,
        .side_filter = OE_SIDE_FILTER_ANY,
        .target_group = OE_ORDER_MASS_CANCEL_REQUEST_TARGET_GROUP_NULL,
    };
    uint8_t buf[64];
    const size_t len = oe_order_mass_cancel_request_encode(buf, sizeof buf, &msg);

    for (unsigned i = 0; i < cnt; i++)
        cr_assert_gt(client_send(rc->client, buf, len), 0);
    client_flush(rc->client, rig->net.now_ns);
}

Test(fixp_transfer, what_the_in_ring_has_no_room_for_is_told)
{
    struct rig *rig = rig_new(57, 0, 64);
    struct rig_client *rc = rig_connect(rig, 0, 0);

    cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED);
    rig->hold_engine = true;
    mass_cancels(rig, rc, 30);
    rig_step(rig, RIG_MS / 10);
    mass_cancels(rig, rc, 36);
    rig_step(rig, RIG_MS / 10);
    /* Whatever comes next may be a command of 26 cells, and then an unbind. */
    cr_assert_eq(rig_stats(rig).messages, 38, "room for one message and an unbind is kept");
    cr_assert_gt(rig_stats(rig).in_ring_full, 0);
    rig->hold_engine = false;
    rig_wait(rig, RIG_KEEPALIVE_MS + 20);
    cr_assert_eq(rc->reports_cnt, 38);
    cr_assert_eq(rc->not_applied_from, 39);
    cr_assert_eq(rc->not_applied_cnt, 28);
    rig_free(rig);
}

Test(fixp_transfer, full_port_delays_reports)
{
    struct rig *rig = rig_new(51, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct net_port *server = (struct net_port *)(void *)rig->server;

    server->blocked = true;
    rig_order(rig, rc, 1, false, PX);
    rig_run(rig, 2);
    cr_assert_eq(rc->reports_cnt, 0);
    server->blocked = false;
    rig_run(rig, 2);
    cr_assert_eq(rc->reports_cnt, 1);
    cr_assert_eq(client_retransmits(rc->client), 0);
    rig_free(rig);
}

Test(fixp_transfer, full_port_of_the_client_queues_nothing_more)
{
    struct rig *rig = rig_new(52, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct net_port *port = (struct net_port *)(void *)rc->port;
    uint64_t last = 0;

    port->blocked = true;
    for (uint64_t i = 1; i <= 40; i++) {
        const uint64_t no = rig_order(rig, rc, i, false, PX);

        if (no == 0)
            break;
        last = no;
    }
    cr_assert_gt(last, 10);
    cr_assert_lt(last, 40);
    cr_assert_eq(client_next_no(rc->client), last + 1);
    port->blocked = false;
    rig_run(rig, 2);
    cr_assert_eq(rc->reports_cnt, last);
    rig_free(rig);
}

Test(fixp_transfer, client_that_was_closed_sends_nothing_more)
{
    struct rig *rig = rig_new(42, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct net_port *port = (struct net_port *)(void *)rc->port;
    struct fixp_terminate msg = {.code = FIXP_TERMINATION_CODE_UNSPECIFIED_ERROR};
    uint8_t buf[64];
    struct datagram datagram = {.data = buf,
                                .peer = {.ip = RIG_SERVER_IP, .udp_port = RIG_SERVER_PORT}};
    uint64_t sent_cnt;

    port->blocked = true;
    cr_assert_eq(rig_order(rig, rc, 1, false, PX), 1);
    memcpy(msg.session_id, rc->uuid, sizeof msg.session_id);
    datagram.len = (uint32_t)fixp_terminate_encode(buf, sizeof buf, &msg, NULL, 0);
    client_datagram(rc->client, &datagram, rig->net.now_ns);
    cr_assert_eq(client_state(rc->client), CLIENT_CLOSED);
    port->blocked = false;
    sent_cnt = rc->port->stats.tx_datagrams;
    client_flush(rc->client, rig->net.now_ns);
    cr_assert_eq(rc->port->stats.tx_datagrams, sent_cnt);

    /* Who comes back is told. */
    rc = rig_resume(rig, 0);
    cr_assert_eq(rig_order(rig, rc, 2, false, PX), 2);
    rig_run(rig, 2);
    cr_assert_eq(rc->not_applied_from, 1);
    cr_assert_eq(rc->not_applied_cnt, 1);
    rig_free(rig);
}
