/*
 * FIXP session: what the gateway knows of a FIXP session. Private to the gateway's
 * own files; gateway.h is what others see.
 *
 *   gateway.c       the stage: burst of datagrams, timers, burst of messages, drain
 *   fixp_server.c   datagrams of clients -> commands, and the few answers that
 *                   need no command
 *   fixp_request.c  Negotiate and Establish -> commands, or refusals
 *   fixp_bind.c     session commands that came back -> bindings and answers
 *   fixp_finish.c   FinishedSending and FinishedReceiving, both ways
 *   fixp_send.c     session messages -> datagrams
 *   soup_server.c   connections of SoupBinTCP: packets -> commands
 *   soup_login.c    a login -> Negotiate and Establish, or its refusal
 *   soup_bind.c     session commands that came back -> bindings and answers
 *   soup_reports.c  messages -> reports of OUCH, kept and sent
 *   soup_conns.c    peers of Soup ports -> their connections
 *   publisher.c     messages of the out-ring -> reports, kept and sent
 *   receipt.c       time stamps of reports, for sessions that ask
 *   retransmit.c    reports again: kept ones, and old ones out of the journal
 *   directory.c     logins and peers -> sessions
 *   save.c          what the journal said of sessions <-> an image
 *
 *                 SessionEstablish came back accepted
 *        FREE ------------------------------------------> BOUND
 *          ^                                                | Terminate, silence,
 *          | SessionUnbind came back                        | violation, drain:
 *          +---------------------- CLOSING <----------------+ SessionUnbind written
 *
 * A request (Negotiate, Establish) is on its way from the in-ring to the gate;
 * a session has at most one such, and while it has, others are dropped: clients
 * repeat them. Its token, in the command's field `transport`, says that
 * an answer is due from here; 14 bits of session, 16 of generation, 2 of gateway.
 *
 * Replayed datagrams: the time in a request may not go backwards within
 * a session, and a request that is the one accepted last is answered again and
 * changes nothing.
 *
 * Invariants
 *  1. What the engine knows of a session the gateway learns from the out-ring
 *     alone, behind the gate: uuid, bound or not, next number in.
 *  2. next_in_no is what the engine will expect once it has taken all that is in
 *     the in-ring.
 *  3. Reports [next_no - retransmit_max, next_no) are in slots, each under
 *     number & mask; [sent_no, next_no) are not sent yet.
 */
#ifndef OUTCRY_GATEWAY_FIXP_SESSION_H
#define OUTCRY_GATEWAY_FIXP_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "engine/ring.h"
#include "engine/route.h"
#include "gateway/directory.h"
#include "gateway/gateway.h"
#include "gateway/history.h"
#include "gateway/hold.h"
#include "gateway/login_limit.h"
#include "gateway/port.h"
#include "gateway/receipt.h"
#include "gateway/soup.h"
#include "gateway/soup_conns.h"
#include "gateway/throttle.h"
#include "proto/base.h"
#include "proto/fixp.h"
#include "proto/limits.h"

/* Cells that the handling of one message can take: its command, or what is
 * skipped, and the end of the binding. */
#define MESSAGE_CELLS_MAX (CELL_COMMAND_MAX + 1u)

/* Cells that the commands of one datagram can take: a message is at least
 * a header of 8 bytes and makes no more than one cell of each 8 (a mass quote:
 * of each 14). Each is begun only with room for the longest. */
#define DATAGRAM_CELLS_MAX (DATAGRAM_BYTES_MAX / 8u + MESSAGE_CELLS_MAX)

/* Numbers that one Sequence may skip: NotApplied has a count of 32 bits. */
#define SEQUENCE_GAP_MAX (1ull << 31)

/* Work of one poll. */
#define POLL_MESSAGES_MAX 256u
#define POLL_TIMERS_MAX   64u

/* Messages that one RetransmitRequest is served; the client asks for the rest. */
#define RETRANSMIT_SERVED_MAX 64u

/* How often the timers of all bound sessions are looked at. */
#define TIMERS_NS 5000000ull

/* Silence after which a client is gone: twice its interval and this. */
#define SILENCE_GRACE_NS 50000000ull

/* Orders that are let in each second, to be refused, while the journal's disk is nearly
 * full: a refusal is in the journal, too, and cancels must have the room. */
#define LOW_ORDERS_MAX 10u
#define LOW_WINDOW_NS  1000000000ull

/* At most one Terminate in this time to a peer that does not know it is unbound. */
#define REMIND_NS 1000000000ull

#define NS_PER_MS 1000000ull

/* A report as it was and will be sent. */
struct report_slot {
    uint16_t len;
    uint8_t bytes[126];
};
_Static_assert(sizeof(struct report_slot) == 128, "two lines");

enum fixp_session_state {
    FIXP_FREE,
    FIXP_BOUND,
    FIXP_CLOSING,
};

/* What the peer hears when the unbind has come back. */
enum fixp_farewell {
    FAREWELL_NONE, /* it was told before, and nothing may follow that */
    FAREWELL_TERMINATE,
};

struct fixp_request {
    uint32_t token; /* 0: none is on its way */
    uint8_t kind;   /* CELL_KIND_SESSION_NEGOTIATE or _ESTABLISH */
    bool takeover;  /* the bound transport is not listened to any more */
    bool lost;      /* the connection that the request came over has ended */
    uint16_t len;   /* of it: no refusal is longer */
    uint64_t time;  /* the client's: echoed */
    struct transport from;
};

/* What the journal says of the flow of an OUCH session. The events of a day have numbers
 * and no message of the route. */
struct soup_flow {
    uint64_t next_no;
    uint64_t begin_ns; /* time of StartOfDay, whose number is 1 */
    uint64_t end_no;   /* of EndOfDay; 0: none yet */
    uint64_t end_ns;
    uint64_t disabled; /* 1: order entry, by word of the client */
};

struct fixp_session {
    /* Every datagram. */
    uint8_t state; /* enum fixp_session_state */
    uint8_t farewell;
    bool used;
    bool dirty;                 /* in the list of those with reports to send */
    bool leaving;               /* unbound, but the port had no room for the farewell */
    bool listed;                /* transport is in the directory */
    bool limited;               /* throttle has a limit */
    bool holding;               /* in the list of those with datagrams that wait */
    bool receipts;              /* are sent */
    bool negotiated;            /* uuid and negotiate_time are what the engine knows */
    bool finishing;             /* the client sends no more under uuid */
    bool finish_due;            /* it is to be told, behind the reports, that we do not */
    bool finalised;             /* neither, ever */
    bool elsewhere;             /* bound by another gateway */
    bool say_no;                /* of a stream: Sequence is due before the next report */
    bool behind;                /* of a stream: ended, what is to be sent is not kept any more */
    struct transport transport; /* last bound */
    uint64_t next_in_no;
    uint64_t stream_no; /* of the next order on a stream: it is counted on. 0: not said yet */
    uint64_t last_rx_ns;
    uint32_t firm;     /* CELL_ANY: not known */
    struct hold *hold; /* NULL: what is above the rates is refused */
    struct throttle throttle;

    /* Every report. */
    uint64_t last_tx_ns;
    uint64_t sent_no;
    uint64_t end_no; /* the first number that is not of the flow under uuid; 0: it goes on */
    struct report_slot *slots;
    struct history_index *history;

    /* Handshakes. */
    uint8_t uuid[16];
    uint64_t negotiate_time; /* of the client's last request that was accepted */
    uint64_t establish_time;
    uint32_t keepalive_ms; /* the client's */
    uint32_t token;        /* of the request that bound it */
    uint32_t bound_idx;    /* in the list of those bound or closing */
    struct fixp_request request;
    uint64_t retransmit_poll; /* the last poll with a RetransmitRequest */
    uint32_t history_token;   /* of what the journal was asked for; 0: nothing */
    uint64_t history_time;    /* of that request */
    uint64_t reminded_ns;
    uint64_t leaving_ns;
    uint64_t login_ns; /* a request from its transport was last looked at */

    /* OUCH: its reports are counted as they are encoded, for some messages have none. */
    struct soup_flow flow;
    uint64_t kept_no;      /* the first report that may be in its slot */
    uint64_t old_no;       /* of the next that the journal will give; 0: not known */
    uint64_t old_route_no; /* and where to read on */
    uint32_t conn;         /* SOUP_CONN_NONE: no connection */
    bool ouch;             /* speaks it */
    bool ending;           /* its day is over: EndOfSession behind the last report */

    struct receipt receipt;
    uint64_t receipt_poll; /* the last poll with a LatencyReceiptRequest that was answered */
} CACHE_ALIGNED;

/* What came of the journal's answer and is not sent yet, of one session. */
struct old_reports {
    uint32_t token; /* 0: nothing */
    uint16_t session;
    uint32_t cnt;
    uint64_t first_no;
    size_t len;
    uint8_t bytes[DATAGRAM_BYTES_MAX];
};

struct gateway {
    struct gateway_cfg cfg;
    struct fixp_session *sessions;
    struct route *route;
    struct directory directory;
    struct ring_writer *in;
    struct ring_reader *out;
    const uint64_t *gate; /* NULL: all that is published may be told */
    uint8_t ack_mode;     /* enum cell_ack_mode of the run that is being read */
    struct port *ports[GATEWAY_PORTS_MAX];
    unsigned ports_cnt;

    struct login_limit login_limit;
    uint32_t datagram_cells; /* room without which no datagram is taken */

    uint64_t now_ns;
    uint64_t poll_no;
    uint32_t generation; /* of tokens */
    uint32_t requests_cnt;

    uint16_t *bound; /* sessions that are bound or closing */
    uint32_t bound_cnt;
    uint32_t timer_idx; /* next to look at */
    uint64_t timers_ns; /* when the round began */

    uint16_t *dirty; /* sessions with reports to send */
    uint32_t dirty_cnt;

    struct gateway_history history; /* asks NULL: there is none */
    uint32_t history_generation;    /* of tokens */
    uint32_t history_cnt;           /* asks that were not answered to their end yet */
    struct old_reports old;
    uint16_t *holding; /* sessions with datagrams that wait */
    uint32_t holding_cnt;

    bool journal_low; /* new orders are refused */
    uint32_t low_cnt; /* of those since low_ns */
    uint64_t low_ns;

    struct ouch_names *names; /* NULL: no session speaks OUCH */
    struct soup_conns conns;
    uint32_t soup_ports;  /* bits */
    uint32_t date;        /* of the last DayRoll */
    uint32_t flows_epoch; /* of the run that ended all flows last, 0: none did */

    gateway_watcher *watcher; /* NULL: nobody */
    void *watcher_ctx;

    bool stopping;
    bool stopped;
    struct gateway_stats stats;

    struct receipts receipts;
};

static inline uint16_t
session_number(const struct gateway *gateway, const struct fixp_session *session)
{
    return (uint16_t)(session - gateway->sessions);
}

/* session_copies tells whether the session is the drop copy of its firm: its client
 * sends no application messages, and its flow is None. */
static inline bool
session_copies(const struct gateway *gateway, const struct fixp_session *session)
{
    return route_is_drop_copy(gateway->route, session_number(gateway, session));
}

static inline bool
session_is_ouch(const struct fixp_session *session)
{
    return session->ouch;
}

/* fixp_uuid_is tells whether the session was negotiated under the UUID. */
static inline bool
fixp_uuid_is(const struct fixp_session *session, const uint8_t uuid[16])
{
    return memcmp(session->uuid, uuid, sizeof session->uuid) == 0;
}

/* elapsed_ns is 0 when the clock was set back. */
static inline uint64_t
elapsed_ns(uint64_t now_ns, uint64_t since_ns)
{
    return now_ns > since_ns ? now_ns - since_ns : 0;
}

/* session_is_silent tells whether a bound transport has missed its own interval. */
static inline bool
session_is_silent(const struct gateway *gateway, const struct fixp_session *session)
{
    return elapsed_ns(gateway->now_ns, session->last_rx_ns) > session->keepalive_ms * NS_PER_MS;
}

/* session_listens tells whether messages of the bound transport are taken. */
static inline bool
session_listens(const struct fixp_session *session)
{
    return session->state == FIXP_BOUND && !session->request.takeover;
}

/* session_hears tells whether reports may be sent to the transport. On one that
 * is another session's they would be taken for that one's. */
static inline bool
session_hears(const struct fixp_session *session)
{
    return session->listed &&
           (session->state == FIXP_BOUND ||
            (session->state == FIXP_CLOSING && session->farewell != FAREWELL_NONE));
}

/* session_slot is where the report is kept, if it is. */
static inline struct report_slot *
session_slot(const struct gateway *gateway, const struct fixp_session *session, uint64_t no)
{
    return &session->slots[no & (gateway->cfg.retransmit_max - 1)];
}

static inline uint64_t
session_next_no(const struct gateway *gateway, const struct fixp_session *session)
{
    return route_next_no(gateway->route, session_number(gateway, session));
}

/* session_end_no is the first number of those below next_no and behind them that will
 * not be told under the session's UUID. */
static inline uint64_t
session_end_no(const struct fixp_session *session, uint64_t next_no)
{
    return session->end_no != 0 && session->end_no < next_no ? session->end_no : next_no;
}

/* session_oldest_no is the first report that is still kept. */
static inline uint64_t
session_oldest_no(const struct gateway *gateway, uint64_t next_no)
{
    const uint64_t max = gateway->cfg.retransmit_max;

    return next_no > max ? next_no - max : 1;
}

/* gateway_command writes one command; the caller made sure of the room. */
static inline void
gateway_command(struct gateway *gateway, const union cell *cells, unsigned count)
{
    ASSERT(ring_writer_room(gateway->in, count) >= count);
    ring_write(gateway->in, cells, count);
}

/* gateway_low_full counts one more order that is let in to be refused while the journal's
 * disk is nearly full; true: it is one too many. */
static inline bool
gateway_low_full(struct gateway *gateway)
{
    if (elapsed_ns(gateway->now_ns, gateway->low_ns) >= LOW_WINDOW_NS) {
        gateway->low_ns = gateway->now_ns;
        gateway->low_cnt = 0;
    }
    return gateway->low_cnt++ >= LOW_ORDERS_MAX;
}

/* fixp_server.c: takes one datagram, or one frame of a stream: a message, or that
 * its connection has ended. What the in-ring has no room for is dropped, as if the
 * network had lost it; for a frame there always is room. */
void
fixp_server_datagram(struct gateway *gateway, unsigned port_idx, const struct datagram *datagram);

/* fixp_skip makes next_no the next of the client's flow, and the last of it if that is
 * finished: what lies between was lost, as the engine will tell the client. */
void
fixp_skip(struct gateway *gateway, struct fixp_session *session, uint64_t next_no, bool finished);

/* fixp_server_held takes what waits and may now be taken; returns how many
 * datagrams. */
int fixp_server_held(struct gateway *gateway);

/* fixp_request.c */

/* fixp_negotiate and fixp_establish take a request that came from there. */
void fixp_negotiate(struct gateway *gateway,
                    const struct transport *from,
                    const uint8_t *buf,
                    size_t len);
void fixp_establish(struct gateway *gateway,
                    const struct transport *from,
                    const uint8_t *buf,
                    size_t len);

/* request_begin notes where the answer goes, and returns the token for the command. time
 * and len are the request's. */
uint32_t request_begin(struct gateway *gateway,
                       struct fixp_session *session,
                       const struct transport *from,
                       unsigned kind,
                       uint64_t time,
                       size_t len,
                       bool takeover);

/* fixp_bind.c */

/* request_end returns whether the command that came back is the one that the
 * session's request became; then the request is over. */
bool
request_end(struct gateway *gateway, struct fixp_session *session, unsigned kind, uint32_t token);

/* bound_add puts a session on the list of those that have timers; unbound ends a
 * binding that the engine has ended, and takes it off. */
void bound_add(struct gateway *gateway, struct fixp_session *session);
void unbound(struct gateway *gateway, struct fixp_session *session);

/* fixp_transport_taken tells whether another session lives on the transport: its
 * datagrams name no session, so it can have one only. */
bool fixp_transport_taken(const struct gateway *gateway,
                          const struct fixp_session *session,
                          const struct transport *transport);

/* fixp_close begins the end of a binding: writes SessionUnbind (one cell). */
void fixp_close(struct gateway *gateway,
                struct fixp_session *session,
                enum cell_unbind_reason reason,
                enum fixp_farewell farewell);

/* fixp_close_told is fixp_close when the peer hears of it at once. */
void fixp_close_told(struct gateway *gateway,
                     struct fixp_session *session,
                     enum cell_unbind_reason reason,
                     const char *text);

/* fixp_lost takes the end of a connection: the session that is bound to it is
 * unbound, and what was to be said there is not. One cell of the in-ring. */
void fixp_lost(struct gateway *gateway, const struct transport *transport);

/* fixp_leave says farewell, behind the last reports, to a session that was
 * unbound. With a full port it is called again when the reports are sent; in_vain
 * when that has taken too long. */
void fixp_leave(struct gateway *gateway, struct fixp_session *session, bool in_vain);

/* fixp_came_back takes a session command from behind the gate. live: of this
 * run, so answers are due. */
void fixp_came_back(struct gateway *gateway, const union cell *cell, bool live);

/* fixp_finish.c */

/* fixp_finish_sending takes that the client sends no number from next_no on, and
 * fixp_finish_receiving that it has all of ours (one cell each). NULL, or why it may
 * not say so. */
const char *
fixp_finish_sending(struct gateway *gateway, struct fixp_session *session, uint64_t next_no);
const char *fixp_finish_receiving(struct gateway *gateway, struct fixp_session *session);

/* fixp_finish_came_back takes a SessionSequence from behind the gate. */
void
fixp_finish_came_back(struct gateway *gateway, const struct cell_session_sequence *cell, bool live);

/* fixp_finish_say says that both flows are finished, if that is due and all reports
 * are sent; false if the port has no room for it. */
bool fixp_finish_say(struct gateway *gateway, struct fixp_session *session);

/* fixp_finish_forget: the session has another UUID. */
void fixp_finish_forget(struct fixp_session *session);

/* fixp_send.c: each sends one datagram, or none if the port has no room. What
 * refuses a request of request_len bytes is no longer than that: its text is cut.
 * Behind a Terminate nothing may come, so it ends the connection of a stream. */
void fixp_send_sequence(struct gateway *gateway, struct fixp_session *session);
void fixp_send_negotiation_response(struct gateway *gateway,
                                    const struct transport *to,
                                    const uint8_t uuid[16],
                                    uint64_t request_time);
void fixp_send_negotiation_reject(struct gateway *gateway,
                                  const struct transport *to,
                                  const uint8_t uuid[16],
                                  uint64_t request_time,
                                  size_t request_len,
                                  enum fixp_negotiation_reject_code code,
                                  const char *text);
void fixp_send_establishment_ack(struct gateway *gateway, struct fixp_session *session);
void fixp_send_establishment_reject(struct gateway *gateway,
                                    const struct transport *to,
                                    const uint8_t uuid[16],
                                    uint64_t request_time,
                                    size_t request_len,
                                    enum fixp_establishment_reject_code code,
                                    const char *text);
void fixp_send_retransmit_reject(struct gateway *gateway,
                                 struct fixp_session *session,
                                 const struct fixp_retransmit_request *request,
                                 enum fixp_retransmit_reject_code code);
/* fixp_send_finish sends FinishedReceiving and FinishedSending, false without room;
 * fixp_send_finished_sending the second alone, which is a heartbeat. */
bool fixp_send_finish(struct gateway *gateway, struct fixp_session *session);
void fixp_send_finished_sending(struct gateway *gateway, struct fixp_session *session);
#define FIXP_TERMINATE_LEN (sizeof(struct fixp_header) + FIXP_TERMINATE_BLOCK + sizeof(uint16_t))
void fixp_send_terminate(struct gateway *gateway,
                         struct fixp_session *session,
                         enum fixp_termination_code code,
                         const char *text);

/* publisher.c */

/* publisher_poll takes a burst of messages from the out-ring; returns how many. */
int publisher_poll(struct gateway *gateway);

/* publisher_take takes one message: numbers, memory, answers if live. */
void publisher_take(struct gateway *gateway, const union cell *cells, bool live);

/* publisher_flush sends what of the session's reports is not sent yet; false
 * if the port has no room for all of it. On a stream nothing may be left out: when
 * what waits is not kept any more, the connection is ended. */
bool publisher_flush(struct gateway *gateway, struct fixp_session *session);

/* publisher_finish has fixp_finish_say called when all reports are sent. */
void publisher_finish(struct gateway *gateway, struct fixp_session *session);

/* publisher_append copies reports from no on behind the len bytes of a datagram, as many
 * as fit and are below end; returns how many. */
uint32_t publisher_append(const struct gateway *gateway,
                          const struct fixp_session *session,
                          uint64_t no,
                          uint64_t end,
                          uint8_t *buf,
                          size_t *len);

/* dirty_add puts the session on the list of those with reports to send. */
void dirty_add(struct gateway *gateway, struct fixp_session *session);

/* retransmit.c */

/* retransmit answers a RetransmitRequest of a bound session, or asks the journal. */
void retransmit(struct gateway *gateway,
                struct fixp_session *session,
                const struct fixp_retransmit_request *request);

/* retransmit_ask asks the journal for count reports of the session from the route's
 * number from_no on; false if one is asked for already, or the ring is full. What comes
 * bears the session's history_token, or is of no use any more. */
bool retransmit_ask(struct gateway *gateway,
                    struct fixp_session *session,
                    const struct history_place *place,
                    uint64_t from_no,
                    uint32_t count);

/* retransmit_poll sends what came from the journal; returns how many messages. */
int retransmit_poll(struct gateway *gateway);

/* soup_server.c */

/* soup_server_datagram takes one packet, or the end of a connection. */
void
soup_server_datagram(struct gateway *gateway, unsigned port_idx, const struct datagram *datagram);

/* soup_held_take takes packets of an OUCH session that wait, as far as they may and the
 * in-ring has room; false if none is left. */
bool soup_held_take(struct gateway *gateway, struct fixp_session *session, int *done);

/* soup_timers looks at a few connections; soup_session_timer at a session that is bound
 * or closing. */
void soup_timers(struct gateway *gateway);
void soup_session_timer(struct gateway *gateway, struct fixp_session *session);

/* soup_reports.c */

/* soup_flush is publisher_flush of an OUCH session, soup_leave fixp_leave. */
bool soup_flush(struct gateway *gateway, struct fixp_session *session);
void soup_leave(struct gateway *gateway, struct fixp_session *session, bool in_vain);

/* soup_keep encodes the report of an OUCH session, if the message has one. */
void soup_keep(struct gateway *gateway,
               struct fixp_session *session,
               const union cell *cells,
               const struct route_recipient *recipient,
               bool live);

/* soup_old takes the message of an old report out of the journal; soup_old_failed hears
 * that the rest cannot be had. */
void soup_old(struct gateway *gateway,
              struct fixp_session *session,
              const struct history_told *told,
              const union cell *cells);
void soup_old_failed(struct gateway *gateway, struct fixp_session *session);

/* soup_bind.c */

/* soup_came_back is fixp_came_back of an OUCH session. */
void soup_came_back(struct gateway *gateway,
                    struct fixp_session *session,
                    const union cell *cell,
                    bool live);

/* soup_day_rolled ends all Soup sessions; soup_restarted those whose reports the run
 * before may have lost. */
void soup_day_rolled(struct gateway *gateway, const struct cell_day_roll *cell, bool live);
void soup_restarted(struct gateway *gateway, const struct cell_restart *cell);

#endif
