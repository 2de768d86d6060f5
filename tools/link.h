/*
 * Link: a broker's side of the wire, for the tools.
 *
 *   sessions of the configuration --> clients --> one DPDK device, or a socket or
 *                                                 a TCP connection each
 *
 * The port says what is spoken: FIXP, or OUCH over SoupBinTCP, and its sessions speak the
 * same. What is sent and reported are messages of that dialect. Opens what the configuration says
 * of a port's client side, connects up to LINK_SESSIONS_MAX sessions under fresh UUIDs, and hands
 * datagrams to the client that they are for. One thread; link_poll never blocks.
 */
#ifndef OUTCRY_TOOLS_LINK_H
#define OUTCRY_TOOLS_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/client.h"
#include "gateway/ouch_client.h"
#include "gateway/port.h"
#include "proto/base.h"

#include "tools/config.h"

#define LINK_SESSIONS_MAX 1024u
#define LINK_WHY_BYTES    512u

/* How long an answer may take. On a busy machine the disk's alone may take seconds: the
 * kernel hands the end of a direct write to a thread of its own, which gets no more of its
 * core than others. */
#define LINK_ANSWER_S 30u

struct link;

/* What a session hears; index is its place in link_cfg.sessions. */
struct link_events {
    void (*on_report)(void *ctx, unsigned index, uint64_t no, const uint8_t *buf, size_t len);
    void (*on_not_applied)(void *ctx, unsigned index, uint64_t from, uint64_t count);
    void (*on_receipt)(void *ctx, const struct oe_latency_receipt *receipt); /* NULL: none */
    void *ctx;
};

struct link_cfg {
    const struct config *config;
    const struct config_port *port; /* of the exchange */
    uint16_t udp_port;              /* of the exchange, or TCP port; 0: as configured */
    const struct config_session *sessions[LINK_SESSIONS_MAX];
    unsigned sessions_cnt;
    struct link_events events;
};

/* link_open opens the ports. NULL with one line in why. */
NODISCARD struct link *link_open(const struct link_cfg *cfg, char why[LINK_WHY_BYTES]);

/* link_connect polls until every session is established; false with one line in
 * why when one is refused or timeout_ns have gone by. */
NODISCARD bool link_connect(struct link *link, uint64_t timeout_ns, char why[LINK_WHY_BYTES]);

/* link_poll receives and does timers; returns datagrams handled. Events are
 * called from here. */
int link_poll(struct link *link);

/* link_now_ns returns when the last datagrams were received or, in a poll that
 * found none, when it looked. */
uint64_t link_now_ns(const struct link *link);

/* link_next_ref returns a UserRefNum that was free in every session when it was
 * established, as are all above it; of OUCH. */
uint32_t link_next_ref(const struct link *link);

/* link_send queues a message of session index; returns its number, of OUCH 1; 0 if the
 * session is not established or there is no room. link_flush sends what all sessions queued. */
uint64_t link_send(struct link *link, unsigned index, const void *message, size_t len);
void link_flush(struct link *link);

/* link_error returns "" while all sessions are established, else one line. */
const char *link_error(const struct link *link);

/* link_sessions returns how many there are. */
unsigned link_sessions(const struct link *link);

/* link_close terminates all sessions, waits shortly for the answers, frees. */
void link_close(struct link *link);

#endif
