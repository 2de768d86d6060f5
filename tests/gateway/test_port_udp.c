/*
 * Goal: the socket port carries datagrams unchanged, in bursts, and counts what
 * it cannot carry.
 * Method: two ports on the loopback device, which neither loses nor reorders as
 * long as the receive buffer has room; plain sockets where a port refuses to
 * misbehave.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "gateway/port.h"
#include "proto/limits.h"

#define LOOPBACK 0x7f000001u

/* How long loopback may take on a busy machine before a test gives up. */
#define WAIT_MAX_MS 2000

static struct port *server;
static struct port *client;

static struct peer
peer_of(const struct port *port)
{
    return (struct peer){.ip = LOOPBACK, .udp_port = port_udp_local(port)};
}

static void
open_both(void)
{
    const struct port_udp_cfg server_cfg = {.ip = LOOPBACK, .busy_poll = true};
    const struct port_udp_cfg client_cfg = {.ip = LOOPBACK, .socket_bytes = 1 << 20};

    cr_assert_eq(port_udp_open(&server, &server_cfg), 0);
    cr_assert_eq(port_udp_open(&client, &client_cfg), 0);
    cr_assert(port_ready(server));
}

static void
close_both(void)
{
    port_close(server);
    port_close(client);
}

TestSuite(port_udp, .init = open_both, .fini = close_both);

static void
nap_ms(void)
{
    nanosleep(&(const struct timespec){.tv_nsec = 1000000}, NULL);
}

/* rx_some waits for at least one datagram; 0 after WAIT_MAX_MS. */
static int
rx_some(struct port *port, struct datagram *datagrams, int max)
{
    for (int ms = 0; ms < WAIT_MAX_MS; ms++) {
        const int cnt = port_rx(port, datagrams, max);

        if (cnt > 0)
            return cnt;
        nap_ms();
    }
    return 0;
}

static void
send_one(struct port *port, const struct peer *peer, uint8_t fill, size_t len)
{
    uint8_t *data = port_tx_claim(port, peer);

    cr_assert_not_null(data);
    memset(data, fill, len);
    port_tx_push(port, len);
}

/* raw_send sends len bytes to the server past any port; len may be anything. */
static void
raw_send(size_t len)
{
    static const uint8_t bytes[4 * DATAGRAM_BYTES_MAX];
    const struct sockaddr_in to = {
        .sin_family = AF_INET,
        .sin_port = htons(port_udp_local(server)),
        .sin_addr.s_addr = htonl(LOOPBACK),
    };
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);

    cr_assert_geq(fd, 0);
    cr_assert_eq(sendto(fd, bytes, len, 0, (const struct sockaddr *)&to, sizeof to), (ssize_t)len);
    close(fd);
}

Test(port_udp, datagram_arrives_with_its_bytes_and_addresses)
{
    const struct peer to = peer_of(server);
    struct datagram datagram;

    send_one(client, &to, 0xa5, 128);
    port_tx_flush(client);
    cr_assert_eq(rx_some(server, &datagram, 1), 1);
    cr_assert_eq(datagram.len, 128);
    for (unsigned i = 0; i < 128; i++)
        cr_assert_eq(datagram.data[i], 0xa5);
    cr_assert_eq(datagram.peer.ip, LOOPBACK);
    cr_assert_eq(datagram.peer.udp_port, port_udp_local(client));
    cr_assert_eq(datagram.udp_port, port_udp_local(server));
    cr_assert_eq(server->stats.rx_datagrams, 1);
    cr_assert_eq(server->stats.rx_bytes, 128);
    cr_assert_eq(client->stats.tx_datagrams, 1);
    cr_assert_eq(client->stats.tx_bytes, 128);
}

Test(port_udp, reply_to_the_peer_of_a_datagram_comes_back)
{
    const struct peer to = peer_of(server);
    struct datagram datagram;

    send_one(client, &to, 1, 10);
    port_tx_flush(client);
    cr_assert_eq(rx_some(server, &datagram, 1), 1);
    send_one(server, &datagram.peer, 2, 20);
    port_tx_flush(server);
    cr_assert_eq(rx_some(client, &datagram, 1), 1);
    cr_assert_eq(datagram.len, 20);
    cr_assert(peer_equal(&datagram.peer, &to));
}

Test(port_udp, nothing_there_is_zero_datagrams)
{
    struct datagram datagram;

    cr_assert_eq(port_rx(server, &datagram, 1), 0);
    cr_assert_eq(server->stats.rx_datagrams, 0);
}

Test(port_udp, bursts_arrive_in_order_and_complete)
{
    enum {
        BURSTS = 20,
        CNT = BURSTS * (int)PORT_BURST_MAX
    };
    const struct peer to = peer_of(server);
    struct datagram datagrams[PORT_BURST_MAX];
    unsigned seen = 0;

    for (unsigned i = 0; i < CNT; i++) {
        uint8_t *data = port_tx_claim(client, &to);

        memcpy(data, &i, sizeof i);
        port_tx_push(client, sizeof i + i % 1000);
    }
    port_tx_flush(client);
    cr_assert_eq(client->stats.tx_datagrams, CNT);
    while (seen < CNT) {
        const int cnt = rx_some(server, datagrams, PORT_BURST_MAX);

        cr_assert_gt(cnt, 0, "%u of %u arrived", seen, CNT);
        for (int i = 0; i < cnt; i++, seen++) {
            unsigned number;

            memcpy(&number, datagrams[i].data, sizeof number);
            cr_assert_eq(number, seen);
            cr_assert_eq(datagrams[i].len, sizeof number + seen % 1000);
        }
    }
}

Test(port_udp, full_queue_is_sent_without_a_flush)
{
    const struct peer to = peer_of(server);

    for (unsigned i = 0; i < PORT_BURST_MAX - 1; i++)
        send_one(client, &to, 0, 8);
    cr_assert_eq(client->stats.tx_datagrams, 0);
    send_one(client, &to, 0, 8);
    cr_assert_eq(client->stats.tx_datagrams, PORT_BURST_MAX);
}

Test(port_udp, rx_takes_no_more_than_asked_for)
{
    const struct peer to = peer_of(server);
    struct datagram datagrams[4];

    for (unsigned i = 0; i < 10; i++)
        send_one(client, &to, (uint8_t)i, 8);
    port_tx_flush(client);
    cr_assert_leq(rx_some(server, datagrams, 4), 4);
    cr_assert_leq(server->stats.rx_datagrams, 4);
}

Test(port_udp, claim_that_is_given_up_sends_nothing)
{
    const struct peer to = peer_of(server);
    struct datagram datagram;

    cr_assert_not_null(port_tx_claim(client, &to));
    port_tx_push(client, 0);
    send_one(client, &to, 7, 9);
    port_tx_flush(client);
    cr_assert_eq(client->stats.tx_datagrams, 1);
    cr_assert_eq(client->stats.tx_dropped, 0);
    cr_assert_eq(rx_some(server, &datagram, 1), 1);
    cr_assert_eq(datagram.len, 9);
}

Test(port_udp, largest_datagram_arrives)
{
    const struct peer to = peer_of(server);
    struct datagram datagram;

    send_one(client, &to, 0x5a, DATAGRAM_BYTES_MAX);
    port_tx_flush(client);
    cr_assert_eq(rx_some(server, &datagram, 1), 1);
    cr_assert_eq(datagram.len, DATAGRAM_BYTES_MAX);
    cr_assert_eq(datagram.data[DATAGRAM_BYTES_MAX - 1], 0x5a);
    cr_assert_eq(server->stats.rx_invalid, 0);
}

Test(port_udp, oversize_datagram_is_dropped_and_the_next_one_taken)
{
    struct datagram datagram;

    raw_send(DATAGRAM_BYTES_MAX + 1);
    raw_send(4 * DATAGRAM_BYTES_MAX);
    raw_send(33);
    cr_assert_eq(rx_some(server, &datagram, PORT_BURST_MAX), 1);
    cr_assert_eq(datagram.len, 33);
    cr_assert_eq(server->stats.rx_invalid, 2);
    cr_assert_eq(server->stats.rx_datagrams, 1);
}

Test(port_udp, empty_datagram_is_a_datagram)
{
    struct datagram datagram;

    raw_send(0);
    cr_assert_eq(rx_some(server, &datagram, 1), 1);
    cr_assert_eq(datagram.len, 0);
    cr_assert_not_null(datagram.data);
}

Test(port_udp, datagram_without_a_way_is_dropped_and_the_others_sent)
{
    const struct peer to = peer_of(server);
    const struct peer nowhere = {.ip = LOOPBACK, .udp_port = 0};
    struct datagram datagrams[PORT_BURST_MAX];
    int seen = 0;

    send_one(client, &to, 1, 8);
    send_one(client, &nowhere, 2, 8);
    send_one(client, &to, 3, 8);
    port_tx_flush(client);
    cr_assert_eq(client->stats.tx_datagrams, 2);
    cr_assert_eq(client->stats.tx_dropped, 1);
    while (seen < 2) {
        const int cnt = rx_some(server, datagrams, PORT_BURST_MAX);

        cr_assert_gt(cnt, 0);
        seen += cnt;
    }
    cr_assert_eq(seen, 2);
}

Test(port_udp, receiver_that_went_away_does_not_stop_the_sender)
{
    const struct port_udp_cfg cfg = {.ip = LOOPBACK};
    struct port *gone;

    cr_assert_eq(port_udp_open(&gone, &cfg), 0);
    const struct peer to = peer_of(gone);

    port_close(gone);
    for (unsigned i = 0; i < 10; i++) {
        send_one(client, &to, 0, 8);
        port_tx_flush(client);
    }
    cr_assert_eq(client->stats.tx_datagrams, 10);
}

Test(port_udp, port_any_gets_a_port_and_a_named_one_is_kept)
{
    struct port *again;
    const uint16_t udp_port = port_udp_local(client);

    cr_assert_neq(udp_port, 0);
    port_close(client);
    const struct port_udp_cfg cfg = {.ip = LOOPBACK, .udp_port = udp_port};

    cr_assert_eq(port_udp_open(&again, &cfg), 0);
    cr_assert_eq(port_udp_local(again), udp_port);
    client = again;
}

Test(port_udp, port_in_use_is_refused)
{
    const struct port_udp_cfg cfg = {.ip = LOOPBACK, .udp_port = port_udp_local(server)};
    struct port *twin = NULL;

    cr_assert_eq(port_udp_open(&twin, &cfg), -EADDRINUSE);
    cr_assert_null(twin);
}

Test(port_udp, foreign_address_is_refused)
{
    /* TEST-NET-1: no machine has it. */
    const struct port_udp_cfg cfg = {.ip = 0xc0000201u};
    struct port *nowhere = NULL;

    cr_assert_eq(port_udp_open(&nowhere, &cfg), -EADDRNOTAVAIL);
    cr_assert_null(nowhere);
}

Test(port_udp, source_port_is_the_sockets_whatever_is_asked)
{
    const struct peer to = peer_of(server);
    struct datagram datagram;

    port_source(client, 9);
    send_one(client, &to, 1, 8);
    port_tx_flush(client);
    cr_assert_eq(rx_some(server, &datagram, 1), 1);
    cr_assert_eq(datagram.peer.udp_port, port_udp_local(client));
}

Test(port_udp, second_claim_without_a_push_is_our_bug, .signal = SIGABRT)
{
    const struct peer to = peer_of(server);

    (void)port_tx_claim(client, &to);
    (void)port_tx_claim(client, &to);
}
