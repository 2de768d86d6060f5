/*
 * Goal: the TCP port carries frames unchanged and in order whatever pieces they
 * come in, tells the end of every connection once and behind its last frame, and
 * keeps its limits.
 * Method: real sockets on the loopback device, ports chosen by the kernel; a port
 * as client where it behaves, plain sockets where it must not. Every test runs with
 * io_uring and with plain system calls; where the kernel has no io_uring that fits,
 * both are the same.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "gateway/port.h"
#include "gateway/sofh.h"
#include "proto/fixp.h"
#include "proto/limits.h"
#include "proto/orders.h"

#define LOOPBACK 0x7f000001u

/* How long the machine may take before a test gives up. */
#define WAIT_MAX_MS 60000u

#define HEARTBEAT_BYTES 8u

static struct port *server;
static struct port *client;
static struct datagram heard[PORT_BURST_MAX];

static struct port_tcp_cfg
server_cfg(bool plain)
{
    return (struct port_tcp_cfg){
        .ip = LOOPBACK,
        .plain = plain,
        .busy_poll_us = PORT_TCP_BUSY_POLL_US,
        .connections_max = 8,
        .unsent_max = 1u << 14,
        .slow_ms = 60000,
    };
}

static void
open_server(const struct port_tcp_cfg *cfg)
{
    char why[256];

    cr_assert_eq(port_tcp_open(&server, cfg, why), 0, "%s", why);
    cr_assert(server->stream);
    cr_assert_neq(port_tcp_local(server), 0);
}

static void
open_client(bool plain, uint32_t connections_max)
{
    const struct port_tcp_cfg cfg = {
        .client = true,
        .ip = LOOPBACK,
        .tcp_port = port_tcp_local(server),
        .plain = plain,
        .connections_max = connections_max,
        .unsent_max = 1u << 14,
        .slow_ms = 60000,
    };
    char why[256];

    cr_assert_eq(port_tcp_open(&client, &cfg, why), 0, "%s", why);
}

static uint64_t
now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

static void
nap(void)
{
    nanosleep(&(const struct timespec){.tv_nsec = 200000}, NULL);
}

/* wait_rx polls a port until something comes, and others meanwhile send. */
static int
wait_rx(struct port *port)
{
    const uint64_t until_ms = now_ms() + WAIT_MAX_MS;
    int cnt;

    while ((cnt = port_rx(port, heard, PORT_BURST_MAX)) == 0) {
        cr_assert_lt(now_ms(), until_ms, "nothing comes");
        port_tx_flush(server);
        if (client != NULL)
            port_tx_flush(client);
        nap();
    }
    return cnt;
}

/* wait_one expects one datagram. */
static struct datagram
wait_one(struct port *port)
{
    cr_assert_eq(wait_rx(port), 1);
    return heard[0];
}

static uint64_t
message_no(const struct datagram *datagram)
{
    const struct fixp_sequence *msg = fixp_sequence_view(datagram->data, datagram->len);

    cr_assert_not_null(msg);
    cr_assert_not(datagram->lost);
    return msg->next_seq_no;
}

/* wait_no expects one message, which bears the number. */
static struct peer
wait_no(struct port *port, uint64_t no)
{
    const struct datagram datagram = wait_one(port);

    cr_assert_eq(message_no(&datagram), no);
    return datagram.peer;
}

/* wait_lost expects the end of a connection, and nothing before it. */
static void
wait_lost(struct port *port, const struct peer *peer)
{
    const struct datagram datagram = wait_one(port);

    cr_assert(datagram.lost);
    cr_assert_eq(datagram.len, 0);
    cr_assert(peer_equal(&datagram.peer, peer));
    cr_assert_null(port_tx_claim(port, peer), "there is nobody to talk to");
}

/* raw_connect opens a plain socket to the server. */
static int
raw_connect(void)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(port_tcp_local(server)),
        .sin_addr.s_addr = htonl(LOOPBACK),
    };
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int one = 1;

    cr_assert_geq(fd, 0);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    cr_assert_eq(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static struct peer
raw_peer(int fd)
{
    struct sockaddr_in address;
    socklen_t bytes = sizeof address;

    cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &bytes), 0);
    return (struct peer){.ip = ntohl(address.sin_addr.s_addr), .udp_port = ntohs(address.sin_port)};
}

static void
raw_write(int fd, const void *bytes, size_t len)
{
    cr_assert_eq(send(fd, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}

/* raw_read reads exactly len bytes while the server is polled; fewer at the end. */
static size_t
raw_read(int fd, uint8_t *bytes, size_t len)
{
    const uint64_t until_ms = now_ms() + WAIT_MAX_MS;
    size_t have = 0;

    while (have < len) {
        const ssize_t got = recv(fd, bytes + have, len - have, MSG_DONTWAIT);

        if (got == 0 || (got < 0 && errno != EAGAIN))
            break;
        if (got > 0) {
            have += (size_t)got;
            continue;
        }
        cr_assert_lt(now_ms(), until_ms, "nothing to read");
        cr_assert_eq(port_rx(server, heard, PORT_BURST_MAX), 0);
        port_tx_flush(server);
        nap();
    }
    return have;
}

/* message_make writes a Sequence, which bears a number: a whole SBE message. */
static size_t
message_make(uint8_t *buf, uint64_t no)
{
    const struct fixp_sequence msg = {.next_seq_no = no};

    return fixp_sequence_encode(buf, DATAGRAM_BYTES_MAX, &msg);
}

static size_t
frame_make(uint8_t *buf, uint64_t no)
{
    const size_t len = message_make(buf + SOFH_BYTES, no);

    sofh_put(buf, len);
    return len + SOFH_BYTES;
}

static void
say(struct port *port, const struct peer *to, uint64_t no)
{
    uint8_t *buf = port_tx_claim(port, to);

    cr_assert_not_null(buf);
    port_tx_push(port, message_make(buf, no));
}

static struct peer
server_peer(void)
{
    return (struct peer){.ip = LOOPBACK, .udp_port = port_tcp_local(server)};
}

static void
close_both(void)
{
    if (client != NULL)
        port_close(client);
    port_close(server);
    client = NULL;
}

#define BOTH_WAYS(name)                       \
 ParameterizedTestParameters(port_tcp, name)  \
 {                                            \
  static bool plain[] = {false, true};        \
  return cr_make_param_array(bool, plain, 2); \
 }                                            \
 ParameterizedTest(bool *plain, port_tcp, name, .fini = close_both)

BOTH_WAYS(plain_is_plain)
{
    const struct port_tcp_cfg cfg = server_cfg(*plain);

    open_server(&cfg);
    cr_assert(!*plain || port_tcp_plain(server));
    if (!*plain && port_tcp_plain(server))
        cr_log_warn("no io_uring with multishot receive here: only plain system calls are tested");
}

BOTH_WAYS(messages_go_both_ways_in_order)
{
    const struct port_tcp_cfg cfg = server_cfg(*plain);
    struct peer back = {0};

    open_server(&cfg);
    open_client(*plain, 1);

    const struct peer there = server_peer();

    for (uint64_t no = 1; no <= 100; no++)
        say(client, &there, no);
    for (uint64_t no = 1; no <= 100;) {
        const int cnt = wait_rx(server);

        for (int i = 0; i < cnt; i++) {
            cr_assert_eq(message_no(&heard[i]), no++);
            cr_assert_eq(heard[i].peer.ip, LOOPBACK);
            cr_assert_eq(heard[i].udp_port, port_tcp_local(server));
            back = heard[i].peer;
        }
    }
    for (uint64_t no = 1; no <= 100; no++)
        say(server, &back, no);
    for (uint64_t no = 1; no <= 100;) {
        const int cnt = wait_rx(client);

        for (int i = 0; i < cnt; i++) {
            cr_assert_eq(message_no(&heard[i]), no++);
            cr_assert(peer_equal(&heard[i].peer, &there));
        }
    }
    cr_assert_eq(server->stats.connections, 1);
}

BOTH_WAYS(every_message_of_a_datagram_is_a_frame_of_its_own)
{
    const struct port_tcp_cfg cfg = server_cfg(*plain);
    uint8_t expected[128];
    uint8_t bytes[128];
    size_t len;

    open_server(&cfg);

    const int fd = raw_connect();
    const struct peer peer = raw_peer(fd);

    len = frame_make(expected, 7);
    raw_write(fd, expected, len);
    wait_no(server, 7);

    uint8_t *buf = port_tx_claim(server, &peer);
    size_t pushed = message_make(buf, 8);

    pushed += message_make(buf + pushed, 9);
    port_tx_push(server, pushed);
    port_tx_flush(server);
    len = frame_make(expected, 8);
    len += frame_make(expected + len, 9);
    cr_assert_eq(raw_read(fd, bytes, len), len);
    cr_assert_eq(memcmp(bytes, expected, len), 0);
    close(fd);
}

BOTH_WAYS(a_frame_may_come_byte_by_byte)
{
    const struct port_tcp_cfg cfg = server_cfg(*plain);
    uint8_t bytes[64];
    const size_t len = frame_make(bytes, 42);

    open_server(&cfg);

    const int fd = raw_connect();

    for (size_t i = 0; i + 1 < len; i++) {
        raw_write(fd, bytes + i, 1);
        cr_assert_eq(port_rx(server, heard, PORT_BURST_MAX), 0);
    }
    raw_write(fd, bytes + len - 1, 1);
    wait_no(server, 42);
    close(fd);
}

BOTH_WAYS(two_frames_and_a_half_may_come_at_once)
{
    const struct port_tcp_cfg cfg = server_cfg(*plain);
    uint8_t bytes[128];
    size_t len = frame_make(bytes, 1);

    open_server(&cfg);
    len += frame_make(bytes + len, 2);
    len += frame_make(bytes + len, 3);

    const int fd = raw_connect();

    raw_write(fd, bytes, len - 9);
    for (uint64_t no = 1; no <= 2;) {
        const int cnt = wait_rx(server);

        for (int i = 0; i < cnt; i++)
            cr_assert_eq(message_no(&heard[i]), no++);
    }
    raw_write(fd, bytes + len - 9, 9);
    wait_no(server, 3);
    close(fd);
}

BOTH_WAYS(no_more_frames_are_taken_than_asked_for)
{
    const struct port_tcp_cfg cfg = server_cfg(*plain);
    uint8_t bytes[256];
    size_t len = 0;

    open_server(&cfg);
    for (uint64_t no = 1; no <= 5; no++)
        len += frame_make(bytes + len, no);

    const int fd = raw_connect();

    raw_write(fd, bytes, len);
    cr_assert_eq(wait_rx(server), 5);
    raw_write(fd, bytes, len);
    for (uint64_t no = 1; no <= 5;) {
        if (port_rx(server, heard, 1) == 1)
            cr_assert_eq(message_no(&heard[0]), no++);
        else
            nap();
    }
    close(fd);
}

BOTH_WAYS(the_end_comes_behind_the_last_frame)
{
    const struct port_tcp_cfg cfg = server_cfg(*plain);
    uint8_t bytes[64];

    open_server(&cfg);

    const int fd = raw_connect();
    const struct peer peer = raw_peer(fd);

    raw_write(fd, bytes, frame_make(bytes, 1));
    close(fd);

    bool lost = false;

    for (unsigned had = 0; !lost;) {
        const int cnt = wait_rx(server);

        for (int i = 0; i < cnt; i++, had++) {
            cr_assert_not(lost);
            lost = heard[i].lost;
            cr_assert_eq(lost, had == 1);
            cr_assert(peer_equal(&heard[i].peer, &peer));
        }
    }
    cr_assert_eq(server->stats.rx_invalid, 0);
}

BOTH_WAYS(an_end_in_the_middle_of_a_frame_is_counted)
{
    const struct port_tcp_cfg cfg = server_cfg(*plain);
    uint8_t bytes[64];

    open_server(&cfg);

    const int fd = raw_connect();
    const struct peer peer = raw_peer(fd);

    raw_write(fd, bytes, frame_make(bytes, 1) - 1);
    close(fd);
    wait_lost(server, &peer);
    cr_assert_eq(server->stats.rx_invalid, 1);
}

BOTH_WAYS(a_reset_is_an_end)
{
    const struct port_tcp_cfg cfg = server_cfg(*plain);
    const struct linger at_once = {.l_onoff = 1};
    uint8_t bytes[64];

    open_server(&cfg);

    const int fd = raw_connect();
    const struct peer peer = raw_peer(fd);

    raw_write(fd, bytes, frame_make(bytes, 1));
    wait_no(server, 1);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
    wait_lost(server, &peer);
}

BOTH_WAYS(a_bad_frame_ends_the_connection)
{
    const struct port_tcp_cfg cfg = server_cfg(*plain);
    uint8_t bytes[64];
    uint8_t rest;
    size_t len = frame_make(bytes, 1);

    open_server(&cfg);

    const int fd = raw_connect();
    const struct peer peer = raw_peer(fd);

    raw_write(fd, bytes, len);
    wait_no(server, 1);
    memset(bytes, 0xff, SOFH_BYTES);
    raw_write(fd, bytes, len);
    wait_lost(server, &peer);
    cr_assert_eq(server->stats.rx_invalid, 1);
    cr_assert_eq(raw_read(fd, &rest, 1), 0);
    close(fd);
}

BOTH_WAYS(soup_packets_go_as_they_are)
{
    struct port_tcp_cfg cfg = server_cfg(*plain);
    static const uint8_t heartbeat[] = {0, 1, 'R'};
    static const uint8_t reply[] = {0, 1, 'H', 0, 2, 'J', 'A'};
    uint8_t bytes[16];

    cfg.framing = FRAMING_SOUP;
    open_server(&cfg);

    const int fd = raw_connect();

    raw_write(fd, heartbeat, sizeof heartbeat);

    const struct datagram datagram = wait_one(server);

    cr_assert_eq(datagram.len, 1);
    cr_assert_eq(datagram.data[0], 'R');

    uint8_t *buf = port_tx_claim(server, &datagram.peer);

    memcpy(buf, reply, sizeof reply);
    port_tx_push(server, sizeof reply);
    port_tx_flush(server);
    cr_assert_eq(raw_read(fd, bytes, sizeof reply), sizeof reply);
    cr_assert_eq(memcmp(bytes, reply, sizeof reply), 0);
    close(fd);
}

BOTH_WAYS(a_drop_sends_what_was_pushed_and_takes_no_more)
{
    const struct port_tcp_cfg cfg = server_cfg(*plain);
    uint8_t bytes[64];
    uint8_t got[64];
    const size_t len = frame_make(bytes, 1);

    open_server(&cfg);

    const int fd = raw_connect();

    raw_write(fd, bytes, len);

    const struct peer peer = wait_no(server, 1);

    say(server, &peer, 1);
    port_drop(server, &peer);
    cr_assert_null(port_tx_claim(server, &peer));
    raw_write(fd, bytes, len);
    port_tx_flush(server);
    cr_assert_eq(raw_read(fd, got, sizeof got), len, "the answer, and then the end");
    cr_assert_eq(memcmp(got, bytes, len), 0);
    close(fd);
    wait_lost(server, &peer);
    port_drop(server, &peer);
}

BOTH_WAYS(who_does_not_close_after_a_drop_is_closed)
{
    const struct port_tcp_cfg cfg = server_cfg(*plain);
    uint8_t bytes[64];

    open_server(&cfg);

    const int fd = raw_connect();

    raw_write(fd, bytes, frame_make(bytes, 1));

    const struct peer peer = wait_no(server, 1);

    port_drop(server, &peer);
    wait_lost(server, &peer);
    close(fd);
}

/* wait_end polls the server, which hears of this peer or not, until its connection has
 * ended; in between raw bytes come from fd, if any, or the server speaks to the peer. */
static void
wait_end(const struct peer *peer, int fd, const uint8_t *bytes, size_t len)
{
    const uint64_t until_ms = now_ms() + WAIT_MAX_MS;
    uint8_t *buf;

    for (;;) {
        const int cnt = port_rx(server, heard, PORT_BURST_MAX);

        for (int i = 0; i < cnt; i++) {
            cr_assert(peer_equal(&heard[i].peer, peer));
            if (heard[i].lost)
                return;
        }
        /* There is always more than all buffers take. */
        for (unsigned i = 0; fd >= 0 && i < 64; i++)
            (void)send(fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (fd < 0 && cnt == 0 && (buf = port_tx_claim(server, peer)) != NULL)
            port_tx_push(server, message_make(buf, 1));
        port_tx_flush(server);
        cr_assert_lt(now_ms(), until_ms, "its end is not told");
    }
}

/* Whoever never pauses does not keep a connection that was ended. */
BOTH_WAYS(who_goes_on_sending_after_a_drop_is_cut_off)
{
    const struct port_tcp_cfg cfg = server_cfg(*plain);
    static uint8_t bytes[1u << 16];
    size_t len = 0;

    while (len + 64 < sizeof bytes)
        len += frame_make(bytes + len, 2);
    open_server(&cfg);

    const int fd = raw_connect();
    const struct peer peer = raw_peer(fd);

    raw_write(fd, bytes, frame_make(bytes, 2));
    wait_no(server, 2);
    port_drop(server, &peer);
    wait_end(&peer, fd, bytes, len);
    close(fd);
}

/* More comes than there are buffers for, and then a reset overtakes what is left. */
BOTH_WAYS(a_reset_behind_what_is_not_received_is_told)
{
    const struct port_tcp_cfg cfg = server_cfg(*plain);
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    static uint8_t bytes[1u << 16];
    size_t len = 0;

    while (len + 64 < sizeof bytes)
        len += frame_make(bytes + len, 2);
    open_server(&cfg);

    const int fd = raw_connect();
    const struct peer peer = raw_peer(fd);

    raw_write(fd, bytes, frame_make(bytes, 2));
    wait_no(server, 2);
    for (unsigned i = 0; i < 10; i++) {
        (void)send(fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        port_tx_flush(server);
    }
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
    port_tx_flush(server);
    wait_end(&peer, -1, NULL, 0);
}

BOTH_WAYS(a_claim_waits_while_too_much_is_unsent)
{
    struct port_tcp_cfg cfg = server_cfg(*plain);
    uint8_t bytes[64];
    uint64_t said = 0;
    uint64_t read_no = 0;
    const size_t len = frame_make(bytes, 1);

    cfg.socket_bytes = 4096;
    open_server(&cfg);

    const int fd = raw_connect();
    struct peer peer = raw_peer(fd);
    const uint64_t until_ms = now_ms() + WAIT_MAX_MS;

    raw_write(fd, bytes, len);
    peer = wait_no(server, 1);
    for (unsigned full = 0; full < 100;) {
        uint8_t *buf = port_tx_claim(server, &peer);

        cr_assert_lt(now_ms(), until_ms, "it takes for ever");
        if (buf != NULL)
            port_tx_push(server, message_make(buf, ++said));
        full = buf == NULL ? full + 1 : 0;
        port_tx_flush(server);
    }
    while (read_no < said) {
        uint8_t expected[64];

        cr_assert_eq(raw_read(fd, bytes, len), len);
        frame_make(expected, ++read_no);
        cr_assert_eq(memcmp(bytes, expected, len), 0, "message %llu", (unsigned long long)read_no);
    }
    say(server, &peer, ++said);
    port_tx_flush(server);
    cr_assert_eq(raw_read(fd, bytes, len), len);
    cr_assert_eq(server->stats.connections_slow, 0);
    close(fd);
}

BOTH_WAYS(who_does_not_read_is_ended)
{
    struct port_tcp_cfg cfg = server_cfg(*plain);
    uint8_t bytes[64];

    cfg.socket_bytes = 4096;
    cfg.slow_ms = 50;
    open_server(&cfg);

    const int fd = raw_connect();
    const struct peer peer = raw_peer(fd);
    const uint64_t until_ms = now_ms() + WAIT_MAX_MS;
    bool lost = false;

    raw_write(fd, bytes, frame_make(bytes, 1));
    wait_no(server, 1);
    for (uint64_t said = 0; !lost;) {
        uint8_t *buf = port_tx_claim(server, &peer);

        cr_assert_lt(now_ms(), until_ms, "it is never ended");
        if (buf != NULL)
            port_tx_push(server, message_make(buf, ++said));
        port_tx_flush(server);
        if (port_rx(server, heard, PORT_BURST_MAX) > 0)
            lost = heard[0].lost;
    }
    cr_assert(peer_equal(&heard[0].peer, &peer));
    cr_assert_eq(server->stats.connections_slow, 1);
    close(fd);
}

BOTH_WAYS(who_says_nothing_is_ended)
{
    struct port_tcp_cfg cfg = server_cfg(*plain);

    cfg.idle_ms = 20;
    open_server(&cfg);

    const int fd = raw_connect();
    const struct peer peer = raw_peer(fd);

    wait_lost(server, &peer);
    cr_assert_eq(server->stats.connections_idle, 1);
    close(fd);
}

BOTH_WAYS(one_connection_too_many_is_closed)
{
    const struct port_tcp_cfg cfg = server_cfg(*plain);
    uint8_t bytes[64];
    uint8_t rest;
    int fds[9];

    open_server(&cfg);
    for (unsigned i = 0; i < 8; i++) {
        fds[i] = raw_connect();
        raw_write(fds[i], bytes, frame_make(bytes, i));
        wait_no(server, i);
    }
    fds[8] = raw_connect();
    cr_assert_eq(raw_read(fds[8], &rest, 1), 0);
    cr_assert_eq(server->stats.connections_refused, 1);

    /* One that ends makes room. */
    const struct peer peer = raw_peer(fds[0]);

    close(fds[0]);
    wait_lost(server, &peer);
    fds[0] = raw_connect();
    raw_write(fds[0], bytes, frame_make(bytes, 99));
    wait_no(server, 99);
    for (unsigned i = 0; i < 9; i++)
        close(fds[i]);
}

BOTH_WAYS(who_has_no_login_makes_room_for_others)
{
    struct port_tcp_cfg cfg = server_cfg(*plain);
    uint8_t bytes[64];
    struct peer peers[12];
    int fds[12];

    cfg.half_open_max = 6;
    open_server(&cfg);
    /* Two have a login; the six that come then are as many as may be without. */
    for (unsigned i = 0; i < 8; i++) {
        fds[i] = raw_connect();
        peers[i] = raw_peer(fds[i]);
        raw_write(fds[i], bytes, frame_make(bytes, i));
        wait_no(server, i);
        if (i < 2)
            port_admit(server, &peers[i]);
    }
    cr_assert_eq(server->stats.connections_half_open, 0);
    /* Each of the next takes the place of the oldest of those, one that is being ended
     * by us too. */
    port_drop(server, &peers[3]);
    for (unsigned i = 8; i < 12; i++) {
        fds[i] = raw_connect();
        peers[i] = raw_peer(fds[i]);
        wait_lost(server, &peers[i - 6]);
        raw_write(fds[i], bytes, frame_make(bytes, i));
        wait_no(server, i);
        cr_assert_eq(server->stats.connections_half_open, i - 7);
    }
    cr_assert_eq(server->stats.connections_refused, 0);
    for (unsigned i = 0; i < 12; i++) {
        if (i >= 2 && i < 6)
            continue;
        raw_write(fds[i], bytes, frame_make(bytes, 100 + i));
        wait_no(server, 100 + i);
    }
    /* Where all have a login one more is too many. */
    for (unsigned i = 6; i < 12; i++)
        port_admit(server, &peers[i]);

    const int more = raw_connect();

    cr_assert_eq(raw_read(more, bytes, 1), 0);
    cr_assert_eq(server->stats.connections_refused, 1);
    close(more);
    for (unsigned i = 0; i < 12; i++)
        close(fds[i]);
}

BOTH_WAYS(who_does_not_log_in_in_time_is_ended)
{
    struct port_tcp_cfg cfg = server_cfg(*plain);
    const uint64_t until_ms = now_ms() + WAIT_MAX_MS;
    uint8_t bytes[64];
    bool lost = false;

    cfg.half_open_max = 8;
    cfg.half_open_ms = 100;
    open_server(&cfg);

    const int known = raw_connect();
    const struct peer known_peer = raw_peer(known);
    uint64_t no = 0;

    while (port_rx(server, heard, PORT_BURST_MAX) == 0 && server->stats.connections == 0)
        nap();
    port_admit(server, &known_peer);

    const int fd = raw_connect();
    const struct peer peer = raw_peer(fd);

    /* It talks all the time. */
    while (!lost) {
        const size_t len = frame_make(bytes, ++no);

        cr_assert_lt(now_ms(), until_ms, "it is never ended");
        (void)send(fd, bytes, len, MSG_NOSIGNAL);
        port_tx_flush(server);
        for (int i = port_rx(server, heard, PORT_BURST_MAX); i > 0; i--) {
            cr_assert(peer_equal(&heard[i - 1].peer, &peer));
            lost |= heard[i - 1].lost;
        }
        nap();
    }
    cr_assert_eq(server->stats.connections_half_open, 1);
    cr_assert_eq(server->stats.connections_idle, 0);
    raw_write(known, bytes, frame_make(bytes, 7));
    wait_no(server, 7);
    close(fd);
    close(known);
}

BOTH_WAYS(a_client_has_a_connection_for_each_source)
{
    const struct port_tcp_cfg cfg = server_cfg(*plain);
    struct peer peers[2];

    open_server(&cfg);
    open_client(*plain, 2);

    const struct peer there = server_peer();

    for (uint16_t source = 0; source < 2; source++) {
        port_source(client, (uint16_t)(500 + source));
        say(client, &there, source);
        peers[source] = wait_no(server, source);
    }
    cr_assert_not(peer_equal(&peers[0], &peers[1]));
    port_source(client, 502);
    cr_assert_null(port_tx_claim(client, &there), "there is a place for two");
    say(server, &peers[1], 7);

    struct datagram datagram = wait_one(client);

    cr_assert_eq(message_no(&datagram), 7);
    cr_assert_eq(datagram.udp_port, 501);
    port_drop(server, &peers[0]);
    datagram = wait_one(client);
    cr_assert(datagram.lost);
    cr_assert_eq(datagram.udp_port, 500);

    /* And begins anew after the end of one. */
    port_source(client, 500);
    say(client, &there, 5);
    for (bool again = false; !again;) {
        const int cnt = wait_rx(server);

        for (int i = 0; i < cnt; i++)
            again = again || (!heard[i].lost && message_no(&heard[i]) == 5);
    }
}

BOTH_WAYS(a_client_hears_when_nobody_listens)
{
    const struct port_tcp_cfg cfg = server_cfg(*plain);
    const struct peer nobody = {.ip = LOOPBACK, .udp_port = 1};
    struct port_tcp_cfg client_cfg = cfg;
    char why[256];

    open_server(&cfg);
    client_cfg.client = true;
    client_cfg.tcp_port = 1;
    cr_assert_eq(port_tcp_open(&client, &client_cfg, why), 0);
    say(client, &nobody, 1);
    cr_assert(wait_one(client).lost);
}

BOTH_WAYS(many_connections_at_once)
{
    enum {
        CNT = 1024
    };
    struct port_tcp_cfg cfg = server_cfg(*plain);
    static unsigned rounds[CNT];
    const struct rlimit limit = {.rlim_cur = 4 * CNT, .rlim_max = 4 * CNT};
    struct peer there;

    (void)setrlimit(RLIMIT_NOFILE, &limit);
    memset(rounds, 0, sizeof rounds);
    cfg.connections_max = CNT;
    open_server(&cfg);
    open_client(*plain, CNT);
    there = server_peer();
    for (uint16_t source = 0; source < CNT; source++) {
        port_source(client, source);
        say(client, &there, source);
    }
    port_tx_flush(client);

    /* The server sends back what it hears, the client its number three times. */
    const uint64_t until_ms = now_ms() + WAIT_MAX_MS;

    for (unsigned done = 0; done < CNT;) {
        int cnt = port_rx(server, heard, PORT_BURST_MAX);

        cr_assert_lt(now_ms(), until_ms, "%u of %u are done", done, (unsigned)CNT);
        for (int i = 0; i < cnt; i++)
            say(server, &heard[i].peer, message_no(&heard[i]));
        port_tx_flush(server);
        cnt = port_rx(client, heard, PORT_BURST_MAX);
        for (int i = 0; i < cnt; i++) {
            cr_assert_eq(message_no(&heard[i]), heard[i].udp_port);
            done += ++rounds[heard[i].udp_port] == 3;
            if (rounds[heard[i].udp_port] == 3)
                continue;
            port_source(client, heard[i].udp_port);
            say(client, &there, heard[i].udp_port);
        }
        port_tx_flush(client);
    }
    cr_assert_eq(server->stats.connections, CNT);
    cr_assert_eq(server->stats.connections_refused, 0);
}

/* turn_of_another_thread takes what is there and ends. */
static void *
turn_of_another_thread(void *arg)
{
    wait_no(server, *(const uint64_t *)arg);
    return NULL;
}

BOTH_WAYS(a_port_may_go_from_thread_to_thread)
{
    const struct port_tcp_cfg cfg = server_cfg(*plain);
    uint8_t bytes[64];
    uint64_t no;

    open_server(&cfg);

    const int fd = raw_connect();

    for (no = 1; no <= 4; no++) {
        pthread_t thread;

        raw_write(fd, bytes, frame_make(bytes, no));
        cr_assert_eq(pthread_create(&thread, NULL, turn_of_another_thread, &no), 0);
        pthread_join(thread, NULL);
    }
    raw_write(fd, bytes, frame_make(bytes, no));
    wait_no(server, no);
    close(fd);
}

BOTH_WAYS(a_port_in_use_is_refused)
{
    const struct port_tcp_cfg cfg = server_cfg(*plain);
    struct port_tcp_cfg again = cfg;
    struct port *other;
    char why[256];

    open_server(&cfg);
    again.tcp_port = port_tcp_local(server);
    cr_assert_eq(port_tcp_open(&other, &again, why), -EADDRINUSE);
    cr_assert_str_not_empty(why);
}

BOTH_WAYS(more_connections_than_descriptors_are_refused)
{
    struct port_tcp_cfg cfg = server_cfg(*plain);
    const struct rlimit limit = {.rlim_cur = 256, .rlim_max = 256};
    struct port *other;
    char why[256];

    open_server(&cfg);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    cfg.connections_max = 1024;
    cr_assert_eq(port_tcp_open(&other, &cfg, why), -EMFILE);
    cr_assert_not_null(strstr(why, "ulimit -n"), "%s", why);
}
