#include "tools/clock.h"

#include <time.h>

static uint64_t
read_ns(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

uint64_t
clock_utc_ns(void)
{
    /* Threads start after the first call, so there is no race to fill it. */
    static uint64_t offset_ns;

    if (offset_ns == 0)
        offset_ns = read_ns(CLOCK_REALTIME) - read_ns(CLOCK_MONOTONIC);
    return read_ns(CLOCK_MONOTONIC) + offset_ns;
}
