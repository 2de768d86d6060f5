#include "tools/load.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "proto/orders.h"

#include "tools/clock.h"

#define ANSWER_WAIT_NS (LINK_ANSWER_S * 1000000000ull)
#define PROGRESS_NS    500000000ull
/* Of one look at all sessions: with more of these a look takes longer. */
#define SENDS_MIN      32u
#define START_AFTER_NS 1000000ull

struct pending {
    uint64_t due_ns;
    bool answered;
};

/* Which message went out under which number of a session's flow. */
struct numbers {
    uint32_t *message; /* by number - 1 */
    size_t cnt;
    size_t max;
};

struct load {
    struct load_cfg cfg;
    struct load_result *result;
    struct link *link;
    unsigned sends_max; /* before what has come is looked at */
    uint64_t base;
    uint32_t next; /* message to send */
    uint32_t in_flight;
    uint64_t last_answer_ns;
    struct pending *pending;
    uint32_t *resend; /* messages that were not applied, oldest first */
    size_t resend_at; /* next of them */
    size_t resend_cnt;
    size_t resend_max;
    struct numbers numbers[LINK_SESSIONS_MAX];
};

static bool
push_u32(uint32_t **items, size_t *cnt, size_t *max, uint32_t item)
{
    if (*cnt == *max) {
        const size_t more = *max == 0 ? 4096 : 2 * *max;
        uint32_t *grown = realloc(*items, more * sizeof(uint32_t));

        if (grown == NULL)
            return false;
        *items = grown;
        *max = more;
    }
    (*items)[(*cnt)++] = item;
    return true;
}

/* answer counts the first report that answers message clord - base. What was not sent
 * yet it cannot be of. */
static void
answer(struct load *load, uint64_t clord, bool accepted)
{
    const uint64_t no = clord - load->base;

    if (no >= load->next || load->pending[no].answered)
        return;
    struct pending *pending = &load->pending[no];
    const uint64_t now_ns = link_now_ns(load->link);

    pending->answered = true;
    load->in_flight--;
    load->last_answer_ns = now_ns;
    if (accepted)
        load->result->acknowledged++;
    else
        load->result->rejected++;
    histogram_add(&load->result->latency, now_ns > pending->due_ns ? now_ns - pending->due_ns : 0);
}

/* cl_ord_id_at reads a ClOrdID out of a report's root block. */
static uint64_t
cl_ord_id_at(const uint8_t *buf, size_t offset)
{
    uint64_t value;

    memcpy(&value, buf + sizeof(struct oe_header) + offset, sizeof value);
    return value;
}

/* take_report takes a report in SBE. */
static void
take_report(void *ctx, const uint8_t *buf, size_t len)
{
    struct load *load = ctx;
    struct oe_header header;

    memcpy(&header, buf, sizeof header);
    switch (header.template_id) {
    case OE_EXECUTION_REPORT_NEW_ID:
        answer(load, cl_ord_id_at(buf, offsetof(struct oe_execution_report_new, cl_ord_id)), true);
        break;
    case OE_EXECUTION_REPORT_REJECT_ID:
        answer(load, cl_ord_id_at(buf, offsetof(struct oe_execution_report_reject, cl_ord_id)),
               false);
        break;
    case OE_EXECUTION_REPORT_CANCEL_ID:
        answer(load, cl_ord_id_at(buf, offsetof(struct oe_execution_report_cancel, cl_ord_id)),
               true);
        break;
    case OE_EXECUTION_REPORT_REPLACE_ID:
        answer(load, cl_ord_id_at(buf, offsetof(struct oe_execution_report_replace, cl_ord_id)),
               true);
        break;
    case OE_MASS_CANCEL_REPORT_ID: {
        const struct oe_mass_cancel_report *done = oe_mass_cancel_report_view(buf, len);

        if (done != NULL)
            answer(load, done->cl_ord_id, done->reject_reason == OE_REJECT_REASON_NONE);
        break;
    }
    case OE_MASS_QUOTE_REPORT_ID: {
        const struct oe_mass_quote_report *quoted = oe_mass_quote_report_view(buf, len);

        if (quoted != NULL)
            answer(load, quoted->quote_id, quoted->reject_reason == OE_REJECT_REASON_NONE);
        break;
    }
    case OE_ORDER_CANCEL_REJECT_ID:
        answer(load, cl_ord_id_at(buf, offsetof(struct oe_order_cancel_reject, cl_ord_id)), false);
        break;
    case OE_EXECUTION_REPORT_TRADE_ID: {
        const struct oe_execution_report_trade *trade = oe_execution_report_trade_view(buf, len);

        load->result->filled += trade != NULL && trade->aggressor == OE_AGGRESSOR_AGGRESSIVE;
        break;
    }
    default:
        break;
    }
    load->cfg.source->on_report(load->cfg.source->ctx, load->base, buf, len);
}

static void
on_report(void *ctx, unsigned index, uint64_t no, const uint8_t *buf, size_t len)
{
    struct load *load = ctx;

    (void)index;
    (void)no;
    if (load->cfg.interpreter != NULL)
        interpreter_take(load->cfg.interpreter, buf, len, take_report, load);
    else
        take_report(load, buf, len);
}

static void
on_not_applied(void *ctx, unsigned index, uint64_t from, uint64_t count)
{
    struct load *load = ctx;
    const struct numbers *numbers = &load->numbers[index];

    for (uint64_t no = from; no < from + count && no <= numbers->cnt; no++)
        if (!push_u32(&load->resend, &load->resend_cnt, &load->resend_max,
                      numbers->message[no - 1]))
            snprintf(load->result->error, sizeof load->result->error, "out of memory");
}

/* on_receipt counts the legs of one that has all times. */
static void
on_receipt(void *ctx, const struct oe_latency_receipt *receipt)
{
    struct load *load = ctx;
    const uint64_t times[] = {receipt->receive_time, receipt->sequenced_time, receipt->matched_time,
                              receipt->durable_time, receipt->send_time};

    for (unsigned i = 0; i <= LOAD_INSIDE; i++)
        if (times[i] == OE_LATENCY_RECEIPT_SEND_TIME_NULL || (i > 0 && times[i] < times[i - 1]))
            return;
    load->result->receipts++;
    for (unsigned i = 0; i < LOAD_INSIDE; i++)
        histogram_add(&load->result->legs[i], times[i + 1] - times[i]);
    histogram_add(&load->result->legs[LOAD_INSIDE], times[LOAD_INSIDE] - times[0]);
}

struct load *
load_new(const struct load_cfg *cfg)
{
    struct load *load = calloc(1, sizeof *load);

    if (load == NULL)
        return NULL;
    load->cfg = *cfg;
    load->pending = calloc(cfg->messages_cnt + 1u, sizeof(struct pending));
    if (load->pending == NULL) {
        free(load);
        return NULL;
    }
    /* No message takes less than a nanosecond, so a run that begins later has none of the
     * ClOrdIDs of this one, whose orders may still be in the books. */
    load->base = clock_utc_ns();
    return load;
}

struct link_events
load_events(struct load *load)
{
    return (struct link_events){
        .on_report = on_report,
        .on_not_applied = on_not_applied,
        .on_receipt = on_receipt,
        .ctx = load,
    };
}

/* send_ouch sends a message of a session in OUCH, as send_one; no number is kept, for over a
 * connection nothing is lost that it does not end with. */
static bool
send_ouch(struct load *load, unsigned session, const uint8_t *request, size_t len)
{
    uint8_t buf[OUCH_PUT_BYTES_MAX];
    const char *why;
    const size_t bytes = interpreter_put(load->cfg.interpreter, session, request, len, buf, &why);

    if (bytes == 0)
        snprintf(load->result->error, sizeof load->result->error, "%s", why);
    if (bytes == 0 || link_send(load->link, session, buf, bytes) == 0)
        return false;
    interpreter_sent(load->cfg.interpreter, request, len);
    return true;
}

/* send_one makes message no and sends it; false if there is no room now or the
 * session is gone. */
static bool
send_one(struct load *load, uint32_t no)
{
    uint8_t buf[LOAD_MESSAGE_BYTES_MAX];
    unsigned session = 0;
    const size_t len = load->cfg.source->make(load->cfg.source->ctx, load->base, no, &session, buf);
    struct numbers *numbers = &load->numbers[session];

    if (load->cfg.interpreter != NULL)
        return send_ouch(load, session, buf, len);
    if (link_send(load->link, session, buf, len) == 0)
        return false;
    if (!push_u32(&numbers->message, &numbers->cnt, &numbers->max, no))
        snprintf(load->result->error, sizeof load->result->error, "out of memory");
    return true;
}

/* resend_due sends again what was not received, oldest first. */
static bool
resend_due(struct load *load, unsigned *sent)
{
    for (; load->resend_at < load->resend_cnt && *sent < load->sends_max; load->resend_at++) {
        if (!send_one(load, load->resend[load->resend_at]))
            return false;
        load->result->resent++;
        (*sent)++;
    }
    if (load->resend_at == load->resend_cnt)
        load->resend_at = load->resend_cnt = 0;
    return true;
}

/* send_due sends what is due, in order, at most sends_max and as much as there is room
 * for; returns how many. */
static unsigned
send_due(struct load *load, uint64_t start_ns, uint64_t now_ns)
{
    unsigned sent = 0;

    if (!resend_due(load, &sent))
        return sent;
    while (load->next < load->cfg.messages_cnt && sent < load->sends_max &&
           load->in_flight < load->cfg.window) {
        const uint64_t due_ns =
            load->cfg.rate > 0 ? start_ns + (uint64_t)((double)load->next * 1e9 / load->cfg.rate)
                               : (now_ns > start_ns ? now_ns : start_ns);

        if (due_ns > now_ns || !send_one(load, load->next))
            break;
        load->pending[load->next++].due_ns = due_ns;
        load->in_flight++;
        load->result->sent++;
        sent++;
    }
    return sent;
}

static void
progress(const struct load *load, uint64_t start_ns, uint64_t now_ns)
{
    const struct load_result *result = load->result;
    const double seconds = now_ns > start_ns ? (double)(now_ns - start_ns) / 1e9 : 0;

    fprintf(stderr, "%s: %5.1f s, %u of %u messages, %llu trades, p50 %.1f us\n", load->cfg.label,
            seconds, load->next, load->cfg.messages_cnt, (unsigned long long)result->filled,
            (double)histogram_at(&result->latency, 5000) / 1e3);
}

static void
rest(enum load_idle idle)
{
    if (idle == LOAD_YIELD)
        sched_yield();
    else if (idle == LOAD_NAP)
        nanosleep(&(struct timespec){.tv_nsec = 1}, NULL);
}

/* work sends and receives until all is answered, the link fails or nothing
 * comes any more; returns the time of the first message. */
static uint64_t
work(struct load *load)
{
    struct load_result *result = load->result;
    const uint64_t start_ns = clock_utc_ns() + START_AFTER_NS;
    uint64_t progress_ns = start_ns + PROGRESS_NS;

    load->last_answer_ns = start_ns;
    while (load->next < load->cfg.messages_cnt || load->in_flight > 0) {
        const int received = link_poll(load->link);
        const uint64_t now_ns = link_now_ns(load->link);
        const unsigned sent = send_due(load, start_ns, now_ns);

        if (*link_error(load->link) != '\0') {
            snprintf(result->error, sizeof result->error, "%s", link_error(load->link));
            break;
        }
        if (result->error[0] != '\0')
            break;
        link_flush(load->link);
        if (now_ns > load->last_answer_ns + ANSWER_WAIT_NS && load->in_flight > 0) {
            snprintf(result->error, sizeof result->error, "no answer for %u seconds",
                     LINK_ANSWER_S);
            break;
        }
        if (load->in_flight == 0)
            load->last_answer_ns = now_ns;
        if (load->cfg.label != NULL && now_ns >= progress_ns) {
            progress(load, start_ns, now_ns);
            progress_ns += PROGRESS_NS;
        }
        if (received == 0 && sent == 0)
            rest(load->cfg.idle);
    }
    return start_ns;
}

void
load_run(struct load *load, struct link *link, struct load_result *result)
{
    (void)prctl(PR_SET_TIMERSLACK, 1ul); /* ns, of its naps */
    *result = (struct load_result){0};
    load->result = result;
    load->link = link;
    load->sends_max = link_sessions(link) > SENDS_MIN ? link_sessions(link) : SENDS_MIN;
    if (load->cfg.interpreter != NULL) {
        load->base = link_next_ref(link);
        if (!interpreter_begin(load->cfg.interpreter, load->base)) {
            snprintf(result->error, sizeof result->error,
                     "not so many UserRefNums are left to the day");
            return;
        }
    }
    const uint64_t start_ns = work(load);
    result->lost = load->in_flight;
    result->elapsed_ns = load->last_answer_ns > start_ns ? load->last_answer_ns - start_ns : 0;
}

void
load_free(struct load *load)
{
    for (unsigned i = 0; i < LINK_SESSIONS_MAX; i++)
        free(load->numbers[i].message);
    free(load->resend);
    free(load->pending);
    free(load);
}
