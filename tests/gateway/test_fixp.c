/*
 * Goal: a session keeps its promises whatever the network does: orders at most
 * once, reports exactly once and in order, and nothing from who is not the
 * client. Method: the whole pipeline in one thread on virtual time (rig.h), one
 * fault per test, with the real client or, where no honest client would do it,
 * with bytes.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "gateway/client.h"
#include "gateway/gateway.h"
#include "proto/fixp.h"
#include "proto/limits.h"

#include "tests/gateway/rig.h"

#define PX 10000000000ll /* 100.00 */

/* Takes datagrams of one session template away from the net, or keeps a copy. */
struct trap {
    unsigned template_id; /* of the first message of a datagram; 0: any */
    bool from_server;
    unsigned lose_cnt; /* that many */
    unsigned seen_cnt;
    struct net_packet last;
};

static bool
trap_drop(void *ctx, const struct net_packet *packet)
{
    struct trap *trap = ctx;
    const bool from_server = packet->from.ip == RIG_SERVER_IP;
    const struct fixp_header *hdr = (const struct fixp_header *)packet->data;

    if (from_server != trap->from_server)
        return false;
    if (trap->template_id != 0 && hdr->template_id != trap->template_id)
        return false;
    trap->seen_cnt++;
    trap->last = *packet;
    if (trap->lose_cnt == 0)
        return false;
    trap->lose_cnt--;
    return true;
}

static void
trap_set(struct rig *rig, struct trap *trap)
{
    rig->net.drop = trap_drop;
    rig->net.drop_ctx = trap;
}

/* again sends a datagram of a client once more. */
static void
again(struct rig *rig, const struct net_packet *packet)
{
    net_queue(&rig->net, packet);
    rig_run(rig, 2);
}

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

Test(fixp, footprint_refuses_what_cannot_be)
{
    static const struct gateway_session_cfg sessions[1] = {{.name = "A", .key = "k", .used = true}};
    const struct gateway_cfg good = {
        .sessions_max = 1,
        .sessions = sessions,
        .retransmit_max = 64,
        .keepalive_ms = 1000,
        .ports_max = 1,
    };
    struct gateway_session_cfg bad_session = sessions[0];
    struct gateway_cfg bad = good;

    cr_assert_neq(gateway_footprint(&good), 0);
    bad.shard = SHARDS_MAX;
    cr_assert_eq(gateway_footprint(&bad), 0);
    bad = good;
    bad.sessions_max = 0;
    cr_assert_eq(gateway_footprint(&bad), 0);
    bad = good;
    bad.retransmit_max = 96;
    cr_assert_eq(gateway_footprint(&bad), 0);
    bad.retransmit_max = 32;
    cr_assert_eq(gateway_footprint(&bad), 0);
    bad = good;
    bad.keepalive_ms = KEEPALIVE_MS_MAX + 1;
    cr_assert_eq(gateway_footprint(&bad), 0);
    bad = good;
    bad.ports_max = GATEWAY_PORTS_MAX + 1;
    cr_assert_eq(gateway_footprint(&bad), 0);
    bad = good;
    bad.sessions = &bad_session;
    bad_session.name[0] = ':';
    cr_assert_eq(gateway_footprint(&bad), 0);
    bad_session = sessions[0];
    bad_session.key[0] = '\0';
    cr_assert_eq(gateway_footprint(&bad), 0);
    bad_session.used = false;
    cr_assert_neq(gateway_footprint(&bad), 0);
}

Test(fixp, orders_of_two_clients_trade)
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

Test(fixp, lost_negotiation_response_is_given_again)
{
    struct rig *rig = rig_new(2, 0, 0);
    struct trap trap = {
        .template_id = FIXP_NEGOTIATION_RESPONSE_ID, .from_server = true, .lose_cnt = 3};

    trap_set(rig, &trap);

    const struct rig_client *rc = rig_connect(rig, 0, 0);

    cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED);
    cr_assert_eq(trap.seen_cnt, 4);
    rig_free(rig);
}

Test(fixp, lost_negotiate_is_sent_again)
{
    struct rig *rig = rig_new(3, 0, 0);
    struct trap trap = {.template_id = FIXP_NEGOTIATE_ID, .lose_cnt = 2};

    trap_set(rig, &trap);
    cr_assert_eq(client_state(rig_connect(rig, 0, 0)->client), CLIENT_ESTABLISHED);
    rig_free(rig);
}

Test(fixp, lost_ack_is_given_again_and_binds_once)
{
    struct rig *rig = rig_new(4, 0, 0);
    struct trap trap = {
        .template_id = FIXP_ESTABLISHMENT_ACK_ID, .from_server = true, .lose_cnt = 2};

    trap_set(rig, &trap);

    struct rig_client *rc = rig_connect(rig, 0, 0);

    cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED);
    cr_assert_eq(trap.seen_cnt, 3);

    unsigned establishes = 0;
    for (uint64_t i = 0; i < rig->log_cnt; i++)
        establishes += cell_kind(&rig->log[i]) == CELL_KIND_SESSION_ESTABLISH;
    cr_assert_eq(establishes, 1);
    rig_order(rig, rc, 1, false, PX);
    rig_run(rig, 2);
    cr_assert_eq(rc->reports_cnt, 1);
    rig_free(rig);
}

Test(fixp, wrong_credentials_are_refused_without_a_trace)
{
    static const struct {
        const char *name;
        const char *key;
    } rows[] = {
        {"BROKER0", "key-1"}, {"BROKER9", "key-0"}, {"BROKER0", "key-"}, {"BROKER0", "key-00"},
        {"BROKER", "key-0"},  {"BROKER0", ""},      {"", "key-0"},
    };
    struct rig *rig = rig_new(5, 0, 0);
    const struct hash128 before = rig_hash(rig);

    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        struct client_cfg cfg = {
            .name = rows[i].name,
            .key = rows[i].key,
            .keepalive_ms = RIG_KEEPALIVE_MS,
        };
        struct rig_client *rc = rig_client_new(rig, 0, 0, &cfg);

        client_connect(rc->client, rig->net.now_ns);
        rig_run(rig, 2);
        cr_assert_eq(client_state(rc->client), CLIENT_CLOSED, "row %u", i);
        cr_assert_str_eq(client_error(rc->client), "negotiation refused, Credentials");
    }
    cr_assert_eq(rig_stats(rig).bad_credentials, ARRAY_LEN(rows));
    assert_hash_unchanged(rig, before);
    rig_free(rig);
}

Test(fixp, wrong_key_does_not_resume)
{
    struct rig *rig = rig_new(6, 0, 0);
    struct client_cfg cfg = {
        .name = "BROKER0",
        .key = "key-1",
        .keepalive_ms = RIG_KEEPALIVE_MS,
        .resume = true,
        .resume_no = 1,
        .resume_next_report_no = 1,
    };

    rig_connect(rig, 0, 0);

    const struct hash128 before = rig_hash(rig);
    struct rig_client *rc = rig_client_new(rig, 0, 0, &cfg);

    client_connect(rc->client, rig->net.now_ns);
    rig_run(rig, 2);
    cr_assert_str_eq(client_error(rc->client), "establishment refused, Credentials");
    assert_hash_unchanged(rig, before);
    rig_free(rig);
}

Test(fixp, establish_without_negotiate_is_refused)
{
    struct rig *rig = rig_new(7, 0, 0);
    struct client_cfg cfg = {
        .name = "BROKER0",
        .key = "key-0",
        .keepalive_ms = RIG_KEEPALIVE_MS,
        .resume = true,
        .resume_no = 1,
        .resume_next_report_no = 1,
    };
    struct rig_client *rc = rig_client_new(rig, 0, 0, &cfg);

    client_connect(rc->client, rig->net.now_ns);
    rig_run(rig, 2);
    cr_assert_eq(client_state(rc->client), CLIENT_CLOSED);
    cr_assert(strstr(client_error(rc->client), "Unnegotiated") != NULL);
    rig_free(rig);
}

Test(fixp, keepalive_out_of_range_is_refused)
{
    static const uint32_t intervals[] = {0, KEEPALIVE_MS_MIN - 1, KEEPALIVE_MS_MAX + 1};

    for (unsigned i = 0; i < ARRAY_LEN(intervals); i++) {
        struct rig *rig = rig_new(8, 0, 0);
        struct client_cfg cfg = {
            .name = "BROKER0",
            .key = "key-0",
            .keepalive_ms = intervals[i],
        };
        struct rig_client *rc = rig_client_new(rig, 0, 0, &cfg);

        client_connect(rc->client, rig->net.now_ns);
        rig_run(rig, 2);
        cr_assert_eq(client_state(rc->client), CLIENT_CLOSED);
        cr_assert_str_eq(client_error(rc->client), "establishment refused, KeepaliveInterval");
        rig_free(rig);
    }
}

Test(fixp, datagram_that_comes_twice_is_applied_once)
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

    again(rig, &order);
    again(rig, &order);
    cr_assert_eq(rc->reports_cnt, 1);
    cr_assert_eq(rig_stats(rig).duplicates, 2);
    assert_hash_unchanged(rig, before);
    cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED);
    rig_free(rig);
}

Test(fixp, newer_part_of_an_old_datagram_is_applied)
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
    again(rig, &both);
    cr_assert_eq(rig_stats(rig).duplicates, 1);
    cr_assert_eq(rig_stats(rig).messages, 2);
    cr_assert_eq(rc->reports_cnt, 2);
    cr_assert_eq(engine_orders_cnt(rig->engine), 2);
    rig_free(rig);
}

Test(fixp, numbers_that_never_came_are_told)
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

Test(fixp, heartbeat_finds_the_last_order_missing)
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

Test(fixp, datagram_that_comes_too_late_is_not_applied)
{
    struct rig *rig = rig_new(13, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct trap trap = {.template_id = FIXP_SEQUENCE_ID, .lose_cnt = 1};

    trap_set(rig, &trap);
    rig_order(rig, rc, 1, false, PX);
    const struct net_packet late = trap.last;
    rig_order(rig, rc, 2, false, PX);
    rig_run(rig, 2);
    again(rig, &late);
    cr_assert_eq(rc->not_applied_cnt, 1);
    cr_assert_eq(engine_orders_cnt(rig->engine), 1);
    rig_free(rig);
}

Test(fixp, lost_report_is_asked_for_again)
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

Test(fixp, long_hole_is_filled_in_several_requests)
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

Test(fixp, reports_that_are_no_more_kept_end_the_session)
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

/* raw_retransmit_request sends one and returns what came back in the trap. */
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

Test(fixp, retransmit_requests_out_of_range_are_refused)
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

Test(fixp, retransmit_request_for_another_session_is_refused)
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

Test(fixp, second_retransmit_request_of_a_poll_is_one_too_many)
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

Test(fixp, quiet_session_lives_by_heartbeats)
{
    struct rig *rig = rig_new(20, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    const uint64_t log_cnt = rig->log_cnt;

    rig_wait(rig, 20 * RIG_KEEPALIVE_MS);
    cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED);
    cr_assert_eq(rig_session_state(rig, 0), ENGINE_SESSION_BOUND);
    cr_assert_eq(rig->log_cnt, log_cnt, "heartbeats are not journaled");
    rig_order(rig, rc, 1, false, PX);
    rig_run(rig, 2);
    cr_assert_eq(rc->reports_cnt, 1);
    rig_free(rig);
}

Test(fixp, silent_client_is_unbound_and_told)
{
    struct rig *rig = rig_new(21, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct trap trap = {.template_id = FIXP_TERMINATE_ID, .from_server = true};

    trap_set(rig, &trap);
    rc->frozen = true;
    rig_wait(rig, 2 * RIG_KEEPALIVE_MS + 40);
    cr_assert_eq(rig_session_state(rig, 0), ENGINE_SESSION_BOUND);
    cr_assert_eq(trap.seen_cnt, 0);
    rig_wait(rig, 30);
    cr_assert_eq(rig_session_state(rig, 0), ENGINE_SESSION_NEGOTIATED);
    cr_assert_eq(trap.seen_cnt, 1);
    cr_assert_eq(fixp_terminate_view(trap.last.data, trap.last.len)->code,
                 FIXP_TERMINATION_CODE_UNSPECIFIED_ERROR);
    cr_assert_eq(rig_stats(rig).timeouts, 1);
    rc->frozen = false;
    rig_wait(rig, 5);
    cr_assert_eq(client_state(rc->client), CLIENT_CLOSED);
    cr_assert_str_eq(client_error(rc->client), "terminated by the exchange: timed out");
    rig_free(rig);
}

Test(fixp, silent_exchange_closes_the_client)
{
    struct rig *rig = rig_new(22, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct trap trap = {.from_server = true, .lose_cnt = UINT32_MAX};

    trap_set(rig, &trap);
    rig_wait(rig, 2 * RIG_KEEPALIVE_MS + 40);
    cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED);
    rig_wait(rig, 30);
    cr_assert_eq(client_state(rc->client), CLIENT_CLOSED);
    cr_assert_str_eq(client_error(rc->client), "the exchange is silent");
    rig_free(rig);
}

Test(fixp, client_that_missed_its_terminate_is_reminded)
{
    struct rig *rig = rig_new(23, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct trap trap = {.template_id = FIXP_TERMINATE_ID, .from_server = true, .lose_cnt = 1};

    trap_set(rig, &trap);
    rc->frozen = true;
    rig_wait(rig, 2 * RIG_KEEPALIVE_MS + 100);
    cr_assert_eq(trap.seen_cnt, 1);
    for (unsigned i = 0; i < 10; i++) {
        rig_order(rig, rc, 1, false, PX);
        rig_run(rig, 1);
    }
    cr_assert_eq(trap.seen_cnt, 2, "once a second");
    cr_assert_eq(engine_orders_cnt(rig->engine), 0);
    rc->frozen = false;
    rig_run(rig, 1);
    cr_assert_eq(client_state(rc->client), CLIENT_CLOSED);
    rig_free(rig);
}

Test(fixp, second_transport_of_a_living_session_is_refused)
{
    struct rig *rig = rig_new(24, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct client_cfg cfg = {
        .name = "BROKER0",
        .key = "key-0",
        .keepalive_ms = RIG_KEEPALIVE_MS,
        .resume = true,
        .resume_no = 1,
        .resume_next_report_no = 1,
    };
    struct rig_client *second;

    memcpy(rig->clients[1].uuid, rc->uuid, 16);
    second = rig_client_new(rig, 1, 0, &cfg);
    client_connect(second->client, rig->net.now_ns);
    rig_run(rig, 2);
    cr_assert_eq(client_state(second->client), CLIENT_CLOSED);
    cr_assert(strstr(client_error(second->client), "AlreadyEstablished") != NULL);

    /* Nor under a new UUID. */
    cfg.resume = false;
    second = rig_client_new(rig, 1, 0, &cfg);
    client_connect(second->client, rig->net.now_ns);
    rig_run(rig, 2);
    cr_assert_eq(client_state(second->client), CLIENT_CLOSED);
    rig_order(rig, rc, 1, false, PX);
    rig_run(rig, 2);
    cr_assert_eq(rc->reports_cnt, 1);
    rig_free(rig);
}

Test(fixp, silent_transport_is_taken_over)
{
    struct rig *rig = rig_new(25, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct client_cfg cfg = {
        .name = "BROKER0",
        .key = "key-0",
        .keepalive_ms = RIG_KEEPALIVE_MS,
        .resume = true,
        .resume_no = 2,
        .resume_next_report_no = 1,
    };
    struct rig_client *second;

    rig_order(rig, rc, 1, false, PX);
    rig_run(rig, 2);
    rc->frozen = true;
    rig_wait(rig, RIG_KEEPALIVE_MS + 20);
    memcpy(rig->clients[1].uuid, rc->uuid, 16);
    second = rig_client_new(rig, 1, 0, &cfg);
    client_connect(second->client, rig->net.now_ns);
    rig_run(rig, 3);
    cr_assert_eq(client_state(second->client), CLIENT_ESTABLISHED);
    cr_assert_eq(second->reports_cnt, 1, "what the first had seen, the second asked for");
    cr_assert_eq(rig_order(rig, second, 2, false, PX), 2);
    rig_run(rig, 2);
    cr_assert_eq(second->reports_cnt, 2);
    rc->frozen = false;
    rig_run(rig, 2);
    cr_assert_eq(client_state(rc->client), CLIENT_CLOSED);
    cr_assert_str_eq(client_error(rc->client), "terminated by the exchange: taken over");
    rig_free(rig);
}

Test(fixp, client_that_starts_anew_on_its_port_is_let_in)
{
    struct rig *rig = rig_new(26, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);

    rig_order(rig, rc, 1, false, PX);
    rig_run(rig, 2);
    /* The process died and is back at once; first with its numbers ... */
    rc = rig_resume(rig, 0);
    cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED);
    cr_assert_eq(rig_order(rig, rc, 2, false, PX), 2);
    rig_run(rig, 2);
    cr_assert_eq(rc->reports_cnt, 2);
    /* ... and then without: a new UUID, numbers from 1. */
    rc = rig_connect(rig, 0, 0);
    cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED);
    cr_assert_eq(rig_order(rig, rc, 3, false, PX), 1);
    rig_run(rig, 2);
    cr_assert_eq(rc->reports_cnt, 1);
    cr_assert_eq(rig_last(rc)->no, 1);
    cr_assert_eq(engine_orders_cnt(rig->engine), 3);
    rig_free(rig);
}

Test(fixp, replayed_datagrams_of_old_change_nothing)
{
    struct rig *rig = rig_new(27, 0, 0);
    struct trap trap = {.template_id = FIXP_NEGOTIATE_ID};
    struct net_packet old[4];
    struct rig_client *rc;

    trap_set(rig, &trap);
    rc = rig_connect(rig, 0, 0);
    old[0] = trap.last;
    trap.template_id = FIXP_ESTABLISH_ID;
    rc = rig_resume(rig, 0);
    old[1] = trap.last;
    trap.template_id = FIXP_SEQUENCE_ID;
    rig_order(rig, rc, 1, false, PX);
    rig_run(rig, 2);
    old[2] = trap.last;
    trap.template_id = FIXP_TERMINATE_ID;
    client_terminate(rc->client, rig->net.now_ns);
    rig_run(rig, 2);
    old[3] = trap.last;

    /* While the session is ended ... */
    struct hash128 before = rig_hash(rig);
    uint64_t log_cnt = rig->log_cnt;

    for (unsigned i = 0; i < ARRAY_LEN(old); i++)
        again(rig, &old[i]);
    assert_hash_unchanged(rig, before);
    cr_assert_eq(rig->log_cnt, log_cnt);

    /* ... and while its next life is going on. */
    rc = rig_connect(rig, 0, 0);
    rig_order(rig, rc, 2, false, PX);
    rig_run(rig, 2);
    before = rig_hash(rig);
    log_cnt = rig->log_cnt;
    for (unsigned i = 0; i < ARRAY_LEN(old); i++)
        again(rig, &old[i]);
    assert_hash_unchanged(rig, before);
    cr_assert_eq(rig->log_cnt, log_cnt);
    rig_order(rig, rc, 3, false, PX);
    rig_run(rig, 2);
    cr_assert_eq(rc->reports_cnt, 2);
    rig_free(rig);
}

Test(fixp, hostile_datagrams_change_nothing)
{
    struct rig *rig = rig_new(28, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct trap trap = {.template_id = FIXP_SEQUENCE_ID};
    uint64_t random = 28;

    trap_set(rig, &trap);
    rig_order(rig, rc, 1, false, PX);
    rig_run(rig, 2);

    const struct net_packet order = trap.last;
    const struct hash128 before = rig_hash(rig);

    for (unsigned i = 0; i < 4000; i++) {
        struct net_packet packet = order;

        switch (i % 4) {
        case 0: /* cut: less than the message that was applied */
            packet.len = (uint32_t)(net_random(&random) % order.len);
            break;
        case 1: /* another schema */
            packet.data[4 + net_random(&random) % 2] ^= (uint8_t)(1 + net_random(&random) % 255);
            break;
        case 2: /* noise from the client's address; not Sequence by chance */
            for (unsigned j = 0; j < packet.len; j++)
                packet.data[j] = (uint8_t)net_random(&random);
            packet.data[4] = 1;
            break;
        default: /* anything, from an address that is nobody's */
            packet.data[net_random(&random) % packet.len] ^= (uint8_t)(net_random(&random) | 1);
            packet.from.udp_port = (uint16_t)(30000 + i);
            break;
        }
        net_queue(&rig->net, &packet);
        if (i % 16 == 15)
            rig_step(rig, RIG_MS / 10);
    }
    rig_run(rig, 2);
    assert_hash_unchanged(rig, before);
    cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED);

    const struct gateway_stats stats = rig_stats(rig);
    cr_assert_gt(stats.bad_frame, 0);
    cr_assert_gt(stats.bad_schema, 0);
    cr_assert_gt(stats.bad_session, 900);
    rig_free(rig);
}

Test(fixp, unknown_peers_get_no_answer)
{
    struct rig *rig = rig_new(29, 0, 0);
    struct rig_client *rc = rig_client(rig, 0, 0);
    struct trap trap = {.from_server = true};
    struct fixp_sequence sequence = {.next_seq_no = 1};
    struct fixp_terminate terminate = {.code = 0};
    uint8_t buf[64];

    trap_set(rig, &trap);
    rig_raw(rig, rc->port, buf, fixp_sequence_encode(buf, sizeof buf, &sequence));
    rig_raw(rig, rc->port, buf, fixp_terminate_encode(buf, sizeof buf, &terminate, NULL, 0));
    rig_raw(rig, rc->port, buf, 3);
    rig_raw(rig, rc->port, buf, 0);
    raw_retransmit_request(rig, rc, rc->uuid, 1, 1);
    rig_run(rig, 2);
    cr_assert_eq(trap.seen_cnt, 0);
    cr_assert_geq(rig_stats(rig).bad_session, 4);
    rig_free(rig);
}

Test(fixp, refusal_is_no_longer_than_the_request)
{
    struct rig *rig = rig_new(30, 0, 0);
    struct rig_client *rc = rig_client(rig, 0, 0);
    struct trap trap = {.from_server = true};
    struct fixp_negotiate msg = {.timestamp = 1, .client_flow = FIXP_FLOW_TYPE_IDEMPOTENT};
    uint8_t buf[64];
    const size_t len = fixp_negotiate_encode(buf, sizeof buf, &msg, NULL, 0);

    trap_set(rig, &trap);
    rig_raw(rig, rc->port, buf, len);
    rig_run(rig, 2);
    cr_assert_eq(trap.seen_cnt, 1);
    cr_assert_leq(trap.last.len, len);
    rig_free(rig);
}

Test(fixp, negotiate_refusals_say_why)
{
    static const struct {
        uint8_t client_flow;
        uint8_t version; /* of the UUID */
        uint8_t code;
    } rows[] = {
        {FIXP_FLOW_TYPE_RECOVERABLE, 4, FIXP_NEGOTIATION_REJECT_CODE_FLOW_TYPE_NOT_SUPPORTED},
        {FIXP_FLOW_TYPE_UNSEQUENCED, 4, FIXP_NEGOTIATION_REJECT_CODE_FLOW_TYPE_NOT_SUPPORTED},
        {FIXP_FLOW_TYPE_NONE, 4, FIXP_NEGOTIATION_REJECT_CODE_FLOW_TYPE_NOT_SUPPORTED},
        {FIXP_FLOW_TYPE_IDEMPOTENT, 1, FIXP_NEGOTIATION_REJECT_CODE_UNSPECIFIED},
    };
    static const char credentials[] = "BROKER0:key-0";
    struct rig *rig = rig_new(31, 0, 0);
    struct rig_client *rc = rig_client(rig, 0, 0);
    struct trap trap = {.template_id = FIXP_NEGOTIATION_REJECT_ID, .from_server = true};
    const struct hash128 before = rig_hash(rig);

    trap_set(rig, &trap);
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        struct fixp_negotiate msg = {.timestamp = 1 + i, .client_flow = rows[i].client_flow};
        uint8_t buf[128];

        memcpy(msg.session_id, rc->uuid, 16);
        msg.session_id[6] = (uint8_t)(rows[i].version << 4);
        rig_raw(rig, rc->port, buf,
                fixp_negotiate_encode(buf, sizeof buf, &msg, credentials, sizeof credentials - 1));
        rig_run(rig, 1);
        cr_assert_eq(trap.seen_cnt, i + 1, "row %u", i);

        const struct fixp_negotiation_reject *reject =
            fixp_negotiation_reject_view(trap.last.data, trap.last.len);
        cr_assert_eq(reject->code, rows[i].code, "row %u", i);
        cr_assert_eq(reject->request_timestamp, 1 + i);
    }
    assert_hash_unchanged(rig, before);
    rig_free(rig);
}

Test(fixp, time_of_a_request_may_be_a_minute_ahead_and_no_more)
{
    struct rig *rig = rig_new(56, 0, 0);
    struct rig_client *rc = rig_client(rig, 0, 0);

    client_connect(rc->client, rig->net.now_ns + 61000 * RIG_MS);
    rig_run(rig, 2);
    cr_assert_str_eq(client_error(rc->client), "negotiation refused: Timestamp is in the future");
    rc = rig_client(rig, 0, 0);
    client_connect(rc->client, rig->net.now_ns + 59000 * RIG_MS);
    rig_run(rig, 2);
    cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED);
    rig_free(rig);
}

Test(fixp, uuid_of_another_session_is_refused)
{
    struct rig *rig = rig_new(32, 0, 0);
    const struct rig_client *rc = rig_connect(rig, 0, 0);
    struct client_cfg cfg = {.name = "BROKER1", .key = "key-1", .keepalive_ms = RIG_KEEPALIVE_MS};
    struct rig_client *thief = rig_client_new(rig, 1, 1, &cfg);

    memcpy(cfg.uuid, rc->uuid, 16);
    client_free(thief->client);
    thief->client = client_new(&cfg);
    client_connect(thief->client, rig->net.now_ns);
    rig_run(rig, 2);
    cr_assert_eq(client_state(thief->client), CLIENT_CLOSED);
    cr_assert(strstr(client_error(thief->client), "DuplicateId") != NULL);
    cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED);
    rig_free(rig);
}

Test(fixp, two_sessions_cannot_share_a_transport)
{
    struct rig *rig = rig_new(33, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    static const char credentials[] = "BROKER1:key-1";
    struct trap trap = {.template_id = FIXP_ESTABLISHMENT_REJECT_ID, .from_server = true};
    struct fixp_negotiate negotiate = {.timestamp = 1, .client_flow = FIXP_FLOW_TYPE_IDEMPOTENT};
    struct fixp_establish establish = {
        .timestamp = 2,
        .keepalive_interval = 1000,
        .next_seq_no = UINT64_MAX,
    };
    uint8_t buf[128];

    memset(negotiate.session_id, 0x44, 16);
    negotiate.session_id[8] = 0x84;
    memcpy(establish.session_id, negotiate.session_id, 16);
    trap_set(rig, &trap);
    rig_raw(
        rig, rc->port, buf,
        fixp_negotiate_encode(buf, sizeof buf, &negotiate, credentials, sizeof credentials - 1));
    rig_run(rig, 1);
    rig_raw(
        rig, rc->port, buf,
        fixp_establish_encode(buf, sizeof buf, &establish, credentials, sizeof credentials - 1));
    rig_run(rig, 1);
    cr_assert_eq(trap.seen_cnt, 1);
    cr_assert_eq(rig_session_state(rig, 1), ENGINE_SESSION_NEGOTIATED);
    cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED);
    rig_free(rig);
}

Test(fixp, terminate_is_answered_behind_the_reports)
{
    struct rig *rig = rig_new(34, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);

    for (uint64_t i = 1; i <= 40; i++)
        rig_order(rig, rc, i, false, PX);
    client_terminate(rc->client, rig->net.now_ns);
    rig_run(rig, 2);
    cr_assert_eq(client_state(rc->client), CLIENT_CLOSED);
    cr_assert_str_eq(client_error(rc->client), "");
    cr_assert_eq(rc->reports_cnt, 40);
    cr_assert_eq(rig_session_state(rig, 0), ENGINE_SESSION_NEGOTIATED);
    rig_free(rig);
}

Test(fixp, lost_answer_to_terminate_is_given_again)
{
    struct rig *rig = rig_new(35, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct trap trap = {.template_id = FIXP_TERMINATE_ID, .from_server = true, .lose_cnt = 1};

    trap_set(rig, &trap);
    client_terminate(rc->client, rig->net.now_ns);
    rig_run(rig, 2);
    cr_assert_eq(client_state(rc->client), CLIENT_TERMINATING);
    rig_wait(rig, 200);
    cr_assert_eq(client_state(rc->client), CLIENT_CLOSED);
    cr_assert_str_eq(client_error(rc->client), "");
    rig_free(rig);
}

Test(fixp, terminate_of_another_session_is_ignored)
{
    struct rig *rig = rig_new(36, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct fixp_terminate msg = {.code = 0};
    uint8_t buf[64];

    rig_raw(rig, rc->port, buf, fixp_terminate_encode(buf, sizeof buf, &msg, NULL, 0));
    rig_run(rig, 2);
    cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED);
    cr_assert_eq(rig_session_state(rig, 0), ENGINE_SESSION_BOUND);
    rig_free(rig);
}

Test(fixp, session_goes_on_after_terminate)
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

Test(fixp, finished_sending_is_answered_and_ends_the_binding)
{
    struct rig *rig = rig_new(38, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct trap trap = {.template_id = FIXP_FINISHED_RECEIVING_ID, .from_server = true};
    struct fixp_finished_sending msg = {.last_seq_no = 3};
    uint8_t buf[64];

    memcpy(msg.session_id, rc->uuid, 16);
    trap_set(rig, &trap);
    rig_raw(rig, rc->port, buf, fixp_finished_sending_encode(buf, sizeof buf, &msg));
    rig_run(rig, 2);
    cr_assert_eq(trap.seen_cnt, 1);
    cr_assert_eq(rc->not_applied_cnt, 3, "what was sent and never came is told first");
    cr_assert_eq(client_state(rc->client), CLIENT_CLOSED);
    cr_assert_eq(rig_session_state(rig, 0), ENGINE_SESSION_NEGOTIATED);
    rig_free(rig);
}

Test(fixp, context_serves_as_sequence_for_the_peers_own_session)
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

Test(fixp, orders_without_a_sequence_are_counted_on)
{
    struct rig *rig = rig_new(40, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct trap trap = {.template_id = FIXP_SEQUENCE_ID};

    trap_set(rig, &trap);
    rig_order(rig, rc, 1, false, PX);
    rig_run(rig, 2);
    trap.last.data[16 + 8] = 2; /* ClOrdID */
    rig_raw(rig, rc->port, trap.last.data + 16, trap.last.len - 16);
    rig_run(rig, 2);
    cr_assert_eq(rc->reports_cnt, 2);
    cr_assert_eq(rig_template(rig_last(rc)), OE_EXECUTION_REPORT_NEW_ID);
    rig_free(rig);
}

Test(fixp, unknown_message_is_refused_by_its_number)
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

Test(fixp, padding_behind_a_message_is_ignored)
{
    struct rig *rig = rig_new(42, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct trap trap = {.template_id = FIXP_SEQUENCE_ID, .lose_cnt = 1};

    trap_set(rig, &trap);
    rig_order(rig, rc, 1, false, PX);
    memset(trap.last.data + trap.last.len, 0, 12);
    trap.last.len += 12;
    again(rig, &trap.last);
    cr_assert_eq(rc->reports_cnt, 1);
    cr_assert_eq(rig_stats(rig).bad_frame, 0);
    rig_free(rig);
}

Test(fixp, messages_that_a_client_may_not_send_end_the_binding)
{
    static const uint8_t templates[] = {
        FIXP_UNSEQUENCED_HEARTBEAT_ID, FIXP_FINISHED_RECEIVING_ID,
        FIXP_NOT_APPLIED_ID,           FIXP_APPLIED_ID,
        FIXP_RETRANSMISSION_ID,        FIXP_ESTABLISHMENT_ACK_ID,
    };

    for (unsigned i = 0; i < ARRAY_LEN(templates); i++) {
        struct rig *rig = rig_new(43, 0, 0);
        struct rig_client *rc = rig_connect(rig, 0, 0);
        uint8_t buf[64] = {0};

        fixp_header_put(buf, templates[i], 36);
        rig_raw(rig, rc->port, buf, 44);
        rig_run(rig, 2);
        cr_assert_eq(rig_session_state(rig, 0), ENGINE_SESSION_NEGOTIATED, "template %u",
                     templates[i]);
        cr_assert_eq(client_state(rc->client), CLIENT_CLOSED);
        rig_free(rig);
    }
}

Test(fixp, sequence_that_skips_too_much_ends_the_binding)
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

Test(fixp, nothing_is_told_before_it_is_durable)
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

Test(fixp, what_was_not_durable_was_never_told)
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

Test(fixp, restart_keeps_sessions_and_reports)
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

Test(fixp, requests_that_a_restart_interrupted_are_answered_when_repeated)
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

Test(fixp, restart_after_a_lossy_run_ends_the_sessions)
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

Test(fixp, full_in_ring_stops_receiving)
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

Test(fixp, full_port_delays_reports)
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

Test(fixp, full_port_of_the_client_queues_nothing_more)
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

Test(fixp, drain_answers_all_and_ends_all)
{
    struct rig *rig = rig_new(53, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct rig_client *other = rig_connect(rig, 1, 1);

    for (uint64_t i = 1; i <= 10; i++)
        rig_order(rig, rc, i, false, PX);
    rig_step(rig, RIG_MS / 10);
    gateway_stop(rig->gateway);
    cr_assert(!gateway_stopped(rig->gateway));
    rig_run(rig, 2);
    cr_assert(gateway_stopped(rig->gateway));
    cr_assert_eq(rc->reports_cnt, 10);
    cr_assert_eq(client_state(rc->client), CLIENT_CLOSED);
    cr_assert_eq(client_state(other->client), CLIENT_CLOSED);
    cr_assert_eq(rig_session_state(rig, 0), ENGINE_SESSION_NEGOTIATED);
    cr_assert_eq(rig_session_state(rig, 1), ENGINE_SESSION_NEGOTIATED);
    rig_free(rig);
}

Test(fixp, drain_waits_for_the_disk)
{
    struct rig *rig = rig_new(54, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);

    rig->hold_durable = true;
    rig_order(rig, rc, 1, false, PX);
    rig_run(rig, 1);
    gateway_stop(rig->gateway);
    rig_run(rig, 5);
    cr_assert(!gateway_stopped(rig->gateway));
    cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED);
    rig->hold_durable = false;
    rig->durable = rig->out_log.pos;
    rig_run(rig, 2);
    cr_assert(gateway_stopped(rig->gateway));
    cr_assert_eq(rc->reports_cnt, 1);
    rig_free(rig);
}

Test(fixp, idle_gateway_stops_at_once)
{
    struct rig *rig = rig_new(55, 0, 0);

    gateway_stop(rig->gateway);
    rig_run(rig, 1);
    cr_assert(gateway_stopped(rig->gateway));
    rig_free(rig);
}
