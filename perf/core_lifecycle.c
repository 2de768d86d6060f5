/*
 * The shape "lifecycle": orders that come, change and go while the price moves.
 *
 * Arrivals. New orders come as a Poisson process, one in a microsecond on
 * average. Their properties are dealt from a shuffled deck, so the shares are
 * exact: 15 % are IOC; of the rest 20 % are replaced once, 95 % are canceled.
 * 2 % of cancels and replaces are sent a second time, later, and find nothing.
 * A million new orders make about two million commands, in order of time.
 *
 * Price. The middle starts at 33,504 ticks and moves at each arrival: geometric
 * Brownian motion, whose volatility is chosen so that the highest and the lowest
 * middle lie `swing` of the first apart. A passive order rests on its own side
 * of the middle at a depth drawn as core_flow.h says; it may meet old orders
 * that the middle has left behind, and then trades. An IOC order's limit is
 * as far on the other side. Quantities are 1 to 100.
 *
 * Life. An order is canceled after an exponential time with a median of
 * 0.43 ms. A replaced one is replaced at a uniform moment of its life (the few
 * that live on: after such a time); its quantity grows by 1, and in 80 of 100
 * cases its price moves by one tick, up or down. A second copy is sent after
 * another such time. What was filled in the meantime is refused by the venue.
 *
 * ClOrdIDs are a shuffled permutation of 1 to the number of commands.
 */
#include <math.h>
#include <stdlib.h>

#include "proto/base.h"

#include "perf/core_flow.h"

#define MEAN_GAP_NS    1000.0
#define MEDIAN_LIFE_NS 430000.0

/* What is dealt to an order. */
#define IOC            1u
#define REPLACED       2u
#define CANCELED       4u
#define CANCELED_TWICE 8u
#define REPLACED_TWICE 16u

enum act {
    ACT_NEW,
    ACT_REPLACE,
    ACT_CANCEL,
    ACT_REPLACE_AGAIN,
    ACT_CANCEL_AGAIN
};

struct happening {
    uint64_t time_ns;
    uint32_t order;
    uint32_t act; /* enum act */
};

struct life {
    uint32_t tick;
    uint32_t qty;
    uint32_t first;   /* ordinal of the new order */
    uint32_t current; /* after a replace */
    uint8_t dealt;
    bool sell;
};

struct story {
    struct flow *flow;
    struct life *lives;
    uint32_t orders_cnt;
    uint32_t *middles;
    struct happening *happenings;
    uint32_t happenings_cnt;
    uint64_t *clords;
    uint64_t random;
};

static void *
allocate(size_t count, size_t bytes)
{
    void *mem = calloc(count, bytes);

    ASSERT(mem != NULL);
    return mem;
}

/* uniform draws from (0, 1]. */
static double
uniform(struct story *story)
{
    return ((double)flow_next(&story->random) + 1) / 4294967296.0;
}

/* exponential draws a time with the given mean, in whole nanoseconds, above 0. */
static uint64_t
exponential(struct story *story, double mean_ns)
{
    return 1 + (uint64_t)(-log(uniform(story)) * mean_ns);
}

/* deal gives each order its properties, then shuffles the orders. */
static void
deal(struct story *story)
{
    const uint32_t ioc_cnt = (uint32_t)((uint64_t)story->orders_cnt * 15 / 100);

    for (uint32_t i = 0; i < story->orders_cnt; i++) {
        const uint32_t k = i - ioc_cnt;
        unsigned dealt = 0;

        if (i < ioc_cnt) {
            story->lives[i].dealt = IOC;
            continue;
        }
        /* Digits of a number with mixed bases: independent of each other. */
        if (k % 5 == 0)
            dealt |= REPLACED | (k / 100 % 50 == 1 ? REPLACED_TWICE : 0u);
        if (k / 5 % 20 != 0)
            dealt |= CANCELED | (k / 100 % 50 == 0 ? CANCELED_TWICE : 0u);
        story->lives[i].dealt = (uint8_t)dealt;
    }
    for (uint32_t i = story->orders_cnt; i > 1; i--) {
        const uint32_t at = flow_below(&story->random, i);
        const uint8_t dealt = story->lives[at].dealt;

        story->lives[at].dealt = story->lives[i - 1].dealt;
        story->lives[i - 1].dealt = dealt;
    }
}

/* volatility_of finds by halving how much a path from low to high must be
 * stretched so that the prices at its ends lie swing apart. */
static double
volatility_of(double low, double high, double swing)
{
    double from = 0;
    double to = 10 / (high - low);

    for (int i = 0; i < 100; i++) {
        const double at = (from + to) / 2;

        if (exp(at * high) - exp(at * low) < swing)
            from = at;
        else
            to = at;
    }
    return from;
}

/* walk makes the path of the middle. A step is the sum of twelve uniform
 * numbers, which is normal enough. */
static void
walk(struct story *story, unsigned swing_percent)
{
    double *path = allocate(story->orders_cnt, sizeof *path);
    int64_t at = 0;
    double low = 0;
    double high = 0;

    for (uint32_t i = 0; i < story->orders_cnt; i++) {
        for (unsigned k = 0; k < 12; k++)
            at += (int64_t)flow_next(&story->random) - INT64_C(0x80000000);
        path[i] = (double)at / 4294967296.0;
        low = fmin(low, path[i]);
        high = fmax(high, path[i]);
    }

    const double stretch =
        swing_percent == 0 ? 0 : volatility_of(low, high, (double)swing_percent / 100);

    for (uint32_t i = 0; i < story->orders_cnt; i++)
        story->middles[i] = (uint32_t)lround(FLOW_MID_TICK * exp(stretch * path[i]));
    free(path);
}

static void
happen(struct story *story, uint64_t time_ns, uint32_t order, enum act act)
{
    story->happenings[story->happenings_cnt++] =
        (struct happening){.time_ns = time_ns, .order = order, .act = act};
}

/* live draws when things happen to an order that comes at time_ns. */
static void
live(struct story *story, uint32_t order, uint64_t time_ns)
{
    const double mean_ns = MEDIAN_LIFE_NS / log(2);
    const unsigned dealt = story->lives[order].dealt;
    const uint64_t life_ns = exponential(story, mean_ns);

    happen(story, time_ns, order, ACT_NEW);
    if ((dealt & REPLACED) != 0) {
        const uint64_t after_ns = (dealt & CANCELED) != 0
                                      ? (uint64_t)((double)life_ns * uniform(story))
                                      : exponential(story, mean_ns);

        happen(story, time_ns + after_ns, order, ACT_REPLACE);
        if ((dealt & REPLACED_TWICE) != 0)
            happen(story, time_ns + after_ns + exponential(story, mean_ns), order,
                   ACT_REPLACE_AGAIN);
    }
    if ((dealt & CANCELED) != 0) {
        happen(story, time_ns + life_ns, order, ACT_CANCEL);
        if ((dealt & CANCELED_TWICE) != 0)
            happen(story, time_ns + life_ns + exponential(story, mean_ns), order, ACT_CANCEL_AGAIN);
    }
}

static int
compare(const void *a, const void *b)
{
    const struct happening *x = a;
    const struct happening *y = b;

    if (x->time_ns != y->time_ns)
        return x->time_ns < y->time_ns ? -1 : 1;
    if (x->order != y->order)
        return x->order < y->order ? -1 : 1;
    return x->act < y->act ? -1 : x->act > y->act;
}

/* number makes the ClOrdIDs of all commands. */
static void
number(struct story *story)
{
    for (uint32_t i = 0; i < story->happenings_cnt; i++)
        story->clords[i] = i + 1;
    for (uint32_t i = story->happenings_cnt; i > 1; i--) {
        const uint32_t at = flow_below(&story->random, i);
        const uint64_t clord = story->clords[at];

        story->clords[at] = story->clords[i - 1];
        story->clords[i - 1] = clord;
    }
}

/* enter makes a new order; its place depends on the middle at its arrival. */
static void
enter(struct story *story, uint32_t order, uint64_t time_ns, uint64_t clord)
{
    struct life *life = &story->lives[order];
    const uint32_t middle = story->middles[order];
    const bool ioc = (life->dealt & IOC) != 0;
    uint32_t depth = flow_depth(story->flow, &story->random);

    while (depth + 1 >= middle)
        depth = flow_depth(story->flow, &story->random);
    life->sell = (flow_next(&story->random) & 1) != 0;
    life->tick = life->sell != ioc ? middle + depth : middle - depth;
    life->qty = 1 + flow_below(&story->random, 100);

    const struct flow_order new = {
        .tick = life->tick, .qty = life->qty, .clord = clord, .sell = life->sell, .ioc = ioc};

    life->first = flow_add_new(story->flow, time_ns, &new);
    life->current = life->first;
}

/* change makes a replace, the first or its copy. */
static void
change(struct story *story, uint32_t order, uint64_t time_ns, uint64_t clord)
{
    struct life *life = &story->lives[order];
    const uint32_t dice = flow_below(&story->random, 10);
    const struct flow_order changed = {
        .tick = dice < 4   ? life->tick + 1
                : dice < 8 ? life->tick - 1
                           : life->tick,
        .qty = life->qty + 1,
        .clord = clord,
    };

    life->current = flow_add_replace(story->flow, time_ns, life->first, &changed);
}

static void
tell(struct story *story)
{
    for (uint32_t i = 0; i < story->happenings_cnt; i++) {
        const struct happening *at = &story->happenings[i];
        const struct life *life = &story->lives[at->order];
        const uint64_t time_ns = 1000 + at->time_ns;

        switch ((enum act)at->act) {
        case ACT_NEW:
            enter(story, at->order, time_ns, story->clords[i]);
            break;
        case ACT_REPLACE:
            change(story, at->order, time_ns, story->clords[i]);
            break;
        case ACT_REPLACE_AGAIN: {
            /* By its first id, which the replace has ended. */
            const uint32_t current = life->current;

            change(story, at->order, time_ns, story->clords[i]);
            story->lives[at->order].current = current;
            break;
        }
        case ACT_CANCEL:
        case ACT_CANCEL_AGAIN:
            flow_add_cancel(story->flow, time_ns, life->current, story->clords[i]);
            break;
        default:
            UNREACHABLE("no other act");
        }
    }
}

struct flow *
flow_lifecycle(uint32_t orders_cnt, unsigned swing_percent)
{
    const struct engine_cfg cfg = {
        .orders_max = 1u << 17,
        .instruments_max = 16,
        .positions_max = 1024,
        .pages_max = 1u << 13,
    };
    const uint32_t happenings_max = orders_cnt * 5;
    struct story story = {
        .flow = flow_new(&cfg, UINT64_C(2463534242), FLOW_ALONE),
        .lives = allocate(orders_cnt, sizeof *story.lives),
        .orders_cnt = orders_cnt,
        .middles = allocate(orders_cnt, sizeof *story.middles),
        .happenings = allocate(happenings_max, sizeof *story.happenings),
        .clords = allocate(happenings_max, sizeof *story.clords),
        .random = UINT64_C(521288629),
    };
    uint64_t time_ns = 0;

    deal(&story);
    walk(&story, swing_percent);
    for (uint32_t i = 0; i < orders_cnt; i++) {
        time_ns += exponential(&story, MEAN_GAP_NS);
        live(&story, i, time_ns);
    }
    qsort(story.happenings, story.happenings_cnt, sizeof *story.happenings, compare);
    number(&story);
    flow_begin(story.flow, story.happenings_cnt + orders_cnt, 2 * orders_cnt);
    tell(&story);
    flow_end(story.flow);
    free(story.lives);
    free(story.middles);
    free(story.happenings);
    free(story.clords);
    return story.flow;
}
