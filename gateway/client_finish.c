/*
 * The end of a session from its client's side (gateway/fixp_finish.c has the other):
 *
 *   we say FinishedSending until the exchange says that it has, too, and all it sent is
 *   here; then FinishedReceiving, with Terminate behind it, until it says Terminate.
 *
 * What is repeated is answered again, so no message of these needs one of its own.
 */
#include <string.h>

#include "gateway/client_state.h"

/* has_all tells whether the exchange's flow is finished and here. */
static bool
has_all(const struct client *client)
{
    return client->end_report_no != 0 && client->next_report_no >= client->end_report_no;
}

static size_t
put_finished_sending(const struct client *client, uint8_t *buf, size_t room)
{
    struct fixp_finished_sending msg = {.last_seq_no = client->next_no - 1};

    memcpy(msg.session_id, client->cfg.uuid, sizeof msg.session_id);
    return fixp_finished_sending_encode(buf, room, &msg);
}

/* put_farewell writes FinishedReceiving and Terminate. */
static size_t
put_farewell(const struct client *client, uint8_t *buf, size_t room)
{
    struct fixp_finished_receiving msg;
    struct fixp_terminate terminate = {.code = FIXP_TERMINATION_CODE_FINISHED};
    size_t len;

    memcpy(msg.session_id, client->cfg.uuid, sizeof msg.session_id);
    memcpy(terminate.session_id, client->cfg.uuid, sizeof terminate.session_id);
    len = fixp_finished_receiving_encode(buf, room, &msg);
    return len + fixp_terminate_encode(buf + len, room - len, &terminate, NULL, 0);
}

void
client_say_finished(struct client *client, uint64_t now_ns)
{
    uint8_t *buf = client_claim(client);
    size_t len;

    if (buf == NULL)
        return;
    len = client_begin(client, buf);
    client->farewell_said = has_all(client);
    len += client->farewell_said
               ? put_farewell(client, buf + len, DATAGRAM_BYTES_MAX - len)
               : put_finished_sending(client, buf + len, DATAGRAM_BYTES_MAX - len);
    client_push(client, len, now_ns);
}

bool
client_finish_due(const struct client *client)
{
    return client->state == CLIENT_FINISHING && has_all(client) && !client->farewell_said;
}

bool
client_take_finished_sending(struct client *client, const uint8_t *buf, size_t len)
{
    const struct fixp_finished_sending *msg = fixp_finished_sending_view(buf, len);

    if (msg == NULL || memcmp(client->cfg.uuid, msg->session_id, sizeof msg->session_id) != 0 ||
        msg->last_seq_no == FIXP_FINISHED_SENDING_LAST_SEQ_NO_NULL)
        return false;
    client->end_report_no = msg->last_seq_no + 1;
    client->repeats = 0;
    return true;
}

bool
client_finished(const struct client *client)
{
    return client->state == CLIENT_CLOSED && client->farewell_said;
}
