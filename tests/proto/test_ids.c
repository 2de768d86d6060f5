/*
 * Goal: no two reports have the same ExecID, also those of one command that causes
 * more events than the plain form counts; and both sides of a trade have numbers
 * next to each other across the seam of the forms.
 * Method: the ids of commands next to each other around the seam, sorted.
 */
#include <stdlib.h>

#include <criterion/criterion.h>

#include "proto/cell.h"

#define AROUND 64u

static int
compare(const void *left, const void *right)
{
    const uint64_t a = *(const uint64_t *)left;
    const uint64_t b = *(const uint64_t *)right;

    return a < b ? -1 : a > b;
}

Test(ids, exec_ids_of_large_commands_are_of_no_other)
{
    /* Of each of three commands: the first, those about the seam, the last that fit. */
    const uint32_t starts[] = {0, CELL_EXEC_LONG - AROUND / 2, 0x3ffffffu - AROUND + 1};
    uint64_t ids[3 * 3 * AROUND];
    size_t cnt = 0;

    for (uint64_t seq = 41; seq < 44; seq++)
        for (size_t i = 0; i < 3; i++)
            for (uint32_t index = starts[i]; index < starts[i] + AROUND; index++)
                ids[cnt++] = cell_exec_id(9, seq, index);
    qsort(ids, cnt, sizeof ids[0], compare);
    for (size_t i = 0; i < cnt; i++)
        cr_assert_eq(ids[i] >> 60, 9);
    for (size_t i = 1; i < cnt; i++)
        cr_assert_neq(ids[i], ids[i - 1], "id %zu of %zu", i, cnt);
}

/* A match has the number of the taker's report; the maker's is one higher. */
Test(ids, both_sides_of_a_trade_have_numbers_of_their_own)
{
    for (uint32_t index = 1; index < CELL_EXEC_LONG + AROUND; index++) {
        const uint64_t next = cell_exec_id(1, 7, index) + 1;

        if (index + 1 != CELL_EXEC_LONG)
            cr_assert_eq(next, cell_exec_id(1, 7, index + 1), "index %u", index);
        else /* still of nobody else: the last of the plain form is never given */
            cr_assert_eq(next, UINT64_C(1) << 60 | 7u << 20 | CELL_EXEC_LONG);
    }
}

Test(ids, forms_do_not_meet_in_1_000_000_000_000_commands)
{
    cr_assert_lt(cell_exec_id(0, UINT64_C(1000000000000), CELL_EXEC_LONG - 1),
                 cell_exec_id(0, 0, CELL_EXEC_LONG));
}
