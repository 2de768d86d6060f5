/*
 * Goal: two gateways serve the same sessions, each with an in-ring of its own, and
 * agree on who has bound which. Method: rig.h with a second gateway over
 * connections; clients from RIG_DOOR_CLIENT on come to it, the others to the first
 * by datagrams.
 */
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "gateway/client.h"
#include "gateway/gateway.h"
#include "proto/fixp.h"

#include "tests/gateway/rig.h"

#define PX   10000000000ll /* 100.00 */
#define DOOR RIG_DOOR_CLIENT

static void
assert_whole(const struct rig_client *rc)
{
    for (uint32_t i = 0; i < rc->reports_cnt; i++)
        cr_assert_eq(rc->reports[i].no, i + 1);
}

/* move makes client i go on with the session of another, at its numbers. */
static struct rig_client *
move(struct rig *rig, unsigned i, const struct rig_client *from)
{
    struct client_cfg cfg = {
        .name = rig->sessions[from->session].name,
        .key = rig->sessions[from->session].key,
        .keepalive_ms = RIG_KEEPALIVE_MS,
        .resume = true,
        .resume_no = client_next_no(from->client),
        .resume_next_report_no = client_next_report_no(from->client),
    };
    struct rig_client *rc = &rig->clients[i];

    memcpy(rc->uuid, from->uuid, sizeof rc->uuid);
    rc->reports_cnt = 0;
    rc = rig_client_new(rig, i, from->session, &cfg);
    client_connect(rc->client, rig->net.now_ns);
    for (unsigned ms = 0; ms < 2000 && client_state(rc->client) == CLIENT_ESTABLISHING; ms++)
        rig_step(rig, RIG_MS);
    return rc;
}

Test(fixp_two, clients_of_two_gateways_trade)
{
    struct rig *rig = rig_new_two(1);
    struct rig_client *buyer = rig_connect(rig, 0, 0);
    struct rig_client *seller = rig_connect(rig, DOOR, 1);

    cr_assert_eq(client_state(buyer->client), CLIENT_ESTABLISHED);
    cr_assert_eq(client_state(seller->client), CLIENT_ESTABLISHED);
    for (unsigned i = 1; i <= 50; i++) {
        rig_order(rig, buyer, i, false, PX);
        rig_order(rig, seller, i, true, PX);
        rig_run(rig, 1);
    }
    cr_assert_eq(buyer->reports_cnt, 100);
    cr_assert_eq(seller->reports_cnt, 100);
    assert_whole(buyer);
    assert_whole(seller);
    rig_free(rig);
}

Test(fixp_two, requests_at_the_same_time_are_answered_each_to_its_own)
{
    struct rig *rig = rig_new_two(2);
    struct rig_client *here = rig_client(rig, 0, 0);
    struct rig_client *there = rig_client(rig, DOOR, 1);

    /* Both have the first token of their gateway, of another session. */
    client_connect(here->client, rig->net.now_ns);
    client_connect(there->client, rig->net.now_ns);
    rig_run(rig, 5);
    cr_assert_eq(client_state(here->client), CLIENT_ESTABLISHED);
    cr_assert_eq(client_state(there->client), CLIENT_ESTABLISHED);
    rig_free(rig);
}

/* orders_ahead counts the orders of a session in the log, from cell `from` on, that came
 * before order number nth, from 0, of the session `until`. */
static unsigned
orders_ahead(const struct rig *rig, uint64_t from, uint16_t session, uint16_t until, unsigned nth)
{
    unsigned cnt = 0;

    for (uint64_t i = from; i < rig->log_cnt; i += cell_count(&rig->log[i])) {
        const union cell *cell = &rig->log[i];

        if (cell_kind(cell) != CELL_KIND_ORDER_NEW)
            continue;
        cnt += cell->order_new.session == session;
        if (cell->order_new.session == until && nth-- == 0)
            break;
    }
    return cnt;
}

/* While the engine does not run one gateway is flooded; then each has its turn. */
Test(fixp_two, flood_at_one_gateway_leaves_the_other_its_share)
{
    for (unsigned flooded = 0; flooded < 2; flooded++) {
        struct rig *rig = rig_new_two(20 + flooded);
        struct rig_client *clients[2] = {rig_connect(rig, 0, 0), rig_connect(rig, DOOR, 1)};
        const uint16_t other = (uint16_t)(1 - flooded);
        const uint64_t from = rig->log_cnt;

        rig->hold_engine = true;
        for (unsigned i = 1; i <= 640; i++) {
            rig_order(rig, clients[flooded], i, false, PX);
            rig_step(rig, RIG_MS / 1000);
        }
        for (unsigned i = 1; i <= 64; i++) {
            rig_order(rig, clients[other], i, false, PX);
            rig_step(rig, RIG_MS / 1000);
        }
        rig->hold_engine = false;
        rig_run(rig, 20);
        cr_assert_eq(clients[flooded]->reports_cnt, 640);
        cr_assert_eq(clients[other]->reports_cnt, 64);
        for (unsigned i = 0; i < 64; i++)
            cr_assert_leq(orders_ahead(rig, from, (uint16_t)flooded, other, i),
                          BURST_COMMANDS_MAX * (i / BURST_COMMANDS_MAX + 1), "order %u of %u", i,
                          other);
        rig_free(rig);
    }
}

Test(fixp_two, one_session_asked_for_at_both_is_bound_by_one)
{
    struct rig *rig = rig_new_two(3);
    struct rig_client *here = rig_client(rig, 0, 0);
    struct rig_client *there = rig_client(rig, DOOR, 0);
    unsigned established = 0;

    client_connect(here->client, rig->net.now_ns);
    client_connect(there->client, rig->net.now_ns);
    for (unsigned i = 0; i < 50; i++) {
        rig_run(rig, 1);
        established = client_state(here->client) == CLIENT_ESTABLISHED;
        established += client_state(there->client) == CLIENT_ESTABLISHED;
        cr_assert_leq(established, 1);
    }
    cr_assert_eq(established, 1);
    rig_free(rig);
}

Test(fixp_two, half_an_end_at_one_gateway_is_gone_on_with_at_the_other)
{
    struct rig *rig = rig_new_two(9);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct fixp_finished_sending msg = {.last_seq_no = 1};
    uint8_t buf[64];

    rig_order(rig, rc, 1, false, PX);
    rig_run(rig, 1);
    memcpy(msg.session_id, rc->uuid, sizeof msg.session_id);
    rig_raw(rig, rc->port, buf, fixp_finished_sending_encode(buf, sizeof buf, &msg));
    rig_run(rig, 1);
    client_terminate(rc->client, rig->net.now_ns);
    rig_run(rig, 2);
    rc = move(rig, DOOR, rc);
    rig_run(rig, 1);
    cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED);
    cr_assert_eq(rig_session_state(rig, 0), ENGINE_SESSION_FINISHING);
    client_finish(rc->client, rig->net.now_ns);
    rig_run(rig, 5);
    cr_assert(client_finished(rc->client));
    /* And is the end at both. */
    for (unsigned i = 0; i < 2; i++) {
        rc = move(rig, i == 0 ? 0 : DOOR, rc);
        cr_assert(strstr(client_error(rc->client), "Unnegotiated") != NULL, "%s",
                  client_error(rc->client));
    }
    rig_free(rig);
}

Test(fixp_two, session_bound_by_the_other_gateway_is_refused)
{
    struct rig *rig = rig_new_two(4);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    const struct rig_client *other = rig_connect(rig, DOOR, 0);

    cr_assert_eq(client_state(other->client), CLIENT_CLOSED);
    cr_assert_str_eq(client_error(other->client),
                     "negotiation refused: session is bound to another transport");
    other = move(rig, DOOR, rc);
    cr_assert_eq(client_state(other->client), CLIENT_CLOSED);
    cr_assert_not_null(strstr(client_error(other->client), "AlreadyEstablished"));
    rig_order(rig, rc, 1, false, PX);
    rig_run(rig, 1);
    cr_assert_eq(rc->reports_cnt, 1);
    rig_free(rig);
}

Test(fixp_two, session_moves_from_gateway_to_gateway)
{
    struct rig *rig = rig_new_two(5);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct rig_client *seller = rig_connect(rig, 1, 1);
    uint64_t no = 1;

    for (unsigned i = 0; i < 6; i++) {
        const unsigned to = i % 2 == 0 ? DOOR : 0;

        rig_order(rig, rc, no, false, PX);
        rig_run(rig, 1);
        if (i % 2 == 0) {
            client_terminate(rc->client, rig->net.now_ns);
            rig_run(rig, 2);
        } else {
            rig_cut(rc);
            rig_run(rig, 1);
        }
        cr_assert_eq(rig_session_state(rig, 0), ENGINE_SESSION_NEGOTIATED);

        /* Falls due while nobody has the session, and is had from the other. */
        rig_order(rig, seller, no++, true, PX);
        rig_run(rig, 1);
        rc = move(rig, to, rc);
        rig_run(rig, 2);
        cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED, "move %u: %s", i,
                     client_error(rc->client));
        cr_assert_eq(rc->reports_cnt, 1);
        cr_assert_eq(rig_template(rig_last(rc)), OE_EXECUTION_REPORT_TRADE_ID);
        cr_assert_eq(rig_last(rc)->no, 2 * (i + 1));
    }
    rig_free(rig);
}

Test(fixp_two, silence_at_one_gateway_frees_the_session_for_the_other)
{
    struct rig *rig = rig_new_two(6);
    struct rig_client *old = rig_connect(rig, 0, 0);

    old->frozen = true;
    rig_wait(rig, 2 * RIG_KEEPALIVE_MS + 100);

    const struct rig_client *new = move(rig, DOOR, old);

    cr_assert_eq(client_state(new->client), CLIENT_ESTABLISHED);
    old->frozen = false;
    rig_wait(rig, 20);
    cr_assert_eq(client_state(old->client), CLIENT_CLOSED);
    cr_assert_eq(client_state(new->client), CLIENT_ESTABLISHED);
    rig_free(rig);
}

/* The other gateway is asked before it would have found its transport silent by itself. */
Test(fixp_two, who_is_silent_at_one_gateway_is_taken_over_at_the_other)
{
    struct rig *rig = rig_new_two(11);

    for (unsigned i = 0; i < 2; i++) {
        struct rig_client *old = rig_connect(rig, i == 0 ? 0 : DOOR, 0);
        const struct rig_client *new;

        rig_order(rig, old, 1, false, PX);
        rig_run(rig, 1);
        old->frozen = true;

        /* Not yet: it may be alive. */
        rig_wait(rig, RIG_KEEPALIVE_MS - 10);
        new = move(rig, i == 0 ? DOOR : 0, old);
        cr_assert_not_null(strstr(client_error(new->client), "AlreadyEstablished"));
        rig_run(rig, 1);
        cr_assert_eq(rig_session_state(rig, 0), ENGINE_SESSION_BOUND);

        /* Refused once more, which makes the other look; then not. */
        rig_wait(rig, 20);
        new = move(rig, i == 0 ? DOOR : 0, old);
        cr_assert_not_null(strstr(client_error(new->client), "AlreadyEstablished"));
        rig_run(rig, 2);
        cr_assert_eq(rig_session_state(rig, 0), ENGINE_SESSION_NEGOTIATED);
        new = move(rig, i == 0 ? DOOR : 0, old);
        cr_assert_eq(client_state(new->client), CLIENT_ESTABLISHED, "%s",
                     client_error(new->client));

        /* Who wakes up is told, and the one that has it now keeps it. */
        old->frozen = false;
        rig_wait(rig, 3 * RIG_KEEPALIVE_MS);
        cr_assert_eq(client_state(old->client), CLIENT_CLOSED);
        cr_assert_eq(client_state(new->client), CLIENT_ESTABLISHED);
        client_terminate(new->client, rig->net.now_ns);
        rig_run(rig, 2);
    }
    rig_free(rig);
}

Test(fixp_two, session_that_ended_at_one_gateway_is_negotiated_anew_at_the_other)
{
    struct rig *rig = rig_new_two(10);

    for (unsigned i = 0; i < 4; i++) {
        struct rig_client *rc = rig_connect(rig, i % 2 == 0 ? DOOR : 0, 0);

        cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED, "%s", client_error(rc->client));
        rig_order(rig, rc, 1, false, PX);
        rig_run(rig, 1);
        cr_assert_eq(rc->reports_cnt, 1);
        cr_assert_eq(rig_last(rc)->no, 1, "a new UUID begins anew");
        client_terminate(rc->client, rig->net.now_ns);
        rig_run(rig, 2);
    }
    rig_free(rig);
}

/* What a client was told of each of its numbers, wherever its session was. */
#define NUMBERS_MAX 4096u
struct tally {
    uint8_t accepted[NUMBERS_MAX];
    uint8_t not_applied[NUMBERS_MAX];
    uint64_t reports_cnt;
};

static void
tally_not_applied(struct rig_client *rc, uint64_t from, uint64_t count)
{
    struct tally *tally = rc->ctx;

    cr_assert_leq(from + count, NUMBERS_MAX);
    for (uint64_t no = from; no < from + count; no++)
        tally->not_applied[no]++;
    tally->reports_cnt++;
}

/* tally_take counts the reports that a client has had since it has the session: its ClOrdIDs
 * are its numbers. */
static void
tally_take(struct tally *tally, struct rig_client *rc)
{
    for (uint32_t i = 0; i < rc->reports_cnt; i++) {
        const struct rig_report *report = &rc->reports[i];
        const struct oe_execution_report_new *accepted =
            oe_execution_report_new_view(report->bytes, report->len);

        if (accepted != NULL)
            tally->accepted[accepted->cl_ord_id]++;
    }
    tally->reports_cnt += rc->reports_cnt;
    rc->reports_cnt = 0;
}

/* go_on moves a client that has vanished: it is let in when the other gateway has found
 * it gone. */
static struct rig_client *
go_on(struct rig *rig, unsigned i, struct rig_client *from, struct tally *tally)
{
    struct rig_client *rc = from;

    for (unsigned tries = 0; tries < 20; tries++) {
        rig->clients[i].on_not_applied = tally_not_applied;
        rig->clients[i].ctx = tally;
        rc = move(rig, i, rc);
        if (client_state(rc->client) == CLIENT_ESTABLISHED)
            break;
        rig_wait(rig, RIG_KEEPALIVE_MS / 4);
    }
    cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED, "%s", client_error(rc->client));
    cr_assert_eq(rig_session_state(rig, from->session), ENGINE_SESSION_BOUND);
    return rc;
}

/* vanish sends orders and is not heard of again, wherever they are just then: on the wire,
 * in the in-ring, taken and not reported. */
static void
vanish(struct rig *rig, struct rig_client *rc, bool by_cut)
{
    const uint64_t steps = net_random(&rig->net.random) % 12;

    for (unsigned k = 0; k < 8; k++) {
        rig_order(rig, rc, client_next_no(rc->client), false, PX);
        if (k < steps)
            rig_step(rig, RIG_MS / 10);
    }
    if (by_cut)
        rig_cut(rc);
    rc->frozen = true;
}

/* Between datagrams, some of which are lost, and connections. */
Test(fixp_two, who_vanishes_goes_on_at_the_other_gateway)
{
    for (uint64_t seed = 100; seed < 110; seed++) {
        static struct tally tally;
        struct rig *rig = rig_new_two(seed);
        struct rig_client *rc = rig_connect(rig, 0, 0);
        uint64_t last;

        tally = (struct tally){.reports_cnt = 0};
        rc->on_not_applied = tally_not_applied;
        rc->ctx = &tally;
        rig->net.loss_permille = 100;
        rig->net.delay_ns = RIG_MS / 5;
        rig->door_net.delay_ns = RIG_MS / 5;
        for (unsigned i = 0; i < 20; i++) {
            const unsigned at = i % 2 == 0 ? DOOR : 0;

            vanish(rig, rc, i % 4 == 1);
            tally_take(&tally, rc);
            rc = go_on(rig, at, rc, &tally);
            rig_client_drop(&rig->clients[at == 0 ? DOOR : 0]);
            rig->clients[at == 0 ? DOOR : 0].frozen = false;
        }
        rig->net.loss_permille = 0;
        rig_order(rig, rc, client_next_no(rc->client), false, PX);
        rig_wait(rig, 2 * RIG_KEEPALIVE_MS);
        tally_take(&tally, rc);
        last = client_next_no(rc->client) - 1;
        cr_assert_eq(last, 161);
        for (uint64_t no = 1; no <= last; no++)
            cr_assert_eq(tally.accepted[no] + tally.not_applied[no], 1,
                         "seed %llu: number %llu was accepted %u times and not applied %u times",
                         (unsigned long long)seed, (unsigned long long)no, tally.accepted[no],
                         tally.not_applied[no]);
        cr_assert_eq(tally.reports_cnt, client_next_report_no(rc->client) - 1);
        cr_assert_eq(client_missing(rc->client), 0);
        rig_free(rig);
    }
}

/* What no client can bring about: the other gateway says that ours is silent. */
Test(fixp_two, binding_taken_over_elsewhere_is_told_and_forgotten)
{
    struct rig *rig = rig_new_two(7);
    struct rig_client *rc = rig_connect(rig, DOOR, 0);
    union cell cell = {.session_establish = {
                           .kind = CELL_KIND_SESSION_ESTABLISH,
                           .shape = 1,
                           .transport = 3u << 30 | 1u << 14,
                           .time = rig->net.now_ns,
                           .request_time = rig->net.now_ns + 1,
                           .keepalive_ms = RIG_KEEPALIVE_MS,
                           .session = 0,
                           .takeover = 1,
                       }};

    memcpy(cell.session_establish.uuid, rc->uuid, sizeof rc->uuid);
    rig_admin(rig, &cell, 1);
    rig_run(rig, 2);
    cr_assert_eq(client_state(rc->client), CLIENT_CLOSED);
    cr_assert_str_eq(client_error(rc->client), "terminated by the exchange: taken over");
    cr_assert_eq(rig_session_state(rig, 0), ENGINE_SESSION_BOUND);
    rig_wait(rig, 3 * RIG_KEEPALIVE_MS);
    cr_assert_eq(rig_session_state(rig, 0), ENGINE_SESSION_BOUND, "ours did not end it");
    rig_free(rig);
}

Test(fixp_two, both_recover_from_journal_and_snapshot)
{
    struct rig *rig = rig_new_two(8);
    struct rig_client *buyer = rig_connect(rig, 0, 0);
    struct rig_client *seller = rig_connect(rig, DOOR, 1);
    uint64_t no = 1;

    for (unsigned round = 0; round < 4; round++) {
        for (unsigned i = 0; i < 10; i++, no++) {
            rig_order(rig, buyer, no, false, PX);
            rig_order(rig, seller, no, true, PX);
            rig_run(rig, 1);
        }
        rig_restart(rig, 0);
        buyer = rig_resume(rig, 0);
        seller = rig_resume(rig, DOOR);
        cr_assert_eq(client_state(buyer->client), CLIENT_ESTABLISHED);
        cr_assert_eq(client_state(seller->client), CLIENT_ESTABLISHED);
    }
    cr_assert_eq(buyer->reports_cnt, 80);
    cr_assert_eq(seller->reports_cnt, 80);
    assert_whole(buyer);
    assert_whole(seller);

    /* What one gateway sent before a restart the other sends again. */
    client_terminate(buyer->client, rig->net.now_ns);
    rig_run(rig, 2);

    struct client_cfg cfg = {
        .name = rig->sessions[0].name,
        .key = rig->sessions[0].key,
        .keepalive_ms = RIG_KEEPALIVE_MS,
        .resume = true,
        .resume_no = no,
        .resume_next_report_no = 1,
    };
    struct rig_client *again = &rig->clients[DOOR + 1];

    memcpy(again->uuid, buyer->uuid, sizeof again->uuid);
    again = rig_client_new(rig, DOOR + 1, 0, &cfg);
    client_connect(again->client, rig->net.now_ns);
    rig_wait(rig, 100);
    cr_assert_eq(again->reports_cnt, 80);
    cr_assert_eq(memcmp(again->reports, buyer->reports, 80 * sizeof *again->reports), 0);
    rig_free(rig);
}

Test(fixp_two, both_drain)
{
    struct rig *rig = rig_new_two(9);
    const struct rig_client *here = rig_connect(rig, 0, 0);
    const struct rig_client *there = rig_connect(rig, DOOR, 1);

    rig_order(rig, &rig->clients[0], 1, false, PX);
    rig_order(rig, &rig->clients[DOOR], 1, true, PX);
    gateway_stop(rig->gateway);
    gateway_stop(rig->door);
    rig_run(rig, 5);
    cr_assert(gateway_stopped(rig->gateway));
    cr_assert(gateway_stopped(rig->door));
    cr_assert_eq(client_state(here->client), CLIENT_CLOSED);
    cr_assert_eq(client_state(there->client), CLIENT_CLOSED);
    cr_assert_eq(rig_session_state(rig, 0), ENGINE_SESSION_NEGOTIATED);
    cr_assert_eq(rig_session_state(rig, 1), ENGINE_SESSION_NEGOTIATED);
    rig_free(rig);
}

Test(fixp_two, index_has_a_range)
{
    static const struct gateway_session_cfg sessions[1] = {{.name = "A", .key = "k", .used = true}};
    struct gateway_cfg cfg = {
        .sessions_max = 1,
        .sessions = sessions,
        .retransmit_max = 64,
        .keepalive_ms = 1000,
        .ports_max = 1,
        .index = GATEWAYS_MAX - 1,
    };

    cr_assert_neq(gateway_footprint(&cfg), 0);
    cfg.index = GATEWAYS_MAX;
    cr_assert_eq(gateway_footprint(&cfg), 0);
}
