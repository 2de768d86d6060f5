/*
 * Goal: a session ends for good when both flows are finished, whatever is lost on the
 * way, and never comes back; half an end is kept too. Method: rig.h; what the client
 * library does not say is sent from its port as raw bytes.
 */
#include <string.h>

#include <criterion/criterion.h>

#include "gateway/client.h"
#include "gateway/gateway.h"
#include "proto/fixp.h"

#include "tests/gateway/rig.h"

#define PX 10000000000ll /* 100.00 */

/* commands counts those of a kind in the journal. */
static unsigned
commands(const struct rig *rig, unsigned kind)
{
    unsigned cnt = 0;

    for (uint64_t i = 0; i < rig->log_cnt; i += cell_count(&rig->log[i]))
        cnt += cell_kind(&rig->log[i]) == kind;
    return cnt;
}

static void
raw_finished_sending(struct rig *rig, struct rig_client *rc, uint64_t last_no)
{
    struct fixp_finished_sending msg = {.last_seq_no = last_no};
    uint8_t buf[64];

    memcpy(msg.session_id, rc->uuid, sizeof msg.session_id);
    rig_raw(rig, rc->port, buf, fixp_finished_sending_encode(buf, sizeof buf, &msg));
    rig_run(rig, 2);
}

static void
raw_finished_receiving(struct rig *rig, struct rig_client *rc)
{
    struct fixp_finished_receiving msg;
    uint8_t buf[64];

    memcpy(msg.session_id, rc->uuid, sizeof msg.session_id);
    rig_raw(rig, rc->port, buf, fixp_finished_receiving_encode(buf, sizeof buf, &msg));
    rig_run(rig, 2);
}

/* negotiates tells whether the exchange takes the client's UUID once more. */
static bool
negotiates(struct rig *rig, struct rig_client *rc, const char *reason)
{
    struct client_cfg cfg = {.name = rig->sessions[rc->session].name,
                             .key = rig->sessions[rc->session].key,
                             .keepalive_ms = RIG_KEEPALIVE_MS};
    uint8_t uuid[16];
    bool taken;

    memcpy(uuid, rc->uuid, sizeof uuid);
    rig_client_new(rig, (unsigned)(rc - rig->clients), rc->session, &cfg);
    memcpy(rc->uuid, uuid, sizeof uuid);
    client_free(rc->client);
    rig_client_cfg(rig, (unsigned)(rc - rig->clients), &cfg);
    rc->client = client_new(&cfg);
    client_connect(rc->client, rig->net.now_ns);
    rig_run(rig, 5);
    taken = client_state(rc->client) == CLIENT_ESTABLISHED;
    cr_assert(taken || strstr(client_error(rc->client), reason) != NULL, "%s",
              client_error(rc->client));
    return taken;
}

/* assert_dead: the client's UUID is of no use, and another works. */
static void
assert_dead(struct rig *rig, struct rig_client *rc)
{
    const unsigned idx = (unsigned)(rc - rig->clients);

    cr_assert_eq(rig_session_state(rig, rc->session), ENGINE_SESSION_IDLE);
    rig_resume(rig, idx);
    cr_assert_eq(client_state(rc->client), CLIENT_CLOSED);
    cr_assert(strstr(client_error(rc->client), "Unnegotiated") != NULL);
    cr_assert(!negotiates(rig, rc, "DuplicateId"));
    rig_wait(rig, 2);
    rig_connect(rig, idx, rc->session);
    cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED);
    cr_assert_eq(rig_order(rig, rc, 99, false, PX), 1);
    rig_run(rig, 2);
    cr_assert_eq(rc->reports_cnt, 1);
    cr_assert_eq(rc->reports[0].no, 1);
}

Test(fixp_finish, both_flows_end_and_with_them_the_uuid)
{
    struct rig *rig = rig_new(501, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);

    rig_order(rig, rc, 1, false, PX);
    rig_order(rig, rc, 2, false, PX);
    client_finish(rc->client, rig->net.now_ns);
    cr_assert_eq(client_state(rc->client), CLIENT_FINISHING);
    rig_run(rig, 5);
    cr_assert_eq(client_state(rc->client), CLIENT_CLOSED);
    cr_assert_str_eq(client_error(rc->client), "");
    cr_assert(client_finished(rc->client));
    cr_assert_eq(rc->reports_cnt, 2);
    cr_assert_eq(rc->not_applied_cnt, 0);
    cr_assert_eq(commands(rig, CELL_KIND_SESSION_SEQUENCE), 1);
    cr_assert_eq(engine_orders_cnt(rig->engine), 2, "orders are the session's");
    assert_dead(rig, rc);
    rig_free(rig);
}

Test(fixp_finish, what_never_came_is_told_before_the_end)
{
    struct rig *rig = rig_new(502, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct trap trap = {.template_id = FIXP_SEQUENCE_ID, .lose_cnt = 3};

    trap_set(rig, &trap);
    for (uint64_t i = 1; i <= 3; i++) {
        rig_order(rig, rc, i, false, PX);
        rig_run(rig, 1);
    }
    client_finish(rc->client, rig->net.now_ns);
    rig_run(rig, 5);
    cr_assert_eq(rc->not_applied_from, 1);
    cr_assert_eq(rc->not_applied_cnt, 3);
    cr_assert_eq(rc->reports_cnt, 0);
    cr_assert(client_finished(rc->client));
    assert_dead(rig, rc);
    rig_free(rig);
}

Test(fixp_finish, each_lost_message_of_the_end_is_said_again)
{
    /* FinishedReceiving goes in front of the exchange's FinishedSending. */
    static const struct {
        uint8_t template_id;
        bool from_server;
    } rows[] = {
        {FIXP_FINISHED_SENDING_ID, false},
        {FIXP_FINISHED_RECEIVING_ID, true},
        {FIXP_FINISHED_RECEIVING_ID, false},
        {FIXP_TERMINATE_ID, true},
    };

    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        struct rig *rig = rig_new(503 + i, 0, 0);
        struct rig_client *rc = rig_connect(rig, 0, 0);
        struct trap trap = {
            .template_id = rows[i].template_id, .from_server = rows[i].from_server, .lose_cnt = 2};

        trap_set(rig, &trap);
        rig_order(rig, rc, 1, false, PX);
        client_finish(rc->client, rig->net.now_ns);
        rig_wait(rig, 500);
        cr_assert_geq(trap.seen_cnt, 3, "row %u", i);
        cr_assert_eq(client_state(rc->client), CLIENT_CLOSED, "row %u", i);
        cr_assert(client_finished(rc->client), "row %u: %s", i, client_error(rc->client));
        cr_assert_eq(commands(rig, CELL_KIND_SESSION_SEQUENCE), 1, "row %u", i);
        cr_assert_eq(commands(rig, CELL_KIND_SESSION_UNBIND), 1, "row %u", i);
        assert_dead(rig, rc);
        rig_free(rig);
    }
}

Test(fixp_finish, every_datagram_twice_ends_it_once)
{
    struct rig *rig = rig_new(507, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct trap sending = {.template_id = FIXP_FINISHED_SENDING_ID};
    struct trap receiving = {.template_id = FIXP_FINISHED_RECEIVING_ID};

    trap_set(rig, &sending);
    rig_order(rig, rc, 1, false, PX);
    client_finish(rc->client, rig->net.now_ns);
    rig_step(rig, RIG_MS / 10);
    trap_set(rig, &receiving);
    rig_run(rig, 5);
    cr_assert(client_finished(rc->client));
    cr_assert_eq(receiving.seen_cnt, 1);
    for (unsigned i = 0; i < 2; i++) {
        if (sending.seen_cnt > 0)
            rig_again(rig, &sending.last);
        rig_again(rig, &receiving.last);
    }
    cr_assert_eq(commands(rig, CELL_KIND_SESSION_SEQUENCE), 1);
    cr_assert_eq(commands(rig, CELL_KIND_SESSION_UNBIND), 1);
    assert_dead(rig, rc);
    rig_free(rig);
}

Test(fixp_finish, missing_reports_are_fetched_first)
{
    struct rig *rig = rig_new(508, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct trap trap = {.template_id = FIXP_SEQUENCE_ID, .from_server = true, .lose_cnt = 100};

    trap_set(rig, &trap);
    for (uint64_t i = 1; i <= 100; i++) {
        rig_order(rig, rc, i, false, PX);
        rig_step(rig, RIG_MS / 10);
    }
    client_finish(rc->client, rig->net.now_ns);
    rig_wait(rig, 300);
    cr_assert_eq(rc->reports_cnt, 100);
    for (uint64_t i = 0; i < 100; i++)
        cr_assert_eq(rc->reports[i].no, i + 1);
    cr_assert(client_finished(rc->client));
    assert_dead(rig, rc);
    rig_free(rig);
}

Test(fixp_finish, nothing_may_follow_what_was_said_to_be_the_last)
{
    for (unsigned i = 0; i < 2; i++) {
        struct rig *rig = rig_new(509, 0, 0);
        struct rig_client *rc = rig_connect(rig, 0, 0);
        const struct fixp_sequence sequence = {.next_seq_no = 3};
        struct trap trap = {.template_id = FIXP_SEQUENCE_ID};
        uint8_t buf[64];

        trap_set(rig, &trap);
        rig_order(rig, rc, 1, false, PX);
        rig_run(rig, 2);
        raw_finished_sending(rig, rc, 1);
        cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED);
        /* An old datagram may come late, and a heartbeat says nothing new. */
        rig_again(rig, &trap.last);
        rig_wait(rig, 3 * RIG_KEEPALIVE_MS);
        cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED);
        cr_assert_eq(rc->reports_cnt, 1);
        if (i == 0)
            rig_order(rig, rc, 2, false, PX);
        else
            rig_raw(rig, rc->port, buf, fixp_sequence_encode(buf, sizeof buf, &sequence));
        rig_run(rig, 2);
        cr_assert_eq(client_state(rc->client), CLIENT_CLOSED);
        cr_assert(strstr(client_error(rc->client), "a message behind FinishedSending") != NULL,
                  "%s", client_error(rc->client));
        cr_assert_eq(rc->reports_cnt, 1);
        cr_assert_eq(rig_session_state(rig, 0), ENGINE_SESSION_NEGOTIATED);
        rig_free(rig);
    }
}

Test(fixp_finish, what_contradicts_itself_ends_the_binding)
{
    static const struct {
        uint64_t last_no[2];
        const char *why;
    } rows[] = {
        {{0, UINT64_MAX}, "LastSeqNo is lower than what was sent"},
        {{2, 1}, "LastSeqNo is lower than what was sent"},
        {{2, 3}, "LastSeqNo is another than before"},
        {{2 + (1ull << 31), UINT64_MAX}, "NextSeqNo skips too much"},
    };

    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        struct rig *rig = rig_new(510, 0, 0);
        struct rig_client *rc = rig_connect(rig, 0, 0);

        rig_order(rig, rc, 1, false, PX);
        rig_run(rig, 2);
        raw_finished_sending(rig, rc, rows[i].last_no[0]);
        if (rows[i].last_no[1] != UINT64_MAX)
            raw_finished_sending(rig, rc, rows[i].last_no[1]);
        cr_assert_eq(client_state(rc->client), CLIENT_CLOSED, "row %u", i);
        cr_assert(strstr(client_error(rc->client), rows[i].why) != NULL, "row %u: %s", i,
                  client_error(rc->client));
        rig_free(rig);
    }
}

Test(fixp_finish, finished_receiving_needs_finished_sending)
{
    struct rig *rig = rig_new(511, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);

    raw_finished_receiving(rig, rc);
    cr_assert_eq(client_state(rc->client), CLIENT_CLOSED);
    cr_assert(strstr(client_error(rc->client), "FinishedReceiving without FinishedSending") !=
              NULL);
    cr_assert_eq(rig_session_state(rig, 0), ENGINE_SESSION_NEGOTIATED, "the UUID lives on");
    rig_resume(rig, 0);
    cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED);
    rig_free(rig);
}

/* Half an end is kept when the client is lost in the middle, over restarts by replay
 * and by snapshot (rig.h). */
Test(fixp_finish, half_an_end_is_kept_over_silence_and_restarts)
{
    struct rig *rig = rig_new(512, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct trap trap = {.template_id = FIXP_FINISHED_SENDING_ID, .from_server = true};

    rig_order(rig, rc, 1, false, PX);
    rig_run(rig, 2);
    raw_finished_sending(rig, rc, 1);
    rc->frozen = true;
    rig_wait(rig, 3 * RIG_KEEPALIVE_MS);
    cr_assert_eq(rig_session_state(rig, 0), ENGINE_SESSION_NEGOTIATED);
    rc->frozen = false;
    for (unsigned i = 0; i < 3; i++) {
        if (i > 0)
            rig_restart(rig, 0);
        trap.seen_cnt = 0;
        trap_set(rig, &trap);
        rig_resume(rig, 0);
        rig_run(rig, 2);
        cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED, "%s", client_error(rc->client));
        cr_assert_eq(rig_session_state(rig, 0), ENGINE_SESSION_FINISHING);
        rig_wait(rig, 2 * RIG_KEEPALIVE_MS);
        cr_assert_geq(trap.seen_cnt, 1, "it is the heartbeat");
    }
    client_finish(rc->client, rig->net.now_ns);
    rig_run(rig, 5);
    cr_assert(client_finished(rc->client));
    cr_assert_eq(commands(rig, CELL_KIND_SESSION_SEQUENCE), 1);
    cr_assert_eq(rc->reports_cnt, 1);
    assert_dead(rig, rc);
    rig_free(rig);
}

Test(fixp_finish, half_an_end_is_left_by_terminate_and_gone_on_with)
{
    struct rig *rig = rig_new(513, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);

    rig_order(rig, rc, 1, false, PX);
    rig_run(rig, 2);
    raw_finished_sending(rig, rc, 1);
    client_terminate(rc->client, rig->net.now_ns);
    rig_run(rig, 2);
    cr_assert_eq(client_state(rc->client), CLIENT_CLOSED);
    cr_assert_eq(rig_session_state(rig, 0), ENGINE_SESSION_NEGOTIATED);
    rig_resume(rig, 0);
    rig_run(rig, 2);
    cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED);
    client_finish(rc->client, rig->net.now_ns);
    rig_run(rig, 5);
    cr_assert(client_finished(rc->client));
    assert_dead(rig, rc);
    rig_free(rig);
}

Test(fixp_finish, half_an_end_is_forgotten_with_a_new_uuid)
{
    struct rig *rig = rig_new(514, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);

    raw_finished_sending(rig, rc, 0);
    rig_wait(rig, 2);
    rig_connect(rig, 0, 0);
    cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED);
    rig_order(rig, rc, 1, false, PX);
    rig_run(rig, 2);
    cr_assert_eq(rc->reports_cnt, 1);
    rig_free(rig);
}

Test(fixp_finish, what_falls_due_behind_the_end_is_not_told)
{
    struct rig *rig = rig_new(515, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct rig_client *other = rig_connect(rig, 1, 1);
    struct trap trap = {.template_id = FIXP_RETRANSMIT_REJECT_ID, .from_server = true};
    struct fixp_retransmit_request ask = {.timestamp = 7, .from_seq_no = 1, .count = 2};
    uint8_t buf[64];

    rig_order(rig, rc, 1, false, PX);
    rig_run(rig, 2);
    raw_finished_sending(rig, rc, 1);
    rig_order(rig, other, 2, true, PX);
    rig_run(rig, 2);
    cr_assert_eq(other->reports_cnt, 2, "accepted and traded");
    cr_assert_eq(rc->reports_cnt, 1);
    trap_set(rig, &trap);
    memcpy(ask.session_id, rc->uuid, sizeof ask.session_id);
    rig_raw(rig, rc->port, buf, fixp_retransmit_request_encode(buf, sizeof buf, &ask));
    rig_run(rig, 2);
    cr_assert_eq(trap.seen_cnt, 1, "the flow has one report");
    rc->frozen = true;
    rig_wait(rig, 3 * RIG_KEEPALIVE_MS);
    rc->frozen = false;
    rig_resume(rig, 0);
    rig_run(rig, 2);
    cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED);
    cr_assert_eq(client_missing(rc->client), 0, "nor after it came back");
    client_finish(rc->client, rig->net.now_ns);
    rig_run(rig, 5);
    cr_assert(client_finished(rc->client));
    rig_free(rig);
}

Test(fixp_finish, end_outlives_restarts_by_replay_and_by_snapshot)
{
    struct rig *rig = rig_new(516, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);

    rig_order(rig, rc, 1, false, PX);
    client_finish(rc->client, rig->net.now_ns);
    rig_run(rig, 5);
    cr_assert(client_finished(rc->client));
    for (unsigned i = 0; i < 3; i++) {
        rig_restart(rig, 0);
        rig_wait(rig, 2);
        cr_assert_eq(rig_session_state(rig, 0), ENGINE_SESSION_IDLE);
        cr_assert(!negotiates(rig, rc, "DuplicateId"));
    }
    assert_dead(rig, rc);
    rig_free(rig);
}

Test(fixp_finish, end_works_where_context_is_required)
{
    struct rig *rig = rig_new(517, 0, 0);
    struct rig_client *rc;

    rig->require_context = true;
    rig_restart(rig, 0);
    rc = rig_connect(rig, 0, 0);
    rig_order(rig, rc, 1, false, PX);
    client_finish(rc->client, rig->net.now_ns);
    rig_run(rig, 5);
    cr_assert(client_finished(rc->client));
    cr_assert_eq(rig_stats(rig).bad_context, 0);
    assert_dead(rig, rc);
    rig_free(rig);
}

Test(fixp_finish, drop_copy_ends_as_others_do)
{
    struct rig *rig = rig_new_copied(518);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct rig_client *copy = rig_connect(rig, RIG_COPY, RIG_COPY);

    rig_order(rig, rc, 1, false, PX);
    client_finish(copy->client, rig->net.now_ns);
    rig_run(rig, 5);
    cr_assert(client_finished(copy->client), "%s", client_error(copy->client));
    cr_assert_eq(rig_session_state(rig, RIG_COPY), ENGINE_SESSION_IDLE);
    cr_assert_eq(copy->reports_cnt, rc->reports_cnt);
    rig_free(rig);
}

Test(fixp_finish, end_waits_for_the_disk)
{
    struct rig *rig = rig_new(519, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct trap trap = {.template_id = FIXP_FINISHED_RECEIVING_ID, .from_server = true};

    trap_set(rig, &trap);
    rig->hold_durable = true;
    rig_order(rig, rc, 1, false, PX);
    client_finish(rc->client, rig->net.now_ns);
    rig_wait(rig, 300);
    cr_assert_eq(trap.seen_cnt, 0, "what is not durable was not received");
    cr_assert_eq(rc->reports_cnt, 0);
    rig->hold_durable = false;
    rig->durable = rig->out_log.pos;
    rig_wait(rig, 300);
    cr_assert(client_finished(rc->client));
    cr_assert_eq(rc->reports_cnt, 1);
    rig_free(rig);
}
