/*
 * Goal: who is not the client changes nothing and learns nothing, and no bytes
 * break the gateway. Method: rig.h; the engine's state hash and its journal
 * before and after replayed, mutated and forged datagrams.
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

Test(fixp_hostile, wrong_credentials_are_refused_without_a_trace)
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

Test(fixp_hostile, wrong_key_does_not_resume)
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

Test(fixp_hostile, replayed_datagrams_of_old_change_nothing)
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
        rig_again(rig, &old[i]);
    assert_hash_unchanged(rig, before);
    cr_assert_eq(rig->log_cnt, log_cnt);

    /* ... and while its next life is going on. */
    rc = rig_connect(rig, 0, 0);
    rig_order(rig, rc, 2, false, PX);
    rig_run(rig, 2);
    before = rig_hash(rig);
    log_cnt = rig->log_cnt;
    for (unsigned i = 0; i < ARRAY_LEN(old); i++)
        rig_again(rig, &old[i]);
    assert_hash_unchanged(rig, before);
    cr_assert_eq(rig->log_cnt, log_cnt);
    rig_order(rig, rc, 3, false, PX);
    rig_run(rig, 2);
    cr_assert_eq(rc->reports_cnt, 2);
    rig_free(rig);
}

Test(fixp_hostile, hostile_datagrams_change_nothing)
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

Test(fixp_hostile, unknown_peers_get_no_answer)
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

Test(fixp_hostile, refusal_is_no_longer_than_the_request)
{
    struct rig *rig = rig_new(30, 0, 0);
    struct rig_client *rc = rig_client(rig, 0, 0);
    struct trap trap = {.from_server = true};
    struct fixp_negotiate msg = {
        .timestamp = rig->net.now_ns,
        .client_flow = FIXP_FLOW_TYPE_IDEMPOTENT,
    };
    uint8_t buf[64];
    const size_t len = fixp_negotiate_encode(buf, sizeof buf, &msg, NULL, 0);

    trap_set(rig, &trap);
    rig_raw(rig, rc->port, buf, len);
    rig_run(rig, 2);
    cr_assert_eq(trap.seen_cnt, 1);
    cr_assert_leq(trap.last.len, len);
    rig_free(rig);
}

Test(fixp_hostile, negotiate_refusals_say_why)
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
    struct rig *rig = rig_new(31, 0, 0);
    struct rig_client *rc = rig_client(rig, 0, 0);
    struct trap trap = {.template_id = FIXP_NEGOTIATION_REJECT_ID, .from_server = true};
    const struct hash128 before = rig_hash(rig);

    trap_set(rig, &trap);
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        const uint64_t now_ns = rig->net.now_ns;
        struct fixp_negotiate msg = {.timestamp = now_ns, .client_flow = rows[i].client_flow};
        uint8_t buf[128];

        memcpy(msg.session_id, rc->uuid, 16);
        msg.session_id[6] = (uint8_t)(rows[i].version << 4);
        rig_raw(rig, rc->port, buf,
                rig_sign(rig, 0, buf, fixp_negotiate_encode(buf, sizeof buf, &msg, NULL, 0)));
        rig_run(rig, 1);
        cr_assert_eq(trap.seen_cnt, i + 1, "row %u", i);

        const struct fixp_negotiation_reject *reject =
            fixp_negotiation_reject_view(trap.last.data, trap.last.len);
        cr_assert_eq(reject->code, rows[i].code, "row %u", i);
        cr_assert_eq(reject->request_timestamp, now_ns);
    }
    assert_hash_unchanged(rig, before);
    rig_free(rig);
}

Test(fixp_hostile, time_of_a_request_lies_in_the_window)
{
    static const int64_t window_ms = CREDENTIALS_WINDOW_MS;
    const int64_t outside_ms[] = {window_ms + 10, -window_ms - 10};
    const int64_t inside_ms[] = {10 - window_ms, window_ms - 10};
    struct rig *rig = rig_new(56, 0, 0);
    const struct hash128 before = rig_hash(rig);
    struct rig_client *rc;

    for (unsigned i = 0; i < ARRAY_LEN(outside_ms); i++) {
        rc = rig_client(rig, 0, 0);
        client_connect(rc->client, rig->net.now_ns + (uint64_t)outside_ms[i] * RIG_MS);
        rig_run(rig, 2);
        cr_assert_str_eq(client_error(rc->client),
                         "negotiation refused: Timestamp is out of the window", "row %u", i);
    }
    assert_hash_unchanged(rig, before);
    for (unsigned i = 0; i < ARRAY_LEN(inside_ms); i++) {
        rc = rig_client(rig, 0, 0);
        client_connect(rc->client, rig->net.now_ns + (uint64_t)inside_ms[i] * RIG_MS);
        rig_run(rig, 2);
        cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED, "row %u", i);
    }
    rig_free(rig);
}

/* A copy of a request that never got here is of no use once its time is over. */
Test(fixp_hostile, kept_establish_is_refused_when_its_time_is_over)
{
    struct rig *rig = rig_new(59, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct trap trap = {.template_id = FIXP_ESTABLISH_ID, .lose_cnt = 1};
    struct trap answers = {.template_id = FIXP_ESTABLISHMENT_REJECT_ID, .from_server = true};

    client_terminate(rc->client, rig->net.now_ns);
    rig_run(rig, 2);
    trap_set(rig, &trap);
    rig_resume(rig, 0);
    trap_set(rig, &answers);
    client_terminate(rc->client, rig->net.now_ns);
    rig_wait(rig, CREDENTIALS_WINDOW_MS + 10);

    const struct hash128 before = rig_hash(rig);

    rig_again(rig, &trap.last);
    assert_hash_unchanged(rig, before);
    cr_assert_eq(answers.seen_cnt, 1);
    cr_assert_eq(fixp_establishment_reject_view(answers.last.data, answers.last.len)->code,
                 FIXP_ESTABLISHMENT_REJECT_CODE_UNSPECIFIED);
    rig_free(rig);
}

/* Every bit of the request is signed but those of the signature itself. */
Test(fixp_hostile, changed_request_is_of_nobody)
{
    struct rig *rig = rig_new(60, 0, 0);
    struct rig_client *rc = rig_client(rig, 0, 0);
    const struct hash128 before = rig_hash(rig);
    struct fixp_negotiate msg = {
        .timestamp = rig->net.now_ns,
        .client_flow = FIXP_FLOW_TYPE_IDEMPOTENT,
    };
    uint8_t good[128];
    uint64_t bad_cnt = 0;

    memcpy(msg.session_id, rc->uuid, sizeof msg.session_id);

    const size_t len =
        rig_sign(rig, 0, good, fixp_negotiate_encode(good, sizeof good, &msg, NULL, 0));

    for (size_t bit = 0; bit < 8 * len; bit++) {
        uint8_t bad[128];

        memcpy(bad, good, len);
        bad[bit / 8] ^= (uint8_t)(1u << bit % 8);
        /* Slowly: of so many requests no more are looked at. */
        rig_raw(rig, rc->port, bad, len);
        rig_step(rig, RIG_MS);
        rig_step(rig, 0);
        bad_cnt++;
    }
    assert_hash_unchanged(rig, before);
    cr_assert_gt(rig_stats(rig).bad_credentials, 8 * (16 + 48));
    cr_assert_leq(rig_stats(rig).bad_credentials, bad_cnt);
    rig_raw(rig, rc->port, good, len);
    rig_run(rig, 1);
    cr_assert_eq(rig_session_state(rig, 0), ENGINE_SESSION_NEGOTIATED);
    rig_free(rig);
}

Test(fixp_hostile, clear_text_keys_are_taken_where_that_is_said)
{
    static const char credentials[] = "BROKER0:key-0";

    for (unsigned plain = 0; plain < 2; plain++) {
        struct rig *rig = rig_new(61, 0, 0);
        struct rig_client *rc = rig_client(rig, 0, 0);
        struct fixp_negotiate msg = {
            .timestamp = rig->net.now_ns,
            .client_flow = FIXP_FLOW_TYPE_IDEMPOTENT,
        };
        uint8_t buf[128];

        rig->plain_credentials = plain == 1;
        rig_restart(rig, 0);
        memcpy(msg.session_id, rc->uuid, sizeof msg.session_id);
        rig_raw(rig, rc->port, buf,
                fixp_negotiate_encode(buf, sizeof buf, &msg, credentials, sizeof credentials - 1));
        rig_run(rig, 1);
        cr_assert_eq(rig_session_state(rig, 0),
                     plain == 1 ? ENGINE_SESSION_NEGOTIATED : ENGINE_SESSION_IDLE);
        cr_assert_eq(rig_stats(rig).bad_credentials, 1 - plain);
        rig_free(rig);
    }
}

/* A client that waits long signs its request anew, and either answer will do. */
Test(fixp_hostile, request_that_waits_longer_than_the_window_is_signed_anew)
{
    struct rig *rig = rig_new(62, 0, 0);
    struct rig_client *rc = rig_client(rig, 0, 0);

    rig->hold_engine = true;
    client_connect(rc->client, rig->net.now_ns);
    rig_wait(rig, CREDENTIALS_WINDOW_MS + 1000);
    cr_assert_eq(client_state(rc->client), CLIENT_NEGOTIATING);
    rig->hold_engine = false;
    rig_wait(rig, 200);
    cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED);

    struct trap trap = {
        .template_id = FIXP_NEGOTIATION_RESPONSE_ID, .from_server = true, .lose_cnt = 25};

    trap_set(rig, &trap);
    rc = rig_client(rig, 0, 0);
    client_connect(rc->client, rig->net.now_ns);
    rig_wait(rig, 1500);
    rig_restart(rig, 0);
    rig_wait(rig, 1500);
    cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED);
    rig_free(rig);
}

Test(fixp_hostile, uuid_of_another_session_is_refused)
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

Test(fixp_hostile, terminate_of_another_session_is_ignored)
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

Test(fixp_hostile, messages_that_a_client_may_not_send_end_the_binding)
{
    static const uint8_t templates[] = {
        FIXP_UNSEQUENCED_HEARTBEAT_ID, FIXP_NOT_APPLIED_ID,       FIXP_APPLIED_ID,
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
