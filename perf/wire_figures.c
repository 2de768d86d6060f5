/*
 * The figures of a step of bench_wire, and the small things both sides share.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "proto/base.h"

#include "perf/wire.h"
#include "perf/wire_veth.h"

/* As docs/operations.md advises where others want the cores too: rings of the default
 * size are full when one side did not run for a millisecond. */
#define MEMIF_RSIZE 14u

/* How far behind its last order the last answer of a step may be, for its rate to be
 * one that is kept up. How late the others were is in the latencies. */
#define BEHIND_MAX_NS 20000000ull

/* What the kernel may put by for a process that does not run: 40 ms at the one rate. */
#define VETH_FRAMES 4096u

uint64_t
wire_clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t
wire_switches(void)
{
    struct rusage usage;

    return getrusage(RUSAGE_THREAD, &usage) == 0 ? (uint64_t)usage.ru_nivcsw : 0;
}

bool
wire_pin(unsigned core)
{
    cpu_set_t one;

    CPU_ZERO(&one);
    CPU_SET(core, &one);
    return sched_setaffinity(0, sizeof one, &one) == 0;
}

void
wire_eal(const struct wire_cfg *cfg,
         bool server,
         char vdev[PATH_MAX],
         const char *argv[WIRE_EAL_MAX])
{
    const char *const args[] = {"--no-huge", "--no-shconf",    "-m", "128",
                                "--no-pci",  "--no-telemetry", vdev, NULL};

    if (cfg->veth)
        snprintf(vdev, PATH_MAX, "--vdev=net_af_packet0,iface=%s,framecnt=%u",
                 server ? WIRE_VETH_SERVER : WIRE_VETH_CLIENT, VETH_FRAMES);
    else
        snprintf(vdev, PATH_MAX,
                 "--vdev=net_memif0,role=%s,id=0,rsize=%u,socket=%s/memif,socket-abstract=no",
                 server ? "server" : "client", MEMIF_RSIZE, cfg->folder);
    for (size_t i = 0; i < ARRAY_LEN(args); i++)
        argv[i] = args[i];
}

static int
by_value(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a;
    const uint32_t y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* at_share returns the value below which `share` of a million lie. */
static uint32_t
at_share(const uint32_t *sorted, uint32_t cnt, uint32_t share)
{
    const uint64_t at = (uint64_t)cnt * share / 1000000u;

    return cnt == 0 ? 0 : sorted[at < cnt ? at : cnt - 1];
}

/* first_after returns the first gap that ends behind time_ns. */
static uint32_t
first_after(const struct wire_gaps *gaps, uint64_t time_ns)
{
    uint32_t low = 0;
    uint32_t high = gaps->cnt;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;

        if (gaps->gaps[middle].end_ns > time_ns)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static bool
overlaps(const struct wire_gaps *gaps, uint64_t start_ns, uint64_t end_ns)
{
    const uint32_t at = first_after(gaps, start_ns);

    return at < gaps->cnt && gaps->gaps[at].start_ns < end_ns;
}

/* client_gap tells whether the machine had a gap at the client in the time; one
 * in which our own journal was awake on that core is none. */
static bool
client_gap(const struct wire_shared *shared, uint64_t start_ns, uint64_t end_ns)
{
    const struct wire_gaps *gaps = &shared->client_gaps;

    for (uint32_t at = first_after(gaps, start_ns);
         at < gaps->cnt && gaps->gaps[at].start_ns < end_ns; at++)
        if (!overlaps(&shared->journal_awake, gaps->gaps[at].start_ns, gaps->gaps[at].end_ns))
            return true;
    return false;
}

/* collect fills sorted_ns with the latencies of the answered orders, of all or
 * only of those without a machine gap in flight, and sorts them. */
static uint32_t
collect(struct wire_shared *shared, uint32_t orders_cnt, bool clean)
{
    uint32_t cnt = 0;

    for (uint32_t k = 0; k < orders_cnt; k++) {
        const uint64_t due_ns = shared->due_ns[k];
        const uint64_t answered_ns = shared->answered_ns[k];

        if (answered_ns == 0 || (clean && (overlaps(&shared->exchange_gaps, due_ns, answered_ns) ||
                                           client_gap(shared, due_ns, answered_ns))))
            continue;
        const uint64_t took_ns = answered_ns - due_ns;
        shared->sorted_ns[cnt++] = took_ns < UINT32_MAX ? (uint32_t)took_ns : UINT32_MAX;
    }
    qsort(shared->sorted_ns, cnt, sizeof shared->sorted_ns[0], by_value);
    return cnt;
}

void
wire_sort_out(struct wire_shared *shared, struct wire_result *result)
{
    const uint32_t *sorted = shared->sorted_ns;
    const uint32_t cnt = collect(shared, result->orders_cnt, false);

    result->p50_ns = at_share(sorted, cnt, 500000);
    result->p99_ns = at_share(sorted, cnt, 990000);
    result->p999_ns = at_share(sorted, cnt, 999000);
    result->max_ns = at_share(sorted, cnt, 1000000);
    result->clean_cnt = collect(shared, result->orders_cnt, true);
    result->clean_p50_ns = at_share(sorted, result->clean_cnt, 500000);
    result->clean_p99_ns = at_share(sorted, result->clean_cnt, 990000);
    result->clean_p999_ns = at_share(sorted, result->clean_cnt, 999000);
    result->clean_max_ns = at_share(sorted, result->clean_cnt, 1000000);
}

bool
wire_result_is_whole(const struct wire_result *result)
{
    const uint64_t due_ns = result->orders_cnt * 1000000000ull / result->rate;

    return result->answered_cnt == result->orders_cnt && result->not_applied_cnt == 0 &&
           result->retransmits == 0 && result->took_ns <= due_ns + BEHIND_MAX_NS;
}
