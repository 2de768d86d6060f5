/*
 * Goal: engine_run does with many commands what engine_apply does with each, and
 * stops where it must.
 * Method: random commands, most of them plain, are applied one by one, and what
 * was asked and answered is kept. A second engine gets the same in runs of random
 * lengths and random room; its answers and its state must be the same. With risk
 * and without.
 */
#include "tests/engine/harness.h"

#define STEPS     3000u
#define KNOWN     64u
#define SPAN_MAX  20u
#define CELLS_MAX 65536u

struct tape {
    struct harness h;
    union cell *asked;
    union cell *answered;
    uint32_t asked_cnt;
    uint32_t answered_cnt;
    uint64_t ids[KNOWN];
};

/* keep takes what the last command asked, without what became of it, and what
 * it was answered. */
static void
keep(struct tape *tape)
{
    const struct harness *h = &tape->h;
    union cell *first = &tape->asked[tape->asked_cnt];
    uint32_t cnt = cell_count(&h->cells[0]);

    if (h->dropped)
        return;
    while (cell_kind(&h->cells[cnt - 1]) == CELL_KIND_RISK_DETAIL)
        cnt--;
    for (uint32_t i = 0; i < cnt; i++) {
        first[i] = h->cells[i];
        first[i].bytes[1] &= (uint8_t)~CELL_LAST;
    }
    first->bytes[1] = (uint8_t)((first->bytes[1] & ~CELL_SHAPE_COUNT) | cnt);
    first->order_new.outcome = 0;
    tape->asked_cnt += cnt;
    memcpy(&tape->answered[tape->answered_cnt], h->cells, h->cells_cnt * sizeof *h->cells);
    tape->answered_cnt += (uint32_t)h->cells_cnt;
    cr_assert_lt(tape->asked_cnt, CELLS_MAX - CELL_COMMAND_MAX);
    cr_assert_lt(tape->answered_cnt, CELLS_MAX / 2);
}

static void
step(struct tape *tape, uint64_t clord)
{
    static const uint8_t tifs[] = {OE_TIME_IN_FORCE_DAY, OE_TIME_IN_FORCE_GOOD_TILL_CANCEL,
                                   OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL,
                                   OE_TIME_IN_FORCE_FILL_OR_KILL};
    struct harness *h = &tape->h;
    const uint16_t session = (uint16_t)(rand() % 4);
    const unsigned at = (unsigned)rand() % KNOWN;
    const px_t px = rand() % 20 == 0 ? rand() % 300000 - 10 : 1000 + rand() % 40;
    const struct harness_order order = {
        .clord = rand() % 10 == 0 ? clord - 1 : clord,
        .px = px,
        .qty = (qty_t)rand() % 30,
        .session = session,
        .instrument = (uint32_t)rand() % 3,
        .sell = rand() % 2 != 0,
        .tif = tifs[(unsigned)rand() % ARRAY_LEN(tifs)],
        .stp_capacity = (uint8_t)(rand() % 8 == 0 ? rand() % 5 : 0),
        .exec_inst = (uint8_t)(rand() % 10 == 0 ? OE_EXEC_INST_POST_ONLY : 0),
    };

    h->time_ns += (uint64_t)(rand() % 3);
    switch (rand() % 16) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
        (void)harness_cancel_named(h, session, order.instrument, tape->ids[at], clord / 2,
                                   at % 4 != 0);
        break;
    case 5:
    case 6:
        if (harness_replace(h, (struct harness_replace){.order_id = tape->ids[at],
                                                        .clord = clord,
                                                        .px = px,
                                                        .qty = order.qty,
                                                        .session = session,
                                                        .instrument = order.instrument}) == 0)
            tape->ids[at] = h->cells[1].replace_detail.new_order_id;
        break;
    case 7:
        (void)harness_mass_cancel(h,
                                  (struct cell_mass_cancel){.scope = OE_MASS_CANCEL_SCOPE_SESSION,
                                                            .account = CELL_ANY,
                                                            .instrument = order.instrument,
                                                            .session = session});
        break;
    default:
        tape->ids[at] = harness_new(h, order);
        break;
    }
    keep(tape);
}

/* play gives the tape to the engine in runs. It returns how many commands runs
 * have taken. */
static uint32_t
play(const struct tape *tape, struct engine *engine, struct cell_sink *out)
{
    uint32_t in_runs_cnt = 0;

    for (uint32_t at = 0; at < tape->asked_cnt;) {
        const uint32_t rest = tape->asked_cnt - at;
        const uint32_t want = 1 + (uint32_t)rand() % SPAN_MAX;
        const uint64_t before_seq = engine_seq(engine);
        enum engine_result result = ENGINE_DONE;
        uint32_t taken = engine_run(engine, &tape->asked[at], want < rest ? want : rest,
                                    out->pos + 1 + (uint64_t)(rand() % 40), out, &result);

        cr_assert_leq(taken, want);
        in_runs_cnt += (uint32_t)(engine_seq(engine) - before_seq);
        if (taken == 0) {
            cr_assert_eq(engine_seq(engine), before_seq);
            result = engine_apply(engine, &tape->asked[at], out);
            taken = cell_count(&tape->asked[at]);
        }
        while (result == ENGINE_MORE)
            result = engine_resume(engine, out);
        at += taken;
    }
    return in_runs_cnt;
}

static void
compare(unsigned seed, bool no_risk)
{
    struct engine_cfg cfg = harness_default_cfg();
    struct tape tape = {.asked = harness_map(CELLS_MAX * sizeof(union cell)),
                        .answered = harness_map(CELLS_MAX * sizeof(union cell))};
    struct harness other;

    srand(seed);
    cfg.no_risk = no_risk;
    harness_init(&tape.h, &cfg);
    harness_init(&other, &cfg);
    harness_quiet(&tape.h);
    for (unsigned i = 0; i < STEPS; i++)
        step(&tape, i + 10);

    struct cell_sink out = {.cells = harness_map(CELLS_MAX * sizeof(union cell)),
                            .mask = CELLS_MAX - 1};

    cr_assert_gt(play(&tape, other.engine, &out), STEPS / 4, "seed %u", seed);
    cr_assert_eq(out.pos, tape.answered_cnt, "seed %u", seed);
    for (uint32_t i = 0; i < tape.answered_cnt; i++)
        cr_assert_arr_eq(&out.cells[i], &tape.answered[i], sizeof(union cell), "seed %u cell %u",
                         seed, i);
    cr_assert(hash128_equal(engine_hash(other.engine), engine_hash(tape.h.engine)), "seed %u",
              seed);
    engine_check(other.engine);
    (void)munmap(out.cells, CELLS_MAX * sizeof(union cell));
    (void)munmap(tape.asked, CELLS_MAX * sizeof(union cell));
    (void)munmap(tape.answered, CELLS_MAX * sizeof(union cell));
    harness_fini(&tape.h);
    harness_fini(&other);
}

Test(run, runs_do_what_single_commands_do_with_risk)
{
    for (unsigned seed = 1; seed <= 4; seed++)
        compare(seed, false);
}

Test(run, runs_do_what_single_commands_do_without_risk)
{
    for (unsigned seed = 5; seed <= 8; seed++)
        compare(seed, true);
}

/* orders_into fills cells with cnt plain orders of session 0 at prices that do not
 * cross, a nanosecond apart. */
static void
orders_into(struct harness *h, union cell *cells, unsigned cnt)
{
    for (unsigned i = 0; i < cnt; i++) {
        union cell two[2];

        (void)harness_order_cells(
            h, (struct harness_order){.clord = 100 + i, .px = 10 + i, .qty = 1}, two);
        cells[i] = two[0];
        cells[i].order_new.time = h->time_ns + i;
        cells[i].order_new.in_no = (uint16_t)(cells[0].order_new.in_no + i);
    }
}

Test(run, run_stops_before_a_timer_is_due)
{
    struct harness h;
    union cell cells[8];
    enum engine_result result;
    const struct cell_order_extension extension = {.expire_time = 1000000000};

    harness_init(&h, NULL);
    (void)harness_new(&h, (struct harness_order){.clord = 1,
                                                 .px = 5,
                                                 .qty = 1,
                                                 .tif = OE_TIME_IN_FORCE_GOOD_TILL_DATE,
                                                 .extension = &extension});
    cr_assert_gt(engine_deadline_ns(h.engine), h.time_ns + 4);
    h.time_ns = engine_deadline_ns(h.engine) - 4;
    orders_into(&h, cells, 8);

    struct cell_sink out = {.cells = h.cells, .mask = HARNESS_CELLS_MAX - 1};

    cr_assert_eq(engine_run(h.engine, cells, 8, UINT64_MAX, &out, &result), 4);
    cr_assert_eq(result, ENGINE_DONE);
    cr_assert_eq(engine_time_ns(h.engine), engine_deadline_ns(h.engine) - 1);
    cr_assert_eq(engine_run(h.engine, &cells[4], 4, UINT64_MAX, &out, &result), 0);
    harness_fini(&h);
}

Test(run, run_leaves_what_is_not_whole_or_not_the_next)
{
    struct harness h;
    union cell cells[3];
    enum engine_result result;

    harness_init(&h, NULL);
    orders_into(&h, cells, 3);
    cells[1].order_new.in_no++;

    struct cell_sink out = {.cells = h.cells, .mask = HARNESS_CELLS_MAX - 1};

    cr_assert_eq(engine_run(h.engine, cells, 0, UINT64_MAX, &out, &result), 0);
    cr_assert_eq(engine_run(h.engine, cells, 3, UINT64_MAX, &out, &result), 1);
    cells[1].order_new.in_no--;
    cells[1].order_new.outcome = UINT16_MAX; /* no such reason: not valid */
    cr_assert_eq(engine_run(h.engine, &cells[1], 1, UINT64_MAX, &out, &result), 0);
    cells[1].order_new.outcome = 0;
    cells[1].order_new.kind = CELL_KIND_ORDER_REPLACE;
    cells[1].order_new.shape = 2;
    cr_assert_eq(engine_run(h.engine, &cells[1], 1, UINT64_MAX, &out, &result), 0);
    cells[1].order_new.kind = CELL_KIND_CLOCK;
    cells[1].order_new.shape = 1;
    cr_assert_eq(engine_run(h.engine, &cells[1], 1, UINT64_MAX, &out, &result), 0);
    cr_assert_eq(out.pos, 1);
    harness_fini(&h);
}

/* A timer can be armed in a slot of the wheel that began before now. */
Test(run, run_lets_a_clock_come_first_that_is_due_already)
{
    struct harness h;
    union cell cells[1];
    enum engine_result result;
    const uint64_t tick_ns = UINT64_C(1) << 20;
    const struct cell_order_extension extension = {.expire_time = 230 * tick_ns};

    harness_init(&h, NULL);
    h.time_ns = 195 * tick_ns;
    (void)harness_new(&h, (struct harness_order){.clord = 1,
                                                 .px = 5,
                                                 .qty = 1,
                                                 .tif = OE_TIME_IN_FORCE_GOOD_TILL_DATE,
                                                 .extension = &extension});
    cr_assert_leq(engine_deadline_ns(h.engine), h.time_ns);
    h.time_ns = 1;
    orders_into(&h, cells, 1);

    struct cell_sink out = {.cells = h.cells, .mask = HARNESS_CELLS_MAX - 1};

    cr_assert_eq(engine_run(h.engine, cells, 1, UINT64_MAX, &out, &result), 0);
    harness_fini(&h);
}
