/*
 * Goal: an index of fixed size leads to any report, and what is read from there on is
 * the reports that were asked for: theirs, all, once, in order.
 * Method: random flows of three sessions, among them commands with very many reports
 * and trades of a session with itself, next to a plain list of who was given what; all
 * kinds of ranges are asked for, in order and not, with a ring of answers that is full
 * most of the time. Time is virtual.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "engine/route.h"
#include "gateway/history.h"

#include "tests/seeds.h"

#define SESSIONS   3u
#define CELLS_MAX  400000u
#define GIVEN_MAX  200000u
#define TOLD_CELLS 256u

/* One report, and where its message lies. */
struct given {
    uint32_t cell;
    bool maker;
};

static union cell *cells; /* the journal */
static uint32_t cells_cnt;
static uint64_t seq;
static struct given *given[SESSIONS];
static uint64_t given_cnt[SESSIONS];
static struct history_index indexes[SESSIONS];
static struct route *route;
static uint64_t random_state;

static uint8_t uuids[SESSIONS][16] = {{1}, {2}, {3}};

/* Of the source. */
static uint32_t at;
static uint32_t end;
static unsigned seeks_cnt;

static uint32_t
below(uint32_t limit)
{
    random_state += 0x9e3779b97f4a7c15ull;

    uint64_t x = random_state;

    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return (uint32_t)((x ^ (x >> 31)) % limit);
}

static void *
memory(size_t bytes)
{
    void *mem = aligned_alloc(RING_ALIGN, (bytes + RING_ALIGN - 1) / RING_ALIGN * RING_ALIGN);

    cr_assert_not_null(mem);
    memset(mem, 0, bytes);
    return mem;
}

/* put appends a message and notes to whom it goes. */
static void
put(const union cell *message, unsigned count)
{
    struct route_recipient recipients[ROUTE_RECIPIENTS_MAX];

    cr_assert_lt(cells_cnt + count, CELLS_MAX);
    memcpy(&cells[cells_cnt], message, count * sizeof *message);

    const unsigned cnt = route_message(route, &cells[cells_cnt], recipients);

    for (unsigned i = 0; i < cnt; i++) {
        const uint16_t session = recipients[i].session;

        cr_assert_eq(recipients[i].no, given_cnt[session] + 1);
        given[session][given_cnt[session]++] = (struct given){cells_cnt, recipients[i].maker};
        history_index_add(&indexes[session], seq, recipients[i].no, recipients[i].no);
    }
    cells_cnt += count;
}

static void
put_order(uint16_t session)
{
    put(&(union cell){.order_new = {.kind = CELL_KIND_ORDER_NEW,
                                    .shape = 1 | CELL_LAST,
                                    .seq = ++seq,
                                    .clord = cells_cnt,
                                    .session = session}},
        1);
}

/* put_trades is one command with trades of taker and maker. */
static void
put_trades(uint16_t taker, uint16_t maker, unsigned cnt)
{
    put(
        &(union cell){
            .order_new = {.kind = CELL_KIND_ORDER_NEW, .shape = 1, .seq = ++seq, .session = taker}},
        1);
    for (unsigned i = 0; i < cnt; i++) {
        const union cell trade[2] = {
            {.trade = {.kind = CELL_KIND_TRADE,
                       .shape = 2,
                       .seq = seq,
                       .px = cells_cnt,
                       .session = taker}},
            {.trade_maker = {.kind = CELL_KIND_TRADE_MAKER,
                             .shape = i + 1 == cnt ? CELL_LAST : 0,
                             .session = maker}},
        };

        put(trade, 2);
    }
}

static void
negotiate(uint16_t session)
{
    union cell cell = {.session_negotiate = {.kind = CELL_KIND_SESSION_NEGOTIATE,
                                             .shape = 1 | CELL_LAST,
                                             .seq = ++seq,
                                             .session = session}};

    memcpy(cell.session_negotiate.uuid, uuids[session], 16);
    put(&cell, 1);
}

static void
make_flows(unsigned commands)
{
    route = route_init(memory(route_footprint(SESSIONS)), SESSIONS);
    cells = memory(CELLS_MAX * sizeof *cells);
    for (unsigned i = 0; i < SESSIONS; i++)
        given[i] = memory(GIVEN_MAX * sizeof *given[i]);
    for (uint16_t i = 0; i < SESSIONS; i++)
        negotiate(i);
    for (unsigned i = 0; i < commands; i++) {
        const uint16_t taker = (uint16_t)below(SESSIONS);
        const unsigned dice = below(1000);

        if (dice == 0)
            put_trades(taker, (uint16_t)below(SESSIONS), 1 + below(500));
        else if (dice < 200)
            put_trades(taker, (uint16_t)below(SESSIONS), 1);
        else if (dice < 210)
            negotiate(taker); /* once more, under the UUID that it has */
        else
            put_order(dice < 900 ? 0 : taker);
    }
    end = cells_cnt;
}

static int
seek(void *ctx, uint64_t to)
{
    (void)ctx;
    seeks_cnt++;
    for (at = 0; at < end && cell_seq(&cells[at]) != to; at += cell_count(&cells[at]))
        continue;
    return at < end ? 0 : -1;
}

static int
next(void *ctx, const union cell **message)
{
    (void)ctx;
    if (at >= end)
        return 0;
    *message = &cells[at];
    at += cell_count(*message);
    return (int)cell_count(*message);
}

static struct history *history;
static struct ring_writer asks;
static struct ring_reader asks_reader;
static struct ring_writer told;
static struct ring_reader told_reader;
static uint32_t token;

static void
make_history(void)
{
    static const struct history_source source = {.seek = seek, .next = next};

    ring_writer_init(&asks, ring_init(memory(ring_footprint(64, 1)), 64, 1));
    ring_reader_init(&asks_reader, asks.ring, 0);
    ring_writer_init(&told, ring_init(memory(ring_footprint(TOLD_CELLS, 1)), TOLD_CELLS, 1));
    ring_reader_init(&told_reader, told.ring, 0);
    history = history_init(memory(history_footprint(SESSIONS)), SESSIONS, route, &asks_reader,
                           &told, &source);
}

static void
ask(uint16_t session, uint64_t from_no, uint16_t count)
{
    struct history_ask cell = {
        .token = ++token,
        .session = session,
        .count = count,
        .from_no = from_no,
        .place = history_index_find(&indexes[session], from_no),
    };
    union cell out;

    cr_assert_neq(cell.place.seq, 0);
    memcpy(cell.uuid, uuids[session], 16);
    memcpy(&out, &cell, sizeof out);
    ring_write(&asks, &out, 1);
    ring_publish(&asks);
}

/* answer reads one cell of what is told, and the message behind it; polls for it. */
static struct history_told
answer(uint64_t now_ns, union cell message[CELL_MESSAGE_MAX])
{
    struct history_told head;

    while (ring_reader_available(&told_reader, 1) == 0)
        cr_assert_gt(history_poll(history, now_ns), 0);
    memcpy(&head, ring_reader_cell(&told_reader, 0), sizeof head);
    for (unsigned i = 0; i < head.cells; i++)
        message[i] = *ring_reader_cell(&told_reader, 1 + i);
    ring_reader_advance(&told_reader, 1u + head.cells);
    ring_reader_release(&told_reader);
    return head;
}

static void
expect(uint16_t session, uint64_t from_no, uint16_t count)
{
    union cell message[CELL_MESSAGE_MAX];
    struct history_told head;

    for (uint64_t no = from_no; no < from_no + count; no++) {
        const struct given *want = &given[session][no - 1];

        head = answer(0, message);
        cr_assert_eq(head.what, HISTORY_REPORT, "report %" PRIu64 " of %u", no, session);
        cr_assert_eq(head.token, token);
        cr_assert_eq(head.session, session);
        cr_assert_eq(head.no, no);
        cr_assert_eq(head.maker, want->maker);
        cr_assert_eq(head.cells, cell_count(&cells[want->cell]));
        cr_assert_arr_eq(message, &cells[want->cell], head.cells * sizeof *message);
    }
    head = answer(0, message);
    cr_assert_eq(head.what, HISTORY_END);
    cr_assert_eq(head.token, token);
    cr_assert(history_idle(history));
}

Test(history, any_range_comes_as_it_was_given)
{
    const uint64_t seed = seed_first();

    printf("seed %" PRIu64 "\n", seed);
    random_state = seed;
    make_flows(100000);
    make_history();
    cr_assert_gt(indexes[0].stride, HISTORY_STRIDE_MIN, "an index was full");
    for (unsigned i = 0; i < 300; i++) {
        const uint16_t session = (uint16_t)below(SESSIONS);
        const uint64_t from_no = 1 + below((uint32_t)given_cnt[session]);
        const uint64_t left = given_cnt[session] - from_no + 1;
        const uint16_t count = (uint16_t)(1 + below(left < 200 ? (uint32_t)left : 200));

        ask(session, from_no, count);
        expect(session, from_no, count);
    }
}

/* But where the two sides of a trade with itself were asked for one by one. */
Test(history, who_goes_on_is_not_sought_again)
{
    unsigned asks_cnt = 0;

    random_state = seed_first();
    make_flows(20000);
    make_history();
    for (uint64_t no = 1; no + 64 <= given_cnt[1]; no += 64) {
        ask(1, no, 64);
        expect(1, no, 64);
        asks_cnt++;
    }
    cr_assert_gt(asks_cnt, 50);
    cr_assert_lt(seeks_cnt, asks_cnt / 5);
}

/* Places lie no further apart than what twice the reports ask for, whatever comes. */
Test(history, places_are_never_far)
{
    random_state = seed_first();
    make_flows(100000);
    for (unsigned i = 0; i < SESSIONS; i++) {
        const uint64_t bound = 2 * given_cnt[i] / HISTORY_PLACES + HISTORY_STRIDE_MIN + 1001;

        for (uint64_t no = 1; no <= given_cnt[i]; no++) {
            const struct history_place place = history_index_find(&indexes[i], no);

            cr_assert(place.no <= no && no - place.no <= bound,
                      "session %u: %" PRIu64 " is sought from %" PRIu64, i, no, place.no);
        }
    }
}

Test(history, the_end_of_the_journal_is_waited_at)
{
    union cell message[CELL_MESSAGE_MAX];
    struct history_told head;

    random_state = seed_first();
    make_flows(1000);
    make_history();

    const uint64_t last = given_cnt[0];

    end = given[0][last - 1].cell;
    ask(0, last, 1);
    while (history_poll(history, 0) > 0)
        continue;
    cr_assert(!history_idle(history));
    cr_assert_eq(ring_reader_available(&told_reader, 1), 0);
    end = cells_cnt;
    expect(0, last, 1);

    end = given[0][last - 1].cell;
    ask(0, last, 1);
    while (history_poll(history, 0) > 0)
        continue;
    head = answer(HISTORY_WAIT_NS, message);
    cr_assert_eq(head.what, HISTORY_FAILED);
    cr_assert(history_idle(history));
}

struct buffer {
    struct image_out out;
    uint8_t bytes[sizeof(struct history_index)];
    size_t cnt;
};

static void
buffer_put(struct image_out *out, const void *bytes, size_t cnt)
{
    struct buffer *buffer = (struct buffer *)out;

    cr_assert_leq(buffer->cnt + cnt, sizeof buffer->bytes);
    memcpy(buffer->bytes + buffer->cnt, bytes, cnt);
    buffer->cnt += cnt;
}

Test(history, an_index_is_saved_and_loaded)
{
    static struct history_index loaded;
    static struct buffer buffer = {.out = {.put = buffer_put}};
    struct image_in in;

    random_state = seed_first();
    make_flows(50000);
    history_index_save(&indexes[0], given_cnt[0] + 1, &buffer.out);
    in = (struct image_in){.at = buffer.bytes, .left = buffer.cnt};
    cr_assert(history_index_load(&loaded, &in, given_cnt[0] + 1, true));
    cr_assert_eq(in.left, 0);
    for (uint64_t no = 1; no <= given_cnt[0]; no += 7)
        cr_assert_eq(history_index_find(&loaded, no).seq, history_index_find(&indexes[0], no).seq);

    /* Of another session, cut short, or out of order. */
    in = (struct image_in){.at = buffer.bytes, .left = buffer.cnt};
    cr_assert(!history_index_load(&loaded, &in, 1, true));
    in = (struct image_in){.at = buffer.bytes, .left = buffer.cnt - 1};
    cr_assert(!history_index_load(&loaded, &in, given_cnt[0] + 1, true));
    memset(buffer.bytes + buffer.cnt - sizeof(struct history_place), 0, 8);
    in = (struct image_in){.at = buffer.bytes, .left = buffer.cnt};
    cr_assert(!history_index_load(&loaded, &in, given_cnt[0] + 1, true));
}
