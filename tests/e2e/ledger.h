/*
 * Ledger: what one broker sent and was told, and whether it can be true.
 *
 *   requests ---ledger_request---> request no. --+--> answered by a report, or
 *   reports  ---ledger_report----> report no.    |    not applied; never both
 *   NotApplied -ledger_not_applied---------------+
 *
 * The ledger rebuilds the broker's live orders from reports alone, the way a
 * broker does, and refuses what contradicts them:
 *
 *  1. Reports of a flow are numbered from 1 without a hole. One that is told
 *     again has the bytes that it had the first time.
 *  2. Each request is answered once, or not applied; never both.
 *  3. An order id is given once for all time; execution ids only grow.
 *  4. Trades, cancels and replaces name a live order of ours, and their
 *     quantities are those that the reports before them left.
 *  5. A cancel or a replace of an order that is live is never UnknownOrder, and
 *     a mass cancel takes exactly the orders that are live.
 *
 * A report is applied when it is first told. What is wrong is kept as one line
 * (ledger_why); the first fault stays. Knows no socket and no clock.
 */
#ifndef OUTCRY_TESTS_E2E_LEDGER_H
#define OUTCRY_TESTS_E2E_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum request_kind {
    REQUEST_NEW,
    REQUEST_CANCEL,
    REQUEST_REPLACE,
    REQUEST_MASS_CANCEL
};
enum request_state {
    REQUEST_PENDING,
    REQUEST_ANSWERED,
    REQUEST_NOT_APPLIED
};

struct request {
    uint64_t clord;
    uint64_t orig_clord; /* cancel and replace by ClOrdID, else 0 */
    uint64_t order_id;   /* cancel and replace by OrderID, else 0 */
    int64_t px;
    uint32_t qty;
    uint32_t instrument;
    uint8_t kind;
    uint8_t state;
    bool sell;
};

/* An order as the reports tell it. */
struct ledger_order {
    uint64_t order_id;
    uint64_t clord;
    int64_t px;
    uint32_t instrument;
    uint32_t leaves_qty;
    uint32_t cum_qty;
    uint32_t live_at; /* index in the list of live orders, or LEDGER_GONE */
    bool sell;
};

#define LEDGER_GONE UINT32_MAX

struct ledger_stats {
    uint64_t reports;
    uint64_t told_again; /* and compared */
    uint64_t not_applied;
    uint64_t cut; /* answered by BusinessMessageReject */
    uint64_t trades;
    uint64_t match_sum; /* takers' matches less makers': 0 over all brokers */
};

struct ledger;

/* ledger_new ends the process without memory; broker tells ClOrdIDs apart. */
struct ledger *ledger_new(unsigned broker);
void ledger_free(struct ledger *ledger);

/* ledger_clord returns the ClOrdID that the next request must have. */
uint64_t ledger_clord(const struct ledger *ledger);

/* ledger_request notes what was sent under the next number. */
void ledger_request(struct ledger *ledger, const struct request *request);

/* ledger_begin says that reports will be told from next_no on, at most the
 * first that was never told. */
void ledger_begin(struct ledger *ledger, uint64_t next_no);

void ledger_report(struct ledger *ledger, uint64_t no, const uint8_t *buf, size_t len);
void ledger_not_applied(struct ledger *ledger, uint64_t from, uint64_t count);

/* ledger_renegotiated starts both flows at 1 after a run that may have lost
 * orders: nothing is known to be live, and until ledger_settled reports may be
 * about orders that the ledger does not know. */
void ledger_renegotiated(struct ledger *ledger);
void ledger_settled(struct ledger *ledger);

/* ledger_cuts says that the way to the exchange may cut messages short: then
 * BusinessMessageReject answers a request. Else none of ours deserves one. */
void ledger_cuts(struct ledger *ledger);

uint64_t ledger_next_no(const struct ledger *ledger);        /* of requests */
uint64_t ledger_next_report_no(const struct ledger *ledger); /* never told before */
uint64_t ledger_pending(const struct ledger *ledger);

/* ledger_request_of returns the request of this flow with that ClOrdID, or NULL. */
const struct request *ledger_request_of(const struct ledger *ledger, uint64_t clord);

/* ledger_told returns report no of this flow, from 1, as it was told. */
const uint8_t *ledger_told(const struct ledger *ledger, uint64_t no, size_t *len);
uint32_t ledger_live_cnt(const struct ledger *ledger);
const struct ledger_order *ledger_live(const struct ledger *ledger, uint32_t at);
const struct ledger_stats *ledger_stats(const struct ledger *ledger);

/* ledger_why returns "" or what contradicts what. */
const char *ledger_why(const struct ledger *ledger);

#endif
