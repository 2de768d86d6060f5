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
 *                  behind, and the client finds it; three datagrams to
 *                  another port are foreign
 *   refused        no address, a socket that has its server, no device
 *   killed         clients that die in the middle of an exchange leave the
 *                  server alone
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
#include "proto/limits.h"

#define NOBODY      65534u
#define SERVER_IP   0x0a000001u
#define CLIENT_IP   0x0a000002u
#define SERVER_PORT 7000u
#define CLIENT_PORT 9000u
#define SOURCES     4u
#define WINDOW      64u
#define DATAGRAMS   20000u
#define PINGS       2000u
#define STRAYS      3u
#define KILLED      5
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

static const char *const eal_argv[] = {"--no-huge", "--no-shconf",    "-m",   "128",
                                       "--no-pci",  "--no-telemetry", device, NULL};

static struct port_dpdk_cfg
cfg_of(bool server)
{
    snprintf(device, sizeof device,
             "--vdev=net_memif0,role=%s,id=0,rsize=12,bsize=2048,socket=%s,socket-abstract=no",
             server ? "server" : "client", socket_path);
    return (struct port_dpdk_cfg){
        .eal_argv = eal_argv,
        .ip = server ? SERVER_IP : CLIENT_IP,
        .udp_port = server ? SERVER_PORT : 0,
        .udp_port_first = CLIENT_PORT,
        .udp_port_cnt = SOURCES,
        .gateway_ip = server ? 0 : SERVER_IP,
    };
}

/* open_port opens, trying again as it is told to; returns how often it was. */
static unsigned
open_port(struct port **port, bool server)
{
    const struct port_dpdk_cfg cfg = cfg_of(server);
    const uint64_t end_ns = now_ns() + 20000000000u;
    cpu_set_t before;
    cpu_set_t after;
    unsigned tries = 0;
    char why[256];
    int error;

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
run_server(const char *mark)
{
    struct datagram datagrams[PORT_BURST_MAX];
    struct port *port;
    unsigned idle = 0;

    (void)mark;
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
    CHECK(port->stats.rx_foreign == STRAYS);
    CHECK(port->stats.arp_replies >= 1 + KILLED);
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

/* give_up says what each counter saw of a datagram that did not come back. */
static void
give_up(const struct port *port, uint32_t sent, uint32_t seen)
{
    fprintf(
        stderr, "sent %u, seen %u; tx %llu, dropped %llu; rx %llu, foreign %llu, invalid %llu\n",
        sent, seen, (unsigned long long)port->stats.tx_datagrams,
        (unsigned long long)port->stats.tx_dropped, (unsigned long long)port->stats.rx_datagrams,
        (unsigned long long)port->stats.rx_foreign, (unsigned long long)port->stats.rx_invalid);
    CHECK(seen == sent);
}

/* exchange sends cnt datagrams with up to window under way; memif keeps order. */
static void
exchange(struct port *port, uint32_t cnt, uint32_t window)
{
    const uint64_t end_ns = now_ns() + 10000000000u;
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
        if (got == 0 && now_ns() > end_ns)
            give_up(port, sent, seen);
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
run_first_client(const char *mark)
{
    const struct peer stranger = {.ip = SERVER_IP + 100, .udp_port = 1};
    struct port *port;

    (void)mark;
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

static void
send_strays(struct port *port)
{
    const struct peer to = {.ip = SERVER_IP, .udp_port = SERVER_PORT + 1};

    for (unsigned i = 0; i < STRAYS; i++) {
        CHECK(port_tx_claim(port, &to) != NULL);
        port_tx_push(port, 8);
    }
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
    send_strays(port);
    exchange(port, DATAGRAMS / 10, WINDOW);
    port_close(port);
}

/* run_killed_client waits for nothing but its end. */
static void
run_killed_client(const char *mark)
{
    struct port *port;

    open_port(&port, false);
    await_ready(port, true);
    CHECK(creat(mark, 0600) >= 0);
    for (;;)
        exchange(port, WINDOW, WINDOW);
}

/* run_refused leads to nothing: EAL starts at the last of its attempts only. */
static void
run_refused(const char *mark)
{
    struct port_dpdk_cfg cfg = cfg_of(true);
    struct port *port = NULL;
    char why[256];

    (void)mark;
    cfg.ip = 0;
    CHECK(port_dpdk_open(&port, &cfg, why) == -EINVAL);
    cfg = cfg_of(true);
    CHECK(port_dpdk_open(&port, &cfg, why) == -EADDRINUSE);
    CHECK(strstr(why, socket_path) != NULL);
    cfg = cfg_of(false);
    cfg.udp_port_cnt = 0;
    CHECK(port_dpdk_open(&port, &cfg, why) == -EINVAL);
    cfg = cfg_of(false);
    cfg.ethdev = 1;
    CHECK(port_dpdk_open(&port, &cfg, why) == -ENODEV);
    CHECK(why[0] != '\0');
    CHECK(port == NULL);
}

/* start forks a child that may do nothing but what it is for. Its standard
 * output is a file, which has to stay empty. */
static pid_t
start(void (*run)(const char *mark), const char *mark)
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
    run(mark);
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

/* await_mark waits until a client touched the file, and removes it. */
static void
await_mark(pid_t client, const char *mark)
{
    while (access(mark, F_OK) != 0) {
        CHECK(waitpid(client, NULL, WNOHANG) == 0);
        nap_ms(10);
    }
    CHECK(unlink(mark) == 0);
}

/* end_by_force kills a child in whatever it is doing; it must still be there. */
static void
end_by_force(pid_t pid)
{
    int status;

    CHECK(waitpid(pid, NULL, WNOHANG) == 0);
    CHECK(kill(pid, SIGKILL) == 0);
    CHECK(waitpid(pid, &status, 0) == pid);
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

    client = start(run_first_client, mark);
    nap_ms(500);
    server = start(run_server, mark);
    finish(client, "first client");

    client = start(run_second_client, mark);
    await_mark(client, mark);
    end_by_force(server);
    CHECK(access(socket_path, F_OK) == 0);
    server = start(run_server, mark);
    finish(client, "second client");

    finish(start(run_refused, mark), "refused");
    for (int i = 0; i < KILLED; i++) {
        client = start(run_killed_client, mark);
        await_mark(client, mark);
        nap_ms(20);
        end_by_force(client);
    }

    CHECK(kill(server, SIGTERM) == 0);
    finish(server, "server");
    CHECK(stat(stdout_path, &status) == 0);
    CHECK(status.st_size == 0);
    CHECK(unlink(stdout_path) == 0);
    CHECK(rmdir(folder) == 0);
    return 0;
}
