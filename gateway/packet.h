/*
 * Packet: Ethernet, ARP, IPv4, UDP and ICMP echo as functions on bytes.
 *
 *   0          14                34          42
 *   | Ethernet | IPv4            | UDP       | payload ...        a datagram
 *   | Ethernet | ARP                               | padding      60 bytes
 *
 * What a port without a kernel under it has to know to be a host on a network:
 * which frames are for us, how to answer ARP requests and pings, how to wrap a
 * datagram. Nothing here knows of a device, a clock or a neighbour table, and
 * nothing is kept: bytes in, a verdict out.
 *
 * packet_parse takes any bytes at all. Rules:
 *  1. Nothing is read outside [frame, frame + len).
 *  2. A frame for somebody else, or of a protocol that we do not speak, is
 *     FOREIGN: other MAC or IP address, other UDP port, VLAN, IPv6, TCP.
 *  3. A frame for us that contradicts itself is INVALID: truncated, a version
 *     other than 4, a header or total length that does not fit, a bad
 *     checksum, a fragment, a UDP length other than the space it has, more
 *     payload than DATAGRAM_BYTES_MAX, a source that cannot be answered (zero,
 *     our own, multicast or loopback address; multicast MAC; port 0).
 *  4. IP options are skipped. Bytes behind the total length are Ethernet
 *     padding and are ignored. A UDP checksum of 0 says that the sender made
 *     none, and is taken.
 *
 * All integers of the structures are in host byte order.
 */
#ifndef OUTCRY_GATEWAY_PACKET_H
#define OUTCRY_GATEWAY_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/port.h"
#include "proto/base.h"
#include "proto/limits.h"

#define PACKET_MAC_BYTES     6u
#define PACKET_ETHER_BYTES   14u
#define PACKET_IPV4_BYTES    20u
#define PACKET_UDP_BYTES     8u
#define PACKET_ARP_BYTES     28u
#define PACKET_HEADERS_BYTES (PACKET_ETHER_BYTES + PACKET_IPV4_BYTES + PACKET_UDP_BYTES)

/* Without the checksum that the device adds. */
#define PACKET_FRAME_BYTES_MIN 60u
#define PACKET_FRAME_BYTES_MAX (PACKET_HEADERS_BYTES + DATAGRAM_BYTES_MAX)
_Static_assert(PACKET_FRAME_BYTES_MAX == PACKET_ETHER_BYTES + 1500u,
               "the largest datagram fills an Ethernet frame");

/* Who we are. */
struct packet_self {
    uint32_t ip;
    uint16_t udp_port_first; /* ours are udp_port_cnt ports from here */
    uint16_t udp_port_cnt;
    uint8_t mac[PACKET_MAC_BYTES];
};

enum packet_verdict {
    PACKET_FOREIGN,
    PACKET_INVALID,
    PACKET_UDP,         /* all of the datagram is set */
    PACKET_ARP_REQUEST, /* somebody asks for our MAC; datagram.peer has who */
    PACKET_ARP_REPLY,   /* datagram.peer has ip and mac, whoever asked for them */
    PACKET_PING,        /* ICMP echo request to us; datagram.peer has who */
};

/* packet_parse looks at one frame. `datagram` is written as the verdict says
 * and points into the frame. */
NODISCARD enum packet_verdict packet_parse(const uint8_t *frame,
                                           size_t len,
                                           const struct packet_self *self,
                                           struct datagram *datagram);

/* packet_udp_build writes the headers before, and the padding behind, the
 * payload_len bytes that are at frame + PACKET_HEADERS_BYTES; there is room for
 * PACKET_FRAME_BYTES_MAX. Returns the length of the frame. The peer's MAC is
 * set. */
size_t packet_udp_build(uint8_t *frame,
                        const struct packet_self *self,
                        uint16_t udp_port,
                        const struct peer *peer,
                        size_t payload_len);

/* packet_arp_request writes a broadcast question for the MAC of ip; returns
 * PACKET_FRAME_BYTES_MIN, the room it needs. */
size_t packet_arp_request(uint8_t *frame, const struct packet_self *self, uint32_t ip);

/* packet_arp_reply writes the answer to a PACKET_ARP_REQUEST of asker over it
 * or elsewhere; returns PACKET_FRAME_BYTES_MIN, the room it needs. */
size_t packet_arp_reply(uint8_t *frame, const struct packet_self *self, const struct peer *asker);

/* packet_ping_reply turns the PACKET_PING of len bytes into its answer in
 * place; returns its length, without padding that the request had. */
size_t packet_ping_reply(uint8_t *frame, size_t len, const struct packet_self *self);

/* packet_checksum is the Internet checksum of the bytes: what a header with a
 * zero checksum field needs there, and 0 over a header that is intact. */
PURE uint16_t packet_checksum(const uint8_t *bytes, size_t len);

#endif
