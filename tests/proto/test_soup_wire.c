/*
 * test_soup_wire: SoupBinTCP packets as they lie on the wire, both ways, against
 * the published vectors. Each is read and written, and cut at every length.
 */
#include <string.h>

#include "proto/soup.h"

#include "tests/proto/wire_bytes.h"

#define BLANK10 "20202020202020202020"
#define BLANK19 BLANK10 "202020202020202020"
#define LOGIN   "4c 757365723031 70617373202020202020" BLANK10 BLANK19 "31"
#define ANSWER  "41 53455353494f4e303031" BLANK19 "31"

/* whole puts the length before the packet and returns the bytes of both. */
static size_t
whole(uint8_t *buf, size_t packet_len)
{
    struct soup_length length;

    soup_length_set_bytes(&length, (uint16_t)packet_len);
    cr_assert_eq(soup_length_encode(buf, SOUP_LENGTH_BLOCK, &length), 2);
    return 2 + packet_len;
}

Test(soup_wire, a_login_is_read_and_written)
{
    uint8_t buf[64];
    struct soup_login_request msg = {.username = "user01", .password = "pass      "};
    size_t len = unhex(buf, "002f" LOGIN);
    const struct soup_login_request *view = soup_login_request_view(buf + 2, len - 2);

    cr_assert_eq(len, 49);
    cr_assert_eq(soup_length_bytes(soup_length_view(buf, len)), 47);
    cr_assert_not_null(view);
    cr_assert_eq(memcmp(view->username, "user01", 6), 0);
    cr_assert_eq(memcmp(view->password, "pass      ", 10), 0);
    cr_assert_eq(memcmp(view->requested_session, "          ", 10), 0);
    cr_assert_eq(memcmp(view->requested_sequence_number, "                   1", 20), 0);
    for (size_t cut = 0; cut < 47; cut++)
        cr_expect_null(soup_login_request_view(buf + 2, cut), "cut at %zu", cut);

    memset(msg.requested_session, ' ', 10);
    memcpy(msg.requested_sequence_number, "                   1", 20);
    len = soup_login_request_encode(buf + 2, sizeof buf - 2, &msg);
    expect_bytes(buf, whole(buf, len), "002f" LOGIN);
}

Test(soup_wire, the_login_of_4_10_has_a_timeout_behind_it)
{
    uint8_t buf[64];
    const size_t len = unhex(buf, "0034" LOGIN "2035303030");
    const struct soup_login_request_long *view = soup_login_request_long_view(buf + 2, len - 2);

    cr_assert_eq(len, 54);
    cr_assert_eq(soup_length_bytes(soup_length_view(buf, len)), 52);
    cr_assert_not_null(view);
    cr_assert_eq(memcmp(view->heartbeat_timeout, " 5000", 5), 0);
    cr_assert_null(soup_login_request_long_view(buf + 2, len - 3));
    cr_assert_not_null(soup_login_request_view(buf + 2, len - 2), "the head is that of 3.00");

    struct soup_login_request_long msg;

    memcpy(&msg, view, sizeof msg);
    memset(buf, 0, sizeof buf);
    expect_bytes(buf, whole(buf, soup_login_request_long_encode(buf + 2, sizeof buf - 2, &msg)),
                 "0034" LOGIN "2035303030");
}

Test(soup_wire, the_answers_to_a_login_are_read_and_written)
{
    uint8_t buf[64];
    struct soup_login_accepted accepted = {.session = "SESSION001"};
    const struct soup_login_rejected rejected = {.reason = SOUP_REJECT_REASON_NOT_AUTHORIZED};

    memcpy(accepted.sequence_number, "                   1", 20);
    expect_bytes(buf, whole(buf, soup_login_accepted_encode(buf + 2, sizeof buf - 2, &accepted)),
                 "001f" ANSWER);
    cr_assert_eq(memcmp(soup_login_accepted_view(buf + 2, 31)->session, "SESSION001", 10), 0);
    cr_assert_null(soup_login_accepted_view(buf + 2, 30));
    expect_bytes(buf, whole(buf, soup_login_rejected_encode(buf + 2, sizeof buf - 2, &rejected)),
                 "0002 4a 41");
    cr_assert_eq(soup_login_rejected_view(buf + 2, 2)->reason, 'A');
    buf[3] = 'B';
    cr_assert_null(soup_login_rejected_view(buf + 2, 2), "no such reason");
}

Test(soup_wire, packets_without_fields_are_their_type)
{
    uint8_t buf[8];
    const struct soup_server_heartbeat h = {.message_type = 0};
    const struct soup_client_heartbeat r = {.message_type = 0};
    const struct soup_end_of_session z = {.message_type = 0};
    const struct soup_logout_request o = {.message_type = 0};
    const struct soup_sequenced_data s = {.message_type = 0};
    const struct soup_unsequenced_data u = {.message_type = 0};
    const struct soup_debug debug = {.message_type = 0};

    expect_bytes(buf, whole(buf, soup_server_heartbeat_encode(buf + 2, 1, &h)), "0001 48");
    expect_bytes(buf, whole(buf, soup_client_heartbeat_encode(buf + 2, 1, &r)), "0001 52");
    expect_bytes(buf, whole(buf, soup_end_of_session_encode(buf + 2, 1, &z)), "0001 5a");
    expect_bytes(buf, whole(buf, soup_logout_request_encode(buf + 2, 1, &o)), "0001 4f");
    expect_bytes(buf, whole(buf, soup_sequenced_data_encode(buf + 2, 1, &s)), "0001 53");
    expect_bytes(buf, whole(buf, soup_unsequenced_data_encode(buf + 2, 1, &u)), "0001 55");
    expect_bytes(buf, whole(buf, soup_debug_encode(buf + 2, 1, &debug)), "0001 2b");
    cr_assert_eq(soup_server_heartbeat_encode(buf, 0, &h), 0);
    cr_assert_not_null(soup_debug_view(buf + 2, 1));
    cr_assert_null(soup_logout_request_view(buf + 2, 1));
}
