/*
 * Goal: an OUCH session sends no more than its rates, waits or is refused as the
 * configuration says, in order and every message answered; and nobody is harmed by whoever
 * sends whatever he likes.
 * Method: soup_desk.h; bursts on virtual time, and packets at random.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/hold.h"
#include "gateway/throttle.h"

#include "tests/gateway/soup_desk.h"

TestSuite(soup_rates, .init = start, .fini = stop);

/* slow_down restarts with so many messages and cancels a second for session 2. */
static void
slow_down(uint32_t messages, uint32_t cancels)
{
    rig->sessions[2].throttle =
        (struct gateway_throttle){.messages_per_s = messages, .cancels_per_s = cancels};
    rig_restart(rig, CELL_ACK_MODE_DURABLE);
}

Test(soup_rates, what_is_above_the_rates_is_refused_in_the_words_of_ouch)
{
    const uint8_t *message;
    uint32_t conn;

    slow_down(10, 10);
    conn = first(2);
    say(conn, ORDER("01", BUY, DAY));
    (void)expect_message(conn, 'A');
    say(conn, ORDER("02", BUY, DAY));
    message = expect_message(conn, 'J');
    cr_assert_eq(message[14], 0x29, "the port's message rate");
    cr_assert_eq(memcmp(message + 15, "ABCD          ", 14), 0, "with its own text");
    say(conn, "55 00000001 00000003 0000000a 00000000000f4240 30 59 4e"
              "5a5a5a5a5a5a5a5a5a5a5a5a5a5a");
    message = expect_message(conn, 'J');
    cr_assert_eq(message[12], 3, "a replace: its new number is used, its order stays");
    cr_assert_eq(memcmp(message + 15, "ZZZZZZZZZZZZZZ", 14), 0);
    /* Cancels have a bucket of their own. */
    say(conn, "58 00000001 00000005");
    (void)expect_message(conn, 'C');
    say(conn, "58 00000001 00000004");
    message = expect_message(conn, 'I');
    cr_assert_eq(message[12], 1, "the order that it named");
    say(conn, "58 00000001 00000000");
    cr_assert_eq(expect_message(conn, 'I')[12], 1);
    say(conn, "43 00000004 20202020 2020202020202020");
    cr_assert_eq(expect_message(conn, 'J')[12], 4);
    rig_wait(rig, 200);
    say(conn, "58 00000001 00000000");
    (void)expect_message(conn, 'C');
    /* A number that was refused is used. */
    rig_wait(rig, 200);
    say(conn, ORDER("02", BUY, DAY));
    rig_wait(rig, 200);
    say(conn, ORDER("05", BUY, DAY));
    cr_assert_eq(expect_message(conn, 'A')[12], 5);
    expect_nothing(conn);
}

Test(soup_rates, who_sends_on_and_on_above_his_rate_is_let_go)
{
    uint32_t conn;
    uint32_t sent = 0;

    slow_down(1, 0);
    conn = first(2);
    while (!pair->conns[conn].closed && sent++ < 5000)
        say(conn, ORDER("01", BUY, DAY));
    cr_assert(pair->conns[conn].closed);
    cr_assert_gt(sent, THROTTLE_REFUSALS_MIN / 2);
    (void)connect_from(2, 1);
}

/* wait_in_line lets the session's messages wait for its rates. */
static void
wait_in_line(uint32_t messages, uint32_t cancels)
{
    rig->throttle_queue = true;
    slow_down(messages, cancels);
}

Test(soup_rates, what_is_above_the_rates_waits_in_order_and_within_the_rate)
{
    const uint8_t *message;
    uint32_t conn;

    wait_in_line(10, 0);
    conn = first(2);
    say(conn, ORDER("01", BUY, DAY));
    say(conn, ORDER("02", BUY, DAY));
    say(conn, ORDER("03", BUY, DAY));
    /* What need not wait does not overtake either; and what is no message does not wait. */
    say(conn, "58 00000001 00000000");
    say(conn, "51");
    (void)expect_message(conn, 'A');
    expect_nothing(conn);
    rig_wait(rig, 90);
    expect_nothing(conn);
    rig_wait(rig, 20);
    cr_assert_eq(expect_message(conn, 'A')[12], 2);
    expect_nothing(conn);
    rig_wait(rig, 100);
    cr_assert_eq(expect_message(conn, 'A')[12], 3);
    cr_assert_eq(expect_message(conn, 'C')[12], 1, "a cancel has its own bucket, with no limit");
    rig_wait(rig, 100);
    message = expect_message(conn, 'Q');
    cr_assert_eq(message[12], 4, "which was asked behind all of them");
    expect_nothing(conn);
    cr_assert_eq(rig_stats(rig).throttled, 4);
    /* Nothing waits any more. */
    rig_wait(rig, 200);
    say(conn, ORDER("04", BUY, DAY));
    (void)expect_message(conn, 'A');
}

Test(soup_rates, a_logout_waits_behind_what_waits)
{
    uint32_t conn;

    wait_in_line(10, 0);
    conn = first(2);
    say(conn, ORDER("01", BUY, DAY));
    say(conn, ORDER("02", BUY, DAY));
    send(conn, "4f");
    step();
    (void)expect_message(conn, 'A');
    cr_assert_not(pair->conns[conn].closed);
    rig_wait(rig, 110);
    cr_assert(pair->conns[conn].closed);
    cr_assert_eq(rig_session_state(rig, SESSION), ENGINE_SESSION_NEGOTIATED);
    conn = connect_from(2, 3);
    cr_assert_eq(expect_message(conn, 'A')[12], 2, "it was taken before");
}

Test(soup_rates, without_room_to_wait_the_oldest_is_refused_and_all_are_answered_in_order)
{
    char hex[256];
    uint32_t conn;

    wait_in_line(10, 0);
    conn = first(2);
    for (unsigned i = 1; i <= HOLD_MAX + 11; i++) {
        snprintf(hex, sizeof hex,
                 "4f 000000%02x 42 00000064 41434d4520202020 00000000000f4240"
                 "30 59 50 4e 4e 4142434420202020202020202020",
                 i);
        say(conn, hex);
    }
    cr_assert_eq(expect_message(conn, 'A')[12], 1);
    for (unsigned i = 2; i <= 11; i++) {
        const uint8_t *message = expect_message(conn, 'J');

        cr_assert_eq(message[12], i);
        cr_assert_eq(message[14], 0x29);
    }
    expect_nothing(conn);
    for (unsigned i = 12; i <= HOLD_MAX + 11; i++) {
        rig_wait(rig, 101);
        cr_assert_eq(expect_message(conn, 'A')[12], i);
    }
    expect_nothing(conn);
}

Test(soup_rates, what_waits_dies_with_its_connection)
{
    uint32_t conn;

    wait_in_line(10, 0);
    conn = first(2);
    say(conn, ORDER("01", BUY, DAY));
    say(conn, ORDER("02", BUY, DAY));
    (void)expect_message(conn, 'A');
    stream_end(pair, conn);
    rig_wait(rig, 300);
    /* Its number is free, so it may come again. */
    conn = connect_from(2, 3);
    say(conn, ORDER("02", BUY, DAY));
    cr_assert_eq(expect_message(conn, 'A')[12], 2);
    expect_nothing(conn);
}

Test(soup_rates, who_waits_may_be_taken_over)
{
    uint32_t old;
    uint32_t conn;

    wait_in_line(10, 0);
    old = first(2);
    say(old, ORDER("01", BUY, DAY));
    say(old, ORDER("02", BUY, DAY));
    (void)expect_message(old, 'A');
    conn = connect_from(2, 3);
    cr_assert(pair->conns[old].closed);
    rig_wait(rig, 300);
    expect_nothing(conn);
    say(conn, ORDER("03", BUY, DAY));
    cr_assert_eq(expect_message(conn, 'A')[12], 3);
}

Test(soup_rates, while_the_disk_is_nearly_full_a_few_orders_are_refused_and_cancels_go_on)
{
    union cell cell = {.journal_space = {.kind = CELL_KIND_JOURNAL_SPACE,
                                         .shape = 1,
                                         .time = rig->net.now_ns,
                                         .free_bytes = 1,
                                         .reserve_bytes = 2,
                                         .low = 1,
                                         .session = CELL_SESSION}};
    const uint32_t conn = first(2);
    struct gateway_stats stats;
    char hex[128];

    say(conn, ORDER("01", BUY, DAY));
    (void)expect_message(conn, 'A');
    rig_admin(rig, &cell, 1);
    step();
    for (unsigned i = 2; i < 40; i++) {
        snprintf(hex, sizeof hex,
                 "4f %08x 42 0000000a 41434d4520202020 00000000000f4240"
                 "30 59 41 4e 4e 4142434445464748494a4b4c4d4e",
                 i);
        say(conn, hex);
    }
    gateway_stats_get(rig->gateway, &stats);
    cr_assert_gt(stats.low_dropped, 20);
    for (uint64_t i = stats.low_dropped; i < 38; i++)
        (void)expect_message(conn, 'J');
    expect_nothing(conn);
    say(conn, "58 00000001 00000000");
    (void)expect_message(conn, 'C');
}

Test(soup_rates, logins_are_looked_at_no_faster_than_their_rate)
{
    struct gateway_stats stats;

    for (unsigned i = 0; i < 120; i++) {
        const uint32_t conn = stream_open(pair);
        char packet[64];

        snprintf(packet, sizeof packet, "L%-6s%-10s%10s%20u", "BROK2", "guess", "", 1);
        stream_send(pair, conn, packet, SOUP_LOGIN_REQUEST_BLOCK);
        rig_step(rig, 0);
    }
    gateway_stats_get(rig->gateway, &stats);
    cr_assert_gt(stats.logins_dropped, 0);
    cr_assert_gt(stats.bad_credentials, 0);
    cr_assert_eq(stats.logins_dropped + stats.bad_credentials, 120);
    rig_wait(rig, 1000);
    (void)first(2);
}

/* come_at brings all sorts of packets over eight connections, of session 2 as far as they
 * log in; what is said over calm is done all the same. */
static void
come_at(uint32_t calm)
{
    static const char *const packets[] = {"2b",
                                          "52",
                                          "4f",
                                          "55 51",
                                          "55" ORDER("01", BUY, DAY),
                                          "55 58 00000001 00000000",
                                          "53",
                                          "",
                                          "55" REPLACE("01", "02", "0b", "0f4240"),
                                          "55 44 00000009 46524d32"};
    unsigned seed = 20261127;
    uint32_t conns[8];

    for (unsigned i = 0; i < 8; i++)
        conns[i] = stream_open(pair);
    for (unsigned i = 0; i < 4000; i++) {
        const unsigned at = (unsigned)rand_r(&seed) % 8;
        const unsigned what = (unsigned)rand_r(&seed) % 14;
        uint8_t packet[256];

        if (what < 10) {
            const size_t len = unhex(packet, packets[what]);

            if (len > 1 && rand_r(&seed) % 4 == 0)
                packet[(size_t)rand_r(&seed) % len] = (uint8_t)rand_r(&seed);
            stream_send(pair, conns[at], packet, len);
        } else if (what < 13) {
            char login[64];

            snprintf(login, sizeof login, "L%-6s%-10s%10s%20d", "BROK2", "key-2", "",
                     rand_r(&seed) % 3);
            stream_send(pair, conns[at], login, SOUP_LOGIN_REQUEST_BLOCK);
        } else {
            stream_end(pair, conns[at]);
        }
        if (!pair->conns[conns[at]].open && pair->conns_cnt < STREAM_CONNS_MAX)
            conns[at] = stream_open(pair);
        if (i % 3 == 0)
            step();
        for (unsigned c = 0; c < pair->conns_cnt; c++)
            pair->conns[c].cnt = pair->conns[c].taken = 0;
    }
    say(calm, ORDER("01", BUY, DAY));
    (void)expect_message(calm, 'A');
}

Test(soup_rates, whatever_comes_over_many_connections_harms_nobody)
{
    come_at(first(3));
}

Test(soup_rates, whatever_comes_while_others_wait_harms_nobody)
{
    uint32_t calm;

    wait_in_line(20, 50);
    calm = first(3);
    come_at(calm);
    cr_assert_gt(rig_stats(rig).throttled, 0);
    rig_wait(rig, 3000);
    pair->conns[calm].cnt = pair->conns[calm].taken = 0; /* heartbeats */
    say(calm, ORDER("02", BUY, DAY));
    (void)expect_message(calm, 'A');
}
