/*
 * Goal: timers fire never early, at most a tick late, by tick and then in the
 * order in which they were armed, whatever was moved inwards between; and each
 * call does bounded work.
 * Method: a naive list that is searched for the least beside the wheel, a
 * million random operations of hostile mixes; and the corners one by one.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "engine/timers.h"

#include "tests/model/random.h"
#include "tests/seeds.h"

#define TICK       (UINT64_C(1) << TIMERS_TICK_BITS)
#define OPERATIONS 1000000u
#define IDS        200u
#define MANY       100000u

struct fixture {
    struct timers timers;
    void *mem;
};

static void
fixture_init(struct fixture *f, uint32_t timers_max)
{
    const size_t bytes = timers_footprint(timers_max);
    const size_t lines_bytes = (bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;

    f->mem = aligned_alloc(CACHE_LINE, lines_bytes);
    cr_assert_not_null(f->mem);
    memset(f->mem, 0, lines_bytes);
    timers_init(&f->timers, f->mem, timers_max);
}

static void
fixture_fini(struct fixture *f)
{
    free(f->mem);
}

/* settle pops until the wheel has turned: an id, or TIMERS_NONE. Each call that
 * only turns moves one timer at least, and each timer moves seven times at most. */
static uint32_t
settle(struct timers *timers, uint64_t now_ns)
{
    const uint32_t calls_max = timers->armed_cnt * (TIMERS_WHEELS - 1) + 1;
    uint32_t id = TIMERS_TURNING;

    for (uint32_t i = 0; i < calls_max && id == TIMERS_TURNING; i++)
        id = timers_pop(timers, now_ns);
    cr_assert_neq(id, TIMERS_TURNING, "the wheel does not come to rest");
    return id;
}

static struct hash128
hash_of(const struct timers *timers)
{
    struct hash_state hash;

    hash_init(&hash);
    timers_hash(timers, &hash);
    return hash_digest(&hash);
}

Test(timers, footprint_has_bounds)
{
    cr_assert_eq(timers_footprint(0), 0);
    cr_assert_gt(timers_footprint(1), 0);
    cr_assert_gt(timers_footprint(TIMERS_MAX), (size_t)TIMERS_MAX * 16);
    cr_assert_eq(timers_footprint(TIMERS_MAX + 1), 0);
}

Test(timers, fire_at_the_end_of_the_tick_of_their_deadline)
{
    static const struct {
        uint64_t deadline_ns;
        uint64_t due_ns;
    } cases[] = {
        {0, 0},
        {1, TICK},
        {TICK - 1, TICK},
        {TICK, TICK},
        {TICK + 1, 2 * TICK},
        {64 * TICK, 64 * TICK},
        {64 * TICK + 1, 65 * TICK},
        {4096 * TICK - 1, 4096 * TICK},
        {UINT64_C(1) << 62, UINT64_C(1) << 62},
        {TIMERS_TICK_MAX * TICK - 1, TIMERS_TICK_MAX * TICK},
        {TIMERS_TICK_MAX * TICK, TIMERS_TICK_MAX * TICK},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fixture f;

        fixture_init(&f, 4);
        timers_arm(&f.timers, 3, cases[i].deadline_ns);
        cr_assert(timers_armed(&f.timers, 3));
        cr_assert_leq(timers_deadline_ns(&f.timers), cases[i].due_ns);
        if (cases[i].due_ns != 0) {
            cr_assert_eq(settle(&f.timers, cases[i].due_ns - 1), TIMERS_NONE, "case %zu", i);
            cr_assert_eq(timers_deadline_ns(&f.timers), cases[i].due_ns, "case %zu", i);
        }
        cr_assert_eq(settle(&f.timers, cases[i].due_ns), 3, "case %zu", i);
        cr_assert(!timers_armed(&f.timers, 3));
        cr_assert_eq(timers_deadline_ns(&f.timers), UINT64_MAX);
        cr_assert_eq(settle(&f.timers, UINT64_MAX), TIMERS_NONE);
        timers_check(&f.timers);
        fixture_fini(&f);
    }
}

Test(timers, of_the_last_tick_never_come_due)
{
    struct fixture f;

    fixture_init(&f, 4);
    timers_arm(&f.timers, 0, UINT64_MAX);
    timers_arm(&f.timers, 1, TIMERS_TICK_MAX * TICK + 1);
    cr_assert_eq(timers_deadline_ns(&f.timers), UINT64_MAX);
    cr_assert_eq(settle(&f.timers, UINT64_MAX), TIMERS_NONE);
    timers_arm(&f.timers, 2, UINT64_MAX);
    cr_assert_eq(timers_pop(&f.timers, UINT64_MAX), TIMERS_NONE);
    timers_check(&f.timers);
    for (uint32_t id = 0; id < 3; id++)
        timers_disarm(&f.timers, id);
    cr_assert_eq(f.timers.armed_cnt, 0);
    timers_check(&f.timers);
    fixture_fini(&f);
}

/* Each is armed from further in, so each goes to another wheel at first. */
Test(timers, of_one_tick_fire_in_the_order_of_arming_from_wherever_they_come)
{
    const uint64_t due_tick = 5 * 64 * 64 * 64 + 6 * 64 * 64 + 7 * 64 + 8;
    const uint64_t from_tick[] = {
        0,       5 * 64 * 64 * 64, 5 * 64 * 64 * 64 + 6 * 64 * 64 + 1, due_tick - 8, due_tick - 1,
        due_tick};
    struct fixture f;

    fixture_init(&f, 8);
    for (uint32_t i = 0; i < ARRAY_LEN(from_tick); i++) {
        if (from_tick[i] < due_tick)
            cr_assert_eq(settle(&f.timers, from_tick[i] * TICK), TIMERS_NONE);
        timers_arm(&f.timers, 7 - i, (due_tick - 1) * TICK + 1 + i % 2);
        timers_check(&f.timers);
    }
    for (uint32_t i = 0; i < ARRAY_LEN(from_tick); i++)
        cr_assert_eq(settle(&f.timers, due_tick * TICK), 7 - i);
    cr_assert_eq(settle(&f.timers, due_tick * TICK), TIMERS_NONE);
    fixture_fini(&f);
}

Test(timers, armed_late_are_due_at_once_behind_those_that_were_due)
{
    struct fixture f;

    fixture_init(&f, 8);
    timers_arm(&f.timers, 0, 70 * TICK);
    timers_arm(&f.timers, 1, 90 * TICK);
    timers_arm(&f.timers, 2, 101 * TICK);
    cr_assert_eq(timers_pop(&f.timers, 100 * TICK), TIMERS_TURNING);
    timers_arm(&f.timers, 3, 50 * TICK);
    timers_arm(&f.timers, 4, 0);
    timers_arm(&f.timers, 5, 100 * TICK);
    cr_assert_leq(timers_deadline_ns(&f.timers), 70 * TICK);
    for (uint32_t i = 0; i < 5; i++) {
        static const uint32_t wanted[] = {0, 1, 3, 4, 5};

        cr_assert_eq(settle(&f.timers, i % 2 == 0 ? 100 * TICK : 0), wanted[i]);
        timers_check(&f.timers);
    }
    cr_assert_eq(settle(&f.timers, 100 * TICK), TIMERS_NONE);
    cr_assert_eq(settle(&f.timers, 101 * TICK), 2);
    fixture_fini(&f);
}

Test(timers, disarmed_do_not_fire_and_leave_nothing)
{
    struct fixture f;
    struct fixture fresh;

    fixture_init(&f, IDS);
    fixture_init(&fresh, IDS);
    timers_disarm(&f.timers, 5);
    for (uint32_t id = 0; id < IDS; id++)
        timers_arm(&f.timers, id, (uint64_t)id * id * id * TICK);
    for (uint32_t i = 0; i < IDS; i++)
        timers_disarm(&f.timers, i * 7 % IDS);
    timers_check(&f.timers);
    cr_assert_eq(f.timers.armed_cnt, 0);
    cr_assert_eq(timers_deadline_ns(&f.timers), UINT64_MAX);
    cr_assert_eq(memcmp(f.mem, fresh.mem, timers_footprint(IDS)), 0);
    cr_assert_eq(timers_pop(&f.timers, UINT64_MAX), TIMERS_NONE);
    fixture_fini(&f);
    fixture_fini(&fresh);
}

/* Many in one slot of a wheel further out: calls that only turn. */
Test(timers, each_call_moves_a_bounded_number)
{
    enum {
        CNT = 1000
    };
    static struct timer before[CNT];
    struct fixture f;
    const struct timer *at;
    uint32_t turns_cnt = 0;
    uint32_t id;

    fixture_init(&f, CNT);
    at = &f.timers.at[1 + TIMERS_WHEELS * TIMERS_SLOTS];
    for (uint32_t i = 0; i < CNT; i++)
        timers_arm(&f.timers, i, (64 * 64 + i % 7) * TICK);
    for (;;) {
        uint32_t changed_cnt = 0;

        memcpy(before, at, sizeof before);
        id = timers_pop(&f.timers, 64 * 64 * TICK);
        if (id != TIMERS_TURNING)
            break;
        turns_cnt++;
        for (uint32_t i = 0; i < CNT; i++)
            changed_cnt += memcmp(&before[i], &at[i], sizeof before[i]) != 0;
        /* Those moved, the tails before them, the head of the rest. */
        cr_assert_leq(changed_cnt, 2 * TIMERS_MOVES_MAX + 1);
        cr_assert_eq(f.timers.armed_cnt, CNT);
        timers_check(&f.timers);
    }
    cr_assert_eq(id, 0);
    cr_assert_eq(turns_cnt, (CNT + TIMERS_MOVES_MAX - 1) / TIMERS_MOVES_MAX);
    fixture_fini(&f);
}

Test(timers, armed_while_their_slot_is_moved_do_not_overtake)
{
    enum {
        CNT = 3 * TIMERS_MOVES_MAX
    };
    struct fixture f;

    fixture_init(&f, CNT + 2);
    for (uint32_t i = 0; i < CNT; i++)
        timers_arm(&f.timers, i, 70 * TICK);
    cr_assert_eq(timers_pop(&f.timers, 64 * TICK), TIMERS_TURNING);
    timers_arm(&f.timers, CNT, 70 * TICK);
    timers_arm(&f.timers, CNT + 1, 69 * TICK);
    timers_disarm(&f.timers, 1);
    timers_disarm(&f.timers, CNT - 1);
    timers_check(&f.timers);
    cr_assert_eq(settle(&f.timers, 70 * TICK), CNT + 1);
    for (uint32_t i = 0; i <= CNT; i++)
        if (i != 1 && i != CNT - 1)
            cr_assert_eq(settle(&f.timers, 70 * TICK), i);
    cr_assert_eq(settle(&f.timers, 70 * TICK), TIMERS_NONE);
    fixture_fini(&f);
}

Test(timers, turn_ends_when_the_rest_is_disarmed)
{
    struct fixture f;

    fixture_init(&f, IDS);
    for (uint32_t i = 0; i < IDS; i++)
        timers_arm(&f.timers, i, (64 + i % 3) * TICK);
    cr_assert_eq(timers_pop(&f.timers, 64 * TICK), TIMERS_TURNING);
    for (uint32_t i = TIMERS_MOVES_MAX; i < IDS; i++) {
        cr_assert_eq(timers_deadline_ns(&f.timers), 64 * TICK);
        timers_disarm(&f.timers, i);
        timers_check(&f.timers);
    }
    cr_assert_eq(timers_pop(&f.timers, 64 * TICK), 0);
    for (uint32_t i = 0; i < TIMERS_MOVES_MAX; i++)
        timers_disarm(&f.timers, i);
    cr_assert_eq(timers_deadline_ns(&f.timers), UINT64_MAX);
    timers_check(&f.timers);
    fixture_fini(&f);
}

Test(timers, hash_tells_what_can_change_an_outcome)
{
    struct fixture a;
    struct fixture b;

    fixture_init(&a, 4);
    fixture_init(&b, 4);
    cr_assert(hash128_equal(hash_of(&a.timers), hash_of(&b.timers)));
    timers_arm(&a.timers, 0, 9 * TICK);
    cr_assert(!hash128_equal(hash_of(&a.timers), hash_of(&b.timers)));
    timers_arm(&a.timers, 1, 9 * TICK);
    timers_arm(&b.timers, 1, 9 * TICK);
    timers_arm(&b.timers, 0, 9 * TICK);
    cr_assert(!hash128_equal(hash_of(&a.timers), hash_of(&b.timers)), "the order counts");
    timers_disarm(&a.timers, 0);
    timers_arm(&a.timers, 0, 8 * TICK + 1);
    cr_assert(hash128_equal(hash_of(&a.timers), hash_of(&b.timers)), "the way does not");
    cr_assert_eq(timers_pop(&a.timers, 3 * TICK), TIMERS_NONE);
    cr_assert(!hash128_equal(hash_of(&a.timers), hash_of(&b.timers)), "the position counts");
    fixture_fini(&a);
    fixture_fini(&b);
}

Test(timers, armed_twice_is_a_bug, .signal = SIGABRT)
{
    struct fixture f;

    fixture_init(&f, 4);
    timers_arm(&f.timers, 1, 5);
    timers_arm(&f.timers, 1, 5);
}

Test(timers, id_out_of_range_is_a_bug, .signal = SIGABRT)
{
    struct fixture f;

    fixture_init(&f, 4);
    timers_disarm(&f.timers, 4);
}

/* The naive list: what is armed, with its tick and when it was armed. */
struct naive_timer {
    bool armed;
    uint64_t tick;
    uint64_t armed_no;
};

struct naive {
    struct naive_timer at[IDS];
    uint64_t arms_cnt;
    uint64_t turned_tick;
};

/* A run: both, what time it is, and what drives them. */
struct run {
    struct fixture f;
    struct naive naive;
    struct random random;
    uint64_t now_ns;
    uint64_t hot_ns; /* many deadlines are near it */
    uint64_t seed;
    uint32_t step;
};

/* naive_first returns the armed timer that fires first, IDS if there is none. */
static uint32_t
naive_first(const struct naive *naive)
{
    uint32_t first = IDS;

    for (uint32_t i = 0; i < IDS; i++) {
        const struct naive_timer *a = &naive->at[i];

        if (!a->armed)
            continue;
        if (first == IDS || a->tick < naive->at[first].tick ||
            (a->tick == naive->at[first].tick && a->armed_no < naive->at[first].armed_no))
            first = i;
    }
    return first;
}

static uint64_t
clamped_sum(uint64_t a, uint64_t b)
{
    return a + b < a ? UINT64_MAX : a + b;
}

/* far returns a number of random length, so that all wheels are in use. */
static uint64_t
far(struct random *random)
{
    return random_u64(random) >> random_below(random, 64);
}

static uint64_t
random_deadline(struct run *run)
{
    struct random *random = &run->random;

    switch (random_below(random, 8)) {
    case 0:
        return random_u64(random) % (run->now_ns / 2 + 1) * 2;
    case 1:
        return run->now_ns;
    case 2:
        return clamped_sum(run->now_ns, random_below(random, 70) * TICK);
    case 3:
    case 4:
        return clamped_sum(run->hot_ns, random_u64(random) % (2 * TICK));
    case 5:
        return UINT64_MAX - far(random);
    default:
        return clamped_sum(run->now_ns, far(random));
    }
}

static void
change(struct run *run)
{
    struct naive_timer *timer = &run->naive.at[random_below(&run->random, IDS)];
    const uint32_t id = (uint32_t)(timer - run->naive.at);

    cr_assert_eq(timers_armed(&run->f.timers, id), timer->armed, "seed %lu step %u", run->seed,
                 run->step);
    if (timer->armed || random_permille(&run->random, 50)) {
        timers_disarm(&run->f.timers, id);
        timer->armed = false;
        return;
    }

    const uint64_t deadline_ns = random_deadline(run);
    const uint64_t tick = deadline_ns / TICK + (deadline_ns % TICK != 0);

    timers_arm(&run->f.timers, id, deadline_ns);
    *timer = (struct naive_timer){
        .armed = true,
        .tick = tick > run->naive.turned_tick ? tick : run->naive.turned_tick,
        .armed_no = run->naive.arms_cnt++,
    };
}

/* pass lets time pass: not at all, a little, up to what is wanted, years. */
static void
pass(struct run *run)
{
    struct random *random = &run->random;
    const uint64_t deadline_ns = timers_deadline_ns(&run->f.timers);

    switch (random_below(random, 8)) {
    case 0:
    case 1:
        run->now_ns = clamped_sum(run->now_ns, random_u64(random) % (2 * TICK));
        break;
    case 2:
        run->now_ns = clamped_sum(run->now_ns, random_u64(random) % (100 * TICK));
        break;
    case 3:
        if (deadline_ns > run->now_ns && deadline_ns != UINT64_MAX && random_permille(random, 500))
            run->now_ns = deadline_ns - random_below(random, 2);
        break;
    case 4:
        if (random_permille(random, 20))
            run->now_ns = clamped_sum(run->now_ns, far(random) >> 4);
        if (random_permille(random, 100) && run->hot_ns > run->now_ns)
            run->now_ns = run->hot_ns;
        break;
    case 5:
        if (random_permille(random, 50))
            run->hot_ns = clamped_sum(run->now_ns, far(random) >> 8);
        break;
    default:
        break;
    }
}

/* deadline_is_ahead says whether the wheel asks for a later time than it has seen. */
static bool
deadline_is_ahead(const struct run *run)
{
    const uint64_t deadline_ns = timers_deadline_ns(&run->f.timers);

    return deadline_ns == UINT64_MAX || deadline_ns / TICK > run->naive.turned_tick;
}

/* pop calls once; a time that went back counts for nothing. */
static void
pop(struct run *run)
{
    const bool back = random_permille(&run->random, 50);
    const uint64_t now_ns = back ? run->now_ns / 2 : run->now_ns;
    struct naive *naive = &run->naive;

    if (naive->turned_tick < now_ns / TICK)
        naive->turned_tick = now_ns / TICK;

    const uint32_t first = naive_first(naive);
    const bool due = first != IDS && naive->at[first].tick <= naive->turned_tick;
    const uint32_t armed_cnt = run->f.timers.armed_cnt;
    const uint32_t id = timers_pop(&run->f.timers, now_ns);

    if (id == TIMERS_TURNING) {
        cr_assert_eq(run->f.timers.armed_cnt, armed_cnt);
        return;
    }
    cr_assert_eq(id, due ? first : TIMERS_NONE, "seed %lu step %u: popped %u, not %u", run->seed,
                 run->step, id, first);
    if (due)
        naive->at[first].armed = false;
    else
        cr_assert(deadline_is_ahead(run), "seed %lu step %u: asks for what is done", run->seed,
                  run->step);
}

static void
check_deadline(const struct run *run)
{
    const struct timers *timers = &run->f.timers;
    const uint64_t deadline_ns = timers_deadline_ns(timers);
    const uint32_t first = naive_first(&run->naive);

    if (first == IDS || run->naive.at[first].tick > TIMERS_TICK_MAX) {
        cr_assert(first != IDS || deadline_ns == UINT64_MAX, "seed %lu step %u", run->seed,
                  run->step);
        return;
    }

    const uint64_t tick = run->naive.at[first].tick;

    cr_assert_leq(deadline_ns, tick * TICK, "seed %lu step %u: late", run->seed, run->step);
    if (timers->turning_wheel == 0 && timers->pos / TIMERS_SLOTS == tick / TIMERS_SLOTS)
        cr_assert_eq(deadline_ns, tick * TICK, "seed %lu step %u: inexact", run->seed, run->step);
}

Test(timers, random_changes_agree_with_a_naive_list)
{
    const uint32_t steps = OPERATIONS / (uint32_t)seed_cnt() + 1;

    for (uint64_t seed = seed_first(); seed < seed_first() + seed_cnt(); seed++) {
        static struct run run;
        uint32_t changes_permille;

        run = (struct run){.random = {seed}, .seed = seed};
        fixture_init(&run.f, IDS);
        run.now_ns = far(&run.random);
        run.hot_ns = run.now_ns;
        changes_permille = 200 + random_below(&run.random, 500);
        for (run.step = 0; run.step < steps; run.step++) {
            if (random_permille(&run.random, changes_permille)) {
                change(&run);
            } else {
                pass(&run);
                pop(&run);
            }
            check_deadline(&run);
            if (run.step % 100 == 0)
                timers_check(&run.f.timers);
        }
        fixture_fini(&run.f);
    }
}

static int
by_tick_then_number(const void *a, const void *b)
{
    const struct naive_timer *x = a;
    const struct naive_timer *y = b;

    if (x->tick != y->tick)
        return x->tick < y->tick ? -1 : 1;
    return x->armed_no < y->armed_no ? -1 : 1;
}

Test(timers, many_fire_in_order_through_all_wheels)
{
    struct naive_timer *wanted = calloc(MANY, sizeof *wanted);
    struct random random = {seed_first()};
    struct fixture f;

    cr_assert_not_null(wanted);
    fixture_init(&f, MANY);
    for (uint32_t id = 0; id < MANY; id++) {
        const uint64_t deadline_ns = far(&random) >> 1;

        timers_arm(&f.timers, id, deadline_ns);
        wanted[id] = (struct naive_timer){
            .tick = deadline_ns / TICK + (deadline_ns % TICK != 0),
            .armed_no = id,
        };
    }
    timers_check(&f.timers);
    qsort(wanted, MANY, sizeof *wanted, by_tick_then_number);
    for (uint32_t i = 0; i < MANY; i++) {
        /* Now and then all at once, else from one wanted time to the next. */
        const uint64_t now_ns = i % 1000 < 500 ? wanted[i].tick * TICK : UINT64_MAX / 2 + TICK;

        cr_assert_eq(settle(&f.timers, i < MANY / 2 ? wanted[i].tick * TICK : now_ns),
                     wanted[i].armed_no, "seed %lu", seed_first());
    }
    cr_assert_eq(settle(&f.timers, UINT64_MAX), TIMERS_NONE);
    timers_check(&f.timers);
    fixture_fini(&f);
    free(wanted);
}
