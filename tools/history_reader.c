#include "tools/history_reader.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "gateway/history.h"
#include "journal/reader.h"

#include "tools/clock.h"

/* An ask that waits for room or for the journal to grow is looked at as often. */
#define WAIT_MS 1

struct history_reader {
    pthread_t thread;
    bool started;
    int stop; /* by who stops it */
    int event_fd;
    const char *dir;
    int shard;
    struct journal_reader *journal; /* NULL: nothing was sought yet */
    void *asks_memory;
    void *told_memory;
    void *history_memory;
    struct ring_writer asks; /* the gateway's */
    struct ring_reader asks_reader;
    struct ring_writer told;
    struct ring_reader told_reader; /* the gateway's */
    struct history *history;
};

static void
forget(struct history_reader *reader)
{
    if (reader->journal != NULL)
        journal_reader_close(reader->journal);
    reader->journal = NULL;
}

/* seek opens the journal anew: segments may have been compressed or pruned since. */
static int
seek(void *ctx, uint64_t seq)
{
    struct history_reader *reader = ctx;
    struct journal_fault fault;
    int rc;

    forget(reader);
    rc = journal_reader_open(&reader->journal, reader->dir, reader->shard, &fault);
    if (rc != 0) {
        reader->journal = NULL;
        return rc;
    }
    journal_reader_follow(reader->journal);
    return journal_reader_seek_seq(reader->journal, seq);
}

static int
next(void *ctx, const union cell **cells)
{
    struct history_reader *reader = ctx;
    const int cnt = journal_reader_next(reader->journal, cells);

    if (cnt > 0)
        journal_reader_forget(reader->journal, *cells);
    return cnt;
}

static void *
loop(void *arg)
{
    struct history_reader *reader = arg;
    struct pollfd event = {.fd = reader->event_fd, .events = POLLIN};
    const struct sched_param param = {.sched_priority = 0};
    uint64_t value;

    (void)pthread_setschedparam(pthread_self(), SCHED_BATCH, &param);
    while (__atomic_load_n(&reader->stop, __ATOMIC_ACQUIRE) == 0) { /* pairs with stop */
        if (history_poll(reader->history, clock_utc_ns()) > 0)
            continue;
        if (poll(&event, 1, history_idle(reader->history) ? -1 : WAIT_MS) > 0)
            (void)!read(reader->event_fd, &value, sizeof value);
    }
    return NULL;
}

/* wake is called by the gateway's thread: rarely, and it does not block. */
static void
wake(void *ctx)
{
    const struct history_reader *reader = ctx;
    const uint64_t one = 1;

    (void)!write(reader->event_fd, &one, sizeof one);
}

/* ring_for makes a ring of one reader with room for cells_cnt cells. */
static struct ring *
ring_for(void **memory, uint64_t cells_cnt)
{
    uint64_t size = 64;

    while (size < cells_cnt)
        size *= 2;

    const size_t bytes = ring_footprint(size, 1);

    *memory = aligned_alloc(RING_ALIGN, (bytes + RING_ALIGN - 1) / RING_ALIGN * RING_ALIGN);
    return *memory == NULL ? NULL : ring_init(*memory, size, 1);
}

static int
make(struct history_reader *reader, const struct gateway *gateway, uint32_t sessions_max)
{
    const struct history_source source = {.ctx = reader, .seek = seek, .next = next};
    const size_t bytes = history_footprint(sessions_max);
    struct ring *asks = ring_for(&reader->asks_memory, sessions_max);
    struct ring *told = ring_for(&reader->told_memory, HISTORY_TOLD_CELLS);

    reader->history_memory =
        aligned_alloc(CACHE_LINE, (bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);
    if (asks == NULL || told == NULL || reader->history_memory == NULL)
        return -ENOMEM;
    ring_writer_init(&reader->asks, asks);
    ring_reader_init(&reader->asks_reader, asks, 0);
    ring_writer_init(&reader->told, told);
    ring_reader_init(&reader->told_reader, told, 0);
    reader->history = history_init(reader->history_memory, sessions_max, gateway_route(gateway),
                                   &reader->asks_reader, &reader->told, &source);
    reader->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return reader->event_fd < 0 ? -errno : 0;
}

int
history_reader_start(struct history_reader **reader,
                     struct gateway *gateway,
                     const char *dir,
                     uint16_t shard,
                     uint32_t sessions_max)
{
    struct history_reader *made = calloc(1, sizeof *made);
    int rc;

    *reader = NULL;
    if (made == NULL)
        return -ENOMEM;
    made->event_fd = -1;
    made->dir = dir;
    made->shard = shard;
    rc = make(made, gateway, sessions_max);
    if (rc == 0)
        rc = -pthread_create(&made->thread, NULL, loop, made);
    if (rc != 0) {
        history_reader_stop(made);
        return rc;
    }
    made->started = true;
    pthread_setname_np(made->thread, "history");
    gateway_attach_history(
        gateway, &(struct gateway_history){
                     .asks = &made->asks, .told = &made->told_reader, .wake = wake, .ctx = made});
    *reader = made;
    return 0;
}

void
history_reader_stop(struct history_reader *reader)
{
    if (reader == NULL)
        return;
    if (reader->started) {
        __atomic_store_n(&reader->stop, 1, __ATOMIC_RELEASE); /* pairs with loop */
        wake(reader);
        pthread_join(reader->thread, NULL);
    }
    forget(reader);
    if (reader->event_fd >= 0)
        close(reader->event_fd);
    free(reader->asks_memory);
    free(reader->told_memory);
    free(reader->history_memory);
    free(reader);
}
