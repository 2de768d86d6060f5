/*
 * The client of bench_wire: sends orders at their times, whatever comes back,
 * and notes when each was answered.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "gateway/client.h"
#include "proto/orders.h"

#include "perf/rig.h"
#include "perf/wire.h"
#include "perf/wire_flow.h"

#define SENDS_PER_TURN 64u
#define KEEPALIVE_MS   1000u
#define ONE_S          1000000000ull
#define WAIT_NS        (10 * ONE_S)
#define SETTLE_NS      (ONE_S / 2)
#define START_AFTER_NS (ONE_S / 100)
#define WARM_RATE      50000u
#define WARM_ORDERS    50000u

struct sessions {
    struct wire_shared *shared;
    struct port *ports[WIRE_SESSIONS]; /* one device, or a socket each */
    struct client *clients[WIRE_SESSIONS];
    uint64_t now_ns;
    uint64_t turn_ns; /* start of the turn before */
    bool worked;      /* in the turn before */
    uint64_t base;    /* ClOrdID of order 0 of the step */
    uint32_t orders_cnt;
    uint32_t answered_cnt;
    uint32_t rejected_cnt;
    uint32_t not_applied_cnt;
};

static int
fail(struct sessions *sessions, const char *what, const char *why)
{
    snprintf(sessions->shared->client_error, sizeof sessions->shared->client_error, "%s: %.200s",
             what, why);
    return 1;
}

static void
answer(struct sessions *sessions, uint64_t clord, bool rejected)
{
    const uint64_t k = clord - sessions->base;

    if (k >= sessions->orders_cnt || sessions->shared->answered_ns[k] != 0)
        return;
    sessions->shared->answered_ns[k] = sessions->now_ns;
    sessions->answered_cnt++;
    sessions->rejected_cnt += rejected;
}

static void
on_report(void *ctx, uint64_t no, const uint8_t *buf, size_t len)
{
    const struct oe_execution_report_new *accepted;
    const struct oe_execution_report_cancel *canceled;
    const struct oe_execution_report_reject *rejected;
    const struct oe_order_cancel_reject *kept;

    (void)no;
    if ((accepted = oe_execution_report_new_view(buf, len)) != NULL)
        answer(ctx, accepted->cl_ord_id, false);
    else if ((canceled = oe_execution_report_cancel_view(buf, len)) != NULL)
        answer(ctx, canceled->cl_ord_id, false);
    else if ((kept = oe_order_cancel_reject_view(buf, len)) != NULL)
        answer(ctx, kept->cl_ord_id, true);
    else if ((rejected = oe_execution_report_reject_view(buf, len)) != NULL)
        answer(ctx, rejected->cl_ord_id, true);
}

static void
on_not_applied(void *ctx, uint64_t from, uint64_t count)
{
    struct sessions *sessions = ctx;

    (void)from;
    sessions->not_applied_cnt += (uint32_t)count;
}

/* poll_port takes what arrived at a port; index is its session on a socket. */
static int
poll_port(struct sessions *sessions, struct port *port, unsigned index)
{
    struct datagram datagrams[PORT_BURST_MAX];
    const int cnt = port_rx(port, datagrams, PORT_BURST_MAX);

    if (cnt > 0)
        sessions->now_ns = wire_clock_ns();
    for (int i = 0; i < cnt; i++) {
        if (sessions->shared->cfg.dpdk)
            index = datagrams[i].udp_port - WIRE_SOURCE_FIRST;
        if (index < WIRE_SESSIONS)
            client_datagram(sessions->clients[index], &datagrams[i], sessions->now_ns);
    }
    return cnt;
}

static void
flush_all(struct sessions *sessions)
{
    for (unsigned i = 0; i < WIRE_SESSIONS; i++) {
        client_flush(sessions->clients[i], sessions->now_ns);
        if (!sessions->shared->cfg.dpdk)
            port_tx_flush(sessions->ports[i]);
    }
    if (sessions->shared->cfg.dpdk)
        port_tx_flush(sessions->ports[0]);
}

/* begin_turn reads the clock and notes a turn that was empty and yet long. */
static void
begin_turn(struct sessions *sessions)
{
    struct wire_shared *shared = sessions->shared;
    const uint64_t now_ns = wire_clock_ns();

    if (now_ns - sessions->turn_ns >= shared->cfg.gap_ns) {
        if (!sessions->worked)
            wire_gap_note(&shared->client_gaps, sessions->turn_ns, now_ns);
        else if (now_ns - sessions->turn_ns >= LONG_NS)
            shared->client_long_cnt++;
    }
    sessions->turn_ns = now_ns;
    sessions->now_ns = now_ns;
}

/* end_turn takes what has come and runs timers; a turn that did nothing may give
 * the core away. */
static void
end_turn(struct sessions *sessions, bool sent)
{
    int done = 0;

    if (sessions->shared->cfg.dpdk)
        done = poll_port(sessions, sessions->ports[0], 0);
    else
        for (unsigned i = 0; i < WIRE_SESSIONS; i++)
            done += poll_port(sessions, sessions->ports[i], i);
    sessions->worked = sent || done > 0;
    for (unsigned i = 0; i < WIRE_SESSIONS; i++)
        client_poll(sessions->clients[i], sessions->now_ns);
    flush_all(sessions);
    /* sched_yield does not do it: the scheduler protects the slice of who runs,
     * and the journal's thread and the kernel's would wait for milliseconds. */
    if (!sessions->worked && sessions->shared->cfg.client_naps)
        nanosleep(&(struct timespec){.tv_nsec = 1}, NULL);
}

/* send_due sends the orders that are due now, at most SENDS_PER_TURN. */
static uint32_t
send_due(struct sessions *sessions, uint32_t next, uint64_t *late_ns)
{
    const uint64_t *due_ns = sessions->shared->due_ns;
    uint8_t buf[WIRE_MESSAGE_MAX];
    unsigned sent = 0;

    for (; next < sessions->orders_cnt && due_ns[next] <= sessions->now_ns; next++) {
        const uint64_t clord = sessions->base + next;
        const size_t len = wire_flow_encode(clord, buf);

        if (sent == SENDS_PER_TURN)
            break;
        struct client *client = sessions->clients[wire_flow_session(clord)];

        if (client_send(client, buf, len) == 0)
            break;
        if (sessions->shared->cfg.single)
            client_flush(client, sessions->now_ns);
        sent++;
        if (sessions->now_ns - due_ns[next] > *late_ns)
            *late_ns = sessions->now_ns - due_ns[next];
    }
    if (sent > 0)
        flush_all(sessions);
    return next;
}

static uint64_t
retransmits(const struct sessions *sessions)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < WIRE_SESSIONS; i++)
        sum += client_retransmits(sessions->clients[i]);
    return sum;
}

/* run_step sends the orders of one step at their times and waits for the last
 * answer, at most SETTLE_NS longer than the last order was due. */
static void
run_step(struct sessions *sessions, const struct wire_step *step, struct wire_result *result)
{
    struct wire_shared *shared = sessions->shared;
    const uint64_t retransmits_before = retransmits(sessions);
    const uint64_t start_ns = wire_clock_ns() + START_AFTER_NS;
    uint32_t next = 0;

    sessions->base += sessions->orders_cnt;
    sessions->orders_cnt = step->orders_cnt;
    sessions->answered_cnt = sessions->rejected_cnt = sessions->not_applied_cnt = 0;
    memset(shared->answered_ns, 0, step->orders_cnt * sizeof shared->answered_ns[0]);
    for (uint32_t k = 0; k < step->orders_cnt; k++)
        shared->due_ns[k] = start_ns + k * ONE_S / step->rate;
    const uint64_t until_ns = shared->due_ns[step->orders_cnt - 1] + SETTLE_NS;

    *result = (struct wire_result){.rate = step->rate, .orders_cnt = step->orders_cnt};
    sessions->worked = true;
    while (sessions->answered_cnt + sessions->not_applied_cnt < step->orders_cnt &&
           sessions->now_ns < until_ns) {
        const uint32_t before = next;

        begin_turn(sessions);
        next = send_due(sessions, next, &result->late_ns);
        end_turn(sessions, next != before);
    }
    result->took_ns = sessions->now_ns - start_ns;
    result->answered_cnt = sessions->answered_cnt;
    result->rejected_cnt = sessions->rejected_cnt;
    result->not_applied_cnt = sessions->not_applied_cnt;
    result->retransmits = retransmits(sessions) - retransmits_before;
}

static int
open_device(struct sessions *sessions)
{
    const char *argv[WIRE_EAL_MAX];
    char vdev[PATH_MAX];
    char why[256] = "";
    const uint64_t until_ns = wire_clock_ns() + WAIT_NS;
    struct port *port = NULL;
    int error;

    wire_eal(&sessions->shared->cfg, false, vdev, argv);
    do {
        error = port_dpdk_open(&port,
                               &(struct port_dpdk_cfg){
                                   .eal_argv = argv,
                                   .ip = WIRE_CLIENT_IP,
                                   .udp_port_first = WIRE_SOURCE_FIRST,
                                   .udp_port_cnt = WIRE_SESSIONS,
                                   .gateway_ip = WIRE_SERVER_IP,
                               },
                               why);
    } while (error == -EAGAIN && wire_clock_ns() < until_ns);
    if (error != 0)
        return fail(sessions, "device", why);
    while (!port_ready(port))
        if (wire_clock_ns() > until_ns)
            return fail(sessions, "device", "the exchange does not answer");
    for (unsigned i = 0; i < WIRE_SESSIONS; i++)
        sessions->ports[i] = port;
    return 0;
}

static int
open_sockets(struct sessions *sessions)
{
    for (unsigned i = 0; i < WIRE_SESSIONS; i++) {
        const int error = port_udp_open(
            &sessions->ports[i], &(struct port_udp_cfg){.ip = WIRE_LOCALHOST, .busy_poll = true});

        if (error != 0)
            return fail(sessions, "socket", strerror(-error));
    }
    return 0;
}

/* open_connections makes a port with one connection for each session, as a broker's
 * processes have; the first claim connects it. */
static int
open_connections(struct sessions *sessions)
{
    const struct port_tcp_cfg cfg = {
        .client = true,
        .ip = WIRE_LOCALHOST,
        .tcp_port = sessions->shared->udp_port,
        .busy_poll_us = PORT_TCP_BUSY_POLL_US,
        .connections_max = 1,
        .unsent_max = WIRE_UNSENT_BYTES,
        .slow_ms = WIRE_SLOW_MS,
    };
    char why[256];

    for (unsigned i = 0; i < WIRE_SESSIONS; i++)
        if (port_tcp_open(&sessions->ports[i], &cfg, why) != 0)
            return fail(sessions, "socket", why);
    return 0;
}

static int
open_ports(struct sessions *sessions)
{
    const struct wire_cfg *cfg = &sessions->shared->cfg;

    if (cfg->dpdk)
        return open_device(sessions);
    return cfg->tcp ? open_connections(sessions) : open_sockets(sessions);
}

static void
make_client(struct sessions *sessions, unsigned i)
{
    const bool dpdk = sessions->shared->cfg.dpdk;
    char name[16];
    struct client_cfg cfg = {
        .port = sessions->ports[i],
        .server = {.ip = dpdk ? WIRE_SERVER_IP : WIRE_LOCALHOST,
                   .udp_port = dpdk ? WIRE_UDP_PORT : sessions->shared->udp_port},
        .udp_source = (uint16_t)(WIRE_SOURCE_FIRST + i),
        .name = name,
        .key = RIG_KEY,
        .keepalive_ms = KEEPALIVE_MS,
        .uuid = {1, 2, 3, 4, 5, 6, 0x47, 8, 0x89, 10, 11, 12, 13, 14, 15, (uint8_t)(i + 1)},
        .on_report = on_report,
        .on_not_applied = on_not_applied,
        .ctx = sessions,
    };

    rig_name(name, i);
    sessions->clients[i] = client_new(&cfg);
    ASSERT(sessions->clients[i] != NULL);
}

/* wait_state polls until each session has the state. */
static int
wait_state(struct sessions *sessions, enum client_state state)
{
    const uint64_t until_ns = wire_clock_ns() + WAIT_NS;
    unsigned there = 0;

    while (there < WIRE_SESSIONS) {
        begin_turn(sessions);
        end_turn(sessions, true);
        there = 0;
        for (unsigned i = 0; i < WIRE_SESSIONS; i++) {
            const struct client *client = sessions->clients[i];

            there += client_state(client) == state;
            if (client_state(client) == CLIENT_CLOSED && state != CLIENT_CLOSED)
                return fail(sessions, "session", client_error(client));
        }
        if (sessions->now_ns > until_ns)
            return fail(sessions, "session", "no answer in time");
    }
    return 0;
}

static int
run_steps(struct sessions *sessions)
{
    struct wire_shared *shared = sessions->shared;
    const struct wire_step warm = {.rate = WARM_RATE, .orders_cnt = WARM_ORDERS};
    struct wire_result warmed;

    run_step(sessions, &warm, &warmed);
    if (warmed.answered_cnt + warmed.not_applied_cnt != warm.orders_cnt)
        return fail(sessions, "warm-up", "orders were neither answered nor refused");
    const uint64_t switches = wire_switches();

    shared->client_gaps.cnt = 0;
    shared->client_long_cnt = 0;
    atomic_store(&shared->client_state, WIRE_MEASURING);
    for (uint32_t i = 0; i < shared->cfg.steps_cnt; i++) {
        struct wire_result *result = &shared->results[i];

        for (unsigned tries = 0; tries < (shared->cfg.ramp ? 2 : 1); tries++) {
            run_step(sessions, &shared->cfg.steps[i], result);
            wire_sort_out(shared, result);
            if (wire_result_is_whole(result))
                break;
        }
        shared->results_cnt = i + 1;
        if (shared->cfg.ramp && !wire_result_is_whole(result))
            break;
    }
    shared->client_switches = wire_switches() - switches;
    return 0;
}

int
wire_client(struct wire_shared *shared)
{
    struct sessions sessions = {.shared = shared, .base = 1, .turn_ns = wire_clock_ns()};

    while (atomic_load(&shared->exchange_ready) == 0)
        sched_yield();
    if (open_ports(&sessions) != 0)
        return 1;
    if (!wire_pin(1))
        return fail(&sessions, "core 1", "may not be used");
    (void)prctl(PR_SET_TIMERSLACK, 1ul); /* ns, of its naps */
    for (unsigned i = 0; i < WIRE_SESSIONS; i++) {
        make_client(&sessions, i);
        client_connect(sessions.clients[i], wire_clock_ns());
    }
    flush_all(&sessions);
    if (wait_state(&sessions, CLIENT_ESTABLISHED) != 0 || run_steps(&sessions) != 0)
        return 1;
    for (unsigned i = 0; i < WIRE_SESSIONS; i++)
        client_terminate(sessions.clients[i], wire_clock_ns());
    flush_all(&sessions);
    return wait_state(&sessions, CLIENT_CLOSED);
}
