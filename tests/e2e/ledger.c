#include "tests/e2e/ledger.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base.h"
#include "proto/fixp.h"
#include "proto/hash.h"
#include "proto/orders.h"

#define CLORD_BROKER_SHIFT 48
#define MAP_SLOTS_MIN      1024u

/* The bytes of a report, in the store of all reports. */
struct told {
    size_t off;
    uint32_t len;
};

struct ledger {
    unsigned broker;
    struct request *requests; /* of all flows, in the order of their ClOrdIDs */
    uint64_t requests_cnt;
    uint64_t requests_max;
    uint64_t flow_first; /* request that has number 1 in this flow */
    uint64_t pending;

    struct told *told; /* by number - 1 of this flow */
    uint64_t told_cnt;
    uint64_t told_max;
    uint8_t *bytes;
    size_t bytes_cnt;
    size_t bytes_max;
    uint64_t cursor; /* number of the next report from the session */

    struct ledger_order *orders; /* all that ever were */
    uint32_t orders_cnt;
    uint32_t orders_max;
    uint32_t *slots; /* open addressing by order id: index + 1, 0 empty */
    uint32_t slots_cnt;
    uint32_t *live;
    uint32_t live_cnt;
    uint32_t live_max;

    uint64_t exec_id;    /* largest so far */
    uint32_t masses_cnt; /* orders told to be canceled by a mass cancel, not yet summed up */
    bool lenient;        /* between ledger_renegotiated and ledger_settled */
    bool cuts;           /* see ledger_cuts */
    struct ledger_stats stats;
    char why[256];
};

__attribute__((format(printf, 2, 3))) static void
fault(struct ledger *ledger, const char *format, ...)
{
    va_list args;

    if (ledger->why[0] != '\0')
        return;
    const int len = snprintf(ledger->why, sizeof ledger->why, "broker %u, report %" PRIu64 ": ",
                             ledger->broker, ledger->cursor);
    va_start(args, format);
    vsnprintf(ledger->why + len, sizeof ledger->why - (size_t)len, format, args);
    va_end(args);
}

/* grown returns items with room for cnt of them. */
static void *
grown(void *items, uint64_t cnt, uint64_t *max, size_t item_bytes)
{
    if (cnt <= *max)
        return items;
    *max = *max == 0 ? 1024 : *max;
    while (*max < cnt)
        *max *= 2;
    void *more = realloc(items, *max * item_bytes);

    ASSERT(more != NULL);
    return more;
}

static void *
grown_u32(void *items, uint32_t cnt, uint32_t *max, size_t item_bytes)
{
    uint64_t wide = *max;
    void *more = grown(items, cnt, &wide, item_bytes);

    ASSERT(wide <= UINT32_MAX);
    *max = (uint32_t)wide;
    return more;
}

struct ledger *
ledger_new(unsigned broker)
{
    struct ledger *ledger = calloc(1, sizeof *ledger);

    ASSERT(ledger != NULL);
    ledger->broker = broker;
    ledger->cursor = 1;
    ledger->slots_cnt = MAP_SLOTS_MIN;
    ledger->slots = calloc(ledger->slots_cnt, sizeof *ledger->slots);
    ASSERT(ledger->slots != NULL);
    return ledger;
}

void
ledger_free(struct ledger *ledger)
{
    if (ledger == NULL)
        return;
    free(ledger->requests);
    free(ledger->told);
    free(ledger->bytes);
    free(ledger->orders);
    free(ledger->slots);
    free(ledger->live);
    free(ledger);
}

/* slot_of returns the slot that holds order_id, or the empty one for it. */
static uint32_t *
slot_of(const struct ledger *ledger, uint64_t order_id)
{
    const uint32_t mask = ledger->slots_cnt - 1;
    uint32_t at = (uint32_t)hash64_of(&order_id, sizeof order_id) & mask;

    while (ledger->slots[at] != 0 && ledger->orders[ledger->slots[at] - 1].order_id != order_id)
        at = (at + 1) & mask;
    return &ledger->slots[at];
}

static struct ledger_order *
order_find(const struct ledger *ledger, uint64_t order_id)
{
    const uint32_t slot = *slot_of(ledger, order_id);

    return slot == 0 ? NULL : &ledger->orders[slot - 1];
}

static void
map_grow(struct ledger *ledger)
{
    free(ledger->slots);
    ledger->slots_cnt *= 2;
    ledger->slots = calloc(ledger->slots_cnt, sizeof *ledger->slots);
    ASSERT(ledger->slots != NULL);
    for (uint32_t i = 0; i < ledger->orders_cnt; i++)
        *slot_of(ledger, ledger->orders[i].order_id) = i + 1;
}

static void
order_add(struct ledger *ledger, const struct ledger_order *order)
{
    if (order_find(ledger, order->order_id) != NULL) {
        fault(ledger, "order id %" PRIx64 " is given twice", order->order_id);
        return;
    }
    ledger->orders = grown_u32(ledger->orders, ledger->orders_cnt + 1, &ledger->orders_max,
                               sizeof *ledger->orders);
    ledger->live =
        grown_u32(ledger->live, ledger->live_cnt + 1, &ledger->live_max, sizeof *ledger->live);
    ledger->orders[ledger->orders_cnt] = *order;
    ledger->orders[ledger->orders_cnt].live_at = ledger->live_cnt;
    ledger->live[ledger->live_cnt++] = ledger->orders_cnt++;
    *slot_of(ledger, order->order_id) = ledger->orders_cnt;
    if (ledger->orders_cnt > ledger->slots_cnt / 2)
        map_grow(ledger);
}

static void
order_remove(struct ledger *ledger, struct ledger_order *order)
{
    const uint32_t last = ledger->live[--ledger->live_cnt];

    ledger->live[order->live_at] = last;
    ledger->orders[last].live_at = order->live_at;
    order->live_at = LEDGER_GONE;
}

/* order_live returns the live order that a report names, or NULL, which is a
 * fault unless orders may be unknown now. */
static struct ledger_order *
order_live(struct ledger *ledger, uint64_t order_id, const char *report)
{
    struct ledger_order *order = order_find(ledger, order_id);

    if (order != NULL && order->live_at != LEDGER_GONE)
        return order;
    if (!ledger->lenient)
        fault(ledger, "%s of order %" PRIx64 ", which is %s", report, order_id,
              order == NULL ? "unknown" : "gone");
    return NULL;
}

uint64_t
ledger_clord(const struct ledger *ledger)
{
    return (uint64_t)(ledger->broker + 1) << CLORD_BROKER_SHIFT | (ledger->requests_cnt + 1);
}

void
ledger_request(struct ledger *ledger, const struct request *request)
{
    ASSERT(request->clord == ledger_clord(ledger));
    ledger->requests = grown(ledger->requests, ledger->requests_cnt + 1, &ledger->requests_max,
                             sizeof *ledger->requests);
    ledger->requests[ledger->requests_cnt] = *request;
    ledger->requests[ledger->requests_cnt++].state = REQUEST_PENDING;
    ledger->pending++;
}

static struct request *
request_of(const struct ledger *ledger, uint64_t clord)
{
    const uint64_t at = (clord & ((1ull << CLORD_BROKER_SHIFT) - 1)) - 1;

    if (clord >> CLORD_BROKER_SHIFT != ledger->broker + 1 || at >= ledger->requests_cnt ||
        at < ledger->flow_first)
        return NULL;
    return &ledger->requests[at];
}

/* answer settles the request that clord names and returns it. */
static const struct request *
answer(struct ledger *ledger, uint64_t clord, enum request_kind kind, const char *report)
{
    struct request *request = request_of(ledger, clord);

    if (request == NULL || request->kind != kind) {
        fault(ledger, "%s answers %" PRIx64 ", which was never asked", report, clord);
        return NULL;
    }
    if (request->state != REQUEST_PENDING) {
        fault(ledger, "%s answers %" PRIx64 ", which is %s", report, clord,
              request->state == REQUEST_ANSWERED ? "answered" : "not applied");
        return NULL;
    }
    request->state = REQUEST_ANSWERED;
    ledger->pending--;
    return request;
}

static void
exec_id_check(struct ledger *ledger, uint64_t exec_id)
{
    if (exec_id <= ledger->exec_id && !ledger->lenient)
        fault(ledger, "execution id %" PRIx64 " after %" PRIx64, exec_id, ledger->exec_id);
    ledger->exec_id = exec_id;
}

static void
take_new(struct ledger *ledger, const struct oe_execution_report_new *report)
{
    const struct request *request = answer(ledger, report->cl_ord_id, REQUEST_NEW, "New");

    exec_id_check(ledger, report->exec_id);
    if (request == NULL)
        return;
    if (report->price != request->px || report->order_qty != request->qty ||
        report->security_id != request->instrument ||
        (report->side == OE_SIDE_SELL) != request->sell)
        fault(ledger, "New of %" PRIx64 " is not what was asked", request->clord);
    order_add(ledger, &(struct ledger_order){
                          .order_id = report->order_id,
                          .clord = request->clord,
                          .px = request->px,
                          .instrument = request->instrument,
                          .leaves_qty = request->qty,
                          .sell = request->sell,
                      });
}

static void
take_trade(struct ledger *ledger, const struct oe_execution_report_trade *report)
{
    const uint64_t match[3] = {report->trd_match_id, (uint64_t)report->last_px, report->last_qty};
    const uint64_t sum = hash64_of(match, sizeof match);
    struct ledger_order *order = order_live(ledger, report->order_id, "Trade");

    exec_id_check(ledger, report->exec_id);
    ledger->stats.trades++;
    ledger->stats.match_sum += report->aggressor == OE_AGGRESSOR_AGGRESSIVE ? sum : 0 - sum;
    if (order == NULL)
        return;
    if (report->last_qty > order->leaves_qty ||
        report->leaves_qty != order->leaves_qty - report->last_qty ||
        report->cum_qty != order->cum_qty + report->last_qty) {
        fault(ledger, "Trade of %u leaves %u of order %" PRIx64 ", which had %u", report->last_qty,
              report->leaves_qty, order->order_id, order->leaves_qty);
        return;
    }
    order->leaves_qty = report->leaves_qty;
    order->cum_qty = report->cum_qty;
    if (order->leaves_qty == 0)
        order_remove(ledger, order);
}

/* take_prevented: nothing traded, and what comes of it is reported next. Both
 * sides are told the same, as of a trade. */
static void
take_prevented(struct ledger *ledger, const struct oe_execution_report_prevented_match *report)
{
    const uint64_t match[3] = {report->prevented_match_id, (uint64_t)report->price,
                               report->prevented_qty};
    const uint64_t sum = hash64_of(match, sizeof match);
    const struct ledger_order *order = order_live(ledger, report->order_id, "PreventedMatch");

    exec_id_check(ledger, report->exec_id);
    ledger->stats.match_sum += report->aggressor == OE_AGGRESSOR_AGGRESSIVE ? sum : 0 - sum;
    if (order != NULL &&
        (report->leaves_qty != order->leaves_qty || report->cum_qty != order->cum_qty ||
         report->prevented_qty > order->leaves_qty))
        fault(ledger, "PreventedMatch of %u of order %" PRIx64 ", which had %u",
              report->prevented_qty, order->order_id, order->leaves_qty);
}

/* take_restated: of the orders that are sent here only self-match prevention
 * changes any. */
static void
take_restated(struct ledger *ledger, const struct oe_execution_report_restated *report)
{
    struct ledger_order *order = order_live(ledger, report->order_id, "Restated");

    exec_id_check(ledger, report->exec_id);
    if (order == NULL)
        return;
    if (report->exec_restatement_reason != OE_EXEC_RESTATEMENT_REASON_SELF_MATCH_DECREMENT ||
        report->price != order->px || report->leaves_qty == 0 ||
        report->leaves_qty >= order->leaves_qty)
        fault(ledger, "Restated leaves %u of order %" PRIx64 ", which had %u", report->leaves_qty,
              order->order_id, order->leaves_qty);
    order->leaves_qty = report->leaves_qty;
}

static void
take_cancel(struct ledger *ledger, const struct oe_execution_report_cancel *report)
{
    struct ledger_order *order = order_live(ledger, report->order_id, "Cancel");

    exec_id_check(ledger, report->exec_id);
    if (report->cancel_reason == OE_CANCEL_REASON_REQUESTED)
        answer(ledger, report->cl_ord_id, REQUEST_CANCEL, "Cancel");
    ledger->masses_cnt += report->cancel_reason == OE_CANCEL_REASON_MASS_CANCEL;
    if (order == NULL)
        return;
    if (report->cxl_qty != order->leaves_qty || report->cum_qty != order->cum_qty)
        fault(ledger, "Cancel takes %u of order %" PRIx64 ", which had %u", report->cxl_qty,
              order->order_id, order->leaves_qty);
    order_remove(ledger, order);
}

static void
take_replace(struct ledger *ledger, const struct oe_execution_report_replace *report)
{
    const struct request *request = answer(ledger, report->cl_ord_id, REQUEST_REPLACE, "Replace");
    struct ledger_order *order = order_live(ledger, report->replaced_order_id, "Replace");
    struct ledger_order changed;

    exec_id_check(ledger, report->exec_id);
    if (order == NULL || request == NULL)
        return;
    const uint32_t leaves_qty = request->qty > order->cum_qty ? request->qty - order->cum_qty : 0;

    if (report->price != request->px || report->cum_qty != order->cum_qty ||
        report->leaves_qty != leaves_qty)
        fault(ledger, "Replace leaves %u of order %" PRIx64 ", expected %u", report->leaves_qty,
              order->order_id, leaves_qty);
    changed = *order;
    changed.clord = request->clord;
    changed.px = request->px;
    /* No more than was filled: the Cancel that follows takes what was left. */
    if (leaves_qty != 0)
        changed.leaves_qty = leaves_qty;
    changed.order_id = report->order_id;
    if (report->order_id == order->order_id) {
        *order = changed;
        return;
    }
    order_remove(ledger, order);
    order_add(ledger, &changed);
}

static void
take_cancel_reject(struct ledger *ledger, const struct oe_order_cancel_reject *report)
{
    const bool replace = report->cxl_rej_response_to == OE_CXL_REJ_RESPONSE_TO_REPLACE;
    const struct request *request = answer(
        ledger, report->cl_ord_id, replace ? REQUEST_REPLACE : REQUEST_CANCEL, "CancelReject");

    if (request == NULL || report->reject_reason != OE_REJECT_REASON_UNKNOWN_ORDER)
        return;
    for (uint32_t i = 0; i < ledger->live_cnt; i++) {
        const struct ledger_order *order = &ledger->orders[ledger->live[i]];

        if (request->order_id != 0 ? order->order_id == request->order_id
                                   : order->clord == request->orig_clord)
            fault(ledger, "CancelReject calls order %" PRIx64 " unknown, which is live",
                  order->order_id);
    }
}

/* take_mass checks that a mass cancel of the session took all there was. */
static void
take_mass(struct ledger *ledger, const struct oe_mass_cancel_report *report)
{
    const bool none = report->reject_reason == OE_REJECT_REASON_NOTHING_TO_CANCEL;

    answer(ledger, report->cl_ord_id, REQUEST_MASS_CANCEL, "MassCancelReport");
    if (!none && report->reject_reason != OE_REJECT_REASON_NONE)
        fault(ledger, "MassCancelReport says %s", oe_reject_reason_name(report->reject_reason));
    if (ledger->live_cnt != 0)
        fault(ledger, "%u orders are live after a mass cancel, order %" PRIx64 " among them",
              ledger->live_cnt, ledger_live(ledger, 0)->order_id);
    if (!none && report->total_affected_orders != ledger->masses_cnt)
        fault(ledger, "a mass cancel of %u orders told of %u", report->total_affected_orders,
              ledger->masses_cnt);
    ledger->masses_cnt = 0;
}

/* take_business_reject: a message that was cut has no ClOrdID, but its number. */
static void
take_business_reject(struct ledger *ledger, const struct oe_business_message_reject *report)
{
    const uint64_t sent_cnt = ledger->requests_cnt - ledger->flow_first;
    const uint64_t no = report->ref_seq_num;

    if (!ledger->cuts || no == 0 || no > sent_cnt) {
        fault(ledger, "BusinessMessageReject of number %" PRIu64 ", sent were %" PRIu64, no,
              sent_cnt);
        return;
    }
    const struct request *request = &ledger->requests[ledger->flow_first + no - 1];

    ledger->stats.cut++;
    answer(ledger, request->clord, request->kind, "BusinessMessageReject");
}

/* take applies a report that is told for the first time. */
static void
take(struct ledger *ledger, const uint8_t *buf, size_t len)
{
    const struct oe_execution_report_new *accepted;
    const struct oe_execution_report_reject *rejected;
    const struct oe_execution_report_trade *trade;
    const struct oe_execution_report_cancel *cancel;
    const struct oe_execution_report_replace *replace;
    const struct oe_order_cancel_reject *cancel_reject;
    const struct oe_mass_cancel_report *mass;
    const struct oe_execution_report_prevented_match *prevented;
    const struct oe_execution_report_restated *restated;
    const struct oe_business_message_reject *business;

    if ((accepted = oe_execution_report_new_view(buf, len)) != NULL)
        take_new(ledger, accepted);
    else if ((trade = oe_execution_report_trade_view(buf, len)) != NULL)
        take_trade(ledger, trade);
    else if ((cancel = oe_execution_report_cancel_view(buf, len)) != NULL)
        take_cancel(ledger, cancel);
    else if ((replace = oe_execution_report_replace_view(buf, len)) != NULL)
        take_replace(ledger, replace);
    else if ((cancel_reject = oe_order_cancel_reject_view(buf, len)) != NULL)
        take_cancel_reject(ledger, cancel_reject);
    else if ((rejected = oe_execution_report_reject_view(buf, len)) != NULL)
        answer(ledger, rejected->cl_ord_id, REQUEST_NEW, "Reject");
    else if ((mass = oe_mass_cancel_report_view(buf, len)) != NULL)
        take_mass(ledger, mass);
    else if ((prevented = oe_execution_report_prevented_match_view(buf, len)) != NULL)
        take_prevented(ledger, prevented);
    else if ((restated = oe_execution_report_restated_view(buf, len)) != NULL)
        take_restated(ledger, restated);
    else if ((business = oe_business_message_reject_view(buf, len)) != NULL)
        take_business_reject(ledger, business);
    else
        fault(ledger, "a report of %zu bytes that answers nothing", len);
}

/* tell notes the bytes of the next report; true if it is told for the first
 * time. */
static bool
tell(struct ledger *ledger, const void *buf, size_t len)
{
    const uint64_t at = ledger->cursor++ - 1;

    if (at < ledger->told_cnt) {
        const struct told *told = &ledger->told[at];

        ledger->stats.told_again++;
        if (told->len != len || memcmp(ledger->bytes + told->off, buf, len) != 0)
            fault(ledger, "another report had number %" PRIu64, at + 1);
        return false;
    }
    uint64_t bytes_max = ledger->bytes_max;

    ledger->told =
        grown(ledger->told, ledger->told_cnt + 1, &ledger->told_max, sizeof *ledger->told);
    ledger->bytes = grown(ledger->bytes, ledger->bytes_cnt + len, &bytes_max, 1);
    ledger->bytes_max = bytes_max;
    memcpy(ledger->bytes + ledger->bytes_cnt, buf, len);
    ledger->told[ledger->told_cnt++] =
        (struct told){.off = ledger->bytes_cnt, .len = (uint32_t)len};
    ledger->bytes_cnt += len;
    ledger->stats.reports++;
    return true;
}

void
ledger_report(struct ledger *ledger, uint64_t no, const uint8_t *buf, size_t len)
{
    if (no != ledger->cursor) {
        fault(ledger, "told number %" PRIu64, no);
        return;
    }
    if (tell(ledger, buf, len))
        take(ledger, buf, len);
}

void
ledger_not_applied(struct ledger *ledger, uint64_t from, uint64_t count)
{
    const uint64_t range[2] = {from, count};
    const uint64_t sent_cnt = ledger->requests_cnt - ledger->flow_first;

    if (!tell(ledger, range, sizeof range))
        return;
    if (from == 0 || count == 0 || from - 1 > sent_cnt || count > sent_cnt - (from - 1)) {
        fault(ledger, "not applied: %" PRIu64 " from %" PRIu64 ", sent were %" PRIu64, count, from,
              sent_cnt);
        return;
    }
    for (uint64_t i = 0; i < count; i++) {
        struct request *request = &ledger->requests[ledger->flow_first + from - 1 + i];

        if (request->state != REQUEST_PENDING)
            fault(ledger, "number %" PRIu64 " is not applied, but was %s", from + i,
                  request->state == REQUEST_ANSWERED ? "answered" : "not applied before");
        else
            ledger->pending--;
        request->state = REQUEST_NOT_APPLIED;
    }
    ledger->stats.not_applied += count;
}

void
ledger_begin(struct ledger *ledger, uint64_t next_no)
{
    ASSERT(next_no > 0);
    ASSERT(next_no <= ledger->told_cnt + 1);
    ledger->cursor = next_no;
}

void
ledger_renegotiated(struct ledger *ledger)
{
    /* Ids may name other orders now: what was lost was never there. */
    ledger->orders_cnt = 0;
    ledger->live_cnt = 0;
    memset(ledger->slots, 0, ledger->slots_cnt * sizeof *ledger->slots);
    ledger->flow_first = ledger->requests_cnt;
    ledger->pending = 0;
    ledger->told_cnt = 0;
    ledger->bytes_cnt = 0;
    ledger->cursor = 1;
    ledger->masses_cnt = 0;
    ledger->exec_id = 0;
    ledger->lenient = true;
}

void
ledger_settled(struct ledger *ledger)
{
    ledger->lenient = false;
}

void
ledger_cuts(struct ledger *ledger)
{
    ledger->cuts = true;
}

const struct request *
ledger_request_of(const struct ledger *ledger, uint64_t clord)
{
    return request_of(ledger, clord);
}

uint64_t
ledger_next_no(const struct ledger *ledger)
{
    return ledger->requests_cnt - ledger->flow_first + 1;
}

uint64_t
ledger_next_report_no(const struct ledger *ledger)
{
    return ledger->told_cnt + 1;
}

const uint8_t *
ledger_told(const struct ledger *ledger, uint64_t no, size_t *len)
{
    ASSERT(no >= 1);
    ASSERT(no <= ledger->told_cnt);
    *len = ledger->told[no - 1].len;
    return ledger->bytes + ledger->told[no - 1].off;
}

uint64_t
ledger_pending(const struct ledger *ledger)
{
    return ledger->pending;
}

uint32_t
ledger_live_cnt(const struct ledger *ledger)
{
    return ledger->live_cnt;
}

const struct ledger_order *
ledger_live(const struct ledger *ledger, uint32_t at)
{
    ASSERT(at < ledger->live_cnt);
    return &ledger->orders[ledger->live[at]];
}

const struct ledger_stats *
ledger_stats(const struct ledger *ledger)
{
    return &ledger->stats;
}

const char *
ledger_why(const struct ledger *ledger)
{
    return ledger->why;
}
