/*
 * From wire to acknowledgement: what a broker sees of the whole exchange.
 *
 *   bench_wire [--json] [--quick] [--reps N] [--only PART]
 *
 * Two processes, one core each, no code of the tools (perf/wire.h). Open loop:
 * orders are due at fixed times and a latency counts from the time an order was
 * due, so an exchange that falls behind is charged for it. In each repetition:
 *
 *   session what the session layer takes of a message, in one thread and without a
 *           network (perf/wire_session.h): one order in a datagram, and eight
 *   memif   ack memory, 100,000 orders/s over DPDK's memif
 *   af_packet
 *           the same over DPDK's af_packet on a pair of veth, in a network
 *           namespace of its own; left out with a line where that is not permitted
 *   udp     the same over kernel sockets
 *   tcp     the same over connections of the kernel's TCP
 *   ramp    rising rates over memif until something is lost, or the last answer
 *           comes 20 ms (1 %) or more behind the last order, twice, for a neighbour
 *           on the machine may have been the reason; the last rate before that is
 *           the sustained one
 *   single  the same ramp with one order in a datagram, however many are due
 *   durable ack durable at 100,000 orders/s over memif
 *   raw     a durable write of as many bytes as one batch of the journal had,
 *           one at a time, into a file of zeros in the same folder
 *
 * A real journal is written in all of them. The table has the median of the
 * repetitions and the least, and begins with what the four roads took; "clean" leaves out orders
 * during whose flight one of the two cores had a gap of a microsecond or more in a turn without
 * work, and says how many that were. Needs two cores that are otherwise idle.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/base.h"

#include "perf/bench_args.h"
#include "perf/wire_pair.h"
#include "perf/wire_session.h"
#include "perf/wire_veth.h"

#define REPS_MAX      9u
#define REPS_DEFAULT  3u
#define RATE          100000u
#define SECONDS       5u
#define SECONDS_QUICK 1u
#define RAMP_SECONDS  2u
#define RAW_WRITES    2000u
#define RAW_FILE      (64u << 20)
#define RAW_BYTES_MAX (128u * 4096u)
#define FIGURES_MAX   96u

#define SESSION_PAIRS  1001u
#define SESSION_ORDERS 8u

static const uint32_t ramp_rates[] = {100000,  200000,  400000,  600000,  800000,
                                      1000000, 1200000, 1500000, 1750000, 2000000};

/* One line of the table: a figure of each repetition. */
struct figure {
    char name[40];
    const char *unit;
    double values[REPS_MAX];
    unsigned cnt;
};

struct bench {
    struct wire_shared *shared;
    char folder[WIRE_FOLDER_MAX];
    struct bench_args args;
    struct figure figures[FIGURES_MAX];
    unsigned figures_cnt;
    uint32_t batch_bytes; /* of the journal when durable */
};

static void
add(struct bench *bench, const char *group, const char *name, const char *unit, double value)
{
    char full[sizeof bench->figures[0].name];
    unsigned i = 0;

    snprintf(full, sizeof full, "%s_%s", group, name);
    while (i < bench->figures_cnt && strcmp(bench->figures[i].name, full) != 0)
        i++;
    if (i == FIGURES_MAX)
        return;
    if (i == bench->figures_cnt) {
        memcpy(bench->figures[i].name, full, sizeof full);
        bench->figures[i].unit = unit;
        bench->figures_cnt++;
    }
    if (bench->figures[i].cnt < REPS_MAX)
        bench->figures[i].values[bench->figures[i].cnt++] = value;
}

/* run_pair runs an exchange and a client through the steps of cfg. */
static bool
run_pair(struct bench *bench, const struct wire_cfg *cfg)
{
    return wire_pair_run(bench->shared, cfg, bench->folder);
}

static double
us(uint32_t ns)
{
    return ns / 1000.0;
}

static void
add_latencies(struct bench *bench, const char *group, const struct wire_result *result)
{
    const struct wire_shared *shared = bench->shared;
    const double left_out = result->answered_cnt - result->clean_cnt;

    add(bench, group, "p50", "us", us(result->p50_ns));
    add(bench, group, "p99", "us", us(result->p99_ns));
    add(bench, group, "p999", "us", us(result->p999_ns));
    add(bench, group, "max", "us", us(result->max_ns));
    add(bench, group, "clean_p50", "us", us(result->clean_p50_ns));
    add(bench, group, "clean_p99", "us", us(result->clean_p99_ns));
    add(bench, group, "clean_p999", "us", us(result->clean_p999_ns));
    add(bench, group, "clean_max", "us", us(result->clean_max_ns));
    add(bench, group, "left_out", "%", 100.0 * left_out / result->orders_cnt);
    add(bench, group, "unanswered", "", result->orders_cnt - result->answered_cnt);
    add(bench, group, "rejected", "", result->rejected_cnt);
    add(bench, group, "exchange_gaps", "", shared->exchange_gaps.cnt);
    add(bench, group, "client_gaps", "", shared->client_gaps.cnt);
    add(bench, group, "exchange_switches", "", (double)shared->exchange_switches);
    add(bench, group, "client_switches", "", (double)shared->client_switches);
    add(bench, group, "long_turns", "",
        (double)(shared->exchange_long_cnt + shared->client_long_cnt));
}

static bool
run_latency(struct bench *bench, const char *group, const struct wire_cfg *how)
{
    const uint32_t seconds = bench->args.quick ? SECONDS_QUICK : SECONDS;
    struct wire_cfg cfg = *how;
    char why[128];
    int back = -1;

    cfg.steps_cnt = 1;
    cfg.steps[0] = (struct wire_step){.rate = RATE, .orders_cnt = RATE * seconds};
    if (cfg.veth && (back = wire_veth_enter(why)) < 0) {
        fprintf(stderr, "bench_wire: %s: skipped, %s\n", group, why);
        return true;
    }
    const bool fine = run_pair(bench, &cfg);

    if (cfg.veth)
        wire_veth_leave(back);
    if (!fine)
        return false;
    add_latencies(bench, group, &bench->shared->results[0]);
    if (how->durable && bench->shared->journal_batches > 0)
        bench->batch_bytes =
            (uint32_t)(bench->shared->journal_bytes / bench->shared->journal_batches);
    return true;
}

static bool
run_ramp(struct bench *bench, const char *group, bool single)
{
    const uint32_t seconds = bench->args.quick ? 1 : RAMP_SECONDS;
    struct wire_cfg cfg = {
        .dpdk = true, .ramp = true, .single = single, .steps_cnt = ARRAY_LEN(ramp_rates)};
    uint32_t sustained = 0;

    for (size_t i = 0; i < ARRAY_LEN(ramp_rates); i++)
        cfg.steps[i] =
            (struct wire_step){.rate = ramp_rates[i], .orders_cnt = ramp_rates[i] * seconds};
    if (!run_pair(bench, &cfg))
        return false;
    for (uint32_t i = 0; i < bench->shared->results_cnt; i++) {
        const struct wire_result *result = &bench->shared->results[i];

        fprintf(stderr,
                "%s %7u/s: %u of %u answered, %u not applied, %" PRIu64
                " retransmits, p50 %.1f p99 %.1f max %.1f us, sent at most %.1f us late\n",
                group, result->rate, result->answered_cnt, result->orders_cnt,
                result->not_applied_cnt, result->retransmits, us(result->p50_ns),
                us(result->p99_ns), us(result->max_ns), (double)result->late_ns / 1000.0);
        if (wire_result_is_whole(result))
            sustained = result->rate;
    }
    add(bench, group, "sustained", "orders/s", sustained);
    return true;
}

/* run_session measures the session layer alone, with one order in a datagram and with
 * eight. */
static bool
run_session(struct bench *bench)
{
    static const struct {
        const char *group;
        unsigned orders;
    } parts[] = {{"session", 1}, {"session8", SESSION_ORDERS}};
    const unsigned pairs = bench->args.quick ? SESSION_PAIRS / 10 : SESSION_PAIRS;

    for (unsigned i = 0; i < ARRAY_LEN(parts); i++) {
        struct wire_session_result result;

        if (!bench_args_want(&bench->args, parts[i].group))
            continue;
        if (!wire_session(parts[i].orders, pairs, &result))
            return false;
        add(bench, parts[i].group, "cost", "ns", result.cost_ns);
        add(bench, parts[i].group, "order", "ns", result.gateway_ns);
        add(bench, parts[i].group, "bare_order", "ns", result.bare_ns);
        add(bench, parts[i].group, "reports", "", result.reports_per_order);
    }
    return true;
}

static int
by_value(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;

    return (x > y) - (x < y);
}

/* run_raw measures the disk alone: a write of one batch's size and its sync. */
static bool
run_raw(struct bench *bench)
{
    static double took_us[RAW_WRITES];
    const uint32_t bytes = (bench->batch_bytes + 4095u) / 4096u * 4096u;
    const uint32_t write_bytes = bytes == 0 ? 4096 : bytes > RAW_BYTES_MAX ? RAW_BYTES_MAX : bytes;
    const unsigned writes = bench->args.quick ? RAW_WRITES / 10 : RAW_WRITES;
    char path[PATH_MAX];
    void *mem = NULL;
    bool fine = posix_memalign(&mem, 4096, RAW_BYTES_MAX) == 0;

    snprintf(path, sizeof path, "%s/raw", bench->folder);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    fine = fine && fd >= 0;
    if (fine)
        memset(mem, 0, RAW_BYTES_MAX);
    for (uint32_t off = 0; fine && off < RAW_FILE; off += RAW_BYTES_MAX)
        fine = pwrite(fd, mem, RAW_BYTES_MAX, (off_t)off) == (ssize_t)RAW_BYTES_MAX;
    fine = fine && fsync(fd) == 0;
    if (fine && fcntl(fd, F_SETFL, O_DIRECT) != 0)
        fprintf(stderr, "bench_wire: no O_DIRECT here, raw writes are buffered\n");
    for (unsigned i = 0; fine && i < writes; i++) {
        const off_t off = (off_t)((uint64_t)i * write_bytes % (RAW_FILE - RAW_BYTES_MAX));
        const uint64_t start_ns = wire_clock_ns();

        fine = pwrite(fd, mem, write_bytes, off / 4096 * 4096) == (ssize_t)write_bytes &&
               fdatasync(fd) == 0;
        took_us[i] = (double)(wire_clock_ns() - start_ns) / 1000.0;
    }
    if (fine) {
        qsort(took_us, writes, sizeof took_us[0], by_value);
        add(bench, "raw", "bytes", "", write_bytes);
        add(bench, "raw", "p50", "us", took_us[writes / 2]);
        add(bench, "raw", "p99", "us", took_us[writes * 99 / 100]);
    } else {
        fprintf(stderr, "bench_wire: raw writes: %s\n", strerror(errno));
    }
    if (fd >= 0)
        close(fd);
    free(mem);
    return fine;
}

/* median_of returns that of a figure, which is sorted; false if it was not measured. */
static bool
median_of(const struct bench *bench, const char *group, const char *name, double *median)
{
    char full[sizeof bench->figures[0].name];

    snprintf(full, sizeof full, "%s_%s", group, name);
    for (unsigned i = 0; i < bench->figures_cnt; i++) {
        const struct figure *figure = &bench->figures[i];

        if (strcmp(figure->name, full) == 0) {
            *median = figure->values[figure->cnt / 2];
            return true;
        }
    }
    return false;
}

/* print_roads prints what the same orders took by each road, side by side. */
static void
print_roads(const struct bench *bench)
{
    static const char *const roads[][2] = {
        {"memif", "DPDK memif"},
        {"af_packet", "DPDK af_packet on veth"},
        {"udp", "kernel UDP"},
        {"tcp", "kernel TCP"},
    };
    static const char *const names[] = {"clean_p50", "clean_p99", "clean_p999", "left_out",
                                        "p50",       "p99",       "p999"};

    printf("%-24s %9s %9s %9s %9s %9s %9s %9s\n", "100,000/s, us; clean:", "p50", "p99", "p99.9",
           "left out", "all: p50", "p99", "p99.9");
    for (unsigned i = 0; i < ARRAY_LEN(roads); i++) {
        double median;

        if (!median_of(bench, roads[i][0], names[0], &median))
            continue;
        printf("%-24s", roads[i][1]);
        for (unsigned k = 0; k < ARRAY_LEN(names); k++)
            if (median_of(bench, roads[i][0], names[k], &median))
                printf(" %8.2f%s", median, strcmp(names[k], "left_out") == 0 ? "%" : " ");
        printf("\n");
    }
    printf("\n");
}

/* sort_figures brings the least of each to the front and the median to the middle. */
static void
sort_figures(struct bench *bench)
{
    for (unsigned i = 0; i < bench->figures_cnt; i++)
        qsort(bench->figures[i].values, bench->figures[i].cnt, sizeof bench->figures[i].values[0],
              by_value);
}

static void
print_table(const struct bench *bench)
{
    print_roads(bench);
    printf("%-24s %12s %12s\n", "wire to ack", "median", "least");
    for (unsigned i = 0; i < bench->figures_cnt; i++) {
        const struct figure *figure = &bench->figures[i];

        printf("%-24s %12.2f %12.2f %s\n", figure->name, figure->values[figure->cnt / 2],
               figure->values[0], figure->unit);
    }
}

/* print_summary prints what is told of the wire elsewhere, under the names that it has
 * there: medians, in nanoseconds; but for durable those without the machine's gaps. */
static void
print_summary(const struct bench *bench)
{
    static const struct {
        const char *figure;
        const char *key;
        double scale;
    } keys[] = {
        {"memif_clean_p50", "memif_p50_ns", 1000},
        {"memif_clean_p99", "memif_p99_ns", 1000},
        {"memif_clean_p999", "memif_p999_ns", 1000},
        {"ramp_sustained", "memif_max_orders_per_s", 1},
        {"single_sustained", "memif_single_max_orders_per_s", 1},
        {"af_packet_clean_p50", "af_packet_p50_ns", 1000},
        {"af_packet_clean_p99", "af_packet_p99_ns", 1000},
        {"af_packet_clean_p999", "af_packet_p999_ns", 1000},
        {"udp_clean_p50", "kernel_udp_p50_ns", 1000},
        {"tcp_clean_p50", "kernel_tcp_p50_ns", 1000},
        {"durable_p50", "durable_p50_ns", 1000},
        {"durable_p99", "durable_p99_ns", 1000},
    };

    for (unsigned i = 0; i < ARRAY_LEN(keys); i++)
        for (unsigned k = 0; k < bench->figures_cnt; k++)
            if (strcmp(bench->figures[k].name, keys[i].figure) == 0)
                printf(", \"%s\": %.0f", keys[i].key,
                       bench->figures[k].values[bench->figures[k].cnt / 2] * keys[i].scale);
}

static void
print_json(const struct bench *bench)
{
    printf("{\"reps\": %u", bench->args.reps);
    for (unsigned i = 0; i < bench->figures_cnt; i++) {
        const struct figure *figure = &bench->figures[i];
        const char *unit = strcmp(figure->unit, "us") == 0   ? "_us"
                           : strcmp(figure->unit, "ns") == 0 ? "_ns"
                                                             : "";

        printf(", \"%s%s\": %.3f, \"%s%s_least\": %.3f", figure->name, unit,
               figure->values[figure->cnt / 2], figure->name, unit, figure->values[0]);
    }
    print_summary(bench);
    printf("}\n");
}

static bool
run_all(struct bench *bench)
{
    static const struct {
        const char *name;
        struct wire_cfg cfg;
    } parts[] = {
        {"memif", {.dpdk = true}},
        {"af_packet", {.dpdk = true, .veth = true}},
        {"udp", {.dpdk = false}},
        {"tcp", {.tcp = true}},
        {"durable", {.dpdk = true, .durable = true, .client_naps = true}},
    };
    const struct bench_args *args = &bench->args;

    for (unsigned rep = 0; rep < args->reps; rep++) {
        fprintf(stderr, "bench_wire: repetition %u of %u\n", rep + 1, args->reps);
        if (!run_session(bench))
            return false;
        for (unsigned i = 0; i < ARRAY_LEN(parts); i++)
            if (bench_args_want(args, parts[i].name) &&
                !run_latency(bench, parts[i].name, &parts[i].cfg))
                return false;
        if ((bench_args_want(args, "ramp") && !run_ramp(bench, "ramp", false)) ||
            (bench_args_want(args, "single") && !run_ramp(bench, "single", true)) ||
            (bench_args_want(args, "durable") && !run_raw(bench)))
            return false;
    }
    return true;
}

int
main(int argc, char **argv)
{
    static struct bench bench = {.args = {.reps = REPS_DEFAULT}};
    const char *base = getenv("TMPDIR");
    cpu_set_t cores;

    if (!bench_args_parse(&bench.args, REPS_MAX,
                          "session|session8|memif|af_packet|udp|tcp|ramp|single|durable", argc,
                          argv))
        return 2;
    if (sched_getaffinity(0, sizeof cores, &cores) != 0 || !CPU_ISSET(0, &cores) ||
        !CPU_ISSET(1, &cores)) {
        printf("bench_wire: skipped, it needs the cores 0 and 1\n");
        return 77;
    }
    bench.shared = wire_pair_map();
    snprintf(bench.folder, sizeof bench.folder, "%s/outcry-wire-XXXXXX",
             base != NULL ? base : "/tmp");
    if (mkdtemp(bench.folder) == NULL) {
        fprintf(stderr, "bench_wire: %s\n", strerror(errno));
        return 1;
    }
    const bool fine = run_all(&bench);

    wire_pair_empty(bench.folder);
    rmdir(bench.folder);
    sort_figures(&bench);
    if (bench.args.json)
        print_json(&bench);
    else
        print_table(&bench);
    return fine ? 0 : 1;
}
