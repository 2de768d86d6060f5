/*
 * Goal: no packet over no connection breaks the gateway, and none that is not a
 * session's own touches another. Method: the rig with two OUCH sessions; the input
 * is what comes over four connections, of which one is logged in at the start.
 * Afterwards the books are in order, connections come to an end, and the other session
 * still trades.
 *
 * Input: steps, each: control byte, length (1 byte), bytes. Control:
 *   bits 0..1  the connection; one that has ended is opened anew
 *   bits 2..4  0 a packet, 1 a login that is right, 2 the client closes, 3 the
 *              port is full from here on, 4 it is not, 5 the exchange starts anew, 6 and 7 a
 *              packet of UnsequencedData with these bytes
 *   bits 5..6  time passes: 0.1 ms, 1 ms, 1 s or 16 s
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/soup.h"

#include "tests/gateway/rig.h"
#include "tests/gateway/stream_pair.h"

#define STEPS_MAX 64u
#define CONNS     4u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
log_in(struct stream_pair *pair, uint32_t conn, unsigned session, unsigned no)
{
    char packet[64];

    snprintf(packet, sizeof packet, "LBROK%u key-%u     %10s%20u", session, session, "", no);
    stream_send(pair, conn, packet, SOUP_LOGIN_REQUEST_BLOCK);
}

/* seen asserts that all the server sent are whole packets that it may send, and
 * returns how many are of the type. */
static unsigned
seen(struct stream_pair *pair, uint32_t conn, uint8_t type)
{
    const uint8_t *packet;
    unsigned cnt = 0;
    size_t len;

    while ((packet = stream_take(pair, conn, &len)) != NULL) {
        ASSERT(len >= 1);
        ASSERT(strchr("AJSHZ", packet[0]) != NULL);
        cnt += packet[0] == type;
    }
    pair->conns[conn].cnt = pair->conns[conn].taken = 0;
    return cnt;
}

static void
take_step(struct rig *rig,
          struct stream_pair *pair,
          uint32_t *conn,
          unsigned control,
          const uint8_t *data,
          size_t len)
{
    uint8_t packet[300] = {SOUP_UNSEQUENCED_DATA_TYPE};

    if (!pair->conns[*conn].open)
        *conn = stream_open(pair);
    switch (control >> 2 & 7) {
    case 0:
        stream_send(pair, *conn, data, len);
        break;
    case 1:
        log_in(pair, *conn, 2, (unsigned)len);
        break;
    case 2:
        stream_end(pair, *conn);
        break;
    case 3:
        pair->full = true;
        break;
    case 4:
        pair->full = false;
        break;
    case 5:
        for (uint32_t i = 0; i < pair->conns_cnt; i++)
            stream_end(pair, i);
        pair->head = pair->tail;
        rig_restart(rig, len % 2 == 0 ? CELL_ACK_MODE_DURABLE : CELL_ACK_MODE_MEMORY);
        break;
    default:
        memcpy(packet + 1, data, len);
        stream_send(pair, *conn, packet, 1 + len);
        break;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t steps_ns[] = {RIG_MS / 10, RIG_MS, 1000 * RIG_MS, 16000 * RIG_MS};
    static const char order[] = "UO\0\0\0\xff"
                                "B\0\0\0\x0a"
                                "ACME    \0\0\0\0\0\x0f\x42\x40"
                                "0YANN              ";
    static struct stream_pair pair;
    struct rig *rig;
    uint32_t conns[CONNS];
    size_t at = 0;

    stream_init(&pair);
    rig = rig_new_soup(1, CELL_ACK_MODE_DURABLE, &pair.port);
    for (unsigned i = 0; i < CONNS; i++)
        conns[i] = stream_open(&pair);
    log_in(&pair, conns[0], 2, 1);
    rig_step(rig, RIG_MS);
    ASSERT(seen(&pair, conns[0], 'A') == 1);
    for (unsigned i = 0; i < STEPS_MAX && at + 2 <= size; i++) {
        const unsigned control = data[at];
        size_t len = data[at + 1];

        at += 2;
        if (len > size - at)
            len = size - at;
        take_step(rig, &pair, &conns[control & 3], control, data + at, len);
        at += len;
        rig_step(rig, steps_ns[control >> 5 & 3]);
        for (uint32_t c = 0; c < pair.conns_cnt; c++)
            (void)seen(&pair, c, 'S');
    }
    pair.full = false;
    rig_wait(rig, 5);
    engine_check(rig->engine);

    /* The other session is let in, and trades. */
    conns[0] = stream_open(&pair);
    log_in(&pair, conns[0], 3, 0);
    rig_wait(rig, 2);
    ASSERT(seen(&pair, conns[0], 'A') == 1);
    stream_send(&pair, conns[0], order, sizeof order - 1);
    rig_wait(rig, 2);
    /* Accepted, and Executed if one of the other's was in the book. */
    ASSERT(seen(&pair, conns[0], 'S') >= 1);
    rig_free(rig);
    return 0;
}
