/*
 * Goal: over a network that loses, doubles and reorders, through disconnects,
 * a stuck disk and restarts, every order is applied at most once and every
 * report arrives exactly once and in order.
 *
 * Method: two clients trade against each other for some seconds of virtual
 * time; all that goes wrong comes from the seed. A client sends again, under
 * a new number, what it was told was not applied. In the end the network is
 * made good, all is let settle, and the client's view is compared with the log:
 * the reports that the route gives its session, byte for byte.
 *
 * OUTCRY_SEEDS runs (at least 50), from OUTCRY_SEED or 1 on. A failure prints
 * the seed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "engine/route.h"
#include "gateway/order_codec.h"
#include "proto/fixp.h"

#include "tests/gateway/rig.h"

#define TRADERS           2u
#define STEPS             4000u
#define TRADER_ORDERS_MAX 4000u
#define SETTLE_MS         4000u
#define SEEDS_MIN         50u
#define PX                10000000000ll
#define TICK              1000000ll
#define ONE_IN(n, random) (net_random(random) % (n) == 0)

struct trader {
    struct rig_client *rc;
    uint32_t orders_cnt;                  /* ClOrdIDs given out: 1 .. */
    uint64_t clord_of[TRADER_ORDERS_MAX]; /* by our number; 0: was not an order */
    uint64_t again[TRADER_ORDERS_MAX];    /* ClOrdIDs to send again */
    uint32_t again_cnt;
    uint32_t resumes;
};

struct sim {
    struct rig *rig;
    uint64_t seed;
    uint64_t random;
    struct trader traders[TRADERS];
    uint32_t restarts;
};

static void
not_applied(struct rig_client *rc, uint64_t from, uint64_t count)
{
    struct trader *trader = rc->ctx;

    for (uint64_t no = from; no < from + count; no++) {
        cr_assert_lt(no, TRADER_ORDERS_MAX);
        if (trader->clord_of[no] != 0)
            trader->again[trader->again_cnt++] = trader->clord_of[no];
    }
}

static void
send(struct sim *sim, struct trader *trader, uint64_t clord)
{
    const int64_t px = PX + TICK * (int64_t)(net_random(&sim->random) % 5);
    const bool sell = trader == &sim->traders[clord % 2];
    const uint64_t no = rig_order(sim->rig, trader->rc, clord, sell, px);

    cr_assert_lt(no, TRADER_ORDERS_MAX);
    if (no != 0)
        trader->clord_of[no] = clord;
    else
        trader->again[trader->again_cnt++] = clord;
}

/* trade sends an order now and then, the ones not applied first. */
static void
trade(struct sim *sim, struct trader *trader)
{
    if (client_state(trader->rc->client) != CLIENT_ESTABLISHED)
        return;
    if (trader->again_cnt > 0)
        send(sim, trader, trader->again[--trader->again_cnt]);
    else if (ONE_IN(4, &sim->random) && trader->orders_cnt < TRADER_ORDERS_MAX / 4)
        send(sim, trader, ++trader->orders_cnt);
}

/* reconnect brings back a client that was closed, whoever closed it. */
static void
reconnect(struct sim *sim, unsigned i)
{
    struct trader *trader = &sim->traders[i];
    const enum client_state state = client_state(trader->rc->client);

    if (state != CLIENT_CLOSED)
        return;
    trader->resumes++;
    rig_resume(sim->rig, i);
}

/* mishap does what seldom happens. */
static void
mishap(struct sim *sim)
{
    struct rig *rig = sim->rig;
    struct trader *trader = &sim->traders[net_random(&sim->random) % TRADERS];

    switch (net_random(&sim->random) % 4) {
    case 0:
        client_terminate(trader->rc->client, rig->net.now_ns);
        break;
    case 1:
        trader->rc->frozen = !trader->rc->frozen;
        break;
    case 2:
        rig->hold_durable = !rig->hold_durable;
        break;
    default:
        if (!ONE_IN(4, &sim->random))
            break;
        sim->restarts++;
        rig_restart(rig, CELL_ACK_MODE_DURABLE);
        break;
    }
}

static void
sim_start(struct sim *sim, uint64_t seed)
{
    struct rig *rig = rig_new(seed, CELL_ACK_MODE_DURABLE, 0);

    memset(sim, 0, sizeof *sim);
    sim->rig = rig;
    sim->seed = seed;
    sim->random = seed * 7919;
    for (unsigned i = 0; i < TRADERS; i++) {
        sim->traders[i].rc = rig_connect(rig, i, (uint16_t)i);
        sim->traders[i].rc->on_not_applied = not_applied;
        sim->traders[i].rc->ctx = &sim->traders[i];
    }
    rig->net.loss_permille = (uint32_t)(net_random(&sim->random) % 150);
    rig->net.dup_permille = (uint32_t)(net_random(&sim->random) % 150);
    rig->net.delay_ns = RIG_MS / 10;
    rig->net.jitter_ns = net_random(&sim->random) % (2 * RIG_MS) + 1;
}

/* sim_run is the time in which all goes wrong. */
static void
sim_run(struct sim *sim)
{
    for (unsigned step = 0; step < STEPS; step++) {
        for (unsigned i = 0; i < TRADERS; i++)
            trade(sim, &sim->traders[i]);
        if (ONE_IN(200, &sim->random))
            mishap(sim);
        rig_step(sim->rig, net_random(&sim->random) % RIG_MS);
        for (unsigned i = 0; i < TRADERS; i++)
            reconnect(sim, i);
    }
}

/* sim_settle makes the world good and waits until nothing is under way. */
static void
sim_settle(struct sim *sim)
{
    struct rig *rig = sim->rig;

    rig->net.loss_permille = 0;
    rig->net.dup_permille = 0;
    rig->net.jitter_ns = 0;
    rig->hold_durable = false;
    for (unsigned i = 0; i < TRADERS; i++)
        sim->traders[i].rc->frozen = false;
    for (unsigned ms = 0; ms < SETTLE_MS; ms++) {
        for (unsigned i = 0; i < TRADERS; i++) {
            struct trader *trader = &sim->traders[i];

            reconnect(sim, i);
            if (trader->again_cnt > 0 && client_state(trader->rc->client) == CLIENT_ESTABLISHED)
                send(sim, trader, trader->again[--trader->again_cnt]);
        }
        rig_step(rig, RIG_MS);
        /* All that was held becomes durable, if no group came to carry it. */
        rig->durable = rig->out_log.pos;
    }
}

/* What the log says that a client must have seen. */
struct expected {
    uint32_t reports_cnt;
    uint32_t applied[TRADER_ORDERS_MAX]; /* times that a ClOrdID was accepted or refused */
};

static void
expect_report(struct sim *sim,
              const union cell *cells,
              const struct route_recipient *recipient,
              struct expected *expected)
{
    const struct rig_client *rc = sim->traders[recipient->session].rc;
    struct expected *mine = &expected[recipient->session];
    uint8_t bytes[REPORT_BYTES_MAX];
    const size_t len = order_encode(cells, 1, recipient, bytes, sizeof bytes);

    if (cell_kind(cells) == CELL_KIND_ORDER_NEW)
        mine->applied[cells->order_new.clord]++;
    if (cell_kind(cells) == CELL_KIND_SESSION_NOT_APPLIED)
        return;
    cr_assert_lt(mine->reports_cnt, rc->reports_cnt,
                 "seed %lu: session %u: report %lu is missing, client in state %u: %s", sim->seed,
                 recipient->session, recipient->no, client_state(rc->client),
                 client_error(rc->client));

    const struct rig_report *report = &rc->reports[mine->reports_cnt++];

    cr_assert_eq(report->no, recipient->no, "seed %lu: session %u: number %lu for %lu", sim->seed,
                 recipient->session, report->no, recipient->no);
    cr_assert_eq(report->len, len, "seed %lu", sim->seed);
    cr_assert_eq(memcmp(report->bytes, bytes, len), 0, "seed %lu: report %lu differs", sim->seed,
                 recipient->no);
}

static void
sim_check(struct sim *sim)
{
    struct rig *rig = sim->rig;
    struct route *route =
        route_init(aligned_alloc(64, route_footprint(RIG_SESSIONS)), RIG_SESSIONS);
    struct expected *expected = calloc(TRADERS, sizeof *expected);

    for (uint64_t at = 0; at < rig->log_cnt; at += cell_count(&rig->log[at])) {
        struct route_recipient recipients[ROUTE_RECIPIENTS_MAX];
        const unsigned cnt = route_message(route, &rig->log[at], recipients);

        for (unsigned i = 0; i < cnt; i++)
            expect_report(sim, &rig->log[at], &recipients[i], expected);
    }
    for (unsigned i = 0; i < TRADERS; i++) {
        const struct trader *trader = &sim->traders[i];

        cr_assert_eq(client_state(trader->rc->client), CLIENT_ESTABLISHED, "seed %lu: %s",
                     sim->seed, client_error(trader->rc->client));
        cr_assert_eq(trader->rc->reports_cnt, expected[i].reports_cnt,
                     "seed %lu: session %u has reports that never were", sim->seed, i);
        cr_assert_eq(trader->again_cnt, 0, "seed %lu", sim->seed);
        for (uint32_t clord = 1; clord <= trader->orders_cnt; clord++)
            cr_assert_eq(expected[i].applied[clord], 1, "seed %lu: session %u: order %u came %u x",
                         sim->seed, i, clord, expected[i].applied[clord]);
    }
    engine_check(rig->engine);
    free(expected);
    free(route);
}

static uint64_t
number_of(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

Test(sim_fixp, every_report_once_and_no_order_twice, .timeout = 280)
{
    const uint64_t first = number_of("OUTCRY_SEED", 1);
    const uint64_t wanted = number_of("OUTCRY_SEEDS", SEEDS_MIN);
    const uint64_t seeds = wanted < SEEDS_MIN ? SEEDS_MIN : wanted;
    struct sim *sim = malloc(sizeof *sim);
    uint64_t orders = 0, lost = 0, resumes = 0, restarts = 0, not_applied_cnt = 0;

    for (uint64_t seed = first; seed < first + seeds; seed++) {
        /* Also when it dies on an assert, the last line tells which. */
        fprintf(stderr, "sim_fixp: OUTCRY_SEED=%lu\n", seed);
        sim_start(sim, seed);
        sim_run(sim);
        sim_settle(sim);
        sim_check(sim);
        for (unsigned i = 0; i < TRADERS; i++) {
            orders += sim->traders[i].orders_cnt;
            resumes += sim->traders[i].resumes;
            not_applied_cnt += sim->traders[i].rc->not_applied_cnt;
        }
        lost += sim->rig->net.lost_cnt;
        restarts += sim->restarts;
        rig_free(sim->rig);
    }
    fprintf(stderr,
            "sim_fixp: %lu seeds from %lu: %lu orders, %lu datagrams lost, %lu not applied, "
            "%lu resumes, %lu restarts\n",
            seeds, first, orders, lost, not_applied_cnt, resumes, restarts);
    /* A simulation in which nothing goes wrong proves nothing. */
    cr_assert_gt(lost, 0);
    cr_assert_gt(not_applied_cnt, 0);
    cr_assert_gt(resumes, 0);
    cr_assert_gt(restarts, 0);
    free(sim);
}
