/*
 * Directory: whose is this login, whose is this peer?
 *
 *   credentials ---> names table ---> session    Negotiate, Establish
 *   port, ip, udp port ---> peers table ---> session     every other datagram
 *
 * Both tables are open addressing with linear probing, made at start for all
 * sessions and never more than half full. A session has at most one peer, the
 * transport that it was last bound to; it stays in the table after an unbind,
 * so that a client that did not notice can be told, until the session is bound
 * anew or another session is bound to that peer.
 *
 * Invariants
 *  1. A peer leads to at most one session, and a session has at most one peer.
 *  2. Every probe ends: at least half of each table is empty.
 *
 * Signatures are compared in constant time (gateway/credentials.h). For a name
 * that does not exist one is made as well, with a key that nobody has, so that
 * time does not tell which names there are; the same holds for clear-text keys. Of
 * two sessions with one name the first is found: names are made unique by the
 * configuration.
 *
 * Threads: the gateway's. Cost of directory_peer: one or two lines.
 */
#ifndef OUTCRY_GATEWAY_DIRECTORY_H
#define OUTCRY_GATEWAY_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/gateway.h"
#include "gateway/port.h"
#include "proto/base.h"

#define DIRECTORY_NONE UINT16_MAX

/* Where datagrams of a session come from and go to. */
struct transport {
    struct peer peer;
    uint8_t port_idx;
};

/* transport_equal compares what a datagram tells: the MAC may change. */
static inline bool
transport_equal(const struct transport *a, const struct transport *b)
{
    return a->port_idx == b->port_idx && peer_equal(&a->peer, &b->peer);
}

/* Private. */
struct directory_peer {
    struct transport transport;
    uint16_t session; /* DIRECTORY_NONE: empty */
};

struct directory {
    const struct gateway_session_cfg *sessions;
    uint16_t *names;              /* slots_cnt session numbers or DIRECTORY_NONE */
    struct directory_peer *peers; /* slots_cnt */
    uint32_t slots_cnt;           /* power of two, at least twice sessions_max */
    uint32_t sessions_max;
};

/* directory_footprint returns the bytes of both tables. */
size_t directory_footprint(uint32_t sessions_max);

/* directory_init lays the tables out in mem, aligned to CACHE_LINE, and enters
 * the names of those that speak FIXP; sessions is kept by reference. */
void directory_init(struct directory *directory,
                    void *mem,
                    const struct gateway_session_cfg *sessions,
                    uint32_t sessions_max);

/* What a request shows. plain: NAME:KEY is taken too. */
struct directory_login {
    const uint8_t *message; /* the request, from its header on */
    size_t message_len;
    const uint8_t *credentials; /* any bytes */
    size_t credentials_len;
    bool plain;
};

/* directory_login returns the session whose credentials these are, or
 * DIRECTORY_NONE. */
uint16_t directory_login(const struct directory *directory, const struct directory_login *login);

/* directory_peer returns the session that was last bound to the transport. */
uint16_t directory_peer(const struct directory *directory, const struct transport *transport);

/* directory_enter makes the transport the session's; neither is in the table. */
void
directory_enter(struct directory *directory, const struct transport *transport, uint16_t session);

/* directory_remove takes the transport out; it must be in the table. */
void directory_remove(struct directory *directory, const struct transport *transport);

#endif
