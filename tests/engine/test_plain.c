/*
 * Goal: the short road of plain orders and the long road do the same.
 * Method: two engines get the same commands, but each new order of the second
 * comes with an extension cell that asks for nothing, which the short road does
 * not take. What they write is the same but for that cell. With risk and without,
 * with ample pools and with pools that are nearly always full.
 */
#include "tests/engine/harness.h"

#define STEPS 2000u
#define KNOWN 64u

struct roads {
    struct harness brief;
    struct harness wordy;
    uint64_t ids[KNOWN];
    unsigned seed;
};

static const struct cell_order_extension nothing;

static void
enter(struct roads *roads, unsigned at, struct harness_order order)
{
    roads->ids[at] = harness_new(&roads->brief, order);
    order.extension = &nothing;
    cr_assert_eq(harness_new(&roads->wordy, order), roads->ids[at], "seed %u", roads->seed);
}

static void
replace(struct roads *roads, unsigned at, struct harness_replace replace)
{
    const unsigned outcome = harness_replace(&roads->brief, replace);

    cr_assert_eq(harness_replace(&roads->wordy, replace), outcome, "seed %u", roads->seed);
    if (outcome == OE_REJECT_REASON_NONE)
        roads->ids[at] = roads->brief.cells[1].replace_detail.new_order_id;
}

/* step gives both engines one random command. */
static void
step(struct roads *roads, uint64_t clord)
{
    static const uint8_t tifs[] = {OE_TIME_IN_FORCE_DAY, OE_TIME_IN_FORCE_GOOD_TILL_CANCEL,
                                   OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL,
                                   OE_TIME_IN_FORCE_FILL_OR_KILL};
    const uint16_t session = (uint16_t)(rand() % 4);
    const uint32_t instrument = (uint32_t)rand() % 5; /* the last is not known */
    const px_t px = rand() % 20 == 0 ? rand() % 300000 - 10 : 1000 + rand() % 50;
    const qty_t qty = (qty_t)rand() % 30;
    const unsigned at = (unsigned)rand() % KNOWN;

    switch (rand() % 8) {
    case 0:
    case 1:
        cr_assert_eq(harness_cancel_named(&roads->brief, session, instrument, roads->ids[at],
                                          clord / 2, at % 4 != 0),
                     harness_cancel_named(&roads->wordy, session, instrument, roads->ids[at],
                                          clord / 2, at % 4 != 0));
        break;
    case 2:
        replace(roads, at,
                (struct harness_replace){.order_id = roads->ids[at],
                                         .clord = clord,
                                         .px = px,
                                         .qty = qty,
                                         .session = session,
                                         .instrument = instrument});
        break;
    default:
        enter(roads, at,
              (struct harness_order){.clord = rand() % 10 == 0 ? clord - 1 : clord,
                                     .px = px,
                                     .qty = qty,
                                     .session = session,
                                     .instrument = instrument,
                                     .sell = rand() % 2 != 0,
                                     .tif = tifs[(unsigned)rand() % ARRAY_LEN(tifs)],
                                     .stp_capacity = (uint8_t)(rand() % 8 == 0 ? rand() % 16 : 0)});
        break;
    }
}

/* assert_same asserts that both wrote the same but for the cell of nothing, which
 * is the second of its message. */
static void
assert_same(const struct roads *roads, unsigned at)
{
    const struct harness *brief = &roads->brief;
    const struct harness *wordy = &roads->wordy;
    uint64_t skipped = 0;

    cr_assert_eq(brief->dropped, wordy->dropped);
    for (uint64_t i = 0; i < brief->cells_cnt; i++) {
        union cell ours = brief->cells[i];
        union cell theirs = wordy->cells[i + skipped];

        if (i == 0 && cell_kind(&ours) == CELL_KIND_ORDER_NEW) {
            theirs.bytes[1] = (uint8_t)(theirs.bytes[1] - 1);
            skipped = 1;
            if (cell_is_last(&wordy->cells[1])) {
                cr_assert(cell_is_last(&ours), "seed %u step %u", roads->seed, at);
                theirs.bytes[1] |= CELL_LAST;
            }
        }
        cr_assert_arr_eq(&ours, &theirs, sizeof ours, "seed %u step %u", roads->seed, at);
    }
    cr_assert_eq(brief->cells_cnt + skipped, wordy->cells_cnt, "seed %u step %u", roads->seed, at);
}

/* compare runs both engines with one seed and compares them all the way. */
static void
compare(unsigned seed, bool no_risk)
{
    struct engine_cfg cfg = harness_default_cfg();
    struct roads roads = {.seed = seed};

    srand(seed);
    cfg.no_risk = no_risk;
    cfg.orders_max = seed % 2 == 0 ? 1024 : 24;
    cfg.pages_max = seed % 2 == 0 ? 256 : 12;
    harness_init(&roads.brief, &cfg);
    harness_init(&roads.wordy, &cfg);
    for (unsigned i = 0; i < STEPS; i++) {
        step(&roads, i + 10);
        assert_same(&roads, i);
    }
    harness_fini(&roads.brief);
    harness_fini(&roads.wordy);
}

Test(plain, short_and_long_road_do_the_same_with_risk)
{
    for (unsigned seed = 1; seed <= 4; seed++)
        compare(seed, false);
}

Test(plain, short_and_long_road_do_the_same_without_risk)
{
    for (unsigned seed = 1; seed <= 4; seed++)
        compare(seed, true);
}

/* An order whose self-match prevention mode is not known is refused, though
 * nothing else about it is rare. */
Test(plain, unknown_prevention_mode_is_refused)
{
    struct harness h;

    harness_init(&h, NULL);
    for (uint8_t stp = 0; stp < 16; stp++) {
        (void)harness_new(&h, (struct harness_order){
                                  .clord = 100u + stp, .px = 5, .qty = 1, .stp_capacity = stp});
        cr_assert_eq(harness_outcome(&h), stp <= OE_SELF_MATCH_PREVENTION_INSTRUCTION_DECREMENT
                                              ? OE_REJECT_REASON_NONE
                                              : OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED);
    }
    harness_fini(&h);
}
