/*
 * stress_hostile: random and mutated datagrams against a real gateway and
 * engine.
 *
 * Goal: no crash, no change of state by what was refused, and a counter for
 * each refusal. Method: a second port of the gateway gives it a flood: noise,
 * and what a real client sent before with bits flipped, ends cut and pieces
 * swapped, from unknown addresses and, seldom, from a client's own. After each
 * burst: if the engine gave no sequence number, its state hash is what it was.
 * If it did (a mutation may be a good order), its invariants hold.
 *
 * OUTCRY_DATAGRAMS says how many (200,000); the soak sends ten million.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/fixp.h"

#include "tests/gateway/rig.h"
#include "tests/seeds.h"

#define KEPT_MAX       64u
#define DATAGRAMS      200000u
#define LOG_RESERVE    4096u
#define FLOOD_IP       0x0a0000ffu
#define PX             10000000000ll /* 100.00 */
#define OWN_PER_BURSTS 16u           /* one burst of so many has a client's address */

struct flood {
    struct port port; /* first */
    uint64_t random;
    struct net_packet kept[KEPT_MAX]; /* what a client sent */
    unsigned kept_cnt;
    bool open; /* a burst is due */
    uint64_t given;
    uint8_t data[PORT_BURST_MAX][DATAGRAM_BYTES_MAX];
    uint8_t tx[DATAGRAM_BYTES_MAX];
    uint64_t answers;
};

static uint32_t
draw(struct flood *flood, uint32_t bound)
{
    return (uint32_t)(net_random(&flood->random) % bound);
}

/* mutate damages a datagram; returns its new length. */
static uint32_t
mutate(struct flood *flood, uint8_t *data, uint32_t len)
{
    for (unsigned n = 1 + draw(flood, 4); n > 0 && len > 0; n--) {
        const uint32_t at = draw(flood, len);

        switch (draw(flood, 4)) {
        case 0:
            data[at] ^= (uint8_t)(1u << draw(flood, 8));
            break;
        case 1:
            data[at] = (uint8_t)draw(flood, 256);
            break;
        case 2:
            len = at;
            break;
        default: {
            const struct net_packet *other = &flood->kept[draw(flood, flood->kept_cnt)];
            const uint32_t room = DATAGRAM_BYTES_MAX - at;
            const uint32_t take = other->len < room ? other->len : room;

            memcpy(data + at, other->data, take);
            len = at + take > len ? at + take : len;
            break;
        }
        }
    }
    return len;
}

/* make writes one hostile datagram to data and returns its length. */
static uint32_t
make(struct flood *flood, uint8_t *data)
{
    if (draw(flood, 8) == 0) {
        const uint32_t len = draw(flood, 256);

        for (uint32_t i = 0; i < len; i++)
            data[i] = (uint8_t)draw(flood, 256);
        return len;
    }
    const struct net_packet *kept = &flood->kept[draw(flood, flood->kept_cnt)];

    memcpy(data, kept->data, kept->len);
    return mutate(flood, data, kept->len);
}

static int
flood_rx(struct port *port, struct datagram *datagrams, int max)
{
    struct flood *flood = (struct flood *)(void *)port;

    if (!flood->open)
        return 0;
    flood->open = false;
    for (int i = 0; i < max; i++)
        datagrams[i] = (struct datagram){
            .data = flood->data[i],
            .len = make(flood, flood->data[i]),
            .peer = {.ip = FLOOD_IP, .udp_port = (uint16_t)(1 + draw(flood, 60000))},
            .udp_port = RIG_SERVER_PORT,
        };
    flood->given += (uint64_t)max;
    return max;
}

/* impersonate sends a burst with the address of the client. */
static void
impersonate(struct flood *flood, struct net *net)
{
    for (unsigned i = 0; i < PORT_BURST_MAX; i++) {
        struct net_packet packet = flood->kept[0];

        packet.len = make(flood, packet.data);
        net_queue(net, &packet);
    }
    flood->given += PORT_BURST_MAX;
}

static uint8_t *
flood_tx_claim(struct port *port, const struct peer *peer)
{
    (void)peer;
    return ((struct flood *)(void *)port)->tx;
}

static void
flood_tx_push(struct port *port, size_t len)
{
    ((struct flood *)(void *)port)->answers += len != 0;
}

static void
flood_nothing(struct port *port)
{
    (void)port;
}

static void
flood_source(struct port *port, uint16_t udp_port)
{
    (void)port;
    (void)udp_port;
}

static bool
flood_ready(struct port *port)
{
    (void)port;
    return true;
}

static const struct port_ops flood_ops = {
    .rx = flood_rx,
    .tx_claim = flood_tx_claim,
    .tx_push = flood_tx_push,
    .tx_flush = flood_nothing,
    .source = flood_source,
    .ready = flood_ready,
    .close = flood_nothing,
};

/* keep remembers what goes to the exchange; loses nothing. */
static bool
keep(void *ctx, const struct net_packet *packet)
{
    struct flood *flood = ctx;

    if (packet->to.udp_port == RIG_SERVER_PORT && flood->kept_cnt < KEPT_MAX)
        flood->kept[flood->kept_cnt++] = *packet;
    return false;
}

/* begin brings an exchange up, with one client that has sent a bit of everything, and
 * lets the flood in. */
static struct rig *
begin(struct flood *flood, uint64_t seed)
{
    struct rig *rig = rig_new(seed, 0, 0);

    flood->kept_cnt = 0;
    rig->net.drop = keep;
    rig->net.drop_ctx = flood;
    struct rig_client *rc = rig_connect(rig, 0, 0);
    for (unsigned i = 1; i <= 8; i++) {
        rig_order(rig, rc, i, i % 2 == 0, PX + (i % 2 == 0 ? 1000000 : -1000000));
        rig_run(rig, 1);
    }
    rig->net.drop = NULL;
    ASSERT(flood->kept_cnt > 8);
    gateway_add_port(rig->gateway, &flood->port);
    return rig;
}

static int
complain(uint64_t seed, uint64_t sent, const char *what)
{
    fprintf(stderr, "stress_hostile: OUTCRY_SEED=%llu after %llu datagrams: %s\n",
            (unsigned long long)seed, (unsigned long long)sent, what);
    return 1;
}

static void
add(struct gateway_stats *sum, const struct gateway *gateway)
{
    struct gateway_stats stats;

    gateway_stats_get(gateway, &stats);
    sum->datagrams += stats.datagrams;
    sum->bad_frame += stats.bad_frame;
    sum->bad_schema += stats.bad_schema;
    sum->bad_session += stats.bad_session;
    sum->bad_credentials += stats.bad_credentials;
    sum->messages += stats.messages;
    sum->duplicates += stats.duplicates;
}

int
main(void)
{
    const uint64_t wanted = seed_of_env("OUTCRY_DATAGRAMS", DATAGRAMS);
    const uint64_t seed = seed_first();
    struct flood *flood = calloc(1, sizeof *flood);
    struct gateway_stats sum = {0};
    uint64_t accepted = 0, rigs = 1;

    ASSERT(flood != NULL);
    *flood = (struct flood){.port = {.ops = &flood_ops}, .random = seed};
    struct rig *rig = begin(flood, seed);

    while (flood->given < wanted) {
        const uint64_t seq = engine_seq(rig->engine);
        const struct hash128 before = rig_hash(rig);

        if (draw(flood, OWN_PER_BURSTS) == 0)
            impersonate(flood, &rig->net);
        else
            flood->open = true;
        rig_step(rig, RIG_MS);
        if (engine_seq(rig->engine) == seq) {
            const struct hash128 after = rig_hash(rig);

            if (before.lo != after.lo || before.hi != after.hi)
                return complain(seed, flood->given, "what was refused changed the state");
        } else {
            accepted += engine_seq(rig->engine) - seq;
            engine_check(rig->engine);
        }
        /* The client was told off, or the log is full: begin anew. */
        if (client_state(rig->clients[0].client) != CLIENT_ESTABLISHED ||
            rig->log_cnt + LOG_RESERVE > RIG_LOG_MAX) {
            add(&sum, rig->gateway);
            rig_free(rig);
            rig = begin(flood, seed + rigs++);
        }
    }
    add(&sum, rig->gateway);
    rig_free(rig);
    const uint64_t given = flood->given;
    free(flood);
    printf("stress_hostile: %llu datagrams, %llu exchanges, %llu commands got a number; "
           "bad frame %llu, schema %llu, session %llu, credentials %llu\n",
           (unsigned long long)sum.datagrams, (unsigned long long)rigs,
           (unsigned long long)accepted, (unsigned long long)sum.bad_frame,
           (unsigned long long)sum.bad_schema, (unsigned long long)sum.bad_session,
           (unsigned long long)sum.bad_credentials);
    if (sum.datagrams < given)
        return complain(seed, wanted, "datagrams were not looked at");
    if (sum.bad_frame == 0 || sum.bad_schema == 0 || sum.bad_session == 0 ||
        sum.bad_credentials == 0)
        return complain(seed, wanted, "a reason for refusals was never counted");
    return 0;
}
