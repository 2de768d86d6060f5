/*
 * Latency receipts: where the time of a report went, for sessions that ask.
 *
 *   receive    TransactTime: read by the gateway before it took the datagram
 *   sequenced  read by the engine's thread before the poll that took the command;
 *              marks come over with positions of the out-ring (gateway/marks.h)
 *   matched    read by the gateway before the poll that saw the report in the out-ring
 *   durable    read by it before the poll that saw the gate behind it; without a gate
 *              as matched
 *   send       read when the datagram with the report is made
 *
 * One of a burst, which is what a session is sent in a poll: of its first report. It
 * lies in that report's datagram, behind Sequence. Best effort: it has no number, is not
 * journaled, kept or sent again, and what is not known is left out: marks are bounded, a
 * session that has just asked has reports under way that nobody marked, and a port that
 * is full takes reports before receipts.
 *
 * Threads do not read their clocks at one moment, so a stamp may be older than the one
 * before it, by a turn of a loop; it is then told as that one.
 *
 * Private to the gateway's own files.
 */
#ifndef OUTCRY_GATEWAY_RECEIPT_H
#define OUTCRY_GATEWAY_RECEIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/gateway.h"
#include "gateway/marks.h"
#include "proto/cell.h"

struct fixp_session;

/* Of one session: of the first report that is not sent yet. */
struct receipt {
    uint64_t no; /* 0: there is none */
    uint64_t receive_ns;
    uint64_t sequenced_ns; /* 0: not known, here and below */
    uint64_t matched_ns;
    uint64_t durable_ns;
    uint64_t last_ns; /* the latest of them */
};

struct receipts {
    struct gateway_receipts from;
    uint32_t wanted_cnt; /* sessions that have asked */
    uint64_t seen_pos;   /* of the out-ring: the next cell that is not marked */
    uint64_t told_pos;   /* so too, of the gate */
    struct marks seen;
    struct marks told;
};

/* receipts_set begins or ends receipts of a session. */
void receipts_set(struct gateway *gateway, struct fixp_session *session, bool on);

/* receipts_look marks what may be seen and told since the last poll; if anybody asked. */
void receipts_look(struct gateway *gateway);

/* receipt_take begins a receipt of report no of the session, whose message is at the
 * out-ring's reader. */
void receipt_take(struct gateway *gateway,
                  struct fixp_session *session,
                  const union cell *cells,
                  uint64_t no);

/* receipt_put puts behind the len bytes of a datagram, whose reports begin at the
 * session's sent_no, the receipt that goes with them, if there is one; receipt_sent fills
 * in the last stamp. The offset is RECEIPT_NONE for none. */
#define RECEIPT_NONE SIZE_MAX
size_t receipt_put(struct fixp_session *session, uint8_t *buf, size_t *len);
void
receipt_sent(struct gateway *gateway, const struct fixp_session *session, uint8_t *buf, size_t off);

/* receipt_answer says to a session that it will be sent receipts: one datagram. */
void receipt_answer(struct gateway *gateway, struct fixp_session *session);

#endif
