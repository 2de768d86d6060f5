/*
 * Goal: the DPDK port carries datagrams between two processes over memif
 * without privileges, huge pages or a NIC; and both ends outlive the other.
 * Method: a plain program, since EAL starts once per process. The parent never
 * starts it; it forks an echo server and clients, as nobody if it is root, and
 * says who failed. Everything is bounded by deadlines.
 *
 *   first client   starts before the server, so is told to try again; then
 *                  20,000 datagrams of all sizes in windows, from four source
 *                  ports, come back with the same bytes on the same ports
 *   second client  the server outlived the first; the server is then killed,
 *                  another takes its place over the socket that was left
 *                  behind, and the client finds it
 *   last           a server that is asked to end removes its socket
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "gateway/port.h"

#define NOBODY      65534u
#define SERVER_IP   0x0a000001u
#define CLIENT_IP   0x0a000002u
#define SERVER_PORT 7000u
#define CLIENT_PORT 9000u
#define SOURCES     4u
#define WINDOW      64u
#define DATAGRAMS   20000u
#define PINGS       2000u
#define DEADLINE_S  60
#define IDLE_POLLS  200u

#define CHECK(cond) check((cond), #cond, __LINE__)

static char folder[] = "/tmp/outcry-port-XXXXXX";
static char socket_path[64];
static char device[160];
static char stdout_path[64];
static volatile sig_atomic_t ended;

static void
check(bool cond, const char *text, int line)
{
    if (cond)
        return;
    fprintf(stderr, "test_port_dpdk.c:%d: pid %d: %s is false\n", line, (int)getpid(), text);
    exit(1);
}

static uint64_t
now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void
nap_ms(long ms)
{
    nanosleep(&(const struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

/* poll_or_yield gives the core away now and then: the other end may need it. */
static int
poll_or_yield(struct port *port, struct datagram *datagrams, unsigned *idle)
{
    const int cnt = port_rx(port, datagrams, PORT_BURST_MAX);

    if (cnt != 0)
        *idle = 0;
    else if (++*idle % IDLE_POLLS == 0)
        sched_yield();
    return cnt;
}

/* open_port opens, trying again as it is told to; returns how often it was. */
static unsigned
open_port(struct port **port, bool server)
{
    const char *const eal_argv[] = {"--no-huge", "--no-shconf",    "-m",   "128",
                                    "--no-pci",  "--no-telemetry", device, NULL};
    const struct port_dpdk_cfg cfg = {
        .eal_argv = eal_argv,
        .ip = server ? SERVER_IP : CLIENT_IP,
        .udp_port = server ? SERVER_PORT : 0,
        .udp_port_first = CLIENT_PORT,
        .udp_port_cnt = SOURCES,
        .gateway_ip = server ? 0 : SERVER_IP,
    };
    const uint64_t end_ns = now_ns() + 20000000000u;
    cpu_set_t before;
    cpu_set_t after;
    unsigned tries = 0;
    char why[256];
    int error;

    snprintf(device, sizeof device,
             "--vdev=net_memif0,role=%s,id=0,rsize=12,bsize=2048,socket=%s,socket-abstract=no",
             server ? "server" : "client", socket_path);
    CHECK(sched_getaffinity(0, sizeof before, &before) == 0);
    while ((error = port_dpdk_open(port, &cfg, why)) == -EAGAIN && now_ns() < end_ns) {
        tries++;
        nap_ms(20);
    }
    if (error != 0)
        fprintf(stderr, "port_dpdk_open: %d: %s\n", error, why);
    CHECK(error == 0);
    CHECK(sched_getaffinity(0, sizeof after, &after) == 0);
    CHECK(CPU_EQUAL(&before, &after));
    return tries;
}

static void
await_ready(struct port *port, bool ready)
{
    const uint64_t end_ns = now_ns() + 20000000000u;

    while (port_ready(port) != ready) {
        CHECK(now_ns() < end_ns);
        sched_yield();
    }
}

static void
on_signal(int number)
{
    (void)number;
    ended = 1;
}

/* run_server echoes to whoever sent until it is asked to end. */
static void
run_server(void)
{
    struct datagram datagrams[PORT_BURST_MAX];
    struct port *port;
    unsigned idle = 0;

    signal(SIGTERM, on_signal);
    open_port(&port, true);
    while (!ended) {
        const int cnt = poll_or_yield(port, datagrams, &idle);

        for (int i = 0; i < cnt; i++) {
            uint8_t *data = port_tx_claim(port, &datagrams[i].peer);

            CHECK(data != NULL);
            CHECK(datagrams[i].udp_port == SERVER_PORT);
            memcpy(data, datagrams[i].data, datagrams[i].len);
            port_tx_push(port, datagrams[i].len);
        }
        if (cnt > 0)
            port_tx_flush(port);
    }
    CHECK(port->stats.rx_invalid == 0);
    CHECK(port->stats.rx_foreign == 0);
    CHECK(port->stats.tx_dropped == 0);
    CHECK(port->stats.arp_replies >= 1);
    port_close(port);
    CHECK(access(socket_path, F_OK) != 0);
}

static size_t
len_of(uint32_t number)
{
    return sizeof number + number * 7919u % (DATAGRAM_BYTES_MAX - sizeof number + 1);
}

static uint8_t
byte_of(uint32_t number, size_t at)
{
    return (uint8_t)(number * 31u + at * 7u);
}

static void
send_numbered(struct port *port, uint32_t number)
{
    const struct peer to = {.ip = SERVER_IP, .udp_port = SERVER_PORT};
    uint8_t *data;

    port_source(port, (uint16_t)(CLIENT_PORT + number % SOURCES));
    data = port_tx_claim(port, &to);
    CHECK(data != NULL);
    memcpy(data, &number, sizeof number);
    for (size_t at = sizeof number; at < len_of(number); at++)
        data[at] = byte_of(number, at);
    port_tx_push(port, len_of(number));
}

static void
check_numbered(const struct datagram *datagram, uint32_t expected)
{
    uint32_t number;

    CHECK(datagram->len >= sizeof number);
    memcpy(&number, datagram->data, sizeof number);
    CHECK(number == expected);
    CHECK(datagram->len == len_of(number));
    CHECK(datagram->udp_port == CLIENT_PORT + number % SOURCES);
    CHECK(datagram->peer.ip == SERVER_IP && datagram->peer.udp_port == SERVER_PORT);
    for (size_t at = sizeof number; at < datagram->len; at++)
        CHECK(datagram->data[at] == byte_of(number, at));
}

/* exchange sends cnt datagrams with up to window under way; memif keeps order. */
static void
exchange(struct port *port, uint32_t cnt, uint32_t window)
{
    const uint64_t end_ns = now_ns() + 30000000000u;
    struct datagram datagrams[PORT_BURST_MAX];
    unsigned idle = 0;
    uint32_t sent = 0;
    uint32_t seen = 0;

    while (seen < cnt) {
        while (sent < cnt && sent - seen < window)
            send_numbered(port, sent++);
        port_tx_flush(port);
        const int got = poll_or_yield(port, datagrams, &idle);

        for (int i = 0; i < got; i++)
            check_numbered(&datagrams[i], seen++);
        CHECK(got != 0 || now_ns() < end_ns);
    }
}

static int
compare_u64(const void *left, const void *right)
{
    const uint64_t a = *(const uint64_t *)left;
    const uint64_t b = *(const uint64_t *)right;

    return (a > b) - (a < b);
}

static void
print_round_trip(struct port *port)
{
    static uint64_t took_ns[PINGS];

    for (unsigned i = 0; i < PINGS; i++) {
        const uint64_t start_ns = now_ns();

        exchange(port, 1, 1);
        took_ns[i] = now_ns() - start_ns;
    }
    qsort(took_ns, PINGS, sizeof took_ns[0], compare_u64);
    fprintf(stderr, "memif round trip: median %llu ns of %u\n",
            (unsigned long long)took_ns[PINGS / 2], PINGS);
}

static void
check_client_stats(const struct port *port)
{
    CHECK(port->stats.rx_invalid == 0);
    CHECK(port->stats.rx_foreign == 0);
    CHECK(port->stats.rx_datagrams == port->stats.tx_datagrams);
    CHECK(port->stats.rx_bytes == port->stats.tx_bytes);
}

static void
run_first_client(void)
{
    const struct peer stranger = {.ip = SERVER_IP + 100, .udp_port = 1};
    struct port *port;

    CHECK(open_port(&port, false) > 0);
    await_ready(port, true);
    exchange(port, DATAGRAMS, WINDOW);
    print_round_trip(port);
    CHECK(port->stats.tx_dropped == 0);
    check_client_stats(port);
    CHECK(port_tx_claim(port, &stranger) == NULL);
    CHECK(port->stats.tx_dropped == 1);
    port_close(port);
}

/* run_second_client touches a file when the server may be killed. */
static void
run_second_client(const char *mark)
{
    struct port *port;

    open_port(&port, false);
    await_ready(port, true);
    exchange(port, DATAGRAMS / 10, WINDOW);
    check_client_stats(port);
    CHECK(creat(mark, 0600) >= 0);
    await_ready(port, false);
    await_ready(port, true);
    exchange(port, DATAGRAMS / 10, WINDOW);
    port_close(port);
}

/* start forks a child that may do nothing but what it is for. Its standard
 * output is a file, which has to stay empty. */
static pid_t
start(bool server, const char *mark)
{
    const pid_t pid = fork();

    CHECK(pid >= 0);
    if (pid != 0)
        return pid;
    alarm(DEADLINE_S);
    CHECK(freopen(stdout_path, "a", stdout) != NULL);
    if (geteuid() == 0) {
        CHECK(setgroups(0, NULL) == 0);
        CHECK(setgid(NOBODY) == 0);
        CHECK(setuid(NOBODY) == 0);
    }
    if (server)
        run_server();
    else if (mark != NULL)
        run_second_client(mark);
    else
        run_first_client();
    exit(0);
}

static void
finish(pid_t pid, const char *who)
{
    int status = 0;

    CHECK(waitpid(pid, &status, 0) == pid);
    if (status != 0)
        fprintf(stderr, "%s: wait status %#x\n", who, (unsigned)status);
    CHECK(status == 0);
}

static void
make_folder(void)
{
    int fd;

    CHECK(mkdtemp(folder) != NULL);
    snprintf(socket_path, sizeof socket_path, "%s/memif.sock", folder);
    snprintf(stdout_path, sizeof stdout_path, "%s/stdout", folder);
    fd = creat(stdout_path, 0666);
    CHECK(fd >= 0);
    close(fd);
    if (geteuid() == 0) {
        CHECK(chown(folder, NOBODY, NOBODY) == 0);
        CHECK(chown(stdout_path, NOBODY, NOBODY) == 0);
    }
}

int
main(void)
{
    struct stat status;
    char mark[64];
    pid_t server;
    pid_t client;

    make_folder();
    snprintf(mark, sizeof mark, "%s/mark", folder);

    client = start(false, NULL);
    nap_ms(500);
    server = start(true, NULL);
    finish(client, "first client");

    client = start(false, mark);
    while (access(mark, F_OK) != 0) {
        CHECK(waitpid(client, NULL, WNOHANG) == 0);
        nap_ms(10);
    }
    CHECK(kill(server, SIGKILL) == 0);
    CHECK(waitpid(server, NULL, 0) == server);
    CHECK(access(socket_path, F_OK) == 0);
    server = start(true, NULL);
    finish(client, "second client");

    CHECK(kill(server, SIGTERM) == 0);
    finish(server, "server");
    CHECK(stat(stdout_path, &status) == 0);
    CHECK(status.st_size == 0);
    CHECK(unlink(mark) == 0);
    CHECK(unlink(stdout_path) == 0);
    CHECK(rmdir(folder) == 0);
    return 0;
}
