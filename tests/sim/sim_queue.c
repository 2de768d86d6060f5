/*
 * journal/disk.h and journal/prepare.h on virtual time, in place of
 * journal/disk_uring.c and journal/prepare.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal/disk.h"
#include "journal/prepare.h"
#include "journal/writer.h"

#include "tests/sim/sim_disk.h"

#define WRITE_NS    60000u
#define SYNC_NS     40000u
#define PREPARE_NS  1000000u
#define SLOW_FACTOR 1000u

enum stage {
    STAGE_IDLE,
    STAGE_WRITE,
    STAGE_SYNC
};

struct flight {
    enum stage stage; /* idle: complete */
    int error;
    bool sync;
    const uint8_t *data;
    uint32_t bytes;
    uint64_t off;
    uint64_t id; /* of its write */
    uint64_t due_ns;
};

struct disk {
    uint8_t *buffer;
    int fd;
    unsigned flights_cnt;
    struct flight flights[DISK_FLIGHTS_MAX]; /* the oldest first */
};

struct prepare {
    struct disk_segment_cfg cfg;
    bool asked;
    bool ready;
    bool waited; /* the writer came to ask in vain */
    uint64_t due_ns;
    int result;
    char why[256];
};

/* latency_ns is half to one and a half of what is usual, and sometimes far more. */
static uint64_t
latency_ns(uint64_t usual_ns)
{
    const uint64_t ns = usual_ns / 2 + sim_below(usual_ns);

    if (sim_disk.latency_ns != 0)
        return sim_disk.latency_ns;

    return sim_happens(SIM_SLOW) ? ns * SLOW_FACTOR : ns;
}

int
disk_open(struct disk **disk, const struct disk_cfg *cfg)
{
    struct disk *new_disk = calloc(1, sizeof *new_disk);

    ASSERT(new_disk != NULL);
    ASSERT(sim_disk.queue == NULL);
    new_disk->buffer = cfg->buffer;
    new_disk->fd = -1;
    sim_disk.queue = new_disk;
    *disk = new_disk;
    return 0;
}

int
disk_use(struct disk *disk, int fd)
{
    ASSERT(disk->flights_cnt == 0);
    disk->fd = fd;
    return 0;
}

int
disk_submit(struct disk *disk, size_t buffer_off, size_t bytes, uint64_t off, bool sync)
{
    struct flight *flight = &disk->flights[disk->flights_cnt++];

    ASSERT(disk->flights_cnt <= DISK_FLIGHTS_MAX);
    ASSERT(bytes != 0 || sync);
    ASSERT(bytes % SIM_PAGE_BYTES == 0);
    *flight = (struct flight){
        .stage = bytes != 0 ? STAGE_WRITE : STAGE_SYNC,
        .sync = sync,
        .data = disk->buffer + buffer_off,
        .bytes = (uint32_t)bytes,
        .off = off,
        .due_ns = sim_disk.now_ns + latency_ns(bytes != 0 ? WRITE_NS : SYNC_NS),
    };
    sim_disk.sent_pages += bytes / SIM_PAGE_BYTES;
    if (bytes != 0)
        flight->id =
            sim_file_write(sim_file_of(disk->fd, true), flight->data, flight->bytes, off, true);
    sim_boundary(SIM_WRITE_SENT);
    return 0;
}

/* write_error rolls the dice for a write that is to be complete. */
static int
write_error(void)
{
    if (sim_happens(SIM_WRITE_EIO) || sim_happens(SIM_WRITE_SHORT))
        return -EIO;
    return sim_happens(SIM_WRITE_ENOSPC) ? -ENOSPC : 0;
}

/* finish_write: from here on who reads the file sees it. */
static void
finish_write(struct disk *disk, struct flight *flight)
{
    const struct sim_write *write;

    flight->stage = STAGE_IDLE;
    flight->error = write_error();
    if (flight->error != 0)
        return;
    write = sim_file_done(sim_file_of(disk->fd, false), flight->id);
    /* Nobody may touch what is in flight. */
    ASSERT(memcmp(write->data, flight->data, flight->bytes) == 0);
    sim_disk.is_on = false;
    ASSERT(pwrite(disk->fd, flight->data, flight->bytes, (off_t)flight->off) ==
           (ssize_t)flight->bytes);
    sim_disk.is_on = true;
    sim_boundary(SIM_WRITE_DONE);
    if (!flight->sync)
        return;
    flight->stage = STAGE_SYNC;
    flight->due_ns = sim_disk.now_ns + latency_ns(SYNC_NS);
}

static void
finish_sync(struct disk *disk, struct flight *flight)
{
    flight->stage = STAGE_IDLE;
    if (sim_happens(SIM_SYNC_EIO)) {
        flight->error = -EIO;
        return;
    }
    sim_boundary(SIM_SYNC_BEFORE);
    sim_file_sync(sim_file_of(disk->fd, true));
    sim_boundary(SIM_SYNC_DONE);
}

/* progress finishes whatever is due, in any order. */
static void
progress(struct disk *disk)
{
    for (unsigned i = 0; i < disk->flights_cnt; i++) {
        struct flight *flight = &disk->flights[i];

        if (flight->stage == STAGE_IDLE || sim_disk.now_ns < flight->due_ns)
            continue;
        if (flight->stage == STAGE_WRITE)
            finish_write(disk, flight);
        else
            finish_sync(disk, flight);
    }
}

int
disk_reap(struct disk *disk)
{
    progress(disk);
    for (unsigned i = 0; i < disk->flights_cnt; i++) {
        if (disk->flights[i].error != 0)
            return disk->flights[i].error;
    }
    if (disk->flights_cnt == 0 || disk->flights[0].stage != STAGE_IDLE)
        return 0;
    disk->flights_cnt--;
    memmove(&disk->flights[0], &disk->flights[1], disk->flights_cnt * sizeof disk->flights[0]);
    return 1;
}

void
disk_wait(struct disk *disk, uint64_t timeout_ns)
{
    if (disk->flights_cnt == 0)
        sim_disk.now_ns += timeout_ns;
    else if (sim_disk.now_ns < disk->flights[0].due_ns)
        sim_disk.now_ns = disk->flights[0].due_ns;
    sim_disk_tick();
}

unsigned
disk_flights(const struct disk *disk)
{
    return disk->flights_cnt;
}

void
disk_close(struct disk *disk)
{
    while (disk->flights_cnt != 0 && disk_reap(disk) >= 0)
        disk_wait(disk, 0);
    ASSERT(disk == sim_disk.queue);
    sim_queue_drop();
}

void
sim_queue_drop(void)
{
    free(sim_disk.queue);
    sim_disk.queue = NULL;
}

int
prepare_open(struct prepare **prepare, const struct disk_segment_cfg *cfg)
{
    struct prepare *new_prepare = calloc(1, sizeof *new_prepare);

    ASSERT(new_prepare != NULL);
    ASSERT(sim_disk.prepare == NULL);
    new_prepare->cfg = *cfg;
    new_prepare->cfg.hurry = NULL;
    sim_disk.prepare = new_prepare;
    *prepare = new_prepare;
    return 0;
}

void
prepare_next(struct prepare *prepare, uint64_t segment_no)
{
    ASSERT(!prepare->asked);
    prepare->asked = true;
    prepare->ready = false;
    prepare->waited = false;
    prepare->result = 0;
    prepare->cfg.segment_no = segment_no;
    prepare->due_ns = sim_disk.now_ns + latency_ns(PREPARE_NS);
}

void
sim_prepare_tick(void)
{
    struct prepare *prepare = sim_disk.prepare;
    bool direct;

    if (prepare == NULL || !prepare->asked || prepare->ready || sim_disk.now_ns < prepare->due_ns)
        return;
    prepare->result = disk_segment_open(&prepare->cfg, &direct, prepare->why);
    if (prepare->result < 0 && prepare->result != -ENOSPC)
        journal_fatal(prepare->why, 0);
    prepare->ready = prepare->result >= 0 || prepare->waited;
    if (!prepare->ready)
        prepare->due_ns = sim_disk.now_ns + PREPARE_RETRY_NS;
}

int
prepare_take(struct prepare *prepare, char why[256])
{
    ASSERT(prepare->asked);
    if (!prepare->ready) {
        /* One more try, now, decides. */
        if (prepare->result < 0 && !prepare->waited)
            prepare->due_ns = sim_disk.now_ns;
        prepare->waited = true;
        return -EAGAIN;
    }
    if (prepare->result < 0)
        memcpy(why, prepare->why, sizeof prepare->why);
    else
        prepare->asked = false;
    return prepare->result;
}

bool
prepare_ready(const struct prepare *prepare)
{
    return prepare->asked && prepare->ready && prepare->result >= 0;
}

int
prepare_error(const struct prepare *prepare)
{
    return prepare->asked && prepare->result < 0 ? prepare->result : 0;
}

void
prepare_close(struct prepare *prepare)
{
    ASSERT(prepare == sim_disk.prepare);
    if (prepare->asked && prepare->ready && prepare->result >= 0)
        close(prepare->result);
    sim_prepare_drop();
}

void
sim_prepare_drop(void)
{
    free(sim_disk.prepare);
    sim_disk.prepare = NULL;
}
