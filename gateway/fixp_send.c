#include <string.h>

#include "gateway/fixp_session.h"

/* tx_claim gives room for a datagram to the transport, or NULL. */
static uint8_t *
tx_claim(struct gateway *gateway, const struct transport *to)
{
    return port_tx_claim(gateway->ports[to->port_idx], &to->peer);
}

static void
tx_push(struct gateway *gateway, const struct transport *to, size_t len)
{
    ASSERT(len > 0);
    port_tx_push(gateway->ports[to->port_idx], len);
}

static uint16_t
text_len(const char *text)
{
    return (uint16_t)strlen(text);
}

/* cut_len is text_len of what the answer to a request has room for, so that it is
 * no longer than the request: else who forges a source could have us send more to
 * it than he does. */
static uint16_t
cut_len(const char *text, size_t block_len, size_t request_len)
{
    const size_t bare_len = sizeof(struct fixp_header) + block_len + sizeof(uint16_t);
    const size_t room = request_len > bare_len ? request_len - bare_len : 0;
    const size_t len = strlen(text);

    ASSERT(request_len >= bare_len);
    return (uint16_t)(len < room ? len : room);
}

void
fixp_send_sequence(struct gateway *gateway, struct fixp_session *session)
{
    const struct fixp_sequence msg = {.next_seq_no = session->sent_no};
    uint8_t *buf = tx_claim(gateway, &session->transport);

    if (buf == NULL)
        return;
    tx_push(gateway, &session->transport, fixp_sequence_encode(buf, DATAGRAM_BYTES_MAX, &msg));
    session->last_tx_ns = gateway->now_ns;
}

void
fixp_send_negotiation_response(struct gateway *gateway,
                               const struct transport *to,
                               const uint8_t uuid[16],
                               uint64_t request_time)
{
    struct fixp_negotiation_response msg = {
        .request_timestamp = request_time,
        .server_flow = FIXP_FLOW_TYPE_RECOVERABLE,
    };
    uint8_t *buf = tx_claim(gateway, to);

    if (buf == NULL)
        return;
    memcpy(msg.session_id, uuid, sizeof msg.session_id);
    tx_push(gateway, to, fixp_negotiation_response_encode(buf, DATAGRAM_BYTES_MAX, &msg, NULL, 0));
}

void
fixp_send_negotiation_reject(struct gateway *gateway,
                             const struct transport *to,
                             const uint8_t uuid[16],
                             uint64_t request_time,
                             size_t request_len,
                             enum fixp_negotiation_reject_code code,
                             const char *text)
{
    struct fixp_negotiation_reject msg = {
        .request_timestamp = request_time,
        .code = (uint8_t)code,
    };
    uint8_t *buf = tx_claim(gateway, to);

    if (buf == NULL)
        return;
    memcpy(msg.session_id, uuid, sizeof msg.session_id);
    tx_push(
        gateway, to,
        fixp_negotiation_reject_encode(buf, DATAGRAM_BYTES_MAX, &msg, text,
                                       cut_len(text, FIXP_NEGOTIATION_REJECT_BLOCK, request_len)));
}

void
fixp_send_establishment_ack(struct gateway *gateway, struct fixp_session *session)
{
    struct fixp_establishment_ack msg = {
        .request_timestamp = session->establish_time,
        .keepalive_interval = gateway->cfg.keepalive_ms,
        .next_seq_no = session->sent_no,
    };
    uint8_t *buf = tx_claim(gateway, &session->transport);

    if (buf == NULL)
        return;
    memcpy(msg.session_id, session->uuid, sizeof msg.session_id);
    tx_push(gateway, &session->transport,
            fixp_establishment_ack_encode(buf, DATAGRAM_BYTES_MAX, &msg));
    session->last_tx_ns = gateway->now_ns;
}

void
fixp_send_establishment_reject(struct gateway *gateway,
                               const struct transport *to,
                               const uint8_t uuid[16],
                               uint64_t request_time,
                               size_t request_len,
                               enum fixp_establishment_reject_code code,
                               const char *text)
{
    struct fixp_establishment_reject msg = {
        .request_timestamp = request_time,
        .code = (uint8_t)code,
    };
    uint8_t *buf = tx_claim(gateway, to);

    if (buf == NULL)
        return;
    memcpy(msg.session_id, uuid, sizeof msg.session_id);
    tx_push(gateway, to,
            fixp_establishment_reject_encode(
                buf, DATAGRAM_BYTES_MAX, &msg, text,
                cut_len(text, FIXP_ESTABLISHMENT_REJECT_BLOCK, request_len)));
}

void
fixp_send_retransmit_reject(struct gateway *gateway,
                            struct fixp_session *session,
                            const struct fixp_retransmit_request *request,
                            enum fixp_retransmit_reject_code code)
{
    struct fixp_retransmit_reject msg = {
        .request_timestamp = request->timestamp,
        .code = (uint8_t)code,
    };
    uint8_t *buf = tx_claim(gateway, &session->transport);

    if (buf == NULL)
        return;
    memcpy(msg.session_id, request->session_id, sizeof msg.session_id);
    tx_push(gateway, &session->transport,
            fixp_retransmit_reject_encode(buf, DATAGRAM_BYTES_MAX, &msg, NULL, 0));
    session->last_tx_ns = gateway->now_ns;
}

void
fixp_send_finished_receiving(struct gateway *gateway, struct fixp_session *session)
{
    struct fixp_finished_receiving msg;
    uint8_t *buf = tx_claim(gateway, &session->transport);

    if (buf == NULL)
        return;
    memcpy(msg.session_id, session->uuid, sizeof msg.session_id);
    tx_push(gateway, &session->transport,
            fixp_finished_receiving_encode(buf, DATAGRAM_BYTES_MAX, &msg));
}

void
fixp_send_terminate(struct gateway *gateway,
                    struct fixp_session *session,
                    enum fixp_termination_code code,
                    const char *text)
{
    struct fixp_terminate msg = {.code = (uint8_t)code};
    uint8_t *buf = tx_claim(gateway, &session->transport);

    memcpy(msg.session_id, session->uuid, sizeof msg.session_id);
    if (buf != NULL)
        tx_push(gateway, &session->transport,
                fixp_terminate_encode(buf, DATAGRAM_BYTES_MAX, &msg, text, text_len(text)));
    port_drop(gateway->ports[session->transport.port_idx], &session->transport.peer);
}
