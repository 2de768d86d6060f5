#include <string.h>

#include "gateway/fixp_session.h"
#include "gateway/order_codec.h"

_Static_assert(sizeof(((struct report_slot *)0)->bytes) >=
                   sizeof(struct oe_header) + OE_EXECUTION_REPORT_REPLACE_BLOCK + sizeof(uint32_t),
               "the longest report fits, of a drop copy too");

uint32_t
publisher_append(const struct gateway *gateway,
                 const struct fixp_session *session,
                 uint64_t no,
                 uint64_t end,
                 uint8_t *buf,
                 size_t *len)
{
    uint32_t cnt = 0;

    for (; no + cnt < end; cnt++) {
        const struct report_slot *slot = session_slot(gateway, session, no + cnt);

        if (LIKELY(*len + sizeof slot->bytes <= DATAGRAM_BYTES_MAX))
            memcpy(buf + *len, slot->bytes, sizeof slot->bytes); /* of a size that is known */
        else if (*len + slot->len <= DATAGRAM_BYTES_MAX)
            memcpy(buf + *len, slot->bytes, slot->len);
        else
            break;
        *len += slot->len;
    }
    return cnt;
}

/* flush_to sends reports below next, which are all in their slots, as far as the flow
 * goes. */
static bool
flush_to(struct gateway *gateway, struct fixp_session *session, uint64_t next)
{
    struct port *port = gateway->ports[session->transport.port_idx];
    const uint64_t end = session_end_no(session, next);

    if (session_is_ouch(session))
        return soup_flush(gateway, session);
    if (session->slots == NULL || !session_hears(session)) {
        session->sent_no = end;
        return true;
    }
    /* What was overwritten before it could be sent is lost, as on a wire. */
    if (UNLIKELY(session->sent_no < session_oldest_no(gateway, next))) {
        if (port->stream) {
            gateway->stats.fell_behind += !session->behind;
            session->behind = true;
            port_drop(port, &session->transport.peer);
            return false;
        }
        session->sent_no = session_end_no(session, session_oldest_no(gateway, next));
    }
    while (session->sent_no < end) {
        const struct fixp_sequence sequence = {.next_seq_no = session->sent_no};
        uint8_t *buf = port_tx_claim(port, &session->transport.peer);
        size_t len = 0;

        if (buf == NULL)
            return false;
        if (!port->stream || session->say_no)
            len = fixp_sequence_encode(buf, DATAGRAM_BYTES_MAX, &sequence);
        session->say_no = false;

        const size_t receipt_off =
            UNLIKELY(session->receipts) ? receipt_put(session, buf, &len) : RECEIPT_NONE;
        const uint32_t cnt = publisher_append(gateway, session, session->sent_no, end, buf, &len);

        ASSERT(cnt > 0);
        if (UNLIKELY(receipt_off != RECEIPT_NONE))
            receipt_sent(gateway, session, buf, receipt_off);
        port_tx_push(port, len);
        session->sent_no += cnt;
        session->last_tx_ns = gateway->now_ns;
        gateway->stats.reports += cnt;
    }
    return true;
}

bool
publisher_flush(struct gateway *gateway, struct fixp_session *session)
{
    return flush_to(gateway, session, session_next_no(gateway, session));
}

void
dirty_add(struct gateway *gateway, struct fixp_session *session)
{
    if (session->dirty)
        return;
    session->dirty = true;
    ASSERT(gateway->dirty_cnt < gateway->cfg.sessions_max);
    gateway->dirty[gateway->dirty_cnt++] = session_number(gateway, session);
}

void
publisher_finish(struct gateway *gateway, struct fixp_session *session)
{
    session->finish_due = true;
    dirty_add(gateway, session);
}

/* dirty_flush sends to all on the list; those whose port is full stay on it. */
static void
dirty_flush(struct gateway *gateway)
{
    uint32_t left_cnt = 0;

    for (uint32_t i = 0; i < gateway->dirty_cnt; i++) {
        struct fixp_session *session = &gateway->sessions[gateway->dirty[i]];

        session->dirty = !publisher_flush(gateway, session) || !fixp_finish_say(gateway, session);
        if (session->dirty)
            gateway->dirty[left_cnt++] = gateway->dirty[i];
        else if (UNLIKELY(session->leaving) && session_is_ouch(session))
            soup_leave(gateway, session, false);
        else if (UNLIKELY(session->leaving))
            fixp_leave(gateway, session, false);
    }
    gateway->dirty_cnt = left_cnt;
}

/* report_keep encodes the report of one recipient into its slot. */
static void
report_keep(struct gateway *gateway,
            const union cell *cells,
            const struct route_recipient *recipient,
            bool live)
{
    struct fixp_session *session = &gateway->sessions[recipient->session];

    if (session->slots == NULL)
        return;
    if (session_is_ouch(session)) {
        soup_keep(gateway, session, cells, recipient, live);
        return;
    }

    /* The slot may hold a report of this very burst. */
    if (UNLIKELY(live && recipient->no - session->sent_no >= gateway->cfg.retransmit_max))
        (void)flush_to(gateway, session, recipient->no);

    struct report_slot *slot = session_slot(gateway, session, recipient->no);
    const size_t len =
        order_encode(cells, gateway->cfg.shard, recipient, slot->bytes, sizeof slot->bytes);

    /* What is numbered has a report. */
    ASSERT(len > 0);
    slot->len = (uint16_t)len;
    if (UNLIKELY(session->receipts) && live && session->receipt.no == 0)
        receipt_take(gateway, session, cells, recipient->no);
    history_index_add(session->history, cell_seq(cells), recipient->no, recipient->no);
    if (live)
        dirty_add(gateway, session);
    else
        session->sent_no = recipient->no + 1;
}

/*
 * flow_ended forgets what was negotiated before a run that may have told what it then
 * lost. A Negotiate of that time may come late, and would give the old UUID other
 * numbers; so none is taken that is older than this start. The journal may have lost
 * the first, so its time is not enough.
 */
static void
flow_ended(struct fixp_session *session, uint64_t start_ns)
{
    memset(session->uuid, 0, sizeof session->uuid);
    fixp_finish_forget(session);
    if (start_ns > session->negotiate_time)
        session->negotiate_time = start_ns - 1;
}

/* restarted: whether the engine has kept what was negotiated it alone knows. */
static void
restarted(struct gateway *gateway, const struct cell_restart *cell, bool live)
{
    const bool lossy = gateway->ack_mode != CELL_ACK_MODE_DURABLE;
    uint64_t start_ns = 0;

    /* If the clock was set back, nobody is to wait until it is there again. */
    if (live)
        start_ns = cell->time < gateway->now_ns ? cell->time : gateway->now_ns;
    for (uint16_t i = 0; i < gateway->cfg.sessions_max; i++) {
        struct fixp_session *session = &gateway->sessions[i];

        if (session_is_ouch(session))
            continue;
        session->negotiated = false;
        session->sent_no = route_next_no(gateway->route, i);
        if (lossy)
            flow_ended(session, start_ns);
    }
    gateway->ack_mode = cell->ack_mode;
}

/* session_set learns whose session it is. */
static void
session_set(struct gateway *gateway, const struct cell_session_set *cell)
{
    if (cell->outcome != OE_REJECT_REASON_NONE)
        return;
    ASSERT(cell->session < gateway->cfg.sessions_max);
    gateway->sessions[cell->session].firm = cell->firm;
}

/* watched shows what an operator may wait for. */
static void
watched(struct gateway *gateway, const union cell *cells, bool live)
{
    if (live && gateway->watcher != NULL)
        gateway->watcher(gateway->watcher_ctx, cells);
}

void
publisher_take(struct gateway *gateway, const union cell *cells, bool live)
{
    struct route_recipient recipients[ROUTE_RECIPIENTS_MAX];
    const unsigned cnt = route_message(gateway->route, cells, recipients);

    for (unsigned i = 0; i < cnt; i++)
        report_keep(gateway, cells, &recipients[i], live);
    switch (cell_kind(cells)) {
    case CELL_KIND_SESSION_NEGOTIATE:
    case CELL_KIND_SESSION_ESTABLISH:
    case CELL_KIND_SESSION_UNBIND:
        fixp_came_back(gateway, cells, live);
        break;
    case CELL_KIND_SESSION_SEQUENCE:
        fixp_finish_came_back(gateway, &cells->session_sequence, live);
        break;
    case CELL_KIND_SESSION_SET:
        session_set(gateway, &cells->session_set);
        break;
    case CELL_KIND_INSTRUMENT_SET:
        if (gateway->names != NULL && cell_outcome(cells) == OE_REJECT_REASON_NONE)
            ouch_names_learn(gateway->names, &cells->instrument_set);
        watched(gateway, cells, live);
        break;
    case CELL_KIND_ACCOUNT_SET:
    case CELL_KIND_INSTRUMENT_STATE_SET:
    case CELL_KIND_LIMIT_SET:
    case CELL_KIND_FEE_SET:
    case CELL_KIND_CASH_MOVE:
    case CELL_KIND_POSITION_MOVE:
    case CELL_KIND_MARK_SET:
    case CELL_KIND_KILL:
    case CELL_KIND_ENABLE:
    case CELL_KIND_RESTRICTION_SET:
    case CELL_KIND_ORDER_RULE_SET:
    case CELL_KIND_HAND_BACK:
    case CELL_KIND_RISK_ACTION:
        watched(gateway, cells, live);
        break;
    case CELL_KIND_JOURNAL_SPACE:
        if (cell_outcome(cells) == OE_REJECT_REASON_NONE)
            gateway->journal_low = cells->journal_space.low != 0;
        break;
    case CELL_KIND_DAY_ROLL:
        if (cell_outcome(cells) == OE_REJECT_REASON_NONE)
            soup_day_rolled(gateway, &cells->day_roll, live);
        watched(gateway, cells, live);
        break;
    case CELL_KIND_RESTART:
        if (cell_outcome(cells) == OE_REJECT_REASON_NONE)
            soup_restarted(gateway, &cells->restart);
        restarted(gateway, &cells->restart, live);
        break;
    default:
        break;
    }
}

/* available returns how many cells may be told. */
static uint64_t
available(struct gateway *gateway)
{
    struct ring_reader *out = gateway->out;
    const uint64_t published = ring_reader_available(out, POLL_MESSAGES_MAX * CELL_MESSAGE_MAX);

    if (gateway->gate == NULL)
        return published;

    /* Pairs with the writer's release of its durable cursor. */
    const uint64_t gate = __atomic_load_n(gateway->gate, __ATOMIC_ACQUIRE);
    const uint64_t durable = gate > out->pos ? gate - out->pos : 0;

    return durable < published ? durable : published;
}

/* message_at returns the cells of the message at the reader's position, one
 * behind the other: in place, or copied if they wrap around the ring's end. */
static const union cell *
message_at(const struct ring_reader *out, unsigned count, union cell copy[CELL_MESSAGE_MAX])
{
    if (LIKELY((out->pos & out->mask) + count <= out->mask + 1))
        return ring_reader_cell(out, 0);
    for (unsigned i = 0; i < count; i++)
        copy[i] = *ring_reader_cell(out, i);
    return copy;
}

int
publisher_poll(struct gateway *gateway)
{
    struct ring_reader *out = gateway->out;
    uint64_t left = available(gateway);
    union cell copy[CELL_MESSAGE_MAX];
    int done = 0;

    if (UNLIKELY(gateway->receipts.wanted_cnt > 0))
        receipts_look(gateway);
    while (left > 0 && done < (int)POLL_MESSAGES_MAX) {
        const unsigned count = cell_count(ring_reader_cell(out, 0));

        ASSERT(count > 0);
        ASSERT(count <= CELL_MESSAGE_MAX);
        ASSERT(count <= left);
        publisher_take(gateway, message_at(out, count, copy), true);
        ring_reader_advance(out, count);
        left -= count;
        done++;
    }
    if (done > 0)
        ring_reader_release(out);
    dirty_flush(gateway);
    return done;
}
