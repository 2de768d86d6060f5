/*
 * Goal: a broker speaks OUCH over SoupBinTCP to the whole exchange, and each rule
 * of both protocols that is the server's holds from the wire to the engine and back,
 * over lost connections and restarts.
 * Method: gateway, rings and engine as they are, over connections in memory, on
 * virtual time; bytes in, bytes out.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/soup.h"
#include "proto/ouch.h"
#include "proto/soup.h"

#include "tests/gateway/soup_desk.h"

TestSuite(soup_server, .init = start, .fini = stop);

Test(soup_server, an_order_is_accepted_under_its_own_number)
{
    const uint32_t conn = first(2);
    const uint8_t *message;

    say(conn, ORDER("01", BUY, DAY));
    message = expect_message(conn, 'A');
    cr_assert_eq(ouch_accepted_user_ref_num(ouch_accepted_view(message, 62)), 1);
    cr_assert_eq(ouch_accepted_price(ouch_accepted_view(message, 62)), 1000000);
    cr_assert_eq(memcmp(message + 18, "ACME    ", 8), 0);
    cr_assert_eq(memcmp(message + 48, "ABCD          ", 14), 0);
    cr_assert_eq(memcmp(message + 62, "\0\6\5\2FRM2", 8), 0);
    expect_nothing(conn);
}

Test(soup_server, both_sides_of_a_trade_hear_of_it)
{
    const uint32_t a = first(2);
    const uint32_t b = first(3);
    const struct ouch_executed *bought;
    const struct ouch_executed *sold;

    say(a, ORDER("01", BUY, DAY));
    (void)expect_message(a, 'A');
    say(b, ORDER("01", SELL, IOC));
    (void)expect_message(b, 'A');
    bought = ouch_executed_view(expect_message(a, 'E'), 34);
    sold = ouch_executed_view(expect_message(b, 'E'), 34);
    cr_assert_eq(bought->liquidity, 'A');
    cr_assert_eq(sold->liquidity, 'R');
    cr_assert_eq(ouch_executed_quantity(bought), 10);
    cr_assert_eq(ouch_executed_match_number(bought), ouch_executed_match_number(sold));
}

Test(soup_server, wrong_users_and_passwords_are_told_apart_by_nobody)
{
    static const char *const logins[][2] = {
        {"BROK2", "KEY-3"}, {"BROK2", ""},       {"BROK9", "KEY-2"},
        {"", ""},           {"BROKER", "KEY-0"}, {"ROK2", "KEY-2"},
    };

    for (unsigned i = 0; i < 6; i++) {
        const uint32_t conn = stream_open(pair);

        log_in_as(conn, logins[i][0], logins[i][1], "", 1);
        expect_rejected(conn, 'A');
        expect_nothing(conn);
    }
    cr_assert_eq(rig_stats(rig).bad_credentials, 6);
}

Test(soup_server, a_session_that_speaks_ouch_cannot_be_had_by_fixp)
{
    client_connect(rig_client(rig, 0, SESSION)->client, rig->net.now_ns);
    rig_run(rig, 50);
    cr_assert_neq(rig_session_state(rig, SESSION), ENGINE_SESSION_BOUND);
    cr_assert_gt(rig_stats(rig).bad_credentials, 0);
}

Test(soup_server, a_session_is_asked_for_by_its_name_or_by_none)
{
    uint32_t conn = first(2);
    char name[SOUP_SESSION_LEN + 1];

    memcpy(name, session_name, sizeof name);
    send(conn, "4f");
    step();
    conn = stream_open(pair);
    log_in_as(conn, "BROK2", "key-2", "OTHER", 1);
    expect_rejected(conn, 'S');
    conn = stream_open(pair);
    log_in_as(conn, "BROK2", "key-2", name, 2);
    cr_assert_eq(expect_accepted(conn, session_name), 2);
    cr_assert_str_eq(session_name, name);
}

Test(soup_server, the_stream_is_replayed_from_any_number)
{
    uint32_t conn = first(2);
    uint8_t all[8][128];
    size_t lens[8];

    for (unsigned i = 1; i <= 6; i++) {
        char hex[256];

        snprintf(hex, sizeof hex,
                 "4f 000000%02x 42 0000000a 41434d4520202020 00000000000f4240 30 59 41 4e 4e"
                 "4142434420202020202020202020",
                 i);
        say(conn, hex);
        memcpy(all[i + 1], expect_packet(conn, 'S', &lens[i + 1]), 100);
    }
    for (uint64_t from = 0; from <= 9; from++) {
        const uint64_t want = from == 0 || from > 8 ? 8 : from;

        conn = stream_open(pair);
        log_in_as(conn, "BROK2", "key-2", "", from);
        cr_assert_eq(expect_accepted(conn, session_name), want, "from %lu", from);
        for (uint64_t no = want; no < 8; no++) {
            size_t len;
            const uint8_t *message = expect_packet(conn, 'S', &len);

            if (no == 1)
                cr_assert_eq(message[0], 'S');
            else
                cr_assert(len == lens[no] && memcmp(message, all[no], len) == 0, "%lu", no);
        }
        expect_nothing(conn);
    }
}

Test(soup_server, a_message_that_comes_again_is_ignored)
{
    uint32_t conn = first(2);

    say(conn, ORDER("05", BUY, DAY));
    (void)expect_message(conn, 'A');
    say(conn, ORDER("05", BUY, DAY));
    say(conn, ORDER("04", BUY, DAY));
    expect_nothing(conn);
    /* Also over a new connection, and if its order is long gone. */
    say(conn, "58 00000005 00000000");
    (void)expect_message(conn, 'C');
    conn = stream_open(pair);
    log_in_as(conn, "BROK2", "key-2", "", 0);
    (void)expect_accepted(conn, session_name);
    say(conn, ORDER("05", BUY, DAY));
    say(conn, "58 00000005 00000000");
    say(conn, "58 00000005 00000000 0000");
    expect_nothing(conn);
    say(conn, ORDER("06", "54", DAY));
    cr_assert_eq(expect_message(conn, 'J')[14], 0x09, "no short sales");
    say(conn, ORDER("06", SELL, DAY));
    expect_nothing(conn);
    say(conn, "51");
    cr_assert_eq(ouch_query_response_next_user_ref_num(
                     ouch_query_response_view(expect_message(conn, 'Q'), 13)),
                 7);
}

Test(soup_server, every_message_may_be_sent_twice_and_is_done_once)
{
    static const struct {
        const char *hex;
        const char *answers; /* types */
        const char *again;   /* of the second time */
    } messages[] = {
        {ORDER("01", BUY, DAY), "A", ""},
        {"58 00000001 00000009", "C", ""},
        {"4d 00000001 42 00000008", "M", "M" /* what is open, as before */},
        {"55 00000001 00000002 00000007 00000000000f4240 30 59 4e"
         "4243442020202020202020202020",
         "U", ""},
        {"58 00000002 00000000", "C", ""},
        {ORDER("03", "54", DAY), "J", ""},
        {"44 00000004 46524d32", "G", ""},
        {ORDER("05", BUY, DAY), "J", ""},
        {"45 00000006 46524d32", "K", ""},
        {ORDER("07", BUY, DAY), "A", ""},
        {"43 00000008 20202020 2020202020202020", "CX", ""},
        {"43 00000009 58585858 2020202020202020", "J", ""},
    };
    const uint32_t conn = first(2);

    for (unsigned i = 0; i < ARRAY_LEN(messages); i++) {
        say(conn, messages[i].hex);
        for (const char *type = messages[i].answers; *type != '\0'; type++)
            (void)expect_message(conn, *type);
        say(conn, messages[i].hex);
        for (const char *type = messages[i].again; *type != '\0'; type++)
            (void)expect_message(conn, *type);
        expect_nothing(conn);
    }
    /* But for a question, which is asked twice. */
    say(conn, "51");
    cr_assert_eq(expect_message(conn, 'Q')[12], 10);
    say(conn, "51 0000");
    cr_assert_eq(expect_message(conn, 'Q')[12], 10);
}

Test(soup_server, totals_count_what_was_executed_in_all_that_states_one)
{
    static const struct {
        const char *hex;
        char type;
        uint8_t at;  /* the last byte of its quantity */
        uint8_t qty; /* what it must be */
    } totals[] = {
        /* Of 10, 4 are executed. 5 in all leave 1; 4, or less, leave nothing. */
        {"58 00000001 00000005", 'C', 16, 5},
        {"58 00000001 00000004", 'C', 16, 6},
        {"58 00000001 00000003", 'C', 16, 6},
        {"58 00000001 00000000", 'C', 16, 6},
        {"4d 00000001 42 00000005", 'M', 17, 1},
        {REPLACE("01", "02", "05", "0f4240"), 'U', 21, 5},
        {REPLACE("01", "02", "14", "0f4240"), 'U', 21, 20},
        {REPLACE("01", "02", "04", "0f4240"), 'U', 21, 4},
    };

    for (unsigned i = 0; i < ARRAY_LEN(totals); i++) {
        uint32_t a;
        uint32_t b;

        if (i > 0) {
            stop();
            start();
        }
        a = first(2);
        b = first(3);
        say(a, ORDER("01", BUY, DAY));
        say(b, "4f 00000001 53 00000004 41434d4520202020 00000000000f4240 33 59 41 4e 4e"
               "4142434420202020202020202020");
        (void)expect_message(a, 'A');
        cr_assert_eq(expect_message(a, 'E')[16], 4);
        say(a, totals[i].hex);
        cr_assert_eq(expect_message(a, totals[i].type)[totals[i].at], totals[i].qty, "%u", i);
        expect_nothing(a);
    }
}

Test(soup_server, cancels_take_all_or_a_part_and_say_how_much)
{
    const uint32_t conn = first(2);

    say(conn, ORDER("01", BUY, DAY));
    (void)expect_message(conn, 'A');
    say(conn, "58 00000001 0000000b");
    expect_nothing(conn);
    say(conn, "58 00000001 00000006");
    cr_assert_eq(ouch_canceled_quantity(ouch_canceled_view(expect_message(conn, 'C'), 18)), 4);
    say(conn, "4d 00000001 42 00000005 0000");
    cr_assert_eq(ouch_modified_quantity(ouch_modified_view(expect_message(conn, 'M'), 18)), 5);
    say(conn, "4d 00000001 53 00000004");
    cr_assert_eq(expect_message(conn, 'I')[12], 1, "it was bought, and lives on");
    say(conn, "58 00000001 00000000 0000");
    cr_assert_eq(ouch_canceled_quantity(ouch_canceled_view(expect_message(conn, 'C'), 18)), 5);
    say(conn, "4d 00000001 42 00000004");
    expect_nothing(conn);
}

Test(soup_server, a_replace_counts_what_was_executed)
{
    const uint32_t a = first(2);
    const uint32_t b = first(3);
    const struct ouch_replaced *replaced;

    say(a, ORDER("01", BUY, DAY));
    say(b, "4f 00000001 53 00000004 41434d4520202020 00000000000f4240 33 59 41 4e 4e"
           "4142434420202020202020202020");
    (void)expect_message(a, 'A');
    (void)expect_message(a, 'E');
    say(a, REPLACE("01", "02", "0c", "0f42a4"));
    replaced = ouch_replaced_view(expect_message(a, 'U'), 66);
    cr_assert_eq(ouch_replaced_orig_user_ref_num(replaced), 1);
    cr_assert_eq(ouch_replaced_user_ref_num(replaced), 2);
    cr_assert_eq(ouch_replaced_quantity(replaced), 12, "the total");
    cr_assert_eq(replaced->order_state, 'L');
    cr_assert_eq(memcmp(replaced->cl_ord_id, "BCD           ", 14), 0);
    say(a, "58 00000002 00000000");
    cr_assert_eq(ouch_canceled_quantity(ouch_canceled_view(expect_message(a, 'C'), 18)), 8);
}

Test(soup_server, a_replace_of_what_is_gone_is_ignored_and_its_number_stays_free)
{
    const uint32_t conn = first(2);

    say(conn, REPLACE("07", "08", "0a", "0f4240"));
    expect_nothing(conn);
    say(conn, ORDER("08", BUY, DAY));
    (void)expect_message(conn, 'A');
    /* What cannot be: the order is canceled, the number stays free. */
    say(conn, REPLACE("08", "09", "0a", "0f4241"));
    cr_assert_eq(ouch_canceled_user_ref_num(ouch_canceled_view(expect_message(conn, 'C'), 18)), 8);
    expect_nothing(conn);
    say(conn, ORDER("09", BUY, DAY));
    (void)expect_message(conn, 'A');
    /* To no more than was executed, which is nothing, cannot be either. */
    say(conn, REPLACE("09", "0a", "00", "0f4240"));
    (void)expect_message(conn, 'C');
    expect_nothing(conn);
}

Test(soup_server, a_mass_cancel_is_answered_behind_what_it_took)
{
    const uint32_t conn = first(2);

    say(conn, ORDER("01", BUY, DAY));
    say(conn, ORDER("02", BUY, DAY));
    (void)expect_message(conn, 'A');
    (void)expect_message(conn, 'A');
    say(conn, "43 00000003 46524d33 2020202020202020");
    cr_assert_eq(expect_message(conn, 'J')[14], 0x0c, "another's firm");
    say(conn, "43 00000004 46524d32 41434d4520202020 0000");
    (void)expect_message(conn, 'C');
    (void)expect_message(conn, 'C');
    cr_assert_eq(memcmp(expect_message(conn, 'X') + 13, "FRM2ACME    ", 12), 0);
    say(conn, "43 00000005 20202020 2020202020202020");
    (void)expect_message(conn, 'X');
    expect_nothing(conn);
}

Test(soup_server, a_client_may_disable_its_own_entry_over_restarts_too)
{
    uint32_t conn = first(2);

    say(conn, ORDER("01", BUY, DAY));
    (void)expect_message(conn, 'A');
    say(conn, "44 00000002 46524d32");
    (void)expect_message(conn, 'G');
    say(conn, ORDER("03", BUY, DAY));
    cr_assert_eq(expect_message(conn, 'J')[14], 0x0c);
    stream_end(pair, conn);
    rig_restart(rig, CELL_ACK_MODE_DURABLE);
    conn = stream_open(pair);
    log_in_as(conn, "BROK2", "key-2", "", 0);
    (void)expect_accepted(conn, session_name);
    say(conn, ORDER("04", BUY, DAY));
    cr_assert_eq(expect_message(conn, 'J')[14], 0x0c);
    say(conn, REPLACE("01", "05", "0b", "0f4240"));
    cr_assert_eq(expect_message(conn, 'J')[14], 0x0c, "the order stays");
    say(conn, "45 00000006 46524d32");
    (void)expect_message(conn, 'K');
    /* What disabled it comes again. */
    say(conn, "44 00000002 46524d32");
    say(conn, REPLACE("01", "07", "0b", "0f4240"));
    (void)expect_message(conn, 'U');
}

Test(soup_server, a_connection_that_ends_unbinds_its_session)
{
    uint32_t conn = first(2);

    cr_assert_eq(rig_session_state(rig, SESSION), ENGINE_SESSION_BOUND);
    stream_end(pair, conn);
    step();
    cr_assert_eq(rig_session_state(rig, SESSION), ENGINE_SESSION_NEGOTIATED);
    conn = connect_from(2, 2);
    cr_assert_eq(rig_session_state(rig, SESSION), ENGINE_SESSION_BOUND);
    send(conn, "4f");
    step();
    cr_assert(pair->conns[conn].closed);
    cr_assert_eq(rig_session_state(rig, SESSION), ENGINE_SESSION_NEGOTIATED);
    conn = connect_from(2, 2);
    send(conn, "53 00");
    step();
    cr_assert(pair->conns[conn].closed, "this may not come");
    cr_assert_eq(rig_session_state(rig, SESSION), ENGINE_SESSION_NEGOTIATED);
}

Test(soup_server, a_new_login_takes_the_place_of_the_old_connection)
{
    const uint32_t old = first(2);
    const uint32_t conn = connect_from(2, 2);

    cr_assert(pair->conns[old].closed);
    step();
    cr_assert_eq(rig_session_state(rig, SESSION), ENGINE_SESSION_BOUND);
    say(conn, ORDER("01", BUY, DAY));
    (void)expect_message(conn, 'A');
    expect_nothing(old);
}

Test(soup_server, a_connection_that_is_gone_before_its_answer_leaves_nothing_bound)
{
    uint32_t conn = stream_open(pair);

    rig->hold_engine = true;
    log_in_as(conn, "BROK2", "key-2", "", 1);
    stream_end(pair, conn);
    /* While one login is in work others are to come again. */
    conn = stream_open(pair);
    log_in_as(conn, "BROK2", "key-2", "", 1);
    expect_rejected(conn, 'S');
    rig->hold_engine = false;
    step();
    step();
    step();
    cr_assert_eq(rig_session_state(rig, SESSION), ENGINE_SESSION_NEGOTIATED);
    (void)connect_from(2, 1);
}

Test(soup_server, nothing_is_told_before_it_is_durable)
{
    const uint32_t conn = first(2);

    rig->hold_durable = true;
    say(conn, ORDER("01", BUY, DAY));
    step();
    expect_nothing(conn);
    rig->hold_durable = false;
    say(conn, "51");
    step();
    (void)expect_message(conn, 'A');
    (void)expect_message(conn, 'Q');
}

Test(soup_server, heartbeats_come_each_second_and_silence_ends_it)
{
    const uint32_t conn = first(2);
    unsigned beats = 0;
    size_t len;

    for (unsigned i = 0; i < 10; i++) {
        rig_wait(rig, 1000);
        send(conn, "52");
    }
    while (stream_take(pair, conn, &len) != NULL)
        beats++;
    cr_assert_geq(beats, 9);
    cr_assert_leq(beats, 11);
    rig_wait(rig, 14900);
    cr_assert_not(pair->conns[conn].closed);
    rig_wait(rig, 200);
    cr_assert(pair->conns[conn].closed);
    step();
    cr_assert_eq(rig_session_state(rig, SESSION), ENGINE_SESSION_NEGOTIATED);
}

Test(soup_server, who_does_not_log_in_is_let_go)
{
    const uint32_t conn = stream_open(pair);

    send(conn, "2b 68");
    rig_wait(rig, 29900);
    cr_assert_not(pair->conns[conn].closed);
    rig_wait(rig, 200);
    cr_assert(pair->conns[conn].closed);
}

Test(soup_server, connections_without_a_login_are_bounded)
{
    for (unsigned i = 0; i < STREAM_CONNS_MAX - 1; i++) {
        send(stream_open(pair), "2b");
        step();
    }
    unsigned open = 0;

    for (unsigned i = 0; i < pair->conns_cnt; i++)
        open += pair->conns[i].open;
    cr_assert_eq(open, RIG_SESSIONS + SOUP_CONNS_SPARE);
    cr_assert(pair->conns[pair->conns_cnt - open].open, "the first have made room for the last");
    /* So has the next for who logs in, and he stays. */
    const uint32_t conn = first(2);

    cr_assert(pair->conns[pair->conns_cnt - 1 - open].closed);
    cr_assert(pair->conns[pair->conns_cnt - 2].open);
    say(conn, ORDER("01", BUY, DAY));
    (void)expect_message(conn, 'A');
}

Test(soup_server, what_a_full_port_did_not_take_is_sent_later)
{
    const uint32_t conn = first(2);

    pair->full = true;
    say(conn, ORDER("01", BUY, DAY));
    say(conn, ORDER("02", BUY, DAY));
    step();
    expect_nothing(conn);
    pair->full = false;
    step();
    (void)expect_message(conn, 'A');
    (void)expect_message(conn, 'A');
    expect_nothing(conn);
}

Test(soup_server, without_a_journal_who_is_too_slow_is_let_go_and_may_come_back)
{
    uint32_t conn;

    rig_free(rig);
    rig = rig_new_soup_alone(1, &pair->port);
    conn = first(2);
    pair->full = true;
    for (unsigned i = 0; i < RIG_RETRANSMIT + 2; i++)
        say(conn, "51");
    pair->full = false;
    step();
    cr_assert(pair->conns[conn].closed);
    conn = stream_open(pair);
    log_in_as(conn, "BROK2", "key-2", "", 2);
    expect_rejected(conn, 'S');
    (void)connect_from(2, 4);
}

static void
roll(uint32_t date)
{
    union cell cells[2] = {{.day_roll = {.kind = CELL_KIND_DAY_ROLL,
                                         .shape = 2,
                                         .date = date,
                                         .time = rig->net.now_ns,
                                         .session = CELL_SESSION}},
                           {.author = {.kind = CELL_KIND_AUTHOR, .name = "T", .text = "a day"}}};

    rig_admin(rig, cells, 2);
    step();
    step();
}

/* What a session was told, in order. */
static struct {
    uint8_t bytes[STREAM_BYTES_MAX];
    size_t ends[3 * RIG_RETRANSMIT]; /* of message i, whose number is i + 1 */
    uint64_t cnt;
} told;

/* gather takes what has come; more messages of what was told. */
static void
gather(uint32_t conn)
{
    const uint8_t *packet;
    size_t len;

    while ((packet = stream_take(pair, conn, &len)) != NULL) {
        const size_t begin = told.cnt == 0 ? 0 : told.ends[told.cnt - 1];

        if (packet[0] == 'H')
            continue;
        cr_assert_eq(packet[0], 'S');
        cr_assert_lt(begin + len - 1, sizeof told.bytes);
        memcpy(told.bytes + begin, packet + 1, len - 1);
        told.ends[told.cnt++] = begin + len - 1;
    }
}

/* expect_told takes all messages from number no on, as they were told. */
static void
expect_told(uint32_t conn, uint64_t no)
{
    for (; no <= told.cnt; no++) {
        const size_t begin = no == 1 ? 0 : told.ends[no - 2];
        const uint8_t *packet = NULL;
        size_t len;

        for (unsigned i = 0; i < 1000 && packet == NULL; i++) {
            packet = stream_take(pair, conn, &len);
            if (packet == NULL)
                step();
            else if (packet[0] == 'H')
                packet = NULL;
        }
        cr_assert_not_null(packet, "message %llu of %llu", (unsigned long long)no,
                           (unsigned long long)told.cnt);
        cr_assert_eq(packet[0], 'S');
        cr_assert_eq(len - 1, told.ends[no - 1] - begin, "message %llu", (unsigned long long)no);
        cr_assert_eq(memcmp(packet + 1, told.bytes + begin, len - 1), 0, "message %llu",
                     (unsigned long long)no);
    }
}

/* live makes a day of more messages than are kept, of which some have no report. */
static void
live(uint32_t conn, unsigned cnt)
{
    char hex[128];

    for (unsigned i = 0; i < cnt; i++) {
        say(conn, "51");
        if (i % 7 == 0)
            say(conn, "58 000fffff 00000000"); /* a cancel of what is not there */
        if (i % 97 == 0) {
            snprintf(hex, sizeof hex,
                     "4f %08x 42 00000064 41434d4520202020 00000000000f4240"
                     "30 59 41 4e 4e 4142434445464748494a4b4c4d4e",
                     1 + i);
            say(conn, hex);
            snprintf(hex, sizeof hex, "58 %08x 00000000", 1 + i);
            say(conn, hex);
        }
        send(conn, "52");
        gather(conn);
    }
}

/* again asks for the stream from several numbers on, old and new ones. */
static void
again(void)
{
    const uint64_t from[] = {1,
                             2,
                             3,
                             64,
                             65,
                             66,
                             700,
                             told.cnt - RIG_RETRANSMIT,
                             told.cnt - RIG_RETRANSMIT + 1,
                             told.cnt,
                             told.cnt + 1};

    for (unsigned i = 0; i < ARRAY_LEN(from); i++) {
        const uint32_t conn = connect_from(2, from[i]);

        expect_told(conn, from[i]);
        expect_nothing(conn);
        stream_end(pair, conn);
        step();
    }
}

Test(soup_server, what_is_not_kept_any_more_comes_out_of_the_journal)
{
    uint32_t conn = connect_from(2, 1);

    live(conn, RIG_RETRANSMIT + 200);
    stream_end(pair, conn);
    step();
    again();
    /* One restart takes up a snapshot, the other replays all. */
    for (unsigned i = 0; i < 2; i++) {
        rig_restart(rig, CELL_ACK_MODE_DURABLE);
        again();
        conn = connect_from(2, told.cnt + 1);
        live(conn, 30);
        stream_end(pair, conn);
        step();
        again();
    }
}

Test(soup_server, who_reads_slowly_is_caught_up_with_out_of_the_journal)
{
    const uint32_t conn = connect_from(2, 1);
    uint32_t other;

    gather(conn);
    pair->full = true;
    for (unsigned i = 0; i < RIG_RETRANSMIT + 300; i++) {
        say(conn, "51");
        send(conn, "52");
    }
    rig->hold_history = true;
    pair->full = false;
    step();
    say(conn, "51");
    step();
    expect_nothing(conn);
    rig->hold_history = false;
    for (unsigned i = 0; i < 200; i++) {
        step();
        gather(conn);
        /* Its buffer is full now and then, in the middle of an answer. */
        pair->full = i % 3 == 1;
    }
    pair->full = false;
    step();
    gather(conn);
    cr_assert_eq(told.cnt, 1 + RIG_RETRANSMIT + 301);
    cr_assert_not(pair->conns[conn].closed);
    other = connect_from(2, 1);
    expect_told(other, 1);
    expect_nothing(other);
}

Test(soup_server, who_asks_for_what_cannot_be_read_is_let_go)
{
    uint32_t conn = connect_from(2, 1);

    live(conn, RIG_RETRANSMIT + 100);
    rig->lost_history = true;
    conn = connect_from(2, 1);
    for (unsigned i = 0; i < 10; i++)
        step();
    cr_assert(pair->conns[conn].closed);
    rig->lost_history = false;
    conn = connect_from(2, 1);
    expect_told(conn, 1);
}

Test(soup_server, a_day_that_ends_in_the_middle_of_old_reports_is_told_to_its_end)
{
    uint32_t conn = connect_from(2, 1);
    size_t len;

    live(conn, RIG_RETRANSMIT + 100);
    rig->hold_history = true;
    conn = connect_from(2, 1);
    roll(20261127);
    rig->hold_history = false;
    expect_told(conn, 1);
    cr_assert_eq(expect_message(conn, 'S')[9], 'E', "the day ends");
    (void)expect_packet(conn, 'Z', &len);
    cr_assert(pair->conns[conn].closed);
}

Test(soup_server, a_stop_does_not_wait_for_old_reports)
{
    uint32_t conn = connect_from(2, 1);

    live(conn, RIG_RETRANSMIT + 100);
    rig->hold_history = true;
    conn = connect_from(2, 1);
    gateway_stop(rig->gateway);
    for (unsigned i = 0; i < 10; i++)
        step();
    cr_assert(pair->conns[conn].closed);
    cr_assert(gateway_stopped(rig->gateway));
}

Test(soup_server, a_restart_loses_nothing_that_was_told)
{
    uint32_t conn = first(2);
    char name[SOUP_SESSION_LEN + 1];
    uint8_t accepted[128];
    size_t len;

    memcpy(name, session_name, sizeof name);
    say(conn, ORDER("01", BUY, DAY));
    memcpy(accepted, expect_packet(conn, 'S', &len), 70);
    stream_end(pair, conn);
    rig_restart(rig, CELL_ACK_MODE_DURABLE);
    conn = stream_open(pair);
    log_in_as(conn, "BROK2", "key-2", name, 1);
    cr_assert_eq(expect_accepted(conn, session_name), 1);
    cr_assert_str_eq(session_name, name);
    (void)expect_message(conn, 'S');
    cr_assert_eq(memcmp(expect_message(conn, 'A'), accepted, len), 0, "the same bytes");
    say(conn, ORDER("01", BUY, DAY));
    expect_nothing(conn);
    say(conn, "58 00000001 00000000");
    (void)expect_message(conn, 'C');
}

Test(soup_server, a_restart_that_may_have_lost_something_begins_a_new_session)
{
    uint32_t conn;
    char name[SOUP_SESSION_LEN + 1];

    rig_restart(rig, CELL_ACK_MODE_MEMORY);
    conn = first(2);
    memcpy(name, session_name, sizeof name);
    say(conn, ORDER("01", BUY, DAY));
    stream_end(pair, conn);
    rig_restart(rig, CELL_ACK_MODE_DURABLE);
    conn = stream_open(pair);
    log_in_as(conn, "BROK2", "key-2", name, 3);
    expect_rejected(conn, 'S');
    (void)first(2);
    cr_assert_str_neq(session_name, name);
}

Test(soup_server, a_session_ends_with_its_day)
{
    uint32_t conn = first(2);
    char name[SOUP_SESSION_LEN + 1];
    size_t len;

    memcpy(name, session_name, sizeof name);
    say(conn, ORDER("07", BUY, DAY));
    (void)expect_message(conn, 'A');
    roll(20261127);
    cr_assert_eq(expect_message(conn, 'S')[9], 'E', "the day ends");
    (void)expect_packet(conn, 'Z', &len);
    cr_assert(pair->conns[conn].closed);
    step();
    cr_assert_eq(rig_session_state(rig, SESSION), ENGINE_SESSION_NEGOTIATED);
    conn = stream_open(pair);
    log_in_as(conn, "BROK2", "key-2", name, 1);
    expect_rejected(conn, 'S');
    conn = first(2);
    cr_assert_str_neq(session_name, name);
    say(conn, ORDER("01", BUY, DAY));
    (void)expect_message(conn, 'A');
    /* So it is after a restart. */
    memcpy(name, session_name, sizeof name);
    stream_end(pair, conn);
    rig_restart(rig, CELL_ACK_MODE_DURABLE);
    conn = stream_open(pair);
    log_in_as(conn, "BROK2", "key-2", name, 2);
    cr_assert_eq(expect_accepted(conn, session_name), 2);
    (void)expect_message(conn, 'A');
}

Test(soup_server, the_exchange_comes_to_rest_behind_the_last_report)
{
    const uint32_t conn = first(2);

    send(conn, "55" ORDER("01", BUY, DAY));
    gateway_poll(rig->gateway, rig->net.now_ns);
    gateway_stop(rig->gateway);
    for (unsigned i = 0; i < 10; i++)
        step();
    cr_assert(gateway_stopped(rig->gateway));
    (void)expect_message(conn, 'A');
    cr_assert(pair->conns[conn].closed);
}
