/*
 * Goal: reports reach the client exactly once and in order, across lost
 * datagrams, a stuck disk and restarts of the exchange. Method: rig.h; the
 * journal is its log, from which engine and gateway are made again.
 */
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "gateway/client.h"
#include "gateway/gateway.h"
#include "proto/fixp.h"

#include "tests/gateway/rig.h"

#define PX 10000000000ll /* 100.00 */

/* assert_in_order: the numbers of all reports, without a hole, NotApplied left
 * out, as its numbers are not given to on_report. */
static void
assert_in_order(const struct rig_client *rc)
{
    for (uint32_t i = 1; i < rc->reports_cnt; i++)
        cr_assert_gt(rc->reports[i].no, rc->reports[i - 1].no);
}

/* raw_retransmit_request sends one from the port of the client. */
static void
raw_retransmit_request(struct rig *rig,
                       struct rig_client *rc,
                       const uint8_t uuid[16],
                       uint64_t from,
                       uint32_t count)
{
    struct fixp_retransmit_request msg = {.timestamp = 77, .from_seq_no = from, .count = count};
    uint8_t buf[64];

    memcpy(msg.session_id, uuid, 16);
    rig_raw(rig, rc->port, buf, fixp_retransmit_request_encode(buf, sizeof buf, &msg));
}

Test(fixp_recovery, lost_report_is_asked_for_again)
{
    struct rig *rig = rig_new(14, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct trap trap = {.template_id = FIXP_SEQUENCE_ID, .from_server = true, .lose_cnt = 1};

    trap_set(rig, &trap);
    rig_order(rig, rc, 1, false, PX);
    rig_run(rig, 2);
    cr_assert_eq(rc->reports_cnt, 0);
    rig_order(rig, rc, 2, false, PX);
    rig_run(rig, 2);
    cr_assert_eq(rc->reports_cnt, 2);
    cr_assert_eq(rc->reports[0].no, 1);
    cr_assert_eq(rc->reports[1].no, 2);
    cr_assert_eq(client_retransmits(rc->client), 1);
    cr_assert_eq(rig_stats(rig).retransmitted, 1);
    rig_free(rig);
}

Test(fixp_recovery, long_hole_is_filled_in_several_requests)
{
    struct rig *rig = rig_new(15, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct trap trap = {.template_id = FIXP_SEQUENCE_ID, .from_server = true, .lose_cnt = 1000};

    trap_set(rig, &trap);
    for (uint64_t i = 1; i <= 300; i++) {
        rig_order(rig, rc, i, false, PX);
        rig_step(rig, RIG_MS / 10);
    }
    rig_run(rig, 2);
    cr_assert_eq(rc->reports_cnt, 0);
    trap.lose_cnt = 0;
    rig_wait(rig, RIG_KEEPALIVE_MS + 100);
    cr_assert_eq(rc->reports_cnt, 300);
    assert_in_order(rc);
    cr_assert_eq(rig_stats(rig).retransmitted, 300);
    cr_assert_geq(client_retransmits(rc->client), 5);
    rig_free(rig);
}

Test(fixp_recovery, reports_that_are_no_more_kept_end_the_session)
{
    struct rig *rig = rig_new(16, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct trap trap = {.template_id = FIXP_SEQUENCE_ID, .from_server = true, .lose_cnt = 100000};

    trap_set(rig, &trap);
    for (uint64_t i = 1; i <= RIG_RETRANSMIT + 1; i++) {
        rig_order(rig, rc, i, false, PX);
        rig_step(rig, RIG_MS / 10);
    }
    trap.lose_cnt = 0;
    rig_wait(rig, RIG_KEEPALIVE_MS + 100);
    cr_assert_eq(client_state(rc->client), CLIENT_CLOSED);
    cr_assert_str_eq(client_error(rc->client), "reports were lost and are no more to be had");
    rig_wait(rig, 5);
    cr_assert_eq(rig_session_state(rig, 0), ENGINE_SESSION_NEGOTIATED);
    rig_free(rig);
}

Test(fixp_recovery, retransmit_requests_out_of_range_are_refused)
{
    static const struct {
        uint64_t from;
        uint32_t count;
    } rows[] = {{0, 1}, {4, 1}, {1, 4}, {3, 2}, {1, 0}, {UINT64_MAX - 1, 2}};
    struct rig *rig = rig_new(17, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct trap trap = {.template_id = FIXP_RETRANSMIT_REJECT_ID, .from_server = true};
    struct trap served = {.template_id = FIXP_RETRANSMISSION_ID, .from_server = true};

    for (uint64_t i = 1; i <= 3; i++)
        rig_order(rig, rc, i, false, PX);
    rig_run(rig, 2);
    trap_set(rig, &trap);
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        raw_retransmit_request(rig, rc, rc->uuid, rows[i].from, rows[i].count);
        rig_run(rig, 1);
        cr_assert_eq(trap.seen_cnt, i + 1, "row %u", i);

        const struct fixp_retransmit_reject *reject =
            fixp_retransmit_reject_view(trap.last.data, trap.last.len);
        cr_assert_eq(reject->code, FIXP_RETRANSMIT_REJECT_CODE_OUT_OF_RANGE);
        cr_assert_eq(reject->request_timestamp, 77);
    }
    trap_set(rig, &served);
    raw_retransmit_request(rig, rc, rc->uuid, 2, 2);
    rig_run(rig, 1);
    cr_assert_eq(served.seen_cnt, 1);

    const struct fixp_retransmission *answer =
        fixp_retransmission_view(served.last.data, served.last.len);
    cr_assert_eq(answer->next_seq_no, 2);
    cr_assert_eq(answer->count, 2);
    cr_assert_eq(served.last.len, 44 + 2 * 96);
    cr_assert_eq(memcmp(served.last.data + 44, rc->reports[1].bytes, 96), 0);
    cr_assert_eq(memcmp(served.last.data + 44 + 96, rc->reports[2].bytes, 96), 0);
    rig_free(rig);
}

Test(fixp_recovery, retransmit_request_for_another_session_is_refused)
{
    struct rig *rig = rig_new(18, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct rig_client *other = rig_connect(rig, 1, 1);
    struct trap trap = {.template_id = FIXP_RETRANSMIT_REJECT_ID, .from_server = true};

    rig_order(rig, other, 1, false, PX);
    rig_run(rig, 2);
    trap_set(rig, &trap);
    raw_retransmit_request(rig, rc, other->uuid, 1, 1);
    rig_run(rig, 1);
    cr_assert_eq(trap.seen_cnt, 1);
    cr_assert_eq(fixp_retransmit_reject_view(trap.last.data, trap.last.len)->code,
                 FIXP_RETRANSMIT_REJECT_CODE_INVALID_SESSION);
    rig_free(rig);
}

Test(fixp_recovery, second_retransmit_request_of_a_poll_is_one_too_many)
{
    struct rig *rig = rig_new(19, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct trap trap = {.template_id = FIXP_RETRANSMIT_REJECT_ID, .from_server = true};

    rig_order(rig, rc, 1, false, PX);
    rig_run(rig, 2);
    trap_set(rig, &trap);
    for (unsigned i = 0; i < 3; i++)
        raw_retransmit_request(rig, rc, rc->uuid, 1, 1);
    rig_run(rig, 1);
    cr_assert_eq(rig_stats(rig).retransmitted, 1);
    cr_assert_eq(trap.seen_cnt, 2);
    cr_assert_eq(fixp_retransmit_reject_view(trap.last.data, trap.last.len)->code,
                 FIXP_RETRANSMIT_REJECT_CODE_REQUEST_LIMIT_EXCEEDED);
    cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED);
    rig_free(rig);
}

Test(fixp_recovery, session_goes_on_after_terminate)
{
    struct rig *rig = rig_new(37, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct rig_client *other = rig_connect(rig, 1, 1);

    rig_order(rig, rc, 1, false, PX);
    rig_run(rig, 2);
    client_terminate(rc->client, rig->net.now_ns);
    rig_run(rig, 2);
    /* Its order rests and trades while nobody is there to be told. */
    rig_order(rig, other, 1, true, PX);
    rig_run(rig, 2);
    rc = rig_resume(rig, 0);
    rig_run(rig, 2);
    cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED);
    cr_assert_eq(rc->reports_cnt, 2);
    cr_assert_eq(rig_template(rig_last(rc)), OE_EXECUTION_REPORT_TRADE_ID);
    cr_assert_eq(rig_order(rig, rc, 2, false, PX), 2);
    rig_run(rig, 2);
    cr_assert_eq(rc->reports_cnt, 3);
    rig_free(rig);
}

Test(fixp_recovery, nothing_is_told_before_it_is_durable)
{
    struct rig *rig = rig_new(45, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);

    rig->hold_durable = true;
    rig_order(rig, rc, 1, false, PX);
    rig_run(rig, 20);
    cr_assert_eq(engine_orders_cnt(rig->engine), 1);
    cr_assert_eq(rc->reports_cnt, 0);
    rig->hold_durable = false;
    /* The next group that becomes durable carries the one before. */
    rig_order(rig, rc, 2, false, PX);
    rig_run(rig, 2);
    cr_assert_eq(rc->reports_cnt, 2);
    rig_free(rig);
}

Test(fixp_recovery, what_was_not_durable_was_never_told)
{
    struct rig *rig = rig_new(46, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);

    rig_order(rig, rc, 1, false, PX);
    rig_run(rig, 2);
    rig->hold_durable = true;
    rig_order(rig, rc, 2, false, PX);
    rig_run(rig, 2);
    rig->hold_durable = false;
    rig_restart(rig, 0);
    cr_assert_eq(engine_orders_cnt(rig->engine), 1);
    rc = rig_resume(rig, 0);
    cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED);
    /* Number 2 is lost with the disk's cache: told as one that never came. */
    cr_assert_eq(rig_order(rig, rc, 3, false, PX), 3);
    rig_run(rig, 2);
    cr_assert_eq(rc->not_applied_from, 2);
    cr_assert_eq(rc->not_applied_cnt, 1);
    cr_assert_eq(rc->reports_cnt, 2);
    rig_free(rig);
}

Test(fixp_recovery, restart_keeps_sessions_and_reports)
{
    struct rig *rig = rig_new(47, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct rig_client *other = rig_connect(rig, 1, 1);
    struct trap trap = {.template_id = FIXP_SEQUENCE_ID, .from_server = true};

    rig_order(rig, rc, 1, false, PX);
    rig_run(rig, 2);
    trap.lose_cnt = 1000;
    trap_set(rig, &trap);
    rig_order(rig, other, 1, true, PX);
    rig_run(rig, 2);
    cr_assert_eq(rc->reports_cnt, 1);
    cr_assert_eq(other->reports_cnt, 0);
    rig_restart(rig, 0);
    rig_wait(rig, 20);
    trap.lose_cnt = 0;
    rc = rig_resume(rig, 0);
    other = rig_resume(rig, 1);
    rig_run(rig, 5);
    cr_assert_eq(rc->reports_cnt, 2);
    cr_assert_eq(other->reports_cnt, 2);
    cr_assert_eq(rig_template(rig_last(rc)), OE_EXECUTION_REPORT_TRADE_ID);
    cr_assert_eq(rig_template(&other->reports[0]), OE_EXECUTION_REPORT_NEW_ID);
    cr_assert_eq(rig_order(rig, rc, 2, false, PX), 2);
    rig_run(rig, 2);
    cr_assert_eq(rc->reports_cnt, 3);
    cr_assert_eq(rig_last(rc)->no, 3);
    rig_free(rig);
}

Test(fixp_recovery, requests_that_a_restart_interrupted_are_answered_when_repeated)
{
    struct rig *rig = rig_new(48, 0, 0);
    struct trap trap = {
        .template_id = FIXP_ESTABLISHMENT_ACK_ID, .from_server = true, .lose_cnt = 1};
    struct rig_client *rc = rig_client(rig, 0, 0);

    trap_set(rig, &trap);
    client_connect(rc->client, rig->net.now_ns);
    rig_run(rig, 3);
    cr_assert_eq(trap.seen_cnt, 1);
    rig_restart(rig, 0);
    rig_wait(rig, 200);
    cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED);

    /* Negotiate likewise. */
    trap = (struct trap){
        .template_id = FIXP_NEGOTIATION_RESPONSE_ID, .from_server = true, .lose_cnt = 1};
    rc = rig_client(rig, 1, 1);
    client_connect(rc->client, rig->net.now_ns);
    rig_run(rig, 3);
    rig_restart(rig, 0);
    rig_wait(rig, 200);
    cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED);
    rig_free(rig);
}

Test(fixp_recovery, restart_after_a_lossy_run_ends_the_sessions)
{
    struct rig *rig = rig_new(49, CELL_ACK_MODE_MEMORY, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);

    rig_order(rig, rc, 1, false, PX);
    rig_run(rig, 2);
    rig_restart(rig, CELL_ACK_MODE_MEMORY);
    rc = rig_resume(rig, 0);
    cr_assert_eq(client_state(rc->client), CLIENT_CLOSED);
    cr_assert(strstr(client_error(rc->client), "Unnegotiated") != NULL);
    rc = rig_connect(rig, 0, 0);
    cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED);
    cr_assert_eq(rig_order(rig, rc, 2, false, PX), 1);
    rig_run(rig, 2);
    cr_assert_eq(rig_last(rc)->no, 1);
    rig_free(rig);
}

Test(fixp_recovery, negotiate_that_comes_again_behind_a_lossy_restart_is_refused)
{
    struct rig *rig = rig_new(50, CELL_ACK_MODE_MEMORY, 0);
    struct trap trap = {.template_id = FIXP_NEGOTIATE_ID};
    struct rig_client *rc;

    trap_set(rig, &trap);
    rc = rig_connect(rig, 0, 0);
    rig_order(rig, rc, 1, false, PX);
    rig_run(rig, 2);
    rig_restart(rig, CELL_ACK_MODE_MEMORY);
    rig_again(rig, &trap.last);
    cr_assert_neq(rig_session_state(rig, 0), ENGINE_SESSION_NEGOTIATED);
    /* Else it would be let in under its UUID, and reports would have other numbers. */
    rc = rig_resume(rig, 0);
    cr_assert_eq(client_state(rc->client), CLIENT_CLOSED);
    cr_assert(strstr(client_error(rc->client), "Unnegotiated") != NULL, "%s",
              client_error(rc->client));
    rig_free(rig);
}

/* negotiate_from_before lets a client ask before a restart, and be heard behind it. */
static struct rig_client *
negotiate_from_before(struct rig *rig, uint8_t ack_mode)
{
    struct rig_client *rc = rig_client(rig, 0, 0);

    ((struct net_port *)(void *)rc->port)->blocked = true;
    client_connect(rc->client, rig->net.now_ns);
    rig_wait(rig, 10);
    rig_restart(rig, ack_mode);
    ((struct net_port *)(void *)rc->port)->blocked = false;
    rig_wait(rig, 500);
    return rc;
}

Test(fixp_recovery, negotiate_from_before_a_lossy_restart_is_refused)
{
    struct rig *rig = rig_new(51, CELL_ACK_MODE_MEMORY, 0);
    struct rig_client *rc = negotiate_from_before(rig, CELL_ACK_MODE_MEMORY);

    cr_assert_eq(client_state(rc->client), CLIENT_CLOSED);
    cr_assert(strstr(client_error(rc->client), "Timestamp is older") != NULL, "%s",
              client_error(rc->client));
    rc = rig_connect(rig, 0, 0);
    cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED);
    rig_free(rig);
}

Test(fixp_recovery, negotiate_from_before_another_restart_is_taken)
{
    struct rig *rig = rig_new(52, CELL_ACK_MODE_DURABLE, 0);
    const struct rig_client *rc = negotiate_from_before(rig, CELL_ACK_MODE_DURABLE);

    cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED, "%s", client_error(rc->client));
    rig_free(rig);
}
