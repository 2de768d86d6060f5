/*
 * Goal: with every check of risk at work the short road and the long one do the same,
 * and what is reserved is what lives.
 * Method: random commands under limits so tight that many are refused, for two
 * engines. Of the second about half of the orders, cancels and replaces come with a
 * RiskDetail that says nothing, which the short road does not take. Both write the
 * same, and engine_check sums up all orders after each command.
 */
#include "tests/engine/harness_risk.h"

#define STEPS 3000u
#define KNOWN 64u

struct stream {
    struct harness h;
    struct harness wordy;
    uint64_t ids[KNOWN];
    uint64_t clord;
    unsigned refused_cnt;
    unsigned events_cnt;
};

static void
assert_same(const struct stream *stream)
{
    cr_assert_eq(stream->h.cells_cnt, stream->wordy.cells_cnt);
    cr_assert_arr_eq(stream->h.cells, stream->wordy.cells,
                     stream->h.cells_cnt * sizeof *stream->h.cells);
}

static uint32_t
below(uint32_t end)
{
    return (uint32_t)rand() % end;
}

/* apply applies a command to both engines, to the second about every second time on
 * the long road. */
static void
apply(struct stream *stream, union cell *cells, unsigned cells_cnt)
{
    cr_assert_eq(harness_apply(&stream->h, cells), ENGINE_DONE);
    if (below(2) == 0) {
        cells[cells_cnt] = (union cell){.risk_detail = {.kind = CELL_KIND_RISK_DETAIL}};
        cells[0].bytes[1]++;
    }
    cr_assert_eq(harness_apply(&stream->wordy, cells), ENGINE_DONE);
    assert_same(stream);
    stream->refused_cnt += harness_outcome(&stream->h) != 0;
    stream->events_cnt += harness_message(&stream->h, CELL_KIND_RISK_ACTION, 0) != NULL ||
                          harness_message(&stream->h, CELL_KIND_RISK_WARNING, 0) != NULL;
}

static void
enter(struct stream *stream, uint16_t session)
{
    static const uint8_t tifs[] = {OE_TIME_IN_FORCE_DAY, OE_TIME_IN_FORCE_DAY,
                                   OE_TIME_IN_FORCE_GOOD_TILL_CANCEL,
                                   OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL};
    static const struct cell_order_extension stop = {.stop_px = 104};
    static const struct cell_order_extension peg = {.peg_offset_px = 0};
    static const struct cell_order_extension berg = {.display_qty = 2};
    struct harness_order order = {.clord = stream->clord,
                                  .px = 95 + below(10),
                                  .qty = 1 + below(9),
                                  .session = session,
                                  .instrument = below(3),
                                  .account = session / 2u * 2u + below(2),
                                  .sell = below(2) != 0,
                                  .tif = tifs[below(ARRAY_LEN(tifs))]};
    union cell cells[3];

    switch (below(24)) {
    case 0:
        order.ord_type = OE_ORD_TYPE_STOP;
        order.px = 0;
        order.extension = &stop;
        order.tif = OE_TIME_IN_FORCE_DAY;
        break;
    case 1:
        order.ord_type = OE_ORD_TYPE_PEGGED;
        order.extension = &peg;
        order.tif = OE_TIME_IN_FORCE_DAY;
        break;
    case 2:
        order.extension = &berg;
        order.tif = OE_TIME_IN_FORCE_DAY;
        break;
    case 3:
        order.exec_inst = OE_EXEC_INST_POST_ONLY | OE_EXEC_INST_POST_ONLY_REPRICE;
        order.tif = OE_TIME_IN_FORCE_DAY;
        break;
    case 4:
        order.stp_capacity = (uint8_t)below(5);
        break;
    default:
        break;
    }
    apply(stream, cells, harness_order_cells(&stream->h, order, cells));
    if (harness_outcome(&stream->h) == 0)
        stream->ids[below(KNOWN)] = stream->h.cells[0].order_new.order_id;
}

static void
cancel(struct stream *stream, uint16_t session)
{
    union cell cells[2] = {{.order_cancel = {.kind = CELL_KIND_ORDER_CANCEL,
                                             .shape = 1u | CELL_BY_ID,
                                             .instrument = below(3),
                                             .time = stream->h.time_ns,
                                             .clord = stream->clord,
                                             .order_id = stream->ids[below(KNOWN)],
                                             .session = session,
                                             .in_no = harness_in_no(&stream->h, session)}}};

    apply(stream, cells, 1);
}

static void
replace(struct stream *stream, uint16_t session)
{
    const unsigned at = below(KNOWN);
    union cell cells[3] = {{.order_replace = {.kind = CELL_KIND_ORDER_REPLACE,
                                              .shape = 2u | CELL_BY_ID,
                                              .instrument = below(3),
                                              .time = stream->h.time_ns,
                                              .clord = stream->clord,
                                              .order_id = stream->ids[at],
                                              .px = 95 + below(10),
                                              .qty = below(12),
                                              .session = session,
                                              .in_no = harness_in_no(&stream->h, session)}},
                           {.replace_detail = {.kind = CELL_KIND_REPLACE_DETAIL}}};

    apply(stream, cells, 2);
    if (harness_outcome(&stream->h) == 0)
        stream->ids[at] = stream->h.cells[1].replace_detail.new_order_id;
}

static const uint8_t limits[] = {
    CELL_RISK_LIMIT_OPEN_ORDERS, CELL_RISK_LIMIT_OPEN_NOTIONAL, CELL_RISK_LIMIT_DAILY_GROSS,
    CELL_RISK_LIMIT_DAILY_NET,   CELL_RISK_LIMIT_DAILY_LOSS,    CELL_RISK_LIMIT_CREDIT,
    CELL_RISK_LIMIT_DUPLICATES,  CELL_RISK_LIMIT_EXECUTIONS,    CELL_RISK_LIMIT_MESSAGE_RATE,
    CELL_RISK_LIMIT_CANCEL_RATE, CELL_RISK_LIMIT_LONG,          CELL_RISK_LIMIT_SHORT,
};

/* set_limit sets any limit at any level; some do not exist. */
static void
set_limit(struct harness *h)
{
    const uint8_t limit = limits[below(ARRAY_LEN(limits))];
    const bool counts = limit == CELL_RISK_LIMIT_DUPLICATES || limit == CELL_RISK_LIMIT_EXECUTIONS;
    const bool rate = limit == CELL_RISK_LIMIT_MESSAGE_RATE || limit == CELL_RISK_LIMIT_CANCEL_RATE;
    const bool orders = limit == CELL_RISK_LIMIT_OPEN_ORDERS || limit == CELL_RISK_LIMIT_LONG ||
                        limit == CELL_RISK_LIMIT_SHORT;
    struct harness_limit set = {.level = (uint8_t)(1 + below(4)),
                                .subject = below(2),
                                .limit = limit,
                                .value = counts || rate ? 1 + below(6)
                                         : orders       ? 3 + below(30)
                                                        : 500 + below(6000)};

    if (counts || rate)
        set.window_ns = 1 + below(100000);
    else if (below(2) == 0 && !orders && limit != CELL_RISK_LIMIT_CREDIT) {
        set.warn = (uint16_t)below(1000);
        set.slow = (uint16_t)below(1000);
        set.close = (uint16_t)below(1000);
        set.block = (uint16_t)(below(2) * below(1000));
        set.slow_ms = 1;
    }
    if (below(3) == 0)
        set.value = INT64_MAX;
    (void)harness_limit(h, set);
}

/* administer gives one command of an operator. */
static void
administer(struct harness *h)
{
    switch (below(8)) {
    case 0:
        (void)harness_kill(h, (uint8_t)(1 + below(4)), below(2), below(2) != 0);
        break;
    case 1:
    case 2:
        for (uint8_t level = 1; level <= 4; level++)
            (void)harness_enable(h, level, below(2));
        break;
    case 3:
        (void)harness_cash(h, below(4), CELL_MOVE_MODE_ADD, (px_t)below(3000) - 500);
        break;
    case 4:
        (void)harness_mark(h, below(3), 95 + below(10), below(2) != 0);
        break;
    case 5:
        (void)harness_units(h, below(4), below(3), CELL_MOVE_MODE_ADD, (int64_t)below(30) - 10);
        break;
    case 6:
        (void)harness_day(h, 20240101 + below(28));
        break;
    default:
        set_limit(h);
        break;
    }
}

static void
prepare(struct harness *h)
{
    struct cell_instrument_limits bounds = harness_no_instrument_limits();

    harness_init(h, NULL);
    h->time_ns = UINT64_C(1) << 50;

    bounds.collar_ticks = 6;
    bounds.reference_px = 100;
    for (uint32_t instrument = 0; instrument < 3; instrument++) {
        cr_assert_eq(
            harness_instrument_set(h, instrument, 1, 1, CELL_INSTRUMENT_STATE_OPEN, bounds), 0);
        cr_assert_eq(harness_fees(h, instrument, 50000 - 60000 * (int32_t)instrument, 110000), 0);
        cr_assert_eq(
            harness_rule(h, (struct cell_order_rule_set){.subject = instrument,
                                                         .types = 0x3f,
                                                         .tifs = 0x7f,
                                                         .references = instrument == 1 ? 2 | 8 : 9,
                                                         .level = OE_RISK_LEVEL_INSTRUMENT}),
            0);
    }
    for (uint32_t account = 0; account < 4; account++) {
        cr_assert_eq(harness_cash(h, account, CELL_MOVE_MODE_SET, 20000), 0);
        cr_assert_eq(harness_limit(h, (struct harness_limit){.subject = account,
                                                             .limit = CELL_RISK_LIMIT_CREDIT}),
                     0);
    }
}

/* run returns how many commands began a stage. */
static unsigned
run(unsigned seed)
{
    struct stream *stream = calloc(1, sizeof *stream);

    srand(seed);
    prepare(&stream->h);
    prepare(&stream->wordy);
    harness_quiet(&stream->wordy);
    stream->wordy.check = true;
    for (unsigned i = 0; i < STEPS; i++) {
        const uint16_t session = (uint16_t)below(4);

        stream->clord++;
        stream->h.time_ns += below(20000);
        stream->wordy.time_ns = stream->h.time_ns;
        switch (below(12)) {
        case 0: {
            const unsigned draw = (unsigned)rand();

            srand(draw);
            administer(&stream->h);
            srand(draw);
            administer(&stream->wordy);
            assert_same(stream);
            break;
        }
        case 1:
        case 2:
        case 3:
            cancel(stream, session);
            break;
        case 4:
            replace(stream, session);
            break;
        default:
            enter(stream, session);
            break;
        }
    }
    cr_expect_gt(stream->refused_cnt, STEPS / 10, "seed %u", seed);

    const unsigned events_cnt = stream->events_cnt;

    harness_fini(&stream->h);
    harness_fini(&stream->wordy);
    free(stream);
    return events_cnt;
}

Test(risk_roads, short_and_long_road_do_the_same)
{
    unsigned events_cnt = 0;

    for (unsigned seed = 1; seed <= 6; seed++)
        events_cnt += run(seed);
    cr_assert_gt(events_cnt, 10);
}
