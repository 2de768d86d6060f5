#include <string.h>

#include "gateway/fixp_session.h"
#include "gateway/order_codec.h"

#define HEAD_BYTES (sizeof(struct fixp_header) + FIXP_RETRANSMISSION_BLOCK)

/* send_kept sends reports [from, from + served), which are kept. */
static void
send_kept(struct gateway *gateway,
          struct fixp_session *session,
          const struct fixp_retransmit_request *request,
          uint32_t served)
{
    struct port *port = gateway->ports[session->transport.port_idx];
    struct fixp_retransmission msg = {.request_timestamp = request->timestamp};

    memcpy(msg.session_id, session->uuid, sizeof msg.session_id);
    for (uint32_t done = 0; done < served;) {
        uint8_t *buf = port_tx_claim(port, &session->transport.peer);
        size_t len = HEAD_BYTES;

        if (buf == NULL)
            return;
        msg.next_seq_no = request->from_seq_no + done;
        msg.count = publisher_append(gateway, session, msg.next_seq_no,
                                     request->from_seq_no + served, buf, &len);
        ASSERT(msg.count > 0);
        fixp_retransmission_encode(buf, DATAGRAM_BYTES_MAX, &msg);
        port_tx_push(port, len);
        session->say_no = true;
        done += msg.count;
        gateway->stats.retransmitted += msg.count;
    }
    session->last_tx_ns = gateway->now_ns;
}

bool
retransmit_ask(struct gateway *gateway,
               struct fixp_session *session,
               const struct history_place *place,
               uint64_t from_no,
               uint32_t count)
{
    struct ring_writer *asks = gateway->history.asks;
    struct history_ask cell = {
        .session = session_number(gateway, session),
        .count = (uint16_t)count,
        .from_no = from_no,
        .place = *place,
    };
    union cell out;

    ASSERT(place->seq != 0);
    if (session->history_token != 0 || ring_writer_room(asks, 1) < 1)
        return false;
    if (++gateway->history_generation == 0)
        gateway->history_generation = 1;
    session->history_token = gateway->history_generation;
    cell.token = session->history_token;
    memcpy(cell.uuid, session->uuid, sizeof cell.uuid);
    memcpy(&out, &cell, sizeof out);
    ring_write(asks, &out, 1);
    ring_publish(asks);
    gateway->history_cnt++;
    gateway->history.wake(gateway->history.ctx);
    return true;
}

/* ask asks the journal for reports that are kept no more: one request of a session at
 * a time. */
static void
ask(struct gateway *gateway,
    struct fixp_session *session,
    const struct fixp_retransmit_request *request,
    uint32_t count)
{
    const struct history_place place = history_index_find(session->history, request->from_seq_no);

    if (retransmit_ask(gateway, session, &place, request->from_seq_no, count))
        session->history_time = request->timestamp;
    else
        fixp_send_retransmit_reject(gateway, session, request,
                                    FIXP_RETRANSMIT_REJECT_CODE_REQUEST_LIMIT_EXCEEDED);
}

void
retransmit(struct gateway *gateway,
           struct fixp_session *session,
           const struct fixp_retransmit_request *request)
{
    const uint64_t oldest = session_oldest_no(gateway, session_next_no(gateway, session));
    const uint64_t next = session_end_no(session, session_next_no(gateway, session));
    const uint64_t from = request->from_seq_no;
    uint32_t served = request->count;

    if (from == 0 || from >= next || served == 0 || served > next - from ||
        (from < oldest && gateway->history.asks == NULL)) {
        fixp_send_retransmit_reject(gateway, session, request,
                                    FIXP_RETRANSMIT_REJECT_CODE_OUT_OF_RANGE);
        return;
    }
    if (served > RETRANSMIT_SERVED_MAX)
        served = RETRANSMIT_SERVED_MAX;
    if (from >= oldest)
        send_kept(gateway, session, request, served);
    else
        ask(gateway, session, request, oldest - from < served ? (uint32_t)(oldest - from) : served);
}

/* waits_for tells whether the session still waits for what has that token. */
static bool
waits_for(const struct fixp_session *session, uint32_t token)
{
    return session->history_token == token && session_hears(session);
}

/* old_flush sends what is gathered; false if the port has no room for it now. Who does not
 * read a stream must not keep the others waiting: the rest is dropped, to be asked for again. */
static bool
old_flush(struct gateway *gateway)
{
    struct old_reports *old = &gateway->old;
    struct fixp_session *session = &gateway->sessions[old->session];
    struct port *port = gateway->ports[session->transport.port_idx];
    struct fixp_retransmission msg = {
        .request_timestamp = session->history_time,
        .next_seq_no = old->first_no,
        .count = old->cnt,
    };
    uint8_t *buf;

    if (old->cnt == 0)
        return true;
    if (waits_for(session, old->token)) {
        buf = port_tx_claim(port, &session->transport.peer);
        if (buf == NULL && !port->stream)
            return false;
        if (buf == NULL) {
            session->history_token = 0;
            old->cnt = 0;
            return true;
        }
        memcpy(msg.session_id, session->uuid, sizeof msg.session_id);
        fixp_retransmission_encode(buf, DATAGRAM_BYTES_MAX, &msg);
        memcpy(buf + HEAD_BYTES, old->bytes + HEAD_BYTES, old->len - HEAD_BYTES);
        port_tx_push(port, old->len);
        session->say_no = true;
        session->last_tx_ns = gateway->now_ns;
        gateway->stats.retransmitted += old->cnt;
        gateway->stats.from_journal += old->cnt;
    }
    old->cnt = 0;
    return true;
}

/* old_add encodes one more report behind those that are gathered; false if they must be
 * sent first. */
static bool
old_add(struct gateway *gateway, const struct history_told *told, const union cell *cells)
{
    const struct route_recipient recipient = {
        .session = told->session,
        .maker = told->maker != 0,
        .copy = told->copy != 0,
        .of = told->of,
        .no = told->no,
    };
    struct old_reports *old = &gateway->old;

    if (old->cnt == 0) {
        old->token = told->token;
        old->session = told->session;
        old->first_no = told->no;
        old->len = HEAD_BYTES;
    }

    const size_t len = order_encode(cells, gateway->cfg.shard, &recipient, old->bytes + old->len,
                                    sizeof old->bytes - old->len);

    if (len == 0)
        return false;
    old->len += len;
    old->cnt++;
    return true;
}

/* ended tells who waits that there is no more. */
static void
ended(struct gateway *gateway, const struct history_told *told)
{
    struct fixp_session *session = &gateway->sessions[told->session];
    struct fixp_retransmit_request request = {.timestamp = session->history_time};

    if (session->history_token != told->token)
        return;
    session->history_token = 0;
    if (session_is_ouch(session)) {
        if (told->what == HISTORY_FAILED)
            soup_old_failed(gateway, session);
        return;
    }
    if (told->what == HISTORY_FAILED && session_hears(session)) {
        memcpy(request.session_id, session->uuid, sizeof request.session_id);
        fixp_send_retransmit_reject(gateway, session, &request,
                                    FIXP_RETRANSMIT_REJECT_CODE_OUT_OF_RANGE);
    }
}

/* take_report takes a report that is waited for; false if it must wait for the port. */
static bool
take_report(struct gateway *gateway, const struct history_told *told, const union cell *cells)
{
    struct fixp_session *session = &gateway->sessions[told->session];

    if (session_is_ouch(session)) {
        if (session->history_token == told->token)
            soup_old(gateway, session, told, cells);
        return true;
    }
    if (!waits_for(session, told->token))
        return true;
    return old_add(gateway, told, cells) || (old_flush(gateway) && old_add(gateway, told, cells));
}

/* take_told takes the next that was told; false if it must wait for the port. */
static bool
take_told(struct gateway *gateway, struct ring_reader *from)
{
    union cell cells[CELL_MESSAGE_MAX];
    struct history_told told;

    memcpy(&told, ring_reader_cell(from, 0), sizeof told);
    if (told.what != HISTORY_REPORT) {
        if (!old_flush(gateway))
            return false;
        ended(gateway, &told);
        ASSERT(gateway->history_cnt > 0);
        gateway->history_cnt--;
        ring_reader_advance(from, 1);
        return true;
    }
    ASSERT(told.cells >= 1);
    ASSERT(told.cells <= CELL_MESSAGE_MAX);
    for (unsigned i = 0; i < told.cells; i++)
        cells[i] = *ring_reader_cell(from, 1 + i);
    if (!take_report(gateway, &told, cells))
        return false;
    ring_reader_advance(from, 1u + told.cells);
    return true;
}

int
retransmit_poll(struct gateway *gateway)
{
    struct ring_reader *from = gateway->history.told;
    int done = 0;

    while (done < (int)POLL_MESSAGES_MAX && ring_reader_available(from, 1) > 0 &&
           take_told(gateway, from))
        done++;
    if (done > 0)
        ring_reader_release(from);
    return done;
}
