/*
 * Goal: credentials are byte for byte what docs/protocol.md shows, and good for the
 * key, name and message that were signed alone. Method: the vectors of that page,
 * made with another implementation of HMAC-SHA256; then every bit turned.
 */
#include <string.h>

#include <criterion/criterion.h>

#include "gateway/credentials.h"
#include "proto/fixp.h"

static const uint8_t uuid[16] = {0x79, 0x61, 0xe1, 0x9c, 0x3f, 0x3a, 0x45, 0x5d,
                                 0x91, 0x58, 0xa5, 0xd9, 0x73, 0x19, 0xe8, 0xe9};
static const char name[] = "BROKER1";
static const char key_text[] = "alpha-secret";

static size_t
negotiate(uint8_t buf[64])
{
    struct fixp_negotiate msg = {.timestamp = 1700000000000000000ull, .client_flow = 1};

    memcpy(msg.session_id, uuid, sizeof uuid);
    return fixp_negotiate_encode(buf, 64, &msg, NULL, 0);
}

static size_t
establish(uint8_t buf[64])
{
    struct fixp_establish msg = {
        .timestamp = 1700000000000000001ull, .keepalive_interval = 1000, .next_seq_no = UINT64_MAX};

    memcpy(msg.session_id, uuid, sizeof uuid);
    return fixp_establish_encode(buf, 64, &msg, NULL, 0);
}

static void
assert_mac(const uint8_t *buf, size_t len, const uint8_t expected[32])
{
    const size_t message_len = credentials_message(buf, len);
    struct credentials credentials;

    cr_assert_eq(message_len, len - 2, "all but the empty credentials");
    credentials_sign(&credentials, name, key_text, buf, message_len);
    cr_assert_eq(credentials.form, CREDENTIALS_FORM_HMAC);
    cr_assert_arr_eq(credentials.name, "BROKER1\0\0\0\0\0\0\0\0\0", 16);
    cr_assert_arr_eq(credentials.mac, expected, 32);
}

Test(credentials, of_negotiate_are_those_of_the_documents)
{
    static const uint8_t mac[32] = {0xc0, 0x86, 0x5d, 0x11, 0x3f, 0x4e, 0xa9, 0x6d,
                                    0x08, 0x79, 0xfa, 0x05, 0x7a, 0xef, 0x3b, 0x41,
                                    0x33, 0x58, 0x98, 0x48, 0xe0, 0x19, 0x43, 0x86,
                                    0xbf, 0xc9, 0x1d, 0x7c, 0x8a, 0x91, 0xb9, 0x68};
    uint8_t buf[64];

    assert_mac(buf, negotiate(buf), mac);
}

Test(credentials, of_establish_are_those_of_the_documents)
{
    static const uint8_t mac[32] = {0x99, 0x43, 0x70, 0x95, 0x48, 0x5e, 0xe1, 0x8f,
                                    0xe0, 0x5e, 0x0c, 0xb8, 0x18, 0x0b, 0x71, 0xd0,
                                    0x49, 0xfa, 0x47, 0xe4, 0xb7, 0xb9, 0x98, 0x41,
                                    0x8b, 0xac, 0x37, 0x16, 0xae, 0xe5, 0xf8, 0x68};
    uint8_t buf[64];

    assert_mac(buf, establish(buf), mac);
}

Test(credentials, are_good_for_what_was_signed_and_nothing_else)
{
    uint8_t key[CREDENTIALS_KEY_BYTES] = {0};
    uint8_t buf[64];
    const size_t len = credentials_message(buf, negotiate(buf));
    struct credentials credentials;
    uint8_t *bytes = (uint8_t *)&credentials;

    memcpy(key, key_text, strlen(key_text));
    credentials_sign(&credentials, name, key_text, buf, len);
    cr_assert(credentials_good(&credentials, key, buf, len));
    for (size_t bit = 0; bit < 8 * len; bit++) {
        buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
        cr_assert_not(credentials_good(&credentials, key, buf, len), "message, bit %zu", bit);
        buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t bit = 0; bit < 8 * sizeof credentials; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        cr_assert_not(credentials_good(&credentials, key, buf, len), "credentials, bit %zu", bit);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t bit = 0; bit < 8 * sizeof key; bit++) {
        key[bit / 8] ^= (uint8_t)(1u << bit % 8);
        cr_assert_not(credentials_good(&credentials, key, buf, len), "key, bit %zu", bit);
        key[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    cr_assert(credentials_good(&credentials, key, buf, len));
    cr_assert_not(credentials_good(&credentials, key, buf, len - 1));
}

Test(credentials, message_ends_with_its_block)
{
    uint8_t buf[64] = {0};
    const size_t len = negotiate(buf);

    cr_assert_eq(credentials_message(buf, len), 33);
    cr_assert_eq(credentials_message(buf, 33), 33);
    cr_assert_eq(credentials_message(buf, 32), 0);
    cr_assert_eq(credentials_message(buf, 7), 0);
    buf[0] = 30; /* a block of a later version */
    cr_assert_eq(credentials_message(buf, 64), 38);
}
