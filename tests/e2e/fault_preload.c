/*
 * Preloaded into `outcry serve` by the kill test: one completion of io_uring fails.
 *
 *   LD_PRELOAD=libfault_preload.so OUTCRY_FAULT=17:5 outcry serve ...
 *
 * Completion 17, counted from 0, ends with error 5; 0 means that it comes short.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/journal/fault_calls.h"

struct io_uring;

int io_uring_submit(struct io_uring *ring);
int __real_io_uring_submit(struct io_uring *ring);
int __wrap_io_uring_submit(struct io_uring *ring);

/* plan_make reads the plan. */
static void
plan_make(void)
{
    static struct fault_plan plan = {.call = FAULT_COMPLETION};
    const char *text = getenv("OUTCRY_FAULT");

    if (text != NULL && sscanf(text, "%u:%d", &plan.at, &plan.error) == 2)
        fault_plan = &plan;
}

int
io_uring_submit(struct io_uring *ring)
{
    if (fault_plan == NULL)
        plan_make();
    return __wrap_io_uring_submit(ring);
}

int
__real_io_uring_submit(struct io_uring *ring)
{
    int (*submit)(struct io_uring *) = NULL;

    *(void **)&submit = dlsym(RTLD_NEXT, "io_uring_submit");
    if (submit == NULL)
        abort();
    return submit(ring);
}
