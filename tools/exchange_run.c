/*
 * The threads of an exchange: one loop each over the stages of the layout.
 *
 * A loop reads the clock once and polls its stages in the order of the file. The
 * phase goes one way:
 *
 *   RUN     until a signal
 *   DRAIN   the gateways take no more and answer what was accepted
 *   QUIT    all loops end; what is left is done by the caller, alone
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/clock.h"
#include "tools/exchange.h"
#include "tools/exchange_private.h"
#include "tools/history_reader.h"
#include "tools/memory.h"

#define DRAIN_NS_MAX   30000000000u
#define BLOCK_NS       10000000u /* a blocked thread looks at the phase as often */
#define PHASE_WATCH_NS 1000000
#define SPACE_LOOK_NS  200000000

enum phase {
    PHASE_RUN,
    PHASE_DRAIN,
    PHASE_QUIT
};

struct run;

struct stage_thread {
    struct run *run;
    const struct config_thread *layout;
    pthread_t id;
    bool yields_in_flight; /* gives its core to the write that it waits for */
};

/* Written by the caller of exchange_run, but for drained. */
struct run {
    struct exchange *exchange;
    unsigned phase;
    unsigned drained; /* bits of those that have answered all, each set by its thread */
    bool journal_apart;
    struct stage_thread threads[CONFIG_STAGES_CNT];
};

static bool
has_stage(const struct config_thread *layout, enum config_stage stage)
{
    for (unsigned i = 0; i < layout->stages_cnt; i++)
        if (layout->stages[i] == stage)
            return true;
    return false;
}

/* What is to be drained; a bit of each. */
#define DRAIN_GATEWAY 1u
#define DRAIN_DOOR    2u

/* stop_gateway tells it once that it is to come to rest. */
static void
stop_gateway(struct gateway *gateway, unsigned bit, unsigned phase, unsigned *stopping)
{
    if (phase == PHASE_RUN || (*stopping & bit) != 0)
        return;
    gateway_stop(gateway);
    *stopping |= bit;
}

static int
poll_gateway(struct run *run, unsigned phase, unsigned *stopping, uint64_t now_ns)
{
    struct gateway *gateway = run->exchange->gateway;

    stop_gateway(gateway, DRAIN_GATEWAY, phase, stopping);
    const int work = gateway_poll(gateway, now_ns) + admin_poll(&run->exchange->admin, now_ns);
    if ((*stopping & DRAIN_GATEWAY) != 0 && gateway_stopped(gateway) &&
        !admin_is_busy(&run->exchange->admin))
        __atomic_fetch_or(&run->drained, DRAIN_GATEWAY, __ATOMIC_RELEASE); /* R2 pairs with A2 */
    return work;
}

static int
poll_door(struct run *run, unsigned phase, unsigned *stopping, uint64_t now_ns)
{
    struct gateway *door = run->exchange->door;

    stop_gateway(door, DRAIN_DOOR, phase, stopping);
    const int work = gateway_poll(door, now_ns);
    if ((*stopping & DRAIN_DOOR) != 0 && gateway_stopped(door))
        __atomic_fetch_or(&run->drained, DRAIN_DOOR, __ATOMIC_RELEASE); /* R3 pairs with A2 */
    return work;
}

static int
poll_engine(struct run *run, uint64_t now_ns)
{
    /* What the engine writes from here on it took at now_ns, if a broker wants to know. */
    for (unsigned i = 0; i < ARRAY_LEN(run->exchange->taken); i++)
        marks_poll(&run->exchange->taken[i], run->exchange->out_writer.sink.pos, now_ns);

    const int work = desk_poll(&run->exchange->desk, now_ns);

    if (work > 0 && run->journal_apart)
        journal_writer_wake(run->exchange->journal);
    return work;
}

static int
poll_stage(struct run *run,
           enum config_stage stage,
           unsigned phase,
           unsigned *stopping,
           uint64_t now_ns)
{
    switch (stage) {
    case CONFIG_GATEWAY:
        return poll_gateway(run, phase, stopping, now_ns);
    case CONFIG_ENGINE:
        return poll_engine(run, now_ns);
    case CONFIG_JOURNAL:
        return journal_writer_poll(run->exchange->journal, now_ns);
    case CONFIG_DOOR:
        return poll_door(run, phase, stopping, now_ns);
    case CONFIG_STAGES_CNT:
    default:
        UNREACHABLE("no such stage");
    }
}

static void
rest(struct stage_thread *thread, int work)
{
    struct journal_writer *journal = thread->run->exchange->journal;

    switch (thread->layout->idle) {
    case CONFIG_SPIN:
        if (work == 0)
            __builtin_ia32_pause();
        break;
    case CONFIG_YIELD:
        if (work == 0 || (thread->yields_in_flight && journal_writer_in_flight(journal)))
            sched_yield();
        break;
    case CONFIG_BLOCK:
        if (work == 0)
            journal_writer_wait(journal, BLOCK_NS);
        break;
    default:
        UNREACHABLE("no such idle policy");
    }
}

/* settle lets the write in flight end: the kernel drops the requests of a thread
 * that ends. */
static void
settle(struct journal_writer *journal)
{
    while (journal_writer_in_flight(journal)) {
        journal_writer_poll(journal, clock_utc_ns());
        journal_writer_wait(journal, BLOCK_NS);
    }
}

static void *
stage_loop(void *arg)
{
    struct stage_thread *thread = arg;
    struct run *run = thread->run;
    const struct config_thread *layout = thread->layout;
    unsigned stopping = 0; /* those of its stages that were told */
    unsigned phase;

    if (has_stage(layout, CONFIG_JOURNAL) && layout->idle == CONFIG_BLOCK)
        (void)journal_writer_urge(); /* docs/operations.md says who may */

    /* A1 pairs with R1 */
    while ((phase = __atomic_load_n(&run->phase, __ATOMIC_ACQUIRE)) != PHASE_QUIT) {
        const uint64_t now_ns = clock_utc_ns();
        int work = 0;

        for (unsigned i = 0; i < layout->stages_cnt; i++)
            work += poll_stage(run, layout->stages[i], phase, &stopping, now_ns);
        rest(thread, work);
    }
    if (has_stage(layout, CONFIG_JOURNAL))
        settle(run->exchange->journal);
    return NULL;
}

/* no_core_to_spare tells whether the threads that do not sleep have every core
 * to themselves. */
static bool
no_core_to_spare(const struct config *config)
{
    unsigned awake = 0;
    cpu_set_t cores;

    for (unsigned i = 0; i < config->threads_cnt; i++)
        awake += config->threads[i].idle != CONFIG_BLOCK;
    CPU_ZERO(&cores);
    if (sched_getaffinity(0, sizeof cores, &cores) != 0)
        return true;
    return awake >= (unsigned)CPU_COUNT(&cores);
}

static int
start_thread(struct stage_thread *thread)
{
    const struct config_thread *layout = thread->layout;
    pthread_attr_t attr;
    char name[16];
    cpu_set_t core;

    pthread_attr_init(&attr);
    if (layout->core >= 0) {
        CPU_ZERO(&core);
        CPU_SET((size_t)layout->core, &core);
        pthread_attr_setaffinity_np(&attr, sizeof core, &core);
    }
    const int rc = pthread_create(&thread->id, &attr, stage_loop, thread);
    pthread_attr_destroy(&attr);
    if (rc != 0)
        return -rc;
    snprintf(name, sizeof name, "%.15s", layout->name);
    pthread_setname_np(thread->id, name);
    return 0;
}

/* stop_threads ends the first cnt threads and waits for them. */
static void
stop_threads(struct run *run, unsigned cnt)
{
    __atomic_store_n(&run->phase, PHASE_QUIT, __ATOMIC_RELEASE); /* R1 pairs with A1 */
    for (unsigned i = 0; i < cnt; i++)
        pthread_join(run->threads[i].id, NULL);
}

static int
start_threads(struct run *run, char *why)
{
    const struct config *config = run->exchange->config;
    const bool crowded = no_core_to_spare(config);

    for (unsigned i = 0; i < config->threads_cnt; i++) {
        const struct config_thread *layout = &config->threads[i];

        run->threads[i] = (struct stage_thread){
            .run = run,
            .layout = layout,
            .yields_in_flight = crowded && has_stage(layout, CONFIG_JOURNAL),
        };
        const int rc = start_thread(&run->threads[i]);
        if (rc != 0) {
            snprintf(why, EXCHANGE_WHY_BYTES, "thread %s cannot be started on core %d: %s",
                     layout->name, layout->core, strerror(-rc));
            stop_threads(run, i);
            return -1;
        }
    }
    return 0;
}

#define TOUCH_BYTES (2u << 20)

/* touch_memory touches memory piece by piece, as long as the exchange runs. */
static int
touch_memory(struct run *run, const struct exchange_memory *memory)
{
    for (size_t off = 0; off < memory->bytes; off += TOUCH_BYTES) {
        const size_t rest = memory->bytes - off;
        const int rc =
            memory_touch((char *)memory->mem + off, rest < TOUCH_BYTES ? rest : TOUCH_BYTES);

        if (rc != 0)
            return rc;
        /* A1 pairs with R1 */
        if (__atomic_load_n(&run->phase, __ATOMIC_ACQUIRE) != PHASE_RUN)
            return 0;
    }
    return 0;
}

/* touch_loop is what a start from a snapshot left for later, in a thread that takes
 * only time that nobody wants. */
static void *
touch_loop(void *arg)
{
    struct run *run = arg;
    const struct sched_param param = {.sched_priority = 0};
    int rc;

    (void)pthread_setschedparam(pthread_self(), SCHED_IDLE, &param);
    rc = touch_memory(run, &run->exchange->gateway_memory);
    if (rc == 0)
        rc = touch_memory(run, &run->exchange->door_memory);
    if (rc == 0)
        rc = touch_memory(run, &run->exchange->engine_memory);
    if (rc != 0)
        fprintf(stderr, "outcry: not all memory of the pools can be had now: %s\n", strerror(-rc));
    return NULL;
}

/* touch_later starts it, if there is anything to touch. */
static bool
touch_later(struct run *run, pthread_t *id)
{
    if (run->exchange->from.page_no == 0 || pthread_create(id, NULL, touch_loop, run) != 0)
        return false;
    pthread_setname_np(*id, "touch");
    return true;
}

/* await_drained waits until the gateways have answered all; gives up after
 * DRAIN_NS_MAX. */
static bool
await_drained(struct run *run)
{
    const unsigned all = run->exchange->door != NULL ? DRAIN_GATEWAY | DRAIN_DOOR : DRAIN_GATEWAY;
    const struct timespec pause = {.tv_nsec = PHASE_WATCH_NS};
    const uint64_t begin_ns = clock_utc_ns();

    /* A2 pairs with R2 and R3 */
    while (__atomic_load_n(&run->drained, __ATOMIC_ACQUIRE) != all) {
        if (clock_utc_ns() - begin_ns > DRAIN_NS_MAX)
            return false;
        nanosleep(&pause, NULL);
    }
    return true;
}

/* skip_all: a gateway reads no more; its place must not hold up the ring. */
static void
skip_all(struct ring_reader *reader)
{
    ring_reader_advance(reader, ring_reader_available(reader, UINT64_MAX));
    ring_reader_release(reader);
}

/* finish does what the loops left undone: commands that were taken get their
 * group, so that the journal ends behind a whole one. Alone by now. */
static void
finish(struct exchange *exchange)
{
    struct sequencer *alone = &exchange->desk.alone;
    int work;

    do {
        const uint64_t now_ns = clock_utc_ns();

        /* What a start-of-day file has in work comes to its end first. */
        work = sequencer_poll(alone->in_work ? alone : &exchange->sequencer, 0);
        skip_all(&exchange->out_gateway);
        if (exchange->door != NULL)
            skip_all(&exchange->out_door);
        work += journal_writer_poll(exchange->journal, now_ns);
    } while (work > 0 || exchange->sequencer.in_work || alone->in_work ||
             ring_reader_available(&exchange->in_reader, 1) > 0 ||
             (exchange->door != NULL && ring_reader_available(&exchange->door_reader, 1) > 0) ||
             ring_reader_available(&exchange->admin_reader, 1) > 0);
}

/* watch_space looks whether the disk has room, and hands a change to the engine's
 * thread; one that cannot be handed over yet is seen again. */
static void
watch_space(struct exchange *exchange)
{
    struct journal_writer_stats stats;
    union cell cell;

    journal_writer_stats_get(exchange->journal, &stats);
    if (space_look(&exchange->space, stats.next_segment_error, &cell) &&
        desk_give_space(&exchange->desk, &cell))
        space_told(&exchange->space, &cell, stats.next_segment_error);
}

/* The threads that read old reports, of the gateway and of the door if there is one. */
struct histories {
    struct history_reader *gateway;
    struct history_reader *door;
};

static void
stop_histories(const struct histories *histories)
{
    history_reader_stop(histories->gateway);
    history_reader_stop(histories->door);
}

static int
start_histories(struct exchange *exchange, struct histories *histories, char *why)
{
    const struct config *config = exchange->config;
    const uint32_t sessions_max = (uint32_t)config->engine.sessions_max;
    int rc;

    *histories = (struct histories){.gateway = NULL};
    rc = history_reader_start(&histories->gateway, exchange->gateway, config->journal_folder,
                              config->engine.shard, sessions_max);
    if (rc == 0 && exchange->door != NULL)
        rc = history_reader_start(&histories->door, exchange->door, config->journal_folder,
                                  config->engine.shard, sessions_max);
    if (rc == 0)
        return 0;
    snprintf(why, EXCHANGE_WHY_BYTES, "the thread that reads old reports cannot be started: %s",
             strerror(-rc));
    stop_histories(histories);
    return rc;
}

int
exchange_run(struct exchange *exchange, char why[EXCHANGE_WHY_BYTES])
{
    struct run run = {
        .exchange = exchange,
        .journal_apart = config_thread_of(exchange->config, CONFIG_JOURNAL) !=
                         config_thread_of(exchange->config, CONFIG_ENGINE),
    };
    const struct timespec pause = {.tv_nsec = SPACE_LOOK_NS};
    struct histories histories;
    pthread_t toucher;
    sigset_t set;
    int number;

    if (start_histories(exchange, &histories, why) != 0)
        return -1;
    if (start_threads(&run, why) != 0) {
        stop_histories(&histories);
        return -1;
    }

    const bool touches = touch_later(&run, &toucher);

    exchange_stop_signals(&set);
    do {
        watch_space(exchange);
        number = sigtimedwait(&set, NULL, &pause);
    } while (number < 0);
    fprintf(stderr, "outcry: %s: stopping\n", strsignal(number));
    __atomic_store_n(&run.phase, PHASE_DRAIN, __ATOMIC_RELEASE); /* R1 pairs with A1 */
    if (!await_drained(&run))
        fputs("outcry: not everything could be answered within 30 s; clients will find it when "
              "they come back\n",
              stderr);
    stop_threads(&run, exchange->config->threads_cnt);
    stop_histories(&histories);
    if (touches)
        pthread_join(toucher, NULL);
    admin_close(&exchange->admin);
    finish(exchange);
    return 0;
}
