/*
 * Goal: the Day orders of a session that is lost go when its time is over, whatever it
 * was lost by, and no others; one that comes back in time keeps them. Method: rig.h, in
 * which session 0 has such a time; the cancels are counted in the journal.
 */
#include <string.h>

#include <criterion/criterion.h>

#include "gateway/client.h"
#include "gateway/gateway.h"
#include "proto/orders.h"

#include "tests/gateway/rig.h"

#define PX       10000000000ll /* 100.00 */
#define GRACE_MS 3000u

static void
grace_set(struct rig *rig)
{
    union cell cell = {.session_set = {.kind = CELL_KIND_SESSION_SET,
                                       .shape = 1,
                                       .cancel_on_disconnect_ms = GRACE_MS,
                                       .session = 0}};

    memcpy(cell.session_set.name, rig->sessions[0].name, sizeof cell.session_set.name);
    rig_admin(rig, &cell, 1);
}

/* order sends one and waits for its report. */
static void
order(struct rig *rig, struct rig_client *rc, uint64_t clord, char tif)
{
    const struct oe_new_order_single msg = {
        .cl_ord_id = clord,
        .price = PX,
        .stop_px = OE_NEW_ORDER_SINGLE_STOP_PX_NULL,
        .expire_time = OE_NEW_ORDER_SINGLE_EXPIRE_TIME_NULL,
        .order_qty = 1,
        .display_qty = OE_NEW_ORDER_SINGLE_DISPLAY_QTY_NULL,
        .min_qty = OE_NEW_ORDER_SINGLE_MIN_QTY_NULL,
        .account = rc->session,
        .client_short_code = OE_NEW_ORDER_SINGLE_CLIENT_SHORT_CODE_NULL,
        .decision_short_code = OE_NEW_ORDER_SINGLE_DECISION_SHORT_CODE_NULL,
        .execution_short_code = OE_NEW_ORDER_SINGLE_EXECUTION_SHORT_CODE_NULL,
        .peg_offset_value = OE_NEW_ORDER_SINGLE_PEG_OFFSET_VALUE_NULL,
        .linked_cl_ord_id = OE_NEW_ORDER_SINGLE_LINKED_CL_ORD_ID_NULL,
        .display_range = OE_NEW_ORDER_SINGLE_DISPLAY_RANGE_NULL,
        .side = OE_SIDE_BUY,
        .ord_type = OE_ORD_TYPE_LIMIT,
        .time_in_force = (uint8_t)tif,
        .order_capacity = OE_ORDER_CAPACITY_AGENCY,
    };
    const uint32_t before = rc->reports_cnt;
    uint8_t buf[128];

    cr_assert_neq(client_send(rc->client, buf, oe_new_order_single_encode(buf, sizeof buf, &msg)),
                  0);
    client_flush(rc->client, rig->net.now_ns);
    rig_run(rig, 2);
    cr_assert_eq(rc->reports_cnt, before + 1);
}

/* canceled counts the orders that went by disconnect, all by one command. */
static unsigned
canceled(const struct rig *rig)
{
    uint64_t seq = 0;
    unsigned cnt = 0;

    for (uint64_t i = 0; i < rig->log_cnt; i += cell_count(&rig->log[i])) {
        if (cell_kind(&rig->log[i]) != CELL_KIND_ORDER_CANCELED)
            continue;
        cr_assert_eq(rig->log[i].order_canceled.reason, OE_CANCEL_REASON_DISCONNECT);
        cr_assert_eq(rig->log[i].order_canceled.session, 0);
        cr_assert(cnt == 0 || cell_seq(&rig->log[i]) == seq, "one command");
        seq = cell_seq(&rig->log[i]);
        cnt++;
    }
    return cnt;
}

/* Ways to be lost. */
enum loss {
    BY_TERMINATE,
    BY_SILENCE,
    BY_FINISH,
    BY_VIOLATION,
    BY_RESTART,
    LOSSES
};

/* lose has the session of client 0 lost; it is unbound when that returns. */
static void
lose(struct rig *rig, struct rig_client *rc, enum loss loss)
{
    uint8_t buf[8] = {0};

    switch (loss) {
    case BY_TERMINATE:
        client_terminate(rc->client, rig->net.now_ns);
        break;
    case BY_SILENCE:
        rc->frozen = true;
        rig_wait(rig, 2 * RIG_KEEPALIVE_MS + 60);
        rc->frozen = false;
        break;
    case BY_FINISH:
        client_finish(rc->client, rig->net.now_ns);
        break;
    case BY_VIOLATION:
        fixp_header_put(buf, FIXP_UNSEQUENCED_HEARTBEAT_ID, 0);
        rig_raw(rig, rc->port, buf, sizeof buf);
        break;
    case BY_RESTART:
        rig_restart(rig, 0);
        break;
    case LOSSES:
        break;
    }
    rig_run(rig, 5);
    cr_assert_lt(rig_session_state(rig, 0), ENGINE_SESSION_BOUND, "way %d", (int)loss);
}

/* fill makes two Day orders and one that stays, and one of another session. */
static struct rig_client *
fill(struct rig *rig)
{
    struct rig_client *rc = rig_connect(rig, 0, 0);

    grace_set(rig);
    order(rig, rig_connect(rig, 1, 1), 1, OE_TIME_IN_FORCE_DAY);
    order(rig, rc, 1, OE_TIME_IN_FORCE_DAY);
    order(rig, rc, 2, OE_TIME_IN_FORCE_GOOD_TILL_CANCEL);
    order(rig, rc, 3, OE_TIME_IN_FORCE_DAY);
    return rc;
}

Test(fixp_disconnect, day_orders_go_whatever_the_session_was_lost_by)
{
    for (unsigned loss = 0; loss < LOSSES; loss++) {
        struct rig *rig = rig_new(600 + loss, 0, 0);
        struct rig_client *rc = fill(rig);

        lose(rig, rc, (enum loss)loss);
        rig_wait(rig, GRACE_MS - 100);
        cr_assert_eq(canceled(rig), 0, "way %u: not before", loss);
        rig_wait(rig, 100);
        cr_assert_eq(canceled(rig), 2, "way %u", loss);
        cr_assert_eq(engine_orders_cnt(rig->engine), 2, "way %u: what is for longer stays", loss);
        rig_free(rig);
    }
}

Test(fixp_disconnect, who_comes_back_in_time_keeps_its_orders)
{
    for (unsigned loss = 0; loss < LOSSES; loss++) {
        struct rig *rig = rig_new(610 + loss, 0, 0);
        struct rig_client *rc = fill(rig);

        lose(rig, rc, (enum loss)loss);
        rig_wait(rig, GRACE_MS - 100);
        if (loss == BY_FINISH)
            rc = rig_connect(rig, 0, 0);
        else
            rc = rig_resume(rig, 0);
        cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED, "way %u: %s", loss,
                     client_error(rc->client));
        rig_wait(rig, 2 * GRACE_MS);
        cr_assert_eq(canceled(rig), 0, "way %u", loss);
        /* And the time begins anew with the next loss. */
        lose(rig, rc, BY_TERMINATE);
        rig_wait(rig, GRACE_MS - 100);
        cr_assert_eq(canceled(rig), 0, "way %u", loss);
        rig_wait(rig, 100);
        cr_assert_eq(canceled(rig), 2, "way %u", loss);
        rig_free(rig);
    }
}

Test(fixp_disconnect, times_outlive_restarts)
{
    struct rig *rig = rig_new(620, 0, 0);
    struct rig_client *rc = fill(rig);

    lose(rig, rc, BY_TERMINATE);
    for (unsigned i = 0; i < 3; i++) {
        rig_wait(rig, GRACE_MS / 4);
        rig_restart(rig, 0);
    }
    cr_assert_eq(canceled(rig), 0);
    rig_wait(rig, GRACE_MS / 4);
    cr_assert_eq(canceled(rig), 2, "it counts from when the session was lost");
    rc = rig_resume(rig, 0);
    rig_run(rig, 5);
    cr_assert_eq(rc->reports_cnt, 5, "the cancels are told to who comes back");
    cr_assert_eq(rig_template(rig_last(rc)), OE_EXECUTION_REPORT_CANCEL_ID);
    rig_free(rig);
}

Test(fixp_disconnect, connection_that_ends_is_a_loss_at_once)
{
    for (unsigned back = 0; back < 2; back++) {
        struct rig *rig = rig_new_stream(630 + back);
        struct rig_client *rc = fill(rig);

        rig_cut(rc);
        rig_run(rig, 2);
        cr_assert_eq(rig_session_state(rig, 0), ENGINE_SESSION_NEGOTIATED);
        rig_wait(rig, GRACE_MS - 100);
        cr_assert_eq(canceled(rig), 0);
        if (back == 1)
            rc = rig_resume(rig, 0);
        rig_wait(rig, GRACE_MS);
        cr_assert_eq(canceled(rig), back == 1 ? 0 : 2);
        rig_free(rig);
    }
}

Test(fixp_disconnect, takeover_is_no_loss)
{
    struct rig *rig = rig_new(640, 0, 0);
    struct rig_client *rc = fill(rig);

    /* From its own source, as a client that was started again. */
    rig_resume(rig, 0);
    cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED);
    rig_wait(rig, 2 * GRACE_MS);
    cr_assert_eq(canceled(rig), 0);
    rig_free(rig);
}
