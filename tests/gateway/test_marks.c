/*
 * Goal: marks give each position the time that was noted for it, or none; never that of
 * another. Method: one thread, positions and times that follow from each other.
 */
#include <criterion/criterion.h>

#include "gateway/marks.h"

#define NS(pos) (1000000u + 10u * (pos))

Test(marks, each_position_has_the_time_of_its_mark)
{
    static struct marks marks;

    cr_assert_eq(marks_at(&marks, 0), 0, "none yet");
    marks_put(&marks, 10, NS(10));
    marks_put(&marks, 14, NS(14));
    marks_put(&marks, 15, NS(15));
    cr_assert_eq(marks_at(&marks, 9), 0, "before the first");
    cr_assert_eq(marks_at(&marks, 10), NS(10));
    cr_assert_eq(marks_at(&marks, 13), NS(10));
    cr_assert_eq(marks_at(&marks, 14), NS(14));
    cr_assert_eq(marks_at(&marks, 15), NS(15));
    cr_assert_eq(marks_at(&marks, 1000), NS(15));
    cr_assert_eq(marks.tail, 2, "what lies before is forgotten");
}

Test(marks, mark_that_nothing_was_written_behind_takes_a_new_time)
{
    static struct marks marks;

    marks_put(&marks, 10, 1);
    marks_put(&marks, 10, 2);
    marks_put(&marks, 10, 3);
    cr_assert_eq(marks.head, 1);
    cr_assert_eq(marks_at(&marks, 10), 3);
}

Test(marks, go_round_and_round)
{
    static struct marks marks;

    for (uint64_t pos = 0; pos < 5 * MARKS_MAX; pos++) {
        marks_put(&marks, 3 * pos, NS(pos));
        if (pos % 100 != 0)
            continue;
        cr_assert_eq(marks_at(&marks, 3 * pos + 2), NS(pos));
    }
}

Test(marks, overrun_is_not_known_and_never_another_time)
{
    static struct marks marks;
    uint64_t pos;

    for (pos = 0; pos < MARKS_MAX + 100; pos++)
        marks_put(&marks, pos, NS(pos));
    for (pos = 0; pos < MARKS_MAX - 1; pos++)
        cr_assert_eq(marks_at(&marks, pos), NS(pos));
    for (; pos < MARKS_MAX + 100; pos++)
        cr_assert_eq(marks_at(&marks, pos), 0, "%lu", (unsigned long)pos);
    marks_put(&marks, pos, NS(pos));
    cr_assert_eq(marks_at(&marks, pos), NS(pos), "there is room again");
    cr_assert_eq(marks_at(&marks, pos + 50), NS(pos));
}

Test(marks, full_mark_that_is_put_again_is_still_not_known)
{
    static struct marks marks;
    uint64_t pos;

    for (pos = 0; pos < MARKS_MAX; pos++)
        marks_put(&marks, pos, NS(pos));
    marks_put(&marks, pos - 1, NS(pos));
    cr_assert_eq(marks_at(&marks, 10), NS(10u));
    marks_put(&marks, pos - 1, NS(pos));
    cr_assert_eq(marks_at(&marks, pos - 1), NS(pos), "room has come, and nothing was written yet");
}

Test(marks, are_made_only_while_they_are_wanted)
{
    static struct marks marks;

    marks_poll(&marks, 5, NS(5u));
    cr_assert_eq(marks.head, 0);
    marks_want(&marks, true);
    marks_poll(&marks, 6, NS(6u));
    marks_poll(&marks, 8, NS(8u));
    marks_want(&marks, false);
    marks_poll(&marks, 9, NS(9u));
    marks_poll(&marks, 20, NS(20u));
    cr_assert_eq(marks_at(&marks, 5), 0);
    cr_assert_eq(marks_at(&marks, 7), NS(6u));
    cr_assert_eq(marks_at(&marks, 8), NS(8u));
    cr_assert_eq(marks_at(&marks, 9), 0);
    cr_assert_eq(marks_at(&marks, 25), 0);
    marks_want(&marks, true);
    cr_assert_eq(marks_at(&marks, 30), 0);
    marks_poll(&marks, 31, NS(31u));
    cr_assert_eq(marks_at(&marks, 31), NS(31u));
}
