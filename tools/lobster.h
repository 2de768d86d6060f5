/*
 * Lobster: an hour of a real venue's order book as commands to an exchange.
 *
 * The file has LOBSTER's columns: time in seconds, type, order id, size, price
 * in 1e-4 dollars, direction of the resting order (1 buy, -1 sell). Types: 1
 * new, 2 partial cancel, 3 delete, 4 execution of a visible order, 5 of
 * a hidden one. A name that ends in .gz is read through gzip.
 *
 * A tape of what happened on one venue is not a list of requests to another.
 * These rules turn it into one, with a mirror of the book to know what to send:
 *
 *  0. Orders that the tape reduces but never submits stood there before. They
 *     are entered first, in ascending id, each with the sum of its later
 *     reductions by rows of type 2, 3 and 4.
 *  1. New: a limit order. The tape covers 50 levels, so some deletions are
 *     missing from it: while the order would cross, every order at the best
 *     opposite level is canceled first.
 *  2. Partial cancel: a replace down to what is left. Delete, or a partial
 *     cancel of all that is left: a cancel. An order that the mirror no longer
 *     has is canceled all the same, and will be refused.
 *  3. Visible execution of order X at price p, size s: every level better than
 *     p on X's side is canceled first; then at p, from the front to X (or to
 *     the end if X is not there), the orders that no later row mentions (hidden
 *     executions aside); then an IOC of the other side at p for s.
 *  4. Hidden execution: skipped.
 *
 * No answer of the exchange is needed to make the list, so it is made at once;
 * answers are compared with it afterwards. Memory: about 100 bytes a row.
 */
#ifndef OUTCRY_TOOLS_LOBSTER_H
#define OUTCRY_TOOLS_LOBSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base.h"
#include "proto/px_qty.h"

enum lobster_kind {
    LOBSTER_NEW,
    LOBSTER_IOC,
    LOBSTER_CANCEL,
    LOBSTER_REPLACE
};

struct lobster_command {
    uint64_t tape_id; /* order it is about; of an IOC: the order that traded on the venue */
    px_t px;          /* of new, IOC and replace */
    uint32_t qty;     /* of a replace: the total, fills counted in */
    uint32_t orig;    /* cancel, replace: number of the command whose ClOrdID the order has,
                       * LOBSTER_NONE if it never had one */
    uint8_t kind;     /* enum lobster_kind */
    bool sell;
    bool own;     /* a cancel that the tape does not have */
    bool refused; /* the mirror expects a refusal */
};

#define LOBSTER_NONE UINT32_MAX

struct lobster {
    struct lobster_command *commands;
    size_t commands_cnt;
    size_t rows_cnt;
    size_t standing_cnt; /* orders by rule 0 */
    size_t own_cancels_cnt;
    size_t executions_cnt; /* IOCs sent */
    size_t refused_cnt;    /* expected */
};

/* lobster_load reads the file and makes the list. 0, or -errno with one line in
 * why: -ENOENT no such file, -EINVAL a row that is no row (with its number). */
NODISCARD int lobster_load(struct lobster *lobster, const char *path, char why[256]);
void lobster_free(struct lobster *lobster);

#endif
