/*
 * test_codec: generated codecs against bytes made elsewhere, both ways.
 *
 * Each vector is decoded by a view and encoded from a struct, and both must
 * agree with the bytes. Then every kind of damage that a view must notice is
 * done to a vector: cut at each length, other template, other schema, short
 * block, values that are not allowed.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "proto/fixp.h"

#include "tests/proto/big.h"
#include "tests/proto/cells.h"
#include "tests/proto/wire.h"

#define UUID_TEXT "7961e19c3f3a455d9158a5d97319e8e9"
#define NOW_NS    UINT64_C(1700000000000000000)

static const uint8_t uuid[16] = {0x79, 0x61, 0xe1, 0x9c, 0x3f, 0x3a, 0x45, 0x5d,
                                 0x91, 0x58, 0xa5, 0xd9, 0x73, 0x19, 0xe8, 0xe9};

/* unhex reads hex digits, blanks between them, and returns the bytes. */
static size_t
unhex(uint8_t *out, const char *text)
{
    size_t cnt = 0;

    for (; *text != '\0'; text++) {
        unsigned byte;

        if (isspace((unsigned char)*text))
            continue;
        cr_assert_eq(sscanf(text++, "%2x", &byte), 1, "not hex: %s", text);
        out[cnt++] = (uint8_t)byte;
    }
    return cnt;
}

static void
expect_bytes(const uint8_t *got, size_t got_cnt, const char *want_text)
{
    uint8_t want[256];
    size_t want_cnt = unhex(want, want_text);

    cr_assert_eq(got_cnt, want_cnt, "%zu bytes, not %zu", got_cnt, want_cnt);
    for (size_t i = 0; i < want_cnt; i++)
        cr_assert_eq(got[i], want[i], "byte %zu is %02x, not %02x", i, got[i], want[i]);
}

typedef const uint8_t *find_data(const uint8_t *buf, uint16_t *len);

/* expect_text compares the variable data that find gives with a string. */
static void
expect_text(find_data *find, const uint8_t *buf, const char *want)
{
    uint16_t len;
    const uint8_t *got = find(buf, &len);

    cr_assert_eq(len, strlen(want), "%u bytes, not '%s'", len, want);
    cr_assert_arr_eq(got, want, len);
}

static const char negotiate_bytes[] =
    "1900 0100 bc0a 0000 " UUID_TEXT " 00002a36fe9c9717 01 0500 5573657231";

static size_t
encode_negotiate(uint8_t *buf, size_t cap)
{
    struct fixp_negotiate msg;

    memcpy(msg.session_id, uuid, sizeof(uuid));
    msg.timestamp = NOW_NS;
    msg.client_flow = FIXP_FLOW_TYPE_IDEMPOTENT;
    return fixp_negotiate_encode(buf, cap, &msg, "User1", 5);
}

Test(fixp, negotiate_is_encoded_and_viewed_byte_for_byte)
{
    uint8_t buf[128];
    const struct fixp_negotiate *msg;

    expect_bytes(buf, encode_negotiate(buf, sizeof(buf)), negotiate_bytes);
    msg = fixp_negotiate_view(buf, 40);
    cr_assert_not_null(msg);
    cr_assert_arr_eq(msg->session_id, uuid, 16);
    cr_assert(msg->timestamp == NOW_NS);
    cr_assert(msg->client_flow == FIXP_FLOW_TYPE_IDEMPOTENT);
    expect_text(fixp_negotiate_credentials, buf, "User1");
    cr_assert_eq(fixp_message_length(buf, 40), 40);
    cr_assert_str_eq(fixp_message_name(FIXP_NEGOTIATE_ID), "Negotiate");
}

/* As an independent stack was seen to send it: its frame is longer than the message. */
Test(fixp, negotiate_of_another_stack_is_viewed_without_what_is_behind_it)
{
    static const char bytes[] =
        "1900 0100 bc0a 0000 " UUID_TEXT " 33f192ea71010000 01 0500 5573657231";
    struct fixp_negotiate ours = {.timestamp = UINT64_C(0x00000171ea92f133),
                                  .client_flow = FIXP_FLOW_TYPE_IDEMPOTENT};
    uint8_t buf[64] = {0};
    const size_t len = unhex(buf, bytes);
    const struct fixp_negotiate *msg = fixp_negotiate_view(buf, len + 2);

    cr_assert_not_null(msg);
    cr_assert(msg->timestamp == ours.timestamp);
    expect_text(fixp_negotiate_credentials, buf, "User1");
    cr_assert_eq(fixp_message_length(buf, len + 2), len, "two stray bytes of zero are no message");
    memcpy(ours.session_id, uuid, sizeof uuid);
    expect_bytes(buf, fixp_negotiate_encode(buf, sizeof buf, &ours, "User1", 5), bytes);
}

Test(fixp, a_message_without_room_for_its_last_byte_is_not_encoded)
{
    uint8_t buf[128];

    memset(buf, 0xaa, sizeof(buf));
    for (size_t cap = 0; cap < 40; cap++)
        cr_assert_eq(encode_negotiate(buf, cap), 0, "cap %zu", cap);
    for (size_t i = 0; i < sizeof(buf); i++)
        cr_assert_eq(buf[i], 0xaa, "byte %zu was written", i);
    cr_assert_eq(encode_negotiate(buf, 40), 40);
}

Test(fixp, a_message_cut_short_anywhere_is_refused)
{
    uint8_t buf[128];
    size_t len = encode_negotiate(buf, sizeof(buf));

    for (size_t cut = 0; cut < len; cut++) {
        cr_assert_null(fixp_negotiate_view(buf, cut), "cut at %zu", cut);
        cr_assert_eq(fixp_message_length(buf, cut), 0, "cut at %zu", cut);
    }
    cr_assert_not_null(fixp_negotiate_view(buf, len + 1), "surplus bytes are the caller's");
    cr_assert_eq(fixp_message_length(buf, len + 1), len);
}

Test(fixp, a_wrong_header_is_refused)
{
    static const struct {
        size_t at;
        uint8_t byte;
    } cases[] = {{0, 24}, {1, 1}, {2, 2}, {3, 1}, {4, 0xbd}, {5, 0}};
    uint8_t buf[128];
    size_t len = encode_negotiate(buf, sizeof(buf));

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t good = buf[cases[i].at];

        buf[cases[i].at] = cases[i].byte;
        cr_assert_null(fixp_negotiate_view(buf, len), "byte %zu", cases[i].at);
        buf[cases[i].at] = good;
        cr_assert_not_null(fixp_negotiate_view(buf, len));
    }
    buf[4] = 0;
    cr_assert_eq(fixp_message_length(buf, len), 0, "other schema");
    buf[4] = 0xbc;
    buf[2] = 20;
    cr_assert_eq(fixp_message_length(buf, len), 0, "unknown template");
    cr_assert_str_eq(fixp_message_name(20), "?");
}

Test(fixp, values_that_are_not_allowed_are_refused)
{
    uint8_t buf[128];
    size_t len = encode_negotiate(buf, sizeof(buf));

    buf[8 + 24] = 4;
    cr_assert_null(fixp_negotiate_view(buf, len), "flow type 4");
    buf[8 + 24] = FIXP_FLOW_TYPE_NONE;
    cr_assert_not_null(fixp_negotiate_view(buf, len));
    memset(buf + 8 + 16, 0xff, 8);
    cr_assert_null(fixp_negotiate_view(buf, len), "null timestamp");
    encode_negotiate(buf, sizeof(buf));
    memset(buf + 8 + 25, 0xff, 2);
    cr_assert_null(fixp_negotiate_view(buf, sizeof(buf)), "null length");
}

Test(fixp, responses_are_encoded_and_viewed_byte_for_byte)
{
    uint8_t buf[128];
    struct fixp_negotiation_response response = {.request_timestamp = NOW_NS,
                                                 .server_flow = FIXP_FLOW_TYPE_RECOVERABLE};
    struct fixp_retransmit_reject reject = {.request_timestamp = NOW_NS + 2,
                                            .code = FIXP_RETRANSMIT_REJECT_CODE_OUT_OF_RANGE};
    struct fixp_terminate terminate = {.code = FIXP_TERMINATION_CODE_FINISHED};

    memcpy(response.session_id, uuid, sizeof(uuid));
    memcpy(reject.session_id, uuid, sizeof(uuid));
    memcpy(terminate.session_id, uuid, sizeof(uuid));
    expect_bytes(buf, fixp_negotiation_response_encode(buf, sizeof(buf), &response, NULL, 0),
                 "1900 0200 bc0a 0000" UUID_TEXT "00002a36fe9c9717 00 0000");
    cr_assert_not_null(fixp_negotiation_response_view(buf, 35));
    expect_text(fixp_negotiation_response_credentials, buf, "");
    expect_bytes(buf, fixp_retransmit_reject_encode(buf, sizeof(buf), &reject, NULL, 0),
                 "1900 0d00 bc0a 0000" UUID_TEXT "02002a36fe9c9717 00 0000");
    cr_assert_not_null(fixp_retransmit_reject_view(buf, 35));
    expect_bytes(buf, fixp_terminate_encode(buf, sizeof(buf), &terminate, "", 0),
                 "1100 0e00 bc0a 0000" UUID_TEXT "00 0000");
    cr_assert_not_null(fixp_terminate_view(buf, 27));
}

Test(fixp, establishment_is_encoded_and_viewed_byte_for_byte)
{
    uint8_t buf[128];
    struct fixp_establish request = {.timestamp = NOW_NS + 1,
                                     .keepalive_interval = 1000,
                                     .next_seq_no = FIXP_ESTABLISH_NEXT_SEQ_NO_NULL};
    struct fixp_establishment_ack ack = {
        .request_timestamp = NOW_NS + 1, .keepalive_interval = 1000, .next_seq_no = 1};

    memcpy(request.session_id, uuid, sizeof(uuid));
    memcpy(ack.session_id, uuid, sizeof(uuid));
    expect_bytes(buf, fixp_establish_encode(buf, sizeof(buf), &request, NULL, 0),
                 "2400 0500 bc0a 0000" UUID_TEXT "01002a36fe9c9717 e8030000 ffffffffffffffff 0000");
    cr_assert(fixp_establish_view(buf, 46)->next_seq_no == FIXP_ESTABLISH_NEXT_SEQ_NO_NULL);
    expect_bytes(buf, fixp_establishment_ack_encode(buf, sizeof(buf), &ack),
                 "2400 0600 bc0a 0000" UUID_TEXT "01002a36fe9c9717 e8030000 0100000000000000");
    cr_assert(fixp_establishment_ack_view(buf, 44)->keepalive_interval == 1000);
}

Test(fixp, sequence_messages_are_encoded_and_viewed_byte_for_byte)
{
    uint8_t buf[128];
    struct fixp_sequence sequence = {.next_seq_no = 1};
    struct fixp_context context = {.next_seq_no = 1};
    struct fixp_not_applied gap = {.from_seq_no = 101, .count = 99};

    memcpy(context.session_id, uuid, sizeof(uuid));
    expect_bytes(buf, fixp_sequence_encode(buf, sizeof(buf), &sequence),
                 "0800 0800 bc0a 0000 0100000000000000");
    cr_assert(fixp_sequence_view(buf, 16)->next_seq_no == 1);
    expect_bytes(buf, fixp_context_encode(buf, sizeof(buf), &context),
                 "1800 0900 bc0a 0000" UUID_TEXT "0100000000000000");
    cr_assert(fixp_context_view(buf, 32)->next_seq_no == 1);
    expect_bytes(buf, fixp_unsequenced_heartbeat_encode(buf, sizeof(buf)), "0000 0a00 bc0a 0000");
    cr_assert_not_null(fixp_unsequenced_heartbeat_view(buf, 8));
    cr_assert_null(fixp_unsequenced_heartbeat_view(buf, 7));
    expect_bytes(buf, fixp_not_applied_encode(buf, sizeof(buf), &gap),
                 "0c00 1200 bc0a 0000 6500000000000000 63000000");
    cr_assert(fixp_not_applied_view(buf, 20)->count == 99);
}

Test(fixp, a_message_is_begun_in_place_and_not_where_it_does_not_fit)
{
    uint8_t buf[20];
    struct fixp_not_applied *gap = fixp_not_applied_begin(buf, sizeof buf);

    cr_assert_eq((uint8_t *)gap, buf + sizeof(struct fixp_header));
    *gap = (struct fixp_not_applied){.from_seq_no = 101, .count = 99};
    expect_bytes(buf, sizeof buf, "0c00 1200 bc0a 0000 6500000000000000 63000000");
    memset(buf, 0xa5, sizeof buf);
    cr_assert_null(fixp_not_applied_begin(buf, sizeof buf - 1));
    cr_assert_eq(buf[0], 0xa5);
}

Test(fixp, retransmission_is_encoded_and_viewed_byte_for_byte)
{
    uint8_t buf[128];
    struct fixp_retransmit_request request = {
        .timestamp = NOW_NS + 2, .from_seq_no = 1, .count = 50};
    struct fixp_retransmission answer = {
        .request_timestamp = NOW_NS + 2, .next_seq_no = 1, .count = 50};

    memcpy(request.session_id, uuid, sizeof(uuid));
    memcpy(answer.session_id, uuid, sizeof(uuid));
    expect_bytes(buf, fixp_retransmit_request_encode(buf, sizeof(buf), &request),
                 "2400 0b00 bc0a 0000" UUID_TEXT "02002a36fe9c9717 0100000000000000 32000000");
    cr_assert(fixp_retransmit_request_view(buf, 44)->count == 50);
    expect_bytes(buf, fixp_retransmission_encode(buf, sizeof(buf), &answer),
                 "2400 0c00 bc0a 0000" UUID_TEXT "02002a36fe9c9717 0100000000000000 32000000");
    cr_assert(fixp_retransmission_view(buf, 44)->next_seq_no == 1);
    cr_assert_null(fixp_retransmit_request_view(buf, 44), "other template");
}

Test(fixp, finishing_is_encoded_and_viewed_byte_for_byte)
{
    uint8_t buf[128];
    struct fixp_finished_sending sending = {.last_seq_no = 1234};
    struct fixp_finished_receiving receiving;

    memcpy(sending.session_id, uuid, sizeof(uuid));
    memcpy(receiving.session_id, uuid, sizeof(uuid));
    expect_bytes(buf, fixp_finished_sending_encode(buf, sizeof(buf), &sending),
                 "1800 0f00 bc0a 0000" UUID_TEXT "d204000000000000");
    cr_assert(fixp_finished_sending_view(buf, 32)->last_seq_no == 1234);
    expect_bytes(buf, fixp_finished_receiving_encode(buf, sizeof(buf), &receiving),
                 "1000 1000 bc0a 0000" UUID_TEXT);
    cr_assert_not_null(fixp_finished_receiving_view(buf, 24));
}

Test(fixp, several_messages_of_a_datagram_are_stepped_over)
{
    uint8_t buf[128];
    struct fixp_sequence sequence = {.next_seq_no = 7};
    size_t len = fixp_sequence_encode(buf, sizeof(buf), &sequence);
    size_t off = 0;

    len += encode_negotiate(buf + len, sizeof(buf) - len);
    len += fixp_unsequenced_heartbeat_encode(buf + len, sizeof(buf) - len);
    off += fixp_message_length(buf, len);
    cr_assert_eq(off, 16);
    cr_assert_not_null(fixp_negotiate_view(buf + off, len - off));
    off += fixp_message_length(buf + off, len - off);
    cr_assert_eq(off, 56);
    off += fixp_message_length(buf + off, len - off);
    cr_assert_eq(off, len);
    cr_assert_eq(fixp_message_length(buf + off, 0), 0);
}

static const char order_bytes[] = "40 00 0a 00 e8 03 00 00 4f 52 44 30 30 30 30 30"
                                  "30 30 30 30 30 30 30 31 01 00 00 00 64 00 00 00"
                                  "40 5c 89 55 02 00 00 00 ff ff ff ff ff ff ff ff"
                                  "15 cd 85 3d fe 9c 97 17 07 00 00 00 31 32 30 01"
                                  "00 00 00 00 00 00 00 00";

Test(wire, an_order_is_viewed_from_its_bytes)
{
    uint8_t raw[129];
    uint8_t *buf = raw + 1; /* a payload starts at any address */
    size_t len = unhex(buf, order_bytes);
    const struct wire_new_order_single *msg = wire_new_order_single_view(buf, len);

    cr_assert_not_null(msg);
    cr_assert_arr_eq(msg->cl_ord_id, "ORD0000000000001", 16);
    cr_assert(msg->security_id == 1);
    cr_assert(msg->order_qty == 100);
    cr_assert(msg->price == INT64_C(10025000000));
    cr_assert(msg->display_qty == WIRE_NEW_ORDER_SINGLE_DISPLAY_QTY_NULL);
    cr_assert(msg->min_qty == WIRE_NEW_ORDER_SINGLE_MIN_QTY_NULL);
    cr_assert(msg->transact_time == UINT64_C(1700000000123456789));
    cr_assert(msg->account == 7);
    cr_assert(msg->side == WIRE_SIDE_BUY);
    cr_assert(msg->ord_type == WIRE_ORD_TYPE_LIMIT);
    cr_assert(msg->time_in_force == WIRE_TIME_IN_FORCE_DAY);
    cr_assert(msg->exec_inst == WIRE_EXEC_INST_POST_ONLY);
    cr_assert_str_eq(wire_side_name(msg->side), "Buy");
    cr_assert_str_eq(wire_side_name('3'), "?");
}

Test(wire, an_order_is_encoded_to_its_bytes_but_for_the_version)
{
    uint8_t buf[128];
    struct wire_new_order_single msg;

    memset(&msg, 0xee, sizeof(msg)); /* the gap must come out as zeros all the same */
    memcpy(msg.cl_ord_id, "ORD0000000000001", 16);
    msg.security_id = 1;
    msg.order_qty = 100;
    msg.price = INT64_C(10025000000);
    msg.display_qty = WIRE_NEW_ORDER_SINGLE_DISPLAY_QTY_NULL;
    msg.min_qty = WIRE_NEW_ORDER_SINGLE_MIN_QTY_NULL;
    msg.transact_time = UINT64_C(1700000000123456789);
    msg.account = 7;
    msg.side = WIRE_SIDE_BUY;
    msg.ord_type = WIRE_ORD_TYPE_LIMIT;
    msg.time_in_force = WIRE_TIME_IN_FORCE_DAY;
    msg.exec_inst = WIRE_EXEC_INST_POST_ONLY;
    cr_assert_eq(wire_new_order_single_encode(buf, 71, &msg), 0);
    cr_assert_eq(wire_new_order_single_encode(buf, 72, &msg), 72);
    cr_assert_eq(buf[6], WIRE_SCHEMA_VERSION);
    buf[6] = 0; /* the vector is by version 0 of the schema */
    expect_bytes(buf, 72, order_bytes);
}

Test(wire, an_order_with_any_field_out_of_range_is_refused)
{
    static const struct {
        size_t at, count;
        uint8_t byte;
        bool valid;
    } cases[] = {
        {16, 4, 0xff, false},                                            /* null instrument */
        {16, 4, 0xfe, true},  {20, 4, 0xff, false}, {24, 8, 0xff, true}, /* price -1 */
        {40, 8, 0xff, false},                                            /* null time */
        {52, 1, '0', false},  {52, 1, '2', true},   {52, 1, '3', false},  {53, 1, '3', false},
        {53, 1, 'P', true},   {54, 1, '1', false},  {54, 1, '4', true},   {55, 1, 0x09, true},
        {55, 1, 0x02, false}, {55, 1, 0x80, false}, {56, 8, 0xff, false}, /* reserved */
        {63, 1, 0x01, false}, {56, 8, 0x00, true},
    };
    uint8_t buf[128];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t len = unhex(buf, order_bytes);

        memset(buf + 8 + cases[i].at, cases[i].byte, cases[i].count);
        cr_assert_eq(wire_new_order_single_view(buf, len) != NULL, cases[i].valid, "case %zu", i);
    }
}

Test(wire, a_reject_with_text_is_encoded_and_viewed_byte_for_byte)
{
    static const char bytes[] =
        "10 00 1f 00 e8 03 01 00 64 00 00 00 00 00 00 00 06 00 00 00 00 00 00 00 03 00 62 61 64";
    uint8_t buf[128];
    struct wire_business_message_reject msg = {.ref_seq_num = 100, .business_reject_reason = 6};

    expect_bytes(buf, wire_business_message_reject_encode(buf, sizeof(buf), &msg, "bad", 3), bytes);
    buf[6] = 0;
    cr_assert(wire_business_message_reject_view(buf, 29)->business_reject_reason == 6);
    expect_text(wire_business_message_reject_text, buf, "bad");
    cr_assert_eq(wire_business_message_reject_encode(buf, sizeof(buf), &msg, buf, UINT16_MAX), 0);
}

Test(wire, a_block_longer_than_ours_is_stepped_over)
{
    uint8_t buf[128];
    uint8_t longer[128] = {0};
    struct wire_business_message_reject msg = {.ref_seq_num = 100, .business_reject_reason = 6};
    size_t total = wire_business_message_reject_encode(buf, sizeof(buf), &msg, "bad", 3);

    memcpy(longer, buf, 24);
    memcpy(longer + 29, buf + 24, total - 24); /* five bytes of a later version */
    longer[0] = 21;
    longer[6] = 9;
    cr_assert_null(wire_business_message_reject_view(longer, total + 4));
    cr_assert_not_null(wire_business_message_reject_view(longer, total + 5));
    cr_assert_eq(wire_message_length(longer, sizeof(longer)), total + 5);
    expect_text(wire_business_message_reject_text, longer, "bad");
}

static size_t
encode_template(uint8_t *buf, size_t cap)
{
    struct wire_template msg;

    memset(&msg, 0, sizeof(msg));
    msg.lots = WIRE_TEMPLATE_LOTS_NULL;
    msg.reason = WIRE_TEMPLATE_REASON_NULL;
    msg.rights = WIRE_RIGHTS_HALT;
    msg.maturity.side = WIRE_SIDE_SELL;
    msg.maturity.settlement = WIRE_SETTLEMENT_CASH;
    msg.letter = 'x';
    msg.appended_with_version_one = WIRE_SIDE_BUY;
    return wire_template_encode(buf, cap, &msg);
}

Test(wire, fields_of_a_later_version_may_be_absent)
{
    uint8_t buf[128];
    size_t len = encode_template(buf, sizeof(buf));

    cr_assert_eq(len, 68);
    cr_assert_not_null(wire_template_view(buf, len));
    cr_assert(wire_template_has_last_qty_of_version_one(buf));
    buf[8 + 52] = '9';
    cr_assert_null(wire_template_view(buf, len), "present and wrong");
    buf[6] = 0;
    cr_assert_not_null(wire_template_view(buf, len), "not of version 0");
    buf[0] = 52;
    cr_assert_not_null(wire_template_view(buf, 60), "the block of version 0");
    cr_assert_not(wire_template_has_appended_with_version_one(buf));
    buf[0] = 51;
    cr_assert_null(wire_template_view(buf, 60), "less than the block of version 0");
}

Test(wire, sets_enums_and_composites_of_a_template_are_checked)
{
    uint8_t buf[128];
    size_t len = encode_template(buf, sizeof(buf));
    static const struct {
        size_t at;
        uint8_t byte;
        bool valid;
    } cases[] = {{16 + 5, 2, false}, {16 + 0, 1, true}, {14, 44, false},
                 {28, '3', false},   {28, '1', true},   {26, 255, false},
                 {27, 255, true},    {46, 0, false},    {29, 3, false}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        encode_template(buf, sizeof(buf));
        buf[8 + cases[i].at] = cases[i].byte;
        cr_assert_eq(wire_template_view(buf, len) != NULL, cases[i].valid, "case %zu", i);
    }
    cr_assert_str_eq(WIRE_TEMPLATE_VENUE, "GOLD");
    cr_assert_eq(WIRE_TEMPLATE_SIDE_OF_BOOK, WIRE_SIDE_SELL);
    cr_assert(wire_reject_reason_valid(300) && !wire_reject_reason_valid(299));
}

static size_t
encode_quote(uint8_t *buf, size_t cap, uint16_t entries_cnt)
{
    static const struct wire_mass_quote quote = {.quote_id = 5};
    static const struct wire_mass_quote_entries entries[2] = {
        {.instrument = 1, .quote_side = WIRE_SIDE_BUY, .bid_px = 10, .bid_size = 2},
        {.instrument = 2, .quote_side = 0, .bid_px = -10, .bid_size = 3}};
    static const struct wire_mass_quote_legs legs[1] = {{.leg_ref = 9}};

    return wire_mass_quote_encode(buf, cap, &quote, entries, entries_cnt, legs, 1, "mm", 2, "end",
                                  3);
}

Test(wire, groups_and_data_are_found_again)
{
    uint8_t buf[128];
    uint16_t count, stride;
    size_t total = encode_quote(buf, sizeof(buf), 2);
    const uint8_t *first;

    cr_assert_eq(total, 8 + 8 + 4 + 48 + 4 + 1 + 1 + 2 + 2 + 3);
    cr_assert_not_null(wire_mass_quote_view(buf, total));
    cr_assert_eq(wire_message_length(buf, sizeof(buf)), total);
    first = wire_mass_quote_entries_view(buf, &count, &stride);
    cr_assert(count == 2 && stride == 24);
    cr_assert(((const struct wire_mass_quote_entries *)(first + stride))->bid_px == -10);
    first = wire_mass_quote_legs_view(buf, &count, &stride);
    cr_assert(count == 1 && stride == 1 && *first == 9);
    expect_text(wire_mass_quote_memo, buf, "mm");
    expect_text(wire_mass_quote_off, buf, "end");
    for (size_t cut = 0; cut < total; cut++)
        cr_assert_null(wire_mass_quote_view(buf, cut), "cut at %zu", cut);
    cr_assert_eq(encode_quote(buf, sizeof(buf), 0), total - 48);
    cr_assert_not_null(wire_mass_quote_view(buf, total - 48));
}

Test(wire, a_group_with_a_bad_entry_or_stride_is_refused)
{
    uint8_t buf[128];
    size_t total = encode_quote(buf, sizeof(buf), 2);

    buf[20 + 24 + 4] = '7';
    cr_assert_null(wire_mass_quote_view(buf, total), "side of the second entry");
    cr_assert_eq(wire_message_length(buf, total), total, "its length is still known");
    encode_quote(buf, sizeof(buf), 2);
    buf[16] = 23;
    cr_assert_null(wire_mass_quote_view(buf, total), "entries smaller than ours");
    encode_quote(buf, sizeof(buf), 2);
    memset(buf + 18, 0xff, 2);
    cr_assert_null(wire_mass_quote_view(buf, total), "null count");
    cr_assert_eq(encode_quote(buf, total - 1, 2), 0);
}

static void
fill_cell(union cell *cell)
{
    memset(cell, 0, sizeof(*cell));
    cell->order_new.kind = CELL_KIND_ORDER_NEW;
    cell->order_new.outcome = WIRE_REJECT_REASON_PRICE_OFF_TICK;
    cell->order_new.side = WIRE_SIDE_SELL;
    cell->order_new.attr = CELL_ATTR_LAST;
}

Test(cells, a_cell_is_valid_or_not_by_each_of_its_bytes)
{
    static const struct {
        size_t at;
        uint8_t byte;
        bool valid;
    } cases[] = {{0, 33, false}, {0, 0, false},   {1, 255, true},  {2, 45, false}, {4, '3', false},
                 {4, '1', true}, {5, 2, true},    {5, 3, false},   {5, 255, true}, {6, 1, false},
                 {7, 1, false},  {8, 255, true},  {16, 255, true}, {24, 4, false}, {24, 3, true},
                 {28, 1, false}, {31, 1, false},  {32, 1, true},   {47, 1, true},  {48, 1, false},
                 {59, 1, false}, {60, 255, true}, {63, 255, true}};
    union cell cell;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fill_cell(&cell);
        cr_assert_not_null(cell_order_new_view(&cell));
        cell.bytes[cases[i].at] = cases[i].byte;
        cr_assert_eq(cell_order_new_view(&cell) != NULL, cases[i].valid, "case %zu", i);
    }
}

Test(cells, validity_follows_the_kind)
{
    union cell cell;

    fill_cell(&cell);
    cr_assert(cell_valid(&cell));
    cell.bytes[0] = 34;
    cr_assert_not(cell_valid(&cell), "unknown kind");
    memset(&cell, 0, sizeof(cell));
    cell.new_.kind = CELL_KIND_NEW;
    cr_assert(cell_valid(&cell));
    cell.new_.exec = 2;
    cr_assert_not(cell_valid(&cell), "a choice that is not declared");
    cr_assert(cell_kind_valid(33) && !cell_kind_valid(34));
    cr_assert_str_eq(cell_kind_name(32), "OrderNew");
    cr_assert_str_eq(cell_kind_name(1), "?");
}

Test(cells, the_field_table_tells_how_to_print_a_cell)
{
    unsigned count;
    const struct cell_field *fields = cell_fields(CELL_KIND_ORDER_NEW, &count);

    cr_assert_eq(count, 10);
    cr_assert_str_eq(fields[6].name, "px");
    cr_assert(fields[6].offset == 16 && fields[6].size == 8);
    cr_assert_eq(fields[6].type, CELL_FIELD_PRICE);
    cr_assert_null(fields[6].value_name);
    cr_assert_str_eq(fields[4].value_name(1), "Open");
    cr_assert_eq(fields[8].type, CELL_FIELD_HEX);
    cr_assert_str_eq(fields[9].name, "qty");
    cr_assert_eq(fields[9].offset, offsetof(struct cell_order_new, qty));
    fields = cell_fields(CELL_KIND_NEW, &count);
    cr_assert_eq(fields[4].type, CELL_FIELD_CHARS);
    cr_assert_null(cell_fields(99, &count));
    cr_assert_eq(count, 0);
}

Test(big, an_order_is_encoded_and_viewed_byte_for_byte)
{
    static const char bytes[] = "41 0102 0000 0000 0105 00000000 00000007 42"
                                "5445535420202020 0000 fffffffe 0002";
    uint8_t buf[64];
    struct big_add_order msg;
    const struct big_add_order *view;

    memset(&msg, 0xee, sizeof(msg));
    big_add_order_set_locate(&msg, 0x0102);
    big_add_order_set_timestamp(&msg, 0x105);
    big_add_order_set_order_ref(&msg, 7);
    msg.side = BIG_SIDE_BUY;
    memcpy(msg.stock, "TEST    ", 8);
    big_add_order_set_price(&msg, -2);
    big_add_order_set_cause(&msg, BIG_CAUSE_HALT);
    cr_assert_eq(big_add_order_encode(buf, 33, &msg), 0);
    expect_bytes(buf, big_add_order_encode(buf, sizeof(buf), &msg), bytes);
    view = big_add_order_view(buf, 34);
    cr_assert_not_null(view);
    cr_assert_eq(big_add_order_locate(view), 0x0102);
    cr_assert_eq(big_add_order_timestamp(view), 0x105);
    cr_assert_eq(big_add_order_price(view), -2);
    cr_assert_eq(big_add_order_cause(view), BIG_CAUSE_HALT);
}

Test(big, a_short_message_another_type_or_a_bad_enum_is_refused)
{
    uint8_t buf[34] = {'A'};

    buf[17] = 'B';
    buf[33] = 1;
    cr_assert_not_null(big_add_order_view(buf, 34));
    cr_assert_null(big_add_order_view(buf, 33));
    buf[33] = 3;
    cr_assert_null(big_add_order_view(buf, 34), "cause 3");
    memset(buf + 32, 0xff, 2);
    cr_assert_not_null(big_add_order_view(buf, 34), "no cause");
    buf[17] = 'C';
    cr_assert_null(big_add_order_view(buf, 34), "side C");
    buf[17] = 'S';
    buf[0] = 'D';
    cr_assert_null(big_add_order_view(buf, 34), "type D");
}

#define OPTIONS "0016 05 02 4c494d45 05 07 fffffffe 09 09 0000000000000063"

Test(big, options_are_written_in_the_order_of_the_schema_and_read_in_any)
{
    static const char other[] = "000d 02 0c 50 03 63 6162 05 02 4c494d45";
    struct big_options msg = {.has = BIG_OPTIONS_HAS_FIRM | BIG_OPTIONS_HAS_OFFSET |
                                     BIG_OPTIONS_HAS_REF,
                              .firm = {'L', 'I', 'M', 'E'},
                              .offset = -2,
                              .ref = 99,
                              .post_only = 'P'};
    struct big_options got;
    uint8_t buf[64];
    size_t len = big_options_put(buf, sizeof(buf), &msg);

    expect_bytes(buf, len, OPTIONS);
    cr_assert_eq(big_options_put(buf, len - 1, &msg), 0);
    cr_assert(big_options_parse(buf, len, &got));
    cr_assert_eq(got.has, msg.has);
    cr_assert_eq(memcmp(got.firm, "LIME", 4), 0);
    cr_assert_eq(got.offset, -2);
    cr_assert_eq(got.ref, 99);
    cr_assert_eq(got.post_only, 0, "it is not there");
    len = unhex(buf, other);
    cr_assert(big_options_parse(buf, len, &got));
    cr_assert_eq(got.has, BIG_OPTIONS_HAS_FIRM | BIG_OPTIONS_HAS_POST_ONLY);
    cr_assert_eq(got.post_only, 'P');
    cr_assert_eq(got.unknown_cnt, 1, "tag 99 is skipped by its length");
    cr_assert(big_options_parse(buf, 0, &got));
    cr_assert_eq(got.has, 0);
    cr_assert_eq(big_options_put(buf, 2, &got), 2);
    cr_assert(big_options_parse(buf, 2, &got), "a length of 0");
}

Test(big, options_whose_lengths_do_not_agree_are_refused)
{
    static const char *const bad[] = {
        "0006 05 02 4c494d45 00",             /* a byte too many */
        "0007 05 02 4c494d45",                /* too few */
        "0007 06 02 4c494d4500",              /* no firm has five characters */
        "0006 06 02 4c494d45",                /* an option that ends behind them all */
        "000c 05 02 4c494d45 05 02 4c494d45", /* twice */
        "0001 00",                            /* an option without a tag */
        "00",
    };
    struct big_options msg;
    uint8_t buf[64];

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_expect_not(big_options_parse(buf, unhex(buf, bad[i]), &msg), "%s", bad[i]);
    const size_t len = unhex(buf, OPTIONS);

    for (size_t cut = 1; cut < len; cut++)
        cr_expect_not(big_options_parse(buf, cut, &msg), "cut at %zu", cut);
    for (size_t cut = 1; cut < len; cut++) {
        const size_t rest = cut < 2 ? 0 : cut - 2;

        buf[1] = (uint8_t)rest;
        cr_expect_eq(big_options_parse(buf, cut, &msg), cut == 2 || cut == 8 || cut == 14,
                     "cut at %zu", cut);
    }
}
