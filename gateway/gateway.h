/*
 * Gateway: FIXP sessions over datagrams and streams, one thread's worth of it.
 *
 *   port -> datagram -> session by peer -> FIXP -> order_decode -> in-ring
 *   port <- datagram <- session <- order_encode <- route <- out-ring
 *                                                    gated by the durable cursor
 *
 * Receiving and publishing belong to one stage, and so to one thread: it owns
 * the transports (peer, keepalive, next numbers, retransmission memory). The
 * engine owns what must survive: UUID, next number in the client's flow, bound
 * or not. Negotiate, Establish and Terminate become commands, and their answers
 * are sent when those commands come back out of the out-ring, so they too are
 * durable before they are told. Only refusals that need no state (unknown
 * login, bad credentials, unparsable frames) are answered at once.
 *
 * Time: gateway_poll is given now_ns, UTC nanoseconds, read once per poll by
 * its caller; every command of the poll bears it.
 *
 * Several gateways, each with a thread, ports and an in-ring of its own, serve the
 * same sessions: all read the out-ring, and learn from it who has bound a session.
 * Of one that another has bound a gateway takes no Negotiate, and its Establish is
 * for the engine to decide; one that is bound elsewhere is forgotten here.
 *
 * Publishing: the publisher reads the out-ring up to the gate. ack durable:
 * the journal's durable cursor. interval, memory: the writer's cursor. Reports
 * go to each session in the order of its numbers, several to a datagram, each
 * datagram beginning with Sequence. The last retransmit_max reports of each
 * session are kept, encoded, for RetransmitRequest; older ones come out of the
 * journal, by another thread (history.h), one request at a time per session.
 *
 * On the wire a datagram holds messages one behind the other, each an SBE
 * header and what belongs to it, of schema 2748 (session) or 100 (orders); there
 * is no framing header, zeros at the end are ignored. Sequence (or Context with
 * the session's UUID) states the number of the order that follows; the others
 * count on. A lower number is a duplicate and is dropped silently, a higher one
 * skips: NotApplied tells what is missing. Where a message ends that is not
 * known cannot be told, so it takes all the rest of its datagram.
 *
 * A port may be a stream (gateway/port.h): a datagram is then one message, numbers
 * are counted on from message to message in both directions, and Sequence is said
 * only where they do not follow. The end of a connection unbinds its session at
 * once; Terminate ends the connection. Reports that a full connection does not take
 * wait, in the memory that retransmission is served from.
 *
 * The time in Negotiate and Establish is UTC nanoseconds, within a window
 * around ours, and never goes backwards within a session: a replayed request
 * changes nothing. The last one accepted is answered again. A session that is
 * bound is bound anew only from the same peer, or when the old one has been
 * silent for longer than its keepalive interval.
 *
 * A RetransmitRequest is served at most 64 reports, which may be fewer than it
 * asked for; one is served per session and poll, more are
 * RetransmitReject(RequestLimitExceeded). FinishedSending is answered with
 * FinishedReceiving and our own FinishedSending; the client's FinishedReceiving then
 * ends the binding and the UUID (gateway/fixp_finish.c).
 *
 * Before a session is established no answer is longer than what came, so that a
 * forged source gains nothing; and of all requests no more signatures are checked
 * than login_rate a second (gateway/login_limit.h): what is above is dropped, as if
 * the network had lost it. With require_context a datagram of an established session
 * counts only if it begins with Context and the session's UUID, which nobody off the
 * path can know; without, whoever can forge the session's address can speak for it.
 *
 * A session may have rates (gateway/throttle.h). What is above them is refused with
 * the time until it may be tried again, as MessageRefused, so that its number is
 * used; or it waits here (gateway/hold.h). So is refused what is longer than
 * message_max.
 *
 * While the journal's disk is nearly full the engine refuses new orders, and each refusal
 * is journaled. A few a second are let in to be refused; what comes beyond is dropped, as
 * if the network had lost it, and NotApplied in the end. Cancels go on.
 *
 * A session may ask for latency receipts (LatencyReceiptRequest, schema 100, without
 * a number): of each burst of reports then one datagram has a LatencyReceipt, which says
 * when the first of them was received, sequenced, matched, durable and sent (receipt.h).
 * It has no number, is not kept and not sent again. Unbinding ends them.
 *
 * Hostile bytes: never an assert, never a log line; a counter per reason.
 *
 * Credentials of Negotiate and Establish: the session's name and a signature
 * with its access key over the request (gateway/credentials.h). `NAME:KEY` in
 * clear text is taken only where the configuration says so.
 */
#ifndef OUTCRY_GATEWAY_GATEWAY_H
#define OUTCRY_GATEWAY_GATEWAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/engine.h"
#include "engine/ring.h"
#include "engine/route.h"
#include "gateway/ouch_codec.h"
#include "gateway/port.h"
#include "proto/base.h"
#include "proto/cell.h"
#include "proto/image.h"

struct gateway;
struct marks;

/* What a session may send in a second; 0: no limit. */
struct gateway_throttle {
    uint32_t messages_per_s; /* but cancels; up to GATEWAY_MESSAGES_PER_S_MAX, as is the next */
    uint32_t cancels_per_s;
    uint32_t bytes_per_s; /* of messages but cancels, up to GATEWAY_BYTES_PER_S_MAX */
};

#define GATEWAY_MESSAGES_PER_S_MAX 100000000u
#define GATEWAY_BYTES_PER_S_MAX    1000000000u

/* What a session speaks. */
enum gateway_dialect {
    GATEWAY_FIXP, /* SBE order entry under FIXP */
    GATEWAY_OUCH, /* OUCH 5.0 under SoupBinTCP: name and key are user and password, at most
                   * SOUP_USER_LEN and SOUP_PASSWORD_LEN characters, without case */
};

struct gateway_session_cfg {
    char name[16];
    char key[33]; /* access key, 1 to 32 characters */
    bool used;    /* false: no such session */
    struct gateway_throttle throttle;
    uint8_t dialect;         /* enum gateway_dialect */
    struct ouch_party party; /* of an OUCH session */
};

struct gateway_cfg {
    uint16_t shard;
    uint16_t sessions_max;
    const struct gateway_session_cfg *sessions; /* sessions_max, kept by reference */
    uint32_t retransmit_max; /* reports kept per session, power of two, 64 .. 2^20 */
    uint32_t keepalive_ms;   /* ours, KEEPALIVE_MS_MIN .. _MAX */
    uint32_t ports_max;      /* 1 .. GATEWAY_PORTS_MAX */
    uint8_t index;           /* 0 .. GATEWAYS_MAX - 1, of several over the same sessions */
    /* How far the time in a request may be from ours, .._MIN .. _MAX; 0: the default. */
    uint32_t credentials_window_ms;
    bool plain_credentials; /* NAME:KEY is taken too */
    bool require_context;   /* every datagram begins with Context and the session's UUID */
    /* Signatures checked in a second, of all who ask, 1 .. LOGIN_RATE_MAX; 0: the default. */
    uint32_t login_rate;
    uint32_t throttle_burst_ms; /* of the rates at once, up to .._MAX; 0: the default */
    bool throttle_queue;        /* what is above the rates waits; else it is refused */
    uint32_t message_max;       /* bytes of a message, MESSAGE_BYTES_MIN ..; 0: of a datagram */
    uint32_t instruments_max;   /* as the engine's; 0: no session speaks OUCH */
    /* What sessions speak is not configured: the journal tells, and gateway_save is to
     * come. Nothing is ever sent. */
    bool follower;
};

#define GATEWAY_PORTS_MAX 4u
#define GATEWAYS_MAX      4u

#define CREDENTIALS_WINDOW_MS     5000u
#define CREDENTIALS_WINDOW_MS_MIN 100u
#define CREDENTIALS_WINDOW_MS_MAX 3600000u

#define THROTTLE_BURST_MS     100u
#define THROTTLE_BURST_MS_MAX 10000u
#define MESSAGE_BYTES_MIN     128u

#define LOGIN_RATE     8000u
#define LOGIN_RATE_MAX 1000000u

/* Connections to Soup ports, beyond one for each session: those that have not logged
 * in. One more takes the place of the oldest of these. */
#define SOUP_CONNS_SPARE 64u

/* gateway_footprint returns the bytes for cfg, 0 if it is invalid. */
size_t gateway_footprint(const struct gateway_cfg *cfg);

/* gateway_init makes a gateway in mem: zeroed, CACHE_LINE aligned, gateway_footprint
 * bytes, which must outlive it. It does not touch what reports are kept in. */
struct gateway *gateway_init(void *mem, const struct gateway_cfg *cfg);

/* gateway_add_port: the port is polled by gateway_poll and stays the caller's. */
void gateway_add_port(struct gateway *gateway, struct port *port);

/* gateway_add_soup_port is gateway_add_port of a stream whose frames are packets of
 * SoupBinTCP: OUCH sessions log in there, and no others. */
void gateway_add_soup_port(struct gateway *gateway, struct port *port);

/* gateway_attach wires the rings. gate: position of the out-ring up to which
 * may be told (the durable cursor), or NULL: all that is published. */
void gateway_attach(struct gateway *gateway,
                    struct ring_writer *in,
                    struct ring_reader *out,
                    const uint64_t *gate);

/* gateway_route is what it knows of the numbers of reports, not to be looked at while
 * it is polled. */
const struct route *gateway_route(const struct gateway *gateway);

/* gateway_attach_history wires it to a reader of the journal (history.h), for reports
 * that are older than retransmit_max. wake is called when something was asked. Without
 * it such reports are out of range. */
struct gateway_history {
    struct ring_writer *asks;
    struct ring_reader *told;
    void (*wake)(void *ctx);
    void *ctx;
};
void gateway_attach_history(struct gateway *gateway, const struct gateway_history *history);

/* gateway_attach_receipts wires what latency receipts need (receipt.h). taken: when the
 * engine's thread took what lies in the out-ring, NULL: that is not known. clock_ns: read
 * when a datagram with a receipt is made, in the gateway's thread, NULL: now_ns of the
 * poll. Without it receipts have what the gateway knows itself. */
struct gateway_receipts {
    struct marks *taken; /* marks.h; read here alone, outlives the gateway */
    uint64_t (*clock_ns)(void *ctx);
    void *ctx;
};
void gateway_attach_receipts(struct gateway *gateway, const struct gateway_receipts *from);

/* gateway_watch makes it show each command that an operator may give, and each
 * RiskAction, that comes back in this run to watcher, behind the gate: who asked for
 * it is then told. */
typedef void gateway_watcher(void *ctx, const union cell *cell);
void gateway_watch(struct gateway *gateway, gateway_watcher *watcher, void *ctx);

/* gateway_recover takes one message of the replay at start: counts numbers and
 * fills the retransmission memory, sends nothing. In journal order. */
void gateway_recover(struct gateway *gateway, const union cell *cells);

/* gateway_save puts what gateway_recover has learned into an image; all sessions are
 * used, which are those of a follower that has no configuration and no port.
 * gateway_load fills a fresh gateway from one, from which gateway_recover can go on.
 * Reports of OUCH sessions from before come out of the journal, if that is attached.
 * 0, or -errno and the gateway is as it was: -EBADMSG, it is no image of a gateway of
 * as many sessions; -ERANGE, it keeps fewer reports of a session that is used than are
 * to be kept here, and there were more. */
void gateway_save(const struct gateway *gateway, struct image_out *out);
NODISCARD int gateway_load(struct gateway *gateway, struct image_in *in);

/* gateway_poll does one bounded slice: a burst of reports, a burst from each port,
 * timers. Returns datagrams received plus messages published. */
int gateway_poll(struct gateway *gateway, uint64_t now_ns);

/* gateway_stop makes it take no more from the ports and terminate each bound
 * session once what was accepted is answered: poll until gateway_stopped. */
void gateway_stop(struct gateway *gateway);
bool gateway_stopped(const struct gateway *gateway);

struct gateway_stats {
    uint64_t datagrams;
    uint64_t messages;   /* application messages turned into commands */
    uint64_t duplicates; /* numbers seen before, dropped */
    uint64_t gaps;       /* numbers that never came */
    uint64_t reports;    /* sent */
    uint64_t retransmitted;
    uint64_t from_journal; /* of these */
    uint64_t receipts;     /* sent */
    uint64_t bad_frame;    /* no SBE header, lengths that do not fit */
    uint64_t bad_schema;   /* neither schema */
    uint64_t bad_session;  /* unknown UUID, wrong peer, wrong state */
    uint64_t bad_credentials;
    uint64_t bad_context;    /* did not begin with Context, where that is required */
    uint64_t low_dropped;    /* datagrams cut at an order, the journal's disk being nearly full */
    uint64_t throttled;      /* messages above their rate: refused, or made to wait */
    uint64_t hold_full;      /* datagrams dropped: too many wait */
    uint64_t logins_dropped; /* requests above login_rate */
    uint64_t refused;        /* application messages that became MessageRefused */
    uint64_t timeouts;
    uint64_t fell_behind;  /* FIXP sessions of streams, ended: reports that were not sent yet
                            * are not kept any more */
    uint64_t in_ring_full; /* stopped receiving */
};
void gateway_stats_get(const struct gateway *gateway, struct gateway_stats *stats);

#endif
