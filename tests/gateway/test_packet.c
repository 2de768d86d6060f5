/*
 * Goal: every byte that we send is right, and no frame, however hostile, is
 * taken for what it is not.
 * Method: golden frames, made by another implementation of the checksums, byte
 * for byte; then one change each to a good frame, with its checksums made good
 * again where they are not what is tested. Each refusal names its verdict, of
 * which a port makes a counter: FOREIGN or INVALID.
 */
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "gateway/neighbours.h"
#include "gateway/packet.h"

#define OUR_IP    0x0a010203u
#define PEER_IP   0x0a0102c8u
#define OUR_PORT  7000u
#define PEER_PORT 9000u

/* Offsets in a frame without IP options. */
#define AT_IP   14u
#define AT_UDP  34u
#define AT_ARP  14u
#define AT_ICMP 34u

/* Bytes of the golden datagram and ping without their padding. */
#define UDP_FRAME_BYTES  (42u + 7u)
#define PING_FRAME_BYTES (42u + 13u)

static const struct packet_self self = {
    .ip = OUR_IP,
    .udp_port_first = OUR_PORT,
    .udp_port_cnt = 1,
    .mac = {0x02, 0xaa, 0x00, 0x00, 0x00, 0x01},
};

static const struct peer peer = {
    .ip = PEER_IP,
    .udp_port = PEER_PORT,
    .mac = {0x02, 0xbb, 0x00, 0x00, 0x00, 0x02},
};

static const uint8_t udp_to_us[60] = {
    0x02, 0xaa, 0x00, 0x00, 0x00, 0x01, 0x02, 0xbb, 0x00, 0x00, 0x00, 0x02, 0x08, 0x00, 0x45,
    0x00, 0x00, 0x23, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0x21, 0xfe, 0x0a, 0x01, 0x02, 0xc8,
    0x0a, 0x01, 0x02, 0x03, 0x23, 0x28, 0x1b, 0x58, 0x00, 0x0f, 0x31, 0x31, 0x6f, 0x75, 0x74,
    0x63, 0x72, 0x79, 0x21, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
};
static const uint8_t udp_from_us[60] = {
    0x02, 0xbb, 0x00, 0x00, 0x00, 0x02, 0x02, 0xaa, 0x00, 0x00, 0x00, 0x01, 0x08, 0x00, 0x45,
    0x00, 0x00, 0x23, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0x21, 0xfe, 0x0a, 0x01, 0x02, 0x03,
    0x0a, 0x01, 0x02, 0xc8, 0x1b, 0x58, 0x23, 0x28, 0x00, 0x0f, 0x31, 0x31, 0x6f, 0x75, 0x74,
    0x63, 0x72, 0x79, 0x21, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
};
static const uint8_t arp_request[60] = {
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0xbb, 0x00, 0x00, 0x00, 0x02, 0x08, 0x06, 0x00,
    0x01, 0x08, 0x00, 0x06, 0x04, 0x00, 0x01, 0x02, 0xbb, 0x00, 0x00, 0x00, 0x02, 0x0a, 0x01,
    0x02, 0xc8, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x0a, 0x01, 0x02, 0x03, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
};
static const uint8_t arp_reply[60] = {
    0x02, 0xbb, 0x00, 0x00, 0x00, 0x02, 0x02, 0xaa, 0x00, 0x00, 0x00, 0x01, 0x08, 0x06, 0x00,
    0x01, 0x08, 0x00, 0x06, 0x04, 0x00, 0x02, 0x02, 0xaa, 0x00, 0x00, 0x00, 0x01, 0x0a, 0x01,
    0x02, 0x03, 0x02, 0xbb, 0x00, 0x00, 0x00, 0x02, 0x0a, 0x01, 0x02, 0xc8, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
};
static const uint8_t arp_request_of_us[60] = {
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0xaa, 0x00, 0x00, 0x00, 0x01, 0x08, 0x06, 0x00,
    0x01, 0x08, 0x00, 0x06, 0x04, 0x00, 0x01, 0x02, 0xaa, 0x00, 0x00, 0x00, 0x01, 0x0a, 0x01,
    0x02, 0x03, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x0a, 0x01, 0x02, 0xc8, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
};
static const uint8_t ping[60] = {
    0x02, 0xaa, 0x00, 0x00, 0x00, 0x01, 0x02, 0xbb, 0x00, 0x00, 0x00, 0x02, 0x08, 0x00, 0x45,
    0x00, 0x00, 0x29, 0x00, 0x77, 0x00, 0x00, 0xff, 0x01, 0xa2, 0x90, 0x0a, 0x01, 0x02, 0xc8,
    0x0a, 0x01, 0x02, 0x03, 0x08, 0x00, 0x1c, 0x5e, 0x12, 0x34, 0x00, 0x01, 0x30, 0x31, 0x32,
    0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x61, 0x62, 0x63, 0x00, 0x00, 0x00, 0x00, 0x00,
};
static const uint8_t pong[55] = {
    0x02, 0xbb, 0x00, 0x00, 0x00, 0x02, 0x02, 0xaa, 0x00, 0x00, 0x00, 0x01, 0x08, 0x00,
    0x45, 0x00, 0x00, 0x29, 0x00, 0x00, 0x40, 0x00, 0x40, 0x01, 0x22, 0x08, 0x0a, 0x01,
    0x02, 0x03, 0x0a, 0x01, 0x02, 0xc8, 0x00, 0x00, 0x24, 0x5e, 0x12, 0x34, 0x00, 0x01,
    0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x61, 0x62, 0x63,
};

/* One change to a frame. */
struct change {
    const char *what;
    size_t at;
    unsigned bytes; /* 1, 2 or 4, of value in network order; 0: none */
    uint32_t value;
    size_t len; /* of the frame; 0: as it is */
    enum packet_verdict verdict;
};

static void
put(uint8_t *at, unsigned bytes, uint32_t value)
{
    for (unsigned i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
}

/* slow_checksum adds byte by byte: not the way of the code under test. */
static uint16_t
slow_checksum(const uint8_t *bytes, size_t len, uint32_t sum)
{
    for (size_t i = 0; i < len; i++)
        sum += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

/* mend_ip makes the header checksum good for the header length that it says. */
static void
mend_ip(uint8_t *frame)
{
    const size_t header_bytes = (frame[AT_IP] & 0xfu) * 4u;

    put(frame + AT_IP + 10, 2, 0);
    put(frame + AT_IP + 10, 2, slow_checksum(frame + AT_IP, header_bytes, 0));
}

/* mend_udp makes the UDP checksum good for udp_bytes from offset at. */
static void
mend_udp(uint8_t *frame, size_t at, size_t udp_bytes)
{
    const uint32_t pseudo = 17u + (uint32_t)udp_bytes + 0x0a01u + 0x0203u + 0x0a01u + 0x02c8u;

    put(frame + at + 6, 2, 0);
    put(frame + at + 6, 2, slow_checksum(frame + at, udp_bytes, pseudo));
}

/* check_changes tells the verdict of each changed copy of a golden frame. The
 * copy is at the end of its memory, so that a sanitizer sees reads past it. */
static void
check_changes(const uint8_t *golden,
              size_t golden_len,
              const struct change *changes,
              size_t cnt,
              void (*mend)(uint8_t *frame))
{
    for (size_t i = 0; i < cnt; i++) {
        const struct change *change = &changes[i];
        const size_t len = change->len != 0 ? change->len : golden_len;
        /* Room for the longest header, which a change may claim to have. */
        uint8_t full[PACKET_FRAME_BYTES_MIN + 60] = {0};
        struct datagram datagram;

        memcpy(full, golden, golden_len);
        put(full + change->at, change->bytes, change->value);
        if (mend != NULL)
            mend(full);
        uint8_t *frame = malloc(len);

        cr_assert_not_null(frame);
        memcpy(frame, full, len);
        cr_expect_eq(packet_parse(frame, len, &self, &datagram), change->verdict, "%s",
                     change->what);
        free(frame);
    }
}

Test(packet, golden_datagram_to_us_is_taken)
{
    struct datagram datagram;

    cr_assert_eq(packet_parse(udp_to_us, sizeof udp_to_us, &self, &datagram), PACKET_UDP);
    cr_assert_eq(datagram.len, 7);
    cr_assert_arr_eq(datagram.data, "outcry!", 7);
    cr_assert_eq(datagram.peer.ip, PEER_IP);
    cr_assert_eq(datagram.peer.udp_port, PEER_PORT);
    cr_assert_arr_eq(datagram.peer.mac, peer.mac, sizeof peer.mac);
    cr_assert_eq(datagram.udp_port, OUR_PORT);
}

Test(packet, datagram_is_built_byte_for_byte)
{
    uint8_t frame[PACKET_FRAME_BYTES_MAX];

    memset(frame, 0xee, sizeof frame);
    memcpy(frame + PACKET_HEADERS_BYTES, "outcry!", 7);
    cr_assert_eq(packet_udp_build(frame, &self, OUR_PORT, &peer, 7), sizeof udp_from_us);
    cr_assert_arr_eq(frame, udp_from_us, sizeof udp_from_us);
    cr_assert_eq(frame[sizeof udp_from_us], 0xee);
}

Test(packet, datagrams_of_every_length_come_out_as_they_went_in)
{
    static uint8_t frame[PACKET_FRAME_BYTES_MAX];
    static uint8_t payload[DATAGRAM_BYTES_MAX];
    const struct packet_self peer_self = {
        .ip = PEER_IP,
        .udp_port_first = PEER_PORT - 3,
        .udp_port_cnt = 4,
        .mac = {0x02, 0xbb, 0x00, 0x00, 0x00, 0x02},
    };
    struct datagram datagram;

    for (size_t i = 0; i < sizeof payload; i++)
        payload[i] = (uint8_t)(i * 37u + 11u);
    for (size_t len = 0; len <= DATAGRAM_BYTES_MAX; len++) {
        memcpy(frame + PACKET_HEADERS_BYTES, payload, len);
        const size_t frame_len = packet_udp_build(frame, &self, OUR_PORT, &peer, len);

        cr_assert_eq(packet_parse(frame, frame_len, &peer_self, &datagram), PACKET_UDP, "%zu", len);
        cr_assert_eq(datagram.len, len);
        cr_assert_arr_eq(datagram.data, payload, len);
        cr_assert_eq(datagram.peer.ip, OUR_IP);
        cr_assert_eq(datagram.udp_port, PEER_PORT);
        cr_assert_eq(slow_checksum(frame + AT_IP, PACKET_IPV4_BYTES, 0), 0);
        if (len == 0)
            continue;
        frame[PACKET_HEADERS_BYTES + len - 1] ^= 0x10;
        cr_assert_eq(packet_parse(frame, frame_len, &peer_self, &datagram), PACKET_INVALID,
                     "changed byte at %zu", len - 1);
    }
}

Test(packet, checksum_that_comes_out_as_zero_is_sent_as_its_complement)
{
    uint8_t frame[PACKET_FRAME_BYTES_MAX];

    put(frame + PACKET_HEADERS_BYTES, 2, 0xa88d);
    (void)packet_udp_build(frame, &self, OUR_PORT, &peer, 2);
    cr_assert_eq(frame[AT_UDP + 6], 0xff);
    cr_assert_eq(frame[AT_UDP + 7], 0xff);
}

Test(packet, checksum_is_right_for_every_length_and_alignment)
{
    uint8_t bytes[80];

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(255u - i * 5u);
    for (size_t at = 0; at < 8; at++) {
        for (size_t len = 0; len <= sizeof bytes - at; len++)
            cr_assert_eq(packet_checksum(bytes + at, len), slow_checksum(bytes + at, len, 0),
                         "at %zu length %zu", at, len);
    }
}

Test(packet, every_truncation_of_a_datagram_is_invalid)
{
    struct datagram datagram;

    for (size_t len = 0; len < UDP_FRAME_BYTES; len++) {
        uint8_t *frame = malloc(len + 1);

        cr_assert_not_null(frame);
        memcpy(frame + 1, udp_to_us, len);
        cr_expect_eq(packet_parse(frame + 1, len, &self, &datagram), PACKET_INVALID, "%zu", len);
        free(frame);
    }
    cr_assert_eq(packet_parse(udp_to_us, UDP_FRAME_BYTES, &self, &datagram), PACKET_UDP);
}

Test(packet, ethernet_for_others_is_foreign)
{
    static const struct change changes[] = {
        {"other MAC", 5, 1, 0x99, 0, PACKET_FOREIGN},
        {"broadcast IPv4", 0, 4, 0xffffffffu, 0, PACKET_FOREIGN},
        {"IPv6", 12, 2, 0x86dd, 0, PACKET_FOREIGN},
        {"VLAN", 12, 2, 0x8100, 0, PACKET_FOREIGN},
        {"length instead of type", 12, 2, 46, 0, PACKET_FOREIGN},
        {"header and no more", 0, 0, 0, 14, PACKET_INVALID},
        {"multicast source", 6, 1, 0x03, 0, PACKET_INVALID},
        {"as it was", 0, 0, 0, 0, PACKET_UDP},
    };

    check_changes(udp_to_us, sizeof udp_to_us, changes, ARRAY_LEN(changes), NULL);
}

Test(packet, source_mac_of_zero_is_invalid)
{
    uint8_t frame[sizeof udp_to_us];
    struct datagram datagram;

    memcpy(frame, udp_to_us, sizeof frame);
    memset(frame + 6, 0, 6);
    cr_assert_eq(packet_parse(frame, sizeof frame, &self, &datagram), PACKET_INVALID);
}

/* The header checksum is made good, so that it is not what refuses. */
Test(packet, ipv4_that_contradicts_itself_is_invalid)
{
    static const struct change changes[] = {
        {"version 6", AT_IP, 1, 0x65, 0, PACKET_INVALID},
        {"version 0", AT_IP, 1, 0x05, 0, PACKET_INVALID},
        {"header of 16 bytes", AT_IP, 1, 0x44, 0, PACKET_INVALID},
        {"header of 0 bytes", AT_IP, 1, 0x40, 0, PACKET_INVALID},
        {"header beyond the total", AT_IP, 1, 0x4f, 0, PACKET_INVALID},
        {"total less than the header", AT_IP + 2, 2, 19, 0, PACKET_INVALID},
        {"total of 0", AT_IP + 2, 2, 0, 0, PACKET_INVALID},
        {"total beyond the frame", AT_IP + 2, 2, 47, 0, PACKET_INVALID},
        {"total of 65535", AT_IP + 2, 2, 0xffff, 0, PACKET_INVALID},
        {"total that cuts the payload", AT_IP + 2, 2, 34, 0, PACKET_INVALID},
        {"total that takes in padding", AT_IP + 2, 2, 36, 0, PACKET_INVALID},
        {"total without room for UDP", AT_IP + 2, 2, 27, 0, PACKET_INVALID},
        {"total of a header alone", AT_IP + 2, 2, 20, 0, PACKET_INVALID},
        {"first fragment", AT_IP + 6, 2, 0x2000, 0, PACKET_INVALID},
        {"last fragment", AT_IP + 6, 2, 0x0001, 0, PACKET_INVALID},
        {"fragment of the middle", AT_IP + 6, 2, 0x3fff, 0, PACKET_INVALID},
        {"source 0.0.0.0", AT_IP + 12, 4, 0, 0, PACKET_INVALID},
        {"source 127.0.0.1", AT_IP + 12, 4, 0x7f000001u, 0, PACKET_INVALID},
        {"source 224.0.0.1", AT_IP + 12, 4, 0xe0000001u, 0, PACKET_INVALID},
        {"source 255.255.255.255", AT_IP + 12, 4, 0xffffffffu, 0, PACKET_INVALID},
        {"source is us", AT_IP + 12, 4, OUR_IP, 0, PACKET_INVALID},
        {"may not be fragmented, or may", AT_IP + 6, 2, 0, 0, PACKET_UDP},
        {"type of service", AT_IP + 1, 1, 0xb8, 0, PACKET_UDP},
        {"identification", AT_IP + 4, 2, 0xbeef, 0, PACKET_UDP},
        {"last hop", AT_IP + 8, 1, 1, 0, PACKET_UDP},
    };

    check_changes(udp_to_us, sizeof udp_to_us, changes, ARRAY_LEN(changes), mend_ip);
}

Test(packet, ipv4_for_others_is_foreign)
{
    static const struct change changes[] = {
        {"other address", AT_IP + 16, 4, PEER_IP, 0, PACKET_FOREIGN},
        {"broadcast address", AT_IP + 16, 4, 0xffffffffu, 0, PACKET_FOREIGN},
        {"TCP", AT_IP + 9, 1, 6, 0, PACKET_FOREIGN},
        {"protocol 255", AT_IP + 9, 1, 255, 0, PACKET_FOREIGN},
    };

    check_changes(udp_to_us, sizeof udp_to_us, changes, ARRAY_LEN(changes), mend_ip);
}

Test(packet, every_changed_bit_of_the_ipv4_header_is_noticed)
{
    for (size_t bit = 0; bit < 8 * PACKET_IPV4_BYTES; bit++) {
        uint8_t frame[sizeof udp_to_us];
        struct datagram datagram;

        memcpy(frame, udp_to_us, sizeof frame);
        frame[AT_IP + bit / 8] ^= (uint8_t)(1u << bit % 8);
        cr_expect_eq(packet_parse(frame, sizeof frame, &self, &datagram), PACKET_INVALID, "bit %zu",
                     bit);
    }
}

Test(packet, every_changed_bit_of_udp_is_noticed)
{
    for (size_t bit = 0; bit < 8 * (PACKET_UDP_BYTES + 7u); bit++) {
        uint8_t frame[sizeof udp_to_us];
        struct datagram datagram;

        memcpy(frame, udp_to_us, sizeof frame);
        frame[AT_UDP + bit / 8] ^= (uint8_t)(1u << bit % 8);
        cr_expect_eq(packet_parse(frame, sizeof frame, &self, &datagram), PACKET_INVALID, "bit %zu",
                     bit);
    }
}

static void
mend_udp_of_golden(uint8_t *frame)
{
    mend_udp(frame, AT_UDP, UDP_FRAME_BYTES - AT_UDP);
}

Test(packet, udp_length_that_lies_is_invalid)
{
    static const struct change changes[] = {
        {"0", AT_UDP + 4, 2, 0, 0, PACKET_INVALID},
        {"less than a header", AT_UDP + 4, 2, 7, 0, PACKET_INVALID},
        {"one less than there is", AT_UDP + 4, 2, 14, 0, PACKET_INVALID},
        {"one more than there is", AT_UDP + 4, 2, 16, 0, PACKET_INVALID},
        {"65535", AT_UDP + 4, 2, 65535, 0, PACKET_INVALID},
        {"what there is", AT_UDP + 4, 2, 15, 0, PACKET_UDP},
    };

    check_changes(udp_to_us, sizeof udp_to_us, changes, ARRAY_LEN(changes), mend_udp_of_golden);
}

Test(packet, udp_ports_are_ours_or_foreign)
{
    static const struct change changes[] = {
        {"port below", AT_UDP + 2, 2, OUR_PORT - 1, 0, PACKET_FOREIGN},
        {"port above", AT_UDP + 2, 2, OUR_PORT + 1, 0, PACKET_FOREIGN},
        {"port 0", AT_UDP + 2, 2, 0, 0, PACKET_FOREIGN},
        {"from port 0", AT_UDP, 2, 0, 0, PACKET_INVALID},
        {"from port 65535", AT_UDP, 2, 65535, 0, PACKET_UDP},
    };

    check_changes(udp_to_us, sizeof udp_to_us, changes, ARRAY_LEN(changes), mend_udp_of_golden);
}

Test(packet, ports_of_a_client_are_a_range)
{
    struct packet_self client = self;
    struct datagram datagram;

    client.udp_port_first = OUR_PORT - 9;
    client.udp_port_cnt = 10;
    cr_assert_eq(packet_parse(udp_to_us, sizeof udp_to_us, &client, &datagram), PACKET_UDP);
    client.udp_port_cnt = 9;
    cr_assert_eq(packet_parse(udp_to_us, sizeof udp_to_us, &client, &datagram), PACKET_FOREIGN);
    client.udp_port_first = OUR_PORT + 1;
    cr_assert_eq(packet_parse(udp_to_us, sizeof udp_to_us, &client, &datagram), PACKET_FOREIGN);
}

Test(packet, datagram_without_a_checksum_is_taken)
{
    uint8_t frame[sizeof udp_to_us];
    struct datagram datagram;

    memcpy(frame, udp_to_us, sizeof frame);
    put(frame + AT_UDP + 6, 2, 0);
    frame[AT_UDP + PACKET_UDP_BYTES] ^= 0xff;
    cr_assert_eq(packet_parse(frame, sizeof frame, &self, &datagram), PACKET_UDP);
}

Test(packet, padding_behind_the_total_is_ignored)
{
    uint8_t frame[sizeof udp_to_us];
    struct datagram datagram;

    memcpy(frame, udp_to_us, sizeof frame);
    memset(frame + UDP_FRAME_BYTES, 0xff, sizeof frame - UDP_FRAME_BYTES);
    cr_assert_eq(packet_parse(frame, sizeof frame, &self, &datagram), PACKET_UDP);
    cr_assert_eq(datagram.len, 7);
}

/* with_options puts four bytes of options into a frame; returns its length. */
static size_t
with_options(uint8_t *frame, const uint8_t *golden, size_t golden_len)
{
    const size_t head = AT_IP + PACKET_IPV4_BYTES;

    memcpy(frame, golden, head);
    memset(frame + head, 1, 4);
    memcpy(frame + head + 4, golden + head, golden_len - head);
    frame[AT_IP] = 0x46;
    put(frame + AT_IP + 2, 2, (uint32_t)(golden_len + 4 - AT_IP));
    mend_ip(frame);
    return golden_len + 4;
}

Test(packet, ip_options_are_skipped)
{
    uint8_t frame[PACKET_FRAME_BYTES_MIN + 4];
    struct datagram datagram;
    const size_t len = with_options(frame, udp_to_us, UDP_FRAME_BYTES);

    cr_assert_eq(packet_parse(frame, len, &self, &datagram), PACKET_UDP);
    cr_assert_arr_eq(datagram.data, "outcry!", 7);
    frame[AT_IP + PACKET_IPV4_BYTES] ^= 0xff;
    cr_assert_eq(packet_parse(frame, len, &self, &datagram), PACKET_INVALID);
}

Test(packet, payload_larger_than_ours_is_invalid)
{
    static uint8_t frame[PACKET_FRAME_BYTES_MAX + 2];
    const size_t udp_bytes = PACKET_UDP_BYTES + DATAGRAM_BYTES_MAX;
    struct datagram datagram;

    for (unsigned more = 0; more < 2; more++) {
        memcpy(frame, udp_to_us, AT_UDP + PACKET_UDP_BYTES);
        put(frame + AT_IP + 2, 2, (uint32_t)(PACKET_IPV4_BYTES + udp_bytes + more));
        put(frame + AT_UDP + 4, 2, (uint32_t)(udp_bytes + more));
        mend_ip(frame);
        mend_udp(frame, AT_UDP, udp_bytes + more);
        cr_assert_eq(packet_parse(frame, sizeof frame, &self, &datagram),
                     more == 0 ? PACKET_UDP : PACKET_INVALID);
    }
}

Test(packet, arp_request_is_answered_byte_for_byte)
{
    uint8_t frame[sizeof arp_request];
    struct datagram datagram;

    memcpy(frame, arp_request, sizeof frame);
    cr_assert_eq(packet_parse(frame, sizeof frame, &self, &datagram), PACKET_ARP_REQUEST);
    cr_assert_eq(datagram.peer.ip, PEER_IP);
    cr_assert_arr_eq(datagram.peer.mac, peer.mac, sizeof peer.mac);
    cr_assert_eq(packet_arp_reply(frame, &self, &datagram.peer), sizeof arp_reply);
    cr_assert_arr_eq(frame, arp_reply, sizeof arp_reply);
}

Test(packet, arp_request_of_ours_is_built_byte_for_byte)
{
    uint8_t frame[PACKET_FRAME_BYTES_MIN];

    memset(frame, 0xee, sizeof frame);
    cr_assert_eq(packet_arp_request(frame, &self, PEER_IP), sizeof arp_request_of_us);
    cr_assert_arr_eq(frame, arp_request_of_us, sizeof arp_request_of_us);
}

Test(packet, arp_reply_tells_who_is_where)
{
    const struct packet_self asker = {
        .ip = PEER_IP,
        .mac = {0x02, 0xbb, 0x00, 0x00, 0x00, 0x02},
    };
    struct datagram datagram;

    cr_assert_eq(packet_parse(arp_reply, sizeof arp_reply, &asker, &datagram), PACKET_ARP_REPLY);
    cr_assert_eq(datagram.peer.ip, OUR_IP);
    cr_assert_arr_eq(datagram.peer.mac, self.mac, sizeof self.mac);
}

Test(packet, arp_that_is_hostile_or_foreign_is_refused)
{
    static const struct change changes[] = {
        {"for another address", AT_ARP + 24, 4, PEER_IP + 1, 0, PACKET_FOREIGN},
        {"other hardware", AT_ARP, 2, 6, 0, PACKET_FOREIGN},
        {"other protocol", AT_ARP + 2, 2, 0x86dd, 0, PACKET_FOREIGN},
        {"operation 0", AT_ARP + 6, 2, 0, 0, PACKET_FOREIGN},
        {"operation 3", AT_ARP + 6, 2, 3, 0, PACKET_FOREIGN},
        {"hardware size", AT_ARP + 4, 1, 8, 0, PACKET_INVALID},
        {"protocol size", AT_ARP + 5, 1, 16, 0, PACKET_INVALID},
        {"MAC of another", AT_ARP + 8, 1, 0x04, 0, PACKET_INVALID},
        {"our address as its own", AT_ARP + 14, 4, OUR_IP, 0, PACKET_INVALID},
        {"sender is broadcast", AT_ARP + 14, 4, 0xffffffffu, 0, PACKET_INVALID},
        {"sender is loopback", AT_ARP + 14, 4, 0x7f000001u, 0, PACKET_INVALID},
        {"truncated", 0, 0, 0, AT_ARP + PACKET_ARP_BYTES - 1, PACKET_INVALID},
        {"without padding", 0, 0, 0, AT_ARP + PACKET_ARP_BYTES, PACKET_ARP_REQUEST},
        {"a probe, whose sender is 0", AT_ARP + 14, 4, 0, 0, PACKET_ARP_REQUEST},
    };

    check_changes(arp_request, sizeof arp_request, changes, ARRAY_LEN(changes), NULL);
}

Test(packet, ping_is_answered_byte_for_byte)
{
    uint8_t frame[sizeof ping];
    struct datagram datagram;

    memcpy(frame, ping, sizeof frame);
    cr_assert_eq(packet_parse(frame, sizeof frame, &self, &datagram), PACKET_PING);
    cr_assert_eq(datagram.peer.ip, PEER_IP);
    cr_assert_eq(packet_ping_reply(frame, sizeof frame, &self), sizeof pong);
    cr_assert_arr_eq(frame, pong, sizeof pong);
}

static void
mend_icmp(uint8_t *frame)
{
    const size_t icmp_bytes = PING_FRAME_BYTES - AT_ICMP;

    put(frame + AT_ICMP + 2, 2, 0);
    put(frame + AT_ICMP + 2, 2, slow_checksum(frame + AT_ICMP, icmp_bytes, 0));
}

Test(packet, icmp_other_than_a_ping_is_foreign)
{
    static const struct change changes[] = {
        {"an answer", AT_ICMP, 1, 0, 0, PACKET_FOREIGN},
        {"unreachable", AT_ICMP, 1, 3, 0, PACKET_FOREIGN},
        {"a redirect", AT_ICMP, 1, 5, 0, PACKET_FOREIGN},
        {"code 1", AT_ICMP + 1, 1, 1, 0, PACKET_FOREIGN},
        {"as it was", 0, 0, 0, 0, PACKET_PING},
    };

    check_changes(ping, sizeof ping, changes, ARRAY_LEN(changes), mend_icmp);
}

Test(packet, ping_that_contradicts_itself_is_invalid)
{
    static const struct change changes[] = {
        {"bad checksum", AT_ICMP + 8, 1, 0xff, 0, PACKET_INVALID},
        {"no room for a header", AT_IP + 2, 2, PACKET_IPV4_BYTES + 7, 0, PACKET_INVALID},
        {"from us", AT_IP + 12, 4, OUR_IP, 0, PACKET_INVALID},
        {"to all", AT_IP + 16, 4, 0xffffffffu, 0, PACKET_FOREIGN},
    };

    check_changes(ping, sizeof ping, changes, ARRAY_LEN(changes), mend_ip);
}

Test(packet, ping_with_ip_options_is_not_answered)
{
    uint8_t frame[PACKET_FRAME_BYTES_MIN + 4];
    struct datagram datagram;
    const size_t len = with_options(frame, ping, PING_FRAME_BYTES);

    cr_assert_eq(packet_parse(frame, len, &self, &datagram), PACKET_FOREIGN);
}

Test(neighbours, last_address_seen_is_found)
{
    static struct neighbours table;
    static const uint8_t other[6] = {2, 0, 0, 0, 0, 9};

    cr_assert_null(neighbours_find(&table, PEER_IP));
    neighbours_learn(&table, PEER_IP, peer.mac);
    cr_assert_arr_eq(neighbours_find(&table, PEER_IP), peer.mac, 6);
    neighbours_learn(&table, PEER_IP, other);
    cr_assert_arr_eq(neighbours_find(&table, PEER_IP), other, 6);
    cr_assert_null(neighbours_find(&table, PEER_IP + 1));
    cr_assert_null(neighbours_find(&table, 0));
}

Test(neighbours, forgotten_address_is_not_found_and_others_are)
{
    static struct neighbours table;

    neighbours_learn(&table, PEER_IP, peer.mac);
    neighbours_learn(&table, PEER_IP + 1, self.mac);
    neighbours_forget(&table, PEER_IP);
    neighbours_forget(&table, PEER_IP + 2);
    cr_assert_null(neighbours_find(&table, PEER_IP));
    cr_assert_arr_eq(neighbours_find(&table, PEER_IP + 1), self.mac, 6);
}

Test(neighbours, subnet_fits_and_a_flood_only_evicts)
{
    static struct neighbours table;
    unsigned found = 0;

    for (uint32_t ip = 0x0a000001u; ip < 0x0a0000ffu; ip++)
        neighbours_learn(&table, ip, peer.mac);
    for (uint32_t ip = 0x0a000001u; ip < 0x0a0000ffu; ip++)
        found += neighbours_find(&table, ip) != NULL;
    cr_assert_eq(found, 254);
    for (uint32_t ip = 0x0b000000u; ip < 0x0b100000u; ip++)
        neighbours_learn(&table, ip, self.mac);
    neighbours_learn(&table, 0x0a000001u, peer.mac);
    cr_assert_arr_eq(neighbours_find(&table, 0x0a000001u), peer.mac, 6);
}
