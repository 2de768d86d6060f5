/*
 * Goal: a false assert ends the process with a line that says where, a true one
 * does nothing, and the words for hints mean what they say.
 * Method: Criterion forks, so a test may die; the line is read from a pipe.
 */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "proto/base.h"

/* fail_in_child gives what a failed assert writes, and how the process ended. */
static int
fail_in_child(const char *expr, int line, char *text, size_t text_bytes)
{
    int fds[2];
    int status;
    size_t cnt = 0;

    cr_assert_eq(pipe(fds), 0);
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        dup2(fds[1], STDERR_FILENO);
        outcry_assert_failed(expr, "risk/some.c", line, "risk_some");
    }
    close(fds[1]);
    for (ssize_t got = 1; got > 0 && cnt < text_bytes - 1; cnt += (size_t)got) {
        got = read(fds[0], text + cnt, text_bytes - 1 - cnt);
        cr_assert_geq(got, 0);
    }
    text[cnt] = '\0';
    close(fds[0]);
    cr_assert_eq(waitpid(child, &status, 0), child);
    return status;
}

Test(base, true_assert_goes_on)
{
    int evaluated_cnt = 0;

    ASSERT(++evaluated_cnt == 1);
    cr_assert_eq(evaluated_cnt, 1);
}

Test(base, false_assert_aborts, .signal = SIGABRT)
{
    int one = 1;

    ASSERT(one == 2);
}

Test(base, unreachable_aborts, .signal = SIGABRT)
{
    UNREACHABLE("a closed set was left");
}

Test(base, slow_assert_is_evaluated_in_slow_builds_alone)
{
    int evaluated_cnt = 0;

    ASSERT_SLOW(++evaluated_cnt == 1);
    cr_assert_eq(evaluated_cnt, OUTCRY_SLOW_CHECKS);
}

Test(base, maybe_evaluates_nothing)
{
    int evaluated_cnt = 0;

    MAYBE(++evaluated_cnt == 1);
    cr_assert_eq(evaluated_cnt, 0);
}

Test(base, failed_assert_says_what_and_where)
{
    char text[1024];
    int status = fail_in_child("best_px < ask_px", 1234567890, text, sizeof(text));

    cr_assert(WIFSIGNALED(status));
    cr_assert_eq(WTERMSIG(status), SIGABRT);
    cr_assert_str_eq(text, "outcry: assertion failed at risk/some.c:1234567890 in risk_some: "
                           "best_px < ask_px\n");
}

Test(base, long_assert_is_cut_and_keeps_its_newline)
{
    char expr[900];
    char text[1024];

    memset(expr, 'x', sizeof(expr) - 1);
    expr[sizeof(expr) - 1] = '\0';
    int status = fail_in_child(expr, 1, text, sizeof(text));

    cr_assert(WIFSIGNALED(status));
    cr_assert_eq(strlen(text), 512);
    cr_assert_eq(text[511], '\n');
    cr_assert_eq(text[510], 'x');
}

Test(base, powers_of_two_have_one_bit)
{
    for (unsigned bit = 0; bit < 64; bit++)
        cr_assert(is_pow2_u64(UINT64_C(1) << bit), "bit %u", bit);
}

Test(base, other_numbers_are_no_powers_of_two)
{
    cr_assert(!is_pow2_u64(0));
    cr_assert(!is_pow2_u64(UINT64_MAX));
    for (unsigned bit = 1; bit < 64; bit++)
        cr_assert(!is_pow2_u64((UINT64_C(1) << bit) | 1), "bit %u", bit);
}
