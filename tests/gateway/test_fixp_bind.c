/*
 * Goal: a session is bound to its client and to nobody else, and the binding
 * ends when either says so or falls silent. Method: rig.h, one fault per test:
 * lost requests and answers, wrong credentials, second transports, silence,
 * farewells, and the gateway's own drain.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "gateway/client.h"
#include "gateway/gateway.h"
#include "proto/fixp.h"
#include "proto/limits.h"

#include "tests/gateway/rig.h"

#define PX 10000000000ll /* 100.00 */

Test(fixp_bind, footprint_refuses_what_cannot_be)
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
    bad.credentials_window_ms = CREDENTIALS_WINDOW_MS_MIN - 1;
    cr_assert_eq(gateway_footprint(&bad), 0);
    bad.credentials_window_ms = CREDENTIALS_WINDOW_MS_MAX + 1;
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

Test(fixp_bind, lost_negotiation_response_is_given_again)
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

Test(fixp_bind, lost_negotiate_is_sent_again)
{
    struct rig *rig = rig_new(3, 0, 0);
    struct trap trap = {.template_id = FIXP_NEGOTIATE_ID, .lose_cnt = 2};

    trap_set(rig, &trap);
    cr_assert_eq(client_state(rig_connect(rig, 0, 0)->client), CLIENT_ESTABLISHED);
    rig_free(rig);
}

Test(fixp_bind, lost_ack_is_given_again_and_binds_once)
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

Test(fixp_bind, establish_without_negotiate_is_refused)
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

Test(fixp_bind, keepalive_out_of_range_is_refused)
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

Test(fixp_bind, quiet_session_lives_by_heartbeats)
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

Test(fixp_bind, silent_client_is_unbound_and_told)
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

Test(fixp_bind, clock_that_is_set_back_stops_no_heartbeat_and_hides_no_silence)
{
    struct rig *rig = rig_new(50, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct trap trap = {.template_id = FIXP_SEQUENCE_ID, .from_server = true};

    trap_set(rig, &trap);
    rc->frozen = true;
    cr_assert_gt(rig->net.now_ns, 3600000000000u);
    rig->net.now_ns -= 3600000000000u;
    rig_wait(rig, 2 * RIG_KEEPALIVE_MS + 40);
    cr_assert_eq(rig_session_state(rig, 0), ENGINE_SESSION_BOUND);
    cr_assert_geq(trap.seen_cnt, 1);
    rig_wait(rig, 40);
    cr_assert_eq(rig_session_state(rig, 0), ENGINE_SESSION_NEGOTIATED);
    cr_assert_eq(rig_stats(rig).timeouts, 1);
    rig_free(rig);
}

Test(fixp_bind, silent_exchange_closes_the_client)
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

Test(fixp_bind, client_that_missed_its_terminate_is_reminded)
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

Test(fixp_bind, second_transport_of_a_living_session_is_refused)
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

Test(fixp_bind, silent_transport_is_taken_over)
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

Test(fixp_bind, client_that_starts_anew_on_its_port_is_let_in)
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

Test(fixp_bind, two_sessions_cannot_share_a_transport)
{
    struct rig *rig = rig_new(33, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct trap trap = {.template_id = FIXP_ESTABLISHMENT_REJECT_ID, .from_server = true};
    struct fixp_negotiate negotiate = {
        .timestamp = rig->net.now_ns,
        .client_flow = FIXP_FLOW_TYPE_IDEMPOTENT,
    };
    struct fixp_establish establish = {
        .timestamp = rig->net.now_ns + 1,
        .keepalive_interval = 1000,
        .next_seq_no = UINT64_MAX,
    };
    uint8_t buf[128];

    memset(negotiate.session_id, 0x44, 16);
    negotiate.session_id[8] = 0x84;
    memcpy(establish.session_id, negotiate.session_id, 16);
    trap_set(rig, &trap);
    rig_raw(rig, rc->port, buf,
            rig_sign(rig, 1, buf, fixp_negotiate_encode(buf, sizeof buf, &negotiate, NULL, 0)));
    rig_run(rig, 1);
    rig_raw(rig, rc->port, buf,
            rig_sign(rig, 1, buf, fixp_establish_encode(buf, sizeof buf, &establish, NULL, 0)));
    rig_run(rig, 1);
    cr_assert_eq(trap.seen_cnt, 1);
    cr_assert_eq(rig_session_state(rig, 1), ENGINE_SESSION_NEGOTIATED);
    cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED);
    rig_free(rig);
}

/* raw_establish sends the request of a session from the port of client 0. */
static void
raw_establish(struct rig *rig, const struct rig_client *rc)
{
    struct fixp_establish msg = {
        .timestamp = rig->net.now_ns,
        .keepalive_interval = 1000,
        .next_seq_no = UINT64_MAX,
    };
    uint8_t buf[128];

    memcpy(msg.session_id, rc->uuid, sizeof msg.session_id);
    rig_raw(rig, rig->clients[0].port, buf,
            rig_sign(rig, rc->session, buf, fixp_establish_encode(buf, sizeof buf, &msg, NULL, 0)));
}

/* Two requests are on their way from one transport at once: the engine binds
 * both, the transport is the first one's. */
Test(fixp_bind, reports_of_the_second_session_of_a_transport_stay_here)
{
    struct rig *rig = rig_new(51, 0, 0);
    struct rig_client *maker = rig_connect(rig, 1, 1);
    struct rig_client *taker = rig_connect(rig, 2, 2);
    struct rig_client *first = rig_connect(rig, 0, 0);
    struct trap trap = {.template_id = FIXP_SEQUENCE_ID, .from_server = true};

    rig_order(rig, maker, 1, true, PX);
    rig_run(rig, 2);
    client_terminate(maker->client, rig->net.now_ns);
    client_terminate(first->client, rig->net.now_ns);
    rig_run(rig, 3);
    cr_assert_eq(rig_session_state(rig, 0), ENGINE_SESSION_NEGOTIATED);
    cr_assert_eq(rig_session_state(rig, 1), ENGINE_SESSION_NEGOTIATED);
    raw_establish(rig, first);
    raw_establish(rig, maker);
    rig_step(rig, 1);
    rig_step(rig, 1);
    cr_assert_eq(rig_session_state(rig, 0), ENGINE_SESSION_BOUND);
    cr_assert_eq(rig_session_state(rig, 1), ENGINE_SESSION_BOUND);
    trap_set(rig, &trap);
    rig_order(rig, taker, 1, false, PX);
    rig_run(rig, 1);
    cr_assert_eq(taker->reports_cnt, 2, "accepted and traded");
    cr_assert_eq(trap.seen_cnt, 1, "the maker's report went to the first session's client");
    rig_wait(rig, 10);
    cr_assert_eq(rig_session_state(rig, 0), ENGINE_SESSION_BOUND);
    cr_assert_eq(rig_session_state(rig, 1), ENGINE_SESSION_NEGOTIATED, "it was found silent");
    rig_free(rig);
}

Test(fixp_bind, terminate_is_answered_behind_the_reports)
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

Test(fixp_bind, terminate_waits_for_the_disk)
{
    struct rig *rig = rig_new(58, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);

    rig->hold_durable = true;
    rig_order(rig, rc, 1, false, PX);
    client_terminate(rc->client, rig->net.now_ns);
    rig_wait(rig, 5 * RIG_KEEPALIVE_MS);
    cr_assert_eq(client_state(rc->client), CLIENT_TERMINATING);
    rig->hold_durable = false;
    rig->durable = rig->out_log.pos;
    rig_run(rig, 2);
    cr_assert_eq(client_state(rc->client), CLIENT_CLOSED);
    cr_assert_str_eq(client_error(rc->client), "");
    cr_assert_eq(rc->reports_cnt, 1);
    rig_free(rig);
}

Test(fixp_bind, lost_answer_to_terminate_is_given_again)
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

Test(fixp_bind, drain_answers_all_and_ends_all)
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

Test(fixp_bind, drain_waits_for_the_disk)
{
    struct rig *rig = rig_new(54, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);

    rig->hold_durable = true;
    rig_order(rig, rc, 1, false, PX);
    rig_run(rig, 1);
    gateway_stop(rig->gateway);
    /* However long it takes: heartbeats go on. */
    rig_wait(rig, 5 * RIG_KEEPALIVE_MS);
    cr_assert(!gateway_stopped(rig->gateway));
    cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED);
    rig->hold_durable = false;
    rig->durable = rig->out_log.pos;
    rig_run(rig, 2);
    cr_assert(gateway_stopped(rig->gateway));
    cr_assert_eq(rc->reports_cnt, 1);
    rig_free(rig);
}

Test(fixp_bind, farewell_waits_for_the_port)
{
    struct rig *rig = rig_new(59, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct net_port *server = (struct net_port *)(void *)rig->server;

    server->blocked = true;
    rig_order(rig, rc, 1, false, PX);
    rig_run(rig, 1);
    gateway_stop(rig->gateway);
    rig_run(rig, 5);
    cr_assert(!gateway_stopped(rig->gateway));
    cr_assert_eq(rig_session_state(rig, 0), ENGINE_SESSION_NEGOTIATED);
    server->blocked = false;
    rig_run(rig, 2);
    cr_assert(gateway_stopped(rig->gateway));
    cr_assert_eq(rc->reports_cnt, 1);
    cr_assert_str_eq(client_error(rc->client), "terminated by the exchange");
    rig_free(rig);
}

Test(fixp_bind, farewell_does_not_wait_for_ever)
{
    struct rig *rig = rig_new(60, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct net_port *server = (struct net_port *)(void *)rig->server;

    server->blocked = true;
    rig_order(rig, rc, 1, false, PX);
    rig_run(rig, 1);
    gateway_stop(rig->gateway);
    rig_wait(rig, 2 * RIG_KEEPALIVE_MS + 100);
    cr_assert(gateway_stopped(rig->gateway));
    rig_free(rig);
}

Test(fixp_bind, idle_gateway_stops_at_once)
{
    struct rig *rig = rig_new(55, 0, 0);

    gateway_stop(rig->gateway);
    rig_run(rig, 1);
    cr_assert(gateway_stopped(rig->gateway));
    rig_free(rig);
}

/* server_says sends bytes to client 0 as the exchange would. */
static void
server_says(struct rig *rig, const uint8_t *bytes, size_t len)
{
    const struct peer client = {.ip = RIG_SERVER_IP + 1, .udp_port = 20000};
    uint8_t *buf = port_tx_claim(rig->server, &client);

    memcpy(buf, bytes, len);
    port_tx_push(rig->server, len);
    rig_run(rig, 1);
}

Test(fixp_bind, client_ignores_answers_that_are_not_to_its_request)
{
    struct rig *rig = rig_new(60, 0, 0);
    struct rig_client *rc = rig_client(rig, 0, 0);
    struct trap trap = {.template_id = FIXP_NEGOTIATE_ID, .lose_cnt = 1};
    const struct fixp_negotiate *request;
    uint8_t buf[64];

    trap_set(rig, &trap);
    client_connect(rc->client, rig->net.now_ns);
    rig_run(rig, 1);
    cr_assert_eq(trap.seen_cnt, 1);
    request = fixp_negotiate_view(trap.last.data, trap.last.len);
    cr_assert_not_null(request);
    for (unsigned i = 0; i < 4; i++) {
        struct fixp_negotiation_reject reject = {.request_timestamp = request->timestamp};
        struct fixp_negotiation_response response = {.request_timestamp = request->timestamp};
        const bool other_uuid = i % 2 == 0;

        memcpy(reject.session_id, request->session_id, sizeof reject.session_id);
        memcpy(response.session_id, request->session_id, sizeof response.session_id);
        reject.session_id[15] ^= other_uuid;
        response.session_id[15] ^= other_uuid;
        reject.request_timestamp += !other_uuid;
        response.request_timestamp += !other_uuid;
        if (i < 2)
            server_says(rig, buf,
                        fixp_negotiation_reject_encode(buf, sizeof buf, &reject, NULL, 0));
        else
            server_says(rig, buf,
                        fixp_negotiation_response_encode(buf, sizeof buf, &response, NULL, 0));
        cr_assert_eq(client_state(rc->client), CLIENT_NEGOTIATING, "row %u", i);
    }
    rig_wait(rig, 200);
    cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED);
    rig_free(rig);
}

Test(fixp_bind, client_leaves_an_exchange_that_has_lost_reports)
{
    struct rig *rig = rig_new(61, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct client_cfg cfg = {
        .name = rig->sessions[0].name,
        .key = rig->sessions[0].key,
        .keepalive_ms = RIG_KEEPALIVE_MS,
        .resume = true,
        .resume_no = 2,
        .resume_next_report_no = 3,
    };
    struct trap trap = {.template_id = FIXP_TERMINATE_ID};

    rig_order(rig, rc, 1, false, PX);
    rig_run(rig, 2);
    client_terminate(rc->client, rig->net.now_ns);
    rig_run(rig, 2);
    trap_set(rig, &trap);
    rc = rig_client_new(rig, 0, 0, &cfg);
    client_connect(rc->client, rig->net.now_ns);
    rig_run(rig, 5);
    cr_assert_eq(client_state(rc->client), CLIENT_CLOSED);
    cr_assert_str_eq(client_error(rc->client), "the exchange has lost reports that were seen here");
    cr_assert_eq(trap.seen_cnt, 1);
    cr_assert_eq(fixp_terminate_view(trap.last.data, trap.last.len)->code,
                 FIXP_TERMINATION_CODE_UNSPECIFIED_ERROR);
    cr_assert_eq(rig_session_state(rig, 0), ENGINE_SESSION_NEGOTIATED);
    rig_free(rig);
}
