/*
 * Soup connections: all that are open at the ports of SoupBinTCP, found by their peer.
 *
 *   frame of a peer --> soup_conns_find --+--> its connection
 *                                         +--> none: soup_conns_open, if a place is free
 *   none is free ----> soup_conns_stranger: who is to make room
 *   its end ---------> soup_conns_close
 *
 * A table with open addressing, at most half full; what is taken out leaves no mark, since
 * what lies behind it moves up. Places are bounded: one for each session that there may be
 * and SOUP_CONNS_SPARE for who has not logged in.
 *
 * Threads: the gateway's. All memory is the caller's. Cost: a handful of instructions, a
 * line of the table and one of the connection.
 */
#ifndef OUTCRY_GATEWAY_SOUP_CONNS_H
#define OUTCRY_GATEWAY_SOUP_CONNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/directory.h"
#include "gateway/soup.h"

#define SOUP_CONN_NONE UINT32_MAX

/* A connection to a Soup port. */
struct soup_conn {
    struct transport transport;
    struct soup soup;
    uint64_t wanted_no; /* of its login */
    uint32_t token;     /* of its request, while it is logging in */
    uint32_t next_free; /* SOUP_CONN_NONE: the last */
    uint32_t older;     /* in the list of strangers, both SOUP_CONN_NONE: at its end */
    uint32_t newer;
    bool listed;
    uint16_t session; /* DIRECTORY_NONE: not logged in */
    bool used;
};

struct soup_conns {
    struct soup_conn *at;
    uint32_t *places; /* index + 1, 0: free; at most half are taken */
    uint32_t mask;
    uint32_t max;
    uint32_t free_head;
    uint32_t oldest; /* strangers by age; some of them have a session meanwhile */
    uint32_t newest;
    uint32_t timer_idx; /* of who goes round them */
};

/* soup_conns_footprint and soup_conns_init make room for the connections of a gateway
 * with so many sessions. */
size_t soup_conns_footprint(uint32_t sessions_max);
void soup_conns_init(struct soup_conns *conns, void *mem, uint32_t sessions_max);

/* soup_conns_find returns the connection of a peer, NULL if there is none. */
struct soup_conn *soup_conns_find(struct soup_conns *conns, const struct transport *transport);

/* soup_conns_open makes the connection of a peer that has none; NULL if there are too
 * many. soup_conns_close forgets one. */
struct soup_conn *
soup_conns_open(struct soup_conns *conns, const struct transport *transport, uint64_t now_ns);
void soup_conns_close(struct soup_conns *conns, struct soup_conn *conn);

/* soup_conns_stranger returns the connection that has been without a session for longest,
 * NULL if there is none. It looks at each connection with one once at most. */
struct soup_conn *soup_conns_stranger(struct soup_conns *conns);

#endif
