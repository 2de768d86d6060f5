/*
 * Soup session: what the files of OUCH sessions share among themselves. Private to them;
 * gateway/fixp_session.h has what the gateway calls, and the session itself.
 *
 *   soup_server.c   connections: packets -> commands, time
 *   soup_login.c    a login -> Negotiate and Establish, or its refusal
 *   soup_bind.c     session commands that came back -> bindings, days, answers
 *   soup_reports.c  messages -> reports, numbered, kept and sent; old ones again
 *
 * A Soup session is what FIXP calls a negotiation: both flows start
 * at 1. It lives for a business day; its name is made from the UUID of the
 * negotiation, and that from the session, the day and the last run that had to
 * end all flows, because the one before may have lost what it told. So a login is one command,
 * Establish, and on the first of the day two.
 */
#ifndef OUTCRY_GATEWAY_SOUP_SESSION_H
#define OUTCRY_GATEWAY_SOUP_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/fixp_session.h"
#include "proto/soup.h"

/* FIXP's word for a client flow whose messages the session layer does not number. */
#define SOUP_CLIENT_FLOW FIXP_FLOW_TYPE_UNSEQUENCED

static inline struct soup_conn *
soup_conn_of(struct gateway *gateway, const struct fixp_session *session)
{
    return session->conn != SOUP_CONN_NONE ? &gateway->conns.at[session->conn] : NULL;
}

static inline uint8_t *
soup_conn_claim(struct gateway *gateway, const struct soup_conn *conn)
{
    return port_tx_claim(gateway->ports[conn->transport.port_idx], &conn->transport.peer);
}

static inline void
soup_conn_push(struct gateway *gateway, const struct soup_conn *conn, size_t len)
{
    port_tx_push(gateway->ports[conn->transport.port_idx], len);
}

/* soup_oldest_no is the first report that is kept. */
static inline uint64_t
soup_oldest_no(const struct gateway *gateway, const struct fixp_session *session)
{
    const uint64_t oldest = session_oldest_no(gateway, session->flow.next_no);

    return oldest > session->kept_no ? oldest : session->kept_no;
}

/* soup_can_send tells whether reports from no on are kept, or can be asked for. */
static inline bool
soup_can_send(const struct gateway *gateway, const struct fixp_session *session, uint64_t no)
{
    return no >= soup_oldest_no(gateway, session) || gateway->history.asks != NULL;
}

/* soup_server.c */

/* soup_unbind begins the end of a binding whose connection is gone: now, or when there is
 * room for the command. */
void
soup_unbind(struct gateway *gateway, struct fixp_session *session, enum cell_unbind_reason reason);

/* soup_conn_end ends a connection; what was pushed to it is sent. */
void soup_conn_end(struct gateway *gateway, struct soup_conn *conn, enum cell_unbind_reason reason);

/* soup_conn_refuse answers a login with a refusal and ends the connection. */
void
soup_conn_refuse(struct gateway *gateway, struct soup_conn *conn, enum soup_reject_reason reason);

/* soup_note_entry learns what the client says of its order entry. */
void soup_note_entry(struct fixp_session *session, const struct cell_message_refused *cell);

/* soup_login.c: the login is answered, now or when its commands have come back. */
void
soup_take_login(struct gateway *gateway, struct soup_conn *conn, const struct soup_login *login);

/* soup_reports.c: soup_keep_event puts a SystemEvent, of the command seq, among the
 * reports. */
void
soup_keep_event(struct gateway *gateway, struct fixp_session *session, uint64_t seq, bool live);

#endif
