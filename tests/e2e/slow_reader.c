/*
 * Slow reader: who does not read its reports is ended, holds nobody up, and comes
 * back to all of them.
 *
 *   slow_reader OUTCRY RETRANSMIT
 *
 * Two brokers trade with `outcry serve` over TCP. One goes on sending and reads
 * nothing, until the exchange has ended its connection; the other is answered all
 * the while. Then the first reads what had come, connects again with its session
 * and numbers, and is told every report that it did not get, once and in order, as
 * its ledger (tests/e2e/ledger.h) sees. RETRANSMIT is how many reports the exchange
 * keeps: with many it ends the connection for the bytes that are unsent, and with few
 * for the reports that it does not keep any more; those come out of the journal.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/port.h"
#include "proto/base.h"
#include "proto/fixp.h"
#include "proto/limits.h"

#include "tests/e2e/broker.h"
#include "tests/e2e/exchange.h"
#include "tests/seeds.h"

#define LOCALHOST    0x7f000001u
#define WAIT_NS      60000000000ull
#define BURST        8u     /* fits into a datagram, so one claim is enough */
#define SENT_MAX     60000u /* with OTHER_MAX: all reports of the slow one can be kept */
#define OTHER_MAX    40000u
#define SOCKET_BYTES 16384u
#define UNSENT_BYTES (1u << 20)
#define WINDOW       16u
#define ROUNDS_AFTER 200u
#define ALIVE_NS     100000000ull
#define KEPT_FEW     64u

struct test {
    struct exchange exchange;
    struct broker slow;
    struct broker other;
    uint64_t sent;
    uint64_t other_sent; /* while the slow one is deaf */
    bool deaf;           /* the slow one does not read */
    char why[4608];
};

static bool
fail(struct test *test, const char *what, const char *why)
{
    snprintf(test->why, sizeof test->why, "%.200s: %.4000s", what, why);
    return false;
}

static uint64_t
clock_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

static bool
is_settled(const struct broker *broker)
{
    return client_state(broker->client) == CLIENT_ESTABLISHED &&
           ledger_pending(broker->ledger) == 0 && client_missing(broker->client) == 0;
}

/* settle polls both until the broker is established and has been told all. */
static bool
settle(struct test *test, struct broker *broker, const char *what)
{
    struct broker *beside = broker == &test->other ? &test->slow : &test->other;
    const uint64_t until_ns = clock_now_ns() + WAIT_NS;

    while (!is_settled(broker)) {
        const uint64_t now_ns = clock_now_ns();

        broker_poll(broker, now_ns);
        if (!test->deaf)
            broker_poll(beside, now_ns);
        if (ledger_why(broker->ledger)[0] != '\0')
            return fail(test, what, ledger_why(broker->ledger));
        if (client_state(broker->client) == CLIENT_CLOSED)
            return fail(test, what, client_error(broker->client));
        if (now_ns > until_ns)
            return fail(test, what, "not in time");
    }
    return true;
}

/* has_room tells whether the connection takes what is sent; *ended that it is no more. */
static bool
has_room(struct broker *broker, bool *ended)
{
    const uint64_t dropped = broker->port->stats.tx_dropped;

    if (port_tx_claim(broker->port, &broker->server) != NULL) {
        port_tx_push(broker->port, 0);
        return true;
    }
    *ended = broker->port->stats.tx_dropped != dropped;
    return false;
}

/* say_alive sends what a client does that has nothing to send: on a connection that is no
 * more it is told so by that alone, for it does not read. */
static void
say_alive(struct broker *broker, uint64_t now_ns, uint64_t *said_ns)
{
    const struct fixp_sequence msg = {.next_seq_no = client_next_no(broker->client)};
    uint8_t *buf;

    if (now_ns - *said_ns < ALIVE_NS)
        return;
    *said_ns = now_ns;
    buf = port_tx_claim(broker->port, &broker->server);
    if (buf != NULL)
        port_tx_push(broker->port, fixp_sequence_encode(buf, DATAGRAM_BYTES_MAX, &msg));
}

/* send_deaf sends and does not read until the connection has been ended, while the
 * other trades. */
static bool
send_deaf(struct test *test)
{
    const uint64_t until_ns = clock_now_ns() + WAIT_NS;
    struct broker *slow = &test->slow;
    uint64_t said_ns = 0;
    bool ended = false;

    test->deaf = true;
    while (!ended) {
        const uint64_t now_ns = clock_now_ns();

        if (has_room(slow, &ended) && test->sent < SENT_MAX)
            test->sent += broker_fill(slow, UINT64_MAX, BURST, now_ns);
        else if (!ended)
            say_alive(slow, now_ns, &said_ns);
        port_tx_flush(slow->port);
        if (test->other_sent < OTHER_MAX)
            test->other_sent += broker_fill(&test->other, WINDOW, BURST, now_ns);
        broker_poll(&test->other, now_ns);
        if (now_ns > until_ns)
            return fail(test, "the slow one", "is not ended in time");
    }
    return true;
}

/* come_back reads what had come, and goes on over another connection. */
static bool
come_back(struct test *test)
{
    const uint64_t until_ns = clock_now_ns() + WAIT_NS;
    struct broker *slow = &test->slow;

    test->deaf = false;
    while (client_state(slow->client) != CLIENT_CLOSED) {
        broker_poll(&test->other, clock_now_ns());
        broker_poll(slow, clock_now_ns());
        if (clock_now_ns() > until_ns)
            return fail(test, "the slow one", "does not hear of its end");
    }
    if (ledger_pending(slow->ledger) == 0)
        return fail(test, "the slow one", "was told all before it came back");
    broker_connect(slow, BROKER_RESUME, 0, clock_now_ns());
    if (!settle(test, slow, "the slow one, back"))
        return false;
    for (unsigned i = 0; i < ROUNDS_AFTER; i++) {
        broker_fill(slow, WINDOW, BURST, clock_now_ns());
        broker_fill(&test->other, WINDOW, BURST, clock_now_ns());
        if (!settle(test, slow, "the slow one, afterwards") ||
            !settle(test, &test->other, "the other, afterwards"))
            return false;
    }
    return true;
}

static bool
open_all(struct test *test, const char *binary, uint32_t retransmit, uint64_t seed)
{
    char why[256];

    if (!exchange_open(&test->exchange, binary, "memory", true, retransmit) ||
        !exchange_start(&test->exchange))
        return fail(test, "exchange", test->exchange.why);

    const struct port_tcp_cfg cfg = {
        .client = true,
        .ip = LOCALHOST,
        .tcp_port = test->exchange.tcp_port,
        .connections_max = 1,
        .unsent_max = UNSENT_BYTES,
        .slow_ms = UINT32_MAX,
        .socket_bytes = SOCKET_BYTES,
    };

    broker_init(&test->slow, 0, seed);
    test->slow.server = (struct peer){.ip = LOCALHOST, .udp_port = cfg.tcp_port};
    if (port_tcp_open(&test->slow.port, &cfg, why) != 0 ||
        !broker_open_tcp(&test->other, 1, seed, cfg.tcp_port))
        return fail(test, "port", "cannot be opened");
    broker_connect(&test->slow, BROKER_NEW, 0, clock_now_ns());
    broker_connect(&test->other, BROKER_NEW, 0, clock_now_ns());
    return settle(test, &test->slow, "the slow one, at first") &&
           settle(test, &test->other, "the other, at first");
}

/* told_again tells whether old reports came out of the journal, where few are kept, and out
 * of it none otherwise: then who was ended early may have missed none at all. */
static bool
told_again(const struct test *test, bool from_journal)
{
    const char *door = strstr(test->exchange.said, "outcry: door: ");
    const char *again = door != NULL ? strstr(door, " receipts, ") : NULL;
    uint64_t all, old;

    if (again == NULL ||
        sscanf(again, " receipts, %" SCNu64 " retransmitted (%" SCNu64, &all, &old) != 2)
        return false;
    return from_journal ? all > 0 && old > 0 : old == 0;
}

/* stop ends the exchange, which says why it has ended the connection. */
static bool
stop(struct test *test, uint32_t retransmit)
{
    const uint64_t until_ns = clock_now_ns() + WAIT_NS;
    const bool few = retransmit == KEPT_FEW;
    int code;

    if (ledger_stats(test->slow.ledger)->match_sum + ledger_stats(test->other.ledger)->match_sum !=
        0)
        return fail(test, "trades", "the two sides were not told the same");
    exchange_terminate(&test->exchange);
    while (!exchange_exited(&test->exchange, &code)) {
        broker_poll(&test->slow, clock_now_ns());
        broker_poll(&test->other, clock_now_ns());
        if (clock_now_ns() > until_ns)
            return fail(test, "exchange", "does not stop in time");
    }
    if (code != 0)
        return fail(test, "exchange", "its exit code is not 0");
    if (!few && strstr(test->exchange.said, " 1 slow") == NULL)
        return fail(test, "exchange says of its connections", test->exchange.said);
    if (!told_again(test, few))
        return fail(test, "exchange says of its reports", test->exchange.said);
    return exchange_run(&test->exchange, "replay", NULL) ||
           fail(test, "replay", test->exchange.why);
}

int
main(int argc, char **argv)
{
    const uint64_t seed = seed_first();
    struct test test = {.sent = 0};

    if (argc != 3) {
        fprintf(stderr, "usage: slow_reader OUTCRY RETRANSMIT\n");
        return 2;
    }

    const uint32_t retransmit = (uint32_t)strtoul(argv[2], NULL, 10);
    const bool passed = open_all(&test, argv[1], retransmit, seed) && send_deaf(&test) &&
                        come_back(&test) && stop(&test, retransmit);

    if (passed)
        printf("slow_reader: seed=%" PRIu64 " kept=%u sent=%" PRIu64 " reports=%" PRIu64 "\n", seed,
               retransmit, test.sent, ledger_stats(test.slow.ledger)->reports);
    else
        printf("slow_reader: FAILED seed=%" PRIu64 " kept=%u sent=%" PRIu64 " folder=%s: %s\n",
               seed, retransmit, test.sent, test.exchange.folder, test.why);
    if (test.exchange.pid != 0)
        (void)exchange_kill(&test.exchange);
    exchange_close(&test.exchange, !passed);
    broker_close(&test.slow);
    broker_close(&test.other);
    return passed ? 0 : 1;
}
