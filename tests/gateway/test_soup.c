/*
 * Goal: a connection of SoupBinTCP goes its way as published, and nothing that a
 * client sends gets it off.
 * Method: published bytes, both ways; each state with each packet; time as an
 * argument; and random packets in random order.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/soup.h"
#include "proto/soup.h"

#include "tests/proto/wire_bytes.h"

#define SECOND  UINT64_C(1000000000)
#define NOW     (UINT64_C(1700000000) * SECOND)
#define BLANK10 "20202020202020202020"
#define BLANK19 BLANK10 "202020202020202020"
#define LOGIN   "4c 757365723031 70617373202020202020" BLANK10 BLANK19 "31"

static struct soup soup;
static struct soup_login login;
static uint8_t buf[4096];

static enum soup_event
take_at(const char *hex, uint64_t now_ns)
{
    uint8_t packet[4096];
    const size_t len = unhex(packet, hex);

    return soup_take(&soup, packet, len, now_ns, &login);
}

static enum soup_event
take(const char *hex)
{
    return take_at(hex, NOW);
}

static void
log_in(uint64_t first_no)
{
    soup_open(&soup, NOW);
    cr_assert_eq(take(LOGIN), SOUP_LOGIN);
    cr_assert_eq(soup_accept(&soup, "SESSION001", first_no, NOW, buf, sizeof buf), 33);
}

Test(soup, a_login_is_read_without_its_padding_and_accepted)
{
    soup_open(&soup, NOW);
    cr_assert_eq(take(LOGIN), SOUP_LOGIN);
    cr_assert_str_eq(login.user, "USER01");
    cr_assert_str_eq(login.password, "PASS");
    cr_assert_str_eq(login.session, "");
    cr_assert_eq(login.no, 1);
    cr_assert_eq(soup.state, SOUP_LOGGING_IN);
    expect_bytes(buf, soup_accept(&soup, "SESSION001", 1, NOW, buf, sizeof buf),
                 "001f 41 53455353494f4e303031" BLANK19 "31");
    cr_assert_eq(soup.state, SOUP_LIVE);
    cr_assert_eq(soup.next_no, 1);
}

Test(soup, fields_may_be_padded_on_either_side)
{
    /* "  ab  ", " x        ", "  S1      ", "42" and spaces. */
    soup_open(&soup, NOW);
    cr_assert_eq(take("4c 202061622020 20782020202020202020 20205331202020202020"
                      "3432" BLANK10 "2020202020202020"),
                 SOUP_LOGIN);
    cr_assert_str_eq(login.user, "AB");
    cr_assert_str_eq(login.password, "X");
    cr_assert_str_eq(login.session, "S1");
    cr_assert_eq(login.no, 42);
    soup_open(&soup, NOW);
    cr_assert_eq(take("4c 757365723031 70617373202020202020" BLANK10 BLANK10 BLANK10), SOUP_LOGIN);
    cr_assert_eq(login.no, 0, "empty is 0");
}

Test(soup, the_login_of_4_10_says_how_long_silence_may_be)
{
    soup_open(&soup, NOW);
    cr_assert_eq(take(LOGIN "2035303030"), SOUP_LOGIN);
    (void)soup_accept(&soup, "SESSION001", 1, NOW, buf, sizeof buf);
    soup.last_tx_ns = NOW + 5 * SECOND;
    cr_assert_eq(soup_due(&soup, NOW + 5 * SECOND - 1), SOUP_DUE_NOTHING);
    cr_assert_eq(soup_due(&soup, NOW + 5 * SECOND), SOUP_DUE_END);
    soup_open(&soup, NOW);
    cr_assert_eq(take(LOGIN "3120202020"), SOUP_LOGIN);
    cr_assert_eq(soup.silence_ns, SECOND, "not less than our heartbeats take");
    soup_open(&soup, NOW);
    cr_assert_eq(take(LOGIN "3939393939"), SOUP_LOGIN);
    cr_assert_eq(soup.silence_ns, 60 * SECOND);
    soup_open(&soup, NOW);
    cr_assert_eq(take(LOGIN "2020202020"), SOUP_LOGIN);
    cr_assert_eq(soup.silence_ns, SOUP_SILENCE_NS);
    soup_open(&soup, NOW);
    cr_assert_eq(take(LOGIN "2d31202020"), SOUP_BAD);
}

Test(soup, a_login_that_cannot_be_read_ends_the_connection)
{
    static const char *const bad[] = {
        "4c 757365723031 70617373202020202020" BLANK10 BLANK19,      /* too short */
        LOGIN "20",                                                  /* between */
        LOGIN "202020202020",                                        /* too long */
        "4c 757365723031 70617373202020202020" BLANK10 BLANK19 "2d", /* - */
        "4c 757365723031 70617373202020202020" BLANK10 "31203120" BLANK10 "202020202020",
        "4c 757365723031 70617373202020202020" BLANK10
        "3138343436373434303733373039353531363136", /* 2^64 */
        "4c 757300723031 70617373202020202020" BLANK10 BLANK19 "31",
        "4c 757365723031 706120 73202020202020" BLANK10 BLANK19 "31",
        "4c 757365723031 70617373202020202020 20ff2020202020202020" BLANK19 "31",
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        soup_open(&soup, NOW);
        cr_expect_eq(take(bad[i]), SOUP_BAD, "%zu", i);
        cr_expect_eq(soup.state, SOUP_OVER, "%zu", i);
        cr_expect_eq(take(LOGIN), SOUP_BAD, "%zu: and that is that", i);
    }
    soup_open(&soup, NOW);
    cr_assert_eq(take("4c 757365723031 70617373202020202020" BLANK10
                      "3138343436373434303733373039353531363135"),
                 SOUP_LOGIN);
    cr_assert_eq(login.no, UINT64_MAX);
}

Test(soup, a_login_may_be_refused_for_two_reasons)
{
    soup_open(&soup, NOW);
    cr_assert_eq(take(LOGIN), SOUP_LOGIN);
    cr_assert_eq(soup_reject(&soup, SOUP_REJECT_REASON_NOT_AUTHORIZED, buf, 3), 0);
    expect_bytes(buf, soup_reject(&soup, SOUP_REJECT_REASON_NOT_AUTHORIZED, buf, 4), "0002 4a 41");
    cr_assert_eq(soup.state, SOUP_OVER);
    soup_open(&soup, NOW);
    cr_assert_eq(take(LOGIN), SOUP_LOGIN);
    expect_bytes(buf, soup_reject(&soup, SOUP_REJECT_REASON_SESSION_NOT_AVAILABLE, buf, 4),
                 "0002 4a 53");
}

Test(soup, a_number_is_the_one_asked_for_as_far_as_there_is_one)
{
    cr_assert_eq(soup_first_no(1, 9), 1);
    cr_assert_eq(soup_first_no(5, 9), 5);
    cr_assert_eq(soup_first_no(9, 9), 9);
    cr_assert_eq(soup_first_no(10, 9), 9, "not yet");
    cr_assert_eq(soup_first_no(UINT64_MAX, 9), 9);
    cr_assert_eq(soup_first_no(0, 9), 9, "only new ones");
    cr_assert_eq(soup_first_no(0, 1), 1);
}

Test(soup, data_is_counted_from_the_number_of_the_login)
{
    static const uint8_t message[4] = {0xde, 0xad, 0xbe, 0xef};

    log_in(7);
    cr_assert_eq(soup.next_no, 7);
    expect_bytes(buf, soup_data(&soup, message, 4, NOW, buf, 7), "0005 53 deadbeef");
    cr_assert_eq(soup.next_no, 8);
    cr_assert_eq(soup_data(&soup, message, 4, NOW, buf, 6), 0, "no room");
    cr_assert_eq(soup.next_no, 8, "and so no number");
    expect_bytes(buf, soup_data(&soup, message, 0, NOW, buf, 3), "0001 53");
    soup_open(&soup, NOW);
    cr_assert_eq(take(LOGIN), SOUP_LOGIN);
    cr_assert_eq(soup_accept(&soup, "SESSION001", UINT64_MAX, NOW, buf, 32), 0);
    cr_assert_eq(soup.state, SOUP_LOGGING_IN);
    expect_bytes(buf, soup_accept(&soup, "SESSION001", UINT64_MAX, NOW, buf, 33),
                 "001f 41 53455353494f4e303031 3138343436373434303733373039353531363135");
}

Test(soup, what_may_come_depends_on_the_state)
{
    static const struct {
        const char *packet;
        enum soup_event at[4]; /* NEW, LOGGING_IN, LIVE, OVER */
    } rows[] = {
        {"2b 68656c6c6f", {SOUP_NOTHING, SOUP_NOTHING, SOUP_NOTHING, SOUP_BAD}},
        {"2b", {SOUP_NOTHING, SOUP_NOTHING, SOUP_NOTHING, SOUP_BAD}},
        {LOGIN, {SOUP_LOGIN, SOUP_BAD, SOUP_BAD, SOUP_BAD}},
        {"55 4f", {SOUP_BAD, SOUP_BAD, SOUP_DATA, SOUP_BAD}},
        {"55", {SOUP_BAD, SOUP_BAD, SOUP_DATA, SOUP_BAD}},
        {"52", {SOUP_BAD, SOUP_NOTHING, SOUP_NOTHING, SOUP_BAD}},
        {"52 00", {SOUP_BAD, SOUP_BAD, SOUP_BAD, SOUP_BAD}},
        {"4f", {SOUP_BAD, SOUP_LOGOUT, SOUP_LOGOUT, SOUP_BAD}},
        {"4f 00", {SOUP_BAD, SOUP_BAD, SOUP_BAD, SOUP_BAD}},
        {"", {SOUP_BAD, SOUP_BAD, SOUP_BAD, SOUP_BAD}},
        {"53 41", {SOUP_BAD, SOUP_BAD, SOUP_BAD, SOUP_BAD}},
        {"48", {SOUP_BAD, SOUP_BAD, SOUP_BAD, SOUP_BAD}},
        {"5a", {SOUP_BAD, SOUP_BAD, SOUP_BAD, SOUP_BAD}},
        {"41", {SOUP_BAD, SOUP_BAD, SOUP_BAD, SOUP_BAD}},
        {"00", {SOUP_BAD, SOUP_BAD, SOUP_BAD, SOUP_BAD}},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (unsigned state = SOUP_NEW; state <= SOUP_OVER; state++) {
            const enum soup_event want = rows[i].at[state];

            soup_open(&soup, NOW);
            soup.state = (uint8_t)state;
            cr_expect_eq(take(rows[i].packet), want, "%s in state %u", rows[i].packet, state);
            if (want == SOUP_BAD || want == SOUP_LOGOUT)
                cr_expect_eq(soup.state, SOUP_OVER);
            else if (want != SOUP_LOGIN)
                cr_expect_eq(soup.state, state);
        }
    }
}

Test(soup, a_packet_that_is_too_long_is_not_looked_at)
{
    static uint8_t packet[SOUP_PACKET_MAX + 1] = {'U'};

    log_in(1);
    cr_assert_eq(soup_take(&soup, packet, SOUP_PACKET_MAX, NOW, &login), SOUP_DATA);
    cr_assert_eq(soup_take(&soup, packet, SOUP_PACKET_MAX + 1, NOW, &login), SOUP_BAD);
}

Test(soup, we_are_never_silent_for_longer_than_a_second)
{
    log_in(1);
    cr_assert_eq(soup_due(&soup, NOW + SECOND - 1), SOUP_DUE_NOTHING);
    cr_assert_eq(soup_due(&soup, NOW + SECOND), SOUP_DUE_HEARTBEAT);
    cr_assert_eq(soup_heartbeat(&soup, NOW + SECOND, buf, 2), 0);
    expect_bytes(buf, soup_heartbeat(&soup, NOW + SECOND, buf, 3), "0001 48");
    cr_assert_eq(soup_due(&soup, NOW + 2 * SECOND - 1), SOUP_DUE_NOTHING);
    (void)soup_data(&soup, buf, 1, NOW + 2 * SECOND - 1, buf, sizeof buf);
    cr_assert_eq(soup_due(&soup, NOW + 2 * SECOND), SOUP_DUE_NOTHING, "data is as good");
}

Test(soup, who_is_silent_or_does_not_log_in_is_let_go)
{
    soup_open(&soup, NOW);
    cr_assert_eq(soup_due(&soup, NOW + 30 * SECOND - 1), SOUP_DUE_NOTHING);
    cr_assert_eq(take_at("2b", NOW + 20 * SECOND), SOUP_NOTHING);
    cr_assert_eq(soup_due(&soup, NOW + 30 * SECOND), SOUP_DUE_END, "debug text is no login");
    log_in(1);
    soup.last_tx_ns = NOW + 15 * SECOND;
    cr_assert_eq(soup_due(&soup, NOW + 15 * SECOND - 1), SOUP_DUE_NOTHING);
    cr_assert_eq(soup_due(&soup, NOW + 15 * SECOND), SOUP_DUE_END);
    cr_assert_eq(take_at("52", NOW + 15 * SECOND - 1), SOUP_NOTHING);
    cr_assert_eq(soup_due(&soup, NOW + 15 * SECOND), SOUP_DUE_NOTHING);
    cr_assert_eq(soup_due(&soup, NOW - 100 * SECOND), SOUP_DUE_NOTHING, "the clock was set back");
    soup.state = SOUP_OVER;
    cr_assert_eq(soup_due(&soup, NOW + 100 * SECOND), SOUP_DUE_NOTHING);
}

Test(soup, the_end_of_a_session_is_said_once)
{
    log_in(1);
    cr_assert_eq(soup_end(&soup, buf, 2), 0);
    expect_bytes(buf, soup_end(&soup, buf, 3), "0001 5a");
    cr_assert_eq(soup.state, SOUP_OVER);
}

Test(soup, a_session_is_named_by_its_uuid)
{
    uint8_t uuid[16] = {0};
    char name[SOUP_SESSION_LEN];
    char other[SOUP_SESSION_LEN];

    soup_session_name(uuid, name);
    cr_assert_eq(memcmp(name, "AAAAAAAAAA", 10), 0);
    memset(uuid, 0xff, sizeof uuid);
    soup_session_name(uuid, name);
    cr_assert_eq(memcmp(name, "7777777777", 10), 0);
    for (unsigned i = 0; i < 6; i++) {
        uuid[i] ^= 1;
        soup_session_name(uuid, other);
        cr_assert_neq(memcmp(name, other, 10), 0, "byte %u", i);
        uuid[i] ^= 1;
    }
}

Test(soup, whatever_comes_in_whatever_order_leads_to_a_known_state)
{
    static const char types[] = "+LURO+LURO+LUROSHZAJ";
    unsigned seed = 20261127;
    unsigned lived = 0;

    for (unsigned round = 0; round < 20000; round++) {
        soup_open(&soup, NOW);
        for (unsigned i = 0; i < 20; i++) {
            uint8_t packet[64];
            size_t len = unhex(packet, LOGIN "2020202020");

            packet[0] = (uint8_t)types[(size_t)rand_r(&seed) % (sizeof types - 1)];
            if (packet[0] != 'L')
                len = (size_t)rand_r(&seed) % 3;
            else if (rand_r(&seed) % 4 == 0)
                packet[(size_t)rand_r(&seed) % len] = (uint8_t)rand_r(&seed);

            const uint8_t before = soup.state;
            const enum soup_event event = soup_take(&soup, packet, len, NOW, &login);

            cr_assert_leq(soup.state, SOUP_OVER);
            cr_assert(event != SOUP_DATA || before == SOUP_LIVE, "seed 20261127");
            cr_assert((event == SOUP_LOGIN) ==
                      (soup.state == SOUP_LOGGING_IN && before == SOUP_NEW));
            if (event == SOUP_LOGIN && rand_r(&seed) % 4 != 0) {
                (void)soup_accept(&soup, "SESSION001", 1, NOW, buf, sizeof buf);
                lived++;
            }
        }
    }
    cr_assert_gt(lived, 1000);
}
