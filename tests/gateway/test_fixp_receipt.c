/*
 * Goal: a session that asks for latency receipts, and no other, learns of each burst
 * when its first report was received, sequenced, matched, durable and sent; receipts
 * have no number, come once, and change nothing about the reports. Method: rig.h, in
 * virtual time, with an engine and a disk that are held at moments that are known.
 */
#include <string.h>

#include <criterion/criterion.h>

#include "proto/fixp.h"

#include "tests/gateway/rig.h"

#define PX           10000000000ll /* 100.00 */
#define SEND_AFTER   7u
#define RECEIPTS_MAX 256u
#define NOTHING      UINT64_MAX

/* What the client of this test was told; a test has one that asks. */
static struct {
    struct oe_latency_receipt receipts[RECEIPTS_MAX];
    unsigned cnt;
} told;

static void
on_receipt(void *ctx, const struct oe_latency_receipt *receipt)
{
    (void)ctx;
    cr_assert_lt(told.cnt, RECEIPTS_MAX);
    told.receipts[told.cnt++] = *receipt;
}

/* connect_asking is rig_connect of a client that wants receipts, and waits for the
 * answer to that. */
static struct rig_client *
connect_asking(struct rig *rig, unsigned i, uint16_t session)
{
    struct client_cfg cfg = {
        .name = rig->sessions[session].name,
        .key = rig->sessions[session].key,
        .keepalive_ms = RIG_KEEPALIVE_MS,
        .on_receipt = on_receipt,
    };
    struct rig_client *rc = rig_client_new(rig, i, session, &cfg);

    told.cnt = 0;
    rig->send_after = SEND_AFTER;
    client_connect(rc->client, rig->net.now_ns);
    rig_run(rig, 5);
    cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED);
    return rc;
}

static const struct oe_latency_receipt *
last(void)
{
    cr_assert_gt(told.cnt, 0);
    return &told.receipts[told.cnt - 1];
}

/* transact_time is that of a report that an order was accepted. */
static uint64_t
transact_time(const struct rig_report *report)
{
    const struct oe_execution_report_new *msg =
        oe_execution_report_new_view(report->bytes, report->len);

    cr_assert_not_null(msg);
    return msg->transact_time;
}

static void
assert_ascending(const struct oe_latency_receipt *receipt)
{
    cr_assert_leq(receipt->receive_time, receipt->sequenced_time);
    cr_assert_leq(receipt->sequenced_time, receipt->matched_time);
    cr_assert_leq(receipt->matched_time, receipt->durable_time);
    cr_assert_leq(receipt->durable_time, receipt->send_time);
    cr_assert_lt(receipt->send_time, NOTHING);
}

/* request puts a LatencyReceiptRequest at buf. */
static size_t
request(const struct rig_client *rc, uint8_t mode, uint8_t *buf, size_t cap)
{
    struct oe_latency_receipt_request msg = {.latency_receipts = mode};

    memcpy(msg.session_id, rc->uuid, sizeof msg.session_id);
    return oe_latency_receipt_request_encode(buf, cap, &msg);
}

Test(fixp_receipt, reports_carry_the_time_at_which_the_datagram_came)
{
    struct rig *rig = rig_new(501, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);

    rig->hold_engine = true;
    rig_order(rig, rc, 1, false, PX);
    rig_step(rig, RIG_MS);

    const uint64_t received_ns = rig->net.now_ns;

    rig_wait(rig, 3);
    rig->hold_engine = false;
    rig_wait(rig, 2);
    cr_assert_eq(rc->reports_cnt, 1);
    cr_assert_eq(transact_time(rig_last(rc)), received_ns);
    rig_free(rig);
}

Test(fixp_receipt, tells_when_each_stage_had_the_order)
{
    struct rig *rig = rig_new(502, 0, 0);
    struct rig_client *rc = connect_asking(rig, 0, 0);

    rig->hold_engine = true;
    rig->hold_durable = true;
    rig_order(rig, rc, 1, false, PX);
    rig_step(rig, RIG_MS);

    const uint64_t received_ns = rig->net.now_ns;

    rig_wait(rig, 3);
    rig->hold_engine = false;
    rig_step(rig, RIG_MS);

    const uint64_t sequenced_ns = rig->net.now_ns;

    rig_wait(rig, 5);
    cr_assert_eq(told.cnt, 0, "nothing is told before it is durable");
    rig->hold_durable = false;
    rig_order(rig, rc, 2, false, PX);
    rig_step(rig, RIG_MS);

    const uint64_t durable_ns = rig->net.now_ns;

    rig_wait(rig, 2);
    cr_assert_eq(rc->reports_cnt, 2);
    cr_assert_eq(told.cnt, 1);
    cr_assert_eq(last()->report_seq_no, 1);
    cr_assert_eq(last()->receive_time, received_ns);
    cr_assert_eq(last()->receive_time, transact_time(&rc->reports[0]));
    cr_assert_eq(last()->sequenced_time, sequenced_ns);
    cr_assert_eq(last()->matched_time, sequenced_ns, "the gateway looks in the same step");
    cr_assert_eq(last()->durable_time, durable_ns);
    cr_assert_eq(last()->send_time, durable_ns + SEND_AFTER);
    rig_free(rig);
}

Test(fixp_receipt, times_ascend_whatever_is_held)
{
    struct rig *rig = rig_new(503, 0, 0);
    struct rig_client *rc = connect_asking(rig, 0, 0);
    uint64_t last_no = 0;

    for (unsigned i = 0; i < 200; i++) {
        rig->hold_engine = net_random(&rig->net.random) % 2 == 0;
        rig->hold_durable = net_random(&rig->net.random) % 2 == 0;
        rig_order(rig, rc, 1 + i, false, PX);
        rig_step(rig, RIG_MS / 10);
    }
    rig->hold_engine = rig->hold_durable = false;
    rig_order(rig, rc, 201, false, PX);
    rig_wait(rig, 5);
    cr_assert_eq(rc->reports_cnt, 201);
    cr_assert_gt(told.cnt, 20);
    for (unsigned i = 0; i < told.cnt; i++) {
        const struct oe_latency_receipt *receipt = &told.receipts[i];

        assert_ascending(receipt);
        cr_assert_gt(receipt->report_seq_no, last_no);
        last_no = receipt->report_seq_no;
        cr_assert_eq(receipt->receive_time, transact_time(&rc->reports[last_no - 1]));
    }
    rig_free(rig);
}

Test(fixp_receipt, is_one_of_a_burst_and_of_its_first_report)
{
    struct rig *rig = rig_new(504, 0, 0);
    struct rig_client *rc = connect_asking(rig, 0, 0);

    for (uint64_t burst = 0; burst < 3; burst++) {
        for (uint64_t i = 1; i <= 5; i++)
            rig_order(rig, rc, 5 * burst + i, false, PX);
        rig_wait(rig, 2);
        cr_assert_eq(rc->reports_cnt, 5 * (burst + 1));
        cr_assert_eq(told.cnt, burst + 1);
        cr_assert_eq(last()->report_seq_no, 5 * burst + 1);
    }
    rig_free(rig);
}

Test(fixp_receipt, goes_to_who_asked_alone)
{
    struct rig *rig = rig_new(505, 0, 0);
    struct rig_client *other = rig_connect(rig, 1, 1);

    rig_order(rig, other, 1, true, PX);
    rig_wait(rig, 5);
    cr_assert_eq(rig_stats(rig).receipts, 0, "off by default");

    struct rig_client *rc = connect_asking(rig, 0, 0);

    cr_assert_eq(rig_stats(rig).receipts, 1, "the answer to the request");
    rig_order(rig, rc, 1, false, PX);
    rig_order(rig, other, 2, true, PX);
    rig_wait(rig, 5);
    cr_assert_eq(other->reports_cnt, 3);
    cr_assert_eq(rc->reports_cnt, 2);
    cr_assert_eq(rig_stats(rig).receipts, 1 + told.cnt);
    cr_assert_gt(told.cnt, 0);
    rig_free(rig);
}

Test(fixp_receipt, is_not_sent_again)
{
    struct rig *rig = rig_new(506, 0, 0);
    struct rig_client *rc = connect_asking(rig, 0, 0);
    struct trap trap = {.template_id = FIXP_SEQUENCE_ID, .from_server = true, .lose_cnt = 1};

    trap_set(rig, &trap);
    rig_order(rig, rc, 1, false, PX);
    rig_wait(rig, 2);
    cr_assert_eq(trap.seen_cnt, 1);
    rig_wait(rig, 2 * RIG_KEEPALIVE_MS);
    cr_assert_eq(rc->reports_cnt, 1, "the report is asked for again");
    cr_assert_eq(rig_stats(rig).retransmitted, 1);
    cr_assert_eq(told.cnt, 0);
    rig_order(rig, rc, 2, false, PX);
    rig_wait(rig, 2);
    cr_assert_eq(told.cnt, 1);
    cr_assert_eq(last()->report_seq_no, 2);
    rig_free(rig);
}

Test(fixp_receipt, is_asked_for_until_there_is_an_answer)
{
    struct rig *rig = rig_new(507, 0, 0);
    struct trap trap = {.template_id = FIXP_SEQUENCE_ID, .from_server = true, .lose_cnt = 3};
    struct rig_client *rc;

    trap_set(rig, &trap);
    rc = connect_asking(rig, 0, 0);
    cr_assert_eq(trap.seen_cnt, 1);
    rig_wait(rig, 1000);
    cr_assert_eq(trap.lose_cnt, 0);
    cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED);
    cr_assert_geq(rig_stats(rig).receipts, 3);
    cr_assert_leq(rig_stats(rig).receipts, 4, "and no longer");
    rig_free(rig);
}

Test(fixp_receipt, exchange_that_knows_none_is_not_asked_for_ever)
{
    struct rig *rig = rig_new(508, 0, 0);
    struct trap trap = {.template_id = OE_LATENCY_RECEIPT_REQUEST_ID, .lose_cnt = UINT32_MAX};
    struct rig_client *rc;

    trap_set(rig, &trap);
    rc = connect_asking(rig, 0, 0);
    rig_order(rig, rc, 1, false, PX);
    rig_wait(rig, 10000);
    cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED);
    cr_assert_eq(rc->reports_cnt, 1);
    cr_assert_eq(trap.seen_cnt, 20);
    rig_free(rig);
}

Test(fixp_receipt, request_has_no_number)
{
    struct rig *rig = rig_new(509, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct trap trap = {.template_id = FIXP_SEQUENCE_ID};
    struct net_packet packet;
    uint8_t buf[64];

    trap_set(rig, &trap);
    rig_order(rig, rc, 1, false, PX);
    rig_wait(rig, 1);
    packet = trap.last;

    /* Sequence(2), a request, the order as number 2. */
    const size_t header = 8 + FIXP_SEQUENCE_BLOCK;
    const size_t order = packet.len - header;
    const size_t asked = request(rc, OE_LATENCY_RECEIPTS_ON, buf, sizeof buf);

    packet.data[8] = 2;
    packet.data[header + 8] = 2; /* ClOrdID */
    memmove(packet.data + header + asked, packet.data + header, order);
    memcpy(packet.data + header, buf, asked);
    packet.len = (uint32_t)(header + asked + order);
    rig_again(rig, &packet);
    cr_assert_eq(rc->reports_cnt, 2);
    cr_assert_eq(rig_stats(rig).messages, 2);
    cr_assert_eq(rig_stats(rig).refused, 0);
    cr_assert_eq(rig_stats(rig).receipts, 2, "the answer, and one with the report");
    cr_assert_eq(rc->not_applied_cnt, 0);
    rig_free(rig);
}

Test(fixp_receipt, request_can_be_taken_back)
{
    struct rig *rig = rig_new(510, 0, 0);
    struct rig_client *rc = connect_asking(rig, 0, 0);
    uint8_t buf[64];

    rig_order(rig, rc, 1, false, PX);
    rig_wait(rig, 2);
    cr_assert_eq(told.cnt, 1);
    rig_raw(rig, rc->port, buf, request(rc, OE_LATENCY_RECEIPTS_OFF, buf, sizeof buf));
    rig_wait(rig, 2);
    rig_order(rig, rc, 2, false, PX);
    rig_wait(rig, 2);
    cr_assert_eq(rc->reports_cnt, 2);
    cr_assert_eq(told.cnt, 1);
    rig_raw(rig, rc->port, buf, request(rc, OE_LATENCY_RECEIPTS_ON, buf, sizeof buf));
    rig_wait(rig, 2);
    rig_order(rig, rc, 3, false, PX);
    rig_wait(rig, 2);
    cr_assert_eq(told.cnt, 2);
    cr_assert_eq(last()->report_seq_no, 3);
    assert_ascending(last());
    rig_free(rig);
}

Test(fixp_receipt, binding_that_ends_ends_them)
{
    struct rig *rig = rig_new(511, 0, 0);
    struct rig_client *rc = connect_asking(rig, 0, 0);

    rig_order(rig, rc, 1, false, PX);
    rig_wait(rig, 2);
    client_terminate(rc->client, rig->net.now_ns);
    rig_wait(rig, 5);
    cr_assert_eq(rig_session_state(rig, 0), ENGINE_SESSION_NEGOTIATED);
    rc = rig_resume(rig, 0);
    cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED);

    const uint64_t before = rig_stats(rig).receipts;

    rig_order(rig, rc, 2, false, PX);
    rig_wait(rig, 5);
    cr_assert_eq(rc->reports_cnt, 2);
    cr_assert_eq(rig_stats(rig).receipts, before);
    rig_free(rig);
}

Test(fixp_receipt, report_that_was_under_way_has_no_times_that_nobody_took)
{
    struct rig *rig = rig_new(512, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    uint8_t buf[64];
    struct trap trap = {.template_id = FIXP_SEQUENCE_ID, .from_server = true};
    const struct oe_latency_receipt *receipt;

    rig->hold_durable = true;
    rig_order(rig, rc, 1, false, PX);
    rig_wait(rig, 2);
    rig_raw(rig, rc->port, buf, request(rc, OE_LATENCY_RECEIPTS_ON, buf, sizeof buf));
    rig_wait(rig, 2);
    rig->hold_durable = false;
    trap_set(rig, &trap);
    rig_order(rig, rc, 2, false, PX);
    rig_wait(rig, 2);
    cr_assert_eq(rc->reports_cnt, 2);
    cr_assert_eq(trap.seen_cnt, 1);
    receipt = oe_latency_receipt_view(trap.last.data + 8 + FIXP_SEQUENCE_BLOCK,
                                      trap.last.len - 8 - FIXP_SEQUENCE_BLOCK);
    cr_assert_not_null(receipt);
    cr_assert_eq(receipt->report_seq_no, 1);
    cr_assert_eq(receipt->receive_time, transact_time(&rc->reports[0]));
    cr_assert_eq(receipt->sequenced_time, NOTHING);
    cr_assert_eq(receipt->matched_time, NOTHING);
    cr_assert_eq(receipt->durable_time, rig->net.now_ns - RIG_MS);
    rig_free(rig);
}

Test(fixp_receipt, requests_that_mean_nothing_change_nothing)
{
    struct rig *rig = rig_new(513, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    uint8_t buf[64];
    const size_t len = request(rc, OE_LATENCY_RECEIPTS_ON, buf, sizeof buf);
    const uint64_t bad_frame = rig_stats(rig).bad_frame;
    const uint64_t bad_session = rig_stats(rig).bad_session;

    buf[8] ^= 1; /* another UUID */
    rig_raw(rig, rc->port, buf, len);
    rig_wait(rig, 2);
    cr_assert_eq(rig_stats(rig).bad_session, bad_session + 1);
    buf[8] ^= 1;
    buf[8 + 16] = 2; /* neither on nor off */
    rig_raw(rig, rc->port, buf, len);
    buf[8 + 16] = 1;
    buf[8 + 23] = 1; /* not zero */
    rig_raw(rig, rc->port, buf, len);
    buf[8 + 23] = 0;
    rig_raw(rig, rc->port, buf, len - 1);
    rig_wait(rig, 2);
    cr_assert_eq(rig_stats(rig).bad_frame, bad_frame + 3);
    cr_assert_eq(rig_stats(rig).receipts, 0);
    rig_order(rig, rc, 1, false, PX);
    rig_wait(rig, 2);
    cr_assert_eq(rc->reports_cnt, 1);
    cr_assert_eq(rig_stats(rig).receipts, 0);
    rig_free(rig);
}

Test(fixp_receipt, flood_of_requests_is_answered_once_in_a_poll)
{
    struct rig *rig = rig_new(514, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    uint8_t buf[DATAGRAM_BYTES_MAX];
    size_t len = 0;

    while (len + 32 <= sizeof buf)
        len += request(rc, OE_LATENCY_RECEIPTS_ON, buf + len, sizeof buf - len);
    rig_raw(rig, rc->port, buf, len);
    rig_step(rig, RIG_MS);
    cr_assert_eq(rig_stats(rig).receipts, 1);
    rig_free(rig);
}

Test(fixp_receipt, drop_copy_may_ask)
{
    struct rig *rig = rig_new_copied(515);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct rig_client *copy = connect_asking(rig, RIG_COPY, RIG_COPY);

    rig_order(rig, rc, 1, false, PX);
    rig_wait(rig, 5);
    cr_assert_eq(client_state(copy->client), CLIENT_ESTABLISHED);
    cr_assert_eq(copy->reports_cnt, 1);
    cr_assert_eq(told.cnt, 1);
    assert_ascending(last());
    rig_free(rig);
}

Test(fixp_receipt, is_asked_for_with_context_where_that_is_required)
{
    struct rig *rig = rig_new(516, 0, 0);
    struct rig_client *rc;

    rig->require_context = true;
    rig_restart(rig, 0);
    rc = connect_asking(rig, 0, 0);
    rig_order(rig, rc, 1, false, PX);
    rig_wait(rig, 2);
    cr_assert_eq(rig_stats(rig).bad_context, 0);
    cr_assert_eq(told.cnt, 1);
    assert_ascending(last());
    rig_free(rig);
}

Test(fixp_receipt, full_port_holds_up_reports_and_their_receipt)
{
    struct rig *rig = rig_new(517, 0, 0);
    struct rig_client *rc = connect_asking(rig, 0, 0);
    struct net_port *server = (struct net_port *)(void *)rig->server;

    server->blocked = true;
    for (uint64_t i = 1; i <= 3; i++) {
        rig_order(rig, rc, i, false, PX);
        rig_wait(rig, 2);
    }
    cr_assert_eq(told.cnt, 0);
    server->blocked = false;
    rig_step(rig, RIG_MS);

    const uint64_t sent_ns = rig->net.now_ns;

    rig_wait(rig, 2);
    cr_assert_eq(rc->reports_cnt, 3);
    cr_assert_eq(told.cnt, 1);
    cr_assert_eq(last()->report_seq_no, 1);
    cr_assert_eq(last()->send_time, sent_ns + SEND_AFTER);
    cr_assert_lt(last()->durable_time, sent_ns - 5 * RIG_MS);
    rig_free(rig);
}

Test(fixp_receipt, goes_over_connections_too)
{
    struct rig *rig = rig_new_stream(518);
    struct rig_client *rc = connect_asking(rig, 0, 0);

    for (uint64_t i = 1; i <= 20; i++) {
        rig_order(rig, rc, i, false, PX);
        rig_wait(rig, 2);
        cr_assert_eq(told.cnt, i);
        cr_assert_eq(last()->report_seq_no, i);
        assert_ascending(last());
    }
    cr_assert_eq(rc->reports_cnt, 20);
    cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED);
    rig_free(rig);
}

Test(fixp_receipt, is_given_by_each_of_two_gateways)
{
    struct rig *rig = rig_new_two(519);
    struct rig_client *here = rig_connect(rig, 0, 0);
    struct rig_client *there = connect_asking(rig, RIG_DOOR_CLIENT, 1);

    rig->hold_engine = true;
    rig_order(rig, there, 1, false, PX);
    rig_step(rig, RIG_MS);

    const uint64_t received_ns = rig->net.now_ns;

    rig_wait(rig, 3);
    rig->hold_engine = false;
    rig_wait(rig, 3);
    cr_assert_eq(told.cnt, 1);
    cr_assert_eq(last()->receive_time, received_ns);
    cr_assert_eq(last()->sequenced_time, received_ns + 4 * RIG_MS);
    assert_ascending(last());
    rig_order(rig, here, 1, true, PX);
    rig_wait(rig, 3);
    cr_assert_eq(told.cnt, 2, "of the fill by the other gateway's order");
    cr_assert_eq(rig_stats(rig).receipts, 0);
    rig_free(rig);
}
