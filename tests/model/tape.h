/*
 * Tape: an hour of order messages of a real venue, in LOBSTER's columns:
 * time, type, order id, size, price in 10^-4 dollars, direction of the order.
 *
 * The file is not part of the tree: OUTCRY_TAPE names it, or it lies in
 * ../shared/data beside the source.
 */
#ifndef OUTCRY_TESTS_MODEL_TAPE_H
#define OUTCRY_TESTS_MODEL_TAPE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/px_qty.h"

enum tape_type {
    TAPE_NEW = 1,
    TAPE_PARTIAL_CANCEL = 2,
    TAPE_DELETE = 3,
    TAPE_EXECUTION = 4,
    TAPE_HIDDEN_EXECUTION = 5
};

struct tape_row {
    uint64_t order_id;
    px_t px;
    qty_t qty;
    uint8_t type;  /* enum tape_type */
    bool sell;     /* the side of the order */
    uint32_t last; /* index of the last row that mentions the order, hidden
                    * executions aside */
};

struct tape {
    struct tape_row *rows;
    uint32_t rows_cnt;
    /* Orders that the tape reduces but never enters, in ascending id, each
     * with the sum of what it takes from them. */
    struct tape_row *before;
    uint32_t before_cnt;
};

/* tape_read reads the tape; false, with a message in *why, if it is not there
 * or cannot be read. */
NODISCARD bool tape_read(struct tape *tape, const char **why);
void tape_free(struct tape *tape);

#endif
