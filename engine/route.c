#include "engine/route.h"

#include <string.h>

#include "proto/limits.h"
#include "proto/orders.h"

#define ROUTE_NO_FIRM UINT32_MAX

/* What the journal says of one server flow. */
struct route_flow {
    uint64_t next_no;
    uint8_t uuid[16]; /* of the flow; zeros: none was negotiated */
    uint32_t firm;    /* ROUTE_NO_FIRM: not known */
    uint16_t copy;    /* the session that is the firm's drop copy; CELL_SESSION: none */
    uint16_t is_copy; /* 1: it is one itself */
};
_Static_assert(sizeof(struct route_flow) == 32, "no flow straddles two lines");

struct route {
    uint32_t sessions_max;
    uint8_t ack_mode; /* enum cell_ack_mode of the run that is being read */
    uint8_t pad[CACHE_LINE - 5];
    struct route_flow flows[];
};

size_t
route_footprint(uint32_t sessions_max)
{
    if (sessions_max < 1 || sessions_max > SESSIONS_MAX)
        return 0;

    const size_t bytes = sizeof(struct route) + sessions_max * sizeof(struct route_flow);

    return (bytes + CACHE_LINE - 1) & ~(size_t)(CACHE_LINE - 1);
}

/* route_flow_begin makes the next number of a flow 1. */
static void
route_flow_begin(struct route_flow *flow, const uint8_t uuid[16])
{
    flow->next_no = 1;
    memcpy(flow->uuid, uuid, sizeof flow->uuid);
}

static void
route_flows_end(struct route *route)
{
    static const uint8_t none[16];

    for (uint32_t i = 0; i < route->sessions_max; i++)
        route_flow_begin(&route->flows[i], none);
}

struct route *
route_init(void *mem, uint32_t sessions_max)
{
    const size_t bytes = route_footprint(sessions_max);
    struct route *route = mem;

    ASSERT(bytes != 0);
    ASSERT((uintptr_t)mem % CACHE_LINE == 0);
    memset(mem, 0, bytes);
    route->sessions_max = sessions_max;
    route->ack_mode = CELL_ACK_MODE_DURABLE;
    route_flows_end(route);
    for (uint32_t i = 0; i < sessions_max; i++) {
        route->flows[i].firm = ROUTE_NO_FIRM;
        route->flows[i].copy = CELL_SESSION;
    }
    return route;
}

/* route_add appends a recipient, unless the exchange itself would be it. */
static unsigned
route_add(struct route *route,
          uint16_t session,
          bool maker,
          unsigned cnt,
          struct route_recipient recipients[ROUTE_RECIPIENTS_MAX])
{
    if (session == CELL_SESSION)
        return cnt;
    ASSERT(session < route->sessions_max);
    ASSERT(cnt < ROUTE_RECIPIENTS_MAX);
    recipients[cnt] = (struct route_recipient){
        .session = session,
        .maker = maker,
        .no = route->flows[session].next_no++,
    };
    return cnt + 1;
}

/* route_add_firm appends a recipient, and behind it its firm's drop copy. */
static unsigned
route_add_firm(struct route *route,
               uint16_t session,
               bool maker,
               unsigned cnt,
               struct route_recipient recipients[ROUTE_RECIPIENTS_MAX])
{
    const unsigned before = cnt;

    cnt = route_add(route, session, maker, cnt, recipients);
    if (cnt == before || LIKELY(route->flows[session].copy == CELL_SESSION))
        return cnt;
    ASSERT(cnt < ROUTE_RECIPIENTS_MAX);
    cnt = route_add(route, route->flows[session].copy, maker, cnt, recipients);
    recipients[cnt - 1].copy = true;
    recipients[cnt - 1].of = session;
    return cnt;
}

/* route_session_set learns whose session it is. */
static void
route_session_set(struct route *route, const struct cell_session_set *cell)
{
    struct route_flow *flows = route->flows;
    struct route_flow *flow = &flows[cell->session];

    if (cell->outcome != OE_REJECT_REASON_NONE)
        return;
    ASSERT(cell->session < route->sessions_max);
    flow->firm = cell->firm;
    flow->is_copy = cell->drop_copy;
    for (uint32_t i = 0; i < route->sessions_max; i++) {
        if (flows[i].firm != cell->firm || i == cell->session)
            continue;
        if (flow->is_copy != 0)
            flows[i].copy = cell->session;
        else if (flows[i].is_copy != 0)
            flow->copy = (uint16_t)i;
    }
}

/* route_negotiate starts a flow, unless the client only repeated its request:
 * the numbers that were given under a UUID stay given. */
static void
route_negotiate(struct route *route, const struct cell_session_negotiate *cell)
{
    if (cell->outcome != OE_REJECT_REASON_NONE || cell->session == CELL_SESSION)
        return;
    ASSERT(cell->session < route->sessions_max);

    struct route_flow *flow = &route->flows[cell->session];

    if (memcmp(flow->uuid, cell->uuid, sizeof flow->uuid) != 0)
        route_flow_begin(flow, cell->uuid);
}

/* route_restart ends all flows if the run before may have told what it then
 * lost: under the old UUID a number would name a second report. */
static void
route_restart(struct route *route, const struct cell_restart *cell)
{
    if (cell->outcome != OE_REJECT_REASON_NONE)
        return;
    if (route->ack_mode != CELL_ACK_MODE_DURABLE)
        route_flows_end(route);
    route->ack_mode = cell->ack_mode;
}

unsigned
route_message(struct route *route,
              const union cell *cells,
              struct route_recipient recipients[ROUTE_RECIPIENTS_MAX])
{
    ASSERT(cell_count(cells) > 0);
    switch (cell_kind(cells)) {
    case CELL_KIND_ORDER_NEW:
    case CELL_KIND_ORDER_CANCEL:
    case CELL_KIND_ORDER_REPLACE:
    case CELL_KIND_MASS_QUOTE:
    case CELL_KIND_ORDER_CANCELED:
    case CELL_KIND_ORDER_RESTATED:
    case CELL_KIND_ORDER_TRIGGERED:
    case CELL_KIND_QUOTE_ENTRY:
    case CELL_KIND_MASS_CANCELED:
        return route_add_firm(route, cell_session(cells), false, 0, recipients);
    case CELL_KIND_MESSAGE_REFUSED:
        /* What the gateway itself answers is between it and its client. */
        if (cells->message_refused.reason == OE_REJECT_REASON_NONE)
            return route_add(route, cell_session(cells), false, 0, recipients);
        return route_add_firm(route, cell_session(cells), false, 0, recipients);
    case CELL_KIND_SESSION_NOT_APPLIED:
        return route_add(route, cell_session(cells), false, 0, recipients);
    case CELL_KIND_MASS_CANCEL:
        if (cell_outcome(cells) == OE_REJECT_REASON_NONE)
            return 0;
        return route_add_firm(route, cell_session(cells), false, 0, recipients);
    case CELL_KIND_TRADE:
    case CELL_KIND_MATCH_PREVENTED: {
        ASSERT(cell_count(cells) >= 2);
        const unsigned cnt = route_add_firm(route, cell_session(cells), false, 0, recipients);

        return route_add_firm(route, cells[1].trade_maker.session, true, cnt, recipients);
    }
    case CELL_KIND_SESSION_NEGOTIATE:
        route_negotiate(route, &cells->session_negotiate);
        return 0;
    case CELL_KIND_SESSION_SET:
        route_session_set(route, &cells->session_set);
        return 0;
    case CELL_KIND_RESTART:
        route_restart(route, &cells->restart);
        return 0;
    default:
        return 0;
    }
}

bool
route_is_drop_copy(const struct route *route, uint16_t session)
{
    ASSERT(session < route->sessions_max);
    return route->flows[session].is_copy != 0;
}

uint64_t
route_next_no(const struct route *route, uint16_t session)
{
    ASSERT(session < route->sessions_max);
    return route->flows[session].next_no;
}

void
route_copy(struct route *route, const struct route *from)
{
    ASSERT(route->sessions_max == from->sessions_max);
    memcpy(route->flows, from->flows, from->sessions_max * sizeof *from->flows);
    route->ack_mode = from->ack_mode;
}

uint8_t
route_ack_mode(const struct route *route)
{
    return route->ack_mode;
}

void
route_seek(struct route *route, uint16_t session, const uint8_t uuid[16], uint64_t next_no)
{
    ASSERT(session < route->sessions_max);
    route_flow_begin(&route->flows[session], uuid);
    route->flows[session].next_no = next_no;
}

void
route_save(const struct route *route, struct image_out *out)
{
    const uint32_t head[2] = {route->sessions_max, route->ack_mode};

    image_put(out, head, sizeof head);
    image_put(out, route->flows, route->sessions_max * sizeof *route->flows);
}

/* route_copies_good: an image comes from a file. */
static bool
route_copies_good(const struct route *route)
{
    for (uint32_t i = 0; i < route->sessions_max; i++) {
        const uint16_t copy = route->flows[i].copy;

        if (route->flows[i].is_copy > 1 ||
            (copy != CELL_SESSION && (copy >= route->sessions_max || copy == i)))
            return false;
    }
    return true;
}

bool
route_load(struct route *route, struct image_in *in)
{
    uint32_t head[2];

    if (!image_get(in, head, sizeof head) || head[0] != route->sessions_max ||
        !cell_ack_mode_valid((uint8_t)head[1]) || head[1] > UINT8_MAX)
        return false;
    route->ack_mode = (uint8_t)head[1];
    return image_get(in, route->flows, route->sessions_max * sizeof *route->flows) &&
           route_copies_good(route);
}
