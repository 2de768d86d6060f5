/*
 * Goal: the drop copy of a firm is sent every report of its other sessions, as they
 * got it and with the session's id, under numbers of its own, once each, across
 * losses and restarts; and its client sends nothing. Method: rig.h with one session
 * as the copy; its reports are held against those of the clients.
 */
#include <string.h>

#include <criterion/criterion.h>

#include "proto/fixp.h"
#include "proto/orders.h"

#include "tests/gateway/rig.h"

#define PX 10000000000ll /* 100.00 */

/* assert_copied takes the copies from a number on and finds each in the hands of its
 * session, in order; counts go on from what was seen before. */
static void
assert_copied(const struct rig *rig, unsigned from, unsigned seen[RIG_SESSIONS])
{
    const struct rig_client *copy = &rig->clients[RIG_COPY];

    for (unsigned i = from; i < copy->reports_cnt; i++) {
        const struct rig_report *got = &copy->reports[i];
        const struct oe_header *hdr = (const struct oe_header *)got->bytes;
        const struct rig_report *own;
        struct oe_header expected;
        uint32_t of;

        memcpy(&of, got->bytes + got->len - sizeof of, sizeof of);
        cr_assert_lt(of, RIG_COPY, "report %u", i);
        cr_assert_lt(seen[of], rig->clients[of].reports_cnt, "report %u", i);
        own = &rig->clients[of].reports[seen[of]++];
        memcpy(&expected, own->bytes, sizeof expected);
        cr_assert_eq(hdr->block_length, expected.block_length + sizeof of);
        cr_assert_eq(hdr->template_id, expected.template_id);
        cr_assert_eq(got->len, own->len + sizeof of);
        cr_assert_arr_eq(got->bytes + sizeof *hdr, own->bytes + sizeof *hdr, own->len - sizeof *hdr,
                         "report %u", i);
        cr_assert_eq(got->no, i + 1);
    }
    for (unsigned i = 0; i < RIG_COPY; i++)
        cr_assert_eq(seen[i], rig->clients[i].reports_cnt, "session %u", i);
}

/* trade makes reports of many kinds to two sessions, some to both. */
static void
trade(struct rig *rig, uint64_t clord)
{
    struct rig_client *a = &rig->clients[0];
    struct rig_client *b = &rig->clients[1];
    uint8_t junk[40] = {0};

    rig_order(rig, a, clord, true, PX);
    rig_order(rig, b, clord, false, PX);
    rig_order(rig, a, clord + 1, false, 1); /* off tick: refused */
    rig_order(rig, b, clord + 1, false, PX);
    oe_header_put(junk, OE_NEW_ORDER_SINGLE_ID, 16);
    client_send(a->client, junk, 24);
    client_flush(a->client, rig->net.now_ns);
    rig_run(rig, 3);
}

Test(fixp_copy, has_every_report_of_its_firm_as_it_was_given)
{
    struct rig *rig = rig_new_copied(401);
    unsigned seen[RIG_SESSIONS] = {0};

    rig_connect(rig, 0, 0);
    rig_connect(rig, 1, 1);
    rig_connect(rig, RIG_COPY, RIG_COPY);
    cr_assert_eq(client_state(rig->clients[RIG_COPY].client), CLIENT_ESTABLISHED);
    for (uint64_t i = 0; i < 20; i++)
        trade(rig, 1 + 10 * i);
    rig_run(rig, 5);
    cr_assert_geq(rig->clients[0].reports_cnt, 80);
    assert_copied(rig, 0, seen);
    rig_free(rig);
}

Test(fixp_copy, goes_on_after_losses_and_restarts)
{
    struct rig *rig = rig_new_copied(402);
    unsigned seen[RIG_SESSIONS] = {0};
    struct trap trap = {.from_server = true, .template_id = FIXP_SEQUENCE_ID, .lose_cnt = 7};

    rig_connect(rig, 0, 0);
    rig_connect(rig, 1, 1);
    rig_connect(rig, RIG_COPY, RIG_COPY);
    trade(rig, 1);
    trap_set(rig, &trap);
    trade(rig, 11);
    rig_wait(rig, 500);
    /* The copy is away while much happens, and every other restart takes a snapshot. */
    for (uint64_t i = 0; i < 3; i++) {
        rig->clients[RIG_COPY].frozen = true;
        trade(rig, 101 + 100 * i);
        rig_wait(rig, 10);
        rig_restart(rig, 0);
        rig->clients[RIG_COPY].frozen = false;
        rig_resume(rig, 0);
        rig_resume(rig, 1);
        rig_resume(rig, RIG_COPY);
        trade(rig, 151 + 100 * i);
        rig_wait(rig, 500);
    }
    assert_copied(rig, 0, seen);
    rig_free(rig);
}

Test(fixp_copy, has_nothing_of_numbers_that_were_lost)
{
    struct rig *rig = rig_new_copied(403);
    unsigned seen[RIG_SESSIONS] = {0};
    struct trap trap = {.template_id = FIXP_SEQUENCE_ID, .lose_cnt = 1};
    struct rig_client *rc = rig_connect(rig, 0, 0);

    rig_connect(rig, 1, 1);
    rig_connect(rig, RIG_COPY, RIG_COPY);
    trap_set(rig, &trap);
    rig_order(rig, rc, 1, false, PX);
    rig_run(rig, 2);
    rig_order(rig, rc, 2, false, PX);
    rig_run(rig, 2);
    cr_assert_eq(rc->not_applied_cnt, 1);
    cr_assert_eq(rig->clients[RIG_COPY].reports_cnt, 1);
    cr_assert_eq(rig->clients[RIG_COPY].not_applied_cnt, 0);
    assert_copied(rig, 0, seen);
    rig_free(rig);
}

Test(fixp_copy, quiet_copy_lives_by_heartbeats_of_its_own)
{
    struct rig *rig = rig_new_copied(404);
    struct trap trap = {.template_id = FIXP_UNSEQUENCED_HEARTBEAT_ID};
    struct rig_client *copy = rig_connect(rig, RIG_COPY, RIG_COPY);

    trap_set(rig, &trap);
    rig_wait(rig, 10 * RIG_KEEPALIVE_MS);
    cr_assert_eq(client_state(copy->client), CLIENT_ESTABLISHED);
    cr_assert_geq(trap.seen_cnt, 9);
    copy->frozen = true;
    rig_wait(rig, 2 * RIG_KEEPALIVE_MS + 100);
    cr_assert_eq(rig_session_state(rig, RIG_COPY), ENGINE_SESSION_NEGOTIATED);
    copy->frozen = false;
    rig_free(rig);
}

Test(fixp_copy, its_datagrams_prove_whose_they_are_where_that_is_required)
{
    struct rig *rig = rig_new_copied(405);
    unsigned seen[RIG_SESSIONS] = {0};

    rig->require_context = true;
    rig_restart(rig, 0);
    rig_connect(rig, 0, 0);
    rig_connect(rig, 1, 1);
    rig_connect(rig, RIG_COPY, RIG_COPY);
    rig_wait(rig, 5 * RIG_KEEPALIVE_MS);
    trade(rig, 1);
    cr_assert_eq(client_state(rig->clients[RIG_COPY].client), CLIENT_ESTABLISHED);
    assert_copied(rig, 0, seen);
    rig_free(rig);
}

Test(fixp_copy, client_that_sends_messages_is_terminated)
{
    for (unsigned i = 0; i < 3; i++) {
        struct rig *rig = rig_new_copied(406);
        struct rig_client *copy = rig_connect(rig, RIG_COPY, RIG_COPY);
        const struct fixp_sequence sequence = {.next_seq_no = 1};
        struct fixp_finished_sending finished = {.last_seq_no = 1};
        uint8_t buf[128] = {0};
        size_t len = 8 + OE_NEW_ORDER_SINGLE_BLOCK;

        cr_assert_eq(rig_order(rig, copy, 1, false, PX), 0, "the library does not");
        oe_header_put(buf, OE_NEW_ORDER_SINGLE_ID, OE_NEW_ORDER_SINGLE_BLOCK);
        if (i == 1)
            len = fixp_sequence_encode(buf, sizeof buf, &sequence);
        memcpy(finished.session_id, copy->uuid, sizeof finished.session_id);
        if (i == 2)
            len = fixp_finished_sending_encode(buf, sizeof buf, &finished);
        rig_raw(rig, copy->port, buf, len);
        rig_run(rig, 2);
        cr_assert_eq(rig_session_state(rig, RIG_COPY), ENGINE_SESSION_NEGOTIATED, "row %u", i);
        cr_assert_eq(client_state(copy->client), CLIENT_CLOSED);
        cr_assert_eq(engine_orders_cnt(rig->engine), 0);
        rig_free(rig);
    }
}

Test(fixp_copy, flow_of_its_client_is_none)
{
    struct rig *rig = rig_new_copied(407);
    struct rig_client *copy = rig_client(rig, RIG_COPY, RIG_COPY);

    rig->copied = false; /* so that the client asks for Idempotent */
    copy = rig_client(rig, RIG_COPY, RIG_COPY);
    client_connect(copy->client, rig->net.now_ns);
    rig_run(rig, 2);
    cr_assert_str_eq(client_error(copy->client), "negotiation refused, FlowTypeNotSupported: the "
                                                 "client flow of a drop copy is None");
    rig_free(rig);
}
