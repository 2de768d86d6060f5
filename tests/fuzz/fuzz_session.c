/*
 * Goal: no datagram breaks the gateway or a client, and none that is not
 * a client's own touches another session. Method: the rig with two established
 * clients; the input is datagrams, from the first client's port, from a port
 * that nobody knows, and from the exchange to the first client. Afterwards the
 * books are in order and the second client still trades.
 *
 * Input: datagrams, each: control byte, length (2 bytes), bytes. Control:
 *   bits 0..1  0 from the client, 1 from a stranger, 2 to the client
 *   bit 2      the session's UUID is put where session messages have it
 *   bit 3      Sequence with the right number goes before it
 *   bits 4..5  time passes: 0.1, 1, 100 or 600 ms
 */
#include <stdint.h>
#include <string.h>

#include "proto/fixp.h"

#include "tests/gateway/rig.h"

#define FRAMES_MAX 64u
#define UUID_OFF   8u
#define PX         10000000000ll

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t
next_no(const struct rig *rig, unsigned control)
{
    struct engine_session session;

    if ((control & 3) == 2)
        return client_next_report_no(rig->clients[0].client);
    engine_session_get(rig->engine, 0, &session);
    return session.next_in_no;
}

static void
datagram(struct rig *rig, struct port *stranger, unsigned control, const uint8_t *data, size_t len)
{
    const struct peer client = {.ip = RIG_SERVER_IP + 1, .udp_port = 20000};
    struct rig_client *rc = &rig->clients[0];
    uint8_t buf[DATAGRAM_BYTES_MAX];
    size_t at = 0;

    if ((control & 8) != 0) {
        const struct fixp_sequence msg = {.next_seq_no = next_no(rig, control)};

        at = fixp_sequence_encode(buf, sizeof buf, &msg);
    }
    if (len > sizeof buf - at)
        len = sizeof buf - at;
    memcpy(buf + at, data, len);
    if ((control & 4) != 0 && len >= UUID_OFF + sizeof rc->uuid)
        memcpy(buf + at + UUID_OFF, rc->uuid, sizeof rc->uuid);
    switch (control & 3) {
    case 0:
        rig_raw(rig, rc->port, buf, at + len);
        break;
    case 2: {
        uint8_t *out = port_tx_claim(rig->server, &client);

        memcpy(out, buf, at + len);
        port_tx_push(rig->server, at + len);
        break;
    }
    default:
        rig_raw(rig, stranger, buf, at + len);
        break;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t steps_ns[] = {RIG_MS / 10, RIG_MS, 100 * RIG_MS, 600 * RIG_MS};
    struct rig *rig = rig_new(1, 0, 512);
    struct port *stranger = net_port(&rig->net, 0x7f000001, 7);
    struct rig_client *other;
    size_t at = 0;

    rig_connect(rig, 0, 0);
    rig_connect(rig, 1, 1);
    ASSERT(client_state(rig->clients[0].client) == CLIENT_ESTABLISHED);
    for (unsigned i = 0; i < FRAMES_MAX && at + 3 <= size; i++) {
        const unsigned control = data[at];
        size_t len = (size_t)data[at + 1] | (size_t)data[at + 2] << 8;

        at += 3;
        if (len > size - at)
            len = size - at;
        datagram(rig, stranger, control, data + at, len);
        at += len;
        rig_step(rig, steps_ns[control >> 4 & 3]);
    }
    rig_wait(rig, 5);
    engine_check(rig->engine);

    /* Long steps may have cost the other its session, as they would on a stuck
     * machine; but it is let in again. */
    other = rig_connect(rig, 1, 1);
    ASSERT(client_state(other->client) == CLIENT_ESTABLISHED);
    ASSERT(rig_order(rig, other, 1, false, PX) == 1);
    rig_run(rig, 2);
    ASSERT(other->reports_cnt >= 1);
    rig_free(rig);
    return 0;
}
