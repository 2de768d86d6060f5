/*
 * test_ouch_wire: OUCH 5.0 as it lies on the wire, both ways.
 *
 * The vectors are captures of a venue's production traffic where there are any;
 * the others are the published layouts written out by hand. Each is read by a
 * view, field by field, and written from a struct, and both must agree with the
 * bytes. Then each is cut at every length, and given another type.
 */
#include <string.h>

#include "proto/ouch.h"

#include "tests/proto/wire_bytes.h"

#define ENTER                                                               \
 "4f 00000071 54 000000e1 43564c5420202020 0000000000099db8 30 59 41 4e 4e" \
 "4838465542384956202020202020"
#define ENTER_FIRM "0006 05024c494d45"
#define ENTER_MINIMAL                                                       \
 "4f 00000002 53 000000c8 4142432020202020 00000000000f4c68 33 59 41 4e 4e" \
 "434c3220202020202020202020 20 0000"
#define ACCEPTED                                                                    \
 "41 0000289b4d64af87 00753a8d 42 00000028 4144424520202020 000000000048e748 35 59" \
 "000000000f56b4f5 41 4e 4e 4c 3736383237303120202020202020"
#define ACCEPTED_OPTIONS "0009 05024d4c524f 021230"
#define TIME             UINT64_C(0x0000289b4d64af87)
#define TIME_HEX         "0000289b4d64af87"
#define CLORD            "ABCDEFGHIJKLMN"
#define CLORD_HEX        "4142434445464748494a4b4c4d4e"

/* view_fn reads a message; it stands for one of the generated views. */
typedef const void *view_fn(const uint8_t *buf, size_t len);

/* VIEW makes a view_fn of a generated view. */
#define VIEW(name)                                              \
 static const void *view_##name(const uint8_t *buf, size_t len) \
 {                                                              \
  return ouch_##name##_view(buf, len);                          \
 }
VIEW(enter_order)
VIEW(replace_order)
VIEW(cancel_order)
VIEW(modify_order)
VIEW(mass_cancel)
VIEW(disable_entry)
VIEW(enable_entry)
VIEW(account_query)
VIEW(system_event)
VIEW(accepted)
VIEW(replaced)
VIEW(canceled)
VIEW(aiq_canceled)
VIEW(executed)
VIEW(broken_trade)
VIEW(trade_correction)
VIEW(rejected)
VIEW(cancel_pending)
VIEW(cancel_reject)
VIEW(priority_update)
VIEW(modified)
VIEW(restated)
VIEW(mass_cancel_response)
VIEW(disable_response)
VIEW(enable_response)
VIEW(query_response)

#define REPLACE "55 00000071 00000072 000000c8 0000000000099dc2 30 59 4e" CLORD_HEX
#define REPLACED                                                                       \
 "55" TIME_HEX "00000071 00000072 53 000000c8 43564c5420202020 0000000000099dc2 30 59" \
 "000000000f56b4f6 41 4e 4e 4c" CLORD_HEX
#define CANCEL_ALL   "58 00752e71 00000000"
#define CANCELED     "43 0000289b4d681317 00753a8d 00000028 55"
#define AIQ_CANCELED "44" TIME_HEX "00000071 00000000 51 00000064 0000000000099db8 41 20"
#define EXECUTED     "45" TIME_HEX "00000071 00000064 0000000000099db8 52 0000000000000309"
#define BROKEN       "42" TIME_HEX "00000071 0000000000000309 45" CLORD_HEX
#define CORRECTION \
 "46" TIME_HEX "00000071 00000064 0000000000099db8 41 0000000000000309 43" CLORD_HEX
#define REJECTED        "4a" TIME_HEX "00000071 001d" CLORD_HEX
#define PRIORITY_UPDATE "54" TIME_HEX "00000071 0000000000099db8 59 000000000f56b4f5"
#define MASS_CANCEL     "43 00000073 4c494d45 43564c5420202020"
#define MASS_CANCELED   "58" TIME_HEX "00000073 4c494d45 2020202020202020"

static const struct {
    const char *what;
    const char *bytes;
    size_t len; /* as the published table has it */
    view_fn *view;
} messages[] = {
    {"EnterOrder", ENTER, 45, view_enter_order},
    {"ReplaceOrder", REPLACE, 38, view_replace_order},
    {"CancelOrder", CANCEL_ALL, 9, view_cancel_order},
    {"ModifyOrder", "4d 00000071 45 00000064", 10, view_modify_order},
    {"MassCancel", MASS_CANCEL, 17, view_mass_cancel},
    {"DisableEntry", "44 00000074 4c494d45", 9, view_disable_entry},
    {"EnableEntry", "45 00000075 4c494d45", 9, view_enable_entry},
    {"AccountQuery", "51", 1, view_account_query},
    {"SystemEvent", "53" TIME_HEX "53", 10, view_system_event},
    {"Accepted", ACCEPTED, 62, view_accepted},
    {"Replaced", REPLACED, 66, view_replaced},
    {"Canceled", CANCELED, 18, view_canceled},
    {"AiqCanceled", AIQ_CANCELED, 32, view_aiq_canceled},
    {"Executed", EXECUTED, 34, view_executed},
    {"BrokenTrade", BROKEN, 36, view_broken_trade},
    {"TradeCorrection", CORRECTION, 49, view_trade_correction},
    {"Rejected", REJECTED, 29, view_rejected},
    {"CancelPending", "50" TIME_HEX "00000071", 13, view_cancel_pending},
    {"CancelReject", "49" TIME_HEX "00000071", 13, view_cancel_reject},
    {"PriorityUpdate", PRIORITY_UPDATE, 30, view_priority_update},
    {"Modified", "4d" TIME_HEX "00000071 54 00000064", 18, view_modified},
    {"Restated", "52" TIME_HEX "00000071 50", 14, view_restated},
    {"MassCancelResponse", MASS_CANCELED, 25, view_mass_cancel_response},
    {"DisableResponse", "47" TIME_HEX "00000074 4c494d45", 17, view_disable_response},
    {"EnableResponse", "4b" TIME_HEX "00000075 4c494d45", 17, view_enable_response},
    {"QueryResponse", "51" TIME_HEX "00000076", 13, view_query_response},
};

Test(ouch_wire, every_message_has_the_published_length_and_type_and_no_less)
{
    uint8_t buf[128];

    for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
        const size_t len = unhex(buf, messages[i].bytes);

        cr_assert_eq(len, messages[i].len, "%s", messages[i].what);
        cr_assert_eq(messages[i].view(buf, len), buf, "%s", messages[i].what);
        for (size_t cut = 0; cut < len; cut++)
            cr_expect_null(messages[i].view(buf, cut), "%s cut at %zu", messages[i].what, cut);
        buf[0] ^= 0x20;
        cr_expect_null(messages[i].view(buf, len), "%s of another type", messages[i].what);
    }
}

/* read_fn reads one number of a message. */
typedef uint64_t read_fn(const uint8_t *buf, size_t len);

/* READ makes a read_fn of what is generated for a field. */
#define READ(message, field)                                              \
 static uint64_t read_##message##_##field(const uint8_t *buf, size_t len) \
 {                                                                        \
  return ouch_##message##_##field(ouch_##message##_view(buf, len));       \
 }
READ(enter_order, user_ref_num)
READ(enter_order, quantity)
READ(enter_order, price)
READ(replace_order, orig_user_ref_num)
READ(replace_order, user_ref_num)
READ(replace_order, quantity)
READ(replace_order, price)
READ(cancel_order, user_ref_num)
READ(cancel_order, quantity)
READ(modify_order, user_ref_num)
READ(modify_order, quantity)
READ(mass_cancel, user_ref_num)
READ(disable_entry, user_ref_num)
READ(enable_entry, user_ref_num)
READ(system_event, timestamp)
READ(accepted, timestamp)
READ(accepted, user_ref_num)
READ(accepted, quantity)
READ(accepted, price)
READ(accepted, order_ref_num)
READ(replaced, timestamp)
READ(replaced, orig_user_ref_num)
READ(replaced, user_ref_num)
READ(replaced, quantity)
READ(replaced, price)
READ(replaced, order_ref_num)
READ(canceled, timestamp)
READ(canceled, user_ref_num)
READ(canceled, quantity)
READ(aiq_canceled, timestamp)
READ(aiq_canceled, user_ref_num)
READ(aiq_canceled, decrement_shares)
READ(aiq_canceled, quantity_prevented)
READ(aiq_canceled, execution_price)
READ(executed, timestamp)
READ(executed, user_ref_num)
READ(executed, quantity)
READ(executed, price)
READ(executed, match_number)
READ(broken_trade, timestamp)
READ(broken_trade, user_ref_num)
READ(broken_trade, match_number)
READ(trade_correction, timestamp)
READ(trade_correction, user_ref_num)
READ(trade_correction, quantity)
READ(trade_correction, price)
READ(trade_correction, match_number)
READ(rejected, timestamp)
READ(rejected, user_ref_num)
READ(rejected, reason)
READ(cancel_pending, timestamp)
READ(cancel_pending, user_ref_num)
READ(cancel_reject, timestamp)
READ(cancel_reject, user_ref_num)
READ(priority_update, timestamp)
READ(priority_update, user_ref_num)
READ(priority_update, price)
READ(priority_update, order_ref_num)
READ(modified, timestamp)
READ(modified, user_ref_num)
READ(modified, quantity)
READ(restated, timestamp)
READ(restated, user_ref_num)
READ(mass_cancel_response, timestamp)
READ(mass_cancel_response, user_ref_num)
READ(disable_response, timestamp)
READ(disable_response, user_ref_num)
READ(enable_response, timestamp)
READ(enable_response, user_ref_num)
READ(query_response, timestamp)
READ(query_response, next_user_ref_num)

/* Where the published tables have each number, and how long it is. */
static const struct {
    const char *bytes;
    read_fn *read;
    unsigned off;
    unsigned len;
} numbers[] = {
    {ENTER, read_enter_order_user_ref_num, 1, 4},
    {ENTER, read_enter_order_quantity, 6, 4},
    {ENTER, read_enter_order_price, 18, 8},
    {REPLACE, read_replace_order_orig_user_ref_num, 1, 4},
    {REPLACE, read_replace_order_user_ref_num, 5, 4},
    {REPLACE, read_replace_order_quantity, 9, 4},
    {REPLACE, read_replace_order_price, 13, 8},
    {CANCEL_ALL, read_cancel_order_user_ref_num, 1, 4},
    {CANCEL_ALL, read_cancel_order_quantity, 5, 4},
    {"4d 00000071 45 00000064", read_modify_order_user_ref_num, 1, 4},
    {"4d 00000071 45 00000064", read_modify_order_quantity, 6, 4},
    {MASS_CANCEL, read_mass_cancel_user_ref_num, 1, 4},
    {"44 00000074 4c494d45", read_disable_entry_user_ref_num, 1, 4},
    {"45 00000075 4c494d45", read_enable_entry_user_ref_num, 1, 4},
    {"53" TIME_HEX "53", read_system_event_timestamp, 1, 8},
    {ACCEPTED, read_accepted_timestamp, 1, 8},
    {ACCEPTED, read_accepted_user_ref_num, 9, 4},
    {ACCEPTED, read_accepted_quantity, 14, 4},
    {ACCEPTED, read_accepted_price, 26, 8},
    {ACCEPTED, read_accepted_order_ref_num, 36, 8},
    {REPLACED, read_replaced_timestamp, 1, 8},
    {REPLACED, read_replaced_orig_user_ref_num, 9, 4},
    {REPLACED, read_replaced_user_ref_num, 13, 4},
    {REPLACED, read_replaced_quantity, 18, 4},
    {REPLACED, read_replaced_price, 30, 8},
    {REPLACED, read_replaced_order_ref_num, 40, 8},
    {CANCELED, read_canceled_timestamp, 1, 8},
    {CANCELED, read_canceled_user_ref_num, 9, 4},
    {CANCELED, read_canceled_quantity, 13, 4},
    {AIQ_CANCELED, read_aiq_canceled_timestamp, 1, 8},
    {AIQ_CANCELED, read_aiq_canceled_user_ref_num, 9, 4},
    {AIQ_CANCELED, read_aiq_canceled_decrement_shares, 13, 4},
    {AIQ_CANCELED, read_aiq_canceled_quantity_prevented, 18, 4},
    {AIQ_CANCELED, read_aiq_canceled_execution_price, 22, 8},
    {EXECUTED, read_executed_timestamp, 1, 8},
    {EXECUTED, read_executed_user_ref_num, 9, 4},
    {EXECUTED, read_executed_quantity, 13, 4},
    {EXECUTED, read_executed_price, 17, 8},
    {EXECUTED, read_executed_match_number, 26, 8},
    {BROKEN, read_broken_trade_timestamp, 1, 8},
    {BROKEN, read_broken_trade_user_ref_num, 9, 4},
    {BROKEN, read_broken_trade_match_number, 13, 8},
    {CORRECTION, read_trade_correction_timestamp, 1, 8},
    {CORRECTION, read_trade_correction_user_ref_num, 9, 4},
    {CORRECTION, read_trade_correction_quantity, 13, 4},
    {CORRECTION, read_trade_correction_price, 17, 8},
    {CORRECTION, read_trade_correction_match_number, 26, 8},
    {REJECTED, read_rejected_timestamp, 1, 8},
    {REJECTED, read_rejected_user_ref_num, 9, 4},
    {REJECTED, read_rejected_reason, 13, 2},
    {"50" TIME_HEX "00000071", read_cancel_pending_timestamp, 1, 8},
    {"50" TIME_HEX "00000071", read_cancel_pending_user_ref_num, 9, 4},
    {"49" TIME_HEX "00000071", read_cancel_reject_timestamp, 1, 8},
    {"49" TIME_HEX "00000071", read_cancel_reject_user_ref_num, 9, 4},
    {PRIORITY_UPDATE, read_priority_update_timestamp, 1, 8},
    {PRIORITY_UPDATE, read_priority_update_user_ref_num, 9, 4},
    {PRIORITY_UPDATE, read_priority_update_price, 13, 8},
    {PRIORITY_UPDATE, read_priority_update_order_ref_num, 22, 8},
    {"4d" TIME_HEX "00000071 54 00000064", read_modified_timestamp, 1, 8},
    {"4d" TIME_HEX "00000071 54 00000064", read_modified_user_ref_num, 9, 4},
    {"4d" TIME_HEX "00000071 54 00000064", read_modified_quantity, 14, 4},
    {"52" TIME_HEX "00000071 50", read_restated_timestamp, 1, 8},
    {"52" TIME_HEX "00000071 50", read_restated_user_ref_num, 9, 4},
    {MASS_CANCELED, read_mass_cancel_response_timestamp, 1, 8},
    {MASS_CANCELED, read_mass_cancel_response_user_ref_num, 9, 4},
    {"47" TIME_HEX "00000074 4c494d45", read_disable_response_timestamp, 1, 8},
    {"47" TIME_HEX "00000074 4c494d45", read_disable_response_user_ref_num, 9, 4},
    {"4b" TIME_HEX "00000075 4c494d45", read_enable_response_timestamp, 1, 8},
    {"4b" TIME_HEX "00000075 4c494d45", read_enable_response_user_ref_num, 9, 4},
    {"51" TIME_HEX "00000076", read_query_response_timestamp, 1, 8},
    {"51" TIME_HEX "00000076", read_query_response_next_user_ref_num, 9, 4},
};

/* Likewise each field of characters. */
#define CHARS(bytes, message, field, off)                                  \
 {                                                                         \
  bytes, #message "." #field, offsetof(struct ouch_##message, field), off, \
      sizeof(((struct ouch_##message *)0)->field)                          \
 }

static const struct {
    const char *bytes;
    const char *what;
    size_t is;
    size_t published;
    size_t len;
} characters[] = {
    CHARS(ENTER, enter_order, side, 5),
    CHARS(ENTER, enter_order, symbol, 10),
    CHARS(ENTER, enter_order, time_in_force, 26),
    CHARS(ENTER, enter_order, display, 27),
    CHARS(ENTER, enter_order, capacity, 28),
    CHARS(ENTER, enter_order, inter_market_sweep, 29),
    CHARS(ENTER, enter_order, cross_type, 30),
    CHARS(ENTER, enter_order, cl_ord_id, 31),
    CHARS(REPLACE, replace_order, time_in_force, 21),
    CHARS(REPLACE, replace_order, display, 22),
    CHARS(REPLACE, replace_order, inter_market_sweep, 23),
    CHARS(REPLACE, replace_order, cl_ord_id, 24),
    CHARS("4d 00000071 45 00000064", modify_order, side, 5),
    CHARS(MASS_CANCEL, mass_cancel, firm, 5),
    CHARS(MASS_CANCEL, mass_cancel, symbol, 9),
    CHARS("44 00000074 4c494d45", disable_entry, firm, 5),
    CHARS("45 00000075 4c494d45", enable_entry, firm, 5),
    CHARS("53" TIME_HEX "53", system_event, event_code, 9),
    CHARS(ACCEPTED, accepted, side, 13),
    CHARS(ACCEPTED, accepted, symbol, 18),
    CHARS(ACCEPTED, accepted, time_in_force, 34),
    CHARS(ACCEPTED, accepted, display, 35),
    CHARS(ACCEPTED, accepted, capacity, 44),
    CHARS(ACCEPTED, accepted, inter_market_sweep, 45),
    CHARS(ACCEPTED, accepted, cross_type, 46),
    CHARS(ACCEPTED, accepted, order_state, 47),
    CHARS(ACCEPTED, accepted, cl_ord_id, 48),
    CHARS(REPLACED, replaced, side, 17),
    CHARS(REPLACED, replaced, symbol, 22),
    CHARS(REPLACED, replaced, time_in_force, 38),
    CHARS(REPLACED, replaced, display, 39),
    CHARS(REPLACED, replaced, capacity, 48),
    CHARS(REPLACED, replaced, inter_market_sweep, 49),
    CHARS(REPLACED, replaced, cross_type, 50),
    CHARS(REPLACED, replaced, order_state, 51),
    CHARS(REPLACED, replaced, cl_ord_id, 52),
    CHARS(CANCELED, canceled, reason, 17),
    CHARS(AIQ_CANCELED, aiq_canceled, reason, 17),
    CHARS(AIQ_CANCELED, aiq_canceled, liquidity, 30),
    CHARS(AIQ_CANCELED, aiq_canceled, strategy, 31),
    CHARS(EXECUTED, executed, liquidity, 25),
    CHARS(BROKEN, broken_trade, reason, 21),
    CHARS(BROKEN, broken_trade, cl_ord_id, 22),
    CHARS(CORRECTION, trade_correction, liquidity, 25),
    CHARS(CORRECTION, trade_correction, reason, 34),
    CHARS(CORRECTION, trade_correction, cl_ord_id, 35),
    CHARS(REJECTED, rejected, cl_ord_id, 15),
    CHARS(PRIORITY_UPDATE, priority_update, display, 21),
    CHARS("4d" TIME_HEX "00000071 54 00000064", modified, side, 13),
    CHARS("52" TIME_HEX "00000071 50", restated, reason, 13),
    CHARS(MASS_CANCELED, mass_cancel_response, firm, 13),
    CHARS(MASS_CANCELED, mass_cancel_response, symbol, 17),
    CHARS("47" TIME_HEX "00000074 4c494d45", disable_response, firm, 13),
    CHARS("4b" TIME_HEX "00000075 4c494d45", enable_response, firm, 13),
};

Test(ouch_wire, every_number_is_read_where_it_is_published)
{
    uint8_t buf[128];

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        const size_t len = unhex(buf, numbers[i].bytes);
        uint64_t value = 0;

        /* Bytes that are all different say whether they are the right ones. */
        for (unsigned at = 0; at < numbers[i].len; at++) {
            if (numbers[i].len != 2)
                buf[numbers[i].off + at] = (uint8_t)(0xa1 + at);
            value = value << 8 | buf[numbers[i].off + at];
        }
        cr_assert_leq(numbers[i].off + numbers[i].len, len, "%zu", i);
        cr_expect_eq(numbers[i].read(buf, len), value, "%zu: %s", i, numbers[i].bytes);
    }
}

/* The messages are those with numbers and characters alone: nothing is between them. */
Test(ouch_wire, all_bytes_of_a_message_are_a_field_at_the_published_place)
{
    for (size_t i = 0; i < sizeof characters / sizeof characters[0]; i++)
        cr_expect_eq(characters[i].is, characters[i].published, "%s", characters[i].what);
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        size_t covered = 1;

        for (size_t at = 0; at < sizeof numbers / sizeof numbers[0]; at++)
            if (strcmp(numbers[at].bytes, messages[i].bytes) == 0)
                covered += numbers[at].len;
        for (size_t at = 0; at < sizeof characters / sizeof characters[0]; at++)
            if (strcmp(characters[at].bytes, messages[i].bytes) == 0)
                covered += characters[at].len;
        cr_expect_eq(covered, messages[i].len, "%s", messages[i].what);
    }
}

Test(ouch_wire, a_captured_order_is_read_and_written_byte_for_byte)
{
    uint8_t buf[128];
    size_t len = unhex(buf, ENTER ENTER_FIRM);
    const struct ouch_enter_order *view = ouch_enter_order_view(buf, len);
    struct ouch_options options;
    struct ouch_enter_order msg = {.side = OUCH_SIDE_SELL_SHORT,
                                   .symbol = "CVLT    ",
                                   .time_in_force = OUCH_TIME_IN_FORCE_DAY,
                                   .display = OUCH_DISPLAY_VISIBLE,
                                   .capacity = OUCH_CAPACITY_AGENCY,
                                   .inter_market_sweep = OUCH_YES_NO_NO,
                                   .cross_type = OUCH_CROSS_TYPE_CONTINUOUS,
                                   .cl_ord_id = "H8FUB8IV      "};

    cr_assert_eq(len, 53);
    cr_assert_not_null(view);
    cr_assert_eq(ouch_enter_order_user_ref_num(view), 113);
    cr_assert_eq(view->side, 'T');
    cr_assert_eq(ouch_enter_order_quantity(view), 225);
    cr_assert_eq(memcmp(view->symbol, "CVLT    ", 8), 0);
    cr_assert_eq(ouch_enter_order_price(view), 630200);
    cr_assert_eq(memcmp(view->cl_ord_id, "H8FUB8IV      ", 14), 0);
    cr_assert(
        ouch_options_parse(buf + OUCH_ENTER_ORDER_BLOCK, len - OUCH_ENTER_ORDER_BLOCK, &options));
    cr_assert_eq(options.has, OUCH_OPTIONS_HAS_FIRM);
    cr_assert_eq(memcmp(options.firm, "LIME", 4), 0);

    ouch_enter_order_set_user_ref_num(&msg, 113);
    ouch_enter_order_set_quantity(&msg, 225);
    ouch_enter_order_set_price(&msg, 630200);
    len = ouch_enter_order_encode(buf, sizeof buf, &msg);
    len += ouch_options_put(buf + len, sizeof buf - len, &options);
    expect_bytes(buf, len, ENTER ENTER_FIRM);
}

Test(ouch_wire, an_order_may_end_with_an_appendage_of_no_options)
{
    uint8_t buf[128];
    const size_t len = unhex(buf, ENTER_MINIMAL);
    struct ouch_options options;
    const struct ouch_enter_order *view = ouch_enter_order_view(buf, len);

    cr_assert_eq(len, 47);
    cr_assert_not_null(view);
    cr_assert_eq(view->side, 'S');
    cr_assert_eq(ouch_enter_order_price(view), 1002600);
    cr_assert_eq(view->time_in_force, '3');
    cr_assert(ouch_options_parse(buf + 45, 2, &options));
    cr_assert_eq(options.has, 0);
}

Test(ouch_wire, a_captured_acceptance_is_read_and_written_byte_for_byte)
{
    uint8_t buf[128];
    size_t len = unhex(buf, ACCEPTED ACCEPTED_OPTIONS);
    const struct ouch_accepted *view = ouch_accepted_view(buf, len);
    struct ouch_options options;
    struct ouch_accepted msg = {.side = OUCH_SIDE_BUY,
                                .symbol = "ADBE    ",
                                .time_in_force = OUCH_TIME_IN_FORCE_EXTENDED,
                                .display = OUCH_DISPLAY_VISIBLE,
                                .capacity = OUCH_CAPACITY_AGENCY,
                                .inter_market_sweep = OUCH_YES_NO_NO,
                                .cross_type = OUCH_CROSS_TYPE_CONTINUOUS,
                                .order_state = OUCH_ORDER_STATE_LIVE,
                                .cl_ord_id = "7682701       "};

    cr_assert_not_null(view);
    cr_assert_eq(ouch_accepted_timestamp(view), TIME);
    cr_assert_eq(ouch_accepted_user_ref_num(view), 7682701);
    cr_assert_eq(ouch_accepted_quantity(view), 40);
    cr_assert_eq(ouch_accepted_price(view), 4777800);
    cr_assert_eq(ouch_accepted_order_ref_num(view), 257340661);
    cr_assert_eq(view->order_state, 'L');
    cr_assert(ouch_options_parse(buf + 62, len - 62, &options));
    cr_assert_eq(options.has, OUCH_OPTIONS_HAS_FIRM | OUCH_OPTIONS_HAS_BBO_WEIGHT);
    cr_assert_eq(memcmp(options.firm, "MLRO", 4), 0);
    cr_assert_eq(options.bbo_weight, '0');

    ouch_accepted_set_timestamp(&msg, TIME);
    ouch_accepted_set_user_ref_num(&msg, 7682701);
    ouch_accepted_set_quantity(&msg, 40);
    ouch_accepted_set_price(&msg, 4777800);
    ouch_accepted_set_order_ref_num(&msg, 257340661);
    len = ouch_accepted_encode(buf, sizeof buf, &msg);
    len += ouch_options_put(buf + len, sizeof buf - len, &options);
    expect_bytes(buf, len, ACCEPTED ACCEPTED_OPTIONS);
}

Test(ouch_wire, what_a_client_sends_about_a_live_order_is_read_and_written)
{
    uint8_t buf[128];
    struct ouch_replace_order replace = {
        .time_in_force = '0', .display = 'Y', .inter_market_sweep = 'N', .cl_ord_id = CLORD};
    struct ouch_cancel_order cancel;
    struct ouch_modify_order modify = {.side = OUCH_SIDE_SELL_SHORT_EXEMPT};
    struct ouch_mass_cancel mass = {.firm = "LIME", .symbol = "CVLT    "};
    struct ouch_disable_entry disable = {.firm = "LIME"};
    struct ouch_enable_entry enable = {.firm = "LIME"};
    struct ouch_account_query query;

    ouch_replace_order_set_orig_user_ref_num(&replace, 113);
    ouch_replace_order_set_user_ref_num(&replace, 114);
    ouch_replace_order_set_quantity(&replace, 200);
    ouch_replace_order_set_price(&replace, 630210);
    expect_bytes(buf, ouch_replace_order_encode(buf, sizeof buf, &replace), REPLACE);
    cr_assert_eq(ouch_replace_order_orig_user_ref_num(ouch_replace_order_view(buf, 38)), 113);
    cr_assert_eq(ouch_replace_order_user_ref_num(ouch_replace_order_view(buf, 38)), 114);
    cr_assert_eq(ouch_replace_order_quantity(ouch_replace_order_view(buf, 38)), 200);
    cr_assert_eq(ouch_replace_order_price(ouch_replace_order_view(buf, 38)), 630210);

    ouch_cancel_order_set_user_ref_num(&cancel, 0x752e71);
    ouch_cancel_order_set_quantity(&cancel, 0);
    expect_bytes(buf, ouch_cancel_order_encode(buf, sizeof buf, &cancel), CANCEL_ALL);
    cr_assert_eq(ouch_cancel_order_user_ref_num(ouch_cancel_order_view(buf, 9)), 7679601);

    ouch_modify_order_set_user_ref_num(&modify, 113);
    ouch_modify_order_set_quantity(&modify, 100);
    expect_bytes(buf, ouch_modify_order_encode(buf, sizeof buf, &modify),
                 "4d 00000071 45 00000064");
    cr_assert_eq(ouch_modify_order_quantity(ouch_modify_order_view(buf, 10)), 100);

    ouch_mass_cancel_set_user_ref_num(&mass, 0x73);
    expect_bytes(buf, ouch_mass_cancel_encode(buf, sizeof buf, &mass), MASS_CANCEL);
    cr_assert_eq(ouch_mass_cancel_user_ref_num(ouch_mass_cancel_view(buf, 17)), 0x73);
    ouch_disable_entry_set_user_ref_num(&disable, 0x74);
    expect_bytes(buf, ouch_disable_entry_encode(buf, sizeof buf, &disable), "44 00000074 4c494d45");
    ouch_enable_entry_set_user_ref_num(&enable, 0x75);
    expect_bytes(buf, ouch_enable_entry_encode(buf, sizeof buf, &enable), "45 00000075 4c494d45");
    expect_bytes(buf, ouch_account_query_encode(buf, sizeof buf, &query), "51");
}

Test(ouch_wire, what_becomes_of_an_order_is_read_and_written)
{
    uint8_t buf[128];
    struct ouch_replaced replaced = {.side = OUCH_SIDE_SELL,
                                     .symbol = "CVLT    ",
                                     .time_in_force = OUCH_TIME_IN_FORCE_DAY,
                                     .display = OUCH_DISPLAY_VISIBLE,
                                     .capacity = OUCH_CAPACITY_AGENCY,
                                     .inter_market_sweep = OUCH_YES_NO_NO,
                                     .cross_type = OUCH_CROSS_TYPE_CONTINUOUS,
                                     .order_state = OUCH_ORDER_STATE_LIVE,
                                     .cl_ord_id = CLORD};
    struct ouch_canceled canceled = {.reason = OUCH_CANCEL_REASON_USER};
    struct ouch_aiq_canceled aiq = {.reason = OUCH_CANCEL_REASON_SELF_MATCH,
                                    .liquidity = OUCH_LIQUIDITY_ADDED,
                                    .strategy = ' '};
    struct ouch_executed executed = {.liquidity = OUCH_LIQUIDITY_REMOVED};
    struct ouch_broken_trade broken = {.reason = OUCH_BROKEN_REASON_ERRONEOUS, .cl_ord_id = CLORD};
    struct ouch_trade_correction correction = {
        .liquidity = OUCH_LIQUIDITY_ADDED, .reason = 'C', .cl_ord_id = CLORD};

    ouch_replaced_set_timestamp(&replaced, TIME);
    ouch_replaced_set_orig_user_ref_num(&replaced, 113);
    ouch_replaced_set_user_ref_num(&replaced, 114);
    ouch_replaced_set_quantity(&replaced, 200);
    ouch_replaced_set_price(&replaced, 630210);
    ouch_replaced_set_order_ref_num(&replaced, 257340662);
    expect_bytes(buf, ouch_replaced_encode(buf, sizeof buf, &replaced), REPLACED);
    cr_assert_eq(ouch_replaced_order_ref_num(ouch_replaced_view(buf, 66)), 257340662);

    ouch_canceled_set_timestamp(&canceled, UINT64_C(0x289b4d681317));
    ouch_canceled_set_user_ref_num(&canceled, 7682701);
    ouch_canceled_set_quantity(&canceled, 40);
    expect_bytes(buf, ouch_canceled_encode(buf, sizeof buf, &canceled), CANCELED);
    cr_assert_eq(ouch_canceled_quantity(ouch_canceled_view(buf, 18)), 40);

    ouch_aiq_canceled_set_timestamp(&aiq, TIME);
    ouch_aiq_canceled_set_user_ref_num(&aiq, 113);
    ouch_aiq_canceled_set_decrement_shares(&aiq, 0);
    ouch_aiq_canceled_set_quantity_prevented(&aiq, 100);
    ouch_aiq_canceled_set_execution_price(&aiq, 630200);
    expect_bytes(buf, ouch_aiq_canceled_encode(buf, sizeof buf, &aiq), AIQ_CANCELED);
    cr_assert_eq(ouch_aiq_canceled_quantity_prevented(ouch_aiq_canceled_view(buf, 32)), 100);

    ouch_executed_set_timestamp(&executed, TIME);
    ouch_executed_set_user_ref_num(&executed, 113);
    ouch_executed_set_quantity(&executed, 100);
    ouch_executed_set_price(&executed, 630200);
    ouch_executed_set_match_number(&executed, 777);
    expect_bytes(buf, ouch_executed_encode(buf, sizeof buf, &executed), EXECUTED);
    cr_assert_eq(ouch_executed_match_number(ouch_executed_view(buf, 34)), 777);

    ouch_broken_trade_set_timestamp(&broken, TIME);
    ouch_broken_trade_set_user_ref_num(&broken, 113);
    ouch_broken_trade_set_match_number(&broken, 777);
    expect_bytes(buf, ouch_broken_trade_encode(buf, sizeof buf, &broken), BROKEN);

    ouch_trade_correction_set_timestamp(&correction, TIME);
    ouch_trade_correction_set_user_ref_num(&correction, 113);
    ouch_trade_correction_set_quantity(&correction, 100);
    ouch_trade_correction_set_price(&correction, 630200);
    ouch_trade_correction_set_match_number(&correction, 777);
    expect_bytes(buf, ouch_trade_correction_encode(buf, sizeof buf, &correction), CORRECTION);
}

Test(ouch_wire, the_other_answers_are_read_and_written)
{
    uint8_t buf[128];
    struct ouch_system_event event = {.event_code = OUCH_EVENT_CODE_START_OF_DAY};
    struct ouch_rejected rejected = {.cl_ord_id = CLORD};
    struct ouch_cancel_pending pending;
    struct ouch_cancel_reject reject;
    struct ouch_priority_update update = {.display = OUCH_DISPLAY_VISIBLE};
    struct ouch_modified modified = {.side = OUCH_SIDE_SELL_SHORT};
    struct ouch_restated restated = {.reason = OUCH_RESTATE_REASON_PRICE};
    struct ouch_mass_cancel_response mass = {.firm = "LIME", .symbol = "        "};
    struct ouch_disable_response disable = {.firm = "LIME"};
    struct ouch_enable_response enable = {.firm = "LIME"};
    struct ouch_query_response query;

    ouch_system_event_set_timestamp(&event, TIME);
    expect_bytes(buf, ouch_system_event_encode(buf, sizeof buf, &event), "53" TIME_HEX "53");
    ouch_rejected_set_timestamp(&rejected, TIME);
    ouch_rejected_set_user_ref_num(&rejected, 113);
    ouch_rejected_set_reason(&rejected, OUCH_REJECT_REASON_INVALID_PRICE);
    expect_bytes(buf, ouch_rejected_encode(buf, sizeof buf, &rejected), REJECTED);
    cr_assert_eq(ouch_rejected_reason(ouch_rejected_view(buf, 29)), 0x1d);
    buf[14] = 0x25;
    cr_assert_null(ouch_rejected_view(buf, 29), "no such reason");
    ouch_cancel_pending_set_timestamp(&pending, TIME);
    ouch_cancel_pending_set_user_ref_num(&pending, 113);
    expect_bytes(buf, ouch_cancel_pending_encode(buf, sizeof buf, &pending),
                 "50" TIME_HEX "00000071");
    ouch_cancel_reject_set_timestamp(&reject, TIME);
    ouch_cancel_reject_set_user_ref_num(&reject, 113);
    expect_bytes(buf, ouch_cancel_reject_encode(buf, sizeof buf, &reject),
                 "49" TIME_HEX "00000071");
    ouch_priority_update_set_timestamp(&update, TIME);
    ouch_priority_update_set_user_ref_num(&update, 113);
    ouch_priority_update_set_price(&update, 630200);
    ouch_priority_update_set_order_ref_num(&update, 257340661);
    expect_bytes(buf, ouch_priority_update_encode(buf, sizeof buf, &update), PRIORITY_UPDATE);
    ouch_modified_set_timestamp(&modified, TIME);
    ouch_modified_set_user_ref_num(&modified, 113);
    ouch_modified_set_quantity(&modified, 100);
    expect_bytes(buf, ouch_modified_encode(buf, sizeof buf, &modified),
                 "4d" TIME_HEX "00000071 54 00000064");
    ouch_restated_set_timestamp(&restated, TIME);
    ouch_restated_set_user_ref_num(&restated, 113);
    expect_bytes(buf, ouch_restated_encode(buf, sizeof buf, &restated),
                 "52" TIME_HEX "00000071 50");
    ouch_mass_cancel_response_set_timestamp(&mass, TIME);
    ouch_mass_cancel_response_set_user_ref_num(&mass, 0x73);
    expect_bytes(buf, ouch_mass_cancel_response_encode(buf, sizeof buf, &mass), MASS_CANCELED);
    ouch_disable_response_set_timestamp(&disable, TIME);
    ouch_disable_response_set_user_ref_num(&disable, 0x74);
    expect_bytes(buf, ouch_disable_response_encode(buf, sizeof buf, &disable),
                 "47" TIME_HEX "00000074 4c494d45");
    ouch_enable_response_set_timestamp(&enable, TIME);
    ouch_enable_response_set_user_ref_num(&enable, 0x75);
    expect_bytes(buf, ouch_enable_response_encode(buf, sizeof buf, &enable),
                 "4b" TIME_HEX "00000075 4c494d45");
    ouch_query_response_set_timestamp(&query, TIME);
    ouch_query_response_set_next_user_ref_num(&query, 0x76);
    expect_bytes(buf, ouch_query_response_encode(buf, sizeof buf, &query),
                 "51" TIME_HEX "00000076");
}

/* Every option of the protocol, in the order of its tags. */
#define ALL_OPTIONS                                                                           \
 "0089 09 01 0000000000000063 05 02 4c494d45 05 03 00000064 02 04 52 05 05 000000c8 02 06 4c" \
 "05 07 fffffffe 09 09 0000000000099db8 02 0a 4d 05 0b 00000003 02 0c 50 05 0d 0000000a"      \
 "05 0e 4e415344 05 0f 0000c350 02 10 59 02 11 4f 02 12 30 09 13 0000000000099db7 02 14 50"   \
 "05 16 00000065 09 17 0000000000099db9 03 18 0102 02 19 59 05 1a 4c4f4341 02 1b 42 02 1c 07"

Test(ouch_wire, every_option_is_read_and_written)
{
    uint8_t buf[256];
    const size_t len = unhex(buf, ALL_OPTIONS);
    struct ouch_options options;
    uint8_t again[256];

    cr_assert_eq(len, 2 + 0x89);
    cr_assert(ouch_options_parse(buf, len, &options));
    cr_assert_eq(options.unknown_cnt, 0);
    cr_assert_eq(__builtin_popcountll(options.has), 26);
    cr_assert_eq(options.secondary_ord_ref_num, 99);
    cr_assert_eq(memcmp(options.firm, "LIME", 4), 0);
    cr_assert_eq(options.min_qty, 100);
    cr_assert_eq(options.customer_type, 'R');
    cr_assert_eq(options.max_floor, 200);
    cr_assert_eq(options.price_type, 'L');
    cr_assert_eq(options.peg_offset, -2);
    cr_assert_eq(options.discretion_price, 630200);
    cr_assert_eq(options.discretion_price_type, 'M');
    cr_assert_eq(options.discretion_peg_offset, 3);
    cr_assert_eq(options.post_only, 'P');
    cr_assert_eq(options.random_reserves, 10);
    cr_assert_eq(memcmp(options.route, "NASD", 4), 0);
    cr_assert_eq(options.expire_time, 50000);
    cr_assert_eq(options.trade_now, 'Y');
    cr_assert_eq(options.handle_inst, 'O');
    cr_assert_eq(options.bbo_weight, '0');
    cr_assert_eq(options.reference_price, 630199);
    cr_assert_eq(options.reference_price_type, 'P');
    cr_assert_eq(options.display_quantity, 101);
    cr_assert_eq(options.display_price, 630201);
    cr_assert_eq(options.group_id, 0x0102);
    cr_assert_eq(options.shares_located, 'Y');
    cr_assert_eq(memcmp(options.locate_broker, "LOCA", 4), 0);
    cr_assert_eq(options.side, 'B');
    cr_assert_eq(options.user_ref_idx, 7);
    cr_assert_eq(ouch_options_put(again, len - 1, &options), 0);
    expect_bytes(again, ouch_options_put(again, sizeof again, &options), ALL_OPTIONS);
}
