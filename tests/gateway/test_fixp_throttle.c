/*
 * Goal: a session sends no more than its rates; what is above is refused with the
 * time to wait, or waits, and in either case every number is told of, in order, and
 * cancels get through. Method: rig.h; bursts on virtual time.
 */
#include <string.h>

#include <criterion/criterion.h>

#include "gateway/hold.h"
#include "gateway/throttle.h"
#include "proto/fixp.h"
#include "proto/orders.h"

#include "tests/gateway/rig.h"

#define PX 10000000000ll /* 100.00 */
#define S  1000000000ull

static struct rig *
limit(struct rig *rig, struct gateway_throttle throttle, bool queue)
{
    rig->sessions[0].throttle = throttle;
    rig->throttle_queue = queue;
    rig_restart(rig, 0);
    return rig;
}

static struct rig *
rig_limited(uint64_t seed, struct gateway_throttle throttle, bool queue)
{
    return limit(rig_new(seed, 0, 0), throttle, queue);
}

static struct rig *
rig_stream_limited(uint64_t seed, struct gateway_throttle throttle, bool queue)
{
    return limit(rig_new_stream(seed), throttle, queue);
}

/* refused_at returns report i of a client, which must be a refusal. */
static const struct oe_business_message_reject *
refused_at(const struct rig_client *rc, unsigned i)
{
    const struct rig_report *report = &rc->reports[i];
    const struct oe_business_message_reject *reject;

    cr_assert_lt(i, rc->reports_cnt);
    reject = oe_business_message_reject_view(report->bytes, report->len);
    cr_assert_not_null(reject, "report %u", i);
    return reject;
}

static uint64_t
cancel(struct rig *rig, struct rig_client *rc, uint64_t clord, uint64_t orig)
{
    const struct oe_order_cancel_request msg = {
        .cl_ord_id = clord,
        .orig_cl_ord_id = orig,
        .order_id = OE_ORDER_CANCEL_REQUEST_ORDER_ID_NULL,
    };
    uint8_t buf[64];
    const size_t len = oe_order_cancel_request_encode(buf, sizeof buf, &msg);
    const uint64_t no = client_send(rc->client, buf, len);

    client_flush(rc->client, rig->net.now_ns);
    return no;
}

Test(fixp_throttle, bucket_lets_through_its_rate_and_says_when_there_is_room)
{
    static const struct gateway_throttle rates[] = {{.messages_per_s = 1},
                                                    {.messages_per_s = 7},
                                                    {.messages_per_s = 1000},
                                                    {.messages_per_s = 300000}};

    for (unsigned i = 0; i < ARRAY_LEN(rates); i++) {
        const uint64_t rate = rates[i].messages_per_s;
        struct throttle throttle;
        uint64_t now_ns = RIG_START_NS;
        uint64_t taken = 0;

        cr_assert(throttle_init(&throttle, &rates[i], 100));
        while (now_ns < RIG_START_NS + 3 * S) {
            const uint64_t wait_ns = throttle_take(&throttle, false, 100, now_ns);

            if (wait_ns == 0) {
                taken++;
                continue;
            }
            cr_assert_neq(throttle_take(&throttle, false, 100, now_ns + wait_ns - 1), 0);
            now_ns += wait_ns;
        }
        cr_assert_leq(taken, 3 * rate + rate / 10 + 1, "rate %llu", (unsigned long long)rate);
        cr_assert_geq(taken, 3 * rate - rate / 1000, "rate %llu", (unsigned long long)rate);
    }
}

Test(fixp_throttle, clock_that_was_set_back_does_not_bar_a_session)
{
    const struct gateway_throttle rate = {.messages_per_s = 10, .bytes_per_s = 1000};
    struct throttle throttle;

    cr_assert(throttle_init(&throttle, &rate, 100));
    cr_assert_eq(throttle_take(&throttle, false, 100, RIG_START_NS), 0);
    cr_assert_eq(throttle_take(&throttle, false, 100, RIG_START_NS - 3600 * S), 0);
}

static void
refused_with_the_time(struct rig *rig)
{
    struct rig_client *rc = rig_connect(rig, 0, 0);
    uint32_t retry_us;

    for (uint64_t i = 1; i <= 15; i++)
        rig_order(rig, rc, i, false, PX);
    rig_step(rig, 0);
    rig_step(rig, 0);
    cr_assert_eq(rc->reports_cnt, 15, "all are answered");
    for (unsigned i = 0; i < 10; i++)
        cr_assert_eq(rig_template(&rc->reports[i]), OE_EXECUTION_REPORT_NEW_ID, "report %u", i);
    for (unsigned i = 10; i < 15; i++) {
        cr_assert_eq(refused_at(rc, i)->ref_seq_num, i + 1);
        cr_assert_eq(refused_at(rc, i)->reject_reason, OE_REJECT_REASON_THROTTLED);
        cr_assert_eq(refused_at(rc, i)->ref_template_id, OE_NEW_ORDER_SINGLE_ID);
    }
    retry_us = refused_at(rc, 14)->retry_after;
    cr_assert_gt(retry_us, 0);
    cr_assert_leq(retry_us, 10000, "one comes back each 10 ms");
    /* A little too early, and then in time. */
    rig->net.now_ns += (retry_us - 2) * 1000ull;
    rig_order(rig, rc, 16, false, PX);
    rig_step(rig, 0);
    rig_step(rig, 0);
    cr_assert_eq(refused_at(rc, 15)->retry_after, 2);
    rig->net.now_ns += 2000;
    cr_assert_eq(rig_order(rig, rc, 17, false, PX), 17);
    rig_step(rig, 0);
    rig_step(rig, 0);
    cr_assert_eq(rig_template(rig_last(rc)), OE_EXECUTION_REPORT_NEW_ID);
    cr_assert_eq(rc->not_applied_cnt, 0);
    cr_assert_eq(rig_stats(rig).throttled, 6);
    /* What was refused is in the journal, so a restart tells the same. */
    rig_restart(rig, 0);
    rig_free(rig);
}

Test(fixp_throttle, message_above_the_rate_is_refused_with_the_time_to_wait)
{
    refused_with_the_time(
        rig_limited(301, (struct gateway_throttle){.messages_per_s = 100}, false));
}

Test(fixp_throttle, frame_above_the_rate_is_refused_with_the_time_to_wait)
{
    refused_with_the_time(
        rig_stream_limited(301, (struct gateway_throttle){.messages_per_s = 100}, false));
}

Test(fixp_throttle, cancels_have_a_bucket_of_their_own)
{
    struct rig *rig = rig_limited(
        302, (struct gateway_throttle){.messages_per_s = 10, .cancels_per_s = 20}, false);
    struct rig_client *rc = rig_connect(rig, 0, 0);

    for (uint64_t i = 1; i <= 3; i++)
        rig_order(rig, rc, i, false, PX);
    rig_run(rig, 1);
    cr_assert_eq(rc->reports_cnt, 3);
    cr_assert_eq(refused_at(rc, 2)->reject_reason, OE_REJECT_REASON_THROTTLED);
    cancel(rig, rc, 10, 1);
    rig_run(rig, 1);
    cr_assert_eq(rig_template(rig_last(rc)), OE_EXECUTION_REPORT_CANCEL_ID);
    /* Two at once, and then those too are too many. */
    cancel(rig, rc, 11, 1);
    cancel(rig, rc, 12, 1);
    rig_run(rig, 1);
    cr_assert_eq(rig_template(&rc->reports[4]), OE_ORDER_CANCEL_REJECT_ID, "no more there");
    cr_assert_eq(refused_at(rc, 5)->ref_template_id, OE_ORDER_CANCEL_REQUEST_ID);
    rig_free(rig);
}

Test(fixp_throttle, bytes_are_limited_as_messages_are)
{
    /* An order of version 1 has 104 bytes. */
    struct rig *rig = rig_limited(303, (struct gateway_throttle){.bytes_per_s = 10400}, false);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    unsigned refused_cnt = 0;

    for (uint64_t i = 1; i <= 200; i++) {
        rig_order(rig, rc, i, false, PX);
        rig_step(rig, 5 * RIG_MS);
    }
    rig_run(rig, 2);
    cr_assert_eq(rc->reports_cnt, 200);
    for (unsigned i = 0; i < 200; i++)
        refused_cnt += rig_template(&rc->reports[i]) == OE_BUSINESS_MESSAGE_REJECT_ID;
    cr_assert_geq(refused_cnt, 85, "twice the rate: half of it is refused");
    cr_assert_leq(refused_cnt, 100);
    rig_free(rig);
}

Test(fixp_throttle, other_sessions_keep_their_own_rates)
{
    struct rig *rig = rig_limited(304, (struct gateway_throttle){.messages_per_s = 10}, false);
    struct rig_client *limited = rig_connect(rig, 0, 0);
    struct rig_client *free_one = rig_connect(rig, 1, 1);

    for (uint64_t i = 1; i <= 20; i++) {
        rig_order(rig, limited, i, false, PX);
        rig_order(rig, free_one, i, false, PX);
    }
    rig_run(rig, 2);
    cr_assert_eq(rig_template(rig_last(limited)), OE_BUSINESS_MESSAGE_REJECT_ID);
    for (unsigned i = 0; i < 20; i++)
        cr_assert_eq(rig_template(&free_one->reports[i]), OE_EXECUTION_REPORT_NEW_ID);
    rig_free(rig);
}

Test(fixp_throttle, endless_refusals_end_the_binding)
{
    struct rig *rig = rig_limited(305, (struct gateway_throttle){.messages_per_s = 1}, false);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    uint64_t sent = 0;

    while (client_state(rc->client) == CLIENT_ESTABLISHED && sent < 2000) {
        rig_order(rig, rc, ++sent, false, PX);
        rig_step(rig, RIG_MS / 10);
    }
    rig_run(rig, 2);
    cr_assert_str_eq(client_error(rc->client),
                     "terminated by the exchange: sends on and on above its rate");
    cr_assert_geq(sent, THROTTLE_REFUSALS_MIN);
    cr_assert_eq(rig_session_state(rig, 0), ENGINE_SESSION_NEGOTIATED);
    rig_free(rig);
}

static void
waits_in_order(struct rig *rig)
{
    struct rig_client *rc = rig_connect(rig, 0, 0);

    for (uint64_t i = 1; i <= 40; i++)
        rig_order(rig, rc, i, false, PX);
    client_terminate(rc->client, rig->net.now_ns);
    rig_run(rig, 1);
    cr_assert_eq(rc->reports_cnt, 10);
    rig_run(rig, 100);
    cr_assert_geq(rc->reports_cnt, 19);
    cr_assert_leq(rc->reports_cnt, 21);
    cr_assert_eq(rig_session_state(rig, 0), ENGINE_SESSION_BOUND, "so does Terminate");
    rig_run(rig, 210);
    cr_assert_eq(rc->reports_cnt, 40);
    for (unsigned i = 0; i < 40; i++) {
        const struct oe_execution_report_new *report =
            oe_execution_report_new_view(rc->reports[i].bytes, rc->reports[i].len);

        cr_assert_not_null(report, "report %u", i);
        cr_assert_eq(report->cl_ord_id, i + 1);
    }
    cr_assert_eq(rc->not_applied_cnt, 0);
    cr_assert_eq(client_state(rc->client), CLIENT_CLOSED);
    cr_assert_str_eq(client_error(rc->client), "");
    rig_free(rig);
}

Test(fixp_throttle, what_waits_is_taken_in_order_and_within_the_rate)
{
    waits_in_order(rig_limited(306, (struct gateway_throttle){.messages_per_s = 100}, true));
}

Test(fixp_throttle, frames_that_wait_are_taken_in_order_and_within_the_rate)
{
    waits_in_order(rig_stream_limited(306, (struct gateway_throttle){.messages_per_s = 100}, true));
}

/* A request for receipts has no number: kept with the others it must not use one up. */
Test(fixp_throttle, frame_without_a_number_that_waits_shifts_none)
{
    struct rig *rig =
        rig_stream_limited(311, (struct gateway_throttle){.messages_per_s = 100}, true);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct oe_latency_receipt_request msg = {.latency_receipts = OE_LATENCY_RECEIPTS_ON};
    uint8_t buf[64];

    for (uint64_t i = 1; i <= 12; i++)
        rig_order(rig, rc, i, false, PX);
    rig_step(rig, 0);
    memcpy(msg.session_id, client_uuid(rc->client), sizeof msg.session_id);
    rig_raw(rig, rc->port, buf, oe_latency_receipt_request_encode(buf, sizeof buf, &msg));
    rig_step(rig, 0);
    for (uint64_t i = 13; i <= 15; i++)
        rig_order(rig, rc, i, false, PX);
    rig_run(rig, 200);
    cr_assert_eq(rc->reports_cnt, 15);
    cr_assert_eq(rc->not_applied_cnt, 0);
    cr_assert_eq(rig_stats(rig).gaps, 0);
    cr_assert_gt(rig_stats(rig).receipts, 0);
    rig_free(rig);
}

Test(fixp_throttle, datagram_of_several_waits_from_where_it_must)
{
    struct rig *rig = rig_limited(307, (struct gateway_throttle){.messages_per_s = 10}, true);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct trap trap = {.template_id = FIXP_SEQUENCE_ID};

    trap_set(rig, &trap);
    for (uint64_t i = 1; i <= 5; i++) {
        const struct oe_order_cancel_request msg = {
            .cl_ord_id = i,
            .orig_cl_ord_id = 1,
            .order_id = OE_ORDER_CANCEL_REQUEST_ORDER_ID_NULL,
        };
        uint8_t buf[128];

        /* An order, and between them cancels, which need not wait but do not overtake. */
        client_send(rc->client, buf, oe_order_cancel_request_encode(buf, sizeof buf, &msg));
        memset(buf, 0, sizeof buf);
        oe_header_put(buf, OE_NEW_ORDER_SINGLE_ID, OE_NEW_ORDER_SINGLE_BLOCK);
        client_send(rc->client, buf, 8 + OE_NEW_ORDER_SINGLE_BLOCK);
    }
    client_flush(rc->client, rig->net.now_ns);
    rig_run(rig, 1);
    cr_assert_eq(trap.seen_cnt, 1);
    cr_assert_eq(rc->reports_cnt, 3, "up to the second order");
    rig_again(rig, &trap.last);
    rig_run(rig, 500);
    cr_assert_eq(rc->reports_cnt, 10, "each once, though the datagram came twice");
    cr_assert_eq(rc->not_applied_cnt, 0);
    for (unsigned i = 0; i < 10; i++)
        cr_assert_eq(rig_template(&rc->reports[i]),
                     i % 2 == 0 ? OE_ORDER_CANCEL_REJECT_ID : OE_BUSINESS_MESSAGE_REJECT_ID);
    rig_free(rig);
}

static void
no_room_to_wait(struct rig *rig)
{
    struct rig_client *rc = rig_connect(rig, 0, 0);

    for (uint64_t i = 1; i <= 80; i++)
        rig_order(rig, rc, i, false, PX);
    rig_run(rig, 600);
    cr_assert_eq(rc->reports_cnt, 10 + HOLD_MAX);
    cr_assert_eq(rig_stats(rig).hold_full, 80 - 10 - HOLD_MAX);
    rig_order(rig, rc, 81, false, PX);
    rig_run(rig, 2);
    cr_assert_eq(rc->not_applied_cnt, 80 - 10 - HOLD_MAX);
    cr_assert_eq(rc->not_applied_from, 10 + HOLD_MAX + 1);
    cr_assert_eq(rig_template(rig_last(rc)), OE_EXECUTION_REPORT_NEW_ID);
    rig_free(rig);
}

Test(fixp_throttle, what_finds_no_room_to_wait_is_told_as_not_applied)
{
    no_room_to_wait(rig_limited(308, (struct gateway_throttle){.messages_per_s = 100}, true));
}

Test(fixp_throttle, frames_that_find_no_room_to_wait_are_told_as_not_applied)
{
    no_room_to_wait(
        rig_stream_limited(308, (struct gateway_throttle){.messages_per_s = 100}, true));
}

static void
dies_with_its_binding(struct rig *rig)
{
    struct rig_client *rc = rig_connect(rig, 0, 0);

    for (uint64_t i = 1; i <= 20; i++)
        rig_order(rig, rc, i, false, PX);
    rig_run(rig, 1);
    cr_assert_eq(engine_orders_cnt(rig->engine), 1);
    /* The client is started anew on its port and begins with its next number. */
    rc = rig_resume(rig, 0);
    rig_wait(rig, 200);
    rig_order(rig, rc, 21, false, PX);
    rig_run(rig, 2);
    cr_assert_eq(engine_orders_cnt(rig->engine), 2, "none of the 19 came later");
    cr_assert_eq(rc->not_applied_cnt, 19);
    rig_free(rig);
}

Test(fixp_throttle, what_waits_dies_with_its_binding)
{
    dies_with_its_binding(rig_limited(309, (struct gateway_throttle){.messages_per_s = 10}, true));
}

Test(fixp_throttle, frames_that_wait_die_with_their_binding)
{
    dies_with_its_binding(
        rig_stream_limited(309, (struct gateway_throttle){.messages_per_s = 10}, true));
}

Test(fixp_throttle, message_longer_than_allowed_is_refused)
{
    struct rig *rig = rig_new(310, 0, 0);
    uint8_t buf[256] = {0};
    struct rig_client *rc;

    rig->message_max = MESSAGE_BYTES_MIN;
    rig_restart(rig, 0);
    rc = rig_connect(rig, 0, 0);
    oe_header_put(buf, OE_NEW_ORDER_SINGLE_ID, MESSAGE_BYTES_MIN - 8 + 1);
    client_send(rc->client, buf, MESSAGE_BYTES_MIN + 1);
    client_flush(rc->client, rig->net.now_ns);
    rig_order(rig, rc, 1, false, PX);
    rig_run(rig, 2);
    cr_assert_eq(rc->reports_cnt, 2);
    cr_assert_eq(refused_at(rc, 0)->reject_reason, OE_REJECT_REASON_MALFORMED_MESSAGE);
    cr_assert_eq(refused_at(rc, 0)->retry_after, 0);
    cr_assert_eq(rig_template(&rc->reports[1]), OE_EXECUTION_REPORT_NEW_ID);
    rig_free(rig);
}

static void
set_space(struct rig *rig, bool low)
{
    const union cell cell = {.journal_space = {.kind = CELL_KIND_JOURNAL_SPACE,
                                               .shape = 1,
                                               .time = rig->net.now_ns,
                                               .reserve_bytes = 1000,
                                               .low = low,
                                               .session = CELL_SESSION}};

    rig_admin(rig, &cell, 1);
    rig_run(rig, 2);
}

/* A refusal is in the journal, too: one broker that goes on sending must not use up what
 * the others need for their cancels. */
static void
few_are_refused(struct rig *rig)
{
    struct rig_client *rc = rig_connect(rig, 0, 0);

    rig_order(rig, rc, 1, false, PX);
    rig_run(rig, 2);
    set_space(rig, true);
    for (uint64_t i = 0; i < 200; i++) {
        rig_order(rig, rc, 100 + i, false, PX);
        rig_step(rig, RIG_MS / 10);
    }
    cancel(rig, rc, 500, 1);
    rig_run(rig, 5);
    /* The order, ten refusals, NotApplied by its number, the cancel. */
    cr_assert_eq(rc->reports_cnt, 12);
    cr_assert_eq(rig_template(rig_last(rc)), OE_EXECUTION_REPORT_CANCEL_ID);
    cr_assert_eq(rc->not_applied_cnt, 190);
    cr_assert_geq(rig_stats(rig).low_dropped, 190);

    rig_wait(rig, 1100);
    rig_order(rig, rc, 600, false, PX);
    rig_run(rig, 5);
    cr_assert_eq(rig_template(rig_last(rc)), OE_EXECUTION_REPORT_REJECT_ID);

    /* It is known over a restart, too. */
    rig_restart(rig, 0);
    rc = rig_resume(rig, 0);
    for (uint64_t i = 0; i < 20; i++) {
        rig_order(rig, rc, 700 + i, false, PX);
        rig_step(rig, RIG_MS / 10);
    }
    cancel(rig, rc, 800, 999);
    rig_run(rig, 5);
    cr_assert_eq(rc->not_applied_cnt, 190 + 10);
    set_space(rig, false);
    rig_order(rig, rc, 900, false, PX);
    rig_run(rig, 5);
    cr_assert_eq(rig_template(rig_last(rc)), OE_EXECUTION_REPORT_NEW_ID);
    rig_free(rig);
}

Test(fixp_throttle, few_orders_are_refused_while_the_journal_has_no_room)
{
    few_are_refused(rig_new(31, 0, 0));
}

Test(fixp_throttle, few_frames_are_refused_while_the_journal_has_no_room)
{
    few_are_refused(rig_new_stream(31));
}
