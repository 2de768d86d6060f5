#include "gateway/soup_conns.h"

static uint32_t
conns_max(uint32_t sessions_max)
{
    return sessions_max + SOUP_CONNS_SPARE;
}

static uint32_t
places_of(uint32_t max)
{
    uint32_t cnt = 2;

    while (cnt < 2 * max)
        cnt *= 2;
    return cnt;
}

COLD size_t
soup_conns_footprint(uint32_t sessions_max)
{
    const uint32_t max = conns_max(sessions_max);

    return max * sizeof(struct soup_conn) + places_of(max) * sizeof(uint32_t);
}

COLD void
soup_conns_init(struct soup_conns *conns, void *mem, uint32_t sessions_max)
{
    conns->max = conns_max(sessions_max);
    conns->mask = places_of(conns->max) - 1;
    conns->at = mem;
    conns->places = (uint32_t *)(void *)(conns->at + conns->max);
    for (uint32_t i = 0; i < conns->max; i++)
        conns->at[i].next_free = i + 1 < conns->max ? i + 1 : SOUP_CONN_NONE;
    conns->free_head = 0;
    conns->oldest = SOUP_CONN_NONE;
    conns->newest = SOUP_CONN_NONE;
}

static void
list_add(struct soup_conns *conns, struct soup_conn *conn)
{
    const uint32_t idx = (uint32_t)(conn - conns->at);

    conn->listed = true;
    conn->older = conns->newest;
    conn->newer = SOUP_CONN_NONE;
    if (conns->newest != SOUP_CONN_NONE)
        conns->at[conns->newest].newer = idx;
    else
        conns->oldest = idx;
    conns->newest = idx;
}

static void
list_remove(struct soup_conns *conns, struct soup_conn *conn)
{
    if (!conn->listed)
        return;
    conn->listed = false;
    if (conn->older != SOUP_CONN_NONE)
        conns->at[conn->older].newer = conn->newer;
    else
        conns->oldest = conn->newer;
    if (conn->newer != SOUP_CONN_NONE)
        conns->at[conn->newer].older = conn->older;
    else
        conns->newest = conn->older;
}

struct soup_conn *
soup_conns_stranger(struct soup_conns *conns)
{
    while (conns->oldest != SOUP_CONN_NONE) {
        struct soup_conn *conn = &conns->at[conns->oldest];

        if (conn->session == DIRECTORY_NONE)
            return conn;
        list_remove(conns, conn);
    }
    return NULL;
}

/* home_of is where the search for a peer begins. */
static uint32_t
home_of(const struct soup_conns *conns, const struct transport *transport)
{
    const uint64_t key = (uint64_t)transport->peer.ip << 32 |
                         (uint64_t)transport->peer.udp_port << 8 | transport->port_idx;

    return (uint32_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 32) & conns->mask;
}

/* place_of returns where the connection of a peer is, or where it belongs. */
static uint32_t
place_of(const struct soup_conns *conns, const struct transport *transport)
{
    uint32_t at = home_of(conns, transport);

    while (conns->places[at] != 0 &&
           !transport_equal(&conns->at[conns->places[at] - 1].transport, transport))
        at = (at + 1) & conns->mask;
    return at;
}

struct soup_conn *
soup_conns_find(struct soup_conns *conns, const struct transport *transport)
{
    const uint32_t place = conns->places[place_of(conns, transport)];

    return place != 0 ? &conns->at[place - 1] : NULL;
}

struct soup_conn *
soup_conns_open(struct soup_conns *conns, const struct transport *transport, uint64_t now_ns)
{
    const uint32_t idx = conns->free_head;

    if (idx == SOUP_CONN_NONE)
        return NULL;

    struct soup_conn *conn = &conns->at[idx];

    conns->free_head = conn->next_free;
    *conn = (struct soup_conn){.transport = *transport, .session = DIRECTORY_NONE, .used = true};
    soup_open(&conn->soup, now_ns);
    list_add(conns, conn);
    conns->places[place_of(conns, transport)] = idx + 1;
    return conn;
}

/* place_free takes a place out; those behind it that would not be found any more move
 * up. */
static void
place_free(struct soup_conns *conns, uint32_t hole)
{
    for (uint32_t at = (hole + 1) & conns->mask; conns->places[at] != 0;
         at = (at + 1) & conns->mask) {
        const uint32_t home = home_of(conns, &conns->at[conns->places[at] - 1].transport);

        if (((at - home) & conns->mask) >= ((at - hole) & conns->mask)) {
            conns->places[hole] = conns->places[at];
            hole = at;
        }
    }
    conns->places[hole] = 0;
}

void
soup_conns_close(struct soup_conns *conns, struct soup_conn *conn)
{
    ASSERT(conn->used);
    list_remove(conns, conn);
    place_free(conns, place_of(conns, &conn->transport));
    conn->used = false;
    conn->next_free = conns->free_head;
    conns->free_head = (uint32_t)(conn - conns->at);
}
