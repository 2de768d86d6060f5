/*
 * Faults at the calls: one call of a process, and no other, fails.
 *
 * The linker's --wrap leads the calls of journal/ here. They do what they do,
 * but for call number `at` of the kind of the plan, counted from 0: it fails with
 * `error`, and does nothing; or comes short, if error is 0. The plan lies in
 * memory that parent and child share.
 *
 * FAULT_COMPLETION is the completion of a request of io_uring: a write or a
 * sync. One that is to fail is made a request to do nothing, so that what is not
 * acknowledged is not written either; what is linked behind it is canceled.
 */
#ifndef OUTCRY_TESTS_JOURNAL_FAULT_CALLS_H
#define OUTCRY_TESTS_JOURNAL_FAULT_CALLS_H

#include <stdbool.h>
#include <stdint.h>

enum fault_call {
    FAULT_COMPLETION,
    FAULT_SUBMIT, /* io_uring_submit itself */
    FAULT_PWRITE,
    FAULT_FDATASYNC,
    FAULT_FSYNC,
    FAULT_FALLOCATE,
    FAULT_RENAME,
    FAULT_OPEN,
    FAULT_CALLS
};

struct fault_plan {
    enum fault_call call;
    uint32_t at;
    int error;                 /* 0: short */
    uint32_t cnt[FAULT_CALLS]; /* calls so far; atomic */
    bool fired;
};

/* The plan in force, NULL: none. */
extern struct fault_plan *fault_plan;

/* fault_is_due counts a call and tells whether it is the one. */
bool fault_is_due(enum fault_call call);

#endif
