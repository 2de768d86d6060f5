/*
 * Goal: the sequencer loses nothing, doubles nothing and mixes nothing, however
 * full or empty its rings are, and fires timers before the command that is late.
 * Method: one thread plays gateway, sequencer and reader; rings are small, so
 * that messages wrap and the out-ring is full. What an engine without any ring
 * makes of the same commands is what must come out.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "engine/sequencer.h"
#include "engine/timers.h"

#include "tests/model/commands.h"

#define IN_CELLS  64u
#define OUT_CELLS 256u
#define START_NS  UINT64_C(1000000)
#define SEEN_MAX  65536u

struct rig {
    struct engine *engine;
    struct ring_writer ins[2];
    struct ring_reader in_readers[2];
    struct ring_writer out;
    struct ring_reader reader;
    struct sequencer sequencer;
    union cell *seen; /* all that came out */
    uint64_t seen_cnt;
};

static const struct engine_cfg cfg = {
    .orders_max = 1024,
    .instruments_max = 4,
    .accounts_max = 4,
    .groups_max = 4,
    .firms_max = 4,
    .sessions_max = 4,
    .positions_max = 16,
    .pages_max = 64,
};

static void *
take(size_t align, size_t bytes)
{
    void *mem = aligned_alloc(align, (bytes + align - 1) / align * align);

    cr_assert_not_null(mem);
    memset(mem, 0, bytes);
    return mem;
}

static struct ring *
ring_new(uint64_t cells_cnt)
{
    return ring_init(take(RING_ALIGN, ring_footprint(cells_cnt, 1)), cells_cnt, 1);
}

static void
rig_init(struct rig *rig, uint32_t burst_max)
{
    struct ring *out = ring_new(OUT_CELLS);

    memset(rig, 0, sizeof *rig);
    rig->engine = engine_init(take(CACHE_LINE, engine_footprint(&cfg)), &cfg);
    rig->seen = take(CACHE_LINE, SEEN_MAX * sizeof *rig->seen);
    ring_writer_init(&rig->out, out);
    ring_reader_init(&rig->reader, out, 0);
    sequencer_init(&rig->sequencer, rig->engine, &rig->out, burst_max);
    for (unsigned i = 0; i < 2; i++) {
        struct ring *in = ring_new(IN_CELLS);

        ring_writer_init(&rig->ins[i], in);
        ring_reader_init(&rig->in_readers[i], in, 0);
        sequencer_add_in(&rig->sequencer, &rig->in_readers[i]);
    }
}

/* put publishes a command, which must fit. */
static void
put(struct rig *rig, unsigned in, const struct command *command)
{
    cr_assert_geq(ring_writer_room(&rig->ins[in], command->count), command->count);
    ring_write(&rig->ins[in], command->cells, command->count);
    ring_publish(&rig->ins[in]);
}

/* drain takes all that is published; what comes out is kept. */
static void
drain(struct rig *rig)
{
    const uint64_t cnt = ring_reader_available(&rig->reader, 1);

    for (uint64_t i = 0; i < cnt; i++)
        rig->seen[rig->seen_cnt++] = *ring_reader_cell(&rig->reader, i);
    ring_reader_advance(&rig->reader, cnt);
    ring_reader_release(&rig->reader);
}

/* settle polls until nothing is left to do. */
static void
settle(struct rig *rig)
{
    int idle = 0;

    for (unsigned polls = 0; idle < 2; polls++) {
        cr_assert_lt(polls, 100000, "the sequencer never comes to rest");
        idle = sequencer_poll(&rig->sequencer, 0) == 0 ? idle + 1 : 0;
        drain(rig);
    }
}

/* make_venue puts one firm with one account, instrument and bound session. */
static void
make_venue(struct rig *rig, uint32_t grace_ms)
{
    struct command commands[] = {
        {.count = 1},
        command_firm(0),
        command_group(0, 0),
        command_account(0, 0),
        command_instrument(0),
        command_session(0, 0),
        command_negotiate(0, 1),
        command_establish(0, 1),
    };

    engine_genesis(&cfg, START_NS, &commands[0].cells[0]);
    commands[5].cells[0].session_set.cancel_on_disconnect_ms = grace_ms;
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        put(rig, 0, &commands[i]);
    settle(rig);
    cr_assert_eq(rig->sequencer.applied_cnt, ARRAY_LEN(commands));
    cr_assert_eq(engine_seq(rig->engine), ARRAY_LEN(commands));
}

/* order is number in_no of session 0. */
static struct command
order(uint16_t in_no, bool sell, qty_t qty, px_t px)
{
    struct command command = command_new(&(struct command_order){
        .sell = sell, .qty = qty, .px = px * (PX_ONE / 100), .clord = in_no});

    command.cells[0].order_new.in_no = in_no;
    command.cells[0].order_new.time = START_NS + in_no;
    return command;
}

/* count_seen returns how many messages of a kind came out. */
static unsigned
count_seen(const struct rig *rig, unsigned kind)
{
    unsigned cnt = 0;

    for (uint64_t i = 0; i < rig->seen_cnt; i++)
        cnt += cell_kind(&rig->seen[i]) == kind;
    return cnt;
}

Test(sequencer, of_a_ring_that_a_slice_does_not_fit_is_our_bug, .signal = SIGABRT)
{
    struct sequencer sequencer;
    struct ring_writer out;

    ring_writer_init(&out, ring_new(128));
    sequencer_init(&sequencer, NULL, &out, 16);
}

Test(sequencer, without_burst_is_our_bug, .signal = SIGABRT)
{
    struct rig rig;

    rig_init(&rig, 0);
}

Test(sequencer, has_nothing_to_do_without_commands)
{
    struct rig rig;

    rig_init(&rig, 16);
    cr_assert_eq(sequencer_poll(&rig.sequencer, 0), 0);
    cr_assert_eq(sequencer_poll(&rig.sequencer, START_NS), 0);
    cr_assert_eq(engine_seq(rig.engine), 0);
}

Test(sequencer, burst_is_what_it_takes_from_one_ring_at_once)
{
    struct rig rig;

    rig_init(&rig, 4);
    make_venue(&rig, 0);
    for (uint16_t i = 1; i <= 10; i++) {
        const struct command command = order(i, false, 1, 100);

        put(&rig, 0, &command);
    }

    const struct command other = command_firm(1);

    put(&rig, 1, &other);
    cr_assert_eq(sequencer_poll(&rig.sequencer, 0), 4 + 1);
    cr_assert_eq(sequencer_poll(&rig.sequencer, 0), 4);
    cr_assert_eq(sequencer_poll(&rig.sequencer, 0), 2);
    cr_assert_eq(sequencer_poll(&rig.sequencer, 0), 0);
    drain(&rig);
    cr_assert_eq(count_seen(&rig, CELL_KIND_ORDER_NEW), 10);
}

/* flood fills an in-ring to the brim with commands that are done at once, of which each
 * has a report. */
static void
flood(struct rig *rig, unsigned in)
{
    const struct command command = command_firm(in);

    while (ring_writer_room(&rig->ins[in], 1) > 0)
        put(rig, in, &command);
}

/* waiting returns how many commands of one cell wait in an in-ring. */
static uint64_t
waiting(struct rig *rig, unsigned in)
{
    return IN_CELLS - ring_writer_room(&rig->ins[in], IN_CELLS);
}

Test(sequencer, flood_of_one_ring_leaves_the_other_its_share)
{
    for (unsigned flooded = 0; flooded < 2; flooded++) {
        const unsigned other = 1 - flooded;
        const struct command command = command_firm(other);
        struct rig rig;

        rig_init(&rig, 4);
        make_venue(&rig, 0);
        for (unsigned i = 0; i < 20; i++)
            put(&rig, other, &command);
        for (unsigned polls = 1; polls <= 5; polls++) {
            flood(&rig, flooded);
            cr_assert_eq(sequencer_poll(&rig.sequencer, 0), 4 + 4);
            cr_assert_eq(waiting(&rig, other), 20 - 4 * polls);
            drain(&rig);
        }
    }
}

/* The same where the out-ring's slowest reader makes room for one command at a time. */
Test(sequencer, flood_of_one_ring_leaves_the_other_its_share_of_a_slow_reader)
{
    for (unsigned flooded = 0; flooded < 2; flooded++) {
        const unsigned other = 1 - flooded;
        const struct command command = command_firm(other);
        uint64_t flood_done = 0;
        struct rig rig;

        rig_init(&rig, 4);
        make_venue(&rig, 0);
        do
            flood(&rig, flooded);
        while (sequencer_poll(&rig.sequencer, 0) > 0);
        for (unsigned i = 0; i < 20; i++)
            put(&rig, other, &command);
        while (waiting(&rig, other) > 0) {
            flood(&rig, flooded);
            cr_assert_gt(ring_reader_available(&rig.reader, 1), 0);
            ring_reader_advance(&rig.reader, 1);
            ring_reader_release(&rig.reader);

            const uint64_t before = waiting(&rig, other);
            const int done = sequencer_poll(&rig.sequencer, 0);

            flood_done += (uint64_t)done - (before - waiting(&rig, other));
            cr_assert_leq(flood_done, 20 - waiting(&rig, other) + 4, "%lu of the flood, %lu not",
                          flood_done, 20 - waiting(&rig, other));
        }
        cr_assert_geq(flood_done, 20 - 4);
    }
}

Test(sequencer, commands_that_wrap_come_out_whole)
{
    struct rig rig;

    rig_init(&rig, 16);
    make_venue(&rig, 0);
    /* Two cells each, at odd positions as well: 97 cells make the ring wrap. */
    for (uint32_t i = 0; i < 97; i++) {
        struct command command = command_account(1, 0);
        const struct command spacer = command_firm(i % 2);

        command.cells[1].account_limits.order_qty_max = i + 1;
        put(&rig, 0, &command);
        if (i % 3 == 0)
            put(&rig, 0, &spacer);
        settle(&rig);

        union cell now[2];

        cr_assert_eq(engine_config_get(rig.engine, CELL_KIND_ACCOUNT_SET, 1, 0, now), 2);
        cr_assert_eq(now[1].account_limits.order_qty_max, i + 1);
    }
    cr_assert_eq(rig.sequencer.invalid_cnt, 0);
}

Test(sequencer, half_a_message_waits_for_the_rest)
{
    const struct command command = command_account(1, 0);
    struct rig rig;

    rig_init(&rig, 16);
    make_venue(&rig, 0);
    ring_write(&rig.ins[0], command.cells, 1);
    ring_publish(&rig.ins[0]);
    cr_assert_eq(sequencer_poll(&rig.sequencer, 0), 0);
    ring_write(&rig.ins[0], command.cells + 1, 1);
    ring_publish(&rig.ins[0]);
    cr_assert_eq(sequencer_poll(&rig.sequencer, 0), 1);
    cr_assert_eq(rig.sequencer.invalid_cnt, 0);
}

Test(sequencer, duplicate_is_counted_and_leaves_no_trace)
{
    const struct command command = order(1, false, 1, 100);
    struct rig rig;

    rig_init(&rig, 16);
    make_venue(&rig, 0);
    put(&rig, 0, &command);
    put(&rig, 0, &command);
    settle(&rig);
    cr_assert_eq(rig.sequencer.dropped_cnt, 1);
    cr_assert_eq(count_seen(&rig, CELL_KIND_ORDER_NEW), 1);
}

Test(sequencer, cells_that_are_no_command_are_counted_and_skipped)
{
    struct command bad[] = {order(1, false, 1, 100), order(1, false, 1, 100), command_account(0, 0),
                            command_account(0, 0),   order(1, false, 1, 100), command_firm(0)};
    const struct command good = order(1, false, 1, 100);
    struct rig rig;

    rig_init(&rig, 16);
    make_venue(&rig, 0);
    bad[0].cells[0].order_new.tif = 'x';                  /* not in its enumeration */
    bad[1].cells[0].order_new.kind = CELL_KIND_TRADE;     /* an event */
    bad[2].cells[0].bytes[1] = 1, bad[2].count = 1;       /* lacks its limits */
    bad[3].cells[1].bytes[0] = CELL_KIND_ORDER_EXTENSION; /* not what continues it */
    bad[4].cells[0].bytes[1] = 0;                         /* of no cells */
    bad[5].cells[0].bytes[1] = 2, bad[5].count = 2;       /* has one too many */
    bad[5].cells[1].bytes[0] = CELL_KIND_RISK_DETAIL;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        put(&rig, 0, &bad[i]);
    put(&rig, 0, &good);
    settle(&rig);
    cr_assert_eq(rig.sequencer.invalid_cnt, ARRAY_LEN(bad));
    cr_assert_eq(count_seen(&rig, CELL_KIND_ORDER_NEW), 1);
    cr_assert_eq(engine_orders_cnt(rig.engine), 1);
}

/* quote is number in_no of session 0: that many entries, instrument 0 each. */
static struct command
quote(uint16_t in_no, unsigned entries_cnt)
{
    const unsigned count = 1 + (entries_cnt + 1) / 2;
    struct command command = {.count = count};

    command.cells[0].mass_quote = (struct cell_mass_quote){
        .kind = CELL_KIND_MASS_QUOTE,
        .shape = (uint8_t)count,
        .entries_cnt = entries_cnt,
        .time = START_NS + in_no,
        .clord = in_no,
        .in_no = in_no,
    };
    for (unsigned i = 1; i < count; i++)
        command.cells[i].quote_pair.kind = CELL_KIND_QUOTE_PAIR;
    return command;
}

/* put_bad puts a command that must be counted and leave no trace. */
static void
put_bad(struct rig *rig, const struct command *bad, const char *what)
{
    const uint64_t invalid_cnt = rig->sequencer.invalid_cnt;
    const uint64_t seq = engine_seq(rig->engine);

    put(rig, 0, bad);
    settle(rig);
    cr_assert_eq(rig->sequencer.invalid_cnt, invalid_cnt + 1, "%s", what);
    cr_assert_eq(engine_seq(rig->engine), seq, "%s", what);
}

Test(sequencer, malformed_mass_quotes_are_no_commands)
{
    struct command bad;
    struct rig rig;

    rig_init(&rig, 16);
    make_venue(&rig, 0);
    bad = quote(1, 4);
    bad.cells[0].mass_quote.entries_cnt = 0;
    put_bad(&rig, &bad, "of no entries");
    bad = quote(1, 50);
    bad.cells[0].mass_quote.entries_cnt = 51;
    put_bad(&rig, &bad, "of too many entries");
    bad = quote(1, 4);
    bad.cells[0].mass_quote.entries_cnt = 5;
    put_bad(&rig, &bad, "with a pair too few");
    bad = quote(1, 4);
    bad.cells[0].mass_quote.entries_cnt = 2;
    put_bad(&rig, &bad, "with a pair too many");
    bad = quote(1, 4);
    bad.cells[0].bytes[1] = 1, bad.count = 1;
    put_bad(&rig, &bad, "without pairs");
    bad = quote(1, 4);
    bad.cells[0].mass_quote.stp_capacity = 5;
    put_bad(&rig, &bad, "of an unknown self-match prevention");
    bad = quote(1, 4);
    bad.cells[2].quote_pair.kind = CELL_KIND_ORDER_EXTENSION;
    put_bad(&rig, &bad, "with a cell that is no pair");
    bad = quote(1, 4);
    bad.cells[1].quote_pair.reserved1[0] = 1;
    put_bad(&rig, &bad, "with a reserved byte");
    bad = quote(1, 3);
    bad.cells[2].quote_pair.instrument2 = 1;
    put_bad(&rig, &bad, "odd, with an instrument where none is");
    bad = quote(1, 3);
    bad.cells[2].quote_pair.bid_px2 = 1;
    put_bad(&rig, &bad, "odd, with a bid where none is");
    bad = quote(1, 3);
    bad.cells[2].quote_pair.ask_qty2 = 1;
    put_bad(&rig, &bad, "odd, with an offer where none is");
}

Test(sequencer, mass_quotes_of_any_length_are_taken_wherever_they_wrap)
{
    struct rig rig;

    rig_init(&rig, 16);
    make_venue(&rig, 0);
    for (uint16_t cnt = 1; cnt <= QUOTE_ENTRIES_MAX; cnt++) {
        const struct command good = quote(cnt, cnt);

        put(&rig, 0, &good);
        settle(&rig);
    }
    cr_assert_eq(rig.sequencer.invalid_cnt, 0);
    cr_assert_eq(count_seen(&rig, CELL_KIND_MASS_QUOTE), QUOTE_ENTRIES_MAX);
    cr_assert_eq(count_seen(&rig, CELL_KIND_QUOTE_ENTRY), 50 * 51 / 2);
}

/* linked is an order of three cells, or more. */
static struct command
linked(uint16_t in_no, const uint8_t *kinds, unsigned kinds_cnt)
{
    struct command command = order(in_no, false, 1, 100);

    command.count = 1 + kinds_cnt;
    command.cells[0].bytes[1] = (uint8_t)command.count;
    for (unsigned i = 0; i < kinds_cnt; i++) {
        command.cells[1 + i] = (union cell){.words = {0}};
        command.cells[1 + i].bytes[0] = kinds[i];
    }
    return command;
}

Test(sequencer, cells_behind_an_order_have_their_places)
{
    static const struct {
        uint8_t kinds[4];
        unsigned cnt;
    } rows[] = {
        {{CELL_KIND_ORDER_LINK}, 1},
        {{CELL_KIND_ORDER_LINK, CELL_KIND_ORDER_EXTENSION}, 2},
        {{CELL_KIND_ORDER_EXTENSION, CELL_KIND_ORDER_EXTENSION}, 2},
        {{CELL_KIND_ORDER_EXTENSION, CELL_KIND_ORDER_LINK, CELL_KIND_ORDER_LINK}, 3},
        {{CELL_KIND_ORDER_EXTENSION, CELL_KIND_ORDER_LINK, CELL_KIND_ORDER_EXTENSION}, 3},
        {{CELL_KIND_RISK_DETAIL, CELL_KIND_ORDER_EXTENSION}, 2},
        {{CELL_KIND_ORDER_EXTENSION, CELL_KIND_RISK_DETAIL, CELL_KIND_ORDER_LINK}, 3},
        {{CELL_KIND_RISK_DETAIL, CELL_KIND_RISK_DETAIL}, 2},
        {{CELL_KIND_QUOTE_PAIR}, 1},
        {{CELL_KIND_ORDER_EXTENSION, CELL_KIND_REPLACE_DETAIL}, 2},
    };
    struct rig rig;

    rig_init(&rig, 16);
    make_venue(&rig, 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct command bad = linked(1, rows[i].kinds, rows[i].cnt);

        put_bad(&rig, &bad, "row");
    }

    static const uint8_t whole[] = {CELL_KIND_ORDER_EXTENSION, CELL_KIND_ORDER_LINK,
                                    CELL_KIND_RISK_DETAIL};
    for (unsigned cnt = 1; cnt <= ARRAY_LEN(whole); cnt++) {
        const struct command good = linked((uint16_t)cnt, whole, cnt);

        put(&rig, 0, &good);
        settle(&rig);
        cr_assert_eq(count_seen(&rig, CELL_KIND_ORDER_NEW), cnt);
    }
    cr_assert_eq(rig.sequencer.invalid_cnt, ARRAY_LEN(rows));
}

/* with_author is a command of the exchange itself and, behind it, its author. */
static struct command
with_author(struct command command)
{
    command.cells[command.count].author = (struct cell_author){
        .kind = CELL_KIND_AUTHOR, .uid = 1000, .name = "desk", .text = "a test"};
    command.count++;
    command.cells[0].bytes[1] = (uint8_t)command.count;
    return command;
}

static struct command
kill_account(void)
{
    struct command command = {.count = 1};

    command.cells[0].kill = (struct cell_kill){.kind = CELL_KIND_KILL,
                                               .shape = 1,
                                               .level = OE_RISK_LEVEL_ACCOUNT,
                                               .session = CELL_SESSION};
    return command;
}

Test(sequencer, word_of_an_operator_has_an_author)
{
    const struct command bad[] = {kill_account(), with_author(with_author(kill_account())),
                                  with_author(with_author(command_firm(0)))};
    const struct command good[] = {with_author(kill_account()), with_author(command_firm(0)),
                                   with_author(command_account(0, 0))};
    struct rig rig;

    rig_init(&rig, 16);
    make_venue(&rig, 0);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        put_bad(&rig, &bad[i], "author");
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        put(&rig, 0, &good[i]);
    settle(&rig);
    cr_assert_eq(count_seen(&rig, CELL_KIND_AUTHOR), ARRAY_LEN(good));
    cr_assert_eq(count_seen(&rig, CELL_KIND_KILL), 1);
    cr_assert_eq(rig.sequencer.invalid_cnt, ARRAY_LEN(bad));
}

Test(sequencer, sweep_in_slices_is_not_mixed_with_other_commands)
{
    struct rig rig;
    uint16_t in_no = 1;

    rig_init(&rig, 16);
    make_venue(&rig, 0);
    for (; in_no <= 200; in_no++) {
        const struct command maker = order(in_no, true, 1, 100);

        put(&rig, 0, &maker);
        settle(&rig);
    }

    const struct command taker = order(in_no, false, 200, 100), other = command_firm(1);
    const uint64_t from = rig.seen_cnt;

    put(&rig, 0, &taker);
    put(&rig, 1, &other);
    settle(&rig);
    cr_assert_eq(rig.seen_cnt, from + 1 + 2 * 200 + 1);
    cr_assert_eq(count_seen(&rig, CELL_KIND_TRADE), 200);
    for (uint64_t i = from; i + 1 < rig.seen_cnt; i++)
        cr_assert_eq(cell_is_last(&rig.seen[i]), i + 2 == rig.seen_cnt, "cell %lu", i - from);
    cr_assert_eq(cell_kind(&rig.seen[rig.seen_cnt - 1]), CELL_KIND_FIRM_SET);
}

Test(sequencer, full_out_ring_stalls_and_loses_nothing)
{
    struct rig rig;
    unsigned polls = 0;

    rig_init(&rig, 16);
    make_venue(&rig, 0);
    for (uint16_t i = 1; i <= 1000; i++) {
        const struct command command = order(i, i % 2 != 0, 1 + i % 3, 100);

        while (ring_writer_room(&rig.ins[0], 1) == 0) {
            sequencer_poll(&rig.sequencer, 0);
            if (++polls % 50 == 0) /* a slow reader */
                drain(&rig);
        }
        put(&rig, 0, &command);
    }
    settle(&rig);
    cr_assert_gt(rig.sequencer.stall_cnt, 0);
    cr_assert_eq(count_seen(&rig, CELL_KIND_ORDER_NEW), 1000);
    cr_assert_eq(engine_seq(rig.engine), rig.sequencer.applied_cnt);

    uint64_t seq = 0;

    for (uint64_t i = 0; i < rig.seen_cnt; i += cell_count(&rig.seen[i])) {
        if (cell_is_command(&rig.seen[i]))
            seq++;
        cr_assert_eq(cell_seq(&rig.seen[i]), seq);
    }
    cr_assert_eq(seq, engine_seq(rig.engine));
    engine_check(rig.engine);
}

/* unbound leaves one resting order of a session that is gone, with a deadline. */
static uint64_t
unbound(struct rig *rig)
{
    const struct command maker = order(1, true, 1, 100);
    struct command gone = command_unbind(0, 1);

    rig_init(rig, 16);
    make_venue(rig, 5);
    gone.cells[0].session_unbind.time = START_NS + 10;
    put(rig, 0, &maker);
    put(rig, 0, &gone);
    settle(rig);
    /* The end of the tick in which the grace time ends. */
    cr_assert_eq(engine_deadline_ns(rig->engine),
                 (((START_NS + 10 + 5000000) >> TIMERS_TICK_BITS) + 1) << TIMERS_TICK_BITS);
    return engine_deadline_ns(rig->engine);
}

Test(sequencer, timer_fires_before_the_command_that_is_late)
{
    struct rig rig;
    const uint64_t deadline_ns = unbound(&rig);
    struct command late = command_firm(1);

    late.cells[0].firm_set.time = deadline_ns - 1;
    put(&rig, 0, &late);
    settle(&rig);
    cr_assert_eq(count_seen(&rig, CELL_KIND_CLOCK), 0, "not yet");
    late.cells[0].firm_set.time = deadline_ns;
    put(&rig, 0, &late);
    settle(&rig);
    cr_assert_eq(count_seen(&rig, CELL_KIND_CLOCK), 1);
    cr_assert_eq(cell_kind(&rig.seen[rig.seen_cnt - 3]), CELL_KIND_CLOCK);
    cr_assert_eq(cell_kind(&rig.seen[rig.seen_cnt - 2]), CELL_KIND_ORDER_CANCELED);
    cr_assert_eq(cell_kind(&rig.seen[rig.seen_cnt - 1]), CELL_KIND_FIRM_SET);
    cr_assert_eq(cell_time(&rig.seen[rig.seen_cnt - 3]), deadline_ns);
    cr_assert_eq(engine_deadline_ns(rig.engine), UINT64_MAX);
}

Test(sequencer, timer_fires_when_no_command_comes)
{
    struct rig rig;
    const uint64_t deadline_ns = unbound(&rig);

    cr_assert_eq(sequencer_poll(&rig.sequencer, 0), 0, "no time is known");
    cr_assert_eq(sequencer_poll(&rig.sequencer, deadline_ns - 1), 0);
    cr_assert_eq(sequencer_poll(&rig.sequencer, deadline_ns), 1);
    cr_assert_eq(sequencer_poll(&rig.sequencer, deadline_ns), 0);
    drain(&rig);
    cr_assert_eq(count_seen(&rig, CELL_KIND_CLOCK), 1);
    cr_assert_eq(engine_orders_cnt(rig.engine), 0);
}
