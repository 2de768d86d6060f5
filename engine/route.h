/*
 * Route: which sessions a message goes to, and under which numbers.
 *
 * Every session has a server flow of numbered application messages. The
 * numbers are not in the journal: they follow from the order of the messages
 * in it. Whoever reads the sequenced messages from the start (publisher,
 * follower, retransmission, replay) and asks route_message about each gets the
 * same numbers.
 *
 *   message                     recipients, one number each
 *   OrderNew, OrderCancel,      its session: acceptance or reject
 *   OrderReplace, MassCancel    (MassCancel accepted: none, MassCanceled reports)
 *   MessageRefused, MassQuote   its session
 *   Trade, MatchPrevented       taker's session, then maker's session
 *   OrderCanceled               the order's session
 *   OrderRestated               the order's session
 *   OrderTriggered              the order's session
 *   QuoteEntry                  the session of its request
 *   MassCanceled                its session
 *   SessionNotApplied           its session
 *   SessionNegotiate accepted   restarts the numbers of its session at 1
 *   Restart                     ends all flows after a lossy run
 *   SessionSet accepted         says whose session it is, and whether it is the drop
 *                               copy of its firm
 *   all others                  none; OrderRefreshed too: how much an iceberg
 *                               shows is for market data
 *
 * A firm may have one session that is its drop copy. Behind each recipient of that firm
 * it is one too, with a number of its own flow; but for SessionNotApplied, which is of
 * the session's flow and nothing else, and MessageRefused without a reason, which is
 * what the gateway itself answers.
 *
 * CELL_SESSION is no recipient: commands of the exchange itself get no reports.
 */
#ifndef OUTCRY_ENGINE_ROUTE_H
#define OUTCRY_ENGINE_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base.h"
#include "proto/cell.h"
#include "proto/image.h"

struct route;

#define ROUTE_RECIPIENTS_MAX 4u

struct route_recipient {
    uint16_t session;
    bool maker;  /* of a Trade or MatchPrevented: the maker's side */
    bool copy;   /* session is the drop copy of the firm of */
    uint16_t of; /* whose report it is, if copy */
    uint64_t no; /* number of the report in the session's server flow */
};

size_t route_footprint(uint32_t sessions_max);
struct route *route_init(void *mem, uint32_t sessions_max);

/* route_message takes the next message (its cells one behind the other) and
 * fills recipients, in the order of their reports; returns how many. Cost: a few
 * ns. */
unsigned route_message(struct route *route,
                       const union cell *cells,
                       struct route_recipient recipients[ROUTE_RECIPIENTS_MAX]);

/* route_is_drop_copy tells whether the session is the drop copy of its firm. */
bool route_is_drop_copy(const struct route *route, uint16_t session);

/* route_next_no returns the number that the session's next report will have. */
uint64_t route_next_no(const struct route *route, uint16_t session);

/* route_seek makes the session's flow that of uuid and its next number next_no: for who
 * reads messages from the middle and counts for this one session. */
void route_seek(struct route *route, uint16_t session, const uint8_t uuid[16], uint64_t next_no);

/* route_copy makes route, of as many sessions, what from is. */
void route_copy(struct route *route, const struct route *from);

/* route_ack_mode returns the enum cell_ack_mode of the run that is being read: what its
 * end may lose is known when the next Restart comes. */
uint8_t route_ack_mode(const struct route *route);

/* route_save puts all numbers into an image; route_load fills a route from one of as
 * many sessions, false if it is none. */
void route_save(const struct route *route, struct image_out *out);
NODISCARD bool route_load(struct route *route, struct image_in *in);

#endif
