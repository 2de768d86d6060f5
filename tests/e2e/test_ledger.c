/*
 * Goal: the ledger of the kill test finds each kind of lie, and believes what is
 * true. Method: reports made by hand, the true one and its false twin.
 */
#include <string.h>

#include <criterion/criterion.h>

#include "proto/orders.h"

#include "tests/e2e/ledger.h"

#define BROKER 1u
#define ORDER  0x3000000001000007ull
#define PX     12300000000ll
#define QTY    100u

static struct ledger *ledger;
static uint64_t exec_id;
static uint64_t report_no;

static void
set_up(void)
{
    ledger = ledger_new(BROKER);
    exec_id = 0;
    report_no = 0;
}

static void
tear_down(void)
{
    ledger_free(ledger);
}

TestSuite(ledger, .init = set_up, .fini = tear_down);

static void
expect_true(void)
{
    cr_assert_str_eq(ledger_why(ledger), "");
}

static void
expect_false(const char *part)
{
    cr_assert_not_null(strstr(ledger_why(ledger), part), "\"%s\" is not in \"%s\"", part,
                       ledger_why(ledger));
}

static uint64_t
ask(enum request_kind kind, uint64_t order_id, uint32_t qty)
{
    const struct request request = {
        .clord = ledger_clord(ledger),
        .order_id = order_id,
        .px = PX,
        .qty = qty,
        .kind = (uint8_t)kind,
    };

    ledger_request(ledger, &request);
    return request.clord;
}

static void
tell(const uint8_t *buf, size_t len)
{
    cr_assert_gt(len, 0);
    ledger_report(ledger, ++report_no, buf, len);
}

static void
tell_new(uint64_t clord, uint64_t order_id)
{
    uint8_t buf[128];

    tell(buf, oe_execution_report_new_encode(buf, sizeof buf,
                                             &(struct oe_execution_report_new){
                                                 .order_id = order_id,
                                                 .cl_ord_id = clord,
                                                 .exec_id = ++exec_id,
                                                 .price = PX,
                                                 .order_qty = QTY,
                                                 .side = OE_SIDE_BUY,
                                                 .ord_type = OE_ORD_TYPE_LIMIT,
                                                 .time_in_force = OE_TIME_IN_FORCE_DAY,
                                                 .order_capacity = OE_ORDER_CAPACITY_PRINCIPAL,
                                             }));
}

static void
tell_trade(uint64_t order_id, uint32_t qty, uint32_t cum_qty, uint32_t leaves_qty)
{
    uint8_t buf[128];

    tell(buf, oe_execution_report_trade_encode(buf, sizeof buf,
                                               &(struct oe_execution_report_trade){
                                                   .order_id = order_id,
                                                   .exec_id = ++exec_id,
                                                   .last_px = PX,
                                                   .last_qty = qty,
                                                   .cum_qty = cum_qty,
                                                   .leaves_qty = leaves_qty,
                                                   .side = OE_SIDE_BUY,
                                               }));
}

static void
tell_cancel(uint64_t clord, uint64_t order_id, enum oe_cancel_reason reason, uint32_t qty)
{
    uint8_t buf[128];

    tell(buf, oe_execution_report_cancel_encode(buf, sizeof buf,
                                                &(struct oe_execution_report_cancel){
                                                    .order_id = order_id,
                                                    .cl_ord_id = clord,
                                                    .exec_id = ++exec_id,
                                                    .cum_qty = QTY - qty,
                                                    .cxl_qty = qty,
                                                    .cancel_reason = (uint8_t)reason,
                                                    .side = OE_SIDE_BUY,
                                                }));
}

static void
tell_unknown(uint64_t clord)
{
    uint8_t buf[128];

    tell(buf,
         oe_order_cancel_reject_encode(buf, sizeof buf,
                                       &(struct oe_order_cancel_reject){
                                           .cl_ord_id = clord,
                                           .reject_reason = OE_REJECT_REASON_UNKNOWN_ORDER,
                                           .cxl_rej_response_to = OE_CXL_REJ_RESPONSE_TO_CANCEL,
                                       }));
}

static void
tell_mass(uint64_t clord, uint32_t cnt)
{
    uint8_t buf[128];

    tell(buf, oe_mass_cancel_report_encode(buf, sizeof buf,
                                           &(struct oe_mass_cancel_report){
                                               .cl_ord_id = clord,
                                               .exec_id = ++exec_id,
                                               .total_affected_orders = cnt,
                                               .side_filter = OE_SIDE_FILTER_ANY,
                                           }));
}

static void
enter(uint64_t order_id)
{
    tell_new(ask(REQUEST_NEW, 0, QTY), order_id);
}

Test(ledger, believes_the_life_of_an_order)
{
    enter(ORDER);
    cr_assert_eq(ledger_live_cnt(ledger), 1);
    tell_trade(ORDER, 30, 30, 70);
    tell_cancel(ask(REQUEST_CANCEL, ORDER, 0), ORDER, OE_CANCEL_REASON_REQUESTED, 70);
    expect_true();
    cr_assert_eq(ledger_live_cnt(ledger), 0);
    cr_assert_eq(ledger_pending(ledger), 0);
    cr_assert_eq(ledger_next_no(ledger), 3);
    cr_assert_eq(ledger_next_report_no(ledger), 4);
}

static void
tell_prevented(uint64_t order_id, uint32_t qty, uint32_t leaves_qty)
{
    uint8_t buf[128];

    tell(buf, oe_execution_report_prevented_match_encode(
                  buf, sizeof buf,
                  &(struct oe_execution_report_prevented_match){.order_id = order_id,
                                                                .exec_id = ++exec_id,
                                                                .price = PX,
                                                                .prevented_qty = qty,
                                                                .leaves_qty = leaves_qty,
                                                                .side = OE_SIDE_BUY}));
}

static void
tell_restated(uint64_t order_id, uint32_t leaves_qty)
{
    uint8_t buf[128];

    tell(buf, oe_execution_report_restated_encode(
                  buf, sizeof buf,
                  &(struct oe_execution_report_restated){
                      .order_id = order_id,
                      .exec_id = ++exec_id,
                      .price = PX,
                      .leaves_qty = leaves_qty,
                      .exec_restatement_reason = OE_EXEC_RESTATEMENT_REASON_SELF_MATCH_DECREMENT,
                      .side = OE_SIDE_BUY}));
}

Test(ledger, believes_a_prevented_match_and_what_comes_of_it)
{
    enter(ORDER);
    tell_prevented(ORDER, 30, QTY);
    tell_restated(ORDER, QTY - 30);
    expect_true();
    cr_assert_eq(ledger_live(ledger, 0)->leaves_qty, QTY - 30);
}

Test(ledger, finds_a_prevented_match_of_more_than_is_open)
{
    enter(ORDER);
    tell_prevented(ORDER, QTY + 1, QTY);
    expect_false("which had");
}

Test(ledger, finds_a_restatement_that_takes_nothing)
{
    enter(ORDER);
    tell_restated(ORDER, QTY);
    expect_false("which had");
}

Test(ledger, finds_a_hole_in_the_numbers)
{
    enter(ORDER);
    report_no++;
    tell_trade(ORDER, 30, 30, 70);
    expect_false("told number 3");
}

Test(ledger, believes_what_it_is_told_again)
{
    const uint64_t clord = ask(REQUEST_NEW, 0, QTY);

    tell_new(clord, ORDER);
    ledger_begin(ledger, 1);
    report_no = exec_id = 0;
    tell_new(clord, ORDER);
    expect_true();
    cr_assert_eq(ledger_stats(ledger)->told_again, 1);
    cr_assert_eq(ledger_live_cnt(ledger), 1);
}

Test(ledger, finds_a_report_that_changed)
{
    const uint64_t clord = ask(REQUEST_NEW, 0, QTY);

    tell_new(clord, ORDER);
    ledger_begin(ledger, 1);
    report_no = exec_id = 0;
    tell_new(clord, ORDER + 1);
    expect_false("another report had number 1");
}

Test(ledger, finds_a_request_that_is_answered_twice)
{
    const uint64_t clord = ask(REQUEST_NEW, 0, QTY);

    tell_new(clord, ORDER);
    expect_true();
    tell_new(clord, ORDER + 1);
    expect_false("which is answered");
}

Test(ledger, finds_an_answer_to_what_was_never_asked)
{
    tell_new(ledger_clord(ledger), ORDER);
    expect_false("never asked");
}

Test(ledger, believes_that_a_request_was_not_applied)
{
    (void)ask(REQUEST_NEW, 0, QTY);
    ledger_not_applied(ledger, 1, 1);
    expect_true();
    cr_assert_eq(ledger_pending(ledger), 0);
    cr_assert_eq(ledger_next_report_no(ledger), 2);
}

Test(ledger, finds_what_was_answered_and_is_not_applied)
{
    enter(ORDER);
    ledger_not_applied(ledger, 1, 1);
    expect_false("was answered");
}

Test(ledger, finds_what_was_not_applied_and_is_answered)
{
    const uint64_t clord = ask(REQUEST_NEW, 0, QTY);

    ledger_not_applied(ledger, 1, 1);
    report_no++;
    tell_new(clord, ORDER);
    expect_false("not applied");
}

Test(ledger, finds_that_more_was_not_applied_than_was_sent)
{
    (void)ask(REQUEST_NEW, 0, QTY);
    ledger_not_applied(ledger, 1, 2);
    expect_false("sent were 1");
}

Test(ledger, finds_an_order_id_that_is_given_twice)
{
    enter(ORDER);
    tell_trade(ORDER, QTY, QTY, 0);
    expect_true();
    enter(ORDER);
    expect_false("given twice");
}

Test(ledger, finds_a_trade_of_more_than_was_left)
{
    enter(ORDER);
    tell_trade(ORDER, 60, 60, 40);
    expect_true();
    tell_trade(ORDER, 60, 120, 0);
    expect_false("Trade of 60");
}

Test(ledger, finds_a_trade_of_an_order_that_is_gone)
{
    enter(ORDER);
    tell_trade(ORDER, QTY, QTY, 0);
    expect_true();
    tell_trade(ORDER, 1, QTY + 1, 0);
    expect_false("which is gone");
}

Test(ledger, finds_an_execution_id_that_goes_back)
{
    enter(ORDER);
    exec_id = 0;
    tell_trade(ORDER, 30, 30, 70);
    expect_false("execution id");
}

Test(ledger, believes_that_a_filled_order_is_unknown)
{
    enter(ORDER);
    const uint64_t clord = ask(REQUEST_CANCEL, ORDER, 0);

    tell_trade(ORDER, QTY, QTY, 0);
    tell_unknown(clord);
    expect_true();
}

Test(ledger, finds_that_a_live_order_is_called_unknown)
{
    enter(ORDER);
    tell_unknown(ask(REQUEST_CANCEL, ORDER, 0));
    expect_false("which is live");
}

Test(ledger, believes_a_mass_cancel_of_all_that_is_live)
{
    enter(ORDER);
    enter(ORDER + 1);
    const uint64_t clord = ask(REQUEST_MASS_CANCEL, 0, 0);

    tell_cancel(clord, ORDER, OE_CANCEL_REASON_MASS_CANCEL, QTY);
    tell_cancel(clord, ORDER + 1, OE_CANCEL_REASON_MASS_CANCEL, QTY);
    tell_mass(clord, 2);
    expect_true();
    cr_assert_eq(ledger_pending(ledger), 0);
}

Test(ledger, finds_an_order_that_a_mass_cancel_left)
{
    enter(ORDER);
    enter(ORDER + 1);
    const uint64_t clord = ask(REQUEST_MASS_CANCEL, 0, 0);

    tell_cancel(clord, ORDER, OE_CANCEL_REASON_MASS_CANCEL, QTY);
    tell_mass(clord, 1);
    expect_false("are live after a mass cancel");
}

Test(ledger, takes_unknown_orders_until_it_is_settled)
{
    enter(ORDER);
    ledger_renegotiated(ledger);
    report_no = 0;
    cr_assert_eq(ledger_next_no(ledger), 1);
    tell_cancel(ask(REQUEST_MASS_CANCEL, 0, 0), ORDER, OE_CANCEL_REASON_MASS_CANCEL, QTY);
    expect_true();
    ledger_settled(ledger);
    tell_cancel(0, ORDER, OE_CANCEL_REASON_MASS_CANCEL, QTY);
    expect_false("which is unknown");
}

static void
tell_business_reject(uint64_t no)
{
    uint8_t buf[128];

    tell(buf,
         oe_business_message_reject_encode(buf, sizeof buf,
                                           &(struct oe_business_message_reject){
                                               .ref_seq_num = no,
                                               .reject_reason = OE_REJECT_REASON_MALFORMED_MESSAGE,
                                               .ref_template_id = OE_NEW_ORDER_SINGLE_ID,
                                           }));
}

Test(ledger, believes_that_a_request_was_cut_where_that_may_be)
{
    const uint64_t clord = ask(REQUEST_NEW, 0, QTY);

    ledger_cuts(ledger);
    tell_business_reject(1);
    expect_true();
    cr_assert_eq(ledger_pending(ledger), 0);
    cr_assert_eq(ledger_request_of(ledger, clord)->state, REQUEST_ANSWERED);
    tell_new(clord, ORDER);
    expect_false("which is answered");
}

Test(ledger, finds_a_whole_request_that_is_called_cut)
{
    ask(REQUEST_NEW, 0, QTY);
    tell_business_reject(1);
    expect_false("BusinessMessageReject of number 1");
}

Test(ledger, finds_that_a_request_is_called_cut_that_was_never_sent)
{
    ledger_cuts(ledger);
    ask(REQUEST_NEW, 0, QTY);
    tell_business_reject(2);
    expect_false("BusinessMessageReject of number 2");
}
