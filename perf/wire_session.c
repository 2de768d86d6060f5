#include "perf/wire_session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/order_codec.h"
#include "proto/fixp.h"

#include "perf/rig.h"
#include "perf/wire.h"
#include "perf/wire_flow.h"

/* The engine takes twice as many in a turn: it is polled half as often. */
#define POLL_ORDERS  8u
#define BLOCK_ORDERS (POLL_ORDERS * WIRE_SESSIONS) /* a poll's worth of each session */
#define WARM_PAIRS   32u
#define PAIRS_MAX    4096u

_Static_assert(WIRE_SESSION_ORDERS % BLOCK_ORDERS == 0, "whole blocks");

struct message {
    const uint8_t *buf;
    size_t len;
    uint64_t no;
    unsigned session;
};

/* One way's exchange, and the orders of its next run. */
struct side {
    struct rig rig;
    uint64_t clord;
    uint64_t next_no[WIRE_SESSIONS];

    uint8_t bytes[WIRE_SESSION_ORDERS * WIRE_MESSAGE_MAX];
    size_t bytes_cnt;
    struct message messages[WIRE_SESSION_ORDERS];
    struct datagram datagrams[WIRE_SESSION_ORDERS];
    unsigned datagrams_cnt;
    unsigned next; /* datagram or message to come */
    unsigned orders_a_datagram;

    uint64_t reports_cnt; /* encoded by the bare way */
    uint64_t now_ns;
    uint8_t report[DATAGRAM_BYTES_MAX];
};

/* add_datagram makes one of cnt orders of a session, of which the first is clord. */
static void
add_datagram(struct side *side, uint64_t clord, unsigned cnt)
{
    const unsigned session = wire_flow_session(clord);
    const struct fixp_sequence sequence = {.next_seq_no = side->next_no[session]};
    uint8_t *start = side->bytes + side->bytes_cnt;
    size_t len = fixp_sequence_encode(start, DATAGRAM_BYTES_MAX, &sequence);

    for (unsigned i = 0; i < cnt; i++) {
        struct message *message = &side->messages[side->next++];
        uint8_t buf[WIRE_MESSAGE_MAX];

        *message = (struct message){
            .buf = start + len, .session = session, .no = side->next_no[session]++};
        message->len = wire_flow_encode(clord, buf);
        memcpy(start + len, buf, message->len);
        len += message->len;
        /* Behind a round comes the session's next. */
        clord += clord % WIRE_ROUND != 0 ? 1 : 1 + WIRE_ROUND * (WIRE_SESSIONS - 1);
    }
    side->bytes_cnt += len;
    side->datagrams[side->datagrams_cnt++] = (struct datagram){
        .data = start, .len = (uint32_t)len, .peer = rig_peer(session), .udp_port = RIG_UDP_PORT};
}

/* prepare makes the orders of a run: in each block those of one session after those of
 * another, so that as many as are wanted go into a datagram. */
static void
prepare(struct side *side)
{
    side->bytes_cnt = 0;
    side->datagrams_cnt = 0;
    side->next = 0;
    for (unsigned done = 0; done < WIRE_SESSION_ORDERS; done += BLOCK_ORDERS) {
        for (unsigned i = 0; i < BLOCK_ORDERS; i += side->orders_a_datagram) {
            const unsigned session = i / POLL_ORDERS;
            const unsigned of_it = i % POLL_ORDERS;
            const unsigned round = of_it / WIRE_ROUND * WIRE_SESSIONS + session;

            add_datagram(side, side->clord + round * WIRE_ROUND + of_it % WIRE_ROUND,
                         side->orders_a_datagram);
        }
        side->clord += BLOCK_ORDERS;
    }
    side->next = 0;
}

static int
rx(struct rig *rig, struct datagram *datagrams, int max)
{
    struct side *side = rig->cfg.ctx;
    int cnt = 0;

    for (unsigned orders = 0; orders < POLL_ORDERS && cnt < max && side->next < side->datagrams_cnt;
         orders += side->orders_a_datagram)
        datagrams[cnt++] = side->datagrams[side->next++];
    return cnt;
}

/* run_gateway sends a run through gateway and engine. */
__attribute__((noinline)) static void
run_gateway(struct side *side)
{
    while (side->next < side->datagrams_cnt)
        rig_turn(&side->rig, ++side->now_ns);
}

static void
decode(struct side *side)
{
    union cell cells[CELL_COMMAND_MAX];

    for (unsigned i = 0; i < POLL_ORDERS && side->next < WIRE_SESSION_ORDERS; i++) {
        const struct message *message = &side->messages[side->next++];
        union cell *place = ring_writer_place(&side->rig.in, CELL_COMMAND_MAX);

        ASSERT(ring_writer_room(&side->rig.in, CELL_COMMAND_MAX) >= CELL_COMMAND_MAX);

        const unsigned cnt = order_decode(message->buf, message->len, (uint16_t)message->session,
                                          message->no, side->now_ns, place != NULL ? place : cells);

        if (place != NULL)
            ring_writer_advance(&side->rig.in, cnt);
        else
            ring_write(&side->rig.in, cells, cnt);
    }
    ring_publish(&side->rig.in);
}

static void
encode(struct side *side)
{
    struct ring_reader *out = &side->rig.out_reader;
    uint64_t left = ring_reader_available(out, UINT64_MAX);

    while (left > 0) {
        const union cell *cells = ring_reader_cell(out, 0);
        const unsigned cnt = cell_count(cells);
        struct route_recipient to = {.session = cell_session(cells)};
        union cell copy[CELL_MESSAGE_MAX];

        if (UNLIKELY((out->pos & out->mask) + cnt > out->mask + 1)) {
            for (unsigned i = 0; i < cnt; i++)
                copy[i] = *ring_reader_cell(out, i);
            cells = copy;
        }
        side->reports_cnt += order_encode(cells, 0, &to, side->report, sizeof side->report) > 0;
        if (cell_kind(cells) == CELL_KIND_TRADE) {
            to.maker = true;
            side->reports_cnt += order_encode(cells, 0, &to, side->report, sizeof side->report) > 0;
        }
        ring_reader_advance(out, cnt);
        left -= cnt;
    }
    ring_reader_release(out);
}

/* run_bare is run_gateway without sessions. */
__attribute__((noinline)) static void
run_bare(struct side *side)
{
    while (side->next < WIRE_SESSION_ORDERS) {
        side->now_ns++;
        decode(side);
        if (sequencer_poll(&side->rig.sequencer, side->now_ns) > 0) {
            decode(side);
            encode(side);
        }
    }
}

/* timed_ns runs one way; what is left in the rings is taken out of it behind. */
static double
timed_ns(struct side *side, void (*way)(struct side *), void (*rest)(struct side *))
{
    prepare(side);

    const uint64_t start_ns = wire_clock_ns();

    way(side);

    const uint64_t took_ns = wire_clock_ns() - start_ns;

    for (unsigned i = 0; i < WIRE_SESSION_ORDERS / POLL_ORDERS; i++)
        rest(side);
    return (double)took_ns / WIRE_SESSION_ORDERS;
}

static void
rest_gateway(struct side *side)
{
    rig_turn(&side->rig, ++side->now_ns);
}

static void
rest_bare(struct side *side)
{
    (void)sequencer_poll(&side->rig.sequencer, ++side->now_ns);
    encode(side);
}

static int
by_value(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;

    return (x > y) - (x < y);
}

static double
median(double *values, unsigned cnt)
{
    qsort(values, cnt, sizeof *values, by_value);
    return values[cnt / 2];
}

static bool
open_side(struct side *side, unsigned orders)
{
    const struct rig_cfg cfg = {
        .engine =
            {
                .orders_max = 1u << 14,
                .instruments_max = WIRE_INSTRUMENTS,
                .accounts_max = WIRE_SESSIONS,
                .groups_max = WIRE_SESSIONS,
                .firms_max = WIRE_SESSIONS,
                .sessions_max = WIRE_SESSIONS,
                .positions_max = 1024,
                .pages_max = 4096,
            },
        .retransmit_max = 1u << 12,
        .rx = rx,
        .ctx = side,
    };

    side->now_ns = wire_clock_ns();
    side->clord = 1;
    side->orders_a_datagram = orders;
    rig_open(&side->rig, &cfg, side->now_ns);
    for (unsigned i = 0; i < WIRE_SESSIONS; i++) {
        side->next_no[i] = 1;
        if (!rig_log_in(&side->rig, i, side->now_ns))
            return false;
    }
    return true;
}

static void
close_side(struct side *side)
{
    rig_close(&side->rig);
    free(side);
}

/* measure runs by turns: which is first changes. */
static void
measure(struct side *gateway, struct side *bare, unsigned pairs, struct wire_session_result *result)
{
    static double gateway_ns[PAIRS_MAX];
    static double bare_ns[PAIRS_MAX];
    static double both_ns[PAIRS_MAX];

    for (unsigned i = 0; i < pairs; i++) {
        if (i % 2 == 0)
            gateway_ns[i] = timed_ns(gateway, run_gateway, rest_gateway);
        bare_ns[i] = timed_ns(bare, run_bare, rest_bare);
        if (i % 2 != 0)
            gateway_ns[i] = timed_ns(gateway, run_gateway, rest_gateway);
        both_ns[i] = gateway_ns[i] - bare_ns[i];
    }
    result->cost_ns = median(both_ns, pairs);
    result->gateway_ns = median(gateway_ns, pairs);
    result->bare_ns = median(bare_ns, pairs);
}

bool
wire_session(unsigned orders, unsigned pairs, struct wire_session_result *result)
{
    struct side *gateway = rig_memory(sizeof *gateway);
    struct side *bare = rig_memory(sizeof *bare);
    struct gateway_stats stats = {0};

    ASSERT(pairs >= 1);
    ASSERT(pairs <= PAIRS_MAX);

    bool fine = open_side(gateway, orders) && open_side(bare, orders);

    if (fine) {
        measure(gateway, bare, WARM_PAIRS, result);
        measure(gateway, bare, pairs, result);
        gateway_stats_get(gateway->rig.gateway, &stats);
        fine = stats.messages == gateway->clord - 1 && stats.refused == 0 && stats.gaps == 0 &&
               stats.reports == bare->reports_cnt && gateway->clord == bare->clord;
    }
    if (fine) {
        result->reports_per_order = (double)stats.reports / (double)stats.messages;
        result->cost_ns /= 1 + result->reports_per_order;
    } else {
        fprintf(stderr,
                "wire_session: of %" PRIu64 " orders %" PRIu64 " taken, %" PRIu64 " and %" PRIu64
                " reports\n",
                gateway->clord - 1, stats.messages, stats.reports, bare->reports_cnt);
    }
    close_side(gateway);
    close_side(bare);
    return fine;
}
