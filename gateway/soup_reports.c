#include "gateway/ouch_codec.h"
#include "gateway/soup_session.h"
#include "proto/ouch.h"

/* Reports that the journal is asked for at a time: they fit into what may wait for
 * a connection. */
#define OLD_REPORTS_MAX 64u

_Static_assert(OUCH_REPORT_BYTES_MAX <= sizeof(((struct report_slot *)0)->bytes),
               "the longest report fits");

/* keep puts a report behind those that there are. */
static struct report_slot *
keep(const struct gateway *gateway, const struct fixp_session *session)
{
    return session_slot(gateway, session, session->flow.next_no);
}

/* kept counts the report that was put there, if it is one. */
static void
kept(struct gateway *gateway, struct fixp_session *session, size_t len, bool live)
{
    if (len == 0)
        return;
    keep(gateway, session)->len = (uint16_t)len;
    session->flow.next_no++;
    if (live)
        dirty_add(gateway, session);
    else
        session->sent_no = session->flow.next_no;
}

void
soup_keep(struct gateway *gateway,
          struct fixp_session *session,
          const union cell *cells,
          const struct route_recipient *recipient,
          bool live)
{
    struct report_slot *slot = keep(gateway, session);
    const struct ouch_party *party = &gateway->cfg.sessions[session_number(gateway, session)].party;

    size_t len;

    if (cell_kind(cells) == CELL_KIND_MESSAGE_REFUSED)
        soup_note_entry(session, &cells->message_refused);
    /* The slot may hold a report of this very burst. */
    if (UNLIKELY(live && session->flow.next_no - session->sent_no >= gateway->cfg.retransmit_max))
        (void)soup_flush(gateway, session);
    history_index_begin(session->history, cell_seq(cells), session->flow.next_no, recipient->no);
    len = ouch_encode(gateway->names, party, cells, recipient, slot->bytes, sizeof slot->bytes);
    if (len > 0)
        history_index_add(session->history, cell_seq(cells), session->flow.next_no, recipient->no);
    kept(gateway, session, len, live);
}

/* encode_event encodes the SystemEvent that has that number; 0 if none has. */
static size_t
encode_event(const struct fixp_session *session, uint64_t no, uint8_t *buf, size_t cap)
{
    if (no == 1)
        return ouch_encode_event(session->flow.begin_ns, OUCH_EVENT_CODE_START_OF_DAY, buf, cap);
    if (no == session->flow.end_no)
        return ouch_encode_event(session->flow.end_ns, OUCH_EVENT_CODE_END_OF_DAY, buf, cap);
    return 0;
}

void
soup_keep_event(struct gateway *gateway, struct fixp_session *session, uint64_t seq, bool live)
{
    struct report_slot *slot = keep(gateway, session);
    const uint64_t no = session->flow.next_no;
    const size_t len = encode_event(session, no, slot->bytes, sizeof slot->bytes);

    ASSERT(len > 0);
    history_index_add(session->history, seq, no, session_next_no(gateway, session));
    kept(gateway, session, len, live);
}

/* send_end says that the day is over, behind all reports; false without room. */
static bool
send_end(struct gateway *gateway, struct fixp_session *session, struct soup_conn *conn)
{
    uint8_t *buf = soup_conn_claim(gateway, conn);

    if (buf == NULL)
        return false;
    soup_conn_push(gateway, conn, soup_end(&conn->soup, buf, DATAGRAM_BYTES_MAX));
    session->ending = false;
    soup_conn_end(gateway, conn, CELL_UNBIND_REASON_DRAIN);
    return true;
}

/* fill puts as many reports into a buffer as fit; returns their bytes. */
static size_t
fill(struct gateway *gateway, struct fixp_session *session, struct soup_conn *conn, uint8_t *buf)
{
    size_t len = 0;

    while (session->sent_no < session->flow.next_no) {
        const struct report_slot *slot = session_slot(gateway, session, session->sent_no);
        const size_t bytes = soup_data(&conn->soup, slot->bytes, slot->len, gateway->now_ns,
                                       buf + len, DATAGRAM_BYTES_MAX - len);

        if (bytes == 0)
            break;
        len += bytes;
        session->sent_no++;
        gateway->stats.reports++;
    }
    ASSERT(len > 0);
    return len;
}

/* old_put sends the next report that the journal gave, unless the client has it; false
 * if there is no room for it now. */
static bool
old_put(struct gateway *gateway,
        struct fixp_session *session,
        struct soup_conn *conn,
        const uint8_t *report,
        size_t len)
{
    ASSERT(session->old_no <= session->sent_no);
    if (session->old_no == session->sent_no) {
        uint8_t *buf = soup_conn_claim(gateway, conn);

        if (buf == NULL)
            return false;
        soup_conn_push(
            gateway, conn,
            soup_data(&conn->soup, report, len, gateway->now_ns, buf, DATAGRAM_BYTES_MAX));
        session->sent_no++;
        gateway->stats.retransmitted++;
        gateway->stats.from_journal++;
    }
    session->old_no++;
    return true;
}

/* old_events sends the events whose turn it is; false if there is no room. */
static bool
old_events(struct gateway *gateway, struct fixp_session *session, struct soup_conn *conn)
{
    uint8_t bytes[OUCH_REPORT_BYTES_MAX];
    size_t len;

    while ((len = encode_event(session, session->old_no, bytes, sizeof bytes)) > 0)
        if (!old_put(gateway, session, conn, bytes, len))
            return false;
    return true;
}

/* catch_up asks the journal for reports that are not kept any more, unless it is asked
 * already. Who reads too slowly for what is kept is no longer waited for where there is
 * no journal to ask; nor is anybody when the exchange stops. False: they cannot be had. */
static bool
catch_up(struct gateway *gateway, struct fixp_session *session, struct soup_conn *conn)
{
    const uint64_t route_no = session_next_no(gateway, session);
    struct history_place place;
    uint64_t left;

    if (gateway->history.asks == NULL || session->leaving || gateway->stopping)
        return false;
    if (session->history_token != 0)
        return true;
    place = history_index_find(session->history,
                               session->old_no != 0 ? session->old_no : session->sent_no);
    if (place.seq == 0)
        return false;
    if (session->old_no == 0) {
        session->old_no = place.no;
        session->old_route_no = place.route_no;
    }
    if (place.route_no > session->old_route_no)
        return false;
    if (!old_events(gateway, session, conn) || session->sent_no >= soup_oldest_no(gateway, session))
        return true;
    left = route_no - session->old_route_no;
    if (session->old_route_no >= route_no)
        return false;
    (void)retransmit_ask(gateway, session, &place, session->old_route_no,
                         left < OLD_REPORTS_MAX ? (uint32_t)left : OLD_REPORTS_MAX);
    return true;
}

/* let_go ends the connection of a client that cannot be sent what comes next: a stream
 * has no holes. He comes back and asks. */
static void
let_go(struct gateway *gateway, struct fixp_session *session, struct soup_conn *conn)
{
    gateway->stats.timeouts++;
    soup_conn_end(gateway, conn, CELL_UNBIND_REASON_TIMED_OUT);
    session->sent_no = session->flow.next_no;
}

void
soup_old(struct gateway *gateway,
         struct fixp_session *session,
         const struct history_told *told,
         const union cell *cells)
{
    const struct ouch_party *party = &gateway->cfg.sessions[session_number(gateway, session)].party;
    const struct route_recipient recipient = {
        .session = told->session,
        .maker = told->maker != 0,
        .no = told->no,
    };
    struct soup_conn *conn = soup_conn_of(gateway, session);
    uint8_t bytes[OUCH_REPORT_BYTES_MAX];
    size_t len;

    if (conn == NULL || conn->soup.state != SOUP_LIVE) {
        session->history_token = 0;
        return;
    }
    len = ouch_encode(gateway->names, party, cells, &recipient, bytes, sizeof bytes);
    /* Without room the rest of the answer is of no use: it is asked for again. */
    if (!old_events(gateway, session, conn) ||
        (len > 0 && !old_put(gateway, session, conn, bytes, len))) {
        session->history_token = 0;
        return;
    }
    session->old_route_no = told->no + 1;
}

void
soup_old_failed(struct gateway *gateway, struct fixp_session *session)
{
    struct soup_conn *conn = soup_conn_of(gateway, session);

    if (conn != NULL)
        let_go(gateway, session, conn);
}

bool
soup_flush(struct gateway *gateway, struct fixp_session *session)
{
    struct soup_conn *conn = soup_conn_of(gateway, session);

    if (conn == NULL || conn->soup.state != SOUP_LIVE) {
        session->sent_no = session->flow.next_no;
        return true;
    }
    ASSERT(session->sent_no == conn->soup.next_no);
    if (session->sent_no < soup_oldest_no(gateway, session)) {
        if (catch_up(gateway, session, conn))
            return false;
        let_go(gateway, session, conn);
        return true;
    }
    session->old_no = 0;
    session->history_token = 0;
    while (session->sent_no < session->flow.next_no) {
        uint8_t *buf = soup_conn_claim(gateway, conn);

        if (buf == NULL)
            return false;
        soup_conn_push(gateway, conn, fill(gateway, session, conn, buf));
    }
    return !session->ending || send_end(gateway, session, conn);
}

void
soup_leave(struct gateway *gateway, struct fixp_session *session, bool in_vain)
{
    struct soup_conn *conn;

    ASSERT(session->leaving);
    if (!in_vain && !soup_flush(gateway, session)) {
        dirty_add(gateway, session);
        return;
    }
    conn = soup_conn_of(gateway, session);
    unbound(gateway, session);
    if (conn != NULL)
        soup_conn_end(gateway, conn, CELL_UNBIND_REASON_TERMINATED);
}
