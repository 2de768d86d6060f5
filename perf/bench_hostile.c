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

#include "engine/sequencer.h"
#include "gateway/credentials.h"
#include "gateway/gateway.h"
#include "proto/fixp.h"
#include "proto/orders.h"

#include "perf/core_report.h"

#define IN_CELLS       (1u << 14)
#define OUT_CELLS      (1u << 16)
#define SETUP_CELLS    256u
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
#define PX_TICK        (PX_ONE / 100)
#define KEY            "bench-key"

struct junk {
    struct peer from;
    uint32_t len;
    bool is_login;
    uint8_t bytes[160];
};

struct bench {
    struct port port; /* first: it is the gateway's port */
    struct gateway *gateway;
    struct sequencer sequencer;
    struct ring_writer setup, in, out;
    struct ring_reader setup_reader, in_reader, out_reader;
    struct gateway_session_cfg login;

    uint8_t uuid[16];
    struct peer peer;
    uint64_t next_no;
    uint8_t order[160]; /* the datagram of the next order */
    size_t order_len;
    const uint8_t *handshake; /* sent instead of anything else */
    size_t handshake_len;

    struct junk junk[JUNK_CNT];
    uint64_t junk_period_ns; /* 0: none */
    uint64_t junk_due_ns;
    uint64_t junk_cnt;

    bool paced; /* orders have their times */
    uint64_t order_due_ns;
    uint64_t due_ns; /* of the order that is under way */
    uint64_t now_ns;
    uint32_t samples_cnt;
    uint32_t samples_ns[SAMPLES_MAX];

    uint8_t rx[PORT_BURST_MAX][DATAGRAM_BYTES_MAX];
    uint8_t tx[DATAGRAM_BYTES_MAX];
    unsigned tx_template;
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

static void *
room(size_t bytes)
{
    const size_t whole = (bytes + RING_ALIGN - 1) & ~(size_t)(RING_ALIGN - 1);
    void *mem = aligned_alloc(RING_ALIGN, whole);

    ASSERT(bytes > 0);
    ASSERT(mem != NULL);
    memset(mem, 0, whole);
    return mem;
}

/* put copies a datagram into the burst. */
static void
put(struct bench *bench, struct datagram *datagram, int at, const uint8_t *bytes, size_t len)
{
    memcpy(bench->rx[at], bytes, len);
    datagram->data = bench->rx[at];
    datagram->len = (uint32_t)len;
    datagram->udp_port = 9000;
}

static int
put_junk(struct bench *bench, struct datagram *datagrams, int max)
{
    int cnt = 0;

    while (cnt < max && cnt < (int)JUNK_TURN_MAX && bench->junk_due_ns <= bench->now_ns) {
        struct junk *junk = &bench->junk[bench->junk_cnt++ % JUNK_CNT];

        if (junk->is_login)
            memcpy(junk->bytes + 8 + 16, &bench->now_ns, sizeof bench->now_ns);
        put(bench, &datagrams[cnt], cnt, junk->bytes, junk->len);
        datagrams[cnt++].peer = junk->from;
        bench->junk_due_ns += bench->junk_period_ns;
    }
    return cnt;
}

static int
rx(struct port *port, struct datagram *datagrams, int max)
{
    struct bench *bench = (struct bench *)(void *)port;
    int cnt = 0;

    if (bench->handshake != NULL) {
        put(bench, &datagrams[0], 0, bench->handshake, bench->handshake_len);
        datagrams[0].peer = bench->peer;
        bench->handshake = NULL;
        return 1;
    }
    if (bench->junk_period_ns != 0)
        cnt = put_junk(bench, datagrams, max);
    for (unsigned i = 0; i < ORDER_TURN_MAX && cnt < max && bench->order_len > 0; i++) {
        if (bench->paced && bench->order_due_ns > bench->now_ns)
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

static uint8_t *
tx_claim(struct port *port, const struct peer *peer)
{
    (void)peer;
    return ((struct bench *)(void *)port)->tx;
}

static void
tx_push(struct port *port, size_t len)
{
    struct bench *bench = (struct bench *)(void *)port;
    const unsigned template_id = ((const struct fixp_header *)bench->tx)->template_id;

    if (len == 0)
        return;
    bench->tx_template = template_id;
    if (template_id != FIXP_SEQUENCE_ID || !bench->paced || bench->due_ns == 0 ||
        bench->samples_cnt == SAMPLES_MAX)
        return;
    bench->samples_ns[bench->samples_cnt++] = (uint32_t)(clock_ns() - bench->due_ns);
    bench->due_ns = 0;
}

static void
nothing(struct port *port)
{
    (void)port;
}

static void
source(struct port *port, uint16_t udp_port)
{
    (void)port;
    (void)udp_port;
}

static bool
ready(struct port *port)
{
    (void)port;
    return true;
}

static const struct port_ops ops = {
    .rx = rx,
    .tx_claim = tx_claim,
    .tx_push = tx_push,
    .tx_flush = nothing,
    .source = source,
    .ready = ready,
    .close = nothing,
};

static void
command(struct bench *bench, const union cell *cells, unsigned count)
{
    ASSERT(ring_writer_room(&bench->setup, count) >= count);
    ring_write(&bench->setup, cells, count);
    ring_publish(&bench->setup);
}

/* configure enters one of each: firm, group, account, session, instrument. */
static void
configure(struct bench *bench, const struct engine_cfg *cfg)
{
    const uint64_t now_ns = clock_ns();
    union cell cells[2] = {0};

    engine_genesis(cfg, now_ns, &cells[0]);
    command(bench, cells, 1);
    memset(cells, 0, sizeof cells);
    cells[0].restart = (struct cell_restart){.kind = CELL_KIND_RESTART,
                                             .shape = 1,
                                             .epoch = 1,
                                             .time = now_ns,
                                             .rules_version = RULES_VERSION,
                                             .ack_mode = CELL_ACK_MODE_MEMORY,
                                             .session = CELL_SESSION};
    command(bench, cells, 1);
    cells[0].firm_set = (struct cell_firm_set){.kind = CELL_KIND_FIRM_SET,
                                               .shape = 1,
                                               .name = "F",
                                               .time = now_ns,
                                               .session = CELL_SESSION};
    command(bench, cells, 1);
    cells[0].group_set = (struct cell_group_set){.kind = CELL_KIND_GROUP_SET,
                                                 .shape = 1,
                                                 .name = "G",
                                                 .time = now_ns,
                                                 .session = CELL_SESSION};
    command(bench, cells, 1);
    cells[0].account_set = (struct cell_account_set){.kind = CELL_KIND_ACCOUNT_SET,
                                                     .shape = 2,
                                                     .name = "A",
                                                     .time = now_ns,
                                                     .session = CELL_SESSION};
    cells[1].account_limits = (struct cell_account_limits){.kind = CELL_KIND_ACCOUNT_LIMITS,
                                                           .order_qty_max = QTY_MAX,
                                                           .order_value_max = PX_MAX,
                                                           .long_max = POSITION_LIMIT_MAX,
                                                           .short_max = POSITION_LIMIT_MAX};
    command(bench, cells, 2);
    memset(cells, 0, sizeof cells);
    cells[0].session_set = (struct cell_session_set){
        .kind = CELL_KIND_SESSION_SET, .shape = 1, .name = "S", .time = now_ns};
    command(bench, cells, 1);
    memset(cells, 0, sizeof cells);
    cells[0].instrument_set = (struct cell_instrument_set){.kind = CELL_KIND_INSTRUMENT_SET,
                                                           .shape = 2,
                                                           .symbol = "I",
                                                           .tick_px = PX_TICK,
                                                           .lot_qty = 1,
                                                           .px_decimals = 2,
                                                           .time = now_ns,
                                                           .session = CELL_SESSION};
    cells[1].instrument_limits =
        (struct cell_instrument_limits){.kind = CELL_KIND_INSTRUMENT_LIMITS,
                                        .order_qty_min = 1,
                                        .order_qty_max = QTY_MAX,
                                        .order_value_max = PX_MAX};
    command(bench, cells, 2);
}

static void
open_exchange(struct bench *bench)
{
    const struct engine_cfg cfg = {
        .orders_max = 1024,
        .instruments_max = 1,
        .accounts_max = 1,
        .groups_max = 1,
        .firms_max = 1,
        .sessions_max = 1,
        .positions_max = 16,
        .pages_max = 64,
    };
    const struct gateway_cfg gateway_cfg = {
        .sessions_max = 1,
        .sessions = &bench->login,
        .retransmit_max = 1u << 12,
        .keepalive_ms = KEEPALIVE_MS_MAX,
        .ports_max = 1,
        .require_context = true,
    };
    void *rings[3] = {room(ring_footprint(SETUP_CELLS, 1)), room(ring_footprint(IN_CELLS, 1)),
                      room(ring_footprint(OUT_CELLS, 1))};

    ring_writer_init(&bench->setup, ring_init(rings[0], SETUP_CELLS, 1));
    ring_reader_init(&bench->setup_reader, rings[0], 0);
    ring_writer_init(&bench->in, ring_init(rings[1], IN_CELLS, 1));
    ring_reader_init(&bench->in_reader, rings[1], 0);
    ring_writer_init(&bench->out, ring_init(rings[2], OUT_CELLS, 1));
    ring_reader_init(&bench->out_reader, rings[2], 0);
    sequencer_init(&bench->sequencer, engine_init(room(engine_footprint(&cfg)), &cfg), &bench->out,
                   BURST_COMMANDS_MAX);
    sequencer_add_in(&bench->sequencer, &bench->setup_reader);
    sequencer_add_in(&bench->sequencer, &bench->in_reader);
    bench->login = (struct gateway_session_cfg){.name = "S", .key = KEY, .used = true};
    bench->port.ops = &ops;
    bench->gateway = gateway_init(room(gateway_footprint(&gateway_cfg)), &gateway_cfg);
    gateway_add_port(bench->gateway, &bench->port);
    gateway_attach(bench->gateway, &bench->in, &bench->out_reader, NULL);
    configure(bench, &cfg);
}

/* turn is one slice of each stage, as the exchange's thread does them. */
static void
turn(struct bench *bench)
{
    bench->now_ns = clock_ns();
    (void)gateway_poll(bench->gateway, bench->now_ns);
    if (sequencer_poll(&bench->sequencer, bench->now_ns) > 0)
        (void)gateway_poll(bench->gateway, bench->now_ns);
}

static size_t
sign(uint8_t *buf, size_t len)
{
    const uint16_t bytes = sizeof(struct credentials);
    struct credentials credentials;

    credentials_sign(&credentials, "S", KEY, buf, credentials_message(buf, len));
    memcpy(buf + len - sizeof bytes, &bytes, sizeof bytes);
    memcpy(buf + len, &credentials, sizeof credentials);
    return len + sizeof credentials;
}

/* ask sends a request and waits for the template that answers it. */
static bool
ask(struct bench *bench, const uint8_t *buf, size_t len, unsigned answer)
{
    bench->tx_template = 0;
    bench->handshake_len = len;
    bench->handshake = buf;
    for (unsigned i = 0; i < 1000 && bench->tx_template != answer; i++)
        turn(bench);
    return bench->tx_template == answer;
}

static bool
log_in(struct bench *bench)
{
    struct fixp_negotiate negotiate = {.timestamp = clock_ns(),
                                       .client_flow = FIXP_FLOW_TYPE_IDEMPOTENT};
    struct fixp_establish establish = {.timestamp = clock_ns() + 1,
                                       .keepalive_interval = KEEPALIVE_MS_MAX,
                                       .next_seq_no = FIXP_ESTABLISH_NEXT_SEQ_NO_NULL};
    uint8_t buf[160];

    memset(bench->uuid, 0x44, sizeof bench->uuid);
    bench->uuid[8] = 0x84;
    bench->peer = (struct peer){.ip = 0x0a000002, .udp_port = 50000};
    bench->next_no = 1;
    memcpy(negotiate.session_id, bench->uuid, sizeof bench->uuid);
    memcpy(establish.session_id, bench->uuid, sizeof bench->uuid);
    if (!ask(bench, buf, sign(buf, fixp_negotiate_encode(buf, sizeof buf, &negotiate, NULL, 0)),
             FIXP_NEGOTIATION_RESPONSE_ID))
        return false;
    return ask(bench, buf, sign(buf, fixp_establish_encode(buf, sizeof buf, &establish, NULL, 0)),
               FIXP_ESTABLISHMENT_ACK_ID);
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

    memcpy(context.session_id, bench->uuid, sizeof bench->uuid);
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
            memcpy(negotiate.session_id, bench->uuid, sizeof bench->uuid);
            junk->len =
                (uint32_t)sign(junk->bytes, fixp_negotiate_encode(junk->bytes, sizeof junk->bytes,
                                                                  &negotiate, NULL, 0));
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
        turn(bench);
    while (bench->now_ns < until_ns);
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
        turn(bench);
    while (bench->now_ns - start_ns < run_ns);

    const double s = (double)(bench->now_ns - start_ns) / 1e9;
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
    if (!log_in(&bench)) {
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

    gateway_stats_get(bench.gateway, &stats);
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
