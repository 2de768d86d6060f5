/*
 * Goal: packet_parse takes any bytes, reads none outside the frame, and what it
 * takes can be answered.
 * Method: the first byte of the input chooses which checksums are made good
 * before parsing, since no fuzzer finds them by chance; the rest is the frame.
 * The answer to it is then parsed by the other end.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/packet.h"

#define MEND_IP   1u
#define MEND_UDP  2u
#define MEND_ICMP 4u
#define MEND_MAC  8u

#define AT_IP 14u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct packet_self self = {
    .ip = 0x0a010203u,
    .udp_port_first = 7000,
    .udp_port_cnt = 4,
    .mac = {0x02, 0xaa, 0x00, 0x00, 0x00, 0x01},
};

static void
put_u16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* mend_udp sums a pseudo header in front of a copy of the datagram. */
static void
mend_udp(const uint8_t *ip, uint8_t *udp, size_t udp_bytes)
{
    static uint8_t text[12 + UINT16_MAX];

    put_u16(udp + 6, 0);
    memcpy(text, ip + 12, 8);
    put_u16(text + 8, 17);
    put_u16(text + 10, (uint16_t)udp_bytes);
    memcpy(text + 12, udp, udp_bytes);
    put_u16(udp + 6, packet_checksum(text, 12 + udp_bytes));
}

/* mend makes good what the input asks for, as far as the lengths in it permit. */
static void
mend(unsigned what, uint8_t *frame, size_t len)
{
    uint8_t *ip = frame + AT_IP;

    if (len >= 6 && (what & MEND_MAC) != 0)
        memcpy(frame, self.mac, sizeof self.mac);
    if (len < AT_IP + PACKET_IPV4_BYTES)
        return;
    const size_t header_bytes = (ip[0] & 0xfu) * 4u;
    const size_t total_bytes = (size_t)ip[2] << 8 | ip[3];

    if (header_bytes < PACKET_IPV4_BYTES || total_bytes > len - AT_IP ||
        total_bytes < header_bytes + PACKET_UDP_BYTES)
        return;
    if ((what & MEND_UDP) != 0)
        mend_udp(ip, ip + header_bytes, total_bytes - header_bytes);
    if ((what & MEND_ICMP) != 0) {
        put_u16(ip + header_bytes + 2, 0);
        put_u16(ip + header_bytes + 2,
                packet_checksum(ip + header_bytes, total_bytes - header_bytes));
    }
    if ((what & MEND_IP) != 0) {
        put_u16(ip + 10, 0);
        put_u16(ip + 10, packet_checksum(ip, header_bytes));
    }
}

/* other_end is who the peer is to itself. */
static struct packet_self
other_end(const struct peer *peer)
{
    struct packet_self other = {
        .ip = peer->ip,
        .udp_port_first = peer->udp_port,
        .udp_port_cnt = 1,
    };

    memcpy(other.mac, peer->mac, sizeof other.mac);
    return other;
}

/* check_echo sends the payload back and lets the other end parse it. */
static void
check_echo(const struct datagram *datagram)
{
    static uint8_t frame[PACKET_FRAME_BYTES_MAX];
    const struct packet_self other = other_end(&datagram->peer);
    struct datagram back;
    size_t len;

    memcpy(frame + PACKET_HEADERS_BYTES, datagram->data, datagram->len);
    len = packet_udp_build(frame, &self, datagram->udp_port, &datagram->peer, datagram->len);
    ASSERT(len <= sizeof frame);
    ASSERT(packet_parse(frame, len, &other, &back) == PACKET_UDP);
    ASSERT(back.len == datagram->len);
    ASSERT(memcmp(back.data, datagram->data, back.len) == 0);
    ASSERT(back.udp_port == datagram->peer.udp_port);
    ASSERT(back.peer.udp_port == datagram->udp_port);
}

static void
check_datagram(const uint8_t *frame, size_t len, const struct datagram *datagram)
{
    ASSERT(datagram->data >= frame + PACKET_HEADERS_BYTES);
    ASSERT(datagram->data + datagram->len <= frame + len);
    ASSERT(datagram->len <= DATAGRAM_BYTES_MAX);
    ASSERT(datagram->udp_port >= self.udp_port_first);
    ASSERT(datagram->udp_port < self.udp_port_first + self.udp_port_cnt);
    check_echo(datagram);
}

/* check_arp_reply lets the asker parse our answer. */
static void
check_arp_reply(const struct peer *asker)
{
    static uint8_t frame[PACKET_FRAME_BYTES_MIN];
    const struct packet_self other = other_end(asker);
    struct datagram back;

    ASSERT(packet_arp_reply(frame, &self, asker) == sizeof frame);
    ASSERT(packet_parse(frame, sizeof frame, &other, &back) == PACKET_ARP_REPLY);
    ASSERT(back.peer.ip == self.ip);
    ASSERT(memcmp(back.peer.mac, self.mac, sizeof self.mac) == 0);
}

static void
check_ping_reply(uint8_t *frame, size_t len, const struct peer *asker)
{
    const struct packet_self other = other_end(asker);
    const size_t reply_len = packet_ping_reply(frame, len, &self);
    struct datagram back;

    ASSERT(reply_len <= len);
    /* An answer is no question: foreign, but not invalid. */
    ASSERT(packet_parse(frame, reply_len, &other, &back) == PACKET_FOREIGN);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct datagram datagram;

    if (size == 0 || size > UINT16_MAX)
        return 0;
    /* A copy of its own size, so that a read past the end is noticed. */
    const size_t len = size - 1;
    uint8_t *frame = malloc(len + 1);

    ASSERT(frame != NULL);
    memcpy(frame + 1, data + 1, len);
    mend(data[0], frame + 1, len);
    switch (packet_parse(frame + 1, len, &self, &datagram)) {
    case PACKET_UDP:
        check_datagram(frame + 1, len, &datagram);
        break;
    case PACKET_ARP_REQUEST:
        check_arp_reply(&datagram.peer);
        break;
    case PACKET_PING:
        check_ping_reply(frame + 1, len, &datagram.peer);
        break;
    case PACKET_ARP_REPLY:
    case PACKET_FOREIGN:
    case PACKET_INVALID:
    default:
        break;
    }
    free(frame);
    return 0;
}
