/*
 * What a port costs: two processes, one core each, 128-byte payloads.
 *
 *   round trip   one datagram under way; median and 99th percentile
 *   one way      the highest offered rate of the ladder below at which all of
 *                RUN_NS arrives: neither end drops, nothing is lost between
 *   stall        the longest burst that arrives while the reader sleeps
 *
 * memif with rings of several sizes and kernel UDP over loopback run one after
 * the other, so that they share the machine's mood. The reader says what it saw
 * in shared memory, which it writes once per burst.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "gateway/port.h"
#include "proto/base.h"

#define PAYLOAD_BYTES 128u
#define PINGS         50000u
#define PINGS_WARM    40000u
#define RUN_NS        100000000u
#define SETTLE_NS     50000000u
#define PING_LOST_NS  2000000000u
#define STALL_NS      20000000u
#define DEADLINE_S    60u
#define ECHO          1u
#define COUNT         0u

#define SERVER_IP   0x0a000001u
#define CLIENT_IP   0x0a000002u
#define LOOPBACK    0x7f000001u
#define SERVER_PORT 7000u
#define CLIENT_PORT 9000u

static const uint32_t rates[] = {100000,  200000,  300000,  400000,  600000,  800000,
                                 1000000, 1500000, 2000000, 3000000, 4000000, 6000000};
static const uint32_t bursts[] = {256, 512, 1024, 2048, 4096, 8192, 16384, 32768};

/* Between the two processes. Written by: seen and udp_port, the reader; the
 * rest, the sender. */
struct shared {
    atomic_uint_fast64_t seen; /* datagrams that were only to be counted */
    atomic_uint udp_port;      /* where to send; 0: not open yet */
    CACHE_ALIGNED atomic_bool stall;
    atomic_bool end;
};

struct device {
    const char *name;
    unsigned log2_ring; /* memif; 0: kernel UDP */
};

static struct shared *shared;
static char folder[] = "/tmp/outcry-bench-XXXXXX";

static uint64_t
now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void
nap_ns(long ns)
{
    nanosleep(&(const struct timespec){.tv_nsec = ns}, NULL);
}

static void
fail(const char *what)
{
    fprintf(stderr, "bench_port: %s\n", what);
    exit(1);
}

/* pin_to takes the nth core that the process may use, if there are as many. */
static void
pin_to(int nth)
{
    cpu_set_t all;
    cpu_set_t one;

    if (sched_getaffinity(0, sizeof all, &all) != 0 || CPU_COUNT(&all) <= nth)
        return;
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &all) || nth-- != 0)
            continue;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        (void)sched_setaffinity(0, sizeof one, &one);
    }
}

static struct port *
open_memif(bool server, unsigned log2_ring)
{
    char vdev[160];
    char why[256];
    const char *const eal_argv[] = {"--no-huge", "--no-shconf",    "-m", "256",
                                    "--no-pci",  "--no-telemetry", vdev, NULL};
    const struct port_dpdk_cfg cfg = {
        .eal_argv = eal_argv,
        .ip = server ? SERVER_IP : CLIENT_IP,
        .udp_port = server ? SERVER_PORT : CLIENT_PORT,
        .gateway_ip = server ? 0 : SERVER_IP,
    };
    struct port *port;
    int error;

    snprintf(vdev, sizeof vdev,
             "--vdev=net_memif0,role=%s,id=0,rsize=%u,bsize=2048,socket=%s/%u,socket-abstract=no",
             server ? "server" : "client", log2_ring, folder, log2_ring);
    while ((error = port_dpdk_open(&port, &cfg, why)) == -EAGAIN)
        nap_ns(1000000);
    if (error != 0)
        fail(why);
    return port;
}

static struct port *
open_port(bool server, const struct device *device)
{
    const struct port_udp_cfg cfg = {.ip = LOOPBACK, .busy_poll = true};
    struct port *port;

    if (device->log2_ring != 0) {
        port = open_memif(server, device->log2_ring);
        if (server)
            atomic_store(&shared->udp_port, SERVER_PORT);
        return port;
    }
    if (port_udp_open(&port, &cfg) != 0)
        fail("no UDP port");
    if (server)
        atomic_store(&shared->udp_port, port_udp_local(port));
    return port;
}

static void
send_one(struct port *port, const struct peer *to, uint8_t kind)
{
    uint8_t *data = port_tx_claim(port, to);

    if (data == NULL)
        return;
    memset(data, kind, PAYLOAD_BYTES);
    port_tx_push(port, PAYLOAD_BYTES);
}

/* run_reader echoes what is to be echoed and counts the rest. */
static void
run_reader(const struct device *device)
{
    struct datagram datagrams[PORT_BURST_MAX];
    struct port *port;
    uint64_t seen = 0;

    pin_to(1);
    port = open_port(true, device);
    while (!atomic_load_explicit(&shared->end, memory_order_relaxed)) {
        const int cnt = port_rx(port, datagrams, PORT_BURST_MAX);
        int echoes = 0;

        for (int i = 0; i < cnt; i++) {
            if (datagrams[i].data[0] != ECHO)
                continue;
            send_one(port, &datagrams[i].peer, ECHO);
            echoes++;
        }
        if (echoes > 0)
            port_tx_flush(port);
        if (cnt > echoes) {
            seen += (uint64_t)(cnt - echoes);
            atomic_store_explicit(&shared->seen, seen, memory_order_release);
        }
        while (atomic_load_explicit(&shared->stall, memory_order_relaxed))
            nap_ns(100000);
    }
    port_close(port);
}

static int
compare_u64(const void *left, const void *right)
{
    const uint64_t a = *(const uint64_t *)left;
    const uint64_t b = *(const uint64_t *)right;

    return (a > b) - (a < b);
}

/* ping returns how long one datagram took there and back. */
static uint64_t
ping(struct port *port, const struct peer *to)
{
    struct datagram datagrams[PORT_BURST_MAX];
    const uint64_t start_ns = now_ns();
    uint64_t end_ns;

    send_one(port, to, ECHO);
    port_tx_flush(port);
    do {
        end_ns = now_ns();
        if (end_ns - start_ns > PING_LOST_NS)
            fail("a round trip was lost");
    } while (port_rx(port, datagrams, PORT_BURST_MAX) == 0);
    return now_ns() - start_ns;
}

static void
bench_round_trip(struct port *port, const struct peer *to)
{
    static uint64_t took_ns[PINGS];

    for (unsigned i = 0; i < PINGS_WARM; i++)
        (void)ping(port, to);
    for (unsigned i = 0; i < PINGS; i++)
        took_ns[i] = ping(port, to);
    qsort(took_ns, PINGS, sizeof took_ns[0], compare_u64);
    printf("  %8.2f %8.2f", (double)took_ns[PINGS / 2] / 1000,
           (double)took_ns[PINGS / 100 * 99] / 1000);
}

/* all_arrived gives what is under way time to arrive. */
static bool
all_arrived(struct port *port, uint64_t sent, uint64_t seen_before, uint64_t dropped_before)
{
    const uint64_t end_ns = now_ns() + SETTLE_NS;

    while (atomic_load(&shared->seen) - seen_before < sent && now_ns() < end_ns)
        nap_ns(1000000);
    return port->stats.tx_dropped == dropped_before &&
           atomic_load(&shared->seen) - seen_before == sent;
}

/* one_way sends at the rate for RUN_NS, in bursts, and says whether all came. */
static bool
one_way(struct port *port, const struct peer *to, uint64_t rate)
{
    const uint64_t dropped = port->stats.tx_dropped;
    const uint64_t seen = atomic_load(&shared->seen);
    const uint64_t total = rate * RUN_NS / 1000000000u;
    const uint64_t start_ns = now_ns();
    uint64_t sent = 0;

    while (sent < total) {
        const uint64_t due = (now_ns() - start_ns) * rate / 1000000000u;

        for (unsigned i = 0; i < PORT_BURST_MAX && sent < due && sent < total; i++, sent++)
            send_one(port, to, COUNT);
        port_tx_flush(port);
        /* Not reached at this rate: then it is not a rate of this device. */
        if (now_ns() - start_ns > RUN_NS + RUN_NS / 10)
            break;
    }
    return all_arrived(port, sent, seen, dropped) && sent == total;
}

/* A rate counts as reached if two of three runs are free of loss: one may be
 * hit by whatever else the machine does. */
static void
bench_one_way(struct port *port, const struct peer *to)
{
    uint32_t best = 0;

    for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
        int good = 0;

        for (int run = 0; run < 3; run++)
            good += one_way(port, to, rates[i]);
        if (good >= 2)
            best = rates[i];
    }
    printf("  %12u", best);
}

static void
bench_stall(struct port *port, const struct peer *to)
{
    uint32_t best = 0;

    for (size_t i = 0; i < ARRAY_LEN(bursts); i++) {
        const uint64_t dropped = port->stats.tx_dropped;
        const uint64_t seen = atomic_load(&shared->seen);

        atomic_store(&shared->stall, true);
        nap_ns(STALL_NS);
        for (uint32_t sent = 0; sent < bursts[i]; sent++)
            send_one(port, to, COUNT);
        port_tx_flush(port);
        atomic_store(&shared->stall, false);
        if (!all_arrived(port, bursts[i], seen, dropped))
            break;
        best = bursts[i];
    }
    printf("  %8u\n", best);
}

static void
run_sender(const struct device *device)
{
    struct peer to = {.ip = device->log2_ring != 0 ? SERVER_IP : LOOPBACK};
    struct port *port;

    pin_to(0);
    while ((to.udp_port = (uint16_t)atomic_load(&shared->udp_port)) == 0)
        nap_ns(1000000);
    port = open_port(false, device);
    while (!port_ready(port))
        nap_ns(1000);
    printf("%-16s", device->name);
    bench_round_trip(port, &to);
    bench_one_way(port, &to);
    bench_stall(port, &to);
    port_close(port);
}

/* start forks one end; alarm ends it if all else does not. */
static pid_t
start(void (*run)(const struct device *device), const struct device *device)
{
    const pid_t pid = fork();

    if (pid < 0)
        fail("no process");
    if (pid != 0)
        return pid;
    alarm(DEADLINE_S);
    run(device);
    exit(0);
}

int
main(void)
{
    static const struct device devices[] = {
        {"memif rsize=10", 10},
        {"memif rsize=12", 12},
        {"memif rsize=14", 14},
        {"kernel UDP", 0},
    };
    int failed = 0;

    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED || mkdtemp(folder) == NULL)
        fail("no shared memory or folder");
    printf("%u-byte payloads    round trip, us   one way, /s     stall\n", PAYLOAD_BYTES);
    printf("                       p50      p99   without loss   datagrams\n");
    fflush(stdout);
    for (size_t i = 0; i < ARRAY_LEN(devices); i++) {
        int status;

        memset(shared, 0, sizeof *shared);
        const pid_t reader = start(run_reader, &devices[i]);
        const pid_t sender = start(run_sender, &devices[i]);

        waitpid(sender, &status, 0);
        failed += status != 0;
        atomic_store(&shared->end, true);
        waitpid(reader, &status, 0);
        failed += status != 0;
    }
    (void)rmdir(folder);
    return failed != 0;
}
