#include "tests/sim/net_wire.h"

#include <inttypes.h>
#include <string.h>

#include "gateway/packet.h"
#include "proto/fixp.h"
#include "proto/orders.h"

#define FLIPS_MAX   4u
#define PADDING_MAX 40u

const char *const wire_fate_names[WIRE_FATES] = {
    "sent",    "lost", "doubled", "late",    "cut",     "padded",
    "flipped", "hit",  "no way",  "no room", "refused",
};

static uint64_t
below(struct wire *wire, uint64_t bound)
{
    return wire_random(&wire->random) % bound;
}

static bool
chance(struct wire *wire, uint32_t permille)
{
    return permille != 0 && below(wire, 1000) < permille;
}

/* trace_number prints what a session message counts. */
static void
trace_number(FILE *file, const uint8_t *buf, size_t len)
{
    const struct fixp_sequence *sequence = fixp_sequence_view(buf, len);
    const struct fixp_retransmission *again = fixp_retransmission_view(buf, len);
    const struct fixp_retransmit_request *ask = fixp_retransmit_request_view(buf, len);
    const struct fixp_not_applied *missing = fixp_not_applied_view(buf, len);
    const struct fixp_establishment_ack *ack = fixp_establishment_ack_view(buf, len);

    if (sequence != NULL)
        fprintf(file, " %" PRIu64, sequence->next_seq_no);
    else if (again != NULL)
        fprintf(file, " %" PRIu64 "+%u", again->next_seq_no, again->count);
    else if (ask != NULL)
        fprintf(file, " %" PRIu64 "+%u", ask->from_seq_no, ask->count);
    else if (missing != NULL)
        fprintf(file, " %" PRIu64 "+%u", missing->from_seq_no, missing->count);
    else if (ack != NULL)
        fprintf(file, " %" PRIu64, ack->next_seq_no);
}

/* trace_messages prints what a datagram holds. */
static void
trace_messages(FILE *file, const uint8_t *data, size_t len)
{
    for (size_t off = 0, bytes; off < len; off += bytes) {
        const struct oe_header *hdr = (const struct oe_header *)(data + off);

        bytes = oe_message_length(data + off, len - off);
        if (bytes != 0) {
            fprintf(file, " %s", oe_message_name(hdr->template_id));
            continue;
        }
        bytes = fixp_message_length(data + off, len - off);
        if (bytes == 0) {
            fprintf(file, " (%zu bytes)", len - off);
            return;
        }
        fprintf(file, " %s", fixp_message_name(hdr->template_id));
        trace_number(file, data + off, bytes);
    }
}

/* happens counts a fate, and tells it. */
static void
happens(struct wire *wire,
        const struct wire_port *from,
        enum wire_fate fate,
        const struct wire_packet *packet)
{
    wire->fates[fate]++;
    if (wire->trace == NULL)
        return;
    fprintf(wire->trace, "%12.6f %s %s", (double)(wire->now_ns - wire->trace_ns) / 1e6, from->name,
            wire_fate_names[fate]);
    if (packet != NULL) {
        fprintf(wire->trace, " until %.6f:", (double)(packet->due_ns - wire->trace_ns) / 1e6);
        trace_messages(wire->trace, packet->data, packet->len);
    }
    fputc('\n', wire->trace);
}

static uint32_t
packet_take(struct wire *wire)
{
    const uint32_t idx = wire->free;

    if (idx == WIRE_NONE)
        return WIRE_NONE;
    wire->free = wire->packets[idx].next;
    return idx;
}

static void
packet_give(struct wire *wire, uint32_t idx)
{
    wire->packets[idx].next = wire->free;
    wire->free = idx;
}

static void
list_give(struct wire *wire, uint32_t *list)
{
    while (*list != WIRE_NONE) {
        const uint32_t idx = *list;

        *list = wire->packets[idx].next;
        packet_give(wire, idx);
    }
}

static struct wire_port *
port_of(struct wire *wire, const struct peer *peer)
{
    for (unsigned i = 0; i < wire->ports_cnt; i++) {
        if (peer_equal(&wire->ports[i].self, peer))
            return &wire->ports[i];
    }
    return NULL;
}

/* queue_put lets a packet arrive at its time; of two that arrive at one time the first
 * that was sent is first. */
static void
queue_put(struct wire *wire, struct wire_port *to, uint32_t idx)
{
    uint32_t *at = &to->queue;

    while (*at != WIRE_NONE && wire->packets[*at].due_ns <= wire->packets[idx].due_ns)
        at = &wire->packets[*at].next;
    wire->packets[idx].next = *at;
    *at = idx;
    to->queue_cnt++;
}

/* cut shortens a packet, pad makes it longer by zeros. */
static void
cut(struct wire *wire, struct wire_packet *packet)
{
    packet->len = (uint32_t)below(wire, packet->len);
}

static void
pad(struct wire *wire, struct wire_packet *packet)
{
    uint32_t bytes = 1 + (uint32_t)below(wire, PADDING_MAX);

    if (bytes > DATAGRAM_BYTES_MAX - packet->len)
        bytes = DATAGRAM_BYTES_MAX - packet->len;
    memset(packet->data + packet->len, 0, bytes);
    packet->len += bytes;
}

static bool
bit(const struct wire_packet *packet, uint64_t at)
{
    return (packet->data[at / 8] >> at % 8 & 1) != 0;
}

static void
flip_bit(struct wire_packet *packet, uint64_t at)
{
    packet->data[at / 8] ^= (uint8_t)(1u << at % 8);
}

/* flip_two flips two bits of one column, one up and one down, if it finds such. */
static void
flip_two(struct wire *wire, struct wire_packet *packet)
{
    const uint64_t first = below(wire, 8ull * packet->len);
    const uint64_t words = packet->len / 2;

    for (unsigned i = 0; i < 16 && words > 1; i++) {
        const uint64_t second = first % 16 + 16 * below(wire, words);

        if (bit(packet, second) == bit(packet, first))
            continue;
        flip_bit(packet, first);
        flip_bit(packet, second);
        return;
    }
}

/* flip changes some bits; false if the checksum tells. */
static bool
flip(struct wire *wire, struct wire_packet *packet)
{
    const uint16_t sum = packet_checksum(packet->data, packet->len);

    if (wire->collide && below(wire, 2) == 0) {
        flip_two(wire, packet);
    } else {
        const unsigned cnt = 1 + (unsigned)below(wire, FLIPS_MAX);

        for (unsigned i = 0; i < cnt; i++)
            flip_bit(packet, below(wire, 8ull * packet->len));
    }
    return packet_checksum(packet->data, packet->len) == sum;
}

/* spoil changes a packet on its way; false if it is lost by that. */
static bool
spoil(struct wire *wire,
      const struct wire_way *way,
      struct wire_port *from,
      struct wire_port *to,
      struct wire_packet *packet)
{
    if (chance(wire, way->flipped)) {
        if (!flip(wire, packet)) {
            happens(wire, from, WIRE_FLIPPED, packet);
            return false;
        }
        (from->server ? to : from)->hit = true;
        happens(wire, from, WIRE_HIT, packet);
    }
    if (chance(wire, way->cut)) {
        cut(wire, packet);
        happens(wire, from, WIRE_CUT, packet);
    } else if (chance(wire, way->padded)) {
        pad(wire, packet);
        happens(wire, from, WIRE_PADDED, packet);
    }
    return true;
}

/* travel sends one copy on its way. */
static void
travel(struct wire *wire,
       const struct wire_way *way,
       struct wire_port *from,
       struct wire_port *to,
       uint32_t idx)
{
    struct wire_packet *packet = &wire->packets[idx];

    packet->due_ns = wire->now_ns + way->delay_ns;
    if (way->jitter_ns != 0)
        packet->due_ns += below(wire, way->jitter_ns);
    if (!spoil(wire, way, from, to, packet)) {
        packet_give(wire, idx);
        return;
    }
    if (chance(wire, way->late)) {
        packet->due_ns += below(wire, wire->late_ns);
        happens(wire, from, WIRE_LATE, packet);
    }
    if (to->queue_cnt >= WIRE_QUEUE_MAX) {
        happens(wire, from, WIRE_NO_ROOM, packet);
        packet_give(wire, idx);
        return;
    }
    queue_put(wire, to, idx);
}

/* copy makes another packet of the same bytes, WIRE_NONE if there is none left. */
static uint32_t
copy(struct wire *wire, uint32_t idx)
{
    const uint32_t twin = packet_take(wire);

    if (twin == WIRE_NONE)
        return WIRE_NONE;
    wire->packets[twin].from = wire->packets[idx].from;
    wire->packets[twin].len = wire->packets[idx].len;
    memcpy(wire->packets[twin].data, wire->packets[idx].data, wire->packets[idx].len);
    return twin;
}

/* send_packet decides what becomes of a packet. */
static void
send_packet(struct wire *wire, struct wire_port *from, uint32_t idx)
{
    const struct wire_way *way = from->server ? &wire->from_server : &wire->to_server;
    struct wire_packet *packet = &wire->packets[idx];
    struct wire_port *to = port_of(wire, &from->to);
    uint32_t twin = WIRE_NONE;

    packet->due_ns = wire->now_ns;
    happens(wire, from, WIRE_SENT, packet);
    if (to == NULL || !to->open || from->mute_until_ns > wire->now_ns ||
        to->deaf_until_ns > wire->now_ns) {
        happens(wire, from, WIRE_NO_WAY, NULL);
        packet_give(wire, idx);
        return;
    }
    if (chance(wire, way->doubled))
        twin = copy(wire, idx);
    if (twin != WIRE_NONE) {
        happens(wire, from, WIRE_DOUBLED, NULL);
        travel(wire, way, from, to, twin);
    }
    if (chance(wire, way->lost)) {
        happens(wire, from, WIRE_LOST, NULL);
        packet_give(wire, idx);
        return;
    }
    travel(wire, way, from, to, idx);
}

static struct wire_port *
port_self(struct port *port)
{
    return (struct wire_port *)(void *)port;
}

static int
rx(struct port *port, struct datagram *datagrams, int max)
{
    struct wire_port *self = port_self(port);
    struct wire *wire = self->wire;
    int cnt = 0;

    list_give(wire, &self->received);
    while (cnt < max && cnt < (int)PORT_BURST_MAX && self->queue != WIRE_NONE) {
        const uint32_t idx = self->queue;
        struct wire_packet *packet = &wire->packets[idx];

        if (packet->due_ns > wire->now_ns)
            break;
        self->queue = packet->next;
        self->queue_cnt--;
        packet->next = self->received;
        self->received = idx;
        datagrams[cnt++] = (struct datagram){
            .data = packet->data,
            .len = packet->len,
            .peer = packet->from,
            .udp_port = self->self.udp_port,
        };
        port->stats.rx_datagrams++;
    }
    return cnt;
}

static uint8_t *
tx_claim(struct port *port, const struct peer *peer)
{
    struct wire_port *self = port_self(port);
    struct wire *wire = self->wire;

    ASSERT(self->claimed == WIRE_NONE);
    if (self->full_until_ns > wire->now_ns || (self->claimed = packet_take(wire)) == WIRE_NONE) {
        port->stats.tx_dropped++;
        happens(wire, self, WIRE_REFUSED, NULL);
        return NULL;
    }
    self->to = *peer;
    return wire->packets[self->claimed].data;
}

static void
tx_push(struct port *port, size_t len)
{
    struct wire_port *self = port_self(port);
    const uint32_t idx = self->claimed;

    ASSERT(idx != WIRE_NONE);
    ASSERT(len <= DATAGRAM_BYTES_MAX);
    self->claimed = WIRE_NONE;
    if (len == 0) {
        packet_give(self->wire, idx);
        return;
    }
    self->wire->packets[idx].len = (uint32_t)len;
    self->wire->packets[idx].from = self->self;
    port->stats.tx_datagrams++;
    send_packet(self->wire, self, idx);
}

static void
nothing(struct port *port)
{
    (void)port;
}

static void
source(struct port *port, uint16_t udp_port)
{
    ASSERT(port_self(port)->self.udp_port == udp_port);
}

static bool
ready(struct port *port)
{
    return port_self(port)->open;
}

void
wire_init(struct wire *wire, uint64_t seed, uint64_t now_ns)
{
    /* The packets are large, and need no more than a list. */
    memset(wire, 0, offsetof(struct wire, packets));
    wire->random = seed;
    wire->now_ns = now_ns;
    wire->trace_ns = now_ns;
    wire->free = WIRE_NONE;
    for (uint32_t i = WIRE_PACKETS_MAX; i > 0; i--)
        packet_give(wire, i - 1);
}

struct wire_port *
wire_port(struct wire *wire, const struct peer *self, const char *name, bool server)
{
    static const struct port_ops ops = {
        .rx = rx,
        .tx_claim = tx_claim,
        .tx_push = tx_push,
        .tx_flush = nothing,
        .source = source,
        .ready = ready,
        .close = nothing,
    };

    ASSERT(wire->ports_cnt < WIRE_PORTS_MAX);

    struct wire_port *port = &wire->ports[wire->ports_cnt++];

    *port = (struct wire_port){
        .port = {.ops = &ops},
        .wire = wire,
        .self = *self,
        .name = name,
        .server = server,
        .open = true,
        .claimed = WIRE_NONE,
        .queue = WIRE_NONE,
        .received = WIRE_NONE,
    };
    return port;
}

void
wire_open(struct wire_port *port)
{
    struct wire *wire = port->wire;

    /* What came while nobody listened; what comes later will be heard. */
    while (port->queue != WIRE_NONE && wire->packets[port->queue].due_ns <= wire->now_ns) {
        const uint32_t idx = port->queue;

        port->queue = wire->packets[idx].next;
        port->queue_cnt--;
        packet_give(wire, idx);
    }
    port->open = true;
}

void
wire_close(struct wire_port *port)
{
    list_give(port->wire, &port->received);
    port->open = false;
}

void
wire_calm(struct wire *wire)
{
    wire->to_server = (struct wire_way){.delay_ns = wire->to_server.delay_ns};
    wire->from_server = (struct wire_way){.delay_ns = wire->from_server.delay_ns};
    for (unsigned i = 0; i < wire->ports_cnt; i++) {
        wire->ports[i].deaf_until_ns = 0;
        wire->ports[i].mute_until_ns = 0;
        wire->ports[i].full_until_ns = 0;
    }
}

uint64_t
wire_next_ns(const struct wire *wire)
{
    uint64_t next_ns = UINT64_MAX;

    for (unsigned i = 0; i < wire->ports_cnt; i++) {
        uint32_t idx = wire->ports[i].queue;

        /* What has arrived waits for its reader. */
        while (idx != WIRE_NONE && wire->packets[idx].due_ns <= wire->now_ns)
            idx = wire->packets[idx].next;
        if (wire->ports[i].open && idx != WIRE_NONE && wire->packets[idx].due_ns < next_ns)
            next_ns = wire->packets[idx].due_ns;
    }
    return next_ns;
}

bool
wire_quiet(const struct wire *wire)
{
    for (unsigned i = 0; i < wire->ports_cnt; i++) {
        if (wire->ports[i].open && wire->ports[i].queue != WIRE_NONE)
            return false;
    }
    return true;
}
