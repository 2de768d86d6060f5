#include "gateway/packet.h"

#include <string.h>

#define ETHERTYPE_OF_IPV4 0x0800u
#define ETHERTYPE_OF_ARP  0x0806u

#define IPV4_VERSION    4u
#define IPV4_FIRST_WORD (IPV4_VERSION << 12 | PACKET_IPV4_BYTES / 4u << 8)
#define IPV4_DF         0x4000u
#define IPV4_MF         0x2000u
#define IPV4_OFFSET     0x1fffu
#define IPV4_TTL        64u
#define PROTOCOL_ICMP   1u
#define PROTOCOL_UDP    17u
#define ICMP_BYTES      8u
#define ICMP_ECHO_REPLY 0u
#define ICMP_ECHO       8u

#define ARP_HARDWARE_ETHER 1u
#define ARP_OP_REQUEST     1u
#define ARP_OP_REPLY       2u

/* Offsets in a frame. */
#define AT_ETHER_DST  0u
#define AT_ETHER_SRC  6u
#define AT_ETHERTYPE  12u
#define AT_IPV4       PACKET_ETHER_BYTES
#define AT_ARP        PACKET_ETHER_BYTES
#define AT_PLAIN_UDP  (AT_IPV4 + PACKET_IPV4_BYTES)
#define AT_PLAIN_ICMP (AT_IPV4 + PACKET_IPV4_BYTES)

static const uint8_t mac_broadcast[PACKET_MAC_BYTES] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static inline uint16_t
get_u16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t
get_u32(const uint8_t *at)
{
    return (uint32_t)get_u16(at) << 16 | get_u16(at + 2);
}

static inline void
put_u16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static inline void
put_u32(uint8_t *at, uint32_t value)
{
    put_u16(at, value >> 16);
    put_u16(at + 2, value);
}

/* sum_of_bytes adds the words of the bytes in the machine's byte order, which
 * one's complement sums permit: only the result has to be swapped. Four bytes
 * at a time into 64 bits cannot overflow for any frame. */
static inline uint64_t
sum_of_bytes(const uint8_t *bytes, size_t len)
{
    uint64_t sum = 0;
    size_t at = 0;

    for (; at + 4 <= len; at += 4) {
        uint32_t word;

        memcpy(&word, bytes + at, sizeof word);
        sum += word;
    }
    if (at < len) {
        uint32_t word = 0;

        memcpy(&word, bytes + at, len - at);
        sum += word;
    }
    return sum;
}

/* fold_sum brings a sum in machine order to the checksum in host order. */
static inline uint16_t
fold_sum(uint64_t sum)
{
    sum = (sum & UINT32_MAX) + (sum >> 32);
    sum = (sum & UINT32_MAX) + (sum >> 32);
    sum = (sum & UINT16_MAX) + (sum >> 16);
    sum = (sum & UINT16_MAX) + (sum >> 16);
    return (uint16_t)~__builtin_bswap16((uint16_t)sum);
}
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "sums are swapped into host order");

uint16_t
packet_checksum(const uint8_t *bytes, size_t len)
{
    return fold_sum(sum_of_bytes(bytes, len));
}

/* udp_checksum covers the addresses of the IPv4 header at ip as well. The
 * length field of the UDP header at udp is udp_bytes. */
static inline uint16_t
udp_checksum(const uint8_t *ip, const uint8_t *udp, size_t udp_bytes)
{
    const uint32_t pseudo =
        __builtin_bswap16(PROTOCOL_UDP) + (uint32_t)__builtin_bswap16((uint16_t)udp_bytes);

    return fold_sum(pseudo + sum_of_bytes(ip + 12, 8) + sum_of_bytes(udp, udp_bytes));
}

/* ip_is_host says whether an answer can be sent there: not this-network, not
 * loopback, not multicast, reserved or broadcast. */
static inline bool
ip_is_host(uint32_t ip)
{
    const uint32_t high = ip >> 24;

    return high != 0 && high != 127 && high < 224;
}

static inline bool
mac_is_host(const uint8_t *mac)
{
    static const uint8_t zero[PACKET_MAC_BYTES];

    return (mac[0] & 1) == 0 && memcmp(mac, zero, PACKET_MAC_BYTES) != 0;
}

static enum packet_verdict
parse_udp(const uint8_t *ip,
          const uint8_t *udp,
          size_t udp_bytes,
          const struct packet_self *self,
          struct datagram *datagram)
{
    if (UNLIKELY(udp_bytes < PACKET_UDP_BYTES || get_u16(udp + 4) != udp_bytes))
        return PACKET_INVALID;
    if (UNLIKELY(get_u16(udp + 6) != 0 && udp_checksum(ip, udp, udp_bytes) != 0))
        return PACKET_INVALID;
    datagram->peer.udp_port = get_u16(udp);
    datagram->udp_port = get_u16(udp + 2);
    if (UNLIKELY((uint16_t)(datagram->udp_port - self->udp_port_first) >= self->udp_port_cnt))
        return PACKET_FOREIGN;
    datagram->data = udp + PACKET_UDP_BYTES;
    datagram->len = (uint32_t)(udp_bytes - PACKET_UDP_BYTES);
    if (UNLIKELY(datagram->peer.udp_port == 0 || datagram->len > DATAGRAM_BYTES_MAX))
        return PACKET_INVALID;
    return PACKET_UDP;
}

/* parse_icmp knows echo requests alone, and those without IP options alone:
 * some options would have to be reversed in the answer. */
static enum packet_verdict
parse_icmp(const uint8_t *icmp, size_t icmp_bytes, bool with_options)
{
    if (icmp_bytes < ICMP_BYTES || packet_checksum(icmp, icmp_bytes) != 0)
        return PACKET_INVALID;
    if (icmp[0] != ICMP_ECHO || icmp[1] != 0 || with_options)
        return PACKET_FOREIGN;
    return PACKET_PING;
}

static enum packet_verdict
parse_ipv4(const uint8_t *ip, size_t len, const struct packet_self *self, struct datagram *datagram)
{
    if (UNLIKELY(len < PACKET_IPV4_BYTES || ip[0] >> 4 != IPV4_VERSION))
        return PACKET_INVALID;
    const size_t header_bytes = (ip[0] & 0xfu) * 4u;
    const size_t total_bytes = get_u16(ip + 2);

    if (UNLIKELY(header_bytes < PACKET_IPV4_BYTES || total_bytes < header_bytes ||
                 total_bytes > len))
        return PACKET_INVALID;
    if (UNLIKELY(packet_checksum(ip, header_bytes) != 0))
        return PACKET_INVALID;
    if (UNLIKELY(get_u32(ip + 16) != self->ip))
        return PACKET_FOREIGN;
    if (UNLIKELY((get_u16(ip + 6) & (IPV4_MF | IPV4_OFFSET)) != 0))
        return PACKET_INVALID;
    datagram->peer.ip = get_u32(ip + 12);
    if (UNLIKELY(!ip_is_host(datagram->peer.ip) || datagram->peer.ip == self->ip))
        return PACKET_INVALID;
    if (LIKELY(ip[9] == PROTOCOL_UDP))
        return parse_udp(ip, ip + header_bytes, total_bytes - header_bytes, self, datagram);
    if (ip[9] == PROTOCOL_ICMP)
        return parse_icmp(ip + header_bytes, total_bytes - header_bytes,
                          header_bytes != PACKET_IPV4_BYTES);
    return PACKET_FOREIGN;
}

/* parse_arp takes Ethernet and IPv4 alone. The MAC inside has to be the one
 * that the frame came from: we have no use for proxies. */
static enum packet_verdict
parse_arp(const uint8_t *frame,
          size_t len,
          const struct packet_self *self,
          struct datagram *datagram)
{
    const uint8_t *arp = frame + AT_ARP;

    if (len < AT_ARP + PACKET_ARP_BYTES)
        return PACKET_INVALID;
    if (get_u16(arp) != ARP_HARDWARE_ETHER || get_u16(arp + 2) != ETHERTYPE_OF_IPV4)
        return PACKET_FOREIGN;
    if (arp[4] != PACKET_MAC_BYTES || arp[5] != sizeof self->ip)
        return PACKET_INVALID;
    if (memcmp(arp + 8, frame + AT_ETHER_SRC, PACKET_MAC_BYTES) != 0)
        return PACKET_INVALID;

    const uint16_t operation = get_u16(arp + 6);
    const uint32_t sender_ip = get_u32(arp + 14);
    const bool probe = sender_ip == 0 && operation == ARP_OP_REQUEST;

    if (get_u32(arp + 24) != self->ip)
        return PACKET_FOREIGN;
    if ((!ip_is_host(sender_ip) && !probe) || sender_ip == self->ip)
        return PACKET_INVALID;
    datagram->peer.ip = sender_ip;
    switch (operation) {
    case ARP_OP_REQUEST:
        return PACKET_ARP_REQUEST;
    case ARP_OP_REPLY:
        return PACKET_ARP_REPLY;
    default:
        return PACKET_FOREIGN;
    }
}

HOT enum packet_verdict
packet_parse(const uint8_t *frame,
             size_t len,
             const struct packet_self *self,
             struct datagram *datagram)
{
    if (UNLIKELY(len < PACKET_ETHER_BYTES))
        return PACKET_INVALID;
    const bool to_us = memcmp(frame + AT_ETHER_DST, self->mac, PACKET_MAC_BYTES) == 0;
    const uint16_t ethertype = get_u16(frame + AT_ETHERTYPE);

    if (UNLIKELY(!to_us && (ethertype != ETHERTYPE_OF_ARP ||
                            memcmp(frame, mac_broadcast, PACKET_MAC_BYTES) != 0)))
        return PACKET_FOREIGN;
    if (UNLIKELY(ethertype != ETHERTYPE_OF_IPV4 && ethertype != ETHERTYPE_OF_ARP))
        return PACKET_FOREIGN;
    if (UNLIKELY(!mac_is_host(frame + AT_ETHER_SRC)))
        return PACKET_INVALID;
    memset(datagram, 0, sizeof *datagram);
    memcpy(datagram->peer.mac, frame + AT_ETHER_SRC, PACKET_MAC_BYTES);
    if (LIKELY(ethertype == ETHERTYPE_OF_IPV4))
        return parse_ipv4(frame + AT_IPV4, len - AT_IPV4, self, datagram);
    return parse_arp(frame, len, self, datagram);
}

static inline void
build_ether(uint8_t *frame, const uint8_t *dst, const uint8_t *src, uint16_t ethertype)
{
    memcpy(frame + AT_ETHER_DST, dst, PACKET_MAC_BYTES);
    memcpy(frame + AT_ETHER_SRC, src, PACKET_MAC_BYTES);
    put_u16(frame + AT_ETHERTYPE, ethertype);
}

static inline uint32_t
words_of(uint32_t value)
{
    return (value >> 16) + (value & UINT16_MAX);
}

/* checksum_of_words is the checksum of what adds up to sum, in host order. */
static inline uint16_t
checksum_of_words(uint32_t sum)
{
    sum = words_of(sum);
    return (uint16_t)~words_of(sum);
}

/* build_ipv4 writes a header without options. Never fragmented, so the
 * identification has no meaning and is 0. */
static inline void
build_ipv4(uint8_t *ip, uint8_t protocol, uint32_t src, uint32_t dst, size_t total_bytes)
{
    /* What is written cannot be read back at once in other pieces, so it is not summed up
     * in its place. */
    const uint32_t sum = IPV4_FIRST_WORD + (uint32_t)total_bytes + IPV4_DF + (IPV4_TTL << 8) +
                         protocol + words_of(src) + words_of(dst);

    put_u16(ip, IPV4_FIRST_WORD);
    put_u16(ip + 2, (uint32_t)total_bytes);
    put_u16(ip + 4, 0);
    put_u16(ip + 6, IPV4_DF);
    ip[8] = IPV4_TTL;
    ip[9] = protocol;
    put_u32(ip + 12, src);
    put_u32(ip + 16, dst);
    put_u16(ip + 10, checksum_of_words(sum));
}

/* pad_frame fills a short frame up with zeros and returns its length. */
static inline size_t
pad_frame(uint8_t *frame, size_t len)
{
    if (len >= PACKET_FRAME_BYTES_MIN)
        return len;
    memset(frame + len, 0, PACKET_FRAME_BYTES_MIN - len);
    return PACKET_FRAME_BYTES_MIN;
}

/* built_checksum is that of a datagram of ours, of whose headers nothing is read. */
static inline uint16_t
built_checksum(uint32_t src,
               uint16_t udp_port,
               const struct peer *peer,
               const uint8_t *payload,
               size_t payload_len)
{
    const uint32_t udp_bytes = (uint32_t)(PACKET_UDP_BYTES + payload_len);
    const uint32_t sum = PROTOCOL_UDP + 2 * udp_bytes + words_of(src) + words_of(peer->ip) +
                         udp_port + peer->udp_port;

    return fold_sum(sum_of_bytes(payload, payload_len) +
                    __builtin_bswap16((uint16_t)words_of(words_of(sum))));
}

HOT size_t
packet_udp_build(uint8_t *frame,
                 const struct packet_self *self,
                 uint16_t udp_port,
                 const struct peer *peer,
                 size_t payload_len)
{
    uint8_t *udp = frame + AT_PLAIN_UDP;
    const size_t udp_bytes = PACKET_UDP_BYTES + payload_len;
    uint16_t checksum;

    ASSERT(payload_len <= DATAGRAM_BYTES_MAX);
    build_ether(frame, peer->mac, self->mac, ETHERTYPE_OF_IPV4);
    build_ipv4(frame + AT_IPV4, PROTOCOL_UDP, self->ip, peer->ip, PACKET_IPV4_BYTES + udp_bytes);
    put_u16(udp, udp_port);
    put_u16(udp + 2, peer->udp_port);
    put_u16(udp + 4, (uint32_t)udp_bytes);
    checksum = built_checksum(self->ip, udp_port, peer, udp + PACKET_UDP_BYTES, payload_len);
    /* 0 would say that there is none; its complement means the same sum. */
    put_u16(udp + 6, checksum != 0 ? checksum : UINT16_MAX);
    return pad_frame(frame, PACKET_HEADERS_BYTES + payload_len);
}

/* build_arp writes all of an ARP frame. */
static size_t
build_arp(uint8_t *frame,
          const struct packet_self *self,
          uint16_t operation,
          const uint8_t *target_mac,
          uint32_t target_ip)
{
    uint8_t *arp = frame + AT_ARP;

    put_u16(arp, ARP_HARDWARE_ETHER);
    put_u16(arp + 2, ETHERTYPE_OF_IPV4);
    arp[4] = PACKET_MAC_BYTES;
    arp[5] = sizeof self->ip;
    put_u16(arp + 6, operation);
    memcpy(arp + 8, self->mac, PACKET_MAC_BYTES);
    put_u32(arp + 14, self->ip);
    memcpy(arp + 18, target_mac, PACKET_MAC_BYTES);
    put_u32(arp + 24, target_ip);
    return pad_frame(frame, AT_ARP + PACKET_ARP_BYTES);
}

size_t
packet_arp_request(uint8_t *frame, const struct packet_self *self, uint32_t ip)
{
    static const uint8_t unknown[PACKET_MAC_BYTES];

    build_ether(frame, mac_broadcast, self->mac, ETHERTYPE_OF_ARP);
    return build_arp(frame, self, ARP_OP_REQUEST, unknown, ip);
}

size_t
packet_arp_reply(uint8_t *frame, const struct packet_self *self, const struct peer *asker)
{
    build_ether(frame, asker->mac, self->mac, ETHERTYPE_OF_ARP);
    return build_arp(frame, self, ARP_OP_REPLY, asker->mac, asker->ip);
}

size_t
packet_ping_reply(uint8_t *frame, size_t len, const struct packet_self *self)
{
    uint8_t *icmp = frame + AT_PLAIN_ICMP;
    const uint32_t asker_ip = get_u32(frame + AT_IPV4 + 12);
    const size_t total_bytes = get_u16(frame + AT_IPV4 + 2);
    uint8_t asker_mac[PACKET_MAC_BYTES];

    ASSERT(AT_IPV4 + total_bytes <= len);
    ASSERT(total_bytes >= PACKET_IPV4_BYTES + ICMP_BYTES);
    memcpy(asker_mac, frame + AT_ETHER_SRC, PACKET_MAC_BYTES);
    build_ether(frame, asker_mac, self->mac, ETHERTYPE_OF_IPV4);
    build_ipv4(frame + AT_IPV4, PROTOCOL_ICMP, self->ip, asker_ip, total_bytes);
    icmp[0] = ICMP_ECHO_REPLY;
    put_u16(icmp + 2, 0);
    put_u16(icmp + 2, packet_checksum(icmp, total_bytes - PACKET_IPV4_BYTES));
    return AT_IPV4 + total_bytes;
}
