/*
 * Broker: a client, its ledger and a source of random requests.
 *
 *   random request --> ledger_request --> client_send --> socket
 *   socket --> client_datagram --> ledger_report
 *
 * broker_connect makes a new client, as a broker's program does that was
 * started again: under a new UUID, or resuming the old one. The socket and the
 * ledger stay. On resume it asks for some reports that it has seen, so that
 * the ledger can compare them.
 *
 * One thread; nothing blocks; time is an argument.
 */
#ifndef OUTCRY_TESTS_E2E_BROKER_H
#define OUTCRY_TESTS_E2E_BROKER_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/client.h"

#include "tests/e2e/ledger.h"

#define BROKERS            3u
#define BROKER_INSTRUMENTS 3u

struct rng {
    uint64_t state;
};

/* rng_next is splitmix64. */
static inline uint64_t
rng_next(struct rng *rng)
{
    uint64_t z = (rng->state += 0x9e3779b97f4a7c15ull);

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

/* rng_below returns 0 .. bound - 1. */
static inline uint32_t
rng_below(struct rng *rng, uint32_t bound)
{
    return (uint32_t)((rng_next(rng) >> 32) * bound >> 32);
}

struct broker {
    struct ledger *ledger;
    struct port *port;
    struct client *client; /* NULL before the first connect */
    struct rng rng;
    struct peer server;
    uint16_t udp_source;
    bool context; /* begin datagrams with Context */
    uint8_t uuid[16];
    uint64_t overtaken; /* datagrams that came behind the end of the session */
    uint64_t receipts;  /* of latency, which odd brokers ask for */

    /* When a drained exchange was gone. */
    uint64_t left;         /* requests pending */
    uint64_t left_missing; /* reports that were known of */
    uint64_t left_not_applied;
    unsigned index; /* session and account are named after it */
};

enum broker_connect {
    BROKER_NEW,
    BROKER_RESUME
};

/* broker_init makes one without a port: its caller sets port, server and
 * udp_source. broker_open does that with a socket, broker_open_tcp with a
 * connection; false: no socket. */
void broker_init(struct broker *broker, unsigned index, uint64_t seed);
bool broker_open(struct broker *broker, unsigned index, uint64_t seed, uint16_t udp_port);
bool broker_open_tcp(struct broker *broker, unsigned index, uint64_t seed, uint16_t tcp_port);
void broker_close(struct broker *broker);

/* broker_connect starts a handshake; poll until the state is CLIENT_ESTABLISHED
 * or CLIENT_CLOSED. back: how many reports to ask for again on resume. */
void broker_connect(struct broker *broker, enum broker_connect how, uint64_t back, uint64_t now_ns);

/* broker_poll takes what has arrived, runs timers and sends what is queued;
 * returns the number of datagrams. */
int broker_poll(struct broker *broker, uint64_t now_ns);

/* broker_fill sends random requests until window of them are pending, at most
 * max; returns how many. */
unsigned broker_fill(struct broker *broker, uint64_t window, unsigned max, uint64_t now_ns);

/* broker_mass_cancel cancels all orders of the session. */
void broker_mass_cancel(struct broker *broker, uint64_t now_ns);

#endif
