/*
 * Goal: a program with the OUCH client inside comes in, learns which number is free, is
 * heard and hears, and is told in words why it is not; and nothing that comes over the wire
 * does more to it than to close it.
 * Method: the client against the whole exchange (rig.h) over connections in memory, on
 * virtual time; and against bytes made by hand and at random, seeds printed.
 */
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "gateway/ouch_client.h"
#include "gateway/soup.h"
#include "proto/ouch.h"
#include "proto/soup.h"

#include "tests/gateway/rig.h"
#include "tests/gateway/stream_pair.h"
#include "tests/proto/wire_bytes.h"
#include "tests/seeds.h"

#define SECOND (1000 * RIG_MS)
#define SOURCE 50000u

/* The client's end of a connection of the pair; claims begin one if there is none. */
struct client_port {
    struct port port;
    uint32_t conn; /* UINT32_MAX: none */
    unsigned begun;
    uint8_t claim[DATAGRAM_BYTES_MAX];
};

static struct stream_pair *pair;
static struct rig *rig;
static struct client_port end;
static bool alone; /* nobody is at the other end: what is sent is thrown away */
static struct ouch_client *client;
static uint8_t heard[64][OUCH_CLIENT_MESSAGE_MAX];
static uint64_t heard_no[64];
static unsigned heard_cnt;

static uint8_t *
end_claim(struct port *port, const struct peer *peer)
{
    (void)port;
    cr_assert_eq(peer->udp_port, 9003);
    if (end.conn == UINT32_MAX && !alone) {
        end.conn = stream_open(pair);
        end.begun++;
    }
    return end.claim;
}

/* end_push takes whole packets, lengths included, as FRAMING_SOUP says. */
static void
end_push(struct port *port, size_t len)
{
    size_t off = 0;

    (void)port;
    while (off < len) {
        const size_t bytes = (size_t)end.claim[off] << 8 | end.claim[off + 1];

        cr_assert_leq(off + 2 + bytes, len, "a packet is whole");
        if (!alone)
            stream_send(pair, end.conn, end.claim + off + 2, bytes);
        off += 2 + bytes;
    }
}

static void
end_flush(struct port *port)
{
    (void)port;
}

static void
end_source(struct port *port, uint16_t source)
{
    (void)port;
    cr_assert_eq(source, SOURCE);
}

static void
end_drop(struct port *port, const struct peer *peer)
{
    (void)port;
    (void)peer;
    if (end.conn != UINT32_MAX)
        stream_end(pair, end.conn);
}

static void
on_message(void *ctx, uint64_t no, const uint8_t *buf, size_t len)
{
    (void)ctx;
    cr_assert_lt(heard_cnt, ARRAY_LEN(heard));
    cr_assert_leq(len, sizeof heard[0]);
    memcpy(heard[heard_cnt], buf, len);
    heard_no[heard_cnt++] = no;
}

static void
client_begin(const char *user, const char *password)
{
    static const struct port_ops ops = {.tx_claim = end_claim,
                                        .tx_push = end_push,
                                        .tx_flush = end_flush,
                                        .source = end_source,
                                        .drop = end_drop};

    end = (struct client_port){.port = {.ops = &ops, .stream = true}, .conn = UINT32_MAX};
    heard_cnt = 0;
    client = ouch_client_new(&(struct ouch_client_cfg){
        .port = &end.port,
        .server = {.ip = 0x7f000001, .udp_port = 9003},
        .source = SOURCE,
        .user = user,
        .password = password,
        .on_message = on_message,
    });
    cr_assert_not_null(client);
    cr_assert_eq(ouch_client_state(client), OUCH_CLIENT_IDLE);
}

static void
start(void)
{
    pair = malloc(sizeof *pair);
    cr_assert_not_null(pair);
    stream_init(pair);
    rig = rig_new_soup(1, CELL_ACK_MODE_DURABLE, &pair->port);
}

static void
stop(void)
{
    ouch_client_free(client);
    rig_free(rig);
    free(pair);
}

TestSuite(ouch_client, .init = start, .fini = stop);

/* deliver brings what the exchange sent, and that the connection has ended. */
static void
deliver(void)
{
    const uint32_t conn = end.conn;
    const uint8_t *packet;
    size_t len;

    if (conn == UINT32_MAX)
        return;
    while ((packet = stream_take(pair, conn, &len)) != NULL)
        ouch_client_datagram(
            client, &(struct datagram){.data = packet, .len = (uint32_t)len, .udp_port = SOURCE},
            rig->net.now_ns);
    if (!pair->conns[conn].open) {
        end.conn = UINT32_MAX;
        ouch_client_datagram(client, &(struct datagram){.udp_port = SOURCE, .lost = true},
                             rig->net.now_ns);
    }
}

static void
step(uint64_t ns)
{
    rig_step(rig, ns);
    deliver();
    ouch_client_poll(client, rig->net.now_ns);
}

static void
steps(void)
{
    for (unsigned i = 0; i < 4; i++)
        step(RIG_MS / 10);
}

static void
log_in(void)
{
    client_begin("brok2", "KEY-2");
    ouch_client_connect(client, rig->net.now_ns);
    steps();
    cr_assert_eq(ouch_client_state(client), OUCH_CLIENT_LIVE, "%s", ouch_client_error(client));
}

/* say sends a message of OUCH and lets it be done. */
static void
say(const char *hex)
{
    uint8_t message[OUCH_CLIENT_MESSAGE_MAX];

    cr_assert(ouch_client_send(client, message, unhex(message, hex)));
    ouch_client_flush(client, rig->net.now_ns);
    steps();
}

/* An order of 10 for ACME at 100.00. */
#define ORDER(ref)                                                              \
 "4f 000000" ref "42 0000000a 41434d4520202020 00000000000f4240 30 59 41 4e 4e" \
 "4142434420202020202020202020"

Test(ouch_client, a_session_learns_its_number_is_heard_and_hears)
{
    log_in();
    cr_assert_eq(ouch_client_next_ref(client), 1);
    cr_assert_eq(heard_cnt, 0, "new messages only, and not the answer to its own query");
    say(ORDER("05"));
    cr_assert_eq(heard_cnt, 1);
    cr_assert_eq(heard[0][0], 'A');
    cr_assert_eq(heard_no[0], 3, "behind StartOfDay and the query's answer");
    cr_assert_eq(ouch_client_next_no(client), 4);
    say("51");
    cr_assert_eq(heard_cnt, 2);
    cr_assert_eq(heard[1][0], 'Q', "one that was asked for is told");
    ouch_client_logout(client, rig->net.now_ns);
    steps();
    cr_assert_eq(ouch_client_state(client), OUCH_CLIENT_CLOSED);
    cr_assert_str_eq(ouch_client_error(client), "");
    cr_assert_eq(rig_session_state(rig, 2), ENGINE_SESSION_NEGOTIATED);
    ouch_client_free(client);
    log_in();
    cr_assert_eq(ouch_client_next_ref(client), 6, "what was used is not free");
    cr_assert_not(ouch_client_send(client, heard, OUCH_CLIENT_MESSAGE_MAX + 1), "too long");
}

Test(ouch_client, many_messages_go_with_one_flush_and_all_are_heard)
{
    uint8_t message[64];

    log_in();
    for (unsigned i = 1; i <= 50; i++) {
        char hex[256];

        snprintf(hex, sizeof hex,
                 "4f 000000%02x 42 0000000a 41434d4520202020 00000000000f4240 30 59 41 4e 4e"
                 "4142434420202020202020202020",
                 i);
        cr_assert(ouch_client_send(client, message, unhex(message, hex)), "%u", i);
    }
    ouch_client_flush(client, rig->net.now_ns);
    steps();
    cr_assert_eq(heard_cnt, 50);
    for (unsigned i = 0; i < 50; i++)
        cr_assert_eq(heard[i][12], i + 1);
}

Test(ouch_client, a_login_that_is_refused_is_said_in_words)
{
    client_begin("BROK2", "wrong");
    ouch_client_connect(client, rig->net.now_ns);
    steps();
    cr_assert_eq(ouch_client_state(client), OUCH_CLIENT_CLOSED);
    cr_assert_str_eq(ouch_client_error(client),
                     "login refused: not authorized (user or password is wrong)");
    cr_assert_not(ouch_client_send(client, "Q", 1));
    ouch_client_free(client);
    cr_assert_null(ouch_client_new(&(struct ouch_client_cfg){
                       .port = &end.port, .source = 1, .user = "SEVENCH", .password = "x"}),
                   "a user has six characters");
    client = NULL;
}

Test(ouch_client, a_connection_that_cannot_be_had_is_tried_again)
{
    client_begin("BROK2", "key-2");
    ouch_client_connect(client, rig->net.now_ns);
    for (unsigned i = 0; i < 5; i++) {
        stream_end(pair, end.conn);
        deliver();
        cr_assert_eq(ouch_client_state(client), OUCH_CLIENT_LOGGING_IN);
        ouch_client_poll(client, rig->net.now_ns);
        cr_assert_eq(end.conn, UINT32_MAX, "but not at once");
        rig_step(rig, 60 * RIG_MS);
        ouch_client_poll(client, rig->net.now_ns);
        cr_assert_neq(end.conn, UINT32_MAX);
    }
    steps();
    cr_assert_eq(ouch_client_state(client), OUCH_CLIENT_LIVE);
    cr_assert_eq(end.begun, 6);
    /* Once it is live its end is the session's. */
    stream_end(pair, end.conn);
    steps();
    cr_assert_eq(ouch_client_state(client), OUCH_CLIENT_CLOSED);
    cr_assert_str_eq(ouch_client_error(client), "the connection to the exchange has ended");
}

Test(ouch_client, heartbeats_keep_it_alive_and_silence_ends_it)
{
    log_in();
    for (unsigned i = 0; i < 40; i++)
        step(SECOND);
    cr_assert_eq(ouch_client_state(client), OUCH_CLIENT_LIVE, "%s", ouch_client_error(client));
    cr_assert_eq(heard_cnt, 0);
    /* Nothing comes any more. */
    for (unsigned i = 0; i < 14; i++) {
        rig->net.now_ns += SECOND;
        ouch_client_poll(client, rig->net.now_ns);
        cr_assert_eq(ouch_client_state(client), OUCH_CLIENT_LIVE, "%u", i);
    }
    rig->net.now_ns += 2 * SECOND;
    ouch_client_poll(client, rig->net.now_ns);
    cr_assert_str_eq(ouch_client_error(client), "the exchange is silent");
}

/* bring gives the client a packet that no exchange of ours sent. */
static void
bring(const uint8_t *packet, size_t len)
{
    ouch_client_datagram(
        client, &(struct datagram){.data = packet, .len = (uint32_t)len, .udp_port = SOURCE},
        rig->net.now_ns);
}

Test(ouch_client, what_may_not_come_closes_it)
{
    static const struct {
        const char *hex; /* as the answer to the login */
        const char *error;
    } answers[] = {
        {"53 51", "the answer to the login is none of SoupBinTCP"},
        {"41 4142434445464748494a 2020202020202020202020202020202020202020",
         "the answer to the login is none of SoupBinTCP"},
        {"41 4142434445464748494a 3939393939393939393939393939393939393939 ",
         "the answer to the login is none of SoupBinTCP"},
        {"41 4142434445464748494a 20202020202020202020202020202020202078 ",
         "the answer to the login is none of SoupBinTCP"},
        {"4a 58", "the answer to the login is none of SoupBinTCP"},
        {"4a 53", "login refused: session not available (it is blocked, or another login is in "
                  "work)"},
    };
    uint8_t packet[64];

    alone = true;
    client_begin("BROK2", "key-2");
    for (unsigned i = 0; i < ARRAY_LEN(answers); i++) {
        ouch_client_free(client);
        client_begin("BROK2", "key-2");
        ouch_client_connect(client, rig->net.now_ns);
        bring(packet, 0);
        bring((const uint8_t *)"+text", 5);
        cr_assert_eq(ouch_client_state(client), OUCH_CLIENT_LOGGING_IN);
        bring(packet, unhex(packet, answers[i].hex));
        cr_assert_eq(ouch_client_state(client), OUCH_CLIENT_CLOSED, "%u", i);
        cr_assert_str_eq(ouch_client_error(client), answers[i].error, "%u", i);
        bring((const uint8_t *)"S", 1);
    }
    alone = false;
    ouch_client_free(client);
    log_in();
    bring((const uint8_t *)"A", 1);
    cr_assert_str_eq(ouch_client_error(client),
                     "the exchange sent what is no packet of SoupBinTCP");
    ouch_client_free(client);
    log_in();
    bring((const uint8_t *)"Z", 1);
    cr_assert_str_eq(ouch_client_error(client), "the exchange has ended the session with its day");
}

static uint64_t
random_next(uint64_t *random)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return *random;
}

/* Whatever comes, it is in a known state, and told is only what is in a packet of data. */
Test(ouch_client, whatever_comes_leads_to_a_known_state)
{
    static const char types[] = "+AJSHZLURO";

    alone = true;
    for (uint64_t seed = seed_first(); seed < seed_first() + seed_cnt(); seed++) {
        uint64_t random = seed * UINT64_C(0x9e3779b97f4a7c15);

        ouch_client_free(client);
        client_begin("BROK2", "key-2");
        ouch_client_connect(client, rig->net.now_ns);
        for (unsigned i = 0; i < 300; i++) {
            uint8_t packet[128];
            const size_t len = random_next(&random) % sizeof packet;

            for (size_t at = 0; at < len; at++)
                packet[at] = (uint8_t)random_next(&random);
            if (len > 0)
                packet[0] = (uint8_t)types[random_next(&random) % (sizeof types - 1)];
            if (len >= 31 && packet[0] == 'A' && random_next(&random) % 2 == 0)
                memcpy(packet + 11, "                   1", 20);
            if (len > 1 && random_next(&random) % 2 == 0)
                packet[1] = 'Q';
            heard_cnt = 0;
            bring(packet, len);
            cr_assert_leq(heard_cnt, len > 0 && packet[0] == 'S', "seed %llu",
                          (unsigned long long)seed);
            cr_assert_leq(ouch_client_state(client), OUCH_CLIENT_CLOSED);
            if (ouch_client_send(client, packet, len))
                cr_assert_eq(ouch_client_state(client), OUCH_CLIENT_LIVE);
            ouch_client_poll(client, rig->net.now_ns);
            if (ouch_client_state(client) != OUCH_CLIENT_CLOSED)
                continue;
            cr_assert_str_neq(ouch_client_error(client), "", "seed %llu", (unsigned long long)seed);
            ouch_client_free(client);
            client_begin("BROK2", "key-2");
            ouch_client_connect(client, rig->net.now_ns);
        }
    }
}
