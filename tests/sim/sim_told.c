#include "tests/sim/sim_told.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/route.h"
#include "gateway/order_codec.h"
#include "proto/base.h"
#include "proto/limits.h"

/* What was found out of a session. */
struct flow {
    size_t begins; /* cell of the SessionNegotiate that gave its UUID */
    uint8_t uuid[16];
    uint64_t clord;
    uint64_t no;
};

__attribute__((format(printf, 2, 3))) static void
complain(struct sim_told *told, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    if (told->why[0] == '\0')
        vsnprintf(told->why, sizeof told->why, format, args);
    va_end(args);
}

/* negotiate notes where a flow begins. A SessionNegotiate that came again begins none. */
static void
negotiate(struct flow *flow, const struct cell_session_negotiate *cell, size_t at)
{
    if (cell->outcome != OE_REJECT_REASON_NONE ||
        memcmp(flow->uuid, cell->uuid, sizeof flow->uuid) == 0)
        return;
    memcpy(flow->uuid, cell->uuid, sizeof flow->uuid);
    flow->begins = at;
}

/* begin finds where the flow of each session begins. A Restart behind a lossy run ends
 * them all: then a UUID may begin another one. */
static void
begin(const struct sim_told *told, struct flow *flows)
{
    uint8_t ack_mode = CELL_ACK_MODE_DURABLE;

    for (size_t at = 0; at < told->cells_cnt; at += cell_count(&told->cells[at])) {
        const union cell *cell = &told->cells[at];

        if (cell_kind(cell) == CELL_KIND_SESSION_NEGOTIATE &&
            cell_session(cell) < told->ledgers_cnt)
            negotiate(&flows[cell_session(cell)], &cell->session_negotiate, at);
        if (cell_kind(cell) != CELL_KIND_RESTART)
            continue;
        for (unsigned i = 0; i < told->ledgers_cnt && ack_mode != CELL_ACK_MODE_DURABLE; i++)
            memset(flows[i].uuid, 0, sizeof flows[i].uuid);
        ack_mode = cell->restart.ack_mode;
    }
}

/* once looks at a request. */
static void
once(struct sim_told *told, struct flow *flow, const union cell *cells)
{
    const unsigned kind = cell_kind(cells);
    const unsigned session = cell_session(cells);
    const uint64_t clord = kind == CELL_KIND_ORDER_NEW       ? cells->order_new.clord
                           : kind == CELL_KIND_ORDER_CANCEL  ? cells->order_cancel.clord
                           : kind == CELL_KIND_ORDER_REPLACE ? cells->order_replace.clord
                                                             : cells->mass_cancel.clord;
    const struct request *request = ledger_request_of(told->ledgers[session], clord);

    if (request == NULL)
        complain(told, "session %u: request %" PRIx64 " was never made", session, clord);
    else if (request->state == REQUEST_NOT_APPLIED ||
             (told->over && request->state == REQUEST_PENDING))
        complain(told, "session %u: request %" PRIx64 " is in the journal and was %s", session,
                 clord, request->state == REQUEST_PENDING ? "not answered" : "called not applied");
    if (clord <= flow->clord)
        complain(told, "session %u: request %" PRIx64 " comes after %" PRIx64, session, clord,
                 flow->clord);
    flow->clord = clord;
}

/* tell compares one report with what the session has in its hands. */
static void
tell(struct sim_told *told, const union cell *cells, const struct route_recipient *recipient)
{
    const struct ledger *ledger = told->ledgers[recipient->session];
    uint8_t bytes[REPORT_BYTES_MAX];
    const uint8_t *has;
    size_t len, has_len;

    if (recipient->no >= ledger_next_report_no(ledger)) {
        if (told->over)
            complain(told, "session %u: report %" PRIu64 " was not told", recipient->session,
                     recipient->no);
        return;
    }
    has = ledger_told(ledger, recipient->no, &has_len);
    if (cell_kind(cells) == CELL_KIND_SESSION_NOT_APPLIED) {
        const uint64_t range[2] = {cells->session_not_applied.from_no,
                                   cells->session_not_applied.count};

        len = sizeof range;
        memcpy(bytes, range, len);
    } else {
        len = order_encode(cells, told->shard, recipient, bytes, sizeof bytes);
    }
    if (len != has_len || memcmp(bytes, has, len) != 0)
        complain(told, "session %u: report %" PRIu64 " was told otherwise", recipient->session,
                 recipient->no);
}

/* looked_at tells whether a session's cell at that place is of its flow. */
static bool
looked_at(const struct sim_told *told, const struct flow *flows, unsigned session, size_t at)
{
    return session < told->ledgers_cnt && told->ledgers[session] != NULL &&
           at >= flows[session].begins;
}

static void
message(struct sim_told *told, struct route *route, struct flow *flows, size_t at)
{
    const union cell *cells = &told->cells[at];
    const unsigned kind = cell_kind(cells);
    struct route_recipient recipients[ROUTE_RECIPIENTS_MAX];
    const unsigned cnt = route_message(route, cells, recipients);

    if (kind >= CELL_KIND_ORDER_NEW && kind <= CELL_KIND_MASS_CANCEL &&
        looked_at(told, flows, cell_session(cells), at))
        once(told, &flows[cell_session(cells)], cells);
    for (unsigned i = 0; i < cnt; i++) {
        if (!looked_at(told, flows, recipients[i].session, at))
            continue;
        tell(told, cells, &recipients[i]);
        flows[recipients[i].session].no = recipients[i].no;
    }
}

bool
sim_told_check(struct sim_told *told)
{
    const size_t bytes = route_footprint(told->sessions_max);
    void *mem = aligned_alloc(CACHE_LINE, (bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);
    struct flow flows[SIM_TOLD_MAX] = {{0}};
    struct route *route;

    ASSERT(mem != NULL);
    ASSERT(told->ledgers_cnt <= SIM_TOLD_MAX);
    memset(mem, 0, bytes);
    route = route_init(mem, told->sessions_max);
    begin(told, flows);
    for (size_t at = 0; at < told->cells_cnt; at += cell_count(&told->cells[at]))
        message(told, route, flows, at);
    for (unsigned i = 0; i < told->ledgers_cnt; i++) {
        if (told->ledgers[i] == NULL || flows[i].no + 1 >= ledger_next_report_no(told->ledgers[i]))
            continue;
        complain(told, "session %u was told %" PRIu64 " reports, the journal has %" PRIu64, i,
                 ledger_next_report_no(told->ledgers[i]) - 1, flows[i].no);
    }
    free(mem);
    return told->why[0] == '\0';
}
