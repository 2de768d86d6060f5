#include <errno.h>
#include <string.h>

#include <liburing.h>

#include "tests/journal/fault_calls.h"

struct fault_plan *fault_plan;

int __real_io_uring_submit(struct io_uring *ring);
int __wrap_io_uring_submit(struct io_uring *ring);

bool
fault_is_due(enum fault_call call)
{
    struct fault_plan *plan = fault_plan;

    if (plan == NULL || __atomic_fetch_add(&plan->cnt[call], 1, __ATOMIC_RELAXED) != plan->at ||
        plan->call != call)
        return false;
    plan->fired = true;
    return true;
}

/* What is to be changed in the completions of one submit. */
struct change {
    uint64_t user_data[8];
    int result[8];
    unsigned cnt;
};

/* do_nothing makes a request one without effect, which ends with result. */
static void
do_nothing(struct io_uring_sqe *sqe, int result, struct change *change)
{
    const uint64_t user_data = sqe->user_data;
    const uint8_t flags = sqe->flags & IOSQE_IO_LINK;

    memset(sqe, 0, sizeof *sqe);
    sqe->opcode = IORING_OP_NOP;
    sqe->flags = flags;
    sqe->fd = -1;
    sqe->user_data = user_data;
    change->user_data[change->cnt] = user_data;
    change->result[change->cnt++] = result;
}

/* tamper goes through the requests that are to be submitted. */
static unsigned
tamper(struct io_uring *ring, struct change *change)
{
    const unsigned mask = *ring->sq.kring_mask;
    const unsigned cnt = ring->sq.sqe_tail - ring->sq.sqe_head;
    bool broken = false; /* the link before */

    for (unsigned i = 0; i < cnt; i++) {
        struct io_uring_sqe *sqe = &ring->sq.sqes[(ring->sq.sqe_head + i) & mask];
        const bool is_linked = (sqe->flags & IOSQE_IO_LINK) != 0;
        const bool due = fault_is_due(FAULT_COMPLETION);

        if (broken) {
            do_nothing(sqe, -ECANCELED, change);
        } else if (due && fault_plan->error != 0) {
            do_nothing(sqe, -fault_plan->error, change);
        } else if (due && sqe->opcode != IORING_OP_FSYNC && sqe->len > 512) {
            sqe->len = sqe->len / 2 / 512 * 512;
        } else if (due) {
            fault_plan->fired = false; /* a sync cannot come short */
        }
        broken = is_linked && (broken || (due && fault_plan->fired));
    }
    return cnt;
}

int
__wrap_io_uring_submit(struct io_uring *ring)
{
    struct change change = {.cnt = 0};
    struct io_uring_cqe *cqe;
    unsigned cnt;
    int rc;

    if (fault_is_due(FAULT_SUBMIT))
        return -fault_plan->error;
    cnt = tamper(ring, &change);
    rc = __real_io_uring_submit(ring);
    if (change.cnt == 0 || rc < 0)
        return rc;
    (void)io_uring_wait_cqe_nr(ring, &cqe, cnt);
    for (unsigned at = *ring->cq.khead; at != *ring->cq.ktail; at++) {
        cqe = &ring->cq.cqes[at & *ring->cq.kring_mask];
        for (unsigned i = 0; i < change.cnt; i++) {
            if (cqe->user_data == change.user_data[i])
                cqe->res = change.result[i];
        }
    }
    return rc;
}
