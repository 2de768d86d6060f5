#include "gateway/credentials.h"

#include <sodium.h>
#include <string.h>

#include "proto/fixp.h"

_Static_assert(CREDENTIALS_MAC_BYTES == crypto_auth_hmacsha256_BYTES, "libsodium's");

/* What is signed of the credentials themselves: form and name. */
#define SIGNED_BYTES (1u + CREDENTIALS_NAME_BYTES)

size_t
credentials_message(const uint8_t *message, size_t len)
{
    const struct fixp_header *hdr = (const struct fixp_header *)message;

    if (len < sizeof *hdr || len - sizeof *hdr < hdr->block_length)
        return 0;
    return sizeof *hdr + hdr->block_length;
}

/* mac_of: a key of at most 64 bytes costs the same whatever its length is. */
static void
mac_of(uint8_t mac[CREDENTIALS_MAC_BYTES],
       const struct credentials *credentials,
       const uint8_t *key,
       size_t key_len,
       const uint8_t *message,
       size_t len)
{
    crypto_auth_hmacsha256_state state;

    (void)crypto_auth_hmacsha256_init(&state, key, key_len);
    (void)crypto_auth_hmacsha256_update(&state, message, len);
    (void)crypto_auth_hmacsha256_update(&state, (const uint8_t *)credentials, SIGNED_BYTES);
    (void)crypto_auth_hmacsha256_final(&state, mac);
}

void
credentials_sign(struct credentials *credentials,
                 const char *name,
                 const char *key,
                 const uint8_t *message,
                 size_t len)
{
    memset(credentials, 0, sizeof *credentials);
    credentials->form = CREDENTIALS_FORM_HMAC;
    memcpy(credentials->name, name, strnlen(name, sizeof credentials->name));
    mac_of(credentials->mac, credentials, (const uint8_t *)key, strnlen(key, CREDENTIALS_KEY_BYTES),
           message, len);
}

bool
credentials_good(const struct credentials *credentials,
                 const uint8_t key[CREDENTIALS_KEY_BYTES],
                 const uint8_t *message,
                 size_t len)
{
    uint8_t mac[CREDENTIALS_MAC_BYTES];

    /* HMAC pads a key with zeros itself, so those behind it change nothing. */
    mac_of(mac, credentials, key, CREDENTIALS_KEY_BYTES, message, len);
    return credentials_equal(mac, credentials->mac, sizeof mac);
}

bool
credentials_equal(const void *a, const void *b, size_t bytes)
{
    return sodium_memcmp(a, b, bytes) == 0;
}
