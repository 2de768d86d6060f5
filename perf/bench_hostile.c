/*
 * A flood of junk: what a million datagrams a second from strangers and forgers
 * take from an established session.
 *
 *   bench_hostile [--json] [--quick]
 *
 * One thread runs gateway and engine, as the embedded layout does, and a port in
 * memory that copies each datagram into place as a device would. The clock decides
 * how much junk is due, so the flood does not wait for the exchange. By turns,
 * without junk and with it, and medians of the pairs:
 *
 *   throughput  the session has orders waiting at all times: how many are answered
 *               a second; `slowdown` is the share that the flood takes away
 *   latency     an order is due every 20 us: from then to its report
 *
 * Each order is one datagram, Context and an IOC order that finds nobody: accepted
 * and canceled. A quarter each of the junk: orders from sources that no session
 * has; logins that look right and are signed wrong; datagrams from the session's
 * own address, but with another UUID; noise. require_context is on. What a device
 * takes for a datagram that is thrown away comes on top: bench_port tells it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proto/fixp.h"
#include "proto/orders.h"

#include "perf/core_report.h"
#include "perf/rig.h"

#define JUNK_RATE      1000000u
#define JUNK_KINDS     4u
#define JUNK_CNT       256u /* different ones, sent round and round */
#define JUNK_TURN_MAX  24u  /* of the datagrams of a burst; the session has the rest */
#define ORDER_TURN_MAX 8u   /* no more than the engine takes in a turn */
#define ORDER_NS       20000u
#define SAMPLES_MAX    (1u << 18)
#define PAIRS          1001u
#define PAIRS_QUICK    101u
#define RUN_NS         2000000ull /* so short that most are not interrupted */
#define TRIES_MAX      100u
#define WHOLE_SHARE    0.99
#define LEAD_NS        1000000ull
#define WARM_NS        200000000ull

struct junk {
    struct peer from;
    uint32_t len;
    bool is_login;
    uint8_t bytes[160];
};

struct bench {
    struct rig rig;

    struct peer peer;
    uint64_t next_no;
    uint8_t order[160]; /* the datagram of the next order */
    size_t order_len;

    struct junk junk[JUNK_CNT];
    uint64_t junk_period_ns; /* 0: none */
    uint64_t junk_due_ns;
    uint64_t junk_cnt;

    bool paced; /* orders have their times */
    uint64_t order_due_ns;
    uint64_t due_ns; /* of the order that is under way */
    uint32_t samples_cnt;
    uint32_t samples_ns[SAMPLES_MAX];

    uint8_t rx[PORT_BURST_MAX][DATAGRAM_BYTES_MAX];
};

struct run {
    double orders_per_s;
    double p50_ns, p90_ns;
    double junk_per_s;
    bool whole; /* the thread kept its core */
};

static uint64_t
clock_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

/* cpu_ns is the time for which this thread had a core. */
static uint64_t
cpu_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

/* put copies a datagram into the burst. */
static void
put(struct bench *bench, struct datagram *datagram, int at, const uint8_t *bytes, size_t len)
{
    memcpy(bench->rx[at], bytes, len);
    *datagram =
        (struct datagram){.data = bench->rx[at], .len = (uint32_t)len, .udp_port = RIG_UDP_PORT};
}

static int
put_junk(struct bench *bench, struct datagram *datagrams, int max)
{
    int cnt = 0;

    while (cnt < max && cnt < (int)JUNK_TURN_MAX && bench->junk_due_ns <= bench->rig.now_ns) {
        struct junk *junk = &bench->junk[bench->junk_cnt++ % JUNK_CNT];

        if (junk->is_login)
            memcpy(junk->bytes + 8 + 16, &bench->rig.now_ns, sizeof bench->rig.now_ns);
        put(bench, &datagrams[cnt], cnt, junk->bytes, junk->len);
        datagrams[cnt++].peer = junk->from;
        bench->junk_due_ns += bench->junk_period_ns;
    }
    return cnt;
}

static int
rx(struct rig *rig, struct datagram *datagrams, int max)
{
    struct bench *bench = rig->cfg.ctx;
    int cnt = 0;

    if (bench->junk_period_ns != 0)
        cnt = put_junk(bench, datagrams, max);
    for (unsigned i = 0; i < ORDER_TURN_MAX && cnt < max && bench->order_len > 0; i++) {
        if (bench->paced && bench->order_due_ns > bench->rig.now_ns)
            break;
        memcpy(bench->order + 8 + 16, &bench->next_no, sizeof bench->next_no);
        memcpy(bench->order + 32 + 8, &bench->next_no, sizeof bench->next_no);
        put(bench, &datagrams[cnt], cnt, bench->order, bench->order_len);
        datagrams[cnt++].peer = bench->peer;
        bench->next_no++;
        bench->due_ns = bench->order_due_ns;
        bench->order_due_ns += ORDER_NS;
        if (bench->paced)
            break;
    }
    return cnt;
}

static void
tx(struct rig *rig, const uint8_t *buf, size_t len)
{
    struct bench *bench = rig->cfg.ctx;

    if (len == 0 || ((const struct fixp_header *)buf)->template_id != FIXP_SEQUENCE_ID ||
        !bench->paced || bench->due_ns == 0 || bench->samples_cnt == SAMPLES_MAX)
        return;
    bench->samples_ns[bench->samples_cnt++] = (uint32_t)(clock_ns() - bench->due_ns);
    bench->due_ns = 0;
}

static void
open_exchange(struct bench *bench)
{
    const struct rig_cfg cfg = {
        .engine =
            {
                .orders_max = 1024,
                .instruments_max = 1,
                .accounts_max = 1,
                .groups_max = 1,
                .firms_max = 1,
                .sessions_max = 1,
                .positions_max = 16,
                .pages_max = 64,
            },
        .retransmit_max = 1u << 12,
        .require_context = true,
        .rx = rx,
        .tx = tx,
        .ctx = bench,
    };

    rig_open(&bench->rig, &cfg, clock_ns());
    bench->peer = rig_peer(0);
    bench->next_no = 1;
}

static void
make_order(struct bench *bench)
{
    const struct oe_new_order_single msg = {
        .price = PX_ONE,
        .stop_px = OE_NEW_ORDER_SINGLE_STOP_PX_NULL,
        .expire_time = OE_NEW_ORDER_SINGLE_EXPIRE_TIME_NULL,
        .order_qty = 1,
        .display_qty = OE_NEW_ORDER_SINGLE_DISPLAY_QTY_NULL,
        .min_qty = OE_NEW_ORDER_SINGLE_MIN_QTY_NULL,
        .client_short_code = OE_NEW_ORDER_SINGLE_CLIENT_SHORT_CODE_NULL,
        .decision_short_code = OE_NEW_ORDER_SINGLE_DECISION_SHORT_CODE_NULL,
        .execution_short_code = OE_NEW_ORDER_SINGLE_EXECUTION_SHORT_CODE_NULL,
        .peg_offset_value = OE_NEW_ORDER_SINGLE_PEG_OFFSET_VALUE_NULL,
        .linked_cl_ord_id = OE_NEW_ORDER_SINGLE_LINKED_CL_ORD_ID_NULL,
        .display_range = OE_NEW_ORDER_SINGLE_DISPLAY_RANGE_NULL,
        .side = OE_SIDE_BUY,
        .ord_type = OE_ORD_TYPE_LIMIT,
        .time_in_force = OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL,
        .order_capacity = OE_ORDER_CAPACITY_AGENCY,
    };
    struct fixp_context context = {.next_seq_no = 1};

    rig_uuid(context.session_id, 0);
    bench->order_len = fixp_context_encode(bench->order, sizeof bench->order, &context);
    bench->order_len += oe_new_order_single_encode(bench->order + bench->order_len,
                                                   sizeof bench->order - bench->order_len, &msg);
}

/* random_next is splitmix64. */
static uint64_t
random_next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15ull;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

static void
make_junk(struct bench *bench)
{
    uint64_t random = 1;

    for (unsigned i = 0; i < JUNK_CNT; i++) {
        struct junk *junk = &bench->junk[i];
        struct fixp_negotiate negotiate = {.client_flow = FIXP_FLOW_TYPE_IDEMPOTENT};

        junk->from = (struct peer){.ip = (uint32_t)random_next(&random),
                                   .udp_port = (uint16_t)random_next(&random)};
        junk->len = (uint32_t)bench->order_len;
        memcpy(junk->bytes, bench->order, bench->order_len);
        switch (i % JUNK_KINDS) {
        case 0:
            break;
        case 1:
            junk->is_login = true;
            rig_uuid(negotiate.session_id, 0);
            junk->len = (uint32_t)rig_sign(
                junk->bytes,
                fixp_negotiate_encode(junk->bytes, sizeof junk->bytes, &negotiate, NULL, 0), 0);
            junk->bytes[junk->len - 1] ^= 1;
            break;
        case 2:
            junk->from = bench->peer;
            junk->bytes[8] ^= 1;
            break;
        default:
            for (unsigned k = 0; k < sizeof junk->bytes; k++)
                junk->bytes[k] = (uint8_t)random_next(&random);
            junk->len = (uint32_t)(random_next(&random) % sizeof junk->bytes);
            break;
        }
    }
}

static int
by_time(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a;
    const uint32_t y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static void
lead_in(struct bench *bench)
{
    const uint64_t until_ns = clock_ns() + LEAD_NS;

    do
        rig_turn(&bench->rig, clock_ns());
    while (bench->rig.now_ns < until_ns);
}

/* run_once: paced or as fast as it goes, with junk or without. */
static struct run
run_once(struct bench *bench, bool paced, bool with_junk, uint64_t run_ns)
{
    struct run run = {0};

    bench->paced = paced;
    bench->order_due_ns = clock_ns() + ORDER_NS;
    bench->junk_period_ns = with_junk ? 1000000000u / JUNK_RATE : 0;
    bench->junk_due_ns = clock_ns();
    /* A flood lasts: what may be looked at after a rest is used up first. */
    if (with_junk)
        lead_in(bench);

    const uint64_t cpu_start_ns = cpu_ns();
    const uint64_t start_ns = clock_ns();
    const uint64_t orders_before = bench->next_no;
    const uint64_t junk_before = bench->junk_cnt;

    bench->samples_cnt = 0;
    do
        rig_turn(&bench->rig, clock_ns());
    while (bench->rig.now_ns - start_ns < run_ns);

    const double s = (double)(bench->rig.now_ns - start_ns) / 1e9;
    const double cpu_s = (double)(cpu_ns() - cpu_start_ns) / 1e9;

    run.whole = cpu_s > s * WHOLE_SHARE;
    run.orders_per_s = (double)(bench->next_no - orders_before) / s;
    run.junk_per_s = (double)(bench->junk_cnt - junk_before) / s;
    if (paced && bench->samples_cnt > 0) {
        qsort(bench->samples_ns, bench->samples_cnt, sizeof bench->samples_ns[0], by_time);
        run.p50_ns = bench->samples_ns[bench->samples_cnt / 2];
        run.p90_ns = bench->samples_ns[bench->samples_cnt * 9ull / 10];
    }
    return run;
}

/* run_whole runs until a run was not interrupted, and in the end takes what there
 * is; lost counts the others. */
static struct run
run_whole(struct bench *bench, bool paced, bool with_junk, unsigned *lost)
{
    struct run run = run_once(bench, paced, with_junk, RUN_NS);

    for (unsigned i = 0; i < TRIES_MAX && !run.whole; i++) {
        (*lost)++;
        run = run_once(bench, paced, with_junk, RUN_NS);
    }
    return run;
}

/* take_args: false and a line on stderr if they are wrong. */
static bool
take_args(int argc, char **argv, bool *json, bool *quick)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            *json = true;
        } else if (strcmp(argv[i], "--quick") == 0) {
            *quick = true;
        } else {
            fprintf(stderr, "usage: %s [--quick] [--json]\n", argv[0]);
            return false;
        }
    }
    return true;
}

int
main(int argc, char **argv)
{
    static struct bench bench;
    static double figures[7][PAIRS];
    static const char *const names[] = {"clean_orders_per_s", "flood_orders_per_s", "junk_per_s",
                                        "clean_p50_ns",       "flood_p50_ns",       "clean_p90_ns",
                                        "flood_p90_ns"};
    double medians[ARRAY_LEN(names)];
    unsigned lost = 0;
    bool json = false;
    bool quick = false;

    if (!take_args(argc, argv, &json, &quick))
        return 2;

    const unsigned pairs = quick ? PAIRS_QUICK : PAIRS;

    open_exchange(&bench);
    if (!rig_log_in(&bench.rig, 0, clock_ns())) {
        fprintf(stderr, "bench_hostile: the exchange does not let us in\n");
        return 1;
    }
    make_order(&bench);
    make_junk(&bench);
    (void)run_once(&bench, false, true, WARM_NS);
    for (unsigned i = 0; i < pairs; i++) {
        const struct run clean = run_whole(&bench, false, false, &lost);
        const struct run flood = run_whole(&bench, false, true, &lost);
        const struct run clean_paced = run_whole(&bench, true, false, &lost);
        const struct run flood_paced = run_whole(&bench, true, true, &lost);
        const double row[] = {clean.orders_per_s, flood.orders_per_s, flood.junk_per_s,
                              clean_paced.p50_ns, flood_paced.p50_ns, clean_paced.p90_ns,
                              flood_paced.p90_ns};

        for (unsigned k = 0; k < ARRAY_LEN(names); k++)
            figures[k][i] = row[k];
    }

    struct gateway_stats stats;

    gateway_stats_get(bench.rig.gateway, &stats);
    for (unsigned k = 0; k < ARRAY_LEN(names); k++)
        medians[k] = report_median(figures[k], pairs);

    const double slowdown = 100.0 * (1.0 - medians[1] / medians[0]);

    printf(json ? "{\"%s\": %.3f" : "%-20s %14.2f %%\n", "slowdown", slowdown);
    for (unsigned k = 0; k < ARRAY_LEN(names); k++)
        printf(json ? ", \"%s\": %.3f" : "%-20s %14.2f\n", names[k], medians[k]);
    printf(json ? ", \"%s\": %u}\n" : "%-20s %14u\n", "runs_left_out", lost);
    if (stats.refused != 0 || stats.gaps != 0 || stats.messages != bench.next_no - 1) {
        fprintf(stderr, "bench_hostile: %" PRIu64 " of %" PRIu64 " orders were taken\n",
                stats.messages - stats.refused, bench.next_no - 1);
        return 1;
    }
    return 0;
}
