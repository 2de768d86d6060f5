/*
 * Sleeping and waking of the journal writer.
 *
 *   waiter                             waker (the engine's thread)
 *   wake_at = position wanted          publish: store of the ring's cursor
 *   W1: full barrier, both sides       W2: compiler barrier
 *   load of the ring's cursor          load of wake_at
 *   sleep if it is not there           wake if the cursor is at or past it
 *
 * Either the waiter sees the cursor, or the waker sees wake_at: a store and a
 * later load of another place need a full barrier between them on both sides.
 * The waker does this a million times a second and the waiter goes to sleep
 * anyway, so the waiter pays for both: membarrier(2) puts a full barrier into
 * every running thread of the process (W1). Where the kernel refuses that, the
 * waker has a fence of its own (W2).
 */
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "journal/writer_private.h"

/* barrier_everywhere is W1. */
static void
barrier_everywhere(const struct journal_writer *writer)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (!writer->fence_in_wake)
        (void)syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
}

/* sleep_until_woken sleeps unless the out-ring is at or past wanted. */
static void
sleep_until_woken(struct journal_writer *writer, uint64_t wanted, uint64_t timeout_ns)
{
    const struct timespec timeout = {
        .tv_sec = (time_t)(timeout_ns / 1000000000u),
        .tv_nsec = (long)(timeout_ns % 1000000000u),
    };

    __atomic_store_n(&writer->asleep, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&writer->wake_at, wanted, __ATOMIC_RELAXED);
    barrier_everywhere(writer); /* W1 pairs with W2 */
    if (ring_cursor_load(&writer->out->ring->published) < wanted)
        (void)syscall(SYS_futex, &writer->asleep, FUTEX_WAIT_PRIVATE, 1, &timeout, NULL, 0);
    __atomic_store_n(&writer->wake_at, WRITER_AWAKE, __ATOMIC_RELAXED);
    __atomic_store_n(&writer->asleep, 0, __ATOMIC_RELAXED);
}

void
journal_writer_wait(struct journal_writer *writer, uint64_t timeout_ns)
{
    const uint64_t pos = writer->out->pos;
    const bool full = writer_is_full(writer);

    /* Better copied while the disk works than when it is done; a few
     * cells are not worth it. */
    if (!full && ring_reader_available(writer->out, JOURNAL_PAGE_CELLS) >= JOURNAL_PAGE_CELLS)
        return;
    /* In memory mode a completion is nothing to wake up for. */
    if (disk_in_flight(writer->disk) && (full || writer->ack_mode != CELL_ACK_MODE_MEMORY)) {
        disk_wait(writer->disk, timeout_ns);
        return;
    }

    uint64_t wanted = pos + 1;
    uint64_t longest = timeout_ns;

    if (writer->ack_mode != CELL_ACK_MODE_DURABLE) {
        wanted = pos + writer->out->ring->size / 8;
        longest = writer_linger_ns(writer);
    } else if (writer_has_cells(writer)) {
        longest = WRITER_STALL_NS; /* not written: the next segment is not ready */
    }
    if (full)
        wanted = WRITER_AWAKE;
    sleep_until_woken(writer, wanted, timeout_ns < longest ? timeout_ns : longest);
}

static COLD void
wake(struct journal_writer *writer)
{
    if (__atomic_exchange_n(&writer->asleep, 0, __ATOMIC_ACQ_REL) != 0)
        (void)syscall(SYS_futex, &writer->asleep, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void
journal_writer_wake(struct journal_writer *writer)
{
    if (UNLIKELY(writer->fence_in_wake))
        __atomic_thread_fence(__ATOMIC_SEQ_CST); /* W2 pairs with W1 */
    else
        __atomic_signal_fence(__ATOMIC_SEQ_CST); /* W2, the rest of it is in W1 */

    const uint64_t wake_at = __atomic_load_n(&writer->wake_at, __ATOMIC_RELAXED);

    if (LIKELY(wake_at == WRITER_AWAKE))
        return;
    if (ring_cursor_load(&writer->out->ring->published) >= wake_at)
        wake(writer);
}

bool
journal_writer_urge(void)
{
    const struct sched_param param = {.sched_priority = sched_get_priority_min(SCHED_FIFO)};

    return sched_setscheduler(0, SCHED_FIFO, &param) == 0;
}
