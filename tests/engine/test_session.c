/*
 * Goal: who is admitted, and when a session's orders are canceled for it.
 * Method: the life of a session step by step, each with its refusals; time is
 * what the commands say.
 */
#include "engine/session.h"
#include "engine/timers.h"

#include "tests/engine/harness.h"

#define MS   UINT64_C(1000000)
#define TICK (UINT64_C(1) << TIMERS_TICK_BITS)

static enum engine_session_state
state_of(const struct harness *h, uint16_t session)
{
    struct engine_session seen;

    engine_session_get(h->engine, session, &seen);
    return seen.state;
}

static void
other_uuid(uint8_t uuid[16], uint8_t number)
{
    harness_uuid(0, uuid);
    uuid[15] = number;
}

Test(session, lives_from_set_to_bound)
{
    struct harness h;
    uint8_t uuid[16];

    harness_init(&h, NULL);
    other_uuid(uuid, 200);
    cr_assert_eq(state_of(&h, 5), ENGINE_SESSION_UNKNOWN);
    cr_assert_eq(harness_negotiate(&h, 5, uuid, 1), OE_REJECT_REASON_UNKNOWN_SESSION);
    cr_assert_eq(harness_negotiate(&h, 500, uuid, 1), OE_REJECT_REASON_UNKNOWN_SESSION);
    cr_assert_eq(harness_session_set(&h, 5, 0, 0), 0);
    cr_assert_eq(state_of(&h, 5), ENGINE_SESSION_IDLE);
    cr_assert_eq(harness_establish(&h, 5, uuid, false), OE_REJECT_REASON_SESSION_UNNEGOTIATED);
    cr_assert_eq(harness_negotiate(&h, 5, uuid, 1), 0);
    cr_assert_eq(state_of(&h, 5), ENGINE_SESSION_NEGOTIATED);
    cr_assert_eq(harness_establish(&h, 5, uuid, false), 0);
    cr_assert_eq(h.cells[0].session_establish.next_in_no, 1);
    cr_assert_eq(harness_establish(&h, 5, uuid, false),
                 OE_REJECT_REASON_SESSION_ALREADY_ESTABLISHED);
    cr_assert_eq(harness_establish(&h, 5, uuid, true), 0);
    cr_assert_eq(harness_unbind(&h, 5, uuid), ENGINE_DONE);
    cr_assert_eq(harness_unbind(&h, 5, uuid), ENGINE_DROPPED);
    cr_assert_eq(state_of(&h, 5), ENGINE_SESSION_NEGOTIATED);
    harness_fini(&h);
}

Test(session, uuid_is_a_random_one_and_used_once)
{
    struct harness h;
    uint8_t uuid[16] = {0};

    harness_init(&h, NULL);
    harness_session_set(&h, 5, 0, 0);
    cr_assert_eq(harness_negotiate(&h, 5, uuid, 1), OE_REJECT_REASON_SESSION_UNSPECIFIED);
    harness_uuid(1, uuid);
    cr_assert_eq(harness_negotiate(&h, 5, uuid, 1), OE_REJECT_REASON_SESSION_DUPLICATE_ID);
    other_uuid(uuid, 99);
    cr_assert_eq(harness_negotiate(&h, 5, uuid, 1), 0);
    cr_assert_eq(harness_negotiate(&h, 5, uuid, 1), 0);
    cr_assert_eq(harness_negotiate(&h, 5, uuid, 2), OE_REJECT_REASON_SESSION_DUPLICATE_ID);
    cr_assert_eq(harness_establish(&h, 5, uuid, false), 0);
    cr_assert_eq(harness_negotiate(&h, 5, uuid, 1), OE_REJECT_REASON_SESSION_DUPLICATE_ID);
    uuid[6] = 0x11;
    cr_assert_eq(harness_negotiate(&h, 5, uuid, 3), OE_REJECT_REASON_SESSION_UNSPECIFIED);
    cr_assert_eq(state_of(&h, 5), ENGINE_SESSION_BOUND);
    harness_fini(&h);
}

Test(session, of_another_flow_or_blocked_is_refused)
{
    struct harness h;
    union cell cell = {.session_negotiate = {.kind = CELL_KIND_SESSION_NEGOTIATE,
                                             .shape = 1,
                                             .client_flow = 0,
                                             .server_flow = 0,
                                             .session = 5}};

    harness_init(&h, NULL);
    harness_session_set(&h, 5, 0, 0);
    other_uuid(cell.session_negotiate.uuid, 98);
    (void)harness_apply(&h, &cell);
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_SESSION_FLOW_TYPE);
    cell.session_negotiate.client_flow = 1;
    cell.session_negotiate.server_flow = 1;
    (void)harness_apply(&h, &cell);
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_SESSION_FLOW_TYPE);

    union cell set = {
        .session_set = {
            .kind = CELL_KIND_SESSION_SET, .shape = 1, .name = "x", .blocked = 1, .session = 5}};

    (void)harness_apply(&h, &set);
    cr_assert_eq(harness_outcome(&h), 0);
    cell.session_negotiate.server_flow = 0;
    (void)harness_apply(&h, &cell);
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_SESSION_BLOCKED);
    harness_fini(&h);
}

Test(session, blocked_after_it_was_negotiated_does_not_come_back)
{
    struct harness h;
    uint8_t uuid[16];
    union cell set = {
        .session_set = {
            .kind = CELL_KIND_SESSION_SET, .shape = 1, .name = "x", .blocked = 1, .session = 5}};

    harness_init(&h, NULL);
    harness_session_set(&h, 5, 0, 0);
    other_uuid(uuid, 97);
    cr_assert_eq(harness_negotiate(&h, 5, uuid, 1), 0);
    (void)harness_apply(&h, &set);
    cr_assert_eq(harness_establish(&h, 5, uuid, false), OE_REJECT_REASON_SESSION_BLOCKED);
    set.session_set.blocked = 0;
    (void)harness_apply(&h, &set);
    cr_assert_eq(harness_establish(&h, 5, uuid, false), 0);
    harness_fini(&h);
}

Test(session, drop_copy_is_one_of_a_firm_for_ever_and_of_flow_none)
{
    struct harness h;
    uint8_t uuid[16];
    union cell set = {
        .session_set = {
            .kind = CELL_KIND_SESSION_SET, .shape = 1, .name = "x", .drop_copy = 1, .session = 5}};

    harness_init(&h, NULL);
    (void)harness_apply(&h, &set);
    cr_assert_eq(harness_outcome(&h), 0);
    (void)harness_apply(&h, &set);
    cr_assert_eq(harness_outcome(&h), 0, "as it was");
    set.session_set.session = 6;
    (void)harness_apply(&h, &set);
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_CONFIGURATION_CONFLICT, "a second one");
    set.session_set.session = 5;
    set.session_set.drop_copy = 0;
    (void)harness_apply(&h, &set);
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_CONFIGURATION_CONFLICT, "for ever");
    set.session_set.drop_copy = 2;
    (void)harness_apply(&h, &set);
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_CONFIGURATION_RANGE);
    other_uuid(uuid, 96);
    cr_assert_eq(harness_negotiate(&h, 5, uuid, 1), OE_REJECT_REASON_SESSION_FLOW_TYPE);

    union cell negotiate = {.session_negotiate = {.kind = CELL_KIND_SESSION_NEGOTIATE,
                                                  .shape = 1,
                                                  .request_time = 1,
                                                  .client_flow = 3,
                                                  .session = 5}};

    memcpy(negotiate.session_negotiate.uuid, uuid, sizeof uuid);
    (void)harness_apply(&h, &negotiate);
    cr_assert_eq(harness_outcome(&h), 0);
    harness_fini(&h);
}

Test(session, keepalive_has_a_range)
{
    struct harness h;
    union cell cell = {.session_establish = {.kind = CELL_KIND_SESSION_ESTABLISH,
                                             .shape = 1,
                                             .keepalive_ms = KEEPALIVE_MS_MIN - 1,
                                             .session = 0,
                                             .takeover = 1}};

    harness_init(&h, NULL);
    harness_uuid(0, cell.session_establish.uuid);
    (void)harness_apply(&h, &cell);
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_SESSION_KEEPALIVE);
    cell.session_establish.keepalive_ms = KEEPALIVE_MS_MAX + 1;
    (void)harness_apply(&h, &cell);
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_SESSION_KEEPALIVE);
    cell.session_establish.keepalive_ms = KEEPALIVE_MS_MAX;
    (void)harness_apply(&h, &cell);
    cr_assert_eq(harness_outcome(&h), 0);
    harness_fini(&h);
}

Test(session, numbers_are_taken_once_and_in_order)
{
    struct harness h;
    union cell cells[2];

    harness_init(&h, NULL);
    (void)harness_order_cells(&h, (struct harness_order){.clord = 1, .px = 5, .qty = 1}, cells);
    cr_assert_eq(harness_apply(&h, cells), ENGINE_DONE);
    cr_assert_eq(harness_apply(&h, cells), ENGINE_DROPPED);
    cells[0].order_new.in_no = 3;
    cr_assert_eq(harness_apply(&h, cells), ENGINE_DROPPED);
    cells[0].order_new.in_no = 2;
    cr_assert_eq(harness_apply(&h, cells), ENGINE_DONE);
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_DUPLICATE_CL_ORD_ID);
    cells[0].order_new.session = 6;
    cells[0].order_new.in_no = 0;
    cr_assert_eq(harness_apply(&h, cells), ENGINE_DROPPED);
    cells[0].order_new.session = 600;
    cr_assert_eq(harness_apply(&h, cells), ENGINE_DROPPED);
    harness_fini(&h);
}

Test(session, sequence_skips_what_never_came)
{
    struct harness h;
    union cell cell = {
        .session_sequence = {
            .kind = CELL_KIND_SESSION_SEQUENCE, .shape = 1, .next_no = 4, .session = 0}};

    harness_init(&h, NULL);
    cr_assert_eq(harness_apply(&h, &cell), ENGINE_DONE);

    const union cell *event = harness_message(&h, CELL_KIND_SESSION_NOT_APPLIED, 0);

    cr_assert_eq(event->session_not_applied.from_no, 1);
    cr_assert_eq(event->session_not_applied.count, 3);
    cr_assert_eq(harness_in_no(&h, 0), 4);
    cr_assert_eq(harness_apply(&h, &cell), ENGINE_DROPPED);
    cell.session_sequence.session = 6;
    cr_assert_eq(harness_apply(&h, &cell), ENGINE_DROPPED);
    cell.session_sequence.session = CELL_SESSION;
    cr_assert_eq(harness_apply(&h, &cell), ENGINE_DROPPED);
    harness_fini(&h);
}

/* finish applies that the session's client has sent all up to next_no. */
static enum engine_result
finish(struct harness *h, uint16_t session, uint64_t next_no)
{
    const union cell cell = {.session_sequence = {.kind = CELL_KIND_SESSION_SEQUENCE,
                                                  .shape = 1,
                                                  .next_no = next_no,
                                                  .finished = 1,
                                                  .session = session}};

    return harness_apply(h, &cell);
}

static enum engine_result
unbind_finished(struct harness *h, uint16_t session, const uint8_t uuid[16])
{
    union cell cell = {.session_unbind = {.kind = CELL_KIND_SESSION_UNBIND,
                                          .shape = 1,
                                          .time = h->time_ns,
                                          .reason = CELL_UNBIND_REASON_FINISHED,
                                          .session = session}};

    memcpy(cell.session_unbind.uuid, uuid, 16);
    return harness_apply(h, &cell);
}

Test(session, nothing_is_taken_behind_what_was_said_to_be_the_last)
{
    struct harness h;
    union cell skip = {
        .session_sequence = {
            .kind = CELL_KIND_SESSION_SEQUENCE, .shape = 1, .next_no = 9, .session = 0}};
    union cell order[2];
    uint8_t uuid[16];

    harness_init(&h, NULL);
    harness_uuid(0, uuid);
    harness_new(&h, (struct harness_order){.clord = 1, .px = 5, .qty = 1});
    cr_assert_eq(finish(&h, 0, 1), ENGINE_DROPPED, "there was one more");
    cr_assert_eq(finish(&h, 0, 4), ENGINE_DONE);
    cr_assert_eq(h.cells_cnt, 2);
    cr_assert_eq(h.cells[0].session_sequence.missing, 2);

    const union cell *event = harness_message(&h, CELL_KIND_SESSION_NOT_APPLIED, 0);

    cr_assert_eq(event->session_not_applied.from_no, 2);
    cr_assert_eq(event->session_not_applied.count, 2);
    cr_assert_eq(finish(&h, 0, 4), ENGINE_DROPPED, "once");
    (void)harness_order_cells(&h, (struct harness_order){.clord = 2, .px = 5, .qty = 1}, order);
    cr_assert_eq(harness_apply(&h, &skip), ENGINE_DROPPED);
    cr_assert_eq(harness_apply(&h, order), ENGINE_DROPPED);
    /* Nor from elsewhere, nor behind a restart that kept the UUID. */
    cr_assert_eq(harness_unbind(&h, 0, uuid), ENGINE_DONE);
    cr_assert_eq(harness_restart(&h, 1, CELL_ACK_MODE_DURABLE), 0);
    cr_assert_eq(harness_establish(&h, 0, uuid, false), 0);
    cr_assert_eq(state_of(&h, 0), ENGINE_SESSION_FINISHING);
    cr_assert_eq(harness_apply(&h, order), ENGINE_DROPPED);
    cr_assert_eq(engine_orders_cnt(h.engine), 1);
    /* A new UUID begins anew. */
    other_uuid(uuid, 201);
    cr_assert_eq(harness_negotiate(&h, 0, uuid, 2), 0);
    cr_assert_eq(harness_establish(&h, 0, uuid, false), 0);
    cr_assert_eq(state_of(&h, 0), ENGINE_SESSION_BOUND);
    cr_assert_neq(harness_new(&h, (struct harness_order){.clord = 2, .px = 5, .qty = 1}), 0);
    harness_fini(&h);
}

Test(session, finished_without_a_gap_tells_nothing_missing)
{
    struct harness h;

    harness_init(&h, NULL);
    cr_assert_eq(finish(&h, 0, 1), ENGINE_DONE);
    cr_assert_eq(h.cells_cnt, 1);
    cr_assert_eq(h.cells[0].session_sequence.missing, 0);
    cr_assert_eq(finish(&h, 6, 1), ENGINE_DROPPED, "not bound");
    cr_assert_eq(finish(&h, CELL_SESSION, 1), ENGINE_DROPPED);
    harness_fini(&h);
}

Test(session, uuid_that_is_finalised_is_never_taken_again)
{
    struct harness h;
    uint8_t uuid[16];
    uint8_t other[16];

    harness_init(&h, NULL);
    harness_uuid(0, uuid);
    harness_session_set(&h, 0, 0, 5);
    harness_new(&h, (struct harness_order){.clord = 1, .px = 5, .qty = 1});
    cr_assert_eq(unbind_finished(&h, 0, uuid), ENGINE_DROPPED, "its client has not");
    cr_assert_eq(finish(&h, 0, 2), ENGINE_DONE);
    cr_assert_eq(unbind_finished(&h, 0, uuid), ENGINE_DONE);
    cr_assert_eq(state_of(&h, 0), ENGINE_SESSION_IDLE);
    cr_assert_eq(harness_establish(&h, 0, uuid, false), OE_REJECT_REASON_SESSION_UNNEGOTIATED);
    cr_assert_eq(harness_negotiate(&h, 0, uuid, 2), OE_REJECT_REASON_SESSION_DUPLICATE_ID);
    harness_clock(&h, 100 * MS);
    cr_assert_eq(harness_message_cnt(&h, CELL_KIND_ORDER_CANCELED), 1, "it is a disconnect too");
    /* Those before it are not, either: so many of them. */
    for (uint8_t i = 0; i < SESSION_PAST_MAX; i++) {
        other_uuid(other, (uint8_t)(210 + i));
        cr_assert_eq(harness_negotiate(&h, 0, uuid, 3), OE_REJECT_REASON_SESSION_DUPLICATE_ID);
        cr_assert_eq(harness_negotiate(&h, 0, other, 3u + i), 0);
    }
    for (uint8_t i = 0; i < SESSION_PAST_MAX; i++) {
        other_uuid(other, (uint8_t)(210 + i));
        cr_assert_eq(harness_negotiate(&h, 0, other, 50), OE_REJECT_REASON_SESSION_DUPLICATE_ID);
    }
    engine_check(h.engine);
    harness_fini(&h);
}

Test(session, refused_message_takes_its_number)
{
    struct harness h;
    union cell cell = {.message_refused = {.kind = CELL_KIND_MESSAGE_REFUSED,
                                           .shape = 1,
                                           .ref_no = 1,
                                           .template_id = 77,
                                           .reason = OE_REJECT_REASON_UNSUPPORTED_MESSAGE,
                                           .session = 0,
                                           .in_no = 1}};

    harness_init(&h, NULL);
    cr_assert_eq(harness_apply(&h, &cell), ENGINE_DONE);
    cr_assert_eq(harness_outcome(&h), 0);
    cr_assert_eq(harness_in_no(&h, 0), 2);
    cr_assert_eq(harness_apply(&h, &cell), ENGINE_DROPPED);
    harness_fini(&h);
}

Test(session, orders_are_canceled_after_the_grace_time)
{
    struct harness h;
    uint8_t uuid[16];

    harness_init(&h, NULL);
    harness_uuid(0, uuid);
    cr_assert_eq(harness_session_set(&h, 0, 0, 5), 0);
    harness_new(&h, (struct harness_order){.clord = 1, .px = 5, .qty = 1});
    harness_new(&h, (struct harness_order){
                        .clord = 2, .px = 5, .qty = 1, .tif = OE_TIME_IN_FORCE_GOOD_TILL_CANCEL});
    harness_new(&h, (struct harness_order){.clord = 3, .px = 5, .qty = 1, .session = 1});
    cr_assert_eq(engine_deadline_ns(h.engine), UINT64_MAX);
    h.time_ns = 10 * MS;
    cr_assert_eq(harness_unbind(&h, 0, uuid), ENGINE_DONE);
    /* 15 ms lie in the 15th tick. */
    cr_assert_eq(engine_deadline_ns(h.engine), 15 * TICK);
    harness_clock(&h, 15 * TICK - 1);
    cr_assert_eq(h.cells_cnt, 1);
    harness_clock(&h, 15 * TICK);
    cr_assert_eq(h.cells_cnt, 2);

    const union cell *cell = harness_message(&h, CELL_KIND_ORDER_CANCELED, 0);

    cr_assert_eq(cell->order_canceled.clord, 1);
    cr_assert_eq(cell->order_canceled.reason, OE_CANCEL_REASON_DISCONNECT);
    cr_assert_eq(engine_deadline_ns(h.engine), UINT64_MAX);
    cr_assert_eq(engine_orders_cnt(h.engine), 2);
    harness_clock(&h, 30 * MS);
    cr_assert_eq(h.cells_cnt, 1);
    harness_fini(&h);
}

Test(session, bound_again_in_time_keeps_its_orders)
{
    struct harness h;
    uint8_t uuid[16];

    harness_init(&h, NULL);
    harness_uuid(0, uuid);
    harness_session_set(&h, 0, 0, 5);
    harness_new(&h, (struct harness_order){.clord = 1, .px = 5, .qty = 1});
    (void)harness_unbind(&h, 0, uuid);
    cr_assert_neq(engine_deadline_ns(h.engine), UINT64_MAX);
    cr_assert_eq(harness_establish(&h, 0, uuid, false), 0);
    cr_assert_eq(h.cells[0].session_establish.next_in_no, 2);
    cr_assert_eq(engine_deadline_ns(h.engine), UINT64_MAX);
    harness_clock(&h, 100 * MS);
    cr_assert_eq(h.cells_cnt, 1);
    harness_fini(&h);
}

Test(session, many_disconnects_cancel_in_the_order_of_slots_in_slices)
{
    enum {
        ORDERS = 300
    };
    struct harness h;
    uint8_t uuid[16];

    harness_init(&h, NULL);
    h.check = false;
    for (unsigned i = 0; i < ORDERS; i++)
        harness_new(
            &h, (struct harness_order){
                    .clord = i, .px = 5, .qty = 1, .session = (uint16_t)(i % HARNESS_SESSIONS)});
    for (unsigned i = 0; i < HARNESS_SESSIONS; i++) {
        /* In different ticks, but due by one command. */
        static const uint32_t grace_ms[] = {22, 20, 21, 22};
        const uint16_t session = (uint16_t)(HARNESS_SESSIONS - 1 - i);

        harness_session_set(&h, session, session / 2u, grace_ms[session]);
        harness_uuid(session, uuid);
        (void)harness_unbind(&h, session, uuid);
    }
    harness_clock(&h, 100 * MS);
    cr_assert_eq(harness_message_cnt(&h, CELL_KIND_ORDER_CANCELED), ORDERS);
    cr_assert_gt(h.slices_cnt, 1);
    for (unsigned i = 0; i < ORDERS; i++) {
        cr_assert_eq(h.cells[1 + i].order_canceled.session, i % HARNESS_SESSIONS);
        cr_assert_eq(h.cells[1 + i].order_canceled.index, i + 1);
    }
    engine_check(h.engine);
    harness_fini(&h);
}

/* Sessions without orders cost a slice room, too, and write nothing: the group
 * must end with a last cell all the same. */
Test(session, without_orders_come_due_in_slices_that_write_nothing)
{
    enum {
        SESSIONS = SLICE_SCAN + 8
    };
    struct engine_cfg cfg = harness_default_cfg();
    struct harness h;
    uint8_t uuid[16];

    cfg.sessions_max = SESSIONS;
    harness_init(&h, &cfg);
    harness_quiet(&h);
    for (uint16_t i = 0; i < SESSIONS; i++) {
        other_uuid(uuid, 77);
        memcpy(&uuid[10], &i, sizeof i);
        cr_assert_eq(harness_session_set(&h, i, i < HARNESS_SESSIONS ? i / 2u : 0, 10000), 0);
        if (i < HARNESS_SESSIONS)
            harness_uuid(i, uuid);
        else if (harness_negotiate(&h, i, uuid, 1) == 0)
            cr_assert_eq(harness_establish(&h, i, uuid, false), 0);
        if (i == 0)
            cr_assert_neq(harness_new(&h, (struct harness_order){.clord = 1, .px = 5, .qty = 1}),
                          0);
        cr_assert_eq(harness_unbind(&h, i, uuid), ENGINE_DONE);
    }
    engine_check(h.engine);

    harness_clock(&h, engine_deadline_ns(h.engine));
    cr_assert_eq(h.cells_cnt, 1, "the wheel turns, nothing is due");
    cr_assert_gt(h.slices_cnt, SESSIONS / SLICE_SCAN);
    harness_clock(&h, 9999 * MS);
    cr_assert_eq(h.cells_cnt, 1, "nothing is due");
    harness_clock(&h, 10000 * MS + TICK);
    cr_assert_eq(h.cells_cnt, 2);
    cr_assert_gt(h.slices_cnt, 1);
    cr_assert_eq(cell_kind(&h.cells[1]), CELL_KIND_ORDER_CANCELED);
    cr_assert_eq(engine_deadline_ns(h.engine), UINT64_MAX);
    engine_check(h.engine);
    harness_fini(&h);
}

Test(session, restart_unbinds_and_after_a_lossy_run_ends_all)
{
    struct harness h;
    uint8_t uuid[16];

    harness_init(&h, NULL);
    harness_session_set(&h, 1, 0, 7);
    cr_assert_eq(harness_restart(&h, 0, CELL_ACK_MODE_MEMORY),
                 OE_REJECT_REASON_CONFIGURATION_CONFLICT);
    cr_assert_eq(state_of(&h, 0), ENGINE_SESSION_BOUND);
    cr_assert_eq(harness_restart(&h, 1, CELL_ACK_MODE_MEMORY), 0);
    cr_assert_eq(engine_epoch(h.engine), 1);
    cr_assert_eq(state_of(&h, 0), ENGINE_SESSION_NEGOTIATED);
    cr_assert_eq(engine_deadline_ns(h.engine), (h.time_ns + 7 * MS + TICK - 1) / TICK * TICK);
    harness_uuid(0, uuid);
    cr_assert_eq(harness_establish(&h, 0, uuid, false), 0);
    cr_assert_eq(harness_restart(&h, 2, CELL_ACK_MODE_DURABLE), 0);
    cr_assert_eq(state_of(&h, 0), ENGINE_SESSION_IDLE);
    cr_assert_eq(harness_establish(&h, 0, uuid, false), OE_REJECT_REASON_SESSION_UNNEGOTIATED);
    cr_assert_eq(harness_negotiate(&h, 0, uuid, 9), OE_REJECT_REASON_SESSION_DUPLICATE_ID);
    other_uuid(uuid, 98);
    cr_assert_eq(harness_negotiate(&h, 0, uuid, 9), 0);
    cr_assert_eq(harness_restart(&h, 3, CELL_ACK_MODE_DURABLE), 0);
    cr_assert_eq(state_of(&h, 0), ENGINE_SESSION_NEGOTIATED);
    harness_fini(&h);
}

Test(session, epochs_rise_but_need_not_be_dense)
{
    struct harness h;

    harness_init(&h, NULL);
    cr_assert_eq(harness_restart(&h, 3, CELL_ACK_MODE_DURABLE), 0);
    cr_assert_eq(engine_epoch(h.engine), 3);
    cr_assert_eq(harness_restart(&h, 3, CELL_ACK_MODE_DURABLE),
                 OE_REJECT_REASON_CONFIGURATION_CONFLICT);
    cr_assert_eq(harness_restart(&h, 2, CELL_ACK_MODE_DURABLE),
                 OE_REJECT_REASON_CONFIGURATION_CONFLICT);
    cr_assert_eq(engine_epoch(h.engine), 3);
    cr_assert_eq(harness_restart(&h, UINT32_MAX, CELL_ACK_MODE_DURABLE), 0);
    cr_assert_eq(engine_epoch(h.engine), UINT32_MAX);
    harness_fini(&h);
}

Test(session, time_never_goes_backwards)
{
    struct harness h;

    harness_init(&h, NULL);
    harness_clock(&h, 50 * MS);
    harness_clock(&h, 40 * MS);
    cr_assert_eq(cell_time(&h.cells[0]), 50 * MS);
    harness_fini(&h);
}

Test(session, of_the_exchange_is_not_numbered_and_of_every_firm)
{
    struct harness h;

    harness_init(&h, NULL);
    for (uint32_t account = 0; account < HARNESS_ACCOUNTS; account++)
        cr_assert_neq(harness_new(&h, (struct harness_order){.clord = account,
                                                             .px = 5,
                                                             .qty = 1,
                                                             .session = CELL_SESSION,
                                                             .account = account}),
                      0);
    cr_assert_eq(harness_cancel_clord(&h, CELL_SESSION, 3), 0);
    cr_assert_eq(harness_cancel_clord(&h, 0, 2), OE_REJECT_REASON_UNKNOWN_ORDER);
    cr_assert_eq(harness_mass_cancel(&h, (struct cell_mass_cancel){.instrument = CELL_ANY,
                                                                   .account = CELL_ANY,
                                                                   .target = CELL_SESSION,
                                                                   .session = CELL_SESSION}),
                 0);
    cr_assert_eq(harness_message(&h, CELL_KIND_MASS_CANCELED, 0)->mass_canceled.count, 3);
    harness_fini(&h);
}

Test(session, account_of_another_firm_is_refused)
{
    struct harness h;

    harness_init(&h, NULL);
    harness_new(&h, (struct harness_order){.clord = 1, .px = 5, .qty = 1, .account = 2});
    cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_ACCOUNT_NOT_OF_FIRM);
    harness_new(&h, (struct harness_order){.clord = 1, .px = 5, .qty = 1, .account = 1});
    cr_assert_eq(harness_outcome(&h), 0);
    harness_fini(&h);
}
